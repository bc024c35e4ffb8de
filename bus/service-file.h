/* SPDX-License-Identifier: MIT */
/* One .service file: a name that can be activated, and how ("Message Bus Starting Services"). */
#pragma once

#include "policy/service-dirs.h"

#include <glib.h>
#include <stdbool.h>

/* Keys of the group [D-BUS Service]. All text is owned; what the file does not say is NULL. */
typedef struct ServiceFile {
        char *path;
        char *name;             /* Name: the well-known name */
        char *exec;             /* Exec: command line, quoted as a shell would have it */
        char *user;             /* User: whom the launch helper runs it as, who may own the name */
        unsigned user_line;     /* of that key in the file */
        char *systemd_service;  /* SystemdService: unit that systemd starts instead of Exec */
        char *apparmor_label;   /* AssumedAppArmorLabel */
        char *containers_allow; /* X-Containers-Allow: rules as written (containers1, section 6) */
        unsigned containers_allow_line; /* of that key in the file */
} ServiceFile;

#define SERVICE_FILE_ERROR service_file_error_quark()
typedef enum ServiceFileError {
        SERVICE_FILE_ERROR_INVALID,
        SERVICE_FILE_ERROR_SHORTAGE, /* descriptors or memory are out: says nothing about the file */
        SERVICE_FILE_ERROR_NAMING,   /* not called after the name, in a folder where it must be */
} ServiceFileError;
GQuark service_file_error_quark(void);

/**
 * service_file_is_candidate() - whether a file of this name in a service folder is looked at: it
 * ends in .service
 */
bool service_file_is_candidate(const char *file_name);

/**
 * service_file_load() - reads and checks one file
 * @flags: of its folder
 *
 * Does not block on what is no regular file; refuses more than 64 KiB. Groups and keys of others
 * are ignored.
 *
 * Return: caller owns it; NULL with @error set, whose text starts with the path and says what was
 * expected.
 */
ServiceFile *service_file_load(const char *path, ServiceDirFlags flags, GError **error);
void service_file_free(ServiceFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServiceFile, service_file_free)

/** service_file_equal() - whether both say the same; where they lie counts too */
bool service_file_equal(const ServiceFile *a, const ServiceFile *b);
