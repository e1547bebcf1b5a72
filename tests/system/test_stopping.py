# SPDX-License-Identifier: Apache-2.0
"""How fast engines stop when they are hung up: measured at the start, shown, and used when somebody must make room."""
import json

import pytest

from service import wait_for
from test_admission import begin, end_of, in_profile
from test_simllm import Sim


@pytest.fixture
def door(start, tmp_path):
    """A service over one simulated engine, and that engine."""
    made = []

    def make(*words, **pool):
        sim = Sim(tmp_path, "--model", "test-model", "--speed", "4", *words)
        made.append(sim)
        service = start(sim, pool={"probe": "tokens", "probe_every": "100ms", **pool})
        service.api_key()
        return service, sim
    yield make
    for sim in made:
        sim.stop()


def backend_of(service):
    return json.loads(service.tool("status", "--json", check=False).stdout)["pools"][0]["backends"][0]


def measured(service):
    return wait_for(lambda: backend_of(service)["stop_ms"], seconds=20, what="a measured backend")


def wait_at_rest(sim):
    wait_for(lambda: b'vllm:num_requests_running{model_name="test-model"} 0\n' in sim.ask("GET", "/metrics")[2], seconds=30,
             what="an engine at rest")


def test_an_engine_that_stops_is_timed_at_the_start(door):
    service, sim = door()
    assert 0 < measured(service) < 2000
    service.wait_log("stops when a client hangs up")
    assert "STOPS" in service.tool("status").stdout
    values = {name.split("{")[0]: value for name, value in service.metrics().items() if "backend" in name}
    assert values["seawall_backend_stops"] == 1 and values["seawall_backend_stop_milliseconds"] > 0
    assert backend_of(service)["requests"] == 0  # what is asked to measure is no call of the service's
    wait_at_rest(sim)
    assert b'finished_reason="abort",model_name="test-model"} 1\n' in sim.ask("GET", "/metrics")[2]


def test_calls_of_an_engine_that_does_not_stop_are_not_cut(door):
    service, sim = door("--no-abort", "always", calls=2, retries=0)
    assert measured(service) == -1
    service.wait_log("does not stop when a client hangs up")
    wait_at_rest(sim)
    regular = in_profile(service)
    others = [begin(service, max_tokens=40) for _ in range(2)]
    wait_for(lambda: backend_of(service)["turns"] == 2, what="two calls under way")
    mine = begin(service, regular, max_tokens=4)
    assert end_of(mine).status == 200
    assert all(end_of(other).status == 200 for other in others)
    assert len(service.logged(count=3, reason="OK", endpoint="chat")) == 3
    assert sum(value for name, value in service.metrics().items() if name.startswith("seawall_turns_cut_total")) == 0


def test_a_call_that_was_hung_up_keeps_its_place_until_its_predicted_end(door):
    service, sim = door("--no-abort", "always", calls=1, retries=0)
    assert measured(service) == -1
    wait_at_rest(sim)
    for _ in range(3):  # so that the pace is known
        assert end_of(begin(service, max_tokens=40)).status == 200
    first = begin(service, max_tokens=200)
    wait_for(lambda: backend_of(service)["turns"] == 1, what="a call under way")
    first.close()
    wait_for(lambda: backend_of(service)["stopping"] == 1, what="the engine that works on")
    assert backend_of(service)["turns"] == 0
    assert end_of(begin(service, max_tokens=4)).status == 200  # it waited for the place
    assert max(line.get("queue_us", 0) for line in service.logged(count=4, reason="OK", endpoint="chat")) > 100_000


def test_it_can_be_switched_off(door):
    service, sim = door(probe_stop=False)
    assert end_of(begin(service, max_tokens=4)).status == 200
    wait_at_rest(sim)
    assert backend_of(service)["stop_ms"] is None
    assert "hangs up" not in service.log()
