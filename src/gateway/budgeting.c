/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/budgeting.h"

#include "base/text.h"
#include "gateway/worker.h"
#include "http/answer.h"

#define VALUE_BYTES 32 /* of a limit's value as text */

/* ---- which limits ------------------------------------------------------------------------------------ */

static const char *whose(const struct budget_claim *claim)
{
    return claim->account ? "account" : "key";
}

static void add_claim(struct budget_hold *hold, uint64_t id, bool account,
                      const struct limits *limits)
{
    if (limits_any(limits))
        hold->claims[hold->count++] =
            (struct budget_claim){.id = id, .account = account, .limits = *limits};
}

static int claim_all(struct request *request)
{
    const struct key *key = request->key;
    struct budget_hold *hold = arena_zalloc(request->arena, sizeof(*hold));
    if (!hold)
        return -ENOMEM;
    struct limits limits =
        limits_over(key ? key->limits : NULL, &request->catalog->config->key_limits);
    add_claim(hold, request->key_id, false, &limits);
    const struct account *account =
        key && key->account_id
            ? accounts_by_id(keyring_accounts(request->worker->keyring), key->account_id)
            : NULL;
    if (account) {
        limits = limits_over(&account->limits, NULL);
        add_claim(hold, account->id, true, &limits);
    }
    hold->price = request->model->price;
    if (hold->count > 0)
        request->hold = hold;
    return 0;
}

/* For the log: "tokens_per_minute", of an account with that behind it. */
static void note_limit(struct request *request, enum limit limit, const struct budget_claim *claim)
{
    char text[80];
    int len = snprintf(text, sizeof(text), "%s%s", limit_info(limit)->word.ptr,
                       claim->account ? " of its account" : "");
    request->record.limit = arena_copy(request->arena, span_of(text, (size_t)len));
}

static enum step_result fits(struct request *request, const struct budget_claim *claim,
                             const struct inference *inference)
{
    uint64_t context = claim->limits.of[LIMIT_CONTEXT], output = claim->limits.of[LIMIT_OUTPUT];
    if (context && inference->prompt_tokens_estimate > context) {
        note_limit(request, LIMIT_CONTEXT, claim);
        return request_refuse(request, REASON_CONTEXT_EXCEEDED,
                              "the prompt has about %llu tokens, and this %s's limit is %llu",
                              (unsigned long long)inference->prompt_tokens_estimate, whose(claim),
                              (unsigned long long)context);
    }
    if (output && inference->output_tokens_max > output) {
        note_limit(request, LIMIT_OUTPUT, claim);
        snprintf(request->refusal.param, sizeof(request->refusal.param), "max_tokens");
        return request_refuse(
            request, REASON_BAD_FIELD,
            "the answer may have at most %llu tokens with this %s, and %llu are asked for",
            (unsigned long long)output, whose(claim),
            (unsigned long long)inference->output_tokens_max);
    }
    if (output && (!request->output_cap || output < request->output_cap))
        request->output_cap = output;
    return STEP_NEXT;
}

enum step_result budgeting_find(struct request *request, const struct inference *inference)
{
    const struct key *key = request->key;
    bool own = key && (key->limits || key->account_id);
    if (!own && !(request->key_id && request->catalog->config->keys_are_limited))
        return STEP_NEXT;
    if (claim_all(request) < 0)
        return request_refuse(request, REASON_OVERLOADED, NULL);
    enum step_result result = STEP_NEXT;
    for (size_t i = 0; request->hold && i < request->hold->count && result == STEP_NEXT; i++)
        result = fits(request, &request->hold->claims[i], inference);
    return result;
}

/* ---- the hold ---------------------------------------------------------------------------------------- */

static struct budget_time now(const struct request *request)
{
    const struct loop *loop = request->worker->loop;
    return (struct budget_time){loop_now_ms(loop), loop_wall_ms(loop)};
}

static enum reason reason_of(const struct budget_refusal *refusal)
{
    if (refusal->never)
        return REASON_KEY_TOO_LARGE;
    switch (refusal->limit) {
    case LIMIT_REQUESTS_MINUTE:
        return REASON_KEY_RATE;
    case LIMIT_CALLS:
        return REASON_KEY_CONCURRENT;
    case LIMIT_SPEND_DAY:
    case LIMIT_SPEND_MONTH:
        return REASON_KEY_BUDGET;
    case LIMIT_TOKENS_MINUTE:
    case LIMIT_TOKENS_DAY:
    case LIMIT_CONTEXT:
    case LIMIT_OUTPUT:
    case LIMITS_COUNT:
        break;
    }
    return REASON_KEY_TOKENS;
}

static enum step_result refuse_over(struct request *request, const struct budget_verdict *verdict)
{
    const struct budget_refusal *refusal = &verdict->refusal;
    char memory[VALUE_BYTES];
    struct buf value = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    limit_write(&value, refusal->limit, verdict->claim->limits.of[refusal->limit]);
    note_limit(request, refusal->limit, verdict->claim);
    if (refusal->never)
        return request_refuse(request, REASON_KEY_TOO_LARGE,
                              "this request alone is more than this %s's limit of %s %s",
                              whose(verdict->claim), buf_cstr(&value),
                              limit_info(refusal->limit)->unit);
    request->refusal.retry_after_s = (uint32_t)MAX((refusal->wait_ms + 999) / 1000, UINT64_C(1));
    return request_refuse(request, reason_of(refusal),
                          "this %s's limit of %s %s is reached: come back in %u s",
                          whose(verdict->claim), buf_cstr(&value), limit_info(refusal->limit)->unit,
                          request->refusal.retry_after_s);
}

/* The predicted answer; of one that comes whole, and cannot be cut, all that it may be. */
static uint64_t output_to_hold(struct request *request)
{
    if (request->endpoint == ENDPOINT_EMBEDDING)
        return 0;
    if (request->form == FORM_WHOLE && request->facts.output_max)
        return request->facts.output_max;
    return turnstile_predict(request->model->turnstile, &request->facts);
}

enum step_result budgeting_begin(struct request *request)
{
    struct budget_verdict verdict;
    if (!request->hold)
        return STEP_NEXT;
    int result =
        budgets_reserve(request->worker->budgets, request->hold, request->facts.prompt_tokens,
                        output_to_hold(request), now(request), &verdict);
    if (result == -EDQUOT)
        return refuse_over(request, &verdict);
    return result < 0 ? request_refuse(request, REASON_OVERLOADED, NULL) : STEP_NEXT;
}

bool budgeting_progress(struct request *request)
{
    struct budget_hold *hold = request->hold;
    struct budget_verdict verdict;
    if (!hold)
        return true;
    uint64_t tokens = answer_meter(request->answer)->events_counted;
    if (tokens <= hold->output_held && tokens < hold->output_used + BUDGETS_STEP)
        return true;
    if (budgets_progress(request->worker->budgets, hold, tokens, now(request), &verdict) ||
        answer_is_whole(request->answer))
        return true;
    note_limit(request, verdict.refusal.limit, verdict.claim);
    answer_note_cut(request->answer, limit_info(verdict.refusal.limit)->word);
    return false;
}

void budgeting_end(struct request *request)
{
    const struct record *record = &request->record;
    if (!request->hold)
        return;
    /* One that no engine answered did not run, unless its caller did not wait for it. */
    bool ran = record->called && (record->charged || record->first_byte_us > 0);
    budgets_settle(request->worker->budgets, request->hold, ran,
                   record->charged ? record->prompt_tokens : 0,
                   record->charged ? record->completion_tokens : 0, now(request));
}

/* ---- headers ----------------------------------------------------------------------------------------- */

/* "1s", "6m0s", "13h5m0s". */
static struct span duration_text(uint64_t ms, char room[VALUE_BYTES])
{
    unsigned long long seconds = (ms + 999) / 1000, minutes = seconds / 60, hours = minutes / 60;
    int len;
    if (hours > 0)
        len = snprintf(room, VALUE_BYTES, "%lluh%llum%llus", hours, minutes % 60, seconds % 60);
    else if (minutes > 0)
        len = snprintf(room, VALUE_BYTES, "%llum%llus", minutes, seconds % 60);
    else
        len = snprintf(room, VALUE_BYTES, "%llus", seconds);
    return span_of(room, (size_t)len);
}

static struct span number_text(uint64_t value, char room[VALUE_BYTES])
{
    return span_of(room, (size_t)snprintf(room, VALUE_BYTES, "%llu", (unsigned long long)value));
}

void budgeting_headers(const struct request *request, struct buf *head)
{
    static const struct span limits[] = {SPAN("x-ratelimit-limit-requests"),
                                         SPAN("x-ratelimit-limit-tokens")},
                             remaining[] = {SPAN("x-ratelimit-remaining-requests"),
                                            SPAN("x-ratelimit-remaining-tokens")},
                             resets[] = {SPAN("x-ratelimit-reset-requests"),
                                         SPAN("x-ratelimit-reset-tokens")};
    char room[VALUE_BYTES];
    if (!request->hold)
        return;
    for (size_t i = 0; i < BUDGETS_RATES; i++) {
        const struct budget_rate *rate = &request->hold->rates[i];
        if (rate->limit == LIMIT_NONE)
            continue;
        http_answer_header(head, limits[i], number_text(rate->limit, room));
        http_answer_header(head, remaining[i], number_text(rate->remaining, room));
        http_answer_header(head, resets[i], duration_text(rate->reset_ms, room));
    }
}
