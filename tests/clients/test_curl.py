# SPDX-License-Identifier: Apache-2.0
"""curl, as people type it."""
import json
import subprocess

BODY = {"model": "smollm2", "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}


def curl(door, *words, path="/v1/chat/completions", feed=None):
    result = subprocess.run(["curl", "-sS", "-m", "60", "-H", f"Authorization: Bearer {door.key}", *words, door.base + path],
                            capture_output=True, input=feed, timeout=90)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_stream(door):
    text = curl(door, "-N", "-H", "Content-Type: application/json", "-d", json.dumps({**BODY, "stream": True})).decode()
    assert text.count("data: ") > 3 and text.endswith("data: [DONE]\n\n")


def test_a_body_without_a_content_type_of_json_is_told(door):
    answer = json.loads(curl(door, "-d", json.dumps(BODY)))  # curl says application/x-www-form-urlencoded
    assert answer["error"]["code"] == "unsupported_media_type"


def test_expect_100_continue(door):
    big = {**BODY, "messages": [{"role": "user", "content": "a " * 700}]}
    seen = curl(door, "-v", "-H", "Expect: 100-continue", "-H", "Content-Type: application/json", "-d", json.dumps(big),
                "--stderr", "-")
    assert b"100 Continue" in seen and b'"chat.completion"' in seen


def test_a_chunked_body(door):
    answer = curl(door, "-X", "POST", "-T", "-", "-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json",
                  feed=json.dumps(BODY).encode())
    assert json.loads(answer)["object"] == "chat.completion"


def test_head_and_options(door):
    head = curl(door, "-I", path="/v1/models").decode()
    assert head.startswith("HTTP/1.1 200") and "content-length:" in head.lower()
    allow = curl(door, "-i", "-X", "OPTIONS", path="/v1/models").decode().lower()
    assert allow.startswith("http/1.1 204") and "allow: get, head, options" in allow


def test_http_1_0(door):
    text = curl(door, "--http1.0", "-N", "-H", "Content-Type: application/json", "-d", json.dumps({**BODY, "stream": True}))
    assert text.decode().endswith("data: [DONE]\n\n")


def test_the_page_says_the_model_is_up(door):
    page = curl(door, path="/").decode()
    assert "smollm2" in page and 'class="up"' in page
