/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A day of the room admit in seconds: the gate, the predictor and tickets over a small engine, with people who come and go by the hour, sieges of 10 and 100 times
 * what the engine can do, and faults. What must always hold is checked at each step of GATE_TICK_MS.
 *
 *     sim_room [SEED]     TAP; the seed is printed. The same seed, the same day.
 *
 * One worker, which looks at its news once a step; one backend, which does not say how many calls it runs at once, and queues what comes beyond that.
 */
#define ENGINE_CALLS 512

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/admit/engine_model.h"
#include "admit/gate.h"
#include "admit/predictor.h"
#include "admit/price.h"
#include "admit/promises.h"
#include "base/alloc.h"
#include "policy/ladder.h"

#define STEP_MS GATE_TICK_MS
#define DAY_MS UINT64_C(86400000)
#define HOUR_MS UINT64_C(3600000)
#define WALL_MS UINT64_C(1795476901042) /* at the start */
#define REQUESTS 2048
#define WAITING_MAX 1000
#define WAIT_MS_MAX 30000
#define SIEGE_WAIT_MS_MAX 10000
#define PEOPLE_WAIT_MS_MAX                                                                         \
    5000 /* nobody in profile waits longer, whatever comes: fifty cuts, one after another */
#define OUTPUT_MAX_SHORT 256 /* of unknown calls in a siege */
#define ENGINE_SLOTS 128
#define TPOT_US 100000
#define HALF_SPEED 200
#define ATTACK_TOKENS 200 /* that an attacker's call writes */
#define KV_TOKENS 40000
#define FINISH_STEPS_MAX 10000

enum kind { PERSON, CUSTOMER, NEWCOMER, ATTACKER, GREEDY, KINDS };
static const char *const kind_names[] = {"in profile", "paid", "newcomers", "attackers", "greedy"};
static const enum fair_class kind_classes[] = {FAIR_IN_PROFILE, FAIR_PAID, FAIR_UNKNOWN,
                                               FAIR_UNKNOWN, FAIR_UNKNOWN};

/* BREAKS: it was cut, and the engine lets go of it until the next step. */
enum state { FREE, AT_GATE, AT_ENGINE, BREAKS, AWAY };

struct request {
    struct turn turn;
    enum state state;
    enum kind kind;
    struct fair_place place;
    struct predictor_facts facts;
    uint64_t output; /* what it will be */
    uint64_t written, token_us;
    struct ticket ticket;
};

/* Each that came or returned ends in one of the five ways; of people, those who failed come again. */
struct tally {
    uint64_t came, returned, again;
    uint64_t done, refused, failed, cut, left;
    uint64_t wait_ms_max, wait_ms_sum;
};

static struct world {
    uint64_t now_ms;
    int64_t wall_shift_ms;
    struct gate *gate;
    struct ladder ladder;
    struct predictor predictor;
    struct promises *promises;
    struct engine engine;
    struct request requests[REQUESTS];
    uint32_t away;
    struct request *breaks[REQUESTS];
    uint32_t breaks_count;
    /* Of the two greedy: what waits, what runs (wt), what they were given since both began to wait (wt). */
    uint32_t greedy_waiting[2];
    uint64_t greedy_running[2], dearest, most_running;
    double greedy_given[2], gap_max;
    uint64_t greedy_turns; /* while both waited */
    size_t nodes_max;
    uint32_t limit_max;
    uint64_t siege_ms, foreseen;
    struct tally tallies[KINDS];
    bool lies; /* usage of unknown calls */
} world;

static uint64_t wall(void)
{
    return WALL_MS + world.now_ms + (uint64_t)world.wall_shift_ms;
}

static bool at_hour(double from, double hours)
{
    double hour = (double)world.now_ms / HOUR_MS;
    return hour >= from && hour < from + hours;
}

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

/* ---- the two who always want more ---------------------------------------------------------- */

static size_t greedy_of(const struct request *request)
{
    return request->place.identity % 2;
}

/* `more` was charged to it, or given back; `running`: by which the price of what it has running changed. */
static void note_charge(const struct request *request, double more, int64_t running)
{
    if (request->kind != GREEDY)
        return;
    size_t i = greedy_of(request);
    world.greedy_given[i] += more;
    world.greedy_running[i] += (uint64_t)running;
    world.most_running = MAX(world.most_running, world.greedy_running[i]);
    world.dearest = MAX(world.dearest, request->turn.entry.price);
}

static void note_waiting(const struct request *request, int more)
{
    if (request->kind != GREEDY)
        return;
    uint32_t *waiting = &world.greedy_waiting[greedy_of(request)];
    *waiting += (uint32_t)more;
    if (*waiting == 0)
        world.greedy_given[0] = world.greedy_given[1] = 0;
}

/* While both wait they are given the same, but for twice what fair_queue.h allows. */
static void check_greedy(void)
{
    if (world.greedy_waiting[0] == 0 || world.greedy_waiting[1] == 0) {
        world.greedy_given[0] = world.greedy_given[1] = 0;
        return;
    }
    double gap = fabs(world.greedy_given[0] - world.greedy_given[1]);
    check(gap <= 2 * (double)(world.dearest + world.most_running));
    world.gap_max = fmax(world.gap_max, gap);
}

/* ---- what ends, and what it costs ---------------------------------------------------------- */

/* Output tokens that the engine says it wrote. */
static uint64_t told_by_engine(const struct request *request)
{
    if (!world.lies || request->place.class != FAIR_UNKNOWN || request->kind == GREEDY)
        return request->written;
    return random_below(2) ? 0 : 10 * request->written;
}

/* `stopped`: somebody hung up in mid-answer. */
static void end(struct request *request, bool stopped)
{
    uint64_t prompt = request->facts.prompt_tokens, output = told_by_engine(request);
    if (request->state == AT_ENGINE || request->state == BREAKS)
        note_charge(request, (double)price_of(prompt, output) - (double)request->turn.entry.price,
                    -(int64_t)request->turn.entry.price);
    else if (request->turn.state == TURN_WAITING)
        note_waiting(request, -1);
    request->turn.stopped = stopped;
    request->state = FREE;
    gate_end(world.gate, &request->turn, prompt, output, world.now_ms);
}

static void progress(struct request *request, uint64_t us)
{
    uint64_t before = request->turn.entry.price;
    request->token_us += us;
    gate_progress(world.gate, &request->turn, ++request->written, request->token_us / 1000);
    int64_t more = (int64_t)(request->turn.entry.price - before);
    note_charge(request, (double)more, more);
}

static void on_token(void *owner, uint64_t us)
{
    progress(owner, us);
}

static void on_done(void *owner)
{
    struct request *request = owner;
    predictor_learn(&world.predictor, &request->facts, request->written);
    world.tallies[request->kind].done++;
    end(request, false);
}

static const struct engine_events engine_events = {on_token, on_token, on_done};

/* ---- what the gate decides ----------------------------------------------------------------- */

static void start(struct request *request)
{
    uint64_t output_max = request->turn.output_max;
    request->state = AT_ENGINE;
    request->token_us = world.engine.now_us;
    note_charge(request, (double)request->turn.entry.price, (int64_t)request->turn.entry.price);
    check(engine_begin(&world.engine, request, request->facts.prompt_tokens,
                       output_max ? MIN(request->output, output_max) : request->output));
    uint64_t waited = world.now_ms - request->turn.asked_ms;
    struct tally *tally = &world.tallies[request->kind];
    tally->wait_ms_max = MAX(tally->wait_ms_max, waited);
    tally->wait_ms_sum += waited;
}

static void refuse(struct request *request)
{
    uint64_t price = price_of(request->facts.prompt_tokens, request->turn.output_expected);
    double rate = gate_rate(world.gate, request->place.class);
    world.tallies[request->kind].refused++;
    end(request, false);
    if (world.away >= REQUESTS / 4 ||
        !promises_make(world.promises, &request->place, price, rate, wall(), &request->ticket))
        return;
    request->state = AWAY;
    world.away++;
}

static void ask(struct request *request)
{
    const struct gate_ask ask = {.place = request->place,
                                 .prompt_tokens = request->facts.prompt_tokens,
                                 .output_expected =
                                     predictor_output(&world.predictor, &request->facts),
                                 .output_max = request->facts.output_max,
                                 .output_max_short = request->place.class == FAIR_UNKNOWN ? OUTPUT_MAX_SHORT : 0};
    request->state = AT_GATE;
    request->written = 0;
    enum turn_state state = gate_ask(world.gate, &request->turn, &ask, world.now_ms);
    if (state == TURN_RUNNING)
        start(request);
    else if (state == TURN_REFUSED)
        refuse(request);
    else
        note_waiting(request, 1);
}

static void look_at_news(void)
{
    struct turn *turn;
    while ((turn = gate_news(world.gate, 0))) {
        struct request *request = container_of(turn, struct request, turn);
        if (request->state == AT_GATE)
            note_waiting(request, -1);
        if (turn->state == TURN_RUNNING) {
            world.greedy_turns += request->kind == GREEDY;
            start(request);
        } else if (turn->state == TURN_REFUSED) {
            check(turn->refusal == GATE_WAITED || turn->refusal == GATE_QUEUE_FULL);
            refuse(request);
        } else {
            check(turn->state == TURN_CUT && request->place.class != FAIR_IN_PROFILE && !at_hour(22, 1));
            if (request->state == AT_ENGINE)
                engine_cut(&world.engine, request);
            else /* its turn came and went between two looks */
                note_charge(request, (double)turn->entry.price, (int64_t)turn->entry.price);
            request->state = BREAKS;
            world.breaks[world.breaks_count++] = request;
        }
    }
}

static void end_breaks(void)
{
    for (uint32_t i = 0; i < world.breaks_count; i++) {
        world.tallies[world.breaks[i]->kind].cut++;
        end(world.breaks[i], true);
    }
    world.breaks_count = 0;
}

/* ---- who comes ----------------------------------------------------------------------------- */

static void describe(struct request *request, enum kind kind, uint64_t identity)
{
    const uint64_t networks[KINDS] = {60, 20, 100, 50, 1};
    uint64_t prompt = 20 + random_below(kind == ATTACKER ? 100 : 800);
    double mean = kind == PERSON ? 20 + (double)(identity % 7) * 15 : 60;
    uint64_t output = kind == ATTACKER ? ATTACK_TOKENS : 1 + (uint64_t)(-mean * log(uniform()));
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
        ask(request);
        return;
    }
    world.tallies[kind].came++;
    world.tallies[kind].refused++;
}

static void arrivals(enum kind kind, double rate, uint32_t identities)
{
    double expected = rate * STEP_MS / 1000 + uniform();
    for (unsigned i = 0; i + 1 <= expected; i++)
        arrive(kind, random_below(identities));
}

/* Two who have something waiting whenever they may. */
static void fill_greedy(void)
{
    for (uint64_t i = 0; i < 2; i++) {
        uint32_t before = world.greedy_waiting[i];
        if (before < 3)
            arrive(GREEDY, i);
    }
}

static enum ticket_verdict claim(const struct fair_place *place, struct span text)
{
    uint32_t wait_ms;
    return promises_claim(world.promises, place, text, false, wall(), &wait_ms);
}

/* Half of those with a promise come when they were told, the others at any time; some with its ticket, some with nothing, some with the ticket of somebody else. Where
 * two of one identity were sent away, the first that comes back has their promise. */
static void come_back(struct request *request)
{
    char text[TICKET_TEXT_BYTES + 1];
    bool obeys = request->place.identity % 2 == 0, brings = request->place.identity % 3 > 0;
    if (wall() < request->ticket.due_ms && (obeys || random_below(200) > 0))
        return;
    promises_write(world.promises, &request->ticket, &request->place, text);
    struct span ticket = brings ? span_str(text) : SPAN_NULL;
    struct fair_place stranger = request->place;
    stranger.identity = stranger.network = UINT64_MAX;
    check(claim(&stranger, span_str(text)) == TICKET_FORGED);
    enum ticket_verdict verdict = claim(&request->place, ticket);
    check(verdict != TICKET_FORGED && (brings || verdict != TICKET_USED));
    world.away--;
    request->state = FREE;
    if (verdict != TICKET_DUE)
        return;
    /* A clock that was set back forgets the promise, and the ticket is good beside the next one. */
    check(claim(&request->place, ticket) != TICKET_DUE || world.wall_shift_ms != 0);
    world.tallies[request->kind].returned++;
    ask(request);
}

/* Some do not wait for the end, or not for the beginning. */
static void leave(struct request *request)
{
    bool stopped = request->state == AT_ENGINE;
    if (stopped)
        engine_cut(&world.engine, request);
    world.tallies[request->kind].left++;
    end(request, stopped);
}

static void look_at_all(void)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &world.requests[i];
        bool patient = request->kind == PERSON;
        if (request->state == AWAY)
            come_back(request);
        else if (request->state != FREE && request->state != BREAKS && !patient &&
                 random_below(500) == 0)
            leave(request);
    }
}

/* ---- the day ------------------------------------------------------------------------------- */

/* Attackers' calls a second that the engine can do at its knee: 1 + n / h = tolerance × (1 + 1 / h). */
static double engine_rate(void)
{
    double knee = LIMITER_TPOT_TOLERANCE * (HALF_SPEED + 1) - HALF_SPEED;
    return knee / (TPOT_US / 1e6 * (1 + knee / HALF_SPEED)) / ATTACK_TOKENS;
}

static double siege_rate(void)
{
    if (at_hour(3, 0.33))
        return 10 * engine_rate();
    return at_hour(9, 0.33) || at_hour(20, 0.1) ? 100 * engine_rate() : 0;
}

/* All calls break off; people's are sent again. */
static void restart_engine(void)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *request = &world.requests[i];
        if (request->state != AT_ENGINE)
            continue;
        engine_cut(&world.engine, request);
        world.tallies[request->kind].failed++;
        end(request, false);
        if (request->kind != PERSON)
            continue;
        world.tallies[PERSON].again++;
        ask(request);
    }
}

static void faults(void)
{
    const struct engine *engine = &world.engine;
    struct limiter_facts facts = {.kv_tokens = KV_TOKENS,
                                  .running = engine->in_slots,
                                  .waiting = engine->under_way - engine->in_slots,
                                  .at_ms = world.now_ms};
    if (at_hour(17, 1))
        facts = (struct limiter_facts){
            .slots = UINT32_MAX, .kv_tokens = UINT64_MAX, .kv_used = NAN, .at_ms = world.now_ms};
    if (!at_hour(18, 1)) /* then it says nothing */
        gate_know(world.gate, 0, true, &facts);
    /* It stops at once, so the gate is told too much, and for an hour what is wrong. */
    gate_know_stopping(world.gate, 0, at_hour(8, 3) ? 150 : at_hour(21, 1) ? 1200 : at_hour(22, 1) ? GATE_STOPS_NOT : 0);
    world.engine.tpot_us = at_hour(5, 1) ? 2 * TPOT_US : TPOT_US;
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

struct counted {
    uint32_t waiting[FAIR_CLASSES], running[FAIR_CLASSES], all_waiting, all_running, at_engine,
        breaks;
    uint64_t kv;
};

static void count(const struct request *request, struct counted *counted)
{
    const struct turn *turn = &request->turn;
    if (request->state == FREE || request->state == AWAY)
        return;
    bool runs = turn->state == TURN_RUNNING || turn->state == TURN_CUT;
    bool waits = turn->state == TURN_WAITING;
    check(runs || waits);
    counted->running[turn->place.class] += runs;
    counted->waiting[turn->place.class] += waits;
    counted->all_running += runs;
    counted->all_waiting += waits;
    counted->at_engine += request->state == AT_ENGINE;
    counted->breaks += request->state == BREAKS;
    counted->kv += runs ? turn->kv : 0;
    uint64_t age_ms = world.now_ms - turn->asked_ms;
    check(!waits || age_ms < (request->kind == PERSON ? PEOPLE_WAIT_MS_MAX : WAIT_MS_MAX));
}

/* What holds at each step, when the news were looked at. */
static void check_all(void)
{
    struct counted counted = {0};
    for (size_t i = 0; i < REQUESTS; i++)
        count(&world.requests[i], &counted);
    struct gate_view view;
    struct gate_backend_view backend;
    gate_view(world.gate, &view);
    gate_backend_view(world.gate, 0, &backend);
    for (unsigned i = 0; i < FAIR_CLASSES; i++)
        check(counted.waiting[i] == view.waiting[i] && counted.running[i] == view.running[i]);
    check(counted.all_running == backend.under_way);
    check(counted.all_running == counted.at_engine + counted.breaks);
    check(counted.at_engine == world.engine.under_way);
    check(counted.kv == backend.kv_reserved);
    check(counted.all_waiting <= WAITING_MAX);
    check(promises_out(world.promises) <= PROMISES_MAX);
    check(view.nodes <= 2 * (counted.all_waiting + counted.all_running + WAITING_MAX));
    world.foreseen = view.foreseen;
    world.nodes_max = MAX(world.nodes_max, view.nodes);
    world.limit_max = MAX(world.limit_max, view.limit);
    world.siege_ms += view.siege ? STEP_MS : 0;
}

/* As gateway/turnstile.c does it. */
static void climb(void)
{
    struct gate_view view;
    gate_view(world.gate, &view);
    ladder_look(&world.ladder, &(struct ladder_pressure){view.waiting_s, view.siege}, false, world.now_ms);
    gate_shorten(world.gate, world.ladder.rungs > LADDER_OUTPUT);
}

static void step(bool open)
{
    world.now_ms += STEP_MS;
    end_breaks();
    engine_step(&world.engine, STEP_MS * 1000);
    faults();
    if (open)
        traffic();
    if (world.now_ms % 1000 == 0)
        look_at_all();
    gate_tick(world.gate, world.now_ms);
    climb();
    look_at_news();
    check_all();
    check_greedy();
}

static void begin(uint64_t seed)
{
    const struct gate_limits limits = {.fair = {{8, 2, 1}, WAITING_MAX, 4},
                                       .wait_ms_max = WAIT_MS_MAX,
                                       .siege_wait_ms_max = SIEGE_WAIT_MS_MAX};
    random_seed(seed);
    world.gate = gate_new(&limits, 1, 1);
    world.promises = promises_new(&(struct mac_key){{1}});
    check(world.gate && world.promises);
    predictor_init(&world.predictor);
    world.engine = (struct engine){.tpot_us = TPOT_US,
                                   .half_speed = HALF_SPEED,
                                   .prompt_token_us = 50,
                                   .slots = ENGINE_SLOTS,
                                   .noise_percent = 10,
                                   .events = &engine_events};
}

/* Nobody comes any more: every turn ends, and nothing is remembered of anybody. */
static void finish(void)
{
    struct gate_view view;
    unsigned steps = 0;
    do {
        check(steps++ < FINISH_STEPS_MAX);
        step(false);
        gate_view(world.gate, &view);
    } while (view.nodes > 0 || world.away > 0);
    check(world.engine.under_way == 0);
    for (size_t i = 0; i < KINDS; i++) {
        const struct tally *tally = &world.tallies[i];
        check(tally->came + tally->returned + tally->again ==
              tally->done + tally->refused + tally->failed + tally->cut + tally->left);
    }
    gate_free(world.gate);
    promises_free(world.promises);
    random_unseed();
}

static void report(void)
{
    printf(
        "# foreseen %llu, limit at most %u, nodes at most %zu, siege for %llu s, gap of the greedy at most %.0f "
        "of %llu wt in %llu turns\n",
        (unsigned long long)world.foreseen, world.limit_max, world.nodes_max, (unsigned long long)world.siege_ms / 1000, world.gap_max,
        2 * (unsigned long long)(world.dearest + world.most_running),
        (unsigned long long)world.greedy_turns);
    printf("# %-10s %8s %8s %8s %8s %8s %8s %8s %9s %9s\n", "", "came", "returned", "done",
           "refused", "failed", "cut", "left", "wait mean", "wait max");
    for (size_t i = 0; i < KINDS; i++) {
        const struct tally *tally = &world.tallies[i];
        printf("# %-10s %8llu %8llu %8llu %8llu %8llu %8llu %8llu %7.0fms %7llums\n", kind_names[i],
               (unsigned long long)tally->came, (unsigned long long)tally->returned,
               (unsigned long long)tally->done, (unsigned long long)tally->refused,
               (unsigned long long)tally->failed, (unsigned long long)tally->cut,
               (unsigned long long)tally->left,
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
