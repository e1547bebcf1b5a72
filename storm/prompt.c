/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/prompt.h"

#include "base/alloc.h"
#include "base/chance.h"
#include "base/text.h"

#define TEXT_BYTES (1U << 20)
#define WORD_BYTES_MAX 12

static const char *const words[] = {
    "the",     "of",      "a",       "to",      "is",     "in",     "and",    "that",   "it",
    "for",     "with",    "as",      "by",      "from",   "this",   "which",  "one",    "when",
    "explain", "compare", "write",   "why",     "how",    "list",   "short",  "long",   "please",
    "harbour", "sea",     "breaker", "current", "tides",  "stones", "masons", "engine", "number",
    "between", "before",  "after",   "letters", "recipe", "travel", "story",  "python", "answer",
};

int prompt_text_init(struct prompt_text *text, uint64_t seed)
{
    struct chance chance = chance_of(seed);
    text->bytes = mem_alloc(TEXT_BYTES);
    if (!text->bytes)
        return -ENOMEM;
    size_t len = 0;
    while (len + WORD_BYTES_MAX < TEXT_BYTES) {
        const char *word = words[chance_u64(&chance) % COUNT_OF(words)];
        size_t word_len = strlen(word);
        text->bytes[len] = ' ';
        memcpy(text->bytes + len + 1, word, word_len);
        len += 1 + word_len;
    }
    memset(text->bytes + len, ' ', TEXT_BYTES - len);
    return 0;
}

void prompt_text_release(struct prompt_text *text)
{
    mem_free(text->bytes);
    text->bytes = NULL;
}

void prompt_write(const struct prompt_text *text, uint64_t seed, size_t bytes, struct buf *buf)
{
    char name[TEXT_BASE62_U64];
    bytes = MIN(bytes, (size_t)PROMPT_BYTES_MAX);
    text_base62(seed, name);
    size_t named = MIN(bytes, sizeof(name));
    buf_append(buf, span_of(name, named));
    size_t at = (size_t)(chance_seed(seed, 0) % (TEXT_BYTES - WORD_BYTES_MAX));
    while (text->bytes[at] != ' ')
        at++;
    for (bytes -= named; bytes > 0;) {
        size_t piece = MIN(bytes, (size_t)TEXT_BYTES - at);
        buf_append(buf, span_of(text->bytes + at, piece));
        bytes -= piece;
        at = 0;
    }
}
