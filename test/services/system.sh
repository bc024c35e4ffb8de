#!/bin/bash
# SPDX-License-Identifier: MIT
# The system bus of the stock configuration without systemd: the launch helper starts the
# services as their users.
set -u
. "$(dirname "$0")/lib.sh"
enter || { echo "1..0 # SKIP cannot mount"; exit 0; }
for owner in colord:/var/lib/colord root:/var/lib/AccountsService root:/var/lib/PackageKit; do
  [ -d "${owner#*:}" ] || continue
  mount -t tmpfs -o mode=755 tmpfs "${owner#*:}" && chown "${owner%%:*}" "${owner#*:}"
done
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
call() { # call DESTINATION PATH METHOD ARGUMENT...
  local destination=$1 path=$2 method=$3
  shift 3
  gdbus call --system --timeout 30 --dest "$destination" --object-path "$path" --method "$method" \
    "$@"
}
property() { call "$1" "$2" org.freedesktop.DBus.Properties.Get "$3" "$4"; }
owner_uid() { call org.freedesktop.DBus /org/freedesktop/DBus \
  org.freedesktop.DBus.GetConnectionUnixUser "$1"; }

/usr/bin/dbus-daemon --system --nofork --nopidfile &
bus=$!
wait_for test -S /run/dbus/system_bus_socket || { echo "Bail out! no bus"; exit 1; }

polkit=org.freedesktop.PolicyKit1
authority=/org/freedesktop/PolicyKit1/Authority
check "polkitd starts and answers" "js" property $polkit $authority $polkit.Authority BackendName
check "polkitd has become polkitd" "uint32 $(id -u polkitd)" owner_uid $polkit
check "pkaction lists actions" "org.freedesktop.policykit.exec" pkaction
check "an ordinary user may ask polkitd" "js" as_user gdbus call --system --dest $polkit \
  --object-path $authority \
  --method org.freedesktop.DBus.Properties.Get $polkit.Authority BackendName
check_fails "an ordinary user may not own its name" "AccessDenied" as_user gdbus call --system \
  --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus --method \
    org.freedesktop.DBus.RequestName $polkit 0
check "pkcheck allows root" "" pkcheck --action-id org.freedesktop.policykit.exec --process $$
check_fails "pkcheck refuses an ordinary user" "." as_user pkcheck --action-id \
  org.freedesktop.policykit.exec --process $$

colord=org.freedesktop.ColorManager
check "colord starts and answers" "[0-9]" property $colord /org/freedesktop/ColorManager $colord \
  DaemonVersion
check "colord runs as colord" "uint32 $(id -u colord)" owner_uid $colord
check "colord makes a device" "conformance" colormgr create-device conformance normal display
check "colormgr lists it" "conformance" colormgr get-devices

accounts=org.freedesktop.Accounts
check "accounts-daemon starts and answers" "[0-9]" property $accounts /org/freedesktop/Accounts \
  $accounts DaemonVersion
check "accounts-daemon knows root" "/org/freedesktop/Accounts/User0" call $accounts \
  /org/freedesktop/Accounts \
  $accounts.FindUserById 0

packagekit=org.freedesktop.PackageKit
check "packagekitd starts and answers" "[0-9]" property $packagekit /org/freedesktop/PackageKit \
  $packagekit VersionMajor
check "packagekitd makes a transaction" "objectpath" call $packagekit /org/freedesktop/PackageKit \
  $packagekit.CreateTransaction

# only systemd can start avahi-daemon: its service file names no user
avahi=org.freedesktop.Avahi
check_fails "a service file without a user is reported" "Spawn.FileInvalid" call $avahi / \
  $avahi.Server.GetVersionString
mkdir -p /run/avahi-daemon && chown avahi:avahi /run/avahi-daemon
avahi-daemon --no-rlimits >&2 2>&1 &
wait_for owner_uid $avahi
check "avahi-daemon answers" "avahi" call $avahi / $avahi.Server.GetVersionString
check "avahi-daemon runs as avahi" "uint32 $(id -u avahi)" owner_uid $avahi
check "an ordinary user may browse" "ServiceBrowser" as_user gdbus call --system --dest $avahi \
  --object-path / \
  --method $avahi.Server.ServiceBrowserNew -- -1 -1 _http._tcp local 0

check_fails "a unit without systemd is reported" "Spawn.ChildExited" call \
  org.freedesktop.hostname1 \
  /org/freedesktop/hostname1 org.freedesktop.DBus.Peer.Ping
check "the bus is alive" "boolean true|true" call org.freedesktop.DBus /org/freedesktop/DBus \
  org.freedesktop.DBus.NameHasOwner $polkit
kill $bus
wait $bus
if [ ! -e /run/dbus/system_bus_socket ]; then passed "the socket is gone"; else failed "the \
  socket is gone"; fi
echo "1..$n"
