#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sentences of doc/containers1.md that no other test of containers is about; by section."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, FDS, INTERFACE, NAMESPACE, NOT_CONTAINER, OWN, RECEIVE, SEE,
                        SERVICE, Server, add_server, connection_info, managed, refused_connection,
                        removal, rule, world)
from harness import test

IFACE = 'com.example.Iface'
OTHER = 'com.example.Other'
UNRESTRICTED = '<containers default_access="unrestricted"/>\n'


def delivered(caller, service, destination=None, **fields):
    """Whether a call arrives, and the error if it does not."""
    message = rawbus.call(destination or service.unique, fields.get('path', '/x'),
                          fields.get('interface', IFACE), fields.get('member', 'M'))
    serial = caller.send(message)
    caller.sync()
    for request in [m for m in service.drain() if m.kind == rawbus.CALL]:
        service.send(rawbus.reply_to(request))
    return caller.wait_reply(serial).error


# 1. Terms

@test('1/the creator stays known after the manager has gone')
def creator_stays(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager, named={'StopOnDisconnect': ('b', False)})
    before = t.returned(server.info(observer))
    unique = manager.unique
    manager.close()
    t.true(harness.wait_until(lambda: not observer.bus('NameHasOwner', 's', unique).body[0]),
           'the manager has gone')
    t.equal(t.returned(server.info(observer)), before, 'creator and all')
    t.equal(before[0]['UnixUserID'].value, os.getuid(), 'its uid')
    t.returned(observer.bus('StopServer', 'o', server.path, interface=INTERFACE))


@test('1/the path counts up also after servers have gone')
def path_counts(t):
    bus, manager, _ = managed(t)
    paths = []
    for _ in range(12):
        reply = add_server(manager)
        paths.append(reply.body[0])
        manager.bus('StopServer', 'o', reply.body[0], interface=INTERFACE)
    t.equal(paths, [f'/org/freedesktop/DBus/Containers1/c{n}' for n in range(12)], 'paths')


@test('1/type is an interface name, app_id and instance_id are any strings')
def any_strings(t):
    bus, manager, _ = managed(t)
    for text in ('', ' ', 'a b', '\u00fc\u4e2d', '../..', 'x' * 1500, '"quoted"\n'):
        server = Server(t, bus, manager=manager, app=text, instance=text)
        info = t.returned(server.info())
        t.equal(info[2:4], (text, text), 'as given')
        server.stop()
    for bad in ('', 'nodots', 'a..b', 'a.1b', '.a.b', 'a.b-c'):
        t.failed(add_server(manager, type=bad), 'InvalidArgs', bad)


@test('1/being contained is a reduction, also for uid 0 and the bus\'s own')
def reduction(t):
    bus, _, contained, _ = world(t, None, extra=UNRESTRICTED)
    own = t.returned(contained.bus('GetConnectionUnixUser', 's', contained.unique))[0]
    t.equal(own, t.returned(t.connect(bus).bus('GetConnectionUnixUser', 's', rawbus.BUS))[0], 'uid')
    t.failed(contained.bus('ReloadConfig'), 'AccessDenied')
    t.failed(contained.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'b'}), 'AccessDenied')


# 2. Methods

@test('2/the order of checks: path and interface, privilege, signature, handler')
def check_order(t):
    _, server, contained, service = world(t)
    unknown = service.call(rawbus.BUS, '/elsewhere', INTERFACE, 'AddServer', 's', 'x')
    t.failed(unknown, 'UnknownInterface', 'elsewhere, uncontained')
    unknown = contained.call(rawbus.BUS, '/elsewhere', INTERFACE, 'AddServer', 's', 'x')
    t.failed(unknown, 'UnknownInterface', 'elsewhere, contained')
    t.failed(contained.bus('AddServer', 's', 'x', interface=INTERFACE), 'AccessDenied', 'privilege')
    t.failed(service.bus('AddServer', 's', 'x', interface=INTERFACE), 'InvalidArgs', 'signature')
    t.failed(service.bus('StopServer', 's', server.path, interface=INTERFACE), 'InvalidArgs', 's')
    t.failed(service.bus('Nothing', interface=INTERFACE), 'UnknownMethod')


@test('2/GetConnectionInfo and GetServerInfo for callers outside')
def information(t):
    bus, server, contained, service = world(t)
    info = t.returned(connection_info(service, contained.unique))
    t.equal((info[0], info[2:5]), (server.path, ('com.example.Sandbox', 'com.example.App', 'i1')),
            'of a contained one')
    for name in (service.unique, SERVICE, rawbus.BUS):
        t.failed(connection_info(service, name), NOT_CONTAINER, name)
    t.failed(connection_info(service, ':1.12345'), 'NameHasNoOwner')
    server.stop()
    t.true(harness.wait_until(lambda: not service.bus('NameHasOwner', 's',
                                                      contained.unique).body[0]), 'closed')
    t.failed(server.info(service), NOT_CONTAINER, 'a path that is gone')
    t.failed(connection_info(service, contained.unique), 'NameHasNoOwner', 'a name that is gone')
    t.true(bus.alive(), 'bus')


@test('2/GetConnectionInfo from inside: own, visible, hidden')
def information_inside(t):
    bus, server, contained, service = world(t, [rule(SEE, SERVICE)])
    hidden = t.connect(bus)
    t.equal(t.returned(connection_info(contained, contained.unique))[0], server.path, 'own')
    for name in (SERVICE, service.unique, rawbus.BUS):
        t.failed(connection_info(contained, name), 'AccessDenied', name)
    t.failed(connection_info(contained, hidden.unique), 'NameHasNoOwner', 'hidden')
    stranger = Server(t, bus).connect()
    t.failed(connection_info(contained, stranger.unique), 'NameHasNoOwner', 'another instance')


@test('2/GetServerInfo and GetServerRules from inside: only the own server')
def server_info_inside(t):
    bus, server, contained, _ = world(t, [rule(SEE, SERVICE)])
    other = Server(t, bus)
    for member in ('GetServerInfo', 'GetServerRules'):
        t.returned(contained.bus(member, 'o', server.path, interface=INTERFACE), member)
        got = contained.bus(member, 'o', other.path, interface=INTERFACE)
        absent = contained.bus(member, 'o', other.path[:-1] + '7', interface=INTERFACE)
        t.failed(got, NOT_CONTAINER, member)
        t.equal(got.body[0].replace(other.path, ''), absent.body[0].replace(other.path[:-1] + '7',
                                                                            ''), 'texts')


@test('2/AddServerRules, as StopServer, not by another uid (needs root)')
def rules_by_other(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    os.chmod(bus.directory + '/bus', 0o777)
    server = Server(t, bus)
    script = ('import rawbus, sys; c = rawbus.Connection(sys.argv[1]); '
              'a = c.bus("AddServerRules", "oa(usos)", sys.argv[2], [], '
              f'interface="{INTERFACE}"); '
              f'b = c.bus("GetServerRules", "o", sys.argv[2], interface="{INTERFACE}"); '
              'print(a.error, b.kind)')
    run = t.run_as(65534, script, bus.address, server.path)
    t.equal(run.out.split(), ['org.freedesktop.DBus.Error.AccessDenied', str(rawbus.RETURN)],
            run.err)


@test('2/Denied goes to the creator\'s uid, uid 0 and the bus\'s, nobody else (needs root)')
def denied_audience(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    os.chmod(bus.directory + '/bus', 0o777)
    server = Server(t, bus)
    contained, root = server.connect(), t.connect(bus)
    root.add_match("member='Denied'")
    script = ('import rawbus, sys; c = rawbus.Connection(sys.argv[1]); '
              'c.add_match("type=\'signal\'"); '
              'print("ready", flush=True); sys.stdin.readline(); '
              'print(sorted(m.member for m in c.drain()))')
    modules = t.path('modules')
    t.run_as(65534, '')                         # makes them
    other = t.spawn(['/usr/bin/python3', '-B', '-c', script, bus.address], user=65534, group=65534,
                    extra_groups=[], cwd='/', stdin=-1, env=dict(os.environ, PYTHONPATH=modules))
    t.equal(other.stdout.readline(), b'ready\n', 'the other user')
    contained.call(root.unique, '/', IFACE, 'M')
    t.equal(len([m for m in root.drain() if m.member == 'Denied']), 1, 'uid 0')
    out, _ = other.communicate(b'\n', 60)
    t.equal(out, b'[]\n', 'another uid')


@test('2/RequestHeader, GetServerRules, GetConnectionInfo: anyone may call')
def anyone(t):
    _, server, contained, service = world(t)
    for caller in (contained, service):
        t.returned(caller.bus('RequestHeader', interface=INTERFACE))
        t.returned(connection_info(caller, contained.unique))
        t.returned(caller.bus('GetServerRules', 'o', server.path, interface=INTERFACE))


@test('2/Allow present and empty, and absent: nothing but what is always allowed')
def allow_absent(t):
    bus, _, empty, service = world(t, [])
    absent = Server(t, bus, None).connect()
    for contained in (empty, absent):
        t.failed(contained.bus('GetNameOwner', 's', SERVICE), 'NameHasNoOwner')
        t.contains(delivered(contained, service) or '', 'ServiceUnknown')


@test('2/unrestricted access: only without Allow, and what stays forbidden')
def unrestricted(t):
    bus, _, free, service = world(t, None, extra=UNRESTRICTED)
    limited = Server(t, bus, []).connect()
    t.contains(delivered(limited, service) or '', 'ServiceUnknown', 'with Allow')
    t.equal(delivered(free, service), None, 'without Allow')
    t.returned(free.bus('GetNameOwner', 's', SERVICE), 'it sees')
    t.equal(t.returned(free.bus('RequestName', 'su', OTHER, 4)), (1,), 'it owns')
    free.add_match(f"interface='{IFACE}'")
    service.send(rawbus.signal('/x', IFACE, 'S'))
    service.sync()
    t.equal([m.member for m in free.drain() if m.interface == IFACE], ['S'], 'it hears')
    for member, signature, body, interface in (
            ('ListServers', '', (), INTERFACE),
            ('AllowContainers', 'oa(uos)', ('/', []), INTERFACE),
            ('ReloadConfig', '', (), rawbus.BUS),
            ('AddMatch', 's', ("eavesdrop='false'",), rawbus.BUS),
            ('BecomeMonitor', 'asu', ([], 0), 'org.freedesktop.DBus.Monitoring'),
            ('GetStats', '', (), 'org.freedesktop.DBus.Debug.Stats')):
        t.failed(free.bus(member, signature, *body, interface=interface), 'AccessDenied', member)
    free.send(rawbus.Message(rawbus.RETURN, rawbus.fields_of(destination=service.unique,
                                                             reply_serial=99)))
    t.equal((free.drain(), service.drain()), ([], []), 'an unrequested reply')


@test('2/unrestricted access is left to XML')
def unrestricted_xml(t):
    extra = UNRESTRICTED + ('<policy context="mandatory">'
                            '<deny send_interface="com.example.Denied"/></policy>\n')
    _, _, free, service = world(t, None, extra=extra)
    t.equal(delivered(free, service), None, 'what XML allows')
    t.contains(delivered(free, service, interface='com.example.Denied') or '', 'AccessDenied')


@test('2/StopListening twice is fine while it lives')
def stop_listening_twice(t):
    _, server, contained, _ = world(t)
    for _ in range(3):
        t.returned(server.stop('StopListening'))
    t.returned(contained.sync(), 'the connection goes on')
    t.true(refused_connection(t, server.address), 'no new ones')
    server.stop()
    t.failed(server.stop('StopListening'), NOT_CONTAINER, 'when it is gone')


@test('2/what StopListening frees is free before its reply is sent')
def stop_listening_frees(t):
    _, manager, _ = managed(t, limits={'max_containers_per_user': 1})
    for _ in range(5):
        path = t.returned(add_server(manager))[0]
        t.failed(add_server(manager), 'LimitsExceeded')
        t.returned(manager.bus('StopListening', 'o', path, interface=INTERFACE))


@test('2/ServerAdded comes once for each server, ServerRemoved once')
def added_and_removed(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    contained = server.connect()
    server.stop('StopListening')
    contained.close()
    removal(observer, server.path)
    manager.sync()
    signals = [(m.member, m.body) for m in observer.drain() if m.interface == INTERFACE]
    t.equal(signals, [('ServerAdded', (server.path,))], 'besides the removal that was waited for')
    t.failed(server.info(observer), NOT_CONTAINER)


@test('2/a failed AddServer leaves no server, no signal, no descriptor, no place taken')
def failed(t):
    bus, manager, observer = managed(t, limits={'max_containers': 2})
    t.returned(add_server(manager))
    before = bus.count_fds()
    observer.drain()
    for named in ({'Nothing': ('b', True)}, {'Allow': ('a(usos)', [(0, '', '/', '')])},
                  {'Groups': ('as', ['absent'])}, {'Users': ('au', [])},
                  {'MaxConnections': ('u', 0)}, {'StopOnNotify': ('h', 9)},
                  {'com.example.Extension': ('b', True)}):
        t.failed(add_server(manager, named, listen=True), 'InvalidArgs', f'{named}')
    t.equal(bus.count_fds(), before, 'descriptors')
    t.equal(observer.drain(), [], 'signals')
    t.equal(len(t.returned(observer.bus('ListServers', interface=INTERFACE))[0]), 1, 'servers')
    t.returned(add_server(manager), 'the second place')


@test('2/connections that have not authenticated are closed when it stops listening')
def unauthenticated(t):
    _, server, contained, _ = world(t)
    waiting = t.connect(server.address, auth=False, hello=False)
    waiting.send_raw(b'\0')
    contained.sync()
    server.stop('StopListening')
    waiting.wait_closed()
    t.returned(contained.sync(), 'the other goes on')


# 3. Rules

@test('3/a rule is given back as it was given, in every form')
def given_back(t):
    bus, manager, _ = managed(t)
    given = [(SEE, 'a.b', '/x', 'c.d'), (OWN | NAMESPACE, 'a.b', '/', 'c.d.*'),
             (CALL | RECEIVE | FDS | 0x200, '', '/x', 'c.d.E'), (SEE, ':1.5', '/', ''),
             (SEE, 'a.b', '/x', 'c.d')]
    server = Server(t, bus, given, manager=manager)
    got = manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE)
    t.equal(sorted(t.returned(got)[0]), sorted(given), 'rules')


@test('3/OWN without a name is every name')
def own_all(t):
    _, _, contained, _ = world(t, [rule(OWN, '')])
    for name in ('com.example.A', 'org.b', 'x.y.z'):
        t.equal(t.returned(contained.bus('RequestName', 'su', name, 4)), (1,), name)
    t.failed(contained.bus('RequestName', 'su', rawbus.BUS, 4), 'InvalidArgs', 'not the bus\'s')


@test('3/for a call that starts a service the activatable name is compared')
def started(t):
    folder = t.path('services')
    os.mkdir(folder)
    name = 'com.example.Startable'
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={name}\n'
                  f'Exec=/usr/bin/python3 -B {here}/rawbus-service.py {name}\n')
    bus, _, without, service = world(t, [rule(CALL, 'com.example.Start')], servicedir=folder)
    exact = Server(t, bus, [rule(CALL, name, '/allowed')]).connect()
    t.failed(without.call(name, '/allowed', IFACE, 'M'), 'ServiceUnknown')
    t.failed(exact.call(name, '/denied', IFACE, 'M'), 'AccessDenied')
    t.equal(t.returned(service.bus('NameHasOwner', 's', name)), (False,), 'nothing was started')
    t.equal(t.returned(exact.call(name, '/allowed', IFACE, 'M')), ('/allowed',), 'started')
    t.returned(service.call(name, '/', IFACE, 'Quit'))


# 4. What is allowed

@test('4/container rules AND XML: neither widens what the other denies')
def both_layers(t):
    extra = ('<policy context="mandatory"><deny send_interface="com.example.Denied"/>'
             '<deny own="com.example.Denied"/></policy>\n')
    bus, _, contained, service = world(t, [rule(CALL, SERVICE), rule(OWN, 'com.example.Denied')],
                                       extra=extra)
    narrow = Server(t, bus, [rule(CALL, SERVICE, '/x', 'com.example.Narrow')]).connect()
    t.equal(delivered(contained, service), None, 'both agree')
    t.contains(delivered(contained, service, interface='com.example.Denied') or '', 'AccessDenied')
    t.contains(delivered(narrow, service) or '', 'AccessDenied', 'XML does not widen')
    t.failed(contained.bus('RequestName', 'su', 'com.example.Denied', 4), 'AccessDenied')


@test('4/a denied signal is dropped without a word')
def dropped(t):
    _, _, contained, service = world(t, [rule(SEE, SERVICE)])
    for destination in (SERVICE, service.unique, ':1.4711', 'com.example.Nobody'):
        contained.send(rawbus.signal('/x', IFACE, 'S', destination=destination))
    t.equal((contained.drain(), service.drain()), ([], []), 'nobody hears')


@test('4/eavesdrop in every spelling')
def eavesdrop(t):
    _, _, contained, service = world(t, [rule(CALL | RECEIVE, '')],
                                     limits={'max_match_rules_per_connection': 2})
    for text in ('eavesdrop=true', "eavesdrop='true'", "eavesdrop=false", "eavesdrop='false'",
                 "type='signal', eavesdrop=true", "e\\avesdrop=true", " eavesdrop = 'true'",
                 "eavesdrop='t'rue", "EAVESDROP='true'", "eavesdrop"):
        reply = contained.bus('AddMatch', 's', text)
        t.true(reply.kind == rawbus.ERROR, text)
        # what even outsiders may not write is another matter
        outside = service.bus('AddMatch', 's', text)
        if outside.kind == rawbus.RETURN:
            t.failed(reply, 'AccessDenied', text)
            service.bus('RemoveMatch', 's', text)
    forbidden = ("eavesdrop='false'", "eavesdrop='true'", "eavesdrop='maybe'")
    for member in ('AddMatch', 'RemoveMatch'):
        for text in forbidden:
            t.failed(contained.bus(member, 's', text), 'AccessDenied', f'{member} {text}')
    contained.add_match('')
    contained.add_match('')
    t.failed(contained.bus('AddMatch', 's', ''), 'LimitsExceeded', 'as many as there may be')
    for text in forbidden:
        t.failed(contained.bus('AddMatch', 's', text), 'AccessDenied', f'{text} at the limit')


@test('4/the driver\'s forbidden members, with and without interface, with any signature')
def forbidden_spellings(t):
    _, _, contained, _ = world(t, [rule(0x1f, '')])
    for interface, members in (
            (INTERFACE, ('AddServer', 'StopServer', 'StopListening', 'AddServerRules',
                         'AllowContainers', 'WithdrawContainers', 'ListServers')),
            ('org.freedesktop.DBus.Monitoring', ('BecomeMonitor',)),
            ('org.freedesktop.DBus.Debug.Stats', ('GetStats', 'GetConnectionStats',
                                                  'GetAllMatchRules', 'GetContainerStats',
                                                  'GetContainerGrants', 'WatchDeliveries')),
            ('org.freedesktop.DBus.Verbose', ('EnableVerbose', 'DisableVerbose')),
            (rawbus.BUS, ('ReloadConfig', 'UpdateActivationEnvironment'))):
        for member in members:
            for spelled in (interface, None):
                for signature in ('', 's', 'a{ss}', 'o'):
                    value = {'': (), 's': ('x',), 'a{ss}': ({},), 'o': ('/',)}[signature]
                    reply = contained.call(rawbus.BUS, rawbus.BUS_PATH, spelled, member, signature,
                                           *value)
                    t.failed(reply, 'AccessDenied', f'{spelled} {member} {signature}')


@test('4/what is left of a call that waits: an answer for each, never two, never to others')
def one_answer(t):
    bus, _, contained, service = world(t, [rule(CALL, SERVICE)])
    thief = Server(t, bus, [rule(CALL, '')]).connect()
    serial = contained.send(rawbus.call(SERVICE, '/x', IFACE, 'M'))
    request = service.wait_call('M')
    forged = rawbus.Message(rawbus.RETURN, rawbus.fields_of(destination=contained.unique,
                                                            reply_serial=serial))
    thief.send(forged)
    thief.sync()
    t.equal(contained.drain(), [], 'an answer by somebody else')
    service.send(rawbus.error_to(request, 'com.example.Error'))
    service.send(rawbus.reply_to(request))
    service.sync()
    t.equal([m.error for m in contained.drain()], ['com.example.Error'], 'the first')


@test('4/broadcasts within an instance and out of it need no rules')
def free_broadcasts(t):
    bus, server, contained, service = world(t)
    sibling = server.connect()
    for receiver in (sibling, service):
        receiver.add_match(f"interface='{IFACE}'")
    contained.send(rawbus.signal('/x', IFACE, 'S'))
    contained.sync()
    for receiver in (sibling, service):
        t.equal([m.member for m in receiver.drain()], ['S'], receiver.unique)
    t.true(bus.alive(), 'bus')


@test('4/a connection from outside is seen until it goes, its sibling is not')
def seen_alone(t):
    bus, _, contained, _ = world(t)
    other = Server(t, bus)
    caller, sibling = other.connect(), other.connect()
    t.returned(other.manager.bus('AddServerRules', 'oa(usos)', other.path,
                                 [rule(CALL, contained.unique)], interface=INTERFACE))
    caller.send(rawbus.call(contained.unique, '/x', IFACE, 'M', flags=rawbus.NO_REPLY))
    contained.wait_call('M')
    t.returned(contained.bus('GetConnectionCredentials', 's', caller.unique), 'who called')
    t.failed(contained.bus('GetNameOwner', 's', sibling.unique), 'NameHasNoOwner', 'its sibling')


@test('4/a denied call does not make its sender visible')
def denied_unseen(t):
    bus, _, contained, _ = world(t)
    caller = Server(t, bus).connect()
    caller.call(contained.unique, '/x', IFACE, 'M')
    t.failed(contained.bus('GetNameOwner', 's', caller.unique), 'NameHasNoOwner')


# 5. The header field and the credentials

@test('5/header="always" gives it to all, the root included')
def always(t):
    bus, server, contained, service = world(t, [rule(CALL | RECEIVE, SERVICE)],
                                            extra='<containers header="always"/>\n')
    contained.send(rawbus.call(SERVICE, '/x', IFACE, 'M'))
    t.equal(service.wait_call('M').container, server.path, 'from inside')
    t.connect(bus).send(rawbus.call(SERVICE, '/x', IFACE, 'N'))
    t.equal(service.wait_call('N').container, '/', 'from outside')
    t.equal(service.sync().container, '/', 'of the bus')
    contained.add_match(f"interface='{IFACE}'")
    service.send(rawbus.signal('/x', IFACE, 'S'))
    t.equal(contained.wait_signal('S').container, '/', 'a broadcast')


@test('5/HeaderFiltering is a feature')
def header_filtering(t):
    _, _, contained, service = world(t)
    for caller in (contained, service):
        reply = caller.bus('Get', 'ss', rawbus.BUS, 'Features', interface=harness.PROPERTIES)
        t.contains(t.returned(reply)[0].value, 'HeaderFiltering')


@test('5/credentials of a contained connection say whose word they are')
def credentials(t):
    _, server, contained, service = world(t)
    prefix = f'{INTERFACE}.'
    got = t.returned(service.bus('GetConnectionCredentials', 's', contained.unique))[0]
    told = {key[len(prefix):]: tuple(value) for key, value in got.items() if key.startswith(prefix)}
    t.equal(told, {'Path': ('o', server.path), 'Type': ('s', 'com.example.Sandbox'),
                   'AppId': ('s', 'com.example.App'), 'InstanceId': ('s', 'i1'),
                   'CreatorUserID': ('u', os.getuid())}, 'keys')
    plain = t.returned(service.bus('GetConnectionCredentials', 's', service.unique))[0]
    t.true(not any(key.startswith(prefix) for key in plain), 'of one outside')


# 7. Limits

@test('7/metadata counts with type, app_id and as it is marshalled, length word included')
def metadata_exact(t):
    # an empty dictionary is its length word and padding to 8 bytes, or the word alone
    _, manager, _ = managed(t, limits={'max_container_metadata_bytes': 100})
    fits = next(size for size in range(100, 0, -1)
                if add_server(manager, app='x' * size, instance='', type='a.b').kind ==
                rawbus.RETURN)
    t.true(100 - 3 - 8 <= fits <= 100 - 3 - 4, f'{fits} bytes of app_id fit')
    t.failed(add_server(manager, app='x' * fits, type='a.bc', instance=''), 'LimitsExceeded')


@test('7/limits of containers are accepted by every configuration')
def all_accepted(t):
    limits = {'max_containers': 1, 'max_containers_per_user': 1, 'max_connections_per_container': 1,
              'max_container_metadata_bytes': 1000, 'max_rules_per_container': 1}
    bus, manager, _ = managed(t, limits=limits)
    t.failed(Server(t, bus, [rule(SEE, SERVICE)], manager=manager).stop('StopNothing'),
             'UnknownMethod')
    t.failed(add_server(manager), 'LimitsExceeded')


# 8. Denials

@test('8/a flood of denials is one line and a count in the log, but each is a signal')
def flood(t):
    bus, _, contained, service = world(t)
    service.add_match(f"interface='{INTERFACE}',member='Denied'")
    for number in range(300):
        contained.send(rawbus.call(SERVICE, '/x', IFACE, f'M{number}', flags=rawbus.NO_REPLY))
    contained.sync()
    signals = [m.body[1]['Member'].value for m in service.drain() if m.member == 'Denied']
    t.equal(signals, [f'M{number}' for number in range(300)], 'signals')
    lines = [line for line in bus.log().splitlines() if 'MessageType=method_call' in line]
    t.true(0 < len(lines) < 300, f'{len(lines)} lines in the log')


@test('8/the rule that a denial names, when added, makes just that message pass')
def suggested(t):
    _, server, contained, service = world(t)
    server.manager.add_match(f"interface='{INTERFACE}',member='Denied'")
    flags = {'see': SEE, 'call': CALL, 'receive': RECEIVE, 'own': OWN}
    for path, interface, member in (('/', 'a.b', 'M'), ('/x/y', 'a.b.C', 'N')):
        t.contains(delivered(contained, service, SERVICE, path=path, interface=interface,
                             member=member) or '', 'org.freedesktop.DBus.Error.')
        denied = [m for m in server.manager.drain() if m.member == 'Denied'][-1]
        words = denied.body[1]['Rule'].value.split()
        where = next(word[1:] for word in words if word[0] == '@')
        given = (flags[words[0]], words[1], where, words[2])
        t.returned(server.manager.bus('AddServerRules', 'oa(usos)', server.path, [given],
                                      interface=INTERFACE))
        t.equal(delivered(contained, service, SERVICE, path=path, interface=interface,
                          member=member), None, f'{words}')
        for other in ({'path': path + 'z'}, {'interface': interface + 'z'}, {'member': 'Other'}):
            message = {'path': path, 'interface': interface, 'member': member, **other}
            t.contains(delivered(contained, service, SERVICE, **message) or '', 'AccessDenied',
                       f'{other}')


if __name__ == '__main__':
    harness.main()
