/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/scenario_builtin.h"

#include "base/file.h"
#include "storm/scenario.h"

const char *scenario_name_at(size_t index)
{
    return index < scenario_builtin_count ? scenario_builtins[index].name : NULL;
}

static int load_file(const char *path, struct scenario *ret_scenario, struct err *err)
{
    struct buf text;
    buf_init(&text, SCENARIO_FILE_BYTES_MAX);
    int r = file_read(path, &text, err);
    if (r == 0)
        r = scenario_read(buf_span(&text), path, ret_scenario, err);
    buf_release(&text);
    return r;
}

int scenario_load(const char *name_or_path, struct scenario *ret_scenario, struct err *err)
{
    for (size_t i = 0; i < scenario_builtin_count; i++) {
        if (strcmp(scenario_builtins[i].name, name_or_path) == 0)
            return scenario_read(scenario_builtins[i].yaml, name_or_path, ret_scenario, err);
    }
    if (strchr(name_or_path, '/') || span_ends(span_str(name_or_path), SPAN(".yaml")))
        return load_file(name_or_path, ret_scenario, err);
    return err_set(err, -ENOENT, "no scenario '%.64s'; 'seawall storm --list' lists them",
                   name_or_path);
}
