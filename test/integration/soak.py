# SPDX-License-Identifier: MIT
"""Mixed random traffic of many clients, all of which is counted.

Time goes in rounds. In a round everybody sends whatever comes to mind: calls to clients,
by unique or well-known name, with small and large bodies and descriptors, to services that
are started and crash, to names that containers do not see; signals to one and to all who
want them. Clients and whole container servers are cut off in the middle of it, and the
configuration is read again. Then the round is brought to its end, and the books must agree:

- what left a client for another one has arrived, once, in the order it was sent;
- a broadcast has arrived at all who had asked for it, and nobody else;
- every call was answered once, and with an error only where somebody was cut off;
- a monitor has seen as many calls and signals as left all clients.

Between rounds clients, containers, match rules and monitors come and go. In the end all are
gone, and the bus must hold what it held after the first round.
"""

import collections
import os
import random
import select
import socket
import struct
import time

import harness
import rawbus
from containers import CALL as MAY_CALL, FDS as MAY_FDS, NAMESPACE, RECEIVE, Server, rule
from faults import MIB, asan, service_folder
from soak_wire import (CALL, DESTINATION, ERROR, ERROR_NAME, FDS, INTERFACE, MEMBER, NO_REPLY,
                       PATH, REPLY_SERIAL, RETURN, SENDER, SIGNAL, Stream, encode)

I = 'com.example.SoakI'
TREE = 'com.example.Soak'
HIDDEN = 'com.example.Hidden'
SERVICES = [f'com.example.SoakService{number}' for number in range(4)]
TOPICS = 8
WINDOW = 16                             # calls of one client without an answer
STEPS = 2000                            # things that are done in a round
PATIENCE = 120                          # seconds in which a round must come to its end
BODY = struct.Struct('=III')            # sender, number of the message, length of what follows
LIMITS = {'max_connections_per_user': 5000, 'max_completed_connections': 5000,
          'max_containers_per_user': 100, 'max_connections_per_container': 64,
          'max_incomplete_connections': 200, 'max_replies_per_connection': 10000,
          'service_start_timeout': 120000}
RULES = [rule(MAY_CALL | MAY_FDS | RECEIVE | NAMESPACE, TREE)]
SERVICE_ERRORS = ('NoReply', 'Spawn.ChildExited')
GONE_ERRORS = ('NoReply', 'ServiceUnknown', 'NameHasNoOwner')


class Wrong(Exception):
    """The books do not agree."""


class Client:
    """One connection, and what it has sent and got."""

    def __init__(self, world, server=None):
        self.world, self.server, self.index = world, server, world.next_index
        world.next_index += 1
        connection = rawbus.Connection(server.address if server else world.bus.address)
        self.unique = connection.unique
        self.name = f'{TREE}.c{self.index}'
        self.topics = set()
        if not server:
            connection.own(self.name)
        for topic in world.random.sample(range(TOPICS), 2):
            connection.add_match(self.topic_rule(topic))
            self.topics.add(topic)
        connection.drain()
        self.serial = connection.last_serial
        self.stream = Stream(connection.sock.dup())
        connection.close()
        self.pending = {}               # serial -> (kind, index of who is called)
        self.quiet = {}                 # serial -> who is sent what needs no answer
        self.leaving = collections.deque()      # (end in the stream, what to do when it is out)
        self.is_cut = False
        world.add(self)

    @staticmethod
    def topic_rule(topic):
        return f"type='signal',interface='{I}',path='/topic{topic}'"

    def next_serial(self):
        self.serial += 1
        return self.serial

    def queue(self, data, when_out=None, fd=None):
        end = self.stream.queue(data, fd)
        if when_out:
            self.leaving.append((end, when_out))
        self.flush()

    def flush(self):
        try:
            self.stream.flush()
        except OSError:                 # the bus has hung up, which receive() sees
            self.stream.out.clear()
        while self.leaving and self.leaving[0][0] <= self.stream.n_sent:
            self.leaving.popleft()[1]()
        self.world.watch(self)

    def cut(self):
        """End it now, whatever is on its way."""
        self.is_cut = True
        self.world.remove(self)
        self.stream.sock.close()


class Books:
    """Who has sent what to whom, and what of it has come."""

    def __init__(self):
        self.numbers = collections.Counter()    # (sender, receiver): given out
        self.sent = collections.Counter()       # ... and left
        self.last = collections.Counter()       # ... number of the last that came
        self.cast_number = collections.Counter()        # of broadcasts, by sender
        self.cast_last = collections.Counter()
        self.cast_sent, self.cast_got = collections.Counter(), collections.Counter()
        self.totals = collections.Counter()
        self.left = collections.Counter()       # calls and signals of this round, by sender
        self.dropped = set()            # whom the bus has hung up on: it need not read the rest

    def came(self, sender, receiver, number):
        expected = self.last[sender, receiver] + 1
        if number != expected:
            raise Wrong(f'{receiver} got message {number} of {sender}, expected {expected}')
        self.last[sender, receiver] = number
        self.totals['delivered'] += 1

    def cast_came(self, sender, receiver, number):
        if number <= self.cast_last[sender, receiver]:
            raise Wrong(f'{receiver} got broadcast {number} of {sender} after '
                        f'{self.cast_last[sender, receiver]}')
        self.cast_last[sender, receiver] = number
        self.cast_got[sender, receiver] += 1
        self.totals['broadcasts delivered'] += 1

    def balance(self, there):
        """All that left for who is still there has come."""
        for pair, count in self.sent.items():
            if self.last[pair] > count:
                raise Wrong(f'{pair[1]} got more than {pair[0]} has sent')
            if pair[1] in there and pair[0] not in self.dropped and self.last[pair] != count:
                raise Wrong(f'{pair[0]} sent {count} messages to {pair[1]}, which got '
                            f'{self.last[pair]}')
        for pair in set(self.cast_sent) | set(self.cast_got):
            if pair[1] in there and self.cast_sent[pair] != self.cast_got[pair]:
                raise Wrong(f'{pair[1]} got {self.cast_got[pair]} broadcasts of {pair[0]}, '
                            f'expected {self.cast_sent[pair]}')

    def forget(self, there):
        """Drop the pages of those who have gone."""
        for page in (self.numbers, self.sent, self.last, self.cast_sent, self.cast_got,
                     self.cast_last):
            for pair in [pair for pair in page if not there.issuperset(pair)]:
                del page[pair]
        self.left.clear()
        self.dropped.clear()

    def check_seen(self, count):
        """As many as left; of those that the bus has hung up on perhaps fewer."""
        total = sum(self.left.values())
        unsure = sum(self.left[index] for index in self.dropped)
        if not total - unsure <= count <= total:
            raise Wrong(f'a monitor has seen {count} messages, {total} were sent, {unsure} of '
                        'them by those who were hung up on')


class World:
    """A bus, its clients, and the loop that serves them."""

    def __init__(self, t, seed, n_clients, n_servers):
        self.t, self.random = t, random.Random(seed)
        self.n_clients, self.n_servers = n_clients, n_servers
        self.bus = t.bus(servicedir=service_folder(t, *SERVICES), limits=LIMITS,
                         env={'ASAN_OPTIONS': asan('')})
        self.poller = select.epoll()
        t.cleanups.append(self.poller.close)
        self.clients, self.by_fd, self.servers = {}, {}, []
        self.next_index = 1
        self.books = Books()
        self.manager = t.connect(self.bus)
        self.hidden = t.connect(self.bus)
        self.hidden.own(HIDDEN)
        t.cleanups.append(self.hang_up)
        self.gone = set()               # indices of those who were cut off in this round
        self.gone_from = collections.defaultdict(set)
        self.monitor = None
        self.blob = memoryview(self.random.randbytes(300000))
        self.passed_fd = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
        t.fds.append(self.passed_fd)

    # Who is there

    def add(self, client):
        self.clients[client.index] = client
        self.by_fd[client.stream.sock.fileno()] = client
        self.poller.register(client.stream.sock, select.EPOLLIN)

    def remove(self, client):
        self.poller.unregister(client.stream.sock)
        del self.by_fd[client.stream.sock.fileno()]
        del self.clients[client.index]
        self.gone.add(client.index)
        self.gone_from[client.server].add(client.index)

    def watch(self, client):
        if client.is_cut:
            return
        events = select.EPOLLIN | (select.EPOLLOUT if client.stream.out else 0)
        self.poller.modify(client.stream.sock, events)

    def fill(self):
        """As many clients and servers as there are to be."""
        while len(self.servers) < self.n_servers:
            self.servers.append(Server(self.t, self.bus, RULES, manager=self.manager))
        while len(self.clients) < self.n_clients:
            contained = self.servers and self.random.random() < 0.3
            Client(self, self.random.choice(self.servers) if contained else None)

    def pick(self, uncontained=False):
        while True:
            client = self.clients[self.random.choice(self.indices)]
            if not (uncontained and client.server):
                return client

    def hang_up(self):
        for client in list(self.clients.values()):
            client.cut()
        if self.monitor:
            self.monitor.close()

    # What comes

    def turn(self, timeout=0):
        for fd, events in self.poller.poll(timeout):
            client = self.by_fd.get(fd)
            if client and events & select.EPOLLOUT:
                client.flush()
            if client and not client.is_cut and events & ~select.EPOLLOUT:
                self.receive(client)

    def receive(self, client):
        messages = client.stream.receive()
        if messages is None:
            if client.server not in self.stopped:
                raise Wrong(f'the bus has hung up on {client.unique}: {self.bus.log()[-2000:]}')
            client.cut()
            return
        for message in messages:
            self.handle(client, message)
            for fd in message.fds:
                os.close(fd)

    def handle(self, client, message):
        if message.kind == CALL:
            self.answer(client, message)
        elif message.kind in (RETURN, ERROR):
            self.answered(client, message)
        elif message.fields.get(INTERFACE) == I:
            sender, number, _ = BODY.unpack_from(message.body)
            if message.fields[MEMBER] == 'Cast':
                topic = int(message.fields[PATH].removeprefix('/topic'))
                if topic not in client.topics:
                    raise Wrong(f'{client.unique} has not asked for topic {topic}')
                self.books.cast_came(sender, client.index, number)
            else:
                self.books.came(sender, client.index, number)

    def answer(self, client, message):
        sender, number, length = BODY.unpack_from(message.body)
        if len(message.body) != BODY.size + length:
            raise Wrong(f'a body of {len(message.body)} bytes, expected {BODY.size + length}')
        if len(message.fds) != message.fields.get(FDS, 0):
            raise Wrong(f'{len(message.fds)} descriptors, expected {message.fields.get(FDS)}')
        self.books.came(sender, client.index, number)
        if message.flags & NO_REPLY:
            return
        serial = client.next_serial()
        client.quiet[serial] = sender
        client.queue(encode(RETURN, serial,
                            [(DESTINATION, message.fields[SENDER]),
                             (REPLY_SERIAL, message.serial)]))

    def is_gone(self, index):
        client = self.clients.get(index)
        return index in self.gone or client is not None and client.server in self.stopped

    def answered(self, client, message):
        kind, whom = client.pending.pop(message.fields[REPLY_SERIAL], (None, None))
        if kind is None and self.is_gone(client.quiet.get(message.fields[REPLY_SERIAL])):
            return                      # an error that the bus tells though nobody wants it
        if kind is None:
            raise Wrong(f'{client.unique} got an answer that it has not asked for: '
                        f'{message.fields} {message.body[:200]}')
        self.books.totals['answers'] += 1
        if message.kind == RETURN:
            if kind == 'hidden':
                raise Wrong('a container has reached what is hidden from it')
            return
        error = message.fields[ERROR_NAME].removeprefix('org.freedesktop.DBus.Error.')
        expected = {'hidden': error == 'ServiceUnknown',
                    'service': error in SERVICE_ERRORS,
                    'client': error in GONE_ERRORS and self.is_gone(whom)}.get(kind, False)
        if not expected:
            raise Wrong(f'{client.unique} called {kind} {whom}: {error}: {message.text()}')

    # What is sent

    def packed(self, client, number):
        length = self.random.choice((0, 7, 50, 50, 200, 200, 1500))
        if self.random.random() < 0.01:
            length = self.random.randrange(len(self.blob))
        return BODY.pack(client.index, number, length) + bytes(self.blob[:length])

    def leaves(self, counter, key):
        def left():
            counter[key] += 1
            self.books.left[key[0]] += 1
            self.books.totals['sent'] += 1
        return left

    def to_one(self, kind, member, with_fd=False):
        sender = self.pick(uncontained=kind == SIGNAL)
        receiver = self.pick(uncontained=sender.server is not None)
        if receiver is sender or len(sender.pending) >= WINDOW:
            return
        pair = (sender.index, receiver.index)
        self.books.numbers[pair] += 1
        by_name = sender.server or (not receiver.server and self.random.random() < 0.5)
        serial = sender.next_serial()
        fields = [(PATH, '/'), (INTERFACE, I), (MEMBER, member),
                  (DESTINATION, receiver.name if by_name else receiver.unique)]
        wants_reply = kind == CALL and self.random.random() < 0.8
        if wants_reply:
            sender.pending[serial] = ('client', receiver.index)
        else:
            sender.quiet[serial] = receiver.index
        if with_fd:
            fields.append((FDS, 1))
        data = encode(kind, serial, fields, 'uuay', self.packed(sender, self.books.numbers[pair]),
                      0 if wants_reply else NO_REPLY)
        sender.queue(data, self.leaves(self.books.sent, pair), self.passed_fd if with_fd else None)

    def call_client(self):
        self.to_one(CALL, 'Call', self.random.random() < 0.05)

    def signal_client(self):
        self.to_one(SIGNAL, 'Signal')

    def broadcast(self):
        sender, topic = self.pick(uncontained=True), self.random.randrange(TOPICS)
        self.books.cast_number[sender.index] += 1
        receivers = [index for index, client in self.clients.items() if topic in client.topics]

        def left():
            self.books.left[sender.index] += 1
            self.books.totals['sent'] += 1
            for index in receivers:
                self.books.cast_sent[sender.index, index] += 1

        sender.queue(encode(SIGNAL, sender.next_serial(),
                            [(PATH, f'/topic{topic}'), (INTERFACE, I), (MEMBER, 'Cast')], 'uuay',
                            self.packed(sender, self.books.cast_number[sender.index])), left)

    def ask(self, client, kind, fields, signature='', body=b''):
        """A call that is not part of the books but for its answer."""
        serial = client.next_serial()
        client.pending[serial] = (kind, None)
        client.queue(encode(CALL, serial, fields, signature, body))

    def call_service(self):
        member = 'Crash' if self.random.random() < 0.02 else 'Work'
        self.ask(self.pick(uncontained=True), 'service',
                 [(PATH, '/a'), (INTERFACE, 'com.example.I'), (MEMBER, member),
                  (DESTINATION, self.random.choice(SERVICES))])

    def call_hidden(self):
        client = self.pick()
        if client.server:
            self.ask(client, 'hidden', [(PATH, '/'), (INTERFACE, 'com.example.I'),
                                        (MEMBER, 'Open'), (DESTINATION, HIDDEN)])

    def call_bus(self):
        member = self.random.choice(('ListNames', 'GetId', 'ListActivatableNames'))
        self.ask(self.pick(), 'bus', [(PATH, rawbus.BUS_PATH), (INTERFACE, rawbus.BUS),
                                      (MEMBER, member), (DESTINATION, rawbus.BUS)])

    def reload(self):
        limits = dict(LIMITS, max_incoming_bytes=127 * MIB - self.random.randrange(1000))
        self.bus.write_config(servicedir=self.t.path('services'), limits=limits)
        self.ask(self.pick(uncontained=True), 'bus',
                 [(PATH, rawbus.BUS_PATH), (INTERFACE, rawbus.BUS), (MEMBER, 'ReloadConfig'),
                  (DESTINATION, rawbus.BUS)])
        self.books.totals['reloads'] += 1

    def cut_client(self):
        self.pick().cut()
        self.books.totals['clients cut off'] += 1
        self.indices = list(self.clients)

    def stop_server(self):
        server = self.servers.pop(self.random.randrange(len(self.servers)))
        self.stopped.add(server)
        if server.stop().kind != rawbus.RETURN:
            raise Wrong('StopServer failed')
        self.books.totals['servers stopped'] += 1

    # Rounds

    ACTIONS = ((call_client, 60), (signal_client, 10), (broadcast, 8), (call_service, 2),
               (call_hidden, 3), (call_bus, 5))

    def round(self):
        self.gone, self.stopped, self.indices = set(), set(), list(self.clients)
        self.gone_from = collections.defaultdict(set)   # server: those of self.gone
        for client in self.clients.values():
            client.quiet.clear()
        if self.random.random() < 0.5:
            self.start_monitor()
        actions, weights = zip(*self.ACTIONS)
        seldom = {self.random.randrange(STEPS): action for action in
                  (World.cut_client, World.cut_client, World.stop_server, World.reload)}
        for step in range(STEPS):
            if step in seldom:
                seldom[step](self)
            else:
                self.random.choices(actions, weights)[0](self)
            if step % 8 == 0:
                self.turn()
                self.indices = list(self.clients)
        self.settle()
        for server in self.stopped:
            self.books.dropped |= self.gone_from[server]
        self.books.balance(set(self.clients))
        self.check_monitor()
        self.books.totals['rounds'] += 1

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Wrong(f'{what} did not come within {PATIENCE} s: {self.waiting()}')
            self.turn(0.05)

    def waiting(self):
        return [(client.unique, dict(client.pending)) for client in self.clients.values()
                if client.pending][:5]

    def settle(self):
        """All that was sent has arrived: everybody hears from the bus twice, behind it."""
        def quiet():
            return not any(client.pending or client.stream.out
                           for client in self.clients.values())

        self.wait(lambda: not any(client.server in self.stopped
                                  for client in self.clients.values()), 'the end of a server')
        self.wait(quiet, 'an answer')
        for _ in range(2):
            for client in list(self.clients.values()):
                self.ask(client, 'bus', [(PATH, rawbus.BUS_PATH), (INTERFACE, rawbus.PEER),
                                         (MEMBER, 'Ping'), (DESTINATION, rawbus.BUS)])
            self.wait(quiet, 'an answer of the bus')

    def start_monitor(self):
        self.monitor = rawbus.Connection(self.bus.address)
        self.monitor.bus('BecomeMonitor', 'asu', [f"interface='{I}'", "member='GetId',sender='" + self.hidden.unique + "'"], 0,
                         interface='org.freedesktop.DBus.Monitoring')
        self.seen = Stream(self.monitor.sock)
        self.n_seen, self.n_ends = 0, 0
        self.poller.register(self.seen.sock, select.EPOLLIN)
        self.by_fd[self.seen.sock.fileno()] = Monitor(self)
        self.books.totals['monitors'] += 1

    def check_monitor(self):
        if not self.monitor:
            return
        self.hidden.bus('GetId')        # which comes behind all that the monitor is to see
        self.wait(lambda: self.n_ends > 0, 'what a monitor sees')
        self.books.check_seen(self.n_seen)
        self.poller.unregister(self.seen.sock)
        del self.by_fd[self.seen.sock.fileno()]
        self.monitor.close()
        self.monitor = None

    def churn(self):
        """Between rounds some leave in peace."""
        for client in self.random.sample(list(self.clients.values()), len(self.clients) // 20):
            client.cut()
        for server in self.stopped:
            server.sock.close()
        self.books.forget(set(self.clients))
        self.fill()

    def empty(self):
        """All are gone, and the bus has nothing left of them."""
        for client in list(self.clients.values()):
            client.cut()
        for server in self.servers:
            if server.stop().kind != rawbus.RETURN:
                raise Wrong('StopServer failed')
        self.servers = []
        for name in SERVICES:
            self.manager.call(name, '/', 'com.example.I', 'Quit')
        self.books.forget(set())
        if not harness.wait_until(lambda: self.bus.count_fds() <= self.bus.idle_fds + 3, 30):
            raise Wrong(f'descriptors are left: {self.bus.fd_targets()}')
        stats = self.manager.bus('GetStats', interface='org.freedesktop.DBus.Debug.Stats').body[0]
        return {key: stats[key].value for key in ('ActiveConnections', 'IncompleteConnections',
                                                  'MatchRules', 'BusNames')}

    def memory(self):
        with open(f'/proc/{self.bus.pid}/statm', encoding='ascii') as stream:
            return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


class Monitor:
    """In place of a client for World.turn()."""

    is_cut = False
    server = None
    unique = 'the monitor'

    def __init__(self, world):
        self.world, self.stream = world, self
        self.receive = self.count

    def count(self):
        messages = self.world.seen.receive()
        if messages:
            for message in messages:
                if message.kind in (CALL, SIGNAL) and message.fields.get(INTERFACE) == I:
                    self.world.n_seen += 1
                self.world.n_ends += (message.fields.get(MEMBER) == 'GetId' and
                                      message.fields[SENDER] == self.world.hidden.unique)
                for fd in message.fds:
                    os.close(fd)
        return None if messages is None else []


def soak(t, seconds, seed, n_clients=200, n_servers=8, slack=16 * MIB, tell=None):
    """Rounds for so long; returns totals. Raises Wrong when the books do not agree."""
    world = World(t, seed, n_clients, n_servers)
    began = time.monotonic()
    start = None
    while not start or time.monotonic() - began < seconds:
        world.fill()
        world.round()
        world.churn()
        if not start:                   # what the bus takes once and keeps is taken now
            start = (world.empty(), world.memory())
            began = time.monotonic()
        if tell:
            tell(world)
    kept, memory = world.empty(), world.memory()
    if kept != start[0]:
        raise Wrong(f'the bus holds {kept} in the end, {start[0]} at the start')
    grown = memory - start[1]
    if grown > slack:
        raise Wrong(f'the bus has grown by {grown >> 10} KiB')
    totals = dict(world.books.totals, seconds=int(time.monotonic() - began))
    totals['KiB more than at the start'] = grown >> 10
    return totals
