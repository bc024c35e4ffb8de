#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A short soak (soak.py); test/soak runs it for as long as one likes."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import soak
from harness import test

SECONDS = int(os.environ.get('SOAK_SECONDS', '10'))
SEED = int(os.environ.get('SOAK_SEED', '1'))


@test('soak/all that is sent arrives once and in order, all that is held comes back')
def short(t):
    totals = soak.soak(t, SECONDS, SEED)
    print('# ' + ', '.join(f'{value} {key}' for key, value in totals.items()))
    t.true(totals['sent'] > 1000, 'something was sent')


if __name__ == '__main__':
    harness.main()
