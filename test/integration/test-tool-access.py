#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dbus-container: descriptions of apps, both buses, rules, stop, completion."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, INTERFACE, OWN, RECEIVE, SERVICE, Server, rule
from harness import CONTAINER_TOOL, test
from tools import servers, start_gdbus, tool, world

CALL_GDBUS = ['gdbus', 'call', '--session', '--dest', 'com.example.GService', '--object-path',
              '/com/example/Object', '--method', 'com.example.Iface.Echo', '<"hello">']
LIST_NAMES = ['gdbus', 'call', '--session', '--dest', 'org.freedesktop.DBus', '--object-path',
              '/org/freedesktop/DBus', '--method', 'org.freedesktop.DBus.ListNames']
REQUEST = ['gdbus', 'call', '--session', '--dest', 'org.freedesktop.DBus', '--object-path',
           '/org/freedesktop/DBus', '--method', 'org.freedesktop.DBus.RequestName']

METADATA = '''[Application]
name=org.example.App

[Session Bus Policy]
com.example.GService={session}

[System Bus Policy]
com.example.GService={system}
'''

SNAP = '''name: demo
plugs:
  service: {interface: dbus, bus: session, name: com.example.GService}
slots:
  mine: {interface: dbus, bus: session, name: com.example.Mine}
apps:
  first: {plugs: [service], slots: [mine]}
  second: {}
'''

PROFILE = '''dbus-user filter
dbus-user.call com.example.GService=com.example.Iface.Echo@/com/example/*
dbus-user.own com.example.Mine
dbus-system none
'''


def written(t, name, text):
    path = t.path(name)
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(text)
    return path


def identity(t, env, watcher, *args):
    """Type and app id that the bus knows a running program by."""
    process = t.spawn([CONTAINER_TOOL, 'run', *args, '--', 'sh', '-c',
                       'dbus-send --session / com.example.Sent.S && echo up; cat'],
                      env=env, stdin=subprocess.PIPE)
    t.equal(harness.read_line(process.stdout.fileno(), 20), 'up', 'program')
    info = t.returned(watcher.bus('GetServerInfo', 'o', servers(t, watcher)[0],
                                  interface=INTERFACE))
    process.stdin.close()
    t.equal(process.wait(20), 0, 'status')
    return info[1], info[2]


@test('tool/run --flatpak-metadata')
def flatpak(t):
    harness.need_program('gdbus')
    bus, env = world(t)
    start_gdbus(t, bus)
    for policy, status in (('talk', 0), ('own', 0), ('see', 1), ('none', 1)):
        file = written(t, 'metadata', METADATA.format(session=policy, system='talk'))
        out, err = tool(t, env, 'run', '--flatpak-metadata', file, '--', *CALL_GDBUS, status=status)
        t.contains(out + err, 'hello' if status == 0 else 'rror', policy)
        names, _ = tool(t, env, 'run', '--flatpak-metadata', file, '--', *LIST_NAMES)
        t.equal('com.example.GService' in names, policy != 'none', f'seen with {policy}')
    for name in ('org.example.App', 'org.example.App.Part',
                 'org.mpris.MediaPlayer2.org.example.App'):
        tool(t, env, 'run', '--flatpak-metadata', file, '--', *REQUEST, name, '0')
    _, err = tool(t, env, 'run', '--flatpak-metadata', file, '--', *REQUEST, 'org.example.Apple',
                  '0', status=1)
    t.contains(err, 'AccessDenied', 'a name that is not its own')
    watcher = t.connect(bus)
    t.equal(identity(t, env, watcher, '--flatpak-metadata', file),
            ('org.flatpak', 'org.example.App'), 'identity')
    t.equal(identity(t, env, watcher, '--flatpak-metadata', file, '--app-id', 'x', '--type', 'a.b'),
            ('a.b', 'x'), 'identity by options')


@test('tool/run --flatpak-metadata: an unfiltered bus')
def flatpak_open(t):
    harness.need_program('gdbus')
    bus, env = world(t)
    start_gdbus(t, bus)
    file = written(t, 'metadata', '[Application]\nname=a.b\n[Context]\nsockets=session-bus;\n')
    out, _ = tool(t, env, 'run', '--flatpak-metadata', file, '--', *CALL_GDBUS)
    t.contains(out, 'hello', 'call')
    tool(t, env, 'run', '--flatpak-metadata', file, '--', *REQUEST, 'com.example.Any', '0')


@test('tool/run --firejail-profile')
def firejail(t):
    harness.need_program('gdbus')
    bus, env = world(t)
    start_gdbus(t, bus)
    file = written(t, 'player.profile', PROFILE)
    out, _ = tool(t, env, 'run', '--firejail-profile', file, '--', *CALL_GDBUS)
    t.contains(out, 'hello', 'call')
    other = [word.replace('/com/example/Object', '/elsewhere') for word in CALL_GDBUS]
    _, err = tool(t, env, 'run', '--firejail-profile', file, '--', *other, status=1)
    t.contains(err, 'AccessDenied', 'another path')
    tool(t, env, 'run', '--firejail-profile', file, '--', *REQUEST, 'com.example.Mine', '0')
    t.equal(identity(t, env, t.connect(bus), '--firejail-profile', file),
            ('io.github.netblue30.firejail', 'player'), 'identity')
    for name in os.listdir('/etc/firejail') if os.path.isdir('/etc/firejail') else ():
        if name.endswith('.profile'):
            tool(t, env, 'rules', '--firejail-profile', f'/etc/firejail/{name}')


@test('tool/run --snap-yaml')
def snap(t):
    harness.need_program('gdbus')
    bus, env = world(t)
    start_gdbus(t, bus)
    file = written(t, 'snap.yaml', SNAP)
    probe = t.run([CONTAINER_TOOL, 'rules', '--snap-yaml', file, '--app', 'first'], env=env)
    if 'without libyaml' in probe.err:
        raise harness.Skip('dbus-container was built without libyaml')
    args = ['run', '--snap-yaml', file, '--app']
    out, _ = tool(t, env, *args, 'first', '--', *CALL_GDBUS)
    t.contains(out, 'hello', 'call')
    tool(t, env, *args, 'second', '--', *CALL_GDBUS, status=1)
    tool(t, env, *args, 'first', '--', *REQUEST, 'com.example.Mine', '0')
    tool(t, env, *args, 'second', '--', *REQUEST, 'com.example.Mine', '0', status=1)
    t.equal(identity(t, env, t.connect(bus), '--snap-yaml', file, '--app', 'first'),
            ('io.snapcraft', 'snap.demo.first'), 'identity')
    _, err = tool(t, env, *args, 'third', '--', 'true', status=125)
    t.contains(err, "no app 'third'", 'message')


@test('tool/run --both')
def both(t):
    session, env = world(t)
    system = t.bus()
    env['DBUS_SYSTEM_BUS_ADDRESS'] = system.address
    on_system = t.connect(system)
    on_system.own('com.example.OnSystem')
    file = written(t, 'metadata', '[Application]\nname=a.b\n[System Bus Policy]\n'
                                  'com.example.OnSystem=see\n')
    query = ('for bus in session system; do dbus-send --$bus --print-reply=literal '
             '--dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner '
             'string:com.example.OnSystem; done; echo $DBUS_SESSION_BUS_ADDRESS; '
             'echo $DBUS_SYSTEM_BUS_ADDRESS')
    out, _ = tool(t, env, 'run', '--both', '--flatpak-metadata', file, '--', 'sh', '-c', query)
    lines = out.split('\n')
    t.equal([line.strip() for line in lines[:2]], ['boolean false', 'boolean true'],
            'each bus has its rules')
    t.true(lines[2] != lines[3], 'two sockets')
    for line in lines[2:4]:
        t.contains(line, f'unix:path={env["XDG_RUNTIME_DIR"]}/dbus-container-', 'address')
    for bus in (session, system):
        t.equal(servers(t, t.connect(bus)), [], 'servers that are left')
    for args in (('--both', '--address', 'x:'), ('--both', '--system')):
        _, err = tool(t, env, 'run', *args, 'true', status=125)
        t.contains(err, '--both', 'message')


@test('tool/run: descriptions that are wrong')
def wrong(t):
    _, env = world(t)
    bad = written(t, 'bad', '[Application]\nname=a.b\n[Session Bus Policy]\na.c=maybe\n')
    profile = written(t, 'bad.profile', '\ndbus-user maybe\n')
    for args, wanted in (
            (('--flatpak-metadata', bad), f"{bad}:4: 'a.c' in [Session Bus Policy]: expected"),
            (('--firejail-profile', profile), f'{profile}:2: '),
            (('--flatpak-metadata', t.path('missing')), t.path('missing')),
            (('--flatpak-metadata', bad, '--firejail-profile', bad), 'expected one of'),
            (('--snap-yaml', bad), '--app'), (('--app', 'x'), '--snap-yaml')):
        out, err = tool(t, env, 'run', *args, 'true', status=125)
        t.contains(err, wanted, f'{args}')
        t.equal((out, err.count('\n')), ('', 1), f'{args}: one line of message')


@test('tool/run: descriptions that would have the terminal do something')
def hostile(t):
    _, env = world(t)
    evil = 'a.\x1b[31mX'
    metadata = written(t, 'metadata', '[Application]\nname=a.b\n'
                       f'[Session Bus Policy]\n{evil}=talk\n')
    profile = written(t, 'a.profile', f'dbus-user {evil}\n')
    rules_file = written(t, 'rules', f'talk {evil}\n')
    for option, file in (('--flatpak-metadata', metadata), ('--firejail-profile', profile),
                         ('--allow-file', rules_file)):
        for command, status in ((('run', 'true'), 125), (('learn', 'true'), 125), (('rules',), 2)):
            _, err = tool(t, env, command[0], option, file, *command[1:], status=status)
            t.lacks(err, '\x1b', f'{command} {option}')
            t.contains(err, 'X', f'{command} {option}')


@test('tool/rules')
def rules(t):
    bus, env = world(t)
    server = Server(t, bus, [rule(CALL, SERVICE, interface='a.b')])
    contained = server.connect()
    for what in (server.path, server.path.rsplit('/', 1)[1], contained.unique, 'com.example.App'):
        out, _ = tool(t, env, 'rules', what)
        t.equal(out, f'call {SERVICE} a.b\n', what)
    out, _ = tool(t, env, 'rules', '--allow', 'see com.example.More', server.path)
    t.equal(out, f'call {SERVICE} a.b\nsee com.example.More\n', 'with one more')
    t.equal(len(t.returned(server.manager.bus('GetServerRules', 'o', server.path,
                                              interface=INTERFACE))[0]), 2, 'rules in force')
    file = written(t, 'metadata', METADATA.format(session='talk', system='see'))
    out, _ = tool(t, env, 'rules', '--flatpak-metadata', file)
    t.contains(out, 'talk com.example.GService\n', 'of metadata')
    out, _ = tool(t, env, 'rules', '--system', '--flatpak-metadata', file)
    t.equal(out, 'see com.example.GService\n', 'of metadata for the system bus')
    again = written(t, 'again', out)
    t.equal(tool(t, env, 'rules', '--allow-file', again)[0], out, 'its own output')
    for args, status in (((), 2), (('a', 'b'), 2), (('/nowhere',), 1), (('nonsense',), 2),
                         (('com.example.None',), 1)):
        tool(t, env, 'rules', *args, status=status)
    Server(t, bus, instance='i2')
    _, err = tool(t, env, 'rules', 'com.example.App', status=1)
    t.contains(err, 'several', 'an app with two containers')


@test('tool/stop')
def stop(t):
    bus, env = world(t)
    servers_of_test = [Server(t, bus, instance=f'i{i}') for i in range(3)]
    watcher = t.connect(bus)
    contained = servers_of_test[0].connect()
    tool(t, env, 'stop', '--listening', servers_of_test[0].path)
    t.true(watcher.bus('NameHasOwner', 's', contained.unique).body[0], 'is still connected')
    tool(t, env, 'stop', contained.unique, servers_of_test[1].path)
    t.true(not watcher.bus('NameHasOwner', 's', contained.unique).body[0], 'is disconnected')
    t.equal(servers(t, watcher), [servers_of_test[2].path], 'what is left')
    _, err = tool(t, env, 'stop', '/nowhere', servers_of_test[2].path, status=1)
    t.contains(err, '/nowhere', 'message')
    t.equal(servers(t, watcher), [], 'the others are stopped all the same')
    tool(t, env, 'stop', status=2)


@test('tool/explain --rules')
def explain_rules(t):
    _, env = world(t)
    file = written(t, 'rules', '# what it needs\ncall com.example.A a.b.C @/x/*\n\n'
                               'receive com.example.B.*\nown com.example.Mine\n')
    for question, status, wanted in (
            ('call com.example.A a.b.C @/x/y', 0, f'container: call com.example.A a.b.C @/x/* ({file}:2)'),
            ('call com.example.A a.b.D @/x', 1, 'this one would: call com.example.A a.b.D @/x\n'),
            ('call com.example.A a.b.C', 1, 'call com.example.A a.b.C @/\n'),
            ('call com.example.A a.b.C @/x fds', 1, 'call com.example.A a.b.C @/x fds\n'),
            ('signal com.example.A a.b.C @/x', 0, f'{file}:2'),
            ('call com.example.Other a.b.C', 1, 'is told that nobody has this name'),
            ('receive com.example.B.C a.b.S', 0, f'receive com.example.B.* ({file}:4)'),
            ('receive com.example.A a.b.S @/x', 1, 'receive com.example.A a.b.S @/x\n'),
            ('own com.example.Mine', 0, f'{file}:5'),
            ('own com.example.Other', 1, 'this one would: own com.example.Other\n'),
            ('see com.example.Mine', 0, f'{file}:5'), ('see com.example.Z', 1, 'see com.example.Z'),
            ('start com.example.A', 0, f'{file}:2'), ('start com.example.B', 1, 'call com.example.B'),
            ('call org.freedesktop.DBus org.freedesktop.DBus.ListNames @/org/freedesktop/DBus', 0,
             'needs no rule'),
            ('call org.freedesktop.DBus org.freedesktop.DBus.ReloadConfig @/org/freedesktop/DBus',
             1, 'no rule can allow it')):
        out, _ = tool(t, env, 'explain', '--rules', file, *question.split(), status=status)
        t.contains(out, wanted, question)
        t.equal(out.split()[0], 'denied' if status else 'allowed', question)
        if 'this one would: ' in out and status:
            rule = out.split('this one would: ')[1].split('\n')[0]
            tool(t, env, 'explain', '--allow', rule, '--rules', file, *question.split())
    for question in ('', 'call', 'call nodots a.b.C', 'call com.example.A', 'nonsense com.example.A',
                     'own com.example.A more', 'call com.example.A a.b.C @x', 'call com.example.A a..b',
                     'call com.example.A a.b.C a.b.D'):
        _, err = tool(t, env, 'explain', '--rules', file, *question.split(), status=2)
        t.contains(err, 'expected', question)
    metadata = written(t, 'metadata', METADATA.format(session='talk', system='see'))
    out, _ = tool(t, env, 'explain', '--flatpak-metadata', metadata, 'call',
                  'com.example.GService', 'a.b.C')
    t.contains(out, f'{metadata}:5', 'of metadata')
    out, _ = tool(t, env, 'explain', '--system', '--flatpak-metadata', metadata, 'call',
                  'com.example.GService', 'a.b.C', status=1)
    t.lacks(out, 'nobody has', 'a name that may be seen')


@test('tool/explain: a container of a bus, and what really happens')
def explain_server(t):
    bus, env = world(t, extra='  <policy context="mandatory">\n'
                              '    <deny send_interface="com.example.Forbidden"/>\n'
                              '    <deny own="com.example.Never"/>\n  </policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    service.own('com.example.Alias')
    server = Server(t, bus, [rule(CALL, SERVICE, path='/x'), rule(OWN, 'com.example.Never'),
                             rule(OWN, 'com.example.Fine'), rule(RECEIVE, 'com.example.Alias')])
    contained, peer = server.connect(), server.connect()
    contained.add_match("interface='a.b'")
    t.equal(contained.own('com.example.Fine'), None, 'a name')

    def explained(*question, status, wanted):
        out, _ = tool(t, env, 'explain', server.path, *question, status=status)
        t.contains(out, wanted, f'{question}')

    for destination, path, interface, status, wanted in (
            (SERVICE, '/x', 'a.b', 0, f'call {SERVICE} @/x ({server.path})'),
            (service.unique, '/x', 'a.b', 0, f'call {SERVICE} @/x'),
            (SERVICE, '/y', 'a.b', 1, f'call {SERVICE} a.b.M @/y'),
            (SERVICE, '/x', 'com.example.Forbidden', 1, 'denied by xml'),
            ('com.example.Alias', '/x', 'a.b', 1, 'call com.example.Alias a.b.M @/x'),
            (peer.unique, '/', 'a.b', 0, 'needs no rule')):
        explained('call', destination, f'{interface}.M', f'@{path}', status=status, wanted=wanted)
        serial = contained.send(rawbus.call(destination, path, interface, 'M'))
        contained.sync()
        answers = [m for m in contained.drain() if m.reply_serial == serial]
        t.equal(len(answers), status, f'errors for {destination} {path} {interface}')
    explained('own', 'com.example.Never', status=1, wanted='denied by xml')
    explained('own', 'com.example.Other', status=1, wanted='denied by container')
    out, _ = tool(t, env, 'explain', contained.unique, 'call', SERVICE, 'com.example.Forbidden.M',
                  '@/x', status=1)
    t.contains(out, f'{bus.config}:', 'file of the XML rule')
    t.contains(out, f'container: call {SERVICE} @/x', 'the container layer agrees')
    out, _ = tool(t, env, 'explain', '--no-config', server.path, 'call', SERVICE,
                  'com.example.Forbidden.M', '@/x')
    t.contains(out, 'xml: not asked', 'without XML')
    for path, status in (('/x', 0), ('/z', 0)):
        explained('receive', SERVICE, 'a.b.S', f'@{path}', status=status, wanted='com.example.Alias')
    tool(t, env, 'explain', server.path, 'see', 'com.example.Gone', status=1)
    tool(t, env, 'explain', '/nowhere', 'see', SERVICE, status=2)
    tool(t, env, 'explain', status=2)
    tool(t, env, 'explain', '--config', '/nonexistent', server.path, 'see', SERVICE, status=2)


@test('tool/explain: permissive and unrestricted containers')
def explain_lenient(t):
    bus, env = world(t, extra='  <containers default_access="unrestricted"/>\n'
                              '  <policy context="mandatory">\n'
                              '    <deny send_interface="com.example.Forbidden"/>\n  </policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    for options, wanted in (({'named': {'Permissive': ('b', True)}}, 'a permissive container'),
                            ({'rules': None}, 'the container is unrestricted')):
        server = Server(t, bus, **options)
        out, _ = tool(t, env, 'explain', server.path, 'call', SERVICE, 'a.b.M', '@/')
        t.contains(out, wanted, 'what no rule allows')
        out, _ = tool(t, env, 'explain', server.path, 'call', SERVICE, 'com.example.Forbidden.M', '@/',
                      status=1)
        t.contains(out, 'denied by xml', 'other layers count')
        caller = server.connect()
        for interface, n_errors in (('a.b', 0), ('com.example.Forbidden', 1)):
            serial = caller.send(rawbus.call(SERVICE, '/', interface, 'M'))
            caller.sync()
            answers = [m for m in caller.drain() if m.reply_serial == serial]
            t.equal(len(answers), n_errors, f'errors for {interface} in {wanted}')


@test('tool/explain: what services allow by themselves, and what really happens')
def explain_opt_ins(t):
    folder = t.path('services')
    os.mkdir(folder)
    file = os.path.join(folder, 'com.example.Declared.service')
    with open(file, 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Declared\nExec=/bin/false\n'
                  'X-Containers-Allow=call a.b @/open/*;nonsense\n')
    bus, env = world(t, servicedir=folder)
    service, declared = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    service.own('com.example.Alias')
    server, other = Server(t, bus, [rule(RECEIVE, SERVICE, path='/ruled')]), Server(t, bus, app='other')
    for where, given in (('/', (CALL, '/open', 'a.b')), (server.path, (RECEIVE, '/signals', '')),
                         (other.path, (CALL | RECEIVE, '/theirs', ''))):
        t.returned(service.bus('AllowContainers', 'oa(uos)', where, [given], interface=INTERFACE))
    contained = server.connect()
    contained.add_match("interface='a.b'")
    run_time, of_file = '(AllowContainers)', f'({file}:4)'

    def explained(*question, status, wanted):
        out, err = tool(t, env, 'explain', server.path, *question, status=status)
        for text in (out.split()[0] == ('denied' if status else 'allowed'), wanted in out,
                     err == '', 'not asked: what the service' not in out):
            t.true(text, f'{question}: {out}{err}')

    def asks(destination, path, status, wanted):
        explained('call', destination, 'a.b.M', f'@{path}', status=status, wanted=wanted)
        serial = contained.send(rawbus.call(destination, path, 'a.b', 'M'))
        contained.sync()
        answers = [m for m in contained.drain() if m.reply_serial == serial]
        t.equal(len(answers), status, f'errors for {destination} {path}')

    explained('start', 'com.example.Declared', status=0, wanted=of_file)
    explained('call', 'com.example.Declared', 'a.b.M', '@/open/x', status=0, wanted=of_file)
    explained('call', 'com.example.Declared', 'a.b.M', '@/x', status=1, wanted='this one would')
    declared.own('com.example.Declared')
    for destination, path, status, wanted in (
            (SERVICE, '/open', 0, f'the service allows it by itself: call {service.unique} a.b @/open '
                                  f'{run_time}'),
            ('com.example.Alias', '/open', 0, run_time), (service.unique, '/open', 0, run_time),
            (SERVICE, '/x', 1, f'call {SERVICE} a.b.M @/x'),
            (SERVICE, '/theirs', 1, f'call {SERVICE} a.b.M @/theirs'),
            (SERVICE, '/ruled', 1, f'call {SERVICE} a.b.M @/ruled'),
            ('com.example.Declared', '/open/x', 0, of_file),
            (declared.unique, '/open/x', 0, of_file), ('com.example.Declared', '/x', 1, '@/x')):
        asks(destination, path, status, wanted)
    for path, status, wanted in (('/signals', 0, run_time), ('/ruled', 0, f'({server.path})'),
                                 ('/theirs', 1, 'this one would')):
        explained('receive', SERVICE, 'a.b.S', f'@{path}', status=status, wanted=wanted)
        service.send(rawbus.signal(path, 'a.b', 'S'))
        service.sync()
        contained.sync()
        t.equal(len([m for m in contained.drain() if m.member == 'S']), 1 - status, path)
    explained('see', 'com.example.Alias', status=0, wanted=run_time)
    t.returned(service.bus('WithdrawContainers', 'o', '/', interface=INTERFACE))
    asks(SERVICE, '/open', 1, 'this one would')


@test('tool/explain: a security module is spoken of where one mediates')
def explain_module(t):
    bus, env = world(t)
    server = Server(t, bus)
    features = t.returned(server.manager.bus('Get', 'ss', rawbus.BUS, 'Features',
                                             interface='org.freedesktop.DBus.Properties'))[0].value
    for question, status in (('own com.example.A', 1), (f'call {rawbus.BUS} {rawbus.BUS}.GetId', 0)):
        out, _ = tool(t, env, 'explain', server.path, *question.split(), status=status)
        for module in ('AppArmor', 'SELinux'):
            t.equal(f'{module}: mediates on this bus, and its verdict is not included' in out,
                    module in features, f'{module}: {out}')
    file = written(t, 'rules', 'own com.example.A\n')
    out, _ = tool(t, env, 'explain', '--rules', file, 'own', 'com.example.A')
    t.lacks(out, 'mediates', 'without a bus')


@test('tool/the manual has every command and every option, and no others')
def manual(t):
    _, env = world(t)
    top = os.environ.get('SRC_DIR', os.path.join(harness.HERE, '../..'))
    pages = {}
    for name in ('', '-run', '-explain'):
        with open(f'{top}/doc/dbus-container{name}.1', encoding='utf-8') as page:
            pages[name] = page.read()
    usage, _ = tool(t, env, '--help')
    commands = re.findall(r'^  ([a-z]+) +\w', usage.split('Commands:')[1], re.M)
    told = {'--help', '--session', '--system', '--address'}
    for command in commands:
        t.contains(pages[''], command, 'command')
        options = set(re.findall(r'^ +(?:-\w, )?(--[a-z-]+)', tool(t, env, command, '--help')[0], re.M))
        for option in options:
            t.true(any(f'.It Fl {option[1:]}' in page or f'Fl {option[1:]}\n' in page
                       for page in pages.values()), f'{command} {option} is not in the manual')
        told |= options
    for page in pages.values():
        for option in re.findall(r'Fl (-[a-z-]+)', page):
            t.true(f'-{option}' in told, f'-{option} is in the manual only')


@test('tool/completion of bash')
def completion(t):
    harness.need_program('bash')
    bus, env = world(t)
    server = Server(t, bus)
    script = os.path.join(os.environ.get('SRC_DIR', os.path.join(harness.HERE, '../..')),
                          'tools/completion/dbus-container')

    def complete(*words):
        line = ' '.join(f'"{word}"' for word in (CONTAINER_TOOL, *words))
        process = t.run(['bash', '-c', f'. {script}; COMP_WORDS=({line}); '
                         f'COMP_CWORD={len(words)}; _dbus_container; echo "${{COMPREPLY[@]}}"'],
                        env=env)
        t.equal(process.err, '', 'messages')
        return process.out.split()

    t.true({'run', 'list', 'stop'} <= set(complete('')), 'commands')
    t.equal(complete('sto'), ['stop'], 'a command')
    t.equal(complete('run', '--flat'), ['--flatpak-metadata'], 'an option')
    t.true('--both' in complete('run', '--'), 'options')
    t.equal(complete('show', ''), [server.path.rsplit('/', 1)[1]], 'containers')
    t.equal(complete('run', '--allow', 't'), ['talk'], 'verbs')
    t.equal(complete('run', '--flatpak-metadata', script[:-3]), [script], 'files')
    t.true('sh' in complete('run', '--', 'sh'), 'programs')


if __name__ == '__main__':
    harness.main()
