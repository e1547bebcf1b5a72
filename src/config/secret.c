/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include "base/alloc.h"
#include "base/text.h"
#include "config/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *secret_kind_name(enum secret_kind kind)
{
    static const char *const names[] = {[SECRET_KEY_FILE] = "key_file",
                                        [SECRET_KEY_ENV] = "key_env",
                                        [SECRET_CA_FILE] = "ca_file",
                                        [SECRET_FACT] = "fact"};
    return names[kind];
}

static void secret_release(struct secret *secret)
{
    mem_free(secret->name);
    mem_free_secret(secret->bytes, secret->size);
    *secret = (struct secret){0};
}

void secrets_release(struct secrets *secrets)
{
    if (!secrets)
        return;
    for (size_t i = 0; i < secrets->count; i++)
        secret_release(&secrets->items[i]);
    mem_free(secrets->items);
    *secrets = (struct secrets){0};
}

static char *copy_terminated(struct span text)
{
    char *copy = mem_alloc(text.len + 1);
    if (!copy)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* ---- what messages may call it ---- */

/* The folder in front of the name, for one that has such: "keys" of "keys/a", "/etc" of "/etc/a". */
static bool has_folder(const char *path, size_t name_at)
{
    char folder[4096];
    struct stat st;
    const char *slash = path[name_at] ? strchr(path + name_at + 1, '/') : NULL;
    if (!slash)
        return false;
    int len = snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    return len > 0 && (size_t)len < sizeof(folder) && stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ".key", ".pem", ".token": short and in small letters. What is behind the last dot of a JWT is not. */
static bool has_ending(const char *path)
{
    const char *dot = strrchr(path, '.');
    size_t len = dot ? strspn(dot + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
    return len > 0 && len <= 8 && dot[1 + len] == '\0';
}

static bool is_variable(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return strchr(name, '_') && name[strspn(name, allowed)] == '\0';
}

/* Shows it from here on, unless it would break the line that it is shown in. */
static void call_it(struct secret *secret, const char *name)
{
    char room[SECRET_CALLED_BYTES - 2];
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return;
    snprintf(secret->called, sizeof(secret->called), "'%s'", text_tail(name, room, sizeof(room)));
}

/* ---- reading ---- */

/* Whoever may change the file chooses the key; a certificate is public, so only strangers are
 * kept off. */
static int check_file(int fd, const struct secret *secret, struct stat *ret_stat, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, -errno, "%s cannot be read", secret->called);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s is no regular file", secret->called);
    if (secret->kind == SECRET_KEY_FILE && st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, -EPERM, "%s is writable by others than its owner (chmod go-w it)",
                       secret->called);
    if (st.st_mode & S_IWOTH)
        return err_set(err, -EPERM, "%s is writable by everyone (chmod o-w it)", secret->called);
    if (st.st_size > CONFIG_SECRET_BYTES_MAX)
        return err_set(err, -EFBIG, "%s is larger than %d bytes", secret->called,
                       CONFIG_SECRET_BYTES_MAX);
    *ret_stat = st;
    return 0;
}

static int read_whole(int fd, struct secret *secret, struct err *err)
{
    while (secret->len < secret->size) {
        ssize_t got = read(fd, secret->bytes + secret->len, secret->size - secret->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, -errno, "%s cannot be read", secret->called);
        if (got == 0)
            return 0;
        secret->len += (size_t)got;
    }
    return err_set(err, -EAGAIN, "%s grew while it was read", secret->called);
}

static int read_file(struct secret *secret, const char *folder, struct err *err)
{
    char path[4096];
    bool relative = folder && secret->name[0] != '/';
    int len = snprintf(path, sizeof(path), "%s%s%s", relative ? folder : "", relative ? "/" : "",
                       secret->name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return err_set(err, -ENAMETOOLONG, "the file's name is too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = errno;
    if (fd >= 0 || error == EACCES || has_ending(path) ||
        has_folder(path, (size_t)len - strlen(secret->name)))
        call_it(secret, path);
    if (fd < 0)
        return err_errno(err, -error, "%s cannot be opened", secret->called);
    struct stat st = {0};
    int rc = check_file(fd, secret, &st, err);
    if (rc == 0) {
        secret->readable_by_all = secret->kind == SECRET_KEY_FILE && st.st_mode & S_IROTH;
        secret->size = (size_t)st.st_size + 1;
        secret->bytes = mem_alloc(secret->size);
        rc = secret->bytes ? read_whole(fd, secret, err) : err_set(err, -ENOMEM, "out of memory");
    }
    (void)close(fd);
    return rc;
}

static int read_env(struct secret *secret, struct err *err)
{
    const char *value = getenv(secret->name);
    if (value || is_variable(secret->name))
        call_it(secret, secret->name);
    if (!value)
        return err_set(err, -ENOENT, "%s is not in the environment", secret->called);
    secret->len = strlen(value);
    secret->size = secret->len + 1;
    if (secret->len > CONFIG_SECRET_BYTES_MAX)
        return err_set(err, -EFBIG, "%s is larger than %d bytes", secret->called,
                       CONFIG_SECRET_BYTES_MAX);
    secret->bytes = copy_terminated(span_of(value, secret->len));
    return secret->bytes ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* A key goes into a header field, so a byte that would end the field must never be in it. */
static int check_key(struct secret *secret, struct err *err)
{
    while (secret->len > 0 &&
           (secret->bytes[secret->len - 1] == '\n' || secret->bytes[secret->len - 1] == '\r'))
        secret->len--;
    if (secret->len == 0)
        return err_set(err, -EINVAL, "the key in %s is empty", secret->called);
    if (secret->len > SECRET_KEY_BYTES_MAX)
        return err_set(err, -EFBIG, "the key in %s is longer than %d bytes", secret->called,
                       SECRET_KEY_BYTES_MAX);
    for (size_t i = 0; i < secret->len; i++)
        if (secret->bytes[i] <= ' ' || secret->bytes[i] >= 0x7f)
            return err_set(err, -EINVAL,
                           "the key in %s holds a space, a line break or a byte that is not ASCII",
                           secret->called);
    return 0;
}

static int check_content(struct secret *secret, struct err *err)
{
    if (secret->kind != SECRET_CA_FILE)
        return check_key(secret, err);
    struct span content = span_of(secret->bytes, secret->len);
    if (span_find(content, SPAN("-----BEGIN CERTIFICATE-----")) < 0)
        return err_set(err, -EINVAL, "%s holds no certificate in PEM form", secret->called);
    /* PEM is ASCII; what people write between the certificates must not break what carries it. */
    if (!text_is_utf8(content) || memchr(content.ptr, '\0', content.len))
        return err_set(err, -EINVAL, "%s is not text in UTF-8", secret->called);
    return 0;
}

/* Takes what is in *secret, or wipes it. */
static int secrets_keep(struct secrets *secrets, struct secret *secret, struct err *err)
{
    int rc = 0;
    if (secrets->count == SECRETS_MAX || secret->len > SECRETS_BYTES_MAX - secrets->bytes)
        rc = err_set(err, -ENOSPC, "there are too many secrets");
    if (rc == 0 && !secrets->items) {
        secrets->items = mem_array(SECRETS_MAX, sizeof(*secrets->items));
        if (!secrets->items)
            rc = err_set(err, -ENOMEM, "out of memory");
    }
    if (rc < 0) {
        secret_release(secret);
        return rc;
    }
    secrets->items[secrets->count++] = *secret;
    secrets->bytes += secret->len;
    *secret = (struct secret){0};
    return 0;
}

static const struct secret *secrets_find(const struct secrets *secrets, enum secret_kind kind,
                                         struct span name)
{
    for (size_t i = 0; i < secrets->count; i++)
        if (secrets->items[i].kind == kind && span_eq(span_str(secrets->items[i].name), name))
            return &secrets->items[i];
    return NULL;
}

int secrets_read(struct secrets *secrets, enum secret_kind kind, struct span name,
                 const char *folder, const struct secret **ret_secret, struct err *err)
{
    const struct secret *known = secrets_find(secrets, kind, name);
    if (!known) {
        struct secret secret = {.kind = kind, .name = copy_terminated(name)};
        snprintf(secret.called, sizeof(secret.called), "%s",
                 kind == SECRET_KEY_ENV ? "the variable" : "the file");
        if (!secret.name)
            return err_set(err, -ENOMEM, "out of memory");
        int rc = kind == SECRET_KEY_ENV ? read_env(&secret, err) : read_file(&secret, folder, err);
        if (rc == 0)
            rc = check_content(&secret, err);
        if (rc < 0) {
            secret_release(&secret);
            return rc;
        }
        rc = secrets_keep(secrets, &secret, err);
        if (rc < 0)
            return rc;
        known = &secrets->items[secrets->count - 1];
    }
    *ret_secret = known;
    return 0;
}

int secrets_add(struct secrets *secrets, enum secret_kind kind, const char *name, struct span bytes,
                struct err *err)
{
    struct secret secret = {.kind = kind, .name = mem_strdup(name), .len = bytes.len};
    secret.size = bytes.len + 1;
    secret.bytes = copy_terminated(bytes);
    call_it(&secret, name);
    int rc = secret.name && secret.bytes ? check_content(&secret, err)
                                         : err_set(err, -ENOMEM, "out of memory");
    if (rc < 0) {
        secret_release(&secret);
        return rc;
    }
    return secrets_keep(secrets, &secret, err);
}
