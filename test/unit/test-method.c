/* SPDX-License-Identifier: MIT */
#include "wire/method.h"

static bool handler(G_GNUC_UNUSED MethodCall *call, G_GNUC_UNUSED void *user) {
        return true;
}

static void getter(Writer *writer, G_GNUC_UNUSED void *user) {
        writer_add_u32(writer, 1);
}

static const MethodEntry methods[] = {
        { "Plain", "", "", handler, 0 },
        { "Plainer", "sa{sv}(ii)u", "aas", handler, METHOD_DEPRECATED },
        { "Silent", "v", "", handler, METHOD_NO_REPLY },
        { 0 },
};

static const SignalEntry signals[] = { { "Changed", "sos" }, { "Gone", "" }, { 0 } };

static const PropertyEntry properties[] = {
        { "Fixed", "as", getter, true },
        { "Varies", "u", getter, false },
        { 0 },
};

static void test_find(void) {
        const MethodTable table = { .interface = "a.b", .methods = methods };
        const MethodTable empty = { .interface = "a.b" };

        g_assert_true(method_table_find(&table, wire_string("Plain")) == &methods[0]);
        g_assert_true(method_table_find(&table, wire_string("Plainer")) == &methods[1]);
        g_assert_null(method_table_find(&table, wire_string("Plaine")));
        g_assert_null(method_table_find(&table, wire_string("plain")));
        g_assert_null(method_table_find(&table, wire_string("")));
        g_assert_null(method_table_find(&table, wire_string(NULL)));
        g_assert_null(method_table_find(&empty, wire_string("Plain")));
}

static void test_introspect(void) {
        const MethodTable table = {
                .interface = "a.b",
                .methods = methods,
                .signals = signals,
                .properties = properties,
        };
        g_autoptr(GString) xml = g_string_new(NULL);

        method_table_introspect(&table, xml);
        g_assert_cmpstr(
                xml->str, ==,
                "  <interface name=\"a.b\">\n"
                "    <method name=\"Plain\">\n"
                "    </method>\n"
                "    <method name=\"Plainer\">\n"
                "      <arg direction=\"in\" type=\"s\"/>\n"
                "      <arg direction=\"in\" type=\"a{sv}\"/>\n"
                "      <arg direction=\"in\" type=\"(ii)\"/>\n"
                "      <arg direction=\"in\" type=\"u\"/>\n"
                "      <arg direction=\"out\" type=\"aas\"/>\n"
                "      <annotation name=\"org.freedesktop.DBus.Deprecated\" value=\"true\"/>\n"
                "    </method>\n"
                "    <method name=\"Silent\">\n"
                "      <arg direction=\"in\" type=\"v\"/>\n"
                "      <annotation name=\"org.freedesktop.DBus.Method.NoReply\" value=\"true\"/>\n"
                "    </method>\n"
                "    <property name=\"Fixed\" type=\"as\" access=\"read\">\n"
                "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\""
                " value=\"const\"/>\n"
                "    </property>\n"
                "    <property name=\"Varies\" type=\"u\" access=\"read\">\n"
                "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\""
                " value=\"false\"/>\n"
                "    </property>\n"
                "    <signal name=\"Changed\">\n"
                "      <arg type=\"s\"/>\n"
                "      <arg type=\"o\"/>\n"
                "      <arg type=\"s\"/>\n"
                "    </signal>\n"
                "    <signal name=\"Gone\">\n"
                "    </signal>\n"
                "  </interface>\n");
}

static void test_introspect_empty(void) {
        const MethodTable table = { .interface = "a.b" };
        g_autoptr(GString) xml = g_string_new("x");

        method_table_introspect(&table, xml);
        g_assert_cmpstr(xml->str, ==, "x  <interface name=\"a.b\">\n  </interface>\n");
}

/* The first reason stays. */
static void test_fail(void) {
        MethodCall call = { 0 };

        g_assert_false(method_fail(&call, "a.First", "%s is %d", "it", 5));
        g_assert_false(method_fail(&call, "a.Second", "no"));
        g_assert_cmpstr(call.error_name, ==, "a.First");
        g_assert_cmpstr(call.error_text, ==, "it is 5");
        g_free(call.error_text);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/method/find", test_find);
        g_test_add_func("/wire/method/introspect", test_introspect);
        g_test_add_func("/wire/method/introspect-empty", test_introspect_empty);
        g_test_add_func("/wire/method/fail", test_fail);
        return g_test_run();
}
