/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What engines say of themselves: how many calls they run at once, how large their KV cache is, how full both are. The limiter of each backend learns without it;
 * with it, it starts near the truth.
 *
 * A watch asks each backend each FACTS_EVERY_MS for `/metrics` (vLLM, SGLang, llama.cpp when told to) and, where that is no page of an engine, for `/props`
 * (llama.cpp). Of an engine whose metrics do not say how large it is, `/props` is asked for too, once. A backend that has neither is asked again after FACTS_AGAIN_MS; one that takes no calls is not asked, and asked at once when it is back. Nothing
 * here judges a backend: that is health.h's. Numbers that cannot be (negative, not finite, beyond FACTS_NUMBER_MAX) count as not said; sums over the engines
 * behind one address end there.
 */
#pragma once

#include "dialect/json_dom.h"
#include "loop/loop.h"
#include "relay/pool.h"

#define FACTS_EVERY_MS 500
#define FACTS_IDLE_MS 5000 /* while it has no call of ours */
#define FACTS_AGAIN_MS 30000
#define FACTS_TIMEOUT_MS 2000
#define FACTS_PAGE_BYTES_MAX 1048576
#define FACTS_NUMBER_MAX 1e9

struct facts_watch;

/* NULL when out of memory. */
struct facts_watch *facts_watch_new(struct loop *loop) must_check;
void facts_watch_free(struct facts_watch *watch);
/* These pools from now on (a reference to each). 0 or -ENOMEM (then those of before). */
int facts_watch_set(struct facts_watch *watch, struct pool *const *pools, size_t count) must_check;

/* A page in Prometheus' text format; a last line without its end is not read. False when no line of it is one that an engine of ours has. Pure. */
bool facts_read_metrics(struct span page, struct engine_facts *ret_facts);
/* llama.cpp's `/props`. False when it is none. */
bool facts_read_props(struct json_parser *parser, struct span body, struct engine_facts *ret_facts);
/* How many calls an engine works on, by llama.cpp's `/slots`. False when it is none. */
bool facts_read_slots(struct json_parser *parser, struct span body, uint32_t *ret_running);
