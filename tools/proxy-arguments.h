/* SPDX-License-Identifier: MIT */
/*
 * The command line of dbus-container-proxy: that of xdg-dbus-proxy(1), and behind a word -- options
 * of our own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* All that may come from descriptors of --args, in bytes. */
#define PROXY_ARGUMENTS_MAX_BYTES (4u << 20)

/* Reads a descriptor to its end, at most @max bytes of it; NULL with @error. */
typedef GBytes *(*ProxyArgumentsReader)(int fd, size_t max, GError **error);

/* One ADDRESS PATH and the options behind it. */
typedef struct ProxyPair {
        char *address, *path; /* owned */
        GPtrArray *rules;     /* owned; of ContainerRule; to be heeded when filter is set */
        GPtrArray *words;     /* owned; of char *: address, path, options, for the real proxy */
        bool filter, log;
} ProxyPair;

typedef enum ProxyAction {
        PROXY_ACTION_RUN,
        PROXY_ACTION_HELP,
        PROXY_ACTION_USAGE, /* no argument at all: help, but a failure */
        PROXY_ACTION_VERSION,
} ProxyAction;

typedef struct ProxyArguments {
        ProxyAction action;
        GPtrArray *pairs;                           /* owned; of ProxyPair; not empty with RUN */
        int sync_fd;                                /* -1: none */
        char *type, *app_id, *instance_id, *program; /* owned; NULL: not given */
        bool stay;                                  /* until sync_fd hangs up */
} ProxyArguments;

/** proxy_arguments_read() - the reader that the program uses */
GBytes *proxy_arguments_read(int fd, size_t max, GError **error);

/**
 * proxy_arguments_parse() - understands the words behind the program's name
 * @words:        NULL-terminated
 * @read:         for --args
 * @ret_arguments: set on success; caller clears it
 *
 * Words are taken in their order, as the proxy does: --help wins over a mistake behind it and loses
 * against one before it.
 *
 * Return: false with @error, which says what is wrong with which word.
 */
bool proxy_arguments_parse(const char *const *words, ProxyArgumentsReader read,
                           ProxyArguments *ret_arguments, GError **error);

/** proxy_arguments_clear() - frees all; fine for one that was zeroed */
void proxy_arguments_clear(ProxyArguments *arguments);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProxyArguments, proxy_arguments_clear)
