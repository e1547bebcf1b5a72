/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include "base/alloc.h"
#include "base/chance.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "base/random.h"
#include "http/sse.h"
#include "probe_event.h"
#include "words.h"

#include <curl/curl.h>

#define CONNECT_SECONDS_MAX 10L
#define GET_SECONDS_MAX 20L
#define WAIT_MS_MAX 50
#define URL_BYTES_MAX 1024
#define HEADER_BYTES_MAX 1024
#define REQUEST_BYTES_MAX (8u << 20)

struct probe {
    struct buf root; /* the URL without /v1 and without a slash at its end */
    const char *model;
    struct curl_slist *headers;
    CURLM *multi;
    struct chance seeds;
    uint64_t calls_made;
    uint64_t began_us; /* of the run under way */
};

/* One call under way. */
struct transfer {
    struct probe *probe;
    struct probe_call *call;
    CURL *easy;
    struct buf request, body;
    struct sse_splitter splitter;
    bool left;
};

static uint64_t now_us(const struct probe *probe)
{
    return clock_mono_us() - probe->began_us;
}

/* ── the engine ── */

static int add_header(struct probe *probe, const char *text)
{
    struct curl_slist *longer = curl_slist_append(probe->headers, text);
    if (!longer)
        return -ENOMEM;
    probe->headers = longer;
    return 0;
}

static int set_up(struct probe *probe, const char *url, const char *key, struct err *err)
{
    struct span root = span_str(url);
    if (!span_starts(root, SPAN("http://")) && !span_starts(root, SPAN("https://")))
        return err_set(err, -EINVAL, "'%.64s' does not begin with http:// or https://", url);
    while (span_ends(root, SPAN("/")))
        root.len--;
    if (span_ends(root, SPAN("/v1")))
        root.len -= 3;
    buf_append(&probe->root, root);
    char header[HEADER_BYTES_MAX];
    if (key &&
        snprintf(header, sizeof(header), "Authorization: Bearer %s", key) >= (int)sizeof(header))
        return err_set(err, -EINVAL, "the key is too long");
    if (buf_status(&probe->root) < 0)
        return err_set(err, -EINVAL, "the URL is too long");
    if (add_header(probe, "Content-Type: application/json") < 0 ||
        add_header(probe, "Expect:") < 0 || (key && add_header(probe, header) < 0))
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

struct probe *probe_new(const char *url, const char *key, struct err *err)
{
    struct probe *probe = mem_zalloc(sizeof(*probe));
    if (!probe || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        mem_free(probe);
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    buf_init(&probe->root, URL_BYTES_MAX);
    probe->seeds = chance_of(random_u64());
    probe->multi = curl_multi_init();
    if (!probe->multi || set_up(probe, url, key, err) < 0) {
        probe_free(probe);
        return NULL;
    }
    return probe;
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    curl_slist_free_all(probe->headers);
    curl_multi_cleanup(probe->multi);
    buf_release(&probe->root);
    mem_free(probe);
    curl_global_cleanup();
}

void probe_set_model(struct probe *probe, const char *model)
{
    probe->model = model;
}

uint64_t probe_calls_made(const struct probe *probe)
{
    return probe->calls_made;
}

static CURL *open_easy(struct probe *probe, const char *path, struct err *err)
{
    char url[URL_BYTES_MAX * 2];
    (void)snprintf(url, sizeof(url), "%s%s", buf_cstr(&probe->root), path);
    CURL *easy = curl_easy_init();
    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK) {
        err_set(err, -ENOMEM, "out of memory");
        curl_easy_cleanup(easy);
        return NULL;
    }
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, probe->headers);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS_MAX);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    return easy;
}

static size_t append_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct buf *body = arg;
    buf_append(body, span_of(bytes, size * count));
    return buf_status(body) < 0 ? 0 : size * count;
}

int probe_get(struct probe *probe, const char *path, struct buf *body, struct err *err)
{
    CURL *easy = open_easy(probe, path, err);
    if (!easy)
        return -ENOMEM;
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, GET_SECONDS_MAX);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, append_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(easy);
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    if (code != CURLE_OK)
        return err_set(err, -EIO, "GET %s: %s", path, curl_easy_strerror(code));
    return (int)status;
}

/* ── what is asked ── */

/* The first words are of this call alone: a template may put words of its own in front, which are in every cache. */
static void write_prompt(struct json_out *out, struct probe_call *call)
{
    struct buf text;
    char own[40];
    buf_init(&text, REQUEST_BYTES_MAX);
    for (uint32_t i = 0; i < call->words; i++)
        buf_append(&text, words_piece(PRESET_LATIN, call->seed, i));
    (void)snprintf(own, sizeof(own), "%016llx", (unsigned long long)call->seed);
    json_out_open(out, '[');
    json_out_open(out, '{');
    json_out_key(out, SPAN("role"));
    json_out_string(out, SPAN("system"));
    json_out_key(out, SPAN("content"));
    json_out_string(out, span_str(own));
    json_out_close(out, '}');
    json_out_open(out, '{');
    json_out_key(out, SPAN("role"));
    json_out_string(out, SPAN("user"));
    json_out_key(out, SPAN("content"));
    json_out_string(out, buf_span(&text));
    json_out_close(out, '}');
    json_out_close(out, ']');
    call->prompt_bytes = text.len + strlen(own);
    if (buf_status(&text) < 0)
        out->buf->failed = buf_status(&text);
    buf_release(&text);
}

static int write_request(const struct probe *probe, struct probe_call *call, struct buf *body)
{
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("model"));
    json_out_string(&out, span_str(probe->model));
    json_out_key(&out, SPAN("messages"));
    write_prompt(&out, call);
    json_out_key(&out, SPAN("max_tokens"));
    json_out_u64(&out, call->output_tokens);
    json_out_key(&out, SPAN("ignore_eos"));
    json_out_bool(&out, true);
    if (call->choices > 1) {
        json_out_key(&out, SPAN("n"));
        json_out_u64(&out, call->choices);
    }
    json_out_key(&out, SPAN("stream"));
    json_out_bool(&out, !call->unstreamed);
    if (!call->unstreamed) {
        json_out_key(&out, SPAN("stream_options"));
        json_out_raw(&out, SPAN("{\"include_usage\":true}"));
    }
    json_out_close(&out, '}');
    return buf_status(body);
}

/* ── what comes ── */

static void take_facts(struct probe_call *call, const struct probe_event *event)
{
    call->prompt_tokens = MAX(call->prompt_tokens, event->prompt_tokens);
    call->cached_tokens = MAX(call->cached_tokens, event->cached_tokens);
    call->output_counted = MAX(call->output_counted, event->output_tokens);
}

static int on_event(void *owner, struct span data, struct span type)
{
    struct transfer *transfer = owner;
    struct probe_call *call = transfer->call;
    struct probe_event event;
    (void)type;
    if (span_eq(data, SPAN("[DONE]")))
        return 0;
    int r = probe_event_read(data, &event);
    if (r < 0)
        return r;
    take_facts(call, &event);
    if (!event.has_text)
        return 0;
    if (call->events < PROBE_TOKENS_MAX)
        call->event_us[call->events++] = now_us(transfer->probe);
    transfer->left = call->leave_tokens > 0 && call->events >= call->leave_tokens;
    return transfer->left ? -ECANCELED : 0;
}

static int on_comment(void *owner, struct span text)
{
    (void)owner;
    (void)text;
    return 0;
}

static const struct sse_events splitter_events = {on_event, on_comment};

/* libcurl's bytes have no room behind them, but the reader of events needs none. */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->call->unstreamed || status != 200) {
        buf_append(&transfer->body, span_of(bytes, len));
        return buf_status(&transfer->body) < 0 ? 0 : len;
    }
    return sse_splitter_feed(&transfer->splitter, span_of(bytes, len)) < 0 ? 0 : len;
}

/* ── one call ── */

static int start_transfer(struct transfer *transfer, struct probe *probe, struct probe_call *call,
                          struct err *err)
{
    *transfer = (struct transfer){.probe = probe, .call = call};
    buf_init(&transfer->request, REQUEST_BYTES_MAX);
    buf_init(&transfer->body, PROBE_BODY_BYTES_MAX);
    sse_splitter_init(&transfer->splitter, PROBE_BODY_BYTES_MAX, &splitter_events, transfer);
    call->seed = call->seed ? call->seed : chance_u64(&probe->seeds);
    call->event_us = mem_array(PROBE_TOKENS_MAX, sizeof(*call->event_us));
    transfer->easy = open_easy(probe, "/v1/chat/completions", err);
    if (!transfer->easy || !call->event_us || write_request(probe, call, &transfer->request) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    CURL *easy = transfer->easy;
    long milliseconds =
        call->leave_us ? (long)(call->leave_us / 1000) + 1 : PROBE_CALL_SECONDS_MAX * 1000L;
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->request.len);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_cstr(&transfer->request));
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    call->sent_us = now_us(probe);
    probe->calls_made++;
    return curl_multi_add_handle(probe->multi, easy) == CURLM_OK
               ? 0
               : err_set(err, -ENOMEM, "out of memory");
}

static void why(struct probe_call *call, const char *what, struct span more)
{
    (void)snprintf(call->why, sizeof(call->why), "%s%.*s", what, (int)MIN(more.len, (size_t)120),
                   more.len ? more.ptr : "");
}

static void judge(struct transfer *transfer, CURLcode code)
{
    struct probe_call *call = transfer->call;
    struct probe_event event;
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    call->ended_us = now_us(transfer->probe);
    if (transfer->left || (code == CURLE_OPERATION_TIMEDOUT && call->leave_us > 0)) {
        call->whole = true;
    } else if (code != CURLE_OK) {
        why(call, curl_easy_strerror(code), SPAN_NULL);
    } else if (status != 200) {
        char text[32];
        (void)snprintf(text, sizeof(text), "status %ld: ", status);
        why(call, text, buf_span(&transfer->body));
    } else if (call->unstreamed) {
        call->whole = probe_event_read(buf_span(&transfer->body), &event) == 0;
        if (call->whole)
            take_facts(call, &event);
    } else {
        call->whole = call->events > 0 && call->output_counted > 0;
    }
    if (!call->whole && !call->why[0])
        why(call, "an answer without text or without usage", SPAN_NULL);
}

static void end_transfer(struct transfer *transfer)
{
    if (transfer->easy) {
        (void)curl_multi_remove_handle(transfer->probe->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    buf_release(&transfer->request);
    buf_release(&transfer->body);
    sse_splitter_release(&transfer->splitter);
    transfer->easy = NULL;
}

/* ── all of them ── */

static size_t end_finished(struct probe *probe)
{
    size_t ended = 0;
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(probe->multi, &left))) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct transfer *transfer = (struct transfer *)(void *)private;
        judge(transfer, code);
        end_transfer(transfer);
        ended++;
    }
    return ended;
}

/* How long the next call may be waited for. */
static int wait_ms(const struct probe *probe, const struct probe_call *next)
{
    if (!next)
        return WAIT_MS_MAX;
    uint64_t now = now_us(probe);
    return next->at_us <= now ? 0 : (int)MIN((next->at_us - now) / 1000, (uint64_t)WAIT_MS_MAX);
}

static int play(struct probe *probe, struct transfer *transfers, struct probe_call *calls,
                size_t count, struct err *err)
{
    size_t started = 0, ended = 0;
    int running;
    probe->began_us = clock_mono_us();
    while (ended < count) {
        while (started < count && calls[started].at_us <= now_us(probe)) {
            int r = start_transfer(&transfers[started], probe, &calls[started], err);
            started++;
            if (r < 0)
                return r;
        }
        (void)curl_multi_perform(probe->multi, &running);
        ended += end_finished(probe);
        if (ended < count)
            (void)curl_multi_poll(probe->multi, NULL, 0,
                                  wait_ms(probe, started < count ? &calls[started] : NULL), NULL);
    }
    return 0;
}

int probe_run(struct probe *probe, struct probe_call *calls, size_t count, struct err *err)
{
    if (count > PROBE_CALLS_MAX)
        return err_set(err, -EINVAL, "more than %d calls at once", PROBE_CALLS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (calls[i].words > PROBE_WORDS_MAX || calls[i].output_tokens < 1 ||
            calls[i].output_tokens > PROBE_TOKENS_MAX ||
            (i > 0 && calls[i].at_us < calls[i - 1].at_us))
            return err_set(err, -EINVAL, "call %zu is out of range", i);
    }
    struct transfer *transfers = mem_array(count, sizeof(*transfers));
    if (!transfers)
        return err_set(err, -ENOMEM, "out of memory");
    int r = play(probe, transfers, calls, count, err);
    for (size_t i = 0; i < count; i++) {
        if (transfers[i].easy)
            end_transfer(&transfers[i]);
    }
    mem_free(transfers);
    return r;
}

void probe_calls_release(struct probe_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(calls[i].event_us);
        calls[i].event_us = NULL;
    }
}
