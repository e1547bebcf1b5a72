/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request ended as it did: one table for the wire's error bodies, the access log, the metrics and the documents.
 *
 * REASON(name, status, type, code, text): `name` makes REASON_<name>; `status` is the HTTP status; `type` and
 * `code` are OpenAI's words for the error object ("" leaves code null); `text` is the default message for people.
 * Order is not stable; names are.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

#define REASON_TABLE(REASON)                                                                       \
    REASON(OK, 200, "", "", "")                                                                    \
    /* the client's request */                                                                     \
    REASON(BAD_HTTP, 400, "invalid_request_error", "bad_http", "malformed HTTP request")           \
    REASON(BAD_JSON, 400, "invalid_request_error", "invalid_json", "the body is not valid JSON")   \
    REASON(BAD_FIELD, 400, "invalid_request_error", "invalid_value", "a field has a wrong value")  \
    REASON(UNKNOWN_FIELD, 400, "invalid_request_error", "unknown_parameter",                       \
           "a field is not known or not allowed here")                                             \
    REASON(CONTEXT_EXCEEDED, 400, "invalid_request_error", "context_length_exceeded",              \
           "the prompt is longer than this model's context")                                       \
    REASON(REJECTED_BY_ENGINE, 400, "invalid_request_error", "rejected_by_model",                  \
           "the model's server refused this request")                                              \
    REASON(KEY_TOO_LARGE, 400, "invalid_request_error", "request_exceeds_limit",                   \
           "this request alone is more than a limit of its API key")                               \
    REASON(NO_KEY, 401, "invalid_request_error", "missing_api_key",                                \
           "no API key: send it as 'Authorization: Bearer sk-…'")                                  \
    REASON(BAD_KEY, 401, "invalid_request_error", "invalid_api_key", "this API key is not valid")  \
    REASON(KEY_EXPIRED, 401, "invalid_request_error", "expired_api_key", "this API key has expired") \
    REASON(KEY_DISABLED, 401, "invalid_request_error", "disabled_api_key",                         \
           "this API key is disabled")                                                             \
    REASON(MODEL_NOT_ALLOWED, 403, "invalid_request_error", "model_not_allowed",                   \
           "this API key may not use this model")                                                  \
    REASON(ORIGIN_NOT_ALLOWED, 403, "invalid_request_error", "origin_not_allowed",                 \
           "this origin may not call this service")                                                \
    REASON(LINK_UNKNOWN, 404, "invalid_request_error", "link_unknown",                             \
           "this sign-in link is not known: it is mistyped, from before a restart, or replaced")   \
    REASON(NO_ROUTE, 404, "invalid_request_error", "unknown_url", "unknown request URL")           \
    REASON(NO_MODEL, 404, "invalid_request_error", "model_not_found", "this model does not exist") \
    REASON(NO_STREAM, 404, "invalid_request_error", "stream_not_found",                            \
           "there is no such answer of yours to return to, or not any more")                       \
    REASON(BAD_METHOD, 405, "invalid_request_error", "method_not_allowed",                         \
           "this URL does not take this method")                                                   \
    REASON(REQUEST_TIMEOUT, 408, "invalid_request_error", "request_timeout",                       \
           "the request did not arrive in time")                                                   \
    REASON(LINK_USED, 410, "invalid_request_error", "link_used",                                   \
           "this sign-in link has been used, or its time is over: sign in with a key")             \
    REASON(NOT_KEPT, 410, "invalid_request_error", "events_not_kept",                              \
           "of what came next in this answer more was left than is kept")                          \
    REASON(TOO_LARGE, 413, "invalid_request_error", "request_too_large", "the body is too large")  \
    REASON(URI_TOO_LONG, 414, "invalid_request_error", "uri_too_long", "the URL is too long")      \
    REASON(BAD_MEDIA_TYPE, 415, "invalid_request_error", "unsupported_media_type",                 \
           "send 'Content-Type: application/json'")                                                \
    REASON(EXPECTATION, 417, "invalid_request_error", "expectation_failed",                        \
           "only 'Expect: 100-continue' is understood")                                            \
    REASON(UNPROCESSABLE, 422, "invalid_request_error", "unprocessable",                           \
           "this model cannot do what the request asks")                                           \
    REASON(HEAD_TOO_LARGE, 431, "invalid_request_error", "headers_too_large",                      \
           "the request's header is too large")                                                    \
    REASON(TOO_MANY_WAITING, 429, "rate_limit_error", "rate_limit_exceeded",                       \
           "too many of your requests are waiting already")                                        \
    REASON(TOO_EARLY, 429, "rate_limit_error", "come_back_later",                                  \
           "it is not your turn yet: come back after the given time")                              \
    REASON(KEY_RATE, 429, "rate_limit_error", "request_limit_exceeded",                            \
           "this API key's limit of requests is reached")                                          \
    REASON(KEY_TOKENS, 429, "rate_limit_error", "token_limit_exceeded",                            \
           "this API key's limit of tokens is reached")                                            \
    REASON(KEY_CONCURRENT, 429, "rate_limit_error", "concurrency_limit_exceeded",                  \
           "this API key has as many calls under way as it may")                                   \
    REASON(KEY_BUDGET, 429, "insufficient_quota", "insufficient_quota",                            \
           "this API key has spent what it may")                                                   \
    /* this side */                                                                                \
    REASON(INTERNAL, 500, "server_error", "internal_error", "something failed on our side")        \
    REASON(NOT_IMPLEMENTED, 501, "invalid_request_error", "not_implemented",                       \
           "this HTTP feature is not supported")                                                   \
    REASON(BAD_ANSWER, 502, "server_error", "bad_gateway", "the model's server gave no usable answer") \
    REASON(ENGINE_ERROR, 502, "server_error", "model_error", "the model's server failed")          \
    REASON(ANSWER_TOO_LARGE, 502, "server_error", "answer_too_large",                              \
           "the model's answer was larger than allowed")                                           \
    REASON(NO_BACKEND, 503, "server_error", "model_unavailable",                                   \
           "no server for this model is available now")                                            \
    REASON(OVERLOADED, 503, "server_error", "overloaded", "the service is busy")                   \
    REASON(NO_TURN, 503, "server_error", "no_turn",                                                \
           "no turn came in time: come back after the given time")                                 \
    REASON(GAVE_WAY, 503, "server_error", "gave_way",                                              \
           "the service is at its limit and others go first: come back after the given time")      \
    REASON(SHUTTING_DOWN, 503, "server_error", "shutting_down", "the service is restarting")       \
    REASON(FIRST_BYTE_TIMEOUT, 504, "server_error", "model_timeout",                               \
           "the model did not start to answer in time")                                            \
    REASON(IDLE_TIMEOUT, 504, "server_error", "model_stalled", "the model stopped answering")      \
    /* how a started answer ended; the status was sent before */                                   \
    REASON(CLIENT_GONE, 499, "", "client_gone", "the client closed the connection")                \
    REASON(CLIENT_STALLED, 499, "", "client_stalled", "the client did not read its answer")        \
    REASON(STOPPED, 499, "", "stopped", "its caller stopped it")                                   \
    REASON(CUT, 200, "", "cut", "the answer was cut at its cap")

enum reason {
#define REASON(name, status, type, code, text) REASON_##name,
    REASON_TABLE(REASON)
#undef REASON
        REASON_COUNT
};

struct reason_info {
    const char *name; /* "BAD_JSON" */
    unsigned status;
    const char *type;
    const char *code;
    const char *text;
};

/* Always a valid pointer to a constant; `reason` out of range gives INTERNAL. */
const struct reason_info *reason_info(enum reason reason);

C_LINKAGE_END
