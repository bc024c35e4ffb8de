#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the bus is deliberately different: each section of doc/differences.md has its test."""

import os
import pwd
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import accounts
import harness
import rawbus
from harness import test

DOCUMENT = os.path.join(harness.TOP, 'doc', 'differences.md')
NOBODY = 65534
NAMES = []
BUS_PATH = rawbus.BUS_PATH


def difference(name, reference, conductor, **options):
    """The function observes one bus; it must see what is said here of each."""
    NAMES.append(name)

    def register(function):
        def compare(t):
            harness.need_conductor()
            harness.need_reference()
            for program, expected in ((harness.REFERENCE, reference),
                                      (harness.CONDUCTOR, conductor)):
                t.equal(function(t, t.bus(program=program, **options)), expected, program)
        harness.CASES.append((f'differences/{name}', compare))
        return function
    return register


def command_difference(name, reference, conductor):
    """The same for what needs no running bus: the function gets the program."""
    NAMES.append(name)

    def register(function):
        def compare(t):
            harness.need_conductor()
            harness.need_reference()
            for program, expected in ((harness.REFERENCE, reference),
                                      (harness.CONDUCTOR, conductor)):
                t.equal(function(t, program), expected, program)
        harness.CASES.append((f'differences/{name}', compare))
        return function
    return register


def property_of_bus(connection, name):
    reply = connection.bus('Get', 'ss', rawbus.BUS, name, interface=harness.PROPERTIES)
    return reply.body[0].value


@difference('containers-interface', False, True)
def containers_interface(t, bus):
    return harness.CONTAINERS in property_of_bus(t.connect(bus), 'Interfaces')


@difference('monitor-field', None, '/')
def monitor_field(t, bus):
    monitor, sender = t.connect(bus), t.connect(bus)
    monitor.bus('BecomeMonitor', 'asu', [], 0, interface='org.freedesktop.DBus.Monitoring')
    sender.send(rawbus.signal('/', 'com.example.I', 'Marked'))
    return monitor.wait_for(lambda message: message.member == 'Marked').container


@difference('container-statistics', 'UnknownMethod', 'NotContainer')
def container_statistics(t, bus):
    reply = t.connect(bus).bus('GetContainerStats', 'o', '/none',
                               interface='org.freedesktop.DBus.Debug.Stats')
    return reply.error.rsplit('.', 1)[1]


@difference('verbose-interface', 'UnknownInterface', 'UnknownMethod')
def verbose_interface(t, bus):
    reply = t.connect(bus).bus('Nonsense', interface='org.freedesktop.DBus.Verbose')
    return reply.error.rsplit('.', 1)[1]


@difference('process-descriptor', False, True)
def process_descriptor(t, bus):
    connection = t.connect(bus)
    reply = connection.bus('GetConnectionCredentials', 's', connection.unique)
    found = 'ProcessFD' in reply.body[0]
    reply.close_fds()
    if not found and bus.program == harness.CONDUCTOR and kernel() < (6, 5):
        raise harness.Skip('the kernel has no SO_PEERPIDFD')
    return found


def kernel():
    return tuple(int(number) for number in re.findall(r'\d+', os.uname().release)[:2])


@difference('guid', (False, False), (True, True))
def guid(t, bus):
    connection = t.connect(bus)
    own_id = connection.bus('GetId').body[0]
    return f'guid={own_id}' in bus.address, own_id == connection.guid


QUIET = 'com.example.Quiet'
# The service is started and ends; its name is taken by who asked.
QUIET_CALLS = (('ListNames', ''), ('ReloadConfig', ''), ('StartServiceByName', 'su', QUIET, 0),
               ('RequestName', 'su', QUIET, 0), ('ReleaseName', 's', QUIET))


@difference('no-reply', sorted(call[0] for call in QUIET_CALLS), [],
            extra='  <standard_session_servicedirs/>\n')
def no_reply(t, bus):
    folder = os.path.join(bus.runtime, 'dbus-1', 'services')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f'{QUIET}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={QUIET}\nExec=/bin/true\n')
    connection = t.connect(bus)
    asked = {}
    for member, signature, *body in QUIET_CALLS:
        asked[connection.send(rawbus.call(rawbus.BUS, BUS_PATH, rawbus.BUS, member, signature,
                                          *body, flags=rawbus.NO_REPLY))] = member
    # a mistake is told nevertheless
    connection.send(rawbus.call(rawbus.BUS, BUS_PATH, rawbus.BUS, 'ReleaseName', 's', ':1.1',
                                flags=rawbus.NO_REPLY))
    replies = [m for m in connection.drain() if m.kind in (rawbus.RETURN, rawbus.ERROR)]
    t.equal([m.error for m in replies if m.kind == rawbus.ERROR],
            ['org.freedesktop.DBus.Error.InvalidArgs'], 'errors')
    return sorted(asked[m.reply_serial] for m in replies if m.kind == rawbus.RETURN)


@difference('repeated-keys', 'first', 'last', extra='  <standard_session_servicedirs/>\n')
def repeated_keys(t, bus):
    folder = os.path.join(bus.runtime, 'dbus-1', 'services')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f'{QUIET}.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={QUIET}\nExec=/bin/sh -c "exit 1"\n'
                  'Exec=/nonexistent/program\n')
    connection = t.connect(bus)
    t.returned(connection.bus('ReloadConfig'))
    error = connection.bus('StartServiceByName', 'su', QUIET, 0).error
    return {'ChildExited': 'first', 'ExecFailed': 'last'}[error.rsplit('.', 1)[1]]


@difference('service-files', [True, False], [False, True],
            extra='  <standard_session_servicedirs/>\n')
def service_files(t, bus):
    folder = os.path.join(bus.runtime, 'dbus-1', 'services')
    os.makedirs(folder, exist_ok=True)
    files = {'org.freedesktop.DBus': '', 'com.example.Spaced': 'Odd Key=x\n'}
    for name, more in files.items():
        with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/true\n{more}')
    connection = t.connect(bus)
    t.returned(connection.bus('ReloadConfig'))
    listed = t.returned(connection.bus('ListActivatableNames'))[0]
    return [listed.count(name) > (name == rawbus.BUS) for name in files]


@difference('identity-number', True, False)
def identity_number(t, bus):
    connection = t.connect(bus, auth=False)
    text = f'0{os.getuid():o}'.encode().hex().encode()
    return connection.auth_line(b'\0AUTH EXTERNAL ' + text).startswith(b'OK')


@difference('cookies', True, False, extra='  <auth>DBUS_COOKIE_SHA1</auth>\n')
def cookies(t, bus):
    connection = t.connect(bus, auth=False)
    return 'DBUS_COOKIE_SHA1' in connection.auth_line(b'\0AUTH').decode()


@difference('no-destination', (None, False), (rawbus.BUS, True))
def no_destination(t, bus):
    connection = t.connect(bus)
    reply = connection.call(None, '/', 'com.example.I', 'NoDestination')
    return reply.sender, reply.destination == connection.unique


@difference('forged-field', 'hung up', 'went on')
def forged_field(t, bus):
    connection = t.connect(bus)
    message = rawbus.call(rawbus.BUS, BUS_PATH, rawbus.BUS, 'GetId')
    message.fields.append((rawbus.F_CONTAINER, 'u', 5))
    try:
        connection.request(message)
        return 'went on'
    except rawbus.Disconnected:
        return 'hung up'


def answer(t, bus, line):
    """The first word with which the bus answers a line of authentication."""
    connection = t.connect(bus, auth=False)
    connection.send_raw(b'\0' + line + b'\r\n')
    return connection.read_line().split()[0].decode()


@difference('odd-hex', 'an identity', 'an error')
def odd_hex(t, bus):
    word = answer(t, bus, b'AUTH EXTERNAL ' + rawbus.hex_uid().encode() + b'3')
    return 'an error' if word == 'ERROR' else 'an identity'


@difference('anonymous', ('REJECTED EXTERNAL ANONYMOUS', 'OK', 'hung up'),
            ('REJECTED EXTERNAL', 'REJECTED', 'hung up'), extra='  <auth>ANONYMOUS</auth>\n')
def anonymous(t, bus):
    connection = t.connect(bus, auth=False)
    connection.send_raw(b'\0')
    offered = connection.auth_line(b'AUTH').decode()
    told = connection.auth_line(b'AUTH ANONYMOUS').split()[0].decode()
    connection.send_raw(b'BEGIN\r\n')
    try:
        connection.bus('Hello')
        return offered, told, 'went on'
    except rawbus.Disconnected:
        return offered, told, 'hung up'


def connect_as(t, bus, uid, groups):
    """A connection of another user; who we are when we connect is who we are."""
    harness.need_root()
    was = os.getgroups()
    try:
        os.setgroups(groups)
        os.seteuid(uid)
        return t.connect(bus, uid=uid)
    finally:
        os.seteuid(0)
        os.setgroups(was)


@difference('numeric-ids', 'may', 'may not', extra='''  <policy group="61234">
    <deny send_interface="org.freedesktop.DBus" send_member="GetId"/>
  </policy>
''')
def numeric_ids(t, bus):
    reply = connect_as(t, bus, 0, [61234]).bus('GetId')
    return 'may' if reply.kind == rawbus.RETURN else 'may not'


@difference('unknown-uid', 'hung up', 'went on', extra='''  <policy context="default">
    <allow user="*"/>
  </policy>
  <policy group="root">
    <allow send_type="signal"/>
  </policy>
''')
def unknown_uid(t, bus):
    os.chmod(bus.address.partition('=')[2].partition(',')[0], 0o777)
    try:
        connect_as(t, bus, 61234, [])
        return 'went on'
    except rawbus.Disconnected:
        return 'hung up'


NAMES.append('late-accounts')


@test('differences/late-accounts')
def late_accounts(t):
    harness.need_conductor()
    harness.need_reference()
    for program, expected in ((harness.REFERENCE, False), (harness.CONDUCTOR, True)):
        known = accounts.Accounts(t)
        rules = ('  <policy user="dyn"><deny send_interface="org.freedesktop.DBus" '
                 'send_member="GetId"/></policy>\n')
        bus = accounts.start(t, known, rules, program=program)
        known.set(f'user dyn {NOBODY}')
        reply = accounts.connect(t, bus, NOBODY).bus('GetId')
        t.equal(reply.error == 'org.freedesktop.DBus.Error.AccessDenied', expected, program)


@difference('connect-groups', 'hung up', 'went on', extra='''  <policy context="default">
    <allow user="*"/>
    <deny group="daemon"/>
  </policy>
''')
def connect_groups(t, bus):
    os.chmod(bus.address.partition('=')[2].partition(',')[0], 0o777)
    try:
        connect_as(t, bus, pwd.getpwnam('daemon').pw_uid, [])
        return 'went on'
    except rawbus.Disconnected:
        return 'hung up'


@difference('reload-in-background', ['ActivatableServicesChanged', 'ReloadConfig'],
            ['ReloadConfig', 'ActivatableServicesChanged'])
def reload_in_background(t, bus):
    eavesdropper, caller = t.connect(bus), t.connect(bus)
    eavesdropper.add_match("eavesdrop='true',type='method_call'")
    eavesdropper.add_match("member='ActivatableServicesChanged'")
    caller.bus('ReloadConfig')
    return [message.member for message in eavesdropper.drain()
            if message.sender != eavesdropper.unique]


@difference('failed-reload', True, False)
def failed_reload(t, bus):
    connection = t.connect(bus)
    connection.add_match("member='ActivatableServicesChanged'")
    with open(bus.config, 'w', encoding='utf-8') as out:
        out.write('<busconfig><nonsense/></busconfig>')
    t.failed(connection.bus('ReloadConfig'), 'Failed')
    return [message.member for message in connection.drain()] == ['ActivatableServicesChanged']


@difference('variable-names', [True, True, True], [False, False, True])
def variable_names(t, bus):
    connection = t.connect(bus)
    return [connection.bus('UpdateActivationEnvironment', 'a{ss}', {name: 'x'}).error is None
            for name in ('', 'A=B', 'A')]


def quiet_call(peer, size=0):
    return rawbus.call(peer.unique, '/', 'com.example.I', 'Call', 'ay', b'x' * size,
                       flags=rawbus.NO_REPLY)


@difference('fair-shares', 'refused', 'taken', limits={'max_outgoing_bytes': 1000000})
def fair_shares(t, bus):
    slow, flooder, other = (t.connect(bus) for _ in range(3))
    while not [m for m in flooder.drain() if m.kind == rawbus.ERROR]:
        flooder.send(quiet_call(slow, 10000))
    other.send(quiet_call(slow))
    return 'refused' if [m for m in other.drain() if m.kind == rawbus.ERROR] else 'taken'


@difference('unread-answers', 'some lost', 'all came', limits={'max_outgoing_bytes': 1000000})
def unread_answers(t, bus):
    slow, other = t.connect(bus), t.connect(bus)
    for number in range(20):
        other.own(f'com.example.LongEnoughToMakeTheAnswerLong{number:020}')
    asked = rawbus.call(rawbus.BUS, BUS_PATH, rawbus.BUS, 'ListNames', serial=9).encode()
    count, stuck, unsent = 0, 0, b''
    slow.sock.setblocking(False)
    while count < 5000 and stuck < 20:
        unsent = unsent or asked
        try:
            unsent = unsent[slow.sock.send(unsent):]
            count, stuck = count + (not unsent), 0
        except BlockingIOError:
            other.sync()
            stuck += 1
    slow.sock.setblocking(True)
    other.sync()
    slow.limit = 1
    try:
        for _ in range(count):
            slow.recv()
        return 'all came'
    except rawbus.Timeout:
        return 'some lost'


@command_difference('help', 1, 0)
def help_status(t, program):
    return t.run([program, '--help']).returncode


@command_difference('configuration-errors', False, True)
def configuration_errors(t, program):
    name = t.path('bus.conf')
    with open(name, 'w', encoding='utf-8') as out:
        out.write('<busconfig>\n\n<nonsense/>\n</busconfig>\n')
    return f'{name}:3' in t.run([program, f'--config-file={name}']).err


@command_difference('container-limits', 'refused', 'taken')
def container_limits(t, program):
    name = t.path('bus.conf')
    with open(name, 'w', encoding='utf-8') as out:
        limit = '<limit name="max_rules_per_container">5</limit>'
        out.write(harness.CONFIG.format(listen=f'unix:path={t.directory}/socket', servicedir='',
                                        limits=limit, extra=''))
    return start(t, program, name)


def start_with(t, program, extra):
    name = t.path('bus.conf')
    with open(name, 'w', encoding='utf-8') as out:
        out.write(harness.CONFIG.format(listen=f'unix:path={t.directory}/socket', servicedir='',
                                        limits='', extra=extra))
    return start(t, program, name)


@command_difference('service-owner-check', 'refused', 'taken')
def service_owner_check(t, program):
    return start_with(t, program, '<service_owner_check/>')


@command_difference('busy-poll', 'refused', 'taken')
def busy_poll(t, program):
    return start_with(t, program, '<busy_poll usec="60"/>')


@command_difference('tcp', 'taken', 'refused')
def tcp(t, program):
    name = t.path('bus.conf')
    with open(name, 'w', encoding='utf-8') as out:
        out.write(harness.CONFIG.format(listen='tcp:host=127.0.0.1,port=0', servicedir='',
                                        limits='',
                                        extra=''))
    return start(t, program, name)


def start(t, program, config):
    """Whether a bus starts with a configuration."""
    process = t.spawn([program, f'--config-file={config}', '--nofork', '--print-address=1'],
                      stderr=subprocess.DEVNULL)
    address = harness.read_line(process.stdout.fileno(), 20)
    process.terminate()
    process.wait(20)
    return 'taken' if address else 'refused'


@test('differences/the document has a section for each, and no other')
def documented(t):
    with open(DOCUMENT, encoding='utf-8') as stream:
        sections = re.findall(r'^## `([a-z-]+)`', stream.read(), re.M)
    t.equal(sorted(sections), sorted(NAMES), DOCUMENT)


if __name__ == '__main__':
    harness.main()
