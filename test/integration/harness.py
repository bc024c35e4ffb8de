# SPDX-License-Identifier: MIT
"""Private buses and TAP for the integration tests.

A test is a function with the decorator @test; it gets a Case, which starts buses,
connections and processes and ends all of them, whatever happens. When a bus ends,
it must have given back every descriptor that its clients made it open, exit with
status 0 and leave no socket behind: a test that does not see to that fails.

    DBUS_CONDUCTOR   the bus to test; default $BUILD_DIR/dbus-conductor
    DBUS_REFERENCE   the reference implementation; default dbus-daemon
    BUILD_DIR        where the programs were built; default: the current directory
    TEST_ONLY        run only tests whose name contains this
    TEST_VERBOSE     show the log of every bus
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import rawbus

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get('BUILD_DIR', '.'))
CONDUCTOR = os.environ.get('DBUS_CONDUCTOR', os.path.join(BUILD, 'dbus-conductor'))
REFERENCE = os.environ.get('DBUS_REFERENCE', shutil.which('dbus-daemon') or '')
CONTAINER_TOOL = os.path.join(BUILD, 'dbus-container')
CONTAINERS = 'org.freedesktop.DBus.Containers1'
PROPERTIES = 'org.freedesktop.DBus.Properties'
LIMIT = int(os.environ.get('TEST_LIMIT', '120'))      # seconds for one test

CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{listen}</listen>
  <auth>EXTERNAL</auth>
{servicedir}  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
{limits}{extra}</busconfig>
'''

CASES = []


class Skip(Exception):
    """The test cannot run here; args[0] says why."""


class Failure(AssertionError):
    """What was expected did not happen."""


def test(name):
    """Register a function as the test of this name."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


def describe(thing):
    return str(thing)[:2000]


class Bus:
    """A running bus in a directory of its own."""

    def __init__(self, directory, **options):
        self.directory = directory
        self.program = options.get('program', CONDUCTOR)
        self.check_fds = options.get('check_fds', True)
        self.log_path = os.path.join(directory, 'log')
        self.runtime = os.path.join(directory, 'run')
        os.mkdir(self.runtime, 0o700)
        self.config = os.path.join(directory, 'bus.conf')
        self.write_config(**options)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.runtime,
                                DBUS_VERBOSE='0', **options.get('env', {}))
        for name in ('DBUS_SESSION_BUS_ADDRESS', 'DBUS_SYSTEM_BUS_ADDRESS',
                     'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE', 'NOTIFY_SOCKET'):
            self.environment.pop(name, None)
        self.process, self.address, self.has_quit = None, None, False
        try:
            self.start(options.get('args', ()), options.get('prefix', ()))
            self.idle_fds = self.settle() if self.check_fds else 0
        except BaseException:                           # nobody else knows of it yet
            self.kill()
            raise

    def settle(self):
        """How many descriptors the bus has without clients, once it has seen one."""
        with rawbus.Connection(self.address):
            idle = self.count_fds() - 1
        if not wait_until(lambda: self.count_fds() <= idle, 10):
            raise Failure(f'the bus keeps a closed connection: {self.fd_targets()}')
        return idle

    def write_config(self, **options):
        limits = ''.join(f'  <limit name="{name}">{value}</limit>\n'
                         for name, value in options.get('limits', {}).items())
        services = options.get('servicedir')
        text = options.get('config') or CONFIG.format(
            listen=options.get('listen', f'unix:path={self.directory}/bus'),
            servicedir=f'  <servicedir>{services}</servicedir>\n' if services else '',
            limits=limits, extra=options.get('extra', ''))
        with open(self.config, 'w', encoding='utf-8') as out:
            out.write(text)

    def start(self, args, prefix):
        reader, writer = os.pipe()
        command = [*prefix, self.program, f'--config-file={self.config}', '--nofork',
                   '--nopidfile', f'--print-address={writer}', *args]
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, pass_fds=[writer],
                                            env=self.environment, start_new_session=True)
        os.close(writer)
        try:
            self.address = read_line(reader, 20)
        finally:
            os.close(reader)
        if not self.address:
            self.kill()
            raise Failure(f'{self.program} did not start: {self.log()}')

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()

    def count_fds(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def fd_targets(self):
        folder = f'/proc/{self.pid}/fd'
        targets = []
        for name in os.listdir(folder):
            try:
                targets.append(os.readlink(os.path.join(folder, name)))
            except OSError:
                continue
        return sorted(targets)

    def alive(self):
        return self.process.poll() is None

    def quit(self):
        """End the bus before its test ends; returns its exit status."""
        self.has_quit = True
        self.process.terminate()
        return self.process.wait(60)

    def stop(self):
        """End the bus; returns what was wrong with it, a list of texts."""
        faults = []
        if self.has_quit:
            return self.leftovers()
        if not self.alive():
            faults.append(f'the bus ended by itself with status {self.process.returncode}')
        else:
            if self.check_fds and not wait_until(lambda: self.count_fds() <= self.idle_fds, 10):
                faults.append(f'the bus holds {self.count_fds() - self.idle_fds} descriptors '
                              f'more than at its start: {self.fd_targets()}')
            self.kill_services()
            self.process.terminate()
            try:
                status = self.process.wait(20)
                if status != 0:
                    faults.append(f'the bus ended with status {status}')
            except subprocess.TimeoutExpired:
                faults.append('the bus did not end on SIGTERM')
        self.kill()
        return faults + self.leftovers()

    def leftovers(self):
        left = []
        for folder, _, files in os.walk(self.directory):
            left += [f'{os.path.join(folder, name)} is left behind' for name in files
                     if is_socket(os.path.join(folder, name)) and name.startswith('bus')]
        return left

    def kill_services(self):
        """End what the bus has started, which would outlive it."""
        try:
            with open(f'/proc/{self.pid}/task/{self.pid}/children', encoding='ascii') as stream:
                children = stream.read().split()
        except OSError:
            return
        for pid in children:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def is_socket(path):
    try:
        return (os.lstat(path).st_mode & 0o170000) == 0o140000
    except OSError:
        return False


def read_line(fd, timeout):
    """One line from a descriptor, '' if it ends first."""
    deadline, data = time.monotonic() + timeout, b''
    while not data.endswith(b'\n'):
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(fd, 1) if ready else b''
        if not chunk:
            return ''
        data += chunk
    return data.decode().rstrip('\n')


def wait_until(condition, timeout=20):
    """Poll a condition that nothing announces; whether it became true in time."""
    deadline, pause = time.monotonic() + timeout, 0.001
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True


class Case:
    """What one test runs in."""

    def __init__(self, name):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix='dct-', dir='/tmp')
        os.chmod(self.directory, 0o755)
        self.buses, self.connections, self.processes, self.fds = [], [], [], []
        self.n_buses = 0                                # those that did not start included
        self.cleanups = []

    # Things that are ended for the test

    def bus(self, **options):
        if options.get('program', CONDUCTOR) == CONDUCTOR:
            need_conductor()
        directory = os.path.join(self.directory, f'bus{self.n_buses}')
        self.n_buses += 1
        os.mkdir(directory, 0o755)
        bus = Bus(directory, **options)
        self.buses.append(bus)
        return bus

    def connect(self, where, **options):
        address = where.address if isinstance(where, Bus) else where
        connection = rawbus.Connection(address, **options)
        self.connections.append(connection)
        return connection

    def spawn(self, command, **options):
        """Start a program; it is killed at the end of the test if it still runs."""
        options.setdefault('stdin', subprocess.DEVNULL)
        options.setdefault('stdout', subprocess.PIPE)
        options.setdefault('stderr', subprocess.PIPE)
        process = subprocess.Popen(command, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def run(self, command, timeout=60, **options):
        """Run a program to its end; returns the process with .out and .err as text."""
        given = options.pop('input', None)
        if given is not None:
            options['stdin'] = subprocess.PIPE
        process = self.spawn(command, **options)
        try:
            out, err = process.communicate(given, timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)
            out, err = process.communicate()
            raise Failure(f'{command} did not end: {describe(out)} {describe(err)}') from None
        process.out = (out or b'').decode(errors='replace')
        process.err = (err or b'').decode(errors='replace')
        return process

    def run_as(self, uid, script, *args):
        """Run a Python script, which may import our modules, as another user."""
        modules = self.path('modules')
        if not os.path.isdir(modules):
            os.mkdir(modules, 0o755)
            for name in ('containers.py', 'harness.py', 'rawbus.py'):
                shutil.copy(os.path.join(HERE, name), modules)
        return self.run(['/usr/bin/python3', '-B', '-c', script, *args], user=uid, group=uid,
                        extra_groups=[], cwd='/', env=dict(os.environ, PYTHONPATH=modules))

    def path(self, name):
        return os.path.join(self.directory, name)

    def pipe(self):
        """A pipe that is closed at the end of the test."""
        ends = os.pipe2(os.O_CLOEXEC)
        self.fds += ends
        return ends

    def close(self, fd):
        """Close a descriptor that pipe() made before the test ends."""
        self.fds.remove(fd)
        os.close(fd)

    # Expectations

    def equal(self, got, expected, what=''):
        if got != expected:
            raise Failure(f'{what}: got {describe(got)}, expected {describe(expected)}')

    def true(self, condition, what):
        if not condition:
            raise Failure(what)

    def contains(self, text, part, what=''):
        if part not in text:
            raise Failure(f'{what}: {describe(part)!r} is not in {describe(text)!r}')

    def lacks(self, text, part, what=''):
        if part in text:
            raise Failure(f'{what}: {describe(part)!r} is in {describe(text)!r}')

    def returned(self, reply, what=''):
        if reply.kind != rawbus.RETURN:
            raise Failure(f'{what}: expected a return, got {reply!r}')
        return reply.body

    def failed(self, reply, error, what=''):
        if '.' not in error:
            error = 'org.freedesktop.DBus.Error.' + error
        if reply.kind != rawbus.ERROR or reply.error != error:
            raise Failure(f'{what}: expected {error}, got {reply!r}')
        return reply.body[0] if reply.body else ''

    # The end

    def finish(self):
        faults = []
        for cleanup in reversed(self.cleanups):
            cleanup()
        for process in self.processes:
            kill_group(process)
        for connection in self.connections:
            connection.close()
        for fd in self.fds:
            os.close(fd)
        for bus in self.buses:
            faults += bus.stop()
        return faults

    def logs(self):
        return ''.join(f'log of {bus.program}:\n{bus.log()[-3000:]}\n' for bus in self.buses)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def kill_group(process):
    """End a process that spawn() started and what it started itself."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def need_conductor():
    if not os.access(CONDUCTOR, os.X_OK):
        raise Skip(f'{CONDUCTOR} is not built')


def need_reference():
    if not REFERENCE or not os.access(REFERENCE, os.X_OK):
        raise Skip('dbus-daemon is not installed')


def need_program(name):
    if not shutil.which(name):
        raise Skip(f'{name} is not installed')


def need_root():
    if os.getuid() != 0:
        raise Skip('needs root')


class Interrupted(BaseException):
    """The whole program is to end; no test catches this."""


def on_end(_signo, _frame):
    raise Interrupted


def on_alarm(_signo, _frame):
    raise Failure(f'the test took longer than {LIMIT} s')


def run_case(function, case):
    """(outcome, details), outcome being 'ok', 'not ok' or 'skip'."""
    outcome, details = 'ok', ''
    signal.alarm(LIMIT)
    try:
        function(case)
    except Skip as reason:
        outcome, details = 'skip', str(reason)
    except Exception:                                   # a test may fail in any way
        outcome, details = 'not ok', traceback.format_exc()
    except BaseException:                               # leave nothing behind
        case.finish()
        case.remove()
        raise
    signal.alarm(LIMIT)
    try:
        faults = case.finish()
    except Exception:
        faults = [traceback.format_exc()]
    signal.alarm(0)
    if faults and outcome != 'skip':
        outcome, details = 'not ok', details + '\n'.join(faults)
    if outcome == 'not ok' or os.environ.get('TEST_VERBOSE'):
        details += '\n' + case.logs()
    case.remove()
    return outcome, details


def main():
    """Run the tests of the program that was started, print TAP."""
    signal.signal(signal.SIGALRM, on_alarm)
    for signo in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, on_end)
    only = os.environ.get('TEST_ONLY', '')
    chosen = [(name, function) for name, function in CASES if only in name]
    print(f'1..{len(chosen)}', flush=True)
    failures = 0
    for number, (name, function) in enumerate(chosen, 1):
        began = time.monotonic()
        outcome, details = run_case(function, Case(name))
        if os.environ.get('TEST_VERBOSE'):
            details += f'\n{time.monotonic() - began:.2f} s'
        failures += outcome == 'not ok'
        if outcome == 'skip':
            print(f'ok {number} - {name} # SKIP {details}', flush=True)
            continue
        print(f'{outcome} {number} - {name}', flush=True)
        for line in details.strip().splitlines():
            print(f'# {line}', flush=True)
    sys.exit(1 if failures else 0)
