# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows: progress, a table for each measurement, the goals."""
import sys

from harness import stats
from harness.measurements import AGAIN

BUSY_OTHERS = 0.05  # of a core: more, and the figures are somebody else's too


class Progress:
    """One line at a terminal that changes; nothing elsewhere."""

    def __init__(self, stream=sys.stderr):
        self.stream = stream
        self.on = stream.isatty()

    def say(self, text):
        if self.on:
            self.stream.write(f"\r\033[K{text}")
            self.stream.flush()


def figure(peers, label, metric, which="lower_quartile"):
    """A figure of one peer, or None where there is none."""
    return peers.get(label, {}).get(metric, {}).get(which)


def resolution(peers, metric):
    """How far the pairs of the same program lie apart, the worst of them; None without a pair."""
    gaps = [stats.gap(one, other) for label in peers
            if (one := figure(peers, label, metric)) and (other := figure(peers, label + AGAIN, metric))]
    return max(gaps, default=None)


def text(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def ratio(peers, label, metric, rival):
    one, other = figure(peers, label, metric), figure(peers, rival, metric)
    return "-" if not one or not other else f"{one / other:.2f}"


def table(measurement, peers, others):
    """One measurement as lines; `others`: cores that were busy for somebody else."""
    columns = [column for column in measurement.columns() if any(figure(peers, label, column[1]) is not None for label in peers)]
    added = ("p50_us", "p99_us") if "direct" in peers else ()
    rivals = [rival for rival in ("nginx", "haproxy") if figure(peers, rival, measurement.main)]
    rows = [["", *(heading for heading, *_ in columns), *(f"added {metric[:3]}" for metric in added),
             *(f"x {rival}" for rival in rivals)]]
    for label in peers:
        rows.append([label, *(text(figure(peers, label, metric, which), digits) for _, metric, which, digits in columns),
                     *(text(figure(peers, label, metric) - figure(peers, "direct", metric), 1) for metric in added),
                     *(ratio(peers, label, measurement.main, rival) for rival in rivals)])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    yield f"{measurement.name}: {measurement.title}"
    for row in rows:
        yield "  " + row[0].ljust(widths[0]) + "".join(cell.rjust(width + 2) for cell, width in zip(row[1:], widths[1:]))
    apart = resolution(peers, measurement.main)
    if apart is not None:
        yield f"  one program under two labels lies {apart:.1%} apart: smaller differences say nothing"
    if others > BUSY_OTHERS:
        yield f"  NOT QUIET: programs of others kept {others:.2f} cores busy meanwhile"
    yield ""


def goals_table(goals):
    rows = [[goal["text"], goal["limit"], goal["value"], {True: "met", False: "NOT MET", None: "not measured"}[goal["met"]]]
            for goal in goals]
    rows.insert(0, ["goal", "at most", "measured", ""])
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
