# SPDX-License-Identifier: Apache-2.0
"""The door's own answers: their heads agree with their bodies, and say what a client can do."""
import json

import pytest

from engine import json_answer


@pytest.mark.parametrize("path", ["/", "/seawall.css", "/favicon.svg", "/robots.txt", "/v1/models", "/nope"])
def test_head_has_the_head_of_get_and_no_body(service, path):
    key = service.api_key()
    get = service.request("GET", path, key=key)
    head = service.request("HEAD", path, key=key)
    for name in ("content-type", "content-length", "content-security-policy"):
        assert get[1].get(name) == head[1].get(name)
    assert get[0] == head[0] and head[2] == b"" and int(head[1]["content-length"]) == len(get[2])


def test_refusals_say_what_to_do(service):
    status, headers, _ = service.request("POST", "/v1/chat/completions", {})
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    status, headers, _ = service.request("GET", "/v1/chat/completions", key=service.api_key())
    assert (status, headers["allow"]) == (405, "POST, OPTIONS")


def test_an_unavailable_model_says_when_to_come_back(start, engine):
    engine.behaviour = lambda call: json_answer(call, {"error": "loading"}, 503)
    service = start(engine, pool={"retries": 0})
    status, headers, body = service.chat()
    assert status == 503 and int(headers["retry-after"]) >= 1
    assert json.loads(body)["error"]["type"] == "server_error"


def test_pages_are_guarded(service):
    _, headers, body = service.request("GET", "/")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert b"<script" not in body


def test_a_host_that_is_markup_is_not_shown(service):
    _, _, body = service.request("GET", "/", headers={"Host": "x"})
    assert b"http://x/v1/chat/completions" in body


def test_preflights_name_only_header_names(start, engine):
    service = start(engine, cors={"origins": ["https://app.example"]})
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = service.request("OPTIONS", "/v1/chat/completions", headers={
        **asked, "Access-Control-Request-Headers": "authorization, x-stainless-os"})
    assert status == 204 and headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert headers["access-control-allow-origin"] == "https://app.example"
    _, headers, _ = service.request("OPTIONS", "/v1/chat/completions", headers={
        **asked, "Access-Control-Request-Headers": "a; <b>"})
    assert headers["access-control-allow-headers"] == "authorization, content-type, x-request-id"
    status, _, _ = service.request("OPTIONS", "/v1/chat/completions", headers={**asked, "Origin": "https://evil.example"})
    assert status == 403
