/* SPDX-License-Identifier: MIT */
/*
 * dbench - the client side of the benchmark: one measure a run, one line of
 * JSON on stdout.  The driver (./run) starts the buses and calls this.
 *
 *   dbench pingpong   latency of a call and its reply, one outstanding
 *   dbench pipeline   calls with a window of outstanding ones
 *   dbench flood      calls that want no reply
 *   dbench multi      many clients of one service, each with one call outstanding
 *   dbench signals    one sender, N subscribers, M match rules of others
 *   dbench connect    connect, authenticate, Hello, disconnect
 *   dbench names      RequestName and ReleaseName, with W watchers of others
 *   dbench memory     the broker's memory for N connections and M rules
 *   dbench startup    from exec to the first Hello:  startup [...] -- COMMAND...
 */
#include "bus.h"
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NAME "org.bench.Echo"
#define SINK "org.bench.Sink"
#define IFACE "org.bench.Sig"
#define PATH "/org/bench"

static const char *addr_client, *addr_service;
static int raw, auth, noise, cpu = -1, window = 64, subs = 1, rules, watchers, conns = 1000, repeat = 10;
static int rules_per_conn = 100, batch, clients = 16, kind = -1;
static size_t size;
static uint64_t time_ns = 250000000;
static long max_count;
static int pids[16], n_pids;
static pid_t kids[8];
static int n_kids;

/* what the processes of a benchmark share */
static struct { volatile uint64_t sunk, lost; } *shared;

/* ---- the cost to the broker ------------------------------------------- */

typedef struct { uint64_t run_ns, utime, stime, switches; } Cost;

static void cost_now(Cost *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < n_pids; i++) {
        char path[300], buf[1024];
        snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
        DIR *d = opendir(path);
        if (!d)
            die("the broker (process %d) is gone", pids[i]);
        for (struct dirent *e; (e = readdir(d));) {
            unsigned long long a;
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pids[i], e->d_name);
            FILE *f = fopen(path, "r");
            if (f) {
                if (fscanf(f, "%llu", &a) == 1)
                    c->run_ns += a;
                fclose(f);
            }
            snprintf(path, sizeof path, "/proc/%d/task/%s/status", pids[i], e->d_name);
            f = fopen(path, "r");
            if (f) {
                while (fgets(buf, sizeof buf, f))
                    if (sscanf(buf, "voluntary_ctxt_switches: %llu", &a) == 1
                        || sscanf(buf, "nonvoluntary_ctxt_switches: %llu", &a) == 1)
                        c->switches += a;
                fclose(f);
            }
        }
        closedir(d);
        snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
        FILE *f = fopen(path, "r");
        if (f) {
            unsigned long ut, st;
            char *p = fgets(buf, sizeof buf, f) ? strrchr(buf, ')') : NULL;
            if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &st) == 2) {
                c->utime += ut;
                c->stime += st;
            }
            fclose(f);
        }
    }
}

static void cost_print(const Cost *a, const Cost *b, double n)
{
    double u = (double)(b->utime - a->utime), s = (double)(b->stime - a->stime);
    printf(", \"cpu_us\": %.4f, \"switches\": %.4f, \"user_share\": %.3f",
           (double)(b->run_ns - a->run_ns) / 1000 / n, (double)(b->switches - a->switches) / n,
           u + s > 0 ? u / (u + s) : 0);
}

/* ---- connections ------------------------------------------------------ */

static void open_as(Conn *c, const char *addr, char role)
{
    if (!raw) {
        conn_open(c, addr, auth);
        return;
    }
    char k;
    memset(c, 0, sizeof *c);
    c->fd = addr_connect(addr);
    write_all(c->fd, &role, 1);
    if (recv(c->fd, &k, 1, MSG_WAITALL) != 1 || k != 'k')
        die("the relay did not answer");
}

static void request_name(Conn *c, const char *name)
{
    uint32_t flags = 4;
    Msg m;
    if (raw)
        return;
    uint32_t r = conn_drv(c, &m, "RequestName", name, &flags);
    if (r != 1)
        die("RequestName %s: %u", name, r);
}

static void add_match(Conn *c, const char *rule)
{
    Msg m;
    if (!raw)
        conn_drv(c, &m, "AddMatch", rule, NULL);
}

/* many calls at once: AddMatch of every rule, then their replies */
static void add_matches(Conn *c, char (*rule)[256], int n)
{
    Buf b = { 0 };
    uint32_t last = 0;
    Msg m;
    for (int i = 0; i < n; i++) {
        last = put_drv(&b, c, "AddMatch", rule[i], NULL);
        if (b.len > 32768 || i == n - 1) {
            write_all(c->fd, b.b, b.len);
            b.len = 0;
            conn_reply(c, last, &m, "AddMatch");
        }
    }
    free(b.b);
}

static void ready_wait(int fd)
{
    char k;
    if (read(fd, &k, 1) != 1)
        die("a helper process failed");
}

static pid_t spawn(void)
{
    fflush(NULL);
    pid_t me = getpid(), p = fork();
    if (p < 0)
        die("fork: %s", strerror(errno));
    if (p == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != me)
            _exit(1);
        n_kids = 0;
        return 0;
    }
    kids[n_kids++] = p;
    return p;
}
static void kids_end(void)
{
    for (int i = 0; i < n_kids; i++) {
        kill(kids[i], SIGKILL);
        waitpid(kids[i], NULL, 0);
    }
    n_kids = 0;
}

/* ---- the service: echoes calls, counts those that want no reply -------- */

static void service_loop(Conn *c)
{
    Buf out = { 0 }, tmpl = { 0 };
    uint8_t *seen = NULL;
    size_t seen_len = 0, reply_off = 0;
    Msg m;
    for (;;) {
        while (conn_peek(c, &m)) {
            if (m.type != T_CALL)
                continue;
            if (m.flags & F_NO_REPLY) {
                shared->sunk++;
                continue;
            }
            if (seen_len != m.hdr || memcmp(seen + 12, m.p + 12, m.hdr - 12)) {
                const uint8_t *from = msg_field(&m, H_SENDER), *sig = msg_field(&m, H_SIG);
                Head h = { .type = T_RETURN, .flags = F_NO_REPLY, .reply_serial = 1,
                           .dest = (const char *)from, .sig = (const char *)sig };
                tmpl.len = 0;
                put_head(&tmpl, &h, 1, 0, &reply_off);
                seen = realloc(seen, m.hdr);
                memcpy(seen, m.p, m.hdr);
                seen_len = m.hdr;
            }
            set_u32(tmpl.b + 4, m.body_len);
            set_u32(tmpl.b + 8, ++c->serial);
            set_u32(tmpl.b + reply_off, m.serial);
            put(&out, tmpl.b, tmpl.len);
            if (m.body_len < 16384) {
                put(&out, m.p + m.hdr, m.body_len);
                continue;
            }
            struct iovec iov[2] = { { out.b, out.len }, { m.p + m.hdr, m.body_len } };
            struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
            ssize_t w = sendmsg(c->fd, &mh, MSG_NOSIGNAL);
            if (w < 0)
                die("service: sendmsg: %s", strerror(errno));
            if ((size_t)w < out.len)
                die("service: a short write");
            w -= (ssize_t)out.len;
            write_all(c->fd, m.p + m.hdr + w, m.body_len - (size_t)w);
            out.len = 0;
        }
        if (out.len) {
            write_all(c->fd, out.b, out.len);
            out.len = 0;
        }
        if (conn_fill(c) <= 0)
            return;
    }
}

static void service_start(const char *name)
{
    int pfd[2];
    if (pipe(pfd) < 0)
        die("pipe: %s", strerror(errno));
    if (!spawn()) {
        Conn c;
        close(pfd[0]);
        open_as(&c, addr_service, 'P');
        request_name(&c, name);
        if (write(pfd[1], "k", 1) != 1)
            _exit(1);
        service_loop(&c);
        _exit(0);
    }
    close(pfd[1]);
    ready_wait(pfd[0]);
    close(pfd[0]);
}

/* a call of the service with the payload asked for */
static size_t put_call_to(Buf *b, const char *dest, int flags, size_t size)
{
    size_t at = b->len;
    Head h = { .type = T_CALL, .flags = flags, .path = PATH, .iface = NAME, .member = "Echo",
               .dest = dest, .sig = size ? "ay" : NULL };
    put_head(b, &h, 1, size ? (uint32_t)size + 4 : 0, NULL);
    if (size) {
        put_u32(b, (uint32_t)size);
        buf_need(b, size);
        memset(b->b + b->len, 'x', size);
        b->len += size;
    }
    return b->len - at;
}
static size_t put_call(Buf *b, int flags)
{
    return put_call_to(b, NAME, flags, size);
}

static int cmp_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* another client and another service, between which there is always traffic */
static void noise_start(void)
{
    service_start(SINK);
    if (!spawn()) {
        Conn c;
        Buf batch = { 0 };
        Msg m;
        open_as(&c, addr_client, 'P');
        size_t one = 0;
        for (int i = 0; i < 16; i++)
            one = put_call_to(&batch, SINK, i < 15 ? F_NO_REPLY : 0, 256);
        for (;;) {
            for (int i = 0; i < 16; i++)
                set_u32(batch.b + (size_t)i * one + 8, ++c.serial);
            write_all(c.fd, batch.b, batch.len);
            /* of its replies, one a batch, up to 32 are outstanding */
            if (c.serial > 512)
                do
                    if (!conn_next(&c, &m))
                        _exit(1);
                while (m.type != T_RETURN);
        }
    }
}

static void pingpong_once(Conn *c, Buf *call)
{
    Msg m;
    set_u32(call->b + 8, ++c->serial);
    write_all(c->fd, call->b, call->len);
    do {
        if (!conn_next(c, &m))
            die("the bus closed the connection");
        if (m.type == T_ERROR)
            msg_die(&m, "Echo");
    } while (m.type != T_RETURN);
    if (m.body_len != (size ? size + 4 : 0))
        die("a reply of the wrong size");
}

static void do_pingpong(void)
{
    static uint32_t lat[1 << 20];
    Conn c;
    Buf call = { 0 };
    Cost a, b;
    service_start(NAME);
    open_as(&c, addr_client, 'P');
    if (noise)
        noise_start();
    put_call(&call, 0);
    size_t n = 0, warm = 0;
    for (uint64_t t = now_ns(); now_ns() - t < time_ns / 5; warm++)
        pingpong_once(&c, &call);
    long limit = max_count ? max_count : (long)(sizeof lat / sizeof *lat);
    cost_now(&a);
    uint64_t start = now_ns(), t = start, u;
    do {
        pingpong_once(&c, &call);
        u = now_ns();
        lat[n++] = (uint32_t)(u - t);
        t = u;
    } while (u - start < time_ns && (long)n < limit);
    cost_now(&b);
    qsort(lat, n, sizeof *lat, cmp_u32);
    printf("{\"n\": %zu, \"total\": %zu, \"p50_us\": %.3f, \"p99_us\": %.3f, \"mean_us\": %.3f, \"per_s\": %.1f", n, n + warm,
           lat[n / 2] / 1e3, lat[n * 99 / 100] / 1e3, (double)(u - start) / (double)n / 1e3,
           (double)n * 1e9 / (double)(u - start));
    cost_print(&a, &b, (double)n);
    printf("}\n");
}

static void do_pipeline(void)
{
    Conn c;
    Buf call = { 0 };
    Cost a, b;
    Msg m;
    service_start(NAME);
    open_as(&c, addr_client, 'P');
    size_t one = put_call(&call, 0);
    for (int i = 1; i < window; i++)
        put_call(&call, 0);
    for (int i = 0; i < 50; i++) {
        Buf first = { call.b, one, one };
        pingpong_once(&c, &first);
    }
    uint64_t sent = 0, got = 0, from = 0, start = now_ns(), now = start, warm = time_ns / 5;
    int to_send = window, warming = 1;
    cost_now(&a);
    for (;;) {
        if (to_send) {
            for (int i = 0; i < to_send; i++)
                set_u32(call.b + (size_t)i * one + 8, ++c.serial);
            write_all(c.fd, call.b, (size_t)to_send * one);
            sent += (uint64_t)to_send;
            to_send = 0;
        }
        if (got == sent)
            break;
        if (conn_fill(&c) <= 0)
            die("the bus closed the connection");
        int k = 0;
        while (conn_peek(&c, &m)) {
            if (m.type == T_ERROR)
                msg_die(&m, "Echo");
            k += m.type == T_RETURN;
        }
        got += (uint64_t)k;
        now = now_ns();
        if (warming && now - start > warm) {
            warming = 0;
            cost_now(&a);
            now = start = now_ns();
            from = got;
        }
        if (warming || now - start < time_ns)
            to_send = k;
    }
    cost_now(&b);
    double n = (double)(got - from);
    printf("{\"n\": %.0f, \"calls_per_s\": %.1f, \"msgs_per_s\": %.1f", n, n * 1e9 / (double)(now - start),
           2 * n * 1e9 / (double)(now - start));
    cost_print(&a, &b, 2 * n);
    printf("}\n");
}

static void do_flood(void)
{
    Conn c;
    Buf batch = { 0 }, sync = { 0 };
    Cost a, b;
    service_start(NAME);
    open_as(&c, addr_client, 'P');
    int k = size >= 16384 ? 1 : 16;
    size_t one = put_call(&batch, F_NO_REPLY);
    for (int i = 1; i < k; i++)
        put_call(&batch, F_NO_REPLY);
    put_call(&sync, 0);
    for (int i = 0; i < 50; i++)
        pingpong_once(&c, &sync);
    cost_now(&a);
    uint64_t start = now_ns(), now = start, sent = 0;
    /* a sync every 8192 calls bounds what a broker may have to queue */
    do {
        for (int j = 0; j < 8192 / k && now - start < time_ns; j++) {
            for (int i = 0; i < k; i++)
                set_u32(batch.b + (size_t)i * one + 8, ++c.serial);
            write_all(c.fd, batch.b, batch.len);
            sent += (uint64_t)k;
            now = now_ns();
        }
        pingpong_once(&c, &sync);
        now = now_ns();
    } while (now - start < time_ns);
    cost_now(&b);
    if (shared->sunk != sent)
        die("flood: %llu calls sent, %llu arrived", (unsigned long long)sent, (unsigned long long)shared->sunk);
    printf("{\"n\": %llu, \"msgs_per_s\": %.1f", (unsigned long long)sent, (double)sent * 1e9 / (double)(now - start));
    cost_print(&a, &b, (double)sent);
    printf("}\n");
}

static void do_multi(void)
{
    Conn *c = calloc((size_t)clients, sizeof *c);
    Buf call = { 0 };
    Cost a, b;
    Msg m;
    int ep = epoll_create1(EPOLL_CLOEXEC), busy = 0;
    service_start(NAME);
    put_call(&call, 0);
    for (int i = 0; i < clients; i++) {
        struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
        open_as(&c[i], addr_client, 'P');
        pingpong_once(&c[i], &call);
        epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &ev);
    }
    for (; busy < clients; busy++) {
        set_u32(call.b + 8, ++c[busy].serial);
        write_all(c[busy].fd, call.b, call.len);
    }
    uint64_t n = 0, start = now_ns(), now = start, warm = time_ns / 5;
    int warming = 1;
    cost_now(&a);
    while (busy) {
        struct epoll_event evs[64];
        int k = epoll_wait(ep, evs, 64, -1);
        for (int i = 0; i < k; i++) {
            Conn *x = &c[evs[i].data.u32];
            if (conn_fill(x) <= 0)
                die("the bus closed the connection");
            while (conn_peek(x, &m)) {
                if (m.type == T_ERROR)
                    msg_die(&m, "Echo");
                if (m.type != T_RETURN)
                    continue;
                n++;
                busy--;
                if (!warming && now - start >= time_ns)
                    continue;
                busy++;
                set_u32(call.b + 8, ++x->serial);
                write_all(x->fd, call.b, call.len);
            }
        }
        now = now_ns();
        if (warming && now - start > warm) {
            warming = 0;
            n = 0;
            cost_now(&a);
            now = start = now_ns();
        }
    }
    cost_now(&b);
    printf("{\"n\": %llu, \"msgs_per_s\": %.1f", (unsigned long long)n, 2 * (double)n * 1e9 / (double)(now - start));
    cost_print(&a, &b, 2 * (double)n);
    printf("}\n");
}

/* ---- signals ---------------------------------------------------------- */

/* a rule of others that the signals sent here do not match; of --kind, or else all five in turn */
static void other_rule(char *r, int i)
{
    switch (kind >= 0 ? kind : i % 5) {
    case 0: snprintf(r, 256, "type='signal',interface='" IFACE "',member='Tick',arg0='other.n%d'", i); break;
    case 1: snprintf(r, 256, "type='signal',interface='" IFACE "',path='/org/other/n%d'", i); break;
    case 2: snprintf(r, 256, "type='signal',interface='org.other.I%d'", i); break;
    case 3: snprintf(r, 256, "type='signal',sender='org.other.N%d',interface='" IFACE "'", i); break;
    case 4: snprintf(r, 256, "type='signal',sender='org.other.N%d',interface='org.freedesktop.DBus.Properties',"
                     "member='PropertiesChanged',path='/org/other/n%d'", i, i); break;
    }
}

static void other_rules(int n)
{
    static char r[128][256];
    for (int i = 0; i < n;) {
        Conn c;
        int k = 0;
        conn_open(&c, addr_client, auth);
        for (; k < rules_per_conn && k < 128 && i < n; k++, i++)
            other_rule(r[k], i);
        add_matches(&c, r, k);
        free(c.rb); /* the socket stays open */
    }
}

/* the subscribers: writes a byte to @ack for every @batch deliveries */
static void subscriber_loop(int ack, uint64_t batch)
{
    Conn *s = calloc((size_t)subs, sizeof *s);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < subs; i++) {
        open_as(&s[i], addr_client, 'T');
        add_match(&s[i], "type='signal',interface='" IFACE "'");
        if (s[i].rlen != s[i].rpos)
            die("unexpected messages for a subscriber");
        free(s[i].rb);
        s[i].rcap = subs > 100 ? 8192 : 65536;
        s[i].rb = malloc(s[i].rcap);
        s[i].rpos = s[i].rlen = 0;
        fcntl(s[i].fd, F_SETFL, O_NONBLOCK);
        struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
        epoll_ctl(ep, EPOLL_CTL_ADD, s[i].fd, &ev);
    }
    if (write(ack, "k", 1) != 1)
        _exit(1);
    uint64_t left = batch;
    for (;;) {
        struct epoll_event evs[256];
        int n = epoll_wait(ep, evs, 256, -1);
        for (int i = 0; i < n; i++) {
            Conn *c = &s[evs[i].data.u32];
            Msg m;
            int r = conn_fill(c);
            if (!r)
                die("the bus closed a subscriber");
            while (conn_peek(c, &m)) {
                if (m.type != T_SIGNAL)
                    continue;
                if (--left == 0) {
                    left = batch;
                    if (write(ack, "k", 1) != 1)
                        _exit(1);
                }
            }
        }
    }
}

static void do_signals(void)
{
    Conn c;
    Buf b = { 0 };
    Cost ca, cb;
    int pfd[2], k = 8192 / subs;
    if (k > 64)
        k = 64;
    if (batch)
        k = batch;
    if (rules && !raw)
        other_rules(rules);
    if (pipe(pfd) < 0)
        die("pipe: %s", strerror(errno));
    if (!spawn()) {
        close(pfd[0]);
        subscriber_loop(pfd[1], (uint64_t)subs * (uint64_t)k);
        _exit(0);
    }
    close(pfd[1]);
    open_as(&c, addr_service, 'S');
    request_name(&c, NAME);
    ready_wait(pfd[0]);

    Head h = { .type = T_SIGNAL, .flags = F_NO_REPLY, .path = PATH, .iface = IFACE, .member = "Tick", .sig = "s" };
    size_t one = 0, pl = size > 4000 ? 4000 : size ? size : 4;
    char *text = calloc(1, pl + 1);
    memset(text, 't', pl);
    for (int i = 0; i < k; i++) {
        size_t at = b.len;
        put_head(&b, &h, 1, (uint32_t)pl + 5, NULL);
        put_u32(&b, (uint32_t)pl);
        put(&b, text, pl + 1);
        one = b.len - at;
    }
    uint64_t sent = 0, start = now_ns(), now = start, warm = time_ns / 5;
    int warming = 1;
    cost_now(&ca);
    do {
        for (int i = 0; i < k; i++)
            set_u32(b.b + (size_t)i * one + 8, ++c.serial);
        write_all(c.fd, b.b, b.len);
        ready_wait(pfd[0]);
        sent += (uint64_t)k;
        now = now_ns();
        if (warming && now - start >= warm) {
            warming = 0;
            sent = 0;
            cost_now(&ca);
            now = start = now_ns();
        }
    } while (warming || now - start < time_ns);
    cost_now(&cb);
    double s = (double)(now - start) / 1e9;
    printf("{\"n\": %llu, \"signals_per_s\": %.1f, \"deliveries_per_s\": %.1f", (unsigned long long)sent,
           (double)sent / s, (double)sent * subs / s);
    cost_print(&ca, &cb, (double)sent * subs);
    printf("}\n");
}

/* ---- connections, names, memory, startup ------------------------------- */

static void do_connect(void)
{
    Cost a, b;
    Conn c;
    long n = 0;
    for (int i = 0; i < 10; i++) {
        conn_open(&c, addr_client, auth);
        conn_close(&c);
    }
    cost_now(&a);
    uint64_t start = now_ns(), now;
    do {
        conn_open(&c, addr_client, auth);
        conn_close(&c);
        n++;
        now = now_ns();
    } while (now - start < time_ns);
    usleep(20000); /* the last ones' end is of their cost too */
    cost_now(&b);
    printf("{\"n\": %ld, \"per_s\": %.1f, \"us\": %.2f", n, (double)n * 1e9 / (double)(now - start),
           (double)(now - start) / 1e3 / (double)n);
    cost_print(&a, &b, (double)n);
    printf("}\n");
}

static void do_names(void)
{
    char rule[1][256];
    Cost a, b;
    Conn c;
    Msg m;
    uint32_t flags = 0;
    long n = 0;
    for (int i = 0; i < watchers; i++) {
        Conn w;
        conn_open(&w, addr_client, auth);
        snprintf(rule[0], 256, "type='signal',sender='" DRV "',interface='" DRV
                 "',path='" DRV_PATH "',member='NameOwnerChanged',arg0='org.other.N%d'", i);
        add_matches(&w, rule, 1);
        free(w.rb);
    }
    conn_open(&c, addr_client, auth);
    cost_now(&a);
    uint64_t start = now_ns(), now;
    do {
        uint32_t r = conn_drv(&c, &m, "RequestName", "org.bench.Churn", &flags);
        if (r != 1)
            die("RequestName: %u", r);
        r = conn_drv(&c, &m, "ReleaseName", "org.bench.Churn", NULL);
        if (r != 1)
            die("ReleaseName: %u", r);
        n++;
        now = now_ns();
    } while (now - start < time_ns);
    cost_now(&b);
    printf("{\"n\": %ld, \"pairs_per_s\": %.1f, \"us\": %.2f", n, (double)n * 1e9 / (double)(now - start),
           (double)(now - start) / 1e3 / (double)n);
    cost_print(&a, &b, (double)n);
    printf("}\n");
}

static void memory_now(double *rss, double *own)
{
    *rss = *own = 0;
    for (int i = 0; i < n_pids; i++) {
        char path[64], line[256];
        double v;
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
        FILE *f = fopen(path, "r");
        if (!f)
            die("%s: %s", path, strerror(errno));
        while (fgets(line, sizeof line, f)) {
            if (sscanf(line, "Rss: %lf", &v) == 1)
                *rss += v;
            if (sscanf(line, "Private_Dirty: %lf", &v) == 1)
                *own += v;
        }
        fclose(f);
    }
}

static void do_memory(void)
{
    double rss0, own0, rss1, own1, rss2, own2;
    Conn *c = calloc((size_t)conns, sizeof *c);
    static char r[128][256];
    Conn first;
    conn_open(&first, addr_client, auth);
    memory_now(&rss0, &own0);
    for (int i = 0; i < conns; i++) {
        conn_open(&c[i], addr_client, auth);
        free(c[i].rb);
        c[i].rb = NULL;
        c[i].rcap = c[i].rlen = c[i].rpos = 0;
    }
    usleep(50000);
    memory_now(&rss1, &own1);
    int n = 0;
    for (int i = 0; n < rules; i = (i + 1) % conns) {
        int k = 0;
        for (; k < rules_per_conn && n < rules; k++, n++)
            other_rule(r[k], n);
        add_matches(&c[i], r, k);
    }
    usleep(50000);
    memory_now(&rss2, &own2);
    printf("{\"base_rss_kib\": %.0f, \"base_own_kib\": %.0f, \"conn_rss_b\": %.1f, \"conn_own_b\": %.1f", rss0, own0,
           (rss1 - rss0) * 1024 / conns, (own1 - own0) * 1024 / conns);
    if (rules)
        printf(", \"rule_rss_b\": %.1f", (rss2 - rss1) * 1024 / rules);
    printf("}\n");
}

static void do_startup(char **argv)
{
    double ms[256];
    if (repeat > 256)
        repeat = 256;
    for (int i = 0; i < repeat; i++) {
        int pfd[2];
        char line[512];
        size_t n = 0;
        if (pipe(pfd) < 0)
            die("pipe: %s", strerror(errno));
        uint64_t start = now_ns();
        pid_t p = spawn();
        if (!p) {
            setpgid(0, 0);
            dup2(pfd[1], 1);
            close(pfd[0]);
            close(pfd[1]);
            execvp(argv[0], argv);
            die("%s: %s", argv[0], strerror(errno));
        }
        setpgid(p, p);
        close(pfd[1]);
        for (;;) {
            ssize_t r = read(pfd[0], line + n, sizeof line - 1 - n);
            if (r <= 0)
                die("%s printed no address", argv[0]);
            n += (size_t)r;
            line[n] = 0;
            /* where an address is given, any byte says that it can be used */
            if (addr_client || strchr(line, '\n') || n == sizeof line - 1)
                break;
        }
        Conn c;
        conn_open(&c, addr_client ? addr_client : line, auth);
        ms[i] = (double)(now_ns() - start) / 1e6;
        conn_close(&c);
        kill(-p, SIGTERM);
        waitpid(p, NULL, 0);
        close(pfd[0]);
        n_kids = 0;
    }
    for (int i = 1; i < repeat; i++)
        for (int j = i; j > 0 && ms[j - 1] > ms[j]; j--) {
            double t = ms[j];
            ms[j] = ms[j - 1];
            ms[j - 1] = t;
        }
    printf("{\"n\": %d, \"ms\": %.3f, \"min_ms\": %.3f}\n", repeat, ms[repeat / 2], ms[0]);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char **command = NULL;
    for (int i = 2; i < argc; i++) {
        const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(o, "--")) {
            command = argv + i + 1;
            break;
        }
        if (!strcmp(o, "--raw")) {
            raw = 1;
            continue;
        }
        if (!strcmp(o, "--noise")) {
            noise = 1;
            continue;
        }
        if (!v)
            die("%s wants a value", o);
        i++;
        if (!strcmp(o, "--client")) addr_client = v;
        else if (!strcmp(o, "--service")) addr_service = v;
        else if (!strcmp(o, "--auth")) auth = !strcmp(v, "steps") ? AUTH_STEPS : !strcmp(v, "two") ? AUTH_TWO : AUTH_ONE;
        else if (!strcmp(o, "--cpu")) cpu = atoi(v);
        else if (!strcmp(o, "--size")) size = (size_t)atol(v);
        else if (!strcmp(o, "--window")) window = atoi(v);
        else if (!strcmp(o, "--subs")) subs = atoi(v);
        else if (!strcmp(o, "--rules")) rules = atoi(v);
        else if (!strcmp(o, "--rules-per-conn")) rules_per_conn = atoi(v);
        else if (!strcmp(o, "--batch")) batch = atoi(v);
        else if (!strcmp(o, "--clients")) clients = atoi(v);
        else if (!strcmp(o, "--kind")) kind = atoi(v);
        else if (!strcmp(o, "--watchers")) watchers = atoi(v);
        else if (!strcmp(o, "--conns")) conns = atoi(v);
        else if (!strcmp(o, "--repeat")) repeat = atoi(v);
        else if (!strcmp(o, "--count")) max_count = atol(v);
        else if (!strcmp(o, "--time-ms")) time_ns = (uint64_t)atol(v) * 1000000u;
        else if (!strcmp(o, "--pids")) {
            char *s = strdup(v);
            for (char *t = strtok(s, ","); t && n_pids < 16; t = strtok(NULL, ","))
                pids[n_pids++] = atoi(t);
            free(s);
        } else die("unknown option %s", o);
    }
    if (window < 1 || subs < 1 || conns < 1 || repeat < 1 || rules_per_conn < 1 || rules_per_conn > 128
        || batch < 0 || clients < 1)
        die("an option is out of range");
    signal(SIGPIPE, SIG_IGN);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("cpu %d: %s", cpu, strerror(errno));
    }
    alarm(60);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!addr_service)
        addr_service = addr_client;
    atexit(kids_end);
    if (!strcmp(what, "startup") && command && *command) {
        do_startup(command);
        return 0;
    }
    if (!addr_client)
        die("no --client address");
    if (!strcmp(what, "pingpong")) do_pingpong();
    else if (!strcmp(what, "pipeline")) do_pipeline();
    else if (!strcmp(what, "flood")) do_flood();
    else if (!strcmp(what, "multi")) do_multi();
    else if (!strcmp(what, "signals")) do_signals();
    else if (!strcmp(what, "connect")) do_connect();
    else if (!strcmp(what, "names")) do_names();
    else if (!strcmp(what, "memory")) do_memory();
    else die("what is '%s'?", what);
    return 0;
}
