# SPDX-License-Identifier: Apache-2.0
"""Limits of keys and accounts: what they hold back, what callers are told, and that no crowd gets past them."""
import collections
import json
import re
import resource
import selectors
import socket
import threading

import pytest

from engine import chunk, delta, endless, event, head, json_answer, stream_of, usage
from service import events_of, wait_for
from wire import Wire, chat, chat_body, deltas

CALLS, AT_ONCE = 10000, 1000


def make(service, name="limited", *words):
    """(id, text) of a key with these limits."""
    made = service.tool_json("key", "create", name, *words)
    return made["id"], made["key"]


def used(service, key_id, limit):
    rows = {row["limit"]: row for row in service.tool_json("key", "show", key_id)["use"]}
    return rows[limit]["used"]


def error_of(data):
    return json.loads(data)["error"]


# ---- a crowd -------------------------------------------------------------------------------------------


class Caller:
    """One connection of a crowd: asks again and again, each answer read to its end."""

    def __init__(self, port, ask, times):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.ask, self.left, self.buffer = ask, times, b""
        self.answers = []  # (status, body)
        self.next()

    def next(self):
        self.left -= 1
        self.sock.sendall(self.ask)

    def take_answer(self):
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return False
        length = re.search(rb"Content-Length: (\d+)", head)
        if length:
            size = int(length[1])
            if len(rest) < size:
                return False
            body, self.buffer = rest[:size], rest[size:]
        else:
            body, end, behind = rest.partition(b"\r\n0\r\n\r\n")
            if not end:
                return False
            self.buffer = behind
        self.answers.append((int(head[9:12]), body))
        return True

    def on_bytes(self):
        """False when all that it wanted is answered."""
        self.buffer += self.sock.recv(1 << 20)
        if not self.take_answer():
            return True
        if self.left > 0:
            self.next()
            return True
        self.sock.close()
        return False


def crowd(service, ask, calls=CALLS, at_once=AT_ONCE):
    """(status, body) of so many calls, so many of them at once."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with selectors.DefaultSelector() as selector:
        callers = [Caller(service.port, ask, calls // at_once) for _ in range(at_once)]
        for caller in callers:
            selector.register(caller.sock, selectors.EVENT_READ, caller)
        while selector.get_map():
            ready = selector.select(30)
            assert ready, "nothing comes any more"
            for key, _ in ready:
                sock = key.data.sock
                if not key.data.on_bytes():
                    selector.unregister(sock)
    return [answer for caller in callers for answer in caller.answers]


@pytest.mark.parametrize("more", [{}, {"max_tokens": 4}, {"max_tokens": 1}], ids=["endless", "four", "one"])
def test_ten_thousand_calls_spend_one_balance_and_a_chunk_each(start, make_engine, more):
    service = start(make_engine(endless(0)), pool={"calls": 64})
    key_id, key = make(service, "crowd", "--tokens-per-day", "100")
    answers = crowd(service, chat(key=key, stream=True, **more))
    statuses = collections.Counter(status for status, _ in answers)
    admitted = [body for status, body in answers if status == 200]
    assert len(answers) == CALLS and set(statuses) == {200, 429} and admitted
    written = sum(deltas(events_of(body)).count("x") for body in admitted)
    lines = service.logged(count=CALLS, endpoint="chat", seconds=20)
    served = [line for line in lines if line["status"] == 200]
    spent = sum(line["prompt_tokens"] + line["completion_tokens"] for line in served)
    assert len(served) == len(admitted) and sum(line["completion_tokens"] for line in served) == written
    assert 100 - 20 < spent <= 100 + len(admitted)
    assert used(service, key_id, "tokens_per_day") == spent
    assert all(line["limit"] == "tokens_per_day" for line in lines if line["reason"] == "KEY_TOKENS")


def test_a_crowd_of_an_account_spends_its_one_balance(start, make_engine):
    service = start(make_engine(endless(0)), pool={"calls": 64})
    service.tool("account", "limit", "team", "--tokens-per-day", "100")
    keys = [make(service, f"member {i}", "--account", "team", "--tokens-per-day", "5000")[1] for i in range(4)]
    found = []
    threads = [threading.Thread(target=lambda key=key: found.extend(
        crowd(service, chat(key=key, stream=True, max_tokens=2), 1000, 100))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = service.logged(count=4000, endpoint="chat", seconds=20)
    served = [line for line in lines if line["status"] == 200]
    spent = sum(line["prompt_tokens"] + line["completion_tokens"] for line in served)
    assert len(found) == 4000 and 100 - 20 < spent <= 100 + len(served)
    use = service.tool_json("account", "show", "team")["use"]
    assert [(row["limit"], row["used"]) for row in use] == [("tokens_per_day", spent)]
    assert {line["limit"] for line in lines if line["reason"] == "KEY_TOKENS"} == {"tokens_per_day of its account"}


# ---- what callers are told --------------------------------------------------------------------------------


def test_a_minutes_requests_are_counted_and_told(start, engine):
    service = start(engine)
    _, key = make(service, "rate", "--requests-per-minute", "2")
    status, headers, _ = service.chat(key=key)
    assert status == 200 and headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "1" and headers["x-ratelimit-reset-requests"] == "30s"
    assert "x-ratelimit-limit-tokens" not in headers
    assert service.chat(key=key)[0] == 200
    status, headers, body = service.chat(key=key)
    assert status == 429 and 25 <= int(headers["retry-after"]) <= 30
    assert headers["x-ratelimit-remaining-requests"] == "0" and headers["x-ratelimit-reset-requests"] in ("1m0s", "59s", "58s")
    error = error_of(body)
    assert error["code"] == "request_limit_exceeded" and error["type"] == "rate_limit_error"
    assert re.fullmatch(r"this key's limit of 2 requests per minute is reached: come back in \d+ s", error["message"])
    line = service.logged(reason="KEY_RATE")[0]
    assert line["limit"] == "requests_per_minute"
    assert "limit     requests_per_minute: it left no room" in service.tool("explain", line["id"]).stdout
    assert service.chat()[0] == 200  # another key
    assert "x-ratelimit-limit-requests" not in service.chat()[1]


def test_tokens_are_held_while_a_call_runs_and_come_back_after_it(start, make_engine):
    free = threading.Event()

    def held(call):
        call.send(head() + chunk(event(delta("one"))).decode())
        while not free.is_set():
            call.pause(0.01)
        call.send(chunk(event(delta(finish="stop"))) + chunk(event(usage(3, 1))) + chunk(event("[DONE]")) + b"0\r\n\r\n")
        return True

    service = start(make_engine(held))
    key_id, key = make(service, "held", "--tokens-per-minute", "600")
    with Wire(service.port) as wire:
        wire.send(chat(key=key, stream=True, max_tokens=500))
        answer = wire.head()
        left = int(answer.headers["x-ratelimit-remaining-tokens"])
        assert answer.headers["x-ratelimit-limit-tokens"] == "600" and left < 100
        status, headers, body = service.chat(key=key, max_tokens=500)
        assert status == 429 and error_of(body)["message"].startswith("this key's limit of 600 tokens per minute is reached")
        assert 30 <= int(headers["retry-after"]) <= 60
        free.set()
        assert list(wire.chunks())
    assert used(service, key_id, "tokens_per_minute") <= 4  # without a wait: it was back before the last byte left
    assert service.chat(key=key, max_tokens=500)[0] == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_who_asks_again_at_once_is_judged_without_the_call_before(start, engine, stream):
    """Each call on a connection of its own, so on any worker."""
    service = start(engine)
    _, key = make(service, "one at a time", "--concurrent-calls", "1")
    assert {service.chat(key=key, stream=stream)[0] for _ in range(1000)} == {200}


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_outruns_its_balance_is_cut_in_good_form(start, make_engine, stream):
    service = start(make_engine(endless(0)))
    key_id, key = make(service, "cut", "--tokens-per-day", "40")
    with Wire(service.port) as wire:
        options = {"stream_options": {"include_usage": True}} if stream else {}
        answer = wire.send(chat(key=key, stream=stream, **options)).answer()
    assert answer.status == 200
    if stream:
        events = events_of(answer.body)
        assert events[-1] == "[DONE]" and json.loads(events[-3])["choices"][0]["finish_reason"] == "length"
        report = json.loads(events[-2])["usage"]
    else:
        assert answer.json["choices"][0]["finish_reason"] == "length"
        report = answer.json["usage"]
    assert report["seawall"] == {"cut": "tokens_per_day"} and 40 <= report["total_tokens"] <= 41
    line = service.logged(reason="CUT")[0]
    assert line["limit"] == "tokens_per_day" and used(service, key_id, "tokens_per_day") == report["total_tokens"]
    assert "it was used up in the middle of the answer" in service.tool("explain", line["id"]).stdout
    status, headers, body = service.chat(key=key)
    assert status == 429 and 0 < int(headers["retry-after"]) <= 86400


def test_calls_at_a_time_are_counted_with_those_that_wait(start, make_engine):
    free = threading.Event()

    def held(call):
        while not free.is_set():
            call.pause(0.01)
        return stream_of(["one"])(call)

    service = start(make_engine(held), pool={"calls": 1})
    _, key = make(service, "two", "--concurrent-calls", "2")
    wires = [Wire(service.port).send(chat(key=key)) for _ in range(2)]
    wait_for(lambda: service.metrics()["seawall_requests_open"] == 2, what="both requests")
    status, headers, body = service.chat(key=key)
    assert status == 429 and headers["retry-after"] == "1"
    assert error_of(body)["message"].startswith("this key's limit of 2 calls at a time is reached")
    service.logged(reason="KEY_CONCURRENT")
    free.set()
    assert {wire.answer().status for wire in wires} == {200}
    assert service.chat(key=key)[0] == 200


def test_money_is_counted_by_the_models_prices(start, make_engine):
    service = start(make_engine(stream_of(["a"] * 4, prompt=10)), model={"price_in": 1000, "price_out": "2000.00"})
    key_id, key = make(service, "spender", "--spend-per-month", "0.04")
    assert service.chat(key=key)[0] == 200
    assert used(service, key_id, "spend_per_month") == "0.018"
    assert service.chat(key=key)[0] == 200
    status, headers, body = service.chat(key=key)
    assert status == 429 and error_of(body)["code"] == error_of(body)["type"] == "insufficient_quota"
    assert error_of(body)["message"].startswith("this key's limit of 0.04 of spend per month is reached")
    assert 0 < int(headers["retry-after"]) <= 31 * 86400
    service.logged(reason="KEY_BUDGET")


def test_what_can_never_fit_is_no_429(start, engine):
    service = start(engine)
    _, key = make(service, "tiny", "--tokens-per-minute", "3")
    status, headers, body = service.chat("word " * 100, key=key)
    assert status == 400 and "retry-after" not in headers and error_of(body)["code"] == "request_exceeds_limit"
    _, key = make(service, "short", "--context-tokens", "20", "--output-tokens", "5")
    status, _, body = service.chat("word " * 100, key=key)
    assert status == 400 and error_of(body)["code"] == "context_length_exceeded"
    assert re.search(r"the prompt has about \d+ tokens, and this key's limit is 20", error_of(body)["message"])
    status, _, body = service.chat(key=key, max_tokens=6)
    assert status == 400 and error_of(body)["param"] == "max_tokens"
    assert service.chat(key=key, max_tokens=5)[0] == 200
    assert service.chat(key=key)[0] == 200
    assert engine.calls[-1].body["max_tokens"] == 5


def test_a_call_that_never_ran_costs_nothing(start, make_engine):
    engine = make_engine()
    service = start(engine)
    key_id, key = make(service, "once", "--requests-per-minute", "1", "--tokens-per-day", "1000")
    engine.close()
    wait_for(lambda: service.chat(key=service.api_key())[0] == 503, what="the engine to be gone")
    for _ in range(3):
        status, headers, _ = service.chat(key=key)
        assert status == 503 and headers["x-ratelimit-remaining-requests"] == "1"
    assert used(service, key_id, "requests_per_minute") == used(service, key_id, "tokens_per_day") == 0


def test_embeddings_cost_their_prompt(start, make_engine):
    listing = {"object": "list", "model": "x", "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
               "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    service = start(make_engine(lambda call: json_answer(call, listing)))
    key_id, key = make(service, "embedder", "--tokens-per-day", "20")
    ask = {"model": "test-model", "input": "Hello there"}
    assert service.request("POST", "/v1/embeddings", ask, key)[0] == 200
    assert used(service, key_id, "tokens_per_day") == 7
    assert service.request("POST", "/v1/embeddings", ask, key)[0] == 200
    assert service.request("POST", "/v1/embeddings", {**ask, "input": "word " * 20}, key)[0] in (400, 429)


# ---- where limits come from, and what outlives what ---------------------------------------------------------


def test_the_configuration_limits_keys_that_have_none_of_their_own(start, engine):
    service = start(engine, key_limits={"requests_per_minute": 1})
    key_id, key = make(service)
    assert [service.chat(key=key)[0] for _ in range(2)] == [200, 429]
    row = service.tool_json("key", "show", key_id)["use"][0]
    assert (row["limit"], row["value"], row["from"]) == ("requests_per_minute", 1, "configuration")
    service.tool("key", "limit", key_id, "--requests-per-minute", "none")
    wait_for(lambda: service.chat(key=key)[0] == 200, what="the key without a limit")
    assert service.chat(key=key)[0] == 200
    service.tool("key", "limit", key_id, "--requests-per-minute", "default")
    wait_for(lambda: service.chat(key=key)[0] == 429, what="the limit again")
    service.write_config({**service.settings, "key_limits": {}})
    service.tool("reload")
    assert service.chat(key=key)[0] == 200


def test_limits_and_what_a_day_has_used_outlive_a_restart_and_a_lost_database(start, make_engine, folder):
    service = start(make_engine(stream_of(["a"] * 10, prompt=10)), folder=folder)
    service.tool("account", "limit", "team", "--tokens-per-day", "1000")
    key_id, key = make(service, "kept", "--tokens-per-day", "30", "--account", "team")
    assert service.chat(key=key)[0] == 200
    service.stop()
    service.start()
    assert used(service, key_id, "tokens_per_day") == 20
    assert service.tool_json("account", "show", "team")["use"][0]["used"] == 20
    status, _, body = service.chat("word " * 8, key=key)
    assert status == 429 and "30 tokens per day" in error_of(body)["message"]
    service.stop()
    for path in (service.data / "state").glob("seawall.db*"):
        path.unlink()
    service.start()
    shown = service.tool_json("key", "show", key_id)
    assert shown["account"] == "team" and shown["limits"] == {"tokens_per_day": 30}
    assert service.tool_json("account", "list") == {"accounts": [{"account": "team", "limits": {"tokens_per_day": 1000}}]}


def test_a_rotated_key_keeps_its_limits_and_what_it_used(start, make_engine):
    service = start(make_engine(stream_of(["a"] * 10, prompt=10)))
    key_id, key = make(service, "old", "--tokens-per-day", "30", "--account", "team")
    assert service.chat(key=key)[0] == 200
    wait_for(lambda: used(service, key_id, "tokens_per_day") == 20, what="the settlement")
    new = service.tool_json("key", "rotate", key_id)
    assert new["account"] == "team" and new["limits"] == {"tokens_per_day": 30}
    assert used(service, new["id"], "tokens_per_day") == 20


def test_people_see_limits(start, engine):
    service = start(engine)
    key_id, key = make(service, "ann", "--tokens-per-minute", "60000", "--spend-per-day", "1.5", "--account", "team")
    assert service.chat(key=key)[0] == 200
    shown = service.tool("key", "list").stdout
    assert "team" in shown and "tokens_per_minute=60,000, spend_per_day=1.50" in shown
    shown = service.tool("key", "show", key_id).stdout
    assert re.search(r"tokens_per_minute +60,000 +\d+ ", shown) and re.search(r"spend_per_day +1\.50 +0\.00 +- +key", shown)
    assert re.search(r"^team +-$", service.tool("account", "list").stdout, re.M)
    assert "Account team, 1 key." in service.tool("account", "show", "team").stdout
    service.tool("key", "limit", key_id, "--account", "none")
    assert "Account team, 0 keys." in service.tool("account", "show", "team").stdout


@pytest.mark.parametrize("words", [
    ("key", "create", "x", "--tokens-per-day", "0"), ("key", "create", "x", "--tokens-per-day", "-5"),
    ("key", "create", "x", "--tokens-per-day", "many"), ("key", "create", "x", "--tokens-per-day", "99999999999999999999"),
    ("key", "create", "x", "--spend-per-day", "1.2345678"), ("key", "create", "x", "--account", "a b"),
    ("account", "limit", "team", "--concurrent-calls", "1.5"), ("account", "limit", "team"), ("account", "limit", "a/b", "--concurrent-calls", "1"),
    ("key", "limit", "key_00000000001", "--tokens-per-day", "5"), ("key", "limit", "key_00000000001"), ("account", "show", "nobody")])
def test_what_is_no_limit_is_refused_in_one_line(shared_service, words):
    result = shared_service.tool(*words, check=False)
    assert result.returncode != 0 and result.stdout == "" and len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("seawall: ")


@pytest.fixture(scope="module")
def shared_service(share):
    from engine import Engine
    with Engine() as engine:
        yield share(engine)


@pytest.mark.parametrize("line", ["key_limits: {tokens_per_day: -1}", "key_limits: {tokens_per_day: 1.5}", "key_limits: {spend_per_day: 1.2345678}",
                                  "key_limits: {tokens_per_day: 99999999999999}", "key_limits: {tokens: 5}",
                                  "models: [{name: a, price_in: -1}]"])
def test_a_configuration_with_a_limit_that_is_none_is_refused(shared_service, tmp_path, line):
    path = tmp_path / "seawall.yaml"
    path.write_text("pools: [{name: p, backends: [{url: 'http://127.0.0.1:1'}]}]\n" + line + "\n")
    result = shared_service.tool("check", str(path), check=False)
    assert result.returncode != 0 and "seawall.yaml:2: " in result.stderr, result.stderr
