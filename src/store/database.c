/* SPDX-License-Identifier: Apache-2.0 */
/* See database.h. */
#include "store/database.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 100 /* .bad, .bad.1 … then the file stays where it is */

static const char *const statement_texts[] = {
#define STATEMENT(name, sql) sql,
    STORE_STATEMENTS(STATEMENT)
#undef STATEMENT
};

/* ── closing ── */

static void store_close(struct store *store)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(TAKE(store->statements[i]));
    check(sqlite3_close(TAKE(store->db)) ==
          SQLITE_OK); /* only an unfinished statement of ours could keep it open */
}

/* A free name for the damaged file: "seawall.db.bad", "seawall.db.bad.1" … */
static int choose_aside(const struct store *store, char *ret_path, size_t size)
{
    for (unsigned i = 0; i < ASIDE_MAX; i++) {
        int len = i == 0 ? snprintf(ret_path, size, "%s.bad", store->path)
                         : snprintf(ret_path, size, "%s.bad.%u", store->path, i);
        if (len < 0 || (size_t)len >= size)
            return -ENAMETOOLONG;
        if (access(ret_path, F_OK) < 0)
            return errno == ENOENT ? 0 : -errno;
    }
    return -EEXIST;
}

/* With its log, which may hold what can be saved. The index of the log (-shm) is made anew by whoever opens it. */
static void set_aside(const struct store *store)
{
    char aside[4096], log[4200], log_aside[4200];
    if (choose_aside(store, aside, sizeof(aside)) < 0 || rename(store->path, aside) < 0)
        return;
    snprintf(log, sizeof(log), "%s-wal", store->path);
    snprintf(log_aside, sizeof(log_aside), "%s-wal", aside);
    (void)(rename(log, log_aside) < 0); /* there may be none */
    snprintf(log, sizeof(log), "%s-shm", store->path);
    (void)(unlink(log) < 0);
}

int store_settle(struct store *store, int result)
{
    if (store->damaged && store->db)
        /* Closing must not move the log into a file that is damaged: both are evidence. */
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (store->suspect || store->damaged)
        store_close(store);
    if (store->damaged)
        set_aside(store);
    store->lost |= store->damaged;
    store->suspect = store->damaged = false;
    return result;
}

/* ── errors ── */

/* What the operating system said, where SQLite only says that it failed. */
static int errno_of_file(struct store *store)
{
    switch (sqlite3_system_errno(store->db)) {
    case ENOSPC:
    case EDQUOT:
        return -ENOSPC;
    case EACCES:
    case EPERM:
        return -EACCES;
    case EROFS:
        return -EROFS;
    case EMFILE:
    case ENFILE:
        return -EMFILE;
    default:
        return -EIO;
    }
}

int store_failed(struct store *store, const char *what, struct err *err)
{
    int code = sqlite3_extended_errcode(store->db);
    int result = -EIO;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* many processes opening at once */
        result = -EBUSY;
        break;
    case SQLITE_NOMEM:
        result = -ENOMEM;
        break;
    case SQLITE_CONSTRAINT:
        result = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ? -EEXIST
                                                                                          : -EINVAL;
        break;
    case SQLITE_FULL:
        result = -ENOSPC;
        store->suspect = true;
        break;
    case SQLITE_READONLY:
        result = -EROFS;
        store->suspect = true;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        store->damaged = true;
        return err_set(err, -EIO, "%s: '%s' is damaged (%s) and was set aside", what, store->path,
                       sqlite3_errmsg(store->db));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        result = errno_of_file(store);
        store->suspect = true;
        break;
    default:
        store->suspect = true;
        break;
    }
    return err_set(err, result, "%s in '%s': %s", what, store->path, sqlite3_errmsg(store->db));
}

/* ── opening ── */

/* SQLite would make it with the process's umask. It closes no descriptor of a file it has open: that would drop its locks. */
static int make_file(struct store *store, struct err *err)
{
    int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    return err_errno(err, errno == EDQUOT ? -ENOSPC : -errno, "cannot make '%s'", store->path);
}

static int remember_file(struct store *store, struct err *err)
{
    struct stat info;
    if (stat(store->path, &info) < 0)
        return err_errno(err, -EIO, "cannot look at '%s'", store->path);
    store->device = info.st_dev;
    store->inode = info.st_ino;
    return 0;
}

static int set_up(struct store *store, struct err *err)
{
    static const char pragmas[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
        "PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216;";
    if (sqlite3_busy_timeout(store->db, STORE_BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(store->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "cannot set up the database", err);
    return schema_bring_up(store, err);
}

static int store_open(struct store *store, struct err *err)
{
    int r = make_file(store, err);
    if (r == 0)
        r = remember_file(store, err);
    if (r < 0)
        return r;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK) {
        if (!store->db)
            return err_set(err, -ENOMEM, "cannot open '%s': out of memory", store->path);
        r = store_failed(store, "cannot open the database", err);
    } else {
        r = set_up(store, err);
    }
    if (r < 0)
        store->suspect = true; /* nothing half set up stays open */
    return store_settle(store, r);
}

/* Has somebody moved, replaced or deleted the file? What went into it since is with that file. */
static bool is_still_there(const struct store *store)
{
    struct stat info;
    return stat(store->path, &info) == 0 && info.st_dev == store->device &&
           info.st_ino == store->inode;
}

/* What is still in the log goes into the file that it belongs to, wherever that is now. An old log that stays beside a new file would be
 * taken for that file's. */
static void leave_old_file(struct store *store)
{
    store->lost = true;
    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    store_close(store);
}

int store_ready(struct store *store, struct err *err)
{
    if (store->db && !is_still_there(store))
        leave_old_file(store);
    return store->db ? 0 : store_open(store, err);
}

struct store *store_new(const char *path, int *ret_error, struct err *err)
{
    struct store *store = mem_zalloc(sizeof(*store));
    if (!store)
        return NULL;
    store->path = mem_strdup(path);
    if (!store->path) {
        mem_free(store);
        return NULL;
    }
    *ret_error = store_ready(store, err);
    store->lost = false; /* what was wrong at the start is that error */
    return store;
}

bool store_was_lost(struct store *store)
{
    if (store->db)
        (void)(store_ready(store, NULL) < 0); /* whoever needs the file is told why it fails */
    bool lost = store->lost;
    store->lost = false;
    return lost;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_close(store);
    mem_free(store->path);
    mem_free(store);
}

/* ── statements ── */

sqlite3_stmt *store_statement(struct store *store, enum store_statement name)
{
    sqlite3_stmt **statement = &store->statements[name];
    if (!*statement && sqlite3_prepare_v3(store->db, statement_texts[name], -1,
                                          SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_clear_bindings(*statement);
    return *statement;
}

int store_run(struct store *store, sqlite3_stmt *statement, const char *what, struct err *err)
{
    if (!statement)
        return store_failed(store, what, err);
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : store_failed(store, what, err);
    sqlite3_reset(statement);
    return r;
}

/* A ROLLBACK that fails found no transaction: SQLite has taken it back by itself. */
static int finish(struct store *store, int result, const char *what, struct err *err)
{
    if (result >= 0) {
        int r = store_run(store, store_statement(store, STATEMENT_COMMIT), what, err);
        if (r == 0)
            return result;
        result = r;
    }
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

int store_transact(struct store *store,
                   int (*work)(struct store *store, void *arg, struct err *err), void *arg,
                   const char *what, struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    r = store_run(store, store_statement(store, STATEMENT_BEGIN), what, err);
    if (r == 0)
        r = finish(store, work(store, arg, err), what, err);
    return store_settle(store, r);
}

int store_read(struct store *store, enum store_statement name, const char *what,
               int (*row)(sqlite3_stmt *row, void *arg), void *arg, struct err *err)
{
    int r = store_ready(store, err);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, name);
    int step = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    while (step == SQLITE_ROW && r >= 0) {
        r = row(statement, arg);
        if (r >= 0)
            step = sqlite3_step(statement);
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        r = store_failed(store, what, err);
    sqlite3_reset(statement);
    return store_settle(store, MIN(r, 0));
}
