# SPDX-License-Identifier: MIT
"""A second implementation of what containers may do, for comparison with the bus.

It is written from the text of doc/containers1.md, sections 3 to 6, and from nothing else: plain
lists that are searched from one end to the other, no index, no memory of earlier answers. It knows
who is connected, who owns and waits for which names, who is in which container server, what that
server's rules are and who has opted in, and says what has to happen to a message or a question.
"""

SEE, CALL, RECEIVE, OWN, FDS = 0x01, 0x02, 0x04, 0x08, 0x10
NAMESPACE, SUBTREE = 0x100, 0x200
BUS = 'org.freedesktop.DBus'
ERROR = 'org.freedesktop.DBus.Error.'

# Section 3: what a rule covers


def rule_covers_name(rule, name):
    bus_name = rule[1]
    if bus_name in ('', name):
        return True
    return bool(rule[0] & NAMESPACE) and name.startswith(bus_name + '.')


def covers_path(flags, covered, path):
    if covered == path:
        return True
    if not flags & SUBTREE:
        return False
    return covered == '/' or path.startswith(covered + '/')


def covers_interface(covered, interface, member):
    if covered == '':
        return True
    if interface is None:
        return False
    if covered.endswith('.*'):
        return interface == covered[:-2] or interface.startswith(covered[:-1])
    return covered in (interface, f'{interface}.{member}')


def allows(flags, path, interface, need, message):
    """Whether one rule or opt-in, its names left out, has all of need and is for this message."""
    return (flags & need == need and covers_path(flags, path, message['path']) and
            covers_interface(interface, message['interface'], message['member']))


WAITS = 'waits for its service'          # what unicast() says of a message that starts one


class Peer:
    """A connection."""

    def __init__(self, unique, server=None):
        self.unique = unique
        self.server = server            # None: uncontained
        self.opt_ins = []               # (server or None for all, flags, path, interface)
        self.seen = set()               # outside peers that have sent a call or signal to it
        self.wants_header = False
        self.sender_rules = set()       # names in match rules for signals; None: any sender


class Server:
    """A container server; open is how it is with Permissive or unrestricted access."""

    def __init__(self, path, rules, permissive=False, unrestricted=False):
        self.path = path
        self.rules = list(rules)
        self.permissive = permissive
        self.unrestricted = unrestricted
        self.open = permissive or unrestricted


class Model:
    """The whole bus."""

    def __init__(self, activatable=None, xml=None):
        self.peers = {}                 # unique name to Peer
        self.queues = {}                # well-known name to list of [Peer, flags], the owner first
        self.claims = []                # (Peer, name) in the order in which they were made
        self.activatable = activatable or {}    # name to opt-ins of its service file
        self.waiting = {}               # name to what waits for its owner, in order
        self.xml = xml                  # the other layer; None: allows all
        self.calls = []                 # open ones: (caller, callee, serial)

    # Names

    def owner_of(self, name):
        if name.startswith(':'):
            return self.peers.get(name)
        queue = self.queues.get(name)
        return queue[0][0] if queue else None

    def claims_of(self, peer):
        """All names that it owns or waits for."""
        return [peer.unique] + [name for owner, name in self.claims if owner is peer]

    def names_of(self, peer):
        """All names that it owns; queued ones do not count."""
        return [peer.unique] + [name for name, queue in self.queues.items() if queue[0][0] is peer]

    def request_name(self, peer, name, flags):
        """(answer or None for AccessDenied, changes)"""
        if peer.server and not self.may_own(peer, name) or self.xml and not self.xml.may_own(name):
            return None, []
        queue = self.queues.get(name)
        if not queue:
            self.queues[name] = [[peer, flags]]
            self.claims.append((peer, name))
            return 1, [(name, '', peer.unique)]
        if queue[0][0] is peer:
            queue[0][1] = flags
            return 4, []
        old, old_flags = queue[0]
        if flags & 2 and old_flags & 1:
            self.leave_queue(peer, name, keep_claim=True)
            queue.insert(0, [peer, flags])
            if (peer, name) not in self.claims:
                self.claims.append((peer, name))
            if old_flags & 4:
                self.leave_queue(old, name)
            return 1, [(name, old.unique, peer.unique)]
        if flags & 4:
            self.leave_queue(peer, name)
            return 3, []
        self.wait_for_name(peer, name, flags)
        return 2, []

    def wait_for_name(self, peer, name, flags):
        queue = self.queues[name]
        entry = next((entry for entry in queue if entry[0] is peer), None)
        if flags & 2:                   # wanted to replace: waits before the others
            self.leave_queue(peer, name, keep_claim=True)
            queue.insert(1, [peer, flags])
        elif entry:
            entry[1] = flags
        else:
            queue.append([peer, flags])
        if (peer, name) not in self.claims:
            self.claims.append((peer, name))

    def leave_queue(self, peer, name, keep_claim=False):
        queue = self.queues[name]
        queue[:] = [entry for entry in queue if entry[0] is not peer]
        if not keep_claim and (peer, name) in self.claims:
            self.claims.remove((peer, name))

    def release_name(self, peer, name):
        """(answer or None for AccessDenied, changes)"""
        if peer.server and not self.may_own(peer, name):
            return None, []
        queue = self.queues.get(name)
        if not queue:
            return 2, []
        if all(entry[0] is not peer for entry in queue):
            return 3, []
        was_owner = queue[0][0] is peer
        self.leave_queue(peer, name)
        heir = queue[0][0].unique if queue else ''
        if not queue:
            del self.queues[name]
        return 1, [(name, peer.unique, heir)] if was_owner else []

    def may_own(self, peer, name):
        return peer.server.open or any(rule[0] & OWN and rule_covers_name(rule, name)
                                       for rule in peer.server.rules)

    # Section 6: opt-ins that a container has from a peer, for one of its names or for all of them

    def opt_ins(self, server, peer, names):
        given = []
        if peer:
            given += [rest for where, *rest in peer.opt_ins if where in (None, server)]
        for name in names:
            given += self.activatable.get(name, [])
        return given

    # Section 4: visibility

    def is_outside(self, observer, other):
        return other is None or other.server is not observer.server

    def covered_names(self, server, names):
        return any(rule_covers_name(rule, name) for rule in server.rules for name in names)

    def sees_peer(self, observer, other):
        if not observer.server or observer.server.open or not self.is_outside(observer, other):
            return True
        names = self.names_of(other)
        return (other in observer.seen or self.covered_names(observer.server, names) or
                bool(self.opt_ins(observer.server, other, names)))

    def sees_name(self, observer, name):
        if name == BUS or not observer.server:
            return True
        owner = self.owner_of(name)
        if name.startswith(':'):
            return owner is not None and self.sees_peer(observer, owner)
        if observer.server.open or owner and not self.is_outside(observer, owner):
            return True
        names = [name, owner.unique] if owner else [name]
        return (self.covered_names(observer.server, names) or
                bool(self.opt_ins(observer.server, owner, [name])))

    def is_reported(self, observer, name):
        """Whether a question for this one name is reported, as it would find nobody otherwise."""
        server = observer.server
        if not server or not server.permissive or server.unrestricted or not self.owner_of(name):
            return False
        server.open = False
        hidden = not self.sees_name(observer, name)
        server.open = True
        return hidden

    def visible_owner(self, observer, name):
        """Who owns it, None also if the observer may not know."""
        return self.owner_of(name) if self.sees_name(observer, name) else None

    def list_names(self, observer):
        everything = [BUS, *self.peers, *self.queues]
        return sorted(name for name in everything if self.sees_name(observer, name))

    def list_queued(self, observer, name):
        """None: the name has no owner."""
        owner = self.visible_owner(observer, name)
        if owner is None:
            return None
        if name.startswith(':'):
            return [owner.unique]
        return [peer.unique for index, (peer, _) in enumerate(self.queues[name])
                if index == 0 or self.sees_peer(observer, peer)]

    def views(self, names):
        """For each contained peer, who it takes for the owner of each of these names."""
        return {peer: {name: getattr(self.visible_owner(peer, name), 'unique', '')
                       for name in names}
                for peer in self.peers.values() if peer.server}

    def heard(self, observer, changes, before, after):
        """The changes of owners that an observer is told, as it sees them."""
        if not observer.server:
            return changes
        seen = [(name, before[observer][name], after[observer][name]) for name, _, _ in changes]
        return [change for change in seen if change[1] != change[2]]

    # Section 4: messages. Each answer is what the sender and the receiver get

    def may_send_fds(self, sender, receiver):
        """For what needs no rule itself: returns, the own instance, broadcasts."""
        if not sender.server or sender.server.unrestricted:
            return True
        names = self.names_of(receiver)
        return any(rule[0] & FDS and rule_covers_name(rule, name)
                   for rule in sender.server.rules for name in names) or \
            any(flags & FDS for flags, _, _ in self.opt_ins(sender.server, receiver, names))

    def matches(self, server, other, names, need, message):
        """Whether a rule of the server, or an opt-in of the peer, has all that is needed."""
        for rule in server.rules:
            if any(rule_covers_name(rule, name) for name in names) and \
                    allows(rule[0], rule[2], rule[3], need, message):
                return True
        return any(allows(*opt_in, need, message)
                   for opt_in in self.opt_ins(server, other, names))

    def unicast(self, sender, message):
        """(receiver, WAITS or None, error of the bus or None, whether it is a denial)"""
        receiver, error, denied = self.by_containers(sender, message)
        if receiver is None or self.xml is None:
            return receiver, error, denied
        peer = None if receiver == WAITS else receiver
        if self.xml.allows(sender, peer, message):
            return receiver, error, denied
        contained = sender.server or peer and peer.server
        return None, ERROR + 'AccessDenied', bool(contained)

    def by_containers(self, sender, message):
        """The same, as far as containers are concerned."""
        destination = message['destination']
        receiver = self.owner_of(destination)
        unowned = ERROR + ('NameHasNoOwner' if message['no_auto_start'] else 'ServiceUnknown')
        if receiver is None and destination in self.activatable and not message['no_auto_start']:
            return self.start_by(sender, message, unowned)
        if receiver is None:
            return None, unowned, False
        if not sender.server:
            return receiver, None, False
        if not self.is_outside(sender, receiver):
            if message['fds'] and not self.may_send_fds(sender, receiver):
                return self.denied(sender, receiver, ERROR + 'AccessDenied')
            return receiver, None, False
        if destination.startswith(':'):
            names = self.names_of(receiver)
        else:
            names = [destination, receiver.unique]
        need = CALL | (FDS if message['fds'] else 0)
        if sender.server.unrestricted or self.matches(sender.server, receiver, names, need,
                                                      message):
            return receiver, None, False
        visible = self.sees_name(sender, destination)
        return self.denied(sender, receiver, ERROR + 'AccessDenied' if visible else unowned)

    def start_by(self, sender, message, unowned):
        """A message to a name that nobody has, but that can be started."""
        destination = message['destination']
        need = CALL | (FDS if message['fds'] else 0)
        if not sender.server or sender.server.unrestricted or \
                self.matches(sender.server, None, [destination], need, message):
            return WAITS, None, False
        visible = self.sees_name(sender, destination)
        return self.denied(sender, WAITS, ERROR + 'AccessDenied' if visible else unowned)

    def start_service(self, peer, name):
        """(1 started when it has an owner, 2 runs already, or an error; whether it is a denial)"""
        if name not in self.activatable or not self.sees_name(peer, name):
            return ERROR + 'ServiceUnknown', False
        if self.owner_of(name):
            return 2, False
        if not peer.server or peer.server.unrestricted or \
                any(rule[0] & CALL and rule_covers_name(rule, name) for rule in peer.server.rules) \
                or any(flags & CALL for flags, _, _ in self.opt_ins(peer.server, None, [name])):
            return 1, False
        return (1 if peer.server.permissive else ERROR + 'AccessDenied'), True

    def denied(self, sender, receiver, error):
        """What is denied, or with Permissive would have been."""
        if sender.server.permissive:
            return receiver, None, True
        return None, error, True

    def delivered(self, sender, receiver):
        """A call or unicast signal has arrived."""
        if receiver.server and self.is_outside(receiver, sender):
            receiver.seen.add(sender)

    def broadcast(self, sender, receiver, message):
        """(whether this receiver gets it, whether that is a denial)"""
        if not self.asked_for(sender, receiver):
            return False, False
        reported = False
        if receiver.server and self.is_outside(receiver, sender) and \
                not receiver.server.unrestricted:
            if not self.matches(receiver.server, sender, self.names_of(sender), RECEIVE, message):
                if not receiver.server.permissive:
                    return False, False
                reported = True
        if message['fds'] and not self.may_send_fds(sender, receiver):
            if not sender.server.permissive:
                return False, True
            reported = True
        if self.xml and not self.xml.allows(sender, receiver, message):
            return False, bool(sender.server or receiver.server)
        return True, reported

    def asked_for(self, sender, receiver):
        """Match rules: to a contained receiver a hidden name is one that the sender lacks."""
        return any(name is None or name in self.names_of(sender) and self.sees_name(receiver, name)
                   for name in receiver.sender_rules)

    def answer(self, sender, receiver, message):
        """('delivered', 'dropped' or 'denied', whether it is a denial)"""
        call = (receiver, sender, message['reply_serial'])
        if call not in self.calls:
            return 'dropped', True
        self.calls.remove(call)
        reported = bool(message['fds']) and not self.may_send_fds(sender, receiver)
        if reported and not sender.server.permissive:
            return 'denied', True
        if self.xml and not self.xml.allows(sender, receiver, message):
            return 'denied', True
        return 'delivered', reported

    # Connections

    def connect(self, unique, server=None):
        peer = Peer(unique, server)
        self.peers[unique] = peer
        return peer, [(unique, '', unique)]

    def names_to_lose(self, peer):
        """Names that have another owner, or none, when the peer goes."""
        return [peer.unique] + [name for owner, name in self.claims if owner is peer]

    def disconnect(self, peer):
        """(changes, open calls that nobody will answer)"""
        changes = []
        for owner, name in list(reversed(self.claims)):
            if owner is peer:
                queue = self.queues[name]
                was_owner = queue[0][0] is peer
                self.leave_queue(peer, name)
                if was_owner:
                    changes.append((name, peer.unique, queue[0][0].unique if queue else ''))
                if not queue:
                    del self.queues[name]
        del self.peers[peer.unique]
        changes.append((peer.unique, peer.unique, ''))
        for other in self.peers.values():
            other.seen.discard(peer)
        for name, waiters in self.waiting.items():
            self.waiting[name] = [waiter for waiter in waiters if waiter.sender is not peer]
        unanswered = [call for call in self.calls if call[1] is peer]
        self.calls = [call for call in self.calls if peer not in call[:2]]
        return changes, unanswered
