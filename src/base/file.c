/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#define STEP_BYTES 65536

/* Bytes read, 0 at the end, or -errno; one byte more than the maximum marks the buffer. */
static ssize_t read_step(int fd, struct buf *text)
{
    char beyond;
    size_t room = MIN((size_t)STEP_BYTES, text->max - text->len);
    if (room > 0 && buf_reserve(text, room) < 0)
        return buf_status(text);
    ssize_t got = read(fd, room > 0 ? text->ptr + text->len : &beyond, room > 0 ? room : 1);
    if (got > 0 && room == 0)
        return buf_reserve(text, 1);
    text->len += got > 0 ? (size_t)got : 0;
    return got < 0 ? -errno : got;
}

int file_read(const char *path, struct buf *ret_text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -errno : 1;
    while (got > 0)
        got = read_step(fd, ret_text);
    if (fd >= 0)
        (void)close(fd);
    if (got == -ENOSPC)
        return err_set(err, -ENOSPC, "'%s' is larger than %zu bytes", path, ret_text->max);
    return got < 0 ? err_errno(err, (int)got, "cannot read '%s'", path) : 0;
}
