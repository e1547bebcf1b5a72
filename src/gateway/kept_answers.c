/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer lives while it is known (by its id, in the table), written or followed; who takes the last of the three away frees it. Positions are counted in bytes from
 * the answer's beginning, so that they stay true when the front of the log goes.
 */
#include "gateway/kept_answers.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "base/text.h"

#include <pthread.h>
#include <stdatomic.h>

#define NO_BELLS ((turnstile_bells)0)

struct kept_answer {
    struct kept_answers *kept;
    struct list link; /* in `taken`, `left` or `ended` of the table, while it is known */
    unsigned char id[KEPT_ID_BYTES];
    bool known, over, whole;
    uint64_t caller;
    uint64_t heir; /* the key that replaced the caller's; its own: none did */
    struct kept_limits limits;
    struct kept_side writer;
    struct kept_reader *reader; /* NULL: nobody has returned, or not any more */
    bool first_client;          /* the one that asked is there */
    bool waited_for;            /* the engine was told to wait for the reader, and not yet that it has caught up */
    uint64_t since_ms;          /* without a client, or over */
    struct buf bytes;
    struct buf ends; /* of events `first` … `last`: positions, as uint64_t */
    uint64_t base;   /* the position of the first byte that is kept */
    uint64_t first, last;
    size_t memory; /* as counted in the table */
};

struct kept_answers {
    pthread_mutex_t
        lock; /* of all below, and of all answers but what only the writer touches (`last`) */
    struct map *by_id;
    struct map *callers; /* how many each has, as a number in the pointer */
    struct list taken, left,
        ended; /* all that are known: with a client, without one, over; the latter two longest ago first */
    struct list news[KEPT_WORKERS_MAX];
    uint64_t bytes;
    _Atomic size_t count; /* of those that are there, forgotten ones too */
};

static void lock(struct kept_answers *kept)
{
    check(pthread_mutex_lock(&kept->lock) == 0);
}

static void unlock(struct kept_answers *kept)
{
    check(pthread_mutex_unlock(&kept->lock) == 0);
}

struct kept_answers *kept_answers_new(void)
{
    struct kept_answers *kept = mem_zalloc(sizeof(*kept));
    if (!kept)
        return NULL;
    kept->by_id = map_new(KEPT_ID_BYTES, KEPT_ANSWERS_MAX);
    kept->callers = map_new(sizeof(uint64_t), KEPT_ANSWERS_MAX);
    list_init(&kept->taken);
    list_init(&kept->left);
    list_init(&kept->ended);
    for (size_t i = 0; i < COUNT_OF(kept->news); i++)
        list_init(&kept->news[i]);
    (void)pthread_mutex_init(&kept->lock, NULL); /* a default mutex cannot fail here */
    if (!kept->by_id || !kept->callers) {
        kept_answers_free(kept);
        return NULL;
    }
    return kept;
}

bool kept_answers_any(const struct kept_answers *kept)
{
    return atomic_load_explicit(&kept->count, memory_order_relaxed) > 0;
}

static bool has_client(const struct kept_answer *answer)
{
    return answer->first_client || answer->reader;
}

void kept_answers_view(struct kept_answers *kept, struct kept_answers_view *ret_view)
{
    lock(kept);
    *ret_view = (struct kept_answers_view){.answers = map_count(kept->by_id), .bytes = kept->bytes};
    list_each(at, &kept->left) ret_view->left++;
    unlock(kept);
}

/* ---- news --------------------------------------------------------------------------------------------- */

static turnstile_bells tell(struct kept_answers *kept, struct kept_side *side, unsigned what)
{
    if (!side->subject)
        return NO_BELLS;
    bool knows = side->what != 0;
    side->what |= what;
    if (knows)
        return NO_BELLS;
    list_push_back(&kept->news[side->worker], &side->link);
    return side->worker < 64 ? UINT64_C(1) << side->worker : NO_BELLS;
}

static void sign_off(struct kept_side *side)
{
    list_remove(&side->link);
    side->subject = NULL;
    side->what = 0;
}

bool kept_news(struct kept_answers *kept, uint32_t worker, struct kept_news *ret_news)
{
    lock(kept);
    struct list *first = list_first(&kept->news[worker]);
    if (first) {
        struct kept_side *side = list_entry(first, struct kept_side, link);
        bool taken = side->writes && has_client(container_of(side, struct kept_answer, writer));
        *ret_news = (struct kept_news){side->subject, side->what, taken};
        list_remove(first);
        side->what = 0;
    }
    unlock(kept);
    return first != NULL;
}

/* ---- coming and going ---------------------------------------------------------------------------------- */

static void count_memory(struct kept_answer *answer)
{
    size_t now = answer->bytes.cap + answer->ends.cap;
    answer->kept->bytes += now - answer->memory; /* unsigned: what shrinks is taken away */
    answer->memory = now;
}

static size_t count_of(const struct kept_answers *kept, uint64_t caller)
{
    return (size_t)(uintptr_t)map_get(kept->callers, &caller);
}

/* Frees it when nobody can reach it any more. */
static void let_go(struct kept_answer *answer)
{
    if (answer->known || answer->writer.subject || answer->reader)
        return;
    buf_release(&answer->bytes);
    buf_release(&answer->ends);
    count_memory(answer);
    atomic_fetch_sub_explicit(&answer->kept->count, 1, memory_order_relaxed);
    mem_free(answer);
}

static void forget(struct kept_answer *answer)
{
    struct kept_answers *kept = answer->kept;
    if (!answer->known)
        return;
    answer->known = false;
    list_remove(&answer->link);
    (void)map_remove(kept->by_id, answer->id);
    size_t count = count_of(kept, answer->caller);
    if (count > 1)
        check(map_put(kept->callers, &answer->caller, (void *)(uintptr_t)(count - 1), NULL) ==
              0); /* it replaces */
    else
        (void)map_remove(kept->callers, &answer->caller);
}

void kept_answers_free(struct kept_answers *kept)
{
    if (!kept)
        return;
    struct list *link;
    while ((link = list_first(&kept->ended)) || (link = list_first(&kept->left)) ||
           (link = list_first(&kept->taken))) {
        struct kept_answer *answer = list_entry(link, struct kept_answer, link);
        check(!answer->writer.subject && !answer->reader);
        forget(answer);
        let_go(answer);
    }
    map_free(kept->by_id);
    map_free(kept->callers);
    (void)pthread_mutex_destroy(&kept->lock);
    mem_free(kept);
}

/* The one that ended longest ago and that nobody reads; of this caller, or (0) of any. */
static bool give_up_ended(struct kept_answers *kept, uint64_t caller)
{
    list_each(at, &kept->ended)
    {
        struct kept_answer *answer = list_entry(at, struct kept_answer, link);
        if (answer->reader || (caller && answer->caller != caller))
            continue;
        forget(answer);
        let_go(answer);
        return true;
    }
    return false;
}

static bool make_place(struct kept_answers *kept, const struct kept_spec *spec)
{
    if (count_of(kept, spec->caller) >= spec->limits.caller_answers_max &&
        !give_up_ended(kept, spec->caller))
        return false;
    return map_count(kept->by_id) < spec->limits.answers_max || give_up_ended(kept, 0);
}

static bool enter(struct kept_answers *kept, struct kept_answer *answer)
{
    size_t count = count_of(kept, answer->caller);
    if (map_put(kept->callers, &answer->caller, (void *)(uintptr_t)(count + 1), NULL) < 0)
        return false;
    answer->known = true;
    list_push_back(&kept->taken, &answer->link);
    if (map_put(kept->by_id, answer->id, answer, NULL) == 0)
        return true;
    forget(answer);
    return false;
}

struct kept_answer *kept_open(struct kept_answers *kept, const struct kept_spec *spec,
                              char ret_id[KEPT_ID_TEXT + 1])
{
    struct kept_answer *answer = mem_zalloc(sizeof(*answer));
    if (!answer)
        return NULL;
    answer->kept = kept;
    answer->caller = answer->heir = spec->caller;
    answer->limits = spec->limits;
    answer->first = 1;
    answer->first_client = true;
    answer->writer =
        (struct kept_side){.subject = spec->writer, .worker = spec->worker, .writes = true};
    list_init(&answer->link);
    list_init(&answer->writer.link);
    buf_init(&answer->bytes, spec->limits.answer_bytes_max + KEPT_END_BYTES);
    buf_init(&answer->ends, spec->limits.answer_bytes_max + KEPT_END_BYTES);
    random_bytes(answer->id, sizeof(answer->id));
    text_hex(answer->id, sizeof(answer->id), ret_id);
    lock(kept);
    bool entered = make_place(kept, spec) && enter(kept, answer);
    atomic_fetch_add_explicit(&kept->count, entered, memory_order_relaxed);
    unlock(kept);
    if (!entered)
        mem_free(answer);
    return entered ? answer : NULL;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* With its number before each event; how many there are. A comment has none. */
static uint64_t number_events(struct span text, uint64_t number, struct buf *out)
{
    uint64_t events = 0;
    while (text.len > 0) {
        ptrdiff_t end = span_find(text, SPAN("\n\n"));
        size_t len = end < 0 ? text.len : (size_t)end + 2;
        if (text.ptr[0] != ':') {
            buf_append(out, SPAN("id: "));
            buf_append_u64(out, number + ++events);
            buf_append_byte(out, '\n');
        }
        buf_append(out, span_take(text, len));
        text = span_skip(text, len);
    }
    return events;
}

/* What was written and the reader has not read. */
static uint64_t behind(const struct kept_answer *answer)
{
    return answer->base + answer->bytes.len - answer->reader->read_to;
}

static uint64_t end_of(const struct kept_answer *answer, uint64_t number)
{
    uint64_t end;
    memcpy(&end, answer->ends.ptr + (number - answer->first) * sizeof(end), sizeof(end));
    return end;
}

/* Nothing before `position`, the end of event `number`, is kept any more. */
static void drop_front(struct kept_answer *answer, uint64_t number, uint64_t position)
{
    buf_consume(&answer->bytes, (size_t)(position - answer->base));
    buf_consume(&answer->ends, (size_t)(number + 1 - answer->first) * sizeof(uint64_t));
    answer->base = position;
    answer->first = number + 1;
}

/* All events that end at or before `position`. */
static void drop_to(struct kept_answer *answer, uint64_t position)
{
    uint64_t low = answer->first - 1,
             high = answer->first - 1 + answer->ends.len / sizeof(uint64_t);
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (end_of(answer, middle) <= position)
            low = middle;
        else
            high = middle - 1;
    }
    if (low >= answer->first)
        drop_front(answer, low, end_of(answer, low));
}

static void drop_all(struct kept_answer *answer)
{
    answer->base += answer->bytes.len;
    answer->first = answer->last + 1;
    buf_release(&answer->bytes);
    buf_release(&answer->ends);
    count_memory(answer);
}

static bool fits_itself(const struct kept_answer *answer, size_t len, uint64_t beyond)
{
    return answer->bytes.len + len <= answer->limits.answer_bytes_max + beyond;
}

/* What it grows by, beside all others. An event is longer than the note of its end, so that one's buffer needs no bound of its own. */
static bool fits_among_all(const struct kept_answer *answer, size_t len, size_t events,
                           uint64_t beyond)
{
    size_t bytes = answer->bytes.len + len, ends = answer->ends.len + events * sizeof(uint64_t);
    size_t grows = MAX(bytes, answer->bytes.cap) - answer->bytes.cap + MAX(ends, answer->ends.cap) -
                   answer->ends.cap;
    return answer->kept->bytes + grows <= answer->limits.bytes_max + beyond;
}

static bool fits(const struct kept_answer *answer, size_t len, size_t events, uint64_t beyond)
{
    return fits_itself(answer, len, beyond) && fits_among_all(answer, len, events, beyond);
}

/* Room for more: what ended and waits goes first, then what a client has taken. False: there is none. */
static bool make_room(struct kept_answer *answer, size_t len, size_t events, bool last)
{
    uint64_t beyond = last ? KEPT_END_BYTES : 0;
    while (fits_itself(answer, len, beyond) && !fits_among_all(answer, len, events, beyond))
        if (!give_up_ended(answer->kept, 0))
            break;
    if (fits(answer, len, events, beyond))
        return true;
    if (answer->first_client)
        drop_to(answer, answer->base + MAX(answer->bytes.len / 2, len));
    else if (answer->reader)
        drop_to(answer, answer->reader->read_to);
    if (!fits(answer, len, events, beyond) && (answer->first_client || last))
        drop_all(answer);
    return fits(answer, len, events, beyond);
}

/* `text` has its numbers. */
static void append(struct kept_answer *answer, struct span text)
{
    uint64_t position = answer->base + answer->bytes.len;
    buf_append(&answer->bytes, text);
    while (text.len > 0) {
        ptrdiff_t end = span_find(text, SPAN("\n\n"));
        size_t len = end < 0 ? text.len : (size_t)end + 2;
        position += len;
        if (text.ptr[0] != ':')
            buf_append(&answer->ends, span_of((const char *)&position, sizeof(position)));
        text = span_skip(text, len);
    }
}

/* It has left, and is not kept, nor what was before it. */
static void pass_over(struct kept_answer *answer, uint64_t end, uint64_t events)
{
    answer->last += events;
    drop_all(answer);
    answer->base = end;
}

static void write_locked(struct kept_answer *answer, struct span text, uint64_t events)
{
    uint64_t end = answer->base + answer->bytes.len + text.len;
    append(answer, text);
    if (buf_status(&answer->bytes) < 0 || buf_status(&answer->ends) < 0) {
        pass_over(answer, end, events); /* no memory: who returns is told */
        return;
    }
    answer->last += events;
    count_memory(answer);
}

enum kept_state kept_write(struct kept_answer *answer, struct span text, bool last,
                           struct buf *ret_text, turnstile_bells *ret_bells)
{
    struct kept_answers *kept = answer->kept;
    enum kept_state state = KEPT_GOES_ON;
    size_t from = ret_text->len;
    *ret_bells = NO_BELLS;
    uint64_t events = number_events(text, answer->last, ret_text);
    if (buf_status(ret_text) < 0)
        return KEPT_FULL;
    struct span numbered = span_skip(buf_span(ret_text), from);

    lock(kept);
    if (make_room(answer, numbered.len, events, last)) {
        write_locked(answer, numbered, events);
    } else if (answer->first_client || last) {
        pass_over(answer, answer->base + answer->bytes.len + numbered.len, events);
    } else {
        state = KEPT_FULL;
        ret_text->len = from;
    }
    if (state == KEPT_GOES_ON && answer->reader) {
        *ret_bells = tell(kept, &answer->reader->side, KEPT_TO_READ);
        answer->waited_for |= behind(answer) > answer->limits.ahead_bytes_max;
        state = answer->waited_for ? KEPT_AHEAD : KEPT_GOES_ON;
    }
    unlock(kept);
    return state;
}

/* Where it stands now, and since when. */
static void stand(struct kept_answer *answer, struct list *among, uint64_t now_ms)
{
    answer->since_ms = now_ms;
    if (!answer->known)
        return;
    list_remove(&answer->link);
    list_push_back(among, &answer->link);
}

bool kept_leave(struct kept_answer *answer, uint64_t now_ms)
{
    lock(answer->kept);
    answer->first_client = false;
    bool followed = answer->reader != NULL;
    if (!followed)
        stand(answer, &answer->kept->left, now_ms);
    unlock(answer->kept);
    return followed;
}

turnstile_bells kept_end(struct kept_answer *answer, bool whole, uint64_t now_ms)
{
    struct kept_answers *kept = answer->kept;
    lock(kept);
    sign_off(&answer->writer);
    answer->over = true;
    answer->whole = whole;
    answer->first_client = false;
    turnstile_bells bells =
        answer->reader ? tell(kept, &answer->reader->side, KEPT_TO_READ) : NO_BELLS;
    if (!whole)
        forget(answer);
    stand(answer, &kept->ended, now_ms);
    let_go(answer);
    unlock(kept);
    return bells;
}

void *kept_overdue(struct kept_answers *kept, uint32_t worker, bool at_once, uint64_t now_ms)
{
    void *writer = NULL;
    lock(kept);
    list_each(at, &kept->left)
    {
        struct kept_answer *answer = list_entry(at, struct kept_answer, link);
        if (!at_once && now_ms < answer->since_ms + answer->limits.grace_ms)
            break;
        if (answer->writer.worker != worker)
            continue;
        forget(answer);
        writer = answer->writer.subject;
        break;
    }
    unlock(kept);
    return writer;
}

void kept_expire(struct kept_answers *kept, uint64_t now_ms)
{
    lock(kept);
    list_each(at, &kept->ended)
    {
        struct kept_answer *answer = list_entry(at, struct kept_answer, link);
        if (now_ms < answer->since_ms + answer->limits.grace_ms)
            break;
        forget(answer); /* who reads it goes on */
        let_go(answer);
    }
    unlock(kept);
}

/* ---- returning ------------------------------------------------------------------------------------------- */

static bool belongs_to(const struct kept_answer *answer, uint64_t caller)
{
    return answer->caller == caller || answer->heir == caller;
}

void kept_hand_on(struct kept_answers *kept, uint64_t from, uint64_t to)
{
    struct list *const all[] = {&kept->taken, &kept->left, &kept->ended};
    lock(kept);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        list_each(at, all[i])
        {
            struct kept_answer *answer = list_entry(at, struct kept_answer, link);
            if (belongs_to(answer, from))
                answer->heir = to;
        }
    }
    unlock(kept);
}

/* One that is not there and one of somebody else take the same way. */
static struct kept_answer *find(const struct kept_answers *kept, struct span text, uint64_t caller)
{
    unsigned char id[KEPT_ID_BYTES];
    if (text_unhex(text, id, sizeof(id)) < 0)
        return NULL;
    struct kept_answer *answer = map_get(kept->by_id, id);
    return answer && belongs_to(answer, caller) ? answer : NULL;
}

/* The first client, or who reads now, gets no more. */
static turnstile_bells displace(struct kept_answer *answer)
{
    turnstile_bells bells = NO_BELLS;
    struct kept_reader *reader = TAKE(answer->reader);
    if (reader) {
        reader->answer = NULL;
        bells = tell(answer->kept, &reader->side, KEPT_TO_READ);
    }
    answer->first_client = false;
    answer->waited_for = false;
    if (!answer->over)
        stand(answer, &answer->kept->taken, 0);
    return bells | tell(answer->kept, &answer->writer, KEPT_FOLLOWED | KEPT_CAUGHT_UP);
}

enum kept_verdict kept_follow(struct kept_answers *kept, const struct kept_visit *visit,
                              struct kept_reader *reader, turnstile_bells *ret_bells)
{
    enum kept_verdict verdict = KEPT_FOUND;
    *ret_bells = NO_BELLS;
    lock(kept);
    struct kept_answer *answer = find(kept, visit->id, visit->caller);
    if (!answer)
        verdict = KEPT_UNKNOWN;
    else if (visit->after > answer->last)
        verdict = KEPT_TO_COME;
    else if (visit->after + 1 < answer->first)
        verdict = KEPT_PASSED;
    if (verdict == KEPT_FOUND) {
        *ret_bells = displace(answer);
        *reader = (struct kept_reader){.side = {.subject = visit->subject, .worker = visit->worker},
                                       .kept = kept,
                                       .answer = answer};
        reader->read_to =
            visit->after < answer->first ? answer->base : end_of(answer, visit->after);
        list_init(&reader->side.link);
        answer->reader = reader;
        *ret_bells |= tell(kept, &reader->side, KEPT_TO_READ);
    }
    unlock(kept);
    return verdict;
}

static enum kept_reading read_locked(struct kept_reader *reader, struct buf *out,
                                     turnstile_bells *ret_bells)
{
    struct kept_answer *answer = reader->answer;
    if (!answer)
        return KEPT_NONE;
    if (reader->read_to < answer->base)
        return KEPT_LOST;
    size_t left = (size_t)behind(answer);
    if (left == 0 && answer->over)
        return answer->whole ? KEPT_OVER : KEPT_LOST;
    if (left == 0)
        return KEPT_NONE;
    size_t len = MIN(left, (size_t)KEPT_READ_BYTES);
    buf_append(out, span_of(answer->bytes.ptr + (reader->read_to - answer->base), len));
    if (buf_status(out) < 0)
        return KEPT_LOST;
    reader->read_to += len;
    if (answer->waited_for && left - len <= answer->limits.ahead_bytes_max / 2) {
        answer->waited_for = false;
        *ret_bells = tell(reader->kept, &answer->writer, KEPT_CAUGHT_UP);
    }
    return KEPT_SOME;
}

enum kept_reading kept_read(struct kept_reader *reader, struct buf *out, turnstile_bells *ret_bells)
{
    *ret_bells = NO_BELLS;
    lock(reader->kept);
    enum kept_reading reading = read_locked(reader, out, ret_bells);
    unlock(reader->kept);
    return reading;
}

bool kept_displaced(struct kept_reader *reader)
{
    lock(reader->kept);
    bool displaced = !reader->answer;
    unlock(reader->kept);
    return displaced;
}

turnstile_bells kept_unfollow(struct kept_reader *reader, uint64_t now_ms)
{
    struct kept_answers *kept = reader->kept;
    turnstile_bells bells = NO_BELLS;
    lock(kept);
    sign_off(&reader->side);
    struct kept_answer *answer = TAKE(reader->answer);
    if (answer) {
        answer->reader = NULL;
        answer->waited_for = false;
        if (!answer->over)
            stand(answer, &kept->left, now_ms);
        bells = tell(kept, &answer->writer, KEPT_LEFT | KEPT_CAUGHT_UP);
        let_go(answer);
    }
    unlock(kept);
    return bells;
}

enum kept_verdict kept_stop(struct kept_answers *kept, struct span id, uint64_t caller,
                            turnstile_bells *ret_bells)
{
    *ret_bells = NO_BELLS;
    lock(kept);
    struct kept_answer *answer = find(kept, id, caller);
    if (answer) {
        forget(answer);
        *ret_bells = tell(kept, &answer->writer, KEPT_STOPPED);
        let_go(answer);
    }
    unlock(kept);
    return answer ? KEPT_FOUND : KEPT_UNKNOWN;
}
