#!/bin/bash
# SPDX-License-Identifier: MIT
# The session bus of the stock configuration, as an ordinary user; at-spi starts a second bus
# by itself.
set -u
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" = 0 ]; then
  enter || { echo "1..0 # SKIP cannot mount"; exit 0; }
  install -d -m 700 -o "$SUITE_USER" "/run/user" "/run/user/$(id -u "$SUITE_USER")" /run/home
  chmod 755 /run/user
  HOME=/run/home XDG_RUNTIME_DIR=/run/user/$(id -u "$SUITE_USER") as_user bash "$0"
  exit
fi
bus=unix:path=$XDG_RUNTIME_DIR/bus
export DBUS_SESSION_BUS_ADDRESS=$bus XDG_CURRENT_DESKTOP=GNOME
cd "$HOME" || exit 1
call() { # call DESTINATION PATH METHOD ARGUMENT...
  local destination=$1 path=$2 method=$3
  shift 3
  gdbus call --session --timeout 30 --dest "$destination" --object-path "$path" --method \
    "$method" "$@"
}
has_owner() { call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.NameHasOwner \
  "$1"; }

/usr/bin/dbus-daemon --session --nofork --nopidfile --address="$bus" &
daemon=$!
wait_for test -S "$XDG_RUNTIME_DIR/bus" || { echo "Bail out! no bus"; exit 1; }

check "dconf writes" "" dconf write /org/example/conformance "'it works'"
check "dconf reads" "'it works'" dconf read /org/example/conformance
check "dconf-service was started" "true" has_owner ca.desrt.dconf

secrets=org.freedesktop.secrets
check "gnome-keyring-daemon starts and answers" "objectpath" call $secrets \
  /org/freedesktop/secrets \
  org.freedesktop.Secret.Service.OpenSession plain "<''>"
check "it owns its other name" "true" has_owner org.gnome.keyring
check "it has a collection for the session" "@ao" call $secrets \
  /org/freedesktop/secrets/collection/session \
  org.freedesktop.DBus.Properties.Get org.freedesktop.Secret.Collection Items

store=org.freedesktop.impl.portal.PermissionStore
check "xdg-permission-store takes a permission" "\(\)" call $store \
  /org/freedesktop/impl/portal/PermissionStore \
  $store.SetPermission conformance true thing app.example "['yes']"
check "xdg-permission-store gives it back" "app.example.*yes" call $store \
  /org/freedesktop/impl/portal/PermissionStore \
  $store.Lookup conformance thing
portal=org.freedesktop.portal.Desktop
check "xdg-desktop-portal starts and answers" "uint32" call $portal \
  /org/freedesktop/portal/desktop \
  org.freedesktop.DBus.Properties.Get org.freedesktop.portal.NetworkMonitor version
check "xdg-desktop-portal is there" "true" has_owner $portal
check "xdg-desktop-portal is introspected" "org.freedesktop.portal" gdbus introspect --session \
  --dest $portal \
  --object-path /org/freedesktop/portal/desktop

check "at-spi-bus-launcher gives an address" "unix:" call org.a11y.Bus /org/a11y/bus \
  org.a11y.Bus.GetAddress
a11y=$(call org.a11y.Bus /org/a11y/bus org.a11y.Bus.GetAddress | cut -d\' -f2)
check "the registry is started on its bus" "a\(so\)|objectpath|\(" gdbus call --address "$a11y" \
  --timeout 30 \
  --dest org.a11y.atspi.Registry --object-path /org/a11y/atspi/registry --method \
    org.a11y.atspi.Registry.GetRegisteredEvents

check_fails "a name nobody knows" "ServiceUnknown" call com.example.Nobody / \
  org.freedesktop.DBus.Peer.Ping
kill $daemon
wait $daemon
if [ ! -e "$XDG_RUNTIME_DIR/bus" ]; then passed "the socket is gone"; else failed "the socket is \
  gone"; fi
echo "1..$n"
