/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the app (web/), as they lie in the program: each once as it is, and once in each coding in which it is shorter. Constant; any thread.
 *
 * tools/embed_pages.py writes the table from what web/pack.mjs packed; a program that was built without the pages has an empty one.
 */
#pragma once

#include "site/accept.h"

struct site_asset {
    struct span path; /* "/" is the document */
    struct span content_type;
    struct span tag; /* of its content: 16 hexadecimal digits */
    bool hashed;     /* its name changes with its content */
    struct span
        forms[SITE_CODINGS]; /* null where it would not be shorter; identity is always there */
};

/* Sorted by path, as bytes. */
extern const struct site_asset site_assets[];
extern const size_t site_assets_count;

/* The file of that path in `assets`, or NULL. The addresses of the chat ("/chat", "/chat/…") are its document's. */
const struct site_asset *site_asset_find(const struct site_asset *assets, size_t count,
                                         struct span path);

/* `"6f203e1388b33f50-br"`: an entity tag is of the bytes that are sent (RFC 9110, section 8.8.3.3). Room for SITE_TAG_BYTES; returns it. */
#define SITE_TAG_BYTES 32
struct span site_asset_tag(const struct site_asset *asset, enum site_coding coding,
                           char ret_room[SITE_TAG_BYTES]);
