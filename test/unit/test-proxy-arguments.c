/* SPDX-License-Identifier: MIT */
/* The command line of dbus-container-proxy: pairs, --args, rules, our own options, refusals. */
#include "tools/proxy-arguments.h"

#include "policy/container-rule.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* What the descriptors 7 and 8 bring; a word ends in a vertical line. */
static const char *brought[2];

static GBytes *read_brought(int fd, size_t max G_GNUC_UNUSED, GError **error) {
        g_autofree char *data = NULL;
        size_t n;

        if (fd != 7 && fd != 8) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_BADF, "no such descriptor");
                return NULL;
        }
        data = g_strdup(brought[fd - 7] ? brought[fd - 7] : "");
        brought[fd - 7] = NULL;
        n = strlen(data);
        return g_bytes_new(g_strdelimit(data, "|", '\0'), n);
}

/* Parses what stands in @line, separated by spaces. */
static bool parse(const char *line, ProxyArguments *ret_arguments, GError **error) {
        g_auto(GStrv) words = *line ? g_strsplit(line, " ", -1) : g_new0(char *, 1);

        return proxy_arguments_parse((const char *const *)words, read_brought, ret_arguments,
                                     error);
}

/* All that was understood, in one line. */
static char *describe(const ProxyArguments *arguments) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < arguments->pairs->len; i++) {
                const ProxyPair *pair = arguments->pairs->pdata[i];

                g_string_append_printf(text, "%s%s %s%s%s", i ? " | " : "", pair->address,
                                       pair->path, pair->filter ? " filter" : "",
                                       pair->log ? " log" : "");
                for (guint j = 0; j < pair->rules->len; j++) {
                        g_autofree char *rule = container_rule_to_text(pair->rules->pdata[j]);

                        g_string_append_printf(text, "; %s", rule);
                }
        }
        if (arguments->sync_fd >= 0)
                g_string_append_printf(text, " (%d)", arguments->sync_fd);
        return g_string_free(g_steal_pointer(&text), FALSE);
}

static const struct {
        const char *line, *seven, *eight;
        const char *understood;
} accepted[] = {
        { "A P", NULL, NULL, "A P" },
        { "--fd=3 A P", NULL, NULL, "A P (3)" },
        { "A P --fd=3 --fd=4", NULL, NULL, "A P (4)" },
        { "A P --filter B Q --log", NULL, NULL, "A P filter | B Q log" },
        { "A P --filter --see=a.b --talk=a.b.* --own=a.b", NULL, NULL,
          "A P filter; see a.b; talk a.b.*; call+receive+own a.b fds" },
        { "A P --call=a.b=c.D.e@/f/* --broadcast=a.b=@/f", NULL, NULL,
          "A P; call a.b c.D.e @/f/* fds; receive a.b @/f fds" },
        { "A P --sloppy-names", NULL, NULL, "A P; see *" },
        /* What matches no message is only seen, what is no name is nothing. */
        { "A P --call=a.b=nodot --broadcast=a.b.*=@bad", NULL, NULL, "A P; see a.b; see a.b.*" },
        { "A P --call== --broadcast=a..b=* --call=:1.2=* --broadcast=.*=", NULL, NULL, "A P" },
        { "A P --call=a.*=", NULL, NULL, "A P; call a.* fds" },
        { "--args=7", "A|P|--filter|", NULL, "A P filter" },
        { "--args=7", "A|P", NULL, "A P" },
        { "A --args=7", NULL, NULL, NULL },
        { "A P --args=7 --talk=c.d", "--filter|B|Q|", NULL, "A P filter | B Q; talk c.d" },
        { "--args=7 B Q", "--args=8|A|P|", "--fd=5|", "A P | B Q (5)" },
        { "--args=7 --args=7 A P", "--fd=5", NULL, "A P (5)" },
        { "--args=7", "|P|", NULL, " P" },
};

static void test_accepted(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(accepted); i++) {
                g_auto(ProxyArguments) arguments = { 0 };
                g_autoptr(GError) error = NULL;

                brought[0] = accepted[i].seven;
                brought[1] = accepted[i].eight;
                if (!accepted[i].understood) {
                        g_assert_false(parse(accepted[i].line, &arguments, &error));
                        continue;
                }
                g_assert_true(parse(accepted[i].line, &arguments, &error));
                g_assert_no_error(error);
                g_autofree char *text = describe(&arguments);
                g_assert_cmpstr(text, ==, accepted[i].understood);
                g_assert_cmpint(arguments.action, ==, PROXY_ACTION_RUN);
        }
}

static const struct {
        const char *line, *message;
} refused[] = {
        { "--bogus", "'--bogus' is not a known argument" },
        { "-", "'-' is not a known argument" },
        { "--filter A P", "'--filter' is not a known argument" },
        { "--fd=3", "expected an ADDRESS and a PATH" },
        { "--fd= A P", "'' is not the number of a descriptor" },
        { "--fd=-1 A P", "'-1' is not the number of a descriptor" },
        { "--fd=3x A P", "'3x' is not the number of a descriptor" },
        { "--fd=99999999999999999999 A P", "is not the number of a descriptor" },
        { "--fd=4294967299 A P", "is not the number of a descriptor" },
        { "--args=9", "no such descriptor" },
        { "A", "'A' is an address" },
        { "A --filter", "'A' is an address" },
        { "A P --bogus", "'--bogus' is not a known argument" },
        { "A P --see", "'--see' is not a known argument" },
        { "A P --see=", "'' is not a valid dbus name" },
        { "A P --talk=a", "'a' is not a valid dbus name" },
        { "A P --own=a.*", "'a' is not a valid dbus name" },
        { "A P --own=:1.2", "':1.2' is not a valid dbus name" },
        { "A P --talk=a.b.*.*", "'a.b.*' is not a valid dbus name" },
        { "A P --call=a.b", "'a.b' is not NAME=RULE" },
        { "A P -- --bogus", "'--bogus' is not a known argument behind --" },
        { "A P -- --type", "'--type' is not a known argument behind --" },
        { "A P -- B Q", "'B' is not a known argument behind --" },
};

static void test_refused(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                ProxyArguments arguments;
                g_autoptr(GError) error = NULL;

                g_assert_false(parse(refused[i].line, &arguments, &error));
                g_assert_nonnull(error);
                if (!strstr(error->message, refused[i].message))
                        g_error("%s: %s", refused[i].line, error->message);
        }
}

static void test_first_wins(void) {
        static const struct {
                const char *line;
                ProxyAction action;
        } cases[] = { { "", PROXY_ACTION_USAGE },
                      { "--help --bogus", PROXY_ACTION_HELP },
                      { "--version --help", PROXY_ACTION_VERSION },
                      { "A P --filter --version --bogus", PROXY_ACTION_VERSION },
                      { "A P B Q --help", PROXY_ACTION_HELP } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(ProxyArguments) arguments = { 0 };

                g_assert_true(parse(cases[i].line, &arguments, NULL));
                g_assert_cmpint(arguments.action, ==, cases[i].action);
        }
}

static void test_own(void) {
        g_auto(ProxyArguments) arguments = { 0 };

        g_assert_true(parse("A P -- --type=t.t --app-id= --app-id=a --instance-id=i --proxy=/p "
                            "--stay",
                            &arguments, NULL));
        g_assert_true(arguments.stay);
        g_assert_cmpstr(arguments.type, ==, "t.t");
        g_assert_cmpstr(arguments.app_id, ==, "a");
        g_assert_cmpstr(arguments.instance_id, ==, "i");
        g_assert_cmpstr(arguments.program, ==, "/p");
}

/* For the real proxy: a pair with its own options, and nothing that we have taken. */
static void test_words(void) {
        g_auto(ProxyArguments) arguments = { 0 };
        const ProxyPair *pair;

        brought[0] = "--talk=a.b|B|Q|";
        g_assert_true(parse("A P --filter --fd=3 --args=7 --log -- --type=t.t", &arguments, NULL));
        g_assert_cmpuint(arguments.pairs->len, ==, 2);
        pair = arguments.pairs->pdata[0];
        g_assert_cmpuint(pair->words->len, ==, 4);
        g_assert_cmpstr(pair->words->pdata[2], ==, "--filter");
        g_assert_cmpstr(pair->words->pdata[3], ==, "--talk=a.b");
        pair = arguments.pairs->pdata[1];
        g_assert_cmpuint(pair->words->len, ==, 3);
        g_assert_cmpstr(pair->words->pdata[0], ==, "B");
        g_assert_cmpstr(pair->words->pdata[2], ==, "--log");
}

static void test_reader(void) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = NULL, none = NULL;
        int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

        bytes = proxy_arguments_read(fd, 10000, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(g_bytes_get_size(bytes), >, 10000);
        g_assert_cmpuint(g_bytes_get_size(bytes), <=, 10000 + 4096);
        g_close(fd, NULL);
        none = proxy_arguments_read(fd, 10000, &error);
        g_assert_null(none);
        g_assert_nonnull(error);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/proxy-arguments/accepted", test_accepted);
        g_test_add_func("/tools/proxy-arguments/refused", test_refused);
        g_test_add_func("/tools/proxy-arguments/first-wins", test_first_wins);
        g_test_add_func("/tools/proxy-arguments/own", test_own);
        g_test_add_func("/tools/proxy-arguments/words", test_words);
        g_test_add_func("/tools/proxy-arguments/reader", test_reader);
        return g_test_run();
}
