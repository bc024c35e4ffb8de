#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a contained connection may do: every cell of the table in doc/containers1.md, section 4."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import (CALL, FDS, NAMESPACE, OWN, RECEIVE, SEE, SERVICE, SUBTREE, Server,
                        add_server, echo, is_denied, listening_socket, rule, settled_fds, world)
from harness import test

OBJECT, IFACE = '/com/example/Object', 'com.example.Iface'


def call_service(contained, service, answer=True, destination=SERVICE, **options):
    """Call SERVICE; the reply, and whether it was delivered."""
    path, interface = options.pop('path', OBJECT), options.pop('interface', IFACE)
    member = options.pop('member', 'Method')
    serial = contained.send(rawbus.call(destination, path, interface, member, **options))
    contained.sync()
    delivered = [m for m in service.drain() if m.kind == rawbus.CALL]
    for request in delivered:
        if answer:
            echo(service, request)
        request.close_fds()
    if not answer:
        return None, delivered
    return contained.wait_reply(serial), delivered


def expect_call(t, allowed, contained, service, what, **options):
    reply, delivered = call_service(contained, service, **options)
    t.equal(len(delivered), int(allowed), f'{what}: calls delivered')
    if allowed:
        t.returned(reply, what)
    else:
        t.true(is_denied(reply), f'{what}: expected a denial, got {reply!r}')


@test('3-4/rules/driver calls are always allowed')
def driver_calls(t):
    _, _, contained, _ = world(t)
    for member in ('ListNames', 'GetId'):
        t.returned(contained.bus(member), member)
    t.returned(contained.bus('NameHasOwner', 's', rawbus.BUS))
    t.returned(contained.bus('Ping', interface=rawbus.PEER))
    t.returned(contained.bus('AddMatch', 's', "type='signal'"))
    t.returned(contained.bus('Introspect', interface='org.freedesktop.DBus.Introspectable'))
    t.returned(contained.bus('Get', 'ss', rawbus.BUS, 'Features', interface=harness.PROPERTIES))


@test('3-4/rules/call out without a rule is denied')
def call_denied(t):
    _, _, contained, service = world(t)
    expect_call(t, False, contained, service, 'no rules')


@test('3-4/rules/absent Allow is as an empty one')
def absent_allow(t):
    bus = t.bus()
    service = t.connect(bus)
    service.own(SERVICE)
    contained = Server(t, bus, None).connect()
    expect_call(t, False, contained, service, 'no Allow at all')


@test('3-4/rules/a denied call to a visible name gets AccessDenied with a reason')
def access_denied(t):
    _, _, contained, service = world(t, [rule(SEE, SERVICE)])
    reply, delivered = call_service(contained, service)
    t.equal(delivered, [], 'delivered')
    text = t.failed(reply, 'AccessDenied')
    t.true(text, 'the error has no text')


@test('3-4/rules/a denied call that wants no reply is dropped silently')
def denied_no_reply(t):
    _, _, contained, service = world(t, [rule(SEE, SERVICE)])
    contained.send(rawbus.call(SERVICE, OBJECT, IFACE, 'Method', flags=rawbus.NO_REPLY))
    t.equal(contained.drain(), [], 'what the sender got')
    t.equal(service.drain(), [], 'what the service got')


@test('3-4/rules/call out with a CALL rule')
def call_allowed(t):
    bus, _, contained, service = world(t, [rule(CALL, SERVICE)])
    expect_call(t, True, contained, service, 'by name')
    expect_call(t, True, contained, service, 'by unique name', destination=service.unique)
    other = t.connect(bus)
    other.own('com.example.Other')
    expect_call(t, False, contained, other, 'another name', destination='com.example.Other')
    expect_call(t, False, contained, other, 'another connection', destination=other.unique)


@test('3-4/rules/RECEIVE, SEE and OWN do not allow calls')
def other_flags_no_call(t):
    _, _, contained, service = world(t, [rule(SEE | RECEIVE | OWN, SERVICE)])
    expect_call(t, False, contained, service, 'no CALL')


@test('3-4/rules/a rule by path')
def rule_path(t):
    _, _, contained, service = world(t, [(CALL, SERVICE, '/a', ''),
                                         (CALL | SUBTREE, SERVICE, '/b', '')])
    for path, allowed in (('/a', True), ('/a/x', False), ('/', False), ('/ab', False), ('/b', True),
                          ('/b/x', True), ('/b/x/y', True), ('/bx', False)):
        expect_call(t, allowed, contained, service, path, path=path)


@test('3/the path of a rule has at most 4096 bytes')
def rule_path_length(t):
    longest, longer = '/' + 'x' * 4095, '/' + 'x' * 4096
    t.failed(add_server(t.connect(t.bus()), {'Allow': ('a(usos)', [(CALL, '', longer, '')])},
                        listen=True), 'InvalidArgs')
    _, _, contained, service = world(t, [(CALL, SERVICE, longest, '')])
    expect_call(t, True, contained, service, 'the longest', path=longest)
    expect_call(t, False, contained, service, 'a longer one', path=longer)
    _, _, contained, service = world(t, [rule(CALL, SERVICE)])
    expect_call(t, True, contained, service, 'a longer one below a subtree', path=longer)


@test('3/SEE and OWN ignore path and interface')
def no_path_of_names(t):
    _, _, contained, service = world(t, [(SEE, SERVICE, '/a', 'a.b'),
                                         (OWN, 'com.example.Mine', '/a', 'a.b')])
    t.equal(contained.bus('GetNameOwner', 's', SERVICE).body, (service.unique,), 'SEE')
    t.equal(contained.bus('RequestName', 'su', 'com.example.Mine', 4).body, (1,), 'OWN')


@test('3/queued names do not count')
def queued_names(t):
    bus, _, contained, service = world(t, [rule(CALL | RECEIVE, SERVICE)])
    waiting = t.connect(bus)
    t.equal(waiting.bus('RequestName', 'su', SERVICE, 0).body, (2,), 'it waits')
    contained.add_match("type='signal'")
    expect_call(t, False, contained, waiting, 'who waits', destination=waiting.unique)
    for sender, heard in ((waiting, []), (service, ['S'])):
        sender.send(rawbus.signal(OBJECT, IFACE, 'S'))
        sender.sync()
        t.equal([m.member for m in contained.drain() if m.interface == IFACE], heard, 'signals')
    service.bus('ReleaseName', 's', SERVICE)
    expect_call(t, True, contained, waiting, 'who owns', destination=waiting.unique)


@test('3-4/rules/a subtree of the root covers all paths')
def rule_root(t):
    _, _, contained, service = world(t, [(CALL | SUBTREE, SERVICE, '/', IFACE)])
    for path in ('/', '/a', '/a/b'):
        expect_call(t, True, contained, service, path, path=path)


@test('3-4/rules/a rule by interface and member')
def rule_interface(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE, interface='a.b.C'),
                                         rule(CALL, SERVICE, interface='x.y.*')])
    for interface, member, allowed in (
            ('a.b.C', 'M', True), ('a.b', 'C', True), ('a.b', 'D', False), ('a.b.C.D', 'M', False),
            ('a.b.CC', 'M', False), ('x.y', 'M', True), ('x.y.z', 'M', True),
            ('x.y.z.w', 'M', True),
            ('x.yz', 'M', False), ('x.z', 'y', False)):
        expect_call(t, allowed, contained, service, f'{interface} {member}', interface=interface,
                    member=member)


@test('3-4/rules/a call without an interface needs a rule without one')
def no_interface(t):
    _, server, contained, service = world(t, [rule(CALL, SERVICE, interface=IFACE)])
    expect_call(t, False, contained, service, 'rule with an interface', interface=None)
    contained = Server(t, server.bus, [rule(CALL, SERVICE)]).connect()
    expect_call(t, True, contained, service, 'rule without an interface', interface=None)


@test('3-4/rules/a namespace of names')
def rule_namespace(t):
    bus, _, contained, service = world(t, [rule(CALL | NAMESPACE, 'com.example.Service')])
    for name, allowed in (('com.example.Service.Sub', True), ('com.example.Service.Sub.Deeper',
                                                              True),
                          ('com.example.ServiceX', False), ('com.example.S', False)):
        other = t.connect(bus)
        other.own(name)
        expect_call(t, allowed, contained, other, name, destination=name)
    expect_call(t, True, contained, service, 'the name itself')


@test('3-4/rules/an empty name is everybody')
def rule_everybody(t):
    bus, _, contained, service = world(t, [rule(CALL, '', interface=IFACE)])
    expect_call(t, True, contained, service, 'a name')
    nameless = t.connect(bus)
    expect_call(t, True, contained, nameless, 'no name', destination=nameless.unique)
    expect_call(t, False, contained, nameless, 'another interface', destination=nameless.unique,
                interface='com.example.Other')


@test('3-4/rules/a unique name')
def rule_unique(t):
    bus = t.bus()
    service, other = t.connect(bus), t.connect(bus)
    service.own(SERVICE)
    contained = Server(t, bus, [rule(CALL, service.unique)]).connect()
    expect_call(t, True, contained, service, 'unique name', destination=service.unique)
    expect_call(t, True, contained, service, 'name of its owner')
    expect_call(t, False, contained, other, 'another one', destination=other.unique)


@test('3-4/rules/rules only add')
def rules_add(t):
    _, _, contained, service = world(t, [rule(SEE, SERVICE), rule(CALL, SERVICE, '/a', 'a.b'),
                                         rule(CALL, SERVICE, '/c', 'd.e')])
    for path, interface, allowed in (('/a', 'a.b', True), ('/c', 'd.e', True), ('/a', 'd.e', False),
                                     ('/c', 'a.b', False)):
        expect_call(t, allowed, contained, service, f'{path} {interface}', path=path,
                    interface=interface)


@test('3-4/rules/a permission ends when the name moves on')
def name_moves(t):
    bus, _, contained, service = world(t, [rule(CALL, SERVICE)])
    heir = t.connect(bus)
    heir.bus('RequestName', 'su', SERVICE, 0)
    expect_call(t, True, contained, service, 'owner', destination=service.unique)
    expect_call(t, False, contained, heir, 'a queued name does not count', destination=heir.unique)
    service.bus('ReleaseName', 's', SERVICE)
    expect_call(t, False, contained, service, 'owner no more', destination=service.unique)
    expect_call(t, True, contained, heir, 'new owner', destination=heir.unique)
    expect_call(t, True, contained, heir, 'new owner by name')


@test('3-4/rules/a name that is not covered is not reached through another that is')
def second_name(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE)])
    service.own('com.example.Second')
    expect_call(t, False, contained, service, 'second name', destination='com.example.Second')
    expect_call(t, True, contained, service, 'unique name', destination=service.unique)


@test('3-4/rules/unicast signals go as calls do')
def unicast_signals(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE, '/a', 'a.b')])
    for path, interface in (('/a', 'a.b'), ('/c', 'a.b'), ('/a', 'a.c')):
        contained.send(rawbus.signal(path, interface, 'S', destination=SERVICE))
    t.equal(contained.drain(), [], 'what the sender got')
    t.equal([(m.path, m.interface) for m in service.drain()], [('/a', 'a.b')], 'delivered')


@test('3-4/rules/within an instance everything is allowed')
def same_instance(t):
    _, server, contained, _ = world(t)
    sibling = server.connect()
    expect_call(t, True, contained, sibling, 'call', destination=sibling.unique)
    contained.send(rawbus.signal(OBJECT, IFACE, 'S', destination=sibling.unique))
    sibling.add_match(f"interface='{IFACE}'")
    contained.send(rawbus.signal(OBJECT, IFACE, 'B'))
    contained.sync()
    t.equal([m.member for m in sibling.drain()], ['S', 'B'], 'signals')


@test('3-4/rules/another instance is outside')
def other_instance(t):
    bus, _, contained, _ = world(t, [rule(CALL, SERVICE)])
    stranger = Server(t, bus).connect()
    expect_call(t, False, contained, stranger, 'call', destination=stranger.unique)
    expect_call(t, False, stranger, contained, 'call back', destination=contained.unique)


@test('3-4/rules/another instance with a rule for it')
def other_instance_rule(t):
    bus, server, contained, _ = world(t)
    caller = Server(t, bus, [rule(CALL, contained.unique)]).connect()
    expect_call(t, True, caller, contained, 'call', destination=contained.unique)
    expect_call(t, False, contained, caller, 'not the other way', destination=caller.unique)
    sibling = server.connect()
    expect_call(t, False, caller, sibling, 'not its sibling', destination=sibling.unique)


@test('3-4/rules/from outside everything may be sent to a contained connection')
def from_outside(t):
    _, _, contained, service = world(t)
    expect_call(t, True, service, contained, 'call', destination=contained.unique)
    service.send(rawbus.signal(OBJECT, IFACE, 'S', destination=contained.unique))
    service.sync()
    t.equal([m.member for m in contained.drain()], ['S'], 'signals')


@test('3-4/rules/broadcasts to the outside are delivered')
def broadcast_out(t):
    bus, server, contained, service = world(t)
    sibling, stranger = server.connect(), Server(t, bus).connect()
    for receiver in (service, sibling, stranger):
        receiver.add_match(f"interface='{IFACE}'")
    contained.send(rawbus.signal(OBJECT, IFACE, 'S'))
    contained.sync()
    t.equal([m.member for m in service.drain()], ['S'], 'uncontained')
    t.equal([m.member for m in sibling.drain()], ['S'], 'same instance')
    t.equal([m.member for m in stranger.drain()], [], 'another instance')


@test('3-4/rules/broadcasts from outside need RECEIVE')
def broadcast_in(t):
    bus, server, contained, service = world(t, [rule(RECEIVE, SERVICE, '/a', 'a.b')])
    nothing = Server(t, bus, [rule(SEE | CALL | OWN, SERVICE)]).connect()
    for receiver in (contained, nothing):
        receiver.add_match("type='signal'")
        receiver.add_match(f"sender='{SERVICE}'")
        receiver.drain()
    other = t.connect(bus)
    for path, interface in (('/a', 'a.b'), ('/a/c', 'a.b'), ('/a', 'a.c'), ('/', 'a.b')):
        service.send(rawbus.signal(path, interface, 'S'))
        other.send(rawbus.signal(path, interface, 'S'))
    service.sync()
    other.sync()
    got = [(m.path, m.interface, m.sender) for m in contained.drain() if m.sender != rawbus.BUS]
    t.equal(got, [('/a', 'a.b', service.unique)], 'with RECEIVE')
    got = [m for m in nothing.drain() if m.sender != rawbus.BUS]
    t.equal(got, [], 'without RECEIVE')
    t.true(server.path, 'path')


@test('3-4/rules/broadcasts need a match rule, too')
def broadcast_match(t):
    _, _, contained, service = world(t, [rule(RECEIVE, SERVICE)])
    service.send(rawbus.signal('/a', 'a.b', 'S'))
    service.sync()
    t.equal(contained.drain(), [], 'without a match rule')


@test('3-4/rules/broadcasts by any name of the sender')
def broadcast_names(t):
    _, _, contained, service = world(t, [rule(RECEIVE, 'com.example.Second')])
    contained.add_match("interface='a.b'")
    service.send(rawbus.signal('/a', 'a.b', 'Before'))
    service.own('com.example.Second')
    service.send(rawbus.signal('/a', 'a.b', 'Owned'))
    service.bus('ReleaseName', 's', 'com.example.Second')
    service.send(rawbus.signal('/a', 'a.b', 'After'))
    service.sync()
    t.equal([m.member for m in contained.drain()], ['Owned'], 'received')


@test('3-4/rules/exactly one return for a call')
def one_return(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE)])
    _, requests = call_service(contained, service, answer=False)
    for number in range(2):
        service.send(rawbus.reply_to(requests[0], 'u', number))
    service.sync()
    got = [m.body for m in contained.drain() if m.kind == rawbus.RETURN]
    t.equal(got, [(0,)], 'returns')


@test('3-4/rules/a contained connection may answer, once')
def contained_answers(t):
    _, _, contained, service = world(t)
    serial = service.send(rawbus.call(contained.unique, OBJECT, IFACE, 'Method'))
    request = contained.wait_call('Method')
    for number in range(2):
        contained.send(rawbus.reply_to(request, 'u', number))
    contained.send(rawbus.error_to(request, 'a.b'))
    contained.sync()
    t.equal(t.returned(service.wait_reply(serial)), (0,), 'first')
    t.equal(service.drain(), [], 'others')


@test('3-4/rules/unrequested returns and errors are dropped')
def unrequested(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE), rule(CALL, '')])
    for kind, fields in ((rawbus.RETURN, {}), (rawbus.ERROR, {'error': 'a.b'})):
        for sender, receiver in ((contained, service), (service, contained)):
            sender.send(rawbus.Message(kind, rawbus.fields_of(destination=receiver.unique,
                                                              reply_serial=7, **fields)))
            t.equal(sender.drain(), [], 'what the sender got')
            t.equal(receiver.drain(), [], 'what the receiver got')


@test('3-4/rules/a call that wants no reply gets none')
def no_reply(t):
    _, _, contained, service = world(t, [rule(CALL, SERVICE)])
    contained.send(rawbus.call(SERVICE, OBJECT, IFACE, 'Method', flags=rawbus.NO_REPLY))
    echo(service, service.wait_call('Method'))
    service.sync()
    t.equal(contained.drain(), [], 'received')


@test('3-4/rules/names need OWN')
def own_names(t):
    _, server, contained, _ = world(t, [rule(OWN, 'com.example.Mine'),
                                        rule(OWN | NAMESPACE, 'com.example.Tree'),
                                        rule(CALL | RECEIVE | SEE, 'com.example.Seen')])
    for name, allowed in (('com.example.Mine', True), ('com.example.Mine.Sub', False),
                          ('com.example.Tree', True), ('com.example.Tree.A.B', True),
                          ('com.example.Trees', False), ('com.example.Seen', False),
                          (SERVICE, False), ('com.example.Free', False)):
        reply = contained.bus('RequestName', 'su', name, 4)
        if allowed:
            t.equal(t.returned(reply, name), (1,), name)
        else:
            t.failed(reply, 'AccessDenied', name)
    t.failed(contained.bus('ReleaseName', 's', 'com.example.Free'), 'AccessDenied')
    t.equal(t.returned(contained.bus('ReleaseName', 's', 'com.example.Mine')), (1,), 'release')
    anything = Server(t, server.bus, [rule(OWN, '')]).connect()
    t.equal(t.returned(anything.bus('RequestName', 'su', 'com.example.Free', 4)), (1,), 'any name')


@test('3-4/rules/OWN may take a name from outside only as flags allow')
def own_taken(t):
    _, _, contained, _ = world(t, [rule(OWN, SERVICE)])
    t.equal(t.returned(contained.bus('RequestName', 'su', SERVICE, 6)), (3,), 'not replaceable')


def fd_arrives(sender, receiver, message, kind):
    """The descriptors with which a message arrives, or None if it does not."""
    sender.send(message)
    sender.sync()
    found = None
    for got in receiver.drain():
        if got.kind == kind and got.sender == sender.unique:
            found = len(got.fds)
        got.close_fds()
    return found


@test('3-4/rules/descriptors out need SEND_UNIX_FDS in the rule that allows the message')
def descriptors_out(t):
    _, server, contained, service = world(t, [rule(CALL, SERVICE, '/plain'),
                                              rule(CALL | FDS, SERVICE, '/fds')])
    for path, allowed in (('/plain', None), ('/fds', 1)):
        got = fd_arrives(contained, service,
                         rawbus.call(SERVICE, path, IFACE, 'M', 'h', 0, fds=t.pipe()[:1]),
                         rawbus.CALL)
        t.equal(got, allowed, f'call {path}')
        got = fd_arrives(contained, service,
                         rawbus.signal(path, IFACE, 'S', 'h', 0, destination=SERVICE,
                                       fds=t.pipe()[:1]), rawbus.SIGNAL)
        t.equal(got, allowed, f'signal {path}')
    reply = contained.call(SERVICE, '/plain', IFACE, 'M', 'h', 0, fds=t.pipe()[:1])
    t.true(is_denied(reply), f'{reply!r}')
    t.true(server.path, 'path')


@test('3-4/rules/descriptors in a return')
def descriptors_return(t):
    _, server, contained, service = world(t)
    for rules, allowed in (([], False), ([rule(CALL | FDS, SERVICE, '/x', 'a.b')], True),
                           ([rule(CALL | FDS, 'com.example.Other')], False)):
        contained = Server(t, server.bus, rules).connect()
        serial = service.send(rawbus.call(contained.unique, OBJECT, IFACE, 'Method'))
        request = contained.wait_call('Method')
        contained.send(rawbus.reply_to(request, 'h', 0, fds=t.pipe()[:1]))
        t.equal(contained.drain(), [], 'what the answering side got')
        reply = service.wait_reply(serial)
        if allowed:
            t.equal(len(reply.fds), 1, 'descriptors')
        else:
            t.failed(reply, 'AccessDenied', f'with {rules}')
        reply.close_fds()


@test('3-4/rules/descriptors within the instance')
def descriptors_inside(t):
    _, server, _, _ = world(t)
    for rules, allowed in (([], None), ([rule(CALL | FDS, '')], 1)):
        inside = Server(t, server.bus, rules)
        one, two = inside.connect(), inside.connect()
        got = fd_arrives(one, two, rawbus.signal(OBJECT, IFACE, 'S', 'h', 0, destination=two.unique,
                                                 fds=t.pipe()[:1]), rawbus.SIGNAL)
        t.equal(got, allowed, f'with {rules}')


@test('3-4/rules/descriptors in a broadcast, receiver by receiver')
def descriptors_broadcast(t):
    bus, server, contained, service = world(t, [rule(CALL | FDS, SERVICE)])
    other = t.connect(bus)
    for receiver in (service, other):
        receiver.add_match(f"interface='{IFACE}'")
    contained.send(rawbus.signal(OBJECT, IFACE, 'S', 'h', 0, fds=t.pipe()[:1]))
    contained.sync()
    got = [len(m.fds) for m in service.take() + service.drain()]
    t.equal(got, [1], 'covered by a rule with descriptors')
    t.equal([m.member for m in other.drain()], [], 'not covered')
    for message in service.take():
        message.close_fds()
    t.true(server.path, 'path')


@test('3-4/rules/descriptors to the driver are closed, no denial')
def descriptors_driver(t):
    bus, _, contained, _ = world(t)
    before = bus.count_fds()
    t.returned(contained.bus('GetId', fds=t.pipe()))
    t.equal(bus.count_fds(), before, 'descriptors of the bus')


@test('3-4/rules/descriptors from outside')
def descriptors_in(t):
    _, _, contained, service = world(t)
    got = fd_arrives(service, contained, rawbus.signal(OBJECT, IFACE, 'S', 'h', 0,
                                                       destination=contained.unique,
                                                       fds=t.pipe()[:1]), rawbus.SIGNAL)
    t.equal(got, 1, 'descriptors')


@test('3-4/rules/calls to a name that nobody owns')
def nobody(t):
    _, _, contained, _ = world(t, [rule(CALL, 'com.example.Absent')])
    t.failed(contained.call('com.example.Absent', OBJECT, IFACE, 'M'), 'ServiceUnknown')
    t.failed(contained.call('com.example.AbsentToo', OBJECT, IFACE, 'M'), 'ServiceUnknown')


@test('3-4/rules/eavesdropping is not for contained connections')
def eavesdrop(t):
    _, _, contained, _ = world(t, [rule(CALL | RECEIVE, '')])
    for text in ("eavesdrop=true", "eavesdrop='true'", "eavesdrop='false'",
                 "type='signal',eavesdrop=true",
                 "eavesdrop=false", " eavesdrop=true"):
        t.failed(contained.bus('AddMatch', 's', text), 'AccessDenied', text)


@test('3-4/rules/what the rules deny stays denied for uncontained peers in between')
def unaffected(t):
    bus, _, _, service = world(t)
    caller = t.connect(bus)
    expect_call(t, True, caller, service, 'two uncontained ones')


@test('3-4/rules/invalid rules')
def invalid_rules(t):
    bus = t.bus()
    manager = t.connect(bus)
    for bad in ((0, SERVICE, '/', ''), (0x20, SERVICE, '/', ''), (CALL | 0x400, SERVICE, '/', ''),
                (CALL | 0x80000000, SERVICE, '/', ''), (FDS, SERVICE, '/', ''),
                (SUBTREE | NAMESPACE, SERVICE, '/', ''), (CALL | NAMESPACE, '', '/', ''),
                (CALL | NAMESPACE, ':1.5', '/', ''), (CALL, 'nodots', '/', ''),
                (CALL, 'a..b', '/', ''), (CALL, SERVICE, '/', 'nodots'),
                (CALL, SERVICE, '/', 'a.b.'),
                (CALL, SERVICE, '/', '*'), (CALL, SERVICE, '/', 'a.*.b'),
                (CALL, SERVICE, '/', 'a..*')):
        before = settled_fds(bus, manager)
        sock, path = listening_socket(t, 'invalid')
        reply = manager.bus('AddServer', 'sssa{sv}a{sv}', 'a.b', '', '', {},
                            {'ListenSocket': ('h', 0), 'Allow': ('a(usos)', [bad])},
                            interface=harness.CONTAINERS, fds=[sock])
        t.failed(reply, 'InvalidArgs', f'{bad}')
        t.equal(bus.count_fds(), before, f'{bad}: descriptors of the bus')
        os.unlink(path)


if __name__ == '__main__':
    harness.main()
