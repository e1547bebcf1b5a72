/* SPDX-License-Identifier: Apache-2.0 */
/* By itself: jansson and dialect/json_dom.h have names in common. */
#include "peers.h"

#include <jansson.h>

static json_t *parsed(struct span text)
{
    json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    check(root);
    return root;
}

void peer_jansson_read(struct span text)
{
    json_decref(parsed(text));
}

void peer_jansson_rewrite(struct span text)
{
    static char out[PEER_WRITTEN_BYTES_MAX];
    json_t *root = parsed(text);
    check(json_object_set_new(root, "model", json_string("other")) == 0);
    size_t len = json_dumpb(root, out, sizeof(out), JSON_COMPACT);
    check(len > 0 && len <= sizeof(out));
    json_decref(root);
}
