/* SPDX-License-Identifier: Apache-2.0 */
/* What was written of one request: its line of the access log, looked for on the store thread. */
#include "admin/admin_internal.h"
#include "admin/routes.h"
#include "base/alloc.h"
#include "base/text.h"
#include "identity/request_id.h"
#include "record/access_find.h"

#define LINE_BYTES_MAX 16384
#define PATH_BYTES_MAX 4096

struct explain_work {
    struct work work;
    char path[PATH_BYTES_MAX];
    char id[REQUEST_ID_BYTES + 1];
    uint64_t began_ms; /* what the id says */
    struct buf line;
    struct access_found found;
    int result;
    struct err err;
};

static void explain_free(struct explain_work *explain)
{
    buf_release(&explain->line);
    mem_free(explain);
}

static void on_helper(struct work *work)
{
    struct explain_work *explain = container_of(work, struct explain_work, work);
    explain->result = access_find(explain->path, span_str(explain->id), &explain->line,
                                  &explain->found, &explain->err);
}

/* What was looked at, and so why it is not there. */
static void answer_not_found(struct caller *caller, const struct explain_work *explain)
{
    const struct access_found *found = &explain->found;
    char began[TEXT_TIME_BYTES], oldest[TEXT_TIME_BYTES];
    const char *packed = found->compressed > 0 ? "; compressed files are not looked at" : "";
    text_time(explain->began_ms, began);
    text_time(found->oldest_ms, oldest);
    if (found->oldest_ms > 0 && explain->began_ms < found->oldest_ms)
        caller_answer_error(
            caller, 404, "request '%s' began at %s, and what %s of the access log begins at %s%s",
            explain->id, began, found->more ? "is searched" : "is kept", oldest, packed);
    else
        caller_answer_error(caller, 404,
                            "there is no request '%s' in the access log: a line is there a second "
                            "after its request is over%s",
                            explain->id, packed);
}

static void on_done(struct work *work)
{
    struct explain_work *explain = container_of(work, struct explain_work, work);
    if (explain->result > 0)
        caller_answer_json(work->caller, 200, buf_span(&explain->line));
    else if (explain->result == 0)
        answer_not_found(work->caller, explain);
    else
        caller_answer_error(work->caller, 503, "%s", explain->err.text);
    explain_free(explain);
}

static struct explain_work *explain_new(const char *path, struct span id, uint64_t began_us)
{
    struct explain_work *explain = mem_zalloc(sizeof(*explain));
    if (!explain)
        return NULL;
    explain->work = (struct work){.on_helper = on_helper, .on_done = on_done};
    explain->began_ms = began_us / 1000;
    snprintf(explain->path, sizeof(explain->path), "%s", path);
    snprintf(explain->id, sizeof(explain->id), "%.*s", (int)id.len, id.ptr);
    buf_init(&explain->line, LINE_BYTES_MAX);
    return explain;
}

void route_explain(const struct ask *ask)
{
    const char *log = record_hub_log(ask->admin->record_hub);
    uint64_t began_us;
    if (request_id_time(ask->id, &began_us) < 0) {
        caller_answer_error(
            ask->caller, 400,
            "this is no request's id: it is 'req_' and 22 letters or digits, as in 'x-request-id'");
        return;
    }
    if (strcmp(log, "off") == 0 || strcmp(log, "-") == 0) {
        caller_answer_error(
            ask->caller, 409,
            log[0] == '-'
                ? "the access log goes to standard output: look there ('service.access_log')"
                : "there is no access log: it is switched off ('service.access_log')");
        return;
    }
    struct explain_work *explain = explain_new(log, ask->id, began_us);
    if (!explain) {
        caller_answer_error(ask->caller, 503, "out of memory");
        return;
    }
    if (work_start(&explain->work, ask->admin, ask->caller) < 0) {
        caller_answer_error(ask->caller, 503, "the store thread has too much to do: try again");
        explain_free(explain);
    }
}
