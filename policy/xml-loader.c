/* SPDX-License-Identifier: MIT */
/*
 * Reads busconfig files with expat.
 *
 * The language is the table of elements below: where an element may stand, which attributes it takes, whether it
 * holds text, and what it does. Text of an element is gathered and handled at its end, elements that hold others are
 * handled at their start. The first error stops the parser.
 *
 * Included files are read by a Loader of their own into a Config of their own (see config.c); the loaders of one
 * branch of inclusion form a chain, in which a file that includes itself is recognised by its inode.
 */
#include "policy/xml-loader.h"

#include "policy/config-files.h"
#include "policy/container-rule.h"
#include "policy/lsm.h"
#include "policy/rules.h"
#include "policy/service-dirs.h"

#include <expat.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MAX_INCLUDES 64
/* busconfig, policy, allow, and one more that is refused. */
#define MAX_ELEMENTS 8

/* More would only make a bus of one processor slow. */
#define MAX_BUSY_POLL_USEC 1000

typedef struct Loader Loader;
typedef struct ElementType ElementType;

typedef enum ElementKind { ROOT, BUSCONFIG, POLICY, SELINUX, CONTAINERS, LEAF } ElementKind;

struct ElementType {
        const char *name;
        ElementKind parent, kind;
        const char *attributes;   /* names separated by spaces; NULL: checked by begin() */
        const char *text;         /* what the text is expected to be; NULL: there must be none */
        void (*begin)(Loader *loader, const char *const *attributes);
        void (*end)(Loader *loader, const char *text);
        size_t offset;            /* of the member of Config that is set */
};

typedef struct Element {
        const ElementType *type;
        char **attributes; /* owned; name, value, ..., NULL */
        unsigned line;
} Element;

struct Loader {
        XML_Parser parser;
        Config *config;      /* borrowed; being filled */
        const char *path;
        char *file;          /* a GRefString of path, for rules */
        char *folder;        /* owned; of the file */
        const Loader *outer; /* that includes this one; NULL: main file */
        unsigned depth;
        dev_t device;        /* of the file, with inode; both 0: it is no file */
        ino_t inode;
        Element elements[MAX_ELEMENTS];
        unsigned n_elements;
        GString *text;       /* of the innermost element */
        unsigned text_line;  /* where it starts */
        PolicyContext context;    /* of the <policy> that is being read */
        PolicyAccount applies_to;
        GError *error;
};

static bool read_into(Config *config, const char *path, const Loader *outer, unsigned line,
                      GError **error);

static unsigned current_line(Loader *loader) {
        return (unsigned)XML_GetCurrentLineNumber(loader->parser);
}

/* The first error is the one that is told. */
G_GNUC_PRINTF(3, 4) static void fail(Loader *loader, unsigned line, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list args;

        if (loader->error)
                return;
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error(&loader->error, CONFIG_ERROR, CONFIG_ERROR_INVALID, "%s:%u: %s", loader->path,
                    line, text);
        XML_StopParser(loader->parser, XML_FALSE);
}

/* Takes over @error, whose text says where. */
static void stop(Loader *loader, GError *error) {
        g_propagate_error(&loader->error, error);
        XML_StopParser(loader->parser, XML_FALSE);
}

G_GNUC_PRINTF(3, 4) static void warn(Loader *loader, unsigned line, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        g_ptr_array_add(loader->config->warnings,
                        g_strdup_printf("%s:%u: %s", loader->path, line, text));
}

static const Element *innermost(const Loader *loader) {
        g_assert(loader->n_elements > 0);
        return &loader->elements[loader->n_elements - 1];
}

static const char *find_attribute(const char *const *attributes, const char *name) {
        for (; attributes[0]; attributes += 2)
                if (strcmp(attributes[0], name) == 0)
                        return attributes[1];
        return NULL;
}

/* Attribute of the element that ends. */
static const char *attribute(const Loader *loader, const char *name) {
        return find_attribute((const char *const *)innermost(loader)->attributes, name);
}

static bool is_yes(Loader *loader, const char *name) {
        const char *value = attribute(loader, name);

        if (!value || strcmp(value, "no") == 0)
                return false;
        if (strcmp(value, "yes") != 0)
                fail(loader, innermost(loader)->line, "%s=\"%s\" is wrong, expected yes or no",
                     name, value);
        return !loader->error;
}

static void *member(Loader *loader) {
        return (char *)loader->config + innermost(loader)->type->offset;
}

static char *resolve(const Loader *loader, const char *path) {
        if (g_path_is_absolute(path))
                return g_strdup(path);
        return g_build_filename(loader->folder, path, NULL);
}

static void begin_flag(Loader *loader, G_GNUC_UNUSED const char *const *attributes) {
        *(bool *)member(loader) = true;
}

static void end_string(Loader *loader, const char *text) {
        char **string = member(loader);

        g_free(*string);
        *string = g_strdup(text);
}

static void end_auth(Loader *loader, const char *text) {
        if (strcmp(text, "EXTERNAL") != 0 && strcmp(text, "ANONYMOUS") != 0 &&
            strcmp(text, "DBUS_COOKIE_SHA1") != 0) {
                fail(loader, innermost(loader)->line,
                     "%s is no mechanism, expected EXTERNAL or ANONYMOUS", text);
                return;
        }
        if (strcmp(text, "DBUS_COOKIE_SHA1") == 0)
                warn(loader, innermost(loader)->line, "mechanism %s is not offered by this bus",
                     text);
        g_ptr_array_add(loader->config->auth, g_strdup(text));
}

/* Whether it is an address is found out when it is needed: the command line may name another. */
static void end_listen(Loader *loader, const char *text) {
        g_ptr_array_add(loader->config->listen, g_strdup(text));
}

static void end_servicedir(Loader *loader, const char *text) {
        g_autofree char *path = resolve(loader, text);

        service_dirs_add(loader->config->service_dirs, path, SERVICE_DIR_DEFAULT);
}

static void begin_session_servicedirs(Loader *loader, G_GNUC_UNUSED const char *const *attributes) {
        service_dirs_add_session(loader->config->service_dirs);
}

static void begin_system_servicedirs(Loader *loader, G_GNUC_UNUSED const char *const *attributes) {
        service_dirs_add_system(loader->config->service_dirs);
}

static void begin_limit(Loader *loader, const char *const *attributes) {
        if (!find_attribute(attributes, "name"))
                fail(loader, current_line(loader), "<limit> has no name, expected name=\"...\"");
}

static void end_limit(Loader *loader, const char *text) {
        g_autoptr(GError) error = NULL;

        if (!config_set_limit(&loader->config->limits, attribute(loader, "name"), text, &error))
                fail(loader, innermost(loader)->line, "%s", error->message);
        else if (!g_ascii_isxdigit(text[strlen(text) - 1]))
                warn(loader, innermost(loader)->line,
                     "limit %s: \"%s\" is more than a number; what follows it is ignored",
                     attribute(loader, "name"), text);
}

static void end_include(Loader *loader, const char *text) {
        unsigned line = innermost(loader)->line;
        bool ignore_missing = is_yes(loader, "ignore_missing");
        bool if_selinux = is_yes(loader, "if_selinux_enabled");
        bool in_selinux = is_yes(loader, "selinux_root_relative");
        g_autoptr(Config) included = config_new_included(loader->config);
        g_autofree char *path = NULL;
        g_autoptr(GError) error = NULL;

        if (loader->error || (if_selinux && !lsm_has_selinux()))
                return;
        if (in_selinux)
                path = g_build_filename(lsm_get_selinux_root(), text, NULL);
        else
                path = resolve(loader, text);
        if (read_into(included, path, loader, line, &error)) {
                config_join(loader->config, included);
                return;
        }
        config_join_notes(loader->config, included);
        if (!ignore_missing || !g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_MISSING)) {
                stop(loader, g_steal_pointer(&error));
                return;
        }
        /* A file that is there but includes one that is not: nothing of it holds, which somebody should know. */
        if (access(path, F_OK) == 0)
                warn(loader, line, "%s is left out: %s", path, error->message);
        else
                g_ptr_array_add(loader->config->files, g_steal_pointer(&path));
}

static void end_includedir(Loader *loader, const char *text) {
        g_autofree char *folder = resolve(loader, text);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) names = config_files_list(folder, ".conf", &error);

        g_ptr_array_add(loader->config->config_dirs, g_strdup(folder));
        if (!names) {
                if (!g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_MISSING))
                        stop(loader,
                             g_error_new(CONFIG_ERROR, error->code,
                                         "%s:%u: %s, expected a folder of .conf files",
                                         loader->path, innermost(loader)->line, error->message));
                return;
        }
        for (guint i = 0; i < names->len; i++) {
                g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
                g_autoptr(Config) included = config_new_included(loader->config);
                g_autoptr(GError) file_error = NULL;

                if (read_into(included, path, loader, innermost(loader)->line, &file_error)) {
                        config_join(loader->config, included);
                        continue;
                }
                config_join_notes(loader->config, included);
                if (g_error_matches(file_error, CONFIG_ERROR, CONFIG_ERROR_SHORTAGE)) {
                        stop(loader, g_steal_pointer(&file_error));
                        return;
                }
                /* Gone since the folder was read? Then it is no matter. */
                if (access(path, F_OK) == 0)
                        warn(loader, innermost(loader)->line, "%s is left out: %s", path,
                             file_error->message);
        }
}

static void begin_policy_context(Loader *loader, const char *value) {
        if (strcmp(value, "default") == 0)
                loader->context = POLICY_CONTEXT_DEFAULT;
        else if (strcmp(value, "mandatory") == 0)
                loader->context = POLICY_CONTEXT_MANDATORY;
        else
                fail(loader, current_line(loader),
                     "context=\"%s\" is wrong, expected default or mandatory", value);
}

static void begin_policy_console(Loader *loader, const char *value) {
        if (strcmp(value, "true") == 0)
                loader->context = POLICY_CONTEXT_CONSOLE;
        else if (strcmp(value, "false") == 0)
                loader->context = POLICY_CONTEXT_NO_CONSOLE;
        else
                fail(loader, current_line(loader),
                     "at_console=\"%s\" is wrong, expected true or false", value);
}

static void begin_policy(Loader *loader, const char *const *attributes) {
        const char *name = attributes[0];
        const char *value = attributes[1];

        policy_account_clear(&loader->applies_to);
        if (!name || attributes[2]) {
                fail(loader, current_line(loader),
                     "<policy> must be for one thing, "
                     "expected one of context, user, group, at_console");
                return;
        }
        if (strcmp(name, "context") == 0) {
                begin_policy_context(loader, value);
                return;
        }
        if (strcmp(name, "at_console") == 0) {
                begin_policy_console(loader, value);
                return;
        }
        if (strcmp(name, "user") == 0) {
                loader->context = POLICY_CONTEXT_USER;
                policy_account_set_user(&loader->applies_to, value);
        } else {
                loader->context = POLICY_CONTEXT_GROUP;
                policy_account_set_group(&loader->applies_to, value);
        }
        if (!loader->applies_to.known)
                warn(loader, current_line(loader), "%s \"%s\" %s", name, value,
                     policy_account_why_unknown(&loader->applies_to));
}

static void add_rule(Loader *loader, bool allow, const char *const *attributes) {
        g_autoptr(GError) error = NULL;
        g_autoptr(PolicyRule) rule = policy_rule_new(allow, attributes, &error);
        bool connects;

        if (!rule) {
                fail(loader, current_line(loader), "<%s>: %s", allow ? "allow" : "deny",
                     error->message);
                return;
        }
        connects = rule->kind == POLICY_RULE_USER || rule->kind == POLICY_RULE_GROUP;
        if (connects && loader->applies_to.known) {
                fail(loader, current_line(loader),
                     "who may connect is asked for the bus as a whole, "
                     "expected this rule in context=\"default\" or \"mandatory\"");
                return;
        }
        if (connects && rule->account.name && !rule->account.known)
                warn(loader, current_line(loader), "\"%s\" %s", rule->account.name,
                     policy_account_why_unknown(&rule->account));
        rule->context = loader->context;
        policy_account_copy(&rule->applies_to, &loader->applies_to);
        rule->file = g_ref_string_acquire(loader->file);
        rule->line = current_line(loader);
        g_ptr_array_add(loader->config->rules, g_steal_pointer(&rule));
}

static void begin_allow(Loader *loader, const char *const *attributes) {
        add_rule(loader, true, attributes);
}

static void begin_deny(Loader *loader, const char *const *attributes) {
        add_rule(loader, false, attributes);
}

static void begin_associate(Loader *loader, const char *const *attributes) {
        const char *own = find_attribute(attributes, "own");
        const char *context = find_attribute(attributes, "context");
        SelinuxAssociation *association;

        if (!own || !context) {
                fail(loader, current_line(loader),
                     "<associate> is not complete, expected own=\"NAME\" and "
                     "context=\"CONTEXT\"");
                return;
        }
        association = g_new0(SelinuxAssociation, 1);
        association->own = g_strdup(own);
        association->context = g_strdup(context);
        g_ptr_array_add(loader->config->selinux, association);
}

/* Which of @words the attribute says, -1 when it is not there or an error has been set. */
static int choose(Loader *loader, const char *name, const char *value, const char *const *words) {
        g_autofree char *expected = NULL;

        if (!value)
                return -1;
        for (int i = 0; words[i]; i++)
                if (strcmp(value, words[i]) == 0)
                        return i;
        expected = g_strjoinv(" or ", (char **)words);
        fail(loader, current_line(loader), "%s=\"%s\" is wrong, expected %s", name, value,
             expected);
        return -1;
}

static void begin_apparmor(Loader *loader, const char *const *attributes) {
        static const char *const modes[] = {
                [APPARMOR_ENABLED] = "enabled",
                [APPARMOR_DISABLED] = "disabled",
                [APPARMOR_REQUIRED] = "required",
                NULL,
        };
        int mode = choose(loader, "mode", find_attribute(attributes, "mode"), modes);

        if (mode >= 0)
                loader->config->apparmor = (ApparmorMode)mode;
}

static void begin_busy_poll(Loader *loader, const char *const *attributes) {
        const char *usec = find_attribute(attributes, "usec");
        guint64 value;

        if (usec && g_ascii_string_to_unsigned(usec, 10, 0, MAX_BUSY_POLL_USEC, &value, NULL))
                loader->config->busy_poll_usec = (uint32_t)value;
        else
                fail(loader, current_line(loader),
                     "<busy_poll> has no proper time, expected usec=\"0\" to usec=\"%d\"",
                     MAX_BUSY_POLL_USEC);
}

static void begin_containers(Loader *loader, const char *const *attributes) {
        static const char *const access_words[] = { "restricted", "unrestricted", NULL };
        static const char *const header_words[] = { "requested", "always", NULL };
        int access_word = choose(loader, "default_access",
                                 find_attribute(attributes, "default_access"), access_words);
        int header_word =
                choose(loader, "header", find_attribute(attributes, "header"), header_words);

        if (access_word >= 0)
                loader->config->containers_unrestricted = access_word == 1;
        if (header_word >= 0)
                loader->config->containers_header_always = header_word == 1;
}

static void begin_group(Loader *loader, const char *const *attributes) {
        const char *name = find_attribute(attributes, "name");

        if (!name || !name[0])
                fail(loader, current_line(loader), "<group> has no name, expected name=\"...\"");
}

static void end_group(Loader *loader, G_GNUC_UNUSED const char *text) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) rules = NULL;

        /* As it stands in the file, so that the lines count. */
        rules = container_rule_parse_text(loader->text->str, loader->path, loader->text_line,
                                          &error);
        if (rules) {
                config_add_group(loader->config, attribute(loader, "name"), loader->text->str,
                                 loader->path, loader->text_line);
                return;
        }
        if (!loader->error)
                g_set_error_literal(&loader->error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                                    error->message);
        XML_StopParser(loader->parser, XML_FALSE);
}

#define AT(field) offsetof(Config, field)

static const ElementType element_types[] = {
        { "busconfig", ROOT, BUSCONFIG, "", NULL, NULL, NULL, 0 },
        { "type", BUSCONFIG, LEAF, "", "a word such as session or system", NULL, end_string,
          AT(type) },
        { "user", BUSCONFIG, LEAF, "", "a user's name or number", NULL, end_string, AT(user) },
        { "pidfile", BUSCONFIG, LEAF, "", "a file name", NULL, end_string, AT(pidfile) },
        { "servicehelper", BUSCONFIG, LEAF, "", "a file name", NULL, end_string,
          AT(servicehelper) },
        { "fork", BUSCONFIG, LEAF, "", NULL, begin_flag, NULL, AT(fork) },
        { "syslog", BUSCONFIG, LEAF, "", NULL, begin_flag, NULL, AT(syslog) },
        { "keep_umask", BUSCONFIG, LEAF, "", NULL, begin_flag, NULL, AT(keep_umask) },
        { "allow_anonymous", BUSCONFIG, LEAF, "", NULL, begin_flag, NULL, AT(allow_anonymous) },
        { "service_owner_check", BUSCONFIG, LEAF, "", NULL, begin_flag, NULL,
          AT(service_owner_check) },
        { "listen", BUSCONFIG, LEAF, "", "an address", NULL, end_listen, 0 },
        { "auth", BUSCONFIG, LEAF, "", "a mechanism", NULL, end_auth, 0 },
        { "servicedir", BUSCONFIG, LEAF, "", "a folder", NULL, end_servicedir, 0 },
        { "standard_session_servicedirs", BUSCONFIG, LEAF, "", NULL, begin_session_servicedirs,
          NULL, 0 },
        { "standard_system_servicedirs", BUSCONFIG, LEAF, "", NULL, begin_system_servicedirs, NULL,
          0 },
        { "includedir", BUSCONFIG, LEAF, "", "a folder", NULL, end_includedir, 0 },
        { "include", BUSCONFIG, LEAF, "ignore_missing if_selinux_enabled selinux_root_relative",
          "a file name", NULL, end_include, 0 },
        { "limit", BUSCONFIG, LEAF, "name", "a number", begin_limit, end_limit, 0 },
        { "policy", BUSCONFIG, POLICY, "context user group at_console", NULL, begin_policy, NULL,
          0 },
        { "allow", POLICY, LEAF, NULL, NULL, begin_allow, NULL, 0 },
        { "deny", POLICY, LEAF, NULL, NULL, begin_deny, NULL, 0 },
        { "selinux", BUSCONFIG, SELINUX, "", NULL, NULL, NULL, 0 },
        { "associate", SELINUX, LEAF, "own context", NULL, begin_associate, NULL, 0 },
        { "apparmor", BUSCONFIG, LEAF, "mode", NULL, begin_apparmor, NULL, 0 },
        { "containers", BUSCONFIG, CONTAINERS, "default_access header", NULL, begin_containers,
          NULL, 0 },
        { "busy_poll", BUSCONFIG, LEAF, "usec", NULL, begin_busy_poll, NULL, 0 },
        { "group", CONTAINERS, LEAF, "name", "container rules, one a line", begin_group, end_group,
          0 },
};

static const ElementType *find_type(Loader *loader, const char *name, ElementKind parent) {
        g_autoptr(GString) expected = g_string_new(NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(element_types); i++) {
                const ElementType *type = &element_types[i];

                if (type->parent != parent)
                        continue;
                if (strcmp(type->name, name) == 0)
                        return type;
                g_string_append_printf(expected, "%s<%s>", expected->len ? ", " : "", type->name);
        }
        if (parent == ROOT)
                fail(loader, current_line(loader),
                     "<%s> is no bus configuration, expected <busconfig>", name);
        else if (parent == LEAF)
                fail(loader, current_line(loader),
                     "<%s> stands inside <%s>, which holds no elements, expected </%s>", name,
                     innermost(loader)->type->name, innermost(loader)->type->name);
        else
                fail(loader, current_line(loader),
                     "<%s> is not known inside <%s>, expected one of %s", name,
                     innermost(loader)->type->name, expected->str);
        return NULL;
}

static bool check_attributes(Loader *loader, const ElementType *type,
                             const char *const *attributes) {
        g_auto(GStrv) known = NULL;
        g_autofree char *list = NULL;

        if (!type->attributes)
                return true;
        known = g_strsplit(type->attributes, " ", -1);
        for (; attributes[0]; attributes += 2) {
                if (g_strv_contains((const char *const *)known, attributes[0]))
                        continue;
                list = g_strjoinv(", ", known);
                fail(loader, current_line(loader), "attribute %s is not known on <%s>, expected %s",
                     attributes[0], type->name, list[0] ? list : "none");
                return false;
        }
        return true;
}

static void start_element(void *user, const char *name, const char **attributes) {
        Loader *loader = user;
        const char *const *values = (const char *const *)attributes;
        const ElementType *type;
        ElementKind parent = loader->n_elements > 0 ? innermost(loader)->type->kind : ROOT;

        if (loader->error)
                return;
        type = find_type(loader, name, parent);
        if (!type || !check_attributes(loader, type, values))
                return;
        g_assert(loader->n_elements < MAX_ELEMENTS);
        loader->elements[loader->n_elements++] = (Element){
                .type = type,
                .attributes = g_strdupv((char **)attributes),
                .line = current_line(loader),
        };
        g_string_truncate(loader->text, 0);
        if (type->begin)
                type->begin(loader, values);
}

static void finish_text(Loader *loader, const Element *element) {
        g_autofree char *text = g_strstrip(g_strdup(loader->text->str));

        if (!text[0]) {
                fail(loader, element->line, "<%s> is empty, expected %s", element->type->name,
                     element->type->text);
                return;
        }
        element->type->end(loader, text);
}

static void end_element(void *user, G_GNUC_UNUSED const char *name) {
        Loader *loader = user;
        Element *element;

        if (loader->error)
                return;
        element = &loader->elements[loader->n_elements - 1];
        if (element->type->text)
                finish_text(loader, element);
        g_clear_pointer(&element->attributes, g_strfreev);
        loader->n_elements--;
        g_string_truncate(loader->text, 0);
}

static bool is_blank(const char *text, size_t n_text) {
        for (size_t i = 0; i < n_text; i++)
                if (!g_ascii_isspace(text[i]))
                        return false;
        return true;
}

static void character_data(void *user, const char *text, int n_text) {
        Loader *loader = user;

        if (loader->error || loader->n_elements == 0)
                return;
        if (innermost(loader)->type->text) {
                if (loader->text->len == 0)
                        loader->text_line = current_line(loader);
                g_string_append_len(loader->text, text, n_text);
                return;
        }
        if (!is_blank(text, (size_t)n_text))
                fail(loader, current_line(loader), "text inside <%s>, expected %s",
                     innermost(loader)->type->name,
                     innermost(loader)->type->kind == LEAF ? "none" : "elements");
}

static void skipped_entity(void *user, const char *name, G_GNUC_UNUSED int is_parameter) {
        Loader *loader = user;

        if (!loader->error)
                warn(loader, current_line(loader), "entity &%s; is not defined here and left out",
                     name);
}

static void loader_clear(Loader *loader) {
        for (unsigned i = 0; i < loader->n_elements; i++)
                g_strfreev(loader->elements[i].attributes);
        g_clear_pointer(&loader->parser, XML_ParserFree);
        g_clear_pointer(&loader->file, g_ref_string_release);
        g_clear_pointer(&loader->folder, g_free);
        policy_account_clear(&loader->applies_to);
        g_string_free(loader->text, TRUE);
        g_clear_error(&loader->error);
}

static bool parse(Loader *loader, const char *text, size_t n_text, GError **error) {
        enum XML_Status status;

        loader->parser = XML_ParserCreate(NULL);
        loader->file = g_ref_string_new(loader->path);
        loader->folder = g_path_get_dirname(loader->path);
        loader->text = g_string_new(NULL);
        g_ptr_array_add(loader->config->files, g_strdup(loader->path));

        XML_SetUserData(loader->parser, loader);
        XML_SetElementHandler(loader->parser, start_element, end_element);
        XML_SetCharacterDataHandler(loader->parser, character_data);
        XML_SetSkippedEntityHandler(loader->parser, skipped_entity);
        status = XML_Parse(loader->parser, text, (int)n_text, XML_TRUE);

        if (status != XML_STATUS_OK)
                fail(loader, current_line(loader), "%s, expected well-formed XML",
                     XML_ErrorString(XML_GetErrorCode(loader->parser)));
        if (loader->error)
                g_propagate_error(error, g_steal_pointer(&loader->error));
        loader_clear(loader);
        return status == XML_STATUS_OK;
}

static const Loader *find_inclusion(const Loader *loader, const struct stat *file) {
        for (; loader; loader = loader->outer)
                if (loader->inode == file->st_ino && loader->device == file->st_dev)
                        return loader;
        return NULL;
}

/* How files include each other: never themselves, and not endlessly. */
static bool check_inclusion(const Loader *outer, unsigned line, const char *path,
                            const struct stat *file, GError **error) {
        if (find_inclusion(outer, file)) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "%s:%u: %s includes itself, expected a file that does not", outer->path,
                            line, path);
                return false;
        }
        if (outer && outer->depth >= MAX_INCLUDES) {
                g_set_error(
                        error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                        "%s:%u: files include each other too deeply, expected at most %d levels",
                        outer->path, line, MAX_INCLUDES);
                return false;
        }
        return true;
}

static bool read_into(Config *config, const char *path, const Loader *outer, unsigned line,
                      GError **error) {
        Loader loader = { .config = config,
                          .path = path,
                          .outer = outer,
                          .depth = outer ? outer->depth + 1 : 0 };
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_autoptr(GError) read_error = NULL;
        struct stat file;

        /* An included file must be a regular one: anything else could block. The main one may be what the caller likes. */
        if (!config_files_read(path, outer != NULL, bytes, &file, &read_error)) {
                g_set_error(error, CONFIG_ERROR, read_error->code, "%s:%u: %s",
                            outer ? outer->path : path, line, read_error->message);
                return false;
        }
        if (!check_inclusion(outer, line, path, &file, error))
                return false;
        loader.device = file.st_dev;
        loader.inode = file.st_ino;
        return parse(&loader, (const char *)bytes->data, bytes->len, error);
}

bool xml_loader_read(Config *config, const char *path, GError **error) {
        return read_into(config, path, NULL, 1, error);
}

bool xml_loader_parse(Config *config, const char *path, const char *text, size_t n_text,
                      GError **error) {
        Loader loader = { .config = config, .path = path };

        g_assert(n_text <= INT_MAX);
        return parse(&loader, text, n_text, error);
}
