/* SPDX-License-Identifier: Apache-2.0 */
#include "admit/budget.h"

#include "base/text.h"

#define UNITS                                                                                      \
    UINT64_C(                                                                                      \
        60000) /* of a token or request: a limit of n a minute drains n of them each millisecond */
#define SPEND_UNITS UINT64_C(1000000) /* of a millionth of money */
#define DAY_MS UINT64_C(86400000)

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t subtract(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

uint64_t budget_cost(uint64_t tokens, uint64_t price)
{
    return multiply(tokens, price);
}

/* ── time ── */

static void set_day(struct budget_window *day, uint64_t wall_ms)
{
    day->from_ms = wall_ms - wall_ms % DAY_MS;
    day->until_ms = day->from_ms + DAY_MS;
}

static void set_month(struct budget_window *month, uint64_t wall_ms)
{
    text_month(wall_ms, &month->from_ms, &month->until_ms);
}

void budget_init(struct budget *budget, struct budget_time time)
{
    *budget = (struct budget){.drained_ms = time.mono_ms};
    set_day(&budget->day, time.wall_ms);
    set_month(&budget->month, time.wall_ms);
}

/* Must the window change? What was used goes only where time went on, and not too soon after it went before. */
static bool roll(struct budget_window *window, struct budget_time time, uint64_t apart_ms)
{
    if (time.wall_ms >= window->from_ms && time.wall_ms < window->until_ms)
        return false;
    if (time.wall_ms < window->from_ms)
        return true; /* the clock was set back */
    if (window->rolled_ms != 0 && subtract(time.mono_ms, window->rolled_ms) < apart_ms)
        return false;
    window->rolled_ms = MAX(time.mono_ms, UINT64_C(1));
    window->tokens = window->spend = 0;
    return true;
}

static uint64_t drain(uint64_t used, uint64_t limit, uint64_t elapsed_ms)
{
    return limit == LIMIT_NONE ? 0 : subtract(used, multiply(limit, elapsed_ms));
}

void budget_advance(struct budget *budget, const struct limits *limits, struct budget_time time)
{
    uint64_t elapsed_ms = subtract(time.mono_ms, budget->drained_ms);
    budget->requests = drain(budget->requests, limits->of[LIMIT_REQUESTS_MINUTE], elapsed_ms);
    budget->tokens = drain(budget->tokens, limits->of[LIMIT_TOKENS_MINUTE], elapsed_ms);
    budget->drained_ms += elapsed_ms; /* threads' clocks may be some milliseconds apart */
    if (roll(&budget->day, time, BUDGET_DAY_APART_MS))
        set_day(&budget->day, time.wall_ms);
    if (roll(&budget->month, time, BUDGET_MONTH_APART_MS))
        set_month(&budget->month, time.wall_ms);
}

/* Until the window may end. */
static uint64_t window_wait(const struct budget_window *window, struct budget_time time,
                            uint64_t apart_ms)
{
    uint64_t wall_ms = subtract(window->until_ms, time.wall_ms);
    uint64_t apart = window->rolled_ms ? subtract(window->rolled_ms + apart_ms, time.mono_ms) : 0;
    return MAX(wall_ms, wall_ms > 0 ? 0 : apart);
}

/* ── judging ── */

/* Of each limit that is a stock: how much there is, what is used, what is held. All in one unit. */
struct stock {
    uint64_t limit, used, held, wait_ms;
};

static struct stock stock_of(const struct budget *budget, const struct limits *limits,
                             enum limit limit, struct budget_time time)
{
    uint64_t value = limits->of[limit];
    uint64_t day_ms = window_wait(&budget->day, time, BUDGET_DAY_APART_MS);
    if (limit == LIMIT_TOKENS_DAY)
        return (struct stock){value, budget->day.tokens, budget->tokens_held, day_ms};
    value = multiply(value, SPEND_UNITS);
    if (limit == LIMIT_SPEND_DAY)
        return (struct stock){value, budget->day.spend, budget->spend_held, day_ms};
    check(limit == LIMIT_SPEND_MONTH);
    return (struct stock){value, budget->month.spend, budget->spend_held,
                          window_wait(&budget->month, time, BUDGET_MONTH_APART_MS)};
}

static uint64_t stock_left(const struct stock *stock)
{
    return subtract(stock->limit, add(stock->used, stock->held));
}

static const enum limit stocks[] = {LIMIT_TOKENS_DAY, LIMIT_SPEND_DAY, LIMIT_SPEND_MONTH};

static bool is_money(enum limit limit)
{
    return limit != LIMIT_TOKENS_DAY;
}

/* What is left of a minute's tokens. */
static uint64_t minute_left(const struct budget *budget, uint64_t limit)
{
    return subtract(subtract(multiply(limit, UNITS), budget->tokens) / UNITS, budget->tokens_held);
}

/* Until `used` and `more` are within the limit, all in UNITS. */
static uint64_t drain_wait(uint64_t limit, uint64_t used, uint64_t more)
{
    return divide_up(subtract(add(used, more), multiply(limit, UNITS)), limit);
}

/* The refusal to tell is the one that takes longest. */
static void refuse(struct budget_refusal *refusal, bool *refused, enum limit limit,
                   uint64_t wait_ms, bool never)
{
    if (*refused && (refusal->never || (!never && wait_ms <= refusal->wait_ms)))
        return;
    *refused = true;
    *refusal = (struct budget_refusal){limit, wait_ms, never};
}

static void judge_minute(const struct budget *budget, const struct limits *limits,
                         const struct budget_want *want, uint64_t *output,
                         struct budget_refusal *refusal, bool *refused)
{
    uint64_t limit = limits->of[LIMIT_REQUESTS_MINUTE];
    uint64_t wait_ms = limit ? drain_wait(limit, budget->requests, UNITS) : 0;
    if (wait_ms > 0)
        refuse(refusal, refused, LIMIT_REQUESTS_MINUTE, wait_ms, false);
    limit = limits->of[LIMIT_TOKENS_MINUTE];
    if (limit == LIMIT_NONE)
        return;
    uint64_t need = MIN(add(want->prompt_tokens, want->output_tokens), limit);
    if (add(want->prompt_tokens, want->output_tokens > 0) > limit)
        refuse(refusal, refused, LIMIT_TOKENS_MINUTE, 0, true);
    else if ((wait_ms = drain_wait(limit, budget->tokens,
                                   multiply(add(need, budget->tokens_held), UNITS))) > 0)
        refuse(refusal, refused, LIMIT_TOKENS_MINUTE, wait_ms, false);
    else
        *output = MIN(*output, need - want->prompt_tokens);
}

static void judge_stock(const struct stock *stock, enum limit limit, const struct budget_want *want,
                        uint64_t *output, struct budget_refusal *refusal, bool *refused)
{
    uint64_t prompt =
        is_money(limit) ? budget_cost(want->prompt_tokens, want->price.in) : want->prompt_tokens;
    uint64_t each = is_money(limit) ? want->price.out : 1;
    uint64_t least = add(prompt, want->output_tokens > 0 ? each : 0);
    uint64_t left = stock_left(stock);
    if (least > left)
        refuse(refusal, refused, limit, stock->wait_ms, least > stock->limit);
    else if (each > 0)
        *output = MIN(*output, (left - prompt) / each);
}

int budget_judge(const struct budget *budget, const struct limits *limits,
                 const struct budget_want *want, struct budget_time time, uint64_t *ret_output,
                 struct budget_refusal *ret_refusal)
{
    bool refused = false;
    uint64_t output = want->output_tokens;
    judge_minute(budget, limits, want, &output, ret_refusal, &refused);
    for (size_t i = 0; i < COUNT_OF(stocks); i++) {
        struct stock stock = stock_of(budget, limits, stocks[i], time);
        if (stock.limit != LIMIT_NONE)
            judge_stock(&stock, stocks[i], want, &output, ret_refusal, &refused);
    }
    uint64_t calls = limits->of[LIMIT_CALLS];
    if (calls != LIMIT_NONE && budget->calls >= calls)
        refuse(ret_refusal, &refused, LIMIT_CALLS, BUDGET_BUSY_MS, false);
    if (refused)
        return -EDQUOT;
    *ret_output = output;
    return 0;
}

uint64_t budget_spare(const struct budget *budget, const struct limits *limits, uint64_t price_out,
                      enum limit *ret_limit)
{
    uint64_t spare = UINT64_MAX, minute = limits->of[LIMIT_TOKENS_MINUTE];
    if (minute != LIMIT_NONE) {
        spare = minute_left(budget, minute);
        *ret_limit = LIMIT_TOKENS_MINUTE;
    }
    for (size_t i = 0; i < COUNT_OF(stocks); i++) {
        struct stock stock = stock_of(budget, limits, stocks[i], (struct budget_time){0});
        uint64_t each = is_money(stocks[i]) ? price_out : 1;
        if (stock.limit == LIMIT_NONE || each == 0 || stock_left(&stock) / each >= spare)
            continue;
        spare = stock_left(&stock) / each;
        *ret_limit = stocks[i];
    }
    return spare;
}

/* ── holding and using ── */

void budget_begin(struct budget *budget)
{
    budget->calls++;
    budget->requests = add(budget->requests, UNITS);
}

void budget_hold(struct budget *budget, uint64_t tokens, uint64_t spend)
{
    budget->tokens_held = add(budget->tokens_held, tokens);
    budget->spend_held = add(budget->spend_held, spend);
}

void budget_release(struct budget *budget, uint64_t tokens, uint64_t spend)
{
    budget->tokens_held = subtract(budget->tokens_held, tokens);
    budget->spend_held = subtract(budget->spend_held, spend);
}

void budget_use(struct budget *budget, const struct limits *limits, uint64_t tokens, uint64_t spend)
{
    uint64_t most = multiply(limits->of[LIMIT_TOKENS_MINUTE], 2 * UNITS);
    budget->tokens = MIN(add(budget->tokens, multiply(tokens, UNITS)), most);
    budget->day.tokens = add(budget->day.tokens, tokens);
    budget->day.spend = add(budget->day.spend, spend);
    budget->month.spend = add(budget->month.spend, spend);
}

void budget_unuse(struct budget *budget, uint64_t tokens, uint64_t spend)
{
    budget->tokens = subtract(budget->tokens, multiply(tokens, UNITS));
    budget->day.tokens = subtract(budget->day.tokens, tokens);
    budget->day.spend = subtract(budget->day.spend, spend);
    budget->month.spend = subtract(budget->month.spend, spend);
}

void budget_end(struct budget *budget, bool ran)
{
    check(budget->calls > 0);
    budget->calls--;
    if (!ran)
        budget->requests = subtract(budget->requests, UNITS);
}

void budget_learn(struct budget *budget, uint64_t day_tokens, uint64_t day_spend,
                  uint64_t month_spend)
{
    budget->day.tokens = MAX(budget->day.tokens, day_tokens);
    budget->day.spend = MAX(budget->day.spend, day_spend);
    budget->month.spend = MAX(budget->month.spend, month_spend);
}

/* ── looking ── */

static struct budget_standing minute_standing(uint64_t used, uint64_t held, uint64_t limit)
{
    uint64_t units = add(used, multiply(held, UNITS));
    return (struct budget_standing){divide_up(units, UNITS), limit ? divide_up(units, limit) : 0};
}

struct budget_standing budget_standing(const struct budget *budget, const struct limits *limits,
                                       enum limit limit, struct budget_time time)
{
    struct budget_standing standing = {0, 0};
    struct stock stock;
    switch (limit) {
    case LIMIT_REQUESTS_MINUTE:
        return minute_standing(budget->requests, 0, limits->of[limit]);
    case LIMIT_TOKENS_MINUTE:
        return minute_standing(budget->tokens, budget->tokens_held, limits->of[limit]);
    case LIMIT_CALLS:
        standing.used = budget->calls;
        break;
    case LIMIT_TOKENS_DAY:
    case LIMIT_SPEND_DAY:
    case LIMIT_SPEND_MONTH:
        stock = stock_of(budget, limits, limit, time);
        standing.used = divide_up(add(stock.used, stock.held), is_money(limit) ? SPEND_UNITS : 1);
        standing.reset_ms = standing.used > 0 ? stock.wait_ms : 0;
        break;
    case LIMIT_CONTEXT:
    case LIMIT_OUTPUT:
    case LIMITS_COUNT:
        break;
    }
    return standing;
}
