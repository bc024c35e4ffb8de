/* SPDX-License-Identifier: MIT */
/*
 * A system that answers when the test says so, and a clock that the test can put forward. Linked
 * into a test, these functions are found before those of the C library. To be included by one file.
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What is said to who asks from now on; all of it under the lock. */
typedef struct SlowSystem {
        pthread_mutex_t lock; /* zero is right, as for all that is static */
        pthread_cond_t changed;
        unsigned n_asked;
        uint64_t released;   /* questions whose answer may go, one bit each */
        bool is_closed;      /* who asks waits for his bit */
        int code;            /* an errno, or 0 */
        uid_t uid;           /* of every name; 0: there is none */
        uint64_t ahead_usec; /* the clock is */
} SlowSystem;

static SlowSystem slow_system;

int getpwnam_r(const char *name G_GNUC_UNUSED, struct passwd *entry, char *buffer G_GNUC_UNUSED,
               size_t n_buffer G_GNUC_UNUSED, struct passwd **ret_found) {
        unsigned number;
        uid_t uid;
        bool waits;
        int code;

        pthread_mutex_lock(&slow_system.lock);
        number = slow_system.n_asked++;
        uid = slow_system.uid;
        code = slow_system.code;
        waits = slow_system.is_closed;
        pthread_cond_broadcast(&slow_system.changed);
        while (waits && !(slow_system.released & (UINT64_C(1) << number)))
                pthread_cond_wait(&slow_system.changed, &slow_system.lock);
        pthread_mutex_unlock(&slow_system.lock);
        *entry = (struct passwd){ .pw_uid = uid };
        *ret_found = code == 0 && uid != 0 ? entry : NULL;
        return code;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now) {
        uint64_t ahead_usec = __atomic_load_n(&slow_system.ahead_usec, __ATOMIC_RELAXED);
        int r = (int)syscall(SYS_clock_gettime, clock, ret_now);

        ahead_usec += (uint64_t)ret_now->tv_nsec / 1000;
        ret_now->tv_sec += (time_t)(ahead_usec / 1000000);
        ret_now->tv_nsec = (long)(ahead_usec % 1000000) * 1000;
        return r;
}

static inline void slow_system_reset(void) {
        pthread_mutex_lock(&slow_system.lock);
        slow_system.n_asked = 0;
        slow_system.released = 0;
        slow_system.is_closed = false;
        slow_system.code = 0;
        slow_system.uid = 0;
        pthread_mutex_unlock(&slow_system.lock);
}

/* From the next question on. */
static inline void slow_system_say(int code, uid_t uid, bool is_closed) {
        pthread_mutex_lock(&slow_system.lock);
        slow_system.code = code;
        slow_system.uid = uid;
        slow_system.is_closed = is_closed;
        pthread_mutex_unlock(&slow_system.lock);
}

/*
 * The question of this number, the first one being 0, is answered with what was to be said when it
 * was asked.
 */
static inline void slow_system_release(unsigned number) {
        pthread_mutex_lock(&slow_system.lock);
        slow_system.released |= UINT64_C(1) << number;
        pthread_cond_broadcast(&slow_system.changed);
        pthread_mutex_unlock(&slow_system.lock);
}

static inline void slow_system_wait_asked(unsigned n_asked) {
        pthread_mutex_lock(&slow_system.lock);
        while (slow_system.n_asked < n_asked)
                pthread_cond_wait(&slow_system.changed, &slow_system.lock);
        pthread_mutex_unlock(&slow_system.lock);
}

static inline void slow_system_put_clock_forward(unsigned msec) {
        __atomic_fetch_add(&slow_system.ahead_usec, (uint64_t)msec * 1000, __ATOMIC_RELAXED);
}
