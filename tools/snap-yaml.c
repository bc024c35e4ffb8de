/* SPDX-License-Identifier: MIT */
/*
 * libyaml makes a tree of the file, in which an alias is one more reference to the same node:
 * what is looked at has a fixed depth, so that a file cannot make it large or endless.
 */
#include "tools/snap-yaml.h"

#include "tools/small-file.h"

#include <string.h>
#include <yaml.h>

typedef struct Snap {
        yaml_document_t document;
        const char *file;  /* borrowed */
        AppAccess *access; /* borrowed */
        yaml_node_t *root;
} Snap;

/* Plugs and slots differ in one word and in what they allow. */
typedef struct Side {
        const char *key, *what;
        ProxyVerb verb;
} Side;

static const Side sides[] = {
        { "plugs", "plug", PROXY_VERB_TALK },
        { "slots", "slot", PROXY_VERB_OWN },
};

static char *source_of(const Snap *snap, const yaml_node_t *node) {
        return g_strdup_printf("%s:%zu", snap->file, node->start_mark.line + 1);
}

static bool fail(const Snap *snap, const yaml_node_t *node, GError **error, const char *format, ...)
        G_GNUC_PRINTF(4, 5);

static bool fail(const Snap *snap, const yaml_node_t *node, GError **error, const char *format,
                 ...) {
        g_autofree char *source = source_of(snap, node);
        g_autofree char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", source, text);
        return false;
}

/* The text of a scalar; NULL for anything else. */
static const char *text_of(const yaml_node_t *node) {
        return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                      : NULL;
}

/* The value of @key in a mapping; NULL if it is none or has none. */
static yaml_node_t *find(Snap *snap, const yaml_node_t *mapping, const char *key) {
        if (!mapping || mapping->type != YAML_MAPPING_NODE)
                return NULL;
        for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
             pair < mapping->data.mapping.pairs.top; pair++)
                if (g_strcmp0(text_of(yaml_document_get_node(&snap->document, pair->key)), key) ==
                    0)
                        return yaml_document_get_node(&snap->document, pair->value);
        return NULL;
}

/* Whether @list, a sequence of names or a mapping by name, has @name. */
static bool lists(Snap *snap, const yaml_node_t *list, const char *name) {
        if (find(snap, list, name))
                return true;
        if (!list || list->type != YAML_SEQUENCE_NODE)
                return false;
        for (yaml_node_item_t *item = list->data.sequence.items.start;
             item < list->data.sequence.items.top; item++)
                if (g_strcmp0(text_of(yaml_document_get_node(&snap->document, *item)), name) == 0)
                        return true;
        return false;
}

/* Whether any app or hook names a plug or slot, which then is not for all. */
static bool is_bound(Snap *snap, const Side *side, const char *name) {
        static const char *const users[] = { "apps", "hooks" };

        for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
                const yaml_node_t *all = find(snap, snap->root, users[i]);

                if (!all || all->type != YAML_MAPPING_NODE)
                        continue;
                for (yaml_node_pair_t *pair = all->data.mapping.pairs.start;
                     pair < all->data.mapping.pairs.top; pair++) {
                        yaml_node_t *user = yaml_document_get_node(&snap->document, pair->value);

                        if (lists(snap, find(snap, user, side->key), name))
                                return true;
                }
        }
        return false;
}

static bool find_bus(const char *word, BusKind *ret_bus) {
        if (g_strcmp0(word, "session") == 0)
                *ret_bus = BUS_SESSION;
        else if (g_strcmp0(word, "system") == 0)
                *ret_bus = BUS_SYSTEM;
        else
                return false;
        return true;
}

/* One plug or slot that the app has; those of other interfaces say nothing about D-Bus names. */
static bool add_one(Snap *snap, const Side *side, const char *name, const yaml_node_t *node,
                    GError **error) {
        const char *interface = text_of(find(snap, node, "interface"));
        const yaml_node_t *bus_name = find(snap, node, "name");
        const char *shorthand = text_of(node);
        g_autofree char *source = NULL;
        BusKind bus;

        if (!interface)
                interface = shorthand && *shorthand ? shorthand : name;
        if (strcmp(interface, "dbus") != 0)
                return true;
        if (!find_bus(text_of(find(snap, node, "bus")), &bus))
                return fail(snap, node, error, "%s '%s': expected 'bus: session' or 'bus: system'",
                            side->what, name);
        if (!text_of(bus_name))
                return fail(snap, node, error, "%s '%s': expected 'name: ' and a bus name",
                            side->what, name);
        source = source_of(snap, bus_name);
        return app_access_add(snap->access, bus, side->verb, text_of(bus_name), source, error);
}

static bool add_side(Snap *snap, const Side *side, const yaml_node_t *app, GError **error) {
        const yaml_node_t *all = find(snap, snap->root, side->key);
        const yaml_node_t *own = find(snap, app, side->key);

        if (!all)
                return true;
        if (all->type != YAML_MAPPING_NODE)
                return fail(snap, all, error, "%s: expected a mapping of names", side->key);
        for (yaml_node_pair_t *pair = all->data.mapping.pairs.start;
             pair < all->data.mapping.pairs.top; pair++) {
                const char *name = text_of(yaml_document_get_node(&snap->document, pair->key));
                yaml_node_t *node = yaml_document_get_node(&snap->document, pair->value);

                if (!name || !(lists(snap, own, name) || !is_bound(snap, side, name)))
                        continue;
                if (!add_one(snap, side, name, node, error))
                        return false;
        }
        return true;
}

static bool read_snap(Snap *snap, const char *app, GError **error) {
        const char *name = text_of(find(snap, snap->root, "name"));
        const yaml_node_t *apps = find(snap, snap->root, "apps");
        const yaml_node_t *node = find(snap, apps, app);
        g_autofree char *app_id = NULL;

        if (!name || !*name)
                return fail(snap, snap->root, error, "expected a snap.yaml, with 'name: ' in it");
        if (!node)
                return fail(snap, apps ? apps : snap->root, error,
                            "no app '%s' in 'apps:'; expected one that is there for --app", app);
        app_id = g_strdup_printf("snap.%s.%s", name, app);
        app_access_set_identity(snap->access, SNAP_TYPE, app_id);
        for (size_t i = 0; i < G_N_ELEMENTS(sides); i++)
                if (!add_side(snap, &sides[i], node, error))
                        return false;
        return true;
}

static bool parse(Snap *snap, const char *text, size_t length, GError **error) {
        yaml_parser_t parser;
        bool parsed;

        if (!yaml_parser_initialize(&parser))
                g_error("no memory for a YAML parser");
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        parsed = yaml_parser_load(&parser, &snap->document);
        if (!parsed)
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%zu: %s; expected YAML",
                            snap->file, parser.problem_mark.line + 1,
                            parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return parsed;
}

bool snap_yaml_load(AppAccess *access, const char *file, const char *app, GError **error) {
        Snap snap = { .file = file, .access = access };
        size_t length;
        g_autofree char *text = small_file_read(file, &length, error);
        bool read;

        if (!text || !parse(&snap, text, length, error))
                return false;
        snap.root = yaml_document_get_root_node(&snap.document);
        if (!snap.root) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "%s: expected a snap.yaml, found nothing in it", file);
                read = false;
        } else {
                read = read_snap(&snap, app, error);
        }
        yaml_document_delete(&snap.document);
        return read;
}
