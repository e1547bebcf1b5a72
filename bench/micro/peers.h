/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other libraries do with the same JSON: read it whole, with UTF-8 checked; and write it again with another `model`. None of them refuses what
 * inference_read() refuses beyond the grammar; jansson refuses duplicate keys, the others let them pass. They keep what a reader may keep: parser and
 * buffers. The functions end the program when something does not work.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

#define PEER_WRITTEN_BYTES_MAX (256U << 10)

/* `text` is followed by 64 readable bytes. */
void peer_simdjson_read(struct span text);
void peer_jansson_read(struct span text);
void peer_jansson_rewrite(struct span text);
#ifdef BENCH_RAPIDJSON
void peer_rapidjson_read(struct span text);
void peer_rapidjson_rewrite(struct span text);
#endif

C_LINKAGE_END
