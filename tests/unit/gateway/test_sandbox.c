/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can still reach behind sandbox_enter(). Each question is asked in a child, since there is no way back. */
#include "gateway/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NO_LANDLOCK = 2 };

static char folder[64], state[96], outside[96];

static int make_folders(void **test_state)
{
    (void)test_state;
    snprintf(folder, sizeof(folder), "/tmp/seawall-sandbox-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(state, sizeof(state), "%s/state", folder);
    snprintf(outside, sizeof(outside), "%s/outside", folder);
    int fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return fd < 0 || close(fd) < 0 || mkdir(state, 0700) < 0 ? -1 : 0;
}

static int remove_folders(void **test_state)
{
    (void)test_state;
    (void)unlink(outside);
    (void)rmdir(state);
    return rmdir(folder);
}

/* 0: it could be opened (and is gone again if it was made); or the errno. */
static int opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    if (flags & O_CREAT)
        (void)unlink(path);
    return 0;
}

/* True when each is as it should be; false with a word about the first that is not. */
static bool as_expected(void)
{
    char inside[128];
    snprintf(inside, sizeof(inside), "%s/file", state);
    const struct {
        const char *path;
        int flags, error;
    } files[] = {
        {"/etc/hosts", O_RDONLY, 0},
        {"/dev/urandom", O_RDONLY, 0},
        {"/etc", O_RDONLY, EACCES},
        {"/etc/hosts", O_WRONLY, EACCES},
        {"/etc/new", O_WRONLY | O_CREAT, EACCES},
        {outside, O_RDONLY, EACCES},
        {folder, O_RDONLY, EACCES},
        {"/root", O_RDONLY, EACCES},
        {inside, O_WRONLY | O_CREAT, 0},
        {state, O_RDONLY, 0},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        int error = opens(files[i].path, files[i].flags);
        if (error == files[i].error)
            continue;
        print_error("open '%s' (flags %o): %s\n", files[i].path, files[i].flags, strerror(error));
        return false;
    }
    return true;
}

static int child(void)
{
    char layers[64];
    struct err err = {""};
    if (sandbox_enter(&(struct sandbox_spec){.state_folder = state}, layers, &err) < 0) {
        print_error("%s\n", err.text);
        return EXIT_FAILURE;
    }
    if (!strstr(layers, "landlock"))
        return NO_LANDLOCK;
    return as_expected() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void files_of_name_service_can_be_read_and_nothing_else_of_the_disk(void **test_state)
{
    (void)test_state;
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_LANDLOCK)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_name_service_can_be_read_and_nothing_else_of_the_disk),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
