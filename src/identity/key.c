/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of our keys, field by field, and one key in memory: a single block holds the struct, the pointers to its
 * models' names and the names, so that a million keys are a million allocations and freeing one is one call.
 */
#include "identity/key.h"

#include "base/alloc.h"
#include "base/random.h"
#include "base/text.h"

#include <stdatomic.h>

#define KEY_ID_AT (sizeof(KEY_PREFIX) - 1)
#define KEY_DASH_AT (KEY_ID_AT + TEXT_BASE62_U64)
#define KEY_SECRET_AT (KEY_DASH_AT + 1)
#define KEY_MAC_AT (KEY_SECRET_AT + 2 * TEXT_BASE62_U64)
#define KEY_ID_PREFIX "key_"

_Static_assert(KEY_MAC_AT + TEXT_BASE62_U64 == KEY_TEXT_BYTES, "the fields fill the text");

/* ── in memory ── */

static size_t models_bytes(const char *const *models, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(models[i]) + 1;
    return bytes;
}

/* Pointers and names go behind the struct. */
static void copy_models(struct key *key, const char *const *models, size_t count)
{
    key->models = (char **)(void *)(key + 1);
    key->models_count = count;
    char *at = (char *)(key->models + count);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(models[i]) + 1;
        memcpy(at, models[i], size);
        key->models[i] = at;
        at += size;
    }
}

struct key *key_new(uint64_t id, const unsigned char digest[SHA256_BYTES], struct span name,
                    struct span hint, bool imported, bool disabled, uint64_t created_ms,
                    uint64_t expires_ms, const char *const *models, size_t models_count)
{
    if (name.len > KEY_NAME_BYTES_MAX || hint.len >= sizeof((struct key){0}.hint) ||
        models_count > KEY_MODELS_MAX)
        return NULL;
    size_t more = models_count * sizeof(char *) + models_bytes(models, models_count);
    struct key *key = mem_zalloc(sizeof(*key) + more);
    if (!key)
        return NULL;
    key->id = id;
    memcpy(key->digest, digest, SHA256_BYTES);
    if (name.len > 0)
        memcpy(key->name, name.ptr, name.len);
    if (hint.len > 0)
        memcpy(key->hint, hint.ptr, hint.len);
    key->imported = imported;
    key->disabled = disabled;
    key->created_ms = created_ms;
    key->expires_ms = expires_ms;
    if (models_count > 0)
        copy_models(key, models, models_count);
    atomic_init(&key->references, 1);
    return key;
}

struct key *key_ref(struct key *key)
{
    check(atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed) > 0);
    return key;
}

/* The last one frees, after it has seen what all others did. */
void key_unref(struct key *key)
{
    if (!key)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel);
    check(before > 0);
    if (before == 1)
        mem_free(key);
}

bool key_allows_model(const struct key *key, struct span model)
{
    if (key->models_count == 0)
        return true;
    for (size_t i = 0; i < key->models_count; i++)
        if (span_eq(span_str(key->models[i]), model))
            return true;
    return false;
}

/* ── as text ── */

void key_generate(const struct mac_key *mac, char ret_text[KEY_TEXT_BYTES + 1], uint64_t *ret_id)
{
    uint64_t id;
    do {
        id = random_u64();
    } while (id == 0); /* the ledger's word for "no key" */
    memcpy(ret_text, KEY_PREFIX, KEY_ID_AT);
    text_base62(id, ret_text + KEY_ID_AT);
    ret_text[KEY_DASH_AT] = '-';
    text_base62(random_u64(), ret_text + KEY_SECRET_AT);
    text_base62(random_u64(), ret_text + KEY_SECRET_AT + TEXT_BASE62_U64);
    text_base62(mac_64(mac, span_of(ret_text, KEY_MAC_AT)), ret_text + KEY_MAC_AT);
    ret_text[KEY_TEXT_BYTES] = '\0';
    *ret_id = id;
}

/* That the secret is base62 nobody looks at: who could put another right MAC behind it holds the MAC's key. The MAC is compared as
 * text: what is not canonical (11 characters can say more than 64 bits) differs like any other. */
bool key_check_text(const struct mac_key *mac, struct span text, uint64_t *ret_id)
{
    if (text.len != KEY_TEXT_BYTES || !span_starts(text, SPAN(KEY_PREFIX)) ||
        text.ptr[KEY_DASH_AT] != '-')
        return false;
    char expected[TEXT_BASE62_U64];
    text_base62(mac_64(mac, span_take(text, KEY_MAC_AT)), expected);
    return span_eq_constant_time(span_of(expected, sizeof(expected)),
                                 span_skip(text, KEY_MAC_AT)) &&
           text_unbase62(span_of(text.ptr + KEY_ID_AT, TEXT_BASE62_U64), ret_id) == 0;
}

void key_format_id(uint64_t id, char ret_text[16])
{
    memcpy(ret_text, KEY_ID_PREFIX, 4);
    text_base62(id, ret_text + 4);
    ret_text[15] = '\0';
}

int key_parse_id(struct span text, uint64_t *ret_id)
{
    uint64_t id;
    if (!span_starts(text, SPAN(KEY_ID_PREFIX)) || text_unbase62(span_skip(text, 4), &id) < 0)
        return -EINVAL;
    if (id == 0)
        return -EINVAL;
    *ret_id = id;
    return 0;
}
