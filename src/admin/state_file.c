/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/state_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int state_file_append(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = span_skip(bytes, (size_t)n);
    }
    return 0;
}

/* The name of the file is on the disk too before this returns. */
static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(folder) - 1)
        return -ENAMETOOLONG;
    memcpy(folder, len ? path : ".", (len ? len : 1));
    folder[(len ? len : 1)] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int state_file_replace(const char *path, int (*write)(void *arg, int fd), void *arg,
                       struct err *err)
{
    char beside[PATH_MAX];
    int len = snprintf(beside, sizeof(beside), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(beside))
        return err_errno(err, -ENAMETOOLONG, "cannot write '%s'", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, -errno, "cannot write '%s'", beside);
    int result = fchmod(fd, 0600) < 0 ? -errno : write(arg, fd);
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    close(fd);
    if (result == 0 && rename(beside, path) < 0)
        result = -errno;
    if (result == 0)
        result = sync_folder_of(path);
    if (result < 0) {
        (void)unlink(beside);
        return err_errno(err, result, "cannot write '%s'", path);
    }
    return 0;
}
