# SPDX-License-Identifier: Apache-2.0
"""A mixed load: Poisson arrivals, and lengths of prompts and answers that are spread as in real traffic."""
import csv
import math
import random

from replay import Call

PROMPT_TOKENS_MIN, ANSWER_TOKENS_MIN = 24, 4
# Without a trace: log-normal with these medians and spreads, cut at the maxima.
PROMPT_MEDIAN, PROMPT_SIGMA = 45, 0.8
ANSWER_MEDIAN, ANSWER_SIGMA = 12, 0.7


def clamp(value, least, most):
    return max(least, min(most, round(value)))


class Lengths:
    """Draws (prompt tokens, answer tokens). With `trace`, a CSV file with columns input_tokens and output_tokens, pairs of
    it, divided so that their means are those wanted; small engines cannot take the lengths that large ones serve."""

    def __init__(self, trace, prompt_mean, answer_mean, prompt_max, answer_max):
        self.most = (prompt_max, answer_max)
        self.pairs = []
        if trace:
            with open(trace, newline="", encoding="utf-8") as file:
                self.pairs = [(int(row["input_tokens"]), int(row["output_tokens"])) for row in csv.DictReader(file)]
            self.scale = [mean / (sum(pair[side] for pair in self.pairs) / len(self.pairs))
                          for side, mean in enumerate((prompt_mean, answer_mean))]

    def draw(self, chance):
        if self.pairs:
            prompt, answer = (value * scale for value, scale in zip(chance.choice(self.pairs), self.scale))
        else:
            prompt = PROMPT_MEDIAN * math.exp(PROMPT_SIGMA * chance.gauss(0, 1))
            answer = ANSWER_MEDIAN * math.exp(ANSWER_SIGMA * chance.gauss(0, 1))
        return (clamp(prompt, PROMPT_TOKENS_MIN, self.most[0]), clamp(answer, ANSWER_TOKENS_MIN, self.most[1]))


def call_seconds(preset, lengths, seed, draws=2000):
    """What one call costs an engine that is full, by a preset's formula: its capacity is one divided by this."""
    chance = random.Random(seed)
    times, full = preset["time"], preset["scheduler"]["running_max"]
    step_us = times["step_us"] + decode_us(times["decode_us"], full)
    prompts, answers = zip(*(lengths.draw(chance) for _ in range(draws)))
    prompt, answer = sum(prompts) / draws, sum(answers) / draws
    kv_us = (prompt + answer / 2) * full / 1000 * times["kv_us_per_1000"]
    return (prompt * times["prefill_us"] + (answer - 1) * (step_us + kv_us) / full) / 1e6


def decode_us(points, sequences):
    """The line through the points, as sim/pace.c draws it."""
    if len(points) == 1:
        return points[0][1]
    at = 0
    while at + 2 < len(points) and sequences > points[at + 1][0]:
        at += 1
    (n0, us0), (n1, us1) = points[at], points[at + 1]
    return max(0.0, us0 + (us1 - us0) / (n1 - n0) * (sequences - n0))


def make(lengths, rate, seconds, seed):
    """Calls that arrive at `rate` a second for `seconds`."""
    chance = random.Random(seed)
    calls, at_s = [], 0.0
    while True:
        at_s += chance.expovariate(rate)
        if at_s > seconds:
            return calls
        calls.append(Call(at_s, *lengths.draw(chance)))
