/* SPDX-License-Identifier: Apache-2.0 */
/* seawall check: a configuration and the secrets that it names, judged as the service would; no service is needed. */
#include "client.h"
#include "config/config.h"

#define WARNINGS_BYTES_MAX 65536

static enum exit_status print_json(const char *path, bool good, const char *error,
                                   struct span warnings, bool uses_model)
{
    json_t *list = json_array();
    struct span line;
    while (span_split(&warnings, '\n', &line))
        if (line.len > 0)
            (void)json_array_append_new(list, json_stringn(line.ptr, line.len));
    json_t *json = json_pack("{s:s, s:b, s:b, s:s*, s:o}", "file", path, "good", good,
                             "embedded_model", uses_model, "error", good ? NULL : error, "warnings",
                             list);
    enum exit_status status = json ? client_print(json) : command_fail("out of memory");
    json_decref(json);
    return status;
}

enum exit_status cmd_check(const struct invocation *call)
{
    const char *path = call->arguments[0];
    struct err err = {""};
    struct buf warnings;
    buf_init(&warnings, WARNINGS_BYTES_MAX);
    bool uses_model = false;
    bool good = config_check(path, &warnings, &uses_model, &err) == 0;
    enum exit_status status = good ? EXIT_OK : EXIT_FAILED;
    if (call->json) {
        enum exit_status printed = print_json(path, good, err.text, buf_span(&warnings), uses_model);
        status = printed == EXIT_OK ? status : printed;
    } else {
        fwrite(buf_cstr(&warnings), 1, warnings.len, stderr);
        if (good)
            printf("%s is good.\n", path);
        else
            (void)command_fail("%s", err.text);
    }
    buf_release(&warnings);
    return status;
}
