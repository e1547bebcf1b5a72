/* SPDX-License-Identifier: Apache-2.0 */
/* What one row accepts and refuses, and in which words. What settings say together is in
 * test_agree.c. */
#include "config/parse.h"

#include "config_testing.h"

static void defaults(void **state)
{
    (void)state;
    struct config *config = testing_parse("");
    assert_int_equal(config->listen_count, 1);
    assert_span(config->listen[0], ":8080");
    assert_span(config->metrics_listen, "127.0.0.1:9090");
    assert_false(config->metrics_asked_for);
    assert_int_equal(config->workers, 0);
    assert_true(span_is_null(config->user));
    assert_int_equal(config->keys, CONFIG_KEYS_REQUIRED);
    assert_span(config->access_log, "access.log");
    assert_int_equal(config->connections_max, 20000);
    assert_int_equal(config->connections_per_network_max, 0);
    assert_int_equal(config->head_bytes_max, 32768);
    assert_int_equal(config->body_bytes_max, 8u << 20);
    assert_int_equal(config->body_memory_max, 512u << 20);
    assert_int_equal(config->answer_bytes_max, 32u << 20);
    assert_int_equal(config->event_bytes_max, 4u << 20);
    assert_int_equal(config->send_queue_bytes_max, 256u << 10);
    assert_int_equal(config->json_depth_max, 64);
    assert_int_equal(config->head_ms, 10000);
    assert_int_equal(config->body_ms, 60000);
    assert_int_equal(config->body_rate_min, 1024);
    assert_int_equal(config->keep_alive_ms, 75000);
    assert_int_equal(config->send_stall_ms, 60000);
    assert_int_equal(config->drain_ms, 30000);
    assert_int_equal(config->cors_origins_count, 0);
    assert_int_equal(config->cors_max_age_s, 600);
    assert_int_equal(config->pools_count, 0);
    assert_int_equal(config->models_count, 0);
    config_unref(config);

    config =
        testing_parse("pools: [{name: a, backends: [{url: 'http://h'}]}]\nmodels: [{name: m}]\n");
    const struct config_pool *pool = &config->pools[0];
    assert_int_equal(pool->backends[0].weight, 1);
    assert_true(span_is_null(pool->backends[0].api_key));
    assert_true(span_is_null(pool->backends[0].ca_pem));
    assert_false(pool->backends[0].embedded);
    assert_int_equal(pool->upstream_stream, CONFIG_STREAM_AUTO);
    assert_int_equal(pool->connect_ms, 3000);
    assert_int_equal(pool->first_byte_ms, 120000);
    assert_int_equal(pool->idle_ms, 60000);
    assert_int_equal(pool->probe_every_ms, 5000);
    assert_int_equal(pool->probe_timeout_ms, 10000);
    assert_int_equal(pool->breaker_failures, 5);
    assert_int_equal(pool->breaker_pause_ms, 1000);
    assert_int_equal(pool->retries_max, 2);
    assert_int_equal(pool->retry_budget_percent, 10);
    assert_int_equal(pool->idle_connections_max, 64);
    assert_int_equal(config->models[0].choices_max, 8);
    assert_int_equal(config->models[0].context_tokens_max, 0);
    assert_int_equal(config->models[0].output_tokens_max, 0);
    assert_int_equal(config->models[0].engine_fields_count, 0);
    config_unref(config);
}

static const char every_setting[] =
    "service:\n"
    "  listen: ['127.0.0.1:1', unix:/run/a]\n"
    "  metrics: off\n"
    "  workers: 256\n"
    "  user: www-data\n"
    "  keys: ignored\n"
    "  access_log: '-'\n"
    "  log_engine_words: true\n"
    "limits: {connections: 16, connections_per_network: 7, head_bytes: 4KiB, body_bytes: 1KiB, "
    "body_memory: 1MiB,\n"
    "         answer_bytes: 64KiB, event_bytes: 4096, send_queue: 16KiB, json_depth: 4}\n"
    "deadlines: {head: 100ms, body: 1h, body_rate_min: 0, keep_alive: 0, send_stall: 1s, "
    "drain: \"2m\"}\n"
    "cors: {origins: ['*'], max_age: 24h}\n"
    "pools:\n"
    "- name: a\n"
    "  backends:\n"
    "  - {url: 'https://H:1/x/v1/', weight: 1000, api_key_file: k, ca_file: c}\n"
    "  - {url: 'http://h', api_key_env: K}\n"
    "  upstream_stream: never\n"
    "  connect: 10ms\n"
    "  first_byte: 200ms\n"
    "  idle: 300ms\n"
    "  probe: off\n"
    "  probe_every: 400ms\n"
    "  probe_timeout: 500ms\n"
    "  breaker_failures: 1000\n"
    "  breaker_pause: 10m\n"
    "  retries: 0\n"
    "  retry_budget: 100%\n"
    "  idle_connections: 0\n"
    "models:\n"
    "- {name: m, upstream_model: n, pool: a, context_tokens: 100, output_tokens: 100, choices: "
    "128, engine_fields: [top_k, min_p]}\n";

static void every_setting_of_the_service_is_taken(void **state)
{
    (void)state;
    struct config *config = testing_parse(every_setting);
    assert_int_equal(config->listen_count, 2);
    assert_span(config->listen[1], "unix:/run/a");
    assert_int_equal(config->metrics_listen.len, 0);
    assert_true(config->metrics_asked_for);
    assert_int_equal(config->workers, 256);
    assert_span(config->user, "www-data");
    assert_int_equal(config->keys, CONFIG_KEYS_IGNORED);
    assert_span(config->access_log, "-");
    assert_true(config->log_engine_words);
    assert_int_equal(config->connections_max, 16);
    assert_int_equal(config->connections_per_network_max, 7);
    assert_int_equal(config->head_bytes_max, 4096);
    assert_int_equal(config->body_bytes_max, 1024);
    assert_int_equal(config->body_memory_max, 1u << 20);
    assert_int_equal(config->answer_bytes_max, 65536);
    assert_int_equal(config->event_bytes_max, 4096);
    assert_int_equal(config->send_queue_bytes_max, 16384);
    assert_int_equal(config->json_depth_max, 4);
    assert_int_equal(config->head_ms, 100);
    assert_int_equal(config->body_ms, 3600000);
    assert_int_equal(config->body_rate_min, 0);
    assert_int_equal(config->keep_alive_ms, 0);
    assert_int_equal(config->send_stall_ms, 1000);
    assert_int_equal(config->drain_ms, 120000);
    assert_span(config->cors_origins[0], "*");
    assert_int_equal(config->cors_max_age_s, 86400);
    config_unref(config);
}

static void every_setting_of_pools_and_models_is_taken(void **state)
{
    (void)state;
    struct config *config = testing_parse(every_setting);
    const struct config_pool *pool = &config->pools[0];
    assert_span(pool->backends[0].url, "https://h:1/x");
    assert_int_equal(pool->backends[0].weight, 1000);
    assert_span(pool->backends[0].api_key, TESTING_KEY);
    assert_span(pool->backends[0].ca_pem, TESTING_PEM);
    assert_span(pool->backends[1].api_key, TESTING_KEY);
    assert_int_equal(pool->upstream_stream, CONFIG_STREAM_NEVER);
    assert_int_equal(pool->connect_ms, 10);
    assert_int_equal(pool->first_byte_ms, 200);
    assert_int_equal(pool->idle_ms, 300);
    assert_int_equal(pool->probe, CONFIG_PROBE_OFF);
    assert_int_equal(pool->probe_every_ms, 400);
    assert_int_equal(pool->probe_timeout_ms, 500);
    assert_int_equal(pool->breaker_failures, 1000);
    assert_int_equal(pool->breaker_pause_ms, 600000);
    assert_int_equal(pool->retries_max, 0);
    assert_int_equal(pool->retry_budget_percent, 100);
    assert_int_equal(pool->idle_connections_max, 0);
    const struct config_model *model = &config->models[0];
    assert_span(model->name, "m");
    assert_span(model->upstream_model, "n");
    assert_span(model->pool, "a");
    assert_int_equal(model->context_tokens_max, 100);
    assert_int_equal(model->output_tokens_max, 100);
    assert_int_equal(model->choices_max, 128);
    assert_int_equal(model->engine_fields_count, 2);
    assert_span(model->engine_fields[1], "min_p");
    config_unref(config);
}

static void an_empty_section_is_its_defaults(void **state)
{
    (void)state;
    struct config *config =
        testing_parse("service:\nlimits: ~\ndeadlines: {}\npools:\nmodels: []\n");
    assert_int_equal(config->listen_count, 1);
    assert_int_equal(config->json_depth_max, 64);
    assert_int_equal(config->pools_count, 0);
    config_unref(config);
}

/* A pool around a backend, a backend around a setting. The setting is in line 5. */
#define IN_POOL "pools:\n- name: a\n  backends:\n  - url: http://h\n  "
#define IN_BACKEND "pools:\n- name: a\n  backends:\n  - url: http://h\n    "
#define IN_MODEL "pools: [{name: a, backends: [{url: 'http://h'}]}]\nmodels:\n- name: m\n  "

static const struct {
    const char *text, *expected;
} bad[] = {
    /* shapes */
    {"[]\n", "seawall.yaml:1: expected settings, one on each line as 'name: value'"},
    {"just text\n", "seawall.yaml:1: expected settings"},
    {"limits: 5\n", "seawall.yaml:1: limits: expected settings"},
    {"limits: [body_bytes]\n", "seawall.yaml:1: limits: expected settings"},
    {"limits:\n  body_bytes: [8MiB]\n",
     "seawall.yaml:2: limits.body_bytes: expected a single value, got a list"},
    {"limits:\n  body_bytes: {a: 1}\n",
     "seawall.yaml:2: limits.body_bytes: expected a single value, got settings"},
    {"service:\n  listen: ':8080'\n",
     "seawall.yaml:2: service.listen: expected a list, got a single value"},
    {"service:\n  listen:\n", "seawall.yaml:2: service.listen: expected a list, got nothing"},
    {"service:\n  listen: {a: b}\n",
     "seawall.yaml:2: service.listen: expected a list, got settings"},
    {"service:\n  listen: [[':8080']]\n",
     "seawall.yaml:2: service.listen: expected a single value, got a list"},
    {"service:\n  listen: []\n", "seawall.yaml:2: service.listen: expected 1 to 16 items, got 0"},
    {"service:\n  listen: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]\n",
     "service.listen: expected 1 to 16 items, got 17"},
    {"pools: {name: a}\n", "seawall.yaml:1: pools: expected a list, got settings"},
    {"pools: a\n", "seawall.yaml:1: pools: expected a list, got a single value"},
    {"pools: [a]\n", "seawall.yaml:1: pools: expected settings, got a single value"},
    {"pools: [~]\n", "seawall.yaml:1: pools: expected settings, got nothing"},
    {"pools:\n- name: a\n  backends: []\n",
     "seawall.yaml:3: pools.backends: expected 1 to 64 items, got 0"},
    {"pools:\n- name: a\n  backends:\n",
     "seawall.yaml:3: pools.backends: expected a list, got nothing"},
    {"pools:\n- name: a\n  backends: http://h\n",
     "seawall.yaml:3: pools.backends: expected a list, got a single value"},
    {"pools:\n- name: a\n  backends: [http://h]\n",
     "seawall.yaml:3: pools.backends: expected settings, got a single value"},
    /* keys */
    {"limit: {}\n", "seawall.yaml:1: unknown key 'limit', did you mean 'limits'?"},
    {"limits:\n  body_byte: 1MiB\n",
     "seawall.yaml:2: unknown key 'body_byte' in limits, did you mean 'body_bytes'?"},
    {"limits:\n  xyz: 1\n", "seawall.yaml:2: unknown key 'xyz' in limits"},
    {"body_bytes: 1MiB\n", "seawall.yaml:1: unknown key 'body_bytes', it belongs under limits"},
    {"limits:\n  ? [a]\n  : 1\n", "seawall.yaml:2: unknown key '' in limits"},
    {"limits:\n  '': 1\n", "seawall.yaml:2: unknown key '' in limits"},
    {"limits:\n  \"a\\nb\": 1\n", "seawall.yaml:2: unknown key 'a?b' in limits"},
    {"limits: {}\nlimits: {}\n", "seawall.yaml:2: limits: it is set already in line 1"},
    {"limits:\n  json_depth: 8\n  json_depth: 8\n",
     "seawall.yaml:3: limits.json_depth: it is set already in line 2"},
    {IN_BACKEND "url: http://g\n",
     "seawall.yaml:5: pools.backends.url: it is set already in line 4"},
    {IN_BACKEND "api_key: sk-very-secret\n",
     "seawall.yaml:5: unknown key 'api_key' in pools.backends, put the key into a file"},
    {"<<: {limits: {}}\n", "seawall.yaml:1: unknown key '<<'"},
    {"pools:\n- backends: [{url: 'http://h'}]\n", "seawall.yaml:2: pools.name: it is missing"},
    {"pools:\n- name: a\n", "seawall.yaml:2: pools.backends: it is missing"},
    {"models:\n- pool: a\n", "seawall.yaml:2: models.name: it is missing"},
    /* sizes */
    {"limits:\n  body_bytes: ten\n",
     "seawall.yaml:2: limits.body_bytes: expected a size such as 8MiB between 1KiB and 1GiB, got "
     "'ten'; units are KiB, MiB and GiB"},
    {"limits:\n  body_bytes: 8MB\n", "got '8MB'; units are KiB, MiB and GiB"},
    {"limits:\n  body_bytes: 1023\n", "seawall.yaml:2: limits.body_bytes: expected a size such as "
                                      "8MiB between 1KiB and 1GiB, got '1023'"},
    {"limits:\n  body_bytes: 1073741825\n", "limits.body_bytes: expected a size"},
    {"limits:\n  body_bytes: 99999999999999999999\n", "limits.body_bytes: expected a size"},
    {"limits:\n  body_bytes: -1\n", "limits.body_bytes: expected a size"},
    {"limits:\n  body_bytes:\n", "seawall.yaml:2: limits.body_bytes: expected a size such as 8MiB "
                                 "between 1KiB and 1GiB, got nothing"},
    {"limits:\n  head_bytes: 4095\n",
     "limits.head_bytes: expected a size such as 32KiB between 4KiB and 1MiB, got '4095'"},
    {"limits:\n  answer_bytes: 2GiB\n", "limits.answer_bytes: expected a size"},
    {"limits:\n  event_bytes: 1\n", "limits.event_bytes: expected a size"},
    {"limits:\n  send_queue: 1\n", "limits.send_queue: expected a size"},
    {"limits:\n  body_memory: 1\n", "limits.body_memory: expected a size"},
    /* numbers */
    {"limits:\n  json_depth: 3\n",
     "seawall.yaml:2: limits.json_depth: expected a number between 4 and 512, got '3'"},
    {"limits:\n  json_depth: 513\n", "got '513'"},
    {"limits:\n  json_depth: 6.5\n", "got '6.5'"},
    {"limits:\n  json_depth: 0x10\n", "got '0x10'"},
    {"limits:\n  json_depth: \"64\"\n",
     "limits.json_depth: expected a number between 4 and 512, got \"64\""},
    {"limits:\n  json_depth: 64 deep\n", "got '64 deep'"},
    {"limits:\n  connections: 15\n",
     "limits.connections: expected a number between 16 and 1000000, got '15'"},
    {"limits:\n  connections_per_network: -1\n",
     "limits.connections_per_network: expected a number"},
    {"service:\n  workers: 257\n",
     "service.workers: expected a number between 0 and 256, got '257'"},
    {"service:\n  workers: all\n", "service.workers: expected a number"},
    /* durations, rates, percentages */
    {"deadlines:\n  head: 10\n", "seawall.yaml:2: deadlines.head: expected a duration such as 10s "
                                 "between 100ms and 10m, got '10'; it needs a unit: ms, s, m or h"},
    {"deadlines:\n  head: 0\n", "deadlines.head: expected a duration"},
    {"deadlines:\n  head: 11m\n", "got '11m'"},
    {"deadlines:\n  head: 99ms\n", "got '99ms'"},
    {"deadlines:\n  head: soon\n", "got 'soon'"},
    {"deadlines:\n  drain: 2h\n",
     "deadlines.drain: expected a duration such as 30s between 0 and 1h, got '2h'"},
    {"deadlines:\n  body_rate_min: 1KiB\n",
     "deadlines.body_rate_min: expected a rate such as 1KiB/s"},
    {"deadlines:\n  body_rate_min: 2GiB/s\n", "deadlines.body_rate_min: expected a rate"},
    {"cors:\n  max_age: 500ms\n", "cors.max_age: expected a duration in whole seconds such as 10m "
                                  "between 0 and 24h, got '500ms'"},
    {"cors:\n  max_age: 25h\n", "got '25h'"},
    {"cors:\n  max_age: 600\n", "got '600'; it needs a unit"},
    {IN_POOL "retry_budget: 10\n", "pools.retry_budget: expected a percentage such as 10% between "
                                   "0% and 100%, got '10'; it needs a '%'"},
    {IN_POOL "retry_budget: 101%\n", "got '101%'"},
    {IN_POOL "retries: 11\n",
     "seawall.yaml:5: pools.retries: expected a number between 0 and 10, got '11'"},
    {IN_POOL "connect: 6m\n", "pools.connect: expected a duration"},
    {IN_POOL "first_byte: 1\n", "pools.first_byte: expected a duration"},
    {IN_POOL "idle: 1ms\n", "pools.idle: expected a duration"},
    {IN_POOL "breaker_failures: 0\n",
     "pools.breaker_failures: expected a number between 1 and 1000, got '0'"},
    {IN_POOL "breaker_pause: 0\n", "pools.breaker_pause: expected a duration"},
    {IN_POOL "probe_every: 0\n", "pools.probe_every: expected a duration"},
    {IN_POOL "probe_timeout: 0\n", "pools.probe_timeout: expected a duration"},
    {IN_POOL "idle_connections: many\n", "pools.idle_connections: expected a number"},
    /* words */
    {"service:\n  log_engine_words: yes\n",
     "seawall.yaml:2: service.log_engine_words: expected true or false, got 'yes'"},
    {"service:\n  log_engine_words: \"true\"\n",
     "service.log_engine_words: expected true or false, got 'true'"},
    {"service:\n  log_engine_words:\n", "service.log_engine_words: expected true or false, got nothing"},
    {"service:\n  log_engine_words: ~\n", "service.log_engine_words: expected true or false, got '~'"},
    {IN_POOL "probe: on\n",
     "seawall.yaml:5: pools.probe: expected auto, tokens, models or off, got 'on'"},
    {IN_POOL "probe: AUTO\n", "got 'AUTO'"},
    {IN_POOL "upstream_stream: sometimes\n",
     "pools.upstream_stream: expected auto, always or never, got 'sometimes'"},
    {IN_POOL "upstream_stream: ''\n",
     "pools.upstream_stream: expected auto, always or never, got nothing"},
    /* texts */
    {"service:\n  listen: [localhost:8080]\n",
     "seawall.yaml:2: service.listen: expected an address such as 127.0.0.1:8080"},
    {"service:\n  listen: [':65536']\n", "got ':65536'"},
    {"service:\n  listen:\n  - ':1'\n  - ':2'\n  - ':1'\n",
     "seawall.yaml:5: service.listen: ':1' is in the list twice"},
    {"service:\n  metrics: no\n",
     "service.metrics: expected an address such as 127.0.0.1:9090, or off, got 'no'"},
    {"service:\n  metrics: ~\n", "service.metrics: expected an address"},
    {"service:\n  user: 'Big Boss'\n",
     "service.user: expected the name of an account such as seawall, got 'Big Boss'"},
    {"service:\n  user: ''\n",
     "service.user: expected the name of an account such as seawall, got nothing"},
    {"service:\n  access_log: /var/log/a\n",
     "service.access_log: expected a file inside the data folder such as access.log, or - or off, "
     "got '/var/log/a'"},
    {"service:\n  access_log: ../a\n", "got '../a'"},
    {"cors:\n  origins: [chat.example.org]\n",
     "cors.origins: expected an origin such as https://chat.example.org"},
    {"cors:\n  origins: ['https://h/']\n", "got 'https://h/'"},
    {"cors:\n  origins: [*]\n", "text that begins with '*' goes in quotes"},
    {"pools:\n- name: my pool\n", "seawall.yaml:2: pools.name: expected a name such as gpu"},
    {"pools:\n- name: ~\n", "seawall.yaml:2: pools.name: expected a name"},
    {IN_MODEL "upstream_model: a b\n",
     "seawall.yaml:4: models.upstream_model: expected a model's name"},
    {IN_MODEL "choices: 0\n", "models.choices: expected a number between 1 and 128, got '0'"},
    {IN_MODEL "context_tokens: 128k\n", "models.context_tokens: expected a number"},
    {IN_MODEL "engine_fields: [top k]\n",
     "models.engine_fields: expected the name of a JSON field such as top_k, got 'top k'"},
    {IN_MODEL "engine_fields: [top_k, min_p, top_k]\n",
     "seawall.yaml:4: models.engine_fields: 'top_k' is in the list twice"},
    /* URLs and secrets: never shown */
    {"pools: [{name: a, backends: [{url: h}]}]\n",
     "seawall.yaml:1: pools.backends.url: expected a URL such as http://10.0.0.5:8000, but it does "
     "not begin with http:// or https://"},
    {"pools: [{name: a, backends: [{url: 'http://u:secret@h'}]}]\n",
     "pools.backends.url: expected a URL such as http://10.0.0.5:8000, but it holds a user or "
     "password"},
    {"pools: [{name: a, backends: [{url: 'http://h?key=secret'}]}]\n", "but it holds a query"},
    {"pools: [{name: a, backends: [{url: 'http://h:99999'}]}]\n",
     "but its port is not between 1 and 65535"},
    {"pools: [{name: a, backends: [{url: ~}]}]\n",
     "pools.backends.url: expected a URL such as http://10.0.0.5:8000"},
    {IN_BACKEND "weight: 0\n",
     "seawall.yaml:5: pools.backends.weight: expected a number between 1 and 1000, got '0'"},
    {IN_BACKEND "api_key_file: ''\n", "seawall.yaml:5: pools.backends.api_key_file: expected the "
                                      "name of a file such as keys/upstream.key"},
    {IN_BACKEND "api_key_file: sk-pasted-secret\n",
     "pools.backends.api_key_file: what it names has not been read"},
    {IN_BACKEND "api_key_file: [k]\n",
     "pools.backends.api_key_file: expected a single value, got a list"},
    {IN_BACKEND "api_key_file: k\n    api_key_env: K\n",
     "seawall.yaml:6: pools.backends.api_key_env: give either 'api_key_file' or 'api_key_env', not "
     "both"},
    {IN_BACKEND "embedded: maybe\n",
     "pools.backends.embedded: expected true or false, got 'maybe'"},
};

static void bad_input(void **state)
{
    (void)state;
    assert_true(COUNT_OF(bad) >= 60);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        testing_refused(bad[i].text, NULL, bad[i].expected);
}

/* The error has 320 bytes; what is quoted must leave room for what was expected. */
static void a_long_value_is_cut_in_the_error(void **state)
{
    (void)state;
    char text[2048];
    struct err err = {0};
    memset(text, 'x', sizeof(text));
    memcpy(text, "limits: {body_bytes: ", 21);
    memcpy(text + sizeof(text) - 3, "}\n", 3);
    assert_null(testing_parse_with(text, NULL, &err));
    assert_non_null(strstr(err.text, "between 1KiB and 1GiB, got 'xxx"));
    assert_non_null(strstr(err.text, "…'; units are KiB, MiB and GiB"));
}

static void too_many_items_are_refused_before_they_are_made(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 65536);
    buf_append(&text, SPAN("pools:\n"));
    for (size_t i = 0; i <= CONFIG_POOLS_MAX; i++)
        buf_printf(&text, "- {name: p%zu, backends: [{url: 'http://h'}]}\n", i);
    testing_refused(buf_cstr(&text), NULL, "seawall.yaml:2: pools: expected 0 to 64 items, got 65");
    buf_release(&text);
}

static void a_secret_that_many_name_is_kept_once(void **state)
{
    (void)state;
    struct config *config = testing_parse(
        "pools:\n- name: a\n  backends:\n  - {url: 'https://a', api_key_file: k, ca_file: c}\n"
        "  - {url: 'https://b', api_key_file: k, ca_file: c}\n");
    const struct config_backend *backends = config->pools[0].backends;
    assert_ptr_equal(backends[0].api_key.ptr, backends[1].api_key.ptr);
    assert_ptr_equal(backends[0].ca_pem.ptr, backends[1].ca_pem.ptr);
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_setting_of_the_service_is_taken),
        cmocka_unit_test(every_setting_of_pools_and_models_is_taken),
        cmocka_unit_test(an_empty_section_is_its_defaults),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(a_long_value_is_cut_in_the_error),
        cmocka_unit_test(too_many_items_are_refused_before_they_are_made),
        cmocka_unit_test(a_secret_that_many_name_is_kept_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
