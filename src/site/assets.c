/* SPDX-License-Identifier: Apache-2.0 */
#include "site/assets.h"

static int compare(struct span a, struct span b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

const struct site_asset *site_asset_find(const struct site_asset *assets, size_t count,
                                         struct span path)
{
    if (span_eq(path, SPAN("/chat")) || span_starts(path, SPAN("/chat/")))
        path = SPAN("/");
    size_t first = 0;
    while (count > 0) {
        size_t half = count / 2;
        int order = compare(path, assets[first + half].path);
        if (order == 0)
            return &assets[first + half];
        if (order > 0) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return NULL;
}

struct span site_asset_tag(const struct site_asset *asset, enum site_coding coding,
                           char ret_room[SITE_TAG_BYTES])
{
    struct span name = accept_coding_name(coding);
    int len =
        snprintf(ret_room, SITE_TAG_BYTES, "\"%.*s%s%.*s\"", (int)asset->tag.len, asset->tag.ptr,
                 name.len > 0 ? "-" : "", (int)name.len, name.len > 0 ? name.ptr : "");
    return span_of(ret_room, (size_t)len);
}
