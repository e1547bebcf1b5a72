# SPDX-License-Identifier: Apache-2.0
"""Answers that go on without their client: who returns misses nothing and sees nothing twice, who does not costs no engine beyond the grace, and nobody
sees what is another's."""
import json
import os
import random
import signal
import threading

import pytest

from engine import chunk, delta, event, head
from service import wait_for
from wire import Closed, Wire, chat, request

RESUMABLE = (("Seawall-Resumable", "yes"),)
STREAM = "seawall-stream"


class Script:
    """An engine that says what the test tells it, when it tells it: say(), end()."""

    def __init__(self):
        self.permits = threading.Semaphore(0)
        self.said = self.wanted = 0

    def say(self, count=1):
        self.wanted += count
        for _ in range(count):
            self.permits.release()

    def end(self):
        self.permits.release()

    def __call__(self, call):
        call.send(head())
        call.send(chunk(event(delta("", role="assistant"))))
        while True:
            while not self.permits.acquire(timeout=0.005):
                call.pause(0)
                if call.gone():
                    return False
            if self.said == self.wanted:
                break
            self.said += 1
            call.send(chunk(event(delta(f"t{self.said} "))))
        call.send(chunk(event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True


class Reader:
    """What a client of a resumable stream keeps: the events by their ids, each once, in order."""

    def __init__(self):
        self.events = {}
        self.last = 0
        self.name = None
        self.pending = b""

    def take(self, data):
        self.pending += data
        while b"\n\n" in self.pending:
            block, self.pending = self.pending.split(b"\n\n", 1)
            if block.startswith(b":"):
                continue
            number, text = block.decode().split("\n", 1)
            assert number.startswith("id: ") and text.startswith("data: "), block
            number = int(number[4:])
            assert number == self.last + 1, f"{number} after {self.last}"
            self.last = number
            self.events[number] = text[6:]

    def read(self, wire, until):
        """Reads chunks until the condition; False when the stream ended before."""
        while not until(self):
            data = wire.chunk()
            if not data:
                return False
            self.take(data)
        return True

    def read_all(self, wire):
        while data := wire.chunk():
            self.take(data)

    def drop(self):
        """The connection is gone, and half an event with it."""
        self.pending = b""

    @property
    def text(self):
        return "".join(json.loads(data)["choices"][0]["delta"].get("content") or "" for data in self.events.values() if data != "[DONE]")

    @property
    def done(self):
        return self.events.get(self.last) == "[DONE]"


def begin(door, key, reader, **more):
    wire = Wire(door.port).send(chat(key=key, headers=RESUMABLE, stream=True, **more))
    answer = wire.head()
    assert answer.status == 200, answer
    reader.name = answer.headers[STREAM]
    return wire


def come_back(door, key, reader):
    """A connection that goes on behind the last event that was seen."""
    headers = (("Last-Event-ID", str(reader.last)),) if reader.last else ()
    wire = Wire(door.port).send(request("GET", f"/v1/streams/{reader.name}", key=key, headers=headers))
    answer = wire.head()
    assert answer.status == 200, (answer, wire.buffer)
    assert answer.headers[STREAM] == reader.name and answer.headers["content-type"].startswith("text/event-stream")
    reader.drop()
    return wire


def ask_for(door, name, key, method="GET", after=None):
    headers = {"Last-Event-ID": after} if after is not None else {}
    return door.request(method, f"/v1/streams/{name}", key=key, headers=headers)


def code_of(answer):
    return answer[0], json.loads(answer[2])["error"]["code"]


@pytest.fixture
def script(engine):
    engine.behaviour = Script()
    return engine.behaviour


def call_of(engine, index=0):
    """The engine's call, which may come later than the head of its answer."""
    return wait_for(lambda: engine.calls[index:], what="the call")[0]


def words(count):
    return "".join(f"t{number} " for number in range(1, count + 1))


# ---- the form --------------------------------------------------------------------------------------------


def test_each_event_has_an_id_and_the_head_names_the_answer(service, script):
    key = service.api_key()
    reader = Reader()
    script.say(3)
    script.end()
    with begin(service, key, reader) as wire:
        assert len(reader.name) == 32
        reader.read_all(wire)
    assert reader.text == words(3) and reader.done


def test_an_answer_that_nobody_asked_to_keep_is_as_always(service, script):
    script.say(2)
    script.end()
    with Wire(service.port) as wire:
        answer = wire.send(chat(key=service.api_key(), stream=True)).answer()
    assert STREAM not in answer.headers and b"id: " not in answer.body and b"admitted" not in answer.body


def test_who_returns_gets_the_rest_and_then_what_comes(service, script):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader) as wire:
        script.say(5)
        reader.read(wire, lambda r: r.last >= 3)
    script.say(5)
    with come_back(service, key, reader) as wire:
        reader.read(wire, lambda r: words(10) == r.text)
        script.say(5)
        reader.read(wire, lambda r: words(15) == r.text)
        script.end()
        reader.read_all(wire)
    assert reader.text == words(15) and reader.done
    line = service.logged(endpoint="chat")[0]
    assert (line["left"], line["returned"], line["reason"]) == (1, 1, "OK"), line
    follower = service.logged(endpoint="stream")[0]
    assert follower["reason"] == "OK" and follower["prompt_tokens"] == follower["completion_tokens"] == 0


@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_is_lost_or_doubled_wherever_the_connection_breaks(start, make_engine, workers):
    """Many answers at once, each dropped and resumed at random, on whichever worker the kernel chooses."""
    count, answers, tries = 120, 6, 8
    script_of = {}

    def behave(call):
        return script_of[call.body["messages"][0]["content"]](call)

    door = start(make_engine(behave), service={"workers": workers})
    key = door.api_key()
    seed = random.randrange(1 << 30)
    failures = []

    def one(number):
        dice, reader = random.Random(seed + number), Reader()
        script_of[f"a{number}"] = script = Script()
        try:
            wire = begin(door, key, reader, text=f"a{number}")
            for turn in range(tries):
                script.say(count // tries)
                until = reader.last + dice.randrange(0, count // tries + 1)
                reader.read(wire, lambda r, until=until: r.last >= until)
                wire.reset() if dice.random() < 0.5 else wire.close()
                wire = come_back(door, key, reader)
            script.end()
            reader.read_all(wire)
            wire.close()
            assert reader.text == words(count) and reader.done, reader.text
        except BaseException as trouble:  # a thread's own would be lost
            failures.append((number, trouble))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(answers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, (seed, failures)


def test_an_answer_that_ended_while_nobody_was_there_is_still_handed_over(service, script):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader):
        pass
    script.say(4)
    script.end()
    assert service.logged(endpoint="chat")[0]["reason"] == "OK"
    for _ in range(2):  # also twice, for one whose second connection broke too
        again = Reader()
        again.name = reader.name
        with come_back(service, key, again) as wire:
            again.read_all(wire)
        assert again.text == words(4) and again.done


def test_the_same_answer_on_one_connection_at_a_time(service, script):
    """A connection that is half open since a tunnel is closed when its owner comes back on another one."""
    key, reader, second = service.api_key(), Reader(), Reader()
    with begin(service, key, reader) as first:
        script.say(2)
        reader.read(first, lambda r: r.text == words(2))
        second.name = reader.name
        with come_back(service, key, second) as wire:
            second.read(wire, lambda r: r.text == words(2))
            assert first.ended()
            with come_back(service, key, reader) as third:
                assert wire.ended()
                script.say(1)
                script.end()
                reader.read_all(third)
    assert reader.text == words(3) and reader.done


# ---- who stays away ------------------------------------------------------------------------------------------


def test_after_the_grace_the_engine_is_stopped_and_the_answer_forgotten(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"grace": "300ms"})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader):
        pass
    assert call_of(engine).hung_up.wait(10)
    assert code_of(ask_for(door, reader.name, key)) == (404, "stream_not_found")
    line = door.logged(endpoint="chat")[0]
    assert line["reason"] == "CLIENT_GONE" and line["left"] == 1 and "returned" not in line
    door.wait_metric("seawall_requests_open", 0)
    door.wait_metric("seawall_streams_open", 0)


def test_a_finished_answer_is_forgotten_after_the_grace(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"grace": "200ms"})
    key, reader = door.api_key(), Reader()
    engine.behaviour.say(1)
    engine.behaviour.end()
    with begin(door, key, reader) as wire:
        reader.read_all(wire)
    wait_for(lambda: ask_for(door, reader.name, key)[0] == 404, what="the answer to be forgotten")


def test_every_other_call_still_stops_its_engine_at_once(service, script, engine):
    with Wire(service.port) as wire:
        wire.send(chat(key=service.api_key(), stream=True)).head()
    assert call_of(engine).hung_up.wait(5)
    assert service.logged(endpoint="chat")[0]["reason"] == "CLIENT_GONE"


# ---- whose it is -----------------------------------------------------------------------------------------------


def test_nobody_elses_answer_is_there(service, script):
    key, reader = service.api_key(), Reader()
    other = service.make_key("other")
    with begin(service, key, reader) as wire:
        script.say(1)
        reader.read(wire, lambda r: r.last >= 2)
        for method in ("GET", "DELETE"):
            theirs = ask_for(service, reader.name, other, method)
            nobodys = ask_for(service, "0" * 32, other, method)
            assert code_of(theirs) == code_of(nobodys) == (404, "stream_not_found")
            same = [{**json.loads(answer[2]), "request_id": ""} for answer in (theirs, nobodys)]
            assert same[0] == same[1]
            assert code_of(ask_for(service, reader.name, None, method)) == (401, "missing_api_key")
        script.say(1)
        script.end()
        reader.read_all(wire)
    assert reader.done


@pytest.mark.parametrize("name", ["x", "0" * 31, "0" * 33, "g" * 32, "%30" * 32, "..%2f" * 8, "0" * 32 + "/", "\u00e9" * 4])
def test_a_name_that_is_none_is_not_found(service, name):
    wire = Wire(service.port)
    with wire:
        wire.send(f"GET /v1/streams/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.api_key()}\r\n\r\n".encode("utf-8"))
        assert wire.answer().status in (400, 404)


def test_only_get_and_delete(service):
    answer = service.request("POST", "/v1/streams/" + "0" * 32, {}, key=service.api_key())
    assert answer[0] == 405 and answer[1]["allow"] == "GET, DELETE, OPTIONS"


def test_a_revoked_key_returns_to_nothing_and_hears_why(service, script):
    made, reader = service.tool_json("key", "create", "gone"), Reader()
    key = made["key"]
    with begin(service, key, reader) as wire:
        script.say(1)
        reader.read(wire, lambda r: r.last >= 2)
    service.tool("key", "disable", made["id"])
    wait_for(lambda: code_of(ask_for(service, reader.name, key)) == (401, "disabled_api_key"), what="the refusal")
    assert ask_for(service, reader.name, key, "DELETE")[0] == 401


@pytest.mark.parametrize("overlap", [(), ("--overlap", "1h")])
def test_a_rotated_key_hands_on_its_answers(service, script, overlap):
    made, reader, other = service.tool_json("key", "create", "turning"), Reader(), service.make_key("other")
    with begin(service, made["key"], reader) as wire:
        script.say(2)
        reader.read(wire, lambda r: r.text == words(2))
    reader.drop()
    new = service.tool_json("key", "rotate", made["id"], *overlap)["key"]
    assert code_of(ask_for(service, reader.name, other)) == (404, "stream_not_found")
    with come_back(service, new, reader) as wire:
        script.say(2)
        script.end()
        reader.read_all(wire)
    assert reader.text == words(4) and reader.done
    wait_for(lambda: ask_for(service, reader.name, made["key"])[0] == (200 if overlap else 401), what="the old key's own end")
    assert ask_for(service, reader.name, new, "DELETE")[0] == 204


# ---- stop --------------------------------------------------------------------------------------------------------


def test_stop_ends_the_engine_at_once_and_the_stream_in_good_order(service, script, engine):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader) as wire:
        script.say(3)
        reader.read(wire, lambda r: r.text == words(3))
        status, _, body = ask_for(service, reader.name, key, "DELETE")
        assert (status, body) == (204, b"")
        reader.read_all(wire)
    assert call_of(engine).hung_up.wait(5)
    assert reader.done and reader.text == words(3)
    assert json.loads(reader.events[reader.last - 1])["seawall"] == {"ended": "stopped"}
    assert code_of(ask_for(service, reader.name, key, "DELETE")) == (404, "stream_not_found")
    line = service.logged(endpoint="chat")[0]
    assert line["reason"] == "STOPPED" and line["completion_tokens"] == 3


def test_stop_of_an_answer_that_was_left(service, script, engine):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader):
        pass
    call = call_of(engine)
    assert ask_for(service, reader.name, key, "DELETE")[0] == 204
    assert call.hung_up.wait(5)
    assert code_of(ask_for(service, reader.name, key)) == (404, "stream_not_found")
    service.logged(reason="STOPPED")
    service.wait_metric("seawall_requests_open", 0)


def test_stop_of_one_that_is_followed_ends_the_followers_stream(service, script):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader):
        pass
    with come_back(service, key, reader) as wire:
        script.say(1)
        reader.read(wire, lambda r: r.text == words(1))
        assert ask_for(service, reader.name, key, "DELETE")[0] == 204
        reader.read_all(wire)
    assert reader.done


# ---- where one left off ---------------------------------------------------------------------------------------------


def test_any_last_event_id_is_answered_with_its_rest_or_a_clear_no(service, script):
    key, reader = service.api_key(), Reader()
    script.say(9)
    script.end()
    with begin(service, key, reader) as wire:
        reader.read_all(wire)
    last = reader.last
    dice = random.Random(6)
    good = [str(number) for number in range(last + 1)] + ["007", "0"]
    bad = [str(last + 1), "-1", "+1", "1.0", "1e0", "0x1", " ", "", "abc", "9" * 19, "9" * 20, "9" * 400, "1,1", "\u0661".encode().decode("latin-1"), "1 1"]
    bad += ["".join(chr(dice.choice(range(33, 127))) for _ in range(dice.randrange(1, 9))) for _ in range(50)]
    for text in good + [text for text in bad if not (text.isascii() and text.isdigit() and int(text) <= last)]:
        status, headers, body = ask_for(service, reader.name, key, after=text)
        if text in good:
            assert status == 200, text
            assert body.count(b"id: ") == last - int(text), text
        else:
            error = json.loads(body)["error"]
            assert (status, error["code"], error["param"]) == (400, "invalid_value", "Last-Event-ID"), text
    twice = "".join(f"Last-Event-ID: {number}\r\n" for number in (1, 2))
    with Wire(service.port) as wire:
        wire.send(f"GET /v1/streams/{reader.name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{twice}\r\n")
        assert wire.answer().status == 400


def test_events_that_are_not_kept_any_more_are_refused(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"answer_bytes": "64KiB"})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader) as wire:
        engine.behaviour.say(1000)
        reader.read(wire, lambda r: r.text == words(1000))
        assert code_of(ask_for(door, reader.name, key, after="1")) == (410, "events_not_kept")
        engine.behaviour.say(1)
        reader.read(wire, lambda r: r.text == words(1001))  # who was refused displaced nobody
        with come_back(door, key, reader) as wire:
            engine.behaviour.say(1)
            engine.behaviour.end()
            reader.read_all(wire)
    assert reader.text == words(1002) and reader.done


# ---- bounds ----------------------------------------------------------------------------------------------------------


def test_more_than_is_kept_stops_the_engine_and_says_so(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"answer_bytes": "64KiB"})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader):
        pass
    engine.behaviour.say(2000)
    assert call_of(engine).hung_up.wait(10)
    assert door.logged(endpoint="chat")[0]["reason"] == "NOT_KEPT"
    with come_back(door, key, reader) as wire:
        reader.read_all(wire)
    error = json.loads(reader.events.pop(reader.last))
    assert error["error"]["code"] == "events_not_kept" and error["request_id"]
    assert reader.text == words(len(reader.events) - 1)  # all up to there is true


def test_a_caller_has_so_many_and_further_ones_are_like_any_other(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"answers_per_caller": 2}, limits={"waiting_per_identity": 100})
    key = door.api_key()
    with begin(door, key, Reader()), begin(door, key, Reader()):
        with Wire(door.port).send(chat(key=key, headers=RESUMABLE, stream=True)) as wire:
            answer = wire.head()
            assert answer.status == 200 and STREAM not in answer.headers
            call = call_of(engine, 2)
        assert call.hung_up.wait(5)


@pytest.mark.parametrize("config", [{"resume": {"grace": "0s"}}, {"service": {"keys": "optional"}}])
def test_where_it_is_off_or_there_is_no_key_it_is_like_any_other(start, engine, config):
    engine.behaviour = Script()
    engine.behaviour.say(1)
    engine.behaviour.end()
    door = start(engine, **config)
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=None if "service" in config else door.api_key(), headers=RESUMABLE, stream=True)).answer()
    assert answer.status == 200 and STREAM not in answer.headers and b"id: " not in answer.body
    if "service" in config:
        assert code_of(ask_for(door, "0" * 32, None)) == (404, "stream_not_found")


def test_a_whole_answer_is_not_resumable(service, engine):
    with Wire(service.port) as wire:
        answer = wire.send(chat(key=service.api_key(), headers=RESUMABLE)).answer()
    assert answer.status == 200 and STREAM not in answer.headers and answer.json["object"] == "chat.completion"


def test_a_thousand_that_were_left_give_everything_back(start, make_engine):
    """All at one engine: its places, the door's memory and its connections are there again after the grace."""
    stopped = threading.Semaphore(0)

    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("x"))))
        while not call.gone():
            call.hung_up.wait(0.05)
        stopped.release()
        return False

    engine = make_engine(behave)
    door = start(engine, pool={"calls": 2000}, limits={"waiting_per_identity": 2000},
                 resume={"grace": "2s", "answers_per_caller": 2000, "answers": 1000})
    key, named = door.api_key(), 0
    for _ in range(1100):
        with Wire(door.port).send(chat(key=key, headers=RESUMABLE, stream=True)) as wire:
            named += STREAM in wire.head().headers
    assert named >= 1000
    for _ in range(1100):
        assert stopped.acquire(timeout=30)
    door.wait_metric("seawall_requests_open", 0)
    assert door.metrics()['seawall_turns_running{pool="test",class="unknown"}'] == 0
    engine.behaviour = Script()
    engine.behaviour.say(1)
    engine.behaviour.end()
    reader = Reader()
    with begin(door, key, reader) as wire:
        reader.read_all(wire)
    assert reader.done


def test_a_follower_that_reads_nothing_holds_its_engine_back_and_is_let_go(start, make_engine):
    sent = []

    def flood(call):
        call.send(head())
        while True:
            call.send(chunk(event(delta("y" * 8000))))
            sent.append(len(sent))

    engine = make_engine(flood)
    door = start(engine, deadlines={"send_stall": "1s"}, resume={"grace": "500ms", "answer_bytes": "4MiB"})
    key, reader = door.api_key(), Reader()
    wire = begin(door, key, reader)
    slow = Wire(door.port, receive_buffer=4096)
    with slow:
        slow.send(request("GET", f"/v1/streams/{reader.name}", key=key))
        slow.head()
        wire.close()
        assert call_of(engine).hung_up.wait(30)
    line = door.logged(endpoint="stream", seconds=10)[0]
    assert line["reason"] == "CLIENT_STALLED"
    assert door.logged(endpoint="chat", seconds=10)[0]["reason"] in ("CLIENT_GONE", "NOT_KEPT")


def test_a_follower_that_takes_nothing_gives_way_to_the_next_at_once(start, make_engine):
    def flood(call):
        call.send(head())
        while True:
            call.send(chunk(event(delta("y" * 8000))))

    door = start(make_engine(flood), resume={"answer_bytes": "4MiB"})
    key, reader = door.api_key(), Reader()
    first = begin(door, key, reader)
    with Wire(door.port, receive_buffer=4096).send(request("GET", f"/v1/streams/{reader.name}", key=key)) as slow:
        slow.head()
        first.close()
        wait_for(lambda: door.metrics()["seawall_kept_bytes"] > 1 << 18, what="the engine to be held back")
        with come_back(door, key, reader) as wire:
            reader.read(wire, lambda r: r.last >= 1000)
            assert door.logged(endpoint="stream", detail="displaced by another connection")


# ---- the service comes and goes ------------------------------------------------------------------------------------------


def test_a_drain_does_not_wait_for_those_that_nobody_came_back_for(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"grace": "10m"}, deadlines={"drain": "10m"})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader):
        call = call_of(engine)
    door.send_signal(signal.SIGTERM)
    assert call.hung_up.wait(10)
    assert door.process.wait(20) == 0


def test_a_drain_lets_a_follower_finish(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"grace": "10m"}, deadlines={"drain": "1m"}, service={"workers": 4})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader):
        pass
    with come_back(door, key, reader) as wire:
        engine.behaviour.say(1)
        reader.read(wire, lambda r: r.text == words(1))
        door.send_signal(signal.SIGTERM)
        door.wait_log("draining")
        engine.behaviour.say(2)
        engine.behaviour.end()
        reader.read_all(wire)
    assert reader.text == words(3) and reader.done
    assert door.process.wait(20) == 0


def test_the_end_of_the_drain_ends_what_is_still_followed(start, engine):
    engine.behaviour = Script()
    door = start(engine, resume={"grace": "10m"}, deadlines={"drain": "500ms"}, service={"workers": 4})
    key, reader = door.api_key(), Reader()
    with begin(door, key, reader):
        pass
    with come_back(door, key, reader) as wire:
        door.send_signal(signal.SIGTERM)
        assert wire.ended(10)
    assert call_of(engine).hung_up.wait(10)
    assert door.process.wait(20) == 0


def test_a_reload_keeps_what_was_left(service, script):
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader) as wire:
        script.say(1)
        reader.read(wire, lambda r: r.text == words(1))
    service.tool("reload")
    with come_back(service, key, reader) as wire:
        script.say(1)
        script.end()
        reader.read_all(wire)
    assert reader.text == words(2) and reader.done


def test_a_gateway_that_died_knows_nothing_of_it_and_says_so(service, script):
    service.may_crash = True
    key, reader = service.api_key(), Reader()
    with begin(service, key, reader):
        pass
    os.kill(service.gateway(), signal.SIGKILL)

    def answered():
        try:
            return code_of(ask_for(service, reader.name, key)) == (404, "stream_not_found")
        except (OSError, Closed):
            return False
    wait_for(answered, 20, "the next gateway's answer")
