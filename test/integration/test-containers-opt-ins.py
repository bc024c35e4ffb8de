#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Services that open themselves to containers: doc/containers1.md, section 6."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, FDS, INTERFACE, NOT_CONTAINER, RECEIVE, SEE, SERVICE,
                        SUBTREE, Server, removal, rule, watch_removal, world)
from harness import test

IFACE = 'com.example.Iface'
OTHER = 'com.example.Other'
STARTED = os.path.join(harness.HERE, 'rawbus-service.py')


def service_file(folder, name, allow=None, program=STARTED):
    """Write a .service file; returns its path."""
    path = os.path.join(folder, name + '.service')
    with open(path + '.new', 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={name}\n'
                  f'Exec=/usr/bin/python3 -B {program} {name}\n')
        if allow is not None:
            out.write(f'X-Containers-Allow={allow}\n')
    os.rename(path + '.new', path)
    return path


def services(t, *files, **options):
    """(bus, folder): a bus with service files, each (name, rules or None)."""
    folder = t.path('services')
    os.mkdir(folder)
    for name, allow in files:
        service_file(folder, name, allow)
    return t.bus(servicedir=folder, **options), folder


def call(caller, name=SERVICE, path='/x', interface=IFACE, member='Method'):
    return caller.call(name, path, interface, member)


def quit_service(t, bus, name=SERVICE):
    """End a service that the bus started, and wait until its name is free."""
    with rawbus.Connection(bus.address) as asking:
        asking.add_match(f"member='NameOwnerChanged',arg0='{name}'")
        t.returned(call(asking, name, member='Quit'), 'Quit')
        asking.wait_for(lambda m: m.member == 'NameOwnerChanged' and m.body[2] == '')


def allow(service, where, *rules):
    return service.bus('AllowContainers', 'oa(uos)', where, list(rules), interface=INTERFACE)


def withdraw(service, where):
    return service.bus('WithdrawContainers', 'o', where, interface=INTERFACE)


def delivered(caller, service, path, interface='a.b', destination=None):
    """Whether a call arrives."""
    serial = caller.send(rawbus.call(destination or service.unique, path, interface, 'M'))
    caller.sync()
    requests = [m for m in service.drain() if m.kind == rawbus.CALL]
    for request in requests:
        service.send(rawbus.reply_to(request))
    caller.wait_reply(serial)
    return bool(requests)


def heard(receiver, sender, path, interface='a.b'):
    """Whether a broadcast arrives."""
    sender.send(rawbus.signal(path, interface, 'S'))
    sender.sync()
    return any(m.kind == rawbus.SIGNAL and m.sender == sender.unique for m in receiver.drain())


# Service files

@test('6/X-Containers-Allow lets a contained call start the service')
def file_starts(t):
    bus, _ = services(t, (SERVICE, f'call {IFACE} @/x'), (OTHER, None))
    contained = Server(t, bus).connect()
    t.equal(t.returned(call(contained), 'a call that is allowed'), ('/x',))
    t.failed(call(contained, path='/y'), 'AccessDenied', 'another path')
    t.failed(call(contained, interface='a.b'), 'AccessDenied', 'another interface')
    t.failed(call(contained, OTHER), 'ServiceUnknown', 'a service that does not say so')
    quit_service(t, bus)
    t.failed(call(contained, path='/y'), 'AccessDenied', 'it does not run, but is known')
    t.equal(bus.log().count('not used'), 0, bus.log())


@test('6/X-Containers-Allow lets a contained StartServiceByName start it')
def start_by_name(t):
    bus, _ = services(t, (SERVICE, f'call {IFACE}'), (OTHER, None))
    contained = Server(t, bus).connect()
    t.equal(contained.bus('ListActivatableNames').body[0], [rawbus.BUS, SERVICE], 'what it sees')
    t.equal(t.returned(contained.bus('StartServiceByName', 'su', SERVICE, 0)), (1,), 'start')
    t.failed(contained.bus('StartServiceByName', 'su', OTHER, 0), 'ServiceUnknown', 'another')
    quit_service(t, bus)


@test('3/only CALL lets a contained StartServiceByName start a service')
def start_needs_call(t):
    bus, _ = services(t, (SERVICE, None), (OTHER, 'receive'))
    server = Server(t, bus, [rule(SEE | RECEIVE, SERVICE)])
    contained = server.connect()
    t.failed(contained.bus('StartServiceByName', 'su', SERVICE, 0), 'AccessDenied', 'seen')
    t.failed(contained.bus('StartServiceByName', 'su', OTHER, 0), 'AccessDenied', 'an opt-in')
    t.contains(bus.log(), 'Rule="call com.example.Service"', 'log')
    t.returned(server.manager.bus('AddServerRules', 'oa(usos)', server.path,
                                  [rule(CALL, SERVICE, '/only', 'a.b')], interface=INTERFACE))
    t.equal(t.returned(contained.bus('StartServiceByName', 'su', SERVICE, 0)), (1,), 'CALL')
    quit_service(t, bus)


@test('6/X-Containers-Allow holds for whoever owns the name')
def file_holds_for_owners(t):
    bus, _ = services(t, (SERVICE, 'call @/open/* ; receive @/signals'))
    contained = Server(t, bus).connect()
    contained.add_match("interface='a.b'")
    first, second = t.connect(bus), t.connect(bus)
    t.true(not delivered(contained, first, '/open'), 'before it owns the name')
    first.own(SERVICE)
    t.true(delivered(contained, first, '/open/x'), 'by its unique name')
    t.true(delivered(contained, first, '/open/x', destination=SERVICE), 'by its name')
    t.true(heard(contained, first, '/signals'), 'its signals')
    t.true(not heard(contained, first, '/open'), 'other signals')
    first.bus('ReleaseName', 's', SERVICE)
    t.true(not delivered(contained, first, '/open'), 'when the name has gone')
    t.true(not heard(contained, first, '/signals'), 'its signals when the name has gone')
    second.own(SERVICE)
    t.true(delivered(contained, second, '/open'), 'the next owner')
    first.bus('RequestName', 'su', SERVICE, 0)
    t.true(not delivered(contained, first, '/open'), 'who waits for it')
    t.true(not delivered(contained, second, '/open', destination=OTHER), 'by a name of nobody')


@test('6/X-Containers-Allow and a second name of the owner')
def file_second_name(t):
    bus, _ = services(t, (SERVICE, 'call @/open'))
    contained = Server(t, bus).connect()
    owner = t.connect(bus)
    owner.own(SERVICE)
    owner.own(OTHER)
    t.failed(call(contained, OTHER, '/open'), 'ServiceUnknown', 'a name that is not covered')
    t.true(delivered(contained, owner, '/open', destination=SERVICE), 'the one that is')


@test('6/X-Containers-Allow: descriptors need the word fds')
def file_descriptors(t):
    bus, _ = services(t, (SERVICE, 'call @/plain;call @/fds fds'))
    contained, owner = Server(t, bus).connect(), t.connect(bus)
    owner.own(SERVICE)
    for path, expected in (('/plain', 'AccessDenied'), ('/fds', None)):
        serial = contained.send(rawbus.call(SERVICE, path, IFACE, 'M', 'h', 0, fds=t.pipe()[:1]))
        contained.sync()
        for request in [m for m in owner.drain() if m.kind == rawbus.CALL]:
            request.close_fds()
            owner.send(rawbus.reply_to(request))
        reply = contained.wait_reply(serial)
        t.equal((reply.error or '').rpartition('.')[2] or None, expected, path)


@test('6/X-Containers-Allow: a bad rule is logged, the rest holds, the service can be used')
def file_bad_rule(t):
    bus, folder = services(t, (SERVICE, 'see ; call @/good ;own;call nodots; call \\sx;;'
                                     'talk;call+receive+own;receive+call @/both'))
    lines = [line for line in bus.log().splitlines() if 'X-Containers-Allow' in line]
    t.equal(len(lines), 6, bus.log())
    for line, bad in zip(lines, ('Rule=see', 'Rule=own', 'Rule="call nodots"', 'Rule="call',
                                 'Rule=talk', 'Rule=call+receive+own')):
        t.contains(line, bad, 'rule')
        t.contains(line, f'File={folder}/{SERVICE}.service', 'file')
        t.contains(line, 'Line=4', 'line')
    contained = Server(t, bus).connect()
    for path in ('/good', '/both'):
        t.equal(t.returned(call(contained, path=path)), (path,), 'a good rule')
    t.failed(call(contained, path='/other'), 'AccessDenied')
    quit_service(t, bus)


@test('6/X-Containers-Allow after ReloadConfig')
def file_reload(t):
    bus, folder = services(t, (SERVICE, 'call @/one'))
    outside, contained, owner = t.connect(bus), Server(t, bus).connect(), t.connect(bus)
    owner.own(SERVICE)
    t.true(delivered(contained, owner, '/one'), 'at the start')
    service_file(folder, SERVICE, 'call @/two')
    t.returned(outside.bus('ReloadConfig'))
    t.true(not delivered(contained, owner, '/one'), 'what was there before')
    t.true(delivered(contained, owner, '/two'), 'what is there now')
    service_file(folder, SERVICE)
    t.returned(outside.bus('ReloadConfig'))
    t.true(not delivered(contained, owner, '/two'), 'nothing')
    t.true(not t.returned(contained.bus('NameHasOwner', 's', SERVICE))[0], 'hidden')


@test('6/X-Containers-Allow of a file that comes while the bus runs')
def file_comes(t):
    bus, folder = services(t)
    contained = Server(t, bus).connect()
    t.failed(call(contained), 'ServiceUnknown', 'before')
    service_file(folder, SERVICE, 'call @/x')
    t.equal(t.returned(call(contained), 'at once, without a reload'), ('/x',))
    quit_service(t, bus)
    os.unlink(os.path.join(folder, SERVICE + '.service'))
    t.true(harness.wait_until(lambda: call(contained).error.endswith('ServiceUnknown')), 'gone')


@test('6/X-Containers-Allow that is gone, or new, counts for the very next start')
def file_changes(t):
    bus, folder = services(t, (SERVICE, 'call @/x'), (OTHER, None))
    outside, contained = t.connect(bus), Server(t, bus).connect()
    service_file(folder, SERVICE)
    t.failed(call(contained), 'ServiceUnknown', 'a call')
    t.equal(outside.bus('NameHasOwner', 's', SERVICE).body, (False,), 'it does not run')
    service_file(folder, SERVICE, 'call @/x')
    service_file(folder, SERVICE)
    t.failed(contained.bus('StartServiceByName', 'su', SERVICE, 0), 'ServiceUnknown', 'a start')
    t.equal(outside.bus('NameHasOwner', 's', SERVICE).body, (False,), 'it does not run')
    service_file(folder, OTHER, 'call @/x')
    t.equal(contained.bus('ListActivatableNames').body[0], [rawbus.BUS, OTHER], 'what it sees')
    service_file(folder, OTHER)
    service_file(folder, SERVICE, 'call @/x')
    t.equal(contained.bus('ListActivatableNames').body[0], [rawbus.BUS, SERVICE], 'what it sees')
    service_file(folder, OTHER, 'call @/x')
    t.equal(t.returned(contained.bus('StartServiceByName', 'su', OTHER, 0)), (1,), 'a new one')
    service_file(folder, SERVICE, 'call @/y')
    t.failed(call(contained), 'AccessDenied', 'what it no longer allows')
    t.equal(t.returned(call(contained, path='/y')), ('/y',), 'what it allows now')
    for name in (SERVICE, OTHER):
        quit_service(t, bus, name)


@test('4/ActivatableServicesChanged comes when what a container can start has changed')
def services_changed(t):
    bus, folder = services(t, (SERVICE, None), (OTHER, None))
    nothing, sees = Server(t, bus).connect(), Server(t, bus, [rule(SEE, SERVICE)]).connect()
    outside = t.connect(bus)
    for connection in (nothing, sees, outside):
        connection.add_match("member='ActivatableServicesChanged'")

    def told(reload=True):
        """Who heard, after the bus has seen the files."""
        if reload:
            t.returned(outside.bus('ReloadConfig'))
        else:
            nothing.bus('ListActivatableNames')
        return [{m.member for m in connection.drain()} == {'ActivatableServicesChanged'}
                for connection in (nothing, sees, outside)]

    t.equal(told(), [False, False, True], 'nothing has changed')
    for reload in (True, False):
        for path, allow_, expected in ((SERVICE, 'call', [True, False, True]),
                                       (SERVICE, 'call;receive', [False, False, True]),
                                       (SERVICE, 'nonsense', [True, False, True]),
                                       (OTHER, None, [False, False, reload]),
                                       (OTHER, 'receive', [True, True, True])):
            service_file(folder, path, allow_)
            t.equal(told(reload), expected, f'{path} {allow_} {reload}')
        os.unlink(os.path.join(folder, OTHER + '.service'))
        t.equal(told(reload), [True, True, True], f'one that goes, {reload}')
        service_file(folder, SERVICE, 'call')
        service_file(folder, OTHER, 'call')
        t.equal(told(reload), [True, True, True], f'two at once, {reload}')
        service_file(folder, SERVICE)
        nothing.bus('GetId')
        service_file(folder, OTHER)
        t.equal(told(reload), [True, True, True], f'as at the start, {reload}')


@test('4/who sees more or less without a name that moves is not told')
def silent_changes(t):
    bus, folder = services(t, (SERVICE, None))
    outside, owner, server = t.connect(bus), t.connect(bus), Server(t, bus)
    contained = server.connect()
    owner.own(SERVICE)
    contained.add_match("member='NameOwnerChanged'")
    for allow_ in ('call', None):
        service_file(folder, SERVICE, allow_)
        t.returned(outside.bus('ReloadConfig'))
        t.equal(contained.bus('NameHasOwner', 's', SERVICE).body, (allow_ is not None,), allow_)
    for change in (allow, withdraw):
        t.returned(change(owner, '/', *([(CALL, '/', '')] if change is allow else ())))
        t.equal(contained.bus('NameHasOwner', 's', SERVICE).body, (change is allow,), 'grant')
    t.equal(contained.drain(), [], 'before it has a rule')
    t.returned(server.manager.bus('AddServerRules', 'oa(usos)', server.path, [rule(SEE, SERVICE)],
                                  interface=INTERFACE))
    t.equal(contained.drain(), [], 'a new rule')
    owner.bus('ReleaseName', 's', SERVICE)
    t.equal([m.body for m in contained.drain()], [(SERVICE, owner.unique, '')], 'a name that moves')


@test('6/X-Containers-Allow: XML still has to agree')
def file_and_xml(t):
    bus, _ = services(t, (SERVICE, 'call @/x'), extra='  <policy context="mandatory">'
                      f'<deny send_destination="{SERVICE}"/></policy>\n')
    t.failed(call(Server(t, bus).connect()), 'AccessDenied')


# At run time

@test('6/a grant to one server goes with the server')
def grant_ends(t):
    bus, server, contained, service = world(t)
    watch_removal(service)
    t.returned(allow(service, server.path, (CALL | SUBTREE, '/mine', '')))
    t.true(delivered(contained, service, '/mine/x'), 'granted')
    t.returned(server.stop())
    removal(service, server.path)
    t.failed(withdraw(service, server.path), NOT_CONTAINER, 'of a server that is gone')
    t.failed(allow(service, server.path, (CALL, '/', '')), NOT_CONTAINER)
    later = Server(t, bus)
    t.true(not delivered(later.connect(), service, '/mine/x'), 'another server')


@test('6/withdrawing takes back what was given with the same argument')
def withdrawn(t):
    _, server, contained, service = world(t)
    t.returned(withdraw(service, '/'), 'nothing to take back')
    t.returned(withdraw(service, server.path), 'nothing to take back from one')
    t.returned(allow(service, '/', (CALL, '/all', '')))
    t.returned(allow(service, server.path, (CALL, '/one', '')))
    for where, left in (('/', ['/one']), (server.path, [])):
        t.returned(withdraw(service, where))
        t.equal([path for path in ('/all', '/one') if delivered(contained, service, path)], left,
                f'without {where}')
    t.returned(allow(service, '/', (CALL, '/all', '')))
    t.returned(withdraw(service, server.path))
    t.true(delivered(contained, service, '/all'), 'what all were given is not one\'s')


@test('6/grants to servers that are gone count no more')
def grants_are_freed(t):
    bus, server, _, service = world(t, limits={'max_rules_per_container': 2})
    t.returned(allow(service, server.path, (CALL, '/a', ''), (CALL, '/b', '')))
    other = Server(t, bus)
    t.failed(allow(service, other.path, (CALL, '/c', '')), 'LimitsExceeded')
    t.returned(server.stop())
    t.returned(allow(service, other.path, (CALL, '/c', '')), 'after the server went')
    t.returned(withdraw(service, other.path))
    t.returned(allow(service, '/', (CALL, '/c', ''), (CALL, '/d', '')), 'after taking back')


@test('6/what all connections of one uid grant is bounded, four times that of one')
def grants_of_user(t):
    bus, server, _, watcher = world(t, limits={'max_rules_per_container': 2})
    watcher.add_match("member='Denied'")
    rules = ((CALL, '/a', ''), (CALL, '/b', ''))
    services = [t.connect(bus) for _ in range(5)]
    for number, service in enumerate(services[:4]):
        t.returned(allow(service, (server.path, '/')[number % 2], *rules))
    t.failed(allow(services[4], '/', rules[0]), 'LimitsExceeded')
    denied = watcher.wait_signal('Denied')
    t.equal((denied.body[0], denied.body[1]['Rule'].value),
            ('/', 'user:max_rules_per_container=8'), 'record')
    t.returned(withdraw(services[1], '/'))
    t.returned(allow(services[4], '/', rules[0]), 'after one has taken back')
    t.failed(allow(services[4], '/', rules[0], rules[1]), 'LimitsExceeded', 'one more')
    services[0].close()
    t.true(harness.wait_until(lambda: allow(services[4], '/', rules[1]).kind == rawbus.RETURN),
           'after one has gone')
    t.returned(server.stop())
    t.returned(allow(services[2], '/', *rules), 'after the server has gone')


@test('6/the texts of what one uid grants are bounded, too')
def grant_texts_of_user(t):
    bus, _, _, _ = world(t, limits={'max_rules_per_container': 1000})
    services = [t.connect(bus) for _ in range(6)]
    rules = [(CALL, '/' + 'x' * 2000, '')] * 63        # nearly half of what one may have
    taken = 0
    for service in services:
        for _ in range(2):
            reply = allow(service, '/', *rules)
            taken += reply.kind == rawbus.RETURN
    t.equal(taken, 8, 'times 126063 bytes, of 1024000 at most')


@test('6/another uid has its own grants (needs root)')
def grants_of_users(t):
    harness.need_root()
    bus, _, _, _ = world(t, limits={'max_rules_per_container': 1}, extra=ANYBODY)
    services = [t.connect(bus) for _ in range(5)]
    for service in services[:4]:
        t.returned(allow(service, '/', (CALL, '/a', '')))
    t.failed(allow(services[4], '/', (CALL, '/a', '')), 'LimitsExceeded')
    run = t.run_as(65534, 'import rawbus, sys\n'
                   'print(rawbus.Connection(sys.argv[1]).bus("AllowContainers", "oa(uos)", "/", '
                   f'[({CALL}, "/a", "")], interface="{INTERFACE}").kind)', bus.address)
    t.equal(run.out, f'{rawbus.RETURN}\n', run.err)


@test('6/a refused AllowContainers grants nothing')
def all_or_nothing(t):
    _, _, contained, service = world(t, limits={'max_rules_per_container': 2})
    t.failed(allow(service, '/', (CALL, '/a', ''), (0, '/b', '')), 'InvalidArgs')
    t.true(not delivered(contained, service, '/a'), 'after InvalidArgs')
    t.failed(allow(service, '/', *[(CALL, '/a', '')] * 3), 'LimitsExceeded')
    t.true(not delivered(contained, service, '/a'), 'after LimitsExceeded')
    t.returned(allow(service, '/'), 'no rules at all')
    t.true(not delivered(contained, service, '/a'), 'after an empty list')


@test('6/grants hold for all names of the connection, old and new')
def all_names(t):
    _, _, contained, service = world(t)
    t.returned(allow(service, '/', (CALL, '/a', '')))
    service.own(OTHER)
    for name in (SERVICE, OTHER, service.unique):
        t.true(delivered(contained, service, '/a', destination=name), name)
        t.true(t.returned(contained.bus('NameHasOwner', 's', name))[0], f'{name} is visible')
    t.returned(withdraw(service, '/'))
    for name in (SERVICE, OTHER, service.unique):
        t.true(not t.returned(contained.bus('NameHasOwner', 's', name))[0], f'{name} is hidden')


@test('6/grants are the connection\'s, not those of another with its uid')
def not_the_uid(t):
    bus, _, contained, service = world(t)
    other = t.connect(bus)
    t.returned(allow(service, '/', (CALL, '/a', '')))
    t.true(not delivered(contained, other, '/a'), 'another connection')
    t.returned(withdraw(other, '/'), 'nothing to take back')
    t.true(delivered(contained, service, '/a'), 'not taken back by another')


@test('6/change signals below a subtree reach only its instance')
def change_signals(t):
    bus, one, first, service = world(t)
    two = Server(t, bus)
    second, outside = two.connect(), t.connect(bus)
    for receiver in (first, second, outside):
        receiver.add_match("interface='a.b'")
    for server, path in ((one, '/one'), (two, '/two')):
        t.returned(allow(service, server.path, (CALL | RECEIVE | SUBTREE, path, 'a.b')))
    for path, expected in (('/one/x', [True, False]), ('/two/x', [False, True]),
                           ('/three', [False, False])):
        service.send(rawbus.signal(path, 'a.b', 'Changed'))
        service.sync()
        got = [any(m.path == path for m in receiver.drain()) for receiver in (first, second)]
        t.equal(got, expected, path)
        t.true(any(m.path == path for m in outside.drain()), 'outside everybody hears')


@test('6/RECEIVE alone allows no calls, CALL alone no signals')
def separate(t):
    _, _, contained, service = world(t)
    contained.add_match("interface='a.b'")
    t.returned(allow(service, '/', (CALL, '/call', ''), (RECEIVE, '/receive', '')))
    t.true(delivered(contained, service, '/call') and not delivered(contained, service, '/receive'),
           'calls')
    t.true(heard(contained, service, '/receive') and not heard(contained, service, '/call'),
           'signals')


@test('6/a contained service cannot opt in')
def contained_service(t):
    bus, server, contained, _ = world(t)
    other = Server(t, bus).connect()
    t.failed(allow(contained, '/', (CALL, '/', '')), 'AccessDenied')
    t.failed(allow(contained, server.path, (CALL, '/', '')), 'AccessDenied')
    t.failed(withdraw(contained, '/'), 'AccessDenied')
    t.true(not delivered(other, contained, '/'), 'not opened')


@test('6/descriptors back to a service that opted in with SEND_UNIX_FDS')
def returned_descriptors(t):
    _, _, contained, service = world(t)
    t.returned(allow(service, '/', (CALL | FDS, '/fds', '')))
    serial = service.send(rawbus.call(contained.unique, '/x', IFACE, 'Give'))
    request = contained.wait_call('Give')
    contained.send(rawbus.reply_to(request, 'h', 0, fds=t.pipe()[:1]))
    reply = service.wait_reply(serial)
    t.equal(len(reply.fds), 1, repr(reply))
    reply.close_fds()
    t.returned(withdraw(service, '/'))
    serial = service.send(rawbus.call(contained.unique, '/x', IFACE, 'Give'))
    contained.send(rawbus.reply_to(contained.wait_call('Give'), 'h', 0, fds=t.pipe()[:1]))
    t.failed(service.wait_reply(serial), 'AccessDenied', 'after taking back')


# Groups

@test('6/a reload changes what a group means for servers added later only')
def group_reload(t):
    group = '  <containers><group name="g">call com.example.Service @{}</group></containers>\n'
    bus = t.bus(extra=group.format('/one'))
    outside, service = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    before = Server(t, bus, named={'Groups': ('as', ['g'])}).connect()
    bus.write_config(extra=group.format('/two'))
    t.returned(outside.bus('ReloadConfig'))
    after = Server(t, bus, named={'Groups': ('as', ['g'])}).connect()
    for caller, path in ((before, '/one'), (after, '/two')):
        t.true(delivered(caller, service, path), f'{path} of its group')
    for caller, path in ((before, '/two'), (after, '/one')):
        t.true(not delivered(caller, service, path), f'{path} of the other meaning')


@test('6/a group that does not parse is refused with its file and line')
def group_bad(t):
    bad = ('  <containers><group name="g">\ncall com.example.Service\nnonsense'
           '</group></containers>\n')
    bus = t.bus()
    outside = t.connect(bus)
    bus.write_config(extra=bad)
    reply = outside.bus('ReloadConfig')
    text = t.failed(reply, 'Failed') if reply.kind == rawbus.ERROR else ''
    t.contains(text, 'nonsense', repr(reply))
    t.contains(text, 'bus.conf', 'file')
    t.true(bus.alive(), 'the bus goes on')


@test('6/Groups add to Allow, and count as rules')
def groups_and_rules(t):
    bus = t.bus(limits={'max_rules_per_container': 2}, extra='  <containers><group name="g">'
                'see com.example.A\nsee com.example.B</group></containers>\n')
    manager = t.connect(bus)
    server = Server(t, bus, None, manager, named={'Groups': ('as', ['g'])})
    got = t.returned(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE))[0]
    t.equal([r[1] for r in got], ['com.example.A', 'com.example.B'], 'expanded')
    t.failed(manager.bus('AddServerRules', 'oa(usos)', server.path, [rule(CALL, SERVICE)],
                         interface=INTERFACE), 'LimitsExceeded')


if __name__ == '__main__':
    harness.main()
