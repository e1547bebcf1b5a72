/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/keys_import.h"

#include "admin/keys_json.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "base/text.h"

struct import_run {
    struct map *digests; /* of all keys there are, and of the rows so far; values: any pointer */
    uint64_t wall_ms;
    struct json_out bad;
    size_t bad_count;
    bool exists; /* a row was refused because its key is there already */
};

/* Printable, no spaces: what can stand behind "Bearer ". */
static bool is_key_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f)
            return false;
    return text.len >= KEY_IMPORTED_TEXT_MIN && text.len <= KEY_IMPORTED_TEXT_MAX;
}

/* The digest that a row names, and the hint if its text is here. */
static int read_secret(const json_t *row, unsigned char ret_digest[SHA256_BYTES],
                       struct span *ret_hint, struct err *err)
{
    const json_t *key = json_object_get(row, "key");
    const json_t *digest = json_object_get(row, "sha256");
    if (!key == !digest)
        return err_set(err, -EINVAL, "a row has either 'key' or 'sha256'");
    if (digest) {
        *ret_hint = SPAN("");
        if (!json_is_string(digest) ||
            text_unhex(span_str(json_string_value(digest)), ret_digest, SHA256_BYTES) < 0)
            return err_set(err, -EINVAL, "'sha256' must be 64 hexadecimal digits");
        return 0;
    }
    struct span text = span_of(json_string_value(key), json_string_length(key));
    if (!json_is_string(key) || !is_key_text(text))
        return err_set(err, -EINVAL, "'key' must have %d to %d printable bytes and no space",
                       KEY_IMPORTED_TEXT_MIN, KEY_IMPORTED_TEXT_MAX);
    sha256(text, ret_digest);
    *ret_hint = span_skip(text, text.len - 4);
    return 0;
}

/* An id that only names the key: the text of an imported key does not hold it. */
static uint64_t draw_id(void)
{
    uint64_t id;
    do
        id = random_u64();
    while (id == 0);
    return id;
}

/* 0, -EINVAL or -EEXIST when the row is to blame, -ENOMEM. */
static int read_row(struct import_run *run, json_t *row, struct key **ret_key, struct err *err)
{
    static const char *const members[] = {"key",     "sha256",  "name",   "models",
                                          "expires", "account", "limits", NULL};
    unsigned char digest[SHA256_BYTES];
    struct key_wish wish;
    struct span hint = SPAN_NULL;

    if (!json_is_object(row))
        return err_set(err, -EINVAL, "a row must be an object");
    int result = keys_json_only(row, members, err);
    if (result == 0)
        result = read_secret(row, digest, &hint, err);
    if (result == 0)
        result = key_wish_read(row, &wish, err);
    if (result < 0)
        return result;
    if (map_get(run->digests, digest))
        return err_set(err, -EEXIST, "this key is there already");
    struct key_spec spec = key_spec_of_wish(&wish);
    spec.id = draw_id();
    spec.digest = digest;
    spec.hint = hint;
    spec.imported = true;
    spec.created_ms = run->wall_ms;
    struct key *key = key_new(&spec);
    if (!key)
        return err_set(err, -ENOMEM, "out of memory");
    result = map_put(run->digests, digest, key, NULL);
    if (result < 0) {
        key_unref(key);
        return err_set(err, -ENOMEM, "out of memory");
    }
    *ret_key = key;
    return 0;
}

static void tell_row(struct import_run *run, size_t index, const char *message)
{
    if (run->bad_count++ >= IMPORT_ROWS_TOLD_MAX)
        return;
    json_out_open(&run->bad, '{');
    json_out_key(&run->bad, SPAN("row"));
    json_out_u64(&run->bad, index);
    json_out_key(&run->bad, SPAN("message"));
    json_out_string(&run->bad, span_str(message));
    json_out_close(&run->bad, '}');
}

static unsigned read_rows(struct import_run *run, json_t *rows, struct import *import,
                          struct err *err)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct err why = {""};
        int result = read_row(run, json_array_get(rows, i), &import->keys[import->count], &why);
        if (result == -ENOMEM) {
            *err = why;
            return 503;
        }
        if (result == 0) {
            import->count++;
            continue;
        }
        run->exists = run->exists || result == -EEXIST;
        tell_row(run, i, why.text);
    }
    if (run->bad_count == 0)
        return 200;
    (void)err_set(err, -EINVAL, "%zu of %zu keys cannot be imported, so none was", run->bad_count,
                  json_array_size(rows));
    return run->exists ? 409 : 400;
}

static int know_present(struct import_run *run, const struct keyring *present)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < keyring_count(present); i++) {
        struct key *key = keyring_at(present, i);
        result = map_put(run->digests, key->digest, key, NULL);
    }
    return result;
}

unsigned import_read(json_t *root, const struct keyring *present, uint64_t wall_ms,
                     struct import *ret_import, struct buf *ret_rows, struct err *err)
{
    static const char *const members[] = {"keys", NULL};
    struct import import = {NULL, 0};
    json_t *rows = json_object_get(root, "keys");
    if (keys_json_only(root, members, err) < 0)
        return 400;
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count == 0 || count > ADMIN_IMPORT_KEYS_MAX) {
        (void)err_set(err, -EINVAL, "'keys' must be a list of 1 to %d keys", ADMIN_IMPORT_KEYS_MAX);
        return 400;
    }
    if (keyring_count(present) + count > KEYRING_KEYS_MAX) {
        (void)err_set(err, -ENOSPC, "there would be more than %d keys", KEYRING_KEYS_MAX);
        return 400;
    }
    struct import_run run = {.digests = map_new(SHA256_BYTES, KEYRING_KEYS_MAX),
                             .wall_ms = wall_ms};
    import.keys = mem_array(count, sizeof(struct key *));
    unsigned status = 503;
    if (!run.digests || !import.keys || know_present(&run, present) < 0) {
        (void)err_set(err, -ENOMEM, "out of memory");
    } else {
        run.bad = json_out_start(ret_rows);
        json_out_open(&run.bad, '[');
        status = read_rows(&run, rows, &import, err);
        json_out_close(&run.bad, ']');
    }
    map_free(run.digests);
    if (status == 200)
        *ret_import = import;
    else
        import_release(&import);
    return status;
}

void import_release(struct import *import)
{
    for (size_t i = 0; i < import->count; i++)
        key_unref(import->keys[i]);
    mem_free(import->keys);
    import->keys = NULL;
    import->count = 0;
}
