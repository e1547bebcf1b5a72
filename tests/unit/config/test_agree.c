/* SPDX-License-Identifier: Apache-2.0 */
#include "config/agree.h"

#include "config_testing.h"

#define TWO_POOLS                                                                                  \
    "pools:\n"                                                                                     \
    "- {name: a, backends: [{url: 'http://h'}]}\n"                                                 \
    "- {name: b, backends: [{url: 'http://g'}]}\n"

static const struct config_facts embedded = {.embedded_url = "http://127.0.0.1:4711",
                                             .embedded_model = "smollm2"};

static void settings_that_do_not_agree(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } examples[] = {
        {"limits:\n  body_memory: 1MiB\n",
         "seawall.yaml:2: limits.body_memory: it is smaller than one body"},
        {"limits:\n  body_memory: 2MiB\n  body_bytes: 4MiB\n",
         "seawall.yaml:3: limits.body_memory: it is smaller"},
        {"limits:\n  event_bytes: 33MiB\n",
         "seawall.yaml:2: limits.answer_bytes: it is smaller than one event"},
        {"cors:\n  origins: ['*', 'https://h']\n",
         "seawall.yaml:2: cors.origins: '*' stands alone"},
        {"pools:\n- {name: a, backends: [{url: 'http://h'}]}\n- name: a\n  backends: [{url: "
         "'http://h'}]\n",
         "seawall.yaml:3: pools.name: 'a' is the name of the pool in line 2 already"},
        {"pools:\n- name: a\n  backends:\n  - weight: 2\n",
         "seawall.yaml:4: pools.backends.url: it is missing"},
        {"pools:\n- name: a\n  backends:\n  - embedded: false\n",
         "seawall.yaml:4: pools.backends.url: it is missing"},
        {"pools:\n- name: a\n  backends:\n  - url: http://h\n    ca_file: c\n",
         "seawall.yaml:5: pools.backends.ca_file: the url is not https://"},
        {"pools:\n- name: a\n  backends:\n  - embedded: true\n    url: http://h\n",
         "seawall.yaml:5: pools.backends.embedded: the embedded model has no url, key or ca_file"},
        {"pools:\n- name: a\n  backends:\n  - embedded: true\n    api_key_file: k\n",
         "pools.backends.embedded: the embedded model has no url, key or ca_file"},
        {"pools:\n- name: a\n  backends:\n  - embedded: true\n",
         "seawall.yaml:4: pools.backends.embedded: this service was started without a model"},
        {"models:\n- name: m\n", "seawall.yaml:2: models: there is no pool that could serve them"},
        {"models:\n- name: m\n  pool: a\n", "seawall.yaml:3: models.pool: there is no pool 'a'"},
        {TWO_POOLS "models:\n- name: m\n",
         "seawall.yaml:5: models.pool: it is missing, and there is more than one pool"},
        {TWO_POOLS "models:\n- name: m\n  pool: c\n",
         "seawall.yaml:6: models.pool: there is no pool 'c'"},
        {TWO_POOLS "models:\n- {name: m, pool: a}\n- {name: n, pool: a}\n- {name: m, pool: b}\n",
         "seawall.yaml:7: models.name: it is the name of the model in line 5 already"},
        {TWO_POOLS "models:\n- name: m\n  pool: a\n  context_tokens: 100\n  output_tokens: 101\n",
         "seawall.yaml:8: models.output_tokens: it is more than context_tokens"},
        {TWO_POOLS "models:\n- {name: m, pool: a, smaller: n}\n", "seawall.yaml:5: models.smaller: there is no model 'n'"},
        {TWO_POOLS "models:\n- {name: m, pool: a}\n- name: n\n  pool: a\n  smaller: n\n",
         "seawall.yaml:8: models.smaller: it is the model itself"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        testing_refused(examples[i].text, NULL, examples[i].expected);
    testing_refused("pools:\n- name: a\n  backends:\n  - embedded: true\n  - embedded: true\n",
                    &embedded, "seawall.yaml:5: pools.backends.embedded: it is in line 4 already");
}

static void what_a_model_does_not_say(void **state)
{
    (void)state;
    struct config *config =
        testing_parse("pools: [{name: a, backends: [{url: 'http://h'}]}]\nmodels: [{name: m}]\n");
    assert_span(config->models[0].pool, "a");
    assert_span(config->models[0].upstream_model, "m");
    config_unref(config);
}

static void how_a_pool_is_probed(void **state)
{
    (void)state;
    static const struct {
        const char *pool;
        enum config_probe probe;
    } examples[] = {
        {"backends: [{url: 'http://127.0.0.1:1'}]", CONFIG_PROBE_TOKENS},
        {"backends: [{url: 'http://10.1.1.1'}, {url: 'https://gpu.internal'}]",
         CONFIG_PROBE_TOKENS},
        {"backends: [{url: 'https://api.deepseek.com'}]", CONFIG_PROBE_MODELS},
        {"backends: [{url: 'http://10.1.1.1'}, {url: 'https://api.deepseek.com'}]",
         CONFIG_PROBE_MODELS},
        {"backends: [{embedded: true}]", CONFIG_PROBE_TOKENS},
        {"probe: models, backends: [{url: 'http://10.1.1.1'}]", CONFIG_PROBE_MODELS},
        {"probe: tokens, backends: [{url: 'https://api.deepseek.com'}]", CONFIG_PROBE_TOKENS},
        {"probe: off, backends: [{url: 'http://10.1.1.1'}]", CONFIG_PROBE_OFF},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char text[256];
        struct err err = {0};
        (void)snprintf(text, sizeof(text), "pools: [{name: a, %s}]\n", examples[i].pool);
        struct config *config = testing_parse_with(text, &embedded, &err);
        if (!config)
            fail_msg("%s", err.text);
        assert_int_equal(config->pools[0].probe, examples[i].probe);
        config_unref(config);
    }
}

static struct config *with_facts(const char *text, const struct config_facts *facts)
{
    struct err err = {0};
    struct config *config = testing_parse_with(text, facts, &err);
    if (!config)
        fail_msg("%s", err.text);
    return config;
}

static void the_embedded_model_alone(void **state)
{
    (void)state;
    struct config *config = with_facts("", &embedded);
    assert_int_equal(config->pools_count, 1);
    assert_span(config->pools[0].name, "embedded");
    assert_int_equal(config->pools[0].probe, CONFIG_PROBE_TOKENS);
    assert_int_equal(config->pools[0].connect_ms, 3000);
    assert_true(config->pools[0].backends[0].embedded);
    assert_int_equal(config->pools[0].backends[0].weight, 1);
    assert_span(config->pools[0].backends[0].url, "http://127.0.0.1:4711");
    assert_int_equal(config->models_count, 1);
    assert_span(config->models[0].name, "smollm2");
    assert_span(config->models[0].upstream_model, "smollm2");
    assert_span(config->models[0].pool, "embedded");
    assert_int_equal(config->models[0].choices_max, 8);
    config_unref(config);
}

static void the_embedded_model_in_a_file(void **state)
{
    (void)state;
    struct config *config = with_facts(
        "pools:\n- {name: a, backends: [{url: 'http://h'}, {embedded: true, weight: 3}]}\n",
        &embedded);
    assert_int_equal(config->pools_count, 1);
    assert_false(config->pools[0].backends[0].embedded);
    assert_span(config->pools[0].backends[1].url, "http://127.0.0.1:4711");
    assert_int_equal(config->pools[0].backends[1].weight, 3);
    assert_int_equal(config->models_count, 0);
    config_unref(config);

    /* A file with pools that do not name it has no use for it. */
    config = with_facts(TWO_POOLS, &embedded);
    assert_int_equal(config->pools_count, 2);
    assert_int_equal(config->models_count, 0);
    config_unref(config);

    /* A file with models but no pools gives it other names. */
    config = with_facts("models: [{name: chat, upstream_model: smollm2}]\n", &embedded);
    assert_span(config->models[0].name, "chat");
    assert_span(config->models[0].pool, "embedded");
    assert_int_equal(config->models_count, 1);
    config_unref(config);
}

static void an_upstream_from_the_command_line(void **state)
{
    (void)state;
    const struct config_facts facts = {.upstream_url = "https://API.example.org/v1/",
                                       .embedded_url = "http://127.0.0.1:1"};
    struct config *config = with_facts("", &facts);
    assert_int_equal(config->pools_count, 1);
    assert_span(config->pools[0].name, "upstream");
    assert_span(config->pools[0].backends[0].url, "https://api.example.org");
    assert_false(config->pools[0].backends[0].embedded);
    assert_int_equal(config->pools[0].probe, CONFIG_PROBE_MODELS);
    assert_int_equal(config->models_count, 0);
    config_unref(config);

    /* It replaces the file's pools, with the models that they served. */
    config = with_facts(TWO_POOLS "models: [{name: m, pool: a}]\n", &facts);
    assert_int_equal(config->pools_count, 1);
    assert_span(config->pools[0].name, "upstream");
    assert_int_equal(config->models_count, 0);
    config_unref(config);

    /* Also a pool that counts on a model which this start does not have. */
    const struct config_facts alone = {.upstream_url = "http://h"};
    config = with_facts("pools: [{name: a, backends: [{embedded: true}]}]\n", &alone);
    assert_span(config->pools[0].backends[0].url, "http://h");
    config_unref(config);

    config = with_facts("models: [{name: m, upstream_model: n}]\n", &facts);
    assert_span(config->models[0].pool, "upstream");
    config_unref(config);

    /* What it replaces must still be right. */
    testing_refused(TWO_POOLS "models: [{name: m, pool: c}]\n", &facts, "there is no pool 'c'");
}

static void facts_that_are_wrong(void **state)
{
    (void)state;
    struct config_facts facts = {.upstream_url = "h:80"};
    testing_refused("", &facts, "the upstream URL is none: it does not begin with http://");
    facts = (struct config_facts){.upstream_url = "http://u:secret@h"};
    testing_refused("", &facts, "the upstream URL is none: it holds a user or password");
    char longer[4096];
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "http://h/", 9);
    longer[sizeof(longer) - 1] = '\0';
    facts = (struct config_facts){.upstream_url = longer};
    testing_refused("", &facts, "the upstream URL is too long");
    facts = (struct config_facts){.embedded_url = "nowhere"};
    testing_refused("", &facts, "the embedded model's URL is none");
    facts = (struct config_facts){.embedded_url = "http://h", .embedded_model = "a b"};
    testing_refused("", &facts, "the embedded model's name is no name for a model");
    static const char *const ports[] = {"",     "x", "65536", "-1", "80 ", "99999999999999999999",
                                        "80:80"};
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        facts = (struct config_facts){.port = ports[i]};
        testing_refused("", &facts, "the port is not between 0 and 65535");
    }
}

static void a_port_moves_all_listeners(void **state)
{
    (void)state;
    const struct config_facts facts = {.port = "9000"};
    struct config *config = with_facts("", &facts);
    assert_int_equal(config->listen_count, 1);
    assert_span(config->listen[0], ":9000");
    assert_span(config->metrics_listen, "127.0.0.1:9090");
    config_unref(config);

    config = with_facts(
        "service: {listen: ['127.0.0.1:1', '[::1]:1', '127.0.0.1:2', unix:/run/x, '8080']}\n",
        &facts);
    assert_int_equal(config->listen_count, 4);
    assert_span(config->listen[0], "127.0.0.1:9000");
    assert_span(config->listen[1], "[::1]:9000");
    assert_span(config->listen[2], "unix:/run/x");
    assert_span(config->listen[3], ":9000");
    config_unref(config);
}

static void warnings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } examples[] = {
        {"", ""},
        {"service: {keys: ignored}\n", "service.keys: without keys"},
        {"service: {keys: ignored, listen: ['127.0.0.1:1', '[::1]:1', 'unix:/x']}\n", ""},
        {"service: {keys: ignored, listen: ['127.0.0.1:1', '[::]:1']}\n",
         "service.keys: without keys"},
        {"service: {metrics: ':9090'}\n", "service.metrics: it can be read from other machines"},
        {"service: {metrics: '[::1]:9090'}\n", ""},
        {"service: {metrics: off}\n", ""},
        {"pools: [{name: a, backends: [{url: 'http://api.example.org', api_key_file: k}]}]\n",
         "pools.backends.url: 'http://api.example.org' gets its key and all prompts without TLS"},
        {"pools: [{name: a, backends: [{url: 'https://api.example.org', api_key_file: k}]}]\n", ""},
        {"pools: [{name: a, backends: [{url: 'http://10.0.0.1', api_key_file: k}]}]\n", ""},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct config *config = testing_parse(examples[i].text);
        struct buf buf;
        buf_init(&buf, 1024);
        agree_write_warnings(&buf, config);
        bool none = examples[i].expected[0] == '\0';
        if (none ? buf.len > 0 : !strstr(buf_cstr(&buf), examples[i].expected))
            fail_msg("expected '%s', got '%s' for:\n%s", examples[i].expected, buf_cstr(&buf),
                     examples[i].text);
        buf_release(&buf);
        config_unref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_that_do_not_agree),
        cmocka_unit_test(what_a_model_does_not_say),
        cmocka_unit_test(how_a_pool_is_probed),
        cmocka_unit_test(the_embedded_model_alone),
        cmocka_unit_test(the_embedded_model_in_a_file),
        cmocka_unit_test(an_upstream_from_the_command_line),
        cmocka_unit_test(facts_that_are_wrong),
        cmocka_unit_test(a_port_moves_all_listeners),
        cmocka_unit_test(warnings),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
