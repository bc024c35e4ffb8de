#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A bus of many users: containers whose processes change theirs, and ids that go from hand to hand."""

import glob
import os
import pwd
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import EVERYBODY, connect
from containers import (CALL, INTERFACE, OWN, Server, add_server, connection_info, listening_socket,
                        refused_connection, request_header, rule)
from harness import test

NAME, IFACE = 'com.example.Service', 'com.example.I'
DYNAMIC = 61300                                 # of 61184 to 65519
OTHER_DYNAMIC = 61301

CHANGING = """
import os, sys
import rawbus
address, service, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
def ask(connection, member):
    reply = connection.call(service, '/a', 'com.example.I', member)
    return reply.body[0] if reply.kind == rawbus.RETURN else reply.error.rsplit('.')[-1]
root = rawbus.Connection(address)
answers = [ask(root, 'Who')]
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
changed = rawbus.Connection(address, uid=uid)
answers += [ask(root, 'Who'), ask(changed, 'Who'), ask(changed, 'Denied'), ask(root, 'Denied')]
print(*answers)
"""


def open_bus(t, extra='', **options):
    harness.need_root()
    bus = t.bus(extra=EVERYBODY + extra, **options)
    os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
    return bus


def serve(service, n_calls):
    """Answer with who asks: its container, and its uid as the bus tells it."""
    for _ in range(n_calls):
        call = service.wait_call()
        uid = service.bus('GetConnectionUnixUser', 's', call.sender).body[0]
        service.send(rawbus.reply_to(call, 's', f'{call.container}:{uid}'))


# --- containers of several users ---

@test('users/daemon and others in a container of root, by policy and rules')
def several(t):
    daemon = pwd.getpwnam('daemon').pw_uid
    bus = open_bus(t, '  <policy user="daemon"><deny send_interface="com.example.I" '
                      'send_member="NotDaemon"/></policy>\n')
    service = t.connect(bus)
    request_header(service)
    service.own(NAME)
    server = Server(t, bus, [rule(CALL, NAME, '/a', f'{IFACE}.{member}')
                             for member in ('Who', 'NotDaemon')],
                    named={'Users': ('au', [0, daemon, DYNAMIC])})
    for uid in (0, daemon, DYNAMIC):
        app = connect(t, server.address, uid)
        for member in ('Who', 'NotDaemon'):
            serial = app.send(rawbus.call(NAME, '/a', IFACE, member))
            if (uid, member) == (daemon, 'NotDaemon'):
                t.failed(app.wait_reply(serial), 'AccessDenied', 'policy')
                continue
            serve(service, 1)
            t.equal(app.wait_reply(serial).body, (f'{server.path}:{uid}',))
        t.failed(app.call(NAME, '/a', IFACE, 'Else'), 'AccessDenied', 'rules')
        path, creator, *_ = t.returned(connection_info(service, app.unique))
        t.equal((path, creator['UnixUserID'].value), (server.path, 0), 'the creator stays root')
        known = service.bus('GetConnectionCredentials', 's', app.unique).body[0]
        t.equal(known['UnixUserID'].value, uid)
    records = [line for line in bus.log().splitlines() if 'denied' in line]
    t.equal([word for line in records for word in line.split() if word.startswith('Layer=')],
            ['Layer=container', 'Layer=xml', 'Layer=container', 'Layer=container'])


@test('users/without Users only the manager\'s own')
def refused(t):
    daemon = pwd.getpwnam('daemon').pw_uid
    bus = open_bus(t)
    server = Server(t, bus)
    connect(t, server.address, 0).close()
    for uid in (daemon, DYNAMIC):
        os.seteuid(uid)
        try:
            t.true(refused_connection(t, server.address, uid=uid), f'{uid} is refused')
        finally:
            os.seteuid(0)
    t.contains(bus.log(), 'MessageType=connect')
    manager = connect(t, bus, DYNAMIC)
    sock, _ = listening_socket(t, 'theirs')
    reply = add_server(manager, {'ListenSocket': ('h', 0), 'Users': ('au', [DYNAMIC, daemon])},
                       [sock])
    t.failed(reply, 'AccessDenied', 'only root speaks for others')


@test('users/a process that gives up its user stays in its container')
def changing(t):
    bus = open_bus(t, f'  <policy user="{DYNAMIC}"><deny send_interface="com.example.I" '
                      'send_member="Denied"/></policy>\n')
    service = t.connect(bus)
    request_header(service)
    service.own(NAME)
    server = Server(t, bus, [rule(CALL, NAME)], named={'Users': ('au', [0, DYNAMIC])})
    app = t.spawn(['/usr/bin/python3', '-B', '-c', CHANGING, server.address, NAME, str(DYNAMIC)],
                  env=dict(os.environ, PYTHONPATH=harness.HERE))
    serve(service, 4)
    out, err = app.communicate(timeout=60)
    t.equal(err, b'')
    root, user = f'{server.path}:0', f'{server.path}:{DYNAMIC}'
    t.equal(out.decode().split(), [root, root, user, 'AccessDenied', root],
            'a connection keeps the user that it came with')


# --- ids that are used again ---

@test('dynamic/nothing of a user who has gone is left to the next one with his id')
def recycled(t):
    bus = open_bus(t,
                   limits={'max_names_per_connection': 3, 'max_match_rules_per_connection': 2,
                           'max_connections_per_user': 3, 'max_containers_per_user': 1})
    observer = t.connect(bus)
    server = Server(t, bus, [], named={'Users': ('au', [0])})
    app = server.connect()
    first = connect(t, bus, DYNAMIC)
    for name in ('com.example.A', 'com.example.B'):
        first.own(name)
    for member in ('One', 'Two'):
        first.add_match(f"member='{member}'")
    t.returned(first.bus('AllowContainers', 'oa(uos)', '/', [(CALL | 0x200, '/', '')],
                         interface=INTERFACE))
    request_header(first)
    t.returned(first.bus('RequestSenderFacts', 'as', ['UnixUserID'], interface=INTERFACE))
    Server(t, bus, manager=first)
    t.failed(add_server(first), 'LimitsExceeded', 'one is what he may have')
    serial = app.send(rawbus.call('com.example.A', '/a', IFACE, 'Method'))
    first.send(rawbus.reply_to(first.wait_call()))
    t.returned(app.wait_reply(serial), 'opt-in')
    mine = [first, connect(t, bus, DYNAMIC), connect(t, bus, DYNAMIC)]
    observer.add_match("member='NameOwnerChanged'")
    gone = {connection.unique for connection in mine}
    for connection in mine:
        connection.close()
    while gone:
        gone.discard(observer.wait_signal('NameOwnerChanged').body[0])

    second = connect(t, bus, DYNAMIC)
    for _ in range(2):
        connect(t, bus, DYNAMIC)
    for name in ('com.example.A', 'com.example.B'):
        t.failed(observer.bus('GetNameOwner', 's', name), 'NameHasNoOwner', 'name')
        second.own(name)
    for member in ('Three', 'Four'):
        second.add_match(f"member='{member}'")
    t.equal(t.returned(second.bus('ListServers', interface=INTERFACE)), ([server.path],), 'servers')
    t.returned(add_server(second), 'and places for them')
    observer.send(rawbus.signal('/a', IFACE, 'One'))
    observer.sync()
    serial = observer.send(rawbus.call(second.unique, '/a', IFACE, 'Method'))
    call = second.wait_call()
    t.equal(call.container, None, 'RequestHeader')
    t.equal(call.field(240), None, 'RequestSenderFacts')
    second.send(rawbus.reply_to(call))
    t.returned(observer.wait_reply(serial))
    t.equal([m for m in second.drain() if m.member == 'One'], [], 'match')
    reply = app.call('com.example.A', '/a', IFACE, 'Method')
    t.failed(reply, 'ServiceUnknown', 'opt-in and remembered verdict')


# --- users whom the system gets to know late ---

def extrausers(t):
    """Prefix of a bus for which libnss-extrausers knows users, and how to set them."""
    harness.need_root()
    harness.need_program('unshare')
    library = 'libnss_extrausers.so.2'
    if not glob.glob(f'/usr/lib/{library}') + glob.glob(f'/usr/lib/*/{library}'):
        raise harness.Skip('needs libnss-extrausers')
    folder = t.path('extrausers')
    os.mkdir(folder, 0o755)
    switch = t.path('nsswitch.conf')
    with open(switch, 'w', encoding='utf-8') as out:
        out.write('passwd: files extrausers\ngroup: files extrausers\n')

    def know(**users):
        path = os.path.join(folder, 'passwd')
        with open(path + '.new', 'w', encoding='utf-8') as out:
            out.write(''.join(f'{name}:x:{uid}:{uid}::/:/bin/false\n'
                              for name, uid in users.items()))
        os.rename(path + '.new', path)
    know()
    script = ('mount --make-rprivate / && mkdir -p /var/lib/extrausers && '
              f'mount --bind {folder} /var/lib/extrausers && '
              f'mount --bind {switch} /etc/nsswitch.conf && exec "$@"')
    prefix = ['unshare', '-m', 'sh', '-c', script, 'sh']
    if t.run([*prefix, 'true']).returncode:
        raise harness.Skip('cannot mount')
    return prefix, know


@test('dynamic/policies by name, of users that libnss-extrausers knows late')
def late(t):
    prefix, know = extrausers(t)
    bus = open_bus(t, '  <policy user="dynsvc"><deny send_interface="com.example.I" '
                      'send_member="NotDynsvc"/></policy>\n', prefix=prefix)
    service = t.connect(bus)
    service.own(NAME)

    def may_send(app):
        serial = app.send(rawbus.call(NAME, '/a', IFACE, 'NotDynsvc'))
        app.sync()
        errors = [m for m in app.drain() if m.reply_serial == serial]
        if not errors:
            service.wait_call('NotDynsvc')
        return not errors
    before = connect(t, bus, DYNAMIC)
    t.true(may_send(before), 'nobody has the name')
    before.close()
    know(dynsvc=DYNAMIC)
    first = connect(t, bus, DYNAMIC)
    t.true(not may_send(first), 'the user is there')
    t.true(may_send(connect(t, bus, OTHER_DYNAMIC)), 'another one')
    first.close()
    know(dynother=DYNAMIC, dynsvc=OTHER_DYNAMIC)
    t.true(may_send(connect(t, bus, DYNAMIC)), 'the id is somebody else\'s')
    t.true(not may_send(connect(t, bus, OTHER_DYNAMIC)), 'and the name has another id')


@test('dynamic/a name in a container follows the user of its service file')
def late_owner(t):
    prefix, know = extrausers(t)
    folder = t.path('services')
    os.mkdir(folder, 0o755)
    with open(os.path.join(folder, NAME + '.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={NAME}\nExec=/bin/false\nUser=dynsvc\n')
    bus = open_bus(t, '  <service_owner_check/>\n', servicedir=folder, prefix=prefix)
    server = Server(t, bus, [rule(OWN, NAME)],
                    named={'Users': ('au', [0, DYNAMIC, OTHER_DYNAMIC])})
    apps = [connect(t, server.address, uid) for uid in (DYNAMIC, OTHER_DYNAMIC)]
    for app in apps:
        t.failed(app.bus('RequestName', 'su', NAME, 4), 'AccessDenied', 'nobody has the name')
    for owner, other, uid in ((*apps, DYNAMIC), (*apps[::-1], OTHER_DYNAMIC)):
        know(dynsvc=uid)
        t.failed(other.bus('RequestName', 'su', NAME, 4), 'AccessDenied')
        t.equal(t.returned(owner.bus('RequestName', 'su', NAME, 4)), (1,))
        t.returned(owner.bus('ReleaseName', 's', NAME))


if __name__ == '__main__':
    harness.main()
