#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""AppArmor and SELinux: every decision, with the bus's own libraries replaced by fake-lsm.c."""

import ctypes
import os
import select
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, SERVICE, Server, rule
from harness import test

NAME = 'com.example.Service'
IFACE = 'com.example.I'
CHILD_EXITED = 'org.freedesktop.DBus.Error.Spawn.ChildExited'
APP = 'app (enforce)'
AVC = 1107                                      # AUDIT_USER_AVC
ALLOWED, DENIED = 3, 4                          # events of AppArmor's parser
MONITORING = 'org.freedesktop.DBus.Monitoring'


class World:
    """A bus with a security module; rules are lines as fake-lsm.c describes them."""

    count = 0

    def __init__(self, t, module, *lines, **options):
        harness.need_program('cc')
        self.t, self.module = t, module
        self.folder = t.path(f'lsm-{module}')
        os.makedirs(os.path.join(self.folder, 'features', 'dbus'), exist_ok=True)
        with open(os.path.join(self.folder, 'features', 'dbus', 'mask'), 'w',
                  encoding='utf-8') as out:
            out.write('acquire send receive\n')
        library = t.path('lsm.so')
        built = t.run(['cc', '-shared', '-fPIC', '-o', library,
                       os.path.join(harness.HERE, 'fake-lsm.c')])
        if 'selinux' in built.err and built.returncode:
            raise harness.Skip('needs the headers of libselinux')
        t.equal(built.returncode, 0, built.err)
        libraries = t.run(['ldd', harness.CONDUCTOR]).out
        if f'lib{module}.so' not in libraries:
            raise harness.Skip(f'{module} is not built in')
        if options.pop('audit', False):
            self.write('audit', '')
        self.writer = None
        if options.pop('revision', False):
            path = os.path.join(self.folder, 'revision')
            os.mkfifo(path)
            self.writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            t.cleanups.append(lambda: os.close(self.writer))
        self.set(*lines)
        self.environment = {'LD_PRELOAD': library, 'FAKE_LSM': self.folder,
                            'ASAN_OPTIONS': 'verify_asan_link_order=0'}
        self.bus = None
        if options.pop('start', True):
            self.bus = t.bus(env=self.environment, **options)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + '.new', 'w', encoding='utf-8') as out:
            out.write(text)
        os.rename(path + '.new', path)

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding='utf-8') as stream:
                return stream.read()
        except FileNotFoundError:
            return ''

    def set(self, *lines):
        self.write('rules', '\n'.join((f'module {self.module}', 'default unconfined', *lines)) + '\n')

    def connect(self, label=None, address=None, **options):
        """A connection whose label is this one; the kernel is asked when it comes."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if label is not None:
            World.count += 1
            sock.bind(f'\0lsm:{label}\n{os.getpid()}.{World.count}'.encode())
        sock.connect(rawbus.parse_address(address or self.bus.address))
        return self.t.connect(None, sock=sock, **options)

    def queries(self, since=0):
        return self.read('queries').splitlines()[since:]


def method(receiver, path='/a', member='Method', **options):
    return rawbus.call(receiver if isinstance(receiver, str) else receiver.unique, path, IFACE,
                       member, **options)


def arrives(sender, receiver, **options):
    """Whether a call is delivered, and else denied."""
    serial = sender.send(method(receiver, **options))
    reply = []

    def come(message):
        if message.kind == rawbus.ERROR and message.reply_serial == serial:
            reply.append(message)
        return bool(reply)
    sender.sync()
    for message in list(sender.inbox):
        come(message)
    if reply:
        if not reply[0].error.endswith('AccessDenied'):
            raise harness.Failure(repr(reply[0]))
        return False
    receiver.send(rawbus.reply_to(receiver.wait_call()))
    return sender.wait_reply(serial).kind == rawbus.RETURN


def feature(connection):
    value = connection.bus('Get', 'ss', rawbus.BUS, 'Features', interface=harness.PROPERTIES)
    return [name for name in value.body[0].value if name in ('AppArmor', 'SELinux')]


# --- AppArmor ---

@test('apparmor/send and receive, each with all that a profile may say')
def apparmor_messages(t):
    world = World(t, 'apparmor')
    app, service = world.connect(APP), world.connect('service (enforce)')
    service.own(NAME)
    t.equal(feature(app), ['AppArmor'])
    before = len(world.queries())
    t.true(arrives(app, service), 'allowed')
    asked = world.queries(before)
    t.contains(asked, f'send app| session|{service.unique}|service|/a|{IFACE}|Method')
    t.contains(asked, f'receive service| session|{app.unique}|app|/a|{IFACE}|Method')
    for line in ('aa 0 1 app Method', 'aa 0 1 service receive'):
        world.set(line)
        t.true(not arrives(app, service), line)
        t.true(arrives(app, service, member='Other') == ('Method' in line), line)
    world.set('aa 0 1 app |' + NAME + '|')
    serial = app.send(method(NAME))
    t.failed(app.wait_reply(serial), 'AccessDenied', 'by the name it is addressed to')
    world.set('aa 0 1 bus Method')
    t.true(arrives(world.connect(), service), 'not confined')


@test('apparmor/replies that are waited for are not asked about')
def apparmor_replies(t):
    world = World(t, 'apparmor')
    app, service = world.connect(APP), world.connect('service (enforce)')
    peer = f'session|{app.unique}|app|'
    world.set(f'aa 0 1 service {peer}||', f'aa 0 1 app {service.unique}|service|||')
    t.true(arrives(app, service), 'allowed')
    service.send(rawbus.Message(rawbus.RETURN, [(rawbus.F_DESTINATION, 's', app.unique),
                                                (rawbus.F_REPLY_SERIAL, 'u', 4711)]))
    service.sync()
    t.contains(world.bus.log(), 'operation="dbus_method_return"', 'one that nobody waits for')


@test('apparmor/broadcasts, receiver by receiver')
def apparmor_broadcasts(t):
    world = World(t, 'apparmor', 'aa 0 0 deaf Signal')
    sender, deaf, other = world.connect(APP), world.connect('deaf (enforce)'), world.connect()
    for receiver in (deaf, other):
        receiver.add_match("member='Signal'")
    sender.send(rawbus.signal('/a', IFACE, 'Signal'))
    other.wait_signal('Signal')
    deaf.sync()
    t.equal([m for m in deaf.drain() if m.member == 'Signal'], [])


@test('apparmor/bind, eavesdrop, and the bus itself')
def apparmor_rest(t):
    world = World(t, 'apparmor', 'aa 0 1 app bind', 'aa 0 1 app eavesdrop', 'aa 0 1 app GetId')
    app = world.connect(APP)
    t.failed(app.bus('RequestName', 'su', NAME, 0), 'AccessDenied')
    t.contains(world.queries(), f'bind app| session|{NAME}')
    t.failed(app.bus('AddMatch', 's', "eavesdrop='true'"), 'AccessDenied')
    t.failed(app.bus('BecomeMonitor', 'asu', [], 0, interface=MONITORING), 'AccessDenied')
    t.contains(world.queries(), 'eavesdrop app| session')
    t.failed(app.bus('GetId'), 'AccessDenied', 'label of the bus')
    t.contains(world.queries(), f'send app| session|{rawbus.BUS}|bus|{rawbus.BUS_PATH}|{rawbus.BUS}|GetId')
    t.returned(app.bus('GetNameOwner', 's', rawbus.BUS))
    t.equal(t.returned(world.connect().bus('RequestName', 'su', NAME, 0)), (1,))


@test('apparmor/a service to be started, by its AssumedAppArmorLabel')
def apparmor_activation(t):
    folder = t.path('services')
    os.mkdir(folder)
    for name, label in (('com.example.Known', 'AssumedAppArmorLabel=assumed\n'),
                        ('com.example.Unknown', '')):
        with open(os.path.join(folder, name + '.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/false\n{label}')
    world = World(t, 'apparmor', 'aa 0 1 app |assumed|', servicedir=folder)
    app = world.connect(APP)
    t.failed(app.request(method('com.example.Known')), 'AccessDenied')
    t.failed(app.request(method('com.example.Unknown')), CHILD_EXITED, 'nothing to ask about')
    t.failed(world.connect().request(method('com.example.Known')), CHILD_EXITED)


@test('lsm/a message that starts a service is asked about when the service is there')
def started(t):
    folder = t.path('services')
    os.mkdir(folder)
    with open(os.path.join(folder, NAME + '.service'), 'w', encoding='utf-8') as out:
        out.write(f'[D-BUS Service]\nName={NAME}\nExec=/bin/false\nSystemdService=a.service\n')
    for module, deny, label in (('apparmor', 'aa 0 1 app Denied', APP),
                                ('selinux', 'se 0 1 app_t service_t send_msg', 'app_t')):
        world = World(t, module, deny, servicedir=folder, args=['--systemd-activation'])
        systemd, app = world.connect(), world.connect(label)
        systemd.own('org.freedesktop.systemd1')
        serial = app.send(method(NAME, member='Denied'))
        systemd.wait_signal('ActivationRequest')
        t.equal([m for m in app.drain() if m.reply_serial == serial], [], f'{module}: not yet')
        service = world.connect('service_t')
        service.own(NAME)
        t.failed(app.wait_reply(serial), 'AccessDenied', module)
        service.sync()
        t.equal([m for m in service.drain() if m.member == 'Denied'], [], module)


@test('apparmor/complain mode, and questions without an answer')
def apparmor_complain(t):
    world = World(t, 'apparmor', 'aa 0 1 app Method', 'aa -1 0 gone Method')
    service = world.connect()
    complaining, gone = world.connect('app (complain)'), world.connect('gone (enforce)')
    t.true(arrives(complaining, service), 'only reported')
    t.contains(world.bus.log(), 'reported Layer=apparmor')
    t.contains(world.bus.log(), 'apparmor="ALLOWED" operation="dbus_method_call"')
    t.true(not arrives(gone, service), 'an error is a denial')
    t.contains(world.bus.log(), 'apparmor="DENIED"')


@test('apparmor/a peer without a label may nothing')
def apparmor_no_label(t):
    world = World(t, 'apparmor')
    world.write('rules', 'module apparmor\n')
    app = world.connect(hello=False)
    t.failed(app.bus('Hello'), 'AccessDenied')


@test('apparmor/mode: enabled, disabled, required')
def apparmor_modes(t):
    world = World(t, 'apparmor', 'aa 0 1 app *', start=False)

    def run(mode, name):
        extra = f'  <apparmor mode="{mode}"/>\n'
        try:
            bus = t.bus(env=world.environment, extra=extra)
        except harness.Failure as failure:
            return str(failure)
        world.bus = bus
        hello = world.connect(APP, hello=False).bus('Hello')
        answer = (hello.kind == rawbus.RETURN, feature(world.connect()))
        t.equal(bus.quit(), 0, name)
        return answer
    t.equal(run('disabled', 'a'), (True, []))
    t.equal(run('enabled', 'b'), (False, ['AppArmor']))
    t.equal(run('required', 'c'), (False, ['AppArmor']))
    for name, change in (('d', lambda: world.set('nocon')),
                         ('e', lambda: world.write('features/dbus/mask', 'acquire send')),
                         ('f', lambda: world.write('rules', 'module none\n'))):
        change()
        t.contains(run('required', name), 'AppArmor')
    t.equal(run('enabled', 'g'), (True, []), 'not there, not needed')


def parsed(record):
    """What AppArmor's own parser makes of a record: text behind its numbers."""
    try:
        library = ctypes.CDLL('libapparmor.so.1')
    except OSError:
        raise harness.Skip('needs libapparmor') from None
    texts = ('audit_id operation denied_mask requested_mask fsuid ouid profile peer_profile comm '
             'name name2 namespace attribute parent info peer_info error_code active_hat net_family '
             'net_protocol net_sock_type net_local_addr net_local_port net_foreign_addr '
             'net_foreign_port dbus_bus dbus_path dbus_interface dbus_member').split()
    longs, ints = ('fsuid', 'ouid', 'parent', 'net_local_port', 'net_foreign_port'), ('error_code',)

    class Record(ctypes.Structure):
        _fields_ = [('version', ctypes.c_int), ('event', ctypes.c_int), ('pid', ctypes.c_ulong),
                    ('peer_pid', ctypes.c_ulong), ('task', ctypes.c_ulong),
                    ('magic_token', ctypes.c_ulong), ('epoch', ctypes.c_long),
                    ('audit_sub_id', ctypes.c_uint), ('bitmask', ctypes.c_int)] + [
            (name, ctypes.c_ulong if name in longs else ctypes.c_int if name in ints
             else ctypes.c_char_p) for name in texts]
    library.parse_record.restype = ctypes.POINTER(Record)
    record = library.parse_record(record.encode())
    return {name: getattr(record.contents, name) for name, _ in Record._fields_}


@test('apparmor/records are read by AppArmor\'s own parser')
def apparmor_records(t):
    world = World(t, 'apparmor', 'aa 0 1 app Method', 'aa 0 1 app bind', 'aa 1 1 app Audited',
                  'aa 0 0 app Quiet', audit=True)
    app, service = world.connect(APP), world.connect('service (enforce)')
    t.true(not arrives(app, service), 'denied')
    t.true(arrives(app, service, member='Audited'), 'allowed')
    t.true(not arrives(app, service, member='Quiet'), 'denied, but not to be recorded')
    t.failed(app.bus('RequestName', 'su', NAME, 0), 'AccessDenied')
    records = world.read('audit').splitlines()
    t.equal(len(records), 3, records)
    kind = ('type=USER_AVC msg=audit(1700000000.123:42): pid=1 uid=0 auid=4294967295 '
            'ses=4294967295 msg=')
    prefix = f'type={AVC} '
    for line in records:
        t.true(line.startswith(prefix), line)
    denied, allowed, bind = (parsed(f"{kind}'{line[len(prefix):]} exe=\"/a\" hostname=? addr=? "
                                    "terminal=?'") for line in records)
    logged = parsed(f'Nov 22 10:00:00 host dbus-conductor[1]: {records[0][len(prefix):]}')
    t.equal((logged['event'], logged['dbus_member']), (DENIED, b'Method'), 'in a log of lines')
    t.equal((denied['event'], allowed['event'], bind['event']), (DENIED, ALLOWED, DENIED), 'events')
    for key, value in (('operation', b'dbus_method_call'), ('denied_mask', b'send'),
                       ('profile', b'app'), ('peer_profile', b'service'), ('dbus_path', b'/a'),
                       ('dbus_interface', IFACE.encode()), ('dbus_member', b'Method'),
                       ('pid', os.getpid()), ('peer_pid', os.getpid()),
                       ('name', service.unique.encode())):
        t.equal(denied[key], value, key)
    t.equal((bind['operation'], bind['name'], bind['denied_mask']),
            (b'dbus_bind', NAME.encode(), b'bind'))


@test('apparmor/records in the bus\'s own log are limited')
def apparmor_flood(t):
    world = World(t, 'apparmor', 'aa 0 1 app Method')
    app, service = world.connect(APP), world.connect()
    calls = [app.send(method(service)) for _ in range(200)]
    for serial in calls:
        app.wait_reply(serial)
    records = [line for line in world.bus.log().splitlines() if 'apparmor="DENIED"' in line]
    t.true(0 < len(records) < len(calls), f'{len(records)} records')


@test('apparmor/what is remembered follows the profiles')
def apparmor_remembers(t):
    world = World(t, 'apparmor', revision=True)
    app, service = world.connect(APP), world.connect()
    t.true(arrives(app, service), 'allowed')
    before = len(world.queries())
    t.true(arrives(app, service), 'allowed')
    t.equal([line for line in world.queries(before) if 'Method' in line], [], 'known')
    world.set('aa 0 1 app Method')
    os.write(world.writer, b'2\n')
    t.true(harness.wait_until(lambda: not select.select([world.writer], [], [], 0)[0]), 'read')
    service.sync()
    t.true(not arrives(app, service), 'profiles have changed')
    world.set()
    t.true(arrives(app, service), 'denials are asked about each time')


# --- SELinux ---

@test('selinux/send_msg: to services, to the bus, by eavesdropping, and in replies')
def selinux_messages(t):
    world = World(t, 'selinux')
    app, service = world.connect('app_t'), world.connect('service_t')
    t.equal(feature(app), ['SELinux'])
    t.true(arrives(app, service), 'allowed')
    for pair in ('send_msg app_t bus', 'send_msg app_t service_t', 'send_msg service_t app_t'):
        t.contains(world.queries(), pair)
    world.set('policy 1', 'se 0 1 app_t service_t send_msg')
    t.true(not arrives(app, service), 'denied')
    t.contains(world.bus.log(), 'Layer=selinux')
    t.contains(world.bus.log(), 'Rule="dbus { send_msg } scontext=app_t tcontext=service_t"')
    t.returned(app.bus('GetId'), 'the bus is another target')
    world.set('policy 2', 'se 0 1 service_t app_t send_msg')
    serial = app.send(method(service))
    service.send(rawbus.reply_to(service.wait_call()))
    service.sync()
    app.sync()
    t.equal([m for m in app.drain() if m.reply_serial == serial], [], 'the reply')
    t.contains(world.bus.log(), 'msgtype=method_return')
    world.set('policy 3', 'se 0 1 app_t bus send_msg')
    t.failed(app.bus('GetId'), 'AccessDenied')
    t.failed(world.connect('app_t', hello=False).bus('Hello'), 'AccessDenied')
    world.set('policy 4', 'se 0 0 app_t deaf_t send_msg')
    deaf, other = world.connect('deaf_t'), world.connect()
    for receiver in (deaf, other):
        receiver.add_match("member='Signal'")
    app.send(rawbus.signal('/a', IFACE, 'Signal'))
    other.wait_signal('Signal')
    deaf.sync()
    t.equal([m for m in deaf.drain() if m.member == 'Signal'], [])


@test('selinux/acquire_svc: the bus\'s context, or that of <associate>')
def selinux_names(t):
    world = World(t, 'selinux', 'se 0 1 * name_t acquire_svc', 'se 0 1 app_t bus acquire_svc',
                  extra=f'  <selinux><associate own="{NAME}" context="name_t"/></selinux>\n')
    service, app = world.connect('service_t'), world.connect('app_t')
    t.failed(service.bus('RequestName', 'su', NAME, 0), 'AccessDenied', 'context of the name')
    t.equal(t.returned(service.bus('RequestName', 'su', 'com.example.Other', 0)), (1,))
    t.failed(app.bus('RequestName', 'su', 'com.example.Other', 0), 'AccessDenied')
    t.contains(world.queries(), 'acquire_svc service_t name_t')
    world.bus.write_config(extra='  <selinux><associate own="com.example.Third" context="name_t"/>'
                                 '</selinux>\n')
    t.returned(service.bus('ReloadConfig'))
    t.equal(t.returned(service.bus('RequestName', 'su', NAME, 0)), (1,), 'after a reload')
    t.failed(service.bus('RequestName', 'su', 'com.example.Third', 0), 'AccessDenied')


@test('selinux/files that hold where SELinux is enabled')
def selinux_include(t):
    include = '  <include if_selinux_enabled="yes" selinux_root_relative="yes">contexts</include>\n'
    world = World(t, 'selinux', 'se 0 1 * name_t acquire_svc', start=False)
    world.write('contexts', f'<busconfig><selinux><associate own="{NAME}" context="name_t"/>'
                            '</selinux></busconfig>')
    world.bus = t.bus(env=world.environment, extra=include)
    t.failed(world.connect('app_t').bus('RequestName', 'su', NAME, 0), 'AccessDenied')
    world.module = 'none'
    world.set()
    os.unlink(os.path.join(world.folder, 'contexts'))
    world.bus = t.bus(env=world.environment, extra=include)
    t.equal(t.returned(world.connect('app_t').bus('RequestName', 'su', NAME, 0)), (1,), 'not read')


@test('selinux/permissive, unknown classes, invalid contexts, no label')
def selinux_odd(t):
    world = World(t, 'selinux', 'permissive', 'se 0 1 app_t service_t send_msg')
    app, service = world.connect('app_t'), world.connect('service_t')
    t.true(arrives(app, service), 'permissive')
    t.contains(world.bus.log(), 'permissive=1')
    t.contains(world.bus.log(), 'reported Layer=selinux')
    number = 0
    for missing in ('noclass', 'noperm'):
        for deny in (False, True):
            number += 1
            world.set(f'policy {number}', missing, *(['denyunknown'] if deny else []))
            t.equal(arrives(app, service) if not deny else
                    app.request(method(service)).kind == rawbus.RETURN, not deny, missing)
    world.set('policy 9', 'invalid service_t')
    t.true(not arrives(app, service), 'target')
    t.failed(service.bus('GetId'), 'AccessDenied', 'source')
    world.write('rules', 'module selinux\npolicy 10\n')
    t.failed(world.connect(hello=False).bus('Hello'), 'AccessDenied', 'no label')


@test('selinux/a bus that cannot ask does not start')
def selinux_broken(t):
    world = World(t, 'selinux', 'noavc', start=False)
    try:
        t.bus(env=world.environment)
        raise AssertionError('the bus started')
    except harness.Failure as failure:
        t.contains(str(failure), 'SELinux is enabled, but cannot be asked')


@test('selinux/what is remembered follows the policy; what is audited is asked each time')
def selinux_remembers(t):
    world = World(t, 'selinux', audit=True)
    app, service = world.connect('app_t'), world.connect('service_t')
    t.true(arrives(app, service), 'allowed')
    before = len(world.queries())
    t.true(arrives(app, service), 'allowed')
    t.lacks(world.queries(before), 'send_msg app_t service_t', 'known')
    world.set('policy 1', 'se 0 1 app_t service_t send_msg')
    t.true(not arrives(app, service), 'another policy')
    t.true(harness.wait_until(lambda: 'was read again' in world.bus.log()), 'configuration, too')
    world.set('policy 2', 'se 1 1 app_t service_t send_msg')
    before = len(world.read('audit').splitlines())
    for _ in range(3):
        t.true(arrives(app, service), 'allowed')
    records = world.read('audit').splitlines()[before:]
    t.equal(len(records), 3, records)
    for part in (f'type={AVC} avc:  granted  {{ send_msg }} for', 'msgtype=method_call',
                 f'interface={IFACE}', 'path=/a', 'member=Method', f'dest={service.unique}',
                 f'spid={os.getpid()}', f'tpid={os.getpid()}', 'scontext=app_t tcontext=service_t'):
        t.contains(records[0], part)


# --- with the other layers ---

@test('lsm/container rules, module and policy: each alone denies')
def each_alone(t):
    for module, deny, label in (('apparmor', 'aa 0 1 app ByModule', APP),
                                ('selinux', 'se 0 1 app_t unconfined send_msg', 'app_t')):
        each_alone_of(t, module, deny, label)


def each_alone_of(t, module, deny, label):
    policy = ('  <policy context="mandatory"><deny send_interface="com.example.I" '
              'send_member="ByPolicy"/></policy>\n')
    world = World(t, module, extra=policy)
    service = world.connect()
    service.own(SERVICE)
    rules = [rule(CALL, SERVICE, interface=f'{IFACE}.{member}')
             for member in ('Fine', 'ByModule', 'ByPolicy')]
    server = Server(t, world.bus, rules, manager=world.connect())
    app = world.connect(label, server.address)
    for _ in range(2):
        t.true(arrives(app, service, member='Fine'), module)
    t.true(not arrives(app, service, member='ByContainer'), module)
    t.true(not arrives(app, service, member='ByPolicy'), module)
    world.set('policy 1', deny)
    t.true(not arrives(app, service, member='ByModule'), module)
    if module == 'apparmor':
        t.true(arrives(app, service, member='Fine'), module)
    layers = [word for line in world.bus.log().splitlines() for word in line.split()
              if word.startswith('Layer=')]
    t.equal(layers, ['Layer=container', 'Layer=xml', f'Layer={module}'])


@test('5/facts/labels in header fields')
def label_fact(t):
    world = World(t, 'apparmor')
    receiver = world.connect()
    t.returned(receiver.bus('RequestSenderFacts', 'as', ['LinuxSecurityLabel'],
                            interface=harness.CONTAINERS))
    for label in (APP, 'x' * 60, 'y' * 255, 'z' * 256):
        world.write('rules', f'module apparmor\ndefault {label}\n')
        sender = world.connect()
        sender.send(method(receiver, flags=rawbus.NO_REPLY))
        message = receiver.wait_call()
        if len(label) > 255:
            t.equal(message.field(242), None, 'one that is too long')
        else:
            t.equal(bytes(message.field(242)), label.encode() + b'\0')
        known = receiver.bus('GetConnectionCredentials', 's', sender.unique).body[0]
        t.equal(bytes(known['LinuxSecurityLabel'].value), label.encode() + b'\0')


if __name__ == '__main__':
    harness.main()
