/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "base/alloc.h"
#include "loop/child.h"

#include <signal.h>
#include <sys/wait.h>

struct fixture {
    struct loop *loop;
    struct child *child;
    int exits;
    int64_t status;
    int signum;
    int out[2]; /* the child's descriptor 1 */
    bool free_in_exit;
};

static void on_exit_note(void *owner, int64_t status, int signum)
{
    struct fixture *f = owner;
    f->exits++;
    f->status = status;
    f->signum = signum;
    if (f->free_in_exit)
        child_free(TAKE(f->child));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    assert_int_equal(pipe2(fixture.out, O_CLOEXEC), 0);
    *state = &fixture;
    return 0;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mem_fail_never();
    child_free(f->child);
    loop_free(f->loop);
    close_if_open(&f->out[0]);
    close_if_open(&f->out[1]);
    return 0;
}

static struct child_spec spec_of(struct fixture *f, const char *const *argv)
{
    static int fds[3];
    fds[0] = -1;
    fds[1] = f->out[1];
    fds[2] = STDERR_FILENO;
    return (struct child_spec){.path = "/bin/sh", .argv = argv, .fds = fds, .fds_count = 3};
}

static void start(struct fixture *f, const struct child_spec *spec)
{
    struct err err = {""};
    f->child = child_start(f->loop, spec, on_exit_note, f, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->child);
}

/* Runs it to its end and returns what it wrote. */
static const char *run_spec(struct fixture *f, const struct child_spec *spec)
{
    static char text[4096];
    start(f, spec);
    close_if_open(&f->out[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(f->out[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    turn_until(f->loop, f->exits == 1);
    return text;
}

static const char *run_script(struct fixture *f, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = spec_of(f, argv);
    return run_spec(f, &spec);
}

static void tells_the_status(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(run_script(f, "echo hello; exit 7"), "hello\n");
    assert_int_equal(f->status, 7);
    assert_int_equal(f->signum, 0);
    child_signal(f->child, SIGTERM);
}

static void tells_the_signal(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "echo up; exec sleep 100", NULL};
    struct child_spec spec = spec_of(f, argv);
    start(f, &spec);
    char up[4];
    assert_int_equal(read(f->out[0], up, 3), 3);
    assert_true(child_pid(f->child) > 1);
    child_signal(f->child, SIGKILL);
    turn_until(f->loop, f->exits == 1);
    assert_int_equal(f->status, 0);
    assert_int_equal(f->signum, SIGKILL);
}

static void may_be_freed_when_it_ends(void **state)
{
    struct fixture *f = *state;
    f->free_in_exit = true;
    (void)run_script(f, "exit 0");
    assert_null(f->child);
}

static void descriptors_take_their_places(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "readlink /proc/self/fd/0; echo five >&5", NULL};
    const int fds[] = {-1, f->out[1], STDERR_FILENO, -1, -1, f->out[1]};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .fds = fds, .fds_count = 6};
    assert_string_equal(run_spec(f, &spec), "/dev/null\nfive\n");
}

static void other_descriptors_stay_here(void **state)
{
    struct fixture *f = *state;
    int mine = fcntl(f->out[0], F_DUPFD_CLOEXEC, 77);
    assert_int_equal(mine, 77);
    assert_string_equal(run_script(f, "test -e /proc/self/fd/77 || echo none"), "none\n");
    close(mine);
}

static void environment_is_bare_unless_given(void **state)
{
    struct fixture *f = *state;
    setenv("HOME", "/of-test", 1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("TZ", "UTC", 1);
    setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=2", 1);
    setenv("SECRET_OF_PARENT", "1", 1);
    setenv("PATHOLOGICAL", "1", 1);
    const char *text = run_script(f, "echo $HOME $LANG $TZ $GLIBC_TUNABLES; env | grep -c -e SECRET -e PATHO; "
                                     "test -n \"$PATH\" && echo path");
    assert_string_equal(text, "/of-test C.UTF-8 UTC glibc.malloc.arena_max=2\n0\npath\n");
}

static void environment_is_what_was_given(void **state)
{
    struct fixture *f = *state;
    setenv("HOME", "/of-test", 1);
    const char *const argv[] = {"sh", "-c", "echo $ONE $TWO $HOME", NULL};
    const char *const env[] = {"ONE=1", "TWO=2", NULL};
    struct child_spec spec = spec_of(f, argv);
    spec.env = env;
    assert_string_equal(run_spec(f, &spec), "1 2\n");
}

static void blocked_signals_are_not_inherited(void **state)
{
    struct fixture *f = *state;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGINT, SIG_IGN);
    (void)run_script(f, "kill -INT $$; kill -TERM $$; exit 5");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGINT, SIG_DFL);
    assert_int_equal(f->signum, SIGINT);
}

static void drops_to_a_user(void **state)
{
    if (getuid() != 0)
        skip();
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "id -u; id -g; id -G", NULL};
    struct child_spec spec = spec_of(f, argv);
    spec.uid = 12345;
    spec.gid = 23456;
    assert_string_equal(run_spec(f, &spec), "12345\n23456\n23456\n");
}

static void says_why_it_could_not_start(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"nothing", NULL};
    struct child_spec spec = spec_of(f, argv);
    spec.path = "/nonexistent/program";
    struct err err;
    assert_null(child_start(f->loop, &spec, on_exit_note, f, &err));
    assert_string_equal(err.text, "cannot start '/nonexistent/program': No such file or directory");
    spec.fds_count = CHILD_FDS_MAX + 1;
    assert_null(child_start(f->loop, &spec, on_exit_note, f, &err));
    assert_string_equal(err.text, "cannot start '/nonexistent/program': more than 128 descriptors");
    mem_fail_after(0);
    spec.fds_count = 0;
    assert_null(child_start(f->loop, &spec, on_exit_note, f, NULL));
    mem_fail_never();
    turn_idle(f->loop);
    assert_int_equal(f->exits, 0);
}

static void takes_as_many_descriptors_as_promised(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {
        "sh", "-c", "cd /proc/self/fd; test -e 127 && test ! -e 128 && echo fits", NULL};
    int fds[CHILD_FDS_MAX];
    for (size_t i = 0; i < CHILD_FDS_MAX; i++)
        fds[i] = -1;
    fds[1] = f->out[1];
    struct child_spec spec = {
        .path = "/bin/sh", .argv = argv, .fds = fds, .fds_count = CHILD_FDS_MAX};
    assert_string_equal(run_spec(f, &spec), "fits\n");
}

static void a_forgotten_child_goes_on_and_leaves_no_zombie(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "echo still here", NULL};
    struct child_spec spec = spec_of(f, argv);
    start(f, &spec);
    int pid = child_pid(f->child);
    child_free(TAKE(f->child));
    close_if_open(&f->out[1]);
    char text[20] = "";
    assert_int_equal(read(f->out[0], text, sizeof(text) - 1), 11);
    assert_string_equal(text, "still here\n");
    while (kill(pid, 0) == 0)
        turn(f->loop);
    assert_int_equal(f->exits, 0);
    turn_idle(f->loop);
}

static void loop_free_lets_children_go(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "echo up; exec sleep 100", NULL};
    struct child_spec spec = spec_of(f, argv);
    start(f, &spec);
    int pid = child_pid(f->child);
    loop_free(f->loop);
    f->child = NULL;
    f->loop = loop_new();
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(f->exits, 0);
    child_free(NULL);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(tells_the_status),
        case_of(tells_the_signal),
        case_of(may_be_freed_when_it_ends),
        case_of(descriptors_take_their_places),
        case_of(other_descriptors_stay_here),
        case_of(environment_is_bare_unless_given),
        case_of(environment_is_what_was_given),
        case_of(blocked_signals_are_not_inherited),
        case_of(drops_to_a_user),
        case_of(says_why_it_could_not_start),
        case_of(takes_as_many_descriptors_as_promised),
        case_of(a_forgotten_child_goes_on_and_leaves_no_zombie),
        case_of(loop_free_lets_children_go),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
