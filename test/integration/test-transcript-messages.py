#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Messages between peers: calls, replies, errors, descriptors, sizes, byte orders."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from transcript import scenario

MIB = 1 << 20
WIDE = {'max_outgoing_bytes': 1000000000, 'max_incoming_bytes': 1000000000,
        'max_message_size': 1000000000, 'max_replies_per_connection': 50000}


def ask(a, b, member='Ask', signature='', *body, **options):
    """A sends a call, B writes down what it received and has it."""
    a.send(rawbus.call(b.name, '/x', 'com.example.I', member, signature, *body, **options))
    b.connection.sync()
    request = b.connection.wait_call(member)
    b.write(request)
    return request


def respond(b, message, what='answer'):
    b.send(message, what)
    b.connection.sync()


def register_orders(first, second):
    @scenario(f'messages/every type from {first} to {second}')
    def orders(s):
        a, b = s.peer('A', endian=first), s.peer('B', endian=second)
        signature = 'ybnqiuxtdsogvasa{sv}(is)aaay'
        body = (7, True, -2, 3, -4, 5, -6, 7, 1.5, 'tëxt', '/a/b', 'a{sv}', ('(iu)', (1, 2)),
                ['x', 'y'], {'k': ('v', ('s', 'deep'))}, (1, 'z'), [[b'ab', b''], []])
        request = ask(a, b, 'Types', signature, *body)
        respond(b, rawbus.reply_to(request, signature, *request.body))
        a.receive()
        request = ask(a, b, 'Fails')
        respond(b, rawbus.error_to(request, 'com.example.Failed', 'a reason'))
        a.receive()
        a.connection.send(rawbus.signal('/x', 'com.example.I', 'S', 'as', ['x'],
                                        destination=b.name))
        a.connection.sync()
        b.show()


for orders_of_two in (('<', '<'), ('<', '>'), ('>', '<'), ('>', '>')):
    register_orders(*orders_of_two)


def register_size(size, order):
    @scenario(f'messages/a body of {size} bytes, {order}', limits=WIDE)
    def big(s):
        a, b = s.peer('A', endian=order), s.peers('B')[0]
        # An array may hold 64 MiB, its length word comes on top
        pattern = bytes(range(251)) * (size // 251 + 1)
        request = ask(a, b, 'Big', 'ay', pattern[:size])
        respond(b, rawbus.reply_to(request, 'ay', request.body[0]))
        a.receive()


for body_size in (0, 1, 4095, 4096, 65536, MIB, 64 * MIB):
    register_size(body_size, '<')
for body_size in (MIB, 64 * MIB):
    register_size(body_size, '>')


@scenario('messages/many large bodies at once', limits=WIDE)
def many_large(s):
    a, b = s.peers('A', 'B')
    for number in range(16):
        a.send(rawbus.call(b.name, '/x', 'com.example.I', f'N{number}', 'ay', b'x' * MIB))
    a.connection.sync()
    b.show()


@scenario('messages/a reply nobody waits for')
def unrequested(s):
    a, b = s.peers('A', 'B')
    fields = rawbus.fields_of(destination=b.name, reply_serial=99)
    a.send(rawbus.Message(rawbus.RETURN, fields))
    a.send(rawbus.Message(rawbus.ERROR, fields + rawbus.fields_of(error='com.example.E')))
    a.show()
    b.show()


@scenario('messages/two replies to one call')
def second_reply(s):
    a, b = s.peers('A', 'B')
    request = ask(a, b)
    for number in range(2):
        respond(b, rawbus.reply_to(request, 'i', number))
    respond(b, rawbus.error_to(request, 'com.example.Late'))
    a.show()
    b.show()


@scenario('messages/a reply by somebody else')
def foreign_reply(s):
    a, b, c = s.peers('A', 'B', 'C')
    request = ask(a, b)
    respond(c, rawbus.reply_to(request, 's', 'forged'))
    a.show()
    respond(b, rawbus.reply_to(request, 's', 'real'))
    a.show()


@scenario('messages/a call that wants no reply gets none')
def no_reply_flag(s):
    a, b = s.peers('A', 'B')
    request = ask(a, b, flags=rawbus.NO_REPLY)
    respond(b, rawbus.reply_to(request, 's', 'unwanted'))
    respond(b, rawbus.error_to(request, 'com.example.Unwanted'))
    a.show()
    b.show()


@scenario('messages/flags pass through')
def flags(s):
    a, b = s.peers('A', 'B')
    for value in (0, rawbus.NO_AUTO_START, rawbus.INTERACTIVE, 7, 0xf8, 0xff):
        ask(a, b, f'Flags{value}', flags=value)


@scenario('messages/nobody has the name')
def nobody(s):
    a, = s.peers('A')
    for destination in ('com.example.Nobody', ':1.12345', ':7.7'):
        for value in (0, rawbus.NO_AUTO_START):
            a.call(destination, '/', 'a.b', 'C', flags=value)
        a.send(rawbus.call(destination, '/', 'a.b', 'C', flags=rawbus.NO_REPLY))
        a.send(rawbus.signal('/', 'a.b', 'S', destination=destination))
    a.show()


@scenario('messages/the callee goes before it answers')
def callee_goes(s):
    a, b = s.peers('A', 'B')
    for number in range(3):
        a.send(rawbus.call(b.name, '/', 'com.example.I', f'Ask{number}'))
    a.send(rawbus.call(b.name, '/', 'com.example.I', 'Quiet', flags=rawbus.NO_REPLY))
    a.connection.sync()
    b.connection.close()
    for _ in range(3):
        a.receive()
    a.show()


@scenario('messages/the caller goes before the answer')
def caller_goes(s):
    a, b, watch = s.peers('A', 'B', 'W')
    watch.quietly('AddMatch', 's', "member='NameOwnerChanged'")
    request = ask(a, b)
    name = a.name
    a.connection.close()
    watch.connection.wait_for(lambda m: m.kind == rawbus.SIGNAL and m.body[0] == name)
    respond(b, rawbus.reply_to(request))
    b.show()


@scenario('messages/a call by well-known name, owner changes before the reply')
def owner_changes(s):
    a, b, c = s.peers('A', 'B', 'C')
    b.connection.own('com.example.Service', 1)
    a.send(rawbus.call('com.example.Service', '/x', 'com.example.I', 'Ask'))
    request = b.connection.wait_call('Ask')
    b.write(request)
    c.bus('RequestName', 'su', 'com.example.Service', 2)
    respond(b, rawbus.reply_to(request, 's', 'from the old owner'))
    a.show()


@scenario('messages/to oneself')
def to_oneself(s):
    a, = s.peers('A')
    request = ask(a, a)
    a.send(rawbus.reply_to(request, 's', 'myself'), 'answer')
    a.show()


@scenario('messages/the same serial for two open calls')
def same_serial(s):
    a, b = s.peers('A', 'B')
    for number in range(2):
        a.send(rawbus.call(b.name, '/', 'com.example.I', f'Ask{number}', serial=500))
    a.connection.last_serial = 1000
    a.connection.sync()
    requests = [m for m in b.connection.drain() if m.kind == rawbus.CALL]
    s.say([m.member for m in requests])
    for request in requests:
        respond(b, rawbus.reply_to(request, 's', request.member))
    a.show()
    b.show()


@scenario('messages/a forged sender is replaced')
def forged_sender(s):
    a, b = s.peers('A', 'B')
    for forged in ('org.freedesktop.DBus', b.name, ':9.9', 'com.example.X'):
        message = rawbus.signal('/', 'com.example.I', 'S', destination=b.name)
        message.fields.insert(0, (rawbus.F_SENDER, 's', forged))
        a.connection.send(message)
    a.connection.sync()
    b.show()


@scenario('messages/descriptors')
def descriptors(s):
    a, b = s.peers('A', 'B')
    for count in (1, 2, 16):
        pipes = [s.case.pipe() for _ in range(count)]
        request = ask(a, b, f'Fds{count}', 'a' + 'h', list(range(count)),
                      fds=[reader for reader, _ in pipes])
        for number, (_, writer) in enumerate(pipes):
            os.write(writer, f'pipe {number}'.encode())
        s.say([os.read(fd, 100) for fd in request.fds])
        respond(b, rawbus.reply_to(request, 'h', 0, fds=request.fds[:1]))
        request.close_fds()
        answer = a.receive()
        s.say(f'{len(answer.fds)} came back')
        answer.close_fds()


@scenario('messages/descriptors that the body does not mention')
def unmentioned_descriptors(s):
    a, b = s.peers('A', 'B')
    request = ask(a, b, 'Fds', fds=list(s.case.pipe()))
    s.say(len(request.fds))
    request.close_fds()


@scenario('messages/descriptors to a peer that cannot take them')
def no_fd_receiver(s):
    a = s.peer('A')
    b = s.peer('B', fds=False)
    a.call(b.name, '/', 'com.example.I', 'Fds', 'h', 0, fds=s.case.pipe()[:1])
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', 'h', 0, destination=b.name,
                                    fds=s.case.pipe()[:1]))
    a.show()
    b.show()


@scenario('messages/a broadcast with descriptors')
def broadcast_descriptors(s):
    a, b, c = s.peers('A', 'B', 'C')
    d = s.peer('D', fds=False)
    for peer in (b, c, d):
        peer.quietly('AddMatch', 's', "interface='com.example.I'")
    a.connection.send(rawbus.signal('/', 'com.example.I', 'S', 'h', 0, fds=s.case.pipe()[:1]))
    a.connection.send(rawbus.signal('/', 'com.example.I', 'T'))
    a.connection.sync()
    for peer in (b, c, d):
        for message in peer.show():
            message.close_fds()


@scenario('messages/descriptors to the driver')
def driver_descriptors(s):
    a, = s.peers('A')
    a.bus('GetId', fds=s.case.pipe())
    a.bus('GetId')


@scenario('messages/a thousand calls in one write', limits=WIDE)
def pipeline(s):
    a, b = s.peers('A', 'B')
    data, last = b'', 2000
    for serial in range(1000, 2000):
        data += rawbus.call(b.name, '/x', 'com.example.I', 'Ask', 'u', serial,
                            serial=serial).encode()
    a.connection.last_serial = last
    a.connection.send_raw(data)
    numbers = []
    for _ in range(1000):
        request = b.connection.wait_call('Ask')
        numbers.append(request.body[0])
        b.connection.send(rawbus.reply_to(request, 'u', request.body[0]))
    s.say(f'B in order: {numbers == list(range(1000, 2000))}')
    answers = [a.connection.wait_for(lambda m: True).body[0] for _ in range(1000)]
    s.say(f'A in order: {answers == numbers}')


@scenario('messages/more open calls than allowed', limits={'max_replies_per_connection': 5})
def too_many_calls(s):
    a, b = s.peers('A', 'B')
    for number in range(8):
        a.send(rawbus.call(b.name, '/x', 'com.example.I', f'Ask{number}'))
    a.show()
    for request in b.show()[:2]:
        respond(b, rawbus.reply_to(request))
    a.show()
    for number in range(4):
        a.send(rawbus.call(b.name, '/x', 'com.example.I', f'Again{number}'))
    a.show()
    b.show()


@scenario('messages/larger than allowed', limits={'max_message_size': 1000})
def too_large(s):
    a, b = s.peers('A', 'B')
    ask(a, b, 'Fits', 'ay', b'x' * 800)
    a.connection.send(rawbus.call(b.name, '/x', 'com.example.I', 'TooLarge', 'ay', b'x' * 1000))
    a.closed()
    b.show()


@scenario('messages/one byte at a time')
def byte_by_byte(s):
    a, b = s.peers('A', 'B')
    message = rawbus.signal('/x', 'com.example.I', 'S', 'sa{sv}', 'x', {'k': ('s', 'v')},
                            destination=b.name, serial=77)
    for byte in message.encode():
        a.connection.send_raw(bytes([byte]))
    a.connection.last_serial = 77
    a.connection.sync()
    b.show()


@scenario('messages/half a message, then the end')
def half_message(s):
    a, b = s.peers('A', 'B')
    data = rawbus.signal('/x', 'com.example.I', 'S', destination=b.name, serial=77).encode()
    a.connection.sync()
    a.connection.send_raw(data[:len(data) // 2])
    a.connection.close()
    b.show()


@scenario('messages/errors without a text, with odd arguments')
def odd_errors(s):
    a, b = s.peers('A', 'B')
    for body in (('', ()), ('u', (5,)), ('sas', ('x', ['y']))):
        request = ask(a, b)
        error = rawbus.error_to(request, 'com.example.Odd')
        error.signature, error.body = body
        respond(b, error)
        a.receive()


@scenario('messages/an error to a call that was never made')
def stray_broadcasts(s):
    a, b = s.peers('A', 'B')
    b.quietly('AddMatch', 's', "eavesdrop=true")
    a.send(rawbus.Message(rawbus.RETURN, rawbus.fields_of(reply_serial=5)))
    a.send(rawbus.Message(rawbus.ERROR, rawbus.fields_of(reply_serial=5, error='a.b')))
    a.show()
    b.show()


@scenario('messages/a peer answers Ping and Introspect itself')
def peer_interface(s):
    a, b = s.peers('A', 'B')
    a.send(rawbus.call(b.name, '/', rawbus.PEER, 'Ping'))
    b.connection.sync()
    b.show()


if __name__ == '__main__':
    harness.main()
