/* SPDX-License-Identifier: Apache-2.0 */
#include "once_file.h"

#include "base/span.h"

#include <fcntl.h>
#include <unistd.h>

int once_file_read(const char *path, char ret_line[ONCE_FILE_BYTES_MAX], struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot read '%s'", path);
    ssize_t len = read(fd, ret_line, ONCE_FILE_BYTES_MAX - 1);
    int error = errno;
    close(fd);
    if (len < 0)
        return err_errno(err, -error, "cannot read '%s'", path);
    struct span line = span_of(ret_line, (size_t)len);
    ptrdiff_t end = span_find_byte(line, '\n');
    line = span_trim(span_take(line, end < 0 ? line.len : (size_t)end));
    if (line.len == 0)
        return err_set(err, -EINVAL, "'%s' is there and holds no key: remove it", path);
    memmove(ret_line, line.ptr, line.len);
    ret_line[line.len] = '\0';
    return 1;
}

int once_file_open(const char *path, struct once_file *ret_file, struct err *err)
{
    struct once_file file = {.path = path, .fd = -1};
    int len = snprintf(file.beside, sizeof(file.beside), "%s.%d", path, (int)getpid());
    if (len < 0 || (size_t)len >= sizeof(file.beside))
        return err_errno(err, -ENAMETOOLONG, "cannot write '%s'", path);
    file.fd = open(file.beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file.fd < 0)
        return err_errno(err, -errno, "cannot write '%s'", path);
    *ret_file = file;
    return 0;
}

/* A link, not a rename: it never takes the place of a file that came meanwhile. */
int once_file_write(struct once_file *file, const char *text, struct err *err)
{
    char line[ONCE_FILE_BYTES_MAX];
    int len = snprintf(line, sizeof(line), "%s\n", text);
    int result = len < 0 || (size_t)len >= sizeof(line) ? -ENAMETOOLONG : 0;
    if (result == 0 && write(file->fd, line, (size_t)len) != len)
        result = -EIO;
    if (result == 0 && fsync(file->fd) < 0)
        result = -errno;
    if (result == 0 && link(file->beside, file->path) < 0)
        result = -errno;
    explicit_bzero(line, sizeof(line));
    once_file_drop(file);
    return result < 0 ? err_errno(err, result, "cannot write '%s'", file->path) : 0;
}

void once_file_drop(struct once_file *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    (void)unlink(file->beside);
    file->fd = -1;
}
