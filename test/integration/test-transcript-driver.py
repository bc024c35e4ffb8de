#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bus driver: every method with right and wrong arguments, its interfaces, its errors."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import scenario

BUS, PEER = rawbus.BUS, rawbus.PEER
PROPERTIES = harness.PROPERTIES
INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable'
MONITORING = 'org.freedesktop.DBus.Monitoring'
STATS = 'org.freedesktop.DBus.Debug.Stats'
METHODS = {
    'AddMatch': ('s', "type='signal'"), 'RemoveMatch': ('s', "type='signal'"),
    'GetNameOwner': ('s', BUS), 'NameHasOwner': ('s', BUS), 'ListNames': ('',),
    'ListActivatableNames': ('',), 'ListQueuedOwners': ('s', BUS), 'RequestName': ('su', 'a.b', 0),
    'ReleaseName': ('s', 'a.b'), 'StartServiceByName': ('su', BUS, 0), 'GetId': ('',),
    'GetConnectionUnixUser': ('s', BUS), 'GetConnectionUnixProcessID': ('s', BUS),
    'UpdateActivationEnvironment': ('a{ss}', {}), 'ReloadConfig': ('',),
}


@scenario('driver/methods with right arguments')
def right_arguments(s):
    a, = s.peers('A')
    for member, (signature, *body) in METHODS.items():
        reply = a.connection.bus(member, signature, *body)
        if member == 'GetConnectionUnixProcessID' and reply.body == (s.bus.pid,):
            reply.body = ('pid of the bus',)
        a.sent[reply.reply_serial] = member
        a.write(reply)
    a.show()


@scenario('driver/methods with wrong signatures')
def wrong_signatures(s):
    a, = s.peers('A')
    for member, (signature, *_) in METHODS.items():
        for wrong, body in (('', ()), ('i', (1,)), ('as', (['x'],)), ('ss', ('x', 'y'))):
            if wrong != signature:
                a.bus(member, wrong, *body)


@scenario('driver/Hello twice')
def hello_twice(s):
    a, = s.peers('A')
    a.bus('Hello')
    a.bus('Hello', 's', 'x')
    a.bus('GetId')


@scenario('driver/Hello with an argument')
def hello_argument(s):
    a = s.peer('A', hello=False)
    a.bus('Hello', 's', 'x')
    s.say('the same connection again')
    a.bus('ListNames')
    a.bus('Hello')


@scenario('driver/a call before Hello')
def before_hello(s):
    for member, interface in (('ListNames', BUS), ('Ping', PEER), ('Hello', PEER),
                              ('Hello', None), ('Hello', 'com.example.Other')):
        a = s.peer('A', hello=False)
        a.send(rawbus.call(BUS, rawbus.BUS_PATH, interface, member), f'{member} on {interface}')
        a.send(rawbus.call(BUS, rawbus.BUS_PATH, BUS, 'Hello'), 'Hello afterwards')
        try:
            while a.receive().reply_serial != 2:
                pass
        except rawbus.Disconnected:
            s.say('hung up')
        a.connection.close()


@scenario('driver/a message to a peer before Hello')
def peer_before_hello(s):
    a, = s.peers('A')
    b = s.peer('B', hello=False)
    b.send(rawbus.call(a.name, '/', 'a.b', 'C'))
    b.closed()
    a.show()


@scenario('driver/a signal before Hello')
def signal_before_hello(s):
    a, = s.peers('A')
    a.bus('AddMatch', 's', "interface='com.example.I'")
    b = s.peer('B', hello=False)
    b.send(rawbus.signal('/', 'com.example.I', 'S'))
    b.closed()
    a.show()


@scenario('driver/unknown members, interfaces and paths')
def unknown_members(s):
    a, = s.peers('A')
    for path in (rawbus.BUS_PATH, '/', '/org/freedesktop', '/nowhere'):
        for interface in (BUS, None, PEER, PROPERTIES, INTROSPECTABLE, 'com.example.Nothing'):
            for member in ('Nonsense', 'getid', 'introspect'):
                s.say(f'{path} {interface} {member}')
                a.bus(member, path=path, interface=interface)


@scenario('driver/known members on other paths')
def other_paths(s):
    a, = s.peers('A')
    for path in ('/', '/org/freedesktop', '/org/freedesktop/DBus/x', '/nowhere'):
        for interface, member in ((BUS, 'GetId'), (None, 'GetId'), (PEER, 'Ping'),
                                  (BUS, 'NameHasOwner'), (PROPERTIES, 'GetAll'),
                                  (MONITORING, 'BecomeMonitor'), (STATS, 'GetStats'),
                                  (BUS, 'UpdateActivationEnvironment')):
            s.say(f'{path} {interface} {member}')
            signature, body = {'GetAll': ('s', (BUS,)), 'NameHasOwner': ('s', (BUS,)),
                               'UpdateActivationEnvironment': ('a{ss}', ({},)),
                               'BecomeMonitor': ('asu', ([], 7))}.get(member, ('', ()))
            a.bus(member, signature, *body, path=path, interface=interface)


@scenario('driver/no interface')
def no_interface(s):
    a, = s.peers('A')
    for member in ('GetId', 'Ping', 'Get', 'ListNames', 'Nothing'):
        a.bus(member, interface=None)


@scenario('driver/Peer')
def peer(s):
    a, = s.peers('A')
    a.bus('Ping', interface=PEER)
    a.bus('Ping', 's', 'x', interface=PEER)
    a.bus('Ping', interface=PEER, path='/some/path')
    a.bus('GetMachineId', interface=PEER)
    a.bus('GetMachineId', 's', 'x', interface=PEER)
    a.bus('GetMachineId', interface=PEER, path='/some/path')


@scenario('driver/Introspect on every level')
def introspect_levels(s):
    a, = s.peers('A')
    for path in ('/', '/org', '/org/freedesktop', rawbus.BUS_PATH, '/org/freedesktop/DBus/x',
                 '/other'):
        reply = a.connection.bus('Introspect', interface=INTROSPECTABLE)
        reply = a.connection.call(BUS, path, INTROSPECTABLE, 'Introspect')
        if reply.kind == rawbus.ERROR:
            s.say(f'{path}: {reply.error}')
            continue
        text = reply.body[0]
        nodes = [name for name in ('org', 'freedesktop', 'DBus') if f'<node name="{name}"' in text]
        interfaces = [name for name in (BUS, PEER, PROPERTIES, INTROSPECTABLE, MONITORING)
                      if f'interface name="{name}"' in text]
        s.say(f'{path}: nodes {nodes} interfaces {interfaces}')


@scenario('driver/Properties')
def properties(s):
    a, = s.peers('A')
    a.bus('Get', 'ss', BUS, 'Nothing', interface=PROPERTIES)
    a.bus('Get', 'ss', 'com.example.Nothing', 'Features', interface=PROPERTIES)
    a.bus('Get', 'ss', '', 'Features', interface=PROPERTIES)
    a.bus('Get', 's', BUS, interface=PROPERTIES)
    a.bus('GetAll', 's', 'com.example.Nothing', interface=PROPERTIES)
    a.bus('GetAll', 's', PEER, interface=PROPERTIES)
    a.bus('GetAll', 'ss', BUS, BUS, interface=PROPERTIES)
    a.bus('Set', 'ssv', BUS, 'Features', ('as', []), interface=PROPERTIES)
    a.bus('Set', 'ssv', BUS, 'Nothing', ('s', ''), interface=PROPERTIES)
    a.bus('Set', 'ssv', 'com.example.Nothing', 'Features', ('as', []), interface=PROPERTIES)
    a.bus('Set', 'ss', BUS, 'Features', interface=PROPERTIES)


@scenario('driver/what the properties must contain')
def property_values(s):
    a, = s.peers('A')
    for name, wanted in (('Features', ('ActivatableServicesChanged', 'HeaderFiltering')),
                         ('Interfaces', (MONITORING,))):
        value = a.connection.bus('Get', 'ss', BUS, name, interface=PROPERTIES).body[0]
        s.say(f'{name} {value.signature} {[item for item in wanted if item in value.value]}')
    every = a.connection.bus('GetAll', 's', BUS, interface=PROPERTIES).body[0]
    s.say(sorted(every))


@scenario('driver/names that nobody owns')
def unknown_names(s):
    a, = s.peers('A')
    for name in ('com.example.Nobody', ':1.999', ':9.0', ':1', 'nodots', ''):
        for member in ('GetNameOwner', 'NameHasOwner', 'ListQueuedOwners', 'GetConnectionUnixUser',
                       'GetConnectionUnixProcessID', 'GetConnectionCredentials',
                       'GetAdtAuditSessionData', 'GetConnectionSELinuxSecurityContext'):
            s.say(f'{member}({name!r})')
            a.bus(member, 's', name)
        a.bus('StartServiceByName', 'su', name, 0)


@scenario('driver/credentials of connections')
def credentials(s):
    a, b = s.peers('A', 'B')
    b.connection.own('com.example.B')
    for name in (b.name, 'com.example.B', BUS):
        s.say(s.plain(name))
        reply = a.bus('GetConnectionUnixUser', 's', name)
        pid = a.connection.bus('GetConnectionUnixProcessID', 's', name).body[0]
        s.say(f'pid is ours: {pid == os.getpid()}')
        reply = a.connection.bus('GetConnectionCredentials', 's', name)
        known = {key: value for key, value in reply.body[0].items()
                 if key in ('UnixUserID', 'UnixGroupIDs')}
        s.say(f'credentials {sorted(known.items())}')
        s.say(f'pid is the same: {reply.body[0]["ProcessID"].value == pid}')
        reply.close_fds()


@scenario('driver/audit and SELinux data that is not there')
def absent_credentials(s):
    a, = s.peers('A')
    a.bus('GetAdtAuditSessionData', 's', a.name)
    a.bus('GetAdtAuditSessionData', 's', BUS)
    a.bus('GetConnectionSELinuxSecurityContext', 's', a.name)
    a.bus('GetConnectionSELinuxSecurityContext', 's', BUS)


@scenario('driver/StartServiceByName')
def start_service(s):
    a, = s.peers('A')
    a.connection.own('com.example.A')
    a.bus('StartServiceByName', 'su', 'com.example.A', 0)
    a.bus('StartServiceByName', 'su', 'com.example.A', 77)
    a.bus('StartServiceByName', 'su', a.name, 0)
    a.bus('StartServiceByName', 'su', 'com.example.Nobody', 0)


@scenario('driver/calls that want no reply and fail')
def no_reply(s):
    a, = s.peers('A')
    for member, signature, *body in (('GetNameOwner', 's', 'x.y'), ('Nonsense', ''),
                                     ('GetId', 's', 'x')):
        a.send(rawbus.call(BUS, rawbus.BUS_PATH, BUS, member, signature, *body,
                           flags=rawbus.NO_REPLY))
    a.show()


@scenario('driver/signals, returns and errors sent to the driver')
def odd_messages(s):
    a, b = s.peers('A', 'B')
    b.quietly('AddMatch', 's', "interface='com.example.I'")
    a.send(rawbus.signal('/', 'com.example.I', 'ToTheBus', destination=BUS))
    a.send(rawbus.Message(rawbus.RETURN, rawbus.fields_of(destination=BUS, reply_serial=1)))
    a.send(rawbus.Message(rawbus.ERROR, rawbus.fields_of(destination=BUS, reply_serial=1,
                                                         error='a.b')))
    a.show()
    b.show()


@scenario('driver/Monitoring refuses nonsense')
def monitoring_errors(s):
    a, = s.peers('A')
    a.bus('BecomeMonitor', 'asu', [], 1, interface=MONITORING)
    a.bus('BecomeMonitor', 'asu', ['nonsense'], 0, interface=MONITORING)
    a.bus('BecomeMonitor', 'as', [], interface=MONITORING)
    a.bus('BecomeMonitor', 'asu', [], 0, interface=BUS)
    a.show()


@scenario('driver/UpdateActivationEnvironment')
def update_environment(s):
    a, = s.peers('A')
    a.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'b', 'C': ''})
    a.bus('UpdateActivationEnvironment', 'a{sv}', {'A': ('s', 'b')})


@scenario('driver/a reply to the driver does not confuse it')
def reply_with_serials(s):
    a, = s.peers('A')
    for serial in (1, 2 ** 32 - 1, 77, 77):
        message = rawbus.call(BUS, rawbus.BUS_PATH, BUS, 'GetId', serial=serial)
        a.connection.send(message)
        reply = a.connection.recv()
        s.say(f'{serial} answered {reply.reply_serial}')


if __name__ == '__main__':
    harness.main()
