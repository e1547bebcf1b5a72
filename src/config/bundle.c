/* SPDX-License-Identifier: Apache-2.0 */
#include "config/bundle.h"

#include "base/alloc.h"
#include "base/json_out.h"

static void write_optional(struct json_out *out, struct span key, const char *text)
{
    if (!text)
        return;
    json_out_key(out, key);
    json_out_string(out, span_str(text));
}

static void write_facts(struct json_out *out, const struct config_facts *facts)
{
    json_out_open(out, '{');
    if (facts) {
        write_optional(out, SPAN("port"), facts->port);
        write_optional(out, SPAN("upstream_url"), facts->upstream_url);
        write_optional(out, SPAN("embedded_url"), facts->embedded_url);
        write_optional(out, SPAN("embedded_model"), facts->embedded_model);
    }
    json_out_close(out, '}');
}

static void write_secret_names(struct json_out *out, const struct secrets *secrets)
{
    json_out_open(out, '[');
    for (size_t i = 0; i < secrets->count; i++) {
        json_out_open(out, '{');
        write_optional(out, SPAN("kind"), secret_kind_name(secrets->items[i].kind));
        write_optional(out, SPAN("name"), secrets->items[i].name);
        json_out_key(out, SPAN("bytes"));
        json_out_u64(out, secrets->items[i].len);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}

int bundle_write(struct buf *buf, const char *path, struct span text, struct span warnings,
                 const struct config_facts *facts, const struct secrets *secrets)
{
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    write_optional(&out, SPAN("path"), path);
    json_out_key(&out, SPAN("text"));
    json_out_string(&out, text);
    json_out_key(&out, SPAN("warnings"));
    json_out_string(&out, warnings);
    json_out_key(&out, SPAN("facts"));
    write_facts(&out, facts);
    json_out_key(&out, SPAN("secrets"));
    write_secret_names(&out, secrets);
    json_out_close(&out, '}');
    buf_append_byte(buf, '\n');
    /* Room for all of them before the first: a buffer that grows leaves its old memory behind. */
    if (buf_reserve(buf, secrets->bytes) < 0)
        return buf_status(buf);
    for (size_t i = 0; i < secrets->count; i++)
        buf_append(buf, span_of(secrets->items[i].bytes, secrets->items[i].len));
    return buf_status(buf);
}

static struct span text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return SPAN_NULL;
    return span_of(json_string_value(value), json_string_length(value));
}

static int open_secrets(struct bundle *bundle, struct span bytes, struct err *err)
{
    const json_t *list = json_object_get(bundle->head, "secrets");
    size_t count = json_array_size(list);
    if (count > SECRETS_MAX)
        return err_set(err, -EINVAL, "the bundle has too many secrets");
    bundle->secrets = mem_array(count + 1, sizeof(*bundle->secrets));
    if (!bundle->secrets)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t len = json_integer_value(json_object_get(item, "bytes"));
        if (len < 0 || (size_t)len > bytes.len)
            return err_set(err, -EINVAL, "the bundle is cut off");
        bundle->secrets[i] = (struct bundle_secret){.kind = text_of(item, "kind"),
                                                    .name = text_of(item, "name"),
                                                    .bytes = span_take(bytes, (size_t)len)};
        bytes = span_skip(bytes, (size_t)len);
        bundle->secrets_count++;
    }
    return bytes.len == 0 ? 0 : err_set(err, -EINVAL, "the bundle is too long");
}

int bundle_open(struct bundle *bundle, struct span bytes, struct err *err)
{
    *bundle = (struct bundle){0};
    ptrdiff_t head_len = span_find_byte(bytes, '\n');
    if (head_len < 0)
        return err_set(err, -EINVAL, "this is no configuration bundle");
    json_error_t wrong;
    bundle->head = json_loadb(bytes.ptr, (size_t)head_len, JSON_REJECT_DUPLICATES, &wrong);
    if (!json_is_object(bundle->head)) {
        bundle_release(bundle);
        return err_set(err, -EINVAL, "this is no configuration bundle");
    }
    bundle->path = json_string_value(json_object_get(bundle->head, "path"));
    bundle->text = text_of(bundle->head, "text");
    bundle->warnings = text_of(bundle->head, "warnings");
    const json_t *facts = json_object_get(bundle->head, "facts");
    bundle->port = text_of(facts, "port");
    bundle->upstream_url = text_of(facts, "upstream_url");
    bundle->embedded_url = text_of(facts, "embedded_url");
    bundle->embedded_model = text_of(facts, "embedded_model");
    int rc = open_secrets(bundle, span_skip(bytes, (size_t)head_len + 1), err);
    if (rc < 0)
        bundle_release(bundle);
    return rc;
}

void bundle_release(struct bundle *bundle)
{
    if (!bundle)
        return;
    json_decref(bundle->head);
    mem_free(bundle->secrets);
    *bundle = (struct bundle){0};
}

struct bundle_secret *bundle_find(struct bundle *bundle, enum secret_kind kind, struct span name)
{
    struct span kind_name = span_str(secret_kind_name(kind));
    for (size_t i = 0; i < bundle->secrets_count; i++)
        if (span_eq(bundle->secrets[i].kind, kind_name) && span_eq(bundle->secrets[i].name, name))
            return &bundle->secrets[i];
    return NULL;
}
