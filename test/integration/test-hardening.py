#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""doc/hardening.md: the programs as built, the memory of a bus that runs, and the units."""

import os
import platform
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, FDS, Server, rule
from harness import test

PROGRAMS = ('dbus-conductor', 'dbus-container', 'dbus-container-proxy')
SYSTEMD = os.path.join(harness.TOP, 'systemd')
UNIT = os.path.join(SYSTEMD, 'system', 'dbus-conductor.service.in')
STRICT = os.path.join(SYSTEMD, 'system', 'strict.conf')
DOCUMENT = os.path.join(harness.TOP, 'doc', 'hardening.md')
RESTRICT = os.path.join(harness.HERE, 'restrict.py')

# Numbers of elf.h
ET_DYN, PT_LOAD, PT_DYNAMIC, PT_INTERP = 3, 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY = 0x6474e551, 0x6474e552, 0x6474e553
PF_X, PF_W = 1, 2
DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 15, 22, 24, 29, 30, 0x6ffffffb
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
X86_FEATURES, SHSTK = 0xc0000002, 2
ENDBR64 = b'\xf3\x0f\x1e\xfa'


class Elf:
    """What of a 64-bit program the loader reads."""

    def __init__(self, path):
        with open(path, 'rb') as stream:
            self.data = stream.read()
        if self.data[:6] != b'\x7fELF\x02\x01':
            raise harness.Skip('no 64-bit little-endian program')
        self.type = struct.unpack_from('<H', self.data, 16)[0]
        start, = struct.unpack_from('<Q', self.data, 32)
        size, count = struct.unpack_from('<HH', self.data, 54)
        self.segments = {}
        for at in range(start, start + size * count, size):
            kind, flags, offset, _, _, length = struct.unpack_from('<IIQQQQ', self.data, at)
            self.segments.setdefault(kind, []).append((flags, self.data[offset:offset + length]))

    def dynamic(self):
        _, data = self.segments[PT_DYNAMIC][0]
        return dict(struct.iter_unpack('<QQ', data[:len(data) // 16 * 16]))

    def x86_features(self):
        """The bits of the property of that number, 0 without one."""
        for _, note in self.segments.get(PT_GNU_PROPERTY, ()):
            at = 16                                     # behind the head and the name, GNU
            while at + 8 <= len(note):
                kind, size = struct.unpack_from('<II', note, at)
                if kind == X86_FEATURES:
                    return struct.unpack_from('<I', note, at + 8)[0]
                at += 8 + (size + 7) // 8 * 8
        return 0


def variable(name):
    """What configure has found."""
    try:
        with open(os.path.join(harness.BUILD, 'Makefile'), encoding='utf-8') as stream:
            return re.search(rf'^{name} =(.*)$', stream.read(), re.M)[1]
    except OSError:
        raise harness.Skip('the build has no Makefile') from None


def each_program(t, flag, check):
    """Check all programs, where the compiler has the flag."""
    if flag not in variable('HARDENING_CFLAGS') + variable('HARDENING_LDFLAGS') + \
            variable('HARDENING_CPPFLAGS'):
        raise harness.Skip(f'built without {flag}')
    for name in PROGRAMS:
        path = os.path.join(harness.BUILD, name)
        if not os.path.exists(path):
            raise harness.Skip(f'there is no {path}')
        check(t, name, Elf(path))


@test('hardening/programs can be loaded anywhere')
def position(t):
    def check(t, name, elf):
        t.equal(elf.type, ET_DYN, name)
        t.true(PT_INTERP in elf.segments, f'{name} has no interpreter')
        t.true(elf.dynamic().get(DT_FLAGS_1, 0) & DF_1_PIE, f'{name} does not say so')
        t.true(DT_TEXTREL not in elf.dynamic(), f'{name} relocates its code')
    each_program(t, '-pie', check)


@test('hardening/relocations are read-only before the program starts')
def relocations(t):
    def check(t, name, elf):
        dynamic = elf.dynamic()
        t.true(PT_GNU_RELRO in elf.segments, f'{name} without RELRO')
        t.true(dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or DT_BIND_NOW in dynamic, f'{name} binds late')
        t.true(dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW, f'{name} binds late')
    each_program(t, '-z,now', check)


@test('hardening/no segment is writable and executable')
def segments(t):
    def check(t, name, elf):
        t.equal([flags & PF_X for flags, _ in elf.segments[PT_GNU_STACK]], [0], f'stack of {name}')
        both = [flags for flags, _ in elf.segments[PT_LOAD] if flags & PF_X and flags & PF_W]
        t.equal(both, [], name)
    each_program(t, '-z,noexecstack', check)


@test('hardening/libraries are those of the system')
def libraries(t):
    def check(t, name, elf):
        t.true(not {DT_RPATH, DT_RUNPATH} & set(elf.dynamic()), f'{name} has a path of its own')
    each_program(t, '', check)


@test('hardening/stacks are protected, lengths checked')
def protected(t):
    def check(t, name, elf):
        t.true(b'\0__stack_chk_fail\0' in elf.data, f'{name} does not look after its stack')
        t.true(re.search(rb'\0__(mem\w+|v?f?printf|read|recv)_chk\0', elf.data), f'{name}: no checks')
    each_program(t, '_FORTIFY_SOURCE', check)


@test('hardening/programs go with a shadow stack')
def shadow_stack(t):
    if platform.machine() != 'x86_64':
        raise harness.Skip('only x86-64 has that note')

    def check(t, name, elf):
        t.true(elf.x86_features() & SHSTK, f'{name} does not say so')
        t.true(elf.data.count(ENDBR64) > 10, f'{name}: targets of indirect jumps are not marked')
    each_program(t, '-z,shstk', check)


# A bus that runs

def no_sanitizers(what):
    if '-fsanitize' in variable('MODE_CFLAGS'):
        raise harness.Skip(f'sanitizers {what}')


SERVICE_FILE = '[D-BUS Service]\nName=com.example.Started\nExec={}\n'
REPORT = '#!/bin/sh\ngrep -E "^(NoNewPrivs|Seccomp):" /proc/self/status >"{0}.tmp"\n' \
         'mv "{0}.tmp" "{0}"\n'


def busy_bus(t, **options):
    """A bus that has done all kinds of things, and what a service that it started reported."""
    services, script, report = t.path('services'), t.path('report.sh'), t.path('report')
    os.makedirs(services)
    with open(script, 'w', encoding='utf-8') as out:
        out.write(REPORT.format(report))
    os.chmod(script, 0o755)
    with open(f'{services}/a.service', 'w', encoding='utf-8') as out:
        out.write(SERVICE_FILE.format(script))
    bus = t.bus(servicedir=services, **options)
    service, client = t.connect(bus), t.connect(bus)
    service.own('com.example.Service')
    reader, _ = t.pipe()
    server = Server(t, bus, [rule(CALL | FDS, 'com.example.Service')])
    for caller in (t.connect(bus), server.connect()):
        serial = caller.send(rawbus.call('com.example.Service', '/', 'a.b', 'M', fds=[reader]))
        request = service.wait_call()
        request.close_fds()
        service.send(rawbus.reply_to(request))
        t.returned(caller.wait_reply(serial))
    t.returned(client.bus('ReloadConfig'))
    client.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'StartServiceByName', 'su',
                            'com.example.Started', 0))
    t.true(harness.wait_until(lambda: os.path.exists(report)), 'the service was not started')
    client.close()
    with open(report, encoding='utf-8') as stream:
        return bus, stream.read()


@test('hardening/no memory of a running bus is writable and executable')
def memory(t):
    bus, _ = busy_bus(t)
    with open(f'/proc/{bus.pid}/maps', encoding='utf-8') as stream:
        maps = stream.read().splitlines()
    t.equal([line for line in maps if re.match(r'\S+ .w.?x|\S+ .wx', line)], [], 'mappings')


# Units

def need_filter():
    harness.need_program('systemd-analyze')
    no_sanitizers('make system calls that a bus does not')
    if platform.machine() != 'x86_64':
        raise harness.Skip('restrict.py knows the system calls of x86-64')


def restricted(*units):
    return [sys.executable, RESTRICT, *units, '--']


@test('hardening/the bus works under the restrictions of its unit, and so does what it starts')
def unit(t):
    need_filter()
    bus, report = busy_bus(t, prefix=restricted(UNIT))
    with open(f'/proc/{bus.pid}/status', encoding='utf-8') as stream:
        t.contains(stream.read(), 'Seccomp:\t2', 'the bus')
    t.contains(report, 'Seccomp:\t2', 'the service')
    if os.geteuid() == 0:
        t.contains(report, 'NoNewPrivs:\t0', 'the service, which may be the setuid helper')


@test('hardening/the bus works under strict.conf')
def strict(t):
    need_filter()
    bus, report = busy_bus(t, prefix=restricted(UNIT, STRICT))
    t.contains(report, 'NoNewPrivs:\t1', 'the service')
    t.lacks(bus.log(), 'Operation not permitted', 'the log')


@test('hardening/restrictions that a test runs under do restrict')
def they_restrict(t):
    need_filter()
    script = ('import ctypes, mmap, os, socket\n'
              'c = ctypes.CDLL(None, use_errno=True)\n'
              'for what in (lambda: socket.socket(socket.AF_INET), lambda: os.chmod(".", 0o4755),\n'
              '             lambda: mmap.mmap(-1, 4096, prot=7), lambda: socket.socket()):\n'
              '  try: what(); print("done")\n'
              '  except OSError as error: print("refused")\n'
              'print(c.unshare(0x10000000), c.personality(0xffffffff), c.acct(0))\n'
              'socket.socket(socket.AF_UNIX)\n')
    done = t.run([*restricted(UNIT, STRICT), sys.executable, '-c', script])
    t.equal(done.out.split(), ['refused'] * 4 + ['-1'] * 3, done.err)


def exposure(t, name, *parts):
    """What systemd-analyze thinks of a unit made of these."""
    path = t.path(f'{name}.service')
    with open(path, 'w', encoding='utf-8') as out:
        for part in parts:
            with open(part, encoding='utf-8') as stream:
                out.write(stream.read().partition('[Install]')[0].replace('@bindir@', '/usr/bin'))
    done = t.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', path])
    found = re.search(r'exposure level for \S+: ([\d.]+)', done.out)
    if not found:
        raise harness.Skip('systemd-analyze cannot judge a file: ' + done.err.strip()[:80])
    return float(found[1])


@test('hardening/systemd-analyze agrees with the document')
def analysed(t):
    harness.need_program('systemd-analyze')
    with open(DOCUMENT, encoding='utf-8') as stream:
        rows = dict(re.findall(r'^\| (`[^|]+`) \| ([\d.]+) \|', stream.read(), re.M))
    t.true(exposure(t, 'plain', UNIT) <= float(rows['`dbus-conductor.service`']), 'the unit')
    t.true(exposure(t, 'strict', UNIT, STRICT) <= float(rows['`dbus-conductor.service`, `strict.conf`']),
           'with strict.conf')


if __name__ == '__main__':
    harness.main()
