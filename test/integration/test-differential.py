#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A fixed part of the differential test of policy; test/differential/run does more."""

import importlib.machinery
import importlib.util
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import test

PROGRAM = os.path.join(harness.TOP, 'test', 'differential', 'run')
CASES = 80


def load():
    """The program as a module."""
    loader = importlib.machinery.SourceFileLoader('differential', PROGRAM)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('differential',
                                                                             loader))
    loader.exec_module(module)
    return module


def compare(t, seeds):
    harness.need_conductor()
    harness.need_reference()
    n_events = 0
    for _, events, text in load().run_cases(harness.REFERENCE, harness.CONDUCTOR, seeds):
        t.equal(text, '', 'both buses do the same')
        n_events += events
    t.true(n_events > 10 * len(seeds), 'much was received')


@test('differential/policies and conversations')
def policies(t):
    compare(t, range(1, CASES + 1))


# Seeds that once found a difference.
@test('differential/what was found before')
def found(t):
    compare(t, [6, 29, 37, 321, 361, 1037, 1459])


if __name__ == '__main__':
    harness.main()
