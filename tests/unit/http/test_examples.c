/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tests/examples/http1/ and sse/: Markdown files in which each "## title" has a block of bytes
 * and a block `gives` with the transcript they must give (transcript.h writes it). The kind of the
 * first block says who reads:
 *
 *   ```http [head=N] [body=N]     requests, with limits
 *   ```answer [head=N] [to-head] [ends]
 *                                 the answer of an engine, to HEAD; the connection ends behind it
 *   ```sse [event=N]              server-sent events
 *
 * In blocks of bytes the line ends of the file mean nothing; \r \n \t \\ and \xNN stand for bytes.
 * Each example is fed whole, in every two pieces, byte by byte, and parked at each stop, and must
 * give the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transcript.h"

#include "base/text.h"

#include <dirent.h>

#define FILE_BYTES_MAX 262144
#define EXAMPLE_BYTES_MAX 16384
#define FILES_MAX 32

struct example {
    struct span title, kind, options;
    struct buf bytes; /* unescaped */
    struct buf gives;
    bool has_bytes, has_gives;
};

static struct span option(const struct example *example, struct span name)
{
    struct span rest = example->options, word;
    while (span_split(&rest, ' ', &word)) {
        if (span_starts(word, name) && (word.len == name.len || word.ptr[name.len] == '='))
            return span_skip(word, name.len + 1);
    }
    return SPAN_NULL;
}

static size_t option_number(const struct example *example, struct span name, size_t otherwise)
{
    uint64_t value;
    struct span text = option(example, name);
    if (span_is_null(text))
        return otherwise;
    assert_int_equal(text_to_u64(text, &value), 0);
    return (size_t)value;
}

static void transcript(const struct example *example, struct cuts cuts, struct buf *out)
{
    struct span bytes = buf_span(&example->bytes);
    buf_init(out, 4 * EXAMPLE_BYTES_MAX);
    if (span_eq(example->kind, SPAN("http"))) {
        struct http_request_limits limits = {option_number(example, SPAN("head"), 4096),
                                             option_number(example, SPAN("body"), 4096)};
        request_transcript(bytes, limits, cuts, out);
    } else if (span_eq(example->kind, SPAN("answer"))) {
        response_transcript(
            (struct response_case){.bytes = bytes,
                                   .head_bytes_max = option_number(example, SPAN("head"), 4096),
                                   .to_head = !span_is_null(option(example, SPAN("to-head"))),
                                   .ends = !span_is_null(option(example, SPAN("ends")))},
            cuts, out);
    } else if (span_eq(example->kind, SPAN("sse"))) {
        sse_transcript(bytes, option_number(example, SPAN("event"), 4096), cuts, out);
    } else {
        fail_msg("unknown kind of block: '%.*s'", (int)example->kind.len, example->kind.ptr);
    }
    assert_int_equal(buf_status(out), 0);
}

static void run(const struct example *example, struct cuts cuts)
{
    struct buf out;
    transcript(example, cuts, &out);
    if (!span_eq(buf_span(&out), buf_span(&example->gives)))
        fail_msg("'%.*s' cut at %zu gives\n%.*sand not\n%.*s", (int)example->title.len,
                 example->title.ptr, cuts.first, (int)out.len, out.ptr ? out.ptr : "",
                 (int)example->gives.len, example->gives.ptr ? example->gives.ptr : "");
    buf_release(&out);
}

static void run_cut_everywhere(const struct example *example)
{
    assert_true(example->has_bytes && example->has_gives);
    run(example, UNCUT);
    run(example, BYTE_BY_BYTE);
    run(example, (struct cuts){SIZE_MAX, SIZE_MAX, true});
    run(example, (struct cuts){3, 7, true});
    for (size_t cut = 1; cut < example->bytes.len; cut++)
        run(example, (struct cuts){cut, SIZE_MAX, false});
}

static void unescape(struct buf *out, struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != '\\') {
            buf_append_byte(out, line.ptr[i]);
            continue;
        }
        assert_true(++i < line.len);
        char byte = 0;
        switch (line.ptr[i]) {
        case 'r':
            byte = '\r';
            break;
        case 'n':
            byte = '\n';
            break;
        case 't':
            byte = '\t';
            break;
        case '\\':
            byte = '\\';
            break;
        case 'x':
            assert_int_equal(text_unhex(span_take(span_skip(line, i + 1), 2), &byte, 1), 0);
            i += 2;
            break;
        default:
            fail_msg("unknown escape in '%.*s'", (int)line.len, line.ptr);
        }
        buf_append_byte(out, byte);
    }
}

/* One block, from behind its opening fence. */
static void read_block(struct span *rest, struct span fence, struct example *example)
{
    bool gives = span_eq(fence, SPAN("gives"));
    struct span line;
    if (gives) {
        example->has_gives = true;
    } else {
        example->options = fence;
        assert_true(span_split(&example->options, ' ', &example->kind));
        example->has_bytes = true;
    }
    for (;;) {
        assert_true(span_split(rest, '\n', &line)); /* else the fence is never closed */
        if (span_starts(line, SPAN("```")))
            return;
        if (!gives) {
            unescape(&example->bytes, line);
        } else {
            buf_append(&example->gives, line);
            buf_append_byte(&example->gives, '\n');
        }
    }
}

static void begin_example(struct example *example, struct span title)
{
    buf_clear(&example->bytes);
    buf_clear(&example->gives);
    example->title = title;
    example->has_bytes = example->has_gives = false;
}

/* Returns how many examples there are. */
static size_t run_text(struct span rest)
{
    struct example example = {0};
    size_t count = 0;
    struct span line;
    buf_init(&example.bytes, EXAMPLE_BYTES_MAX);
    buf_init(&example.gives, EXAMPLE_BYTES_MAX);
    while (span_split(&rest, '\n', &line)) {
        if (span_starts(line, SPAN("## "))) {
            if (count++ > 0)
                run_cut_everywhere(&example);
            begin_example(&example, span_skip(line, 3));
        } else if (span_starts(line, SPAN("```")) && count > 0) {
            read_block(&rest, span_skip(line, 3), &example);
        }
    }
    assert_true(count > 0);
    run_cut_everywhere(&example);
    buf_release(&example.bytes);
    buf_release(&example.gives);
    return count;
}

static size_t run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = mem_alloc(FILE_BYTES_MAX);
    assert_non_null(text);
    if (!file)
        fail_msg("cannot open '%s'", path);
    size_t len = fread(text, 1, FILE_BYTES_MAX, file);
    assert_true(len < FILE_BYTES_MAX);
    (void)fclose(file);
    size_t count = run_text(span_of(text, len));
    mem_free(text);
    return count;
}

static int is_example(const struct dirent *entry)
{
    return span_ends(span_str(entry->d_name), SPAN(".md"));
}

static size_t run_folder(const char *name)
{
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    assert_non_null(root);
    char folder[2048], path[4096];
    (void)snprintf(folder, sizeof(folder), "%s/tests/examples/%s", root, name);
    struct dirent **entries;
    int files = scandir(folder, &entries, is_example, alphasort);
    assert_in_range(files, 1, FILES_MAX);
    size_t count = 0;
    for (int i = 0; i < files; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        count += run_file(path);
        free(entries[i]);
    }
    free(entries);
    print_message("# %zu examples in %s\n", count, name);
    return count;
}

static void http1(void **state)
{
    (void)state;
    assert_true(run_folder("http1") >= 60);
}

static void sse(void **state)
{
    (void)state;
    assert_true(run_folder("sse") >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1),
        cmocka_unit_test(sse),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
