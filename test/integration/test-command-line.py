#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command line of dbus-daemon(1), kinds of addresses, errors in configuration files."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test

SESSION_CONF = '/usr/share/dbus-1/session.conf'
GUID = re.compile(r',guid=[0-9a-f]{32}$')


def config(t, name='x.conf', listen=None, extra='', text=None):
    """A configuration file; returns its name."""
    path = t.path(name)
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text or harness.CONFIG.format(
            listen=listen or f'unix:path={t.directory}/socket', servicedir='', limits='',
            extra=extra))
    return path


def run(t, *args, status=0, **options):
    """Run the bus to its end; its output and its errors."""
    harness.need_conductor()
    process = t.run([harness.CONDUCTOR, *args], timeout=20, **options)
    ok = process.returncode == 0 if status == 0 else process.returncode > 0
    t.true(ok, f'{args}: status {process.returncode}, {process.out}{process.err}')
    return process.out, process.err


def start(t, *args, **options):
    """Start the bus with --print-address to a pipe; (process, address)."""
    harness.need_conductor()
    reader, writer = t.pipe()
    process = t.spawn([*options.pop('prefix', ()), harness.CONDUCTOR, f'--print-address={writer}',
                       *args],
                      pass_fds=(writer, *options.pop('pass_fds', ())), **options)
    t.close(writer)
    address = harness.read_line(reader, 20)
    if not address:
        raise harness.Failure(f'{args}: no address, {process.communicate(timeout=20)}')
    return process, address


def end(t, process, sent=signal.SIGTERM):
    process.send_signal(sent)
    t.equal(process.wait(20), 0, 'exit status')


def works(t, address):
    connection = t.connect(address)
    t.returned(connection.bus('GetId'))
    t.equal(connection.guid, address.rsplit('guid=', 1)[1][:32], 'guid')
    connection.close()


@test('options/--version, --help, --introspect')
def informative(t):
    out, _ = run(t, '--version')
    t.true(re.search(r'\d+\.\d+', out), out)
    out, err = run(t, '--help')
    for option in ('--session', '--system', '--config-file', '--print-address', '--print-pid',
                   '--fork', '--nofork', '--nopidfile', '--address', '--systemd-activation',
                   '--introspect', '--syslog', '--nosyslog', '--syslog-only', '--version'):
        t.contains(out + err, option, '--help')
    out, _ = run(t, '--introspect')
    for part in ('<node>', 'name="org.freedesktop.DBus"', 'ListNames', 'org.freedesktop.DBus.Peer'):
        t.contains(out, part, '--introspect')


@test('options/wrong ones')
def wrong(t):
    good = f'--config-file={config(t)}'
    for args in (('--nonsense',), ('nonsense',), ('--config-file',), ('--config-file=',), (),
                 ('--print-address=x', good), ('--print-pid=-3', good),
                 ('--address',), (good, '--print-address=99999'), (good, '--print-pid=99999'),
                 ('--config-file=' + t.path('missing'),), ('--versio',), (good, 'argument')):
        _, err = run(t, *args, status=1)
        t.true(err, f'{args}: nothing on standard error')


@test('options/a configuration file is named once')
def two_configs(t):
    good = f'--config-file={config(t)}'
    for args in ((good, good), (good, '--session'), ('--session', '--system'), (good, '--system')):
        _, err = run(t, *args, status=1)
        t.true(err, f'{args}: nothing on standard error')


@test('options/--config-file in both forms, and through a descriptor')
def config_file(t):
    name = config(t)
    with open(name, 'rb') as opened:
        for args, fds in (([f'--config-file={name}'], ()), (['--config-file', name], ()),
                          ([f'--config-file=/proc/self/fd/{opened.fileno()}'], (opened.fileno(),))):
            process, address = start(t, *args, '--nofork', pass_fds=fds)
            works(t, address)
            end(t, process)


@test('options/--print-address to standard output and to a descriptor')
def print_address(t):
    harness.need_conductor()
    name = config(t)
    process = t.spawn([harness.CONDUCTOR, f'--config-file={name}', '--nofork', '--print-address'])
    address = harness.read_line(process.stdout.fileno(), 20)
    t.true(address.startswith(f'unix:path={t.directory}/socket'), address)
    t.true(GUID.search(address), address)
    works(t, address)
    end(t, process)


@test('options/the descriptors are closed after printing')
def descriptors_closed(t):
    harness.need_conductor()
    address_reader, address_writer = t.pipe()
    pid_reader, pid_writer = t.pipe()
    process = t.spawn([harness.CONDUCTOR, f'--config-file={config(t)}', '--nofork',
                       f'--print-address={address_writer}', f'--print-pid={pid_writer}'],
                      pass_fds=(address_writer, pid_writer))
    t.close(address_writer)
    t.close(pid_writer)
    address = harness.read_line(address_reader, 20)
    t.true(GUID.search(address), address)
    t.equal(harness.read_line(pid_reader, 20), str(process.pid), 'pid')
    t.equal(os.read(address_reader, 100), b'', 'more on the descriptor of the address')
    t.equal(os.read(pid_reader, 100), b'', 'more on the descriptor of the pid')
    works(t, address)
    end(t, process)


@test('options/--print-pid to standard output')
def print_pid(t):
    process, address = start(t, f'--config-file={config(t)}', '--nofork', '--print-pid')
    t.equal(harness.read_line(process.stdout.fileno(), 20), str(process.pid), 'pid')
    works(t, address)
    end(t, process)


def forked(t, *args):
    """Start a bus that forks; (its pid, address). It is ended with the test."""
    harness.need_conductor()
    pid_reader, pid_writer = t.pipe()
    reader, writer = t.pipe()
    t.run([harness.CONDUCTOR, *args, f'--print-pid={pid_writer}', f'--print-address={writer}'],
          pass_fds=(pid_writer, writer), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.close(pid_writer)
    t.close(writer)
    pid = int(harness.read_line(pid_reader, 20))
    t.cleanups.append(lambda: end_pid(pid))
    return pid, harness.read_line(reader, 20)


def end_pid(pid):
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    harness.wait_until(lambda: not os.path.exists(f'/proc/{pid}') or
                       ') Z ' in read_text(f'/proc/{pid}/stat'))


def read_text(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as stream:
            return stream.read()
    except OSError:
        return ''


@test('options/--fork')
def fork(t):
    pid, address = forked(t, f'--config-file={config(t)}', '--fork')
    works(t, address)
    t.equal(os.getsid(pid) != os.getsid(0), True, 'a session of its own')
    for number in (0, 1):
        t.equal(os.readlink(f'/proc/{pid}/fd/{number}'), '/dev/null', f'descriptor {number}')
    end_pid(pid)
    t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')


@test('options/--fork with the standard descriptors closed')
def fork_closed(t):
    harness.need_conductor()
    name, pid_file = config(t), t.path('pid')
    script = ('exec 5>"$3"; exec "$1" --config-file="$2" --fork --print-pid=5 '
              '0<&- 1>&- 2>&-')
    run_ = t.run(['sh', '-c', script, 'sh', harness.CONDUCTOR, name, pid_file])
    t.equal(run_.returncode, 0, 'exit status')
    pid = int(read_text(pid_file))
    t.cleanups.append(lambda: end_pid(pid))
    connection = t.connect(f'unix:path={t.directory}/socket')
    t.returned(connection.bus('GetId'))


@test('options/<fork/> and --nofork')
def fork_element(t):
    pid, address = forked(t, f'--config-file={config(t, extra="<fork/>")}')
    works(t, address)
    end_pid(pid)
    process, address = start(t, f'--config-file={config(t, extra="<fork/>")}', '--nofork')
    works(t, address)
    end(t, process)


@test('options/--address overrides <listen>')
def address_option(t):
    for args in ([f'--address=unix:path={t.directory}/other'],
                 ['--address', f'unix:path={t.directory}/other']):
        process, address = start(t, f'--config-file={config(t)}', '--nofork', *args)
        t.true(address.startswith(f'unix:path={t.directory}/other,guid='), address)
        works(t, address)
        t.true(not os.path.lexists(t.path('socket')), 'it listens on <listen>, too')
        end(t, process)


@test('options/--session with the stock configuration')
def session(t):
    if not os.path.exists(SESSION_CONF):
        raise harness.Skip(f'{SESSION_CONF} is not installed')
    for args in (['--session'], [f'--config-file={SESSION_CONF}']):
        process, address = start(t, *args, '--nofork', f'--address=unix:dir={t.directory}')
        works(t, address)
        connection = t.connect(address)
        connection.own('com.example.Name')
        connection.close()
        end(t, process)
    left = [name for name in os.listdir(t.directory) if name.startswith('dbus-')]
    t.equal(left, [], 'sockets that are left')


@test('options/those for the log are taken')
def log_options(t):
    for option in ('--nosyslog', '--syslog', '--syslog-only', '--nopidfile'):
        process, address = start(t, f'--config-file={config(t)}', '--nofork', option)
        works(t, address)
        end(t, process)


@test('options/<pidfile> and --nopidfile')
def pidfile(t):
    pid_file = t.path('pid')
    name = config(t, extra=f'<pidfile>{pid_file}</pidfile>')
    process, address = start(t, f'--config-file={name}', '--nofork')
    works(t, address)
    t.equal(read_text(pid_file).strip(), str(process.pid), 'pid file')
    _, err = run(t, f'--config-file={name}', '--nofork', status=1)
    t.contains(err, pid_file, 'a second one')
    end(t, process)
    t.true(not os.path.exists(pid_file), 'the pid file is left behind')
    process, address = start(t, f'--config-file={name}', '--nofork', '--nopidfile')
    works(t, address)
    t.true(not os.path.exists(pid_file), 'there is a pid file')
    end(t, process)


@test('options/signals')
def signals(t):
    for sent in (signal.SIGTERM, signal.SIGINT):
        process, address = start(t, f'--config-file={config(t)}', '--nofork')
        connection = t.connect(address)
        if sent == signal.SIGTERM:
            process.send_signal(signal.SIGHUP)
            t.returned(connection.bus('GetId'), 'after SIGHUP')
            end(t, process, sent)
            t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')
        else:
            process.send_signal(sent)
            process.wait(20)
            harness.wait_until(lambda: True)
            if os.path.lexists(t.path('socket')):
                os.unlink(t.path('socket'))
        connection.wait_closed()


# Addresses

def listens(t, listen, pattern, **options):
    process, address = start(t, f'--config-file={config(t, listen=listen)}', '--nofork', **options)
    t.true(re.match(pattern + ',guid=[0-9a-f]{32}$', address), address)
    works(t, address)
    return process, address


@test('addresses/unix:path')
def unix_path(t):
    process, _ = listens(t, f'unix:path={t.directory}/socket', f'unix:path={t.directory}/socket')
    mode = os.stat(t.path('socket')).st_mode
    t.true(stat.S_ISSOCK(mode) and mode & 0o777 == 0o777, oct(mode))
    end(t, process)
    t.true(not os.path.lexists(t.path('socket')), 'the socket is left behind')


@test('addresses/unix:path that is escaped')
def unix_path_escaped(t):
    name = t.path('with space, and=comma')
    escaped = name.replace(' ', '%20').replace(',', '%2c').replace('=', '%3D')
    process, address = start(t, f'--config-file={config(t, listen="unix:path=" + escaped)}',
                             '--nofork')
    works(t, address)
    t.true(os.path.lexists(name), 'no such socket')
    end(t, process)


@test('addresses/unix:path that is in use')
def unix_path_stale(t):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(t.path('socket'))
    process, _ = listens(t, f'unix:path={t.directory}/socket', f'unix:path={t.directory}/socket')
    end(t, process)


@test('addresses/unix:abstract')
def unix_abstract(t):
    name = f'dct-test-{os.getpid()}'
    process, _ = listens(t, f'unix:abstract={name}', f'unix:abstract={name}')
    end(t, process)


@test('addresses/unix:dir and unix:tmpdir')
def unix_dir(t):
    for kind in ('dir', 'tmpdir'):
        process, address = start(t,
                                 f'--config-file={config(t, listen=f"unix:{kind}={t.directory}")}',
                                 '--nofork')
        t.true(re.match(f'unix:(path|abstract)={t.directory}/dbus-[^,/]+,guid=', address), address)
        if kind == 'dir':
            t.true(address.startswith('unix:path='), address)
        works(t, address)
        end(t, process)
    left = [name for name in os.listdir(t.directory) if name.startswith('dbus-')]
    t.equal(left, [], 'sockets that are left')


@test('addresses/unix:runtime=yes')
def unix_runtime(t):
    runtime = t.path('runtime')
    os.mkdir(runtime, 0o700)
    process, _ = listens(t, 'unix:runtime=yes', f'unix:path={runtime}/bus',
                         env=dict(os.environ, XDG_RUNTIME_DIR=runtime))
    end(t, process)
    t.equal(os.listdir(runtime), [], 'what is left')
    env = dict(os.environ)
    env.pop('XDG_RUNTIME_DIR', None)
    _, err = run(t, f'--config-file={config(t, listen="unix:runtime=yes")}', '--nofork', status=1,
                 env=env)
    t.true(err, 'no message')


ACTIVATED = '''
import os, sys
for target, given in enumerate(sys.argv[1].split(","), 3):
    os.dup2(int(given), target + 100)
for target in range(3, 3 + len(sys.argv[1].split(","))):
    os.dup2(target + 100, target)
    os.close(target + 100)
os.environ.update(LISTEN_FDS=str(len(sys.argv[1].split(","))), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
'''


@test('addresses/systemd: with passed sockets')
def systemd(t):
    sockets = []
    for name in ('one', 'two'):
        sock = socket.socket(socket.AF_UNIX)
        t.cleanups.append(sock.close)
        sock.bind(t.path(name))
        sock.listen()
        sockets.append(sock.fileno())
    harness.need_conductor()
    env = dict(os.environ)
    for count in (1, 2):
        given = sockets[:count]
        process = t.spawn([sys.executable, '-c', ACTIVATED, ','.join(map(str, given)),
                           harness.CONDUCTOR, f'--config-file={config(t)}', '--nofork',
                           '--address=systemd:', '--print-address=1'], pass_fds=given, env=env)
        address = harness.read_line(process.stdout.fileno(), 20)
        t.contains(address, f'unix:path={t.directory}/one', 'address')
        for name in ('one', 'two')[:count]:
            connection = t.connect(f'unix:path={t.directory}/{name}')
            t.returned(connection.bus('GetId'))
            connection.close()
        end(t, process)
        t.true(os.path.lexists(t.path('one')), 'the bus unlinked a socket that is not its own')


@test('addresses/systemd: without passed sockets')
def systemd_without(t):
    _, err = run(t, f'--config-file={config(t)}', '--nofork', '--address=systemd:', status=1)
    t.true(err, 'no message')


@test('addresses/several')
def several(t):
    extra = f'<listen>unix:path={t.directory}/second</listen>'
    process, address = start(t, f'--config-file={config(t, extra=extra)}', '--nofork')
    t.equal(len(address.split(';')), 2, address)
    guids = [part.rsplit('guid=', 1)[1] for part in address.split(';')]
    t.true(len(set(guids)) == len(guids) or len(set(guids)) == 1, f'{guids}')
    for part in address.split(';'):
        connection = t.connect(part)
        t.returned(connection.bus('GetId'))
        t.equal(connection.guid, part.rsplit('guid=', 1)[1], 'guid of the server')
        connection.close()
    end(t, process)


@test('addresses/wrong ones')
def wrong_addresses(t):
    for listen in ('nonsense', 'unix:', 'unix:path=', 'unix:path=/a,abstract=b',
                   f'unix:path={t.directory}/missing/socket', 'unix:foo=bar', 'unix:runtime=no',
                   'unknown:path=/x', f'unix:path={t.directory}/{"x" * 120}', 'unix:path=%zz'):
        _, err = run(t, f'--config-file={config(t, listen=listen)}', '--nofork', status=1)
        t.true(err, f'{listen}: nothing on standard error')


# Errors in the configuration

BROKEN = {
    'not XML': ('this is not XML', 1),
    'nothing': ('', None),
    'cut off': ('<busconfig>\n<type>session</type>\n', 3),
    'wrong root': ('<config>\n</config>', 1),
    'unknown element': ('<busconfig>\n\n<nonsense/>\n</busconfig>', 3),
    'unknown attribute': ('<busconfig>\n<policy context="default">\n<allow foo="x"/>\n</policy>\n'
                          '</busconfig>', 3),
    'unknown limit': ('<busconfig>\n<limit name="nonsense">5</limit>\n</busconfig>', 2),
    'limit without a number': ('<busconfig>\n<limit name="max_message_size">x</limit>\n'
                               '</busconfig>', 2),
    'limit without a name': ('<busconfig>\n<limit>5</limit>\n</busconfig>', 2),
    'negative limit': ('<busconfig>\n<limit name="max_containers">-1</limit>\n</busconfig>', 2),
    'text where none may be': ('<busconfig>\n<policy context="default">text</policy>\n'
                               '</busconfig>', 2),
    'rule outside of a policy': ('<busconfig>\n<allow own="*"/>\n</busconfig>', 2),
    'rule without attributes': ('<busconfig>\n<policy context="default">\n<allow/>\n</policy>\n'
                                '</busconfig>', 3),
    'policy for nobody': ('<busconfig>\n<policy>\n</policy>\n</busconfig>', 2),
    'unknown context': ('<busconfig>\n<policy context="x"/>\n</busconfig>', 2),
    'include that is missing': ('<busconfig>\n\n<include>/nonexistent/file</include>\n'
                                '</busconfig>', 3),
    'empty listen': ('<busconfig>\n<listen></listen>\n</busconfig>', 2),
    'wrong nesting': ('<busconfig>\n<type>session</listen>\n</busconfig>', 2),
    'entity that is not defined': ('<busconfig>\n<type>&foo;</type>\n</busconfig>', 2),
}


@test('configuration/errors name file and line')
def config_errors(t):
    for title, (text, line) in BROKEN.items():
        name = config(t, 'broken.conf', text=text)
        if not text:
            with open(name, 'w', encoding='utf-8'):
                pass
        out, err = run(t, f'--config-file={name}', '--nofork', status=1)
        t.contains(err, name, f'{title}: file')
        if line:
            t.true(re.search(rf'\b{line}\b', err.replace(name, '')),
                   f'{title}: line {line} in {out}{err}')


@test('configuration/errors in an included file name that file')
def included_errors(t):
    inner = config(t, 'inner.conf', text='<busconfig>\n\n\n<nonsense/>\n</busconfig>')
    _, err = run(t, f'--config-file={config(t, extra=f"<include>{inner}</include>")}', status=1)
    t.contains(err, inner, 'file')
    t.true(re.search(r'\b4\b', err.replace(inner, '')), err)


@test('configuration/no address to listen on')
def no_listen(t):
    name = config(t, text='<busconfig>\n<type>session</type>\n</busconfig>')
    _, err = run(t, f'--config-file={name}', '--nofork', status=1)
    t.true(err, 'no message')


@test('configuration/what the contract adds is accepted')
def containers_element(t):
    limits = ''.join(f'<limit name="{name}">5</limit>' for name in (
        'max_containers', 'max_containers_per_user', 'max_connections_per_container',
        'max_container_metadata_bytes', 'max_rules_per_container'))
    process, address = start(t, f'--config-file={config(t, extra=limits)}', '--nofork')
    works(t, address)
    end(t, process)


@test('configuration/includes')
def includes(t):
    os.mkdir(t.path('d'))
    inner = harness.CONFIG.format(listen=f'unix:path={t.directory}/inner', servicedir='', limits='',
                                  extra='')
    for name in ('d/a.conf', 'd/ignored.txt'):
        config(t, name, text=inner if name.endswith('.conf') else 'not XML')
    extra = (f'<includedir>d</includedir><includedir>{t.directory}/missing</includedir>'
             '<include ignore_missing="yes">missing.conf</include>'
             '<include if_selinux_enabled="yes" selinux_root_relative="yes">contexts/x</include>')
    process, address = start(t, f'--config-file={config(t, extra=extra)}', '--nofork')
    t.contains(address, f'{t.directory}/inner', 'address')
    t.connect(f'unix:path={t.directory}/inner').close()
    works(t, address.split(';')[0])
    end(t, process)


if __name__ == '__main__':
    harness.main()
