#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much memory a message asks for: a count, never a time."""

import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, Server, request_header, rule
from harness import test

SERVICE = 'com.example.Service'
WARM_UP, COUNTED = 64, 2000
ALLOWED = 0.01          # a message; what happens now and then


def read(path):
    with open(path, 'rb') as stream:
        return stream.read()


class Counter:
    """Counts the allocations of a bus; harness.Bus options are in .options."""

    def __init__(self, t):
        harness.need_conductor()
        harness.need_program('cc')
        if b'libasan' in read(harness.CONDUCTOR):
            raise harness.Skip('a sanitizer counts its own allocations')
        library = t.path('count.so')
        built = t.run(['cc', '-shared', '-fPIC', '-o', library,
                       os.path.join(harness.HERE, 'count-allocations.c')])
        t.equal(built.returncode, 0, built.err)
        self.path = t.path('count')
        with open(self.path, 'wb') as out:
            out.write(bytes(8))
        self.options = {'env': {'LD_PRELOAD': library, 'COUNT_ALLOCATIONS': self.path}}

    def read(self):
        return struct.unpack('=Q', read(self.path))[0]


def calls(caller, service, count):
    call = rawbus.call(SERVICE, '/com/example/Object', 'com.example.Iface', 'Method', 's', 'text')
    for _ in range(count):
        call.serial = 0
        serial = caller.send(call)
        service.send(rawbus.reply_to(service.recv(), 's', 'result'))
        if caller.recv().reply_serial != serial:
            raise harness.Failure('another message came in between')


def signals(service, receivers, count):
    signal = rawbus.signal('/com/example/Object', 'com.example.Iface', 'Changed', 's', 'text')
    for _ in range(count):
        signal.serial = 0
        service.send(signal)
        for receiver in receivers:
            receiver.recv()


def count(t, counter, run, messages):
    """Allocations for each message of run(n), which exchanges that many times n."""
    run(WARM_UP)
    before = counter.read()
    t.true(before > 0, 'nothing was counted')
    run(COUNTED)
    per_message = (counter.read() - before) / (COUNTED * messages)
    print(f'# {per_message:.4f} allocations for each of {COUNTED * messages} messages')
    t.true(per_message <= ALLOWED, f'{per_message} allocations for each message')


def start(t):
    counter = Counter(t)
    bus = t.bus(**counter.options)
    service = t.connect(bus)
    service.own(SERVICE)
    return counter, bus, service


@test('allocations/request and reply')
def uncontained(t):
    counter, bus, service = start(t)
    caller = t.connect(bus)
    count(t, counter, lambda n: calls(caller, service, n), 2)


@test('allocations/request and reply of a contained caller')
def contained(t):
    counter, bus, service = start(t)
    request_header(service)
    caller = Server(t, bus, [rule(CALL, SERVICE)]).connect()
    count(t, counter, lambda n: calls(caller, service, n), 2)


@test('allocations/a signal for ten')
def broadcast(t):
    counter, bus, service = start(t)
    receivers = [t.connect(bus) for _ in range(10)]
    for receiver in receivers:
        receiver.add_match("type='signal',interface='com.example.Iface'")
    count(t, counter, lambda n: signals(service, receivers, n), 11)


if __name__ == '__main__':
    harness.main()
