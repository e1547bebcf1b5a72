/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_json.h"

#include "admin/limits_json.h"
#include "base/text.h"

#include <stdatomic.h>

static void write_time(struct json_out *out, struct span name, uint64_t wall_ms)
{
    char text[TEXT_TIME_BYTES];
    json_out_key(out, name);
    if (wall_ms == 0) {
        json_out_null(out);
        return;
    }
    text_time(wall_ms, text);
    json_out_string(out, span_str(text));
}

static const char *state_of(const struct key *key, uint64_t wall_ms)
{
    if (key->disabled)
        return "disabled";
    return key->expires_ms != 0 && wall_ms >= key->expires_ms ? "expired" : "active";
}

static void write_text(struct json_out *out, struct span name, const char *text)
{
    json_out_key(out, name);
    json_out_string(out, span_str(text));
}

void key_write_members(struct json_out *out, const struct key *key, uint64_t wall_ms)
{
    char id[16];
    key_format_id(key->id, id);
    write_text(out, SPAN("id"), id);
    write_text(out, SPAN("name"), key->name);
    write_text(out, SPAN("hint"), key->hint);
    write_text(out, SPAN("state"), state_of(key, wall_ms));
    json_out_key(out, SPAN("models"));
    json_out_open(out, '[');
    for (size_t i = 0; i < key->models_count; i++)
        json_out_string(out, span_str(key->models[i]));
    json_out_close(out, ']');
    write_time(out, SPAN("created"), key->created_ms);
    write_time(out, SPAN("expires"), key->expires_ms);
    write_time(out, SPAN("last_used"),
               atomic_load_explicit(&key->last_used_ms, memory_order_relaxed));
    json_out_key(out, SPAN("imported"));
    json_out_bool(out, key->imported);
    json_out_key(out, SPAN("account"));
    if (key->account_id)
        json_out_string(out, span_str(key->account));
    else
        json_out_null(out);
    struct limits none = limits_unset();
    json_out_key(out, SPAN("limits"));
    limits_write_json(out, key->limits ? key->limits : &none);
}

json_t *keys_json_parse(struct span text, struct err *err)
{
    json_error_t error;
    json_t *root = json_loadb(text.len ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        (void)err_set(err, -EINVAL, "the body is not JSON: line %d: %s", error.line, error.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        (void)err_set(err, -EINVAL, "the body is not a JSON object");
        return NULL;
    }
    return root;
}

int keys_json_only(json_t *object, const char *const *names, struct err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const char *const *known = names;
        while (*known && strcmp(*known, name) != 0)
            known++;
        if (!*known)
            return err_set(err, -EINVAL, "unknown member '%.100s'", name);
    }
    return 0;
}

/* JSON texts are UTF-8 already; what would break a line of a table or a list of names is refused here. */
static bool is_plain(struct span text, size_t len_max)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0 && text.len <= len_max;
}

static int read_models(const json_t *models, struct key_wish *wish, struct err *err)
{
    if (!models || json_is_null(models))
        return 0;
    if (!json_is_array(models) || json_array_size(models) > KEY_MODELS_MAX)
        return err_set(err, -EINVAL, "'models' must be a list of at most %d names", KEY_MODELS_MAX);
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *name = json_array_get(models, i);
        if (!json_is_string(name) ||
            !is_plain(span_of(json_string_value(name), json_string_length(name)),
                      KEY_MODEL_NAME_MAX))
            return err_set(err, -EINVAL, "'models' must hold names of 1 to %d printable bytes",
                           KEY_MODEL_NAME_MAX);
        wish->models[wish->models_count++] = json_string_value(name);
    }
    return 0;
}

static int read_expires(const json_t *expires, struct key_wish *wish, struct err *err)
{
    if (!expires || json_is_null(expires))
        return 0;
    struct span text = span_str(json_string_value(expires));
    if (span_is_null(text) || text_parse_time(text, &wish->expires_ms) < 0 || wish->expires_ms == 0)
        return err_set(err, -EINVAL,
                       "'expires' must be a date such as 2027-01-01 or 2027-01-01T12:00:00Z");
    return 0;
}

int key_terms_read(const json_t *object, struct span *account, struct limits *limits,
                   struct err *err)
{
    const json_t *name = json_object_get(object, "account"),
                 *wanted = json_object_get(object, "limits");
    if (json_is_null(name)) {
        *account = SPAN("");
    } else if (name) {
        struct span text = span_of(json_string_value(name), json_string_length(name));
        if (!json_is_string(name) || !account_name_is_good(text))
            return err_set(err, -EINVAL,
                           "'account' must be a name of 1 to %d letters, digits and any of '._@+-'",
                           ACCOUNT_NAME_BYTES_MAX);
        *account = text;
    }
    return wanted && !json_is_null(wanted) ? limits_read_json(wanted, limits, err) : 0;
}

int key_wish_read(const json_t *object, struct key_wish *ret_wish, struct err *err)
{
    struct key_wish wish = {.account = SPAN(""), .limits = limits_unset()};
    const json_t *name = json_object_get(object, "name");
    if (!json_is_string(name))
        return err_set(err, -EINVAL, "'name' must be a text");
    wish.name = span_of(json_string_value(name), json_string_length(name));
    if (!is_plain(wish.name, KEY_NAME_BYTES_MAX))
        return err_set(err, -EINVAL, "'name' must have 1 to %d printable bytes",
                       KEY_NAME_BYTES_MAX);
    int result = read_models(json_object_get(object, "models"), &wish, err);
    if (result == 0)
        result = read_expires(json_object_get(object, "expires"), &wish, err);
    if (result == 0)
        result = key_terms_read(object, &wish.account, &wish.limits, err);
    if (result == 0)
        *ret_wish = wish;
    return result;
}

struct key_spec key_spec_of_wish(const struct key_wish *wish)
{
    return (struct key_spec){.name = wish->name,
                             .expires_ms = wish->expires_ms,
                             .models = wish->models,
                             .models_count = wish->models_count,
                             .account = wish->account,
                             .limits = limits_are_unset(&wish->limits) ? NULL : &wish->limits};
}
