/* SPDX-License-Identifier: Apache-2.0 */
/* seawall storm: load and attacks against a service on this machine (storm/storm.h). Asks nothing of the service's admin socket. */
#include "command.h"

#include "base/random.h"
#include "base/text.h"
#include "storm/storm.h"

const struct command_option options_storm[] = {
    {"--list", NULL, "names the built-in scenarios; any other is a file"},
    {"--url", "URL", "the service: 127.0.0.0/8, [::1] or localhost (" STORM_URL_OTHERWISE ")"},
    {"--model", "NAME", "the model to ask for (the first that the service names)"},
    {"--capacity", "N", "what 1x is: requests a second, or tokens with a 't' behind it (15)"},
    {"--factor", "N", "what attackers send, in multiples of it (the scenario's)"},
    {"--seed", "N", "repeats the same requests (any; it is printed)"},
    {"--seconds", "N", "presses the scenario's times into so many seconds"},
    {"--keys", "FILE", "keys of known users, one a line"},
    {"--new-keys", "FILE", "keys of accounts without a history"},
    {"--trace", "FILE", "arrivals and lengths to replay: CSV or JSON lines"},
    {"--scale", "X", "prompts and answers X times as long, for a small engine (1)"},
    {"--tpot", "MS", "time of a token when nothing else runs (measured in the calm phase)"},
    {"--any-length", NULL, "answers may end when the engine likes"},
    {"--header", "LINE", "one more header with each request: 'Name: value'"},
    {"--output", "FILE", "writes figures and time series as JSON"},
    {"--plain", NULL, "a line each second, no screen that is drawn anew"},
    {NULL, NULL, NULL},
};

/* A number with a fraction, `min` to `max`; `unit`: one letter that may stand behind it. */
static int read_number(const struct invocation *call, const char *option, double min, double max,
                       char unit, double *ret_value, bool *ret_has_unit, struct err *err)
{
    const char *text = command_value(call, option);
    char *end;
    if (!text)
        return 0;
    double value = strtod(text, &end);
    bool has_unit = unit && *end == unit;
    end += has_unit;
    if (end == text || *end != '\0' || !(value >= min && value <= max))
        return err_set(err, -EINVAL, "%s expects a number from %g to %g, got '%.64s'", option, min,
                       max, text);
    *ret_value = value;
    if (ret_has_unit)
        *ret_has_unit = has_unit;
    return 0;
}

static int read_seed(const struct invocation *call, uint64_t *ret_seed, struct err *err)
{
    const char *text = command_value(call, "--seed");
    *ret_seed = random_below(UINT32_MAX);
    if (text && text_to_u64(span_str(text), ret_seed) < 0)
        return err_set(err, -EINVAL, "--seed expects a whole number, got '%.64s'", text);
    return 0;
}

static int read_options(const struct invocation *call, struct storm_options *ret_options,
                        struct err *err)
{
    const char *url = command_value(call, "--url");
    *ret_options = (struct storm_options){
        .scenario = call->arguments[0],
        .url = url ? url : STORM_URL_OTHERWISE,
        .model = command_value(call, "--model"),
        .keys_path = command_value(call, "--keys"),
        .fresh_path = command_value(call, "--new-keys"),
        .trace_path = command_value(call, "--trace"),
        .header = command_value(call, "--header"),
        .output_path = command_value(call, "--output"),
        .factor = -1,
        .capacity = STORM_CAPACITY_OTHERWISE,
        .scale = 1,
        .any_length = command_value(call, "--any-length") != NULL,
        .plain = command_value(call, "--plain") != NULL,
        .json = call->json,
    };
    struct storm_options *options = ret_options;
    int r = read_seed(call, &options->seed, err);
    if (r == 0)
        r = read_number(call, "--capacity", 0.01, 1e6, 't', &options->capacity,
                        &options->capacity_in_tokens, err);
    if (r == 0)
        r = read_number(call, "--factor", 0, 1e5, 0, &options->factor, NULL, err);
    if (r == 0)
        r = read_number(call, "--seconds", 1, 86400, 0, &options->seconds, NULL, err);
    if (r == 0)
        r = read_number(call, "--scale", 0.001, 100, 0, &options->scale, NULL, err);
    if (r == 0)
        r = read_number(call, "--tpot", 0.001, 60000, 0, &options->unloaded_tpot_ms, NULL, err);
    return r;
}

enum exit_status cmd_storm(const struct invocation *call)
{
    struct storm_options options;
    struct err err = {""};
    if (command_value(call, "--list"))
        return storm_list(stdout, &err) == 0 ? EXIT_OK : command_fail("%s", err.text);
    if (call->arguments_count == 0) {
        (void)command_fail("usage: seawall storm SCENARIO (--list names them)");
        return EXIT_USAGE;
    }
    if (read_options(call, &options, &err) < 0) {
        (void)command_fail("%s", err.text);
        return EXIT_USAGE;
    }
    return storm_run(&options, &err) == 0 ? EXIT_OK : command_fail("%s", err.text);
}
