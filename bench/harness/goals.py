# SPDX-License-Identifier: Apache-2.0
"""
What the path is meant to cost, and whether it does. A goal is met or not by lower quartiles; the ratio of costs is between whole
process trees. Seawall does all its work meanwhile, its rivals only pass on.
"""
from harness.report import figure

RIVALS = ("nginx", "haproxy")


def beside_rivals(results, name, metric="cpu_us", pick=min):
    """(Seawall's figure / the rival's that `pick` chooses, words)"""
    peers = results.get(name, {})
    own = figure(peers, "seawall", metric)
    rivals = [value for rival in RIVALS if (value := figure(peers, rival, metric))]
    if own is None or len(rivals) < len(RIVALS):
        return None, ""
    return own / pick(rivals), f"{own:.2f} us beside " + " and ".join(f"{value:.2f}" for value in rivals)


def added_delay(results, name, metric):
    peers = results.get(name, {})
    own, direct = figure(peers, "seawall", metric), figure(peers, "direct", metric)
    if own is None or direct is None:
        return None, ""
    return own - direct, f"{own:.0f} us, {direct:.0f} without a proxy"


def single(results, name, metric, scale=1, unit=""):
    value = figure(results.get(name, {}), "seawall", metric)
    return (None, "") if value is None else (value / scale, unit)


def gathering(results):
    peers = results.get("gather", {})
    gathered, passed = figure(peers, "seawall-gathered", "cpu_us"), figure(peers, "seawall", "cpu_us")
    if gathered is None or passed is None:
        return None, ""
    return gathered / passed, f"{gathered:.2f} us beside {passed:.2f}"


def growth(results, label="seawall"):
    """What a second core would add: twice the work of one, less what a request costs more when there are two workers. Not read
    from a clock, because load and upstream need the same two cores."""
    peers = results.get("two-cores", {})
    one, two = figure(peers, label, "cpu_us"), figure(peers, f"{label}-two", "cpu_us")
    if one is None or two is None:
        return None, ""
    return 2 * one / two, f"{one:.2f} us with one worker, {two:.2f} with two"


# (text, what is compared with the limit, limit, form of both, is more better?)
GOALS = [
    ("CPU of a request, beside the better of nginx and HAProxy", lambda r: beside_rivals(r, "rps64"), 0.85, "{:.2f} x", False),
    ("the same with bodies of 8 KB", lambda r: beside_rivals(r, "rps64-8k"), 0.85, "{:.2f} x", False),
    ("CPU of a streamed event beside both, 5,000 a second", lambda r: beside_rivals(r, "sse-5k"), 1.0, "{:.2f} x", False),
    ("the same at 40,000 a second", lambda r: beside_rivals(r, "sse-40k"), 1.0, "{:.2f} x", False),
    ("whole answers from a stream, beside passing it on", gathering, 1.2, "{:.2f} x", False),
    ("private memory of an open stream (5,000)", lambda r: single(r, "mem-stream-5k", "private", 1024), 4, "{:.1f} KiB", False),
    ("delay added for one caller, 99th percentile", lambda r: added_delay(r, "lat1", "p99_us"), 200, "{:.0f} us", False),
    ("resident memory, idle", lambda r: single(r, "idle", "rss_kib", 1024), 16, "{:.1f} MiB", False),
    ("CPU, idle", lambda r: single(r, "idle", "cpu_percent"), 0.1, "{:.3f} %", False),
    ("two cores instead of one (derived: see bench/README.md)", growth, 1.8, "{:.2f} x", True),
]


def judge(results):
    """One row for each goal: text, limit and value as words, met: True, False, or None when it was not measured."""
    rows = []
    for text, measure, limit, form, more in GOALS:
        value, words = measure(results)
        shown = "" if value is None else form.format(value) + (f" ({words})" if words else "")
        met = None if value is None else value >= limit if more else value <= limit
        rows.append({"text": text, "limit": ("at least " if more else "") + form.format(limit), "value": shown, "met": met})
    return rows
