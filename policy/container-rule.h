/* SPDX-License-Identifier: MIT */
/*
 * One rule of a container server (containers1, section 3): its value, and its text form.
 *
 * A line of text is VERB NAME [INTERFACE] [@PATH] [fds], the last three in any order. VERB is see,
 * call, receive or own, several of them joined by +, or talk, which stands for call+receive with
 * fds and takes nothing behind the name. A star as the last element of NAME, INTERFACE or PATH
 * covers what is below as well, a star as NAME everybody. Without @PATH all paths are covered:
 * PATH_IS_SUBTREE of the path "/".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        CONTAINER_RULE_SEE = 0x01,
        CONTAINER_RULE_CALL = 0x02,
        CONTAINER_RULE_RECEIVE = 0x04,
        CONTAINER_RULE_OWN = 0x08,
        CONTAINER_RULE_SEND_UNIX_FDS = 0x10,
        CONTAINER_RULE_NAME_IS_NAMESPACE = 0x100,
        CONTAINER_RULE_PATH_IS_SUBTREE = 0x200,
};

/* A rule has at least one of these. */
#define CONTAINER_RULE_VERBS \
        (CONTAINER_RULE_SEE | CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE | CONTAINER_RULE_OWN)

/* One rule as given: (usos). */
typedef struct ContainerRule {
        uint32_t flags;
        char *bus_name, *object_path, *interface; /* owned; empty, never NULL */
} ContainerRule;

/** container_rule_clear() - frees the strings */
void container_rule_clear(ContainerRule *rule);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ContainerRule, container_rule_clear)

/* Longest object path of a rule, in bytes: a rule is to be small whatever the limit of messages is.
 * */
#define CONTAINER_RULE_MAX_PATH 4096

#define CONTAINER_RULE_ERROR (container_rule_error_quark())
enum { CONTAINER_RULE_ERROR_INVALID };

/** container_rule_error_quark() - domain of the errors below */
GQuark container_rule_error_quark(void);

/**
 * container_rule_check() - whether flags and strings are a rule
 *
 * The error says which part is wrong and what was expected.
 */
bool container_rule_check(const ContainerRule *rule, GError **error);

/**
 * container_rule_parse() - reads one line of the text form
 * @line:     without newline; a comment after # is ignored
 * @ret_rule: set on success; caller clears it. An empty or comment line gives flags 0.
 */
bool container_rule_parse(const char *line, ContainerRule *ret_rule, GError **error);

/**
 * container_rule_parse_nameless() - the same for opt-ins in service files, which have no name
 *
 * Empty text is an error, and so is talk: who opens everything to everybody has to write that.
 */
bool container_rule_parse_nameless(const char *text, ContainerRule *ret_rule, GError **error);

/**
 * container_rule_to_text() - the text form, as container_rule_parse() reads it back; newly
 * allocated
 */
char *container_rule_to_text(const ContainerRule *rule);

/**
 * container_rule_parse_text() - reads many lines
 * @name: of the source, for errors: "NAME:LINE: what is wrong"
 * @first_line: number of the first line
 *
 * Return: array of ContainerRule * (owned), NULL with @error set.
 */
GPtrArray *container_rule_parse_text(const char *text, const char *name, unsigned first_line,
                                     GError **error);

/* What the texts of many rules may take on the average, and what a few may in any case: a limit of
 * rules is one of bytes, too. */
#define CONTAINER_RULE_MEAN_SIZE 256
#define CONTAINER_RULE_MIN_ROOM 8192

/* How many more rules, of how many bytes together, somebody may have. */
typedef struct RuleRoom {
        uint64_t n_rules, n_bytes;
} RuleRoom;

/** container_rule_get_size() - bytes of its texts, without their ends */
size_t container_rule_get_size(const ContainerRule *rule);

/**
 * rule_room_get() - what is left of a limit
 * @max_rules: the limit; each rule may be of CONTAINER_RULE_MEAN_SIZE bytes on the average
 * @n_rules:   those that there are, of @n_bytes together
 */
RuleRoom rule_room_get(uint64_t max_rules, size_t n_rules, size_t n_bytes);

/** rule_room_take() - whether there is room for @rule; takes it then */
bool rule_room_take(RuleRoom *room, const ContainerRule *rule);

/** container_rule_copy() - newly allocated; free with container_rule_free() */
ContainerRule *container_rule_copy(const ContainerRule *rule);
void container_rule_free(ContainerRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerRule, container_rule_free)
