/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "ask.h"
#include "base/text.h"

#define PRESET_UNLESS_TOLD "vllm-cpu"
#define SPEED_MAX 100000.0
#define CONNECTIONS_MAX 100000u

/* ── one option each ── */

static int take_preset(struct options *options, const char *value, struct err *err)
{
    return preset_load(value, &options->preset, err);
}

static int take_model(struct options *options, const char *value, struct err *err)
{
    size_t len = strlen(value);
    if (len < 1 || len >= sizeof(options->preset.model.name) || !text_is_utf8(span_str(value)))
        return err_set(err, -EINVAL, "--model needs a name of 1 to %zu bytes",
                       sizeof(options->preset.model.name) - 1);
    memcpy(options->preset.model.name, value, len + 1);
    return 0;
}

static int take_host(struct options *options, const char *value, struct err *err)
{
    (void)err;
    options->host = value;
    return 0;
}

static int take_number(const char *name, const char *value, uint64_t max, uint64_t *ret_number,
                       struct err *err)
{
    if (text_to_u64(span_str(value), ret_number) < 0 || *ret_number > max)
        return err_set(err, -EINVAL, "%s needs a whole number from 0 to %llu, not '%.64s'", name,
                       (unsigned long long)max, value);
    return 0;
}

static int take_port(struct options *options, const char *value, struct err *err)
{
    uint64_t port = 0;
    int r = take_number("--port", value, UINT16_MAX, &port, err);
    options->port = (uint16_t)port;
    return r;
}

static int take_speed(struct options *options, const char *value, struct err *err)
{
    char *end;
    double speed = strtod(value, &end);
    if (end == value || *end != '\0' || !(speed >= 0.001 && speed <= SPEED_MAX))
        return err_set(err, -EINVAL, "--speed needs a number from 0.001 to %.0f, not '%.64s'",
                       SPEED_MAX, value);
    options->speed = speed;
    return 0;
}

static int take_seed(struct options *options, const char *value, struct err *err)
{
    return take_number("--seed", value, UINT64_MAX, &options->seed, err);
}

static int take_api_key(struct options *options, const char *value, struct err *err)
{
    options->api_key = value;
    return value[0] ? 0 : err_set(err, -EINVAL, "--api-key needs a key");
}

static int take_no_abort(struct options *options, const char *value, struct err *err)
{
    if (strcmp(value, "always") == 0)
        options->preset.habits.stops = PRESET_STOPS_NONE;
    else if (strcmp(value, "unstreamed") == 0)
        options->preset.habits.stops = PRESET_STOPS_STREAMED;
    else
        return err_set(err, -EINVAL, "--no-abort is 'always' or 'unstreamed', not '%.64s'", value);
    return 0;
}

static int take_fault(struct options *options, const char *value, struct err *err)
{
    int r = faults_arm_text(&options->faults, value, err);
    return r < 0 ? err_prefix(err, r, "--fault") : 0;
}

static int take_control(struct options *options, const char *value, struct err *err)
{
    (void)value;
    (void)err;
    options->control = true;
    return 0;
}

static int take_connections(struct options *options, const char *value, struct err *err)
{
    uint64_t max = 0;
    int r = take_number("--connections-max", value, CONNECTIONS_MAX, &max, err);
    options->connections_max = (uint32_t)max;
    return r;
}

static int take_body_bytes(struct options *options, const char *value, struct err *err)
{
    uint64_t max = 0;
    int r = take_number("--body-bytes-max", value, ASK_BODY_BYTES_MAX, &max, err);
    options->body_bytes_max = (size_t)max;
    return r;
}

/* ── all of them ── */

static const struct option {
    const char *name;
    const char *value; /* NULL: a switch */
    int (*take)(struct options *options, const char *value, struct err *err);
    const char *help;
} table[] = {
    {"--preset", "NAME|FILE", take_preset,
     "the engine to be; 'simllm presets' lists names (" PRESET_UNLESS_TOLD ")"},
    {"--host", "ADDRESS", take_host, "where to listen (127.0.0.1)"},
    {"--port", "N", take_port, "the port; 0 is any free one (0)"},
    {"--model", "NAME", take_model, "the model's name, instead of the preset's"},
    {"--speed", "X", take_speed, "seconds of the engine's time in one real second (1)"},
    {"--seed", "N", take_seed, "of lengths, texts, jitter and faults (1)"},
    {"--api-key", "KEY", take_api_key, "ask for it in 'Authorization: Bearer'"},
    {"--no-abort", "always|unstreamed", take_no_abort, "go on with calls whose client hung up"},
    {"--fault", "NAME[:RATE[:SECONDS]]", take_fault, "what goes wrong; may be repeated"},
    {"--control", NULL, take_control, "let anyone who can connect arm faults: POST /sim/fault"},
    {"--connections-max", "N", take_connections, "open connections (10000)"},
    {"--body-bytes-max", "N", take_body_bytes, "a request's body (8388608)"},
};

void options_print_help(void)
{
    printf("usage: simllm serve [option]…\n\n");
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s %s", table[i].name,
                       table[i].value ? table[i].value : "");
        printf("  %-33s %s\n", left, table[i].help);
    }
    printf("\nfaults:");
    for (size_t i = 0; i < FAULTS; i++)
        printf(" %s", fault_name((enum fault)i));
    printf("\n");
}

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

/* Once for the preset, on which other options build, and once for all others. */
static int read_pass(int argc, char *const *argv, bool presets, struct options *options,
                     struct err *err)
{
    for (int i = 0; i < argc; i++) {
        const struct option *option = find(argv[i]);
        if (!option)
            return err_set(err, -EINVAL, "'%.64s' is no option; see --help", argv[i]);
        const char *value = NULL;
        if (option->value && ++i == argc)
            return err_set(err, -EINVAL, "%s needs %s", option->name, option->value);
        if (option->value)
            value = argv[i];
        int r = (option->take == take_preset) == presets ? option->take(options, value, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int options_read(int argc, char *const *argv, struct options *ret_options, struct err *err)
{
    *ret_options = (struct options){.host = "127.0.0.1",
                                    .speed = 1,
                                    .seed = 1,
                                    .connections_max = 10000,
                                    .body_bytes_max = 8u << 20};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return 1;
    }
    int r = read_pass(argc, argv, true, ret_options, err);
    if (r == 0 && ret_options->preset.name[0] == '\0')
        r = preset_load(PRESET_UNLESS_TOLD, &ret_options->preset, err);
    if (r == 0)
        r = read_pass(argc, argv, false, ret_options, err);
    ret_options->faults.chance = chance_of(chance_seed(ret_options->seed, 0));
    return r;
}
