# SPDX-License-Identifier: Apache-2.0
"""Clients that take more than their part: connections, memory, descriptors, turns. Each has its limit, and the others do not notice."""
import contextlib
import os
import resource
import select
import signal
import time

import pytest

from engine import flood, stream_of
from service import events_of, pid_lives, wait_for
from wire import Closed, Wire, chat, deltas, request


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def still(number_of, seconds=0.3):
    """Waits until a number has stopped to grow."""
    last, since = number_of(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.02)
        if number_of() != last:
            last, since = number_of(), time.monotonic()
    return last


def test_slow_readers_cost_bounded_memory_slow_their_own_engine_and_hurt_nobody(start, make_engine):
    engine = make_engine(flood)
    door = start(engine, limits={"send_queue": "128KiB", "answer_bytes": "512MiB"})
    door.api_key()
    before = resident(door.gateway())
    readers = [Wire(door.port, receive_buffer=32768) for _ in range(20)]
    for wire in readers:
        wire.send(chat(key=door.key, stream=True))
    wait_for(lambda: len(engine.calls) == 20, what="20 calls")
    sent = still(lambda: sum(call.sent for call in engine.calls))
    assert sent / 20 < 16 << 20  # the kernel's buffers on both sides, and ours; the engine waits
    grown = resident(door.gateway()) - before
    assert grown < 20 * (1 << 20), f"{grown >> 10} KiB for 20 readers"
    engine.behaviour = stream_of(["Hel", "lo"])
    with Wire(door.port) as wire:  # somebody else
        began = time.monotonic()
        for _ in range(20):
            assert deltas(events_of(wire.send(chat(key=door.key, stream=True)).answer().body)) == "Hello"
        assert time.monotonic() - began < 2
    before_read = readers[0].head() and sum(call.sent for call in engine.calls[:20])
    for _ in range(2000):  # a reader that reads again gets more, in order and whole
        assert readers[0].event()[0].count("y") == 8000
    wait_for(lambda: sum(call.sent for call in engine.calls[:20]) > before_read, what="more from the engine")
    for wire in readers:
        wire.close()
    assert all(call.hung_up.wait(1) for call in engine.calls[:20])


def opened(port, count):
    """Connections that got an answer and have begun to ask again, so that they are not idle, out of so many that were opened."""
    wires = []
    for _ in range(count):
        try:
            wire = Wire(port)
            assert wire.send(request("GET", "/v1/models")).answer().status == 401
            wires.append(wire.send("GET"))
        except (Closed, OSError):
            pass
    return wires


@pytest.mark.parametrize("limits, count", [({"connections": 20}, 20), ({"connections_per_network": 8}, 8)])
def test_connections_beyond_the_limit_are_closed_at_once_and_room_is_used_again(start, engine, limits, count):
    door = start(engine, limits=limits, service={"workers": 1})
    door.wait_metric("seawall_connections_open", 0)
    wires = opened(door.port, 40)
    assert len(wires) == count
    for wire in wires:  # those that are in do not suffer
        assert wire.send(request("GET", "/nothing")[3:]).answer().status == 404
        wire.send("GET")
    for wire in wires[:5]:
        wire.close()
    door.wait_metric("seawall_connections_open", count - 5)
    assert len(opened(door.port, 10)) == 5
    assert door.metrics()["seawall_connections_refused_total"] >= 40 - count


def test_the_limit_of_connections_is_for_all_workers_together(start, engine):
    door = start(engine, limits={"connections": 20}, service={"workers": 2})
    door.wait_metric("seawall_connections_open", 0)
    assert len(opened(door.port, 60)) <= 20


def body_under_way(door, length, part):
    """A client that has announced this much of a body and sent a part of it."""
    return Wire(door.port).send(request("POST", "/v1/chat/completions", part, door.key, [("Content-Length", str(length))], length=False))


def test_bodies_beyond_the_memory_for_them_are_503_and_the_memory_comes_back(start, engine):
    door = start(engine, limits={"body_memory": "1MiB", "body_bytes": "1MiB"}, service={"workers": 1})
    door.api_key()
    waiting = [body_under_way(door, 600000, b" " * 599999) for _ in range(2)]
    wait_for(lambda: door.metrics()["seawall_body_memory_bytes"] > 1 << 20, what="bodies in memory")
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=door.key)).answer()
        assert answer.status == 503 and answer.error["code"] == "overloaded" and "retry-after" in answer.headers
    for wire in waiting:
        wire.close()
    wait_for(lambda: door.metrics()["seawall_body_memory_bytes"] < 65536, what="memory given back")
    assert door.chat()[0] == 200


def test_a_service_without_descriptors_left_recovers(start, engine):
    door = start(engine, descriptors=100)
    door.api_key()
    assert door.chat()[0] == 200
    gateway = door.gateway()
    limit_descriptors(gateway, 100)
    wires = [wire.send_all_it_takes(request("GET", "/nothing")) for wire in knocks(door.port, 300)]
    served, waiting = [], set(wires)
    end = time.monotonic() + 2  # some are served, some turned away; those whose worker has not even a descriptor for that wait
    while waiting and time.monotonic() < end:
        for wire in select.select(waiting, [], [], 0.1)[0]:
            waiting.discard(wire)
            try:
                if wire.answer().status == 404:
                    served.append(wire)
            except (Closed, OSError):
                pass
    assert 5 < len(served) < 300
    for wire in served[:5]:  # where the limit came while it ran, there is none for a connection to the engine either, unless one was kept
        answer = wire.send(chat(key=door.key)).answer()
        assert answer.status in (200, 502, 503), answer
    for wire in wires:
        wire.close()
    wait_for(lambda: serves(door), what="the service after the shortage")
    assert pid_lives(gateway) and door.gateway() == gateway


def limit_descriptors(pid, count):
    """A root that may do so has raised its own limit when it started."""
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, count))
    except PermissionError:
        pass
    (line,) = [line for line in open(f"/proc/{pid}/limits") if line.startswith("Max open files")]
    assert int(line.split()[3]) == count


def serves(door):
    try:
        return door.chat(timeout=2)[0] == 200
    except OSError:
        return False


def knocks(port, count):
    """Connections that say nothing, those that were closed at once left out."""
    wires = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            wires.append(Wire(port))
    return wires


def test_silent_connections_give_way_to_newcomers(start, engine):
    door = start(engine, limits={"connections": 20}, service={"workers": 1})
    door.api_key()
    door.wait_metric("seawall_connections_open", 0)
    kept = opened(door.port, 5)
    silent = [Wire(door.port)]
    silent += [Wire(door.port).send("GET / HTTP/1.1\r\nHo") for _ in range(3)] + knocks(door.port, 60)
    wait_for(lambda: serves(door), what="room among the silent")
    assert silent[0].ended()  # the oldest went first
    for _ in range(15):  # a connection each
        assert door.chat()[0] == 200
    for wire in kept:  # who is in the middle of something does not suffer
        assert wire.send(request("GET", "/nothing")[3:]).answer().status == 404
    metrics = door.metrics()
    assert metrics["seawall_connections_given_up_total"] >= 1 and metrics["seawall_connections_open"] <= 20


def test_idle_connections_give_way_to_newcomers(start, engine):
    """A crowd that keeps its connections open after an answer must not keep others out until they time out."""
    door = start(engine, limits={"connections": 20}, service={"workers": 1})
    door.api_key()
    door.wait_metric("seawall_connections_open", 0)
    busy = opened(door.port, 5)
    idle = [Wire(door.port).send(request("GET", "/v1/models")) for _ in range(15)]
    assert all(wire.answer().status == 401 for wire in idle)
    wait_for(lambda: serves(door), what="room among the idle")
    assert idle[0].ended()  # the one that was idle for longest
    for wire in busy:
        assert wire.send(request("GET", "/nothing")[3:]).answer().status == 404
    assert door.metrics()["seawall_connections_given_up_total"] >= 1


def test_idle_connections_of_known_users_give_way_last(start, engine):
    """The one that has been idle for longest is a known user's: of all the strangers' one goes instead."""
    door = start(engine, limits={"connections": 20}, service={"workers": 1})
    door.api_key()
    regular = door.tool_json("key", "create", "regular")
    door.tool("profile", "grant", regular["id"], "1000")
    door.wait_metric("seawall_connections_open", 0)
    known = Wire(door.port).send(chat(key=regular["key"]))
    assert known.answer().status == 200
    idle = [Wire(door.port).send(request("GET", "/v1/models")) for _ in range(19)]
    assert all(wire.answer().status == 401 for wire in idle)
    wait_for(lambda: serves(door), what="room among the idle")
    assert idle[0].ended()
    assert known.send(request("GET", "/v1/models")).answer().status == 401


def test_silent_connections_give_way_when_descriptors_run_out(start, engine):
    door = start(engine, service={"workers": 1}, descriptors=200)
    assert door.chat()[0] == 200
    limit_descriptors(door.gateway(), 200)
    silent = knocks(door.port, 400)
    wait_for(lambda: serves(door), what="room among the silent")
    assert door.metrics()["seawall_connections_given_up_total"] >= 1
    assert silent[0].ended()


def test_a_flooded_pipeline_ends_its_connection_and_nothing_else(start, make_engine):
    door = start(make_engine(stream_of(["x" * 1000] * 2000)), service={"workers": 1})
    door.api_key()
    gateway = door.gateway()
    flooder = Wire(door.port).send(chat(key=door.key, stream=True))  # a large answer, and requests behind it that nobody reads the answers of
    flooder.sock.settimeout(0.3)
    for _ in range(20):  # 20 × 0.3 s at most, and far beyond every buffer between us
        flooder.send_all_it_takes(request("GET", "/v1/models") * 4000)
    assert door.chat()[0] == 200
    flooder.close()
    assert door.chat()[0] == 200 and door.gateway() == gateway


def test_long_pipelines_do_not_hold_up_another_client_of_the_same_worker(start, engine):
    """Everything is there before the worker sees any of it; the log then has the requests in the order in which they were answered."""
    door = start(engine, service={"workers": 1})
    door.wait_metric("seawall_requests_open", 0)
    pipelines = [Wire(door.port).send(request("GET", "/nothing")) for _ in range(4)]
    other = Wire(door.port).send(request("GET", "/nothing"))
    for wire in (*pipelines, other):  # accepted, and in the order of their coming
        assert wire.answer().status == 404
    gateway = door.freeze_gateway()
    for pipeline in pipelines:
        pipeline.send(request("GET", "/pipelined") * 700)
    other.send(request("GET", "/other"))
    os.kill(gateway, signal.SIGCONT)
    assert other.answer().status == 404
    for pipeline in pipelines:
        assert {pipeline.answer().status for _ in range(700)} == {404}
    wait_for(lambda: len(door.access_log()) >= 4 * 700 + 6, what="all lines")
    paths = [line["path"] for line in door.access_log()]
    assert paths.count("/pipelined") == 4 * 700
    before = paths[:paths.index("/other")].count("/pipelined")
    assert before <= 2 * 4 * 16, f"{before} requests of the pipelines were answered first"


def test_bodies_that_grow_together_stay_within_twice_the_memory_for_them(start, engine):
    """They all begin while there is room. Those that find none left are refused in the middle of their body; the memory comes back."""
    limit = 4 << 20
    door = start(engine, limits={"body_memory": "4MiB", "body_bytes": "1MiB"}, service={"workers": 1})
    door.api_key()
    assert door.chat()[0] == 200
    before, memory = door.metrics()["seawall_body_memory_bytes"], resident(door.gateway())
    bodies = [body_under_way(door, 1000000, b" ") for _ in range(40)]
    wait_for(lambda: door.metrics()["seawall_requests_open"] == 40, what="40 bodies under way")
    highest, refused = 0, []
    for _ in range(30):  # 40 × 30 × 30 kB are nine times what is allowed
        for wire in bodies:
            wire.send_all_it_takes(b" " * 30000)
        highest = max(highest, door.metrics()["seawall_body_memory_bytes"])
    still(lambda: door.metrics()["seawall_body_memory_bytes"])
    highest = max(highest, door.metrics()["seawall_body_memory_bytes"])
    assert limit < highest <= 2 * limit + (1 << 20), highest  # a refusal comes when the buffer that went beyond is there
    assert resident(door.gateway()) - memory < 4 * limit
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=door.key)).answer()
        assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
    for wire in bodies:
        if wire.quiet(0):
            continue
        answer = wire.answer()
        assert answer.status == 503 and answer.error["code"] == "overloaded" and int(answer.headers["retry-after"]) > 0 and answer.closes
        refused.append(wire)
    assert 20 < len(refused) < 40
    for wire in bodies:
        wire.close()
    door.wait_metric("seawall_body_memory_bytes", before)
    assert door.chat()[0] == 200
    assert len(door.logged(reason="OVERLOADED", count=len(refused) + 1)) == len(refused) + 1
