#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Authentication line by line, and messages that no library would send."""

import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import scenario

UID = rawbus.hex_uid().encode()
OTHER_UID = rawbus.hex_uid(os.getuid() + 1).encode()
ANONYMOUS_ALLOWED = '  <auth>ANONYMOUS</auth>\n  <allow_anonymous/>\n'

# What a client sends, line by line; the answer to each is awaited before the next
DIALOGUES = {
    'EXTERNAL with our uid': [b'AUTH EXTERNAL ' + UID, b'NEGOTIATE_UNIX_FD'],
    'EXTERNAL, then an empty DATA': [b'AUTH EXTERNAL', b'DATA'],
    'EXTERNAL, then DATA with our uid': [b'AUTH EXTERNAL', b'DATA ' + UID],
    'EXTERNAL with a space only': [b'AUTH EXTERNAL '],
    'EXTERNAL for another uid': [b'AUTH EXTERNAL ' + OTHER_UID, b'AUTH EXTERNAL ' + UID],
    'EXTERNAL, then DATA with another uid': [b'AUTH EXTERNAL', b'DATA ' + OTHER_UID],
    'EXTERNAL with a name': [b'AUTH EXTERNAL ' + b'nobody'.hex().encode()],
    'EXTERNAL with no hex': [b'AUTH EXTERNAL zz'],
    'EXTERNAL with upper-case hex': [b'AUTH EXTERNAL ' + UID.upper()],
    'EXTERNAL with a huge number': [b'AUTH EXTERNAL ' + b'99999999999999999999'.hex().encode()],
    'EXTERNAL with a sign': [b'AUTH EXTERNAL ' + b'-1'.hex().encode()],
    'lower case': [b'auth EXTERNAL ' + UID, b'AUTH external ' + UID],
    'AUTH alone': [b'AUTH'],
    'AUTH with spaces': [b'AUTH  EXTERNAL  ' + UID],
    'a mechanism that does not exist': [b'AUTH KERBEROS', b'AUTH KERBEROS 00'],
    'ANONYMOUS': [b'AUTH ANONYMOUS', b'AUTH ANONYMOUS 00'],
    'cookies': [b'AUTH DBUS_COOKIE_SHA1 ' + UID],
    'unknown commands': [b'HELLO', b'', b'OK', b'REJECTED', b'AGREE_UNIX_FD'],
    'ERROR': [b'ERROR', b'ERROR "text"', b'AUTH EXTERNAL ' + UID],
    'CANCEL at once': [b'CANCEL', b'AUTH EXTERNAL ' + UID],
    'CANCEL during EXTERNAL': [b'AUTH EXTERNAL', b'CANCEL', b'AUTH EXTERNAL ' + UID],
    'ERROR during EXTERNAL': [b'AUTH EXTERNAL', b'ERROR', b'AUTH EXTERNAL ' + UID],
    'CANCEL after OK': [b'AUTH EXTERNAL ' + UID, b'CANCEL', b'AUTH EXTERNAL ' + UID],
    'DATA at once': [b'DATA', b'DATA ' + UID],
    'DATA after OK': [b'AUTH EXTERNAL ' + UID, b'DATA'],
    'AUTH after OK': [b'AUTH EXTERNAL ' + UID, b'AUTH EXTERNAL ' + UID],
    'NEGOTIATE_UNIX_FD before OK': [b'NEGOTIATE_UNIX_FD', b'AUTH EXTERNAL ' + UID],
    'NEGOTIATE_UNIX_FD twice': [b'AUTH EXTERNAL ' + UID, b'NEGOTIATE_UNIX_FD',
                                b'NEGOTIATE_UNIX_FD'],
    'NEGOTIATE_UNIX_FD with an argument': [b'AUTH EXTERNAL ' + UID, b'NEGOTIATE_UNIX_FD 1'],
    'not ASCII': [b'AUTH \xff\xfe'],
    'many rejected attempts': [b'AUTH NOTHING'] * 12,
    'many wrong commands': [b'WRONG'] * 12,
    'a long line': [b'AUTH EXTERNAL ' + b'3' * 4000],
    'a line that is too long': [b'A' * 20000],
    'a carriage return inside': [b'AUTH\rEXTERNAL'],
    'a NUL inside': [b'AUTH EXTER\0NAL'],
    'a tabulator': [b'AUTH\tEXTERNAL ' + UID],
}


def open_raw(s, first=b'\0'):
    connection = s.case.connect(s.bus, auth=False, timeout=2)
    if first:
        connection.send_raw(first)
    return connection


def listen(s, connection):
    """Write down one line of the bus; whether there was one."""
    try:
        line = s.plain(connection.read_line().decode(errors='replace'))
        s.say(f'  bus: {"ERROR (text)" if line.startswith("ERROR ") else line}')
        return True
    except rawbus.Timeout:
        s.say('  bus: silence')
    except rawbus.Disconnected:
        s.say('  bus: end')
    return False


def talk(s, lines):
    connection = open_raw(s)
    for line in lines:
        s.say(f'client: {line[:60]!r}')
        try:
            connection.send_raw(line + b'\r\n')
        except rawbus.Disconnected:
            s.say('  bus: end')
            break
        if not listen(s, connection):
            break
    connection.close()


def register_dialogue(title, lines):
    @scenario(f'auth/{title}')
    def dialogue(s):
        talk(s, lines)


for dialogue_name, dialogue_lines in DIALOGUES.items():
    register_dialogue(dialogue_name, dialogue_lines)


@scenario('auth/ANONYMOUS allowed', extra=ANONYMOUS_ALLOWED)
def anonymous_allowed(s):
    talk(s, [b'AUTH', b'AUTH ANONYMOUS ' + b'trace'.hex().encode()])
    connection = open_raw(s)
    connection.send_raw(b'AUTH ANONYMOUS\r\nBEGIN\r\n')
    listen(s, connection)
    reply = connection.bus('Hello')
    s.say(f'Hello: {rawbus.TYPE_NAMES[reply.kind]}')
    for member in ('GetConnectionUnixUser', 'GetConnectionUnixProcessID'):
        reply = connection.bus(member, 's', reply.body[0] if member.endswith('User')
                               else connection.bus('ListNames').body[0][-1])
        s.say(f'{member}: {rawbus.TYPE_NAMES[reply.kind]} {reply.error}')


@scenario('auth/no NUL first')
def no_nul(s):
    connection = open_raw(s, b'')
    connection.send_raw(b'AUTH EXTERNAL ' + UID + b'\r\n')
    listen(s, connection)


@scenario('auth/BEGIN at once')
def begin_at_once(s):
    connection = open_raw(s)
    connection.send_raw(b'BEGIN\r\n')
    listen(s, connection)


@scenario('auth/BEGIN during EXTERNAL')
def begin_early(s):
    connection = open_raw(s)
    connection.send_raw(b'AUTH EXTERNAL\r\n')
    listen(s, connection)
    connection.send_raw(b'BEGIN\r\n')
    listen(s, connection)


@scenario('auth/everything in one write')
def pipelined(s):
    hello = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'Hello', serial=1).encode()
    get_id = rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId', serial=2).encode()
    connection = open_raw(s, b'\0AUTH EXTERNAL ' + UID +
                          b'\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n' + hello + get_id)
    listen(s, connection)
    listen(s, connection)
    s.say([rawbus.TYPE_NAMES[connection.recv().kind] for _ in range(3)])


@scenario('auth/one byte at a time')
def byte_by_byte(s):
    connection = open_raw(s, b'')
    for byte in b'\0AUTH EXTERNAL ' + UID + b'\r\n':
        connection.send_raw(bytes([byte]))
    listen(s, connection)


@scenario('auth/without NEGOTIATE_UNIX_FD a descriptor is refused')
def fds_not_agreed(s):
    b, = s.peers('B')
    a = s.peer('A', fds=False)
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', 'h', 0, destination=b.name,
                                    fds=s.case.pipe()[:1]))
    a.closed()
    b.show()


# Malformed messages

def good_call(**options):
    return rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId', serial=500, **options)


def with_field(code, signature, value, kind=None):
    message = good_call()
    message.fields = [f for f in message.fields if f[0] != code] + [(code, signature, value)]
    if kind:
        message.kind = kind
    return message.encode()


def without_field(code, kind=rawbus.CALL, **extra):
    message = good_call()
    message.kind = kind
    message.fields = [f for f in message.fields + rawbus.fields_of(**extra) if f[0] != code]
    return message.encode()


def with_body(signature, raw):
    message = good_call()
    message.signature, message.raw_body = signature, raw
    return message.encode()


def patched(position, value, data=None):
    data = bytearray(data or good_call().encode())
    data[position:position + len(value)] = value
    return bytes(data)


def nested(opening, closing, count, inner='y'):
    return opening * count + inner + closing * count


def u32(value):
    return struct.pack('<I', value)


MALFORMED = {
    'nothing wrong': good_call().encode(),
    'byte order X': patched(0, b'X'),
    'byte order B with little-endian data': patched(0, b'B'),
    'type 0': patched(1, b'\0'),
    'type 5': patched(1, b'\5'),
    'type 255': patched(1, b'\xff'),
    'version 0': patched(3, b'\0'),
    'version 2': patched(3, b'\2'),
    'unknown flags': patched(2, b'\xf8'),
    'serial 0': patched(8, u32(0)),
    'body length beyond the limit': patched(4, u32(0x8000001)),
    'body length all ones': patched(4, u32(0xffffffff)),
    'fields length beyond the limit': patched(12, u32(0x4000001)),
    'fields length all ones': patched(12, u32(0xffffffff)),
    'a body without a signature': with_body('', b'\0\0\0\0'),
    'a signature without a body': with_body('s', b''),
    'a body that is too long': with_body('u', b'\1\0\0\0\0\0\0\0'),
    'a body that is too short': with_body('uu', b'\1\0\0\0'),
    'no path': without_field(rawbus.F_PATH),
    'no member': without_field(rawbus.F_MEMBER),
    'no interface in a call': without_field(rawbus.F_INTERFACE),
    'no interface in a signal': without_field(rawbus.F_INTERFACE, rawbus.SIGNAL),
    'no path in a signal': without_field(rawbus.F_PATH, rawbus.SIGNAL),
    'no member in a signal': without_field(rawbus.F_MEMBER, rawbus.SIGNAL),
    'no reply serial in a return': without_field(rawbus.F_REPLY_SERIAL, rawbus.RETURN),
    'no reply serial in an error': without_field(rawbus.F_REPLY_SERIAL, rawbus.ERROR, error='a.b'),
    'no error name in an error': without_field(rawbus.F_ERROR, rawbus.ERROR, reply_serial=1),
    'reply serial 0': with_field(rawbus.F_REPLY_SERIAL, 'u', 0, rawbus.RETURN),
    'field 0': with_field(0, 's', 'x'),
    'field 10 of its type': with_field(10, 'o', '/forged'),
    'field 11': with_field(11, 's', 'x'),
    'field 255': with_field(255, 'a{sv}', {'k': ('s', 'v')}),
    'field 200 of a struct': with_field(200, '(ii)', (1, 2)),
    'path of the wrong type': with_field(rawbus.F_PATH, 's', '/x'),
    'member of the wrong type': with_field(rawbus.F_MEMBER, 'o', '/x'),
    'destination of the wrong type': with_field(rawbus.F_DESTINATION, 'u', 5),
    'signature of the wrong type': with_field(rawbus.F_SIGNATURE, 's', ''),
    'the same field twice': rawbus.Message(
        rawbus.CALL, good_call().fields + rawbus.fields_of(member='Ping'), serial=500).encode(),
    'reserved path': with_field(rawbus.F_PATH, 'o', '/org/freedesktop/DBus/Local'),
    'reserved interface': with_field(rawbus.F_INTERFACE, 's', 'org.freedesktop.DBus.Local'),
    'descriptors announced but none sent': with_field(rawbus.F_FDS, 'u', 1),
    'no descriptors announced': with_field(rawbus.F_FDS, 'u', 0),
    'header padding not zero': good_call().encode()[:-1] + b'\1',
    'text without its NUL': with_body('s', b'\3\0\0\0abcd'),
    'text with a NUL inside': with_body('s', b'\3\0\0\0a\0c\0'),
    'text that is not UTF-8': with_body('s', b'\2\0\0\0\xff\xfe\0'),
    'text with an overlong sequence': with_body('s', b'\2\0\0\0\xc0\x80\0'),
    'text with a surrogate': with_body('s', b'\3\0\0\0\xed\xa0\x80\0'),
    'text with a non-character': with_body('s', b'\3\0\0\0\xef\xbf\xbf\0'),
    'text beyond Unicode': with_body('s', b'\4\0\0\0\xf4\x90\x80\x80\0'),
    'text longer than the body': with_body('s', b'\xff\xff\xff\xffabc\0'),
    'boolean 2': with_body('b', b'\2\0\0\0'),
    'padding not zero': with_body('yu', b'\1\1\0\0\0\0\0\0'),
    'padding in a struct not zero': with_body('y(y)', b'\1\0\0\0\0\0\1\0\1'),
    'array padding not zero': with_body('at', b'\0\0\0\0\1\0\0\0'),
    'array longer than the body': with_body('ay', b'\5\0\0\0abc'),
    'array over 64 MiB': with_body('ay', u32(0x4000001)),
    'array ends inside an element': with_body('au', b'\6\0\0\0\1\0\0\0\2\0'),
    'path that is relative': with_body('o', b'\1\0\0\0x\0'),
    'path that is empty': with_body('o', b'\0\0\0\0\0'),
    'path that ends in a slash': with_body('o', b'\3\0\0\0/a/\0'),
    'signature value that is invalid': with_body('g', b'\1Z\0'),
    'signature value without its NUL': with_body('g', b'\1sx'),
    'variant without a type': with_body('v', b'\0\0'),
    'variant of two types': with_body('v', b'\2uu\0' + bytes(8)),
    'variant of a dict entry': with_body('v', b'\4{sv}\0' + bytes(8)),
    'variant longer than the body': with_body('v', b'\1u\0\0'),
    'signature unknown type': with_body('Z', b'\0'),
    'signature of an empty struct': with_body('()', b''),
    'signature not closed': with_body('(i', b'\0\0\0\0'),
    'signature not opened': with_body('i)', b'\0\0\0\0'),
    'signature array of nothing': with_body('a', b'\0\0\0\0'),
    'signature dict outside an array': with_body('{sv}', bytes(8)),
    'signature dict with one type': with_body('a{s}', bytes(8)),
    'signature dict with three types': with_body('a{sss}', bytes(8)),
    'signature dict with a container as key': with_body('a{vs}', bytes(8)),
    'signature 32 arrays': with_body('a' * 32 + 'y', bytes(4)),
    'signature 33 arrays': with_body('a' * 33 + 'y', bytes(4)),
    'signature 32 structs': with_body(nested('(', ')', 32), b'\1'),
    'signature 33 structs': with_body(nested('(', ')', 33), b'\1'),
    'signature 32 arrays of 32 structs': with_body('a' * 32 + nested('(', ')', 32), bytes(4)),
    'signature of 255': with_body('y' * 255, bytes(255)),
    'variants 20 deep': with_body('v', b'\1v\0' * 20 + b'\1y\0\7'),
    'variants 63 deep': with_body('v', b'\1v\0' * 62 + b'\1y\0\7'),
    'variants 64 deep': with_body('v', b'\1v\0' * 63 + b'\1y\0\7'),
    'variants 65 deep': with_body('v', b'\1v\0' * 64 + b'\1y\0\7'),
    'variants 100 deep': with_body('v', b'\1v\0' * 99 + b'\1y\0\7'),
    'descriptor index beyond': with_body('h', b'\7\0\0\0'),
}
NAME_FIELDS = {
    rawbus.F_PATH: ('o', ['', 'x', '/a/', '//', '/a//b', '/a-b', '/a b', '/é']),
    rawbus.F_INTERFACE: ('s', ['', 'nodots', '.a.b', 'a.b.', 'a..b', '1a.b', 'a.1b', 'a-b.c',
                               'a.b' + 'c' * 252, 'a.b' + 'c' * 253, 'a.é']),
    rawbus.F_MEMBER: ('s', ['', 'a.b', '1a', 'a b', 'a-b', 'm' * 255, 'm' * 256, 'é']),
    rawbus.F_DESTINATION: ('s', ['', 'nodots', '.a.b', 'a.b.', 'a..b', '1a.b', ':', ':1', ':1.',
                                 ':.1', 'a.b' + 'c' * 252, 'a.b' + 'c' * 253, ':a.b', ':1..2']),
    rawbus.F_SENDER: ('s', ['', 'nodots', ':', ':1.1', 'a..b', 'org.freedesktop.DBus']),
    rawbus.F_ERROR: ('s', ['', 'nodots', 'a.b', '1a.b', 'a..b']),
}


def feed(s, title, data):
    """What the bus makes of some bytes: an answer, or the end."""
    a = s.peer('A')
    a.connection.last_serial = 600
    a.sent[500] = 'the message'
    try:
        a.connection.send_raw(data)
        a.sent[601] = 'GetId'
        a.connection.send(rawbus.call(rawbus.BUS, rawbus.BUS_PATH, rawbus.BUS, 'GetId'))
        answers = []
        while not answers or answers[-1].reply_serial != 601:
            answers.append(a.connection.recv())
        s.say(f'{title}: went on, {[s.words(m, a) for m in answers[:-1]]}')
    except rawbus.Disconnected:
        s.say(f'{title}: hung up')
    except rawbus.Timeout:
        s.say(f'{title}: silence')
    a.connection.close()


def register_malformed(title, data):
    @scenario(f'malformed/{title}')
    def malformed(s):
        feed(s, title, data)


for malformed_name, malformed_data in MALFORMED.items():
    register_malformed(malformed_name, malformed_data)


def register_names(code, signature, values):
    @scenario(f'malformed/values of field {code}')
    def names(s):
        kind = rawbus.ERROR if code == rawbus.F_ERROR else None
        for value in values:
            message = with_field(code, signature, value, kind)
            feed(s, f'{value[:20]!r} of {len(value)}', message)


for field_code, (field_signature, field_values) in NAME_FIELDS.items():
    register_names(field_code, field_signature, field_values)


@scenario('malformed/others do not notice')
def others(s):
    a, b = s.peers('A', 'B')
    for data in (b'', patched(0, b'X'), with_body('Z', b'\0'), patched(4, u32(0xffffffff))):
        a.connection.send_raw(rawbus.signal('/', 'com.example.I', 'Before', destination=b.name,
                                            serial=5).encode() + data)
        if data:
            a.closed()
            b.show()
            a = s.peer('A')


if __name__ == '__main__':
    harness.main()
