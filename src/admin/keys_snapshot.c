/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_snapshot.h"

#include "admin/state_file.h"
#include "base/alloc.h"
#include "base/json_out.h"
#include "base/text.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <unistd.h>

#define SNAPSHOT_VERSION 2
#define SNAPSHOT_VERSION_FIRST 1 /* that can be read */
#define LINE_BYTES_MAX (1U << 18) /* KEY_MODELS_MAX long names, every byte escaped, fit */
#define PIECE_BYTES (1U << 16)

/* ── writing ── */

static void put_text(struct json_out *out, struct span name, const char *text)
{
    json_out_key(out, name);
    json_out_string(out, span_str(text));
}

static void put_number(struct json_out *out, struct span name, uint64_t value)
{
    json_out_key(out, name);
    json_out_u64(out, value);
}

static void put_limits(struct json_out *out, const struct limits *limits)
{
    char text[LIMITS_TEXT_BYTES_MAX + 1];
    struct buf buf = {.ptr = text, .cap = sizeof(text) - 1, .max = sizeof(text) - 1};
    limits_write(&buf, limits);
    json_out_key(out, SPAN("limits"));
    json_out_string(out, buf_span(&buf));
}

static void put_account(struct buf *buf, const struct account *account)
{
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    put_text(&out, SPAN("account"), account->name);
    put_limits(&out, &account->limits);
    json_out_close(&out, '}');
    buf_append_byte(buf, '\n');
}

static void put_key(struct buf *buf, const struct key *key)
{
    char id[16], digest[2 * SHA256_BYTES + 1];
    struct json_out out = json_out_start(buf);
    key_format_id(key->id, id);
    text_hex(key->digest, SHA256_BYTES, digest);

    json_out_open(&out, '{');
    put_text(&out, SPAN("id"), id);
    put_text(&out, SPAN("sha256"), digest);
    put_text(&out, SPAN("name"), key->name);
    put_text(&out, SPAN("hint"), key->hint);
    json_out_key(&out, SPAN("models"));
    json_out_open(&out, '[');
    for (size_t i = 0; i < key->models_count; i++)
        json_out_string(&out, span_str(key->models[i]));
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("imported"));
    json_out_bool(&out, key->imported);
    json_out_key(&out, SPAN("disabled"));
    json_out_bool(&out, key->disabled);
    put_number(&out, SPAN("created_ms"), key->created_ms);
    put_number(&out, SPAN("expires_ms"), key->expires_ms);
    put_number(&out, SPAN("last_used_ms"),
               atomic_load_explicit(&key->last_used_ms, memory_order_relaxed));
    if (key->account_id)
        put_text(&out, SPAN("account"), key->account);
    if (key->limits)
        put_limits(&out, key->limits);
    json_out_close(&out, '}');
    buf_append_byte(buf, '\n');
}

/* Piece by piece: a million keys are not held as text. */
static int write_ring(int fd, const struct keyring *ring)
{
    struct buf buf;
    int result = 0;
    buf_init(&buf, PIECE_BYTES + LINE_BYTES_MAX);
    const struct accounts *accounts = keyring_accounts(ring);
    size_t keys = keyring_count(ring), lines = keys + accounts_count(accounts);
    buf_printf(&buf, "{\"seawall_keys\":%d,\"count\":%zu,\"accounts\":%zu}\n", SNAPSHOT_VERSION,
               keys, lines - keys);
    for (size_t i = 0; result == 0 && i < lines; i++) {
        if (i < keys)
            put_key(&buf, keyring_at(ring, i));
        else
            put_account(&buf, accounts_at(accounts, i - keys));
        if (buf_status(&buf) == 0 && buf.len < PIECE_BYTES)
            continue;
        result = buf_status(&buf) < 0 ? buf_status(&buf) : state_file_append(fd, buf_span(&buf));
        buf_clear(&buf);
    }
    if (result == 0)
        result = buf_status(&buf) < 0 ? buf_status(&buf) : state_file_append(fd, buf_span(&buf));
    buf_release(&buf);
    return result;
}

static int write_to(void *ring, int fd)
{
    return write_ring(fd, ring);
}

int keys_snapshot_write(const char *path, const struct keyring *ring, struct err *err)
{
    return state_file_replace(path, write_to, (void *)ring, err);
}

/* ── reading ── */

static bool take_u64(const json_t *line, const char *name, uint64_t *ret_value)
{
    const json_t *value = json_object_get(line, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_value = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_bool(const json_t *line, const char *name, bool *ret_value)
{
    const json_t *value = json_object_get(line, name);
    *ret_value = json_is_true(value);
    return json_is_boolean(value);
}

static bool take_models(const json_t *line, const char **models, size_t *ret_count)
{
    const json_t *list = json_object_get(line, "models");
    if (!json_is_array(list) || json_array_size(list) > KEY_MODELS_MAX)
        return false;
    *ret_count = json_array_size(list);
    for (size_t i = 0; i < *ret_count; i++) {
        models[i] = json_string_value(json_array_get(list, i));
        if (!models[i])
            return false;
    }
    return true;
}

/* A text that may be missing: then it is empty. */
static struct span text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return span_str(text ? text : "");
}

/* 0, -EBADMSG or -ENOMEM. */
static int read_key(const json_t *line, struct key_list *list)
{
    const char *models[KEY_MODELS_MAX];
    unsigned char digest[SHA256_BYTES];
    uint64_t id, created_ms, expires_ms, last_used_ms;
    bool imported, disabled;
    size_t models_count = 0;
    struct span name = span_str(json_string_value(json_object_get(line, "name")));
    struct span hint = span_str(json_string_value(json_object_get(line, "hint")));
    struct span account = text_of(line, "account");
    struct limits limits;

    if (key_parse_id(span_str(json_string_value(json_object_get(line, "id"))), &id) < 0 ||
        text_unhex(span_str(json_string_value(json_object_get(line, "sha256"))), digest,
                   SHA256_BYTES) < 0 ||
        span_is_null(name) || name.len > KEY_NAME_BYTES_MAX || span_is_null(hint) || hint.len > 4 ||
        !take_models(line, models, &models_count) || !take_bool(line, "imported", &imported) ||
        !take_bool(line, "disabled", &disabled) || !take_u64(line, "created_ms", &created_ms) ||
        !take_u64(line, "expires_ms", &expires_ms) ||
        !take_u64(line, "last_used_ms", &last_used_ms) ||
        (account.len > 0 && !account_name_is_good(account)) ||
        limits_read(text_of(line, "limits"), &limits) < 0)
        return -EBADMSG;
    struct key *key =
        key_new(&(struct key_spec){.id = id,
                                   .digest = digest,
                                   .name = name,
                                   .hint = hint,
                                   .imported = imported,
                                   .disabled = disabled,
                                   .created_ms = created_ms,
                                   .expires_ms = expires_ms,
                                   .models = models,
                                   .models_count = models_count,
                                   .account = account,
                                   .limits = limits_are_unset(&limits) ? NULL : &limits});
    if (!key)
        return -ENOMEM;
    atomic_store_explicit(&key->last_used_ms, last_used_ms, memory_order_relaxed);
    return key_list_add(list, key);
}

struct snapshot_reading {
    struct key_list *list;
    bool begun;
    uint64_t keys, accounts, got; /* lines there should be, and lines read */
};

static int read_head(struct snapshot_reading *reading, const json_t *line)
{
    uint64_t version;
    reading->begun = true;
    if (!take_u64(line, "seawall_keys", &version) || version < SNAPSHOT_VERSION_FIRST ||
        version > SNAPSHOT_VERSION || !take_u64(line, "count", &reading->keys) ||
        (version > SNAPSHOT_VERSION_FIRST && !take_u64(line, "accounts", &reading->accounts)))
        return -EBADMSG;
    return 0;
}

static int read_line(struct snapshot_reading *reading, struct span text)
{
    int result;
    json_t *line = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!line)
        return -EBADMSG;
    if (!reading->begun)
        result = read_head(reading, line);
    else if (reading->got++ < reading->keys)
        result = read_key(line, reading->list);
    else
        result =
            key_list_add_account(reading->list, text_of(line, "account"), text_of(line, "limits"));
    json_decref(line);
    return result;
}

/* Whole lines of what is in `buf` so far. */
static int read_lines(struct snapshot_reading *reading, struct buf *buf)
{
    struct span rest = buf_span(buf);
    int result = 0;
    ptrdiff_t at;
    while (result == 0 && rest.len > 0 && (at = span_find_byte(rest, '\n')) >= 0) {
        result = read_line(reading, span_take(rest, (size_t)at));
        rest = span_skip(rest, (size_t)at + 1);
    }
    buf_consume(buf, buf->len - rest.len);
    return result;
}

static int read_file(int fd, struct snapshot_reading *reading)
{
    struct buf buf;
    int result = 0;
    buf_init(&buf, LINE_BYTES_MAX + PIECE_BYTES);
    while (result == 0) {
        result = buf_reserve(&buf, PIECE_BYTES);
        if (result < 0) {
            result = result == -ENOSPC ? -EBADMSG : result; /* no line is that long */
            break;
        }
        ssize_t n = read(fd, buf.ptr + buf.len, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            result = n < 0 ? -errno : 0;
            break;
        }
        buf.len += (size_t)n;
        result = read_lines(reading, &buf);
    }
    bool whole =
        reading->begun && reading->got == reading->keys + reading->accounts && buf.len == 0;
    buf_release(&buf);
    return result < 0 ? result : whole ? 0 : -EBADMSG;
}

int keys_snapshot_read(const char *path, struct key_list *list, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot read '%s'", path);
    struct snapshot_reading reading = {.list = list};
    int result = read_file(fd, &reading);
    close(fd);
    if (result == -EBADMSG)
        return err_set(err, result, "'%s' is damaged or cut off: %zu keys could be read", path,
                       list->count);
    return result < 0 ? err_errno(err, result, "cannot read '%s'", path) : 1;
}
