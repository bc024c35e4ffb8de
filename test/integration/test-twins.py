#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two buses, alike but for what is hidden; a random contained client must not tell them apart.

Both have the same connections, made in the same order: two contained ones of a server, a service
that they see, and some that they must not know of. At each step one of the first three does
something at random, on both buses. What the hidden ones do, with the names that they take and the
services that they install, is done on one of the two only. After each step all that the first
three got, byte by byte, must be the same. The seed is printed; TEST_SEED repeats it, TEST_STEPS
makes it longer.
"""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, FDS, NAMESPACE, OWN, RECEIVE, SEE, Server, rule
from harness import test
from observer import VISIBLE, arguments, methods

MINE = [f'com.example.Mine.N{i}' for i in range(4)]
SEEN = [VISIBLE, 'com.example.Visible.Too']
HIDDEN = [f'com.example.Hidden.N{i}' for i in range(3)]
STARTABLE = ['com.example.Startable.N0', 'com.example.Startable.N1']
RULES = [rule(OWN | NAMESPACE, 'com.example.Mine'), rule(SEE | NAMESPACE, STARTABLE[0]),
         rule(CALL | RECEIVE | FDS | NAMESPACE, VISIBLE, '/a', '')]
KEYS = ("type='signal'", "member='NameOwnerChanged'", f"sender='{rawbus.BUS}'", "path='/a'",
        "path_namespace='/'", "interface='a.b'", "arg0namespace='com.example'")


class Twin:
    """One of the two buses."""

    def __init__(self, case, name):
        self.case, self.services = case, case.path(f'services-{name}')
        os.mkdir(self.services)
        self.bus = case.bus(servicedir=self.services)
        self.write_service(STARTABLE[0])
        self.keeper = case.connect(self.bus)
        self.keeper.bus('ReloadConfig')
        server = Server(case, self.bus, RULES, manager=self.keeper)
        self.service = case.connect(self.bus)
        self.inside = [server.connect() for _ in range(2)]
        self.hidden = [case.connect(self.bus) for _ in range(4)]
        self.actors = [*self.inside, self.service]
        self.uniques = [c.unique for c in (*self.actors, *self.hidden)]
        for connection in self.actors:
            connection.take()

    def write_service(self, name):
        with open(self.service_path(name), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/false\n')

    def service_path(self, name):
        return os.path.join(self.services, f'{name}.service')

    def heard(self):
        """All that each of the three has got by now."""
        return [[self.describe(m) for m in [*connection.take(), pong]]
                for connection in self.actors for pong in [connection.sync()]]

    @staticmethod
    def describe(message):
        from_bus = message.sender == rawbus.BUS
        many = from_bus and message.kind == rawbus.SIGNAL and not message.destination
        n_fds = len(message.fds)
        message.close_fds()
        # serials of the bus mean something to contained receivers only, and those to many nothing
        return (message.kind, message.flags, message.fields, message.wire, message.body, n_fds,
                None if many else from_bus or message.serial)


class Chooser:
    """Random steps; the same ones for both buses, as each is made of plain values."""

    def __init__(self, seed, twin):
        self.random = random.Random(seed)
        self.methods = [m for m in methods(twin.inside[0]) if m[1] != 'GetId']
        self.uniques, self.rules = twin.uniques, ([], [])   # of each contained connection

    def name(self):
        return self.random.choice(self.random.choice((MINE, SEEN, HIDDEN, STARTABLE, self.uniques)))

    def inside(self, who):
        """A message of the contained connection of this number."""
        pick = self.random.random()
        if pick < 0.3:
            return self.driver_call()
        if pick < 0.5:
            return self.match_rule(self.rules[who])
        if pick < 0.65:
            name = self.random.choice(MINE + SEEN + HIDDEN)
            member, types, more = self.random.choice((('RequestName', 'su', (
                self.random.randrange(8),)), ('ReleaseName', 's', ())))
            return ('call', rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member, 0, types,
                    (name, *more), 0)
        return (self.random.choice(('call', 'call', 'signal', 'broadcast')), self.name(),
                self.random.choice(('/a', '/b')), self.random.choice((None, 'a.b')), 'M',
                self.random.randrange(4), '', (), self.random.randrange(2))

    def match_rule(self, rules):
        """Few at a time, or each would hide what another one lets through."""
        if len(rules) > 2:
            text = rules.pop(self.random.randrange(len(rules)))
            return ('call', rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RemoveMatch', 0, 's',
                    (text,), 0)
        keys = self.random.sample(KEYS, self.random.randrange(3))
        if self.random.random() < 0.7:
            key = self.random.choice(('sender', 'sender', 'arg0', 'arg2', 'destination'))
            keys = [text for text in keys if not text.startswith(key)] + [f"{key}='{self.name()}'"]
        rules.append(','.join(keys))
        return ('call', rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'AddMatch', 0, 's',
                (rules[-1],), 0)

    def driver_call(self):
        interface, member, signature = self.random.choice(self.methods)
        types = self.random.choice((signature, signature, signature, 's', ''))
        return ('call', rawbus.BUS, self.random.choice((rawbus.BUS_PATH, '/a')),
                self.random.choice((interface, None)), member, 0, types,
                arguments(types, self.name(), '/org/freedesktop/DBus/Containers1/c1'), 0)

    def service(self):
        """A message of the service that is seen."""
        if self.random.random() < 0.4:
            member, types, more = self.random.choice((('RequestName', 'su', (
                self.random.randrange(8),)), ('ReleaseName', 's', ())))
            return ('call', rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member, 0, types,
                    (self.random.choice(SEEN + MINE), *more), 0)
        return ('broadcast', None, self.random.choice(('/a', '/b')), 'a.b', 'S', 0, 's',
                (self.name(),), 0)

    def hidden(self):
        """What is done on one bus only: (kind, who, name, number)."""
        return (self.random.choice(('request', 'request', 'release', 'signal', 'service', 'server',
                                    'to service', 'by service', 'by service', 'visitor')),
                self.random.randrange(4), self.random.choice(HIDDEN), self.random.randrange(8))


def send(connection, message):
    """Send what a Chooser has chosen."""
    kind, name, path, interface, member, flags, types, body, n_fds = message
    fds = [os.open('/dev/null', os.O_RDONLY) for _ in range(n_fds)]
    if kind == 'call':
        made = rawbus.call(name, path, interface, member, types, *body, flags=flags, fds=fds)
    else:
        made = rawbus.signal(path, interface or 'a.b', member, types, *body, flags=flags, fds=fds,
                             destination=name if kind == 'signal' else None)
    connection.send(made)
    made.close_fds()


def answer(service):
    """The service answers the calls that it got."""
    service.sync()
    for request in service.inbox:
        if request.kind == rawbus.CALL and not request.flags & rawbus.NO_REPLY:
            service.send(rawbus.reply_to(request, 's', 'yes'))


def happen(twin, kind, who, name, number):
    """Something that the contained must not know of."""
    by = twin.hidden[who]
    if kind == 'request':
        by.bus('RequestName', 'su', name, number)
    elif kind == 'release':
        by.bus('ReleaseName', 's', name)
    elif kind == 'signal':
        by.send(rawbus.signal('/a', 'a.b', 'S', 's', name))
    elif kind == 'service':
        path = twin.service_path(name)
        if os.path.exists(path):
            os.unlink(path)
        else:
            twin.write_service(name)
        twin.keeper.bus('ReloadConfig' if number % 2 else 'ListActivatableNames')
    elif kind == 'server':
        other = Server(twin.case, twin.bus, [rule(OWN, '')], manager=twin.keeper)
        other.stop()
    elif kind == 'to service':
        by.bus('AddMatch', 's', f"sender='{twin.service.unique}'")
    elif kind == 'by service':
        twin.service.bus(*(('RequestName', 'su', name, number) if number % 2 else
                           ('ReleaseName', 's', name)))
    elif kind == 'visitor':
        with rawbus.Connection(twin.bus.address) as visitor:
            visitor.bus('RequestName', 'su', name, number)
    by.drain()


@test('4/what is hidden makes no difference to a random client')
def twins(t):
    seed = int(os.environ.get('TEST_SEED', '0')) or random.randrange(1 << 32)
    print(f'# TEST_SEED={seed}', flush=True)
    busy, quiet = Twin(t, 'busy'), Twin(t, 'quiet')
    t.equal(busy.uniques, quiet.uniques, 'the same connections')
    chooser = Chooser(seed, quiet)
    methods(busy.inside[0])                             # one call, as the other had
    last = 'start'
    for _ in range(int(os.environ.get('TEST_STEPS', '600'))):
        secret = chooser.hidden()
        happen(busy, *secret)
        if secret[0] == 'by service':                   # it counts its messages, and is seen
            quiet.service.bus('GetId')
        who = chooser.random.randrange(3)
        last = chooser.service() if who == 2 else chooser.inside(who)
        for twin in (busy, quiet):
            send(twin.actors[who], last)
            twin.actors[who].sync()
            answer(twin.service)
        forget_own_signals(busy.service, quiet.service)
        got, expected = busy.heard(), quiet.heard()
        t.equal(got[:2], expected[:2], f'after {secret} and {last}')


def forget_own_signals(*services):
    """NameAcquired and NameLost of the service, which may be for names that are hidden."""
    for service in services:
        service.inbox = [m for m in service.inbox if m.kind != rawbus.SIGNAL]


if __name__ == '__main__':
    harness.main()
