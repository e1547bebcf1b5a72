/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include "base/text.h"
#include "words.h"

#include <stdarg.h>

#define CELLS_BYTES_MAX (1U << 30)
#define CELL_BYTES_MAX 1024
#define GAP 2

/* One for each character; wide ones of East Asia count two. */
static size_t width_of(struct span text)
{
    size_t width = 0, len;
    for (; text.len > 0; text = span_skip(text, len)) {
        len = text_utf8_len(text);
        len = len ? len : 1;
        unsigned char first = (unsigned char)text.ptr[0];
        width += first >= 0xe3 && first < 0xee ? 2 : 1; /* U+3000 … U+DFFF */
    }
    return width;
}

static void add_cell(struct table *table, struct span text)
{
    size_t column = table->count % table->columns, before = table->cells.len;
    words_append_clean(&table->cells, text);
    if (buf_status(&table->cells) == 0) {
        size_t width = width_of(span_skip(buf_span(&table->cells), before));
        table->widths[column] = MAX(table->widths[column], width);
    }
    buf_append_byte(&table->cells, '\0');
    table->count++;
}

void table_init(struct table *table, const char *const *titles, size_t columns)
{
    check(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns};
    buf_init(&table->cells, CELLS_BYTES_MAX);
    for (size_t i = 0; i < columns; i++) {
        table->numbers[i] = titles[i][0] == '#';
        add_cell(table, span_str(titles[i] + table->numbers[i]));
    }
}

void table_release(struct table *table)
{
    buf_release(&table->cells);
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[CELL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_cell(table, span_str(text));
}

void table_number(struct table *table, uint64_t value)
{
    char text[32];
    words_number(value, text);
    add_cell(table, span_str(text));
}

static void append_spaces(struct buf *buf, size_t count)
{
    while (count-- > 0)
        buf_append_byte(buf, ' ');
}

int table_write(struct table *table, struct buf *text)
{
    struct span rest = buf_span(&table->cells), cell;
    if (buf_status(&table->cells) < 0)
        return buf_status(&table->cells);
    for (size_t i = 0; i < table->count && span_split(&rest, '\0', &cell); i++) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        size_t fill = table->widths[column] - width_of(cell);
        if (table->numbers[column])
            append_spaces(text, fill);
        buf_append(text, cell);
        if (!table->numbers[column] && !last)
            append_spaces(text, fill);
        if (last)
            buf_append_byte(text, '\n');
        else
            append_spaces(text, GAP);
    }
    return buf_status(text);
}

void table_print(struct table *table)
{
    struct buf text;
    buf_init(&text, CELLS_BYTES_MAX);
    if (table_write(table, &text) < 0)
        puts("(out of memory)");
    else
        fwrite(text.ptr, 1, text.len, stdout);
    buf_release(&text);
}
