/* SPDX-License-Identifier: Apache-2.0 */
/* Text about failures. Every text is made beside the old one, so an argument may point into the err it is written to. */
#include "base/err.h"

#include <stdarg.h>

static void err_join(struct err *err, const char *first, const char *separator, const char *second)
{
    struct err made;
    const char *parts[] = {first, separator, second};
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        size_t part = MIN(strlen(parts[i]), sizeof(made.text) - 1 - len);
        memcpy(made.text + len, parts[i], part);
        len += part;
    }
    made.text[len] = '\0';
    memcpy(err->text, made.text, len + 1);
}

static void err_format(struct err *ret_err, const char *format, va_list args) printf_like(2, 0);

static void err_format(struct err *ret_err, const char *format, va_list args)
{
    if (vsnprintf(ret_err->text, sizeof(ret_err->text), format, args) < 0)
        ret_err->text[0] = '\0';
}

int err_set(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    struct err made;
    va_list args;
    va_start(args, format);
    err_format(&made, format, args);
    va_end(args);
    err_join(err, made.text, "", "");
    return code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    struct err made;
    va_list args;
    va_start(args, format);
    err_format(&made, format, args);
    va_end(args);
    char words[128];
    err_join(err, made.text, ": ", strerror_r(-code, words, sizeof(words)));
    return code;
}

int err_prefix(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    struct err made;
    va_list args;
    va_start(args, format);
    err_format(&made, format, args);
    va_end(args);
    err_join(err, made.text, ": ", err->text);
    return code;
}
