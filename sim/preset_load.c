/* SPDX-License-Identifier: Apache-2.0 */
#include "preset_builtin.h"

#include "base/file.h"
#include "preset.h"

const char *preset_name_at(size_t index)
{
    return index < preset_builtin_count ? preset_builtins[index].name : NULL;
}

static int load_file(const char *path, struct preset *ret_preset, struct err *err)
{
    struct buf text;
    buf_init(&text, PRESET_FILE_BYTES_MAX);
    int r = file_read(path, &text, err);
    if (r == 0)
        r = preset_read(buf_span(&text), path, ret_preset, err);
    buf_release(&text);
    return r;
}

int preset_load(const char *name_or_path, struct preset *ret_preset, struct err *err)
{
    for (size_t i = 0; i < preset_builtin_count; i++) {
        if (strcmp(preset_builtins[i].name, name_or_path) == 0)
            return preset_read(preset_builtins[i].json, name_or_path, ret_preset, err);
    }
    if (strchr(name_or_path, '/') || span_ends(span_str(name_or_path), SPAN(".json")))
        return load_file(name_or_path, ret_preset, err);
    return err_set(err, -ENOENT, "no preset '%.64s'; 'simllm presets' lists them", name_or_path);
}
