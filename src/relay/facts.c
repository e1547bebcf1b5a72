/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/facts.h"

#include "base/alloc.h"
#include "relay/backend.h"
#include "relay/relay.h"

#include <math.h>
#include <stdlib.h>

#define TICK_MS FACTS_EVERY_MS
#define HEAD_BYTES_MAX 16384
#define DEPTH_MAX 32
#define NUMBER_BYTES_MAX 40

/* ---- reading ----------------------------------------------------------------------------------------- */

/* *ret_number is written on success only. */
static bool read_number(struct span text, double *ret_number)
{
    char copy[NUMBER_BYTES_MAX + 1], *end;
    text = span_trim(text);
    if (text.len == 0 || text.len > NUMBER_BYTES_MAX)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double number = strtod(copy, &end);
    if (end != copy + text.len || !isfinite(number) || number < 0 || number > FACTS_NUMBER_MAX)
        return false;
    *ret_number = number;
    return true;
}

/* What counts of the labels; 0: not said. */
struct labels {
    double block_size, blocks;
};

/* Takes name="value" off the front of `*rest`; in a value a backslash stands before a quote that is part of it. */
static bool take_label(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    ptrdiff_t equals = span_find(*rest, SPAN("=\""));
    if (equals < 0)
        return false;
    *ret_name = span_trim(span_take(*rest, (size_t)equals));
    struct span value = span_skip(*rest, (size_t)equals + 2);
    size_t end = 0;
    while (end < value.len && value.ptr[end] != '"')
        end += value.ptr[end] == '\\' ? 2 : 1;
    if (end >= value.len)
        return false;
    *ret_value = span_take(value, end);
    *rest = span_skip(value, end + 1);
    return true;
}

/* Takes {…} off the front of `*rest`. */
static bool take_labels(struct span *rest, struct labels *labels)
{
    struct span name, value;
    *rest = span_trim(span_skip(*rest, 1));
    while (rest->len > 0 && rest->ptr[0] != '}') {
        if (!take_label(rest, &name, &value))
            return false;
        if (span_eq(name, SPAN("block_size")))
            (void)read_number(value, &labels->block_size);
        else if (span_eq(name, SPAN("num_gpu_blocks")))
            (void)read_number(value, &labels->blocks);
        *rest = span_trim(*rest);
        if (span_starts(*rest, SPAN(",")))
            *rest = span_trim(span_skip(*rest, 1));
    }
    bool whole = rest->len > 0;
    *rest = span_skip(*rest, 1);
    return whole;
}

enum fact { RUNNING, WAITING, KV_USED, KV_TOKENS, CACHE_CONFIG };

static const struct {
    struct span name;
    enum fact fact;
} known[] = {
    {SPAN("vllm:num_requests_running"), RUNNING},
    {SPAN("vllm:num_requests_waiting"), WAITING},
    {SPAN("vllm:kv_cache_usage_perc"), KV_USED},
    {SPAN("vllm:gpu_cache_usage_perc"), KV_USED}, /* before 0.10 */
    {SPAN("vllm:cache_config_info"), CACHE_CONFIG},
    {SPAN("sglang:num_running_reqs"), RUNNING},
    {SPAN("sglang:num_queue_reqs"), WAITING},
    {SPAN("sglang:token_usage"), KV_USED},
    {SPAN("sglang:max_total_num_tokens"), KV_TOKENS},
    {SPAN("llamacpp:requests_processing"), RUNNING},
    {SPAN("llamacpp:requests_deferred"), WAITING},
};

/* There is one line for each engine behind an address. */
static uint64_t sum_of(uint64_t sum, double value)
{
    return (uint64_t)MIN((double)sum + value, FACTS_NUMBER_MAX);
}

static void note(struct engine_facts *facts, enum fact fact, const struct labels *labels,
                 double value)
{
    switch (fact) {
    case RUNNING:
        facts->running = (uint32_t)sum_of(facts->running, value);
        break;
    case WAITING:
        facts->waiting = (uint32_t)sum_of(facts->waiting, value);
        break;
    case KV_USED: /* of the fullest */
        value = MIN(value, 1.0);
        facts->kv_used = MAX(facts->kv_used, (float)value);
        break;
    case KV_TOKENS:
        facts->kv_tokens = sum_of(facts->kv_tokens, value);
        break;
    case CACHE_CONFIG:
        if (labels->block_size * labels->blocks <= FACTS_NUMBER_MAX)
            facts->kv_tokens = sum_of(facts->kv_tokens, labels->block_size * labels->blocks);
        break;
    }
}

static size_t name_len(struct span line)
{
    size_t len = 0;
    while (len < line.len && line.ptr[len] != '{' && line.ptr[len] != ' ' && line.ptr[len] != '\t')
        len++;
    return len;
}

/* name{labels} value [time] */
static bool read_line(struct span line, struct engine_facts *facts)
{
    struct span name = span_take(line, name_len(line)), rest = span_skip(line, name.len);
    struct labels labels = {0};
    double value;
    size_t i = 0;
    while (i < COUNT_OF(known) && !span_eq(known[i].name, name))
        i++;
    if (i == COUNT_OF(known) || (span_starts(rest, SPAN("{")) && !take_labels(&rest, &labels)))
        return false;
    rest = span_trim(rest);
    ptrdiff_t space = span_find_byte(rest, ' ');
    if (!read_number(space < 0 ? rest : span_take(rest, (size_t)space), &value))
        return false;
    note(facts, known[i].fact, &labels, value);
    return true;
}

bool facts_read_metrics(struct span page, struct engine_facts *ret_facts)
{
    struct span line;
    bool any = false;
    *ret_facts = (struct engine_facts){0};
    while (span_split(&page, '\n', &line) && !span_is_null(page))
        if (line.len > 0 && line.ptr[0] != '#')
            any |= read_line(line, ret_facts);
    return any;
}

static uint64_t member_u64(struct json_value object, struct span name)
{
    struct json_value value;
    int64_t number;
    if (json_get(object, name, &value) && json_i64(value, &number) && number > 0 &&
        (double)number <= FACTS_NUMBER_MAX)
        return (uint64_t)number;
    return 0;
}

bool facts_read_props(struct json_parser *parser, struct span body, struct engine_facts *ret_facts)
{
    struct json_value root, settings;
    struct err err;
    *ret_facts = (struct engine_facts){0};
    if (json_parse(parser, body, &root, &err) < 0 || json_kind(root) != JSON_OBJECT)
        return false;
    ret_facts->slots = (uint32_t)member_u64(root, SPAN("total_slots"));
    if (json_get(root, SPAN("default_generation_settings"), &settings) &&
        json_kind(settings) == JSON_OBJECT)
        ret_facts->kv_tokens = ret_facts->slots * member_u64(settings, SPAN("n_ctx"));
    if ((double)ret_facts->kv_tokens > FACTS_NUMBER_MAX)
        ret_facts->kv_tokens = 0;
    return ret_facts->slots > 0;
}

bool facts_read_slots(struct json_parser *parser, struct span body, uint32_t *ret_running)
{
    struct json_value root, slot, busy;
    struct span key;
    struct err err;
    uint32_t running = 0;
    if (json_parse(parser, body, &root, &err) < 0 || json_kind(root) != JSON_ARRAY ||
        json_count(root) == 0)
        return false;
    struct json_walk walk = json_walk(root);
    while (json_walk_next(&walk, &key, &slot)) {
        if (json_kind(slot) != JSON_OBJECT || !json_get(slot, SPAN("is_processing"), &busy) ||
            json_kind(busy) != JSON_BOOL)
            return false;
        running += json_bool(busy);
    }
    *ret_running = running;
    return true;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

enum page { METRICS, PROPS, PAGES };

struct asker {
    struct facts_watch *watch;
    struct backend *backend;
    struct relay_call *call;
    enum page page; /* that is asked for, or comes next */
    uint64_t next_ms, give_up_ms;
    bool answered;            /* it said something the last time */
    bool has_metrics;         /* … and that was a page of metrics */
    bool size_asked;          /* /props was looked at for what metrics do not say */
    struct engine_facts size; /* what it said */
    unsigned status;
    struct buf body;
};

struct facts_watch {
    struct loop *loop;
    struct relay *relay;
    struct json_parser *parser;
    struct tick *tick;
    struct asker *askers;
    size_t askers_count;
};

static const struct relay_events events;

static void ask(struct asker *asker, uint64_t now_ms)
{
    static const struct span paths[PAGES] = {SPAN("/metrics"), SPAN("/props")};
    struct relay_ask what = {.method = SPAN("GET"), .path = paths[asker->page]};
    buf_release(&asker->body);
    buf_init(&asker->body, FACTS_PAGE_BYTES_MAX + JSON_PADDING);
    asker->status = 0;
    asker->give_up_ms = now_ms + FACTS_TIMEOUT_MS;
    bool idle = atomic_load_explicit(&asker->backend->in_flight, memory_order_relaxed) == 0;
    asker->next_ms = now_ms + (idle ? FACTS_IDLE_MS : FACTS_EVERY_MS);
    asker->call = relay_call_new_to(asker->watch->relay, asker->backend, &what, &events, asker);
}

/* This page says nothing. If it did so before it is asked once more, since an engine with much to do may be late; else the other one is next, or, after
 * both, a pause. */
static void turn_page(struct asker *asker)
{
    if (asker->answered) {
        asker->answered = false;
        return;
    }
    if (asker->page == METRICS)
        asker->has_metrics = false;
    asker->page = (asker->page + 1) % PAGES;
    bool nothing = asker->page == METRICS && !asker->has_metrics;
    asker->next_ms = nothing ? loop_now_ms(asker->watch->loop) + FACTS_AGAIN_MS : 0;
}

/* Page and facts together say all that there is: llama.cpp tells how large it is in /props alone, which does not change while it runs. */
static void complete(struct asker *asker, struct engine_facts *facts)
{
    if (asker->page == PROPS) {
        asker->size = *facts;
        if (asker->has_metrics) {
            asker->page = METRICS;
            *facts = backend_facts(asker->backend);
            facts->slots = asker->size.slots;
            facts->kv_tokens = asker->size.kv_tokens;
        }
        return;
    }
    asker->has_metrics = true;
    if (facts->slots > 0 || facts->kv_tokens > 0)
        return;
    facts->slots = asker->size.slots;
    facts->kv_tokens = asker->size.kv_tokens;
    if (!asker->size_asked)
        asker->page = PROPS;
    asker->size_asked = true;
}

static int on_head(void *owner, unsigned status, const struct http_response *head)
{
    struct asker *asker = owner;
    (void)head;
    asker->status = status;
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct asker *asker = owner;
    buf_append(&asker->body, span_of(bytes, len));
    return buf_status(&asker->body);
}

static void on_done(void *owner)
{
    struct asker *asker = owner;
    struct engine_facts facts;
    bool read = false;
    relay_call_free(TAKE(asker->call));
    if (asker->status == 200 && buf_reserve(&asker->body, JSON_PADDING) == 0)
        read = asker->page == METRICS
                   ? facts_read_metrics(buf_span(&asker->body), &facts)
                   : facts_read_props(asker->watch->parser, buf_span(&asker->body), &facts);
    buf_release(&asker->body);
    if (!read) {
        turn_page(asker);
        return;
    }
    asker->answered = true;
    complete(asker, &facts);
    facts.at_ms = loop_now_ms(asker->watch->loop);
    backend_set_facts(asker->backend, &facts);
}

static void on_failed(void *owner, enum relay_failure failure, const struct err *detail)
{
    struct asker *asker = owner;
    (void)failure;
    (void)detail;
    relay_call_free(TAKE(asker->call));
    buf_release(&asker->body);
    turn_page(asker);
}

static const struct relay_events events = {on_head, on_body, on_done, on_failed};

/* Another engine may come back. */
static void forget(struct asker *asker)
{
    asker->next_ms = 0;
    asker->page = METRICS;
    asker->answered = asker->has_metrics = asker->size_asked = false;
    asker->size = (struct engine_facts){0};
}

static void look_after(struct asker *asker, uint64_t now_ms)
{
    if (asker->call && now_ms >= asker->give_up_ms) {
        relay_cancel(TAKE(asker->call));
        turn_page(asker);
    }
    if (asker->call)
        return;
    if (!backend_takes_calls(asker->backend, now_ms))
        forget(asker);
    else if (now_ms >= asker->next_ms)
        ask(asker, now_ms);
}

static void on_tick(void *arg)
{
    struct facts_watch *watch = arg;
    for (size_t i = 0; i < watch->askers_count; i++)
        look_after(&watch->askers[i], loop_now_ms(watch->loop));
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void askers_free(struct asker *askers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        relay_cancel(TAKE(askers[i].call));
        buf_release(&askers[i].body);
        pool_unref(askers[i].backend->pool);
    }
    mem_free(askers);
}

struct facts_watch *facts_watch_new(struct loop *loop)
{
    struct facts_watch *watch = mem_zalloc(sizeof(*watch));
    if (!watch)
        return NULL;
    watch->loop = loop;
    watch->relay = relay_new(loop, HEAD_BYTES_MAX);
    watch->parser = json_parser_new(FACTS_PAGE_BYTES_MAX, DEPTH_MAX);
    if (watch->relay && watch->parser)
        watch->tick = tick_new(loop, TICK_MS, on_tick, watch);
    if (!watch->tick) {
        facts_watch_free(watch);
        return NULL;
    }
    return watch;
}

void facts_watch_free(struct facts_watch *watch)
{
    if (!watch)
        return;
    tick_free(watch->tick);
    askers_free(watch->askers, watch->askers_count);
    relay_free(watch->relay);
    json_parser_free(watch->parser);
    mem_free(watch);
}

int facts_watch_set(struct facts_watch *watch, struct pool *const *pools, size_t count)
{
    size_t backends = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        backends += pools[i]->backends_count;
    struct asker *askers = mem_array(MAX(backends, (size_t)1), sizeof(*askers));
    if (!askers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < pools[i]->backends_count; k++, at++) {
            askers[at].watch = watch;
            askers[at].backend = &pool_ref(pools[i])->backends[k];
            buf_init(&askers[at].body, FACTS_PAGE_BYTES_MAX + JSON_PADDING);
        }
    askers_free(watch->askers, watch->askers_count);
    watch->askers = askers;
    watch->askers_count = backends;
    relay_forget_idle(watch->relay);
    return 0;
}
