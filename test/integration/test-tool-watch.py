#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dbus-container: denials, learn, top, graph and monitor, and the figures that they ask the bus for."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, INTERFACE, SERVICE, Server, rule
from harness import test

STATS = 'org.freedesktop.DBus.Debug.Stats'


def stats_of(t, connection, path):
    stats = t.returned(connection.bus('GetContainerStats', 'o', path, interface=STATS))[0]
    return {key: variant.value for key, variant in stats.items()}


@test('stats/figures of a container')
def figures(t):
    bus = t.bus()
    service, manager = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(CALL, SERVICE, interface='a.b')], manager=manager)
    first = stats_of(t, manager, server.path)
    for key in ('Connections', 'MessagesReceived', 'BytesSent', 'Denials', 'MatchRules'):
        t.equal(first[key], 0, key)
    contained, other = server.connect(), server.connect()
    contained.add_match("interface='a.b'")
    before = stats_of(t, manager, server.path)
    for _ in range(10):
        contained.send(rawbus.call(SERVICE, '/', 'a.b', 'M', 's', 'x' * 1000, no_reply=True))
    contained.sync()
    after = stats_of(t, manager, server.path)
    t.equal((after['Connections'], after['MatchRules']), (2, 1), 'connections and match rules')
    t.equal(after['MessagesReceived'] - before['MessagesReceived'], 11, 'messages from it')
    t.equal(after['MessagesSent'] - before['MessagesSent'], 1, 'messages to it')
    t.true(after['BytesReceived'] - before['BytesReceived'] > 10000, 'bytes from it')
    contained.close()
    other.sync()
    t.true(harness.wait_until(lambda: stats_of(t, manager, server.path)['Connections'] == 1), 'gone')
    t.true(stats_of(t, manager, server.path)['BytesReceived'] >= after['BytesReceived'],
           'what has gone is counted')
    t.failed(manager.bus('GetContainerStats', 'o', '/nowhere', interface=STATS), 'NotContainer')
    t.failed(other.bus('GetContainerStats', 'o', server.path, interface=STATS), 'AccessDenied')


@test('stats/recent denials of a container')
def recent(t):
    bus = t.bus()
    manager = t.connect(bus)
    server = Server(t, bus, manager=manager)
    contained = server.connect()
    for name in ('com.example.A', 'com.example.B', 'com.example.A'):
        t.failed(contained.bus('RequestName', 'su', name, 0), 'AccessDenied')
    stats = stats_of(t, manager, server.path)
    t.equal(stats['Denials'], 3, 'number')
    t.equal(stats['RecentDenials'], [('container', 'own', 'own com.example.A', 2),
                                     ('container', 'own', 'own com.example.B', 1)], 'denials')


if __name__ == '__main__':
    harness.main()
