#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Services that the bus starts: every outcome, on both buses, must give the same transcript.

A scenario says which services there are, by name and with the lines of their files; in
these {t} is the folder of the test and {service} a program that takes the name which it
is given. Where a service never takes its name, a peer does so in its stead: what happens
when is then for the scenario to say.
"""

import difflib
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import play

NAME, OTHER = 'com.example.Svc', 'com.example.Other'
SYSTEMD = 'org.freedesktop.systemd1'
SERVICE = f'/usr/bin/python3 -B {harness.HERE}/rawbus-service.py'
IDLE = {NAME: 'Exec=/bin/true', OTHER: 'Exec=/bin/true'}
WAITS = {NAME: 'Exec=/bin/sh -c "read x <{t}/gate; exit 5"'}
NUMBER = r'\d+'
START = ('StartServiceByName', 'su')


def write(path, text, mode=0o644):
    with open(path + '~', 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path + '~', mode)
    os.rename(path + '~', path)


def service_text(name, lines):
    return f'[D-BUS Service]\nName={name}\n{lines}\n'


def write_services(folder, services):
    """A folder with these services and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    for name, lines in services.items():
        write(f'{folder}/{name}.service', service_text(name, lines))


def activation(name, services=(), **options):
    """Register a scenario; its services are there before the bus, in {t}/services.

    Of the options, files are services in other folders, prefix may need a namespace.
    """
    folders = {'services': services, **options.pop('files', {})}
    def register(function):
        def both(t):
            harness.need_conductor()
            harness.need_reference()
            os.chmod(t.directory, 0o755)
            transcripts = []
            for program in (harness.REFERENCE, harness.CONDUCTOR):
                for folder, its_services in folders.items():
                    write_services(t.path(folder), fill(t, dict(its_services)))
                given = fill(t, options)
                if given.get('prefix') and t.run([*given['prefix'], 'true']).returncode != 0:
                    raise harness.Skip('this needs a namespace of its own')
                transcripts.append(play(t, function, program, servicedir=t.path('services'),
                                        **given))
            t.true(transcripts[0], 'something happened')
            if transcripts[0] != transcripts[1]:
                diff = difflib.unified_diff(*transcripts, 'dbus-daemon', 'dbus-conductor', n=2,
                                            lineterm='')
                raise harness.Failure('the transcripts differ:\n' + '\n'.join(diff))
        harness.CASES.append((f'activation/{name}', both))
        return function
    return register


def fill(t, thing):
    """What a scenario says, with the paths of this run."""
    if isinstance(thing, str):
        return thing.replace('{t}', t.directory).replace('{service}', SERVICE)
    if isinstance(thing, dict):
        return {key: fill(t, value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return type(thing)(fill(t, value) for value in thing)
    return thing


def start(peer, name=NAME):
    return peer.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, *START, name, 0), 'start')


def call(peer, name=NAME, member='M', **options):
    return peer.send(rawbus.call(name, '/x', 'com.example.I', member, **options))


def make_gate(s):
    gate = s.case.path('gate')
    if not os.path.exists(gate):
        os.mkfifo(gate)
    return gate


def open_gate(gate):
    """What waits at the gate goes on; if nothing does yet, it is waited for."""
    with open(gate, 'w', encoding='ascii'):
        pass


def show_all(*peers):
    for _ in range(2):                                  # what one round trip causes is seen by all
        for peer in peers:
            peer.connection.sync()
    for peer in peers:
        peer.show()


# Starts that succeed

@activation('a call starts the service and is answered', {NAME: 'Exec={service} ' + NAME},
            check_fds=False)                            # the service is a client, too
def by_call(s):
    a, = s.peers('A')
    a.call(NAME, '/some/path', 'com.example.I', 'M')
    a.bus(*START, NAME, 0)


@activation('StartServiceByName, twice', {NAME: 'Exec={service} ' + NAME})
def by_name(s):
    a, = s.peers('A')
    a.quietly('AddMatch', 's', f"member='NameOwnerChanged',arg0='{NAME}'")
    a.bus(*START, NAME, 0)
    a.bus(*START, NAME, 0)
    a.call(NAME, '/x', 'com.example.I', 'Quit')


@activation('a signal to the name starts it', IDLE)
def by_signal(s):
    a, owner = s.peers('A', 'Owner')
    a.send(rawbus.signal('/', 'com.example.I', 'S', destination=NAME))
    a.connection.sync()
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(a, owner)


@activation('a call that must not start it does not', IDLE)
def no_auto_start(s):
    a, owner = s.peers('A', 'Owner')
    call(a, flags=rawbus.NO_AUTO_START)
    show_all(a)
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(a, owner)


@activation('a service that ends well may take its name later', IDLE)
def ends_well(s):
    a, owner = s.peers('A', 'Owner')
    start(a)
    call(a)
    show_all(a)
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(a, owner)


@activation('several callers, and messages in their order', IDLE)
def several(s):
    a, b, c, owner = s.peers('A', 'B', 'C', 'Owner')
    for peer in (a, b):
        start(peer)
        call(peer, member='First')
        call(peer, member='Second', flags=rawbus.NO_REPLY)
        peer.connection.sync()
    c.send(rawbus.signal('/', 'com.example.I', 'Third', destination=NAME))
    c.connection.sync()
    owner.bus('RequestName', 'su', NAME, 0)
    show_all(owner, a, b, c)


@activation('who asks is gone before it comes', IDLE)
def caller_gone(s):
    a, b, owner = s.peers('A', 'B', 'Owner')
    for peer in (a, b):
        start(peer)
        call(peer)
        peer.connection.sync()
    a.connection.close()
    b.connection.sync()
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(b)
    senders = [message.sender for message in owner.connection.drain()
               if message.kind == rawbus.CALL]
    s.say(f'{len(senders)} calls, that of B at {senders.index(b.name)}')


@activation('services that need each other', IDLE)
def loop(s):
    a, svc, other = s.peers('A', 'Svc', 'Other')
    start(a)
    call(a)
    a.connection.sync()
    call(svc, OTHER, 'Help')                            # what was started calls for the next one,
    svc.connection.sync()
    start(other)                                        # which waits for the first one
    call(other, NAME, 'Back')
    show_all(a, svc, other)
    svc.quietly('RequestName', 'su', NAME, 0)
    other.quietly('RequestName', 'su', OTHER, 0)
    show_all(a, svc, other)


@activation('a service that waits for itself', IDLE)
def own_loop(s):
    a, svc = s.peers('A', 'Svc')
    start(a)
    a.connection.sync()
    start(svc)
    call(svc)
    svc.connection.sync()
    svc.quietly('RequestName', 'su', NAME, 0)
    show_all(a, svc)


@activation('others are served meanwhile', WAITS, limits={'service_start_timeout': 60000})
def meanwhile(s):
    a, b = s.peers('A', 'B')
    gate = make_gate(s)
    asked = start(a)
    b.bus('NameHasOwner', 's', NAME)
    call(b, a.name, 'Hello')
    show_all(b, a)
    open_gate(gate)
    a.answer(asked)


# Starts that fail

FAILURES = {
    'an exit status': 'Exec=/bin/sh -c "exit 3"',
    'a signal': 'Exec=/bin/sh -c "kill -9 $$"',
    'a program that is not there': 'Exec=/nonexistent/program',
    'a program that cannot be run': 'Exec=/etc/passwd',
    'a folder': 'Exec=/tmp',
    'a quotation that does not end': 'Exec=/bin/sh "x',
    'an unknown user without a helper': 'User=no-such-user\nExec=/bin/false',
}


def fails(s):
    a, b = s.peers('A', 'B')
    a.bus(*START, NAME, 0)
    b.call(NAME, '/x', 'com.example.I', 'M')
    b.call(NAME, '/x', 'com.example.I', 'M', flags=rawbus.NO_REPLY)
    show_all(a, b)


for what, exec_line in FAILURES.items():
    activation(f'failure/{what}', {NAME: exec_line})(fails)


@activation('failure/all who wait are told', WAITS)
def all_told(s):
    a, b = s.peers('A', 'B')
    gate = make_gate(s)
    for peer in (a, b):
        start(peer)
        call(peer)
        call(peer, member='Quiet', flags=rawbus.NO_REPLY)
        peer.connection.sync()
    open_gate(gate)
    for peer in (a, b):
        for _ in range(3):
            peer.receive()
    show_all(a, b)


@activation('failure/its time is over', {NAME: 'Exec=/bin/sleep 60'},
            limits={'service_start_timeout': 200})
def time_over(s):
    a, = s.peers('A')
    a.bus(*START, NAME, 0)
    a.call(NAME, '/x', 'com.example.I', 'M')


# What the policy says

@activation('policy/asked before the start', {NAME: 'Exec=/bin/sh -c "echo x >{t}/started"'},
            extra=f'<policy context="default"><deny send_destination="{NAME}"/></policy>\n')
def before(s):
    a, = s.peers('A')
    a.call(NAME, '/x', 'com.example.I', 'M')
    s.say(f'started: {os.path.exists(s.case.path("started"))}')


@activation('policy/asked again when the name has an owner', IDLE,
            extra=f'<policy context="default"><deny send_destination="{OTHER}"/>'
                  '<deny receive_member="Unwanted" receive_interface="com.example.I"/></policy>\n')
def after(s):
    a, owner, second = s.peers('A', 'Owner', 'Second')
    for member in ('Unwanted', 'Wanted'):
        call(a, member=member)
    a.connection.sync()
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(a, owner)
    owner.quietly('ReleaseName', 's', NAME)
    call(a, member='ToBoth')
    a.connection.sync()
    second.quietly('RequestName', 'su', OTHER, 0)       # may not be sent to, by any of its names
    second.quietly('RequestName', 'su', NAME, 0)
    show_all(a, second)


# What services find

ENVIRONMENT = 'Exec=/bin/sh -c "env >{t}/env~ && mv {t}/env~ {t}/env"'
VARIABLES = ('DBUS_SESSION_BUS_ADDRESS', 'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE',
             'DBUS_SYSTEM_BUS_ADDRESS', 'DBUS_ACTIVATION_TEST', 'PATH_OF_TEST')


def show_environment(s, peer):
    report = s.case.path('env')
    start(peer)
    if not harness.wait_until(lambda: os.path.exists(report)):
        raise harness.Failure('the service was not started')
    with open(report, encoding='utf-8') as stream:
        found = dict(line.rstrip('\n').split('=', 1) for line in stream if '=' in line)
    os.unlink(report)
    for name in VARIABLES:
        value = found.get(name)
        s.say(f'{name} is {"that of the bus" if value == s.bus.address else value}')


for kind in ('session', 'system', 'another'):
    @activation(f'environment/type {kind}', {NAME: ENVIRONMENT}, extra=f'<type>{kind}</type>\n',
                env={'DBUS_ACTIVATION_TEST': 'of the bus'})
    def environment(s):
        show_environment(s, s.peer('A'))


@activation('environment/UpdateActivationEnvironment', {NAME: ENVIRONMENT},
            env={'DBUS_ACTIVATION_TEST': 'of the bus', 'PATH_OF_TEST': 'stays'})
def update(s):
    a, = s.peers('A')
    a.quietly('UpdateActivationEnvironment', 'a{ss}', {'DBUS_ACTIVATION_TEST': 'new = value'})
    show_environment(s, a)


CHILD = '''#!/bin/sh
{ grep -E '^Sig(Blk|Ign)' /proc/self/status; cat /proc/self/oom_score_adj; ulimit -Sn; pwd
  for fd in /proc/$$/fd/[0-9]; do echo "${fd##*/} $(readlink "$fd")"; done; } >"$1~" 2>/dev/null
mv "$1~" "$1"
'''


@activation('a child starts clean', {NAME: 'Exec={t}/child {t}/report'},
            prefix=['sh', '-c', 'trap "" USR1; { echo 200 >/proc/self/oom_score_adj; } '
                    '2>/dev/null; ulimit -Sn 300; exec "$@"', 'sh'])
def clean_child(s):
    a, = s.peers('A')
    write(s.case.path('child'), CHILD, 0o755)
    report = s.case.path('report')
    start(a)
    if not harness.wait_until(lambda: os.path.exists(report)):
        raise harness.Failure('the service was not started')
    # the log of each bus is its own file, and the report is open as well
    with open(report, encoding='utf-8') as stream:
        text = re.sub(r'(pipe|socket):\[\d+\]', r'\1', stream.read())
    lines = [line for line in text.splitlines() if s.case.directory not in line]
    os.unlink(report)
    for line in lines:
        s.say(line)


# Where service files are

def activatable(s, peer, what=''):
    names = peer.quietly('ListActivatableNames').body[0]
    s.say(f'{what} {sorted(name for name in names if name.startswith("com.example"))}')


@activation('folders/the first one has precedence', {NAME: 'Exec=/bin/sh -c "exit 3"'},
            extra='<servicedir>{t}/second</servicedir>\n')
def precedence(s):
    a, = s.peers('A')
    second = s.case.path('second')
    os.makedirs(second, exist_ok=True)
    write(f'{second}/{NAME}.service', service_text(NAME, 'Exec=/nonexistent/program'))
    write(f'{second}/any-name.service', service_text(OTHER, 'Exec=/nonexistent/program'))
    write(f'{second}/com.example.NoService', service_text('com.example.C', 'Exec=/bin/true'))
    a.quietly('ReloadConfig')
    activatable(s, a)
    a.bus(*START, NAME, 0)
    a.bus(*START, OTHER, 0)


@activation('folders/one that comes later is found when somebody asks',
            extra='<servicedir>{t}/later</servicedir>\n')
def later_folder(s):
    a, = s.peers('A')
    later = s.case.path('later')
    if os.path.isdir(later):                            # from the other bus
        shutil.rmtree(later)
    a.bus(*START, OTHER, 0)
    os.mkdir(later)
    write(f'{later}/{OTHER}.service', service_text(OTHER, 'Exec=/nonexistent/program'))
    a.bus(*START, OTHER, 0)


XDG = {'XDG_DATA_HOME': '{t}/home', 'XDG_DATA_DIRS': '{t}/one:{t}/two:relative'}


@activation('folders/those of a session', extra='<standard_session_servicedirs/>\n', env=XDG)
def session_folders(s):
    a, = s.peers('A')
    places = {label: s.case.path(f'{label}/dbus-1/services') for label in ('home', 'one', 'two')}
    places['runtime'] = os.path.join(s.bus.runtime, 'dbus-1', 'services')
    for number, (label, folder) in enumerate(places.items()):
        os.makedirs(folder, exist_ok=True)
        own = f'com.example.Of{label}'
        write(f'{folder}/{own}.service', service_text(own, 'Exec=/bin/true'))
        # the same name everywhere: which one is it? The second name is not that of its file.
        write(f'{folder}/{NAME}.service',
              service_text(NAME, f'Exec=/bin/sh -c "exit {20 + number}"'))
        loose = service_text(f'com.example.Loose{label}', 'Exec=/bin/true')
        write(f'{folder}/loose.service', loose)
    a.quietly('ReloadConfig')
    activatable(s, a)
    reply = a.connection.bus(*START, NAME, 0)
    s.say(f'exit {re.findall(NUMBER, reply.body[0])}')


def over_system_folders():
    """Has a program see other folders for services of the system."""
    script = ('mount -t tmpfs none /usr/local/share && mount -t tmpfs none /usr/share/dbus-1 && '
              'mkdir -p /usr/local/share/dbus-1 && '
              'cp -r "$0/local" /usr/local/share/dbus-1/system-services && '
              'cp -r "$0/stock" /usr/share/dbus-1/system-services && exec "$@"')
    as_user = [] if os.getuid() == 0 else ['--user', '--map-current-user', '--keep-caps']
    return ['unshare', *as_user, '--mount', 'sh', '-c', script, '{t}']


@activation('folders/those of the system', extra='<standard_system_servicedirs/>\n',
            prefix=over_system_folders(),
            files={'local': {NAME: 'Exec=/bin/sh -c "exit 31"'},
                   'stock': {NAME: 'Exec=/bin/sh -c "exit 32"', OTHER: 'Exec=/bin/true'}})
def system_folders(s):
    a, = s.peers('A')
    activatable(s, a)
    reply = a.connection.bus(*START, NAME, 0)
    s.say(f'exit {re.findall(NUMBER, reply.body[0])}')


FILES = {
    'com.example.Fine': '[D-BUS Service]\nName={name}\nExec=/bin/true\n',
    'com.example.Commented': '# a\n\n[D-BUS Service]\n# b\nName={name}\nExec=/bin/true\n',
    'com.example.Spaces': '[D-BUS Service]\nName = {name}\nExec = /bin/true\n',
    'com.example.MoreKeys': '[D-BUS Service]\nName={name}\nExec=/bin/true\nX-More=1\n[More]\na=b\n',
    'com.example.Label': '[D-BUS Service]\nName={name}\nExec=/bin/true\n'
                         'AssumedAppArmorLabel=/usr/bin/x\n',
    'com.example.NoExec': '[D-BUS Service]\nName={name}\n',
    'com.example.UnitOnly': '[D-BUS Service]\nName={name}\nSystemdService=a.service\n',
    'com.example.NoName': '[D-BUS Service]\nExec=/bin/true\n',
    'com.example.NoGroup': 'Name={name}\nExec=/bin/true\n',
    'com.example.OtherGroup': '[Service]\nName={name}\nExec=/bin/true\n',
    'com.example.Unique': '[D-BUS Service]\nName=:1.1\nExec=/bin/true\n',
    'com.example.NotAName': '[D-BUS Service]\nName=nonsense\nExec=/bin/true\n',
    'com.example.Bus': f'[D-BUS Service]\nName={rawbus.BUS}\nExec=/bin/true\n',
    'com.example.Empty': '',
    'com.example.CrLf': '[D-BUS Service]\r\nName={name}\r\nExec=/bin/true\r\n',
}


@activation('files/what is one and what is not', {'com.example.Zero': 'Exec=/bin/true'})
def files(s):
    a, = s.peers('A')
    for name, text in FILES.items():
        write(f'{s.case.path("services")}/{name}.service', text.format(name=name))
        a.quietly('ReloadConfig')
        activatable(s, a, name)
    for name in ('com.example.NoExec', 'com.example.UnitOnly'):
        a.bus(*START, name, 0)


# The launch helper

HELPER = '<servicehelper>{t}/helper</servicehelper>\n'


def helper(s, script):
    write(s.case.path('helper'), f'#!/bin/sh\n{script}\n', 0o755)


@activation('helper/is given the name and the bus',
            {NAME: 'User=root\nExec=/nonexistent/program'}, extra=HELPER + '<type>system</type>')
def helper_starts(s):
    helper(s, f'env >{s.case.path("env")}~; echo "ARGUMENTS=$*" >>{s.case.path("env")}~\n'
              f'mv {s.case.path("env")}~ {s.case.path("env")}')
    show_environment(s, s.peer('A'))


@activation('helper/each of its exit codes', {NAME: 'User=root\nExec=/bin/true'}, extra=HELPER)
def helper_fails(s):
    a, = s.peers('A')
    for code in range(1, 14):
        helper(s, f'exit {code}')
        s.say(f'exit {code}')
        a.bus(*START, NAME, 0)
    helper(s, 'kill -9 $$')
    a.bus(*START, NAME, 0)
    os.unlink(s.case.path('helper'))
    a.bus(*START, NAME, 0)


@activation('helper/a service without a user', {NAME: 'Exec=/bin/true'}, extra=HELPER)
def helper_without_user(s):
    a, = s.peers('A')
    helper(s, 'exit 6')
    a.bus(*START, NAME, 0)
    a.call(NAME, '/x', 'com.example.I', 'M')


# systemd

UNITS = {NAME: 'Exec=/bin/false\nSystemdService=svc.service', OTHER: 'Exec=/bin/sh -c "exit 4"'}
BY_SYSTEMD = {'services': UNITS, 'args': ('--systemd-activation',)}


def systemd_peer(s):
    systemd = s.peer('Systemd')
    systemd.connection.own(SYSTEMD)
    return systemd


def activation_failure(peer, *body):
    peer.send(rawbus.signal('/', SYSTEMD + '.Activator', 'ActivationFailure', 'sss', *body,
                            destination=rawbus.BUS))
    peer.connection.sync()


@harness.test('activation/systemd/a failure without a proper name')
def systemd_fails_badly(t):
    """Only here: dbus-daemon 1.14 ends with an assertion."""
    write_services(t.path('services'), UNITS)
    bus = t.bus(servicedir=t.path('services'), args=['--systemd-activation'])
    caller, systemd = t.connect(bus), t.connect(bus)
    systemd.own(SYSTEMD)
    serial = caller.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, *START, NAME, 0))
    systemd.wait_signal('ActivationRequest')
    systemd.send(rawbus.signal('/', SYSTEMD + '.Activator', 'ActivationFailure', 'sss',
                               'svc.service', 'no name of an error', 'It failed',
                               destination=rawbus.BUS))
    t.failed(caller.wait_reply(serial), 'Failed')


@activation('systemd/is asked, and the service comes', **BY_SYSTEMD)
def systemd_comes(s):
    a, owner = s.peers('A', 'Owner')
    systemd = systemd_peer(s)
    start(a)
    call(a)
    show_all(systemd, a)
    owner.quietly('RequestName', 'su', NAME, 0)
    show_all(a, owner, systemd)


@activation('systemd/says that it failed', **BY_SYSTEMD)
def systemd_fails(s):
    a, liar = s.peers('A', 'Liar')
    systemd = systemd_peer(s)
    start(a)
    call(a)
    a.connection.sync()
    activation_failure(liar, 'svc.service', 'com.example.Error.Liar', 'nobody asked')
    show_all(a, systemd)
    activation_failure(systemd, 'another.service', 'com.example.Error.Another', 'not that one')
    show_all(a)
    activation_failure(systemd, 'svc.service', 'com.example.Error.Unit', 'it did not start')
    show_all(a)


@activation('systemd/comes later', **BY_SYSTEMD)
def systemd_later(s):
    a, = s.peers('A')
    start(a)
    call(a)
    show_all(a)
    systemd = systemd_peer(s)
    show_all(systemd, a)


@activation('systemd/a service without a unit', **BY_SYSTEMD)
def systemd_without_unit(s):
    a, = s.peers('A')
    systemd = systemd_peer(s)
    a.bus(*START, OTHER, 0)
    show_all(systemd)


@activation('systemd/is not asked without the option', services=UNITS)
def systemd_not_asked(s):
    a, = s.peers('A')
    systemd = systemd_peer(s)
    a.bus(*START, NAME, 0)
    show_all(systemd)


if __name__ == '__main__':
    harness.main()
