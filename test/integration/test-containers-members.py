#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Members, named arguments and configuration of Containers1: sections 2 and 5."""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, INTERFACE, NOT_CONTAINER, SEE, SERVICE, Server, add_server,
                        connection_info, is_denied, listening_socket, refused_connection, removal,
                        request_header, rule, watch_removal)
from harness import test

IFACE = 'com.example.Iface'


def containers_element(attributes):
    return f'  <containers {attributes}/>\n'


def delivered(caller, service, destination=SERVICE):
    """The call as the service gets it, or None."""
    serial = caller.send(rawbus.call(destination, '/x', IFACE, 'M'))
    caller.sync()
    requests = [m for m in service.drain() if m.kind == rawbus.CALL]
    for request in requests:
        service.send(rawbus.reply_to(request))
    caller.wait_reply(serial)
    return requests[0] if requests else None


def add_rules(caller, path, *rules):
    return caller.bus('AddServerRules', 'oa(usos)', path, list(rules), interface=INTERFACE)


# Members

@test('2/every member with another signature is InvalidArgs')
def signatures(t):
    bus = t.bus()
    manager = t.connect(bus)
    for member in ('AddServer', 'StopServer', 'StopListening', 'GetConnectionInfo',
                   'GetServerInfo', 'AddServerRules', 'GetServerRules', 'AllowContainers',
                   'WithdrawContainers'):
        for signature, body in (('u', (1,)), ('', ()), ('ss', ('a', 'b'))):
            t.failed(manager.bus(member, signature, *body, interface=INTERFACE), 'InvalidArgs',
                     f'{member} {signature}')
    for member in ('RequestHeader', 'ListServers'):
        t.failed(manager.bus(member, 's', 'x', interface=INTERFACE), 'InvalidArgs', member)


@test('2/every member at another path is UnknownInterface')
def paths(t):
    manager = t.connect(t.bus())
    for path in ('/', '/org/freedesktop/DBus/Containers1', '/org/freedesktop/DBus/Containers1/c0'):
        for member in ('AddServer', 'ListServers', 'RequestHeader', 'Nonsense'):
            t.failed(manager.call(rawbus.BUS, path, INTERFACE, member), 'UnknownInterface',
                     f'{member} at {path}')


@test('2/privilege is checked before the signature')
def order_of_checks(t):
    contained = Server(t, t.bus()).connect()
    for member in ('AddServer', 'StopServer', 'StopListening', 'AddServerRules',
                   'AllowContainers', 'WithdrawContainers', 'ListServers'):
        t.failed(contained.bus(member, 'u', 1, interface=INTERFACE), 'AccessDenied', member)
    for member in ('GetServerInfo', 'GetServerRules', 'GetConnectionInfo'):
        t.failed(contained.bus(member, 'u', 1, interface=INTERFACE), 'InvalidArgs', member)


@test('2/introspection lists members, signals and the property')
def introspection(t):
    manager = t.connect(t.bus())
    xml = manager.bus('Introspect', interface='org.freedesktop.DBus.Introspectable').body[0]
    part = xml.partition(f'<interface name="{INTERFACE}">')[2].partition('</interface>')[0]
    for member in ('AddServer', 'StopServer', 'StopListening', 'GetConnectionInfo',
                   'GetServerInfo', 'RequestHeader', 'AddServerRules', 'GetServerRules',
                   'ListServers', 'AllowContainers', 'WithdrawContainers', 'ServerAdded',
                   'ServerRemoved', 'Denied', 'SupportedArguments'):
        t.contains(part, f'name="{member}"', member)


@test('2/GetConnectionInfo of the bus: NotContainer outside, AccessDenied inside')
def info_of_the_bus(t):
    bus = t.bus()
    server = Server(t, bus, [rule(CALL, '')])
    outside, contained = t.connect(bus), server.connect()
    t.failed(connection_info(outside, rawbus.BUS), NOT_CONTAINER)
    t.failed(connection_info(contained, rawbus.BUS), 'AccessDenied')


@test('2/AddServerRules and GetServerRules of a server that is gone')
def rules_of_nothing(t):
    bus = t.bus()
    manager = t.connect(bus)
    watch_removal(manager)
    server = Server(t, bus, manager=manager)
    t.returned(server.stop())
    removal(manager, server.path)
    t.failed(add_rules(manager, server.path, rule(SEE, SERVICE)), NOT_CONTAINER)
    t.failed(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE), NOT_CONTAINER)
    t.failed(server.stop(), NOT_CONTAINER)
    t.failed(server.info(), NOT_CONTAINER)


@test('2/AddServerRules adds all rules or none')
def rules_all_or_none(t):
    bus = t.bus()
    manager = t.connect(bus)
    server = Server(t, bus, [rule(SEE, 'com.example.First')], manager)
    good, bad = rule(CALL, SERVICE), (0x400 | CALL, SERVICE, '/', '')
    t.failed(add_rules(manager, server.path, good, bad), 'InvalidArgs')
    got = t.returned(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE))[0]
    t.equal(got, [rule(SEE, 'com.example.First')], 'rules')
    t.returned(add_rules(manager, server.path))
    t.returned(add_rules(manager, server.path, good))
    got = t.returned(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE))[0]
    t.equal(got, [rule(SEE, 'com.example.First'), good], 'in order, as given')


@test('2/AddServerRules and StopServer by another uid (needs root)')
def rules_by_others(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    server = Server(t, bus)
    script = ('import containers, rawbus, sys\n'
              'c = rawbus.Connection(sys.argv[1])\n'
              'for member, signature, extra in (("AddServerRules", "oa(usos)", ([],)),\n'
              '        ("StopServer", "o", ()), ("StopListening", "o", ()),\n'
              '        ("GetServerInfo", "o", ()), ("GetServerRules", "o", ())):\n'
              '    r = c.bus(member, signature, sys.argv[2], *extra,\n'
              '              interface=containers.INTERFACE)\n'
              '    print((r.error or "fine").rpartition(".")[2])')
    run = t.run_as(65534, script, bus.address, server.path)
    t.equal(run.out.split(), ['AccessDenied'] * 3 + ['fine'] * 2, run.err)


@test('2/ServerAdded comes before the reply, ServerRemoved once')
def signals(t):
    bus = t.bus()
    manager, observer = t.connect(bus), t.connect(bus)
    for connection in (manager, observer):
        watch_removal(connection)
        connection.drain()
    server = Server(t, bus, manager=manager)
    t.equal([(m.member, m.body) for m in manager.take()], [('ServerAdded', (server.path,))],
            'the manager, before it has its reply')
    contained = server.connect()
    t.returned(server.stop('StopListening'))
    contained.close()
    removal(observer, server.path)
    t.failed(add_server(manager, {'Nonsense': ('s', '')}), 'InvalidArgs')
    got = [(m.member, m.body[0]) for m in observer.drain()]
    t.equal(got, [('ServerAdded', server.path)], 'no more than one of each')


# Named arguments

@test('2/Users: the creator is not among them by itself (needs root)')
def users_exact(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    server = Server(t, bus, named={'Users': ('au', [65534, 65534])})
    t.true(refused_connection(t, server.address), 'the creator')
    script = 'import rawbus, sys; print(rawbus.Connection(sys.argv[1]).unique[:2])'
    t.equal(t.run_as(65534, script, server.address).out, ':1\n', 'the one that is named')
    both = Server(t, bus, named={'Users': ('au', [65534, 0])})
    both.connect()
    t.equal(t.run_as(65534, script, both.address).out, ':1\n', 'one of two')


@test('2/Users: the creator\'s own uid needs no privilege')
def users_own(t):
    bus = t.bus()
    Server(t, bus, named={'Users': ('au', [os.getuid()])}).connect()
    t.failed(add_server(t.connect(bus), {'Users': ('au', [])}, listen=True), 'InvalidArgs')


@test('2/DisconnectOnStop with StopOnNotify')
def disconnect_on_stop(t):
    bus = t.bus()
    manager = t.connect(bus)
    watch_removal(manager)
    reading, writing = t.pipe()
    server = Server(t, bus, manager=manager, fds=[reading],
                    named={'DisconnectOnStop': ('b', True), 'StopOnNotify': ('h', 1)})
    contained, silent = server.connect(), t.connect(server.address, auth=False)
    t.close(writing)
    removal(manager, server.path)
    contained.wait_closed()
    t.equal(silent.sock.recv(1), b'', 'one that has not authenticated')


@test('2/Permissive hides nothing and takes effect on all layers of the container alone')
def permissive(t):
    bus = t.bus(extra='  <policy context="mandatory">'
                '<deny send_interface="com.example.Forbidden"/></policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, named={'Permissive': ('b', True)})
    contained = server.connect()
    t.true(delivered(contained, service), 'a call')
    t.true(is_denied(contained.call(SERVICE, '/x', 'com.example.Forbidden', 'M')), 'XML denies')
    contained.add_match("interface='com.example.Iface'")
    service.send(rawbus.signal('/x', IFACE, 'S'))
    service.sync()
    t.true(any(m.member == 'S' for m in contained.drain()), 'a broadcast')
    unrequested = rawbus.Message(rawbus.RETURN, rawbus.fields_of(reply_serial=77,
                                                                 destination=service.unique))
    contained.send(unrequested)
    contained.sync()
    t.equal([m.reply_serial for m in service.drain() if m.sender == contained.unique], [],
            'an unrequested reply')


# A listening socket that is spoilt

@test('2/a socket that its manager shuts down ends the server, also while nobody is accepted')
def shut_down(t):
    for crowd in (0, 2):
        bus = t.bus(limits={'max_incomplete_connections': 2})
        manager = t.connect(bus)
        watch_removal(manager)
        sock, _ = listening_socket(t, f'spoilt{crowd}')
        reply = add_server(manager, {'ListenSocket': ('h', 0)}, [sock])
        path = t.returned(reply)[0]
        silent = [t.connect(bus, auth=False) for _ in range(crowd)]
        extra = [socket.socket(socket.AF_UNIX) for _ in range(crowd)]
        for waiting in extra:                           # make the bus stop accepting
            waiting.connect(rawbus.parse_address(bus.address))
        manager.sync()
        sock.shutdown(socket.SHUT_RDWR)
        removal(manager, path)
        t.contains(bus.log(), 'container server removed', 'log')
        for connection in (*silent, *extra):
            connection.close()
        t.connect(bus)


# Configuration

@test('2/default_access="unrestricted": without Allow the container rules step aside')
def unrestricted(t):
    bus = t.bus(extra=containers_element('default_access="unrestricted"') +
                '  <policy context="mandatory">'
                '<deny send_interface="com.example.Forbidden"/></policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    free, bound = Server(t, bus, None).connect(), Server(t, bus, []).connect()
    t.true(delivered(free, service), 'no Allow')
    t.true(not delivered(bound, service), 'an empty Allow')
    t.contains(free.bus('ListNames').body[0], SERVICE, 'it sees all')
    t.lacks(bound.bus('ListNames').body[0], SERVICE, 'it does not')
    t.returned(free.bus('RequestName', 'su', 'com.example.Mine', 4), 'names')
    t.failed(free.call(SERVICE, '/x', 'com.example.Forbidden', 'M'), 'AccessDenied', 'XML')
    t.failed(free.bus('ListServers', interface=INTERFACE), 'AccessDenied', 'forbidden members')
    t.failed(free.bus('AddMatch', 's', "eavesdrop='true'"), 'AccessDenied', 'eavesdropping')
    free.send(rawbus.Message(rawbus.RETURN, rawbus.fields_of(reply_serial=77,
                                                             destination=service.unique)))
    free.sync()
    t.equal([m for m in service.drain() if m.reply_serial == 77], [], 'unrequested replies')


@test('2/default_access="restricted" and none at all are the same')
def restricted(t):
    for extra in ('', containers_element('default_access="restricted" header="requested"')):
        bus = t.bus(extra=extra)
        service = t.connect(bus)
        service.own(SERVICE)
        t.true(not delivered(Server(t, bus, None).connect(), service), extra)


@test('5/header="always" gives the field to everybody')
def header_always(t):
    bus = t.bus(extra=containers_element('header="always"'))
    service, outside = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(CALL, '')])
    contained = server.connect()
    t.equal(delivered(contained, service).container, server.path, 'a contained sender')
    t.equal(delivered(outside, service).container, '/', 'one that is not')
    t.equal(outside.bus('GetId').container, '/', 'the bus')
    t.equal(delivered(outside, contained, contained.unique).container, '/', 'a contained receiver')


@test('5/header="always" after a reload reaches connections that are open')
def header_reload(t):
    bus = t.bus()
    service, outside = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    t.equal(delivered(outside, service).container, None, 'before')
    bus.write_config(extra=containers_element('header="always"'))
    t.returned(outside.bus('ReloadConfig'))
    t.equal(delivered(outside, service).container, '/', 'after')
    request_header(service)
    bus.write_config()
    t.returned(outside.bus('ReloadConfig'))
    t.equal(delivered(outside, service).container, '/', 'it asked meanwhile')
    service.send(rawbus.signal('/x', IFACE, 'S', destination=outside.unique))
    t.equal(outside.wait_signal('S').container, None, 'it never asked')


@test('5/the field of replies, errors and signals that are asked for')
def header_kinds(t):
    bus = t.bus()
    outside = t.connect(bus)
    request_header(outside)
    server = Server(t, bus)
    contained = server.connect()
    outside.add_match("member='S'")
    for answer in (rawbus.reply_to, lambda r: rawbus.error_to(r, 'a.b', 'x')):
        serial = outside.send(rawbus.call(contained.unique, '/x', IFACE, 'Ask'))
        contained.send(answer(contained.wait_call('Ask')))
        t.equal(outside.wait_reply(serial).container, server.path, 'an answer')
    contained.send(rawbus.signal('/x', IFACE, 'S'))
    t.equal(outside.wait_signal('S').container, server.path, 'a broadcast')


if __name__ == '__main__':
    harness.main()
