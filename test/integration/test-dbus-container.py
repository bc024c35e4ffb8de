#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The tool dbus-container: run, list, show."""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, INTERFACE, SERVICE, Server, rule
from harness import CONTAINER_TOOL, test
from tools import servers, start_gdbus, tool, world

SEND = ['dbus-send', '--session', '--print-reply', '--reply-timeout=20000']


def own_service(t, bus, name=SERVICE):
    service = t.connect(bus)
    service.own(name)
    return service


@test('tool/run: the environment, the exit status, nothing left')
def run_status(t):
    bus, env = world(t)
    watcher = t.connect(bus)
    for status in (0, 1, 7, 200):
        tool(t, env, 'run', '--', 'sh', '-c', f'exit {status}', status=status)
    out, _ = tool(t, env, 'run', 'sh', '-c', 'echo $DBUS_SESSION_BUS_ADDRESS')
    t.contains(out, f'unix:path={env["XDG_RUNTIME_DIR"]}/dbus-container-', 'address')
    out, _ = tool(t, env, 'run', '--system', '--address', bus.address, 'sh', '-c',
                  'echo $DBUS_SYSTEM_BUS_ADDRESS; echo $DBUS_SESSION_BUS_ADDRESS')
    t.contains(out, 'dbus-container-', 'address of the system bus')
    t.contains(out, f'\n{bus.address}\n', 'address of the session bus')
    out, _ = tool(t, dict(env, DBUS_STARTER_ADDRESS=bus.address, DBUS_STARTER_BUS_TYPE='session'),
                  'run', 'env')
    t.lacks(out, 'DBUS_STARTER', 'environment')
    t.equal(servers(t, watcher), [], 'servers that are left')


@test('tool/run: programs that cannot be run')
def not_runnable(t):
    _, env = world(t)
    _, err = tool(t, env, 'run', '--', 'no-such-program-here', status=127)
    t.contains(err, 'no-such-program-here', 'message')
    tool(t, env, 'run', '--', t.path('missing'), status=127)
    plain = t.path('plain')
    with open(plain, 'w', encoding='utf-8'):
        os.chmod(plain, 0o644)
    _, err = tool(t, env, 'run', '--', plain, status=126)
    t.contains(err, plain, 'message')
    tool(t, env, 'run', '--', t.directory, status=126)


@test('tool/run: ended by a signal')
def by_signal(t):
    _, env = world(t)
    tool(t, env, 'run', '--', 'sh', '-c', 'kill -TERM $$', status=128 + signal.SIGTERM)
    tool(t, env, 'run', '--', 'sh', '-c', 'kill -KILL $$', status=128 + signal.SIGKILL)


@test('tool/run: signals are passed on')
def signals(t):
    _, env = world(t)
    script = ('import signal, sys\nfor s in (1, 2, 3, 10, 12, 15):\n'
              '  signal.signal(s, lambda n, _: sys.exit(n))\n'
              'print("ready", flush=True)\nwhile True: signal.pause()')
    for sent in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                 signal.SIGTERM):
        process = t.spawn([CONTAINER_TOOL, 'run', '--', sys.executable, '-c', script], env=env)
        t.equal(harness.read_line(process.stdout.fileno(), 20), 'ready', 'program')
        process.send_signal(sent)
        t.equal(process.wait(20), sent, f'signal {sent}')


@test('tool/run: standard streams and descriptors are the program\'s')
def streams(t):
    _, env = world(t)
    reader, writer = t.pipe()
    process = t.run([CONTAINER_TOOL, 'run', '--', 'sh', '-c',
                     f'cat; echo error >&2; echo more >/proc/self/fd/{writer}'], env=env,
                    input=b'input',
                    pass_fds=[writer])
    t.equal((process.out, process.err), ('input', 'error\n'), 'streams')
    t.equal(os.read(reader, 100), b'more\n', 'descriptor')
    process = t.run([CONTAINER_TOOL, 'run', '--', 'sh', '-c', 'grep SigIgn /proc/self/status; '
                     'grep SigBlk /proc/self/status'], env=env)
    ignored, blocked = (int(line.split()[1], 16) for line in process.out.splitlines())
    t.equal((ignored & (1 << (signal.SIGPIPE - 1)), blocked), (0, 0), 'signals ignored and blocked')


@test('tool/run: rules')
def rules(t):
    bus, env = world(t)
    gdbus = start_gdbus(t, bus)
    call = SEND + ['--dest=com.example.GService', '/com/example/Object', 'com.example.Iface.Echo',
                   'variant:string:hello']
    _, err = tool(t, env, 'run', '--', *call, status=1)
    t.contains(err, 'Error', 'without rules')
    _, err = tool(t, env, 'run', '--allow', 'see com.example.GService', '--', *call, status=1)
    t.contains(err, 'AccessDenied', 'with a rule that only shows it')
    for allowed in ('talk com.example.GService', 'call com.example.* com.example.Iface.Echo',
                    'call com.example.GService com.example.Iface @/com/example/*'):
        out, _ = tool(t, env, 'run', '--allow', allowed, '--', *call)
        t.contains(out, '"hello"', allowed)
    rule_file = t.path('rules')
    with open(rule_file, 'w', encoding='utf-8') as stream:
        stream.write('# what the app needs\nsee com.example.Other\n\n'
                     'talk com.example.GService # this\n')
    out, _ = tool(t, env, 'run', '--allow-file', rule_file, '--', *call)
    t.contains(out, '"hello"', 'from a file')
    t.true(gdbus.poll() is None, 'service')


@test('tool/run: type, app id, instance id')
def identity(t):
    bus, env = world(t)
    service = own_service(t, bus)
    call = ['dbus-send', '--session', '--type=method_call', f'--dest={SERVICE}', '/x', 'a.b.C']
    for args, expected in (
            (['--type', 'org.example.Box', '--app-id', 'org.example.App', '--instance-id', 'one'],
             ('org.example.Box', 'org.example.App', 'one')),
            (['--app-id', 'ä ö'], ('local.dbus.Container', 'ä ö', None))):
        process = t.spawn([CONTAINER_TOOL, 'run', *args, '--allow', f'call {SERVICE}', '--',
                           'sh', '-c', '"$@" && cat', 'sh', *call], env=env, stdin=-1)
        request = service.wait_call('C')
        path = servers(t, service)[0]
        info = t.returned(service.bus('GetServerInfo', 'o', path, interface=INTERFACE))
        t.equal(info[1:3], expected[:2], 'type and app id')
        t.equal(info[3], expected[2] or str(process.pid), 'instance id')
        t.true(request.sender, 'sender')
        process.stdin.close()
        t.equal(process.wait(20), 0, 'status')


@test('tool/run: wrong arguments')
def wrong_arguments(t):
    _, env = world(t)
    for args, wanted in (
            ((), 'expected a command'), (('nonsense',), 'nonsense'), (('run',), 'COMMAND'),
            (('run', '--'), 'COMMAND'), (('run', '--nonsense', 'true'), '--nonsense'),
            (('run', '--allow', 'nonsense', 'true'), "--allow 'nonsense'"),
            (('run', '--allow', 'talk', 'true'), "--allow 'talk'"),
            (('run', '--allow', 'talk nodots', 'true'), "--allow 'talk nodots'"),
            (('run', '--allow', 'call a.b @relative', 'true'), "--allow 'call a.b @relative'"),
            (('run', '--allow', '', 'true'), '--allow'), (('run', '--allow', '# x', 'true'),
                                                          '--allow'),
            (('run', '--allow', 'talk a.b\ntalk c.d', 'true'), 'more than once'),
            (('run', '--allow-file', t.path('missing'), 'true'), t.path('missing')),
            (('run', '--type', 'nodots', 'true'), "--type 'nodots'"),
            (('run', '--max-connections', '-1', 'true'), '--max-connections'),
            (('run', '--max-connections', 'x', 'true'), 'max-connections'),
            (('run', '--expose', '/x', 'true'), '--sandbox'),
            (('run', '--system', '--session', 'true'), '--session'),
            (('run', '--group', 'unknown-group', 'true'), 'unknown-group'),
            (('run', '--address', 'unix:path=/nonexistent/bus', 'true'), '/nonexistent/bus')):
        out, err = tool(t, env, *args, status=125)
        t.contains(err, wanted, f'{args}')
        t.equal((out, err.count('\n')), ('', 1), f'{args}: one line of message')
    bad_file = t.path('bad')
    with open(bad_file, 'w', encoding='utf-8') as stream:
        stream.write('talk a.b\n\nnonsense\n')
    _, err = tool(t, env, 'run', '--allow-file', bad_file, 'true', status=125)
    t.contains(err, f'{bad_file}:3:', 'place')


@test('tool/run: an older bus')
def old_bus(t):
    harness.need_reference()
    _, env = world(t)
    old = t.bus(program=harness.REFERENCE)
    _, err = tool(t, env, 'run', '--address', old.address, 'true', status=125)
    t.contains(err, INTERFACE, 'message')
    _, err = tool(t, env, 'list', '--address', old.address, status=1)
    t.contains(err, INTERFACE, 'message')


@test('tool/run: killed')
def killed(t):
    bus, env = world(t)
    watcher = t.connect(bus)
    watcher.add_match(f"interface='{INTERFACE}',member='ServerRemoved'")
    script = 'dbus-send --session / com.example.Sent.S && echo up; cat'
    process = t.spawn([CONTAINER_TOOL, 'run', '--', 'sh', '-c', script], env=env, stdin=-1)
    t.equal(harness.read_line(process.stdout.fileno(), 20), 'up', 'program')
    path = servers(t, watcher)[0]
    process.kill()
    process.wait()
    watcher.wait_for(lambda m: m.member == 'ServerRemoved' and m.body == (path,))
    for folder in os.listdir(env['XDG_RUNTIME_DIR']):
        os.unlink(f'{env["XDG_RUNTIME_DIR"]}/{folder}/bus')
        os.rmdir(f'{env["XDG_RUNTIME_DIR"]}/{folder}')


@test('tool/run: connections that outlive the program')
def outliving(t):
    bus, env = world(t)
    connect = ('import sys; sys.path.insert(0, sys.argv[1]); import rawbus, os, signal\n'
               'c = rawbus.Connection(os.environ["DBUS_SESSION_BUS_ADDRESS"])\n'
               f'c.send(rawbus.call("{SERVICE}", "/", "a.b", "Up"))\n'
               'c.sock.settimeout(60); print(c.sock.recv(100), flush=True)')
    script = '"$@" & read -r line < "$FIFO"'
    service = own_service(t, bus)
    fifo = t.path('fifo')
    os.mkfifo(fifo)
    for option, closed in ((None, True), ('--no-stop', False)):
        args = ['run', *([option] if option else []), '--allow', f'call {SERVICE}', '--', 'sh',
                '-c',
                script, 'sh', sys.executable, '-B', '-c', connect, harness.HERE]
        process = t.spawn([CONTAINER_TOOL, *args], env=dict(env, FIFO=fifo))
        request = service.wait_call('Up')
        with open(fifo, 'w', encoding='utf-8') as stream:
            stream.write('go on\n')
        t.equal(process.wait(20), 0, 'status')
        owner = service.bus('NameHasOwner', 's', request.sender).body[0]
        t.equal(owner, not closed, f'is connected with {option}')
        if not closed:
            service.send(rawbus.signal('/', 'a.b', 'End', destination=request.sender))
        harness.read_line(process.stdout.fileno(), 20)


@test('tool/list')
def list_servers(t):
    bus, env = world(t)
    out, _ = tool(t, env, 'list')
    t.equal(out.split(), ['PATH', 'TYPE', 'APP-ID', 'INSTANCE-ID', 'CREATOR'], 'an empty table')
    one = Server(t, bus, app='org.example.App', instance='first')
    two = Server(t, bus, app='evil\n\x1b[31m app', instance='')
    out, _ = tool(t, env, 'list')
    lines = out.splitlines()
    t.equal(len(lines), 3, out)
    t.equal(lines[1].split(), [one.path, 'com.example.Sandbox', 'org.example.App', 'first',
                               str(os.getuid())], 'row')
    t.contains(lines[2], two.path, 'row')
    t.lacks(out, '\x1b', 'escapes')
    tool(t, env, 'list', 'argument', status=2)
    tool(t, env, 'list', '--nonsense', status=2)


@test('tool/show')
def show(t):
    bus, env = world(t)
    server = Server(t, bus, [rule(CALL, SERVICE, interface='a.b')], instance='x',
                    metadata={'com.example.Note': rawbus.Variant('s', 'a note')})
    contained = server.connect()
    for what in (server.path, contained.unique):
        out, _ = tool(t, env, 'show', what)
        for part in (f'Path: {server.path}', 'Type: com.example.Sandbox', 'App ID: com.example.App',
                     'Instance ID: x', f'UnixUserID: {os.getuid()}', "com.example.Note: 'a note'",
                     'Rules:'):
            t.contains(out, part, what)
        if 'does not tell' not in out:
            t.contains(out, f'call {SERVICE} a.b', 'rule')
    both, _ = tool(t, env, 'show', server.path, contained.unique)
    t.equal(both.count('Path: '), 2, 'both')
    uncontained = t.connect(bus).unique
    for what, status in (('/nowhere', 1), (uncontained, 1), (':1.9999', 1), ('com.example.No', 1),
                         ('nonsense', 2), ('/a//b', 2)):
        _, err = tool(t, env, 'show', what, status=status)
        t.contains(err, what, 'message')
    tool(t, env, 'show', status=2)


@test('tool/help and version')
def informative(t):
    _, env = world(t)
    t.contains(tool(t, env, '--help')[0], 'dbus-container run', '--help')
    t.contains(tool(t, env, '--version')[0], 'dbus-container', '--version')
    for command in ('run', 'list', 'show'):
        t.contains(tool(t, env, command, '--help')[0], '--address', command)


# The sandbox

PROBE = '''
import glob, os, socket, sys
def reach(kind, name):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(name)
    except OSError:
        return
    print("REACHED", kind, name)
abstract, paths = sys.argv[1], sys.argv[2:]
reach("abstract", b"\\0" + abstract.encode())
for path in paths:
    reach("path", path)
    for root in glob.glob("/proc/[0-9]*/root"):
        reach("root", root + path)
    for cwd in glob.glob("/proc/[0-9]*/cwd"):
        reach("cwd", os.path.join(cwd, os.path.basename(path)))
address = os.environ["DBUS_SESSION_BUS_ADDRESS"]
s = socket.socket(socket.AF_UNIX)
s.connect(address.split("path=")[1])
s.send(b"\\0AUTH\\r\\n")
print(s.recv(100).decode().strip(), address, os.environ["XDG_RUNTIME_DIR"])
'''


def need_sandbox(t):
    harness.need_program('bwrap')
    tried = t.run(['bwrap', '--unshare-net', '--unshare-pid', '--ro-bind', '/', '/', '--proc',
                   '/proc', 'true'])
    if tried.returncode != 0:
        raise harness.Skip(f'bubblewrap cannot work here: {tried.err.strip()}')


@test('tool/run --sandbox: no other bus can be reached')
def sandbox(t):
    need_sandbox(t)
    abstract = f'dct-sandbox-{os.getpid()}'
    extra = f'<listen>unix:abstract={abstract}</listen>'
    bus, env = world(t, extra=extra)
    paths = [f'{bus.directory}/bus', '/run/dbus/system_bus_socket', f'/run/user/{os.getuid()}/bus']
    probe = ['/usr/bin/python3', '-c', PROBE, abstract]
    process = t.run(probe + paths[:1], env=dict(env,
                                                DBUS_SESSION_BUS_ADDRESS=f'unix:path={paths[0]}'))
    for kind in ('abstract', 'path', 'root'):
        t.contains(process.out, f'REACHED {kind}', 'without a sandbox')
    out, _ = tool(t, env, 'run', '--sandbox', '--', *probe, *paths[:2])
    t.lacks(out, 'REACHED', 'in the sandbox')
    t.contains(out,
               f'REJECTED EXTERNAL unix:path=/run/user/{os.getuid()}/bus /run/user/{os.getuid()}',
               'its own bus')


@test('tool/run --sandbox: exit status, signals, exposed paths')
def sandbox_status(t):
    need_sandbox(t)
    _, env = world(t)
    for command, status in ((['sh', '-c', 'exit 7'], 7), (['no-such-program'], 127),
                            (['/etc'], 126),
                            (['sh', '-c', 'kill -TERM $$'], 143), (['true'], 0)):
        tool(t, env, 'run', '--sandbox', '--', *command, status=status)
    process = t.spawn([CONTAINER_TOOL, 'run', '--sandbox', '--', 'sh', '-c',
                       'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'], env=env)
    t.equal(harness.read_line(process.stdout.fileno(), 20), 'ready', 'program')
    process.terminate()
    t.equal(process.wait(20), 9, 'a signal that is passed on')
    shown = t.path('shown')
    with open(shown, 'w', encoding='utf-8') as stream:
        stream.write('content\n')
    tool(t, env, 'run', '--sandbox', '--', 'cat', shown, status=1)
    out, _ = tool(t, env, 'run', '--sandbox', '--expose', shown, '--', 'cat', shown)
    t.equal(out, 'content\n', 'exposed file')
    _, err = tool(t, env, 'run', '--sandbox', '--expose', t.path('missing'), '--', 'true',
                  status=125)
    t.contains(err, t.path('missing'), 'message')
    _, err = tool(t, env, 'run', '--sandbox', '--expose', 'relative', '--', 'true', status=125)
    t.contains(err, "--expose 'relative'", 'message')


TYPE = '''
import ctypes, os, termios
libc = ctypes.CDLL(None, use_errno=True)
for number in (termios.TIOCSTI, 1 << 32 | termios.TIOCSTI, termios.TIOCLINUX):
    result = libc.ioctl(0, ctypes.c_ulong(number), ctypes.byref(ctypes.c_char(b"\\n")))
    print("typed", result, ctypes.get_errno())
print("terminal", os.isatty(0))
print("open", sorted(os.listdir("/proc/self/fd")))
'''


@test('tool/run --sandbox: no capabilities, not for root either')
def sandbox_capabilities(t):
    need_sandbox(t)
    _, env = world(t)
    out, _ = tool(t, env, 'run', '--sandbox', '--', 'grep', '-E', '^Cap(Prm|Eff|Amb)',
                  '/proc/self/status')
    t.equal([int(line.split()[1], 16) for line in out.splitlines()], [0, 0, 0], 'capabilities')


@test('tool/run --sandbox: nothing can be typed on the terminal')
def sandbox_terminal(t):
    need_sandbox(t)
    _, env = world(t)
    on_terminal = ['/usr/bin/python3', '-c', 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))']
    probe = ['/usr/bin/python3', '-c', TYPE]
    process = t.run([*on_terminal, *probe], env=env, stdin=subprocess.DEVNULL)
    t.lacks(process.out, 'typed -1 1\r', 'without a sandbox nothing filters')
    process = t.run([*on_terminal, CONTAINER_TOOL, 'run', '--sandbox', '--', *probe], env=env,
                    stdin=subprocess.DEVNULL)
    t.equal(process.out.count('typed -1 1\r'), 3, process.out)
    t.contains(process.out, 'terminal True', 'it is the terminal of the program')
    t.contains(process.out, "open ['0', '1', '2', '3']", 'descriptors')


@test('tool/run --sandbox: the system bus is where programs look for it')
def sandbox_system(t):
    need_sandbox(t)
    bus, env = world(t)
    out, _ = tool(t, env, 'run', '--system', '--address', bus.address, '--sandbox', '--', 'sh',
                  '-c',
                  'echo $DBUS_SYSTEM_BUS_ADDRESS; '
                  'test -S /run/dbus/system_bus_socket && echo there')
    t.equal(out, 'unix:path=/run/dbus/system_bus_socket\nthere\n', 'output')


@test('tool/run --sandbox --both')
def sandbox_both(t):
    need_sandbox(t)
    bus, env = world(t)
    env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address
    out, _ = tool(t, env, 'run', '--both', '--sandbox', '--', 'sh', '-c',
                  'for bus in session system; do dbus-send --$bus --print-reply=literal '
                  '--dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner '
                  'string:org.freedesktop.DBus; echo; done; echo $DBUS_SESSION_BUS_ADDRESS '
                  '$DBUS_SYSTEM_BUS_ADDRESS')
    t.equal(out.split(), ['org.freedesktop.DBus'] * 2 + [
        f'unix:path=/run/user/{os.getuid()}/bus', 'unix:path=/run/dbus/system_bus_socket'], 'output')


if __name__ == '__main__':
    harness.main()
