/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/population.h"

#include "base/alloc.h"
#include "base/chance.h"
#include "base/text.h"

#define BLOCK_BITS 20 /* a group's /12 */
#define FORGED_PARTS 4

struct place {
    uint32_t identities_at, keys_at; /* of its first */
    double turned_from_s;            /* when `turned_count` of them stop; none: 0 of them */
    uint32_t turned_count;
};

struct population {
    const struct scenario *scenario;
    const struct keys *known, *fresh;
    struct identity *identities;
    struct place places[SCENARIO_GROUPS_MAX];
};

static const struct keys *keys_of(const struct population *population, uint32_t group)
{
    uint32_t kind = population->scenario->groups[group].keys;
    return kind == KEYS_KNOWN ? population->known : kind == KEYS_NEW ? population->fresh : NULL;
}

/* ── who is where ── */

/* Gives each group its identities and its part of the keys; a turned one shares. */
static int assign(struct population *population, uint32_t *ret_count, struct err *err)
{
    const struct scenario *scenario = population->scenario;
    size_t used[2] = {0}; /* known, fresh */
    *ret_count = 0;
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        const struct scenario_group *group = &scenario->groups[i];
        struct place *place = &population->places[i];
        if (group->turned_from != i) {
            struct place *other = &population->places[group->turned_from];
            *place = *other;
            place->turned_count = 0;
            other->turned_count = group->identities;
            other->turned_from_s = group->from_s;
            continue;
        }
        const struct keys *keys = keys_of(population, i);
        size_t *keys_at = &used[group->keys == KEYS_NEW];
        *place = (struct place){.identities_at = *ret_count, .keys_at = (uint32_t)*keys_at};
        *ret_count += group->identities;
        if (keys && keys->count - *keys_at < group->identities)
            return err_set(err, -EINVAL, "group '%s' wants %u keys, and the file has %zu left",
                           group->name, group->identities, keys->count - *keys_at);
        *keys_at += keys ? group->identities : 0;
    }
    return 0;
}

static void settle(struct population *population)
{
    const struct scenario *scenario = population->scenario;
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        const struct scenario_group *group = &scenario->groups[i];
        for (uint32_t n = 0; group->turned_from == i && n < group->identities; n++) {
            struct identity *identity = population_at(population, i, n);
            uint32_t network = n % group->networks, host = 1 + n / group->networks;
            identity->address = 127u << 24 | (i + 1) << BLOCK_BITS | network << 8 | host;
            list_init(&identity->idle);
        }
    }
}

int population_new(const struct scenario *scenario, const struct keys *known,
                   const struct keys *fresh, struct population **ret_population, struct err *err)
{
    uint32_t count = 0;
    struct population *population = mem_zalloc(sizeof(*population));
    if (!population)
        return err_set(err, -ENOMEM, "out of memory");
    population->scenario = scenario;
    population->known = known;
    population->fresh = fresh;
    int r = assign(population, &count, err);
    if (r == 0)
        population->identities = mem_array(count, sizeof(*population->identities));
    if (r == 0 && !population->identities)
        r = err_set(err, -ENOMEM, "out of memory for %u identities", count);
    if (r < 0) {
        population_free(population);
        return r;
    }
    settle(population);
    *ret_population = population;
    return 0;
}

void population_free(struct population *population)
{
    if (!population)
        return;
    mem_free(population->identities);
    mem_free(population);
}

/* ── looking ── */

struct identity *population_at(struct population *population, uint32_t group, uint32_t index)
{
    return &population->identities[population->places[group].identities_at + index];
}

bool population_is_turned(const struct population *population, uint32_t group, uint32_t index,
                          double at_s)
{
    const struct place *place = &population->places[group];
    return index < place->turned_count && at_s >= place->turned_from_s;
}

/* Of the form of Seawall's own: "sk-sw-", 11 characters, "-", 33. */
static struct span forge(uint64_t seed, char room[POPULATION_KEY_BYTES])
{
    char parts[FORGED_PARTS * TEXT_BASE62_U64];
    for (unsigned i = 0; i < FORGED_PARTS; i++)
        text_base62(chance_seed(seed, i), parts + (size_t)i * TEXT_BASE62_U64);
    int len =
        snprintf(room, POPULATION_KEY_BYTES, "sk-sw-%.11s-%.33s", parts, parts + TEXT_BASE62_U64);
    return span_of(room, (size_t)len);
}

struct span population_key(const struct population *population, uint32_t group, uint32_t index,
                           uint64_t seed, char room[POPULATION_KEY_BYTES])
{
    const struct keys *keys = keys_of(population, group);
    if (population->scenario->groups[group].keys == KEYS_FORGED)
        return forge(seed, room);
    return keys ? keys->list[population->places[group].keys_at + index] : SPAN_NULL;
}
