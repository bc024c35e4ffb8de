# SPDX-License-Identifier: MIT
"""What tests of dbus-container share: a bus for it, its runs, a service."""

import os
import sys

import harness
from containers import INTERFACE
from harness import CONTAINER_TOOL


def world(t, **options):
    """(bus, environment): the tool's parent directories are the test's own."""
    harness.need_conductor()
    if not os.access(CONTAINER_TOOL, os.X_OK):
        raise harness.Skip(f'{CONTAINER_TOOL} is not built')
    bus = t.bus(**options)
    runtime = t.path('runtime')
    os.mkdir(runtime, 0o700)
    t.cleanups.append(lambda: nothing_left(runtime))
    return bus, dict(os.environ, XDG_RUNTIME_DIR=runtime, DBUS_SESSION_BUS_ADDRESS=bus.address,
                     LC_ALL='C.UTF-8')


def nothing_left(runtime):
    left = os.listdir(runtime)
    if left:
        raise harness.Failure(f'the tool left {left}')


def tool(t, env, *args, status=0, **options):
    """Run the tool to its end; returns (output, errors)."""
    process = t.run([CONTAINER_TOOL, *args], env=env, **options)
    t.equal(process.returncode, status, f'{args}: {process.out}{process.err}')
    return process.out, process.err


def servers(t, connection):
    return t.returned(connection.bus('ListServers', interface=INTERFACE))[0]


def start_gdbus(t, bus):
    """A service of GDBus that owns com.example.GService."""
    for python in (sys.executable, '/usr/bin/python3'):
        process = t.spawn([python, '-B', os.path.join(harness.HERE, 'gdbus-service.py'),
                           bus.address, 'com.example.GService'])
        if harness.read_line(process.stdout.fileno(), 30) == 'READY':
            return process
    raise harness.Skip('no Python has the module gi')
