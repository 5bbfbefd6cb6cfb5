/* The physical floor of what the benchmarks measure, and the stop-watch.
 *
 *   floor true                          end at once
 *   floor serve SOCKET BYTES            Unix echo-like server: reads a request to its newline, answers BYTES, closes
 *   floor client SOCKET                 the smallest client: connect, send 200 bytes, receive to the end, print
 *   floor spawn N COMMAND ...           run COMMAND N times after one warm-up; per run: wall_us first_byte_us maxrss_kb status
 *   floor first http PORT FILE MARK N   N times on a new connection: microseconds from sending FILE to seeing MARK
 *   floor first unix SOCKET FILE MARK N the same over a Unix socket
 *   floor hold SOCKET N SECONDS         open N connections and keep them
 *   floor load SOCKET FILE N SECONDS    send FILE's line on N connections, again at each reply's last line; replies per
 *                                       second, then the median and the 99th percentile of a reply in microseconds
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <fcntl.h>
#include <unistd.h>

enum { RUN_SECONDS = 30 };
extern char **environ;

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static long long microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int unix_socket(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        fprintf(stderr, "path too long\n");
        exit(2);
    }
    strcpy(address->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    return fd;
}

static int connect_unix(const char *path) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail(path);
    return fd;
}

static int connect_http(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k <= 0) fail("write");
        bytes += k;
        n -= (size_t)k;
    }
}

static _Noreturn void serve(const char *path, size_t bytes) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address);
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 64)) fail("listen");
    char *reply = malloc(bytes), request[4096];
    memset(reply, 'x', bytes);
    for (;;) {
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0) continue;
        for (ssize_t k; (k = read(peer, request, sizeof request)) > 0;)
            if (request[k - 1] == '\n') break;
        send_all(peer, reply, bytes);
        close(peer);
    }
}

static int client(const char *path) {
    char request[200], reply[65536];
    memset(request, 'q', sizeof request);
    request[sizeof request - 1] = '\n';
    int fd = connect_unix(path);
    send_all(fd, request, sizeof request);
    for (ssize_t k; (k = read(fd, reply, sizeof reply)) > 0;) send_all(1, reply, (size_t)k);
    return 0;
}

static int spawn(int times, char **command) {
    for (int run = -1; run < times; run++) {
        int out[2], status;
        pid_t pid;
        char bytes[65536];
        if (pipe2(out, O_CLOEXEC)) fail("pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        long long start = microseconds(), first = -1;
        if (posix_spawnp(&pid, command[0], &actions, NULL, command, environ)) fail(command[0]);
        close(out[1]);
        posix_spawn_file_actions_destroy(&actions);
        struct pollfd wait = {.fd = out[0], .events = POLLIN};
        for (;;) {
            if (poll(&wait, 1, RUN_SECONDS * 1000) <= 0) kill(pid, SIGKILL);
            ssize_t k = read(out[0], bytes, sizeof bytes);
            if (k <= 0) break;
            if (first < 0) first = microseconds() - start;
        }
        close(out[0]);
        struct rusage usage;
        wait4(pid, &status, 0, &usage);
        long long wall = microseconds() - start;
        if (run >= 0)
            printf("%lld %lld %ld %d\n", wall, first, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return 0;
}

static int first(int http, const char *where, const char *file, const char *mark, int times) {
    char request[65536], reply[1 << 20];
    int in = open(file, O_RDONLY);
    ssize_t n = in < 0 ? -1 : read(in, request, sizeof request);
    if (n <= 0) fail(file);
    for (int run = -1; run < times; run++) {
        long long start = microseconds();
        int fd = http ? connect_http(atoi(where)) : connect_unix(where);
        send_all(fd, request, (size_t)n);
        size_t have = 0;
        while (!memmem(reply, have, mark, strlen(mark))) {
            ssize_t k = have < sizeof reply ? read(fd, reply + have, sizeof reply - have) : 0;
            if (k <= 0) {
                fprintf(stderr, "the mark never came: %.*s\n", (int)(have < 300 ? have : 300), reply);
                return 1;
            }
            have += (size_t)k;
        }
        if (run >= 0) printf("%lld\n", microseconds() - start);
        /* To the end of the answer, so that the next run meets an idle server. */
        while (http || !memmem(reply, have, "\"result\":", 9)) {
            ssize_t k = have < sizeof reply ? read(fd, reply + have, sizeof reply - have) : 0;
            if (k <= 0) break;
            have += (size_t)k;
        }
        close(fd);
    }
    return 0;
}

static int hold(const char *path, int n, int seconds) {
    struct rlimit files = {8192, 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < n; i++) connect_unix(path);
    printf("open\n");
    fflush(stdout);
    sleep((unsigned)seconds);
    return 0;
}

struct connection {
    int fd;
    size_t have;
    long long sent;
    char line[1 << 16];
};

static int by_size(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* A reply is whole at the line that holds `"result":`; an `"error":` ends the run. */
static int replied(struct connection *c) {
    ssize_t k = read(c->fd, c->line + c->have, sizeof c->line - c->have);
    if (k <= 0) fail("read");
    c->have += (size_t)k;
    if (c->line[c->have - 1] != '\n' || !memmem(c->line, c->have, "\"result\":", 9)) return 0;
    c->have = 0;
    return 1;
}

static int load(const char *path, const char *file, int n, int seconds) {
    enum { KEPT = 1 << 22 };
    static char request[65536];
    unsigned *times = malloc(sizeof *times * KEPT);
    struct connection *all = calloc((size_t)n, sizeof *all);
    int in = open(file, O_RDONLY), epoll = epoll_create1(EPOLL_CLOEXEC);
    ssize_t size = in < 0 ? -1 : read(in, request, sizeof request);
    if (size <= 0) fail(file);
    long long start = microseconds(), end = start + seconds * 1000000LL, now = start;
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        all[i].fd = connect_unix(path);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event)) fail("epoll_ctl");
        all[i].sent = microseconds();
        send_all(all[i].fd, request, (size_t)size);
    }
    while (now < end && count < KEPT) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, RUN_SECONDS * 1000);
        if (ready <= 0) fail("no reply");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!replied(c)) continue;
            now = microseconds();
            if (count < KEPT) times[count++] = (unsigned)(now - c->sent);
            c->sent = now;
            send_all(c->fd, request, (size_t)size);
        }
    }
    qsort(times, count, sizeof *times, by_size);
    printf("%.0f %u %u\n", (double)count * 1e6 / (double)(now - start), times[count / 2], times[count * 99 / 100]);
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "true")) return 0;
    if (!strcmp(what, "serve") && argc == 4) serve(argv[2], strtoul(argv[3], NULL, 10));
    if (!strcmp(what, "client") && argc == 3) return client(argv[2]);
    if (!strcmp(what, "spawn") && argc >= 4) return spawn(atoi(argv[2]), argv + 3);
    if (!strcmp(what, "first") && argc == 7) return first(!strcmp(argv[2], "http"), argv[3], argv[4], argv[5], atoi(argv[6]));
    if (!strcmp(what, "load") && argc == 6) return load(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    if (!strcmp(what, "hold") && argc == 5) return hold(argv[2], atoi(argv[3]), atoi(argv[4]));
    fprintf(stderr, "see the head of floor.c\n");
    return 2;
}
