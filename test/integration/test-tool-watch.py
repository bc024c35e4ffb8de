#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dbus-container: denials, learn, top, graph and monitor, and the figures that they ask the bus for."""

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import accounts
import harness
import rawbus
from containers import (ANYBODY, CALL, NAMESPACE, OWN, RECEIVE, SEE, SERVICE, SUBTREE, Server,
                        rule)
from harness import CONTAINER_TOOL, test
from tools import start_gdbus, tool, world

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
    t.equal(after['Mode'], 'restricted', 'mode')
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
    t.equal(stats['RecentDenials'], [('container', 'own', 'own com.example.A', '', 0, 2),
                                     ('container', 'own', 'own com.example.B', '', 0, 1)], 'denials')


@test('stats/what services allow a container')
def grants(t):
    folder = t.path('services')
    os.mkdir(folder)
    file = os.path.join(folder, 'com.example.Declared.service')
    with open(file, 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Declared\nExec=/bin/false\n'
                  'X-Containers-Allow=receive @/x;call a.b;nonsense\n')
    bus = t.bus(servicedir=folder)
    service, manager = t.connect(bus), t.connect(bus)
    server, other = Server(t, bus, manager=manager), Server(t, bus, manager=manager, instance='2')

    def of(which):
        return t.returned(manager.bus('GetContainerGrants', 'o', which.path, interface=STATS))[0]

    declared = [(RECEIVE, 'com.example.Declared', '/x', '', file, 4),
                (CALL | SUBTREE, 'com.example.Declared', '/', 'a.b', file, 4)]
    t.equal(of(server), declared, 'of files')
    for where, path in (('/', '/all'), (server.path, '/one')):
        t.returned(service.bus('AllowContainers', 'oa(uos)', where, [(CALL, path, '')],
                               interface=harness.CONTAINERS))
    to_all, to_one = ((CALL, service.unique, path, '', '', 0) for path in ('/all', '/one'))
    t.equal(of(server), [*declared, to_all, to_one], 'and of a connection')
    t.equal(of(other), [*declared, to_all], 'of another container')
    t.returned(service.bus('WithdrawContainers', 'o', '/', interface=harness.CONTAINERS))
    t.equal(of(server), [*declared, to_one], 'after one was taken back')
    service.close()
    t.true(harness.wait_until(lambda: of(server) == declared), 'after it has gone')
    os.unlink(file)
    t.true(harness.wait_until(lambda: of(server) == []), 'without the file')
    t.failed(manager.bus('GetContainerGrants', 'o', '/nowhere', interface=STATS), 'NotContainer')


@test('stats/who may ask what services allow, and watch deliveries')
def grants_privilege(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
    server = Server(t, bus)
    stranger = accounts.connect(t, bus)
    for member, signature, body in (('GetContainerGrants', 'o', (server.path,)),
                                    ('WatchDeliveries', '', ())):
        t.failed(stranger.bus(member, signature, *body, interface=STATS), 'AccessDenied', member)


@test('stats/deliveries: what reaches a container, and nothing else')
def deliveries(t):
    bus = t.bus()
    service, watcher = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(RECEIVE, SERVICE, path='/x'), rule(OWN, 'com.example.Mine')])
    contained, second, deaf = (server.connect() for _ in range(3))
    for receiver in (contained, second, service):
        receiver.add_match("interface='a.b'")
    for _ in range(2):
        t.returned(watcher.bus('WatchDeliveries', interface=STATS))

    def told():
        service.sync()
        watcher.sync()
        return [m.body for m in watcher.drain() if m.member == 'Delivered']

    serial = service.send(rawbus.signal('/x', 'a.b', 'S'))
    t.equal(sorted(told()), sorted((server.path, receiver.unique, service.unique, serial)
                                   for receiver in (contained, second)), 'one for each receiver')
    service.send(rawbus.signal('/y', 'a.b', 'S'))
    service.send(rawbus.signal('/x', 'c.d', 'S'))
    service.send(rawbus.signal('/x', 'a.b', 'S', destination=contained.unique))
    t.equal(told(), [], 'filtered, not asked for, or no broadcast')
    deaf.add_match("member='NameOwnerChanged',arg0='com.example.Mine'")
    contained.own('com.example.Mine')
    t.equal([body[:3] for body in told()], [(server.path, deaf.unique, rawbus.BUS)], 'of the bus')
    serial = second.send(rawbus.signal('/z', 'a.b', 'S'))
    second.sync()
    t.equal(sorted(body[1] for body in told()), sorted((contained.unique, second.unique)),
            'of one in the container')
    t.returned(watcher.bus('BecomeMonitor', 'asu', ["member='S'"], 0,
                           interface='org.freedesktop.DBus.Monitoring'))
    seen = []
    for _ in range(2):
        service.send(rawbus.signal('/x', 'a.b', 'S'))
        seen.append(watcher.wait_for(lambda m: m.member in ('S', 'Delivered')).member)
    t.equal(seen, ['S', 'S'], 'a monitor is told nothing but what its rules ask for')
    t.failed(contained.bus('WatchDeliveries', interface=STATS), 'AccessDenied')


def learned(t, env, *command, args=()):
    """(rules, metadata) that learn prints for a program."""
    rules, metadata = t.path('learned'), t.path('metadata')
    tool(t, env, 'learn', '--output', rules, '--metadata', metadata, *args, '--', *command)
    with open(rules, encoding='utf-8') as first, open(metadata, encoding='utf-8') as second:
        return first.read(), second.read()


def denied_with(t, env, watcher, *args):
    """What the bus reports of a run of the tool that succeeds."""
    watcher.sync()
    watcher.drain()
    tool(t, env, *args)
    watcher.sync()
    return [m.body[1]['Rule'].value for m in watcher.drain() if m.member == 'Denied']


PROGRAM = r'''
import dbus, dbus.mainloop.glib, sys
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
bus.request_name('com.example.Mine', 4)
loop = GLib.MainLoop()
bus.add_signal_receiver(lambda *_: loop.quit(), 'Emitted', 'com.example.Iface')
service = bus.get_object('com.example.GService', '/com/example/Object', introspect=False)
service.Echo('x', dbus_interface='com.example.Iface', signature='v')
service.Emit('x', dbus_interface='com.example.Iface', signature='s')
GLib.timeout_add_seconds(20, lambda: sys.exit('no signal came'))
loop.run()
'''


@test('tool/learn: with the rules, and with the metadata, nothing is denied')
def learn(t):
    bus, env = world(t)
    start_gdbus(t, bus)
    watcher = t.connect(bus)
    watcher.add_match("member='Denied'")
    program = ['/usr/bin/python3', '-c', PROGRAM]
    if t.run([*program[:2], 'import dbus, gi']).returncode != 0:
        raise harness.Skip('python3-dbus or python3-gi is not installed')
    t.equal(t.run([CONTAINER_TOOL, 'run', '--', *program], env=env).returncode, 1, 'without rules')
    rules, metadata = learned(t, env, *program, args=['--app-id', 'com.example.App'])
    for line in ('own com.example.Mine', 'call com.example.GService com.example.Iface.Echo '
                 '@/com/example/Object', 'receive com.example.GService com.example.Iface.Emitted '
                 '@/com/example/Object'):
        t.contains(rules, line + '\n', 'rules')
    t.contains(metadata, '[Application]\nname=com.example.App\n\n[Session Bus Policy]\n'
               'com.example.GService=talk\ncom.example.Mine=own\n', 'metadata')
    t.equal(denied_with(t, env, watcher, 'run', '--allow-file', t.path('learned'), '--', *program),
            [], 'denials with the rules')
    t.equal(denied_with(t, env, watcher, 'run', '--flatpak-metadata', t.path('metadata'), '--',
                        *program), [], 'denials with the metadata')
    again, _ = learned(t, env, *program, args=['--allow-file', t.path('learned')])
    t.equal(again, '', 'what is learned with the rules')
    lines = rules.splitlines()
    for left_out in lines:
        with open(t.path('less'), 'w', encoding='utf-8') as stream:
            stream.write('\n'.join(line for line in lines if line != left_out))
        if left_out.startswith('call'):
            process = t.run([CONTAINER_TOOL, 'run', '--allow-file', t.path('less'), '--', *program],
                            env=env)
            t.true(process.returncode != 0, f'works without {left_out}')


@test('tool/learn: output, exit status, what no rule can allow')
def learn_output(t):
    bus, env = world(t)
    forbidden = ['dbus-send', '--session', '--print-reply', '--dest=org.freedesktop.DBus',
                 '/org/freedesktop/DBus', 'org.freedesktop.DBus.ReloadConfig']
    out, _ = tool(t, env, 'learn', '--', *forbidden, status=1)
    t.contains(out, '# not to be had by rules: container: org.freedesktop.DBus.ReloadConfig', 'note')
    t.contains(out, '[Application]\nname=org.example.App\n', 'metadata')
    for app_id in ('player', 'two\nlines', ':1.1'):
        _, metadata = learned(t, env, 'true', args=['--app-id', app_id])
        t.equal(metadata, '[Application]\nname=org.example.App\n', f'metadata of {app_id}')
    tool(t, env, 'learn', '--', 'sh', '-c', 'exit 7', status=7)
    tool(t, env, 'learn', status=125)
    tool(t, env, 'learn', '--output', '/nonexistent/file', '--', 'true', status=125)
    service = t.connect(bus)
    for path, expected in (('/a/request/42/x', '@/a/request/*'), ('/a/b', '@/a/b')):
        rules, _ = learned(t, env, 'dbus-send', '--session', f'--dest={service.unique}', path,
                           'a.b.C')
        t.equal(rules, f'call * a.b.C {expected}\n', 'rules for one without a name')
        service.own(SERVICE)
        rules, _ = learned(t, env, 'dbus-send', '--session', f'--dest={SERVICE}', path, 'a.b.C')
        t.equal(rules, f'call {SERVICE} a.b.C {expected}\n', 'rules')
        service.bus('ReleaseName', 's', SERVICE)


@test('tool/learn --both')
def learn_both(t):
    _, env = world(t)
    system = t.bus()
    env['DBUS_SYSTEM_BUS_ADDRESS'] = system.address
    script = ('for bus in session system; do dbus-send --$bus --print-reply '
              '--dest=org.freedesktop.DBus / org.freedesktop.DBus.RequestName '
              'string:com.example.On$bus uint32:0; done')
    rules, metadata = learned(t, env, 'sh', '-c', script, args=['--both'])
    t.equal(rules, '# session bus\nown com.example.Onsession\n'
                   '# system bus\nown com.example.Onsystem\n', 'rules')
    t.contains(metadata, '[Session Bus Policy]\ncom.example.Onsession=own\n', 'metadata')
    t.contains(metadata, '[System Bus Policy]\ncom.example.Onsystem=own\n', 'metadata')


@test('tool/denials')
def denials(t):
    bus, env = world(t)
    server = Server(t, bus, app='evil\x1b[31m', instance='i')
    other = Server(t, bus, app='com.example.Other')
    contained, elsewhere = server.connect(), other.connect()
    for _ in range(3):
        contained.bus('RequestName', 'su', 'com.example.A', 0)
    elsewhere.bus('RequestName', 'su', 'com.example.B', 0)
    out, _ = tool(t, env, 'denials')
    t.lacks(out, '\x1b', 'escapes')
    rows = [line.split() for line in out.splitlines()]
    t.equal(rows[0][:4], ['COUNT', 'CONTAINER', 'LAYER', 'MESSAGE'], 'titles')
    t.equal([[row[0], row[-4], *row[-2:]] for row in rows[1:]],
            [['1', 'container', 'own', 'com.example.B'], ['3', 'container', 'own', 'com.example.A']],
            'rows')
    only, _ = tool(t, env, 'denials', 'com.example.Other')
    t.lacks(only, 'com.example.A', 'of one container')
    tool(t, env, 'denials', '/nowhere', status=1)
    tool(t, env, 'denials', 'a', 'b', status=2)


@test('tool/denials: file and line of XML rules')
def denials_xml(t):
    bus, env = world(t, extra='  <policy context="mandatory">\n'
                              '    <deny send_interface="com.example.Forbidden"/>\n'
                              '    <deny send_interface="com.example.Forbidden" send_path="/second"/>\n'
                              '    <deny own="com.example.Never"/>\n  </policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    contained = Server(t, bus, [rule(CALL, SERVICE), rule(OWN, '')]).connect()
    with open(bus.config, encoding='utf-8') as stream:
        lines = stream.read().splitlines()
    lines = {rule: 1 + next(i for i, line in enumerate(lines) if f'<{rule}/>' in line)
             for rule in ('deny send_interface="com.example.Forbidden"',
                          'deny own="com.example.Never"')}

    def deny():
        contained.call(SERVICE, '/x', 'com.example.Forbidden', 'M')
        contained.bus('RequestName', 'su', 'com.example.Never', 0)

    deny()
    out, _ = tool(t, env, 'denials')
    for denying, line in lines.items():
        t.contains(out, f'{denying} ({bus.config}:{line})', 'table')
    process = t.spawn([CONTAINER_TOOL, 'denials', '--follow'], env=env)
    t.contains(harness.read_line(process.stderr.fileno(), 20), 'waiting', 'message')
    deny()
    for denying, line in lines.items():
        t.equal(harness.read_line(process.stdout.fileno(), 20).split('\t')[3:],
                [f'{denying} ({bus.config}:{line})', '2'], 'what comes is the same row')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')


@test('tool/denials --follow')
def denials_follow(t):
    bus, env = world(t)
    server = Server(t, bus)
    contained = server.connect()
    contained.bus('RequestName', 'su', 'com.example.A', 0)
    process = t.spawn([CONTAINER_TOOL, 'denials', '--follow'], env=env)
    t.contains(harness.read_line(process.stderr.fileno(), 20), 'waiting', 'message')
    for count in (2, 3):
        contained.bus('RequestName', 'su', 'com.example.A', 0)
        t.equal(harness.read_line(process.stdout.fileno(), 20).split('\t'),
                ['com.example.App c0', 'container', 'own', 'own com.example.A', str(count)], 'line')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')
    process = t.spawn([CONTAINER_TOOL, 'denials', '-f', server.path], env=env)
    t.contains(harness.read_line(process.stderr.fileno(), 20), 'waiting', 'message')
    process.send_signal(signal.SIGTERM)
    t.equal(process.wait(20), 0, 'status')


@test('tool/denials --follow: the oldest of very many are forgotten')
def denials_flood(t):
    bus, env = world(t)
    contained = Server(t, bus).connect()
    process = t.spawn([CONTAINER_TOOL, 'denials', '--follow'], env=env)
    t.contains(harness.read_line(process.stderr.fileno(), 20), 'waiting', 'message')

    def denied(name):
        contained.bus('RequestName', 'su', f'com.example.{name}', 0)
        what, count = harness.read_line(process.stdout.fileno(), 20).split('\t')[3:]
        t.equal(what, f'own com.example.{name}', 'row')
        return int(count)

    t.equal([denied('A'), denied('A')], [1, 2], 'counts')
    for number in range(999):
        denied(f'N{number}')
    t.equal(denied('A'), 3, 'with 1000 rows')
    for number in range(1000):
        denied(f'M{number}')
    t.equal(denied('A'), 1, 'with more than that')


def on_terminal(t, env, *args):
    """A run of the tool on a terminal; a function that waits until a text is on it."""
    parent, child = pty.openpty()
    t.fds.append(parent)
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 100, 0, 0))
    process = t.spawn([CONTAINER_TOOL, *args], env=dict(env, TERM='xterm'), stdin=child,
                      stdout=child, stderr=child)
    os.close(child)
    shown = b''

    def wait_for(text):
        nonlocal shown
        def there():
            nonlocal shown
            while select.select([parent], [], [], 0)[0]:
                shown += os.read(parent, 65536)
            return text.encode() in shown
        t.true(harness.wait_until(there), f'{text} is not in {shown}')
        shown = shown[shown.rindex(text.encode()):]
    return process, wait_for


@test('tool/denials --follow on a terminal')
def denials_terminal(t):
    bus, env = world(t)
    contained = Server(t, bus).connect()
    process, wait_for = on_terminal(t, env, 'denials', '--follow')
    wait_for('COUNT')
    contained.bus('RequestName', 'su', 'com.example.A', 0)
    wait_for('own com.example.A')
    contained.bus('RequestName', 'su', 'com.example.A', 0)
    wait_for('2      com.example.App')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')


class Output:
    """What a running tool prints, as far as it was read."""

    def __init__(self, t, process):
        self.t, self.process, self.text = t, process, ''

    def wait_for(self, part):
        """Everything up to the line that has this part."""
        while part not in self.text:
            line = harness.read_line(self.process.stdout.fileno(), 20)
            self.t.true(line, f'{part} is not in {self.text}')
            self.text += line + '\n'
        before, self.text = self.text, ''
        return before


def start_monitor(t, env, *args):
    process = t.spawn([CONTAINER_TOOL, 'monitor', *args], env=env)
    t.contains(harness.read_line(process.stderr.fileno(), 20), 'watching', 'message')
    return process, Output(t, process)


@test('tool/monitor: container, verdict and layer of each message')
def monitor(t):
    bus, env = world(t)
    service = t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(CALL, SERVICE, path='/x')])
    other = Server(t, bus, instance='other')
    contained, elsewhere = server.connect(), other.connect()
    process, output = start_monitor(t, env, server.path)
    for path, verdict in (('/x', 'verdict=allowed'),
                          ('/y', f'verdict=denied layer=container rule="call {SERVICE} a.b.M @/y"')):
        elsewhere.bus('GetId')
        serial = contained.send(rawbus.call(SERVICE, path, 'a.b', 'M', 'sa{sv}', 'evil\x1b[2J',
                                            {'key': rawbus.Variant('au', [1, 2])}))
        contained.sync()
        header = (f'sender={contained.unique} -> destination={SERVICE} serial={serial} path={path}; '
                  f'interface=a.b; member=M container=c0 {verdict}\n')
        shown = output.wait_for('member=Ping')
        t.contains(shown, header, 'header')
        t.contains(shown, '   string "evil\\u{1b}[2J"\n   array [\n      dict entry(\n         string '
                   '"key"\n         variant array [\n            uint32 1\n', 'body')
        t.equal('error time=' in shown, path == '/y', 'the error')
        t.lacks(shown, elsewhere.unique, 'of another container')
    contained.bus('RequestName', 'su', 'com.example.Mine', 0)
    t.contains(output.wait_for('AccessDenied'),
               'member=RequestName container=c0 verdict=denied layer=container '
               'rule="own com.example.Mine"', 'own')
    late = server.connect()
    service.send(rawbus.call(late.unique, '/', 'a.b', 'ToIt'))
    t.contains(output.wait_for('member=ToIt'), f'destination={late.unique}', 'a later connection')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')


@test('tool/monitor: broadcasts that a container receives')
def monitor_broadcasts(t):
    bus, env = world(t, extra='  <policy context="mandatory">\n'
                              '    <deny receive_interface="com.example.Unheard"/>\n  </policy>\n')
    service = t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus, [rule(RECEIVE, SERVICE, path='/x')])
    other = Server(t, bus, [rule(RECEIVE, SERVICE)], instance='other')
    first, second, elsewhere = server.connect(), server.connect(), other.connect()
    first.add_match("interface='a.b'")
    elsewhere.add_match("path='/x'")
    elsewhere.add_match("path='/y'")
    process, output = start_monitor(t, env, server.path)
    second_watcher = t.connect(bus)
    t.returned(second_watcher.bus('WatchDeliveries', interface=STATS))
    second.add_match("interface='a.b',member='Emitted'")
    second.add_match("interface='com.example.Unheard'")

    def emit(path, interface, member):
        service.send(rawbus.signal(path, interface, member, 's', member))
        service.sync()

    for path, interface, member in (('/y', 'a.b', 'Filtered'), ('/x', 'c.d', 'NotAskedFor'),
                                    ('/x', 'a.b', 'ForOne'), ('/x', 'a.b', 'Emitted'),
                                    ('/x', 'com.example.Unheard', 'Denied')):
        emit(path, interface, member)
    first.bus('GetId')
    shown = output.wait_for('member=GetId')
    headers = {line.split('member=')[1].split()[0]: line for line in shown.splitlines()
               if line.startswith('signal')}
    t.equal(sorted(headers), ['Denied', 'Emitted', 'ForOne'], shown)
    t.contains(headers['ForOne'], f'member=ForOne container=c0 verdict=allowed '
               f'received-by={first.unique}', 'one receiver')
    t.lacks(headers['ForOne'], second.unique, 'who has not asked for it')
    for receiver in (first, second):
        t.equal(headers['Emitted'].count(f' received-by={receiver.unique}'), 1, headers['Emitted'])
    t.lacks(headers['Emitted'], elsewhere.unique, 'in another container')
    t.contains(headers['Denied'], 'verdict=denied layer=xml rule="deny receive_interface=', 'XML')
    t.contains(shown, '   string "Emitted"\n', 'body')
    t.lacks(shown, 'Delivered', 'what the bus says about messages')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')


@test('tool/monitor: all containers, permissive ones')
def monitor_all(t):
    bus, env = world(t)
    service = t.connect(bus)
    service.own(SERVICE)
    first = Server(t, bus).connect()
    free = Server(t, bus, instance='i2', named={'Permissive': ('b', True)}).connect()
    _, output = start_monitor(t, env)
    free.add_match("interface='a.b'")
    for sender in (first, free):
        sender.send(rawbus.signal('/x', 'a.b', 'Unicast', destination=SERVICE))
        sender.sync()
    t.contains(output.wait_for('container=c0 verdict=denied'), first.unique, 'denied')
    t.contains(output.wait_for('container=c1 verdict=reported'), free.unique, 'reported')
    service.send(rawbus.signal('/x', 'a.b', 'Outside'))
    service.sync()
    tool(t, env, 'monitor', '/nowhere', status=1)
    tool(t, env, 'monitor', 'a', 'b', status=2)


@test('monitors of other projects show what they can of contained senders')
def other_monitors(t):
    bus, env = world(t)
    service = t.connect(bus)
    service.own(SERVICE)
    server = Server(t, bus)
    contained = server.connect()
    for command, wanted in (
            (['dbus-monitor', '--session'], b'AccessDenied'),
            (['dbus-monitor', '--session', '--pcap'], server.path.encode()),
            (['busctl', '--address', bus.address, 'monitor'], b'AccessDenied'),
            (['busctl', '--address', bus.address, 'capture'], server.path.encode())):
        if not shutil.which(command[0]):
            continue
        process = t.spawn(command, env=env)
        shown = b''

        def is_shown():
            nonlocal shown
            contained.bus('RequestName', 'su', 'com.example.Mine', 0)
            while select.select([process.stdout], [], [], 0)[0]:
                more = os.read(process.stdout.fileno(), 65536)
                t.true(more, f'{command} ended: {shown}')
                shown += more
            return wanted in shown and contained.unique.encode() in shown

        t.true(harness.wait_until(is_shown), f'{command}: {wanted} is not in {shown}')
        process.kill()


@test('tool/top')
def top(t):
    bus, env = world(t)
    quiet, busy = Server(t, bus, app='com.example.Quiet'), Server(t, bus, app='com.example.Busy')
    idle, contained = quiet.connect(), busy.connect()
    for _ in range(20):
        contained.sync()
    contained.bus('RequestName', 'su', 'com.example.A', 0)
    contained.add_match("member='X'")
    idle.sync()
    out, _ = tool(t, env, 'top')
    titles, first, second = (line.split() for line in out.splitlines())
    row = dict(zip(titles, [' '.join(first[:2]), *first[2:]]))
    t.equal((row['CONTAINER'], row['MSG/S']), ('com.example.Busy c1', '0.0'), 'the busiest')
    t.equal((row['CONNECTIONS'], row['MATCHES'], row['DENIALS'], row['QUEUED']),
            ('1', '1', '1', '0'), 'figures')
    t.true(int(row['MESSAGES']) >= 40, out)
    t.equal(second[0], 'com.example.Quiet', 'the other')
    process = t.spawn([CONTAINER_TOOL, 'top', '--count', '2', '--delay', '0.5'], env=env)
    output = Output(t, process)
    output.wait_for('com.example.Quiet')
    for _ in range(50):
        idle.sync()
    rates = output.wait_for('com.example.Busy').splitlines()
    t.true(float(rates[1].split()[2]) > 0, f'{rates}: a rate')
    t.equal(process.wait(20), 0, 'status')
    for args in (('x',), ('--delay', '0'), ('--count', '-1')):
        tool(t, env, 'top', *args, status=2)


@test('tool/top on a terminal')
def top_terminal(t):
    bus, env = world(t)
    Server(t, bus)
    process, wait_for = on_terminal(t, env, 'top', '--delay', '0.1')
    wait_for('com.example.App c0')
    Server(t, bus, app='com.example.Later')
    wait_for('com.example.Later c1')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(20), 0, 'status')


@test('tool/graph: what services allow by themselves')
def graph_opt_ins(t):
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, 'com.example.Declared.service'), 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Declared\nExec=/bin/false\n'
                  'X-Containers-Allow=receive @/x\n')
    bus, env = world(t, servicedir=folder)
    service, nameless = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    service.own('com.example.Alias')
    server = Server(t, bus, [rule(CALL, SERVICE)])
    other = Server(t, bus, instance='i2')
    for who, where, paths in ((service, '/', ('/a', '/b')), (nameless, other.path, ('/c',))):
        t.returned(who.bus('AllowContainers', 'oa(uos)', where,
                           [(CALL, path, '') for path in paths], interface=harness.CONTAINERS))
    out, err = tool(t, env, 'graph')
    t.equal(err, '', 'errors')
    call, receive = (f'[label="{verb}, opted in", color=blue{more}]'
                     for verb, more in (('call', ''), ('receive', ', dir=back, style=dashed')))
    for container in (server, other):
        for name, kind in ((SERVICE, call), ('com.example.Alias', call),
                           ('com.example.Declared', receive)):
            t.equal(out.count(f'"{container.path}" -> "{name}" {kind};\n'), 1, f'{name}: {out}')
    t.contains(out, f'"{server.path}" -> "{SERVICE}" [label="call"];', 'the rule')
    t.contains(out, f'"{other.path}" -> "{nameless.unique}" {call};', 'one without a name')
    t.lacks(out, f'"{server.path}" -> "{nameless.unique}"', 'granted to another one')
    t.contains(out, f'        "{nameless.unique}";\n', 'one who runs')
    t.contains(out, '"com.example.Declared" [style=dashed];', 'one who does not')


@test('tool/graph')
def graph(t):
    bus, env = world(t)
    service = t.connect(bus)
    service.own(SERVICE)
    service.own('com.example.Unreached')
    server = Server(t, bus, [rule(CALL | RECEIVE, SERVICE), rule(OWN, 'com.example.Mine'),
                             rule(SEE, 'com.example.Nobody')], app='a "quoted" app\\')
    other = Server(t, bus, [rule(RECEIVE | NAMESPACE, 'com.example.Mine')], instance='i2')
    server.connect().own('com.example.Mine')
    out, _ = tool(t, env, 'graph')
    for line in (f'"{server.path}" -> "{SERVICE}" [label="call"]',
                 f'"{server.path}" -> "com.example.Mine" [label="own", style=bold]',
                 f'"{server.path}" -> "com.example.Nobody" [label="see", style=dotted]',
                 f'"{other.path}" -> "com.example.Mine" [label="receive", dir=back, style=dashed]',
                 '"com.example.Nobody" [style=dashed];', f'        "{SERVICE}";\n',
                 'subgraph "cluster_c0"'):
        t.contains(out, line, 'graph')
    inside = out.split('subgraph "cluster_c0"')[1].split('}')[0]
    t.contains(inside, '"com.example.Mine";', 'what it owns is in its frame')
    t.equal(out.count('"com.example.Mine";'), 1, 'and nowhere else')
    t.lacks(out, 'Unreached', 'names that no container may reach')
    tool(t, env, 'graph', 'x', status=2)
    _, err = tool(t, dict(env, PATH='/nonexistent'), 'graph', '--svg', status=1)
    t.contains(err, 'Graphviz', 'message without dot')
    harness.need_program('dot')
    file = t.path('graph.svg')
    tool(t, env, 'graph', '--output', file)
    with open(file, encoding='utf-8') as stream:
        picture = stream.read()
    t.contains(picture, '<svg', 'picture')
    t.contains(picture, SERVICE, 'picture')


if __name__ == '__main__':
    harness.main()
