# SPDX-License-Identifier: Apache-2.0
"""What is said about the figures of many short windows."""


def quantile(values, share):
    """Between the two nearest of the sorted values, linearly; `share` 0 is the lowest, 1 the highest."""
    if not values:
        raise ValueError("no values")
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def summary(values):
    """What of the windows goes into the results."""
    return {"lower_quartile": quantile(values, 0.25), "median": quantile(values, 0.5),
            "upper_quartile": quantile(values, 0.75), "lowest": min(values), "highest": max(values),
            "n": len(values)}


def summaries(windows):
    """{metric: summary} of windows that are {metric: value}; a metric that some windows lack is summed up over the others."""
    names = dict.fromkeys(name for window in windows for name in window)
    return {name: summary([window[name] for window in windows if name in window]) for name in names}


def gap(one, other):
    """How far two figures of the same thing lie apart, as a share of the lower one."""
    low, high = sorted((one, other))
    if low <= 0:
        return 0.0 if high == low else float("inf")
    return high / low - 1


def rotated(items, turn):
    """The same round, begun `turn` places later: nobody always comes first."""
    items = list(items)
    at = turn % len(items) if items else 0
    return items[at:] + items[:at]
