/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that may be returned to: their logs, who reads them, what is forgotten when, against a model that keeps everything; and from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/text.h"
#include "gateway/kept_answers.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define GRACE_MS 1000
#define CALLER UINT64_C(7)

static const struct kept_limits limits = {.grace_ms = GRACE_MS,
                                          .answers_max = 4,
                                          .caller_answers_max = 2,
                                          .bytes_max = 1 << 20,
                                          .answer_bytes_max = 65536,
                                          .ahead_bytes_max = 16384};
static struct kept_answers *kept;
static turnstile_bells bells;
static struct buf out, text;
static int subjects[16]; /* whose addresses stand for requests */
static uint64_t now_ms;

static int begin(void **state)
{
    (void)state;
    kept = kept_answers_new();
    buf_init(&out, 1 << 22);
    buf_init(&text, 1 << 22);
    now_ms = 1000;
    return kept ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    kept_answers_free(kept);
    kept_answers_free(NULL);
    buf_release(&out);
    buf_release(&text);
    return 0;
}

static struct kept_answer *open_for(uint64_t caller, int at, const struct kept_limits *bounds,
                                    char id[KEPT_ID_TEXT + 1])
{
    const struct kept_spec spec = {caller, (uint32_t)at, &subjects[at], *bounds};
    return kept_open(kept, &spec, id);
}

/* One event of about `len` bytes. */
static enum kept_state say(struct kept_answer *answer, const char *word, size_t len)
{
    buf_clear(&text);
    buf_append(&text, SPAN("data: "));
    buf_append(&text, span_str(word));
    while (text.len + 2 < len)
        buf_append_byte(&text, '.');
    buf_append(&text, SPAN("\n\n"));
    buf_clear(&out);
    return kept_write(answer, buf_span(&text), false, &out, &bells);
}

static enum kept_verdict follow(const char *id, uint64_t caller, uint64_t after, int at,
                                struct kept_reader *reader)
{
    const struct kept_visit visit = {span_str(id), caller, after, (uint32_t)at, &subjects[at]};
    return kept_follow(kept, &visit, reader, &bells);
}

static enum kept_reading read_more(struct kept_reader *reader)
{
    buf_clear(&out);
    return kept_read(reader, &out, &bells);
}

static void assert_out(const char *wanted)
{
    assert_string_equal(buf_cstr(&out), wanted);
}

static size_t count(void)
{
    struct kept_answers_view view;
    kept_answers_view(kept, &view);
    assert_true(view.answers == 0 || kept_answers_any(kept));
    return view.answers;
}

static uint64_t bytes(void)
{
    struct kept_answers_view view;
    kept_answers_view(kept, &view);
    return view.bytes;
}

/* ---- one answer ---------------------------------------------------------------------------------------- */

static void events_are_numbered_and_comments_are_not(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    assert_non_null(answer);
    assert_int_equal(strlen(id), KEPT_ID_TEXT);
    buf_clear(&out);
    assert_int_equal(
        kept_write(answer, SPAN(": hm\n\ndata: a\n\ndata: b\n\n"), false, &out, &bells),
        KEPT_GOES_ON);
    assert_out(": hm\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n");
    assert_int_equal(say(answer, "c", 0), KEPT_GOES_ON);
    assert_out("id: 3\ndata: c\n\n");
    assert_int_equal(kept_end(answer, true, now_ms), 0);
    assert_int_equal(count(), 1);
    kept_expire(kept, now_ms + GRACE_MS);
    assert_int_equal(count(), 0);
    assert_int_equal(bytes(), 0);
}

static void a_reader_gets_what_is_behind_its_last_event(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    assert_int_equal(say(answer, "a", 0), KEPT_GOES_ON);
    assert_int_equal(say(answer, "b", 0), KEPT_GOES_ON);
    assert_false(kept_leave(answer, now_ms));
    assert_int_equal(follow(id, CALLER, 3, 1, &reader), KEPT_TO_COME);
    assert_int_equal(follow(id, CALLER, 1, 1, &reader), KEPT_FOUND);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_out("id: 2\ndata: b\n\n");
    assert_int_equal(read_more(&reader), KEPT_NONE);
    assert_int_equal(say(answer, "c", 0), KEPT_GOES_ON);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_out("id: 3\ndata: c\n\n");
    (void)kept_end(answer, true, now_ms);
    assert_int_equal(read_more(&reader), KEPT_OVER);
    (void)kept_unfollow(&reader, now_ms);

    assert_int_equal(follow(id, CALLER, 0, 1, &reader), KEPT_FOUND); /* all of it once more */
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_out("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n");
    assert_int_equal(read_more(&reader), KEPT_OVER);
    (void)kept_unfollow(&reader, now_ms);
    assert_int_equal(follow(id, CALLER, 3, 1, &reader), KEPT_FOUND); /* nothing, and the end */
    assert_int_equal(read_more(&reader), KEPT_OVER);
    kept_expire(kept, now_ms + GRACE_MS); /* is forgotten, and stays while it is read */
    assert_int_equal(read_more(&reader), KEPT_OVER);
    (void)kept_unfollow(&reader, now_ms);
    assert_int_equal(bytes(), 0);
}

static void what_is_not_ones_own_is_not_there(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1], other[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    memcpy(other, id, sizeof(other));
    other[0] = other[0] == '0' ? '1' : '0';
    assert_int_equal(follow(id, CALLER + 1, 0, 1, &reader), KEPT_UNKNOWN);
    assert_int_equal(follow(other, CALLER, 0, 1, &reader), KEPT_UNKNOWN);
    assert_int_equal(follow("", CALLER, 0, 1, &reader), KEPT_UNKNOWN);
    assert_int_equal(follow("zz", CALLER, 0, 1, &reader), KEPT_UNKNOWN);
    assert_int_equal(kept_stop(kept, span_str(id), CALLER + 1, &bells), KEPT_UNKNOWN);
    assert_int_equal(kept_stop(kept, span_str(id), CALLER, &bells), KEPT_FOUND);
    assert_int_equal(bells, 1);
    assert_int_equal(kept_stop(kept, span_str(id), CALLER, &bells), KEPT_UNKNOWN);
    struct kept_news news;
    assert_true(kept_news(kept, 0, &news));
    assert_ptr_equal(news.subject, &subjects[0]);
    assert_int_equal(news.what, KEPT_STOPPED);
    assert_false(kept_news(kept, 0, &news));
    assert_true(kept_answers_any(kept)); /* it has a writer, who may have news */
    (void)kept_end(answer, true, now_ms);
    assert_int_equal(bytes(), 0);
    assert_false(kept_answers_any(kept));
}

static void the_newest_reader_displaces_the_others(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader first, second;
    struct kept_news news;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    assert_int_equal(follow(id, CALLER, 0, 1, &first), KEPT_FOUND);
    assert_int_equal(
        bells,
        3); /* the writer, whose client it displaced, and itself: there is something to read */
    assert_true(kept_news(kept, 0, &news));
    assert_true(news.what & KEPT_FOLLOWED);
    assert_true(news.has_client);
    assert_true(kept_leave(answer, now_ms));
    assert_true(kept_news(kept, 1, &news));
    assert_ptr_equal(news.subject, &subjects[1]);
    assert_int_equal(follow(id, CALLER, 0, 2, &second), KEPT_FOUND);
    assert_int_equal(bells, 7);
    assert_int_equal(say(answer, "a", 0), KEPT_GOES_ON);
    assert_true(kept_displaced(&first));
    assert_false(kept_displaced(&second));
    assert_int_equal(read_more(&first), KEPT_NONE);
    assert_int_equal(out.len, 0);
    assert_int_equal(read_more(&second), KEPT_SOME);
    assert_int_equal(kept_unfollow(&first, now_ms), 0);
    (void)kept_news(kept, 0, &news);
    assert_int_equal(kept_unfollow(&second, now_ms), 1);
    assert_true(kept_news(kept, 0, &news));
    assert_int_equal(news.what, KEPT_LEFT | KEPT_CAUGHT_UP);
    assert_false(news.has_client);
    assert_false(kept_news(kept, 1, &news)); /* who has gone is told nothing */
    (void)kept_end(answer, true, now_ms);
}

static void what_was_left_is_given_up_after_its_grace(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 3, &limits, id);
    assert_null(kept_overdue(kept, 3, true, now_ms)); /* its client is there */
    (void)kept_leave(answer, now_ms);
    assert_null(kept_overdue(kept, 3, false, now_ms + GRACE_MS - 1));
    assert_null(kept_overdue(kept, 2, true, now_ms + GRACE_MS)); /* another worker's */
    assert_int_equal(follow(id, CALLER, 0, 1, &reader), KEPT_FOUND);
    assert_null(kept_overdue(kept, 3, true, now_ms + GRACE_MS));
    (void)kept_unfollow(&reader, now_ms + 500);
    assert_null(kept_overdue(kept, 3, false, now_ms + 500 + GRACE_MS - 1));
    assert_ptr_equal(kept_overdue(kept, 3, false, now_ms + 500 + GRACE_MS), &subjects[3]);
    assert_int_equal(follow(id, CALLER, 0, 1, &reader), KEPT_UNKNOWN);
    (void)kept_end(answer, false, now_ms);
    assert_int_equal(bytes(), 0);
}

static void an_answer_without_an_end_is_not_handed_out_as_one(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    assert_int_equal(say(answer, "a", 0), KEPT_GOES_ON);
    assert_int_equal(follow(id, CALLER, 0, 1, &reader), KEPT_FOUND);
    (void)kept_end(answer, false, now_ms);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_int_equal(read_more(&reader), KEPT_LOST);
    (void)kept_unfollow(&reader, now_ms);
    assert_int_equal(count(), 0);
}

/* ---- bounds -------------------------------------------------------------------------------------------- */

static void while_the_client_is_there_the_oldest_go(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    for (int i = 0; i < 100; i++)
        assert_int_equal(say(answer, "x", 4096), KEPT_GOES_ON);
    assert_true(bytes() <= 2 * limits.answer_bytes_max);
    assert_int_equal(follow(id, CALLER, 10, 1, &reader), KEPT_PASSED);
    assert_int_equal(follow(id, CALLER, 98, 1, &reader), KEPT_FOUND);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_memory_equal(out.ptr, "id: 99\n", 7);
    (void)kept_unfollow(&reader, now_ms);
    (void)kept_end(answer, true, now_ms);
}

static void an_event_that_is_too_large_to_keep_still_leaves(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    assert_int_equal(say(answer, "a", 0), KEPT_GOES_ON);
    assert_int_equal(say(answer, "b", 100000), KEPT_GOES_ON);
    assert_true(out.len >= 100000);
    assert_int_equal(say(answer, "c", 0), KEPT_GOES_ON);
    assert_int_equal(follow(id, CALLER, 1, 1, &reader), KEPT_PASSED);
    assert_int_equal(follow(id, CALLER, 2, 1, &reader), KEPT_FOUND);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_out("id: 3\ndata: c\n\n");
    (void)kept_unfollow(&reader, now_ms);
    (void)kept_end(answer, true, now_ms);
}

static void when_nobody_is_there_a_full_log_ends_the_answer(void **state)
{
    (void)state;
    char id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *answer = open_for(CALLER, 0, &limits, id);
    (void)kept_leave(answer, now_ms);
    uint64_t last = 0;
    while (say(answer, "x", 4096) == KEPT_GOES_ON)
        last++;
    assert_in_range(last, 14, 16);
    assert_int_equal(out.len, 0); /* it was not numbered: the next one has its number */
    buf_clear(&out);
    assert_int_equal(kept_write(answer, SPAN("data: end\n\n"), true, &out, &bells), KEPT_GOES_ON);
    (void)kept_end(answer, true, now_ms);
    assert_int_equal(follow(id, CALLER, last, 1, &reader), KEPT_FOUND);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_non_null(strstr(buf_cstr(&out), "data: end"));
    (void)kept_unfollow(&reader, now_ms);
}

/* An answer whose first client has gone, and whose caller reads it from its beginning. */
static struct kept_answer *open_followed(const struct kept_limits *bounds, struct kept_reader *reader)
{
    char id[KEPT_ID_TEXT + 1];
    struct kept_news news;
    struct kept_answer *answer = open_for(CALLER, 0, bounds, id);
    assert_int_equal(follow(id, CALLER, 0, 1, reader), KEPT_FOUND);
    (void)kept_leave(answer, now_ms);
    (void)kept_news(kept, 0, &news);
    return answer;
}

/* What an engine's read brought is written piece by piece, also the pieces behind the one that was too much; meanwhile the reader reads. */
static void an_engine_that_waits_is_told_when_its_reader_has_caught_up(void **state)
{
    (void)state;
    static const struct kept_limits wide = {.grace_ms = GRACE_MS,
                                            .answers_max = 4,
                                            .caller_answers_max = 2,
                                            .bytes_max = 4 << 20,
                                            .answer_bytes_max = 1 << 20,
                                            .ahead_bytes_max = 2 * KEPT_READ_BYTES};
    struct kept_reader reader;
    struct kept_news news;
    struct kept_answer *answer = open_followed(&wide, &reader);
    while (say(answer, "x", 4096) == KEPT_GOES_ON) {
    }
    assert_int_equal(read_more(&reader), KEPT_SOME); /* half, and a little more, is left */
    assert_false(kept_news(kept, 0, &news));
    assert_int_equal(say(answer, "x", 4096), KEPT_AHEAD);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_true(kept_news(kept, 0, &news));
    assert_int_equal(news.what, KEPT_CAUGHT_UP);
    assert_int_equal(say(answer, "x", 4096), KEPT_GOES_ON);
    (void)kept_unfollow(&reader, now_ms);
    (void)kept_end(answer, true, now_ms);
}

static void a_slow_reader_makes_the_engine_wait(void **state)
{
    (void)state;
    struct kept_reader reader;
    struct kept_news news;
    struct kept_answer *answer = open_followed(&limits, &reader);
    int said = 0;
    while (say(answer, "x", 4096) == KEPT_GOES_ON)
        said++;
    assert_in_range(said, 3, 4);
    assert_int_equal(read_more(&reader), KEPT_SOME);
    assert_int_equal(bells, 1);
    assert_true(kept_news(kept, 0, &news));
    assert_int_equal(news.what, KEPT_CAUGHT_UP);
    for (int i = 0; i < 100; i++) { /* what was read makes room */
        assert_int_equal(say(answer, "x", 4096), KEPT_GOES_ON);
        assert_int_equal(read_more(&reader), KEPT_SOME);
    }
    for (said = 0; say(answer, "x", 4096) != KEPT_FULL; said++)
        assert_true(said < 100);
    (void)kept_unfollow(&reader, now_ms);
    (void)kept_end(answer, true, now_ms);
}

static void callers_and_all_have_so_many_and_what_ended_gives_way(void **state)
{
    (void)state;
    char ids[6][KEPT_ID_TEXT + 1], id[KEPT_ID_TEXT + 1];
    struct kept_reader reader;
    struct kept_answer *a = open_for(1, 0, &limits, ids[0]), *b = open_for(1, 1, &limits, ids[1]);
    assert_null(open_for(1, 2, &limits, id));
    struct kept_answer *c = open_for(2, 2, &limits, ids[2]), *d = open_for(3, 3, &limits, ids[3]);
    assert_null(open_for(4, 4, &limits, id));
    (void)kept_end(d, true, now_ms);
    (void)kept_end(a, true, now_ms);
    struct kept_answer *e =
        open_for(1, 4, &limits, ids[4]); /* its own ended one goes, though another ended before */
    assert_non_null(e);
    assert_int_equal(follow(ids[0], 1, 0, 5, &reader), KEPT_UNKNOWN);
    struct kept_answer *f = open_for(5, 5, &limits, ids[5]);
    assert_non_null(f);
    assert_int_equal(follow(ids[3], 3, 0, 6, &reader), KEPT_UNKNOWN);
    assert_int_equal(count(), 4);
    struct kept_answer *rest[] = {b, c, e, f};
    for (size_t i = 0; i < COUNT_OF(rest); i++)
        (void)kept_end(rest[i], true, now_ms);
    assert_int_equal(follow(ids[1], 1, 0, 6, &reader),
                     KEPT_FOUND); /* what is read does not give way */
    struct kept_answer *more[8];
    for (size_t i = 0; i < 3; i++)
        assert_non_null(more[i] = open_for(10 + i, 7, &limits, id));
    assert_null(open_for(20, 8, &limits, id));
    (void)kept_unfollow(&reader, now_ms);
    assert_non_null(more[3] = open_for(20, 8, &limits, id));
    for (size_t i = 0; i < 4; i++)
        (void)kept_end(more[i], true, now_ms);
}

static void all_together_keep_so_many_bytes(void **state)
{
    (void)state;
    struct kept_limits bounds = limits;
    bounds.bytes_max = 131072;
    char id[KEPT_ID_TEXT + 1];
    struct kept_answer *left = open_for(1, 0, &bounds, id), *ended = open_for(2, 1, &bounds, id),
                       *taken = open_for(3, 2, &bounds, id);
    for (int i = 0; i < 12; i++)
        assert_int_equal(say(ended, "x", 4096), KEPT_GOES_ON);
    (void)kept_end(ended, true, now_ms);
    (void)kept_leave(left, now_ms);
    while (say(left, "x", 4096) == KEPT_GOES_ON)
        ;
    for (int i = 0; i < 100; i++)
        assert_int_equal(say(taken, "x", 4096),
                         KEPT_GOES_ON); /* it loses its past, not its client */
    assert_true(bytes() <= 2 * bounds.bytes_max);
    (void)kept_end(left, false, now_ms);
    (void)kept_end(taken, true, now_ms);
}

/* ---- against a model ------------------------------------------------------------------------------------ */

/* One answer of which everything is remembered, and one reader that puts together what it gets. */
struct model {
    struct kept_answer *answer;
    char id[KEPT_ID_TEXT + 1];
    struct buf all; /* as its client got it, numbered */
    struct buf got; /* … as the reader did, behind `from` */
    size_t from;
    uint64_t written;  /* events */
    size_t ends[4096]; /* of events, in `all` */
    struct kept_reader reader;
    bool reads, first_client, over;
    uint64_t without_ms;
};

static void model_write(struct model *model)
{
    size_t size = random_below(4) == 0 ? random_below(20000) : random_below(300);
    if (model->over || model->written + 1 >= COUNT_OF(model->ends))
        return;
    enum kept_state state = say(model->answer, "m", size);
    if (state == KEPT_FULL) {
        assert_false(model->first_client);
        return;
    }
    buf_append(&model->all, buf_span(&out));
    model->ends[++model->written] = model->all.len;
}

static void model_read(struct model *model)
{
    if (!model->reads)
        return;
    enum kept_reading reading = read_more(&model->reader);
    assert_true(reading == KEPT_SOME || reading == KEPT_NONE || reading == KEPT_OVER);
    buf_append(&model->got, buf_span(&out));
    assert_true(model->from + model->got.len <= model->all.len);
    if (model->got.len > 0)
        assert_memory_equal(model->got.ptr, model->all.ptr + model->from, model->got.len);
    if (reading == KEPT_NONE || reading == KEPT_OVER)
        assert_int_equal(model->from + model->got.len, model->all.len);
    assert_int_equal(reading == KEPT_OVER, reading != KEPT_SOME && model->over);
}

static void model_follow(struct model *model)
{
    uint64_t after = random_below((uint32_t)model->written + 2);
    bool read = model->reads;
    if (read)
        (void)kept_unfollow(&model->reader, now_ms);
    enum kept_verdict verdict = follow(model->id, CALLER, after, 1, &model->reader);
    assert_int_equal(verdict == KEPT_TO_COME, after > model->written);
    model->reads = verdict == KEPT_FOUND;
    if (model->reads) {
        model->first_client = false;
        model->from = after == 0 ? 0 : model->ends[after];
        buf_clear(&model->got);
    } else if (read) {
        model->without_ms = now_ms;
    }
}

static void model_step(struct model *model)
{
    switch (random_below(8)) {
    case 0:
    case 1:
    case 2:
        model_write(model);
        break;
    case 3:
    case 4:
        model_read(model);
        break;
    case 5:
        if (random_below(4) == 0)
            model_follow(model);
        break;
    case 6:
        if (model->first_client && random_below(8) == 0) {
            model->first_client = false;
            model->without_ms = now_ms;
            assert_int_equal(kept_leave(model->answer, now_ms), model->reads);
        } else if (model->reads && random_below(8) == 0) {
            model->reads = false;
            model->without_ms = now_ms;
            (void)kept_unfollow(&model->reader, now_ms);
        }
        break;
    case 7:
        now_ms += random_below(GRACE_MS / 4);
        break;
    }
}

/* True: it was given up, just when it had to be. */
static bool model_given_up(struct model *model)
{
    bool alone = !model->first_client && !model->reads && !model->over;
    void *overdue = kept_overdue(kept, 0, false, now_ms);
    assert_int_equal(overdue != NULL, alone && now_ms >= model->without_ms + GRACE_MS);
    return overdue != NULL;
}

static void any_order_of_events_agrees_with_the_model(void **state)
{
    (void)state;
    uint64_t seed = random_u64();
    print_message("# seed %llu\n", (unsigned long long)seed);
    random_seed(seed);
    for (int round = 0; round < 200; round++) {
        struct model model = {.first_client = true};
        struct kept_news news;
        buf_init(&model.all, 1 << 24);
        buf_init(&model.got, 1 << 24);
        model.answer = open_for(CALLER, 0, &limits, model.id);
        assert_non_null(model.answer);
        bool given_up = false;
        for (int step = 0; step < 600 && !given_up; step++) {
            model_step(&model);
            given_up = model_given_up(&model);
            while (kept_news(kept, random_below(2), &news))
                ;
        }
        model.over = true;
        (void)kept_end(model.answer, !given_up, now_ms);
        model_read(&model);
        if (model.reads)
            (void)kept_unfollow(&model.reader, now_ms);
        now_ms += GRACE_MS;
        kept_expire(kept, now_ms);
        assert_int_equal(count(), 0);
        assert_int_equal(bytes(), 0);
        buf_release(&model.all);
        buf_release(&model.got);
    }
    random_unseed();
}

/* ---- from many threads ----------------------------------------------------------------------------------- */

#define THREADS 4
#define EVENTS 3000

/* Each writes an answer of its own and reads its neighbour's, coming and going. */
struct party {
    pthread_t thread;
    uint32_t index;
    char id[KEPT_ID_TEXT + 1];
    struct kept_answer *answer;
    uint64_t got;
    bool wrong;
};
static struct party parties[THREADS];

/* The numbers of whole events, in their order. */
static void check_events(struct party *party, struct buf *held)
{
    for (;;) {
        ptrdiff_t at = span_find(buf_span(held), SPAN("\n\n"));
        if (at < 0)
            return;
        uint64_t number = strtoull(buf_cstr(held) + strlen("id: "), NULL, 10);
        party->wrong |= number != party->got + 1;
        party->got = number;
        buf_consume(held, (size_t)at + 2);
    }
}

static void visit_neighbour(struct party *party, struct buf *held)
{
    struct party *neighbour = &parties[(party->index + 1) % THREADS];
    struct kept_reader reader;
    turnstile_bells heard;
    const struct kept_visit visit = {span_str(neighbour->id), CALLER + neighbour->index, party->got,
                                     party->index, party};
    if (kept_follow(kept, &visit, &reader, &heard) != KEPT_FOUND)
        return;
    buf_clear(held);
    for (int i = 0; i < 5; i++) {
        enum kept_reading reading = kept_read(&reader, held, &heard);
        party->wrong |= reading == KEPT_LOST || kept_displaced(&reader);
        check_events(party, held);
    }
    (void)kept_unfollow(&reader, 1);
}

static void *party_main(void *arg)
{
    struct party *party = arg;
    struct buf held, line;
    struct kept_news news;
    turnstile_bells heard;
    buf_init(&held, 1 << 22);
    buf_init(&line, 1 << 16);
    for (int i = 0; i < EVENTS; i++) {
        enum kept_state written;
        while (buf_clear(&line),
               (written = kept_write(party->answer, SPAN("data: some words of an answer\n\n"),
                                     false, &line, &heard)) == KEPT_FULL)
            visit_neighbour(party, &held);
        if (i % 16 == 0)
            visit_neighbour(party, &held);
        while (kept_news(kept, party->index, &news))
            party->wrong |= news.subject != party;
    }
    while (party->got < EVENTS && !party->wrong)
        visit_neighbour(party, &held);
    buf_release(&held);
    buf_release(&line);
    return NULL;
}

static void threads_agree(void **state)
{
    (void)state;
    const struct kept_limits wide = {GRACE_MS, 16, 2, 1 << 24, 1 << 20, 1 << 18};
    for (uint32_t i = 0; i < THREADS; i++) {
        parties[i] = (struct party){.index = i};
        const struct kept_spec spec = {CALLER + i, i, &parties[i], wide};
        parties[i].answer = kept_open(kept, &spec, parties[i].id);
        assert_non_null(parties[i].answer);
        (void)kept_leave(parties[i].answer, 1);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&parties[i].thread, NULL, party_main, &parties[i]), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        (void)pthread_join(parties[i].thread, NULL);
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_false(parties[i].wrong);
        assert_int_equal(parties[i].got, EVENTS);
        (void)kept_end(parties[i].answer, true, 1);
    }
    kept_expire(kept, 1 + GRACE_MS);
    assert_int_equal(bytes(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_are_numbered_and_comments_are_not),
        TEST(a_reader_gets_what_is_behind_its_last_event),
        TEST(what_is_not_ones_own_is_not_there),
        TEST(the_newest_reader_displaces_the_others),
        TEST(what_was_left_is_given_up_after_its_grace),
        TEST(an_answer_without_an_end_is_not_handed_out_as_one),
        TEST(while_the_client_is_there_the_oldest_go),
        TEST(an_event_that_is_too_large_to_keep_still_leaves),
        TEST(when_nobody_is_there_a_full_log_ends_the_answer),
        TEST(an_engine_that_waits_is_told_when_its_reader_has_caught_up),
        TEST(a_slow_reader_makes_the_engine_wait),
        TEST(callers_and_all_have_so_many_and_what_ended_gives_way),
        TEST(all_together_keep_so_many_bytes),
        TEST(any_order_of_events_agrees_with_the_model),
        TEST(threads_agree),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
