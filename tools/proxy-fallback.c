/* SPDX-License-Identifier: MIT */
/*
 * What the caller gave by --args has been read and cannot be read again, so the real proxy gets all
 * its arguments by a descriptor of ours.
 */
#include "tools/proxy-fallback.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "xdg-dbus-proxy"

/* In the environment of what we have become; it is us again where a script has that name. */
#define GUARD "DBUS_CONTAINER_PROXY_FALLBACK"

/* Whether @path may be executed and is another file than the one we are. */
static bool is_other_program(const char *path) {
        struct stat ours, theirs;

        if (stat("/proc/self/exe", &ours) < 0 || stat(path, &theirs) < 0 ||
            !S_ISREG(theirs.st_mode) || access(path, X_OK) < 0)
                return false;
        return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

/* In one folder, where dpkg-divert(1) may have moved the real one aside. */
static char *find_in_folder(const char *folder) {
        static const char *const names[] = { PROGRAM ".distrib", PROGRAM };

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *path = g_build_filename(folder, names[i], NULL);

                if (is_other_program(path))
                        return g_steal_pointer(&path);
        }
        return NULL;
}

static char *find_program(const ProxyArguments *arguments) {
        const char *chosen = arguments->program ? arguments->program
                                                : g_getenv("DBUS_CONTAINER_PROXY_PROGRAM");
        g_autofree char *search = g_strconcat(g_getenv("PATH") ? g_getenv("PATH") : "",
                                              ":/usr/bin", NULL);
        g_auto(GStrv) folders = g_strsplit(search, ":", -1);

        if (chosen)
                return g_strdup(chosen);
        for (char **folder = folders; *folder; folder++) {
                char *path = **folder != '\0' ? find_in_folder(*folder) : NULL;

                if (path)
                        return path;
        }
        return NULL;
}

static GByteArray *real_arguments(const ProxyArguments *arguments, const GPtrArray *pairs) {
        GByteArray *data = g_byte_array_new();

        if (arguments->sync_fd >= 0) {
                g_autofree char *sync = g_strdup_printf("--fd=%d", arguments->sync_fd);

                g_byte_array_append(data, (const guint8 *)sync, (guint)strlen(sync) + 1);
        }
        for (guint i = 0; i < pairs->len; i++) {
                const ProxyPair *pair = pairs->pdata[i];

                for (guint j = 0; j < pair->words->len; j++) {
                        const char *word = pair->words->pdata[j];

                        g_byte_array_append(data, (const guint8 *)word, (guint)strlen(word) + 1);
                }
        }
        return data;
}

static bool write_all(int fd, const GByteArray *data) {
        for (size_t at = 0; at < data->len;) {
                ssize_t n = TEMP_FAILURE_RETRY(write(fd, data->data + at, data->len - at));

                if (n < 0)
                        return false;
                at += (size_t)n;
        }
        return lseek(fd, 0, SEEK_SET) == 0;
}

void proxy_fallback_exec(const ProxyArguments *arguments, const GPtrArray *pairs, GError **error) {
        g_autofree char *program = find_program(arguments);
        g_autoptr(GByteArray) data = real_arguments(arguments, pairs);
        g_autofree char *args = NULL;
        int fd, saved_errno;

        if (!program || g_getenv(GUARD)) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                            "the bus has no containers, and there is no " PROGRAM
                            " to stand in; install it or name it with -- --proxy=PROGRAM");
                return;
        }

        /* Stays open in the program. */
        fd = memfd_create("arguments", 0);
        if (fd >= 0 && write_all(fd, data)) {
                args = g_strdup_printf("--args=%d", fd);
                g_setenv(GUARD, "1", TRUE);
                (void)signal(SIGPIPE, SIG_DFL);
                (void)execl(program, PROGRAM, args, NULL);
        }
        saved_errno = errno;
        if (fd >= 0)
                close(fd);
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved_errno), "cannot run %s: %s",
                    program, g_strerror(saved_errno));
}
