/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/keys.h"

#include "base/alloc.h"
#include "base/file.h"

/* As it may stand behind "Bearer ": visible ASCII. */
static bool is_key(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return text.len <= KEYS_BYTES_MAX;
}

/* The next key, or null at the end; *line counts. */
static struct span next_key(struct span *rest, size_t *line)
{
    struct span text;
    while (span_split(rest, '\n', &text)) {
        ++*line;
        if (span_ends(text, SPAN("\r")))
            text.len--;
        text = span_trim(text);
        if (text.len > 0 && text.ptr[0] != '#')
            return text;
    }
    return SPAN_NULL;
}

int keys_read(struct keys *keys, const char *name, struct err *err)
{
    struct span rest = buf_span(&keys->text), key;
    size_t line = 0, count = 0;
    while (!span_is_null(key = next_key(&rest, &line))) {
        if (!is_key(key))
            return err_set(err, -EINVAL, "%s:%zu: expected a key of 1 to %d visible characters",
                           name, line, KEYS_BYTES_MAX);
        count++;
    }
    if (count == 0)
        return err_set(err, -EINVAL, "%s: there is no key in it", name);
    keys->list = mem_array(count, sizeof(*keys->list));
    if (!keys->list)
        return err_set(err, -ENOMEM, "%s: out of memory", name);
    rest = buf_span(&keys->text);
    while (!span_is_null(key = next_key(&rest, &line)))
        keys->list[keys->count++] = key;
    return 0;
}

int keys_load(const char *path, struct keys *ret_keys, struct err *err)
{
    *ret_keys = (struct keys){.list = NULL};
    buf_init(&ret_keys->text, KEYS_FILE_BYTES_MAX);
    int r = file_read(path, &ret_keys->text, err);
    return r == 0 ? keys_read(ret_keys, path, err) : r;
}

void keys_release(struct keys *keys)
{
    if (!keys)
        return;
    if (keys->text.ptr)
        explicit_bzero(keys->text.ptr, keys->text.cap);
    if (keys->text.max > 0)
        buf_release(&keys->text);
    mem_free(keys->list);
    *keys = (struct keys){.list = NULL};
}
