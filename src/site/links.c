/* SPDX-License-Identifier: Apache-2.0 */
#include "site/links.h"

#include "base/alloc.h"
#include "base/mac.h"
#include "base/random.h"
#include "base/text.h"

#include <pthread.h>

struct link {
    unsigned char digest[SHA256_BYTES]; /* of the token */
    uint64_t made_ms;
    bool known; /* the place holds one */
    bool open;  /* `key` is there */
    struct link_key key;
};

struct links {
    pthread_mutex_t lock;
    struct link links[LINKS_MAX];
};

struct links *links_new(void)
{
    struct links *links = mem_zalloc(sizeof(*links));
    if (!links)
        return NULL;
    check(pthread_mutex_init(&links->lock, NULL) == 0);
    return links;
}

void links_free(struct links *links)
{
    if (!links)
        return;
    pthread_mutex_destroy(&links->lock);
    mem_free_secret(links, sizeof(*links));
}

static void spend(struct link *link)
{
    explicit_bzero(&link->key, sizeof(link->key));
    link->open = false;
}

static void expire(struct links *links, uint64_t now_ms)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links->links[i];
        if (link->open && now_ms - link->made_ms >= LINK_LIFE_MS)
            spend(link);
    }
}

/* A free place, else the oldest spent one, else the oldest. */
static struct link *place_for_another(struct links *links)
{
    struct link *best = &links->links[0];
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links->links[i];
        if (!link->known)
            return link;
        if (link->open != best->open ? best->open : link->made_ms < best->made_ms)
            best = link;
    }
    return best;
}

int links_add(struct links *links, struct span text, struct span name, uint64_t now_ms,
              char ret_token[LINK_TOKEN_BYTES + 1])
{
    if (text.len == 0 || text.len > LINK_KEY_BYTES_MAX || name.len > LINK_NAME_BYTES_MAX)
        return -EINVAL;
    text_base62(random_u64(), ret_token);
    text_base62(random_u64(), ret_token + TEXT_BASE62_U64);
    ret_token[LINK_TOKEN_BYTES] = '\0';

    pthread_mutex_lock(&links->lock);
    expire(links, now_ms);
    struct link *link = place_for_another(links);
    spend(link);
    sha256(span_of(ret_token, LINK_TOKEN_BYTES), link->digest);
    memcpy(link->key.text, text.ptr, text.len);
    if (name.len > 0)
        memcpy(link->key.name, name.ptr, name.len);
    link->made_ms = now_ms;
    link->known = link->open = true;
    pthread_mutex_unlock(&links->lock);
    return 0;
}

static struct link *find(struct links *links, const unsigned char digest[SHA256_BYTES])
{
    struct link *found = NULL;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links->links[i];
        bool same = span_eq_constant_time(span_of(link->digest, SHA256_BYTES),
                                          span_of(digest, SHA256_BYTES));
        if (same && link->known)
            found = link;
    }
    return found;
}

enum link_verdict links_open(struct links *links, struct span token, uint64_t now_ms,
                             struct link_key *ret_key)
{
    unsigned char digest[SHA256_BYTES];
    enum link_verdict verdict = LINK_GOOD;
    sha256(span_take(token, LINK_TOKEN_BYTES + 1), digest); /* a longer one is none */

    pthread_mutex_lock(&links->lock);
    expire(links, now_ms);
    struct link *link = find(links, digest);
    if (link && link->open) {
        *ret_key = link->key;
        spend(link);
    } else {
        verdict = link ? LINK_USED : LINK_UNKNOWN;
    }
    pthread_mutex_unlock(&links->lock);
    return verdict;
}

void links_expire(struct links *links, uint64_t now_ms)
{
    pthread_mutex_lock(&links->lock);
    expire(links, now_ms);
    pthread_mutex_unlock(&links->lock);
}
