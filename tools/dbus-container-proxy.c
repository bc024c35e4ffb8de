/* SPDX-License-Identifier: MIT */
/*
 * dbus-container-proxy: takes the arguments of xdg-dbus-proxy, and has the bus itself do what that one
 * does.
 *
 * What talks to the bus is a child, which ends when it is done (with --log, when we are): threads and
 * memory that a connection needs are gone with it. Where the bus unlinks the sockets, and the caller
 * has given us a pipe to tell the end by, nothing is left to do for us. Else we stay to unlink them,
 * and hold a pipe whose hang-up tells the bus to stop, whatever ends us.
 *
 * Where the bus of a pair has no containers, the real proxy takes over that pair. When others are
 * served already, another child stays for these.
 */
#include "config.h"

#include "tools/bus-client.h"
#include "tools/listen-socket.h"
#include "tools/proxy-arguments.h"
#include "tools/proxy-fallback.h"
#include "tools/proxy-identity.h"
#include "tools/proxy-life.h"
#include "tools/proxy-log.h"
#include "tools/proxy-server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLATPAK_INFO "/.flatpak-info"

/* What the child says of a pair, one byte each. */
enum { REPORT_SERVED = 's', REPORT_SERVED_ALONE = 'a', REPORT_NOT_SERVED = 'n' };

typedef struct Proxy {
        const ProxyArguments *arguments; /* borrowed */
        ProxyIdentity identity;
        GArray *listen_fds; /* owned; of int, owned: one a pair, until the bus has it */
        int life[2];        /* owned; the bus gets the first, and stops when the second is gone */
        const char **made;  /* owned, the strings not; NULL-terminated: paths of our sockets */
        GPtrArray *left;    /* owned; of ProxyPair, borrowed: for the real proxy */
        guint n_alone;      /* pairs for which the bus does all that there is to do */
} Proxy;

static void print_help(FILE *out) {
        fprintf(out,
                "Usage:\n"
                "  dbus-container-proxy [OPTION...] [ADDRESS PATH [OPTION...]...] [-- OPTION...]\n"
                "\n"
                "Has the bus at ADDRESS accept the connections of a sandboxed app at PATH.\n"
                "\n"
                "Options:\n"
                "  --help                  Print this\n"
                "  --version               Print the version\n"
                "  --fd=FD                 Write a byte to FD when ready, stop when it hangs up\n"
                "  --args=FD               Read more arguments, which NUL separates, from FD\n"
                "\n"
                "Behind ADDRESS and PATH:\n"
                "  --filter                Allow only what the following say\n"
                "  --see=NAME              Show the name\n"
                "  --talk=NAME             Allow to talk to it\n"
                "  --own=NAME              Allow to own it\n"
                "  --call=NAME=RULE        Allow certain calls\n"
                "  --broadcast=NAME=RULE   Let certain signals through\n"
                "  --sloppy-names          Show all names\n"
                "  --log                   Print messages\n"
                "\n"
                "Behind --:\n"
                "  --type=TYPE             Reversed-DNS name of the sandbox technology\n"
                "  --app-id=ID             Name of the app\n"
                "  --instance-id=ID        Name of this instance of it\n"
                "  --proxy=PROGRAM         The xdg-dbus-proxy for buses without containers\n"
                "  --stay                  Do not end before --fd hangs up\n");
}

/* The child's work for one pair whose bus is there. @life_fd: to stop by when we stay */
static bool serve_pair(ProxyServer *server, int life_fd) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;

        if (proxy_server_add(server, &error))
                return true;
        if (server->unlink && proxy_server_is_refusal(error)) {
                /* The path leads the bus to no socket: it is not absolute, or in a private /tmp. */
                g_clear_error(&error);
                server->unlink = false;
                server->stop_fd = life_fd;
                if (proxy_server_add(server, &error))
                        return true;
        }
        if (!proxy_server_is_refusal(error))
                return false;
        text = bus_client_error_text(error);
        g_printerr("dbus-container-proxy: the bus did not add a container for %s: %s\n",
                   server->pair->path, text);
        return false;
}

static gboolean on_end_of_life(int fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED,
                               void *user_data) {
        g_main_loop_quit(user_data);
        return G_SOURCE_REMOVE;
}

static void run_logs(int life_fd) {
        g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);

        g_unix_fd_add(life_fd, G_IO_IN, on_end_of_life, loop);
        g_main_loop_run(loop);
}

static bool wants_log(const GPtrArray *pairs) {
        bool wanted = false;

        for (guint i = 0; i < pairs->len; i++)
                wanted |= ((const ProxyPair *)pairs->pdata[i])->log;
        return wanted;
}

/* Whether --fd gave us what the bus can watch as we would: the end of a pipe that never has anything
 * to be read. */
static bool has_pipe(const ProxyArguments *arguments) {
        int flags = arguments->sync_fd < 0 ? -1 : fcntl(arguments->sync_fd, F_GETFL);
        struct stat status;

        return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY &&
               fstat(arguments->sync_fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/* Opens all connections. Return: whether we can leave all to the buses, and end. */
static bool open_servers(const Proxy *proxy, ProxyServer *servers) {
        const ProxyArguments *arguments = proxy->arguments;
        bool leave = has_pipe(arguments) && !arguments->stay && !wants_log(arguments->pairs);

        for (guint i = 0; i < arguments->pairs->len; i++) {
                servers[i] = (ProxyServer){
                        .pair = arguments->pairs->pdata[i],
                        .identity = &proxy->identity,
                        .listen_fd = g_array_index(proxy->listen_fds, int, i),
                };
                leave &= proxy_server_open(&servers[i]) && proxy_server_can_unlink(&servers[i]);
        }
        return leave;
}

/* Does not return. */
G_NORETURN static void run_child(Proxy *proxy, int report_fd) {
        const ProxyArguments *arguments = proxy->arguments;
        guint n_pairs = arguments->pairs->len;
        g_autofree ProxyServer *servers = g_new0(ProxyServer, n_pairs);
        g_autoptr(GPtrArray) logs = g_ptr_array_new();
        bool leave;

        close(proxy->life[1]);
        leave = open_servers(proxy, servers);
        for (guint i = 0; i < n_pairs; i++) {
                ProxyServer *server = &servers[i];
                char report = REPORT_NOT_SERVED;

                server->unlink = leave;
                server->stop_fd = leave ? arguments->sync_fd : proxy->life[0];
                if (server->connection && serve_pair(server, proxy->life[0]))
                        report = server->unlink ? REPORT_SERVED_ALONE : REPORT_SERVED;
                if (server->object_path && server->pair->log)
                        g_ptr_array_add(logs,
                                        proxy_log_new(server->connection, server->pair->address,
                                                      server->object_path));
                proxy_server_clear(server);
                if (write(report_fd, &report, 1) != 1)
                        _exit(EXIT_FAILURE);
        }
        close(report_fd);

        if (logs->len > 0)
                run_logs(proxy->life[0]);
        _exit(EXIT_SUCCESS);
}

/* Sorts the pairs by what the child says of them; one that says nothing has not done it. */
static void take_reports(Proxy *proxy, int report_fd) {
        const GPtrArray *pairs = proxy->arguments->pairs;

        for (guint i = 0; i < pairs->len; i++) {
                ProxyPair *pair = pairs->pdata[i];
                char report = REPORT_NOT_SERVED;

                if (TEMP_FAILURE_RETRY(read(report_fd, &report, 1)) != 1)
                        report = REPORT_NOT_SERVED;
                if (report == REPORT_NOT_SERVED)
                        g_ptr_array_add(proxy->left, pair);
                else if (report == REPORT_SERVED_ALONE)
                        proxy->n_alone++;
        }
}

static bool open_sockets(Proxy *proxy, GError **error) {
        const GPtrArray *pairs = proxy->arguments->pairs;

        proxy_life_guard(proxy->made);
        for (guint i = 0; i < pairs->len; i++) {
                const ProxyPair *pair = pairs->pdata[i];
                int fd;

                (void)unlink(pair->path);
                fd = listen_socket_bind(pair->path, error);
                if (fd < 0)
                        return false;
                g_array_append_val(proxy->listen_fds, fd);
                proxy->made[i] = pair->path;
        }
        return true;
}

static bool register_pairs(Proxy *proxy, GError **error) {
        int report[2];
        pid_t child;

        if (!g_unix_open_pipe(proxy->life, FD_CLOEXEC, error) ||
            !g_unix_open_pipe(report, FD_CLOEXEC, error))
                return false;
        child = fork();
        if (child == 0) {
                close(report[0]);
                run_child(proxy, report[1]);
        }

        close(report[1]);
        take_reports(proxy, report[0]);
        close(report[0]);
        if (child > 0 && !wants_log(proxy->arguments->pairs))
                (void)TEMP_FAILURE_RETRY(waitpid(child, NULL, 0));
        g_array_set_size(proxy->listen_fds, 0);
        return true;
}

/* A child that lives as long as the real proxy, which we become, for the pairs that are served. */
static void leave_guard(const Proxy *proxy) {
        pid_t parent = getpid();

        if (fork() != 0)
                return;
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                (void)raise(SIGTERM);
        proxy_life_wait(proxy->arguments->sync_fd);
        _exit(EXIT_SUCCESS);
}

static void tell_ready(int sync_fd) {
        if (sync_fd >= 0 && write(sync_fd, "x", 1) != 1)
                g_printerr("dbus-container-proxy: cannot write to descriptor %d: %s\n", sync_fd,
                           g_strerror(errno));
}

/* Returns when the proxy is no longer needed; false with @error when it never was ready. */
static bool run(Proxy *proxy, GError **error) {
        const ProxyArguments *arguments = proxy->arguments;

        if (!open_sockets(proxy, error) || !register_pairs(proxy, error)) {
                proxy_life_unlink();
                return false;
        }
        if (proxy->left->len > 0) {
                if (proxy->left->len < arguments->pairs->len)
                        leave_guard(proxy);
                proxy_fallback_exec(arguments, proxy->left, error);
                proxy_life_unlink();
                return false;
        }

        tell_ready(arguments->sync_fd);
        if (proxy->n_alone < arguments->pairs->len)
                proxy_life_wait(arguments->sync_fd);
        return true;
}

static void close_fd(void *fd) {
        close(*(int *)fd);
}

static int run_arguments(const ProxyArguments *arguments) {
        guint n_pairs = arguments->pairs->len;
        g_autofree const char **made = g_new0(const char *, n_pairs + 1);
        g_autoptr(GArray) listen_fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_autoptr(GPtrArray) left = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        Proxy proxy = { .arguments = arguments,
                        .listen_fds = listen_fds,
                        .made = made,
                        .left = left };

        g_array_set_clear_func(listen_fds, close_fd);
        proxy_identity_init(&proxy.identity, FLATPAK_INFO, arguments->type, arguments->app_id,
                            arguments->instance_id);
        (void)signal(SIGPIPE, SIG_IGN);
        if (!run(&proxy, &error))
                g_printerr("dbus-container-proxy: %s\n", error->message);
        proxy_life_guard(NULL);
        proxy_identity_clear(&proxy.identity);
        return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        g_auto(ProxyArguments) arguments = { 0 };
        g_autoptr(GError) error = NULL;

        setlocale(LC_ALL, "");
        g_set_prgname("dbus-container-proxy");
        if (!proxy_arguments_parse((const char *const *)argv + MIN(argc, 1), proxy_arguments_read,
                                   &arguments, &error)) {
                g_printerr("dbus-container-proxy: %s\n", error->message);
                return EXIT_FAILURE;
        }

        switch (arguments.action) {
        case PROXY_ACTION_HELP:
                print_help(stdout);
                return EXIT_SUCCESS;
        case PROXY_ACTION_USAGE:
                print_help(stderr);
                return EXIT_FAILURE;
        case PROXY_ACTION_VERSION:
                printf("dbus-container-proxy (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
                return EXIT_SUCCESS;
        case PROXY_ACTION_RUN:
                break;
        }
        return run_arguments(&arguments);
}
