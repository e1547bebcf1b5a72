/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios: who sends what, when, and how they behave, as a YAML file that people read.
 *
 * Strict: an unknown key, a wrong type, a number out of range, a name that names nothing: one line with file, line, key
 * and what was expected. Scenarios of storm/scenarios/ are built into the binary under their names; any other is a file.
 *
 * The format. Times are seconds from the start unless a name says otherwise; `number` may have a fraction.
 *
 *   title             text of 1 to 159 bytes; needed
 *   seconds           number 1 to 86400: arrivals end here; needed
 *   warm_s            number: this much of the beginning is in no phase (3)
 *   drain_s           number: so long at most legitimate requests may finish after the end (20)
 *   factor            number 0 to 100000: what attackers send together, in multiples of capacity (1)
 *   attack_from_s     number; attackers' groups begin here unless they say otherwise (0)
 *   attack_to_s       number; both 0: there is no attack, and all is calm
 *   unloaded_tpot_ms  number; 0: the median of legitimate requests in the calm phase (0)
 *   bytes_per_token   number 1 to 16: a prompt of n tokens has n times so many bytes (4)
 *   any_length        true: answers may end when the engine likes; else `ignore_eos` is sent, and a shorter answer than
 *                     was asked for is not a good one (false)
 *   groups            list of 1 to 12, each:
 *
 *   name              1 to 23 of a-z 0-9 -; needed
 *   side              "legitimate" or "attacker"; needed
 *   keys              "none": sends no Authorization; "known" or "new": one each of the file given on the command line,
 *                     none when no file is; "forged": a made-up one (none)
 *   turned_from       name of a group above: the identities are the first of that group's, and send nothing for it any
 *                     more from this group's begin on. `identities`, `networks` and `keys` are then that group's
 *   turned_share      number above 0 to 1: how many of them; needed with turned_from
 *   identities        1 to 500000; each has an address of its own, and a key; needed without turned_from
 *   networks          1 to 4096: /24s over which the addresses are spread; 254 in each at most (as many as are needed)
 *   pick              "any": each arrival is of one of them, evenly; "next": of the next one, so that with many identities
 *                     each is new (any)
 *   connections       1 to 1000: open ones of an identity at most (6)
 *
 *   load              number: arrivals as a share of capacity; for attackers as a share of the factor (1)
 *   arrivals          "poisson", "gamma" or "weibull" gaps (poisson)
 *   cv                number 0.1 to 20: coefficient of variation of gamma's and Weibull's gaps (1)
 *   from_s, to_s      numbers: when it sends (always; attackers: during the attack)
 *   ramp_s            number: from nothing to all of it in so long (0)
 *   trace             true: when, by whom and how long comes from the trace on the command line: "--trace" (false)
 *
 *   input_median, input_sigma, input_max      tokens of prompts: log-normal (300, 0.8, 4000); sigma 0: all alike
 *   output_median, output_sigma, output_max   tokens of answers: log-normal (180, 0.8, 1000)
 *   prompt            "unique", or "same": all of the group's begin alike (unique)
 *   effort            "none": no reasoning_effort is sent; "low", "medium" or "high" (none)
 *   streamed          number 0 to 1: share of requests that ask for a stream (1)
 *
 *   patience_s        number: leaves after so long without a (further) token; 0: never (30)
 *   patience_growth   number 1 to 10: and waits so many times longer at each next try (1)
 *   patience_max_s    number: but no longer (120)
 *   retry             "never"; "sdk": as OpenAI's client libraries; "cheat": whatever Retry-After says (never)
 *   retries           0 to 100: further tries (2)
 *   retry_wait_ms     number: a cheat's wait (50)
 *   reads             "all"; "first": hangs up at the first token; "never": leaves the answer unread, holds the connection
 *                     for hold_s and hangs up (all)
 *   hold_s            number (30)
 *   body_bytes_s      number: sends its body at so many bytes a second; 0: at once (0)
 *
 * A scenario is plain data: copy it freely. Any thread.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define SCENARIO_GROUPS_MAX 12
#define SCENARIO_FILE_BYTES_MAX 65536
#define SCENARIO_TITLE_BYTES 160
#define SCENARIO_NAME_BYTES 24
#define SCENARIO_IDENTITIES_MAX 500000
#define SCENARIO_NETWORKS_MAX 4096
#define SCENARIO_HOSTS_MAX 254 /* of one /24 */

enum scenario_side { SIDE_LEGITIMATE, SIDE_ATTACKER };
enum scenario_keys { KEYS_NONE, KEYS_KNOWN, KEYS_NEW, KEYS_FORGED };
enum scenario_pick { PICK_ANY, PICK_NEXT };
enum scenario_law { LAW_POISSON, LAW_GAMMA, LAW_WEIBULL };
enum scenario_prompt { PROMPT_UNIQUE, PROMPT_SAME };
enum scenario_effort { EFFORT_NONE, EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH };
enum scenario_retry { RETRY_NEVER, RETRY_SDK, RETRY_CHEAT };
enum scenario_reads { READS_ALL, READS_FIRST, READS_NEVER };

struct scenario_lengths {
    double median, sigma;
    uint32_t max;
};

struct scenario_group {
    char name[SCENARIO_NAME_BYTES];
    uint32_t
        side; /* enum scenario_side; the other uint32_t without a remark are of the enum of their name */
    uint32_t keys;
    uint32_t turned_from; /* number of a group; its own: none */
    double turned_share;
    uint32_t identities; /* a number */
    uint32_t networks;   /* a number */
    uint32_t pick;
    uint32_t connections; /* a number */
    double load;
    uint32_t law;
    double cv;
    double from_s, to_s, ramp_s;
    bool trace;
    struct scenario_lengths input, output;
    uint32_t prompt;
    uint32_t effort;
    double streamed;
    double patience_s, patience_growth, patience_max_s;
    uint32_t retry;
    uint32_t retries; /* a number */
    double retry_wait_ms;
    uint32_t reads;
    double hold_s;
    double body_bytes_s;
};

struct scenario {
    char title[SCENARIO_TITLE_BYTES];
    double seconds, warm_s, drain_s;
    double factor;
    double attack_from_s, attack_to_s;
    double unloaded_tpot_ms;
    double bytes_per_token;
    bool any_length;
    uint32_t groups_count;
    struct scenario_group groups[SCENARIO_GROUPS_MAX];
};

/* `yaml` is a whole file; `name` stands in front of errors. 0, -EINVAL or -ENOMEM. */
int scenario_read(struct span yaml, const char *name, struct scenario *ret_scenario,
                  struct err *err) must_check;

/* A built-in scenario by its name; else, when there is a '/' or ".yaml" in it, a file. 0, -ENOENT or as above. */
int scenario_load(const char *name_or_path, struct scenario *ret_scenario,
                  struct err *err) must_check;

/* Names of the built-in scenarios in alphabetical order; NULL behind the last. */
const char *scenario_name_at(size_t index);

static inline bool scenario_has_attack(const struct scenario *scenario)
{
    return scenario->attack_to_s > 0;
}
