/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a folder of their own, a store in it, keys to put into it, and a second connection beside it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "store/database.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[64];
static char test_path[128];

static inline int test_folder_make(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof(test_folder), "/tmp/seawall-store-XXXXXX");
    if (!mkdtemp(test_folder))
        return -1;
    snprintf(test_path, sizeof(test_path), "%s/seawall.db", test_folder);
    return 0;
}

static inline int test_folder_remove(void **state)
{
    (void)state;
    DIR *folder = opendir(test_folder);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    return rmdir(test_folder);
}

/* Each test starts with an empty folder. */
#define store_test(fn) cmocka_unit_test_setup_teardown(fn, test_folder_make, test_folder_remove)

static inline struct store *test_store(void)
{
    int error = -1;
    struct err err = {""};
    struct store *store = store_new(test_path, &error, &err);
    assert_non_null(store);
    assert_string_equal(err.text, "");
    assert_int_equal(error, 0);
    return store;
}

/* The folder's file of this name, or with this ending of the database's. */
static inline bool test_file_exists(const char *ending)
{
    char path[256];
    snprintf(path, sizeof(path), "%s%s", test_path, ending);
    return access(path, F_OK) == 0;
}

static inline void test_write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline sqlite3 *test_connection(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(test_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

static inline void test_sql(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
}

static inline int64_t test_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static unsigned char test_digests[256][32];

static inline struct store_key test_key(uint64_t id, unsigned char digest)
{
    test_digests[digest][0] = digest;
    return (struct store_key){.id = id,
                              .digest = test_digests[digest],
                              .name = "name",
                              .hint = "hint",
                              .models = "a\nb",
                              .created_ms = 1000};
}

static inline int test_add_key(struct store *store, uint64_t id, struct err *err)
{
    struct store_key key = test_key(id, (unsigned char)id);
    return store_keys_add(store, &key, 1, err);
}

static inline int test_count_key(void *arg, const struct store_key *key)
{
    assert_int_not_equal(key->id, 0);
    ++*(int *)arg;
    return 0;
}

/* How many keys there are, or -errno. */
static inline int test_count_keys(struct store *store)
{
    int count = 0;
    int r = store_keys_read(store, test_count_key, &count, NULL);
    return r < 0 ? r : count;
}
