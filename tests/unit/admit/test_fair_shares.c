/* SPDX-License-Identifier: Apache-2.0 */
/* What comes of the counters in the long run: who waits throughout gets a share, within the bound that fair_queue.h promises, from printed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "admit/fair_queue.h"
#include "base/random.h"

#define CALLS 256
#define RUNNING_MAX 24
#define PRICE_MAX_WT 1000
#define TURNS 40000
#define FLOWS 256

static const struct fair_limits limits = {{8, 2, 1}, CALLS, 4};

/* Somebody, and what was given to it: prices at turns, corrected when they are known. */
struct flow {
    struct fair_place place;
    bool throughout; /* waits all the time; else it comes and goes */
    uint64_t price;  /* of each call; 0: anything up to PRICE_MAX_WT */
    double given;
    uint64_t running; /* price of what it has running */
};

struct call {
    struct fair_entry entry;
    struct flow *flow;
    bool waits, runs;
};

static struct fair_queue *queue;
static struct call calls[CALLS];
static struct flow flows[FLOWS];
static size_t flows_count, running;
static uint64_t
    unit; /* dearest call, or what it turned out to cost, + the most that one flow had running */
static uint64_t dearest, most_running;

static int begin(void **state)
{
    (void)state;
    queue = fair_queue_new(&limits);
    memset(calls, 0, sizeof(calls));
    memset(flows, 0, sizeof(flows));
    flows_count = running = 0;
    unit = dearest = most_running = 0;
    return queue ? 0 : -1;
}

static void finish(struct call *call, uint64_t used)
{
    call->flow->given += (double)used - (double)call->entry.price;
    call->flow->running -= call->entry.price;
    fair_queue_settle(queue, &call->entry, used);
    call->runs = false;
    running--;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].waits)
            fair_queue_leave(queue, &calls[i].entry);
        if (calls[i].runs)
            finish(&calls[i], 1);
    }
    fair_queue_tidy(queue, SIZE_MAX);
    bool empty = fair_queue_nodes(queue) == 0;
    fair_queue_free(queue);
    random_unseed();
    return empty ? 0 : -1;
}

static struct flow *add(enum fair_class class, uint64_t network, uint64_t identity, bool throughout)
{
    flows[flows_count] = (struct flow){{class, network, identity}, throughout, 0, 0, 0};
    return &flows[flows_count++];
}

static void note_unit(uint64_t price, uint64_t of_one)
{
    dearest = MAX(dearest, price);
    most_running = MAX(most_running, of_one);
    unit = dearest + most_running;
}

static void push_one(struct flow *flow)
{
    for (size_t i = 0; i < CALLS; i++) {
        struct call *call = &calls[i];
        if (call->waits || call->runs)
            continue;
        uint64_t price = flow->price ? flow->price : 1 + random_below(PRICE_MAX_WT);
        call->flow = flow;
        call->waits = fair_queue_push(queue, &call->entry, &flow->place, price) == 0;
        return;
    }
}

static unsigned waiting_of(const struct flow *flow)
{
    unsigned count = 0;
    for (size_t i = 0; i < CALLS; i++)
        count += calls[i].waits && calls[i].flow == flow;
    return count;
}

static void refill(void)
{
    for (size_t i = 0; i < flows_count; i++) {
        while (flows[i].throughout && waiting_of(&flows[i]) < 2)
            push_one(&flows[i]);
        if (!flows[i].throughout && random_below(6) == 0)
            push_one(&flows[i]);
    }
}

static void give_turn(void)
{
    struct fair_entry *entry = fair_queue_next(queue, 7);
    assert_non_null(entry);
    struct call *call = container_of(entry, struct call, entry);
    fair_queue_take(queue, entry);
    call->waits = false;
    call->runs = true;
    call->flow->given += (double)entry->price;
    call->flow->running += entry->price;
    running++;
    note_unit(entry->price, call->flow->running);
}

/* Most calls were priced too high, a few too low; some of these are noticed while they run. */
static void end_some(void)
{
    while (running >= RUNNING_MAX) {
        struct call *call = &calls[random_below(CALLS)];
        if (!call->runs)
            continue;
        uint64_t price = call->entry.price;
        uint64_t used =
            random_below(5) ? random_below((uint32_t)price + 1) : price + random_below(500);
        if (random_below(4) == 0 && used > price) {
            fair_queue_charge(queue, &call->entry, used);
            call->flow->given += (double)(used - price);
            call->flow->running += used - price;
        }
        note_unit(used, call->flow->running);
        finish(call, used);
    }
}

/* What two were given, over all times in which both wait: the widest swing of the difference is the largest gap of any two times. */
struct gap {
    double lowest, highest;
};

static void note_gap(struct gap *gap, double difference)
{
    gap->lowest = fmin(gap->lowest, difference);
    gap->highest = fmax(gap->highest, difference);
}

static void two_identities_that_wait_get_the_same(void **state)
{
    (void)state;
    random_seed(11);
    const struct flow *a = add(FAIR_PAID, 1, 1, true), *b = add(FAIR_PAID, 1, 2, true);
    for (uint64_t i = 0; i < 6; i++)
        add(FAIR_PAID, 1 + i % 3, 10 + i, false);
    struct gap gap = {0, 0};
    for (unsigned turn = 0; turn < TURNS; turn++) {
        refill();
        give_turn();
        end_some();
        double counter_a = fair_queue_counters(queue, &a->place).identity;
        double counter_b = fair_queue_counters(queue, &b->place).identity;
        assert_true(fabs(counter_a - counter_b) <= (double)unit);
        note_gap(&gap, a->given - b->given);
    }
    assert_true(gap.highest - gap.lowest <= 2 * (double)unit);
    assert_true(a->given > 100 * (double)unit);
}

/* One network has one identity, the other has five, each as eager. */
static void two_networks_that_wait_get_the_same(void **state)
{
    (void)state;
    random_seed(12);
    struct flow *alone = add(FAIR_UNKNOWN, 1, 1, true);
    for (uint64_t i = 0; i < 5; i++)
        add(FAIR_UNKNOWN, 2, 10 + i, true);
    struct gap gap = {0, 0};
    uint64_t together_most = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        refill();
        give_turn();
        end_some();
        double together = 0;
        uint64_t together_running = 0;
        for (size_t i = 1; i < flows_count; i++) {
            together += flows[i].given;
            together_running += flows[i].running;
        }
        together_most = MAX(together_most, together_running);
        note_gap(&gap, alone->given - together);
    }
    double bound = 2 * (double)(dearest + MAX(most_running, together_most));
    assert_true(gap.highest - gap.lowest <= bound);
    for (size_t i = 2; i < flows_count; i++)
        assert_true(fabs(flows[1].given - flows[i].given) <= 2 * (double)unit);
}

static void classes_that_wait_get_their_weights(void **state)
{
    (void)state;
    random_seed(13);
    double given[FAIR_CLASSES] = {0};
    for (uint64_t i = 0; i < 9; i++)
        add((enum fair_class)(i % 3), 1 + i / 3, i, true);
    for (unsigned turn = 0; turn < 2 * TURNS; turn++) {
        refill();
        give_turn();
        end_some();
    }
    for (size_t i = 0; i < flows_count; i++)
        given[flows[i].place.class] += flows[i].given;
    double share = given[0] + given[1] + given[2];
    assert_true(fabs(given[FAIR_IN_PROFILE] / share - 8.0 / 11) < 0.005);
    assert_true(fabs(given[FAIR_PAID] / share - 2.0 / 11) < 0.005);
    assert_true(fabs(given[FAIR_UNKNOWN] / share - 1.0 / 11) < 0.005);
}

/* Turns until a visitor is served, at most, who comes now and then to ten who always have something waiting. */
static unsigned longest_visit(uint64_t price)
{
    random_seed(14);
    for (uint64_t i = 0; i < 10; i++)
        add(FAIR_PAID, 1, i, true);
    struct flow *visitor = add(FAIR_PAID, 1, 99, false);
    visitor->price = price;
    unsigned waited = 0, longest = 0, visits = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < 10; i++)
            while (waiting_of(&flows[i]) < 2)
                push_one(&flows[i]);
        if (turn % 200 == 0 && waiting_of(visitor) == 0) {
            push_one(visitor);
            visits++;
            waited = 0;
        }
        give_turn();
        end_some();
        if (waiting_of(visitor) > 0)
            longest = MAX(longest, ++waited);
    }
    assert_true(visits > 100);
    return longest;
}

/* Whoever comes seldom goes before those who always have something waiting, however many these are. */
static void a_visitor_does_not_wait_behind_the_eager(void **state)
{
    (void)state;
    assert_in_range(longest_visit(50), 1, 10);
}

/* One who asks for the most waits until each of the others was given as much: 10 × 1000 wt at 500 wt a turn, and what one was ahead when the visitor came. */
static void a_visitor_who_asks_for_much_waits_as_long_as_that_is_worth(void **state)
{
    (void)state;
    assert_in_range(longest_visit(PRICE_MAX_WT), 10, 40);
}

static size_t idle_call(void)
{
    size_t at = 0;
    while (calls[at].waits || calls[at].runs)
        at++;
    return at;
}

/* Serves the next, whose work is over at once. */
static struct call *serve(void)
{
    struct fair_entry *entry = fair_queue_next(queue, 7);
    assert_non_null(entry);
    struct call *call = container_of(entry, struct call, entry);
    fair_queue_take(queue, entry);
    fair_queue_settle(queue, entry, entry->price);
    call->waits = false;
    return call;
}

static size_t push_at(uint64_t network, uint64_t identity, uint64_t price)
{
    size_t at = idle_call();
    struct fair_place place = {FAIR_UNKNOWN, network, identity};
    calls[at].waits = fair_queue_push(queue, &calls[at].entry, &place, price) == 0;
    assert_true(calls[at].waits);
    return at;
}

#define LONG_WT 2500
#define NEWCOMER_WT 700
#define SHORT_WT 10
#define BESIDE 20 /* others that wait at any time */

/* Work that others are given before a long request has its turn, while those of people whom nobody knows never cease: all short, or some of them longer. */
static uint64_t work_before_the_long(bool networks, uint32_t longer_wt)
{
    uint64_t stranger = 1, work = 0;
    for (; stranger <= BESIDE; stranger++)
        push_at(networks ? stranger : 0, stranger, SHORT_WT);
    size_t wanted = push_at(0, 0, LONG_WT);
    for (;;) {
        uint64_t price = random_below(2) ? longer_wt : SHORT_WT;
        push_at(networks ? stranger : 0, stranger, price);
        stranger++;
        const struct call *call = serve();
        if (call == &calls[wanted])
            return work;
        work += call->entry.price;
        assert_true(work < 100 * BESIDE * LONG_WT);
    }
}

/* The bound of fair_queue.h, with nothing running. */
static void a_long_request_does_not_starve(void **state)
{
    (void)state;
    random_seed(15);
    uint64_t bound = 4 * (BESIDE + 2) * 2 * LONG_WT;
    const uint32_t longer_wt[] = {SHORT_WT, 100, LONG_WT / 2, LONG_WT - SHORT_WT};
    for (unsigned i = 0; i < 2 * COUNT_OF(longer_wt); i++) {
        uint64_t work = work_before_the_long(i % 2, longer_wt[i / 2]);
        assert_in_range(work, LONG_WT, bound);
        while (fair_queue_next(queue, 7))
            serve();
    }
}

/* A flood from 200 networks that always have the dearest waiting, and a newcomer now and then: none waits longer than 200 equal shares would take for what it
 * asks, and most go at once. */
static void a_newcomer_does_not_wait_for_a_round_of_the_flood(void **state)
{
    (void)state;
    uint64_t network_of[CALLS] = {0};
    const struct call *newcomer = NULL;
    unsigned waited = 0, longest = 0, visits = 0, all = 0;
    for (uint64_t i = 0; i < 200; i++)
        network_of[push_at(i, i, LONG_WT)] = i;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (!newcomer && turn % 20 == 0) {
            newcomer = &calls[push_at(1000 + turn, 1000 + turn, NEWCOMER_WT)];
            waited = 0;
        }
        const struct call *call = serve();
        if (call == newcomer) {
            newcomer = NULL;
            visits++;
            all += waited;
            longest = MAX(longest, waited);
        } else {
            waited++;
            uint64_t network = network_of[call - calls];
            network_of[push_at(network, network, LONG_WT)] = network;
        }
    }
    assert_true(visits > 500);
    assert_true(all < 20 * visits);
    assert_in_range(longest, 0, 200 * NEWCOMER_WT / LONG_WT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(two_identities_that_wait_get_the_same),
        TEST(two_networks_that_wait_get_the_same),
        TEST(classes_that_wait_get_their_weights),
        TEST(a_visitor_does_not_wait_behind_the_eager),
        TEST(a_visitor_who_asks_for_much_waits_as_long_as_that_is_worth),
        TEST(a_long_request_does_not_starve),
        TEST(a_newcomer_does_not_wait_for_a_round_of_the_flood),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
