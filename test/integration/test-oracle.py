#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random worlds of a fixed seed, decided by the bus and by a second implementation of the rules.

`test/oracle/run` plays more of them, with other seeds.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'oracle')]
import harness
import worlds
from harness import test

SEED = 'fixed'
DECISIONS = 3000


def play(case, seed, bus_options, **world_options):
    limits = {'max_replies_per_connection': 100000}
    done, _ = worlds.play_worlds(case.bus(limits=limits, **bus_options), seed, DECISIONS,
                                 per_world=750, **world_options)
    case.true(done >= DECISIONS, f'only {done} decisions')


@test('3-4/worlds of rules and opt-ins at run time')
def plain(t):
    play(t, SEED, {})


@test('3-4-6/worlds with opt-ins in service files')
def service_files(t):
    folder = t.path('services')
    os.mkdir(folder)
    worlds.write_service_files(folder)
    play(t, SEED, {'servicedir': folder}, opt_in_files=True)


@test('2-4/worlds with unrestricted servers')
def unrestricted(t):
    play(t, SEED, {'extra': '<containers default_access="unrestricted"/>\n'}, unrestricted=True)


@test('3-4/the worlds notice a bus that decides otherwise')
def noticed(t):
    """With a model that forgets one kind of rule the two must not agree."""
    original = worlds.Model.may_send_fds
    worlds.Model.may_send_fds = lambda *_: True
    try:
        play(t, SEED, {})
    except worlds.Mismatch:
        return
    finally:
        worlds.Model.may_send_fds = original
    raise harness.Failure('a wrong model agrees with the bus')


if __name__ == '__main__':
    harness.main()
