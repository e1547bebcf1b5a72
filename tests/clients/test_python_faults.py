# SPDX-License-Identifier: Apache-2.0
"""The official Python client when the engine fails: what it tries again, how long it waits, and which error its user catches."""
import base64
import struct
import time

import openai
import pytest

from engine import Gone, chunk, delta, event, head, json_answer, silent, stream_of, whole
from talks import SAY

ASKED = {"model": "test-model", "messages": SAY}


def fails_first(status, moments, times=1, extra=""):
    """An engine that answers `status` so often and then well; `moments` gets when it was asked."""

    def behave(call):
        moments.append(time.monotonic())
        if len(moments) <= times:
            return json_answer(call, {"error": {"message": "the engine's own words"}}, status, extra)
        return stream_of(["fine"])(call)

    return behave


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [503, 429])
def test_its_own_retry_waits_as_long_as_our_retry_after_says(scripted, knock, status, stream):
    moments = []
    service, _ = scripted(fails_first(status, moments), pool={"retries": 0})
    answer = knock(service, max_retries=2).chat.completions.create(**ASKED, stream=stream)
    text = "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
    assert text == "fine" and len(moments) == 2
    # A second, and not the client's own half second.
    assert 0.95 <= moments[1] - moments[0] < 5


def test_an_engine_that_hangs_up_before_its_first_byte_is_asked_again_by_the_door(scripted, knock):
    moments = []

    def hangs_up_first(call):
        moments.append(time.monotonic())
        return len(moments) > 1 and stream_of(["fine"])(call)

    service, _ = scripted(hangs_up_first)
    assert knock(service).chat.completions.create(**ASKED).choices[0].message.content == "fine"
    assert len(moments) == 2 and moments[1] - moments[0] < 0.5


@pytest.mark.parametrize("status, error, code", [
    (503, openai.InternalServerError, "model_unavailable"), (429, openai.InternalServerError, "overloaded"),
    (500, openai.InternalServerError, "model_error"), (404, openai.InternalServerError, "model_error"),
    (401, openai.InternalServerError, "model_error")])
def test_a_failing_engine_is_an_error_of_the_right_class_in_our_words(scripted, knock, status, error, code):
    service, _ = scripted(lambda call: json_answer(call, {"error": {"message": "/opt/engine/secret"}}, status))
    with pytest.raises(error) as caught:
        knock(service).chat.completions.create(**ASKED)
    assert caught.value.code == code and "secret" not in str(caught.value)
    assert caught.value.request_id.startswith("req_")
    # An engine's limits are ours towards it and not this caller's: full, and no reproach.
    if status in (429, 503):
        assert caught.value.status_code == 503 and int(caught.value.response.headers["retry-after"]) >= 1


def test_an_engine_that_is_not_there_is_an_internal_server_error(scripted, knock):
    service, engine = scripted(stream_of(["a"]))
    client = knock(service)
    assert client.chat.completions.create(**ASKED).choices[0].message.content == "a"
    engine.close()
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(**ASKED)
    assert caught.value.status_code in (502, 503) and caught.value.type == "server_error"


def test_a_silent_engine_is_a_504_before_the_client_gives_up(scripted, knock):
    service, engine = scripted(silent, pool={"first_byte": "300ms", "retries": 0})
    with pytest.raises(openai.InternalServerError) as caught:
        knock(service, timeout=10).chat.completions.create(**ASKED)
    assert caught.value.status_code == 504 and caught.value.code == "model_timeout"
    assert engine.calls[0].hung_up.wait(1)


def test_a_client_that_gives_up_first_is_a_timeout_and_stops_the_engine(scripted, knock):
    service, engine = scripted(silent)
    with pytest.raises(openai.APITimeoutError):
        knock(service, timeout=0.3).chat.completions.create(**ASKED)
    gave_up = time.monotonic()
    assert engine.calls[0].hung_up.wait(1) and engine.calls[0].hung_up_at - gave_up < 0.1


def test_a_client_that_tries_again_after_its_timeout_leaves_one_call_at_most(scripted, knock):
    service, engine = scripted(silent)
    with pytest.raises(openai.APITimeoutError):
        knock(service, timeout=0.3, max_retries=1).chat.completions.create(**ASKED)
    assert len(engine.calls) == 2 and all(call.hung_up.wait(1) for call in engine.calls)
    assert engine.calls[0].hung_up_at < engine.calls[1].began


def breaks_off(call):
    call.send(head())
    call.send(chunk(event(delta("half"))))
    call.pause(0.05)
    raise Gone


def test_a_stream_that_breaks_off_is_an_api_error_behind_what_came(scripted, knock):
    service, _ = scripted(breaks_off)
    seen = []
    with pytest.raises(openai.APIError) as caught:
        for piece in knock(service).chat.completions.create(**ASKED, stream=True):
            seen.append(piece.choices[0].delta.content)
    assert seen == ["half"] and caught.value.code == "bad_gateway" and caught.value.type == "server_error"


def test_a_whole_answer_that_breaks_off_is_no_half_answer(scripted, knock):
    service, _ = scripted(breaks_off, pool={"upstream_stream": "always", "retries": 0})
    with pytest.raises(openai.InternalServerError) as caught:
        knock(service).chat.completions.create(**ASKED)
    assert caught.value.status_code == 502 and caught.value.code == "bad_gateway"


def test_comments_that_keep_a_stream_alive_disturb_nobody(scripted, knock):
    def behave(call):
        call.send(head())
        call.send(chunk(": ping\n\n"))
        call.send(chunk(event(delta("a", role="assistant"))))
        call.send(chunk(": ping\n\n" + event(delta("b")) + event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True

    service, _ = scripted(behave)
    pieces = [c.choices[0].delta.content for c in knock(service).chat.completions.create(**ASKED, stream=True)]
    assert "".join(piece or "" for piece in pieces) == "ab"


def test_the_first_token_is_there_before_the_second_is_made(scripted, knock):
    service, _ = scripted(stream_of(["a", "b"], pause=0.3))
    moments = [time.monotonic() for piece in knock(service).chat.completions.create(**ASKED, stream=True)
               if piece.choices and piece.choices[0].delta.content]
    assert len(moments) == 2 and moments[1] - moments[0] > 0.2


def test_thinking_of_an_engine_that_calls_it_reasoning_reaches_deepseek_s_users(scripted, knock):
    def thinks(call):
        answer = whole("42")
        answer["choices"][0]["message"]["reasoning"] = "six times seven"
        return json_answer(call, answer)

    service, _ = scripted(thinks, pool={"upstream_stream": "never"})
    message = knock(service, base_url=service.base).chat.completions.create(**ASKED).choices[0].message
    assert message.reasoning_content == message.reasoning == "six times seven" and message.content == "42"


def test_embeddings_come_as_numbers_and_in_the_client_s_own_base64(scripted, knock):
    def embeds(call):
        vector = [0.5, -1.0]
        if call.body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<2f", *vector)).decode()
        return json_answer(call, {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": vector}],
                                  "model": "/secret/path", "usage": {"prompt_tokens": 2, "total_tokens": 2}})

    service, _ = scripted(embeds)
    for form in ({}, {"encoding_format": "float"}):  # the client asks for base64 by itself
        answer = knock(service).embeddings.create(model="test-model", input="hello", **form)
        assert answer.data[0].embedding == [0.5, -1.0] and answer.model == "test-model" and answer.usage.prompt_tokens == 2
