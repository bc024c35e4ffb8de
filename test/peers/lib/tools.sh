#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line tools of dbus, systemd and GLib on the session bus that this runs in.
set -u
. "$(dirname "$0")/checks.sh"
bus=org.freedesktop.DBus
echo=com.example.Echo

dbus-test-tool echo --session --name=$echo &
wait_for_name $echo
check "dbus-test-tool spam" "" dbus-test-tool spam --session --dest=$echo --count=1000 --string
check "dbus-test-tool spam, many in flight" "" dbus-test-tool spam --session --dest=$echo \
  --count=5000 --queue=100
check "dbus-test-tool spam, large" "" bash -c \
  "seq 1000 70000 200000 | dbus-test-tool spam --session --dest=$echo --count=50 --random-size --seed=1"
dbus-test-tool black-hole --session --name=com.example.Hole --no-read &
wait_for_name com.example.Hole
check "dbus-test-tool spam into a black hole" "" dbus-test-tool spam --session \
  --dest=com.example.Hole \
  --count=1000 --no-reply
check "dbus-send" "method return" dbus-send --session --print-reply --dest=$echo / com.example.Any
check "dbus-send of each type" "method return" dbus-send --session --print-reply --dest=$echo / \
  com.example.Any \
  string:a int16:-1 uint16:1 int32:-1 uint32:1 int64:-1 uint64:1 double:1.5 byte:7 boolean:true \
  objpath:/a \
  array:string:a,b dict:string:int32:a,1 variant:int32:1
check "dbus-update-activation-environment" "" dbus-update-activation-environment CONFORMANCE=1
check "dbus-update-activation-environment --all" "" dbus-update-activation-environment --all

check "busctl list" "com.example.Echo" busctl --user list
check "busctl list --acquired" "com.example.Echo" busctl --user list --acquired
check "busctl list --activatable" "NAME|ACTIVATION" busctl --user list --activatable
check "busctl status" "PID=" busctl --user status $echo
check "busctl tree" "/org/freedesktop/DBus" busctl --user tree $bus
check "busctl introspect" "RequestName" busctl --user introspect $bus /org/freedesktop/DBus
check "busctl call" "b true" busctl --user call $bus /org/freedesktop/DBus $bus NameHasOwner s $echo
check "busctl get-property" "Monitoring" busctl --user get-property $bus /org/freedesktop/DBus \
  $bus Interfaces
stimulus="dbus-send --session --type=signal / com.example.Interface.Signal string:hello"
watch "busctl monitor" "Member=Signal" stdbuf -oL busctl --user monitor
watch "busctl capture" "com.example.Interface" busctl --user capture
watch "dbus-monitor" "member=Signal" dbus-monitor --session
watch "dbus-monitor with a rule" "member=Signal" dbus-monitor --session \
  "type='signal',member='Signal'"
watch "dbus-monitor --pcap" "com.example.Interface" dbus-monitor --session --pcap
watch "dbus-monitor --profile" "Signal" dbus-monitor --session --profile

check "gdbus call" "true" gdbus call --session --dest $bus --object-path /org/freedesktop/DBus \
  --method $bus.NameHasOwner $echo
check "gdbus introspect" "RequestName" gdbus introspect --session --dest $bus --object-path \
  /org/freedesktop/DBus
check "gdbus wait" "" gdbus wait --session --timeout 5 $echo
stimulus="gdbus emit --session --object-path / --signal $bus.Conformance.Signal 1"
watch "gdbus emit, seen by dbus-monitor" "member=Signal" dbus-monitor --session
kill %1 %2
echo "1..$n"
