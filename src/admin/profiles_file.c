/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/profiles_file.h"

#include "admin/state_file.h"
#include "base/buf.h"
#include "identity/profile_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "seawall profiles 1\n"
#define HEADER_BYTES (sizeof(HEADER) - 1)
#define SLACK_BYTES (1U << 20) /* a small file may hold more than twice what counts */
#define PIECE_RECORDS 512
#define PIECE_BYTES ((size_t)PIECE_RECORDS * PROFILE_RECORD_BYTES)

/* ── writing ── */

static int write_records(int fd, const struct profile *profiles, size_t count)
{
    unsigned char bytes[PROFILES_PIECE * PROFILE_RECORD_BYTES];
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i += PROFILES_PIECE) {
        size_t some = MIN(count - i, (size_t)PROFILES_PIECE);
        for (size_t k = 0; k < some; k++)
            profile_record_write(&profiles[i + k], bytes + k * PROFILE_RECORD_BYTES);
        result = state_file_append(fd, span_of(bytes, some * PROFILE_RECORD_BYTES));
    }
    return result;
}

static int write_all(void *profiles, int fd)
{
    struct profile piece[PROFILES_PIECE];
    struct profiles_cursor cursor = {0};
    size_t count;
    int result = state_file_append(fd, SPAN(HEADER));
    while (result == 0 && (count = profiles_walk(profiles, &cursor, piece)) > 0)
        result = write_records(fd, piece, count);
    return result;
}

int profiles_file_write(const char *path, struct profiles *profiles, struct err *err)
{
    return state_file_replace(path, write_all, profiles, err);
}

static bool has_header(int fd)
{
    char bytes[HEADER_BYTES];
    return pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes) &&
           memcmp(bytes, HEADER, sizeof(bytes)) == 0;
}

/* Behind the last whole record. */
static int go_to_end(int fd, off_t *ret_at)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    off_t records = (info.st_size - (off_t)HEADER_BYTES) / PROFILE_RECORD_BYTES;
    *ret_at = (off_t)HEADER_BYTES + records * PROFILE_RECORD_BYTES;
    if (*ret_at != info.st_size && ftruncate(fd, *ret_at) < 0)
        return -errno;
    return lseek(fd, *ret_at, SEEK_SET) < 0 ? -errno : 0;
}

int profiles_file_append(const char *path, const struct profile *profiles, size_t count,
                         uint64_t identities, struct err *err)
{
    off_t at = 0;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : err_errno(err, -errno, "cannot write '%s'", path);
    int result = has_header(fd) ? go_to_end(fd, &at) : -ENOENT;
    if (result == 0)
        result = write_records(fd, profiles, count);
    if (result == 0 && fdatasync(fd) < 0)
        result = -errno;
    close(fd);
    if (result < 0)
        return result == -ENOENT ? result : err_errno(err, result, "cannot write '%s'", path);
    uint64_t size = (uint64_t)at + count * PROFILE_RECORD_BYTES;
    return size > 2 * identities * PROFILE_RECORD_BYTES + SLACK_BYTES ? -EFBIG : 0;
}

/* ── reading ── */

struct reading {
    int (*each)(void *arg, const struct profile *profile);
    void *arg;
    uint64_t bad; /* records that are damaged */
};

/* Whole records of what is in `buf` so far. */
static int read_records(struct buf *buf, struct reading *reading)
{
    struct span rest = buf_span(buf);
    int result = 0;
    while (result == 0 && rest.len >= PROFILE_RECORD_BYTES) {
        struct profile profile;
        if (profile_record_read((const unsigned char *)rest.ptr, &profile) == 0)
            result = MIN(reading->each(reading->arg, &profile), 0);
        else
            reading->bad++;
        rest = span_skip(rest, PROFILE_RECORD_BYTES);
    }
    buf_consume(buf, buf->len - rest.len);
    return result;
}

static int read_file(int fd, struct reading *reading)
{
    struct buf buf;
    int result = has_header(fd) && lseek(fd, (off_t)HEADER_BYTES, SEEK_SET) >= 0 ? 0 : -EBADMSG;
    buf_init(&buf, PIECE_BYTES + PROFILE_RECORD_BYTES);
    while (result == 0 && (result = buf_reserve(&buf, PIECE_BYTES)) == 0) {
        ssize_t n = read(fd, buf.ptr + buf.len, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            result = n < 0 ? -errno : 0;
            break;
        }
        buf.len += (size_t)n;
        result = read_records(&buf, reading);
    }
    buf_release(&buf);
    return result;
}

int profiles_file_read(const char *path, int (*each)(void *arg, const struct profile *profile),
                       void *arg, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot read '%s'", path);
    struct reading reading = {.each = each, .arg = arg};
    int result = read_file(fd, &reading);
    close(fd);
    if (result == -EBADMSG)
        return err_set(err, result, "'%s' is no file of profiles", path);
    if (result == 0 && reading.bad > 0)
        return err_set(err, -EBADMSG, "'%s' is damaged: %llu profiles of it could not be read",
                       path, (unsigned long long)reading.bad);
    return result < 0 ? err_errno(err, result, "cannot read '%s'", path) : 1;
}
