/* SPDX-License-Identifier: MIT */
/*
 * Words wait in a queue, at whose head --args puts what it reads. The state is where we are: before
 * the first pair, in the options of one, or behind the word --, where our own options are.
 *
 * What a name or a rule is wrong with is told where the proxy tells it: --see, --talk and --own need
 * a valid name, --call and --broadcast only a second equals sign. What else is wrong with these
 * makes them match nothing.
 */
#include "tools/proxy-arguments.h"

#include "tools/proxy-rule.h"

#include <errno.h>
#include <gio/gio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Parser {
        GQueue words;  /* of char *, owned: those to come */
        size_t n_left; /* bytes that --args may still bring */
        ProxyArgumentsReader read;
        ProxyArguments arguments;
        bool done; /* --help or --version */
} Parser;

static void free_rule(void *rule) {
        container_rule_free(rule);
}

static void free_pair(void *data) {
        ProxyPair *pair = data;

        g_free(pair->address);
        g_free(pair->path);
        g_ptr_array_unref(pair->rules);
        g_ptr_array_unref(pair->words);
        g_free(pair);
}

void proxy_arguments_clear(ProxyArguments *arguments) {
        g_clear_pointer(&arguments->pairs, g_ptr_array_unref);
        g_clear_pointer(&arguments->type, g_free);
        g_clear_pointer(&arguments->app_id, g_free);
        g_clear_pointer(&arguments->instance_id, g_free);
        g_clear_pointer(&arguments->program, g_free);
}

static void parser_clear(Parser *parser) {
        g_queue_clear_full(&parser->words, g_free);
        proxy_arguments_clear(&parser->arguments);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parser, parser_clear)

static bool bad(GError **error, const char *word, const char *what) {
        g_autofree char *valid = g_utf8_make_valid(word, -1);

        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' %s", valid, what);
        return false;
}

GBytes *proxy_arguments_read(int fd, size_t max, GError **error) {
        g_autoptr(GByteArray) data = g_byte_array_new();
        uint8_t block[4096];
        ssize_t n;

        while (data->len <= max && (n = TEMP_FAILURE_RETRY(read(fd, block, sizeof block))) != 0) {
                int saved_errno = errno;

                if (n < 0) {
                        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved_errno),
                                    "cannot read the arguments from descriptor %d: %s", fd,
                                    g_strerror(saved_errno));
                        return NULL;
                }
                g_byte_array_append(data, block, (guint)n);
        }
        return g_byte_array_free_to_bytes(g_steal_pointer(&data));
}

/* Numbers as strtol() takes them, which is what callers of the proxy may rely on. */
static bool parse_fd(const char *text, int *ret_fd, GError **error) {
        char *end;
        long value;

        errno = 0;
        value = strtol(text, &end, 10);
        if (end == text || *end != '\0' || errno != 0 || value < 0 || value > INT_MAX)
                return bad(error, text, "is not the number of a descriptor");
        *ret_fd = (int)value;
        return true;
}

/* NUL ends a word; the last one may do without. */
static void push_words(Parser *parser, const char *data, size_t n) {
        size_t at = 0;

        for (guint position = 0; at < n; position++) {
                char *word = g_strndup(data + at, n - at);

                g_queue_push_nth(&parser->words, word, (int)position);
                at += strlen(word) + 1;
        }
}

static bool take_args(Parser *parser, const char *text, GError **error) {
        g_autoptr(GBytes) bytes = NULL;
        const char *data;
        size_t n;
        int fd;

        if (!parse_fd(text, &fd, error))
                return false;
        bytes = parser->read(fd, parser->n_left, error);
        if (!bytes)
                return false;
        data = g_bytes_get_data(bytes, &n);
        if (n > parser->n_left)
                return bad(error, text, "brings more than 4 MiB of arguments");
        parser->n_left -= n;
        push_words(parser, data, n);
        return true;
}

/* Whether @word begins with @option, which ends in an equals sign; *ret_value: what follows. */
static bool has_value(const char *word, const char *option, const char **ret_value) {
        if (!g_str_has_prefix(word, option))
                return false;
        *ret_value = word + strlen(option);
        return true;
}

/* The options that may stand anywhere. */
static bool take_general(Parser *parser, const char *word, GError **error) {
        const char *value;

        if (g_str_equal(word, "--help") || g_str_equal(word, "--version")) {
                parser->arguments.action = g_str_equal(word, "--help") ? PROXY_ACTION_HELP
                                                                       : PROXY_ACTION_VERSION;
                parser->done = true;
                return true;
        }
        if (has_value(word, "--fd=", &value))
                return parse_fd(value, &parser->arguments.sync_fd, error);
        if (has_value(word, "--args=", &value))
                return take_args(parser, value, error);
        return bad(error, word, "is not a known argument");
}

/* For --see, --talk and --own, whose name must be a well-known one or NAMESPACE.*. */
static bool check_name(const char *text, GError **error) {
        size_t n = strlen(text) - (g_str_has_suffix(text, ".*") ? 2 : 0);
        g_autofree char *name = g_strndup(text, n);

        if (name[0] == ':' || !g_dbus_is_name(name))
                return bad(error, name, "is not a valid dbus name");
        return true;
}

/* What matches no message still makes its name, if it is one, visible. */
static void add_restricted(ProxyPair *pair, ProxyVerb verb, const char *text) {
        g_autofree char *name = g_strndup(text, (size_t)(strchr(text, '=') - text));
        g_autoptr(ContainerRule) rule = g_new0(ContainerRule, 1);

        if (name[0] == ':')
                return;
        if (proxy_rule_parse(verb, text, rule, NULL) ||
            proxy_rule_parse(PROXY_VERB_SEE, name, rule, NULL))
                g_ptr_array_add(pair->rules, g_steal_pointer(&rule));
}

static bool take_rule(ProxyPair *pair, ProxyVerb verb, const char *text, GError **error) {
        g_autoptr(ContainerRule) rule = NULL;

        if (verb == PROXY_VERB_CALL || verb == PROXY_VERB_BROADCAST) {
                if (!strchr(text, '='))
                        return bad(error, text, "is not NAME=RULE");
                add_restricted(pair, verb, text);
                return true;
        }
        if (!check_name(text, error))
                return false;
        rule = g_new0(ContainerRule, 1);
        if (!proxy_rule_parse(verb, text, rule, error))
                return false;
        g_ptr_array_add(pair->rules, g_steal_pointer(&rule));
        return true;
}

/* There is no rule for unique names alone. */
static void add_see_all(ProxyPair *pair) {
        ContainerRule *rule = g_new(ContainerRule, 1);

        *rule = (ContainerRule){ .flags = CONTAINER_RULE_SEE | CONTAINER_RULE_PATH_IS_SUBTREE,
                                 .bus_name = g_strdup(""),
                                 .object_path = g_strdup("/"),
                                 .interface = g_strdup("") };
        g_ptr_array_add(pair->rules, rule);
}

/* *ret_taken: whether @word is one of a pair's own options */
static bool take_pair_option(ProxyPair *pair, const char *word, bool *ret_taken, GError **error) {
        static const char *const verbs[] = { "see", "talk", "own", "call", "broadcast" };
        const char *value;

        *ret_taken = true;
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
                g_autofree char *option = g_strdup_printf("--%s=", verbs[i]);
                ProxyVerb verb;

                if (has_value(word, option, &value) && proxy_verb_find(verbs[i], &verb))
                        return take_rule(pair, verb, value, error);
        }

        if (g_str_equal(word, "--filter"))
                pair->filter = true;
        else if (g_str_equal(word, "--log"))
                pair->log = true;
        else if (g_str_equal(word, "--sloppy-names"))
                add_see_all(pair);
        else
                *ret_taken = false;
        return true;
}

static bool is_option(const char *word) {
        return word[0] == '-';
}

/* The options behind a pair, up to the next pair, the word -- or the end. */
static bool take_pair_options(Parser *parser, ProxyPair *pair, GError **error) {
        const char *next;

        while (!parser->done && (next = g_queue_peek_head(&parser->words)) && is_option(next) &&
               !g_str_equal(next, "--")) {
                g_autofree char *word = g_queue_pop_head(&parser->words);
                bool taken = false;

                if (!take_pair_option(pair, word, &taken, error))
                        return false;
                if (taken)
                        g_ptr_array_add(pair->words, g_steal_pointer(&word));
                else if (!take_general(parser, word, error))
                        return false;
        }
        return true;
}

static bool take_pair(Parser *parser, const char *address, GError **error) {
        ProxyPair *pair;
        const char *path = g_queue_peek_head(&parser->words);

        if (!path || is_option(path))
                return bad(error, address,
                           "is an address, behind which the path of a socket is missing");

        pair = g_new0(ProxyPair, 1);
        pair->address = g_strdup(address);
        pair->path = g_queue_pop_head(&parser->words);
        pair->rules = g_ptr_array_new_with_free_func(free_rule);
        pair->words = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(pair->words, g_strdup(address));
        g_ptr_array_add(pair->words, g_strdup(pair->path));
        g_ptr_array_add(parser->arguments.pairs, pair);
        return take_pair_options(parser, pair, error);
}

/* Our own options. */
static bool take_own(Parser *parser, GError **error) {
        ProxyArguments *arguments = &parser->arguments;
        const struct {
                const char *option;
                char **value;
        } options[] = { { "--type=", &arguments->type },
                        { "--app-id=", &arguments->app_id },
                        { "--instance-id=", &arguments->instance_id },
                        { "--proxy=", &arguments->program } };

        while (!g_queue_is_empty(&parser->words)) {
                g_autofree char *word = g_queue_pop_head(&parser->words);
                bool known = g_str_equal(word, "--stay");

                arguments->stay |= known;
                for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
                        const char *value;

                        if (!has_value(word, options[i].option, &value))
                                continue;
                        g_free(*options[i].value);
                        *options[i].value = g_strdup(value);
                        known = true;
                }
                if (!known)
                        return bad(error, word, "is not a known argument behind --");
        }
        return true;
}

static bool take_word(Parser *parser, GError **error) {
        g_autofree char *word = g_queue_pop_head(&parser->words);

        if (g_str_equal(word, "--"))
                return take_own(parser, error);
        if (is_option(word))
                return take_general(parser, word, error);
        return take_pair(parser, word, error);
}

bool proxy_arguments_parse(const char *const *words, ProxyArgumentsReader read,
                           ProxyArguments *ret_arguments, GError **error) {
        g_auto(Parser) parser = { .words = G_QUEUE_INIT,
                                  .n_left = PROXY_ARGUMENTS_MAX_BYTES,
                                  .read = read,
                                  .arguments = { .sync_fd = -1 } };

        parser.arguments.pairs = g_ptr_array_new_with_free_func(free_pair);
        parser.arguments.action = *words ? PROXY_ACTION_RUN : PROXY_ACTION_USAGE;
        for (; *words; words++)
                g_queue_push_tail(&parser.words, g_strdup(*words));
        while (!parser.done && !g_queue_is_empty(&parser.words))
                if (!take_word(&parser, error))
                        return false;
        if (parser.arguments.action == PROXY_ACTION_RUN && parser.arguments.pairs->len == 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "expected an ADDRESS and a PATH");
                return false;
        }

        *ret_arguments = parser.arguments;
        parser.arguments = (ProxyArguments){ 0 };
        return true;
}
