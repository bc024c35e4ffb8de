/* SPDX-License-Identifier: MIT */
/*
 * Reading of configuration files. The size is bounded: configuration is written by people.
 */
#include "policy/config-files.h"

#include "base/fdset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MAX_FILE (16u << 20)

/* Return: a descriptor that the caller owns, -errno */
static int open_file(const char *path, bool only_regular, struct stat *ret_stat) {
        auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (only_regular ? O_NONBLOCK : 0));

        if (fd < 0 || fstat(fd, ret_stat) < 0)
                return -errno;
        if (S_ISDIR(ret_stat->st_mode))
                return -EISDIR;
        if (only_regular && !S_ISREG(ret_stat->st_mode))
                return -EINVAL;
        return g_steal_fd(&fd);
}

/* Return: 0, -errno */
static int read_all(int fd, GByteArray *bytes) {
        uint8_t buffer[4096];

        for (;;) {
                ssize_t n = read(fd, buffer, sizeof buffer);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                if (bytes->len + (size_t)n > MAX_FILE)
                        return -EFBIG;
                g_byte_array_append(bytes, buffer, (guint)n);
        }
}

/* What a GFileError means to who reads the configuration. */
static gint error_code(gint code) {
        if (code == G_FILE_ERROR_NOENT)
                return CONFIG_ERROR_MISSING;
        if (code == G_FILE_ERROR_ACCES || code == G_FILE_ERROR_PERM)
                return CONFIG_ERROR_DENIED;
        if (code == G_FILE_ERROR_MFILE || code == G_FILE_ERROR_NFILE || code == G_FILE_ERROR_NOMEM)
                return CONFIG_ERROR_SHORTAGE;
        return CONFIG_ERROR_INVALID;
}

bool config_files_read(const char *path, bool only_regular, GByteArray *bytes,
                       struct stat *ret_stat, GError **error) {
        struct stat file;
        auto_fd fd = open_file(path, only_regular, &file);
        int result = fd < 0 ? fd : read_all(fd, bytes);

        if (result < 0) {
                g_set_error(error, CONFIG_ERROR, error_code(g_file_error_from_errno(-result)),
                            "cannot read %s: %s, expected a file of at most %u MiB", path,
                            g_strerror(-result), MAX_FILE >> 20);
                return false;
        }
        *ret_stat = file;
        return true;
}

static gint compare_names(gconstpointer a, gconstpointer b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *config_files_list(const char *path, const char *suffix, GError **error) {
        DIR *folder = opendir(path);
        GPtrArray *names;
        const struct dirent *entry;

        if (!folder) {
                /* g_strerror() would load the machinery of character sets to say that nothing is there */
                g_set_error(error, CONFIG_ERROR, error_code(g_file_error_from_errno(errno)),
                            "cannot read %s: %s", path, strerrordesc_np(errno));
                return NULL;
        }
        names = g_ptr_array_new_with_free_func(g_free);
        while ((entry = readdir(folder)))
                if (g_str_has_suffix(entry->d_name, suffix))
                        g_ptr_array_add(names, g_strdup(entry->d_name));
        closedir(folder);
        g_ptr_array_sort(names, compare_names);
        return names;
}
