/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few words that every file uses: must_check, cleanup_with, TAKE, check, container_of.
 *
 * `check(cond)` guards against our own mistakes and stays on in production: it prints the place and aborts, and
 * the supervisor starts a new gateway. Nothing that arrives on the wire, in a file or from a database may reach it.
 */
#pragma once

#include "base/banned.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))
#define cleanup_with(fn) __attribute__((cleanup(fn)))

/* Ownership leaves this variable: yields the pointer and sets the variable to NULL. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) a_ = (a);                                                                    \
        __typeof__(b) b_ = (b);                                                                    \
        a_ < b_ ? a_ : b_;                                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) a_ = (a);                                                                    \
        __typeof__(b) b_ = (b);                                                                    \
        a_ > b_ ? a_ : b_;                                                                         \
    })

#define check(cond)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(#cond, __FILE__, __LINE__, __func__);                                     \
    } while (0)

/* The one C++ file of the project calls the functions of base too. */
#ifdef __cplusplus
#define C_LINKAGE_BEGIN extern "C" {
#define C_LINKAGE_END }
#else
#define C_LINKAGE_BEGIN
#define C_LINKAGE_END
#endif

C_LINKAGE_BEGIN
__attribute__((noreturn, cold)) void check_failed(const char *condition, const char *file, int line,
                                                  const char *function);
C_LINKAGE_END
