/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this room share: a configuration from a text, and from files in a folder of
 * its own. */
#pragma once

#include "base/alloc.h"
#include "config/bundle.h"
#include "config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TESTING_KEY "sk-very-secret-0123456789"
#define TESTING_PEM "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

/* Every text can name the key file "k", the variable "K", and the certificates "c". */
static inline void testing_bundle(struct buf *buf, const char *text,
                                  const struct config_facts *facts)
{
    struct secrets secrets = {0};
    struct secret items[] = {
        {.kind = SECRET_KEY_FILE, .name = (char[]){"k"}, .bytes = (char[]){TESTING_KEY}},
        {.kind = SECRET_KEY_ENV, .name = (char[]){"K"}, .bytes = (char[]){TESTING_KEY}},
        {.kind = SECRET_CA_FILE, .name = (char[]){"c"}, .bytes = (char[]){TESTING_PEM}},
    };
    for (size_t i = 0; i < COUNT_OF(items); i++)
        items[i].len = strlen(items[i].bytes);
    secrets.items = items;
    secrets.count = COUNT_OF(items);
    secrets.bytes = 2 * strlen(TESTING_KEY) + strlen(TESTING_PEM);
    buf_init(buf, CONFIG_BUNDLE_BYTES_MAX);
    assert_int_equal(bundle_write(buf, "seawall.yaml", span_str(text), SPAN(""), facts, &secrets),
                     0);
}

/* NULL with *err as config_parse() does. */
static inline struct config *testing_parse_with(const char *text, const struct config_facts *facts,
                                                struct err *err)
{
    struct buf bundle;
    testing_bundle(&bundle, text, facts);
    struct config *config = config_parse(buf_span(&bundle), err);
    config_bundle_release(&bundle);
    return config;
}

static inline struct config *testing_parse(const char *text)
{
    struct err err = {0};
    struct config *config = testing_parse_with(text, NULL, &err);
    if (!config)
        fail_msg("%s", err.text);
    return config;
}

static inline void testing_refused(const char *text, const struct config_facts *facts,
                                   const char *expected)
{
    struct err err = {0};
    struct config *config = testing_parse_with(text, facts, &err);
    if (config)
        fail_msg("accepted, expected '%s':\n%s", expected, text);
    if (!strstr(err.text, expected))
        fail_msg("expected '%s', got '%s' for:\n%s", expected, err.text, text);
    if (strstr(err.text, "secret"))
        fail_msg("shows a secret: '%s'", err.text);
}

static inline void assert_span(struct span span, const char *expected)
{
    if (!span_eq(span, span_str(expected)))
        fail_msg("expected '%s', got '%.*s'", expected, (int)span.len, span.ptr ? span.ptr : "");
}

/* A folder for one test's files; they are removed by testing_folder_remove(). */
struct testing_folder {
    char path[64];
    char names[16][64];
    size_t count;
};

static inline void testing_folder_make(struct testing_folder *folder)
{
    *folder = (struct testing_folder){0};
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/seawall-config-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
}

/* Returns the file's whole path; valid until the next call. */
static inline const char *testing_file(struct testing_folder *folder, const char *name, mode_t mode,
                                       struct span content)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.ptr, content.len), content.len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < folder->count; i++)
        if (strcmp(folder->names[i], name) == 0)
            return path;
    assert_true(folder->count < COUNT_OF(folder->names));
    (void)snprintf(folder->names[folder->count++], sizeof(folder->names[0]), "%s", name);
    return path;
}

static inline void testing_folder_remove(struct testing_folder *folder)
{
    char path[256];
    for (size_t i = folder->count; i > 0; i--) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, folder->names[i - 1]);
        (void)unlink(path);
    }
    (void)rmdir(folder->path);
}
