# SPDX-License-Identifier: Apache-2.0
"""What a request meets on its way in: routes, keys, the body's size and form, JSON, fields, models. And that what is refused never reaches an engine."""
import gzip
import hashlib
import json
import re

import pytest

from engine import Engine, json_answer, stream_of, whole
from wire import Wire, chat, chat_body, request

REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{16,64}$")


@pytest.fixture(scope="module")
def door(share):
    """One service for the whole file, in front of `door.engine`; `door.engine.calls` is empty when a test begins."""
    with Engine(stream_of(["Hel", "lo"])) as engine:
        service = share(engine, limits={"body_bytes": "64KiB", "json_depth": 32},
                        model={"upstream_model": "weights-7b", "output_tokens": 1000, "choices": 3, "context_tokens": 4096,
                               "engine_fields": ["top_k", "our_own"]})
        service.engine = engine
        service.api_key()
        yield service


@pytest.fixture(autouse=True)
def no_calls_yet(door):
    door.engine.calls.clear()


def ask(door, data, to_head=False):
    with Wire(door.port) as wire:
        return wire.send(data).answer(to_head)


def refused(answer, status, code, param=None):
    """An error in OpenAI's form, with our request id."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    error = answer.error
    assert error["code"] == code, error
    assert error["message"] and error["type"]
    if param is not None:
        assert error["param"] == param, error
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert REQUEST_ID.match(answer.headers["x-request-id"])


def short(value):
    """A parameter's name in reports: bodies may be long, and not printable."""
    return ascii(value)[:48]


# ---- routes ------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/chat/completions/", "/v1/chat/completions?a=b"])
def test_chat_is_served_with_and_without_v1(door, path):
    answer = ask(door, request("POST", path, chat_body(), door.key))
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "Hello"
    assert door.engine.calls[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/v1/completions", "/completions"])
def test_completions_are_served_with_and_without_v1(door, path):
    answer = ask(door, request("POST", path, {"model": "test-model", "prompt": "Once", "stream": True}, door.key), to_head=True)
    assert answer.status == 200
    assert door.engine.calls[0].path == "/v1/completions"
    assert door.engine.calls[0].body["prompt"] == "Once"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
def test_embeddings_are_served_and_never_asked_for_as_a_stream(door, path):
    listing = {"object": "list", "model": "/secret/path.gguf", "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.5]}],
               "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    door.engine.behaviour, usual = (lambda call: json_answer(call, listing)), door.engine.behaviour
    try:
        answer = ask(door, request("POST", path, {"model": "test-model", "input": "some text"}, door.key))
    finally:
        door.engine.behaviour = usual
    assert answer.status == 200
    assert answer.json["data"][0]["embedding"] == [0.25, -1.5]
    assert answer.json["model"] == "test-model"
    assert "stream" not in door.engine.calls[0].body or door.engine.calls[0].body["stream"] is False


def test_models_are_listed_under_their_public_names(door):
    answer = ask(door, request("GET", "/v1/models", key=door.key))
    assert answer.status == 200
    assert answer.json["object"] == "list"
    (model,) = answer.json["data"]
    assert model["id"] == "test-model" and model["object"] == "model" and model["owned_by"] == "seawall"
    assert isinstance(model["created"], int) and "weights" not in answer.body.decode()


@pytest.mark.parametrize("path", ["/v1/models/test-model", "/models/test-model", "/v1/models/test%2Dmodel"])
def test_one_model_can_be_asked_for_by_name(door, path):
    answer = ask(door, request("GET", path, key=door.key))
    assert answer.status == 200 and answer.json["id"] == "test-model"


@pytest.mark.parametrize("name", ["other", "test-model2", "weights-7b", "%ff", "%2", "a%00b", "x" * 2000])
def test_a_model_that_is_not_there_is_404(door, name):
    refused(ask(door, request("GET", f"/v1/models/{name}", key=door.key)), 404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v2/chat/completions", "/v1/chat/completions/more", "//v1/models", "/v1/../v1/models",
                                  "/V1/models", "/admin", "/metrics", "/status", "/keys"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_url_is_404_in_json(door, method, path):
    refused(ask(door, request(method, path, key=door.key)), 404, "unknown_url")


# ---- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers, code", [
    ([], "missing_api_key"),
    ([("Authorization", "")], "missing_api_key"),
    ([("Authorization", "Bearer")], "missing_api_key"),
    ([("Authorization", "Basic dXNlcjpwYXNz")], "missing_api_key"),
    ([("Authorization", "Bearer sk-none")], "invalid_api_key"),
    ([("Authorization", "Bearer sk-sw-00000000000-0000000000000000000000000000000000")], "invalid_api_key"),
    ([("Authorization", "Bearer " + "x" * 5000)], "invalid_api_key"),
    ([("Authorization", "Bearer \u00e9\u00e8")], "invalid_api_key"),
])
@pytest.mark.parametrize("method, path", [("GET", "/v1/models"), ("POST", "/v1/chat/completions")])
def test_a_call_without_a_good_key_is_401_in_json(door, method, path, headers, code):
    answer = ask(door, request(method, path, chat_body() if method == "POST" else None, headers=headers))
    refused(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not door.engine.calls


@pytest.mark.parametrize("change", [
    lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"), lambda key: key[:10] + ("A" if key[10] != "A" else "B") + key[11:],
    lambda key: key + "0", lambda key: key[:-1], str.upper, lambda key: key + " x",
], ids=range(6))
def test_a_mistyped_key_is_401(door, change):
    refused(ask(door, request("GET", "/v1/models", key=change(door.key))), 401, "invalid_api_key")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_may_be_written_as_one_likes(door, scheme):
    assert ask(door, request("GET", "/v1/models", headers=[("Authorization", f"{scheme} {door.key}")])).status == 200


def test_a_key_in_the_url_is_no_key(door):
    refused(ask(door, request("GET", f"/v1/models?api_key={door.key}")), 401, "missing_api_key")


def test_the_key_is_judged_before_the_body_has_come(door):
    with Wire(door.port) as wire:
        wire.send(request("POST", "/v1/chat/completions", b"", "sk-wrong", [("Content-Length", "60000")], length=False))
        answer = wire.answer()
        refused(answer, 401, "invalid_api_key")
        assert answer.closes and wire.ended()


def test_a_key_with_a_scope_sees_and_uses_only_its_models(door):
    key = door.make_key("scoped", "--models", "another")
    assert ask(door, request("GET", "/v1/models", key=key)).json["data"] == []
    refused(ask(door, request("GET", "/v1/models/test-model", key=key)), 404, "model_not_found")
    refused(ask(door, chat(key=key)), 403, "model_not_allowed")
    assert not door.engine.calls


def test_a_disabled_an_expired_and_a_rotated_key_are_401_each_with_its_code(door):
    made = door.tool_json("key", "create", "for-a-while")
    assert ask(door, request("GET", "/v1/models", key=made["key"])).status == 200
    door.tool("key", "disable", made["id"])
    refused(ask(door, request("GET", "/v1/models", key=made["key"])), 401, "disabled_api_key")
    expired = door.make_key("old", "--expires", "2020-01-01")
    refused(ask(door, request("GET", "/v1/models", key=expired)), 401, "expired_api_key")
    first = door.tool_json("key", "create", "turning")
    second = door.tool_json("key", "rotate", first["id"])
    assert ask(door, request("GET", "/v1/models", key=second["key"])).status == 200
    assert ask(door, request("GET", "/v1/models", key=first["key"])).status == 401


def test_two_authorization_headers_are_named_as_what_they_are(door):
    answer = ask(door, request("GET", "/v1/models", key=door.key, headers=[("Authorization", f"Bearer {door.key}")]))
    refused(answer, 401, "invalid_api_key")
    assert "one 'Authorization'" in answer.error["message"]


def test_keys_of_another_service_go_on_after_an_import(door, tmp_path):
    digest = hashlib.sha256(b"sk-hashed-elsewhere-1234").hexdigest()
    rows = [{"key": "sk-proj-brought-along", "name": "plain"}, {"sha256": digest, "name": "hashed"}]
    listing = tmp_path / "keys.jsonl"
    listing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    door.tool("key", "import", str(listing))
    for key in ("sk-proj-brought-along", "sk-hashed-elsewhere-1234"):
        assert ask(door, request("GET", "/v1/models", key=key)).status == 200
    refused(ask(door, request("GET", "/v1/models", key=digest)), 401, "invalid_api_key")


def test_keys_of_another_seawall_go_on_after_an_import(door, start, engine):
    theirs = start(engine).make_key("moved")
    refused(ask(door, request("GET", "/v1/models", key=theirs)), 401, "invalid_api_key")
    door.tool("key", "import", "-", input=f"key,name\n{theirs},moved\n")
    assert ask(door, request("GET", "/v1/models", key=theirs)).status == 200


# ---- the body ------------------------------------------------------------------------------------


def deep(levels):
    return '{"model":"test-model","messages":[{"role":"user","content":"x"}],"metadata":{"a":' + "[" * levels + "]" * levels + "}}"


GOOD = json.dumps(chat_body())


@pytest.mark.parametrize("body, code", [
    (b"", "invalid_json"), (b" ", "invalid_json"), (b"hello", "invalid_json"), (b"{", "invalid_json"), (GOOD[:-1], "invalid_json"),
    (GOOD + "}", "invalid_json"), (GOOD + GOOD, "invalid_json"), ("\ufeff" + GOOD, "invalid_json"),
    (GOOD.replace("Hello", "Hel\nlo"), "invalid_json"), (GOOD.replace("Hello", "\\x41"), "invalid_json"),
    (GOOD.replace(":", "=", 1), "invalid_json"), (GOOD.replace("}]", "},]"), "invalid_json"), (GOOD.replace('"', "'"), "invalid_json"),
    (GOOD.encode().replace(b"Hello", b"\xff\xfe"), "invalid_json"), (GOOD.encode().replace(b"Hello", b"\xc0\xaf"), "invalid_json"),
    (GOOD.encode().replace(b"Hello", b"\xed\xa0\x80"), "invalid_json"), (GOOD.encode("utf-16"), "invalid_json"),
    (GOOD.encode().replace(b"Hello", b"\x00"), "invalid_json"),
    (GOOD.replace("Hello", "\\ud800"), "invalid_json"), (GOOD.replace("Hello", "\\udc00\\ud800"), "invalid_json"),
    (GOOD.replace('"role"', '"\\ud800"'), "invalid_json"),
    (GOOD[:-1] + ',"temperature":NaN}', "invalid_json"), (GOOD[:-1] + ',"temperature":1e999}', "invalid_json"),
    (GOOD[:-1] + ',"temperature":01}', "invalid_json"), (GOOD[:-1] + ',"max_tokens":99999999999999999999}', "invalid_json"),
    (GOOD[:-1] + ',"model":"test-model"}', "invalid_json"), (GOOD[:-1] + ',"mod\\u0065l":"other"}', "invalid_json"),
    (GOOD.replace('"role"', '"role":"system","role"'), "invalid_json"),
    (GOOD[:-1] + ',"metadata":{"a":1,"a":2}}', "invalid_json"),
    (deep(31), "invalid_json"), (deep(10000), "invalid_json"), ("[" * 60000, "invalid_json"), ('{"a":' * 12000, "invalid_json"),
    ("null", None), ("[]", None), ('"text"', None), ("7", None), ("[" + GOOD + "]", None),
], ids=short)
def test_a_body_that_is_not_one_json_object_with_one_meaning_is_400(door, body, code):
    answer = ask(door, request("POST", "/v1/chat/completions", body, door.key))
    assert answer.status == 400, answer
    refused(answer, 400, code or answer.error["code"])
    assert not door.engine.calls


def test_depth_up_to_the_limit_passes(door):
    assert ask(door, request("POST", "/v1/chat/completions", deep(30), door.key)).status == 200


HUGE = 10 ** 18


@pytest.mark.parametrize("change, code, param", [
    ({"model": None}, "invalid_value", "model"), ({"model": 7}, "invalid_value", "model"), ({"model": ""}, None, "model"),
    ({"messages": None}, "invalid_value", "messages"), ({"messages": []}, "invalid_value", "messages"),
    ({"messages": "Hello"}, "invalid_value", "messages"), ({"messages": {}}, "invalid_value", "messages"),
    ({"messages": ["Hello"]}, "invalid_value", None), ({"messages": [{"content": "x"}]}, "invalid_value", None),
    ({"messages": [{"role": "king", "content": "x"}]}, "invalid_value", None), ({"messages": [{"role": "user", "content": 5}]}, "invalid_value", None),
    ({"max_tokens": -1}, "invalid_value", "max_tokens"), ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_tokens": HUGE}, "invalid_value", "max_tokens"), ({"max_tokens": 1001}, "invalid_value", "max_tokens"),
    ({"max_tokens": 1.5}, "invalid_value", "max_tokens"), ({"max_tokens": "9"}, "invalid_value", "max_tokens"),
    ({"max_tokens": True}, "invalid_value", "max_tokens"), ({"max_completion_tokens": -1}, "invalid_value", "max_completion_tokens"),
    ({"max_tokens": 5, "max_completion_tokens": 6}, "invalid_value", None),
    ({"n": 0}, "invalid_value", "n"), ({"n": 4}, "invalid_value", "n"), ({"n": HUGE}, "invalid_value", "n"),
    ({"stream": "yes"}, "invalid_value", "stream"), ({"stream": 1}, "invalid_value", "stream"),
    ({"stream": True, "stream_options": True}, "invalid_value", "stream_options"),
    ({"temperature": -0.1}, "invalid_value", "temperature"), ({"temperature": 2.1}, "invalid_value", "temperature"),
    ({"temperature": "hot"}, "invalid_value", "temperature"), ({"top_p": 1.1}, "invalid_value", "top_p"),
    ({"presence_penalty": -2.5}, "invalid_value", "presence_penalty"), ({"stop": 5}, "invalid_value", "stop"),
    ({"stop": [""] * 17}, "invalid_value", None), ({"logit_bias": []}, "invalid_value", "logit_bias"), ({"tools": {}}, "invalid_value", "tools"),
    ({"response_format": "json"}, "invalid_value", "response_format"), ({"top_logprobs": 21}, "invalid_value", "top_logprobs"),
    ({"seed": 1.5}, "invalid_value", "seed"), ({"reasoning_effort": "utter"}, "invalid_value", "reasoning_effort"),
    ({"unknown_field": 1}, "unknown_parameter", "unknown_field"), ({"n_predict": 5}, "unknown_parameter", "n_predict"),
    ({"guided_regex": "(a+)+"}, "unknown_parameter", "guided_regex"), ({"chat_template": "{{x}}"}, "unknown_parameter", "chat_template"),
    ({"functions": []}, "unknown_parameter", "functions"), ({"audio": {}}, "unknown_parameter", "audio"),
    ({"prompt": "x"}, "unknown_parameter", "prompt"), ({"x" * 300: 1}, "unknown_parameter", "x" * 80),
], ids=short)
def test_a_field_of_wrong_type_or_range_or_name_is_400_and_named(door, change, code, param):
    body = {name: value for name, value in chat_body(**change).items() if value is not None}
    answer = ask(door, request("POST", "/v1/chat/completions", body, door.key))
    assert answer.status == 400, answer
    refused(answer, 400, code or answer.error["code"], param)
    assert not door.engine.calls


def test_fields_that_the_operator_lists_pass_and_others_of_engines_do_not(door):
    assert ask(door, chat(key=door.key, top_k=40, our_own={"a": [1, 2]})).status == 200
    assert door.engine.calls[0].body["top_k"] == 40
    assert door.engine.calls[0].body["our_own"] == {"a": [1, 2]}
    refused(ask(door, chat(key=door.key, min_p=0.1)), 400, "unknown_parameter", "min_p")


def test_an_unknown_model_is_404_with_its_name_and_never_the_engines(door):
    answer = ask(door, request("POST", "/v1/chat/completions", chat_body(model="weights-7b"), door.key))
    refused(answer, 404, "model_not_found", "model")
    assert "weights-7b" in answer.error["message"]
    assert not door.engine.calls


def test_a_model_name_that_is_not_printable_comes_back_as_json(door):
    refused(ask(door, request("POST", "/v1/chat/completions", chat_body(model="a\u0000\u2028\"\\\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")),
                              door.key)), 404, "model_not_found", "model")


def test_a_prompt_that_cannot_fit_is_refused_before_the_engine_sees_it(door):
    # 4,096 tokens of context; no vocabulary makes one token of 32 bytes on average, so this needs a larger body than this door takes
    answer = ask(door, chat("x" * 60000, key=door.key))
    assert answer.status == 200
    answer = ask(door, chat("x" * 70000, key=door.key))
    refused(answer, 413, "request_too_large")


def test_a_compressed_body_is_415_and_says_so(door):
    body = json.dumps(chat_body()).encode()
    for coding, data in (("gzip", gzip.compress(body)), ("gzip", body), ("br, identity", body), ("identity, identity", body)):
        answer = ask(door, request("POST", "/v1/chat/completions", data, door.key, [("Content-Encoding", coding)]))
        refused(answer, 415, "unsupported_media_type")
        assert "compressed" in answer.error["message"] and answer.headers["accept-encoding"] == "identity"
    twice = [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    refused(ask(door, request("POST", "/v1/chat/completions", body, door.key, twice)), 415, "unsupported_media_type")
    assert not door.engine.calls
    for coding in ("identity", "Identity", ""):
        assert ask(door, request("POST", "/v1/chat/completions", body, door.key, [("Content-Encoding", coding)])).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "json", ""])
def test_a_body_of_another_type_is_415(door, kind):
    answer = ask(door, request("POST", "/v1/chat/completions", chat_body(), door.key, [("Content-Type", kind)]))
    refused(answer, 415, "unsupported_media_type")
    assert not door.engine.calls


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=y", "application/vnd.api+json"])
def test_json_may_be_called_what_it_is_called(door, kind):
    assert ask(door, request("POST", "/v1/chat/completions", chat_body(), door.key, [("Content-Type", kind)])).status == 200


def test_a_body_too_large_by_its_length_is_413_before_it_comes(door):
    with Wire(door.port) as wire:
        wire.send(request("POST", "/v1/chat/completions", b"", door.key, [("Content-Length", "65537")], length=False))
        answer = wire.answer()
        refused(answer, 413, "request_too_large")
        assert answer.closes and wire.ended()


def test_a_chunked_body_too_large_is_413_when_it_is(door):
    with Wire(door.port) as wire:
        wire.send(request("POST", "/v1/chat/completions", b"", door.key, [("Transfer-Encoding", "chunked")], length=False))
        for _ in range(17):
            wire.send_all_it_takes(b"1000\r\n" + b" " * 4096 + b"\r\n")
        refused(wire.answer(), 413, "request_too_large")
        assert wire.ended()
    assert not door.engine.calls


def test_a_body_of_exactly_the_limit_passes(door):
    body = json.dumps(chat_body())
    assert ask(door, request("POST", "/v1/chat/completions", body + " " * (65536 - len(body)), door.key)).status == 200


@pytest.mark.parametrize("headers", [[], [("Content-Length", "0")]])
def test_a_post_without_a_body_is_400(door, headers):
    answer = ask(door, request("POST", "/v1/chat/completions", None, door.key, [("Content-Type", "application/json"), *headers]))
    refused(answer, 400, "invalid_json")


def test_a_client_may_go_on_after_a_refusal_that_left_nothing_unread(door):
    with Wire(door.port) as wire:
        for _ in range(3):
            answer = wire.send(chat(key=door.key, max_tokens=-1)).answer()
            refused(answer, 400, "invalid_value", "max_tokens")
            assert not answer.closes
        assert wire.send(chat(key=door.key)).answer().status == 200


# ---- what goes on ------------------------------------------------------------------------------


def test_the_engine_gets_what_was_inspected_and_nothing_of_the_clients_head(door):
    body = chat_body("Gr\u00fc\u00dfe \U0001f600", temperature=0.5, user="somebody", metadata={"a": "b"}, stop=["x"], seed=7)
    answer = ask(door, request("POST", "/v1/chat/completions", body, door.key, [
        ("Cookie", "session=1"), ("X-Forwarded-For", "203.0.113.9"), ("X-Custom", "1"), ("User-Agent", "Somebody/1")]))
    assert answer.status == 200
    (call,) = door.engine.calls
    assert call.body["messages"] == body["messages"] and call.body["temperature"] == 0.5 and call.body["seed"] == 7
    assert call.body["model"] == "weights-7b"
    assert "user" not in call.body and "metadata" not in call.body
    assert set(call.headers) <= {"host", "content-type", "content-length", "accept", "user-agent", "x-request-id", "connection"}
    assert call.headers["user-agent"].startswith("seawall/")
    assert call.headers["x-request-id"] == answer.headers["x-request-id"]


def test_the_models_cap_is_set_where_the_client_set_none(door):
    ask(door, chat(key=door.key))
    ask(door, chat(key=door.key, max_tokens=7))
    assert door.engine.calls[0].body["max_tokens"] == 1000
    assert door.engine.calls[1].body["max_tokens"] == 7


def test_request_ids_are_ours_and_differ(door):
    seen = {ask(door, data).headers["x-request-id"]
            for data in (request("GET", "/"), request("GET", "/nothing"), request("GET", "/v1/models"), b"nonsense\r\n\r\n",
                         request("GET", "/v1/models", key=door.key), chat(key=door.key), request("OPTIONS", "/v1/models"))}
    assert len(seen) == 7 and all(REQUEST_ID.match(name) for name in seen)


def test_the_clients_own_request_id_is_logged_and_not_trusted(door):
    answer = ask(door, request("GET", "/v1/models", key=door.key, headers=[("X-Request-Id", "mine-123")]))
    assert answer.headers["x-request-id"] != "mine-123"
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert line["client_id"] == "mine-123"


def test_unknown_members_below_the_top_level_do_not_reach_the_engine(door):
    message = {"role": "user", "content": "Hello", "foo": {"id_slot": 1}, "our_own": 2}
    tool = {"type": "function", "yyy": 1, "function": {"name": "f", "zzz": 1, "parameters": {"type": "object", "anything": 1}}}
    form = {"type": "json_schema", "r": 1, "json_schema": {"name": "n", "q": 1, "schema": {"anything": 1}}}
    body = {"model": "test-model", "messages": [message], "tools": [tool], "response_format": form}
    assert ask(door, request("POST", "/v1/chat/completions", body, door.key)).status == 200
    del message["foo"], tool["yyy"], tool["function"]["zzz"], form["r"], form["json_schema"]["q"]
    sent = door.engine.calls[0].body
    assert {name: sent[name] for name in body if name != "model"} == {name: body[name] for name in body if name != "model"}


def test_a_stream_may_be_asked_for_with_options_that_mean_nothing_without_one(door):
    assert ask(door, chat(key=door.key, stream_options={"include_usage": True})).status == 200
    assert ask(door, chat(key=door.key, stream=False, stream_options=None)).status == 200


def test_without_keys_everybody_may_call_when_the_operator_says_so(start, engine):
    service = start(engine, service={"keys": "ignored"})
    engine.behaviour = lambda call: json_answer(call, whole("open")) if not call.body["stream"] else stream_of(["open"])(call)
    status, _, body = service.request("POST", "/v1/chat/completions", chat_body())
    assert status == 200 and json.loads(body)["choices"][0]["message"]["content"] == "open"
    status, _, _ = service.request("POST", "/v1/chat/completions", chat_body(), key="whatever")
    assert status == 200
