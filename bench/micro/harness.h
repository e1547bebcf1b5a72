/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the micro-benchmarks share. A program fills a table of things that it can repeat; bench_main() measures them.
 *
 *     PROGRAM [NAME…]          nanoseconds of processor time, GB/s, and instructions where the kernel counts them
 *     PROGRAM --json [NAME…]   the same with all windows, one JSON object on each line
 *     PROGRAM --list           the names alone
 *     PROGRAM --once           each thing once, as TAP: does it still run?
 *     PROGRAM --steps [NAME…]  for callgrind: see bench_repeat()
 *
 * A NAME chooses all things whose names begin with it. Windows are short and taken in turn, so that a machine which changes its speed in
 * between treats all alike. Of each thing the fastest window and the lower quartile count: what is slower was disturbed.
 *
 * Programs are for one thread. What a thing needs is made before bench_main() and not measured.
 */
#pragma once

#include "base/span.h"

#define BENCH_WINDOWS 15
#define BENCH_WINDOW_NS 10000000 /* of processor time */
#define BENCH_MAX 64             /* in one program */

struct bench {
    const char *name; /* without spaces and quotes: "sse/block" */
    size_t bytes;     /* that it works through each time, for GB/s; 0: there is no such figure */
    void (*repeat)(void *arg, uint64_t times);
    void *arg;
};

/* The program's exit status. */
int bench_main(int argc, char **argv, const struct bench *benches, size_t count) must_check;

/*
 * Repeats it `times` times. All repeating goes through here, as a function of its own in the binary, so that callgrind can be told to count
 * from its beginning to its end. With --steps each thing is repeated N, N and 2N times, with "NAME N" on standard output: the difference of
 * the last two, by N, is what one time costs.
 */
void bench_repeat(const struct bench *bench, uint64_t times);

/* What is pointed to may be looked at by anybody: the compiler must have made it. */
static inline void bench_keep(const void *thing)
{
    __asm__ volatile("" : : "r"(thing) : "memory");
}
