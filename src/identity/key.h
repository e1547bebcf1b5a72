/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API keys: their text, and how a forged one is told from ours without looking anything up.
 *
 *     sk-sw-IIIIIIIIIII-SSSSSSSSSSSSSSSSSSSSSSMMMMMMMMMMM      (KEY_TEXT_BYTES characters)
 *           id: 64 bits  secret: 128 bits      MAC: SipHash-2-4 of all before it, 64 bits
 *                        (all base62, 11 characters for each 64 bits)
 *
 * The MAC's key is a file of the data folder, made at the first start. A 64-bit MAC lets one forgery in 2^64 tries through to the
 * look-up, where the secret's digest decides: the MAC makes refusing cheap, it is not what a key's safety rests on.
 * Keys brought from elsewhere have any form; they are known by their SHA-256.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/mac.h"
#include "base/reason.h"
#include "identity/accounts.h"

#define KEY_PREFIX "sk-sw-"
#define KEY_TEXT_BYTES 51
#define KEY_NAME_BYTES_MAX 100
#define KEY_MODELS_MAX 64
#define KEY_IMPORTED_TEXT_MIN 16
#define KEY_IMPORTED_TEXT_MAX 512

/*
 * One key as it is known in memory. Never changes, but for the three atomics; shared by all workers; lives in one or more key rings. What each request
 * reads comes first, so that it lies in one cache line.
 */
struct key {
    uint64_t id;                          /* of our own: in the text; of imported ones: drawn at import; never 0 */
    _Atomic uint64_t proven;              /* SipHash under a key of this process of the text whose digest matched; 0: none yet */
    _Atomic uint64_t last_used_ms;        /* wall clock; 0: never */
    uint64_t expires_ms;                  /* wall clock; 0: never */
    bool imported;
    bool disabled;
    _Atomic uint32_t references;
    size_t models_count;                  /* 0: all models */
    uint64_t account_id;                  /* 0: it belongs to none */
    const struct limits *limits;          /* allocated with the key; NULL: none of its own is set */
    char **models;                        /* public names; allocated with the key */
    const char *account;                  /* its name; allocated with the key; "" none */
    uint64_t created_ms;                  /* wall clock */
    unsigned char digest[SHA256_BYTES];   /* SHA-256 of the whole text */
    char name[KEY_NAME_BYTES_MAX + 1];
    char hint[5];                         /* the text's last four characters, or "" */
};

/* What a key is made of. Spans and pointers need not outlive key_new(). */
struct key_spec {
    uint64_t id;
    const unsigned char *digest; /* SHA256_BYTES */
    struct span name, hint;
    bool imported, disabled;
    uint64_t created_ms, expires_ms;
    const char *const *models; /* strings */
    size_t models_count;
    struct span account;         /* a good name, or empty */
    const struct limits *limits; /* NULL: none of its own */
};

/* With its own memory, one reference. NULL when out of memory or a value passes its maximum. */
struct key *key_new(const struct key_spec *spec) must_check;
/* What `key` is made of; points into it. */
struct key_spec key_spec_of(const struct key *key);
struct key *key_ref(struct key *key);
void key_unref(struct key *key);

bool key_allows_model(const struct key *key, struct span model);

/* A new key's text (terminated, KEY_TEXT_BYTES + 1) and its id. */
void key_generate(const struct mac_key *mac, char ret_text[KEY_TEXT_BYTES + 1], uint64_t *ret_id);
/* Is this a text of our form with a right MAC? True and *ret_id. */
bool key_check_text(const struct mac_key *mac, struct span text, uint64_t *ret_id) must_check;

/* The id for people: "key_" and 11 characters. Room for 16. */
void key_format_id(uint64_t id, char ret_text[16]);
int key_parse_id(struct span text, uint64_t *ret_id) must_check;
