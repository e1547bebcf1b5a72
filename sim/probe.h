/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to an engine that runs, many at once, and the moment at which each token came: what calibration measures with.
 *
 * Chat completions of a chosen length on both sides: the prompt is of common words, begins in its own way, so that no
 * prefix cache helps, and `ignore_eos` holds the answer to its length. Every call has a connection of its own. libcurl
 * does the HTTP, since engines also stand behind https, proxies and names; its multi interface needs no loop here,
 * where the only work is to wait for the calls.
 *
 * Blocks until all calls have ended. Belongs to one thread; one at a time in a process that has more.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define PROBE_CALLS_MAX 512
#define PROBE_TOKENS_MAX 4096 /* of one answer */
#define PROBE_WORDS_MAX 200000
#define PROBE_BODY_BYTES_MAX (1u << 20) /* of an answer that is not streamed, and of one event */
#define PROBE_CALL_SECONDS_MAX 300
#define PROBE_WHY_BYTES 200

struct probe;

struct probe_call {
    /* asked for */
    uint64_t at_us;         /* from the start of the run */
    uint32_t words;         /* of the prompt, at most PROBE_WORDS_MAX */
    uint32_t output_tokens; /* 1 to PROBE_TOKENS_MAX */
    uint32_t choices;       /* 0 is 1 */
    uint64_t seed;          /* of the words; 0: one that was not used before */
    bool unstreamed;
    uint32_t leave_tokens; /* hang up when so many tokens came; 0: stay */
    uint64_t leave_us;     /* hang up so long after sending; 0: stay */

    /* what came: times from the start of the run */
    bool whole;                /* the answer ended in good form, or was left as asked */
    char why[PROBE_WHY_BYTES]; /* it is not */
    uint64_t sent_us, ended_us;
    uint32_t prompt_tokens, cached_tokens, output_counted; /* the engine's count */
    uint64_t prompt_bytes;
    uint32_t events;    /* that brought text */
    uint64_t *event_us; /* their times; the call's own, see probe_calls_release() */
};

/* `url`: of the API with or without /v1. `key` may be NULL. NULL and *err: out of memory, or a URL that is none. */
struct probe *probe_new(const char *url, const char *key, struct err *err) must_check;
void probe_free(struct probe *probe);
/* What calls ask for; lives as long as the probe. */
void probe_set_model(struct probe *probe, const char *model);

/* Plays the calls and fills them in. 0 even when some failed (`whole` tells); -ENOMEM, or -EINVAL beyond the limits. */
int probe_run(struct probe *probe, struct probe_call *calls, size_t count,
              struct err *err) must_check;
/* Frees what the run put into the calls. */
void probe_calls_release(struct probe_call *calls, size_t count);

/* GET of `path` below the API's root ("/v1/models", "/metrics"): the status, and the body behind what is in `body`.
 * -EIO when nobody answered. */
int probe_get(struct probe *probe, const char *path, struct buf *body, struct err *err) must_check;

uint64_t probe_calls_made(const struct probe *probe);
