# SPDX-License-Identifier: Apache-2.0
"""curl, as people type it: also the parts of HTTP that the other clients leave alone."""
import json
import subprocess

import pytest

BODY = {"model": "smollm2", "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
JSON = ("-H", "Content-Type: application/json")
CHAT = "/v1/chat/completions"


def curl(door, *words, path=CHAT, feed=None, key=None):
    command = ["curl", "-sS", "-m", "60", "-H", f"Authorization: Bearer {key or door.key}", *words, door.base + path]
    result = subprocess.run(command, capture_output=True, input=feed, timeout=90)
    assert result.returncode == 0, result.stderr
    return result.stdout


def with_facts(door, *words, facts="%{http_code} %{size_upload}", **more):
    """The answer's body, and curl's own words about the transfer."""
    body, _, said = curl(door, "-w", "\\n" + facts, *words, **more).decode().rpartition("\n")
    return body, said.split()


def test_a_stream(door):
    text = curl(door, "-N", *JSON, "-d", json.dumps({**BODY, "stream": True})).decode()
    *events, done, end = text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "") and len(events) > 3
    assert all(json.loads(event.removeprefix("data: "))["object"] == "chat.completion.chunk" for event in events)


def test_a_stream_says_what_it_is_and_that_nobody_may_keep_it(door):
    head = curl(door, "-N", "-i", *JSON, "-d", json.dumps({**BODY, "stream": True})).decode().split("\r\n\r\n")[0].lower()
    assert "content-type: text/event-stream" in head and "cache-control: no-" in head and "transfer-encoding: chunked" in head
    assert "x-request-id: req_" in head and "content-length" not in head and "llama" not in head


def test_a_body_without_a_content_type_of_json_is_told(door):
    body, facts = with_facts(door, "-d", json.dumps(BODY))  # curl says application/x-www-form-urlencoded
    assert facts[0] == "415" and json.loads(body)["error"]["code"] == "unsupported_media_type"


def test_a_large_body_is_asked_for_with_100_continue(door):
    big = json.dumps(BODY).replace("{", "{" + " " * 2_000_000, 1)
    seen = curl(door, "-v", *JSON, "--data-binary", "@-", "--stderr", "-", "-H", "Expect: 100-continue", feed=big.encode())
    assert b"100 Continue" in seen and b'"chat.completion"' in seen


def test_a_large_body_that_is_refused_by_its_head_is_never_sent(door):
    body, (status, sent) = with_facts(door, *JSON, "--data-binary", "@-", "-H", "Expect: 100-continue", feed=b"x" * 3_000_000,
                                      key="sk-sw-wrong")
    assert (status, sent) == ("401", "0") and json.loads(body)["error"]["code"] == "invalid_api_key"


def test_an_expectation_that_nobody_knows_is_417(door):
    body, facts = with_facts(door, *JSON, "-H", "Expect: a-miracle", "-d", json.dumps(BODY))
    assert facts[0] == "417" and json.loads(body)["error"]["code"] == "expectation_failed"


@pytest.mark.parametrize("how", [("-T", "-", "-X", "POST"), ("--data-binary", "@-", "-H", "Transfer-Encoding: chunked")])
def test_a_chunked_body(door, how):
    answer = curl(door, *how, *JSON, feed=json.dumps(BODY).encode())
    assert json.loads(answer)["object"] == "chat.completion"


def test_head_says_what_get_would_and_sends_nothing(door):
    for path in ("/v1/models", "/v1/models/smollm2", "/", "/start"):
        body, (status, length) = with_facts(door, path=path, facts="%{http_code} %header{content-length}")
        head, (head_status, head_length, sent) = with_facts(door, "-I", "-o", "/dev/null", path=path,
                                                           facts="%{http_code} %header{content-length} %{size_download}")
        assert (status, length) == (head_status, head_length) and status == "200" and sent == "0"
        assert int(length) == len(body.encode())


def test_options_says_what_is_allowed(door):
    for path, allowed in (("/v1/models", "get, head, options"), (CHAT, "options, post")):
        answer = curl(door, "-i", "-X", "OPTIONS", path=path).decode().lower()
        allow, = [line for line in answer.split("\r\n") if line.startswith("allow: ")]
        assert answer.startswith("http/1.1 204") and sorted(allow[7:].split(", ")) == allowed.split(", ")


def test_a_wrong_method_and_a_wrong_path_are_json_errors(door):
    body, facts = with_facts(door, path=CHAT, facts="%{http_code} %header{allow}")
    assert facts[0] == "405" and "POST" in " ".join(facts) and json.loads(body)["error"]["code"] == "method_not_allowed"
    body, facts = with_facts(door, path="/v1/nothing")
    assert facts[0] == "404" and json.loads(body)["error"]["code"] == "unknown_url"


def test_several_urls_go_over_one_connection(door):
    said = curl(door, "-o", "/dev/null", "-w", "%{num_connects} ", door.base + "/v1/models", "-o", "/dev/null", path="/v1/models")
    assert said.split() == [b"1", b"0"]


def test_http_1_0(door):
    text = curl(door, "--http1.0", "-N", *JSON, "-d", json.dumps({**BODY, "stream": True}))
    assert text.decode().endswith("data: [DONE]\n\n")


def test_the_page_says_the_model_is_up(door):
    page = curl(door, path="/start").decode()
    assert "smollm2" in page and 'class="up"' in page
