/* SPDX-License-Identifier: Apache-2.0 */
/* The file is one line: the day as a number, a space, the key in hexadecimal. */
#include "record/address.h"

#include "base/random.h"
#include "base/text.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#define SALT_FILE_BYTES 64 /* more than a line ever has */

static int parse(struct span line, uint64_t day, struct address_salt *ret_salt)
{
    struct span rest = line, number;
    uint64_t value;
    if (!span_ends(line, SPAN("\n")))
        return -EINVAL;
    rest.len--;
    if (!span_split(&rest, ' ', &number) || text_to_u64(number, &value) < 0 || value != day)
        return -EINVAL;
    struct address_salt salt = {.day = day};
    if (text_unhex(rest, salt.key.bytes, MAC_KEY_BYTES) < 0)
        return -EINVAL;
    *ret_salt = salt;
    return 0;
}

static int read_salt(const char *path, uint64_t day, struct address_salt *ret_salt)
{
    char bytes[SALT_FILE_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, bytes, sizeof(bytes));
    close(fd);
    int r = len < 0 ? -EIO : parse(span_of(bytes, (size_t)len), day, ret_salt);
    explicit_bzero(bytes, sizeof(bytes));
    return r;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    ssize_t written = write(fd, bytes, len);
    if (written == (ssize_t)len)
        return 0;
    return written < 0 ? -errno : -ENOSPC;
}

/* Whole or not at all: beside it, then in its place. */
static int write_salt(const char *path, const struct address_salt *salt)
{
    char aside[4096], hex[2 * MAC_KEY_BYTES + 1], line[SALT_FILE_BYTES];
    int aside_len = snprintf(aside, sizeof(aside), "%s.new", path);
    if (aside_len < 0 || (size_t)aside_len >= sizeof(aside))
        return -ENAMETOOLONG;
    text_hex(salt->key.bytes, MAC_KEY_BYTES, hex);
    int len = snprintf(line, sizeof(line), "%llu %s\n", (unsigned long long)salt->day, hex);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : write_all(fd, line, (size_t)len);
    if (fd >= 0)
        close(fd);
    if (r == 0 && rename(aside, path) < 0)
        r = -errno;
    explicit_bzero(hex, sizeof(hex));
    explicit_bzero(line, sizeof(line));
    return r;
}

int address_salt_load(const char *path, uint64_t day, struct address_salt *ret_salt)
{
    if (read_salt(path, day, ret_salt) == 0)
        return 0;
    ret_salt->day = day;
    random_bytes(ret_salt->key.bytes, sizeof(ret_salt->key.bytes));
    return write_salt(path, ret_salt);
}

/* Never 0, which means "no address". */
static uint64_t hash_bytes(const struct address_salt *salt, const void *bytes, size_t len)
{
    uint64_t hash = mac_64(&salt->key, span_of(bytes, len));
    return hash ? hash : 1;
}

uint64_t address_hash(const struct address_salt *salt, const struct sockaddr_storage *peer)
{
    if (!peer)
        return 0;
    if (peer->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, peer, sizeof(v4));
        return hash_bytes(salt, &v4.sin_addr, sizeof(v4.sin_addr));
    }
    if (peer->ss_family != AF_INET6)
        return 0;
    struct sockaddr_in6 v6;
    memcpy(&v6, peer, sizeof(v6));
    const unsigned char *bytes = v6.sin6_addr.s6_addr;
    return IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? hash_bytes(salt, bytes + 12, 4)
                                               : hash_bytes(salt, bytes, 16);
}
