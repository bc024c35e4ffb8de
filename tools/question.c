/* SPDX-License-Identifier: MIT */
/*
 * The words are those of rules, but for one message: there is nothing to leave open, and no
 * stars.
 */
#include "tools/question.h"

#include <string.h>

static const char *const verbs[] = {
        [QUESTION_CALL] = "call", [QUESTION_SIGNAL] = "signal", [QUESTION_RECEIVE] = "receive",
        [QUESTION_OWN] = "own",   [QUESTION_SEE] = "see",       [QUESTION_START] = "start",
};

static bool fail(GError **error, const char *what, const char *word, const char *expected) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s '%s': expected %s", what,
                    word ? word : "", expected);
        return false;
}

bool question_is_message(const Question *question) {
        return question->kind <= QUESTION_RECEIVE;
}

void question_clear(Question *question) {
        g_clear_pointer(&question->name, g_free);
        g_clear_pointer(&question->path, g_free);
        g_clear_pointer(&question->interface, g_free);
        g_clear_pointer(&question->member, g_free);
}

static bool parse_verb(const char *word, Question *question, GError **error) {
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (g_strcmp0(word, verbs[i]) == 0) {
                        question->kind = (QuestionKind)i;
                        return true;
                }
        return fail(error, "question", word, "call, signal, receive, own, see or start");
}

/* INTERFACE.MEMBER, or MEMBER alone in a call that leaves the interface out */
static bool parse_member(const char *word, Question *question, GError **error) {
        const char *dot = strrchr(word, '.');

        if (dot)
                question->interface = g_strndup(word, (size_t)(dot - word));
        question->member = g_strdup(dot ? dot + 1 : word);
        if ((dot ? g_dbus_is_interface_name(question->interface)
                 : question->kind == QUESTION_CALL) &&
            g_dbus_is_member_name(question->member))
                return true;
        return fail(error, "member", word, "INTERFACE.MEMBER, such as org.example.Iface.Method");
}

static bool parse_option(const char *word, Question *question, GError **error) {
        if (strcmp(word, "fds") == 0) {
                question->has_fds = true;
                return true;
        }
        if (word[0] == '@') {
                g_free(question->path);
                question->path = g_strdup(word + 1);
                return g_variant_is_object_path(question->path) ||
                       fail(error, "path", word, "@ and an object path");
        }
        if (question->member)
                return fail(error, "word", word, "one INTERFACE.MEMBER, @PATH or fds");
        return parse_member(word, question, error);
}

bool question_parse(char **words, Question *ret_question, GError **error) {
        if (!parse_verb(words[0], ret_question, error))
                return false;
        if (!words[1] || !g_dbus_is_name(words[1]))
                return fail(error, "name", words[1], "a bus name such as org.example.Service");
        ret_question->name = g_strdup(words[1]);
        for (char **word = words + 2; *word; word++) {
                if (!question_is_message(ret_question))
                        return fail(error, "word", *word, "nothing more behind the name");
                if (!parse_option(*word, ret_question, error))
                        return false;
        }
        if (question_is_message(ret_question) && !ret_question->member)
                return fail(error, "question", words[0],
                            "INTERFACE.MEMBER behind the name, and @PATH if it is not /");
        if (!ret_question->path)
                ret_question->path = g_strdup("/");
        return true;
}
