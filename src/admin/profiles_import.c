/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/profiles_import.h"

#include "admin/keys_json.h"
#include "admin/profiles_json.h"
#include "admin/who.h"
#include "base/alloc.h"

#include <math.h>

#define HOURS 24

/* ── one identity's days ── */

static bool read_count(const json_t *day, size_t at, uint64_t max, uint64_t *ret_value)
{
    const json_t *value = json_array_get(day, at);
    json_int_t number = json_integer_value(value);
    *ret_value = (uint64_t)number;
    return json_is_integer(value) && number >= 0 && (uint64_t)number <= max;
}

/* In order, each once. */
static bool read_hours(const json_t *hours, struct profile_past *past)
{
    size_t count = json_array_size(hours);
    uint64_t hour, prompt, completion, next = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(hours, i);
        if (json_array_size(row) != 3 || !read_count(row, 0, HOURS - 1, &hour) || hour < next ||
            !read_count(row, 1, INT64_MAX, &prompt) ||
            !read_count(row, 2, INT64_MAX, &completion) || prompt + completion == 0)
            return false;
        past->hours_wt[hour] = (double)prompt + PROFILE_OUTPUT_WEIGHT * (double)completion;
        next = hour + 1;
    }
    return count > 0;
}

static bool read_day(const json_t *json, uint64_t day_max, struct profile_past *ret_past)
{
    uint64_t day, requests;
    if (json_array_size(json) != 4 || !read_count(json, 0, day_max, &day) || day == 0 ||
        !read_count(json, 1, UINT32_MAX, &requests) || requests == 0)
        return false;
    double output_log = json_number_value(json_array_get(json, 2));
    *ret_past =
        (struct profile_past){.day = (uint32_t)day, .requests = requests, .output_log = output_log};
    return json_is_number(json_array_get(json, 2)) && output_log >= 0 &&
           output_log <= (double)requests * log1p(1e19) &&
           read_hours(json_array_get(json, 3), ret_past);
}

/* 0 and the profile as if these days had been lived here, or -EINVAL. */
static int read_days(const json_t *days, uint64_t wall_ms, struct profile *ret_profile,
                     struct err *err)
{
    uint64_t day_max = wall_ms / PROFILE_DAY_MS, last = 0;
    size_t count = json_array_size(days);
    if (!json_is_array(days) || count == 0 || count > PROFILES_IMPORT_DAYS_MAX)
        return err_set(err, -EINVAL, "'days' must be a list of 1 to %u days",
                       PROFILES_IMPORT_DAYS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct profile_past past;
        if (!read_day(json_array_get(days, i), day_max, &past))
            return err_set(err, -EINVAL,
                           "a day is [day, requests, output_log, [[hour, prompt, completion], …]]");
        if (past.day <= last)
            return err_set(err, -EINVAL, "'days' must be in order, each once, none of the future");
        last = past.day;
        profile_import(ret_profile, &past);
    }
    return 0;
}

/* ── all of them ── */

static int read_row(json_t *json, uint64_t wall_ms, struct who *who, struct profile *past,
                    struct err *err)
{
    static const char *const members[] = {"who", "days", NULL};
    const json_t *text = json_object_get(json, "who");
    if (!json_is_object(json))
        return err_set(err, -EINVAL, "an identity must be an object");
    int result = keys_json_only(json, members, err);
    if (result < 0)
        return result;
    if (!json_is_string(text) || json_string_length(text) == 0)
        return err_set(err, -EINVAL, "'who' must be a text");
    who->text = span_of(json_string_value(text), json_string_length(text));
    return read_days(json_object_get(json, "days"), wall_ms, past, err);
}

struct merging {
    const struct profile *past;
    uint64_t wall_ms;
    struct profile result;
};

static bool merge(struct profile *profile, void *arg)
{
    struct merging *merging = arg;
    profile_merge(profile, merging->past, merging->wall_ms);
    merging->result = *profile;
    return true;
}

static int learn(const struct profiles_import *import, uint64_t id, struct merging *merging,
                 bool dry_run)
{
    if (!dry_run)
        return profiles_change(import->profiles, id, true, import->wall_ms, merge, merging);
    struct profile copy = {.id = id};
    (void)profiles_get(import->profiles, id, import->wall_ms, &copy);
    (void)merge(&copy, merging);
    return 0;
}

static void answer(const struct profiles_import *import, struct json_out *out,
                   const struct who *who, const struct profile *past, bool dry_run)
{
    struct merging merging = {.past = past, .wall_ms = import->wall_ms};
    struct err why = {""};
    int result = 0;
    if (who->result == WHO_FOUND)
        result = learn(import, who->id, &merging, dry_run);
    else
        who_tell(who, &why);
    if (result < 0)
        (void)err_set(&why, result,
                      result == -ENOSPC ? "limits.identities is full of trusted callers"
                                        : "out of memory");
    json_out_open(out, '{');
    if (why.text[0]) {
        json_out_key(out, SPAN("refused"));
        json_out_string(out, span_str(why.text));
    } else {
        profile_write_members(out, &merging.result, import->ring);
    }
    json_out_close(out, '}');
}

static unsigned import_rows(const struct profiles_import *import, const json_t *rows, bool dry_run,
                            struct who *whos, struct profile *pasts, struct json_out *out,
                            struct err *err)
{
    size_t count = json_array_size(rows);
    for (size_t i = 0; i < count; i++)
        if (read_row(json_array_get(rows, i), import->wall_ms, &whos[i], &pasts[i], err) < 0) {
            (void)err_prefix(err, -EINVAL, "identity %zu", i);
            return 400;
        }
    if (who_find(whos, count, import->ring, import->mac, import->wall_ms) < 0) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return 503;
    }
    json_out_key(out, SPAN("dry_run"));
    json_out_bool(out, dry_run);
    json_out_key(out, SPAN("results"));
    json_out_open(out, '[');
    for (size_t i = 0; i < count; i++)
        answer(import, out, &whos[i], &pasts[i], dry_run);
    json_out_close(out, ']');
    return 200;
}

unsigned profiles_import(const struct profiles_import *import, json_t *root, struct json_out *out,
                         struct err *err)
{
    static const char *const members[] = {"dry_run", "identities", NULL};
    const json_t *rows = json_object_get(root, "identities");
    const json_t *dry_run = json_object_get(root, "dry_run");
    size_t count = json_array_size(rows);
    if (keys_json_only(root, members, err) < 0)
        return 400;
    if (!json_is_array(rows) || count == 0 || count > PROFILES_IMPORT_MAX ||
        (dry_run && !json_is_boolean(dry_run))) {
        (void)err_set(err, -EINVAL,
                      "'identities' must be a list of 1 to %u, and 'dry_run' true or false",
                      PROFILES_IMPORT_MAX);
        return 400;
    }
    struct who *whos = mem_array(count, sizeof(*whos));
    struct profile *pasts = mem_array(count, sizeof(*pasts));
    unsigned status = 503;
    if (whos && pasts)
        status = import_rows(import, rows, json_is_true(dry_run), whos, pasts, out, err);
    else
        (void)err_set(err, -ENOMEM, "out of memory");
    mem_free(whos);
    mem_free(pasts);
    return status;
}
