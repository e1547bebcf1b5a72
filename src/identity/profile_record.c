/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/profile_record.h"

#include "base/mac.h"

#define VERSION 2
#define CHECKSUM_AT (PROFILE_RECORD_BYTES - 8)

/* Against chance, not against people: whoever can write the file can compute it. */
static const struct mac_key checksum_key = {"profile record"};

static uint64_t checksum(const unsigned char *record)
{
    return mac_64(&checksum_key, span_of(record, CHECKSUM_AT));
}

/* ── writing ── */

static void put(unsigned char **at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, value >>= 8)
        *(*at)++ = (unsigned char)value;
}

static void put_float(unsigned char **at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put(at, bits, sizeof(bits));
}

static void put_double(unsigned char **at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put(at, bits, sizeof(bits));
}

void profile_record_write(const struct profile *profile,
                          unsigned char ret_record[PROFILE_RECORD_BYTES])
{
    unsigned char *at = ret_record;
    put(&at, VERSION, 1);
    put(&at, profile->id, 8);
    put(&at, profile->hour, 4);
    put_float(&at, profile->hour_wt);
    put(&at, profile->today, 2);
    put(&at, profile->days_earned, 2);
    for (size_t i = 0; i < PROFILE_DAYS; i++) {
        put_float(&at, profile->days[i].wt);
        put_float(&at, profile->days[i].busiest_wt);
        put(&at, profile->days[i].hours, 2);
        put(&at, profile->days[i].requests, 2);
    }
    put_float(&at, profile->rate);
    put_float(&at, profile->day_wt);
    put_float(&at, profile->granted_rate);
    put_float(&at, profile->request_wt);
    put_float(&at, profile->output_log);
    put(&at, profile->seen_s, 4);
    put_double(&at, profile->balance);
    put_double(&at, profile->day_balance);
    put(&at, profile->refilled_ms, 8);
    check(at == ret_record + CHECKSUM_AT);
    put(&at, checksum(ret_record), 8);
}

/* ── reading ── */

static uint64_t get(const unsigned char **at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t) * (*at)++ << (8 * i);
    return value;
}

static float get_float(const unsigned char **at)
{
    uint32_t bits = (uint32_t)get(at, 4);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static double get_double(const unsigned char **at)
{
    uint64_t bits = get(at, 8);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* With a little room for what rounding to a float adds. */
#define AMOUNT_MAX (PROFILE_AMOUNT_MAX * 1.001)

static bool is_amount(double value)
{
    return value >= 0 && value <= AMOUNT_MAX; /* not of a NaN */
}

static bool is_balance(double value)
{
    return value >= -AMOUNT_MAX && value <= AMOUNT_MAX;
}

static bool is_possible(const struct profile *profile)
{
    bool good = profile->id != 0 && is_amount(profile->rate) && is_amount(profile->day_wt) &&
                is_amount(profile->granted_rate) && is_amount(profile->request_wt) &&
                is_amount(profile->output_log) && is_amount(profile->hour_wt) &&
                is_balance(profile->balance) && is_balance(profile->day_balance);
    for (size_t i = 0; i < PROFILE_DAYS; i++)
        good = good && is_amount(profile->days[i].wt) && is_amount(profile->days[i].busiest_wt) &&
               profile->days[i].hours <= 24;
    return good;
}

int profile_record_read(const unsigned char record[PROFILE_RECORD_BYTES],
                        struct profile *ret_profile)
{
    const unsigned char *at = record, *end = record + CHECKSUM_AT;
    if (get(&at, 1) != VERSION || get(&end, 8) != checksum(record))
        return -EBADMSG;
    struct profile profile = {.id = get(&at, 8)};
    profile.hour = (uint32_t)get(&at, 4);
    profile.hour_wt = get_float(&at);
    profile.today = (uint16_t)get(&at, 2);
    profile.days_earned = (uint16_t)get(&at, 2);
    for (size_t i = 0; i < PROFILE_DAYS; i++) {
        profile.days[i].wt = get_float(&at);
        profile.days[i].busiest_wt = get_float(&at);
        profile.days[i].hours = (uint16_t)get(&at, 2);
        profile.days[i].requests = (uint16_t)get(&at, 2);
    }
    profile.rate = get_float(&at);
    profile.day_wt = get_float(&at);
    profile.granted_rate = get_float(&at);
    profile.request_wt = get_float(&at);
    profile.output_log = get_float(&at);
    profile.seen_s = (uint32_t)get(&at, 4);
    profile.balance = get_double(&at);
    profile.day_balance = get_double(&at);
    profile.refilled_ms = get(&at, 8);
    if (!is_possible(&profile))
        return -EBADMSG;
    *ret_profile = profile;
    return 0;
}
