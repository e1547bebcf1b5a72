/* SPDX-License-Identifier: Apache-2.0 */
/* What callers earned: looked at and changed on the store thread, since a name is found among all keys and sums go over all callers. */
#include "admin/admin_internal.h"
#include "admin/keys_json.h"
#include "admin/profiles_import.h"
#include "admin/profiles_json.h"
#include "admin/routes.h"
#include "admin/who.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"

#include <math.h>

#define LIST_DEFAULT 20U
#define LIST_MAX 10000U
#define PARAMETER_BYTES_MAX 1024

struct profile_work {
    struct work work;
    void (*run)(struct profile_work *work);
    struct profiles *profiles;
    struct profiles_keeper *keeper;
    struct keyring *ring;
    struct mac_key mac;
    uint64_t wall_ms;
    struct buf text; /* who, or a body */
    uint64_t limit;

    unsigned status;
    struct buf answer;
    struct json_out out;
    struct err err;
    char log[256]; /* for the operator's log */
};

static void profile_work_free(struct profile_work *work)
{
    keyring_unref(work->ring);
    if (work->text.ptr)
        explicit_bzero(work->text.ptr, work->text.cap); /* a key's text may be in it */
    buf_release(&work->text);
    buf_release(&work->answer);
    mem_free_secret(work, sizeof(*work));
}

static void refuse(struct profile_work *work, unsigned status)
{
    work->status = status;
}

static void out_of_memory(struct profile_work *work)
{
    (void)err_set(&work->err, -ENOMEM, "out of memory");
    refuse(work, 503);
}

/* ── on the store thread ── */

static bool find_who(struct profile_work *work, struct span text, struct who *ret_who)
{
    *ret_who = (struct who){.text = text};
    if (who_find(ret_who, 1, work->ring, &work->mac, work->wall_ms) < 0) {
        out_of_memory(work);
        return false;
    }
    if (ret_who->result == WHO_FOUND)
        return true;
    who_tell(ret_who, &work->err);
    refuse(work, ret_who->result == WHO_NONE ? 404 : 400);
    return false;
}

static void answer_profile(struct profile_work *work, const struct profile *profile)
{
    json_out_open(&work->out, '{');
    profile_write_members(&work->out, profile, work->ring);
    profile_write_days(&work->out, profile);
    json_out_close(&work->out, '}');
}

static void run_show(struct profile_work *work)
{
    struct who who;
    if (!find_who(work, buf_span(&work->text), &who))
        return;
    struct profile profile = {.id = who.id};
    (void)profiles_get(work->profiles, who.id, work->wall_ms, &profile);
    answer_profile(work, &profile);
}

static void put_totals(struct profile_work *work)
{
    struct profiles_totals totals = profiles_totals(work->profiles, work->wall_ms);
    json_out_key(&work->out, SPAN("identities"));
    json_out_u64(&work->out, totals.identities);
    json_out_key(&work->out, SPAN("trusted"));
    json_out_u64(&work->out, totals.trusted);
    json_out_key(&work->out, SPAN("in_profile"));
    json_out_u64(&work->out, totals.in_profile);
    json_out_key(&work->out, SPAN("rate"));
    json_out_double(&work->out, totals.rate);
}

static void run_list(struct profile_work *work)
{
    struct profile *largest = mem_array(work->limit + 1, sizeof(*largest));
    if (!largest) {
        out_of_memory(work);
        return;
    }
    size_t count = profiles_largest(work->profiles, work->wall_ms, largest, work->limit);
    json_out_open(&work->out, '{');
    json_out_key(&work->out, SPAN("profiles"));
    json_out_open(&work->out, '[');
    for (size_t i = 0; i < count; i++) {
        json_out_open(&work->out, '{');
        profile_write_members(&work->out, &largest[i], work->ring);
        json_out_close(&work->out, '}');
    }
    json_out_close(&work->out, ']');
    put_totals(work);
    json_out_close(&work->out, '}');
    mem_free(largest);
}

struct grant {
    double rate;
    uint64_t wall_ms;
    struct profile result;
};

static bool grant(struct profile *profile, void *arg)
{
    struct grant *grant = arg;
    profile_grant(profile, grant->rate, grant->wall_ms);
    grant->result = *profile;
    return true;
}

/* The body of a change: an object with a member "who". NULL when it was refused. */
static json_t *read_body(struct profile_work *work, const char *const *members, struct who *ret_who)
{
    json_t *root = keys_json_parse(buf_span(&work->text), &work->err);
    if (root && keys_json_only(root, members, &work->err) == 0) {
        const json_t *text = json_object_get(root, "who");
        if (json_is_string(text)) {
            if (find_who(work, span_of(json_string_value(text), json_string_length(text)), ret_who))
                return root;
            json_decref(root);
            return NULL;
        }
        (void)err_set(&work->err, -EINVAL, "'who' must be a text");
    }
    json_decref(root);
    refuse(work, 400);
    return NULL;
}

static void grant_to(struct profile_work *work, const struct who *who, double rate)
{
    char id[20];
    struct grant given = {.rate = rate, .wall_ms = work->wall_ms};
    int result = profiles_change(work->profiles, who->id, rate > 0, work->wall_ms, grant, &given);
    if (result < 0 && result != -ENOENT) {
        (void)err_set(&work->err, result,
                      result == -ENOSPC ? "limits.identities is full of trusted callers"
                                        : "out of memory");
        refuse(work, 503);
        return;
    }
    given.result.id = who->id;
    answer_profile(work, &given.result);
    who_format(work->ring, who->id, id);
    snprintf(work->log, sizeof(work->log), rate > 0 ? "%s is granted %.6g wt/s" : "%s has no grant",
             id, rate);
}

static void run_grant(struct profile_work *work)
{
    static const char *const members[] = {"who", "rate", NULL};
    struct who who;
    json_t *root = read_body(work, members, &who);
    if (!root)
        return;
    const json_t *rate = json_object_get(root, "rate");
    double value = json_number_value(rate);
    if (!json_is_number(rate) || !(value >= 0 && value <= PROFILE_RATE_MAX)) {
        (void)err_set(&work->err, -EINVAL, "'rate' must be a number of wt/s from 0 to %.0f",
                      PROFILE_RATE_MAX);
        refuse(work, 400);
    } else {
        grant_to(work, &who, value);
    }
    json_decref(root);
}

static void run_forget(struct profile_work *work)
{
    static const char *const members[] = {"who", NULL};
    struct who who;
    char id[20];
    json_t *root = read_body(work, members, &who);
    if (!root)
        return;
    int known = profiles_keeper_forget(work->keeper, who.id, work->wall_ms, &work->err);
    who_format(work->ring, who.id, id);
    if (known < 0) {
        (void)err_prefix(&work->err, known, "it is forgotten until the next start only");
        refuse(work, 503);
    } else {
        json_out_open(&work->out, '{');
        json_out_key(&work->out, SPAN("id"));
        json_out_string(&work->out, span_str(id));
        json_out_key(&work->out, SPAN("known"));
        json_out_bool(&work->out, known);
        json_out_close(&work->out, '}');
        snprintf(work->log, sizeof(work->log), "%s is forgotten", id);
    }
    json_decref(root);
}

static void run_import(struct profile_work *work)
{
    const struct profiles_import import = {.profiles = work->profiles,
                                           .ring = work->ring,
                                           .mac = &work->mac,
                                           .wall_ms = work->wall_ms};
    json_t *root = keys_json_parse(buf_span(&work->text), &work->err);
    if (!root) {
        refuse(work, 400);
        return;
    }
    json_out_open(&work->out, '{');
    work->status = profiles_import(&import, root, &work->out, &work->err);
    if (work->status == 200)
        json_out_close(&work->out, '}');
    json_decref(root);
}

static void on_helper(struct work *arg)
{
    struct profile_work *work = container_of(arg, struct profile_work, work);
    work->status = 200;
    work->out = json_out_start(&work->answer);
    work->run(work);
}

/* ── on the control thread ── */

static void on_done(struct work *arg)
{
    struct profile_work *work = container_of(arg, struct profile_work, work);
    if (work->log[0])
        log_line(LOG_INFO, "%s", work->log);
    if (work->status != 200)
        caller_answer_error(arg->caller, work->status, "%s", work->err.text);
    else if (buf_status(&work->answer) < 0)
        caller_answer_error(arg->caller, 503, "the answer is too large: ask for less at a time");
    else
        caller_answer_json(arg->caller, 200, buf_span(&work->answer));
    profile_work_free(work);
}

/* NULL when it was refused. */
static struct profile_work *new_work(const struct ask *ask, void (*run)(struct profile_work *work))
{
    struct profile_work *work = mem_zalloc(sizeof(*work));
    if (!work) {
        caller_answer_error(ask->caller, 503, "out of memory");
        return NULL;
    }
    work->work.on_helper = on_helper;
    work->work.on_done = on_done;
    work->run = run;
    work->profiles = ask->admin->profiles;
    work->keeper = ask->admin->profiles_keeper;
    work->ring = keyring_ref(ask->admin->ring);
    work->mac = ask->admin->key_mac;
    work->wall_ms = loop_wall_ms(ask->admin->loop);
    buf_init(&work->text, ADMIN_BODY_BYTES_MAX);
    buf_init(&work->answer, ADMIN_ANSWER_BYTES_MAX);
    return work;
}

static void send_work(const struct ask *ask, struct profile_work *work)
{
    if (work_start(&work->work, ask->admin, ask->caller) == 0)
        return;
    profile_work_free(work);
    caller_answer_error(ask->caller, 503, "the database has too much to do");
}

static void send_body(const struct ask *ask, void (*run)(struct profile_work *work))
{
    struct profile_work *work = new_work(ask, run);
    if (!work)
        return;
    buf_append(&work->text, ask->body);
    if (buf_status(&work->text) == 0) {
        send_work(ask, work);
        return;
    }
    profile_work_free(work);
    caller_answer_error(ask->caller, 503, "out of memory");
}

/* The one parameter of a question, into `text`. 0 or -EINVAL with *err. */
static int read_question(const struct ask *ask, const char *name, struct buf *text, struct err *err)
{
    int result = query_check(ask->query, &name, 1, err);
    if (result == 0 && query_get(ask->query, span_str(name), text) < 0)
        result = err_set(err, -EINVAL, "'%s' is not well formed", name);
    return result;
}

void route_profiles_list(const struct ask *ask)
{
    struct err err = {""};
    struct profile_work *work = new_work(ask, run_list);
    if (!work)
        return;
    work->limit = LIST_DEFAULT;
    int result = read_question(ask, "limit", &work->text, &err);
    if (result == 0 && work->text.len > 0 &&
        (text_to_u64(buf_span(&work->text), &work->limit) < 0 || work->limit > LIST_MAX))
        result = err_set(&err, -EINVAL, "'limit' must be a number up to %u", LIST_MAX);
    if (result == 0) {
        send_work(ask, work);
        return;
    }
    profile_work_free(work);
    caller_answer_error(ask->caller, 400, "%s", err.text);
}

void route_profiles_show(const struct ask *ask)
{
    struct err err = {""};
    struct profile_work *work = new_work(ask, run_show);
    if (!work)
        return;
    int result = read_question(ask, "who", &work->text, &err);
    if (result == 0 && (work->text.len == 0 || work->text.len > PARAMETER_BYTES_MAX))
        result = err_set(&err, -EINVAL, "'who' must be a key or an address");
    if (result == 0) {
        send_work(ask, work);
        return;
    }
    profile_work_free(work);
    caller_answer_error(ask->caller, 400, "%s", err.text);
}

void route_profiles_grant(const struct ask *ask)
{
    send_body(ask, run_grant);
}

void route_profiles_forget(const struct ask *ask)
{
    send_body(ask, run_forget);
}

void route_profiles_import(const struct ask *ask)
{
    send_body(ask, run_import);
}
