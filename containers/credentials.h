/* SPDX-License-Identifier: MIT */
/*
 * Credentials of a peer as the a{sv} that GetConnectionCredentials and the Containers1 interface
 * give.
 */
#pragma once

#include "base/identity.h"
#include "wire/writer.h"

typedef enum CredentialsFlags {
        CREDENTIALS_DEFAULT = 0,
        CREDENTIALS_WITH_PIDFD = 1 << 0, /* the receiver can take descriptors */
} CredentialsFlags;

/**
 * credentials_write() - appends what is known of @identity to an open `a{sv}`
 *
 * UnixUserID, UnixGroupIDs, ProcessID, ProcessFD, LinuxSecurityLabel (with a NUL at its end); what
 * is not known is left out.
 */
void credentials_write(Writer *writer, Identity *identity, CredentialsFlags flags);
