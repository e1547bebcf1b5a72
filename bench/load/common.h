/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three programs of the bench share: sockets on loopback, options, the head of a message and the CPU
 * time of other processes. They end with one line when something is wrong: a measurement that lacks a part is worth nothing.
 */
#pragma once

#include "base/histogram.h"
#include "base/text.h"

#include <sys/epoll.h>

#define HEAD_BYTES_MAX 4096
#define READ_BYTES 262144
#define EVENTS_MAX 512 /* that one epoll_wait brings */
#define NS_PER_S 1000000000ull

/* The stamp inside an event's text: STAMP_MARK, then the nanoseconds of CLOCK_MONOTONIC in as many digits. Nothing else that
 * the bench sends holds the mark. */
#define STAMP_MARK '@'
#define STAMP_DIGITS 16

uint64_t now_ns(void);
__attribute__((noreturn)) void die(const char *format, ...) printf_like(1, 2);
/* Zeroed memory; ends the program when there is none. */
void *room_for(size_t bytes);
/* `text` as a number of at most `max`; ends the program when it is none. */
uint64_t number_option(const char *name, const char *text, uint64_t max);
/* The same with a decimal point, in nanoseconds from seconds. */
uint64_t seconds_option(const char *name, const char *text);

/* On 127.0.0.1; both give non-blocking sockets without delay, and end the program when they fail. */
int listen_on(unsigned port);
int connect_to(unsigned port);
/* The next newcomer, or -1. */
int accept_from(int listener);

/* An epoll with this descriptor in it. */
int poller_new(void);
void poller_add(int poller, int fd, uint32_t events, void *owner);
/* epoll_pwait2() until `due_ns` of now_ns(); 0 is without end. */
size_t poller_wait(int poller, struct epoll_event events[EVENTS_MAX], uint64_t due_ns);

/* Bytes of the head with its blank line; 0 when it is not whole. */
size_t head_bytes(struct span message);
/* Content-Length, or -1 without one. */
int64_t head_length(struct span head);

/* Time on a processor of all threads of a process that live, in nanoseconds. Running threads lag by up to a tick. */
uint64_t process_cpu_ns(unsigned pid);
