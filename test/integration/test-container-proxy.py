#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dbus-container-proxy beside xdg-dbus-proxy: the same arguments, the same messages.

Both stand before the same bus. What passes through one and not through the other is listed in
DIFFERENT, with the reason in the man page of dbus-container-proxy.
"""

import os
import re
import shutil
import signal
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import INTERFACE, connection_info
from harness import BUILD, test

OURS = os.path.join(BUILD, 'dbus-container-proxy')
THEIRS = shutil.which('xdg-dbus-proxy') or ''
A, SUB, PREFIX, OTHER = ('com.example.A', 'com.example.A.Sub', 'com.example.AB',
                         'org.example.Other')
NAMES = (A, SUB, PREFIX, OTHER)
IFACE = 'com.example.I'


def need_theirs():
    if not THEIRS:
        raise harness.Skip('xdg-dbus-proxy is not installed')


def need_ours():
    harness.need_conductor()
    if not os.access(OURS, os.X_OK):
        raise harness.Skip(f'{OURS} is not built')


class Proxy:
    """A running proxy with one pair, and what its --fd said."""

    count = 0

    def __init__(self, t, program, before, after=(), **options):
        Proxy.count += 1
        self.path = options.get('path') or t.path(f'p{Proxy.count}')
        self.reader, writer = t.pipe()
        env = dict(os.environ, **options.get('env', {}))
        command = [program, f'--fd={writer}', *before]
        if options.get('pair', True):
            command += [options['address'], self.path]
        self.process = t.spawn(command + list(after), pass_fds=[writer, *options.get('fds', ())],
                               env=env)
        t.close(writer)
        self.t = t
        self.ready = os.read(self.reader, 2)

    @property
    def address(self):
        return f'unix:path={self.path}'

    def connect(self, **options):
        return self.t.connect(self.address, **options)

    def stop(self):
        """Hang up, as the sandbox does at its end; returns the exit status."""
        self.t.close(self.reader)
        return self.process.wait(20)


def start(t, program, bus, *after, **options):
    proxy = Proxy(t, program, (), after, address=bus.address, **options)
    t.equal(proxy.ready, b'x', f'{program} {after}: ready')
    return proxy


# Arguments

def packed(*words, end=True):
    return b'\0'.join(word.encode() for word in words) + (b'\0' if end else b'')


def outcome(t, program, words, args=None):
    """What becomes of a command line: exit status of a failure, or what holds while it runs. %B is
    the bus, %D a new directory, %A the descriptor with @args, %F one for --fd."""
    Proxy.count += 1
    folder = t.path(f'o{Proxy.count}')
    os.mkdir(folder)
    os.mkdir(f'{folder}/folder')
    with open(f'{folder}/file', 'w', encoding='utf-8'):
        pass
    os.symlink('/nowhere', f'{folder}/link')
    data, out = t.pipe()
    reader, writer = t.pipe()
    os.write(out, args.replace(b'%D', folder.encode()).replace(b'%B', t.buses[0].address.encode())
             if args else b'')
    t.close(out)
    words = [w.replace('%B', t.buses[0].address).replace('%D', folder).replace('%A', str(data))
             .replace('%F', str(writer)) for w in words]
    process = t.spawn([program, *words], pass_fds=[data, writer])
    t.close(data)
    t.close(writer)
    ready = os.read(reader, 9)
    kinds = kinds_in(folder) if ready else None
    t.close(reader)
    status = process.wait(20)
    if ready:                                   # the bus unlinks when it hears of the end
        harness.wait_until(lambda: 's' not in kinds_in(folder).values())
    return ready, status, kinds, kinds_in(folder) if ready else None


def kinds_in(folder):
    """What a folder has, by the first letter of its mode; a socket may vanish while one looks."""
    kinds = {}
    for name in sorted(os.listdir(folder)):
        try:
            kinds[name] = stat.filemode(os.lstat(os.path.join(folder, name)).st_mode)[0]
        except FileNotFoundError:
            pass
    return kinds


READY = ('--fd=%F', '%B', '%D/s')
COMMAND_LINES = [
    ((), None),
    (('--help',), None),
    (('--version',), None),
    (('--help', '--bogus'), None),
    (('--bogus', '--help'), None),
    (('--bogus',), None),
    (('-x',), None),
    (('--filter', '%B', '%D/s'), None),
    (('--fd=%F',), None),
    (('--fd=', '%B', '%D/s'), None),
    (('--fd=x', '%B', '%D/s'), None),
    (('--fd=-1', '%B', '%D/s'), None),
    (('--fd=1x', '%B', '%D/s'), None),
    (('--args=', '%B', '%D/s'), None),
    (('--args=999', '%B', '%D/s'), None),
    (('%B',), None),
    (('%B', '--filter'), None),
    (READY, None),
    ((*READY, '--filter'), None),
    ((*READY, '--help'), None),
    ((*READY, '--version', '--bogus'), None),
    ((*READY, '--bogus'), None),
    ((*READY, 'more'), None),
    ((*READY, '--filter', '%B', '%D/t', '--filter', '--talk=a.b'), None),
    (('%B', '%D/s', '--filter', '--fd=%F', '--log', '--sloppy-names'), None),
    ((*READY, '--filter', '--see=a.b', '--talk=a.b.*', '--own=a-b.c', '--call=a.b=*',
      '--broadcast=a.b=@/x/*'), None),
    ((*READY, '--see='), None),
    ((*READY, '--see=nodots'), None),
    ((*READY, '--talk=:1.5'), None),
    ((*READY, '--own=a.*'), None),
    ((*READY, '--own=a..b'), None),
    ((*READY, '--talk=a.b.**'), None),
    ((*READY, '--talk'), None),
    ((*READY, '--call=a.b'), None),
    ((*READY, '--broadcast='), None),
    ((*READY, '--filter', '--broadcast==', '--broadcast=nodots=*', "--broadcast=a'b=*",
      '--broadcast=a.b=nodots', '--broadcast=a.b=@bad', '--call=.*=', '--call=a.*=*',
      '--call=a.b=x@/y@/z=1'), None),
    (('--fd=%F', '%B', '%D/file'), None),
    (('--fd=%F', '%B', '%D/link'), None),
    (('--fd=%F', '%B', '%D/folder'), None),
    (('--fd=%F', '%B', '%D/missing/s'), None),
    (('--fd=%F', 'unix:path=/nowhere/at/all', '%D/s'), None),
    (('--fd=%F', '--args=%A'), packed('%B', '%D/s', '--filter', '--talk=a.b')),
    (('--fd=%F', '--args=%A'), packed('%B', '%D/s', end=False)),
    (('--fd=%F', '--args=%A'), b''),
    (('--fd=%F', '--args=%A', '--args=%A', '%D/s', '--filter'), packed('%B')),
    (('--fd=%F', '--args=%A'), packed('%B', '%D/s', '--talk=nodots')),
    (('--fd=%F', '%B', '--args=%A', '%D/s'), b''),
    (('--fd=%F', '%B', '%D/s', '--args=%A', '--talk=c.d'), packed('--filter', '%B', '%D/t')),
    (('--fd=%F', '--args=%A', '%B', '%D/s'), packed('--args=999')),
]


@test('proxy/arguments: the same exit status, readiness, sockets')
def arguments(t):
    need_ours()
    need_theirs()
    t.bus()
    for words, args in COMMAND_LINES:
        t.equal(outcome(t, OURS, words, args), outcome(t, THEIRS, words, args), f'{words} {args}')


@test('proxy/arguments: what is wrong is said')
def messages(t):
    need_ours()
    bus = t.bus()
    for words, text in ((['--talk=nodots'], "'nodots' is not a valid dbus name"),
                        (['--see=:1.5'], "':1.5' is not a valid dbus name"),
                        (['--own=x.*'], "'x' is not a valid dbus name"),
                        (['--call=x.y'], "'x.y' is not NAME=RULE"),
                        (['--bogus'], "'--bogus' is not a known argument"),
                        (['--', '--bogus'], "'--bogus' is not a known argument behind --")):
        process = t.run([OURS, bus.address, t.path('s'), *words])
        t.equal(process.returncode, 1, f'{words}')
        t.contains(process.err, text, f'{words}')
        t.true(not os.path.exists(t.path('s')), f'{words}: the socket is there')


@test('proxy/arguments: at most 4 MiB from --args')
def endless(t):
    need_ours()
    with open('/dev/zero', 'rb') as zero:
        process = t.run([OURS, f'--args={zero.fileno()}'], pass_fds=[zero.fileno()])
    t.equal(process.returncode, 1, 'status')
    t.contains(process.err, 'more than 4 MiB', 'error')


# Messages

class World:
    """Services on the bus, and a client behind a proxy."""

    def __init__(self, t, bus):
        self.t, self.bus = t, bus
        self.services = {}
        for name in NAMES:
            self.services[name] = t.connect(bus)
            self.services[name].own(name)

    def probe(self, client):
        """What passes: a set of texts."""
        passed = set()
        for part in (self.calls, self.signals, self.broadcasts, self.names, self.driver,
                     self.incoming, self.descriptors):
            passed |= {text for text, passes in part(client) if passes}
        return passed

    def arrives(self, client, name, message):
        """Whether what the client sends reaches the owner of a name; answers calls."""
        service = self.services[name]
        serial = client.send(message)
        client.sync()
        got = [m for m in service.drain() if m.member == message.member]
        for m in got:
            if m.kind == rawbus.CALL and not m.flags & rawbus.NO_REPLY:
                service.send(rawbus.reply_to(m))
                self.t.equal(client.wait_reply(serial).kind, rawbus.RETURN, f'reply to {m!r}')
            m.close_fds()
        client.take()
        return bool(got)

    def calls(self, client):
        for name in NAMES:
            yield f'call {name}', self.arrives(client, name, rawbus.call(
                name, '/a', IFACE, 'M'))
        owner = self.services[A].unique
        yield 'call owner', self.arrives(client, A, rawbus.call(owner, '/a', IFACE, 'M'))
        for path in ('/', '/ab', '/a/b', '/a/b/c'):
            yield f'call {path}', self.arrives(client, A, rawbus.call(A, path, IFACE, 'M'))
        for interface, member in ((IFACE, 'N'), (IFACE + '.Sub', 'M'), (IFACE + 'x', 'M'),
                                  ('com.example', 'I'), (IFACE + '.M', 'X'), (None, 'M')):
            yield f'call {interface} {member}', self.arrives(
                client, A, rawbus.call(A, '/a', interface, member))
        yield 'call no reply', self.arrives(client, A, rawbus.call(
            A, '/a', IFACE, 'M', flags=rawbus.NO_REPLY))

    def signals(self, client):
        for name in NAMES:
            yield f'signal {name}', self.arrives(client, name, rawbus.signal(
                '/a', IFACE, 'S', destination=name))

    def broadcasts(self, client):
        client.add_match("type='signal'")
        client.take()
        for name, path, member in ((A, '/a', 'S'), (A, '/a/b', 'S'), (A, '/', 'S'), (A, '/a', 'T'),
                                   (SUB, '/a', 'S'), (PREFIX, '/a', 'S'), (OTHER, '/a', 'S')):
            service = self.services[name]
            service.send(rawbus.signal(path, IFACE, member))
            service.sync()
            yield f'broadcast {name} {path} {member}', any(
                m.member == member for m in client.drain())
        listener = self.services[OTHER]
        listener.add_match("type='signal',member='Own'")
        client.send(rawbus.signal('/a', IFACE, 'Own'))
        client.sync()
        yield 'own broadcast', any(m.member == 'Own' for m in listener.drain())

    def names(self, client):
        listed = client.bus('ListNames').body[0]
        for name in NAMES:
            unique = self.services[name].unique
            yield f'ListNames {name}', name in listed
            yield f'ListNames owner of {name}', unique in listed
            yield f'GetNameOwner {name}', returns(client.bus('GetNameOwner', 's', name))
            yield f'NameHasOwner {name}', client.bus('NameHasOwner', 's', name).body == (True,)
            yield f'pid of {name}', returns(client.bus('GetConnectionUnixProcessID', 's', name))
            yield f'credentials of owner of {name}', returns(
                client.bus('GetConnectionCredentials', 's', unique))
            yield f'StartServiceByName {name}', returns(
                client.bus('StartServiceByName', 'su', name, 0))
            yield f'RequestName {name}', returns(client.bus('RequestName', 'su', name + '.X', 4))
            yield f'ListQueuedOwners {name}', returns(client.bus('ListQueuedOwners', 's', name))
            yield f'ReleaseName {name}', returns(client.bus('ReleaseName', 's', name + '.X'))
            client.take()
            yield f'NameOwnerChanged {name}', self.hears_change(client, name + '.Y', name + '.Y')
            yield f'leaving {name}', self.hears_change(client, name + '.Z', None)
        yield 'name of nobody', returns(client.bus('GetNameOwner', 's', 'com.example.Nobody'))

    def hears_change(self, client, name, about):
        """Whether the client is told that a name (or, without one, its owner) goes."""
        service = self.t.connect(self.bus)
        service.own(name)
        if about is None:
            about = service.unique
        client.drain()
        service.close()
        watcher = self.services[A]
        harness.wait_until(lambda: watcher.bus('NameHasOwner', 's', name).body == (False,))
        return any(m.member == 'NameOwnerChanged' and m.body[0] == about and m.body[2] == ''
                   for m in client.drain())

    def driver(self, client):
        for member, signature, *body in (
                ('GetId', ''), ('ListActivatableNames', ''),
                ('UpdateActivationEnvironment', 'a{ss}', {}), ('ReloadConfig', ''),
                ('AddMatch', 's', "eavesdrop='true'"), ('AddMatch', 's', "type='error'"),
                ('RemoveMatch', 's', "type='error'"), ('NoSuchMember', ''),
                ('GetConnectionUnixUser', 's', client.unique),
                ('GetNameOwner', 's', client.unique)):
            text = f'bus {member} {body}'.replace(client.unique, 'self')
            yield text, returns(client.bus(member, signature, *body))
        yield 'bus Introspect', returns(client.bus(
            'Introspect', interface='org.freedesktop.DBus.Introspectable'))
        yield 'bus Properties', returns(client.bus('Get', 'ss', rawbus.BUS, 'Features',
                                                   interface=harness.PROPERTIES))
        yield 'bus Ping', returns(client.bus('Ping', interface=rawbus.PEER))

    def incoming(self, client):
        """Others are free to call the client, and it may answer once; then it sees them."""
        caller = self.t.connect(self.bus)
        yield 'stranger seen', returns(client.bus('GetConnectionUnixUser', 's', caller.unique))
        serial = caller.send(rawbus.call(client.unique, '/x', IFACE, 'In'))
        caller.sync()
        request = client.wait_call('In')
        client.send(rawbus.reply_to(request))
        client.send(rawbus.reply_to(request, 's', 'again'))
        client.sync()
        yield 'reply', caller.wait_reply(serial).kind == rawbus.RETURN
        yield 'second reply', any(m.body == ('again',) for m in caller.drain())
        yield 'caller seen', returns(client.bus('GetConnectionUnixUser', 's', caller.unique))
        client.take()
        yield 'call caller', self.reaches(client, caller)
        client.take()

    def reaches(self, client, other):
        client.send(rawbus.call(other.unique, '/x', IFACE, 'Back'))
        client.sync()
        got = any(m.member == 'Back' for m in other.drain())
        client.take()
        return got

    def descriptors(self, client):
        with open('/dev/null', 'rb') as null:
            for name in (A, OTHER):
                yield f'call with descriptor {name}', self.arrives(client, name, rawbus.call(
                    name, '/a', IFACE, 'M', 'h', 0, fds=[null]))
            for name in (A, OTHER):
                service = self.services[name]
                serial = service.send(rawbus.call(client.unique, '/x', IFACE, 'Open'))
                service.sync()
                request = client.wait_call('Open')
                client.send(rawbus.reply_to(request, 'h', 0, fds=[null]))
                client.sync()
                reply = service.wait_reply(serial)
                yield f'descriptor in reply to {name}', len(reply.fds) == 1
                reply.close_fds()


def returns(reply):
    return reply.kind == rawbus.RETURN


OPTIONS = [
    ['--filter'],
    [],
    ['--talk=' + A],
    ['--filter', '--see=' + A],
    ['--filter', '--talk=' + A],
    ['--filter', '--own=' + A],
    ['--filter', f'--see={A}.*'],
    ['--filter', f'--talk={A}.*'],
    ['--filter', f'--own={A}.*'],
    ['--filter', f'--own={A}.X', '--see=' + A],
    ['--filter', '--own=com.example.*', f'--talk={OTHER}'],
    ['--filter', f'--see={A}.*', '--talk=' + A],
    ['--filter', f'--call={A}=*'],
    ['--filter', f'--call={A}='],
    ['--filter', f'--call={A}.*=*'],
    ['--filter', f'--call={A}={IFACE}.*'],
    ['--filter', f'--call={A}={IFACE}.M'],
    ['--filter', f'--call={A}={IFACE}'],
    ['--filter', f'--call={A}={IFACE}.M@/a'],
    ['--filter', f'--call={A}=@/a/*'],
    ['--filter', f'--call={A}=*@/a'],
    ['--filter', f'--call={A}=@/'],
    ['--filter', f'--call={A}=@/*'],
    ['--filter', f'--call={A}=@'],
    ['--filter', f'--call={A}=@relative'],
    ['--filter', f'--call={A}=Nodot.*'],
    ['--filter', f'--call={A}={IFACE}.M@/a', f'--call={A}={IFACE}.N', f'--call={OTHER}=@/a'],
    ['--filter', f'--broadcast={A}=*'],
    ['--filter', f'--broadcast={A}={IFACE}.S@/a'],
    ['--filter', f'--broadcast={A}={IFACE}.*@/a/*'],
    ['--filter', f'--broadcast={A}.*=@/a'],
    ['--filter', f'--broadcast={A}={IFACE}.T', f'--call={A}={IFACE}.M'],
    ['--filter', '--broadcast=nodots=*', '--broadcast==', "--call=a'b=*", '--call=com.*=*'],
    ['--filter', '--sloppy-names'],
    ['--filter', '--sloppy-names', '--talk=' + A],
]


# What only one of the two lets pass: options, which of them, messages, all regular expressions. The
# reasons are in dbus-container-proxy(1), "DIFFERENCES".
DIFFERENT = [
    ('--filter', OURS, 'bus (Ping|Properties)'),
    ('--filter', OURS, 'ListQueuedOwners .*'),
    ('--filter', THEIRS, 'descriptor in reply to .*'),
    ('(?!.*--filter)', THEIRS, "bus AddMatch .*eavesdrop.*|bus (ReloadConfig|UpdateAct).*"),
    ('(?!.*--filter)', THEIRS, 'second reply'),
    (rf'.*={IFACE}$', OURS, 'call .*|signal ' + A),
    (rf'.*={IFACE}\.\*', OURS, 'call com.example I'),
    (rf'.*={IFACE}\.M', OURS, rf'call {IFACE}.M X'),
    ('.*--sloppy-names', OURS, 'stranger seen|(ListNames|.*Owner|NameOwnerChanged|pid|cred).*'),
]


def is_listed(options, who, text):
    """The entries of the list for a message that only one of them lets pass."""
    return [entry for entry in DIFFERENT if entry[1] == who and re.fullmatch(entry[2], text)
            and re.match(entry[0], ' '.join(options))]


@test('proxy/messages: what passes, passes through both')
def table(t):
    need_ours()
    need_theirs()
    bus = t.bus()
    world = World(t, bus)
    used = []
    for options in OPTIONS:
        passed = {}
        for program in (OURS, THEIRS):
            proxy = start(t, program, bus, *options)
            passed[program] = world.probe(proxy.connect())
            t.equal(proxy.stop(), 0, 'exit status')
        for who, other in ((OURS, THEIRS), (THEIRS, OURS)):
            for text in passed[who] - passed[other]:
                entries = is_listed(options, who, text)
                t.true(entries, f'{options}: {text} passes through {who} only')
                used += entries
    t.equal([entry for entry in DIFFERENT if entry not in used], [], 'not seen any more')


@test('proxy/messages: --filter alone, to be sure')
def nothing(t):
    need_ours()
    bus = t.bus()
    proxy = start(t, OURS, bus, '--filter')
    passed = World(t, bus).probe(proxy.connect())
    t.equal(sorted(passed), [
        "bus AddMatch [\"type='error'\"]", 'bus GetConnectionUnixUser [\'self\']', 'bus GetId []',
        "bus GetNameOwner ['self']", 'bus Introspect', 'bus ListActivatableNames []', 'bus Ping',
        'bus Properties', "bus RemoveMatch [\"type='error'\"]", 'caller seen', 'own broadcast',
        'reply'], 'what passes')


@test('proxy/messages: the same errors for what is hidden and for what is denied')
def errors(t):
    need_ours()
    need_theirs()
    bus = t.bus()
    World(t, bus)
    owner = t.connect(bus).bus('GetNameOwner', 's', OTHER).body[0]
    seen = {}
    for program in (OURS, THEIRS):
        client = start(t, program, bus, '--filter', f'--see={A}').connect()
        replies = [client.call(name, '/a', IFACE, 'M', flags=flags)
                   for name in (A, OTHER, owner, 'com.example.Nobody')
                   for flags in (0, rawbus.NO_AUTO_START)]
        replies += [client.bus(member, 's', name)
                    for member in ('GetNameOwner', 'GetConnectionUnixUser')
                    for name in (OTHER, owner)]
        seen[program] = [reply.error.rsplit('.', 1)[1] for reply in replies]
        seen[program].append(client.bus('RequestName', 'su', OTHER, 0).error.rsplit('.', 1)[1])
    hidden = ['ServiceUnknown', 'NameHasNoOwner']
    t.equal(seen[OURS], ['AccessDenied'] * 2 + hidden * 3 + ['NameHasNoOwner'] * 4 +
            ['AccessDenied'], 'ours')
    t.equal(seen[THEIRS], ['AccessDenied'] * 2 + hidden + ['NameHasNoOwner'] * 2 + hidden +
            ['NameHasNoOwner'] * 2 + ['ServiceUnknown'] * 3, 'theirs')


@test('proxy/messages: who may start a service')
def starting(t):
    need_ours()
    need_theirs()
    folder = t.path('services')
    os.mkdir(folder)
    with open(f'{folder}/a.service', 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={A}\nExec=/bin/false\n')
    bus = t.bus(servicedir=folder)
    for option, started in ((f'--see={A}', ()), (f'--talk={A}', (OURS, THEIRS)),
                            (f'--call={A}=x.y', (OURS, THEIRS)), (f'--own={A}', (OURS, THEIRS)),
                            (f'--broadcast={A}=*', (THEIRS,))):
        for program in (OURS, THEIRS):
            client = start(t, program, bus, '--filter', option).connect()
            error = client.bus('StartServiceByName', 'su', A, 0).error
            t.equal('Spawn' in error, program in started, f'{program} {option}: {error}')


@test('proxy/messages: a permission ends with the name, connections of an app see each other')
def own_differences(t):
    need_ours()
    need_theirs()
    bus = t.bus()
    for program, still, together in ((OURS, False, True), (THEIRS, True, False)):
        service = t.connect(bus)
        service.own(A)
        proxy = start(t, program, bus, '--filter', f'--talk={A}')
        client, other = proxy.connect(), proxy.connect()
        t.returned(service.bus('ReleaseName', 's', A))
        client.send(rawbus.call(service.unique, '/a', IFACE, 'M'))
        client.sync()
        t.equal(any(m.member == 'M' for m in service.drain()), still, f'{program}: permission')
        client.send(rawbus.call(other.unique, '/a', IFACE, 'N'))
        client.sync()
        t.equal(any(m.member == 'N' for m in other.drain()), together, f'{program}: together')
        service.close()


# Life

@test('proxy/identity: said on the command line, in the environment, by Flatpak')
def identity(t):
    need_ours()
    bus = t.bus()
    asker = t.connect(bus)

    def who(*words, **options):
        proxy = start(t, OURS, bus, *words, **options)
        client = proxy.connect()
        info = t.returned(connection_info(asker, client.unique))[2:5]
        t.equal(proxy.stop(), 0, 'status')
        return info

    mine = ('--type=org.example.Box', '--app-id=org.example.App', '--instance-id=i7')
    variables = dict(DBUS_CONTAINER_PROXY_TYPE='org.example.Env',
                     DBUS_CONTAINER_PROXY_APP_ID='env.app', DBUS_CONTAINER_PROXY_INSTANCE_ID='9')
    t.equal(who('--filter', '--', *mine), ('org.example.Box', 'org.example.App', 'i7'), 'options')
    t.equal(who(env=variables), ('org.example.Env', 'env.app', '9'), 'environment')
    t.equal(who('--', mine[1], env=variables), ('org.example.Env', 'org.example.App', '9'), 'both')
    t.equal(who()[:2], ('local.dbus.Container', ''), 'nothing said')


def in_sandbox(t, bus, info, program=OURS, *after):
    """A proxy in a sandbox whose root has a .flatpak-info, as Flatpak starts it."""
    harness.need_program('bwrap')
    with open(t.path('info'), 'w', encoding='utf-8') as out:
        out.write(info)
    roots = [word for name in sorted(os.listdir('/')) if os.path.isdir(f'/{name}')
             and not os.path.islink(f'/{name}')
             for word in ('--bind', f'/{name}', f'/{name}')]
    roots += [word for name in os.listdir('/') if os.path.islink(f'/{name}')
              for word in ('--symlink', os.readlink(f'/{name}'), f'/{name}')]
    command = ['bwrap', *roots, '--dev-bind', '/dev', '/dev', '--ro-bind', t.path('info'),
               '/.flatpak-info', program]
    if t.run([*command[:-1], 'true']).returncode != 0:
        raise harness.Skip('bwrap cannot make a sandbox here')
    reader, writer = t.pipe()
    path = t.path('boxed')
    process = t.spawn([*command, f'--fd={writer}', bus.address, path, *after], pass_fds=[writer])
    t.close(writer)
    t.equal(os.read(reader, 2), b'x', 'ready')
    return process, reader, f'unix:path={path}'


@test('proxy/identity: /.flatpak-info comes first')
def flatpak_info(t):
    need_ours()
    bus = t.bus()
    _, _, address = in_sandbox(t, bus, '[Application]\nname=org.example.App\n'
                               '[Instance]\ninstance-id=4711\n', OURS, '--filter', '--',
                               '--type=a.lie')
    info = t.returned(connection_info(t.connect(bus), t.connect(address).unique))
    t.equal(info[2:5], ('org.flatpak', 'org.example.App', '4711'), 'who')


@test('proxy/life: killed, it stops the bus from accepting and closes what is open')
def killed(t):
    need_ours()
    bus = t.bus()
    for signo, left in ((signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGKILL, True)):
        proxy = start(t, OURS, bus, '--filter', '--', '--stay')
        client = proxy.connect()
        proxy.process.send_signal(signo)
        t.equal(proxy.process.wait(20), -signo, f'signal {signo}')
        client.wait_closed()
        t.equal(os.path.exists(proxy.path), left, f'signal {signo}: the socket is there')
    watcher = t.connect(bus)
    t.true(harness.wait_until(lambda: watcher.bus(
        'ListServers', interface=INTERFACE).body == ([],)), 'a server is left')


@test('proxy/life: one small process, with nothing but a pipe')
def small(t):
    need_ours()
    bus = t.bus()
    proxy = start(t, OURS, bus, '--filter', *[f'--talk=com.example.N{i}.*' for i in range(100)],
                  '--', '--stay')
    proxy.connect()
    pid = proxy.process.pid
    with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as smaps:
        private = sum(int(line.split()[1]) for line in smaps if line.startswith('Private_'))
    with open(OURS, 'rb') as program:
        limit = 2048 if b'__asan_' not in program.read() else 8192
    t.true(private < limit, f'{private} kB of private memory')
    with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as children:
        t.equal(children.read(), '', 'children')
    sockets = [name for name in os.listdir(f'/proc/{pid}/fd')
               if os.readlink(f'/proc/{pid}/fd/{name}').startswith('socket:')]
    t.equal(sockets, [], 'sockets')


@test('proxy/life: no process at all, where the bus unlinks the socket')
def none(t):
    need_ours()
    bus = t.bus()
    proxy = start(t, OURS, bus, '--filter')
    t.equal(proxy.process.wait(20), 0, 'status')
    clients = [proxy.connect() for _ in range(2)]
    t.returned(clients[0].bus('GetId'))
    t.close(proxy.reader)
    for client in clients:
        client.wait_closed()
    t.true(harness.wait_until(lambda: not os.path.exists(proxy.path)), 'the socket is there')


@test('proxy/life: it stays where the bus cannot find the socket')
def not_found(t):
    need_ours()
    bus = t.bus()
    folder = t.path('here')
    os.mkdir(folder)
    reader, writer = t.pipe()
    process = t.spawn([OURS, f'--fd={writer}', bus.address, 'relative', '--filter', bus.address,
                       t.path('absolute'), '--filter'], pass_fds=[writer], cwd=folder)
    t.close(writer)
    t.equal(os.read(reader, 2), b'x', 'ready')
    t.equal(os.readlink(f'/proc/{process.pid}/exe'), os.path.realpath(OURS), 'program')
    clients = [t.connect(f'unix:path={path}')
               for path in (f'{folder}/relative', t.path('absolute'))]
    t.equal(process.poll(), None, 'status')
    t.close(reader)
    t.equal(process.wait(20), 0, 'status')
    for client in clients:
        client.wait_closed()
    t.equal(os.listdir(folder), [], 'sockets')
    t.true(harness.wait_until(lambda: not os.path.exists(t.path('absolute'))), 'a socket is there')


@test('proxy/life: a socket of the same name in another mount namespace is left alone')
def elsewhere(t):
    need_ours()
    harness.need_program('bwrap')
    bus = t.bus()
    folder = t.path('here')
    os.mkdir(folder)
    foreign = socket.socket(socket.AF_UNIX)
    t.cleanups.append(foreign.close)
    foreign.bind(f'{folder}/s')
    command = ['bwrap', '--dev-bind', '/', '/', '--tmpfs', folder]
    if t.run([*command, 'true']).returncode != 0:
        raise harness.Skip('bwrap cannot make a sandbox here')
    reader, writer = t.pipe()
    process = t.spawn([*command, OURS, f'--fd={writer}', bus.address, f'{folder}/s', '--filter'],
                      pass_fds=[writer])
    t.close(writer)
    t.equal(os.read(reader, 2), b'x', 'ready')
    watcher = t.connect(bus)
    t.equal(len(watcher.bus('ListServers', interface=INTERFACE).body[0]), 1, 'servers')
    t.close(reader)
    t.equal(process.wait(20), 0, 'status')
    t.true(harness.wait_until(lambda: watcher.bus(
        'ListServers', interface=INTERFACE).body == ([],)), 'a server is left')
    t.true(os.path.exists(f'{folder}/s'), 'the foreign socket has gone')


@test('proxy/life: it stays where the caller has no pipe')
def stays(t):
    need_ours()
    bus = t.bus()
    ours, theirs = socket.socketpair()
    process = t.spawn([OURS, f'--fd={theirs.fileno()}', bus.address, t.path('s')],
                      pass_fds=[theirs.fileno()])
    theirs.close()
    t.equal(ours.recv(2), b'x', 'ready')
    ours.send(b'what nobody reads')
    t.connect(f'unix:path={t.path("s")}')
    t.equal(process.poll(), None, 'status')
    ours.close()
    t.equal(process.wait(20), 0, 'status')
    t.true(not os.path.exists(t.path('s')), 'the socket is there')


@test('proxy/life: a caller that has gone, a descriptor that is none')
def odd_fds(t):
    need_ours()
    need_theirs()
    bus = t.bus()
    for program in (OURS, THEIRS):
        reader, writer = t.pipe()
        t.close(reader)
        process = t.run([program, f'--fd={writer}', bus.address, t.path('s')], pass_fds=[writer])
        t.equal(process.returncode, 0, f'{program}: status')
        t.true(harness.wait_until(lambda: not os.path.exists(t.path('s'))),
               f'{program}: the socket is there')
    process = t.spawn([OURS, '--fd=99', bus.address, t.path('s')])
    t.true(harness.wait_until(lambda: os.path.exists(t.path('s'))), 'no socket')
    t.connect(f'unix:path={t.path("s")}')
    t.equal(process.poll(), None, 'status')


@test('proxy/log: what is called, answered, denied')
def log(t):
    need_ours()
    bus = t.bus()
    service = t.connect(bus)
    service.own(A)
    proxy = start(t, OURS, bus, '--filter', '--log', f'--call={A}={IFACE}.M')
    client = proxy.connect()
    serials = []
    for member in 'MN':
        serial = client.send(rawbus.call(A, '/a', IFACE, member))
        serials.append(serial)
    service.send(rawbus.reply_to(service.wait_call('M')))
    client.wait_reply(serials[1])
    client.send(rawbus.signal('/a', IFACE, 'S'))
    service.send(rawbus.call(client.unique, '/x', IFACE, 'In', flags=rawbus.NO_REPLY))
    client.wait_call('In')
    expected = [f'C{serials[0]}: -> {A} call {IFACE}.M at /a',
                f'C{serials[1]}: -> {A} call {IFACE}.N at /a',
                f'*DENIED* (container: call {A} {IFACE}.N @/a)',
                f': <- {service.unique} return from C{serials[0]}',
                f'return error org.freedesktop.DBus.Error.AccessDenied from C{serials[1]}',
                f': -> all signal {IFACE}.S at /a',
                f': <- {service.unique} call {IFACE}.In at /x']
    out = ''
    while any(line not in out for line in expected):
        out += harness.read_line(proxy.process.stdout.fileno(), 20) + '\n'
    t.equal(proxy.stop(), 0, 'status')


@test('proxy/log: only denials, where the bus lets nobody be a monitor')
def log_denials(t):
    need_ours()
    bus = t.bus(extra='  <policy context="mandatory"><deny send_interface='
                '"org.freedesktop.DBus.Monitoring"/></policy>\n')
    t.connect(bus).own(A)
    proxy = start(t, OURS, bus, '--filter', '--log', f'--see={A}')
    client = proxy.connect()
    t.failed(client.call(A, '/a', IFACE, 'M'), 'AccessDenied', 'call')
    lines = [harness.read_line(proxy.process.stdout.fileno(), 20) for _ in range(2)]
    t.equal(lines[1], f'*DENIED* (container: call {A} {IFACE}.M @/a)', 'why')
    t.true(lines[0].endswith(f' method_call {IFACE}.M at /a'), lines[0])


@test('proxy/log: the process that prints ends with the proxy')
def log_ends(t):
    need_ours()
    bus = t.bus()
    for signo in (None, signal.SIGKILL):
        proxy = start(t, OURS, bus, '--filter', '--log')
        pid = proxy.process.pid
        with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as children:
            child = int(children.read())
        if signo:
            proxy.process.send_signal(signo)
            proxy.process.wait(20)
        else:
            t.equal(proxy.stop(), 0, 'status')
        t.true(harness.wait_until(lambda: ended(child)), f'{child} is left')


def ended(pid):
    """Whether a process is gone, or only waits for whoever inherited it."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as stat_file:
            return stat_file.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return True


# Buses without containers, and refusals

@test('proxy/fallback: a bus without containers gets the real proxy')
def fallback(t):
    need_ours()
    need_theirs()
    harness.need_reference()
    bus = t.bus(program=harness.REFERENCE)
    World(t, bus)
    reader, writer = t.pipe()
    data, out = t.pipe()
    os.write(out, packed(bus.address, t.path('s'), '--filter', f'--talk={A}'))
    t.close(out)
    process = t.spawn([OURS, f'--args={data}', f'--fd={writer}'], pass_fds=[data, writer])
    t.close(writer)
    t.equal(os.read(reader, 2), b'x', 'ready')
    t.equal(os.readlink(f'/proc/{process.pid}/exe'), os.path.realpath(THEIRS), 'program')
    names = t.connect(f'unix:path={t.path("s")}').bus('ListNames').body[0]
    t.true(A in names and OTHER not in names, f'{names}')
    t.close(reader)
    t.equal(process.wait(20), 0, 'status')
    t.true(not os.path.exists(t.path('s')), 'the socket is there')


@test('proxy/fallback: one bus with containers and one without')
def mixed(t):
    need_ours()
    need_theirs()
    harness.need_reference()
    bus, other = t.bus(), t.bus(program=harness.REFERENCE)
    t.connect(other).own(OTHER)
    for how in ('hang-up', signal.SIGKILL):
        first, second = t.path('first'), t.path('second')
        reader, writer = t.pipe()
        process = t.spawn([OURS, f'--fd={writer}', bus.address, first, '--filter', other.address,
                           second, '--filter', f'--talk={OTHER}'], pass_fds=[writer])
        t.close(writer)
        t.equal(os.read(reader, 2), b'x', 'ready')
        t.equal(os.readlink(f'/proc/{process.pid}/exe'), os.path.realpath(THEIRS), 'program')
        contained, filtered = (t.connect(f'unix:path={path}') for path in (first, second))
        t.returned(connection_info(contained, contained.unique), 'the first is contained')
        t.contains(filtered.bus('ListNames').body[0], OTHER, 'the second is filtered')
        if how == 'hang-up':
            t.close(reader)
            t.equal(process.wait(20), 0, 'status')
        else:
            process.send_signal(how)
            t.equal(process.wait(20), -how, 'status')
        contained.wait_closed()
        t.true(harness.wait_until(lambda: not os.path.exists(first)), 'the socket is there')


@test('proxy/fallback: a refusal is told, and the real proxy is used')
def refused(t):
    need_ours()
    need_theirs()
    bus = t.bus(limits={'max_containers': 1})
    first = start(t, OURS, bus, '--filter')
    second = start(t, OURS, bus, '--filter', f'--talk={A}')
    t.equal(os.readlink(f'/proc/{second.process.pid}/exe'), os.path.realpath(THEIRS), 'program')
    second.connect()
    first.stop()
    second.stop()
    t.contains(second.process.stderr.read().decode(), 'LimitsExceeded', 'error')


@test('proxy/fallback: within a container')
def nested(t):
    need_ours()
    need_theirs()
    bus = t.bus()
    World(t, bus)
    outer = start(t, OURS, bus, '--filter', f'--talk={A}.*')
    inner = Proxy(t, OURS, (), ('--filter', f'--talk={SUB}', f'--talk={OTHER}'),
                  address=outer.address)
    t.equal(inner.ready, b'x', 'ready')
    names = inner.connect().bus('ListNames').body[0]
    t.true(SUB in names and A not in names and OTHER not in names, f'{names}')


def ourselves(t):
    script = t.path('again')
    with open(script, 'w', encoding='utf-8') as out:
        out.write(f'#!/bin/sh\nexec {OURS} "$@" -- --proxy={script}\n')
    os.chmod(script, 0o755)
    return script


@test('proxy/fallback: which program')
def which(t):
    need_ours()
    harness.need_reference()
    bus = t.bus(program=harness.REFERENCE)
    script = t.path('xdg-dbus-proxy')
    with open(script, 'w', encoding='utf-8') as out:
        out.write('#!/bin/sh\nexit 42\n')
    os.chmod(script, 0o755)
    folder = t.path('folder')
    os.mkdir(folder)
    os.symlink(OURS, os.path.join(folder, 'xdg-dbus-proxy'))
    plain = [OURS, bus.address, t.path('s')]
    path = f'{folder}:{t.directory}:/usr/bin:/bin'
    t.equal(t.run(plain, env=dict(os.environ, PATH=path)).returncode, 42, 'PATH, but not ourselves')
    t.equal(t.run(plain, env=dict(os.environ, DBUS_CONTAINER_PROXY_PROGRAM=script)).returncode, 42,
            'environment')
    t.equal(t.run([*plain, '--', f'--proxy={script}']).returncode, 42, 'option')
    process = t.run([*plain, '--', f'--proxy={ourselves(t)}'])
    t.equal(process.returncode, 1, 'a script that is us again')
    t.contains(process.err, 'there is no xdg-dbus-proxy', 'error')
    os.rename(script, script + '.distrib')
    with open(script, 'w', encoding='utf-8') as out:
        out.write('#!/bin/sh\nexit 43\n')
    os.chmod(script, 0o755)
    t.equal(t.run(plain, env=dict(os.environ, PATH=path)).returncode, 42, 'the diverted one')
    process = t.run([*plain, '--', '--proxy=/nowhere'])
    t.equal(process.returncode, 1, 'no program')
    t.contains(process.err, '/nowhere', 'error')
    t.true(not os.path.exists(t.path('s')), 'the socket is there')


if __name__ == '__main__':
    harness.main()
