/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "site/assets.h"

#define ASSET(path_)                                                                                                                       \
    {                                                                                                                                      \
        .path = {path_, sizeof(path_) - 1}, .tag = {"0123456789abcdef", 16}                                                                \
    }

static const struct site_asset some[] = {ASSET("/"), ASSET("/assets/a.js"), ASSET("/assets/b.css"), ASSET("/sw.js")};

static const struct site_asset *find(const char *path, size_t count)
{
    return site_asset_find(some, count, span_str(path));
}

static void each_path_finds_its_file(void **state)
{
    (void)state;
    for (size_t count = 1; count <= COUNT_OF(some); count++)
        for (size_t i = 0; i < COUNT_OF(some); i++)
            assert_ptr_equal(site_asset_find(some, count, some[i].path), i < count ? &some[i] : NULL);
    assert_null(find("/", 0));
}

static void addresses_of_the_chat_are_its_document(void **state)
{
    (void)state;
    assert_ptr_equal(find("/chat", 4), &some[0]);
    assert_ptr_equal(find("/chat/", 4), &some[0]);
    assert_ptr_equal(find("/chat/../x?", 4), &some[0]);
}

static void others_find_nothing(void **state)
{
    static const char *const paths[] = {"", "//", "/chats", "/assets", "/assets/", "/assets/a.j", "/assets/a.js/", "/assets/a.jss", "/sw.jsx", "/zz"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_null(find(paths[i], 4));
}

static void a_tag_is_of_the_bytes_that_are_sent(void **state)
{
    char room[SITE_TAG_BYTES];
    (void)state;
    assert_true(span_eq(site_asset_tag(&some[0], SITE_IDENTITY, room), SPAN("\"0123456789abcdef\"")));
    assert_true(span_eq(site_asset_tag(&some[0], SITE_GZIP, room), SPAN("\"0123456789abcdef-gzip\"")));
    assert_true(span_eq(site_asset_tag(&some[0], SITE_BROTLI, room), SPAN("\"0123456789abcdef-br\"")));
}

/* What was packed is as the look-up wants it; without the pages there is nothing to look at. */
static void the_files_of_this_program_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < site_assets_count; i++) {
        const struct site_asset *asset = &site_assets[i];
        assert_ptr_equal(site_asset_find(site_assets, site_assets_count, asset->path), asset);
        assert_true(span_starts(asset->path, SPAN("/")) && asset->content_type.len > 0 && asset->tag.len == 16);
        assert_int_equal(asset->hashed, span_starts(asset->path, SPAN("/assets/")));
        for (size_t coding = SITE_GZIP; coding < SITE_CODINGS; coding++)
            assert_true(asset->forms[coding].len == 0 || asset->forms[coding].len < asset->forms[SITE_IDENTITY].len);
    }
    assert_int_equal(site_asset_find(site_assets, site_assets_count, SPAN("/")) != NULL, site_assets_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_finds_its_file),
        cmocka_unit_test(addresses_of_the_chat_are_its_document),
        cmocka_unit_test(others_find_nothing),
        cmocka_unit_test(a_tag_is_of_the_bytes_that_are_sent),
        cmocka_unit_test(the_files_of_this_program_are_in_order),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
