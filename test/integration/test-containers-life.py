#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How container servers begin and end."""

import os
import select
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (ANYBODY, CALL, INTERFACE, NOT_CONTAINER, Server, add_server,
                        connection_info, file_of,
                        listening_socket, managed, refused_connection, removal, rule, settled_fds,
                        watch_removal)
from harness import test

BASE = '/org/freedesktop/DBus/Containers1/c'


def is_listening(server):
    """Whether a new connection is served."""
    return not refused_connection(server.case, server.address)


@test('2/life/AddServer with a listening socket')
def listen_socket(t):
    bus, manager, _ = managed(t)
    server = Server(t, bus, manager=manager)
    t.true(server.path.startswith(BASE), server.path)
    t.equal(server.results, {}, 'results')
    contained = server.connect()
    path, _, kind, app, instance, metadata = t.returned(connection_info(manager, contained.unique))
    t.equal((path, kind, app, instance, metadata),
            (server.path, 'com.example.Sandbox', 'com.example.App', 'i1', {}), 'GetConnectionInfo')


@test('2/life/paths count up and are not reused')
def paths(t):
    bus, manager, _ = managed(t)
    numbers = []
    for _ in range(3):
        server = Server(t, bus, manager=manager)
        numbers.append(int(server.path.removeprefix(BASE)))
        t.returned(server.stop())
    t.equal(numbers, sorted(set(numbers)), 'paths')
    t.equal(numbers[2] - numbers[0], 2, 'no number is left out')


@test('2/life/clients that came before AddServer are accepted')
def waiting_clients(t):
    bus, manager, _ = managed(t)
    sock, path = listening_socket(t, 'early')
    early = socket.socket(socket.AF_UNIX)
    t.cleanups.append(early.close)
    early.connect(path)
    t.returned(add_server(manager, {'ListenSocket': ('h', 0)}, [sock]))
    connection = rawbus.Connection(sock=early)
    t.connections.append(connection)
    t.returned(connection.bus('GetId'))


@test('2/life/an abstract socket of the manager')
def abstract_socket(t):
    bus, manager, _ = managed(t)
    sock = socket.socket(socket.AF_UNIX)
    t.cleanups.append(sock.close)
    sock.bind(b'')                              # the kernel chooses an abstract name
    sock.listen()
    t.returned(add_server(manager, {'ListenSocket': ('h', 0)}, [sock]))
    t.connect(f'unix:abstract={sock.getsockname()[1:].decode()}')


@test('2/life/a server made by the bus')
def bus_made(t):
    bus, manager, observer = managed(t)
    path, results = t.returned(add_server(manager, {}))
    t.equal(sorted(results), ['Address', 'SocketPath'], 'results')
    t.equal((results['Address'].signature, results['SocketPath'].signature), ('s', 'ay'), 'types')
    file_name = results['SocketPath'].value
    t.true(file_name.endswith(b'\0') and file_name.startswith(b'/'), f'{file_name}')
    file_name = file_name[:-1].decode()
    expected = '/run/dbus/containers/' if os.getuid() == 0 else f'{bus.runtime}/dbus-1/containers/'
    t.true(file_name.startswith(expected), f'{file_name} is not below {expected}')
    t.equal(rawbus.parse_address(results['Address'].value).decode(), file_name, 'Address')
    contained = t.connect(results['Address'].value)
    t.equal(t.returned(connection_info(manager, contained.unique))[0], path, 'path')
    contained.close()
    t.returned(manager.bus('StopServer', 'o', path, interface=INTERFACE))
    removal(observer, path)
    t.true(not os.path.lexists(file_name), 'the socket is left behind')


@test('2/life/the bus unlinks its sockets when it exits')
def bus_exits(t):
    bus, manager, _ = managed(t)
    _, results = t.returned(add_server(manager, {}))
    file_name = results['SocketPath'].value[:-1]
    t.true(os.path.lexists(file_name), 'the socket is not there')
    t.equal(bus.quit(), 0, 'exit status')
    t.true(not os.path.lexists(file_name), 'the socket is left behind')


def unlinked(path):
    return harness.wait_until(lambda: not os.path.lexists(path))


@test('2/life/UnlinkSocket: the bus unlinks the file when it stops listening')
def unlink_socket(t):
    bus, manager, _ = managed(t)
    for member in ('StopListening', 'StopServer'):
        server = Server(t, bus, manager=manager, unlink=True)
        t.true(os.path.lexists(server.socket_path), 'the socket is not there')
        server.connect()
        t.returned(server.stop(member))
        t.true(not os.path.lexists(server.socket_path), f'{member}: the socket is left behind')
    leaver = t.connect(bus)
    server = Server(t, bus, manager=leaver, unlink=True)
    leaver.close()
    t.true(unlinked(server.socket_path), 'the manager has gone: the socket is left behind')
    reader, writer = t.pipe()
    server = Server(t, bus, named={'StopOnNotify': ('h', 1)}, fds=[writer], unlink=True)
    t.close(writer)
    t.close(reader)
    t.true(unlinked(server.socket_path), 'StopOnNotify: the socket is left behind')
    server = Server(t, bus, manager=manager, unlink=True)
    t.equal(bus.quit(), 0, 'exit status')
    t.true(not os.path.lexists(server.socket_path), 'the bus has gone: the socket is left behind')


@test('2/life/UnlinkSocket: only the file that it was')
def unlink_same(t):
    bus, manager, _ = managed(t)
    for what in ('file', 'socket'):
        server = Server(t, bus, manager=manager, unlink=True)
        os.rename(server.socket_path, t.path('aside'))
        if what == 'file':
            with open(server.socket_path, 'w', encoding='utf-8'):
                pass
        else:
            other = socket.socket(socket.AF_UNIX)
            t.cleanups.append(other.close)
            other.bind(server.socket_path)
        t.returned(server.stop())
        t.true(os.path.lexists(server.socket_path), f'another {what} was unlinked')
    server = Server(t, bus, manager=manager, named={})
    t.returned(server.stop())
    t.true(os.path.lexists(server.socket_path), 'without it, the socket was unlinked')


@test('2/life/UnlinkSocket: what it is refused for')
def unlink_refused(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    abstract = socket.socket(socket.AF_UNIX)
    t.cleanups.append(abstract.close)
    abstract.bind(b'')
    abstract.listen()
    moved, path = listening_socket(t, 'moved')
    os.rename(path, path + '.away')
    bound, path = listening_socket(t, 'bound')
    other, _ = listening_socket(t, 'other')
    reader, _ = t.pipe()
    moved_file, file = file_of(t, t.path('moved.away')), file_of(t, path)
    listen, unlink = {'ListenSocket': ('h', 0)}, {'UnlinkSocket': ('h', 1)}
    for named, fds in (({'UnlinkSocket': ('h', 0)}, [file]),
                       ({**listen, **unlink}, [abstract, file]),
                       ({**listen, **unlink}, [moved, moved_file]),
                       ({**listen, **unlink}, [bound, bound]), ({**listen, **unlink}, [bound]),
                       ({**listen, **unlink}, [bound, moved_file]),
                       ({**listen, **unlink}, [other, file]),
                       ({**listen, 'ReadyNotify': ('h', 2), **unlink}, [bound, file, reader]),
                       ({**listen, 'UnlinkSocket': ('b', True)}, [bound])):
        t.failed(add_server(manager, named, fds), 'InvalidArgs', f'{named}')
    # one that fails for another reason leaves the manager's socket alone
    t.failed(add_server(manager, {**listen, **unlink, 'StopOnNotify': ('h', 9)}, [bound, file]),
             'InvalidArgs')
    t.true(os.path.lexists(t.path('bound')), 'the socket has gone')
    t.equal(bus.count_fds(), before, 'descriptors of the bus')


@test('2/life/UnlinkSocket by another uid (needs root)')
def unlink_other(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    script = ("import socket, sys, os\nimport rawbus\nfrom containers import add_server\n"
              "sock = socket.socket(socket.AF_UNIX)\nsock.bind(sys.argv[2])\nsock.listen()\n"
              "reply = add_server(rawbus.Connection(sys.argv[1]), {'ListenSocket': ('h', 0), "
              "'UnlinkSocket': ('h', 1)}, [sock, os.open(sys.argv[2], os.O_PATH)])\n"
              "print(reply.error)")
    folder = t.path('open')
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    process = t.run_as(65534, script, bus.address, f'{folder}/s')
    t.contains(process.out, 'AccessDenied', process.err)
    t.true(os.path.lexists(f'{folder}/s'), 'the socket has gone')


@test('2/life/a socket of the manager is not unlinked')
def not_unlinked(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    t.returned(server.stop())
    removal(observer, server.path)
    t.true(os.path.lexists(server.socket_path), 'the socket has gone')


@test('2/life/StopListening lets connections go on')
def stop_listening(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    contained = server.connect()
    t.returned(server.stop('StopListening'))
    t.true(not is_listening(server), 'it still accepts')
    t.returned(contained.bus('GetId'), 'the open connection')
    t.returned(server.info(), 'the server lives')
    t.returned(server.stop('StopListening'), 'twice is fine')
    contained.close()
    removal(observer, server.path)
    t.failed(server.stop('StopListening'), NOT_CONTAINER)
    t.failed(server.info(), NOT_CONTAINER)


@test('2/life/StopListening without connections removes the server')
def stop_listening_empty(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    t.returned(server.stop('StopListening'))
    removal(observer, server.path)
    t.failed(server.info(), NOT_CONTAINER)


@test('2/life/StopServer closes the connections')
def stop_server(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    one, two = server.connect(), server.connect()
    t.returned(server.stop())
    one.wait_closed()
    two.wait_closed()
    removal(observer, server.path)
    t.failed(server.stop(), NOT_CONTAINER)
    t.equal([m.member for m in observer.drain() if m.member != 'ServerAdded'], [],
            'ServerRemoved comes once')


@test('2/life/what StopServer frees is free before its reply')
def freed_at_once(t):
    bus, manager, _ = managed(t, limits={'max_containers': 1})
    for _ in range(5):
        server = Server(t, bus, manager=manager)
        server.connect()
        t.returned(server.stop())


@test('2/life/StopServer by others')
def stop_by_others(t):
    bus, manager, _ = managed(t)
    server = Server(t, bus, manager=manager)
    contained = server.connect()
    for member in ('StopServer', 'StopListening'):
        t.failed(contained.bus(member, 'o', server.path, interface=INTERFACE), 'AccessDenied')
    colleague = t.connect(bus)
    t.returned(colleague.bus('StopServer', 'o', server.path, interface=INTERFACE))


@test('2/life/StopServer by another uid (needs root)')
def stop_by_other_uid(t):
    harness.need_root()
    bus = t.bus(extra=ANYBODY)
    os.chmod(bus.directory + '/bus', 0o777)
    server = Server(t, bus)
    for member in ('StopServer', 'StopListening'):
        output = as_user(t, 65534, bus.address, server.path, member)
        t.contains(output, 'AccessDenied', member)
    t.returned(server.info(), 'it still lives')


def as_user(t, uid, address, path, member):
    """What another user is answered to a Stop method."""
    script = ('import rawbus, sys; '
              'r = rawbus.Connection(sys.argv[1]).bus(sys.argv[3], "o", sys.argv[2], '
              f'interface="{INTERFACE}"); print(r.error or "returned")')
    run = t.run_as(uid, script, address, path, member)
    return run.out + run.err


@test('2/life/unknown paths')
def unknown_paths(t):
    _, manager, _ = managed(t)
    for path in ('/', '/org/freedesktop/DBus/Containers1', BASE + '77', BASE + '00', BASE + 'x',
                 BASE + '18446744073709551616', '/org/freedesktop/DBus'):
        for member in ('StopServer', 'StopListening', 'GetServerInfo'):
            t.failed(manager.bus(member, 'o', path, interface=INTERFACE), NOT_CONTAINER,
                     f'{member} {path}')


@test('2/life/a manager that goes stops the listening')
def manager_goes(t):
    bus, _, observer = managed(t)
    server = Server(t, bus)
    contained = server.connect()
    server.manager.close()
    t.true(harness.wait_until(lambda: not is_listening(server)), 'it still accepts')
    t.returned(contained.bus('GetId'), 'the open connection')
    t.returned(server.info(observer), 'the server lives')
    contained.close()
    removal(observer, server.path)


@test('2/life/a manager that goes, no connections')
def manager_goes_empty(t):
    bus, _, observer = managed(t)
    server = Server(t, bus)
    server.manager.close()
    removal(observer, server.path)
    t.true(not is_listening(server), 'it still accepts')


@test('2/life/a manager that is killed')
def manager_killed(t):
    bus, _, observer = managed(t)
    script = ('import sys; sys.path.insert(0, sys.argv[1]); import containers, rawbus, signal\n'
              'c = rawbus.Connection(sys.argv[2])\n'
              'r = containers.add_server(c)\n'
              'print(r.body[0], flush=True); signal.pause()')
    process = t.spawn(['/usr/bin/python3', '-B', '-c', script, harness.HERE, bus.address])
    path = harness.read_line(process.stdout.fileno(), 20)
    t.returned(observer.bus('GetServerInfo', 'o', path, interface=INTERFACE))
    process.kill()
    process.wait()
    removal(observer, path)


@test('2/life/StopOnDisconnect=false outlives the manager')
def no_stop_on_disconnect(t):
    bus, _, observer = managed(t)
    server = Server(t, bus, named={'StopOnDisconnect': ('b', False)})
    name = server.manager.unique
    observer.add_match("member='NameOwnerChanged'")
    server.manager.close()
    observer.wait_for(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == name)
    t.true(is_listening(server), 'it does not accept')
    info = t.returned(server.info(observer))
    t.equal(info[0]['UnixUserID'].value, os.getuid(), 'the creator is known')
    t.returned(observer.bus('StopServer', 'o', server.path, interface=INTERFACE))
    removal(observer, server.path)


@test('2/life/DisconnectOnStop with the manager')
def disconnect_on_stop(t):
    bus, _, observer = managed(t)
    server = Server(t, bus, named={'DisconnectOnStop': ('b', True)})
    contained = server.connect()
    server.manager.close()
    contained.wait_closed()
    removal(observer, server.path)


@test('2/life/DisconnectOnStop does not change StopListening')
def disconnect_on_stop_listening(t):
    bus, manager, _ = managed(t)
    server = Server(t, bus, manager=manager, named={'DisconnectOnStop': ('b', True)})
    contained = server.connect()
    t.returned(server.stop('StopListening'))
    t.returned(contained.bus('GetId'))


def register_notify(title, trigger, **extra):
    @test(f'2/life/StopOnNotify: {title}')
    def notify(t):
        bus, manager, observer = managed(t)
        given, kept = trigger.make(t)
        server = Server(t, bus, manager=manager, fds=[given],
                        named={'StopOnNotify': ('h', 1), **extra})
        trigger.given(t, given)
        contained = server.connect()
        trigger.fire(t, kept)
        t.true(harness.wait_until(lambda: not is_listening(server)), 'it still accepts')
        if extra:
            contained.wait_closed()
        else:
            t.returned(contained.bus('GetId'), 'the open connection')
            contained.close()
        removal(observer, server.path)


class ReadingEnd:
    """The bus has the reading end of a pipe."""

    def __init__(self, fire):
        self.fire = fire

    def make(self, t):
        return t.pipe()

    def given(self, t, fd):
        t.close(fd)


class WritingEnd(ReadingEnd):
    def make(self, t):
        reader, writer = t.pipe()
        return writer, reader


register_notify('readable', ReadingEnd(lambda t, fd: os.write(fd, b'x')))
register_notify('hang-up', ReadingEnd(lambda t, fd: t.close(fd)))
register_notify('the readers of a pipe are gone', WritingEnd(lambda t, fd: t.close(fd)))
register_notify('with DisconnectOnStop', ReadingEnd(lambda t, fd: t.close(fd)),
                DisconnectOnStop=('b', True))


@test('2/life/StopOnNotify that has already happened')
def notify_at_once(t):
    bus, manager, observer = managed(t)
    reader, writer = t.pipe()
    t.close(writer)
    sock, _ = listening_socket(t, 'notify')
    path, _ = t.returned(add_server(manager, {'ListenSocket': ('h', 0), 'StopOnNotify': ('h', 1)},
                                    [sock, reader]))
    removal(observer, path)


# ReadyNotify

def unready(t, manager, **options):
    """A server that waits; (path of server, socket, its path, our end of the notification)"""
    reader, writer = t.pipe()
    sock, name = listening_socket(t, 'ready', listen=False, bind=options.pop('bind', False))
    path, _ = t.returned(add_server(manager, {'ListenSocket': ('h', 0), 'ReadyNotify': ('h', 1),
                                              **options}, [sock, reader]))
    t.close(reader)
    return path, sock, name, writer


@test('2/life/ReadyNotify: bound and listening only after AddServer')
def ready(t):
    for how in ('write', 'close'):
        bus, manager, _ = managed(t)
        path, sock, name, writer = unready(t, manager)
        t.returned(manager.bus('GetServerInfo', 'o', path, interface=INTERFACE))
        sock.bind(name)
        sock.listen()
        early = socket.socket(socket.AF_UNIX)
        t.cleanups.append(early.close)
        early.connect(name)
        early.send(b'\0AUTH\r\n')
        manager.sync()
        t.equal(select.select([early], [], [], 0)[0], [], 'served before it was ready')
        if how == 'write':
            os.write(writer, b'x')
        else:
            t.close(writer)
        contained = t.connect(f'unix:path={name}')
        t.equal(t.returned(connection_info(manager, contained.unique))[0], path, 'path')
        t.contains(early.recv(100), b'REJECTED', 'the early one')
        os.unlink(name)


@test('2/life/ReadyNotify that never comes')
def never_ready(t):
    _, manager, observer = managed(t)
    path, _, _, _ = unready(t, manager)
    t.returned(manager.bus('GetServerInfo', 'o', path, interface=INTERFACE))
    manager.close()
    removal(observer, path)


@test('2/life/ReadyNotify that never comes, StopServer')
def never_ready_stop(t):
    for member in ('StopServer', 'StopListening'):
        _, manager, observer = managed(t)
        path, _, _, _ = unready(t, manager)
        t.returned(manager.bus(member, 'o', path, interface=INTERFACE))
        removal(observer, path)
        observer.drain()


@test('2/life/ReadyNotify comes but the socket does not listen')
def ready_not_listening(t):
    for bind in (False, True):
        bus, manager, observer = managed(t)
        path, _, name, writer = unready(t, manager, bind=bind)
        t.close(writer)
        removal(observer, path)
        t.failed(manager.bus('GetServerInfo', 'o', path, interface=INTERFACE), NOT_CONTAINER)
        t.contains(bus.log(), path, 'the log')
        if bind:
            os.unlink(name)


@test('2/life/StopOnNotify before ReadyNotify')
def stop_before_ready(t):
    _, manager, observer = managed(t)
    ready_reader, _ = t.pipe()
    stop_reader, stop_writer = t.pipe()
    sock, _ = listening_socket(t, 'both', listen=False, bind=False)
    path, _ = t.returned(add_server(manager, {'ListenSocket': ('h', 0), 'ReadyNotify': ('h', 1),
                                              'StopOnNotify': ('h', 2)},
                                    [sock, ready_reader, stop_reader]))
    t.close(stop_writer)
    removal(observer, path)


@test('2/life/ServerRemoved is sent to uncontained receivers only, and once')
def removed_signal(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    inside = Server(t, bus, [rule(CALL, '')], manager=manager).connect()
    watch_removal(inside)
    t.returned(server.stop())
    removal(observer, server.path)
    t.equal([m.member for m in inside.drain() if m.interface == INTERFACE], [],
            'contained receiver')
    t.equal([m for m in observer.drain() if m.member == 'ServerRemoved'], [], 'second signal')


@test('2/life/no ServerRemoved for an AddServer that failed')
def failed_is_silent(t):
    _, manager, observer = managed(t)
    t.failed(add_server(manager, {'Nonsense': ('s', '')}), 'InvalidArgs')
    t.equal([m.member for m in observer.drain()], [], 'signals')


@test('2/life/a connection that has not authenticated keeps no server alive')
def unauthenticated(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    silent = t.connect(server.address, auth=False)
    t.connect(server.address).close()
    t.returned(server.stop('StopListening'))
    removal(observer, server.path)
    silent.wait_closed()


@test('2/life/only EXTERNAL, only the creator')
def authentication(t):
    bus, manager, _ = managed(t, extra='  <auth>ANONYMOUS</auth>\n  <allow_anonymous/>\n')
    server = Server(t, bus, manager=manager)
    connection = t.connect(server.address, auth=False)
    connection.send_raw(b'\0')
    t.equal(connection.auth_line(b'AUTH ANONYMOUS'), b'REJECTED EXTERNAL', 'ANONYMOUS')
    t.equal(connection.auth_line(b'AUTH DBUS_COOKIE_SHA1 30'), b'REJECTED EXTERNAL', 'cookies')


@test('2/life/another uid is hung up on (needs root)')
def other_uid(t):
    harness.need_root()
    bus, manager, _ = managed(t)
    server = Server(t, bus, manager=manager)
    allowed = Server(t, bus, manager=manager, named={'Users': ('au', [65534])})
    script = ('import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n'
              'try:\n s.send(b"\\0AUTH\\r\\n"); print(s.recv(100))\n'
              'except ConnectionError:\n print(b"")')
    for which, expected in ((server, "b''"), (allowed, 'REJECTED EXTERNAL')):
        run = t.run(['/usr/bin/python3', '-c', script, which.socket_path], user=65534,
                    group=65534, extra_groups=[], cwd='/')
        t.contains(run.out, expected, f'{which.path} {run.err}')
    t.true(refused_connection(t, allowed.address), 'the creator is not among Users')


@test('2/life/removal while a client is in the middle of a message')
def cut_off(t):
    bus, manager, observer = managed(t)
    server = Server(t, bus, manager=manager)
    contained = server.connect()
    contained.send_raw(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId',
                                   serial=9).encode()[:40])
    t.returned(server.stop())
    contained.wait_closed()
    removal(observer, server.path)


@test('2/life/ListServers')
def list_servers(t):
    bus, manager, _ = managed(t)
    servers = [Server(t, bus, manager=manager) for _ in range(3)]
    listed = t.returned(manager.bus('ListServers', interface=INTERFACE))[0]
    t.equal(sorted(listed), sorted(server.path for server in servers), 'ListServers')
    contained = servers[0].connect()
    t.failed(contained.bus('ListServers', interface=INTERFACE), 'AccessDenied')
    t.returned(servers[1].stop())
    listed = t.returned(manager.bus('ListServers', interface=INTERFACE))[0]
    t.equal(sorted(listed), sorted((servers[0].path, servers[2].path)), 'after StopServer')


if __name__ == '__main__':
    harness.main()
