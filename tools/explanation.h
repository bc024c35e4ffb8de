/* SPDX-License-Identifier: MIT */
/*
 * Why something is allowed or denied to a container: the bus's own decision code, asked here
 * about a scene that is described to it.
 */
#pragma once

#include "policy/container-policy.h"
#include "policy/verdict.h"
#include "tools/question.h"
#include "tools/rule-list.h"

/* Somebody on the bus. */
typedef struct SceneEnd {
        char *unique;     /* owned; NULL: it does not run */
        GPtrArray *names; /* owned; of char *, well-known ones that it owns */
        uid_t uid;
        bool is_inside;   /* in the container that is asked about */
        bool is_bus;      /* the bus itself */
} SceneEnd;

typedef struct Scene {
        const RuleList *rules; /* borrowed; of the container */
        const RuleList *grants; /* borrowed; what services allow by themselves; NULL: not known */
        Policy *policy;        /* borrowed; XML rules; NULL: not to be asked */
        const char *module;    /* borrowed; security module that mediates, and is not asked; NULL: none */
        ContainerPolicyFlags flags; /* what the container may beyond its rules */
        uid_t uid;             /* that programs in the container have */
        SceneEnd other;
} Scene;

void scene_end_init(SceneEnd *end);
void scene_end_clear(SceneEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SceneEnd, scene_end_clear)

typedef struct Explanation {
        bool allowed;
        bool is_hidden;          /* the program is told that there is no such name */
        const char *layer;       /* that denied; constant */
        char *rule; /* owned; the denying one, or the one that would allow; NULL: none */
        char *file;              /* owned; of a denying one; NULL: none */
        unsigned line;
        bool needs_none; /* no rule of a container is needed */
        const SourcedRule
                *by; /* borrowed from the scene; the rule that allows; NULL: none needed */
        bool by_service; /* which is one of the scene's grants */
} Explanation;

/** explanation_make() - asks the layers that the scene has */
void explanation_make(const Scene *scene, const Question *question, Explanation *ret_explanation);
void explanation_clear(Explanation *explanation);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Explanation, explanation_clear)
