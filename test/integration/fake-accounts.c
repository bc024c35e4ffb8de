/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a bus, or as the module "fake" of nsswitch.conf(5), this is its system's database of users and groups.
 * It is the file that FAKE_ACCOUNTS names, one account a line, read at every question:
 *
 *      user NAME ID        group NAME ID
 *      hang NAME           whoever asks for it waits until this line is gone
 *      fail NAME ERRNO     whoever asks for it gets this error
 *      wide NAME BYTES     whoever asks for it has to bring a buffer that large
 *
 * The clock that does not jump is ahead by the seconds that the file of this name with .clock behind it has, if it is
 * there.
 *
 * Each question adds a line with the name to the file of this name with .asked behind it. As some of the libraries that
 * ask, this one has a lock and takes it when the process exits.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
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

static FILE *open_beside(const char *suffix, const char *mode) {
        char path[4096];

        snprintf(path, sizeof path, "%s%s", getenv("FAKE_ACCOUNTS"), suffix);
        return fopen(path, mode);
}

int clock_gettime(clockid_t clock, struct timespec *ret_now) {
        int result = (int)syscall(SYS_clock_gettime, clock, ret_now), code = errno;
        FILE *file = clock == CLOCK_MONOTONIC ? open_beside(".clock", "re") : NULL;
        long seconds = 0;

        if (file && fscanf(file, "%ld", &seconds) == 1)
                ret_now->tv_sec += seconds;
        if (file)
                fclose(file);
        errno = code;
        return result;
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
        FILE *file = open_beside(".asked", "ae");

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

static int find_user(const char *name, size_t n_buffer, struct passwd *entry) {
        memset(entry, 0, sizeof *entry);
        return ask("user", name, n_buffer, &entry->pw_uid);
}

static int find_group(const char *name, size_t n_buffer, struct group *entry) {
        memset(entry, 0, sizeof *entry);
        return ask("group", name, n_buffer, &entry->gr_gid);
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t n_buffer, struct passwd **ret_found) {
        int code = find_user(name, n_buffer, entry);

        (void)buffer;
        *ret_found = code == 0 ? entry : NULL;
        return code;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t n_buffer, struct group **ret_found) {
        int code = find_group(name, n_buffer, entry);

        (void)buffer;
        *ret_found = code == 0 ? entry : NULL;
        return code;
}

static enum nss_status to_status(int code, int *ret_errno) {
        *ret_errno = code;
        if (code == 0)
                return NSS_STATUS_SUCCESS;
        if (code == ENOENT)
                return NSS_STATUS_NOTFOUND;
        return code == ERANGE || code == EAGAIN ? NSS_STATUS_TRYAGAIN : NSS_STATUS_UNAVAIL;
}

enum nss_status _nss_fake_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t n_buffer,
                                     int *ret_errno) {
        (void)buffer;
        return to_status(find_user(name, n_buffer, entry), ret_errno);
}

enum nss_status _nss_fake_getgrnam_r(const char *name, struct group *entry, char *buffer, size_t n_buffer,
                                     int *ret_errno) {
        (void)buffer;
        return to_status(find_group(name, n_buffer, entry), ret_errno);
}

__attribute__((destructor)) static void clean_up(void) {
        pthread_mutex_lock(&hanging);
        pthread_mutex_unlock(&hanging);
}
