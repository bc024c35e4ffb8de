/* SPDX-License-Identifier: MIT */
/*
 * What the readers of Flatpak metadata, Firejail profiles and snap.yaml make of files: the rules
 * of each bus as text, or the error.
 */
#include "tools/firejail-profile.h"
#include "tools/flatpak-metadata.h"
#include "tools/snap-yaml.h"

#include <glib/gstdio.h>
#include <string.h>

/* A folder for the files of one test. */
typedef struct Folder {
        char *path; /* owned */
} Folder;

static void folder_set_up(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        folder->path = g_dir_make_tmp("dct-access-XXXXXX", NULL);
        g_assert_nonnull(folder->path);
}

static void folder_tear_down(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        g_autoptr(GDir) dir = g_dir_open(folder->path, 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(dir))) {
                g_autofree char *path = g_build_filename(folder->path, name, NULL);

                g_unlink(path);
        }
        g_rmdir(folder->path);
        g_free(folder->path);
}

static char *put(const Folder *folder, const char *name, const char *text) {
        char *path = g_build_filename(folder->path, name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        return path;
}

/* All rules of a bus, one a line. */
static char *rules_of(const AppAccess *access, BusKind bus) {
        const GPtrArray *rules = rule_list_get(access->rules[bus]);
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < rules->len; i++) {
                const SourcedRule *sourced = rules->pdata[i];
                g_autofree char *rule = container_rule_to_text(&sourced->rule);

                g_string_append_printf(text, "%s\n", rule);
        }
        return g_string_free(text, FALSE);
}

static void assert_rules(const AppAccess *access, BusKind bus, const char *expected) {
        g_autofree char *rules = rules_of(access, bus);

        g_assert_cmpstr(rules, ==, expected);
}

#define GIVEN(id)                                                                                  \
        "call+receive+own " id ".* fds\n"                                                          \
        "call+receive+own org.mpris.MediaPlayer2." id ".* fds\n"                                   \
        "call org.freedesktop.portal.* fds\n"                                                      \
        "receive org.freedesktop.portal.* @/org/freedesktop/portal/* fds\n"
#define OPEN "call+receive+own * fds\n"

static const struct {
        const char *text, *session, *system;
} metadata[] = {
        { "[Application]\nname=org.example.App\n", GIVEN("org.example.App"), "" },
        { "[Application]\nname=org.example.App\nruntime=a/b/c\n[Session Bus Policy]\n"
          "org.example.See=see\norg.example.Talk.*=talk\norg.example.Own=own\norg.example.No=none\n"
          "[System Bus Policy]\norg.freedesktop.UPower=talk\n",
          GIVEN("org.example.App") "see org.example.See\ntalk org.example.Talk.*\n"
                                   "call+receive+own org.example.Own fds\n",
          "talk org.freedesktop.UPower\n" },
        { "[Application]\nname=org.example.App\n[Context]\nsockets=x11;session-bus;\n"
          "[Session Bus Policy]\norg.example.See=see\n",
          OPEN, "" },
        { "[Application]\nname=org.example.App\n[Context]\nsockets=system-bus;session-bus;!session-"
          "bus;\n",
          GIVEN("org.example.App"), OPEN },
};

static void test_metadata(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(metadata); i++) {
                g_auto(AppAccess) access = { 0 };
                g_autoptr(GError) error = NULL;

                app_access_init(&access);
                g_assert_true(flatpak_metadata_parse(&access, metadata[i].text, "m", &error));
                g_assert_cmpstr(access.type, ==, "org.flatpak");
                g_assert_cmpstr(access.app_id, ==, "org.example.App");
                assert_rules(&access, BUS_SESSION, metadata[i].session);
                assert_rules(&access, BUS_SYSTEM, metadata[i].system);
        }
}

static void test_metadata_sources(void) {
        g_auto(AppAccess) access = { 0 };

        app_access_init(&access);
        g_assert_true(flatpak_metadata_parse(&access,
                                             "[Application]\nname=a.b\n\n[Session Bus Policy]\n"
                                             "# note\na.c = talk\n[System Bus Policy]\na.c=see\n",
                                             "m", NULL));
        const GPtrArray *rules = rule_list_get(access.rules[BUS_SESSION]);
        const SourcedRule *last = rules->pdata[rules->len - 1];
        g_assert_cmpstr(last->source, ==, "m:6");
        last = rule_list_get(access.rules[BUS_SYSTEM])->pdata[0];
        g_assert_cmpstr(last->source, ==, "m:8");
}

static const struct {
        const char *text, *error;
} bad_metadata[] = {
        { "", "m: expected the metadata of an app" },
        { "[Runtime]\nname=a.b\n", "m: expected the metadata of an app" },
        { "[Application]\nname=nodots\n", "m:2: expected the metadata of an app" },
        { "[Application]\nname=:1.5\n", "m:2: expected" },
        { "[Application]\nname=a.b\nnonsense\n", "m:3: expected [GROUP]" },
        { "[Application]\nname=a.b\n[Session Bus Policy]\n\na.c=maybe\n",
          "m:5: 'a.c' in [Session Bus Policy]: expected none, see, talk or own" },
        { "[Application]\nname=a.b\n[System Bus Policy]\na.c=call\n",
          "m:4: 'a.c' in [System Bus Policy]: expected" },
        { "[Application]\nname=a.b\n[System Bus Policy]\nnodots=talk\n",
          "m:4: bus name 'nodots': expected" },
        { "[Application]\nname=a.b\n[Session Bus Policy]\n:1.0=talk\n",
          "m:4: bus name ':1.0': expected a well-known" },
        { "[Application]\nname=a.b\n[Session Bus Policy]\norg.*=own\n",
          "m:4: bus name 'org.*': expected a well-known" },
};

static void test_bad_metadata(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(bad_metadata); i++) {
                g_auto(AppAccess) access = { 0 };
                g_autoptr(GError) error = NULL;

                app_access_init(&access);
                g_assert_false(flatpak_metadata_parse(&access, bad_metadata[i].text, "m", &error));
                g_assert_true(g_str_has_prefix(error->message, bad_metadata[i].error));
        }
}

static const struct {
        const char *text, *included, *session, *system;
} profiles[] = {
        { "# nothing about D-Bus\ncaps.drop all\n", "", OPEN, OPEN },
        { "dbus-user.talk org.example.T\ndbus-user filter\ndbus-user.own org.example.O # why\n"
          "dbus-user.see org.example.*\ndbus-user.call org.example.C=org.example.I.M@/a\n"
          "dbus-user.broadcast org.example.C=@/a/*\ndbus-user.log\ndbus-system none\n",
          "",
          "talk org.example.T\ncall+receive+own org.example.O fds\nsee org.example.*\n"
          "call org.example.C org.example.I.M @/a fds\nreceive org.example.C @/a/* fds\n",
          "" },
        { "nodbus\n", "", "", "" },
        { "include more.inc\ninclude missing.local\ndbus-user.talk org.example.A\n",
          "dbus-user filter\ndbus-system filter\ndbus-system.talk org.example.S\n",
          "talk org.example.A\n", "talk org.example.S\n" },
        { "ignore dbus-user none\ninclude more.inc\n",
          "dbus-user none\ndbus-user filter\ndbus-system none\n?ALLOW_TRAY: dbus-user.talk a.b\n",
          "", "" },
        { "dbus-user none\ndbus-user filter\ndbus-user.talk a.b\ndbus-system none\n", "", "", "" },
};

static void test_profile(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        for (size_t i = 0; i < G_N_ELEMENTS(profiles); i++) {
                g_autofree char *file = put(folder, "app.profile", profiles[i].text);
                g_auto(AppAccess) access = { 0 };
                g_autoptr(GError) error = NULL;

                g_free(put(folder, "more.inc", profiles[i].included));
                app_access_init(&access);
                g_assert_true(firejail_profile_load(&access, file, &error));
                g_assert_cmpstr(access.app_id, ==, "app");
                assert_rules(&access, BUS_SESSION, profiles[i].session);
                assert_rules(&access, BUS_SYSTEM, profiles[i].system);
        }
}

static const struct {
        const char *text, *error;
} bad_profiles[] = {
        { "\ndbus-user maybe\n", "app.profile:2: 'maybe': expected filter or none" },
        { "dbus-user.tell a.b\n", "app.profile:1: 'tell a.b': expected see, talk" },
        { "dbus-user.talk\n", "app.profile:1: 'talk': expected see, talk" },
        { "dbus-user.talk nodots\n", "app.profile:1: bus name 'nodots': expected" },
        { "dbus-user.call :1.0=*\n", "app.profile:1: bus name ':1.0=*': expected a well-known" },
        { "dbus-user.call a.b\n", "app.profile:1: 'a.b': expected NAME=RULE" },
        { "dbus-other filter\n", "app.profile:1: 'dbus-other filter': expected dbus-user" },
        { "# x\ninclude missing.inc\n", "app.profile:2: include " },
        { "include app.profile\n", "app.profile:1: 'app.profile': expected at most 16" },
};

static void test_bad_profile(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        for (size_t i = 0; i < G_N_ELEMENTS(bad_profiles); i++) {
                g_autofree char *file = put(folder, "app.profile", bad_profiles[i].text);
                g_autofree char *expected =
                        g_build_filename(folder->path, bad_profiles[i].error, NULL);
                g_auto(AppAccess) access = { 0 };
                g_autoptr(GError) error = NULL;

                app_access_init(&access);
                g_assert_false(firejail_profile_load(&access, file, &error));
                g_assert_true(g_str_has_prefix(error->message, expected));
        }
}

/* Each file includes the next one three times: bounded in number, not only in depth. */
static void test_many_includes(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        g_auto(AppAccess) access = { 0 };
        g_autoptr(GError) error = NULL;

        for (unsigned i = 0; i < 15; i++) {
                g_autofree char *name = g_strdup_printf("p%u.inc", i);
                g_autofree char *text = g_strdup_printf(
                        "include p%u.inc\ninclude p%u.inc\ninclude p%u.inc\n", i + 1, i + 1, i + 1);

                g_free(put(folder, name, text));
        }
        g_free(put(folder, "p15.inc", ""));
        app_access_init(&access);
        g_autofree char *file = g_build_filename(folder->path, "p0.inc", NULL);
        g_assert_false(firejail_profile_load(&access, file, &error));
        g_assert_nonnull(strstr(error->message, "256 in all"));
}

static const char snap[] = "name: player\n"
                           "version: 1\n"
                           "plugs:\n"
                           "  talk-it: {interface: dbus, bus: session, name: org.example.Other}\n"
                           "  dbus:\n"
                           "    bus: system\n"
                           "    name: org.example.System\n"
                           "  of-two: {interface: dbus, bus: session, name: org.example.Two}\n"
                           "  network: null\n"
                           "slots:\n"
                           "  mine:\n"
                           "    interface: dbus\n"
                           "    bus: session\n"
                           "    name: org.example.Player\n"
                           "apps:\n"
                           "  one:\n"
                           "    command: x\n"
                           "    plugs: [talk-it, network]\n"
                           "    slots: [mine]\n"
                           "  two:\n"
                           "    plugs: [of-two]\n";

/* A build without libyaml says so, and has nothing else to show. */
static bool skip_without_yaml(const GError *error) {
        if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
                return false;
        g_test_skip("built without libyaml");
        return true;
}

static void test_snap(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        g_autofree char *file = put(folder, "snap.yaml", snap);
        g_auto(AppAccess) one, two;
        g_autoptr(GError) error = NULL;

        app_access_init(&one);
        app_access_init(&two);
        if (!snap_yaml_load(&one, file, "one", &error) && skip_without_yaml(error))
                return;
        g_assert_no_error(error);
        g_assert_cmpstr(one.type, ==, "io.snapcraft");
        g_assert_cmpstr(one.app_id, ==, "snap.player.one");
        assert_rules(&one, BUS_SESSION,
                     "talk org.example.Other\n"
                     "call+receive+own org.example.Player fds\n");
        assert_rules(&one, BUS_SYSTEM, "talk org.example.System\n");
        g_assert_true(snap_yaml_load(&two, file, "two", &error));
        assert_rules(&two, BUS_SESSION, "talk org.example.Two\n");
        assert_rules(&two, BUS_SYSTEM, "talk org.example.System\n");
        const SourcedRule *rule = rule_list_get(two.rules[BUS_SYSTEM])->pdata[0];
        g_assert_true(g_str_has_suffix(rule->source, "snap.yaml:7"));
}

static const struct {
        const char *text, *error;
} bad_snaps[] = {
        { "", ": expected a snap.yaml" },
        { "- a\n- b\n", ":1: expected a snap.yaml" },
        { "name: x\napps:\n  other: {}\n", ":3: no app 'app' in 'apps:'" },
        { "name: x\n", ":1: no app 'app'" },
        { "name: x\nbad: [\n", ":3: " },
        { "name: x\nplugs: [a]\napps: {app: {}}\n", ":2: plugs: expected a mapping" },
        { "name: x\nplugs:\n  dbus: {name: a.b}\napps: {app: {}}\n",
          ":3: plug 'dbus': expected 'bus: session' or 'bus: system'" },
        { "name: x\nslots:\n  s: {interface: dbus, bus: session}\napps: {app: {}}\n",
          ":3: slot 's': expected 'name: '" },
        { "name: x\nplugs:\n  p: {interface: dbus, bus: session,\n    name: nodots}\napps: {app: "
          "{}}\n",
          ":4: bus name 'nodots': expected" },
        /* a mapping that contains itself */
        { "&a\nname: x\napps: *a\nplugs: *a\n", ":1: no app 'app'" },
};

static void test_bad_snap(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        for (size_t i = 0; i < G_N_ELEMENTS(bad_snaps); i++) {
                g_autofree char *file = put(folder, "snap.yaml", bad_snaps[i].text);
                g_autofree char *expected = g_strconcat(file, bad_snaps[i].error, NULL);
                g_auto(AppAccess) access = { 0 };
                g_autoptr(GError) error = NULL;

                app_access_init(&access);
                g_assert_false(snap_yaml_load(&access, file, "app", &error));
                if (skip_without_yaml(error))
                        return;
                g_test_message("%s", error->message);
                g_assert_true(g_str_has_prefix(error->message, expected));
        }
}

static void test_rule_file(Folder *folder, gconstpointer data G_GNUC_UNUSED) {
        g_autofree char *file = put(folder, "rules", "# why\n\ntalk a.b\ncall a.c # x\n");
        g_autofree char *bad = put(folder, "bad", "talk a.b\nnonsense\n");
        g_autofree char *missing = g_build_filename(folder->path, "missing", NULL);
        g_autoptr(RuleList) list = rule_list_new();
        g_autoptr(GError) error = NULL;

        g_assert_true(rule_list_add_file(list, file, NULL));
        g_assert_cmpuint(rule_list_get(list)->len, ==, 2);
        const SourcedRule *second = rule_list_get(list)->pdata[1];
        g_assert_true(g_str_has_suffix(second->source, "rules:4"));
        g_assert_false(rule_list_add_file(list, bad, &error));
        g_assert_nonnull(strstr(error->message, "bad:2: "));
        g_clear_error(&error);
        g_assert_false(rule_list_add_file(list, missing, &error));
        g_assert_nonnull(strstr(error->message, missing));
        g_clear_error(&error);
        g_assert_false(rule_list_add_file(list, "/dev/zero", &error));
        g_clear_error(&error);
        g_autofree char *binary = put(folder, "binary", "talk a.b\n\ntalk \xff\n");
        g_assert_false(rule_list_add_file(list, binary, &error));
        g_assert_nonnull(strstr(error->message, "binary:3: expected text in UTF-8"));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/flatpak-metadata/rules", test_metadata);
        g_test_add_func("/tools/flatpak-metadata/sources", test_metadata_sources);
        g_test_add_func("/tools/flatpak-metadata/errors", test_bad_metadata);
#define ADD(path, function)                                                                        \
        g_test_add(path, Folder, NULL, folder_set_up, function, folder_tear_down)
        ADD("/tools/firejail-profile/rules", test_profile);
        ADD("/tools/firejail-profile/errors", test_bad_profile);
        ADD("/tools/firejail-profile/many-includes", test_many_includes);
        ADD("/tools/snap-yaml/rules", test_snap);
        ADD("/tools/snap-yaml/errors", test_bad_snap);
        ADD("/tools/rule-list/files", test_rule_file);
        return g_test_run();
}
