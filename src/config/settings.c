/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of settings.h as constant tables, and the small words around a row. */
#include "config/settings.h"

#include "base/text.h"
#include "config/value.h"

#define SUGGEST_DISTANCE_MAX 2
#define SUGGEST_KEY_BYTES_MAX 32

#define ROW(key_, field_, kind_, min_, max_, fallback_, example_, flags_, help_)                   \
    {.key = #key_,                                                                                 \
     .kind = SETTING_##kind_,                                                                      \
     .flags = (flags_),                                                                            \
     .offset = offsetof(RECORD, field_),                                                           \
     .size = sizeof(((RECORD *)NULL)->field_),                                                     \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .fallback = (fallback_),                                                                      \
     .example = (example_),                                                                        \
     .help = (help_)},
#define LIST(key_, field_, kind_, min_, max_, fallback_, example_, flags_, help_)                  \
    {.key = #key_,                                                                                 \
     .kind = SETTING_##kind_,                                                                      \
     .flags = (flags_),                                                                            \
     .offset = offsetof(RECORD, field_),                                                           \
     .size = sizeof(((RECORD *)NULL)->field_),                                                     \
     .count_offset = offsetof(RECORD, field_##_count),                                             \
     .is_list = true,                                                                              \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .fallback = (fallback_),                                                                      \
     .example = (example_),                                                                        \
     .help = (help_),                                                                              \
     .section = SETTING_##kind_ == SETTING_RECORDS ? &section_backend : NULL},

#define RECORD struct config
static const struct setting settings_service[] = {SETTINGS_SERVICE(ROW, LIST)};
static const struct setting settings_limits[] = {SETTINGS_LIMITS(ROW, LIST)};
static const struct setting settings_deadlines[] = {SETTINGS_DEADLINES(ROW, LIST)};
static const struct setting settings_resume[] = {SETTINGS_RESUME(ROW, LIST)};
static const struct setting settings_ladder[] = {SETTINGS_LADDER(ROW, LIST)};
static const struct setting settings_key_limits[] = {SETTINGS_KEY_LIMITS};
static const struct setting settings_cors[] = {SETTINGS_CORS(ROW, LIST)};
#undef RECORD
#define RECORD struct config_backend
static const struct setting settings_backend[] = {SETTINGS_BACKEND(ROW, LIST)};
#undef RECORD
#define RECORD struct config_pool
static const struct setting settings_pool[] = {SETTINGS_POOL(ROW, LIST)};
#undef RECORD
#define RECORD struct config_model
static const struct setting settings_model[] = {SETTINGS_MODEL(ROW, LIST)};
#undef RECORD

#define SECTION(path_, table_, record_, help_)                                                     \
    {                                                                                              \
        .path = (path_), .settings = (table_), .count = COUNT_OF(table_),                          \
        .record_size = sizeof(record_), .help = (help_)                                            \
    }

static const struct section section_service =
    SECTION("service", settings_service, struct config, "The service itself.");
static const struct section section_limits =
    SECTION("limits", settings_limits, struct config,
            "What one client, one request and one answer may take.");
static const struct section section_deadlines =
    SECTION("deadlines", settings_deadlines, struct config, "How long things may take.");
static const struct section section_resume =
    SECTION("resume", settings_resume, struct config,
            "Streamed answers go on for a while when their client's connection goes, for callers who ask for it: see resuming.md.");
static const struct section section_ladder =
    SECTION("ladder", settings_ladder, struct config,
            "Before requests wait in vain or are refused they are served smaller: see degradation.md. Each rung is `on`, `off`, or "
            "on `dry-run`, which only logs and counts what it would have done.");
static const struct section section_key_limits = SECTION(
    "key_limits", settings_key_limits, struct config,
    "What each API key may use, unless it has limits of its own (see limits.md). 0 is no limit.");
static const struct section section_cors =
    SECTION("cors", settings_cors, struct config, "Calls from web pages of other origins.");
const struct section section_backend =
    SECTION("pools.backends", settings_backend, struct config_backend, "The servers of one pool.");
const struct section section_pool = SECTION("pools", settings_pool, struct config_pool,
                                            "Groups of backends that can serve the same models.");
const struct section section_model =
    SECTION("models", settings_model, struct config_model,
            "What clients may ask for. Without any, every model that a pool's backends say they "
            "serve is offered under its own name.");

/* The top of the file. The words of a section lie in struct config itself, so such a row has no
 * field. */
#define TOP_SECTION(name_)                                                                         \
    {                                                                                              \
        .key = #name_, .kind = SETTING_SECTION, .section = &section_##name_                        \
    }
#define TOP_RECORDS(name_, section_, max_)                                                         \
    {                                                                                              \
        .key = #name_, .kind = SETTING_RECORDS, .offset = offsetof(struct config, name_),          \
        .size = sizeof(((struct config *)NULL)->name_),                                            \
        .count_offset = offsetof(struct config, name_##_count), .is_list = true, .max = (max_),    \
        .section = &(section_)                                                                     \
    }
static const struct setting settings_top[] = {
    TOP_SECTION(service),
    TOP_SECTION(limits),
    TOP_SECTION(deadlines),
    TOP_SECTION(resume),
    TOP_SECTION(ladder),
    TOP_SECTION(key_limits),
    TOP_SECTION(cors),
    TOP_RECORDS(pools, section_pool, CONFIG_POOLS_MAX),
    TOP_RECORDS(models, section_model, CONFIG_MODELS_MAX),
};
const struct section section_top = SECTION("", settings_top, struct config, "");

const struct setting *section_find(const struct section *section, struct span key)
{
    for (size_t i = 0; i < section->count; i++)
        if (span_eq(span_str(section->settings[i].key), key))
            return &section->settings[i];
    return NULL;
}

/* How many single changes, or swaps of two neighbours, make one word of the other. Both are
 * short. */
static size_t distance(struct span a, struct span b)
{
    size_t rows[3][SUGGEST_KEY_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = a.ptr[i - 1] == b.ptr[j - 1];
            now[j] = MIN(last[j] + 1, now[j - 1] + 1);
            now[j] = MIN(now[j], last[j - 1] + !same);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                now[j] = MIN(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.len];
}

static const struct setting *section_nearest(const struct section *section, struct span key)
{
    const struct setting *best = NULL;
    size_t best_distance = SUGGEST_DISTANCE_MAX + 1;
    if (key.len > SUGGEST_KEY_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < section->count; i++) {
        struct span candidate = span_str(section->settings[i].key);
        size_t apart = candidate.len <= SUGGEST_KEY_BYTES_MAX ? distance(key, candidate) : SIZE_MAX;
        /* A word of three letters is two changes from almost anything. */
        if (apart < best_distance && apart < key.len) {
            best = &section->settings[i];
            best_distance = apart;
        }
    }
    return best;
}

/* The section in which the key is right; NULL when there is none. */
static const struct section *section_holding(const struct section *section, struct span key)
{
    const struct section *found = section_find(section, key) ? section : NULL;
    for (size_t i = 0; i < section->count && !found; i++)
        if (section->settings[i].section)
            found = section_holding(section->settings[i].section, key);
    return found;
}

void section_suggest(const struct section *section, struct span key, char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    const struct setting *nearest = section_nearest(section, key);
    const struct section *holding = section_holding(&section_top, key);
    int len = 0;
    if (span_eq(key, SPAN("api_key")))
        len = snprintf(ret_text, size, ", put the key into a file and name that in 'api_key_file'");
    else if (holding)
        len = snprintf(ret_text, size, ", it belongs %s%s",
                       holding->path[0] ? "under " : "to the top", holding->path);
    else if (nearest)
        len = snprintf(ret_text, size, ", did you mean '%s'?", nearest->key);
    check(len >= 0);
}

bool setting_is_number(const struct setting *setting)
{
    return setting->kind >= SETTING_NUMBER && setting->kind <= SETTING_MONEY;
}

struct span setting_word(const struct setting *setting, size_t index)
{
    struct span rest = span_str(setting->example);
    struct span word = SPAN_NULL;
    for (size_t i = 0; i <= index; i++)
        if (!span_split(&rest, '|', &word))
            return SPAN_NULL;
    return word;
}

void setting_write_value(struct buf *buf, const struct setting *setting, uint64_t value)
{
    if (setting->kind == SETTING_SIZE || setting->kind == SETTING_RATE)
        value_write_size(buf, value);
    else if (setting->kind == SETTING_DURATION)
        value_write_duration(buf, value);
    else if (setting->kind == SETTING_DURATION_S)
        value_write_duration(buf, value * 1000);
    else if (setting->kind == SETTING_MONEY && value)
        text_write_money(buf, value);
    else
        buf_append_u64(buf, value);
    if (setting->kind == SETTING_RATE && value)
        buf_append(buf, SPAN("/s"));
    if (setting->kind == SETTING_PERCENT)
        buf_append_byte(buf, '%');
}

static void write_words(struct buf *buf, const struct setting *setting)
{
    for (size_t i = 0; i <= setting->max; i++) {
        buf_append(buf, i == 0 ? SPAN("") : i == setting->max ? SPAN(" or ") : SPAN(", "));
        buf_append(buf, setting_word(setting, i));
    }
}

/* What a value of each kind is. "%s" is the example. */
static const char *const kind_words[] = {
    [SETTING_SECTION] = "settings, one on each line",
    [SETTING_RECORDS] = "a list",
    [SETTING_BOOL] = "true or false",
    [SETTING_NUMBER] = "a number",
    [SETTING_SIZE] = "a size such as %s",
    [SETTING_RATE] = "a rate such as %s",
    [SETTING_DURATION] = "a duration such as %s",
    [SETTING_DURATION_S] = "a duration in whole seconds such as %s",
    [SETTING_PERCENT] = "a percentage such as %s",
    [SETTING_MONEY] = "an amount such as %s",
    [SETTING_CHOICE] = "",
    [SETTING_LISTEN] = "an address such as %s, :8080, [::1]:8080 or unix:/path",
    [SETTING_LISTEN_OR_OFF] = "an address such as %s, or off",
    [SETTING_USER] = "the name of an account such as %s",
    [SETTING_LOG] = "a file inside the data folder such as %s, or - or off",
    [SETTING_ORIGIN] = "an origin such as %s, as browsers send it, or * alone",
    [SETTING_NAME] = "a name such as %s of letters, digits, '.', '_' and '-', at most 64",
    [SETTING_MODEL] = "a model's name such as %s, without spaces, at most 255 bytes",
    [SETTING_TEXT] = "a text such as %s on one line, at most 64 bytes",
    [SETTING_FIELD] = "the name of a JSON field such as %s",
    [SETTING_URL] = "a URL such as %s",
    [SETTING_KEY_FILE] = "the name of a file such as %s",
    [SETTING_KEY_ENV] = "the name of an environment variable such as %s",
    [SETTING_CA_FILE] = "the name of a file such as %s",
};

void setting_write_expected(struct buf *buf, const struct setting *setting)
{
    struct span words = span_str(kind_words[setting->kind]);
    ptrdiff_t hole = span_find(words, SPAN("%s"));
    if (hole >= 0) {
        buf_append(buf, span_take(words, (size_t)hole));
        buf_append(buf, span_str(setting->example));
        words = span_skip(words, (size_t)hole + 2);
    }
    buf_append(buf, words);
    if (setting->kind == SETTING_CHOICE)
        write_words(buf, setting);
    if (setting_is_number(setting)) {
        buf_append(buf, SPAN(" between "));
        setting_write_value(buf, setting, setting->min);
        buf_append(buf, SPAN(" and "));
        setting_write_value(buf, setting, setting->max);
    }
}
