#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times that are over: in which order, for whom, and while the bus has other things to do.

Nothing here says how long anything takes: the times are short, and what must happen is waited for.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test
from transcript import scenario

I = 'com.example.I'
SOON = {'reply_timeout': 300}


def call(peer, member='Call', **options):
    return rawbus.call(peer.unique, '/', I, member, **options)


@scenario('timers/replies that do not come, one after the other', limits=SOON)
def in_order(s):
    a, b, c = s.peers('A', 'B', 'C')
    calls = []
    for number in range(4):
        calls.append((a, a.send(call((b, c)[number % 2].connection), f'call {number}')))
    for peer, serial in calls:
        peer.receive(lambda m, serial=serial: m.reply_serial == serial)
    b.show()
    c.show()


@scenario('timers/some answers come, some do not', limits=SOON)
def some(s):
    a, b = s.peers('A', 'B')
    serials = [a.send(call(b.connection), f'call {number}') for number in range(3)]
    requests = [b.receive() for _ in range(3)]
    b.send(rawbus.reply_to(requests[1]))
    for serial in (serials[1], serials[0], serials[2]):
        a.receive(lambda m, serial=serial: m.reply_serial == serial)
    a.show()


@scenario('timers/who asks goes before the time is over', limits=SOON)
def caller_goes(s):
    a, b, c = s.peers('A', 'B', 'C')
    a.send(call(b.connection))
    b.receive()
    a.connection.close()
    serial = c.send(call(b.connection), 'later call')
    c.receive(lambda m: m.reply_serial == serial)       # the time of the first one is over, too
    b.show()


@scenario('timers/who is asked goes before the time is over', limits=SOON)
def callee_goes(s):
    a, b, c = s.peers('A', 'B', 'C')
    first = a.send(call(b.connection), 'call to B')
    b.receive()
    second = a.send(call(c.connection), 'call to C')
    b.connection.close()
    a.receive(lambda m: m.reply_serial == first)
    a.receive(lambda m: m.reply_serial == second)
    a.show()


@scenario('timers/calls that want no reply time out for nobody', limits=SOON)
def no_reply(s):
    a, b = s.peers('A', 'B')
    a.send(call(b.connection, flags=rawbus.NO_REPLY), 'without reply')
    serial = a.send(call(b.connection), 'with reply')
    a.receive(lambda m: m.reply_serial == serial)
    a.show()


@scenario('timers/the serial of a call whose time is over can be used again', limits=SOON)
def serial_again(s):
    a, b = s.peers('A', 'B')
    for _ in range(2):
        a.send(call(b.connection, serial=77))
        a.receive(lambda m: m.reply_serial == 77)


@test('timers/a flood does not stop the clock')
def under_load(t):
    bus = t.bus(limits=SOON)
    caller, callee, busy = t.connect(bus), t.connect(bus), t.connect(bus)
    serial = caller.send(call(callee))
    flood = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId', serial=9).encode() * 50
    done = False
    while not done:
        busy.send_raw(flood)
        for _ in range(50):
            busy.recv()
        try:
            t.failed(caller.wait_reply(serial, 0.001), 'NoReply')
            done = True
        except rawbus.Timeout:
            continue


@test('timers/a reload sets the time for what is asked from then on')
def reload_sets(t):
    bus = t.bus()
    caller, callee = t.connect(bus), t.connect(bus)
    old = caller.send(call(callee, 'Old'))
    bus.write_config(limits=SOON)
    t.returned(caller.bus('ReloadConfig'))
    t.failed(caller.request(call(callee, 'New')), 'NoReply', 'a call after the reload')
    callee.send(rawbus.reply_to(callee.wait_call('Old')))
    t.returned(caller.wait_reply(old), 'a call from before it')
    bus.write_config()
    t.returned(caller.bus('ReloadConfig'))
    serial = caller.send(call(callee, 'Last'))
    callee.send(rawbus.reply_to(callee.wait_call('Last')))
    t.returned(caller.wait_reply(serial), 'a call without a limit again')


@test('timers/each connection has its own time to say Hello')
def auth_each(t):
    bus = t.bus(limits={'auth_timeout': 300}, check_fds=False)
    late = [t.connect(bus, auth=False) for _ in range(5)]
    late[2].authenticate()
    late[2].hello()
    late[3].authenticate()
    for index in (0, 1, 3, 4):
        late[index].wait_closed()
    t.returned(late[2].bus('GetId'), 'who was in time')


@test('timers/descriptors that get their message in time')
def pending_fds(t):
    bus = t.bus(limits={'pending_fd_timeout': 300}, check_fds=False)
    sender, receiver, late = (t.connect(bus) for _ in range(3))
    reader, _ = t.pipe()
    data = call(receiver, serial=5, fds=[reader], flags=rawbus.NO_REPLY).encode()
    for _ in range(3):
        sender.send_raw(data[:30], [reader])
        sender.send_raw(data[30:])
        receiver.wait_call().close_fds()
    late.send_raw(data[:30], [reader])
    late.wait_closed()
    t.returned(sender.bus('GetId'), 'who was in time')


SLEEPER = '[D-BUS Service]\nName=com.example.{0}\nExec=/bin/sleep 100\n'


@test('timers/all who wait for a service hear when its time is over')
def service_waiters(t):
    folder = t.path('services')
    os.mkdir(folder)
    for name in ('One', 'Two'):
        with open(f'{folder}/{name}.service', 'w', encoding='utf-8') as out:
            out.write(SLEEPER.format(name))
    bus = t.bus(limits={'service_start_timeout': 300}, servicedir=folder, check_fds=False)
    peers = [t.connect(bus) for _ in range(3)]
    waiting = []
    for peer in peers:
        for name in ('com.example.One', 'com.example.Two'):
            waiting.append((peer, peer.send(rawbus.call(name, '/', I, 'Call'))))
            waiting.append((peer, peer.send(rawbus.call(
                rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'StartServiceByName', 'su', name, 0))))
    gone = t.connect(bus)
    gone.send(rawbus.call('com.example.One', '/', I, 'Call'))
    gone.close()
    for peer, serial in waiting:
        t.failed(peer.wait_reply(serial), 'TimedOut')
    t.true(harness.wait_until(lambda: not children(bus.pid)), 'the programs are not ended')


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as stream:
        return stream.read().split()


if __name__ == '__main__':
    harness.main()
