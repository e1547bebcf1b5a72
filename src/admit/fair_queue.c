/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of nodes: root → class → network → identity. Each node that is not a leaf holds a heap of its children that wait; each identity, a list of entries.
 * A node sits in its parent's heap exactly while an entry waits below it. All levels obey the same rules, so lifting and charging are loops from the
 * leaf to the root.
 *
 * Of each node: `counter` (in its seat) ≥ `base`, what it was lifted to last; counter − running / weight is what it was *served*. `served_max` of a parent
 * is the highest that was served of any child. So a child without running work is above served_max only for what it asked in vain, which counts while others wait, and
 * only one beside which others wait lower has to be remembered.
 *
 * The seat's `price` is that of the first entry of an identity, and of the first identity of a network; classes have none. It is set again from the leaf up
 * whenever a counter or what waits changes.
 */
#include "admit/fair_queue.h"

#include "admit/fair_nodes.h"
#include "base/alloc.h"
#include "base/random.h"

#define BUCKET_BITS_MIN 6
#define BUCKET_BITS_MAX 20
#define TIDY_EVERY 4 /* arrivals; a look at one costs as much as a third of a turn */

static struct fair_node *node_of(struct fair_seat *seat)
{
    return container_of(seat, struct fair_node, seat);
}

void fair_queue_tidy(struct fair_queue *queue, size_t nodes)
{
    for (size_t looks = MIN(nodes, queue->remembered_count); looks > 0; looks--)
        fair_node_look_at(queue, fair_node_oldest(queue));
}

/* ---- counters ------------------------------------------------------------------------------ */

static bool has_waiting(const struct fair_node *node)
{
    return node->level == LEVEL_IDENTITY ? node->waiting > 0 : node->heap.count > 0;
}

/* Price of what a node that waits would be served next, as its parent counts it. Classes go by their counters alone. */
static double price_next(const struct fair_node *node)
{
    if (node->level == LEVEL_IDENTITY)
        return (double)list_entry(node->entries.next, struct fair_entry, link)->price;
    return node->level == LEVEL_NETWORK ? fair_heap_first(&node->heap)->price : 0;
}

/* How far its next is stretched. */
static float lateness(const struct fair_node *node)
{
    if (node->level == LEVEL_NETWORK)
        return fair_heap_first(&node->heap)->late;
    if (node->level != LEVEL_IDENTITY)
        return 0;
    const struct fair_entry *next = list_entry(node->entries.next, struct fair_entry, link);
    return next->stretched ? (float)(node->parts - node->giving_way) / next->ordinary_calls : 0;
}

/* Puts a node into its parent's heap, moves it there, or takes it out, as its counter and what waits below it say. */
static void update_seat(struct fair_node *node)
{
    struct fair_node *parent = node->parent;
    struct fair_seat *seat = &node->seat;
    if (!has_waiting(node)) {
        if (seat->place > 0)
            fair_heap_remove(&parent->heap, seat);
        return;
    }
    seat->price = price_next(node);
    seat->late = lateness(node);
    if (seat->place > 0) {
        fair_heap_move(&parent->heap, seat);
        return;
    }
    if (parent->heap.count == 0)
        parent->virtual_time = parent->served_max;
    fair_heap_put(&parent->heap, seat);
}

/* From the identity up: where a network belongs depends on the order within it. */
static void update_seats(struct fair_node *leaf)
{
    for (struct fair_node *node = leaf; node->parent; node = node->parent)
        update_seat(node);
}

static void lift(struct fair_node *node, double floor)
{
    node->base = floor;
    node->seat.counter = MAX(node->seat.counter, floor);
}

/* Lifts what does not wait yet on the way from the identity up. */
static void lift_all(struct fair_node *leaf, uint64_t number)
{
    for (struct fair_node *node = leaf; node->parent; node = node->parent)
        if (node->seat.place == 0) {
            node->seat.since = number;
            lift(node, fair_node_floor(node->parent));
        }
}

static double served_of(const struct fair_node *node)
{
    return node->seat.counter - (double)node->running_price / node->weight;
}

static void note_served(struct fair_node *node)
{
    node->parent->served_max = MAX(node->parent->served_max, served_of(node));
}

/* `price` wt of work of the identity count as `used` from now on. */
static void charge(struct fair_node *leaf, uint64_t price, uint64_t used)
{
    for (struct fair_node *node = leaf; node->parent; node = node->parent) {
        double counter = node->seat.counter + ((double)used - (double)price) / node->weight;
        node->seat.counter = MAX(counter, node->base);
    }
    update_seats(leaf);
}

/* `used` wt of a child's work are over: the time of those that wait beside it moves on by the share of each. Shares are counted for all in memory, who wait, run or were
 * served ahead of their time; but for these not more than for those that wait, or strangers who come and go would make it stand still. Never behind
 * what all that wait were served. Only what was charged while it ran counts: an engine that ends a call with a wild number may not put strangers off. */
static void pass_time(const struct fair_node *child, uint64_t used)
{
    struct fair_node *parent = child->parent;
    if (parent->level == LEVEL_ROOT || parent->heap.count == 0)
        return;
    uint32_t shares = MIN(parent->parts, 2 * (parent->heap.count + 1));
    double time = parent->virtual_time + (double)used / shares;
    double least = MIN(served_of(child), fair_heap_lowest(&parent->heap));
    parent->virtual_time = MAX(time, least);
}

/* Classes that wait lower than the one that goes were not allowed to go. */
static void lift_passed_over(struct fair_queue *queue, const struct fair_node *class)
{
    for (size_t i = 0; i < FAIR_CLASSES; i++) {
        struct fair_node *other = &queue->classes[i];
        if (other->seat.place > 0 && other->seat.counter < class->seat.counter) {
            lift(other, class->seat.counter);
            update_seat(other);
        }
    }
}

static struct fair_node *class_of(struct fair_node *leaf)
{
    return leaf->parent->parent;
}

/* ---- entries ------------------------------------------------------------------------------- */

static struct class_totals *totals_of(struct fair_queue *queue, const struct fair_entry *entry)
{
    return &queue->totals[class_of(entry->node)->id];
}

static void take_out(struct fair_queue *queue, struct fair_entry *entry)
{
    check(entry->node && !list_empty(&entry->link));
    struct class_totals *totals = totals_of(queue, entry);
    list_remove(&entry->link);
    list_remove(&entry->arrival_link);
    totals->waiting--;
    totals->price -= entry->price;
    entry->node->waiting--;
    queue->waiting--;
}

static void begin_running(struct fair_queue *queue, struct fair_entry *entry)
{
    lift_passed_over(queue, class_of(entry->node));
    for (struct fair_node *node = entry->node; node->parent; node = node->parent) {
        note_served(node);
        node->running_price += entry->price;
    }
    charge(entry->node, 0, entry->price);
    queue->running++;
}

/* Gives the entry its node. 0 or -ENOMEM. */
static int enter(struct fair_queue *queue, struct fair_entry *entry, const struct fair_place *place, uint64_t price)
{
    check((unsigned)place->class < FAIR_CLASSES);
    struct fair_node *leaf = fair_node_make(queue, place);
    if (!leaf)
        return -ENOMEM;
    list_init(&entry->link);
    list_init(&entry->arrival_link);
    entry->node = leaf;
    entry->price = price == 0 ? 1 : MIN(price, FAIR_PRICE_MAX);
    entry->number = queue->number++;
    entry->gives_way = false;
    leaf->parts++;
    return 0;
}

static void tidy_now_and_then(struct fair_queue *queue)
{
    if (queue->number % TIDY_EVERY == 0)
        fair_queue_tidy(queue, 1);
}

static void depart(struct fair_queue *queue, struct fair_entry *entry)
{
    struct fair_node *leaf = TAKE(entry->node);
    fair_node_let_go(queue, leaf);
    tidy_now_and_then(queue);
    while (queue->remembered_count > queue->remembered_max)
        fair_node_forget(queue, fair_node_oldest(queue));
}

/* Entries that one identity may have waiting now. */
static uint32_t identity_bound(const struct fair_queue *queue)
{
    uint32_t most = queue->limits.waiting_max;
    uint32_t rest = queue->waiting < most ? most - queue->waiting : 0;
    return MAX(queue->limits.per_identity_max, rest / FAIR_SHARE_OF_REST);
}

int fair_queue_pass(struct fair_queue *queue, struct fair_entry *entry, const struct fair_place *place, uint64_t price)
{
    int r = enter(queue, entry, place, price);
    if (r < 0)
        return r;
    lift_all(entry->node, entry->number);
    begin_running(queue, entry);
    return 0;
}

/* In a flood most may not wait: it is said without making anything for them. Who goes on asking stays remembered longest. */
static int may_wait(struct fair_queue *queue, const struct fair_place *place)
{
    struct fair_node *node = fair_node_find(queue, place, LEVEL_IDENTITY);
    int r = queue->waiting < queue->limits.waiting_max ? 0 : -ENOSPC;
    if (node && node->waiting >= identity_bound(queue))
        r = -EAGAIN;
    if (r == 0)
        return 0;
    if (!node)
        node = fair_node_find(queue, place, LEVEL_NETWORK);
    if (node)
        fair_node_look_at(queue, node);
    queue->number++;
    tidy_now_and_then(queue);
    return r;
}

static int push(struct fair_queue *queue, struct fair_entry *entry, const struct fair_place *place, uint64_t price, bool first)
{
    check((unsigned)place->class < FAIR_CLASSES);
    int r = may_wait(queue, place);
    if (r == 0)
        r = enter(queue, entry, place, price);
    if (r < 0)
        return r;

    struct fair_node *leaf = entry->node;
    struct class_totals *totals = totals_of(queue, entry);
    if (first) {
        list_push_front(&leaf->entries, &entry->link);
        list_push_front(&totals->arrivals, &entry->arrival_link);
    } else {
        list_push_back(&leaf->entries, &entry->link);
        list_push_back(&totals->arrivals, &entry->arrival_link);
    }
    leaf->waiting++;
    queue->waiting++;
    totals->waiting++;
    totals->price += entry->price;
    lift_all(leaf, entry->number);
    update_seats(leaf);
    return 0;
}

int fair_queue_push(struct fair_queue *queue, struct fair_entry *entry, const struct fair_place *place, uint64_t price)
{
    return push(queue, entry, place, price, false);
}

int fair_queue_push_first(struct fair_queue *queue, struct fair_entry *entry, const struct fair_place *place, uint64_t price)
{
    return push(queue, entry, place, price, true);
}

struct fair_entry *fair_queue_next(struct fair_queue *queue, unsigned classes)
{
    struct fair_node *node = NULL;
    for (size_t i = 0; i < FAIR_CLASSES; i++) {
        struct fair_node *class = &queue->classes[i];
        if ((classes & 1U << i) && class->seat.place > 0 &&
            (!node || fair_seat_before(&class->seat, &node->seat)))
            node = class;
    }
    if (!node)
        return NULL;
    while (node->level != LEVEL_IDENTITY)
        node = node_of(fair_heap_first(&node->heap));
    return list_entry(list_first(&node->entries), struct fair_entry, link);
}

void fair_queue_take(struct fair_queue *queue, struct fair_entry *entry)
{
    take_out(queue, entry);
    begin_running(queue, entry);
}

void fair_queue_leave(struct fair_queue *queue, struct fair_entry *entry)
{
    take_out(queue, entry);
    entry->node->parts--;
    update_seats(entry->node);
    depart(queue, entry);
}

void fair_queue_leave_in_vain(struct fair_queue *queue, struct fair_entry *entry)
{
    double price = (double)entry->price;
    for (struct fair_node *node = entry->node; node->level > LEVEL_CLASS; node = node->parent) {
        double most = node->parent->virtual_time + FAIR_VAIN_TURNS * price;
        double charged = MIN(node->seat.counter + price, most);
        node->seat.counter = MAX(node->seat.counter, charged);
    }
    fair_queue_leave(queue, entry);
}

void fair_queue_settle(struct fair_queue *queue, struct fair_entry *entry, uint64_t used)
{
    check(entry->node && list_empty(&entry->link) && queue->running > 0);
    for (struct fair_node *node = entry->node; node->parent; node = node->parent)
        node->running_price -= entry->price;
    entry->node->giving_way -= entry->gives_way;
    entry->node->parts--;
    charge(entry->node, entry->price, MIN(used, FAIR_PRICE_MAX));
    for (struct fair_node *node = entry->node; node->parent; node = node->parent) {
        note_served(node);
        pass_time(node, MIN(used, entry->price));
    }
    queue->running--;
    depart(queue, entry);
}

void fair_queue_charge(struct fair_queue *queue, struct fair_entry *entry, uint64_t used)
{
    check(entry->node && list_empty(&entry->link) && queue->running > 0);
    used = MIN(used, FAIR_PRICE_MAX);
    if (used <= entry->price)
        return;
    for (struct fair_node *node = entry->node; node->parent; node = node->parent)
        node->running_price += used - entry->price;
    charge(entry->node, entry->price, used);
    entry->price = used;
}

/* Of the networks of a class that wait: one of the latest. */
static struct fair_node *late_network(const struct fair_node *class)
{
    struct fair_seat *seat = fair_heap_late(&class->heap, FAIR_LOOKS);
    return seat ? node_of(seat) : NULL;
}

/* When a request that has just come would be served, as its class counts it. */
static double finish_of(const struct fair_queue *queue, const struct fair_place *place, uint64_t price)
{
    const struct fair_node *class = &queue->classes[place->class];
    const struct fair_node *network =
        fair_node_find(queue, place, LEVEL_NETWORK);
    double floor = fair_node_floor(class);
    return (network ? MAX(network->seat.counter, floor) : floor) + (double)price;
}

struct fair_entry *fair_queue_displaced_by(struct fair_queue *queue, const struct fair_place *place, uint64_t price)
{
    for (size_t lowest = FAIR_CLASSES - 1; lowest > (size_t)place->class; lowest--) {
        struct list *arrivals = &queue->totals[lowest].arrivals;
        if (!list_empty(arrivals))
            return list_entry(arrivals->prev, struct fair_entry, arrival_link);
    }
    struct fair_node *node =
        place->class == FAIR_UNKNOWN ? late_network(&queue->classes[FAIR_UNKNOWN]) : NULL;
    if (!node || node->seat.counter + node->seat.price <= finish_of(queue, place, price))
        return NULL;
    node = node_of(fair_heap_late(&node->heap, FAIR_LOOKS));
    return list_entry(node->entries.prev, struct fair_entry, link);
}

static struct fair_calls calls_of(const struct fair_node *leaf)
{
    return (struct fair_calls){leaf->parts - leaf->waiting - leaf->giving_way, leaf->waiting};
}

struct fair_calls fair_queue_calls(const struct fair_queue *queue, const struct fair_place *place)
{
    const struct fair_node *leaf = fair_node_find(queue, place, LEVEL_IDENTITY);
    return leaf ? calls_of(leaf) : (struct fair_calls){0};
}

struct fair_calls fair_queue_calls_beside(const struct fair_entry *entry)
{
    return calls_of(entry->node);
}

void fair_queue_give_way(struct fair_entry *entry)
{
    entry->gives_way = true;
    entry->node->giving_way++;
    update_seats(entry->node);
}

bool fair_queue_owes(const struct fair_entry *entry)
{
    const struct fair_node *network = entry->node->parent;
    return network->seat.counter > network->base;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void init_class(struct fair_queue *queue, size_t i)
{
    struct fair_node *class = &queue->classes[i];
    class->parent = &queue->root;
    class->id = i;
    class->level = LEVEL_CLASS;
    class->weight = queue->limits.weights[i];
    check(class->weight >= 1);
    list_init(&class->remembered_link);
    list_init(&queue->totals[i].arrivals);
}

struct fair_queue *fair_queue_new(const struct fair_limits *limits)
{
    check(limits->waiting_max >= 1 && limits->per_identity_max >= 1);
    struct fair_queue *queue = mem_zalloc(sizeof(*queue));
    if (!queue)
        return NULL;
    queue->limits = *limits;
    list_init(&queue->remembered);
    for (size_t i = 0; i < COUNT_OF(queue->factors); i++)
        queue->factors[i] = random_u64() | 1;
    for (size_t i = 0; i < FAIR_CLASSES; i++)
        init_class(queue, i);

    queue->remembered_max = MIN(limits->waiting_max, (uint32_t)FAIR_REMEMBERED_MAX);
    queue->bucket_bits = BUCKET_BITS_MIN;
    while (UINT64_C(1) << queue->bucket_bits < limits->waiting_max && queue->bucket_bits < BUCKET_BITS_MAX)
        queue->bucket_bits++;
    queue->buckets = mem_array((size_t)1 << queue->bucket_bits, sizeof(struct fair_node *));
    if (!queue->buckets || fair_heap_reserve(&queue->root.heap, FAIR_CLASSES) < 0) {
        fair_queue_free(queue);
        return NULL;
    }
    return queue;
}

void fair_queue_free(struct fair_queue *queue)
{
    if (!queue)
        return;
    check(queue->waiting == 0 && queue->running == 0);
    while (queue->remembered_count > 0)
        fair_node_forget(queue, fair_node_oldest(queue));
    check(queue->nodes == 0);
    for (size_t i = 0; i < FAIR_CLASSES; i++)
        fair_heap_release(&queue->classes[i].heap);
    fair_heap_release(&queue->root.heap);
    mem_free(queue->buckets);
    mem_free(queue);
}

void fair_queue_set_bounds(struct fair_queue *queue, uint32_t waiting_max, uint32_t per_identity_max)
{
    check(waiting_max >= 1 && per_identity_max >= 1);
    queue->limits.waiting_max = waiting_max;
    queue->limits.per_identity_max = per_identity_max;
}

uint32_t fair_queue_waiting(const struct fair_queue *queue, enum fair_class class)
{
    return queue->totals[class].waiting;
}

uint64_t fair_queue_price_waiting(const struct fair_queue *queue, enum fair_class class)
{
    uint64_t own = queue->totals[class].price, before = 0;
    for (size_t i = 0; i < FAIR_CLASSES; i++) {
        if (i == (size_t) class)
            continue;
        double turns = (double)own * queue->limits.weights[i] / queue->limits.weights[class];
        before += turns < (double)queue->totals[i].price ? (uint64_t)turns : queue->totals[i].price;
    }
    return own + before;
}

double fair_queue_work_before(const struct fair_entry *entry, double most)
{
    double work = 0;
    check(entry->node && !list_empty(&entry->link));
    for (struct list *at = entry->link.prev; at != &entry->node->entries && work <= most; at = at->prev)
        work += (double)list_entry(at, struct fair_entry, link)->price;
    for (struct fair_node *node = entry->node; node->level > LEVEL_CLASS && work <= most; node = node->parent)
        work += fair_heap_price_before(&node->parent->heap, &node->seat, most - work);
    return work;
}

size_t fair_queue_nodes(const struct fair_queue *queue)
{
    return queue->nodes;
}

struct fair_counters fair_queue_counters(const struct fair_queue *queue, const struct fair_place *place)
{
    const struct fair_node *network = fair_node_find(queue, place, LEVEL_NETWORK);
    const struct fair_node *identity = fair_node_find(queue, place, LEVEL_IDENTITY);
    return (struct fair_counters){
        .class = queue->classes[place->class].seat.counter,
        .network = network ? network->seat.counter : 0,
        .identity = identity ? identity->seat.counter : 0,
    };
}

struct span fair_class_name(enum fair_class class)
{
    static const char *const names[FAIR_CLASSES] = {"in_profile", "paid", "unknown"};
    return span_str(class < FAIR_CLASSES ? names[class] : names[FAIR_UNKNOWN]);
}
