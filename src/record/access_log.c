/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only whole lines are in the file: when a disk fills up in the middle of a line, the rest of that line is kept, goes out first as soon as there is
 * room, and what follows it is dropped and counted. A pipe gets pieces that it takes whole (PIPE_BUF), and is waited for a second at a time, so that a
 * reader who has stopped cannot hold the thread for ever.
 */
#include "record/access_log.h"

#include "base/alloc.h"
#include "record/access_line.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_WAIT_MS 1000

enum { FD_NONE = -1, FD_OFF = -2 }; /* `next_fd`: nothing new; `fd`: not open yet, nowhere */

struct access_log {
    char *folder;
    char *
        first_name; /* tried again while the file could not be opened at the start; NULL: it could */
    _Atomic int next_fd; /* from access_log_reopen() */
    _Atomic bool on;
    int fd;
    bool is_file; /* else a pipe, a socket or a terminal */
    size_t rest_len;
    char rest[ACCESS_LINE_BYTES_MAX]; /* of a line whose beginning is in the file */
};

/* ── opening ── */

int access_log_path(const char *folder, struct span name, char ret_path[ACCESS_LOG_PATH_BYTES])
{
    bool absolute = span_starts(name, SPAN("/"));
    int len =
        snprintf(ret_path, ACCESS_LOG_PATH_BYTES, "%s%s%.*s", absolute ? "" : folder,
                 absolute ? "" : "/", (int)MIN(name.len, (size_t)ACCESS_LOG_PATH_BYTES), name.ptr);
    return name.len == 0 || len < 0 || len >= ACCESS_LOG_PATH_BYTES ? -EINVAL : 0;
}

static int open_file(const char *folder, struct span name, struct err *err)
{
    char path[ACCESS_LOG_PATH_BYTES];
    if (access_log_path(folder, name, path) < 0)
        return err_set(err, -EINVAL, "the access log's name is empty or too long");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    return fd < 0 ? err_errno(err, -errno, "cannot open the access log '%s'", path) : fd;
}

static int open_stdout(struct err *err)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return fd < 0 ? err_errno(err, -errno, "cannot write the access log to standard output") : fd;
}

/* 0 and a descriptor or FD_OFF; or -errno. */
static int open_log(const char *folder, struct span name, int *ret_fd, struct err *err)
{
    int fd = FD_OFF;
    if (!span_eq(name, SPAN("off"))) {
        fd = span_eq(name, SPAN("-")) ? open_stdout(err) : open_file(folder, name, err);
        if (fd < 0)
            return fd;
    }
    *ret_fd = fd;
    return 0;
}

static void use_fd(struct access_log *log, int fd)
{
    struct stat info;
    if (log->fd >= 0)
        close(log->fd);
    log->fd = fd;
    log->is_file = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    log->rest_len = 0;
}

/* Not the operator's mistake, and likely to pass. */
static bool may_pass(int error)
{
    return error == -ENOSPC || error == -EDQUOT || error == -EIO || error == -EROFS ||
           error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

static char *copy_name(struct span name)
{
    char *copy = mem_alloc(name.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    return copy;
}

struct access_log *access_log_new(const char *folder, struct span name, struct err *err)
{
    struct access_log *log = mem_zalloc(sizeof(*log));
    if (!log)
        goto no_memory;
    log->fd = FD_NONE;
    atomic_init(&log->next_fd, FD_NONE);
    atomic_init(&log->on, !span_eq(name, SPAN("off")));
    log->folder = mem_strdup(folder);
    if (!log->folder)
        goto no_memory;
    int fd = FD_NONE;
    int r = open_log(folder, name, &fd, err);
    if (r < 0 && !may_pass(r)) {
        access_log_free(log);
        return NULL;
    }
    if (r < 0) {
        log->first_name = copy_name(name);
        if (!log->first_name)
            goto no_memory;
    }
    use_fd(log, fd);
    return log;

no_memory:
    access_log_free(log);
    err_set(err, -ENOMEM, "cannot open the access log: out of memory");
    return NULL;
}

int access_log_reopen(struct access_log *log, struct span name, struct err *err)
{
    int fd;
    int r = open_log(log->folder, name, &fd, err);
    if (r < 0)
        return r;
    int unused = atomic_exchange(&log->next_fd, fd);
    if (unused >= 0)
        close(unused);
    atomic_store(&log->on, fd != FD_OFF);
    return 0;
}

bool access_log_is_on(const struct access_log *log)
{
    return atomic_load_explicit(&log->on, memory_order_relaxed);
}

/* ── writing ── */

/* 0, or -errno and how much went out. */
static int write_file(int fd, struct span bytes, size_t *ret_written)
{
    *ret_written = 0;
    while (*ret_written < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + *ret_written, bytes.len - *ret_written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        *ret_written += (size_t)n;
    }
    return 0;
}

/* As many whole lines as fit into what a pipe takes at once; of a longer line a part. */
static size_t piece_len(struct span bytes)
{
    if (bytes.len <= PIPE_BUF)
        return bytes.len;
    const char *end = memrchr(bytes.ptr, '\n', PIPE_BUF);
    return end ? (size_t)(end + 1 - bytes.ptr) : PIPE_BUF;
}

static int write_pipe(int fd, struct span bytes, size_t *ret_written)
{
    *ret_written = 0;
    while (bytes.len > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        int r = poll(&ready, 1, PIPE_WAIT_MS);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -ETIMEDOUT;
        size_t written;
        r = write_file(fd, span_take(bytes, piece_len(bytes)), &written);
        *ret_written += written;
        bytes = span_skip(bytes, written);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_bytes(struct access_log *log, struct span bytes, size_t *ret_written)
{
    return log->is_file ? write_file(log->fd, bytes, ret_written)
                        : write_pipe(log->fd, bytes, ret_written);
}

static uint32_t count_lines(struct span bytes)
{
    uint32_t count = 0;
    for (ptrdiff_t at; (at = span_find_byte(bytes, '\n')) >= 0; count++)
        bytes = span_skip(bytes, (size_t)at + 1);
    return count;
}

/* What is left of the line that was begun. */
static int write_rest(struct access_log *log)
{
    size_t written;
    int r = write_bytes(log, span_of(log->rest, log->rest_len), &written);
    memmove(log->rest, log->rest + written, log->rest_len - written);
    log->rest_len -= written;
    return r;
}

/* `written` bytes of the block went out. Keeps the rest of a line that was begun; returns how many lines come after it. */
static uint32_t keep_rest(struct access_log *log, struct span lines, size_t written)
{
    struct span left = span_skip(lines, written);
    bool begun = written > 0 && lines.ptr[written - 1] != '\n';
    if (!begun)
        return count_lines(left);
    size_t rest = (size_t)span_find_byte(left, '\n') + 1;
    log->rest_len = MIN(rest, sizeof(log->rest));
    memcpy(log->rest, left.ptr, log->rest_len);
    return count_lines(span_skip(left, rest));
}

/* Takes over what reopening left, and tries again what failed at the start. Then `fd` is a descriptor or FD_OFF; or -errno. */
static int settle_fd(struct access_log *log)
{
    int next = atomic_exchange(&log->next_fd, FD_NONE);
    if (next != FD_NONE) {
        if (log->rest_len > 0)
            (void)write_rest(log); /* the last chance: the line belongs to the file that was */
        use_fd(log, next);
        mem_free(TAKE(log->first_name));
    }
    if (log->fd != FD_NONE)
        return 0;
    int fd;
    int r = open_log(log->folder, span_str(log->first_name), &fd, NULL);
    if (r < 0)
        return r;
    use_fd(log, fd);
    mem_free(TAKE(log->first_name));
    return 0;
}

uint32_t access_log_write(struct access_log *log, struct span lines, uint32_t count, int *ret_error)
{
    int r = settle_fd(log);
    uint32_t dropped = count;
    if (r == 0 && log->fd == FD_OFF) {
        dropped = 0; /* switched off while they were on their way */
    } else if (r == 0) {
        size_t written = 0;
        r = write_rest(log);
        if (r == 0)
            r = write_bytes(log, lines, &written);
        if (r == 0 || written > 0)
            dropped = keep_rest(log, lines, written);
    }
    *ret_error = r;
    return dropped;
}

void access_log_free(struct access_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0) {
        (void)write_rest(log);
        close(log->fd);
    }
    int unused = atomic_load(&log->next_fd);
    if (unused >= 0)
        close(unused);
    mem_free(log->folder);
    mem_free(log->first_name);
    mem_free(log);
}
