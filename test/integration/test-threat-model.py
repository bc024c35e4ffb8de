#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""doc/threat-model.md: each of its statements has a test that there is; those that have no other place."""

import fcntl
import glob
import os
import re
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import EVERYBODY, UID, connect
from containers import INTERFACE, Server, add_server, listening_socket
from harness import test

DOCUMENT = os.path.join(harness.TOP, 'doc', 'threat-model.md')
MONITORING = 'org.freedesktop.DBus.Monitoring'
NOBODY = 65534


def known_tests():
    """Names of all tests, and what the checks of the virtual machine say."""
    names = set()
    for path in glob.glob(os.path.join(harness.HERE, 'test-*.py')):
        with open(path, encoding='utf-8') as stream:
            found = re.findall(r"""^@\w+\(\s*('(?:[^'\\]|\\.)*')""", stream.read(), re.M)
        names.update(name[1:-1].replace("\\'", "'") for name in found)
    with open(os.path.join(harness.TOP, 'test', 'vm', 'inside.py'), encoding='utf-8') as stream:
        for name in re.findall(r"'((?:[^'\\\n]|\\.)*)'\)$", stream.read(), re.M):
            name = name.replace("\\'", "'")
            names.update((f'apparmor: {name}', f'selinux: {name}'))
    return names


@test('threat/each statement of the document has a test')
def document(t):
    with open(DOCUMENT, encoding='utf-8') as stream:
        statements = [line[2:] for line in stream.read().splitlines() if line.startswith('- ')]
    t.true(len(statements) > 30, 'statements')
    names = known_tests()
    for statement in statements:
        text, arrow, tests = statement.partition(' → ')
        t.true(arrow, f'no test: {text}')
        for name in re.findall(r'`([^`]+)`', tests):
            t.true(name in names, f'there is no test "{name}": {text}')


# --- the process ---

def user_bus(t, **options):
    """A bus that changes its user, with a folder for its socket that is that user's."""
    harness.need_root()
    os.chmod(t.directory, 0o755)
    folder = t.path('sockets')
    os.mkdir(folder, 0o755)
    os.chown(folder, NOBODY, NOBODY)
    return t.bus(extra=f'  <user>nobody</user>\n{EVERYBODY}', listen=f'unix:path={folder}/bus',
                 **options)


@test('threat/root is given up before the first client is let in')
def order(t):
    harness.need_root()
    harness.need_program('strace')
    trace = t.path('trace')
    calls = 'accept4,accept,setresuid,clone,clone3,fork,vfork,execve'
    if t.run(['strace', '-o', '/dev/null', 'true']).returncode:
        raise harness.Skip('cannot trace')
    prefix = ['strace', '-D', '-f', '-o', trace, '-e', f'trace={calls}', '-e', 'signal=none']
    bus = user_bus(t, prefix=prefix, check_fds=False, env={'ASAN_OPTIONS': 'detect_leaks=0'})
    t.connect(bus).sync()
    t.equal(bus.quit(), 0)

    def is_complete():
        with open(trace, encoding='utf-8') as stream:
            return f'{bus.pid} +++ exited' in re.sub(r' +', ' ', stream.read())
    t.true(harness.wait_until(is_complete), 'the trace comes to its end')
    with open(trace, encoding='utf-8') as stream:
        lines = [line.split(None, 1)[1] for line in stream]
    kinds = [line.split('(')[0] for line in lines if '(' in line]
    changed = kinds.index('setresuid')
    t.equal(kinds[:changed], ['execve'], 'before the user is changed')
    t.contains(lines[changed], f'setresuid({NOBODY}, {NOBODY}, {NOBODY}')
    t.contains(kinds[changed:], 'accept4', 'and behind it')


@test('threat/what is left of root in the bus')
def what_is_left(t):
    bus = user_bus(t)
    with t.connect(bus) as connection:
        connection.sync()
    with open(f'/proc/{bus.pid}/status', encoding='utf-8') as stream:
        status = dict(line.split(':', 1) for line in stream.read().splitlines() if ':' in line)
    t.equal(status['Uid'].split(), [str(NOBODY)] * 4, 'real, effective, saved, file system')
    t.true('0' not in status['Gid'].split() + status['Groups'].split(), 'groups')
    try:
        fds = os.listdir(f'/proc/{bus.pid}/fd')
        targets = {fd: os.readlink(f'/proc/{bus.pid}/fd/{fd}') for fd in fds}
    except PermissionError:
        raise harness.Skip('cannot look at descriptors of another user\'s process') from None
    for fd, target in targets.items():
        if not target.startswith('/') or target in ('/dev/null', bus.log_path):
            continue
        mode = os.stat(f'/proc/{bus.pid}/fd/{fd}').st_mode
        t.true(stat.S_ISREG(mode) and mode & stat.S_IROTH, f'{target} is nothing that others read')


@test('threat/monitors are for root and the bus\'s own user')
def monitors(t):
    bus = user_bus(t)
    app = Server(t, bus).connect()
    users = ((connect(t, bus, UID), False), (connect(t, bus, NOBODY), True), (t.connect(bus), True),
             (app, False))                      # the last two are root's
    for connection, allowed in users:
        reply = connection.bus('BecomeMonitor', 'asu', [], 0, interface=MONITORING)
        t.equal(reply.kind == rawbus.RETURN, allowed)
        if not allowed:
            t.failed(reply, 'AccessDenied')


# --- managers ---

@test('threat/a manager that plays with its socket stops nobody')
def shared_socket(t):
    bus = t.bus()
    manager, other = t.connect(bus), t.connect(bus)
    sock, path = listening_socket(t, 'shared')
    t.returned(add_server(manager, {'ListenSocket': ('h', 0)}, [sock]))
    sock.setblocking(False)
    for blocking in (True, False):
        flags = fcntl.fcntl(sock, fcntl.F_GETFL)
        fcntl.fcntl(sock, fcntl.F_SETFL, flags & ~os.O_NONBLOCK if blocking
                    else flags | os.O_NONBLOCK)
        clients = []
        for _ in range(20):                     # who accepts first is left to chance
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            clients.append(client)
            readable = fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK
            if readable:
                try:
                    clients.append(sock.accept()[0])
                except BlockingIOError:
                    pass
            t.returned(other.bus('GetId'), 'others go on')
        for client in clients:
            client.close()
    sock.shutdown(socket.SHUT_RDWR)
    t.true(harness.wait_until(lambda: not manager.bus('ListServers', interface=INTERFACE).body[0]),
           'a socket that is shut down ends its server')
    t.returned(other.bus('GetId'))


if __name__ == '__main__':
    harness.main()
