# SPDX-License-Identifier: MIT
"""What the tests of faults share: calls that fail on command, and what a bus holds.

Such a test does something bad to a bus which others use, and then the bus must serve
those others and hold what it held before: Scene compares that.

    FAULTS_FULL   every place where something can go wrong, not only some; test/faults
                  sets it
"""

import mmap
import os
import struct

import containers
import harness
import rawbus

FULL = bool(os.environ.get('FAULTS_FULL'))
# In the order of enum Call in fault-shim.c.
NAMES = ('recvmsg', 'send', 'read', 'write', 'accept4', 'epoll_wait', 'epoll_add', 'try_malloc',
         'fork', 'pipe2', 'open', 'socket', 'watch', 'thread', 'peerpidfd', 'pidfd_open')
FAULT = struct.Struct('=IiII')
OFFSET = struct.Struct('=q')
SHORT = -1
MIB = 1 << 20
# Memory that malloc keeps, whatever the bus holds; the address sanitizer keeps more of it.
SLACK = 8 * MIB
STATS = 'org.freedesktop.DBus.Debug.Stats'
STATS_KEPT = ('ActiveConnections', 'IncompleteConnections', 'MatchRules', 'BusNames')
OWNED = ('IncomingBytes', 'IncomingFDs', 'OutgoingBytes', 'OutgoingFDs', 'MatchRules', 'BusNames')
I = 'com.example.I'


class Shim:
    """Which calls of a bus fail, and how. Harness options are in .options."""

    def __init__(self, t):
        harness.need_program('cc')
        library = t.path('fault-shim.so')
        built = t.run(['cc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-O1', '-o', library,
                       os.path.join(harness.HERE, 'fault-shim.c')])
        t.equal(built.returncode, 0, built.err)
        path = t.path('faults')
        with open(path, 'wb') as out:
            out.write(bytes(OFFSET.size + len(NAMES) * FAULT.size))
        with open(path, 'r+b') as file:
            self.plan = mmap.mmap(file.fileno(), 0)
        t.cleanups.append(self.plan.close)
        self.options = {'env': {'LD_PRELOAD': library, 'FAULTS': path,
                                'ASAN_OPTIONS': asan('verify_asan_link_order=0')}}

    @staticmethod
    def at(name):
        return OFFSET.size + NAMES.index(name) * FAULT.size

    def set(self, name, error, period):
        """From now on one of so many calls has this error; 0 ends that."""
        FAULT.pack_into(self.plan, self.at(name), period, error, 0, 0)

    def clear(self):
        """No more faults; how many there were."""
        total = 0
        for name in NAMES:
            total += FAULT.unpack_from(self.plan, self.at(name))[3]
            self.set(name, 0, 0)
        return total

    def failed(self, name):
        """How many calls have failed since it was set."""
        return FAULT.unpack_from(self.plan, self.at(name))[3]

    def move_clock(self, seconds):
        OFFSET.pack_into(self.plan, 0, seconds)


def asan(options):
    """The address sanitizer keeps what was freed, which is not what is measured here."""
    return os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1:' + options


def options_of(shim=None, **more):
    """Options for a bus whose memory is measured."""
    env = dict(shim.options['env']) if shim else {'ASAN_OPTIONS': asan('')}
    env.update(more.pop('env', {}))
    return {'env': env, **more}


class Scene:
    """A bus and two who use it, whatever happens to others."""

    def __init__(self, t, shim=None, **options):
        self.t = t
        self.bus = t.bus(**options_of(shim, **options))
        self.client, self.server = t.connect(self.bus), t.connect(self.bus)
        self.server.own('com.example.Bystander')
        self.client.add_match("type='signal',interface='com.example.I',member='Tick'")
        self.serves('before anything happens')

    def memory(self):
        """RAM that the bus uses, bytes."""
        with open(f'/proc/{self.bus.pid}/statm', encoding='ascii') as stream:
            return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def held(self):
        """What the bus holds, but for memory, as it says itself."""
        stats = self.client.bus('GetStats', interface=STATS).body[0]
        result = {key: stats[key].value for key in STATS_KEPT}
        for peer in (self.client, self.server):
            own = self.client.bus('GetConnectionStats', 's', peer.unique, interface=STATS).body[0]
            result.update({f'{key} of {peer.unique}': own[key].value for key in OWNED})
        names = self.client.bus('ListNames').body[0]
        result['names'] = sorted(names)
        result['descriptors'] = self.bus.count_fds()
        return result

    def serves(self, what):
        """Call, return and signal still get from one to the other."""
        serial = self.client.send(rawbus.call('com.example.Bystander', '/', I, 'Ping'))
        self.server.send(rawbus.reply_to(self.server.wait_call('Ping')))
        self.t.returned(self.client.wait_reply(serial), what)
        self.server.send(rawbus.signal('/', I, 'Tick'))
        self.client.wait_signal('Tick')

    def start(self, others=0, fds=None):
        """From here on what the bus holds is to stay the same, so many connections of others
        included, which need so many descriptors."""
        count = self.bus.idle_fds + 2 + (others if fds is None else fds)
        if not harness.wait_until(lambda: self.bus.count_fds() == count, 20):
            raise harness.Failure(f'something else goes on: {self.bus.fd_targets()}')
        self.before = self.held()
        self.memory_before = self.memory()

    def check(self, what):
        """The bus is as it was at start()."""
        self.t.true(self.bus.alive(), f'{what}: the bus is gone: {self.bus.log()[-3000:]}')
        self.serves(what)
        if not harness.wait_until(lambda: self.held() == self.before, 20):
            after = self.held()
            differs = {key: (self.before.get(key), after.get(key))
                       for key in self.before if self.before.get(key) != after.get(key)}
            raise harness.Failure(f'{what}: the bus holds something else than before: {differs}; '
                                  f'{self.bus.fd_targets()}')

    def check_memory(self, what, slack=SLACK):
        grown = self.memory() - self.memory_before
        self.t.true(grown < slack, f'{what}: the bus has grown by {grown >> 10} KiB')


def service_folder(t, *names):
    """A folder of service files for rawbus-service.py."""
    folder = t.path('services')
    os.mkdir(folder, 0o755)
    for name in names:
        write_service(folder, name, f'/usr/bin/python3 -B {harness.HERE}/rawbus-service.py {name}')
    return folder


def write_service(folder, name, command):
    path = os.path.join(folder, name + '.service')
    with open(path + '.new', 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={name}\nExec={command}\n')
    os.rename(path + '.new', path)


class Exercise:
    """A bit of all that clients do. Each step is one client's, from connecting to the end."""

    def __init__(self, t, scene, service=None):
        self.t, self.bus, self.scene, self.service = t, scene.bus, scene, service

    def steps(self):
        steps = [self.names, self.calls, self.large, self.descriptors, self.signals,
                 self.contained]
        return steps + [self.activation] if self.service else steps

    def run(self):
        for step in self.steps():
            step()

    def names(self):
        with rawbus.Connection(self.bus.address) as peer:
            peer.own('com.example.Name')
            peer.add_match("type='signal',member='NameOwnerChanged'")
            self.t.returned(peer.bus('ReleaseName', 's', 'com.example.Name'))
            peer.wait_signal('NameOwnerChanged')

    def pair(self, n_bytes, count=1, **options):
        """Calls of one peer to another and back, each with a body of its own."""
        with rawbus.Connection(self.bus.address) as a, rawbus.Connection(self.bus.address) as b:
            for number in range(count):
                body = bytes([number]) * n_bytes
                serial = a.send(rawbus.call(b.unique, '/', I, 'Call', 'ay', body, **options))
                request = b.wait_call('Call')
                self.t.equal(request.body, (body,), 'body of a call')
                self.t.equal(len(request.fds), len(options.get('fds', ())), 'its descriptors')
                request.close_fds()
                b.send(rawbus.reply_to(request, 'ay', body))
                self.t.equal(self.t.returned(a.wait_reply(serial)), (body,), 'body of a return')

    def calls(self):
        self.pair(10, 5)

    def large(self):
        self.pair(300000)

    def descriptors(self):
        ends = os.pipe2(os.O_CLOEXEC)
        try:
            self.pair(100, 3, fds=ends)
        finally:
            for fd in ends:
                os.close(fd)

    def signals(self):
        """In order, none lost."""
        with rawbus.Connection(self.bus.address) as a, rawbus.Connection(self.bus.address) as b:
            b.add_match(f"sender='{a.unique}'")
            for number in range(20):
                a.send(rawbus.signal('/', I, 'Number', 'u', number))
            got = [b.wait_signal('Number').body[0] for _ in range(20)]
            self.t.equal(got, list(range(20)), 'signals in order')

    def contained(self):
        """A container server that comes and goes, and who is in it."""
        with rawbus.Connection(self.bus.address) as manager:
            path = self.t.path(f'contained-{self.bus.pid}')
            sock, _ = listening(path)
            with sock:
                named = {'ListenSocket': ('h', 0),
                         'Allow': ('a(usos)', [containers.rule(containers.CALL,
                                                              'com.example.Bystander')])}
                reply = containers.add_server(manager, named, [sock])
            server, _results = self.t.returned(reply, 'AddServer')
            with rawbus.Connection(f'unix:path={path}') as inside:
                serial = inside.send(rawbus.call('com.example.Bystander', '/', I, 'Inside'))
                self.scene.server.send(rawbus.reply_to(self.scene.server.wait_call('Inside')))
                self.t.returned(inside.wait_reply(serial), 'call out of a container')
            self.t.returned(manager.bus('StopServer', 'o', server,
                                        interface=containers.INTERFACE), 'StopServer')

    def activation(self):
        with rawbus.Connection(self.bus.address) as peer:
            self.t.equal(self.t.returned(peer.call(self.service, '/a', I, 'Quit')), ('/a',))


def listening(path):
    import socket
    if os.path.exists(path):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    sock.listen(16)
    return sock, path
