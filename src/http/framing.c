/* SPDX-License-Identifier: Apache-2.0 */
#include "http/framing.h"

#include "base/text.h"

/*
 * Content-Length = 1*DIGIT, once. RFC 9112, section 6.3 lets a list of equal values pass; we do
 * not, because the next reader may look at another of them.
 */
static int read_length(struct span value, struct framing *framing)
{
    if (framing->has_length || text_to_u64(value, &framing->length) < 0)
        return -EBADMSG;
    framing->has_length = true;
    return 0;
}

/* Exactly one coding, `chunked`, in one field (RFC 9112, sections 6.1 and 7): we understand no
 * other, and a list that others read differently is a way around them. */
static int read_coding(struct span value, struct framing *framing)
{
    if (framing->chunked || !span_eq_nocase(value, SPAN("chunked")))
        return -EBADMSG;
    framing->chunked = true;
    return 0;
}

/* A list of tokens, in one or more fields (RFC 9110, section 7.6.1). Only `close` says something
 * to us. */
static void read_connection(struct span value, struct framing *framing)
{
    struct span option;
    while (span_split(&value, ',', &option)) {
        if (span_eq_nocase(span_trim(option), SPAN("close")))
            framing->close = true;
    }
}

static int faulty(const char **ret_fault, const char *fault)
{
    *ret_fault = fault;
    return -EBADMSG;
}

int framing_read(const struct head *head, const char *bytes, struct framing *ret_framing,
                 const char **ret_fault)
{
    struct framing framing = {0};
    for (size_t i = 0; i < head->count; i++) {
        const struct head_field *field = head_field_at(head, i);
        struct span name = head_text(bytes, field->name);
        struct span value = head_text(bytes, field->value);
        if (name.len == 14 && span_eq_nocase(name, SPAN("content-length"))) {
            if (read_length(value, &framing) < 0)
                return faulty(ret_fault, "Content-Length must be one number, once");
        } else if (name.len == 17 && span_eq_nocase(name, SPAN("transfer-encoding"))) {
            if (read_coding(value, &framing) < 0)
                return faulty(ret_fault, "Transfer-Encoding must be 'chunked', once");
        } else if (name.len == 10 && span_eq_nocase(name, SPAN("connection"))) {
            read_connection(value, &framing);
        }
    }
    /* Both together is an attempt to smuggle, or as good as one (RFC 9112, section 6.1). */
    if (framing.chunked && framing.has_length)
        return faulty(ret_fault, "Content-Length and Transfer-Encoding exclude each other");
    /* HTTP/1.0 knows no codings: "treat the message as if the framing is faulty" (RFC 9112,
     * section 6.1). */
    if (framing.chunked && head->is_1_0)
        return faulty(ret_fault, "HTTP/1.0 has no Transfer-Encoding");
    /* Two readers, one meaning. */
    if (framing.chunked != head->chunked || framing.has_length != head->has_content_length ||
        (framing.has_length && framing.length != head->content_length))
        return faulty(ret_fault, "the length of the body is in doubt");
    *ret_framing = framing;
    return 0;
}
