# SPDX-License-Identifier: MIT
# What all parts share; to be sourced. They run in namespaces of their own.

n=0
passed() { n=$((n + 1)); echo "ok $n - $1"; }
failed() { n=$((n + 1)); echo "not ok $n - $1"; }

# check NAME PATTERN COMMAND...: the command succeeds and says something that matches
check() {
  local name=$1 pattern=$2 text
  shift 2
  if text=$("$@" 2>&1) && grep -qE -- "$pattern" <<<"$text"; then
    passed "$name"
  else
    failed "$name"
    sed 's/^/#   /' <<<"$text"
  fi
}

# check_fails NAME PATTERN COMMAND...: the same for a command that has to fail
check_fails() {
  local name=$1 pattern=$2 text
  shift 2
  if ! text=$("$@" 2>&1) && grep -qE -- "$pattern" <<<"$text"; then
    passed "$name"
  else
    failed "$name"
    sed 's/^/#   /' <<<"$text"
  fi
}

wait_for() { # wait_for COMMAND...: at most ten seconds
  local i
  for i in $(seq 100); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  return 1
}

enter() { # an empty /run, and DAEMON in the place of dbus-daemon
  mount -t tmpfs -o mode=755 tmpfs /run &&
    install -d -o messagebus -g messagebus /run/dbus &&
    mount --bind "$DAEMON" /usr/bin/dbus-daemon || return 1
  ip link set lo up 2>/dev/null || true
}

as_user() { setpriv --reuid "$SUITE_USER" --regid "$(id -g "$SUITE_USER")" --clear-groups "$@"; }
