#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare a suite's results with its stored baseline and count.

summary.py SUITE RESULTS BASELINE NODAEMON FAILED-LOG
Prints 'passed failed skipped total'. A subtest that passes in the baseline
counts as failed if the run skipped it or never reported it (its program
crashed or ran out of time before it). Subtests listed in NODAEMON (they pass
with no bus at all) are left out. Lines of FAILED-LOG: why<TAB>name.
"""
import os, sys

suite, results, baseline, nodaemon, log = sys.argv[1:6]


def load(p):
    d = {}
    if os.path.exists(p):
        for line in open(p, errors='replace'):
            line = line.rstrip('\n')
            if line and not line.startswith('# '):
                s, _, n = line.partition('\t')
                d[n] = s
    return d


run, base = load(results), load(baseline)
ignore = set()
if os.path.exists(nodaemon):
    ignore = {l.rstrip('\n') for l in open(nodaemon)}
names = list(base) + [n for n in run if n not in base]
count = {'pass': 0, 'fail': 0, 'skip': 0}
with open(log, 'w') as f:
    for n in names:
        if n in ignore:
            continue
        was, s = base.get(n), run.get(n)
        if base and was is None and '(exit status' not in n:
            # a name the baseline has not: logged, never counted, so that
            # the total stays that of the baseline
            if s == 'fail':
                f.write('extra\t%s\n' % n)
            continue
        whole = run.get(n.split(':', 1)[0] + ':*')
        if n.endswith(':*') and (was is None or s is None):
            continue  # a whole program skipped on one side only: see its subtests
        if s is None:
            s = 'skip' if 'skip' in (whole, was) else 'fail'
            why = 'not-run'
        else:
            why = 'failed'
        if s == 'skip' and was == 'pass':
            s, why = 'fail', 'skipped (baseline passes)'
        count[s] += 1
        if s == 'fail':
            f.write('%s%s\t%s\n' % (why, ' (as in baseline)' if was == 'fail' else '', n))
print(count['pass'], count['fail'], count['skip'], sum(count.values()))
