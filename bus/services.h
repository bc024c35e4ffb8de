/* SPDX-License-Identifier: MIT */
/*
 * All names that can be activated: the .service files of a list of folders, read again when they
 * change.
 */
#pragma once

#include "bus/loop.h"
#include "bus/service-file.h"
#include "wire/message.h"

typedef struct Services Services;

/**
 * services_new() - none yet
 * @changed: called, from the loop, when files have changed what there is; not for services_load()
 */
Services *services_new(Loop *loop, void (*changed)(void *user), void *user);
void services_free(Services *services);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Services, services_free)

/**
 * services_load() - reads all files of these folders
 * @dirs: of ServiceDir *, in order of precedence: the first one that has a name provides it; copied
 *
 * Files that are no good are left out with a record in the log. Folders that are not there are
 * fine; the one of strictly named, transient files is made.
 */
void services_load(Services *services, const GPtrArray *dirs);

/**
 * services_find() - who provides @name, NULL if nobody does
 *
 * A name that is not known is looked for again if a folder has changed meanwhile, so that a file is
 * found as soon as it is there. O(1), and a few system calls for one that is not there. Borrowed,
 * until the loop runs.
 */
const ServiceFile *services_find(Services *services, WireString name);

/** services_get_generation() - changes with what services_find() would tell */
uint64_t services_get_generation(const Services *services);

/**
 * services_refresh() - the same look for changes, for who is about to decide on what a file says: a
 * few system calls
 */
void services_refresh(Services *services);

void services_foreach(Services *services, void (*visit)(const ServiceFile *file, void *user),
                      void *user);

/* A name that came or went, or whose file says something else to containers. */
typedef struct ServiceNews {
        const char *name;
        bool before, now; /* whether somebody provides it */
} ServiceNews;

/** services_foreach_news() - what has changed since services_forget_news() */
void services_foreach_news(Services *services, void (*visit)(const ServiceNews *news, void *user),
                           void *user);
void services_forget_news(Services *services);
