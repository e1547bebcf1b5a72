/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: columns as wide as their widest cell. Control characters of a cell are shown as '?', so that no name can move the
 * terminal's cursor.
 */
#pragma once

#include "base/buf.h"

#define TABLE_COLUMNS_MAX 12

struct table {
    struct buf cells;      /* each ended by a zero byte, row by row */
    size_t columns, count; /* of cells */
    size_t widths[TABLE_COLUMNS_MAX];
    bool numbers[TABLE_COLUMNS_MAX]; /* these stand at the right */
};

/* `titles` are the first row; one that begins with '#' is of numbers. */
void table_init(struct table *table, const char *const *titles, size_t columns);
void table_release(struct table *table);
/* One cell after the other; a row is whole after `columns` of them. */
void table_cell(struct table *table, const char *format, ...) printf_like(2, 3);
/* "12345678" as "12,345,678". */
void table_number(struct table *table, uint64_t value);
/* 0 or -ENOMEM. */
int table_write(struct table *table, struct buf *text) must_check;
/* Writes it to standard output; "out of memory" instead when it is. */
void table_print(struct table *table);
