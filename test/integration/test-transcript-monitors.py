#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What monitors and eavesdroppers see, on both buses."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import play, scenario

CONTAINER_FIELD = 10        # only here monitors get it
MONITORING = 'org.freedesktop.DBus.Monitoring'
POLICY = '''  <policy context="default">
    <deny send_interface="com.example.Unsent"/>
    <deny receive_interface="com.example.Unheard"/>
    <deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
          send_member="GetId"/>
    <deny receive_interface="org.freedesktop.DBus" receive_member="NameLost"/>
    <deny send_destination="com.example.Closed"/>
  </policy>
'''


def monitor(s, *rules):
    peer = s.peer('M')
    peer.connection.bus('BecomeMonitor', 'asu', list(rules), 0, interface=MONITORING)
    peer.connection.take()
    return peer


def seen(m, peer):
    """Write down what the monitor got until a signal that is sent last."""
    peer.connection.send(rawbus.signal('/', 'com.example.End', 'End'))
    while True:
        message = m.connection.wait_for(lambda _: True)
        if message.member == 'End':
            return
        message.fields = [field for field in message.fields if field[0] != CONTAINER_FIELD]
        m.write(message)


@scenario('monitors/a peer comes, owns a name, goes')
def life(s):
    end, = s.peers('E')
    end.quietly('AddMatch', 's', "member='NameOwnerChanged'")
    m = monitor(s)
    a = s.peer('A')
    a.connection.own('com.example.A')
    a.connection.sync()
    a.connection.bus('ReleaseName', 's', 'com.example.A')
    a.connection.close()
    end.connection.wait_for(lambda x: x.member == 'NameOwnerChanged' and x.body[0] == a.name and
                            x.body[2] == '')
    seen(m, end)


@scenario('monitors/calls, answers, signals')
def messages(s):
    a, b = s.peers('A', 'B')
    m = monitor(s)
    for number in range(2):
        a.send(rawbus.call(b.name, '/', 'com.example.I', 'Ask', 's', 'x'))
        ask = b.connection.wait_call('Ask')
        b.connection.send(rawbus.error_to(ask, 'com.example.No') if number
                          else rawbus.reply_to(ask, 's', 'x'))
        a.connection.wait_reply(ask.serial)
    b.connection.send(rawbus.reply_to(ask))
    b.connection.sync()
    a.connection.send(rawbus.signal('/', 'com.example.I', 'Broadcast'))
    a.connection.send(rawbus.signal('/', 'com.example.I', 'Unicast', destination=b.name))
    a.connection.send(rawbus.call('com.example.Nobody', '/', 'com.example.I', 'Call'))
    a.connection.send(rawbus.signal('/', 'com.example.I', 'Unicast',
                                    destination='com.example.Nobody'))
    a.connection.send(rawbus.signal('/', 'com.example.I', 'ToDriver', destination=rawbus.BUS))
    a.connection.sync()
    seen(m, a)


@scenario('monitors/what the policy denies', extra=POLICY)
def denied(s):
    a, b = s.peers('A', 'B')
    b.quietly('AddMatch', 's', "type='signal'")
    m = monitor(s)
    for interface in ('com.example.Unsent', 'com.example.Unheard', 'com.example.I'):
        a.connection.send(rawbus.signal('/', interface, 'Broadcast'))
        a.connection.send(rawbus.signal('/', interface, 'Unicast', destination=b.name))
        a.connection.send(rawbus.call(b.name, '/', interface, 'Call'))
    a.connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId'))
    a.connection.send(rawbus.call('com.example.Closed', '/', 'com.example.I', 'Call'))
    a.connection.sync()
    b.connection.own('com.example.B')
    b.connection.bus('ReleaseName', 's', 'com.example.B')
    seen(m, a)
    a.show()


@scenario('monitors/rules choose')
def rules(s):
    a, b = s.peers('A', 'B')
    m = monitor(s, "member='Two'", "interface='com.example.End'", f"destination='{b.name}'")
    for destination in (None, b.name, a.name):
        for member in ('One', 'Two'):
            a.connection.send(rawbus.signal('/', 'com.example.I', member, destination=destination))
    a.connection.sync()
    seen(m, a)


@scenario('monitors/eavesdroppers and the driver')
def eavesdropper(s):
    a, b = s.peers('A', 'B')
    b.quietly('AddMatch', 's', "eavesdrop='true',type='method_call'")
    b.quietly('AddMatch', 's', "eavesdrop='true',type='error'")
    b.quietly('AddMatch', 's', "eavesdrop='true',type='method_return'")
    for member, signature, body in (('NameHasOwner', 's', ('a.b',)), ('NameHasOwner', '', ()),
                                    ('GetNameOwner', 's', ('a.b',)), ('Nonsense', '', ())):
        a.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member, signature, *body))
    a.connection.sync()
    b.show()


@scenario('monitors/eavesdroppers and who becomes a monitor')
def eavesdropped_monitor(s):
    a, b = s.peers('A', 'B')
    b.quietly('AddMatch', 's', "eavesdrop='true',type='method_call'")
    a.connection.bus('BecomeMonitor', 'asu', ["member='Nothing'"], 0, interface=MONITORING)
    b.show()


@scenario('monitors/flags and rules that are both wrong')
def flags_first(s):
    a, = s.peers('A')
    for rules, flags in ((['nonsense'], 1), (['nonsense'], 0), ([], 1)):
        a.connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, MONITORING, 'BecomeMonitor',
                                      'asu', rules, flags))
    a.connection.sync()
    a.show()


def by_systemd(s):
    a, = s.peers('A')
    m = monitor(s)
    a.connection.send(rawbus.signal('/', 'com.example.I', 'First', destination='com.example.Unit'))
    a.connection.sync()
    systemd = s.peer('S')
    systemd.connection.own('org.freedesktop.systemd1')
    systemd.receive(lambda x: x.member == 'ActivationRequest')
    a.connection.send(rawbus.signal('/', 'com.example.I', 'Second', destination='com.example.Unit'))
    a.connection.sync()
    systemd.connection.send(rawbus.signal('/', 'org.freedesktop.systemd1.Activator',
                                          'ActivationFailure', 'sss', 'unit.service',
                                          'com.example.Error.No', 'text', destination=rawbus.BUS))
    systemd.connection.sync()
    seen(m, a)
    a.show()


@harness.test('monitors/what systemd is asked, and answers')
def systemd(case):
    harness.need_conductor()
    harness.need_reference()
    services = case.path('services')
    os.mkdir(services)
    with open(os.path.join(services, 'com.example.Unit.service'), 'w', encoding='ascii') as file:
        file.write('[D-BUS Service]\nName=com.example.Unit\nExec=/bin/false\n'
                   'SystemdService=unit.service\n')
    expected, got = (play(case, by_systemd, program, servicedir=services,
                          args=('--systemd-activation',))
                     for program in (harness.REFERENCE, harness.CONDUCTOR))
    case.equal(got, expected)


if __name__ == '__main__':
    harness.main()
