/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring is an array of keys and two tables into it. A key of ours is found by the id in its text, an imported one by
 * its digest; so only imported keys are in the second table, and a service without any never computes a digest for a
 * text that is not ours.
 *
 * The digest of a key of ours is computed once: then a SipHash of the text, under a key that only this process knows,
 * stands for it (`proven`). Guessing it is guessing 64 bits that nobody outside can test.
 */
#include "identity/keyring.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>

#define LAST_USED_STEP_MS 1000

struct keyring {
    _Atomic uint32_t references;
    struct mac_key mac;
    bool trust_unlisted;
    struct map *by_id;     /* uint64_t: keys of ours, and imported ones by their drawn id */
    struct map *by_digest; /* imported ones only */
    struct accounts *accounts;
    size_t count;
    struct key *keys[];
};

/* Shared by all rings, because keys outlive the ring in which they were proven. */
static struct mac_key proof_key;
static pthread_once_t proof_key_drawn = PTHREAD_ONCE_INIT;

static void draw_proof_key(void)
{
    random_bytes(proof_key.bytes, sizeof(proof_key.bytes));
}

static void keyring_free(struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        key_unref(ring->keys[i]);
    map_free(ring->by_id);
    map_free(ring->by_digest);
    accounts_unref(ring->accounts);
    mem_free_secret(ring, sizeof(*ring));
}

/* Of two with one id the first stays: the database does not hold such a pair, and a snapshot by hand is no reason to stop. */
static int add_once(struct map *map, const void *map_key, struct key *key)
{
    return map_get(map, map_key) ? 0 : map_put(map, map_key, key, NULL);
}

static int fill(struct keyring *ring, struct key *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct key *key = keys[i];
        int r = add_once(ring->by_id, &key->id, key);
        if (r == 0 && key->imported)
            r = add_once(ring->by_digest, key->digest, key);
        if (r < 0)
            return r;
        ring->keys[ring->count++] = key_ref(key);
    }
    return 0;
}

struct keyring *keyring_new(const struct mac_key *mac, struct key *const *keys, size_t count,
                            struct accounts *accounts, bool trust_unlisted)
{
    if (count > KEYRING_KEYS_MAX)
        return NULL;
    struct keyring *ring = mem_zalloc(sizeof(*ring) + count * sizeof(struct key *));
    if (!ring)
        return NULL;
    check(pthread_once(&proof_key_drawn, draw_proof_key) == 0);
    atomic_init(&ring->references, 1);
    ring->mac = *mac;
    ring->trust_unlisted = trust_unlisted;
    ring->accounts = accounts_ref(accounts);
    ring->by_id = map_new(sizeof(uint64_t), KEYRING_KEYS_MAX);
    ring->by_digest = map_new(SHA256_BYTES, KEYRING_KEYS_MAX);
    if (!ring->by_id || !ring->by_digest || fill(ring, keys, count) < 0) {
        keyring_free(ring);
        return NULL;
    }
    return ring;
}

struct keyring *keyring_ref(struct keyring *ring)
{
    check(atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed) > 0);
    return ring;
}

void keyring_unref(struct keyring *ring)
{
    if (!ring)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&ring->references, 1, memory_order_acq_rel);
    check(before > 0);
    if (before == 1)
        keyring_free(ring);
}

size_t keyring_count(const struct keyring *ring)
{
    return ring->count;
}

struct accounts *keyring_accounts(const struct keyring *ring)
{
    return ring->accounts;
}

struct key *keyring_at(const struct keyring *ring, size_t index)
{
    check(index < ring->count);
    return ring->keys[index];
}

struct key *keyring_by_id(const struct keyring *ring, uint64_t id)
{
    return map_get(ring->by_id, &id);
}

/* ── one request ── */

struct span keyring_bearer(struct span authorization)
{
    static const struct span scheme = {"Bearer ", 7};
    if (authorization.len <= scheme.len ||
        !span_eq_nocase(span_take(authorization, scheme.len), scheme))
        return SPAN_NULL;
    struct span text = span_trim(span_skip(authorization, scheme.len));
    return text.len > 0 ? text : SPAN_NULL;
}

/* Never 0, which means "not proven yet". */
static uint64_t proof_of(struct span text)
{
    uint64_t proof = mac_64(&proof_key, text);
    return proof ? proof : 1;
}

static bool is_text_of(struct key *key, struct span text)
{
    uint64_t proof = proof_of(text);
    if (atomic_load_explicit(&key->proven, memory_order_relaxed) == proof)
        return true;
    unsigned char digest[SHA256_BYTES];
    sha256(text, digest);
    if (!span_eq_constant_time(span_of(digest, SHA256_BYTES), span_of(key->digest, SHA256_BYTES)))
        return false;
    atomic_store_explicit(&key->proven, proof, memory_order_relaxed);
    return true;
}

/* The comparison inside may tell by its time how long a prefix of two digests agrees. That helps nobody: choosing a text by a
 * prefix of its digest is the whole work of finding one. */
static struct key *imported_key(const struct keyring *ring, struct span text)
{
    if (map_count(ring->by_digest) == 0 || text.len < KEY_IMPORTED_TEXT_MIN ||
        text.len > KEY_IMPORTED_TEXT_MAX)
        return NULL;
    unsigned char digest[SHA256_BYTES];
    sha256(text, digest);
    return map_get(ring->by_digest, digest);
}

/* The key whose text this is. An imported key may have our form when another Seawall made it: with a right MAC if it had this one's MAC
 * key, else with a wrong one. Without imported keys, a wrong MAC is the end. */
static struct key *find(const struct keyring *ring, struct span text, bool ours, uint64_t id)
{
    struct key *key = ours ? keyring_by_id(ring, id) : NULL;
    if (key && !key->imported)
        return is_text_of(key, text) ? key : NULL;
    return imported_key(ring, text);
}

/* One store a second and key, so that a busy key's cache line does not wander between cores with each request. A clock that was
 * set back wraps the difference and renews too. */
static void renew_last_used(struct key *key, uint64_t wall_ms)
{
    uint64_t last_ms = atomic_load_explicit(&key->last_used_ms, memory_order_relaxed);
    if (wall_ms - last_ms >= LAST_USED_STEP_MS)
        atomic_store_explicit(&key->last_used_ms, wall_ms, memory_order_relaxed);
}

static enum reason admit(struct key *key, uint64_t wall_ms, struct key **ret_key, uint64_t *ret_id)
{
    if (key->disabled)
        return REASON_KEY_DISABLED;
    if (key->expires_ms != 0 && wall_ms >= key->expires_ms)
        return REASON_KEY_EXPIRED;
    renew_last_used(key, wall_ms);
    *ret_key = key;
    *ret_id = key->id;
    return REASON_OK;
}

enum reason keyring_check(const struct keyring *ring, struct span authorization, uint64_t wall_ms,
                          struct key **ret_key, uint64_t *ret_id)
{
    struct span text = keyring_bearer(authorization);
    if (span_is_null(text))
        return REASON_NO_KEY;
    uint64_t id = 0;
    bool ours = key_check_text(&ring->mac, text, &id);
    struct key *key = find(ring, text, ours, id);
    if (key)
        return admit(key, wall_ms, ret_key, ret_id);
    if (ours && ring->trust_unlisted && !keyring_by_id(ring, id)) {
        *ret_key = NULL;
        *ret_id = id;
        return REASON_OK;
    }
    return REASON_BAD_KEY;
}
