/* SPDX-License-Identifier: MIT */
/*
 * The body of AddServer, in both byte orders. The first byte of the input says which; what does not
 * fit the signature is what message_parse() refuses before. What is accepted is written again as
 * GetServerInfo would.
 */
#include "containers/arguments.h"
#include "containers/instance.h"
#include "wire/body.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const WireString signature = { "sssa{sv}a{sv}", 13 };

static void use_arguments(ServerArguments *arguments, Identity *creator) {
        QuotaLimits limits = { 0 };
        g_autoptr(Instance) instance = instance_new(0, arguments, creator, &limits);
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        instance_write_info(instance, &writer);
        instance_write_rules(instance, &writer);
        g_assert_true(body_is_valid(writer.body->data, writer.body->len,
                                            wire_string(writer.signature->str),
                                            G_BYTE_ORDER == G_BIG_ENDIAN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(Identity) caller = identity_new(1000, 1000, 1);
        g_auto(ServerArguments) arguments = { .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
        Message message = { 0 };
        MethodCall call = { .message = &message, .caller = caller };
        Config config = { .limits = { .max_container_metadata_bytes = 4096,
                                      .max_rules_per_container = 64 } };
        ArgumentsContext context = { .config = &config, .bus_uid = 0 };

        if (size < 1)
                return 0;
        /* A copy of its own, so that reading behind the end is seen. */
        g_autofree uint8_t *body = g_memdup2(data + 1, size - 1);
        if (!body_is_valid(body, size - 1, signature, data[0] & 1))
                return 0;
        config.rule_groups = g_ptr_array_new();
        reader_init_bytes(&call.body, body, size - 1, signature, data[0] & 1);
        if (arguments_parse(&call, &context, &arguments))
                use_arguments(&arguments, caller);
        else
                g_assert_nonnull(call.error_name);
        g_free(call.error_text);
        g_ptr_array_unref(config.rule_groups);
        return 0;
}
