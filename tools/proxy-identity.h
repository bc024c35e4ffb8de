/* SPDX-License-Identifier: MIT */
/*
 * Who the app is that dbus-container-proxy makes a container server for.
 */
#pragma once

#include <glib.h>

typedef struct ProxyIdentity {
        char *type, *app_id, *instance_id; /* owned, not NULL once it is initialised */
} ProxyIdentity;

/**
 * proxy_identity_init() - finds out
 * @info_path: of the file that Flatpak gives each of its sandboxes, normally /.flatpak-info
 * @type:        said on the command line, or NULL; so are the other two
 * @app_id:      or NULL
 * @instance_id: or NULL
 *
 * A readable @info_path decides all three. Without it each is what was said, else what the
 * environment says ($DBUS_CONTAINER_PROXY_TYPE, ..._APP_ID, ..._INSTANCE_ID), else a default: of the
 * instance our process id, and that of Firejail when it started us.
 */
void proxy_identity_init(ProxyIdentity *identity, const char *info_path, const char *type,
                         const char *app_id, const char *instance_id);

/** proxy_identity_clear() - frees all */
void proxy_identity_clear(ProxyIdentity *identity);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProxyIdentity, proxy_identity_clear)
