/* SPDX-License-Identifier: MIT */
/* Each name gets the highest of see, talk and own that any rule asks for. */
#include "tools/flatpak-writer.h"

#include <string.h>

#define PORTALS "org.freedesktop.portal"

typedef enum Level { LEVEL_NONE, LEVEL_SEE, LEVEL_TALK, LEVEL_OWN } Level;

static const char *const words[] = { "none", "see", "talk", "own" };

static Level level_of(const ContainerRule *rule) {
        if (rule->flags & CONTAINER_RULE_OWN)
                return LEVEL_OWN;
        if (rule->flags & (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE))
                return LEVEL_TALK;
        return LEVEL_SEE;
}

static bool is_below(const char *name, const char *top) {
        size_t length = strlen(top);

        return strncmp(name, top, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

/* What Flatpak gives every app on the session bus. */
static bool is_given(const ContainerRule *rule, const char *app_id) {
        g_autofree char *player = g_strconcat("org.mpris.MediaPlayer2.", app_id, NULL);

        if (is_below(rule->bus_name, app_id) || is_below(rule->bus_name, player))
                return true;
        return is_below(rule->bus_name, PORTALS) && level_of(rule) <= LEVEL_TALK;
}

static int compare_names(const void *a, const void *b, void *user_data G_GNUC_UNUSED) {
        return strcmp(a, b);
}

static bool can_be_said(const ContainerRule *rule) {
        return rule->bus_name[0] != '\0' && rule->bus_name[0] != ':';
}

static void append_bus(GString *text, const char *group, const RuleList *list,
                       const char *given_to) {
        const GPtrArray *rules = rule_list_get(list);
        g_autoptr(GTree) names = g_tree_new_full(compare_names, NULL, g_free, NULL);
        g_autoptr(GString) unsaid = g_string_new(NULL);

        for (guint i = 0; i < rules->len; i++) {
                const ContainerRule *rule = &((const SourcedRule *)rules->pdata[i])->rule;
                bool below = rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE;
                g_autofree char *name = g_strconcat(rule->bus_name, below ? ".*" : "", NULL);
                g_autofree char *line = container_rule_to_text(rule);
                Level level = level_of(rule);

                if (!can_be_said(rule))
                        g_string_append_printf(unsaid, "# not to be said here: %s\n", line);
                else if (!given_to || !is_given(rule, given_to)) {
                        level = MAX(level, GPOINTER_TO_UINT(g_tree_lookup(names, name)));
                        g_tree_insert(names, g_steal_pointer(&name), GUINT_TO_POINTER(level));
                }
        }
        if (g_tree_nnodes(names) == 0 && unsaid->len == 0)
                return;
        g_string_append_printf(text, "\n[%s]\n%s", group, unsaid->str);
        for (GTreeNode *node = g_tree_node_first(names); node; node = g_tree_node_next(node))
                g_string_append_printf(text, "%s=%s\n", (const char *)g_tree_node_key(node),
                                       words[GPOINTER_TO_UINT(g_tree_node_value(node))]);
}

char *flatpak_writer_write(const char *app_id, const RuleList *session, const RuleList *system) {
        GString *text = g_string_new(NULL);

        g_string_append_printf(text, "[Application]\nname=%s\n", app_id);
        if (session)
                append_bus(text, "Session Bus Policy", session, app_id);
        if (system)
                append_bus(text, "System Bus Policy", system, NULL);
        return g_string_free(text, FALSE);
}
