/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a flood leaves to users and to newcomers: the gate, the predictor and the promises over a small engine, offered what the storms `flood-max-1k` and `flash-crowd` offer
 * (docs/storm.md): 300 people in profile, newcomers of whom nobody has heard, each from a network of its own, and bots of 200 networks that ask for all they can get, or a
 * crowd: many more newcomers at once, who leave for good when no token comes in their time.
 * Or what the storms `insiders-…` offer: some of the people are the flood, each in profile with as many calls at once as it may have, and with a budget without end.
 *
 *     sim_newcomers [SEED]     TAP; the seed is printed. The same seed, the same storm.
 *
 * Good is what the storm calls good, but for the pace of tokens: the first one within SLO_MS of when the request was due, all tries included, and as many as were asked
 * for. People and newcomers do what OpenAI's client libraries do: two more tries, when they were told to.
 */
#define ENGINE_CALLS 512

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/admit/engine_model.h"
#include "admit/gate.h"
#include "admit/predictor.h"
#include "admit/price.h"
#include "admit/promises.h"
#include "base/alloc.h"
#include "policy/ladder.h"

#define STEP_MS 10
#define WALL_MS UINT64_C(1795476901042) /* at the start */
#define CALM_MS 60000
#define STORM_MS 180000 /* after the calm */
#define AFTER_MS 90000  /* the last may finish, and come back when they were told */
#define CROWD_MS 25000  /* of the storm it is there; a fifth of it, until all of it is */
#define PATIENCE_MS 15000.0 /* of the crowd, at the first try; half as much more at each further one */
#define SLO_MS 2000
#define TRIES_MAX 3
#define REQUESTS 65536
#define PEOPLE 300
#define PEOPLE_RATE (0.48 * ENGINE_RATE)
#define ENGINE_SLOTS 64
#define ENGINE_RATE 9.8 /* requests of people's lengths that it does in a second */
#define TPOT_US 13000
#define HALF_SPEED 64
#define PROMPT_TOKEN_US 60
#define SHORT_ANSWER 256 /* tokens */
#ifdef SEAWALL_SANITIZED /* ten times slower */
#define FLOODS_MAX 2
#else
#define FLOODS_MAX SIZE_MAX
#endif

struct flood {
    double factor; /* what bots ask for, in multiples of the engine's rate */
    uint32_t bots, networks;
    bool alike;               /* they ask for what people ask for */
    uint32_t turned;          /* people who are the bots */
    double people, newcomers; /* what these have to keep */
    double crowd;             /* what it asks for, as `factor` */
    double answered;          /* of the crowd, in full, sooner or later */
    uint32_t at_once;         /* calls that an insider has at most, and no more is asked for; 0: any number */
};

enum kind { PERSON, NEWCOMER, BOT, CROWD, KINDS };

enum state { FREE, AT_GATE, AT_ENGINE, BREAKS, RESTING };

struct request {
    struct turn turn;
    struct list link; /* of those that are FREE or RESTING, or of the crowd and AT_GATE */
    enum state state;
    enum kind kind;
    struct fair_place place;
    struct predictor_facts facts;
    uint64_t output, written;
    uint64_t due_ms, asked_ms, first_ms, again_ms;
    double token_us;
    uint32_t tries;
    uint32_t who; /* of the people */
    bool calm; /* it was due in the calm */
    bool known; /* to be one of the people */
};

struct tally {
    uint64_t due, good, done, cut, refused, left;
};

static struct world {
    uint64_t now_ms, strangers;
    const struct flood *flood;
    struct gate *gate;
    struct predictor predictor;
    struct promises *promises;
    struct ladder ladder;
    struct engine engine;
    struct request *requests;
    struct list free, resting, crowd;
    struct request *breaks[ENGINE_CALLS];
    uint32_t breaks_count;
    uint32_t calls[PEOPLE]; /* in profile, of each */
    struct tally tallies[KINDS][2]; /* under attack, in calm */
} world;

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

static uint64_t log_normal(double median, double max)
{
    double normal = sqrt(-2 * log(uniform())) * cos(6.28318530717959 * uniform());
    return (uint64_t)fmax(1, fmin(max, median * exp(0.8 * normal)));
}

static struct tally *tally_of(const struct request *request)
{
    return &world.tallies[request->kind][request->calm];
}

/* As identity/profile.h counts them, when a budget is twice what is used. */
static double mean_calls(void)
{
    return 2 * PEOPLE_RATE / PEOPLE * gate_call_s(world.gate, 300, 180);
}

static enum fair_class class_of(const struct request *request)
{
    double mean = mean_calls();
    bool own_way = request->known && world.calls[request->who] < 2 + ceil(4 * mean + 4 * sqrt(mean));
    return own_way ? FAIR_IN_PROFILE : FAIR_UNKNOWN;
}

static void end_turn(struct request *request)
{
    if (request->place.class == FAIR_IN_PROFILE)
        world.calls[request->who]--;
    gate_end(world.gate, &request->turn, request->written ? request->facts.prompt_tokens : 0, request->written, world.now_ms);
}

/* ---- one try ------------------------------------------------------------------------------------------ */

static void release(struct request *request)
{
    request->state = FREE;
    list_push_back(&world.free, &request->link);
}

/* Told to come back, or to come at once: the time that it was told, in whole seconds. */
static void sent_away(struct request *request, bool promised, uint32_t wait_ms)
{
    if (request->kind == BOT || request->tries == TRIES_MAX) {
        tally_of(request)->refused++;
        release(request);
        return;
    }
    request->state = RESTING;
    request->again_ms = world.now_ms + (promised ? (wait_ms + 999) / 1000 * 1000 : 2000);
    list_push_back(&world.resting, &request->link);
}

static void refused(struct request *request)
{
    list_remove(&request->link);
    struct ticket ticket = {0};
    struct fair_place place = request->place;
    uint64_t price = price_of(request->facts.prompt_tokens, request->turn.output_expected);
    bool promised = place.class != FAIR_IN_PROFILE &&
                    promises_make(world.promises, &place, price, gate_rate(world.gate, place.class),
                                  WALL_MS + world.now_ms, &ticket);
    end_turn(request);
    sent_away(request, promised, ticket.wait_ms);
}

static void start(struct request *request)
{
    uint64_t output_max = request->turn.output_max;
    request->state = AT_ENGINE;
    list_remove(&request->link);
    request->token_us = (double)world.engine.now_us;
    check(engine_begin(&world.engine, request, request->facts.prompt_tokens,
                       output_max ? MIN(request->output, output_max) : request->output));
}

static void ask(struct request *request)
{
    uint32_t wait_ms;
    request->place.class = class_of(request);
    struct gate_ask ask = {.place = request->place,
                           .prompt_tokens = request->facts.prompt_tokens,
                           .output_max = request->facts.output_max,
                                 .output_max_short = request->place.class == FAIR_IN_PROFILE ? 0 : SHORT_ANSWER};
    request->tries++;
    request->asked_ms = world.now_ms;
    if (request->place.class == FAIR_IN_PROFILE) {
        world.calls[request->who]++;
        ask.ordinary_calls = (float)(1 + mean_calls());
    } else {
        enum ticket_verdict verdict = promises_claim(world.promises, &request->place, SPAN_NULL,
                                                     gate_has_room(world.gate, FAIR_UNKNOWN),
                                                     WALL_MS + world.now_ms, &wait_ms);
        if (verdict == TICKET_EARLY) {
            sent_away(request, true, wait_ms);
            return;
        }
        if (verdict == TICKET_DUE)
            ask.place.class = FAIR_PAID;
    }
    ask.output_expected = predictor_output(&world.predictor, &request->facts);
    request->state = AT_GATE;
    request->written = 0;
    enum turn_state state = gate_ask(world.gate, &request->turn, &ask, world.now_ms);
    if (state == TURN_RUNNING)
        start(request);
    else if (state == TURN_REFUSED)
        refused(request);
    else if (request->kind == CROWD)
        list_push_back(&world.crowd, &request->link);
}

static void lose_patience(void)
{
    list_each(at, &world.crowd)
    {
        struct request *request = list_entry(at, struct request, link);
        if ((double)(world.now_ms - request->asked_ms) < PATIENCE_MS * pow(1.5, request->tries - 1))
            continue;
        list_remove(at);
        tally_of(request)->left++;
        gate_end(world.gate, &request->turn, 0, 0, world.now_ms);
        release(request);
    }
}

/* ---- the engine works --------------------------------------------------------------------------------- */

static void on_token(void *owner, uint64_t us)
{
    struct request *request = owner;
    request->token_us += (double)us;
    if (request->written++ == 0)
        request->first_ms = (uint64_t)(request->token_us / 1000);
    gate_progress(world.gate, &request->turn, request->written,
                  (uint64_t)(request->token_us / 1000));
    uint64_t output = MIN(request->output, request->turn.output_max);
    engine_set_output(&world.engine, request, MAX(output, request->written));
}

static void on_done(void *owner)
{
    struct request *request = owner;
    struct tally *tally = tally_of(request);
    bool whole = request->written == request->output;
    if (whole)
        predictor_learn(&world.predictor, &request->facts, request->written);
    tally->done += whole;
    tally->cut += !whole;
    tally->good += whole && request->first_ms <= request->due_ms + SLO_MS;
    end_turn(request);
    release(request);
}

static const struct engine_events engine_events = {on_token, on_token, on_done};

/* A cut call that has written nothing is sent away; of the others the rest is lost. */
static void end_breaks(void)
{
    for (uint32_t i = 0; i < world.breaks_count; i++) {
        struct request *request = world.breaks[i];
        if (request->written == 0) {
            refused(request);
            continue;
        }
        tally_of(request)->cut++;
        end_turn(request);
        release(request);
    }
    world.breaks_count = 0;
}

static void look_at_news(void)
{
    struct turn *turn;
    while ((turn = gate_news(world.gate, 0))) {
        struct request *request = container_of(turn, struct request, turn);
        if (turn->state == TURN_RUNNING) {
            start(request);
        } else if (turn->state == TURN_REFUSED) {
            refused(request);
        } else {
            check(turn->state == TURN_CUT);
            if (request->state == AT_ENGINE)
                engine_cut(&world.engine, request);
            request->state = BREAKS;
            world.breaks[world.breaks_count++] = request;
        }
    }
}

/* ---- who comes ---------------------------------------------------------------------------------------- */

static void describe(struct request *request, enum kind kind)
{
    bool insider = kind == BOT && world.flood->turned > 0;
    uint32_t turned = world.now_ms < CALM_MS ? 0 : world.flood->turned;
    uint64_t who = insider          ? random_below(turned)
                   : kind == PERSON ? turned + random_below(PEOPLE - turned)
                   : kind == BOT    ? random_below(world.flood->bots)
                                    : world.strangers++;
    uint64_t network = kind == BOT && !insider ? who % world.flood->networks : who;
    uint64_t base = insider ? UINT64_C(1) << 32 : (uint64_t)(kind + 1) << 32;
    bool greedy = kind == BOT && !world.flood->alike;
    *request = (struct request){.kind = kind,
                                .known = kind == PERSON || insider,
                                .who = (uint32_t)who,
                                .due_ms = world.now_ms,
                                .calm = world.now_ms < CALM_MS,
                                .output = greedy ? 1000 : log_normal(180, 1000)};
    list_init(&request->link);
    request->place = (struct fair_place){FAIR_UNKNOWN, base | network, base | who};
    request->facts = (struct predictor_facts){
        .prompt_tokens = insider ? 1000 : greedy ? 2000 : log_normal(300, 4000), .output_max = request->output};
}

/* An insider that does not want to be told from an honest caller. */
static bool holds_back(const struct request *request)
{
    uint32_t most = world.flood->at_once;
    return request->kind == BOT && most > 0 && world.calls[request->who] >= most;
}

static void arrivals(enum kind kind, double rate)
{
    double left = rate * STEP_MS / 1000;
    for (left += log(uniform()); left > 0; left += log(uniform())) {
        struct list *link = list_first(&world.free);
        check(link);
        list_remove(link);
        struct request *request = list_entry(link, struct request, link);
        describe(request, kind);
        if (holds_back(request)) {
            release(request);
            continue;
        }
        tally_of(request)->due++;
        ask(request);
    }
}

static double crowd_rate(void)
{
    double risen = (double)(world.now_ms - CALM_MS) / (CROWD_MS / 5.0);
    return world.flood->crowd * ENGINE_RATE * fmin(1, risen);
}

static void come_again(void)
{
    list_each(at, &world.resting)
    {
        struct request *request = list_entry(at, struct request, link);
        if (world.now_ms < request->again_ms)
            continue;
        list_remove(at);
        ask(request);
    }
}

/* As gateway/turnstile.c does it. */
static void climb(void)
{
    struct gate_view view;
    gate_view(world.gate, &view);
    ladder_look(&world.ladder, &(struct ladder_pressure){view.waiting_s, view.siege}, false, world.now_ms);
    gate_shorten(world.gate, world.ladder.rungs > LADDER_OUTPUT);
}

static void step(void)
{
    world.now_ms += STEP_MS;
    end_breaks();
    engine_step(&world.engine, STEP_MS * 1000);
    bool open = world.now_ms < CALM_MS + STORM_MS;
    if (open) {
        arrivals(PERSON, PEOPLE_RATE);
        arrivals(NEWCOMER, 0.12 * ENGINE_RATE);
    }
    if (open && world.now_ms >= CALM_MS)
        arrivals(BOT, world.flood->factor * ENGINE_RATE);
    if (world.now_ms >= CALM_MS && world.now_ms < CALM_MS + CROWD_MS)
        arrivals(CROWD, crowd_rate());
    come_again();
    lose_patience();
    if (world.now_ms % GATE_TICK_MS == 0) {
        struct limiter_facts facts = {
            .slots = ENGINE_SLOTS, .running = world.engine.in_slots, .at_ms = world.now_ms};
        gate_know(world.gate, 0, true, &facts);
        gate_tick(world.gate, world.now_ms);
        climb();
    }
    look_at_news();
}

/* ---- a storm ------------------------------------------------------------------------------------------- */

static void begin(uint64_t seed, const struct flood *flood)
{
    const struct gate_limits limits = {
        .fair = {{8, 2, 1}, 4096, 4}, .wait_ms_max = 30000, .siege_wait_ms_max = 2000};
    random_seed(seed);
    world = (struct world){.flood = flood};
    world.gate = gate_new(&limits, 1, 1);
    world.promises = promises_new(&(struct mac_key){{1}});
    world.requests = mem_array(REQUESTS, sizeof(*world.requests));
    check(world.gate && world.promises && world.requests);
    predictor_init(&world.predictor);
    list_init(&world.free);
    list_init(&world.resting);
    list_init(&world.crowd);
    for (size_t i = 0; i < REQUESTS; i++) {
        list_init(&world.requests[i].link);
        list_push_back(&world.free, &world.requests[i].link);
    }
    world.engine = (struct engine){.tpot_us = TPOT_US,
                                   .half_speed = HALF_SPEED,
                                   .prompt_token_us = PROMPT_TOKEN_US,
                                   .slots = ENGINE_SLOTS,
                                   .noise_percent = 5,
                                   .events = &engine_events};
}

static double share(const struct tally *tally)
{
    return (double)tally->good / (double)MAX(tally->due, UINT64_C(1));
}

/* Good under attack over good in calm. */
static double kept(enum kind kind)
{
    return share(&world.tallies[kind][0]) / share(&world.tallies[kind][1]);
}

/* In full, of the crowd. */
static double crowd_answered(void)
{
    const struct tally *crowd = &world.tallies[CROWD][0];
    printf("# of a crowd of %llu good %llu, whole %llu, ended early %llu, gave up %llu, left %llu\n", (unsigned long long)crowd->due,
           (unsigned long long)crowd->good, (unsigned long long)crowd->done, (unsigned long long)crowd->cut, (unsigned long long)crowd->refused,
           (unsigned long long)crowd->left);
    return (double)crowd->done / (double)MAX(crowd->due, UINT64_C(1));
}

/* Did they keep what they have to? */
static bool storm(uint64_t seed, const struct flood *flood)
{
    struct gate_view view;
    begin(seed, flood);
    while (world.now_ms < CALM_MS + STORM_MS + AFTER_MS)
        step();
    gate_view(world.gate, &view);
    const struct tally *new = &world.tallies[NEWCOMER][0], *bots = &world.tallies[BOT][0];
    printf("# people kept %.3f, newcomers %.3f (of %llu: good %llu, whole %llu, ended early %llu, "
           "gave up %llu); of %llu bots' %llu were served; %llu calls cut, %llu in profile\n",
           kept(PERSON), kept(NEWCOMER), (unsigned long long)new->due,
           (unsigned long long)new->good, (unsigned long long)new->done,
           (unsigned long long)new->cut, (unsigned long long)new->refused,
           (unsigned long long)bots->due, (unsigned long long)(bots->done + bots->cut),
           (unsigned long long)view.cuts, (unsigned long long)view.stretched_cuts);
    bool ok = kept(PERSON) >= flood->people && kept(NEWCOMER) >= flood->newcomers;
    ok = (flood->crowd == 0 || crowd_answered() >= flood->answered) && ok;
    gate_free(world.gate);
    promises_free(world.promises);
    mem_free(world.requests);
    random_unseed();
    return ok;
}

int main(int argc, char **argv)
{
    static const struct flood floods[] = {
        {0, 0, 0, true, 0, 0.98, 0.25, 1.2, 0.25, 0}, /* nobody attacks; most of it is more than can be done in its time */
        {100, 1000, 200, false, 0, 0.98, 0.20, 1.2, 0.10, 0},
        {10, 1000, 200, false, 0, 0.98, 0.25, 0, 0, 0},
        {100, 1000, 200, false, 0, 0.98, 0.25, 0, 0, 0},
        {1000, 1000, 200, false, 0, 0.98, 0.25, 0, 0, 0},
        {100, 20000, 3000, false, 0, 0.98, 0.25, 0, 0, 0},
        {100, 1000, 200, true, 0, 0.98, 0.25, 0, 0, 0},
        {100, 20000, 3000, true, 0, 0.98, 0.25, 0, 0, 0},
        {10, 20000, 3000, true, 0, 0.98, 0.10, 0, 0, 0}, /* as many first comers as there are newcomers, and ten times more */
        {100, 3, 3, false, 3, 0.98, 0, 0, 0, 0},
        {100, 9, 9, false, 9, 0.97, 0, 0, 0, 0},
        {100, 30, 30, false, 30, 0.93, 0, 0, 0, 0},
        {100, 9, 9, false, 9, 0.80, 0, 0, 0, 2},
        {100, 30, 30, false, 30, 0.65, 0, 0, 0, 2},
    };
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    size_t count = MIN(COUNT_OF(floods), (size_t)FLOODS_MAX);
    bool all = true;
    printf("1..%zu\n# seed %llu\n", count, (unsigned long long)seed);
    for (size_t i = 0; i < count; i++) {
        const struct flood *flood = &floods[i];
        bool ok = storm(seed, flood);
        all = all && ok;
        printf("%sok %zu - %.0f times, %u %s of %u networks that ask for %s; a crowd of %.1f times\n", ok ? "" : "not ",
               i + 1, flood->factor, flood->bots, flood->turned ? "insiders" : "bots", flood->networks,
               flood->alike     ? "what people ask for"
               : flood->at_once ? "two calls at a time"
                                : "all they can get",
               flood->crowd);
    }
    return !all;
}
