# SPDX-License-Identifier: Apache-2.0
"""While it waits: what a stream says of its wait in comments, and in its last event when it is refused after all."""
import json
import re

import pytest

from engine import chunk, delta, event, head, json_answer
from service import wait_for
from wire import Wire, chat, request

PROGRESS = ("Seawall-Progress", "yes")
RESUMABLE = ("Seawall-Resumable", "yes")
OUTLOOK = re.compile(rb"^: keep-alive waiting=\d+ estimate_ms=\d+$", re.M)


class Places:
    """An engine whose calls end when they are let go."""

    def __init__(self):
        self.open = 0

    def __call__(self, call):
        call.send(head())
        call.send(chunk(event(delta("one"))))
        while not self.open:
            call.pause(0.01)
        call.send(chunk(event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True


@pytest.fixture
def places():
    held = Places()
    yield held
    held.open = 1


@pytest.fixture
def door(start, make_engine, places):
    """One place, and somebody in it."""
    wires = []

    def make(**more):
        engine = make_engine(places)
        service = start(engine, pool={"calls": 1}, **more)
        service.api_key()
        wires.append(Wire(service.port).send(chat(key=service.key, stream=True)))
        wait_for(lambda: engine.calls, what="the place to be taken")
        service.engine = engine
        return service
    yield make
    for wire in wires:
        wire.close()


def ask(door, *headers, key=None, **more):
    return Wire(door.port).send(chat(key=key or door.key, headers=headers, stream=True, **more))


def told(wire, words):
    """What the stream has said up to these words, whole chunks."""
    data = b""
    while words not in data:
        piece = wire.chunk()
        assert piece, data
        data += piece
    return data


def test_who_asks_hears_early_and_often_that_it_waits_and_then_that_it_has_its_turn(door, places):
    service = door()
    with ask(service, PROGRESS) as wire:
        assert wire.head().status == 200
        data = wire.chunk() + wire.chunk() + wire.chunk()  # with the head, and twice behind it, in less than a wait of five seconds
        assert len(OUTLOOK.findall(data)) == 3 and b"admitted" not in data
        places.open = 1
        data = told(wire, b": admitted\n\n")
        assert b"data: " not in data
        assert b"[DONE]" in told(wire, b"[DONE]")


def test_who_does_not_ask_hears_as_before(door, places):
    service = door()
    with ask(service) as wire:
        told_first = ask(service, PROGRESS)
        with told_first:
            told_first.head()
            told_first.chunk(), told_first.chunk()
            assert wire.quiet(0)
        places.open = 1
        answer = wire.answer()
    assert b": " not in answer.body.replace(b"data: ", b"").replace(b'": ', b"")


def test_who_did_not_wait_hears_that_the_first_token_is_near(start, make_engine):
    def silent(call):
        while not call.gone():
            call.hung_up.wait(0.02)
        return False

    service = start(make_engine(silent))
    with ask(service, PROGRESS, key=service.api_key()) as wire:
        assert wire.head().status == 200
        assert wire.chunk() == b": admitted\n\n"


def test_a_refusal_behind_the_head_says_what_the_headers_would_have_said(door):
    service = door(deadlines={"turn": "1s"})
    with ask(service, PROGRESS) as wire:
        answer = wire.answer()
    assert answer.status == 200
    last = answer.body.decode().rstrip("\n").rsplit("\n\n", 1)[-1]
    assert last.startswith("data: ") and "[DONE]" not in answer.body.decode()
    said = json.loads(last[6:])
    assert said["error"]["code"] == "no_turn" and said["error"]["message"] and said["error"]["type"] == "server_error"
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["seawall"]["retry_after_ms"] >= 1000
    assert re.fullmatch(r"[0-9A-Za-z._-]+", said["seawall"]["ticket"])


def test_what_an_engine_refuses_behind_the_head_is_an_event(start, make_engine):
    service = start(make_engine(lambda call: json_answer(call, {"error": {"message": "no"}}, 400)))
    with ask(service, PROGRESS, key=service.api_key()) as wire:
        answer = wire.answer()
    said = json.loads(answer.body.decode().split("data: ", 1)[1])
    assert answer.status == 200 and said["error"]["code"] == "rejected_by_model" and "seawall" not in said


def test_one_that_waits_can_be_left_and_returned_to(door, places):
    service = door()
    with ask(service, PROGRESS, RESUMABLE) as wire:
        name = wire.head().headers["seawall-stream"]
    with Wire(service.port).send(request("GET", f"/v1/streams/{name}", key=service.key)) as wire:
        wire.head()
        told(wire, b": keep-alive")
        places.open = 1
        data = told(wire, b"[DONE]")
    numbers = [int(number) for number in re.findall(rb"^id: (\d+)$", data, re.M)]
    assert numbers == list(range(1, len(numbers) + 1)) and b": admitted\n\n" in data


def test_one_that_waits_can_be_stopped(door):
    service = door()
    with ask(service, PROGRESS, RESUMABLE) as wire:
        name = wire.head().headers["seawall-stream"]
        assert service.request("DELETE", f"/v1/streams/{name}", key=service.key)[0] == 204
        data = told(wire, b"[DONE]")
    assert b'"seawall":{"ended":"stopped"}' in data
    assert service.logged(reason="STOPPED")[0]["completion_tokens"] == 0
    assert len(service.engine.calls) == 1
    assert service.metrics()['seawall_turns_waiting{pool="test",class="unknown"}'] == 0


def test_one_that_waits_and_was_left_is_given_up_after_its_grace(door):
    service = door(resume={"grace": "300ms"})
    with ask(service, PROGRESS, RESUMABLE) as wire:
        wire.head()
    assert service.logged(left=1)[0]["reason"] == "CLIENT_GONE"
    assert len(service.engine.calls) == 1


def test_what_a_stream_may_ask_with_from_another_origin(start, make_engine):
    service = start(make_engine(), cors={"origins": ["https://chat.example.org"]})
    headers = {"Origin": "https://chat.example.org", "Access-Control-Request-Method": "DELETE"}
    status, allowed, _ = service.request("OPTIONS", "/v1/streams/x", headers=headers)
    assert status == 204 and "DELETE" in allowed["access-control-allow-methods"]
    for name in ("last-event-id", "seawall-resumable", "seawall-progress"):
        assert name in allowed["access-control-allow-headers"]
    answer = service.request("GET", "/v1/models", key=service.api_key(), headers={"Origin": "https://chat.example.org"})
    assert "seawall-stream" in answer[1]["access-control-expose-headers"]
