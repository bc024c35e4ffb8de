#!/bin/bash
# SPDX-License-Identifier: MIT
# Unmodified Flatpak, as an ordinary user, with dbus-container-proxy in the place of its proxy: a
# runtime and an app of a few files, on the session bus, the system bus and the accessibility bus.
# A bus without containers has the real proxy run instead, and the same must hold for the app.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/containers.sh"
if [ "$(id -u)" = 0 ]; then
  enter || { echo "1..0 # SKIP cannot mount"; exit 0; }
  install -d -m 700 -o "$SUITE_USER" "/run/user" "/run/user/$(id -u "$SUITE_USER")" /run/home
  chmod 755 /run/user
  mount -t tmpfs -o mode=755 tmpfs /var/lib/colord && chown colord /var/lib/colord
  /usr/bin/dbus-daemon --system --nofork --nopidfile &
  wait_for test -S /run/dbus/system_bus_socket || { echo "Bail out! no system bus"; exit 1; }
  HOME=/run/home XDG_RUNTIME_DIR=/run/user/$(id -u "$SUITE_USER") as_user bash "$0"
  exit
fi

bus=unix:path=$XDG_RUNTIME_DIR/bus
export DBUS_SESSION_BUS_ADDRESS=$bus XDG_CURRENT_DESKTOP=GNOME FLATPAK_DBUSPROXY=$PROXY
cd "$HOME" || exit 1
bwrap --unshare-user --ro-bind / / true || { echo "1..0 # SKIP no user namespaces"; exit 0; }
app=org.example.App
version=$(flatpak --default-arch)/1

# put FOLDER PROGRAM...: programs and their libraries, at the same places below a folder
put() {
  local into=$1 file
  shift
  for file in "$@" $(ldd "$@" | grep -oE '/[^ ]+' | grep -v ':$' | sort -u); do
    install -D "$file" "$into/${file#/usr}"
  done
}

make_app() {
  mkdir -p runtime/usr runtime/files app/files/bin app/export
  put runtime/usr /usr/bin/dash /usr/bin/gdbus /usr/bin/sleep
  cat >runtime/metadata <<END
[Runtime]
name=org.example.Platform
runtime=org.example.Platform/$version
sdk=org.example.Sdk/$version
END
  cat >app/metadata <<END
[Application]
name=$app
runtime=org.example.Platform/$version
sdk=org.example.Sdk/$version
command=app

[Session Bus Policy]
ca.desrt.dconf=talk
org.example.Own.*=own

[System Bus Policy]
org.freedesktop.ColorManager=talk
END
  cat >app/files/bin/app <<'END'
#!/usr/bin/dash
# app BUS DESTINATION PATH METHOD ARGUMENT...: a call
[ "$1" = -c ] && exec /usr/bin/dash "$@"
bus=--$1
[ "$1" != accessibility ] || bus=--address=$AT_SPI_BUS_ADDRESS
destination=$2 path=$3 method=$4
shift 4
exec gdbus call "$bus" --timeout 30 --dest "$destination" --object-path "$path" --method "$method" "$@"
END
  chmod +x app/files/bin/app
  cp -r app small                              # the same without the system bus
  sed -i '/System Bus Policy/,$d; s/^name=.*/name=org.example.Small/' small/metadata
}
install_app() {
  flatpak build-export --runtime repo runtime 1 && flatpak build-export repo app 1 &&
    flatpak build-export repo small 1 &&
    flatpak --user remote-add --no-gpg-verify tiny repo &&
    flatpak --user install -y --noninteractive tiny $app org.example.Small
}
instance() { flatpak ps --columns=instance,application | sed -nE "s/\s+$app$//p"; }
has_instance() { [ -n "$(instance)" ]; }
has_no_instance() { ! has_instance; }
stop_app() { flatpak kill $app; wait_for has_no_instance; }
in_app() { flatpak run $app "$@"; }

make_app
check "a runtime and an app are installed" "" install_app
/usr/bin/dbus-daemon --session --nofork --nopidfile --address="$bus" >&2 &
daemon=$!
wait_for test -S "$XDG_RUNTIME_DIR/bus" || { echo "Bail out! no bus"; exit 1; }
contained=
! has_containers >/dev/null 2>&1 || contained=yes

# the session bus
store=org.freedesktop.impl.portal.PermissionStore
check "there is something to hide" "uint32" call $store /org/freedesktop/impl/portal/PermissionStore \
  $driver.Properties.Get $store version
check "the app may talk, and so start" "^\(\)" in_app session ca.desrt.dconf / $driver.Peer.Ping
check_fails "it may not talk to others" "ServiceUnknown" in_app session $store \
  /org/freedesktop/impl/portal/PermissionStore $driver.Properties.Get $store version
names=$(in_app session $driver / $driver.ListNames)
check "it sees what it may talk to" "'ca.desrt.dconf'" echo "$names"
mine="$driver|:1\.[0-9]+|ca.desrt.dconf|org.freedesktop.portal.[A-Za-z]+"
check "it sees nothing else" "^\(\[('($mine)'(, )?)*\],\)$" echo "$names"
check "it owns its name" "^\(uint32 1,\)" in_app session $driver / $driver.RequestName $app 0
check "it owns below another" "^\(uint32 1,\)" in_app session $driver / $driver.RequestName \
  org.example.Own.A.B 0
check_fails "it owns no more" "AccessDenied|ServiceUnknown" in_app session $driver / \
  $driver.RequestName org.example.Else 0

# portals: what they answer depends on whom they take the app for
portal=org.freedesktop.portal
look_up="session $portal.Desktop /org/freedesktop/portal/desktop $portal.ProxyResolver.Lookup http://example.org"
check "xdg-desktop-portal answers an app with a network" "direct://" \
  flatpak run --share=network $app $look_up
check_fails "and refuses one without" "not available inside the sandbox" in_app $look_up
signals=$(mktemp -p "$HOME")
in_app -c "gdbus monitor --session --dest $portal.Test" >"$signals" &
check "a portal sends signals" "" /usr/bin/python3 - "$portal.Test" "$signals" <<'END'
import sys, time
from gi.repository import Gio, GLib
name, heard = sys.argv[1:]
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.call_sync('org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'RequestName',
              GLib.Variant('(su)', (name, 0)), None, 0, -1)
for i in range(100):
    for path in ('/org/other', '/org/freedesktop/portal/x'):
        bus.emit_signal(None, path, 'org.example.I', 'Sent', None)
    if '/portal/x' in open(heard).read():
        sys.exit(0)
    time.sleep(0.1)
sys.exit('nothing was heard')
END
check_fails "the app hears those of portals' objects" "/portal/x.*Sent" \
  sh -c "cat $signals; grep -q /org/other $signals"
stop_app

# the system bus
check "on the system bus it may talk" "DaemonVersion|'[0-9]" in_app system \
  org.freedesktop.ColorManager /org/freedesktop/ColorManager $driver.Properties.Get \
  org.freedesktop.ColorManager DaemonVersion
check_fails "but not to others" "ServiceUnknown" in_app system org.freedesktop.PolicyKit1 / \
  $driver.Peer.Ping

# the accessibility bus, which at-spi-bus-launcher starts
registry="accessibility org.a11y.atspi.Registry /org/a11y/atspi/registry org.a11y.atspi.Registry"
check "on the accessibility bus it may make some calls" "^\(" in_app $registry.GetRegisteredEvents
check_fails "and no others" "AccessDenied" in_app $registry.RegisterEvent window:

# who it is, by a connection to each bus that stays
wait_for has_no_instance
in_app -c "gdbus monitor --session --dest $driver & gdbus monitor --system --dest $driver &
  gdbus monitor --address \$AT_SPI_BUS_ADDRESS --dest $driver & wait" >/dev/null &
wait_for has_instance
id=$(instance)
is_known() { known "$1" | grep "'org.flatpak', '$app', '$id'"; }
in_sandbox() { # in_sandbox ADDRESS: whether that connection is that of a process of the sandbox
  local address=$1 name pid
  name=$(is_known "$1" | head -n 1 | cut -d' ' -f1)
  pid=$(ask $driver.GetConnectionUnixProcessID "$name" | grep -oE '[0-9]{3,}')
  grep -x "instance-id=$id" "/proc/$pid/root/.flatpak-info"
}
a11y=$(call org.a11y.Bus /org/a11y/bus org.a11y.Bus.GetAddress | cut -d\' -f2)
if [ $contained ]; then
  for address in "$bus" unix:path=/run/dbus/system_bus_socket "$a11y"; do
    wait_for is_known "$address"
    check "the bus knows the app, at ${address%%,*}" "'org.flatpak', '$app', '$id'" known "$address"
    check "and its process" "$id" in_sandbox "$address"
  done
  address=
  check "one small process waits" "^dbus-container-proxy [0-9]{1,3}$" proxies
else
  check "the real proxy is there" "^xdg-dbus-proxy" proxies
fi
stop_app
if [ $contained ]; then
  app=org.example.Small
  in_app -c "gdbus monitor --session --dest $driver" >/dev/null &
  wait_for has_instance
  id=$(instance)
  wait_for is_known "$bus"
  check "without the system bus the bus knows the app, too" "'$id'" known "$bus"
  no_proxies() { ! proxies | grep .; }
  check "and no process waits" "" no_proxies
  stop_app
  app=org.example.App
fi
check "the proxy logs" "C[0-9]+: -> $driver call $driver.ListNames" flatpak run --log-session-bus \
  $app session $driver / $driver.ListNames

# the end
no_sockets() { [ -z "$(ls -A "$XDG_RUNTIME_DIR/.dbus-proxy")" ]; }
wait_for no_sockets
check "no socket is left" "" no_sockets
if [ $contained ]; then
  wait_for no_servers
  check "no container is left" "" no_servers
fi
kill $daemon
wait $daemon
echo "1..$n"
