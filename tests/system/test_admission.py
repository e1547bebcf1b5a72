# SPDX-License-Identifier: Apache-2.0
"""Who goes, who waits, who is sent away, and whose call ends for somebody else: the gate as callers and engines see it."""
import json
import re
import threading
import time

import pytest

from engine import chunk, delta, event, head, json_answer, stream_of, whole
from service import events_of, wait_for
from wire import Wire, chat, deltas

PLACES = 2


class Held:
    """An engine's behaviour: each call gets one token and then waits until it is let go; who hangs up is seen."""

    def __init__(self):
        self.calls, self.free = [], threading.Event()
        self.wires = []  # of those who hold the places

    def __call__(self, call):
        self.calls.append(call)
        streamed = call.body.get("stream")
        if streamed:
            call.send(head())
            call.send(chunk(event(delta("", role="assistant"))))
            call.send(chunk(event(delta("one"))))
        while not self.free.is_set():
            call.pause(0.01)
        if not streamed:
            return json_answer(call, whole("one", 3, 1))
        call.send(chunk(event(delta(finish="stop"))) + chunk(event("[DONE]")) + b"0\r\n\r\n")
        return True

    def running(self):
        return [call for call in self.calls if not call.gone()]

    def wait_running(self, count):
        wait_for(lambda: len(self.running()) == count, what=f"{count} running calls")


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def door(start, make_engine, held):
    """A service whose one engine has two places, all of them held."""
    def make(**more):
        engine = make_engine(held)
        pool = {"calls": PLACES, "probe": "models", **more.pop("pool", {})}
        service = start(engine, pool=pool, **more)
        service.api_key()
        return service
    yield make
    held.free.set()


def begin(service, key=None, stream=True, **more):
    """A call that was sent; its answer is still to be read."""
    wire = Wire(service.port)
    headers = tuple(more.pop("headers", {}).items())
    wire.send(chat(key=key or service.key, stream=stream, headers=headers, **more))
    return wire


def end_of(wire):
    with wire:
        return wire.answer()


def fill(service, held, count=PLACES, **more):
    calls = []
    for i in range(count):
        calls.append(begin(service, **more))
        held.wait_running(i + 1)
    held.wires += calls
    return calls


def in_profile(service, name="regular"):
    """A key whose budget the operator granted."""
    made = service.tool_json("key", "create", name)
    service.tool("profile", "grant", made["id"], "1000")
    return made["key"]


def test_who_finds_no_place_waits_for_one(door, held):
    service = door()
    first = fill(service, held)
    third = begin(service)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    assert len(held.calls) == PLACES
    held.free.set()
    assert {end_of(wire).status for wire in [*first, third]} == {200}
    lines = service.logged(count=3, reason="OK", endpoint="chat")
    assert {line["class"] for line in lines} == {"unknown"} and min(line["price"] for line in lines) > 0
    assert [line["ahead"] for line in lines] == [0, 0, 0] and sum(line["queue_us"] > 0 for line in lines) == 1


def test_in_profile_work_ends_the_newest_call_of_others(door, held):
    service = door()
    regular = in_profile(service)
    older, newer = fill(service, held)
    mine = begin(service, regular)
    answer = end_of(newer)
    events = events_of(answer.body)
    assert answer.status == 200 and events[-1] == "[DONE]" and deltas(events) == "one"
    last = json.loads(events[-2])
    assert last["choices"][0]["finish_reason"] == "length"
    assert last["seawall"]["ended"] == "gave_way" and last["seawall"]["retry_after"] >= 1 and len(last["seawall"]["ticket"]) == 35
    wait_for(lambda: len(held.calls) == 3, what="the call that it made room for")
    held.free.set()
    assert end_of(mine).status == end_of(older).status == 200
    assert service.logged(reason="GAVE_WAY")[0]["class"] == "unknown"
    assert service.logged(**{"class": "in_profile"})[0]["reason"] == "OK"


def test_a_call_whose_client_has_gone_ends_before_all_others(door, held):
    """It may be returned to, and what it hands over then says when to come back for more."""
    service = door()
    regular = in_profile(service)
    left = begin(service, headers={"Seawall-Resumable": "yes"})
    held.wait_running(1)
    name = left.head().headers["seawall-stream"]
    while b"one" not in left.chunk():
        pass
    left.close()
    service.wait_metric("seawall_kept_answers_left", 1)
    newer = begin(service)
    held.wait_running(2)
    mine = begin(service, regular)
    wait_for(lambda: len(held.calls) == 3, what="the call that was made room for")
    assert held.calls[0].gone() and not held.calls[1].gone()
    held.free.set()
    assert end_of(mine).status == end_of(newer).status == 200
    events = events_of(service.request("GET", f"/v1/streams/{name}", key=service.key)[2])
    assert events[-1] == "[DONE]" and deltas(events) == "one"
    assert json.loads(events[-2])["seawall"]["ended"] == "gave_way"
    line = service.logged(reason="GAVE_WAY")[0]
    assert line["left"] == 1 and line["completion_tokens"] == 1


def test_a_call_that_gave_way_before_its_first_token_is_told_when_to_come_back(door, held):
    service = door(pool={"upstream_stream": "never"})
    regular = in_profile(service)
    fill(service, held, count=1)
    newer = begin(service, stream=False)
    held.wait_running(2)
    mine = begin(service, regular)
    answer = end_of(newer)
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
    assert answer.headers["seawall-ticket"] and json.loads(answer.body)["error"]["code"] == "gave_way"
    held.free.set()
    assert end_of(mine).status == 200
    line = service.logged(reason="GAVE_WAY")[0]
    assert line["completion_tokens"] == 0


def test_who_waits_hears_soon_that_the_last_backend_is_gone(start, make_engine, held):
    sick = threading.Event()

    def behave(call):
        if call.path != "/v1/models":
            return held(call)
        return json_answer(call, {"data": [{"id": "test-model"}]}, status=500 if sick.is_set() else 200)
    engine = make_engine(behave, probes=False)
    service = start(engine, pool={"calls": 1, "probe": "models", "probe_every": "100ms", "breaker_pause": "1m"})
    service.api_key()
    first = fill(service, held, count=1)[0]
    waiting = begin(service, stream=False)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 2, what="the second request")
    sick.set()  # what runs goes on, but nothing new is sent there
    answer = end_of(waiting)
    assert answer.status == 503 and json.loads(answer.body)["error"]["code"] == "model_unavailable"
    assert int(answer.headers["retry-after"]) >= 1 and "seawall-ticket" not in answer.headers
    line = service.logged(reason="NO_BACKEND")[0]
    assert 1_500_000 < line["queue_us"] < 15_000_000
    held.free.set()
    first.close()


def test_a_call_that_gave_way_is_let_in_when_it_was_told_to(door, held):
    service = door()
    regular = in_profile(service)
    other = service.make_key("other")
    fill(service, held, count=1)
    newer = begin(service, other)
    held.wait_running(2)
    mine = begin(service, regular)
    told = json.loads(events_of(end_of(newer).body)[-2])["seawall"]
    held.free.set()
    assert end_of(mine).status == 200
    time.sleep(told["retry_after"])  # what a client does that was told to
    assert end_of(begin(service, other)).status == 200  # without its ticket
    assert service.logged(**{"class": "paid"})[0]["ticket"] == "remembered"


def test_a_whole_answer_that_gave_way_says_when_to_come_back(door, held):
    service = door()
    regular = in_profile(service)
    fill(service, held, count=1)
    newer = begin(service, stream=False)  # asked for as a stream, and gathered
    held.wait_running(2)
    mine = begin(service, regular)
    body = json.loads(end_of(newer).body)
    assert body["choices"][0]["finish_reason"] == "length" and body["choices"][0]["message"]["content"] == "one"
    assert body["seawall"]["ended"] == "gave_way" and body["seawall"]["retry_after"] >= 1
    held.free.set()
    assert end_of(mine).status == 200


def test_answers_say_their_class_where_the_operator_wants_it(door, held):
    service = door(service={"class_header": True})
    regular = in_profile(service)
    held.free.set()
    claim = {"Seawall-Class": "in_profile"}
    assert end_of(begin(service, headers=claim)).headers["seawall-class"] == "unknown"
    assert end_of(begin(service, regular, stream=False)).headers["seawall-class"] == "in_profile"
    assert not any(name.lower().startswith("seawall-") for call in held.calls for name in call.headers)
    with Wire(service.port) as wire:
        wire.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + service.key.encode() + b"\r\n\r\n")
        assert "seawall-class" not in wire.answer().headers  # it had no turn


def test_nobody_chooses_a_class(door, held):
    service = door()
    held.free.set()
    headers = {"Seawall-Class": "in_profile", "Seawall-Ticket": "paid", "X-Priority": "0"}
    answer = end_of(begin(service, headers=headers))
    assert answer.status == 200 and "seawall-class" not in answer.headers
    assert service.logged(endpoint="chat")[0]["class"] == "unknown"
    assert not any(name.lower().startswith(("seawall-", "x-priority")) for name in held.calls[0].headers)


def test_in_profile_work_ends_no_call_of_its_own_kind(door, held):
    service = door()
    regulars = [in_profile(service, f"regular {i}") for i in range(3)]
    calls = []
    for i, key in enumerate(regulars[:2]):
        calls.append(begin(service, key))
        held.wait_running(i + 1)
    third = begin(service, regulars[2])
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    time.sleep(0.3)  # nothing may happen now
    assert len(held.running()) == PLACES
    held.free.set()
    assert {end_of(wire).status for wire in [*calls, third]} == {200}


def test_without_classes_nobody_goes_first(door, held):
    service = door(limits={"classes": False})
    regular = in_profile(service)
    others = fill(service, held)
    mine = begin(service, regular)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    time.sleep(0.3)  # nothing may happen now
    assert len(held.running()) == PLACES
    held.free.set()
    assert {end_of(wire).status for wire in [*others, mine]} == {200}
    assert {line["class"] for line in service.logged(count=3, reason="OK", endpoint="chat")} == {"unknown"}


def test_who_waits_too_long_is_told_when_to_come_back(door, held):
    service = door(deadlines={"turn": "300ms"})
    fill(service, held)
    answer = end_of(begin(service))
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
    error = json.loads(answer.body)["error"]
    assert error["code"] == "no_turn" and "come back" in error["message"]
    assert service.logged(reason="NO_TURN")[0]["queue_us"] >= 300_000
    assert len(held.calls) == PLACES


def sent_away(service, held, **more):
    """Who came when all places were held, and how long it was told to stay away: until another's work of some seconds is done."""
    fill(service, held)
    assert end_of(begin(service, service.make_key("another"), max_tokens=100)).status == 503
    answer = end_of(begin(service, max_tokens=16, **more))
    assert answer.status == 503 and answer.headers["seawall-ticket"]
    return answer, int(answer.headers["retry-after"])


def come_back(service, after_s, **more):
    time.sleep(after_s)  # what a client does that was told to
    return end_of(begin(service, max_tokens=16, **more))


def test_a_ticket_lets_its_bearer_pass_once_and_not_before_its_time(door, held):
    service = door(deadlines={"turn": "300ms"})
    away, wait_s = sent_away(service, held)
    ticket = {"Seawall-Ticket": away.headers["seawall-ticket"]}
    early = end_of(begin(service, headers=ticket, max_tokens=16))
    assert early.status == 429 and 1 <= int(early.headers["retry-after"]) <= wait_s
    held.free.set()
    other = service.make_key("other")
    assert end_of(begin(service, other, headers=ticket)).status == 200
    assert come_back(service, wait_s, headers=ticket).status == 200
    assert service.logged(**{"class": "paid"})[0]["ticket"] == "due"
    assert end_of(begin(service, headers=ticket)).status == 200  # used: as if it had none
    assert len(service.logged(**{"class": "paid"})) == 1
    assert {line["ticket"] for line in service.logged(count=5, reason="OK", endpoint="chat") if "ticket" in line} == {"due", "forged", "used"}


def test_who_only_obeys_retry_after_has_what_a_bearer_has(door, held):
    service = door(deadlines={"turn": "300ms"})
    _, wait_s = sent_away(service, held)
    held.free.set()
    assert come_back(service, wait_s).status == 200
    line, = service.logged(**{"class": "paid"})
    assert line["ticket"] == "remembered"
    assert end_of(begin(service)).status == 200  # once for each promise
    assert len(service.logged(**{"class": "paid"})) == 1


def test_who_comes_back_early_is_told_the_same_time_and_gains_nothing(door, held):
    service = door(deadlines={"turn": "300ms"})
    _, wait_s = sent_away(service, held)
    told = [end_of(begin(service, max_tokens=16)) for _ in range(20)]
    assert {answer.status for answer in told} == {429}
    assert {json.loads(answer.body)["error"]["code"] for answer in told} == {"come_back_later"}
    assert all(1 <= int(answer.headers["retry-after"]) <= wait_s for answer in told)
    assert len(held.calls) == PLACES  # none of them waited for a turn
    other = end_of(begin(service, service.make_key("other"), max_tokens=16))
    assert other.status == 503 and int(other.headers["retry-after"]) <= wait_s + 2  # the plan has moved on by one
    held.free.set()
    assert {end_of(wire).status for wire in held.wires} == {200}
    assert end_of(begin(service)).status == 200  # nobody is kept away from a place that is free


def test_a_forged_ticket_is_none(door, held):
    service = door()
    held.free.set()
    for ticket in ("x", "0" * 35, "0" * 11 + "." + "0" * 11 + "." + "0" * 11, "y" * 4000):
        assert end_of(begin(service, headers={"Seawall-Ticket": ticket})).status == 200
    lines = service.logged(count=4, endpoint="chat")
    assert {line["ticket"] for line in lines} == {"forged"} and {line["class"] for line in lines} == {"unknown"}


def test_a_caller_may_not_fill_the_queue(door, held):
    service = door(limits={"waiting": 8, "waiting_per_identity": 2})
    fill(service, held)
    waiting = [begin(service), begin(service)]
    wait_for(lambda: service.metrics()["seawall_requests_open"] == PLACES + 2, what="two that wait")
    answer = end_of(begin(service))
    assert answer.status == 429 and json.loads(answer.body)["error"]["code"] == "rate_limit_exceeded"
    assert int(answer.headers["retry-after"]) >= 1
    other = begin(service, service.make_key("other"))
    wait_for(lambda: service.metrics()["seawall_requests_open"] == PLACES + 3, what="another caller's")
    held.free.set()
    assert {end_of(wire).status for wire in [*waiting, other]} == {200}


def test_who_hangs_up_while_waiting_leaves_its_place(door, held):
    service = door()
    first = fill(service, held)
    gone = begin(service)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    gone.close()
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 2, what="that it is gone")
    held.free.set()
    assert {end_of(wire).status for wire in first} == {200}
    assert len(held.calls) == PLACES
    assert service.logged(reason="CLIENT_GONE")[0]["prompt_tokens"] == 0


def test_a_stream_that_waits_hears_of_it(door, held):
    service = door(deadlines={"turn": "6s"})
    fill(service, held)
    wire = begin(service)
    answer = end_of(wire)
    assert answer.status == 200 and re.search(rb"^: keep-alive waiting=1 estimate_ms=\d+$", answer.body, re.M)
    last = json.loads(events_of(answer.body)[-1])
    assert last["error"]["code"] == "no_turn"
    assert service.logged(reason="NO_TURN")


def page(service, path):
    with Wire(service.port) as wire:
        return wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n".encode()).answer()


def test_the_waiting_page_tells_how_many_wait(door, held):
    service = door()
    first = fill(service, held)
    third = begin(service)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    busy = page(service, "/waiting")
    assert busy.status == 200 and busy.headers["refresh"] == "5" and b"<span>1</span>" in busy.body
    assert "script" not in busy.headers["content-security-policy"] and busy.headers["cache-control"] == "no-store"
    held.free.set()
    assert {end_of(wire).status for wire in [*first, third]} == {200}
    assert page(service, "/waiting").headers["refresh"] == "2; url=/"
    assert "refresh" not in page(service, "/start").headers


def test_calls_without_a_key_are_known_by_their_address(start, engine):
    service = start(engine, service={"keys": "optional"})
    engine.behaviour = stream_of(["Hel", "lo"])
    with Wire(service.port) as wire:
        assert wire.send(chat(key=None)).answer().status == 200
    with Wire(service.port) as wire:
        assert wire.send(chat(key="sk-sw-made-up")).answer().status == 401
    with Wire(service.port) as wire:
        assert wire.send(chat(key=service.api_key())).answer().status == 200
    lines = service.logged(count=2, reason="OK", endpoint="chat")
    assert sorted("key" in line for line in lines) == [False, True] and {line["class"] for line in lines} == {"unknown"}


def test_a_gateway_with_waiting_calls_stops_in_good_order(door, held):
    service = door(deadlines={"drain": "500ms"})
    fill(service, held)
    waiting = begin(service)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    assert service.stop() == 0
    waiting.close()


def test_a_reload_keeps_those_who_wait(door, held):
    service = door()
    first = fill(service, held)
    third = begin(service)
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 3, what="the third request")
    settings = {**service.settings, "limits": {"json_depth": 32}}
    service.write_config(settings)
    service.tool("reload")
    held.free.set()
    assert {end_of(wire).status for wire in [*first, third]} == {200}


def test_status_top_and_metrics_tell_who_runs_and_who_waits(door, held):
    service = door()
    first = fill(service, held)
    waiting = [begin(service) for _ in range(2)]
    name = 'seawall_turns_waiting{pool="test",class="unknown"}'
    service.wait_metric(name, 2)
    metrics, state = service.metrics(), service.tool_json("status")
    gate, backend = state["pools"][0]["gate"], state["pools"][0]["backends"][0]
    assert metrics['seawall_turns_running{pool="test",class="unknown"}'] == metrics['seawall_turns_limit{pool="test"}'] == PLACES
    assert metrics['seawall_turns_waiting{pool="test",class="in_profile"}'] == metrics['seawall_siege{pool="test"}'] == 0
    label = f'{{pool="test",backend="{backend["url"]}"}}'
    assert metrics["seawall_backend_limit" + label] == metrics["seawall_backend_turns" + label] == PLACES
    assert gate["running"] == {"in_profile": 0, "paid": 0, "unknown": PLACES} and gate["waiting"]["unknown"] == 2
    assert (gate["limit"], gate["siege"], backend["limit"], backend["turns"]) == (PLACES, False, PLACES, PLACES)
    row = rf"^test +{PLACES} +{PLACES} +0 +0 +2 +0  calm$"
    assert re.search(row, service.tool("status").stdout, re.M) and re.search(row, service.tool("top", "--once").stdout, re.M)
    held.free.set()
    assert {end_of(wire).status for wire in [*first, *waiting]} == {200}
    service.wait_metric(name, 0)


def test_who_was_sent_away_is_counted_and_explained(door, held):
    service = door(deadlines={"turn": "300ms"})
    fill(service, held)
    answer = end_of(begin(service))
    assert answer.status == 503
    name = answer.headers["x-request-id"]
    service.logged(id=name)
    said = service.tool("explain", name).stdout
    turn = re.search(r"^turn      0 requests waited before it; it was sent away after ([\d.]+) ms$", said, re.M)
    assert float(turn.group(1)) >= 300
    assert re.search(r"^ended     NO_TURN, status 503: no turn came in time", said, re.M) and "backend" not in said
    assert service.metrics()['seawall_turns_waited_out_total{pool="test"}'] == 1
