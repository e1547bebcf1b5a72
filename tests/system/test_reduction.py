# SPDX-License-Identifier: Apache-2.0
"""The degradation ladder: what a pressed pool leaves away, what engines and callers see of it, and that it goes again."""
import json
import threading

import pytest

from engine import chunk, delta, event, head, silent, stream_of
from service import events_of, wait_for
from wire import Wire, deltas, request

PLACES = 8  # three of them are kept free for the one caller in profile
ON = {"output": "on", "reasoning": "on", "context": "on", "model": "on"}
MODELS = [{"name": "test-model", "reasoning": "reasoning_effort", "smaller": "small", "output_tokens": 1000},
          {"name": "small", "upstream_model": "small-weights", "reasoning": "enable_thinking"}]
LONG = "word " * 400  # 500 tokens, as estimated
TOOL = [{"role": "assistant", "content": None,
         "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": LONG}]
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "first"}, {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "second " + LONG}, *TOOL, {"role": "assistant", "content": LONG},
        {"role": "user", "content": "third"}]


def behaviour(released):
    """Who holds writes one token and then nothing until it is released; who presses gets nothing at all; all others 300 tokens."""
    talk = stream_of(["t "] * 300)

    def behave(call):
        text = call.body["messages"][-1]["content"]
        if text.startswith("press"):
            return silent(call)
        if not text.startswith("hold"):
            return talk(call)
        call.send(head())
        call.send(chunk(event(delta("one"))))
        while not released.is_set():
            call.pause(0.02)
        for _ in range(100):
            call.send(chunk(event(delta("t "))))
            call.pause(0.01)
        call.send(chunk(event(delta(finish="stop"))))
        call.send(chunk(event("[DONE]")) + b"0\r\n\r\n")
        return True

    return behave


def body(messages=None, text=None, **more):
    return {"model": "test-model", "messages": messages or [{"role": "user", "content": text}], **more}


class Pressed:
    """A service whose places are taken and before which far more waits than it can do."""

    def __init__(self, service, engine, released):
        self.service, self.engine, self.released = service, engine, released
        self.wires = {}
        self.held = PLACES - 3
        regular = service.tool_json("key", "create", "regular")
        service.tool("profile", "grant", regular["id"], "100000")
        self.regular = regular["key"]
        self.crowd = service.make_key("crowd", "--models", "test-model")  # no smaller model takes their pressure away

    def waiting(self):
        return self.service.metrics()['seawall_turns_waiting{pool="test",class="unknown"}']

    def begin(self, text, key):
        self.wires[text] = wire = Wire(self.service.port)
        wire.send(request("POST", "/v1/chat/completions", body(text=text, stream=True), key))

    def press(self, rungs=4):
        self.begin("hold for the regular one", self.regular)
        self.service.wait_metric('seawall_turns_kept_free{pool="test"}', PLACES - self.held)
        for i in range(1, self.held):
            self.begin(f"hold {i}", self.crowd)
            wait_for(lambda: len(self.running()) == i, what="a call that runs")
        for i in range(6):
            self.begin(f"press {i} " + "x" * 40000, self.crowd)
        wait_for(lambda: self.waiting() == 6, what="those that wait")
        self.service.wait_metric('seawall_ladder_rungs{pool="test"}', rungs)

    def running(self):
        """Those of others than the regular one that have a place, in the order in which they got it."""
        last = [call.body["messages"][-1]["content"] for call in self.engine.calls]
        return [text for text in last if text in self.wires and "regular" not in text]

    def leave(self):
        """Everybody but the regular one hangs up."""
        for text, wire in self.wires.items():
            if "regular" not in text:
                wire.close()
        wait_for(lambda: self.waiting() == 0, what="an empty queue")

    def ask(self, key=None, **more):
        """The answer to a call that has its turn when one who runs hangs up; and the call as the engine saw it."""
        before = self.waiting()
        with Wire(self.service.port) as wire:
            wire.send(request("POST", "/v1/chat/completions", body(**more), key or self.service.make_key("asker")))
            wait_for(lambda: self.waiting() == before + 1, what="a place in the queue")
            self.wires.pop(self.running()[-1]).close()
            return wire.answer(), self.seen(more)

    def seen(self, asked):
        last = (asked.get("messages") or [{"content": asked.get("text")}])[-1]["content"]
        found = [call.body for call in self.engine.calls if call.body["messages"][-1]["content"] == last]
        return found[-1]


@pytest.fixture
def pressed(start, make_engine):
    made = []

    def make(ladder, other=None, **more):
        released = threading.Event()
        engine = make_engine(behaviour(released))
        pools = [{"name": "test", "backends": [{"url": engine.url}], "probe": "models", "calls": PLACES}]
        if other:
            pools.append({"name": "other", "backends": [{"url": other.url}], "probe": "models", "probe_every": "1s"})
        config = {"pools": pools,
                  "models": MODELS, "deadlines": {"turn": "60s", "siege_turn": "60s"}, "ladder": ladder, **more}
        service = start(config=config)
        made.append(Pressed(service, engine, released))
        return made[-1]
    yield make
    for pool in made:
        for wire in pool.wires.values():
            wire.close()


def test_a_pressed_pool_serves_smaller_and_a_calm_one_all_again(pressed):
    pool = pressed({**ON, "output_tokens": 5, "context_tokens": 400})
    service = pool.service
    calm, sent = None, None
    asked = {"messages": TALK, "max_tokens": 100, "reasoning_effort": "high"}
    with Wire(service.port) as wire:
        calm = wire.send(request("POST", "/v1/chat/completions", body(**asked), service.make_key("calm"))).answer()
    sent = pool.seen(asked)
    assert calm.status == 200 and "seawall-reduced" not in calm.headers
    assert sent["messages"] == TALK and sent["reasoning_effort"] == "high" and sent["model"] == "test-model"

    pool.press()
    answer, sent = pool.ask(**asked)
    assert answer.status == 200
    assert answer.headers["seawall-reduced"] == 'output=5, reasoning=off, context=-4, model="small"'
    assert sent["model"] == "small-weights" and sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert sent["messages"] == TALK[:3] + TALK[7:] and sent["max_tokens"] == 100
    assert answer.json["model"] == "small" and answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.json["seawall"] == {"ended": "shortened", "reduced": answer.headers["seawall-reduced"]}
    assert answer.json["usage"]["completion_tokens"] <= 6
    line = service.logged(reduced=answer.headers["seawall-reduced"])[0]
    assert line["model"] == "small" and line["asked_model"] == "test-model" and line["rungs"] == 4 and line["siege"]
    assert line["class"] == "unknown" and "dry_run" not in line
    reduced = {rung: service.metrics()[f'seawall_reduced_total{{rung="{rung}",mode="on"}}'] for rung in ON}
    assert reduced.pop("output") >= 1 and set(reduced.values()) == {1}  # what ran when it began is shortened too
    said = service.tool("explain", answer.headers["x-request-id"]).stdout
    assert f"reduced   {answer.headers['seawall-reduced']}; rungs of the ladder that stood when it came: 4; " \
           "the model asked for was test-model\n" in said
    assert "siege, rung 4" in service.tool("status", check=False).stdout

    # Within its budget: at once, and all of it.
    with Wire(service.port) as wire:
        regular = wire.send(request("POST", "/v1/chat/completions", body(**asked), pool.regular)).answer()
    assert regular.status == 200 and "seawall-reduced" not in regular.headers and regular.json["model"] == "test-model"
    assert pool.seen(asked)["messages"] == TALK

    pool.leave()
    wait_for(lambda: service.metrics()['seawall_ladder_rungs{pool="test"}'] == 0, seconds=45, what="calm")
    with Wire(service.port) as wire:
        calm = wire.send(request("POST", "/v1/chat/completions", body(**asked), service.make_key("calm again"))).answer()
    assert calm.status == 200 and "seawall-reduced" not in calm.headers and pool.seen(asked)["messages"] == TALK


def test_a_dry_run_only_tells(pressed):
    pool = pressed({**dict.fromkeys(ON, "dry-run"), "output_tokens": 5, "context_tokens": 400})
    pool.press()
    asked = {"messages": TALK, "max_tokens": 100, "stream": True}
    answer, sent = pool.ask(**asked)
    assert answer.status == 200 and "seawall-reduced" not in answer.headers
    assert sent["messages"] == TALK and sent["model"] == "test-model" and "reasoning_effort" not in sent
    assert "chat_template_kwargs" not in sent and deltas(events_of(answer.body)).count("t ") >= 100
    line = pool.service.logged(dry_run='output=5, reasoning=low, context=-4, model="small"')[0]
    assert "reduced" not in line and "asked_model" not in line and line["model"] == "test-model"
    metrics = pool.service.metrics()
    told = {rung: metrics[f'seawall_reduced_total{{rung="{rung}",mode="dry-run"}}'] for rung in ON}
    assert told.pop("output") >= 1 and set(told.values()) == {1}
    assert {metrics[f'seawall_reduced_total{{rung="{rung}",mode="on"}}'] for rung in ON} == {0}


def test_as_delivered_only_answers_are_shortened(pressed):
    pool = pressed({})
    pool.press()
    answer, sent = pool.ask(text="tell me all", stream=True, stream_options={"include_usage": True})
    assert answer.headers["seawall-reduced"] == "output=256" and sent["model"] == "test-model"
    events = [json.loads(data) for data in events_of(answer.body)[:-1]]
    assert events[-1]["usage"]["completion_tokens"] in (256, 257)
    (last,) = [one for one in events if one["choices"] and one["choices"][0]["finish_reason"]]
    assert last["choices"][0]["finish_reason"] == "length" and last["seawall"] == {"ended": "shortened", "reduced": "output=256"}
    assert pool.service.logged(id=answer.headers["x-request-id"], reduced="output=256")[0]["dry_run"] == 'reasoning=low, model="small"'
    # What is small enough is no business of the ladder's.
    answer, _ = pool.ask(text="tell me less", max_tokens=256, reasoning_effort="low")
    assert answer.status == 200 and "seawall-reduced" not in answer.headers


def test_one_that_runs_when_a_siege_begins_says_in_its_last_event_that_it_was_shortened(pressed):
    pool = pressed({"output_tokens": 5})
    pool.press()
    pool.released.set()
    answer, whole = (pool.wires[text].answer() for text in ("hold 1", "hold for the regular one"))
    events = [json.loads(data) for data in events_of(answer.body)[:-1]]
    assert "seawall-reduced" not in answer.headers and events[-1]["choices"][0]["finish_reason"] == "length"
    assert events[-1]["seawall"]["ended"] == "shortened"
    reduced = events[-1]["seawall"]["reduced"]
    tokens = int(reduced.removeprefix("output="))
    assert 5 <= tokens <= len(events) - 1 <= tokens + 1 < 101  # what it had when the door heard of it, and one more
    line = pool.service.logged(id=answer.headers["x-request-id"])[0]
    assert line["reason"] == "CUT" and line["reduced"] == reduced
    # Who is within its budget is not touched.
    events = [json.loads(data) for data in events_of(whole.body)[:-1]]
    assert events[-1]["choices"][0]["finish_reason"] == "stop" and not any("seawall" in one for one in events)
    assert "reduced" not in pool.service.logged(id=whole.headers["x-request-id"])[0]


def test_each_rung_can_be_switched_off(pressed):
    pool = pressed({**dict.fromkeys(ON, "off"), "reasoning": "on"})
    pool.press()
    answer, sent = pool.ask(messages=TALK, reasoning_effort="high")
    assert answer.headers["seawall-reduced"] == "reasoning=low"
    assert sent["reasoning_effort"] == "low" and sent["messages"] == TALK and sent["model"] == "test-model"


def test_a_class_is_taken_no_further_than_it_may(pressed):
    pool = pressed({**ON, "context_tokens": 400, "in_profile": "model", "unknown": "reasoning"})
    pool.press()
    answer, sent = pool.ask(messages=TALK, max_tokens=10)
    assert answer.headers["seawall-reduced"] == "reasoning=low" and sent["messages"] == TALK
    with Wire(pool.service.port) as wire:
        wire.send(request("POST", "/v1/chat/completions", body(TALK, max_tokens=10), pool.regular))
        assert wire.answer().headers["seawall-reduced"] == 'reasoning=off, context=-4, model="small"'


def test_a_smaller_model_is_given_only_to_whom_it_may_be_and_where_it_takes_the_request(pressed):
    pool = pressed({**dict.fromkeys(ON, "off"), "model": "on"},
                   models=[{"name": "test-model", "smaller": "small", "engine_fields": ["top_k"]}, {"name": "small"}])
    pool.press()
    answer, _ = pool.ask(text="may I?", key=pool.service.make_key("bound", "--models", "test-model"))
    assert answer.status == 200 and "seawall-reduced" not in answer.headers and answer.json["model"] == "test-model"
    answer, sent = pool.ask(text="with a field", top_k=4)
    assert "seawall-reduced" not in answer.headers and sent["top_k"] == 4 and sent["model"] == "test-model"
    answer, sent = pool.ask(text="without")
    assert answer.headers["seawall-reduced"] == 'model="small"' and sent["model"] == "small"


def test_a_smaller_model_of_another_pool_answers_while_that_pool_serves(pressed, make_engine):
    other = make_engine(stream_of(["small ", "answer"]))
    pool = pressed({**dict.fromkeys(ON, "off"), "model": "on"}, models=[{**MODELS[0], "pool": "test"}, {**MODELS[1], "pool": "other"}],
                   other=other)
    pool.press()
    with Wire(pool.service.port) as wire:
        wire.send(request("POST", "/v1/chat/completions", body(text="anybody?"), pool.service.make_key("asker")))
        answer = wire.answer()
    assert answer.headers["seawall-reduced"] == 'model="small"' and answer.json["choices"][0]["message"]["content"] == "small answer"
    assert other.calls[-1].body["model"] == "small-weights"
    other.close()
    pool.service.wait_metric(f'seawall_backend_up{{pool="other",backend="{other.url}"}}', 0, seconds=20)
    answer, sent = pool.ask(text="anybody still?")
    assert answer.status == 200 and "seawall-reduced" not in answer.headers and sent["model"] == "test-model"


def test_a_crowd_climbs_only_where_the_operator_says_so(pressed):
    for crowds, expected in ((False, None), (True, "output=7")):
        pool = pressed({"crowds": crowds, "output_tokens": 7})
        pool.regular, pool.held = pool.service.make_key("nobody in profile"), PLACES
        pool.press(rungs=4 if crowds else 0)
        answer, _ = pool.ask(text="tell me", max_tokens=50)
        assert answer.status == 200 and answer.headers.get("seawall-reduced") == expected
