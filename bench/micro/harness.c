/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP_BYTES (1U << 20) /* of all times of the smaller step together */
#define STEP_TIMES_MIN 4
#define STEP_TIMES_MAX 1024

struct figures {
    uint64_t times; /* in a window */
    double ns[BENCH_WINDOWS];
    double instructions; /* the fewest of all windows; below 0: not counted */
};

static int counter =
    -1; /* of instructions in user space; -1: this kernel or machine has none for us */

__attribute__((noinline)) void bench_repeat(const struct bench *bench, uint64_t times)
{
    bench->repeat(bench->arg, times);
}

/* ---- figures ---- */

static void counter_open(void)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE,
                                         .size = sizeof(attributes),
                                         .config = PERF_COUNT_HW_INSTRUCTIONS,
                                         .exclude_kernel = 1,
                                         .exclude_hv = 1};
    counter = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, (long)PERF_FLAG_FD_CLOEXEC);
}

static uint64_t instructions_now(void)
{
    uint64_t count = 0;
    if (counter >= 0 && read(counter, &count, sizeof(count)) != sizeof(count))
        counter = -1;
    return count;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* How many times fill a window; it is warm then. */
static uint64_t times_for_window(const struct bench *bench)
{
    for (uint64_t times = 1;; times *= 2) {
        uint64_t began = cpu_ns();
        bench_repeat(bench, times);
        uint64_t took = cpu_ns() - began;
        if (took >= BENCH_WINDOW_NS / 2)
            return MAX(times * BENCH_WINDOW_NS / took, (uint64_t)1);
    }
}

static void take_window(const struct bench *bench, struct figures *figures, size_t window)
{
    uint64_t instructions = instructions_now();
    uint64_t began = cpu_ns();
    bench_repeat(bench, figures->times);
    uint64_t took = cpu_ns() - began;
    instructions = instructions_now() - instructions;
    figures->ns[window] = (double)took / (double)figures->times;
    double each = (double)instructions / (double)figures->times;
    if (counter >= 0 && (figures->instructions < 0 || each < figures->instructions))
        figures->instructions = each;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* ---- what is printed ---- */

static void print_words(const struct bench *bench, struct figures *figures)
{
    qsort(figures->ns, BENCH_WINDOWS, sizeof(double), by_size);
    double quartile = figures->ns[BENCH_WINDOWS / 4];
    printf("%-34s %9.1f %9.1f ", bench->name, figures->ns[0], quartile);
    if (bench->bytes > 0)
        printf("%8.2f ", (double)bench->bytes / quartile);
    else
        printf("%8s ", "-");
    if (figures->instructions >= 0)
        printf("%12.1f\n", figures->instructions);
    else
        printf("%12s\n", "-");
}

static void print_json(const struct bench *bench, const struct figures *figures)
{
    printf("{\"name\":\"%s\",\"bytes\":%zu,\"ns\":[", bench->name, bench->bytes);
    for (size_t window = 0; window < BENCH_WINDOWS; window++)
        printf("%s%.2f", window > 0 ? "," : "", figures->ns[window]);
    if (figures->instructions >= 0)
        printf("],\"instructions\":%.1f}\n", figures->instructions);
    else
        printf("],\"instructions\":null}\n");
}

static void print_all(const struct bench *benches, struct figures *figures, size_t count, bool json)
{
    if (!json) {
        printf("%-34s %9s %9s %8s %12s\n", "", "fastest", "quartile", "", "");
        printf("%-34s %9s %9s %8s %12s\n", "", "ns", "ns", "GB/s", "instructions");
    }
    for (size_t i = 0; i < count; i++) {
        if (json)
            print_json(&benches[i], &figures[i]);
        else
            print_words(&benches[i], &figures[i]);
    }
}

/* ---- the ways to run ---- */

static int run_measured(const struct bench *benches, size_t count, bool json)
{
    static struct figures figures[BENCH_MAX];
    counter_open();
    for (size_t i = 0; i < count; i++)
        figures[i] = (struct figures){.times = times_for_window(&benches[i]), .instructions = -1};
    for (size_t window = 0; window < BENCH_WINDOWS; window++)
        for (size_t i = 0; i < count; i++)
            take_window(&benches[(i + window) % count], &figures[(i + window) % count], window);
    print_all(benches, figures, count, json);
    return EXIT_SUCCESS;
}

static int run_list(const struct bench *benches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        puts(benches[i].name);
    return EXIT_SUCCESS;
}

static int run_once(const struct bench *benches, size_t count)
{
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        bench_repeat(&benches[i], 1);
        printf("ok %zu - %s\n", i + 1, benches[i].name);
    }
    return EXIT_SUCCESS;
}

static uint64_t steps_of(const struct bench *bench)
{
    uint64_t times = bench->bytes > 0 ? STEP_BYTES / bench->bytes : STEP_TIMES_MAX;
    times = MIN(times, (uint64_t)STEP_TIMES_MAX);
    return MAX(times, (uint64_t)STEP_TIMES_MIN);
}

static int run_steps(const struct bench *benches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t times = steps_of(&benches[i]);
        printf("%s %llu\n", benches[i].name, (unsigned long long)times);
        bench_repeat(&benches[i], times);
        bench_repeat(&benches[i], times);
        bench_repeat(&benches[i], 2 * times);
    }
    return EXIT_SUCCESS;
}

static bool is_chosen(const struct bench *bench, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (span_starts(span_str(bench->name), span_str(names[i])))
            return true;
    return count == 0;
}

int bench_main(int argc, char **argv, const struct bench *benches, size_t count)
{
    struct bench chosen[BENCH_MAX];
    size_t chosen_count = 0;
    const char *mode = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
    int first = mode[0] ? 2 : 1;

    check(count <= BENCH_MAX);
    for (size_t i = 0; i < count; i++)
        if (is_chosen(&benches[i], argv + first, argc - first))
            chosen[chosen_count++] = benches[i];
    if (chosen_count == 0) {
        fprintf(stderr, "%s: nothing here has such a name\n", argv[0]);
        return 2;
    }
    if (strcmp(mode, "--list") == 0)
        return run_list(chosen, chosen_count);
    if (strcmp(mode, "--once") == 0)
        return run_once(chosen, chosen_count);
    if (strcmp(mode, "--steps") == 0)
        return run_steps(chosen, chosen_count);
    if (mode[0] && strcmp(mode, "--json") != 0) {
        fprintf(stderr, "usage: %s [--json | --list | --once | --steps] [NAME…]\n", argv[0]);
        return 2;
    }
    return run_measured(chosen, chosen_count, mode[0]);
}
