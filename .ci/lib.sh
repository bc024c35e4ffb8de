# SPDX-License-Identifier: MIT
#
# What ./check and ./try share. The caller has set top, the folder of the sources; functions report
# to standard output and return non-zero when they fail.

# need_packages KIND...: sees to it that the packages of these kinds are installed
need_packages() {
        kinds=$(echo "$*" | tr ' ' '|')
        if ! command -v dpkg-query >/dev/null; then
                echo "not a Debian system: the packages of .ci/packages are taken to be there"
                return 0
        fi
        wanted=$(sed -nE "s/^($kinds) ([^ ]+)$/\2/p" "$top/.ci/packages")
        missing=
        for package in $wanted; do
                dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
                        missing="$missing $package"
        done
        [ -n "$missing" ] || return 0

        if [ "$(id -u)" -ne 0 ]; then
                echo "Missing packages:$missing"
                echo "Install them as root, or run this as root once:"
                echo "    apt-get update && apt-get install -y --no-install-recommends$missing"
                return 1
        fi
        echo "installing$missing"
        log=$(mktemp)
        if ! { apt-get update &&
                DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
        } >"$log" 2>&1 </dev/null; then
                tail -n 30 "$log"
                rm -f "$log"
                echo "apt-get could not install$missing"
                return 1
        fi
        rm -f "$log"
}

# choose_build_dir: sets src and build. Normally that is the source folder and build/ in it. Where
# the sources cannot be written, or were configured in place, a copy is built in a temporary folder,
# named in scratch for the caller to remove.
choose_build_dir() {
        src=$top
        build=$top/build
        scratch=
        if [ -w "$top" ] && [ ! -e "$top/config.status" ] && { [ ! -e "$build" ] || [ -w "$build" ]; } &&
                { [ ! -e "$top/configure" ] || [ -w "$top/configure" ]; } &&
                { [ ! -e "$top/autom4te.cache" ] || [ -w "$top/autom4te.cache" ]; }; then
                mkdir -p "$build"
                return
        fi
        scratch=$(mktemp -d "${TMPDIR:-/tmp}/dbus-conductor.XXXXXX") || return 1
        chmod 755 "$scratch"
        src=$scratch/src
        build=$scratch
        copy_sources "$src"
}

# copy_sources FOLDER: a copy of the sources as they are after a clone
copy_sources() {
        mkdir -p "$1"
        (cd "$top" && tar -cf - --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.a' \
                --exclude='*.log' --exclude='*.trs' --exclude=./config.status --exclude=./autom4te.cache \
                --exclude=./configure --exclude=./Makefile --exclude=./Makefile.in --exclude=./config.h \
                --exclude=./dbus-conductor --exclude=./dbus-container --exclude=./aclocal.m4 \
                --exclude=.deps --exclude=.dirstamp --exclude=__pycache__ .) | tar -xf - -C "$1"
        chmod -R u+w "$1"
}

# generate: makes configure in src where it is missing or older than its sources
generate() {
        [ -e "$src/configure" ] && [ -e "$src/Makefile.in" ] &&
                [ -z "$(find "$src/configure.ac" "$src/m4" "$src/autogen.sh" -newer "$src/configure")" ] &&
                [ -z "$(find "$src" -name build -prune -o \( -name Makefile.am -o -name Makefile.inc \) \
                        -newer "$src/Makefile.in" -print)" ] && return 0
        logged "$build/autogen.out" "$src/autogen.sh"
}

# compile SOURCE FOLDER [ARGUMENT OF configure...]: configures where that has not been done, and
# builds
compile() {
        from=$1
        into=$2
        shift 2
        mkdir -p "$into"
        if [ ! -e "$into/config.status" ] || [ "$from/configure" -nt "$into/config.status" ] ||
                [ "$(cat "$into/arguments" 2>/dev/null)" != "$*" ]; then
                (cd "$into" && logged configure.out "$from/configure" "$@") || return 1
                echo "$*" >"$into/arguments"
        fi
        logged "$into/make.out" make -C "$into" -j "$(nproc)"
}

# need_build: sets BUILD_DIR, which the caller may have set already, to where the programs are; they
# are built if they are not there
need_build() {
        if [ -z "${BUILD_DIR:-}" ]; then
                need_packages build && choose_build_dir && generate || return 1
                compile "$src" "$build/gcc" CC=gcc --enable-werror || return 1
                BUILD_DIR=$build/gcc
        fi
        PYTHONDONTWRITEBYTECODE=1
        export BUILD_DIR PYTHONDONTWRITEBYTECODE
}

# logged FILE COMMAND...: runs it quietly, but shows the end of what it said when it fails
logged() {
        logged_to=$1
        shift
        "$@" >"$logged_to" 2>&1 </dev/null && return 0
        echo "---- $* failed; errors in and the end of $logged_to:"
        grep -nE 'error|undefined reference|No rule|\*\*\*' "$logged_to" | head -n 20
        tail -n 20 "$logged_to"
        return 1
}
