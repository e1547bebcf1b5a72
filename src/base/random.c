/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thread draws from a pool of kernel random bytes. Bytes are wiped as they leave, so what was drawn cannot be read
 * later; after fork() the child throws its copy of the pool away. A seeded thread uses SplitMix64 (Steele, Lea and
 * Flood, 2014) instead, which is for tests only.
 */
#include "base/random.h"

#include <pthread.h>
#include <sys/random.h>

#define POOL_BYTES 2048
#define POOL_DRAW_MAX 256 /* larger draws go to the kernel, and leave the pool for the small ones */

struct pool {
    unsigned char bytes[POOL_BYTES];
    size_t left; /* the last `left` bytes are unused */
    unsigned forks;
};

static _Thread_local struct pool pool;
static _Thread_local bool seeded;
static _Thread_local uint64_t seed_state;

static unsigned forks_seen; /* written only by a child that has one thread yet */
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void fork_in_child(void)
{
    forks_seen++;
}

static void fork_watch_start(void)
{
    check(pthread_atfork(NULL, NULL, fork_in_child) == 0);
}

static void kernel_bytes(unsigned char *ret_bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(ret_bytes, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        check(got > 0);
        ret_bytes += got;
        len -= (size_t)got;
    }
}

static uint64_t seeded_u64(void)
{
    seed_state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = seed_state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

static void seeded_bytes(unsigned char *ret_bytes, size_t len)
{
    while (len > 0) {
        uint64_t word = seeded_u64();
        size_t part = MIN(len, sizeof(word));
        memcpy(ret_bytes, &word, part);
        ret_bytes += part;
        len -= part;
    }
}

static void pool_fill(void)
{
    check(pthread_once(&fork_watch, fork_watch_start) == 0);
    kernel_bytes(pool.bytes, sizeof(pool.bytes));
    pool.left = sizeof(pool.bytes);
    pool.forks = forks_seen;
}

void random_bytes(void *ret_bytes, size_t len)
{
    if (seeded) {
        seeded_bytes(ret_bytes, len);
        return;
    }
    if (len > POOL_DRAW_MAX) {
        kernel_bytes(ret_bytes, len);
        return;
    }
    if (len == 0)
        return;
    if (pool.left < len || pool.forks != forks_seen)
        pool_fill();
    unsigned char *from = pool.bytes + sizeof(pool.bytes) - pool.left;
    memcpy(ret_bytes, from, len);
    explicit_bzero(from, len);
    pool.left -= len;
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

/*
 * Multiply and take the upper half (Lemire, 2019); the draws that would favour small results are thrown away, fewer than
 * limit in 2^32.
 */
uint32_t random_below(uint32_t limit)
{
    check(limit > 0);
    uint32_t unfair = (uint32_t)-limit % limit;
    uint64_t product;
    do {
        product = (random_u64() >> 32) * limit;
    } while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}

void random_seed(uint64_t seed)
{
    seeded = true;
    seed_state = seed;
}

void random_unseed(void)
{
    seeded = false;
}
