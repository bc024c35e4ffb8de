#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Limits of containers: doc/containers1.md, section 7."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, INTERFACE, SERVICE, Server, add_server, echo, managed,
                        refused_connection, removal, rule, world)
from harness import test


def stop(t, manager, path):
    t.returned(manager.bus('StopServer', 'o', path, interface=INTERFACE))


def exhausted(t, bus, reply, name, value):
    t.failed(reply, 'LimitsExceeded', name)
    t.true(harness.wait_until(lambda: name in bus.log()), f'{name} is not in the log')
    line = next(line for line in bus.log().splitlines() if name in line)
    t.contains(line, str(value), 'value of the limit')


@test('7/limits/512 servers')
def five_hundred(t):
    bus, manager, _ = managed(t, limits={'max_containers': 512, 'max_containers_per_user': 10000})
    made = []
    for _ in range(512):
        made.append(t.returned(add_server(manager))[0])
    exhausted(t, bus, add_server(manager), 'max_containers', 512)
    stop(t, manager, made[100])
    t.returned(add_server(manager), 'one is free again')
    t.failed(add_server(manager), 'LimitsExceeded')


@test('7/limits/the default of max_containers_per_user')
def per_user_default(t):
    bus, manager, _ = managed(t)
    paths = [t.returned(add_server(manager))[0] for _ in range(16)]
    exhausted(t, bus, add_server(manager), 'max_containers_per_user', 16)
    other_manager = t.connect(bus)
    t.failed(add_server(other_manager), 'LimitsExceeded', 'the same user')
    stop(t, manager, paths[0])
    t.returned(add_server(other_manager))


@test('7/limits/max_containers_per_user counts each user (needs root)')
def per_user(t):
    harness.need_root()
    bus, manager, _ = managed(t, limits={'max_containers_per_user': 1}, extra=ANYBODY)
    os.chmod(bus.directory + '/bus', 0o777)
    t.returned(add_server(manager))
    t.failed(add_server(manager), 'LimitsExceeded')
    script = ('import containers, rawbus, sys\n'
              'c = rawbus.Connection(sys.argv[1])\n'
              'for n in range(2):\n'
              '  print(containers.add_server(c).error or "made")')
    run = t.run_as(65534, script, bus.address)
    t.equal(run.out.split(), ['made', 'org.freedesktop.DBus.Error.LimitsExceeded'], run.err)


@test('7/limits/a limit of 0 servers')
def none_at_all(t):
    _, manager, _ = managed(t, limits={'max_containers': 0})
    t.failed(add_server(manager), 'LimitsExceeded')


@test('7/limits/a failed AddServer is not counted')
def failures_are_free(t):
    _, manager, _ = managed(t, limits={'max_containers': 1})
    for _ in range(3):
        t.failed(add_server(manager, {'Nonsense': ('s', '')}), 'InvalidArgs')
    t.returned(add_server(manager))


@test('7/limits/max_connections_per_container')
def connections(t):
    bus, manager, _ = managed(t, limits={'max_connections_per_container': 3})
    server, other = Server(t, bus, manager=manager), Server(t, bus, manager=manager)
    open_ones = [server.connect() for _ in range(3)]
    t.true(refused_connection(t, server.address), 'a fourth')
    t.true(harness.wait_until(lambda: 'max_connections_per_container' in bus.log()), 'log')
    other.connect()
    open_ones[0].close()
    t.true(harness.wait_until(lambda: not refused_connection(t, server.address)), 'one is free')


@test('7/limits/connections that have not authenticated count')
def unauthenticated(t):
    bus, manager, _ = managed(t, limits={'max_connections_per_container': 2})
    server = Server(t, bus, manager=manager)
    for _ in range(2):
        silent = t.connect(server.address, auth=False)
        silent.send_raw(b'\0AUTH\r\n')
        t.contains(silent.read_line(), b'REJECTED')
    t.true(refused_connection(t, server.address), 'a third')


@test('7/limits/the default of max_connections_per_container')
def connections_default(t):
    bus, manager, _ = managed(t)
    server = Server(t, bus, manager=manager)
    for _ in range(8):
        server.connect()
    t.true(refused_connection(t, server.address), 'a ninth')


@test('7/limits/MaxConnections lowers it, and only lowers it')
def argument(t):
    bus, manager, _ = managed(t, limits={'max_connections_per_container': 3})
    for asked, effective in ((1, 1), (2, 2), (3, 3), (100, 3)):
        server = Server(t, bus, manager=manager, named={'MaxConnections': ('u', asked)})
        for _ in range(effective):
            server.connect()
        t.true(refused_connection(t, server.address), f'more than {effective} with {asked}')


def metadata_bytes(size):
    """Metadata of which type, ids and marshalled form together have this many bytes."""
    base = len('a.b') + len(rawbus.marshal('a{sv}', [{'k': ('ay', b'')}]))
    return {'k': ('ay', bytes(size - base))}


@test('7/limits/max_container_metadata_bytes')
def metadata(t):
    bus, manager, _ = managed(t, limits={'max_container_metadata_bytes': 1000})
    options = {'type': 'a.b', 'app': '', 'instance': ''}
    t.returned(add_server(manager, metadata=metadata_bytes(1000), **options), 'exactly')
    exhausted(t, bus, add_server(manager, metadata=metadata_bytes(1001), **options),
              'max_container_metadata_bytes', 1000)
    t.failed(add_server(manager, type='a.b', app='x' * 996, instance=''), 'LimitsExceeded')
    t.failed(add_server(manager, type='a.b', app='', instance='x' * 996), 'LimitsExceeded')


@test('7/limits/the default of max_container_metadata_bytes')
def metadata_default(t):
    _, manager, _ = managed(t)
    options = {'type': 'a.b', 'app': '', 'instance': ''}
    t.returned(add_server(manager, metadata=metadata_bytes(4096), **options))
    t.failed(add_server(manager, metadata=metadata_bytes(4097), **options), 'LimitsExceeded')


@test('7/limits/max_rules_per_container')
def rules(t):
    bus, manager, _ = managed(t, limits={'max_rules_per_container': 10})
    many = [rule(CALL, f'com.example.N{number}') for number in range(11)]
    t.returned(add_server(manager, {'Allow': ('a(usos)', many[:10])}, listen=True))
    exhausted(t, bus, add_server(manager, {'Allow': ('a(usos)', many)}, listen=True),
              'max_rules_per_container',
              10)


@test('7/limits/the default of max_rules_per_container')
def rules_default(t):
    _, manager, _ = managed(t)
    many = [rule(CALL, f'com.example.N{number}') for number in range(4097)]
    path, _ = t.returned(add_server(manager, {'Allow': ('a(usos)', many[:4096])}, listen=True))
    t.failed(add_server(manager, {'Allow': ('a(usos)', many)}, listen=True), 'LimitsExceeded')
    stop(t, manager, path)


@test('7/limits/thousands of rules work')
def rules_work(t):
    many = [rule(CALL, f'com.example.N{number}') for number in range(4095)]
    _, _, contained, service = world(t, many + [rule(CALL, SERVICE)])
    serial = contained.send(rawbus.call(SERVICE, '/x', 'a.b', 'C'))
    echo(service, service.wait_call('C'))
    t.returned(contained.wait_reply(serial))


@test('7/limits/a refused server leaves nothing behind')
def nothing_left(t):
    bus, manager, observer = managed(t, limits={'max_containers': 2})
    paths = [t.returned(add_server(manager))[0] for _ in range(2)]
    before = bus.count_fds()
    for _ in range(20):
        reader, _ = t.pipe()
        t.failed(add_server(manager, {'StopOnNotify': ('h', 0)}, [reader], listen=True),
                 'LimitsExceeded')
    t.equal(bus.count_fds(), before, 'descriptors of the bus')
    for path in paths:
        stop(t, manager, path)
        removal(observer, path)


@test('7/limits/an instance shares what one connection may have four times')
def instance_share(t):
    bus, manager, _ = managed(t, limits={'max_match_rules_per_connection': 10,
                                         'max_connections_per_container': 8})
    server = Server(t, bus, manager=manager)
    added = 0
    for number in range(6):
        contained = server.connect()
        for rule_number in range(10):
            reply = contained.bus('AddMatch', 's', f"member='M{number}x{rule_number}'")
            if reply.kind == rawbus.ERROR:
                t.failed(reply, 'LimitsExceeded')
                continue
            added += 1
    t.equal(added, 40, 'match rules')


@test('7/limits/names of an instance')
def instance_names(t):
    bus, manager, _ = managed(t, limits={'max_names_per_connection': 5})
    server = Server(t, bus, [(0x08 | 0x100, 'com.example.Names', '/', '')], manager=manager)
    owned = 0
    for number in range(5):
        contained = server.connect()
        for name in range(5):
            reply = contained.bus('RequestName', 'su', f'com.example.Names.N{number}x{name}', 4)
            owned += reply.kind == rawbus.RETURN
            if reply.kind == rawbus.ERROR:
                t.failed(reply, 'LimitsExceeded')
    t.true(owned <= 20, f'{owned} names')
    t.true(owned >= 15, f'{owned} names')


STOCK = '/usr/share/dbus-1/session.conf'
LOCAL = '<busconfig><limit name="max_containers_per_user">18</limit></busconfig>'


def with_local_configuration(t):
    """Has a program see a session-local.conf of the test's."""
    script = ('mount -t tmpfs none /etc/dbus-1 && '
              f"echo '{LOCAL}' >/etc/dbus-1/session-local.conf && " 'exec "$@"')
    as_user = [] if os.getuid() == 0 else ['--user', '--map-current-user', '--keep-caps']
    prefix = ['unshare', *as_user, '--mount', 'sh', '-c', script, 'sh']
    if not os.path.exists(STOCK):
        raise harness.Skip(f'{STOCK} is not installed')
    if t.run([*prefix, 'true']).returncode != 0:
        raise harness.Skip('nothing can be mounted in a namespace of its own here')
    return prefix


@test('7/limits/session-local.conf wins over those of the session')
def session_local(t):
    harness.need_conductor()
    process = t.spawn([*with_local_configuration(t), harness.CONDUCTOR, '--session', '--nofork',
                       '--print-address=1', f'--address=unix:dir={t.directory}'],
                      env={**os.environ, 'XDG_RUNTIME_DIR': t.directory},
                      stderr=subprocess.DEVNULL)
    manager = t.connect(harness.read_line(process.stdout.fileno(), 20))
    for n in range(18):
        t.returned(add_server(manager), f'server {n}')
    t.failed(add_server(manager), 'LimitsExceeded')
    process.terminate()
    t.equal(process.wait(20), 0, 'exit status')


if __name__ == '__main__':
    harness.main()
