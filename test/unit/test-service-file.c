/* SPDX-License-Identifier: MIT */
/*
 * .service files: what is taken from them, what is refused, and how the change of a folder is
 * noticed.
 */
#include "bus/services.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Fixture {
        char *folder; /* owned; empty but for what a test writes */
        unsigned n_changes;
} Fixture;

static void set_up(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        fixture->folder = g_dir_make_tmp("conductor-service-XXXXXX", NULL);
        fixture->n_changes = 0;
        g_assert_nonnull(fixture->folder);
}

static void remove_tree(const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;

        while (folder && (name = g_dir_read_name(folder))) {
                g_autofree char *child = g_build_filename(path, name, NULL);

                remove_tree(child);
        }
        g_assert_cmpint(g_remove(path), ==, 0);
}

static void tear_down(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        remove_tree(fixture->folder);
        g_free(fixture->folder);
}

static char *write_file(const Fixture *fixture, const char *name, const char *text, gssize n) {
        char *path = g_build_filename(fixture->folder, name, NULL);

        g_assert_true(g_file_set_contents(path, text, n, NULL));
        return path;
}

static char *write_service(const Fixture *fixture, const char *name, const char *exec) {
        g_autofree char *file = g_strconcat(name, ".service", NULL);
        g_autofree char *text = g_strdup_printf("[D-BUS Service]\nName=%s\nExec=%s\n", name, exec);

        return write_file(fixture, file, text, -1);
}

/* --- one file --- */

typedef struct Row {
        const char *text;
        const char *name; /* NULL: refused */
        const char *exec;
        const char *error; /* what the text of the error contains */
} Row;

static const Row rows[] = {
        { "[D-BUS Service]\nName=a.b\nExec=/bin/x -y\n", "a.b", "/bin/x -y", NULL },
        { "[D-BUS Service]\nName=a.b\nExec=/bin/x", "a.b", "/bin/x", NULL },
        { "# comment\n\n[D-BUS Service]\nName = a.b\nExec= /bin/x\n[Other]\nx=y\n", "a.b", "/bin/x",
          NULL },
        { "[D-BUS Service]\nName=a.b\nExec=/bin/x\nFoo=bar\nFoo[de]=x\n", "a.b", "/bin/x", NULL },
        { "[D-BUS Service]\nName=a.b\nExec=a\\sb\n", "a.b", "a b", NULL },
        { "[D-BUS Service]\nName=a.b\nExec=\n", "a.b", "", NULL },
        { "", NULL, NULL, "key Name" },
        { "[Other]\nName=a.b\nExec=/bin/x\n", NULL, NULL, "key Name" },
        { "[D-BUS Service]\nExec=/bin/x\n", NULL, NULL, "key Name" },
        { "[D-BUS Service]\nName=a.b\n", NULL, NULL, "key Exec" },
        { "Name=a.b\n[D-BUS Service]\nExec=/bin/x\n", NULL, NULL, "" },
        { "garbage\n", NULL, NULL, "garbage" },
        { "[D-BUS Service]\nName=a.b\nExec=/bin/x\n[Oops\n", NULL, NULL, "Oops" },
        { "[D-BUS Service]\nName=not a name\nExec=/bin/x\n", NULL, NULL, "well-known bus name" },
        { "[D-BUS Service]\nName=:1.5\nExec=/bin/x\n", NULL, NULL, "well-known bus name" },
        { "[D-BUS Service]\nName=org.freedesktop.DBus\nExec=/bin/x\n", NULL, NULL,
          "well-known bus name" },
        { "[D-BUS Service]\nName=a.b\nExec=/bin/\xff\n", NULL, NULL, "UTF-8" },
};

static void test_text(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *path = write_file(fixture, "x.service", rows[i].text, -1);
                g_autoptr(GError) error = NULL;
                g_autoptr(ServiceFile) file = service_file_load(path, SERVICE_DIR_DEFAULT, &error);

                g_test_message("%s", rows[i].text);
                g_assert_cmpint(file != NULL, ==, rows[i].name != NULL);
                if (file) {
                        g_assert_cmpstr(file->name, ==, rows[i].name);
                        g_assert_cmpstr(file->exec, ==, rows[i].exec);
                        g_assert_cmpstr(file->path, ==, path);
                        g_assert_null(file->user);
                        continue;
                }
                g_assert_true(g_str_has_prefix(error->message, path));
                g_assert_nonnull(strstr(error->message, rows[i].error));
        }
}

static void test_all_keys(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *path = write_file(fixture, "x.service",
                                           "[D-BUS Service]\nName=a.b\nExec=/bin/x\nUser=somebody\n"
                                           "SystemdService=b.service\nAssumedAppArmorLabel=/bin/b\n"
                                           "X-Containers-Allow=call * a.b.C;receive *\n",
                                           -1);
        g_autoptr(ServiceFile) file = service_file_load(path, SERVICE_DIR_DEFAULT, NULL);
        g_autoptr(ServiceFile) again = service_file_load(path, SERVICE_DIR_DEFAULT, NULL);

        g_assert_nonnull(file);
        g_assert_cmpstr(file->user, ==, "somebody");
        g_assert_cmpstr(file->systemd_service, ==, "b.service");
        g_assert_cmpstr(file->apparmor_label, ==, "/bin/b");
        g_assert_cmpstr(file->containers_allow, ==, "call * a.b.C;receive *");
        g_assert_cmpuint(file->containers_allow_line, ==, 7);
        g_assert_true(service_file_equal(file, again));
        g_free(again->user);
        again->user = NULL;
        g_assert_false(service_file_equal(file, again));
}

static void test_naming(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *wrong =
                write_file(fixture, "c.d.service", "[D-BUS Service]\nName=a.b\nExec=x\n", -1);
        g_autofree char *right = write_service(fixture, "a.b", "x");
        g_autoptr(GError) error = NULL;
        g_autoptr(ServiceFile) lax = service_file_load(wrong, SERVICE_DIR_DEFAULT, NULL);
        g_autoptr(ServiceFile) strict = service_file_load(right, SERVICE_DIR_STRICT_NAMING, NULL);

        g_assert_nonnull(lax);
        g_assert_nonnull(strict);
        g_assert_null(service_file_load(wrong, SERVICE_DIR_STRICT_NAMING, &error));
        g_assert_error(error, SERVICE_FILE_ERROR, SERVICE_FILE_ERROR_NAMING);
        g_assert_nonnull(strstr(error->message, "a.b.service"));
}

static void test_no_file(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *pipe = g_build_filename(fixture->folder, "pipe.service", NULL);
        g_autofree char *absent = g_build_filename(fixture->folder, "absent.service", NULL);
        g_autofree char *zeros = g_malloc0(1 << 17);
        g_autofree char *large = write_file(fixture, "large.service", zeros, 1 << 17);

        g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
        g_assert_null(service_file_load(pipe, SERVICE_DIR_DEFAULT, NULL));
        g_assert_null(service_file_load(absent, SERVICE_DIR_DEFAULT, NULL));
        g_assert_null(service_file_load(large, SERVICE_DIR_DEFAULT, NULL));
        g_assert_null(service_file_load(fixture->folder, SERVICE_DIR_DEFAULT, NULL));
}

/* --- folders --- */

static void on_changed(void *user) {
        ((Fixture *)user)->n_changes++;
}

static GPtrArray *folders_new(const char *first, ServiceDirFlags flags, const char *second) {
        GPtrArray *dirs = g_ptr_array_new_with_free_func(service_dir_free);

        service_dirs_add(dirs, first, flags);
        if (second)
                service_dirs_add(dirs, second, SERVICE_DIR_DEFAULT);
        return dirs;
}

static const char *exec_of(Services *services, const char *name) {
        const ServiceFile *file = services_find(services, wire_string(name));

        return file ? file->exec : NULL;
}

static void count(const ServiceFile *file G_GNUC_UNUSED, void *user) {
        (*(unsigned *)user)++;
}

static void test_precedence(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *second = g_build_filename(fixture->folder, "second", NULL);
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Services) services = services_new(loop, on_changed, fixture);
        g_autoptr(GPtrArray) dirs = folders_new(fixture->folder, SERVICE_DIR_DEFAULT, second);
        Fixture below = { .folder = second };
        unsigned n = 0;

        g_assert_cmpint(g_mkdir(second, 0700), ==, 0);
        g_free(write_service(fixture, "a.both", "first"));
        g_free(write_service(&below, "a.both", "second"));
        g_free(write_service(&below, "a.only", "second"));
        g_free(write_file(fixture, "readme.txt", "[D-BUS Service]\nName=a.txt\nExec=x\n", -1));
        services_load(services, dirs);
        g_assert_cmpstr(exec_of(services, "a.both"), ==, "first");
        g_assert_cmpstr(exec_of(services, "a.only"), ==, "second");
        g_assert_null(exec_of(services, "a.txt"));
        services_foreach(services, count, &n);
        g_assert_cmpuint(n, ==, 2);
        g_assert_cmpuint(fixture->n_changes, ==, 0);
}

/* A watched folder tells by itself. */
static void test_watched(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Services) services = services_new(loop, on_changed, fixture);
        g_autoptr(GPtrArray) dirs = folders_new(fixture->folder, SERVICE_DIR_DEFAULT, NULL);
        g_autofree char *path = NULL;

        services_load(services, dirs);
        path = write_service(fixture, "a.b", "x");
        while (fixture->n_changes == 0)
                g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_cmpstr(exec_of(services, "a.b"), ==, "x");
        g_assert_cmpint(g_unlink(path), ==, 0);
        fixture->n_changes = 0;
        while (fixture->n_changes == 0)
                g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_null(exec_of(services, "a.b"));
}

/* The folder of transient files is made, together with the one above it, and nothing else is. */
static void test_transient(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *transient = g_build_filename(fixture->folder, "dbus-1", "services", NULL);
        g_autofree char *other = g_build_filename(fixture->folder, "other", NULL);
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Services) services = services_new(loop, on_changed, fixture);
        g_autoptr(GPtrArray) dirs =
                folders_new(transient, SERVICE_DIR_NO_WATCH | SERVICE_DIR_STRICT_NAMING, other);

        services_load(services, dirs);
        g_assert_true(g_file_test(transient, G_FILE_TEST_IS_DIR));
        g_assert_false(g_file_test(other, G_FILE_TEST_EXISTS));
}

/* Others are looked at when a name is not known, also those that were not there at first. */
static void test_looked_at(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *later = g_build_filename(fixture->folder, "later", NULL);
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Services) services = services_new(loop, on_changed, fixture);
        g_autoptr(GPtrArray) dirs = folders_new(later, SERVICE_DIR_NO_WATCH, NULL);
        Fixture below = { .folder = later };

        services_load(services, dirs);
        g_assert_null(exec_of(services, "a.b"));
        g_assert_cmpint(g_mkdir(later, 0700), ==, 0);
        g_free(write_service(&below, "a.b", "x"));
        g_assert_cmpstr(exec_of(services, "a.b"), ==, "x");
        while (fixture->n_changes == 0)
                g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_cmpuint(fixture->n_changes, ==, 1);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        ADD("/bus/service-file/text", test_text);
        ADD("/bus/service-file/all-keys", test_all_keys);
        ADD("/bus/service-file/naming", test_naming);
        ADD("/bus/service-file/no-file", test_no_file);
        ADD("/bus/services/precedence", test_precedence);
        ADD("/bus/services/watched", test_watched);
        ADD("/bus/services/transient", test_transient);
        ADD("/bus/services/looked-at", test_looked_at);
        return g_test_run();
}
