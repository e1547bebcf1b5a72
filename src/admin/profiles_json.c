/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/profiles_json.h"

#include "admin/who.h"
#include "base/text.h"

static void put_text(struct json_out *out, struct span name, const char *text)
{
    json_out_key(out, name);
    if (text)
        json_out_string(out, span_str(text));
    else
        json_out_null(out);
}

static void put_bool(struct json_out *out, struct span name, bool value)
{
    json_out_key(out, name);
    json_out_bool(out, value);
}

static void put_double(struct json_out *out, struct span name, double value)
{
    json_out_key(out, name);
    json_out_double(out, value);
}

static void put_number(struct json_out *out, struct span name, uint64_t value)
{
    json_out_key(out, name);
    json_out_u64(out, value);
}

static const char *trusted_by(const struct profile *profile)
{
    if (!profile_is_trusted(profile))
        return NULL;
    return profile->granted_rate >= profile->rate ? "grant" : "use";
}

void profile_write_members(struct json_out *out, const struct profile *profile,
                           const struct keyring *ring)
{
    char id[20], seen[TEXT_TIME_BYTES];
    const struct key *key = keyring_by_id(ring, profile->id);
    who_format(ring, profile->id, id);
    text_time((uint64_t)profile->seen_s * 1000, seen);
    put_text(out, SPAN("id"), id);
    put_text(out, SPAN("name"), key ? key->name : NULL);
    put_bool(out, SPAN("trusted"), profile_is_trusted(profile));
    put_text(out, SPAN("by"), trusted_by(profile));
    put_bool(out, SPAN("in_profile"), profile_in(profile));
    put_double(out, SPAN("in_profile_in_s"), profile_wait_s(profile));
    put_double(out, SPAN("rate"), profile_rate(profile));
    put_double(out, SPAN("burst"), profile_burst(profile));
    put_double(out, SPAN("day"), profile_day(profile));
    put_double(out, SPAN("rate_earned"), (double)profile->rate);
    put_double(out, SPAN("rate_granted"), (double)profile->granted_rate);
    put_double(out, SPAN("balance"), profile->balance);
    put_double(out, SPAN("day_balance"), profile->day_balance);
    put_double(out, SPAN("request_wt"), (double)profile->request_wt);
    put_number(out, SPAN("days_earned"), profile->days_earned);
    put_text(out, SPAN("seen"), profile->seen_s ? seen : NULL);
}

void profile_write_days(struct json_out *out, const struct profile *profile)
{
    json_out_key(out, SPAN("days"));
    json_out_open(out, '[');
    for (size_t i = 0; i < PROFILE_DAYS && profile->today > i; i++) {
        char day[TEXT_TIME_BYTES];
        text_time((profile->today - i) * PROFILE_DAY_MS, day);
        day[sizeof("2026-11-24") - 1] = '\0';
        json_out_open(out, '{');
        put_text(out, SPAN("day"), day);
        put_double(out, SPAN("wt"), (double)profile->days[i].wt);
        put_double(out, SPAN("busiest_wt"), (double)profile->days[i].busiest_wt);
        put_number(out, SPAN("hours"), profile->days[i].hours);
        put_number(out, SPAN("requests"), profile->days[i].requests);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}
