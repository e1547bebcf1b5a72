/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision of the gate costs, over four backends with 8 places each that are all taken, while requests of 100,000 identities wait.
 *
 * `gate/decision`: the mean of a siege. 400,000 identities ask in no order, 1,000 of them in profile (each a network of its own), 9,000 with a promise and 390,000 that nobody
 * knows, ten to a network; the gate has about 100,000 of them in memory. Of 100 asks 10 are of the first, 5 of the second and 85 of the third kind; the queue is full, so that most of the last are refused, at once or
 * because another displaces them, and one in five asks is answered, so that most of the first go at once. 20,000 ask in a second. A time is one ask with its verdict and its end, and its share of all else:
 * others' turns, cuts, those that waited too long, ticks.
 *
 * `gate/turn`: there is room in the queue; one asks and waits, one ends, the next has its turn and goes to a backend.
 */
#include "admit/gate.h"
#include "base/alloc.h"
#include "base/random.h"
#include "harness.h"

#define BACKENDS 4
#define PLACES 8
#define WAIT_MS 60000
#define SPARE 2048

#define IDENTITIES 400000
#define IN_PROFILE 1000
#define PROMISED 9000
#define STRANGERS (IDENTITIES - IN_PROFILE - PROMISED)
#define WAITING 100000
#define TOGETHER 10 /* identities of a network */
#define ASKS_IN_MS 20
#define ASKS_TO_AN_END 5
#define WARM 100000

struct hall {
    struct gate *gate;
    struct turn *turns; /* WAITING, those that run, and SPARE */
    struct turn **idle;
    size_t idle_count;
    struct turn *running[2 * BACKENDS * PLACES];
    size_t running_count;
    uint64_t asks, ms;
    uint64_t asked[FAIR_CLASSES], began[FAIR_CLASSES], refused[FAIR_CLASSES]; /* began: at once */
};

static struct hall siege, calm;
static struct prefix prefix;

/* ---- turns ------------------------------------------------------------------------------------------- */

static void begins(struct hall *hall, struct turn *turn)
{
    check(hall->running_count < COUNT_OF(hall->running));
    hall->running[hall->running_count++] = turn;
}

static void ends(struct hall *hall, struct turn *turn)
{
    hall->refused[turn->place.class] += turn->state == TURN_REFUSED;
    gate_end(hall->gate, turn, turn->prompt_tokens, turn->output_expected / 2, hall->ms);
    hall->idle[hall->idle_count++] = turn;
}

static void run_ends(struct hall *hall, size_t at)
{
    struct turn *turn = hall->running[at];
    hall->running[at] = hall->running[--hall->running_count];
    ends(hall, turn);
}

static void is_cut(struct hall *hall, const struct turn *turn)
{
    size_t at = 0;
    while (hall->running[at] != turn)
        at++;
    run_ends(hall, at);
}

static void take_news(struct hall *hall)
{
    struct turn *turn;
    while ((turn = gate_news(hall->gate, 0))) {
        if (turn->state == TURN_RUNNING)
            begins(hall, turn);
        else if (turn->state == TURN_CUT)
            is_cut(hall, turn);
        else
            ends(hall, turn);
    }
}

static struct fair_place place_of(uint64_t identity)
{
    if (identity < IN_PROFILE)
        return (struct fair_place){FAIR_IN_PROFILE, identity, identity};
    enum fair_class class = identity < IN_PROFILE + PROMISED ? FAIR_PAID : FAIR_UNKNOWN;
    return (struct fair_place){class, identity / TOGETHER, identity};
}

static void ask(struct hall *hall, uint64_t identity)
{
    struct turn *turn = hall->idle[--hall->idle_count];
    const struct gate_ask ask = {.place = place_of(identity),
                                 .prompt_tokens = 20 + random_below(1000),
                                 .output_expected = 20 + random_below(1000),
                                 .prefix = &prefix};
    enum turn_state state = gate_ask(hall->gate, turn, &ask, hall->ms);
    hall->asked[ask.place.class]++;
    hall->began[ask.place.class] += state == TURN_RUNNING;
    if (state == TURN_RUNNING)
        begins(hall, turn);
    if (state == TURN_REFUSED)
        ends(hall, turn);
    take_news(hall);
}

static void one_ends(struct hall *hall)
{
    if (hall->running_count > 0)
        run_ends(hall, random_below((uint32_t)hall->running_count));
    take_news(hall);
}

/* ---- what is measured -------------------------------------------------------------------------------- */

static uint64_t who_asks(void)
{
    uint32_t of_hundred = random_below(100);
    if (of_hundred < 10)
        return random_below(IN_PROFILE);
    if (of_hundred < 15)
        return IN_PROFILE + random_below(PROMISED);
    return IDENTITIES - 1 - random_below(STRANGERS);
}

static void repeat_decision(void *arg, uint64_t times)
{
    struct hall *hall = arg;
    while (times-- > 0) {
        ask(hall, who_asks());
        if (++hall->asks % ASKS_TO_AN_END == 0)
            one_ends(hall);
        if (hall->asks % ASKS_IN_MS == 0 && ++hall->ms % GATE_TICK_MS == 0) {
            gate_tick(hall->gate, hall->ms);
            take_news(hall);
        }
    }
}

static void repeat_turn(void *arg, uint64_t times)
{
    struct hall *hall = arg;
    while (times-- > 0) {
        do
            ask(hall, IDENTITIES - 1 - random_below(IDENTITIES - IN_PROFILE));
        while (hall->idle_count > SPARE); /* some asked in vain */
        one_ends(hall);
    }
}

/* ---- life -------------------------------------------------------------------------------------------- */

/* Those who wait came one after the other, in the time that one may wait. */
static void open_hall(struct hall *hall, uint32_t waiting_max)
{
    const struct gate_limits limits = {.fair = {{8, 2, 1}, waiting_max, 4},
                                       .wait_ms_max = WAIT_MS,
                                       .siege_wait_ms_max = WAIT_MS,
                                       .calls_max = PLACES};
    size_t count = WAITING + COUNT_OF(hall->running) + SPARE;
    hall->gate = gate_new(&limits, BACKENDS, 1);
    hall->turns = mem_array(count, sizeof(*hall->turns));
    hall->idle = mem_array(count, sizeof(struct turn *));
    check(hall->gate && hall->turns && hall->idle);
    while (hall->idle_count < count) {
        hall->idle[hall->idle_count] = &hall->turns[hall->idle_count];
        hall->idle_count++;
    }
    for (uint64_t i = 0; i < WAITING; i++) {
        hall->ms = 1 + i * WAIT_MS / WAITING;
        ask(hall, i < PROMISED ? IN_PROFILE + i : IDENTITIES - 1 - random_below(STRANGERS));
        if (i % ASKS_IN_MS == 0)
            one_ends(hall);
        gate_tick(hall->gate, hall->ms);
    }
}

static void close_hall(struct hall *hall)
{
    while (hall->running_count > 0)
        run_ends(hall, 0);
    for (size_t i = 0; i < WAITING + COUNT_OF(hall->running) + SPARE; i++)
        gate_end(hall->gate, &hall->turns[i], 0, 0, hall->ms);
    gate_free(hall->gate);
    mem_free(hall->turns);
    mem_free(hall->idle);
}

/* It is what it says it is. */
static void begin_siege(struct hall *hall)
{
    struct gate_view view;
    open_hall(hall, WAITING);
    repeat_decision(hall, WARM);
    memset(hall->asked, 0, sizeof(hall->asked));
    memset(hall->began, 0, sizeof(hall->began));
    memset(hall->refused, 0, sizeof(hall->refused));
    repeat_decision(hall, WARM);
    gate_view(hall->gate, &view);
    check(view.siege && view.waiting[FAIR_PAID] + view.waiting[FAIR_UNKNOWN] > WAITING - WAITING / 100);
    check(hall->began[FAIR_IN_PROFILE] * 10 > hall->asked[FAIR_IN_PROFILE] * 9);
    check(hall->refused[FAIR_UNKNOWN] * 10 > hall->asked[FAIR_UNKNOWN] * 8);
}

int main(int argc, char **argv)
{
    const struct bench benches[] = {
        {"gate/decision", 0, repeat_decision, &siege},
        {"gate/turn", 0, repeat_turn, &calm},
    };
    random_seed(1);
    prefix_begin(&prefix, &(struct mac_key){{1}});
    prefix_add(&prefix, span_of((char[2048]){1}, 2048), false);
    begin_siege(&siege);
    open_hall(&calm, 1 << 17);
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    close_hall(&siege);
    close_hall(&calm);
    return status;
}
