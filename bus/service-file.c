/* SPDX-License-Identifier: MIT */
/*
 * Reads .service files. The format is that of desktop entries, so GKeyFile reads it. It takes a
 * little more than the reference implementation does, such as spaces in front of a key, and of a
 * key that is there twice the last one.
 */
#include "bus/service-file.h"

#include "base/fdset.h"
#include "wire/protocol.h"
#include "wire/syntax.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define GROUP "D-BUS Service"
#define CONTAINERS_ALLOW "X-Containers-Allow"
#define SUFFIX ".service"
#define MAX_BYTES (64u << 10)

GQuark service_file_error_quark(void) {
        return g_quark_from_static_string("conductor-service-file-error");
}

void service_file_free(ServiceFile *file) {
        if (!file)
                return;
        g_free(file->path);
        g_free(file->name);
        g_free(file->exec);
        g_free(file->user);
        g_free(file->systemd_service);
        g_free(file->apparmor_label);
        g_free(file->containers_allow);
        g_free(file);
}

static bool fail(GError **error, const char *path, const char *text) {
        g_set_error(error, SERVICE_FILE_ERROR, SERVICE_FILE_ERROR_INVALID, "%s: %s", path, text);
        return false;
}

static bool cannot_open(GError **error, const char *path, int number) {
        bool shortage = number == EMFILE || number == ENFILE || number == ENOMEM;

        g_set_error(error, SERVICE_FILE_ERROR,
                    shortage ? SERVICE_FILE_ERROR_SHORTAGE : SERVICE_FILE_ERROR_INVALID, "%s: %s",
                    path, g_strerror(number));
        return false;
}

static bool read_all(int fd, GString *text) {
        char buffer[4096];
        ssize_t n;

        while ((n = read(fd, buffer, sizeof buffer)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || text->len + (size_t)n > MAX_BYTES)
                        return false;
                g_string_append_len(text, buffer, n);
        }
        return true;
}

/* A pipe somebody put there must not stop the bus. */
static bool read_file(const char *path, GString *text, GError **error) {
        auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat info;

        if (fd < 0 || fstat(fd, &info) < 0)
                return cannot_open(error, path, errno);
        if (!S_ISREG(info.st_mode))
                return fail(error, path, "expected a regular file");
        if (!read_all(fd, text))
                return fail(error, path, "expected at most 64 KiB that can be read");
        return true;
}

static char *get_optional(GKeyFile *keys, const char *key) {
        return g_key_file_get_string(keys, GROUP, key, NULL);
}

static bool get_required(GKeyFile *keys, const char *path, const char *key, char **ret_value,
                         GError **error) {
        g_autoptr(GError) cause = NULL;
        char *value = g_key_file_get_string(keys, GROUP, key, &cause);

        if (!value) {
                g_set_error(error, SERVICE_FILE_ERROR, SERVICE_FILE_ERROR_INVALID,
                            "%s: expected a key %s in group [" GROUP "]: %s", path, key,
                            cause->message);
                return false;
        }
        *ret_value = value;
        return true;
}

static bool check_name(const ServiceFile *file, GError **error) {
        if (syntax_is_well_known_name(file->name, strlen(file->name)) &&
            strcmp(file->name, DBUS_BUS_NAME) != 0)
                return true;
        g_set_error(error, SERVICE_FILE_ERROR, SERVICE_FILE_ERROR_INVALID,
                    "%s: expected a well-known bus name as Name, not \"%s\"", file->path,
                    file->name);
        return false;
}

static bool check_naming(const ServiceFile *file, ServiceDirFlags flags, GError **error) {
        g_autofree char *base = g_path_get_basename(file->path);
        g_autofree char *expected = g_strconcat(file->name, SUFFIX, NULL);

        if (!(flags & SERVICE_DIR_STRICT_NAMING) || strcmp(base, expected) == 0)
                return true;
        g_set_error(error, SERVICE_FILE_ERROR, SERVICE_FILE_ERROR_NAMING,
                    "%s: expected the file to be called %s after its Name; it is left out",
                    file->path, expected);
        return false;
}

/*
 * The line of a key that GKeyFile, which tells none, has found in our group: the last one of that
 * name.
 */
static unsigned find_line(const char *text, const char *key) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        size_t n = strlen(key);
        bool inside = false;
        unsigned found = 0;

        for (unsigned i = 0; lines[i]; i++) {
                const char *line = g_strchug(lines[i]);

                if (line[0] == '[')
                        inside = g_str_has_prefix(line, "[" GROUP "]");
                if (inside && strncmp(line, key, n) == 0 &&
                    line[n + strspn(line + n, " \t")] == '=')
                        found = i + 1;
        }
        return found;
}

/* As written, with backslashes, which no rule has: a bad value is to be seen, not left out. */
static void read_containers_allow(GKeyFile *keys, const char *text, ServiceFile *file) {
        file->containers_allow = g_key_file_get_value(keys, GROUP, CONTAINERS_ALLOW, NULL);
        if (file->containers_allow)
                file->containers_allow_line = find_line(text, CONTAINERS_ALLOW);
}

bool service_file_is_candidate(const char *file_name) {
        return g_str_has_suffix(file_name, SUFFIX);
}

static bool parse(GKeyFile *keys, const char *path, GString *text, GError **error) {
        g_autoptr(GError) cause = NULL;

        if (!read_file(path, text, error))
                return false;
        if (g_key_file_load_from_data(keys, text->str, text->len, G_KEY_FILE_NONE, &cause))
                return true;
        return fail(error, path, cause->message);
}

ServiceFile *service_file_load(const char *path, ServiceDirFlags flags, GError **error) {
        g_autoptr(ServiceFile) file = g_new0(ServiceFile, 1);
        g_autoptr(GKeyFile) keys = g_key_file_new();
        g_autoptr(GString) text = g_string_new(NULL);

        file->path = g_strdup(path);
        if (!parse(keys, path, text, error) ||
            !get_required(keys, path, "Name", &file->name, error) ||
            !get_required(keys, path, "Exec", &file->exec, error))
                return NULL;
        if (!check_name(file, error) || !check_naming(file, flags, error))
                return NULL;
        file->user = get_optional(keys, "User");
        if (file->user)
                file->user_line = find_line(text->str, "User");
        file->systemd_service = get_optional(keys, "SystemdService");
        file->apparmor_label = get_optional(keys, "AssumedAppArmorLabel");
        read_containers_allow(keys, text->str, file);
        return g_steal_pointer(&file);
}

bool service_file_equal(const ServiceFile *a, const ServiceFile *b) {
        return g_strcmp0(a->path, b->path) == 0 && g_strcmp0(a->name, b->name) == 0 &&
               g_strcmp0(a->exec, b->exec) == 0 && g_strcmp0(a->user, b->user) == 0 &&
               g_strcmp0(a->systemd_service, b->systemd_service) == 0 &&
               g_strcmp0(a->apparmor_label, b->apparmor_label) == 0 &&
               g_strcmp0(a->containers_allow, b->containers_allow) == 0;
}
