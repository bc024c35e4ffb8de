# SPDX-License-Identifier: MIT
"""Plays a scene on one bus and writes down who received what.

The transcript names connections by their labels, so that it can be compared with that of
another bus. Left out is what doc/differences.md explains; each place says which of its
sections that is.
"""

import os
import random
import shutil
import subprocess
import tempfile

import generate
import rawbus

CONFIG = '''<busconfig><listen>unix:path={folder}/bus</listen>
<servicedir>{folder}/services</servicedir>
{policy}</busconfig>
'''
# It never takes its name: the scene has somebody else take it, or nobody.
SERVICE = '[D-BUS Service]\nName={name}\nExec=/usr/bin/sleep 3\n'


class Refused(Exception):
    """The bus does not let a connection in."""


class Stage:
    """One bus with the connections of one scene."""

    def __init__(self, program, scene):
        self.program, self.scene = program, scene
        self.folder = tempfile.mkdtemp(prefix='dcd-', dir='/tmp')
        self.transcript = []
        self.connections = {}
        self.labels = {rawbus.BUS: 'bus'}
        self.calls = []
        self.process = None
        self.last_serial = 100
        self.null = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        os.mkdir(f'{self.folder}/services')
        os.mkdir(f'{self.folder}/conf')
        os.symlink('conf/now', f'{self.folder}/bus.conf')
        for name in generate.STARTABLE:
            with open(f'{self.folder}/services/{name}.service', 'w', encoding='utf-8') as out:
                out.write(SERVICE.format(name=name))
        return self

    def __exit__(self, *_):
        for connection in self.connections.values():
            connection.close()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        os.close(self.null)
        shutil.rmtree(self.folder, ignore_errors=True)

    def note(self, *what):
        self.transcript.append(what)

    def write_config(self, number):
        """Behind a link, so that nobody notices it before he is told to."""
        with open(f'{self.folder}/conf/new', 'w', encoding='utf-8') as out:
            out.write(CONFIG.format(folder=self.folder, policy=self.scene['policies'][number]))
        os.rename(f'{self.folder}/conf/new', f'{self.folder}/conf/now')

    def start(self):
        self.write_config(0)
        self.process = subprocess.Popen(
            [self.program, '--nofork', '--nopidfile', '--print-address=1',
             f'--config-file={self.folder}/bus.conf'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return bool(self.process.stdout.readline())

    # Connections

    def connect(self, label, account):
        """Peers are who they are when they connect, whatever they become afterwards."""
        address = f'unix:path={self.folder}/bus'
        if account is None:
            return rawbus.Connection(address, hello=False)
        uid, gid, groups = account
        was = os.getgroups(), os.getegid(), os.geteuid()
        try:
            os.setgroups(groups)
            os.setegid(gid)
            os.seteuid(uid)
            return rawbus.Connection(address, hello=False, uid=uid)
        finally:
            os.seteuid(was[2])
            os.setegid(was[1])
            os.setgroups(was[0])

    def enter(self, label, account, rules):
        try:
            connection = self.connect(label, account)
        except (rawbus.Disconnected, rawbus.AuthRejected, OSError):
            self.note(label, 'refused')
            return
        self.connections[label] = connection
        connection.last_serial = 1 << 20                # of pings; nobody else replies to these
        try:
            reply = connection.bus('Hello', timeout=20)
        except rawbus.Disconnected:
            self.note(label, 'refused')
            self.connections.pop(label).close()
            return
        if reply.kind != rawbus.RETURN:
            self.note(label, 'Hello', reply.error)
            return
        connection.unique = reply.body[0]
        self.labels[connection.unique] = label
        for rule in rules:
            self.send(label, rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'AddMatch',
                                         's', rule))
        self.collect('enter')

    def present(self):
        return [label for label in generate.LABELS if label in self.connections]

    def send(self, label, message):
        self.last_serial += 1
        message.serial = self.last_serial
        self.connections[label].send(message)
        return message.serial

    # What came

    def collect(self, when):
        """Everything that everybody has received after all that was sent has been handled."""
        for _ in range(2):
            for label in self.present():
                self.connections[label].sync()
        for label in self.present():
            for message in self.connections[label].take():
                self.note_message(when, label, message)
                message.close_fds()

    def note_message(self, when, label, message):
        sender = self.labels.get(message.sender, message.sender)
        receiver = self.labels.get(message.destination, message.destination)
        copied = receiver not in (None, label)
        if self.is_left_out(copied, message):
            return
        if message.kind == rawbus.CALL and not copied:
            self.calls.append((label, message))
        body = [self.labels.get(value, value) for value in message.body] \
            if message.kind == rawbus.SIGNAL and sender == 'bus' else ()
        self.note(when, label, rawbus.TYPE_NAMES[message.kind], sender, receiver, message.path,
                  message.interface, message.member, message.error, message.reply_serial,
                  len(message.fds), *body)

    @staticmethod
    def is_left_out(copied, message):
        """What an eavesdropper sees of pings, and "reload-in-background"."""
        return message.interface == rawbus.PEER or copied and message.member == 'ReloadConfig'

    # What is said

    def change_names(self, changes):
        for label, (member, signature, body) in changes:
            if label in self.connections:
                self.send(label, rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, member,
                                             signature, *body))
                self.collect('names')

    def speak(self, label, messages):
        if label not in self.connections:
            return
        for kind, fields, flags, n_fds in messages:
            fields = dict(fields)
            receiver = self.connections.get(fields['destination'])
            if receiver:
                fields['destination'] = receiver.unique
            elif fields['destination'] in [*generate.LABELS]:
                fields['destination'] = 'org.nobody'
            self.send(label, rawbus.Message(kind, rawbus.fields_of(**fields), flags=flags,
                                            fds=[self.null] * n_fds))
        self.collect('speech')

    def answer(self, seed):
        """Replies to what was received, some of them twice, some by others."""
        dice = random.Random(seed)
        calls, self.calls = self.calls, []
        for label, call in calls:
            for _ in range(dice.choice((0, 1, 1, 1, 2))):
                who = dice.choice([label] * 6 + self.present())
                n_fds = dice.choice((0, 0, 0, 1))
                if dice.random() < 0.7:
                    reply = rawbus.reply_to(call, fds=[self.null] * n_fds)
                else:
                    reply = rawbus.error_to(call, dice.choice(generate.ERRORS),
                                            fds=[self.null] * n_fds)
                self.send(who, reply)
                self.connections[who].sync()
        self.collect('answers')

    def own_startable(self):
        """The names that services were started for get an owner, who gets what waited."""
        for name, label in zip(generate.STARTABLE, self.scene['starters']):
            if label in self.connections:
                self.send(label, rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS,
                                             'RequestName', 'su', name, 0))
                self.collect('started')

    def reload(self):
        if len(self.scene['policies']) < 2 or not self.present():
            return
        self.write_config(1)
        began = len(self.transcript)
        self.send(self.present()[0], rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS,
                                                 'ReloadConfig'))
        self.collect('reload')
        heard = self.transcript[began:]
        # "failed-reload": what is announced although nothing has changed
        if not any(event[2] == 'return' for event in heard):
            self.transcript[began:] = [event for event in heard
                                       if 'ActivatableServicesChanged' not in event]

    def play(self):
        if not self.start():
            return [('does not start',)]
        for label, account, rules in self.scene['people']:
            self.enter(label, account, rules)
        for number, (changes, speeches, seed) in enumerate(self.scene['rounds']):
            self.change_names(changes)
            for label, messages in speeches:
                self.speak(label, messages)
            self.answer(seed)
            if number == 0:
                self.own_startable()
                self.reload()
        return self.transcript


def play(program, scene):
    """The transcript of a scene; what goes wrong is part of it."""
    with Stage(program, scene) as stage:
        try:
            return stage.play()
        except (rawbus.Disconnected, rawbus.Timeout) as fault:
            return stage.transcript + [('fault', repr(fault))]
