/* SPDX-License-Identifier: MIT */
/* What is told about a container server: info, rules, credentials; and who may do what with it. */
#include "containers/instance.h"

#include "containers/credentials.h"
#include "test/unit/fake-host.h"
#include "wire/body.h"

typedef struct Told {
        Writer writer;
        Reader reader;
} Told;

static void told_init(Told *told) {
        memset(told, 0, sizeof *told);
        writer_init(&told->writer);
}

static void told_clear(Told *told) {
        writer_clear(&told->writer);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Told, told_clear)

static void read_told(Told *told) {
        const Writer *writer = &told->writer;

        g_assert_true(body_is_valid(writer->body->data, writer->body->len,
                                            wire_string(writer->signature->str),
                                            G_BYTE_ORDER == G_BIG_ENDIAN));
        reader_init_bytes(&told->reader, writer->body->data, writer->body->len,
                          wire_string(writer->signature->str), G_BYTE_ORDER == G_BIG_ENDIAN);
}

static void assert_string(Reader *reader, const char *expected) {
        WireString text = { 0 };

        g_assert_true(reader_get_string(reader, &text));
        g_assert_cmpstr(text.data, ==, expected);
}

/* The value of @key in the a{sv} that is next. */
static bool find_entry(const Reader *reader, const char *key, const char *type, Reader *ret_value) {
        Reader copy = *reader, array, entry;
        WireString found = { 0 };

        g_assert_true(reader_enter(&copy, 'a', &array));
        while (reader_peek(&array)) {
                g_assert_true(reader_enter(&array, '{', &entry));
                g_assert_true(reader_get_string(&entry, &found));
                g_assert_true(reader_enter(&entry, 'v', ret_value));
                if (!wire_string_is(found, key))
                        continue;
                g_assert_cmpuint((size_t)(ret_value->type_end - ret_value->type), ==, strlen(type));
                g_assert_cmpmem(ret_value->type, strlen(type), type, strlen(type));
                return true;
        }
        return false;
}

static uint32_t get_u32(const Reader *reader, const char *key) {
        Reader value;
        uint32_t number = 0;

        g_assert_true(find_entry(reader, key, "u", &value));
        g_assert_true(reader_get_u32(&value, &number));
        return number;
}

static Instance *make_instance(Identity *creator, const QuotaLimits *limits) {
        g_auto(Writer) metadata = { 0 };
        g_auto(ServerArguments) arguments = { .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
        ContainerRule rule = { CONTAINER_RULE_CALL | CONTAINER_RULE_PATH_IS_SUBTREE,
                               (char *)"org.foo", (char *)"/x", (char *)"a.b" };
        Reader reader;

        writer_init(&metadata);
        size_t mark = writer_open_array(&metadata, "{sv}");
        writer_add_entry_u32(&metadata, "pid", 77);
        writer_close_array(&metadata, mark);
        reader_init_bytes(&reader, metadata.body->data, metadata.body->len, wire_string("a{sv}"),
                          G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_cmpint(metadata_read(&reader, 1000, &arguments.metadata), ==, METADATA_OK);
        arguments.type = g_strdup("org.example");
        arguments.app_id = g_strdup("app");
        arguments.instance_id = g_strdup("");
        arguments.rules = g_ptr_array_new();
        g_ptr_array_add(arguments.rules, &rule);
        arguments.uids = g_new(uid_t, 2);
        arguments.uids[0] = 5;
        arguments.uids[1] = 7;
        arguments.n_uids = 2;
        arguments.flags = SERVER_PERMISSIVE;
        return instance_new(12, &arguments, creator, limits);
}

static void test_new(void) {
        g_autoptr(Identity) creator = identity_new(1000, 1000, 42);
        QuotaLimits limits = { .max = { [QUOTA_MATCHES] = 10 } };
        g_autoptr(Instance) instance = make_instance(creator, &limits);

        g_assert_cmpstr(instance->path, ==, "/org/freedesktop/DBus/Containers1/c12");
        g_assert_cmpint(instance->policy->flags, ==, CONTAINER_POLICY_PERMISSIVE);
        g_assert_true(instance->policy->instance == instance);
        g_assert_cmpuint(instance->policy->number, ==, 12);
        /* "which may hold four times what the configuration allows one connection" */
        g_assert_true(quota_charge(&instance->quota, QUOTA_MATCHES, 40));
        g_assert_false(quota_charge(&instance->quota, QUOTA_MATCHES, 1));
        quota_refund(&instance->quota, QUOTA_MATCHES, 40);
}

static void test_uids(void) {
        g_autoptr(Identity) creator = identity_new(1000, 1000, 42);
        QuotaLimits limits = { 0 };
        g_autoptr(Instance) instance = make_instance(creator, &limits);

        g_assert_true(instance_allows_uid(instance, 5));
        g_assert_true(instance_allows_uid(instance, 7));
        g_assert_false(instance_allows_uid(instance, 6));
        g_assert_false(instance_allows_uid(instance, 1000));
        g_assert_false(instance_allows_uid(instance, 0));
        g_assert_true(instance_is_managed_by(instance, 1000, 81));
        g_assert_true(instance_is_managed_by(instance, 0, 81));
        g_assert_true(instance_is_managed_by(instance, 81, 81));
        g_assert_false(instance_is_managed_by(instance, 5, 81));
}

static void test_info(void) {
        g_autoptr(Identity) creator = identity_new(1000, 100, 42);
        QuotaLimits limits = { 0 };
        g_autoptr(Instance) instance = make_instance(creator, &limits);
        g_auto(Told) told = { 0 };

        told_init(&told);
        /* so that what follows is aligned otherwise than when it was stored */
        writer_add_string(&told.writer, "1234567");
        instance_write_info(instance, &told.writer);
        g_assert_cmpstr(told.writer.signature->str, ==, "sa{sv}sssa{sv}");
        read_told(&told);
        assert_string(&told.reader, "1234567");
        g_assert_cmpuint(get_u32(&told.reader, "UnixUserID"), ==, 1000);
        g_assert_cmpuint(get_u32(&told.reader, "ProcessID"), ==, 42);
        g_assert_true(reader_skip(&told.reader));
        assert_string(&told.reader, "org.example");
        assert_string(&told.reader, "app");
        assert_string(&told.reader, "");
        g_assert_cmpuint(get_u32(&told.reader, "pid"), ==, 77);
}

static void test_rules(void) {
        g_autoptr(Identity) creator = identity_new(1000, 100, 42);
        QuotaLimits limits = { 0 };
        g_autoptr(Instance) instance = make_instance(creator, &limits);
        g_auto(Told) told = { 0 };
        Reader array, rule;
        uint32_t flags = 0;
        WireString path = { 0 };

        told_init(&told);
        instance_write_rules(instance, &told.writer);
        g_assert_cmpstr(told.writer.signature->str, ==, "a(usos)");
        read_told(&told);
        g_assert_true(reader_enter(&told.reader, 'a', &array));
        g_assert_true(reader_enter(&array, '(', &rule));
        g_assert_true(reader_get_u32(&rule, &flags));
        g_assert_cmphex(flags, ==, CONTAINER_RULE_CALL | CONTAINER_RULE_PATH_IS_SUBTREE);
        assert_string(&rule, "org.foo");
        g_assert_true(reader_get_path(&rule, &path));
        g_assert_cmpstr(path.data, ==, "/x");
        assert_string(&rule, "a.b");
        g_assert_cmpint(reader_peek(&array), ==, '\0');
}

/* "Containers1.Path (o), .Type, .AppId, .InstanceId (s) and .CreatorUserID (u)" */
static void test_credentials_of_contained(void) {
        g_autoptr(Identity) creator = identity_new(1000, 100, 42);
        QuotaLimits limits = { 0 };
        g_autoptr(Instance) instance = make_instance(creator, &limits);
        g_auto(Told) told = { 0 };
        Reader value;

        told_init(&told);
        size_t mark = writer_open_array(&told.writer, "{sv}");
        instance_write_credentials(instance, &told.writer);
        writer_close_array(&told.writer, mark);
        read_told(&told);
        g_assert_true(
                find_entry(&told.reader, "org.freedesktop.DBus.Containers1.Path", "o", &value));
        g_assert_true(
                find_entry(&told.reader, "org.freedesktop.DBus.Containers1.Type", "s", &value));
        assert_string(&value, "org.example");
        g_assert_true(
                find_entry(&told.reader, "org.freedesktop.DBus.Containers1.AppId", "s", &value));
        assert_string(&value, "app");
        g_assert_true(find_entry(&told.reader, "org.freedesktop.DBus.Containers1.InstanceId", "s",
                                 &value));
        g_assert_cmpuint(get_u32(&told.reader, "org.freedesktop.DBus.Containers1.CreatorUserID"),
                         ==, 1000);
}

static void test_credentials(void) {
        int pair[2];
        g_auto(Told) told = { 0 };
        Reader value;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        g_autoptr(Identity) identity = identity_new_from_socket(pair[0]);
        told_init(&told);
        size_t mark = writer_open_array(&told.writer, "{sv}");
        credentials_write(&told.writer, identity, CREDENTIALS_DEFAULT);
        writer_close_array(&told.writer, mark);
        g_assert_null(told.writer.fds);
        read_told(&told);
        g_assert_cmpuint(get_u32(&told.reader, "UnixUserID"), ==, geteuid());
        g_assert_cmpuint(get_u32(&told.reader, "ProcessID"), ==, (uint32_t)getpid());
        g_assert_true(find_entry(&told.reader, "UnixGroupIDs", "au", &value));
        close(pair[0]);
        close(pair[1]);
}

/* ProcessFD is there when the kernel has it and the receiver takes it; a label ends with a NUL. */
static void test_credentials_full(void) {
        g_autoptr(Identity) identity = identity_new(1000, 100, 42);
        g_auto(Told) told = { 0 };
        Reader value, array;
        uint8_t byte = 1;

        identity->asked_pidfd = identity->asked_label = true;
        identity->pidfd = fake_socket(false);
        identity->label = g_strdup("u");
        told_init(&told);
        size_t mark = writer_open_array(&told.writer, "{sv}");
        credentials_write(&told.writer, identity, CREDENTIALS_WITH_PIDFD);
        writer_close_array(&told.writer, mark);
        read_told(&told);
        g_assert_true(find_entry(&told.reader, "ProcessFD", "h", &value));
        g_assert_cmpuint(told.writer.fds->len, ==, 1);
        g_assert_true(find_entry(&told.reader, "LinuxSecurityLabel", "ay", &value));
        g_assert_true(reader_enter(&value, 'a', &array));
        g_assert_true(reader_get_byte(&array, &byte));
        g_assert_cmpuint(byte, ==, 'u');
        g_assert_true(reader_get_byte(&array, &byte));
        g_assert_cmpuint(byte, ==, 0);
        g_assert_cmpint(reader_peek(&array), ==, '\0');
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/instance/new", test_new);
        g_test_add_func("/containers/instance/uids", test_uids);
        g_test_add_func("/containers/instance/info", test_info);
        g_test_add_func("/containers/instance/rules", test_rules);
        g_test_add_func("/containers/instance/credentials-of-contained",
                        test_credentials_of_contained);
        g_test_add_func("/containers/credentials/known", test_credentials);
        g_test_add_func("/containers/credentials/full", test_credentials_full);
        return g_test_run();
}
