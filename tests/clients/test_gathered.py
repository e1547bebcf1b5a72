# SPDX-License-Identifier: Apache-2.0
"""A whole answer that the door gathers from a stream equals the engine's own whole answer, field by field."""
import json

import pytest

from talks import recorded

pytestmark = pytest.mark.usefixtures("quiet")

ASK = [{"role": "user", "content": "Name three colours."}]
SHAPES = {
    "plain": {"messages": ASK, "max_tokens": 16},
    "system prompt": {"messages": [{"role": "system", "content": "You are terse."}, *ASK], "max_tokens": 12},
    "several turns": {"messages": [*ASK, {"role": "assistant", "content": "Red."}, {"role": "user", "content": "More."}],
                      "max_tokens": 16},
    "ends by itself": {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 200},
    "one token": {"messages": ASK, "max_tokens": 1},
    "stop string": {"messages": ASK, "max_tokens": 40, "stop": [","]},
    "logprobs": {"messages": ASK, "max_tokens": 6, "logprobs": True, "top_logprobs": 3},
    "logprobs without alternatives": {"messages": ASK, "max_tokens": 6, "logprobs": True},
    "json mode": {"messages": ASK, "max_tokens": 40, "response_format": {"type": "json_object"}},
    "not English": {"messages": [{"role": "user", "content": "Écris « été » puis 你好 🙂"}], "max_tokens": 24},
    "code": {"messages": [{"role": "user", "content": "Write a C hello world with \\n and \"quotes\"."}], "max_tokens": 60},
    "penalties": {"messages": ASK, "max_tokens": 16, "frequency_penalty": 0.5, "presence_penalty": 0.2},
    "sampled with a seed": {"messages": ASK, "max_tokens": 16, "temperature": 0.8, "top_p": 0.9},
}
# Recorded requests, named for what is special in them; made anew, because the model may be another next year.
RECORDED = ("chat-stop", "chat-json-schema", "chat-utf8", "chat-reasoning", "chat-empty", "chat-tools", "chat-tools-parallel",
            "chat-tools-cut", "chat-tools-unused", "text-plain", "text-logprobs")
# The engine reports one choice, or one prompt, only; the door says what was made (docs: src/dialect/README.md).
SEVERAL = ("chat-n2", "chat-n2-logprobs", "text-n2", "text-prompts")
PROMPTS = {
    "completion": {"prompt": "The sea is", "max_tokens": 12},
    "completion with logprobs": {"prompt": "The sea is", "max_tokens": 5, "logprobs": 2},
}


def plain(answer):
    """Without what differs from call to call, or is the engine's own; thinking under both of its names, as the door sends it."""
    for name in ("id", "created", "timings", "system_fingerprint", "model"):
        answer.pop(name, None)
    for choice in answer["choices"]:
        if "reasoning_content" in choice.get("message", {}):
            choice["message"]["reasoning"] = choice["message"]["reasoning_content"]
        for entry in (choice.get("message") or {}).get("tool_calls") or []:
            entry.pop("id", None)
    return answer


def both(door, model, path, body):
    # Without its cache the engine computes each prompt whole, and so twice the same.
    body = {"model": "smollm2", "temperature": 0, "seed": 7, "cache_prompt": False, **body}
    own = model.ask(path, body)
    status, _, data = door.request("POST", path, body, door.key)
    assert status == 200, data
    return plain(json.loads(data)), plain(own)


@pytest.mark.parametrize("shape", SHAPES)
def test_chat(door, model, shape):
    ours, own = both(door, model, "/v1/chat/completions", SHAPES[shape])
    assert ours == own


def path_of(name):
    return "/v1/chat/completions" if name.startswith("chat") else "/v1/completions"


@pytest.mark.parametrize("name", RECORDED)
def test_recorded(door, model, name):
    ours, own = both(door, model, path_of(name), recorded(name))
    assert ours == own


@pytest.mark.parametrize("name", SEVERAL)
def test_several_choices(door, model, name):
    asked = recorded(name)
    ours, own = both(door, model, path_of(name), asked)
    counted, reported = ours.pop("usage"), own.pop("usage")
    assert ours == own
    # Each choice goes up to its limit here.
    assert {choice["finish_reason"] for choice in ours["choices"]} == {"length"}
    assert counted["completion_tokens"] == asked["max_tokens"] * len(ours["choices"]) > 0
    assert reported["completion_tokens"] <= counted["completion_tokens"]
    assert counted["prompt_tokens"] >= reported["prompt_tokens"]
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"]


@pytest.mark.parametrize("shape", PROMPTS)
def test_completion(door, model, shape):
    ours, own = both(door, model, "/v1/completions", PROMPTS[shape])
    assert ours == own


def test_the_door_asked_for_streams(door):
    """The log says so, or these tests compared nothing."""
    status, headers, _ = door.request("POST", "/v1/chat/completions",
                                      {"model": "smollm2", "messages": ASK, "max_tokens": 2}, door.key)
    assert status == 200
    line = door.logged(id=headers["x-request-id"])[0]
    assert line["upstream_stream"] is True and not line.get("stream")
