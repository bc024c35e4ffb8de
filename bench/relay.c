/* SPDX-License-Identifier: MIT */
/*
 * relay SOCKET - the floor: one process between peers which does nothing but
 * epoll_wait, read and write.  It knows nothing of D-Bus.
 *
 * The first byte of a connection says what it is: 'P' one end of a pair (what
 * one end writes the other reads), 'S' a source, whose bytes go to every 'T'.
 * The relay answers 'k' when it has noted it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Peer Peer;
struct Peer { int fd; char role; Peer *other; Peer *next_sink; };

static char data[1 << 18];

static int send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t r = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (r < 0 && errno == EAGAIN) {
            struct pollfd pf = { .fd = fd, .events = POLLOUT };
            if (poll(&pf, 1, 5000) <= 0)
                return -1;
            continue;
        }
        if (r < 0)
            return -1;
        p += r;
        n -= (size_t)r;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    Peer *waiting = NULL, *sinks = NULL, listener = { 0 };

    if (argc != 2 || strlen(argv[1]) >= sizeof sa.sun_path) {
        fprintf(stderr, "usage: relay SOCKET\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    strcpy(sa.sun_path, argv[1]);
    listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener.fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(listener.fd, 1024) < 0) {
        perror(argv[1]);
        return 1;
    }
    printf("unix:path=%s\n", argv[1]);
    fflush(stdout);

    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &listener };
    epoll_ctl(ep, EPOLL_CTL_ADD, listener.fd, &ev);
    for (;;) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, 64, -1);
        for (int i = 0; i < n; i++) {
            Peer *p = evs[i].data.ptr;
            if (p == &listener) {
                Peer *q = calloc(1, sizeof *q);
                q->fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC);
                if (q->fd < 0) {
                    free(q);
                    continue;
                }
                ev.data.ptr = q;
                epoll_ctl(ep, EPOLL_CTL_ADD, q->fd, &ev);
                continue;
            }
            if (!p->role) {
                if (recv(p->fd, &p->role, 1, 0) <= 0) {
                    close(p->fd);
                    continue;
                }
                if (p->role == 'P' && waiting) {
                    p->other = waiting;
                    waiting->other = p;
                    waiting = NULL;
                } else if (p->role == 'P') {
                    waiting = p;
                } else if (p->role == 'T') {
                    p->next_sink = sinks;
                    sinks = p;
                }
                send_all(p->fd, "k", 1);
                continue;
            }
            ssize_t r = recv(p->fd, data, sizeof data, MSG_DONTWAIT);
            if (r < 0 && errno == EAGAIN)
                continue;
            if (r <= 0) {
                /* the few Peers of a benchmark are not given back */
                close(p->fd);
                if (p->role == 'P' && p->other) {
                    shutdown(p->other->fd, SHUT_RDWR);
                    p->other->other = NULL;
                }
                if (waiting == p)
                    waiting = NULL;
                for (Peer **s = &sinks; *s; s = &(*s)->next_sink)
                    if (*s == p) {
                        *s = p->next_sink;
                        break;
                    }
                continue;
            }
            if (p->role == 'P' && p->other)
                send_all(p->other->fd, data, (size_t)r);
            else if (p->role == 'S')
                for (Peer *s = sinks; s; s = s->next_sink)
                    send_all(s->fd, data, (size_t)r);
        }
    }
}
