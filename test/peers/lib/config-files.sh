#!/bin/bash
# SPDX-License-Identifier: MIT
# Feed dbus's own sample configurations to "$DBUS_TEST_DAEMON": a valid one
# must give a running bus, an invalid one must be refused. The files are
# dbus-tests' data; upstream loads them in-process, which cannot be done to
# another daemon. usage: config-files.sh DATA-FOLDER
set -u
data=$1
n=0
start() { # start FILE: 0 an address was printed, 1 it ended without one, 2 neither
  local pid
  : >addr
  "$DBUS_TEST_DAEMON" --config-file="$1" --address=unix:tmpdir=/tmp --nofork --nopidfile --print-address=1 >addr </dev/null &
  pid=$!
  for _ in $(seq 60); do
    if [ -s addr ]; then kill $pid; wait $pid 2>/dev/null; return 0; fi
    if ! kill -0 $pid 2>/dev/null; then wait $pid; [ $? = 0 ] && return 2; return 1; fi
    sleep 0.05
  done
  kill -9 $pid
  wait $pid 2>/dev/null
  return 2
}
say() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }
valid=("$data"/valid-config-files/*.conf "$data"/valid-config-files-system/*.conf)
invalid=("$data"/invalid-config-files/*.conf)
echo "1..$((${#valid[@]} + ${#invalid[@]}))"
up=1
for f in "${valid[@]}"; do
  start "$f"
  r=$?
  [ $r = 0 ] && up=0
  say $r "accepts ${f#"$data"/}"
done
for f in "${invalid[@]}"; do
  start "$f"
  # refusing proves something only if the daemon can start at all
  [ $? = 1 ] && [ $up = 0 ]
  say $? "refuses ${f#"$data"/}"
done
