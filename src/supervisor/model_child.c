/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/model_child.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "loop/child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_MS_FIRST 100
#define PAUSE_MS_MAX 10000
#define GOOD_LIFE_MS 30000
#define SETTINGS_BYTES_MAX 16384
#define REASON_BYTES 512
#define STATUS_PORT_TAKEN 5                /* of libexec/embedded_model.py: the next life may have more luck */
#define REASON_PREFIX "embedded model: " /* of its lines */

struct model_child {
    struct loop *loop;
    struct model_spec spec;
    char name[128]; /* `spec` points here for these two */
    char log_path[PATH_MAX + 16];
    struct child *child; /* NULL between two lives */
    int input;           /* our end of its standard input; open as long as it shall live */
    uint16_t port;
    char url[64];
    char key[33];
    uint64_t started_ms;
    uint64_t pause_ms;
    struct deadline restart;
};

static void start(struct model_child *model);

/* A port that is free now. Between this and the model's own bind somebody else may take it; then the model says so and the next start tries again. */
static int free_port(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = bind(fd, (struct sockaddr *)&address, len) < 0 ||
                         getsockname(fd, (struct sockaddr *)&address, &len) < 0
                     ? -errno
                     : 0;
    close(fd);
    *ret_port = ntohs(address.sin_port);
    return result;
}

/* The last line of its log that is not empty, from the last REASON_BYTES of it. */
static void read_reason(const struct model_child *model, char ret_reason[REASON_BYTES])
{
    char tail[REASON_BYTES];
    struct span line, reason = SPAN("it does not say why");
    ssize_t len = 0;
    int fd = open(model->spec.log_path, O_RDONLY | O_CLOEXEC);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    if (end > 0)
        len = pread(fd, tail, sizeof(tail), MAX(end - (off_t)sizeof(tail), (off_t)0));
    if (fd >= 0)
        close(fd);
    struct span rest = span_of(tail, len > 0 ? (size_t)len : 0);
    while (span_split(&rest, '\n', &line))
        if (span_trim(line).len > 0)
            reason = span_trim(line);
    if (span_starts(reason, SPAN(REASON_PREFIX)))
        reason = span_skip(reason, strlen(REASON_PREFIX));
    snprintf(ret_reason, REASON_BYTES, "%.*s", (int)reason.len, reason.ptr);
}

static void on_exit_of_child(void *owner, int64_t status, int signum)
{
    struct model_child *model = owner;
    uint64_t now = loop_now_ms(model->loop);

    child_free(TAKE(model->child));
    close(model->input);
    model->input = -1;
    if (model->spec.first_start && status != 0 && status != STATUS_PORT_TAKEN) {
        char reason[REASON_BYTES];
        read_reason(model, reason);
        model->spec.on_refused(reason);
        return;
    }
    model->spec.first_start = false;
    if (now - model->started_ms >= GOOD_LIFE_MS)
        model->pause_ms = PAUSE_MS_FIRST;
    log_line(LOG_WARN,
             "the embedded model ended (%s %d); starting it again in %llu ms, its log is '%s'",
             signum ? "signal" : "status", signum ? signum : (int)status,
             (unsigned long long)model->pause_ms, model->spec.log_path);
    deadline_set(model->loop, &model->restart, now + model->pause_ms);
    model->pause_ms = MIN(model->pause_ms * 2, (uint64_t)PAUSE_MS_MAX);
}

static void write_settings(const struct model_child *model, struct buf *settings)
{
    struct json_out out = json_out_start(settings);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("model"));
    json_out_string(&out, span_str(model->spec.model));
    json_out_key(&out, SPAN("alias"));
    json_out_string(&out, span_str(model->spec.name));
    json_out_key(&out, SPAN("host"));
    json_out_string(&out, SPAN("127.0.0.1"));
    json_out_key(&out, SPAN("port"));
    json_out_u64(&out, model->port);
    json_out_key(&out, SPAN("api_key"));
    json_out_string(&out, span_str(model->key));
    json_out_key(&out, SPAN("slots"));
    json_out_u64(&out, model->spec.slots);
    json_out_key(&out, SPAN("context"));
    json_out_u64(&out, model->spec.context_tokens);
    json_out_key(&out, SPAN("threads"));
    json_out_u64(&out, model->spec.threads);
    json_out_close(&out, '}');
    buf_append_byte(settings, '\n');
}

static int launch(struct model_child *model, struct err *err)
{
    const char *const argv[] = {model->spec.python, "-I", model->spec.program, NULL};
    struct buf settings;
    int pipes[2];

    int log_fd = open(model->spec.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log_fd < 0)
        return err_errno(err, -errno, "cannot open '%s'", model->spec.log_path);
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        int error = -errno;
        close(log_fd);
        return err_errno(err, error, "cannot make a pipe for the embedded model");
    }
    buf_init(&settings, SETTINGS_BYTES_MAX);
    write_settings(model, &settings);
    int fds[] = {pipes[0], log_fd, log_fd};
    struct child_spec spec = {.path = model->spec.python,
                              .argv = argv,
                              .fds = fds,
                              .fds_count = COUNT_OF(fds),
                              .uid = model->spec.uid,
                              .gid = model->spec.gid};
    /* The settings fit into the pipe, so this write does not block. */
    bool written = buf_status(&settings) == 0 &&
                   write(pipes[1], settings.ptr, settings.len) == (ssize_t)settings.len;
    if (written)
        model->child = child_start(model->loop, &spec, on_exit_of_child, model, err);
    else
        err_set(err, -EIO, "cannot write the embedded model's settings");
    if (settings.ptr)
        explicit_bzero(settings.ptr, settings.len);
    buf_release(&settings);
    close(pipes[0]);
    close(log_fd);
    if (!model->child) {
        close(pipes[1]);
        return -EIO;
    }
    model->input = pipes[1];
    model->started_ms = loop_now_ms(model->loop);
    return 0;
}

static void start(struct model_child *model)
{
    struct err err = {""};
    if (launch(model, &err) == 0)
        return;
    log_line(LOG_ERROR, "cannot start the embedded model: %s", err.text);
    deadline_set(model->loop, &model->restart, loop_now_ms(model->loop) + PAUSE_MS_MAX);
}

static void on_restart(struct deadline *deadline)
{
    start(container_of(deadline, struct model_child, restart));
}

struct model_child *model_child_new(struct loop *loop, const struct model_spec *spec,
                                    struct err *err)
{
    unsigned char bytes[16];
    struct model_child *model = mem_zalloc(sizeof(*model));
    if (!model) {
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    model->loop = loop;
    model->spec = *spec;
    snprintf(model->name, sizeof(model->name), "%s", spec->name);
    snprintf(model->log_path, sizeof(model->log_path), "%s", spec->log_path);
    model->spec.name = model->name;
    model->spec.log_path = model->log_path;
    model->input = -1;
    model->pause_ms = PAUSE_MS_FIRST;
    deadline_init(&model->restart, on_restart);
    int result = free_port(&model->port);
    if (result < 0) {
        err_errno(err, result, "no free port for the embedded model");
        mem_free(model);
        return NULL;
    }
    snprintf(model->url, sizeof(model->url), "http://127.0.0.1:%u", model->port);
    random_bytes(bytes, sizeof(bytes));
    text_hex(bytes, sizeof(bytes), model->key);
    (void)unlink(model->log_path);
    if (launch(model, err) < 0) {
        model_child_free(model);
        return NULL;
    }
    return model;
}

void model_child_free(struct model_child *model)
{
    if (!model)
        return;
    deadline_clear(&model->restart);
    if (model->child) {
        child_signal(model->child, SIGTERM);
        child_free(TAKE(model->child));
    }
    if (model->input >= 0)
        close(model->input);
    explicit_bzero(model->key, sizeof(model->key));
    mem_free(model);
}

const char *model_child_url(const struct model_child *model)
{
    return model->url;
}

const char *model_child_key(const struct model_child *model)
{
    return model->key;
}

int model_child_pid(const struct model_child *model)
{
    return model->child ? child_pid(model->child) : 0;
}

void model_child_kill(struct model_child *model)
{
    if (model->child)
        child_signal(model->child, SIGKILL);
}
