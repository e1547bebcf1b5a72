/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to know whose key this is, among 10,000 keys; and a request's name.
 *
 *   valid      one of ours, proven before        forged     our form, wrong MAC
 *   busy       the same one each time            imported   any form, by SHA-256
 *   first      one of ours, first time           unknown    any form, in no list
 */
#include "base/random.h"
#include "harness.h"
#include "identity/request_id.h"

#include "../../tests/unit/identity/identity_testing.h"

#include <stdatomic.h>

#define KEYS 10000
#define STRIDE 7919 /* keys are not met in the order of memory */
#define FIELD_BYTES 80

static const struct mac_key mac = {{1}};

/* A ring, and the field of each of its keys. */
struct keys {
    struct keyring *ring;
    struct key *keys[KEYS];
    char fields[KEYS][FIELD_BYTES];
    char spoiled[KEYS][FIELD_BYTES]; /* the same with one character changed */
    size_t lens[KEYS];
};

static struct keys ours, fresh, imported; /* `fresh` are those of ours that are not proven */

static void make_field(struct keys *keys, size_t i, const char *text, size_t spoil_at)
{
    int len = snprintf(keys->fields[i], FIELD_BYTES, "Bearer %s", text);
    check(len > 0 && len < FIELD_BYTES);
    keys->lens[i] = (size_t)len;
    memcpy(keys->spoiled[i], keys->fields[i], FIELD_BYTES);
    keys->spoiled[i][spoil_at] = keys->fields[i][spoil_at] == 'a' ? 'b' : 'a';
}

static void make_keys(struct keys *keys, bool foreign)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct test_key made;
        char text[64];
        snprintf(text, sizeof(text), "sk-litellm-%016llx", (unsigned long long)random_u64());
        if (foreign)
            test_key_import(&made, i + 1, text);
        else
            test_key_make(&made, &mac, false, 0);
        check(made.key);
        keys->keys[i] = made.key;
        make_field(keys, i, made.text, foreign ? 20 : 30);
    }
    keys->ring = keyring_new(&mac, keys->keys, KEYS, NULL, false);
    check(keys->ring);
}

static void drop_keys(struct keys *keys)
{
    for (size_t i = 0; i < KEYS; i++)
        key_unref(keys->keys[i]);
    keyring_unref(keys->ring);
}

static void check_keys(const struct keys *keys, char (*fields)[FIELD_BYTES], enum reason expected,
                       uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        struct key *key;
        uint64_t id;
        size_t at = i * STRIDE % KEYS;
        check(keyring_check(keys->ring, span_of(fields[at], keys->lens[at]), 1000, &key, &id) ==
              expected);
    }
}

static void repeat_valid(void *arg, uint64_t times)
{
    struct keys *keys = arg;
    check_keys(keys, keys->fields, REASON_OK, times);
}

static void repeat_busy(void *arg, uint64_t times)
{
    const struct keys *keys = arg;
    struct key *key;
    uint64_t id;
    while (times-- > 0)
        check(keyring_check(keys->ring, span_of(keys->fields[0], keys->lens[0]), 1000, &key, &id) ==
              REASON_OK);
}

/* Each round over all keys begins by forgetting what was proven: a store for each. */
static void repeat_first(void *arg, uint64_t times)
{
    struct keys *keys = arg;
    while (times > 0) {
        uint64_t round = MIN(times, (uint64_t)KEYS);
        for (size_t i = 0; i < round; i++)
            atomic_store_explicit(&keys->keys[i * STRIDE % KEYS]->proven, 0, memory_order_relaxed);
        check_keys(keys, keys->fields, REASON_OK, round);
        times -= round;
    }
}

static void repeat_spoiled(void *arg, uint64_t times)
{
    struct keys *keys = arg;
    check_keys(keys, keys->spoiled, REASON_BAD_KEY, times);
}

static void repeat_mac(void *arg, uint64_t times)
{
    uint64_t sum = 0;
    (void)arg;
    for (uint64_t i = 0; i < times; i++)
        sum += mac_64(&mac, span_of(ours.fields[i % KEYS] + 7, KEY_TEXT_BYTES));
    bench_keep(&sum);
}

static void repeat_sha256(void *arg, uint64_t times)
{
    unsigned char digest[SHA256_BYTES];
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        sha256(span_of(ours.fields[i % KEYS] + 7, KEY_TEXT_BYTES), digest);
        bench_keep(digest);
    }
}

static void repeat_request_id(void *arg, uint64_t times)
{
    char text[REQUEST_ID_BYTES + 1];
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        request_id_new(UINT64_C(1795476901042000) + i, text);
        bench_keep(text);
    }
}

int main(int argc, char **argv)
{
    const struct bench benches[] = {
        {"key/mac-64", KEY_TEXT_BYTES, repeat_mac, NULL},
        {"key/sha-256", KEY_TEXT_BYTES, repeat_sha256, NULL},
        {"key/valid", 0, repeat_valid, &ours},
        {"key/busy", 0, repeat_busy, &ours},
        {"key/first", 0, repeat_first, &fresh},
        {"key/forged", 0, repeat_spoiled, &ours},
        {"key/imported", 0, repeat_valid, &imported},
        {"key/unknown", 0, repeat_spoiled, &imported},
        {"request-id/new", 0, repeat_request_id, NULL},
    };
    make_keys(&ours, false);
    make_keys(&fresh, false);
    make_keys(&imported, true);
    repeat_valid(&ours, KEYS);
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    drop_keys(&ours);
    drop_keys(&fresh);
    drop_keys(&imported);
    return status;
}
