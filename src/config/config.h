/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator wants: a YAML file, read strictly, becomes one immutable struct.
 *
 * Every setting is a row of one table (settings.h): name, type, range, default, what it is for,
 * whether a change needs a restart. The table yields the parser, the defaults, `seawall check` and
 * docs/configuration.md. Unknown key, wrong type, value out of range, duplicate key, alias or tag:
 * refused with file, line and what was expected. No file at all gives the defaults.
 *
 * The supervisor reads files and environment into a bundle (config_bundle_read) and hands that to
 * the gateway, which parses it again (config_parse): the sandboxed side never opens a configuration
 * or a secret. A struct config is read by many threads and never changed; config_ref/unref count.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define CONFIG_FILE_BYTES_MAX 1048576
#define CONFIG_SECRET_BYTES_MAX 65536
#define CONFIG_LISTEN_MAX 16
#define CONFIG_POOLS_MAX 64
#define CONFIG_BACKENDS_MAX 64 /* of one pool */
#define CONFIG_MODELS_MAX 256
#define CONFIG_ENGINE_FIELDS_MAX 64
#define CONFIG_ORIGINS_MAX 64

enum config_upstream_stream { CONFIG_STREAM_AUTO, CONFIG_STREAM_ALWAYS, CONFIG_STREAM_NEVER };
enum config_keys { CONFIG_KEYS_REQUIRED, CONFIG_KEYS_OPTIONAL, CONFIG_KEYS_IGNORED };
enum config_probe { CONFIG_PROBE_AUTO, CONFIG_PROBE_TOKENS, CONFIG_PROBE_MODELS, CONFIG_PROBE_OFF };

enum config_mode { CONFIG_OFF, CONFIG_DRY_RUN, CONFIG_ON };
enum config_rung { CONFIG_RUNG_NONE, CONFIG_RUNG_OUTPUT, CONFIG_RUNG_REASONING, CONFIG_RUNG_CONTEXT, CONFIG_RUNG_MODEL };
enum config_reasoning { CONFIG_REASONING_NONE, CONFIG_REASONING_EFFORT, CONFIG_REASONING_THINKING, CONFIG_REASONING_TEMPLATE };

struct config_backend {
    struct span url; /* http://host[:port] or https://host[:port], no path but an optional prefix */
    uint32_t weight; /* 1 … 1000 */
    struct span api_key; /* resolved; null when none */
    struct span ca_pem;  /* resolved content of ca_file; null: the system's certificates */
    bool embedded;       /* the supervised model */
};

struct config_pool {
    struct span name;
    struct config_backend *backends;
    size_t backends_count;
    enum config_upstream_stream upstream_stream;
    uint32_t connect_ms, first_byte_ms, idle_ms;
    enum config_probe probe;
    uint32_t probe_every_ms, probe_timeout_ms;
    bool probe_stop;
    uint32_t breaker_failures; /* in a row */
    uint32_t breaker_pause_ms;
    uint32_t retries_max;          /* further tries of one request, before the first byte */
    uint32_t retry_budget_percent; /* of the pool's requests */
    uint32_t idle_connections_max; /* kept for each backend and worker */
    bool affinity;                 /* prompts that begin alike go to the same backend */
    uint32_t calls_max;            /* of each backend; 0: learned alone */
};

struct config_model {
    struct span name;           /* public */
    struct span upstream_model; /* what the engine calls it; = name unless told */
    struct span pool;
    uint64_t context_tokens_max; /* 0: unknown */
    uint64_t output_tokens_max;  /* 0: no cap */
    uint32_t choices_max;
    struct span smaller;        /* name of the model that may answer in its place; null: none */
    enum config_reasoning reasoning; /* what tells it to think less */
    uint64_t price_in, price_out; /* of a million tokens, in millionths of money */
    struct span *engine_fields;
    size_t engine_fields_count;
};

struct config {
    /* service */
    struct span *listen;
    size_t listen_count;
    struct span metrics_listen; /* empty: off */
    bool metrics_asked_for;     /* the file says where; else the service can do without */
    uint32_t workers;           /* 0: as many as processors */
    struct span
        user; /* to become when started as root; empty: "seawall" if it exists, else "nobody" */
    struct span name; /* for people */
    bool chat;        /* is served at "/" */
    enum config_keys keys;
    bool class_header; /* answers say in which class their request had its turn */
    struct span access_log; /* path inside the data folder, "-" for standard output, "off" */
    bool log_engine_words; /* in the access log's detail: they may quote a prompt */
    /* limits */
    uint32_t connections_max;
    uint32_t connections_per_network_max; /* 0: no limit */
    uint64_t head_bytes_max, body_bytes_max, body_memory_max, answer_bytes_max, event_bytes_max,
        send_queue_bytes_max;
    uint32_t json_depth_max;
    uint32_t identities_max;
    uint32_t waiting_max, waiting_per_identity_max; /* for a turn */
    bool classes; /* callers within their budget go first */
    /* deadlines, milliseconds */
    uint32_t head_ms, body_ms, keep_alive_ms, send_stall_ms, drain_ms;
    uint32_t turn_ms, siege_turn_ms, first_token_ms;
    uint32_t body_rate_min; /* bytes a second, measured after the first 5 s */
    /* answers that callers may return to */
    uint32_t resume_grace_ms; /* 0: none */
    uint32_t resume_answers_max, resume_caller_answers_max;
    uint64_t resume_bytes_max, resume_answer_bytes_max;
    /* of each key that has none of its own; nothing is unset */
    struct limits key_limits;
    bool keys_are_limited; /* any of them is */
    /* CORS */
    struct span *cors_origins; /* "*" alone, or exact origins */
    size_t cors_origins_count;
    uint32_t cors_max_age_s;
    /* the degradation ladder */
    enum config_mode ladder_output, ladder_reasoning, ladder_context, ladder_model;
    uint64_t ladder_output_tokens, ladder_context_tokens;
    enum config_rung ladder_in_profile, ladder_paid, ladder_unknown; /* the last one that may touch the class */
    bool ladder_crowds;
    /* where work goes */
    struct config_pool *pools;
    size_t pools_count;
    struct config_model *models; /* none: every pool's models are discovered from its backends */
    size_t models_count;
};

/* What the command line and the supervisor add to the file. NULL or 0: nothing. */
struct config_facts {
    /* Replaces the ports of `listen`. */
    const char *port;
    /* A pool "upstream" with this backend, in place of the file's pools and their models. */
    const char *upstream_url;
    /* The supervised model: a pool "embedded" when the file has no pools, else what `embedded:
     * true` in the file means. A file with pools that do not name it has no use for the model. */
    const char *embedded_url;
    const char *embedded_api_key;
    /* Its public name, when the file has neither pools nor models. */
    const char *embedded_model;
};

/* For buf_init() of a bundle: more never comes. */
#define CONFIG_BUNDLE_BYTES_MAX (16u << 20)

/*
 * Reads `path` (NULL: no file) and every secret it names (api_key_file, api_key_env, ca_file), and
 * writes one document that config_parse() takes: a line of JSON, then the secrets' bytes; all of it
 * is UTF-8 without zero bytes. What was in `ret_bundle` is replaced; give it back with
 * config_bundle_release(). 0, or -errno with *err ("seawall.yaml:12: …") and an empty bundle. Here
 * the file is only judged as far as it takes to find the secrets.
 */
int config_bundle_read(const char *path, const struct config_facts *facts, struct buf *ret_bundle,
                       struct err *err) must_check;

/* Wipes and releases it. */
void config_bundle_release(struct buf *bundle);

/* NULL with *err. The same bundle always gives the same result. */
struct config *config_parse(struct span bundle, struct err *err) must_check;
struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* Whether a backend of it is the model that the service itself starts. */
bool config_uses_model(const struct config *config);

/* What differs between the two and needs a restart to take effect (listen, workers, user, metrics):
 * writes the names, comma-separated and cut to `size`, into ret_names; returns how many. */
size_t config_needs_restart(const struct config *before, const struct config *after,
                            char *ret_names, size_t size);

/* Appends a line for each thing in a good bundle that is allowed but hardly wanted, such as a key
 * file that everyone can read. 0, or -EINVAL, -ENOSPC or -ENOMEM. */
int config_warnings(struct span bundle, struct buf *ret_warnings) must_check;

/* `seawall check FILE`: reads and parses it as the service would, with its warnings, and says
 * whether it uses the model that the service starts; there is one for this purpose. 0, or -errno
 * with *err. */
int config_check(const char *path, struct buf *ret_warnings, bool *ret_uses_model,
                 struct err *err) must_check;

/* The reference page, in Markdown, and a file with every setting: what `ninja docs` writes. */
void config_write_reference(struct buf *buf);
void config_write_full_example(struct buf *buf);
