#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Users and groups that come to be while the bus runs, and a system that does not answer."""

import errno
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import EVERYBODY, OTHER, UID, Accounts, connect, start
from harness import test

NO_ID = '<deny send_interface="org.freedesktop.DBus" send_member="GetId"/>'


def first_message(t, bus, **options):
    """What GetId says that comes in one piece with BEGIN and Hello."""
    connection = connect(t, bus, auth=False, hello=False, **options)
    connection.send_raw(b'\0AUTH EXTERNAL ' + rawbus.hex_uid(UID).encode() + b'\r\n')
    connection.read_line()
    calls = [rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member, serial=serial)
             for serial, member in enumerate(('Hello', 'GetId'), 1)]
    connection.send_raw(b'BEGIN\r\n' + b''.join(call.encode() for call in calls))
    reply = connection.wait_reply(2)
    connection.close()
    return reply


@test('accounts/a user that comes to be is denied from the first message')
def user_denied(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    t.returned(first_message(t, bus), 'nobody has that name')
    accounts.set(f'user dyn {UID}')
    t.failed(first_message(t, bus), 'AccessDenied')
    t.returned(connect(t, bus, OTHER).bus('GetId'), 'another user')
    accounts.set(f'user dyn {OTHER}')
    t.returned(first_message(t, bus), 'the name is somebody else\'s now')


@test('accounts/a user that comes to be changes what older connections may')
def older_connections(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    older = connect(t, bus)
    t.returned(older.bus('GetId'), 'nobody has that name')
    accounts.set(f'user dyn {UID}')
    connect(t, bus, OTHER)
    t.failed(older.bus('GetId'), 'AccessDenied')


@test('accounts/a group that comes to be')
def group_denied(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy group="dyn">{NO_ID}</policy>\n')
    t.returned(first_message(t, bus, groups=[OTHER]))
    accounts.set(f'group dyn {OTHER}')
    t.failed(first_message(t, bus, groups=[OTHER]), 'AccessDenied')
    t.returned(first_message(t, bus))
    t.failed(connect(t, bus, 0, [OTHER]).bus('GetId'), 'AccessDenied', 'the superuser, too')


@test('accounts/who may connect comes to be')
def may_connect(t):
    accounts = Accounts(t)
    bus = start(t, accounts, '  <policy context="mandatory"><deny user="*"/><allow user="dyn"/>'
                             '<allow user="0"/></policy>\n')
    try:
        connect(t, bus)
        raise harness.Failure('a stranger was let in')
    except rawbus.Disconnected:
        pass
    accounts.set(f'user dyn {UID}')
    t.returned(connect(t, bus).bus('GetId'))


@test('accounts/numbers need no name')
def numbers(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="{UID}">{NO_ID}</policy>\n')
    t.failed(first_message(t, bus), 'AccessDenied')
    t.returned(connect(t, bus, OTHER).bus('GetId'))


@test('accounts/a system that does not answer keeps nobody else waiting')
def hanging(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    older, known = t.connect(bus), connect(t, bus, OTHER)
    accounts.set('hang dyn')
    waiting = connect(t, bus, hello=False)
    serial = waiting.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello'))
    for connection in (older, known, t.connect(bus), connect(t, bus, OTHER)):
        t.returned(connection.bus('GetId'), 'others go on')
    t.equal(waiting.inbox, [])
    gone = [connect(t, bus, OTHER + 1 + i, hello=False) for i in range(20)]
    for connection in gone:
        connection.close()
    t.returned(older.bus('GetId'), 'with many who wait')
    accounts.set(f'user dyn {UID}')
    t.returned(waiting.wait_reply(serial), 'the answer has come')
    t.failed(waiting.bus('GetId'), 'AccessDenied')


@test('accounts/who cannot be known is hung up on after auth_timeout')
def never_known(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n',
                limits={'auth_timeout': 300})
    accounts.set('hang dyn')
    waiting = connect(t, bus, hello=False)
    waiting.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello'))
    waiting.wait_closed()
    t.equal(waiting.inbox, [])
    accounts.set()


@test('accounts/a reload asks in the background')
def reload_in_background(t):
    accounts = Accounts(t)
    bus = start(t, accounts, '')
    caller, other = t.connect(bus), t.connect(bus)
    accounts.set('hang dyn')
    bus.write_config(listen=f'unix:path={bus.directory}/bus',
                     extra=EVERYBODY + f'  <policy user="dyn">{NO_ID}</policy>\n'
                     '  <policy context="default"><deny own="com.example.A"/></policy>\n')
    reloaded = caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'ReloadConfig'))
    asked = caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su',
                                    'com.example.A', 0))
    bus.process.send_signal(signal.SIGHUP)
    t.returned(other.bus('RequestName', 'su', 'com.example.A', 0), 'the old rules')
    accounts.set(f'user dyn {UID}')
    t.returned(caller.wait_reply(reloaded))
    t.failed(caller.wait_reply(asked), 'AccessDenied', 'the new ones')
    t.failed(first_message(t, bus), 'AccessDenied')


def is_denied(connection):
    return connection.bus('GetId').error == 'org.freedesktop.DBus.Error.AccessDenied'


def wait_denied(t, connection, expected, what):
    t.true(harness.wait_until(lambda: is_denied(connection) is expected), what)


def reconfigure(bus, rules):
    bus.write_config(listen=f'unix:path={bus.directory}/bus', extra=EVERYBODY + rules)


@test('accounts/a system that fails takes no rule away, and lets nobody in')
def failing(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    accounts.set(f'user dyn {UID}')
    older = connect(t, bus)
    t.true(is_denied(older), 'it is known')
    accounts.set(f'fail dyn {errno.EMFILE}', f'user dyn {OTHER}')
    asked = accounts.count_asked()
    waiting = connect(t, bus, OTHER, hello=False)
    serial = waiting.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello'))
    accounts.wait_asked(t, asked + 1)
    t.true(is_denied(older), 'no answer changes nothing')
    t.equal(waiting.inbox, [])
    accounts.set(f'user dyn {OTHER}')
    t.returned(waiting.wait_reply(serial), 'it was asked again')
    t.true(is_denied(waiting), 'the name is his now')
    t.true(not is_denied(older), 'and not another\'s')


@test('accounts/a system that goes on to fail keeps nobody out')
def failing_long(t):
    accounts = Accounts(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    accounts.set(f'fail dyn {errno.ECONNREFUSED}')
    first = connect(t, bus)
    t.true(not is_denied(first), 'as if it had been so at the start')
    t.true(not is_denied(connect(t, bus, OTHER)), 'nor the next one')
    accounts.set(f'user dyn {UID}')
    wait_denied(t, first, True, 'it is asked again')


@test('accounts/a reload while the system fails')
def reload_failing(t):
    accounts = Accounts(t)
    accounts.set(f'user early {UID}')
    bus = start(t, accounts, f'  <policy user="early">{NO_ID}</policy>'
                             f'<policy group="dyn">{NO_ID}</policy>\n')
    accounts.set(f'user early {UID}', f'group dyn {OTHER}')
    early, member = connect(t, bus), connect(t, bus, OTHER, groups=[OTHER])
    t.true(is_denied(early) and is_denied(member), 'both are known')
    accounts.set(f'fail early {errno.EIO}', f'fail dyn {errno.EIO}')
    caller = t.connect(bus)
    t.returned(caller.bus('ReloadConfig'))
    t.contains(bus.log(), '"early" could not be looked up')
    t.true(is_denied(early), 'it was known to the old configuration')
    t.true(is_denied(member), 'it was known later')
    t.returned(caller.bus('ReloadConfig'))
    t.true(is_denied(early) and is_denied(member), 'and still')
    accounts.set()
    wait_denied(t, early, False, 'there is an answer')
    wait_denied(t, member, False, 'for all')


@test('accounts/who has got a name while files were read')
def while_reading(t):
    accounts = Accounts(t)
    bus = start(t, accounts, '')
    older, caller = connect(t, bus), t.connect(bus)
    accounts.set('hang slow')
    reconfigure(bus, f'  <policy user="dyn">{NO_ID}</policy>'
                     '<policy user="slow"><deny own="*"/></policy>\n')
    reloaded = caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'ReloadConfig'))
    accounts.wait_asked(t, 0, 'slow')
    accounts.set(f'user dyn {UID}')
    t.returned(caller.wait_reply(reloaded))
    wait_denied(t, older, True, 'nobody else has to come')


@test('accounts/entries of any size')
def wide(t):
    accounts = Accounts(t)
    rules = f'  <policy user="dyn">{NO_ID}</policy><policy group="all">{NO_ID}</policy>\n'
    bus = start(t, accounts, rules)
    accounts.set('wide dyn 1000000', f'user dyn {UID}', 'wide all 1000000', f'group all {OTHER}')
    t.failed(first_message(t, bus), 'AccessDenied', 'a user')
    t.true(is_denied(connect(t, bus, OTHER, groups=[OTHER])), 'a group')


@test('accounts/a bus whose system hangs serves, and ends')
def ends(t):
    accounts = Accounts(t, needs_others=False)
    bus = start(t, accounts, '')
    caller, other = t.connect(bus), t.connect(bus)
    accounts.set('hang dyn')
    reconfigure(bus, f'  <policy user="dyn">{NO_ID}</policy>\n')
    caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'ReloadConfig'))
    accounts.wait_asked(t, 0)
    other.own('com.example.A')
    t.returned(t.connect(bus).bus('GetNameOwner', 's', 'com.example.A'), 'others are served')
    t.equal(bus.quit(), 0, 'the system still hangs')


@test('accounts/a module of the C library that fails, hangs, and hangs still at the end')
def module(t):
    accounts = Accounts(t)
    accounts.become_module(t)
    bus = start(t, accounts, f'  <policy user="dyn">{NO_ID}</policy>\n')
    accounts.set(f'user dyn {UID}')
    older = connect(t, bus)
    t.true(is_denied(older), 'it is known')
    for code in (errno.EAGAIN, errno.EMFILE, errno.ECONNREFUSED):
        accounts.set(f'fail dyn {code}')
        asked = accounts.count_asked()
        waiting = connect(t, bus, OTHER, hello=False)
        accounts.wait_asked(t, asked + 1)
        t.true(is_denied(older), os.strerror(code))
        waiting.close()
    accounts.set('hang dyn')
    waiting = connect(t, bus, OTHER, hello=False)
    serial = waiting.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello'))
    t.true(is_denied(older) and not is_denied(t.connect(bus)), 'others are served')
    accounts.set()
    t.returned(waiting.wait_reply(serial))
    wait_denied(t, older, False, 'nobody has that name')
    accounts.set('hang dyn')
    asked = accounts.count_asked()
    connect(t, bus, OTHER + 1, hello=False)
    accounts.wait_asked(t, asked)
    t.equal(bus.quit(), 0)


if __name__ == '__main__':
    harness.main()
