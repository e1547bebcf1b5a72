# SPDX-License-Identifier: Apache-2.0
"""What is written down: all that was used, to the token, also after a crash; and nothing that was said. A record that cannot be written refuses nobody."""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from engine import chunk, delta, endless, event, head, json_answer, stream_of, usage
from service import TOOL, wait_for
from wire import Closed, Wire, chat, request

LOST = re.compile(r"the last life ended without notice: (?:(?P<calls>\d+) calls? w\w+ under way)?(?:; )?"
                  r"(?:(?P<requests>\d+) finished requests? with (?P<tokens>\d+) tokens had not reached the ledger)?")


def used(door, *words):
    """The sum of `seawall usage`, when everything of this life is in the database."""
    def settled():
        found = door.tool_json("usage", *words)
        return found if found["unflushed_rows"] == 0 else None
    total = {"requests": 0, "failed": 0, "cut": 0, "prompt_tokens": 0, "completion_tokens": 0, "disputed_tokens": 0}
    for row in wait_for(settled, 10, "a settled ledger")["rows"]:
        for name in total:
            total[name] += row[name]
    return total


def wait_used(door, count):
    wait_for(lambda: used(door)["requests"] == count, 10, f"{count} requests in the ledger")


def database(door):
    return door.data / "state" / "seawall.db"


def trouble(door):
    return json.loads(door.tool("status", "--json", check=False).stdout)["trouble"]


def restart_gateway(door):
    door.may_crash = True
    before = door.gateway()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: door.gateway() not in (None, before), what="the next gateway")
    door.wait_ready()


# ---- the access log ----------------------------------------------------------------------------------


def test_a_line_says_who_what_how_long_and_how_much(start, make_engine):
    engine = make_engine(stream_of(["a", "b", "c"], pause=0.02, prompt=11))
    door = start(engine)
    made = door.tool_json("key", "create", "someone")
    with Wire(door.port) as wire:
        data = chat(key=made["key"], stream=True, headers=[("User-Agent", "tester/1"), ("X-Request-Id", "theirs")])
        answer = wire.send(data).answer()
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert line["key"] == made["id"] and line["model"] == "test-model" and line["backend"] == engine.url
    assert (line["method"], line["path"], line["endpoint"]) == ("POST", "/v1/chat/completions", "chat")
    assert (line["reason"], line["status"], line["stream"], line["tries"]) == ("OK", 200, True, 1)
    assert (line["agent"], line["client_id"]) == ("tester/1", "theirs")
    assert (line["prompt_tokens"], line["completion_tokens"]) == (11, 3)
    assert line["bytes_out"] == len(answer.body)
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line["time"]) and re.match("^[0-9a-f]{16}$", line["peer"])
    assert line["first_byte_us"] <= line["first_token_us"] < line["last_token_us"] <= line["total_us"]
    assert 15_000 < line["first_token_us"] and 55_000 < line["last_token_us"]  # three pauses of 20 ms, one before each


@pytest.mark.parametrize("data, reason, status", [
    (request("GET", "/v1/models"), "NO_KEY", 401), (request("GET", "/v1/models", key="sk-wrong"), "BAD_KEY", 401),
    (request("GET", "/nothing"), "NO_ROUTE", 404), (request("PUT", "/v1/models"), "BAD_METHOD", 405), (b"nonsense\r\n\r\n", "BAD_HTTP", 400),
    (request("OPTIONS", "/v1/models"), "OK", 204), (request("GET", "/"), "OK", 200),
])
def test_refusals_have_their_lines_too(start, engine, data, reason, status):
    door = start(engine)
    with Wire(door.port) as wire:
        answer = wire.send(data).answer()
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert (line["reason"], line["status"]) == (reason, status)
    assert "completion_tokens" not in line or line["completion_tokens"] == 0


def test_hostile_paths_and_agents_are_one_line_of_json(start, engine):
    door = start(engine)
    with Wire(door.port) as wire:
        name = wire.send(request("GET", "/%0a%22\\\u00e9\u2028\"{}".encode().decode("latin-1"), headers=[("User-Agent", "\"\\\t\u00ff")])
                         ).answer().headers.get("x-request-id")
    (line,) = door.logged(id=name)
    assert line["reason"] in ("NO_ROUTE", "BAD_HTTP")


@pytest.mark.parametrize("data, path, fault", [
    (b"nonsense\r\n\r\n", None, "the first line is not 'METHOD target HTTP/1.1'"),
    (b"GET /who HTTP/1.1\r\n\r\n", "/who", "there is no Host"),
    (b"POST /who?secret HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "/who", None),
    (b"POST /who HTTP/1.1\r\nHost: a\r\nContent-Length: secret\r\n\r\n", "/who", None),
])
def test_what_is_malformed_is_told_to_the_caller_and_the_operator(start, engine, data, path, fault):
    door = start(engine)
    with Wire(door.port) as wire:
        answer = wire.send(data).answer()
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert line["reason"] == "BAD_HTTP" and line.get("path") == path and ("method" in line) == (path is not None)
    assert line["detail"] and fault in (None, line["detail"]) and "secret" not in line["detail"]
    assert answer.error["message"] == f"malformed HTTP request: {line['detail']}"


def test_malformed_chunks_have_a_detail(start, engine):
    door = start(engine)
    with Wire(door.port) as wire:
        answer = wire.send(request("POST", "/v1/chat/completions", b"zz\r\n", door.api_key(), [("Transfer-Encoding", "chunked")],
                                   length=False)).answer()
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert (line["reason"], line["method"], line["detail"]) == ("BAD_HTTP", "POST", "the chunks of the body are malformed")


def test_a_key_in_a_path_or_a_name_is_not_in_the_log(start, engine):
    door = start(engine)
    ours, theirs = door.api_key(), "sk-proj-brought-along"
    door.tool("key", "import", "-", input=f"key,name\n{theirs},moved\n")
    for key in (ours, theirs):
        with Wire(door.port) as wire:
            answer = wire.send(request("GET", f"/v1/models/{key}", key=key,
                                       headers=[("User-Agent", f"a {key}"), ("X-Request-Id", key)])).answer()
        (line,) = door.logged(id=answer.headers["x-request-id"])
        assert (line["path"], line["agent"], line["client_id"]) == ("/v1/models/***", "a ***", "***")
    with Wire(door.port) as wire:
        answer = wire.send(request("GET", f"/{ours}", headers=[("User-Agent", f"a {ours}")])).answer()
    (line,) = door.logged(id=answer.headers["x-request-id"])
    assert (line["path"], line["agent"]) == (f"/{ours[:18]}***", f"a {ours[:18]}***")
    log = (door.data / "state" / "access.log").read_text()
    assert ours[18:] not in log and theirs not in log


def test_one_address_has_one_hash_and_others_have_others(start, engine):
    door = start(engine)
    for number, source in enumerate(("127.0.0.1", "127.0.0.1", "127.0.0.2")):
        with socket.create_connection(("127.0.0.1", door.port), 5, source_address=(source, 0)) as connection:
            connection.sendall(request("GET", f"/from-{number}"))
            connection.recv(65536)
    peers = [door.logged(path=f"/from-{number}")[0]["peer"] for number in range(3)]
    assert peers[0] == peers[1] != peers[2]
    restart_gateway(door)
    door.request("GET", "/after")
    assert door.logged(path="/after")[0]["peer"] == peers[0]  # the day's salt outlives a gateway


def test_nothing_that_was_said_and_no_key_and_no_address_is_in_any_file(start, make_engine):
    def behave(call):
        text = call.body["messages"][0]["content"]
        if "fail" in text:
            return json_answer(call, {"error": {"message": f"cannot read {text}", "code": 500}}, 500)
        return stream_of(["answer-marker-1", "answer-marker-2"])(call)

    engine = make_engine(behave)
    door = start(engine)
    key = door.make_key("watched")
    second = door.tool_json("key", "rotate", door.tool_json("key", "list")["keys"][0]["id"], "--overlap", "1h")["key"]

    def send(data):
        with socket.create_connection(("127.0.0.1", door.port), 5, source_address=("127.0.0.9", 0)) as connection:
            connection.sendall(data)
            connection.recv(65536)

    for text in ("prompt-marker", "prompt-marker fail"):
        for more in ({}, {"stream": True}, {"max_tokens": -1}, {"user": "user-marker"}, {"unknown_field": "field-marker"}):
            send(chat(text, key, [("Cookie", "cookie-marker")], **more))
    send(chat("prompt-marker", second))
    send(request("POST", "/v1/chat/completions?query-marker=1", '{"messages": "prompt-marker', key))
    send(chat("prompt-marker", key[:-1] + ("A" if key[-1] != "A" else "B")))
    send(request("GET", f"/v1/models?key={key}"))
    door.logged(count=8, endpoint="chat")
    door.stop()
    checked = 0
    for folder, _, names in os.walk(door.data):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            content = open(path, "rb").read()
            for secret in (b"marker", b"127.0.0.9", b"\x7f\0\0\x09", key[18:].encode(), second[18:].encode(), key.encode()):
                assert secret not in content, (path, secret)
            checked += 1
    assert checked >= 5
    assert "marker" not in door.log() and key[18:] not in door.log() and "127.0.0.9" not in door.log()


@pytest.mark.parametrize("where", ["off", "-"])
def test_the_access_log_may_go_elsewhere_or_nowhere(start, engine, where):
    door = start(engine, service={"access_log": where})
    assert door.chat()[0] == 200
    if where == "-":
        wait_for(lambda: '"endpoint":"chat"' in door.log().replace(": ", ":"), what="the line")
    door.stop()
    assert not (door.data / "state" / "access.log").exists()
    assert where == "-" or '"endpoint"' not in door.log()


# ---- metrics ------------------------------------------------------------------------------------------


def test_metrics_count_what_happened(start, make_engine):
    door = start(make_engine(stream_of(["a", "b"], prompt=5)))
    door.api_key()
    for asked_as_stream in (True, False, True):
        door.chat(stream=asked_as_stream)
    door.chat(key="sk-wrong")
    door.chat(max_tokens=-1)
    metrics = wait_for(lambda: door.metrics() if door.metrics()["seawall_requests_open"] == 0 else None, what="the end of all requests")
    assert metrics['seawall_requests_total{reason="BAD_KEY",status="401"}'] == 1
    assert metrics['seawall_requests_total{reason="BAD_FIELD",status="400"}'] == 1
    assert metrics["seawall_prompt_tokens_total"] == 15 and metrics["seawall_completion_tokens_total"] == 6
    assert metrics["seawall_upstream_calls_total"] == 3 and metrics["seawall_upstream_cancelled_total"] == 0
    assert metrics["seawall_first_token_seconds_count"] == 3 and metrics["seawall_first_token_seconds_sum"] > 0
    assert metrics['seawall_first_token_seconds_bucket{le="+Inf"}'] == 3
    assert metrics["seawall_record_trouble"] == 0 and metrics["seawall_keys"] == 1


def test_the_metrics_page_is_well_formed(start, engine):
    door = start(engine)
    door.chat()
    with Wire(door.metrics_port) as wire:
        text = wire.send(request("GET", "/metrics")).answer().body.decode()
    kinds = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds and kind in ("counter", "gauge", "histogram")
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            assert re.match(r'^[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [0-9.e+-]+$', line), line
            name = re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0])
            assert name in kinds or line.split("{")[0].split(" ")[0] in kinds, line


# ---- the ledger -----------------------------------------------------------------------------------------


def test_the_ledger_is_exact_for_all_ways_a_call_can_end(start, make_engine):
    engine = make_engine()
    door = start(engine, model={"choices": 4})
    door.api_key()
    expected = {"requests": 0, "failed": 0, "cut": 0, "prompt_tokens": 0, "completion_tokens": 0}

    def expect(prompt, completion, failed=0, cut=0):
        for name, value in (("requests", 1), ("failed", failed), ("cut", cut), ("prompt_tokens", prompt), ("completion_tokens", completion)):
            expected[name] += value

    engine.behaviour = stream_of(["a", "b", "c"], prompt=7)
    for asked_as_stream in (True, False):
        assert door.chat(stream=asked_as_stream)[0] == 200
        expect(7, 3)

    # The engine reports one choice of two: the larger number, that of the tokens that passed, is charged.
    def two_choices(call):
        call.send(head())
        for index in (0, 1):
            for _ in range(10):
                call.send(chunk(event(delta("x", index))))
            call.send(chunk(event(delta(index=index, finish="stop"))))
        call.send(chunk(event(usage(7, 10)) + event("[DONE]")) + b"0\r\n\r\n")
        return True

    engine.behaviour = two_choices
    assert door.chat(n=2)[0] == 200
    expect(7, 20)

    # It reports more than passed: several tokens came in one event.
    engine.behaviour = stream_of(["many words in one event"], prompt=7, reported=40)
    assert door.chat(stream=True)[0] == 200
    expect(7, 40)

    engine.behaviour = endless(0)
    assert door.chat(stream=True, max_tokens=5)[0] == 200
    (line,) = door.logged(reason="CUT")
    expect(line["prompt_tokens"], 6, cut=1)

    engine.behaviour = lambda call: json_answer(call, {"error": "x"}, 500)
    assert door.chat()[0] == 502
    expected["requests"] += 1
    expected["failed"] += 1

    wait_used(door, expected["requests"])
    total = used(door)
    assert {name: total[name] for name in expected} == expected
    assert total["disputed_tokens"] > 0
    # Refusals of the door cost nothing and are no usage.
    door.chat(key="sk-wrong")
    door.chat(max_tokens=-1)
    time.sleep(0.7)  # a flush of the ledger
    assert used(door)["requests"] == expected["requests"]


def test_usage_is_told_by_key_and_model_and_hour(start, make_engine):
    engine = make_engine(stream_of(["a"], prompt=2))
    pools = [{"name": "p", "backends": [{"url": engine.url}], "probe": "models"}]
    door = start(config={"pools": pools, "models": [{"name": name, "upstream_model": "test-model"} for name in ("one", "two")]})
    keys = [door.tool_json("key", "create", name) for name in ("ann", "bob")]
    for number, (key, model) in enumerate([(0, "one"), (0, "one"), (0, "two"), (1, "two")]):
        assert door.chat(key=keys[key]["key"], model=model)[0] == 200
    wait_used(door, 4)
    rows = {(row["key_name"], row["model"]): row["requests"] for row in door.tool_json("usage")["rows"]}
    assert rows == {("ann", "one"): 2, ("ann", "two"): 1, ("bob", "two"): 1}
    assert used(door, "--key", keys[0]["id"])["requests"] == 3
    assert used(door, "--model", "two")["requests"] == 2
    assert sum(row["completion_tokens"] for row in door.tool_json("usage", "--by", "hour")["rows"]) == 4
    assert used(door, "--to", "2020-01-01")["requests"] == 0
    assert "ann" in door.tool("usage").stdout


def test_a_clean_stop_loses_nothing(start, make_engine):
    engine = make_engine(stream_of(["a", "b"], prompt=5))
    door = start(engine)
    for _ in range(25):
        assert door.chat()[0] == 200
    assert door.stop() == 0  # at once: nothing has been flushed by the clock
    assert len([line for line in door.access_log() if line["endpoint"] == "chat"]) == 25
    door.start()
    assert used(door) == {"requests": 25, "failed": 0, "cut": 0, "prompt_tokens": 125, "completion_tokens": 50, "disputed_tokens": 0}
    assert "without notice" not in door.log()


def lost(door):
    """(calls, requests, tokens) of the last restart's sentence; zeros without one."""
    found = [match for match in LOST.finditer(door.log())]
    if not found:
        return 0, 0, 0
    return tuple(int(found[-1].group(name) or 0) for name in ("calls", "requests", "tokens"))


def test_a_kill_in_a_load_loses_at_most_the_last_second_and_says_what(start, make_engine):
    engine = make_engine(stream_of(["a", "b"], prompt=5))
    door = start(engine)
    door.api_key()
    over, served, clients = threading.Event(), [], 6

    def client():
        with Wire(door.port) as wire:
            while not over.is_set():
                try:
                    if wire.send(chat(key=door.key, stream=True)).answer().status == 200:
                        served.append(time.monotonic())
                except (Closed, OSError):
                    return

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    wait_for(lambda: served and served[-1] - served[0] > 1.8, 20, "a load of two seconds")
    restart_gateway(door)
    over.set()
    for thread in threads:
        thread.join()
    calls, requests, tokens = lost(door)
    total = used(door)
    assert tokens == 7 * requests
    assert total["prompt_tokens"] == 5 * total["requests"] and total["completion_tokens"] == 2 * total["requests"]
    assert len(served) <= total["requests"] + requests <= len(served) + clients
    assert requests + calls <= len([moment for moment in served if moment > served[-1] - 1.0]) + clients
    assert calls <= clients
    assert json.loads(door.tool("status", "--json", check=False).stdout)["lost"] in door.log()
    assert len([line for line in door.access_log() if line["endpoint"] == "chat"]) >= len([moment for moment in served if moment < served[-1] - 1.2])
    # It is told once: after a second kill with nothing to do there is nothing to tell.
    before = door.log().count("without notice")
    restart_gateway(door)
    assert door.log().count("without notice") == before
    assert used(door) == total


def test_calls_under_way_at_a_kill_are_counted(start, make_engine):
    engine = make_engine(endless())
    door = start(engine)
    wires = [Wire(door.port).send(chat(key=door.api_key(), stream=True)) for _ in range(3)]
    for wire in wires:
        wire.head()
    restart_gateway(door)
    assert lost(door)[0] == 3
    assert all(call.hung_up.wait(2) for call in engine.calls)


# ---- trouble with the database ---------------------------------------------------------------------------


def test_a_locked_database_refuses_no_key_and_nothing_is_lost(start, make_engine):
    door = start(make_engine(stream_of(["a", "b"], prompt=5)))
    made = door.tool_json("key", "create", "before-the-lock")
    door.key = made["key"]
    assert door.chat()[0] == 200
    wait_used(door, 1)
    holder = sqlite3.connect(database(door), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for _ in range(10):
        began = time.monotonic()
        assert door.chat()[0] == 200
        assert time.monotonic() - began < 1
    wait_for(lambda: trouble(door), 10, "a word about it")
    assert door.metrics()["seawall_trouble"] == 1
    result = door.tool("key", "create", "during", check=False)
    assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1
    assert door.chat()[0] == 200
    holder.execute("ROLLBACK")
    holder.close()
    wait_used(door, 12)
    assert used(door)["completion_tokens"] == 24
    wait_for(lambda: not trouble(door), 10, "the end of the trouble")
    assert door.chat(key=door.make_key("after"))[0] == 200


def remove_database(door):
    for path in database(door).parent.glob("seawall.db*"):
        path.unlink()


def overwrite_database(door):
    with open(database(door), "r+b") as file:
        file.write(b"garbage " * 2000)
    for path in database(door).parent.glob("seawall.db-*"):
        path.write_bytes(b"garbage " * 2000)


def replace_database(door):
    new = database(door).with_name("new")
    new.write_bytes(b"garbage " * 2000)
    shutil.chown(new, database(door).stat().st_uid, database(door).stat().st_gid)
    new.rename(database(door))


DAMAGES = pytest.mark.parametrize("damage", [remove_database, overwrite_database, replace_database])


@DAMAGES
def test_a_database_that_is_damaged_while_it_serves_refuses_no_key(start, make_engine, damage):
    door = start(make_engine(stream_of(["a", "b"], prompt=5)))
    first = door.tool_json("key", "create", "first")
    off = door.tool_json("key", "create", "switched-off")
    door.tool("key", "disable", off["id"])
    door.key = first["key"]
    assert door.chat()[0] == 200
    wait_used(door, 1)
    with Wire(door.port) as wire:  # in mid-request
        wire.send(chat(key=door.key, stream=True)).head()
        damage(door)
        assert b"".join(wire.chunks()).endswith(b"[DONE]\n\n")
    for _ in range(5):
        assert door.chat()[0] == 200
    wait_for(lambda: any("database file was lost" in line for line in trouble(door)), 15, "a word about it")
    assert door.log().count("database file was lost") == 1
    assert door.request("GET", "/v1/models", key=off["key"])[0] == 401
    second = wait_for(lambda: make_key(door, "second"), 15, "a new key")
    assert door.chat(key=second)[0] == 200
    restart_gateway(door)
    assert door.chat()[0] == 200 and door.chat(key=second)[0] == 200
    assert door.request("GET", "/v1/models", key=off["key"])[0] == 401
    assert {key["name"] for key in door.tool_json("key", "list")["keys"]} >= {"first", "switched-off", "second"}
    wait_for(lambda: used(door)["requests"] >= 2, 10, "a ledger that goes on")


def make_key(door, name):
    result = door.tool("key", "create", name, "--json", check=False)
    return json.loads(result.stdout)["key"] if result.returncode == 0 else None


@DAMAGES
@pytest.mark.parametrize("snapshot", [True, False], ids=["with its snapshot", "without"])
def test_a_database_that_is_damaged_while_it_rests_refuses_no_key(start, make_engine, damage, snapshot):
    door = start(make_engine(stream_of(["a", "b"])))
    made = door.tool_json("key", "create", "before")
    assert door.chat(key=made["key"])[0] == 200
    assert door.stop() == 0
    damage(door)
    if not snapshot:
        (door.data / "state" / "keys.snapshot").unlink()
    door.start()
    assert door.chat(key=made["key"])[0] == 200
    assert door.request("GET", "/v1/models", key=made["key"][:-1] + ("A" if made["key"][-1] != "A" else "B"))[0] == 401
    assert wait_for(lambda: make_key(door, "after"), 15, "a new key")
    if damage is not remove_database:
        assert list(database(door).parent.glob("*.bad*"))  # nothing is thrown away


def test_a_state_folder_that_is_gone_stops_no_request(start, make_engine):
    door = start(make_engine(stream_of(["a", "b"])))
    assert door.chat()[0] == 200
    shutil.rmtree(door.data / "state")
    for _ in range(5):
        assert door.chat()[0] == 200
    time.sleep(1.2)  # a turn of all writers
    assert door.chat()[0] == 200


# ---- a full disk -------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(folder):
    """A data folder on a disk of 2 MiB."""
    data = folder / "data"
    data.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", data], capture_output=True).returncode != 0:
        pytest.skip("needs to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", data], check=True)


def test_a_full_disk_refuses_nobody_and_what_did_not_fit_is_counted(start, make_engine, small_disk):
    door = start(make_engine(stream_of(["a", "b"], prompt=5)), folder=small_disk)
    door.api_key()
    assert door.chat()[0] == 200
    wait_used(door, 1)
    filler = door.data / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    count = 1
    end = time.monotonic() + 3
    while time.monotonic() < end or not trouble(door):
        assert door.chat()[0] == 200
        count += 1
        assert count < 100000
    assert door.metrics()["seawall_trouble"] == 1
    assert door.request("GET", "/v1/models", key=door.key)[0] == 200
    result = door.tool("key", "create", "no-room", check=False)
    assert result.returncode == 1 and "full" in result.stderr + str(trouble(door))
    filler.unlink()
    wait_used(door, count)
    assert used(door)["completion_tokens"] == 2 * count
    wait_for(lambda: not trouble(door), 10, "the end of the trouble")
    assert door.chat(key=door.make_key("room"))[0] == 200
    assert 1 <= len(door.access_log()) < count  # whole lines only, and not all
    assert door.metrics()["seawall_access_log_dropped_total"] > 0


def test_a_start_on_a_full_disk_says_so_in_one_line_or_serves(start, make_engine, small_disk):
    with open(small_disk / "data" / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    door = start(make_engine(), folder=small_disk, ready=False)
    door.may_crash = True
    assert door.process.wait(15) == 1
    assert "no space left" in door.log().lower() or "full" in door.log().lower()


# ---- the tool ------------------------------------------------------------------------------------------------


def test_top_shows_once_what_is_going_on(start, make_engine):
    engine = make_engine(endless())
    door = start(engine)
    wires = [Wire(door.port).send(chat(key=door.api_key(), stream=True)) for _ in range(3)]
    for wire in wires:
        wire.head()
    shown = door.tool("top", "--once").stdout
    assert engine.url in shown and "3" in shown
    assert json.loads(door.tool("top", "--once", "--json").stdout)


def test_key_lists_show_when_a_key_was_used_and_never_its_text(start, make_engine):
    door = start(make_engine(stream_of(["a"])))
    made = door.tool_json("key", "create", "used")
    door.tool("key", "create", "unused")
    assert door.chat(key=made["key"])[0] == 200
    keys = {key["name"]: key for key in door.tool_json("key", "list")["keys"]}
    assert keys["used"]["last_used"] and not keys["unused"]["last_used"]
    shown = door.tool("key", "list").stdout + door.tool("key", "show", made["id"]).stdout + json.dumps(keys)
    assert made["key"][18:40] not in shown


def test_a_tool_without_a_service_says_so_with_status_3(folder):
    for words in (["status"], ["key", "list"], ["usage"], ["reload"], ["top", "--once"]):
        result = subprocess.run([TOOL, "--data", folder, *words], capture_output=True, text=True, timeout=10)
        assert result.returncode == 3 and result.stdout == "" and result.stderr.count("\n") == 1, (words, result)
