/* SPDX-License-Identifier: Apache-2.0 */
/* See lost.h. */
#include "record/lost.h"

#include "base/buf.h"

/* 0 when there is nothing beyond; *ret_behind becomes true when the mark is ahead. */
static uint64_t beyond(uint64_t tally, uint64_t mark, bool *ret_behind)
{
    *ret_behind |= mark > tally;
    return tally > mark ? tally - mark : 0;
}

void lost_add(struct lost *lost, const struct tally_slot *tally, const struct store_mark *mark)
{
    lost->requests += beyond(tally->requests, mark->requests, &lost->at_least);
    lost->tokens += beyond(tally->prompt_tokens, mark->prompt_tokens, &lost->at_least);
    lost->tokens += beyond(tally->completion_tokens, mark->completion_tokens, &lost->at_least);
}

void lost_add_calls(struct lost *lost, const struct tally_slot *tally)
{
    lost->calls += beyond(tally->calls_begun, tally->calls_ended, &lost->at_least);
}

bool lost_nothing(const struct lost *lost)
{
    return lost->calls == 0 && lost->requests == 0 && lost->tokens == 0;
}

/* "1 call", "3 calls". */
static void append_count(struct buf *buf, uint64_t count, const char *thing)
{
    buf_printf(buf, "%llu %s%s", (unsigned long long)count, thing, count == 1 ? "" : "s");
}

void lost_write(const struct lost *lost, struct err *ret_sentence)
{
    ret_sentence->text[0] = '\0';
    if (lost_nothing(lost))
        return;
    struct buf buf;
    buf_init(&buf, sizeof(ret_sentence->text));
    buf_append(&buf, SPAN("the last life ended without notice: "));
    if (lost->calls > 0) {
        append_count(&buf, lost->calls, "call");
        buf_append(&buf, lost->calls == 1 ? SPAN(" was under way") : SPAN(" were under way"));
    }
    if (lost->requests > 0 || lost->tokens > 0) {
        buf_append(&buf, lost->calls > 0 ? SPAN("; ") : SPAN(""));
        buf_append(&buf, lost->at_least ? SPAN("at least ") : SPAN(""));
        append_count(&buf, lost->requests, "finished request");
        buf_append(&buf, SPAN(" with "));
        append_count(&buf, lost->tokens, "token");
        buf_append(&buf, SPAN(" had not reached the ledger"));
    }
    err_set(ret_sentence, 0, "%s",
            buf_status(&buf) == 0 ? buf_cstr(&buf) : "the last life ended without notice");
    buf_release(&buf);
}
