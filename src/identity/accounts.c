/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/accounts.h"

#include "base/alloc.h"
#include "base/mac.h"
#include "base/map.h"

#include <stdatomic.h>

struct accounts {
    _Atomic uint32_t references;
    struct map *by_id;
    size_t count;
    struct account list[];
};

bool account_name_is_good(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && !memchr("._@+-", c, 5))
            return false;
    }
    return name.len > 0 && name.len <= ACCOUNT_NAME_BYTES_MAX && !span_eq(name, SPAN("none"));
}

uint64_t account_id(struct span name)
{
    unsigned char digest[SHA256_BYTES];
    uint64_t id;
    sha256(name, digest);
    memcpy(&id, digest, sizeof(id));
    return id ? id : 1;
}

static void accounts_free(struct accounts *accounts)
{
    map_free(accounts->by_id);
    mem_free(accounts);
}

static int add(struct accounts *accounts, const struct account *account)
{
    struct account *there = map_get(accounts->by_id, &account->id);
    if (there) {
        *there = *account;
        return 0;
    }
    there = &accounts->list[accounts->count];
    *there = *account;
    int result = map_put(accounts->by_id, &there->id, there, NULL);
    accounts->count += result == 0;
    return result;
}

struct accounts *accounts_new(const struct account *list, size_t count)
{
    if (count > ACCOUNTS_MAX)
        return NULL;
    struct accounts *accounts = mem_zalloc(sizeof(*accounts) + count * sizeof(struct account));
    if (!accounts)
        return NULL;
    atomic_init(&accounts->references, 1);
    accounts->by_id = map_new(sizeof(uint64_t), ACCOUNTS_MAX);
    int result = accounts->by_id ? 0 : -ENOMEM;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = add(accounts, &list[i]);
    if (result == 0)
        return accounts;
    accounts_free(accounts);
    return NULL;
}

struct accounts *accounts_ref(struct accounts *accounts)
{
    if (accounts)
        check(atomic_fetch_add_explicit(&accounts->references, 1, memory_order_relaxed) > 0);
    return accounts;
}

void accounts_unref(struct accounts *accounts)
{
    if (!accounts)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&accounts->references, 1, memory_order_acq_rel);
    check(before > 0);
    if (before == 1)
        accounts_free(accounts);
}

struct accounts *accounts_with(const struct accounts *accounts, struct span name,
                               const struct limits *limits)
{
    size_t count = accounts_count(accounts);
    struct account *list = mem_array(count + 1, sizeof(*list));
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        list[i] = accounts->list[i];
    const struct account *before = accounts_by_id(accounts, account_id(name));
    struct account *added = &list[count];
    *added = (struct account){.id = account_id(name),
                              .limits = limits   ? *limits
                                        : before ? before->limits
                                                 : limits_unset()};
    check(name.len <= ACCOUNT_NAME_BYTES_MAX);
    memcpy(added->name, name.ptr, name.len);
    struct accounts *with = accounts_new(list, count + 1);
    mem_free(list);
    return with;
}

size_t accounts_count(const struct accounts *accounts)
{
    return accounts ? accounts->count : 0;
}

const struct account *accounts_at(const struct accounts *accounts, size_t index)
{
    check(index < accounts_count(accounts));
    return &accounts->list[index];
}

const struct account *accounts_by_id(const struct accounts *accounts, uint64_t id)
{
    return accounts ? map_get(accounts->by_id, &id) : NULL;
}
