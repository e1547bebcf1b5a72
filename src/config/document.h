/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file as libyaml's tree of nodes, without what invites surprises: anchors and aliases,
 * tags, several documents, deep nesting. Duplicate keys are left to the caller, who knows which
 * keys there are. One thread.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#include <yaml.h>

#define DOCUMENT_DEPTH_MAX 12

struct document {
    yaml_document_t yaml;
    bool loaded;
};

/* 0 (also for a text without any content), -EINVAL or -ENOMEM with *err ("seawall.yaml:3: …",
 * `name` is its front). `text` may go away afterwards. */
int document_load(struct document *document, struct span text, const char *name,
                  struct err *err) must_check;
void document_release(struct document *document);

/* NULL when there is no content. */
const yaml_node_t *document_root(const struct document *document);
/* The node that a list or a map names by this number. */
const yaml_node_t *document_node(const struct document *document, int number);

unsigned document_line(const yaml_node_t *node);
/* The text of a scalar; null for other nodes. */
struct span document_text(const yaml_node_t *node);
bool document_is_plain(const yaml_node_t *node); /* a scalar without quotes */
bool document_is_null(
    const yaml_node_t *node); /* "key:" with nothing behind it, or "~", or "null" */
