#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who is in which container: header field 10, credentials, information, what is forbidden."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (CALL, INTERFACE, NOT_CONTAINER, SERVICE, Server, add_server,
                        connection_info, echo, listening_socket, request_header, rule, world)
from harness import test

IFACE = 'com.example.Iface'
KEYS = 'org.freedesktop.DBus.Containers1.'
FORGED = {
    'a path': ('o', '/forged'), 'the path of another': ('o',
                                                        '/org/freedesktop/DBus/Containers1/c0'),
    'the root': ('o', '/'), 'a string': ('s', 'x'), 'a number': ('u', 7), 'a byte': ('y', 7),
    'a signature': ('g', 'as'), 'a variant': ('v', ('s', 'x')), 'a struct': ('(os)', ('/x', 'y')),
    'an array': ('as', ['x', 'y']), 'a dictionary': ('a{sv}', {'k': ('v', ('t', 1))}),
    'nothing': ('ao', []), 'a long one': ('s', 'x' * 5000), 'nested': ('a(a{s(ai)})',
                                                                       [({'k': ([1],)},)]),
}


def tag(connection, sender, message):
    """Field 10 of a message as the connection gets it, all its fields, and the message."""
    sender.send(message)
    got = connection.wait_for(lambda m: m.sender == sender.unique and m.member == message.member)
    return [(code, kind, value) for code, kind, value in got.fields
            if code not in range(1, 10)], got


def tagged_world(t, rules=()):
    bus, server, contained, service = world(t, rules or [rule(CALL, SERVICE)])
    request_header(service)
    return bus, server, contained, service


def ask(member='Ask', **options):
    return rawbus.call(SERVICE, '/x', IFACE, member, **options)


@test('5/identity/a call carries the container of its sender')
def call_tag(t):
    _, server, contained, service = tagged_world(t)
    fields, request = tag(service, contained, ask())
    t.equal(fields, [(10, 'o', server.path)], 'field 10')
    t.equal(request.sender, contained.unique, 'sender')


@test('5/identity/uncontained senders and the bus have the root')
def root_tag(t):
    bus, _, _, service = tagged_world(t)
    fields, _ = tag(service, t.connect(bus), ask())
    t.equal(fields, [(10, 'o', '/')], 'an uncontained one')
    reply = service.bus('GetId')
    t.equal(reply.container, '/', 'a reply of the bus')
    service.bus('RequestName', 'su', 'com.example.More', 4)
    t.equal(service.wait_signal('NameAcquired').container, '/', 'a signal of the bus')


@test('5/identity/every kind of message carries it')
def all_kinds(t):
    _, server, contained, service = tagged_world(t)
    service.add_match(f"interface='{IFACE}'")
    fields, _ = tag(service, contained, rawbus.signal('/x', IFACE, 'Broadcast'))
    t.equal(fields, [(10, 'o', server.path)], 'broadcast')
    fields, _ = tag(service, contained, rawbus.signal('/x', IFACE, 'Unicast', destination=SERVICE))
    t.equal(fields, [(10, 'o', server.path)], 'unicast signal')
    for answer in (rawbus.reply_to, lambda request: rawbus.error_to(request, 'a.b')):
        serial = service.send(rawbus.call(contained.unique, '/x', IFACE, 'Back'))
        contained.send(answer(contained.wait_call('Back')))
        t.equal(service.wait_reply(serial).container, server.path, 'answer')


@test('5/identity/who did not ask for it never gets it')
def not_asked(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE)])
    fields, _ = tag(service, contained, ask())
    t.equal(fields, [], 'field 10')
    t.equal(service.bus('GetId').container, None, 'a reply of the bus')


@test('5/identity/RequestHeader twice, and from inside')
def request_twice(t):
    _, server, contained, service = tagged_world(t)
    request_header(service)
    request_header(contained)
    service.send(rawbus.call(contained.unique, '/x', IFACE, 'Back'))
    t.equal(contained.wait_call('Back').container, '/', 'as a contained receiver sees outsiders')
    sibling = server.connect()
    sibling.send(rawbus.call(contained.unique, '/x', IFACE, 'Side'))
    t.equal(contained.wait_call('Side').container, server.path, 'as it sees its own')


@test('5/identity/a broadcast goes out in both forms')
def both_forms(t):
    bus, server, contained, service = tagged_world(t)
    plain = t.connect(bus)
    for receiver in (service, plain):
        receiver.add_match(f"interface='{IFACE}'")
    contained.send(rawbus.signal('/x', IFACE, 'S', 's', 'text'))
    for receiver, expected in ((service, server.path), (plain, None)):
        got = receiver.wait_signal('S')
        t.equal((got.container, got.body), (expected, ('text',)), 'field 10 and body')


@test('5/identity/in both byte orders')
def byte_orders(t):
    _, server, _, service = tagged_world(t)
    for endian in '<>':
        contained = server.connect(endian=endian)
        fields, got = tag(service, contained,
                          rawbus.call(SERVICE, '/x', IFACE, 'Ask', 'st', 'text', 1 << 40))
        t.equal(fields, [(10, 'o', server.path)], endian)
        t.equal(got.body, ('text', 1 << 40), endian)


@test('5/identity/a forged field is removed')
def forged(t):
    bus, server, contained, service = tagged_world(t)
    plain = t.connect(bus)
    plain.own('com.example.Plain')
    outsider = t.connect(bus)
    inside = Server(t, bus, [rule(CALL, '')])
    contained = inside.connect()
    t.true(server.path != inside.path, 'two servers')
    for title, (kind, value) in FORGED.items():
        for sender, real in ((contained, inside.path), (outsider, '/')):
            for position in (0, 99):
                for name, receiver, expected in ((SERVICE, service, [(10, 'o', real)]),
                                                 ('com.example.Plain', plain, [])):
                    message = rawbus.call(name, '/x', IFACE, 'Ask', 's', 'body')
                    message.fields.insert(position, (10, kind, value))
                    fields, got = tag(receiver, sender, message)
                    t.equal(fields, expected, title)
                    t.equal(got.body, ('body',), title)


@test('5/identity/a field forged twice')
def forged_twice(t):
    _, server, contained, service = tagged_world(t)
    message = ask()
    message.fields[1:1] = [(10, 'o', '/a'), (10, 's', 'b')]
    contained.send(message)
    try:
        contained.sync()
    except rawbus.Disconnected:
        t.equal(service.drain(), [], 'delivered although refused')
        return
    got = service.wait_call('Ask')
    t.equal([value for code, _, value in got.fields if code == 10], [server.path], 'field 10')


@test('5/identity/unknown fields are removed')
def unknown_fields(t):
    bus, server, contained, service = tagged_world(t)
    for sender, expected in ((contained, server.path), (t.connect(bus), '/')):
        for code in (11, 12, 64, 127, 128, 200, 255):
            for kind, value in FORGED.values():
                message = ask()
                message.fields.insert(2, (code, kind, value))
                fields, _ = tag(service, sender, message)
                t.equal(fields, [(10, 'o', expected)], f'field {code} of type {kind}')


@test('5/identity/removing fields keeps the rest')
def rest_is_kept(t):
    _, _, contained, service = tagged_world(t)
    message = rawbus.call(SERVICE, '/x', IFACE, 'Ask', 'ayst', b'123', 'text', 1 << 50,
                          fds=[])
    message.fields = [(33, 's', 'x'), *message.fields[:2], (10, 'o', '/y'), *message.fields[2:],
                      (44, 'a{sv}', {'k': ('s', 'v')})]
    _, got = tag(service, contained, message)
    t.equal((got.path, got.interface, got.member, got.destination, got.signature, got.body),
            ('/x', IFACE, 'Ask', SERVICE, 'ayst', (b'123', 'text', 1 << 50)), 'what arrived')


@test('5/identity/a forged sender is replaced')
def forged_sender(t):
    _, _, contained, service = tagged_world(t)
    for forged_name in (rawbus.BUS, service.unique, SERVICE):
        message = ask()
        message.fields.insert(0, (rawbus.F_SENDER, 's', forged_name))
        fields, got = tag(service, contained, message)
        t.equal(got.sender, contained.unique, 'sender')
        t.equal(len(fields), 1, 'fields')


@test('5/identity/two instances of one app are told apart')
def two_instances(t):
    bus, one, contained, service = tagged_world(t)
    two = Server(t, bus, [rule(CALL, SERVICE)], manager=one.manager)
    other = two.connect()
    t.true(one.path != two.path, 'paths')
    for server, connection in ((one, contained), (two, other)):
        fields, _ = tag(service, connection, ask())
        t.equal(fields, [(10, 'o', server.path)], 'field 10')
        info = t.returned(connection_info(service, connection.unique))
        t.equal((info[0], info[3], info[4]), (server.path, 'com.example.App', 'i1'), 'information')


@test('5/identity/a contained uid that changes after connecting (needs root)')
def changed_uid(t):
    harness.need_root()
    bus, server, _, service = tagged_world(t)
    script = ('import os, sys; sys.path.insert(0, sys.argv[1]); import rawbus\n'
              'c = rawbus.Connection(sys.argv[2])\n'
              'os.setgroups([]); os.setresgid(1, 1, 1); os.setresuid(1, 1, 1)\n'
              f'c.send(rawbus.call("{SERVICE}", "/x", "{IFACE}", "AfterChange"))\n'
              f'r = c.bus("StopServer", "o", sys.argv[3], interface="{INTERFACE}")\n'
              f'c.send(rawbus.call("{SERVICE}", "/x", "{IFACE}", "Told", "s", r.error))\n'
              'sys.stdin.read()')
    process = t.spawn(['/usr/bin/python3', '-B', '-c', script, harness.HERE, server.address,
                       server.path], stdin=-1)
    request = service.wait_call('AfterChange')
    t.equal(request.container, server.path, 'field 10')
    told = service.wait_call('Told')
    t.equal(told.body, ('org.freedesktop.DBus.Error.AccessDenied',), 'StopServer')
    credentials = t.returned(service.bus('GetConnectionCredentials', 's', request.sender))[0]
    t.equal(credentials[KEYS + 'Path'].value, server.path, 'credentials')
    t.equal(credentials['UnixUserID'].value, 0, 'the uid with which it connected')
    process.stdin.close()
    process.wait(20)
    t.true(bus.alive(), 'bus')
    for fd in (v.value for v in credentials.values() if v.signature == 'h'):
        t.true(fd >= 0, 'descriptor')


@test('5/identity/GetConnectionCredentials')
def credentials(t):
    bus, server, contained, service = world(t)
    reply = service.bus('GetConnectionCredentials', 's', contained.unique)
    got = t.returned(reply)[0]
    expected = {'Path': ('o', server.path), 'Type': ('s', 'com.example.Sandbox'),
                'AppId': ('s', 'com.example.App'), 'InstanceId': ('s', 'i1'),
                'CreatorUserID': ('u', os.getuid())}
    for key, value in expected.items():
        t.equal(tuple(got.get(KEYS + key, ())), value, key)
    t.equal(got['UnixUserID'], ('u', os.getuid()), 'UnixUserID')
    t.equal(got['ProcessID'], ('u', os.getpid()), 'ProcessID')
    if 'ProcessFD' in got:
        t.equal(len(reply.fds), 1, 'descriptors')
    reply.close_fds()
    reply = service.bus('GetConnectionCredentials', 's', service.unique)
    t.equal([key for key in t.returned(reply)[0] if key.startswith(KEYS)], [], 'uncontained')
    reply.close_fds()
    t.true(bus.alive(), 'bus')


@test('5/identity/no descriptor of a process outside for a contained caller')
def process_descriptor(t):
    bus, server, contained, service = world(t, [rule(CALL, SERVICE)])
    if 'ProcessFD' not in credentials_of(service, contained.unique, t):
        raise harness.Skip('the kernel has no SO_PEERPIDFD')
    t.true('ProcessFD' in credentials_of(contained, contained.unique, t), 'its own')
    t.true('ProcessFD' in credentials_of(contained, server.connect().unique, t), 'a sibling')
    theirs = credentials_of(contained, SERVICE, t)
    t.true('ProcessID' in theirs and 'ProcessFD' not in theirs, 'of the service')
    t.true(bus.alive(), 'bus')


def credentials_of(connection, name, t):
    reply = connection.bus('GetConnectionCredentials', 's', name)
    reply.close_fds()
    return t.returned(reply)[0]


@test('2/identity/GetConnectionInfo and GetServerInfo agree')
def information(t):
    _, server, contained, service = world(t)
    contained_name = contained.unique
    path, creator, *rest = t.returned(connection_info(service, contained_name))
    t.equal(path, server.path, 'path')
    t.equal(t.returned(server.info(service)), (creator, *rest), 'the two')
    t.equal(creator['UnixUserID'], ('u', os.getuid()), 'UnixUserID of the creator')
    t.equal(creator['ProcessID'], ('u', os.getpid()), 'ProcessID of the creator')
    t.equal(rest, ['com.example.Sandbox', 'com.example.App', 'i1', {}], 'rest')


@test('2/identity/GetConnectionInfo of what is not contained')
def not_contained(t):
    _, _, _, service = world(t)
    for name in (service.unique, SERVICE, rawbus.BUS):
        t.failed(connection_info(service, name), NOT_CONTAINER, name)
    for name in (':1.9999', 'com.example.Nobody'):
        t.failed(connection_info(service, name), 'NameHasNoOwner', name)


@test('2/identity/GetConnectionInfo by a well-known name')
def by_name(t):
    bus, _, _, service = world(t)
    server = Server(t, bus, [(0x08, 'com.example.Mine', '/', '')])
    server.connect().own('com.example.Mine')
    t.equal(t.returned(connection_info(service, 'com.example.Mine'))[0], server.path, 'path')


@test('2/identity/a contained caller may ask about itself')
def about_itself(t):
    bus, server, contained, service = world(t, [rule(CALL, SERVICE)])
    sibling = server.connect()
    for name in (contained.unique, sibling.unique):
        t.equal(t.returned(connection_info(contained, name))[0], server.path, 'own instance')
    t.returned(server.info(contained), 'own server')
    t.failed(connection_info(contained, SERVICE), 'AccessDenied', 'a visible one')
    other = Server(t, bus)
    stranger = other.connect()
    t.failed(connection_info(contained, stranger.unique), 'NameHasNoOwner', 'a hidden one')
    t.failed(other.info(contained), NOT_CONTAINER, 'another server')
    t.true(service.unique, 'service')


@test('4/identity/members that are not for contained callers')
def forbidden(t):
    _, server, contained, _ = world(t, [rule(0x1f, '')])
    sock, _ = listening_socket(t, 'forbidden')
    t.failed(add_server(contained, {'ListenSocket': ('h', 0)}, [sock]), 'AccessDenied', 'AddServer')
    t.failed(add_server(contained), 'AccessDenied', 'AddServer')
    for member, signature, body in (
            ('StopServer', 'o', (server.path,)), ('StopListening', 'o', (server.path,)),
            ('StopServer', 'o', ('/nowhere',)), ('ListServers', '', ()),
            ('AddServerRules', 'oa(usos)', (server.path, [])),
            ('AllowContainers', 'oa(uos)', ('/', [])), ('WithdrawContainers', 'o', ('/',))):
        reply = contained.bus(member, signature, *body, interface=INTERFACE)
        if reply.error != 'org.freedesktop.DBus.Error.UnknownMethod':
            t.failed(reply, 'AccessDenied', member)
    for interface, member, signature, body in (
            ('org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu', ([], 0)),
            (rawbus.BUS, 'ReloadConfig', '', ()),
            (rawbus.BUS, 'UpdateActivationEnvironment', 'a{ss}', ({'A': 'b'},)),
            ('org.freedesktop.DBus.Debug.Stats', 'GetStats', '', ()),
            ('org.freedesktop.DBus.Debug.Stats', 'GetConnectionStats', 's', (contained.unique,)),
            ('org.freedesktop.DBus.Debug.Stats', 'GetAllMatchRules', '', ()),
            ('org.freedesktop.DBus.Verbose', 'EnableVerbose', '', ())):
        reply = contained.bus(member, signature, *body, interface=interface)
        if reply.error not in ('org.freedesktop.DBus.Error.UnknownInterface',
                               'org.freedesktop.DBus.Error.UnknownMethod'):
            t.failed(reply, 'AccessDenied', member)
    t.returned(server.info(), 'the server lives')


@test('5/identity/monitors see the container of every message')
def monitors(t):
    bus, server, contained, service = world(t, [rule(CALL, SERVICE)])
    monitor = t.connect(bus)
    t.returned(monitor.bus('BecomeMonitor', 'asu', [], 0,
                           interface='org.freedesktop.DBus.Monitoring'))
    serial = contained.send(ask('Seen'))
    echo(service, service.wait_call('Seen'))
    contained.wait_reply(serial)
    seen = monitor.wait_call('Seen')
    t.equal(seen.container, server.path, 'the call')
    answer = monitor.wait_for(lambda m: m.kind == rawbus.RETURN and m.reply_serial == serial and
                              m.sender == service.unique)
    t.equal(answer.container, '/', 'the reply')


@test('8/identity/monitors see denied messages and their errors')
def monitors_denied(t):
    bus, server, contained, service = world(t)
    monitor = t.connect(bus)
    t.returned(monitor.bus('BecomeMonitor', 'asu', [], 0,
                           interface='org.freedesktop.DBus.Monitoring'))
    reply = contained.request(ask('Denied'))
    t.equal(reply.kind, rawbus.ERROR, 'answer')
    t.equal(monitor.wait_call('Denied').container, server.path, 'the call')
    monitor.wait_for(lambda m: m.kind == rawbus.ERROR and m.destination == contained.unique)
    t.equal(service.drain(), [], 'the service')


@test('8/identity/monitors see the errors that a contained sender does not get')
def monitors_unanswered(t):
    bus, _, contained, service = world(t)
    monitor = t.connect(bus)
    t.returned(monitor.bus('BecomeMonitor', 'asu', [], 0,
                           interface='org.freedesktop.DBus.Monitoring'))
    unanswered = [
        ('no reply', rawbus.call(SERVICE, '/x', IFACE, 'M', flags=rawbus.NO_REPLY)),
        ('signal', rawbus.signal('/x', IFACE, 'S', destination=service.unique)),
        ('nobody', rawbus.signal('/x', IFACE, 'S', destination='com.example.Nobody')),
        ('member', rawbus.call(rawbus.BUS, rawbus.BUS_PATH, INTERFACE, 'ListServers',
                               flags=rawbus.NO_REPLY)),
        ('answer', rawbus.Message(rawbus.RETURN, rawbus.fields_of(
            destination=service.unique, reply_serial=4711)))]
    for what, message in unanswered:
        serial = contained.send(message)
        last = contained.sync().reply_serial
        t.equal(contained.take(), [], f'{what}: to the sender')
        monitor.wait_for(lambda m, last=last: m.kind == rawbus.RETURN and m.reply_serial == last and
                         m.destination == contained.unique)
        seen = [(m.kind == rawbus.ERROR, m.reply_serial if m.kind == rawbus.ERROR else m.serial)
                for m in monitor.take() if contained.unique in (m.sender, m.destination)]
        t.equal(seen, [(False, serial), (True, serial), (False, last)], f'{what}: to the monitor')
    t.equal(service.drain(), [], 'the service')


@test('8/identity/denials are logged in one line')
def logged(t):
    bus, server, contained, service = world(t, [rule(CALL, SERVICE,
                                                     interface='com.example.Allowed')])
    reply = contained.request(ask('DeniedMember'))
    t.failed(reply, 'AccessDenied')
    contained.sync()
    t.true(harness.wait_until(lambda: 'DeniedMember' in bus.log()), f'log: {bus.log()}')
    line = next(line for line in bus.log().splitlines() if 'DeniedMember' in line)
    for part in ('container', contained.unique, 'com.example.App', 'com.example.Sandbox', IFACE):
        t.contains(line, part, 'record')
    t.true(server.path and service.unique, 'world')


@test('8/identity/a record cannot be forged')
def log_forging(t):
    bus = t.bus()
    service = t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(0x01, SERVICE)], app='x"\nLayer=forged y=', instance='a b\x1b[2J')
    contained = server.connect()
    t.failed(contained.request(ask('Denied')), 'AccessDenied')
    t.true(harness.wait_until(lambda: 'Denied' in bus.log()), 'nothing was logged')
    t.equal([line for line in bus.log().splitlines() if line.startswith('Layer=forged')], [],
            'lines')
    t.lacks(bus.log(), '\x1b', 'escapes')


if __name__ == '__main__':
    harness.main()
