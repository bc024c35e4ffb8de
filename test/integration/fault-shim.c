/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a bus, this makes its calls to the system fail when a test says so.
 *
 * FAULTS names a file of one struct Plan that both map: for each call the error and how often, and back how often
 * it was called and failed. A read or write may also be cut short. What the kernel does together with an error is done
 * as well: when a socket "has nothing" or only a part, the rest is announced by another edge of epoll.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHORT (-1) /* in place of an errno: a part only */
#define MAX_FD 4096
#define MAX_IOV 64

/* In the order of NAMES in faults.py. */
enum Call {
        RECVMSG,
        SEND,
        READ,
        WRITE,
        ACCEPT4,
        EPOLL_WAIT,
        EPOLL_ADD,
        TRY_MALLOC,
        FORK,
        PIPE2,
        OPEN,
        SOCKET,
        WATCH,
        THREAD,
        PEERPIDFD,
        PIDFD_OPEN,
        N_CALLS,
};

struct Fault {
        uint32_t period; /* of so many calls one fails; 0: none */
        int32_t error;
        _Atomic uint32_t n_calls, n_failed;
};

struct Plan {
        int64_t clock_offset; /* seconds by which the time of day is wrong */
        struct Fault faults[N_CALLS];
};

static struct Plan *plan;
static struct {
        int epoll_fd;
        struct epoll_event event;
} watched[MAX_FD];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
        return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void) {
        const char *path = getenv("FAULTS");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *bytes;

        /* what the bus starts is not to have it */
        unsetenv("LD_PRELOAD");
        unsetenv("FAULTS");
        if (fd < 0)
                return;
        bytes = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (bytes != MAP_FAILED)
                plan = bytes;
}

/* Return: the error that this call is to have, 0: none. */
static int fault(enum Call call) {
        struct Fault *it = plan ? &plan->faults[call] : NULL;

        if (!it || it->period == 0 || ++it->n_calls % it->period != 0)
                return 0;
        it->n_failed++;
        return it->error;
}

/* The kernel tells again what it has to tell about a descriptor. */
static void announce(int fd) {
        if (fd >= 0 && fd < MAX_FD && watched[fd].event.events)
                REAL(epoll_ctl)(watched[fd].epoll_fd, EPOLL_CTL_MOD, fd, &watched[fd].event);
}

/* Half of what was asked for, at least a byte. */
static struct msghdr cut(const struct msghdr *msg, struct iovec *iov) {
        struct msghdr result = *msg;
        size_t total = 0, left;

        for (size_t i = 0; i < msg->msg_iovlen; i++)
                total += msg->msg_iov[i].iov_len;
        left = total > 1 ? (total > 64 ? 64 + total % 13 : total / 2) : total;
        result.msg_iov = iov;
        result.msg_iovlen = 0;
        for (size_t i = 0; i < msg->msg_iovlen && i < MAX_IOV && left > 0; i++) {
                iov[i] = msg->msg_iov[i];
                if (iov[i].iov_len > left)
                        iov[i].iov_len = left;
                left -= iov[i].iov_len;
                result.msg_iovlen++;
        }
        return result;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
        int error = fault(RECVMSG);
        struct iovec iov[MAX_IOV];
        struct msghdr part;
        ssize_t n;

        if (error > 0) {
                if (error == EAGAIN)
                        announce(fd);
                errno = error;
                return -1;
        }
        if (error != SHORT)
                return REAL(recvmsg)(fd, msg, flags);
        part = cut(msg, iov);
        n = REAL(recvmsg)(fd, &part, flags);
        msg->msg_controllen = part.msg_controllen;
        msg->msg_flags = part.msg_flags;
        announce(fd);
        return n;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
        int error = fault(SEND);
        struct iovec iov[MAX_IOV];
        struct msghdr part;

        if (error > 0) {
                if (error == EAGAIN)
                        announce(fd);
                errno = error;
                return -1;
        }
        if (error != SHORT)
                return REAL(sendmsg)(fd, msg, flags);
        part = cut(msg, iov);
        return REAL(sendmsg)(fd, &part, flags);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags) {
        int error = fault(SEND);

        if (error > 0) {
                if (error == EAGAIN)
                        announce(fd);
                errno = error;
                return -1;
        }
        return REAL(send)(fd, bytes, error == SHORT && n > 1 ? n / 2 : n, flags);
}

ssize_t read(int fd, void *bytes, size_t n) {
        int error = fault(READ);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(read)(fd, bytes, n);
}

ssize_t write(int fd, const void *bytes, size_t n) {
        int error = fault(WRITE);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(write)(fd, bytes, error == SHORT && n > 1 ? n / 2 : n);
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags) {
        int error = fault(ACCEPT4);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(accept4)(fd, address, length, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int n_events, int timeout) {
        int error = fault(EPOLL_WAIT);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(epoll_wait)(fd, events, n_events, timeout);
}

int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event) {
        int error = operation == EPOLL_CTL_ADD ? fault(EPOLL_ADD) : 0;
        int result;

        if (error > 0) {
                errno = error;
                return -1;
        }
        result = REAL(epoll_ctl)(epoll_fd, operation, fd, event);
        if (result == 0 && fd >= 0 && fd < MAX_FD) {
                watched[fd].epoll_fd = epoll_fd;
                watched[fd].event = operation == EPOLL_CTL_DEL ? (struct epoll_event){ 0 } : *event;
        }
        return result;
}

/* GLib's, which everything is allocated with whose size a client chooses. */
void *g_try_malloc(size_t n);
void *g_try_malloc(size_t n) {
        return fault(TRY_MALLOC) ? NULL : REAL(g_try_malloc)(n);
}

pid_t fork(void) {
        int error = fault(FORK);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(fork)();
}

int pipe2(int *ends, int flags) {
        int error = fault(PIPE2);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(pipe2)(ends, flags);
}

int open(const char *path, int flags, ...) {
        int error = fault(OPEN);
        mode_t mode = 0;
        va_list rest;

        if (error > 0) {
                errno = error;
                return -1;
        }
        va_start(rest, flags);
        if (flags & (O_CREAT | O_TMPFILE))
                mode = va_arg(rest, mode_t);
        va_end(rest);
        return REAL(open)(path, flags, mode);
}

/* What open() is where the compiler fortifies. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) {
        return open(path, flags);
}

DIR *opendir(const char *path) {
        int error = fault(OPEN);

        if (error > 0) {
                errno = error;
                return NULL;
        }
        return REAL(opendir)(path);
}

int socket(int domain, int type, int protocol) {
        int error = fault(SOCKET);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(socket)(domain, type, protocol);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask) {
        int error = fault(WATCH);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(inotify_add_watch)(fd, path, mask);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                   void *restrict user) {
        int error = fault(THREAD);

        return error > 0 ? error : REAL(pthread_create)(thread, attributes, run, user);
}

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict n_value) {
        int error = level == SOL_SOCKET && name == SO_PEERPIDFD ? fault(PEERPIDFD) : 0;

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(getsockopt)(fd, level, name, value, n_value);
}

int pidfd_open(pid_t pid, unsigned flags);
int pidfd_open(pid_t pid, unsigned flags) {
        int error = fault(PIDFD_OPEN);

        if (error > 0) {
                errno = error;
                return -1;
        }
        return REAL(pidfd_open)(pid, flags);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
        int result = REAL(clock_gettime)(clock, now);

        if (plan && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                now->tv_sec += plan->clock_offset;
        return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
        int result = REAL(gettimeofday)(now, zone);

        if (plan)
                now->tv_sec += plan->clock_offset;
        return result;
}

time_t time(time_t *ret_now) {
        time_t now = REAL(time)(NULL) + (plan ? plan->clock_offset : 0);

        if (ret_now)
                *ret_now = now;
        return now;
}
