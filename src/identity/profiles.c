/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each shard: slots in chunks that are allocated as they are needed and never move, and a table of slot numbers with linear probing. Slots of the
 * untrusted are linked from the newest to the oldest; those of the trusted are in no list, so that nobody can push them out. Free slots are linked too.
 * A bit for each slot says whether it changed since the store took it.
 */
#include "identity/profiles.h"

#include "base/alloc.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define SHARD_BITS 6
#define CHUNK_SLOTS 512U
#define LAPSED_LOOKS_MAX 32 /* trusted ones looked at before a full shard refuses a newcomer */

/* Instead of a slot's number. */
#define SLOT_NONE UINT32_MAX
#define SLOT_UNLISTED (UINT32_MAX - 1)

struct slot {
    struct profile profile; /* id 0: free */
    uint32_t newer, older;  /* free ones: `older` is the next */
    uint32_t calls;         /* under way for which something is reserved */
};
_Static_assert(sizeof(struct slot) == 168, "as documented for limits.identities");

struct shard {
    pthread_mutex_t lock;
    struct slot **chunks;
    uint32_t *table; /* slot + 1; 0: empty */
    uint64_t *changed;
    uint32_t slots_max, slots_made, count;
    uint32_t table_bits;
    uint32_t newest, oldest, free_first;
    uint32_t hand; /* where the search for lapsed ones goes on */
};

struct profiles {
    struct shard shards[PROFILES_SHARDS];
    /* Of all shards, in one piece: fresh from the kernel, so that what is empty takes no memory. */
    uint32_t *tables;
};

/* ── places ── */

/* Ids are random bits already; this lets even counted ones spread. */
static uint64_t mixed(uint64_t id)
{
    return id * UINT64_C(0x9e3779b97f4a7c15);
}

static struct shard *shard_of(struct profiles *profiles, uint64_t id)
{
    return &profiles->shards[mixed(id) >> (64 - SHARD_BITS)];
}

static uint32_t table_mask(const struct shard *shard)
{
    return (UINT32_C(1) << shard->table_bits) - 1;
}

static uint32_t home_of(const struct shard *shard, uint64_t id)
{
    return (uint32_t)(mixed(id) >> (64 - SHARD_BITS - shard->table_bits)) & table_mask(shard);
}

static struct slot *slot_at(const struct shard *shard, uint32_t number)
{
    return &shard->chunks[number / CHUNK_SLOTS][number % CHUNK_SLOTS];
}

/* Its place in the table, or the empty one where it would be. The table is never full. */
static uint32_t place_of(const struct shard *shard, uint64_t id)
{
    uint32_t at = home_of(shard, id);
    while (shard->table[at] != 0 && slot_at(shard, shard->table[at] - 1)->profile.id != id)
        at = (at + 1) & table_mask(shard);
    return at;
}

static uint32_t find(const struct shard *shard, uint64_t id)
{
    uint32_t held = id ? shard->table[place_of(shard, id)] : 0;
    return held ? held - 1 : SLOT_NONE;
}

/* Moves back what was pushed over the place that becomes empty (Knuth, volume 3, 6.4, algorithm R). */
static void clear_place(struct shard *shard, uint32_t empty)
{
    uint32_t mask = table_mask(shard);
    shard->table[empty] = 0;
    for (uint32_t at = (empty + 1) & mask; shard->table[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(shard, slot_at(shard, shard->table[at] - 1)->profile.id);
        if (((at - home) & mask) < ((at - empty) & mask))
            continue;
        shard->table[empty] = shard->table[at];
        shard->table[at] = 0;
        empty = at;
    }
}

/* ── the list of the untrusted ── */

static void unlist(struct shard *shard, uint32_t number)
{
    struct slot *slot = slot_at(shard, number);
    if (slot->newer == SLOT_UNLISTED)
        return;
    if (slot->newer == SLOT_NONE)
        shard->newest = slot->older;
    else
        slot_at(shard, slot->newer)->older = slot->older;
    if (slot->older == SLOT_NONE)
        shard->oldest = slot->newer;
    else
        slot_at(shard, slot->older)->newer = slot->newer;
    slot->newer = slot->older = SLOT_UNLISTED;
}

static void list_newest(struct shard *shard, uint32_t number)
{
    struct slot *slot = slot_at(shard, number);
    slot->newer = SLOT_NONE;
    slot->older = shard->newest;
    if (shard->newest == SLOT_NONE)
        shard->oldest = number;
    else
        slot_at(shard, shard->newest)->newer = number;
    shard->newest = number;
}

/* The profile was seen or changed: the untrusted become the newest, the trusted leave the list. */
static void touch(struct shard *shard, uint32_t number)
{
    unlist(shard, number);
    if (!profile_is_trusted(&slot_at(shard, number)->profile))
        list_newest(shard, number);
    shard->changed[number / 64] |= UINT64_C(1) << (number % 64);
}

/* ── coming and going ── */

static void drop(struct shard *shard, uint32_t number)
{
    struct slot *slot = slot_at(shard, number);
    unlist(shard, number);
    clear_place(shard, place_of(shard, slot->profile.id));
    shard->changed[number / 64] &= ~(UINT64_C(1) << (number % 64));
    slot->profile.id = 0;
    slot->older = shard->free_first;
    shard->free_first = number;
    shard->count--;
}

/* Trust that lapsed while nobody asked shows when the profile is brought up to date. */
static uint32_t find_lapsed(struct shard *shard, uint64_t wall_ms)
{
    for (uint32_t i = 0; i < MIN(shard->slots_made, (uint32_t)LAPSED_LOOKS_MAX); i++) {
        uint32_t number = shard->hand;
        shard->hand = (shard->hand + 1) % shard->slots_made;
        struct slot *slot = slot_at(shard, number);
        profile_advance(&slot->profile, wall_ms);
        if (!profile_is_trusted(&slot->profile))
            return number;
    }
    return SLOT_NONE;
}

/* A slot that was never used. */
static int make_slot(struct shard *shard, uint32_t *ret_number)
{
    struct slot **chunk = &shard->chunks[shard->slots_made / CHUNK_SLOTS];
    uint32_t slots = MIN(CHUNK_SLOTS, shard->slots_max);
    if (!*chunk)
        *chunk = mem_array(slots, sizeof(struct slot));
    if (!*chunk)
        return -ENOMEM;
    *ret_number = shard->slots_made++;
    return 0;
}

static int take_slot(struct shard *shard, uint64_t wall_ms, uint32_t *ret_number)
{
    if (shard->free_first == SLOT_NONE && shard->slots_made < shard->slots_max)
        return make_slot(shard, ret_number);
    if (shard->free_first == SLOT_NONE) {
        uint32_t out = shard->oldest != SLOT_NONE ? shard->oldest : find_lapsed(shard, wall_ms);
        if (out == SLOT_NONE)
            return -ENOSPC;
        drop(shard, out);
    }
    *ret_number = shard->free_first;
    shard->free_first = slot_at(shard, *ret_number)->older;
    return 0;
}

static int add(struct shard *shard, uint64_t id, uint64_t wall_ms, uint32_t *ret_number)
{
    uint32_t number = 0;
    int result = id ? take_slot(shard, wall_ms, &number) : -EINVAL;
    if (result < 0)
        return result;
    *slot_at(shard, number) =
        (struct slot){.profile = {.id = id}, .newer = SLOT_UNLISTED, .older = SLOT_UNLISTED};
    shard->table[place_of(shard, id)] = number + 1;
    shard->count++;
    *ret_number = number;
    return 0;
}

static int find_or_add(struct shard *shard, uint64_t id, uint64_t wall_ms, uint32_t *ret_number)
{
    *ret_number = find(shard, id);
    return *ret_number == SLOT_NONE ? add(shard, id, wall_ms, ret_number) : 0;
}

/* ── what the gate asks ── */

static struct standing standing_of(const struct profile *profile)
{
    return (struct standing){.trusted = profile_is_trusted(profile),
                             .in_profile = profile_in(profile),
                             .balance = (float)profile->balance,
                             .rate = (float)profile_rate(profile),
                             .request_wt = profile->request_wt,
                             .output_log = profile->output_log};
}

struct standing profiles_look(struct profiles *profiles, uint64_t id, uint64_t wall_ms)
{
    struct profile profile;
    return profiles_get(profiles, id, wall_ms, &profile) ? standing_of(&profile)
                                                         : (struct standing){0};
}

struct standing profiles_reserve(struct profiles *profiles, uint64_t id, uint64_t wt, double call_s,
                                 uint64_t wall_ms)
{
    struct shard *shard = shard_of(profiles, id);
    struct standing standing = {0};
    pthread_mutex_lock(&shard->lock);
    uint32_t number = find(shard, id);
    if (number != SLOT_NONE) {
        struct slot *slot = slot_at(shard, number);
        profile_advance(&slot->profile, wall_ms);
        standing = standing_of(&slot->profile);
        standing.in_profile &= slot->calls < profile_calls(&slot->profile, call_s);
        standing.ordinary_calls = (float)profile_ordinary_calls(&slot->profile, call_s);
        if (standing.in_profile) {
            standing.reserved_wt = profile_reserve(&slot->profile, wt, wall_ms);
            slot->calls++;
        }
        touch(shard, number);
    }
    pthread_mutex_unlock(&shard->lock);
    return standing;
}

void profiles_settle(struct profiles *profiles, uint64_t id, const struct profile_use *use,
                     uint64_t wall_ms)
{
    struct shard *shard = shard_of(profiles, id);
    pthread_mutex_lock(&shard->lock);
    uint32_t number = find(shard, id);
    bool there =
        number != SLOT_NONE || (profile_use_earns(use) && add(shard, id, wall_ms, &number) == 0);
    if (there) {
        struct slot *slot = slot_at(shard, number);
        profile_settle(&slot->profile, use, wall_ms);
        if (use->reserved_wt > 0 &&
            slot->calls > 0) /* it may have been forgotten, and have come again */
            slot->calls--;
        touch(shard, number);
    }
    pthread_mutex_unlock(&shard->lock);
}

/* ── one by one ── */

bool profiles_get(struct profiles *profiles, uint64_t id, uint64_t wall_ms,
                  struct profile *ret_profile)
{
    struct shard *shard = shard_of(profiles, id);
    pthread_mutex_lock(&shard->lock);
    uint32_t number = find(shard, id);
    if (number != SLOT_NONE)
        *ret_profile = slot_at(shard, number)->profile;
    pthread_mutex_unlock(&shard->lock);
    if (number != SLOT_NONE)
        profile_advance(ret_profile, wall_ms);
    return number != SLOT_NONE;
}

int profiles_put(struct profiles *profiles, const struct profile *profile, uint64_t wall_ms)
{
    struct shard *shard = shard_of(profiles, profile->id);
    uint32_t number;
    pthread_mutex_lock(&shard->lock);
    int result = find_or_add(shard, profile->id, wall_ms, &number);
    if (result == 0) {
        slot_at(shard, number)->profile = *profile;
        touch(shard, number);
    }
    pthread_mutex_unlock(&shard->lock);
    return result;
}

bool profiles_forget(struct profiles *profiles, uint64_t id)
{
    struct shard *shard = shard_of(profiles, id);
    pthread_mutex_lock(&shard->lock);
    uint32_t number = find(shard, id);
    if (number != SLOT_NONE)
        drop(shard, number);
    pthread_mutex_unlock(&shard->lock);
    return number != SLOT_NONE;
}

int profiles_change(struct profiles *profiles, uint64_t id, bool make, uint64_t wall_ms,
                    bool (*change)(struct profile *profile, void *arg), void *arg)
{
    struct shard *shard = shard_of(profiles, id);
    int result = 0;
    pthread_mutex_lock(&shard->lock);
    uint32_t number = find(shard, id);
    bool is_new = number == SLOT_NONE;
    if (is_new)
        result = make ? add(shard, id, wall_ms, &number) : -ENOENT;
    if (result == 0 && (change(&slot_at(shard, number)->profile, arg) || is_new))
        touch(shard, number);
    pthread_mutex_unlock(&shard->lock);
    return result;
}

/* ── going round ── */

size_t profiles_take_changed(struct profiles *profiles, uint32_t shard_number,
                             struct profile ret_profiles[PROFILES_PIECE])
{
    struct shard *shard = &profiles->shards[shard_number];
    size_t count = 0;
    pthread_mutex_lock(&shard->lock);
    for (uint32_t word = 0; word * 64 < shard->slots_made && count < PROFILES_PIECE; word++) {
        uint64_t *bits = &shard->changed[word];
        while (*bits && count < PROFILES_PIECE) {
            uint32_t number = word * 64 + (uint32_t)__builtin_ctzll(*bits);
            ret_profiles[count++] = slot_at(shard, number)->profile;
            *bits &= *bits - 1;
        }
    }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

uint64_t profiles_place(uint64_t id)
{
    return mixed(id);
}

/* Returns whether there are more. */
static bool touch_piece(struct shard *shard, uint32_t *slot)
{
    pthread_mutex_lock(&shard->lock);
    uint32_t end = MIN(*slot + PROFILES_PIECE, shard->slots_made);
    for (; *slot < end; (*slot)++)
        if (slot_at(shard, *slot)->profile.id)
            shard->changed[*slot / 64] |= UINT64_C(1) << (*slot % 64);
    bool more = *slot < shard->slots_made;
    pthread_mutex_unlock(&shard->lock);
    return more;
}

void profiles_touch_all(struct profiles *profiles)
{
    for (size_t i = 0; i < PROFILES_SHARDS; i++) {
        uint32_t slot = 0;
        while (touch_piece(&profiles->shards[i], &slot))
            ;
    }
}

static size_t walk_piece(struct shard *shard, uint32_t *slot,
                         struct profile ret_profiles[PROFILES_PIECE])
{
    size_t count = 0;
    pthread_mutex_lock(&shard->lock);
    while (*slot < shard->slots_made && count < PROFILES_PIECE) {
        const struct profile *profile = &slot_at(shard, (*slot)++)->profile;
        if (profile->id)
            ret_profiles[count++] = *profile;
    }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

size_t profiles_walk(struct profiles *profiles, struct profiles_cursor *cursor,
                     struct profile ret_profiles[PROFILES_PIECE])
{
    for (; cursor->shard < PROFILES_SHARDS; cursor->shard++, cursor->slot = 0) {
        size_t count = walk_piece(&profiles->shards[cursor->shard], &cursor->slot, ret_profiles);
        if (count > 0)
            return count;
    }
    return 0;
}

struct profiles_totals profiles_totals(struct profiles *profiles, uint64_t wall_ms)
{
    struct profile piece[PROFILES_PIECE];
    struct profiles_cursor cursor = {0};
    struct profiles_totals totals = {0};
    size_t count;
    while ((count = profiles_walk(profiles, &cursor, piece)) > 0)
        for (size_t i = 0; i < count; i++) {
            profile_advance(&piece[i], wall_ms);
            totals.identities++;
            totals.trusted += profile_is_trusted(&piece[i]);
            totals.in_profile += profile_in(&piece[i]);
            totals.rate += profile_rate(&piece[i]);
        }
    return totals;
}

/* A heap with the smallest rate on top. */
static void sink(struct profile *heap, size_t count, size_t at)
{
    struct profile moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && profile_rate(&heap[child + 1]) < profile_rate(&heap[child]))
            child++;
        if (profile_rate(&heap[child]) >= profile_rate(&moving))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static size_t keep_largest(struct profile *heap, size_t count, size_t max,
                           const struct profile *profile)
{
    if (count == max) {
        if (profile_rate(profile) <= profile_rate(&heap[0]))
            return count;
        heap[0] = *profile;
        sink(heap, count, 0);
        return count;
    }
    heap[count++] = *profile;
    if (count == max)
        for (size_t i = count / 2; i-- > 0;)
            sink(heap, count, i);
    return count;
}

static int by_rate(const void *a, const void *b)
{
    double first = profile_rate(a), second = profile_rate(b);
    return first > second ? -1 : first < second;
}

size_t profiles_largest(struct profiles *profiles, uint64_t wall_ms, struct profile *ret_profiles,
                        size_t profiles_max)
{
    struct profile piece[PROFILES_PIECE];
    struct profiles_cursor cursor = {0};
    size_t kept = 0, count;
    while (profiles_max > 0 && (count = profiles_walk(profiles, &cursor, piece)) > 0)
        for (size_t i = 0; i < count; i++) {
            profile_advance(&piece[i], wall_ms);
            if (profile_is_trusted(&piece[i]))
                kept = keep_largest(ret_profiles, kept, profiles_max, &piece[i]);
        }
    qsort(ret_profiles, kept, sizeof(*ret_profiles), by_rate);
    return kept;
}

/* ── life ── */

uint32_t profiles_max(const struct profiles *profiles)
{
    return PROFILES_SHARDS * profiles->shards[0].slots_max;
}

uint64_t profiles_count(struct profiles *profiles)
{
    uint64_t count = 0;
    for (size_t i = 0; i < PROFILES_SHARDS; i++) {
        pthread_mutex_lock(&profiles->shards[i].lock);
        count += profiles->shards[i].count;
        pthread_mutex_unlock(&profiles->shards[i].lock);
    }
    return count;
}

/* Room for slots_max at a load of two thirds at most. */
static uint32_t bits_for(uint32_t slots_max)
{
    uint32_t bits = 4;
    while ((UINT64_C(2) << bits) < 3 * (uint64_t)slots_max)
        bits++;
    return bits;
}

static int shard_init(struct shard *shard, uint32_t slots_max, uint32_t *table)
{
    shard->slots_max = slots_max;
    shard->table_bits = bits_for(slots_max);
    shard->table = table;
    shard->newest = shard->oldest = shard->free_first = SLOT_NONE;
    shard->chunks = mem_array(slots_max / CHUNK_SLOTS + 1, sizeof(struct slot *));
    shard->changed = mem_array(slots_max / 64 + 1, sizeof(uint64_t));
    return shard->chunks && shard->changed ? 0 : -ENOMEM;
}

struct profiles *profiles_new(uint32_t identities_max)
{
    check(identities_max > 0 && identities_max <= PROFILES_MAX);
    struct profiles *profiles = mem_zalloc(sizeof(*profiles));
    if (!profiles)
        return NULL;
    for (size_t i = 0; i < PROFILES_SHARDS; i++)
        check(pthread_mutex_init(&profiles->shards[i].lock, NULL) == 0);
    uint32_t slots_max = (identities_max + PROFILES_SHARDS - 1) / PROFILES_SHARDS;
    size_t table = (size_t)1 << bits_for(slots_max);
    profiles->tables = mem_array(PROFILES_SHARDS * table, sizeof(uint32_t));
    for (size_t i = 0; i < PROFILES_SHARDS; i++)
        if (!profiles->tables ||
            shard_init(&profiles->shards[i], slots_max, profiles->tables + i * table) < 0) {
            profiles_free(profiles);
            return NULL;
        }
    return profiles;
}

static void shard_release(struct shard *shard)
{
    for (uint32_t i = 0; shard->chunks && i <= shard->slots_max / CHUNK_SLOTS; i++)
        mem_free(shard->chunks[i]);
    mem_free(shard->chunks);
    mem_free(shard->changed);
    pthread_mutex_destroy(&shard->lock);
}

void profiles_free(struct profiles *profiles)
{
    if (!profiles)
        return;
    for (size_t i = 0; i < PROFILES_SHARDS; i++)
        shard_release(&profiles->shards[i]);
    mem_free(profiles->tables);
    mem_free(profiles);
}
