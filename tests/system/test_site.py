# SPDX-License-Identifier: Apache-2.0
"""The pages as a browser gets them: the chat and its files, their codings and caches, and what a page asks before anybody signed in."""
import gzip
import json
import re

import pytest

from engine import Engine
from service import pool_config
from wire import Wire, request


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine, service={"name": "Example 聊天"}, limits={"body_bytes": "1MiB"})
        service.api_key()
        yield service


def get(door, path, method="GET", **headers):
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    with Wire(door.port) as wire:
        return wire.send(request(method, path, headers=fields)).answer(method == "HEAD")


def script_of(door):
    """The address of the script that the document loads."""
    return re.search(r'<script type="module"[^>]* src="(/assets/[^"]+\.js)"', get(door, "/").body.decode()).group(1)


def test_the_chat_comes_with_all_of_its_files(door):
    page = get(door, "/")
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    loads = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert loads
    for path in loads:
        assert path.startswith("/"), "nothing comes from another origin"
        answer = get(door, path)
        assert answer.status == 200 and answer.body, path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_address_inside_the_chat_is_its_document_and_any_other_is_404(door):
    page = get(door, "/").body
    for path in ("/chat", "/chat/", "/chat/01J0/edit"):
        assert get(door, path).body == page, path
    for path in ("/chats", "/assets/", "/assets/nothing.js", "/index.html", "/v1/nope", "/v1/", "/sign-in"):
        answer = get(door, path)
        assert answer.status == 404 and answer.headers["content-type"] == "application/json", path
        assert answer.error["code"] == "unknown_url"


def test_the_policy_lets_in_scripts_of_this_origin_and_nothing_inline(door):
    headers = get(door, "/").headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "http" not in policy
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for rule in ("script-src", "style-src", "connect-src", "img-src", "worker-src", "manifest-src"):
        assert rules[rule] == "'self'", rule
    for rule in ("base-uri", "form-action", "frame-ancestors"):
        assert rules[rule] == "'none'", rule
    assert headers["referrer-policy"] == "no-referrer" and headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin" and "camera=()" in headers["permissions-policy"]


def test_the_document_is_asked_for_again_and_not_sent_again(door):
    for coding in ("identity", "gzip", "br"):
        page = get(door, "/", Accept_Encoding=coding)
        assert page.headers["cache-control"] == "no-cache"
        same = get(door, "/", Accept_Encoding=coding, If_None_Match=page.headers["etag"])
        assert same.status == 304 and same.body == b"" and "content-length" not in same.headers
        assert same.headers["etag"] == page.headers["etag"] and same.headers["vary"] == "Accept-Encoding"
        assert get(door, "/", Accept_Encoding=coding, If_None_Match=f'"other", W/{page.headers["etag"]}').status == 304
        assert get(door, "/", Accept_Encoding=coding, If_None_Match='"other"').status == 200
        assert get(door, "/", method="HEAD", Accept_Encoding=coding, If_None_Match=page.headers["etag"]).status == 304


def test_a_connection_goes_on_behind_304_and_behind_a_file(door):
    path = script_of(door)
    with Wire(door.port) as wire:
        tag = wire.send(request("GET", "/")).answer().headers["etag"]
        assert wire.send(request("GET", "/", headers=[("If-None-Match", tag)])).answer().status == 304
        whole = wire.send(request("GET", path)).answer().body
        assert wire.send(request("GET", path) + request("GET", path)).answer().body == whole
        assert wire.answer().body == whole
        assert wire.send(request("GET", "/robots.txt")).answer().status == 200


def test_a_file_with_its_sum_in_its_name_is_kept_for_ever(door):
    assert get(door, script_of(door)).headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("accepts, coding", [
    (None, None), ("", None), ("identity", None), ("br", "br"), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"),
    ("br;q=0.5, gzip", "gzip"), ("br;q=0, gzip;q=0", None), ("*", "br"), ("*;q=0", None), ("BR", "br"), ("deflate", None),
    ("br;q=oops, gzip;q=0.1", "gzip"), ("identity, br;q=0.9", None),
])
def test_the_coding_is_the_one_that_is_wanted_most(door, accepts, coding):
    path = script_of(door)
    answer = get(door, path, **({} if accepts is None else {"Accept_Encoding": accepts}))
    assert answer.status == 200 and answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    whole = get(door, path)
    assert answer.headers["content-type"] == whole.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (answer.headers["etag"] == whole.headers["etag"]) == (coding is None)
    if coding == "gzip":
        assert gzip.decompress(answer.body) == whole.body
    assert (len(answer.body) < len(whole.body)) == (coding is not None)


def test_a_slow_reader_of_a_file_gets_all_of_it(door):
    path = script_of(door)
    whole = get(door, path).body
    with Wire(door.port, receive_buffer=2048) as wire:
        wire.send(request("GET", path))
        assert wire.head().status == 200
        assert wire.take(len(whole)) == whole


def test_what_a_page_asks_before_anybody_has_signed_in(door):
    answer = get(door, "/site.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=10"
    said = answer.json
    assert said.pop("version") == door.tool("version").stdout.split()[1]
    assert said == {"name": "Example 聊天", "key_required": True, "body_bytes_max": 1 << 20, "resume_grace_s": 0}


def test_a_door_without_keys_says_so(start, engine):
    for keys in ("optional", "ignored"):
        service = start(engine, service={"keys": keys})
        assert json.loads(service.request("GET", "/site.json")[2])["key_required"] is False


def test_the_chat_can_be_switched_off_and_on_again(start, engine):
    service = start(engine, service={"chat": False})
    page = get(service, "/")
    assert b"curl" in page.body and b"<script" not in page.body and page.body == get(service, "/start").body
    assert "script" not in page.headers["content-security-policy"] and page.headers["cache-control"] == "no-store"
    assert get(service, "/chat").status == 404
    service.write_config(pool_config(engine))
    service.tool("reload")
    assert b'<div id="app">' in get(service, "/").body and get(service, "/chat").status == 200
