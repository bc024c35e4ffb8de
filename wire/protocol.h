/* SPDX-License-Identifier: MIT */
/* Numbers and names of the D-Bus Specification, and nothing else. */
#pragma once

/* "Message Format" */
enum {
        MESSAGE_TYPE_INVALID = 0,
        MESSAGE_TYPE_METHOD_CALL = 1,
        MESSAGE_TYPE_METHOD_RETURN = 2,
        MESSAGE_TYPE_ERROR = 3,
        MESSAGE_TYPE_SIGNAL = 4,
};

enum {
        MESSAGE_FLAG_NO_REPLY_EXPECTED = 0x1,
        MESSAGE_FLAG_NO_AUTO_START = 0x2,
        MESSAGE_FLAG_ALLOW_INTERACTIVE_AUTHORIZATION = 0x4,
};

/* "Header Fields"; CONTAINER is this project's (containers1, section 5) */
enum {
        FIELD_INVALID = 0,
        FIELD_PATH = 1,
        FIELD_INTERFACE = 2,
        FIELD_MEMBER = 3,
        FIELD_ERROR_NAME = 4,
        FIELD_REPLY_SERIAL = 5,
        FIELD_DESTINATION = 6,
        FIELD_SENDER = 7,
        FIELD_SIGNATURE = 8,
        FIELD_UNIX_FDS = 9,
        FIELD_CONTAINER = 10,
        /* Facts about the sender, for who asked (containers1, section 5); of no specification. */
        FIELD_SENDER_UID = 240,
        FIELD_SENDER_PID = 241,
        FIELD_SENDER_LABEL = 242,
};

#define PROTOCOL_VERSION 1
#define PROTOCOL_FIXED_HEADER 16           /* up to and with the length of the field array */
#define PROTOCOL_MAX_MESSAGE (128u << 20)  /* bytes, header and body together */
#define PROTOCOL_MAX_ARRAY (64u << 20)     /* bytes of one array's elements */
#define PROTOCOL_MAX_NAME 255              /* bytes of a bus, interface, member or error name */
#define PROTOCOL_MAX_SIGNATURE 255
#define PROTOCOL_MAX_STRUCT_DEPTH 32
#define PROTOCOL_MAX_ARRAY_DEPTH 32
#define PROTOCOL_MAX_DEPTH 64              /* structs, arrays and variants together */

#define DBUS_BUS_NAME "org.freedesktop.DBus"
#define DBUS_BUS_PATH "/org/freedesktop/DBus"
#define DBUS_LOCAL_INTERFACE "org.freedesktop.DBus.Local"
#define DBUS_LOCAL_PATH "/org/freedesktop/DBus/Local"

/* Error names; the text behind each is the sender's. */
#define ERROR_ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"
#define ERROR_ADDRESS_IN_USE "org.freedesktop.DBus.Error.AddressInUse"
#define ERROR_ADT_AUDIT_DATA_UNKNOWN "org.freedesktop.DBus.Error.AdtAuditDataUnknown"
#define ERROR_FAILED "org.freedesktop.DBus.Error.Failed"
#define ERROR_FILE_NOT_FOUND "org.freedesktop.DBus.Error.FileNotFound"
#define ERROR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define ERROR_LIMITS_EXCEEDED "org.freedesktop.DBus.Error.LimitsExceeded"
#define ERROR_MATCH_RULE_INVALID "org.freedesktop.DBus.Error.MatchRuleInvalid"
#define ERROR_MATCH_RULE_NOT_FOUND "org.freedesktop.DBus.Error.MatchRuleNotFound"
#define ERROR_NAME_HAS_NO_OWNER "org.freedesktop.DBus.Error.NameHasNoOwner"
#define ERROR_NO_MEMORY "org.freedesktop.DBus.Error.NoMemory"
#define ERROR_NO_REPLY "org.freedesktop.DBus.Error.NoReply"
#define ERROR_NOT_CONTAINER "org.freedesktop.DBus.Error.NotContainer"
#define ERROR_NOT_SUPPORTED "org.freedesktop.DBus.Error.NotSupported"
#define ERROR_PROPERTY_READ_ONLY "org.freedesktop.DBus.Error.PropertyReadOnly"
#define ERROR_SELINUX_CONTEXT_UNKNOWN "org.freedesktop.DBus.Error.SELinuxSecurityContextUnknown"
#define ERROR_SERVICE_UNKNOWN "org.freedesktop.DBus.Error.ServiceUnknown"
#define ERROR_SPAWN_CHILD_EXITED "org.freedesktop.DBus.Error.Spawn.ChildExited"
#define ERROR_SPAWN_CHILD_SIGNALED "org.freedesktop.DBus.Error.Spawn.ChildSignaled"
#define ERROR_SPAWN_CONFIG_INVALID "org.freedesktop.DBus.Error.Spawn.ConfigInvalid"
#define ERROR_SPAWN_EXEC_FAILED "org.freedesktop.DBus.Error.Spawn.ExecFailed"
#define ERROR_SPAWN_FAILED "org.freedesktop.DBus.Error.Spawn.Failed"
#define ERROR_SPAWN_FILE_INVALID "org.freedesktop.DBus.Error.Spawn.FileInvalid"
#define ERROR_SPAWN_FORK_FAILED "org.freedesktop.DBus.Error.Spawn.ForkFailed"
#define ERROR_SPAWN_PERMISSIONS_INVALID "org.freedesktop.DBus.Error.Spawn.PermissionsInvalid"
#define ERROR_SPAWN_SERVICE_INVALID "org.freedesktop.DBus.Error.Spawn.ServiceNotValid"
#define ERROR_SPAWN_SERVICE_NOT_FOUND "org.freedesktop.DBus.Error.Spawn.ServiceNotFound"
#define ERROR_SPAWN_SETUP_FAILED "org.freedesktop.DBus.Error.Spawn.FailedToSetup"
#define ERROR_TIMED_OUT "org.freedesktop.DBus.Error.TimedOut"
#define ERROR_UNIX_PROCESS_ID_UNKNOWN "org.freedesktop.DBus.Error.UnixProcessIdUnknown"
#define ERROR_UNKNOWN_INTERFACE "org.freedesktop.DBus.Error.UnknownInterface"
#define ERROR_UNKNOWN_METHOD "org.freedesktop.DBus.Error.UnknownMethod"
#define ERROR_UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"
#define ERROR_UNKNOWN_PROPERTY "org.freedesktop.DBus.Error.UnknownProperty"
