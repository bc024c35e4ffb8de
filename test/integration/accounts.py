# SPDX-License-Identifier: MIT
"""A bus whose system knows the users and groups that a test says, and connections of them."""

import os

import harness

UID = 61234
OTHER = 61235
EVERYBODY = '  <policy context="default"><allow user="*"/></policy>\n'


class Accounts:
    """The users and groups that a bus knows; harness.Bus options are in .options."""

    def __init__(self, t, needs_others=True):
        if needs_others:
            harness.need_root()
        harness.need_program('cc')
        library = t.path('libnss_fake.so.2')
        built = t.run(['cc', '-shared', '-fPIC', '-o', library,
                       os.path.join(harness.HERE, 'fake-accounts.c')])
        t.equal(built.returncode, 0, built.err)
        self.path = t.path('accounts')
        self.set()
        self.options = {'env': {'LD_PRELOAD': library, 'FAKE_ACCOUNTS': self.path,
                                'ASAN_OPTIONS': 'verify_asan_link_order=0'}}

    def become_module(self, t):
        """The C library is to ask by itself, told by an nsswitch.conf that only the bus sees."""
        if t.run(['unshare', '--mount', 'true']).returncode != 0:
            raise harness.Skip('no mount namespaces here')
        switch = t.path('nsswitch.conf')
        with open(switch, 'w', encoding='ascii') as out:
            out.write('passwd: files fake\ngroup: files fake\n')
        del self.options['env']['LD_PRELOAD']
        self.options['env']['LD_LIBRARY_PATH'] = t.directory
        script = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"'
        self.options['prefix'] = ['unshare', '--mount', 'sh', '-c', script, switch]

    def set(self, *lines):
        with open(self.path + '.new', 'w', encoding='utf-8') as out:
            out.write(''.join(line + '\n' for line in lines))
        os.rename(self.path + '.new', self.path)

    def set_clock(self, seconds):
        """By how much the bus's clock for deadlines is ahead."""
        with open(self.path + '.clock.new', 'w', encoding='ascii') as out:
            out.write(str(seconds))
        os.rename(self.path + '.clock.new', self.path + '.clock')

    def count_asked(self, name='dyn'):
        try:
            with open(self.path + '.asked', encoding='utf-8') as log:
                return log.read().split().count(name)
        except FileNotFoundError:
            return 0

    def wait_asked(self, t, before, name='dyn'):
        """Until it has been asked for more often than that."""
        t.true(harness.wait_until(lambda: self.count_asked(name) > before), f'{name} is looked up')


def start(t, accounts, rules, **options):
    bus = t.bus(extra=EVERYBODY + rules, **accounts.options, **options)
    os.chmod(os.path.join(bus.directory, 'bus'), 0o777)
    return bus


def connect(t, bus, uid=UID, groups=(), **options):
    """A connection of another user; who we are when we connect is who we are."""
    was = os.getgroups()
    try:
        os.setgroups(list(groups))
        os.seteuid(uid)
        return t.connect(bus, uid=uid, **options)
    finally:
        os.seteuid(0)
        os.setgroups(was)
