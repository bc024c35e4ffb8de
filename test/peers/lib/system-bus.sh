#!/bin/bash
# SPDX-License-Identifier: MIT
# TAP version of the checks in Debian's debian/tests/system-bus (dbus 1.14.10),
# against "$DBUS_TEST_DAEMON --system" on the standard socket. Runs in a mount
# namespace of its own, so nothing outside it sees the bus or the test files.
# usage: unshare -m --propagation private system-bus.sh
set -u
if ! { mkdir -p /run/dbus && mount -t tmpfs tmpfs /run/dbus && mount -t tmpfs tmpfs /usr/local/share; }; then
  echo "1..0 # SKIP cannot mount"
  exit 0
fi
chmod 755 /run/dbus /usr/local/share
etc=$(mktemp -d /usr/local/share/etc.XXXXXX)
chmod 755 "$etc"
cp -a /etc/dbus-1/. "$etc"/
mkdir -p "$etc/system.d"
mount --bind "$etc" /etc/dbus-1
user=${SUITE_USER:-nobody}
n=0
check() { # check yes|no NAME COMMAND...
  local want=$1 name=$2 got=no
  shift 2
  n=$((n + 1))
  "$@" >&2 && got=yes
  if [ $got = "$want" ]; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}
send() { timeout 10 dbus-send --system --type=method_call --print-reply "$@"; }
driver() { send --dest=org.freedesktop.DBus /org/freedesktop/DBus "$@"; }
as_user() {
  timeout 10 setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
    dbus-send --system --type=method_call --print-reply \
    --dest=org.freedesktop.DBus /org/freedesktop/DBus "$@"
}
echo "1..12"
"$DBUS_TEST_DAEMON" --system --nofork --nopidfile --print-address=1 >/run/dbus/address &
daemon=$!
for _ in $(seq 50); do
  [ -S /run/dbus/system_bus_socket ] && [ -s /run/dbus/address ] && break
  sleep 0.1
done
up() { kill -0 $daemon && driver org.freedesktop.DBus.GetId; }
denied() { # fails, but only because the bus said no
  local e
  e=$("$@" 2>&1) && return 0
  echo "$e"
  case $e in *AccessDenied*) return 1 ;; esac
  return 0 # any other failure is not the denial asked for
}
check yes "socket exists" test -S /run/dbus/system_bus_socket
check yes "address printed" grep -q system_bus_socket /run/dbus/address
check yes "answers root" up
check yes "daemon runs as messagebus" test "$(id -u messagebus)" = "$(awk '/^Uid:/ {print $3}' /proc/$daemon/status)"
check yes "user may Introspect" as_user org.freedesktop.DBus.Introspectable.Introspect
check yes "user may ListNames" as_user org.freedesktop.DBus.ListNames
check yes "user may ListActivatableNames" as_user org.freedesktop.DBus.ListActivatableNames
check no "user may not own com.example.Nope" denied as_user org.freedesktop.DBus.RequestName string:com.example.Nope uint32:0
check no "root may not own com.example.Nope" denied driver org.freedesktop.DBus.RequestName string:com.example.Nope uint32:0
check yes "root may GetStats" driver org.freedesktop.DBus.Debug.Stats.GetStats
check no "user may not GetStats" denied as_user org.freedesktop.DBus.Debug.Stats.GetStats

install -d /usr/local/share/dbus-1/system-services
cat >/usr/local/share/dbus-1/system-services/org.debian.packages.dbus.TradActivation.service <<E
[D-BUS Service]
Name=org.debian.packages.dbus.TradActivation
Exec=/usr/bin/dbus-test-tool echo --system --name=org.debian.packages.dbus.TradActivation
User=daemon
E
cat >/etc/dbus-1/system.d/org.debian.packages.dbus.Test.conf <<E
<busconfig>
  <policy user="daemon">
    <allow own="org.debian.packages.dbus.TradActivation"/>
  </policy>
  <policy context="default">
    <allow send_destination="org.debian.packages.dbus.TradActivation"/>
  </policy>
</busconfig>
E
activate() {
  driver org.freedesktop.DBus.ReloadConfig &&
    send --dest=org.debian.packages.dbus.TradActivation / org.freedesktop.DBus.Peer.Ping
}
check yes "ReloadConfig, then activation as another user" activate
kill $daemon
wait $daemon
