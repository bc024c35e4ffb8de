/* SPDX-License-Identifier: MIT */
/*
 * A manager that passed a listening socket still has it. It can clear O_NONBLOCK, which is a
 * property of the open file and not of the descriptor, and take a connection away between the bus's
 * look at the socket and its accept(), which then would wait for the next one. A flag can be set
 * again but not held, so accept() runs under a timer whose signal interrupts it. The timer repeats,
 * as its first signal may come before accept() has begun to wait.
 */
#include "containers/listen-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_NSEC 5000000L /* a non-blocking accept() takes some microseconds */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int get_option(int fd, int option) {
        int value = -1;
        socklen_t size = sizeof value;

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

const char *listen_socket_check(int fd, ListenSocketStage stage) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;

        if (get_option(fd, SO_DOMAIN) != AF_UNIX)
                return "is no AF_UNIX socket";
        if (get_option(fd, SO_TYPE) != SOCK_STREAM)
                return "is no SOCK_STREAM socket";
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
                return "is connected";
        if (stage == LISTEN_SOCKET_LISTENING && get_option(fd, SO_ACCEPTCONN) != 1)
                return "is not listening";
        return NULL;
}

static bool is_there(const SocketFile *file, const char *path) {
        struct stat status;

        return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
               status.st_dev == file->device && status.st_ino == file->inode;
}

/* The socket has another inode than its file, and the path may mean another file elsewhere. */
bool socket_file_find(int fd, SocketFile *file) {
        struct sockaddr_un address = { 0 };
        socklen_t size = sizeof address;
        g_autofree char *path = NULL;

        if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || size > sizeof address ||
            address.sun_path[0] != '/')
                return false;
        path = g_strndup(address.sun_path, size - offsetof(struct sockaddr_un, sun_path));
        if (!is_there(file, path))
                return false;
        file->path = g_steal_pointer(&path);
        return true;
}

void socket_file_unlink(SocketFile *file) {
        if (file->path && is_there(file, file->path))
                unlink(file->path);
        socket_file_clear(file);
}

void socket_file_clear(SocketFile *file) {
        g_clear_pointer(&file->path, g_free);
}

static void ignore_signal(int number) {
        (void)number;
}

/* Makes the timer that interrupts accept(). Its signal is one that nothing else here uses. */
static bool create_timer(timer_t *ret_timer) {
        int number = SIGRTMAX - 1;
        struct sigaction action = { .sa_handler = ignore_signal };
        struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number };
        sigset_t unblock;

        event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
        sigemptyset(&unblock);
        sigaddset(&unblock, number);
        return sigaction(number, &action, NULL) == 0 &&
               sigprocmask(SIG_UNBLOCK, &unblock, NULL) == 0 &&
               timer_create(CLOCK_MONOTONIC, &event, ret_timer) == 0;
}

/*
 * A socket that was shut down is readable for ever and has nobody waiting: without this its poller
 * would spin.
 */
static bool is_dead(int fd) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLRDHUP };

        return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

static int accept_with_timer(timer_t timer, int fd) {
        const struct itimerspec armed = { .it_value.tv_nsec = ACCEPT_NSEC,
                                          .it_interval.tv_nsec = ACCEPT_NSEC };
        const struct itimerspec disarmed = { .it_value.tv_nsec = 0 };
        int accepted, error;

        if (timer_settime(timer, 0, &armed, NULL) < 0)
                return -errno;
        accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        error = errno;
        timer_settime(timer, 0, &disarmed, NULL);
        if (accepted >= 0)
                return accepted;
        /* What does not wait is not interrupted. */
        if (error == EINTR)
                return -ETIMEDOUT;
        return error == EAGAIN && is_dead(fd) ? -ESHUTDOWN : -error;
}

int listen_socket_accept(int fd) {
        static timer_t timer;
        static pid_t owner; /* a fork does not inherit timers */
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        if (owner != getpid()) {
                if (!create_timer(&timer))
                        return -errno;
                owner = getpid();
        }
        return accept_with_timer(timer, fd);
}
