/* SPDX-License-Identifier: Apache-2.0 */
#include "usage_fold.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "base/mac.h"
#include "base/map.h"
#include "base/random.h"

#include <math.h>

#define DAY_MS UINT64_C(86400000)
#define HOUR_MS UINT64_C(3600000)
#define HOURS 24
#define DAYS_FIRST 8

struct day {
    uint32_t day;
    float prompt_tokens[HOURS], completion_tokens[HOURS];
    uint64_t requests;
    double output_log;
};

struct caller {
    char *who;
    uint64_t line, rows;
    struct day *days;                         /* in order */
    uint32_t days_count, days_cap, days_last; /* where the row before was counted */
};

struct usage_fold {
    uint64_t wall_ms;
    struct mac_key key;
    struct map *by_who; /* 128 bits of SipHash → struct caller */
    struct caller **callers;
    size_t count, cap;
    size_t days;
};

struct usage_fold *usage_fold_new(uint64_t wall_ms)
{
    struct usage_fold *fold = mem_zalloc(sizeof(*fold));
    if (!fold)
        return NULL;
    fold->wall_ms = wall_ms;
    random_bytes(fold->key.bytes, sizeof(fold->key.bytes));
    fold->by_who = map_new(16, USAGE_CALLERS_MAX);
    if (!fold->by_who) {
        mem_free(fold);
        return NULL;
    }
    return fold;
}

static void caller_free(struct caller *caller)
{
    mem_free(caller->who);
    mem_free(caller->days);
    mem_free(caller);
}

void usage_fold_free(struct usage_fold *fold)
{
    if (!fold)
        return;
    for (size_t i = 0; i < fold->count; i++)
        caller_free(fold->callers[i]);
    mem_free(fold->callers);
    map_free(fold->by_who);
    mem_free(fold);
}

static char *copy_of(struct span text)
{
    char *copy = mem_alloc(text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static int make_room(struct usage_fold *fold)
{
    if (fold->count < fold->cap)
        return 0;
    size_t cap = fold->cap ? 2 * fold->cap : 256;
    struct caller **callers = mem_realloc(fold->callers, cap * sizeof(*callers));
    if (!callers)
        return -ENOMEM;
    fold->callers = callers;
    fold->cap = cap;
    return 0;
}

static struct caller *add_caller(struct usage_fold *fold, const unsigned char hash[16],
                                 uint64_t line, struct span who)
{
    struct caller *caller = make_room(fold) == 0 ? mem_zalloc(sizeof(*caller)) : NULL;
    if (!caller)
        return NULL;
    caller->line = line;
    caller->who = copy_of(who);
    if (!caller->who || map_put(fold->by_who, hash, caller, NULL) < 0) {
        caller_free(caller);
        return NULL;
    }
    fold->callers[fold->count++] = caller;
    return caller;
}

/* Where the day is, or would be. */
static uint32_t place_of(const struct caller *caller, uint32_t day)
{
    uint32_t low = 0, high = caller->days_count;
    if (caller->days_last < high && caller->days[caller->days_last].day == day)
        return caller->days_last;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (caller->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_day(struct usage_fold *fold, struct caller *caller, uint32_t at, uint32_t day)
{
    if (caller->days_count == caller->days_cap) {
        uint32_t cap = caller->days_cap ? 2 * caller->days_cap : DAYS_FIRST;
        struct day *days = mem_realloc(caller->days, cap * sizeof(*days));
        if (!days)
            return -ENOMEM;
        caller->days = days;
        caller->days_cap = cap;
    }
    memmove(&caller->days[at + 1], &caller->days[at],
            (caller->days_count - at) * sizeof(*caller->days));
    caller->days[at] = (struct day){.day = day};
    caller->days_count++;
    fold->days++;
    return 0;
}

static void count_row(struct caller *caller, uint32_t at, const struct usage_row *row)
{
    struct day *day = &caller->days[at];
    uint64_t hour = row->wall_ms / HOUR_MS % HOURS;
    day->prompt_tokens[hour] += (float)row->prompt_tokens;
    day->completion_tokens[hour] += (float)row->completion_tokens;
    day->requests++;
    day->output_log += log1p((double)row->completion_tokens);
    caller->days_last = at;
    caller->rows++;
}

/* More than a request can have would only be a way to overflow sums. */
#define TOKENS_MAX UINT64_C(1000000000)

static const char *judge(const struct usage_fold *fold, const struct usage_row *row)
{
    if (row->wall_ms > fold->wall_ms + USAGE_FUTURE_MS)
        return "its time is in the future";
    if (row->prompt_tokens > TOKENS_MAX || row->completion_tokens > TOKENS_MAX)
        return "no request has that many tokens";
    if (row->prompt_tokens + row->completion_tokens == 0)
        return NULL;
    if (row->wall_ms / DAY_MS == 0 || row->wall_ms + USAGE_PAST_DAYS_MAX * DAY_MS < fold->wall_ms)
        return "it is older than 400 days";
    return "";
}

int usage_fold_add(struct usage_fold *fold, uint64_t line, const struct usage_row *row,
                   const char **ret_why)
{
    unsigned char hash[16];
    struct usage_row held = *row;
    held.wall_ms = MIN(row->wall_ms, fold->wall_ms);
    *ret_why = judge(fold, row);
    if (!*ret_why || **ret_why)
        return 0;
    mac_128(&fold->key, row->who, hash);
    struct caller *caller = map_get(fold->by_who, hash);
    if (!caller && fold->count == USAGE_CALLERS_MAX) {
        *ret_why = "there are more than 1,000,000 callers: import in parts";
        return 0;
    }
    if (!caller)
        caller = add_caller(fold, hash, line, row->who);
    if (!caller)
        return -ENOMEM;
    uint32_t day = (uint32_t)(held.wall_ms / DAY_MS), at = place_of(caller, day);
    bool there = at < caller->days_count && caller->days[at].day == day;
    if (!there && fold->days == USAGE_DAYS_MAX) {
        *ret_why = "there are more than 2,000,000 days of callers: import in parts";
        return 0;
    }
    if (!there && insert_day(fold, caller, at, day) < 0)
        return -ENOMEM;
    count_row(caller, at, &held);
    return 1;
}

size_t usage_fold_callers(const struct usage_fold *fold)
{
    return fold->count;
}

struct usage_caller usage_fold_caller(const struct usage_fold *fold, size_t at)
{
    const struct caller *caller = fold->callers[at];
    return (struct usage_caller){caller->who, caller->line, caller->rows};
}

static void write_hours(struct json_out *out, const struct day *day)
{
    json_out_open(out, '[');
    for (uint32_t hour = 0; hour < HOURS; hour++) {
        if (day->prompt_tokens[hour] + day->completion_tokens[hour] <= 0)
            continue;
        json_out_open(out, '[');
        json_out_u64(out, hour);
        json_out_u64(out, (uint64_t)day->prompt_tokens[hour]);
        json_out_u64(out, (uint64_t)day->completion_tokens[hour]);
        json_out_close(out, ']');
    }
    json_out_close(out, ']');
}

void usage_fold_write(struct usage_fold *fold, size_t at, struct buf *buf)
{
    const struct caller *caller = fold->callers[at];
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("who"));
    json_out_string(&out, span_str(caller->who));
    json_out_key(&out, SPAN("days"));
    json_out_open(&out, '[');
    for (uint32_t i = 0; i < caller->days_count; i++) {
        const struct day *day = &caller->days[i];
        json_out_open(&out, '[');
        json_out_u64(&out, day->day);
        json_out_u64(&out, day->requests);
        json_out_double(&out, day->output_log);
        write_hours(&out, day);
        json_out_close(&out, ']');
    }
    json_out_close(&out, ']');
    json_out_close(&out, '}');
}
