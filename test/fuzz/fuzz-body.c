/* SPDX-License-Identifier: MIT */
/*
 * Bodies in both byte orders: a byte that says how long the signature is, the signature, the body.
 * What is valid can be read to its end and written again, and is valid still.
 */
#include "wire/body.h"
#include "wire/bytes.h"
#include "wire/reader.h"
#include "wire/syntax.h"
#include "wire/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_copy(const uint8_t *body, size_t n_body, WireString signature, bool big_endian) {
        g_auto(Writer) writer = { 0 };
        Reader reader;

        writer_init(&writer);
        reader_init_bytes(&reader, body, n_body, signature, big_endian);
        while (writer_add_value(&writer, &reader))
                ;
        g_assert_true(reader_finish(&reader));
        g_assert_cmpuint(writer.body->len, ==, n_body);
        g_assert_true(body_is_valid(writer.body->data, writer.body->len, signature, BYTES_NATIVE_IS_BIG));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = NULL;
        g_autofree uint8_t *body = NULL;
        WireString signature;
        size_t n_body;

        if (size < 1 || size - 1 < data[0])
                return 0;
        text = g_strndup((const char *)data + 1, data[0]);
        signature = wire_string(text);
        if (!syntax_is_signature(signature.data, signature.length))
                return 0;
        n_body = size - 1 - data[0];
        body = g_memdup2(data + 1 + data[0], n_body);
        for (int big_endian = 0; big_endian < 2; big_endian++)
                if (body_is_valid(body, n_body, signature, big_endian))
                        check_copy(body, n_body, signature, big_endian);
        return 0;
}
