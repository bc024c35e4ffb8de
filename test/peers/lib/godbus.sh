#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of godbus that need a bus, one process each; run it on a session bus.
set -u
source=/usr/share/gocode/src/github.com/godbus/dbus
export GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE=$HOME/gocache
cd "$source" && go test -c -o "$HOME/godbus" . >&2 && go test -c -o "$HOME/prop" ./prop >&2 ||
  { echo "Bail out! cannot be built"; exit 1; }
none=unix:path=$HOME/no-bus
n=0
for program in godbus prop; do
  for name in $("$HOME/$program" -test.list '^Test'); do
    run=("$HOME/$program" -test.v -test.timeout 20s -test.run "^$name\$")
    # most of them pass without any bus, or with one over TCP of their own, which they find there
    DBUS_SESSION_BUS_ADDRESS=$none DBUS_SYSTEM_BUS_ADDRESS=$none PATH=/usr/bin:/bin DISPLAY= \
      "${run[@]}" >/dev/null 2>&1 && continue
    n=$((n + 1))
    if DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS "${run[@]}" >&2; then
      echo "ok $n - $program $name"
    else
      echo "not ok $n - $program $name"
    fi
  done
done
echo "1..$n"
