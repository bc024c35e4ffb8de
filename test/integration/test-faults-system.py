#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A system that has no descriptors, memory, disk or time for its bus."""

import errno
import os
import resource
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from faults import FULL, I, MIB, Exercise, Scene, Shim, service_folder, write_service
from harness import test

SERVICE = 'com.example.Activated'
YEARS = 10 * 365 * 86400


def limit_descriptors(scene, more):
    """The bus may open so many more; returns what to undo that with."""
    before = resource.prlimit(scene.bus.pid, resource.RLIMIT_NOFILE)
    soft = max(int(fd) for fd in os.listdir(f'/proc/{scene.bus.pid}/fd')) + 1 + more
    resource.prlimit(scene.bus.pid, resource.RLIMIT_NOFILE, (soft, before[1]))
    return lambda: resource.prlimit(scene.bus.pid, resource.RLIMIT_NOFILE, before)


def deny_list_names(folder):
    deny = '<deny send_interface="org.freedesktop.DBus" send_member="ListNames"/>'
    with open(os.path.join(folder, 'a.conf'), 'w', encoding='utf-8') as out:
        out.write(f'<busconfig><policy context="mandatory">{deny}</policy></busconfig>')


def raw_socket(t, scene):
    sock = socket.socket(socket.AF_UNIX)
    t.cleanups.append(sock.close)
    sock.connect(rawbus.parse_address(scene.bus.address))
    return sock


@test('faults-system/the process is out of descriptors: who comes then waits')
def process_descriptors(t):
    scene = Scene(t)
    scene.start()
    undo = limit_descriptors(scene, 4)
    first = [rawbus.Connection(scene.bus.address) for _ in range(4)]
    late = [raw_socket(t, scene) for _ in range(20)]
    for sock in late:
        sock.sendall(b'\0AUTH EXTERNAL ' + rawbus.hex_uid().encode() + b'\r\n')
        sock.settimeout(20)
    for number in range(50):
        scene.serves(f'out of descriptors, {number}')
    first.pop().close()
    t.true(late[0].recv(100).startswith(b'OK '), 'somebody went, so one has room')
    undo()
    for sock in late[1:]:
        t.true(sock.recv(100).startswith(b'OK '), 'all have room')
    for sock in late + first:
        sock.close()
    scene.check('out of descriptors')
    scene.check_memory('out of descriptors')


@test('faults-system/the process is out of descriptors: what needs one fails alone')
def requests_without_descriptors(t):
    folder = service_folder(t, SERVICE)
    extra = t.path('system.d')
    os.mkdir(extra, 0o755)
    deny_list_names(extra)
    bus = t.bus(servicedir=folder, extra=f'  <includedir>{extra}</includedir>\n')
    client = t.connect(bus)
    t.failed(client.bus('ListNames'), 'AccessDenied', 'a rule of an included file')
    before = bus.count_fds()
    scene = type('Scene', (), {'bus': bus})
    undo = limit_descriptors(scene, 0)
    reload_reply = client.bus('ReloadConfig')
    t.failed(reload_reply, 'LimitsExceeded', 'what cannot be read is not in force')
    t.failed(client.bus('ListNames'), 'AccessDenied', 'the rule holds still')
    t.true(client.bus('StartServiceByName', 'su', SERVICE, 0).kind == rawbus.ERROR,
           'no process without descriptors')
    write_service(folder, 'com.example.News', '/bin/false')
    t.contains(t.returned(client.bus('ListActivatableNames'))[0], SERVICE,
               'services that cannot be read are those of before')
    t.true(client.bus('GetConnectionCredentials', 's', client.unique).kind == rawbus.RETURN,
           'credentials without the descriptor of a process')
    undo()
    t.returned(client.bus('ReloadConfig'))
    names = t.returned(client.bus('ListActivatableNames'))[0]
    t.true(SERVICE in names and 'com.example.News' in names, f'services: {names}')
    t.equal(t.returned(client.call(SERVICE, '/a', I, 'Quit')), ('/a',), 'the service starts')
    t.failed(client.bus('ListNames'), 'AccessDenied', 'the rule')
    t.true(harness.wait_until(lambda: bus.count_fds() <= before + 2), f'{bus.fd_targets()}')


@test('faults-system/descriptors that the process has no room for')
def passed_descriptors(t):
    """They are lost in the kernel, and so is who has sent them; nobody else."""
    scene = Scene(t)
    scene.start()
    ends = os.pipe2(os.O_CLOEXEC)
    t.fds += ends
    peer = rawbus.Connection(scene.bus.address)
    undo = limit_descriptors(scene, 1)
    try:
        peer.send(rawbus.call('com.example.Bystander', '/', I, 'Take', 'ah', [0, 1, 2],
                              fds=[ends[0]] * 3))
        peer.wait_closed()
    except rawbus.Disconnected:
        pass
    peer.close()
    scene.serves('descriptors without room')
    undo()
    scene.check('descriptors without room')


@test('faults-system/the system is out of descriptors')
def system_descriptors(t):
    """Every call that makes one fails with ENFILE, for all processes at once."""
    shim = Shim(t)
    scene = Scene(t, shim, servicedir=service_folder(t, SERVICE))
    exercise = Exercise(t, scene, SERVICE)
    exercise.run()
    scene.start()
    for call in ('accept4', 'open', 'socket', 'pipe2', 'peerpidfd', 'pidfd_open'):
        shim.set(call, errno.ENFILE, 1)
    late = [raw_socket(t, scene) for _ in range(5)]
    t.true(harness.wait_until(lambda: shim.failed('accept4') > 0), 'nobody is accepted')
    for number in range(20):
        scene.serves(f'without descriptors, {number}')
    t.failed(scene.client.bus('ReloadConfig'), 'LimitsExceeded')
    t.true(scene.client.bus('StartServiceByName', 'su', SERVICE, 0).kind == rawbus.ERROR, 'fork')
    t.contains(t.returned(scene.client.bus('ListActivatableNames'))[0], SERVICE)
    t.true(shim.clear() > 0, 'calls have failed')
    for sock in late:
        sock.close()
    t.returned(scene.client.bus('ReloadConfig'))
    exercise.run()
    scene.check('the system has descriptors again')


def address_space(scene):
    with open(f'/proc/{scene.bus.pid}/statm', encoding='ascii') as stream:
        return int(stream.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')


@test('faults-system/no memory for what one client asks')
def memory(t):
    """Large messages need more than there is: who sends them is disconnected, others go on."""
    scene = Scene(t)
    if address_space(scene) > 1 << 40:
        raise harness.Skip('the address sanitizer takes all address space')
    scene.start()
    before = resource.prlimit(scene.bus.pid, resource.RLIMIT_AS)
    resource.prlimit(scene.bus.pid, resource.RLIMIT_AS,
                     (address_space(scene) + 20 * MIB, before[1]))
    refused = 0
    for number in range(20 if FULL else 6):
        with rawbus.Connection(scene.bus.address) as peer:
            call = rawbus.call('com.example.Bystander', '/', I, 'Large', 'ay', bytes(30 * MIB),
                               flags=rawbus.NO_REPLY)
            try:
                peer.send(call)
                peer.sync()
            except rawbus.Disconnected:
                refused += 1
        scene.serves(f'without memory, {number}')
    t.equal(refused, 20 if FULL else 6, 'none of them had room')
    resource.prlimit(scene.bus.pid, resource.RLIMIT_AS, before)
    with rawbus.Connection(scene.bus.address) as peer:
        peer.send(rawbus.call('com.example.Bystander', '/', I, 'Large', 'ay', bytes(30 * MIB),
                              flags=rawbus.NO_REPLY))
        t.equal(len(scene.server.wait_call('Large').body[0]), 30 * MIB, 'with memory it arrives')
    scene.check('with memory again')
    scene.check_memory('with memory again')


@test('faults-system/the disk of the log is full')
def full_disk(t):
    if not os.path.exists('/dev/full'):
        raise harness.Skip('there is no /dev/full')
    scene = Scene(t, prefix=['/bin/sh', '-c', 'exec "$@" 2>/dev/full', 'sh'],
                  extra='  <policy context="mandatory"><deny send_interface="com.example.No"/>'
                        '</policy>\n')
    scene.start()
    for _ in range(100):
        t.failed(scene.client.call('com.example.Bystander', '/', 'com.example.No', 'No'),
                 'AccessDenied', 'what is denied is logged')
    t.returned(scene.client.bus('ReloadConfig'), 'a reload is logged')
    scene.check('nothing could be logged')
    scene.check_memory('nothing could be logged')


@test('faults-system/nobody reads the log')
def full_pipe(t):
    reader, writer = t.pipe()
    scene = Scene(t, extra='  <policy context="mandatory"><deny send_interface="com.example.No"/>'
                           '</policy>\n',
                  prefix=['/bin/sh', '-c', f'exec "$@" 2>/proc/{os.getpid()}/fd/{writer}', 'sh'])
    scene.start()
    for number in range(3000 if FULL else 1000):
        with_name = f'/p{number % 50}' + '/x' * 100
        t.failed(scene.client.call('com.example.Bystander', with_name, 'com.example.No', 'No'),
                 'AccessDenied')
    scene.check('the pipe of the log is full')
    t.true(reader >= 0, 'nobody has read')


@test('faults-system/the time of day jumps')
def clock(t):
    """Nothing that waits hears of it: deadlines are not of the time of day."""
    shim = Shim(t)
    scene = Scene(t, shim, limits={'reply_timeout': 100000, 'auth_timeout': 1000})
    scene.start()
    for jump in (YEARS, -YEARS, 0):
        serial = scene.client.send(rawbus.call('com.example.Bystander', '/', I, 'Wait'))
        request = scene.server.wait_call('Wait')
        silent = raw_socket(t, scene)
        shim.move_clock(jump)
        for _ in range(20):
            scene.serves(f'time of day moved by {jump} s')
        scene.server.send(rawbus.reply_to(request))
        t.returned(scene.client.wait_reply(serial), 'a call that waited')
        silent.settimeout(20)
        if jump < 0:
            t.equal(silent.recv(1), b'', 'auth_timeout goes on whatever the time of day')
        silent.close()
    scene.check('the time of day jumped')


@test('faults-system/more changes of files than the kernel can tell')
def inotify_overflow(t):
    with open('/proc/sys/fs/inotify/max_queued_events', encoding='ascii') as stream:
        most = int(stream.read())
    if most > 100000:
        raise harness.Skip(f'fs.inotify.max_queued_events is {most}')
    folder, extra = service_folder(t, SERVICE), t.path('system.d')
    os.mkdir(extra, 0o755)
    scene = Scene(t, servicedir=folder, extra=f'  <includedir>{extra}</includedir>\n')
    t.returned(scene.client.bus('ListNames'))
    scene.start()
    os.kill(scene.bus.pid, signal.SIGSTOP)
    for where in (extra, folder):
        for number in range(most // 2 + 100):
            os.close(os.open(f'{where}/x{number % 2}', os.O_WRONLY | os.O_CREAT, 0o644))
        for number in range(2):
            os.unlink(f'{where}/x{number}')
    deny_list_names(extra)
    write_service(folder, 'com.example.News', '/bin/false')
    os.kill(scene.bus.pid, signal.SIGCONT)
    t.true(harness.wait_until(lambda: scene.client.bus('ListNames').kind == rawbus.ERROR, 30),
           'a rule that came when nobody could tell is in force')
    t.true(harness.wait_until(lambda: 'com.example.News' in
                              scene.client.bus('ListActivatableNames').body[0], 30),
           'a service that came when nobody could tell')
    os.unlink(os.path.join(extra, 'a.conf'))
    t.true(harness.wait_until(lambda: scene.client.bus('ListNames').kind == rawbus.RETURN, 30),
           'and it is noticed when it goes')
    scene.check('more changes than the kernel can tell')


def failing_programs(t):
    """{service: (command, error of who asks for it)}"""
    def program(name, text, mode=0o755):
        path = t.path(name)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    return {
        'missing': (t.path('nothing'), 'Spawn.ExecFailed'),
        'forbidden': (program('forbidden', '', 0o644), 'Spawn.ExecFailed'),
        'folder': (t.directory, 'Spawn.ExecFailed'),
        'nonsense': (program('nonsense', '\1\2\3'), 'Spawn.ExecFailed'),
        'interpreter': (program('interpreter', '#!/nothing\n'), 'Spawn.ExecFailed'),
        'fails': (program('fails', '#!/bin/sh\nexit 3\n'), 'Spawn.ChildExited'),
        'killed': (program('killed', '#!/bin/sh\nkill -KILL $$\n'), 'Spawn.ChildSignaled'),
    }


@test('faults-system/programs that cannot be executed, or end at once')
def exec_failures(t):
    folder = service_folder(t)
    programs = failing_programs(t)
    for name, (command, _) in programs.items():
        write_service(folder, f'com.example.{name}', command)
    scene = Scene(t, servicedir=folder)
    scene.start()
    for _ in range(10 if FULL else 3):
        serials = [(scene.client.send(rawbus.call(f'com.example.{name}', '/', I, 'Start')), name,
                    error) for name, (_, error) in programs.items() for _ in range(5)]
        for serial, name, error in serials:
            reply = scene.client.wait_reply(serial)
            t.true(reply.kind == rawbus.ERROR and reply.error.startswith(
                'org.freedesktop.DBus.Error.Spawn.'), f'{name}: {reply!r}, expected {error}')
    scene.check('programs that do not run')
    scene.check_memory('programs that do not run')
    with open(f'/proc/{scene.bus.pid}/task/{scene.bus.pid}/children', encoding='ascii') as stream:
        t.equal(stream.read().strip(), '', 'children that nobody has waited for')


if __name__ == '__main__':
    harness.main()
