# SPDX-License-Identifier: Apache-2.0
"""The official Python client and a real model: what its users do every day, and each error as the class they catch."""
import json
import time

import openai
import pydantic
import pytest

from talks import SAY, SCHEMA, TOOLS, plain, recorded

pytestmark = pytest.mark.usefixtures("quiet")


def text_of(stream):
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


# ---- answers --------------------------------------------------------------------------------------


def test_a_chat_is_answered_whole_with_usage_that_adds_up(client):
    answer = client.chat.completions.create(**plain())
    assert answer.object == "chat.completion" and answer.model == "smollm2" and answer.id
    choice, usage = answer.choices[0], answer.usage
    assert choice.message.role == "assistant" and choice.message.content and choice.message.tool_calls is None
    assert choice.finish_reason in ("stop", "length")
    assert usage.prompt_tokens > 0 and 0 < usage.completion_tokens <= 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_streamed_chat_says_what_a_whole_one_says(client):
    whole = client.chat.completions.create(**plain())
    chunks = list(client.chat.completions.create(**plain(), stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert text_of(chunks) == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks][-1] == whole.choices[0].finish_reason
    assert {c.model for c in chunks} == {"smollm2"} and len({c.id for c in chunks}) == 1
    assert all(c.usage is None for c in chunks)


def test_tokens_arrive_one_by_one_and_not_all_at_the_end(client):
    came = []
    for chunk in client.chat.completions.create(**plain(max_tokens=100), stream=True, extra_body={"ignore_eos": True}):
        if chunk.choices[0].delta.content:
            came.append(time.monotonic())
    assert len(came) >= 80
    # The engine takes its time for each: held back and sent together, half of them would come at once.
    assert came[len(came) // 2] - came[0] > (came[-1] - came[0]) / 4


def test_the_stream_helper_of_the_client_puts_an_answer_together(client):
    with client.chat.completions.stream(**plain()) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == client.chat.completions.create(**plain()).choices[0].message.content


def test_a_system_prompt_reaches_the_model(client):
    bare = client.chat.completions.create(**plain())
    told = client.chat.completions.create(**plain([{"role": "system", "content": "You are a pirate. Say arr."}, *SAY]))
    assert told.usage.prompt_tokens != bare.usage.prompt_tokens
    assert told.choices[0].message.content != bare.choices[0].message.content


def test_content_in_parts_is_the_same_as_content_in_one(client):
    parts = [{"role": "user", "content": [{"type": "text", "text": SAY[0]["content"]}]}]
    assert (client.chat.completions.create(**plain(parts)).choices[0].message.content
            == client.chat.completions.create(**plain()).choices[0].message.content)


def test_two_choices_come_whole_and_both_are_charged(client, door):
    answer = client.chat.completions.create(**plain(n=2, temperature=1.5, max_tokens=6), extra_body={"ignore_eos": True})
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.message.content for choice in answer.choices)
    # The engine itself would report one choice only.
    assert answer.usage.completion_tokens == 12
    assert door.logged(id=answer._request_id)[0]["completion_tokens"] == 12


def test_two_choices_come_streamed_each_with_its_index_and_one_usage(client):
    seen, usages = {0: "", 1: ""}, []
    for chunk in client.chat.completions.create(**plain(n=2, temperature=1.5, max_tokens=6), stream=True,
                                                stream_options={"include_usage": True}, extra_body={"ignore_eos": True}):
        for choice in chunk.choices:
            seen[choice.index] += choice.delta.content or ""
        if chunk.usage:
            usages.append(chunk)
    assert seen[0] and seen[1]
    assert [u.usage.completion_tokens for u in usages] == [12] and usages[0].choices == []


def test_logprobs_come_for_each_token_whole_and_streamed(client):
    asked = plain(logprobs=True, top_logprobs=2, max_tokens=4)
    whole = client.chat.completions.create(**asked).choices[0].logprobs.content
    streamed = [entry for chunk in client.chat.completions.create(**asked, stream=True)
                for choice in chunk.choices if choice.logprobs for entry in choice.logprobs.content]
    assert len(whole) == 4 and [e.token for e in streamed] == [e.token for e in whole]
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in whole)


def test_usage_of_a_stream_is_its_last_chunk_and_that_of_the_whole_answer(client):
    whole = client.chat.completions.create(**plain()).usage
    chunks = list(client.chat.completions.create(**plain(), stream=True, stream_options={"include_usage": True}))
    last = chunks[-1].usage
    assert chunks[-1].choices == [] and all(c.usage is None for c in chunks[:-1])
    assert (last.prompt_tokens, last.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)


def test_a_stop_word_ends_the_answer_and_is_not_in_it(client):
    full = client.chat.completions.create(**plain()).choices[0].message.content
    word = full.split()[1]
    cut = client.chat.completions.create(**plain(stop=[word])).choices[0]
    assert cut.finish_reason == "stop" and full.startswith(cut.message.content) and word not in cut.message.content


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_under_either_name_cuts_with_length(client, name):
    answer = client.chat.completions.create(model="smollm2", messages=SAY, extra_body={"ignore_eos": True}, **{name: 3})
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3


def test_thinking_leaves_under_both_of_its_names(client):
    asked = plain(max_tokens=16, extra_body={"grammar": 'root ::= "<think>why</think>so"'})
    message = client.chat.completions.create(**asked).choices[0].message
    assert message.reasoning_content == message.reasoning == "why" and message.content == "so"
    deltas = [c.choices[0].delta for c in client.chat.completions.create(**asked, stream=True)]
    assert "".join(getattr(d, "reasoning_content", None) or "" for d in deltas) == "why"
    assert "".join(d.content or "" for d in deltas) == "so"


# ---- tools and forms ------------------------------------------------------------------------------


def test_a_tool_call_comes_whole_with_arguments_that_are_json(client):
    choice = client.chat.completions.create(**TOOLS).choices[0]
    call, = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert call.type == "function" and call.id and call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


def test_a_tool_call_comes_streamed_in_pieces_that_add_up(client):
    whole = client.chat.completions.create(**TOOLS).choices[0].message.tool_calls[0]
    name, arguments, ids, pieces, finish = "", "", set(), 0, None
    for chunk in client.chat.completions.create(**TOOLS, stream=True):
        finish = chunk.choices[0].finish_reason or finish
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.index == 0
            pieces += 1
            ids.update({call.id} - {None})
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert pieces > 1 and len(ids) == 1 and finish == "tool_calls"
    assert (name, arguments) == (whole.function.name, whole.function.arguments)


def test_two_tool_calls_of_one_answer_stay_apart(client):
    calls = client.chat.completions.create(**recorded("chat-tools-parallel")).choices[0].message.tool_calls
    assert len(calls) == 2 and calls[0].id != calls[1].id
    assert all(set(json.loads(call.function.arguments)) == {"city"} for call in calls)


def test_the_result_of_a_tool_goes_back_to_the_model(client):
    asked = client.chat.completions.create(**TOOLS)
    message = asked.choices[0].message
    talk = [*TOOLS["messages"], message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "18 degrees, rain"}]
    answer = client.chat.completions.create(**{**TOOLS, "messages": talk, "tool_choice": "none", "max_tokens": 12})
    assert answer.choices[0].message.content and answer.usage.prompt_tokens > asked.usage.prompt_tokens


def test_json_mode_makes_an_object(client):
    answer = client.chat.completions.create(**plain(response_format={"type": "json_object"}, max_tokens=16))
    assert answer.choices[0].message.content.lstrip().startswith("{")


def test_a_schema_is_kept_whole_and_streamed(client):
    asked = plain(response_format=SCHEMA, max_tokens=24)
    content = client.chat.completions.create(**asked).choices[0].message.content
    assert type(json.loads(content)["ok"]) is bool
    assert text_of(client.chat.completions.create(**asked, stream=True)) == content


def test_the_parse_helper_makes_a_pydantic_object(client):
    class Reply(pydantic.BaseModel):
        ok: bool

    parsed = client.chat.completions.parse(**plain(max_tokens=24), response_format=Reply)
    assert type(parsed.choices[0].message.parsed.ok) is bool


# ---- the other endpoints --------------------------------------------------------------------------


def test_a_completion_comes_whole_and_streamed_the_same(client):
    asked = {"model": "smollm2", "prompt": "The capital of France is", "max_tokens": 6, "seed": 7, "temperature": 0}
    whole = client.completions.create(**asked)
    assert whole.object == "text_completion" and whole.model == "smollm2" and whole.choices[0].text
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 6


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}])
def test_embeddings_are_refused_clearly_by_a_model_that_has_none(client, form):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.embeddings.create(model="smollm2", input="hello", **form)
    assert caught.value.code == "unprocessable" and "cannot" in caught.value.message
    assert "--" not in caught.value.message  # the engine's own words name a switch of its command line


def test_models_are_listed_and_retrieved(client):
    listed = client.models.list()
    assert [entry.id for entry in listed] == ["smollm2"] and listed.data[0].object == "model"
    one = client.models.retrieve("smollm2")
    assert one.id == "smollm2" and one.object == "model" and one.owned_by
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


def test_a_base_without_v1_as_deepseek_s_users_have_serves_as_well(door, knock):
    client = knock(door, base_url=door.base)
    assert client.chat.completions.create(**plain()).choices[0].message.content
    assert [entry.id for entry in client.models.list()] == ["smollm2"]


# ---- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sk-sw-wrong", "sk-1234567890", "x" * 200])
def test_a_wrong_key_is_an_authentication_error_that_does_not_repeat_it(door, knock, key):
    with pytest.raises(openai.AuthenticationError) as caught:
        knock(door, api_key=key).chat.completions.create(**plain())
    assert caught.value.status_code == 401 and caught.value.code == "invalid_api_key"
    assert caught.value.request_id.startswith("req_")
    assert key not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_is_a_not_found_error(client, stream):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=SAY, stream=stream)
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    assert caught.value.type == "invalid_request_error" and "gpt-9" in caught.value.message


@pytest.mark.parametrize("param, asked", [
    ("max_tokens", {"max_tokens": -1}),
    ("max_tokens", {"max_tokens": "many"}),
    ("temperature", {"temperature": 9}),
    ("top_p", {"top_p": -0.5}),
    ("n", {"n": 0}),
    ("n", {"n": 1000}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "hello"}),
    ("stop", {"stop": 5}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 99}),
    ("tools", {"tools": [{"type": "nothing"}]}),
    ("response_format", {"response_format": {"type": "poem"}}),
    ("n_predict", {"extra_body": {"n_predict": 5}}),
    ("id_slot", {"extra_body": {"id_slot": 2}}),
], ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_parameter_is_a_bad_request_error_that_names_it(client, param, asked, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": "smollm2", "messages": SAY, "stream": stream, **asked})
    assert caught.value.status_code == 400 and caught.value.type == "invalid_request_error"
    assert caught.value.param.split("[")[0].split(".")[0] == param
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_beyond_the_context_says_so(client, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "word " * 3000}], stream=stream)
    assert caught.value.code == "context_length_exceeded"
