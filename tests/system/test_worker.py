# SPDX-License-Identifier: Apache-2.0
"""Several workers are one service: what changes reaches all of them, and each does its part."""
import json
import os
import pathlib
import threading
import time

import pytest

from engine import Engine, endless, stream_of
from service import wait_for
from wire import Wire, chat, request

LIVE = 1.0  # seconds in which a change of keys is to be everywhere


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine, service={"workers": 4})
        service.engine = engine
        yield service


@pytest.fixture
def connections(door):
    """So many that each worker has some."""
    wires = [Wire(door.port) for _ in range(64)]
    yield wires
    for wire in wires:
        wire.close()


def statuses(wires, key):
    return {wire.send(request("GET", "/v1/models", key=key)).answer().status for wire in wires}


def everywhere(wires, key, status):
    """Asks on all connections until all agree; returns how long it took."""
    began = time.monotonic()
    wait_for(lambda: statuses(wires, key) == {status}, 5, f"{status} everywhere")
    return time.monotonic() - began


def test_each_worker_is_a_thread_and_all_of_them_serve(door, connections):
    threads = [path.read_text().strip() for path in pathlib.Path(f"/proc/{door.gateway()}/task").glob("*/comm")]
    assert len(threads) >= 6  # control, store and four workers
    assert statuses(connections, None) == {401}
    assert door.metrics()["seawall_workers"] == 4


def test_there_are_as_many_as_processors_that_the_service_may_use(start, engine):
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        service = start(engine, service={"workers": 0})
    finally:
        os.sched_setaffinity(0, ours)
    assert service.metrics()["seawall_workers"] == 1


def test_changes_of_keys_are_in_all_workers_within_a_second(door, connections):
    made = door.tool_json("key", "create", "live")
    assert everywhere(connections, made["key"], 200) < LIVE
    door.tool("key", "disable", made["id"])
    assert everywhere(connections, made["key"], 401) < LIVE
    door.tool("key", "enable", made["id"])
    assert everywhere(connections, made["key"], 200) < LIVE
    second = door.tool_json("key", "rotate", made["id"], "--overlap", "1h")
    assert everywhere(connections, second["key"], 200) < LIVE
    assert statuses(connections, made["key"]) == {200}
    third = door.tool_json("key", "rotate", second["id"])
    assert everywhere(connections, second["key"], 401) < LIVE
    assert statuses(connections, third["key"]) == {200}


def test_a_key_that_is_disabled_in_mid_stream_ends_with_the_next_request(start, make_engine):
    engine = make_engine(stream_of(["x"] * 30, pause=0.02))
    door = start(engine)
    made = door.tool_json("key", "create", "soon-gone")
    with Wire(door.port) as wire:
        wire.send(chat(key=made["key"], stream=True)).head()
        door.tool("key", "disable", made["id"])
        assert b"".join(wire.chunks()).endswith(b"[DONE]\n\n")
        assert wire.send(chat(key=made["key"])).answer().status == 401


def test_many_changes_of_keys_at_a_time_are_all_kept(door):
    made = {}

    def create(name):
        made[name] = door.tool_json("key", "create", name)

    threads = [threading.Thread(target=create, args=(f"many-{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key["id"] for key in made.values()}) == 12
    with Wire(door.port) as wire:
        assert {wire.send(request("GET", "/v1/models", key=key["key"])).answer().status for key in made.values()} == {200}
    listed = {key["name"] for key in door.tool_json("key", "list")["keys"]}
    assert set(made) <= listed


def test_an_import_is_taken_whole_or_not_at_all(door, tmp_path):
    rows = [{"key": f"sk-foreign-{number}-{'x' * 20}", "name": f"foreign-{number}"} for number in range(500)]
    good = tmp_path / "good.jsonl"
    good.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps({"key": "sk-never-taken-1234567890", "name": "a"}) + "\n" + json.dumps({"key": "sk-other-1234567890", "nonsense": 1}) + "\n")
    result = door.tool("key", "import", str(bad), check=False)
    assert result.returncode == 1 and "bad.jsonl:2" in result.stderr
    with Wire(door.port) as wire:
        assert wire.send(request("GET", "/v1/models", key="sk-never-taken-1234567890")).answer().status == 401
        door.tool("key", "import", str(good))
        for row in rows[::100]:
            assert wire.send(request("GET", "/v1/models", key=row["key"])).answer().status == 200


def test_gauges_of_all_workers_come_back_to_zero(start, make_engine):
    engine = make_engine(endless())
    door = start(engine, service={"workers": 4})
    door.wait_metric("seawall_connections_open", 0)
    wires = [Wire(door.port).send(chat(key=door.api_key(), stream=True)) for _ in range(32)]
    for wire in wires:
        assert wire.head().status == 200
    metrics = door.metrics()
    assert metrics["seawall_streams_open"] == metrics["seawall_requests_open"] == metrics["seawall_connections_open"] == 32
    for wire in wires:
        wire.close()
    for name in ("seawall_streams_open", "seawall_requests_open", "seawall_connections_open", "seawall_body_memory_bytes"):
        door.wait_metric(name, 0)
    assert door.metrics()["seawall_upstream_cancelled_total"] == 32
    assert door.metrics()['seawall_requests_total{reason="CLIENT_GONE",status="499"}'] == 32
