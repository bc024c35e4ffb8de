/* SPDX-License-Identifier: MIT */
/*
 * Tables that describe a D-Bus interface which the bus itself serves: one place for names,
 * signatures, privileges and introspection data, whoever implements the handlers.
 */
#pragma once

#include "base/identity.h"
#include "wire/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

typedef struct MethodCall {
        const Message *message;
        Reader body;      /* at the first argument; its signature has been checked */
        Identity *caller; /* borrowed; of the connection that calls */
        void *connection; /* borrowed, opaque below bus/: the calling Connection */
        Writer *reply;    /* body of the method return */
        /* set by method_fail() */
        const char *error_name;
        char *error_text; /* owned */
        bool answered;    /* the handler has sent, or will send, the reply itself */
} MethodCall;

/**
 * method_fail() - makes the call end with an error
 * @error_name: constant
 *
 * Return: false, so that a handler can `return method_fail(...)`.
 */
bool method_fail(MethodCall *call, const char *error_name, const char *format, ...)
        G_GNUC_PRINTF(3, 4);

/* Return: false when method_fail() was called. */
typedef bool (*MethodHandler)(MethodCall *call, void *user);

typedef enum MethodFlags {
        METHOD_ANY_PATH = 1 << 0,    /* for compatibility works at every object path */
        METHOD_PRIVILEGED = 1 << 1,  /* uid 0 or the bus's own uid only; never contained */
        METHOD_UNCONTAINED = 1 << 2, /* not for contained connections */
        METHOD_NO_HELLO = 1 << 3,    /* may be called before Hello */
        METHOD_DEPRECATED = 1 << 4,
        METHOD_NO_REPLY = 1 << 5,
} MethodFlags;

typedef struct MethodEntry {
        const char *name;
        const char *in; /* signature of the arguments, "" for none */
        const char *out;
        MethodHandler handler;
        MethodFlags flags;
} MethodEntry;

typedef struct SignalEntry {
        const char *name;
        const char *signature;
} SignalEntry;

/* Writes the value (without variant). */
typedef void (*PropertyGetter)(Writer *writer, void *user);

typedef struct PropertyEntry {
        const char *name;
        const char *signature;
        PropertyGetter get;
        bool constant; /* EmitsChangedSignal "const" */
} PropertyEntry;

typedef struct MethodTable {
        const char *interface;
        const MethodEntry *methods;      /* ends with a NULL name */
        const SignalEntry *signals;      /* ends with a NULL name; NULL: none */
        const PropertyEntry *properties; /* ends with a NULL name; NULL: none */
        bool any_path;                   /* Peer, Introspectable, Properties */
} MethodTable;

/** method_table_find() - entry of @member, NULL if there is none */
const MethodEntry *method_table_find(const MethodTable *table, WireString member);

/** method_table_introspect() - appends the <interface> element of @table to @xml */
void method_table_introspect(const MethodTable *table, GString *xml);
