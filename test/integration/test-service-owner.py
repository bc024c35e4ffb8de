#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""<service_owner_check/>: the User= of a .service file says who may own its name."""

import os
import pwd
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import OTHER, UID, Accounts, connect, start
from containers import OWN, Server, rule
from harness import test

NAME = 'com.example.Owned'
CHECK = '  <service_owner_check/>\n'
QUEUE = 0


def service_file(folder, user=None, name=NAME, extra=''):
    """Write the service file of a name, so that the bus sees all of it at once."""
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    path = os.path.join(folder, name + '.service')
    with open(path + '.new', 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/false\n')
        out.write((f'User={user}\n' if user else '') + extra)
    os.rename(path + '.new', path)
    return path


def request(connection, name=NAME, flags=4):
    return connection.bus('RequestName', 'su', name, flags)


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def somebody_else():
    return 'daemon' if os.getuid() != pwd.getpwnam('daemon').pw_uid else 'root'


@test('service-owner/only the user of the file owns the name')
def only_the_user(t):
    folder = t.path('services')
    service_file(folder, me())
    service_file(folder, somebody_else(), 'com.example.Other')
    service_file(folder, os.getuid(), 'com.example.Number')
    service_file(folder, 'nobody-has-this-name', 'com.example.Nobody')
    service_file(folder, None, 'com.example.Anybody')
    bus = t.bus(servicedir=folder, extra=CHECK)
    connection = t.connect(bus)
    for name in (NAME, 'com.example.Number', 'com.example.Anybody', 'com.example.NoFile'):
        t.equal(t.returned(request(connection, name), name), (1,), name)
    for name in ('com.example.Other', 'com.example.Nobody'):
        t.failed(request(connection, name), 'AccessDenied', name)
        t.failed(request(connection, name, QUEUE), 'AccessDenied', name)
        t.failed(connection.bus('GetNameOwner', 's', name), 'NameHasNoOwner', name)


@test('service-owner/without the element User= says nothing about owners')
def off_by_default(t):
    folder = t.path('services')
    service_file(folder, somebody_else())
    t.equal(t.returned(request(t.connect(t.bus(servicedir=folder)))), (1,))


@test('service-owner/the record of a denial names the file')
def record(t):
    folder = t.path('services')
    path = service_file(folder, somebody_else())
    bus = t.bus(servicedir=folder, extra=CHECK)
    connection = t.connect(bus)
    t.failed(request(connection), 'AccessDenied')
    line = [line for line in bus.log().splitlines() if 'MessageType=own' in line][0]
    for part in ('denied Layer=service', f'Sender={connection.unique}', f'Receiver={NAME}',
                 f'Rule="User={somebody_else()}"', f'File={path}', 'Line=4'):
        t.contains(line, part)


@test('service-owner/what a connection says while the system is asked comes after it')
def order(t):
    folder = t.path('services')
    service_file(folder, me())
    service_file(folder, somebody_else(), 'com.example.Other')
    connection = t.connect(t.bus(servicedir=folder, extra=CHECK))
    serials = [connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, *call))
               for call in (('RequestName', 'su', NAME, 4),
                            ('RequestName', 'su', 'com.example.Other', 4),
                            ('GetNameOwner', 's', NAME), ('ReleaseName', 's', NAME),
                            ('NameHasOwner', 's', NAME))]
    answers = [connection.wait_reply(serial) for serial in serials]
    t.equal(answers[0].body, (1,))
    t.failed(answers[1], 'AccessDenied')
    t.equal([answer.body for answer in answers[2:]], [(connection.unique,), (1,), (False,)])


@test('service-owner/a file that changes, and a configuration that is read again')
def changes(t):
    folder = t.path('services')
    service_file(folder, somebody_else())
    bus = t.bus(servicedir=folder, extra=CHECK)
    connection = t.connect(bus)
    t.failed(request(connection), 'AccessDenied')
    service_file(folder, me())
    t.returned(connection.bus('ReloadConfig'))
    t.equal(t.returned(request(connection)), (1,), 'the file is about us now')
    service_file(folder, somebody_else())
    t.returned(connection.bus('ReloadConfig'))
    t.equal(t.returned(connection.bus('GetNameOwner', 's', NAME)), (connection.unique,),
            'a name that is owned is not taken away')
    t.returned(connection.bus('ReleaseName', 's', NAME))
    t.failed(request(connection), 'AccessDenied')
    bus.write_config(servicedir=folder)
    t.returned(connection.bus('ReloadConfig'))
    t.equal(t.returned(request(connection)), (1,), 'the element is gone')
    t.returned(connection.bus('ReleaseName', 's', NAME))
    bus.write_config(servicedir=folder, extra=CHECK)
    t.returned(connection.bus('ReloadConfig'))
    t.failed(request(connection), 'AccessDenied', 'and is back')


@test('service-owner/of several files the first one counts, as soon as it is there')
def first_file(t):
    first, second = t.path('first'), t.path('second')
    os.makedirs(first)
    service_file(second, somebody_else())
    connection = t.connect(t.bus(servicedir=first,
                                 extra=f'  <servicedir>{second}</servicedir>\n' + CHECK))
    t.failed(request(connection), 'AccessDenied', 'the only one')
    path = service_file(first, me())
    t.true(harness.wait_until(lambda: request(connection).body == (1,)), 'the first one')
    t.returned(connection.bus('ReleaseName', 's', NAME))
    os.unlink(path)
    t.true(harness.wait_until(lambda: request(connection).kind == rawbus.ERROR), 'the other again')


@test('service-owner/several users, who ask in the same moment')
def several_users(t):
    accounts = Accounts(t)
    accounts.set(f'user one {UID}', f'user two {OTHER}')
    folder = t.path('services')
    for user in ('one', 'two'):
        service_file(folder, user, f'com.example.{user}')
    bus = start(t, accounts, CHECK, servicedir=folder)
    peers = [(uid, connect(t, bus, uid)) for uid in (UID, OTHER, 0, OTHER + 1) for _ in range(3)]
    asked = [(uid, connection, user, connection.send(
        rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su',
                    f'com.example.{user}', QUEUE)))
        for uid, connection in peers for user in ('one', 'two')]
    owners = {'one': UID, 'two': OTHER}
    for uid, connection, user, serial in asked:
        reply = connection.wait_reply(serial)
        if uid == owners[user]:
            t.true(t.returned(reply) in ((1,), (2,)), f'{uid} owns, or waits for, {user}')
        else:
            t.failed(reply, 'AccessDenied', f'{uid} and {user}')
    for user, uid in owners.items():
        queue = t.returned(peers[0][1].bus('ListQueuedOwners', 's', f'com.example.{user}'))[0]
        t.equal(sorted(queue), sorted(c.unique for owner, c in peers if owner == uid), user)


@test('service-owner/a user who comes to be, and an id that is somebody else\'s later')
def dynamic_user(t):
    accounts = Accounts(t)
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    first = connect(t, bus)
    t.failed(request(first), 'AccessDenied', 'nobody has that name')
    accounts.set(f'user dyn {UID}')
    t.equal(t.returned(request(first)), (1,), 'the name is there')
    first.close()
    accounts.set(f'user dyn {OTHER}')
    t.failed(request(connect(t, bus)), 'AccessDenied', 'the id is somebody else\'s')
    t.equal(t.returned(request(connect(t, bus, OTHER))), (1,))


@test('service-owner/a system that does not answer keeps nobody else waiting')
def hanging(t):
    accounts = Accounts(t)
    accounts.set(f'user two {OTHER}', 'hang dyn')
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    older = t.connect(bus)
    ask = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su', NAME, 4)
    waiting, leaving = connect(t, bus), connect(t, bus)
    serial = waiting.send(ask)
    leaving.send(ask)
    t.returned(older.bus('GetId'), 'others go on')
    t.equal(t.returned(request(older, 'com.example.Free')), (1,), 'and own names')
    leaving.close()
    t.returned(connect(t, bus).bus('GetId'), 'also those of the same user')
    t.equal(waiting.inbox, [])
    accounts.set(f'user dyn {UID}')
    t.equal(t.returned(waiting.wait_reply(serial)), (1,), 'the answer has come')


@test('service-owner/a file that names another user while the system is asked')
def changes_meanwhile(t):
    accounts = Accounts(t)
    accounts.set(f'user other {UID}', 'hang dyn')
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    older = t.connect(bus)
    ask = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su', NAME, 4)
    asked = [(uid, connection, connection.send(ask))
             for uid, connection in ((uid, connect(t, bus, uid)) for uid in (OTHER, UID))]
    accounts.wait_asked(t, 0)
    service_file(folder, 'other')
    t.returned(older.bus('ReloadConfig'))
    accounts.set(f'user other {UID}', f'user dyn {OTHER}')
    for uid, connection, serial in asked:
        reply = connection.wait_reply(serial)
        if uid == UID:
            t.equal(t.returned(reply), (1,), 'of whom the file speaks now')
        else:
            t.failed(reply, 'AccessDenied', 'of whom it spoke before')


@test('service-owner/a system that fails is no answer')
def failing(t):
    accounts = Accounts(t)
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    connection = connect(t, bus)
    accounts.set('fail dyn 5', f'user dyn {UID}')
    t.failed(request(connection), 'Failed')
    accounts.set(f'user dyn {UID}')
    t.equal(t.returned(request(connection)), (1,))


@test('service-owner/a system that does not answer in time')
def too_late(t):
    accounts = Accounts(t)
    accounts.set('hang dyn')
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    older, waiting = t.connect(bus), [connect(t, bus) for _ in range(3)]
    ask = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su', NAME, 4)
    for number, connection in enumerate(waiting):
        serial = connection.send(ask)
        if number < 2:                          # given up; the third is not begun
            accounts.wait_asked(t, number)
            accounts.set_clock(25 * (number + 1))
            t.returned(older.bus('GetId'), 'wakes the bus')
        t.failed(connection.wait_reply(serial), 'Failed')
    t.failed(older.bus('GetNameOwner', 's', NAME), 'NameHasNoOwner')
    accounts.set(f'user dyn {UID}')
    t.true(harness.wait_until(lambda: request(waiting[0]).body == (1,)), 'those who hung are back')


@test('service-owner/a bus that ends while the system is asked')
def ends(t):
    accounts = Accounts(t)
    accounts.set('hang dyn')
    folder = t.path('services')
    service_file(folder, 'dyn')
    bus = start(t, accounts, CHECK, servicedir=folder)
    waiting = connect(t, bus)
    waiting.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'RequestName', 'su', NAME, 4))
    t.returned(t.connect(bus).bus('GetId'))
    bus.process.send_signal(signal.SIGTERM)
    bus.has_quit = True
    t.equal(bus.process.wait(20), 0)
    accounts.set()


@test('service-owner/container rules and policy have their say, too')
def all_must_agree(t):
    accounts = Accounts(t)
    accounts.set(f'user dyn {UID}')
    folder = t.path('services')
    service_file(folder, 'dyn', extra='X-Containers-Allow=call @/open\n')
    bus = start(t, accounts, CHECK + f'  <policy user="{UID}"><deny own="com.example.No"/></policy>',
                servicedir=folder)
    service_file(folder, 'dyn', 'com.example.No')
    t.failed(request(connect(t, bus), 'com.example.No'), 'AccessDenied', 'the policy denies')

    users = {'Users': ('au', [0, UID, OTHER])}
    owning = Server(t, bus, [rule(OWN, NAME)], named=users)
    plain = Server(t, bus, [], named=users)
    contained = {uid: connect(t, owning.address, uid) for uid in (0, UID, OTHER)}
    t.failed(request(connect(t, plain.address, UID)), 'AccessDenied', 'the rules do not allow it')
    t.failed(request(contained[0]), 'AccessDenied', 'another user, though its rules allow it')
    t.failed(request(contained[OTHER]), 'AccessDenied', 'another user')
    t.equal(t.returned(request(contained[UID])), (1,), 'user and rules agree')
    t.returned(contained[UID].bus('ReleaseName', 's', NAME))

    # whoever owns the name is the one whom the file opens to containers
    service = connect(t, bus)
    t.equal(t.returned(request(service)), (1,))
    app = connect(t, plain.address, OTHER)
    serial = app.send(rawbus.call(NAME, '/open', NAME, 'Method'))
    service.send(rawbus.reply_to(service.wait_call('Method')))
    t.returned(app.wait_reply(serial), 'X-Containers-Allow')
    t.failed(app.call(NAME, '/closed', NAME, 'Method'), 'AccessDenied')


@test('service-owner/the configuration of the document')
def document(t):
    with open(os.path.join(harness.TOP, 'doc', 'service-owners.md'), encoding='utf-8') as stream:
        extra = re.search(r'```xml\n<busconfig>\n(.*?)</busconfig>', stream.read(), re.S)[1]
    folder = t.path('services')
    service_file(folder, me())
    service_file(folder, somebody_else(), 'com.example.Other')
    closed = '  <policy context="default"><deny own="*"/></policy>\n'
    bus = t.bus(servicedir=folder, extra=closed + extra)
    service = t.connect(bus)
    t.equal(t.returned(request(service)), (1,), 'no rule speaks of this name')
    t.failed(request(service, 'com.example.Other'), 'AccessDenied')
    t.failed(request(service, 'org.example.Elsewhere'), 'AccessDenied', 'the policy')


if __name__ == '__main__':
    harness.main()
