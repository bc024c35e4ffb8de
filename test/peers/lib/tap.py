#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turn one test program's output into lines 'status<TAB>program:subtest'.

tap.py MODE PROGRAM EXIT-STATUS OUTPUT-FILE
MODE tap    subtests are named by their TAP description
     tapnum subtests are named by their number (descriptions vary by run)
     one    the program is one subtest, judged by exit status and TAP lines
     exit   the program is one subtest, judged by exit status only
"""
import re, sys

mode, prog, rc, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
text = open(path, errors='replace').read()
seen, res, plan, skip_all, bail = {}, [], None, False, False
for line in text.splitlines():
    m = re.match(r'1\.\.(\d+)\s*(#\s*skip.*)?$', line, re.I)
    if m:
        plan = int(m.group(1))
        skip_all = plan == 0 or bool(m.group(2))
        continue
    if line.startswith('Bail out!'):
        bail = True
        continue
    m = re.match(r'(not )?ok\b\s*(\d+)?\s*-?\s*(.*)$', line)
    if not m:
        continue
    desc = m.group(3)
    d = re.search(r'(?:^|\s)#\s*(skip|todo)\b', desc, re.I)
    status = 'skip' if d else ('fail' if m.group(1) else 'pass')
    if d:
        desc = desc[:d.start()]
    name = '#' + (m.group(2) or '?') if mode == 'tapnum' or not desc.strip() else desc.strip()
    seen[name] = seen.get(name, 0) + 1
    if seen[name] > 1:
        name += ' (%d)' % seen[name]
    res.append((status, name))

if mode == 'exit' or (mode == 'one' and not res):
    print('%s\t%s' % ({0: 'pass', 77: 'skip'}.get(rc, 'fail'), prog))
elif mode == 'one':
    bad = rc != 0 or bail or any(s == 'fail' for s, _ in res) or (plan is not None and plan != len(res))
    print('%s\t%s' % ('fail' if bad else 'pass', prog))
else:
    for s, n in res:
        print('%s\t%s:%s' % (s, prog, n))
    if not res and skip_all and rc in (0, 77):
        print('skip\t%s:*' % prog)
    elif rc not in (0, 77) and not bail and all(s != 'fail' for s, _ in res) and plan == len(res):
        # every subtest passed and the program still ended badly
        print('fail\t%s:(exit status %d)' % (prog, rc))
