# SPDX-License-Identifier: Apache-2.0
"""`seawall explain`: what happened to one request, found in the log, in words."""
import json
import re

import pytest

from engine import stream_of
from service import wait_for
from wire import Wire, chat, request

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(value):
    digits = ""
    for _ in range(11):
        digits = ALPHABET[value % 62] + digits
        value //= 62
    return digits


def ask(door, **more):
    """One call's id, when its line is in the log."""
    with Wire(door.port) as wire:
        answer = wire.send(chat(key=door.api_key(), **more)).answer()
    name = answer.headers["x-request-id"]
    door.logged(id=name)
    return name


def fails(door, words, *arguments):
    result = door.tool("explain", *arguments, check=False)
    assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1, result
    assert words in result.stderr, result.stderr


def test_a_request_is_told_in_words(start, make_engine):
    engine = make_engine(stream_of(["a", "b", "c"], pause=0.02, prompt=11))
    door = start(engine)
    made = door.tool_json("key", "create", "someone")
    door.key = made["key"]
    name = ask(door, stream=True, max_tokens=40)
    said = door.tool("explain", name).stdout
    rows = dict(re.findall(r"^([a-z]+) +(.*)$", said.split("\n\n")[1], re.M))
    assert said.startswith(f"Request {name}, over at 2")
    assert rows["caller"].startswith(f"key {made['id']} (someone), address ")
    assert rows["asked"] == "POST /v1/chat/completions, model test-model, as a stream"
    assert re.match(r"[\d,]+ weighted tokens: \d+ of the prompt, as estimated, and \d+ of the answer, as predicted, which count double$", rows["price"])
    assert rows["class"] == "unknown: its caller had earned no budget"
    assert re.match(r"0 requests waited before it; its turn came after [\d.]+ ms$", rows["turn"])
    assert rows["backend"].startswith(f"{engine.url}, ")
    assert rows["used"] == "11 tokens of prompt, 3 of answer"
    assert rows["ended"] == "OK, status 200: answered as asked"
    times = [(float(ms), what) for ms, what in re.findall(r"^ +([\d.]+) ms  (.*)$", said, re.M)]
    assert [ms for ms, _ in times] == sorted(ms for ms, _ in times)
    assert [what for _, what in times] == ["its first byte came", "its head was there", "its body was there", "it asked for its turn", "its turn came",
                                           "the engine began to answer", "first token", "last token", "over"]


def test_the_price_adds_up(start, make_engine):
    door = start(make_engine(stream_of(["a"], prompt=11)))
    line = json.loads(door.tool("explain", ask(door, max_tokens=40), "--json").stdout)
    assert 1 <= line["price_answer"] <= 40 and line["price_prompt"] >= 1
    assert line["price"] == line["price_prompt"] + 2 * line["price_answer"]


def test_json_is_the_line_itself(start, engine):
    door = start(engine)
    name = ask(door)
    assert door.tool_json("explain", name) == door.logged(id=name)[0]


def test_a_refusal_is_told_too(start, engine):
    door = start(engine)
    with Wire(door.port) as wire:
        answer = wire.send(request("GET", "/nothing")).answer()
    name = answer.headers["x-request-id"]
    door.logged(id=name)
    said = door.tool("explain", name).stdout
    assert "ended     NO_ROUTE, status 404: unknown request URL\n" in said and "price" not in said


def test_rotated_logs_are_searched_too(start, engine):
    door = start(engine)
    first = ask(door)
    log = door.data / "state" / "access.log"
    log.rename(log.with_suffix(".log.1"))
    door.tool("reload")
    second = ask(door)
    assert door.tool_json("explain", first)["id"] == first and door.tool_json("explain", second)["id"] == second
    log.with_suffix(".log.1").unlink()
    fails(door, "what is kept of the access log begins at", first)
    assert door.tool_json("explain", second)["id"] == second


@pytest.mark.parametrize("where, words", [("off", "it is switched off"), ("-", "goes to standard output")])
def test_without_a_log_it_says_so(start, engine, where, words):
    door = start(engine, service={"access_log": where})
    with Wire(door.port) as wire:
        name = wire.send(chat(key=door.api_key())).answer().headers["x-request-id"]
    fails(door, words, name)


def test_a_log_that_is_switched_on_later_is_searched(start, engine):
    door = start(engine, service={"access_log": "off"})
    door.write_config({**door.settings, "service": {**door.settings["service"], "access_log": "other.log"}})
    door.tool("reload")
    with Wire(door.port) as wire:
        name = wire.send(chat(key=door.api_key())).answer().headers["x-request-id"]
    wait_for(lambda: door.tool("explain", name, check=False).returncode == 0, what="its line")


def test_ids_that_are_none_or_of_nobody(start, engine):
    door = start(engine)
    name = ask(door)
    for bad in ("x", "req_", name[:-1], name + "a", name.upper(), "../status", "req_0000000000a\n000000000b", "ü"):
        fails(door, "no request's id", bad)
    fails(door, "there is no request", "req_" + base62(2 ** 62) + base62(7))
    fails(door, "began at 2001-09-09T01:46:40.000Z", "req_" + base62(10 ** 15) + base62(7))
    assert door.tool("explain", check=False).returncode == 2
    assert door.tool("explain", name, name, check=False).returncode == 2
