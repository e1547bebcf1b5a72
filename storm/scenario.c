/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/scenario.h"

#include "base/alloc.h"
#include "base/text.h"
#include "config/document.h"
#include "config/value.h"

#include <math.h>
#include <stdarg.h>

#define EXPECTED_BYTES_MAX 160
#define LENGTH_MAX 1000000
#define SECONDS_MAX 86400

/* ── the format, said once ── */

enum kind { TEXT, NAME, WHOLE, NUMBER, SWITCH, CHOICE };

struct field {
    const char *key;
    enum kind kind;
    size_t at;
    double min, max; /* of the value, or of a text's length */
    double otherwise;
    bool needed;
    const char *const *choices;
};

static const char *const sides[] = {"legitimate", "attacker", NULL};
static const char *const keys[] = {"none", "known", "new", "forged", NULL};
static const char *const picks[] = {"any", "next", NULL};
static const char *const laws[] = {"poisson", "gamma", "weibull", NULL};
static const char *const prompts[] = {"unique", "same", NULL};
static const char *const efforts[] = {"none", "low", "medium", "high", NULL};
static const char *const retries[] = {"never", "sdk", "cheat", NULL};
static const char *const reads[] = {"all", "first", "never", NULL};

#define AT(member) offsetof(struct scenario, member)
#define OF(member) offsetof(struct scenario_group, member)

static const struct field top_fields[] = {
    {"title", TEXT, AT(title), 1, SCENARIO_TITLE_BYTES - 1, 0, true, NULL},
    {"seconds", NUMBER, AT(seconds), 1, SECONDS_MAX, 0, true, NULL},
    {"warm_s", NUMBER, AT(warm_s), 0, SECONDS_MAX, 3, false, NULL},
    {"drain_s", NUMBER, AT(drain_s), 0, SECONDS_MAX, 20, false, NULL},
    {"factor", NUMBER, AT(factor), 0, 100000, 1, false, NULL},
    {"attack_from_s", NUMBER, AT(attack_from_s), 0, SECONDS_MAX, 0, false, NULL},
    {"attack_to_s", NUMBER, AT(attack_to_s), 0, SECONDS_MAX, 0, false, NULL},
    {"unloaded_tpot_ms", NUMBER, AT(unloaded_tpot_ms), 0, 60000, 0, false, NULL},
    {"bytes_per_token", NUMBER, AT(bytes_per_token), 1, 16, 4, false, NULL},
    {"any_length", SWITCH, AT(any_length), 0, 1, 0, false, NULL},
};

static const struct field group_fields[] = {
    {"name", NAME, OF(name), 1, SCENARIO_NAME_BYTES - 1, 0, true, NULL},
    {"side", CHOICE, OF(side), 0, 1, 0, true, sides},
    {"keys", CHOICE, OF(keys), 0, 3, KEYS_NONE, false, keys},
    {"turned_share", NUMBER, OF(turned_share), 1e-6, 1, 0, false, NULL},
    {"identities", WHOLE, OF(identities), 1, SCENARIO_IDENTITIES_MAX, 0, false, NULL},
    {"networks", WHOLE, OF(networks), 1, SCENARIO_NETWORKS_MAX, 0, false, NULL},
    {"pick", CHOICE, OF(pick), 0, 1, PICK_ANY, false, picks},
    {"connections", WHOLE, OF(connections), 1, 1000, 6, false, NULL},
    {"load", NUMBER, OF(load), 0, 1000, 1, false, NULL},
    {"arrivals", CHOICE, OF(law), 0, 2, LAW_POISSON, false, laws},
    {"cv", NUMBER, OF(cv), 0.1, 20, 1, false, NULL},
    {"from_s", NUMBER, OF(from_s), 0, SECONDS_MAX, -1, false, NULL},
    {"to_s", NUMBER, OF(to_s), 0, SECONDS_MAX, -1, false, NULL},
    {"ramp_s", NUMBER, OF(ramp_s), 0, SECONDS_MAX, 0, false, NULL},
    {"trace", SWITCH, OF(trace), 0, 1, 0, false, NULL},
    {"input_median", NUMBER, OF(input.median), 1, LENGTH_MAX, 300, false, NULL},
    {"input_sigma", NUMBER, OF(input.sigma), 0, 5, 0.8, false, NULL},
    {"input_max", WHOLE, OF(input.max), 1, LENGTH_MAX, 4000, false, NULL},
    {"output_median", NUMBER, OF(output.median), 1, LENGTH_MAX, 180, false, NULL},
    {"output_sigma", NUMBER, OF(output.sigma), 0, 5, 0.8, false, NULL},
    {"output_max", WHOLE, OF(output.max), 1, LENGTH_MAX, 1000, false, NULL},
    {"prompt", CHOICE, OF(prompt), 0, 1, PROMPT_UNIQUE, false, prompts},
    {"effort", CHOICE, OF(effort), 0, 3, EFFORT_NONE, false, efforts},
    {"streamed", NUMBER, OF(streamed), 0, 1, 1, false, NULL},
    {"patience_s", NUMBER, OF(patience_s), 0, 3600, 30, false, NULL},
    {"patience_growth", NUMBER, OF(patience_growth), 1, 10, 1, false, NULL},
    {"patience_max_s", NUMBER, OF(patience_max_s), 0, 3600, 120, false, NULL},
    {"retry", CHOICE, OF(retry), 0, 2, RETRY_NEVER, false, retries},
    {"retries", WHOLE, OF(retries), 0, 100, 2, false, NULL},
    {"retry_wait_ms", NUMBER, OF(retry_wait_ms), 0, 3600000, 50, false, NULL},
    {"reads", CHOICE, OF(reads), 0, 2, READS_ALL, false, reads},
    {"hold_s", NUMBER, OF(hold_s), 0, 3600, 30, false, NULL},
    {"body_bytes_s", NUMBER, OF(body_bytes_s), 0, 1e9, 0, false, NULL},
};

/* What is being read. Keys given are marked so that none comes twice and the needed ones are seen to be missing. */
struct reading {
    const struct document *document;
    const char *file;
    struct err *err;
    struct scenario *scenario;
};

/* ── what is wrong ── */

static int refuse(const struct reading *reading, const yaml_node_t *node, const char *format, ...)
    printf_like(3, 4);

static int refuse(const struct reading *reading, const yaml_node_t *node, const char *format, ...)
{
    char text[sizeof(((struct err *)NULL)->text)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return err_set(reading->err, -EINVAL, "%s:%u: %s", reading->file, document_line(node), text);
}

static void expectation(const struct field *field, char ret_words[EXPECTED_BYTES_MAX])
{
    size_t len = 0;
    switch (field->kind) {
    case TEXT:
        (void)snprintf(ret_words, EXPECTED_BYTES_MAX, "a text of 1 to %.0f bytes", field->max);
        break;
    case NAME:
        (void)snprintf(ret_words, EXPECTED_BYTES_MAX, "1 to %.0f of a-z 0-9 -", field->max);
        break;
    case WHOLE:
        (void)snprintf(ret_words, EXPECTED_BYTES_MAX, "a whole number from %.0f to %.0f",
                       field->min, field->max);
        break;
    case NUMBER:
        (void)snprintf(ret_words, EXPECTED_BYTES_MAX, "a number from %g to %g", field->min,
                       field->max);
        break;
    case SWITCH:
        (void)snprintf(ret_words, EXPECTED_BYTES_MAX, "true or false");
        break;
    case CHOICE:
        for (size_t i = 0; field->choices[i]; i++)
            len += (size_t)snprintf(ret_words + len, EXPECTED_BYTES_MAX - len, "%s'%s'",
                                    i ? " or " : "", field->choices[i]);
        break;
    }
}

static int refuse_value(const struct reading *reading, const yaml_node_t *node,
                        const struct field *field)
{
    char quoted[VALUE_QUOTE_BYTES], words[EXPECTED_BYTES_MAX];
    expectation(field, words);
    if (node->type != YAML_SCALAR_NODE)
        return refuse(reading, node, "'%s' is something else; expected %s", field->key, words);
    value_quote(document_text(node), quoted);
    return refuse(reading, node, "'%s' is '%s'; expected %s", field->key, quoted, words);
}

/* ── values ── */

static bool take_text(struct span text, size_t max, char *ret_text)
{
    if (text.len < 1 || text.len > max || !text_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    memcpy(ret_text, text.ptr, text.len);
    ret_text[text.len] = '\0';
    return true;
}

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '-')
            return false;
    }
    return true;
}

/* Digits with at most one point; what strtod() would take beyond that (signs, exponents, hexadecimal) is refused. */
static bool take_number(struct span text, double *ret_number)
{
    char terminated[32];
    size_t points = 0;
    if (text.len == 0 || text.len >= sizeof(terminated) || text.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        points += text.ptr[i] == '.';
        if (text.ptr[i] != '.' && !(text.ptr[i] >= '0' && text.ptr[i] <= '9'))
            return false;
    }
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    *ret_number = strtod(terminated, NULL);
    return points <= 1;
}

static bool take_choice(const struct field *field, struct span text, uint32_t *ret_value)
{
    for (uint32_t i = 0; field->choices[i]; i++) {
        if (span_eq(text, span_str(field->choices[i]))) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}

static bool take_value(const struct field *field, const yaml_node_t *node, void *ret_value)
{
    struct span text = document_text(node);
    bool plain = document_is_plain(node);
    double number = 0;
    switch (field->kind) {
    case TEXT:
        return take_text(text, (size_t)field->max, ret_value);
    case NAME:
        return is_name(text) && take_text(text, (size_t)field->max, ret_value);
    case WHOLE:
    case NUMBER:
        if (!plain || !take_number(text, &number) || number < field->min || number > field->max)
            return false;
        if (field->kind == NUMBER)
            *(double *)ret_value = number;
        else
            *(uint32_t *)ret_value = (uint32_t)number;
        return field->kind == NUMBER || number == floor(number);
    case SWITCH:
        return plain && value_bool(text, ret_value) == 0;
    case CHOICE:
        return take_choice(field, text, ret_value);
    }
    return false;
}

static void set_default(const struct field *field, void *ret_value)
{
    if (field->kind == NUMBER)
        *(double *)ret_value = field->otherwise;
    else if (field->kind == WHOLE || field->kind == CHOICE)
        *(uint32_t *)ret_value = (uint32_t)field->otherwise;
}

/* ── records ── */

static const struct field *find_field(const struct field *fields, size_t count, struct span key)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(key, span_str(fields[i].key)))
            return &fields[i];
    return NULL;
}

/* The value of a key, or NULL; -EINVAL when it is there twice. */
static int find_pair(const struct reading *reading, const yaml_node_t *map, const char *key,
                     const yaml_node_t **ret_value)
{
    *ret_value = NULL;
    const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    for (; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = document_node(reading->document, pair->key);
        if (!name || !span_eq(document_text(name), span_str(key)))
            continue;
        if (*ret_value)
            return refuse(reading, name, "'%s' is here twice", key);
        *ret_value = document_node(reading->document, pair->value);
    }
    return 0;
}

/* `extra`: a key that the caller reads by itself. */
static int refuse_unknown(const struct reading *reading, const yaml_node_t *map,
                          const struct field *fields, size_t count, const char *extra,
                          const char *whose)
{
    char quoted[VALUE_QUOTE_BYTES];
    const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    for (; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = document_node(reading->document, pair->key);
        struct span key = name ? document_text(name) : SPAN_NULL;
        if (find_field(fields, count, key) || span_eq(key, span_str(extra)))
            continue;
        value_quote(key, quoted);
        return refuse(reading, name ? name : map, "'%s' is no key of a %s", quoted, whose);
    }
    return 0;
}

static int read_fields(const struct reading *reading, const yaml_node_t *map,
                       const struct field *fields, size_t count, void *record)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct field *field = &fields[i];
        const yaml_node_t *value;
        char words[EXPECTED_BYTES_MAX];
        void *at = (char *)record + field->at;
        set_default(field, at);
        r = find_pair(reading, map, field->key, &value);
        expectation(field, words);
        if (r == 0 && value && !take_value(field, value, at))
            r = refuse_value(reading, value, field);
        else if (r == 0 && !value && field->needed)
            r = refuse(reading, map, "'%s' is missing; expected %s", field->key, words);
    }
    return r;
}

/* ── groups ── */

static int read_turned(const struct reading *reading, const yaml_node_t *map,
                       struct scenario_group *group, uint32_t number)
{
    const yaml_node_t *value;
    int r = find_pair(reading, map, "turned_from", &value);
    group->turned_from = number;
    if (r < 0 || !value)
        return r;
    for (uint32_t i = 0; i < number; i++) {
        const struct scenario_group *other = &reading->scenario->groups[i];
        if (!span_eq(document_text(value), span_str(other->name)))
            continue;
        if (other->turned_from != i)
            return refuse(reading, value, "'turned_from' names a group that is turned itself");
        if (group->identities || group->networks || group->keys)
            return refuse(reading, map,
                          "with 'turned_from' there is no 'identities', 'networks' or 'keys'");
        if (group->turned_share == 0)
            return refuse(reading, map,
                          "'turned_share' is missing; expected a number from 1e-06 to 1");
        group->turned_from = i;
        group->identities = MAX((uint32_t)lround(other->identities * group->turned_share), 1u);
        group->networks = other->networks;
        group->keys = other->keys;
        return 0;
    }
    return refuse(reading, value, "'turned_from' names no group above this one");
}

static int group_agrees(const struct reading *reading, const yaml_node_t *map,
                        struct scenario_group *group, uint32_t number)
{
    const struct scenario *scenario = reading->scenario;
    bool attacks = group->side == SIDE_ATTACKER && scenario_has_attack(scenario);
    for (uint32_t i = 0; i < number; i++)
        if (strcmp(scenario->groups[i].name, group->name) == 0)
            return refuse(reading, map, "a group '%s' is here twice", group->name);
    if (group->identities == 0)
        return refuse(reading, map, "'identities' is missing; expected a whole number from 1 to %d",
                      SCENARIO_IDENTITIES_MAX);
    uint32_t least = (group->identities + SCENARIO_HOSTS_MAX - 1) / SCENARIO_HOSTS_MAX;
    group->networks = group->networks ? group->networks : least;
    if (group->networks < least && group->turned_from == number)
        return refuse(reading, map, "%u identities need %u networks or more, of %d addresses each",
                      group->identities, least, SCENARIO_HOSTS_MAX);
    if (group->from_s < 0)
        group->from_s = attacks ? scenario->attack_from_s : 0;
    if (group->to_s < 0)
        group->to_s = attacks ? scenario->attack_to_s : scenario->seconds;
    if (group->to_s <= group->from_s || group->from_s >= scenario->seconds)
        return refuse(reading, map, "'%s' would send nothing: it begins at %g s and ends at %g s",
                      group->name, group->from_s, MIN(group->to_s, scenario->seconds));
    return 0;
}

static int read_group(const struct reading *reading, const yaml_node_t *map)
{
    uint32_t number = reading->scenario->groups_count;
    struct scenario_group *group = &reading->scenario->groups[number];
    if (!map || map->type != YAML_MAPPING_NODE)
        return refuse(reading, map ? map : document_root(reading->document),
                      "a group is a map of keys");
    int r =
        refuse_unknown(reading, map, group_fields, COUNT_OF(group_fields), "turned_from", "group");
    if (r == 0)
        r = read_fields(reading, map, group_fields, COUNT_OF(group_fields), group);
    if (r == 0)
        r = read_turned(reading, map, group, number);
    if (r == 0)
        r = group_agrees(reading, map, group, number);
    reading->scenario->groups_count += r == 0;
    return r;
}

static int read_groups(const struct reading *reading, const yaml_node_t *root)
{
    const yaml_node_t *list;
    int r = find_pair(reading, root, "groups", &list);
    if (r < 0)
        return r;
    if (!list)
        return refuse(reading, root, "'groups' is missing; expected a list of 1 to %d groups",
                      SCENARIO_GROUPS_MAX);
    ptrdiff_t count = list->type == YAML_SEQUENCE_NODE
                          ? list->data.sequence.items.top - list->data.sequence.items.start
                          : 0;
    if (count < 1 || count > SCENARIO_GROUPS_MAX)
        return refuse(reading, list, "'groups' is a list of 1 to %d groups", SCENARIO_GROUPS_MAX);
    for (ptrdiff_t i = 0; r == 0 && i < count; i++)
        r = read_group(reading,
                       document_node(reading->document, list->data.sequence.items.start[i]));
    return r;
}

/* ── the whole ── */

static int times_agree(const struct reading *reading, const yaml_node_t *root)
{
    const struct scenario *scenario = reading->scenario;
    if (scenario->attack_from_s == 0 && scenario->attack_to_s == 0)
        return 0;
    if (scenario->attack_to_s <= scenario->attack_from_s ||
        scenario->attack_to_s > scenario->seconds)
        return refuse(reading, root,
                      "the attack ends at %g s: not behind its begin, or behind the end",
                      scenario->attack_to_s);
    if (scenario->attack_from_s <= scenario->warm_s)
        return refuse(reading, root, "the attack begins at %g s: there is no calm before it",
                      scenario->attack_from_s);
    return 0;
}

static int read_root(const struct reading *reading)
{
    const yaml_node_t *root = document_root(reading->document);
    if (!root)
        return err_set(reading->err, -EINVAL, "%s: the file is empty", reading->file);
    if (root->type != YAML_MAPPING_NODE)
        return refuse(reading, root, "a scenario is a map of keys");
    int r = refuse_unknown(reading, root, top_fields, COUNT_OF(top_fields), "groups", "scenario");
    if (r == 0)
        r = read_fields(reading, root, top_fields, COUNT_OF(top_fields), reading->scenario);
    if (r == 0)
        r = times_agree(reading, root);
    return r == 0 ? read_groups(reading, root) : r;
}

int scenario_read(struct span yaml, const char *name, struct scenario *ret_scenario,
                  struct err *err)
{
    struct document document;
    int r = document_load(&document, yaml, name, err);
    if (r < 0)
        return r;
    struct scenario *scenario = mem_zalloc(sizeof(*scenario));
    struct reading reading = {&document, name, err, scenario};
    r = scenario ? read_root(&reading) : err_set(err, -ENOMEM, "%s: out of memory", name);
    if (r == 0)
        *ret_scenario = *scenario;
    mem_free(scenario);
    document_release(&document);
    return r;
}
