/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration again: on SIGHUP, on ReloadConfig and when a file has changed. It is
 * read in a thread, as it names users and groups that have to be looked up, and is put in force as
 * a whole or not at all.
 */
#pragma once

#include "bus/call-ref.h"
#include "bus/workers.h"
#include "policy/config.h"

typedef struct Reload Reload;

typedef struct ReloadHost {
        /* puts @config in force; takes a reference if it wants one */
        void (*apply)(void *user, Config *config);
        /* what was asked for by reload_request() is done; @error, of CONFIG_ERROR when it is about
         * files, NULL: it is in force */
        void (*answer)(void *user, const CallRef *call, const GError *error);
        void *user;
} ReloadHost;

/** reload_new() - @path, @loop and @workers are borrowed */
Reload *reload_new(Loop *loop, Workers *workers, const char *path, const ReloadHost *host);
void reload_free(Reload *reload);

/** reload_watch() - from now on changes to the files of @config, the one in force, are noticed */
void reload_watch(Reload *reload, Config *config);

/**
 * reload_request() - reads the files as they are now
 * @call: what to answer; NULL: nobody has called
 *
 * The answer comes later, in another turn. Requests that come while files are being read are
 * answered after another reading.
 */
void reload_request(Reload *reload, const CallRef *call);
