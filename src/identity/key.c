/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of our keys, field by field, and one key in memory: a single block holds the struct, its limits, the pointers to
 * its models' names and the names, so that a million keys are a million allocations and freeing one is one call.
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

/* Behind the struct, in this order: limits, the pointers to the models' names, the names, the account's name. */
static void copy_behind(struct key *key, const struct key_spec *spec)
{
    struct limits *limits = (struct limits *)(void *)(key + 1);
    key->models = (char **)(void *)limits;
    if (spec->limits) {
        *limits = *spec->limits;
        key->limits = limits;
        key->models = (char **)(void *)(limits + 1);
    }
    key->models_count = spec->models_count;
    char *at = (char *)(key->models + spec->models_count);
    for (size_t i = 0; i < spec->models_count; i++) {
        size_t size = strlen(spec->models[i]) + 1;
        memcpy(at, spec->models[i], size);
        key->models[i] = at;
        at += size;
    }
    if (spec->account.len > 0) {
        memcpy(at, spec->account.ptr, spec->account.len);
        key->account_id = account_id(spec->account);
    }
    at[spec->account.len] = '\0';
    key->account = at;
}

struct key *key_new(const struct key_spec *spec)
{
    if (spec->name.len > KEY_NAME_BYTES_MAX || spec->hint.len >= sizeof((struct key){0}.hint) ||
        spec->models_count > KEY_MODELS_MAX ||
        (spec->account.len > 0 && !account_name_is_good(spec->account)))
        return NULL;
    size_t more = (spec->limits ? sizeof(struct limits) : 0) + spec->models_count * sizeof(char *) +
                  models_bytes(spec->models, spec->models_count) + spec->account.len + 1;
    struct key *key = mem_zalloc(sizeof(*key) + more);
    if (!key)
        return NULL;
    key->id = spec->id;
    memcpy(key->digest, spec->digest, SHA256_BYTES);
    if (spec->name.len > 0)
        memcpy(key->name, spec->name.ptr, spec->name.len);
    if (spec->hint.len > 0)
        memcpy(key->hint, spec->hint.ptr, spec->hint.len);
    key->imported = spec->imported;
    key->disabled = spec->disabled;
    key->created_ms = spec->created_ms;
    key->expires_ms = spec->expires_ms;
    copy_behind(key, spec);
    atomic_init(&key->references, 1);
    return key;
}

struct key_spec key_spec_of(const struct key *key)
{
    return (struct key_spec){.id = key->id,
                             .digest = key->digest,
                             .name = span_str(key->name),
                             .hint = span_str(key->hint),
                             .imported = key->imported,
                             .disabled = key->disabled,
                             .created_ms = key->created_ms,
                             .expires_ms = key->expires_ms,
                             .models = (const char *const *)key->models,
                             .models_count = key->models_count,
                             .account = span_str(key->account),
                             .limits = key->limits};
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
