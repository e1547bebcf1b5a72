# SPDX-License-Identifier: Apache-2.0
"""What bench/validate measures with: the load is what it says, both sides do the same work, and the report counts right."""
import json
import pathlib
import random
import sys
import time

import pytest

from test_simllm import Sim

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "validation"))
import load  # noqa: E402
import replay  # noqa: E402
import report  # noqa: E402

TIMES = {"time.step_us": 5000.0, "time.prefill_us": 100.0, "time.decode_us": [[1, 5000.0]], "time.kv_us_per_1000": 0.0,
         "time.call_us": 20000.0, "time.jitter": 0.0}


@pytest.fixture
def endpoint(tmp_path):
    engine = Sim(tmp_path, preset=TIMES)
    yield replay.Endpoint(f"http://127.0.0.1:{engine.port}", "smollm2")
    assert engine.stop()[0] == 0


def test_a_load_is_played_as_asked(endpoint):
    calls = [replay.Call(0.0, 40, 5), replay.Call(0.1, 200, 12), replay.Call(0.2, 90, 4)]
    played = replay.play(endpoint, calls, 7)
    assert [call.error for call in played] == ["", "", ""]
    for asked, call in zip(calls, played):
        assert call.output_counted == asked.output_tokens == len(call.token_s)
        assert call.prompt_counted == pytest.approx(asked.prompt_tokens, abs=4)
        assert call.sent_s >= asked.at_s
        assert call.sent_s < call.token_s[0] < call.token_s[-1]
    assert calls[0].token_s == []


def test_a_call_that_fails_says_why(endpoint):
    endpoint.model = "another"
    call = replay.Call(0.0, 0, 3)
    replay.asyncio.run(replay.play_call(endpoint, call, "text", time.monotonic()))
    assert call.error.startswith("ValueError: status HTTP/1.1 404")


def test_arrivals_and_lengths(tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_s,input_tokens,output_tokens\n0,1000,100\n1,3000,300\n")
    lengths = load.Lengths(trace, 100, 20, 140, 60)
    calls = load.make(lengths, 5.0, 200.0, 1)
    assert len(calls) == pytest.approx(1000, rel=0.15)
    assert {(call.prompt_tokens, call.output_tokens) for call in calls} == {(50, 10), (140, 30)}
    assert all(first.at_s < second.at_s for first, second in zip(calls, calls[1:]))
    assert load.make(lengths, 5.0, 200.0, 1) == calls != load.make(lengths, 5.0, 200.0, 2)
    without = load.Lengths(None, 0, 0, 400, 60)
    drawn = [without.draw(random.Random(seed)) for seed in range(300)]
    assert all(24 <= prompt <= 400 and 4 <= answer <= 60 for prompt, answer in drawn)


def test_capacity_is_what_the_formula_says(tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("input_tokens,output_tokens\n100,11\n")
    preset = {"scheduler": {"running_max": 4}, "time": {"step_us": 1000.0, "prefill_us": 10.0, "kv_us_per_1000": 0.0,
                                                        "decode_us": [[1, 1000.0], [2, 2000.0], [8, 8000.0]]}}
    assert load.call_seconds(preset, load.Lengths(trace, 100, 11, 400, 60), 1) == pytest.approx((1000 + 10 * 5000 / 4) / 1e6)


def made(ttft_s, tpot_s, tokens=5):
    return replay.Call(0, 10, tokens, token_s=[ttft_s + tpot_s * number for number in range(tokens)], prompt_counted=10,
                       output_counted=tokens)


def test_errors_are_against_all_real_runs(tmp_path):
    runs = [[made(0.1, 0.01), made(0.3, 0.01)], [made(0.2, 0.02), made(0.2, 0.02)]]
    compared = report.compare(runs, [[made(0.3, 0.012), made(0.3, 0.012)]])
    assert compared["ttft_ms"]["p50"] == {"real": 200.0, "simulated": 300.0, "error_percent": 50.0,
                                          "real_runs": [200.0, 200.0], "real_range_percent": 0.0, "simulated_range_percent": 0.0}
    assert compared["tpot_ms"]["p50"]["error_percent"] == -20.0
    assert compared["tpot_ms"]["p50"]["real_range_percent"] == pytest.approx(66.7)
    assert report.numbers(runs[0])["answer_tokens"] == 10
    json.dumps(compared)


def test_quantiles_and_processors():
    assert report.quantile([3, 1, 2], 0.5) == 2
    assert report.quantile([1, 2], 0.99) == pytest.approx(1.99)
    assert set(report.Processors().percent()) == {"busy_percent", "steal_percent"}
