#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Peers that die at every byte of every phase, or stop.

A peer says what a client says: authentication, Hello, a name, a match rule, a call with
descriptors, a call with a large body. It is cut off behind each byte of that, in three
ways, and the bus then holds what it held before.
"""

import array
import os
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, Server, rule
from faults import FULL, I, MIB, Scene
from harness import test

BYSTANDER = 'com.example.Bystander'
LARGE = 70000                   # is received into memory of its own


def script(endian):
    """[(phase, bytes, number of descriptors that go with them)]"""
    def message(serial, what, flags=0):
        what.serial, what.endian, what.flags = serial, endian, flags
        return what.encode()

    def bus(member, *args):
        return rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member, *args)

    with_fds = rawbus.call(BYSTANDER, '/', I, 'Take', 'ah', [0, 1], fds=[0, 1])
    return [
        ('authentication', b'\0AUTH EXTERNAL ' + rawbus.hex_uid().encode() + b'\r\n', 0),
        ('authentication', b'NEGOTIATE_UNIX_FD\r\nBEGIN\r\n', 0),
        ('Hello', message(1, bus('Hello')), 0),
        ('RequestName', message(2, bus('RequestName', 'su', 'com.example.Dies', 0)), 0),
        ('AddMatch', message(3, bus('AddMatch', 's', "type='signal',arg0='x'")), 0),
        ('descriptors', message(4, with_fds, rawbus.NO_REPLY), 2),
        ('a call', message(5, rawbus.call(BYSTANDER, '/', I, 'Never')), 0),
        ('a large call', message(6, rawbus.call(BYSTANDER, '/', I, 'Never', 'ay',
                                                bytes(LARGE))), 0),
    ]


def cuts(parts):
    """Where to cut: every byte of what is short, some of what is long."""
    at = 0
    for phase, data, _ in parts:
        step = 1 if len(data) < 1000 else (499 if FULL else 9973)
        for offset in range(1, len(data) + 1, step):
            yield phase, at + offset
        at += len(data)


class Dying:
    """A peer that says a part of the script and goes."""

    def __init__(self, address, parts, end, fds):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(rawbus.parse_address(address))
        at = 0
        for _, data, n_fds in parts:
            piece = data[:max(0, end - at)]
            at += len(data)
            if piece and not self.say(piece, fds[:n_fds]):
                return

    def say(self, data, fds):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]
        try:
            while data:
                sent = self.sock.sendmsg([data], ancillary if fds else [])
                data, fds = data[sent:], ()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close(self):
        self.sock.close()

    def hang_up(self):
        """No more is said, but all that comes is read."""
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(20)
        try:
            while self.sock.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        self.close()

    def read_some(self):
        """With answers that nobody has read the kernel says something else to the bus."""
        self.sock.setblocking(False)
        try:
            self.sock.recv(1)
        except (BlockingIOError, ConnectionResetError):
            pass
        self.close()


def die(t, scene, address, parts, way):
    ends = os.pipe2(os.O_CLOEXEC)
    t.fds += ends
    count = 0
    for phase, end in cuts(parts):
        getattr(Dying(address, parts, end, ends), way)()
        count += 1
        if count % 100 == 0:
            scene.serves(f'{phase}, byte {end}')
            for message in scene.server.drain():
                message.close_fds()
    for message in scene.server.drain():
        message.close_fds()
    print(f'# {count} peers have died')


def check_all(t, way, endian='<'):
    scene = Scene(t)
    parts = script(endian)
    die(t, scene, scene.bus.address, parts[:4], way)
    scene.server.drain()
    scene.start()
    die(t, scene, scene.bus.address, parts, way)
    for message in scene.server.drain():
        message.close_fds()
    scene.check(f'peers that {way}')
    scene.check_memory(f'peers that {way}')


@test('faults-peers/dead behind every byte')
def dead(t):
    check_all(t, 'close')


@test('faults-peers/silent behind every byte')
def silent(t):
    check_all(t, 'hang_up')


@test('faults-peers/dead with answers unread behind every byte, in the other byte order')
def unread(t):
    check_all(t, 'read_some', '>' if sys.byteorder == 'little' else '<')


@test('faults-peers/dead behind every byte inside a container')
def contained(t):
    scene = Scene(t)
    server = Server(t, scene.bus, [rule(CALL | 0x10, BYSTANDER)])
    parts = script('<')
    die(t, scene, server.address, parts[:4], 'close')
    scene.server.drain()
    scene.start(others=1, fds=3)                # the manager, its pidfd, its socket
    die(t, scene, server.address, parts, 'close')
    scene.check('peers in a container')
    scene.check_memory('peers in a container')
    info = t.returned(server.info())
    t.true(info, 'the server is there still')


@test('faults-peers/a receiver that dies at every byte of what it gets')
def receiver(t):
    scene = Scene(t)
    n_bytes = 400000                            # more than a socket takes at once
    for round_number in range(2):
        for part in range(1, n_bytes, n_bytes // (200 if FULL else 20)):
            slow = rawbus.Connection(scene.bus.address)
            serial = scene.client.send(rawbus.call(slow.unique, '/', I, 'Large', 'ay',
                                                   bytes(n_bytes)))
            got = 0
            while got < part:
                got += len(slow.sock.recv(min(65536, part - got)))
            slow.close()
            reply = scene.client.wait_reply(serial)
            t.failed(reply, 'NoReply', 'who was called is gone')
        if round_number == 0:
            scene.start()
    scene.check('receivers that die')
    scene.check_memory('receivers that die')


@test('faults-peers/descriptors that come apart from their message')
def apart(t):
    """Some at the first byte, some in the middle, then the end."""
    scene = Scene(t)
    scene.start()
    ends = os.pipe2(os.O_CLOEXEC)
    t.fds += ends
    call = rawbus.call(BYSTANDER, '/', I, 'Take', 'ah', [0, 1, 2, 3], fds=[0] * 4,
                       flags=rawbus.NO_REPLY)
    call.serial = 9
    data = call.encode()
    for cut in range(1, len(data)):
        for more in (2, 1, 0):                  # of these, how many come later
            peer = rawbus.Connection(scene.bus.address)
            peer.send_raw(data[:cut], [ends[0]] * (4 - more))
            if more:
                peer.send_raw(data[cut:-1] or data[-1:], [ends[1]] * more)
            peer.close()
    for message in scene.server.drain():
        message.close_fds()
    scene.check('descriptors that come apart')
    scene.check_memory('descriptors that come apart')


@test('faults-peers/descriptors apart from their message arrive all the same')
def apart_arrives(t):
    scene = Scene(t)
    ends = os.pipe2(os.O_CLOEXEC)
    t.fds += ends
    call = rawbus.call(BYSTANDER, '/', I, 'Take', 'ah', [0, 1, 2], fds=[0] * 3)
    call.serial = 9
    data = call.encode()
    with rawbus.Connection(scene.bus.address) as peer:
        scene.start(others=1)
        peer.send_raw(data[:7], [ends[0]])
        peer.send_raw(data[7:40], [ends[1]])
        peer.send_raw(data[40:], [ends[0]])
        request = scene.server.wait_call('Take')
        t.equal([os.path.sameopenfile(*pair) for pair in
                 zip(request.fds, (ends[0], ends[1], ends[0]))], [True] * 3, 'in order')
        request.close_fds()
        scene.check('descriptors that came apart')


STOPPED = '''
import sys
import rawbus
connection = rawbus.Connection(sys.argv[1], timeout=100)
connection.add_match("type='signal',interface='com.example.I',member='Count'")
print(connection.unique, flush=True)
numbers = []
while not numbers or numbers[-1] < int(sys.argv[2]):
    numbers.append(connection.wait_signal('Count').body[0])
print(numbers == sorted(set(numbers)), len(numbers), flush=True)
'''


@test('faults-peers/a reader that is stopped, and goes on')
def stopped(t):
    """What it could not take was bounded; what was accepted for it comes in order."""
    scene = Scene(t, limits={'max_outgoing_bytes': 2 * MIB})
    last, n_bytes = 2999, 4000
    reader = t.spawn([sys.executable, '-B', '-c', STOPPED, scene.bus.address, str(last)],
                     env=dict(os.environ, PYTHONPATH=harness.HERE))
    name = reader.stdout.readline().decode().strip()
    t.true(name.startswith(':'), 'the reader is there')
    scene.start(others=1)
    os.kill(reader.pid, signal.SIGSTOP)
    for number in range(last):
        scene.server.send(rawbus.signal('/', I, 'Count', 'uay', number, bytes(n_bytes)))
        if number % 500 == 0:
            scene.serves(f'{number} signals to who is stopped')
    scene.server.sync()
    scene.check_memory('signals to who is stopped', slack=8 * MIB)
    os.kill(reader.pid, signal.SIGCONT)

    def empty():
        stats = scene.client.bus('GetConnectionStats', 's', name,
                                 interface='org.freedesktop.DBus.Debug.Stats').body[0]
        return stats['OutgoingBytes'].value == 0

    t.true(harness.wait_until(empty, 60), 'it has read what was kept for it')
    scene.server.send(rawbus.signal('/', I, 'Count', 'uay', last, b''))
    in_order, count = reader.stdout.readline().decode().split()
    t.equal(in_order, 'True', 'what came was in order')
    t.true(100 < int(count) <= last + 1, f'{count} signals came')
    reader.wait(30)
    t.true(harness.wait_until(lambda: scene.bus.count_fds() == scene.bus.idle_fds + 2),
           'nothing is left of the reader')


@test('faults-peers/what somebody said before going arrives, though nothing can be sent there')
def last_words(t):
    scene = Scene(t)
    scene.start()
    for _ in range(5):
        peer = rawbus.Connection(scene.bus.address)
        data = b''.join(rawbus.call('com.example.Bystander', '/', I, 'Last', 'uay', number,
                                    bytes(9000), flags=rawbus.NO_REPLY,
                                    serial=9 + number).encode() for number in range(14))
        os.kill(scene.bus.pid, signal.SIGSTOP)
        peer.sock.sendall(data)                 # more than the bus reads at once
        scene.client.send(rawbus.call(peer.unique, '/', I, 'Hear', flags=rawbus.NO_REPLY))
        peer.close()
        os.kill(scene.bus.pid, signal.SIGCONT)
        for number in range(14):
            t.equal(scene.server.wait_call('Last').body[0], number, 'all of it, in order')
    scene.client.drain()
    scene.check('last words')


@test('faults-peers/a service that dies with calls on it')
def service_dies(t):
    scene = Scene(t)
    scene.start()
    for _ in range(30 if FULL else 8):
        service = rawbus.Connection(scene.bus.address)
        service.own('com.example.Dies')
        serials = [scene.client.send(rawbus.call('com.example.Dies', '/', I, 'Wait'))
                   for _ in range(50)]
        service.wait_call('Wait')
        service.close()
        for serial in serials:
            t.failed(scene.client.wait_reply(serial), 'NoReply')
    scene.client.drain()
    scene.check('services that die')
    scene.check_memory('services that die')


if __name__ == '__main__':
    harness.main()
