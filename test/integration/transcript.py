# SPDX-License-Identifier: MIT
"""The same scenario on two buses, and what each of them said.

A scenario is played on the reference implementation and on dbus-conductor. What its
peers received is written down in words that do not depend on the run: peers are
called by their labels instead of their unique names, replies by the call that they
answer, and of errors only the name counts, as the texts are each implementation's
own. The two transcripts must be equal.
"""

import difflib
import os
import re

import harness
import rawbus

FIELD_NAMES = {rawbus.F_PATH: 'path', rawbus.F_INTERFACE: 'interface',
               rawbus.F_MEMBER: 'member', rawbus.F_ERROR: 'error',
               rawbus.F_DESTINATION: 'destination', rawbus.F_SENDER: 'sender',
               rawbus.F_SIGNATURE: 'signature', rawbus.F_FDS: 'fds'}
UNIQUE = re.compile(r':\d+\.\d+')
GUID = re.compile(r'\b[0-9a-f]{32}\b')


class Peer:
    """A connection that writes down what it receives."""

    def __init__(self, script, label, connection):
        self.script, self.label, self.connection = script, label, connection
        self.sent = {}

    @property
    def name(self):
        return self.connection.unique

    def send(self, message, what=None):
        serial = self.connection.send(message)
        self.sent[serial] = what or message.member or rawbus.TYPE_NAMES[message.kind]
        return serial

    def call(self, destination, path, interface, member, signature='', *body, **options):
        """Send a call, wait for its answer, write down all that came until then."""
        serial = self.send(rawbus.call(destination, path, interface, member, signature, *body,
                                       **options))
        return self.answer(serial)

    def bus(self, member, signature='', *body, **options):
        interface = options.pop('interface', rawbus.BUS)
        path = options.pop('path', rawbus.BUS_PATH)
        return self.call(rawbus.BUS, path, interface, member, signature, *body, **options)

    def quietly(self, member, signature='', *body):
        """A call to the driver that leaves no trace when it succeeds."""
        reply = self.connection.bus(member, signature, *body)
        if reply.kind != rawbus.RETURN:
            raise harness.Failure(f'{member}{body} was refused: {reply!r}')
        return reply

    def answer(self, serial):
        reply = self.connection.wait_reply(serial)
        for message in self.connection.take() + [reply]:
            self.write(message)
        return reply

    def receive(self, wanted=None):
        """Wait for one message and write it down."""
        message = self.connection.wait_for(wanted or (lambda _: True))
        self.write(message)
        return message

    def show(self):
        """Write down everything that the bus has sent so far; returns it."""
        messages = self.connection.drain()
        for message in messages:
            self.write(message)
        if not messages:
            self.script.say(f'{self.label} < nothing')
        return messages

    def closed(self):
        """The bus must hang up; what still came is written down."""
        try:
            self.connection.wait_closed(5)
        except rawbus.Timeout:
            self.script.say(f'{self.label} is still connected')
            return
        for message in self.connection.take():
            self.write(message)
        self.script.say(f'{self.label} < end')

    def write(self, message):
        self.script.say(f'{self.label} < {self.script.words(message, self)}')


class Script:
    """One run of a scenario on one bus."""

    def __init__(self, case, bus):
        self.case, self.bus = case, bus
        self.lines, self.labels = [], {}
        self.is_reference = bus.program == harness.REFERENCE

    def peer(self, label, **options):
        connection = self.case.connect(self.bus, **options)
        if connection.unique:
            self.labels[connection.unique] = label
        return Peer(self, label, connection)

    def peers(self, *labels):
        return [self.peer(label) for label in labels]

    def say(self, line):
        self.lines.append(line)

    def plain(self, value):
        """A value without what differs from run to run."""
        if isinstance(value, rawbus.Variant):
            return rawbus.Variant(value.signature, self.plain(value.value))
        if isinstance(value, bytes) and len(value) > 64:
            return f'{len(value)} bytes, sum {sum(value)}'
        if isinstance(value, (list, tuple)):
            return type(value)(self.plain(item) for item in value)
        if isinstance(value, dict):
            return {self.plain(key): self.plain(item) for key, item in sorted(value.items())}
        if isinstance(value, str):
            value = UNIQUE.sub(lambda found: ':' + self.labels.get(found[0], '?'), value)
            return GUID.sub('GUID', value)
        return value

    def words(self, message, peer):
        fields = [f'{FIELD_NAMES.get(code, code)}={self.plain(value)}'
                  for code, _, value in sorted(message.fields, key=lambda field: field[0])
                  if code != rawbus.F_REPLY_SERIAL]
        head = rawbus.TYPE_NAMES.get(message.kind, str(message.kind))
        if message.reply_serial:
            head += f' of {peer.sent.get(message.reply_serial, "another call")}'
        body = self.plain(message.body)
        if message.kind == rawbus.ERROR and message.sender == rawbus.BUS:
            body = '(text)' if message.signature == 's' else body
        return f'{head} [{" ".join(fields)}] flags={message.flags} {body}'


def play(case, function, program, **options):
    bus = case.bus(program=program, **options)
    script = Script(case, bus)
    function(script)
    if not bus.alive():
        raise harness.Failure(f'{program} died: {bus.log()}')
    return script.lines


def scenario(name, **options):
    """Register a scenario; options go to the bus."""
    def register(function):
        def compare(case):
            harness.need_conductor()
            harness.need_reference()
            expected = play(case, function, harness.REFERENCE, **options)
            got = play(case, function, harness.CONDUCTOR, **options)
            if os.environ.get('TEST_VERBOSE'):
                print(''.join(f'#   {line}\n' for line in expected), end='')
            if got != expected:
                diff = difflib.unified_diff(expected, got, 'reference', 'dbus-conductor',
                                            lineterm='', n=2)
                raise harness.Failure('the transcripts differ:\n' + '\n'.join(diff))
        harness.CASES.append((name, compare))
        return function
    return register
