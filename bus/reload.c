/* SPDX-License-Identifier: MIT */
/*
 * One reading at a time. It answers for all who asked before it began; who asks later gets the next one. A reading that
 * does not end, because the system does not say who a user is, is given up after a while: what it finds is dropped, and
 * the next request begins a new one.
 *
 * Changes to files come in swarms. A reading begins when it has been quiet for a moment, and not at all when
 * another one has begun after the last change.
 */
#include "bus/reload.h"

#include "base/log.h"
#include "bus/notify.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PATIENCE_USEC (20u * 1000000)
#define QUIET_USEC (200u * 1000)
#define WATCHED (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

typedef struct Reading {
        WorkerJob job;
        Reload *reload; /* borrowed; NULL: it was given up */
        char *path;     /* owned */
        Config *config; /* ref; what was read */
        GError *error;  /* owned; or why not */
} Reading;

struct Reload {
        Loop *loop;       /* borrowed */
        Workers *workers; /* borrowed */
        const char *path; /* borrowed */
        ReloadHost host;
        Reading *reading;   /* borrowed; NULL: nothing is being read */
        GArray *now, *next; /* owned; of CallRef, for this reading and the one after it */
        bool wants_another;
        LoopTimer patience;
        int inotify_fd; /* owned; -1: the kernel gave none */
        LoopSource source;
        LoopTimer quiet;
        GHashTable *folders; /* owned; path -> watch */
        Config *watched;     /* ref; NULL: none yet */
};

static void begin(Reload *reload);

/* --- reading --- */

static void read_config(WorkerJob *job) {
        Reading *reading = CONTAINER_OF(job, Reading, job);

        reading->config = config_load(reading->path, &reading->error);
}

static void answer_all(Reload *reload, const char *error) {
        GArray *requests = reload->now;

        reload->now = g_array_new(FALSE, FALSE, sizeof(CallRef));
        for (guint i = 0; i < requests->len; i++)
                reload->host.answer(reload->host.user, &g_array_index(requests, CallRef, i), error);
        g_array_unref(requests);
}

static void end(Reload *reload, Config *config, const char *error) {
        reload->reading = NULL;
        loop_disarm(&reload->patience);
        if (config) {
                config_log_warnings(config);
                reload->host.apply(reload->host.user, config);
                log_message(LOG_LEVEL_NOTICE, "The configuration was read again");
                reload_watch(reload, config);
        } else {
                log_message(LOG_LEVEL_ERROR, "The configuration stays as it was: %s", error);
        }
        answer_all(reload, error);
        if (reload->wants_another)
                begin(reload);
        else
                notify_ready();
}

static void reading_free(Reading *reading) {
        config_unref(reading->config);
        g_clear_error(&reading->error);
        g_free(reading->path);
        g_free(reading);
}

static void was_read(WorkerJob *job) {
        Reading *reading = CONTAINER_OF(job, Reading, job);

        if (reading->reload)
                end(reading->reload, reading->config,
                    reading->error ? reading->error->message : NULL);
        reading_free(reading);
}

static void give_up(LoopTimer *timer) {
        Reload *reload = CONTAINER_OF(timer, Reload, patience);

        reload->reading->reload = NULL;
        end(reload, NULL,
            "it could not be read in time; perhaps the system does not say who its users are");
}

static void drain(Reload *reload,
                  void (*found)(Reload *reload, const struct inotify_event *event)) {
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        ssize_t n;

        while (reload->inotify_fd >= 0 &&
               (n = read(reload->inotify_fd, buffer, sizeof buffer)) > 0) {
                for (char *at = buffer; found && at < buffer + n;) {
                        const struct inotify_event *event = (const void *)at;

                        found(reload, event);
                        at += sizeof *event + event->len;
                }
        }
}

static void begin(Reload *reload) {
        Reading *reading = g_new0(Reading, 1);
        GArray *now = reload->now;

        reload->wants_another = false;
        reload->now = reload->next;
        reload->next = now;
        /* what has changed until now will be read */
        drain(reload, NULL);
        loop_disarm(&reload->quiet);
        notify_reloading();
        reading->job = (WorkerJob){ .work = read_config, .done = was_read };
        reading->reload = reload;
        reading->path = g_strdup(reload->path);
        if (!workers_start(reload->workers, &reading->job)) {
                reading_free(reading);
                end(reload, NULL, "too much is waiting for the system already");
                return;
        }
        reload->reading = reading;
        loop_arm(reload->loop, &reload->patience, loop_now_usec(reload->loop) + PATIENCE_USEC,
                 give_up);
}

void reload_request(Reload *reload, const CallRef *call) {
        if (call)
                g_array_append_vals(reload->next, call, 1);
        if (reload->reading)
                reload->wants_another = true;
        else
                begin(reload);
}

/* --- watching --- */

static bool is_in(const GPtrArray *texts, const char *text) {
        for (guint i = 0; i < texts->len; i++)
                if (strcmp(texts->pdata[i], text) == 0)
                        return true;
        return false;
}

static const char *find_folder(const Reload *reload, int watch) {
        GHashTableIter at;
        void *path, *number;

        g_hash_table_iter_init(&at, reload->folders);
        while (g_hash_table_iter_next(&at, &path, &number))
                if (GPOINTER_TO_INT(number) == watch)
                        return path;
        return NULL;
}

static bool is_ours(const Reload *reload, const struct inotify_event *event) {
        const char *folder = find_folder(reload, event->wd);
        g_autofree char *path = NULL;

        /* the kernel could not keep up: anything may have changed */
        if (event->mask & IN_Q_OVERFLOW)
                return true;
        if (!folder || event->len == 0)
                return false;
        path = g_build_filename(folder, event->name, NULL);
        if (is_in(reload->watched->files, path))
                return true;
        return is_in(reload->watched->config_dirs, folder) &&
               (g_str_has_suffix(path, ".conf") || g_str_has_suffix(path, ".rules"));
}

static void it_is_quiet(LoopTimer *timer) {
        reload_request(CONTAINER_OF(timer, Reload, quiet), NULL);
}

static void has_changed(Reload *reload, const struct inotify_event *event) {
        if (is_ours(reload, event))
                loop_arm(reload->loop, &reload->quiet, loop_now_usec(reload->loop) + QUIET_USEC,
                         it_is_quiet);
}

static void inotify_ready(LoopSource *source, G_GNUC_UNUSED uint32_t events) {
        drain(CONTAINER_OF(source, Reload, source), has_changed);
}

static void watch_folder(Reload *reload, GHashTable *folders, const char *path) {
        int watch = inotify_add_watch(reload->inotify_fd, path, WATCHED);

        if (watch >= 0)
                g_hash_table_insert(folders, g_strdup(path), GINT_TO_POINTER(watch));
}

static void forget_folders(Reload *reload, GHashTable *but) {
        GHashTableIter at;
        void *path, *watch;

        g_hash_table_iter_init(&at, reload->folders);
        while (g_hash_table_iter_next(&at, &path, &watch))
                if (!g_hash_table_contains(but, path))
                        inotify_rm_watch(reload->inotify_fd, GPOINTER_TO_INT(watch));
        g_hash_table_unref(reload->folders);
        reload->folders = g_hash_table_ref(but);
}

void reload_watch(Reload *reload, Config *config) {
        g_autoptr(GHashTable) folders =
                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

        if (reload->inotify_fd < 0)
                return;
        for (guint i = 0; i < config->files->len; i++) {
                g_autofree char *folder = g_path_get_dirname(config->files->pdata[i]);

                watch_folder(reload, folders, folder);
        }
        for (guint i = 0; i < config->config_dirs->len; i++)
                watch_folder(reload, folders, config->config_dirs->pdata[i]);
        forget_folders(reload, folders);
        config_unref(reload->watched);
        reload->watched = config_ref(config);
}

/* --- life --- */

Reload *reload_new(Loop *loop, Workers *workers, const char *path, const ReloadHost *host) {
        Reload *reload = g_new0(Reload, 1);

        reload->loop = loop;
        reload->workers = workers;
        reload->path = path;
        reload->host = *host;
        reload->now = g_array_new(FALSE, FALSE, sizeof(CallRef));
        reload->next = g_array_new(FALSE, FALSE, sizeof(CallRef));
        reload->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        reload->source.fd = -1;
        reload->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (reload->inotify_fd >= 0)
                (void)loop_add(loop, &reload->source, reload->inotify_fd, EPOLLIN, inotify_ready);
        return reload;
}

void reload_free(Reload *reload) {
        if (!reload)
                return;
        loop_disarm(&reload->patience);
        loop_disarm(&reload->quiet);
        loop_remove(reload->loop, &reload->source);
        if (reload->inotify_fd >= 0)
                close(reload->inotify_fd);
        g_array_unref(reload->now);
        g_array_unref(reload->next);
        g_hash_table_unref(reload->folders);
        config_unref(reload->watched);
        g_free(reload);
}
