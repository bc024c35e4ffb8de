/* SPDX-License-Identifier: MIT */
/*
 * A message or name that somebody asks about: "call NAME INTERFACE.MEMBER @PATH fds" and the like.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

typedef enum QuestionKind {
        QUESTION_CALL,    /* a method call to NAME */
        QUESTION_SIGNAL,  /* a signal to NAME alone */
        QUESTION_RECEIVE, /* a broadcast signal of NAME */
        QUESTION_OWN,     /* to request NAME */
        QUESTION_SEE,     /* to know of NAME */
        QUESTION_START,   /* to start the service of NAME */
} QuestionKind;

typedef struct Question {
        QuestionKind kind;
        char *name;                      /* owned */
        char *path, *interface, *member; /* owned; of messages; interface may be NULL */
        bool has_fds;
} Question;

/**
 * question_parse() - reads words of the command line, verb first; NULL-terminated
 * @ret_question: zeroed; the caller clears it, whatever comes of it
 *
 * Return: false with @error saying what was expected.
 */
bool question_parse(char **words, Question *ret_question, GError **error);
void question_clear(Question *question);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Question, question_clear)

/** question_is_message() - whether it is about a message, and not only a name */
bool question_is_message(const Question *question);
