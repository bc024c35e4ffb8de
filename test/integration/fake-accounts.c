/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a bus, this is its system's database of users and groups. It is the file that FAKE_ACCOUNTS
 * names, one account a line, read at every question:
 *
 *      user NAME ID        group NAME ID
 *      hang NAME           whoever asks for it waits until this line is gone
 *      fail NAME ERRNO     whoever asks for it gets this error
 *      wide NAME BYTES     whoever asks for it has to bring a buffer that large
 *
 * Each question adds a line with the name to the file of this name with .asked behind it. As some of the libraries that
 * ask, this one has a lock and takes it when the process exits.
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Return: whether the file has the line; *ret_id is the number in it. */
static int find(const char *kind, const char *name, unsigned *ret_id) {
        const char *path = getenv("FAKE_ACCOUNTS");
        FILE *file = path ? fopen(path, "re") : NULL;
        char word[32], text[128];
        int found = 0;

        if (!file)
                return 0;
        while (!found && fscanf(file, "%31s %127s %u", word, text, ret_id) >= 2)
                found = strcmp(word, kind) == 0 && strcmp(text, name) == 0;
        fclose(file);
        return found;
}

static pthread_mutex_t hanging = PTHREAD_MUTEX_INITIALIZER; /* held by who waits */

static void wait_for(const char *name) {
        unsigned unused = 0;

        if (!find("hang", name, &unused))
                return;
        pthread_mutex_lock(&hanging);
        while (find("hang", name, &unused))
                usleep(20000);
        pthread_mutex_unlock(&hanging);
}

static void write_down(const char *name) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof path, "%s.asked", getenv("FAKE_ACCOUNTS"));
        file = fopen(path, "ae");
        if (!file)
                return;
        fprintf(file, "%s\n", name);
        fclose(file);
}

/* Return: 0 when there is such an account, or an errno. */
static int ask(const char *kind, const char *name, size_t n_buffer, unsigned *ret_id) {
        unsigned value = 0;

        write_down(name);
        wait_for(name);
        if (find("fail", name, &value))
                return (int)value;
        if (find("wide", name, &value) && n_buffer < value)
                return ERANGE;
        return find(kind, name, ret_id) ? 0 : ENOENT;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t n_buffer, struct passwd **ret_found) {
        unsigned id = 0;
        int code = ask("user", name, n_buffer, &id);

        (void)buffer;
        *ret_found = NULL;
        if (code != 0)
                return code;
        memset(entry, 0, sizeof *entry);
        entry->pw_uid = id;
        *ret_found = entry;
        return 0;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t n_buffer, struct group **ret_found) {
        unsigned id = 0;
        int code = ask("group", name, n_buffer, &id);

        (void)buffer;
        *ret_found = NULL;
        if (code != 0)
                return code;
        memset(entry, 0, sizeof *entry);
        entry->gr_gid = id;
        *ret_found = entry;
        return 0;
}

__attribute__((destructor)) static void clean_up(void) {
        pthread_mutex_lock(&hanging);
        pthread_mutex_unlock(&hanging);
}
