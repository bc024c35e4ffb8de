#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""System calls that fail: one of every so many, with each error that the kernel may give.

Some errors say no more than "again", and nobody may notice them. Others cost the one
whom they hit: a connection, or an error in reply. All others are served, and afterwards
the bus holds what it held before.
"""

import errno
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import rawbus
from faults import FULL, SHORT, Exercise, Scene, Shim, service_folder
from harness import test

SERVICE = 'com.example.Activated'
PERIODS = range(2, 16) if FULL else (2, 5)
SELDOM = range(1, 5) if FULL else (1, 2)            # for calls that few do
# What nobody may notice.
HARMLESS = {
    'recvmsg': (errno.EINTR, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, SHORT),
    'send': (errno.EINTR, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, SHORT),
    'read': (errno.EINTR,),
    'accept4': (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE) +
               ((errno.ENFILE, errno.ENOMEM, errno.ENOBUFS) if FULL else ()),
    'epoll_wait': (errno.EINTR,),
    'write': (errno.EINTR, errno.EAGAIN, errno.ENOSPC, SHORT),
    'watch': (errno.ENOSPC, errno.ENOMEM),
    'thread': (errno.EAGAIN,),
}
# What costs somebody a connection or an answer.
COSTLY = {
    # A socket of a manager that has made accept4 wait is not used any more.
    'accept4': (errno.EINTR,),
    'epoll_add': (errno.ENOMEM, errno.ENOSPC),
    'try_malloc': (errno.ENOMEM,),
    'fork': (errno.EAGAIN, errno.ENOMEM),
    'pipe2': (errno.EMFILE, errno.ENFILE),
    'open': (errno.EMFILE, errno.ENFILE),
    'socket': (errno.EMFILE, errno.ENFILE),
    'peerpidfd': (errno.EMFILE, errno.ENFILE),
    'pidfd_open': (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}


def name_of(error):
    return 'short' if error == SHORT else errno.errorcode[error]


def scene_of(t):
    """(shim, scene, exercise), warm: memory that is taken once is taken."""
    shim = Shim(t)
    scene = Scene(t, shim, servicedir=service_folder(t, SERVICE))
    exercise = Exercise(t, scene, SERVICE)
    exercise.run()
    exercise.run()
    scene.start()
    return shim, scene, exercise


def tolerant(exercise):
    """Run it; a step that an error has hit is given up."""
    for step in exercise.steps():
        try:
            step()
        except (rawbus.Disconnected, rawbus.AuthRejected, harness.Failure, ConnectionError):
            exercise.scene.server.drain()


def each(t, faults, run, periods=PERIODS):
    shim, scene, exercise = scene_of(t)
    total = 0
    for call, errors in faults.items():
        for error in errors:
            for period in periods:
                what = f'{call}: {name_of(error)} at every call number {period}'
                shim.set(call, error, period)
                run(exercise)
                total += shim.clear()
                scene.check(what)
    scene.check_memory('after all of them')
    exercise.run()
    print(f'# {total} calls failed')
    t.true(total > 0, 'no call has failed')


def of(faults, *calls):
    return {call: faults[call] for call in calls}


@test('faults-calls/recvmsg fails')
def receiving(t):
    each(t, of(HARMLESS, 'recvmsg'), Exercise.run)


@test('faults-calls/send and sendmsg fail')
def sending(t):
    each(t, of(HARMLESS, 'send'), Exercise.run)


@test('faults-calls/accept4, epoll_wait and read fail')
def waiting(t):
    each(t, of(HARMLESS, 'accept4', 'epoll_wait', 'read'), Exercise.run)


@test('faults-calls/write, inotify_add_watch and pthread_create fail')
def reloading(t):
    def run(exercise):
        reply = exercise.scene.client.bus('ReloadConfig')
        exercise.t.true(reply.kind in (rawbus.RETURN, rawbus.ERROR), f'{reply!r}')
        exercise.names()

    each(t, of(HARMLESS, 'write', 'watch', 'thread'), run, SELDOM)


@test('faults-calls/epoll_ctl and allocations of a size that clients choose fail')
def allocating(t):
    each(t, of(COSTLY, 'epoll_add', 'try_malloc', 'accept4'), tolerant)


@test('faults-calls/fork, pipe2, open, socket, pidfd fail')
def starting(t):
    def run(exercise):
        with rawbus.Connection(exercise.bus.address) as peer:
            for member, *args in (('ReloadConfig',),
                                  ('GetConnectionCredentials', 's', peer.unique),
                                  ('StartServiceByName', 'su', SERVICE, 0)):
                reply = peer.bus(member, *args)
                t.true(reply.kind in (rawbus.RETURN, rawbus.ERROR), f'{member}: {reply!r}')
            names = t.returned(peer.bus('ListActivatableNames'))[0]
            t.contains(names, SERVICE, 'services are what they were')
            peer.call(SERVICE, '/', 'com.example.I', 'Quit')
        tolerant(exercise)

    each(t, of(COSTLY, 'fork', 'pipe2', 'open', 'socket', 'peerpidfd', 'pidfd_open'), run, SELDOM)


@test('faults-calls/everything at once')
def everything(t):
    shim, scene, exercise = scene_of(t)
    for period in (5, 7, 11):
        shim.set('recvmsg', SHORT, period)
        shim.set('send', SHORT, period)
        shim.set('epoll_wait', errno.EINTR, period)
        shim.set('accept4', errno.EMFILE, 2)
        shim.set('read', errno.EINTR, 2)
        exercise.run()
        t.true(shim.clear() > 0, 'no call has failed')
        scene.check(f'period {period}')


if __name__ == '__main__':
    harness.main()
