#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How many system calls a message costs: a count by strace, never a time."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, Server, request_header, rule
from harness import test

SERVICE = 'com.example.Service'
FEW, MANY = 100, 10100
PAIRS = MANY - FEW
ALLOWED = 3.1           # epoll_wait, recvmsg, sendmsg, and what happens now and then


def need_strace():
    harness.need_conductor()
    harness.need_program('strace')
    if subprocess.run(['strace', '-o', '/dev/null', 'true'], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise harness.Skip('strace may not trace here')


def exchange(caller, service, count):
    """Calls and returns, one at a time."""
    call = rawbus.call(SERVICE, '/com/example/Object', 'com.example.Iface', 'Method', 's',
                       'argument')
    for _ in range(count):
        call.serial = 0
        serial = caller.send(call)
        request = service.recv()
        service.send(rawbus.reply_to(request, 's', 'result'))
        if caller.recv().reply_serial != serial:
            raise harness.Failure('another message came in between')


def count_calls(t, pairs, contained):
    """All system calls of a bus that does nothing but start, exchange messages, and end."""
    output = t.path(f'strace-{pairs}')
    bus = t.bus(prefix=['strace', '-D', '-f', '-c', '-U', 'calls,name', '-o', output, '--'],
                check_fds=False)
    service = t.connect(bus)
    service.own(SERVICE)
    caller = Server(t, bus, [rule(CALL, SERVICE)]).connect() if contained else t.connect(bus)
    if contained:
        request_header(service)
    service.sync()
    exchange(caller, service, pairs)
    bus.quit()
    if not harness.wait_until(lambda: os.path.exists(output) and 'total' in read(output), 30):
        raise harness.Failure(f'strace wrote no summary: {bus.log()}')
    return parse(read(output))


def read(path):
    with open(path, encoding='utf-8') as stream:
        return stream.read()


def parse(summary):
    """{system call: count}, 'total' among them."""
    counts = {}
    for line in summary.splitlines():
        words = line.split()
        if len(words) == 2 and words[0].isdigit():
            counts[words[1]] = int(words[0])
    return counts


def compare(t, contained):
    need_strace()
    few, many = count_calls(t, FEW, contained), count_calls(t, MANY, contained)
    spent = {name: count - few.get(name, 0) for name, count in many.items()
             if count != few.get(name, 0)}
    per_message = spent['total'] / (2 * PAIRS)
    print(f'# {per_message:.4f} system calls for each of {2 * PAIRS} delivered messages: {spent}')
    t.true(per_message <= ALLOWED, f'{per_message} system calls per message: {spent}')


@test('syscalls/request and reply, one outstanding')
def uncontained(t):
    compare(t, False)


@test('syscalls/request and reply of a contained caller, one outstanding')
def contained_caller(t):
    compare(t, True)


def count_yields(t, name, config, reload_to=None):
    """How often a bus offered its processor to others before it slept."""
    output = t.path(name)
    bus = t.bus(prefix=['strace', '-D', '-f', '-c', '-U', 'calls,name', '-o', output, '--'],
                check_fds=False, extra=config)
    connection = t.connect(bus)
    if reload_to is not None:
        with open(bus.config, encoding='utf-8') as stream:
            text = stream.read()
        with open(bus.config, 'w', encoding='utf-8') as stream:
            stream.write(text.replace(config or '</busconfig>', reload_to))
        t.returned(connection.bus('ReloadConfig'))
    for _ in range(10):
        connection.sync()
    bus.quit()
    if not harness.wait_until(lambda: os.path.exists(output) and 'total' in read(output), 30):
        raise harness.Failure(f'strace wrote no summary: {bus.log()}')
    return parse(read(output)).get('sched_yield', 0)


@test('syscalls/<busy_poll> looks again before it sleeps, nobody else does')
def busy_poll(t):
    need_strace()
    element = '<busy_poll usec="200"/>'
    t.equal(count_yields(t, 'without', ''), 0, 'without it')
    t.true(count_yields(t, 'with', element) > 0, 'from the start')
    t.true(count_yields(t, 'later', '', element + '</busconfig>') > 0, 'from a reload on')


if __name__ == '__main__':
    harness.main()
