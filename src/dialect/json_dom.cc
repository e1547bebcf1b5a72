/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simdjson's DOM behind a C header. This is the one C++ file of the project.
 *
 * simdjson 3.0.1 itself refuses: everything outside the grammar (also a byte order mark, bytes behind the document and an
 * empty text), invalid UTF-8, control characters in strings, lone surrogates, integers outside int64 and uint64, and
 * numbers above the largest double. It accepts U+0000 written as an escape, and so do we: spans carry it, and what is
 * written again carries the escape. Numbers too small for a double read as zero.
 *
 * What it leaves to us is done in one pass over its tape: the depth (it does not count an empty innermost array), and
 * duplicate keys. The work of that pass is linear in the text whatever the text is: keys of an object are compared only
 * where their hashes under a secret of this parser agree.
 *
 * Memory: at worst 14 bytes for each byte of the largest text so far; what is above JSON_KEEP_BYTES of text is given back at
 * the next small one.
 */
#include "dialect/json_dom.h"

#include "base/alloc.h"
#include "base/mac.h"
#include "base/random.h"

#include <endian.h>
#include <new>
#include <simdjson.h>

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

#ifndef THREAD_SANITIZER /* it brings its own of these */
/* Also what simdjson allocates comes from base, so that the torture tests reach it. All of it is nothrow, but for one small
 * object at its first use (see `chosen` below). Whoever replaces one form of these has to replace all. */
void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    return mem_alloc(size);
}

void *operator new[](std::size_t size, const std::nothrow_t &) noexcept
{
    return mem_alloc(size);
}

void *operator new(std::size_t size)
{
    void *memory = mem_alloc(size);
    check(memory != nullptr);
    return memory;
}

void *operator new[](std::size_t size)
{
    return operator new(size);
}

void operator delete(void *memory) noexcept
{
    mem_free(memory);
}

void operator delete[](void *memory) noexcept
{
    mem_free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
    mem_free(memory);
}

void operator delete[](void *memory, std::size_t) noexcept
{
    mem_free(memory);
}
#endif

namespace
{

using simdjson::dom::document;
using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads behind the text");

/* The instructions of this machine, chosen before main(): what simdjson allocates for it lives as long as the process, and
 * at that time no request can fail for want of it. */
[[maybe_unused]] const bool chosen = simdjson::validate_utf8("", 0);

constexpr size_t JSON_FIRST_BYTES = 16 * 1024; /* most requests, with no growth */
constexpr size_t JSON_KEEP_BYTES = 512 * 1024; /* text; above it memory is given back */

/* Up to here one word of bits finds the candidates; objects of requests and answers rarely have more. */
constexpr size_t KEYS_FEW = 32;
constexpr size_t KEY_FEW_BYTES = 256; /* comparing two long keys in pairs would cost too much */
constexpr size_t SLOTS_MAX = size_t{2} * JSON_KEYS_MAX;
static_assert((SLOTS_MAX & (SLOTS_MAX - 1)) == 0, "slots are masked");

struct slot {
    uint32_t at; /* place of the key on the tape; 0, the root's place: free */
    uint32_t digest;
};

struct key_secret {
    uint64_t first, last;
    struct mac_key mac;
};

} // namespace

struct json_parser {
    simdjson::dom::parser simd;
    document doc;
    size_t bytes_max;
    uint32_t depth_max;
    struct key_secret secret;
    struct slot *slots; /* SLOTS_MAX of them, made when the first large object comes */

    explicit json_parser(size_t text_max, uint32_t depth)
        : simd(), doc(), bytes_max(text_max), depth_max(depth), secret(), slots(nullptr)
    {
    }
    json_parser(const json_parser &) = delete;
    json_parser &operator=(const json_parser &) = delete;
    ~json_parser()
    {
        mem_free(slots);
    }
};

namespace
{

/* Room for a text of `bytes` in both of simdjson's parts. */
int make_room(json_parser *parser, size_t bytes)
{
    /* One level more than ours: it counts the root's as the first and refuses when it reaches the number. */
    if (parser->doc.allocate(bytes) || parser->simd.allocate(bytes, size_t{parser->depth_max} + 1))
        return -ENOMEM;
    return 0;
}

/* Grows by doubling, so that a row of ever larger texts does not allocate each time. */
int fit_room(json_parser *parser, size_t bytes)
{
    size_t have = MIN(parser->doc.capacity(), parser->simd.capacity());
    bool shrink = have > JSON_KEEP_BYTES && bytes <= JSON_FIRST_BYTES;
    if (bytes <= have && !shrink)
        return 0;
    size_t want = shrink || have < JSON_FIRST_BYTES ? JSON_FIRST_BYTES : have;
    while (want < bytes)
        want *= 2;
    return make_room(parser, want);
}

struct span string_at(const document *doc, size_t at)
{
    tape_ref ref(doc, at);
    return span_of(ref.get_c_str(), ref.get_string_length());
}

uint64_t load_bytes(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof(word));
    return word;
}

/* The first eight bytes, the missing ones zero. Behind the strings of a document simdjson keeps room. */
uint64_t load_first(struct span key)
{
    uint64_t word = load_bytes(key.ptr);
    if (key.len >= sizeof(word))
        return word;
    unsigned bits = 8 * (unsigned)key.len;
    return le64toh(word) & ((UINT64_C(1) << bits) - 1);
}

/* Sees the first and last eight bytes: two words under a secret, multiplied and folded. */
uint64_t digest_ends(const struct key_secret *secret, struct span key)
{
    uint64_t first = load_first(key) ^ secret->first;
    uint64_t last = (key.len > 8 ? load_bytes(key.ptr + key.len - 8) : key.len) ^ secret->last;
    __extension__ unsigned __int128 product = (unsigned __int128)first * last;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t digest_whole(const struct key_secret *secret, struct span key)
{
    return key.len <= 16 ? digest_ends(secret, key) : mac_64(&secret->mac, key);
}

int duplicate(struct span key, struct err *err)
{
    return err_set(err, -EEXIST, "the key '%.*s' occurs twice in one object",
                   (int)MIN(key.len, size_t{64}), key.ptr);
}

enum outcome { UNIQUE, TWICE, UNDECIDED };

/* One bit of a word for each key; only keys that share a bit are compared. UNDECIDED when a key is long. */
enum outcome few_keys(json_parser *parser, size_t at, size_t end, struct span *ret_key)
{
    uint32_t keys[KEYS_FEW]; /* places on the tape */
    size_t count = 0;
    uint64_t seen = 0;
    for (; at < end; at = tape_ref(&parser->doc, at + 1).after_element()) {
        struct span key = string_at(&parser->doc, at);
        if (key.len > KEY_FEW_BYTES)
            return UNDECIDED;
        uint64_t bit = uint64_t{1} << (digest_ends(&parser->secret, key) >> 58);
        for (size_t i = 0; (seen & bit) && i < count; i++) {
            if (span_eq(string_at(&parser->doc, keys[i]), key)) {
                *ret_key = key;
                return TWICE;
            }
        }
        seen |= bit;
        keys[count++] = (uint32_t)at;
    }
    return UNIQUE;
}

/* True when the key at `at` was there already; else puts it into the table. */
bool slot_take(json_parser *parser, size_t mask, size_t at)
{
    struct span key = string_at(&parser->doc, at);
    uint64_t digest = digest_whole(&parser->secret, key);
    size_t i = (size_t)(digest >> 32) & mask;
    for (; parser->slots[i].at; i = (i + 1) & mask) {
        if (parser->slots[i].digest == (uint32_t)digest &&
            span_eq(string_at(&parser->doc, parser->slots[i].at), key))
            return true;
    }
    parser->slots[i] = {(uint32_t)at, (uint32_t)digest};
    return false;
}

int many_keys(json_parser *parser, size_t at, size_t end, size_t count, struct err *err)
{
    if (!parser->slots)
        parser->slots = static_cast<struct slot *>(mem_array(SLOTS_MAX, sizeof(struct slot)));
    if (!parser->slots)
        return err_set(err, -ENOMEM, "out of memory");
    size_t size = 64;
    while (size < 2 * count)
        size *= 2;
    memset(parser->slots, 0, size * sizeof(struct slot));
    for (; at < end; at = tape_ref(&parser->doc, at + 1).after_element()) {
        if (slot_take(parser, size - 1, at))
            return duplicate(string_at(&parser->doc, at), err);
    }
    return 0;
}

int check_keys(json_parser *parser, size_t object, struct err *err)
{
    tape_ref ref(&parser->doc, object);
    size_t count = ref.scope_count();
    size_t end = ref.matching_brace_index() - size_t{1};
    if (count < 2)
        return 0;
    if (count > JSON_KEYS_MAX)
        return err_set(err, -ENOSPC, "an object has more than %d members", JSON_KEYS_MAX);
    struct span key = SPAN_NULL;
    switch (count <= KEYS_FEW ? few_keys(parser, object + 1, end, &key) : UNDECIDED) {
    case UNIQUE:
        return 0;
    case TWICE:
        return duplicate(key, err);
    case UNDECIDED:
        break;
    }
    return many_keys(parser, object + 1, end, count, err);
}

/* The pass over the tape: depth and keys of all that simdjson accepted. */
int check_tape(json_parser *parser, struct err *err)
{
    size_t end = tape_ref(&parser->doc, 0).matching_brace_index();
    uint32_t depth = 0;
    for (size_t at = 1; at < end; at++) {
        tape_type type = tape_ref(&parser->doc, at).tape_ref_type();
        if (type == tape_type::STRING) /* most are: keys too */
            continue;
        if (type == tape_type::START_ARRAY || type == tape_type::START_OBJECT) {
            if (++depth > parser->depth_max)
                return err_set(err, -ELOOP, "nested deeper than %u levels", parser->depth_max);
            int r = type == tape_type::START_OBJECT ? check_keys(parser, at, err) : 0;
            if (r < 0)
                return r;
        } else if (type == tape_type::END_ARRAY || type == tape_type::END_OBJECT) {
            depth--;
        } else if (type == tape_type::INT64 || type == tape_type::UINT64 ||
                   type == tape_type::DOUBLE) {
            at++; /* the number itself */
        }
    }
    return 0;
}

/* simdjson's reasons in our words. */
int explain(const json_parser *parser, struct span text, simdjson::error_code code, struct err *err)
{
    static const struct {
        simdjson::error_code code;
        const char *words;
    } reasons[] = {
        {simdjson::EMPTY, "empty"},
        {simdjson::UTF8_ERROR, "not valid UTF-8"},
        {simdjson::NUMBER_ERROR,
         "a number is malformed or out of range, or something else is behind it"},
        {simdjson::STRING_ERROR, "a string has a broken escape or a lone surrogate"},
        {simdjson::UNESCAPED_CHARS, "a string has a control character that is not escaped"},
        {simdjson::UNCLOSED_STRING, "a string does not end"},
        {simdjson::T_ATOM_ERROR, "a value that begins like true is not true"},
        {simdjson::F_ATOM_ERROR, "a value that begins like false is not false"},
        {simdjson::N_ATOM_ERROR, "a value that begins like null is not null"},
    };
    if (code == simdjson::CAPACITY)
        return err_set(err, -ENOSPC, "longer than %zu bytes", parser->bytes_max);
    if (code == simdjson::MEMALLOC)
        return err_set(err, -ENOMEM, "out of memory");
    if (code == simdjson::DEPTH_ERROR)
        return err_set(err, -ELOOP, "nested deeper than %u levels", parser->depth_max);
    for (const auto &reason : reasons) {
        if (reason.code == code)
            return err_set(err, -EBADMSG, "%s", reason.words);
    }
    if (span_starts(text, SPAN("\xef\xbb\xbf")))
        return err_set(err, -EBADMSG, "starts with a byte order mark");
    return err_set(err, -EBADMSG, "a comma, colon, bracket or quote is missing or too much");
}

const document *document_of(struct json_value value)
{
    return static_cast<const document *>(value.document);
}

tape_ref ref_of(struct json_value value)
{
    return tape_ref(document_of(value), value.index);
}

} // namespace

struct json_parser *json_parser_new(size_t bytes_max, uint32_t depth_max)
{
    check(depth_max > 0 && bytes_max <= UINT32_MAX / 2);
    json_parser *parser = new (std::nothrow) json_parser(bytes_max, depth_max);
    if (!parser)
        return nullptr;
    random_bytes(&parser->secret, sizeof(parser->secret));
    if (make_room(parser, JSON_FIRST_BYTES) < 0) {
        delete parser;
        return nullptr;
    }
    return parser;
}

void json_parser_free(struct json_parser *parser)
{
    delete parser;
}

int json_parse(struct json_parser *parser, struct span text, struct json_value *ret_root,
               struct err *err)
{
    if (text.len > parser->bytes_max)
        return explain(parser, text, simdjson::CAPACITY, err);
    if (text.len == 0)
        return explain(parser, text, simdjson::EMPTY, err);
    if (fit_room(parser, text.len) < 0)
        return explain(parser, text, simdjson::MEMALLOC, err);
    simdjson::error_code code =
        parser->simd.parse_into_document(parser->doc, text.ptr, text.len, false).error();
    if (code)
        return explain(parser, text, code, err);
    int r = check_tape(parser, err);
    if (r < 0)
        return r;
    *ret_root = {&parser->doc, 1};
    return 0;
}

enum json_kind json_kind(struct json_value value)
{
    switch (ref_of(value).tape_ref_type()) {
    case tape_type::START_OBJECT:
        return JSON_OBJECT;
    case tape_type::START_ARRAY:
        return JSON_ARRAY;
    case tape_type::STRING:
        return JSON_STRING;
    case tape_type::INT64:
        return JSON_INT;
    case tape_type::UINT64:
        return JSON_UINT;
    case tape_type::DOUBLE:
        return JSON_DOUBLE;
    case tape_type::TRUE_VALUE:
    case tape_type::FALSE_VALUE:
        return JSON_BOOL;
    case tape_type::NULL_VALUE:
    case tape_type::ROOT:
    case tape_type::END_ARRAY:
    case tape_type::END_OBJECT:
        break; /* no value starts with the last three */
    }
    return JSON_NULL;
}

bool json_bool(struct json_value value)
{
    return ref_of(value).is_true();
}

bool json_i64(struct json_value value, int64_t *ret_number)
{
    /* simdjson makes an UINT64 only of what does not fit into an int64. */
    if (!ref_of(value).is_int64())
        return false;
    *ret_number = ref_of(value).next_tape_value<int64_t>();
    return true;
}

bool json_number(struct json_value value, double *ret_number)
{
    tape_ref ref = ref_of(value);
    if (ref.is_double())
        *ret_number = ref.next_tape_value<double>();
    else if (ref.is_int64())
        *ret_number = (double)ref.next_tape_value<int64_t>();
    else if (ref.is_uint64())
        *ret_number = (double)ref.next_tape_value<uint64_t>();
    else
        return false;
    return true;
}

struct span json_string(struct json_value value)
{
    if (json_kind(value) != JSON_STRING)
        return SPAN_NULL;
    return string_at(document_of(value), value.index);
}

size_t json_count(struct json_value value)
{
    enum json_kind kind = json_kind(value);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return 0;
    size_t count = ref_of(value).scope_count();
    if (count < simdjson::internal::JSON_COUNT_MASK)
        return count;
    /* The tape's own count ends here: 16 million elements. */
    count = 0;
    struct json_value item;
    for (struct json_walk walk = json_walk(value); json_walk_next(&walk, nullptr, &item);)
        count++;
    return count;
}

bool json_get(struct json_value object, struct span key, struct json_value *ret_value)
{
    if (json_kind(object) != JSON_OBJECT)
        return false;
    const document *doc = document_of(object);
    size_t end = ref_of(object).matching_brace_index() - size_t{1};
    for (size_t at = object.index + 1; at < end; at = tape_ref(doc, at + 1).after_element()) {
        if (span_eq(string_at(doc, at), key)) {
            *ret_value = {doc, at + 1};
            return true;
        }
    }
    return false;
}

struct json_walk json_walk(struct json_value value)
{
    enum json_kind kind = json_kind(value);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return {value, value.index, false};
    /* From behind the opening bracket to the closing one. */
    return {{value.document, value.index + 1},
            ref_of(value).matching_brace_index() - size_t{1},
            kind == JSON_OBJECT};
}

bool json_walk_next(struct json_walk *walk, struct span *ret_key, struct json_value *ret_value)
{
    if (walk->at.index >= walk->end)
        return false;
    if (walk->members) {
        if (ret_key)
            *ret_key = string_at(document_of(walk->at), walk->at.index);
        walk->at.index++;
    }
    *ret_value = walk->at;
    walk->at.index = ref_of(walk->at).after_element();
    return true;
}
