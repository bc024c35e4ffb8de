#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Records of denials: doc/containers1.md, section 8."""

import os
import shlex
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, FDS, INTERFACE, OWN, RECEIVE, SEE, SERVICE, Server,
                        add_rules, add_server, parse, records, refused_connection, removal, rule,
                        watch, watch_removal, world)
from harness import test

IFACE = 'com.example.Iface'


def lines(bus, *parts):
    """Records of the log that contain all of these texts."""
    return [line for line in bus.log().splitlines()
            if ' denied ' in line and all(part in line for part in parts)]


def fields(line):
    """A record's key=value pairs, as a shell would read them."""
    return dict(word.split('=', 1) for word in shlex.split(line.partition(' denied ')[2]))


def wait_line(t, bus, *parts):
    t.true(harness.wait_until(lambda: lines(bus, *parts)), f'{parts} is not in {bus.log()}')
    return lines(bus, *parts)[-1]


# One record

@test('8/a denied call: all keys, in the signal and in the log')
def all_keys(t):
    bus, server, contained, service = world(t, [rule(SEE, SERVICE)])
    watcher = t.connect(bus)
    watch(watcher)
    contained.send(rawbus.call(SERVICE, '/x/y', IFACE, 'Method', 'hh', 0, 1, fds=t.pipe()))
    contained.sync()
    (path, record), = records(watcher)
    t.equal(path, server.path, 'server')
    label = record.pop('Label', None)
    expected = {'Layer': 'container', 'Sender': contained.unique, 'PID': os.getpid(),
                'UID': os.getuid(), 'Type': 'com.example.Sandbox', 'AppId': 'com.example.App',
                'InstanceId': 'i1', 'Receiver': service.unique, 'MessageType': 'method_call',
                'Path': '/x/y', 'Interface': IFACE, 'Member': 'Method', 'UnixFDs': 2,
                'Rule': f'call {SERVICE} {IFACE}.Method @/x/y fds'}
    t.equal(record, expected, 'signal')
    logged = fields(wait_line(t, bus, 'Method'))
    t.equal(logged.pop('Label', None), label, 'label')
    t.equal(logged, {key: str(value) for key, value in expected.items()}, 'log')
    t.equal(len(lines(bus)), 1, 'one record')


@test('8/what the XML policy denies: rule, file and line')
def xml_record(t):
    bus, server, contained, service = world(t, [rule(CALL, '')], extra='''
  <policy context="mandatory">
    <deny send_interface="com.example.Forbidden"/>
  </policy>
''')
    watcher = t.connect(bus)
    watch(watcher)
    t.failed(contained.call(SERVICE, '/x', 'com.example.Forbidden', 'M'), 'AccessDenied')
    (path, record), = records(watcher)
    with open(bus.config, encoding='utf-8') as config:
        number = 1 + next(n for n, line in enumerate(config) if 'com.example.Forbidden' in line)
    t.equal((path, record['Layer'], record['File'], record['Line']),
            (server.path, 'xml', bus.config, number))
    t.contains(record['Rule'], 'com.example.Forbidden', 'Rule')
    t.failed(watcher.call(SERVICE, '/x', 'com.example.Forbidden', 'Outside'), 'AccessDenied')
    t.contains(wait_line(t, bus, 'Outside'), f'Line={number}', 'nobody is contained')
    t.equal(records(watcher), [], 'no signal then')
    service.send(rawbus.call(contained.unique, '/x', 'com.example.Forbidden', 'Inwards'))
    service.sync()
    (path, record), = records(watcher)
    t.equal((path, record['Sender'], record['Receiver']),
            (server.path, service.unique, contained.unique), 'from outside')


@test('8/broadcasts that the XML policy denies, to and from a container')
def xml_broadcasts(t):
    bus, server, contained, service = world(t, [rule(RECEIVE, '')], extra='''
  <policy context="mandatory">
    <deny receive_interface="com.example.Forbidden" receive_type="signal"/>
  </policy>
''')
    watcher, other = t.connect(bus), t.connect(bus)
    watch(watcher)
    for connection in (contained, other):
        connection.add_match("interface='com.example.Forbidden'")
    for sender, receivers, member in ((service, {contained.unique}, 'Inwards'),
                                      (contained, {contained.unique, other.unique}, 'Outwards')):
        sender.send(rawbus.signal('/x', 'com.example.Forbidden', member))
        sender.sync()
        got = records(watcher)
        t.equal({record['Receiver'] for _, record in got}, receivers, member)
        t.equal({(path, record['Layer'], record['Sender'], record['Member'], 'Line' in record)
                 for path, record in got}, {(server.path, 'xml', sender.unique, member, True)},
                member)
        t.equal(len(lines(bus, f'Member={member}', 'Layer=xml')), len(receivers), 'log')
    t.equal(contained.drain() + other.drain(), [], 'delivered')


@test('8/what an eavesdropper did not get is nobody\'s denial')
def eavesdroppers(t):
    bus, _, contained, service = world(t, [rule(CALL, '')], extra='''
  <policy context="mandatory">
    <deny eavesdrop="true" receive_type="signal"/>
  </policy>
''')
    watcher = t.connect(bus)
    watch(watcher)
    t.connect(bus).add_match("interface='com.example.Iface',eavesdrop='true'")
    contained.send(rawbus.signal('/x', IFACE, 'S', destination=SERVICE))
    contained.sync()
    t.equal([m.member for m in service.drain() if m.sender == contained.unique], ['S'], 'got')
    t.equal((records(watcher), lines(bus)), ([], []), 'records')


@test('8/a name that may not be owned')
def own_record(t):
    bus, server, contained, _ = world(t)
    watcher = t.connect(bus)
    watch(watcher)
    t.failed(contained.bus('RequestName', 'su', 'com.example.Mine', 0), 'AccessDenied')
    (path, record), = records(watcher)
    t.equal((path, record['Layer'], record['MessageType'], record['Receiver'], record['Rule']),
            (server.path, 'container', 'own', 'com.example.Mine', 'own com.example.Mine'))
    t.equal(len(lines(bus, 'MessageType=own')), 1, 'log')


@test('8/a forbidden member has no rule that would allow it')
def forbidden_record(t):
    bus, _, contained, _ = world(t)
    watcher = t.connect(bus)
    watch(watcher)
    t.failed(contained.bus('ListServers', interface=INTERFACE), 'AccessDenied')
    (_, record), = records(watcher)
    t.equal((record['Layer'], record['Receiver'], record['Member'], 'Rule' in record),
            ('container', rawbus.BUS, 'ListServers', False))


@test('8/limits that a contained connection reaches')
def limit_records(t):
    bus, _, contained, service = world(t, [rule(CALL, ''), rule(OWN, '')], limits={
        'max_replies_per_connection': 2, 'max_names_per_connection': 3})
    watcher = t.connect(bus)
    watch(watcher)
    for _ in range(3):
        contained.send(rawbus.call(SERVICE, '/x', IFACE, 'Waits'))
    contained.sync()
    (_, record), = records(watcher)
    t.equal((record['Layer'], record['Rule'], record['Member'], record['Receiver']),
            ('limit', 'max_replies_per_connection=2', 'Waits', service.unique))
    for number in range(4):
        contained.bus('RequestName', 'su', f'com.example.N{number}', 0)
    (_, record), *_ = records(watcher)
    t.equal((record['Layer'], record['Rule']), ('limit', 'max_names_per_connection=3'))
    t.equal(len(lines(bus, 'Layer=limit', 'max_replies_per_connection=2')), 1, 'log')


def limit_rules(watcher):
    return [record['Rule'] for _, record in records(watcher) if record['Layer'] == 'limit']


@test('8/a limit of one connection, and one of all of the instance')
def whose_limit(t):
    bus, server, contained, service = world(t, [rule(CALL, ''), rule(OWN, '')], limits={
        'max_replies_per_connection': 4, 'max_names_per_connection': 5,
        'max_match_rules_per_connection': 3})
    watcher = t.connect(bus)
    watch(watcher)
    takes = (('max_names_per_connection', 4,
              lambda c, n: c.bus('RequestName', 'su', f'com.example.C{c.unique[3:]}.N{n}', 0)),
             ('max_match_rules_per_connection', 3,
              lambda c, n: c.bus('AddMatch', 's', f"member='M{n}'")),
             ('max_replies_per_connection', 4,
              lambda c, n: c.send(rawbus.call(service.unique, '/x', IFACE, 'Waits'))))
    for limit, most, take in takes:
        contained.close()                       # it has a unique name, too
        inside = [server.connect() for _ in range(4)]
        value = 5 if 'names' in limit else most
        for connection in inside:
            for number in range(most + 1):
                take(connection, number)
            connection.sync()
            t.equal(limit_rules(watcher), [f'{limit}={value}'], 'a connection')
        contained = server.connect()
        take(contained, 0)
        contained.sync()
        t.equal(limit_rules(watcher), [f'container:{limit}={4 * value}'], 'the instance')
        for connection in inside:
            connection.close()


@test('8/limits of what waits for services')
def activation_limits(t):
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, 'x.service'), 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Starts\nExec=/bin/sleep 600\n')
    bus, _, contained, _ = world(t, [rule(CALL | FDS, '')], servicedir=folder, check_fds=False,
                                 limits={'max_pending_service_starts': 8,
                                         'max_incoming_unix_fds': 3})
    watcher = t.connect(bus)
    watch(watcher)
    message = lambda fds: rawbus.call('com.example.Starts', '/x', IFACE, 'M', fds=fds)
    contained.send(message(t.pipe()))
    contained.send(message([]))
    t.failed(contained.wait_reply(contained.send(message([]))), 'LimitsExceeded')
    t.equal(limit_rules(watcher), ['container:max_pending_service_starts=2'], 'a quarter')
    other = Server(t, bus, [rule(CALL | FDS, '')]).connect()
    other.send(message(t.pipe()))
    t.failed(other.wait_reply(other.send(message(t.pipe()))), 'LimitsExceeded')
    t.equal(limit_rules(watcher), ['max_incoming_unix_fds=3'], 'descriptors')
    for _ in range(6):
        watcher.send(message([]))
    watcher.sync()
    t.equal(len(lines(bus, 'max_pending_service_starts=8')), 1, 'that of all together')


@test('8/a queue that is full of descriptors, or of bytes')
def queue_limits(t):
    bus, _, contained, service = world(t, [rule(CALL | FDS, '')], limits={
        'max_outgoing_unix_fds': 16, 'max_outgoing_bytes': 1 << 20,
        'max_incoming_unix_fds': 1000})
    watcher = t.connect(bus)
    watch(watcher)
    null = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
    t.fds.append(null)
    for limit, fds in (('max_outgoing_unix_fds=16', [null]), ('max_outgoing_bytes=1048576', [])):
        for _ in range(400):
            contained.send(rawbus.call(SERVICE, '/x', IFACE, 'M', 'ay', bytes(4096), fds=fds,
                                       flags=rawbus.NO_REPLY))
        contained.sync()
        t.equal(set(limit_rules(watcher)), {limit}, limit)
        for message in service.take():
            message.close_fds()
        service.sync()
        for message in service.take():
            message.close_fds()


@test('8/a connection more than allowed')
def connect_limit(t):
    bus = t.bus(limits={'max_connections_per_container': 2})
    watcher = t.connect(bus)
    watch(watcher)
    for named, limit in (({}, 'max_connections_per_container=2'),
                         ({'MaxConnections': ('u', 1)}, 'MaxConnections=1')):
        server = Server(t, bus, named=named)
        for _ in range(int(limit[-1])):
            server.connect()
        t.true(refused_connection(t, server.address), limit)
        (path, record), = records(watcher)
        record.pop('Label', None)
        t.equal((path, record), (server.path, {
            'Layer': 'limit', 'PID': os.getpid(), 'UID': os.getuid(), 'MessageType': 'connect',
            'Type': 'com.example.Sandbox', 'AppId': 'com.example.App', 'InstanceId': 'i1',
            'Rule': limit}))
        wait_line(t, bus, 'MessageType=connect', limit)


@test('8/a uid that may not connect to a container (needs root)')
def connect_uid(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    watcher, server = t.connect(bus), Server(t, bus)
    watch(watcher)
    run = t.run_as(65534, 'import containers, sys\n'
                   'try: containers.rawbus.Connection(sys.argv[1])\n'
                   'except containers.rawbus.Disconnected: print("refused")', server.address)
    t.equal(run.out, 'refused\n', run.err)
    (path, record), = records(watcher)
    t.equal((path, record['Layer'], record['MessageType'], record['UID'], 'Rule' in record),
            (server.path, 'container', 'connect', 65534, False))


@test('8/a uid that the XML policy does not let in (needs root)')
def connect_xml(t):
    harness.need_root()
    bus = t.bus()
    os.chmod(bus.directory + '/bus', 0o777)
    run = t.run_as(65534, 'import rawbus, sys\n'
                   'for _ in range(30):\n'
                   '    try: rawbus.Connection(sys.argv[1])\n'
                   '    except rawbus.Disconnected: print("refused")', bus.address)
    t.equal(run.out, 'refused\n' * 30, run.err)
    logged = fields(wait_line(t, bus, 'MessageType=connect'))
    t.equal((logged['Layer'], logged['UID']), ('xml', '65534'), 'record')
    t.equal(len(lines(bus, 'MessageType=connect')), 20, 'the log is limited')


@test('8/a record for a permissive container says that nothing was denied')
def permissive_record(t):
    bus = t.bus()
    service, manager = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    watch(manager)
    server = Server(t, bus, manager=manager, named={'Permissive': ('b', True)})
    contained = server.connect()
    contained.send(rawbus.signal('/x', IFACE, 'S', destination=SERVICE))
    contained.sync()
    (_, record), = records(manager)
    t.equal(record['Rule'], f'call {SERVICE} {IFACE}.S @/x')
    t.equal(len([line for line in bus.log().splitlines() if ' reported ' in line]), 1, bus.log())
    t.equal(lines(bus), [], 'denied')
    add_rules(server, parse(record['Rule']))
    contained.send(rawbus.signal('/x', IFACE, 'S', destination=SERVICE))
    contained.sync()
    t.equal(records(manager), [], 'nothing to report with the rule')


@test('8/a permissive container is told which broadcasts and names it would not have got')
def permissive_filter(t):
    bus = t.bus()
    service, manager = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    watch(manager)
    server = Server(t, bus, manager=manager, named={'Permissive': ('b', True)})
    other = Server(t, bus, [], manager=manager, instance='other')
    contained, sender = server.connect(), other.connect()
    contained.add_match(f"interface='{IFACE}'")
    for source, rule in ((service, f'receive {SERVICE} {IFACE}.S @/x'),
                         (sender, f'receive {sender.unique} {IFACE}.S @/x')):
        source.send(rawbus.signal('/x', IFACE, 'S'))
        source.sync()
        contained.sync()
        (path, record), = records(manager)
        t.equal((path, record['Rule'], record['Receiver'], record['MessageType']),
                (server.path, rule, contained.unique, 'signal'), 'record')
        t.equal([m.member for m in contained.drain() if m.sender == source.unique], ['S'])
    for member, arguments in (('GetNameOwner', (SERVICE,)), ('NameHasOwner', (SERVICE,)),
                              ('GetConnectionUnixUser', (service.unique,)),
                              ('NameHasOwner', ('com.example.Nobody',))):
        contained.bus(member, 's', *arguments)
        rules = [record['Rule'] for _, record in records(manager)]
        t.equal(rules, [] if arguments[0].endswith('Nobody') else [f'see {SERVICE}'], member)
    contained.bus('ListNames')
    add_rules(server, parse(f'receive {SERVICE} {IFACE}.S @/x'))
    service.send(rawbus.signal('/x', IFACE, 'S'))
    service.sync()
    contained.bus('GetNameOwner', 's', SERVICE)
    t.equal(records(manager), [], 'nothing to report with the rule')


@test('8/a permissive container asks for a name of somebody who has called it')
def permissive_caller(t):
    bus = t.bus()
    service, manager = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    watch(manager)
    contained = Server(t, bus, manager=manager, named={'Permissive': ('b', True)}).connect()
    service.send(rawbus.signal('/x', IFACE, 'S', destination=contained.unique))
    service.sync()
    for name, rules in ((service.unique, []), (SERVICE, [f'see {SERVICE}'])):
        t.returned(contained.bus('GetNameOwner', 's', name))
        t.equal([record['Rule'] for _, record in records(manager)], rules, name)


# Who hears of it

@test('8/Denied reaches the creator, root and the bus\'s user only (needs root)')
def audience(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    watcher = t.connect(bus)
    watch(watcher)
    hears = ("""
import containers, rawbus, socket, sys
c = rawbus.Connection(sys.argv[1])
c.add_match("member='Denied'")
def heard():
    return len([m for m in c.drain() if m.member == 'Denied'])
print('READY', flush=True); sys.stdin.readline()
others = heard()
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind(b'')
    listening.listen()
    containers.add_server(c, {'ListenSocket': ('h', 0), 'Allow': ('a(usos)', [])}, [listening])
    name = listening.getsockname()[1:].decode()
rawbus.Connection('unix:abstract=' + name).bus('RequestName', 'su', 'com.example.Mine', 0)
print(others, heard())
""")
    contained = Server(t, bus).connect()
    t.run_as(65534, 'pass')                             # makes the folder of modules
    other = t.spawn(['/usr/bin/python3', '-B', '-c', hears, bus.address], user=65534,
                    group=65534, extra_groups=[], cwd='/', stdin=-1,
                    env=dict(os.environ, PYTHONPATH=t.path('modules')))
    t.equal(harness.read_line(other.stdout.fileno(), 20), 'READY')
    t.failed(contained.bus('RequestName', 'su', 'com.example.Mine', 0), 'AccessDenied')
    t.equal(len(records(watcher)), 1, 'root hears of its own')
    out, err = other.communicate(b'\n', 20)
    t.equal(out, b'0 1\n', f'what is not its own, what is: {err}')
    t.equal(len(records(watcher)), 1, 'root hears of all')


@test('8/the signal is sent for each, the log is limited for each instance')
def rate(t):
    bus, _, contained, _ = world(t)
    other, watcher = Server(t, bus).connect(), t.connect(bus)
    watch(watcher)
    for _ in range(200):
        contained.send(rawbus.signal('/x', IFACE, 'Flood', destination=SERVICE))
    contained.sync()
    t.equal(len(records(watcher)), 200, 'signals')
    t.equal(len(lines(bus, 'Member=Flood')), 20, 'records')
    other.send(rawbus.signal('/x', IFACE, 'Another', destination=SERVICE))
    other.sync()
    t.equal(len(lines(bus, 'Member=Another')), 1, 'another instance has its own')


@test('8/the log tells of what was left out when the server goes')
def rest_of_flood(t):
    bus, server, contained, _ = world(t)
    for _ in range(100):
        contained.send(rawbus.signal('/x', IFACE, 'Flood', destination=SERVICE))
    contained.sync()
    t.equal(lines(bus, 'LeftOut='), [], 'before')
    t.returned(server.stop())
    t.true(harness.wait_until(lambda: lines(bus, 'LeftOut=')), 'nothing is told')
    line, = lines(bus, 'LeftOut=')
    t.contains(line, 'AppId=com.example.App', 'whose they were')
    t.contains(line, ' LeftOut=80', 'of the hundred')


@test('8/a manager that runs into limits cannot flood the log')
def limit_rate(t):
    bus = t.bus(limits={'max_containers': 0})
    manager = t.connect(bus)
    for _ in range(100):
        t.failed(add_server(manager), 'LimitsExceeded')
    got = [line for line in bus.log().splitlines() if 'max_containers' in line]
    t.equal(len(got), 20, 'records')


@test('8/limits that a manager or a service runs into')
def manager_limits(t):
    limits = {'max_containers': 1, 'max_rules_per_container': 1, 'max_container_metadata_bytes': 60}
    bus = t.bus(limits=limits)
    manager, watcher = t.connect(bus), t.connect(bus)
    watch(watcher)
    one, two = [(CALL, '', '/a', '')], [(CALL, '/a', ''), (CALL, '/b', '')]
    named = lambda rules: {'Allow': ('a(usos)', rules)}
    server = Server(t, bus, one, manager=manager)
    cases = (
        ('AddServer', '/', 'max_containers=1', lambda: add_server(manager)),
        ('AddServer', '/', 'max_rules_per_container=1',
         lambda: add_server(manager, named(one * 2))),
        ('AddServer', '/', 'max_container_metadata_bytes=60',
         lambda: add_server(manager, app='x' * 60)),
        ('AddServerRules', server.path, 'max_rules_per_container=1',
         lambda: add_rules(server, *one)),
        ('AllowContainers', '/', 'max_rules_per_container=1',
         lambda: manager.bus('AllowContainers', 'oa(uos)', server.path, two, interface=INTERFACE)))
    for member, path, limit, make_call in cases:
        t.failed(make_call(), 'LimitsExceeded', limit)
        (got_path, record), = records(watcher)
        record.pop('Label', None)
        expected = {'Layer': 'limit', 'Sender': manager.unique, 'PID': os.getpid(),
                    'UID': os.getuid(), 'Receiver': rawbus.BUS, 'MessageType': 'method_call',
                    'Path': rawbus.BUS_PATH, 'Interface': INTERFACE, 'Member': member,
                    'Rule': limit}
        if path != '/':
            expected.update(Type='com.example.Sandbox', AppId='com.example.App', InstanceId='i1')
        descriptors = record.pop('UnixFDs', 0)
        t.equal((got_path, record), (path, expected), limit)
        logged = fields(wait_line(t, bus, f'Member={member}', limit))
        t.equal((logged['Layer'], logged.get('UnixFDs', '0')), ('limit', str(descriptors)), limit)


@test('8/servers that fail cannot flood the log')
def failure_rate(t):
    bus = t.bus()
    manager = t.connect(bus)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(b'')                                # but it does not listen
        watch_removal(manager)
        for _ in range(40):
            reading, writing = t.pipe()
            t.close(writing)
            reply = add_server(manager, {'ListenSocket': ('h', 0), 'ReadyNotify': ('h', 1)},
                               [silent, reading])
            removal(manager, t.returned(reply)[0])
            t.close(reading)
    got = [line for line in bus.log().splitlines() if 'container server removed' in line]
    t.equal(len(got), 20, 'records')


@test('8/no value can forge a record')
def forged(t):
    bus, manager = (lambda b: (b, t.connect(b)))(t.bus())
    evil = 'a" Rule=own\nx denied Layer=container \u2028\\'
    contained = Server(t, bus, manager=manager, app=evil, instance='\x1b[31m').connect()
    t.failed(contained.bus('RequestName', 'su', 'com.example.Mine', 0), 'AccessDenied')
    line = wait_line(t, bus, 'MessageType=own')
    t.equal(len([x for x in bus.log().splitlines() if 'Layer=container' in x]), 1, bus.log())
    t.true(all(' ' <= c <= '~' for c in line), repr(line))
    t.contains(line, r'AppId="a\" Rule=own\nx denied Layer=container \xe2\x80\xa8\\"', 'escaped')


if __name__ == '__main__':
    harness.main()
