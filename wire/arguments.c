/* SPDX-License-Identifier: MIT */
/* Reads the leading arguments of a validated message, once for all match rules that look at them. */
#include "wire/arguments.h"

#include "wire/reader.h"

static bool read_arg(Reader *reader, char type, WireString *ret_text) {
        *ret_text = (WireString){ 0 };
        switch (type) {
        case 's':
                return reader_get_string(reader, ret_text);
        case 'o':
                return reader_get_path(reader, ret_text);
        case 'g':
                return reader_get_signature(reader, ret_text);
        default:
                return reader_skip(reader);
        }
}

void message_get_args(const MessageView *view, unsigned n_wanted, MessageArgs *ret_args) {
        Reader reader;
        char type;

        ret_args->n_args = 0;
        reader_init(&reader, view);
        while (ret_args->n_args < MIN(n_wanted, G_N_ELEMENTS(ret_args->types)) &&
               (type = reader_peek(&reader))) {
                if (!read_arg(&reader, type, &ret_args->texts[ret_args->n_args]))
                        return;
                ret_args->types[ret_args->n_args++] = type;
        }
}
