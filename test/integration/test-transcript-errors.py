#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every error of the bus: each method of each interface, failing in each way that it can."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import Peer, scenario

BUS = rawbus.BUS
PEER = rawbus.PEER
PROPERTIES = harness.PROPERTIES
INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable'
MONITORING = 'org.freedesktop.DBus.Monitoring'
STATS = 'org.freedesktop.DBus.Debug.Stats'
SIGNATURES = {
    (BUS, 'Hello'): '', (BUS, 'RequestName'): 'su', (BUS, 'ReleaseName'): 's',
    (BUS, 'StartServiceByName'): 'su', (BUS, 'UpdateActivationEnvironment'): 'a{ss}',
    (BUS, 'NameHasOwner'): 's', (BUS, 'ListNames'): '', (BUS, 'ListActivatableNames'): '',
    (BUS, 'AddMatch'): 's', (BUS, 'RemoveMatch'): 's', (BUS, 'GetNameOwner'): 's',
    (BUS, 'ListQueuedOwners'): 's', (BUS, 'GetConnectionUnixUser'): 's',
    (BUS, 'GetConnectionUnixProcessID'): 's', (BUS, 'GetAdtAuditSessionData'): 's',
    (BUS, 'GetConnectionSELinuxSecurityContext'): 's', (BUS, 'ReloadConfig'): '', (BUS, 'GetId'): '',
    (BUS, 'GetConnectionCredentials'): 's', (PROPERTIES, 'Get'): 'ss', (PROPERTIES, 'GetAll'): 's',
    (PROPERTIES, 'Set'): 'ssv', (INTROSPECTABLE, 'Introspect'): '',
    (MONITORING, 'BecomeMonitor'): 'asu', (STATS, 'GetStats'): '', (STATS, 'GetConnectionStats'): 's',
    (STATS, 'GetAllMatchRules'): '', (PEER, 'Ping'): '', (PEER, 'GetMachineId'): '',
}
WRONG = {'': (), 'i': (1,), 'as': (['x'],), 'sss': ('x', 'y', 'z'), 'o': ('/x',),
         'a{sv}': ({'A': ('s', 'b')},), 'v': (('s', 'x'),), 'su': ('com.example.X', 0)}
ODD_NAMES = ('', ':', ':1', ':1.', ':1.x', '1.a', '.a.b', 'a..b', 'a.b.', 'a', 'a.b-c', 'a.b!', 'a' * 300,
             'a.' + 'b' * 254, 'ä.ö', BUS, 'com.example.Nobody', ':1.4294967297')


@scenario('errors/wrong signatures of every method')
def wrong_signatures(s):
    a, = s.peers('A')
    for (interface, member), right in SIGNATURES.items():
        for wrong, body in WRONG.items():
            if wrong != right:
                s.say(f'{interface}.{member}({wrong})')
                a.bus(member, wrong, *body, interface=interface)


@scenario('errors/methods of one interface called on another')
def wrong_interfaces(s):
    a, = s.peers('A')
    interfaces = sorted({interface for interface, _ in SIGNATURES})
    for (interface, member), signature in SIGNATURES.items():
        for other in interfaces:
            if (other, member) not in SIGNATURES and not signature:
                s.say(f'{other}.{member}')
                a.bus(member, interface=other)


@scenario('errors/odd names for every method that takes one')
def odd_names(s):
    a, = s.peers('A')
    for member in ('RequestName', 'ReleaseName', 'StartServiceByName', 'NameHasOwner', 'GetNameOwner',
                   'ListQueuedOwners', 'GetConnectionUnixUser', 'GetConnectionUnixProcessID',
                   'GetAdtAuditSessionData', 'GetConnectionSELinuxSecurityContext',
                   'GetConnectionCredentials'):
        for name in ODD_NAMES:
            if name == BUS and member.startswith('GetConnection'):
                continue                                # credentials of the bus differ by run
            s.say(f'{member}({name!r:.40})')
            signature = SIGNATURES[BUS, member]
            a.bus(member, signature, *((name, 0) if signature == 'su' else (name,)))


@scenario('errors/statistics of nobody and of the bus')
def stats(s):
    a, = s.peers('A')
    for name in ('com.example.Nobody', ':1.999', '', 'nodots', BUS):
        s.say(name)
        a.bus('GetConnectionStats', 's', name, interface=STATS)


@scenario('errors/names with every flag when somebody else has them')
def name_flags(s):
    a, b = s.peers('A', 'B')
    a.connection.own('com.example.A')
    for flags in (0, 1, 2, 4, 6, 8, 0xffffffff):
        b.bus('RequestName', 'su', 'com.example.A', flags)
    b.bus('ReleaseName', 's', 'com.example.A')
    b.bus('ReleaseName', 's', 'com.example.A')


class OtherUser:
    """Connections made meanwhile are of another user."""

    def __enter__(self):
        harness.need_root()
        os.seteuid(65534)

    def __exit__(self, *_):
        os.seteuid(0)


def stranger(s, label):
    """A peer of another user than that of the bus."""
    with OtherUser():
        connection = rawbus.Connection(s.bus.address, uid=65534)
    s.case.connections.append(connection)
    s.labels[connection.unique] = label
    return Peer(s, label, connection)


ANYBODY = '  <policy context="mandatory"><allow user="*"/></policy>\n'


@scenario('errors/what only root and the user of the bus may', extra=ANYBODY)
def unprivileged(s):
    a = stranger(s, 'A')
    a.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'b'})
    a.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'b'}, path='/')
    a.bus('UpdateActivationEnvironment', 's', 'x')
    a.bus('BecomeMonitor', 'asu', [], 0, interface=MONITORING)
    a.bus('BecomeMonitor', 'asu', ['nonsense'], 0, interface=MONITORING)
    a.bus('BecomeMonitor', 'asu', [], 0, interface=MONITORING, path='/')
    a.bus('AddMatch', 's', "eavesdrop='true'")
    a.bus('RemoveMatch', 's', "eavesdrop='true'")
    a.bus('AddMatch', 's', "eavesdrop='false'")
    a.bus('ReloadConfig')
    a.bus('GetConnectionUnixUser', 's', a.name)


@scenario('errors/statistics for another user', extra=ANYBODY)
def unprivileged_stats(s):
    a = stranger(s, 'A')
    b, = s.peers('B')
    for member, signature, *body in (('GetStats', ''), ('GetConnectionStats', 's', b.name),
                                     ('GetAllMatchRules', '')):
        reply = a.connection.bus(member, signature, *body, interface=STATS)
        s.say(f'{member}: {reply.error}')


POLICY = '''  <policy context="mandatory">
    <deny own="com.example.Denied"/>
    <deny own_prefix="com.example.prefix"/>
    <deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
          send_member="GetId"/>
    <deny send_interface="com.example.Secret"/>
    <deny receive_interface="com.example.Unheard"/>
    <deny send_type="signal" send_path="/denied"/>
    <deny send_destination="com.example.Closed"/>
    <deny send_type="error" send_error="com.example.Error.Denied"/>
  </policy>
'''


@scenario('errors/what the policy denies', extra=POLICY)
def denied(s):
    a, b = s.peers('A', 'B')
    for name in ('com.example.Denied', 'com.example.prefix', 'com.example.prefix.x',
                 'com.example.prefixed'):
        a.bus('RequestName', 'su', name, 0)
        a.bus('ReleaseName', 's', name)
    a.bus('GetId')
    a.bus('GetId', interface=None)
    b.connection.own('com.example.Closed')
    for flags in (0, rawbus.NO_REPLY):
        for destination, interface, member in ((b.name, 'com.example.Secret', 'Call'),
                                               (b.name, 'com.example.Unheard', 'Call'),
                                               ('com.example.Closed', 'com.example.I', 'Call'),
                                               ('com.example.Nobody', 'com.example.Secret', 'Call')):
            a.send(rawbus.call(destination, '/', interface, member, flags=flags))
            a.show()
    a.send(rawbus.signal('/denied', 'com.example.I', 'Broadcast'))
    a.send(rawbus.signal('/denied', 'com.example.I', 'Unicast', destination=b.name))
    a.show()
    b.show()


@scenario('errors/an answer that was asked for and that a rule denies', extra=POLICY)
def denied_answers(s):
    a, b = s.peers('A', 'B')
    a.send(rawbus.call(b.name, '/', 'com.example.I', 'Call'))
    request = b.receive()
    b.send(rawbus.error_to(request, 'com.example.Error.Denied', 'text'))
    b.show()
    a.show()
    b.send(rawbus.error_to(request, 'com.example.Error.Other', 'text'))
    b.show()
    a.show()



SERVICES = {
    'Missing': 'Exec=/nonexistent/program',
    'NotExecutable': 'Exec=/etc/passwd',
    'Folder': 'Exec=/etc',
    'Exits': 'Exec=/bin/sh -c "exit 7"',
    'Killed': 'Exec=/bin/sh -c "kill -9 $$"',
    'Quotes': 'Exec=/bin/sh -c "unbalanced',
    'NoExec': '',
    'EmptyExec': 'Exec=',
}


def register_services(name, start):
    @scenario(f'errors/services that do not start, by {name}')
    def services(s):
        folder = os.path.join(s.bus.directory, 'services')
        os.mkdir(folder)
        for service, line in SERVICES.items():
            with open(f'{folder}/{service}.service', 'w', encoding='utf-8') as out:
                out.write(f'[D-BUS Service]\nName=com.example.{service}\n{line}\n')
        s.bus.write_config(servicedir=folder)
        a, = s.peers('A')
        a.quietly('ReloadConfig')
        a.connection.drain()
        for service in SERVICES:
            s.say(service)
            start(a, f'com.example.{service}')


register_services('a call', lambda a, name: a.call(name, '/', 'com.example.I', 'Call'))
register_services('name', lambda a, name: a.bus('StartServiceByName', 'su', name, 0))


@scenario('errors/UpdateActivationEnvironment on a system bus',
          extra='  <type>system</type>\n')
def system_environment(s):
    a, = s.peers('A')
    a.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'b'})
    a.bus('UpdateActivationEnvironment', 'a{ss}', {})


@scenario('errors/the first message is not Hello')
def not_hello(s):
    for message in (rawbus.call(BUS, rawbus.BUS_PATH, BUS, 'RequestName', 'su', 'a.b', 0),
                    rawbus.call(BUS, '/', BUS, 'AddMatch', 's', ''),
                    rawbus.call(BUS, rawbus.BUS_PATH, MONITORING, 'BecomeMonitor', 'asu', [], 0),
                    rawbus.call(BUS, rawbus.BUS_PATH, BUS, 'Hello', 's', 'x'),
                    rawbus.call(BUS, rawbus.BUS_PATH, 'com.example.I', 'X')):
        a = s.peer('A', hello=False)
        a.send(message)
        a.receive(lambda m: m.kind == rawbus.ERROR)
        a.connection.close()


@scenario('errors/calls without a path or a member that anybody knows')
def odd_calls(s):
    a, b = s.peers('A', 'B')
    for destination in (BUS, b.name, 'com.example.Nobody', ':1.77'):
        for flags in (0, 2, 3):                         # NO_AUTO_START, with NO_REPLY_EXPECTED
            a.send(rawbus.call(destination, '/x', None, 'Member', flags=flags),
                   f'call with flags {flags}')
            a.show()
    b.show()


if __name__ == '__main__':
    harness.main()
