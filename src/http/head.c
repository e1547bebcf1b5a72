/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include "base/alloc.h"

#include <llhttp.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* C0 and DEL, but for the tab, which is white space (RFC 9110, section 5.6.3). */
static bool is_control(char byte)
{
    unsigned char c = (unsigned char)byte;
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

size_t head_find_control(const char *bytes, size_t at, size_t len)
{
#ifdef __SSE2__
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i last = _mm_set1_epi8(0x1f);
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; len - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, last), block);
        __m128i hit = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(block, tab), low),
                                   _mm_cmpeq_epi8(block, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    while (at < len && !is_control(bytes[at]))
        at++;
    return at;
}

int head_scan(struct head_scan *scan, const char *bytes, size_t len)
{
    while (scan->at < len) {
        /* A line that begins with white space goes on the one before: refused (RFC 9112,
         * sections 2.2 and 5.2). */
        if (scan->at == scan->line_at && (bytes[scan->at] == ' ' || bytes[scan->at] == '\t'))
            return -EBADMSG;
        scan->at = head_find_control(bytes, scan->at, len);
        if (scan->at == len)
            break;
        /* A line ends with CR LF and nothing else (RFC 9112, section 2.2); no control character
         * is part of one (RFC 9110, section 5.5). */
        if (bytes[scan->at] != '\r')
            return -EBADMSG;
        if (scan->at + 1 == len)
            break;
        if (bytes[scan->at + 1] != '\n')
            return -EBADMSG;

        size_t line_len = scan->at - scan->line_at;
        scan->at += 2;
        scan->line_at = scan->at;
        if (scan->first_line_len == 0) {
            if (line_len == 0)
                return -EBADMSG;
            scan->first_line_len = line_len;
            return HEAD_FIRST_LINE;
        }
        if (line_len == 0)
            return HEAD_WHOLE;
    }
    return HEAD_MORE;
}

void head_clear(struct head *head)
{
    head->scan = (struct head_scan){0};
    head->count = 0;
    mem_free(head->many);
    head->many = NULL;
}

/* What llhttp calls back with. */
struct parse {
    llhttp_t parser;
    struct head *head;
    const char *bytes;
    int failure; /* -ENOSPC, -ENOMEM */
};

static struct parse *parse_of(llhttp_t *parser)
{
    return container_of(parser, struct parse, parser);
}

static struct head_piece piece_of(const struct parse *parse, const char *at, size_t len)
{
    return (struct head_piece){(uint32_t)(at - parse->bytes), (uint32_t)len};
}

/* One of 64, by a name's length and first letter without its case. */
static uint64_t name_bit(struct span name)
{
    return UINT64_C(1) << ((name.len * 7 + (name.ptr[0] & 0x1f)) % 64);
}

/* Room for another field. */
static int grow(struct head *head)
{
    if (head->count == HEAD_FIELDS_MAX)
        return -ENOSPC;
    if (head->count < HEAD_FIELDS_FEW || head->many)
        return 0;
    head->many = mem_array(HEAD_FIELDS_MAX, sizeof(*head->many));
    if (!head->many)
        return -ENOMEM;
    memcpy(head->many, head->few, sizeof(head->few));
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *parse = parse_of(parser);
    struct head *head = parse->head;
    if (len ==
        0) /* llhttp 8.1 lets ": value" pass; a name has a byte or more (RFC 9110, section 5.1) */
        return HPE_USER;
    parse->failure = grow(head);
    if (parse->failure < 0)
        return HPE_USER;
    struct head_piece name = piece_of(parse, at, len);
    head->names |= name_bit(span_of(at, len));
    *head_field(head, head->count++) = (struct head_field){name, {name.at + name.len, 0}};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct parse *parse = parse_of(parser);
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    head_field(parse->head, parse->head->count - 1)->value = piece_of(parse, at, len);
    return 0;
}

/* The body is not llhttp's: it stops here. */
static int on_end(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_end,
};

int head_parse(struct head *head, enum head_type type, const char *bytes)
{
    struct parse parse = {.head = head, .bytes = bytes};
    size_t len = head->scan.at;
    if (len > UINT32_MAX)
        return -ENOSPC;

    head->count = 0;
    head->names = 0;
    llhttp_init(&parse.parser, type == HEAD_OF_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
    llhttp_errno_t result = llhttp_execute(&parse.parser, bytes, len);
    /* Paused behind the blank line: we agree on where the head ends. */
    if (result == HPE_PAUSED && parse.parser.error_pos == bytes + len) {
        head->content_length = parse.parser.content_length;
        head->has_content_length = parse.parser.flags & F_CONTENT_LENGTH;
        head->chunked = parse.parser.flags & F_CHUNKED;
        head->is_1_0 = parse.parser.http_minor == 0;
        head->status = parse.parser.status_code;
        return 0;
    }
    head->count = 0;
    if (parse.failure < 0)
        return parse.failure;
    return result == HPE_INVALID_METHOD ? -ENOTSUP : -EBADMSG;
}

size_t head_find(const struct head *head, const char *bytes, struct span name,
                 struct span *ret_value)
{
    size_t found = 0;
    if (!(head->names & name_bit(name))) /* most that are looked for are not there */
        return 0;
    for (size_t i = 0; i < head->count; i++) {
        const struct head_field *field = head_field_at(head, i);
        if (field->name.len == name.len && span_eq_nocase(head_text(bytes, field->name), name)) {
            *ret_value = head_text(bytes, field->value);
            found++;
        }
    }
    return found;
}

static const bool token_bytes[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
    ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['^' ... '`'] = true, ['a' ... 'z'] = true,  ['|'] = true,         ['~'] = true,
};

bool head_is_token_byte(char byte)
{
    return token_bytes[(unsigned char)byte];
}

bool head_is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!token_bytes[(unsigned char)text.ptr[i]])
            return false;
    }
    return text.len > 0;
}
