/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room's front: from files to a bundle, from a bundle to a struct config, and what differs
 * between two of them.
 */
#include "config/config.h"

#include "base/alloc.h"
#include "base/text.h"
#include "config/agree.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#define CONFIG_ARENA_BYTES_MAX (64u << 20) /* text and secrets are bounded well below it */
#define CONFIG_NAME_BYTES_MAX 96           /* of the file in errors: its end says most */
#define WARNINGS_BYTES_MAX 65536

/* What config_parse() makes: the public part, and what keeps it alive. */
struct config_whole {
    struct config config;
    _Atomic uint32_t references;
    struct arena *arena;
};

/* ---- reading ---- */

/* Appends the file's content to `text`. */
static int read_text(const char *path, struct buf *text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open '%s'", path);
    int rc = 0;
    for (;;) {
        rc = buf_reserve(text, 4096);
        if (rc < 0)
            break;
        ssize_t got = read(fd, text->ptr + text->len, text->cap - text->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = err_errno(err, -errno, "cannot read '%s'", path);
        if (got <= 0)
            break;
        text->len += (size_t)got;
    }
    if (rc == -ENOMEM)
        (void)err_set(err, rc, "%s: out of memory", path);
    if (rc == -ENOSPC || text->len > CONFIG_FILE_BYTES_MAX)
        rc = err_set(err, -EFBIG, "%s: it is larger than %d bytes", path, CONFIG_FILE_BYTES_MAX);
    (void)close(fd);
    return rc;
}

static int check_utf8(struct span text, const char *name, struct err *err)
{
    unsigned line = 1;
    while (text.len > 0) {
        size_t step = text_utf8_len(text);
        if (step == 0)
            return err_set(err, -EINVAL, "%s:%u: this is not text in UTF-8", name, line);
        line += text.ptr[0] == '\n';
        text = span_skip(text, step);
    }
    return 0;
}

/* What config_bundle_read() has at hand while it looks for secrets. */
struct reading {
    const char *name;   /* of the file, for errors */
    const char *folder; /* that it lies in */
    struct document document;
    struct secrets secrets;
    struct buf warnings;
    struct err *err;
};

static bool kind_of_secret(const struct setting *setting, enum secret_kind *ret_kind)
{
    if (setting->kind == SETTING_KEY_FILE)
        *ret_kind = SECRET_KEY_FILE;
    else if (setting->kind == SETTING_KEY_ENV)
        *ret_kind = SECRET_KEY_ENV;
    else if (setting->kind == SETTING_CA_FILE)
        *ret_kind = SECRET_CA_FILE;
    else
        return false;
    return true;
}

static int read_secret(struct reading *reading, const struct section *section,
                       const struct setting *setting, const yaml_node_t *node,
                       enum secret_kind kind)
{
    const struct secret *secret;
    unsigned line = document_line(node);
    struct span name = document_text(node);
    if (name.len == 0 || name.len > setting->max || document_is_null(node))
        return 0; /* config_parse() says what is wrong with it */
    int rc = secrets_read(&reading->secrets, kind, name, reading->folder, &secret, reading->err);
    if (rc < 0)
        return err_prefix(reading->err, rc, "%s:%u: %s.%s", reading->name, line, section->path,
                          setting->key);
    if (secret->readable_by_all)
        buf_printf(&reading->warnings, "%s:%u: %s.%s: %s can be read by everyone (chmod o-r it)\n",
                   reading->name, line, section->path, setting->key, secret->called);
    return 0;
}

/* Reads all secrets below this node. What is not as it should be is passed over here:
 * config_parse() refuses it. */
static int read_secrets(struct reading *reading, const struct section *section,
                        const yaml_node_t *node)
{
    if (!node || node->type != YAML_MAPPING_NODE)
        return 0;
    int rc = 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         rc == 0 && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *value = document_node(&reading->document, pair->value);
        struct span key = document_text(document_node(&reading->document, pair->key));
        const struct setting *setting = section_find(section, key);
        enum secret_kind kind;
        if (!setting || !value)
            continue;
        if (kind_of_secret(setting, &kind)) {
            rc = read_secret(reading, section, setting, value, kind);
        } else if (setting->kind == SETTING_RECORDS && value->type == YAML_SEQUENCE_NODE) {
            const yaml_node_item_t *item = value->data.sequence.items.start;
            for (; rc == 0 && item < value->data.sequence.items.top; item++)
                rc = read_secrets(reading, setting->section,
                                  document_node(&reading->document, *item));
        }
    }
    return rc;
}

static int read_into(struct reading *reading, const char *path, const struct config_facts *facts,
                     struct buf *text, struct buf *ret_bundle)
{
    int rc = path ? read_text(path, text, reading->err) : 0;
    if (rc == 0)
        rc = check_utf8(buf_span(text), reading->name, reading->err);
    if (rc == 0)
        rc = document_load(&reading->document, buf_span(text), reading->name, reading->err);
    if (rc == 0)
        rc = read_secrets(reading, &section_top, document_root(&reading->document));
    if (rc == 0 && facts && facts->embedded_api_key) {
        rc = secrets_add(&reading->secrets, SECRET_FACT, "embedded_api_key",
                         span_str(facts->embedded_api_key), reading->err);
        if (rc < 0)
            (void)err_prefix(reading->err, rc, "the embedded model's key");
    }
    if (rc == 0 && buf_status(&reading->warnings) == -ENOMEM)
        rc = err_set(reading->err, -ENOMEM, "%s: out of memory", reading->name);
    if (rc < 0)
        return rc;
    rc = bundle_write(ret_bundle, reading->name, buf_span(text), buf_span(&reading->warnings),
                      facts, &reading->secrets);
    return rc < 0 ? err_errno(reading->err, rc, "%s: cannot put the configuration together",
                              reading->name)
                  : 0;
}

/* "/etc/seawall/seawall.yaml" as "/etc/seawall", terminated. */
static const char *folder_of(const char *path, char *ret_folder, size_t size)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return NULL;
    int len = snprintf(ret_folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    check(len >= 0);
    return ret_folder;
}

int config_bundle_read(const char *path, const struct config_facts *facts, struct buf *ret_bundle,
                       struct err *err)
{
    char folder[4096];
    char name[CONFIG_NAME_BYTES_MAX];
    if (path && strlen(path) >= sizeof(folder))
        return err_set(err, -ENAMETOOLONG, "the configuration file's name is too long");
    struct reading reading = {.folder = folder_of(path, folder, sizeof(folder)),
                              .name = path ? text_tail(path, name, sizeof(name)) : "configuration",
                              .err = err};
    struct buf text;
    /* One read more than the limit shows that a file is larger. */
    buf_init(&text, CONFIG_FILE_BYTES_MAX + 8192);
    buf_init(&reading.warnings, WARNINGS_BYTES_MAX);
    buf_clear(ret_bundle);
    int rc = read_into(&reading, path, facts, &text, ret_bundle);
    if (rc < 0 && ret_bundle->ptr) {
        explicit_bzero(ret_bundle->ptr, ret_bundle->cap);
        buf_clear(ret_bundle);
    }
    document_release(&reading.document);
    secrets_release(&reading.secrets);
    buf_release(&reading.warnings);
    buf_release(&text);
    return rc;
}

/* ---- parsing ---- */

static struct config_whole *whole_new(struct err *err)
{
    struct config_whole *whole = mem_zalloc(sizeof(*whole));
    struct arena *arena = whole ? arena_new(CONFIG_ARENA_BYTES_MAX) : NULL;
    if (!arena) {
        mem_free(whole);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    whole->arena = arena;
    atomic_init(&whole->references, 1);
    return whole;
}

static int parse_bundle(struct bundle *bundle, struct config_whole *whole, struct err *err)
{
    struct document document;
    struct parse parse = {.document = &document,
                          .bundle = bundle,
                          .name = bundle->path ? bundle->path : "configuration",
                          .arena = whole->arena,
                          .scratch = arena_new(CONFIG_ARENA_BYTES_MAX),
                          .err = err};
    if (!parse.scratch)
        return parse_out_of_memory(&parse);
    int rc = document_load(&document, bundle->text, parse.name, err);
    if (rc == 0)
        rc = parse_section(&parse, &section_top, document_root(&document), &whole->config);
    if (rc == 0)
        rc = agree(&parse, &whole->config);
    document_release(&document);
    arena_free(parse.scratch);
    return rc;
}

static int make_config(struct bundle *bundle, struct config **ret_config, struct err *err)
{
    struct config_whole *whole = whole_new(err);
    if (!whole)
        return -ENOMEM;
    int rc = parse_bundle(bundle, whole, err);
    if (rc < 0)
        config_unref(&whole->config);
    else
        *ret_config = &whole->config;
    return rc;
}

struct config *config_parse(struct span bundle, struct err *err)
{
    struct bundle opened;
    struct config *config = NULL;
    if (bundle_open(&opened, bundle, err) < 0)
        return NULL;
    int rc = make_config(&opened, &config, err);
    bundle_release(&opened);
    return rc == 0 ? config : NULL;
}

struct config *config_ref(struct config *config)
{
    struct config_whole *whole = container_of(config, struct config_whole, config);
    atomic_fetch_add_explicit(&whole->references, 1, memory_order_relaxed);
    return config;
}

void config_unref(struct config *config)
{
    if (!config)
        return;
    struct config_whole *whole = container_of(config, struct config_whole, config);
    if (atomic_fetch_sub_explicit(&whole->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_free(whole->arena);
    mem_free(whole);
}

/* ---- judging ---- */

bool config_uses_model(const struct config *config)
{
    for (size_t p = 0; p < config->pools_count; p++)
        for (size_t b = 0; b < config->pools[p].backends_count; b++)
            if (config->pools[p].backends[b].embedded)
                return true;
    return false;
}

static int judge(struct span bundle, struct buf *ret_warnings, bool *ret_uses_model,
                 struct err *err)
{
    struct bundle opened;
    struct config *config = NULL;
    int rc = bundle_open(&opened, bundle, err);
    if (rc < 0)
        return rc;
    rc = make_config(&opened, &config, err);
    if (rc == 0) {
        buf_append(ret_warnings, opened.warnings);
        agree_write_warnings(ret_warnings, config);
        *ret_uses_model = config_uses_model(config);
        rc = buf_status(ret_warnings);
        if (rc < 0)
            (void)err_errno(err, rc, "cannot list the warnings");
    }
    config_unref(config);
    bundle_release(&opened);
    return rc;
}

int config_warnings(struct span bundle, struct buf *ret_warnings)
{
    bool uses_model;
    return judge(bundle, ret_warnings, &uses_model, NULL);
}

int config_check(const char *path, struct buf *ret_warnings, bool *ret_uses_model, struct err *err)
{
    /* Whether a model will run beside the service is not known here; a file that counts on one
     * is right. */
    const struct config_facts facts = {.embedded_url = "http://127.0.0.1:1"};
    struct buf bundle;
    buf_init(&bundle, CONFIG_BUNDLE_BYTES_MAX);
    int rc = config_bundle_read(path, &facts, &bundle, err);
    if (rc == 0)
        rc = judge(buf_span(&bundle), ret_warnings, ret_uses_model, err);
    config_bundle_release(&bundle);
    return rc;
}

void config_bundle_release(struct buf *bundle)
{
    if (bundle && bundle->ptr)
        explicit_bzero(bundle->ptr, bundle->cap);
    buf_release(bundle);
}

static bool field_differs(const struct setting *setting, const void *before, const void *after)
{
    const char *a = (const char *)before + setting->offset;
    const char *b = (const char *)after + setting->offset;
    if (setting->is_list) {
        size_t a_count, b_count;
        memcpy(&a_count, (const char *)before + setting->count_offset, sizeof(a_count));
        memcpy(&b_count, (const char *)after + setting->count_offset, sizeof(b_count));
        const struct span *a_items = *(struct span *const *)(const void *)a;
        const struct span *b_items = *(struct span *const *)(const void *)b;
        bool differs = a_count != b_count;
        for (size_t i = 0; i < a_count && !differs; i++)
            differs = !span_eq(a_items[i], b_items[i]);
        return differs;
    }
    if (setting_is_number(setting) || setting->kind == SETTING_BOOL ||
        setting->kind == SETTING_CHOICE)
        return memcmp(a, b, setting->size) != 0;
    return !span_eq(*(const struct span *)(const void *)a, *(const struct span *)(const void *)b);
}

size_t config_needs_restart(const struct config *before, const struct config *after,
                            char *ret_names, size_t size)
{
    size_t count = 0;
    size_t used = 0;
    if (size > 0)
        ret_names[0] = '\0';
    for (size_t i = 0; i < section_top.count; i++) {
        const struct setting *top = &section_top.settings[i];
        for (size_t j = 0; top->kind == SETTING_SECTION && j < top->section->count; j++) {
            const struct setting *setting = &top->section->settings[j];
            if (!(setting->flags & SETTING_RESTART) || !field_differs(setting, before, after))
                continue;
            int len = snprintf(ret_names + used, size - used, "%s%s.%s", count ? ", " : "",
                               top->section->path, setting->key);
            check(len >= 0);
            used = MIN(used + (size_t)len, size > 0 ? size - 1 : 0);
            count++;
        }
    }
    return count;
}
