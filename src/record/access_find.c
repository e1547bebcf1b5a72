/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key `"id":"…"` is looked for, not each line read: no text in a line can hold it, since quotes are escaped there. A window moves from the end of a file to its
 * beginning; each has the first bytes of the one before behind it, so that a key across their border is seen.
 */
#include "record/access_find.h"

#include "base/alloc.h"
#include "base/text.h"
#include "record/access_line.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_BYTES (1U << 20)
#define KEY_BYTES_MAX 64
#define PATH_BYTES_MAX 4096
#define ENTRIES_MAX 65536 /* of the log's folder */
#define TIME_KEY "{\"time\":\""

struct file {
    char name[NAME_MAX + 1];
    int64_t written_ns;
};

struct search {
    const char *path; /* of the file that is written */
    char folder[PATH_BYTES_MAX];
    struct span base; /* its name in the folder */
    struct span key;
    char *window; /* WINDOW_BYTES and room for a key */
    uint64_t left;
    struct buf *line;
    struct access_found *found;
    size_t files_count;
    struct file files[ACCESS_FIND_FILES_MAX]; /* that a rotation left, newest first */
};

/* How much there was, or -errno. */
static ssize_t read_at(int fd, char *bytes, size_t len, uint64_t at)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, bytes + got, len - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* ── one file ── */

/* The line around a key at `at`. 1, 0: it has no end yet, or -errno. */
static int take_line(struct search *search, int fd, uint64_t at)
{
    uint64_t begin = at > ACCESS_LINE_BYTES_MAX ? at - ACCESS_LINE_BYTES_MAX : 0;
    ssize_t n = read_at(fd, search->window, 2 * ACCESS_LINE_BYTES_MAX, begin);
    if (n < 0)
        return (int)n;
    struct span all = span_of(search->window, (size_t)n),
                before = span_take(all, (size_t)(at - begin));
    const char *feed = before.len > 0 ? memrchr(before.ptr, '\n', before.len) : NULL;
    struct span line = feed ? span_skip(all, (size_t)(feed + 1 - all.ptr)) : all;
    ptrdiff_t end = span_find_byte(line, '\n');
    if (end < 0 || !span_starts(line, SPAN(TIME_KEY)))
        return 0;
    buf_append(search->line, span_take(line, (size_t)end));
    return buf_status(search->line) < 0 ? buf_status(search->line) : 1;
}

/* When the first line that begins at `from` or behind it was written. */
static void note_oldest(struct search *search, int fd, uint64_t from)
{
    ssize_t n = read_at(fd, search->window, 2 * ACCESS_LINE_BYTES_MAX, from);
    struct span line = span_of(search->window, n > 0 ? (size_t)n : 0);
    if (from > 0) {
        ptrdiff_t feed = span_find_byte(line, '\n');
        line = feed < 0 ? SPAN_NULL : span_skip(line, (size_t)feed + 1);
    }
    uint64_t ms;
    if (span_starts(line, SPAN(TIME_KEY)) &&
        text_parse_time(span_take(span_skip(line, sizeof(TIME_KEY) - 1), TEXT_TIME_BYTES - 1),
                        &ms) == 0)
        search->found->oldest_ms = ms;
}

/* 1 and its place, 0, or -errno. */
static int find_key(struct search *search, int fd, uint64_t *ret_at)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode))
        return -EINVAL;
    uint64_t end = (uint64_t)info.st_size, begin = end;
    for (; end > 0 && search->left > 0; end = begin) {
        uint64_t step = MIN(end, search->left);
        step = MIN(step, (uint64_t)WINDOW_BYTES);
        begin = end - step;
        search->left -= step;
        ssize_t n = read_at(fd, search->window, (size_t)step + search->key.len - 1, begin);
        if (n < 0)
            return (int)n;
        ptrdiff_t at = span_find(span_of(search->window, (size_t)n), search->key);
        if (at >= 0) {
            *ret_at = begin + (uint64_t)at;
            return 1;
        }
    }
    if (begin > 0)
        search->found->more = true;
    if (info.st_size > 0)
        note_oldest(search, fd, begin);
    return 0;
}

static int search_file(struct search *search, const char *path, struct err *err)
{
    uint64_t at;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open the access log '%s'", path);
    search->found->files++;
    int r = find_key(search, fd, &at);
    if (r > 0)
        r = take_line(search, fd, at);
    if (r == -EINVAL)
        err_set(err, r, "the access log '%s' is no file", path);
    else if (r < 0)
        err_errno(err, r, "cannot read the access log '%s'", path);
    close(fd);
    return r;
}

/* ── those that a rotation left ── */

static bool is_compressed(struct span name)
{
    static const struct span ends[] = {SPAN(".gz"), SPAN(".xz"), SPAN(".zst"), SPAN(".bz2")};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (span_ends(name, ends[i]))
            return true;
    return false;
}

/* Among the newest, or not at all. */
static void note_file(struct search *search, const char *name, int64_t written_ns)
{
    size_t at = search->files_count;
    while (at > 0 && search->files[at - 1].written_ns < written_ns)
        at--;
    if (search->files_count == ACCESS_FIND_FILES_MAX)
        search->found->more = true;
    else
        search->files_count++;
    if (at >= search->files_count)
        return;
    memmove(&search->files[at + 1], &search->files[at],
            (search->files_count - 1 - at) * sizeof(search->files[0]));
    snprintf(search->files[at].name, sizeof(search->files[at].name), "%s", name);
    search->files[at].written_ns = written_ns;
}

static void list_files(struct search *search)
{
    DIR *folder = opendir(search->folder);
    struct dirent *entry;
    for (size_t i = 0; folder && i < ENTRIES_MAX && (entry = readdir(folder)); i++) {
        struct span name = span_str(entry->d_name), rest = span_skip(name, search->base.len);
        struct stat info;
        if (!span_starts(name, search->base) || rest.len < 2 ||
            (rest.ptr[0] != '.' && rest.ptr[0] != '-') ||
            fstatat(dirfd(folder), entry->d_name, &info, 0) < 0 || !S_ISREG(info.st_mode))
            continue;
        if (is_compressed(name))
            search->found->compressed++;
        else
            note_file(search, entry->d_name,
                      (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
    }
    if (folder)
        closedir(folder);
}

static int search_rotated(struct search *search, struct err *err)
{
    char path[PATH_BYTES_MAX + NAME_MAX + 2];
    int r = 0;
    list_files(search);
    for (size_t i = 0; i < search->files_count && r == 0; i++) {
        if (search->left == 0)
            search->found->more = true;
        snprintf(path, sizeof(path), "%s/%s", search->folder, search->files[i].name);
        if (search->left > 0)
            r = search_file(search, path, err);
        if (r == -ENOENT) /* just rotated away; its newer name was looked at, or is next time */
            r = 0;
    }
    return r;
}

/* ── the search ── */

static int set_up(struct search *search, const char *path, struct span id, char key[KEY_BYTES_MAX])
{
    const char *slash = strrchr(path, '/');
    int len = snprintf(key, KEY_BYTES_MAX, "\"id\":\"%.*s\"",
                       (int)MIN(id.len, (size_t)KEY_BYTES_MAX), id.ptr);
    if (len < 0 || len >= KEY_BYTES_MAX || strlen(path) >= PATH_BYTES_MAX)
        return -ENAMETOOLONG;
    search->path = path;
    search->key = span_of(key, (size_t)len);
    search->left = ACCESS_FIND_BYTES_MAX;
    search->base = span_str(slash ? slash + 1 : path);
    snprintf(search->folder, sizeof(search->folder), "%.*s", slash ? (int)MAX(slash - path, 1) : 1,
             slash ? path : ".");
    search->window = mem_alloc(WINDOW_BYTES + KEY_BYTES_MAX);
    return search->window ? 0 : -ENOMEM;
}

int access_find(const char *path, struct span id, struct buf *line, struct access_found *ret_found,
                struct err *err)
{
    char key[KEY_BYTES_MAX];
    *ret_found = (struct access_found){0};
    struct search *search = mem_zalloc(sizeof(*search));
    if (!search)
        return err_set(err, -ENOMEM, "out of memory");
    search->line = line;
    search->found = ret_found;
    int r = set_up(search, path, id, key);
    if (r < 0)
        err_errno(err, r, "cannot search the access log");
    else
        r = search_file(search, path, err);
    if (r == 0 || r == -ENOENT) /* it was moved away and is not opened anew yet */
        r = search_rotated(search, err);
    mem_free(search->window);
    mem_free(search);
    return r;
}
