# SPDX-License-Identifier: Apache-2.0
"""The official client for Node and the Vercel AI SDK; what they do is in the two scripts beside this file."""
import json
import time

from engine import Gone, chunk, delta, event, head, json_answer, stream_of
from talks import TOOLS

OPENAI, AI_SDK = "openai_client.mjs", "ai_sdk.mjs"


def fails_once(moments):
    def behave(call):
        moments.append(time.monotonic())
        return json_answer(call, {"error": "full"}, 503) if len(moments) == 1 else stream_of(["fine"])(call)

    return behave


def breaks_off(call):
    call.send(head())
    call.send(chunk(event(delta("half"))))
    call.pause(0.05)
    raise Gone


# ---- openai ---------------------------------------------------------------------------------------


def test_openai_whole_and_streamed_say_the_same(node):
    whole, stream = node(OPENAI, "whole"), node(OPENAI, "stream")
    assert whole["content"] == stream["content"] != "" and whole["finish"] == stream["finish"]
    assert whole["usage"]["completion_tokens"] == stream["usage"]["completion_tokens"] > 0
    assert whole["model"] == "smollm2" and whole["requestID"].startswith("req_") and stream["events"] > 4


def test_openai_gets_tool_calls_whole_and_through_its_stream_helper(node):
    seen = node(OPENAI, "tools", feed=json.dumps(TOOLS))
    assert seen["whole"] == seen["stream"]
    call, = seen["whole"]["calls"]
    assert seen["whole"]["finish_reason"] == "tool_calls" and call["type"] == "function" and call["name"] == "get_weather"
    assert "city" in json.loads(call["text"])


def test_openai_lists_and_retrieves_models(node):
    seen = node(OPENAI, "models")
    assert seen["ids"] == ["smollm2"] and seen["one"] == "smollm2"
    assert (seen["none"]["name"], seen["none"]["code"]) == ("NotFoundError", "model_not_found")


def test_openai_completions_say_the_same_whole_and_streamed(node):
    seen = node(OPENAI, "completion")
    assert seen["whole"] == seen["stream"] != ""


def test_openai_errors_have_the_client_s_own_classes(node):
    seen = node(OPENAI, "errors")
    facts = {what: (error["name"], error["status"], error["code"], error["param"]) for what, error in seen.items()}
    assert facts == {
        "key": ("AuthenticationError", 401, "invalid_api_key", None),
        "model": ("NotFoundError", 404, "model_not_found", "model"),
        "field": ("BadRequestError", 400, "invalid_value", "temperature"),
        "streamed": ("BadRequestError", 400, "invalid_value", "max_tokens"),
        "unknown": ("BadRequestError", 400, "unknown_parameter", "id_slot"),
        "embeddings": ("UnprocessableEntityError", 422, "unprocessable", None)}
    assert all(error["requestID"].startswith("req_") and error["type"] == "invalid_request_error" for error in seen.values())


def test_openai_waits_as_long_as_our_retry_after_says(node, scripted):
    moments = []
    service, _ = scripted(fails_once(moments), pool={"retries": 0})
    assert node(OPENAI, "retry", service)["content"] == "fine"
    assert len(moments) == 2 and 0.95 <= moments[1] - moments[0] < 5


def test_openai_gets_an_api_error_behind_what_came_of_a_stream_that_breaks_off(node, scripted):
    service, _ = scripted(breaks_off)
    seen = node(OPENAI, "broken", service)
    assert seen["seen"] == ["half"]
    assert (seen["error"]["name"], seen["error"]["code"]) == ("APIError", "bad_gateway")


# ---- AI SDK ---------------------------------------------------------------------------------------


def test_ai_sdk_whole_and_streamed_say_the_same(node):
    whole, stream = node(AI_SDK, "generate"), node(AI_SDK, "stream")
    assert whole["text"] == stream["text"] != "" and stream["pieces"] > 1
    assert whole["usage"]["outputTokens"] == stream["usage"]["outputTokens"] > 0
    assert whole["finishReason"] == stream["finishReason"] in ("stop", "length")
    assert whole["model"] == "smollm2"


def test_ai_sdk_gets_tool_calls_whole_and_streamed(node):
    seen = node(AI_SDK, "tools")
    assert seen["whole"] == seen["stream"] and seen["finishReason"] == "tool-calls"
    call, = seen["whole"]
    assert call["toolName"] == "get_weather" and call["input"]["city"]


def test_ai_sdk_gets_an_object_of_a_schema(node):
    assert type(node(AI_SDK, "object")["ok"]) is bool


def test_ai_sdk_errors_carry_our_words_and_say_what_may_be_retried(node):
    seen = node(AI_SDK, "errors")
    facts = {what: (seen[what]["name"], seen[what]["status"], seen[what]["code"], seen[what]["retryable"])
             for what in ("model", "key", "field")}
    assert facts == {"model": ("AI_APICallError", 404, "model_not_found", False),
                     "key": ("AI_APICallError", 401, "invalid_api_key", False),
                     "field": ("AI_APICallError", 400, "invalid_value", False)}
    assert "gpt-9" in seen["model"]["message"] and seen["streamed"] == [{"name": "AI_APICallError", "status": 404}]


def test_ai_sdk_tries_a_503_again(node, scripted):
    moments = []
    service, _ = scripted(fails_once(moments), pool={"retries": 0})
    assert node(AI_SDK, "retry", service)["text"] == "fine"
    assert len(moments) == 2 and moments[1] - moments[0] >= 0.95


def test_ai_sdk_gets_an_error_behind_what_came_of_a_stream_that_breaks_off(node, scripted):
    service, _ = scripted(breaks_off)
    seen = node(AI_SDK, "broken", service)
    assert seen["seen"] == ["half"] and len(seen["errors"]) == 1
