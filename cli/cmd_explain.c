/* SPDX-License-Identifier: Apache-2.0 */
/* seawall explain: what happened to one request, from its line in the access log. */
#include "client.h"
#include "explain.h"
#include "member.h"
#include "words.h"

#define TARGET_BYTES_MAX 1024
#define TEXT_BYTES_MAX (1U << 20)

static enum exit_status get(const struct invocation *call, const char *folder, const char *id,
                            json_t **ret_json, struct err *err)
{
    struct buf target;
    enum exit_status status = EXIT_USAGE;
    buf_init(&target, TARGET_BYTES_MAX);
    buf_append(&target, span_str(folder));
    words_escape(&target, id);
    if (buf_status(&target) < 0)
        err_set(err, -EINVAL, "the id is too long");
    else
        status = client_ask(call, "GET", buf_cstr(&target), SPAN(""), ret_json, err);
    buf_release(&target);
    return status;
}

/* Without its key's name, which is only for people, a request is explained as well. */
static enum exit_status print_words(const struct invocation *call, const json_t *line)
{
    struct buf text;
    struct err ignored = {""};
    json_t *key = NULL;
    const char *id = member_text(line, "key", NULL);
    if (id && get(call, "/keys/", id, &key, &ignored) != EXIT_OK) {
        json_decref(key);
        key = NULL;
    }
    buf_init(&text, TEXT_BYTES_MAX);
    explain_write(line, member_text(key, "name", NULL), &text);
    enum exit_status status = EXIT_OK;
    if (buf_status(&text) < 0)
        status = command_fail("out of memory");
    else if (fwrite(text.ptr, 1, text.len, stdout) != text.len)
        status = command_fail("cannot write: %s", strerror(errno));
    buf_release(&text);
    json_decref(key);
    return status;
}

enum exit_status cmd_explain(const struct invocation *call)
{
    struct err err = {""};
    json_t *line = NULL;
    enum exit_status status = get(call, "/requests/", call->arguments[0], &line, &err);
    if (status != EXIT_OK)
        (void)command_fail("%s", err.text);
    else if (call->json)
        status = client_print(line);
    else
        status = print_words(call, line);
    json_decref(line);
    return status;
}
