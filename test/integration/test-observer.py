#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a contained client can learn while an outside world exists, and while it does not.

A world of connections, names, queues, services that can be started, one that is being started, and
other containers is not there, comes, and goes; the observer's record must stay the same. What an
observer may see is told as it happens, and no more.

Two numbers tell something by design and are not asked about here: unique names and paths of
container servers count up, so a new one shows how many there were before it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from containers import CALL, INTERFACE, NAMESPACE, OWN, RECEIVE, SEE, Server, rule
from harness import test
from observer import (HIDDEN, STARTABLE, STARTING, VISIBLE, VISIBLE_TOO, Observer, Outside,
                      rule_without_name)

MINE = 'com.example.Mine'
OWNED = [f'{MINE}.N{i}' for i in (5, 2, 8, 1, 9, 4, 7, 0, 6, 3)]
SEEN = [f'com.example.Seen.N{i}' for i in (5, 2, 8, 1, 9, 4, 7, 0, 6, 3)]


def compare(case, got, expected, what):
    case.equal(len(got), len(expected), what)
    for one, other in zip(got, expected):
        case.equal(one, other, what)


def prepare(case, rules):
    """(world, observer's connection, connection that owns VISIBLE)"""
    services = case.path('services')
    os.mkdir(services)
    bus = case.bus(servicedir=services)
    visible = case.connect(bus)
    visible.own(VISIBLE)
    outside = Outside(case, bus, services)
    for name in SEEN:
        outside.write_service(name)
    outside.reload()
    server = Server(case, bus, rules, manager=visible)
    connection = server.connect(timeout=60)
    if any(flags & OWN for flags, *_ in rules):
        for name in OWNED:
            connection.own(name)
    return outside, connection, visible


def observe(case, rules, asked, sees_visible):
    """No world, a world, and none any more; the observer in all of them."""
    outside, connection, visible = prepare(case, rules)
    partly = visible if sees_visible else None
    uniques, paths = outside.predict()
    names = [*HIDDEN, STARTABLE, STARTING, 'com.example.Other.Container', *uniques, *asked]
    observer = Observer(connection, names, paths)
    asked_before, heard_before = observer.ask_everything(), observer.listen_under(lambda: None)
    outside.build(partly)
    case.equal([c.unique for c in outside.connections][:len(uniques)], uniques, 'prediction')
    case.equal([server.path for server in outside.servers], paths, 'prediction')
    connection.drain()
    asked_within, heard_within = observer.ask_everything(), observer.listen_under(outside.move)
    outside.tear_down(partly)
    connection.drain()
    asked_after, heard_after = observer.ask_everything(), observer.listen_under(lambda: None)
    for what, got, expected in (('answers in the world', asked_within, asked_before),
                                ('answers after it', asked_after, asked_before),
                                ('what came by itself', heard_within, heard_before),
                                ('what came by itself after it', heard_after, heard_before)):
        compare(case, got, expected, what)
    case.true(len(asked_before) > 1000, f'only {len(asked_before)} questions')
    case.lacks(str(asked_before), 'LimitsExceeded', 'a limit in the way')


@test('4/an observer without rules')
def without_rules(t):
    observe(t, [], [VISIBLE], False)


@test('4/an observer that owns names and sees some that can be started')
def owner(t):
    observe(t, [rule(OWN | NAMESPACE, MINE), rule(SEE | NAMESPACE, 'com.example.Seen')],
            [MINE, SEEN[0]], False)


@test('4/an observer that sees a service, whose other names and heirs are hidden')
def partly_seen(t):
    observe(t, [rule(SEE | CALL | RECEIVE, VISIBLE, '/only/here', 'a.b.C')],
            [VISIBLE, VISIBLE_TOO], True)


@test('4/a world that comes and goes while it is observed')
def coming_and_going(t):
    outside, connection, _ = prepare(t, [])
    observer = Observer(connection, [*HIDDEN, STARTABLE, 'com.example.New'], ['/'])
    coming = observer.listen_under(outside.build)
    going = observer.listen_under(outside.tear_down)
    nothing = observer.listen_under(lambda: None)
    compare(t, coming, nothing, 'while it comes')
    compare(t, going, nothing, 'while it goes')


@test('4/somebody who calls in is seen until it goes')
def caller_seen(t):
    outside, connection, _ = prepare(t, [])
    caller = t.connect(outside.bus)
    caller.own(HIDDEN[0])
    observer = Observer(connection, [caller.unique, HIDDEN[0]], ['/'])
    before = observer.ask_everything()
    caller.send(rawbus.call(connection.unique, '/a', 'a.b', 'M', flags=rawbus.NO_REPLY))
    connection.wait_call('M')
    during = observer.ask_everything()
    changed = [question for (question, got), (_, earlier) in zip(during, before) if got != earlier]
    for question in (('GetNameOwner', caller.unique), ('NameHasOwner', caller.unique),
                     ('GetConnectionCredentials', caller.unique), ('ListNames', HIDDEN[0])):
        t.true(any(asked[0] == question[0] and (asked[1] == question[1] or asked[0] == 'ListNames')
                   for asked in changed), f'{question} tells nothing of the caller')
    for asked in changed:
        t.true(HIDDEN[0] not in asked[1:], f'{asked}: its name is not seen with it')
    connection.add_match("member='NameOwnerChanged'")
    caller.close()
    t.equal(connection.wait_signal('NameOwnerChanged').body, (caller.unique, caller.unique, ''),
            'that it goes')
    connection.bus('RemoveMatch', 's', "member='NameOwnerChanged'")
    compare(t, observer.ask_everything(), before, 'after it has gone')


@test('4/a unique name that is known by a name is seen to go')
def owner_goes(t):
    outside, connection, visible = prepare(t, [rule(SEE, VISIBLE)])
    heir = t.connect(outside.bus)
    heir.bus('RequestName', 'su', VISIBLE, 0)
    connection.add_match("member='NameOwnerChanged'")
    visible.close()
    changes = [connection.wait_signal('NameOwnerChanged').body for _ in range(2)]
    t.equal(changes, [(VISIBLE, visible.unique, heir.unique),
                      (visible.unique, visible.unique, '')], 'changes')


@test('4/a name moves between an owner that is seen and one that is not')
def half_seen(t):
    outside, connection, visible = prepare(t, [])
    visible.bus('AllowContainers', 'oa(uos)', '/', [rule_without_name(CALL)], interface=INTERFACE)
    heir = t.connect(outside.bus)
    heir.bus('RequestName', 'su', VISIBLE, 0)
    connection.add_match("member='NameOwnerChanged'")
    outside.keeper.add_match("member='NameOwnerChanged'")
    visible.bus('ReleaseName', 's', VISIBLE)
    t.equal([m.body for m in connection.drain()], [(VISIBLE, visible.unique, '')], 'it goes')
    visible.bus('RequestName', 'su', VISIBLE, 0)
    heir.bus('ReleaseName', 's', VISIBLE)
    t.equal([m.body for m in connection.drain()], [(VISIBLE, '', visible.unique)], 'it comes')
    changes = [m.body for m in outside.keeper.drain() if m.member == 'NameOwnerChanged']
    t.equal(changes, [(VISIBLE, visible.unique, heir.unique), (VISIBLE, heir.unique,
                                                               visible.unique)], 'outside')


@test('4/ActivatableServicesChanged tells of names that are seen')
def services_changed(t):
    outside, connection, _ = prepare(t, [rule(SEE, STARTABLE)])
    connection.add_match("member='ActivatableServicesChanged'")
    for name, hears in ((HIDDEN[0], False), (STARTABLE, True), (HIDDEN[1], False)):
        outside.write_service(name)
        outside.reload()
        heard = [m.member for m in connection.drain()]
        t.equal(bool(heard), hears, name)
    t.contains(connection.bus('ListActivatableNames').body[0], STARTABLE, 'what is seen')
    t.lacks(connection.bus('ListActivatableNames').body[0], HIDDEN[0], 'what is not')


@test('4/match rules do not tell who owns a hidden name')
def sender_rules(t):
    _, connection, visible = prepare(t, [rule(RECEIVE, VISIBLE)])
    visible.own(HIDDEN[0])
    for name, hears in ((HIDDEN[0], False), (VISIBLE, True)):
        connection.add_match(f"type='signal',sender='{name}'")
        connection.drain()
        visible.send(rawbus.signal('/a', 'a.b', 'S'))
        visible.sync()
        t.equal(bool(connection.drain()), hears, name)
        connection.bus('RemoveMatch', 's', f"type='signal',sender='{name}'")


if __name__ == '__main__':
    harness.main()
