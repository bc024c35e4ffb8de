#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a contained client can learn while an outside world exists, and while it does not.

The client asks all that it can ask and writes down every answer, byte by byte but for the time:
every method of the driver with every name that somebody may have, messages of every kind to these
names, and what comes by itself under match rules of every kind. A world of connections, names,
queues, services that can be started and other containers is there, goes, and is there again; the
record must stay the same.

Two numbers tell something by design and are not asked about here: unique names and paths of
container servers count up, so a new one shows how many there were before it.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, INTERFACE, OWN, RECEIVE, SEE, Server, add_server, rule
from harness import test

HIDDEN = ('com.example.Hidden', 'com.example.Hidden.Below', 'com.example.Queued')
STARTABLE = 'com.example.Startable'
VISIBLE = 'com.example.Visible'
MINE = 'com.example.Mine'
NOT_ASKED = ('Hello',)                  # closes nothing, tells nothing, but works only once


class Outside:
    """The world: what is in here is hidden from the observer."""

    def __init__(self, case, bus, services):
        self.case, self.bus, self.services = case, bus, services
        self.keeper = case.connect(bus)
        self.connections, self.servers = [], []
        self.uniques, self.paths = [], []

    def build(self, visible=None):
        """Make everything; visible is a connection that the observer may see, with its names."""
        first, second, third = (self.case.connect(self.bus) for _ in range(3))
        first.own(HIDDEN[0])
        second.own(HIDDEN[1])
        first.own(HIDDEN[2])
        third.bus('RequestName', 'su', HIDDEN[2], 0)
        if visible:
            visible.own('com.example.VisibleToo')
            third.bus('RequestName', 'su', VISIBLE, 0)
        self.servers = [Server(self.case, self.bus, [rule(OWN, '')], manager=self.keeper)
                        for _ in range(2)]
        inside = [server.connect() for server in self.servers]
        inside[0].own('com.example.Other.Container')
        self.connections = [first, second, third, *inside]
        self.write_service(STARTABLE)
        self.uniques = [connection.unique for connection in self.connections]
        self.paths = [server.path for server in self.servers]

    def write_service(self, name):
        path = os.path.join(self.services, f'{name}.service')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/false\n')
        self.keeper.bus('ReloadConfig')

    def move(self):
        """Everything that can happen to names, servers and signals."""
        first, second, third = self.connections[:3]
        for connection in self.connections[:4]:
            for member in ('Plain', 'PropertiesChanged', 'NameOwnerChanged'):
                connection.send(rawbus.signal('/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                              member, 'sss', HIDDEN[0], '', first.unique))
                connection.send(rawbus.signal('/a', 'a.b', member, 's', HIDDEN[0]))
            connection.sync()
        first.bus('ReleaseName', 's', HIDDEN[2])            # moves to the one that waits
        first.bus('RequestName', 'su', HIDDEN[2], 0)
        second.bus('RequestName', 'su', HIDDEN[0], 4)
        second.bus('RequestName', 'su', 'com.example.New', 4)
        second.bus('ReleaseName', 's', 'com.example.New')
        third.bus('AllowContainers', 'oa(uos)', self.paths[0], [rule_without_name(CALL | RECEIVE)],
                  interface=INTERFACE)
        third.bus('WithdrawContainers', 'o', self.paths[0], interface=INTERFACE)
        reply = add_server(self.keeper)
        self.keeper.bus('StopServer', 'o', reply.body[0], interface=INTERFACE)
        visitor = self.case.connect(self.bus)
        visitor.own('com.example.Visitor')
        visitor.close()
        self.servers[1].connect().close()
        self.keeper.sync()

    def tear_down(self, visible=None):
        if visible:
            visible.bus('ReleaseName', 's', 'com.example.VisibleToo')
        for connection in self.connections:
            connection.close()
        for server in self.servers:
            server.stop()
        os.unlink(os.path.join(self.services, f'{STARTABLE}.service'))
        self.keeper.bus('ReloadConfig')
        harness.wait_until(lambda: not any(self.keeper.bus('NameHasOwner', 's', name).body[0]
                                           for name in self.uniques))


def rule_without_name(flags):
    return (flags | 0x200, '/', '')


def methods(connection):
    """(interface, member, signature of the arguments) of all that the driver serves."""
    xml = connection.bus('Introspect',
                         interface='org.freedesktop.DBus.Introspectable').body[0]
    found = []
    for interface, body in re.findall(r'<interface name="([^"]+)">(.*?)</interface>', xml, re.S):
        for member, arguments in re.findall(r'<method name="([^"]+)"(?:/>|>(.*?)</method>)', body,
                                            re.S):
            types = re.findall(r'<arg [^>]*>', arguments)
            signature = ''.join(re.search(r'type="([^"]+)"', arg).group(1) for arg in types
                                if 'direction="out"' not in arg)
            if member not in NOT_ASKED:
                found.append((interface, member, signature))
    if len(found) < 30:
        raise harness.Failure(f'only {len(found)} methods: {xml}')
    return found


def arguments(signature, name, path):
    """Values of these types that say something about a name and a path."""
    values = {'s': name, 'u': 0, 'o': path, 'as': [name], 'a{ss}': {}, 'a{sv}': {},
              'a(uos)': [], 'a(usos)': [], 'v': ('s', name), 'b': False}
    return [values[kind] for kind in rawbus.split_signature(signature)]


class Observer:
    """The contained client and its record."""

    def __init__(self, connection, names, paths):
        self.connection, self.names, self.paths = connection, names, paths
        self.methods = methods(connection)
        connection.bus('RequestHeader', interface=INTERFACE)    # among what is asked: do it before
        self.record, self.last_serial = [], None

    def ask(self, question, message):
        """Send a message; all that comes until the bus has answered a Ping belongs to it."""
        self.connection.send(message)
        message.close_fds()
        self.listen(question, since=message.serial)

    def listen(self, question, since=None):
        ping = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.PEER, 'Ping')
        pong = self.connection.wait_reply(self.connection.send(ping))
        since = since or ping.serial
        got = [self.describe(m, since) for m in self.connection.take() + [pong]]
        self.record.append((question, got))
        self.last_serial = pong.serial

    def describe(self, message, since):
        """All of a message; serials count from the last question, so that it can be repeated."""
        fields = [(code, kind, value - since if code == rawbus.F_REPLY_SERIAL else value)
                  for code, kind, value in message.fields]
        n_fds = len(message.fds)
        message.close_fds()
        serial = message.serial - self.last_serial if message.kind != rawbus.SIGNAL else None
        return (message.kind, message.flags, serial, fields, message.body, n_fds)

    def start(self):
        """Begin a record."""
        self.record = []
        self.last_serial = self.connection.sync().serial
        self.connection.take()

    def ask_everything(self):
        """The whole record."""
        self.start()
        self.ask_driver()
        self.ask_names()
        self.ask_properties()
        return self.record

    def ask_driver(self):
        for interface, member, signature in self.methods:
            for name in self.names if 's' in signature else self.names[:1]:
                for path in self.paths if 'o' in signature else self.paths[:1]:
                    message = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, interface, member,
                                          signature, *arguments(signature, name, path))
                    self.ask((member, name, path), message)
        for path in ('/', '/org', '/org/freedesktop/DBus/Containers1', *self.paths):
            self.ask(('Introspect', path),
                     rawbus.call(rawbus.BUS, path, 'org.freedesktop.DBus.Introspectable',
                                 'Introspect'))

    def ask_names(self):
        """Messages of all kinds, with all flags, to everybody."""
        with open('/dev/null', 'rb') as null:
            for name in self.names:
                for flags in range(4):
                    for fds in ([], [os.dup(null.fileno())]):
                        self.ask(('call', name, flags, len(fds)),
                                 rawbus.call(name, '/a', 'a.b', 'M', flags=flags, fds=fds))
                    self.ask(('signal', name, flags),
                             rawbus.signal('/a', 'a.b', 'M', destination=name, flags=flags))
                for kind, fields in ((rawbus.RETURN, {}), (rawbus.ERROR, {'error': 'a.b'})):
                    self.ask((rawbus.TYPE_NAMES[kind], name), rawbus.Message(
                        kind, rawbus.fields_of(destination=name, reply_serial=5, **fields)))
                self.ask(('ping', name), rawbus.call(name, '/', rawbus.PEER, 'GetMachineId'))

    def ask_properties(self):
        for interface in sorted({interface for interface, _, _ in self.methods}):
            self.ask(('GetAll', interface),
                     rawbus.call(rawbus.BUS, rawbus.BUS_PATH, harness.PROPERTIES, 'GetAll', 's',
                                 interface))

    def match_rules(self):
        """Rules of every kind, about every name."""
        rules = ['', "type='signal'", "member='NameOwnerChanged'", f"sender='{rawbus.BUS}'",
                 f"path='{rawbus.BUS_PATH}'", "path_namespace='/'", "arg0namespace='com'",
                 "arg0namespace='com.example'", "type='error'", "type='method_call'",
                 "type='method_return'", "interface='a.b'"]
        for name in self.names:
            for key in ('sender', 'destination', 'arg0', 'arg1', 'arg2'):
                rules.append(f"{key}='{name}'")
            rules.append(f"type='signal',member='NameOwnerChanged',arg0='{name}'")
            if name[0] != ':':
                rules.append(f"arg0namespace='{name}'")
        return rules

    def listen_under(self, happen):
        """What comes under each match rule and under all while something happens."""
        self.start()
        rules = self.match_rules()
        for text in rules:
            self.ask(('AddMatch', text), rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS,
                                                     'AddMatch', 's', text))
        happen()
        self.listen('what happens')
        for text in rules:
            self.connection.bus('RemoveMatch', 's', text)
        return self.record


def compare(case, got, expected, what):
    case.equal(len(got), len(expected), what)
    for one, other in zip(got, expected):
        case.equal(one, other, what)


def prepare(case, rules):
    """(world, observer's connection, connection that owns VISIBLE)"""
    services = case.path('services')
    os.mkdir(services)
    bus = case.bus(servicedir=services)
    visible = case.connect(bus)
    visible.own(VISIBLE)
    outside = Outside(case, bus, services)
    observer = Server(case, bus, rules, manager=visible).connect(timeout=60)
    return outside, observer, visible


def observe(case, rules, own_names, sees_visible):
    """Two worlds, the gap between them, and the observer in all three."""
    outside, connection, visible = prepare(case, rules)
    partly = visible if sees_visible else None
    outside.build(partly)
    names = [*HIDDEN, STARTABLE, 'com.example.Other.Container', *outside.uniques, *own_names]
    observer = Observer(connection, names, outside.paths)
    with_world = observer.ask_everything()
    moving = observer.listen_under(outside.move)
    outside.tear_down(partly)
    connection.drain()
    without_world = observer.ask_everything()
    still = observer.listen_under(lambda: None)
    compare(case, with_world, without_world, 'answers')
    compare(case, moving, still, 'what came by itself')
    case.true(len(with_world) > 300, f'only {len(with_world)} questions')
    case.lacks(str(with_world), 'LimitsExceeded', 'a limit in the way')


@test('4/an observer without rules')
def without_rules(t):
    observe(t, [], [VISIBLE], False)


@test('4/an observer that may own a name')
def owner(t):
    observe(t, [rule(OWN, MINE)], [MINE], False)


@test('4/an observer that sees a service, whose other names and heirs are hidden')
def partly_seen(t):
    observe(t, [rule(SEE | CALL | RECEIVE, VISIBLE, '/only/here', 'a.b.C')],
            [VISIBLE, 'com.example.VisibleToo'], True)


@test('4/a world that comes and goes while it is observed')
def coming_and_going(t):
    outside, connection, _ = prepare(t, [])
    observer = Observer(connection, [*HIDDEN, STARTABLE, 'com.example.New'], ['/'])
    coming = observer.listen_under(outside.build)
    going = observer.listen_under(outside.tear_down)
    nothing = observer.listen_under(lambda: None)
    compare(t, coming, nothing, 'while it comes')
    compare(t, going, nothing, 'while it goes')


@test('4/somebody who calls in is seen until it goes')
def caller_seen(t):
    outside, connection, _ = prepare(t, [])
    caller = t.connect(outside.bus)
    caller.own(HIDDEN[0])
    observer = Observer(connection, [caller.unique, HIDDEN[0]], ['/'])
    before = observer.ask_everything()
    caller.send(rawbus.call(connection.unique, '/a', 'a.b', 'M', flags=rawbus.NO_REPLY))
    connection.wait_call('M')
    during = observer.ask_everything()
    changed = [question for (question, got), (_, earlier) in zip(during, before) if got != earlier]
    for question in (('GetNameOwner', caller.unique), ('NameHasOwner', caller.unique),
                     ('GetConnectionCredentials', caller.unique), ('ListNames', HIDDEN[0])):
        t.true(any(asked[0] == question[0] and (asked[1] == question[1] or asked[0] == 'ListNames')
                   for asked in changed), f'{question} tells nothing of the caller')
    for asked in changed:
        t.true(HIDDEN[0] not in asked[1:], f'{asked}: its name is not seen with it')
    connection.add_match("member='NameOwnerChanged'")
    caller.close()
    t.equal(connection.wait_signal('NameOwnerChanged').body, (caller.unique, caller.unique, ''),
            'that it goes')
    connection.bus('RemoveMatch', 's', "member='NameOwnerChanged'")
    compare(t, observer.ask_everything(), before, 'after it has gone')


@test('4/a unique name that is known by a name is seen to go')
def owner_goes(t):
    outside, connection, visible = prepare(t, [rule(SEE, VISIBLE)])
    heir = t.connect(outside.bus)
    heir.bus('RequestName', 'su', VISIBLE, 0)
    connection.add_match("member='NameOwnerChanged'")
    visible.close()
    changes = [connection.wait_signal('NameOwnerChanged').body for _ in range(2)]
    t.equal(changes, [(VISIBLE, visible.unique, heir.unique),
                      (visible.unique, visible.unique, '')], 'changes')


@test('4/a name moves between an owner that is seen and one that is not')
def half_seen(t):
    outside, connection, visible = prepare(t, [])
    visible.bus('AllowContainers', 'oa(uos)', '/', [rule_without_name(CALL)], interface=INTERFACE)
    heir = t.connect(outside.bus)
    heir.bus('RequestName', 'su', VISIBLE, 0)
    connection.add_match("member='NameOwnerChanged'")
    outside.keeper.add_match("member='NameOwnerChanged'")
    visible.bus('ReleaseName', 's', VISIBLE)
    t.equal([m.body for m in connection.drain()], [(VISIBLE, visible.unique, '')], 'it goes')
    visible.bus('RequestName', 'su', VISIBLE, 0)
    heir.bus('ReleaseName', 's', VISIBLE)
    t.equal([m.body for m in connection.drain()], [(VISIBLE, '', visible.unique)], 'it comes')
    changes = [m.body for m in outside.keeper.drain() if m.member == 'NameOwnerChanged']
    t.equal(changes, [(VISIBLE, visible.unique, heir.unique), (VISIBLE, heir.unique,
                                                               visible.unique)], 'outside')


@test('4/ActivatableServicesChanged tells of names that are seen')
def services_changed(t):
    outside, connection, _ = prepare(t, [rule(SEE, STARTABLE)])
    connection.add_match("member='ActivatableServicesChanged'")
    for name, hears in ((HIDDEN[0], False), (STARTABLE, True), (HIDDEN[1], False)):
        outside.write_service(name)
        heard = [m.member for m in connection.drain()]
        t.equal(bool(heard), hears, name)
    t.contains(connection.bus('ListActivatableNames').body[0], STARTABLE, 'what is seen')
    t.lacks(connection.bus('ListActivatableNames').body[0], HIDDEN[0], 'what is not')


@test('4/match rules do not tell who owns a hidden name')
def sender_rules(t):
    _, connection, visible = prepare(t, [rule(RECEIVE, VISIBLE)])
    visible.own(HIDDEN[0])
    for name, hears in ((HIDDEN[0], False), (VISIBLE, True)):
        connection.add_match(f"type='signal',sender='{name}'")
        connection.drain()
        visible.send(rawbus.signal('/a', 'a.b', 'S'))
        visible.sync()
        t.equal(bool(connection.drain()), hears, name)
        connection.bus('RemoveMatch', 's', f"type='signal',sender='{name}'")


if __name__ == '__main__':
    harness.main()
