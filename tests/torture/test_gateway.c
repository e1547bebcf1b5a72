/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of answers without memory: the table and each answer come or do not, and what could not be kept is never taken for the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/kept_answers.h"
#include "torture.h"

#define EVENTS 40

static struct buf out;

/* Reads to the end; the events must follow each other up to where it says that it has no more. */
static void read_all(struct kept_answers *kept, const char *id)
{
    struct kept_reader reader;
    turnstile_bells bells;
    enum kept_reading reading;
    const struct kept_visit visit = {span_str(id), 7, 0, 1, &reader};
    if (kept_follow(kept, &visit, &reader, &bells) != KEPT_FOUND)
        return;
    buf_clear(&out);
    while ((reading = kept_read(&reader, &out, &bells)) == KEPT_SOME)
        ;
    check(reading == KEPT_OVER || reading == KEPT_LOST);
    if (reading == KEPT_OVER)
        check(strstr(buf_cstr(&out), "id: 40\n") && strstr(buf_cstr(&out), "id: 1\n"));
    (void)kept_unfollow(&reader, 2);
}

static int an_answer_is_kept(void *given)
{
    const struct kept_limits limits = {1000, 4, 4, 1 << 20, 65536, 16384};
    const struct kept_spec spec = {7, 0, given, limits};
    char id[KEPT_ID_TEXT + 1];
    turnstile_bells bells;
    struct kept_answers *kept = kept_answers_new();
    struct kept_answer *answer = kept ? kept_open(kept, &spec, id) : NULL;
    if (!answer) {
        kept_answers_free(kept);
        return -ENOMEM;
    }
    for (int i = 0; i < EVENTS; i++) {
        buf_clear(&out);
        check(kept_write(answer, SPAN("data: some words of an answer\n\n"), false, &out, &bells) ==
              KEPT_GOES_ON); /* its client is there */
    }
    (void)kept_end(answer, true, 1);
    read_all(kept, id);
    kept_answers_free(kept);
    return 0;
}

static void what_is_kept_is_kept_whole_or_not_at_all(void **state)
{
    (void)state;
    char room[8192];
    out = (struct buf){.ptr = room, .cap = sizeof(room) - 1, .max = sizeof(room) - 1};
    torture(an_answer_is_kept, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_kept_whole_or_not_at_all),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
