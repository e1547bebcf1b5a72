/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as JSON: how one is shown, and how one is asked for. Any thread.
 */
#pragma once

#include "base/json_out.h"
#include "identity/key.h"

#include <jansson.h>

#define KEY_MODEL_NAME_MAX 256

/* The members of a shown key, into an object that is open: id, name, hint, state ("active", "disabled", "expired"), models, created,
 * expires, last_used, imported, account, limits. Never anything of its text but the hint. */
void key_write_members(struct json_out *out, const struct key *key, uint64_t wall_ms);

/* A whole text, parsed strictly: no doubles, an object. NULL with *err. The caller owns it (json_decref). */
json_t *keys_json_parse(struct span text, struct err *err) must_check;

/* What somebody wants of a key; points into the JSON it was read from. */
struct key_wish {
    struct span name;
    const char *models[KEY_MODELS_MAX];
    size_t models_count;
    uint64_t expires_ms; /* 0: never */
    struct span account; /* empty: none */
    struct limits limits;
};

/* The members "account" and "limits" of an object, where they are there, into what is there before. 0, or -EINVAL with *err. */
int key_terms_read(const json_t *object, struct span *account, struct limits *limits, struct err *err) must_check;
/* The members "name", "models", "expires", "account", "limits" of an object. 0, or -EINVAL with *err. */
int key_wish_read(const json_t *object, struct key_wish *ret_wish, struct err *err) must_check;

/* What a wish says of a key; points into it. */
struct key_spec key_spec_of_wish(const struct key_wish *wish);

/* A member that is not among `names` (ended by NULL): -EINVAL with *err. */
int keys_json_only(json_t *object, const char *const *names, struct err *err) must_check;
