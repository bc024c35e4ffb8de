/* SPDX-License-Identifier: MIT */
/*
 * One reading at a time. It answers for all who asked before it began; who asks later gets the next
 * one. A reading that does not end, because the system does not say who a user is, is given up
 * after a while: what it finds is dropped, and the next request begins a new one. There are no more
 * than a few of those; when one comes back after all, the system answers again, and what was missed
 * is read.
 *
 * Changes to files come in swarms. A reading begins when it has been quiet for a moment, or has not
 * been for long, and not at all when another one has begun after the last change. One watch may
 * stand for several folders: two paths can lead to the same.
 */
#include "bus/reload.h"

#include "base/log.h"
#include "bus/notify.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PATIENCE_USEC (20u * 1000000)
#define MAX_GIVEN_UP 2 /* that still hang */
#define QUIET_USEC (200u * 1000)
#define UNREST_USEC (2u * 1000000)
#define FOLDER_IS_GONE (IN_DELETE_SELF | IN_MOVE_SELF)
#define WATCHED                                                                                    \
        (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | FOLDER_IS_GONE | IN_ONLYDIR)

typedef struct Reading {
        WorkerJob job;
        Reload *reload; /* borrowed: Workers that are freed tell nobody any more */
        bool given_up;
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
        bool missed;         /* the last reading was given up, or could not begin */
        unsigned n_given_up; /* readings that have not come back */
        LoopTimer patience;
        int inotify_fd; /* owned; -1: the kernel gave none */
        LoopSource source;
        LoopTimer quiet;
        uint64_t restless_since; /* while that is armed: the first of the changes */
        GHashTable *folders;     /* owned; path -> watch */
        Config *watched;         /* ref; NULL: none yet */
};

static void begin(Reload *reload);
static void it_is_quiet(LoopTimer *timer);

/* --- reading --- */

static void read_config(WorkerJob *job) {
        Reading *reading = CONTAINER_OF(job, Reading, job);

        reading->config = config_load(reading->path, &reading->error);
}

static void answer_all(Reload *reload, const GError *error) {
        GArray *requests = reload->now;

        reload->now = g_array_new(FALSE, FALSE, sizeof(CallRef));
        for (guint i = 0; i < requests->len; i++)
                reload->host.answer(reload->host.user, &g_array_index(requests, CallRef, i), error);
        g_array_unref(requests);
}

static void end(Reload *reload, Config *config, const GError *error) {
        reload->reading = NULL;
        loop_disarm(&reload->patience);
        if (config) {
                config_log_warnings(config);
                reload->host.apply(reload->host.user, config);
                log_message(LOG_LEVEL_NOTICE, "The configuration was read again");
                reload_watch(reload, config);
        } else {
                log_message(LOG_LEVEL_ERROR, "The configuration stays as it was: %s",
                            error->message);
        }
        answer_all(reload, error);
        if (reload->wants_another)
                begin(reload);
        else
                notify_ready();
}

/* It is about nothing that the files say. */
static void end_in_vain(Reload *reload, const char *text) {
        g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_AGAIN, text);

        end(reload, NULL, error);
}

static void reading_free(Reading *reading) {
        config_unref(reading->config);
        g_clear_error(&reading->error);
        g_free(reading->path);
        g_free(reading);
}

static void try_later(Reload *reload) {
        if (!reload->reading)
                loop_arm(reload->loop, &reload->quiet, loop_now_usec(reload->loop) + PATIENCE_USEC,
                         it_is_quiet);
}

static void came_back(Reload *reload) {
        reload->n_given_up--;
        if (reload->missed && !reload->reading)
                begin(reload);
}

static void was_read(WorkerJob *job) {
        Reading *reading = CONTAINER_OF(job, Reading, job);

        if (reading->given_up)
                came_back(reading->reload);
        else
                end(reading->reload, reading->config, reading->error);
        /* which says nothing about the files */
        if (g_error_matches(reading->error, CONFIG_ERROR, CONFIG_ERROR_SHORTAGE))
                try_later(reading->reload);
        reading_free(reading);
}

static void give_up(LoopTimer *timer) {
        Reload *reload = CONTAINER_OF(timer, Reload, patience);

        reload->reading->given_up = true;
        reload->n_given_up++;
        reload->missed = true;
        end_in_vain(reload, "it could not be read in time; perhaps the system does not say who its "
                            "users are");
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

static bool start_reading(Reload *reload) {
        Reading *reading;

        if (reload->n_given_up >= MAX_GIVEN_UP)
                return false;
        reading = g_new0(Reading, 1);
        reading->job = (WorkerJob){ .work = read_config, .done = was_read };
        reading->reload = reload;
        reading->path = g_strdup(reload->path);
        if (!workers_start(reload->workers, &reading->job)) {
                reading_free(reading);
                return false;
        }
        reload->reading = reading;
        loop_arm(reload->loop, &reload->patience, loop_now_usec(reload->loop) + PATIENCE_USEC,
                 give_up);
        return true;
}

static void begin(Reload *reload) {
        GArray *now = reload->now;

        reload->wants_another = false;
        reload->now = reload->next;
        reload->next = now;
        /* what has changed until now will be read */
        drain(reload, NULL);
        loop_disarm(&reload->quiet);
        notify_reloading();
        reload->missed = !start_reading(reload);
        if (!reload->missed)
                return;
        end_in_vain(reload, "too much is waiting for the system already");
        /* nobody comes back who could remind us */
        if (reload->n_given_up == 0)
                try_later(reload);
}

void reload_request(Reload *reload, const CallRef *call) {
        if (call)
                g_array_append_vals(reload->next, call, 1);
        if (reload->reading)
                reload->wants_another = true;
        else
                begin(reload);
}

static void it_is_quiet(LoopTimer *timer) {
        reload_request(CONTAINER_OF(timer, Reload, quiet), NULL);
}

/* --- watching --- */

static bool is_in(const GPtrArray *texts, const char *text) {
        for (guint i = 0; i < texts->len; i++)
                if (strcmp(texts->pdata[i], text) == 0)
                        return true;
        return false;
}

static bool is_ours_in(const Reload *reload, const char *folder, const char *name) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (is_in(reload->watched->files, path))
                return true;
        return is_in(reload->watched->config_dirs, folder) &&
               (g_str_has_suffix(path, ".conf") || g_str_has_suffix(path, ".rules"));
}

static bool is_ours(const Reload *reload, const struct inotify_event *event) {
        GHashTableIter at;
        void *folder, *watch;

        /* what was lost may have been anything */
        if (event->mask & IN_Q_OVERFLOW)
                return true;
        g_hash_table_iter_init(&at, reload->folders);
        while (g_hash_table_iter_next(&at, &folder, &watch)) {
                if (GPOINTER_TO_INT(watch) != event->wd)
                        continue;
                if (event->mask & FOLDER_IS_GONE)
                        return true;
                if (event->len > 0 && is_ours_in(reload, folder, event->name))
                        return true;
        }
        return false;
}

static void has_changed(Reload *reload, const struct inotify_event *event) {
        uint64_t now = loop_now_usec(reload->loop);

        if (!is_ours(reload, event))
                return;
        if (!list_is_linked(&reload->quiet.node))
                reload->restless_since = now;
        loop_arm(reload->loop, &reload->quiet,
                 MIN(now + QUIET_USEC, reload->restless_since + UNREST_USEC), it_is_quiet);
}

static void inotify_ready(LoopSource *source, G_GNUC_UNUSED uint32_t events) {
        drain(CONTAINER_OF(source, Reload, source), has_changed);
}

static void watch_folder(Reload *reload, GHashTable *folders, const char *path) {
        int watch = inotify_add_watch(reload->inotify_fd, path, WATCHED);

        if (watch >= 0)
                g_hash_table_insert(folders, g_strdup(path), GINT_TO_POINTER(watch));
}

static gboolean is_watch_of(void *path G_GNUC_UNUSED, void *one, void *other) {
        return one == other;
}

/* The watch of a folder that is left out may be that of one which stays. */
static void forget_folders(Reload *reload, GHashTable *but) {
        GHashTableIter at;
        void *watch;

        g_hash_table_iter_init(&at, reload->folders);
        while (g_hash_table_iter_next(&at, NULL, &watch))
                if (!g_hash_table_find(but, is_watch_of, watch))
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
