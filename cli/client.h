/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin API from the tool's side: blocking HTTP over DIR/admin.sock.
 */
#pragma once

#include "base/buf.h"
#include "command.h"

#include <jansson.h>

#define CLIENT_ANSWER_BYTES_MAX (512U << 20)
#define CLIENT_WAIT_S 60 /* for an answer; the service gives up on its database far sooner */
#define CLIENT_IMPORT_WAIT_S 900

struct client;

/* `data` may be NULL: the default folder. 0, or -errno with *err: the service cannot be reached. */
int client_open(const char *data, struct client **ret_client, struct err *err) must_check;
void client_close(struct client *client);
/* One request on this connection. 0 with the answer's status and body (valid until the next call), or -errno. */
int client_call(struct client *client, const char *method, const char *target, struct span body,
                unsigned *ret_status, struct span *ret_body, struct err *err) must_check;
void client_set_wait(struct client *client, uint32_t seconds);

/* Opens a connection for one request and reads its JSON; a refusal's document comes with EXIT_FAILED, with its
 * message already in *err. The caller owns *ret_json (json_decref), which is NULL when there is none. */
enum exit_status client_ask(const struct invocation *call, const char *method, const char *target,
                            struct span body, json_t **ret_json, struct err *err) must_check;

/* The same, with errors told: EXIT_OK and *ret_json, or what to exit with. */
enum exit_status client_get(const struct invocation *call, const char *method, const char *target,
                            struct span body, json_t **ret_json) must_check;

/* The same about what the command's first argument names, a person's input: `folder`, that name with what an address cannot have escaped, and `verb`. */
enum exit_status client_get_about(const struct invocation *call, const char *method, const char *folder,
                                  const char *verb, struct span body, json_t **ret_json) must_check;

/* One document on standard output. */
enum exit_status client_print(const json_t *json);
