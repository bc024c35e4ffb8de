# SPDX-License-Identifier: MIT
"""Random policies and random conversations, made of one number.

A scene is everything that happens on a bus: two configurations (the second one is
put in force by a reload in the middle), who connects as whom, who asks for which
names and match rules, and what everybody sends. The same seed always makes the same
scene for the same user; nothing in it depends on the bus that plays it.
"""

import grp
import os
import pwd
import random

import rawbus

# Few names, so that rules and messages meet often.
NAMES = ('org.a', 'org.a.b', 'org.b', 'org.b.c.d', 'org.s', 'org.t')
STARTABLE = ('org.start', 'org.a.start')
RULE_NAMES = NAMES + STARTABLE + ('org', ':1', ':1.1', rawbus.BUS, '')
PATHS = ('/a', '/b', rawbus.BUS_PATH)
INTERFACES = ('i.A', 'i.B', rawbus.BUS)
MEMBERS = ('A', 'B', 'GetId')
ERRORS = ('e.A', 'e.B', 'org.freedesktop.DBus.Error.AccessDenied')
TYPES = ('method_call', 'method_return', 'error', 'signal')
LABELS = 'SRTU'

# What every scene lets through: the call that says that all before it was handled.
ALWAYS = '''<policy context="mandatory">
<allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Peer" \
send_type="method_call" max_fds="0"/>
<allow receive_sender="org.freedesktop.DBus" receive_type="method_return"/>
</policy>
'''
DRIVER = '''<policy context="mandatory">
<allow own="*"/>
<allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus" \
send_type="method_call" send_path="/org/freedesktop/DBus" max_fds="0"/>
<allow receive_sender="org.freedesktop.DBus"/>
</policy>
'''
BASES = (
    '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>',
    '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>',
    '<deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>'
    '<allow send_requested_reply="true" send_type="method_return"/>'
    '<allow send_requested_reply="true" send_type="error"/>'
    '<allow receive_type="method_call"/><allow receive_type="method_return"/>'
    '<allow receive_type="error"/><allow receive_type="signal"/>'
    '<allow send_destination="org.freedesktop.DBus"/>',
    '',
)


def other_accounts():
    """Some users of this system, as (name, uid, gid)."""
    users = [(user.pw_name, user.pw_uid, user.pw_gid) for user in pwd.getpwall()]
    return sorted(users, key=lambda user: user[1])[:4]


def named_users(users):
    uids = {os.geteuid(), *(uid for _, uid, _ in users)}
    return sorted(pwd.getpwuid(uid).pw_name for uid in uids) + sorted(map(str, uids))


def named_groups(users):
    """Not all numbers: "numeric-ids"."""
    gids = {os.getegid(), *(gid for _, _, gid in users)}
    return sorted(grp.getgrgid(gid).gr_name for gid in gids) + sorted(map(str, gids))


class Generator:
    """The scene of one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.accounts = other_accounts()
        # whether everybody is in the groups that the system says: "connect-groups"
        self.in_own_groups = self.chance(0.5)
        self.users, self.groups = named_users(self.accounts), named_groups(self.accounts)

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, *choices):
        return self.random.choice(choices)

    # Policies

    def message_rule(self):
        side = self.pick('send_', 'receive_')
        rule = []
        if self.chance(0.4):
            rule.append((side + 'type', self.pick(*TYPES)))
        elif self.chance(0.2):
            rule.append((side + 'type', '*'))
        rule += self.peer_of_rule(side)
        if self.chance(0.2):
            rule.append((side + 'path', self.pick(*PATHS, '*')))
        if self.chance(0.15):
            rule.append((side + 'error', self.pick(*ERRORS, '*')))
        elif self.chance(0.4):
            rule.append((side + 'interface', self.pick(*INTERFACES, '*')))
            if self.chance(0.5):
                rule.append((side + 'member', self.pick(*MEMBERS, '*')))
        if self.chance(0.15):
            rule.append((side + 'requested_reply', self.pick('true', 'false')))
        if self.chance(0.2):
            rule.append(('eavesdrop', self.pick('true', 'false')))
        for name in ('min_fds', 'max_fds'):
            if self.chance(0.06):
                rule.append((name, self.pick('0', '1', '2')))
        if not any(name.startswith((side, 'eavesdrop')) for name, _ in rule):
            rule.append((side + 'type', '*'))
        return rule

    def peer_of_rule(self, side):
        if side == 'receive_':
            return [('receive_sender', self.pick(*RULE_NAMES, '*'))] if self.chance(0.5) else []
        rule, where = [], self.random.random()
        if where < 0.35:
            rule.append(('send_destination', self.pick(*RULE_NAMES)))
        elif where < 0.55:
            rule.append(('send_destination_prefix', self.pick(*RULE_NAMES)))
        elif where < 0.7:
            rule.append(('send_destination', '*'))
        if self.chance(0.16):
            named = where < 0.35
            rule.append(('send_broadcast', 'false' if named else self.pick('true', 'false')))
        return rule

    def own_rule(self):
        if self.chance(0.5):
            return [('own', self.pick(*NAMES, '*'))]
        return [('own_prefix', self.pick('org', *NAMES))]

    def connect_rule(self):
        if not self.in_own_groups or self.chance(0.5):
            return [('user', self.pick(*self.users, '*', 'no-such-user'))]
        return [('group', self.pick(*self.groups, '*', 'no-such-group'))]

    def careless_rule(self):
        """Any attributes side by side; most of these no bus accepts."""
        rules = [self.message_rule(), self.own_rule(), self.message_rule()]
        return list(dict(sum(rules, [])).items())

    def rule(self, for_all):
        kind = self.random.random()
        if kind < 0.0015:
            rule = self.careless_rule()
        elif kind < 0.08:
            rule = self.own_rule()
        elif kind < 0.12 and for_all:
            rule = self.connect_rule()
        else:
            rule = self.message_rule()
        if self.chance(0.03):
            rule.append(('log', self.pick('true', 'false')))
        attributes = ' '.join(f'{name}="{value}"' for name, value in rule)
        return f'<{self.pick("allow", "deny")} {attributes}/>'

    def context(self):
        return self.pick(*['context="default"'] * 4, 'context="mandatory"',
                         f'user="{self.pick(*self.users)}"', f'group="{self.pick(*self.groups)}"',
                         f'user="{os.geteuid()}"', f'group="{os.getegid()}"',
                         'user="no-such-user"', 'group="no-such-group"',
                         'at_console="false"', 'at_console="true"')

    def policy(self):
        text = ''
        if self.chance(0.9):
            text += '<policy context="default"><allow user="*"/></policy>\n'
        text += f'<policy context="default">{self.pick(*BASES)}</policy>\n'
        for _ in range(self.random.randint(1, 6)):
            context = self.context()
            rules = [self.rule('context=' in context) for _ in range(self.random.randint(1, 4))]
            text += f'<policy {context}>\n' + '\n'.join(rules) + '\n</policy>\n'
        return text + (DRIVER if self.chance(0.6) else '') + ALWAYS

    # Who is there

    def account(self, label):
        """Who a connection is: uid, gid, other groups. Only root can be somebody else.

        It is somebody whom the system knows: "unknown-uid".
        """
        if os.geteuid() != 0 or label == 'S' or self.chance(0.6):
            return None
        gids = [gid for _, _, gid in self.accounts] + [61234]
        name, uid, gid = self.pick(*self.accounts)
        if self.in_own_groups:
            return uid, gid, os.getgrouplist(name, gid)
        return uid, self.pick(*gids), self.random.sample(gids, self.random.randint(0, 2))

    def match_rules(self, label):
        rules = []
        for _ in range(self.random.randint(0, 2)):
            rules.append(self.pick("type='signal'", "type='signal',interface='i.A'", "path='/a'",
                                   "type='signal',member='B'", "sender='org.s'", "arg0='x'"))
        if label == 'T' and self.chance(0.35):
            rules += [f"eavesdrop='true',type='{kind}'" for kind in TYPES]
        return rules

    # What is said

    def name_change(self):
        if self.chance(0.75):
            return ('RequestName', 'su', (self.pick(*NAMES), self.pick(0, 0, 1, 2, 4)))
        return ('ReleaseName', 's', (self.pick(*NAMES),))

    def message(self):
        kind = self.pick(rawbus.CALL, rawbus.CALL, rawbus.SIGNAL, rawbus.SIGNAL, rawbus.SIGNAL,
                         rawbus.RETURN, rawbus.ERROR)
        fields = {'destination': self.destination(kind)}
        if kind in (rawbus.CALL, rawbus.SIGNAL):
            fields['path'] = self.pick(*PATHS[:2], *PATHS)
            fields['member'] = self.pick(*MEMBERS[:2], *MEMBERS)
            fields['interface'] = self.pick(*INTERFACES[:2], *INTERFACES)
            if kind == rawbus.CALL and self.chance(0.25):
                del fields['interface']
            if self.chance(0.1):
                fields['reply_serial'] = 77
        else:
            fields['reply_serial'] = self.random.randint(1, 99)
            if kind == rawbus.ERROR:
                fields['error'] = self.pick(*ERRORS)
            for name, value in (('interface', 'i.A'), ('path', '/a'), ('member', 'A')):
                if self.chance(0.2):
                    fields[name] = value
        flags = self.pick(0, 0, 0, rawbus.NO_REPLY, rawbus.NO_AUTO_START)
        if fields['destination'] == rawbus.BUS:         # "no-reply"
            flags = 0
        return kind, fields, flags, self.pick(0, 0, 0, 0, 1, 2)

    def destination(self, kind):
        if kind == rawbus.SIGNAL and self.chance(0.4):
            return None
        return self.pick(*LABELS, *NAMES[:3], *NAMES[:3], *NAMES, rawbus.BUS, 'org.nobody',
                         *STARTABLE)

    def round(self):
        """What happens in one round: changes of names, then speeches of one sender each."""
        changes = [(label, self.name_change()) for label in LABELS if self.chance(0.5)]
        speeches = [(self.pick('S', *LABELS), [self.message() for _ in range(8)])
                    for _ in range(3)]
        return changes, speeches, self.random.randint(0, 1 << 30)

    def scene(self):
        policies = [self.policy()]
        if self.chance(0.3):
            policies.append(self.policy())
        people = [(label, self.account(label), self.match_rules(label)) for label in LABELS]
        return {'policies': policies, 'people': people,
                'rounds': [self.round() for _ in range(2)],
                'starters': [self.pick(None, *LABELS) for _ in STARTABLE]}


def make_scene(seed):
    return Generator(seed).scene()
