/* SPDX-License-Identifier: MIT */
#include "tools/message-text.h"

#include "tools/name-map.h"

static const struct {
        const char *value, *text;
} bodies[] = {
        { "(true, byte 0x2a, int16 -1, uint16 1, -2, uint32 2, int64 -3, uint64 3, 1.5)",
          "   boolean true\n   byte 42\n   int16 -1\n   uint16 1\n   int32 -2\n   uint32 2\n"
          "   int64 -3\n   uint64 3\n   double 1.5\n" },
        { "('a\\n\\u001b\"b', objectpath '/x', signature 'as', handle 0)",
          "   string \"a\\u{a}\\u{1b}\"b\"\n   object path \"/x\"\n   signature \"as\"\n"
          "   file descriptor 0\n" },
        { "(['a'], @as [], <('x', <1>)>, {'k': <true>})",
          "   array [\n      string \"a\"\n   ]\n   array [\n   ]\n   variant struct {\n"
          "      string \"x\"\n      variant int32 1\n   }\n   array [\n      dict entry(\n"
          "         string \"k\"\n         variant boolean true\n      )\n   ]\n" },
        { "()", "" },
};

static void test_body(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
                g_autoptr(GDBusMessage) message = g_dbus_message_new();
                g_autofree char *text = NULL;

                g_dbus_message_set_body(message, g_variant_new_parsed(bodies[i].value));
                text = message_text_body(message);
                g_assert_cmpstr(text, ==, bodies[i].text);
        }
}

static void test_header(void) {
        g_autoptr(GDBusMessage) call = g_dbus_message_new_method_call("a.b", "/x", "c.d", "Member");
        g_autoptr(GDBusMessage) error = g_dbus_message_new();
        g_autofree char *text = NULL, *other = NULL;

        g_dbus_message_set_sender(call, ":1.5");
        g_dbus_message_set_serial(call, 7);
        text = message_text_header(call, 12000034);
        g_assert_cmpstr(text, ==,
                        "method call time=12.000034 sender=:1.5 -> destination=a.b serial=7 "
                        "path=/x; interface=c.d; member=Member");
        g_dbus_message_set_message_type(error, G_DBUS_MESSAGE_TYPE_ERROR);
        g_dbus_message_set_error_name(error, "e.r");
        g_dbus_message_set_reply_serial(error, 7);
        g_dbus_message_set_serial(error, 8);
        other = message_text_header(error, 0);
        g_assert_cmpstr(other, ==,
                        "error time=0.000000 sender=(null sender) -> destination="
                        "(null destination) serial=8 error_name=e.r reply_serial=7");
}

static void set_container(GDBusMessage *message, GVariant *value) {
        g_dbus_message_set_header(message, (GDBusMessageHeaderField)MESSAGE_FIELD_CONTAINER, value);
}

static void test_container(void) {
        g_autoptr(GDBusMessage) message = g_dbus_message_new();

        g_assert_null(message_text_get_container(message));
        set_container(message, g_variant_new_object_path("/"));
        g_assert_null(message_text_get_container(message));
        set_container(message, g_variant_new_object_path("/c/0"));
        g_assert_cmpstr(message_text_get_container(message), ==, "/c/0");
        set_container(message, g_variant_new_string("/c/0"));
        g_assert_null(message_text_get_container(message));
}

static void test_names(void) {
        g_autoptr(NameMap) map = name_map_new();

        name_map_put_container(map, ":1.5", "/c/0");
        name_map_put_owner(map, "a.b", ":1.5");
        name_map_put_owner(map, "a.a", ":1.6");
        g_assert_cmpstr(name_map_get_container(map, "a.b"), ==, "/c/0");
        g_assert_cmpstr(name_map_get_container(map, ":1.5"), ==, "/c/0");
        g_assert_null(name_map_get_container(map, "a.a"));
        g_assert_null(name_map_get_container(map, NULL));
        g_autoptr(GPtrArray) names = name_map_get_names(map);
        g_assert_cmpuint(names->len, ==, 2);
        g_assert_cmpstr(names->pdata[0], ==, "a.a");
        name_map_put_owner(map, "a.b", ":1.6");
        g_assert_null(name_map_get_container(map, "a.b"));
        name_map_put_owner(map, ":1.5", "");
        g_assert_null(name_map_get_container(map, ":1.5"));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/message-text/body", test_body);
        g_test_add_func("/tools/message-text/header", test_header);
        g_test_add_func("/tools/message-text/container", test_container);
        g_test_add_func("/tools/name-map/names", test_names);
        return g_test_run();
}
