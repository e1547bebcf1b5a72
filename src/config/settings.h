/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every setting, said once. The rows below yield the parser, the defaults, the checks,
 * docs/configuration.md and examples/full.yaml.
 *
 * ROW(key, field, kind, min, max, fallback, example, flags, help)
 *     `key` is the word in the file, `field` the member of the section's struct. `min` and `max`
 *     bound numbers in the unit of the field, and texts in bytes. `fallback` is written as in the
 *     file; "" is none. `example` is what errors and the page show; for CHOICE it lists the words
 *     in the order of the enum. LIST is the same for a list, whose `field` has a `field_count`
 *     beside it; `min` and `max` bound the number of items.
 *
 * Adding a setting: a member in config.h, a row here, `ninja docs`. Nothing else, unless it must
 * agree with another one (agree.c).
 */
#pragma once

#include "config/config.h"

enum setting_kind {
    SETTING_SECTION, /* settings of the same struct under a word of their own */
    SETTING_RECORDS, /* a list of structs */
    SETTING_BOOL,
    SETTING_NUMBER,
    SETTING_SIZE,       /* bytes */
    SETTING_RATE,       /* bytes a second */
    SETTING_DURATION,   /* milliseconds */
    SETTING_DURATION_S, /* whole seconds */
    SETTING_PERCENT,
    SETTING_MONEY, /* millionths */
    SETTING_CHOICE,
    SETTING_LISTEN,
    SETTING_LISTEN_OR_OFF, /* "off" gives an empty span */
    SETTING_USER,
    SETTING_LOG,
    SETTING_ORIGIN,
    SETTING_NAME,
    SETTING_MODEL,
    SETTING_TEXT, /* for people */
    SETTING_FIELD,
    SETTING_URL,
    /* These three name a secret: the field gets its content, and no error shows the name. */
    SETTING_KEY_FILE,
    SETTING_KEY_ENV,
    SETTING_CA_FILE
};

#define SETTING_RESTART 1u  /* a change takes effect with the next start */
#define SETTING_REQUIRED 2u /* no default */

#define MS 1
#define SEC 1000
#define MINUTE 60000
#define HOUR 3600000
#define KIB 1024ull
#define MIB 1048576ull
#define GIB 1073741824ull

/* clang-format off */
#define SETTINGS_SERVICE(ROW, LIST) \
    LIST(listen, listen, LISTEN, 1, CONFIG_LISTEN_MAX, ":8080", "127.0.0.1:8080", SETTING_RESTART, \
         "Addresses on which the API and the pages are served. A port alone means all " \
         "addresses; `unix:/path` is a UNIX socket.") \
    ROW(metrics, metrics_listen, LISTEN_OR_OFF, 1, 255, "127.0.0.1:9090", "127.0.0.1:9090", \
        SETTING_RESTART, \
        "Where Prometheus reads the metrics, or `off`. There is no password on it: leave it " \
        "on loopback. When the file does not name it and the port is taken, the service starts " \
        "without it and says so.") \
    ROW(workers, workers, NUMBER, 0, 256, "0", "4", SETTING_RESTART, \
        "Worker threads. 0 is one for each processor that the service may run on.") \
    ROW(user, user, USER, 1, 32, "", "seawall", SETTING_RESTART, \
        "The account the gateway runs as when the service is started by root. Without it: " \
        "`seawall` if there is such an account, else `nobody`.") \
    ROW(name, name, TEXT, 1, 64, "Seawall", "Example AI", 0, \
        "What the service calls itself on its pages.") \
    ROW(chat, chat, BOOL, 0, 1, "true", "false", 0, \
        "Whether the chat is served at `/` (see chat.md). Off: `/` is the page of `/start`, for who calls the API.") \
    ROW(keys, keys, CHOICE, 0, 2, "required", "required|optional|ignored", 0, \
        "Whether calls need an API key. `optional` lets calls without one in, known by their " \
        "address; a wrong key is refused. `ignored` looks at none. Without keys everybody who " \
        "reaches the port uses the models.") \
    ROW(class_header, class_header, BOOL, 0, 1, "false", "true", 0, \
        "Whether answers carry the class of their request's turn in a header: " \
        "`Seawall-Class: in_profile`, `paid` or `unknown`.") \
    ROW(access_log, access_log, LOG, 1, 255, "access.log", "access.log", 0, \
        "Where each request gets its line of JSON: a file inside the data folder, `-` for " \
        "standard output, or `off`. Prompts and keys are never in it.") \
    ROW(log_engine_words, log_engine_words, BOOL, 0, 1, "false", "false", 0, \
        "Whether the access log's `detail` holds what an engine said when it failed, up to 200 " \
        "characters. Off, because engines may quote the prompt in it.")

#define SETTINGS_LIMITS(ROW, LIST) \
    ROW(connections, connections_max, NUMBER, 16, 1000000, "20000", "20000", 0, \
        "Open client connections, all workers together; each worker has its share. No more than half " \
        "of the descriptors that the process may open (ulimit -n). When it is full, newcomers take " \
        "the place of those that never sent a whole request head.") \
    ROW(connections_per_network, connections_per_network_max, NUMBER, 0, 1000000, "0", "500", 0, \
        "Open connections from one network (a /24 of IPv4, a /64 of IPv6), counted by each worker. " \
        "0 is no limit: right behind a proxy, where all clients share an address.") \
    ROW(head_bytes, head_bytes_max, SIZE, 4 * KIB, 1 * MIB, "32KiB", "32KiB", 0, \
        "Request line and header fields of one request. More is answered with 431.") \
    ROW(body_bytes, body_bytes_max, SIZE, 1 * KIB, 1 * GIB, "8MiB", "8MiB", 0, \
        "Body of one request. More is answered with 413.") \
    ROW(body_memory, body_memory_max, SIZE, 1 * MIB, 1024 * GIB, "512MiB", "512MiB", 0, \
        "Bodies of all requests that are in memory at one time. When it is full, new bodies " \
        "are answered with 503.") \
    ROW(answer_bytes, answer_bytes_max, SIZE, 64 * KIB, 1 * GIB, "32MiB", "32MiB", 0, \
        "One answer of a backend, streamed or not. A longer one is cut.") \
    ROW(event_bytes, event_bytes_max, SIZE, 4 * KIB, 64 * MIB, "4MiB", "4MiB", 0, \
        "One event of a streamed answer.") \
    ROW(send_queue, send_queue_bytes_max, SIZE, 16 * KIB, 64 * MIB, "256KiB", "256KiB", 0, \
        "What waits for one slow reader before its backend is no longer read.") \
    ROW(json_depth, json_depth_max, NUMBER, 4, 512, "64", "64", 0, \
        "How deep the JSON of a request may be nested.") \
    ROW(identities, identities_max, NUMBER, 1000, 10000000, "1000000", "1000000", SETTING_RESTART, \
        "Callers whose past use is remembered (see profiles.md): 168 bytes for each that there is, " \
        "and 6 for each that there may be. When it is full, those that are not trusted and were seen " \
        "longest ago are forgotten.") \
    ROW(waiting, waiting_max, NUMBER, 1, 1000000, "4096", "4096", 0, \
        "Requests of one pool that may wait for their turn. Beyond it those of lower class go first, " \
        "with a time to come back.") \
    ROW(waiting_per_identity, waiting_per_identity_max, NUMBER, 1, 10000, "4", "4", 0, \
        "… of one key or address, whatever else waits. While the queue is emptier each may have a sixteenth of " \
        "what is left of it.") \
    ROW(classes, classes, BOOL, 0, 1, "true", "true", 0, \
        "Whether callers within the budget that they earned go first, and calls of others are cut " \
        "for them. Off: all share alike.")

#define SETTINGS_DEADLINES(ROW, LIST) \
    ROW(head, head_ms, DURATION, 100 * MS, 10 * MINUTE, "10s", "10s", 0, \
        "From the first byte of a request to the end of its header.") \
    ROW(body, body_ms, DURATION, 100 * MS, 1 * HOUR, "60s", "60s", 0, \
        "From the end of the header to the end of the body.") \
    ROW(body_rate_min, body_rate_min, RATE, 0, 1 * GIB, "1KiB/s", "1KiB/s", 0, \
        "Slower bodies are cut off after their first 5 seconds. 0 is no minimum.") \
    ROW(keep_alive, keep_alive_ms, DURATION, 0, 1 * HOUR, "75s", "75s", 0, \
        "How long a connection may wait for its next request. 0 closes after each answer.") \
    ROW(send_stall, send_stall_ms, DURATION, 1 * SEC, 1 * HOUR, "60s", "60s", 0, \
        "How long a client may take nothing of its answer before it is let go.") \
    ROW(drain, drain_ms, DURATION, 0, 1 * HOUR, "30s", "30s", 0, \
        "How long running answers may go on when the service stops.") \
    ROW(turn, turn_ms, DURATION, 0, 1 * HOUR, "30s", "30s", 0, \
        "How long a request may wait for its turn.") \
    ROW(siege_turn, siege_turn_ms, DURATION, 0, 1 * HOUR, "2s", "2s", 0, \
        "… in a siege, of a caller who is not within its budget. Short, since most who wait longer " \
        "are gone when the answer comes; they get a time to come back.") \
    ROW(first_token, first_token_ms, DURATION, 0, 1 * HOUR, "0s", "10s", 0, \
        "From a request's turn at the gate being asked for to the first token of its answer: one that is " \
        "expected to miss this by half is refused before it costs an engine its prompt. 0: never.")

#define SETTINGS_RESUME(ROW, LIST) \
    ROW(grace, resume_grace_ms, DURATION, 0, 10 * MINUTE, "15s", "15s", 0, \
        "How long an answer goes on, or is kept when it is over, for a caller who may return. 0: no answer is resumable.") \
    ROW(answer_bytes, resume_answer_bytes_max, SIZE, 64 * KIB, 1 * GIB, "1MiB", "1MiB", 0, \
        "What is kept of one answer. While its client is there the oldest events go; when nobody is, the engine is stopped.") \
    ROW(answers_per_caller, resume_caller_answers_max, NUMBER, 1, 10000, "8", "8", 0, \
        "Answers that are kept for one key. Further ones are served like any other answer.") \
    ROW(answers, resume_answers_max, NUMBER, 1, 65536, "1024", "1024", 0, \
        "… and for all.") \
    ROW(bytes, resume_bytes_max, SIZE, 1 * MIB, 1024 * GIB, "64MiB", "64MiB", 0, \
        "What is kept of all of them together.")

#define SETTINGS_LADDER(ROW, LIST) \
    ROW(output, ladder_output, CHOICE, 0, 2, "on", "off|dry-run|on", 0, \
        "The first rung: answers end after `output_tokens`.") \
    ROW(reasoning, ladder_reasoning, CHOICE, 0, 2, "dry-run", "off|dry-run|on", 0, \
        "The second: models that can be told to (`models.reasoning`) think less.") \
    ROW(context, ladder_context, CHOICE, 0, 2, "dry-run", "off|dry-run|on", 0, \
        "The third: of conversations that are longer than `context_tokens` the oldest turns are left out.") \
    ROW(model, ladder_model, CHOICE, 0, 2, "dry-run", "off|dry-run|on", 0, \
        "The last before waiting and refusing: the model's `smaller` one answers.") \
    ROW(output_tokens, ladder_output_tokens, NUMBER, 1, 100000000, "256", "256", 0, \
        "What all answers of a call together may have on the first rung.") \
    ROW(context_tokens, ladder_context_tokens, NUMBER, 1, 100000000, "4096", "4096", 0, \
        "What a conversation is shortened to on the third rung, as estimated.") \
    ROW(in_profile, ladder_in_profile, CHOICE, 0, 4, "none", "none|output|reasoning|context|model", 0, \
        "The last rung that callers within their budget may be taken to. `none`: they always get what they ask for.") \
    ROW(paid, ladder_paid, CHOICE, 0, 4, "output", "none|output|reasoning|context|model", 0, \
        "… those who come back with a ticket that is due.") \
    ROW(unknown, ladder_unknown, CHOICE, 0, 4, "model", "none|output|reasoning|context|model", 0, \
        "… and all others.") \
    ROW(crowds, ladder_crowds, BOOL, 0, 1, "false", "true", 0, \
        "Whether rungs also begin without a siege, that is where nobody in profile is there to be protected: a new service " \
        "that everybody wants to see.")

/* What each key may use that has no limits of its own: base/limits.h has the rows. */
#define ROW_OF_LIMIT(name, word, option, kind, max, example, unit, help) \
    ROW(word, key_limits.of[LIMIT_##name], kind, 0, max, "0", example, 0, help)
#define SETTINGS_KEY_LIMITS LIMITS_TABLE(ROW_OF_LIMIT)

#define SETTINGS_CORS(ROW, LIST) \
    LIST(origins, cors_origins, ORIGIN, 0, CONFIG_ORIGINS_MAX, "", "https://chat.example.org", 0, \
         "Web origins whose pages may call the API from a browser, exactly as the browser " \
         "sends them, or `\"*\"` alone. None: no page of another origin may.") \
    ROW(max_age, cors_max_age_s, DURATION_S, 0, 86400, "10m", "10m", 0, \
        "How long a browser may remember the answer.")

#define SETTINGS_BACKEND(ROW, LIST) \
    ROW(url, url, URL, 1, 255, "", "http://10.0.0.5:8000", 0, \
        "Where the inference server listens: `http://` or `https://`, host, port, and a path " \
        "in front of `/v1` if it has one. A `/v1` at the end may be given or left out.") \
    ROW(weight, weight, NUMBER, 1, 1000, "1", "2", 0, \
        "Share of the work, relative to the other backends of the pool.") \
    ROW(api_key_file, api_key, KEY_FILE, 1, 1024, "", "keys/upstream.key", 0, \
        "File with the key that this backend wants, relative to the folder of the " \
        "configuration file. Refused when it is empty or writable by others than its owner.") \
    ROW(api_key_env, api_key, KEY_ENV, 1, 255, "", "UPSTREAM_API_KEY", 0, \
        "The same from an environment variable of the service. Give one of the two, not both.") \
    ROW(ca_file, ca_pem, CA_FILE, 1, 1024, "", "keys/ca.pem", 0, \
        "Certificates (PEM) that may sign this `https://` backend's certificate. Without it: " \
        "those of the system.") \
    ROW(embedded, embedded, BOOL, 0, 1, "false", "true", 0, \
        "`true` in place of a `url` is the model that the service itself starts. Once in a " \
        "file at most.")

#define SETTINGS_POOL(ROW, LIST) \
    ROW(name, name, NAME, 1, 64, "", "gpu", SETTING_REQUIRED, \
        "What models, metrics and logs call this pool.") \
    LIST(backends, backends, RECORDS, 1, CONFIG_BACKENDS_MAX, "", "", SETTING_REQUIRED, \
         "The servers that share the work.") \
    ROW(upstream_stream, upstream_stream, CHOICE, 0, 2, "auto", "auto|always|never", 0, \
        "Whether a call that is not streamed is asked for as a stream and put together at the " \
        "door, so that it can be metered and stopped. `auto`: where the engine would not stop " \
        "for a client that went away.") \
    ROW(connect, connect_ms, DURATION, 10 * MS, 5 * MINUTE, "3s", "3s", 0, \
        "For a connection, with TLS, to a backend.") \
    ROW(first_byte, first_byte_ms, DURATION, 100 * MS, 1 * HOUR, "120s", "120s", 0, \
        "From the request to the first byte of the answer. It holds the time in the engine's " \
        "queue.") \
    ROW(idle, idle_ms, DURATION, 100 * MS, 1 * HOUR, "60s", "60s", 0, \
        "The longest silence inside an answer.") \
    ROW(probe, probe, CHOICE, 0, 3, "auto", "auto|tokens|models|off", 0, \
        "How backends are checked: `tokens` asks for one token when no call gave one lately, " \
        "`models` only lists the models. `auto` is `tokens` when all backends are on this " \
        "machine or in a private network, else `models`, because tokens cost money there.") \
    ROW(probe_every, probe_every_ms, DURATION, 100 * MS, 1 * HOUR, "5s", "5s", 0, \
        "Time between two checks of a backend.") \
    ROW(probe_timeout, probe_timeout_ms, DURATION, 100 * MS, 10 * MINUTE, "10s", "10s", 0, \
        "How long one check may take.") \
    ROW(probe_stop, probe_stop, BOOL, 0, 1, "true", "true", 0, \
        "Whether it is measured at the start how fast a backend stops when its client hangs up. " \
        "Only where `probe` is `tokens`: it takes some tokens, 256 where it does not stop.") \
    ROW(breaker_failures, breaker_failures, NUMBER, 1, 1000, "5", "5", 0, \
        "Failures in a row after which a backend gets no calls for a while.") \
    ROW(breaker_pause, breaker_pause_ms, DURATION, 10 * MS, 10 * MINUTE, "1s", "1s", 0, \
        "The first such while. It doubles with each failed trial, up to 30 seconds.") \
    ROW(retries, retries_max, NUMBER, 0, 10, "2", "2", 0, \
        "Further tries of one call, as long as nothing of an answer has come.") \
    ROW(retry_budget, retry_budget_percent, PERCENT, 0, 100, "10%", "10%", 0, \
        "Retries as a share of the pool's calls, so that retries cannot become a flood.") \
    ROW(idle_connections, idle_connections_max, NUMBER, 0, 10000, "64", "64", 0, \
        "Unused connections kept open to each backend by each worker.") \
    ROW(affinity, affinity, BOOL, 0, 1, "true", "true", 0, \
        "Whether prompts that begin alike go to the same backend, whose cache of prompts then saves " \
        "time, while it is at most a quarter of its limit more loaded.") \
    ROW(calls, calls_max, NUMBER, 0, 100000, "0", "32", 0, \
        "Calls that one backend may have under way. 0: as many as it does well with, learned from " \
        "its answers; a number is never exceeded.")

#define SETTINGS_MODEL(ROW, LIST) \
    ROW(name, name, MODEL, 1, 255, "", "deepseek-chat", SETTING_REQUIRED, \
        "What clients ask for.") \
    ROW(upstream_model, upstream_model, MODEL, 1, 255, "", "deepseek-ai/DeepSeek-V3", 0, \
        "What the backends call it. Without it: the same name.") \
    ROW(pool, pool, NAME, 1, 64, "", "gpu", 0, \
        "The pool that serves it. May be left out when there is only one.") \
    ROW(context_tokens, context_tokens_max, NUMBER, 0, 100000000, "0", "131072", 0, \
        "Prompt and answer together. 0: what the backend says.") \
    ROW(output_tokens, output_tokens_max, NUMBER, 0, 100000000, "0", "8192", 0, \
        "The largest answer a call may ask for. 0: no cap but the context.") \
    ROW(choices, choices_max, NUMBER, 1, 128, "8", "8", 0, \
        "The largest `n` (and `best_of`) of a call.") \
    ROW(smaller, smaller, MODEL, 1, 255, "", "deepseek-lite", 0, \
        "Another of these models, which may answer in its place when the service is pressed (`ladder.model`), for callers " \
        "whose key allows it. The answer names the model that gave it.") \
    ROW(reasoning, reasoning, CHOICE, 0, 3, "none", "none|reasoning_effort|thinking|enable_thinking", 0, \
        "The field by which the engine is told to think less (`ladder.reasoning`): `\"reasoning_effort\": \"low\"`, " \
        "`\"thinking\": {\"type\": \"disabled\"}`, or `enable_thinking: false` in `chat_template_kwargs`. `none`: it cannot be told.") \
    ROW(price_in, price_in, MONEY, 0, 10000000000, "0", "0.15", 0, \
        "What a million tokens of prompt cost, for limits of spend, in a currency of your own.") \
    ROW(price_out, price_out, MONEY, 0, 10000000000, "0", "0.60", 0, \
        "… and a million tokens of answers.") \
    LIST(engine_fields, engine_fields, FIELD, 0, CONFIG_ENGINE_FIELDS_MAX, "", "top_k", 0, \
         "Fields of the request that only the engine knows and that may pass, also inside " \
         "messages and tools. Others are refused, and inside messages and tools left out.")
/* clang-format on */

struct section;

struct setting {
    const char *key;
    enum setting_kind kind;
    unsigned flags;
    size_t offset, size; /* of the field */
    size_t count_offset; /* of a list's count */
    bool is_list;        /* also true for RECORDS */
    uint64_t min, max;   /* see ROW */
    const char *fallback;
    const char *example;
    const char *help;
    const struct section *section; /* of SECTION and RECORDS */
};

struct section {
    const char *path; /* "limits", "pools.backends"; "" is the top */
    const char *help;
    const struct setting *settings;
    size_t count;
    size_t record_size; /* of the struct that its fields are in */
};

#define SETTINGS_OF_SECTION_MAX 32

extern const struct section section_top, section_pool, section_backend, section_model;

/* NULL when the section has no such key. */
const struct setting *section_find(const struct section *section, struct span key);

/* What was probably meant by a key that the section does not have: writes ", did you mean 'x'?"
 * or where else this key belongs; "" when there is no guess. */
void section_suggest(const struct section *section, struct span key, char *ret_text, size_t size);

/* "a size such as 8MiB between 1KiB and 1GiB". Of a list: what one item is. */
void setting_write_expected(struct buf *buf, const struct setting *setting);

/* A number of this setting as the file would have it: "8MiB", "10s", "10%". */
void setting_write_value(struct buf *buf, const struct setting *setting, uint64_t value);

/* Word number `index` of a CHOICE; null past the last. */
struct span setting_word(const struct setting *setting, size_t index);

/* True for the kinds whose value is a number with min and max. */
bool setting_is_number(const struct setting *setting);
