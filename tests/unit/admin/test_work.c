/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

static struct fixture fixture;

struct note {
    struct work work;
    pthread_t on_helper;
    int done;
    bool orphaned;
    bool last; /* then the loop stops */
};

static void note_helper(struct work *work)
{
    container_of(work, struct note, work)->on_helper = pthread_self();
}

static void note_done(struct work *work)
{
    struct note *note = container_of(work, struct note, work);
    note->done++;
    note->orphaned = work->admin == NULL;
    if (note->last)
        loop_stop(fixture.loop);
}

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture_admin(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void test_it_runs_there_and_ends_here(void **state)
{
    (void)state;
    struct note note = {.work = {.on_helper = note_helper, .on_done = note_done}};
    assert_int_equal(work_start(&note.work, fixture.admin, NULL), 0);
    settle(&fixture);
    assert_int_equal(note.done, 1);
    assert_false(note.orphaned || pthread_equal(note.on_helper, pthread_self()));
    assert_true(list_empty(&fixture.admin->works));
}

static void test_an_admin_that_goes_is_forgotten(void **state)
{
    (void)state;
    struct note note = {.work = {.on_helper = note_helper, .on_done = note_done}};
    assert_int_equal(work_start(&note.work, fixture.admin, NULL), 0);
    admin_free(TAKE(fixture.admin));
    settle(&fixture);
    assert_int_equal(note.done, 1);
    assert_true(note.orphaned);
}

static void test_a_full_helper_refuses_and_keeps_nothing(void **state)
{
    (void)state;
    struct note notes[100];
    int taken = 0, result = 0;
    for (; taken < 100 && result == 0; taken += result == 0) {
        notes[taken] = (struct note){.work = {.on_helper = note_helper, .on_done = note_done}};
        result = work_start(&notes[taken].work, fixture.admin, NULL);
    }
    assert_int_equal(result, -ENOSPC);
    work_orphan_all(fixture.admin);
    assert_true(list_empty(&fixture.admin->works));
    notes[taken - 1].last = true;
    loop_run(fixture.loop);
    for (int i = 0; i < taken; i++)
        assert_true(notes[i].done == 1 && notes[i].orphaned);
    assert_int_equal(notes[taken].done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_runs_there_and_ends_here, start, stop),
        cmocka_unit_test_setup_teardown(test_an_admin_that_goes_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(test_a_full_helper_refuses_and_keeps_nothing, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
