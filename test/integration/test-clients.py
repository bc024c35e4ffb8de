#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs and libraries that people have, on our bus."""

import json
import os
import re
import select
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from harness import test

NAME, OBJECT, IFACE = 'com.example.GService', '/com/example/Object', 'com.example.Iface'
PYTHON_NAME, PYTHON_IFACE = 'com.example.PService', 'com.example.Python'


def python_with(module):
    """A Python that has a module, for it need not be the one that runs the tests."""
    for python in (sys.executable, '/usr/bin/python3'):
        if subprocess.run([python, '-c', f'import {module}'], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            return python
    raise harness.Skip(f'no Python has the module {module}')


def start_service(t, bus, script, module, name):
    process = t.spawn([python_with(module), '-B', os.path.join(harness.HERE, script), bus.address,
                       name])
    if harness.read_line(process.stdout.fileno(), 30) != 'READY':
        raise harness.Failure(f'{script}: {process.communicate()[1].decode()}')
    return process


def with_service(t):
    """(bus, environment for clients) with the GDBus service running."""
    harness.need_conductor()
    bus = t.bus()
    start_service(t, bus, 'gdbus-service.py', 'gi', NAME)
    return bus, environment(bus)


def environment(bus):
    return dict(os.environ, DBUS_SESSION_BUS_ADDRESS=bus.address, LC_ALL='C.UTF-8')


def client(t, command, env, status=0, **options):
    harness.need_program(command[0])
    process = t.run(command, env=env, **options)
    t.equal(process.returncode, status, f'{" ".join(command)}: {process.out}{process.err}')
    return process.out + process.err


def wait_for_text(stream, wanted, timeout=20):
    """Lines until one has all the wanted texts; None at the end."""
    lines = []
    while True:
        line = harness.read_line(stream.fileno(), timeout)
        if line == '' and lines and lines[-1] == '':
            raise harness.Failure(f'{wanted} never came: {lines}')
        lines.append(line)
        if wanted in line:
            return lines


# dbus-send

@test('clients/dbus-send: calls')
def dbus_send(t):
    _, env = with_service(t)
    send = ['dbus-send', '--session', '--print-reply', f'--dest={NAME}', OBJECT, f'{IFACE}.Echo']
    for argument, shown in (('variant:string:hello', '"hello"'), ('variant:uint64:9', 'uint64 9'),
                            ('variant:boolean:true', 'boolean true'),
                            ('variant:objpath:/a/b', 'object path "/a/b"')):
        t.contains(client(t, send + [argument], env), shown, argument)
    out = client(t, ['dbus-send', '--session', '--print-reply=literal',
                     '--dest=org.freedesktop.DBus',
                     '/', 'org.freedesktop.DBus.ListNames'], env)
    t.contains(out, NAME, 'ListNames')


@test('clients/dbus-send: errors')
def dbus_send_errors(t):
    _, env = with_service(t)
    send = ['dbus-send', '--session', '--print-reply']
    out = client(t, send + [f'--dest={NAME}', OBJECT, f'{IFACE}.Fail', 'string:reason'], env, 1)
    t.contains(out, 'com.example.Failed: reason')
    out = client(t, send + ['--dest=com.example.Nobody', '/', 'a.b.C'], env, 1)
    t.contains(out, 'org.freedesktop.DBus.Error.ServiceUnknown')
    out = client(t, send + ['--reply-timeout=200', f'--dest={NAME}', '/nowhere', 'a.b.C'], env, 1)
    t.contains(out, 'Error')


@test('clients/dbus-send: signals and containers of values')
def dbus_send_signal(t):
    bus, env = with_service(t)
    receiver = t.connect(bus)
    receiver.add_match("interface='com.example.Sent'")
    client(t, ['dbus-send', '--session', '--type=signal', '/x', 'com.example.Sent.S',
               'array:string:a,b', 'dict:string:int32:one,1,two,2', 'byte:7', 'double:1.5'], env)
    got = receiver.wait_signal('S')
    t.equal(got.body, (['a', 'b'], {'one': 1, 'two': 2}, 7, 1.5), 'body')


# dbus-monitor

def start_monitor(t, bus, command, env, **options):
    """Start a monitor and wait until the bus has made it one."""
    harness.need_program(command[0])
    watcher = t.connect(bus)
    watcher.add_match("type='signal',member='NameOwnerChanged'")
    process = t.spawn(command, env=env, **options)
    seen = watcher.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.body[2] != '')
    watcher.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.body[0] == seen.body[0]
                     and m.body[2] == '')
    return process


@test('clients/dbus-monitor')
def dbus_monitor(t):
    bus, env = with_service(t)
    monitor = start_monitor(t, bus, ['dbus-monitor', '--session'], env)
    caller = t.connect(bus)
    caller.call(NAME, OBJECT, IFACE, 'Fail', 's', 'for the monitor')
    lines = wait_for_text(monitor.stdout, 'error_name=com.example.Failed')
    text = '\n'.join(lines)
    t.contains(text, f'interface={IFACE}; member=Fail', 'call')
    t.contains(text, 'string "for the monitor"', 'argument')
    t.contains(text, f'sender={caller.unique}', 'sender')


@test('clients/dbus-monitor --profile')
def dbus_monitor_profile(t):
    bus, env = with_service(t)
    monitor = start_monitor(t, bus, ['dbus-monitor', '--session', '--profile'], env)
    t.connect(bus).call(NAME, OBJECT, IFACE, 'Emit', 's', 'x')
    lines = wait_for_text(monitor.stdout, '\tEmitted')
    t.true(any(line.startswith('mc\t') and '\tEmit' in line for line in lines), f'{lines}')


@test('clients/dbus-monitor --pcap')
def dbus_monitor_pcap(t):
    bus, env = with_service(t)
    monitor = start_monitor(t, bus, ['dbus-monitor', '--session', '--pcap', "member='Emitted'"],
                            env)
    t.connect(bus).call(NAME, OBJECT, IFACE, 'Emit', 's', 'captured')
    header = read_exactly(monitor.stdout, 24)
    magic, _, _, _, _, _, link = struct.unpack('=IHHiIII', header)
    t.equal((magic, link), (0xa1b2c3d4, 231), 'header of the file')
    _, _, length, whole = struct.unpack('=IIII', read_exactly(monitor.stdout, 16))
    t.equal(length, whole, 'length')
    message, body_length, total = rawbus.decode_header(read_exactly(monitor.stdout, length))
    while message.member != 'Emitted':
        _, _, length, _ = struct.unpack('=IIII', read_exactly(monitor.stdout, 16))
        message, body_length, total = rawbus.decode_header(read_exactly(monitor.stdout, length))
    t.equal((message.member, total), ('Emitted', length), 'message')
    t.true(body_length > 0, 'body')


def read_exactly(stream, size):
    data = b''
    while len(data) < size:
        chunk = os.read(stream.fileno(), size - len(data))
        if not chunk:
            raise harness.Failure('the monitor ended')
        data += chunk
    return data


@test('clients/dbus-monitor with rules')
def dbus_monitor_rules(t):
    bus, env = with_service(t)
    monitor = start_monitor(t, bus, ['dbus-monitor', '--session', "type='signal',member='Emitted'",
                                     "type='error'"], env)
    caller = t.connect(bus)
    caller.call(NAME, OBJECT, IFACE, 'Fail', 's', 'x')
    caller.call(NAME, OBJECT, IFACE, 'Emit', 's', 'y')
    text = '\n'.join(wait_for_text(monitor.stdout, 'member=Emitted'))
    t.contains(text, 'com.example.Failed', 'error')
    t.lacks(text, 'member=Fail\n', 'call')


# gdbus

@test('clients/gdbus call')
def gdbus_call(t):
    _, env = with_service(t)
    base = ['gdbus', 'call', '--session', '--dest', NAME, '--object-path', OBJECT, '--method']
    out = client(t, base + [f'{IFACE}.Echo', "<{'k': <(1, 'x', [1.5])>}>"], env)
    t.contains(out, "(<{'k': <(1, 'x', [1.5])>}>,)")
    out = client(t, base + [f'{IFACE}.Fail', 'a reason'], env, 1)
    t.contains(out, 'com.example.Failed: a reason')
    out = client(t, ['gdbus', 'call', '--session', '--dest', 'com.example.Nobody', '--object-path',
                     '/', '--method', 'a.b.C'], env, 1)
    t.contains(out, 'ServiceUnknown')


@test('clients/gdbus introspect')
def gdbus_introspect(t):
    _, env = with_service(t)
    out = client(t, ['gdbus', 'introspect', '--session', '--dest', NAME, '--object-path', OBJECT],
                 env)
    for part in (f'interface {IFACE}', 'Echo(in  v arg_0', 'readwrite u Level = 7;'):
        t.contains(out, part)
    out = client(t, ['gdbus', 'introspect', '--session', '--dest', rawbus.BUS, '--object-path',
                     rawbus.BUS_PATH], env)
    for part in ('interface org.freedesktop.DBus {', 'ListNames(', 'NameOwnerChanged(',
                 'readonly as Features = ['):
        t.contains(out, part)
    out = client(t, ['gdbus', 'introspect', '--session', '--recurse', '--dest', rawbus.BUS,
                     '--object-path', '/'], env)
    t.contains(out, 'node /org/freedesktop/DBus', 'recursion')


def emits(caller, stream):
    """Have the service emit a signal; whether something is there to be read."""
    caller.call(NAME, OBJECT, IFACE, 'Emit', 's', 'seen')
    return bool(select.select([stream], [], [], 0.05)[0])


@test('clients/gdbus monitor')
def gdbus_monitor(t):
    bus, env = with_service(t)
    harness.need_program('gdbus')
    monitor = t.spawn(['stdbuf', '-oL', 'gdbus', 'monitor', '--session', '--dest', NAME], env=env)
    wait_for_text(monitor.stdout, 'is owned by')
    # It asks for signals only after it has said so; nothing tells when the bus knows
    caller = t.connect(bus)
    t.true(harness.wait_until(lambda: emits(caller, monitor.stdout)), 'no signal was printed')
    wait_for_text(monitor.stdout, f"{IFACE}.Emitted ('seen',)")
    t.connect(bus).call(NAME, OBJECT, IFACE, 'Quit')
    wait_for_text(monitor.stdout, 'does not have an owner')


@test('clients/gdbus wait and emit')
def gdbus_wait(t):
    bus, env = with_service(t)
    client(t, ['gdbus', 'wait', '--session', '--timeout', '20', NAME], env)
    waiter = t.spawn(['gdbus', 'wait', '--session', '--timeout', '20', 'com.example.Later'],
                     env=env)
    owner = t.connect(bus)
    owner.own('com.example.Later')
    t.equal(waiter.wait(20), 0, 'gdbus wait')
    receiver = t.connect(bus)
    receiver.add_match("interface='com.example.Sent'")
    client(t, ['gdbus', 'emit', '--session', '--object-path', '/x', '--signal',
               'com.example.Sent.S',
               "'text'"], env)
    t.equal(receiver.wait_signal('S').body, ('text',), 'gdbus emit')


# busctl

def busctl(bus, *arguments):
    return ['busctl', f'--address={bus.address}', '--no-pager', *arguments]


@test('clients/busctl list, status, tree')
def busctl_list(t):
    bus, env = with_service(t)
    out = client(t, busctl(bus, 'list'), env)
    t.contains(out, NAME, 'list')
    t.contains(client(t, busctl(bus, 'list', '--unique'), env), ':1.', 'list --unique')
    out = client(t, busctl(bus, 'list', '--json=short'), env)
    t.true(any(entry['name'] == NAME for entry in json.loads(out)), 'JSON')
    out = client(t, busctl(bus, 'status', NAME), env)
    for part in ('PID=', f'UID={os.getuid()}' if os.getuid() else 'UID=0', 'UniqueName=:1.'):
        t.contains(out, part, 'status')
    t.contains(client(t, busctl(bus, 'status'), env), 'BusID=', 'status of the bus')
    t.contains(client(t, busctl(bus, 'tree', NAME), env), OBJECT, 'tree')
    t.contains(client(t, busctl(bus, 'tree', rawbus.BUS), env), rawbus.BUS_PATH, 'tree of the bus')


@test('clients/busctl introspect, call, properties')
def busctl_call(t):
    bus, env = with_service(t)
    out = client(t, busctl(bus, 'introspect', NAME, OBJECT), env)
    t.true(re.search(r'\.Echo\s+method\s+v\s+v', out), out)
    out = client(t, busctl(bus, 'call', NAME, OBJECT, IFACE, 'Echo', 'v', 's', 'x'), env)
    t.contains(out, 'v s "x"')
    client(t, busctl(bus, 'set-property', NAME, OBJECT, IFACE, 'Level', 'u', '42'), env)
    t.contains(client(t, busctl(bus, 'get-property', NAME, OBJECT, IFACE, 'Level'), env), 'u 42')
    out = client(t, busctl(bus, 'introspect', rawbus.BUS, rawbus.BUS_PATH), env)
    t.contains(out, '.GetConnectionCredentials', 'introspection of the bus')


@test('clients/busctl monitor')
def busctl_monitor(t):
    bus, env = with_service(t)
    monitor = start_monitor(t, bus, busctl(bus, 'monitor', '--json=short'), env)
    t.connect(bus).call(NAME, OBJECT, IFACE, 'Emit', 's', 'watched')
    lines = wait_for_text(monitor.stdout, '"member":"Emitted"')
    t.contains(lines[-1], '"watched"')


@test('clients/busctl capture')
def busctl_capture(t):
    bus, env = with_service(t)
    capture = start_monitor(t, bus, busctl(bus, 'capture'), env)
    t.connect(bus).call(NAME, OBJECT, IFACE, 'Emit', 's', 'captured')
    magic = struct.unpack('=I', read_exactly(capture.stdout, 4))[0]
    t.true(magic in (0xa1b2c3d4, 0xa1b23c4d, 0x0a0d0d0a), hex(magic))


# Libraries

PYTHON_CLIENT = '''
import os, sys, dbus, dbus.bus, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[1])
proxy = bus.get_object(sys.argv[2], "/com/example/Object")
iface = dbus.Interface(proxy, "com.example.Python")
for value in ("text", dbus.UInt64(1 << 60), dbus.Array([1, 2], signature="i"),
              dbus.Dictionary({"k": dbus.Double(1.5)}, signature="sv"), dbus.Struct((1, "x"))):
    assert iface.Echo(value) == value, value
try:
    iface.Fail("why")
    raise SystemExit("no error")
except dbus.DBusException as error:
    assert error.get_dbus_name() == "com.example.Failed", error
reader, writer = os.pipe()
os.write(writer, b"through a descriptor")
os.close(writer)
assert iface.Read(dbus.types.UnixFd(reader)) == "through a descriptor"
for size in (1 << 20, (64 << 20) - 100):
    data = bytes(size)
    assert iface.Bytes(dbus.ByteArray(data), byte_arrays=True, timeout=60) == data, size
assert "org.freedesktop.DBus.Introspectable" in proxy.Introspect(
    dbus_interface="org.freedesktop.DBus.Introspectable")
loop, got = GLib.MainLoop(), []
def on_emitted(text):
    got.append(text)
    loop.quit()
iface.connect_to_signal("Emitted", on_emitted)
iface.Emit("signalled", reply_handler=lambda: None, error_handler=sys.exit)
GLib.timeout_add_seconds(20, loop.quit)
loop.run()
assert got == ["signalled"], got
assert bus.get_unix_user(sys.argv[2]) == os.getuid()
watched = []
watch = bus.watch_name_owner(sys.argv[2], lambda owner: (watched.append(owner), loop.quit()))
loop.run()
assert watched and watched[0].startswith(":1."), watched
print("all well")
'''


@test('clients/dbus-python service and client')
def dbus_python(t):
    harness.need_conductor()
    bus = t.bus(limits={'max_message_size': 1000000000, 'max_incoming_bytes': 1000000000,
                        'max_outgoing_bytes': 1000000000})
    python = python_with('dbus, gi')
    start_service(t, bus, 'dbus-python-service.py', 'dbus, gi', PYTHON_NAME)
    run = t.run([python, '-B', '-c', PYTHON_CLIENT, bus.address, PYTHON_NAME])
    t.equal((run.out, run.returncode), ('all well\n', 0), run.err)


GDBUS_CLIENT = '''
import sys
from gi.repository import Gio, GLib
flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
         Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
proxy = Gio.DBusProxy.new_sync(bus, 0, None, sys.argv[2], "/com/example/Object",
                               "com.example.Iface", None)
assert proxy.get_name_owner().startswith(":1.")
assert proxy.get_cached_property("Level").unpack() == 7
loop, got = GLib.MainLoop(), []
def on_signal(_proxy, _sender, name, args):
    got.append((name, args.unpack()))
    loop.quit()
proxy.connect("g-signal", on_signal)
proxy.call_sync("Emit", GLib.Variant("(s)", ("x",)), 0, -1, None)
GLib.timeout_add_seconds(20, loop.quit)
loop.run()
assert got == [("Emitted", ("x",))], got
try:
    proxy.call_sync("Fail", GLib.Variant("(s)", ("why",)), 0, -1, None)
    raise SystemExit("no error")
except GLib.Error as error:
    assert "com.example.Failed" in error.message, error
pending = []
for number in range(100):
    def done(_proxy, result, number=number):
        pending.append(proxy.call_finish(result).unpack()[0])
        if len(pending) == 100:
            loop.quit()
    proxy.call("Echo", GLib.Variant("(v)", (GLib.Variant("i", number),)), 0, -1, None, done)
loop.run()
assert pending == list(range(100)), pending
vanished = []
Gio.bus_watch_name_on_connection(bus, sys.argv[2], 0, None,
                                 lambda *_: (vanished.append(True), loop.quit()))
proxy.call_sync("Quit", None, 0, -1, None)
loop.run()
assert vanished
print("all well")
'''


@test('clients/GDBus service and client')
def gdbus_program(t):
    bus, _ = with_service(t)
    run = t.run([python_with('gi'), '-B', '-c', GDBUS_CLIENT, bus.address, NAME])
    t.equal((run.out, run.returncode), ('all well\n', 0), run.err)


@test('clients/dbus-run-session')
def run_session(t):
    harness.need_conductor()
    harness.need_program('dbus-run-session')
    env = dict(os.environ)
    env.pop('DBUS_SESSION_BUS_ADDRESS', None)
    for command, status, wanted in ((['dbus-send', '--session', '--print-reply',
                                      f'--dest={rawbus.BUS}',
                                      '/', 'org.freedesktop.DBus.GetId'], 0, 'string "'),
                                    (['sh', '-c', 'echo $DBUS_SESSION_BUS_ADDRESS; exit 7'], 7,
                                     'unix:')):
        run = t.run(['dbus-run-session', f'--dbus-daemon={harness.CONDUCTOR}', '--', *command],
                    env=env)
        t.equal(run.returncode, status, run.err)
        t.contains(run.out, wanted)


if __name__ == '__main__':
    harness.main()
