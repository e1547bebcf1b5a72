/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torture.h"

#include "identity/keyring.h"

#define KEYS 40 /* the tables grow twice */

static const struct mac_key mac = {{1, 2, 3}};

static int make_keys(struct key *ret_keys[KEYS], char texts[KEYS][KEY_TEXT_BYTES + 1])
{
    const char *models[] = {"one", "two"};
    for (size_t i = 0; i < KEYS; i++) {
        uint64_t id;
        unsigned char digest[SHA256_BYTES];
        key_generate(&mac, texts[i], &id);
        sha256(span_of(texts[i], KEY_TEXT_BYTES), digest);
        ret_keys[i] = key_new(&(struct key_spec){.id = id,
                                                 .digest = digest,
                                                 .name = SPAN("name"),
                                                 .hint = SPAN("hint"),
                                                 .imported = i % 2,
                                                 .created_ms = 1,
                                                 .models = models,
                                                 .models_count = 2,
                                                 .account = SPAN("team")});
        if (!ret_keys[i])
            return -ENOMEM;
    }
    return 0;
}

static int ask_all(const struct keyring *ring, char texts[KEYS][KEY_TEXT_BYTES + 1])
{
    for (size_t i = 0; i < KEYS; i++) {
        char field[KEY_TEXT_BYTES + 16];
        int len = snprintf(field, sizeof(field), "Bearer %s", texts[i]);
        struct key *key;
        uint64_t id;
        assert_int_equal(keyring_check(ring, span_of(field, (size_t)len), 1000, &key, &id),
                         REASON_OK);
    }
    return 0;
}

/* A ring is made of keys that also live in another one, as after each change of a running service. */
static int ring_scenario(void *given)
{
    (void)given;
    struct key *keys[KEYS] = {NULL};
    char texts[KEYS][KEY_TEXT_BYTES + 1];
    struct keyring *before = NULL, *after = NULL;
    struct accounts *accounts = NULL;
    int r = make_keys(keys, texts);
    if (r == 0)
        accounts = accounts_with(NULL, SPAN("team"), NULL);
    if (r == 0) {
        before = accounts ? keyring_new(&mac, keys, KEYS / 2, accounts, false) : NULL;
        after = before ? keyring_new(&mac, keys, KEYS, accounts, false) : NULL;
        r = after ? ask_all(after, texts) : -ENOMEM;
    }
    keyring_unref(before);
    keyring_unref(after);
    accounts_unref(accounts);
    for (size_t i = 0; i < KEYS; i++)
        key_unref(keys[i]);
    return r;
}

static void ring_is_whole_or_not_at_all(void **state)
{
    (void)state;
    torture(ring_scenario, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_is_whole_or_not_at_all),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
