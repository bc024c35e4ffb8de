# SPDX-License-Identifier: MIT
# TAP for checks that are one command each; to be sourced, inside a session.

n=0
verdict() { # verdict RESULT NAME TEXT
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; return; fi
  echo "not ok $n - $2"
  sed 's/^/#   /' <<<"$3"
}

# check NAME PATTERN COMMAND...: succeeds and says something that matches
check() {
  local name=$1 pattern=$2 text result
  shift 2
  text=$(timeout 20 "$@" 2>&1) && grep -qE -- "$pattern" <<<"$text"
  result=$?
  verdict $result "$name" "$text"
}

# watch NAME PATTERN COMMAND...: what a watching command has written until "$stimulus" has run
# a few times must match
watch() {
  local name=$1 pattern=$2 log pid i result=1
  shift 2
  log=$(mktemp)
  "$@" >"$log" 2>&1 &
  pid=$!
  for i in $(seq 40); do
    eval "$stimulus" >/dev/null 2>&1
    if grep -aqE -- "$pattern" "$log"; then result=0; break; fi
    sleep 0.25
  done
  kill $pid
  wait $pid 2>/dev/null
  verdict $result "$name" "$(tr -d '\0' <"$log" | head -20)"
  rm -f "$log"
}

wait_for_name() { # wait_for_name NAME: at most ten seconds
  local i
  for i in $(seq 100); do
    busctl --user status "$1" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  return 1
}
