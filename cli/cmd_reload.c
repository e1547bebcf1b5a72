/* SPDX-License-Identifier: Apache-2.0 */
/* seawall reload: the service reads its configuration again, whole or not at all. */
#include "client.h"

enum exit_status cmd_reload(const struct invocation *call)
{
    json_t *json = NULL;
    enum exit_status status = client_get(call, "POST", "/reload", SPAN(""), &json);
    const char *waiting = json_string_value(json_object_get(json, "at_next_start"));
    if (status == EXIT_OK && call->json)
        status = client_print(json);
    else if (status == EXIT_OK && waiting)
        printf("The new configuration is in force, but for what takes effect at the next start: %s.\n",
               waiting);
    else if (status == EXIT_OK)
        puts("The new configuration is in force.");
    json_decref(json);
    return status;
}
