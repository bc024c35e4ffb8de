#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the compiler and the units do against those who find a mistake."""

import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import ANYBODY
from harness import test

PROGRAMS = ('dbus-conductor', 'dbus-container', 'dbus-container-proxy')
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474e551, 0x6474e552
DT_STRTAB, DT_STRSZ, DT_FLAGS, DT_FLAGS_1 = 5, 10, 30, 0x6ffffffb
ET_DYN, PF_X, PF_W = 3, 1, 2
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
ENDBR64 = b'\xf3\x0f\x1e\xfa'


class Elf:
    """The parts of a 64-bit program that say how it is protected."""

    def __init__(self, path):
        with open(path, 'rb') as stream:
            self.data = stream.read()
        if self.data[:5] != b'\x7fELF\x02':
            raise harness.Skip('no 64-bit ELF program')
        self.order = '<' if self.data[5] == 1 else '>'
        self.type, self.machine = self.get('HH', 16)
        offset, = self.get('Q', 32)
        size, count = self.get('HH', 54)
        self.segments = [self.get('IIQQQQQ', offset + number * size) for number in range(count)]
        self.dynamic = dict(self.read_dynamic())

    def get(self, form, at):
        return struct.unpack_from(self.order + form, self.data, at)

    def find(self, kind):
        return next((segment for segment in self.segments if segment[0] == kind), None)

    def read_dynamic(self):
        segment = self.find(PT_DYNAMIC)
        at = segment[2] if segment else len(self.data)
        while at + 16 <= len(self.data):
            tag, value = self.get('QQ', at)
            if tag == 0:
                return
            yield tag, value
            at += 16

    def strings(self):
        """Names that the dynamic linker looks for, among others."""
        address = self.dynamic[DT_STRTAB]
        for kind, _, offset, virtual, _, size, _ in self.segments:
            if kind == PT_LOAD and virtual <= address < virtual + size:
                start = offset + address - virtual
                return self.data[start:start + self.dynamic[DT_STRSZ]].split(b'\0')
        return []


def programs():
    for name in PROGRAMS:
        path = os.path.join(harness.BUILD, name)
        if not os.access(path, os.X_OK):
            raise harness.Skip(f'{name} is not built')
        yield name, Elf(path)


def compiled_with(flag):
    """Whether configure found that the compiler has this flag."""
    with open(os.path.join(harness.BUILD, 'Makefile'), encoding='utf-8') as stream:
        return any(flag in line for line in stream if line.startswith('HARDENING_'))


@test('hardening/position-independent, read-only after relocation')
def layout(t):
    for name, elf in programs():
        t.equal(elf.type, ET_DYN, f'{name}: position-independent')
        t.true(elf.find(PT_INTERP) and elf.dynamic[DT_FLAGS_1] & DF_1_PIE, f'{name}: a program')
        t.true(elf.find(PT_GNU_RELRO), f'{name}: RELRO')
        t.true(elf.dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or elf.dynamic[DT_FLAGS_1] & DF_1_NOW,
               f'{name}: bound at once')


@test('hardening/nothing is both written and executed')
def no_wx(t):
    for name, elf in programs():
        t.equal(elf.find(PT_GNU_STACK)[1] & PF_X, 0, f'{name}: the stack')
        for segment in elf.segments:
            if segment[0] == PT_LOAD:
                t.true(segment[1] & (PF_X | PF_W) != PF_X | PF_W, f'{name}: a segment')
    bus = t.bus()
    t.connect(bus).sync()
    with open(f'/proc/{bus.pid}/maps', encoding='ascii') as maps:
        for line in maps:
            permissions = line.split()[1]
            t.true('w' not in permissions or 'x' not in permissions, f'of the bus: {line}')


@test('hardening/checks of the compiler')
def compiler(t):
    for name, elf in programs():
        names = elf.strings()
        if compiled_with('-fstack-protector-strong'):
            t.true(b'__stack_chk_fail' in names, f'{name}: stack protector')
        if compiled_with('_FORTIFY_SOURCE') and name == 'dbus-conductor':
            t.true(any(text.startswith(b'__') and text.endswith(b'_chk') for text in names),
                   f'{name}: fortified')
        if compiled_with('-fcf-protection') and elf.machine == 62:
            # The program as a whole is only marked so where libc's start files are, too.
            t.true(elf.data.count(ENDBR64) > 10, f'{name}: targets of indirect jumps are marked')
    for flag in ('-fstack-clash-protection', '-fPIE'):
        t.true(compiled_with(flag), f'configure did not find {flag}')


@test('hardening/a system bus drops its privileges before it reads from anybody')
def privileges(t):
    harness.need_root()
    bus = t.bus(extra='  <user>nobody</user>\n' + ANYBODY,
                listen=f'unix:abstract=dct-hardening-{os.getpid()}')
    status = {}
    with open(f'/proc/{bus.pid}/status', encoding='ascii') as stream:
        for line in stream:
            key, _, value = line.partition(':')
            status[key] = value.split()
    t.equal(set(status['Uid'] + status['Gid']), {'65534'}, 'user and group of nobody')
    for key in ('CapInh', 'CapAmb'):
        t.equal(int(status[key][0], 16), 0, key)
    t.true(int(status['CapEff'][0], 16) in (0, 1 << 29), f'but audit: {status["CapEff"]}')
    with rawbus.Connection(bus.address) as client:
        t.returned(client.bus('GetId'), 'it serves')


@test('hardening/the unit of the system bus restricts it')
def unit(t):
    path = os.path.join(harness.BUILD, 'systemd', 'system', 'dbus-conductor.service')
    with open(path, encoding='utf-8') as stream:
        text = stream.read()
    for setting in ('LockPersonality=yes', 'ProtectKernelModules=yes', 'ProtectClock=yes',
                    'ProtectKernelLogs=yes', 'SystemCallArchitectures=native'):
        t.contains(text, setting + '\n', 'the unit')
    harness.need_program('systemd-analyze')
    done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', path],
                          capture_output=True, text=True, check=False)
    if 'Overall exposure' not in done.stdout:
        raise harness.Skip(f'systemd-analyze does not look at files here: {done.stderr.strip()}')
    print('# ' + done.stdout.strip().splitlines()[-1])


if __name__ == '__main__':
    harness.main()
