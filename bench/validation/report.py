# SPDX-License-Identifier: Apache-2.0
"""What a comparison says: quantiles and errors of first-token time (TTFT) and time per output token (TPOT), and the plot."""
import json
import math
import os
import re

QUANTILES = {"p50": 0.5, "p99": 0.99}
METRICS = {"ttft_ms": "first token", "tpot_ms": "time per output token"}


def quantile(values, share):
    """Between two values, the line between them."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def values_of(calls, metric):
    return [getattr(call, metric) for call in calls if not call.error and call.output_counted > 1]


def numbers(calls):
    """{metric: {p50, p99}}, each call's values, and what was really done."""
    good = [call for call in calls if not call.error]
    result = {"calls": len(calls), "failed": len(calls) - len(good),
              "prompt_tokens": sum(call.prompt_counted for call in good),
              "answer_tokens": sum(call.output_counted for call in good),
              "latest_send_ms": round(max(call.sent_s - call.at_s for call in calls) * 1000, 1)}
    for metric in METRICS:
        values = values_of(calls, metric)
        result[metric] = {name: round(quantile(values, share), 2) for name, share in QUANTILES.items()}
    result["values"] = {metric: [round(value, 1) for value in values_of(calls, metric)] for metric in METRICS}
    return result


def range_percent(runs, truth):
    return round((max(runs) - min(runs)) / truth * 100, 1)


def compare(real, simulated):
    """Lists of calls, one a run, on both sides. The error of all simulated calls together against all real ones, and how far
    the runs of each side are from each other: their range, as a share of the real value. All in percent."""
    everything = [call for run in real for call in run]
    all_simulated = [call for run in simulated for call in run]
    result = {}
    for metric in METRICS:
        result[metric] = {}
        for name, share in QUANTILES.items():
            truth = quantile(values_of(everything, metric), share)
            runs = [quantile(values_of(run, metric), share) for run in real]
            ours = quantile(values_of(all_simulated, metric), share)
            simulations = [quantile(values_of(run, metric), share) for run in simulated]
            result[metric][name] = {"real": round(truth, 2), "simulated": round(ours, 2),
                                    "error_percent": round((ours - truth) / truth * 100, 1),
                                    "real_runs": [round(run, 2) for run in runs],
                                    "real_range_percent": range_percent(runs, truth),
                                    "simulated_range_percent": range_percent(simulations, truth)}
    return result


class Processors:
    """How busy the machine's processors were since this was made, and how much of them other machines took (steal): a real
    engine that shares memory and caches with compilers is slower than itself alone, whatever its priority."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, idle, wait, irq, soft, steal = (int(field) for field in file.readline().split()[1:9])
        return {"busy": user + nice + system + irq + soft, "idle": idle + wait, "steal": steal}

    def percent(self):
        spent = {name: value - self.before[name] for name, value in self.read().items()}
        total = max(1, sum(spent.values()))
        return {f"{name}_percent": round(spent[name] / total * 100, 1) for name in ("busy", "steal")}


def to_json(document):
    """Lists of numbers stay on one line."""
    text = json.dumps(document, indent=1)
    return re.sub(r"\[[\d\s.,eE-]+\]", lambda match: re.sub(r"\s+", " ", match.group()), text) + "\n"


def draw(path, document):
    """One column a rate, one row a metric: real runs as lines, the simulator beside them."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plot
    import numpy

    rates = document["rates"]
    figure, axes = plot.subplots(len(METRICS), len(rates), figsize=(3.6 * len(rates), 5.6), squeeze=False)
    for column, rate in enumerate(rates):
        for row, (metric, name) in enumerate(METRICS.items()):
            axis = axes[row][column]
            runs = [(run, "0.45", "-", f"real, run {number + 1}") for number, run in enumerate(rate["real"])]
            simulated = [(run, "C3", "--", "simulated" if number == 0 else None) for number, run in enumerate(rate["simulated"])]
            for run, colour, style, legend in runs + simulated:
                values = numpy.sort(run["values"][metric])
                axis.step(values, numpy.arange(1, len(values) + 1) / len(values), color=colour, linestyle=style, linewidth=1,
                          label=legend, where="post")
            axis.set_xscale("log")
            axis.set_ylim(0, 1.01)
            axis.grid(alpha=0.3)
            axis.set_xlabel(f"{name}, ms")
            if row == 0:
                axis.set_title(f"{rate['share_of_capacity']:.0%} of capacity, {rate['simulated'][0]['calls']} calls", fontsize=10)
            if column == 0:
                axis.set_ylabel("share of calls")
    axes[0][0].legend(fontsize=8)
    figure.suptitle(document["what"])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plot.close(figure)
