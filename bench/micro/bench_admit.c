/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision of the room admit costs. `queue/…`: one call arrives, one gets its turn, one ends, while 100,000 identities wait in 10,000 networks.
 *
 *   turn        an identity that waits already gets another call; the next has its turn and ends
 *   newcomer    one that nobody knows arrives; the next has its turn and ends, and is forgotten
 *   full        one arrives when its identity has the most that it may have waiting
 *   pass        nobody waits
 *
 * `prefix/chain`: the hashes of a prompt of 2 KB; `prefix/match`: a prompt of 16 blocks that none of four backends knows.
 *
 * `limiter/…`: an output token; a first token; a tick with all the samples that it keeps. `ticket/…`: one given out and written; one that is forged, and so one that is
 * early, refused.
 */
#include "admit/fair_queue.h"
#include "admit/limiter.h"
#include "admit/predictor.h"
#include "admit/prefix.h"
#include "admit/ticket.h"
#include "base/alloc.h"
#include "base/random.h"
#include "harness.h"

#define IDENTITIES 100000
#define NETWORKS 10000
#define SPARE 1024
#define BACKENDS 4

static const struct fair_limits limits = {{8, 2, 1}, 1 << 17, 4};

struct crowd {
    struct fair_queue *queue;
    struct fair_entry *entries; /* IDENTITIES that wait at first, and SPARE */
    struct fair_entry **idle;
    size_t idle_count;
    uint64_t stranger;
};

static struct crowd crowd, strangers, calm;

static void push_to(struct crowd *to, uint64_t identity, uint64_t price)
{
    struct fair_entry *entry = to->idle[--to->idle_count];
    struct fair_place place = {(enum fair_class)(identity % NETWORKS % FAIR_CLASSES),
                               identity % NETWORKS, identity};
    if (fair_queue_push(to->queue, entry, &place, price) < 0)
        to->idle[to->idle_count++] = entry;
}

static void make_crowd(struct crowd *made, size_t waiting)
{
    size_t count = waiting + SPARE;
    made->queue = fair_queue_new(&limits);
    made->entries = mem_array(count, sizeof(*made->entries));
    made->idle = mem_array(count, sizeof(struct fair_entry *));
    check(made->queue && made->entries && made->idle);
    for (size_t i = 0; i < count; i++)
        made->idle[made->idle_count++] = &made->entries[i];
    for (size_t i = 0; i < waiting; i++)
        push_to(made, i, 100 + random_below(3000));
    made->stranger = IDENTITIES;
}

static void drop_crowd(struct crowd *made)
{
    struct fair_entry *entry;
    while ((entry = fair_queue_next(made->queue, 7)))
        fair_queue_leave(made->queue, entry);
    fair_queue_free(made->queue);
    mem_free(made->entries);
    mem_free(made->idle);
}

static void turn_and_end(struct crowd *at)
{
    struct fair_entry *entry = fair_queue_next(at->queue, 7);
    fair_queue_take(at->queue, entry);
    fair_queue_settle(at->queue, entry, entry->price / 2);
    at->idle[at->idle_count++] = entry;
}

static void repeat_turn(void *arg, uint64_t times)
{
    struct crowd *at = arg;
    while (times-- > 0) {
        push_to(at, random_below(IDENTITIES), 100 + random_below(3000));
        turn_and_end(at);
        while (at->idle_count > SPARE) /* some pushes are of identities that have four */
            push_to(at, random_below(IDENTITIES), 100 + random_below(3000));
    }
}

static void repeat_newcomer(void *arg, uint64_t times)
{
    struct crowd *at = arg;
    while (times-- > 0) {
        push_to(at, at->stranger++, 100 + random_below(3000));
        turn_and_end(at);
    }
}

static void repeat_full(void *arg, uint64_t times)
{
    struct crowd *at = arg;
    struct fair_place place = {FAIR_PAID, 1, UINT64_MAX};
    struct fair_entry entries[5], *refused = &entries[4];
    uint32_t waiting = 0;
    for (int class = 0; class < FAIR_CLASSES; class ++)
        waiting += fair_queue_waiting(at->queue, (enum fair_class) class);
    fair_queue_set_bounds(at->queue, waiting + 4, 4); /* nearly full: an identity has its least */
    for (size_t i = 0; i < 4; i++)
        check(fair_queue_push(at->queue, &entries[i], &place, 100) == 0);
    while (times-- > 0)
        check(fair_queue_push(at->queue, refused, &place, 100) == -EAGAIN);
    for (size_t i = 0; i < 4; i++)
        fair_queue_leave(at->queue, &entries[i]);
    fair_queue_set_bounds(at->queue, limits.waiting_max, limits.per_identity_max);
}

static void repeat_pass(void *arg, uint64_t times)
{
    struct crowd *at = arg;
    struct fair_entry entry;
    while (times-- > 0) {
        uint64_t identity = random_below(IDENTITIES);
        struct fair_place place = {FAIR_IN_PROFILE, identity % NETWORKS, identity};
        check(fair_queue_pass(at->queue, &entry, &place, 1000) == 0);
        fair_queue_settle(at->queue, &entry, 400);
    }
}

/* ---- beside it ---------------------------------------------------------------------------------------- */

static void repeat_chain(void *arg, uint64_t times)
{
    static char prompt[2048];
    struct prefix prefix;
    (void)arg;
    while (times-- > 0) {
        prompt[0]++;
        prefix_begin(&prefix, &(struct mac_key){{1}});
        prefix_salt(&prefix, times);
        prefix_add(&prefix, span_of(prompt, sizeof(prompt)), false);
        bench_keep(&prefix);
    }
}

static void repeat_match(void *arg, uint64_t times)
{
    static struct prefix_table tables[BACKENDS];
    struct prefix prefix = {.count = PREFIX_BLOCKS_MAX};
    (void)arg;
    while (times-- > 0) {
        uint32_t known = 0;
        for (size_t i = 0; i < PREFIX_BLOCKS_MAX; i++)
            prefix.blocks[i] = 1 + (times * PREFIX_BLOCKS_MAX + i) * UINT64_C(0x9E3779B97F4A7C15);
        for (size_t i = 0; i < BACKENDS; i++)
            known += prefix_match(&tables[i], &prefix);
        bench_keep(&known);
    }
}

static struct predictor predictor;
static struct limiter limiter;
static struct ticket_plan plan;

static struct predictor_facts facts_at(uint64_t i)
{
    return (struct predictor_facts){.prompt_tokens = 20 + i * 7919 % 8000,
                                    .output_max = i % 3 ? 0 : 1000,
                                    .messages = 1 + (uint32_t)(i % 9),
                                    .last_message_bytes = i * 104729 % 4000,
                                    .tools = i % 5 == 0,
                                    .identity_output_log = (float)(i % 8)};
}

static void repeat_predict(void *arg, uint64_t times)
{
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        struct predictor_facts facts = facts_at(i);
        uint64_t tokens = predictor_output(&predictor, &facts);
        bench_keep(&tokens);
    }
}

static void repeat_learn(void *arg, uint64_t times)
{
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        struct predictor_facts facts = facts_at(i);
        predictor_learn(&predictor, &facts, i * 31 % 2000);
    }
}

static void repeat_token(void *arg, uint64_t times)
{
    (void)arg;
    for (uint64_t i = 0; i < times; i++)
        limiter_tokens(&limiter, 1, 20000 + i % 1000);
    bench_keep(&limiter);
}

static void repeat_first(void *arg, uint64_t times)
{
    (void)arg;
    for (uint64_t i = 0; i < times; i++)
        limiter_first_token(&limiter, i % 4000, 50000 + i % 4000 * 20, i % 16);
    bench_keep(&limiter);
}

static void repeat_tick(void *arg, uint64_t times)
{
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        for (uint64_t sample = 0; sample < LIMITER_SAMPLES; sample++) {
            limiter_tokens(&limiter, 1, 20000 + (i + sample) * 7919 % 1000);
            limiter_first_token(&limiter, 100, 50000 + (i + sample) * 7919 % 1000, 100);
        }
        limiter_tick(&limiter, 100, limiter.ticked_ms + LIMITER_TICK_MS);
    }
}

static void repeat_issue(void *arg, uint64_t times)
{
    char text[TICKET_TEXT_BYTES + 1];
    struct ticket ticket;
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        check(ticket_issue(&plan, 1, 100, 1e6, 1000 + i * 2, &ticket));
        ticket_write(&plan, &ticket, 1, i, text);
        bench_keep(text);
    }
    plan.next_free_ms[1] = 0;
}

static void repeat_forged(void *arg, uint64_t times)
{
    uint32_t wait_ms;
    (void)arg;
    for (uint64_t i = 0; i < times; i++)
        check(ticket_check(&plan, SPAN("0000000000A.0000000000B.0000000000C"), 1, i, 1000,
                           &wait_ms) == TICKET_FORGED);
}

int main(int argc, char **argv)
{
    const struct bench benches[] = {
        {"queue/turn", 0, repeat_turn, &crowd},
        {"queue/newcomer", 0, repeat_newcomer, &strangers},
        {"queue/full", 0, repeat_full, &crowd},
        {"queue/pass", 0, repeat_pass, &calm},
        {"prefix/chain", 2048, repeat_chain, NULL},
        {"prefix/match", 0, repeat_match, NULL},
        {"predictor/output", 0, repeat_predict, NULL},
        {"predictor/learn", 0, repeat_learn, NULL},
        {"limiter/token", 0, repeat_token, NULL},
        {"limiter/first-token", 0, repeat_first, NULL},
        {"limiter/tick", 0, repeat_tick, NULL},
        {"ticket/issue", 0, repeat_issue, NULL},
        {"ticket/forged", 0, repeat_forged, NULL},
    };
    random_seed(1);
    predictor_init(&predictor);
    limiter_init(&limiter);
    ticket_plan_init(&plan, &(struct mac_key){{1}});
    make_crowd(&crowd, IDENTITIES);
    make_crowd(&strangers, IDENTITIES);
    make_crowd(&calm, 0);
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    drop_crowd(&crowd);
    drop_crowd(&strangers);
    drop_crowd(&calm);
    return status;
}
