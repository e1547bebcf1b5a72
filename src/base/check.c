/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a broken promise: one line on standard error, then abort(). It allocates nothing and takes no lock, since
 * whatever broke may have been the heap.
 */
#include "base/macros.h"

#include <unistd.h>

void check_failed(const char *condition, const char *file, int line, const char *function)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "check failed: %s, in %s (%s:%d)\n", condition, function,
                       file, line);
    size_t cut = len < 0 ? 0 : MIN((size_t)len, sizeof(text) - 1);
    ssize_t written = write(STDERR_FILENO, text, cut);
    (void)written; /* nothing is left to do about it */
    abort();
}
