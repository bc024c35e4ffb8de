# SPDX-License-Identifier: MIT
"""The first process of the virtual machine: mounts, starts the bus, tries it, turns the machine off."""

import ctypes
import os
import select
import socket
import subprocess
import sys
import traceback

sys.path.insert(0, '/vm')
os.environ['PATH'] = '/usr/sbin:/sbin:/usr/bin:/bin'
import rawbus                                                               # noqa: E402

CONDUCTOR = '/vm/dbus-conductor'
APPARMOR, FAKE_MOUNT = '/sys/kernel/security/apparmor', '/tmp/apparmor'
NAME, IFACE = 'com.example.Service', 'com.example.I'
CONTAINERS = 'org.freedesktop.DBus.Containers1'
CALL, SUBTREE = 0x02, 0x200
CONFIG = """<busconfig><type>system</type><user>bus</user><listen>unix:path={socket}</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow send_type="signal"/><allow send_requested_reply="true"/><allow receive_type="method_call"/>
<allow receive_type="signal"/><allow receive_requested_reply="true"/>
<deny send_interface="com.example.I" send_member="ByPolicy"/></policy>{extra}</busconfig>"""
count = 0


def say(text):
    print(text, flush=True)


def check(condition, what):
    say(f'{"ok" if condition else "not ok"} - {MODULE}: {what}')
    return condition


def read(path):
    with open(path, encoding='utf-8', errors='replace') as stream:
        return stream.read().rstrip('\0\n')


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text if isinstance(text, bytes) else text.encode())
    finally:
        os.close(fd)


class Bus:
    """A bus; the log is in a file."""

    def __init__(self, extra='', label=None, **environment):
        global count
        count += 1
        self.socket, self.log_path = f'/tmp/bus{count}', f'/tmp/log{count}'
        config = f'/tmp/config{count}'
        with open(config, 'w', encoding='utf-8') as out:
            out.write(CONFIG.format(socket=self.socket, extra=extra))
        reader, writer = os.pipe()
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [CONDUCTOR, f'--config-file={config}', '--nofork', '--nopidfile',
                 f'--print-address={writer}'], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[writer], env={**os.environ, **environment},
                preexec_fn=(lambda: become(label)) if label else None)
        os.close(writer)
        with os.fdopen(reader) as stream:
            self.address = stream.readline().strip()

    def log(self):
        return read(self.log_path)

    def stop(self):
        self.process.terminate()
        return self.process.wait()


def become(label):
    """Change the label of this process, as its module has it."""
    if MODULE == 'apparmor':
        write('/proc/self/attr/current', f'changeprofile {label}')
    else:
        write('/proc/self/attr/current', f'u:r:{label}')


def child(label, address, script):
    """Run a function of a connection in a process with this label; what it returned, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if label:
                become(label)
            answer = script(rawbus.Connection(address, timeout=60))
        except Exception as error:              # told to who waits
            answer = f'failed: {error!r}'
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    return answer


def outcome(reply):
    return 'returned' if reply.kind == rawbus.RETURN else reply.error.rsplit('.', 1)[1]


def call_it(name, member):
    def script(connection):
        return outcome(connection.call(name, '/a', IFACE, member))
    return script


def own_it(name):
    def script(connection):
        return outcome(connection.bus('RequestName', 'su', name, 4))
    return script


def start_service(label, address, name):
    """A process that owns a name and answers every call."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        if label:
            become(label)
        service = rawbus.Connection(address, timeout=600)
        answer = outcome(service.bus('RequestName', 'su', name, 4))
        os.write(told, answer.encode())
        os.close(told)
        try:
            while True:
                service.send(rawbus.reply_to(service.wait_call()))
        finally:
            os._exit(0)
    os.close(told)
    with os.fdopen(ready) as stream:
        return pid, stream.read()


def add_server(manager, members):
    """A container whose rules allow these members of the service."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = f'/tmp/container{os.urandom(4).hex()}'
    sock.bind(path)
    sock.listen(16)
    rules = [(CALL | SUBTREE, NAME, '/', f'{IFACE}.{member}') for member in members]
    reply = manager.bus('AddServer', 'sssa{sv}a{sv}', 'com.example.Sandbox', 'app', 'i', {},
                        {'ListenSocket': rawbus.Variant('h', 0),
                         'Allow': rawbus.Variant('a(usos)', rules)},
                        interface=CONTAINERS, fds=[sock])
    sock.close()
    if reply.kind != rawbus.RETURN:
        raise RuntimeError(repr(reply))
    return f'unix:path={path}'


def features(address):
    def script(connection):
        reply = connection.bus('Get', 'ss', rawbus.BUS, 'Features',
                               interface='org.freedesktop.DBus.Properties')
        return ' '.join(reply.body[0].value)
    return child(None, address, script).split()


def explained(address):
    """What the tool says about a call to the service from the only container."""
    done = subprocess.run(['/vm/dbus-container', 'explain', '--address', address, 'c0', 'call', NAME,
                           f'{IFACE}.Fine'], capture_output=True, text=True, check=False)
    say(f'# {done.stdout}{done.stderr}'.replace('\n', ' '))
    return done.stdout


def layers(bus):
    return [word[6:] for line in bus.log().splitlines() if 'denied Layer=' in line
            for word in line.split() if word.startswith('Layer=')]


def kernel_log():
    log = ''
    fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
    while select.select([fd], [], [], 0)[0]:
        try:
            log += os.read(fd, 8192).decode(errors='replace')
        except BlockingIOError:
            break
        except BrokenPipeError:
            continue
    os.close(fd)
    return log


def is_audited(record):
    """Whether the kernel has the record, from the user whom the bus has become."""
    return any('type=1107' in line and ' uid=99 ' in line and record in line
               for line in kernel_log().splitlines())


# --- AppArmor ---

def mirror_apparmor():
    """Links to all of AppArmor's files, and beside them the features that the kernel does not list."""
    os.makedirs(f'{FAKE_MOUNT}/features/dbus')
    for name in os.listdir(APPARMOR):
        if name != 'features':
            os.symlink(f'{APPARMOR}/{name}', f'{FAKE_MOUNT}/{name}')
    for name in os.listdir(f'{APPARMOR}/features'):
        if name != 'dbus':
            os.symlink(f'{APPARMOR}/features/{name}', f'{FAKE_MOUNT}/features/{name}')
    with open(f'{FAKE_MOUNT}/features/dbus/mask', 'w', encoding='utf-8') as out:
        out.write('acquire send receive\n')


def load_profile(text):
    with open('/tmp/profile', 'w', encoding='utf-8') as out:
        out.write(text)
    done = subprocess.run(['apparmor_parser', '-r', '-K', f'--kernel-features={FAKE_MOUNT}/features',
                           f'--policy-features={FAKE_MOUNT}/features', '/tmp/profile'],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def what_is_missing():
    has_features = os.path.isdir(f'{APPARMOR}/features/dbus')
    one, other = socket.socketpair()
    try:
        one.getsockopt(socket.SOL_SOCKET, 31, 256)
        has_label = True
    except OSError:
        has_label = False
    one.close()
    other.close()
    say(f'# this kernel lists D-Bus among AppArmor\'s features: {has_features}')
    say(f'# this kernel tells labels of AF_UNIX peers (SO_PEERSEC) with AppArmor: {has_label}')
    return has_features and has_label


def apparmor_as_it_is(mediates):
    bus = Bus('<apparmor mode="enabled"/>')
    check(bool(bus.address) and ('AppArmor' in features(bus.address)) == mediates,
          'mode enabled: the bus starts, and mediates where the kernel can')
    bus.stop()
    bus = Bus('<apparmor mode="required"/>')
    check(bool(bus.address) == mediates, 'mode required: the bus starts where the kernel can')
    bus.stop()


def test_apparmor():
    mediates = what_is_missing()
    apparmor_as_it_is(mediates)
    mirror_apparmor()
    load_profile(read('/vm/profile'))
    check('app (enforce)' in read(f'{APPARMOR}/profiles'), 'apparmor_parser has loaded the profile')
    gaps = {} if mediates else {'LD_PRELOAD': '/vm/kernel-gaps.so'}
    if gaps:
        say('# from here on labels of peers come from /proc; all questions are the kernel\'s to answer')
    bus = Bus('<apparmor mode="required"/>', **gaps)
    if not check(bool(bus.address) and 'AppArmor' in features(bus.address), 'the bus mediates'):
        say('# ' + bus.log())
        return
    _, owned = start_service(None, bus.address, NAME)
    check(owned == 'returned', 'a service that is not confined')
    manager = rawbus.Connection(bus.address)
    contained = add_server(manager, ['Fine', 'ByModule', 'ByPolicy'])

    check('AppArmor: mediates on this bus' in explained(bus.address), 'explain speaks of the module')
    check(child('app', bus.address, call_it(NAME, 'Fine')) == 'returned', 'a confined app may call')
    check(child('app', bus.address, call_it(NAME, 'ByModule')) == 'AccessDenied',
          'the member that the profile denies')
    check(child(None, bus.address, call_it(NAME, 'ByModule')) == 'returned',
          'which others may call')
    check(child('app', bus.address, own_it('com.example.App')) == 'returned', 'own a name')
    check(child('app', bus.address, own_it('com.example.NotApp')) == 'AccessDenied',
          'not the one that the profile denies')
    before = len(layers(bus))
    for member, expected in (('Fine', 'returned'), ('ByContainer', 'AccessDenied'),
                             ('ByModule', 'AccessDenied'), ('ByPolicy', 'AccessDenied')):
        check(child('app', contained, call_it(NAME, member)) == expected,
              f'contained and confined: {member} {expected}')
    check(layers(bus)[before:] == ['container', 'apparmor', 'xml'], 'each layer has denied alone')
    record = 'apparmor="DENIED" operation="dbus_method_call" bus="system"'
    check(is_audited(record), 'the record is in the kernel\'s audit log, written by the bus\'s user')

    load_profile(read('/vm/profile').replace('member=ByModule', 'member=Fine'))
    check(child('app', contained, call_it(NAME, 'Fine')) == 'AccessDenied',
          'a profile that is replaced holds at once')
    check(child('app', contained, call_it(NAME, 'ByModule')) == 'returned', 'and so does what it allows')
    check(bus.stop() == 0, 'the bus ends well')


# --- SELinux ---

def test_selinux():
    os.makedirs('/sys/fs/selinux', exist_ok=True)
    with open('/vm/policy', 'rb') as stream:
        write('/sys/fs/selinux/load', stream.read())
    write('/sys/fs/selinux/enforce', '1')
    check(read('/sys/fs/selinux/enforce') == '1', 'the policy is loaded and enforced')
    check(read('/proc/self/attr/current') == 'u:r:kernel_t', 'labels are those of the policy')
    bus = Bus('<selinux><associate own="com.example.Secret" context="u:r:secret_t"/></selinux>',
              label='bus_t')
    if not check(bool(bus.address) and 'SELinux' in features(bus.address), 'the bus mediates'):
        say('# ' + bus.log())
        return
    _, owned = start_service('service_t', bus.address, NAME)
    check(owned == 'returned', 'acquire_svc: a service')
    _, owned = start_service('secret_t', bus.address, 'com.example.Secret')
    check(owned == 'returned', 'acquire_svc: in the context of <associate>')
    manager = rawbus.Connection(bus.address)
    contained = add_server(manager, ['Fine', 'ByPolicy'])

    check('SELinux: mediates on this bus' in explained(bus.address), 'explain speaks of the module')
    check(child('app_t', bus.address, own_it('com.example.App')) == 'AccessDenied',
          'acquire_svc: not an app')
    check(child('service_t', bus.address, own_it('com.example.Secret')) == 'AccessDenied',
          'acquire_svc: not in the context of <associate>')
    check(child('app_t', bus.address, call_it(NAME, 'Fine')) == 'returned', 'send_msg: app to service')
    check(child('app_t', bus.address, call_it('com.example.Secret', 'Fine')) == 'AccessDenied',
          'send_msg: not app to secret')
    check(child(None, bus.address, call_it('com.example.Secret', 'Fine')) == 'returned',
          'which others may call')
    before = len(layers(bus))
    for label, member, expected in (('app_t', 'Fine', 'returned'),
                                    ('app_t', 'ByContainer', 'AccessDenied'),
                                    ('secret_t', 'Fine', 'AccessDenied'),
                                    ('app_t', 'ByPolicy', 'AccessDenied')):
        check(child(label, contained, call_it(NAME, member)) == expected,
              f'contained, {label}: {member} {expected}')
    check(layers(bus)[before:] == ['container', 'selinux', 'xml'], 'each layer has denied alone')
    check(is_audited('avc:  denied  { send_msg }'),
          'the record is in the kernel\'s audit log, written by the bus\'s user')

    write('/sys/fs/selinux/enforce', '0')
    check(child('app_t', bus.address, call_it('com.example.Secret', 'Fine')) == 'returned',
          'permissive')
    write('/sys/fs/selinux/enforce', '1')
    check(child('app_t', bus.address, call_it('com.example.Secret', 'Fine')) == 'AccessDenied',
          'and enforcing again, at once')
    with open('/vm/policy', 'rb') as stream:
        write('/sys/fs/selinux/load', stream.read())
    check(child('app_t', bus.address, call_it(NAME, 'Fine')) == 'returned', 'a policy is loaded again')
    check(bus.stop() == 0, 'the bus ends well')
    say('# SELinux separates pairs of contexts, not members; that is all there is in its class dbus')


# --- the machine ---

libc = ctypes.CDLL(None, use_errno=True)
os.environ.setdefault('HOME', '/')
for kind, where in (('sysfs', '/sys'), ('devtmpfs', '/dev'), ('tmpfs', '/tmp'),
                    ('securityfs', '/sys/kernel/security'), ('selinuxfs', '/sys/fs/selinux')):
    libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None)
subprocess.run(['/bin/busybox', 'ip', 'link', 'set', 'lo', 'up'], check=False)
say('')                                         # behind what the firmware wrote
MODULE = 'selinux' if 'security=selinux' in read('/proc/cmdline') else 'apparmor'
try:
    test_selinux() if MODULE == 'selinux' else test_apparmor()
except BaseException:
    say(f'not ok - {MODULE}: ended by an error')
    for line in traceback.format_exc().splitlines():
        say('# ' + line)
say('# end of the test')
os.sync()
libc.reboot(0x4321fedc)
