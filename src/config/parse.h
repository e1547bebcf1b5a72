/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From YAML nodes to struct config, row by row of the table. One thread; inside this room only.
 */
#pragma once

#include "base/arena.h"
#include "config/bundle.h"
#include "config/document.h"
#include "config/settings.h"

/* Where the file sets a field. */
struct place {
    const void *field;
    unsigned line;
    struct place *next;
};

struct parse {
    const struct document *document;
    struct bundle *bundle;
    const char *name;      /* of the file, for errors */
    struct arena *arena;   /* the configuration's */
    struct arena *scratch; /* gone when parsing is over */
    struct place *places;  /* newest first */
    struct err *err;
};

/* Fills `record`, a zeroed struct of this section: defaults first, then what `node` (NULL:
 * nothing) sets. 0, -EINVAL or -ENOMEM with *err. */
int parse_section(struct parse *parse, const struct section *section, const yaml_node_t *node,
                  void *record) must_check;

/* The line that sets this field, or that begins this record; 0 when the file does not. The first
 * member of a record has the record's address: when it is set, its line is meant. */
unsigned parse_line(const struct parse *parse, const void *field);

/* -EINVAL with "seawall.yaml:12: …" in *err; without the number when `line` is 0. */
int parse_fail(struct parse *parse, unsigned line, const char *format, ...) printf_like(3, 4);
int parse_out_of_memory(struct parse *parse);

/* A copy in the configuration's arena that is wiped before its memory is given back; made once
 * for each secret of the bundle. Null when out of memory. */
struct span parse_keep_secret(struct parse *parse, struct bundle_secret *secret);
