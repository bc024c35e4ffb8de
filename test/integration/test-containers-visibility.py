#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a contained connection can know of others, opt-ins, groups, and reports of denials."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, FDS, INTERFACE, NAMESPACE, NOT_CONTAINER, OWN, RECEIVE, SEE,
                        SERVICE, SUBTREE, Server, add_server, managed, refused_connection, rule,
                        world)
from harness import test

IFACE = 'com.example.Iface'
HIDDEN = 'com.example.Hidden'


def names(connection):
    """All that ListNames tells, the driver left out."""
    return sorted(name for name in connection.bus('ListNames').body[0] if name != rawbus.BUS)


def reaches(caller, service, path='/x', interface=IFACE, destination=None, fds=()):
    """Whether a call is delivered."""
    serial = caller.send(rawbus.call(destination or service.unique, path, interface, 'M',
                                     'h' if fds else '', *([0] if fds else []), fds=fds))
    caller.sync()
    requests = [m for m in service.drain() if m.kind == rawbus.CALL]
    for request in requests:
        request.close_fds()
        service.send(rawbus.reply_to(request))
    caller.wait_reply(serial)
    return bool(requests)


def hears(receiver, sender, path='/x', interface=IFACE):
    """Whether a broadcast arrives."""
    sender.send(rawbus.signal(path, interface, 'S'))
    sender.sync()
    return any(m.sender == sender.unique for m in receiver.drain())


# Visibility

@test('4/visibility/nothing but the driver and the own instance')
def only_own(t):
    _, server, contained, _ = world(t)
    t.equal(names(contained), [contained.unique], 'ListNames')
    sibling = server.connect()
    t.equal(names(contained), sorted([contained.unique, sibling.unique]), 'with a sibling')


@test('4/visibility/every rule shows the name and its owner')
def rules_show(t):
    for flag in (SEE, CALL, RECEIVE, OWN):
        _, _, contained, service = world(t, [rule(flag, SERVICE)])
        t.equal(names(contained), sorted([contained.unique, service.unique, SERVICE]), hex(flag))
        contained.close()


@test('4/visibility/an owner\'s other names stay hidden')
def other_names(t):
    _, _, contained, service = world(t, [rule(SEE, SERVICE)])
    service.own(HIDDEN)
    t.lacks(names(contained), HIDDEN, 'ListNames')
    t.failed(contained.bus('GetNameOwner', 's', HIDDEN), 'NameHasNoOwner')


@test('4/visibility/a namespace and everybody')
def wide_rules(t):
    bus, _, contained, service = world(t, [rule(SEE | NAMESPACE, 'com.example')])
    service.own(HIDDEN)
    t.equal(names(contained), sorted([contained.unique, service.unique, SERVICE, HIDDEN]),
            'namespace')
    everybody = Server(t, bus, [rule(SEE, '')]).connect()
    t.contains(names(everybody), HIDDEN, 'everybody')
    t.contains(names(everybody), contained.unique, 'everybody')


@test('4/visibility/methods answer as if the hidden did not exist')
def hidden_methods(t):
    bus, _, contained, service = world(t)
    absent_name, absent_unique = 'com.example.Absent', ':1.54321'
    for hidden, absent in ((SERVICE, absent_name), (service.unique, absent_unique)):
        for member in ('GetNameOwner', 'NameHasOwner', 'ListQueuedOwners', 'GetConnectionUnixUser',
                       'GetConnectionUnixProcessID', 'GetConnectionCredentials',
                       'GetConnectionSELinuxSecurityContext', 'GetAdtAuditSessionData'):
            got, expected = (contained.bus(member, 's', name) for name in (hidden, absent))
            t.equal((got.kind, got.error), (expected.kind, expected.error), f'{member} {hidden}')
            t.equal(str(got.body).replace(hidden, absent), str(expected.body), f'{member} {hidden}')
        got, expected = (contained.bus('GetConnectionInfo', 's', name, interface=INTERFACE)
                         for name in (hidden, absent))
        t.equal(got.error, expected.error, f'GetConnectionInfo {hidden}')
        got, expected = (contained.bus('StartServiceByName', 'su', name, 0) for name in (hidden,
                                                                                         absent))
        t.equal((got.kind, got.error), (expected.kind, expected.error),
                f'StartServiceByName {hidden}')
        got, expected = (contained.call(name, '/x', IFACE, 'M') for name in (hidden, absent))
        t.equal(got.error, expected.error, f'a call to {hidden}')
        t.equal(got.body[0].replace(hidden, absent), expected.body[0], f'a call to {hidden}')
    for member, arguments in (('RequestName', ('su', 4)), ('ReleaseName', ('s',))):
        got, expected = (contained.bus(member, arguments[0], name, *arguments[1:])
                         for name in (SERVICE, absent_name))
        t.failed(got, 'AccessDenied', member)
        t.equal(got.body[0].replace(SERVICE, absent_name), expected.body[0], member)
    t.true(bus.alive(), 'bus')


@test('4/visibility/NameOwnerChanged under every match rule')
def owner_changes(t):
    bus, server, contained, service = world(t, [rule(SEE, 'com.example.Seen')])
    for text in ("type='signal'", "member='NameOwnerChanged'", f"sender='{rawbus.BUS}'",
                 f"arg0='{HIDDEN}'", "arg0namespace='com.example'", f"arg2='{service.unique}'",
                 f"path='{rawbus.BUS_PATH}'", ''):
        contained.add_match(text)
    contained.drain()
    service.bus('RequestName', 'su', HIDDEN, 4)
    service.bus('ReleaseName', 's', HIDDEN)
    t.connect(bus).close()
    t.equal(contained.drain(), [], 'of the hidden')
    service.bus('RequestName', 'su', 'com.example.Seen', 4)
    changes = [m.body for m in contained.drain() if m.member == 'NameOwnerChanged']
    t.contains(changes, ('com.example.Seen', '', service.unique), 'of the seen')
    service.bus('ReleaseName', 's', 'com.example.Seen')
    changes = [m.body for m in contained.drain() if m.member == 'NameOwnerChanged']
    t.contains(changes, ('com.example.Seen', service.unique, ''), 'of the seen')
    sibling = server.connect()
    changes = [m.body for m in contained.drain() if m.member == 'NameOwnerChanged']
    t.equal(changes, [(sibling.unique, '', sibling.unique)], 'of a sibling')


@test('4/visibility/who has sent something is seen until it goes')
def senders_seen(t):
    bus, _, contained, service = world(t)
    service.send(rawbus.signal('/x', IFACE, 'S', destination=contained.unique))
    service.sync()
    contained.drain()
    t.contains(names(contained), service.unique, 'after a unicast signal')
    t.lacks(names(contained), SERVICE, 'its names')
    t.true(not reaches(contained, service), 'seeing is not calling')
    other = t.connect(bus)
    other.send(rawbus.signal('/x', IFACE, 'B'))
    other.sync()
    t.lacks(names(contained), other.unique, 'after a broadcast')


@test('4/visibility/queued owners')
def queued_owners(t):
    bus, _, contained, service = world(t, [rule(SEE, SERVICE)])
    waiting = t.connect(bus)
    waiting.bus('RequestName', 'su', SERVICE, 0)
    listed = t.returned(contained.bus('ListQueuedOwners', 's', SERVICE))[0]
    t.contains(listed, service.unique, 'owner')
    t.lacks(listed, waiting.unique, 'a hidden one')


# Rules of a living server

@test('2/rules of servers/GetServerRules gives back what was given')
def get_rules(t):
    bus, manager, _ = managed(t)
    given = [(CALL, SERVICE, '/a', 'a.b'), (SEE | OWN | NAMESPACE, 'com.example', '/', ''),
             (RECEIVE | FDS | SUBTREE, '', '/x', 'a.b.*'), (CALL, ':1.77', '/', '')]
    server = Server(t, bus, given, manager=manager)
    got = t.returned(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE))[0]
    t.equal(sorted(got), sorted(given), 'rules')
    inside, other = server.connect(), Server(t, bus, manager=manager)
    t.returned(inside.bus('GetServerRules', 'o', server.path, interface=INTERFACE), 'its own')
    t.failed(inside.bus('GetServerRules', 'o', other.path, interface=INTERFACE), NOT_CONTAINER)
    t.failed(manager.bus('GetServerRules', 'o', '/nowhere', interface=INTERFACE), NOT_CONTAINER)


@test('2/rules of servers/AddServerRules adds at once, to open connections, too')
def add_rules(t):
    _, server, contained, service = world(t, limits={'max_rules_per_container': 3})
    t.true(not reaches(contained, service), 'before')

    def add(*rules):
        return server.manager.bus('AddServerRules', 'oa(usos)', server.path, list(rules),
                                  interface=INTERFACE)
    t.failed(add((0, SERVICE, '/', '')), 'InvalidArgs')
    t.returned(add(rule(CALL, SERVICE)))
    t.true(reaches(contained, service), 'after')
    t.failed(add(*[rule(SEE, f'com.example.N{n}') for n in range(3)]), 'LimitsExceeded')
    t.returned(add(rule(SEE, 'com.example.A'), rule(SEE, 'com.example.B')))
    t.failed(add(rule(SEE, 'com.example.C')), 'LimitsExceeded')
    t.failed(contained.bus('AddServerRules', 'oa(usos)', server.path, [], interface=INTERFACE),
             'AccessDenied')


# Opt-ins

def allow(service, where, *rules):
    return service.bus('AllowContainers', 'oa(uos)', where, list(rules), interface=INTERFACE)


def withdraw(service, where):
    return service.bus('WithdrawContainers', 'o', where, interface=INTERFACE)


@test('6/opt-ins/to all containers, now and later')
def opt_in_all(t):
    bus, _, contained, service = world(t)
    t.returned(allow(service, '/', (CALL, '/rendezvous', 'a.b')))
    later = Server(t, bus).connect()
    for caller in (contained, later):
        t.true(reaches(caller, service, '/rendezvous', 'a.b'), 'what is open')
        t.true(reaches(caller, service, '/rendezvous', 'a.b', SERVICE), 'by name')
        t.true(not reaches(caller, service, '/other', 'a.b'), 'another path')
        t.true(not reaches(caller, service, '/rendezvous', 'a.c'), 'another interface')
        t.contains(names(caller), SERVICE, 'visible')
    t.returned(withdraw(service, '/'))
    t.true(not reaches(contained, service, '/rendezvous', 'a.b'), 'taken back')
    t.returned(withdraw(service, '/'), 'nothing to take back')


@test('6/opt-ins/to one server, with signals below a subtree of its own')
def opt_in_one(t):
    bus, one, contained, service = world(t)
    two = Server(t, bus)
    other = two.connect()
    for receiver in (contained, other):
        receiver.add_match("interface='a.b'")
    t.returned(allow(service, one.path, (CALL | RECEIVE | SUBTREE, '/one', '')))
    t.returned(allow(service, two.path, (CALL | RECEIVE | SUBTREE, '/two', '')))
    t.true(reaches(contained, service, '/one/x'), 'its own')
    t.true(not reaches(contained, service, '/two/x'), 'that of the other')
    t.true(hears(contained, service, '/one/x', 'a.b'), 'its own signals')
    t.true(not hears(other, service, '/one/x', 'a.b'), 'not to the other')
    t.returned(withdraw(service, '/'), 'leaves grants to single servers alone')
    t.true(reaches(contained, service, '/one/x'), 'still')
    t.returned(withdraw(service, one.path))
    t.true(not reaches(contained, service, '/one/x'), 'taken back')
    t.true(reaches(other, service, '/two/x'), 'the other keeps its own')
    t.failed(allow(service, '/nowhere', (CALL, '/', '')), NOT_CONTAINER)


@test('6/opt-ins/add up and go with the connection')
def opt_in_life(t):
    bus, _, contained, service = world(t)
    t.returned(allow(service, '/', (CALL, '/a', '')))
    t.returned(allow(service, '/', (CALL, '/b', '')))
    t.true(reaches(contained, service, '/a') and reaches(contained, service, '/b'), 'both')
    heir = t.connect(bus)
    heir.bus('RequestName', 'su', SERVICE, 0)
    service.close()
    heir.wait_signal('NameAcquired')
    t.true(not reaches(contained, heir, '/a'), 'they were the connection\'s, not the name\'s')


@test('6/opt-ins/descriptors need SEND_UNIX_FDS')
def opt_in_descriptors(t):
    _, _, contained, service = world(t)
    t.returned(allow(service, '/', (CALL, '/plain', ''), (CALL | FDS, '/fds', '')))
    t.true(not reaches(contained, service, '/plain', fds=t.pipe()[:1]), 'without')
    t.true(reaches(contained, service, '/fds', fds=t.pipe()[:1]), 'with')


@test('6/opt-ins/flags that make no sense')
def opt_in_flags(t):
    _, _, contained, service = world(t)
    for flags in (0, FDS, SUBTREE, 0x400, CALL | NAMESPACE, CALL | OWN, SEE):
        t.failed(allow(service, '/', (flags, '/', '')), 'InvalidArgs', hex(flags))
    t.failed(allow(service, '/', (CALL, '/', 'nodots')), 'InvalidArgs')
    t.failed(allow(contained, '/', (CALL, '/', '')), 'AccessDenied')


# Groups

GROUPS = ('  <containers><group name="portals">\n'
          'talk com.example.Service # a comment\n\nsee com.example.Hidden\n</group>'
          '<group name="names">own com.example.Mine.*</group></containers>\n')


@test('6/groups/in the configuration')
def groups(t):
    bus, manager, _ = managed(t, extra=GROUPS)
    service = t.connect(bus)
    service.own(SERVICE)
    without = Server(t, bus, manager=manager).connect()
    t.true(not reaches(without, service), 'without the group')
    server = Server(t, bus, manager=manager, named={'Groups': ('as', ['portals', 'names'])})
    contained = server.connect()
    t.true(reaches(contained, service), 'with the group')
    t.returned(contained.bus('RequestName', 'su', 'com.example.Mine.Too', 4), 'a second group')
    got = t.returned(manager.bus('GetServerRules', 'o', server.path, interface=INTERFACE))[0]
    t.equal(len(got), 3, 'expanded')
    reply = add_server(manager, {'Groups': ('as', ['unknown'])}, listen=True)
    t.contains(t.failed(reply, 'InvalidArgs'), 'unknown', 'text')


@test('6/groups/in files beside the configuration')
def group_files(t):
    directory = t.path('containers.d')
    os.mkdir(directory)
    with open(os.path.join(directory, 'filed.rules'), 'w', encoding='utf-8') as out:
        out.write('# rules in a file\ntalk com.example.Service\n')
    config = t.path('main.conf')
    with open(config, 'w', encoding='utf-8') as out:
        out.write(harness.CONFIG.format(listen=f'unix:path={t.directory}/bus', servicedir='',
                                        limits='',
                                        extra=''))
    bus = t.bus(config=f'<busconfig><include>{config}</include></busconfig>',
                args=())
    os.symlink(directory, os.path.join(bus.directory, 'containers.d'))
    bus.process.send_signal(1)
    manager, service = t.connect(bus), t.connect(bus)
    t.returned(manager.bus('ReloadConfig'))
    service.own(SERVICE)
    server = Server(t, bus, manager=manager, named={'Groups': ('as', ['filed'])})
    t.true(reaches(server.connect(), service), 'with the group')


# Reports

def denied_signals(connection):
    return [m for m in connection.drain() if m.member == 'Denied']


@test('8/denials/the signal Denied')
def denied_signal(t):
    bus, server, contained, service = world(t, [rule(SEE, SERVICE)])
    watcher, idle = t.connect(bus), t.connect(bus)
    watcher.add_match(f"interface='{INTERFACE}',member='Denied'")
    contained.add_match("type='signal'")
    t.failed(contained.call(SERVICE, '/x', IFACE, 'Method'), 'AccessDenied')
    got = denied_signals(watcher)
    t.equal(len(got), 1, 'signals')
    path, details = got[0].body
    t.equal(path, server.path, 'server')
    expected = {'Layer': 'container', 'Sender': contained.unique, 'PID': os.getpid(),
                'UID': os.getuid(),
                'Type': 'com.example.Sandbox', 'AppId': 'com.example.App', 'InstanceId': 'i1',
                'MessageType': 'method_call', 'Path': '/x', 'Interface': IFACE, 'Member': 'Method'}
    t.equal({key: details[key].value for key in expected if key in details}, expected, 'details')
    t.contains((SERVICE, service.unique), details['Receiver'].value, 'Receiver')
    t.contains(details['Rule'].value, SERVICE, 'Rule')
    t.equal(denied_signals(contained), [], 'to a contained one')
    t.equal(denied_signals(idle), [], 'without a match rule')


@test('8/denials/each kind is reported')
def denied_kinds(t):
    bus, _, contained, service = world(t, [rule(CALL, SERVICE, '/allowed')])
    watcher = t.connect(bus)
    watcher.add_match(f"interface='{INTERFACE}',member='Denied'")

    def kinds():
        return [m.body[1]['MessageType'].value for m in denied_signals(watcher)]
    contained.send(rawbus.call(SERVICE, '/x', IFACE, 'M', flags=rawbus.NO_REPLY))
    contained.sync()
    t.equal(kinds(), ['method_call'], 'a call without reply')
    contained.send(rawbus.signal('/x', IFACE, 'S', destination=SERVICE))
    contained.sync()
    t.equal(kinds(), ['signal'], 'a unicast signal')
    contained.bus('RequestName', 'su', HIDDEN, 0)
    t.equal(kinds(), ['own'], 'a name')
    service.send(rawbus.call(contained.unique, '/x', IFACE, 'M'))
    contained.send(rawbus.reply_to(contained.wait_call('M'), 'h', 0, fds=t.pipe()[:1]))
    contained.sync()
    t.equal(kinds(), ['method_return'], 'a return with descriptors')
    contained.send(rawbus.call(SERVICE, '/allowed', IFACE, 'M', 'h', 0, fds=t.pipe()[:1]))
    contained.sync()
    t.equal(kinds(), ['method_call'], 'a call with descriptors')
    service.send(rawbus.signal('/x', IFACE, 'B'))
    service.sync()
    t.equal(kinds(), [], 'a filtered broadcast is no denial')


@test('8/denials/Permissive denies nothing, but reports')
def permissive(t):
    bus, manager, _ = managed(t)
    service = t.connect(bus)
    service.own(SERVICE)
    manager.add_match(f"interface='{INTERFACE}',member='Denied'")
    contained = Server(t, bus, manager=manager, named={'Permissive': ('b', True)}).connect()
    t.contains(names(contained), SERVICE, 'visible')
    t.true(reaches(contained, service, destination=SERVICE), 'delivered')
    t.equal(len(denied_signals(manager)), 1, 'reported')
    t.returned(contained.bus('RequestName', 'su', HIDDEN, 4))
    t.failed(contained.bus('ListServers', interface=INTERFACE), 'AccessDenied')
    t.failed(contained.bus('AddMatch', 's', 'eavesdrop=true'), 'AccessDenied')


@test('2/denials/ServerAdded')
def server_added(t):
    bus, manager, observer = managed(t)
    inside = Server(t, bus, [rule(CALL, '')], manager=manager).connect()
    inside.add_match("type='signal'")
    observer.drain()
    server = Server(t, bus, manager=manager)
    t.equal([m.body for m in observer.drain() if m.member == 'ServerAdded'], [(server.path,)],
            'outside')
    t.equal([m.member for m in inside.drain() if m.interface == INTERFACE], [], 'inside')


@test('2/users/a uid without an entry in passwd (needs root)')
def nameless_user(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    server = Server(t, bus, named={'Users': ('au', [61999])})
    run = t.run_as(61999,
                   'import rawbus, sys; print(rawbus.Connection(sys.argv[1]).bus("GetId").kind)',
                   server.address)
    t.equal(run.out, f'{rawbus.RETURN}\n', run.err)


@test('2/users/others need the privilege (needs root)')
def users_privilege(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    script = ('import containers, rawbus, sys; c = rawbus.Connection(sys.argv[1]); '
              'r = containers.add_server(c, {"Users": ("au", [int(sys.argv[2])])}, listen=True); '
              'print(r.error or "made")')
    for uid, expected in ((65534, 'made'), (0, 'AccessDenied'), (1, 'AccessDenied')):
        t.contains(t.run_as(65534, script, bus.address, str(uid)).out, expected, str(uid))



@test('4/visibility/the order of a list does not tell how many names are hidden')
def order(t):
    folder = t.path('services')
    os.mkdir(folder)
    for i in range(240):
        name = f'com.example.{"Seen" if i < 12 else "Unseen"}.N{i % 40:02}X{i // 40}'
        with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/false\n')
    bus = t.bus(servicedir=folder)
    contained = Server(t, bus, [rule(OWN | NAMESPACE, 'com.example.Mine'),
                                rule(SEE | NAMESPACE, 'com.example.Seen')]).connect()
    outside = t.connect(bus)
    for i in (7, 3, 11, 1, 9, 5, 0, 10, 2, 8, 6, 4):
        contained.own(f'com.example.Mine.N{i:02}')
    before = contained.bus('ListNames').body[0]
    for i in range(300):
        outside.own(f'{HIDDEN}.N{i}')
    t.equal(contained.bus('ListNames').body[0], before, 'names')
    t.equal(before[1:], sorted(before[1:]), 'sorted, but for the bus itself')
    startable = contained.bus('ListActivatableNames').body[0]
    t.equal((len(startable), startable[1:]), (13, sorted(startable[1:])), 'what can be started')


CHILD_EXITED = 'org.freedesktop.DBus.Error.Spawn.ChildExited'
SAME = """mkdir "$0.first" 2>/dev/null && read line <"$0.one" && exit 3
read line <"$0.two"
: >"$0.ended"
"""


@test('4/visibility/who waits for a service is not told of others that its program brings')
def same_program(t):
    folder = t.path('services')
    os.mkdir(folder)
    program = os.path.join(folder, 'program')
    with open(program, 'w', encoding='utf-8') as out:
        out.write(SAME)
    for name in (SERVICE, HIDDEN):
        with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/sh {program}\n')
    pipes = []
    for end in ('one', 'two'):
        os.mkfifo(f'{program}.{end}')
        pipes.append(open(f'{program}.{end}', 'r+b', buffering=0))
        t.cleanups.append(pipes[-1].close)
    bus = t.bus(servicedir=folder)
    outside, contained = t.connect(bus), Server(t, bus, [rule(CALL, SERVICE)]).connect()
    hidden = outside.send(rawbus.call(HIDDEN, '/', IFACE, 'M'))
    t.true(harness.wait_until(lambda: os.path.exists(f'{program}.first')), 'the first one runs')
    seen = contained.send(rawbus.call(SERVICE, '/', IFACE, 'M'))
    contained.sync()
    pipes[0].write(b'\n')
    t.contains(t.failed(outside.wait_reply(hidden), CHILD_EXITED), HIDDEN, 'outside')
    text = t.failed(contained.wait_reply(seen), CHILD_EXITED)
    t.contains(text, SERVICE, 'inside')
    t.lacks(text, HIDDEN, 'inside')
    pipes[1].write(b'\n')
    t.true(harness.wait_until(lambda: os.path.exists(f'{program}.ended')), 'the other ends, too')


@test('4/visibility/a contained owner of systemd\'s name hears nothing of what systemd is told')
def no_systemd(t):
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, f'{HIDDEN}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={HIDDEN}\nExec=/bin/false\nSystemdService=a.service\n')
    bus = t.bus(servicedir=folder, args=['--systemd-activation'])
    systemd = 'org.freedesktop.systemd1'
    contained, outside = Server(t, bus, [rule(OWN, systemd)]).connect(), t.connect(bus)
    contained.own(systemd)
    outside.send(rawbus.call(HIDDEN, '/', IFACE, 'M'))
    t.returned(outside.bus('UpdateActivationEnvironment', 'a{ss}', {'SECRET': 'x'}))
    t.equal(contained.drain(), [], 'inside')
    contained.bus('ReleaseName', 's', systemd)
    real = t.connect(bus)
    real.own(systemd)
    t.equal(sorted(m.member for m in real.drain()), ['ActivationRequest', 'SetEnvironment'],
            'the real one')


def anonymous(t, bus):
    """A connection of whom nothing is known."""
    connection = t.connect(bus, auth=False)
    connection.send_raw(b'\0')
    t.true(connection.auth_line(b'AUTH ANONYMOUS').startswith(b'OK'), 'AUTH ANONYMOUS')
    t.equal(connection.auth_line(b'NEGOTIATE_UNIX_FD'), b'AGREE_UNIX_FD', 'descriptors')
    connection.send_raw(b'BEGIN\r\n')
    connection.hello()
    return connection


@test('2/Denied of an anonymous creator is for no other anonymous one')
def anonymous_audience(t):
    bus = t.bus(extra='  <auth>ANONYMOUS</auth>\n  <allow_anonymous/>\n' + ANYBODY)
    creator, other, keeper = anonymous(t, bus), anonymous(t, bus), t.connect(bus)
    for connection in (other, keeper):
        connection.add_match("member='Denied'")
    server = Server(t, bus, manager=creator)
    t.true(refused_connection(t, server.address), 'nobody has its uid')
    t.equal(keeper.wait_signal('Denied').body[0], server.path, 'the user of the bus')
    t.equal([m.member for m in other.drain()], [], 'another anonymous one')


if __name__ == '__main__':
    harness.main()
