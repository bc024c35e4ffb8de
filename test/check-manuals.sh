#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks of the manual pages: mandoc has nothing to say about them. Whether pages of other projects
# are installed is not ours.
set -u
cd "${SRC_DIR:-$(dirname "$0")/..}" || exit 99

n=0
for page in doc/*.[1-8]; do
        n=$((n + 1))
        if ! command -v mandoc >/dev/null; then
                echo "ok $n - $page # SKIP mandoc is not installed"
                continue
        fi
        found=$(mandoc -T lint "$page" 2>/dev/null | grep -v 'STYLE: referenced manual not found')
        if [ -z "$found" ]; then
                echo "ok $n - $page"
        else
                echo "$found" | sed 's/^/# /'
                echo "not ok $n - $page"
        fi
done
echo "1..$n"
