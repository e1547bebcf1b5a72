/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *room_for(size_t bytes)
{
    void *room = calloc(1, bytes);
    if (!room)
        die("out of memory");
    return room;
}

uint64_t number_option(const char *name, const char *text, uint64_t max)
{
    uint64_t value;
    if (text_to_u64(span_str(text), &value) < 0 || value > max)
        die("--%s expects a number up to %llu, got '%s'", name, (unsigned long long)max, text);
    return value;
}

uint64_t seconds_option(const char *name, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 3600))
        die("--%s expects seconds, got '%s'", name, text);
    return (uint64_t)(value * (double)NS_PER_S);
}

static int socket_new(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        die("cannot open a socket: %s", strerror(errno));
    return fd;
}

static struct sockaddr_in address_of(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_no_delay(int fd)
{
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int listen_on(unsigned port)
{
    const int on = 1;
    struct sockaddr_in address = address_of(port);
    int fd = socket_new(SOCK_NONBLOCK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 65535) < 0)
        die("cannot listen on port %u: %s", port, strerror(errno));
    return fd;
}

/* Blocks: on loopback only a full backlog makes this wait. */
int connect_to(unsigned port)
{
    struct sockaddr_in address = address_of(port);
    int fd = socket_new(0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("cannot connect to port %u: %s", port, strerror(errno));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        die("cannot make a socket non-blocking: %s", strerror(errno));
    set_no_delay(fd);
    return fd;
}

int accept_from(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
        die("cannot accept: %s", strerror(errno));
    if (fd >= 0)
        set_no_delay(fd);
    return fd;
}

int poller_new(void)
{
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        die("cannot open an epoll: %s", strerror(errno));
    return poller;
}

void poller_add(int poller, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("cannot watch a descriptor: %s", strerror(errno));
}

size_t poller_wait(int poller, struct epoll_event events[EVENTS_MAX], uint64_t due_ns)
{
    uint64_t now = due_ns ? now_ns() : 0;
    uint64_t left = due_ns > now ? due_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / NS_PER_S),
                               .tv_nsec = (long)(left % NS_PER_S)};
    int count = epoll_pwait2(poller, events, EVENTS_MAX, due_ns ? &timeout : NULL, NULL);
    if (count < 0 && errno != EINTR)
        die("cannot wait for events: %s", strerror(errno));
    return count < 0 ? 0 : (size_t)count;
}

size_t head_bytes(struct span message)
{
    ptrdiff_t at = span_find(message, SPAN("\r\n\r\n"));
    return at < 0 ? 0 : (size_t)at + 4;
}

int64_t head_length(struct span head)
{
    struct span line;
    while (span_split(&head, '\n', &line)) {
        static const struct span name = {"content-length:", 15};
        uint64_t length;
        if (line.len <= name.len || strncasecmp(line.ptr, name.ptr, name.len) != 0)
            continue;
        struct span value =
            span_trim(span_take(span_skip(line, name.len), line.len - name.len - 1));
        return text_to_u64(value, &length) == 0 && length <= INT64_MAX ? (int64_t)length : -1;
    }
    return -1;
}

static uint64_t schedstat_ns(const char *path)
{
    unsigned long long ns = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0; /* the thread has ended */
    if (fscanf(file, "%llu", &ns) != 1)
        ns = 0;
    (void)fclose(file);
    return ns;
}

uint64_t process_cpu_ns(unsigned pid)
{
    char path[300];
    uint64_t ns = 0;
    const struct dirent *entry;
    snprintf(path, sizeof(path), "/proc/%u/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        die("process %u is gone", pid);
    while ((entry = readdir(tasks))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%u/task/%s/schedstat", pid, entry->d_name);
        ns += schedstat_ns(path);
    }
    (void)closedir(tasks);
    return ns;
}
