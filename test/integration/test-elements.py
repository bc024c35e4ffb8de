#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Elements of the configuration that other tests do not need, on both buses."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus

APPARMOR = '/sys/module/apparmor/parameters/enabled'


def starts(t, program, extra):
    try:
        bus = t.bus(program=program, extra=extra)
    except (harness.Failure, rawbus.Disconnected, OSError):     # some tell an address, then end
        return False
    return t.connect(bus).bus('GetId').kind == rawbus.RETURN


def element(name, *cases):
    """Each case is what the configuration has in addition, and whether a bus starts with it."""
    def both(t):
        harness.need_conductor()
        harness.need_reference()
        for extra, expected in cases:
            for program in (harness.REFERENCE, harness.CONDUCTOR):
                t.equal(starts(t, program, extra), expected, f'{program}: {extra}')
    harness.CASES.append((f'elements/{name}', both))


element('selinux and associate', ('<selinux/>', True),
        ('<selinux><associate own="com.example.A" context="a_t"/></selinux>', True),
        ('<selinux><associate own="com.example.A" context="a_t"/>'
         '<associate own="com.example.A" context="b_t"/></selinux>', True),
        ('<selinux><associate own="com.example.A"/></selinux>', False),
        ('<associate own="com.example.A" context="a_t"/>', False))
element('apparmor', ('<apparmor/>', True), ('<apparmor mode="enabled"/>', True),
        ('<apparmor mode="disabled"/>', True), ('<apparmor mode="perhaps"/>', False),
        ('<apparmor mode="required"/>', os.path.exists(APPARMOR)))
element('auth', ('<auth>EXTERNAL</auth><auth>DBUS_COOKIE_SHA1</auth>', True),
        ('<auth>EXTERNAL</auth><auth>NONSENSE</auth>', False))
element('limit', ('<limit name="max_message_size">20000</limit>', True),
        ('<limit name="max_message_size">many</limit>', False),
        ('<limit name="max_nonsense">1</limit>', False), ('<limit>1</limit>', False))
element('policy', ('<policy context="default"/>', True), ('<policy/>', False),
        ('<policy context="default" user="root"/>', False),
        ('<policy context="sometimes"/>', False), ('<policy user="no-such-user"/>', True),
        ('<policy group="no-such-group"/>', True))


if __name__ == '__main__':
    harness.main()
