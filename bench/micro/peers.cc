/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <simdjson.h>

#ifdef BENCH_RAPIDJSON
#ifdef __SSE2__ /* what every machine of that kind has */
#define RAPIDJSON_SSE2
#endif
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#endif

void peer_simdjson_read(struct span text)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element root;
    check(parser.parse(text.ptr, text.len, false).get(root) == simdjson::SUCCESS);
}

#ifdef BENCH_RAPIDJSON
namespace
{

constexpr unsigned CHECKED = rapidjson::kParseValidateEncodingFlag;

void parse(rapidjson::Document &document, struct span text)
{
    document.Parse<CHECKED>(text.ptr, text.len);
    check(!document.HasParseError());
}

} // namespace

void peer_rapidjson_read(struct span text)
{
    rapidjson::Document document;
    parse(document, text);
}

void peer_rapidjson_rewrite(struct span text)
{
    static rapidjson::StringBuffer out;
    rapidjson::Document document;
    parse(document, text);
    document["model"].SetString("other");
    out.Clear();
    rapidjson::Writer<rapidjson::StringBuffer> writer(out);
    check(document.Accept(writer) && out.GetSize() > 0);
}
#endif
