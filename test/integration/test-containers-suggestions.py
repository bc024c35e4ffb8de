#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The rule that a record of the container layer suggests: doc/containers1.md, section 8."""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rawbus
from containers import INTERFACE, SEE, SERVICE, Server, add_rules, parse, records, rule, watch
from harness import main, test

IFACE = 'com.example.Iface'
NAMES = (SERVICE, 'com.example.Other', 'com.example.Service.Below')
STARTABLE = tuple(f'com.example.Start{number}' for number in range(4))
KINDS = ('call', 'call', 'signal', 'own', 'return', 'error', 'broadcast', 'inside', 'autostart',
         'start', 'receive', 'see')
OF_NAME = ('own', 'return', 'error', 'broadcast', 'start', 'see')   # have no path of their own
PATHS = ('/', '/a', '/a/b', '/ab', '/' + 'x' * 4095, '/' + 'y' * 4096)
INTERFACES = ('a.b', 'a.b.C', 'a.bc', None)
MEMBERS = ('M', 'C', 'N')


class World:
    """Services outside, and a fresh container server for each message."""

    def __init__(self, t, seed):
        self.t, self.random = t, random.Random(seed)
        folder = t.path('services')
        os.mkdir(folder)
        for name in STARTABLE:
            with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
                out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/true\n')
        self.bus = t.bus(servicedir=folder, check_fds=False, limits={
            'max_containers_per_user': 1000, 'max_containers': 1000,
            'service_start_timeout': 100000000})
        self.watcher, self.manager = t.connect(self.bus), t.connect(self.bus)
        watch(self.watcher)
        self.services = [t.connect(self.bus) for _ in range(4)]
        for service, name in zip(self.services, NAMES):
            service.own(name)

    def message(self, kind):
        """A random message as a tuple of its parts."""
        pick = self.random.choice
        target = pick(range(len(self.services)))
        by_name = target < len(NAMES) and pick((True, False))
        return (kind, target, by_name, pick(PATHS),
                pick(INTERFACES if kind in ('call', 'autostart') else INTERFACES[:3]),
                pick(MEMBERS), kind != 'receive' and (
                    pick((False, False, True)) or kind in ('return', 'error', 'broadcast')))

    def variants(self, message):
        """The same with one part changed, that is not covered by a rule for just this one."""
        kind, target, by_name, path, interface, member, fds = message
        others = [(kind, (target + 1) % len(self.services), False, path, interface, member, fds)]
        if kind in OF_NAME:
            return others
        if kind == 'inside':            # to another connection of the instance there is one target
            others = []
        if len(path) <= 4096:
            others += [(kind, target, by_name, other, interface, member, fds)
                       for other in PATHS if other != path]
        if interface:
            others += [(kind, target, by_name, path, other, member, fds)
                       for other in INTERFACES if other != interface and
                       f'{interface}.{member}' != other and
                       (other or kind in ('call', 'autostart'))]
            others += [(kind, target, by_name, path, interface, other, fds)
                       for other in MEMBERS if other != member]
        if kind == 'inside':            # any rule with descriptors for the receiver will do
            return []
        if not fds and kind != 'receive':
            others.append((kind, target, by_name, path, interface, member, True))
        return others

    def passes(self, contained, message):
        """Whether the message is allowed; all that it left behind is undone."""
        kind, target = message[0], message[1]
        service = self.services[target]
        if kind == 'own':
            name = f'com.example.Own{target}'
            allowed = contained.bus('RequestName', 'su', name, 4).kind == rawbus.RETURN
            contained.bus('ReleaseName', 's', name)
            return allowed
        if kind == 'see':
            return contained.bus('NameHasOwner', 's', service.unique).body[0]
        if kind == 'start':
            contained.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS,
                                       'StartServiceByName', 'su', STARTABLE[target], 0))
            return not [m for m in contained.drain() if m.kind == rawbus.ERROR]
        with open(os.devnull, 'rb') as null:
            return self.message_passes(contained, service, message, null)

    def message_passes(self, contained, service, message, null):
        kind, target, by_name, path, interface, member, fds = message
        given = ('h', 0) if fds else ('',)
        options = {'fds': [null]} if fds else {}
        if kind in ('return', 'error'):
            return self.answer_passes(contained, service, kind, null)
        if kind == 'broadcast':
            return self.broadcast_passes(contained, service, rawbus.signal(
                path, interface, member, 'h', 0, fds=[null]))
        if kind == 'receive':
            return self.broadcast_passes(service, contained, rawbus.signal(path, interface, member))
        destination = NAMES[target] if by_name else service.unique
        if kind == 'autostart':
            contained.send(rawbus.call(STARTABLE[target], path, interface, member, *given,
                                       **options))
            return not [m for m in contained.drain() if m.kind == rawbus.ERROR]
        if kind == 'signal':
            contained.send(rawbus.signal(path, interface, member, *given,
                                         destination=destination, **options))
        elif kind == 'inside':
            service, given, options = self.sibling, ('h', 0), {'fds': [null]}
            contained.send(rawbus.call(service.unique, path, interface, member, *given,
                                       flags=rawbus.NO_REPLY, **options))
        else:
            contained.send(rawbus.call(destination, path, interface, member, *given,
                                       flags=rawbus.NO_REPLY, **options))
        contained.sync()
        got = [m for m in service.drain() if m.member == member and m.path == path]
        for message_in in got:
            message_in.close_fds()
        return bool(got)

    @staticmethod
    def answer_passes(contained, service, kind, null):
        serial = service.send(rawbus.call(contained.unique, '/x', IFACE, 'Ask'))
        contained.wait_call('Ask')
        what = {'error': 'com.example.Error'} if kind == 'error' else {}
        contained.send(rawbus.Message(
            rawbus.ERROR if kind == 'error' else rawbus.RETURN,
            rawbus.fields_of(destination=service.unique, reply_serial=serial, **what), 'h', (0,),
            fds=[null]))
        reply = service.wait_reply(serial)
        reply.close_fds()
        return reply.error in (None, 'com.example.Error')

    def broadcast_passes(self, sender, receiver, message):
        """The same for a signal that only this receiver wants."""
        match = f"type='signal',sender='{sender.unique}'"
        receiver.add_match(match)
        sender.send(message)
        sender.sync()
        got = [m for m in receiver.drain() if m.sender == sender.unique]
        for message_in in got:
            message_in.close_fds()
        self.t.returned(receiver.bus('RemoveMatch', 's', match))
        return bool(got)

    def suggestion(self, message):
        """What the record of the denial says; where there is none, that of a permissive server."""
        t, kind = self.t, message[0]
        permissive = kind in ('receive', 'see')
        known = [rule(SEE, STARTABLE[message[1]])] if kind == 'start' else []
        server = Server(t, self.bus, known, manager=self.manager,
                        named={'Permissive': ('b', permissive)})
        contained, self.sibling = server.connect(), server.connect()
        t.equal(self.passes(contained, message), permissive, f'{message} is allowed')
        told = [record['Rule'] for _, record in records(self.watcher)]
        t.equal(len(told), 2 if kind == 'own' else 1, f'records of {message}: {told}')
        t.returned(server.stop())
        return told[0]

    def check(self, message):
        t = self.t
        text = self.suggestion(message)
        server = Server(t, self.bus, manager=self.manager)
        contained, self.sibling = server.connect(), server.connect()
        if message[0] == 'inside':      # the record names the one of the other server
            text = text.replace(text.split()[1], self.sibling.unique)
        t.true(not self.passes(contained, message), f'{message} is allowed without a rule')
        t.returned(add_rules(server, parse(text)), text)
        t.equal(t.returned(self.manager.bus('GetServerRules', 'o', server.path,
                                            interface=INTERFACE))[0], [parse(text)], text)
        t.true(self.passes(contained, message), f'{message} is denied with "{text}"')
        for other in self.variants(message):
            t.true(not self.passes(contained, other),
                   f'"{text}", which was for {message}, allows {other}')
        t.returned(server.stop())
        contained.close()
        self.sibling.close()
        records(self.watcher)


@test('8/the suggested rule makes exactly the denied message pass')
def suggested(t):
    seed = int(os.environ.get('TEST_SEED', '0')) or random.randrange(1 << 32)
    print(f'# TEST_SEED={seed}', flush=True)
    small = World(t, seed)
    for number in range(int(os.environ.get('TEST_CASES', '60'))):
        small.check(small.message(KINDS[number % len(KINDS)]))


if __name__ == '__main__':
    main()
