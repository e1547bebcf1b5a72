/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "common.h"

static const char no_key[] = "sk-sw-00000000001-000000000000000000000000000000000";
static char *forged_key; /* in the text */

/* A chat of several turns whose text looks like people's, escapes and all, of exactly `bytes` bytes. */
static void write_body(char *body, size_t bytes, bool stream)
{
    static const char text[] = "The tide came in before noon and the wall held, as it does.\\nThey "
                               "asked: \\\"how long?\\\" and nobody could say. ";
    static const char turn[] = "\"},{\"role\":\"user\",\"content\":\"";
    static const char last[] = "\"}],\"max_tokens\":256}";
    size_t len = (size_t)snprintf(
        body, bytes + 1,
        "{\"model\":\"bench-model\",%s\"messages\":[{\"role\":\"user\",\"content\":\"",
        stream ? "\"stream\":true,\"stream_options\":{\"include_usage\":true}," : "");
    if (bytes < len + sizeof(last))
        die("--body expects at least %zu bytes", len + sizeof(last));
    size_t end = bytes - (sizeof(last) - 1);
    for (size_t n = 1; len + sizeof(text) + sizeof(turn) < end; n++) {
        len += (size_t)snprintf(body + len, sizeof(text), "%s", text);
        if (n % 8 == 0)
            len += (size_t)snprintf(body + len, sizeof(turn), "%s", turn);
    }
    memset(body + len, 'a', end - len);
    memcpy(body + end, last, sizeof(last) - 1);
}

struct span request_new(const struct request_terms *terms)
{
    const char *key = terms->forge ? no_key : terms->key;
    size_t room = terms->body_bytes + HEAD_BYTES_MAX;
    char *body = room_for(terms->body_bytes + 1);
    char *text = room_for(room);
    write_body(body, terms->body_bytes, terms->stream);
    int len =
        snprintf(text, room,
                 "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                 "User-Agent: bench\r\nAccept: */*\r\n%s%s%sContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 terms->port, key ? "Authorization: Bearer " : "", key ? key : "",
                 key ? "\r\n" : "", terms->body_bytes, body);
    if (len < 0 || (size_t)len >= room)
        die("--key is too long");
    forged_key = terms->forge ? strstr(text, no_key) : NULL;
    free(body);
    return span_of(text, (size_t)len);
}

/* Sixteen digits are enough to be different, and each group of a key stays below 2^64. */
void request_forge(void)
{
    static uint64_t state = 88172645463325252u;
    for (size_t i = sizeof("sk-sw-") - 1; i < sizeof(no_key) - 1; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (forged_key[i] != '-')
            forged_key[i] = "0123456789ABCDEF"[state >> 60];
    }
}
