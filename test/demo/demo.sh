#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Shows what the bus does with sandboxed apps, as a transcript.
#
#   demo.sh BUILD_DIR
#
# Exit status: 0 if all that is shown was as it should be, 1 if not, 2 if it could not run.
set -u
[ $# -eq 1 ] || { echo "usage: demo.sh BUILD_DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) || exit 2
build=$(cd "$1" && pwd) || exit 2

for program in "$build/dbus-conductor" "$build/dbus-container"; do
        [ -x "$program" ] || { echo "demo.sh: $program is not built" >&2; exit 2; }
done
for program in dbus-send dbus-monitor; do
        command -v $program >/dev/null && continue
        echo "demo.sh: needs $program, for instance: apt-get install dbus-bin" >&2
        exit 2
done

PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec timeout --kill-after=5 55 "${PYTHON:-python3}" "$here/demo.py" "$build"
