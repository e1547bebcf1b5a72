/* SPDX-License-Identifier: Apache-2.0 */
#include "preset_builtin.h"

#include "base/alloc.h"
#include "preset.h"

#include <fcntl.h>
#include <unistd.h>

const char *preset_name_at(size_t index)
{
    return index < preset_builtin_count ? preset_builtins[index].name : NULL;
}

static int read_file(const char *path, struct buf *text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && buf_reserve(text, 4096) == 0) {
        got = read(fd, text->ptr + text->len, 4096);
        text->len += got > 0 ? (size_t)got : 0;
    }
    int r = got < 0 ? err_errno(err, -errno, "cannot read '%s'", path) : 0;
    if (r == 0 && buf_status(text) < 0)
        r = err_set(err, buf_status(text), "'%s' is larger than %d bytes", path,
                    PRESET_FILE_BYTES_MAX);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int load_file(const char *path, struct preset *ret_preset, struct err *err)
{
    struct buf text;
    buf_init(&text, PRESET_FILE_BYTES_MAX);
    int r = read_file(path, &text, err);
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
