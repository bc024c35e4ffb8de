#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a program under the restrictions of a unit, without systemd.

    restrict.py UNIT... -- PROGRAM [ARGUMENT...]

Of what the [Service] sections say, that which needs no other view of the file system is done as
systemd does it: NoNewPrivileges, CapabilityBoundingSet, MemoryDenyWriteExecute, and with a filter of
system calls SystemCallFilter, SystemCallErrorNumber, RestrictAddressFamilies, RestrictNamespaces,
RestrictRealtime, RestrictSUIDSGID and LockPersonality. For x86-64, where the numbers of system
calls and the place of their arguments are known here.
"""

import ctypes
import errno
import os
import re
import socket
import struct
import subprocess
import sys

NUMBERS = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'
CAPABILITIES = '/usr/include/linux/capability.h'
ARCHITECTURE = 0xc000003e
ALLOW, ERRNO, KILL = 0x7fff0000, 0x00050000, 0x80000000
LOAD, EQUAL, AND_BITS, RETURN = 0x20, 0x15, 0x45, 0x06
NO_NEW_PRIVS, SET_SECCOMP, BOUNDING_DROP, SET_MDWE = 38, 22, 24, 65
NAMESPACES = 0x7e020080
SET_ID_BITS = 0o6000

libc = ctypes.CDLL(None, use_errno=True)


def prctl(*args):
    padded = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in (*args, 0, 0, 0, 0)[:5]]
    if libc.prctl(*padded) < 0:
        raise OSError(ctypes.get_errno(), f'prctl({args[0]})')


def settings(paths):
    """NAME -> all that was said, in order; nothing takes back what was said before."""
    found = {}
    for path in paths:
        with open(path, encoding='utf-8') as stream:
            for name, value in re.findall(r'^(\w+)=(.*)$', stream.read(), re.M):
                found[name] = [*found.get(name, ()), value] if value else []
    return found


def numbers():
    with open(NUMBERS, encoding='utf-8') as stream:
        return {name: int(number)
                for name, number in re.findall(r'__NR_(\w+) (\d+)', stream.read())}


def members(group):
    """The system calls of a @group, as systemd has them."""
    text = subprocess.run(['systemd-analyze', 'syscall-filter', '--no-pager', group], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    names = set()
    for word in re.findall(r'^    (@?[a-z][\w-]*)', text, re.M):
        names |= members(word) if word[0] == '@' else {word}
    return names


def filtered(values, known):
    """Numbers of the calls that are refused."""
    refused = set()
    for value in values:
        names = set()
        for word in value.lstrip('~').split():
            names |= members(word) if word[0] == '@' else {word}
        chosen = {known[name] for name in names if name in known}
        refused |= chosen if value[0] == '~' else set(known.values()) - chosen
    return refused


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack('HBBI', code, if_true, if_false, value)


def load_argument(index):
    return instruction(LOAD, 16 + 8 * index)


def refuse(number, code):
    return instruction(EQUAL, number, 0, 1) + instruction(RETURN, ERRNO | code)


def refuse_bits(number, argument, bits):
    """When the call has one of these in an argument; the number is loaded again behind it."""
    return (instruction(EQUAL, number, 0, 4) + load_argument(argument) +
            instruction(AND_BITS, bits, 0, 1) + instruction(RETURN, ERRNO | errno.EPERM) +
            instruction(LOAD, 0))


def only_families(number, names):
    families = [getattr(socket, name) for name in names]
    checks = b''.join(instruction(EQUAL, family, len(families) - at)
                      for at, family in enumerate(families))
    body = load_argument(0) + checks + instruction(RETURN, ERRNO | errno.EAFNOSUPPORT)
    return instruction(EQUAL, number, 0, len(body) // 8 + 1) + body + instruction(LOAD, 0)


def program(said):
    known = numbers()
    code = getattr(errno, said.get('SystemCallErrorNumber', ['EPERM'])[-1])
    text = instruction(LOAD, 4) + instruction(EQUAL, ARCHITECTURE, 1) + instruction(RETURN, KILL)
    text += instruction(LOAD, 0)
    for number in sorted(filtered(said.get('SystemCallFilter', ()), known)):
        text += refuse(number, code)
    if 'RestrictAddressFamilies' in said:
        text += only_families(known['socket'], said['RestrictAddressFamilies'][-1].split())
    if 'RestrictNamespaces' in said:
        text += refuse_bits(known['clone'], 0, NAMESPACES)
        text += refuse_bits(known['unshare'], 0, NAMESPACES) + refuse(known['setns'], errno.EPERM)
    if 'RestrictRealtime' in said:
        text += refuse_bits(known['sched_setscheduler'], 1, 3)
    if 'RestrictSUIDSGID' in said:
        for name, argument in (('chmod', 1), ('fchmod', 1), ('fchmodat', 2), ('mkdir', 1),
                               ('mkdirat', 2), ('openat', 3)):
            text += refuse_bits(known[name], argument, SET_ID_BITS)
    if 'LockPersonality' in said:
        text += refuse(known['personality'], errno.EPERM)
    return text + instruction(RETURN, ALLOW)


def set_filter(said):
    text = program(said)
    code = ctypes.create_string_buffer(text, len(text))
    header = struct.pack('HxxxxxxP', len(text) // 8, ctypes.addressof(code))
    prctl(SET_SECCOMP, 2, ctypes.c_char_p(header))


def bound_capabilities(kept):
    with open(CAPABILITIES, encoding='utf-8') as stream:
        known = dict(re.findall(r'^#define (CAP_\w+)\s+(\d+)$', stream.read(), re.M))
    for name, number in known.items():
        if name not in kept:
            prctl(BOUNDING_DROP, int(number))


def main():
    at = sys.argv.index('--')
    said = settings(sys.argv[1:at])
    if os.geteuid() == 0 and 'CapabilityBoundingSet' in said:
        bound_capabilities(said['CapabilityBoundingSet'][-1].split())
    if os.geteuid() != 0 or 'NoNewPrivileges' in said:
        prctl(NO_NEW_PRIVS, 1)
    if 'MemoryDenyWriteExecute' in said:
        prctl(SET_MDWE, 1)
    set_filter(said)
    os.execv(sys.argv[at + 1], sys.argv[at + 1:])


if __name__ == '__main__':
    main()
