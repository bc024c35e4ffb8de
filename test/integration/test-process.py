#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bus as a process: its user, limits and umask, what it tells systemd, how it ends."""

import os
import pwd
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import containers
import harness
import rawbus
from harness import test

NOBODY = 65534
AUDIT_WRITE = 1 << 29
SYSTEM_CONF = '/usr/share/dbus-1/system.conf'
CONTAINERS = '/run/dbus/containers'
ANYBODY = '<policy context="mandatory"><allow user="*"/></policy>'
# Not dash: it unblocks all signals before it runs anything.
REPORT = '''#!/bin/bash
{ ulimit -n; env; grep -E '^(Sig|Cap|Umask)' /proc/self/status; ls -l /proc/self/fd; } >"$1.tmp"
mv "$1.tmp" "$1"
'''


def config(t, extra='', services=''):
    path = t.path('bus.conf')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(harness.CONFIG.format(listen=f'unix:path={t.directory}/socket', limits='',
                                        servicedir=services, extra=extra))
    return f'--config-file={path}'


def start(t, *args, prefix=(), inherit=(), **options):
    """Start the bus in the foreground; (process, address)."""
    harness.need_conductor()
    reader, writer = t.pipe()
    process = t.spawn([*prefix, harness.CONDUCTOR, f'--print-address={writer}', '--nofork', *args],
                      pass_fds=(writer, *inherit), **options)
    t.close(writer)
    address = harness.read_line(reader, 20)
    if not address:
        raise harness.Failure(f'{args}: no address, {process.communicate(timeout=20)}')
    return process, address


def status(process, key):
    with open(f'/proc/{process.pid}/status', encoding='ascii', errors='replace') as stream:
        return re.search(rf'^{key}:[ \t]*(.*)$', stream.read(), re.M)[1]


def end(t, process):
    process.send_signal(signal.SIGTERM)
    t.equal(process.wait(20), 0, 'exit status')


def read_text(path):
    with open(path, encoding='utf-8', errors='replace') as stream:
        return stream.read()


def child_report(t, **options):
    """What a service that the bus starts finds; the bus ends afterwards."""
    services, script, report = t.path('services'), t.path('report.sh'), t.path('report')
    os.mkdir(services)
    os.chmod(t.directory, 0o777)
    with open(script, 'w', encoding='utf-8') as out:
        out.write(REPORT)
    os.chmod(script, 0o755)
    with open(f'{services}/a.service', 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName=com.example.Report\nExec={script} {report}\n')
    extra = options.pop('extra', '')
    name = config(t, extra, f'<servicedir>{services}</servicedir>')
    process, _ = start(t, name, *options.pop('args', ()), **options)
    caller = t.connect(f'unix:path={t.directory}/socket')
    caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'StartServiceByName', 'su',
                            'com.example.Report', 0))
    t.true(harness.wait_until(lambda: os.path.exists(report)), 'the service was not started')
    caller.close()
    end(t, process)
    return read_text(report)


# The user

@test('process/<user> by name and by number')
def change_user(t):
    harness.need_root()
    os.chmod(t.directory, 0o777)
    for user in ('nobody', str(NOBODY)):
        process, address = start(t, config(t, f'<user>{user}</user>{ANYBODY}'))
        connection = t.connect(address)
        t.returned(connection.bus('GetId'))
        for key in ('Uid', 'Gid'):
            t.equal(set(status(process, key).split()), {str(NOBODY)}, key)
        groups = {str(group) for group in os.getgrouplist('nobody', NOBODY)}
        t.equal(status(process, 'Groups').split(), [], 'supplementary groups')
        reply = connection.bus('GetConnectionUnixUser', 's', rawbus.BUS)
        t.equal(reply.body, (NOBODY,), 'the user of the bus')
        connection.close()
        end(t, process)
        t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')


@test('process/<user> by name and by number may make sockets for containers')
def containers_of_user(t):
    harness.need_root()
    harness.need_program('unshare')
    os.chmod(t.directory, 0o777)
    script = f'mount -t tmpfs -o mode=755 tmpfs /run && mkdir {os.path.dirname(CONTAINERS)}'
    prefix = ['unshare', '--mount', 'sh', '-c', f'{script} && exec "$@"', 'sh']
    if t.run([*prefix, 'true']).returncode != 0:
        raise harness.Skip('no mount namespaces here')
    for user in ('nobody', str(NOBODY)):
        name = config(t, f'<user>{user}</user>{ANYBODY}')
        process, address = start(t, name, prefix=prefix)
        connection = t.connect(address)
        t.returned(containers.add_server(connection, {}), f'<user>{user}</user>')
        connection.close()
        end(t, process)


@test('process/<user> keeps one capability, and none for children')
def capabilities(t):
    harness.need_root()
    own = int(re.search(r'^CapPrm:\s*(\w+)', read_text('/proc/self/status'), re.M)[1], 16)
    os.chmod(t.directory, 0o777)
    process, address = start(t, config(t, f'<user>nobody</user>{ANYBODY}'))
    t.connect(address).close()                          # it runs, having said its address before
    for key in ('CapPrm', 'CapEff'):
        t.equal(int(status(process, key), 16), own & AUDIT_WRITE, key)
    for key in ('CapInh', 'CapAmb'):
        t.equal(int(status(process, key), 16), 0, key)
    end(t, process)
    report = child_report(t, extra=f'<user>nobody</user>{ANYBODY}')
    for key in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb'):
        t.equal(int(re.search(rf'^{key}:\s*(\w+)', report, re.M)[1], 16), 0, f'{key} of a child')


@test('process/<user> gives up capabilities that a change of the user would leave')
def securebits(t):
    harness.need_root()
    harness.need_program('setpriv')
    os.chmod(t.directory, 0o777)
    prefix = ['setpriv', '--securebits=+no_setuid_fixup', '--bounding-set=-audit_write',
              '--inh-caps=-all,+dac_override', '--ambient-caps=+dac_override']
    process, address = start(t, config(t, f'<user>nobody</user>{ANYBODY}'), prefix=prefix)
    t.connect(address).close()
    for key in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb'):
        t.equal(int(status(process, key), 16), 0, key)
    end(t, process)


@test('process/<user> that does not exist')
def unknown_user(t):
    harness.need_root()
    done = t.run([harness.CONDUCTOR, config(t, '<user>nobody-of-this-name</user>'), '--nofork'],
                 timeout=20)
    t.true(done.returncode > 0, f'status {done.returncode}')
    t.contains(done.err, 'nobody-of-this-name')
    t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')


@test('process/<user> who it is already')
def same_user(t):
    name = pwd.getpwuid(os.getuid()).pw_name
    process, address = start(t, config(t, f'<user>{name}</user>'))
    t.returned(t.connect(address).bus('GetId'))
    end(t, process)


@test('process/the stock configuration of the system bus')
def system_conf(t):
    harness.need_root()
    if not os.path.exists(SYSTEM_CONF):
        raise harness.Skip(f'{SYSTEM_CONF} is not installed')
    try:
        uid = pwd.getpwnam('messagebus').pw_uid
    except KeyError:
        raise harness.Skip('there is no user messagebus') from None
    had = os.path.isdir(CONTAINERS), os.path.isdir(os.path.dirname(CONTAINERS))
    for there, folder in zip(had[::-1], (os.path.dirname(CONTAINERS), CONTAINERS)):
        if not there:
            t.cleanups.append(lambda folder=folder: remove_folder(folder))
    os.chmod(t.directory, 0o777)
    process, address = start(t, '--system', f'--address=unix:path={t.directory}/socket',
                             '--nopidfile', '--nosyslog')
    connection = t.connect(address)
    t.returned(connection.bus('GetId'))
    t.equal(status(process, 'Uid').split()[0], str(uid), 'user')
    t.failed(connection.bus('RequestName', 'su', 'com.example.NotAllowed', 0), 'AccessDenied')
    end(t, process)


def remove_folder(folder):
    try:
        os.rmdir(folder)
    except OSError:
        pass


# What it logs

@test('process/a service that fails again and again is not logged each time')
def failing_service(t):
    services = t.path('services')
    os.mkdir(services)
    with open(f'{services}/a.service', 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Fails\nExec=/nonexistent/program\n')
    bus = t.bus(servicedir=services)
    caller = t.connect(bus)
    for _ in range(60):
        t.failed(caller.bus('StartServiceByName', 'su', 'com.example.Fails', 0),
                 'org.freedesktop.DBus.Error.Spawn.ExecFailed')
    records = [line for line in bus.log().splitlines() if 'Receiver=com.example.Fails' in line]
    t.true(20 <= len(records) < 60, f'{len(records)} records')
    t.contains(records[0], 'Error=org.freedesktop.DBus.Error.Spawn.ExecFailed Reason=')


# Descriptors, umask

@test('process/the limit of open files is raised, not for children')
def descriptors(t):
    harness.need_program('prlimit')
    limited = ['prlimit', '--nofile=200:1000']
    process, address = start(t, config(t), prefix=limited)
    t.connect(address).close()
    soft, hard = re.search(r'^Max open files\s+(\d+)\s+(\d+)',
                           read_text(f'/proc/{process.pid}/limits'), re.M).groups()
    t.equal(soft, hard, 'soft and hard limit')
    t.true(int(soft) >= 1000, f'only {soft} descriptors')
    end(t, process)
    report = child_report(t, prefix=limited)
    t.equal(report.split()[0], '200', 'the limit of a child')


def forked(t, *args):
    """Start a bus that forks; its pid. It is ended with the test."""
    harness.need_conductor()
    reader, writer = t.pipe()
    done = t.run(['sh', '-c', 'umask 077; exec "$@"', 'sh', harness.CONDUCTOR, *args, '--fork',
                  f'--print-pid={writer}'], pass_fds=(writer,), timeout=20)
    t.close(writer)
    t.equal(done.returncode, 0, done.err)
    pid = int(harness.read_line(reader, 20))
    t.cleanups.append(lambda: end_pid(pid))
    return pid


def end_pid(pid):
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    harness.wait_until(lambda: not is_running(pid))


def is_running(pid):
    try:
        return ') Z ' not in read_text(f'/proc/{pid}/stat')
    except OSError:
        return False


@test('process/--fork sets the umask, <keep_umask/> keeps it')
def umask(t):
    for extra, expected in (('', '0022'), ('<keep_umask/>', '0077')):
        pid = forked(t, config(t, extra))
        t.equal(re.search(r'^Umask:\s*(\d+)', read_text(f'/proc/{pid}/status'), re.M)[1], expected,
                extra)
        t.equal(os.getsid(pid), pid, 'it has a session of its own')
        end_pid(pid)


@test('process/--fork with a pid file')
def fork_pidfile(t):
    pid_file = t.path('pid')
    name = config(t, f'<pidfile>{pid_file}</pidfile>')
    pid = forked(t, name)
    t.equal(int(read_text(pid_file)), pid, 'the pid file when the command has returned')
    done = t.run([harness.CONDUCTOR, name, '--fork'], timeout=20)
    t.true(done.returncode > 0, 'a second one')
    t.contains(done.err, pid_file)
    t.equal(int(read_text(pid_file)), pid, 'the pid file after that')
    end_pid(pid)
    t.true(not os.path.exists(pid_file), 'the pid file is left behind')
    t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')


@test('process/--fork that fails says so')
def fork_fails(t):
    harness.need_conductor()
    name = config(t).replace('--config-file=', '')
    with open(name, encoding='utf-8') as stream:
        text = stream.read().replace(f'{t.directory}/socket', f'{t.directory}/missing/socket')
    with open(name, 'w', encoding='utf-8') as out:
        out.write(text)
    done = t.run([harness.CONDUCTOR, f'--config-file={name}', '--fork'], timeout=20)
    t.true(done.returncode > 0, f'status {done.returncode}')
    t.contains(done.err, 'missing')


# systemd

def listen_for_states(t, name):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    t.cleanups.append(sock.close)
    sock.bind(name)
    sock.settimeout(20)
    return sock


@test('process/READY, RELOADING, STOPPING')
def states(t):
    names = {t.path('notify'): t.path('notify'),
             f'@dct-notify-{os.getpid()}': f'\0dct-notify-{os.getpid()}'}
    for shown, bound in names.items():
        manager = listen_for_states(t, bound)
        process, address = start(t, config(t), env=dict(os.environ, NOTIFY_SOCKET=shown))
        t.equal(manager.recv(1000).decode().split(), ['READY=1'], 'at the start')
        process.send_signal(signal.SIGHUP)
        said = manager.recv(1000).decode()
        t.contains(said, 'RELOADING=1')
        t.true(re.search(r'MONOTONIC_USEC=\d+', said), said)
        t.contains(manager.recv(1000).decode(), 'READY=1', 'after a reload')
        t.returned(t.connect(address).bus('GetId'))
        end(t, process)
        t.contains(manager.recv(1000).decode(), 'STOPPING=1', 'at the end')


@test('process/a broken configuration at a reload is not the end')
def broken_reload(t):
    manager = listen_for_states(t, t.path('notify'))
    name = config(t)
    process, address = start(t, name, env=dict(os.environ, NOTIFY_SOCKET=t.path('notify')))
    manager.recv(1000)
    with open(name.replace('--config-file=', ''), 'w', encoding='utf-8') as out:
        out.write('<busconfig>')
    process.send_signal(signal.SIGHUP)
    t.contains(manager.recv(1000).decode(), 'RELOADING=1')
    t.contains(manager.recv(1000).decode(), 'READY=1')
    t.returned(t.connect(address).bus('GetId'))
    end(t, process)


@test('process/nobody who listens for the states')
def no_manager(t):
    process, address = start(t, config(t), env=dict(os.environ, NOTIFY_SOCKET=t.path('nobody')))
    t.returned(t.connect(address).bus('GetId'))
    end(t, process)


def signals_of(report, key):
    return int(re.search(rf'^{key}:\s*(\w+)', report, re.M)[1], 16)


@test('process/children inherit nothing of what is for the bus')
def children(t):
    listen_for_states(t, t.path('notify'))
    listening = socket.socket(socket.AF_UNIX)
    t.cleanups.append(listening.close)
    listening.bind(t.path('socket'))
    listening.listen()
    script = ('exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=x exec "$@"')
    report = child_report(t, args=['--address=systemd:'], prefix=['bash', '-c', script, 'sh',
                                                                 str(listening.fileno())],
                          env=dict(os.environ, NOTIFY_SOCKET=t.path('notify')),
                          inherit=[listening.fileno()])
    for name in ('NOTIFY_SOCKET', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'):
        t.lacks(report, f'\n{name}=', 'environment')
    t.lacks(report, 'socket:', 'descriptors')
    t.lacks(report, 'anon_inode', 'descriptors')
    libc = 1 << 31 | 1 << 32     # signals 32 and 33 are libc's own: they stay as they were inherited
    t.equal(signals_of(report, 'SigBlk') & ~libc, 0, 'blocked signals')
    t.true(signals_of(report, 'SigIgn') & 1 << signal.SIGPIPE - 1, 'SIGPIPE is ignored')


@test('process/who started it ignored SIGCHLD')
def ignored_children(t):
    os.mkdir(t.path('services'))
    with open(t.path('services/a.service'), 'w', encoding='utf-8') as out:
        out.write('[D-BUS Service]\nName=com.example.Fails\nExec=/bin/false\n')
    services = f'<servicedir>{t.path("services")}</servicedir>'
    process, address = start(t, config(t, services=services),
                             prefix=['env', '--ignore-signal=CHLD'])
    reply = t.connect(address).bus('StartServiceByName', 'su', 'com.example.Fails', 0)
    t.equal(reply.error, 'org.freedesktop.DBus.Error.Spawn.ChildExited')
    end(t, process)


# The log

@test('process/where the log goes')
def log(t):
    harness.need_conductor()
    os.mkdir(t.path('d'))
    with open(t.path('d/broken.conf'), 'w', encoding='utf-8') as out:
        out.write('<nonsense/>')
    extra = f'<includedir>{t.path("d")}</includedir>'
    for args, shown in (((), True), (('--nosyslog',), True), (('--syslog',), True),
                        (('--syslog-only',), False)):
        process, _ = start(t, config(t, extra), *args)
        end(t, process)
        t.equal('broken.conf' in process.stderr.read().decode(), shown, f'{args}')
    process, _ = start(t, config(t, extra + '<syslog/>'))
    end(t, process)
    t.lacks(process.stderr.read().decode(), 'broken.conf', '<syslog/>')
    process, _ = start(t, config(t, extra + '<syslog/>'), '--nosyslog')
    end(t, process)
    t.contains(process.stderr.read().decode(), 'broken.conf', '<syslog/> and --nosyslog')


# The end

@test('process/SIGTERM in the middle of everything')
def busy_end(t):
    pid_file = t.path('pid')
    process, address = start(t, config(t, f'<pidfile>{pid_file}</pidfile>'))
    slow, sender = t.connect(address), t.connect(address)
    half = t.connect(address)
    t.connect(address, auth=False)
    slow.add_match("interface='com.example.I'")
    reader, _ = t.pipe()
    for _ in range(100):
        sender.send(rawbus.signal('/', 'com.example.I', 'S', 'ay', b'x' * 10000, fds=[]))
        sender.send(rawbus.call(slow.unique, '/', 'com.example.I', 'C'))
    half.send_raw(rawbus.call(slow.unique, '/', 'a.b', 'C', fds=[reader]).encode()[:30], [reader])
    end(t, process)
    for connection in (slow, sender, half):
        connection.wait_closed()
    t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')
    t.true(not os.path.exists(pid_file), 'the pid file is left behind')


@test('process/what <user> must leave behind is logged, each once')
def left_behind(t):
    harness.need_root()
    os.chmod(t.directory, 0o755)
    pid_file, path = t.path('pid'), t.path('socket')
    extra = f'<user>nobody</user>{ANYBODY}'
    process, address = start(t, config(t, f'{extra}<pidfile>{pid_file}</pidfile>'))
    t.returned(t.connect(address).bus('GetId'))
    end(t, process)
    log_text = process.stderr.read().decode()
    for left in (pid_file, path):
        t.true(os.path.lexists(left), f'{left} cannot be removed by nobody')
        t.equal(log_text.count(f'{left} stays behind: Permission denied'), 1, log_text)
    os.unlink(pid_file)
    process, address = start(t, config(t, extra))
    t.returned(t.connect(address).bus('GetId'), 'the path is taken over')
    end(t, process)


@test('process/what is there no more at the end is no matter')
def gone_before(t):
    pid_file, path = t.path('pid'), t.path('socket')
    process, address = start(t, config(t, f'<pidfile>{pid_file}</pidfile>'))
    t.returned(t.connect(address).bus('GetId'))
    for left in (pid_file, path):
        os.unlink(left)
    end(t, process)
    t.lacks(process.stderr.read().decode(), 'stays behind')


if __name__ == '__main__':
    harness.main()
