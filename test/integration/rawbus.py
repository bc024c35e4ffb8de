# SPDX-License-Identifier: MIT
"""A D-Bus client that writes the wire by hand.

Libraries refuse to send what a hostile or careless client would send, and hide
what they received. This one does neither: every byte of a message can be forged,
both byte orders are spoken, descriptors travel with any message, and what comes
in is handed out as it was, header fields included.

Nothing here waits without a limit: reading past the deadline raises Timeout, a
bus that hangs up raises Disconnected.
"""

import array
import os
import select
import socket
import struct
import time

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
TYPE_NAMES = {CALL: 'call', RETURN: 'return', ERROR: 'error', SIGNAL: 'signal'}
NO_REPLY, NO_AUTO_START, INTERACTIVE = 1, 2, 4
(F_PATH, F_INTERFACE, F_MEMBER, F_ERROR, F_REPLY_SERIAL, F_DESTINATION, F_SENDER,
 F_SIGNATURE, F_FDS, F_CONTAINER) = range(1, 11)
FIELD_SIGNATURES = {F_PATH: 'o', F_INTERFACE: 's', F_MEMBER: 's', F_ERROR: 's',
                    F_REPLY_SERIAL: 'u', F_DESTINATION: 's', F_SENDER: 's',
                    F_SIGNATURE: 'g', F_FDS: 'u', F_CONTAINER: 'o'}

BUS = 'org.freedesktop.DBus'
BUS_PATH = '/org/freedesktop/DBus'
PEER = 'org.freedesktop.DBus.Peer'

FIXED = {'y': ('B', 1), 'b': ('I', 4), 'n': ('h', 2), 'q': ('H', 2), 'i': ('i', 4),
         'u': ('I', 4), 'x': ('q', 8), 't': ('Q', 8), 'd': ('d', 8), 'h': ('I', 4)}
ALIGNMENT = {'s': 4, 'o': 4, 'g': 1, 'v': 1, 'a': 4, '(': 8, '{': 8}
ALIGNMENT.update({code: size for code, (_, size) in FIXED.items()})


class Disconnected(Exception):
    """The bus closed the connection."""


class Timeout(Exception):
    """Nothing came before the deadline."""


class AuthRejected(Exception):
    """The bus did not take the authentication; args[0] is its answer."""


class Variant(tuple):
    """A value together with its signature."""

    def __new__(cls, signature, value):
        return super().__new__(cls, (signature, value))

    signature = property(lambda self: self[0])
    value = property(lambda self: self[1])

    def __repr__(self):
        return f'<{self[0]} {self[1]!r}>'


def split_signature(signature):
    """The complete types that a signature is made of."""
    types, at = [], 0
    while at < len(signature):
        end = end_of_type(signature, at)
        types.append(signature[at:end])
        at = end
    return types


def end_of_type(signature, at):
    while signature[at] == 'a':
        at += 1
    if signature[at] not in '({':
        return at + 1
    depth = 0
    while True:
        depth += signature[at] in '({'
        depth -= signature[at] in ')}'
        at += 1
        if depth == 0:
            return at


class Writer:
    """Marshals values; offsets count from where the writer started."""

    def __init__(self, endian='<'):
        self.endian = endian
        self.data = bytearray()

    def align(self, size):
        self.data += bytes(-len(self.data) % size)

    def put(self, kind, value):
        code = kind[0]
        if code in FIXED:
            fmt, size = FIXED[code]
            self.align(size)
            self.data += struct.pack(self.endian + fmt, value)
        elif code in 'so':
            raw = value if isinstance(value, bytes) else value.encode()
            self.put('u', len(raw))
            self.data += raw + b'\0'
        elif code == 'g':
            raw = value.encode()
            self.data += bytes([len(raw)]) + raw + b'\0'
        elif code == 'v':
            self.put('g', value[0])
            self.put(value[0], value[1])
        elif code == 'a':
            self.put_array(kind[1:], value)
        else:
            self.align(8)
            for part, item in zip(split_signature(kind[1:-1]), value):
                self.put(part, item)

    def put_array(self, kind, value):
        self.put('u', 0)
        length_at = len(self.data) - 4
        self.align(ALIGNMENT[kind[0]])
        start = len(self.data)
        if kind == 'y':
            self.data += bytes(value)
        else:
            for item in value.items() if isinstance(value, dict) else value:
                self.put(kind, item)
        struct.pack_into(self.endian + 'I', self.data, length_at, len(self.data) - start)


class Reader:
    """Unmarshals what Writer marshals."""

    def __init__(self, data, endian='<'):
        self.data, self.endian, self.at = data, endian, 0

    def align(self, size):
        self.at += -self.at % size

    def raw(self, size):
        self.at += size
        if self.at > len(self.data):
            raise ValueError('message is shorter than its contents')
        return bytes(self.data[self.at - size:self.at])

    def get(self, kind):
        code = kind[0]
        if code in FIXED:
            fmt, size = FIXED[code]
            self.align(size)
            value = struct.unpack(self.endian + fmt, self.raw(size))[0]
            return bool(value) if code == 'b' else value
        if code in 'so':
            return self.raw(self.get('u') + 1)[:-1].decode()
        if code == 'g':
            return self.raw(self.raw(1)[0] + 1)[:-1].decode()
        if code == 'v':
            signature = self.get('g')
            return Variant(signature, self.get(signature))
        if code == 'a':
            return self.get_array(kind[1:])
        self.align(8)
        return tuple(self.get(part) for part in split_signature(kind[1:-1]))

    def get_array(self, kind):
        length = self.get('u')
        self.align(ALIGNMENT[kind[0]])
        if kind == 'y':
            return self.raw(length)
        end, items = self.at + length, []
        while self.at < end:
            items.append(self.get(kind))
        return dict(items) if kind[0] == '{' else items


def marshal(signature, values, endian='<'):
    writer = Writer(endian)
    for kind, value in zip(split_signature(signature), values):
        writer.put(kind, value)
    return bytes(writer.data)


def unmarshal(signature, data, endian='<'):
    reader = Reader(data, endian)
    return tuple(reader.get(kind) for kind in split_signature(signature))


class Message:
    """One message; fields is a list of (code, signature, value) in wire order."""

    def __init__(self, kind, fields=(), signature='', body=(), **options):
        self.kind = kind
        self.fields = list(fields)
        self.signature = signature
        self.body = tuple(body)
        self.flags = options.get('flags', 0)
        self.serial = options.get('serial', 0)
        self.fds = list(options.get('fds', ()))
        self.version = options.get('version', 1)
        self.raw_body = options.get('raw_body')     # sent instead of the marshalled body
        self.endian = options.get('endian')         # None: whatever the connection speaks
        self.wire = None                            # (length, body) of one that was received

    def field(self, code, default=None):
        for number, _, value in self.fields:
            if number == code:
                return value
        return default

    path = property(lambda self: self.field(F_PATH))
    interface = property(lambda self: self.field(F_INTERFACE))
    member = property(lambda self: self.field(F_MEMBER))
    error = property(lambda self: self.field(F_ERROR))
    reply_serial = property(lambda self: self.field(F_REPLY_SERIAL))
    destination = property(lambda self: self.field(F_DESTINATION))
    sender = property(lambda self: self.field(F_SENDER))
    container = property(lambda self: self.field(F_CONTAINER))

    def encode(self, endian='<'):
        endian = self.endian or endian
        body = self.raw_body
        if body is None:
            body = marshal(self.signature, self.body, endian)
        fields = list(self.fields)
        if self.signature and self.field(F_SIGNATURE) is None:
            fields.append((F_SIGNATURE, 'g', self.signature))
        if self.fds and self.field(F_FDS) is None:
            fields.append((F_FDS, 'u', len(self.fds)))
        writer = Writer(endian)
        writer.data += bytes([ord('l' if endian == '<' else 'B'), self.kind, self.flags,
                              self.version])
        writer.put('u', len(body))
        writer.put('u', self.serial)
        writer.put('a(yv)', [(code, (kind, value)) for code, kind, value in fields])
        writer.align(8)
        return bytes(writer.data) + body

    def close_fds(self):
        while self.fds:
            os.close(self.fds.pop())

    def __repr__(self):
        heads = ' '.join(f'{code}={value}' for code, _, value in self.fields)
        return f'<{TYPE_NAMES.get(self.kind, self.kind)} {heads} {str(self.body)[:200]}>'


def fields_of(**named):
    """Header fields by name: fields_of(path='/', member='Ping')."""
    codes = {'path': F_PATH, 'interface': F_INTERFACE, 'member': F_MEMBER, 'error': F_ERROR,
             'reply_serial': F_REPLY_SERIAL, 'destination': F_DESTINATION, 'sender': F_SENDER,
             'container': F_CONTAINER}
    return [(codes[name], FIELD_SIGNATURES[codes[name]], value)
            for name, value in named.items() if value is not None]


def call(destination, path, interface, member, signature='', *body, **options):
    fields = fields_of(path=path, interface=interface, member=member, destination=destination)
    return Message(CALL, fields, signature, body, **options)


def signal(path, interface, member, signature='', *body, destination=None, **options):
    fields = fields_of(path=path, interface=interface, member=member, destination=destination)
    return Message(SIGNAL, fields, signature, body, **options)


def reply_to(request, signature='', *body, **options):
    fields = fields_of(reply_serial=request.serial, destination=request.sender)
    return Message(RETURN, fields, signature, body, **options)


def error_to(request, name, text=None, **options):
    fields = fields_of(reply_serial=request.serial, destination=request.sender, error=name)
    return Message(ERROR, fields, 's' if text is not None else '',
                   () if text is None else (text,), **options)


def decode_header(data):
    """(message without body, length of its body, whole length), or None if too short."""
    if len(data) < 16:
        return None
    endian = '<' if data[0] == ord('l') else '>'
    body_length, serial, fields_length = struct.unpack_from(endian + 'III', data, 4)
    header_length = (16 + fields_length + 7) & ~7
    if len(data) < header_length:
        return None
    reader = Reader(data[:header_length], endian)
    reader.at = 12
    fields = [(code, value[0], value[1]) for code, value in reader.get('a(yv)')]
    message = Message(data[1], fields, flags=data[2], serial=serial, version=data[3],
                      endian=endian)
    message.signature = message.field(F_SIGNATURE, '')
    return message, body_length, header_length + body_length


def parse_address(address):
    """The socket address (path, or name with a leading NUL) of the first unix: address."""
    for entry in address.strip().split(';'):
        method, _, rest = entry.partition(':')
        pairs = dict(pair.split('=', 1) for pair in rest.split(',') if pair)
        if method == 'unix' and 'path' in pairs:
            return unescape(pairs['path'])
        if method == 'unix' and 'abstract' in pairs:
            return b'\0' + unescape(pairs['abstract'])
    raise ValueError(f'no unix address in {address!r}')


def unescape(text):
    parts = text.encode().split(b'%')
    return parts[0] + b''.join(bytes([int(part[:2], 16)]) + part[2:] for part in parts[1:])


def hex_uid(uid=None):
    return str(os.getuid() if uid is None else uid).encode().hex()


class Connection:
    """One connection to a bus. Everything that came and was not asked for is in inbox."""

    def __init__(self, address=None, **options):
        self.sock = options.get('sock')
        self.endian = options.get('endian', '<')
        self.limit = options.get('timeout', 20)
        self.with_fds = options.get('fds', True)
        self.buffer = bytearray()
        self.fd_queue = []
        self.inbox = []
        self.last_serial = 0
        self.guid = None
        self.unique = None
        if self.sock is None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.sock.connect(parse_address(address))
            except OSError:
                self.sock.close()
                raise
        try:
            if options.get('auth', True):
                self.authenticate(options.get('uid'))
            if options.get('hello', True) and options.get('auth', True):
                self.hello()
        except Exception:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Authentication

    def authenticate(self, uid=None):
        answer = self.auth_line(b'\0AUTH EXTERNAL ' + hex_uid(uid).encode())
        if not answer.startswith(b'OK '):
            raise AuthRejected(answer)
        self.guid = answer[3:].decode()
        if self.with_fds:
            answer = self.auth_line(b'NEGOTIATE_UNIX_FD')
            if answer != b'AGREE_UNIX_FD':
                raise AuthRejected(answer)
        self.send_raw(b'BEGIN\r\n')

    def auth_line(self, line):
        """Send one line, return the next one of the bus without its end."""
        self.send_raw(line + b'\r\n')
        return self.read_line()

    def read_line(self):
        deadline = time.monotonic() + self.limit
        while b'\r\n' not in self.buffer:
            self.fill(deadline)
        line, _, rest = bytes(self.buffer).partition(b'\r\n')
        self.buffer = bytearray(rest)
        return line

    # Sending

    def send_raw(self, data, fds=()):
        """Bytes as they are; descriptors go with the first of them."""
        view = memoryview(data)
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]
        deadline = time.monotonic() + self.limit
        while len(view):
            self.wait(select.POLLOUT, deadline)
            try:
                sent = self.sock.sendmsg([view[:1 << 20]], ancillary, socket.MSG_DONTWAIT |
                                         socket.MSG_NOSIGNAL)
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                raise Disconnected('while sending') from None
            view, ancillary = view[sent:], []

    def send(self, message):
        """Send a message, with the next serial number if it has none; returns that."""
        if not message.serial:
            self.last_serial += 1
            message.serial = self.last_serial
        self.send_raw(message.encode(self.endian), [as_fd(fd) for fd in message.fds])
        return message.serial

    # Receiving

    def wait(self, events, deadline):
        poller = select.poll()
        poller.register(self.sock, events)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise Timeout('the bus did not answer in time')

    def fill(self, deadline):
        self.wait(select.POLLIN, deadline)
        try:
            data, ancillary, _, _ = self.sock.recvmsg(1 << 20, socket.CMSG_SPACE(4 * 256),
                                                      socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            data, ancillary = b'', []
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array('i')
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
                self.fd_queue += list(fds)
        if not data:
            raise Disconnected('the bus hung up')
        self.buffer += data

    def recv(self, timeout=None):
        """The next message, in the order in which the bus sent them."""
        if self.inbox:
            return self.inbox.pop(0)
        return self.recv_wire(timeout)

    def recv_wire(self, timeout=None):
        deadline = time.monotonic() + (self.limit if timeout is None else timeout)
        while True:
            head = decode_header(self.buffer)
            if head and len(self.buffer) >= head[2]:
                break
            self.fill(deadline)
        message, body_length, total = head
        body = bytes(self.buffer[total - body_length:total])
        del self.buffer[:total]
        message.wire = (total, body)
        message.body = unmarshal(message.signature, body, message.endian)
        count = message.field(F_FDS, 0)
        message.fds, self.fd_queue = self.fd_queue[:count], self.fd_queue[count:]
        return message

    def wait_for(self, wanted, timeout=None):
        """The next message for which wanted() holds; the others stay in inbox."""
        for index, message in enumerate(self.inbox):
            if wanted(message):
                return self.inbox.pop(index)
        while True:
            message = self.recv_wire(timeout)
            if wanted(message):
                return message
            self.inbox.append(message)

    def wait_reply(self, serial, timeout=None):
        return self.wait_for(lambda m: m.kind in (RETURN, ERROR) and m.reply_serial == serial,
                             timeout)

    def wait_call(self, member=None, timeout=None):
        return self.wait_for(lambda m: m.kind == CALL and member in (None, m.member), timeout)

    def wait_signal(self, member, timeout=None):
        return self.wait_for(lambda m: m.kind == SIGNAL and m.member == member, timeout)

    def wait_closed(self, timeout=None):
        """Read until the bus hangs up; what still came is kept in inbox."""
        try:
            while True:
                self.inbox.append(self.recv_wire(timeout))
        except Disconnected:
            return

    def take(self):
        """Everything in inbox, which is empty afterwards."""
        messages, self.inbox = self.inbox, []
        return messages

    # Calls

    def request(self, message, timeout=None):
        """Send a call, return its reply or error."""
        return self.wait_reply(self.send(message), timeout)

    def call(self, destination, path, interface, member, signature='', *body, **options):
        return self.request(call(destination, path, interface, member, signature, *body,
                                 **options))

    def bus(self, member, signature='', *body, **options):
        """Call a method of org.freedesktop.DBus."""
        interface = options.pop('interface', BUS)
        return self.call(BUS, BUS_PATH, interface, member, signature, *body, **options)

    def hello(self):
        reply = self.bus('Hello')
        if reply.kind != RETURN:
            raise Disconnected(f'Hello was refused: {reply!r}')
        self.unique = reply.body[0]
        self.wait_signal('NameAcquired')

    def sync(self):
        """A round trip to the bus: all that it sent before is in inbox then."""
        return self.call(BUS, BUS_PATH, PEER, 'Ping')

    def drain(self):
        """Everything that the bus has for us by now."""
        self.sync()
        return self.take()

    def add_match(self, rule):
        reply = self.bus('AddMatch', 's', rule)
        if reply.kind != RETURN:
            raise ValueError(f'{rule}: {reply!r}')

    def own(self, name, flags=4):
        reply = self.bus('RequestName', 'su', name, flags)
        if reply.kind != RETURN or reply.body[0] != 1:
            raise ValueError(f'could not own {name}: {reply!r}')
        self.wait_signal('NameAcquired')

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        for message in self.take():
            message.close_fds()
        while self.fd_queue:
            os.close(self.fd_queue.pop())


def as_fd(thing):
    return thing if isinstance(thing, int) else thing.fileno()
