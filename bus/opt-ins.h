/* SPDX-License-Identifier: MIT */
/*
 * What service files say about containers, X-Containers-Allow, brought to the container layer of
 * the policy (containers1, section 6).
 */
#pragma once

#include "bus/bus.h"
#include "bus/service-file.h"
#include "policy/service-grants.h"

typedef struct OptIns OptIns;

OptIns *opt_ins_new(void);

/** opt_ins_free() - what service files allowed ends. NULL is fine */
void opt_ins_free(OptIns *opt_ins);

/**
 * opt_ins_refresh() - reads the rules of all service files of @activation if these have changed
 *
 * A rule that is none is left out with a record that names file and line; the other rules of its
 * file hold, and the service can be started as any other. One comparison when nothing has changed.
 */
void opt_ins_refresh(OptIns *opt_ins, Activation *activation);

/**
 * opt_ins_foreach() - calls @visit for each rule of all service files, without a record of those
 * that are none
 */
typedef void (*OptInVisit)(const ServiceFile *file, const ContainerRule *rule, void *user);
void opt_ins_foreach(Activation *activation, OptInVisit visit, void *user);

/**
 * opt_ins_get_told() - what was in force when containers last heard of services, which may not be
 * what is in force now; borrowed until opt_ins_note_told()
 */
const NamedGrants *opt_ins_get_told(const OptIns *opt_ins);

/** opt_ins_note_told() - they have heard of what is in force */
void opt_ins_note_told(OptIns *opt_ins);
