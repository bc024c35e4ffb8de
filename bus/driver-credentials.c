/* SPDX-License-Identifier: MIT */
/*
 * Who is behind a name: what the kernel said when the connection was made, and for contained ones
 * which container it is. The bus answers for its own name too.
 */
#include "bus/driver-credentials.h"

#include "bus/driver.h"
#include "containers/credentials.h"
#include "containers/instance.h"
#include "policy/lsm.h"

bool driver_get_unix_user(MethodCall *call, void *user) {
        Connection *peer;
        const Bus *bus = user;
        WireString name;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        if (peer && peer->identity->uid == IDENTITY_NO_UID)
                return method_fail(call, ERROR_FAILED, "The user of \"%.*s\" is not known",
                                   DRIVER_TEXT(name));
        writer_add_u32(call->reply, peer ? peer->identity->uid : bus->uid);
        return true;
}

bool driver_get_process_id(MethodCall *call, void *user) {
        Connection *peer;
        WireString name;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        if (peer && peer->identity->pid == 0)
                return method_fail(call, ERROR_UNIX_PROCESS_ID_UNKNOWN,
                                   "The process of \"%.*s\" is not known", DRIVER_TEXT(name));
        writer_add_u32(call->reply, (uint32_t)(peer ? peer->identity->pid : getpid()));
        return true;
}

bool driver_get_audit_data(MethodCall *call, void *user) {
        Connection *peer;
        WireString name;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        return method_fail(call, ERROR_ADT_AUDIT_DATA_UNKNOWN,
                           "There is no audit session data of \"%.*s\"", DRIVER_TEXT(name));
}

bool driver_get_selinux_context(MethodCall *call, void *user) {
        const char *label = NULL;
        Connection *peer;
        WireString name;
        size_t mark;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        if (peer && g_strcmp0(lsm_get_feature(), "SELinux") == 0)
                label = identity_get_label(peer->identity);
        if (!label)
                return method_fail(call, ERROR_SELINUX_CONTEXT_UNKNOWN,
                                   "The SELinux context of \"%.*s\" is not known",
                                   DRIVER_TEXT(name));
        mark = writer_open_array(call->reply, "y");
        for (; *label; label++)
                writer_add_byte(call->reply, (uint8_t)*label);
        writer_close_array(call->reply, mark);
        return true;
}

static void write_own(Writer *reply, const Bus *bus) {
        writer_add_entry_u32(reply, "ProcessID", (uint32_t)getpid());
        writer_add_entry_u32(reply, "UnixUserID", bus->uid);
}

/*
 * A process of a container must not hold a descriptor for one outside: it would be a way around the
 * names of processes that its sandbox hides (pidfd_getfd(2)).
 */
static bool may_hold_process(const Connection *caller, const Connection *peer) {
        return connection_can_receive_fds(caller) &&
               (!caller->instance || caller->instance == peer->instance);
}

bool driver_get_credentials(MethodCall *call, void *user) {
        CredentialsFlags flags = CREDENTIALS_DEFAULT;
        Connection *peer;
        WireString name;
        size_t mark;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        if (peer && may_hold_process(call->connection, peer))
                flags |= CREDENTIALS_WITH_PIDFD;
        mark = writer_open_array(call->reply, "{sv}");
        if (!peer)
                write_own(call->reply, user);
        else
                credentials_write(call->reply, peer->identity, flags);
        if (peer && peer->instance)
                instance_write_credentials(peer->instance, call->reply);
        writer_close_array(call->reply, mark);
        return true;
}
