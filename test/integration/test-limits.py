#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every limit of dbus-daemon(1), on both buses: who is refused, who is hung up on, what stays.

Each test has the name of its limit in doc/limits.md.
"""

import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test

DOCUMENT = os.path.join(harness.TOP, 'doc', 'limits.md')
SOURCE = os.path.join(harness.TOP, 'policy', 'config.c')
I = 'com.example.I'
LIMITED = []


def limit(name, **options):
    """The function is run on both buses, with these limits and options for them."""
    LIMITED.append(name.split('/')[0])

    def register(function):
        def both(t):
            harness.need_conductor()
            programs = [harness.CONDUCTOR]
            if harness.REFERENCE and os.access(harness.REFERENCE, os.X_OK):
                programs.insert(0, harness.REFERENCE)
            for program in programs:
                try:
                    function(t, start(t, program, options))
                except Exception as error:
                    raise harness.Failure(f'{program}: {error!r}') from error
        harness.CASES.append((f'limits/{name}', both))
        return function
    return register


def start(t, program, options):
    given = {key: value for key, value in options.items() if key != 'services'}
    if 'services' in options:
        given['servicedir'] = t.path('services')
        os.makedirs(t.path('services'), exist_ok=True)
        for name, command in options['services'].items():
            with open(f'{t.path("services")}/{name}.service', 'w', encoding='utf-8') as out:
                out.write(f'[D-BUS Service]\nName={name}\nExec={command}\n')
    return t.bus(program=program, check_fds=False, **given)


def payload(size):
    return b'x' * size


def call(peer, size=0, **options):
    return rawbus.call(peer.unique, '/', I, 'Call', 'ay', payload(size), **options)


def quiet_call(peer, size=0, **options):
    return call(peer, size, flags=rawbus.NO_REPLY, **options)


def congest(sender, receiver):
    """Make the socket of a receiver that does not read full."""
    for _ in range(3):
        sender.send(quiet_call(receiver, 200000))
    sender.sync()


def send_until_stuck(sender, message, other, most):
    """Send copies until the bus reads no more from this sender; how many bytes it took."""
    data, sent = message.encode(), 0
    sender.sock.setblocking(False)
    while sent < most:
        try:
            sent += sender.sock.send(data[sent % len(data):])
        except BlockingIOError:
            before = sent
            for _ in range(20):                         # the bus had its chance
                other.sync()
            try:
                sent += sender.sock.send(data[sent % len(data):])
            except BlockingIOError:
                if sent == before:
                    break
    sender.sock.setblocking(True)
    return sent


@limit('max_incoming_bytes', limits={'max_incoming_bytes': 100000})
def max_incoming_bytes(t, bus):
    slow, sender, other = t.connect(bus), t.connect(bus), t.connect(bus)
    message = quiet_call(slow, 10000, serial=7)
    sent = send_until_stuck(sender, message, other, 20 << 20)
    t.true(sent < 4 << 20, f'{sent} bytes were taken')
    t.returned(other.bus('GetId'), 'others')
    size = len(message.encode())
    for _ in range(sent // size):
        t.equal(slow.wait_call().serial, 7, 'a call')


@limit('max_incoming_unix_fds', limits={'max_incoming_unix_fds': 4})
def max_incoming_unix_fds(t, bus):
    slow, filler, sender, other = (t.connect(bus) for _ in range(4))
    congest(filler, slow)
    before = bus.count_fds()
    reader, _ = t.pipe()
    for _ in range(40):
        sender.send(quiet_call(slow, fds=[reader]))
    for _ in range(20):
        other.sync()
    t.true(bus.count_fds() <= before + 6, f'{bus.count_fds() - before} descriptors are held')
    for _ in range(3):
        slow.wait_call()
    for _ in range(40):
        message = slow.wait_call()
        t.equal(len(message.fds), 1, 'descriptors')
        message.close_fds()
    t.returned(sender.sync(), 'the sender')


@limit('max_outgoing_bytes', limits={'max_outgoing_bytes': 1000000})
def max_outgoing_bytes(t, bus):
    slow, sender, other = (t.connect(bus) for _ in range(3))
    refused, sent = 0, 0
    while not refused and sent < 4000:
        sender.send(quiet_call(slow, 10000))
        sent += 1
        refused = len([m for m in sender.drain() if m.kind == rawbus.ERROR])
    t.true(refused, f'{sent} calls were taken')
    t.true(sent * 10000 < 3 << 20, f'{sent} calls were taken')
    reply = sender.request(call(slow, 10000))
    t.failed(reply, 'LimitsExceeded', 'one more')
    t.returned(other.bus('GetId'), 'others')
    for _ in range(sent - refused):
        slow.wait_call()
    sender.send(call(slow))
    slow.send(rawbus.reply_to(slow.wait_call()))
    t.equal(sender.recv().kind, rawbus.RETURN, 'once it has read')


@limit('max_outgoing_unix_fds', limits={'max_outgoing_unix_fds': 8})
def max_outgoing_unix_fds(t, bus):
    slow, filler, sender = (t.connect(bus) for _ in range(3))
    congest(filler, slow)
    reader, _ = t.pipe()
    before = bus.count_fds()
    errors = [m for _ in range(20) for m in (sender.send(quiet_call(slow, fds=[reader])),
                                             *sender.drain()) if not isinstance(m, int)]
    t.true(0 < len(errors) < 20, f'{len(errors)} of 20 calls were refused')
    t.equal({m.error for m in errors}, {'org.freedesktop.DBus.Error.LimitsExceeded'}, 'errors')
    t.true(bus.count_fds() <= before + 10, 'descriptors are held')
    for _ in range(3):
        slow.wait_call()
    for _ in range(20 - len(errors)):
        slow.wait_call().close_fds()


@limit('max_message_size', limits={'max_message_size': 10000})
def max_message_size(t, bus):
    receiver, sender, other = (t.connect(bus) for _ in range(3))
    sender.send(quiet_call(receiver, 9000))
    t.equal(len(receiver.wait_call().body[0]), 9000, 'what is not too long')
    sender.send(quiet_call(receiver, 10000))
    sender.wait_closed()
    t.equal(receiver.drain(), [], 'what the receiver got')
    t.returned(other.bus('GetId'), 'others')


@limit('max_message_unix_fds', limits={'max_message_unix_fds': 2})
def max_message_unix_fds(t, bus):
    receiver, sender, other = (t.connect(bus) for _ in range(3))
    reader, _ = t.pipe()
    sender.send(quiet_call(receiver, fds=[reader] * 2))
    t.equal(len(receiver.wait_call().fds), 2, 'descriptors')
    sender.send(quiet_call(receiver, fds=[reader] * 3))
    sender.wait_closed()
    t.equal(receiver.drain(), [], 'what the receiver got')
    t.returned(other.bus('GetId'), 'others')


@limit('service_start_timeout', limits={'service_start_timeout': 300},
       services={'com.example.Late': '/bin/sleep 100'})
def service_start_timeout(t, bus):
    a = t.connect(bus)
    reply = a.call('com.example.Late', '/', I, 'Call')
    t.failed(reply, 'TimedOut', 'a call')
    t.failed(a.bus('StartServiceByName', 'su', 'com.example.Late', 0), 'TimedOut', 'a start')


@limit('auth_timeout', limits={'auth_timeout': 300})
def auth_timeout(t, bus):
    ready = t.connect(bus)
    silent, nameless = t.connect(bus, auth=False), t.connect(bus, hello=False)
    silent.wait_closed()
    nameless.wait_closed()
    t.returned(ready.bus('GetId'), 'who has said Hello in time')


def half_of(connection, receiver, fds=()):
    data = quiet_call(receiver, 100, serial=5, fds=fds).encode()
    connection.send_raw(data[:40], fds)
    return data[40:]


@limit('pending_fd_timeout', limits={'pending_fd_timeout': 300})
def pending_fd_timeout(t, bus):
    receiver, patient, hoarder = (t.connect(bus) for _ in range(3))
    reader, _ = t.pipe()
    rest = half_of(patient, receiver)
    half_of(hoarder, receiver, [reader])
    hoarder.wait_closed()
    patient.send_raw(rest)
    t.equal(receiver.wait_call().sender, patient.unique, 'half a message without descriptors')


@limit('reply_timeout', limits={'reply_timeout': 300})
def reply_timeout(t, bus):
    caller, callee = t.connect(bus), t.connect(bus)
    serials = [caller.send(call(callee)) for _ in range(3)]
    for serial in serials:
        t.failed(caller.wait_reply(serial), 'NoReply', 'a call without answer')
    callee.send(rawbus.reply_to(callee.wait_call()))
    callee.sync()
    late = [m.reply_serial for m in caller.drain() if m.kind == rawbus.RETURN]
    t.equal(late, serials[:1], 'a late reply, which the policy of this bus allows')
    serial = caller.send(call(callee))
    for _ in range(3):
        request = callee.wait_call()
    callee.send(rawbus.reply_to(request))
    t.returned(caller.wait_reply(serial), 'an answer in time')


@limit('reply_timeout/none', limits={})
def no_reply_timeout(t, bus):
    caller, callee = t.connect(bus), t.connect(bus)
    serial = caller.send(call(callee))
    request = callee.wait_call()
    caller.sync()
    callee.close()
    t.failed(caller.wait_reply(serial), 'NoReply', request.member)


@limit('max_completed_connections', limits={'max_completed_connections': 3})
def max_completed_connections(t, bus):
    have = [t.connect(bus) for _ in range(3)]
    more = t.connect(bus, hello=False)
    t.failed(more.bus('Hello'), 'LimitsExceeded', 'one more')
    have[0].bus('AddMatch', 's', "member='NameOwnerChanged',arg2=''")
    have.pop().close()
    have[0].wait_signal('NameOwnerChanged')
    t.connect(bus)
    t.returned(have[0].bus('GetId'), 'the others')


@limit('max_incomplete_connections', limits={'max_incomplete_connections': 2})
def max_incomplete_connections(t, bus):
    ready = t.connect(bus)
    held = [t.connect(bus, auth=False) for _ in range(2)]
    for connection in held:
        connection.auth_line(b'\0AUTH')
    waiting = socket.socket(socket.AF_UNIX)
    t.cleanups.append(waiting.close)
    waiting.connect(rawbus.parse_address(bus.address))
    waiting.setblocking(False)
    waiting.send(b'\0AUTH\r\n')
    for _ in range(20):
        ready.sync()
    try:
        t.equal(waiting.recv(100), None, 'it was served')
    except BlockingIOError:
        pass
    held.pop().close()
    waiting.settimeout(20)
    t.contains(waiting.recv(100).decode(), 'REJECTED', 'once there is room')


@limit('max_connections_per_user', limits={'max_connections_per_user': 3})
def max_connections_per_user(t, bus):
    have = [t.connect(bus) for _ in range(3)]
    t.failed(t.connect(bus, hello=False).bus('Hello'), 'LimitsExceeded', 'one more')
    t.returned(have[0].bus('GetId'), 'the others')
    have[0].bus('AddMatch', 's', "member='NameOwnerChanged',arg2=''")
    have.pop().close()
    have[0].wait_signal('NameOwnerChanged')
    t.connect(bus)


SLEEPERS = {f'com.example.Sleeper{n}': '/bin/sleep 100' for n in range(3)}


@limit('max_pending_service_starts', services=SLEEPERS,
       limits={'max_pending_service_starts': 2, 'service_start_timeout': 2000})
def max_pending_service_starts(t, bus):
    a, b = t.connect(bus), t.connect(bus)
    waiting = [a.send(rawbus.call(f'com.example.Sleeper{n}', '/', I, 'Call')) for n in range(2)]
    a.sync()
    for connection in (a, b):
        t.failed(connection.call('com.example.Sleeper2', '/', I, 'Call'), 'LimitsExceeded',
                 'one more')
        t.failed(connection.bus('StartServiceByName', 'su', 'com.example.Sleeper2', 0),
                 'LimitsExceeded', 'one more by name')
    for serial in waiting:
        t.failed(a.wait_reply(serial), 'TimedOut', 'those that were first')
    serial = b.send(rawbus.call('com.example.Sleeper2', '/', I, 'Call'))
    t.failed(b.wait_reply(serial), 'TimedOut', 'once there is room')


@limit('max_names_per_connection', limits={'max_names_per_connection': 3})
def max_names_per_connection(t, bus):
    a, b = t.connect(bus), t.connect(bus)
    a.own('com.example.One')                            # its unique name is the first of three
    b.own('com.example.Taken')
    t.equal(a.bus('RequestName', 'su', 'com.example.Taken', 0).body, (2,), 'in the queue')
    t.failed(a.bus('RequestName', 'su', 'com.example.Two', 0), 'LimitsExceeded', 'one more')
    t.failed(a.bus('RequestName', 'su', 'com.example.One', 0), 'LimitsExceeded', 'its own again')
    t.equal(a.bus('NameHasOwner', 's', 'com.example.Two').body, (False,), 'the refused one')
    t.equal(a.bus('ReleaseName', 's', 'com.example.Taken').body, (1,), 'release')
    a.own('com.example.Two')
    b.own('com.example.Three')


@limit('max_match_rules_per_connection', limits={'max_match_rules_per_connection': 2})
def max_match_rules_per_connection(t, bus):
    a, b = t.connect(bus), t.connect(bus)
    for member in ('One', 'Two'):
        a.add_match(f"member='{member}'")
    t.failed(a.bus('AddMatch', 's', "member='Three'"), 'LimitsExceeded', 'one more')
    t.failed(a.bus('AddMatch', 's', "member='One'"), 'LimitsExceeded', 'the same once more')
    for member in ('One', 'Three', 'Two'):
        b.send(rawbus.signal('/', I, member))
    b.sync()
    t.equal([m.member for m in a.drain()], ['One', 'Two'], 'what the rules match')
    t.returned(a.bus('RemoveMatch', 's', "member='One'"))
    a.add_match("member='Three'")
    b.add_match("member='Other'")


@limit('max_replies_per_connection', limits={'max_replies_per_connection': 2})
def max_replies_per_connection(t, bus):
    caller, callee, other = (t.connect(bus) for _ in range(3))
    first = [caller.send(call(callee)) for _ in range(2)]
    t.failed(caller.request(call(callee)), 'LimitsExceeded', 'one more')
    caller.send(quiet_call(callee))
    other_serial = other.send(call(callee))
    requests = [callee.wait_call() for _ in range(4)]
    t.equal([m.sender for m in requests], [caller.unique] * 3 + [other.unique], 'calls')
    callee.send(rawbus.reply_to(requests[0]))
    callee.send(rawbus.reply_to(requests[3]))
    t.returned(caller.wait_reply(first[0]))
    t.returned(other.wait_reply(other_serial))
    serial = caller.send(call(callee))
    callee.send(rawbus.reply_to(callee.wait_call()))
    t.returned(caller.wait_reply(serial), 'once there is room')


@limit('max_message_size/claimed', limits={'max_message_size': 10000})
def claimed_size(t, bus):
    """The header alone is enough to be refused."""
    sender = t.connect(bus)
    sender.send_raw(b'l\1\0\1' + struct.pack('<III', 1 << 20, 1, 16) + b'\1\1o\0\1\0\0\0/\0\0\0')
    sender.wait_closed()
    t.returned(t.connect(bus).bus('GetId'), 'others')


@test('limits/a reload changes them')
def reload_changes(t):
    bus = t.bus(limits={'max_match_rules_per_connection': 1})
    a = t.connect(bus)
    a.add_match("member='One'")
    t.failed(a.bus('AddMatch', 's', "member='Two'"), 'LimitsExceeded', 'before')
    bus.write_config(limits={'max_match_rules_per_connection': 3})
    t.returned(a.bus('ReloadConfig'))
    a.add_match("member='Two'")
    bus.write_config(limits={'max_match_rules_per_connection': 1})
    t.returned(a.bus('ReloadConfig'))
    t.failed(a.bus('AddMatch', 's', "member='Three'"), 'LimitsExceeded', 'lowered')
    b = t.connect(bus)
    b.send(rawbus.signal('/', I, 'Two'))
    b.sync()
    t.equal([m.member for m in a.drain()], ['Two'], 'what was there stays')


def known_limits():
    """Names and defaults of the limits in the source."""
    with open(SOURCE, encoding='utf-8') as stream:
        text = stream.read()
    table = re.search(r'default_limits = \{(.*?)\};', text, re.S)[1]
    values = {}
    for name, value in re.findall(r'\.(\w+) = ([^,]+),', table):
        number, _, shift = value.partition('<<')
        values[name] = ('none' if value == 'NEVER' else
                        str(int(number) << int(shift)) if shift else value)
    return values


@test('limits/the document has each with its default')
def documented(t):
    with open(DOCUMENT, encoding='utf-8') as stream:
        rows = re.findall(r'^\| `(\w+)` \| ([^|]+) \|', stream.read(), re.M)
    t.equal({name: value.strip() for name, value in rows}, known_limits(), DOCUMENT)
    ours = {name for name in known_limits() if 'container' not in name}
    t.equal(set(LIMITED), ours, 'limits with a test')


if __name__ == '__main__':
    harness.main()
