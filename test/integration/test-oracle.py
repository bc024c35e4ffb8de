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
import model
import scenery
import worlds
import xmlrules
from harness import test

SEED = 'fixed'
DECISIONS = 3000


def play(case, seed, bus_options, **world_options):
    done, _ = worlds.play_worlds(case.bus(limits=scenery.LIMITS, **bus_options), seed, DECISIONS,
                                 per_world=750, **world_options)
    case.true(done >= DECISIONS, f'only {done} decisions')


def service_folder(case):
    folder = case.path('services')
    os.mkdir(folder)
    scenery.write_service_files(folder)
    return folder


@test('3-4/worlds of rules and opt-ins at run time')
def plain(t):
    play(t, SEED, {})


@test('3-4-6/worlds with services that are started, some of which opt in by their files')
def service_files(t):
    play(t, SEED, {'servicedir': service_folder(t)}, opt_in_files=True)


@test('4/worlds with an XML policy beside the containers')
def xml_policy(t):
    xml = scenery.make_xml_rules(SEED)
    play(t, SEED, {'extra': xmlrules.config(xml)}, xml=xml)


@test('2-4-6/worlds with an XML policy, services that are started, unrestricted servers')
def all_of_it(t):
    xml = scenery.make_xml_rules(SEED)
    play(t, SEED, {'servicedir': service_folder(t),
                   'extra': xmlrules.config(xml) + scenery.UNRESTRICTED},
         xml=xml, opt_in_files=True, unrestricted=True)


@test('2-4/worlds with unrestricted servers')
def unrestricted(t):
    play(t, SEED, {'extra': scenery.UNRESTRICTED}, unrestricted=True)


def must_disagree(t, owner, method, wrong):
    """With a model that forgets one kind of rule the two must not agree."""
    original = getattr(owner, method)
    setattr(owner, method, wrong)
    xml = scenery.make_xml_rules(SEED)
    try:
        play(t, SEED, {'servicedir': service_folder(t), 'extra': xmlrules.config(xml)},
             xml=xml, opt_in_files=True)
    except worlds.Mismatch:
        return
    finally:
        setattr(owner, method, original)
    raise harness.Failure(f'a model with another {method} agrees with the bus')


@test('3-4/the worlds notice a bus that decides otherwise about descriptors')
def noticed_descriptors(t):
    must_disagree(t, model.Model, 'may_send_fds', lambda *_: True)


@test('3-4/the worlds notice a bus that starts services for everybody')
def noticed_start(t):
    must_disagree(t, model.Model, 'start_by', lambda *_: (model.WAITS, None, False))


@test('4/the worlds notice a bus without its XML policy')
def noticed_xml(t):
    must_disagree(t, xmlrules.Xml, 'allows', lambda *_: True)


if __name__ == '__main__':
    harness.main()
