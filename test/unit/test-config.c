/* SPDX-License-Identifier: MIT */
/*
 * config_load(): defaults, how files are joined, limits, rule groups, and the samples of dbus itself.
 */
#include "policy/config.h"
#include "policy/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLES "/usr/lib/dbus-1.0/installed-tests/dbus/data"
#define LISTEN "<listen>unix:path=/a</listen>"

typedef struct Folder {
        char *path;
        GPtrArray *made; /* files and folders in it, in the order in which they were made */
} Folder;

static void folder_set_up(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        g_autoptr(GError) error = NULL;

        folder->path = g_dir_make_tmp("test-config-XXXXXX", &error);
        g_assert_no_error(error);
        folder->made = g_ptr_array_new_with_free_func(g_free);
}

static void folder_tear_down(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        for (guint i = folder->made->len; i-- > 0;)
                g_assert_cmpint(g_remove(folder->made->pdata[i]), ==, 0);
        g_assert_cmpint(g_rmdir(folder->path), ==, 0);
        g_ptr_array_unref(folder->made);
        g_free(folder->path);
}

/* Return: borrowed from @folder, which has each path once. */
static const char *folder_note(Folder *folder, const char *path) {
        guint i;

        if (!g_ptr_array_find_with_equal_func(folder->made, path, g_str_equal, &i)) {
                i = folder->made->len;
                g_ptr_array_add(folder->made, g_strdup(path));
        }
        return folder->made->pdata[i];
}

static void folder_add_folder(Folder *folder, const char *name) {
        g_autofree char *path = g_build_filename(folder->path, name, NULL);

        g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
        folder_note(folder, path);
}

static const char *folder_write(Folder *folder, const char *name, const char *content) {
        g_autofree char *path = g_build_filename(folder->path, name, NULL);
        g_autoptr(GError) error = NULL;

        g_file_set_contents(path, content, -1, &error);
        g_assert_no_error(error);
        return folder_note(folder, path);
}

/* A file with @body inside <busconfig>. */
static const char *folder_configure(Folder *folder, const char *name, const char *body) {
        g_autofree char *text = g_strdup_printf("<busconfig>\n%s\n</busconfig>\n", body);

        return folder_write(folder, name, text);
}

static Config *load(const char *path) {
        g_autoptr(GError) error = NULL;
        Config *config = config_load(path, &error);

        g_assert_no_error(error);
        g_assert_nonnull(config);
        return config;
}

static char *load_error(const char *path) {
        g_autoptr(GError) error = NULL;

        g_assert_null(config_load(path, &error));
        g_assert_nonnull(error);
        return g_strdup(error->message);
}

/* "dbus-daemon(1), max_...", checked against the reference implementation, whose comments differ from its code. */
static void test_defaults(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        g_autoptr(Config) config = load(folder_configure(folder, "a.conf", LISTEN));
        const ConfigLimits *limits = &config->limits;

        g_assert_cmpuint(limits->max_incoming_bytes, ==, 133169152);
        g_assert_cmpuint(limits->max_incoming_unix_fds, ==, 64);
        g_assert_cmpuint(limits->max_outgoing_bytes, ==, 133169152);
        g_assert_cmpuint(limits->max_outgoing_unix_fds, ==, 64);
        g_assert_cmpuint(limits->max_message_size, ==, 33554432);
        g_assert_cmpuint(limits->max_message_unix_fds, ==, 16);
        g_assert_cmpuint(limits->service_start_timeout, ==, 25000);
        g_assert_cmpuint(limits->auth_timeout, ==, 30000);
        g_assert_cmpuint(limits->pending_fd_timeout, ==, 150000);
        g_assert_cmpuint(limits->reply_timeout, ==, UINT64_MAX);
        g_assert_cmpuint(limits->max_completed_connections, ==, 2048);
        g_assert_cmpuint(limits->max_incomplete_connections, ==, 64);
        g_assert_cmpuint(limits->max_connections_per_user, ==, 256);
        g_assert_cmpuint(limits->max_pending_service_starts, ==, 512);
        g_assert_cmpuint(limits->max_names_per_connection, ==, 512);
        g_assert_cmpuint(limits->max_match_rules_per_connection, ==, 512);
        g_assert_cmpuint(limits->max_replies_per_connection, ==, 128);
        /* containers1, section 7 */
        g_assert_cmpuint(limits->max_containers, ==, 512);
        g_assert_cmpuint(limits->max_containers_per_user, ==, 16);
        g_assert_cmpuint(limits->max_connections_per_container, ==, 8);
        g_assert_cmpuint(limits->max_container_metadata_bytes, ==, 4096);
        g_assert_cmpuint(limits->max_rules_per_container, ==, 4096);

        g_assert_null(config->type);
        g_assert_null(config->user);
        g_assert_false(config->fork || config->syslog || config->keep_umask ||
                       config->allow_anonymous);
        g_assert_cmpint(config->apparmor, ==, APPARMOR_ENABLED);
        g_assert_false(config->containers_unrestricted || config->containers_header_always);
        g_assert_cmpuint(config_get_mechanisms(config), ==, SASL_EXTERNAL);
}

static void test_limits(void) {
        static const struct {
                const char *name, *text;
                bool valid;
                uint64_t value;
        } cases[] = {
                { "max_incoming_bytes", "1000000000", true, 1000000000 },
                { "max_incoming_bytes", "99999999999", true, 99999999999 },
                { "max_incoming_bytes", "99999999999999999999", false, 0 },
                { "max_incoming_bytes", "-1", false, 0 },
                { "max_names_per_connection", "0x20", true, 32 },
                { "max_names_per_connection", "010", true, 8 },
                { "max_names_per_connection", "50x", true, 50 },
                { "max_names_per_connection", "0", true, 0 },
                { "max_names_per_connection", "3123123123", false, 0 },
                { "max_names_per_connection", "bees", false, 0 },
                { "reply_timeout", "-1", false, 0 },
                { "reply_timeout", "60000", true, 60000 },
                { "max_bees", "5", false, 0 },
                { "max_containers", "5", true, 5 },
                { "max_rules_per_container", "5", true, 5 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Config) config = config_new();
                g_autoptr(GError) error = NULL;
                bool valid =
                        config_set_limit(&config->limits, cases[i].name, cases[i].text, &error);

                g_test_message("%s %s", cases[i].name, cases[i].text);
                g_assert_cmpint(valid, ==, cases[i].valid);
                g_assert_cmpint(error == NULL, ==, valid);
                if (!valid)
                        continue;
                if (strcmp(cases[i].name, "max_incoming_bytes") == 0)
                        g_assert_cmpuint(config->limits.max_incoming_bytes, ==, cases[i].value);
                if (strcmp(cases[i].name, "max_names_per_connection") == 0)
                        g_assert_cmpuint(config->limits.max_names_per_connection, ==,
                                         cases[i].value);
                if (strcmp(cases[i].name, "reply_timeout") == 0)
                        g_assert_cmpuint(config->limits.reply_timeout, ==, cases[i].value);
                if (strcmp(cases[i].name, "max_rules_per_container") == 0)
                        g_assert_cmpuint(config->limits.max_rules_per_container, ==,
                                         cases[i].value);
        }
}

/* "The last <type> element wins", "The last <user> entry in the file wins", wherever they stand. */
static void test_include(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path;
        g_autoptr(Config) config = NULL;
        g_autofree char *service_dir = g_build_filename(folder->path, "d", "services", NULL);

        folder_add_folder(folder, "d");
        folder_configure(folder, "d/b.conf",
                         "<type>b</type><user>2</user><fork/>"
                         "<listen>unix:path=/b</listen><limit name='max_containers'>2</limit>"
                         "<limit name='auth_timeout'>7</limit>"
                         "<servicedir>services</servicedir><pidfile>b</pidfile>"
                         "<include>c.conf</include>");
        folder_configure(folder, "d/c.conf", "<limit name='max_containers_per_user'>9</limit>");
        path = folder_configure(folder, "a.conf",
                                "<type>a</type><user>1</user>" LISTEN
                                "<limit name='max_containers'>1</limit>"
                                "<include>d/b.conf</include><include>d/b.conf</include>"
                                "<include ignore_missing='yes'>none.conf</include>"
                                "<user>3</user><limit name='auth_timeout'>8</limit>");
        config = load(path);
        g_assert_cmpstr(config->type, ==, "b");
        g_assert_cmpstr(config->user, ==, "3");
        g_assert_cmpstr(config->pidfile, ==, "b");
        g_assert_true(config->fork);
        g_assert_cmpuint(config->limits.max_containers, ==, 2);
        g_assert_cmpuint(config->limits.max_containers_per_user, ==, 9);
        g_assert_cmpuint(config->limits.auth_timeout, ==, 8);
        g_assert_cmpuint(config->listen->len, ==, 3);
        g_assert_cmpstr(config->listen->pdata[0], ==, "unix:path=/a");
        g_assert_cmpstr(config->listen->pdata[1], ==, "unix:path=/b");
        g_assert_cmpuint(config->service_dirs->len, ==, 1);
        g_assert_cmpstr(((ServiceDir *)config->service_dirs->pdata[0])->path, ==, service_dir);
        /* with the one that is not there: it may come */
        g_assert_cmpuint(config->files->len, ==, 6);
        g_assert_cmpstr(config->files->pdata[0], ==, path);
        g_assert_cmpuint(config->warnings->len, ==, 0);
}

/* Files of a folder are read in sorted order, only *.conf, and a broken one leaves nothing of itself. */
static void test_includedir(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        g_autoptr(Config) config = NULL;

        folder_add_folder(folder, "d");
        folder_configure(folder, "d/b.conf", "<type>b</type>");
        folder_configure(folder, "d/a.conf", "<type>a</type><pidfile>a</pidfile>");
        folder_configure(folder, "d/c.conf",
                         "<type>c</type><limit name='max_containers'>3</limit>\n<bees/>");
        folder_configure(folder, "d/d.conf~", "<type>d</type>");
        folder_add_folder(folder, "d/e.conf");
        config = load(folder_configure(folder, "a.conf",
                                       LISTEN
                                       "<includedir>d</includedir><includedir>none</includedir>"));
        g_assert_cmpstr(config->type, ==, "b");
        g_assert_cmpstr(config->pidfile, ==, "a");
        g_assert_cmpuint(config->limits.max_containers, ==, 512);
        g_assert_cmpuint(config->config_dirs->len, ==, 2);
        g_assert_cmpuint(config->warnings->len, ==, 2);
        g_assert_nonnull(strstr(config->warnings->pdata[0], "a.conf:2: "));
        g_assert_nonnull(strstr(config->warnings->pdata[0], "d/c.conf:3: <bees>"));
        g_assert_nonnull(strstr(config->warnings->pdata[1], "e.conf"));
}

static void test_include_errors(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        static const struct {
                const char *body, *expected;
        } cases[] = {
                { LISTEN "<include>none.conf</include>", "a.conf:2: cannot read " },
                { LISTEN "<include>a.conf</include>", "a.conf:2: " },
                { LISTEN "<include>link.conf</include>", "includes itself" },
                { LISTEN "<include>b.conf</include>", "b.conf:3: <bees>" },
                { LISTEN "<include ignore_missing='yes'>b.conf</include>", "b.conf:3: <bees>" },
                { LISTEN "<include ignore_missing='yes'>/dev/null</include>", "/dev/null" },
                { LISTEN "<include ignore_missing='yes'>.</include>", "a.conf:2: cannot read " },
                { LISTEN "<includedir>b.conf</includedir>", "a.conf:2: " },
                { LISTEN "<include>c0.conf</include>", "too deeply" },
                { "", "a.conf:1: no address" },
        };
        g_autofree char *link = g_build_filename(folder->path, "link.conf", NULL);

        folder_configure(folder, "b.conf", "\n<bees/>");
        for (int i = 0; i < 80; i++) {
                g_autofree char *name = g_strdup_printf("c%d.conf", i);
                g_autofree char *body = g_strdup_printf("<include>c%d.conf</include>", i + 1);

                folder_configure(folder, name, body);
        }
        folder_configure(folder, "c80.conf", "");
        g_assert_cmpint(symlink("a.conf", link), ==, 0);
        folder_note(folder, link);

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *message =
                        load_error(folder_configure(folder, "a.conf", cases[i].body));

                g_test_message("%s: %s", cases[i].body, message);
                g_assert_nonnull(strstr(message, cases[i].expected));
                g_assert_true(g_str_has_prefix(message, folder->path));
        }
}

/* As in the reference implementation, <include ignore_missing> of a file that lacks something is as good as no file. */
static void test_missing_below(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        g_autoptr(Config) config = NULL;

        folder_configure(folder, "b.conf", "<type>b</type><include>none.conf</include>");
        config = load(folder_configure(folder, "a.conf",
                                       LISTEN "<include ignore_missing='yes'>b.conf</include>"));
        g_assert_null(config->type);
        g_assert_cmpuint(config->warnings->len, ==, 1);
        g_assert_nonnull(strstr(config->warnings->pdata[0], "none.conf"));
}

static void test_descriptor(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path = folder_configure(
                folder, "a.conf", LISTEN "<include ignore_missing='yes'>b.conf</include>");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        g_autofree char *by_fd = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autoptr(Config) config = NULL;

        g_assert_cmpint(fd, >=, 0);
        config = load(by_fd);
        g_assert_cmpuint(config->listen->len, ==, 1);
        close(fd);
}

static void test_pipe(void) {
        static const char text[] = "<busconfig>" LISTEN "</busconfig>";
        int fds[2];
        g_autofree char *by_fd = NULL;
        g_autoptr(Config) config = NULL;

        g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
        g_assert_cmpint(write(fds[1], text, sizeof text - 1), ==, sizeof text - 1);
        close(fds[1]);
        by_fd = g_strdup_printf("/proc/self/fd/%d", fds[0]);
        config = load(by_fd);
        g_assert_cmpuint(config->listen->len, ==, 1);
        close(fds[0]);
}

static void test_groups(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path = folder_configure(
                folder, "a.conf",
                LISTEN "<containers default_access='unrestricted' header='always'>\n"
                       "<group name='portals'>\n"
                       "  talk org.a.B   # comment\n"
                       "</group><group name='other'>see org.c.D</group></containers>\n"
                       "<containers><group name='other'>see org.e.F</group></containers>"
                       "<busy_poll usec='60'/>");
        g_autoptr(Config) config = NULL;
        const RuleGroup *group;

        folder_add_folder(folder, "containers.d");
        folder_write(folder, "containers.d/media.rules", "talk org.m.M\n");
        folder_write(folder, "containers.d/broken.rules", "talk org.m.M\nbuzz org.m.M\n");
        config = load(path);
        g_assert_true(config->containers_unrestricted);
        g_assert_true(config->containers_header_always);
        g_assert_cmpuint(config->busy_poll_usec, ==, 60);

        group = config_find_group(config, "portals");
        g_assert_nonnull(group);
        g_assert_cmpstr(group->text, ==, "\n  talk org.a.B   # comment\n");
        g_assert_cmpstr(group->file, ==, path);
        g_assert_cmpuint(group->line, ==, 3);
        g_assert_cmpstr(config_find_group(config, "other")->text, ==, "see org.e.F");
        g_assert_cmpstr(config_find_group(config, "media")->text, ==, "talk org.m.M\n");
        g_assert_null(config_find_group(config, "broken"));
        g_assert_null(config_find_group(config, "none"));
        g_assert_cmpuint(config->warnings->len, ==, 1);
        g_assert_nonnull(strstr(config->warnings->pdata[0], "broken.rules:2: "));
}

static void test_group_error(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path =
                folder_configure(folder, "a.conf",
                                 LISTEN "<containers><group name='a'>\n"
                                        "see org.a.B\nbuzz org.a.B\n</group></containers>");
        g_autofree char *message = load_error(path);

        g_assert_nonnull(strstr(message, "a.conf:4: "));
}

static void test_mechanisms(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        static const struct {
                const char *body;
                SaslMechanisms mechanisms;
        } cases[] = {
                { "<auth>EXTERNAL</auth>", SASL_EXTERNAL },
                { "<auth>ANONYMOUS</auth>", 0 },
                { "<auth>ANONYMOUS</auth><allow_anonymous/>", SASL_ANONYMOUS },
                { "<auth>EXTERNAL</auth><allow_anonymous/>", SASL_EXTERNAL },
                { "<allow_anonymous/>", SASL_EXTERNAL | SASL_ANONYMOUS },
                { "<auth>DBUS_COOKIE_SHA1</auth><auth> EXTERNAL </auth>", SASL_EXTERNAL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *body = g_strconcat(LISTEN, cases[i].body, NULL);
                g_autoptr(Config) config = load(folder_configure(folder, "a.conf", body));

                g_test_message("%s", cases[i].body);
                g_assert_cmpuint(config_get_mechanisms(config), ==, cases[i].mechanisms);
        }
}

static void test_quota_limits(void) {
        g_autoptr(Config) config = config_new();
        QuotaLimits limits;

        config_get_quota_limits(config, &limits);
        g_assert_cmpuint(limits.max[QUOTA_INCOMING_BYTES], ==, 133169152);
        g_assert_cmpuint(limits.max[QUOTA_NAMES], ==, 512);
        g_assert_cmpuint(limits.max[QUOTA_REPLIES], ==, 128);
        g_assert_cmpuint(limits.max[QUOTA_CONNECTIONS], ==, 256);
}

static const char *service_dir_at(const Config *config, guint i) {
        g_assert_cmpuint(i, <, config->service_dirs->len);
        return ((const ServiceDir *)config->service_dirs->pdata[i])->path;
}

/* In a process of its own, for its environment. */
static void test_session_service_dirs(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path = folder_configure(folder, "a.conf",
                                            LISTEN "<servicedir>/first</servicedir>"
                                                   "<standard_session_servicedirs/>");
        g_autoptr(Config) config = NULL;

        if (!g_test_subprocess()) {
                g_test_trap_subprocess(NULL, 0, 0);
                g_test_trap_assert_passed();
                return;
        }
        g_setenv("XDG_RUNTIME_DIR", "/run/u", TRUE);
        g_setenv("XDG_DATA_HOME", "/home/x/data", TRUE);
        g_setenv("XDG_DATA_DIRS", "/opt/a:relative::/usr/share:/opt/a", TRUE);
        config = load(path);
        g_assert_cmpstr(service_dir_at(config, 0), ==, "/first");
        g_assert_cmpstr(service_dir_at(config, 1), ==, "/run/u/dbus-1/services");
        g_assert_cmpuint(((const ServiceDir *)config->service_dirs->pdata[1])->flags, ==,
                         SERVICE_DIR_NO_WATCH | SERVICE_DIR_STRICT_NAMING);
        g_assert_cmpstr(service_dir_at(config, 2), ==, "/home/x/data/dbus-1/services");
        g_assert_cmpstr(service_dir_at(config, 3), ==, "/opt/a/dbus-1/services");
        g_assert_cmpstr(service_dir_at(config, 4), ==, "/usr/share/dbus-1/services");
        g_assert_cmpuint(((const ServiceDir *)config->service_dirs->pdata[4])->flags, ==,
                         SERVICE_DIR_DEFAULT);
}

static void test_system_service_dirs(Folder *folder, G_GNUC_UNUSED gconstpointer data) {
        const char *path =
                folder_configure(folder, "a.conf", LISTEN "<standard_system_servicedirs/>");
        g_autoptr(Config) config = load(path);

        g_assert_cmpstr(service_dir_at(config, 0), ==, "/usr/local/share/dbus-1/system-services");
        g_assert_cmpstr(service_dir_at(config, 1), ==, "/usr/share/dbus-1/system-services");
        g_assert_cmpstr(service_dir_at(config, config->service_dirs->len - 1), ==,
                        "/lib/dbus-1/system-services");
}

/* How many files of a folder of samples do not load as they should. */
static unsigned try_samples(const char *folder, bool valid, unsigned *n_files) {
        g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
        const char *name;
        unsigned n_wrong = 0;

        g_assert_nonnull(dir);
        while ((name = g_dir_read_name(dir))) {
                g_autofree char *path = g_build_filename(folder, name, NULL);
                g_autoptr(GError) error = NULL;
                g_autoptr(Config) config = NULL;

                if (!g_str_has_suffix(name, ".conf"))
                        continue;
                (*n_files)++;
                config = config_load(path, &error);
                g_test_message("%s: %s", name, config ? "loads" : error->message);
                if ((config != NULL) != valid)
                        n_wrong++;
        }
        return n_wrong;
}

static void test_samples(gconstpointer data) {
        g_autofree char *path = g_build_filename(SAMPLES, data, NULL);
        unsigned n_files = 0;

        if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
                g_test_skip("Debian's package dbus-tests is not installed");
                return;
        }
        g_assert_cmpuint(try_samples(path, g_str_has_prefix(data, "valid"), &n_files), ==, 0);
        g_assert_cmpuint(n_files, >, 0);
}

static void test_stock(gconstpointer path) {
        g_autoptr(Config) config = NULL;

        if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
                g_test_skip("Debian's dbus packages are not installed");
                return;
        }
        config = load(path);
        g_assert_cmpstr(config->type, ==, strstr(path, "session") ? "session" : "system");
        g_assert_cmpuint(config->rules->len, >, 2);
        g_assert_cmpuint(config_get_mechanisms(config), ==, SASL_EXTERNAL);
}

/* Containers1, section 7: column "session.conf", whatever the release of dbus-1 says itself. */
static void test_session_limits(Folder *folder, gconstpointer user) {
        static const char stock[] = "/usr/share/dbus-1/session.conf";
        const char *including;

        (void)user;
        if (!g_file_test(stock, G_FILE_TEST_EXISTS) ||
            strcmp(DBUS_DATA_DIR, "/usr/share/dbus-1") != 0) {
                g_test_skip("dbus-1's session.conf is not installed where the bus looks for it");
                return;
        }
        for (unsigned i = 0; i < 2; i++) {
                g_autoptr(Config) config =
                        load(i ? "/usr/share/dbus-1/../dbus-1/session.conf" : stock);

                g_assert_cmpuint(config->limits.max_containers, ==, 10000);
                g_assert_cmpuint(config->limits.max_containers_per_user, ==, 10000);
                g_assert_cmpuint(config->limits.max_connections_per_container, ==, 16);
                g_assert_cmpuint(config->limits.max_container_metadata_bytes, ==, 1000000000);
                g_assert_cmpuint(config->limits.max_rules_per_container, ==, 100000);
        }
        including = folder_configure(folder, "session.conf", LISTEN "<type>session</type>");
        g_autoptr(Config) other = load(including);
        g_assert_cmpuint(other->limits.max_containers_per_user, ==, 16);
}

#define ADD(name, function)                                                                        \
        g_test_add(name, Folder, NULL, folder_set_up, function, folder_tear_down)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        ADD("/policy/config/defaults", test_defaults);
        g_test_add_func("/policy/config/limits", test_limits);
        ADD("/policy/config/include", test_include);
        ADD("/policy/config/includedir", test_includedir);
        ADD("/policy/config/include-errors", test_include_errors);
        ADD("/policy/config/missing-below", test_missing_below);
        ADD("/policy/config/descriptor", test_descriptor);
        g_test_add_func("/policy/config/pipe", test_pipe);
        ADD("/policy/config/groups", test_groups);
        ADD("/policy/config/group-error", test_group_error);
        ADD("/policy/config/mechanisms", test_mechanisms);
        g_test_add_func("/policy/config/quota-limits", test_quota_limits);
        ADD("/policy/config/service-dirs/session", test_session_service_dirs);
        ADD("/policy/config/service-dirs/system", test_system_service_dirs);
        g_test_add_data_func("/policy/config/samples/valid", "valid-config-files", test_samples);
        g_test_add_data_func("/policy/config/samples/valid-system", "valid-config-files-system",
                             test_samples);
        g_test_add_data_func("/policy/config/samples/invalid", "invalid-config-files",
                             test_samples);
        g_test_add_data_func("/policy/config/stock/session", "/usr/share/dbus-1/session.conf",
                             test_stock);
        g_test_add("/policy/config/stock/session-limits", Folder, NULL, folder_set_up,
                   test_session_limits, folder_tear_down);
        g_test_add_data_func("/policy/config/stock/system", "/usr/share/dbus-1/system.conf",
                             test_stock);
        return g_test_run();
}
