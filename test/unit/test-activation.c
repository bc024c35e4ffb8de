/* SPDX-License-Identifier: MIT */
/*
 * Activation between two stand-ins: below it real service files and real children, above it a host
 * that writes down what it is told.
 */
#include "bus/activation.h"
#include "bus/connection.h"
#include "wire/protocol.h"
#include "wire/writer.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Fixture {
        char *folder; /* owned; of service files */
        Bus bus;
        Connection callers[2];
        GPtrArray
                *told; /* owned; "started 1 5", "deliver 1 7", "failed 1 5 TimedOut", "ask UNIT" */
        bool systemd; /* org.freedesktop.systemd1 has an owner */
        unsigned n_changes;
        char *last_text;  /* owned; of the last error */
        char *last_limit; /* owned; of the last record */
} Fixture;

static void deliver(void *host, uint64_t caller_id, const Message *message) {
        Fixture *fixture = host;

        g_assert_true(message->payload != NULL);
        g_ptr_array_add(fixture->told,
                        g_strdup_printf("deliver %d %u", (int)caller_id, message->view.serial));
}

static void started(void *host, const CallRef *call) {
        Fixture *fixture = host;

        g_ptr_array_add(fixture->told,
                        g_strdup_printf("started %d %u", (int)call->caller_id, call->serial));
}

static void failed(void *host, const CallRef *call, const char *error_name, const char *text) {
        Fixture *fixture = host;
        const char *prefix = "org.freedesktop.DBus.Error.";

        g_assert_cmpstr(text, !=, "");
        if (g_str_has_prefix(error_name, prefix))
                error_name += strlen(prefix);
        g_ptr_array_add(fixture->told,
                        g_strdup_printf("failed %d %u %s", (int)call->caller_id, call->serial,
                                        error_name));
        g_free(fixture->last_text);
        fixture->last_text = g_strdup(text);
}

static void services_changed(void *host) {
        ((Fixture *)host)->n_changes++;
}

static bool ask_systemd(void *host, const char *unit, bool again G_GNUC_UNUSED) {
        Fixture *fixture = host;

        if (fixture->systemd)
                g_ptr_array_add(fixture->told, g_strdup_printf("ask %s", unit));
        return fixture->systemd;
}

static void add_service(const Fixture *fixture, const char *name, const char *exec,
                        const char *more) {
        g_autofree char *file = g_strconcat(name, ".service", NULL);
        g_autofree char *path = g_build_filename(fixture->folder, file, NULL);
        g_autofree char *text =
                g_strdup_printf("[D-BUS Service]\nName=%s\nExec=%s\n%s\n", name, exec, more);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void add_script(const Fixture *fixture, const char *name, const char *lines) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_autofree char *text = g_strconcat("#!/bin/sh\n", lines, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        g_assert_cmpint(g_chmod(path, 0700), ==, 0);
}

/* a.Slow waits at a pipe, which ends it with the test. */
static void add_services(const Fixture *fixture) {
        g_autofree char *pipe = g_build_filename(fixture->folder, "pipe", NULL);
        g_autofree char *wait = g_strdup_printf("/bin/sh -c 'read x < %s'", pipe);

        g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
        add_service(fixture, "a.Zero", "/bin/true", "");
        add_service(fixture, "a.Three", "/bin/sh -c 'exit 3'", "User=root");
        add_service(fixture, "a.Same", "/bin/sh -c 'exit 3'", "");
        add_service(fixture, "a.Signal", "/bin/sh -c 'kill -9 $$'", "");
        add_service(fixture, "a.NoProgram", "/nonexistent/program", "");
        add_service(fixture, "a.Empty", "", "");
        add_service(fixture, "a.Quote", "/bin/sh 'x", "");
        add_service(fixture, "a.Slow", wait, "");
        add_service(fixture, "a.Unit", "/bin/false", "SystemdService=unit.service");
}

static void denied(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict) {
        Fixture *fixture = CONTAINER_OF(bus, Fixture, bus);

        g_assert_nonnull(query->sender);
        g_assert_cmpint(verdict->layer, ==, POLICY_LAYER_LIMIT);
        g_free(fixture->last_limit);
        fixture->last_limit = g_strdup(verdict->rule);
}

static void set_up(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        const ActivationHost host = { .deliver = deliver,
                                      .started = started,
                                      .failed = failed,
                                      .services_changed = services_changed,
                                      .ask_systemd = ask_systemd,
                                      .host = fixture };
        Bus *bus = &fixture->bus;

        fixture->folder = g_dir_make_tmp("conductor-activation-XXXXXX", NULL);
        fixture->told = g_ptr_array_new_with_free_func(g_free);
        add_services(fixture);
        bus->loop = loop_new(NULL);
        bus->config = config_new();
        service_dirs_add(bus->config->service_dirs, fixture->folder, SERVICE_DIR_DEFAULT);
        config_get_quota_limits(bus->config, &bus->limits);
        for (unsigned i = 0; i < G_N_ELEMENTS(fixture->callers); i++) {
                fixture->callers[i].id = i + 1;
                quota_init(&fixture->callers[i].quota, NULL, &bus->limits, 1);
        }
        bus->hooks.denied = denied;
        bus->activation = activation_new(bus, &host);
        activation_reload(bus->activation, bus->config);
        g_assert_cmpuint(fixture->n_changes, ==, 0);
}

/* Wakes who waits at the pipe; who comes later finds none. */
static void end_children(const Fixture *fixture) {
        g_autofree char *pipe = g_build_filename(fixture->folder, "pipe", NULL);
        auto_fd fd = open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(g_unlink(pipe), ==, 0);
}

static void tear_down(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        Bus *bus = &fixture->bus;
        g_autoptr(GDir) folder = g_dir_open(fixture->folder, 0, NULL);
        const char *name;

        for (unsigned i = 0; i < G_N_ELEMENTS(fixture->callers); i++) {
                activation_connection_gone(bus->activation, &fixture->callers[i]);
                quota_clear(&fixture->callers[i].quota);
        }
        activation_free(bus->activation);
        config_unref(bus->config);
        loop_free(bus->loop);
        g_clear_pointer(&bus->environment, g_hash_table_unref);
        g_ptr_array_unref(fixture->told);
        g_free(fixture->last_text);
        g_free(fixture->last_limit);
        end_children(fixture);
        while ((name = g_dir_read_name(folder))) {
                g_autofree char *path = g_build_filename(fixture->folder, name, NULL);

                g_unlink(path);
        }
        g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
        g_free(fixture->folder);
}

/* --- asking and looking --- */

static void start(Fixture *fixture, unsigned caller, uint32_t serial, const char *name) {
        const MessageView call = { .type = MESSAGE_TYPE_METHOD_CALL, .serial = serial };

        activation_start_service(fixture->bus.activation, &fixture->callers[caller - 1], &call,
                                 wire_string(name));
}

static void send(Fixture *fixture, unsigned caller, uint32_t serial, const char *name) {
        const MessageHeader header = { .type = MESSAGE_TYPE_METHOD_CALL,
                                       .serial = serial,
                                       .path = "/",
                                       .interface = "a.b",
                                       .member = "C",
                                       .destination = name };
        Message message = { 0 };

        writer_finish(NULL, &header, &message);
        activation_start_message(fixture->bus.activation, &fixture->callers[caller - 1], &message);
        message_clear(&message);
}

static void own(Fixture *fixture, const char *name) {
        activation_answer_starts(fixture->bus.activation, name);
        activation_name_owned(fixture->bus.activation, name);
}

/* Turns the loop until that much was told, and compares; '|' stands between two records. */
static void expect(Fixture *fixture, const char *records) {
        g_auto(GStrv) wanted = g_strsplit(records, "|", -1);

        while (fixture->told->len < g_strv_length(wanted))
                g_assert_cmpint(loop_turn(fixture->bus.loop), ==, 0);
        g_ptr_array_add(fixture->told, NULL);
        g_autofree char *got = g_strjoinv("|", (char **)fixture->told->pdata);

        g_assert_cmpstr(got, ==, records);
        g_ptr_array_set_size(fixture->told, 0);
}

static uint64_t used(const Fixture *fixture, unsigned caller, QuotaKind kind) {
        return fixture->callers[caller - 1].quota.used[kind];
}

static bool lacks_pidfd(void) {
        int fd = pidfd_open(getpid(), 0);

        if (fd < 0) {
                g_test_skip("no pidfd_open()");
                return true;
        }
        close(fd);
        return false;
}

/* --- tests --- */

static void test_names(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        Activation *activation = fixture->bus.activation;

        g_assert_true(activation_has(activation, wire_string("a.Zero")));
        g_assert_false(activation_has(activation, wire_string("a.Nobody")));
        g_assert_false(activation_has(activation, wire_string("org.freedesktop.systemd1")));
        fixture->bus.config->systemd_activation = true;
        g_assert_true(activation_has(activation, wire_string("org.freedesktop.systemd1")));
        g_assert_cmpstr(activation_find(activation, wire_string("a.Three"))->user, ==, "root");
        activation_reload(activation, fixture->bus.config);
        g_assert_cmpuint(fixture->n_changes, ==, 1);
        start(fixture, 1, 5, "a.Nobody");
        expect(fixture, "failed 1 5 ServiceUnknown");
}

static void test_owned(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        send(fixture, 1, 5, "a.Slow");
        send(fixture, 2, 5, "a.Slow");
        start(fixture, 1, 6, "a.Slow");
        send(fixture, 1, 7, "a.Slow");
        g_assert_cmpuint(used(fixture, 1, QUOTA_ACTIVATIONS), ==, 3);
        g_assert_cmpuint(used(fixture, 1, QUOTA_INCOMING_BYTES), >, 0);
        own(fixture, "a.Other");
        g_assert_cmpuint(fixture->told->len, ==, 0);
        own(fixture, "a.Slow");
        expect(fixture, "started 1 6|deliver 1 5|deliver 2 5|deliver 1 7");
        g_assert_cmpuint(used(fixture, 1, QUOTA_ACTIVATIONS), ==, 0);
        g_assert_cmpuint(used(fixture, 1, QUOTA_INCOMING_BYTES), ==, 0);
        own(fixture, "a.Slow");
        g_assert_cmpuint(fixture->told->len, ==, 0);
}

typedef struct End {
        const char *name, *error;
} End;

static const End ends[] = {
        { "a.Three", "Spawn.ChildExited" },    { "a.Signal", "Spawn.ChildSignaled" },
        { "a.NoProgram", "Spawn.ExecFailed" }, { "a.Empty", "Spawn.ExecFailed" },
        { "a.Quote", "InvalidArgs" },
};

static void test_ends(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
                g_autofree char *one = g_strdup_printf("failed 1 5 %s", ends[i].error);
                g_autofree char *both = g_strdup_printf("failed 1 5 %s|failed 1 6 %s",
                                                        ends[i].error, ends[i].error);
                bool at_once = strcmp(ends[i].error, "InvalidArgs") == 0;

                g_test_message("%s", ends[i].name);
                start(fixture, 1, 5, ends[i].name);
                if (!at_once)
                        send(fixture, 1, 6, ends[i].name);
                expect(fixture, at_once ? one : both);
                g_assert_cmpuint(used(fixture, 1, QUOTA_ACTIVATIONS), ==, 0);
        }
}

/* One program for two names fails for both. */
static void test_same_program(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        start(fixture, 1, 5, "a.Three");
        start(fixture, 1, 6, "a.Same");
        while (fixture->told->len < 2)
                g_assert_cmpint(loop_turn(fixture->bus.loop), ==, 0);
        g_assert_cmpuint(fixture->told->len, ==, 2);
}

static void test_helper(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *helper = g_build_filename(fixture->folder, "helper", NULL);

        if (lacks_pidfd())
                return;
        add_script(fixture, "helper", "[ \"$*\" = a.Three ] && exit 6\nexit 1\n");
        fixture->bus.config->servicehelper = g_strdup(helper);
        start(fixture, 1, 5, "a.Three");
        expect(fixture, "failed 1 5 Spawn.ServiceNotFound");
        start(fixture, 1, 6, "a.Same");
        expect(fixture, "failed 1 6 Spawn.FileInvalid");
}

/*
 * A child that exits with 0 may have left another one behind, so it is waited on; but not for ever.
 */
static void test_timeout(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        fixture->bus.config->limits.service_start_timeout = 1;
        start(fixture, 1, 5, "a.Zero");
        expect(fixture, "failed 1 5 TimedOut");
        send(fixture, 1, 6, "a.Slow");
        expect(fixture, "failed 1 6 TimedOut");
}

static void test_limit(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        fixture->bus.config->limits.max_pending_service_starts = 3;
        send(fixture, 1, 1, "a.Slow");
        send(fixture, 1, 2, "a.Slow");
        start(fixture, 1, 3, "a.Zero");
        send(fixture, 2, 4, "a.Slow");
        expect(fixture, "failed 2 4 LimitsExceeded");
        g_assert_cmpstr(fixture->last_limit, ==, "max_pending_service_starts=3");
        /* what nobody waits for any more still counts, once for each name */
        activation_connection_gone(fixture->bus.activation, &fixture->callers[0]);
        send(fixture, 2, 5, "a.Slow");
        send(fixture, 2, 6, "a.Slow");
        send(fixture, 2, 7, "a.Slow");
        expect(fixture, "failed 2 7 LimitsExceeded");
        own(fixture, "a.Slow");
        expect(fixture, "deliver 2 5|deliver 2 6");
}

static void test_quota(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        fixture->bus.limits.max[QUOTA_INCOMING_BYTES] = 10;
        send(fixture, 1, 1, "a.Slow");
        expect(fixture, "failed 1 1 LimitsExceeded");
        g_assert_cmpstr(fixture->last_limit, ==, "max_incoming_bytes=10");
        g_assert_cmpuint(used(fixture, 1, QUOTA_ACTIVATIONS), ==, 0);
        fixture->bus.limits.max[QUOTA_ACTIVATIONS] = 1;
        start(fixture, 1, 2, "a.Slow");
        start(fixture, 1, 3, "a.Slow");
        expect(fixture, "failed 1 3 LimitsExceeded");
        g_assert_cmpstr(fixture->last_limit, ==, "max_pending_service_starts=1");
}

static void test_caller_gone(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        if (lacks_pidfd())
                return;
        send(fixture, 1, 1, "a.Slow");
        send(fixture, 2, 2, "a.Slow");
        activation_connection_gone(fixture->bus.activation, &fixture->callers[0]);
        activation_connection_gone(fixture->bus.activation, &fixture->callers[0]);
        g_assert_cmpuint(used(fixture, 1, QUOTA_INCOMING_BYTES), ==, 0);
        own(fixture, "a.Slow");
        expect(fixture, "deliver 2 2");
}

static void test_systemd(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        Activation *activation = fixture->bus.activation;

        fixture->bus.config->systemd_activation = true;
        start(fixture, 1, 1, "a.Unit");
        send(fixture, 1, 2, "org.freedesktop.systemd1");
        g_assert_cmpuint(fixture->told->len, ==, 0);
        fixture->systemd = true;
        own(fixture, "org.freedesktop.systemd1");
        expect(fixture, "ask unit.service|deliver 1 2");
        activation_systemd_failed(activation, "other.service", "a.b.C", "text");
        g_assert_cmpuint(fixture->told->len, ==, 0);
        activation_systemd_failed(activation, "unit.service", "a.b.C", "text");
        expect(fixture, "failed 1 1 a.b.C");
        start(fixture, 1, 3, "a.Unit");
        activation_systemd_failed(activation, "unit.service", "no name", "text");
        expect(fixture, "ask unit.service|failed 1 3 Failed");
        start(fixture, 1, 4, "a.Unit");
        own(fixture, "a.Unit");
        expect(fixture, "ask unit.service|started 1 4");
}

/* The script counts what is as it should be, and exits with that. */
static void test_environment(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        g_autofree char *script = NULL;

        if (lacks_pidfd())
                return;
        add_script(fixture, "env",
                   "n=0\n[ \"$DBUS_STARTER_ADDRESS\" = unix:path=/x ] && n=$((n+1))\n"
                   "[ \"$DBUS_SESSION_BUS_ADDRESS\" = unix:path=/x ] && n=$((n+1))\n"
                   "[ \"$DBUS_STARTER_BUS_TYPE\" = session ] && n=$((n+1))\n[ \"$A\" = b ] && "
                   "n=$((n+1))\n"
                   "[ -z \"$NOTIFY_SOCKET\" ] && n=$((n+1))\nexit $n\n");
        script = g_build_filename(fixture->folder, "env", NULL);
        add_service(fixture, "a.Env", script, "");
        fixture->bus.address = (char *)"unix:path=/x";
        fixture->bus.config->type = g_strdup("session");
        fixture->bus.environment = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_insert(fixture->bus.environment, (char *)"A", (char *)"b");
        g_setenv("NOTIFY_SOCKET", "/y", TRUE);
        start(fixture, 1, 1, "a.Env");
        expect(fixture, "failed 1 1 Spawn.ChildExited");
        g_assert_nonnull(strstr(fixture->last_text, "status 5 "));
        g_unsetenv("NOTIFY_SOCKET");
}

#define ADD(name, function)                                                                        \
        g_test_add("/bus/activation/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        ADD("names", test_names);
        ADD("owned", test_owned);
        ADD("ends", test_ends);
        ADD("same-program", test_same_program);
        ADD("helper", test_helper);
        ADD("timeout", test_timeout);
        ADD("limit", test_limit);
        ADD("quota", test_quota);
        ADD("caller-gone", test_caller_gone);
        ADD("systemd", test_systemd);
        ADD("environment", test_environment);
        return g_test_run();
}
