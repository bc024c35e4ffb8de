/* SPDX-License-Identifier: MIT */
/*
 * bus.h - a minimal raw D-Bus client, shared by the benchmark programs.
 *
 * Little endian only, blocking unix stream sockets, hand-made messages.  It
 * does as little as possible, so that the time measured is the broker's.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { T_CALL = 1, T_RETURN = 2, T_ERROR = 3, T_SIGNAL = 4 };
enum { F_NO_REPLY = 1, F_NO_AUTOSTART = 2 };
enum { H_PATH = 1, H_IFACE, H_MEMBER, H_ERROR, H_REPLY_SERIAL, H_DEST, H_SENDER, H_SIG, H_FDS };

#define DRV "org.freedesktop.DBus"
#define DRV_PATH "/org/freedesktop/DBus"

__attribute__((noreturn, format(printf, 1, 2), unused))
static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

__attribute__((unused)) static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- growing byte buffer ---------------------------------------------- */

typedef struct { uint8_t *b; size_t len, cap; } Buf;

static void buf_need(Buf *b, size_t n)
{
    if (b->len + n <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->len + n)
        cap *= 2;
    b->b = realloc(b->b, cap);
    if (!b->b)
        die("out of memory");
    b->cap = cap;
}
static void put(Buf *b, const void *p, size_t n)
{
    buf_need(b, n);
    memcpy(b->b + b->len, p, n);
    b->len += n;
}
static void put_u8(Buf *b, uint8_t v) { put(b, &v, 1); }
static void put_u32(Buf *b, uint32_t v) { put(b, &v, 4); }
static void put_align(Buf *b, size_t base, size_t a)
{
    static const uint8_t zero[8];
    size_t over = (b->len - base) % a;
    if (over)
        put(b, zero, a - over);
}
static void put_str(Buf *b, size_t base, const char *s)
{
    uint32_t n = (uint32_t)strlen(s);
    put_align(b, base, 4);
    put_u32(b, n);
    put(b, s, n + 1);
}
static void put_sig(Buf *b, const char *s)
{
    uint8_t n = (uint8_t)strlen(s);
    put_u8(b, n);
    put(b, s, n + 1u);
}
static void set_u32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static uint32_t get_u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }

/* ---- building messages ------------------------------------------------ */

typedef struct {
    int type, flags;
    const char *path, *iface, *member, *dest, *sig;
    uint32_t reply_serial;
    int n_fds;
} Head;

static void head_str(Buf *b, size_t base, int code, const char *sig, const char *v)
{
    put_align(b, base, 8);
    put_u8(b, (uint8_t)code);
    put_sig(b, sig);
    put_str(b, base, v);
}

/*
 * Appends a header to @b (its body, of @body_len bytes, is to follow); the
 * serial is at offset 8 of it, and *@reply_off is where the reply serial is.
 */
static size_t put_head(Buf *b, const Head *h, uint32_t serial, uint32_t body_len, size_t *reply_off)
{
    size_t base = b->len;
    uint8_t fixed[4] = { 'l', (uint8_t)h->type, (uint8_t)h->flags, 1 };
    put(b, fixed, 4);
    put_u32(b, body_len);
    put_u32(b, serial);
    put_u32(b, 0);
    if (h->path)
        head_str(b, base, H_PATH, "o", h->path);
    if (h->iface)
        head_str(b, base, H_IFACE, "s", h->iface);
    if (h->member)
        head_str(b, base, H_MEMBER, "s", h->member);
    if (h->reply_serial) {
        put_align(b, base, 8);
        put_u8(b, H_REPLY_SERIAL);
        put_sig(b, "u");
        put_align(b, base, 4);
        if (reply_off)
            *reply_off = b->len - base;
        put_u32(b, h->reply_serial);
    }
    if (h->dest)
        head_str(b, base, H_DEST, "s", h->dest);
    if (h->sig) {
        put_align(b, base, 8);
        put_u8(b, H_SIG);
        put_sig(b, "g");
        put_sig(b, h->sig);
    }
    if (h->n_fds) {
        put_align(b, base, 8);
        put_u8(b, H_FDS);
        put_sig(b, "u");
        put_align(b, base, 4);
        put_u32(b, (uint32_t)h->n_fds);
    }
    set_u32(b->b + base + 12, (uint32_t)(b->len - base - 16));
    put_align(b, base, 8);
    return b->len - base;
}

/* ---- a connection ----------------------------------------------------- */

typedef struct {
    int fd;
    uint32_t serial;
    uint8_t *rb;
    size_t rpos, rlen, rcap;
    char name[64];
} Conn;

typedef struct {
    uint8_t *p;
    size_t len, hdr;
    int type, flags;
    uint32_t serial, body_len;
} Msg;

static void write_all(int fd, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n) {
        ssize_t r = send(fd, b, n, MSG_NOSIGNAL);
        if (r < 0) {
            if (errno == EINTR)
                continue;
            die("send: %s", strerror(errno));
        }
        b += r;
        n -= (size_t)r;
    }
}

/* the next whole message in the buffer, or 0 */
static int conn_peek(Conn *c, Msg *m)
{
    size_t have = c->rlen - c->rpos;
    uint8_t *p = c->rb + c->rpos;
    if (have < 16)
        return 0;
    if (p[0] != 'l')
        die("a message which is not little endian");
    uint32_t flen = get_u32(p + 12);
    m->p = p;
    m->type = p[1];
    m->flags = p[2];
    m->body_len = get_u32(p + 4);
    m->serial = get_u32(p + 8);
    m->hdr = 16 + (((size_t)flen + 7) & ~(size_t)7);
    m->len = m->hdr + m->body_len;
    if (have < m->len)
        return 0;
    c->rpos += m->len;
    return 1;
}

static void conn_room(Conn *c)
{
    size_t have = c->rlen - c->rpos, want = 0;
    if (have >= 16) {
        uint8_t *p = c->rb + c->rpos;
        want = 16 + (((size_t)get_u32(p + 12) + 7) & ~(size_t)7) + get_u32(p + 4);
    }
    if (c->rpos) {
        if (have)
            memmove(c->rb, c->rb + c->rpos, have);
        c->rpos = 0;
        c->rlen = have;
    }
    if (want + 4096 > c->rcap) {
        c->rcap = want + 65536;
        c->rb = realloc(c->rb, c->rcap);
        if (!c->rb)
            die("out of memory");
    }
}

/* one recv(); 0 on EOF, -1 where a non-blocking socket has nothing */
static int conn_fill(Conn *c)
{
    conn_room(c);
    for (;;) {
        ssize_t r = recv(c->fd, c->rb + c->rlen, c->rcap - c->rlen, 0);
        if (r > 0) {
            c->rlen += (size_t)r;
            return 1;
        }
        if (r == 0)
            return 0;
        if (errno == EAGAIN)
            return -1;
        if (errno == ECONNRESET)
            return 0;
        if (errno != EINTR)
            die("recv: %s", strerror(errno));
    }
}

static int conn_next(Conn *c, Msg *m)
{
    while (!conn_peek(c, m))
        if (conn_fill(c) <= 0)
            return 0;
    return 1;
}

/* the value of header field @code: for a string, its bytes */
static const uint8_t *msg_field(const Msg *m, int code)
{
    size_t off = 16, end = 16 + get_u32(m->p + 12);
    while (off < end) {
        off = (off + 7) & ~(size_t)7;
        int c = m->p[off];
        size_t slen = m->p[off + 1];
        char t = (char)m->p[off + 2];
        const uint8_t *v;
        if (slen != 1)
            die("a header field of an odd type");
        off += 2 + slen + 1;
        switch (t) {
        case 's': case 'o':
            off = (off + 3) & ~(size_t)3;
            v = m->p + off + 4;
            off += 4 + get_u32(m->p + off) + 1;
            break;
        case 'g':
            v = m->p + off + 1;
            off += 1 + (size_t)m->p[off] + 1;
            break;
        case 'u':
            off = (off + 3) & ~(size_t)3;
            v = m->p + off;
            off += 4;
            break;
        default:
            die("a header field of type '%c'", t);
        }
        if (c == code)
            return v;
    }
    return NULL;
}

__attribute__((noreturn, unused)) static void msg_die(const Msg *m, const char *what)
{
    const uint8_t *e = msg_field(m, H_ERROR);
    const uint8_t *s = msg_field(m, H_SIG);
    die("%s: error %s: %s", what, e ? (const char *)e : "?",
        s && s[0] == 's' ? (const char *)(m->p + m->hdr + 4) : "");
}

/* waits for the reply to @serial, past signals and anything else */
__attribute__((unused)) static void conn_reply(Conn *c, uint32_t serial, Msg *m, const char *what)
{
    for (;;) {
        if (!conn_next(c, m))
            die("%s: the bus closed the connection", what);
        if (m->type != T_RETURN && m->type != T_ERROR)
            continue;
        const uint8_t *r = msg_field(m, H_REPLY_SERIAL);
        if (!r || get_u32(r) != serial)
            continue;
        if (m->type == T_ERROR)
            msg_die(m, what);
        return;
    }
}

/* a call to the bus itself with up to one string and one integer */
static uint32_t put_drv(Buf *b, Conn *c, const char *member, const char *s, const uint32_t *u)
{
    Buf body = { 0 };
    if (s)
        put_str(&body, 0, s);
    if (u) {
        put_align(&body, 0, 4);
        put_u32(&body, *u);
    }
    Head h = { .type = T_CALL, .path = DRV_PATH, .iface = DRV, .member = member, .dest = DRV,
               .sig = s ? u ? "su" : "s" : u ? "u" : NULL };
    put_head(b, &h, ++c->serial, (uint32_t)body.len, NULL);
    if (body.len)
        put(b, body.b, body.len);
    free(body.b);
    return c->serial;
}
__attribute__((unused)) static uint32_t conn_drv(Conn *c, Msg *m, const char *member, const char *s, const uint32_t *u)
{
    Buf b = { 0 };
    uint32_t serial = put_drv(&b, c, member, s, u);
    write_all(c->fd, b.b, b.len);
    free(b.b);
    conn_reply(c, serial, m, member);
    return m->body_len == 4 ? get_u32(m->p + m->hdr) : 0;
}

/* connects to the first unix: address of @addr */
static int addr_connect(const char *addr)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const char *v;
    int abstract = 0;
    if (strncmp(addr, "unix:", 5))
        die("not a unix: address: %s", addr);
    for (v = addr + 5;; v++) {
        if (!strncmp(v, "path=", 5)) {
            v += 5;
            break;
        }
        if (!strncmp(v, "abstract=", 9)) {
            v += 9;
            abstract = 1;
            break;
        }
        v = strpbrk(v, ",;");
        if (!v || *v == ';')
            die("no path in address: %s", addr);
    }
    size_t n = (size_t)abstract;
    for (; *v && *v != ',' && *v != ';' && *v != '\n'; v++) {
        if (n + 1 >= sizeof(sa.sun_path))
            die("address too long: %s", addr);
        if (*v == '%' && v[1] && v[2]) {
            char hex[3] = { v[1], v[2], 0 };
            sa.sun_path[n++] = (char)strtol(hex, NULL, 16);
            v += 2;
        } else {
            sa.sun_path[n++] = *v;
        }
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    socklen_t sl = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !abstract);
    if (connect(fd, (struct sockaddr *)&sa, sl) < 0)
        die("connect %s: %s", addr, strerror(errno));
    return fd;
}

static void sasl_line(Conn *c, const char *want)
{
    for (;;) {
        uint8_t *nl = c->rlen > c->rpos ? memchr(c->rb + c->rpos, '\n', c->rlen - c->rpos) : NULL;
        if (nl) {
            const char *l = (char *)c->rb + c->rpos;
            if (strncmp(l, want, strlen(want)))
                die("authentication: expected %s, got %.*s", want, (int)(nl - (uint8_t *)l), l);
            c->rpos = (size_t)(nl - c->rb) + 1;
            return;
        }
        if (conn_fill(c) <= 0)
            die("authentication: the bus closed the connection");
    }
}

/*
 * SASL EXTERNAL on @c->fd, then (where @hello) the Hello call.
 * AUTH_ONE: all of it in one write.  AUTH_TWO: the authentication in one, Hello
 * when it is through, as sd-bus.  AUTH_STEPS: line by line, as libdbus and GDBus.
 */
enum { AUTH_ONE, AUTH_TWO, AUTH_STEPS };

static void conn_auth(Conn *c, int how, int hello)
{
    char line[96], uid[16], hex[40];
    Buf b = { 0 };
    Msg m;
    uint32_t serial = 0;
    int n = snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
    for (int i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", uid[i]);
    n = snprintf(line, sizeof line, "%cAUTH EXTERNAL %s\r\n", 0, hex);
    if (how == AUTH_STEPS) {
        write_all(c->fd, line, (size_t)n);
        sasl_line(c, "OK ");
        write_all(c->fd, "NEGOTIATE_UNIX_FD\r\n", 19);
        sasl_line(c, "AGREE_UNIX_FD");
        put(&b, "BEGIN\r\n", 7);
    } else {
        put(&b, line, (size_t)n);
        put(&b, "NEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 26);
        if (how == AUTH_TWO) {
            write_all(c->fd, b.b, b.len);
            b.len = 0;
            sasl_line(c, "OK ");
            sasl_line(c, "AGREE_UNIX_FD");
        }
    }
    if (hello)
        serial = put_drv(&b, c, "Hello", NULL, NULL);
    if (b.len)
        write_all(c->fd, b.b, b.len);
    free(b.b);
    if (how == AUTH_ONE) {
        sasl_line(c, "OK ");
        sasl_line(c, "AGREE_UNIX_FD");
    }
    if (hello) {
        conn_reply(c, serial, &m, "Hello");
        snprintf(c->name, sizeof c->name, "%s", (char *)m.p + m.hdr + 4);
    }
}

__attribute__((unused)) static void conn_open(Conn *c, const char *addr, int how)
{
    memset(c, 0, sizeof *c);
    c->fd = addr_connect(addr);
    conn_auth(c, how, 1);
}

__attribute__((unused)) static void conn_close(Conn *c)
{
    close(c->fd);
    free(c->rb);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}
