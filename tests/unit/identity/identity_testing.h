/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and benchmarks of key rings share: keys with their texts, and the field that carries them. */
#pragma once

#include "identity/keyring.h"

struct test_key {
    char text[KEY_IMPORTED_TEXT_MAX + 1];
    uint64_t id;
    struct key *key;
};

static inline struct key *test_key_of(uint64_t id, const char *text, bool imported, bool disabled,
                                      uint64_t expires_ms)
{
    unsigned char digest[SHA256_BYTES];
    sha256(span_str(text), digest);
    return key_new(&(struct key_spec){.id = id, .digest = digest, .name = SPAN("test"), .imported = imported, .disabled = disabled, .expires_ms = expires_ms});
}

static inline void test_key_make(struct test_key *made, const struct mac_key *mac, bool disabled,
                                 uint64_t expires_ms)
{
    key_generate(mac, made->text, &made->id);
    made->key = test_key_of(made->id, made->text, false, disabled, expires_ms);
}

static inline void test_key_import(struct test_key *made, uint64_t id, const char *text)
{
    snprintf(made->text, sizeof(made->text), "%s", text);
    made->id = id;
    made->key = test_key_of(id, text, true, false, 0);
}

/* "Bearer " and the text; `room` belongs to the caller. */
static inline struct span test_bearer(char room[KEY_IMPORTED_TEXT_MAX + 64], const char *text)
{
    int len = snprintf(room, KEY_IMPORTED_TEXT_MAX + 64, "Bearer %s", text);
    return span_of(room, (size_t)len);
}
