/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks over the text: libyaml's events first, which still know anchors, tags and depth, then
 * its tree, which no longer does. The first walk also bounds what the second one can build.
 */
#include "config/document.h"

#define ALIAS_REFUSED "aliases are not allowed here; text that begins with '*' goes in quotes"

static unsigned line_of(yaml_mark_t mark)
{
    return mark.line >= UINT32_MAX ? UINT32_MAX : (unsigned)mark.line + 1;
}

static int fail_from_parser(const yaml_parser_t *parser, const char *name, struct err *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return err_set(err, -ENOMEM, "%s: out of memory", name);
    const char *problem = parser->problem ? parser->problem : "this is not YAML";
    if (parser->error == YAML_READER_ERROR)
        return err_set(err, -EINVAL, "%s: not a text file in UTF-8: %s at byte %zu", name, problem,
                       parser->problem_offset);
    unsigned line = line_of(parser->problem_mark);
    if (parser->context && strstr(parser->context, "alias"))
        return err_set(err, -EINVAL, "%s:%u: " ALIAS_REFUSED, name, line);
    unsigned from = line_of(parser->context_mark);
    if (parser->context && from != line)
        return err_set(err, -EINVAL, "%s:%u: %s (%s that begins in line %u)", name, line, problem,
                       parser->context, from);
    return err_set(err, -EINVAL, "%s:%u: %s", name, line, problem);
}

/* What is wrong with this event, or NULL. */
static const char *event_refuse(const yaml_event_t *event, unsigned *depth, unsigned *documents)
{
    const void *anchor = NULL;
    const void *tag = NULL;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? "a second document begins here; only one is allowed" : NULL;
    case YAML_ALIAS_EVENT:
        return ALIAS_REFUSED;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        ++*depth;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        ++*depth;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        --*depth;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    if (anchor)
        return "anchors are not allowed here";
    if (tag)
        return "tags are not allowed here";
    return *depth > DOCUMENT_DEPTH_MAX ? "this is nested too deep" : NULL;
}

static void start(yaml_parser_t *parser, struct span text)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
}

static int document_check(struct span text, const char *name, struct err *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, -ENOMEM, "%s: out of memory", name);
    start(&parser, text);
    unsigned depth = 0;
    unsigned documents = 0;
    bool over = false;
    int rc = 0;
    while (rc == 0 && !over) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            rc = fail_from_parser(&parser, name, err);
            break;
        }
        over = event.type == YAML_STREAM_END_EVENT;
        const char *refused = event_refuse(&event, &depth, &documents);
        if (refused)
            rc = err_set(err, -EINVAL, "%s:%u: %s", name, line_of(event.start_mark), refused);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

int document_load(struct document *document, struct span text, const char *name, struct err *err)
{
    *document = (struct document){.loaded = false};
    int rc = document_check(text, name, err);
    if (rc < 0)
        return rc;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, -ENOMEM, "%s: out of memory", name);
    start(&parser, text);
    document->loaded = yaml_parser_load(&parser, &document->yaml);
    if (!document->loaded)
        rc = fail_from_parser(&parser, name, err);
    yaml_parser_delete(&parser);
    return rc;
}

void document_release(struct document *document)
{
    if (document && document->loaded) {
        yaml_document_delete(&document->yaml);
        document->loaded = false;
    }
}

const yaml_node_t *document_node(const struct document *document, int number)
{
    ptrdiff_t count = document->yaml.nodes.top - document->yaml.nodes.start;
    return number >= 1 && number <= count ? document->yaml.nodes.start + (number - 1) : NULL;
}

const yaml_node_t *document_root(const struct document *document)
{
    return document_node(document, 1);
}

unsigned document_line(const yaml_node_t *node)
{
    return line_of(node->start_mark);
}

struct span document_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return SPAN_NULL;
    return span_of(node->data.scalar.value, node->data.scalar.length);
}

bool document_is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool document_is_null(const yaml_node_t *node)
{
    struct span text = document_text(node);
    return document_is_plain(node) &&
           (text.len == 0 || span_eq(text, SPAN("~")) || span_eq(text, SPAN("null")));
}
