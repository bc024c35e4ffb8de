#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks of the sources: every #include points to the same layer or to a lower one, no two modules
# include each other, every file is in the list of its folder, and every file starts with its
# licence.
set -u
cd "${SRC_DIR:-$(dirname "$0")/..}" || exit 99

n=0
report() {
        n=$((n + 1))
        if [ -z "$2" ]; then
                echo "ok $n - $1"
        else
                echo "$2" | sed 's/^/# /'
                echo "not ok $n - $1"
        fi
}

# layer FOLDER ALLOWED...: project headers that FOLDER may include, as an extended regular
# expression
layer() {
        folder=$1
        allowed=$2
        found=$(grep -snE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$folder"/*.[ch] /dev/null |
                grep -vE "include[[:space:]]*\"(config\\.h|($allowed))\"")
        report "$folder/ includes nothing above it" "$found"
}

# Each of these may include itself and what stands left of it.
layer base 'base/.*'
layer wire '(base|wire)/.*'
layer policy '(base|wire|policy)/.*'
layer containers '(base|wire|policy|containers)/.*'
layer bus '(base|wire|policy|containers|bus)/.*'
layer tools '(base|tools)/.*|policy/(container-rules?|container-policy|config|verdict)\.h'

found=$(grep -snE 'include[[:space:]]*<(gio|gobject)/|<glib-object' \
        base/*.[ch] wire/*.[ch] policy/*.[ch] containers/*.[ch] bus/*.[ch] /dev/null)
report "no GObject or GIO in the daemon" "$found"

# An include from a .c to its own .h is no edge between modules; what is left must order
# topologically.
edges=$(grep -sE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
        base/*.[ch] wire/*.[ch] policy/*.[ch] containers/*.[ch] bus/*.[ch] tools/*.[ch] /dev/null |
        sed -nE 's|^([^:]*)\.[ch]:.*include[[:space:]]*"([^"]*/[^"]*)\.h".*|\1 \2|p' |
        awk '$1 != $2' | sort -u)
report "no modules include each other in a circle" "$(echo "$edges" | tsort 2>&1 >/dev/null)"

# The lists are explicit, so that a file can be forgotten: it would be missing in the archive, or be
# a test that never runs.
for folder in base wire policy containers bus tools test; do
        found=$(find "$folder" -path '*/corpus' -prune -o \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) -print |
                while read -r file; do
                        name=${file#"$folder"/}
                        case $name in
                        unit/*.c | fuzz/fuzz-*.c | integration/test-*.c) name=${name%.c} ;;
                        esac
                        grep -qE "(%D%/|^ *)$name( |\$)" "$folder/Makefile.inc" || echo "$file"
                done)
        report "$folder/Makefile.inc lists every file" "$found"
done

found=$(find . \( -name .git -o -name b -o -name build -o -name build-aux -o -name corpus -o -name data -o -name baseline \
                -o -name autom4te.cache \) -prune -o -type f \
                \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name 'Makefile.inc' -o -name '*.ac' \) -print |
        xargs awk 'FNR == 1 { seen = 0 }
                   FNR <= 3 && /SPDX-License-Identifier: MIT/ { has[FILENAME] = 1 }
                   { all[FILENAME] = 1 }
                   END { for (f in all) if (!(f in has)) print f }' | sort)
report "every file starts with its licence" "$found"

echo "1..$n"
