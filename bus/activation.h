/* SPDX-License-Identifier: MIT */
/*
 * Starting services for names that nobody owns yet: service files, the children, and the messages
 * that wait for them.
 */
#pragma once

#include "bus/bus.h"
#include "bus/call-ref.h"
#include "bus/services.h"
#include "policy/config.h"

/* What activation needs from above; implemented by bus/context with router and driver. */
typedef struct ActivationHost {
        /* the name has its owner: deliver a parked message; @caller_id may be gone by now */
        void (*deliver)(void *host, uint64_t caller_id, const Message *message);
        /* answer to the StartServiceByName @call: 1 started */
        void (*started)(void *host, const CallRef *call);
        /* the service did not come: error to who made @call */
        void (*failed)(void *host, const CallRef *call, const char *error_name, const char *text);
        /* ActivatableServicesChanged */
        void (*services_changed)(void *host);
        /* ActivationRequest to org.freedesktop.systemd1; false: nobody owns that name, ask @again
         * when somebody does */
        bool (*ask_systemd)(void *host, const char *unit, bool again);
        void *host;
} ActivationHost;

Activation *activation_new(Bus *bus, const ActivationHost *host);

/**
 * activation_free() - children go on; nobody may wait any more (asserted): close the connections
 * first
 */
void activation_free(Activation *activation);

/**
 * activation_reload() - reads the service directories of @config again; running starts go on
 *
 * Tells services_changed, but not the first time.
 */
void activation_reload(Activation *activation, const Config *config);

/**
 * activation_refresh() - looks whether service files have changed: before it is decided, and so
 * before somebody is let to activation_start_message() or activation_start_service()
 */
void activation_refresh(Activation *activation);

/** activation_has() - whether @name can be started */
bool activation_has(Activation *activation, WireString name);

/**
 * activation_find() - the service file of @name, NULL if there is none. Borrowed, until the loop
 * runs
 */
const ServiceFile *activation_find(Activation *activation, WireString name);

/** activation_foreach() - every activatable name, for ListActivatableNames */
void activation_foreach(Activation *activation, void (*visit)(const char *name, void *user),
                        void *user);

/** activation_foreach_news() - what has changed, while ActivationHost is told so */
void activation_foreach_news(Activation *activation,
                             void (*visit)(const ServiceNews *news, void *user), void *user);

/**
 * activation_foreach_file() - the service file of every activatable name, for what else they say
 */
void activation_foreach_file(Activation *activation,
                             void (*visit)(const ServiceFile *file, void *user), void *user);

/** activation_get_generation() - changes with the service files */
uint64_t activation_get_generation(const Activation *activation);

/**
 * activation_start_message() - parks @message (copied) until its destination has an owner, and
 * starts the service.
 *
 * Errors go to the caller through host->failed, at once or later. While it waits, the message is
 * charged to the caller: QUOTA_ACTIVATIONS, QUOTA_INCOMING_BYTES, QUOTA_INCOMING_FDS.
 */
void activation_start_message(Activation *activation, Connection *caller, const Message *message);

/**
 * activation_start_service() - the StartServiceByName @call for a name that has no owner; the
 * answer comes through the host
 */
void activation_start_service(Activation *activation, Connection *caller, const MessageView *call,
                              WireString name);

/**
 * activation_answer_starts() - @name has got an owner, who will hear so next: callers of
 * StartServiceByName are answered
 */
void activation_answer_starts(Activation *activation, const char *name);

/**
 * activation_name_owned() - @name has got an owner, who has heard so: parked messages go to it, in
 * order. To be called after activation_answer_starts()
 */
void activation_name_owned(Activation *activation, const char *name);

/**
 * activation_connection_gone() - drops what a closed connection waited for; what is starting goes
 * on
 */
void activation_connection_gone(Activation *activation, Connection *connection);

/** activation_systemd_failed() - ActivationFailure signal of systemd for @unit's request */
void activation_systemd_failed(Activation *activation, const char *unit, const char *error_name,
                               const char *text);
