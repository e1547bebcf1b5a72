# SPDX-License-Identifier: Apache-2.0
"""
What a series of figures says: does memory grow with the requests? Pure arithmetic.

The slope is Theil and Sen's: the median of the slopes between all pairs, which a few odd samples do not move. It counts only
when the order of the samples is unlikely to be chance, by Mann and Kendall's test, exact for any number of samples, and when it
is more in all than what a process fills once: caches of the database, tables that grow to their size.
"""
import itertools
import random
import statistics
from typing import NamedTuple

LEAK_BYTES = 100.0     # a request: half of the smallest leak that must be found
RISE_BYTES = 1 << 20   # in all; less may be what is filled once, and more samples will tell
CHANCE_MAX = 0.05      # that samples without a trend rise as often as these
SAMPLES_MIN = 5        # fewer cannot be told from chance
WARM_UP = 1 / 3        # of the samples: pools and buffers are still filling


class Growth(NamedTuple):
    samples: int
    slope: float    # bytes a request
    chance: float   # of so many rises without any trend
    leaks: bool

    @property
    def doubtful(self):
        """Steep enough, but it may be chance or a beginning: more samples will tell."""
        return self.slope > LEAK_BYTES and not self.leaks


def slope(points):
    """Median of the slopes between all pairs of (x, y)."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(points, 2) if x1 != x2]
    return statistics.median(slopes) if slopes else 0.0


def orders(n):
    """How many of the n! orders of n things have 0, 1, 2 … pairs in the wrong order."""
    counts = [1]
    for size in range(2, n + 1):
        longer = [0] * (len(counts) + size - 1)
        for at, count in enumerate(counts):
            for shift in range(size):
                longer[at + shift] += count
        counts = longer
    return counts


def chance_of_rise(values):
    """The chance that values without a trend have as many rising pairs as these. Equal ones count as falling."""
    falling = sum(later <= earlier for earlier, later in itertools.combinations(values, 2))
    counts = orders(len(values))
    return sum(counts[:falling + 1]) / sum(counts)


def growth(points):
    """`points`: (requests so far, bytes) at moments when nothing was under way, of one process, in order."""
    points = points[int(len(points) * WARM_UP):]
    if len(points) < SAMPLES_MIN:
        return Growth(len(points), 0.0, 1.0, False)
    found, chance = slope(points), chance_of_rise([y for _, y in points])
    rise = found * (points[-1][0] - points[0][0])
    return Growth(len(points), found, chance, found > LEAK_BYTES and rise > RISE_BYTES and chance <= CHANCE_MAX)


# Series whose answer is known.

def series(leak, noise, rng, samples=9, requests=1500, warm_up=3 << 20):
    """Memory that fills pools at first, then leaks so many bytes a request; `noise` is a standard deviation in bytes."""
    return [(at * requests, (30 << 20) + warm_up * (1 - 0.3 ** at) + leak * at * requests + rng.gauss(0, noise))
            for at in range(1, samples + 1)]


SELF_TESTS = (  # what, leak, noise, samples, least and most of 200 that must be called a leak
    ("200 bytes a request, quiet", 200, 4 << 10, 9, 200, 200),
    ("200 bytes a request, noise of 50 KiB", 200, 50 << 10, 9, 190, 200),
    ("200 bytes a request, noise of 200 KiB, 20 samples", 200, 200 << 10, 20, 190, 200),
    ("a start that fills 700 KiB at 128 bytes a request", 128, 4 << 10, 9, 0, 0),
    ("no leak, quiet", 0, 4 << 10, 9, 0, 2),
    ("no leak, noise of 50 KiB", 0, 50 << 10, 9, 0, 8),
    ("no leak, noise of 200 KiB, 20 samples", 0, 200 << 10, 20, 0, 8),
)


def self_test(seed=1):
    """[(what, leaks found of 200, as it must be)]"""
    rng = random.Random(seed)
    results = []
    for what, leak, noise, samples, least, most in SELF_TESTS:
        found = sum(growth(series(leak, noise, rng, samples)).leaks for _ in range(200))
        results.append((what, found, least <= found <= most))
    return results
