#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One test for each attribute and each context of the policy, on both buses."""

import grp
import os
import pwd
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from rawbus import CALL, ERROR, RETURN, SIGNAL

NAME, WAITED, OTHER = 'com.example.A', 'com.example.A.Waited', 'com.example.B'
PREFIXED = 'com.example.A.Below'
OPEN = '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>'
DRIVER = f'''  <policy context="mandatory">
    <allow send_destination="{rawbus.BUS}"/>
    <allow receive_sender="{rawbus.BUS}"/>
  </policy>
'''


def message(kind, destination=NAME, fds=0, **fields):
    """A message that is complete whatever the case leaves out."""
    if kind in (CALL, SIGNAL):
        fields = {'path': '/a', 'interface': 'i.A', 'member': 'M', **fields}
    else:
        fields = {'reply_serial': 1 << 20, **fields}         # of no call that was ever made
        if kind == ERROR:
            fields = {'error': 'e.A', **fields}
    return kind, dict(fields, destination=destination), fds


def call(**fields):
    return message(CALL, **fields)


def signal(**fields):
    return message(SIGNAL, **fields)


BROADCAST = signal(destination=None)
# What the rule of a name does: (rules, what comes through, what does not).
RULES = {
    'send_interface': ('<deny send_interface="i.A"/>', [call(interface='i.B')],
                       [call(), call(interface=None)]),
    'send_member': ('<deny send_interface="i.A" send_member="M"/>',
                    [call(member='N'), call(interface='i.B')], [call()]),
    'send_path': ('<deny send_path="/a"/>', [call(path='/b')], [call()]),
    'send_error': ('<allow send_type="error" send_requested_reply="false"/>'
                   '<deny send_error="e.A" send_type="error"/>',
                   [message(ERROR, error='e.B')], [message(ERROR)]),
    'send_type method_call': ('<deny send_type="method_call"/>', [signal()], [call()]),
    'send_type signal': ('<deny send_type="signal"/>', [call()], [signal(), BROADCAST]),
    'send_type method_return': ('<allow send_type="*" send_requested_reply="false"/>'
                                '<deny send_type="method_return"/>',
                                [message(ERROR), call()], [message(RETURN)]),
    'send_type error': ('<allow send_type="*" send_requested_reply="false"/>'
                        '<deny send_type="error"/>', [message(RETURN), call()], [message(ERROR)]),
    'send_destination': (f'<deny send_destination="{NAME}"/>', [],
                         [call(), call(destination='R'), BROADCAST]),
    'send_destination that is queued': (f'<deny send_destination="{WAITED}"/>', [],
                                        [call(), call(destination='R'), BROADCAST]),
    'send_destination of nobody': ('<deny send_destination="com.example.C"/>', [call()], []),
    'send_destination that is empty': ('<deny send_destination=""/>', [call(), BROADCAST], []),
    'send_destination_prefix': (f'<deny send_destination_prefix="{NAME}"/>', [],
                                [call(), call(destination=PREFIXED), BROADCAST]),
    'send_destination_prefix of parts': ('<deny send_destination_prefix="com.example.Own"/>',
                                         [call(), BROADCAST], []),
    'send_broadcast true': ('<deny send_broadcast="true" send_type="signal"/>',
                            [signal(), call()], [BROADCAST]),
    'send_broadcast false': ('<deny send_broadcast="false" send_type="signal"/>',
                             [BROADCAST, call()], [signal()]),
    'send_requested_reply true': ('<deny send_type="error"/>', [], [message(ERROR)]),
    'send_requested_reply false': ('<allow send_type="error" send_requested_reply="false"/>',
                                   [message(ERROR)], []),
    'receive_interface': ('<deny receive_interface="i.A"/>', [call(interface='i.B')],
                          [call(), BROADCAST]),
    'receive_member': ('<deny receive_interface="i.A" receive_member="M"/>', [call(member='N')],
                       [call(), BROADCAST]),
    'receive_path': ('<deny receive_path="/a"/>', [call(path='/b')], [call(), BROADCAST]),
    'receive_error': ('<allow send_type="error" send_requested_reply="false"/>'
                      '<allow receive_type="error" receive_requested_reply="false"/>'
                      '<deny receive_error="e.A" receive_type="error"/>',
                      [message(ERROR, error='e.B')], [message(ERROR)]),
    'receive_type': ('<deny receive_type="signal"/>', [call()], [signal(), BROADCAST]),
    'receive_sender': ('<deny receive_sender="com.example.Sender" receive_type="method_call"/>',
                       [signal()], [call()]),
    'receive_sender of others': ('<deny receive_sender="com.example.C"/>', [call()], []),
    'receive_requested_reply': ('<allow send_type="error" send_requested_reply="false"/>'
                                '<deny receive_type="error" receive_requested_reply="false"/>',
                                [call()], [message(ERROR)]),
    'min_fds': ('<deny send_type="method_call" min_fds="2"/>', [call(), call(fds=1)],
                [call(fds=2)]),
    'max_fds': ('<deny send_type="method_call" max_fds="1"/>', [call(fds=2)],
                [call(), call(fds=1)]),
    'send_type *': ('<deny send_type="*"/>', [], [call(), signal(), BROADCAST]),
    'send_destination *': ('<deny send_destination="*"/>', [], [call(), signal(), BROADCAST]),
    'send_interface *': ('<deny send_interface="*" send_type="method_call"/>', [signal()],
                         [call(), call(interface=None)]),
    'receive_type *': ('<deny receive_type="*"/>', [], [call(), signal(), BROADCAST]),
    'receive_type method_call': ('<deny receive_type="method_call"/>', [signal()], [call()]),
    'receive_type error': ('<allow send_type="*" send_requested_reply="false"/>'
                           '<allow receive_type="*" receive_requested_reply="false"/>'
                           '<deny receive_type="error"/>', [message(RETURN), call()],
                           [message(ERROR)]),
    'receive_type method_return': ('<allow send_type="*" send_requested_reply="false"/>'
                                   '<allow receive_type="*" receive_requested_reply="false"/>'
                                   '<deny receive_type="method_return"/>',
                                   [message(ERROR), call()], [message(RETURN)]),
    'receive_sender *': ('<deny receive_sender="*" receive_type="signal"/>', [call()],
                         [signal(), BROADCAST]),
    'min_fds when received': ('<deny receive_type="method_call" min_fds="1"/>', [call()],
                              [call(fds=1)]),
    'max_fds when received': ('<deny receive_type="method_call" max_fds="0"/>', [call(fds=1)],
                              [call()]),
    'the last that matches': ('<deny send_interface="i.A"/><allow send_member="M" '
                              'send_interface="i.A"/><deny send_path="/b"/>', [call()],
                              [call(path='/b')]),
    'log': ('<deny send_interface="i.A" log="true"/>', [call(interface='i.B')], [call()]),
}


def test_of_both(name):
    """The function gets the program to test."""
    def register(function):
        for program, label in ((harness.CONDUCTOR, ''), (harness.REFERENCE, ' of dbus-daemon')):
            def run(t, program=program):
                harness.need_conductor()
                harness.need_reference()
                function(t, program)
            harness.CASES.append((f'policy/{name}{label}', run))
        return function
    return register


def start(t, program, text):
    return t.bus(program=program, extra=f'  <policy context="default">{OPEN}</policy>\n'
                                        f'  {text}\n{DRIVER}')


def people(t, bus):
    """Who sends, and who has the names."""
    sender, receiver, other = t.connect(bus), t.connect(bus), t.connect(bus)
    sender.own('com.example.Sender')
    other.own(WAITED)
    t.returned(receiver.bus('RequestName', 'su', WAITED, 0))
    for name in (NAME, PREFIXED):
        receiver.own(name)
    receiver.add_match("type='signal',interface='i.A'")
    receiver.drain()
    return sender, receiver


def comes_through(t, sender, receiver, what):
    kind, fields, n_fds = what
    fields = dict(fields)
    if fields['destination'] == 'R':
        fields['destination'] = receiver.unique
    ends = t.pipe()
    sender.send(rawbus.Message(kind, rawbus.fields_of(**fields), fds=[ends[0]] * n_fds))
    sender.sync()
    came = [got for got in receiver.drain() if got.sender == sender.unique]
    for got in came:
        got.close_fds()
    sender.take()
    return bool(came)


def add_rule_test(name, rules, through, denied):
    @test_of_both(name)
    def rule_test(t, program):
        bus = start(t, program, f'<policy context="default">{rules}</policy>')
        sender, receiver = people(t, bus)
        for expected, cases in ((True, through), (False, denied)):
            for case in cases:
                t.equal(comes_through(t, sender, receiver, case), expected, case)


for rule_name, (rule_text, to_pass, to_deny) in RULES.items():
    add_rule_test(rule_name, rule_text, to_pass, to_deny)


@test_of_both('own and own_prefix')
def own(t, program):
    bus = start(t, program, '<policy context="default"><deny own="com.example.C"/>'
                            '<deny own_prefix="com.example.D"/></policy>')
    connection = t.connect(bus)
    for name, allowed in (('com.example.C', False), ('com.example.C.E', True),
                          ('com.example.D', False), ('com.example.D.E', False),
                          ('com.example.Dee', True)):
        t.equal(connection.bus('RequestName', 'su', name, 0).kind == RETURN, allowed, name)


@test_of_both('own of all names')
def own_any(t, program):
    bus = start(t, program, '<policy context="default"><deny own="*"/>'
                            '<allow own_prefix="com.example.D"/></policy>')
    connection = t.connect(bus)
    for name, allowed in (('com.example.C', False), ('com.example.D', True),
                          ('com.example.D.E', True)):
        t.equal(connection.bus('RequestName', 'su', name, 0).kind == RETURN, allowed, name)


@test_of_both('eavesdrop')
def eavesdrop(t, program):
    bus = start(t, program, '<policy context="default">'
                            '<deny eavesdrop="true" receive_interface="i.A"/></policy>')
    sender, _ = people(t, bus)
    eavesdropper = t.connect(bus)
    eavesdropper.add_match("eavesdrop='true',type='method_call'")
    for interface in ('i.A', 'i.B'):
        sender.send(rawbus.call(NAME, '/a', interface, 'M'))
    sender.sync()
    t.equal([got.interface for got in eavesdropper.drain() if got.destination == NAME], ['i.B'])


@test_of_both('contexts in their order')
def contexts(t, program):
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.getgrgid(os.getegid()).gr_name
    order = ['context="mandatory"', 'at_console="false"', f'user="{user}"', f'group="{group}"',
             'context="default"']
    for i, context in enumerate(order):
        weaker = ''.join(f'<policy {other}><allow send_interface="i.A"/></policy>'
                         for other in order[i + 1:])
        bus = start(t, program, f'<policy {context}><deny send_interface="i.A"/></policy>' + weaker)
        sender, receiver = people(t, bus)
        # within one context the later rule counts; the open rules of the default stand first
        t.equal(comes_through(t, sender, receiver, call()), False, context)


@test_of_both('users and groups of others')
def others(t, program):
    bus = start(t, program, '<policy user="daemon"><deny send_interface="i.A"/></policy>'
                            '<policy group="daemon"><deny send_interface="i.A"/></policy>'
                            '<policy at_console="true"><deny send_interface="i.A"/></policy>')
    sender, receiver = people(t, bus)
    t.equal(comes_through(t, sender, receiver, call()), True)


@test_of_both('who may connect')
def may_connect(t, program):
    harness.need_root()
    for rules, expected in (('', False), ('<allow user="*"/>', True),
                            ('<allow user="daemon"/>', True), ('<allow user="bin"/>', False),
                            ('<allow user="*"/><deny user="daemon"/>', False),
                            ('<allow group="*"/>', True), ('<allow group="daemon"/>', True),
                            ('<allow group="bin"/>', False),
                            ('<allow user="*"/><deny group="daemon"/>', False)):
        bus = start(t, program, f'<policy context="default">{rules}</policy>')
        os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
        _, _, uid, gid, *_ = pwd.getpwnam('daemon')
        groups = os.getgroups()
        try:
            os.setgroups([gid])
            os.setegid(gid)
            os.seteuid(uid)
            t.connect(bus, uid=uid)
            connected = True
        except rawbus.Disconnected:
            connected = False
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        t.equal(connected, expected, rules)


if __name__ == '__main__':
    harness.main()
