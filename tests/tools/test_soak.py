# SPDX-License-Identifier: Apache-2.0
"""What bench/soak judges by: memory that grows, books that do not agree."""

import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "system")]

from soaking import books, judge, rounds, watch  # noqa: E402
from soaking.client import GONE, WHOLE, Call  # noqa: E402
from soaking.verdict import Verdict  # noqa: E402


class Scene:
    """Nothing ever happened to it, unless told."""
    seed, slow = 1, 1.0

    def __init__(self, disturbed=False):
        self.answer = disturbed

    def disturbed(self, *_, **__):
        return self.answer


def made_call(outcome=WHOLE, events=0, usage=None, exact=False, name="soak-1-1"):
    call = Call(name, "streamed", None, {200}, valid=True, stream=True)
    call.status, call.id, call.events, call.usage, call.exact = 200, "req_" + name, events, usage, exact
    call.end(outcome)
    return call


def line_of(call, prompt=5, completion=10, reason="OK", key="key_a", **more):
    return {"id": call.id, "client_id": call.name, "key": key, "model": "fast", "called": True, "backend": "http://x", "reason": reason,
            "status": 200, "prompt_tokens": prompt, "completion_tokens": completion, "bytes_in": 1, "bytes_out": 2, **more}


class Memory(unittest.TestCase):
    def test_series_whose_answer_is_known(self):
        for what, found, good in judge.self_test():
            self.assertTrue(good, f"{what}: {found} of 200")

    def test_the_slope_is_not_moved_by_one_odd_sample(self):
        points = [(at, 3 * at) for at in range(10)]
        self.assertEqual(judge.slope(points), 3)
        points[4] = (4, 1000000)
        self.assertEqual(judge.slope(points), 3)

    def test_chance_counts_all_orders(self):
        self.assertEqual(judge.orders(3), [1, 2, 2, 1])
        self.assertAlmostEqual(judge.chance_of_rise([1, 2, 3, 4]), 1 / 24)
        self.assertEqual(judge.chance_of_rise([4, 3, 2, 1]), 1)
        self.assertEqual(judge.chance_of_rise([7, 7, 7]), 1)

    def test_too_few_samples_are_no_verdict(self):
        self.assertFalse(judge.growth([(at * 1000, at << 20) for at in range(6)]).leaks)
        self.assertTrue(judge.growth([(at * 1000, at << 20) for at in range(9)]).leaks)

    def test_what_may_be_chance_is_doubtful(self):
        points = [(at * 1000, y << 10) for at, y in enumerate((0, 0, 0, 400, 200, 500, 300, 700))]
        self.assertTrue(judge.growth(points).doubtful)
        self.assertFalse(judge.growth([(x, 5) for x, _ in points]).doubtful)
        self.assertFalse(judge.growth([(x, 300 * x) for x, _ in points]).doubtful)

    def test_one_step_up_is_no_leak(self):
        rng = random.Random(3)
        steps = [(at * 1000, (2 << 20 if at > 5 else 0) + rng.gauss(0, 4096)) for at in range(12)]
        self.assertFalse(judge.growth(steps).leaks)


class Books(unittest.TestCase):
    def failures(self, calls, lines, judge_what, *words, scene=None):
        verdict = Verdict(lambda text: None)
        getattr(books.Round(scene or Scene(), calls, lines), judge_what)(verdict, *words)
        return verdict.failed

    def test_a_whole_answer_costs_what_its_client_was_told(self):
        call = made_call(usage={"prompt_tokens": 5, "completion_tokens": 10})
        self.assertIsNone(books.disagreement(call, line_of(call)))
        self.assertIn("told", books.disagreement(call, line_of(call, completion=11)))

    def test_a_stream_costs_what_passed_or_what_the_engine_said(self):
        call = made_call(events=10, exact=True)
        self.assertIsNone(books.disagreement(call, line_of(call)))
        self.assertIsNone(books.disagreement(call, line_of(call, completion=11, difference=-1)))
        self.assertIsNone(books.disagreement(call, line_of(call, completion=20, difference=-10, disputed=True)))
        self.assertIsNone(books.disagreement(call, line_of(call, completion=10, difference=5, disputed=True)))
        self.assertIn("by the rule", books.disagreement(call, line_of(call, completion=5, difference=5, disputed=True)))

    def test_who_hangs_up_pays_for_what_came(self):
        call = made_call(GONE, events=10)
        self.assertIsNone(books.disagreement(call, line_of(call, completion=12, reason="CLIENT_GONE")))
        self.assertIn("came", books.disagreement(call, line_of(call, completion=9, reason="CLIENT_GONE")))

    def test_each_call_has_one_line(self):
        call = made_call()
        self.assertEqual(self.failures([call], [line_of(call)], "judge_lines"), [])
        self.assertEqual(len(self.failures([call], [], "judge_lines")), 1)
        self.assertEqual(len(self.failures([call], [line_of(call), {**line_of(call), "id": "req_other"}], "judge_lines")), 1)
        self.assertEqual(len(self.failures([], [line_of(call)], "judge_lines")), 1)
        self.assertEqual(self.failures([call], [], "judge_lines", scene=Scene(disturbed=True)), [])

    def test_the_ledger_has_what_the_log_has(self):
        call = made_call()
        zero, one = books.collections.defaultdict(books.Sums), books.collections.defaultdict(books.Sums)
        one["key_a"] = books.Sums(1, 0, 0, 5, 10)
        self.assertEqual(self.failures([call], [line_of(call)], "judge_ledger", zero, one, None), [])
        self.assertEqual(len(self.failures([call], [line_of(call)], "judge_ledger", zero, zero, None)), 1)
        self.assertEqual(len(self.failures([call], [line_of(call, key="key_b")], "judge_ledger", zero, one, None)), 1)

    def test_after_a_kill_ledger_and_loss_make_what_was_served(self):
        call, zero = made_call(), books.collections.defaultdict(books.Sums)
        told = books.Loss(0, 1, 15)
        self.assertEqual(self.failures([call], [line_of(call)], "judge_ledger", zero, zero, told), [])
        for wrong in (books.Loss(), books.Loss(0, 1, 14), books.Loss(0, 2, 15), books.Loss(5, 1, 15)):
            self.assertEqual(len(self.failures([call], [line_of(call)], "judge_ledger", zero, zero, wrong)), 1, wrong)

    def test_only_a_turn_that_began_is_in_the_ledger(self):
        line = line_of(made_call(), reason="CLIENT_GONE")
        self.assertEqual(books.sum_by_key([line]), {"key_a": books.Sums(1, 0, 1, 5, 10)})
        for name in ("called", "backend"):
            del line[name]
        self.assertEqual(books.sum_by_key([line]), {})  # it left while it waited, or before it heard that it was sent away

    def test_who_has_a_backend_was_called(self):
        call = made_call()
        line = line_of(call)
        del line["called"]
        self.assertEqual(len(self.failures([call], [line], "judge_lines")), 1)

    def test_a_call_that_gave_way_was_cut_when_something_had_come(self):
        line = line_of(made_call(), reason="GAVE_WAY")
        self.assertEqual(books.sums_of(line), books.Sums(1, 0, 1, 5, 10))
        nothing = {**line, "status": 503, "prompt_tokens": 0, "completion_tokens": 0}
        self.assertEqual(books.sums_of(nothing), books.Sums(1, 1, 0, 0, 0))
        self.assertEqual(books.sums_of({**nothing, "status": 200}), books.Sums(1, 1, 0, 0, 0))  # it had heard that it waits

    def test_sentences_about_losses_are_read(self):
        log = ("x the last life ended without notice: 3 calls were under way; 1 finished request with 20 tokens had not reached the ledger\n"
               "x the last life ended without notice: 1 call was under way\n"
               "x the last life ended without notice: at least 2 finished requests with 1 token had not reached the ledger\n")
        self.assertEqual(books.losses(log), [(3, 1, 20, False), (1, 0, 0, False), (0, 2, 1, True)])


class Descriptors(unittest.TestCase):
    def test_they_are_told_apart_without_their_numbers(self):
        sockets = {"1": (8080, 0, watch.LISTEN), "2": (50000, 9000, "01"), "3": (8080, 50001, "01")}
        kinds = [watch.kind_of(target, sockets, {9000}) for target in
                 ("socket:[1]", "socket:[2]", "socket:[3]", "socket:[4]", "anon_inode:[eventpoll]", "pipe:[77]", "/x/ledger.tally.1")]
        self.assertEqual(kinds, ["listener 8080", "engine", "connection to 8080", "other socket", "anon_inode:[eventpoll]", "pipe:",
                                 "/x/ledger.tally"])

    def test_what_there_is_more_of_is_named(self):
        before, now = (watch.collections.Counter(kinds) for kinds in (["a", "b"], ["a", "c", "c"]))
        self.assertEqual(watch.more(before, before), "")
        self.assertEqual(watch.more(before, now), "+2 c")


class Rounds(unittest.TestCase):
    def test_kills_and_takeovers_leave_long_lives(self):
        kinds = [rounds.kind_of(number) for number in range(60)]
        self.assertEqual(kinds[:4], ["calm", "kill", "takeover", "trouble"])
        self.assertEqual(kinds.count("kill"), 3)
        self.assertEqual(set(kinds[3:25]), {"trouble"})

    def test_turns_of_each_pool_must_end(self):
        values = {'seawall_turns_waiting{pool="a",class="paid"}': 0, 'seawall_turns_running{pool="a",class="paid"}': 1,
                  'seawall_turns_limit{pool="a"}': 32, "seawall_streams_open": 0}
        found = rounds.gauges_of(values)
        self.assertEqual(found[len(rounds.GAUGES):], list(values)[:2])
        self.assertIn("seawall_streams_open", found)


if __name__ == "__main__":
    unittest.main()
