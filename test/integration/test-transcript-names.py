#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Owning names: every flag, the queue, and the order of the three signals."""

import itertools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from transcript import scenario

NAME = 'com.example.Name'
WATCH = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus'"
ALLOW_REPLACEMENT, REPLACE, DO_NOT_QUEUE = 1, 2, 4


def watched(s, *labels):
    """Peers of which the last one sees every NameOwnerChanged."""
    peers = s.peers(*labels)
    for peer in peers:
        peer.connection.drain()
    peers[-1].quietly('AddMatch', 's', WATCH)
    return peers


def show_all(*peers):
    for peer in peers:
        peer.show()


def register_flag_pair(first, second):
    @scenario(f'names/flags {first} then {second}')
    def pair(s):
        a, b, watch = watched(s, 'A', 'B', 'W')
        a.bus('RequestName', 'su', NAME, first)
        b.bus('RequestName', 'su', NAME, second)
        show_all(a, b, watch)
        watch.bus('ListQueuedOwners', 's', NAME)
        a.bus('RequestName', 'su', NAME, second)
        b.bus('ReleaseName', 's', NAME)
        show_all(a, b, watch)
        a.bus('ReleaseName', 's', NAME)
        show_all(a, b, watch)
        watch.bus('GetNameOwner', 's', NAME)


for flags in itertools.product(range(8), range(8)):
    register_flag_pair(*flags)


@scenario('names/unknown flags')
def unknown_flags(s):
    a, b = watched(s, 'A', 'B')
    for flags in (8, 0x80000000, 0xffffffff):
        a.bus('RequestName', 'su', NAME, flags)
        b.bus('RequestName', 'su', NAME, flags)
    show_all(a, b)


@scenario('names/three in the queue')
def three_in_queue(s):
    a, b, c, watch = watched(s, 'A', 'B', 'C', 'W')
    for peer in (a, b, c):
        peer.bus('RequestName', 'su', NAME, ALLOW_REPLACEMENT)
    watch.bus('ListQueuedOwners', 's', NAME)
    c.bus('RequestName', 'su', NAME, REPLACE)
    show_all(a, b, c, watch)
    watch.bus('ListQueuedOwners', 's', NAME)
    c.bus('ReleaseName', 's', NAME)
    show_all(a, b, c, watch)
    watch.bus('ListQueuedOwners', 's', NAME)


@scenario('names/an owner gives up replacement')
def changed_mind(s):
    a, b, watch = watched(s, 'A', 'B', 'W')
    a.bus('RequestName', 'su', NAME, ALLOW_REPLACEMENT)
    a.bus('RequestName', 'su', NAME, 0)
    b.bus('RequestName', 'su', NAME, REPLACE | DO_NOT_QUEUE)
    a.bus('RequestName', 'su', NAME, ALLOW_REPLACEMENT | DO_NOT_QUEUE)
    b.bus('RequestName', 'su', NAME, REPLACE)
    show_all(a, b, watch)
    watch.bus('ListQueuedOwners', 's', NAME)


@scenario('names/a waiting one stops to wait')
def leave_queue(s):
    a, b, c, watch = watched(s, 'A', 'B', 'C', 'W')
    for peer in (a, b, c):
        peer.bus('RequestName', 'su', NAME, 0)
    b.bus('RequestName', 'su', NAME, DO_NOT_QUEUE)
    watch.bus('ListQueuedOwners', 's', NAME)
    c.bus('ReleaseName', 's', NAME)
    b.bus('ReleaseName', 's', NAME)
    watch.bus('ListQueuedOwners', 's', NAME)
    show_all(a, b, c, watch)


@scenario('names/disconnecting passes a name on')
def disconnect_owner(s):
    a, b, watch = watched(s, 'A', 'B', 'W')
    a.bus('RequestName', 'su', NAME, 0)
    a.bus('RequestName', 'su', 'com.example.Second', 0)
    a.bus('RequestName', 'su', 'com.example.Third', 0)
    b.bus('RequestName', 'su', NAME, 0)
    b.bus('RequestName', 'su', 'com.example.Third', 0)
    watch.show()
    old = a.name
    a.connection.close()
    watch.connection.wait_for(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == old)
    s.say('A has gone')
    b.show()
    watch.bus('GetNameOwner', 's', NAME)
    watch.bus('NameHasOwner', 's', 'com.example.Second')


@scenario('names/order of the signals when a connection with names goes')
def disconnect_order(s):
    a, watch = watched(s, 'A', 'W')
    a.bus('RequestName', 'su', NAME, 0)
    watch.show()
    a.connection.close()
    for _ in range(2):
        watch.receive(lambda m: m.member == 'NameOwnerChanged')


@scenario('names/order between peers that watch')
def order_for_watchers(s):
    a, b = s.peers('A', 'B')
    for peer in (a, b):
        peer.connection.drain()
        peer.quietly('AddMatch', 's', WATCH)
    a.bus('RequestName', 'su', NAME, ALLOW_REPLACEMENT)
    b.bus('RequestName', 'su', NAME, REPLACE)
    show_all(a, b)
    b.bus('ReleaseName', 's', NAME)
    show_all(a, b)


@scenario('names/invalid names')
def invalid_names(s):
    a, = watched(s, 'A')
    for name in ('', 'nodots', '.leading', 'trailing.', 'two..dots', 'com.1digit.x', 'com.ex ample',
                 ':1.5', ':', a.name, 'org.freedesktop.DBus', 'com.example.' + 'x' * 243,
                 'com.example.' + 'x' * 244, 'a-b.c-d', 'com.exämple', '1com.example',
                 'org.freedesktop.DBus.Local', 'a.b', '_.-'):
        s.say(f'name {s.plain(name)!r}')
        a.bus('RequestName', 'su', name, 0)
        a.bus('ReleaseName', 's', name)
        a.bus('GetNameOwner', 's', name)
        a.bus('NameHasOwner', 's', name)
        a.bus('ListQueuedOwners', 's', name)


@scenario('names/release answers')
def release_answers(s):
    a, b = watched(s, 'A', 'B')
    a.bus('ReleaseName', 's', NAME)
    a.bus('RequestName', 'su', NAME, 0)
    b.bus('ReleaseName', 's', NAME)
    a.bus('ReleaseName', 's', NAME)
    a.bus('ReleaseName', 's', NAME)
    b.bus('ReleaseName', 's', 'org.freedesktop.DBus')
    b.bus('ReleaseName', 's', b.name)
    show_all(a, b)


@scenario('names/many names of one connection are listed in order')
def many_names(s):
    a, b = watched(s, 'A', 'B')
    for number in range(20):
        a.quietly('RequestName', 'su', f'com.example.N{number}', 0)
    a.connection.drain()
    reply = b.connection.bus('ListNames')
    s.say(f'ListNames: {sorted(s.plain(reply.body[0]))}')
    first = reply.body[0][0]
    s.say(f'first is {first}')
    b.show()


if __name__ == '__main__':
    harness.main()
