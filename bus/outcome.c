/* SPDX-License-Identifier: MIT */
/* Error names are those of the reference implementation; texts are written for the person who has
 * to find the cause. */
#include "bus/outcome.h"

#include "policy/denial.h"

static bool may_start(const MessageView *message) {
        return !(message->flags & MESSAGE_FLAG_NO_AUTO_START);
}

const char *outcome_error_name(Outcome outcome, const MessageView *message) {
        switch (outcome) {
        case OUTCOME_DENIED:
        case OUTCOME_SERIAL_IN_USE:
        case OUTCOME_UNKNOWN_TYPE:
        case OUTCOME_NO_HELLO:
                return ERROR_ACCESS_DENIED;
        case OUTCOME_NO_OWNER:
                return may_start(message) ? ERROR_SERVICE_UNKNOWN : ERROR_NAME_HAS_NO_OWNER;
        case OUTCOME_QUEUE_FULL:
        case OUTCOME_TOO_MANY_CALLS:
                return ERROR_LIMITS_EXCEEDED;
        case OUTCOME_NO_FDS:
                return ERROR_NOT_SUPPORTED;
        case OUTCOME_OK:
                break;
        }
        g_assert_not_reached();
}

static void append_key(GString *text, const char *key, WireString value) {
        if (value.data)
                g_string_append_printf(text, " %s=\"%s\"", key, value.data);
}

static char *denied_text(const MessageView *message, const PolicyVerdict *verdict) {
        GString *text = g_string_new(NULL);
        const char *type = denial_message_type(message->type);

        g_string_append_printf(text,
                               "Message denied by the %s layer of the bus policy: type=\"%s\"",
                               policy_layer_name(verdict->layer), type ? type : "unknown");
        append_key(text, "destination", message->destination);
        append_key(text, "path", message->path);
        append_key(text, "interface", message->interface);
        append_key(text, "member", message->member);
        append_key(text, "error", message->error_name);
        if (message->n_fds > 0)
                g_string_append_printf(text, " descriptors=%u", message->n_fds);
        return g_string_free(text, FALSE);
}

char *outcome_error_text(Outcome outcome, const MessageView *message,
                         const PolicyVerdict *verdict) {
        const char *destination = message->destination.data ? message->destination.data : "";

        switch (outcome) {
        case OUTCOME_DENIED:
                return denied_text(message, verdict);
        case OUTCOME_NO_OWNER:
                return g_strdup_printf(
                        may_start(message)
                                ? "Nobody owns the name %s, and no service file provides it"
                                : "Nobody owns the name %s",
                        destination);
        case OUTCOME_QUEUE_FULL:
                return g_strdup_printf("The message queue of %s is full", destination);
        case OUTCOME_TOO_MANY_CALLS:
                return g_strdup("This connection waits for as many replies as it may "
                                "(max_replies_per_connection)");
        case OUTCOME_SERIAL_IN_USE:
                return g_strdup_printf(
                        "A call with serial %u to this destination still waits for its reply",
                        message->serial);
        case OUTCOME_NO_FDS:
                return g_strdup_printf("%s cannot receive file descriptors", destination);
        case OUTCOME_UNKNOWN_TYPE:
                return g_strdup_printf("Messages of the unknown type %u are not delivered",
                                       message->type);
        case OUTCOME_NO_HELLO:
                return g_strdup("The first message of a connection must be Hello");
        case OUTCOME_OK:
                break;
        }
        g_assert_not_reached();
}
