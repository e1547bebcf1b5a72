/* SPDX-License-Identifier: Apache-2.0 */
#include "config/handover.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "base/text.h"

#include <jansson.h>

int handover_start_write(const struct handover_start *start, struct buf *ret_payload)
{
    char mac[2 * MAC_KEY_BYTES + 1];
    struct json_out out = json_out_start(ret_payload);

    text_hex(start->key_mac.bytes, MAC_KEY_BYTES, mac);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("data_folder"));
    json_out_string(&out, start->data_folder);
    json_out_key(&out, SPAN("state_folder"));
    json_out_string(&out, start->state_folder);
    json_out_key(&out, SPAN("workers"));
    json_out_u64(&out, start->workers);
    json_out_key(&out, SPAN("addresses"));
    json_out_u64(&out, start->addresses);
    json_out_key(&out, SPAN("metrics"));
    json_out_bool(&out, start->metrics);
    json_out_key(&out, SPAN("uid"));
    json_out_u64(&out, start->uid);
    json_out_key(&out, SPAN("gid"));
    json_out_u64(&out, start->gid);
    json_out_key(&out, SPAN("key_mac"));
    json_out_string(&out, span_str(mac));
    json_out_key(&out, SPAN("restarts"));
    json_out_u64(&out, start->restarts);
    json_out_key(&out, SPAN("bundle"));
    json_out_string(&out, start->bundle);
    json_out_close(&out, '}');
    explicit_bzero(mac, sizeof(mac));
    return buf_status(ret_payload);
}

/* Copies a string member to *at, terminated, and moves *at on. */
static struct span take_string(const json_t *object, const char *name, char **at)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    char *copy = *at;
    if (!text)
        return SPAN_NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *at = copy + len + 1;
    return span_of(copy, len);
}

/* A whole number in 0 … max, or -EINVAL. */
static int take_number(const json_t *object, const char *name, uint32_t max, uint32_t *ret_number)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        return -EINVAL;
    *ret_number = (uint32_t)json_integer_value(value);
    return 0;
}

static int read_members(const json_t *object, char *memory, struct handover_start *ret_start)
{
    struct handover_start start = {0};
    char *at = memory;
    const json_t *mac = json_object_get(object, "key_mac");

    start.data_folder = take_string(object, "data_folder", &at);
    start.state_folder = take_string(object, "state_folder", &at);
    start.bundle = take_string(object, "bundle", &at);
    start.metrics = json_is_true(json_object_get(object, "metrics"));
    if (span_is_null(start.data_folder) || span_is_null(start.state_folder) ||
        span_is_null(start.bundle) ||
        take_number(object, "workers", HANDOVER_WORKERS_MAX, &start.workers) < 0 ||
        take_number(object, "addresses", UINT16_MAX, &start.addresses) < 0 ||
        take_number(object, "uid", UINT32_MAX, &start.uid) < 0 ||
        take_number(object, "gid", UINT32_MAX, &start.gid) < 0 ||
        take_number(object, "restarts", UINT32_MAX, &start.restarts) < 0 || !json_is_string(mac) ||
        text_unhex(span_of(json_string_value(mac), json_string_length(mac)), start.key_mac.bytes,
                   MAC_KEY_BYTES) < 0)
        return -EINVAL;
    *ret_start = start;
    return 0;
}

int handover_start_read(struct span payload, struct handover_start *ret_start, void **ret_memory,
                        struct err *err)
{
    json_t *object = json_loadb(payload.ptr, payload.len, JSON_REJECT_DUPLICATES, NULL);
    /* The members' text is shorter than the payload that holds them all with their names. */
    char *memory = object ? mem_alloc(payload.len + 1) : NULL;
    int result = memory ? read_members(object, memory, ret_start) : -EINVAL;

    json_decref(object);
    if (result < 0) {
        mem_free(memory);
        return err_set(err, result, "the supervisor's message cannot be read");
    }
    *ret_memory = memory;
    return 0;
}
