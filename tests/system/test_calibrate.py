# SPDX-License-Identifier: Apache-2.0
"""`simllm calibrate` finds out what a running engine was told to be: the engine is simllm with a preset of known times."""
import json
import re
import subprocess

import pytest

from service import free_port
from test_simllm import SIMLLM, Sim

SECONDS = "20"
# Far above the millisecond in which a loop's timers think. One step takes 512 tokens of prompts, six calls run at once.
TIMES = {"step_us": 6000.0, "prefill_us": 100.0, "decode_us": [[1, 4000.0], [8, 18000.0]], "kv_us_per_1000": 4000.0,
         "call_us": 40000.0, "jitter": 0.05}
ENGINE = {"scheduler.running_max": 6, "scheduler.step_tokens_max": 512, "kv.tokens": 20480, "habits.counts_choices": False,
          "habits.stops": "streamed", **{f"time.{name}": value for name, value in TIMES.items()}}
# Medians keep out what the machine does beside; a fit that is wrong misses by more than this.
TOLERANCE = 0.3
TRIES, AGREEING_PERCENT, WORST_PERCENT = 3, 5.0, 25.0


def calibrate(*words):
    return subprocess.run([str(SIMLLM), "calibrate", *words], capture_output=True, text=True, timeout=120, check=False)


def step_us(times, sequences):
    """The step's time with so many sequences, on the line between the points."""
    points = times["decode_us"]
    below = max((point for point in points if point[0] <= sequences), key=lambda point: point[0])
    above = min((point for point in points if point[0] >= sequences), key=lambda point: point[0])
    share = (sequences - below[0]) / (above[0] - below[0]) if above != below else 0
    return times["step_us"] + below[1] + share * (above[1] - below[1])


def near(found, wanted):
    return found == pytest.approx(wanted, rel=TOLERANCE)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(the preset that was written, its path, what was said). On a machine that is too busy the samples do not agree with
    each other; that shows in the fit's own error, and is no reason to judge what comes of them: it is tried again."""
    folder = tmp_path_factory.mktemp("calibrate")
    engine = Sim(folder, preset=ENGINE)
    try:
        key = folder / "key"
        key.write_text("any\n")
        path = folder / "found.json"
        for _ in range(TRIES):
            result = calibrate(f"http://127.0.0.1:{engine.port}/v1/", "--seconds", SECONDS, "--output", str(path), "--name",
                               "found", "--title", "An engine", "--kv-tokens", "20480", "--api-key-file", str(key))
            assert result.returncode == 0, result.stderr
            median, worst = re.search(r"error ([\d.]+) % \(median\), ([\d.]+) % \(worst\)", result.stderr).groups()
            if float(median) < AGREEING_PERCENT and float(worst) < WORST_PERCENT:
                break
        assert engine.stop()[0] == 0
        return json.loads(path.read_text()), path, result.stderr
    finally:
        engine.process.kill()


def test_times_come_back(found):
    times, said = found[0]["time"], found[2]
    assert near(times["prefill_us"], TIMES["prefill_us"]), said
    for sequences in (1, 2, 4, 6):
        assert near(step_us(times, sequences), step_us(TIMES, sequences)), said
    assert near(times["call_us"] + times["step_us"], TIMES["call_us"] + TIMES["step_us"]), said
    # Of a step with a long prompt the KV is about a third.
    assert times["kv_us_per_1000"] == pytest.approx(TIMES["kv_us_per_1000"], rel=0.6), said


def test_the_scheduler_is_seen(found):
    scheduler = found[0]["scheduler"]
    assert scheduler["running_max"] == 6 and scheduler["kind"] == "batch"
    assert scheduler["step_tokens_max"] == pytest.approx(512, rel=0.25)


def test_habits_are_seen(found):
    preset = found[0]
    assert preset["habits"]["stops"] == "streamed"
    assert preset["habits"]["counts_choices"] is False
    assert preset["kv"]["prefix_cache"] is True
    assert preset["answer"]["event_tokens"] == 1


def test_the_preset_is_one_that_simllm_takes(found):
    preset, path, said = found
    shown = subprocess.run([str(SIMLLM), "preset", str(path)], capture_output=True, text=True, timeout=10, check=False)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == preset
    assert preset["name"] == "found" and preset["title"] == "An engine" and preset["model"]["name"] == "smollm2"
    assert preset["source"][0].startswith("measured by 'simllm calibrate' on 20")
    assert "fit: " in said and "decode: of 8 at once 6 ran" in said


def test_without_an_engine_there_is_one_line():
    result = calibrate(f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert result.stderr.startswith("simllm: GET /v1/models: ") and result.stderr.count("\n") == 1


def test_an_engine_that_refuses_calls_is_told(tmp_path):
    engine = Sim(tmp_path, "--api-key", "secret")
    try:
        result = calibrate(f"http://127.0.0.1:{engine.port}")
        assert result.returncode == 1
        assert result.stderr == "simllm: GET /v1/models gives status 401 and no list of models\n"
    finally:
        assert engine.stop()[0] == 0


def test_mistakes_of_the_command_line(tmp_path):
    for words, text in ([], "needs the URL of an engine"), (["ftp://x"], "does not begin with http"), \
            (["http://127.0.0.1:1", "--seconds", "1"], "--seconds needs a whole number"), \
            (["http://127.0.0.1:1", "--api-key-file", str(tmp_path / "none")], "cannot read a key in"):
        result = calibrate(*words)
        assert result.returncode == 1 and text in result.stderr and result.stderr.count("\n") == 1
    assert "--batch-max" in calibrate("--help").stdout
