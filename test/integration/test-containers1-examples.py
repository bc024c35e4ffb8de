#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples of doc/containers1.md: shell commands run, C is that of doc/examples/."""

import fnmatch
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import test

TEXT = os.path.join(harness.TOP, 'doc', 'containers1.md')
MARK = '== block =='
MANAGER = os.path.join(harness.BUILD, 'doc', 'examples', 'manager')


def blocks(language):
    """[(number of the first line, text)] of the blocks of one language."""
    with open(TEXT, encoding='utf-8') as text:
        lines = text.read().split('\n')
    found, start = [], None
    for number, line in enumerate(lines, 1):
        if line == '```' + language:
            start = number + 1
        elif line == '```' and start:
            found.append((start, '\n'.join(lines[start - 1:number - 1])))
            start = None
    return found


def expected(block):
    """What a block says that it prints; each line may have * for what differs."""
    return [line[3:] for line in block.split('\n') if line.startswith('#> ')]


def as_pattern(line):
    return re.sub(r'[\[\]?]', lambda found: f'[{found[0]}]', line)


def environment(bus):
    return dict(bus.environment, DBUS_SESSION_BUS_ADDRESS=bus.address, LC_ALL='C')


@test('doc/the shell examples print what they say')
def shell(t):
    for program in ('busctl', 'gdbus', 'bash'):
        harness.need_program(program)
    bus = t.bus()
    found = blocks('sh')
    script = '\n'.join(f'echo "{MARK}"\n{block}' for _, block in found)
    run = t.run(['bash', '-eu', '-c', script], env=environment(bus))
    t.equal(run.returncode, 0, f'{run.out}{run.err}')
    printed = run.out.split(MARK + '\n')[1:]
    t.equal(len(printed), len(found), run.out)
    for (number, block), text in zip(found, printed):
        wanted, got = expected(block), text.splitlines()
        t.equal(len(got), len(wanted), f'block at line {number}: {text}')
        for line, pattern in zip(got, wanted):
            t.true(fnmatch.fnmatchcase(line, as_pattern(pattern)),
                   f'block at line {number}: got {line!r}, the page says {pattern!r}')


@test('doc/the C examples are code that is built and tested')
def code(t):
    sources = ''
    for name in sorted(os.listdir(os.path.join(harness.TOP, 'doc', 'examples'))):
        if name.endswith('.c'):
            with open(os.path.join(harness.TOP, 'doc', 'examples', name), encoding='utf-8') as text:
                sources += text.read()
    for number, block in blocks('c'):
        for word in re.findall(r'\b(g_[a-z_]+|[A-Z_]{6,})\b', block):
            t.true(word in sources or word == 'g_dbus_connection_call_with_unix_fd_list_sync' or
                   word == 'g_variant_new_handle', f'line {number}: {word} is in no example')


@test('doc/the manager runs a contained command')
def manager(t):
    if not os.access(MANAGER, os.X_OK):
        raise harness.Skip(f'{MANAGER} is not built')
    harness.need_program('gdbus')
    bus = t.bus()
    ask = ['gdbus', 'call', '--session', '--dest', 'org.freedesktop.DBus', '--object-path',
           '/org/freedesktop/DBus', '--method']
    run = t.run([MANAGER, 'com.example.App', *ask, 'org.freedesktop.DBus.ListNames'],
                env=environment(bus))
    t.true(re.fullmatch(r"\(\['org.freedesktop.DBus', ':1\.\d+'\],\)\n", run.out), run.out + run.err)
    for name, allowed in (('com.example.App.Part', True), ('com.example.Other', False)):
        run = t.run([MANAGER, 'com.example.App', *ask, 'org.freedesktop.DBus.RequestName', name,
                     '0'], env=environment(bus))
        t.equal(run.returncode == 0, allowed, f'{name}: {run.out}{run.err}')
    run = t.run([MANAGER, 'com.example.App', 'sh', '-c', 'exit 7'], env=environment(bus))
    t.equal(run.returncode, 7, 'exit status')


if __name__ == '__main__':
    harness.main()
