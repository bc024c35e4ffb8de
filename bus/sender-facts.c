/* SPDX-License-Identifier: MIT */
/*
 * Facts are those that the kernel told of the connection, the same as in GetConnectionCredentials,
 * so they do not change while it lasts.
 */
#include "bus/sender-facts.h"

#include <string.h>
#include <unistd.h>

/* A label that is too long for a header is left out. */
static StampFacts *facts_new(const char *label) {
        size_t n_label = label ? strlen(label) + 1 : 0;
        StampFacts *facts;

        if (n_label > MESSAGE_MAX_LABEL)
                n_label = 0;
        facts = g_malloc0(sizeof *facts + n_label);
        facts->n_label = (uint32_t)n_label;
        if (n_label > 0)
                memcpy(facts->label, label, n_label);
        return facts;
}

void sender_facts_set(Connection *sender) {
        Identity *identity = sender->identity;
        StampFacts *facts = facts_new(identity_get_label(identity));

        facts->has_uid = identity->uid != IDENTITY_NO_UID;
        facts->uid = identity->uid;
        facts->has_pid = identity->pid > 0;
        facts->pid = (uint32_t)identity->pid;
        sender->stamp.facts = facts;
}

void sender_facts_set_bus(Bus *bus) {
        StampFacts *facts = facts_new(NULL);

        facts->has_uid = facts->has_pid = true;
        facts->uid = bus->uid;
        facts->pid = (uint32_t)getpid();
        bus->stamp.facts = facts;
}
