#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Those who do not read: the bus stays small and goes on serving the others.

The limit of a queue is 4 MiB here. Memory is what the bus has in RAM beyond what it had
at the start, and the bound leaves room for what malloc() makes of what is counted.
"""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, Server, rule
from harness import test

I = 'com.example.I'
MIB = 1 << 20
QUEUE = 4 * MIB
LIMITS = {'max_outgoing_bytes': QUEUE, 'max_outgoing_unix_fds': 64, 'max_message_unix_fds': 8}
NAMES = 100
# The address sanitizer keeps what was freed, which is not what is measured here.
FRUGAL = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'}


class Scene:
    """A bus, who does not read, and two who go on."""

    def __init__(self, t, extra='', **limits):
        self.t = t
        self.bus = t.bus(limits={**LIMITS, **limits}, check_fds=False, extra=extra, env=FRUGAL)
        self.client, self.server = t.connect(self.bus), t.connect(self.bus)
        self.slow = t.connect(self.bus)
        self.start = self.memory()

    def memory(self):
        """RAM that the bus uses, bytes."""
        with open(f'/proc/{self.bus.pid}/statm', encoding='ascii') as stream:
            return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def serves(self, what):
        """Others still get from one to the other and back."""
        serial = self.client.send(rawbus.call(self.server.unique, '/', I, 'Ping'))
        self.server.send(rawbus.reply_to(self.server.wait_call('Ping')))
        self.t.returned(self.client.wait_reply(serial), what)

    def stays_below(self, n_bytes, what):
        grown = self.memory() - self.start
        self.t.true(grown < n_bytes, f'{what}: the bus has grown by {grown >> 10} KiB')

    def stuff(self, connection, data, most):
        """Send copies of data until the bus reads no more; how many bytes it took."""
        sent = 0
        connection.sock.setblocking(False)
        while sent < most:
            offset = sent % len(data)
            for _ in range(10):
                try:
                    sent += connection.sock.send(data[offset:] if offset else data)
                    break
                except BlockingIOError:
                    self.client.sync()                  # the bus had its chance
            else:
                break
        connection.sock.setblocking(True)
        return sent


def quiet_call(peer, size, **options):
    return rawbus.call(peer.unique, '/', I, 'Call', 'ay', b'x' * size, flags=rawbus.NO_REPLY,
                       **options)


def errors(connection):
    return [m.error.rsplit('.', 1)[1] for m in connection.drain() if m.kind == rawbus.ERROR]


@test('slow-readers/one sender floods with calls')
def flood_calls(t):
    for size in (100, 10000, 300000):
        scene = Scene(t)
        sender, refused = t.connect(scene.bus), []
        for _ in range(12 * MIB // (size + 1000)):
            sender.send(quiet_call(scene.slow, size))
            refused += errors(sender)
            if len(refused) > 20:
                break
        t.equal(set(refused), {'LimitsExceeded'}, f'calls of {size} bytes')
        scene.serves('while the queue is full')
        scene.stays_below(4 * QUEUE, f'calls of {size} bytes')
        scene.slow.close()
        scene.serves('afterwards')


@test('slow-readers/one sender floods with signals')
def flood_signals(t):
    scene = Scene(t)
    scene.slow.add_match(f"interface='{I}'")
    scene.server.add_match(f"interface='{I}',member='Last'")
    sender = t.connect(scene.bus)
    for _ in range(1500):
        sender.send(rawbus.signal('/', I, 'Many', 'ay', b'x' * 10000))
    t.equal(errors(sender), [], 'the sender hears nothing of it')
    scene.serves('while the queue is full')
    scene.stays_below(4 * QUEUE, 'signals')
    sender.send(rawbus.signal('/', I, 'Last'))
    scene.server.wait_signal('Last')
    got = [m for m in scene.slow.drain() if m.member == 'Many']
    t.true(0 < len(got) < 1500, f'{len(got)} signals came')
    sender.send(rawbus.signal('/', I, 'Again'))
    scene.slow.wait_signal('Again')


@test('slow-readers/many senders broadcast')
def many_broadcast(t):
    scene = Scene(t)
    scene.slow.add_match(f"interface='{I}'")
    senders = [t.connect(scene.bus) for _ in range(20)]
    for _ in range(60):
        for sender in senders:
            sender.send(rawbus.signal('/', I, 'Many', 'ay', b'x' * 10000))
    for sender in senders:
        t.equal(errors(sender), [], 'a sender hears nothing of it')
    scene.serves('while the queue is full')
    scene.stays_below(4 * QUEUE, 'signals')
    came = {m.sender for m in scene.slow.drain() if m.member == 'Many'}
    t.equal(len(came), 20, 'senders of which something came')


@test('slow-readers/calls to the bus whose answers are not read')
def flood_driver(t):
    scene = Scene(t)
    for number in range(NAMES):
        scene.server.own(f'com.example.LongEnoughToFillAnAnswer.Name{number:05}')
    flood = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'ListNames', serial=9).encode()
    sent = scene.stuff(scene.slow, flood * 100, 32 * MIB)
    t.true(sent < 8 * MIB, f'{sent >> 10} KiB of calls were read')
    scene.serves('while nobody reads the answers')
    scene.stays_below(4 * QUEUE, 'answers')
    scene.slow.limit = 60
    whole = sent // len(flood)
    for _ in range(whole):
        t.equal(scene.slow.recv().reply_serial, 9, 'every answer comes when it is read')


@test('slow-readers/errors that are not read')
def flood_errors(t):
    scene = Scene(t)
    flood = rawbus.call('com.example.Nobody', '/', I, 'Call', serial=9).encode()
    sent = scene.stuff(scene.slow, flood * 100, 32 * MIB)
    t.true(sent < 16 * MIB, f'{sent >> 10} KiB of calls were read')
    scene.serves('while nobody reads the errors')
    scene.stays_below(4 * QUEUE, 'errors')


@test('slow-readers/who does not read and hangs up is gone')
def hang_up(t):
    scene = Scene(t)
    scene.slow.own('com.example.Slow')
    scene.client.add_match("member='NameOwnerChanged',arg0='com.example.Slow'")
    flood = rawbus.call('com.example.Nobody', '/', I, 'Call', serial=9).encode()
    scene.stuff(scene.slow, flood * 100, 32 * MIB)
    scene.slow.close()
    scene.client.wait_signal('NameOwnerChanged')
    scene.serves('afterwards')


@test('slow-readers/a sender that waits for a slow receiver and hangs up is gone')
def sender_hangs_up(t):
    scene = Scene(t, max_incoming_bytes=100000)
    sender = t.connect(scene.bus)
    sender.own('com.example.Sender')
    scene.client.add_match("member='NameOwnerChanged',arg0='com.example.Sender'")
    message = quiet_call(scene.slow, 5000)
    message.serial = 5
    sent = scene.stuff(sender, message.encode(), 16 * MIB)
    t.true(sent < 2 * MIB, f'{sent >> 10} KiB were read')
    sender.close()
    scene.client.wait_signal('NameOwnerChanged')
    for _ in range(sent // len(message.encode())):
        scene.slow.wait_call()
    scene.serves('afterwards')


@test('slow-readers/half messages')
def half_messages(t):
    scene = Scene(t)
    data = rawbus.call(scene.server.unique, '/', I, 'Call', 'ay', b'x' * MIB, serial=5).encode()
    halves = [t.connect(scene.bus) for _ in range(40)]
    for count, connection in enumerate(halves):
        connection.send_raw(data[:(16, 40, 100, 20000, 100000)[count % 5]])
    scene.serves('with half messages around')
    scene.stays_below(8 * MIB, 'half messages')         # 1 MiB of them has come
    for connection in halves[5:]:
        connection.close()
    halves[4].send_raw(data[100000:])
    t.equal(scene.server.wait_call('Call').sender, halves[4].unique, 'the other half')


@test('slow-readers/long messages before Hello')
def before_hello(t):
    scene = Scene(t)
    data = rawbus.call(rawbus.BUS, '/', I, 'Call', 'ay', b'x' * MIB, serial=5).encode()
    for _ in range(20):
        connection = t.connect(scene.bus, hello=False)
        try:
            connection.send_raw(data[:-1])
        except rawbus.Disconnected:
            continue
        connection.wait_closed()
    scene.serves('afterwards')
    scene.stays_below(4 * MIB, 'messages before Hello')
    late = t.connect(scene.bus, hello=False)
    hello = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello', serial=1).encode()
    late.send_raw(hello + quiet_call(scene.server, 300000, serial=2).encode())
    t.equal(len(scene.server.wait_call('Call').body[0]), 300000, 'right after Hello')


@test('slow-readers/descriptors without their message')
def half_descriptors(t):
    scene = Scene(t)
    reader, _ = t.pipe()
    before = scene.bus.count_fds()
    data = rawbus.call(scene.server.unique, '/', I, 'Call', serial=5, fds=[reader] * 8).encode()
    holders = [t.connect(scene.bus) for _ in range(10)]
    for connection in holders:
        connection.send_raw(data[:20], [reader] * 8)
    scene.serves('with half messages around')
    t.true(scene.bus.count_fds() <= before + 10 * 9, f'{scene.bus.count_fds()} descriptors')
    holders[0].send_raw(data[20:30], [reader] * 8)      # more than one message may have
    holders[0].wait_closed()
    holders[1].send_raw(data[20:])
    request = scene.server.wait_call('Call')
    t.equal(len(request.fds), 8, 'descriptors')
    request.close_fds()
    for connection in holders[2:]:
        connection.close()
    t.true(harness.wait_until(lambda: scene.bus.count_fds() <= before + 1), 'they are given back')


@test('slow-readers/descriptors to who does not read')
def descriptors(t):
    scene = Scene(t)
    sender, other = t.connect(scene.bus), t.connect(scene.bus)
    reader, _ = t.pipe()
    for _ in range(3):
        scene.client.send(quiet_call(scene.slow, 200000))
    scene.client.sync()
    before = scene.bus.count_fds()
    for _ in range(100):
        message = quiet_call(scene.slow, 10)
        message.fds = [reader]
        sender.send(message)
    t.equal(set(errors(sender)), {'LimitsExceeded'}, 'descriptors')
    t.true(scene.bus.count_fds() <= before + 65, 'descriptors are held')
    message = quiet_call(scene.slow, 10)
    message.fds = [reader]
    other.send(message)
    t.equal(errors(other), [], 'another sender')
    scene.serves('while the queue is full')


@test('slow-readers/a flood leaves room for other senders')
def fair_shares(t):
    scene = Scene(t)
    flooder, other = t.connect(scene.bus), t.connect(scene.bus)
    refused = []
    while len(refused) < 50:
        flooder.send(quiet_call(scene.slow, 10000))
        refused += errors(flooder)
    for _ in range(40):
        other.send(quiet_call(scene.slow, 10000))
    t.equal(errors(other), [], 'another sender')
    flooder.send(quiet_call(scene.slow, 10000))
    t.equal(errors(flooder), ['LimitsExceeded'], 'the flooder')
    came = [m.sender for m in scene.slow.drain() if m.kind == rawbus.CALL]
    t.equal(came.count(other.unique), 40, 'calls of the other')
    flooder.send(quiet_call(scene.slow, 10000))
    t.equal(errors(flooder), [], 'the flooder once the queue is empty')


@test('slow-readers/a container leaves room for its own user')
def fair_containers(t):
    scene = Scene(t, max_replies_per_connection=5000)
    scene.slow.own('com.example.Slow')
    server = Server(t, scene.bus, [rule(CALL, 'com.example.Slow')], manager=scene.client)
    refused = 0
    for flooder in [server.connect() for _ in range(8)]:
        for _ in range(200):
            flooder.send(rawbus.call('com.example.Slow', '/', I, 'Call', 'ay', b'x' * 10000))
        refused += len(errors(flooder))
    t.true(refused > 0, 'nothing was refused')
    other = t.connect(scene.bus)
    for _ in range(20):
        other.send(quiet_call(scene.slow, 10000))
    t.equal(errors(other), [], 'who is not in the container')


UNPRIVILEGED = '''
import sys, rawbus
slow, flooders = sys.argv[2], [rawbus.Connection(sys.argv[1]) for _ in range(30)]
refused = 0
for _ in range(40):
    for flooder in flooders:
        flooder.send(rawbus.call(slow, '/', 'a.b', 'C', 'ay', b'x' * 10000, flags=1))
for flooder in flooders:
    refused += len([m for m in flooder.drain() if m.kind == rawbus.ERROR])
print(refused)
'''


@test('slow-readers/many who do not read broadcasts hold no full queue each')
def many_deaf(t):
    scene = Scene(t)
    deaf = [t.connect(scene.bus) for _ in range(40)]
    for connection in deaf:
        connection.add_match(f"interface='{I}',member='Cast'")
    flood = rawbus.signal('/', I, 'Cast', 'ay', bytes(20000))
    for number in range(400):
        scene.server.send(flood)
        flood.serial = 0
        if number % 20 == 0:
            scene.serves(f'{number} broadcasts')
    scene.server.sync()
    scene.stays_below(5 * QUEUE, '40 connections that do not read broadcasts')
    scene.slow.add_match(f"interface='{I}',member='Cast'")
    scene.server.send(flood)
    scene.slow.wait_signal('Cast')              # who reads gets all


@test('slow-readers/connections that say nothing leave room for other users')
def silent_crowd(t):
    harness.need_root()
    bus = t.bus(limits={'max_incomplete_connections': 8},
                extra='  <policy context="default"><allow user="*"/></policy>\n')
    path = rawbus.parse_address(bus.address)
    os.chmod(path, 0o777)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    t.cleanups += [sock.close for sock in crowd]
    try:
        os.seteuid(61234)
        for sock in crowd:
            sock.connect(path)
    finally:
        os.seteuid(0)
    for _ in range(20):
        t.connect(bus).sync()
    t.true(harness.wait_until(lambda: bus.count_fds() <= bus.idle_fds + 20 + 8),
           'the places are as many as before')


@test('slow-readers/many connections of one user leave room for other users')
def fair_users(t):
    harness.need_root()
    scene = Scene(t, '  <policy context="mandatory"><allow user="*"/></policy>\n')
    flood = t.run_as(65534, UNPRIVILEGED, scene.bus.address, scene.slow.unique)
    t.true(int(flood.out or 0) > 0, f'nothing was refused: {flood.out}{flood.err}')
    other = t.connect(scene.bus)
    for _ in range(30):
        other.send(quiet_call(scene.slow, 10000))
    t.equal(errors(other), [], 'another user')


if __name__ == '__main__':
    harness.main()
