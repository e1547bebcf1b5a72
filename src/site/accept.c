/* SPDX-License-Identifier: Apache-2.0 */
#include "site/accept.h"

static const struct span coding_names[SITE_CODINGS] = {
    [SITE_IDENTITY] = {"identity", 8}, [SITE_GZIP] = {"gzip", 4}, [SITE_BROTLI] = {"br", 2}};

struct span accept_coding_name(enum site_coding coding)
{
    return coding == SITE_IDENTITY ? SPAN_NULL : coding_names[coding];
}

unsigned accept_quality(struct span parameters)
{
    struct span text = span_trim(parameters);
    if (text.len == 0)
        return 1000;
    if (!span_starts(text, SPAN("q=")) || text.len < 3 || text.len > 7)
        return 0;
    text = span_skip(text, 2);
    if (text.ptr[0] == '1')
        return 1000;
    unsigned value = 0;
    unsigned unit = 100;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value += unit * (unsigned)(text.ptr[i] - '0');
    }
    return value;
}

/* What the list says of each coding; -1: nothing. "*" speaks for those that it does not name, "x-gzip" for "gzip" (section 8.4.1.3). */
static void read_codings(struct span list, int qualities[SITE_CODINGS])
{
    int others = -1;
    struct span entry, name;
    for (size_t i = 0; i < ACCEPT_ENTRIES_MAX && span_split(&list, ',', &entry); i++) {
        if (!span_split(&entry, ';', &name))
            continue;
        name = span_trim(name);
        int quality = (int)accept_quality(entry);
        if (span_eq(name, SPAN("*")))
            others = quality;
        if (span_eq_nocase(name, SPAN("x-gzip")))
            name = coding_names[SITE_GZIP];
        for (size_t coding = 0; coding < SITE_CODINGS; coding++)
            if (span_eq_nocase(name, coding_names[coding]))
                qualities[coding] = quality;
    }
    for (size_t coding = 0; coding < SITE_CODINGS; coding++)
        if (qualities[coding] < 0)
            qualities[coding] = others;
}

enum site_coding accept_coding(struct span accept_encoding, unsigned offered)
{
    int qualities[SITE_CODINGS] = {-1, -1, -1};
    read_codings(accept_encoding, qualities);
    enum site_coding best = SITE_IDENTITY;
    /* Not named, it is allowed, and wanted less than whatever is named. */
    int most = MAX(qualities[SITE_IDENTITY], 0);
    for (enum site_coding coding = SITE_GZIP; coding < SITE_CODINGS; coding++) {
        if (!(offered & 1u << coding) || qualities[coding] <= 0 || qualities[coding] < most)
            continue;
        best = coding;
        most = qualities[coding];
    }
    return best;
}

bool accept_has(struct span if_none_match, struct span tag)
{
    struct span entry;
    if (span_eq(span_trim(if_none_match), SPAN("*")))
        return true;
    for (size_t i = 0; i < ACCEPT_ENTRIES_MAX && span_split(&if_none_match, ',', &entry); i++) {
        entry = span_trim(entry);
        if (span_starts(entry, SPAN("W/")))
            entry = span_skip(entry, 2);
        if (span_eq(entry, tag))
            return true;
    }
    return false;
}
