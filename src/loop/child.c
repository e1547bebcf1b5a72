/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uv_spawn() does the dangerous part between fork and exec: it resets the signal mask and all handlers, drops the
 * supplementary groups when it changes the user, and reports an exec that failed. Descriptors that are not listed
 * are closed by their close-on-exec flag, which everything in this project sets.
 */
#include "loop/child.h"

#include "loop/internal.h"

#include "base/alloc.h"
#include "base/span.h"

#include <fcntl.h>
#include <unistd.h>

struct child {
    uv_process_t process;
    struct loop *loop;
    struct loop_item item;
    void (*on_exit)(void *owner, int64_t status, int signum); /* NULL once forgotten */
    void *owner;
    bool gone;
};

static void child_on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct child, process));
}

static void child_close(struct child *child)
{
    list_remove(&child->item.link);
    uv_close((uv_handle_t *)&child->process, child_on_closed);
}

static void child_item_close(struct loop_item *item)
{
    child_close(container_of(item, struct child, item));
}

static void child_on_exit(uv_process_t *process, int64_t status, int signum)
{
    struct child *child = container_of(process, struct child, process);
    loop_enter(child->loop);
    child->gone = true;
    if (child->on_exit)
        child->on_exit(child->owner, signum ? 0 : status, signum);
    else
        child_close(child);
}

/* The pointers stay the process's own environment's. What tunes the C library and the
 * sanitizers holds for all processes of the service. Any other variable is not the child's business. */
static const char *const inherited_names[] = {
    "PATH=",         "HOME=",         "LANG=",         "TZ=",           "GLIBC_TUNABLES=",
    "ASAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "UBSAN_OPTIONS="};

static void environment_select(const char *ret_environment[COUNT_OF(inherited_names) + 1])
{
    size_t count = 0;
    for (char **at = environ; *at; at++)
        for (size_t i = 0; i < COUNT_OF(inherited_names); i++)
            if (span_starts(span_str(*at), span_str(inherited_names[i])) &&
                count < COUNT_OF(inherited_names))
                ret_environment[count++] = *at;
    ret_environment[count] = NULL;
}

static void stdio_fill(uv_stdio_container_t *ret_stdio, const struct child_spec *spec,
                       int null_device)
{
    for (size_t i = 0; i < spec->fds_count; i++) {
        ret_stdio[i].flags = UV_INHERIT_FD;
        ret_stdio[i].data.fd = spec->fds[i] >= 0 ? spec->fds[i] : null_device;
    }
}

static int child_spawn(struct child *child, const struct child_spec *spec, int null_device)
{
    const char *environment[COUNT_OF(inherited_names) + 1];
    environment_select(environment);
    uv_stdio_container_t stdio[CHILD_FDS_MAX];
    stdio_fill(stdio, spec, null_device);
    uv_process_options_t options = {
        .exit_cb = child_on_exit,
        .file = spec->path,
        .args = (char **)(uintptr_t)spec->argv,
        .env = (char **)(uintptr_t)(spec->env ? spec->env : environment),
        .stdio_count = (int)spec->fds_count,
        .stdio = stdio,
        .flags = (spec->uid ? UV_PROCESS_SETUID : 0u) | (spec->gid ? UV_PROCESS_SETGID : 0u),
        .uid = spec->uid,
        .gid = spec->gid,
    };
    return uv_spawn(&child->loop->uv, &child->process, &options);
}

struct child *child_start(struct loop *loop, const struct child_spec *spec,
                          void (*on_exit)(void *owner, int64_t status, int signum), void *owner,
                          struct err *err)
{
    if (spec->fds_count > CHILD_FDS_MAX) {
        err_set(err, -EINVAL, "cannot start '%s': more than %d descriptors", spec->path,
                CHILD_FDS_MAX);
        return NULL;
    }
    struct child *child = mem_zalloc(sizeof(*child));
    int null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!child || null_device < 0) {
        err_errno(err, child ? -errno : -ENOMEM, "cannot start '%s'", spec->path);
        if (null_device >= 0)
            close(null_device);
        mem_free(child);
        return NULL;
    }
    child->loop = loop;
    child->on_exit = on_exit;
    child->owner = owner;
    loop_add(loop, &child->item, child_item_close);
    int r = child_spawn(child, spec, null_device);
    close(null_device);
    if (r != 0) {
        err_errno(err, r, "cannot start '%s'", spec->path);
        child_close(child);
        return NULL;
    }
    return child;
}

int child_pid(const struct child *child)
{
    return child->process.pid;
}

void child_signal(struct child *child, int signum)
{
    if (!child->gone)
        (void)uv_process_kill(&child->process, signum);
}

/* While the process lives the struct stays, so that its end is waited for and leaves no zombie. */
void child_free(struct child *child)
{
    if (!child)
        return;
    child->on_exit = NULL;
    if (child->gone)
        child_close(child);
}
