/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a bus, this is its system's database of users and groups. It is the file that FAKE_ACCOUNTS
 * names, one account a line, read at every question:
 *
 *      user NAME ID        group NAME ID
 *      hang NAME           whoever asks for it waits until this line is gone
 */
#include <errno.h>
#include <grp.h>
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

static void wait_for(const char *name) {
        unsigned unused = 0;

        while (find("hang", name, &unused))
                usleep(20000);
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t n_buffer, struct passwd **ret_found) {
        unsigned id = 0;

        (void)buffer;
        (void)n_buffer;
        *ret_found = NULL;
        wait_for(name);
        if (!find("user", name, &id))
                return ENOENT;
        memset(entry, 0, sizeof *entry);
        entry->pw_uid = id;
        *ret_found = entry;
        return 0;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t n_buffer, struct group **ret_found) {
        unsigned id = 0;

        (void)buffer;
        (void)n_buffer;
        *ret_found = NULL;
        wait_for(name);
        if (!find("group", name, &id))
                return ENOENT;
        memset(entry, 0, sizeof *entry);
        entry->gr_gid = id;
        *ret_found = entry;
        return 0;
}
