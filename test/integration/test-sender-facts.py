#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""RequestSenderFacts: header fields with uid, pid and label of the sender, for who asked."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import OTHER, UID, connect
from containers import ANYBODY, CALL, INTERFACE, RECEIVE, SERVICE, Server, request_header, rule
from harness import test

USER_ID, PROCESS_ID, LABEL, CONTAINER = 240, 241, 242, 10
CODES = {'UnixUserID': USER_ID, 'ProcessID': PROCESS_ID, 'LinuxSecurityLabel': LABEL}
ALL = list(CODES)
PORTAL, PORTAL_PATH = 'org.example.Portal', '/org/example/portal'


def ask(connection, *names):
    return connection.bus('RequestSenderFacts', 'as', list(names), interface=INTERFACE)


def facts_of(message):
    """The header fields of ours: code to value."""
    return {code: message.field(code) for code in CODES.values()
            if message.field(code) is not None}


def credentials(connection, name):
    """The same facts, as GetConnectionCredentials tells them."""
    known = connection.bus('GetConnectionCredentials', 's', name).body[0]
    return {CODES[key]: value.value for key, value in known.items() if key in CODES}


def signal(path='/a', **options):
    return rawbus.signal(path, 'com.example.I', 'Signal', **options)


def ping(sender, receiver, member='Method'):
    sender.send(rawbus.call(receiver.unique, '/', 'com.example.I', member, flags=rawbus.NO_REPLY))
    return receiver.wait_call(member)


@test('5/facts/as in GetConnectionCredentials, in messages of every kind')
def every_kind(t):
    bus = t.bus()
    receiver, sender = t.connect(bus), t.connect(bus)
    expected = credentials(receiver, sender.unique)
    t.equal((expected[USER_ID], expected[PROCESS_ID]), (os.getuid(), os.getpid()))
    t.returned(ask(receiver, *ALL))
    t.equal(facts_of(ping(sender, receiver)), expected, 'call')
    receiver.add_match("member='Signal'")
    sender.send(signal())
    t.equal(facts_of(receiver.wait_signal('Signal')), expected, 'broadcast')
    sender.send(signal(destination=receiver.unique))
    t.equal(facts_of(receiver.wait_signal('Signal')), expected, 'unicast signal')
    serial = receiver.send(rawbus.call(sender.unique, '/', 'com.example.I', 'Asked'))
    sender.send(rawbus.reply_to(sender.wait_call('Asked')))
    t.equal(facts_of(receiver.wait_reply(serial)), expected, 'return')
    serial = receiver.send(rawbus.call(sender.unique, '/', 'com.example.I', 'Asked'))
    sender.send(rawbus.error_to(sender.wait_call('Asked'), 'com.example.E'))
    t.equal(facts_of(receiver.wait_reply(serial)), expected, 'error')
    own = receiver.bus('GetId')
    t.equal(facts_of(own), {USER_ID: os.getuid(), PROCESS_ID: bus.pid}, 'the bus itself')


@test('5/facts/only to those who asked, and only what they asked for')
def only_asked(t):
    bus = t.bus()
    sender = t.connect(bus)
    expected = credentials(sender, sender.unique)
    wanted = [(), ('UnixUserID',), ('ProcessID', 'LinuxSecurityLabel'), ALL]
    receivers = []
    for names in wanted:
        receiver = t.connect(bus)
        receiver.add_match("member='Signal'")
        if names:
            t.returned(ask(receiver, *names))
        receivers.append((names, receiver))
    header = t.connect(bus)
    header.add_match("member='Signal'")
    request_header(header)
    sender.send(signal())
    for names, receiver in receivers:
        message = receiver.wait_signal('Signal')
        t.equal(facts_of(message), {code: value for code, value in expected.items()
                                    if code in [CODES[name] for name in names]}, names)
        t.equal(message.field(CONTAINER), None, 'RequestHeader is another opt-in')
    message = header.wait_signal('Signal')
    t.equal((facts_of(message), message.field(CONTAINER)), ({}, '/'))
    t.returned(ask(header, 'ProcessID'))
    t.equal(ping(sender, header).field(CONTAINER), '/', 'both')


@test('5/facts/each call replaces the one before; an unknown fact changes nothing')
def replaced(t):
    bus = t.bus()
    receiver, sender = t.connect(bus), t.connect(bus)
    t.returned(ask(receiver, 'UnixUserID'))
    t.failed(ask(receiver, 'ProcessID', 'ProcessFD'), 'InvalidArgs')
    t.equal(list(facts_of(ping(sender, receiver))), [USER_ID])
    t.returned(ask(receiver, 'ProcessID', 'ProcessID'))
    t.equal(list(facts_of(ping(sender, receiver))), [PROCESS_ID])
    t.returned(ask(receiver))
    t.equal(facts_of(ping(sender, receiver)), {})
    reply = receiver.bus('Get', 'ss', INTERFACE, 'SupportedSenderFacts',
                         interface=harness.PROPERTIES)
    t.equal(sorted(t.returned(reply)[0].value), sorted(ALL))


@test('5/facts/forged ones are removed, whatever their type')
def forged(t):
    bus = t.bus()
    sender, plain, asked = t.connect(bus), t.connect(bus), t.connect(bus)
    t.returned(ask(asked, *ALL))
    expected = credentials(asked, sender.unique)
    for signature, value in (('u', 4711), ('s', 'forged'), ('ay', b'forged\0'), ('t', 4711)):
        for receiver, result in ((plain, {}), (asked, expected)):
            message = rawbus.call(receiver.unique, '/', 'com.example.I', 'Forged',
                                  flags=rawbus.NO_REPLY)
            message.fields += [(code, signature, value) for code in CODES.values()]
            sender.send(message)
            t.equal(facts_of(receiver.wait_call('Forged')), result, signature)


@test('5/facts/broadcasts of every size and byte order reach both kinds of receiver')
def mixed(t):
    bus = t.bus()
    sender, plain, asked = t.connect(bus), t.connect(bus), t.connect(bus)
    expected = credentials(asked, sender.unique)
    t.returned(ask(asked, *ALL))
    for receiver in (plain, asked):
        receiver.add_match("member='Signal'")
    for size in (0, 1, 7, 100, 5000, 300000):
        for endian in '<>':
            body = bytes(i % 251 for i in range(size))
            sender.send(rawbus.signal('/a', 'com.example.I', 'Signal', 'ay', body, endian=endian))
            for receiver, result in ((plain, {}), (asked, expected)):
                message = receiver.wait_signal('Signal')
                t.equal(facts_of(message), result, f'{size} {endian}')
                t.equal(bytes(message.body[0]), body, f'{size} {endian}')


@test('5/facts/users, containers and monitors')
def users(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
    service, monitor, asking_monitor = t.connect(bus), t.connect(bus), t.connect(bus)
    t.returned(ask(service, 'UnixUserID'))
    t.returned(ask(asking_monitor, 'UnixUserID'))
    for watcher in (monitor, asking_monitor):
        t.returned(watcher.bus('BecomeMonitor', 'asu', ["member='Method'"], 0,
                               interface='org.freedesktop.DBus.Monitoring'))
    server = Server(t, bus, [rule(CALL), rule(RECEIVE)], named={'Users': ('au', [0, UID, OTHER])})
    for uid in (UID, OTHER, 0):
        for where in (bus, server.address):
            sender = connect(t, where, uid)
            t.equal(facts_of(ping(sender, service)), {USER_ID: uid})
            t.equal(facts_of(monitor.wait_call('Method')), {}, 'nobody asked here')
            t.equal(facts_of(asking_monitor.wait_call('Method')), {USER_ID: uid})
    app = server.connect(uid=0)
    t.returned(ask(app, 'UnixUserID'), 'contained')
    app.add_match("member='Signal'")
    connect(t, bus, OTHER).send(signal())
    t.equal(facts_of(app.wait_signal('Signal')), {USER_ID: OTHER})


def portal_questions(t, method):
    """How many times a portal asks for credentials while ten callers make three calls each."""
    program = os.path.join(harness.BUILD, 'doc', 'examples', 'portal')
    if not os.path.exists(program):
        raise harness.Skip(f'{program} is not built')
    bus = t.bus()
    monitor, counter = t.connect(bus), t.connect(bus)
    t.returned(monitor.bus('BecomeMonitor', 'asu', ["member='GetConnectionCredentials'"], 0,
                           interface='org.freedesktop.DBus.Monitoring'))
    portal = t.spawn([program], env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': bus.address})
    t.equal(portal.stdout.readline(), b'READY\n')
    answers = []
    for _ in range(10):
        caller = t.connect(bus)
        answers += [t.returned(caller.call(PORTAL, PORTAL_PATH, PORTAL, method)) for _ in range(3)]
    t.returned(counter.bus('GetConnectionCredentials', 's', counter.unique))
    questions = 0
    while monitor.wait_call('GetConnectionCredentials').field(7) != counter.unique:
        questions += 1
    return questions, answers


@test('5/facts/a portal asks nothing: GetConnectionCredentials calls saved')
def saved(t):
    by_question, told = portal_questions(t, 'UserByCredentials')
    by_field, known = portal_questions(t, 'User')
    t.equal((by_question, by_field), (10, 0), 'questions for ten callers')
    t.equal(known, told, 'the same answers')
    t.equal(known[0], (os.getuid(),))


if __name__ == '__main__':
    harness.main()
