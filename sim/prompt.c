/* SPDX-License-Identifier: Apache-2.0 */
#include "prompt.h"

#include <math.h>

#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

void prompt_init(struct prompt *prompt, const struct preset *preset)
{
    size_t blocks_max = preset->model.context_tokens / preset->kv.block_tokens + 1;
    *prompt = (struct prompt){
        .block_bytes = preset->kv.block_tokens * preset->model.bytes_per_token,
        .bytes_per_token = preset->model.bytes_per_token,
        .hash = FNV_START,
    };
    prompt->border = (uint64_t)prompt->block_bytes;
    buf_init(&prompt->hashes, blocks_max * sizeof(uint64_t));
}

void prompt_release(struct prompt *prompt)
{
    buf_release(&prompt->hashes);
}

static uint64_t hash_on(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * FNV_PRIME;
    return hash;
}

void prompt_feed(struct prompt *prompt, struct span bytes)
{
    while (bytes.len > 0) {
        struct span piece = span_take(bytes, prompt->border - prompt->bytes);
        prompt->hash = hash_on(prompt->hash, piece);
        prompt->bytes += piece.len;
        bytes = span_skip(bytes, piece.len);
        if (prompt->bytes < prompt->border)
            return;
        prompt->blocks++;
        buf_append(&prompt->hashes, span_of(&prompt->hash, sizeof(prompt->hash)));
        prompt->border = (uint64_t)((prompt->blocks + 1.0) * prompt->block_bytes);
    }
}

uint32_t prompt_tokens(const struct prompt *prompt)
{
    double tokens = ceil((double)prompt->bytes / prompt->bytes_per_token);
    return tokens < 1 ? 1 : tokens < UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
}

uint32_t prompt_hashes(const struct prompt *prompt, const uint64_t **ret_hashes)
{
    *ret_hashes = (const void *)prompt->hashes.ptr;
    return (uint32_t)(prompt->hashes.len / sizeof(uint64_t));
}
