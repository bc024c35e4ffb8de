/* SPDX-License-Identifier: MIT */
/* Children of the bus: started and reaped without the loop ever waiting for them. */
#pragma once

#include "bus/loop.h"

#include <sys/resource.h>

typedef struct Spawn Spawn;     /* one child */
typedef struct Spawner Spawner; /* all children of one bus */

typedef enum SpawnEnd {
        SPAWN_EXITED,       /* code is the exit status */
        SPAWN_SIGNALED,     /* code is the signal */
        SPAWN_EXEC_FAILED,  /* code is an errno; the program never ran */
        SPAWN_SETUP_FAILED, /* code is an errno; what comes before the program went wrong */
} SpawnEnd;

typedef struct SpawnResult {
        SpawnEnd end;
        int code;
} SpawnResult;

/* Called once, from the loop; the Spawn is gone afterwards. */
typedef void (*SpawnEnded)(void *user, const SpawnResult *result);

typedef struct SpawnOptions {
        char **argv; /* argv[0] is executed as it is, PATH is not searched */
        char **environment;
        const struct rlimit *descriptor_limit; /* RLIMIT_NOFILE for it; NULL: that of the bus */
        int output_fd; /* its standard output and error; -1: those of the bus */
} SpawnOptions;

Spawner *spawner_new(Loop *loop);

/** spawner_free() - forgets all children; they go on, without the bus */
void spawner_free(Spawner *spawner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spawner, spawner_free)

/**
 * spawn_start() - starts a child
 * @options: borrowed for this call
 * @ended:   how it ended, when it does, also when the program could not be executed
 *
 * The child has /dev/null as standard input, no other descriptors, default signal dispositions, an
 * empty signal mask, and no protection from the kernel's memory killer that the bus may have. It
 * stays in the session and process group of the bus.
 *
 * Return: borrowed, until @ended is called; NULL with @error set when no process could be made.
 */
Spawn *spawn_start(Spawner *spawner, const SpawnOptions *options, SpawnEnded ended, void *user,
                   GError **error);

/**
 * spawn_forget() - nobody wants to know any more how it ends; it goes on and is reaped. NULL is
 * fine
 */
void spawn_forget(Spawn *spawn);

/** spawn_kill() - SIGKILL, and spawn_forget(). NULL is fine */
void spawn_kill(Spawn *spawn);
