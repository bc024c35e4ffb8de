# SPDX-License-Identifier: MIT
"""What all worlds are made of: names, paths, services, the limits of their buses."""

import os
import random

import rawbus
import xmlrules
from model import CALL, FDS, RECEIVE, SUBTREE

CONTAINERS = 'org.freedesktop.DBus.Containers1'
NAMES = ('com.ex', 'com.ex.A', 'com.ex.AB', 'com.ex.A.B', 'com.ex.A.B.C', 'org.q', 'org.q.Z')
PATHS = ('/', '/a', '/a/b', '/ab', '/a/b/c', '/b')
INTERFACES = ('a.b', 'a.b.C', 'a.b.C.D', 'a.bc', 'x.y')
RULE_INTERFACES = ('', '', '', 'a.b', 'a.b.C', 'a.b.*', 'a.*', 'a.b.C.M', 'x.y.M', 'a.b.M', 'a.bc')
MEMBERS = ('C', 'D', 'M')
NO_NAMES = (':1.999999999', 'com.ex.Nobody')

SERVICE_FILES = {                               # two of them open themselves to containers
    'com.ex.A': ('call a.b.* @/a/*;receive', [(CALL | SUBTREE, '/a', 'a.b.*'),
                                               (RECEIVE | SUBTREE, '/', '')]),
    'org.q.Z': ('call+receive x.y @/b fds', [(CALL | RECEIVE | FDS, '/b', 'x.y')]),
    'com.ex.A.B': (None, []),
    'org.q': (None, []),
}
STARTED = 1                                     # answers of StartServiceByName
KIND_NAMES = {rawbus.CALL: 'method_call', rawbus.SIGNAL: 'signal', rawbus.ERROR: 'error',
              rawbus.RETURN: 'method_return'}

LIMITS = {'max_replies_per_connection': 100000, 'max_containers_per_user': 512,
          'max_pending_service_starts': 100000, 'service_start_timeout': 100000000,
          'max_incoming_unix_fds': 100000}
UNRESTRICTED = '<containers default_access="unrestricted"/>\n'


def write_service_files(folder):
    """Services that are started and never own their names: the players do, some time later."""
    for name, (text, _) in SERVICE_FILES.items():
        with open(os.path.join(folder, f'{name}.service'), 'w', encoding='utf-8') as out:
            out.write(f'[D-BUS Service]\nName={name}\nExec=/bin/true\n' +
                      (f'X-Containers-Allow={text}\n' if text else ''))

def make_xml_rules(seed):
    return xmlrules.generate(random.Random(f'xml {seed}'), NAMES, (PATHS, INTERFACES, MEMBERS))
