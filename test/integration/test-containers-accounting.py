#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One sandbox that takes all it can get: doc/containers1.md, section 7.

It reaches its limit, nobody else notices, and all comes back when it goes: another connection of
the same server can have as much again afterwards, and the bus checks its books when a connection
and a server end.
"""

import os
import select
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (CALL, FDS, NAMESPACE, OWN, RECEIVE, SERVICE, Server, refused_connection,
                        rule)
from harness import test

NAMES = 'com.example.Names'
LIMITED = 'org.freedesktop.DBus.Error.LimitsExceeded'


class Sandboxes:
    """A bus with small limits, a greedy sandbox, a modest one, a client and a service outside."""

    def __init__(self, t, **options):
        self.t = t
        limits = {'max_names_per_connection': 10, 'max_match_rules_per_connection': 10,
                  'max_replies_per_connection': 10, 'max_connections_per_container': 6,
                  **options.pop('limits', {})}
        self.bus = t.bus(limits=limits, **options)
        self.service, self.client = t.connect(self.bus), t.connect(self.bus)
        self.service.own(SERVICE)
        rules = [rule(CALL | RECEIVE | FDS, SERVICE), rule(OWN | NAMESPACE, NAMES),
                 rule(CALL | NAMESPACE, 'com.example.Startable')]
        self.server = Server(t, self.bus, rules, manager=self.client)
        self.other = Server(t, self.bus, rules, manager=self.client)
        self.modest = self.other.connect()

    def take_all(self, take, what, total):
        """Five connections of the greedy server take until they are refused."""
        greedy = [self.server.connect() for _ in range(5)]
        taken = 0
        for connection in greedy:
            number = 0
            while take(connection, number):
                number += 1
            taken += number
        self.t.equal(taken, total, f'{what}: what an instance may have')
        return greedy

    def comes_back(self, take, what, total=40):
        """All of it can be taken, the others have theirs, and then it can be taken again."""
        greedy = self.take_all(take, what, total)
        for innocent in (self.modest, self.client):
            for number in range(5):
                self.t.true(take(innocent, number), f'{what}: others have their own')
        for connection in greedy:
            connection.close()
        self.t.true(harness.wait_until(lambda: self.count_inside() == 0), 'they are gone')
        for connection in self.take_all(take, f'{what}, again', total):
            connection.close()

    def count_inside(self):
        """How many connections the greedy server has."""
        monitor = self.client
        return sum(name[0] == ':' and self.is_greedy(name)
                   for name in monitor.bus('ListNames').body[0])

    def is_greedy(self, name):
        reply = self.client.bus('GetConnectionInfo', 's', name, interface=harness.CONTAINERS)
        return reply.kind == rawbus.RETURN and reply.body[0] == self.server.path


def succeeded(t, reply):
    if reply.kind == rawbus.ERROR:
        t.equal(reply.error, LIMITED, 'error')
    return reply.kind == rawbus.RETURN


@test('7/match rules of an instance, and of nobody else')
def match_rules(t):
    world = Sandboxes(t)
    world.comes_back(lambda c, n: succeeded(t, c.bus('AddMatch', 's', f"member='M{n}'")),
                     'match rules')


@test('7/names of an instance, and of nobody else')
def names(t):
    world = Sandboxes(t)

    def take(connection, number):
        name = f'{NAMES}.C{connection.unique[3:]}x{number}'
        return succeeded(t, connection.bus('RequestName', 'su', name, 4))
    world.comes_back(take, 'names', 40 - 5)     # each connection has a unique name besides


@test('7/replies that an instance waits for, and nobody else')
def replies(t):
    world = Sandboxes(t)

    def take(connection, _):
        serial = connection.send(rawbus.call(SERVICE, '/x', 'a.b', 'Silence'))
        connection.sync()
        answers = [m for m in connection.take() if m.reply_serial == serial]
        return not answers or succeeded(t, answers[0])
    world.comes_back(take, 'replies')
    t.true(len(world.service.drain()) > 80, 'calls')


@test('7/connections of an instance, and of nobody else')
def connections(t):
    world = Sandboxes(t)
    greedy = [world.server.connect() for _ in range(6)]
    t.true(refused_connection(t, world.server.address), 'one too many')
    t.returned(world.other.connect().sync(), 'another sandbox')
    t.returned(t.connect(world.bus).sync(), 'outside')
    for connection in greedy:
        connection.close()
    t.true(harness.wait_until(lambda: world.count_inside() == 0), 'they are gone')
    again = [world.server.connect() for _ in range(6)]
    t.equal(len(again), 6, 'again')


def fill_queue(t, sender, fds=()):
    """Send to a service that does not read until something is refused; how much was taken."""
    for number in range(20000):
        serial = sender.send(rawbus.call(SERVICE, '/x', 'a.b', 'Fill', 'ay', bytes(4096),
                                         fds=list(fds)))
        if number % 10 == 0:
            sender.sync()
            for message in sender.take():
                if message.kind == rawbus.ERROR:
                    t.equal(message.error, LIMITED, 'error')
                    return number
    raise harness.Failure(f'nothing was refused up to serial {serial}')


def others_get_through(t, world, fds=()):
    """Calls of others to the service whose queue somebody has filled."""
    serials = [(connection, connection.send(rawbus.call(SERVICE, '/y', 'a.b', 'Small',
                                                        fds=list(fds))))
               for connection in (world.modest, world.client)]
    for connection, _ in serials:
        connection.sync()
        t.equal([m.kind for m in connection.take()], [], f'{connection.unique} is not refused')
    for _ in serials:
        request = world.service.wait_call('Small', timeout=60)
        t.equal(len(request.fds), len(fds), 'descriptors')
        request.close_fds()
        world.service.send(rawbus.reply_to(request))
    for connection, serial in serials:
        t.returned(connection.wait_reply(serial), 'answer')


def drop_filling(world):
    for message in world.service.take():
        message.close_fds()


@test('7/bytes that wait for others')
def queued_bytes(t):
    world = Sandboxes(t, limits={'max_outgoing_bytes': 1 << 20, 'max_incoming_bytes': 1 << 20,
                                 'max_replies_per_connection': 100000})
    for _ in range(2):
        greedy = world.server.connect(timeout=60)
        taken = fill_queue(t, greedy)
        t.true(taken * 4096 <= 4 << 20, f'{taken} messages')
        others_get_through(t, world)
        drop_filling(world)
        greedy.close()


@test('7/descriptors that wait for others')
def queued_descriptors(t):
    null = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
    t.fds.append(null)
    world = Sandboxes(t, limits={'max_outgoing_unix_fds': 64, 'max_incoming_unix_fds': 64,
                                 'max_replies_per_connection': 100000})
    for _ in range(2):
        greedy = world.server.connect(timeout=60)
        fill_queue(t, greedy, [null] * 4)
        others_get_through(t, world, [null])
        drop_filling(world)
        greedy.close()


def has_input(connection):
    return bool(select.select([connection.sock], [], [], 0)[0])


def instance_is_stopped(t, world, send_some):
    """Five connections, none of which has more than it may, send to services that do not read."""
    services = [t.connect(world.bus) for _ in range(5)]
    for service in services:
        service.add_match("member='Fill'")
    # what comes behind it waits in the bus, not in the kernel
    world.client.send(rawbus.signal('/x', 'a.b', 'Fill', 'ay', bytes(1 << 20)))
    world.client.sync()
    greedy = [world.server.connect() for _ in range(5)]
    for connection, service in zip(greedy[:4], services):
        send_some(connection, service)
        t.returned(connection.sync(), 'as much as one may')
    send_some(greedy[4], services[4])
    serial = greedy[0].send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.PEER, 'Ping'))
    for other in (world.modest, world.client, world.modest, world.client):
        t.returned(other.sync(), 'others')
    t.true(not has_input(greedy[0]), 'the instance is read no more')
    for service in services:
        for message in service.drain():
            message.close_fds()
    t.returned(greedy[0].wait_reply(serial), 'it goes on when they have read')
    for connection in (*greedy, *services):
        connection.close()
    t.true(harness.wait_until(lambda: world.count_inside() == 0), 'they are gone')


@test('7/bytes that all connections of an instance have sent and nobody has read')
def instance_bytes(t):
    world = Sandboxes(t, limits={'max_incoming_bytes': 100000})
    world.server.manager.bus('AddServerRules', 'oa(usos)', world.server.path, [rule(CALL, '')],
                             interface=harness.CONTAINERS)

    def send_some(connection, service):
        for _ in range(2):
            connection.send(rawbus.call(service.unique, '/x', 'a.b', 'M', 'ay', bytes(48000),
                                        flags=rawbus.NO_REPLY))
    for _ in range(2):
        instance_is_stopped(t, world, send_some)


@test('7/descriptors that all connections of an instance have sent and nobody has read')
def instance_descriptors(t):
    null = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
    t.fds.append(null)
    world = Sandboxes(t, limits={'max_incoming_unix_fds': 8})
    world.server.manager.bus('AddServerRules', 'oa(usos)', world.server.path,
                             [rule(CALL | FDS, '')], interface=harness.CONTAINERS)
    fds = world.bus.count_fds()

    def send_some(connection, service):
        for _ in range(2):
            connection.send(rawbus.call(service.unique, '/x', 'a.b', 'M', fds=[null] * 4,
                                        flags=rawbus.NO_REPLY))
    for _ in range(2):
        instance_is_stopped(t, world, send_some)
    t.true(harness.wait_until(lambda: world.bus.count_fds() <= fds), 'descriptors of the bus')


@test('7/a sandbox that does not read')
def deaf(t):
    world = Sandboxes(t, limits={'max_outgoing_bytes': 1 << 20})
    greedy = world.server.connect()
    refused = False
    for number in range(5000):
        world.client.send(rawbus.signal('/x', 'a.b', 'S', 'ay', bytes(4096),
                                        destination=greedy.unique))
        if number % 100 == 0:
            refused = any(m.error == LIMITED for m in world.client.drain()) or refused
        if refused:
            break
    t.true(refused, 'the sender is told')
    serial = world.modest.send(rawbus.call(SERVICE, '/x', 'a.b', 'M'))
    world.service.send(rawbus.reply_to(world.service.wait_call('M')))
    t.returned(world.modest.wait_reply(serial), 'others')
    greedy.close()


def hanging_services(t, count):
    """A folder of services that start and never own their names."""
    folder = t.path('services')
    os.mkdir(folder)
    for number in range(count):
        name = f'com.example.Startable.N{number}'
        with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/sleep 600\n')
    return folder


@test('7/services that it waits for')
def activations(t):
    world = Sandboxes(t, servicedir=hanging_services(t, 3), check_fds=False,
                      limits={'max_pending_service_starts': 40, 'service_start_timeout': 100000,
                              'max_replies_per_connection': 1000})
    for _ in range(2):
        greedy = world.server.connect()
        for number in range(60):
            greedy.send(rawbus.call(f'com.example.Startable.N{number % 2}', '/x', 'a.b', 'M'))
        refused = [m for m in greedy.drain() if m.kind == rawbus.ERROR]
        t.equal({m.error for m in refused}, {LIMITED}, 'refused')
        t.true(len(refused) < 60, 'not all')
        for innocent in (world.modest, world.client):
            innocent.send(rawbus.call('com.example.Startable.N2', '/x', 'a.b', 'M'))
            t.equal([m.error for m in innocent.drain()], [], 'others may still wait')
        greedy.close()


@test('7/all at once, over and over')
def churn(t):
    world = Sandboxes(t, limits={'max_outgoing_bytes': 1 << 18, 'max_incoming_bytes': 1 << 18})
    fds = world.bus.count_fds()
    for round_number in range(20):
        greedy = [world.server.connect() for _ in range(3)]
        for number, connection in enumerate(greedy):
            for member, signature, body in (('AddMatch', 's', ("type='signal'",)),
                                            ('RequestName', 'su', (f'{NAMES}.X{number % 2}', 0))):
                for _ in range(3):
                    connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member,
                                                signature, *body))
            connection.send(rawbus.call(SERVICE, '/x', 'a.b', f'Round{round_number}'))
            connection.send(rawbus.call(greedy[0].unique, '/x', 'a.b', 'Inside', 'ay', bytes(9999)))
        for connection in greedy:
            connection.sync()
            connection.close()
        world.service.drain()
    t.true(harness.wait_until(lambda: world.bus.count_fds() <= fds), 'descriptors of the bus')


if __name__ == '__main__':
    harness.main()
