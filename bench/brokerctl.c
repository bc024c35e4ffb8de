/* SPDX-License-Identifier: MIT */
/*
 * brokerctl - starts dbus-broker without systemd, as its controller.
 *
 *   brokerctl [--broker PATH] [--rules FILE] [--own-limits] SOCKET
 *
 * dbus-broker takes its listening socket and its policy from a controller, over
 * a private D-Bus connection (see dbus-broker(1)).  This one gives it SOCKET and
 * either a policy that allows everything or the rules of FILE, prints the
 * address and the broker's process id, and stays until it is killed.  The
 * broker's limits are as good as none, unless --own-limits leaves its defaults.
 *
 * A line of FILE:  allow|deny own NAME | own-prefix NAME
 *                  allow|deny send|recv NAME PATH INTERFACE MEMBER TYPE
 * with - for "any" and TYPE a number (0: any).  A later line wins.
 */
#include "bus.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BATCH "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "(a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs)"

typedef struct { int allow, kind; char s[4][128]; unsigned type; } Rule; /* kind: o p s r */

static void put_u64(Buf *b, uint64_t v)
{
    put_align(b, 0, 8);
    put(b, &v, 8);
}
static void put_u(Buf *b, uint32_t v)
{
    put_align(b, 0, 4);
    put_u32(b, v);
}
/* opens an array whose elements are structs; returns where its length goes */
static size_t array_open(Buf *b)
{
    put_u(b, 0);
    size_t at = b->len - 4;
    put_align(b, 0, 8);
    return at;
}
static void array_close(Buf *b, size_t at)
{
    size_t start = (at + 4 + 7) & ~(size_t)7;
    set_u32(b->b + at, (uint32_t)(b->len - start));
}

static void put_xmit(Buf *b, const Rule *rules, size_t n, int kind)
{
    size_t at = array_open(b);
    for (size_t i = 0; i < n; i++) {
        if (rules[i].kind != kind)
            continue;
        put_align(b, 0, 8);
        put_u(b, (uint32_t)rules[i].allow);
        put_u64(b, i + 1);
        for (int k = 0; k < 4; k++)
            put_str(b, 0, rules[i].s[k]);
        put_u(b, rules[i].type);
        put_u(b, 0);
        put_u64(b, 0);
        put_u64(b, UINT64_MAX);
    }
    array_close(b, at);
}

static void put_policy(Buf *b, const Rule *rules, size_t n)
{
    put_sig(b, POLICY);
    put_align(b, 0, 8);
    size_t users = array_open(b);
    put_u(b, (uint32_t)-1);
    put_align(b, 0, 8);
    put_u(b, 1);
    put_u64(b, 1);
    size_t own = array_open(b);
    for (size_t i = 0; i < n; i++) {
        if (rules[i].kind != 'o' && rules[i].kind != 'p')
            continue;
        put_align(b, 0, 8);
        put_u(b, (uint32_t)rules[i].allow);
        put_u64(b, i + 1);
        put_u(b, rules[i].kind == 'p');
        put_str(b, 0, rules[i].s[0]);
    }
    array_close(b, own);
    put_xmit(b, rules, n, 's');
    put_xmit(b, rules, n, 'r');
    array_close(b, users);
    size_t a = array_open(b);   /* groups and ranges of users: none */
    array_close(b, a);
    a = array_open(b);          /* selinux: none */
    array_close(b, a);
    put_u(b, 0);                /* apparmor: off */
    put_str(b, 0, "session");
}

static size_t read_rules(const char *file, Rule **out)
{
    static Rule all[] = {
        { 1, 'p', { "" }, 0 }, { 1, 's', { "" }, 0 }, { 1, 'r', { "" }, 0 },
    };
    if (!file) {
        *out = all;
        return 3;
    }
    FILE *f = fopen(file, "r");
    if (!f)
        die("%s: %s", file, strerror(errno));
    char line[1024];
    Rule *r = NULL;
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        char verdict[16], kind[16], s[4][128] = { "-", "-", "-", "-" };
        unsigned type = 0;
        int k = sscanf(line, "%15s %15s %127s %127s %127s %127s %u", verdict, kind, s[0], s[1], s[2], s[3], &type);
        if (k < 3)
            continue;
        r = realloc(r, (n + 1) * sizeof *r);
        if (!r)
            die("out of memory");
        memset(&r[n], 0, sizeof *r);
        r[n].allow = !strcmp(verdict, "allow");
        r[n].kind = !strcmp(kind, "own") ? 'o' : !strcmp(kind, "own-prefix") ? 'p' : !strcmp(kind, "send") ? 's' : 'r';
        for (int j = 0; j < 4; j++)
            if (strcmp(s[j], "-"))
                strcpy(r[n].s[j], s[j]);
        r[n].type = type;
        n++;
    }
    fclose(f);
    *out = r;
    return n;
}

static pid_t child = -1;
static void on_term(int sig)
{
    (void)sig;
    if (child > 0) {
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *broker = "/usr/bin/dbus-broker", *rules_file = NULL, *sock = NULL;
    int own_limits = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--broker") && i + 1 < argc)
            broker = argv[++i];
        else if (!strcmp(argv[i], "--rules") && i + 1 < argc)
            rules_file = argv[++i];
        else if (!strcmp(argv[i], "--own-limits"))
            own_limits = 1;
        else
            sock = argv[i];
    }
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    if (!sock || strlen(sock) >= sizeof sa.sun_path) {
        fprintf(stderr, "usage: brokerctl [--broker PATH] [--rules FILE] [--own-limits] SOCKET\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    strcpy(sa.sun_path, sock);
    unlink(sock);
    int lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (lfd < 0 || bind(lfd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(lfd, 1024) < 0)
        die("%s: %s", sock, strerror(errno));

    int sv[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        die("socketpair: %s", strerror(errno));
    pid_t me = getpid();
    child = fork();
    if (child < 0)
        die("fork: %s", strerror(errno));
    if (child == 0) {
        char num[16];
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != me)
            _exit(1);
        snprintf(num, sizeof num, "%d", sv[1]);
        fcntl(sv[1], F_SETFD, 0);
        fcntl(sv[1], F_SETFL, O_NONBLOCK);
        dup2(2, 1);
        execl(broker, broker, "--controller", num, "--machine-id", "0123456789abcdef0123456789abcdef",
              own_limits ? (char *)NULL : "--max-bytes", "4000000000", "--max-fds", "1000000", "--max-matches", "10000000",
              "--max-objects", "100000000", (char *)NULL);
        die("%s: %s", broker, strerror(errno));
    }
    signal(SIGTERM, on_term);
    signal(SIGINT, on_term);
    close(sv[1]);

    Conn c = { .fd = sv[0] };
    conn_auth(&c, AUTH_ONE, 0);
    Rule *rules;
    size_t n = read_rules(rules_file, &rules);
    Buf body = { 0 }, msg = { 0 };
    put_str(&body, 0, "/org/bus1/DBus/Listener/0");
    put_u(&body, 0);
    put_policy(&body, rules, n);
    Head h = { .type = T_CALL, .path = "/org/bus1/DBus/Broker", .iface = "org.bus1.DBus.Broker",
               .member = "AddListener", .sig = "ohv", .n_fds = 1 };
    put_head(&msg, &h, ++c.serial, (uint32_t)body.len, NULL);
    put(&msg, body.b, body.len);

    union { struct cmsghdr h; char b[CMSG_SPACE(sizeof(int))]; } cm = { 0 };
    struct iovec iov = { msg.b, msg.len };
    struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &cm, .msg_controllen = sizeof cm };
    cm.h.cmsg_len = CMSG_LEN(sizeof(int));
    cm.h.cmsg_level = SOL_SOCKET;
    cm.h.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&cm.h), &lfd, sizeof lfd);
    ssize_t w = sendmsg(c.fd, &mh, MSG_NOSIGNAL);
    if (w < 0)
        die("sendmsg: %s", strerror(errno));
    if ((size_t)w < msg.len)
        write_all(c.fd, msg.b + w, msg.len - (size_t)w);
    Msg m;
    conn_reply(&c, c.serial, &m, "AddListener");
    printf("unix:path=%s\n%d\n", sock, (int)child);
    fflush(stdout);
    while (conn_next(&c, &m))
        ; /* a ReloadConfig call would go unanswered: no benchmark makes one */
    waitpid(child, NULL, 0);
    return 1;
}
