/* SPDX-License-Identifier: MIT */
/*
 * The busconfig language: what is accepted and refused, and where an error is said to be. Each verdict of the first
 * table is that of dbus-daemon 1.14, tried with it.
 */
#include "policy/config.h"
#include "policy/rules.h"
#include "policy/xml-loader.h"

#include <string.h>

#define D(rule) "<policy context='default'>" rule "</policy>"

static bool parse(const char *text, Config **ret_config, char **ret_message) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        bool valid = xml_loader_parse(config, "/nonexistent/a.conf", text, strlen(text), &error);

        g_assert_cmpint(valid, ==, error == NULL);
        *ret_message = g_strdup(error ? error->message : "");
        *ret_config = g_steal_pointer(&config);
        return valid;
}

/* What stands inside <busconfig>. */
static const struct {
        const char *body;
        bool valid;
} language[] = {
        { "", true },
        { "text", false },
        { "<bees/>", false },
        { "<busconfig/>", false },
        { "<user>0</user>", true },
        { "<user>nosuchuser</user>", true },
        { "<user></user>", false },
        { "<user/>", false },
        { "<user><fork/></user>", false },
        { "<user>a<!-- comment -->b</user>", true },
        { "<type>session</type><type>own</type>", true },
        { "<type></type>", false },
        { "<pidfile></pidfile>", false },
        { "<pidfile>a</pidfile><pidfile>b</pidfile>", true },
        { "<fork/>", true },
        { "<fork> </fork>", true },
        { "<fork>x</fork>", false },
        { "<fork a='b'/>", false },
        { "<syslog/><keep_umask/><allow_anonymous/><service_owner_check/>", true },
        { "<service_owner_check>yes</service_owner_check>", false },
        { "<busy_poll usec='0'/><busy_poll usec='1000'/>", true },
        { "<busy_poll/>", false },
        { "<busy_poll usec='1001'/>", false },
        { "<busy_poll usec='-1'/>", false },
        { "<busy_poll usec='60 us'/>", false },
        { "<listen>unix:path=/a</listen>", true },
        { "<listen></listen>", false },
        { "<listen carefully='yes'>unix:path=/a</listen>", false },
        { "<auth>EXTERNAL</auth>", true },
        { "<auth>ANONYMOUS</auth>", true },
        { "<auth>DBUS_COOKIE_SHA1</auth>", true },
        { "<auth>BOGUS</auth>", false },
        { "<auth></auth>", false },
        { "<servicehelper>/bin/false</servicehelper>", true },
        { "<servicehelper></servicehelper>", false },
        { "<servicedir>a</servicedir>", true },
        { "<servicedir></servicedir>", false },
        { "<standard_session_servicedirs/><standard_system_servicedirs/>", true },
        { "<standard_session_servicedirs>x</standard_session_servicedirs>", false },
        { "<includedir>none</includedir>", true },
        { "<includedir></includedir>", false },
        { "<include>none</include>", false },
        { "<include></include>", false },
        { "<include ignore_missing='yes'>none</include>", true },
        { "<include ignore_missing='no'>none</include>", false },
        { "<include ignore_missing='true'>none</include>", false },
        { "<include if_selinux_enabled='yes'>none</include>", true },
        { "<include if_selinux_enabled='moo'>none</include>", false },
        { "<include if_selinux_enabled='yes' selinux_root_relative='yes'>none</include>", true },
        { "<include selinux_root_relative='jomoma'>none</include>", false },
        { "<include selinux_root_relative='yes' ignore_missing='yes'>none</include>", true },
        { "<include bogus='yes'>none</include>", false },
        { "<limit name='max_names_per_connection'>50</limit>", true },
        { "<limit name='max_names_per_connection'> 50 </limit>", true },
        { "<limit name='max_names_per_connection'>50x</limit>", true },
        { "<limit name='max_names_per_connection'></limit>", false },
        { "<limit name='max_names_per_connection'>5<fork/></limit>", false },
        { "<limit name='max_names_per_connection' name='max_names_per_connection'>5</limit>",
          false },
        { "<limit name='max_bees'>50</limit>", false },
        { "<limit>50</limit>", false },
        { "<limit wildebeest='gnu'>50</limit>", false },
        { "<limit/>", false },
        { "<selinux/>", true },
        { "<selinux a='b'/>", false },
        { "<selinux><associate own='a.b' context='x'/></selinux>", true },
        { "<selinux><associate own='nonsense' context='x'/></selinux>", true },
        { "<selinux><associate own='a.b'/></selinux>", false },
        { "<selinux><bees/></selinux>", false },
        { "<associate own='a.b' context='x'/>", false },
        { "<apparmor/>", true },
        { "<apparmor mode='required'/>", true },
        { "<apparmor mode='plaintive'/>", false },
        { "<apparmor style='x'/>", false },
        { "<policy/>", false },
        { "<policy hat='top'/>", false },
        { "<policy context='default'/>", true },
        { "<policy context='mandatory'/>", true },
        { "<policy context='other'/>", false },
        { "<policy at_console='true'/><policy at_console='false'/>", true },
        { "<policy at_console='maybe'/>", false },
        { "<policy user='root' at_console='true'/>", false },
        { "<policy user='root'/><policy user='0'/><policy user='nosuchuser'/><policy user='*'/>",
          true },
        { "<policy group='root'/><policy group='0'/><policy group='nosuch'/>", true },
        { "<policy context='default'><policy context='default'/></policy>", false },
        { "<policy context='default'>text</policy>", false },
        { "<policy context='default'><bees/></policy>", false },
        { "<policy user='root'><allow user='root'/></policy>", false },
        { "<policy group='root'><allow group='root'/></policy>", false },
        { "<policy user='nosuchuser'><allow user='root'/></policy>", true },
        { "<policy at_console='true'><allow user='root'/></policy>", true },
        { "<policy context='mandatory'><allow user='root'/></policy>", true },
        { "<policy user='nosuchuser'><allow bogus='root'/></policy>", false },
        { "<allow own='*'/>", false },
        { D("<allow own='*'>text</allow>"), false },
        { D("<allow own='*'><deny own='*'/></allow>"), false },
        { D("<allow/>"), false },
        /* this project's */
        { "<containers/>", true },
        { "<containers default_access='restricted' header='requested'/>", true },
        { "<containers default_access='open'/>", false },
        { "<containers header='never'/>", false },
        { "<containers a='b'/>", false },
        { "<containers>text</containers>", false },
        { "<containers><bees/></containers>", false },
        { "<containers><group name='a'>see org.a.B</group></containers>", true },
        { "<containers><group name='a'>bees org.a.B</group></containers>", false },
        { "<containers><group>see org.a.B</group></containers>", false },
        { "<containers><group name=''>see org.a.B</group></containers>", false },
        { "<group name='a'>see org.a.B</group>", false },
};

static void test_language(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(language); i++) {
                g_autofree char *text =
                        g_strdup_printf("<busconfig>\n%s</busconfig>", language[i].body);
                g_autoptr(Config) config = NULL;
                g_autofree char *message = NULL;
                bool valid = parse(text, &config, &message);

                g_test_message("%s: %s", language[i].body, message);
                g_assert_cmpint(valid, ==, language[i].valid);
                if (!valid)
                        g_assert_true(g_str_has_prefix(message, "/nonexistent/a.conf:2: "));
                /* Besides what is wrong each error says what would be right. */
                if (!valid && strncmp(language[i].body, "<containers><group", 18) != 0)
                        g_assert_nonnull(strstr(message, "expected"));
        }
}

static const struct {
        const char *text, *expected; /* NULL: valid */
} documents[] = {
        { "", ":1: " },
        { "<busconfig/>", NULL },
        { "<bees/>", ":1: <bees> is no bus configuration, expected <busconfig>" },
        { "<busconfig a='b'/>", ":1: attribute a is not known on <busconfig>, expected none" },
        { "<busconfig>\n\n<user>a</fork></busconfig>", ":3: " },
        { "<busconfig>\n<user>\n\n  </user></busconfig>",
          ":2: <user> is empty, expected a user's name or number" },
        { "<busconfig>\n<limit name='max_bees'\n>\n5</limit></busconfig>",
          ":2: there is no limit max_bees" },
        { "<busconfig>\n<policy context='default'>\n<allow\n bees='1'/></policy></busconfig>",
          ":3: <allow>: attribute bees" },
        { "<busconfig/><busconfig/>", ":1: " },
        { "<busconfig>", ":1: " },
        { "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN'\n"
          " 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n<busconfig/>",
          NULL },
        { "<!DOCTYPE busconfig [<!ENTITY a SYSTEM "
          "'file:///etc/passwd'>]><busconfig><fork>&a;</fork></busconfig>",
          NULL },
        { "<busconfig>&undefined;</busconfig>", ":1: " },
        { "\xef\xbb\xbf<busconfig/>", NULL },
        { "<?xml version='1.0' encoding='ISO-8859-1'?><busconfig><!-- \xe4 --></busconfig>", NULL },
        { "<busconfig><!-- \xe4 --></busconfig>", ":1: " },
};

static void test_documents(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
                g_autoptr(Config) config = NULL;
                g_autofree char *message = NULL;
                bool valid = parse(documents[i].text, &config, &message);

                g_test_message("%s: %s", documents[i].text, message);
                g_assert_cmpint(valid, ==, documents[i].expected == NULL);
                if (documents[i].expected)
                        g_assert_nonnull(strstr(message, documents[i].expected));
        }
}

/* Text is what lies between the tags, entities resolved, white space around it left out. */
static void test_text(void) {
        g_autoptr(Config) config = NULL;
        g_autofree char *message = NULL;

        g_assert_true(parse(
                "<!DOCTYPE busconfig [<!ENTITY part 'unix:path=/x'>]><busconfig>"
                "<listen>\n unix:path=/foo/&lt;bar&gt; </listen><listen>&part;/y</listen>"
                "<user>mybus&#117;ser</user><pidfile><![CDATA[/a&b]]></pidfile>"
                "<policy context='&#100;efault'><deny own='a.b'/></policy>"
                "<selinux><associate own='a.b' context='x_t'/></selinux><apparmor mode='disabled'/>"
                "<servicehelper>/bin/false</servicehelper></busconfig>",
                &config, &message));
        g_assert_cmpuint(config->listen->len, ==, 2);
        g_assert_cmpstr(config->listen->pdata[0], ==, "unix:path=/foo/<bar>");
        g_assert_cmpstr(config->listen->pdata[1], ==, "unix:path=/x/y");
        g_assert_cmpstr(config->user, ==, "mybususer");
        g_assert_cmpstr(config->pidfile, ==, "/a&b");
        g_assert_cmpstr(config->servicehelper, ==, "/bin/false");
        g_assert_cmpint(config->apparmor, ==, APPARMOR_DISABLED);
        g_assert_cmpuint(config->selinux->len, ==, 1);
        g_assert_cmpstr(((SelinuxAssociation *)config->selinux->pdata[0])->context, ==, "x_t");
        g_assert_cmpuint(config->rules->len, ==, 1);
}

/* Where rules stand, and for whom. */
static void test_rules(void) {
        g_autoptr(Config) config = NULL;
        g_autofree char *message = NULL;
        const PolicyRule *rule;

        g_assert_true(parse("<busconfig>\n<policy context='mandatory'>\n<deny send_interface='a.b' "
                            "log='true'/>\n</policy>"
                            "<policy user='0'><allow own='*'/></policy>\n"
                            "<policy group='no such group'><allow own='*'/></policy>"
                            "<policy at_console='false'><allow own='*'/></policy></busconfig>",
                            &config, &message));
        g_assert_cmpuint(config->rules->len, ==, 4);
        rule = config->rules->pdata[0];
        g_assert_cmpint(rule->context, ==, POLICY_CONTEXT_MANDATORY);
        g_assert_cmpstr(rule->text, ==, "deny send_interface=\"a.b\" log=\"true\"");
        g_assert_cmpstr(rule->file, ==, "/nonexistent/a.conf");
        g_assert_cmpuint(rule->line, ==, 3);
        g_assert_true(rule->log);
        rule = config->rules->pdata[1];
        g_assert_cmpint(rule->context, ==, POLICY_CONTEXT_USER);
        g_assert_true(rule->applies_to.known);
        g_assert_cmpuint(rule->applies_to.id, ==, 0);
        rule = config->rules->pdata[2];
        g_assert_cmpint(rule->context, ==, POLICY_CONTEXT_GROUP);
        g_assert_false(rule->applies_to.known);
        g_assert_cmpstr(rule->applies_to.name, ==, "no such group");
        rule = config->rules->pdata[3];
        g_assert_cmpint(rule->context, ==, POLICY_CONTEXT_NO_CONSOLE);
        g_assert_cmpuint(config->warnings->len, ==, 1);
        g_assert_nonnull(strstr(config->warnings->pdata[0], "a.conf:5: group \"no such group\""));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/xml-loader/language", test_language);
        g_test_add_func("/policy/xml-loader/documents", test_documents);
        g_test_add_func("/policy/xml-loader/text", test_text);
        g_test_add_func("/policy/xml-loader/rules", test_rules);
        return g_test_run();
}
