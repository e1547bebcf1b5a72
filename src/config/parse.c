/* SPDX-License-Identifier: Apache-2.0 */
#include "config/parse.h"

#include "base/text.h"
#include "config/form.h"
#include "config/value.h"

#include <stdarg.h>

#define EXPECTED_BYTES_MAX 200

struct kept_secret {
    char *bytes;
    size_t len;
};

int parse_fail(struct parse *parse, unsigned line, const char *format, ...)
{
    char text[sizeof(((struct err *)NULL)->text)];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    check(len >= 0);
    if (line > 0)
        return err_set(parse->err, -EINVAL, "%s:%u: %s", parse->name, line, text);
    return err_set(parse->err, -EINVAL, "%s", text);
}

int parse_out_of_memory(struct parse *parse)
{
    return err_set(parse->err, -ENOMEM, "%s: out of memory", parse->name);
}

static int parse_note_place(struct parse *parse, const void *field, unsigned line)
{
    struct place *place = arena_alloc(parse->scratch, sizeof(*place));
    if (!place)
        return parse_out_of_memory(parse);
    *place = (struct place){.field = field, .line = line, .next = parse->places};
    parse->places = place;
    return 0;
}

unsigned parse_line(const struct parse *parse, const void *field)
{
    for (const struct place *place = parse->places; place; place = place->next)
        if (place->field == field)
            return place->line;
    return 0;
}

/* "limits.body_bytes", terminated. */
static const char *path_of(const struct section *section, const char *key, char *ret_path,
                           size_t size)
{
    int len = snprintf(ret_path, size, "%s%s%s", section->path, section->path[0] ? "." : "", key);
    check(len >= 0);
    return ret_path;
}

#define PATH(section, key) path_of(section, key, (char[80]){0}, 80)

/* A value that names a secret is not shown: the secret itself may have been pasted in its place.
 * Nor is a URL. */
static bool may_be_shown(const struct setting *setting)
{
    return setting->kind != SETTING_KEY_FILE && setting->kind != SETTING_KEY_ENV &&
           setting->kind != SETTING_CA_FILE && setting->kind != SETTING_URL;
}

static const char *hint_for(const struct setting *setting, struct span text)
{
    uint64_t number;
    bool is_number = text_to_u64(text, &number) == 0;
    if (setting->kind == SETTING_DURATION || setting->kind == SETTING_DURATION_S)
        return is_number ? "; it needs a unit: ms, s, m or h" : "";
    if (setting->kind == SETTING_SIZE && !is_number)
        return "; units are KiB, MiB and GiB";
    if (setting->kind == SETTING_PERCENT && is_number)
        return "; it needs a '%'";
    return "";
}

static int fail_value(struct parse *parse, const struct section *section,
                      const struct setting *setting, const yaml_node_t *node, struct span text)
{
    char memory[EXPECTED_BYTES_MAX];
    char quoted[VALUE_QUOTE_BYTES];
    struct buf expected = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    setting_write_expected(&expected, setting);
    const char *path = PATH(section, setting->key);
    unsigned line = node ? document_line(node) : 0;
    value_quote(text, quoted);
    if (!may_be_shown(setting))
        return parse_fail(parse, line, "%s: expected %s", path, buf_cstr(&expected));
    if (text.len == 0)
        return parse_fail(parse, line, "%s: expected %s, got nothing", path, buf_cstr(&expected));
    const char *marks = node && !document_is_plain(node) && setting_is_number(setting) ? "\"" : "'";
    return parse_fail(parse, line, "%s: expected %s, got %s%s%s%s", path, buf_cstr(&expected),
                      marks, quoted, marks, hint_for(setting, text));
}

/* Words that are missing from a node that is no scalar. */
static int fail_shape(struct parse *parse, const struct section *section,
                      const struct setting *setting, const yaml_node_t *node, const char *wanted)
{
    const char *got = node->type == YAML_SEQUENCE_NODE  ? "a list"
                      : node->type == YAML_MAPPING_NODE ? "settings"
                      : document_is_null(node)          ? "nothing"
                                                        : "a single value";
    return parse_fail(parse, document_line(node), "%s: expected %s, got %s",
                      PATH(section, setting->key), wanted, got);
}

static int to_number(const struct setting *setting, struct span text, uint64_t *ret_value)
{
    switch ((int)setting->kind) {
    case SETTING_SIZE:
        return value_size(text, ret_value);
    case SETTING_RATE:
        return value_rate(text, ret_value);
    case SETTING_PERCENT:
        return value_percent(text, ret_value);
    case SETTING_MONEY:
        return text_to_money(text, ret_value);
    case SETTING_DURATION:
        return value_duration(text, ret_value);
    case SETTING_DURATION_S: {
        uint64_t ms = 0;
        int rc = value_duration(text, &ms);
        *ret_value = ms / 1000;
        return rc < 0 ? rc : ms % 1000 == 0 ? 0 : -EINVAL;
    }
    default:
        return text_to_u64(text, ret_value);
    }
}

static void store_number(const struct setting *setting, void *field, uint64_t value)
{
    if (setting->size == sizeof(uint64_t)) {
        memcpy(field, &value, sizeof(value));
    } else {
        check(setting->size == sizeof(uint32_t) && value <= UINT32_MAX);
        uint32_t small = (uint32_t)value;
        memcpy(field, &small, sizeof(small));
    }
}

static bool set_number(const struct setting *setting, struct span text, void *field)
{
    uint64_t value = 0;
    if (to_number(setting, text, &value) < 0 || value < setting->min || value > setting->max)
        return false;
    store_number(setting, field, value);
    return true;
}

static bool set_choice(const struct setting *setting, struct span text, void *field)
{
    for (size_t i = 0; i <= setting->max; i++) {
        if (!span_eq(text, setting_word(setting, i)))
            continue;
        /* Every enum of config.h is as wide as an unsigned int. */
        check(setting->size == sizeof(unsigned));
        unsigned value = (unsigned)i;
        memcpy(field, &value, sizeof(value));
        return true;
    }
    return false;
}

static bool form_ok(const struct setting *setting, struct span text)
{
    struct span host;
    switch ((int)setting->kind) {
    case SETTING_LISTEN:
    case SETTING_LISTEN_OR_OFF:
        return form_listen(text, &host);
    case SETTING_USER:
        return form_user(text);
    case SETTING_LOG:
        return form_log(text);
    case SETTING_ORIGIN:
        return form_origin(text);
    case SETTING_NAME:
        return form_name(text);
    case SETTING_MODEL:
        return form_model(text);
    case SETTING_TEXT:
        return form_text(text);
    case SETTING_FIELD:
        return form_field(text);
    default:
        return false;
    }
}

static int set_url(struct parse *parse, const struct section *section,
                   const struct setting *setting, const yaml_node_t *node, struct span text,
                   struct span *ret_url)
{
    struct form_url url;
    const char *wrong = text.len > setting->max ? "it is too long" : form_url(text, &url);
    if (wrong)
        return parse_fail(parse, node ? document_line(node) : 0,
                          "%s: expected a URL such as %s, but %s", PATH(section, setting->key),
                          setting->example, wrong);
    char memory[512];
    struct buf buf = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    form_url_write(&buf, &url);
    check(buf_status(&buf) == 0);
    *ret_url = arena_copy(parse->arena, buf_span(&buf));
    return span_is_null(*ret_url) ? parse_out_of_memory(parse) : 0;
}

static void wipe_secret(void *thing)
{
    struct kept_secret *kept = thing;
    explicit_bzero(kept->bytes, kept->len);
}

struct span parse_keep_secret(struct parse *parse, struct bundle_secret *secret)
{
    if (!span_is_null(secret->kept))
        return secret->kept;
    struct kept_secret *kept = arena_alloc(parse->arena, sizeof(*kept));
    char *copy = kept ? arena_alloc(parse->arena, secret->bytes.len + 1) : NULL;
    if (!copy)
        return SPAN_NULL;
    *kept = (struct kept_secret){.bytes = copy, .len = secret->bytes.len};
    if (arena_defer(parse->arena, wipe_secret, kept) < 0)
        return SPAN_NULL;
    memcpy(copy, secret->bytes.ptr, secret->bytes.len);
    copy[secret->bytes.len] = '\0';
    return secret->kept = span_of(copy, secret->bytes.len);
}

static int set_secret(struct parse *parse, const struct section *section,
                      const struct setting *setting, const yaml_node_t *node, struct span text,
                      struct span *field)
{
    enum secret_kind kind = setting->kind == SETTING_KEY_FILE  ? SECRET_KEY_FILE
                            : setting->kind == SETTING_KEY_ENV ? SECRET_KEY_ENV
                                                               : SECRET_CA_FILE;
    unsigned line = document_line(node);
    if (!span_is_null(*field))
        return parse_fail(parse, line, "%s: give either 'api_key_file' or 'api_key_env', not both",
                          PATH(section, setting->key));
    struct bundle_secret *secret = bundle_find(parse->bundle, kind, text);
    if (!secret)
        return parse_fail(parse, line, "%s: what it names has not been read",
                          PATH(section, setting->key));
    *field = parse_keep_secret(parse, secret);
    return span_is_null(*field) ? parse_out_of_memory(parse) : 0;
}

/* One text into one field (of a list: one item). `node` is NULL for a default. */
static int set_text(struct parse *parse, const struct section *section,
                    const struct setting *setting, const yaml_node_t *node, struct span text,
                    void *field)
{
    bool quoted = node && !document_is_plain(node);
    bool good = !(node && document_is_null(node));
    switch ((int)setting->kind) {
    case SETTING_BOOL:
        good = !quoted && value_bool(text, field) == 0;
        break;
    case SETTING_CHOICE:
        good = set_choice(setting, text, field);
        break;
    case SETTING_URL:
        return good ? set_url(parse, section, setting, node, text, field)
                    : fail_value(parse, section, setting, node, text);
    case SETTING_KEY_FILE:
    case SETTING_KEY_ENV:
    case SETTING_CA_FILE:
        good = good && text.len >= setting->min && text.len <= setting->max;
        return good ? set_secret(parse, section, setting, node, text, field)
                    : fail_value(parse, section, setting, node, text);
    case SETTING_LISTEN_OR_OFF:
        if (span_eq(text, SPAN("off"))) {
            *(struct span *)field = SPAN("");
            return 0;
        }
        good = good && form_ok(setting, text);
        break;
    default:
        if (setting_is_number(setting))
            good = !(quoted && setting->kind == SETTING_NUMBER) && set_number(setting, text, field);
        else
            good = good && form_ok(setting, text);
        break;
    }
    if (!good)
        return fail_value(parse, section, setting, node, text);
    if (setting_is_number(setting) || setting->kind == SETTING_BOOL ||
        setting->kind == SETTING_CHOICE)
        return 0;
    *(struct span *)field = arena_copy(parse->arena, text);
    return span_is_null(*(struct span *)field) ? parse_out_of_memory(parse) : 0;
}

static size_t items_of(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static const yaml_node_t *item_of(const struct parse *parse, const yaml_node_t *node, size_t index)
{
    return document_node(parse->document, node->data.sequence.items.start[index]);
}

/* Hangs room for the items of a list into the record. */
static int begin_list(struct parse *parse, const struct section *section,
                      const struct setting *setting, const yaml_node_t *node, size_t item_size,
                      void *record, void **ret_items)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return fail_shape(parse, section, setting, node, "a list");
    size_t count = items_of(node);
    if (count < setting->min || count > setting->max)
        return parse_fail(parse, document_line(node), "%s: expected %llu to %llu items, got %zu",
                          PATH(section, setting->key), (unsigned long long)setting->min,
                          (unsigned long long)setting->max, count);
    void *items = arena_zalloc(parse->arena, count * item_size);
    if (!items)
        return parse_out_of_memory(parse);
    memcpy((char *)record + setting->offset, &items, sizeof(items));
    memcpy((char *)record + setting->count_offset, &count, sizeof(count));
    *ret_items = items;
    return 0;
}

static int check_once(struct parse *parse, const struct section *section,
                      const struct setting *setting, const struct span *items, size_t last,
                      unsigned line)
{
    char quoted[VALUE_QUOTE_BYTES];
    for (size_t i = 0; i < last; i++) {
        if (!span_eq(items[i], items[last]))
            continue;
        value_quote(items[last], quoted);
        return parse_fail(parse, line, "%s: '%s' is in the list twice", PATH(section, setting->key),
                          quoted);
    }
    return 0;
}

static int set_list(struct parse *parse, const struct section *section,
                    const struct setting *setting, const yaml_node_t *node, void *record)
{
    void *room = NULL;
    int rc = begin_list(parse, section, setting, node, sizeof(struct span), record, &room);
    if (rc < 0)
        return rc;
    struct span *items = room;
    for (size_t i = 0; rc == 0 && i < items_of(node); i++) {
        const yaml_node_t *item = item_of(parse, node, i);
        if (item->type != YAML_SCALAR_NODE)
            return fail_shape(parse, section, setting, item, "a single value");
        rc = set_text(parse, section, setting, item, document_text(item), &items[i]);
        if (rc == 0)
            rc = check_once(parse, section, setting, items, i, document_line(item));
    }
    return rc;
}

static int set_records(struct parse *parse, const struct section *section,
                       const struct setting *setting, const yaml_node_t *node, void *record)
{
    size_t size = setting->section->record_size;
    void *room = NULL;
    int rc = begin_list(parse, section, setting, node, size, record, &room);
    for (size_t i = 0; rc == 0 && i < items_of(node); i++) {
        const yaml_node_t *item = item_of(parse, node, i);
        void *one = (char *)room + i * size;
        rc = parse_note_place(parse, one, document_line(item));
        if (rc == 0 && item->type != YAML_MAPPING_NODE)
            rc = fail_shape(parse, section, setting, item, "settings");
        if (rc == 0)
            rc = parse_section(parse, setting->section, item, one);
    }
    return rc;
}

static int set_default(struct parse *parse, const struct section *section,
                       const struct setting *setting, void *record)
{
    if (setting->kind == SETTING_SECTION)
        return parse_section(parse, setting->section, NULL, record);
    if (setting->kind == SETTING_RECORDS || setting->fallback[0] == '\0')
        return 0;
    struct span text = span_str(setting->fallback);
    if (!setting->is_list)
        return set_text(parse, section, setting, NULL, text, (char *)record + setting->offset);
    struct span *item = arena_zalloc(parse->arena, sizeof(*item));
    if (!item)
        return parse_out_of_memory(parse);
    size_t one = 1;
    memcpy((char *)record + setting->offset, &item, sizeof(item));
    memcpy((char *)record + setting->count_offset, &one, sizeof(one));
    return set_text(parse, section, setting, NULL, text, item);
}

static int set_from_node(struct parse *parse, const struct section *section,
                         const struct setting *setting, const yaml_node_t *node, void *record)
{
    bool top = section == &section_top;
    if (setting->kind == SETTING_SECTION)
        return parse_section(parse, setting->section, node, record);
    if (top && document_is_null(node))
        return 0; /* "pools:" with all its items commented out */
    if (setting->kind == SETTING_RECORDS)
        return set_records(parse, section, setting, node, record);
    if (setting->is_list)
        return set_list(parse, section, setting, node, record);
    if (node->type != YAML_SCALAR_NODE)
        return fail_shape(parse, section, setting, node, "a single value");
    return set_text(parse, section, setting, node, document_text(node),
                    (char *)record + setting->offset);
}

/* The row of a key, checked against what was there before. NULL with *err. */
static const struct setting *row_of(struct parse *parse, const struct section *section,
                                    const yaml_node_t *key, unsigned *lines)
{
    struct span text = document_text(key);
    unsigned line = document_line(key);
    const struct setting *setting = span_is_null(text) ? NULL : section_find(section, text);
    if (!setting) {
        char quoted[VALUE_QUOTE_BYTES];
        char guess[120];
        value_quote(text, quoted);
        section_suggest(section, text, guess, sizeof(guess));
        (void)parse_fail(parse, line, "unknown key '%s'%s%s%s", quoted,
                         section->path[0] ? " in " : "", section->path, guess);
        return NULL;
    }
    unsigned *first = &lines[setting - section->settings];
    if (*first) {
        (void)parse_fail(parse, line, "%s: it is set already in line %u",
                         PATH(section, setting->key), *first);
        return NULL;
    }
    *first = line;
    return setting;
}

static int check_required(struct parse *parse, const struct section *section,
                          const yaml_node_t *node, const unsigned *lines)
{
    for (size_t i = 0; i < section->count; i++)
        if (section->settings[i].flags & SETTING_REQUIRED && !lines[i])
            return parse_fail(parse, document_line(node), "%s: it is missing",
                              PATH(section, section->settings[i].key));
    return 0;
}

int parse_section(struct parse *parse, const struct section *section, const yaml_node_t *node,
                  void *record)
{
    unsigned lines[SETTINGS_OF_SECTION_MAX] = {0};
    check(section->count <= COUNT_OF(lines));
    for (size_t i = 0; i < section->count; i++) {
        int rc = set_default(parse, section, &section->settings[i], record);
        if (rc < 0)
            return rc;
    }
    if (!node || document_is_null(node))
        return 0;
    if (node->type != YAML_MAPPING_NODE)
        return parse_fail(parse, document_line(node),
                          "%s%sexpected settings, one on each line as 'name: value'", section->path,
                          section->path[0] ? ": " : "");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = document_node(parse->document, pair->key);
        const yaml_node_t *value = document_node(parse->document, pair->value);
        const struct setting *setting = row_of(parse, section, key, lines);
        if (!setting)
            return -EINVAL;
        int rc = set_from_node(parse, section, setting, value, record);
        if (rc == 0 && setting->kind != SETTING_SECTION)
            rc = parse_note_place(parse, (char *)record + setting->offset, document_line(value));
        if (rc < 0)
            return rc;
    }
    return check_required(parse, section, node, lines);
}
