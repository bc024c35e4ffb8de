# SPDX-License-Identifier: MIT
"""A small and quick D-Bus codec for many clients in one process.

rawbus.py can say everything and is slow; this one says only what the soak test says: bodies of
bytes that the caller has packed, in native byte order, and no checks of what comes from the bus
but that its lengths make sense.
"""

import array
import functools
import socket
import struct
import sys

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY = 1
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, FDS = range(1, 10)
ORDER = b'l' if sys.byteorder == 'little' else b'B'
HEAD = struct.Struct('=cBBBIII')
U32 = struct.Struct('=I')
RIGHTS = socket.CMSG_SPACE(16 * 4)
FIELD_TYPES = {PATH: b'o', SIGNATURE: b'g', REPLY_SERIAL: b'u', FDS: b'u'}


@functools.lru_cache(maxsize=4096)
def text_field(code, value):
    """One header field without the padding behind it."""
    kind, raw = FIELD_TYPES.get(code, b's'), value.encode()
    head = bytes([code, 1]) + kind + b'\0'
    if kind == b'g':
        return head + bytes([len(raw)]) + raw + b'\0'
    return head + U32.pack(len(raw)) + raw + b'\0'


def number_field(code, value):
    return bytes([code, 1]) + b'u\0' + U32.pack(value)


def pad8(data):
    return data + bytes(-len(data) % 8)


def encode(kind, serial, fields, signature='', body=b'', flags=0):
    """A message; @fields is a list of (code, text or number)."""
    parts = [text_field(code, value) if isinstance(value, str) else number_field(code, value)
             for code, value in fields]
    if signature:
        parts.append(text_field(SIGNATURE, signature))
    packed = b''.join(pad8(part) for part in parts[:-1]) + parts[-1]
    return pad8(HEAD.pack(ORDER, kind, flags, 1, len(body), serial, len(packed)) + packed) + body


class Message:
    """What came: kind, flags, serial, fields by number, and the bytes of the body."""

    __slots__ = ('kind', 'flags', 'serial', 'fields', 'body', 'fds')

    def __init__(self, kind, flags, serial, fields, body):
        self.kind, self.flags, self.serial = kind, flags, serial
        self.fields, self.body, self.fds = fields, body, []

    def text(self):
        """The first argument, a string."""
        length, = U32.unpack_from(self.body)
        return self.body[4:4 + length].decode()


def decode_fields(data, at, end):
    fields = {}
    while at < end:
        at += -at % 8
        code, kind = data[at], data[at + 2]
        at += 4
        if kind == 0x75:                                # u
            fields[code], = U32.unpack_from(data, at)
            at += 4
        elif kind == 0x67:                              # g
            length = data[at]
            fields[code] = bytes(data[at + 1:at + 1 + length]).decode()
            at += length + 2
        else:
            length, = U32.unpack_from(data, at)
            fields[code] = bytes(data[at + 4:at + 4 + length]).decode()
            at += length + 5
    return fields


def decode(data):
    """(message, bytes that it took), (None, 0) if there is no whole one."""
    if len(data) < 16:
        return None, 0
    _, kind, flags, _, n_body, serial, n_fields = HEAD.unpack_from(data)
    start = (16 + n_fields + 7) & ~7
    if len(data) < start + n_body:
        return None, 0
    fields = decode_fields(data, 16, 16 + n_fields)
    return Message(kind, flags, serial, fields, bytes(data[start:start + n_body])), start + n_body


class Stream:
    """One authenticated socket: bytes out without waiting, messages in."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self.out, self.n_sent, self.n_queued = bytearray(), 0, 0
        self.rights = []                # (offset in the stream, descriptor) still to be sent
        self.data, self.fds = bytearray(), []

    def queue(self, data, fd=None):
        """Where in the stream the message ends."""
        if fd is not None:
            self.rights.append((self.n_queued, fd))
        self.out += data
        self.n_queued += len(data)
        return self.n_queued

    def send_some(self):
        """What goes in one call: descriptors travel with the first byte of their message."""
        ancillary, end = [], len(self.out)
        if self.rights:
            offset, fd = self.rights[0]
            if offset == self.n_sent:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))]
                end = self.rights[1][0] - self.n_sent if len(self.rights) > 1 else end
            else:
                end = offset - self.n_sent
        sent = self.sock.sendmsg([memoryview(self.out)[:min(end, 1 << 18)]], ancillary,
                                 socket.MSG_NOSIGNAL)
        if ancillary:
            self.rights.pop(0)
        self.n_sent += sent
        del self.out[:sent]

    def flush(self):
        """Whether all of it is out."""
        try:
            while self.out:
                self.send_some()
        except BlockingIOError:
            return False
        return True

    def receive(self):
        """Messages that have come; None when the bus has hung up."""
        try:
            data, ancillary, _, _ = self.sock.recvmsg(1 << 18, RIGHTS, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        if not data:
            return None
        for _, _, content in ancillary:
            fds = array.array('i')
            fds.frombytes(content)
            self.fds += fds
        self.data += data
        return self.cut()

    def cut(self):
        messages, at = [], 0
        view = memoryview(self.data)
        while True:
            message, taken = decode(view[at:])
            if not message:
                break
            at += taken
            count = message.fields.get(FDS, 0)
            message.fds, self.fds = self.fds[:count], self.fds[count:]
            messages.append(message)
        view.release()
        del self.data[:at]
        return messages
