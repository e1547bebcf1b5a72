# SPDX-License-Identifier: Apache-2.0
"""What is shown of the figures."""
import statistics

COLUMNS = (  # heading, width, figure, form
    ("known kept", 11, "known_kept", "{:.3f}"), ("answered", 9, "known_completed", "{:.3f}"), ("newcomers", 10, "newcomers_kept", "{:.3f}"), ("settled s", 10, "settled_s", "{:.0f}"),
    ("TTFT p99 ms", 12, "ttft_p99_ms", "{:.0f}"), ("/ peace", 8, "ttft_p99_ratio", "{:.2f}"), ("TPOT / peace", 13, "tpot_ratio", "{:.2f}"),
    ("gap", 7, "gap_known", "{:.0f}"), ("demoted", 8, "demoted", "{:.1%}"), ("spare+", 7, "beyond_spare", "{:.1%}"),
    ("us/refusal", 11, "refusal_cpu_us", "{:.0f}"))
SUITE_COLUMNS = (
    ("known kept", 22, "known_kept", "{:.3f}"), ("newcomers", 22, "newcomers_kept", "{:.3f}"), ("crowd answered", 22, "crowd_completed", "{:.3f}"),
    ("TTFT p99 / peace", 20, "ttft_p99_ratio", "{:.2f}"), ("TPOT / peace", 19, "tpot_ratio", "{:.2f}"),
    ("demoted", 16, "demoted", "{:.1%}"), ("spare+", 19, "beyond_spare", "{:.1%}"))


def value_of(figures, name, when="siege"):
    """One number; None: unknown."""
    value = figures[name]
    if name == "demoted":
        counts = value and value[when]
        return counts["demoted"] / counts["of"] if counts and counts["of"] else None
    return value


def text(value, form):
    return "-" if value is None else form.format(value)


def spread(values, form):
    """The median, and the range where there is one."""
    values = [value for value in values if value is not None]
    if not values:
        return "-"
    middle = form.format(statistics.median(values))
    ends = form.format(min(values)), form.format(max(values))
    return middle if ends[0] == ends[1] else f"{middle} ({ends[0]}–{ends[1]})"


def line(figures):
    return f"known users keep {text(figures['known_kept'], '{:.3f}')}, newcomers {text(figures['newcomers_kept'], '{:.3f}')}"


def render(rows):
    """One line for each run."""
    lines = [f"{'door':<10}{'attack':>8}" + "".join(f"{name:>{width}}" for name, width, _, _ in COLUMNS)]
    for row in rows:
        cells = (f"{text(value_of(row['figures'], name), form):>{width}}" for _, width, name, form in COLUMNS)
        lines.append(f"{row['door']:<10}{row['factor']:>7g}x" + "".join(cells))
    return "\n".join(lines)


def render_suite(rows):
    """One line for each scenario and door: medians over the seeds, and their range."""
    lines = [f"{'scenario':<24}{'door':<10}{'attack':>8}{'seeds':>6}" + "".join(f"{name:>{width}}" for name, width, _, _ in SUITE_COLUMNS)]
    places = list(dict.fromkeys((row["scenario"], row["door"], row["factor"]) for row in rows))
    for scenario, door, factor in places:
        of_place = [row["figures"] for row in rows if (row["scenario"], row["door"], row["factor"]) == (scenario, door, factor)]
        cells = (f"{spread([value_of(figures, name) for figures in of_place], form):>{width}}" for _, width, name, form in SUITE_COLUMNS)
        lines.append(f"{scenario:<24}{door:<10}{factor:>7g}x{len(of_place):>6}" + "".join(cells))
    return "\n".join(lines)
