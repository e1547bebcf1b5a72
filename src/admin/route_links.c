/* SPDX-License-Identifier: Apache-2.0 */
/* A link that signs in once, for whoever has the key's text: only its digest is kept here. */
#include "admin/admin_internal.h"
#include "admin/keys_json.h"
#include "admin/routes.h"
#include "site/assets.h"

#define ANSWER_BYTES_MAX 4096U

_Static_assert(LINK_KEY_BYTES_MAX >= KEY_IMPORTED_TEXT_MAX, "a link holds any key");
_Static_assert(LINK_NAME_BYTES_MAX >= KEY_NAME_BYTES_MAX, "… and any name");

/* Whether this text signs in today; an unlisted key that is let in has no name. */
static enum reason check_text(struct admin *admin, struct span text, struct key **ret_key,
                              uint64_t *ret_id)
{
    char bearer[sizeof("Bearer ") + KEY_IMPORTED_TEXT_MAX];
    int len = snprintf(bearer, sizeof(bearer), "Bearer %.*s", (int)MIN(text.len, sizeof(bearer)),
                       text.ptr);
    if ((size_t)len >= sizeof(bearer))
        return REASON_BAD_KEY;
    enum reason reason = keyring_check(admin->ring, span_of(bearer, (size_t)len),
                                       loop_wall_ms(admin->loop), ret_key, ret_id);
    explicit_bzero(bearer, sizeof(bearer));
    return reason;
}

static void answer_link(const struct ask *ask, uint64_t id, struct span name, const char *token)
{
    char shown[16], path[sizeof("/#link=") + LINK_TOKEN_BYTES];
    struct buf buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    key_format_id(id, shown);
    snprintf(path, sizeof(path), "/#link=%s", token);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("id"));
    json_out_string(&out, span_str(shown));
    json_out_key(&out, SPAN("name"));
    json_out_string(&out, name);
    json_out_key(&out, SPAN("path"));
    json_out_string(&out, span_str(path));
    json_out_key(&out, SPAN("expires_in_s"));
    json_out_u64(&out, LINK_LIFE_MS / 1000);
    json_out_close(&out, '}');
    caller_answer_built(ask->caller, &buf);
}

static void make_link(const struct ask *ask, struct span text)
{
    struct admin *admin = ask->admin;
    struct key *key = NULL;
    uint64_t id = 0;
    char token[LINK_TOKEN_BYTES + 1];
    enum reason reason = check_text(admin, text, &key, &id);
    struct span name = key ? span_str(key->name) : SPAN("");
    if (reason != REASON_OK)
        caller_answer_error(ask->caller,
                            reason == REASON_BAD_KEY || reason == REASON_NO_KEY ? 404 : 409, "%s",
                            reason_info(reason)->text);
    else if (links_add(admin->links, text, name, loop_now_ms(admin->loop), token) < 0)
        caller_answer_error(ask->caller, 400, "'key' is too long");
    else
        answer_link(ask, id, name, token);
}

void route_links_create(const struct ask *ask)
{
    static const char *const members[] = {"key", NULL};
    struct err err = {""};
    if (!ask->admin->events->config(ask->admin->owner)->chat) {
        caller_answer_error(ask->caller, 409, "the chat is switched off (service.chat)");
        return;
    }
    if (site_assets_count == 0) {
        caller_answer_error(ask->caller, 409, "this program was built without the chat");
        return;
    }
    json_t *root = keys_json_parse(ask->body, &err);
    const json_t *key = root ? json_object_get(root, "key") : NULL;
    if (!root || keys_json_only(root, members, &err) < 0)
        caller_answer_error(ask->caller, 400, "%s", err.text);
    else if (!json_is_string(key))
        caller_answer_error(ask->caller, 400, "'key' must be the text of a key");
    else
        make_link(ask, span_of(json_string_value(key), json_string_length(key)));
    json_decref(root);
}
