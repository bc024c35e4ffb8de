#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What is installed for systemd, and the two steps of doc/switching.md, without systemd as init."""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import test

SOURCE = os.path.join(harness.TOP, 'systemd')
DOCUMENT = os.path.join(harness.TOP, 'doc', 'switching.md')
UNIT = 'dbus-conductor.service'


def unit_text(scope):
    """The unit as it would be installed, but for the program, which is that of the build."""
    path = os.path.join(harness.BUILD, 'systemd', scope, UNIT)
    if not os.path.exists(path):
        raise harness.Skip(f'{path} is not built')
    with open(path, encoding='utf-8') as stream:
        return re.sub('ExecStart=[^ ]+', f'ExecStart={harness.CONDUCTOR}', stream.read())


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    return path


def verify(t, scope, *options):
    harness.need_program('systemd-analyze')
    harness.need_conductor()
    if not os.path.exists(f'/usr/lib/systemd/{scope}/dbus.socket'):
        raise harness.Skip('there is no dbus.socket')
    path = write(t.path(f'units/{UNIT}'), unit_text(scope))
    runtime = t.path('runtime')
    os.mkdir(runtime, 0o700)
    done = t.run(['systemd-analyze', 'verify', '--man=no', '--recursive-errors=no', *options, path],
                 env=dict(os.environ, XDG_RUNTIME_DIR=runtime))
    ours = [line for line in (done.out + done.err).splitlines() if UNIT in line or path in line]
    t.equal(ours, [], 'systemd-analyze')
    t.equal(done.returncode, 0, done.out + done.err)


@test('systemd/the unit of the system bus')
def system_unit(t):
    verify(t, 'system')


@test('systemd/the unit of the session bus')
def user_unit(t):
    verify(t, 'user', '--user')


def options_of(scope):
    return re.search('^ExecStart=[^ ]+ (.*)$', unit_text(scope), re.M)[1].split()


@test('systemd/the units give options that there are')
def options(t):
    harness.need_conductor()
    known = t.run([harness.CONDUCTOR, '--help']).out
    for scope, kind in (('system', '--system'), ('user', '--session')):
        given = options_of(scope)
        t.equal(given[0], kind, 'kind of bus')
        for option in given:
            t.contains(known, option.partition('=')[0], scope)


def steps(direction):
    """The commands of the document's step, without the restart."""
    with open(DOCUMENT, encoding='utf-8') as stream:
        line = re.search(rf'^    (systemctl {direction} .*)$', stream.read(), re.M)[1]
    commands = [command.split() for command in line.split(' && ')]
    return [command for command in commands if 'reboot' not in command]


@test('systemd/one step to switch, one to switch back')
def switching(t):
    harness.need_program('systemctl')
    root = t.path('root')
    for scope in ('system', 'user'):
        write(f'{root}/usr/lib/systemd/{scope}/{UNIT}', unit_text(scope))
        for name in ('dbus.service', 'dbus.socket'):
            stock = f'/usr/lib/systemd/{scope}/{name}'
            if not os.path.exists(stock):
                raise harness.Skip(f'there is no {stock}')
            shutil.copy(stock, f'{root}/usr/lib/systemd/{scope}')
    links = [f'{root}/etc/systemd/{scope}/dbus.service' for scope in ('system', 'user')]
    for direction, there in (('enable', [True, True]), ('disable', [False, False])):
        for program, *args in steps(direction):
            done = t.run([program, f'--root={root}', *args])
            t.equal(done.returncode, 0, f'{args}: {done.err}')
        t.equal([os.path.islink(link) for link in links], there, direction)
        for link in filter(os.path.islink, links):
            t.equal(os.path.basename(os.readlink(link)), UNIT, link)
    t.equal([files for _, _, files in os.walk(f'{root}/etc') if files], [], 'what is left')


@test('systemd/the user of the system bus')
def sysusers(t):
    harness.need_program('systemd-sysusers')
    harness.need_root()
    root = t.path('root')
    os.makedirs(f'{root}/etc')
    done = t.run(['systemd-sysusers', f'--root={root}', f'{SOURCE}/sysusers.conf'])
    t.equal(done.returncode, 0, done.err)
    with open(f'{root}/etc/passwd', encoding='utf-8') as stream:
        t.contains(stream.read(), 'messagebus:', 'passwd')


@test('systemd/the same user as that of the dbus packages')
def same_user(t):
    stock = '/usr/lib/sysusers.d/dbus.conf'
    if not os.path.exists(stock):
        raise harness.Skip(f'there is no {stock}')
    lines = []
    for path in (stock, f'{SOURCE}/sysusers.conf'):
        with open(path, encoding='utf-8') as stream:
            lines.append([line.split() for line in stream if line.startswith('u ')])
    t.equal(lines[1], lines[0], 'users')


@test('systemd/the folder for sockets of containers')
def tmpfiles(t):
    harness.need_program('systemd-tmpfiles')
    harness.need_root()
    root = t.path('root')
    write(f'{root}/etc/passwd', 'root:x:0:0::/:/bin/sh\nmessagebus:x:4711:4711::/:/bin/false\n')
    write(f'{root}/etc/group', 'root:x:0:\nmessagebus:x:4711:\n')
    done = t.run(['systemd-tmpfiles', f'--root={root}', '--create', f'{SOURCE}/tmpfiles.conf'])
    t.equal(done.returncode, 0, done.err)
    made = os.stat(f'{root}/run/dbus/containers')
    t.equal((made.st_uid, made.st_mode & 0o7777), (4711, 0o755), 'owner and mode')


if __name__ == '__main__':
    harness.main()
