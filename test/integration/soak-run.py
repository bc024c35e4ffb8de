#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""soak-run.py SECONDS SEED: the table of test/soak."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import soak

EVERY = 10                              # seconds between two rows


class Table:
    def __init__(self):
        self.began, self.next = time.monotonic(), 0
        print(f'{"seconds":>8}{"rounds":>8}{"sent":>12}{"delivered":>12}{"broadcast":>12}'
              f'{"answers":>12}{"cut off":>9}{"servers":>9}{"reloads":>9}{"MiB":>7}', flush=True)

    def row(self, world, at_once=False):
        seconds = time.monotonic() - self.began
        if seconds < self.next and not at_once:
            return
        self.next = seconds + EVERY
        total = world.books.totals
        print(f'{seconds:8.0f}{total["rounds"]:8}{total["sent"]:12}{total["delivered"]:12}'
              f'{total["broadcasts delivered"]:12}{total["answers"]:12}'
              f'{total["clients cut off"]:9}{total["servers stopped"]:9}{total["reloads"]:9}'
              f'{world.memory() / soak.MIB:7.1f}', flush=True)


def main():
    seconds, seed = int(sys.argv[1]), int(sys.argv[2])
    for signo in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, harness.on_end)
    harness.LIMIT = seconds + 600
    table, results = Table(), {}

    def run(case):
        results.update(soak.soak(case, seconds, seed, tell=table.row))

    outcome, details = harness.run_case(run, harness.Case('soak'))
    for line in details.strip().splitlines():
        print(f'# {line}')
    print(f'seed {seed}: ' + ', '.join(f'{value} {key}' for key, value in results.items()))
    print({'ok': '1 passed, 0 failed, 0 skipped', 'not ok': '0 passed, 1 failed, 0 skipped',
           'skip': '0 passed, 0 failed, 1 skipped'}[outcome])
    sys.exit(outcome == 'not ok')


main()
