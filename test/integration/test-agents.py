#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Agents: contained programs that register with a service of the system bus, which calls them back."""

import os
import pwd
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from accounts import EVERYBODY, connect
from containers import CALL, Server, request_header, rule
from harness import test

STOCK = '/usr/share/dbus-1/system.conf'
POLKITD = '/usr/lib/polkit-1/polkitd'
POLKIT, AUTHORITY = 'org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority'
AUTHORITY_IFACE = POLKIT + '.Authority'
AGENT, AGENT_IFACE = '/org/example/Agent', POLKIT + '.AuthenticationAgent'
ACTION = 'org.freedesktop.policykit.exec'       # by authentication of an administrator
BLUE, BLUE_PATH, BLUE_IFACE = 'com.example.Blue', '/com/example/blue', 'com.example.AgentManager1'


def stock_bus(t):
    """Our system bus with Debian's configuration; nothing that it makes in /run stays."""
    harness.need_root()
    harness.need_program('unshare')
    for path in (STOCK, POLKITD, '/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf'):
        if not os.path.exists(path):
            raise harness.Skip(f'needs {path}')
    prefix = ['unshare', '-m', 'sh', '-c', 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && '
              'exec "$@"', 'sh']
    if t.run([*prefix, 'true']).returncode:
        raise harness.Skip('cannot mount')
    socket_path = t.path('system')
    bus = t.bus(config=f'<busconfig><include>{STOCK}</include></busconfig>',
                args=[f'--address=unix:path={socket_path}'], prefix=prefix)
    os.chmod(t.directory, 0o755)
    return bus, prefix


def start_polkitd(t, bus, prefix):
    watcher = t.connect(bus)
    watcher.add_match(f"member='NameOwnerChanged',arg0='{POLKIT}'")
    t.spawn([*prefix, POLKITD, '--no-debug'],
            env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus.address))
    t.equal(watcher.wait_signal('NameOwnerChanged').body[0], POLKIT)
    return watcher


def subject_of(process, uid):
    """A process as polkit wants to hear of it: (sa{sv})."""
    with open(f'/proc/{process.pid}/stat', encoding='utf-8') as stream:
        started = int(stream.read().rpartition(')')[2].split()[19])
    return ('unix-process', {'pid': rawbus.Variant('u', process.pid),
                             'start-time': rawbus.Variant('t', started),
                             'uid': rawbus.Variant('i', uid)})


def authority(connection, member, signature='', *body):
    return connection.call(POLKIT, AUTHORITY, AUTHORITY_IFACE, member, signature, *body)


def sent(connection, member, signature, *body):
    return connection.send(rawbus.call(POLKIT, AUTHORITY, AUTHORITY_IFACE, member, signature, *body))


@test('agent/polkitd asks a contained agent, whose helper answers as root, contained, too')
def polkit(t):
    daemon = pwd.getpwnam('daemon').pw_uid
    bus, prefix = stock_bus(t)
    mechanism = start_polkitd(t, bus, prefix)
    request_header(mechanism)
    program = t.spawn(['sleep', '600'], user=daemon, group=daemon, extra_groups=[])
    subject = subject_of(program, daemon)
    server = Server(t, bus, [rule(CALL, POLKIT, AUTHORITY, f'{AUTHORITY_IFACE}.{member}')
                             for member in ('RegisterAuthenticationAgent',
                                            'AuthenticationAgentResponse2')],
                    named={'Users': ('au', [0, daemon])})
    agent, helper = connect(t, server.address, daemon), connect(t, server.address, 0)

    t.returned(authority(agent, 'RegisterAuthenticationAgent', '(sa{sv})ss', subject, 'C', AGENT))
    for contained in (agent, helper):
        t.failed(authority(contained, 'EnumerateActions', 's', 'C'), 'AccessDenied', 'no rule')
        t.failed(contained.call(POLKIT, AUTHORITY, harness.PROPERTIES, 'GetAll', 's',
                                AUTHORITY_IFACE), 'AccessDenied', 'no rule')

    check = sent(mechanism, 'CheckAuthorization', '(sa{sv})sa{ss}us', subject, ACTION, {}, 1, '')
    begin = agent.wait_call('BeginAuthentication')
    t.equal((begin.path, begin.interface, begin.body[0]), (AGENT, AGENT_IFACE, ACTION))
    cookie, identities = begin.body[4], begin.body[5]
    t.failed(authority(agent, 'AuthenticationAgentResponse2', 'us(sa{sv})', daemon, cookie,
                       identities[0]), 'org.freedesktop.PolicyKit1.Error.Failed', 'not root: polkitd')
    t.returned(authority(helper, 'AuthenticationAgentResponse2', 'us(sa{sv})', daemon, cookie,
                         identities[0]), 'root, and contained')
    agent.send(rawbus.reply_to(begin))
    t.equal(mechanism.wait_reply(check).body[0][0], True, 'authorized')

    outsider = connect(t, bus, daemon)
    t.equal(helper.bus('NameHasOwner', 's', outsider.unique).body, (False,), 'still contained')
    t.failed(helper.bus('ReloadConfig'), 'AccessDenied', 'root inside is not privileged')


@test('agent/an agent that refuses')
def polkit_refused(t):
    daemon = pwd.getpwnam('daemon').pw_uid
    bus, prefix = stock_bus(t)
    mechanism = start_polkitd(t, bus, prefix)
    program = t.spawn(['sleep', '600'], user=daemon, group=daemon, extra_groups=[])
    subject = subject_of(program, daemon)
    server = Server(t, bus, [rule(CALL, POLKIT, AUTHORITY,
                                  f'{AUTHORITY_IFACE}.RegisterAuthenticationAgent')],
                    named={'Users': ('au', [0, daemon])})
    agent, helper = connect(t, server.address, daemon), connect(t, server.address, 0)
    t.returned(authority(agent, 'RegisterAuthenticationAgent', '(sa{sv})ss', subject, 'C', AGENT))
    check = sent(mechanism, 'CheckAuthorization', '(sa{sv})sa{ss}us', subject, ACTION, {}, 1, '')
    begin = agent.wait_call('BeginAuthentication')
    t.failed(authority(helper, 'AuthenticationAgentResponse2', 'us(sa{sv})', daemon, begin.body[4],
                       begin.body[5][0]), 'AccessDenied', 'no rule for it here')
    agent.send(rawbus.reply_to(begin))
    t.equal(mechanism.wait_reply(check).body[0][0], False, 'nobody was authenticated')


@test('agent/a service in the manner of BlueZ calls back who registered')
def blue(t):
    harness.need_root()
    daemon = pwd.getpwnam('daemon').pw_uid
    bus = t.bus(extra=EVERYBODY)
    os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
    service, stranger = t.connect(bus), t.connect(bus)
    request_header(service)
    service.own(BLUE)
    server = Server(t, bus, [rule(CALL, BLUE, BLUE_PATH, f'{BLUE_IFACE}.RegisterAgent')],
                    named={'Users': ('au', [daemon])})
    agent = connect(t, server.address, daemon)
    serial = agent.send(rawbus.call(BLUE, BLUE_PATH, BLUE_IFACE, 'RegisterAgent', 'os', AGENT,
                                    'DisplayYesNo'))
    register = service.wait_call('RegisterAgent')
    t.equal((register.container, register.body[0]), (server.path, AGENT))
    service.send(rawbus.reply_to(register))
    t.returned(agent.wait_reply(serial))

    for passkey, answer in ((123456, None), (654321, 'com.example.Error.Rejected')):
        asked = service.send(rawbus.call(agent.unique, AGENT, 'com.example.Agent1',
                                         'RequestConfirmation', 'ou', '/com/example/blue/dev0',
                                         passkey))
        request = agent.wait_call('RequestConfirmation')
        t.equal(request.body[1], passkey)
        if answer:
            agent.send(rawbus.error_to(request, answer))
            t.failed(service.wait_reply(asked), answer)
        else:
            agent.send(rawbus.reply_to(request))
            t.returned(service.wait_reply(asked))
    service.send(rawbus.signal(AGENT, 'com.example.Agent1', 'Cancel', destination=agent.unique))
    agent.wait_signal('Cancel')

    t.failed(agent.call(BLUE, BLUE_PATH, BLUE_IFACE, 'Remove'), 'AccessDenied', 'another member')
    t.failed(agent.call(service.unique, BLUE_PATH, BLUE_IFACE, 'Remove'), 'AccessDenied')
    t.equal(agent.bus('NameHasOwner', 's', stranger.unique).body, (False,))
    service.bus('ReleaseName', 's', BLUE)
    t.failed(agent.call(BLUE, BLUE_PATH, BLUE_IFACE, 'RegisterAgent'), 'ServiceUnknown',
             'the permission went with the name')


if __name__ == '__main__':
    harness.main()
