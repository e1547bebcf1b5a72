/* SPDX-License-Identifier: Apache-2.0 */
/* A file of keys from elsewhere. What comes of it is a JSON document with one member of `keys` for each line that is named, in the order of the file; what is wrong
 * with it is said with its line. */
#include "fuzz.h"
#include "import_file.h"

#include <jansson.h>

static void check_body(const struct import_file *file, size_t lines)
{
    json_t *root = json_loadb(file->body.ptr, file->body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *keys = json_object_get(root, "keys");
    check(json_is_array(keys) && json_array_size(keys) == file->count);
    for (size_t i = 0; i < file->count; i++) {
        const json_t *key = json_array_get(keys, i);
        check(json_is_object(key));
        check(file->lines[i] >= 1 && file->lines[i] <= lines);
        check(i == 0 || file->lines[i] > file->lines[i - 1]);
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import_file file;
    struct err err = {""};
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n' || data[i] == '\r';
    int result = import_file_read(span_of(data, size), &file, &err);
    check(result == 0 || (result == -EINVAL && err.text[0] != '\0'));
    if (result == 0)
        check_body(&file, lines);
    import_file_release(&file);
    return 0;
}
