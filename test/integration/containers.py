# SPDX-License-Identifier: MIT
"""Container servers for tests: sockets, AddServer, contained connections."""

import os
import socket

import harness
import rawbus

SEE, CALL, RECEIVE, OWN, FDS = 0x01, 0x02, 0x04, 0x08, 0x10
NAMESPACE, SUBTREE = 0x100, 0x200
VERBS = {'see': SEE, 'call': CALL, 'receive': RECEIVE, 'own': OWN}
TYPE = 'com.example.Sandbox'
SERVICE = 'com.example.Service'
NOT_CONTAINER = 'NotContainer'
INTERFACE = harness.CONTAINERS
ANYBODY = '  <policy context="default"><allow user="*"/></policy>\n'     # may connect


def rule(flags, name='', path='/', interface=''):
    """One rule; without a path it covers all of them."""
    if path == '/':
        flags |= SUBTREE
    return (flags, name, path, interface)


def listening_socket(case, name, listen=True, bind=True):
    """An AF_UNIX socket of ours, and the path that it is bound to."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    case.cleanups.append(sock.close)
    path = case.path(name)
    if bind:
        sock.bind(path)
        os.chmod(path, 0o777)
    if listen:
        sock.listen(64)
    return sock, path


def add_server(manager, named=None, fds=(), **options):
    """Call AddServer, return any reply. Without named arguments it listens somewhere."""
    with socket.socket(socket.AF_UNIX) as anywhere:
        if named is None or options.pop('listen', False):
            anywhere.bind(b'')                  # the kernel chooses an abstract name
            anywhere.listen()
            named, fds = {**(named or {}), 'ListenSocket': ('h', len(fds))}, [*fds, anywhere]
        return manager.bus('AddServer', 'sssa{sv}a{sv}', options.get('type', TYPE),
                           options.get('app', 'com.example.App'), options.get('instance', 'i1'),
                           options.get('metadata', {}), named, interface=INTERFACE, fds=fds)


def file_of(case, path):
    """A descriptor of a file, closed at the end of the test."""
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    case.fds.append(fd)
    return fd


class Server:
    """A container server that accepts on a socket of the test's."""

    count = 0

    def __init__(self, case, bus, rules=(), manager=None, **options):
        Server.count += 1
        self.case, self.bus = case, bus
        self.manager = manager or case.connect(bus)
        self.sock, self.socket_path = listening_socket(case, f's{Server.count}')
        named = {'ListenSocket': ('h', 0), **options.pop('named', {})}
        if rules is not None:
            named['Allow'] = ('a(usos)', list(rules))
        fds = [self.sock, *options.pop('fds', ())]
        if options.pop('unlink', False):
            named['UnlinkSocket'] = ('h', len(fds))
            fds.append(file_of(case, self.socket_path))
        reply = add_server(self.manager, named, fds, **options)
        self.path, self.results = case.returned(reply, 'AddServer')
        self.sock.close()                       # from now on only the bus has it
        self.address = f'unix:path={self.socket_path}'

    def connect(self, **options):
        return self.case.connect(self.address, **options)

    def stop(self, member='StopServer'):
        return self.manager.bus(member, 'o', self.path, interface=INTERFACE)

    def info(self, caller=None):
        return (caller or self.manager).bus('GetServerInfo', 'o', self.path, interface=INTERFACE)


def connection_info(caller, name):
    return caller.bus('GetConnectionInfo', 's', name, interface=INTERFACE)


def request_header(connection):
    reply = connection.bus('RequestHeader', interface=INTERFACE)
    if reply.kind != rawbus.RETURN:
        raise harness.Failure(f'RequestHeader: {reply!r}')


def settled_fds(bus, manager):
    """How many descriptors the bus has, those included that it keeps for its first server."""
    reply = add_server(manager)
    manager.bus('StopServer', 'o', reply.body[0], interface=INTERFACE)
    return bus.count_fds()


def refused_connection(case, address, **options):
    """Whether the bus closes a new connection without an answer."""
    options.setdefault('timeout', 10)
    try:
        connection = case.connect(address, **options)
    except (rawbus.Disconnected, ConnectionRefusedError, FileNotFoundError):
        return True
    connection.close()
    return False


def echo(connection, request, **options):
    """Answer a call with its own arguments."""
    connection.send(rawbus.reply_to(request, request.signature, *request.body, **options))


def is_denied(reply):
    """Whether an answer is one that a contained caller gets for what it may not reach."""
    return reply.kind == rawbus.ERROR and reply.error.rsplit('.', 1)[1] in (
        'AccessDenied', 'ServiceUnknown', 'NameHasNoOwner')


def world(case, rules=(), **options):
    """(bus, server, contained connection, uncontained service that owns SERVICE)."""
    bus = case.bus(**options)
    service = case.connect(bus)
    service.own(SERVICE)
    server = Server(case, bus, rules)
    contained = server.connect()
    return bus, server, contained, service


def managed(case, **options):
    """(bus, manager, observer that hears of removals)"""
    bus = case.bus(**options)
    manager, observer = case.connect(bus), case.connect(bus)
    watch_removal(manager)
    watch_removal(observer)
    return bus, manager, observer


def removal(connection, path, timeout=None):
    """Wait for the signal that a server has gone."""
    return connection.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.member == 'ServerRemoved'
                               and m.body == (path,), timeout)


def watch_removal(connection):
    connection.add_match(f"type='signal',sender='{rawbus.BUS}',interface='{INTERFACE}'")


# Denials

def watch(connection):
    connection.add_match(f"interface='{INTERFACE}',member='Denied'")


def records(connection):
    """All Denied signals so far, as (server, {key: value})."""
    return [(m.body[0], {key: value.value for key, value in m.body[1].items()})
            for m in connection.drain() if m.member == 'Denied' and m.interface == INTERFACE]


def parse(text):
    """A rule in text form as (usos): a second, plain reader of section 3."""
    verbs, *words = text.split()
    flags = sum(VERBS[verb] for verb in (['call', 'receive'] if verbs == 'talk' else
                                         verbs.split('+')))
    name, *words = words
    path, interface = '/*', ''
    for word in words:
        if word == 'fds':
            flags |= FDS
        elif word[0] == '@':
            path = word[1:]
        else:
            interface = word
    if verbs == 'talk':
        flags |= FDS
    if path.endswith('/*'):
        flags, path = flags | SUBTREE, path[:-2] or '/'
    if name.endswith('.*'):
        flags, name = flags | NAMESPACE, name[:-2]
    return (flags, '' if name == '*' else name, path, interface)


def add_rules(server, *rules):
    return server.manager.bus('AddServerRules', 'oa(usos)', server.path, list(rules),
                              interface=INTERFACE)
