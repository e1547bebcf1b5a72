# SPDX-License-Identifier: Apache-2.0
"""
What a run adds up to: from the storm's report, the samples of watch.py, and the classes that Seawall gave known users.

`peace` is the report of the same door and seed with no attack: the same users ask the same at the same moments, so each figure is set
against what it would have been. Without it the calm time before the attack stands in, which is shorter and other requests.
None: cannot be said.
"""
import bisect
import collections
import math

SETTLED_SHARE = 0.95
SETTLED_SECONDS = 5     # a second has a handful of requests: five together say more
REFUSED_MIN = 1000      # fewer refusals say nothing about what one costs
CALM_FROM_S = 5
WORK = {"prompt": 1, "generated": 2}  # as in storm/gaps.h


def group(report, name):
    for row in report["groups"]:
        if row["name"] == name:
            return row
    return None


def ratio(value, other):
    return value / other if value is not None and other else None


def good_share(report, name, phase="attack"):
    row = group(report, name)
    return ratio(row["phases"][phase]["good"], row["phases"][phase]["offered"]) if row else None


def kept(report, peace, name):
    """Share of good answers under attack over that share in peace."""
    if peace:
        return ratio(good_share(report, name), good_share(peace, name))
    row = group(report, name)
    return row and row["kept"]


def settled(report, peace, name, over=SETTLED_SECONDS):
    """Seconds from the onset to the end of the last `over` seconds, all of the attack, that had less than SETTLED_SHARE of the share of
    good answers in peace; 0: there were none."""
    usual = good_share(peace, name) if peace else good_share(report, name, "calm")
    if not usual:
        return None
    series = report["series"][name]
    first, end = round(report["attack_from_s"]), min(math.ceil(report["attack_to_s"]), len(series["good"]))
    last = 0
    for second in range(first + over, end + 1):
        good, offered = (sum(series[key][second - over:second]) for key in ("good", "offered"))
        if good < SETTLED_SHARE * usual * offered:
            last = second - first
    return last


def quantile_ratio(report, peace, name, metric, quantile):
    """(under attack, in peace, one over the other)"""
    now = group(report, name)["phases"]["attack"][metric][quantile]
    then = group(peace, name)["phases"]["attack"][metric][quantile] if peace else group(report, name)["phases"]["calm"][metric][quantile]
    return now, then, ratio(now, then)


def gap(report, name, series="gap_mean"):
    """Mean over the windows that lie in the attack."""
    width = report["gap_window_s"]
    first, end = math.ceil(report["attack_from_s"] / width), math.floor(report["attack_to_s"] / width)
    windows = report["series"].get(name, {}).get(series, [])[first:end]
    return sum(windows) / len(windows) if windows else None


# What was counted from outside.

def counted_at(samples, key, at):
    """A counter's value at a moment between two samples; None outside of them."""
    rows = [row for row in samples if key in row]
    place = bisect.bisect([row["at"] for row in rows], at)
    if place == 0 or place == len(rows):
        return None
    before, behind = rows[place - 1], rows[place]
    part = (at - before["at"]) / (behind["at"] - before["at"])
    return before[key] + part * (behind[key] - before[key])


def counted_between(samples, key, began, from_s, to_s):
    first, last = counted_at(samples, key, began + from_s), counted_at(samples, key, began + to_s)
    return None if first is None or last is None else last - first


def engine_work(report, samples):
    """Weighted tokens that the engine worked on during the attack, whoever read them."""
    began = report["storm"]["began_unix_s"]
    parts = [counted_between(samples, key, began, report["attack_from_s"], report["attack_to_s"]) for key in WORK]
    return None if None in parts else sum(part * weight for part, weight in zip(parts, WORK.values()))


def legitimate(report, key, phase="attack"):
    return sum(row["phases"][phase][key] for row in report["groups"] if row["side"] == "legitimate")


def beyond_spare(report, peace, samples):
    """Attackers' share of the engine's work during the attack, less the share that was spare in peace. All that did not reach
    users counts as attackers'."""
    work = engine_work(report, samples)
    if not peace or not work or not report["capacity_tokens_s"]:
        return None
    of_users = legitimate(report, "input_tokens") * WORK["prompt"] + legitimate(report, "tokens") * WORK["generated"]
    seconds = report["attack_to_s"] - report["attack_from_s"]
    load = legitimate(peace, "tokens") / seconds / report["capacity_tokens_s"]
    return max(0.0, max(0.0, 1 - of_users / work) - max(0.0, 1 - load))


def refusal_cpu_us(report, samples):
    """CPU time of the door for each refusal: what it took during the attack beyond what it took in calm. The answers that attackers did get
    are in it, so it is a little too large."""
    began, first, last = report["storm"]["began_unix_s"], report["attack_from_s"], report["attack_to_s"]
    refused = sum(row["phases"]["attack"]["refused"] for row in report["groups"])
    attack = counted_between(samples, "cpu_ns", began, first, last)
    calm = counted_between(samples, "cpu_ns", began, CALM_FROM_S, first)
    if attack is None or calm is None or refused < REFUSED_MIN:
        return None
    return (attack - calm * (last - first) / (first - CALM_FROM_S)) / refused / 1000


def demoted(report, classes):
    """Of requests of known users who have not turned, by when they began: how many were not of class in_profile, and of how many. Each of them
    is within what its user used before, but for chance."""
    if classes is None:
        return None
    insiders = sum(row["identities"] for row in report["groups"] if row["name"] == "insiders")
    first, last = report["attack_from_s"], report["attack_to_s"]
    found = {"peace": collections.Counter(), "siege": collections.Counter()}
    for user, began, name in classes:
        at = began - report["storm"]["began_unix_s"]
        attacked = report["factor"] > 0 and first <= at < last
        if at < 0 or (at >= first and user < insiders):
            continue
        if attacked or at < first or report["factor"] == 0:
            found["siege" if attacked else "peace"][name or "none"] += 1
    return {when: {"demoted": sum(counts.values()) - counts["in_profile"], "of": sum(counts.values()),
                   "by_class": dict(counts)} for when, counts in found.items()}


def area(points):
    """Of (factor, kept): the mean of kept over the logarithm of the factor, by trapezoids; None with fewer than two."""
    points = sorted((math.log10(factor), value) for factor, value in points if factor > 0 and value is not None)
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    sums = [(x - w) * (y + v) / 2 for (w, v), (x, y) in zip(points, points[1:])]
    return sum(sums) / (points[-1][0] - points[0][0])


def all_of(report, peace, samples, classes):
    """Everything that the table and the JSON say about a run."""
    ttft = quantile_ratio(report, peace, "known", "ttft_ms", "p99")
    tpot = quantile_ratio(report, peace, "known", "tpot_ms", "p50")
    crowd, known = group(report, "crowd"), group(report, "known")["phases"]["attack"]
    return {
        "known_offered": known["offered"], "known_completed": ratio(known["completed"], known["offered"]),
        "known_kept": kept(report, peace, "known"), "newcomers_kept": kept(report, peace, "newcomers"),
        "crowd_completed": crowd and ratio(crowd["phases"]["attack"]["completed"], crowd["phases"]["attack"]["offered"]),
        "crowd_good": crowd and good_share(report, "crowd"),
        "settled_s": settled(report, peace, "known"), "settled_1s_s": settled(report, peace, "known", over=1),
        "ttft_p99_ms": ttft[0], "ttft_p99_peace_ms": ttft[1], "ttft_p99_ratio": ttft[2],
        "tpot_p50_ms": tpot[0], "tpot_p50_peace_ms": tpot[1], "tpot_ratio": tpot[2],
        "gap_known": gap(report, "known"), "gap_newcomers": gap(report, "newcomers"),
        "beyond_spare": beyond_spare(report, peace, samples), "refusal_cpu_us": refusal_cpu_us(report, samples),
        "demoted": demoted(report, classes), "storm_late_p99_ms": report["storm"]["late_ms"]["p99"],
    }
