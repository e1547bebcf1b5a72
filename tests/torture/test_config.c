/* SPDX-License-Identifier: Apache-2.0 */
/* A whole configuration, from files to struct. libyaml and jansson allocate for themselves and are not reached. */
#include "config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "torture.h"

static char folder[] = "/tmp/seawall-torture-XXXXXX";

static const char text[] = "service: {listen: [':1', ':2'], user: x, metrics: off}\n"
                           "cors: {origins: ['https://a', 'https://b']}\n"
                           "pools:\n"
                           "- name: a\n"
                           "  backends:\n"
                           "  - {url: 'https://a.example.org', api_key_file: key, weight: 2}\n"
                           "  - {url: 'https://b.example.org', api_key_file: key}\n"
                           "- {name: b, backends: [{embedded: true}]}\n"
                           "models:\n"
                           "- {name: m, pool: a, engine_fields: [top_k, min_p]}\n"
                           "- {name: n, pool: b, upstream_model: o}\n";

static const char *write_file(const char *name, const char *content, char *ret_path, size_t size)
{
    int len = snprintf(ret_path, size, "%s/%s", folder, name);
    assert_true(len > 0 && (size_t)len < size);
    int fd = open(ret_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(close(fd), 0);
    return ret_path;
}

struct given {
    const char *path;
    struct config_facts facts;
};

static int from_file_to_struct(void *data)
{
    const struct given *given = data;
    struct buf bundle;
    struct err err = {0};
    struct config *config = NULL;
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    int rc = config_bundle_read(given->path, &given->facts, &bundle, &err);
    if (rc == 0) {
        config = config_parse(buf_span(&bundle), &err);
        rc = config ? 0 : -ENOMEM;
    } else {
        /* Nothing of the secrets is left in a bundle that was not made. */
        assert_int_equal(bundle.len, 0);
    }
    if (rc < 0)
        assert_non_null(strstr(err.text, "emory"));
    config_unref(config);
    config_bundle_release(&bundle);
    return rc;
}

static int checks(void *data)
{
    const struct given *given = data;
    struct buf warnings;
    struct err err = {0};
    buf_init(&warnings, 4096);
    bool uses_model;
    int rc = config_check(given->path, &warnings, &uses_model, &err);
    if (rc == 0)
        assert_non_null(strstr(buf_cstr(&warnings), "can be read by everyone"));
    else
        assert_true(err.text[0] != '\0');
    buf_release(&warnings);
    return rc;
}

static void a_configuration_in_little_memory(void **state)
{
    (void)state;
    char key[64];
    char path[64];
    assert_non_null(mkdtemp(folder));
    (void)write_file("key", "sk-upstream\n", key, sizeof(key));
    struct given given = {.path = write_file("seawall.yaml", text, path, sizeof(path)),
                          .facts = {.port = "8081",
                                    .embedded_url = "http://127.0.0.1:1",
                                    .embedded_api_key = "k",
                                    .embedded_model = "m"}};
    (void)torture(from_file_to_struct, &given);
    (void)torture(checks, &given);
    given.path = NULL;
    (void)torture(from_file_to_struct, &given);
    given.facts = (struct config_facts){.upstream_url = "https://h"};
    (void)torture(from_file_to_struct, &given);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_configuration_in_little_memory)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
