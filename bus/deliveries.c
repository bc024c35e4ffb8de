/* SPDX-License-Identifier: MIT */
/*
 * A signal `Delivered` to each watcher for each receiver, sent at once: monitors see it behind the
 * broadcast that it is about, before anything else. While nobody watches, a broadcast costs one
 * comparison for each receiver.
 */
#include "bus/deliveries.h"

#include "bus/router.h"
#include "containers/instance.h"

void deliveries_watch(Connection *watcher) {
        if (!list_is_linked(&watcher->deliveries))
                list_append(&watcher->bus->delivery_watchers, &watcher->deliveries);
}

void deliveries_forget(Connection *watcher) {
        list_remove(&watcher->deliveries);
}

static void tell(Connection *watcher, const Connection *sender, const Connection *receiver,
                 const Message *message) {
        const MessageHeader header = { .type = MESSAGE_TYPE_SIGNAL,
                                       .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                       .path = DBUS_BUS_PATH,
                                       .interface = DELIVERIES_INTERFACE,
                                       .member = "Delivered" };
        g_auto(Writer) body;

        writer_init(&body);
        writer_add_path(&body, receiver->instance->path);
        writer_add_string(&body, receiver->unique);
        writer_add_string(&body, sender ? sender->unique : DBUS_BUS_NAME);
        writer_add_u32(&body, message->view.serial);
        router_call(watcher->bus, watcher, &header, &body);
}

void deliveries_report(Bus *bus, const Connection *sender, const Connection *receiver,
                       const Message *message) {
        LIST_FOREACH(node, &bus->delivery_watchers) {
                Connection *watcher = CONTAINER_OF(node, Connection, deliveries);

                if (connection_is_active(watcher))
                        tell(watcher, sender, receiver, message);
        }
}
