# SPDX-License-Identifier: Apache-2.0
"""The official `openai` client for Python."""
import json
import pathlib
import time

import openai
import pytest

from engine import Engine, json_answer, stream_of, whole
from service import Service, pool_config

ASK = [{"role": "user", "content": "Say hello in one short sentence."}]
LONG = [{"role": "user", "content": "Count slowly from one to two hundred, in words."}]
RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "data" / "engines" / "llamacpp"


@pytest.fixture
def client(door):
    return openai.OpenAI(base_url=door.base + "/v1", api_key=door.key, max_retries=0, timeout=60)


def test_a_whole_answer(client):
    answer = client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=16, temperature=0)
    assert answer.model == "smollm2"
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content
    assert answer.usage.completion_tokens <= 16
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_the_same_as_the_whole_answer(client):
    asked = {"model": "smollm2", "messages": ASK, "max_tokens": 24, "temperature": 0, "seed": 1}
    events = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == client.chat.completions.create(**asked).choices[0].message.content
    assert events[-1].usage.completion_tokens > 0 and not events[-1].choices
    assert {event.model for event in events} == {"smollm2"}
    assert len({event.id for event in events}) == 1


def test_a_stream_without_usage_has_none(client):
    events = list(client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=4, stream=True))
    assert all(event.usage is None for event in events)


def test_several_choices(client):
    answer = client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=6, n=3, temperature=1, seed=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage.completion_tokens > 6  # all three are counted, whatever the engine reports


def test_logprobs(client):
    answer = client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=4, temperature=0, logprobs=True,
                                            top_logprobs=2)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    assert all(len(entry.top_logprobs) == 2 for entry in content)


def test_a_tool_call(client):
    asked = json.loads((RECORDINGS / "chat-tools.request.json").read_text())  # one that a model of this size answers with a call
    call = client.chat.completions.create(**asked).choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments)
    arguments = ""
    for event in client.chat.completions.create(**asked, stream=True):
        for part in (event.choices[0].delta.tool_calls or []) if event.choices else []:
            arguments += part.function.arguments or ""
    assert json.loads(arguments) == json.loads(call.function.arguments)


def test_json_mode_and_schema(client):
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {
        "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}}}
    for form in ({"type": "json_object"}, schema):
        answer = client.chat.completions.create(model="smollm2", messages=ASK, response_format=form, max_tokens=200,
                                                temperature=0, seed=5)
        if answer.choices[0].finish_reason == "stop":
            json.loads(answer.choices[0].message.content)
    assert isinstance(json.loads(answer.choices[0].message.content)["ok"], bool)


def test_an_aborted_stream_frees_its_slot_within_100_ms(client, model, quiet):
    stream = client.chat.completions.create(model="smollm2", messages=LONG, max_tokens=1500, stream=True)
    events = iter(stream)
    for _ in range(5):
        next(events)
    assert model.busy() == 1
    began = time.monotonic()
    stream.close()
    assert model.freed_after(began) < 0.1


def test_an_aborted_whole_call_frees_its_slot_within_100_ms(door, model, quiet):
    body = json.dumps({"model": "smollm2", "messages": LONG, "max_tokens": 1500}).encode()
    wire = door.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (door.key.encode(), len(body)) + body)
    while model.busy() == 0:
        pass
    began = time.monotonic()
    wire.close()
    assert model.freed_after(began) < 0.1


def test_models(client):
    assert [entry.id for entry in client.models.list()] == ["smollm2"]
    assert client.models.retrieve("smollm2").id == "smollm2"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


def test_completions(client):
    asked = {"model": "smollm2", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0, "seed": 1}
    answer = client.completions.create(**asked)
    text = "".join(event.choices[0].text for event in client.completions.create(**asked, stream=True) if event.choices)
    assert text == answer.choices[0].text != ""


def test_what_the_model_cannot_do_is_a_clear_error(client):
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="smollm2", input="hello", encoding_format="float")
    assert caught.value.status_code == 422 and caught.value.code == "unprocessable"


def test_errors_have_the_client_s_own_classes(client, door):
    def chat(key=door.key, **more):
        asked = {"model": "smollm2", "messages": ASK, "max_tokens": 4, **more}
        return openai.OpenAI(base_url=door.base + "/v1", api_key=key, max_retries=0).chat.completions.create(**asked)

    with pytest.raises(openai.AuthenticationError) as caught:
        chat(key="sk-sw-wrong")
    assert caught.value.code == "invalid_api_key" and caught.value.request_id.startswith("req_")
    with pytest.raises(openai.NotFoundError) as caught:
        chat(model="gpt-9")
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(temperature=3)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(max_tokens=-1)
    assert caught.value.param == "max_tokens"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(extra_body={"id_slot": 1})
    assert caught.value.param == "id_slot"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(messages=[{"role": "user", "content": "word " * 9000}])
    assert caught.value.code == "context_length_exceeded"


@pytest.fixture
def scripted(tmp_path_factory):
    """A door of its own before a scripted engine."""
    made = []

    def start(behaviour, **more):
        folder = tmp_path_factory.mktemp("door")
        folder.chmod(0o755)
        for parent in folder.parents[:3]:
            parent.chmod(0o755)
        engine = Engine(behaviour)
        service = Service(folder, pool_config(engine, **more)).start()
        made.extend((service, engine))
        return service, engine

    yield start
    for thing in made:
        (thing.stop if isinstance(thing, Service) else thing.close)()


def test_the_client_s_own_retry_honours_our_retry_after(scripted):
    calls = []

    def busy_once(call):
        calls.append(time.monotonic())
        return json_answer(call, {"error": "full"}, 503) if len(calls) == 1 else stream_of(["fine"])(call)

    service, _ = scripted(busy_once, pool={"retries": 0})
    client = openai.OpenAI(base_url=service.base + "/v1", api_key=service.api_key(), max_retries=2)
    answer = client.chat.completions.create(model="test-model", messages=ASK)
    assert answer.choices[0].message.content == "fine"
    assert len(calls) == 2 and calls[1] - calls[0] > 0.9  # Retry-After, not the client's own half second


def test_a_failure_in_mid_stream_is_an_api_error(scripted):
    def breaks(call):
        stream_of(["a"])(call) if not call.body.get("stream") else call.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        call.send('4e\r\ndata: {"id":"1","created":1,"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n\r\n'.replace(
            "4e", "%x" % len('data: {"id":"1","created":1,"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n')))
        return False

    service, _ = scripted(breaks)
    client = openai.OpenAI(base_url=service.base + "/v1", api_key=service.api_key(), max_retries=0)
    seen = []
    with pytest.raises(openai.APIError):
        for event in client.chat.completions.create(model="test-model", messages=ASK, stream=True):
            seen.append(event.choices[0].delta.content)
    assert seen == ["half"]


def test_reasoning_reaches_deepseek_s_clients(scripted):
    def thinks(call):
        answer = whole("42")
        answer["choices"][0]["message"]["reasoning"] = "six times seven"
        return json_answer(call, answer)

    service, _ = scripted(thinks, pool={"upstream_stream": "never"})
    client = openai.OpenAI(base_url=service.base, api_key=service.api_key(), max_retries=0)  # without /v1, as DeepSeek's
    message = client.chat.completions.create(model="test-model", messages=ASK).choices[0].message
    assert message.reasoning_content == message.reasoning == "six times seven"
