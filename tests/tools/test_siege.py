# SPDX-License-Identifier: Apache-2.0
"""bench/siege: what its figures say of a storm's report, which runs it plans, and how it refuses wrong words."""
import json
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
sys.path[:0] = [BENCH, os.path.join(BENCH, "validation")]

from sieging import classes, figures, runs, table, watch  # noqa: E402

BEGAN = 1000.0
FROM, TO, SECONDS = 20, 45, 60


def phase(offered=100, good=100, **more):
    return {"offered": offered, "good": good, "completed": good, "refused": 0, "input_tokens": 0, "tokens": 0,
            "ttft_ms": {"p50": 50, "p99": 200}, "tpot_ms": {"p50": 20, "p99": 25}, **more}


def group(name, side="legitimate", calm=None, attack=None, **more):
    return {"name": name, "side": side, "identities": 10, "kept": 0.5, "phases": {"calm": calm or phase(), "attack": attack or phase()}, **more}


def report(*groups, good=None, factor=100, **more):
    """A storm's report; each second 4 were due, of which good(second) were good."""
    seconds = range(SECONDS)
    series = {"offered": [4] * SECONDS, "good": [good(second) if good else 4 for second in seconds], "gap_mean": list(range(12))}
    return {"factor": factor, "attack_from_s": FROM, "attack_to_s": TO, "capacity_tokens_s": 1000, "gap_window_s": 5,
            "storm": {"began_unix_s": BEGAN, "late_ms": {"p99": 1}}, "groups": list(groups), "series": {"known": series}, **more}


class Kept(unittest.TestCase):
    def test_is_set_against_the_same_users_in_peace(self):
        now, then = report(group("known", attack=phase(100, 45))), report(group("known", attack=phase(100, 90)))
        self.assertEqual(figures.kept(now, then, "known"), 0.5)

    def test_users_who_turned_are_missing_on_one_side_only(self):
        now, then = report(group("known", attack=phase(90, 90))), report(group("known", attack=phase(100, 100)))
        self.assertEqual(figures.kept(now, then, "known"), 1)

    def test_without_peace_the_storm_itself_says(self):
        self.assertEqual(figures.kept(report(group("known")), None, "known"), 0.5)

    def test_nothing_to_say(self):
        silent = report(group("known", attack=phase(0, 0)))
        self.assertIsNone(figures.kept(silent, report(group("known")), "known"))
        self.assertIsNone(figures.kept(report(group("known")), silent, "known"))
        self.assertIsNone(figures.kept(report(), None, "newcomers"))


class Settled(unittest.TestCase):
    PEACE = report(group("known"))

    def settled(self, good, **more):
        return figures.settled(report(group("known"), good=good), self.PEACE, "known", **more)

    def test_never_below(self):
        self.assertEqual(self.settled(lambda second: 4), 0)

    def test_below_for_the_first_three_seconds(self):
        self.assertEqual(self.settled(lambda second: 0 if second < FROM + 3 else 4, over=1), 3)
        self.assertEqual(self.settled(lambda second: 0 if second < FROM + 3 else 4), 7)  # the last five seconds with one of these

    def test_never_back(self):
        self.assertEqual(self.settled(lambda second: 0), TO - FROM)

    def test_before_and_behind_the_attack_do_not_count(self):
        self.assertEqual(self.settled(lambda second: 4 if FROM <= second < TO else 0), 0)

    def test_one_of_twenty_may_fail(self):
        self.assertEqual(self.settled(lambda second: 3 if second == FROM + 10 else 4), 0)
        self.assertEqual(self.settled(lambda second: 3 if second == FROM + 10 else 4, over=1), 11)

    def test_seconds_in_which_nothing_was_due_are_passed_over(self):
        now = report(group("known"), good=lambda second: 0)
        now["series"]["known"]["offered"] = [0] * SECONDS
        self.assertEqual(figures.settled(now, self.PEACE, "known"), 0)


class Ratios(unittest.TestCase):
    def test_of_quantiles(self):
        now = report(group("known", attack=phase(ttft_ms={"p99": 300})))
        self.assertEqual(figures.quantile_ratio(now, report(group("known")), "known", "ttft_ms", "p99"), (300, 200, 1.5))
        self.assertEqual(figures.quantile_ratio(now, None, "known", "ttft_ms", "p99"), (300, 200, 1.5))

    def test_nobody_was_answered(self):
        now = report(group("known", attack=phase(ttft_ms={"p99": None})))
        self.assertEqual(figures.quantile_ratio(now, None, "known", "ttft_ms", "p99"), (None, 200, None))

    def test_gap_is_of_windows_that_lie_in_the_attack(self):
        self.assertEqual(figures.gap(report(group("known")), "known"), (4 + 5 + 6 + 7 + 8) / 5)
        self.assertIsNone(figures.gap(report(group("known")), "newcomers"))


def samples(**rates):
    """One a second; each counter grows by `rate[0]` a second before the attack, and by `rate[1]` in it."""
    rows = []
    for at in range(SECONDS + 5):
        calm, attack = min(at, FROM), max(0, min(at, TO) - FROM)
        rows.append({"at": BEGAN + at, **{key: 7 + calm * rate[0] + attack * rate[1] for key, rate in rates.items()}})
    return rows


class Counted(unittest.TestCase):
    def test_between_two_samples(self):
        self.assertAlmostEqual(figures.counted_at(samples(a=(10, 10)), "a", BEGAN + 10.25), 7 + 102.5)

    def test_not_outside_of_them(self):
        rows = samples(a=(10, 10))
        self.assertIsNone(figures.counted_at(rows, "a", BEGAN - 5))
        self.assertIsNone(figures.counted_at(rows, "a", BEGAN + 1000))
        self.assertIsNone(figures.counted_at(rows, "b", BEGAN + 10))

    def test_work_beyond_what_was_spare(self):
        """In peace users had 600 of 1,000 tokens a second; under attack they had a half of the work."""
        peace = report(group("known", attack=phase(tokens=600 * 25)), factor=0)
        now = report(group("known", attack=phase(tokens=500 * 25)), group("bots", "attacker"))
        rows = samples(prompt=(0, 400), generated=(600, 800))  # 2,000 units of work a second, users have 1,000
        self.assertAlmostEqual(figures.beyond_spare(now, peace, rows), 0.5 - 0.4, places=2)

    def test_no_more_than_what_was_spare(self):
        peace = report(group("known", attack=phase(tokens=600 * 25)), factor=0)
        self.assertEqual(figures.beyond_spare(peace, peace, samples(prompt=(0, 0), generated=(700, 700))), 0)

    def test_an_engine_that_does_not_say(self):
        self.assertIsNone(figures.beyond_spare(report(group("known")), report(group("known")), samples(cpu_ns=(1, 1))))

    def test_cost_of_a_refusal_leaves_the_calm_out(self):
        bots = group("bots", "attacker", attack=phase(refused=25000))
        cost = figures.refusal_cpu_us(report(group("known"), bots), samples(cpu_ns=(10e6, 60e6)))
        self.assertAlmostEqual(cost, 50, places=1)

    def test_few_refusals_say_nothing(self):
        bots = group("bots", "attacker", attack=phase(refused=999))
        self.assertIsNone(figures.refusal_cpu_us(report(group("known"), bots), samples(cpu_ns=(10e6, 60e6))))


class Demoted(unittest.TestCase):
    ROWS = [(1, BEGAN + 5, "in_profile"), (2, BEGAN + 10, "unknown"), (1, BEGAN + 25, "unknown"), (20, BEGAN + 30, "in_profile"),
            (20, BEGAN + 31, None), (20, BEGAN - 5, "unknown"), (20, BEGAN + 50, "unknown")]

    def test_by_when_they_began(self):
        found = figures.demoted(report(group("known")), self.ROWS)
        self.assertEqual((found["peace"]["demoted"], found["peace"]["of"]), (1, 2))
        self.assertEqual((found["siege"]["demoted"], found["siege"]["of"]), (2, 3))
        self.assertEqual(found["siege"]["by_class"], {"unknown": 1, "in_profile": 1, "none": 1})

    def test_without_an_attack_all_is_peace(self):
        found = figures.demoted(report(group("known"), factor=0), self.ROWS)
        self.assertEqual((found["peace"]["of"], found["siege"]["of"]), (6, 0))

    def test_insiders_are_no_users_any_more(self):
        found = figures.demoted(report(group("known"), group("insiders", "attacker")), self.ROWS)
        self.assertEqual((found["peace"]["of"], found["siege"]["of"]), (2, 2))

    def test_lines_of_the_access_log(self):
        line = {"time": "1970-01-01T00:16:50.500Z", "total_us": 2500000, "key": "k1", "endpoint": "chat", "class": "unknown"}
        lines = [line, {**line, "key": "k2"}, {**line, "key": "k9"}, {**line, "endpoint": "models"}, {**line, "class": None}]
        names = {"k1": "known 7", "k2": "someone"}
        self.assertEqual(classes.rows(lines, names, "known "), [(7, 1008.0, "unknown"), (7, 1008.0, None)])


class Areas(unittest.TestCase):
    def test_a_flat_curve_is_its_height(self):
        self.assertAlmostEqual(figures.area([(10, 0.5), (100, 0.5), (1000, 0.5)]), 0.5)

    def test_decades_weigh_alike(self):
        self.assertAlmostEqual(figures.area([(1000, 0), (10, 1), (100, 1)]), 0.75)

    def test_too_few(self):
        for points in ([], [(10, 1)], [(0, 1), (10, 1)], [(10, 1), (10, 1)], [(10, 1), (100, None)]):
            self.assertIsNone(figures.area(points))


class Plans(unittest.TestCase):
    def test_peace_comes_once_and_first(self):
        wanted = [runs.of("flood-max-1k", door, factor, 1) for factor in (10, 1000) for door in ("none", "seawall")]
        planned = runs.with_peace(wanted)
        self.assertEqual([run.factor for run in planned], [0, 0, 10, 10, 1000, 1000])
        for run in planned:
            self.assertIn(run.peace(), planned[:2])

    def test_a_large_one_has_the_machine_for_itself(self):
        planned = [runs.of("flood-max-1k", "none", factor, 1) for factor in (1000, 0, 10, None)]
        self.assertEqual([[run.factor for run in batch] for batch in runs.batches(planned, 2)], [[0, 10], [None], [1000]])

    def test_a_large_door_too(self):
        planned = [runs.of("flood-max-1k", door, 10, 1) for door in ("portkey", "none", "seawall")]
        self.assertEqual([[run.door for run in batch] for batch in runs.batches(planned, 3)], [["none", "seawall"], ["portkey"]])

    def test_accounts_are_compared_with_accounts(self):
        self.assertTrue(runs.of("fresh-accounts", "seawall", None, 1).peace().accounts)
        self.assertFalse(runs.of("insiders-1", "seawall", None, 1).peace().accounts)


class Pages(unittest.TestCase):
    def test_counters_are_summed_over_labels(self):
        text = '# HELP a what\na{x="1"} 2\na{x="2"} 3.5e1\nab 7\nb 1\n'
        self.assertEqual(watch.counters(text, {"one": "a", "two": "b", "three": "c"}), {"one": 37, "two": 1})


class Tables(unittest.TestCase):
    FIGURES = figures.all_of(report(group("known"), group("newcomers")), None, [], None)

    def test_what_is_unknown_is_a_dash(self):
        lines = table.render([{"door": "none", "factor": 100, "figures": self.FIGURES}]).split("\n")
        self.assertEqual(len(lines), 2)
        self.assertIn("100x", lines[1])
        self.assertIn(" -", lines[1])
        self.assertNotIn("None", lines[1])

    def test_median_and_range_over_seeds(self):
        self.assertEqual(table.spread([3, None, 1, 2], "{:.1f}"), "2.0 (1.0–3.0)")
        self.assertEqual(table.spread([1, 1], "{:.0f}"), "1")
        self.assertEqual(table.spread([None], "{:.0f}"), "-")

    def test_a_scenario_is_one_line(self):
        rows = [{"scenario": "calm", "door": "none", "factor": 0, "seed": seed, "figures": self.FIGURES} for seed in (1, 2)]
        lines = table.render_suite(rows).split("\n")
        self.assertEqual(len(lines), 2)

    def test_figures_are_json(self):
        json.dumps(self.FIGURES, allow_nan=False)


class Words(unittest.TestCase):
    def test_wrong_ones_are_refused_in_one_line(self):
        for words in (["--doors", "moat"], ["--factors", "many"], ["--factors", "-1"], ["--seeds", "x"], ["--suite", "--factors", "10"],
                      ["--engine", "llama"], ["--engine", "abacus", "--folder", "x"], ["--jobs", "0"]):
            done = subprocess.run([sys.executable, os.path.join(BENCH, "siege"), *words], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertTrue(done.stderr.startswith("bench/siege: "), done.stderr)


if __name__ == "__main__":
    unittest.main()
