/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many honest requests does a budget call out of profile? Real rates, laws of arrival and lengths of known clients are played day after day in peace; the
 * profiles learn, and each request of the days after the first LEARNED is judged as the gate would judge it.
 *
 *     sim_demotion WINDOWS REQUESTS [DAYS [SPREAD [SEED]]]
 *     sim_demotion      callers of its own, as TAP: are few of them called out of profile, and is a thief?
 *
 * WINDOWS: CSV with client_id, window_start_s, rate_rps, iat_family, iat_shape (a renewal process for each window of WINDOW_S). REQUESTS: CSV with client_id,
 * input_tokens, output_tokens, from which lengths are drawn, for each client its own. SPREAD: sigma of the logarithm of a factor by which each client's days
 * differ (0.3). A client without requests of its own is left out.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "identity/profile.h"

#define CLIENTS_MAX 256
#define WINDOW_S 600
#define WINDOWS 144 /* of a day */
#define LENGTHS_MAX 300000
#define LEARNED 7
#define OPEN_MAX 65536 /* calls of one client at a time */
#define TPOT_MS 20
#define FIRST_TOKEN_S 0.2
#define DAY0 20000 /* since 1970 */

struct law {
    double rate, shape;
    bool weibull;
};

struct lengths {
    uint32_t client, input, output;
};

struct call {
    double ends_s;
    uint64_t reserved_wt;
    uint32_t input, output;
};

struct client {
    struct law laws[WINDOWS];
    struct profile profile;
    size_t lengths_at, lengths_count; /* in `lengths` */
    struct call open[OPEN_MAX];       /* a heap by end */
    size_t open_count;
    uint32_t reserved_count; /* of them, those for which something is reserved */
    double next_s;
    uint64_t requests, demoted, stretched;
};

static struct client *clients[CLIENTS_MAX];
static struct lengths lengths[LENGTHS_MAX];
static size_t lengths_count;

/* ---- random --------------------------------------------------------------------------------- */

static double uniform(void)
{
    return ((double)random_below(1U << 30) + 0.5) / (1U << 30);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

/* Mean 1. Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
static double gamma_draw(double shape)
{
    double boost = shape < 1 ? pow(uniform(), 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(), v = 1 + c * x;
        v = v * v * v;
        if (v > 0 && log(uniform()) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * boost / shape;
    }
}

static double interval(const struct law *law)
{
    double unit = law->weibull ? pow(-log(uniform()), 1 / law->shape) / tgamma(1 + 1 / law->shape)
                               : gamma_draw(law->shape);
    return unit / law->rate;
}

/* ---- files ---------------------------------------------------------------------------------- */

#define FIELDS_MAX 32

/* Cuts a line at its commas, in place. */
static size_t fields_of(char *line, char *ret_fields[FIELDS_MAX])
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line; at && count < FIELDS_MAX; count++) {
        ret_fields[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return count;
}

/* Calls `row` with the fields of `names`, in their order. */
static int read_csv(const char *path, const char *const *names, size_t names_count,
                    void (*row)(char *const *fields))
{
    FILE *file = fopen(path, "r");
    if (!file)
        return -errno;
    char *line = NULL, *fields[FIELDS_MAX], *wanted[FIELDS_MAX];
    size_t size = 0, map[FIELDS_MAX], found = 0;
    while (getline(&line, &size, file) > 0) {
        size_t count = fields_of(line, fields);
        if (found == 0) {
            for (size_t i = 0; i < names_count; i++)
                for (size_t j = 0; j < count; j++)
                    if (strcmp(names[i], fields[j]) == 0) {
                        map[i] = j;
                        found++;
                    }
            if (found != names_count)
                break;
            continue;
        }
        for (size_t i = 0; i < names_count; i++)
            wanted[i] = map[i] < count ? fields[map[i]] : fields[0];
        row(wanted);
    }
    free(line);
    fclose(file);
    return found == names_count ? 0 : -EBADMSG;
}

static struct client *client_at(unsigned long id)
{
    if (id >= CLIENTS_MAX)
        return NULL;
    if (!clients[id]) {
        clients[id] = mem_zalloc(sizeof(*clients[id]));
        check(clients[id]);
        clients[id]->profile.id = id + 1;
    }
    return clients[id];
}

static void take_window(char *const *fields)
{
    struct client *client = client_at(strtoul(fields[0], NULL, 10));
    if (!client)
        return;
    size_t window = strtoul(fields[1], NULL, 10) / WINDOW_S;
    if (window < WINDOWS)
        client->laws[window] = (struct law){strtod(fields[2], NULL), strtod(fields[4], NULL),
                                            strcmp(fields[3], "weibull") == 0};
}

static void take_lengths(char *const *fields)
{
    if (lengths_count < LENGTHS_MAX)
        lengths[lengths_count++] = (struct lengths){(uint32_t)strtoul(fields[0], NULL, 10),
                                                    (uint32_t)strtoul(fields[1], NULL, 10),
                                                    (uint32_t)strtoul(fields[2], NULL, 10)};
}

static int by_client(const void *a, const void *b)
{
    const struct lengths *x = a, *y = b;
    return x->client < y->client ? -1 : x->client > y->client;
}

static void share_out_lengths(void)
{
    qsort(lengths, lengths_count, sizeof(lengths[0]), by_client);
    for (size_t i = 0; i < lengths_count; i++) {
        struct client *client = lengths[i].client < CLIENTS_MAX ? clients[lengths[i].client] : NULL;
        if (client && client->lengths_count++ == 0)
            client->lengths_at = i;
    }
}

/* ---- calls ---------------------------------------------------------------------------------- */

static uint64_t wall_ms(double s)
{
    return DAY0 * PROFILE_DAY_MS + (uint64_t)(s * 1000);
}

static void open_push(struct client *client, struct call call)
{
    check(client->open_count < OPEN_MAX);
    size_t at = client->open_count++;
    for (; at > 0 && client->open[(at - 1) / 2].ends_s > call.ends_s; at = (at - 1) / 2)
        client->open[at] = client->open[(at - 1) / 2];
    client->open[at] = call;
}

static struct call open_pop(struct client *client)
{
    struct call first = client->open[0], last = client->open[--client->open_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < client->open_count) {
        if (child + 1 < client->open_count &&
            client->open[child + 1].ends_s < client->open[child].ends_s)
            child++;
        if (client->open[child].ends_s >= last.ends_s)
            break;
        client->open[at] = client->open[child];
        at = child;
    }
    client->open[at] = last;
    return first;
}

static void settle_until(struct client *client, double s)
{
    while (client->open_count > 0 && client->open[0].ends_s <= s) {
        struct call call = open_pop(client);
        struct profile_use use = {.reserved_wt = call.reserved_wt,
                                  .prompt_tokens = call.input,
                                  .completion_tokens = call.output};
        client->reserved_count -= call.reserved_wt > 0;
        profile_settle(&client->profile, &use, wall_ms(call.ends_s));
    }
}

/* As gateway/admission.c reserves: the prompt, and its mean request for the answer. */
static void request(struct client *client, double s, bool judged)
{
    const struct lengths *drawn =
        &lengths[client->lengths_at + random_below((uint32_t)client->lengths_count)];
    settle_until(client, s);
    profile_advance(&client->profile, wall_ms(s));
    double call_s = FIRST_TOKEN_S + expm1((double)client->profile.output_log) * TPOT_MS / 1000;
    bool in = profile_in(&client->profile) &&
              client->reserved_count < profile_calls(&client->profile, call_s);
    bool stretched = in && client->reserved_count + 1 > profile_ordinary_calls(&client->profile, call_s);
    uint64_t wt = drawn->input + (uint64_t)client->profile.request_wt;
    uint64_t reserved = in ? profile_reserve(&client->profile, wt, wall_ms(s)) : 0;
    client->reserved_count += reserved > 0;
    open_push(client, (struct call){s + FIRST_TOKEN_S + drawn->output * TPOT_MS / 1000.0, reserved,
                                    drawn->input, drawn->output});
    client->requests += judged;
    client->demoted += judged && !in;
    client->stretched += judged && stretched;
}

static void play_day(struct client *client, unsigned day, double spread)
{
    double factor = exp(spread * normal());
    for (unsigned window = 0; window < WINDOWS; window++) {
        struct law law = client->laws[window];
        double from = day * 86400.0 + window * WINDOW_S, to = from + WINDOW_S;
        law.rate *= factor;
        if (!(law.rate > 0 && law.shape > 0))
            continue;
        for (double s = from + uniform() * interval(&law); s < to; s += interval(&law))
            request(client, s, day >= LEARNED);
    }
    settle_until(client, (day + 1) * 86400.0);
}

static int by_share(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void play_days(unsigned days, double spread)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        for (unsigned day = 0; clients[i] && clients[i]->lengths_count > 0 && day < days; day++)
            play_day(clients[i], day, spread);
}

static void report(void)
{
    uint64_t requests = 0, demoted = 0, stretched = 0;
    double shares[CLIENTS_MAX];
    unsigned count = 0;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (!clients[i] || clients[i]->requests == 0)
            continue;
        requests += clients[i]->requests;
        demoted += clients[i]->demoted;
        stretched += clients[i]->stretched;
        shares[count++] = (double)clients[i]->demoted / (double)clients[i]->requests;
    }
    printf("in profile and beyond their caller's ordinary calls at once: %.2f %%\n", 100 * (double)stretched / (double)MAX(requests, UINT64_C(1)));
    qsort(shares, count, sizeof(shares[0]), by_share);
    printf("%u clients, %llu requests judged, %llu out of profile: %.3f %%\n", count,
           (unsigned long long)requests, (unsigned long long)demoted,
           100 * (double)demoted / (double)MAX(requests, UINT64_C(1)));
    if (count > 0)
        printf("of a client: median %.2f %%, nine of ten at most %.2f %%, most %.2f %%\n",
               100 * shares[count / 2], 100 * shares[count * 9 / 10], 100 * shares[count - 1]);
}

/* ---- callers of its own --------------------------------------------------------------------- */

#define OWN_CLIENTS 20
#define OWN_LENGTHS 2000
#define OWN_DAYS 14

/* Twenty who come by day in waves: intervals vary by 0.8 to 2.7 times their mean, from one to another. */
static void make_clients(void)
{
    for (unsigned long i = 0; i < OWN_CLIENTS; i++) {
        struct client *client = client_at(i);
        double variation = 0.8 + 0.1 * (double)i;
        for (size_t window = 0; window < WINDOWS; window++)
            client->laws[window] =
                (struct law){fmax(0, 0.05 * sin(6.28318530717959 * (double)window / WINDOWS)),
                             1 / (variation * variation), false};
        for (size_t j = 0; j < OWN_LENGTHS; j++)
            lengths[lengths_count++] = (struct lengths){(uint32_t)i, (uint32_t)exp(5.5 + normal()),
                                                        (uint32_t)exp(5.5 + 0.9 * normal())};
    }
    share_out_lengths();
}

/* What the first of them can take in an hour after its last day, asking without end, over what it used in a busy hour. */
static double stolen(void)
{
    struct profile thief = clients[0]->profile;
    double taken = 0, busiest = profile_rate(&thief) * 3600 / PROFILE_RATE_FACTOR;
    for (double s = OWN_DAYS * 86400.0; s < OWN_DAYS * 86400.0 + 3600; s++)
        taken += (double)profile_reserve(&thief, 1000, wall_ms(s));
    return taken / busiest;
}

static int judge_own(void)
{
    uint64_t requests = 0, demoted = 0;
    make_clients();
    play_days(OWN_DAYS, 0.3);
    for (size_t i = 0; i < OWN_CLIENTS; i++) {
        requests += clients[i]->requests;
        demoted += clients[i]->demoted;
    }
    double share = (double)demoted / (double)requests, theft = stolen();
    bool few = requests > 100000 && share < 0.005, bounded = theft> 1 && theft < 3.2;
    printf("1..2\n%sok 1 - honest requests out of profile: %llu of %llu\n", few ? "" : "not ",
           (unsigned long long)demoted, (unsigned long long)requests);
    printf("%sok 2 - a thief gets %.2f busy hours in the first\n", bounded ? "" : "not ", theft);
    return !(few && bounded);
}

int main(int argc, char **argv)
{
    static const char *const window_names[] = {"client_id", "window_start_s", "rate_rps",
                                               "iat_family", "iat_shape"};
    static const char *const request_names[] = {"client_id", "input_tokens", "output_tokens"};
    random_seed(argc > 5 ? strtoull(argv[5], NULL, 10) : 1);
    if (argc == 1)
        return judge_own();
    if (argc < 3) {
        fprintf(stderr, "usage: sim_demotion [WINDOWS REQUESTS [DAYS [SPREAD [SEED]]]]\n");
        return 2;
    }
    unsigned days = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 14;
    double spread = argc > 4 ? strtod(argv[4], NULL) : 0.3;
    int r = read_csv(argv[1], window_names, COUNT_OF(window_names), take_window);
    if (r == 0)
        r = read_csv(argv[2], request_names, COUNT_OF(request_names), take_lengths);
    if (r < 0) {
        fprintf(stderr, "sim_demotion: %s\n", strerror(-r));
        return 1;
    }
    share_out_lengths();
    play_days(days, spread);
    report();
    return 0;
}
