# SPDX-License-Identifier: Apache-2.0
"""bench/proxy: what it says of its windows' figures, what it says of goals, and how it refuses wrong words."""
import io
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
sys.path.insert(0, BENCH)

from harness import goals, machine, report, stats  # noqa: E402
from harness.measurements import MEASUREMENTS  # noqa: E402


def summed(**figures):
    """The results of one peer whose windows all had these figures."""
    return stats.summaries([figures])


class Quantiles(unittest.TestCase):
    def test_one_value_is_every_quantile(self):
        for share in (0, 0.25, 1):
            self.assertEqual(stats.quantile([7], share), 7)

    def test_lie_between_neighbours(self):
        self.assertEqual(stats.quantile([4, 1, 3, 2], 0.5), 2.5)
        self.assertEqual(stats.quantile([1, 2, 3, 4, 5], 0.25), 2)
        self.assertEqual(stats.quantile([0, 10], 0.25), 2.5)

    def test_ends(self):
        self.assertEqual(stats.quantile([3, 1, 2], 0), 1)
        self.assertEqual(stats.quantile([3, 1, 2], 1), 3)

    def test_refused(self):
        for values, share in (([], 0.5), ([1], -0.1), ([1], 1.1)):
            with self.assertRaises(ValueError):
                stats.quantile(values, share)

    def test_values_stay_as_they_are(self):
        values = [3, 1, 2]
        stats.quantile(values, 0.5)
        self.assertEqual(values, [3, 1, 2])


class Summaries(unittest.TestCase):
    def test_one_slow_window_leaves_the_lower_quartile_alone(self):
        self.assertEqual(stats.summary([10, 10, 10, 10, 90])["lower_quartile"], 10)

    def test_all_of_it(self):
        self.assertEqual(stats.summary([1, 2, 3, 4, 5]), {"lower_quartile": 2, "median": 3, "upper_quartile": 4,
                                                          "lowest": 1, "highest": 5, "n": 5})

    def test_metrics_that_some_windows_lack(self):
        summaries = stats.summaries([{"a": 1, "b": 5}, {"a": 3}])
        self.assertEqual((summaries["a"]["n"], summaries["a"]["median"]), (2, 2))
        self.assertEqual((summaries["b"]["n"], summaries["b"]["median"]), (1, 5))


class Gaps(unittest.TestCase):
    def test_either_way_round(self):
        self.assertAlmostEqual(stats.gap(10, 11), 0.1)
        self.assertAlmostEqual(stats.gap(11, 10), 0.1)

    def test_zero(self):
        self.assertEqual(stats.gap(0, 0), 0)
        self.assertEqual(stats.gap(0, 1), float("inf"))

    def test_the_worst_pair_counts(self):
        peers = {"floor": summed(cpu_us=10), "floor-again": summed(cpu_us=10.1), "seawall": summed(cpu_us=20),
                 "seawall-again": summed(cpu_us=24), "nginx": summed(cpu_us=5)}
        self.assertAlmostEqual(report.resolution(peers, "cpu_us"), 0.2)

    def test_no_pair(self):
        self.assertIsNone(report.resolution({"nginx": summed(cpu_us=5)}, "cpu_us"))


class Turns(unittest.TestCase):
    def test_everybody_comes_first_once(self):
        rounds = [stats.rotated("abc", turn) for turn in range(3)]
        self.assertEqual(sorted(round[0] for round in rounds), list("abc"))
        for round in rounds:
            self.assertEqual(sorted(round), list("abc"))

    def test_nobody(self):
        self.assertEqual(stats.rotated([], 5), [])


class Goals(unittest.TestCase):
    def judged(self, results, words):
        return next(goal for goal in goals.judge(results) if words in goal["text"])

    def test_the_better_rival_counts(self):
        peers = {"seawall": summed(cpu_us=8.4), "nginx": summed(cpu_us=20), "haproxy": summed(cpu_us=10)}
        self.assertIs(self.judged({"rps64": peers}, "CPU of a request")["met"], True)
        peers["seawall"] = summed(cpu_us=8.6)
        self.assertIs(self.judged({"rps64": peers}, "CPU of a request")["met"], False)

    def test_a_rival_that_is_missing_leaves_it_open(self):
        peers = {"seawall": summed(cpu_us=8.4), "nginx": summed(cpu_us=20)}
        self.assertIsNone(self.judged({"rps64": peers}, "CPU of a request")["met"])

    def test_nothing_measured(self):
        self.assertEqual({goal["met"] for goal in goals.judge({})}, {None})

    def test_more_is_better_for_two_cores(self):
        for two, met in ((10.5, True), (12, False)):
            peers = {"seawall": summed(cpu_us=10), "seawall-two": summed(cpu_us=two)}
            self.assertIs(self.judged({"two-cores": peers}, "two cores")["met"], met)

    def test_delay_is_what_the_proxy_adds(self):
        for own, met in ((229, True), (231, False)):
            peers = {"seawall": summed(p99_us=own), "direct": summed(p99_us=30)}
            self.assertIs(self.judged({"lat1": peers}, "delay added")["met"], met)

    def test_units(self):
        self.assertIs(self.judged({"mem-stream-5k": {"seawall": summed(private=4096)}}, "open stream")["met"], True)
        self.assertIs(self.judged({"idle": {"seawall": summed(rss_kib=17 * 1024, cpu_percent=0.1)}}, "resident")["met"], False)


class Tables(unittest.TestCase):
    def test_each_measurement_shows_what_there_is(self):
        for row in MEASUREMENTS:
            peers = {"seawall": summed(**{metric: 3 for _, metric, _, _ in row.columns()})}
            lines = list(report.table(row, peers, others=0))
            self.assertTrue(lines[0].startswith(f"{row.name}: "))
            self.assertIn("3", lines[2])

    def test_noise_is_told(self):
        peers = {"floor": summed(cpu_us=10), "floor-again": summed(cpu_us=11)}
        text = "\n".join(report.table(MEASUREMENTS[0], peers, others=0.5))
        self.assertIn("10.0% apart", text)
        self.assertIn("NOT QUIET", text)

    def test_progress_only_at_a_terminal(self):
        stream = io.StringIO()
        report.Progress(stream).say("busy")
        self.assertEqual(stream.getvalue(), "")


class Machine(unittest.TestCase):
    def test_reads_itself(self):
        self.assertIn(os.getpid(), machine.tree(os.getpid()))
        self.assertGreater(machine.memory([os.getpid()])["rss"], 1024 * 1024)
        self.assertGreater(machine.cpu_ns([os.getpid()]), 0)


class Options(unittest.TestCase):
    def refused(self, *words):
        done = subprocess.run([os.path.join(BENCH, "proxy"), *words], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("bench/proxy: "), done.stderr)
        return done.stderr

    def test_wrong_words_are_one_line(self):
        self.assertIn("'nothing' is none of rps64", self.refused("--only", "nothing"))
        self.assertIn("'apache' is none of seawall", self.refused("--peers", "apache"))
        self.assertIn("names nothing", self.refused("--only", ","))
        self.assertIn("between 1 and 1000", self.refused("--windows", "0"))
        self.assertIn("invalid int value", self.refused("--windows", "many"))
        self.assertIn("no folder", self.refused("--out", "/nonexistent/a.json"))
        self.assertIn("unrecognized", self.refused("--fast"))
        self.assertIn("there is no", self.refused("--build", "/nonexistent", "--peers", "seawall"))


if __name__ == "__main__":
    unittest.main()
