/* SPDX-License-Identifier: Apache-2.0 */
#include "preset.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "kv.h"

#include <jansson.h>

/* ── the format, said once: it yields the reader, the writer and the checks ── */

enum kind { FORMAT, NAME, TEXT, NOTES, WHOLE, NUMBER, SWITCH, CHOICE, POINTS };

struct field {
    const char *section; /* "" for the top */
    const char *key;
    enum kind kind;
    size_t at;
    double min, max; /* of the value, or of how many there are; what CHOICE may be is 0 to max */
    const char *const *choices;
};

static const char *const kinds_of_scheduler[] = {"batch", "slots", NULL};
static const char *const kinds_of_words[] = {"latin", "mixed", NULL};
static const char *const kinds_of_stops[] = {"all", "streamed", "none", NULL};
static const char *const kinds_of_thinking[] = {"reasoning_content", "reasoning", NULL};

#define AT(member) offsetof(struct preset, member)
#define CONTEXT_MAX 10000000
#define US_MAX 3.6e9 /* an hour */

/* In the order of the file; a section's fields stand together. */
static const struct field fields[] = {
    {"", "format", FORMAT, 0, PRESET_FORMAT, PRESET_FORMAT, NULL},
    {"", "name", NAME, AT(name), 1, PRESET_NAME_BYTES - 1, NULL},
    {"", "title", TEXT, AT(title), 1, PRESET_TEXT_BYTES - 1, NULL},
    {"", "source", NOTES, AT(source), 1, PRESET_NOTES_MAX, NULL},
    {"", "derived", NOTES, AT(derived), 0, PRESET_NOTES_MAX, NULL},
    {"model", "name", TEXT, AT(model.name), 1, PRESET_TEXT_BYTES - 1, NULL},
    {"model", "context_tokens", WHOLE, AT(model.context_tokens), 16, CONTEXT_MAX, NULL},
    {"model", "bytes_per_token", NUMBER, AT(model.bytes_per_token), 0.5, 64, NULL},
    {"model", "words", CHOICE, AT(model.words), 0, 1, kinds_of_words},
    {"scheduler", "kind", CHOICE, AT(scheduler.kind), 0, 1, kinds_of_scheduler},
    {"scheduler", "running_max", WHOLE, AT(scheduler.running_max), 1, 65536, NULL},
    {"scheduler", "waiting_max", WHOLE, AT(scheduler.waiting_max), 0, 1000000, NULL},
    {"scheduler", "step_tokens_max", WHOLE, AT(scheduler.step_tokens_max), 1, 10000000, NULL},
    {"kv", "tokens", WHOLE, AT(kv.tokens), 16, 4e9, NULL},
    {"kv", "block_tokens", WHOLE, AT(kv.block_tokens), 1, 4096, NULL},
    {"kv", "prefix_cache", SWITCH, AT(kv.prefix_cache), 0, 1, NULL},
    {"time", "step_us", NUMBER, AT(time.step_us), 0, US_MAX, NULL},
    {"time", "prefill_us", NUMBER, AT(time.prefill_us), 0, US_MAX, NULL},
    {"time", "decode_us", POINTS, AT(time.decode_us), 1, PRESET_POINTS_MAX, NULL},
    {"time", "kv_us_per_1000", NUMBER, AT(time.kv_us_per_1000), 0, US_MAX, NULL},
    {"time", "call_us", NUMBER, AT(time.call_us), 0, US_MAX, NULL},
    {"time", "jitter", NUMBER, AT(time.jitter), 0, 0.5, NULL},
    {"answer", "tokens_median", WHOLE, AT(answer.tokens_median), 1, CONTEXT_MAX, NULL},
    {"answer", "tokens_p90", WHOLE, AT(answer.tokens_p90), 1, CONTEXT_MAX, NULL},
    {"answer", "thinking_median", WHOLE, AT(answer.thinking_median), 0, CONTEXT_MAX, NULL},
    {"answer", "thinking_p90", WHOLE, AT(answer.thinking_p90), 0, CONTEXT_MAX, NULL},
    {"answer", "event_tokens", WHOLE, AT(answer.event_tokens), 1, 1000, NULL},
    {"habits", "stops", CHOICE, AT(habits.stops), 0, 2, kinds_of_stops},
    {"habits", "counts_choices", SWITCH, AT(habits.counts_choices), 0, 1, NULL},
    {"habits", "thinking_field", CHOICE, AT(habits.thinking_field), 0, 1, kinds_of_thinking},
};

static const void *value_in(const struct preset *preset, const struct field *field)
{
    return (const char *)preset + field->at;
}

/* ── what is wrong ── */

static void expectation(const struct field *field, struct buf *words)
{
    switch (field->kind) {
    case FORMAT:
        buf_printf(words, "%d", PRESET_FORMAT);
        break;
    case NAME:
        buf_printf(words, "1 to %.0f of a-z 0-9 . _ -", field->max);
        break;
    case TEXT:
        buf_printf(words, "a text of 1 to %.0f bytes", field->max);
        break;
    case NOTES:
        buf_printf(words, "a list of %.0f to %.0f texts of 1 to %d bytes", field->min, field->max,
                   PRESET_TEXT_BYTES - 1);
        break;
    case WHOLE:
        buf_printf(words, "a whole number from %.0f to %.0f", field->min, field->max);
        break;
    case NUMBER:
        buf_printf(words, "a number from %g to %g", field->min, field->max);
        break;
    case SWITCH:
        buf_append(words, SPAN("true or false"));
        break;
    case CHOICE:
        for (size_t i = 0; field->choices[i]; i++)
            buf_printf(words, "%s'%s'", i ? " or " : "", field->choices[i]);
        break;
    case POINTS:
        buf_printf(
            words,
            "a list of 1 to %d pairs [sequences, microseconds], sequences rising from 1 to 65536",
            PRESET_POINTS_MAX);
        break;
    }
}

static int refuse(const struct field *field, const char *file, const char *what, struct err *err)
{
    struct buf words;
    buf_init(&words, sizeof(err->text));
    expectation(field, &words);
    err_set(err, -EINVAL, "%s: '%s%s%s' %s; expected %s", file, field->section,
            field->section[0] ? "." : "", field->key, what, buf_cstr(&words));
    buf_release(&words);
    return -EINVAL;
}

/* ── values, and whether they agree ── */

static bool text_agrees(const char *text, double size_max)
{
    size_t len = strnlen(text, PRESET_TEXT_BYTES);
    return len >= 1 && (double)len <= size_max;
}

static bool notes_agree(const struct preset_notes *notes, const struct field *field)
{
    if (notes->count < field->min || notes->count > field->max)
        return false;
    for (uint32_t i = 0; i < notes->count; i++) {
        if (!text_agrees(notes->text[i], PRESET_TEXT_BYTES - 1))
            return false;
    }
    return true;
}

static bool points_agree(const struct preset *preset)
{
    const struct preset_point *points = preset->time.decode_us;
    uint32_t count = preset->time.decode_points;
    if (count < 1 || count > PRESET_POINTS_MAX || points[0].sequences != 1)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool rises = i == 0 || points[i].sequences > points[i - 1].sequences;
        if (!rises || points[i].sequences > 65536 || !(points[i].us >= 0 && points[i].us <= US_MAX))
            return false;
    }
    return true;
}

static bool in_range(const struct field *field, double value)
{
    return value >= field->min && value <= field->max;
}

static bool field_agrees(const struct preset *preset, const struct field *field)
{
    const void *value = value_in(preset, field);
    switch (field->kind) {
    case FORMAT:
    case SWITCH:
        return true;
    case NAME:
        return text_agrees(value, field->max) &&
               strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(value);
    case TEXT:
        return text_agrees(value, field->max);
    case NOTES:
        return notes_agree(value, field);
    case WHOLE:
    case CHOICE:
        return in_range(field, *(const uint32_t *)value);
    case NUMBER:
        return in_range(field, *(const double *)value);
    case POINTS:
        return points_agree(preset);
    }
    return false;
}

/* What no single field can know. */
static int values_agree(const struct preset *preset, const char *file, struct err *err)
{
    uint32_t share = preset->scheduler.kind == PRESET_SLOTS
                         ? preset->kv.tokens / preset->scheduler.running_max
                         : preset->kv.tokens;
    if (preset->kv.tokens % preset->kv.block_tokens != 0)
        return err_set(err, -EINVAL, "%s: 'kv.tokens' is no multiple of 'kv.block_tokens'", file);
    if (preset->kv.tokens / preset->kv.block_tokens > KV_BLOCKS_MAX)
        return err_set(err, -EINVAL, "%s: 'kv.tokens' is more than %d blocks", file, KV_BLOCKS_MAX);
    if (share < 16 ||
        (preset->scheduler.kind == PRESET_BATCH && share < preset->model.context_tokens))
        return err_set(err, -EINVAL, "%s: 'kv.tokens' has no room for one call of '%s'", file,
                       share < 16 ? "16 tokens" : "model.context_tokens");
    if (preset->answer.tokens_p90 < preset->answer.tokens_median)
        return err_set(err, -EINVAL, "%s: 'answer.tokens_p90' is below the median", file);
    if (preset->answer.thinking_p90 < preset->answer.thinking_median)
        return err_set(err, -EINVAL, "%s: 'answer.thinking_p90' is below the median", file);
    return 0;
}

int preset_agrees(const struct preset *preset, const char *name, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (!field_agrees(preset, &fields[i]))
            return refuse(&fields[i], name, "is out of range", err);
    }
    return values_agree(preset, name, err);
}

/* ── reading: types only; preset_agrees() sees to the values ── */

static bool read_text(const json_t *json, char *ret_text, size_t size)
{
    size_t len = json_string_length(json);
    if (!json_is_string(json) || len >= size || strlen(json_string_value(json)) != len)
        return false;
    memcpy(ret_text, json_string_value(json), len + 1);
    return true;
}

static bool read_whole(const json_t *json, uint32_t *ret_value)
{
    json_int_t value = json_integer_value(json);
    if (!json_is_integer(json) || value < 0 || value > UINT32_MAX)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool read_notes(const json_t *json, struct preset_notes *notes)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json) || count > PRESET_NOTES_MAX)
        return false;
    notes->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!read_text(json_array_get(json, i), notes->text[i], sizeof(notes->text[i])))
            return false;
    }
    return true;
}

static bool read_points(const json_t *json, struct preset *preset)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json) || count > PRESET_POINTS_MAX)
        return false;
    preset->time.decode_points = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(json, i);
        struct preset_point *point = &preset->time.decode_us[i];
        if (json_array_size(pair) != 2 || !read_whole(json_array_get(pair, 0), &point->sequences) ||
            !json_is_number(json_array_get(pair, 1)))
            return false;
        point->us = json_number_value(json_array_get(pair, 1));
    }
    return true;
}

static bool read_choice(const json_t *json, const struct field *field, uint32_t *ret_value)
{
    for (uint32_t i = 0; json_is_string(json) && field->choices[i]; i++) {
        if (strcmp(json_string_value(json), field->choices[i]) == 0) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}

static bool read_field(const json_t *json, const struct field *field, struct preset *preset)
{
    void *value = (char *)preset + field->at;
    switch (field->kind) {
    case FORMAT:
        return json_is_integer(json) && in_range(field, (double)json_integer_value(json));
    case NAME:
    case TEXT:
        return read_text(json, value, (size_t)field->max + 1);
    case NOTES:
        return read_notes(json, value);
    case WHOLE:
        return read_whole(json, value);
    case NUMBER:
        if (json_is_number(json))
            *(double *)value = json_number_value(json);
        return json_is_number(json);
    case SWITCH:
        *(bool *)value = json_is_true(json);
        return json_is_boolean(json);
    case CHOICE:
        return read_choice(json, field, value);
    case POINTS:
        return read_points(json, preset);
    }
    return false;
}

static bool is_known(const char *section, const char *key)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].section, section) == 0 && strcmp(fields[i].key, key) == 0)
            return true;
        if (section[0] == '\0' && strcmp(fields[i].section, key) == 0)
            return true;
    }
    return false;
}

static int refuse_unknown(json_t *object, const char *section, const char *file, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!is_known(section, key))
            return err_set(err, -EINVAL, "%s: '%s%s%.64s' is no key of a preset", file, section,
                           section[0] ? "." : "", key);
    }
    return 0;
}

static int read_document(json_t *root, const char *file, struct preset *preset, struct err *err)
{
    const char *section = "";
    json_t *object = root;
    int r = refuse_unknown(root, "", file, err);
    for (size_t i = 0; i < COUNT_OF(fields) && r == 0; i++) {
        const struct field *field = &fields[i];
        if (strcmp(field->section, section) != 0) {
            section = field->section;
            object = json_object_get(root, section);
            r = refuse_unknown(object, section, file, err);
        }
        const json_t *json = json_object_get(object, field->key);
        if (r == 0 && !json)
            r = refuse(field, file, "is missing", err);
        else if (r == 0 && !read_field(json, field, preset))
            r = refuse(field, file, "is something else", err);
    }
    return r == 0 ? preset_agrees(preset, file, err) : r;
}

int preset_read(struct span json, const char *name, struct preset *ret_preset, struct err *err)
{
    json_error_t trouble;
    json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &trouble);
    if (!root)
        return err_set(err, -EINVAL, "%s:%d: %s", name, trouble.line, trouble.text);
    struct preset *preset = mem_zalloc(sizeof(*preset));
    int r =
        preset ? read_document(root, name, preset, err) : err_set(err, -ENOMEM, "out of memory");
    if (r == 0)
        *ret_preset = *preset;
    mem_free(preset);
    json_decref(root);
    return r;
}

/* ── writing ── */

/* The fewest decimals, one at least, that read back as the same number. */
static void write_number(struct buf *buf, double value)
{
    char text[64];
    int decimals = 1;
    do
        (void)snprintf(text, sizeof(text), "%.*f", decimals, value);
    while (strtod(text, NULL) != value && ++decimals <= 20);
    if (decimals > 20)
        (void)snprintf(text, sizeof(text), "%.17g", value);
    buf_append(buf, span_str(text));
}

static void write_text(struct buf *buf, const char *text)
{
    struct json_out out = json_out_start(buf);
    json_out_string(&out, span_str(text));
}

static void write_notes(struct buf *buf, const struct preset_notes *notes)
{
    buf_append(buf, SPAN("["));
    for (uint32_t i = 0; i < notes->count; i++) {
        buf_append(buf, i ? SPAN(",\n    ") : SPAN("\n    "));
        write_text(buf, notes->text[i]);
    }
    buf_append(buf, notes->count ? SPAN("\n  ]") : SPAN("]"));
}

static void write_points(struct buf *buf, const struct preset *preset)
{
    buf_append(buf, SPAN("["));
    for (uint32_t i = 0; i < preset->time.decode_points; i++) {
        buf_printf(buf, "%s\n      [%u, ", i ? "," : "", preset->time.decode_us[i].sequences);
        write_number(buf, preset->time.decode_us[i].us);
        buf_append(buf, SPAN("]"));
    }
    buf_append(buf, SPAN("\n    ]"));
}

static void write_value(struct buf *buf, const struct preset *preset, const struct field *field)
{
    const void *value = value_in(preset, field);
    switch (field->kind) {
    case FORMAT:
        buf_append_u64(buf, PRESET_FORMAT);
        break;
    case NAME:
    case TEXT:
        write_text(buf, value);
        break;
    case NOTES:
        write_notes(buf, value);
        break;
    case WHOLE:
        buf_append_u64(buf, *(const uint32_t *)value);
        break;
    case NUMBER:
        write_number(buf, *(const double *)value);
        break;
    case SWITCH:
        buf_append(buf, *(const bool *)value ? SPAN("true") : SPAN("false"));
        break;
    case CHOICE:
        write_text(buf, field->choices[*(const uint32_t *)value]);
        break;
    case POINTS:
        write_points(buf, preset);
        break;
    }
}

void preset_write(const struct preset *preset, struct buf *buf)
{
    const char *section = "";
    buf_append(buf, SPAN("{"));
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const struct field *field = &fields[i];
        bool begins = strcmp(field->section, section) != 0;
        if (begins && section[0] != '\0')
            buf_append(buf, SPAN("\n  }"));
        if (i > 0)
            buf_append(buf, SPAN(","));
        section = field->section;
        if (begins)
            buf_printf(buf, "\n  \"%s\": {", section);
        buf_printf(buf, "\n%s\"%s\": ", section[0] ? "    " : "  ", field->key);
        write_value(buf, preset, field);
    }
    buf_append(buf, SPAN("\n  }\n}\n"));
}
