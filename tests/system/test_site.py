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


def test_the_licences_of_what_it_is_made_of_come_along(door):
    answer = get(door, "/licenses.txt")
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "preact" in answer.body.decode() and "Permission is hereby granted" in answer.body.decode()


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
    assert said == {"name": "Example 聊天", "key_required": True, "body_bytes_max": 1 << 20, "resume_grace_s": 15}


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


# Links that sign in.


def link_of(service, *words):
    """A link for the service's key, made with the tool as an operator would."""
    path = service.data / "link.key"
    path.write_text(service.api_key() + "\n")
    return service.tool("link", str(path), *words).stdout.strip()


def redeem(service, token, method="POST", scheme="Link"):
    with Wire(service.port) as wire:
        return wire.send(request(method, "/sign-in/link", headers=[("Authorization", f"{scheme} {token}")])).answer()


def test_a_link_signs_in_once(service):
    link = link_of(service)
    base, token = link.split("/#link=")
    assert base == service.base and re.fullmatch(r"[0-9A-Za-z]{22}", token)
    answer = redeem(service, token, scheme="link")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {"key": service.key, "name": "test"}
    assert service.request("GET", "/v1/models", key=answer.json["key"])[0] == 200
    again = redeem(service, token)
    assert again.status == 410 and again.error["code"] == "link_used"
    assert service.key not in again.body.decode()


def test_the_tool_puts_a_link_behind_the_address_that_it_is_given(service):
    assert link_of(service, "--base", "https://chat.example.org/").startswith("https://chat.example.org/#link=")
    path = str(service.data / "link.key")
    assert service.tool("link", path, "--base", "chat.example.org", check=False).returncode == 2
    assert service.tool_json("link", path)["expires_in_s"] == 900
    (service.data / "link.key").write_text("sk-sw-no-key-at-all\n")
    refused = service.tool("link", path, check=False)
    assert refused.returncode == 1 and "not valid" in refused.stderr and "sk-sw" not in refused.stderr
    assert service.tool("link", str(service.data / "nothing"), check=False).returncode == 1


def test_every_worker_opens_every_link(service):
    for _ in range(12):
        assert redeem(service, link_of(service).split("=")[1]).status == 200


def test_a_wrong_link_is_404_and_hinders_no_good_one(service):
    token = link_of(service).split("=")[1]
    seen = [redeem(service, wrong) for wrong in ("", "x", token[:-1], token + "0", token.swapcase(), *"abcdefghijklmnop")]
    assert {(answer.status, answer.error["code"]) for answer in seen} == {(404, "link_unknown")}
    assert redeem(service, token).status == 200


def test_the_address_of_links_takes_post_alone(service):
    token = link_of(service).split("=")[1]
    for method in ("GET", "HEAD", "PUT"):
        with Wire(service.port) as wire:
            answer = wire.send(request(method, "/sign-in/link", headers=[("Authorization", f"Link {token}")])).answer(method == "HEAD")
        assert answer.status == 405 and answer.headers["allow"] == "POST, OPTIONS"
    with Wire(service.port) as wire:
        assert wire.send(request("OPTIONS", "/sign-in/link")).answer().headers["allow"] == "POST, OPTIONS"
    # A body is not wanted, and harms nothing.
    with Wire(service.port) as wire:
        answer = wire.send(request("POST", "/sign-in/link", b"{}", headers=[("Authorization", f"Link {token}")])).answer()
    assert answer.status == 200


def test_neither_link_nor_key_is_in_any_log(service):
    token = link_of(service).split("=")[1]
    assert redeem(service, token).status == 200
    assert redeem(service, token).status == 410
    service.logged(path="/sign-in/link", status=410)
    logs = service.log() + json.dumps(service.access_log())
    assert token not in logs and service.key not in logs


def test_a_restart_forgets_links(service):
    token = link_of(service).split("=")[1]
    service.stop()
    service.start()
    assert redeem(service, token).status == 404


def test_without_the_chat_there_are_no_links(start, engine):
    service = start(engine, service={"chat": False})
    path = service.data / "link.key"
    path.write_text(service.api_key())
    refused = service.tool("link", str(path), check=False)
    assert refused.returncode == 1 and "service.chat" in refused.stderr
    assert redeem(service, "x").status == 404 and redeem(service, "x").error["code"] == "unknown_url"
