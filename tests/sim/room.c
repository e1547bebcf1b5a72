/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A day of the room admit in seconds: queue, limiter, predictor and tickets over a small engine, with people who come and go by the hour, sieges of 10 and 100
 * times what the engine can do, and faults. What must always hold is checked at each step of 200 ms.
 *
 *     sim_room [SEED]     TAP; the seed is printed. The same seed, the same day.
 *
 * The gate here is the plainest that uses these parts: no eviction, no budgets.
 */
#define ENGINE_CALLS 128

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/admit/engine_model.h"
#include "admit/fair_queue.h"
#include "admit/limiter.h"
#include "admit/predictor.h"
#include "admit/price.h"
#include "admit/ticket.h"
#include "base/alloc.h"

#define STEP_MS 200
#define DAY_MS UINT64_C(86400000)
#define HOUR_MS UINT64_C(3600000)
#define WALL_MS UINT64_C(1795476901042) /* at the start */
#define REQUESTS 2048
#define WAITING_MAX 1000
#define PATIENCE_MS 30000
#define KV_TOKENS 40000
#define CHUNK 16 /* tokens from one charge of an overrun to the next */
#define ALL_CLASSES 7U

enum kind { PERSON, CUSTOMER, NEWCOMER, ATTACKER, GREEDY, KINDS };
static const char *const kind_names[] = {"in profile", "paid", "newcomers", "attackers", "greedy"};
static const enum fair_class kind_classes[] = {FAIR_IN_PROFILE, FAIR_PAID, FAIR_UNKNOWN,
                                               FAIR_UNKNOWN, FAIR_UNKNOWN};

enum state { FREE, WAITS, RUNS, AWAY };

struct request {
    struct fair_entry entry;
    enum state state;
    enum kind kind;
    struct fair_place place;
    struct predictor_facts facts;
    uint64_t output; /* what it will be */
    uint64_t written, price, kv;
    uint64_t since_ms; /* it waits */
    struct ticket ticket;
    bool has_ticket;
};

struct tally {
    uint64_t came, done, refused, failed, returned;
    uint64_t wait_ms_max, wait_ms_sum;
};

static struct world {
    uint64_t now_ms;
    int64_t wall_shift_ms;
    struct fair_queue *queue;
    struct limiter limiter;
    struct predictor predictor;
    struct ticket_plan *plan;
    struct engine engine;
    struct request requests[REQUESTS];
    uint32_t waiting[FAIR_CLASSES];
    uint32_t running, people_running, away, peak;
    uint64_t kv_reserved;
    double pace; /* settled wt/s, lately */
    uint64_t settled_wt;
    uint64_t dearest, most_running; /* of the two greedy: for the bound of their gap */
    uint64_t greedy_running[2];
    double gap_max;
    size_t nodes_max;
    struct tally tallies[KINDS];
    bool lies; /* usage of unknown calls */
} world;

static uint64_t wall(void)
{
    return WALL_MS + world.now_ms + (uint64_t)world.wall_shift_ms;
}

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

static unsigned bit_of(const struct request *request)
{
    return 1U << request->place.class;
}

/* ---- what ends, and what it costs ---------------------------------------------------------- */

static uint64_t *greedy_running(const struct request *request)
{
    return &world.greedy_running[request->place.identity % 2];
}

static void note_price(const struct request *request, uint64_t price)
{
    if (request->kind != GREEDY)
        return;
    world.dearest = MAX(world.dearest, price);
    world.most_running = MAX(world.most_running, *greedy_running(request));
}

static uint64_t used_by(const struct request *request)
{
    uint64_t used = price_of(request->facts.prompt_tokens, request->written);
    if (!world.lies || request->place.class != FAIR_UNKNOWN || request->kind == GREEDY)
        return used;
    return random_below(2) ? 0 : 10 * used;
}

static void settle(struct request *request)
{
    uint64_t used = used_by(request);
    if (request->kind == GREEDY)
        *greedy_running(request) -= request->entry.price;
    note_price(request, used);
    fair_queue_settle(world.queue, &request->entry, used);
    world.kv_reserved -= request->kv;
    world.running--;
    world.people_running -= request->place.class == FAIR_IN_PROFILE;
    world.settled_wt += used;
    request->state = FREE;
}

static void on_first(void *owner, uint64_t ttft_us)
{
    struct request *request = owner;
    request->written = 1;
    limiter_first_token(&world.limiter, request->facts.prompt_tokens, ttft_us, world.running);
}

/* An overrun is charged, and its room in the cache taken, as it is written. */
static void on_token(void *owner, uint64_t us)
{
    struct request *request = owner;
    limiter_tokens(&world.limiter, 1, us);
    if (++request->written % CHUNK != 0)
        return;
    uint64_t used = price_of(request->facts.prompt_tokens, request->written);
    uint64_t before = request->entry.price;
    fair_queue_charge(world.queue, &request->entry, used);
    if (request->kind == GREEDY)
        *greedy_running(request) += request->entry.price - before;
    note_price(request, request->entry.price);
    uint64_t kv = request->facts.prompt_tokens + request->written;
    world.kv_reserved += kv > request->kv ? kv - request->kv : 0;
    request->kv = MAX(request->kv, kv);
}

static void on_done(void *owner)
{
    struct request *request = owner;
    predictor_learn(&world.predictor, &request->facts, request->written);
    world.tallies[request->kind].done++;
    settle(request);
}

static const struct engine_events engine_events = {on_first, on_token, on_done};

/* ---- who goes ------------------------------------------------------------------------------ */

static uint32_t reserve(void)
{
    return (uint32_t)ceil(2 * sqrt(world.people_running)) + 1;
}

static unsigned classes_that_may_go(uint32_t reserved)
{
    uint32_t limit = limiter_limit(&world.limiter);
    if (world.running >= limit)
        return 0;
    bool low = world.running + reserved < limit && !limiter_holds_low(&world.limiter, world.now_ms);
    return low ? ALL_CLASSES : 1U << FAIR_IN_PROFILE;
}

static bool fits(const struct request *request)
{
    uint64_t kv_max = limiter_kv_max(&world.limiter);
    return world.running == 0 ||
           (request->kv <= kv_max && world.kv_reserved <= kv_max - request->kv);
}

/* It has its turn already. */
static void start(struct request *request)
{
    request->state = RUNS;
    request->written = 0;
    world.running++;
    world.people_running += request->place.class == FAIR_IN_PROFILE;
    world.kv_reserved += request->kv;
    if (request->kind == GREEDY)
        *greedy_running(request) += request->entry.price;
    note_price(request, request->entry.price);
    check(engine_begin(&world.engine, request, request->facts.prompt_tokens, request->output));
    uint64_t waited = world.now_ms - request->since_ms;
    struct tally *tally = &world.tallies[request->kind];
    tally->wait_ms_max = MAX(tally->wait_ms_max, waited);
    tally->wait_ms_sum += waited;
}

static void dispatch(void)
{
    uint32_t reserved = reserve();
    for (;;) {
        struct fair_entry *entry = fair_queue_next(world.queue, classes_that_may_go(reserved));
        if (!entry)
            return;
        struct request *request = container_of(entry, struct request, entry);
        if (!fits(request))
            return;
        fair_queue_take(world.queue, entry);
        world.waiting[request->place.class]--;
        start(request);
    }
}

/* ---- who comes ----------------------------------------------------------------------------- */

static void refuse(struct request *request)
{
    double rate = world.pace / 5;
    world.tallies[request->kind].refused++;
    request->has_ticket =
        world.away < REQUESTS / 4 && ticket_issue(world.plan, request->place.class, request->price,
                                                  rate, wall(), &request->ticket);
    request->state = request->has_ticket ? AWAY : FREE;
    world.away += request->has_ticket;
}

static void give_up(struct request *request)
{
    fair_queue_leave(world.queue, &request->entry);
    world.waiting[request->place.class]--;
    refuse(request);
}

static int push(struct request *request, bool first)
{
    return first ? fair_queue_push_first(world.queue, &request->entry, &request->place,
                                         request->price)
                 : fair_queue_push(world.queue, &request->entry, &request->place, request->price);
}

static void admit(struct request *request, bool first)
{
    request->since_ms = world.now_ms;
    if (world.waiting[request->place.class] == 0 && fits(request) &&
        (classes_that_may_go(reserve()) & bit_of(request))) {
        check(fair_queue_pass(world.queue, &request->entry, &request->place, request->price) == 0);
        start(request);
        return;
    }
    int r = push(request, first);
    struct fair_entry *displaced;
    if (r == -ENOSPC && (displaced = fair_queue_displaced_by(world.queue, request->place.class))) {
        struct request *other = container_of(displaced, struct request, entry);
        check(other->place.class > request->place.class);
        give_up(other);
        r = push(request, first);
        check(r == 0);
    }
    if (r == 0) {
        request->state = WAITS;
        world.waiting[request->place.class]++;
        return;
    }
    check(r == -EAGAIN || r == -ENOSPC);
    refuse(request);
}

static void describe(struct request *request, enum kind kind, uint64_t identity)
{
    const uint64_t networks[KINDS] = {60, 20, 100, 50, 1};
    uint64_t prompt = 20 + random_below(kind == ATTACKER ? 100 : 800);
    double mean = kind == PERSON ? 20 + (double)(identity % 7) * 15 : 60;
    uint64_t output = kind == ATTACKER ? 200 : 1 + (uint64_t)(-mean * log(uniform()));
    request->kind = kind;
    request->place =
        (struct fair_place){kind_classes[kind], 1000 * (uint64_t)kind + identity % networks[kind],
                            1000000 * (uint64_t)kind + identity};
    request->facts =
        (struct predictor_facts){.prompt_tokens = prompt,
                                 .output_max = 1000,
                                 .messages = 1 + random_below(9),
                                 .identity_output_log = kind == PERSON ? (float)log(mean) : 0};
    request->output = MIN(output, UINT64_C(1000));
    uint64_t predicted = predictor_output(&world.predictor, &request->facts);
    request->price = price_of(prompt, predicted);
    request->kv = prompt + predicted;
}

static void arrive(enum kind kind, uint64_t identity)
{
    static size_t at;
    for (size_t looked = 0; looked < REQUESTS; looked++) {
        struct request *request = &world.requests[at++ % REQUESTS];
        if (request->state != FREE)
            continue;
        *request = (struct request){.state = FREE};
        describe(request, kind, identity);
        world.tallies[kind].came++;
        admit(request, false);
        return;
    }
    world.tallies[kind].refused++;
}

static void arrivals(enum kind kind, double rate, uint32_t identities)
{
    double expected = rate * STEP_MS / 1000 + uniform();
    for (unsigned i = 0; i + 1 <= expected; i++)
        arrive(kind, random_below(identities));
}

static unsigned waiting_of(uint64_t identity)
{
    unsigned count = 0;
    for (size_t i = 0; i < REQUESTS; i++)
        count += world.requests[i].state == WAITS && world.requests[i].place.identity == identity;
    return count;
}

/* Two who always have as much waiting as they may. */
static void fill_greedy(void)
{
    for (uint64_t i = 0; i < 2; i++)
        while (waiting_of(1000000 * (uint64_t)GREEDY + i) < 2) {
            uint64_t before = world.waiting[FAIR_UNKNOWN];
            arrive(GREEDY, i);
            if (world.waiting[FAIR_UNKNOWN] == before)
                return;
        }
}

/* Half of those with a ticket come when they were told, the others at any time; some with the ticket of somebody else. */
static void come_back(struct request *request)
{
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait_ms;
    bool obeys = request->place.identity % 2 == 0;
    if (wall() < request->ticket.due_ms && (obeys || random_below(200) > 0))
        return;
    ticket_write(world.plan, &request->ticket, request->place.class, request->place.identity, text);
    struct span span = span_str(text);
    check(ticket_check(world.plan, span, request->place.class, request->place.identity + 1, wall(),
                       &wait_ms) == TICKET_FORGED);
    enum ticket_verdict verdict = ticket_check(world.plan, span, request->place.class,
                                               request->place.identity, wall(), &wait_ms);
    check(verdict != TICKET_FORGED && verdict != TICKET_USED);
    world.away--;
    request->state = FREE;
    if (verdict != TICKET_DUE)
        return;
    check(ticket_check(world.plan, span, request->place.class, request->place.identity, wall(),
                       &wait_ms) == TICKET_USED);
    world.tallies[request->kind].returned++;
    admit(request, true);
}

static void look_at_all(void)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &world.requests[i];
        if (request->state == AWAY)
            come_back(request);
        else if (request->state == WAITS && request->kind != GREEDY &&
                 world.now_ms - request->since_ms > PATIENCE_MS)
            give_up(request);
    }
}

/* ---- the day ------------------------------------------------------------------------------- */

static bool at_hour(double from, double hours)
{
    double hour = (double)world.now_ms / HOUR_MS;
    return hour >= from && hour < from + hours;
}

static double siege_rate(void)
{
    if (at_hour(3, 0.33))
        return 60; /* ten times what the engine can do */
    return at_hour(9, 0.33) || at_hour(20, 0.1) ? 600 : 0;
}

/* All calls break off; people's are sent again, in front. */
static void restart_engine(void)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &world.requests[i];
        if (request->state != RUNS)
            continue;
        engine_cut(&world.engine, request);
        settle(request);
        world.tallies[request->kind].failed++;
        if (request->kind == PERSON)
            admit(request, true);
    }
}

static void faults(void)
{
    struct limiter_facts facts = {.kv_tokens = KV_TOKENS, .at_ms = world.now_ms};
    if (at_hour(17, 1))
        facts = (struct limiter_facts){
            .slots = UINT32_MAX, .kv_tokens = UINT64_MAX, .kv_used = NAN, .at_ms = world.now_ms};
    if (!at_hour(18, 1)) /* then it says nothing */
        limiter_know(&world.limiter, &facts);
    world.engine.tpot_us = at_hour(5, 1) ? 200000 : 100000;
    world.lies = at_hour(9, 0.2);
    if (world.now_ms == 15 * HOUR_MS || world.now_ms == 9 * HOUR_MS + HOUR_MS / 10)
        restart_engine();
    if (world.now_ms == 9 * HOUR_MS + HOUR_MS / 5)
        world.wall_shift_ms -= (int64_t)HOUR_MS;
    if (world.now_ms == 20 * HOUR_MS + 60000)
        world.wall_shift_ms += 2 * (int64_t)HOUR_MS;
}

static void traffic(void)
{
    double day = 0.55 - 0.45 * cos(6.28318530717959 * (double)world.now_ms / (double)DAY_MS);
    double siege = siege_rate();
    arrivals(PERSON, 2.5 * day, 200);
    arrivals(CUSTOMER, 0.5 * day, 30);
    arrivals(NEWCOMER, 0.4 * day, 100000);
    if (siege > 0) {
        arrivals(ATTACKER, siege, 1000);
        fill_greedy();
    }
}

/* What holds at each step. */
static void check_all(void)
{
    uint32_t waiting[FAIR_CLASSES] = {0}, running = 0;
    uint64_t kv = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        const struct request *request = &world.requests[i];
        waiting[request->place.class] += request->state == WAITS;
        running += request->state == RUNS;
        kv += request->state == RUNS ? request->kv : 0;
        check(request->state != WAITS || request->place.class != FAIR_IN_PROFILE ||
              world.now_ms - request->since_ms < PATIENCE_MS);
    }
    for (unsigned i = 0; i < FAIR_CLASSES; i++)
        check(waiting[i] == fair_queue_waiting(world.queue, (enum fair_class)i));
    check(running == world.running && running == world.engine.under_way);
    check(kv == world.kv_reserved);
    uint32_t all = waiting[0] + waiting[1] + waiting[2];
    check(all <= WAITING_MAX);
    size_t nodes = fair_queue_nodes(world.queue);
    check(nodes <= 2 * (all + running + WAITING_MAX));
    world.nodes_max = MAX(world.nodes_max, nodes);
}

static void check_greedy(void)
{
    double counters[2];
    for (uint64_t i = 0; i < 2; i++) {
        struct fair_place place = {FAIR_UNKNOWN, 1000 * (uint64_t)GREEDY,
                                   1000000 * (uint64_t)GREEDY + i};
        if (waiting_of(place.identity) == 0)
            return;
        counters[i] = fair_queue_counters(world.queue, &place).identity;
    }
    double gap = fabs(counters[0] - counters[1]);
    check(gap <= (double)(world.dearest + world.most_running));
    world.gap_max = fmax(world.gap_max, gap);
}

static void step(bool open)
{
    faults();
    if (open)
        traffic();
    if (world.now_ms % 1000 == 0)
        look_at_all();
    dispatch();
    world.peak = world.running;
    engine_step(&world.engine, STEP_MS * 1000);
    dispatch();
    limiter_tick(&world.limiter, MAX(world.peak, world.running), world.now_ms);
    world.pace += 0.02 * ((double)world.settled_wt * 1000 / STEP_MS - world.pace);
    world.settled_wt = 0;
    check_all();
    if (siege_rate() > 0)
        check_greedy();
    world.now_ms += STEP_MS;
}

static void begin(uint64_t seed)
{
    random_seed(seed);
    world.queue = fair_queue_new(&(struct fair_limits){{8, 2, 1}, WAITING_MAX, 4});
    world.plan = mem_alloc(sizeof(*world.plan));
    check(world.queue && world.plan);
    ticket_plan_init(world.plan, &(struct mac_key){{1}});
    limiter_init(&world.limiter);
    predictor_init(&world.predictor);
    world.engine = (struct engine){.tpot_us = 100000,
                                   .half_speed = 200,
                                   .prompt_token_us = 50,
                                   .slots = ENGINE_CALLS,
                                   .noise_percent = 10,
                                   .events = &engine_events};
    world.pace = 500;
}

/* Nobody comes any more: all that was reserved is given back. */
static void finish(void)
{
    while (world.running > 0 || fair_queue_next(world.queue, ALL_CLASSES))
        step(false);
    check(world.kv_reserved == 0);
    fair_queue_tidy(world.queue, SIZE_MAX);
    check(fair_queue_nodes(world.queue) == 0);
    fair_queue_free(world.queue);
    mem_free(world.plan);
    random_unseed();
}

static void report(void)
{
    printf("# limit %u, nodes at most %zu, gap of the greedy at most %.0f of %llu wt\n",
           limiter_limit(&world.limiter), world.nodes_max, world.gap_max,
           (unsigned long long)(world.dearest + world.most_running));
    printf("# %-10s %8s %8s %8s %8s %8s %9s %9s\n", "", "came", "done", "refused", "failed",
           "returned", "wait mean", "wait max");
    for (size_t i = 0; i < KINDS; i++) {
        const struct tally *tally = &world.tallies[i];
        printf("# %-10s %8llu %8llu %8llu %8llu %8llu %7.0fms %7llums\n", kind_names[i],
               (unsigned long long)tally->came, (unsigned long long)tally->done,
               (unsigned long long)tally->refused, (unsigned long long)tally->failed,
               (unsigned long long)tally->returned,
               (double)tally->wait_ms_sum / (double)MAX(tally->done, UINT64_C(1)),
               (unsigned long long)tally->wait_ms_max);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int64_t live = mem_live_count();
    printf("1..3\n# seed %llu\n", (unsigned long long)seed);
    begin(seed);
    while (world.now_ms < DAY_MS)
        step(true);
    finish();
    report();
    bool given_back = mem_live_count() == live;
    const struct tally *people = &world.tallies[PERSON];
    bool served = people->refused == 0 && people->done == people->came;
    bool newcomers = world.tallies[NEWCOMER].done * 2 > world.tallies[NEWCOMER].came;
    printf("%sok 1 - nothing is left behind\n", given_back ? "" : "not ");
    printf("%sok 2 - everybody in profile was served\n", served ? "" : "not ");
    printf("%sok 3 - most newcomers were served\n", newcomers ? "" : "not ");
    return !(given_back && served && newcomers);
}
