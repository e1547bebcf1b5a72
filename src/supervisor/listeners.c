/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/listeners.h"

#include "base/text.h"
#include "net/listen.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_one(struct span text, bool reuse_port, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    int result = net_parse_address(text, &address, &len, err);
    return result < 0 ? result : net_listen(&address, len, reuse_port, err);
}

/* A path can be bound once only: there the workers share one socket. */
static int open_for_worker(const struct listeners *listeners, struct span text, uint32_t worker,
                           size_t address, struct err *err)
{
    if (worker == 0 || !span_starts(text, SPAN("unix:")))
        return open_one(text, true, err);
    int fd = fcntl(listeners->fds[2 + address], F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd
                   : err_errno(err, -errno, "cannot share '%.*s' among the workers", (int)text.len,
                               text.ptr);
}

static int add(struct listeners *listeners, int fd)
{
    if (fd >= 0)
        listeners->fds[listeners->count++] = fd;
    return fd;
}

/* 1 when the service has to do without: their usual address is taken, and no file asks for it. */
static int open_metrics(const struct config *config, struct listeners *listeners, struct err *err)
{
    int fd = -1;
    int missing = 0;
    if (config->metrics_listen.len > 0) {
        fd = open_one(config->metrics_listen, false, err);
        missing = fd == -EADDRINUSE && !config->metrics_asked_for;
        if (fd < 0 && !missing)
            return fd;
    }
    listeners->fds[listeners->count++] = missing ? -1 : fd;
    return missing;
}

static int open_all(const struct config *config, const char *admin_path,
                    struct listeners *listeners, struct err *err)
{
    char admin[256];
    int len = snprintf(admin, sizeof(admin), "unix:%s", admin_path);
    if (len < 0 || (size_t)len >= sizeof(admin))
        return err_set(err, -ENAMETOOLONG,
                       "the data folder's path is too long for a UNIX socket in it");
    if (add(listeners, open_one(span_of(admin, (size_t)len), false, err)) < 0)
        return -EIO;
    int metrics = open_metrics(config, listeners, err);
    if (metrics < 0)
        return metrics;
    /* Sockets of one SO_REUSEPORT group may join only each other: a stranger's listener on the port is found out by the first one without the flag. */
    for (size_t a = 0; a < config->listen_count; a++) {
        int probe = open_one(config->listen[a], false, err);
        if (probe < 0)
            return probe;
        close(probe);
    }
    for (uint32_t w = 0; w < listeners->workers; w++)
        for (size_t a = 0; a < config->listen_count; a++)
            if (add(listeners, open_for_worker(listeners, config->listen[a], w, a, err)) < 0)
                return -EIO;
    return metrics;
}

int listeners_open(const struct config *config, uint32_t workers, const char *admin_path,
                   struct listeners *ret_listeners, struct err *err)
{
    struct listeners listeners = {.workers = workers, .addresses = (uint32_t)config->listen_count};
    if (2 + (size_t)workers * config->listen_count > LISTENERS_FDS_MAX)
        return err_set(err, -E2BIG, "%u workers with %zu addresses each are more than %d listeners",
                       workers, config->listen_count, LISTENERS_FDS_MAX - 2);
    int result = open_all(config, admin_path, &listeners, err);
    if (result < 0) {
        listeners_close(&listeners);
        return result;
    }
    *ret_listeners = listeners;
    return result;
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->fds[i] >= 0)
            close(listeners->fds[i]);
    listeners->count = 0;
}

void listeners_shut(const struct listeners *listeners)
{
    for (size_t i = 2; i < listeners->count; i++)
        (void)shutdown(listeners->fds[i], SHUT_RDWR); /* fails on one that is shut already */
}

int listeners_export(const struct listeners *listeners, char *ret_text, size_t size)
{
    int len = snprintf(ret_text, size, "%u %u", listeners->workers, listeners->addresses);
    for (size_t i = 0; i < listeners->count; i++) {
        if (len < 0 || (size_t)len >= size)
            return -ENOSPC;
        len += snprintf(ret_text + len, size - (size_t)len, " %d", listeners->fds[i]);
        if (listeners->fds[i] >= 0 && fcntl(listeners->fds[i], F_SETFD, 0) < 0)
            return -errno;
    }
    return len > 0 && (size_t)len < size ? 0 : -ENOSPC;
}

int listeners_import(const char *text, struct listeners *ret_listeners)
{
    struct listeners listeners = {.count = 0};
    struct span rest = span_str(text);
    struct span part;
    uint64_t workers, addresses;
    int64_t fd;

    if (!text)
        return 0;
    if (!span_split(&rest, ' ', &part) || text_to_u64(part, &workers) < 0 ||
        !span_split(&rest, ' ', &part) || text_to_u64(part, &addresses) < 0 ||
        workers * addresses + 2 > LISTENERS_FDS_MAX)
        return -EINVAL;
    while (span_split(&rest, ' ', &part)) {
        if (listeners.count >= LISTENERS_FDS_MAX || text_to_i64(part, &fd) < 0 || fd > INT32_MAX)
            return -EINVAL;
        if (fd >= 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
            return -EINVAL;
        listeners.fds[listeners.count++] = (int)fd;
    }
    if (listeners.count != workers * addresses + 2)
        return -EINVAL;
    listeners.workers = (uint32_t)workers;
    listeners.addresses = (uint32_t)addresses;
    *ret_listeners = listeners;
    return 1;
}
