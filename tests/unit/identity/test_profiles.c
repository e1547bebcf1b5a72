/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "identity/profiles.h"
#include "profile_testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SMALL (4 * PROFILES_SHARDS) /* four to a shard */

static struct profiles *new_profiles(uint32_t max)
{
    struct profiles *profiles = profiles_new(max);
    assert_non_null(profiles);
    return profiles;
}

static void put_trusted(struct profiles *profiles, uint64_t id, uint64_t wt)
{
    struct profile profile = test_trusted(id, 7, 8, wt);
    assert_int_equal(profiles_put(profiles, &profile, test_at(7, 0)), 0);
}

static bool is_there(struct profiles *profiles, uint64_t id)
{
    struct profile profile;
    return profiles_get(profiles, id, test_at(7, 0), &profile);
}

static void settle(struct profiles *profiles, uint64_t id, uint64_t wall_ms)
{
    struct profile_use use = test_use(100);
    profiles_settle(profiles, id, &use, wall_ms);
}

/* Ids that all lie in the shard of `id`: nothing else tells which that is. */
static size_t ids_of_one_shard(uint64_t *ret_ids, size_t count)
{
    struct profiles *profiles = new_profiles(PROFILES_SHARDS); /* one to a shard */
    size_t found = 0;
    settle(profiles, 1, test_at(0, 0));
    for (uint64_t id = 2; found < count; id++) {
        settle(profiles, id, test_at(0, 0));
        if (is_there(profiles, 1))
            continue;
        ret_ids[found++] = id;
        assert_true(profiles_forget(profiles, id));
        settle(profiles, 1, test_at(0, 0));
    }
    profiles_free(profiles);
    return found;
}

static void strangers_have_no_standing_and_take_no_memory(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(1000);
    struct profile_use siege = {.prompt_tokens = 5, .siege = true}, aborted = {.aborted = true};
    struct standing standing = profiles_reserve(profiles, 7, 100, 0, test_at(0, 0));
    assert_false(standing.trusted || standing.in_profile);
    assert_int_equal(standing.reserved_wt, 0);
    profiles_settle(profiles, 7, &siege, test_at(0, 0));
    profiles_settle(profiles, 7, &aborted, test_at(0, 0));
    assert_false(profiles_look(profiles, 7, test_at(0, 0)).trusted);
    assert_int_equal(profiles_count(profiles), 0);
    settle(profiles, 0, test_at(0, 0)); /* nobody */
    assert_int_equal(profiles_count(profiles), 0);
    settle(profiles, 7, test_at(0, 0));
    assert_int_equal(profiles_count(profiles), 1);
    profiles_free(profiles);
    profiles_free(NULL);
}

static void use_on_three_days_gives_standing(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(1000);
    for (uint64_t day = 0; day < 3; day++)
        settle(profiles, 7, test_at(day, 9));
    struct standing standing = profiles_look(profiles, 7, test_at(3, 0));
    assert_true(standing.trusted && standing.in_profile);
    assert_true(standing.rate > 0 && standing.request_wt == 100);
    assert_true(standing.balance > 0);
    assert_int_equal(standing.reserved_wt, 0);
    standing = profiles_reserve(profiles, 7, 1000, 0, test_at(3, 0));
    assert_true(standing.in_profile);
    assert_int_equal(standing.reserved_wt, 1000);
    standing = profiles_reserve(profiles, 7, 1000, 0, test_at(3, 0));
    assert_true(standing.trusted && !standing.in_profile && standing.balance <= 0);
    assert_int_equal(standing.reserved_wt, 0);
    profiles_free(profiles);
}

/* Against a plain array: what was put is found, what was forgotten is not. */
static void the_table_holds_what_it_was_given(void **state)
{
    (void)state;
    enum { IDS = 3000 };
    static bool there[IDS + 1];
    struct profiles *profiles = new_profiles(64 * IDS);
    uint64_t count = 0;
    random_seed(3);
    for (int i = 0; i < 60000; i++) {
        uint64_t id = 1 + random_below(IDS);
        if (random_below(3) == 0) {
            assert_int_equal(profiles_forget(profiles, id), there[id]);
            count -= there[id];
            there[id] = false;
        } else {
            settle(profiles, id, test_at(0, 0));
            count += !there[id];
            there[id] = true;
        }
        uint64_t other = 1 + random_below(IDS);
        assert_int_equal(is_there(profiles, other), there[other]);
    }
    assert_int_equal(profiles_count(profiles), count);
    random_unseed();
    profiles_free(profiles);
}

static void the_unknown_that_was_seen_longest_ago_goes_first(void **state)
{
    (void)state;
    uint64_t ids[6];
    assert_int_equal(ids_of_one_shard(ids, 6), 6);
    struct profiles *profiles = new_profiles(SMALL);
    for (size_t i = 0; i < 4; i++)
        settle(profiles, ids[i], test_at(0, i));
    (void)profiles_reserve(profiles, ids[0], 1, 0, test_at(0, 5)); /* seen again */
    settle(profiles, ids[4], test_at(0, 6));
    assert_false(is_there(profiles, ids[1]));
    settle(profiles, ids[5], test_at(0, 7));
    assert_false(is_there(profiles, ids[2]));
    assert_true(is_there(profiles, ids[0]) && is_there(profiles, ids[3]));
    assert_int_equal(profiles_count(profiles), 4);
    profiles_free(profiles);
}

static void a_trusted_one_is_never_dropped_for_a_stranger(void **state)
{
    (void)state;
    uint64_t ids[8];
    assert_int_equal(ids_of_one_shard(ids, 8), 8);
    struct profiles *profiles = new_profiles(SMALL);
    for (size_t i = 0; i < 3; i++)
        put_trusted(profiles, ids[i], 100);
    for (size_t i = 3; i < 8; i++)
        settle(profiles, ids[i], test_at(7, i));
    for (size_t i = 0; i < 3; i++)
        assert_true(is_there(profiles, ids[i]));
    assert_true(is_there(profiles, ids[7]));
    assert_int_equal(profiles_count(profiles), 4);

    put_trusted(profiles, ids[3], 100); /* the shard is full of them now */
    settle(profiles, ids[7], test_at(7, 9));
    assert_false(is_there(profiles, ids[7]));
    struct profile stranger = {.id = ids[7]};
    assert_int_equal(profiles_put(profiles, &stranger, test_at(7, 9)), -ENOSPC);
    for (size_t i = 0; i < 4; i++)
        assert_true(is_there(profiles, ids[i]));
    profiles_free(profiles);
}

static void lapsed_trust_makes_room(void **state)
{
    (void)state;
    uint64_t ids[5];
    assert_int_equal(ids_of_one_shard(ids, 5), 5);
    struct profiles *profiles = new_profiles(SMALL);
    for (size_t i = 0; i < 4; i++)
        put_trusted(profiles, ids[i], 100);
    settle(profiles, ids[1], test_at(200, 0)); /* it came back and is unknown again */
    settle(profiles, ids[4], test_at(200, 1));
    assert_true(is_there(profiles, ids[4]));
    assert_int_equal(profiles_count(profiles), 4);
    settle(profiles, ids[0], test_at(200, 2));
    assert_true(is_there(profiles, ids[0]));
    profiles_free(profiles);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(1000);
    for (uint64_t id = 1; id <= 100000; id++)
        settle(profiles, id, test_at(0, 0));
    assert_true(profiles_count(profiles) <= 1024);
    assert_true(profiles_count(profiles) >= 1000);
    profiles_free(profiles);
}

static void take_all(struct profiles *profiles, uint64_t *ret_ids, size_t *ret_count)
{
    struct profile piece[PROFILES_PIECE];
    size_t count;
    *ret_count = 0;
    for (uint32_t shard = 0; shard < PROFILES_SHARDS; shard++)
        while ((count = profiles_take_changed(profiles, shard, piece)) > 0)
            for (size_t i = 0; i < count; i++)
                ret_ids[(*ret_count)++] = piece[i].id;
}

static int by_id(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void each_change_is_taken_once(void **state)
{
    (void)state;
    enum { IDS = 40000 };
    static uint64_t ids[IDS];
    size_t count;
    struct profiles *profiles = new_profiles(100000);
    for (uint64_t id = 1; id <= IDS; id++)
        settle(profiles, id, test_at(0, 0));
    take_all(profiles, ids, &count);
    assert_int_equal(count, IDS);
    qsort(ids, count, sizeof(ids[0]), by_id);
    for (uint64_t i = 0; i < IDS; i++)
        assert_int_equal(ids[i], i + 1);
    take_all(profiles, ids, &count);
    assert_int_equal(count, 0);

    (void)profiles_reserve(profiles, 77, 1, 0, test_at(0, 1));
    (void)profiles_look(profiles, 78, test_at(0, 1)); /* a look changes nothing */
    settle(profiles, 79, test_at(0, 1));
    assert_true(profiles_forget(profiles, 79));
    take_all(profiles, ids, &count);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 77);

    profiles_touch_all(profiles);
    take_all(profiles, ids, &count);
    assert_int_equal(count, IDS - 1);
    profiles_free(profiles);
}

static void a_walk_meets_everybody(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(100000);
    struct profile piece[PROFILES_PIECE];
    struct profiles_cursor cursor = {0};
    uint64_t sum = 0;
    size_t count, seen = 0;
    assert_int_equal(profiles_walk(profiles, &cursor, piece), 0);
    for (uint64_t id = 1; id <= 30000; id++)
        settle(profiles, id, test_at(0, 0));
    cursor = (struct profiles_cursor){0};
    while ((count = profiles_walk(profiles, &cursor, piece)) > 0)
        for (size_t i = 0; i < count; i++, seen++)
            sum += piece[i].id;
    assert_int_equal(seen, 30000);
    assert_int_equal(sum, UINT64_C(30000) * 30001 / 2);
    profiles_free(profiles);
}

static void totals_and_the_largest(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(10000);
    struct profile largest[5];
    for (uint64_t id = 1; id <= 100; id++)
        put_trusted(profiles, id, 100 * (1 + id * 37 % 101)); /* in no order */
    for (uint64_t id = 1000; id < 1050; id++)
        settle(profiles, id, test_at(7, 0));
    (void)profiles_reserve(profiles, 4, 1000000, 0, test_at(7, 0));

    struct profiles_totals totals = profiles_totals(profiles, test_at(7, 0));
    double rate = 0;
    for (uint64_t id = 1; id <= 100; id++)
        rate += (double)profiles_look(profiles, id, test_at(7, 0)).rate;
    assert_int_equal(totals.identities, 150);
    assert_int_equal(totals.trusted, 100);
    assert_int_equal(totals.in_profile, 99);
    assert_true(totals.rate > rate * 0.999 && totals.rate < rate * 1.001);

    assert_int_equal(profiles_largest(profiles, test_at(7, 0), largest, 5), 5);
    for (size_t i = 1; i < 5; i++)
        assert_true(profile_rate(&largest[i - 1]) > profile_rate(&largest[i]));
    assert_true(largest[0].request_wt >= 10000);
    assert_int_equal(profiles_largest(profiles, test_at(7, 0), largest, 0), 0);
    struct profile all[200];
    assert_int_equal(profiles_largest(profiles, test_at(7, 0), all, 200), 100);
    profiles_free(profiles);
}

static bool grant_one(struct profile *profile, void *arg)
{
    profile_grant(profile, 5, *(uint64_t *)arg);
    return true;
}

static void one_is_changed_in_place(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(1000);
    uint64_t now_ms = test_at(7, 0);
    assert_int_equal(profiles_change(profiles, 9, false, now_ms, grant_one, &now_ms), -ENOENT);
    assert_int_equal(profiles_change(profiles, 9, true, now_ms, grant_one, &now_ms), 0);
    assert_true(profiles_look(profiles, 9, now_ms).in_profile);
    assert_int_equal(profiles_change(profiles, 0, true, now_ms, grant_one, &now_ms), -EINVAL);
    profiles_free(profiles);
}

/* ── threads ── */

enum { THREADS = 8, CALLS = 10000 };

struct crowd {
    struct profiles *profiles;
    uint64_t reserved, admitted;
};

static void *reserve_many(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < CALLS / THREADS; i++) {
        struct standing standing = profiles_reserve(crowd->profiles, 1, 10, 0, test_at(7, 0));
        crowd->reserved += standing.reserved_wt;
        crowd->admitted += standing.in_profile;
    }
    return NULL;
}

static void run_threads(void *(*run)(void *arg), struct crowd crowds[THREADS],
                        struct profiles *profiles)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){.profiles = profiles};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &crowds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void ten_thousand_calls_at_once_see_one_balance(void **state)
{
    (void)state;
    struct crowd crowds[THREADS];
    struct profiles *profiles = new_profiles(1000);
    put_trusted(profiles, 1, 200); /* burst 1200 */
    run_threads(reserve_many, crowds, profiles);
    uint64_t reserved = 0, admitted = 0;
    for (size_t i = 0; i < THREADS; i++) {
        reserved += crowds[i].reserved;
        admitted += crowds[i].admitted;
    }
    assert_int_equal(reserved, 1200);
    assert_int_equal(admitted, 120);
    profiles_free(profiles);
}

static void calls_at_once_are_bounded_by_what_is_its_way(void **state)
{
    (void)state;
    struct profiles *profiles = new_profiles(100);
    put_trusted(profiles, 1,
                3600); /* one request an hour: rate 2 wt/s, which is one in half an hour */
    uint64_t now_ms = test_at(7, 0);
    for (int i = 0; i < 4; i++) { /* m = 1/180: 2 + ⌈4/180 + 4 √(1/180)⌉ = 3 */
        struct standing standing = profiles_reserve(profiles, 1, 10, 10, now_ms);
        assert_true(standing.trusted);
        assert_int_equal(standing.in_profile, i < 3);
        assert_int_equal(standing.reserved_wt, i < 3 ? 10 : 0);
        assert_true(standing.ordinary_calls > 1.005F && standing.ordinary_calls < 1.006F);
    }
    struct profile_use use = test_use(10);
    profiles_settle(profiles, 1, &use, now_ms); /* of the fourth, which took nothing */
    assert_false(profiles_reserve(profiles, 1, 10, 10, now_ms).in_profile);
    use.reserved_wt = 10;
    profiles_settle(profiles, 1, &use, now_ms);
    assert_true(profiles_reserve(profiles, 1, 10, 10, now_ms).in_profile);
    struct standing unknown = profiles_reserve(profiles, 1, 10, 0, now_ms); /* how long a call takes is not known */
    assert_true(unknown.in_profile && unknown.ordinary_calls == 0);
    profiles_free(profiles);
}

static void *mix(void *arg)
{
    struct crowd *crowd = arg;
    struct profile piece[PROFILES_PIECE];
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t id = 1 + random_below(500), now_ms = test_at(7, 0) + i * 100;
        struct profile_use use = test_use(random_below(300));
        use.reserved_wt = profiles_reserve(crowd->profiles, id, 100, 0, now_ms).reserved_wt;
        profiles_settle(crowd->profiles, id, &use, now_ms);
        if (i % 64 == 0)
            (void)profiles_forget(crowd->profiles, 1 + random_below(500));
        if (i % 128 == 0)
            (void)profiles_take_changed(crowd->profiles, random_below(PROFILES_SHARDS), piece);
        if (i % 4096 == 0)
            (void)profiles_totals(crowd->profiles, now_ms);
    }
    return NULL;
}

static void threads_share_the_table(void **state)
{
    (void)state;
    struct crowd crowds[THREADS];
    struct profiles *profiles = new_profiles(300); /* many are pushed out */
    for (uint64_t id = 1; id <= 50; id++)
        put_trusted(profiles, id, 100);
    run_threads(mix, crowds, profiles);
    assert_true(profiles_count(profiles) <= 320);
    profiles_free(profiles);
}

static void no_memory_is_no_crash(void **state)
{
    (void)state;
    mem_fail_after(UINT64_MAX);
    for (uint64_t n = 0; n < 200; n += 7) {
        mem_fail_after(n);
        struct profiles *profiles = profiles_new(1000);
        mem_fail_never();
        profiles_free(profiles);
    }
    struct profiles *profiles = new_profiles(1000);
    struct profile profile = test_trusted(1, 7, 8, 100);
    mem_fail_after(0);
    assert_int_equal(profiles_put(profiles, &profile, test_at(7, 0)), -ENOMEM);
    settle(profiles, 2, test_at(7, 0));
    mem_fail_never();
    assert_int_equal(profiles_count(profiles), 0);
    assert_int_equal(profiles_put(profiles, &profile, test_at(7, 0)), 0);
    profiles_free(profiles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_have_no_standing_and_take_no_memory),
        cmocka_unit_test(use_on_three_days_gives_standing),
        cmocka_unit_test(the_table_holds_what_it_was_given),
        cmocka_unit_test(the_unknown_that_was_seen_longest_ago_goes_first),
        cmocka_unit_test(a_trusted_one_is_never_dropped_for_a_stranger),
        cmocka_unit_test(lapsed_trust_makes_room),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(each_change_is_taken_once),
        cmocka_unit_test(a_walk_meets_everybody),
        cmocka_unit_test(totals_and_the_largest),
        cmocka_unit_test(one_is_changed_in_place),
        cmocka_unit_test(calls_at_once_are_bounded_by_what_is_its_way),
        cmocka_unit_test(ten_thousand_calls_at_once_see_one_balance),
        cmocka_unit_test(threads_share_the_table),
        cmocka_unit_test(no_memory_is_no_crash),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
