/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "base/alloc.h"
#include "http/answer.h"
#include "http/response.h"
#include "words.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_BYTES_MAX 16384
#define TARGET_BYTES_MAX 65536
#define READ_BYTES 65536
#define READ_PADDING 64
#define MESSAGE_BYTES_MAX 300

struct client {
    int fd;
    struct http_response *response;
    struct buf answer;
    unsigned status;
    bool done;
    char bytes[READ_BYTES + READ_PADDING];
};

/* ── the answer, as it comes ── */

static int on_head(void *owner, const struct http_response *response)
{
    struct client *client = owner;
    client->status = http_response_status(response);
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct client *client = owner;
    buf_append(&client->answer, span_of(bytes, len));
    return buf_status(&client->answer);
}

static int on_done(void *owner)
{
    struct client *client = owner;
    client->done = true;
    return 0;
}

static const struct http_response_events events = {on_head, on_body, on_done};

/* ── the connection ── */

/* The daemon's rule, in supervisor/options.c. */
static int default_folder(char *ret_path, size_t size, struct err *err)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int len;
    if (geteuid() == 0)
        len = snprintf(ret_path, size, "/var/lib/seawall");
    else if (data && data[0] == '/')
        len = snprintf(ret_path, size, "%s/seawall", data);
    else if (home && home[0] == '/')
        len = snprintf(ret_path, size, "%s/.local/share/seawall", home);
    else
        return err_set(err, -EINVAL, "no data folder: give --data DIR");
    return (size_t)len < size ? 0
                              : err_set(err, -ENAMETOOLONG, "the data folder's path is too long");
}

static int connect_to(const char *folder, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", folder);
    if (len < 0 || (size_t)len >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "the data folder's path is too long for a socket: '%s'",
                       folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, -errno, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = -errno;
        close(fd);
        if (error == -ENOENT || error == -ECONNREFUSED)
            return err_set(err, error, "no service runs with the data folder '%s'", folder);
        return err_errno(err, error, "cannot reach the service at '%s'", address.sun_path);
    }
    *ret_fd = fd;
    return 0;
}

int client_open(const char *data, struct client **ret_client, struct err *err)
{
    char folder[PATH_MAX];
    int fd = -1;
    int result = data ? 0 : default_folder(folder, sizeof(folder), err);
    if (result == 0)
        result = connect_to(data ? data : folder, &fd, err);
    if (result < 0)
        return result;
    struct client *client = mem_zalloc(sizeof(*client));
    if (client)
        client->response = http_response_new(HEAD_BYTES_MAX, &events, client);
    if (!client || !client->response) {
        mem_free(client);
        close(fd);
        return err_set(err, -ENOMEM, "out of memory");
    }
    client->fd = fd;
    buf_init(&client->answer, CLIENT_ANSWER_BYTES_MAX);
    client_set_wait(client, CLIENT_WAIT_S);
    *ret_client = client;
    return 0;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    close(client->fd);
    http_response_free(client->response);
    if (client->answer.ptr)
        explicit_bzero(client->answer.ptr, client->answer.cap); /* a new key's text is in it */
    buf_release(&client->answer);
    mem_free_secret(client, sizeof(*client));
}

void client_set_wait(struct client *client, uint32_t seconds)
{
    struct timeval wait = {.tv_sec = (time_t)seconds};
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

/* ── one request ── */

static int write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = span_skip(bytes, (size_t)n);
    }
    return 0;
}

static int send_request(struct client *client, const char *method, const char *target,
                        struct span body)
{
    struct buf head;
    bool has_body = strcmp(method, "POST") == 0;
    buf_init(&head, HEAD_BYTES_MAX);
    http_ask_start(&head, span_str(method), span_str(target), SPAN("seawall"));
    if (body.len > 0)
        http_ask_header(&head, SPAN("Content-Type"), SPAN("application/json"));
    http_ask_end(&head, body.len, has_body);
    int result = buf_status(&head);
    if (result == 0)
        result = write_all(client->fd, buf_span(&head));
    if (result == 0)
        result = write_all(client->fd, body);
    buf_release(&head);
    return result;
}

static int receive(struct client *client)
{
    while (!client->done) {
        ssize_t n = recv(client->fd, client->bytes, READ_BYTES, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
            return -ECONNRESET;
        memset(client->bytes + n, 0, READ_PADDING);
        int result = http_response_feed(client->response, client->bytes, (size_t)n);
        if (result < 0)
            return result;
    }
    return 0;
}

int client_call(struct client *client, const char *method, const char *target, struct span body,
                unsigned *ret_status, struct span *ret_body, struct err *err)
{
    buf_clear(&client->answer);
    client->done = false;
    http_response_reset(client->response, false);
    int result = send_request(client, method, target, body);
    /* Who refuses a request early closes while it is still being sent; then the answer says why. */
    if (result == 0 || result == -EPIPE || result == -ECONNRESET) {
        int received = receive(client);
        result = received == 0 || result == 0 ? received : result;
    }
    if (result < 0)
        return err_errno(err, result, "the service does not answer");
    *ret_status = client->status;
    *ret_body = buf_span(&client->answer);
    return 0;
}

/* ── documents ── */

static enum exit_status read_answer(unsigned status, struct span body, json_t **ret_json,
                                    struct err *err)
{
    json_t *json = body.len > 0 ? json_loadb(body.ptr, body.len, 0, NULL) : NULL;
    if (!json) {
        (void)err_set(err, -EBADMSG, "the service's answer cannot be read (status %u)", status);
        return EXIT_FAILED;
    }
    *ret_json = json;
    if (status == 200)
        return EXIT_OK;
    const char *message =
        json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    (void)err_set(err, -EREMOTEIO, "%.*s", MESSAGE_BYTES_MAX,
                  message ? message : "the service refuses it");
    return EXIT_FAILED;
}

enum exit_status client_ask(const struct invocation *call, const char *method, const char *target,
                            struct span body, json_t **ret_json, struct err *err)
{
    struct client *client = NULL;
    struct span answer = SPAN_NULL;
    unsigned status = 0;
    *ret_json = NULL;
    if (client_open(call->data, &client, err) < 0)
        return EXIT_UNREACHABLE;
    if (strcmp(target, "/keys/import") == 0 || strcmp(target, "/profiles/import") == 0)
        client_set_wait(client, CLIENT_IMPORT_WAIT_S);
    enum exit_status result = EXIT_UNREACHABLE;
    if (client_call(client, method, target, body, &status, &answer, err) == 0)
        result = read_answer(status, answer, ret_json, err);
    client_close(client);
    return result;
}

enum exit_status client_get(const struct invocation *call, const char *method, const char *target,
                            struct span body, json_t **ret_json)
{
    struct err err = {""};
    enum exit_status result = client_ask(call, method, target, body, ret_json, &err);
    if (result == EXIT_OK)
        return result;
    (void)command_fail("%s", err.text);
    json_decref(*ret_json);
    *ret_json = NULL;
    return result;
}

enum exit_status client_get_about(const struct invocation *call, const char *method, const char *folder,
                                  const char *verb, struct span body, json_t **ret_json)
{
    struct buf target;
    buf_init(&target, TARGET_BYTES_MAX);
    buf_append(&target, span_str(folder));
    words_escape(&target, call->arguments[0]);
    buf_append(&target, span_str(verb));
    enum exit_status status = client_get(call, method, buf_cstr(&target), body, ret_json);
    buf_release(&target);
    return status;
}

enum exit_status client_print(const json_t *json)
{
    if (json_dumpf(json, stdout, JSON_ENCODE_ANY) < 0 || putchar('\n') < 0)
        return command_fail("cannot write: %s", strerror(errno));
    return EXIT_OK;
}
