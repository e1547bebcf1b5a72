/* SPDX-License-Identifier: Apache-2.0 */
/* One backend's counters and its breaker. Relaxed order is enough everywhere: each number stands
 * for itself. */
#include "relay/backend.h"

#include "base/alloc.h"
#include "relay/tls.h"

#define API_KEY_BYTES_MAX 8192
#define FIRST_BYTE_MEAN_OF 8 /* weight of the past in the smoothed mean */

static char *copy_span(struct span text)
{
    char *copy = mem_alloc(text.len + 1);
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* RFC 9110 section 5.5: what would end a header field may not be in its value. */
static bool is_header_value(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    return true;
}

/* The system's certificates take 20 ms to read and some MB to hold: once for each pool. */
static int set_tls(struct backend *backend, struct span ca_pem, struct err *err)
{
    backend->system_ca = span_is_null(ca_pem);
    for (size_t i = 0; backend->system_ca && i < backend->index && !backend->tls; i++) {
        const struct backend *other = &backend->pool->backends[i];
        if (other->tls && other->system_ca)
            backend->tls = tls_context_ref(other->tls);
    }
    if (!backend->tls)
        backend->tls = tls_context_new(ca_pem, err);
    return backend->tls ? 0 : err_prefix(err, -EINVAL, "TLS for '%s'", backend->url.authority);
}

int backend_init(struct backend *backend, const struct backend_spec *spec, struct err *err)
{
    int result = url_parse(spec->url, &backend->url, err);
    if (result < 0)
        return result;
    if (spec->weight == 0)
        return err_set(err, -EINVAL, "the weight of '%s' is 0: leave the backend out instead",
                       backend->url.authority);
    if (spec->api_key.len > API_KEY_BYTES_MAX)
        return err_set(err, -EINVAL, "the API key of '%s' is longer than %d bytes",
                       backend->url.authority, API_KEY_BYTES_MAX);
    if (!is_header_value(spec->api_key))
        return err_set(err, -EINVAL, "the API key of '%s' has a space or a control character in it",
                       backend->url.authority);
    backend->weight = spec->weight;
    backend->embedded = spec->embedded;
    backend->url_text = copy_span(spec->url);
    if (!backend->url_text)
        return err_set(err, -ENOMEM, "out of memory");
    if (!span_is_null(spec->api_key)) {
        backend->api_key = copy_span(spec->api_key);
        backend->api_key_size = spec->api_key.len + 1;
        if (!backend->api_key)
            return err_set(err, -ENOMEM, "out of memory");
    }
    return backend->url.tls ? set_tls(backend, spec->ca_pem, err) : 0;
}

void backend_release(struct backend *backend)
{
    tls_context_free(backend->tls);
    if (backend->api_key)
        mem_free_secret(backend->api_key, backend->api_key_size);
    mem_free(backend->url_text);
    mem_free(backend->models);
}

struct breaker backend_breaker(const struct backend *backend)
{
    return breaker_unpack(atomic_load_explicit(&backend->breaker, memory_order_relaxed));
}

/* Applies an event; returns the state before it. The word is written only when it changes: most
 * calls find a backend UP and leave its cache line shared. */
static struct breaker breaker_apply(struct backend *backend, enum breaker_event event,
                                    uint64_t now_ms)
{
    uint64_t word = atomic_load_explicit(&backend->breaker, memory_order_relaxed);
    uint64_t next;
    do {
        next = breaker_pack(
            breaker_next(breaker_unpack(word), event, &backend->pool->breaker, now_ms));
    } while (next != word &&
             !atomic_compare_exchange_weak_explicit(&backend->breaker, &word, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return breaker_unpack(word);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void backend_inherit(struct backend *backend, struct backend *former)
{
    /* A trial's call reports to the former backend: here the next call is the trial. */
    struct breaker breaker =
        breaker_next(backend_breaker(former), BREAKER_GIVE_BACK, &backend->pool->breaker, 0);
    atomic_init(&backend->breaker, breaker_pack(breaker));
    atomic_init(&backend->engine, atomic_load_explicit(&former->engine, memory_order_relaxed));
    atomic_init(&backend->first_byte_ms_mean,
                atomic_load_explicit(&former->first_byte_ms_mean, memory_order_relaxed));
    atomic_init(&backend->stop_ms, backend_stop_ms(former));
    atomic_init(&backend->requests, load(&former->requests));
    atomic_init(&backend->failures, load(&former->failures));
    atomic_init(&backend->retries, load(&former->retries));
    atomic_init(&backend->last_good_ms, load(&former->last_good_ms));
    atomic_init(&backend->last_token_ms, load(&former->last_token_ms));

    struct model_list *list = mem_alloc(sizeof(*list));
    if (list && backend_models(former, list))
        (void)!backend_set_models(backend, list); /* without memory the first check finds them */
    mem_free(list);
}

bool backend_take(struct backend *backend, uint64_t now_ms)
{
    /* Exactly one caller sees DOWN before its own TAKE with the pause over. */
    struct breaker before = breaker_apply(backend, BREAKER_TAKE, now_ms);
    if (!breaker_takes_calls(before, now_ms))
        return false;
    atomic_fetch_add_explicit(&backend->in_flight, 1, memory_order_relaxed);
    count(&backend->requests);
    return true;
}

void backend_untake(struct backend *backend, uint64_t now_ms)
{
    atomic_fetch_sub_explicit(&backend->requests, 1, memory_order_relaxed);
    backend_report(backend, BACKEND_CANCELLED, now_ms);
}

void backend_report(struct backend *backend, enum backend_outcome outcome, uint64_t now_ms)
{
    uint32_t before = atomic_fetch_sub_explicit(&backend->in_flight, 1, memory_order_relaxed);
    check(before > 0);
    switch (outcome) {
    case BACKEND_GOOD:
        atomic_store_explicit(&backend->last_good_ms, now_ms, memory_order_relaxed);
        breaker_apply(backend, BREAKER_GOOD, now_ms);
        break;
    case BACKEND_FAILED:
        count(&backend->failures);
        breaker_apply(backend, BREAKER_FAILED, now_ms);
        break;
    case BACKEND_ERROR:
        count(&backend->failures);
        breaker_apply(backend, BREAKER_DOUBT, now_ms);
        break;
    case BACKEND_BUSY:
        breaker_apply(backend, BREAKER_DOUBT, now_ms);
        break;
    case BACKEND_CANCELLED:
        breaker_apply(backend, BREAKER_GIVE_BACK, now_ms);
        break;
    }
}

void backend_answered(struct backend *backend, uint64_t first_byte_ms, uint64_t now_ms)
{
    uint32_t sample = (uint32_t)MIN(first_byte_ms, (uint64_t)UINT32_MAX / FIRST_BYTE_MEAN_OF);
    uint32_t mean = atomic_load_explicit(&backend->first_byte_ms_mean, memory_order_relaxed);
    /* Two workers at once may lose one sample of many. */
    mean =
        mean == 0
            ? sample
            : (uint32_t)(((uint64_t)mean * (FIRST_BYTE_MEAN_OF - 1) + sample) / FIRST_BYTE_MEAN_OF);
    atomic_store_explicit(&backend->first_byte_ms_mean, mean, memory_order_relaxed);
    atomic_store_explicit(&backend->last_good_ms, now_ms, memory_order_relaxed);
    breaker_apply(backend, BREAKER_GOOD, now_ms);
}

void backend_retried(struct backend *backend)
{
    count(&backend->retries);
}

void backend_probed(struct backend *backend, bool good, uint64_t now_ms)
{
    breaker_apply(backend, good ? BREAKER_PROBE_GOOD : BREAKER_PROBE_FAILED, now_ms);
}

void backend_saw_token(struct backend *backend, uint64_t now_ms)
{
    atomic_store_explicit(&backend->last_token_ms, now_ms, memory_order_relaxed);
}

bool backend_takes_calls(const struct backend *backend, uint64_t now_ms)
{
    return breaker_takes_calls(backend_breaker(backend), now_ms);
}

struct engine_facts backend_facts(struct backend *backend)
{
    check(pthread_mutex_lock(&backend->pool->models_lock) == 0);
    struct engine_facts facts = backend->facts;
    check(pthread_mutex_unlock(&backend->pool->models_lock) == 0);
    return facts;
}

void backend_set_facts(struct backend *backend, const struct engine_facts *facts)
{
    check(pthread_mutex_lock(&backend->pool->models_lock) == 0);
    backend->facts = *facts;
    check(pthread_mutex_unlock(&backend->pool->models_lock) == 0);
}

uint32_t backend_stop_ms(const struct backend *backend)
{
    return atomic_load_explicit(&backend->stop_ms, memory_order_relaxed);
}

void backend_set_stop_ms(struct backend *backend, uint32_t stop_ms)
{
    atomic_store_explicit(&backend->stop_ms, stop_ms, memory_order_relaxed);
}

void backend_set_engine(struct backend *backend, enum engine_kind kind)
{
    atomic_store_explicit(&backend->engine, (uint32_t)kind, memory_order_relaxed);
}

void backend_view(const struct backend *backend, struct backend_view *ret_view)
{
    struct breaker breaker = backend_breaker(backend);
    *ret_view = (struct backend_view){
        .url = span_str(backend->url_text),
        .state = breaker.state,
        .engine = (enum engine_kind)atomic_load_explicit(&backend->engine, memory_order_relaxed),
        .weight = backend->weight,
        .in_flight = atomic_load_explicit(&backend->in_flight, memory_order_relaxed),
        .failures_in_row = breaker.failures,
        .requests = load(&backend->requests),
        .failures = load(&backend->failures),
        .retries = load(&backend->retries),
        .last_good_ms = load(&backend->last_good_ms),
        .last_token_ms = load(&backend->last_token_ms),
        .first_byte_ms_mean =
            atomic_load_explicit(&backend->first_byte_ms_mean, memory_order_relaxed),
        .stop_ms = backend_stop_ms(backend),
        .embedded = backend->embedded,
    };
}
