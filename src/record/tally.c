/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is a head of one cache line and a slot for each worker. It is written out in full when made, so that a full disk shows then, as an error,
 * and not later, as a signal. It holds numbers of this machine's byte order: it never leaves the machine.
 */
#include "record/tally.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TALLY_MAGIC UINT64_C(0x31796c6c61745753) /* "SWtally1" */

struct tally_image {
    uint64_t magic;
    uint64_t slots;
    uint64_t booted_s;
    uint64_t unused[5];
    struct tally_slot slot[TALLY_WORKERS_MAX];
};

_Static_assert(sizeof(struct tally_slot) == 64, "a cache line for each worker");

struct tally {
    struct tally_image *image;
    int fd; /* holds the lock; -1: in memory only */
};

static int file_name(const char *path, uint32_t number, const char *ending, char *ret, size_t size)
{
    int len = number == 0 ? snprintf(ret, size, "%s%s", path, ending)
                          : snprintf(ret, size, "%s.%u%s", path, number, ending);
    return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* Locks of the descriptor, not of the process: another one on the same file, closed, does not take them away. */
static int lock_file(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static int write_image(int fd)
{
    static const struct tally_image image = {.magic = TALLY_MAGIC, .slots = TALLY_WORKERS_MAX};
    ssize_t written = pwrite(fd, &image, sizeof(image), 0);
    if (written == (ssize_t)sizeof(image))
        return 0;
    int error = written < 0 ? -errno : -ENOSPC;
    (void)(ftruncate(fd, 0) <
           0); /* not half of one; when that fails too, the next start sets it aside */
    return error;
}

/* 1: it is a tally. 0: it is something else. */
static int is_tally(int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    if (info.st_size == 0) {
        int r = write_image(fd);
        return r < 0 ? r : 1;
    }
    uint64_t head[2];
    if (info.st_size != sizeof(struct tally_image) ||
        pread(fd, head, sizeof(head), 0) != sizeof(head))
        return 0;
    return head[0] == TALLY_MAGIC && head[1] == TALLY_WORKERS_MAX;
}

static struct tally *map_image(int fd)
{
    struct tally *tally = mem_zalloc(sizeof(*tally));
    if (!tally)
        return NULL;
    int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void *image = mmap(NULL, sizeof(struct tally_image), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (image == MAP_FAILED) {
        mem_free(tally);
        return NULL;
    }
    tally->image = image;
    tally->fd = fd;
    return tally;
}

/* `fd` is taken over, also on failure. 0 leaves *ret_tally NULL: set aside, to be made anew. */
static int take_file(int fd, const char *name, const char *aside, struct tally **ret_tally)
{
    int r = lock_file(fd);
    if (r == 0)
        r = is_tally(fd);
    if (r == 1) {
        *ret_tally = map_image(fd);
        if (*ret_tally)
            return 0;
        r = -ENOMEM;
    } else if (r == 0) {
        r = rename(name, aside) < 0 ? -errno : 0;
    }
    close(fd);
    return r;
}

int tally_open(const char *path, uint32_t number, bool make, struct tally **ret_tally,
               struct err *err)
{
    char name[4096], aside[4096];
    if (file_name(path, number, "", name, sizeof(name)) < 0 ||
        file_name(path, number, ".bad", aside, sizeof(aside)) < 0)
        return err_set(err, -ENAMETOOLONG, "the path '%s' is too long", path);
    struct tally *tally = NULL;
    int r = 0;
    for (int tries = 0; tries < 2 && r == 0 && !tally; tries++) {
        int fd = open(name, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        r = fd < 0 ? -errno : take_file(fd, name, aside, &tally);
    }
    if (r == 0 && !tally)
        r = -ENOENT; /* it was set aside; the second try makes one only if asked to */
    if (r < 0)
        return err_errno(err, r, "cannot open '%s'", name);
    *ret_tally = tally;
    return 0;
}

struct tally *tally_anonymous(void)
{
    return map_image(-1);
}

void tally_close(struct tally *tally)
{
    if (!tally)
        return;
    munmap(tally->image, sizeof(struct tally_image));
    if (tally->fd >= 0)
        close(tally->fd);
    mem_free(tally);
}

struct tally_slot *tally_slot(struct tally *tally, uint32_t worker)
{
    check(worker < TALLY_WORKERS_MAX);
    return &tally->image->slot[worker];
}

static uint64_t get(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

void tally_sum(const struct tally *tally, struct tally_slot *ret_sum)
{
    struct tally_slot sum = {0};
    for (size_t i = 0; i < TALLY_WORKERS_MAX; i++) {
        const struct tally_slot *slot = &tally->image->slot[i];
        sum.requests += get(&slot->requests);
        sum.prompt_tokens += get(&slot->prompt_tokens);
        sum.completion_tokens += get(&slot->completion_tokens);
        sum.calls_begun += get(&slot->calls_begun);
        sum.calls_ended += get(&slot->calls_ended);
    }
    *ret_sum = sum;
}

void tally_end_calls(struct tally *tally)
{
    for (size_t i = 0; i < TALLY_WORKERS_MAX; i++)
        tally->image->slot[i].calls_ended = tally->image->slot[i].calls_begun;
}

uint64_t tally_booted_s(const struct tally *tally)
{
    return tally->image->booted_s;
}

void tally_set_booted_s(struct tally *tally, uint64_t booted_s)
{
    tally->image->booted_s = booted_s;
}
