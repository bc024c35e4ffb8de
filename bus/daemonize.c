/* SPDX-License-Identifier: MIT */
/*
 * The fork comes before everything else, and the process that was started waits at a pipe. So no
 * socket, lock, epoll registration or thread has to survive a fork, and whoever started the bus
 * still finds address, pid and pid file written when the command returns, or a status of 1 when it
 * could not start.
 */
#include "bus/daemonize.h"

#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int ready_fd = -1; /* the daemon's end of the pipe; -1: no fork was made */

static bool fail(GError **error, const char *what) {
        int code = errno;

        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code), "%s: %s", what,
                    g_strerror(code));
        return false;
}

void daemonize_open_standard(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
                        int null = open("/dev/null", O_RDWR);

                        /* lower ones are open by now: it got the lowest free number, this one */
                        if (null >= 0 && null != fd)
                                close(null);
                }
}

/*
 * Waits for the daemon in the process that was started, and ends it without running anything of the
 * daemon's.
 */
static _Noreturn void wait_for_daemon(int fd) {
        char byte;
        ssize_t n;

        do
                n = read(fd, &byte, 1);
        while (n < 0 && errno == EINTR);
        _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

bool daemonize_begin(DaemonizeFlags flags, GError **error) {
        int ends[2];

        if (chdir("/") < 0)
                return fail(error, "Cannot change to the root directory");
        if (pipe2(ends, O_CLOEXEC) < 0)
                return fail(error, "Cannot make a pipe");
        pid_t pid = fork();

        if (pid < 0) {
                int code = errno;

                close(ends[0]);
                close(ends[1]);
                errno = code;
                return fail(error, "Cannot fork");
        }
        if (pid > 0) {
                close(ends[1]);
                wait_for_daemon(ends[0]);
        }
        close(ends[0]);
        ready_fd = ends[1];
        setsid();
        if (!(flags & DAEMONIZE_KEEP_UMASK))
                umask(022);
        return true;
}

void daemonize_finish(void) {
        if (ready_fd < 0)
                return;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
                dup2(null, fd);
        if (null > STDERR_FILENO)
                close(null);
        ssize_t written = write(ready_fd, "", 1);

        (void)written; /* nobody waits any more: fine as well */
        close(ready_fd);
        ready_fd = -1;
}

static bool write_all(int fd, const char *text) {
        size_t n = strlen(text);

        while (n > 0) {
                ssize_t written = write(fd, text, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return false;
                text += written;
                n -= (size_t)written;
        }
        return true;
}

bool daemonize_print(int fd, const char *text, GError **error) {
        g_autofree char *line = g_strconcat(text, "\n", NULL);

        if (!write_all(fd, line)) {
                g_autofree char *what = g_strdup_printf("Cannot write to descriptor %d", fd);

                return fail(error, what);
        }
        if (fd > STDERR_FILENO)
                close(fd);
        return true;
}

bool pidfile_create(const char *path, GError **error) {
        auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        g_autofree char *line = g_strdup_printf("%d\n", (int)getpid());

        if (fd < 0 && errno == EEXIST) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                            "The pid file %s is there already: another bus runs, or the file is "
                            "left over and is to be removed",
                            path);
                return false;
        }
        if (fd < 0 || !write_all(fd, line)) {
                g_autofree char *what = g_strdup_printf("Cannot write the pid file %s", path);
                int code = errno;

                if (fd >= 0)
                        unlink(path);
                errno = code;
                return fail(error, what);
        }
        return true;
}
