# SPDX-License-Identifier: Apache-2.0
"""The official client for Node and the Vercel AI SDK; what they do is in the two scripts beside this file."""
import time


def test_whole_and_streamed_say_the_same(node):
    whole, stream = node("openai_client.mjs", "whole"), node("openai_client.mjs", "stream")
    assert whole["content"] == stream["content"] != ""
    assert whole["usage"]["completion_tokens"] == stream["usage"]["completion_tokens"]


def test_an_aborted_stream_frees_its_slot(node, model, quiet):
    assert node("openai_client.mjs", "abort")["events"] == 5
    assert model.freed_after(time.monotonic()) < 0.1


def test_errors_have_the_client_s_own_classes(node):
    seen = node("openai_client.mjs", "errors")
    assert (seen["key"]["name"], seen["key"]["status"], seen["key"]["code"]) == ("AuthenticationError", 401, "invalid_api_key")
    assert (seen["model"]["name"], seen["model"]["status"], seen["model"]["param"]) == ("NotFoundError", 404, "model")
    assert (seen["field"]["name"], seen["field"]["status"], seen["field"]["param"]) == ("BadRequestError", 400, "temperature")
    assert all(error["requestID"].startswith("req_") for error in seen.values())


def test_models(node):
    assert node("openai_client.mjs", "models") == ["smollm2"]


def test_ai_sdk_whole_and_streamed_say_the_same(node):
    whole, stream = node("ai_sdk.mjs", "generate"), node("ai_sdk.mjs", "stream")
    assert whole["text"] == stream["text"] != ""
    assert whole["usage"]["outputTokens"] == stream["usage"]["outputTokens"] > 0


def test_ai_sdk_abort_frees_the_slot(node, model, quiet):
    assert node("ai_sdk.mjs", "abort")["pieces"] >= 5
    assert model.freed_after(time.monotonic()) < 0.1


def test_ai_sdk_tools(node):
    calls = node("ai_sdk.mjs", "tools")
    assert calls and calls[0]["toolName"] == "get_weather" and calls[0]["input"]["city"]


def test_ai_sdk_errors(node):
    error = node("ai_sdk.mjs", "error")
    assert error["name"] == "AI_APICallError" and error["status"] == 404 and not error["retryable"]
    assert "gpt-9" in error["message"]
