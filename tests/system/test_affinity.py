# SPDX-License-Identifier: Apache-2.0
"""Prompts that begin alike go to the engine that has read them, as the engines' own caches of prompts show."""
import pytest

from service import wait_for
from test_simllm import Sim

CALLERS = 5  # odd: with two engines by turn each caller would come to the other one each time
ROUNDS = 4


@pytest.fixture
def talk(start, tmp_path):
    """Conversations of several callers with a service over two engines; returns the hits of the engines' caches, in tokens."""
    made = []

    def run(**pool):
        sims = [Sim(tmp_path, "--speed", "50") for _ in range(2)]
        made.extend(sims)
        service = start(*sims, pool={"probe_every": "100ms", **pool}, model={"upstream_model": "smollm2"})
        wait_for(lambda: service.tool("status", check=False).stdout.count(" up ") >= 3, what="two engines that are up")
        keys = [service.make_key(f"caller {i}") for i in range(CALLERS)]
        said = [[{"role": "user", "content": f"caller {i} says " + f"{i} and {i} again, " * 150}] for i in range(CALLERS)]
        for _ in range(ROUNDS):
            for key, messages in zip(keys, said):
                body = {"model": "test-model", "messages": messages, "max_tokens": 4}
                status, _, data = service.request("POST", "/v1/chat/completions", body, key)
                assert status == 200, data
                messages.append({"role": "user", "content": "and then?"})
        return sum(sim.metric("prefix_cache_hits_total") for sim in sims), service.metrics()
    yield run
    for sim in made:
        sim.stop()


def test_who_goes_on_goes_to_the_engine_that_knows_the_beginning(talk):
    by_turn, _ = talk(affinity=False)
    leaning, metrics = talk()
    assert leaning > 1.3 * by_turn
    known = sum(value for name, value in metrics.items() if name.startswith("seawall_backend_known_blocks_total"))
    blocks = sum(value for name, value in metrics.items() if name.startswith("seawall_backend_prompt_blocks_total"))
    assert blocks / 2 < known < blocks
