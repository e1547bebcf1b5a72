/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tool's words: which commands there are, what each takes, and what was given. One table (main.c) yields the
 * dispatch, the checks and every page of --help.
 */
#pragma once

#include "base/err.h"

#define COMMAND_ARGUMENTS_MAX 2
#define COMMAND_OPTIONS_MAX 16

/* Exit statuses, as --help tells them. */
enum exit_status { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE };

/* Ended by an entry without a name. */
struct command_option {
    const char *name;  /* "--models" */
    const char *value; /* "A,B"; NULL: a switch */
    const char *help;
};

struct invocation;

struct command {
    const char *name;      /* one or two words */
    const char *arguments; /* "NAME", "[NAME]" when it may be left out; "" for none; one word each */
    const char *help;
    const struct command_option *options; /* NULL: none of its own */
    enum exit_status (*run)(const struct invocation *call);
};

struct invocation {
    const struct command *command;
    const char *data; /* NULL: the default folder */
    bool json;
    bool help;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    size_t arguments_count;
    const char *values
        [COMMAND_OPTIONS_MAX]; /* in the order of the command's options; "" for a switch that is on */
};

/* 0, or -EINVAL with *err. `command` stays NULL when none was named. */
int command_read(int argc, char *const *argv, const struct command *commands, size_t commands_count,
                 struct invocation *ret_call, struct err *err) must_check;
/* What was given for an option of the command; NULL when it was not. */
const char *command_value(const struct invocation *call, const char *option);

/* Prints the page of all commands, or of one. */
void command_print_all(const struct command *commands, size_t commands_count);
void command_print_help(const struct command *command);

/* One line on standard error: "seawall: …". Returns EXIT_FAILED. */
enum exit_status command_fail(const char *format, ...) printf_like(1, 2);

/* cmd_*.c */
extern const struct command_option options_key_create[], options_key_rotate[], options_key_limit[], options_link[], options_account_limit[], options_usage[],
    options_top[], options_status[], options_profile_list[], options_profile_import[], options_storm[];
enum exit_status cmd_key_create(const struct invocation *call);
enum exit_status cmd_key_list(const struct invocation *call);
enum exit_status cmd_key_show(const struct invocation *call);
enum exit_status cmd_key_disable(const struct invocation *call);
enum exit_status cmd_key_enable(const struct invocation *call);
enum exit_status cmd_key_rotate(const struct invocation *call);
enum exit_status cmd_key_limit(const struct invocation *call);
enum exit_status cmd_link(const struct invocation *call);
enum exit_status cmd_account_list(const struct invocation *call);
enum exit_status cmd_account_show(const struct invocation *call);
enum exit_status cmd_account_limit(const struct invocation *call);
enum exit_status cmd_key_import(const struct invocation *call);
enum exit_status cmd_profile_show(const struct invocation *call);
enum exit_status cmd_profile_list(const struct invocation *call);
enum exit_status cmd_profile_grant(const struct invocation *call);
enum exit_status cmd_profile_forget(const struct invocation *call);
enum exit_status cmd_profile_import(const struct invocation *call);
enum exit_status cmd_usage(const struct invocation *call);
enum exit_status cmd_top(const struct invocation *call);
enum exit_status cmd_status(const struct invocation *call);
enum exit_status cmd_storm(const struct invocation *call);
enum exit_status cmd_explain(const struct invocation *call);
enum exit_status cmd_reload(const struct invocation *call);
enum exit_status cmd_check(const struct invocation *call);
