#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Limits that nobody can set: the last value that is taken, and the first that is not.

doc/limits.md, "Fixed limits", names for each its constant in the source and the test that reaches
it, here or elsewhere; the last test holds it to that.
"""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test

DOCUMENT = os.path.join(harness.TOP, 'doc', 'limits.md')
LAYERS = ('base', 'wire', 'policy', 'containers', 'bus')
NUMBER = re.compile(r'^#define +(\w+) +\(?(\d+)u?(?: << (\d+)u?)?\)?', re.M)
MONITORING = 'org.freedesktop.DBus.Monitoring'
INCLUDING = '<busconfig>\n{}<include>{}</include>\n</busconfig>\n'


def others_are_served(t, bus):
    t.returned(t.connect(bus).bus('GetId'), 'others')


def hung_up_on(t, bus, message):
    client = t.connect(bus)
    client.send(message)
    client.wait_closed()
    others_are_served(t, bus)


def taken(t, bus, message):
    client = t.connect(bus)
    client.send(message)
    t.returned(client.sync(), 'the sender')


@test('fixed-limits/length of a match rule')
def match_rule_length(t):
    client = t.connect(t.bus())
    rule = "arg0='" + 'x' * (1024 - len("arg0=''")) + "'"
    t.returned(client.bus('AddMatch', 's', rule))
    t.failed(client.bus('AddMatch', 's', rule.replace('x', 'xx', 1)), 'LimitsExceeded')


@test('fixed-limits/arguments in a match rule')
def match_rule_arguments(t):
    client = t.connect(t.bus())
    t.returned(client.bus('AddMatch', 's', "arg63='x'"))
    t.failed(client.bus('AddMatch', 's', "arg64='x'"), 'MatchRuleInvalid')


@test('fixed-limits/rules of a monitor')
def monitor_rules(t):
    bus = t.bus()
    client = t.connect(bus)
    rules = ["member='X'"] * 4097
    t.failed(client.bus('BecomeMonitor', 'asu', rules, 0, interface=MONITORING), 'LimitsExceeded')
    t.returned(client.bus('BecomeMonitor', 'asu', rules[:4096], 0, interface=MONITORING))
    others_are_served(t, bus)


@test('fixed-limits/length of names')
def name_length(t):
    bus = t.bus()
    client = t.connect(bus)
    longest = 'a.' + 'b' * 253
    t.equal(t.returned(client.bus('RequestName', 'su', longest, 0)), (1,))
    t.failed(client.bus('RequestName', 'su', longest + 'b', 0), 'InvalidArgs')
    taken(t, bus, rawbus.signal('/', longest, 'b' * 255))
    hung_up_on(t, bus, rawbus.signal('/', longest + 'b', 'b'))
    hung_up_on(t, bus, rawbus.signal('/', longest, 'b' * 256))


def structs(depth):
    value = 1
    for _ in range(depth):
        value = (value,)
    return '(' * depth + 'y' + ')' * depth, value


@test('fixed-limits/length and depth of signatures')
def signatures(t):
    bus = t.bus()
    taken(t, bus, rawbus.signal('/', 'a.b', 'S', 'y' * 255, *[1] * 255))
    taken(t, bus, rawbus.signal('/', 'a.b', 'S', 'a' * 32 + 'y', []))
    hung_up_on(t, bus, rawbus.signal('/', 'a.b', 'S', 'a' * 33 + 'y', []))
    taken(t, bus, rawbus.signal('/', 'a.b', 'S', *structs(32)))
    hung_up_on(t, bus, rawbus.signal('/', 'a.b', 'S', *structs(33)))


def nested(depth):
    value = rawbus.Variant('y', 1)
    for _ in range(depth - 1):
        value = rawbus.Variant('v', value)
    return value


@test('fixed-limits/depth of values')
def value_depth(t):
    bus = t.bus()
    taken(t, bus, rawbus.signal('/', 'a.b', 'S', 'v', nested(64)))
    hung_up_on(t, bus, rawbus.signal('/', 'a.b', 'S', 'v', nested(65)))


@test('fixed-limits/a line of the authentication')
def auth_line(t):
    bus = t.bus()
    client = t.connect(bus, authenticate=False)
    client.send_raw(b'\0' + b'x' * 16384)
    client.wait_closed()
    others_are_served(t, bus)


@test('fixed-limits/attempts to authenticate')
def auth_attempts(t):
    bus = t.bus()
    client = t.connect(bus, authenticate=False)
    client.send_raw(b'\0' + b'AUTH NONSENSE\r\n' * 6)
    client.wait_closed()
    others_are_served(t, bus)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    return path


def start_error(t, text):
    """What a bus with this configuration says instead of starting."""
    done = t.run([harness.CONDUCTOR, '--nofork', '--nopidfile',
                  f'--config-file={write(t.path("start.conf"), text)}'])
    t.equal(done.returncode, 1, done.err)
    return done.err


def chain(t, length):
    """So many files, each of which includes the next; the text that includes the first."""
    for number in range(length):
        text = INCLUDING.format('', t.path(f'{number + 1}.conf'))
        write(t.path(f'{number}.conf'), text if number + 1 < length else '<busconfig/>\n')
    return f'<include>{t.path("0.conf")}</include>\n'


@test('fixed-limits/depth of included files')
def include_depth(t):
    harness.need_conductor()
    others_are_served(t, t.bus(extra=chain(t, 64)))
    text = INCLUDING.format(chain(t, 65), t.path('0.conf'))
    t.contains(start_error(t, text), 'too deeply', 'what it says')


@test('fixed-limits/size of a configuration file')
def config_size(t):
    harness.need_conductor()
    text = '<busconfig/>\n'
    t.contains(start_error(t, text + ' ' * ((16 << 20) - len(text) + 1)), '16 MiB', 'what it says')
    t.lacks(start_error(t, text + ' ' * ((16 << 20) - len(text))), '16 MiB', 'what it says')


@test('fixed-limits/size of a service file')
def service_size(t):
    services = t.path('services')
    os.mkdir(services)
    for name, size in (('com.example.Fits', 65536), ('com.example.Large', 65537)):
        text = f'[D-BUS Service]\nName={name}\nExec=/bin/true\n#'
        write(f'{services}/{name}.service', text + 'x' * (size - len(text) - 1) + '\n')
    client = t.connect(t.bus(servicedir=services))
    names = t.returned(client.bus('ListActivatableNames'))[0]
    t.true('com.example.Fits' in names, names)
    t.true('com.example.Large' not in names, names)


def known_tests():
    """The names of all tests, and of those of test-limits.py with what is put before them."""
    names = set()
    for path in glob.glob(os.path.join(harness.HERE, 'test-*.py')):
        with open(path, encoding='utf-8') as stream:
            text = stream.read()
        names.update(re.findall(r"^@test\('([^']*)'\)", text, re.M))
        names.update(f'limits/{name}' for name in re.findall(r"^@limit\('([^']*)'", text, re.M))
    for path in glob.glob(os.path.join(harness.TOP, 'test', 'unit', 'test-*.c')):
        with open(path, encoding='utf-8') as stream:
            names.update(re.findall(r'g_test_add\w*\("([^"]*)"', stream.read()))
    return names


def constants():
    """NAME -> value of every number that the daemon's sources define."""
    values = {}
    for layer in LAYERS:
        for path in glob.glob(os.path.join(harness.TOP, layer, '*.[ch]')):
            with open(path, encoding='utf-8') as stream:
                text = stream.read().replace('\\\n', ' ')
            for name, number, shift in NUMBER.findall(text):
                values.setdefault(f'{layer}/{os.path.basename(path)[:-2]} {name}',
                                  int(number) << int(shift or 0))
    return values


def document():
    with open(DOCUMENT, encoding='utf-8') as stream:
        return stream.read()


@test('fixed-limits/the document gives each value as it is in the source')
def documented_values(t):
    known = constants()
    rows = re.findall(r'^\|[^|]+\| (\d+) \|[^|]+\| `([^`]+)` \|', document(), re.M)
    t.true(len(rows) > 15, f'{len(rows)} rows')
    for value, constant in rows:
        t.equal(int(value), known.get(constant), constant)


@test('fixed-limits/the document names tests that there are')
def documented_tests(t):
    known = known_tests()
    table = document().partition('## Fixed limits')[2].partition('\n## ')[0]
    rows = re.findall(r'^\|.*\| `([^`]+)` \|$', table, re.M)
    t.true(len(rows) > 15, f'{len(rows)} rows')
    t.equal([name for name in rows if name not in known], [], 'no such tests')


if __name__ == '__main__':
    harness.main()
