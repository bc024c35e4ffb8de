#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What AddServer takes, gives back and refuses; a refusal leaves nothing behind."""

import ctypes
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import INTERFACE, Server, add_server, listening_socket, managed, settled_fds
from harness import test


def bad_sockets(t):
    """(title, descriptor) of what no ListenSocket is."""
    not_listening, _ = listening_socket(t, 'not-listening', listen=False)
    pair = socket.socketpair()
    internet = socket.socket(socket.AF_INET)
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    unbound = socket.socket(socket.AF_UNIX)
    packets.bind(t.path('packets'))
    packets.listen()
    for sock in (*pair, internet, datagram, packets, unbound):
        t.cleanups.append(sock.close)
    internet.bind(('127.0.0.1', 0))
    internet.listen()
    null = os.open('/dev/null', os.O_RDWR | os.O_CLOEXEC)
    directory = os.open('/', os.O_RDONLY | os.O_CLOEXEC)
    t.fds += [null, directory]
    return (('not listening', not_listening), ('already connected', pair[0]),
            ('a pipe', t.pipe()[0]),
            ('AF_INET', internet), ('datagrams', datagram), ('packets', packets),
            ('unbound', unbound), ('/dev/null', null), ('a directory', directory))


@test('2/arguments/sockets that are none')
def wrong_sockets(t):
    bus, manager, observer = managed(t)
    before = settled_fds(bus, manager)
    for title, thing in bad_sockets(t):
        reply = add_server(manager, {'ListenSocket': ('h', 0)}, [thing])
        t.failed(reply, 'InvalidArgs', title)
        t.equal(bus.count_fds(), before, f'{title}: descriptors of the bus')
    observer.drain()
    t.returned(add_server(manager))


@test('2/arguments/the number of the descriptor is wrong')
def wrong_index(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    sock, _ = listening_socket(t, 'index')
    for index in (1, 7, 0xffffffff):
        t.failed(add_server(manager, {'ListenSocket': ('h', index)}, [sock]), 'InvalidArgs')
    t.failed(add_server(manager, {'ListenSocket': ('h', 0)}), 'InvalidArgs')
    t.equal(bus.count_fds(), before, 'descriptors of the bus')


@test('2/arguments/descriptors that nobody asked for')
def extra_descriptors(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    sock, _ = listening_socket(t, 'extra')
    reply = add_server(manager, {'ListenSocket': ('h', 0)}, [sock, *t.pipe()])
    if reply.kind == rawbus.RETURN:
        t.equal(bus.count_fds(), before + 1, 'descriptors of the bus')
    else:
        t.failed(reply, 'InvalidArgs')
        t.equal(bus.count_fds(), before, 'descriptors of the bus')


WRONG_ARGUMENTS = {
    'an unknown key': {'Nonsense': ('s', 'x')},
    'an unknown key with a dot': {'com.example.Key': ('s', 'x')},
    'an empty key': {'': ('s', 'x')},
    'Allow of the wrong type': {'Allow': ('as', [])},
    'Allow without the path': {'Allow': ('a(uss)', [])},
    'ListenSocket of the wrong type': {'ListenSocket': ('u', 0)},
    'StopOnDisconnect of the wrong type': {'StopOnDisconnect': ('u', 1)},
    'StopOnNotify of the wrong type': {'StopOnNotify': ('b', True)},
    'DisconnectOnStop of the wrong type': {'DisconnectOnStop': ('s', 'true')},
    'Users of the wrong type': {'Users': ('ai', [0])},
    'Users empty': {'Users': ('au', [])},
    'MaxConnections of the wrong type': {'MaxConnections': ('i', 1)},
    'MaxConnections 0': {'MaxConnections': ('u', 0)},
    'Permissive of the wrong type': {'Permissive': ('u', 1)},
    'Groups of the wrong type': {'Groups': ('s', 'x')},
    'Groups unknown': {'Groups': ('as', ['there-is-no-such-group'])},
    'ReadyNotify without ListenSocket': {'ReadyNotify': ('h', 0)},
}


@test('2/arguments/named arguments that are wrong')
def wrong_arguments(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    for title, named in WRONG_ARGUMENTS.items():
        text = t.failed(add_server(manager, named, t.pipe()[:1]), 'InvalidArgs', title)
        t.true(text, f'{title}: no text')
        t.equal(bus.count_fds(), before, f'{title}: descriptors of the bus')
    t.true(not os.path.isdir(f'{bus.runtime}/dbus-1/containers') or
           not os.listdir(f'{bus.runtime}/dbus-1/containers'), 'sockets are left behind')


@test('2/arguments/the same key twice')
def key_twice(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    reply = manager.bus('AddServer', 'sssa{sv}a{sv}', 'a.b', '', '', {},
                        [('MaxConnections', ('u', 1)), ('MaxConnections', ('u', 2))],
                        interface=INTERFACE)
    if reply.kind == rawbus.ERROR:
        t.failed(reply, 'InvalidArgs')
        t.equal(bus.count_fds(), before, 'descriptors of the bus')


def refused_descriptors(t):
    """What cannot be polled, and what can but is answered by somebody else: (title, descriptor)."""
    with open(t.path('file'), 'wb'):
        pass
    yield 'a file', os.open(t.path('file'), os.O_RDONLY)
    yield 'a folder', os.open(t.directory, os.O_RDONLY)
    yield 'a path', os.open(t.path('file'), os.O_PATH)
    yield '/dev/null', os.open('/dev/null', os.O_RDWR)
    main, other = os.openpty()
    yield 'a terminal', main
    yield 'the other end of a terminal', other
    yield 'epoll', libc().epoll_create1(os.O_CLOEXEC)
    yield 'a file in memory', os.memfd_create('memory')
    yield 'inotify', libc().inotify_init1(os.O_CLOEXEC)
    yield 'a timer', libc().timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)


def libc():
    return ctypes.CDLL(None, use_errno=True)


def taken_descriptors(t):
    """Kinds that the kernel answers for: (title, descriptor)."""
    reader, writer = os.pipe()
    yield 'the reading end of a pipe', reader
    yield 'the writing end of a pipe', writer
    os.mkfifo(t.path('fifo'))
    yield 'a FIFO', os.open(t.path('fifo'), os.O_RDWR)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        yield 'a socket', one.detach()
        yield 'another one', other.detach()
    yield 'an eventfd', libc().eventfd(0, os.O_CLOEXEC)
    if hasattr(os, 'pidfd_open'):
        yield 'a pidfd', os.pidfd_open(os.getpid())


def try_descriptors(t, manager, kinds, check):
    """Pass each descriptor in both arguments that take one."""
    for title, fd in kinds:
        t.true(fd >= 0, title)
        try:
            for key in ('StopOnNotify', 'ReadyNotify'):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.bind(b'')
                    sock.listen()
                    check(add_server(manager, {'ListenSocket': ('h', 0), key: ('h', 1)},
                                     [sock, fd]), key, f'{title} as {key}')
        finally:
            os.close(fd)


@test('2/arguments/notify descriptors of kinds that are not taken')
def refused_kinds(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)

    def check(reply, key, what):
        t.contains(t.failed(reply, 'InvalidArgs', what), key)
        t.equal(bus.count_fds(), before, f'{what}: descriptors of the bus')
    try_descriptors(t, manager, refused_descriptors(t), check)


@test('2/arguments/notify descriptors of kinds that are taken')
def taken_kinds(t):
    bus, manager, _ = managed(t)

    def check(reply, _, what):
        path, _ = t.returned(reply, what)
        manager.bus('StopServer', 'o', path, interface=INTERFACE)
    try_descriptors(t, manager, taken_descriptors(t), check)


@test('2/arguments/types that are no interface names')
def wrong_types(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    for kind in ('', 'nodots', 'a..b', '.a.b', 'a.b.', '1a.b', 'a-b.c', 'a b.c', 'a.' + 'b' * 254):
        t.failed(add_server(manager, type=kind), 'InvalidArgs', repr(kind))
    t.equal(bus.count_fds(), before, 'descriptors of the bus')
    for kind in ('a.b', 'a.' + 'b' * 253):
        t.returned(add_server(manager, type=kind), kind)


@test('2/arguments/descriptors inside metadata')
def metadata_descriptors(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    for value in (('h', 0), ('ah', [0]), ('v', ('h', 0)), ('(sh)', ('x', 0)), ('a{sh}', {'k': 0})):
        t.failed(add_server(manager, metadata={'k': value}, fds=t.pipe()[:1]), 'InvalidArgs',
                 str(value))
    t.equal(bus.count_fds(), before, 'descriptors of the bus')


@test('2/arguments/wrong signatures')
def wrong_signatures(t):
    bus, manager, _ = managed(t)
    before = settled_fds(bus, manager)
    for signature, body in (('', ()), ('sss', ('a.b', '', '')), ('sssa{sv}', ('a.b', '', '', {})),
                            ('sssa{ss}a{sv}', ('a.b', '', '', {}, {})),
                            ('sssa{sv}a{sv}s', ('a.b', '', '', {}, {}, ''))):
        t.failed(manager.bus('AddServer', signature, *body, interface=INTERFACE,
                             fds=t.pipe()[:1]), 'InvalidArgs', signature)
    for member in ('StopServer', 'StopListening', 'GetServerInfo', 'GetConnectionInfo'):
        t.failed(manager.bus(member, 'u', 5, interface=INTERFACE), 'InvalidArgs', member)
    t.failed(manager.bus('RequestHeader', 's', 'x', interface=INTERFACE), 'InvalidArgs')
    t.equal(bus.count_fds(), before, 'descriptors of the bus')


@test('2/arguments/the interface exists on one object only')
def one_object(t):
    _, manager, _ = managed(t)
    for path in ('/', '/org/freedesktop', '/org/freedesktop/DBus/Containers1'):
        for member, signature, body in (('RequestHeader', '', ()), ('GetServerInfo', 'o', ('/',)),
                                        ('AddServer', 'sssa{sv}a{sv}', ('a.b', '', '', {}, {}))):
            reply = manager.call(rawbus.BUS, path, INTERFACE, member, signature, *body)
            t.failed(reply, 'UnknownInterface', f'{path} {member}')
    t.failed(manager.bus('Nonsense', interface=INTERFACE), 'UnknownMethod')


@test('2/arguments/metadata comes back as it was given')
def metadata(t):
    bus, manager, _ = managed(t)
    given = {'com.example.A': rawbus.Variant('s', 'text'), 'n': rawbus.Variant('t', 1 << 60),
             'deep': rawbus.Variant('a{sv}', {'x': rawbus.Variant('ai', [1, -2])})}
    for endian in '<>':
        creator = t.connect(bus, endian=endian)
        server = Server(t, bus, manager=creator, metadata=given, app='äpp', instance='')
        info = t.returned(server.info(manager))
        t.equal(info[1:], ('com.example.Sandbox', 'äpp', '', given), f'from {endian}')


@test('2/arguments/SupportedArguments')
def supported_arguments(t):
    _, manager, _ = managed(t)
    reply = manager.bus('Get', 'ss', INTERFACE, 'SupportedArguments', interface=harness.PROPERTIES)
    value = t.returned(reply)[0]
    t.equal(value.signature, 'as', 'type')
    for key in ('Allow', 'ListenSocket', 'ReadyNotify', 'StopOnDisconnect', 'StopOnNotify'):
        t.contains(value.value, key)
    every = t.returned(manager.bus('GetAll', 's', INTERFACE, interface=harness.PROPERTIES))[0]
    t.equal(every.pop('SupportedArguments'), value, 'GetAll')
    t.equal(list(every), ['SupportedSenderFacts'], 'GetAll')
    interfaces = manager.bus('Get', 'ss', rawbus.BUS, 'Interfaces', interface=harness.PROPERTIES)
    t.contains(interfaces.body[0].value, INTERFACE, 'Interfaces')
    xml = manager.bus('Introspect', interface='org.freedesktop.DBus.Introspectable').body[0]
    t.contains(xml, f'interface name="{INTERFACE}"', 'Introspect')


if __name__ == '__main__':
    harness.main()
