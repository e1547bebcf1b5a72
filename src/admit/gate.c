/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds after each call: a waiting turn is in the queue and in its class's waiting list; a running or cut one is in its class's running list and counted at
 * its backend; `cutting` counts those that were cut and have not ended; nobody waits who could go, but for places that stopped since the last call.
 */
#include "admit/gate_internal.h"

#include "admit/price.h"
#include "base/alloc.h"

#include <math.h>

#define TIDY_NODES 256 /* looked at in a tick */
#define RATE_SMOOTHING 0.02      /* of a tick: five seconds */
#define COUNT_SMOOTHING 0.05     /* two seconds */
#define CAPACITY_DECAY 0.99988   /* of a tick: ten minutes to the half */
#define CAPACITY_TICKS 50        /* with somebody waiting, until what was served says what can be */

/* ---- life -------------------------------------------------------------------------------------------- */

struct gate *gate_new(const struct gate_limits *limits, size_t backends, uint32_t workers)
{
    check(backends >= 1 && backends <= GATE_BACKENDS_MAX && workers <= GATE_WORKERS_MAX);
    struct gate *gate = mem_zalloc(sizeof(*gate) + backends * sizeof(gate->backends[0]));
    if (!gate)
        return NULL;
    gate->limits = *limits;
    gate->backends_count = backends;
    gate->workers = workers;
    gate->queue = fair_queue_new(&limits->fair);
    gate->news = mem_alloc(workers * sizeof(*gate->news));
    if (!gate->queue || !gate->news) {
        gate_free(gate);
        return NULL;
    }
    for (uint32_t i = 0; i < workers; i++)
        list_init(&gate->news[i]);
    for (size_t i = 0; i < FAIR_CLASSES; i++) {
        list_init(&gate->waiting[i]);
        list_init(&gate->running[i]);
    }
    for (size_t i = 0; i < backends; i++) {
        gate_backend_init(&gate->backends[i]);
        gate->backends[i].calls_max = limits->calls_max;
    }
    return gate;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    fair_queue_free(gate->queue);
    mem_free(gate->news);
    mem_free(gate);
}

void gate_set_limits(struct gate *gate, const struct gate_limits *limits)
{
    gate->limits = *limits;
    for (size_t i = 0; i < gate->backends_count; i++)
        gate->backends[i].calls_max = limits->calls_max;
    fair_queue_set_bounds(gate->queue, limits->fair.waiting_max, limits->fair.per_identity_max);
}

void gate_set_weight(struct gate *gate, size_t backend, uint32_t weight)
{
    check(backend < gate->backends_count && weight > 0);
    gate->backends[backend].weight = weight;
}

/* ---- states ------------------------------------------------------------------------------------------ */

static void tell(struct gate *gate, struct turn *turn)
{
    if (!list_empty(&turn->news))
        return;
    list_push_back(&gate->news[turn->worker], &turn->news);
    gate->workers_with_news |= 1ull << MIN(turn->worker, 63u);
}

/* Its answers end sooner, where its owner lets them: but for one who owes nothing and asks for little. */
static void shorten(struct turn *turn)
{
    uint64_t most = turn->output_max_short, asked = turn->output_max;
    turn->shorten = turn->owes || asked == 0 || asked > GATE_MODEST * most;
    if (!turn->shorten || most == 0)
        return;
    most = MAX(most, turn->output_tokens);
    turn->output_max = asked > 0 ? MIN(asked, most) : most;
}

static void start(struct gate *gate, struct turn *turn, struct gate_backend *backend, uint64_t now_ms)
{
    enum fair_class class = turn->place.class;
    turn->state = TURN_RUNNING;
    turn->backend = (uint32_t)(backend - gate->backends);
    turn->started_ms = now_ms;
    turn->siege = gate->siege;
    if (gate->shorten)
        shorten(turn);
    if (turn->output_max)
        turn->output_expected = MIN(turn->output_expected, turn->output_max);
    list_remove(&turn->link);
    list_push_back(&gate->running[class], &turn->link);
    gate->running_count[class]++;
    gate_backend_take(backend, turn);
}

/* Strangers are told apart by how often they ask and for how much; callers with a budget or a promise are not held to account for our having no place. */
static void leave(struct gate *gate, struct turn *turn)
{
    if (turn->place.class == FAIR_UNKNOWN && !gate->limits.one_class)
        fair_queue_leave_in_vain(gate->queue, &turn->entry);
    else
        fair_queue_leave(gate->queue, &turn->entry);
    list_remove(&turn->link);
}

static void refuse(struct gate *gate, struct turn *turn, enum gate_refusal why)
{
    leave(gate, turn);
    turn->state = TURN_REFUSED;
    turn->refusal = why;
    tell(gate, turn);
}

/* The newest call of the lowest class, up to `highest`, whose client has gone and that may be cut, or NULL. */
static struct turn *newest_left(struct gate *gate, enum fair_class highest)
{
    for (int class = FAIR_CLASSES - 1; gate->left > 0 && class >= (int)highest; class--) {
        uint32_t looks = 0;
        for (struct list *at = gate->running[class].prev; at != &gate->running[class] && looks < GATE_LOOKS; at = at->prev, looks++) {
            struct turn *turn = list_entry(at, struct turn, link);
            if (turn->left && gate_can_cut(gate, turn))
                return turn;
        }
    }
    return NULL;
}

/* One that nobody reads; else the newest running call of the lowest class that may be cut, or NULL. */
static struct turn *newest_low(struct gate *gate)
{
    struct turn *left = newest_left(gate, FAIR_IN_PROFILE);
    if (left)
        return left;
    for (int class = FAIR_UNKNOWN; class > FAIR_IN_PROFILE; class--) {
        for (struct list *at = gate->running[class].prev; at != &gate->running[class]; at = at->prev) {
            struct turn *turn = list_entry(at, struct turn, link);
            if (gate_can_cut(gate, turn))
                return turn;
        }
    }
    return NULL;
}

static void cut(struct gate *gate, struct turn *turn)
{
    turn->state = TURN_CUT;
    gate->cutting++;
    gate->cuts++;
    gate->stretched_cuts += turn->place.class == FAIR_IN_PROFILE;
    fair_queue_give_way(&turn->entry);
    tell(gate, turn);
}

/* … and the place that others give up is kept. */
static void cut_for_in_profile(struct gate *gate, struct turn *turn, uint64_t now_ms)
{
    cut(gate, turn);
    if (turn->place.class != FAIR_IN_PROFILE)
        gate_hold(gate, now_ms);
}

/* For an in-profile request one of its class, one at a time: at once of who presses; else where it would wait in vain for a call to end by itself, which costs nobody a prompt. */
static struct turn *more_stretched(const struct gate *gate, const struct turn *first, uint32_t ending, uint64_t now_ms)
{
    bool waits = now_ms >= first->asked_ms + GATE_CUT_WAIT_MS;
    if (ending > 0 || !(waits || gate->siege) || gate_presses(gate, first))
        return NULL;
    struct turn *victim = gate_more_stretched(gate, gate_times_ordinary(gate, first));
    return victim && (waits || gate_presses(gate, victim)) ? victim : NULL;
}

/* Places for in-profile requests that wait are on their way when as many are being cut, or were and stop. */
static void cut_for_waiting(struct gate *gate, uint64_t now_ms)
{
    struct fair_entry *next = gate->limits.one_class ? NULL : fair_queue_next(gate->queue, 1u << FAIR_IN_PROFILE);
    if (!next || gate_waits_for_reading(gate, container_of(next, struct turn, entry)))
        return;
    uint32_t freed = gate_freed_late(gate);
    while (gate->cutting + freed < fair_queue_waiting(gate->queue, FAIR_IN_PROFILE)) {
        struct turn *victim = newest_low(gate);
        if (!victim)
            victim = more_stretched(gate, container_of(next, struct turn, entry), gate->cutting + freed, now_ms);
        if (!victim)
            return;
        cut_for_in_profile(gate, victim, now_ms);
    }
}

/* Nobody waits for long beside a call that nobody reads: one of lower classes for each request of theirs that waits. */
static void cut_left_for_waiting(struct gate *gate, uint64_t now_ms)
{
    uint32_t late = 0;
    for (int class = FAIR_PAID; gate->left > 0 && class < FAIR_CLASSES; class++) {
        struct list *first = list_first(&gate->waiting[class]);
        if (first && now_ms >= list_entry(first, struct turn, link)->asked_ms + GATE_CUT_WAIT_MS)
            late += fair_queue_waiting(gate->queue, (enum fair_class)class);
    }
    struct turn *victim;
    while (gate->cutting < late && (victim = newest_left(gate, FAIR_PAID)))
        cut(gate, victim);
}

/* ---- foresight --------------------------------------------------------------------------------------- */

static uint32_t wait_ms_max(const struct gate *gate, enum fair_class class)
{
    bool short_wait = gate->siege && class != FAIR_IN_PROFILE;
    uint32_t most = short_wait ? gate->limits.siege_wait_ms_max : gate->limits.wait_ms_max;
    return gate->limits.first_token_ms_max ? MIN(most, gate->limits.first_token_ms_max) : most;
}

static double margin(enum fair_class class)
{
    return class == FAIR_IN_PROFILE ? GATE_FORESIGHT_IN_PROFILE : GATE_FORESIGHT;
}

/* It waits: is there more to do before it than its class can be given in its time? */
static bool waits_in_vain(const struct gate *gate, const struct turn *turn)
{
    enum fair_class class = turn->place.class;
    if (gate->siege || gate->pressed_ticks < CAPACITY_TICKS)
        return false;
    double most = margin(class) * wait_ms_max(gate, class) / 1000 * gate_rate(gate, class);
    return fair_queue_work_before(&turn->entry, most) > most;
}

/* It would begin now. */
static bool answers_too_late(const struct gate *gate, const struct gate_backend *backend, const struct turn *turn, uint64_t now_ms)
{
    uint64_t ttft_us = limiter_ttft_us(&backend->limiter, turn->prompt_tokens);
    if (gate->limits.first_token_ms_max == 0 || ttft_us == 0)
        return false;
    double from_asking_ms = (double)(now_ms - turn->asked_ms) + (double)ttft_us / 1000;
    return from_asking_ms > margin(turn->place.class) * gate->limits.first_token_ms_max;
}

/* ---- turns ------------------------------------------------------------------------------------------- */

/* Gives turns while somebody has room. A class whose next has none waits as a whole: skipping it would starve large requests. */
static void pump(struct gate *gate, uint64_t now_ms)
{
    unsigned classes = (1u << FAIR_CLASSES) - 1;
    struct fair_entry *entry;
    gate_drop_old_holds(gate, now_ms);
    gate_forget_stopped(gate, now_ms);
    struct gate_totals totals = gate_totals(gate);
    while ((entry = fair_queue_next(gate->queue, gate_classes_that_may_go(gate, classes)))) {
        struct turn *turn = container_of(entry, struct turn, entry);
        struct gate_backend *backend = gate_find_room(gate, &totals, turn, now_ms);
        if (!backend) {
            classes &= ~(1u << turn->place.class);
            continue;
        }
        if (answers_too_late(gate, backend, turn, now_ms)) {
            gate->foreseen++;
            refuse(gate, turn, GATE_FORESEEN);
            continue;
        }
        turn->owes = fair_queue_owes(entry);
        fair_queue_take(gate->queue, entry);
        start(gate, turn, backend, now_ms);
        tell(gate, turn);
        totals = gate_totals(gate);
    }
    cut_for_waiting(gate, now_ms);
}

/* ---- a request comes --------------------------------------------------------------------------------- */

static enum gate_refusal refusal_of(int result)
{
    return result == -EAGAIN ? GATE_IDENTITY_FULL : result == -ENOSPC ? GATE_QUEUE_FULL : GATE_NO_MEMORY;
}

/* Into the queue; when it is full somebody of a lower class makes room. */
static int enqueue(struct gate *gate, struct turn *turn, uint64_t price)
{
    int result = fair_queue_push(gate->queue, &turn->entry, &turn->place, price);
    if (result != -ENOSPC)
        return result;
    struct fair_entry *other = fair_queue_displaced_by(gate->queue, &turn->place, price);
    if (!other)
        return result;
    gate->displaced++;
    refuse(gate, container_of(other, struct turn, entry), GATE_QUEUE_FULL);
    return fair_queue_push(gate->queue, &turn->entry, &turn->place, price);
}

static uint32_t waiting_ahead(const struct gate *gate, enum fair_class class)
{
    uint32_t ahead = 0;
    for (int i = 0; i <= (int)class; i++)
        ahead += fair_queue_waiting(gate->queue, (enum fair_class)i);
    return ahead;
}

static enum gate_refusal begin_at_once(struct gate *gate, struct turn *turn, struct gate_backend *backend, uint64_t price, uint64_t now_ms)
{
    if (answers_too_late(gate, backend, turn, now_ms)) {
        gate->foreseen++;
        return GATE_FORESEEN;
    }
    int result = fair_queue_pass(gate->queue, &turn->entry, &turn->place, price);
    if (result < 0)
        return refusal_of(result);
    start(gate, turn, backend, now_ms);
    return GATE_FITS;
}

static enum gate_refusal begin_to_wait(struct gate *gate, struct turn *turn, uint64_t price, uint64_t now_ms)
{
    int result = enqueue(gate, turn, price);
    if (result < 0)
        return refusal_of(result);
    if (waits_in_vain(gate, turn)) {
        leave(gate, turn);
        gate->foreseen++;
        gate->foreseen_price += (double)price;
        return GATE_FORESEEN;
    }
    turn->state = TURN_WAITING;
    list_push_back(&gate->waiting[turn->place.class], &turn->link);
    cut_for_waiting(gate, now_ms);
    return GATE_FITS;
}

enum turn_state gate_ask(struct gate *gate, struct turn *turn, const struct gate_ask *ask, uint64_t now_ms)
{
    *turn = (struct turn){.place = ask->place,
                          .prefix = ask->prefix,
                          .worker = ask->worker,
                          .prompt_tokens = ask->prompt_tokens,
                          .output_expected = ask->output_expected,
                          .output_max = ask->output_max,
                          .output_max_short = ask->output_max_short,
                          .entry.ordinary_calls = ask->ordinary_calls,
                          .asked_ms = now_ms};
    list_init(&turn->link);
    list_init(&turn->news);
    if (gate->limits.one_class)
        turn->place.class = FAIR_UNKNOWN;
    turn->entry.stretched = gate_times_ordinary(gate, turn) > 1;
    enum fair_class class = turn->place.class;
    uint64_t price = price_of(ask->prompt_tokens, ask->output_expected);
    turn->ahead = waiting_ahead(gate, class);
    gate_drop_old_holds(gate, now_ms);
    gate_forget_stopped(gate, now_ms);
    gate->asks += class == FAIR_IN_PROFILE;

    struct gate_backend *backend = gate_find_room_at_once(gate, turn, now_ms);
    enum gate_refusal refusal = backend ? begin_at_once(gate, turn, backend, price, now_ms)
                                        : begin_to_wait(gate, turn, price, now_ms);
    if (refusal != GATE_FITS) {
        turn->state = TURN_REFUSED;
        turn->refusal = refusal;
    }
    return turn->state;
}

/* ---- it runs and ends -------------------------------------------------------------------------------- */

void gate_progress(struct gate *gate, struct turn *turn, uint64_t output_tokens, uint64_t now_ms)
{
    if ((turn->state != TURN_RUNNING && turn->state != TURN_CUT) || output_tokens <= turn->output_tokens)
        return;
    struct gate_backend *backend = &gate->backends[turn->backend];
    uint64_t more = output_tokens - turn->output_tokens;
    if (turn->first_ms == 0) {
        turn->first_ms = now_ms;
        gate->served[turn->place.class] += (double)price_of(turn->prompt_tokens, more);
        limiter_first_token(&backend->limiter, turn->prompt_tokens, (now_ms - turn->started_ms) * 1000,
                            backend->under_way);
    } else {
        gate->served[turn->place.class] += (double)price_of(0, more);
        limiter_tokens(&backend->limiter, (uint32_t)MIN(more, (uint64_t)UINT32_MAX),
                       (now_ms - turn->tokens_ms) * 1000);
    }
    turn->output_tokens = output_tokens;
    turn->tokens_ms = now_ms;
    if (gate_backend_take_more(backend, turn))
        fair_queue_charge(gate->queue, &turn->entry, price_of(turn->prompt_tokens, turn->output_tokens));
}

/* An answer that came as a whole: its first token was not seen, but what is left of its time beside the prompt's is its pace. */
static void digest_whole(struct gate *gate, const struct turn *turn, uint64_t output_tokens, uint64_t now_ms)
{
    struct limiter *limiter = &gate->backends[turn->backend].limiter;
    uint64_t us = (now_ms - turn->started_ms) * 1000, prompt_us = limiter_ttft_us(limiter, turn->prompt_tokens);
    gate->served[turn->place.class] += (double)price_of(turn->prompt_tokens, output_tokens);
    us = us > prompt_us ? us - prompt_us : 0;
    limiter_tokens(limiter, (uint32_t)MIN(output_tokens, (uint64_t)UINT32_MAX), MAX(us, output_tokens * LIMITER_TPOT_MIN_US));
}

void gate_note_left(struct gate *gate, struct turn *turn, bool left)
{
    gate->left += left;
    gate->left -= turn->left;
    turn->left = left;
}

void gate_end(struct gate *gate, struct turn *turn, uint64_t prompt_tokens, uint64_t output_tokens, uint64_t now_ms)
{
    enum fair_class class = turn->place.class;
    switch (turn->state) {
    case TURN_NONE:
        return;
    case TURN_REFUSED:
        list_remove(&turn->news);
        break;
    case TURN_WAITING:
        leave(gate, turn);
        break;
    case TURN_RUNNING:
    case TURN_CUT: {
        struct gate_backend *backend = &gate->backends[turn->backend];
        if (turn->first_ms)
            gate_progress(gate, turn, output_tokens, now_ms);
        else if (output_tokens > 0)
            digest_whole(gate, turn, output_tokens, now_ms);
        fair_queue_settle(gate->queue, &turn->entry, price_of(prompt_tokens, output_tokens));
        gate_backend_give_back(backend, turn, now_ms);
        gate->running_count[class]--;
        if (turn->state == TURN_CUT)
            gate->cutting--;
        list_remove(&turn->link);
        list_remove(&turn->news);
        break;
    }
    }
    gate_note_left(gate, turn, false);
    turn->state = TURN_NONE;
    pump(gate, now_ms);
}

/* ---- time -------------------------------------------------------------------------------------------- */

static void send_away_late(struct gate *gate, uint64_t now_ms)
{
    for (int class = 0; class < FAIR_CLASSES; class++) {
        uint32_t most = wait_ms_max(gate, (enum fair_class)class);
        list_each(at, &gate->waiting[class]) {
            struct turn *turn = list_entry(at, struct turn, link);
            if (now_ms < turn->asked_ms + most)
                break; /* the others came later */
            gate->waited_out++;
            refuse(gate, turn, GATE_WAITED);
        }
    }
}

/* Whoever waits for what may not come back. */
static void send_away_if_nobody_serves(struct gate *gate, uint64_t now_ms)
{
    if (gate_totals(gate).backends > 0)
        gate->nobody_ms = 0;
    else if (gate->nobody_ms == 0)
        gate->nobody_ms = now_ms;
    if (gate->nobody_ms == 0 || now_ms < gate->nobody_ms + GATE_NOBODY_MS)
        return;
    for (int class = 0; class < FAIR_CLASSES; class++)
        list_each(at, &gate->waiting[class]) refuse(gate, list_entry(at, struct turn, link), GATE_NO_BACKEND);
}

static bool low_waits(const struct gate *gate)
{
    return fair_queue_waiting(gate->queue, FAIR_PAID) + fair_queue_waiting(gate->queue, FAIR_UNKNOWN) > 0;
}

static void learn_rates(struct gate *gate, double seconds)
{
    double all = 0;
    for (int class = 0; class < FAIR_CLASSES; class++) {
        gate->rate[class] += RATE_SMOOTHING * (gate->served[class] / seconds - gate->rate[class]);
        gate->served[class] = 0;
        all += gate->rate[class];
    }
    if (low_waits(gate))
        gate->pressed_ticks = MIN(gate->pressed_ticks + 1, (uint32_t)CAPACITY_TICKS);
    /* With nobody waiting there may be more than was asked for. */
    gate->capacity = low_waits(gate) ? gate->capacity + RATE_SMOOTHING * (MAX(all, gate->rate[0]) - gate->capacity)
                                     : gate->capacity * CAPACITY_DECAY;
    gate->capacity = MAX(gate->capacity, all);
    gate->in_profile_mean += COUNT_SMOOTHING * (gate->running_count[FAIR_IN_PROFILE] - gate->in_profile_mean);
    gate->in_profile_asks += COUNT_SMOOTHING * (gate->asks / seconds - gate->in_profile_asks);
    gate->asks = 0;
    gate_learn_reserve(gate);
}

/* What waits of this class and those below it, in seconds of all capacity; 0 while that is not known. Who was refused by foresight presses on the gate as one who waits
 * does, or it would see no siege any more. */
static double waiting_s(const struct gate *gate, int class)
{
    double price = gate->foreseen_price;
    for (; class < FAIR_CLASSES; class++)
        price += (double)fair_queue_price_waiting(gate->queue, (enum fair_class)class);
    return gate->capacity > 0 ? price / gate->capacity : 0;
}

/* Whoever is beyond the strict limit would slow known users down for as long as its answer is. */
static void begin_siege(struct gate *gate, uint64_t now_ms)
{
    gate->siege = true;
    struct gate_totals totals = gate_totals(gate);
    struct turn *victim;
    for (uint32_t i = totals.strict + gate->cutting; i < totals.busy && (victim = newest_low(gate)); i++)
        cut_for_in_profile(gate, victim, now_ms);
}

static void judge_siege(struct gate *gate, double seconds_passed, uint64_t now_ms)
{
    gate->foreseen_price *= exp(-seconds_passed * 1000 / MAX(wait_ms_max(gate, FAIR_UNKNOWN), 1u));
    double seconds = gate->siege ? GATE_SIEGE_GOES_ON_S : GATE_SIEGE_BEGINS_S;
    if (gate->running_count[FAIR_IN_PROFILE] > 0)
        gate->in_profile_ms = now_ms;
    bool protects = gate->in_profile_ms && now_ms < gate->in_profile_ms + GATE_PROTECTED_MS;
    if (protects && waiting_s(gate, FAIR_PAID) > seconds) {
        if (!gate->siege)
            begin_siege(gate, now_ms);
        gate->pressed_ms = now_ms;
    } else if (!protects || now_ms > gate->pressed_ms + GATE_SIEGE_CALM_MS) {
        gate->siege = false;
    }
}

void gate_tick(struct gate *gate, uint64_t now_ms)
{
    if (gate->ticked_ms && now_ms < gate->ticked_ms + GATE_TICK_MS)
        return; /* another worker did it, or the clock stands still */
    double seconds = gate->ticked_ms ? (double)(now_ms - gate->ticked_ms) / 1000 : GATE_TICK_MS / 1000.0;
    gate->ticked_ms = now_ms;
    learn_rates(gate, seconds);
    judge_siege(gate, seconds, now_ms);
    for (size_t i = 0; i < gate->backends_count; i++) {
        struct gate_backend *backend = &gate->backends[i];
        (void)limiter_tick(&backend->limiter, backend->under_way_most, now_ms);
        backend->under_way_most = backend->under_way;
    }
    cut_left_for_waiting(gate, now_ms);
    send_away_late(gate, now_ms);
    send_away_if_nobody_serves(gate, now_ms);
    pump(gate, now_ms);
    fair_queue_tidy(gate->queue, TIDY_NODES);
}

/* What runs already is shortened too: the first of a flood would write for longer than most floods last. */
void gate_shorten(struct gate *gate, bool shortens)
{
    bool begins = shortens && !gate->shorten;
    gate->shorten = shortens;
    for (int class = 0; begins && class < FAIR_CLASSES; class++)
        list_each(at, &gate->running[class])
            shorten(list_entry(at, struct turn, link));
}

void gate_know(struct gate *gate, size_t backend, bool available, const struct limiter_facts *facts)
{
    check(backend < gate->backends_count);
    if (gate->backends[backend].available && !available) /* when it is back it may have forgotten */
        gate->backends[backend].prefixes = (struct prefix_table){0};
    gate->backends[backend].available = available;
    gate_learn_reserve(gate);
    if (facts)
        limiter_know(&gate->backends[backend].limiter, facts);
}

void gate_know_stopping(struct gate *gate, size_t backend, uint32_t stop_ms)
{
    check(backend < gate->backends_count);
    gate->backends[backend].stop_ms = stop_ms;
    gate_learn_reserve(gate);
}

/* ---- news and views ---------------------------------------------------------------------------------- */

struct turn *gate_news(struct gate *gate, uint32_t worker)
{
    struct list *link = list_first(&gate->news[worker]);
    if (!link)
        return NULL;
    list_remove(link);
    return list_entry(link, struct turn, news);
}

uint64_t gate_workers_with_news(struct gate *gate)
{
    uint64_t workers = gate->workers_with_news;
    gate->workers_with_news = 0;
    return workers;
}

double gate_rate(const struct gate *gate, enum fair_class class)
{
    double capacity = gate->capacity;
    if (gate->pressed_ticks < CAPACITY_TICKS)
        capacity = MAX(capacity, GATE_CALL_RATE_GUESS * gate_totals(gate).limit);
    double left = capacity;
    for (int higher = 0; higher < (int)class; higher++)
        left -= gate->rate[higher];
    /* Even when others take all, a class has its share by weight. */
    double share = capacity * gate->limits.fair.weights[class];
    uint32_t weights = 0;
    for (int i = 0; i < FAIR_CLASSES; i++)
        weights += gate->limits.fair.weights[i];
    return MAX(left, share / weights);
}

double gate_call_s(const struct gate *gate, uint64_t prompt_tokens, double output_tokens)
{
    double us = 0;
    for (size_t i = 0; i < gate->backends_count; i++) {
        const struct limiter *limiter = &gate->backends[i].limiter;
        if (gate->backends[i].available && limiter->tpot.p50 > 0)
            us = fmax(us, (double)limiter_ttft_us(limiter, prompt_tokens) + output_tokens * (double)limiter->tpot.p50);
    }
    return us > 0 ? us / 1e6 : GATE_CALL_S_GUESS;
}

bool gate_has_room(const struct gate *gate, enum fair_class class)
{
    struct gate_totals all = gate_totals(gate);
    return !gate->siege && waiting_ahead(gate, FAIR_UNKNOWN) == 0 && gate_busy(&all, class) < gate_class_limit(gate, class, &all);
}

struct gate_outlook gate_outlook(const struct gate *gate, enum fair_class class)
{
    double ms = (double)fair_queue_price_waiting(gate->queue, class) * 1000 / gate_rate(gate, class);
    return (struct gate_outlook){waiting_ahead(gate, class), ms < GATE_OUTLOOK_MS_MAX ? (uint32_t)ms : GATE_OUTLOOK_MS_MAX};
}

void gate_view(const struct gate *gate, struct gate_view *ret_view)
{
    struct gate_totals all = gate_totals(gate);
    *ret_view = (struct gate_view){.limit = gate->siege ? all.strict : all.limit,
                                   .reserve = gate_reserve(gate, &all),
                                   .holds = gate->holds,
                                   .cuts = gate->cuts,
                                   .stretched_cuts = gate->stretched_cuts,
                                   .displaced = gate->displaced,
                                   .waited_out = gate->waited_out,
                                   .foreseen = gate->foreseen,
                                   .capacity = gate->capacity,
                                   .waiting_s = waiting_s(gate, FAIR_IN_PROFILE),
                                   .nodes = fair_queue_nodes(gate->queue),
                                   .siege = gate->siege};
    for (int class = 0; class < FAIR_CLASSES; class++) {
        ret_view->waiting[class] = fair_queue_waiting(gate->queue, (enum fair_class)class);
        ret_view->running[class] = gate->running_count[class];
    }
}

void gate_backend_view(const struct gate *gate, size_t index, struct gate_backend_view *ret_view)
{
    check(index < gate->backends_count);
    gate_backend_look(&gate->backends[index], ret_view);
}
