#!/bin/bash
# SPDX-License-Identifier: MIT
# What the tests of sandboxes ask a bus from outside; to be sourced.

driver=org.freedesktop.DBus
containers=org.freedesktop.DBus.Containers1

call() { # call DESTINATION PATH METHOD ARGUMENT...: on the session bus, or that at $address
  local destination=$1 path=$2 method=$3 on=--session
  shift 3
  [ -z "${address:-}" ] || on=--address=$address
  gdbus call $on --timeout 30 --dest "$destination" --object-path "$path" --method "$method" "$@"
}
ask() { local member=$1; shift; call $driver /org/freedesktop/DBus "$member" "$@"; }
has_containers() { ask $containers.ListServers; }
servers() { ask $containers.ListServers | grep -oE "/org[^']*"; }
no_servers() { [ -z "$(servers)" ]; }

known() { # known ADDRESS: each contained connection of a bus, and what the bus knows of it
  local address=$1 name info
  for name in $(ask $driver.ListNames | grep -oE ':[0-9]+\.[0-9]+'); do
    ! info=$(ask $containers.GetConnectionInfo "$name" 2>/dev/null) || echo "$name $info"
  done
}

proxies() { # our user's programs between apps and buses, with their private memory in kB
  local exe program
  for exe in /proc/[0-9]*/exe; do
    program=$(readlink "$exe" 2>/dev/null)
    case $program in
      *dbus-container-proxy | *xdg-dbus-proxy*)
        echo "${program##*/}" "$(awk '/^Private/ { n += $2 } END { print n }' \
          "${exe%/exe}/smaps_rollup")" ;;
    esac
  done
}
