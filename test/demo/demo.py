# SPDX-License-Identifier: MIT
"""The demonstration behind demo.sh: a bus, a service, three apps in containers, and what each sees.

Nothing is staged: the bus is the built one, the containers are made by dbus-container, the apps are
dbus-send and a few lines that forge. Every statement of the transcript is checked; the exit status
tells.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
import harness
import rawbus

SHOP, PATH = 'org.example.Shop', '/org/example/Shop'
CONTAINERS = harness.CONTAINERS
FORGERY = '''
import os, sys
sys.path.insert(0, sys.argv[1])
import rawbus
bus = rawbus.Connection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
shop = "org.example.Shop"
call = rawbus.call(shop, "/org/example/Shop", shop, "Buy", "s", "a forged thing")
call.fields.insert(0, (10, "o", "/org/freedesktop/DBus/Containers1/c999"))
print(bus.request(call).body[0])
'''


class Transcript:
    """What is printed, and whether it was as it should be."""

    def __init__(self):
        self.failures, self.section_number = 0, 0

    def section(self, title):
        self.section_number += 1
        print(f'\n{self.section_number}. {title}\n', flush=True)

    def say(self, text):
        for line in text.rstrip('\n').splitlines():
            print(f'      {line}', flush=True)

    def command(self, where, text):
        print(f'  {where}$ {text}', flush=True)

    def check(self, holds, statement):
        self.failures += not holds
        print(f'  {"=>" if holds else "NOT SO:"} {statement}', flush=True)


class Shop(threading.Thread):
    """A service that asked for header field 10 and prints who calls."""

    def __init__(self, address, transcript):
        super().__init__(daemon=True)
        self.transcript, self.calls = transcript, []
        self.bus = rawbus.Connection(address, timeout=50)
        self.bus.bus('RequestHeader', interface=CONTAINERS)
        self.bus.own(SHOP)

    def run(self):
        try:
            while True:
                self.serve(self.bus.wait_call())
        except (rawbus.Disconnected, rawbus.Timeout, OSError, AttributeError):
            return                              # the demonstration is over

    def serve(self, request):
        who = self.describe(request.container)
        self.calls.append((request.member, request.container))
        self.transcript.say(f'[shop] {request.member} from {request.sender}, header field 10 is '
                            f'{request.container}: {who}')
        self.bus.send(rawbus.reply_to(request, 's', f'{request.member}: done for {who}'))

    def describe(self, container):
        if container == '/':
            return 'not contained'
        info = self.bus.bus('GetServerInfo', 'o', container, interface=CONTAINERS)
        if info.kind != rawbus.RETURN:
            return 'no such container'
        return f'type {info.body[1]}, app {info.body[2]}, instance {info.body[3]}'


class App:
    """A shell in a container, which gets its commands one by one."""

    def __init__(self, tool, label, arguments, environment, transcript):
        self.label, self.transcript = label, transcript
        transcript.command('', f'dbus-container run {" ".join(quote(a) for a in arguments)} -- sh')
        self.shell = subprocess.Popen([tool, 'run', *arguments, '--', 'sh'], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      env=environment, start_new_session=True)
        self.do('true')

    def do(self, command):
        """Run a command in the container; its output."""
        self.shell.stdin.write(f'{command} </dev/null\nprintf "\\n<%s>\\n" $?\n'.encode())
        self.shell.stdin.flush()
        output = ''
        while not re.search(r'^<\d+>$', output, re.M):
            chunk = os.read(self.shell.stdout.fileno(), 65536)
            if not chunk:
                raise SystemExit(f'{self.label} ended: {output}')
            output += chunk.decode(errors='replace')
        return re.sub(r'\n*^<\d+>\n', '\n', output, flags=re.M)

    def show(self, command, shown=None):
        self.transcript.command(self.label, shown or command)
        output = self.do(command)
        self.transcript.say(output)
        return output

    def end(self):
        self.shell.stdin.close()
        self.shell.wait(20)
        self.shell.stdout.close()
        return self.shell.returncode


def quote(text):
    return f"'{text}'" if ' ' in text else text


def send(member, argument, destination=SHOP):
    return (f'dbus-send --session --print-reply=literal --dest={destination} {PATH} '
            f'{SHOP}.{member} string:"{argument}"')


class Demo:
    def __init__(self, build):
        self.build, self.transcript = build, Transcript()
        self.directory = tempfile.mkdtemp(prefix='dbus-conductor-demo-')
        self.apps, self.bus, self.monitor, self.shop = [], None, None, None
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.directory, LC_ALL='C.UTF-8')

    # Beginning and end

    def start_bus(self):
        os.mkdir(os.path.join(self.directory, 'bus'))
        self.bus = harness.Bus(os.path.join(self.directory, 'bus'),
                               program=os.path.join(self.build, 'dbus-conductor'))
        self.environment['DBUS_SESSION_BUS_ADDRESS'] = self.bus.address
        self.transcript.command('',
                                'dbus-conductor --config-file=bus.conf --nofork --print-address')
        self.transcript.say(self.bus.address)

    def start_monitor(self):
        watcher = rawbus.Connection(self.bus.address)
        watcher.add_match("member='NameOwnerChanged'")
        output = open(os.path.join(self.directory, 'monitor'), 'w+b')
        self.monitor = subprocess.Popen(['dbus-monitor', '--session'], stdout=output,
                                        env=self.environment, start_new_session=True), output
        new = watcher.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.body[1] == '')
        watcher.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.body[0] == new.body[0]
                         and m.body[2] == '')
        watcher.close()

    def end(self):
        for app in self.apps:
            app.shell.kill() if app.shell.poll() is None else None
        if self.monitor:
            self.monitor[0].kill()
            self.monitor[0].wait()
            self.monitor[1].close()
        if self.shop:
            self.shop.bus.sock.shutdown(2)
            self.shop.join(5)
            self.shop.bus.close()
        if self.bus:
            faults = self.bus.stop()
            for fault in faults:
                self.transcript.check(False, fault)
        shutil.rmtree(self.directory, ignore_errors=True)

    # The scenes

    def app(self, label, *arguments):
        tool = os.path.join(self.build, 'dbus-container')
        app = App(tool, label, arguments, self.environment, self.transcript)
        self.apps.append(app)
        return app

    def tag(self):
        return self.shop.calls[-1][1] if self.shop.calls else None

    def service(self):
        t = self.transcript
        t.section('A private bus, and a service on it')
        self.start_bus()
        self.start_monitor()
        self.shop = Shop(self.bus.address, t)
        self.shop.start()
        t.say(f'[shop] owns {SHOP} and called RequestHeader')
        t.command('', send('Buy', 'a thing'))
        outside = subprocess.run(['sh', '-c', send('Buy', 'a thing')], env=self.environment,
                                 text=True,
                                 capture_output=True, check=False)
        t.say(outside.stdout + outside.stderr)
        t.check(self.tag() == '/', 'a caller without a container has the tag /')

    def contained(self):
        t = self.transcript
        t.section('Two instances of one app, each with its own socket, which the bus got as a '
                  'descriptor')
        rules = ['--allow', f'call {SHOP} {SHOP}.Buy']
        common = ['--type', 'org.example.Sandbox', '--app-id', 'org.example.Game']
        one = self.app('game one ', *common, '--instance-id', 'one', *rules)
        two = self.app('game two ', *common, '--instance-id', 'two', *rules)
        tool = os.path.join(self.build, 'dbus-container')
        t.command('', 'dbus-container list')
        listed = subprocess.run([tool, 'list'], env=self.environment, text=True,
                                capture_output=True,
                                check=False)
        t.say(listed.stdout + listed.stderr)
        t.check(listed.stdout.count('org.example.Game') == 2, 'the bus has two servers')
        return one, two

    def allowed(self, one, two):
        t = self.transcript
        t.section('An allowed call: the service is told which instance calls')
        tags = []
        for app, instance in ((one, 'one'), (two, 'two')):
            output = app.show(send('Buy', 'a sword'))
            tags.append(self.tag())
            t.check(f'instance {instance}' in output, f'the service knows instance {instance}')
        t.check(len(set(tags)) == 2 and '/' not in tags,
                f'the tags differ: {" and ".join(map(str, tags))}')

    def denied(self, one):
        t = self.transcript
        t.section('Denied calls')
        before = len(self.shop.calls)
        output = one.show(send('Refund', 'a sword'))
        t.check('AccessDenied' in output,
                'a member that no rule allows: AccessDenied, with the reason')
        output = one.show(send('Buy', 'x', 'org.example.Absent'))
        hidden = one.show(send('Buy', 'x', self.hidden()))
        t.check('ServiceUnknown' in output and error_name(output) == error_name(hidden),
                'a name that the rules do not show is answered like one that nobody owns')
        t.check(len(self.shop.calls) == before, 'the service got none of them')
        log = [line for line in self.bus.log().splitlines() if 'Refund' in line]
        t.say('\n'.join(log))
        t.check(bool(log), 'the log has one line for the denial, with what would have allowed it')

    def hidden(self):
        name = 'org.example.Hidden'
        owner = rawbus.Connection(self.bus.address)
        owner.own(name)
        self.hidden_owner = owner
        return name

    def forged(self, one):
        t = self.transcript
        t.section('A forged tag')
        script = os.path.join(self.directory, 'forge.py')
        with open(script, 'w', encoding='utf-8') as out:
            out.write(FORGERY)
        t.say('forge.py writes header field 10 itself: /org/freedesktop/DBus/Containers1/c999')
        output = one.show(f'{sys.executable} {script} {harness.HERE}', 'forge.py')
        t.check('instance one' in output and self.tag() not in (None, '/') and
                not self.tag().endswith('c999'),
                f'the bus has removed it; the service saw {self.tag()}')

    def monitored(self):
        t = self.transcript
        t.section('What dbus-monitor has seen of it')
        output = self.monitor[1]
        harness.wait_until(lambda: 'forged thing' in read_all(output), 10)
        text = read_all(output)
        blocks = re.split(r'\n(?=\S)', text)
        wanted = [block for block in blocks if re.search(r'member=(Buy|Refund)|AccessDenied',
                                                         block)]
        for block in wanted:
            t.say(re.sub(r'time=\S+ ', '', block))
        t.check(any('member=Refund' in block for block in wanted), 'the denied call')
        t.check(any('AccessDenied' in block for block in wanted), 'its error')
        t.check(any('a forged thing' in block for block in wanted), 'the call with the forged tag')

    def sandboxed(self):
        t = self.transcript
        t.section('In a sandbox the container\'s bus is the only one')
        works = shutil.which('bwrap') and subprocess.run(
            ['bwrap', '--unshare-net', '--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc',
             'true'],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        if not works:
            t.say('left out: bubblewrap is not installed, or may not make namespaces here')
            return
        app = self.app('boxed ', '--sandbox', '--app-id', 'org.example.Boxed', '--allow',
                       f'call {SHOP}')
        output = app.show(send('Refund', 'a shield'))
        t.check('org.example.Boxed' in output, 'the service is reached through the container')
        outer = self.bus.address.split(',')[0]
        output = app.show(f'DBUS_SESSION_BUS_ADDRESS={outer} {send("Buy", "x")}')
        t.check('Failed to open connection' in output, 'the bus\'s own socket is not there')

    def over(self):
        t = self.transcript
        t.section('The apps end, and with them their containers')
        statuses = [app.end() for app in self.apps]
        tool = os.path.join(self.build, 'dbus-container')
        t.command('', 'dbus-container list')
        listed = subprocess.run([tool, 'list'], env=self.environment, text=True,
                                capture_output=True,
                                check=False)
        t.say(listed.stdout + listed.stderr)
        t.check(set(statuses) == {0} and len(listed.stdout.splitlines()) == 1, 'nothing is left')

    def run(self):
        began = time.monotonic()
        self.service()
        one, two = self.contained()
        self.allowed(one, two)
        self.denied(one)
        self.forged(one)
        self.monitored()
        self.sandboxed()
        self.over()
        self.hidden_owner.close()
        return time.monotonic() - began


def error_name(output):
    found = re.search(r'org\.freedesktop\.DBus\.Error\.\w+', output)
    return found[0] if found else output


def read_all(stream):
    stream.seek(0)
    return stream.read().decode(errors='replace')


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    demo = Demo(sys.argv[1])
    try:
        seconds = demo.run()
    finally:
        demo.end()
    failures = demo.transcript.failures
    print(f'\n{"All as it should be" if not failures else f"{failures} statements do not hold"}, '
          f'{seconds:.1f} s.')
    sys.exit(1 if failures else 0)


main()
