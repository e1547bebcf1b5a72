/* SPDX-License-Identifier: Apache-2.0 */
/* The pages that the table writes: docs/configuration.md and examples/full.yaml. */
#include "config/config.h"

#include "config/settings.h"

#define COMMENT_COLUMNS 100

static const char page_intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Written by `ninja docs` from src/config/settings.h. Change it there. -->\n"
    "\n"
    "Seawall reads one YAML file. Every setting has a default, and no file at all works too. The "
    "file is read strictly: an\n"
    "unknown or repeated key, a wrong type, a value out of range, an anchor, an alias or a tag is "
    "an error that names the file,\n"
    "the line and what was expected. Nothing of a file with an error is used.\n"
    "\n"
    "```\n"
    "seawall check seawall.yaml      # is it right, and is anything in it unwise?\n"
    "seawall reload                  # a running service takes it over, whole or not at all\n"
    "```\n"
    "\n"
    "## How values are written\n"
    "\n"
    "| value | written | |\n"
    "|---|---|---|\n"
    "| duration | `500ms`, `10s`, `2m`, `1h`, `0` | a number alone is refused: the unit is part of "
    "it |\n"
    "| size | `8MiB`, `64KiB`, `1GiB`, `4096` | a number alone is bytes |\n"
    "| rate | `1KiB/s`, `0` | |\n"
    "| percentage | `10%` | |\n"
    "| yes or no | `true`, `false` | |\n"
    "| list | `[a, b]`, or one item on each line behind `- ` | no item twice |\n"
    "| name of a file | `keys/upstream.key` | relative to the folder of the configuration file |\n"
    "\n"
    "Secrets never stand in the file: it names files or environment variables that hold them. They "
    "are read once, when the\n"
    "service starts or reloads, and no error or log shows them. `examples/` has files to start "
    "from; `examples/full.yaml` has\n"
    "every setting with its default.\n";

static const char full_intro[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Written by `ninja docs` from src/config/settings.h. Change it there.\n"
    "#\n"
    "# Every setting with its default. What has none is shown as a comment, with an example.\n";

/* Where the file has a list, its items are written as YAML's short form. */
static void write_yaml_value(struct buf *buf, const struct setting *setting, const char *text)
{
    if (setting->is_list && text[0] == '\0') {
        buf_append(buf, SPAN("[]"));
        return;
    }
    /* What begins like this would be something else to YAML. */
    bool quoted = strchr("*:[-", text[0]) != NULL;
    buf_printf(buf, "%s%s%s%s%s", setting->is_list ? "[" : "", quoted ? "\"" : "", text,
               quoted ? "\"" : "", setting->is_list ? "]" : "");
}

static void write_takes(struct buf *buf, const struct setting *setting)
{
    struct buf words;
    buf_init(&words, 512);
    setting_write_expected(&words, setting);
    struct span text = buf_span(&words);
    ptrdiff_t example = span_find(text, SPAN(" such as "));
    bool numbers = setting_is_number(setting);
    if (setting->kind == SETTING_RECORDS)
        text = SPAN("a list");
    else if (numbers && example >= 0) {
        /* The example is the default in the next column; only the range is news. */
        buf_append(buf, span_take(text, (size_t)example));
        text = span_skip(text, (size_t)span_find(text, SPAN(" between ")));
    }
    if (setting->is_list && setting->kind != SETTING_RECORDS)
        buf_printf(buf, "a list of up to %llu, each ", (unsigned long long)setting->max);
    buf_append(buf, text);
    buf_release(&words);
}

static void write_row(struct buf *buf, const struct setting *setting)
{
    buf_printf(buf, "| `%s` | ", setting->key);
    write_takes(buf, setting);
    buf_append(buf, SPAN(" | "));
    if (setting->flags & SETTING_REQUIRED) {
        buf_append(buf, SPAN("required"));
    } else if (setting->fallback[0] != '\0' || setting->is_list) {
        buf_append_byte(buf, '`');
        write_yaml_value(buf, setting, setting->fallback);
        buf_append_byte(buf, '`');
    }
    buf_printf(buf, " | %s%s |\n", setting->help,
               setting->flags & SETTING_RESTART ? " *Needs a restart.*" : "");
}

static void write_section(struct buf *buf, const struct section *section)
{
    buf_printf(buf, "\n## %s\n\n%s\n\n", section->path, section->help);
    buf_append(buf, SPAN("| setting | takes | default | what it is for |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < section->count; i++)
        write_row(buf, &section->settings[i]);
    for (size_t i = 0; i < section->count; i++)
        if (section->settings[i].section)
            write_section(buf, section->settings[i].section);
}

void config_write_reference(struct buf *buf)
{
    buf_append(buf, span_str(page_intro));
    for (size_t i = 0; i < section_top.count; i++)
        write_section(buf, section_top.settings[i].section);
}

static void indent(struct buf *buf, unsigned columns)
{
    for (unsigned i = 0; i < columns; i++)
        buf_append_byte(buf, ' ');
}

/* The help as a comment, broken between words. */
static void write_comment(struct buf *buf, unsigned columns, const char *text)
{
    struct span rest = span_str(text);
    struct span word;
    size_t used = COMMENT_COLUMNS;
    bool first = true;
    while (span_split(&rest, ' ', &word)) {
        if (used + 1 + word.len > COMMENT_COLUMNS) {
            if (!first)
                buf_append_byte(buf, '\n');
            indent(buf, columns);
            buf_append_byte(buf, '#');
            used = columns + 1;
        }
        buf_append_byte(buf, ' ');
        buf_append(buf, word);
        used += 1 + word.len;
        first = false;
    }
    buf_append_byte(buf, '\n');
}

static void write_full_records(struct buf *buf, const struct section *section, unsigned columns);

static void write_full_row(struct buf *buf, const struct setting *setting, unsigned columns,
                           bool dash)
{
    /* Of each struct the example needs what has no default; a backend needs its URL. */
    bool needed = setting->flags & SETTING_REQUIRED || setting->kind == SETTING_URL;
    bool absent = !needed && setting->fallback[0] == '\0' && !setting->is_list;
    const char *text = needed ? setting->example : setting->fallback;
    write_comment(buf, columns + (dash ? 2 : 0), setting->help);
    indent(buf, columns);
    buf_printf(buf, "%s%s%s:", dash ? "- " : "", absent ? "# " : "", setting->key);
    if (setting->kind == SETTING_RECORDS) {
        buf_append_byte(buf, '\n');
        write_full_records(buf, setting->section, columns);
        return;
    }
    buf_append_byte(buf, ' ');
    write_yaml_value(buf, setting, absent ? setting->example : text);
    buf_append_byte(buf, '\n');
}

/* One record: its first row stands behind the dash. */
static void write_full_records(struct buf *buf, const struct section *section, unsigned columns)
{
    for (size_t i = 0; i < section->count; i++)
        write_full_row(buf, &section->settings[i], columns + (i == 0 ? 2 : 4), i == 0);
}

void config_write_full_example(struct buf *buf)
{
    buf_append(buf, span_str(full_intro));
    for (size_t i = 0; i < section_top.count; i++) {
        const struct section *section = section_top.settings[i].section;
        buf_append_byte(buf, '\n');
        write_comment(buf, 0, section->help);
        buf_printf(buf, "%s:\n", section->path);
        if (section_top.settings[i].kind == SETTING_RECORDS) {
            write_full_records(buf, section, 0);
            continue;
        }
        for (size_t j = 0; j < section->count; j++)
            write_full_row(buf, &section->settings[j], 2, false);
    }
}
