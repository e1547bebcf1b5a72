# SPDX-License-Identifier: Apache-2.0
"""What the door answers by itself: methods, HEAD and OPTIONS, pages of other origins, the front page."""
import pytest

from engine import Engine
from wire import Wire, request

ORIGIN = "https://chat.example.org"


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine, cors={"origins": [ORIGIN], "max_age": "20s"})
        service.api_key()
        yield service


def ask(door, data, to_head=False):
    with Wire(door.port) as wire:
        return wire.send(data).answer(to_head)


def refused(answer, status, code):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.error["code"] == code and answer.error["message"]
    assert answer.json["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/v1/chat/completions", "POST, OPTIONS"), ("PUT", "/v1/chat/completions", "POST, OPTIONS"),
    ("DELETE", "/v1/embeddings", "POST, OPTIONS"), ("PATCH", "/v1/completions", "POST, OPTIONS"),
    ("POST", "/v1/models", "GET, HEAD, OPTIONS"), ("DELETE", "/v1/models/test-model", "GET, HEAD, OPTIONS"),
    ("POST", "/", "GET, HEAD, OPTIONS"),
])
def test_a_method_that_a_url_does_not_take_is_405_and_names_those_it_does(door, method, path, allowed):
    answer = ask(door, request(method, path, key=door.key))
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/test-model", "/", "/start", "/site.json", "/robots.txt"])
def test_head_answers_like_get_without_the_body(door, path):
    whole_answer = ask(door, request("GET", path, key=door.key))
    with Wire(door.port) as wire:
        head = wire.send(request("HEAD", path, key=door.key)).answer(to_head=True)
        assert wire.quiet()
        assert wire.send(request("GET", path, key=door.key)).answer().status == 200
    assert head.status == whole_answer.status == 200
    assert head.headers["content-type"] == whole_answer.headers["content-type"]
    assert head.headers["content-length"] == whole_answer.headers["content-length"]


def test_a_refusal_of_head_has_no_body_either(door):
    with Wire(door.port) as wire:
        answer = wire.send(request("HEAD", "/v1/chat/completions", key=door.key)).answer(to_head=True)
        assert answer.status == 405 and int(answer.headers["content-length"]) > 0
        assert wire.quiet()


def test_the_first_page_is_html_for_people_and_runs_no_script(door):
    answer = ask(door, request("GET", "/start"))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    text = answer.body.decode()
    assert "test-model" in text and "curl" in text and "<script" not in text


def test_a_host_that_is_none_does_not_get_into_the_page(door):
    answer = ask(door, request("GET", "/start", host="example.org:80"))
    assert "example.org:80" in answer.body.decode()
    assert ask(door, request("GET", "/start", host='"><b>')).status == 400


def test_options_names_the_methods(door):
    answer = ask(door, request("OPTIONS", "/v1/chat/completions"))
    assert answer.status == 204 and answer.headers["allow"] == "POST, OPTIONS"
    assert "content-length" not in answer.headers and "access-control-allow-origin" not in answer.headers


def test_options_of_what_is_not_there_is_404(door):
    refused(ask(door, request("OPTIONS", "/v1/nope")), 404, "unknown_url")
    assert ask(door, request("OPTIONS", "/")).headers["allow"] == "GET, HEAD, OPTIONS"
    assert ask(door, request("OPTIONS", "*")).status == 204
    # A preflight may pass: the script behind it is to see the 404.
    preflight = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
    assert ask(door, request("OPTIONS", "/v1/nope", headers=preflight)).status == 204


@pytest.mark.parametrize("headers", [(), [("Origin", "https://evil.example")], [("Origin", ORIGIN)]])
def test_whoever_asks_a_cache_hears_that_answers_differ_by_origin(door, headers):
    for data in (request("GET", "/v1/models", key=door.key, headers=headers), request("GET", "/start", headers=headers),
                 request("GET", "/v1/models", headers=headers)):
        assert ask(door, data).headers["vary"] == "Origin"
    assert ask(door, request("GET", "/", headers=headers)).headers["vary"] == "Origin, Accept-Encoding"


def test_a_preflight_of_an_allowed_origin_needs_no_key(door):
    answer = ask(door, request("OPTIONS", "/v1/chat/completions", headers=[
        ("Origin", ORIGIN), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang")]))
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "x-stainless-lang" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "20"
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.upper(), ORIGIN + ":443", ""])
def test_a_preflight_of_another_origin_is_refused(door, origin):
    answer = ask(door, request("OPTIONS", "/v1/models", headers=[("Origin", origin), ("Access-Control-Request-Method", "GET")]))
    refused(answer, 403, "origin_not_allowed")
    assert "access-control-allow-origin" not in answer.headers


def test_header_names_that_are_none_are_not_named_back_in_a_preflight(door):
    answer = ask(door, request("OPTIONS", "/v1/models", headers=[
        ("Origin", ORIGIN), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "a: b<script>")]))
    assert answer.status == 204 and "script" not in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("key", [True, False])
def test_a_page_of_an_allowed_origin_may_read_answers_and_refusals(door, key):
    answer = ask(door, request("GET", "/v1/models", key=door.key if key else None, headers=[("Origin", ORIGIN)]))
    assert answer.status == (200 if key else 401)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


def test_a_page_of_another_origin_may_not(door):
    answer = ask(door, request("GET", "/v1/models", key=door.key, headers=[("Origin", "https://evil.example")]))
    assert answer.status == 200 and "access-control-allow-origin" not in answer.headers
