/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is built on the stack and written at once, so lines of several threads and processes do not mix. Control bytes
 * in a message become '?': a name from outside cannot forge a second line or move the terminal's cursor.
 *
 * On a terminal another program may stand in the middle of a line that it writes over and over (`seawall status --wait`):
 * there a line first clears the one that it is written on.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#define LOG_LINE_MAX 1000

static _Atomic(const char *) log_role = "seawall";
static _Atomic(enum log_level) log_least = LOG_INFO;
static _Atomic bool log_to_terminal;

void log_setup(const char *role, enum log_level least)
{
    atomic_store(&log_role, role);
    atomic_store(&log_least, least);
    int saved_errno = errno;
    atomic_store(&log_to_terminal, isatty(STDERR_FILENO) == 1); /* later the sandbox would not let us ask */
    errno = saved_errno;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warning";
    case LOG_ERROR:
        return "error";
    }
    return "error";
}

/* What snprintf says it would have written, cut to what fits before the line's end. */
static size_t fitting(int len, size_t room)
{
    return len < 0 ? 0 : MIN((size_t)len, room - 1);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level < atomic_load_explicit(&log_least, memory_order_relaxed))
        return;
    int saved_errno = errno;

    char line[LOG_LINE_MAX];
    char when[TEXT_TIME_BYTES];
    text_time(clock_wall_ms(), when);
    int head =
        snprintf(line, sizeof(line), "%s%s %s %s: ", atomic_load(&log_to_terminal) ? "\r\033[K" : "", when,
                 atomic_load(&log_role), level_name(level));
    size_t len = fitting(head, sizeof(line));

    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + len, sizeof(line) - len, format, args);
    va_end(args);
    size_t end = len + fitting(body, sizeof(line) - len);
    for (; len < end; len++) {
        if ((unsigned char)line[len] < 0x20 || line[len] == 0x7f)
            line[len] = '?';
    }
    line[len++] = '\n'; /* in the place of the terminating zero */

    ssize_t written;
    do {
        written = write(STDERR_FILENO, line, len);
    } while (written < 0 && errno == EINTR);
    errno = saved_errno;
}
