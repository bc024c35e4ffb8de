/* SPDX-License-Identifier: MIT */
/* Memory of messages that outlive a turn of the loop. */
#include "wire/message.h"

Payload *payload_new(size_t n_bytes) {
        Payload *payload;

        if (n_bytes > SIZE_MAX - sizeof(*payload))
                return NULL;
        payload = g_try_malloc(sizeof(*payload) + n_bytes);
        if (!payload)
                return NULL;
        payload->n_refs = 1;
        payload->n_bytes = n_bytes;
        return payload;
}

Payload *payload_new_or_abort(size_t n_bytes) {
        Payload *payload = g_malloc(sizeof(*payload) + n_bytes);

        payload->n_refs = 1;
        payload->n_bytes = n_bytes;
        return payload;
}

Payload *payload_ref(Payload *payload) {
        g_assert(payload->n_refs > 0);
        payload->n_refs++;
        return payload;
}

void payload_unref(Payload *payload) {
        if (!payload)
                return;
        g_assert(payload->n_refs > 0);
        if (--payload->n_refs == 0)
                g_free(payload);
}

void message_clear(Message *message) {
        g_clear_pointer(&message->payload, payload_unref);
        g_clear_pointer(&message->fds, fdset_unref);
        message->view = (MessageView){ 0 };
}

void message_free(Message *message) {
        if (!message)
                return;
        message_clear(message);
        g_free(message);
}

static void move_text(WireString *text, const uint8_t *from, const uint8_t *to) {
        if (text->data)
                text->data = (const char *)to + (text->data - (const char *)from);
}

/* Lets @view look at equal bytes at another place. */
static void view_move(MessageView *view, const uint8_t *to) {
        WireString *texts[] = { &view->path,       &view->interface,   &view->member,
                                &view->error_name, &view->destination, &view->sender,
                                &view->signature };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                move_text(texts[i], view->bytes, to);
        view->bytes = to;
}

Message *message_copy(const Message *message) {
        g_autoptr(Message) copy = g_new0(Message, 1);

        copy->view = message->view;
        copy->fds = message->fds ? fdset_ref(message->fds) : NULL;
        if (message->payload) {
                copy->payload = payload_ref(message->payload);
                return g_steal_pointer(&copy);
        }
        copy->payload = payload_new(message->view.n_bytes);
        if (!copy->payload)
                return NULL;
        memcpy(payload_bytes(copy->payload), message->view.bytes, message->view.n_bytes);
        view_move(&copy->view, payload_bytes(copy->payload));
        return g_steal_pointer(&copy);
}
