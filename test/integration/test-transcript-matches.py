#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Match rules: every key, its syntax, and who then receives what."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import scenario

# What is sent for each rule: (path, interface, member, signature, body)
SIGNALS = [
    ('/a', 'com.example.I', 'One', '', ()),
    ('/a/b', 'com.example.I', 'Two', 's', ('x',)),
    ('/ab', 'com.example.J', 'One', 'ss', ('x', 'y')),
    ('/', 'com.example.I.K', 'Three', 'so', ('/aa/bb/', '/aa/bb')),
    ('/a/b/c', 'com.example.I', 'Four', 'sss', ('com.example.Foo', 'com.example.Foo.Bar', '')),
    ('/z', 'com.example.Z', 'Five', 'usi', (1, 'x', 2)),
    ('/z', 'com.example.Z', 'Six', 'sas', ('com.example.Foobar', ['x'])),
    ('/z', 'com.example.Z', 'Seven', 's' * 64, tuple(f'a{n}' for n in range(64))),
    ('/z', 'com.example.Z', 'Eight', 'v', (('s', 'x'),)),
]
RULES = [
    '', "type='signal'", "type='method_call'", "interface='com.example.I'",
        "interface='com.example'",
    "member='One'", "interface='com.example.I',member='One'", "path='/a'", "path='/a/b'",
    "path_namespace='/a'", "path_namespace='/'", "path_namespace='/a/b'",
        "path_namespace='/nothing'",
    "arg0='x'", "arg1='y'", "arg0='x',arg1='y'", "arg1='x'", "arg63='a63'", "arg2=''", "arg0=''",
    "arg0path='/aa/'", "arg0path='/aa/bb/'", "arg0path='/aa/bb/cc'", "arg1path='/aa/'",
    "arg1path='/aa/bb'", "arg0path='/'", "arg0path='x'", "arg1path='/aa/bb/'",
    "arg0namespace='com.example.Foo'", "arg0namespace='com.example'", "arg0namespace='com'",
    "arg0namespace='com.example.Foo.Bar'", "sender='com.example.Sender'",
    "sender='org.freedesktop.DBus'", "sender='com.example.Absent'",
        "destination='com.example.Sender'",
    "eavesdrop='true'", "eavesdrop='false'", "type='signal',eavesdrop='true',member='One'",
    "arg3='x'", "type=signal,member=One", "  type='signal' , member='One'", "member='O''ne'",
    "member='On'e", "arg0=x,", "arg0='\\x'", "arg0=\\'x", "arg00='x'", "arg1='y',arg0='x'",
]
BAD_RULES = [
    'nonsense', 'type=', "type='nothing'", "type='signal", "foo='bar'",
        "type='signal',type='signal'",
    "interface='no dots'", "interface='nodots'", "member='with.dot'", "member=''", "interface=''",
    "path='relative'", "path='/trailing/'", "path=''", "path_namespace='/trailing/'",
    "path='/a',path_namespace='/a'", "sender=''", "sender='nodots'", "sender=':1.1'", "sender=':'",
    "destination='nodots'", "destination=':1.1'", "arg64='x'", "arg99='x'", "arg='x'", "arg-1='x'",
    "argx='x'", "arg0path", "arg1namespace='a.b'", "arg0namespace=''", "arg0namespace='.a'",
    "arg0namespace='a..b'", "arg0namespace='nodots'", "arg0='x',arg0='y'", "arg0='x',arg0path='/x'",
    "arg0='x',arg0namespace='x'", "eavesdrop='maybe'", "eavesdrop=''", "eavesdrop='TRUE'",
    "Type='signal'", "type='signal',,member='x'", ",type='signal'", "type='signal',", "=", "='x'",
    "type='signal' member='x'", "member='x'type='signal'", "arg0foo='x'", "arg100='x'",
        "arg0path='x'",
    "path='/a b'", "member='9x'", "interface='a.9b'", "\ttype='signal'", "type ='signal'",
    "type= 'signal'", "x" * 1023, "arg0='" + "x" * 1100 + "'", "type='error'",
        "type='method_return'",
    "type='invalid'", "arg0namespace='a.b.'", "arg 0='x'",
]


def send_all(peer, destination=None):
    for path, interface, member, signature, body in SIGNALS:
        peer.connection.send(rawbus.signal(path, interface, member, signature, *body,
                                           destination=destination))
    peer.connection.sync()


@scenario('matches/each rule and what it lets through')
def each_rule(s):
    sender, receiver = s.peers('Sender', 'R')
    sender.connection.own('com.example.Sender')
    receiver.connection.drain()
    for rule in RULES:
        s.say(f'rule {rule!r}')
        reply = receiver.bus('AddMatch', 's', rule)
        send_all(sender)
        receiver.show()
        if reply.kind == rawbus.RETURN:
            receiver.bus('RemoveMatch', 's', rule)
    send_all(sender)
    receiver.show()


@scenario('matches/rules that are refused')
def refused_rules(s):
    a, = s.peers('A')
    for rule in BAD_RULES:
        s.say(f'rule {rule!r}')
        a.bus('AddMatch', 's', rule)
        a.bus('RemoveMatch', 's', rule)


@scenario('matches/rules by unique name')
def unique_names(s):
    a, b, receiver = s.peers('A', 'B', 'R')
    for key in ('sender', 'destination'):
        rule = f"{key}='{a.name}'"
        s.say(f'rule {s.plain(rule)}')
        receiver.bus('AddMatch', 's', rule)
        send_all(a)
        send_all(b)
        b.connection.send(rawbus.signal('/', 'com.example.I', 'Unicast', destination=a.name))
        b.connection.sync()
        receiver.show()
        receiver.bus('RemoveMatch', 's', rule)
    a.show()


@scenario('matches/removing what was not added')
def remove_unknown(s):
    a, = s.peers('A')
    a.bus('RemoveMatch', 's', "type='signal'")
    a.bus('AddMatch', 's', "type='signal',member='X'")
    a.bus('RemoveMatch', 's', "member='X'")
    a.bus('RemoveMatch', 's', "member='X',type='signal'")
    a.bus('RemoveMatch', 's', "member='X',type='signal'")


@scenario('matches/the same rule twice delivers once and is removed twice')
def added_twice(s):
    a, b = s.peers('A', 'B')
    for _ in range(2):
        b.bus('AddMatch', 's', "interface='com.example.I'")
    b.bus('AddMatch', 's', "member='One'")
    for _ in range(4):
        a.connection.send(rawbus.signal('/', 'com.example.I', 'One'))
        a.connection.send(rawbus.signal('/', 'com.example.I', 'Two'))
        a.connection.sync()
        b.show()
        b.bus('RemoveMatch', 's', "interface='com.example.I'")


@scenario('matches/sender by name follows the owner')
def sender_follows(s):
    a, b, receiver = s.peers('A', 'B', 'R')
    receiver.bus('AddMatch', 's', "sender='com.example.Moves',interface='com.example.I'")
    a.bus('RequestName', 'su', 'com.example.Moves', 0)
    b.bus('RequestName', 'su', 'com.example.Moves', 0)
    for round_number in range(3):
        for peer in (a, b):
            peer.connection.send(rawbus.signal('/', 'com.example.I', f'S{round_number}'))
            peer.connection.sync()
        receiver.show()
        (a, b)[min(round_number, 1)].bus('ReleaseName', 's', 'com.example.Moves')


@scenario('matches/a sender receives its own signals')
def own_signals(s):
    a, = s.peers('A')
    a.bus('AddMatch', 's', "interface='com.example.I'")
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S'))
    a.show()


@scenario('matches/order of signals and replies')
def order(s):
    a, b = s.peers('A', 'B')
    b.bus('AddMatch', 's', "interface='com.example.I'")
    b.send(rawbus.call(a.name, '/', 'a.b', 'Ask'))
    ask = a.connection.wait_call('Ask')
    for number in range(3):
        a.connection.send(rawbus.signal('/', 'com.example.I', f'Before{number}'))
    a.connection.send(rawbus.reply_to(ask))
    for number in range(3):
        a.connection.send(rawbus.signal('/', 'com.example.I', f'After{number}'))
    a.connection.sync()
    b.show()


@scenario('matches/unicast signals need no rule and disturb nobody')
def unicast_signal(s):
    a, b, other = s.peers('A', 'B', 'C')
    other.bus('AddMatch', 's', "type='signal'")
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', 's', 'x', destination=b.name))
    a.connection.sync()
    b.show()
    other.show()
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', destination='com.example.Nobody'))
    a.show()


@scenario('matches/eavesdropping')
def eavesdrop(s):
    a, b, other = s.peers('A', 'B', 'C')
    other.bus('AddMatch', 's', "eavesdrop=true,interface='com.example.I'")
    other.bus('AddMatch', 's', "eavesdrop=true,type='method_return'")
    other.bus('AddMatch', 's', "eavesdrop=true,type='error'")
    for number in range(2):
        a.send(rawbus.call(b.name, '/', 'com.example.I', 'Ask'))
        ask = b.connection.wait_call('Ask')
        b.connection.send(rawbus.error_to(ask, 'com.example.No') if number
                          else rawbus.reply_to(ask, 's', 'x'))
        a.connection.wait_reply(ask.serial)
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', destination=b.name))
    a.connection.sync()
    other.show()
    b.show()


@scenario('matches/eavesdrop by destination')
def eavesdrop_destination(s):
    a, b, other = s.peers('A', 'B', 'C')
    b.connection.own('com.example.B')
    other.bus('AddMatch', 's', "eavesdrop=true,destination='com.example.B'")
    for destination in ('com.example.B', b.name, a.name, None):
        a.connection.send(rawbus.signal('/', 'com.example.I', 'S', destination=destination))
    a.connection.sync()
    other.show()


@scenario('matches/NameOwnerChanged by argument')
def name_owner_changed(s):
    a, b = s.peers('A', 'B')
    b.bus('AddMatch', 's', "type='signal',sender='org.freedesktop.DBus',"
          "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='com.example.One'")
    b.bus('AddMatch', 's', "type='signal',member='NameOwnerChanged',arg0namespace='org.example'")
    b.bus('AddMatch', 's', "type='signal',member='NameOwnerChanged',arg2='',arg0='com.example.Two'")
    for name in ('com.example.One', 'com.example.Two', 'org.example', 'org.example.Three',
                 'org.examples'):
        if '.' in name:
            a.bus('RequestName', 'su', name, 0)
            a.bus('ReleaseName', 's', name)
    b.show()


@scenario('matches/big-endian arguments')
def big_endian(s):
    a = s.peer('A', endian='>')
    b, = s.peers('B')
    b.bus('AddMatch', 's', "arg0='x',arg1='y'")
    b.bus('AddMatch', 's', "arg0path='/aa/'")
    send_all(a)
    b.show()


if __name__ == '__main__':
    harness.main()
