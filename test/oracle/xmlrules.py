# SPDX-License-Identifier: MIT
"""The XML layer beside the containers: random <policy> rules and what dbus-daemon(1) says of them.

Like the model this is a list that is read from one end to the other: the last rule that matches
decides, and where none does the message passes, as the configuration of the tests allows all.
"""

KINDS = ('method_call', 'signal', 'error')
PREFIX = 'com.ex.'


def generate(random, names, pools):
    """Some rules for (verb, {attribute: value}); pools are paths, interfaces and members."""
    rules = [('deny', {'own': random.choice(names)}),
             ('deny', {'own_prefix': random.choice(names)}),
             ('allow', {'own': random.choice(names)}),
             # of replies only those that are refused even though somebody waits for them
             ('deny', {'send_type': 'error', 'send_error': PREFIX + 'Error',
                       'send_requested_reply': 'true', 'send_destination': random.choice(names)}),
             ('deny', {'receive_type': 'error', 'receive_error': PREFIX + 'Error',
                       'receive_requested_reply': 'true', 'receive_sender': random.choice(names)})]
    for _ in range(14):
        rules.append(message_rule(random, names, pools))
    random.shuffle(rules)
    return rules


def message_rule(random, names, pools):
    way, other = random.choice((('send', 'destination'), ('receive', 'sender')))
    attributes = {'type': random.choice(('method_call', 'signal'))}
    given = dict(zip(('path', 'interface', 'member'), pools), **{other: names})
    keys = random.sample(sorted(given), random.randrange(1, 3))
    if 'member' in keys and not {'path', 'interface'} & set(keys):
        keys.append('interface')        # a member alone may not be
    for key in keys:
        attributes[key] = random.choice(given[key])
    return (random.choice(('deny', 'deny', 'allow')),
            {f'{way}_{key}': value for key, value in attributes.items()})


def config(rules):
    """The rules as configuration."""
    lines = [f'    <{verb} ' + ' '.join(f'{key}="{value}"' for key, value in attributes.items()) +
             '/>\n' for verb, attributes in rules]
    return '  <policy context="mandatory">\n' + ''.join(lines) + '  </policy>\n'


class Xml:
    """The layer; names_of tells of a peer which names it owns or waits for."""

    def __init__(self, rules, names_of):
        self.rules, self.names_of = rules, names_of

    def may_own(self, name):
        allowed = True
        for verb, attributes in self.rules:
            prefix = attributes.get('own_prefix')
            if attributes.get('own') == name or \
                    prefix and (name == prefix or name.startswith(prefix + '.')):
                allowed = verb == 'allow'
        return allowed

    def allows(self, sender, receiver, message):
        """Whether a message may go; receiver None: to a service that does not run yet."""
        return self.passes('send', 'destination', receiver, message, message.get('destination')) \
            and (receiver is None or self.passes('receive', 'sender', sender, message, None))

    def passes(self, way, other, peer, message, text):
        allowed = True
        for verb, attributes in self.rules:
            mine = {key[len(way) + 1:]: value for key, value in attributes.items()
                    if key.startswith(way + '_')}
            if mine and self.matches(verb, mine, other, (peer, text), message):
                allowed = verb == 'allow'
        return allowed

    def matches(self, verb, wanted, other, peer, message):
        if wanted['type'] != message['kind']:
            return False
        if other in wanted and not self.is_called(wanted[other], *peer):
            return False
        # a call without an interface: no rule that allows, every rule that denies
        if 'interface' in wanted and message.get('interface') is None:
            if verb == 'allow':
                return False
            wanted = {key: value for key, value in wanted.items() if key != 'interface'}
        return all(message.get(key) == value for key, value in wanted.items()
                   if key in ('path', 'interface', 'member', 'error'))

    def is_called(self, name, peer, text):
        return name == text if peer is None else name in self.names_of(peer)
