/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a line of the access log, in their order. The table yields the writer (access_line.c) and docs/access-log.md.
 *
 * FIELD(kind, name, value, meaning): `value` is an expression over `record` (const struct record *) and
 * `writer`, or two of them: SINCE(from, to). Kinds:
 *
 *   time     a date in UTC
 *   text     a span; left out when null
 *   hex      16 digits; left out when 0
 *   key      the id of a key; left out when 0
 *   number   always there
 *   signed   left out when 0
 *   flag     true or left out
 *   steps    of the ladder, as in the header `Seawall-Reduced`; left out when no rung touched it
 *   micros   how long from one time to another, in microseconds; left out when one of them did not happen
 */
#pragma once

#define ACCESS_FIELDS(FIELD)                                                                       \
    FIELD(time, time, date_of(writer, record->wall_ms), "when the request was over")               \
    FIELD(text, id, span_take(record->request_id, 64), "the request's name, as in `x-request-id`") \
    FIELD(text, client_id, span_take(record->client_request_id, 64),                               \
          "the `x-request-id` that the client sent, cleaned")                                      \
    FIELD(hex, peer, writer->peer,                                                                 \
          "the client's address, hashed with a salt that is drawn each day (UTC) and forgotten: "  \
          "lines of one day and address have the same")                                            \
    FIELD(key, key, record->key_id, "the key's id")                                                \
    FIELD(text, limit, record->limit,                                                              \
          "which limit of its key refused or cut it (see [limits](limits.md)); of its account where it says so") \
    FIELD(text, class, record->class,                                                              \
          "of its turn: `in_profile` (within the budget that its caller earned), `paid` (came back when it was told to) or `unknown`") \
    FIELD(text, ticket, record->ticket,                                                            \
          "what the ticket that it brought was: `due`, `early`, `late`, `used` or `forged`; `remembered`: it brought none, and was due") \
    FIELD(signed, balance, (int64_t)record->balance,                                               \
          "of the budget that its caller earned, before its price was taken, in weighted tokens")  \
    FIELD(signed, budget_hour, hour_of(record->rate), "what that budget grows by in an hour")      \
    FIELD(number, price, record->price, "predicted when it asked for its turn, in weighted tokens") \
    FIELD(signed, price_prompt, (int64_t)record->price_prompt, "of that, tokens of the prompt")    \
    FIELD(signed, price_answer, (int64_t)record->price_answer,                                     \
          "… and of the answer, which count double")                                               \
    FIELD(flag, siege, record->siege, "it had its turn while its pool was under siege")            \
    FIELD(flag, stretched, record->stretched,                                                      \
          "within its budget, but beyond its caller's ordinary calls at once: it may give way")     \
    FIELD(signed, rungs, (int64_t)record->rungs,                                                   \
          "of the ladder that stood at its pool when it came: see [degradation](degradation.md)")  \
    FIELD(steps, reduced, record->reduced,                                                         \
          "what the ladder left away of it, as in `Seawall-Reduced`; with `output` and the reason "   \
          "`CUT` it ended there")                                                                     \
    FIELD(steps, dry_run, record->dry_run, "what its rungs on `dry-run` would have left away besides") \
    FIELD(number, ahead, record->ahead, "requests that waited before it then")                     \
    FIELD(text, method, span_take(record->method, 16), "as sent")                                  \
    FIELD(text, path, path_of(record), "without its query and keys, cut to 128 bytes")             \
    FIELD(text, endpoint, span_take(record->endpoint, 16),                                         \
          "`chat`, `completion`, `embedding`, `models`, `model`, `stream` or `none`")                        \
    FIELD(text, model, span_take(record->model, 128), "its public name")                           \
    FIELD(flag, called, record->called, "it had its turn at an engine: the ledger counts it")      \
    FIELD(text, asked_model, span_take(record->asked_model, 128),                                  \
          "the one that was asked for, when the ladder gave a smaller one")                        \
    FIELD(text, backend, span_take(record->backend, 128), "the URL of the engine that was asked last") \
    FIELD(text, agent, span_take(record->user_agent, 64), "`user-agent`, cut to 64 bytes")         \
    FIELD(text, reason, span_str(reason_info(record->reason)->name),                               \
          "how it ended: see [reasons](reasons.md)")                                               \
    FIELD(number, status, record->status, "what went out; 0: nothing did")                         \
    FIELD(flag, stream, record->stream, "the client asked for a stream")                           \
    FIELD(signed, left, (int64_t)record->left,                                                     \
          "how often its client went and it went on (see [resuming](resuming.md))")                \
    FIELD(signed, returned, (int64_t)record->returned,                                             \
          "… and how often one came back for it; that one's request has a line of its own, without tokens") \
    FIELD(flag, upstream_stream, record->streamed_upstream, "the engine was asked for a stream")   \
    FIELD(flag, reused, record->reused_upstream, "on a connection to the engine that was there already") \
    FIELD(number, tries, record->tries, "how many connections to engines were tried")              \
    FIELD(number, bytes_in, record->bytes_in, "of the request's body")                             \
    FIELD(number, bytes_out, record->bytes_out, "of the answer's body")                            \
    FIELD(number, prompt_tokens, record->prompt_tokens, "as charged")                              \
    FIELD(number, completion_tokens, record->completion_tokens, "as charged")                      \
    FIELD(signed, difference, record->completion_difference,                                       \
          "completion tokens that were counted as they passed, minus those that the engine reported") \
    FIELD(flag, disputed, record->disputed, "the two differ by more than rounding")                \
    FIELD(micros, head_us, SINCE(record->began_us, record->head_us), "from the first byte to the whole head") \
    FIELD(micros, body_us, SINCE(record->began_us, record->body_us), "… to the whole body")        \
    FIELD(micros, asked_us, SINCE(record->began_us, record->asked_us), "… to when it asked for its turn") \
    FIELD(micros, queue_us, SINCE(record->asked_us, record->turn_us), "waiting for its turn, or until it was sent away") \
    FIELD(micros, connect_us, SINCE(record->picked_us, record->connected_us), "connecting to it")  \
    FIELD(micros, first_byte_us, SINCE(record->began_us, record->first_byte_us),                   \
          "from the request's first byte to the engine's first")                                   \
    FIELD(micros, first_token_us, SINCE(record->began_us, record->first_token_us), "… to the first token") \
    FIELD(micros, last_token_us, SINCE(record->began_us, record->last_token_us), "… to the last token") \
    FIELD(micros, total_us, SINCE(record->began_us, record->ended_us), "… to the end")             \
    FIELD(text, detail, span_take(record->detail, 256),                                            \
          "for the operator: what the engine or the parser said")
