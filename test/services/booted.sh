#!/bin/bash
# SPDX-License-Identifier: MIT
# What test/services/systemd has done at each of its boots, as a service of systemd.
set -u
cd /conductor-test || exit 1
. ./lib.sh
boot=$(cat boot)
n=$(grep -cE '^(not )?ok' out)
user=conductor-test
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
uid=$(id -u "$user")
driver=(org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus)

as_user() { # with the session of systemd's own manager for this user
  setpriv --reuid "$uid" --regid "$(id -g "$user")" --init-groups env HOME="/home/$user" \
    XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
}
program() { # the program of the bus, as doc/switching.md looks at it: program COMMAND...
  "$@" status dbus.service | sed -n 's/.*Main PID: [0-9]* (\(.*\))$/\1/p'
}
main_process() { systemctl show -p MainPID -p ExecMainStartTimestampMonotonic dbus.service; }
same_process() { [ "$(main_process)" = "$1" ]; }
quiet_journal() { ! journalctl -b -q -p warning _COMM=dbus-conductor | grep .; }

start_session() { systemctl start "user@$uid.service" && wait_for test -S "/run/user/$uid/bus"; }

buses_are() { # buses_are PROGRAM
  check "the system bus is $1" "^$1\$" program systemctl
  check "a user's session starts" "" start_session
  check "a call starts its bus" "[0-9a-f]{32}" as_user busctl --user call "${driver[@]}" GetId
  check "the session bus is $1" "^$1\$" program as_user systemctl --user
}

system_bus() {
  check "dbus.socket has started it" "^active" systemctl is-active dbus.socket dbus.service
  check "systemd owns its name" '"org.freedesktop.systemd1"' busctl call "${driver[@]}" ListNames
  check "systemd gave it systemd's sockets" "/run/dbus/system_bus_socket" \
    systemctl show -P Listen dbus.socket
  check "root asks systemd over it" '^s "' busctl get-property org.freedesktop.systemd1 \
    /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Version
  check "an ordinary user asks systemd over it" "^active" \
    as_user systemctl is-active conductor-test.target basic.target
  check_fails "an ordinary user may not start units" "." \
    as_user systemctl --no-ask-password start getty@tty1.service
  check "logind answers" "." loginctl list-users
  check "systemd starts what a call needs" "Static hostname|Transient hostname" hostnamectl
  check "that was a unit" "^active" systemctl is-active systemd-hostnamed.service
  check "a service of the bus is one of systemd, too" "LANG|System Locale" localectl
  check_fails "a unit that there is not" "com.example.NoUnit" \
    busctl call com.example.NoUnit / com.example.NoUnit Call
  check "reload" "" systemctl reload dbus.service
  check "the same process goes on after a reload" "" same_process "$before"
  check "its log has no warnings" "" quiet_journal
}

session_bus() {
  check "systemd of the user owns its name" '"org.freedesktop.systemd1"' \
    as_user busctl --user call "${driver[@]}" ListNames
  check "the user's systemd answers over it" '^s "' as_user busctl --user get-property \
    org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Version
  check "gdbus takes it for its session bus" "'[0-9a-f]{32}'" as_user gdbus call --session \
    --dest "${driver[0]}" --object-path "${driver[1]}" --method "${driver[2]}.GetId"
  check "reload of the session bus" "" as_user systemctl --user reload dbus.service
}

no_fault() { ! grep "Call to Reboot failed" err; }
restarted_at_once() { check "logind has ordered the restart" "" no_fault; }

go_on() { # runs the document's line, which restarts the machine
  echo "# boot $boot is done"
  bash -e "$1" >&2
}

exec >>out 2>>err
echo "# boot $boot"
before=$(main_process)
case $boot in
  1) buses_are dbus-daemon; go_on enable ;;
  2) restarted_at_once; buses_are dbus-conductor; system_bus; session_bus; go_on disable ;;
  3) restarted_at_once; buses_are dbus-daemon; echo "# boot 3 is done"; systemctl poweroff ;;
esac
