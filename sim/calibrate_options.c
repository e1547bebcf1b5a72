/* SPDX-License-Identifier: Apache-2.0 */
#include "calibrate.h"

#include "base/text.h"

#define SECONDS_UNLESS_TOLD 180
#define BATCH_UNLESS_TOLD 32

enum value { TEXT, NUMBER, KIND };

static const struct option {
    const char *name;
    enum value type;
    size_t at;
    uint32_t min, max; /* of a NUMBER */
    const char *argument;
    const char *help;
} table[] = {
#define AT(member) offsetof(struct calibrate_options, member)
    {"--output", TEXT, AT(output), 0, 0, "FILE", "the preset (standard output)"},
    {"--api-key-file", TEXT, AT(api_key_file), 0, 0, "FILE",
     "its first line is sent as the engine's key"},
    {"--model", TEXT, AT(model), 0, 0, "NAME",
     "which one to call (the first that the engine lists)"},
    {"--name", TEXT, AT(name), 0, 0, "NAME", "of the preset (calibrated)"},
    {"--title", TEXT, AT(title), 0, 0, "TEXT", "engine, model, hardware, for people"},
    {"--seconds", NUMBER, AT(seconds), 5, 3600, "N", "about how long to measure (180)"},
    {"--batch-max", NUMBER, AT(batch_max), 1, 256, "N", "calls at once at most (32)"},
    {"--context", NUMBER, AT(context_tokens), 64, 10000000, "N",
     "tokens of prompt and answer (what the engine says)"},
    {"--kv-tokens", NUMBER, AT(kv_tokens), 64, 1u << 30, "N",
     "size of the KV cache (what the engine says)"},
    {"--running-max", NUMBER, AT(running_max), 1, 65536, "N",
     "calls that run at once (what is seen)"},
    {"--step-tokens", NUMBER, AT(step_tokens), 1, 1u << 20, "N",
     "tokens of one step at most (what is seen, else 2048)"},
    {"--kind", KIND, AT(kind), 0, 0, "batch|slots", "the scheduler (slots for llama.cpp)"},
#undef AT
};

void calibrate_print_help(void)
{
    printf("usage: simllm calibrate URL [option]…\n\n"
           "Measures the OpenAI-compatible engine at URL, which should serve nobody else "
           "meanwhile.\n\n");
    for (size_t i = 0; i < COUNT_OF(table); i++)
        printf("  %-16s %-12s %s\n", table[i].name, table[i].argument, table[i].help);
}

static int take_number(const struct option *option, const char *text, uint32_t *number,
                       struct err *err)
{
    uint64_t value;
    if (text_to_u64(span_str(text), &value) < 0 || value < option->min || value > option->max)
        return err_set(err, -EINVAL, "%s needs a whole number from %u to %u, not '%.64s'",
                       option->name, option->min, option->max, text);
    *number = (uint32_t)value;
    return 0;
}

static int take_kind(const char *text, uint32_t *kind, struct err *err)
{
    if (strcmp(text, "batch") != 0 && strcmp(text, "slots") != 0)
        return err_set(err, -EINVAL, "--kind is 'batch' or 'slots', not '%.64s'", text);
    *kind = (strcmp(text, "slots") == 0 ? PRESET_SLOTS : PRESET_BATCH) + 1;
    return 0;
}

static int take(const struct option *option, const char *text, struct calibrate_options *options,
                struct err *err)
{
    void *at = (char *)options + option->at;
    if (option->type == NUMBER)
        return take_number(option, text, at, err);
    if (option->type == KIND)
        return take_kind(text, at, err);
    *(const char **)at = text;
    return text[0] ? 0 : err_set(err, -EINVAL, "%s needs a text", option->name);
}

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

int calibrate_options_read(int argc, char *const *argv, struct calibrate_options *ret_options,
                           struct err *err)
{
    struct calibrate_options options = {
        .name = "calibrated", .seconds = SECONDS_UNLESS_TOLD, .batch_max = BATCH_UNLESS_TOLD};
    for (int i = 0; i < argc; i++) {
        const struct option *option = find(argv[i]);
        if (strcmp(argv[i], "--help") == 0)
            return 1;
        if (!option && (argv[i][0] == '-' || options.url))
            return err_set(err, -EINVAL, "'%.64s' is no option; see --help", argv[i]);
        if (!option) {
            options.url = argv[i];
            continue;
        }
        if (++i == argc)
            return err_set(err, -EINVAL, "%s needs %s", option->name, option->argument);
        int r = take(option, argv[i], &options, err);
        if (r < 0)
            return r;
    }
    if (!options.url)
        return err_set(err, -EINVAL, "'simllm calibrate' needs the URL of an engine");
    *ret_options = options;
    return 0;
}
