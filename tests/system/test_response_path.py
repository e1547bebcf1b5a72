# SPDX-License-Identifier: Apache-2.0
"""The way back: what an engine says leaves in our form, at once, and whatever an engine does wrong becomes an error of ours."""
import json
import threading
import time

import pytest

from engine import Engine, chunk, delta, endless, event, head, json_answer, says, stream_of, usage, whole
from service import events_of
from wire import Wire, chat, chat_body, deltas, request

SECRETS = ("secret", "scripted", "weights", "gguf", "Traceback", "/opt/")


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine, pool={"idle": "30s"}, model={"choices": 4}, limits={"event_bytes": "1MiB", "answer_bytes": "4MiB"})
        service.engine = engine
        service.api_key()
        yield service


@pytest.fixture(autouse=True)
def fresh_engine(door):
    door.engine.calls.clear()
    door.engine.behaviour = stream_of(["Hel", "lo"])


def ask(door, **more):
    with Wire(door.port) as wire:
        return wire.send(chat(key=door.key, **more)).answer()


def leaks_nothing(answer):
    text = (answer.head_text + answer.body).decode("latin-1")
    assert not [word for word in SECRETS if word in text], text


def stream(*pieces):
    """An engine that sends a stream of these pieces, as chunks, and its end."""

    def behave(call):
        call.send(head())
        for piece in pieces:
            call.send(chunk(piece))
        call.send(b"0\r\n\r\n")
        return True

    return behave


DONE = event("[DONE]")


# ---- a stream ---------------------------------------------------------------------------------


def test_a_stream_has_the_form_that_clients_know(door):
    answer = ask(door, stream=True)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["transfer-encoding"] == "chunked" and "server" not in answer.headers
    assert "x-request-id" in answer.headers and not answer.closes
    events = events_of(answer.body)
    assert events[-1] == "[DONE]" and events.count("[DONE]") == 1
    parsed = [json.loads(data) for data in events[:-1]]
    assert {data["model"] for data in parsed} == {"test-model"}
    assert {data["object"] for data in parsed} == {"chat.completion.chunk"}
    assert len({data["id"] for data in parsed}) == 1
    assert parsed[0]["choices"][0]["delta"]["role"] == "assistant"
    assert deltas(events) == "Hello"
    assert parsed[-1]["choices"][0]["finish_reason"] == "stop"
    leaks_nothing(answer)


def test_usage_is_asked_of_the_engine_always_and_given_to_those_who_ask(door):
    without = events_of(ask(door, stream=True).body)
    assert door.engine.calls[0].body["stream_options"]["include_usage"] is True
    assert not [data for data in without[:-1] if json.loads(data).get("usage")]
    with_usage = events_of(ask(door, stream=True, stream_options={"include_usage": True}).body)
    last = json.loads(with_usage[-2])
    assert last["choices"] == [] and last["usage"]["prompt_tokens"] == 3 and last["usage"]["completion_tokens"] == 2
    assert last["model"] == "test-model"


def test_comments_pass_so_that_clients_do_not_lose_patience(door):
    door.engine.behaviour = stream(": OPENROUTER PROCESSING\n\n", event(delta("Hi")), ":\n\n", event(delta(finish="stop")), DONE)
    body = ask(door, stream=True).body.decode()
    assert body.startswith(": OPENROUTER PROCESSING\n")
    assert deltas(events_of(body.encode())) == "Hi"


def test_each_event_is_here_before_the_next_is_made(door):
    """The engine makes an event only when the client has the one before; and each comes as one piece."""
    go_on, count = threading.Semaphore(0), 20

    def behave(call):
        call.send(head())
        for number in range(count):
            call.sent_at = time.monotonic()
            call.send(chunk(event(delta(f"token{number} "))))
            assert go_on.acquire(timeout=5)
        call.send(chunk(event(delta(finish="stop")) + DONE) + b"0\r\n\r\n")
        return True

    door.engine.behaviour = behave
    late = []
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True))
        for number in range(count):
            piece = wire.receive()
            now = time.monotonic()
            late.append(now - door.engine.calls[0].sent_at)
            if number == 0:
                piece = piece.split(b"\r\n\r\n", 1)[1]  # head and first event are one write too
            size, rest = piece.split(b"\r\n", 1)
            assert len(rest) == int(size, 16) + 2 and rest.endswith(b"\n\n\r\n"), piece
            assert f"token{number} ".encode() in rest
            go_on.release()
        assert wire.rest if wire.quiet(0) else True
        assert b"[DONE]" in wire.until(b"0\r\n\r\n")
    late.sort()
    assert late[len(late) // 2] < 0.01, late


def test_events_that_come_in_one_piece_leave_in_one_piece(door):
    door.engine.behaviour = stream("".join(event(delta(f"t{number}")) for number in range(50)) + event(delta(finish="stop")) + DONE)
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True)).head()
        data = wire.chunk()
        assert len(events_of(data)) == 52
        assert wire.chunk() == b""


def test_an_event_split_anywhere_is_put_together(door):
    text = event(delta("Gr\u00fc\u00dfe, \u4e16\u754c")) + "data:" + json.dumps(delta("!")) + "\r\n\r\n" + event(delta(finish="stop")) + DONE

    def behave(call):
        call.send(head())
        for byte in text.encode():
            call.send(b"1\r\n%c\r\n" % byte)
        call.send(b"0\r\n\r\n")
        return True

    door.engine.behaviour = behave
    answer = ask(door, stream=True)
    assert deltas(events_of(answer.body)) == "Gr\u00fc\u00dfe, \u4e16\u754c!"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("asked_as_stream", [True, False])
def test_thinking_leaves_under_both_names(door, name, asked_as_stream):
    door.engine.behaviour = stream(event(delta(**{name: "Let me "})), event(delta(**{name: "think."})), event(delta("42")),
                                   event(delta(finish="stop")), DONE)
    answer = ask(door, stream=asked_as_stream)
    if asked_as_stream:
        events = events_of(answer.body)
        assert deltas(events, "reasoning_content") == deltas(events, "reasoning") == "Let me think."
        assert deltas(events) == "42"
    else:
        message = answer.json["choices"][0]["message"]
        assert message["reasoning_content"] == message["reasoning"] == "Let me think." and message["content"] == "42"


def test_tool_calls_pass_streamed_and_are_put_together_whole(door):
    calls = [
        [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"city":'}}], [{"index": 0, "function": {"arguments": '"Ulm"}'}}],
        [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}],
    ]
    door.engine.behaviour = stream(*(event(delta(tool_calls=part)) for part in calls), event(delta(finish="tool_calls")), DONE)
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    parts = [json.loads(data)["choices"][0]["delta"].get("tool_calls") for data in events_of(ask(door, stream=True, tools=tools).body)[:-1]]
    assert [part for part in parts if part] == calls
    choice = ask(door, tools=tools).json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in choice["message"]["tool_calls"]] == [
        ("call_1", "weather", '{"city":"Ulm"}'), ("call_2", "time", "{}")]


def test_several_choices_stay_apart(door):
    door.engine.behaviour = stream(event(delta("a", 0)), event(delta("x", 1)), event(delta("b", 0)), event(delta("y", 1)),
                                   event(delta(finish="stop", index=1)), event(delta(finish="length", index=0)), event(usage(3, 4)), DONE)
    choices = ask(door, n=2).json["choices"]
    assert [(choice["index"], choice["message"]["content"], choice["finish_reason"]) for choice in choices] == [
        (0, "ab", "length"), (1, "xy", "stop")]


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(door):
    with Wire(door.port) as wire:
        answer = wire.send(request("POST", "/v1/chat/completions", chat_body(stream=True), door.key, version="HTTP/1.0")).answer()
    assert "transfer-encoding" not in answer.headers and answer.closes
    assert deltas(events_of(answer.body)) == "Hello"


# ---- whole answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, asked", [("always", True), ("never", False), ("auto", True)])
def test_a_whole_answer_is_the_same_whichever_way_it_was_asked_for(start, make_engine, mode, asked):
    engine = make_engine(stream_of(["Hel", "lo"]))
    door = start(engine, pool={"upstream_stream": mode})
    status, headers, body = door.chat()
    assert status == 200 and headers["content-type"] == "application/json"
    assert engine.calls[0].body.get("stream", False) is asked
    answer = json.loads(body)
    assert answer["object"] == "chat.completion" and answer["model"] == "test-model"
    (choice,) = answer["choices"]
    assert choice.pop("logprobs", None) is None
    assert choice == {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    assert {name: answer["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")} == {
        "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert "stream_options" not in engine.calls[0].body or asked


def test_a_stream_is_a_stream_also_where_whole_answers_never_are(start, make_engine):
    engine = make_engine(stream_of(["Hel", "lo"]))
    door = start(engine, pool={"upstream_stream": "never"})
    assert deltas(events_of(door.chat(stream=True)[2])) == "Hello"


def test_an_engine_that_answers_whole_where_a_stream_was_asked_for_will_do_for_a_whole_answer(door):
    door.engine.behaviour = lambda call: json_answer(call, whole("whole after all"))
    answer = ask(door)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "whole after all"
    assert answer.json["model"] == "test-model"
    leaks_nothing(answer)


def test_an_engine_may_say_100_continue_and_early_hints_first(door):
    usual = stream_of(["Hel", "lo"])

    def behave(call):
        call.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        return usual(call)

    door.engine.behaviour = behave
    assert ask(door).json["choices"][0]["message"]["content"] == "Hello"


# ---- engines that do it wrong -------------------------------------------------------------------

ERROR = {"error": {"message": "CUDA error at /opt/secret.py:12 Traceback", "type": "internal", "code": 500}}
STREAM = head().encode()
WHOLE_HEAD = head(200, "application/json", 1000).encode()


def with_status(status, body=ERROR, kind="application/json"):
    data = body if isinstance(body, str) else json.dumps(body)
    return says(head(status, kind, len(data)).encode() + data.encode())


BEFORE = {
    "says nothing": (says(b""), 502, "bad_gateway"),
    "speaks no http": (says(b"\x16\x03\x01 secret nonsense\r\n\r\n"), 502, "bad_gateway"),
    "ends in its head": (says(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev"), 502, "bad_gateway"),
    "has an endless head": (says(b"HTTP/1.1 200 OK\r\n" + b"X-Secret: scripted\r\n" * 20000), 502, "bad_gateway"),
    "sends a length and a coding": (says(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                                    502, "bad_gateway"),
    "sends html for a stream": (says(head(200, "text/html", 15).encode() + b"<html>secret..."), 502, "bad_gateway"),
    "sends text without a type": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"), 502, "bad_gateway"),
    "sends nothing but its head": (says(STREAM), 502, "bad_gateway"),
    "ends its stream at once": (says(STREAM + b"0\r\n\r\n"), 502, "bad_gateway"),
    "sends half an event and closes": (says(STREAM + chunk('data: {"choices":[{"index":0,"delta":{"content":"secr')), 502, "bad_gateway"),
    "has a bad chunk": (says(STREAM + b"zz\r\nsecret\r\n"), 502, "bad_gateway"),
    "has an event that is no json": (says(STREAM + chunk("data: secret {\n\n")), 502, "bad_gateway"),
    "has an event of a wrong type": (says(STREAM + chunk(event({"choices": "secret"}))), 502, "bad_gateway"),
    "has an event that is an array": (says(STREAM + chunk(event([1, 2]))), 502, "bad_gateway"),
    "has a choice nobody asked for": (says(STREAM + chunk(event(delta("secret", 7)))), 502, "bad_gateway"),
    "has an event of 10 MB": (says(STREAM + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"" + "secret" * 1700000)), 502, "bad_gateway"),
    "says its error in the stream": (says(STREAM + chunk(event(ERROR))), 502, "model_error"),
    "fails with json": (with_status(500), 502, "model_error"),
    "fails with html": (with_status(500, "<html><body>nginx secret</body></html>", "text/html"), 502, "model_error"),
    "fails with nothing": (with_status(500, ""), 502, "model_error"),
    "fails with a body cut off": (says(head(500, "application/json", 5000).encode() + b'{"error":"secret'), 502, "model_error"),
    "is a proxy without an engine": (with_status(502, "<h1>secret</h1>", "text/html"), 502, "model_error"),
    "refuses our key": (with_status(401), 502, "model_error"),
    "does not know the path": (with_status(404), 502, "model_error"),
    "sends us elsewhere": (says(b"HTTP/1.1 302 Found\r\nLocation: http://secret/\r\nContent-Length: 0\r\n\r\n"), 502, "bad_gateway"),
    "changes protocols": (says(b"HTTP/1.1 101 Switching\r\nUpgrade: secret\r\nConnection: upgrade\r\n\r\n"), 502, "bad_gateway"),
    "has no content": (says(b"HTTP/1.1 204 No\r\n\r\n"), 502, "bad_gateway"),
    "refuses the request": (with_status(400), 400, "rejected_by_model"),
    "has a validator's words": (with_status(422, {"detail": [{"loc": ["secret"], "msg": "/opt/x"}]}), 400, "rejected_by_model"),
    "cannot do that": (with_status(501), 422, "unprocessable"),
    "is full": (with_status(429), 503, "overloaded"),
    "is loading": (with_status(503), 503, "model_unavailable"),
    "has too small a context": (with_status(400, {"error": {"type": "exceed_context_size_error", "message": "secret", "n_prompt_tokens": 9000, "n_ctx": 4096}}),
                                400, "context_length_exceeded"),
}


@pytest.mark.parametrize("asked_as_stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("what", BEFORE)
def test_an_engine_that_fails_before_its_first_event(door, what, asked_as_stream):
    door.engine.behaviour, status, code = BEFORE[what]
    answer = ask(door, stream=asked_as_stream)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.error["code"] == code and answer.error["message"]
    assert ("retry-after" in answer.headers) == (status == 503)
    leaks_nothing(answer)
    door.engine.behaviour = stream_of(["Hel", "lo"])
    assert ask(door).status == 200


def test_the_two_numbers_of_a_context_overflow_reach_the_client(door):
    door.engine.behaviour = BEFORE["has too small a context"][0]
    message = ask(door).error["message"]
    assert "9000" in message and "4096" in message


def test_the_operators_log_has_the_engines_status_and_the_client_has_not(door):
    """Not its words: they may quote the prompt."""
    door.engine.behaviour = with_status(500)
    answer = ask(door)
    assert "500" not in answer.error["message"]
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert line["detail"] == "engine's status 500"


def test_an_operator_who_asks_for_them_gets_the_engines_words(start, make_engine):
    door = start(make_engine(with_status(500)), service={"log_engine_words": True})
    status, headers, body = door.chat()
    assert status == 502 and b"CUDA" not in body
    (line,) = door.logged(id=headers["x-request-id"])
    assert "CUDA error" in line["detail"] and "500" in line["detail"]


IN_MIDSTREAM = {
    "closes": b"",
    "ends without [DONE]": b"0\r\n\r\n",
    "ends inside an event": chunk('data: {"choices":[{"index":0,"del') + b"0\r\n\r\n",
    "closes inside a chunk": b"ff\r\ndata: {",
    "has a bad chunk": b"-1\r\n",
    "says no json": chunk("data: <html>secret</html>\n\n"),
    "says a wrong type": chunk(event({"choices": [{"index": "secret"}]})),
    "says an event of 10 MB": chunk("data: " + "secret" * 1700000),
}


@pytest.mark.parametrize("what", IN_MIDSTREAM)
def test_an_engine_that_fails_in_mid_stream_ends_in_an_error_event(door, what):
    door.engine.behaviour = says(STREAM + chunk(event(delta("Hel")) + event(delta("lo"))) + IN_MIDSTREAM[what])
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=door.key, stream=True)).answer()
        assert wire.ended()
    events = events_of(answer.body)
    error = json.loads(events[-1])
    assert error["error"]["code"] == "bad_gateway" and error["error"]["type"] == "server_error"
    assert "[DONE]" not in events
    assert deltas(events[:-1]) in ("Hello", "")
    leaks_nothing(answer)


def test_an_error_that_an_engine_says_in_mid_stream_becomes_ours(door):
    door.engine.behaviour = stream(event(delta("Hel")), event(ERROR), DONE)
    answer = ask(door, stream=True)
    error = json.loads(events_of(answer.body)[-1])["error"]
    assert error["code"] == "model_error"
    leaks_nothing(answer)


@pytest.mark.parametrize("what", IN_MIDSTREAM)
def test_a_whole_answer_that_the_engine_did_not_finish_is_502(door, what):
    door.engine.behaviour = says(STREAM + chunk(event(delta("Hello"))) + IN_MIDSTREAM[what])
    answer = ask(door)
    assert answer.status == 502 and answer.error["code"] == "bad_gateway"
    leaks_nothing(answer)


@pytest.mark.parametrize("asked_as_stream", [True, False])
def test_a_stream_whose_choices_have_all_ended_needs_no_done(door, asked_as_stream):
    door.engine.behaviour = stream(event(delta("Hel")), event(delta("lo")), event(delta(finish="stop")))
    answer = ask(door, stream=asked_as_stream)
    assert answer.status == 200
    if asked_as_stream:
        events = events_of(answer.body)
        assert deltas(events) == "Hello" and events[-1] == "[DONE]"
    else:
        assert answer.json["choices"][0]["message"]["content"] == "Hello"


def test_what_comes_behind_done_counts_for_nothing(door):
    door.engine.behaviour = stream(event(delta("Hello")), event(delta(finish="stop")), DONE + event(delta("secret")), "secret nonsense")
    for asked_as_stream in (True, False):
        answer = ask(door, stream=asked_as_stream)
        assert answer.status == 200 and "Hello" in answer.body.decode()
        leaks_nothing(answer)


def test_an_engine_that_keeps_its_answer_open_behind_done_is_not_waited_for(door):
    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("Hello")) + event(delta(finish="stop")) + DONE))
        call.pause(20)
        return True

    door.engine.behaviour = behave
    for asked_as_stream in (True, False):
        began = time.monotonic()
        assert ask(door, stream=asked_as_stream).status == 200
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked, told", [("7", "7"), ("100000", "60"), ("0", "2"), ("Fri, 27 Nov 2026 10:00:00 GMT", "2"), ("-5", "2"), (None, "2")])
def test_a_full_engines_retry_after_is_passed_on_within_bounds(door, status, asked, told):
    extra = f"Retry-After: {asked}\r\n" if asked else ""
    door.engine.behaviour = lambda call: json_answer(call, ERROR, status, extra)
    answer = ask(door)
    assert answer.status == 503 and answer.headers["retry-after"] == told


@pytest.mark.parametrize("data, detail", [
    (b"HTTP/1.1 302 Found\r\nLocation: http://secret/\r\nContent-Length: 0\r\n\r\n", "engine's status 302"),
    (head(200, "text/html", 15).encode() + b"<html>secret...", "'text/html'"),
    (STREAM + chunk(event(delta("Hel"))) + b"0\r\n\r\n", "ended in the middle"),
    (STREAM + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"" + "x" * 5000), "limits.event_bytes"),
], ids=["status", "type", "end", "event"])
def test_an_unusable_answer_has_a_detail_for_the_operator(start, make_engine, data, detail):
    door = start(make_engine(says(data)), limits={"event_bytes": "4KiB"})
    _, headers, _ = door.chat(stream=True)
    (line,) = door.logged(id=headers["x-request-id"])
    assert line["reason"] == "BAD_ANSWER" and detail in line["detail"] and "secret" not in line["detail"]


@pytest.mark.parametrize("data", [
    WHOLE_HEAD + b'{"choices":[{"index":0,"message":{"role":"assistant","content":"secr', WHOLE_HEAD + b" " * 1000, WHOLE_HEAD + b"<" * 1000,
    head(200, "application/json", 2).encode() + b"[]", head(200, "application/json", 24).encode() + b'{"choices":[{"index":9}]}'[:24],
    head(200, "text/html", 6).encode() + b"secret", head(200, "text/event-stream", 6).encode() + b"secret",
], ids=range(7))
def test_a_broken_whole_answer_is_502(start, make_engine, data):
    engine = make_engine(says(data))
    door = start(engine, pool={"upstream_stream": "never"})
    status, _, body = door.chat()
    assert status == 502 and json.loads(body)["error"]["code"] == "bad_gateway"
    assert b"secret" not in body


# ---- caps ---------------------------------------------------------------------------------------
# An engine that keeps to `max_tokens` may still send one event more (what a detokenizer held back), so one is let pass.


def test_a_stream_is_cut_at_max_tokens_whatever_the_engine_thinks(door):
    door.engine.behaviour = endless(0)
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=door.key, stream=True, max_tokens=10, stream_options={"include_usage": True})).answer()
        assert not answer.closes
        events = events_of(answer.body)
        assert events[-1] == "[DONE]"
        assert deltas(events).split() == ["x"] * 11
        assert [choice["finish_reason"] for data in events[:-1] for choice in json.loads(data)["choices"] if choice["finish_reason"]] == ["length"]
        assert door.engine.calls[0].hung_up.wait(1)
        assert wire.send(request("GET", "/v1/models", key=door.key)).answer().status == 200
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert line["reason"] == "CUT" and line["completion_tokens"] == 11


def test_a_whole_answer_is_cut_at_max_tokens_too(door):
    door.engine.behaviour = endless(0)
    answer = ask(door, max_tokens=10)
    (choice,) = answer.json["choices"]
    assert choice["message"]["content"].split() == ["x"] * 11 and choice["finish_reason"] == "length"
    assert answer.json["usage"]["completion_tokens"] == 11
    assert door.engine.calls[0].hung_up.wait(1)


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_that_was_cut_counts_as_stopped(door, stream):
    door.engine.behaviour = endless(0)
    before = door.metrics()["seawall_upstream_cancelled_total"]
    assert ask(door, max_tokens=10, stream=stream).status == 200
    door.wait_metric("seawall_upstream_cancelled_total", before + 1)  # counted behind the last byte


def test_an_answer_is_cut_at_the_cap_of_bytes(start, make_engine):
    def large(call):
        call.send(head())
        while True:
            call.send(chunk(event(delta("y" * 1000))))

    engine = make_engine(large)
    door = start(engine, limits={"answer_bytes": "64KiB", "event_bytes": "32KiB"})
    status, _, body = door.chat(stream=True)
    events = events_of(body)
    assert status == 200 and events[-1] == "[DONE]"
    assert json.loads(events[-2])["choices"][0]["finish_reason"] == "length"
    assert 32 * 1024 < len(body) <= 80 * 1024
    assert engine.calls[0].hung_up.wait(1)
    status, _, body = door.chat()
    assert status == 200 and json.loads(body)["choices"][0]["finish_reason"] == "length"
    assert engine.calls[1].hung_up.wait(1)


def test_a_whole_answer_that_cannot_be_cut_is_502_when_too_large(start, make_engine):
    engine = make_engine(lambda call: json_answer(call, whole("y" * 100000)))
    door = start(engine, limits={"answer_bytes": "64KiB", "event_bytes": "32KiB"}, pool={"upstream_stream": "never"})
    status, _, body = door.chat()
    assert status == 502 and json.loads(body)["error"]["code"] == "answer_too_large"
