# SPDX-License-Identifier: Apache-2.0
"""Storms as a program: what is offered, what it adds up to, how clients behave, and what is refused."""
import json
import socket
import subprocess
import threading

import pytest

from engine import delta, event, chunk, head, json_answer, silent, stream_of, usage
from service import BUILD
from test_simllm import Sim

TOOL = BUILD / "cli" / "seawall"

GROUP = "{name: users, side: legitimate, identities: 20, output_median: 5, output_sigma: 0, input_median: 10, input_sigma: 0"


def storm(*words, timeout=90):
    return subprocess.run([TOOL, "storm", *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False)


def report_of(*words):
    result = storm(*words, "--json")
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def scenario(folder, *groups, seconds=1, more=""):
    path = folder / "scenario.yaml"
    path.write_text(f"title: a test\nseconds: {seconds}\nwarm_s: 0\ndrain_s: 20\n{more}groups:\n" +
                    "".join(f"  - {group}}}\n" for group in groups))
    return path


def users(engine, folder, keys, *words, more=""):
    """One group's figures, all phases together."""
    path = scenario(folder, GROUP + keys, more=more)
    return report_of(path, "--url", engine.url, "--seed", 1, "--model", "m", *words)["groups"][0]["phases"]["all"]


OUTCOMES = ("completed", "refused", "left", "failed", "unsent", "open")


def adds_up(counts):
    return counts["offered"] == sum(counts[outcome] for outcome in OUTCOMES)


@pytest.fixture
def sim(tmp_path):
    made = Sim(tmp_path, "--speed", "20", preset="a100-8b")
    yield made
    made.stop()


# What is offered, and what it adds up to.

def test_a_calm_day_adds_up_and_is_good(sim, tmp_path):
    output = tmp_path / "out.json"
    result = storm("calm", "--url", sim.url, "--seconds", 4, "--seed", 5, "--plain", "--output", output)
    assert result.returncode == 0 and result.stderr == "", result
    assert "seed 5" in result.stdout and "\033" not in result.stdout
    report = json.loads(output.read_text())
    assert [group["name"] for group in report["groups"]] == ["known", "newcomers"]
    for group in report["groups"]:
        phases, series = group["phases"], report["series"][group["name"]]
        assert all(adds_up(counts) for counts in phases.values())
        assert phases["all"]["offered"] == sum(series["offered"]) and len(series["offered"]) == 4
        assert phases["all"]["completed"] == sum(series["completed"]) == phases["all"]["offered"]
        assert phases["all"]["tries"] == phases["all"]["admitted"] == phases["all"]["offered"]
        assert phases["all"]["shorter"] == 0
    known = report["groups"][0]["phases"]["all"]
    assert known["offered"] > 10 and known["ttft_ms"]["count"] == known["completed"]
    assert report["unloaded_tpot_ms"] > 0


def test_the_same_seed_offers_the_same(sim):
    """Whatever the other side does: the second storm finds another engine."""
    words = ["flood-cheap-1k", "--seconds", 3, "--factor", 20, "--url"]
    first, other = report_of(*words, sim.url, "--seed", 9), report_of(*words, sim.url, "--seed", 10)
    with Refuser() as refuser:
        again = report_of(*words, refuser.url, "--seed", 9, "--model", "m")
    offered = [[group["phases"]["all"]["offered"] for group in report["groups"]] for report in (first, again)]
    assert offered[0] == offered[1]
    assert first["storm"]["offered_digest"] == again["storm"]["offered_digest"] != other["storm"]["offered_digest"]
    assert again["groups"][2]["phases"]["all"]["refused_by_status"].keys() == {"503"}
    for report in (first, other, again):
        assert all(adds_up(group["phases"]["all"]) for group in report["groups"])


class Refuser:
    """Refuses every request, on many connections in one thread, with advice to come back soon."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self):
        answer = b"HTTP/1.1 503 X\r\nRetry-After: 0.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)


def test_each_identity_has_its_address_and_its_key(make_engine, tmp_path):
    seen, keys = {}, tmp_path / "keys"
    keys.write_text("".join(f"sk-{i}\n" for i in range(20)))

    def behave(call):
        key = call.headers["authorization"]
        seen.setdefault(call.connection.getpeername()[0], set()).add(key)
        return stream_of(["a"] * 5)(call)

    counts = users(make_engine(behave), tmp_path, ", keys: known, load: 4, networks: 5", "--keys", keys, more="")
    assert counts["completed"] == counts["offered"]
    assert all(address.startswith("127.16.") and len(sent) == 1 for address, sent in seen.items()), seen
    assert len(seen) > 10 and len(set.union(*seen.values())) == len(seen)


# How clients behave.

def test_library_retries_follow_advice(make_engine, tmp_path):
    answers = {}

    def behave(call):
        text = call.body["messages"][0]["content"]
        answers[text] = answers.get(text, 0) + 1
        if answers[text] == 1:
            return json_answer(call, {"error": {}}, 429, "Retry-After: 0.05\r\n")
        return stream_of(["a"] * 5)(call)

    counts = users(make_engine(behave), tmp_path, ", retry: sdk")
    assert counts["completed"] == counts["offered"] and counts["tries"] == 2 * counts["offered"]


def test_what_is_not_worth_a_retry_is_refused_once(make_engine, tmp_path):
    counts = users(make_engine(lambda call: json_answer(call, {"error": {}}, 401)), tmp_path, ", retry: sdk")
    assert counts["refused"] == counts["tries"] == counts["offered"]
    assert counts["refused_by_status"] == {"401": counts["offered"]}


def test_cheats_hear_no_advice(make_engine, tmp_path):
    engine = make_engine(lambda call: json_answer(call, {"error": {}}, 429, "Retry-After: 3600\r\n"))
    counts = users(engine, tmp_path, ", retry: cheat, retries: 3, retry_wait_ms: 1")
    assert counts["refused"] == counts["offered"] and counts["tries"] == 4 * counts["offered"]


def test_who_gets_no_token_leaves(make_engine, tmp_path):
    engine = make_engine(silent)
    counts = users(engine, tmp_path, ", patience_s: 0.1")
    assert counts["left"] == counts["offered"] > 0
    assert all(call.hung_up.wait(10) or call.gone() for call in engine.calls)


def test_who_wants_one_token_hangs_up_then(make_engine, tmp_path):
    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("a"))))
        call.pause(30)
        return False

    counts = users(make_engine(behave), tmp_path, ", reads: first")
    assert counts["left"] == counts["admitted"] == counts["tokens"] == counts["offered"]


def test_half_an_answer_has_failed(make_engine, tmp_path):
    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("a"))))
        return False

    counts = users(make_engine(behave), tmp_path, ", retry: sdk")
    assert counts["failed"] == counts["tries"] == counts["offered"]


def test_a_shorter_answer_is_no_good_one(make_engine, tmp_path):
    engine = make_engine(stream_of(["a"] * 3))
    counts = users(engine, tmp_path, "")
    assert counts["completed"] == counts["shorter"] == counts["offered"] and counts["good"] == 0
    counts = users(engine, tmp_path, "", "--any-length", "--tpot", 1000)
    assert counts["good"] == counts["offered"] and "ignore_eos" not in engine.calls[-1].body


def test_whole_answers_are_counted_by_their_usage(make_engine, tmp_path):
    counts = users(make_engine(stream_of(["a"] * 5, reported=5)), tmp_path, ", streamed: 0")
    assert counts["completed"] == counts["good"] == counts["offered"] and counts["tokens"] == 5 * counts["offered"]


def test_usage_that_says_more_is_believed(make_engine, tmp_path):
    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("many at once"))) + chunk(event(usage(3, 5))) + chunk(event("[DONE]")) + b"0\r\n\r\n")
        return True

    counts = users(make_engine(behave), tmp_path, "")
    assert counts["shorter"] == 0 and counts["tokens"] == 5 * counts["offered"]


def test_a_body_drips(make_engine, tmp_path):
    engine = make_engine(stream_of(["a"] * 5))
    path = scenario(tmp_path, "{name: drip, side: attacker, identities: 5, connections: 1, body_bytes_s: 100, input_median: 10, input_sigma: 0, "
                    "output_median: 5, output_sigma: 0", seconds=4)
    counts = report_of(path, "--url", engine.url, "--seed", 1, "--model", "m", "--capacity", 2)["groups"][0]["phases"]["all"]
    assert adds_up(counts) and counts["completed"] > 0
    assert counts["ttft_ms"]["p50"] > 1000, "a body of 200 bytes needs two seconds or more"


def test_nobody_there_any_more_is_a_failure(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    path = scenario(tmp_path, GROUP)
    counts = report_of(path, "--url", url, "--seed", 1, "--model", "m")["groups"][0]["phases"]["all"]
    assert counts["failed"] == counts["offered"] > 0


# What is refused.

@pytest.mark.parametrize("words, status, message", [
    ([], 2, "usage: seawall storm SCENARIO (--list names them)"),
    (["calm", "--url", "http://10.0.0.1:80"], 1, "'10.0.0.1' is not this machine; a storm goes to 127.0.0.0/8, [::1] or localhost only"),
    (["calm", "--url", "https://localhost"], 1, "a storm speaks plain http"),
    (["calm", "--url", "http://127.0.0.1:1"], 1, "cannot ask http://127.0.0.1:1 for its models: Connection refused"),
    (["none"], 1, "no scenario 'none'; 'seawall storm --list' lists them"),
    (["trace"], 1, "group 'known' replays a trace: --trace says which"),
    (["calm", "--factor", "many"], 2, "--factor expects a number from 0 to 100000, got 'many'"),
    (["calm", "--capacity", "0"], 2, "--capacity expects a number"),
    (["calm", "--seed", "-1"], 2, "--seed expects a whole number, got '-1'"),
    (["calm", "--output", "/nowhere/out.json"], 1, "cannot write '/nowhere/out.json': No such file or directory"),
    (["calm", "--keys", "/nowhere/keys"], 1, "cannot read '/nowhere/keys': No such file or directory"),
])
def test_wrong_usage_is_one_line(words, status, message):
    result = storm(*words)
    assert result.returncode == status and message in result.stderr and result.stderr.count("\n") == 1, result


def test_too_few_keys_are_told_before_anything_is_sent(engine, tmp_path):
    (tmp_path / "keys").write_text("sk-one\n")
    result = storm("calm", "--url", engine.url, "--keys", tmp_path / "keys")
    assert result.returncode == 1 and "group 'known' wants 300 keys, and the file has 1 left" in result.stderr
    assert engine.calls == []


def test_the_list_names_every_scenario():
    lines = storm("--list").stdout.splitlines()
    assert len(lines) == 21 and lines[1].startswith("calm ")


def test_a_signal_ends_it_with_a_report(engine):
    process = subprocess.Popen([TOOL, "storm", "calm", "--url", engine.url, "--model", "m", "--plain"], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if " under way" in line:
            break
    process.terminate()
    rest = process.stdout.read()
    assert process.wait(20) == 0 and "GROUP" in rest and "repeats what was offered" in rest
