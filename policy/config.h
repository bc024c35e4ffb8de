/* SPDX-License-Identifier: MIT */
/*
 * The bus configuration as read: every <busconfig> setting (dbus-daemon(1), "CONFIGURATION FILE"), rules included
 * in the order in which they were written, each with its file and line.
 */
#pragma once

#include "base/quota.h"
#include "policy/service-dirs.h"
#include "wire/sasl.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All limits, with the units of dbus-daemon(1): bytes, counts, milliseconds. */
typedef struct ConfigLimits {
        uint64_t max_incoming_bytes;
        uint64_t max_incoming_unix_fds;
        uint64_t max_outgoing_bytes;
        uint64_t max_outgoing_unix_fds;
        uint64_t max_message_size;
        uint64_t max_message_unix_fds;
        uint64_t service_start_timeout;
        uint64_t auth_timeout;
        uint64_t pending_fd_timeout;
        uint64_t reply_timeout;                  /* UINT64_MAX: never, the default */
        uint64_t max_completed_connections;
        uint64_t max_incomplete_connections;
        uint64_t max_connections_per_user;
        uint64_t max_pending_service_starts;
        uint64_t max_names_per_connection;
        uint64_t max_match_rules_per_connection;
        uint64_t max_replies_per_connection;
        uint64_t max_containers;
        uint64_t max_containers_per_user;
        uint64_t max_connections_per_container;
        uint64_t max_container_metadata_bytes;
        uint64_t max_rules_per_container;
} ConfigLimits;

typedef enum ApparmorMode { APPARMOR_ENABLED, APPARMOR_DISABLED, APPARMOR_REQUIRED } ApparmorMode;

/* <associate own= context=> of <selinux> */
typedef struct SelinuxAssociation {
        char *own, *context; /* owned */
} SelinuxAssociation;

/* A named group of container rules (containers1, section 6): the text as written, and where. */
typedef struct RuleGroup {
        char *name, *text; /* owned */
        char *file;        /* owned */
        unsigned line;     /* of the first line of @text */
} RuleGroup;

typedef struct Config {
        unsigned n_refs;
        char *type;                  /* "session", "system", own word, NULL: none; owned */
        char *user;                  /* NULL: stay who we are */
        char *pidfile;
        char *servicehelper;
        GPtrArray *listen;           /* of char *, addresses in order */
        GPtrArray *service_dirs;     /* of ServiceDir *, in order of precedence */
        GPtrArray *config_dirs;      /* of char *, includedirs to be watched */
        GPtrArray *files; /* of char *, read, or missed but not needed; the main one first */
        GPtrArray *auth;             /* of char *, mechanisms named by <auth>; empty: default */
        bool fork, syslog, keep_umask, allow_anonymous, systemd_activation;
        ConfigLimits limits;
        ApparmorMode apparmor;
        GPtrArray *selinux;          /* of SelinuxAssociation * */
        GPtrArray *rules; /* of PolicyRule * (policy/rules.h), in the order of the files */
        bool service_owner_check;    /* <service_owner_check/> */
        bool containers_unrestricted; /* <containers default_access="unrestricted"/> */
        uint32_t busy_poll_usec;       /* <busy_poll usec="..."/>; 0: never */
        bool containers_header_always; /* <containers header="always"/> */
        GPtrArray *rule_groups;      /* of RuleGroup * */
        GPtrArray *
                warnings; /* of char *, "FILE:LINE: text": what was read and has no effect, for the log */
} Config;

#define CONFIG_ERROR (config_error_quark())
enum {
        CONFIG_ERROR_INVALID,
        CONFIG_ERROR_MISSING,  /* a file that is not there */
        CONFIG_ERROR_DENIED,   /* a file that may not be read */
        CONFIG_ERROR_SHORTAGE, /* descriptors or memory are out: says nothing about the file */
};

/** config_error_quark() - domain of the errors of config_load() */
GQuark config_error_quark(void);

/** config_new() - all defaults, nothing read; for the loader and tests */
Config *config_new(void);

Config *config_ref(Config *config);
void config_unref(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_unref)

/**
 * config_load() - reads a configuration file and all that it includes
 *
 * A file of an <includedir> that is broken is left out with a warning, as the reference implementation does; not so
 * one that cannot be read for want of descriptors or memory, as nobody would know whom it denies what.
 * Blocks: looks up users and groups.
 *
 * Return: a reference; NULL with @error set, whose text starts "FILE:LINE: " and says what was expected.
 */
Config *config_load(const char *path, GError **error);

/** config_new_included() - for a file that is read at this place of @config: its settings, but no lists */
Config *config_new_included(const Config *config);

/** config_join() - takes over all of @included, which is empty then; its settings win */
void config_join(Config *config, Config *included);

/** config_join_notes() - of a file that was no good: which files were looked at, and warnings */
void config_join_notes(Config *config, Config *included);

/** config_add_group() - a checked rule group; the last one of a name counts. Everything is copied */
void config_add_group(Config *config, const char *name, const char *text, const char *file,
                      unsigned line);

/** config_set_limit() - <limit name="@name">@text</limit>. Return: false with @error set */
bool config_set_limit(ConfigLimits *limits, const char *name, const char *text, GError **error);

/**
 * config_set_session_limits() - the limits of containers that the stock session.conf stands for
 *
 * That file comes with dbus-1, whose releases say some or none of them.
 */
void config_set_session_limits(ConfigLimits *limits);

/** config_log_warnings() - writes the warnings to the log, one record each */
void config_log_warnings(const Config *config);

/** config_get_mechanisms() - <auth> and <allow_anonymous> as what the SASL server takes */
SaslMechanisms config_get_mechanisms(const Config *config);

/** config_get_quota_limits() - the limits of one connection as quota.h wants them */
void config_get_quota_limits(const Config *config, QuotaLimits *ret_limits);

/** config_find_group() - NULL if there is none of that name */
const RuleGroup *config_find_group(const Config *config, const char *name);
