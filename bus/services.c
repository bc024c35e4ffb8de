/* SPDX-License-Identifier: MIT */
/*
 * The folders of .service files. Two things tell that something changed: inotify, for files that
 * are written anew, and the times of the folders, for those that cannot be watched or were not
 * there before. Reading is put off a little after a change, because packages come with many files,
 * unless somebody asks for a name meanwhile.
 *
 * While descriptors or memory are out, what was read before goes on to hold, and reading is tried
 * again after a while.
 */
#include "bus/services.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_USEC 50000
#define RETRY_USEC 1000000
#define WATCHED                                                                                    \
        (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |   \
         IN_MOVE_SELF | IN_ONLYDIR)

typedef struct Folder {
        char *path; /* owned */
        ServiceDirFlags flags;
        int watch;               /* -1: none */
        struct timespec changed; /* zero: not there */
} Folder;

struct Services {
        Loop *loop; /* borrowed */
        void (*changed)(void *user);
        void *user;
        GArray *folders;   /* owned; Folder */
        GHashTable *files; /* owned; name, borrowed from it, to ServiceFile */
        int inotify_fd;    /* owned; -1: the kernel gave none */
        LoopSource source;
        LoopTimer timer;
        LoopWork tell;       /* due when the one who made this is to be told */
        uint64_t generation; /* how often files were other ones */
        GHashTable *news;    /* owned; name to whether it was there before, see ServiceNews */
        bool is_short;       /* descriptors or memory were out at the last reading */
        bool dirty;          /* inotify has said something since the last reading */
};

static void clear_folder(void *data) {
        Folder *folder = data;

        g_free(folder->path);
}

static void free_file(void *file) {
        service_file_free(file);
}

static GHashTable *new_table(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_file);
}

/* --- reading --- */

static struct timespec folder_time(const Folder *folder) {
        struct stat info;

        if (stat(folder->path, &info) < 0)
                return (struct timespec){ 0 };
        return info.st_mtim;
}

/* Return: false when it cannot be known what there is. */
static bool add_file(GHashTable *files, const Folder *folder, const char *file_name) {
        g_autofree char *path = g_build_filename(folder->path, file_name, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(ServiceFile) file = service_file_load(path, folder->flags, &error);

        if (!file) {
                if (error->code == SERVICE_FILE_ERROR_SHORTAGE)
                        return false;
                log_message(LOG_LEVEL_WARNING, "Service file is not used: %s", error->message);
                return true;
        }
        if (g_hash_table_contains(files, file->name))
                return true;
        char *name = file->name;

        g_hash_table_insert(files, name, g_steal_pointer(&file));
        return true;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_shortage(int error) {
        return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/*
 * In order of their names, so that of two files for one name the same one wins each time.
 *
 * Return: false when it cannot be known what there is.
 */
static bool add_folder(GHashTable *files, Folder *folder) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        DIR *directory;
        struct dirent *entry;

        folder->changed = folder_time(folder);
        directory = opendir(folder->path);
        if (!directory)
                return !is_shortage(errno);
        while ((entry = readdir(directory)))
                if (service_file_is_candidate(entry->d_name))
                        g_ptr_array_add(names, g_strdup(entry->d_name));
        closedir(directory);
        g_ptr_array_sort(names, compare_names);
        for (unsigned i = 0; i < names->len; i++)
                if (!add_file(files, folder, names->pdata[i]))
                        return false;
        return true;
}

static bool tables_equal(GHashTable *a, GHashTable *b) {
        GHashTableIter iter;
        void *name, *file;

        if (g_hash_table_size(a) != g_hash_table_size(b))
                return false;
        g_hash_table_iter_init(&iter, a);
        while (g_hash_table_iter_next(&iter, &name, &file)) {
                const ServiceFile *other = g_hash_table_lookup(b, name);

                if (!other || !service_file_equal(file, other))
                        return false;
        }
        return true;
}

/* What it was before the first of several changes counts. */
static void note_one(Services *services, const char *name, bool before) {
        if (!g_hash_table_contains(services->news, name))
                g_hash_table_insert(services->news, g_strdup(name), GINT_TO_POINTER(before));
}

static void note_news(Services *services, GHashTable *before, GHashTable *now) {
        GHashTableIter iter;
        void *name, *value;

        g_hash_table_iter_init(&iter, before);
        while (g_hash_table_iter_next(&iter, &name, &value)) {
                const ServiceFile *old = value, *new = g_hash_table_lookup(now, name);

                if (!new || g_strcmp0(old->containers_allow, new->containers_allow) != 0)
                        note_one(services, name, true);
        }
        g_hash_table_iter_init(&iter, now);
        while (g_hash_table_iter_next(&iter, &name, NULL))
                if (!g_hash_table_contains(before, name))
                        note_one(services, name, false);
}

static void watch_folder(Services *services, Folder *folder) {
        folder->watch = -1;
        if (services->inotify_fd >= 0 && !(folder->flags & SERVICE_DIR_NO_WATCH))
                folder->watch = inotify_add_watch(services->inotify_fd, folder->path, WATCHED);
}

static void settled(LoopTimer *timer);

/* Said once, as it is tried again whenever somebody asks for a name that is not known. */
static void try_again_later(Services *services) {
        if (!services->is_short)
                log_message(LOG_LEVEL_WARNING, "Services stay as they were: the folders of service "
                                               "files cannot be read now");
        services->is_short = services->dirty = true;
        loop_arm(services->loop, &services->timer, loop_now_usec(services->loop) + RETRY_USEC,
                 settled);
}

/* Return: whether anything is different now. */
static bool read_all(Services *services) {
        g_autoptr(GHashTable) files = new_table();

        loop_disarm(&services->timer);
        services->dirty = false;
        for (unsigned i = 0; i < services->folders->len; i++) {
                Folder *folder = &g_array_index(services->folders, Folder, i);

                /*
                 * again, since the folder may be a new one; before reading, so that nothing falls
                 * between
                 */
                watch_folder(services, folder);
                if (!add_folder(files, folder)) {
                        try_again_later(services);
                        return false;
                }
        }
        services->is_short = false;
        if (tables_equal(services->files, files))
                return false;
        note_news(services, services->files, files);
        g_hash_table_unref(services->files);
        services->files = g_steal_pointer(&files);
        services->generation++;
        return true;
}

/* --- changes --- */

static void tell(LoopWork *work) {
        Services *services = CONTAINER_OF(work, Services, tell);

        services->changed(services->user);
}

/* Told at the end of the turn: who asks for a name may be in the midst of something. */
static void read_and_tell(Services *services) {
        if (read_all(services))
                loop_defer(services->loop, &services->tell, tell);
}

static void settled(LoopTimer *timer) {
        read_and_tell(CONTAINER_OF(timer, Services, timer));
}

static void drain(Services *services) {
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

        while (services->inotify_fd >= 0 && read(services->inotify_fd, buffer, sizeof buffer) > 0)
                services->dirty = true;
}

static void inotify_ready(LoopSource *source, uint32_t events G_GNUC_UNUSED) {
        Services *services = CONTAINER_OF(source, Services, source);

        drain(services);
        if (services->dirty && !list_is_linked(&services->timer.node))
                loop_arm(services->loop, &services->timer,
                         loop_now_usec(services->loop) + SETTLE_USEC, settled);
}

static bool folders_changed(const Services *services) {
        for (unsigned i = 0; i < services->folders->len; i++) {
                const Folder *folder = &g_array_index(services->folders, Folder, i);
                struct timespec now = folder_time(folder);

                if (now.tv_sec != folder->changed.tv_sec || now.tv_nsec != folder->changed.tv_nsec)
                        return true;
        }
        return false;
}

void services_refresh(Services *services) {
        drain(services);
        if (services->dirty || folders_changed(services))
                read_and_tell(services);
}

/* --- made and asked --- */

Services *services_new(Loop *loop, void (*changed)(void *user), void *user) {
        Services *services = g_new0(Services, 1);

        services->loop = loop;
        services->changed = changed;
        services->user = user;
        services->files = new_table();
        services->news = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        services->folders = g_array_new(FALSE, TRUE, sizeof(Folder));
        g_array_set_clear_func(services->folders, clear_folder);
        services->source.fd = -1;
        services->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (services->inotify_fd >= 0 &&
            loop_add(loop, &services->source, services->inotify_fd, EPOLLIN, inotify_ready) < 0) {
                close(services->inotify_fd);
                services->inotify_fd = -1;
        }
        return services;
}

void services_free(Services *services) {
        if (!services)
                return;
        loop_disarm(&services->timer);
        loop_cancel(&services->tell);
        loop_remove(services->loop, &services->source);
        if (services->inotify_fd >= 0)
                close(services->inotify_fd);
        g_array_unref(services->folders);
        g_hash_table_unref(services->news);
        g_hash_table_unref(services->files);
        g_free(services);
}

/*
 * Programs put files into $XDG_RUNTIME_DIR/dbus-1/services without making the folder: they count on
 * the bus for that. Somebody else's runtime folder, as after su, is left alone.
 */
static void make_transient(const ServiceDir *dir) {
        g_autofree char *parent = g_path_get_dirname(dir->path);
        g_autofree char *runtime = g_path_get_dirname(parent);
        struct stat info;

        if (!(dir->flags & SERVICE_DIR_STRICT_NAMING))
                return;
        if (stat(runtime, &info) < 0 || info.st_uid != geteuid())
                return;
        if ((mkdir(parent, 0700) < 0 && errno != EEXIST) ||
            (mkdir(dir->path, 0700) < 0 && errno != EEXIST))
                log_message(LOG_LEVEL_WARNING, "Cannot make the folder %s: %s", dir->path,
                            g_strerror(errno));
}

void services_load(Services *services, const GPtrArray *dirs) {
        for (unsigned i = 0; i < services->folders->len; i++) {
                int watch = g_array_index(services->folders, Folder, i).watch;

                if (watch >= 0)
                        inotify_rm_watch(services->inotify_fd, watch);
        }
        drain(services);
        g_array_set_size(services->folders, 0);
        for (unsigned i = 0; i < dirs->len; i++) {
                const ServiceDir *dir = dirs->pdata[i];
                Folder folder = { .path = g_strdup(dir->path), .flags = dir->flags, .watch = -1 };

                make_transient(dir);
                g_array_append_val(services->folders, folder);
        }
        read_all(services);
}

const ServiceFile *services_find(Services *services, WireString name) {
        const ServiceFile *file = g_hash_table_lookup(services->files, name.data);

        if (file)
                return file;
        services_refresh(services);
        return g_hash_table_lookup(services->files, name.data);
}

uint64_t services_get_generation(const Services *services) {
        return services->generation;
}

void services_foreach(Services *services, void (*visit)(const ServiceFile *file, void *user),
                      void *user) {
        GHashTableIter iter;
        void *file;

        services_refresh(services);
        g_hash_table_iter_init(&iter, services->files);
        while (g_hash_table_iter_next(&iter, NULL, &file))
                visit(file, user);
}

void services_foreach_news(Services *services, void (*visit)(const ServiceNews *news, void *user),
                           void *user) {
        GHashTableIter iter;
        void *name, *before;

        g_hash_table_iter_init(&iter, services->news);
        while (g_hash_table_iter_next(&iter, &name, &before)) {
                const ServiceNews news = { name, GPOINTER_TO_INT(before),
                                           g_hash_table_contains(services->files, name) };

                visit(&news, user);
        }
}

void services_forget_news(Services *services) {
        g_hash_table_remove_all(services->news);
}
