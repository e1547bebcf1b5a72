/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to know whose key this is, among 10,000 keys: the fastest of 15 windows, in nanoseconds for each check.
 *
 *   valid      one of ours, proven before        forged     our form, wrong MAC
 *   first      one of ours, first time           imported   any form, by SHA-256
 *   unknown    any form, in no list
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

#include "../../tests/unit/identity/identity_testing.h"

#include <stdatomic.h>

#define KEYS 10000
#define WINDOWS 15

static const struct mac_key mac = {{1}};
static char fields[KEYS][KEY_TEXT_BYTES + 16];
static size_t field_lens[KEYS];
static struct key *keys[KEYS];

static void set_field(size_t i, const char *text)
{
    field_lens[i] = (size_t)snprintf(fields[i], sizeof(fields[i]), "Bearer %s", text);
}

static void make_keys(bool imported)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct test_key made;
        char text[64];
        snprintf(text, sizeof(text), "sk-litellm-%016llx", (unsigned long long)random_u64());
        if (imported)
            test_key_import(&made, i + 1, text);
        else
            test_key_make(&made, &mac, false, 0);
        check(made.key);
        keys[i] = made.key;
        set_field(i, made.text);
    }
}

static void forget_proofs(void)
{
    for (size_t i = 0; i < KEYS; i++)
        atomic_store(&keys[i]->proven, 0);
}

static void measure(const char *name, const struct keyring *ring, bool first, enum reason expected)
{
    double best_ns = 1e9;
    for (int window = 0; window < WINDOWS; window++) {
        if (first)
            forget_proofs();
        uint64_t began_us = clock_mono_us();
        for (size_t i = 0; i < KEYS; i++) {
            struct key *key;
            uint64_t id;
            size_t at = i * 7919 % KEYS; /* not in the order of memory */
            struct span field = span_of(fields[at], field_lens[at]);
            check(keyring_check(ring, field, 1000, &key, &id) == expected);
        }
        best_ns = MIN(best_ns, (double)(clock_mono_us() - began_us) * 1000 / KEYS);
    }
    printf("%-10s %6.0f ns\n", name, best_ns);
}

static struct keyring *make_ring(bool imported)
{
    make_keys(imported);
    struct keyring *ring = keyring_new(&mac, keys, KEYS, false);
    check(ring);
    return ring;
}

static void drop_ring(struct keyring *ring)
{
    for (size_t i = 0; i < KEYS; i++)
        key_unref(keys[i]);
    keyring_unref(ring);
}

int main(void)
{
    struct keyring *ring = make_ring(false);
    measure("first", ring, true, REASON_OK);
    measure("valid", ring, false, REASON_OK);
    for (size_t i = 0; i < KEYS; i++)
        fields[i][30] = fields[i][30] == 'a' ? 'b' : 'a';
    measure("forged", ring, false, REASON_BAD_KEY);
    drop_ring(ring);

    ring = make_ring(true);
    measure("imported", ring, false, REASON_OK);
    for (size_t i = 0; i < KEYS; i++)
        fields[i][20] = fields[i][20] == 'a' ? 'b' : 'a';
    measure("unknown", ring, false, REASON_BAD_KEY);
    drop_ring(ring);
    return 0;
}
