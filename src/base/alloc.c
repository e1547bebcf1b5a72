/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that calls malloc. The countdown of the torture tests belongs to each thread, so that counting costs
 * one add on memory that no other core wants.
 */
#include "base/alloc.h"

#define SMALL_BYTES_MAX 1024

static _Thread_local uint64_t asked;
static _Thread_local uint64_t fail_from = UINT64_MAX; /* the first that fails */
static _Thread_local uint64_t fail_until = UINT64_MAX;
static _Thread_local int64_t live;

static bool may_succeed(void)
{
    uint64_t number = asked++;
    return number < fail_from || number >= fail_until;
}

/* A request for nothing still yields a pointer of its own, so NULL always means failure. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

static void *counted(void *ptr)
{
    live += ptr != NULL;
    return ptr;
}

void *mem_alloc(size_t size)
{
    return may_succeed() ? counted(malloc(at_least_one(size))) : NULL;
}

/* glibc's calloc() passes by its cache of small pieces, where what a request gave back lies. */
void *mem_zalloc(size_t size)
{
    if (size > SMALL_BYTES_MAX)
        return may_succeed() ? counted(calloc(1, size)) : NULL;
    void *zeroed = mem_alloc(size);
    if (zeroed)
        memset(zeroed, 0, size);
    return zeroed;
}

void *mem_realloc(void *ptr, size_t size)
{
    if (!ptr)
        return mem_alloc(size);
    return may_succeed() ? realloc(ptr, at_least_one(size)) : NULL;
}

void *mem_array(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return mem_zalloc(total);
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void mem_free(void *ptr)
{
    live -= ptr != NULL;
    free(ptr);
}

void mem_freep(void *ptr_to_ptr)
{
    void *ptr;
    memcpy(&ptr, ptr_to_ptr, sizeof(ptr));
    mem_free(ptr);
}

void mem_free_secret(void *ptr, size_t size)
{
    if (ptr)
        explicit_bzero(ptr, size);
    mem_free(ptr);
}

static void fail_between(uint64_t from, uint64_t until)
{
    asked = 0;
    fail_from = from;
    fail_until = until;
}

void mem_fail_after(uint64_t successes)
{
    fail_between(successes, UINT64_MAX);
}

void mem_fail_once(uint64_t successes)
{
    fail_between(successes, successes + 1);
}

void mem_fail_never(void)
{
    fail_between(UINT64_MAX, UINT64_MAX);
}

uint64_t mem_fail_count(void)
{
    return asked;
}

int64_t mem_live_count(void)
{
    return live;
}
