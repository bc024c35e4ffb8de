/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a socket: what the kernel said at connect time, never what the peer
 * says.
 *
 * uid and pid are read when the connection is accepted; the rest when somebody first asks, as long
 * as the socket is open, so that a connection which nobody asks about costs one system call.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* uid of a peer that did not say who it is */
#define IDENTITY_NO_UID ((uid_t)-1)

typedef struct Identity {
        unsigned n_refs;
        uid_t uid;
        gid_t gid;
        pid_t pid;     /* 0: not known */
        int socket_fd; /* borrowed; -1 once the socket is gone */
        int pidfd;     /* owned; -1: the kernel has none, or not asked yet */
        bool asked_pidfd, asked_groups, asked_label;
        char *label;   /* owned; NULL: none */
        gid_t *groups; /* owned; primary group included */
        size_t n_groups;
} Identity;

/**
 * identity_new_from_socket() - reads uid, gid and pid of the peer (SO_PEERCRED)
 * @socket_fd: connected AF_UNIX socket; borrowed until identity_detach()
 *
 * Return: a new reference; NULL with errno set when the kernel does not know the peer.
 */
Identity *identity_new_from_socket(int socket_fd);

/** identity_new() - an identity made of given facts, without a socket: only these are known */
Identity *identity_new(uid_t uid, gid_t gid, pid_t pid);

Identity *identity_ref(Identity *identity);
void identity_unref(Identity *identity);

/** identity_detach() - the socket is about to be closed; what was not asked for until now is not
 * known */
void identity_detach(Identity *identity);

/** identity_make_anonymous() - forgets uid and groups of a peer that authenticated without them */
void identity_make_anonymous(Identity *identity);

/** identity_load_all() - asks for everything now, for an identity that shall outlive its socket */
void identity_load_all(Identity *identity);

/** identity_get_label() - LSM label (SO_PEERSEC) without trailing NULs, NULL if there is none */
const char *identity_get_label(Identity *identity);

/**
 * identity_get_groups() - all group ids, the primary one included (SO_PEERGROUPS)
 * @ret_n_groups: their number
 *
 * Return: borrowed, sorted; NULL with *@ret_n_groups 0 when the kernel does not say.
 */
const gid_t *identity_get_groups(Identity *identity, size_t *ret_n_groups);

/** identity_get_pidfd() - pidfd of the peer (SO_PEERPIDFD); borrowed, -1 if there is none */
int identity_get_pidfd(Identity *identity);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Identity, identity_unref)
