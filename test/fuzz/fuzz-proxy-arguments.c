/* SPDX-License-Identifier: MIT */
/*
 * The command line of dbus-container-proxy: NUL ends a word, an empty one the words; what follows is
 * what --args brings, again and again. Whatever is understood consists of valid rules.
 */
#include "tools/proxy-arguments.h"

#include "policy/container-rule.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *brought;
static size_t n_brought;

static GBytes *read_brought(int fd, size_t max, GError **error) {
        if (fd > 9) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_BADF, "no such descriptor");
                return NULL;
        }
        /* Enough to see the limit without spending all of it. */
        if (max < PROXY_ARGUMENTS_MAX_BYTES - 4096)
                return g_bytes_new(NULL, 0);
        return g_bytes_new(brought, n_brought);
}

static void check_pair(const ProxyPair *pair) {
        g_assert_cmpuint(pair->words->len, >=, 2);
        g_assert_cmpstr(pair->words->pdata[0], ==, pair->address);
        g_assert_cmpstr(pair->words->pdata[1], ==, pair->path);
        for (guint i = 0; i < pair->rules->len; i++)
                g_assert_true(container_rule_check(pair->rules->pdata[i], NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_malloc0(size + 2);
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        g_auto(ProxyArguments) arguments = { 0 };
        g_autoptr(GError) error = NULL;
        size_t at = 0;
        bool parsed;

        if (size > 0)
                memcpy(text, data, size);
        for (; at < size && text[at] != '\0'; at += strlen(text + at) + 1)
                g_ptr_array_add(words, text + at);
        g_ptr_array_add(words, NULL);
        at = MIN(at + 1, size);
        brought = data + at;
        n_brought = size - at;

        parsed = proxy_arguments_parse((const char *const *)words->pdata, read_brought, &arguments,
                                       &error);
        g_assert_true(parsed == (error == NULL));
        if (error)
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        if (!parsed || arguments.action != PROXY_ACTION_RUN)
                return 0;
        g_assert_cmpuint(arguments.pairs->len, >, 0);
        for (guint i = 0; i < arguments.pairs->len; i++)
                check_pair(arguments.pairs->pdata[i]);
        return 0;
}
