#!/bin/bash
# SPDX-License-Identifier: MIT
# Unmodified Firejail with "dbus-user filter", as an ordinary user. It always runs
# /usr/bin/xdg-dbus-proxy, which is moved aside as dpkg-divert does it.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/containers.sh"
if [ "$(id -u)" = 0 ]; then
  enter || { echo "1..0 # SKIP cannot mount"; exit 0; }
  install -d -m 700 -o "$SUITE_USER" "/run/user" "/run/user/$(id -u "$SUITE_USER")" /run/home
  chmod 755 /run/user
  mkdir /run/upper /run/work
  mount -t overlay -o lowerdir=/usr/bin,upperdir=/run/upper,workdir=/run/work overlay /usr/bin &&
    mount --bind "$DAEMON" /usr/bin/dbus-daemon &&
    mv /usr/bin/xdg-dbus-proxy /usr/bin/xdg-dbus-proxy.distrib &&
    install "$PROXY" /usr/bin/xdg-dbus-proxy || { echo "1..0 # SKIP no overlayfs"; exit 0; }
  HOME=/run/home XDG_RUNTIME_DIR=/run/user/$(id -u "$SUITE_USER") as_user bash "$0"
  exit
fi

bus=unix:path=$XDG_RUNTIME_DIR/bus
export DBUS_SESSION_BUS_ADDRESS=$bus XDG_CURRENT_DESKTOP=GNOME
cd "$HOME" || exit 1
store=org.freedesktop.impl.portal.PermissionStore
cat >app.profile <<END
dbus-user filter
dbus-user.talk ca.desrt.dconf
dbus-user.own org.example.App
dbus-user.call $store=$driver.Properties.Get@/org/freedesktop/impl/portal/PermissionStore
dbus-system none
END
in_app() { firejail --quiet --profile=app.profile gdbus call --session --timeout 30 "$@"; }

/usr/bin/dbus-daemon --session --nofork --nopidfile --address="$bus" >&2 &
daemon=$!
wait_for test -S "$XDG_RUNTIME_DIR/bus" || { echo "Bail out! no bus"; exit 1; }
contained=
! has_containers >/dev/null 2>&1 || contained=yes

check "the app may talk, and so start" "^\(\)" in_app --dest ca.desrt.dconf --object-path / \
  --method $driver.Peer.Ping
check "it may make one call" "uint32" in_app --dest $store \
  --object-path /org/freedesktop/impl/portal/PermissionStore \
  --method $driver.Properties.Get $store version
check_fails "and not another" "AccessDenied" in_app --dest $store \
  --object-path /org/freedesktop/impl/portal/PermissionStore --method $driver.Properties.GetAll \
  $store
check "there is something to hide" "uint32" ask $driver.StartServiceByName \
  org.freedesktop.portal.Documents 0
check_fails "it may not talk to others" "ServiceUnknown" in_app \
  --dest org.freedesktop.portal.Documents --object-path / --method $driver.Peer.Ping
mine="$driver|:1\.[0-9]+|ca.desrt.dconf|$store"
check "it sees nothing else" "^\(\[('($mine)'(, )?)*\],\)$" in_app --dest $driver \
  --object-path / --method $driver.ListNames
check "it owns its name" "^\(uint32 1,\)" in_app --dest $driver --object-path / \
  --method $driver.RequestName org.example.App 0
check_fails "and no other" "AccessDenied|ServiceUnknown" in_app --dest $driver --object-path / \
  --method $driver.RequestName org.example.Other 0

firejail --quiet --profile=app.profile gdbus monitor --session --dest $driver >/dev/null &
jail=$!
if [ $contained ]; then
  is_known() { known "$bus" | grep firejail; }
  wait_for is_known
  check "the bus knows the app" "'io.github.netblue30.firejail', '', '[0-9]+'" known "$bus"
  no_proxies() { ! proxies | grep .; }
  check "no process waits" "" no_proxies
else
  has_proxy() { [ -n "$(proxies)" ]; }
  wait_for has_proxy
  check "the real proxy is there" "^xdg-dbus-proxy.distrib" proxies
fi
kill $jail
wait $jail
if [ $contained ]; then
  wait_for no_servers
  check "no container is left" "" no_servers
fi
kill $daemon
wait $daemon
echo "1..$n"
