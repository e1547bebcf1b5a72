/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include "base/reason.h"
#include "member.h"
#include "words.h"

/* ── pieces ── */

/* A row's name, and its first text. */
static void begin_row(struct buf *text, const char *name)
{
    buf_printf(text, "%-10s", name);
}

static void append_member(struct buf *text, const json_t *line, const char *name)
{
    words_append_clean(text, span_str(member_text(line, name, "?")));
}

static bool has(const json_t *line, const char *name)
{
    return json_object_get(line, name) != NULL;
}

static bool is(const json_t *line, const char *name, const char *value)
{
    return strcmp(member_text(line, name, ""), value) == 0;
}

static void append_ms(struct buf *text, uint64_t us)
{
    buf_printf(text, "%.1f ms", (double)us / 1000);
}

/* "7", "1,234", "-1,234" */
static void append_amount(struct buf *text, const json_t *line, const char *name)
{
    char digits[32];
    json_int_t value = json_integer_value(json_object_get(line, name));
    if (value < 0)
        buf_append_byte(text, '-');
    words_number(value < 0 ? -(uint64_t)value : (uint64_t)value, digits);
    buf_append(text, span_str(digits));
}

/* ── rows ── */

static void write_caller(struct buf *text, const json_t *line, const char *key_name)
{
    begin_row(text, "caller");
    if (has(line, "key")) {
        buf_append(text, SPAN("key "));
        append_member(text, line, "key");
        if (key_name) {
            buf_append(text, SPAN(" ("));
            words_append_clean(text, span_str(key_name));
            buf_append_byte(text, ')');
        }
    } else {
        buf_append(text, SPAN("no key"));
    }
    if (has(line, "peer")) {
        buf_append(text, SPAN(", address "));
        append_member(text, line, "peer");
        buf_append(text, SPAN(" (hashed)"));
    }
    if (has(line, "agent")) {
        buf_append(text, SPAN(", "));
        append_member(text, line, "agent");
    }
    buf_append_byte(text, '\n');
}

static void write_asked(struct buf *text, const json_t *line)
{
    if (!has(line, "method") && !has(line, "model"))
        return;
    begin_row(text, "asked");
    if (has(line, "method")) {
        append_member(text, line, "method");
        buf_append_byte(text, ' ');
        append_member(text, line, "path");
    }
    if (has(line, "model")) {
        buf_append(text, SPAN(", model "));
        append_member(text, line, "model");
    }
    buf_append(text, member_is_true(line, "stream") ? SPAN(", as a stream\n") : SPAN("\n"));
}

static void write_price(struct buf *text, const json_t *line)
{
    if (!has(line, "class"))
        return;
    begin_row(text, "price");
    append_amount(text, line, "price");
    buf_append(text, SPAN(" weighted tokens: "));
    append_amount(text, line, "price_prompt");
    buf_append(text, SPAN(" of the prompt, as estimated, and "));
    append_amount(text, line, "price_answer");
    buf_append(text, SPAN(" of the answer, as predicted, which count double\n"));
}

static void append_budget(struct buf *text, const json_t *line)
{
    append_amount(text, line, "balance");
    buf_append(text, SPAN(" weighted tokens then, "));
    append_amount(text, line, "budget_hour");
    buf_append(text, SPAN(" more each hour"));
}

/* What its promise or the ticket that it brought was worth; NULL: it had neither, or was due. */
static const char *ticket_words(const json_t *line)
{
    static const struct {
        const char *name, *words;
    } tickets[] = {{"early", "it came before its time"},
                   {"late", "its ticket had expired"},
                   {"used", "its ticket had been used before"},
                   {"forged", "its ticket was none that was given to it"}};
    for (size_t i = 0; i < COUNT_OF(tickets); i++)
        if (is(line, "ticket", tickets[i].name))
            return tickets[i].words;
    return NULL;
}

static void append_why(struct buf *text, const json_t *line)
{
    const char *ticket = ticket_words(line);
    if (is(line, "class", "in_profile")) {
        buf_append(text, SPAN("within the budget that its caller earned ("));
        append_budget(text, line);
        buf_append(text, member_is_true(line, "stretched")
                             ? SPAN("), but with more calls at once than its ordinary ones")
                             : SPAN(")"));
    } else if (is(line, "class", "paid")) {
        buf_append(text, SPAN("it came back when it was told to"));
    } else if (has(line, "budget_hour")) {
        buf_append(text, SPAN("its caller's budget was used up ("));
        append_budget(text, line);
        buf_append_byte(text, ')');
    } else {
        buf_append(text, SPAN("its caller had earned no budget"));
    }
    if (ticket)
        buf_printf(text, ", and %s", ticket);
}

static void write_class(struct buf *text, const json_t *line)
{
    const char *ticket = ticket_words(line);
    if (!has(line, "class") && !ticket)
        return;
    begin_row(text, "class");
    if (has(line, "class")) {
        append_member(text, line, "class");
        buf_append(text, SPAN(": "));
        append_why(text, line);
    } else {
        buf_printf(text, "none: %s", ticket);
    }
    buf_append_byte(text, '\n');
}

static void write_limit(struct buf *text, const json_t *line)
{
    if (!has(line, "limit"))
        return;
    begin_row(text, "limit");
    append_member(text, line, "limit");
    buf_append(text, is(line, "reason", "CUT")
                         ? SPAN(": it was used up in the middle of the answer\n")
                         : SPAN(": it left no room for this request\n"));
}

static void write_turn(struct buf *text, const json_t *line)
{
    if (!has(line, "class"))
        return;
    uint64_t ahead = member_number(line, "ahead");
    begin_row(text, "turn");
    append_amount(text, line, "ahead");
    buf_append(text, ahead == 1 ? SPAN(" request waited before it; ")
                                : SPAN(" requests waited before it; "));
    if (!has(line, "queue_us")) {
        buf_append(text, SPAN("it was over before its turn came"));
    } else {
        buf_append(text, has(line, "backend") ? SPAN("its turn came after ")
                                              : SPAN("it was sent away after "));
        append_ms(text, member_number(line, "queue_us"));
    }
    if (member_is_true(line, "siege"))
        buf_append(text, SPAN(", under siege"));
    buf_append_byte(text, '\n');
}

/* What the ladder left away of it, or would have. */
static void write_reduced(struct buf *text, const json_t *line)
{
    uint64_t rungs = member_number(line, "rungs");
    static const struct {
        const char *name, *row;
    } modes[] = {{"reduced", "reduced"}, {"dry_run", "dry run"}};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (!has(line, modes[i].name))
            continue;
        begin_row(text, modes[i].row);
        append_member(text, line, modes[i].name);
        if (rungs > 0)
            buf_printf(text, "; rungs of the ladder that stood when it came: %llu", (unsigned long long)rungs);
        if (i == 0 && has(line, "asked_model")) {
            buf_append(text, SPAN("; the model asked for was "));
            append_member(text, line, "asked_model");
        }
        buf_append_byte(text, '\n');
    }
}

static void write_backend(struct buf *text, const json_t *line)
{
    if (!has(line, "backend"))
        return;
    begin_row(text, "backend");
    append_member(text, line, "backend");
    if (member_is_true(line, "reused")) {
        buf_append(text, SPAN(", on a connection that was there"));
    } else if (has(line, "connect_us")) {
        buf_append(text, SPAN(", connected in "));
        append_ms(text, member_number(line, "connect_us"));
    }
    if (member_number(line, "tries") > 1)
        buf_printf(text, ", after %llu tries", (unsigned long long)member_number(line, "tries"));
    buf_append_byte(text, '\n');
}

static void write_used(struct buf *text, const json_t *line)
{
    begin_row(text, "used");
    append_amount(text, line, "prompt_tokens");
    buf_append(text, SPAN(" tokens of prompt, "));
    append_amount(text, line, "completion_tokens");
    buf_append(text, SPAN(" of answer\n"));
}

static const char *reason_words(const char *name)
{
    if (strcmp(name, "OK") == 0)
        return "answered as asked";
    for (int i = 0; i < REASON_COUNT; i++)
        if (strcmp(reason_info((enum reason)i)->name, name) == 0)
            return reason_info((enum reason)i)->text;
    return "a reason that this tool does not know";
}

static void write_ended(struct buf *text, const json_t *line)
{
    uint64_t status = member_number(line, "status");
    begin_row(text, "ended");
    append_member(text, line, "reason");
    if (status > 0)
        buf_printf(text, ", status %llu", (unsigned long long)status);
    else
        buf_append(text, SPAN(", before an answer had begun"));
    buf_printf(text, ": %s\n", reason_words(member_text(line, "reason", "")));
    if (!has(line, "detail"))
        return;
    begin_row(text, "detail");
    append_member(text, line, "detail");
    buf_append_byte(text, '\n');
}

/* ── when ── */

static void write_moment(struct buf *text, uint64_t us, const char *what)
{
    buf_printf(text, "%12.1f ms  %s\n", (double)us / 1000, what);
}

static void write_times(struct buf *text, const json_t *line)
{
    static const struct {
        const char *name, *what;
    } before[] = {{"head_us", "its head was there"},
                  {"body_us", "its body was there"},
                  {"asked_us", "it asked for its turn"}},
      after[] = {{"first_byte_us", "the engine began to answer"},
                 {"first_token_us", "first token"},
                 {"last_token_us", "last token"},
                 {"total_us", "over"}};
    write_moment(text, 0, "its first byte came");
    for (size_t i = 0; i < COUNT_OF(before); i++)
        if (has(line, before[i].name))
            write_moment(text, member_number(line, before[i].name), before[i].what);
    if (has(line, "asked_us") && has(line, "queue_us"))
        write_moment(text, member_number(line, "asked_us") + member_number(line, "queue_us"),
                     has(line, "backend") ? "its turn came" : "it was sent away");
    for (size_t i = 0; i < COUNT_OF(after); i++)
        if (has(line, after[i].name))
            write_moment(text, member_number(line, after[i].name), after[i].what);
}

void explain_write(const json_t *line, const char *key_name, struct buf *text)
{
    buf_append(text, SPAN("Request "));
    append_member(text, line, "id");
    buf_append(text, SPAN(", over at "));
    append_member(text, line, "time");
    buf_append(text, SPAN("\n\n"));
    write_caller(text, line, key_name);
    write_asked(text, line);
    write_price(text, line);
    write_class(text, line);
    write_limit(text, line);
    write_turn(text, line);
    write_reduced(text, line);
    write_backend(text, line);
    write_used(text, line);
    write_ended(text, line);
    buf_append_byte(text, '\n');
    write_times(text, line);
}
