# SPDX-License-Identifier: MIT
"""A contained client that writes down all that it learns, and a world that it must not learn of.

The record has every answer byte by byte but for the time: every method of the driver with every
name that somebody may have, with wrong arguments and at other objects, messages of every kind to
these names, and what comes by itself under match rules of every kind.
"""

import os
import re

import harness
import rawbus
from containers import CALL, INTERFACE, OWN, RECEIVE, Server, add_server, rule

HIDDEN = ('com.example.Hidden', 'com.example.Hidden.Below', 'com.example.Queued')
STARTABLE, STARTING = 'com.example.Startable', 'com.example.Starting'
VISIBLE, VISIBLE_TOO = 'com.example.Visible', 'com.example.VisibleToo'
NOT_ASKED = ('Hello',)                  # closes nothing, tells nothing, but works only once
CROWD = 110                             # connections, with a name each; and names of one of them
ASKED_UNIQUES = 4                       # of all those connections
WRONG = ('', 's', 'u', 'o', 'as', 'sv', 'ssu')
BATCH = 32                              # questions on their way at a time
OBJECTS = ('/', '/org/freedesktop/DBus/Containers1', '/a')


def rule_without_name(flags):
    return (flags | 0x200, '/', '')


def number_of(text):
    """The number at the end of a unique name or of a server's path."""
    return int(re.search('[0-9]+$', text).group())


class Outside:
    """The world: what is in here is hidden from the observer."""

    def __init__(self, case, bus, services):
        self.case, self.bus, self.services = case, bus, services
        self.keeper = case.connect(bus)
        self.connections, self.servers = [], []
        self.fifo = case.path('fifo')
        os.mkfifo(self.fifo)

    # What it will be

    def predict(self):
        """(unique names, paths of servers) that build() is going to make, next."""
        with rawbus.Connection(self.bus.address) as probe:
            unique = number_of(probe.unique)
        path = add_server(self.keeper).body[0]
        self.keeper.bus('StopServer', 'o', path, interface=INTERFACE)
        stem, number = path[:-len(str(number_of(path)))], number_of(path)
        return ([f':1.{unique + 1 + i}' for i in range(ASKED_UNIQUES)],
                [f'{stem}{number + 1 + i}' for i in range(2)])

    # What it does

    def build(self, visible=None):
        """Make everything; visible is a connection that the observer may see, with its names."""
        first, second, third = (self.case.connect(self.bus) for _ in range(3))
        first.own(HIDDEN[0])
        second.own(HIDDEN[1])
        first.own(HIDDEN[2])
        third.bus('RequestName', 'su', HIDDEN[2], 0)
        if visible:
            visible.own(VISIBLE_TOO)
            third.bus('RequestName', 'su', VISIBLE, 0)
        self.servers = [Server(self.case, self.bus, [rule(OWN, '')], manager=self.keeper)
                        for _ in range(2)]
        inside = [server.connect() for server in self.servers]
        inside[0].own('com.example.Other.Container')
        self.connections = [first, second, third, *inside]
        for i in range(CROWD):
            self.connections.append(self.case.connect(self.bus))
            self.connections[-1].own(f'com.example.Crowd.N{i:03}')
            (visible or second).own(f'com.example.Many.N{i:03}')
            self.write_service(f'com.example.Startable.N{i:03}')
        self.write_service(STARTABLE)
        self.start_something()
        self.reload()

    def start_something(self):
        """A service that somebody waits for until end_start()."""
        program = self.case.path('program')
        with open(program, 'w', encoding='utf-8') as out:
            out.write('read line <"$1"\nexit 1\n')
        self.write_service(STARTING, f'/bin/sh {program} {self.fifo}')
        self.waiting = self.keeper.send(rawbus.call(STARTING, '/', 'a.b', 'M'))
        self.keeper.sync()

    def end_start(self):
        with open(self.fifo, 'r+b', buffering=0) as fifo:
            fifo.write(b'\n')
            self.case.failed(self.keeper.wait_reply(self.waiting),
                             'org.freedesktop.DBus.Error.Spawn.ChildExited', 'what was starting')

    def reload(self):
        self.case.returned(self.keeper.bus('ReloadConfig'))

    def service_path(self, name):
        return os.path.join(self.services, f'{name}.service')

    def write_service(self, name, command='/bin/false'):
        path = self.service_path(name)
        with open(path + '.new', 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec={command}\n')
        os.rename(path + '.new', path)

    def move(self):
        """Everything that can happen to names, servers, services and signals."""
        self.move_signals()
        self.move_names()
        self.move_services()
        self.keeper.sync()

    def move_signals(self):
        first = self.connections[0]
        for connection in self.connections[:4]:
            for member in ('Plain', 'PropertiesChanged', 'NameOwnerChanged'):
                connection.send(rawbus.signal('/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                              member, 'sss', HIDDEN[0], '', first.unique))
                connection.send(rawbus.signal('/a', 'a.b', member, 's', HIDDEN[0]))
            connection.sync()

    def move_names(self):
        first, second, third = self.connections[:3]
        first.bus('ReleaseName', 's', HIDDEN[2])            # moves to the one that waits
        first.bus('RequestName', 'su', HIDDEN[2], 0)
        second.bus('RequestName', 'su', HIDDEN[0], 4)
        second.bus('RequestName', 'su', 'com.example.New', 1)
        third.bus('RequestName', 'su', 'com.example.New', 2)
        second.bus('ReleaseName', 's', 'com.example.New')
        third.bus('ReleaseName', 's', 'com.example.New')
        third.bus('AllowContainers', 'oa(uos)', self.servers[0].path,
                  [rule_without_name(CALL | RECEIVE)], interface=INTERFACE)
        third.bus('WithdrawContainers', 'o', self.servers[0].path, interface=INTERFACE)
        reply = add_server(self.keeper)
        self.keeper.bus('StopServer', 'o', reply.body[0], interface=INTERFACE)
        for i in range(20):
            with rawbus.Connection(self.bus.address) as visitor:
                visitor.own(f'com.example.Visitor.N{i}')
                if i == 0:
                    self.case.returned(visitor.bus('BecomeMonitor', 'asu', [], 0,
                                                   interface='org.freedesktop.DBus.Monitoring'))
        self.servers[1].connect().close()

    def move_services(self):
        """One that comes and goes, one that changes, one that does not start."""
        self.write_service('com.example.New')
        self.keeper.bus('ListActivatableNames')
        self.write_service(STARTABLE, '/bin/true')
        self.reload()
        os.unlink(self.service_path('com.example.New'))
        self.keeper.bus('StartServiceByName', 'su', 'com.example.New', 0)

    def tear_down(self, visible=None):
        if visible:
            visible.bus('ReleaseName', 's', VISIBLE_TOO)
            for i in range(CROWD):
                visible.bus('ReleaseName', 's', f'com.example.Many.N{i:03}')
        uniques = [connection.unique for connection in self.connections]
        self.end_start()
        for connection in self.connections:
            connection.close()
        for server in self.servers:
            server.stop()
        for name in os.listdir(self.services):
            if name.startswith('com.example.Start'):
                os.unlink(os.path.join(self.services, name))
        self.reload()
        harness.wait_until(lambda: not any(self.keeper.bus('NameHasOwner', 's', name).body[0]
                                           for name in uniques))


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
        self.record, self.asked, self.last_serial = [], [], None

    def ask(self, question, message):
        """Send a message; all that comes until the bus has answered a Ping belongs to it."""
        since = self.connection.send(message)
        message.close_fds()
        self.asked.append((question, since, self.send_ping()))
        if len(self.asked) == BATCH:
            self.collect()

    def send_ping(self):
        return self.connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.PEER, 'Ping'))

    def listen(self, question):
        """The same without a message of its own."""
        ping = self.send_ping()
        self.asked.append((question, ping, ping))
        self.collect()

    def collect(self):
        """Read what has come to all that was asked."""
        for question, since, ping in self.asked:
            pong = self.connection.wait_reply(ping)
            got = [self.describe(m, since) for m in self.connection.take() + [pong]]
            self.record.append((question, got))
            self.last_serial = pong.serial
        self.asked = []

    def describe(self, message, since):
        """All of a message; serials count from the last question, so that it can be repeated."""
        fields = [(code, kind, value - since if code == rawbus.F_REPLY_SERIAL else value)
                  for code, kind, value in message.fields]
        n_fds = len(message.fds)
        message.close_fds()
        serial = message.serial - self.last_serial if message.kind != rawbus.SIGNAL else None
        return (message.kind, message.flags, serial, fields, message.body, message.wire, n_fds)

    def start(self):
        """Begin a record."""
        self.record = []
        self.last_serial = self.connection.sync().serial
        self.connection.take()

    def ask_everything(self):
        """The whole record."""
        self.start()
        self.ask_driver()
        self.ask_wrongly()
        self.ask_names()
        self.ask_properties()
        self.collect()
        return self.record

    def ask_driver(self):
        for interface, member, signature in self.methods:
            for name in self.names if 's' in signature else self.names[:1]:
                for path in self.paths if 'o' in signature else self.paths[:1]:
                    message = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, interface, member,
                                          signature, *arguments(signature, name, path))
                    self.ask((member, name, path), message)
        for path in ('/org', *OBJECTS, *self.paths):
            self.ask(('Introspect', path),
                     rawbus.call(rawbus.BUS, path, 'org.freedesktop.DBus.Introspectable',
                                 'Introspect'))

    def ask_wrongly(self):
        """Wrong arguments, no interface or another one, other objects, no destination."""
        name, path = self.names[0], self.paths[0]
        for interface, member, signature in self.methods:
            for wrong in WRONG:
                if wrong != signature:
                    self.ask((member, wrong), rawbus.call(
                        rawbus.BUS, rawbus.BUS_PATH, interface, member, wrong,
                        *arguments(wrong, name, path)))
            for to, at, inside in ([(rawbus.BUS, at, interface) for at in (*OBJECTS, path)] +
                                   [(rawbus.BUS, rawbus.BUS_PATH, None),
                                    (rawbus.BUS, rawbus.BUS_PATH, 'a.b'),
                                    (None, rawbus.BUS_PATH, interface)]):
                self.ask((member, to, at, inside), rawbus.call(
                    to, at, inside, member, signature, *arguments(signature, name, path)))
        for kind, options in ((rawbus.RETURN, {'reply_serial': 1}), (rawbus.ERROR, {
                'reply_serial': 1, 'error': 'a.b'}), (rawbus.SIGNAL, {
                    'path': '/', 'interface': rawbus.BUS, 'member': 'NameOwnerChanged'}), (7, {})):
            for to in (rawbus.BUS, None):
                self.ask((kind, to), rawbus.Message(kind, rawbus.fields_of(
                    destination=to, **options), 's', (name,)))

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
                self.ask(('unknown type', name), rawbus.Message(
                    7, rawbus.fields_of(destination=name), 's', (name,)))

    def ask_properties(self):
        for interface in sorted({interface for interface, _, _ in self.methods}):
            self.ask(('GetAll', interface),
                     rawbus.call(rawbus.BUS, rawbus.BUS_PATH, harness.PROPERTIES, 'GetAll', 's',
                                 interface))
            for name in ('Features', 'Interfaces', 'SupportedArguments', 'None'):
                for member, more in (('Get', ()), ('Set', (('s', ''),))):
                    self.ask((member, interface, name), rawbus.call(
                        rawbus.BUS, rawbus.BUS_PATH, harness.PROPERTIES, member,
                        'ssv' if more else 'ss', interface, name, *more))

    def match_rules(self):
        """Rules of every kind, about every name."""
        rules = ['', "type='signal'", "member='NameOwnerChanged'", f"sender='{rawbus.BUS}'",
                 f"path='{rawbus.BUS_PATH}'", "path_namespace='/'", "arg0namespace='com'",
                 "arg0namespace='com.example'", "type='error'", "type='method_call'",
                 "type='method_return'", "interface='a.b'", "interface='org.freedesktop.DBus'",
                 "path='/a'", "path_namespace='/org'", "arg0path='/'", "member='Plain'",
                 "member='ActivatableServicesChanged'", "arg1=''", "arg2=''"]
        rules += [f"path_namespace='{path}'" for path in self.paths]
        for name in self.names:
            for key in ('sender', 'destination', 'arg0', 'arg1', 'arg2'):
                rules.append(f"{key}='{name}'")
                rules.append(f"type='signal',sender='{rawbus.BUS}',{key}='{name}'"
                             if key != 'sender' else f"path='/a',{key}='{name}'")
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
        self.collect()
        happen()
        self.listen('what happens')
        for text in rules:
            self.connection.bus('RemoveMatch', 's', text)
        return self.record
