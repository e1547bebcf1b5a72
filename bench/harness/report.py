# SPDX-License-Identifier: Apache-2.0
"""The table at the terminal."""
from harness import stats
from harness.measurements import AGAIN

RIVALS = ("nginx", "haproxy")


def figure(result, metric, which="lower_quartile"):
    """A figure of one peer, or None when it has none."""
    return result.get(metric, {}).get(which) if result else None


def text(value, digits=2):
    return "-" if value is None else f"{value:,.{digits}f}"


def ratio(one, other):
    return "-" if not one or not other else f"{one / other:.2f}"


def resolution(peers, metric):
    """How far the pairs of the same program lie apart, the worse of them; None without a pair."""
    gaps = []
    for label, result in peers.items():
        one, other = figure(result, metric), figure(peers.get(label + AGAIN), metric)
        if one and other:
            gaps.append(stats.gap(one, other))
    return max(gaps, default=None)


def lines(measurement, peers):
    """One measurement as lines of a table."""
    yield f"{measurement.name}: {measurement.title}"
    yield (f"  {'':<18}{'CPU us/' + measurement.per:>15}{'median':>9}{'gateway':>9}{'x nginx':>9}{'x haproxy':>10}"
           f"{measurement.per + 's/s':>12}{'p50 us':>10}{'p99 us':>10}{'busy':>6}{'load':>6}")
    for label, result in peers.items():
        cost = figure(result, "cpu_us")
        yield (f"  {label:<18}{text(cost):>15}{text(figure(result, 'cpu_us', 'median')):>9}"
               f"{text(figure(result, 'gateway_cpu_us')):>9}"
               f"{ratio(cost, figure(peers.get('nginx'), 'cpu_us')):>9}{ratio(cost, figure(peers.get('haproxy'), 'cpu_us')):>10}"
               f"{text(figure(result, 'rate', 'upper_quartile'), 0):>12}{text(figure(result, 'p50_us'), 1):>10}"
               f"{text(figure(result, 'p99_us'), 1):>10}{share(result, 'cpu_share'):>6}{share(result, 'load_share'):>6}")
    apart = resolution(peers, "cpu_us")
    if apart is not None:
        yield f"  the same program under two labels lies {apart:.1%} apart: less than that says nothing"


def share(result, metric):
    value = figure(result, metric, "median")
    return "-" if value is None else f"{value:.0%}"
