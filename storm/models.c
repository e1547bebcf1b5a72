/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/models.h"

#include "http/response.h"

#include <jansson.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S 5
#define ANSWER_BYTES_MAX 1048576
#define HEAD_BYTES_MAX 16384
#define REQUEST_BYTES_MAX 8192

struct answer {
    struct buf body;
    unsigned status;
    bool whole;
};

static int on_head(void *owner, const struct http_response *response)
{
    struct answer *answer = owner;
    answer->status = http_response_status(response);
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct answer *answer = owner;
    buf_append(&answer->body, span_of(bytes, len));
    return buf_status(&answer->body);
}

static int on_done(void *owner)
{
    struct answer *answer = owner;
    answer->whole = true;
    return 0;
}

static const struct http_response_events events = {on_head, on_body, on_done};

static int ask(const struct target *target, struct span key, struct span header, int *ret_fd)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    struct buf request;
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_fd = fd;
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_len) < 0)
        return -errno;
    buf_init(&request, REQUEST_BYTES_MAX);
    buf_printf(&request, "GET %s/v1/models HTTP/1.1\r\nHost: %s\r\nUser-Agent: seawall-storm\r\n",
               target->prefix, target->host);
    if (!span_is_null(key))
        buf_printf(&request, "Authorization: Bearer %.*s\r\n", (int)key.len, key.ptr);
    if (!span_is_null(header))
        buf_printf(&request, "%.*s\r\n", (int)header.len, header.ptr);
    buf_append(&request, SPAN("\r\n"));
    ssize_t sent =
        buf_status(&request) == 0 ? send(fd, request.ptr, request.len, MSG_NOSIGNAL) : -1;
    int r = sent == (ssize_t)request.len ? 0 : -EIO;
    buf_release(&request);
    return r;
}

static int take(int fd, struct answer *answer)
{
    char bytes[16384];
    struct http_response *response = http_response_new(HEAD_BYTES_MAX, &events, answer);
    int r = response ? 0 : -ENOMEM;
    while (r == 0 && !answer->whole) {
        ssize_t len = recv(fd, bytes, sizeof(bytes), 0);
        if (len < 0)
            r = errno == EAGAIN ? -ETIMEDOUT : -errno;
        else if (len > 0)
            r = http_response_feed(response, bytes, (size_t)len);
        else if ((r = http_response_end(response)) == 0 && !answer->whole)
            r = -ECONNRESET;
    }
    http_response_free(response);
    return r;
}

int models_read(struct span body, char ret_name[MODELS_NAME_BYTES])
{
    json_t *json = json_loadb(body.ptr, body.len, 0, NULL);
    const json_t *model = json_array_get(json_object_get(json, "data"), 0);
    struct span name = span_str(json_string_value(json_object_get(model, "id")));
    bool good = name.len > 0 && name.len < MODELS_NAME_BYTES;
    for (size_t i = 0; good && i < name.len; i++)
        good = (unsigned char)name.ptr[i] >= ' ' && name.ptr[i] != '"' && name.ptr[i] != '\\';
    if (good) {
        memcpy(ret_name, name.ptr, name.len);
        ret_name[name.len] = '\0';
    }
    json_decref(json);
    return good ? 0 : -EINVAL;
}

int models_first(const struct target *target, struct span key, struct span header,
                 char ret_name[MODELS_NAME_BYTES], struct err *err)
{
    struct answer answer = {.status = 0};
    int fd;
    buf_init(&answer.body, ANSWER_BYTES_MAX);
    int r = ask(target, key, header, &fd);
    if (r == 0)
        r = take(fd, &answer);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        r = err_errno(err, r, "cannot ask http://%s for its models", target->host);
    else if (answer.status != 200 || models_read(buf_span(&answer.body), ret_name) < 0)
        r = err_set(err, -EINVAL,
                    "http://%s names no model (status %u): --model says which, --keys brings a key",
                    target->host, answer.status);
    buf_release(&answer.body);
    return r;
}
