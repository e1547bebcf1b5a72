/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/who.h"

#include "base/map.h"
#include "base/text.h"
#include "identity/identity.h"

#include <arpa/inet.h>
#include <stdio.h>

#define ADDRESS_PREFIX SPAN("addr_")

static bool parse_address(struct span text, struct sockaddr_storage *ret_address)
{
    char room[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(room))
        return false;
    memcpy(room, text.ptr, text.len);
    room[text.len] = '\0';
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, room, &v4.sin_addr) == 1)
        memcpy(ret_address, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, room, &v6.sin6_addr) == 1)
        memcpy(ret_address, &v6, sizeof(v6));
    else
        return false;
    return true;
}

static void found(struct who *who, uint64_t id, const struct key *key)
{
    who->result = WHO_FOUND;
    who->id = id;
    who->key = key;
}

/* What tells by its form what it is. */
static bool find_by_form(struct who *who, const struct keyring *ring, const struct mac_key *mac)
{
    struct sockaddr_storage address = {0};
    uint64_t id;
    if (key_parse_id(who->text, &id) == 0) {
        const struct key *key = keyring_by_id(ring, id);
        if (key)
            found(who, identity_of_key(id), key);
        return true;
    }
    if (span_starts(who->text, ADDRESS_PREFIX) &&
        text_unbase62(span_skip(who->text, ADDRESS_PREFIX.len), &id) == 0 && id != 0) {
        found(who, id, NULL);
        return true;
    }
    if (parse_address(who->text, &address)) {
        found(who, identity_of_address(mac, &address), NULL);
        return true;
    }
    return false;
}

/* Names and texts are looked for by the SHA-256 of either; hexadecimal digits are one already. */
static int ask_for(struct map *wanted, struct who *who)
{
    unsigned char digest[SHA256_BYTES];
    if (text_unhex(who->text, digest, SHA256_BYTES) < 0)
        sha256(who->text, digest);
    who->same = map_get(wanted, digest);
    return who->same ? 0 : map_put(wanted, digest, who, NULL);
}

static void look_at_key(struct map *wanted, const struct key *key, uint64_t wall_ms)
{
    unsigned char digest[SHA256_BYTES];
    struct who *who = map_get(wanted, key->digest);
    if (who) {
        found(who, identity_of_key(key->id), key);
        who->by_digest = true;
    }
    if (key->disabled || (key->expires_ms != 0 && wall_ms >= key->expires_ms))
        return;
    sha256(span_str(key->name), digest);
    who = map_get(wanted, digest);
    if (!who || who->by_digest || who->key == key)
        return;
    if (who->result == WHO_NONE)
        found(who, identity_of_key(key->id), key);
    else
        who->result = WHO_AMBIGUOUS;
}

static int find_keys(struct who *whos, size_t count, const struct keyring *ring, struct map *wanted,
                     uint64_t wall_ms)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        if (!whos[i].by_form)
            result = ask_for(wanted, &whos[i]);
    for (size_t i = 0; result == 0 && map_count(wanted) > 0 && i < keyring_count(ring); i++)
        look_at_key(wanted, keyring_at(ring, i), wall_ms);
    for (size_t i = 0; result == 0 && i < count; i++)
        if (whos[i].same) {
            whos[i].result = whos[i].same->result;
            whos[i].id = whos[i].same->id;
            whos[i].key = whos[i].same->key;
        }
    return result;
}

int who_find(struct who *whos, size_t count, const struct keyring *ring, const struct mac_key *mac,
             uint64_t wall_ms)
{
    struct map *wanted = map_new(SHA256_BYTES, count + 1);
    if (!wanted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        whos[i] = (struct who){.text = whos[i].text};
        whos[i].by_form = find_by_form(&whos[i], ring, mac);
    }
    int result = find_keys(whos, count, ring, wanted, wall_ms);
    map_free(wanted);
    return result == -ENOSPC ? -ENOMEM : result;
}

void who_tell(const struct who *who, struct err *err)
{
    struct span text = who->text;
    if (who->result == WHO_AMBIGUOUS)
        (void)err_set(err, -EINVAL, "more than one key has the name '%.*s': use its id",
                      (int)MIN(text.len, (size_t)100), text.ptr);
    else if (span_starts(text, SPAN("sk-")))
        (void)err_set(err, -ENOENT, "there is no key with this text");
    else
        (void)err_set(err, -ENOENT, "there is no key '%.*s'", (int)MIN(text.len, (size_t)100),
                      text.ptr);
}

void who_format(const struct keyring *ring, uint64_t id, char ret_text[20])
{
    char text[TEXT_BASE62_U64 + 1] = "";
    if (keyring_by_id(ring, id)) {
        key_format_id(id, ret_text);
        return;
    }
    text_base62(id, text);
    snprintf(ret_text, 20, "addr_%s", text);
}
