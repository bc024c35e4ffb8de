#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Messages with descriptors: doc/containers1.md, section 4, the last row of the table.

Every kind of message in both directions, within an instance, to and from the driver, and to a
service that is started for it. What is refused must leave no descriptor in the bus, and whoever
waits for an answer must get one.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (CALL, FDS, INTERFACE, OWN, RECEIVE, SEE, SERVICE, Server, rule)
from harness import test

IFACE, PATH = 'com.example.Iface', '/object'
HERE = os.path.dirname(os.path.abspath(__file__))
STARTABLE = 'com.example.Startable'


class Ends:
    """A contained connection, a sibling of it, and a service outside."""

    def __init__(self, t, rules=(), **options):
        self.t = t
        self.bus = t.bus(**options)
        self.service = t.connect(self.bus)
        self.service.own(SERVICE)
        self.server = Server(t, self.bus, rules)
        self.inside, self.sibling = self.server.connect(), self.server.connect()
        self.null = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
        t.fds.append(self.null)
        for connection in (self.service, self.sibling, self.inside):
            connection.add_match(f"type='signal',interface='{IFACE}'")
            connection.drain()
        self.bus_fds = self.bus.count_fds()

    def allow(self, *rules):
        self.t.returned(self.server.manager.bus('AddServerRules', 'oa(usos)', self.server.path,
                                                list(rules), interface=INTERFACE))

    def opt_in(self, flags):
        self.t.returned(self.service.bus('AllowContainers', 'oa(uos)', '/', [(flags, PATH, '')],
                                         interface=INTERFACE))

    def message(self, kind, destination=None, **fields):
        """A message with a descriptor."""
        fields = rawbus.fields_of(destination=destination, **fields)
        return rawbus.Message(kind, fields, 'h', (0,), fds=[self.null])

    def unicast(self, kind, destination):
        return self.message(kind, destination, path=PATH, interface=IFACE, member='M')

    def arrives(self, sender, receiver, message):
        """How many descriptors came with it; None: it did not come. And what the sender got."""
        sender.send(message)
        sender.sync()
        found = None
        for got in receiver.drain():
            if got.sender == sender.unique:
                found = len(got.fds)
                if got.kind == rawbus.CALL:
                    receiver.send(rawbus.reply_to(got))
                    receiver.sync()
            got.close_fds()
        sender.sync()
        answers = [m.error for m in sender.take() if m.kind == rawbus.ERROR]
        self.nothing_kept()
        return found, answers

    def call_and_answer(self, caller, callee, kind):
        """What the caller gets: 'with' or 'without' descriptors, or the name of an error."""
        serial = caller.send(rawbus.call(callee.unique, PATH, IFACE, 'Ask'))
        request = callee.wait_call('Ask')
        fields = {'error': 'com.example.Error'} if kind == rawbus.ERROR else {}
        callee.send(self.message(kind, request.sender, reply_serial=serial, **fields))
        self.t.equal([m for m in callee.drain() if m.kind == rawbus.ERROR], [], 'what it hears')
        reply = caller.wait_reply(serial)
        self.t.equal(caller.drain(), [], 'a second answer')
        n_fds = len(reply.fds)
        reply.close_fds()
        self.nothing_kept()
        return 'with' if n_fds else reply.error

    def nothing_kept(self):
        kept = self.bus.count_fds() - self.bus_fds
        self.t.true(harness.wait_until(lambda: self.bus.count_fds() <= self.bus_fds, 5),
                    f'the bus keeps {kept} descriptors')


DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
UNKNOWN = 'org.freedesktop.DBus.Error.ServiceUnknown'

# (what, rules, whether a call and a unicast signal pass, the error of a call that does not)
OUTWARD = (
    ('no rule', [], False, UNKNOWN),
    ('a rule without descriptors', [rule(CALL, SERVICE)], False, DENIED),
    ('a rule with descriptors', [rule(CALL | FDS, SERVICE)], True, None),
    ('descriptors in a rule for another path',
     [rule(CALL, SERVICE), rule(CALL | FDS, SERVICE, '/other')], False, DENIED),
    ('descriptors in a rule for another interface',
     [rule(CALL, SERVICE), rule(CALL | FDS, SERVICE, PATH, 'com.example.Other')], False, DENIED),
    ('descriptors in a rule that allows no calls', [rule(CALL, SERVICE),
                                                    rule(SEE | RECEIVE | FDS, SERVICE)], False,
     DENIED),
    ('descriptors in a rule for another name', [rule(CALL, SERVICE),
                                                rule(CALL | FDS, 'com.example.Other')], False,
     DENIED),
    ('a second rule with descriptors', [rule(CALL, SERVICE), rule(CALL | FDS, SERVICE, PATH)], True,
     None),
    ('everybody, with descriptors', [rule(CALL | FDS, '')], True, None),
)


def register_outward(title, rules, passes, error):
    @test(f'4/out, calls and unicast signals: {title}')
    def outward(t):
        ends = Ends(t, rules)
        for destination in (SERVICE, ends.service.unique):
            for kind in (rawbus.CALL, rawbus.SIGNAL):
                found, answers = ends.arrives(ends.inside, ends.service,
                                              ends.unicast(kind, destination))
                what = f'{rawbus.TYPE_NAMES[kind]} to {destination}'
                t.equal(found, 1 if passes else None, what)
                t.equal(answers, [error] if error and kind == rawbus.CALL else [], what)
    return outward


for row in OUTWARD:
    register_outward(*row)


@test('4/out, calls and unicast signals: an opt-in')
def out_by_opt_in(t):
    for flags, passes in ((CALL, False), (CALL | FDS, True), (RECEIVE | FDS, False)):
        ends = Ends(t)
        ends.opt_in(flags)
        for kind in (rawbus.CALL, rawbus.SIGNAL):
            found, _ = ends.arrives(ends.inside, ends.service, ends.unicast(kind, SERVICE))
            t.equal(found, 1 if passes else None, f'{flags:#x} {rawbus.TYPE_NAMES[kind]}')


@test('4/in, calls, unicast signals and broadcasts carry descriptors')
def inward(t):
    ends = Ends(t, [rule(RECEIVE, SERVICE)])
    for kind in (rawbus.CALL, rawbus.SIGNAL):
        found, answers = ends.arrives(ends.service, ends.inside,
                                      ends.unicast(kind, ends.inside.unique))
        t.equal((found, answers), (1, []), rawbus.TYPE_NAMES[kind])
    broadcast = ends.unicast(rawbus.SIGNAL, None)
    t.equal(ends.arrives(ends.service, ends.inside, broadcast)[0], 1, 'broadcast')


@test('4/in, a broadcast without RECEIVE')
def inward_filtered(t):
    ends = Ends(t, [rule(CALL | FDS, SERVICE)])
    broadcast = ends.unicast(rawbus.SIGNAL, None)
    t.equal(ends.arrives(ends.service, ends.inside, broadcast)[0], None, 'broadcast')


@test('4/returns and errors out: any rule with descriptors for the receiver')
def answers_out(t):
    for rules, passes in (([], False), ([rule(CALL, SERVICE)], False),
                          ([rule(SEE | FDS, SERVICE, '/other', 'a.b')], True),
                          ([rule(RECEIVE | FDS, 'com.example.Other')], False),
                          ([rule(CALL | FDS, '')], True)):
        ends = Ends(t, rules)
        for kind in (rawbus.RETURN, rawbus.ERROR):
            got = ends.call_and_answer(ends.service, ends.inside, kind)
            t.equal(got, 'with' if passes else DENIED, f'{rules} {rawbus.TYPE_NAMES[kind]}')


@test('4/returns out: the caller\'s names at the time of the answer')
def answers_when(t):
    ends = Ends(t, [rule(SEE | FDS, SERVICE)])
    serial = ends.service.send(rawbus.call(ends.inside.unique, PATH, IFACE, 'Ask'))
    ends.inside.wait_call('Ask')
    ends.service.bus('ReleaseName', 's', SERVICE)
    ends.inside.send(ends.message(rawbus.RETURN, ends.service.unique, reply_serial=serial))
    t.failed(ends.service.wait_reply(serial), 'AccessDenied')
    ends.nothing_kept()


@test('4/returns and errors in carry descriptors')
def answers_in(t):
    ends = Ends(t, [rule(CALL, SERVICE)])
    for kind in (rawbus.RETURN, rawbus.ERROR):
        t.equal(ends.call_and_answer(ends.inside, ends.service, kind), 'with',
                rawbus.TYPE_NAMES[kind])


@test('4/within the instance: any rule with descriptors for the receiver')
def within(t):
    ends = Ends(t)
    for kind in (rawbus.CALL, rawbus.SIGNAL):
        found, answers = ends.arrives(ends.inside, ends.sibling,
                                      ends.unicast(kind, ends.sibling.unique))
        t.equal(found, None, f'{rawbus.TYPE_NAMES[kind]} without')
        t.equal(answers, [DENIED] if kind == rawbus.CALL else [], 'it is told, the other is seen')
    broadcast = ends.unicast(rawbus.SIGNAL, None)
    t.equal(ends.arrives(ends.inside, ends.sibling, broadcast)[0], None, 'broadcast without')
    got = ends.call_and_answer(ends.inside, ends.sibling, rawbus.RETURN)
    t.equal(got, DENIED, 'return without')
    ends.allow(rule(SEE | FDS, ends.sibling.unique))
    for kind in (rawbus.CALL, rawbus.SIGNAL):
        found, _ = ends.arrives(ends.inside, ends.sibling, ends.unicast(kind, ends.sibling.unique))
        t.equal(found, 1, f'{rawbus.TYPE_NAMES[kind]} with')
    t.equal(ends.call_and_answer(ends.inside, ends.sibling, rawbus.RETURN), DENIED, 'of the caller')
    t.equal(ends.call_and_answer(ends.sibling, ends.inside, rawbus.RETURN), 'with', 'return with')


@test('4/broadcasts out, receiver by receiver')
def broadcast_out(t):
    ends = Ends(t, [rule(SEE | FDS, SERVICE)])
    plain = t.connect(ends.bus)
    plain.add_match(f"interface='{IFACE}'")
    ends.bus_fds += 1
    ends.inside.send(ends.unicast(rawbus.SIGNAL, None))
    ends.inside.sync()
    for receiver, count in ((ends.service, [1]), (plain, []), (ends.sibling, [])):
        got = [m for m in receiver.drain() if m.member == 'M']
        t.equal([len(m.fds) for m in got], count, receiver.unique)
        for message in got:
            message.close_fds()
    ends.inside.send(rawbus.signal(PATH, IFACE, 'Plain'))
    ends.inside.sync()
    for receiver in (ends.service, plain, ends.sibling):
        t.equal([m.member for m in receiver.drain()], ['Plain'], 'without descriptors')


@test('4/to another instance and back')
def between_instances(t):
    ends = Ends(t)
    other = Server(t, ends.bus, [rule(CALL | FDS, ends.inside.unique)]).connect()
    ends.bus_fds = ends.bus.count_fds()
    found, _ = ends.arrives(other, ends.inside, ends.unicast(rawbus.CALL, ends.inside.unique))
    t.equal(found, 1, 'it may send')
    got = ends.call_and_answer(other, ends.inside, rawbus.RETURN)
    t.equal(got, DENIED, 'the answer needs a rule of the other instance')
    ends.allow(rule(SEE | FDS, other.unique))
    t.equal(ends.call_and_answer(other, ends.inside, rawbus.RETURN), 'with', 'and has it')


@test('4/to the driver they are closed, which is no denial')
def to_driver(t):
    ends = Ends(t)
    for kind in (rawbus.CALL, rawbus.SIGNAL):
        message = ends.message(kind, rawbus.BUS, path=rawbus.BUS_PATH, interface=rawbus.BUS,
                               member='GetId')
        ends.inside.send(message)
        answers = ends.inside.drain()
        t.true(not any(m.error == DENIED for m in answers), 'no denial')
        ends.nothing_kept()
    t.lacks(ends.bus.log(), 'denied', 'log')


@test('4/unexpected answers with descriptors')
def unexpected(t):
    ends = Ends(t, [rule(CALL | FDS, '')])
    for sender, receiver in ((ends.inside, ends.service), (ends.service, ends.inside),
                             (ends.inside, ends.sibling)):
        sender.send(ends.message(rawbus.RETURN, receiver.unique, reply_serial=77))
        t.equal((sender.drain(), receiver.drain()), ([], []), 'dropped')
        ends.nothing_kept()


@test('4/a denied call that wants no reply')
def no_reply(t):
    ends = Ends(t)
    message = ends.unicast(rawbus.CALL, SERVICE)
    message.flags = rawbus.NO_REPLY
    t.equal(ends.arrives(ends.inside, ends.service, message), (None, []), 'dropped')


def startable(t, extra=''):
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, f'{STARTABLE}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={STARTABLE}\n'
                  f'Exec=/usr/bin/python3 -B {HERE}/rawbus-service.py {STARTABLE}\n{extra}')
    return folder


def start_with_descriptor(t, ends):
    """What a call with a descriptor to the service that is not running yet comes to."""
    serial = ends.inside.send(ends.unicast(rawbus.CALL, STARTABLE))
    reply = ends.inside.wait_reply(serial)
    if reply.kind == rawbus.RETURN:
        t.returned(ends.service.call(STARTABLE, '/', IFACE, 'Quit'))
        t.true(harness.wait_until(lambda: not ends.service.bus('NameHasOwner', 's',
                                                               STARTABLE).body[0]), 'it ends')
    ends.nothing_kept()
    return reply.error


@test('4/to a service that is started for it')
def started(t):
    for rules, error in (([rule(CALL | FDS, STARTABLE)], None), ([rule(CALL, STARTABLE)], DENIED),
                         ([rule(SEE | FDS, STARTABLE)], DENIED), ([], UNKNOWN)):
        folder = startable(t) if not os.path.isdir(t.path('services')) else t.path('services')
        ends = Ends(t, rules, servicedir=folder)
        t.equal(start_with_descriptor(t, ends), error, f'{rules}')
        if error:
            t.true(not ends.service.bus('NameHasOwner', 's', STARTABLE).body[0], 'not started')


def waiting_world(t, rules, **options):
    """A service that is started and has its name only when one of the test's takes it."""
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, f'{STARTABLE}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={STARTABLE}\nExec=/bin/true\n')
    return Ends(t, rules, servicedir=folder, **options)


@test('4/signals to a service that is started, and what it sends back')
def started_signals(t):
    ends = waiting_world(t, [rule(CALL | FDS, STARTABLE)])
    call_serial = ends.inside.send(ends.unicast(rawbus.CALL, STARTABLE))
    ends.inside.send(ends.unicast(rawbus.SIGNAL, STARTABLE))
    ends.inside.sync()
    t.equal(ends.service.drain(), [], 'it has no name yet')
    ends.service.own(STARTABLE)
    got = [m for m in ends.service.drain() if m.member == 'M']
    t.equal([(m.kind, len(m.fds)) for m in got], [(rawbus.CALL, 1), (rawbus.SIGNAL, 1)], 'in order')
    ends.service.send(ends.message(rawbus.RETURN, ends.inside.unique, reply_serial=call_serial))
    reply = ends.inside.wait_reply(call_serial)
    t.equal((reply.kind, len(reply.fds)), (rawbus.RETURN, 1), 'the answer')
    for message in (*got, reply):
        message.close_fds()
    ends.nothing_kept()


@test('4/a contained service that is started by a call from outside')
def contained_service(t):
    ends = waiting_world(t, [rule(OWN, STARTABLE)])
    for descriptors_back in (False, True):
        serial = ends.service.send(ends.unicast(rawbus.CALL, STARTABLE))
        ends.service.sync()
        ends.inside.own(STARTABLE)
        request = ends.inside.wait_call('M')
        t.equal(len(request.fds), 1, 'from outside it needs no rule')
        request.close_fds()
        ends.inside.send(ends.message(rawbus.RETURN, request.sender, reply_serial=serial))
        reply = ends.service.wait_reply(serial)
        t.equal((reply.error, len(reply.fds)), (None, 1) if descriptors_back else (DENIED, 0),
                'back it does')
        reply.close_fds()
        ends.nothing_kept()
        ends.inside.bus('ReleaseName', 's', STARTABLE)
        ends.allow(rule(SEE | FDS, SERVICE))


@test('4/what waited is denied when its service comes: descriptors closed, the caller told')
def denied_when_started(t):
    ends = waiting_world(t, [rule(CALL | FDS, STARTABLE)], extra='''
  <policy context="mandatory">
    <deny receive_interface="com.example.Iface" receive_member="M"/>
  </policy>
''')
    serial = ends.inside.send(ends.unicast(rawbus.CALL, STARTABLE))
    ends.inside.send(ends.unicast(rawbus.SIGNAL, STARTABLE))
    ends.inside.sync()
    t.equal(ends.inside.take(), [], 'both wait')
    ends.service.own(STARTABLE)
    t.failed(ends.inside.wait_reply(serial), 'AccessDenied')
    t.equal((ends.inside.drain(), ends.service.drain()), ([], []), 'nothing else')
    ends.nothing_kept()


@test('4/whose sender goes while the service starts')
def sender_goes(t):
    ends = waiting_world(t, [rule(CALL | FDS, STARTABLE)])
    before = ends.bus.count_fds()
    sender = ends.server.connect()
    for kind in (rawbus.CALL, rawbus.SIGNAL):
        sender.send(ends.unicast(kind, STARTABLE))
    sender.sync()
    sender.close()
    t.true(harness.wait_until(lambda: ends.bus.count_fds() <= before), 'descriptors are closed')
    ends.service.own(STARTABLE)
    t.equal(ends.service.drain(), [], 'nothing is delivered')


@test('4/what the XML policy denies: descriptors closed, the caller told')
def denied_by_xml(t):
    ends = Ends(t, [rule(CALL | RECEIVE | FDS, SERVICE)], extra='''
  <policy context="mandatory">
    <deny send_interface="com.example.Iface" send_member="M"/>
  </policy>
''')
    for sender, receiver in ((ends.inside, ends.service), (ends.service, ends.inside)):
        for kind in (rawbus.CALL, rawbus.SIGNAL):
            found, answers = ends.arrives(sender, receiver, ends.unicast(kind, receiver.unique))
            told = kind == rawbus.CALL or sender is ends.service
            t.equal((found, answers), (None, [DENIED] if told else []), rawbus.TYPE_NAMES[kind])
        broadcast = ends.unicast(rawbus.SIGNAL, None)
        t.equal(ends.arrives(sender, receiver, broadcast)[0], None, 'broadcast')


@test('4-6/to a service that is started for it, by its own word')
def started_by_opt_in(t):
    folder = startable(t, 'X-Containers-Allow=call fds\n')
    t.equal(start_with_descriptor(t, Ends(t, servicedir=folder)), None, 'with fds')


@test('4/descriptors of a call whose service does not come up are closed')
def not_started(t):
    folder = startable(t)
    with open(os.path.join(folder, f'{STARTABLE}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={STARTABLE}\nExec=/bin/false\n')
    ends = Ends(t, [rule(CALL | FDS, STARTABLE)], servicedir=folder)
    t.contains(start_with_descriptor(t, ends), 'Spawn', 'error')


@test('4/Permissive lets descriptors pass and reports them')
def permissive(t):
    ends = Ends(t)
    free = Server(t, ends.bus, named={'Permissive': ('b', True)}).connect()
    ends.service.add_match(f"interface='{INTERFACE}',member='Denied'")
    ends.bus_fds = ends.bus.count_fds()
    found, _ = ends.arrives(free, ends.service, ends.unicast(rawbus.SIGNAL, SERVICE))
    t.equal(found, 1, 'delivered')
    t.true(harness.wait_until(lambda: 'UnixFDs=1' in ends.bus.log()), 'reported')


if __name__ == '__main__':
    harness.main()
