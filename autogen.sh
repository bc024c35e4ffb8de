#!/bin/sh
# SPDX-License-Identifier: MIT
# Generates configure and its helpers; run it once after a clone.
set -eu
cd "$(dirname "$0")"
exec autoreconf --install --force --warnings=all,no-obsolete
