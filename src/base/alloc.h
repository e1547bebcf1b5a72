/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory with a seam: torture tests let the n-th allocation fail. All of it may return NULL; the caller then fails the
 * request, not the process. mem_free accepts NULL. Any thread; the failure countdown is for tests of one thread.
 */
#pragma once

#include "base/macros.h"

C_LINKAGE_BEGIN

void *mem_alloc(size_t size) must_check;
void *mem_zalloc(size_t size) must_check;
void *mem_realloc(void *ptr, size_t size) must_check;
/* -ENOMEM style overflow check is inside: NULL when count * size does not fit. Zeroed. */
void *mem_array(size_t count, size_t size) must_check;
/* A terminated copy. */
char *mem_strdup(const char *text) must_check;
void mem_free(void *ptr);

/* For `char *cleanup_with(mem_freep) p`. */
void mem_freep(void *ptr_to_ptr);

/* Wipes, then frees. For secrets. */
void mem_free_secret(void *ptr, size_t size);

/*
 * Tests only; each counts in the calling thread. mem_fail_after(): the allocation after `successes` further ones fails,
 * and each after it too; mem_fail_once(): that one alone. Both hold until mem_fail_never(). mem_fail_count() is how many
 * allocations were asked for since the last call of any of the three.
 */
void mem_fail_after(uint64_t successes);
void mem_fail_once(uint64_t successes);
void mem_fail_never(void);
uint64_t mem_fail_count(void);

/* Tests only: allocations made minus allocations given back, by the calling thread. */
int64_t mem_live_count(void);

C_LINKAGE_END
