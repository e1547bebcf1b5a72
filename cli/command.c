/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "base/span.h"

#include <stdarg.h>

#define HELP_COLUMN 34

enum exit_status command_fail(const char *format, ...)
{
    va_list args;
    fputs("seawall: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

/* ── what was given ── */

static size_t words_of(const char *text)
{
    size_t count = text[0] != '\0';
    for (; *text; text++)
        count += *text == ' ';
    return count;
}

/* How many of the words name this command: all of its own, or 0. */
static size_t named_by(const struct command *command, const char *const *words, size_t count)
{
    struct span rest = span_str(command->name), word;
    size_t taken = 0;
    while (span_split(&rest, ' ', &word)) {
        if (taken == count || !span_eq(word, span_str(words[taken])))
            return 0;
        taken++;
    }
    return taken;
}

static bool is_group(const struct command *commands, size_t count, struct span word)
{
    for (size_t i = 0; i < count; i++) {
        struct span name = span_str(commands[i].name);
        if (name.len > word.len && span_starts(name, word) && name.ptr[word.len] == ' ')
            return true;
    }
    return false;
}

static int no_such_command(const struct command *commands, size_t count, const char *const *words,
                           size_t words_count, struct err *err)
{
    if (!is_group(commands, count, span_str(words[0])))
        return err_set(err, -EINVAL, "unknown command '%s' (try --help)", words[0]);
    if (words_count == 1)
        return err_set(err, -EINVAL, "'%s' needs another word (try --help)", words[0]);
    return err_set(err, -EINVAL, "unknown command '%s %s' (try --help)", words[0], words[1]);
}

/* The words that are no options: the command and its arguments. */
static int read_words(const struct command *commands, size_t count, const char *const *words,
                      size_t words_count, struct invocation *call, struct err *err)
{
    size_t taken = 0;
    if (words_count == 0)
        return 0;
    for (size_t i = 0; i < count && taken == 0; i++) {
        taken = named_by(&commands[i], words, words_count);
        if (taken > 0)
            call->command = &commands[i];
    }
    if (!call->command && call->help && is_group(commands, count, span_str(words[0])))
        return 0;
    if (!call->command)
        return no_such_command(commands, count, words, words_count, err);
    size_t wanted = words_of(call->command->arguments);
    size_t optional = span_starts(span_str(call->command->arguments), SPAN("["));
    if (call->help)
        return 0;
    if (words_count - taken + optional < wanted)
        return err_set(err, -EINVAL, "usage: seawall %s %s", call->command->name,
                       call->command->arguments);
    if (words_count - taken > wanted)
        return err_set(err, -EINVAL, "unexpected argument '%s'", words[taken + wanted]);
    for (size_t i = 0; i < words_count - taken; i++)
        call->arguments[call->arguments_count++] = words[taken + i];
    return 0;
}

struct given {
    struct span name;
    const char *inside; /* behind '=', or NULL */
};

static struct given given_of(const char *word)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return (struct given){span_str(word), NULL};
    return (struct given){span_of(word, (size_t)(equals - word)), equals + 1};
}

/* The value of an option: what stands behind '=', or the next word. */
static int take_value(struct given given, int argc, char *const *argv, int *at,
                      const char **ret_value, struct err *err)
{
    if (given.inside)
        *ret_value = given.inside;
    else if (*at + 1 < argc)
        *ret_value = argv[++*at];
    else
        *ret_value = "";
    if ((*ret_value)[0] == '\0')
        return err_set(err, -EINVAL, "'%.*s' needs a value", (int)given.name.len, given.name.ptr);
    return 0;
}

/* An option that every command takes: 1, or 0 when it is none. */
static int read_common(struct given given, int argc, char *const *argv, int *at,
                       struct invocation *call, struct err *err)
{
    bool help = span_eq(given.name, SPAN("--help")) || span_eq(given.name, SPAN("-h"));
    bool json = span_eq(given.name, SPAN("--json"));
    if (span_eq(given.name, SPAN("--data"))) {
        int result = take_value(given, argc, argv, at, &call->data, err);
        return result < 0 ? result : 1;
    }
    if (!help && !json)
        return 0;
    if (given.inside)
        return err_set(err, -EINVAL, "'%.*s' takes no value", (int)given.name.len, given.name.ptr);
    call->help = call->help || help;
    call->json = call->json || json;
    return 1;
}

static int read_own(struct given given, int argc, char *const *argv, int *at,
                    struct invocation *call, struct err *err)
{
    const struct command_option *options = call->command ? call->command->options : NULL;
    for (size_t i = 0; options && options[i].name; i++) {
        if (!span_eq(given.name, span_str(options[i].name)))
            continue;
        if (options[i].value)
            return take_value(given, argc, argv, at, &call->values[i], err);
        if (given.inside)
            return err_set(err, -EINVAL, "'%s' takes no value", options[i].name);
        call->values[i] = "";
        return 0;
    }
    return err_set(err, -EINVAL, "unknown option '%.*s' (try --help)", (int)given.name.len,
                   given.name.ptr);
}

/* Which words are options' values depends on the command, and the command is known when the words are. So whatever a
 * command takes a value for, all take one for: the table of main.c has no name in both roles. */
static bool takes_value(const struct command *commands, size_t count, struct span name)
{
    if (span_eq(name, SPAN("--data")))
        return true;
    for (size_t i = 0; i < count; i++)
        for (const struct command_option *option = commands[i].options; option && option->name;
             option++)
            if (option->value && span_eq(name, span_str(option->name)))
                return true;
    return false;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int command_read(int argc, char *const *argv, const struct command *commands, size_t commands_count,
                 struct invocation *ret_call, struct err *err)
{
    const char *words[COMMAND_ARGUMENTS_MAX + 3];
    size_t words_count = 0;
    struct invocation call = {.command = NULL};
    int result = 0;

    for (int i = 1; i < argc; i++) {
        struct given given = given_of(argv[i]);
        if (!is_option(argv[i])) {
            if (words_count < sizeof(words) / sizeof(words[0]))
                words[words_count++] = argv[i];
            continue;
        }
        call.help =
            call.help || span_eq(given.name, SPAN("--help")) || span_eq(given.name, SPAN("-h"));
        i += !given.inside && takes_value(commands, commands_count, given.name);
    }
    result = read_words(commands, commands_count, words, words_count, &call, err);
    for (int i = 1; result == 0 && i < argc; i++) {
        if (!is_option(argv[i]))
            continue;
        struct given given = given_of(argv[i]);
        result = read_common(given, argc, argv, &i, &call, err);
        if (result == 0)
            result = read_own(given, argc, argv, &i, &call, err);
        else if (result > 0)
            result = 0;
    }
    if (result == 0)
        *ret_call = call;
    return result;
}

const char *command_value(const struct invocation *call, const char *option)
{
    const struct command_option *options = call->command->options;
    for (size_t i = 0; options && options[i].name; i++)
        if (strcmp(options[i].name, option) == 0)
            return call->values[i];
    check(false);
}

/* ── pages of help ── */

static void print_row(const char *left, const char *right)
{
    printf("  %-*s%s%s\n", HELP_COLUMN, left, strlen(left) >= HELP_COLUMN ? "  " : "", right);
}

static void print_options(const struct command_option *options)
{
    char left[64];
    for (; options && options->name; options++) {
        snprintf(left, sizeof(left), "%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        print_row(left, options->help);
    }
}

static void print_common(void)
{
    print_row("--data DIR", "the service's data folder, as given to ./run");
    print_row("", "(default /var/lib/seawall for root, else ~/.local/share/seawall)");
    print_row("--json", "print one JSON document");
    print_row("--help", "this page");
    puts("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 the service cannot be reached.");
}

void command_print_all(const struct command *commands, size_t commands_count)
{
    char left[64];
    puts("Usage: seawall [--data DIR] [--json] COMMAND\nLook at a running Seawall, change its "
         "keys and budgets.\n");
    for (size_t i = 0; i < commands_count; i++) {
        snprintf(left, sizeof(left), "%s%s%s", commands[i].name,
                 commands[i].arguments[0] ? " " : "", commands[i].arguments);
        print_row(left, commands[i].help);
    }
    puts("");
    print_common();
    puts("\n'seawall COMMAND --help' shows the options of one command.");
}

void command_print_help(const struct command *command)
{
    printf("Usage: seawall %s%s%s [OPTION]...\n%s\n\n", command->name,
           command->arguments[0] ? " " : "", command->arguments, command->help);
    print_options(command->options);
    print_common();
}
