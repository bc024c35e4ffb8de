#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run one test command under a time limit, then kill everything it left.

supervise.py [--timeout S] [--user NAME] [--home DIR] [--out F] [--err F]
             [--max-bytes N] -- COMMAND...

The supervisor becomes a child subreaper, so daemons that double-fork and
detach are still found: after the command ends (or its time is over) every
process descended from this supervisor, and no other, is killed by its id.
Exit status: the command's; 128+N if a signal N ended it; 124 on time-out;
125 if it wrote more than --max-bytes.
"""
import argparse, ctypes, os, pwd, resource, signal, sys, time

ap = argparse.ArgumentParser()
ap.add_argument('--timeout', type=float, default=60)
ap.add_argument('--user')
ap.add_argument('--home')
ap.add_argument('--out', default='/dev/null')
ap.add_argument('--err', default='/dev/null')
ap.add_argument('--max-bytes', type=int, default=64 << 20)
ap.add_argument('command', nargs='+')
a = ap.parse_args()

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36
libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
# The limit belongs to this run, not to whoever called us.
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, lambda n, f: sys.exit(128 + n))


def descendants():
    kids = {}
    for d in os.listdir('/proc'):
        if not d.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % d) as f:
                s = f.read()
        except OSError:
            continue
        rest = s[s.rindex(')') + 2:].split()
        kids.setdefault(int(rest[1]), []).append((int(d), rest[0]))
    todo, found = [os.getpid()], []
    while todo:
        for pid, state in kids.get(todo.pop(), []):
            todo.append(pid)
            if state not in 'ZX':
                found.append(pid)
    return found


def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def kill_all():
    for _ in range(200):
        left = descendants()
        for p in left:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        reap()
        if not left:
            return
        time.sleep(0.02)


out = os.open(a.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
err = os.open(a.err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
rc = 127
try:
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(s, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.closerange(3, 256)
            if a.user and os.getuid() == 0:
                p = pwd.getpwnam(a.user)
                os.setgroups([p.pw_gid])
                os.setgid(p.pw_gid)
                os.setuid(p.pw_uid)
                os.environ['USER'] = os.environ['LOGNAME'] = a.user
            if a.home:
                os.environ['HOME'] = a.home
                os.chdir(a.home)
            os.execvp(a.command[0], a.command)
        except BaseException as e:
            os.write(2, ('supervise: %s\n' % e).encode())
        os._exit(127)
    end = time.monotonic() + a.timeout
    nap = 0.005
    while True:
        p, st = os.waitpid(pid, os.WNOHANG)
        if p:
            rc = os.WEXITSTATUS(st) if os.WIFEXITED(st) else 128 + os.WTERMSIG(st)
            break
        if time.monotonic() > end:
            rc = 124
            break
        if os.fstat(out).st_size + os.fstat(err).st_size > a.max_bytes:
            rc = 125
            break
        time.sleep(nap)
        nap = min(nap * 1.5, 0.1)
finally:
    kill_all()
sys.exit(rc)
