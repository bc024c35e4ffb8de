# SPDX-License-Identifier: MIT
"""Random worlds, played on a real bus and on the model at the same time.

A world is a few uncontained connections, a few container servers with connections of their own,
names that they fight over, rules, opt-ins, and then rounds: something changes, some of the
connections send a batch of messages of every kind, and some ask the driver what they may know.
After each of them all that the bus sent to anybody is compared with what the model says.

Every message and receiver, every question and every request for a name is one decision.
"""

import os
import random

import rawbus
import xmlrules
from model import BUS, CALL, ERROR, FDS, NAMESPACE, OWN, RECEIVE, SEE, SUBTREE, WAITS, Model, Server
from scenery import (CONTAINERS, INTERFACES, KIND_NAMES, MEMBERS, NAMES, NO_NAMES, PATHS,
                     RULE_INTERFACES, SERVICE_FILES, STARTED)


class Mismatch(Exception):
    """The bus and the model do not agree."""


class Waiter:
    """Something of a player's that waits for a service: a message, or without one the answer of
    StartServiceByName."""

    def __init__(self, sender, serial, **message):
        self.sender, self.serial, self.message = sender, serial, message


class Player:
    """A peer of the model together with its connection."""

    def __init__(self, connection, peer):
        self.connection, self.peer = connection, peer
        self.expected = []
        self.received = []              # calls that can be answered: (caller, serial)


class World:
    """One world; play() runs it to its end."""

    def __init__(self, bus, seed, opt_in_files=False, unrestricted=False, xml=None):
        self.bus = bus
        self.random = random.Random(seed)
        self.unrestricted = unrestricted
        self.model = Model({name: opt_ins for name, (_, opt_ins) in SERVICE_FILES.items()}
                           if opt_in_files else {})
        if xml is not None:
            self.model.xml = xmlrules.Xml(xml, self.model.claims_of)
        self.players = []
        self.servers = []
        self.by_peer = {}
        self.tag = 0
        self.decisions = 0
        self.history = []
        self.file = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
        self.manager = rawbus.Connection(bus.address)
        self.manager.add_match(f"interface='{CONTAINERS}',member='Denied'")
        self.manager_peer, _ = self.model.connect(self.manager.unique)
        self.denials = 0

    # Making things

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def any_name(self):
        """A destination: somebody's name or nobody's."""
        pick = self.random.randrange(20)
        if pick == 0:
            return self.random.choice(NO_NAMES)
        if pick < 6 and self.model.activatable:
            return self.random.choice(sorted(self.model.activatable))
        if pick < 9:
            return self.random.choice(NAMES)
        return self.random.choice(self.players).peer.unique

    def any_rule(self):
        if self.model.activatable and self.chance(30):      # what lets a container start something
            return (self.random.choice((CALL, CALL | FDS, CALL | RECEIVE)) | SUBTREE,
                    self.random.choice(sorted(self.model.activatable)), '/', '')
        flags = 0
        for flag in (SEE, CALL, RECEIVE, OWN):
            flags |= flag if self.chance(35) else 0
        flags = flags or self.random.choice((SEE, CALL, RECEIVE, OWN))
        flags |= FDS if self.chance(30) else 0
        flags |= SUBTREE if self.chance(60) else 0
        name = ''
        if self.chance(93):
            name = self.random.choice(NAMES) if self.chance(80) or not self.players else \
                self.random.choice(self.players).peer.unique
        if name and name[0] != ':' and self.chance(35):
            flags |= NAMESPACE
        return flags, name, self.random.choice(PATHS), self.random.choice(RULE_INTERFACES)

    def rules(self, most):
        return [self.any_rule() for _ in range(self.random.randrange(most + 1))]

    def add_server(self):
        permissive = self.chance(8)
        listed = not (self.unrestricted and self.chance(40))
        rules = self.rules(6) if listed else []
        named = {'Permissive': ('b', True)} if permissive else {}
        if listed:
            named['Allow'] = ('a(usos)', rules)
        reply = self.manager.bus('AddServer', 'sssa{sv}a{sv}', 'com.example.World', 'app', '', {},
                                 named, interface=CONTAINERS)
        if reply.kind != rawbus.RETURN:
            raise Mismatch(f'AddServer: {reply!r}')
        server = Server(reply.body[0], rules, permissive, self.unrestricted and not listed)
        server.address = reply.body[1]['Address'].value
        self.servers.append(server)
        self.note('server', server.path, rules, 'permissive' if permissive else '')

    def connect(self, server=None):
        address = server.address if server else self.bus.address
        connection = rawbus.Connection(address)
        names = [connection.unique]
        before = self.model.views(names)
        peer, changes = self.model.connect(connection.unique, server)
        player = Player(connection, peer)
        self.by_peer[peer] = player
        self.expect_changes(changes, {**before, peer: {connection.unique: connection.unique}})
        self.players.append(player)
        self.note('connect', connection.unique, server.path if server else 'outside')
        connection.add_match(f"type='signal',sender='{BUS}',member='NameOwnerChanged'")
        for sender in [None] if self.chance(50) else self.random.sample(NAMES, 2):
            connection.add_match("type='signal',path_namespace='/'" +
                                 (f",sender='{sender}'" if sender else ''))
            peer.sender_rules.add(sender)
        if self.chance(40):
            connection.bus('RequestHeader', interface=CONTAINERS)
            peer.wants_header = True

    # What has to happen

    def note(self, *what):
        self.history.append(' '.join(str(part) for part in what))

    def expect(self, peer, event):
        if peer in self.by_peer:
            self.by_peer[peer].expected.append(event)

    def expect_changes(self, changes, before):
        after = self.model.views([change[0] for change in changes])
        for player in self.players:
            if player.peer.unique in self.model.peers:
                for change in self.model.heard(player.peer, changes, before, after):
                    player.expected.append(('change', *change))

    def collect(self, ordered=True):
        """Compare what everybody got with what was expected."""
        serials = [player.connection.send(rawbus.call(BUS, rawbus.BUS_PATH, rawbus.PEER, 'Ping'))
                   for player in self.players]
        for player, serial in zip(self.players, serials):
            player.connection.wait_reply(serial)
            got = [event for message in player.connection.take()
                   if (event := self.event_of(message))]
            expected, player.expected = player.expected, []
            if not ordered:
                got, expected = sorted(got), sorted(expected)
            if got != expected:
                self.fail(player, got, expected)
        denied = [m for m in self.manager.drain() if m.member == 'Denied']
        if len(denied) != self.denials:
            raise Mismatch(f'{len(denied)} denials reported, {self.denials} expected\n' +
                           '\n'.join(str(m.body) for m in denied) + '\n' +
                           '\n'.join(self.history[-40:]))
        self.denials = 0

    def fail(self, player, got, expected):
        lines = [f'{player.peer.unique} got what it should not, or not what it should:']
        lines += [f'  only got      {event}' for event in got if event not in expected]
        lines += [f'  only expected {event}' for event in expected if event not in got]
        lines += [f'  got {got}', f'  expected {expected}', 'history:'] + self.history[-60:]
        for server in self.servers:
            members = [other.peer.unique for other in self.players if other.peer.server is server]
            lines.append(f'{server.path}: {members} {server.rules}')
        for name, queue in self.model.queues.items():
            lines.append(f'{name}: {[peer.unique for peer, _ in queue]}')
        raise Mismatch('\n'.join(lines))

    @staticmethod
    def event_of(message):
        """A message as the model speaks of it; None for what it does not speak of."""
        n_fds = len(message.fds)
        message.close_fds()
        if message.sender != BUS:
            return ('message', message.body[0], message.sender, n_fds, message.container)
        if message.kind == rawbus.ERROR:
            return ('error', message.reply_serial, message.error)
        if message.kind == rawbus.RETURN:
            return ('answer', message.reply_serial, *message.body)
        if message.kind == rawbus.SIGNAL and message.member == 'NameOwnerChanged':
            return ('change', *message.body)
        return None

    def expect_message(self, receiver, tag, sender, n_fds):
        container = None
        if receiver.wants_header:
            container = sender.server.path if sender.server else '/'
        self.expect(receiver, ('message', tag, sender.unique, n_fds, container))

    # Messages

    def send_batch(self, player):
        for _ in range(self.random.randrange(5, 25)):
            self.tag += 1
            pick = self.random.randrange(10)
            if pick < 2 and player.received:
                self.send_answer(player)
            elif pick < 4:
                self.send_broadcast(player)
            elif pick == 4:
                self.send_unexpected(player)
            else:
                self.send_unicast(player)
        player.connection.wait_reply(player.connection.send(
            rawbus.call(BUS, rawbus.BUS_PATH, rawbus.PEER, 'Ping')))

    def post(self, player, kind, fields, facts):
        """Send a message; facts is what the model has to know of it, filled in."""
        fds = [self.file] * facts['fds']
        flags = rawbus.NO_AUTO_START if facts.get('no_auto_start') else 0
        flags |= rawbus.NO_REPLY if facts.get('no_reply') else 0
        message = rawbus.Message(kind, rawbus.fields_of(**fields), 'u', (self.tag,), flags=flags,
                                 fds=fds)
        serial = player.connection.send(message)
        self.note(self.tag, player.peer.unique, rawbus.TYPE_NAMES[kind], fields,
                  f'flags={flags} fds={len(fds)}')
        return serial

    def headers(self, kind):
        interface = None if kind == rawbus.CALL and self.chance(15) else \
            self.random.choice(INTERFACES)
        return {'path': self.random.choice(PATHS), 'interface': interface,
                'member': self.random.choice(MEMBERS)}

    def send_unicast(self, player):
        """One message to a name, which may have to be started first."""
        kind = rawbus.CALL if self.chance(70) else rawbus.SIGNAL
        fields = {**self.headers(kind), 'destination': self.any_name()}
        unowned = sorted(name for name in self.model.activatable if not self.model.owner_of(name))
        if unowned and self.chance(40):
            fields['destination'] = self.random.choice(unowned)
        facts = {**fields, 'kind': KIND_NAMES[kind], 'fds': self.random.choice((0, 0, 0, 1, 2)),
                 'no_reply': kind == rawbus.CALL and self.chance(20),
                 'no_auto_start': self.chance(30)}
        serial = self.post(player, kind, fields, facts)
        wants_reply = kind == rawbus.CALL and not facts['no_reply']
        self.decide(Waiter(player.peer, serial, tag=self.tag, wants_reply=wants_reply, **facts))

    def decide(self, waiter):
        """What becomes of a message to a name, sent now or kept until now."""
        message, sender = waiter.message, waiter.sender
        receiver, error, denied = self.model.unicast(sender, message)
        self.decisions += 1
        self.denials += denied
        if receiver == WAITS:
            self.model.waiting.setdefault(message['destination'], []).append(waiter)
        elif receiver:
            self.expect_message(receiver, message['tag'], sender, message['fds'])
            self.model.delivered(sender, receiver)
            if message['wants_reply']:
                self.model.calls.append((sender, receiver, waiter.serial))
                if receiver in self.by_peer:
                    self.by_peer[receiver].received.append((sender, waiter.serial))
        elif message['wants_reply'] or not sender.server:
            self.expect(sender, ('error', waiter.serial, error))

    def name_is_owned(self, name):
        """Who waited for it is served: first those who asked for the start alone."""
        waiters = self.model.waiting.pop(name, [])
        for waiter in waiters:
            if not waiter.message:
                self.expect(waiter.sender, ('answer', waiter.serial, STARTED))
        for waiter in waiters:
            if waiter.message:
                self.decide(waiter)

    def send_broadcast(self, player):
        fields = self.headers(rawbus.SIGNAL)
        facts = {**fields, 'kind': 'signal', 'fds': self.random.choice((0, 0, 1))}
        self.post(player, rawbus.SIGNAL, fields, facts)
        for other in self.players:
            reaches, denied = self.model.broadcast(player.peer, other.peer, facts)
            self.decisions += 1
            self.denials += denied
            if reaches:
                self.expect_message(other.peer, self.tag, player.peer, facts['fds'])

    def send_answer(self, player):
        """To a call that was received, perhaps not for the first time."""
        caller, serial = self.random.choice(player.received)
        if caller.unique not in self.model.peers:
            player.received.remove((caller, serial))
            return
        if not caller.server and not player.peer.server and \
                (caller, player.peer, serial) not in self.model.calls:
            return                      # none of the container layer's business
        kind = self.random.choice((rawbus.RETURN, rawbus.ERROR))
        if self.model.xml and not caller.server and not player.peer.server:
            kind = rawbus.RETURN        # nor is it what XML says of the errors of these
        facts = {'kind': KIND_NAMES[kind], 'fds': self.random.choice((0, 0, 1)),
                 'reply_serial': serial, 'error': 'com.ex.Error'}
        fields = {'destination': caller.unique, 'reply_serial': serial,
                  'error': 'com.ex.Error' if kind == rawbus.ERROR else None}
        outcome, denied = self.model.answer(player.peer, caller, facts)
        self.post(player, kind, fields, facts)
        self.decisions += 1
        self.count_answer(player.peer, caller, denied)
        if outcome == 'delivered':
            self.expect_message(caller, self.tag, player.peer, facts['fds'])
        elif outcome == 'denied':
            self.expect(caller, ('error', serial, ERROR + 'AccessDenied'))

    def send_unexpected(self, player):
        """An answer to a call that was never made."""
        target = self.random.choice(self.players).peer
        if target is player.peer or not target.server and not player.peer.server:
            return
        serial = 0xfffffff0
        kind = self.random.choice((rawbus.RETURN, rawbus.ERROR))
        fields = {'destination': target.unique, 'reply_serial': serial,
                  'error': 'com.ex.Error' if kind == rawbus.ERROR else None}
        facts = {'fds': self.random.choice((0, 1)), 'reply_serial': serial}
        outcome, denied = self.model.answer(player.peer, target, facts)
        self.post(player, kind, fields, facts)
        self.decisions += 1
        self.count_answer(player.peer, target, denied)
        if outcome != 'dropped':
            raise Mismatch('the model answers a call that was never made')

    def count_answer(self, sender, caller, denied):
        """A denial is of the sender's server, or else of the receiver's."""
        if denied and (sender.server or caller.server):
            self.denials += 1

    # Changes

    def change(self):
        choices = (self.request_name, self.request_name, self.request_name, self.release_name,
                   self.add_rules, self.opt_in, self.opt_in, self.withdraw, self.disconnect,
                   self.join)
        for _ in range(self.random.randrange(1, 5)):
            self.random.choice(choices)()
            self.collect(ordered=False)
        for what in (self.own_service, self.free_service, self.start_service):
            if self.model.activatable and self.chance(70):
                what()
                self.collect(ordered=False)

    def changed(self, player, names, apply):
        """Do something to the model and expect what follows."""
        before = self.model.views(names)
        answer, changes = apply()
        self.expect_changes(changes, before)
        self.decisions += 1
        for name, old, _ in changes:
            if not old:
                self.name_is_owned(name)
        return answer

    def request_name(self):
        self.request(self.random.choice(self.players), self.random.choice(NAMES),
                     self.random.randrange(8))

    def request(self, player, name, flags):
        answer = self.changed(player, [name],
                              lambda: self.model.request_name(player.peer, name, flags))
        self.note(player.peer.unique, 'requests', name, flags)
        xml = self.model.xml
        self.count_name_denial(player, name, bool(xml) and not xml.may_own(name))
        self.check_name_answer(player, answer, player.connection.bus('RequestName', 'su', name,
                                                                     flags))

    def release_name(self):
        self.release(self.random.choice(self.players), self.random.choice(NAMES))

    def free_service(self):
        """So that there is something to start."""
        owned = sorted(name for name in self.model.activatable if self.model.owner_of(name))
        if owned:
            name = self.random.choice(owned)
            for peer, _ in list(self.model.queues[name]):
                self.release(self.by_peer[peer], name)

    def own_service(self):
        """What the program that was started would do."""
        name = self.random.choice(sorted(self.model.waiting or self.model.activatable))
        self.request(self.random.choice(self.players), name, self.random.randrange(8))

    def release(self, player, name):
        answer = self.changed(player, [name],
                              lambda: self.model.release_name(player.peer, name))
        self.note(player.peer.unique, 'releases', name)
        self.count_name_denial(player, name, False)
        self.check_name_answer(player, answer, player.connection.bus('ReleaseName', 's', name))

    def start_service(self):
        player = self.random.choice(self.players)
        name = self.random.choice(sorted(self.model.activatable) + list(NAMES))
        answer, denied = self.model.start_service(player.peer, name)
        serial = player.connection.send(rawbus.call(BUS, rawbus.BUS_PATH, BUS,
                                                    'StartServiceByName', 'su', name, 0))
        self.note(player.peer.unique, 'starts', name)
        self.decisions += 1
        self.denials += denied
        if answer == STARTED:
            self.model.waiting.setdefault(name, []).append(Waiter(player.peer, serial))
        elif answer == 2:
            self.expect(player.peer, ('answer', serial, answer))
        else:
            self.expect(player.peer, ('error', serial, answer))

    def check_name_answer(self, player, answer, reply):
        got = reply.body[0] if reply.kind == rawbus.RETURN else reply.error
        if got != (ERROR + 'AccessDenied' if answer is None else answer):
            raise Mismatch(f'{player.peer.unique}: got {reply!r}, expected {answer}\n' +
                           '\n'.join(self.history[-20:]))

    def count_name_denial(self, player, name, by_xml):
        """Of a container, by its rules, which with Permissive only report it, or by XML."""
        server = player.peer.server
        if server:
            self.denials += by_xml or not (server.unrestricted or any(
                rule[0] & OWN and self.covers(rule, name) for rule in server.rules))

    @staticmethod
    def covers(rule, name):
        return rule[1] in ('', name) or rule[0] & NAMESPACE and name.startswith(rule[1] + '.')

    def add_rules(self):
        server = self.random.choice(self.servers)
        if server.unrestricted:
            return
        rules = self.rules(2)
        reply = self.manager.bus('AddServerRules', 'oa(usos)', server.path, rules,
                                 interface=CONTAINERS)
        if reply.kind != rawbus.RETURN:
            raise Mismatch(f'AddServerRules: {reply!r}')
        server.rules += rules
        self.note('rules', server.path, rules)

    def uncontained(self):
        return [player for player in self.players if not player.peer.server]

    def opt_in(self):
        player = self.random.choice(self.uncontained())
        server = self.random.choice([None, *self.servers])
        rules = []
        for _ in range(self.random.randrange(1, 3)):
            flags = self.random.choice((CALL, RECEIVE, CALL | RECEIVE))
            flags |= self.random.choice((0, FDS)) | self.random.choice((0, SUBTREE))
            rules.append((flags, self.random.choice(PATHS), self.random.choice(RULE_INTERFACES)))
        reply = player.connection.bus('AllowContainers', 'oa(uos)', server.path if server else '/',
                                      rules, interface=CONTAINERS)
        if reply.kind != rawbus.RETURN:
            raise Mismatch(f'AllowContainers: {reply!r}')
        player.peer.opt_ins += [(server, *rule) for rule in rules]
        self.note(player.peer.unique, 'opts in', server.path if server else '/', rules)

    def withdraw(self):
        player = self.random.choice(self.uncontained())
        server = self.random.choice([None, *self.servers])
        player.connection.bus('WithdrawContainers', 'o', server.path if server else '/',
                              interface=CONTAINERS)
        player.peer.opt_ins = [rule for rule in player.peer.opt_ins if rule[0] is not server]
        self.note(player.peer.unique, 'withdraws', server.path if server else '/')

    def disconnect(self):
        player = self.random.choice(self.players)
        if len(self.players) < 6 or (not player.peer.server and len(self.uncontained()) < 2):
            return
        if player.peer.server and sum(other.peer.server is player.peer.server
                                      for other in self.players) < 2:
            return                      # the server shall live
        self.note(player.peer.unique, 'goes')
        unique = player.peer.unique
        before = self.model.views(self.model.names_to_lose(player.peer))
        self.players.remove(player)
        del self.by_peer[player.peer]
        changes, unanswered = self.model.disconnect(player.peer)
        self.expect_changes(changes, before)
        for caller, _, serial in unanswered:
            self.expect(caller, ('error', serial, ERROR + 'NoReply'))
        player.connection.close()
        while self.manager.bus('NameHasOwner', 's', unique).body[0]:
            pass

    def join(self):
        if len(self.players) < 12:
            server = self.random.choice([None, *self.servers])
            if sum(player.peer.server is server for player in self.players) < 5:
                self.connect(server)

    # Questions

    def ask(self, player):
        """What the driver tells, all questions at once."""
        questions = []
        connection = player.connection
        for name in [self.any_name() for _ in range(4)] + [BUS]:
            for member in ('GetNameOwner', 'NameHasOwner', 'ListQueuedOwners',
                           'GetConnectionUnixUser'):
                serial = connection.send(rawbus.call(BUS, rawbus.BUS_PATH, BUS, member, 's', name))
                questions.append((serial, member, name, self.answer_to(player.peer, member, name)))
                self.denials += self.model.is_reported(player.peer, name)
        for member in ('ListNames', 'ListActivatableNames'):
            serial = connection.send(rawbus.call(BUS, rawbus.BUS_PATH, BUS, member))
            questions.append((serial, member, '', self.answer_to(player.peer, member, '')))
        for serial, member, name, expected in questions:
            reply = connection.wait_reply(serial)
            got = reply.error if reply.kind == rawbus.ERROR else reply.body[0]
            if member in ('ListNames', 'ListActivatableNames'):
                got = sorted(got)
            self.decisions += 1
            if got != expected:
                self.note(player.peer.unique, member, name)
                self.fail(player, [got], [expected])

    def answer_to(self, peer, member, name):
        unknown = ERROR + 'NameHasNoOwner'
        if member == 'ListNames':
            return self.model.list_names(peer)
        if member == 'ListActivatableNames':
            return sorted([BUS] + [name for name in self.model.activatable
                                   if self.model.sees_name(peer, name)])
        owner = self.model.visible_owner(peer, name)
        if member == 'NameHasOwner':
            return name == BUS or owner is not None
        if name == BUS:
            return {'GetNameOwner': BUS, 'ListQueuedOwners': [BUS],
                    'GetConnectionUnixUser': os.getuid()}[member]
        if owner is None:
            return unknown
        return {'GetNameOwner': owner.unique,
                'ListQueuedOwners': self.model.list_queued(peer, name),
                'GetConnectionUnixUser': os.getuid()}[member]

    # The play

    def play(self, decisions):
        """Play rounds until that many decisions were made; returns how many they were."""
        try:
            for _ in range(self.random.randrange(1, 4)):
                self.add_server()
            for server in [None, None, *self.servers]:
                for _ in range(self.random.randrange(1, 4)):
                    self.connect(server)
            self.collect(ordered=False)
            while self.decisions < decisions:
                self.change()
                for player in self.random.sample(self.players, min(4, len(self.players))):
                    self.send_batch(player)
                self.collect()
                self.ask(self.random.choice(self.players))
            return self.decisions
        finally:
            self.end()

    def end(self):
        for player in self.players:
            player.connection.close()
        for server in self.servers:
            self.manager.bus('StopServer', 'o', server.path, interface=CONTAINERS)
        self.manager.close()
        os.close(self.file)


def play_worlds(bus, seed, decisions, per_world=2500, **options):
    """Play worlds until that many decisions were made; returns (decisions, worlds)."""
    done, number = 0, 0
    while done < decisions:
        world = World(bus, f'{seed}/{number}', **options)
        try:
            done += world.play(min(per_world, decisions - done))
        except Mismatch as mismatch:
            raise Mismatch(f'seed {seed}, world {number}: {mismatch}') from None
        number += 1
    return done, number
