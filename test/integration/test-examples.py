#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The programs of doc/examples/, as a service of the host and of containers."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import Server, removal, watch_removal
from harness import test

SETTINGS, ROOT = 'org.example.Settings', '/org/example/Settings'
PORTAL, PORTAL_PATH = 'org.example.Portal', '/org/example/portal'
EXAMPLES = os.path.join(harness.BUILD, 'doc', 'examples')


def example(t, name):
    """(bus, outside): a bus on which the example runs."""
    program = os.path.join(EXAMPLES, name)
    if not os.access(program, os.X_OK):
        raise harness.Skip(f'{program} is not built')
    bus = t.bus()
    environment = dict(bus.environment, DBUS_SESSION_BUS_ADDRESS=bus.address)
    process = t.spawn([program], env=environment)
    t.equal(harness.read_line(process.stdout.fileno(), 20), 'READY', name)
    return bus, t.connect(bus)


def count(outside, name, path, interface, what):
    reply = outside.call(name, path, harness.PROPERTIES, 'Get', 'ss', interface, what)
    return reply.body[0].value


# Settings

def open_settings(t, caller):
    return t.returned(caller.call(SETTINGS, ROOT, SETTINGS + '.Rendezvous', 'Open'), 'Open')[0]


def set_value(caller, path, key, value):
    return caller.call(SETTINGS, path, SETTINGS, 'Set', 'ss', key, value)


def get_value(caller, path, key):
    return caller.call(SETTINGS, path, SETTINGS, 'Get', 's', key)


def changes(caller):
    return [(m.path, *m.body) for m in caller.drain() if m.member == 'Changed']


@test('settings/each container has a subtree, values belong to the app')
def settings_values(t):
    bus, outside = example(t, 'settings-service')
    one, again = Server(t, bus, app='app.One'), Server(t, bus, app='app.One')
    two = Server(t, bus, app='app.Two')
    callers = [server.connect() for server in (one, again, two)]
    paths = [open_settings(t, caller) for caller in callers]
    host = open_settings(t, outside)
    t.equal(host, ROOT + '/host', 'the host')
    for server, path in zip((one, again, two), paths):
        t.equal(path, ROOT + '/' + server.path.rpartition('/')[2], 'a container')
    for caller, path, value in zip(callers, paths, ('1', '2', '3')):
        t.returned(set_value(caller, path, 'colour', value), 'Set')
    t.returned(set_value(outside, host, 'colour', 'host'))
    got = [t.returned(get_value(caller, path, 'colour'))[0]
           for caller, path in zip((*callers, outside), (*paths, host))]
    t.equal(got, ['2', '2', '3', 'host'], 'values')


@test('settings/nobody contained reaches another\'s subtree')
def settings_walls(t):
    bus, outside = example(t, 'settings-service')
    one, two = Server(t, bus, app='app.One').connect(), Server(t, bus, app='app.Two').connect()
    t.failed(get_value(one, ROOT + '/host', 'x'), 'AccessDenied', 'that of the host')
    mine, other = open_settings(t, one), open_settings(t, two)
    host = open_settings(t, outside)
    t.failed(get_value(one, other, 'x'), 'AccessDenied', 'another container')
    t.failed(set_value(one, host, 'x', 'y'), 'AccessDenied', 'the host')
    t.failed(one.call(SETTINGS, ROOT, harness.PROPERTIES, 'GetAll', 's', SETTINGS),
             'AccessDenied', 'another interface at the rendezvous')
    t.returned(get_value(one, mine, 'x'), 'its own')
    t.returned(get_value(outside, mine, 'x'), 'the host reaches all')


@test('settings/change signals reach only the containers of the app')
def settings_signals(t):
    bus, outside = example(t, 'settings-service')
    callers = [Server(t, bus, app=app).connect() for app in ('app.One', 'app.One', 'app.Two')]
    paths = [open_settings(t, caller) for caller in callers]
    for caller in (*callers, outside):
        caller.add_match(f"interface='{SETTINGS}'")
        caller.drain()
    t.returned(set_value(callers[0], paths[0], 'k', 'v'))
    t.equal(sorted(changes(outside)), sorted((path, 'k', 'v') for path in paths[:2]),
            'outside')
    for caller, path, expected in zip(callers, paths, (1, 1, 0)):
        t.equal(changes(caller), [(path, 'k', 'v')] * expected, path)


@test('settings/identity is looked up once for each server, and forgotten with it')
def settings_lookups(t):
    bus, outside = example(t, 'settings-service')
    watch_removal(outside)

    def number(what):
        return count(outside, SETTINGS, ROOT, SETTINGS + '.Rendezvous', what)
    server = Server(t, bus)
    first, second = server.connect(), server.connect()
    for caller in (first, second, first, second):
        path = open_settings(t, caller)
        t.returned(set_value(caller, path, 'k', 'v'))
    open_settings(t, outside)
    t.equal((number('Lookups'), number('Clients')), (1, 2), 'one server and the host')
    other = open_settings(t, Server(t, bus).connect())
    t.equal((number('Lookups'), number('Clients')), (2, 3), 'a second server')
    t.returned(server.stop())
    removal(outside, server.path)
    t.true(harness.wait_until(lambda: number('Clients') == 2), 'forgotten')
    t.failed(get_value(outside, path, 'k'), 'UnknownMethod', 'its subtree')
    t.returned(get_value(outside, other, 'k'), 'the other one')


# Portal

@test('portal/host and contained callers are told apart by header and by credentials')
def portal_callers(t):
    bus, outside = example(t, 'portal')
    first = Server(t, bus, app='app.One').connect()
    nameless = Server(t, bus, app='').connect()
    for member in ('Caller', 'CallerByCredentials'):
        for caller, expected in ((outside, ('host', '')), (first, ('contained', 'app.One')),
                                 (nameless, ('contained', ''))):
            got = t.returned(caller.call(PORTAL, PORTAL_PATH, PORTAL, member), member)
            t.equal(got, expected, member)


@test('portal/a header that the caller wrote itself tells nothing')
def portal_forged(t):
    bus, _ = example(t, 'portal')
    contained = Server(t, bus, app='app.One').connect()
    request = rawbus.call(PORTAL, PORTAL_PATH, PORTAL, 'Caller')
    request.fields.append((rawbus.F_CONTAINER, 'o', '/'))
    t.equal(t.returned(contained.request(request)), ('contained', 'app.One'), 'forged')


@test('portal/no look-up for each message')
def portal_lookups(t):
    bus, outside = example(t, 'portal')
    watch_removal(outside)

    def number(what):
        return count(outside, PORTAL, PORTAL_PATH, PORTAL, what)
    server = Server(t, bus)
    callers = [server.connect() for _ in range(3)]
    for _ in range(5):
        for caller in (*callers, outside):
            t.returned(caller.call(PORTAL, PORTAL_PATH, PORTAL, 'Caller'))
    t.equal(number('Lookups'), 1, 'by header: one for the server')
    for _ in range(5):
        for caller in callers:
            t.returned(caller.call(PORTAL, PORTAL_PATH, PORTAL, 'CallerByCredentials'))
    t.equal(number('Lookups'), 4, 'by credentials: one more for each connection')
    t.equal(number('Known'), 4, 'known')
    t.returned(server.stop())
    removal(outside, server.path)
    t.true(harness.wait_until(lambda: number('Known') == 0), 'all is forgotten')


@test('portal/only its own interface is open')
def portal_walls(t):
    bus, _ = example(t, 'portal')
    contained = Server(t, bus).connect()
    reply = contained.call(PORTAL, PORTAL_PATH, harness.PROPERTIES, 'GetAll', 's', PORTAL)
    t.failed(reply, 'AccessDenied')


if __name__ == '__main__':
    harness.main()
