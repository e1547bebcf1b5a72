/* SPDX-License-Identifier: Apache-2.0 */
#include "site/site.h"

#include "base/json_out.h"
#include "site/page.h"

/* The chat: its own scripts, styles and pictures, calls to this origin, and nothing else. What a page without a script may is less. */
#define NOTHING_BUT_OURS "default-src 'none'; style-src 'self'; img-src 'self'; "
#define NO_WAY_OUT "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define CHAT_POLICY                                                                                \
    NOTHING_BUT_OURS "script-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src "     \
                     "'self'; " NO_WAY_OUT
#define PAGE_POLICY NOTHING_BUT_OURS NO_WAY_OUT

/* One row for each file that every page may use; what needs no facts is a constant. */
static const struct {
    const char *path;
    const char *content_type;
    const char *content;
} files[] = {
    {"/seawall.css", "text/css; charset=utf-8", page_style},
    {"/favicon.svg", "image/svg+xml", page_icon},
    {"/robots.txt", "text/plain; charset=utf-8", "User-agent: *\nDisallow: /v1/\n"},
};

/* A script outside of /assets/ is the service worker, which brings its own policy. */
static bool wants_policy(const struct site_asset *asset)
{
    return !asset->hashed && (span_starts(asset->content_type, SPAN("text/html")) ||
                              span_starts(asset->content_type, SPAN("text/javascript")));
}

static void use_asset(const struct site_asset *asset, const struct site_ask *ask,
                      struct site_page *ret_page)
{
    unsigned offered = 0;
    for (unsigned coding = 0; coding < SITE_CODINGS; coding++)
        offered |= span_is_null(asset->forms[coding]) ? 0 : 1u << coding;
    enum site_coding coding = accept_coding(ask->accept_encoding, offered);
    *ret_page = (struct site_page){
        .content_type = asset->content_type,
        .cache_control =
            asset->hashed ? SPAN("public, max-age=31536000, immutable") : SPAN("no-cache"),
        .security_policy = wants_policy(asset) ? SPAN(CHAT_POLICY) : SPAN_NULL,
        .coding = accept_coding_name(coding),
        .bytes = asset->forms[coding],
        .varies = (offered & (offered - 1)) != 0};
    struct span tag = site_asset_tag(asset, coding, ret_page->tag);
    ret_page->unchanged = accept_has(ask->if_none_match, tag);
}

static const struct site_asset *chat_asset(const struct site_ask *ask)
{
    return ask->chat ? site_asset_find(site_assets, site_assets_count, ask->path) : NULL;
}

bool site_constant(const struct site_ask *ask, struct site_page *ret_page)
{
    const struct site_asset *asset = chat_asset(ask);
    if (asset) {
        use_asset(asset, ask, ret_page);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (!span_eq(ask->path, span_str(files[i].path)))
            continue;
        *ret_page = (struct site_page){.content_type = span_str(files[i].content_type),
                                       .cache_control = SPAN("public, max-age=3600"),
                                       .bytes = span_str(files[i].content)};
        return true;
    }
    return false;
}

bool site_info(struct span path, const struct site_info *info, struct buf *body,
               struct site_page *ret_page)
{
    if (!span_eq(path, SPAN("/site.json")))
        return false;
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("name"));
    json_out_string(&out, info->name);
    json_out_key(&out, SPAN("version"));
    json_out_string(&out, SPAN(SEAWALL_VERSION));
    json_out_key(&out, SPAN("key_required"));
    json_out_bool(&out, info->key_required);
    json_out_key(&out, SPAN("body_bytes_max"));
    json_out_u64(&out, info->body_bytes_max);
    json_out_key(&out, SPAN("resume_grace_s"));
    json_out_u64(&out, info->resume_grace_s);
    json_out_close(&out, '}');
    *ret_page = (struct site_page){.content_type = SPAN("application/json"),
                                   .cache_control = SPAN("public, max-age=10")};
    return true;
}

bool site_page(const struct site_ask *ask, const struct site_facts *facts, struct buf *body,
               struct site_page *ret_page)
{
    enum page_language language = page_language(ask->accept_language);
    struct site_page document = {.content_type = SPAN("text/html; charset=utf-8"),
                                 .cache_control = SPAN("no-store"),
                                 .security_policy = SPAN(PAGE_POLICY)};
    if (span_eq(ask->path, SPAN("/")) || span_eq(ask->path, SPAN("/start"))) {
        page_write(facts, language, body);
    } else if (span_eq(ask->path, SPAN("/waiting"))) {
        page_write_waiting(facts, language, body);
        document.refresh = facts->waiting > 0 ? SPAN("5") : SPAN("2; url=/");
    } else {
        return false;
    }
    *ret_page = document;
    return true;
}
