/* SPDX-License-Identifier: MIT */
/*
 * The whole bus in one process. The input is a programme: connections come, over socket pairs and
 * over the socket of a container server, say valid messages of all kinds or any bytes, in pieces,
 * with descriptors, read or do not, and go; the bus takes turns; and system calls of the bus fail.
 *
 * In the end all connections are closed, and the bus must have nothing left of them. What two
 * connections outside containers say to each other must not be changed on its way.
 */
#include "base/fdset.h"
#include "base/log.h"
#include "bus/connection.h"
#include "bus/context.h"
#include "bus/driver.h"
#include "policy/xml-loader.h"
#include "wire/writer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_PEERS 8
#define MAX_TURNS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>"
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/><allow own='*'/>"
        "<allow eavesdrop='true'/><deny send_member='Denied' send_interface='a.b'/></policy>"
        "<limit name='max_outgoing_bytes'>100000</limit><limit name='max_incoming_bytes'>100000</limit>"
        "<limit name='max_replies_per_connection'>8</limit><limit name='max_connections_per_container'>3</limit>"
        "<limit name='max_match_rules_per_connection'>8</limit><limit name='max_names_per_connection'>4</limit>"
        "<limit name='max_incomplete_connections'>6</limit><limit name='max_containers'>3</limit>"
        "</busconfig>";

/* --- system calls that fail --- */

static unsigned fail_in; /* of so many sends and receives the last fails; 0: none does */
static int fail_with;

static bool fails(void) {
        if (fail_in == 0 || --fail_in > 0)
                return false;
        errno = fail_with;
        return true;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
        return fails() ? -1 : syscall(SYS_recvmsg, fd, msg, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
        return fails() ? -1 : syscall(SYS_sendmsg, fd, msg, flags);
}

ssize_t send(int fd, const void *bytes, size_t n_bytes, int flags) {
        return fails() ? -1 : syscall(SYS_sendto, fd, bytes, n_bytes, flags, NULL, 0);
}

/* --- the input --- */

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static uint8_t take(Input *input) {
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->data++;
}

static const char *choose(Input *input, const char *const *texts, size_t n_texts) {
        return texts[take(input) % n_texts];
}

#define CHOOSE(input, ...)                                                                         \
        ({                                                                                         \
                static const char *const texts[] = { __VA_ARGS__ };                                \
                choose(input, texts, G_N_ELEMENTS(texts));                                         \
        })

/* --- the world --- */

typedef struct World {
        Bus *bus;
        int peers[MAX_PEERS]; /* our ends; -1: none */
        char server_path[64]; /* abstract name of the container server's socket, without the NUL */
        size_t n_server_path;
        uint32_t serial;
} World;

static void nothing(LoopWork *work) {
        (void)work;
}

/* Turns that do not wait for anything. */
static void turn(World *world, unsigned n) {
        LoopWork work = { 0 };

        while (n-- > 0) {
                loop_defer(world->bus->loop, &work, nothing);
                loop_turn(world->bus->loop);
        }
}

static void say(World *world, int peer, const void *bytes, size_t n_bytes, unsigned n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(4 * sizeof(int))];
        } control = { 0 };
        struct iovec iov = { (void *)bytes, n_bytes };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        int fds[4] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO, STDIN_FILENO };

        if (n_fds > 0) {
                msg.msg_control = &control;
                msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        }
        (void)!syscall(SYS_sendmsg, world->peers[peer], &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_message(World *world, int peer, MessageHeader *header, Writer *body, unsigned n_fds) {
        Message message;

        header->serial = ++world->serial;
        writer_finish(body, header, &message);
        say(world, peer, payload_bytes(message.payload), message.view.n_bytes, n_fds);
        message_clear(&message);
}

static void say_hello(World *world, int peer) {
        g_autofree char *uid = g_strdup_printf("%u", (unsigned)getuid());
        g_autoptr(GString) text = g_string_new(NULL);
        MessageHeader header = { .type = MESSAGE_TYPE_METHOD_CALL,
                                 .path = DBUS_BUS_PATH,
                                 .interface = DBUS_BUS_NAME,
                                 .member = "Hello",
                                 .destination = DBUS_BUS_NAME };

        g_string_append_c(text, '\0');
        g_string_append(text, "AUTH EXTERNAL ");
        for (const char *c = uid; *c; c++)
                g_string_append_printf(text, "%02x", *c);
        g_string_append(text, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        say(world, peer, text->str, text->len, 0);
        say_message(world, peer, &header, NULL, 0);
}

static void connect_peer(World *world, int peer, bool contained) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int ends[2];

        if (world->peers[peer] >= 0)
                close(world->peers[peer]);
        world->peers[peer] = -1;
        if (contained && world->n_server_path > 0) {
                memcpy(name.sun_path + 1, world->server_path, world->n_server_path);
                world->peers[peer] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                if (connect(world->peers[peer], (struct sockaddr *)&name,
                            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + world->n_server_path)) < 0)
                        close(g_steal_fd(&world->peers[peer]));
                return;
        }
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
                return;
        world->peers[peer] = ends[0];
        (void)connection_accept(world->bus, ends[1], identity_new_from_socket(ends[1]), NULL);
}

static void read_some(World *world, int peer, bool all) {
        char buffer[4096];

        do {
                if (syscall(SYS_recvfrom, world->peers[peer], buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL) <= 0)
                        return;
        } while (all);
}

/* --- messages --- */

static void add_rules(Input *input, Writer *body) {
        size_t mark = writer_open_array(body, "(usos)");

        for (unsigned n = take(input) % 3; n > 0; n--) {
                writer_open_struct(body, "(usos)");
                writer_add_u32(body, take(input) | (uint32_t)take(input) << 8);
                writer_add_string(body, CHOOSE(input, "a.b", "a.b.c", "", "x"));
                writer_add_path(body, CHOOSE(input, "/", "/a"));
                writer_add_string(body, CHOOSE(input, "", "a.b", "a.b.Denied"));
                writer_close_struct(body);
        }
        writer_close_array(body, mark);
}

static void add_options(Input *input, Writer *body, bool socket) {
        size_t mark = writer_open_array(body, "{sv}");

        if (socket) {
                writer_open_struct(body, "{sv}");
                writer_add_string(body, "ListenSocket");
                writer_open_variant(body, "h");
                writer_add_fd(body, dup(STDIN_FILENO));
                writer_close_variant(body);
                writer_close_struct(body);
        }
        for (unsigned n = take(input) % 3; n > 0; n--) {
                writer_open_struct(body, "{sv}");
                writer_add_string(body, CHOOSE(input, "Allow", "Permissive", "StopOnDisconnect", "Groups", "x"));
                if (take(input) & 1) {
                        writer_open_variant(body, "a(usos)");
                        add_rules(input, body);
                } else {
                        writer_open_variant(body, "b");
                        writer_add_bool(body, take(input) & 1);
                }
                writer_close_variant(body);
                writer_close_struct(body);
        }
        writer_close_array(body, mark);
}

/* What a service gives to containers: AllowContainers. */
static void add_opt_ins(Input *input, Writer *body) {
        size_t mark = writer_open_array(body, "(uos)");

        for (unsigned n = take(input) % 3; n > 0; n--) {
                writer_open_struct(body, "(uos)");
                writer_add_u32(body, take(input) | (uint32_t)take(input) << 8);
                writer_add_path(body, CHOOSE(input, "/", "/a"));
                writer_add_string(body, CHOOSE(input, "", "a.b", "a.b.Denied"));
                writer_close_struct(body);
        }
        writer_close_array(body, mark);
}

static const char *a_name(Input *input) {
        return CHOOSE(input, "a.b", "a.b.c", ":1.0", ":1.1", ":1.2", ":1.3", "org.freedesktop.DBus", "x.y");
}

static void add_value(Input *input, Writer *body) {
        switch (take(input) % 8) {
        case 0:
                writer_add_string(body, a_name(input));
                return;
        case 1:
                writer_add_u32(body, take(input));
                return;
        case 2:
                writer_add_path(body, CHOOSE(input, "/", "/org/freedesktop/DBus/Containers1/c0", "/a"));
                return;
        case 3:
                writer_add_string(body, CHOOSE(input, "type='signal'", "sender='a.b',arg0='x'", "interface='a.b'",
                                               "eavesdrop=true", "arg0namespace='a'", "member='M',path='/a'", "'"));
                return;
        case 4:
                add_rules(input, body);
                return;
        case 5:
                add_options(input, body, false);
                return;
        case 6:
                add_opt_ins(input, body);
                return;
        default:
                writer_add_bool(body, take(input) & 1);
        }
}

/* A call to the driver; what fits its signature is up to the input. */
static void fill_call(Input *input, MessageHeader *header, Writer *body) {
        header->path = DBUS_BUS_PATH;
        header->destination = DBUS_BUS_NAME;
        header->interface = CHOOSE(input, DBUS_BUS_NAME, "org.freedesktop.DBus.Containers1",
                                   "org.freedesktop.DBus.Debug.Stats", "org.freedesktop.DBus.Monitoring",
                                   "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Peer");
        header->member = CHOOSE(
                input, "RequestName", "ReleaseName", "AddMatch", "RemoveMatch", "GetNameOwner", "ListNames", "NameHasOwner",
                "GetConnectionCredentials", "StartServiceByName", "GetConnectionInfo", "GetServerInfo", "StopServer",
                "StopListening", "RequestHeader", "AddServerRules", "GetServerRules", "ListServers", "AllowContainers",
                "WithdrawContainers", "GetStats", "GetAllMatchRules", "BecomeMonitor", "GetAll", "Get", "Ping",
                "ListQueuedOwners", "UpdateActivationEnvironment", "GetConnectionStats");
        for (unsigned n = take(input) % 3; n > 0; n--)
                add_value(input, body);
}

static void fill_other(Input *input, MessageHeader *header, Writer *body) {
        header->type = (uint8_t)(1 + take(input) % 5);
        header->path = CHOOSE(input, "/", "/a", "/a/b");
        header->interface = CHOOSE(input, "a.b", "org.freedesktop.DBus", "x.y");
        header->member = CHOOSE(input, "M", "Denied", "NameOwnerChanged");
        header->error_name = header->type == MESSAGE_TYPE_ERROR ? "a.b.E" : NULL;
        header->destination = header->type == MESSAGE_TYPE_SIGNAL && take(input) & 1 ? NULL : a_name(input);
        if (header->type == MESSAGE_TYPE_METHOD_RETURN || header->type == MESSAGE_TYPE_ERROR)
                header->reply_serial = 1 + take(input);
        for (unsigned n = take(input) % 4; n > 0; n--)
                add_value(input, body);
        if (take(input) % 8 == 0) {
                g_autofree char *large = g_strnfill(40000, 'x');
                writer_add_string(body, large);
        }
}

static void random_message(World *world, Input *input, int peer) {
        MessageHeader header = { .type = MESSAGE_TYPE_METHOD_CALL, .flags = take(input) & 7 };
        g_auto(Writer) body = { 0 };
        unsigned n_fds = take(input);

        writer_init(&body);
        if (take(input) & 1)
                fill_call(input, &header, &body);
        else
                fill_other(input, &header, &body);
        say_message(world, peer, &header, &body, n_fds < 5 ? n_fds : 0);
}

static void add_server(World *world, Input *input, int peer) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        socklen_t n_name = sizeof name;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        MessageHeader header = { .type = MESSAGE_TYPE_METHOD_CALL,
                                 .path = DBUS_BUS_PATH,
                                 .interface = "org.freedesktop.DBus.Containers1",
                                 .member = "AddServer",
                                 .destination = DBUS_BUS_NAME };
        g_auto(Writer) body = { 0 };
        int input_fd = dup(STDIN_FILENO);

        writer_init(&body);
        if (bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 && listen(fd, 8) == 0 &&
            getsockname(fd, (struct sockaddr *)&name, &n_name) == 0) {
                world->n_server_path = n_name - offsetof(struct sockaddr_un, sun_path) - 1;
                memcpy(world->server_path, name.sun_path + 1, world->n_server_path);
        }
        writer_add_string(&body, "a.b");
        writer_add_string(&body, "App");
        writer_add_string(&body, "i");
        size_t mark = writer_open_array(&body, "{sv}");
        writer_close_array(&body, mark);
        add_options(input, &body, true);
        dup2(fd, STDIN_FILENO); /* which say() passes */
        say_message(world, peer, &header, &body, 1);
        dup2(input_fd, STDIN_FILENO);
        close(input_fd);
        close(fd);
}

/* --- the programme --- */

static void step(World *world, Input *input) {
        int peer = take(input) % MAX_PEERS;
        uint8_t operation = take(input) % 16;

        if (operation < 2 || world->peers[peer] < 0) {
                connect_peer(world, peer, operation == 1);
                if (world->peers[peer] >= 0 && take(input) % 8)
                        say_hello(world, peer);
                return;
        }
        if (operation < 9) {
                random_message(world, input, peer);
        } else if (operation == 9) {
                add_server(world, input, peer);
        } else if (operation == 10) {
                size_t n = take(input);

                n = MIN(n, input->size);
                say(world, peer, input->data, n, 0);
                input->data += n;
                input->size -= n;
        } else if (operation == 11) {
                read_some(world, peer, true);
        } else if (operation == 12) {
                close(world->peers[peer]);
                world->peers[peer] = -1;
        } else if (operation == 13) {
                static const int errors[] = { EINTR, ENOBUFS, ENOMEM, ECONNRESET, EPIPE, ETOOMANYREFS };

                fail_in = 1 + take(input) % 8;
                fail_with = errors[take(input) % G_N_ELEMENTS(errors)];
        } else {
                turn(world, 1 + take(input) % 4);
        }
}

static void finish(World *world) {
        Bus *bus = world->bus;

        fail_in = 0;
        for (int i = 0; i < MAX_PEERS; i++)
                if (world->peers[i] >= 0)
                        read_some(world, i, true);
        turn(world, 4);
        for (int i = 0; i < MAX_PEERS; i++)
                if (world->peers[i] >= 0)
                        close(world->peers[i]);
        for (unsigned i = 0; i < MAX_TURNS && !list_is_empty(&bus->all); i++)
                turn(world, 1);
        turn(world, 2);
        g_assert_true(list_is_empty(&bus->all));
        g_assert_cmpuint(bus->n_completed, ==, 0);
        g_assert_cmpuint(bus->n_incomplete, ==, 0);
        g_assert_cmpuint(match_index_get_n_rules(bus->matches), ==, 0);
        g_assert_cmpuint(match_index_get_n_rules(bus->monitor_matches), ==, 0);
        g_assert_cmpuint(driver_count_names(bus), ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const ContextOptions options = { .config_file = "/nonexistent/bus.conf" };
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        Input input = { data, size };
        World world = { 0 };

        log_init("fuzz-bus", 0);
        if (!xml_loader_parse(config, options.config_file, config_text, sizeof config_text - 1, &error))
                g_error("%s", error->message);
        world.bus = context_new(&options, config, &error);
        g_assert_no_error(error);
        for (int i = 0; i < MAX_PEERS; i++)
                world.peers[i] = -1;
        while (input.size > 0)
                step(&world, &input);
        finish(&world);
        context_free(world.bus);
        return 0;
}
