#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Configuration that is made of many files, and that changes while the bus runs.

What both buses can do runs on both.
"""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test

DENY = '<deny send_interface="org.freedesktop.DBus" send_member="{}"/>'
ALLOW = '<allow send_interface="org.freedesktop.DBus" send_member="{}"/>'


def test_of_both(name):
    """The function gets the program to test."""
    def register(function):
        for program, label in ((harness.CONDUCTOR, ''), (harness.REFERENCE, ' of dbus-daemon')):
            def run(t, program=program):
                harness.need_conductor()
                harness.need_reference()
                function(t, program)
            harness.CASES.append((f'config-life/{name}{label}', run))
        return function
    return register


def policy(*rules):
    return '<policy context="default">' + ''.join(rules) + '</policy>\n'


def write(path, text, whole=True):
    """A file of a configuration, put in place at once."""
    with open(path + '~', 'w', encoding='utf-8') as out:
        out.write(f'<busconfig>\n{text}</busconfig>\n' if whole else text)
    os.rename(path + '~', path)


def may(connection, member='GetId'):
    reply = connection.bus(member)
    return reply.error != 'org.freedesktop.DBus.Error.AccessDenied'


def reconfigure(bus, **options):
    bus.write_config(listen=f'unix:path={bus.directory}/bus', **options)


def reload_by_signal(t, bus):
    """SIGHUP, and wait until it has been handled: that is announced, or logged."""
    connection = t.connect(bus)
    connection.add_match("member='ActivatableServicesChanged'")
    bus.process.send_signal(signal.SIGHUP)
    connection.wait_signal('ActivatableServicesChanged')
    connection.close()


def wait_for_log(bus, text):
    if not harness.wait_until(lambda: text in bus.log()):
        raise harness.Failure(f'{text!r} was not logged: {bus.log()}')


def include(t, *rules_by_name):
    """An includedir with these files; the element that includes it."""
    folder = t.path('conf.d')
    os.mkdir(folder)
    for name, rules in rules_by_name:
        write(os.path.join(folder, name), policy(*rules))
    return folder, f'  <includedir>{folder}</includedir>\n'


@test_of_both('an includedir is read in the order of its names')
def order(t, program):
    _, element = include(t, ('20-b.conf', [DENY.format('GetId'), ALLOW.format('ListNames')]),
                         ('10-a.conf', [ALLOW.format('GetId'), DENY.format('ListNames')]),
                         ('30-c.txt', [DENY.format('ListActivatableNames')]))
    connection = t.connect(t.bus(program=program, extra=element))
    t.equal(may(connection, 'GetId'), False, 'the later file')
    t.equal(may(connection, 'ListNames'), True, 'the later file')
    t.equal(may(connection, 'ListActivatableNames'), True, 'not a .conf file')


@test_of_both('an include has its place among the rules')
def place(t, program):
    write(t.path('inner.conf'), policy(DENY.format('GetId'), DENY.format('ListNames')))
    bus = t.bus(program=program, extra=f'  <include>{t.path("inner.conf")}</include>\n  ' +
                policy(ALLOW.format('ListNames')))
    connection = t.connect(bus)
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (False, True))


@test_of_both('relative names are below the folder of the file that has them')
def relative(t, program):
    os.mkdir(t.path('below'))
    os.mkdir(t.path('below/d'))
    write(t.path('below/a.conf'), '<include>b.conf</include><includedir>d</includedir>')
    write(t.path('below/b.conf'), policy(DENY.format('GetId')))
    write(t.path('below/d/c.conf'), policy(DENY.format('ListNames')))
    connection = t.connect(t.bus(program=program,
                                 extra=f'  <include>{t.path("below/a.conf")}</include>\n'))
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (False, False))


@test_of_both('ignore_missing is about files that are not there')
def ignore_missing(t, program):
    name = t.path('none.conf')
    t.true(may(t.connect(t.bus(program=program,
                               extra=f'  <include ignore_missing="yes">{name}</include>\n'))),
           'it starts')
    try:
        t.bus(program=program, extra=f'  <include>{name}</include>\n')
    except harness.Failure:
        return
    raise harness.Failure('a bus starts without a file that it needs')


@test_of_both('if_selinux_enabled is not read without SELinux')
def if_selinux(t, program):
    if os.path.exists('/sys/fs/selinux/enforce'):
        raise harness.Skip('SELinux is enabled here')
    name = t.path('selinux.conf')
    write(name, policy(DENY.format('GetId')))
    element = f'  <include if_selinux_enabled="yes">{name}</include>\n'
    t.true(may(t.connect(t.bus(program=program, extra=element))), 'the file is left out')


@test_of_both('a broken file of an includedir is left out')
def broken_in_folder(t, program):
    folder, element = include(t, ('b.conf', [DENY.format('GetId')]))
    write(os.path.join(folder, 'a.conf'), policy(DENY.format('ListNames')) + '<nonsense/>')
    connection = t.connect(t.bus(program=program, extra=element))
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (False, True))


CONSOLE_RULES = (f'<policy at_console="true">{DENY.format("GetId")}</policy>'
                 f'<policy at_console="false">{DENY.format("ListNames")}</policy>\n')


@test_of_both('nobody sits at a console')
def at_console(t, program):
    if os.path.exists(f'/run/systemd/users/{os.getuid()}'):
        raise harness.Skip('our user may sit at this machine')
    connection = t.connect(t.bus(program=program, extra=CONSOLE_RULES))
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (True, False))


def with_login(seats):
    """Has a program see logind's files of a machine at which our user is logged in."""
    script = (f'mount -t tmpfs none /run && mkdir -p /run/systemd/seats /run/systemd/users && '
              f'printf "NAME=me\\nONLINE_SEATS={seats}\\nSTATE=x\\n" >/run/systemd/users/{os.getuid()} && '
              'exec "$@"')
    as_user = [] if os.getuid() == 0 else ['--user', '--map-current-user', '--keep-caps']
    return ['unshare', *as_user, '--mount', 'sh', '-c', script, 'sh']


def at_seat(t, program, seats):
    prefix = with_login(seats)
    if t.run([*prefix, 'true']).returncode != 0:
        raise harness.Skip('nothing can be mounted in a namespace of its own here')
    connection = t.connect(t.bus(program=program, prefix=prefix, extra=CONSOLE_RULES))
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (not seats, bool(seats)))


@test_of_both('who sits at a seat is at the console')
def at_some_seat(t, program):
    at_seat(t, program, 'seat0')


@test_of_both('who is logged in from elsewhere is not at the console')
def at_no_seat(t, program):
    at_seat(t, program, '')


@test_of_both('SIGHUP changes what connections may')
def new_policy(t, program):
    bus = t.bus(program=program)
    connection = t.connect(bus)
    t.true(may(connection), 'before')
    reconfigure(bus, extra='  ' + policy(DENY.format('GetId')))
    reload_by_signal(t, bus)
    t.true(not may(connection), 'after')
    reconfigure(bus)
    t.returned(connection.bus('ReloadConfig'))
    t.true(may(connection), 'and back')


@test_of_both('a reload changes limits')
def new_limits(t, program):
    bus = t.bus(program=program)
    connection = t.connect(bus)
    connection.own('com.example.A')
    reconfigure(bus, limits={'max_names_per_connection': 3})
    t.returned(connection.bus('ReloadConfig'))
    connection.own('com.example.B')
    t.failed(connection.bus('RequestName', 'su', 'com.example.C', 0), 'LimitsExceeded')


@test('config-life/a reload that changes reply_timeout reaches calls that wait')
def new_reply_timeout(t):
    bus = t.bus(limits={'reply_timeout': 3600000})
    caller, callee = t.connect(bus), t.connect(bus)
    waiting = caller.send(rawbus.call(callee.unique, '/', 'com.example.I', 'Never'))
    callee.wait_call('Never')
    for limits in ({}, {'reply_timeout': 1}):           # for ever, and then not
        reconfigure(bus, limits=limits)
        t.returned(callee.bus('ReloadConfig'))
    t.failed(caller.wait_reply(waiting), 'NoReply')


def activatable(connection):
    return [name for name in connection.bus('ListActivatableNames').body[0]
            if name.startswith('com.example')]


def add_service(folder, name):
    write(os.path.join(folder, name + '.service'),
          f'[D-BUS Service]\nName={name}\nExec=/bin/false\n', False)


@test_of_both('a reload that fails says in which way')
def reload_errors(t, program):
    bus = t.bus(program=program)
    connection = t.connect(bus)
    with open(bus.config, encoding='utf-8') as stream:
        text = stream.read()

    def becomes(addition, name):
        write(bus.config, text.replace('</busconfig>', f'{addition}</busconfig>'), whole=False)
        t.failed(connection.bus('ReloadConfig'), name)

    becomes(f'<include>{t.path("none.conf")}</include>', 'FileNotFound')
    becomes('<nonsense/>', 'Failed')
    becomes('<', 'Failed')
    if os.getuid() != 0:                                # who may read everything
        os.chmod(bus.config, 0)
        t.failed(connection.bus('ReloadConfig'), 'AccessDenied')
    os.unlink(bus.config)
    t.failed(connection.bus('ReloadConfig'), 'FileNotFound')


@test_of_both('a reload reads other service folders')
def new_services(t, program):
    folders = [t.path('one'), t.path('two')]
    for folder, name in zip(folders, ('com.example.One', 'com.example.Two')):
        os.mkdir(folder)
        add_service(folder, name)
    bus = t.bus(program=program, servicedir=folders[0])
    connection = t.connect(bus)
    connection.add_match("member='ActivatableServicesChanged'")
    t.equal(activatable(connection), ['com.example.One'])
    reconfigure(bus, servicedir=folders[1])
    t.returned(connection.bus('ReloadConfig'))
    connection.wait_signal('ActivatableServicesChanged')
    t.equal(activatable(connection), ['com.example.Two'])


@test_of_both('a broken file changes nothing at all')
def broken(t, program):
    bus = t.bus(program=program, extra='  ' + policy(DENY.format('ListNames')))
    connection = t.connect(bus)
    reconfigure(bus, limits={'max_names_per_connection': 1},
                extra='  ' + policy(DENY.format('GetId')) + '  <nonsense/>\n')
    t.failed(connection.bus('ReloadConfig'), 'Failed')
    connection.own('com.example.A')
    t.equal((may(connection, 'GetId'), may(connection, 'ListNames')), (True, False))


@test('config-life/a broken file is logged with its line')
def broken_logged(t):
    bus = t.bus()
    write(bus.config, '<listen>unix:path=/nowhere</listen>\n<policy context="default">\n'
          '<deny own="x" send_type="signal"/>\n</policy>\n')
    error = t.failed(t.connect(bus).bus('ReloadConfig'), 'Failed')
    t.contains(error, f'{bus.config}:4: ')
    t.contains(bus.log(), f'{bus.config}:4: ')
    write(bus.config, '<listen>unix:path=/nowhere</listen>\n<listen></listen>')
    bus.process.send_signal(signal.SIGHUP)
    wait_for_log(bus, f'{bus.config}:3: ')


@test('config-life/what has no effect is logged at every reading')
def warnings(t):
    bus = t.bus()
    reconfigure(bus, extra='  <policy user="no-such-user-at-all"><allow own="*"/></policy>\n')
    t.returned(t.connect(bus).bus('ReloadConfig'))
    t.true(re.search(rf'{re.escape(bus.config)}:\d+: user "no-such-user-at-all"', bus.log()),
           bus.log())


@test('config-life/changes of files are noticed')
def noticed(t):
    folder, element = include(t, ('a.conf', []))
    bus = t.bus(extra=element)
    connection = t.connect(bus)
    for what, change, expected in (
            ('a new file', lambda: write(folder + '/b.conf', policy(DENY.format('GetId'))), False),
            ('one that goes', lambda: os.unlink(folder + '/b.conf'), True),
            ('one that changes', lambda: write(folder + '/a.conf', policy(DENY.format('GetId'))),
             False),
            ('the main one', lambda: reconfigure(bus), True)):
        change()
        t.true(harness.wait_until(lambda: may(connection) is expected), what)


@test('config-life/other files in the folders are not')
def not_noticed(t):
    folder, element = include(t, ('a.conf', []))
    bus = t.bus(extra=element)
    connection = t.connect(bus)
    for name in (os.path.join(folder, 'README'), os.path.join(bus.directory, 'other.conf')):
        write(name, policy(DENY.format('GetId')))
    write(folder + '/z.conf', policy(DENY.format('ListNames')))
    t.true(harness.wait_until(lambda: not may(connection, 'ListNames')), 'the one that is')
    t.equal(bus.log().count('was read again'), 1)


@test('config-life/a missing file that comes is noticed')
def missing_noticed(t):
    name = t.path('later.conf')
    bus = t.bus(extra=f'  <include ignore_missing="yes">{name}</include>\n')
    connection = t.connect(bus)
    write(name, policy(DENY.format('GetId')))
    t.true(harness.wait_until(lambda: not may(connection)), 'it is read')


@test('config-life/services that come and go are announced')
def services_noticed(t):
    folder = t.path('services')
    os.mkdir(folder)
    connection = t.connect(t.bus(servicedir=folder))
    connection.add_match("member='ActivatableServicesChanged'")
    add_service(folder, 'com.example.New')
    connection.wait_signal('ActivatableServicesChanged')
    t.equal(activatable(connection), ['com.example.New'])
    os.unlink(folder + '/com.example.New.service')
    connection.wait_signal('ActivatableServicesChanged')
    t.equal(activatable(connection), [])


@test('config-life/what is said behind ReloadConfig is said under the new rules')
def behind_reload(t):
    bus = t.bus()
    connection = t.connect(bus)
    reconfigure(bus, extra='  ' + policy(DENY.format('GetId')))
    serials = [connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member))
               for member in ('GetId', 'ReloadConfig', 'GetId')]
    replies = [connection.wait_reply(serial) for serial in serials]
    t.equal([reply.kind for reply in replies], [rawbus.RETURN, rawbus.RETURN, rawbus.ERROR])
    t.equal(t.connect(bus).bus('NameHasOwner', 's', connection.unique).body, (True,))


@test('config-life/many who reload at once are all answered')
def many_reloads(t):
    bus = t.bus()
    connections = [t.connect(bus) for _ in range(20)]
    bus.process.send_signal(signal.SIGSTOP)     # so that it finds them all at once
    serials = [connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS,
                                           'ReloadConfig')) for connection in connections]
    connections.pop().close()
    bus.process.send_signal(signal.SIGCONT)
    for connection, serial in zip(connections, serials):
        t.returned(connection.wait_reply(serial))
    t.true(bus.log().count('was read again') < 20, 'one reading answers for many')


def fill_queue(folder):
    """More changes of files that mean nothing than the kernel keeps for who does not read them."""
    with open('/proc/sys/fs/inotify/max_queued_events', encoding='ascii') as limit:
        n_events = int(limit.read())
    if n_events > 100000:
        raise harness.Skip(f'the kernel keeps {n_events} events')
    names = [os.path.join(folder, name) for name in ('noise-a', 'noise-b')]
    with open(names[0], 'w', encoding='utf-8'):
        pass
    for i in range(n_events // 2 + 1):
        os.rename(names[i % 2], names[1 - i % 2])


@test('config-life/changes are noticed when the kernel has lost them')
def overflow(t):
    services = t.path('services')
    os.mkdir(services)
    bus = t.bus(servicedir=services)
    connection = t.connect(bus)
    connection.add_match("member='ActivatableServicesChanged'")
    bus.process.send_signal(signal.SIGSTOP)
    try:
        fill_queue(bus.directory)
        reconfigure(bus, servicedir=services, extra='  ' + policy(DENY.format('GetId')))
        fill_queue(services)
        add_service(services, 'com.example.New')
    finally:
        bus.process.send_signal(signal.SIGCONT)
    t.true(harness.wait_until(lambda: not may(connection)), 'the configuration')
    connection.wait_signal('ActivatableServicesChanged')
    t.equal(activatable(connection), ['com.example.New'])


@test('config-life/two names of one folder')
def aliases(t):
    folder, element = include(t, ('a.conf', []))
    alias, other = t.path('alias.d'), t.path('other.d')
    os.symlink(folder, alias)
    bus = t.bus(extra=element + f'  <includedir>{alias}</includedir>\n')
    connection = t.connect(bus)
    for left, member in ((folder, 'GetId'), (alias, 'ListNames')):
        reconfigure(bus, extra=f'  <includedir>{left}</includedir>\n')
        t.returned(connection.bus('ReloadConfig'))
        write(folder + '/b.conf', policy(DENY.format(member)))
        t.true(harness.wait_until(lambda m=member: not may(connection, m)), f'below {left}')
    reconfigure(bus, extra=f'  <includedir>{alias}</includedir>\n'
                f'  <include ignore_missing="yes">{folder}/later.txt</include>\n')
    t.returned(connection.bus('ReloadConfig'))
    write(folder + '/later.txt', policy(DENY.format('ListActivatableNames')))
    t.true(harness.wait_until(lambda: not may(connection, 'ListActivatableNames')),
           'what only one of the names has')
    os.rename(folder, other)
    os.mkdir(folder)
    t.true(harness.wait_until(lambda: may(connection, 'ListNames')), 'another folder is there')
    write(folder + '/c.conf', policy(DENY.format('GetId')))
    t.true(harness.wait_until(lambda: not may(connection)), 'and is watched')


if __name__ == '__main__':
    harness.main()
