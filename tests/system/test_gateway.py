# SPDX-License-Identifier: Apache-2.0
"""The gateway's process: a new configuration comes whole or not at all, and it stops without breaking an answer."""
import copy
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest

import service as service_module
from engine import chunk, delta, endless, event, head, stream_of
from service import pid_lives, wait_for
from wire import Closed, Wire, chat, chat_body, deltas, request


def stepwise(steps):
    """An engine whose stream goes on by one event for each release of `steps`."""

    def behave(call):
        call.send(head())
        call.send(chunk(event(delta("first "))))
        for number in range(3):
            while not steps.acquire(timeout=0.01):
                call.pause(0)
            call.send(chunk(event(delta(f"more{number} "))))
        call.send(chunk(event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True

    return behave


def streaming(door):
    """A client in the middle of its stream."""
    wire = Wire(door.port).send(chat(key=door.api_key(), stream=True))
    assert wire.head().status == 200
    assert deltas([wire.event()[0]]) == "first "
    return wire


def rest_of(wire):
    events = []
    while found := wire.event():
        events.append(found[0])
    return events


def changed(door, change):
    settings = copy.deepcopy(door.settings)
    change(settings)
    door.write_config(settings)


def rename(settings):
    settings["models"][0].update(name="new-name", upstream_model="test-model")


@pytest.mark.parametrize("how", ["command", "signal"])
def test_a_reload_changes_what_comes_and_not_what_runs(start, make_engine, how):
    steps = threading.Semaphore(0)
    engine = make_engine(stepwise(steps))
    door = start(engine)
    wire = streaming(door)
    gateway = door.gateway()
    changed(door, rename)
    if how == "command":
        assert door.tool("reload").returncode == 0
    else:
        door.send_signal(signal.SIGHUP)
    wait_for(lambda: door.request("GET", "/v1/models/new-name", key=door.key)[0] == 200, what="the new model")
    assert door.chat()[0] == 404  # test-model is gone
    engine.behaviour = stream_of(["ok"])
    status, _, body = door.request("POST", "/v1/chat/completions", chat_body(model="new-name"), door.key)
    assert status == 200 and json.loads(body)["model"] == "new-name"
    for _ in range(3):
        steps.release()
    events = rest_of(wire)
    assert deltas(events) == "more0 more1 more2 " and events[-1] == "[DONE]"
    assert all(json.loads(data)["model"] == "test-model" for data in events[:-1])
    assert door.gateway() == gateway


@pytest.mark.parametrize("text, words", [
    ("{", "seawall.yaml:"), ("service: [", "seawall.yaml:"), ("nonsense: 1", "nonsense"), ("limits: {connections: -5}", "connections"),
    ("limits: {head_bytes: lots}", "head_bytes"), ("pools: [{name: a}]", "backends"), ("models: [{name: x, pool: nowhere}]", "nowhere"),
    ("deadlines: {head: 10}", "head"), ("limits: {connections: 20}\nlimits: {connections: 30}", "limits"),
    ("pools: [{name: a, backends: [{url: 'http://x', api_key_file: /nowhere/key}]}]", "api_key_file"),
    ("pools: [{name: a, backends: [{url: 'ftp://x'}]}]", "http://"),
])
def test_a_bad_configuration_is_refused_in_one_line_and_the_old_one_stays(start, engine, text, words):
    door = start(engine)
    door.api_key()
    door.config_path.write_text(text)
    result = door.tool("reload", check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert words in result.stderr and result.stderr.count("\n") == 1
    door.send_signal(signal.SIGHUP)
    door.wait_log("the old configuration stays", times=2)
    assert door.chat()[0] == 200
    door.write_config(door.settings)
    assert door.tool("reload").returncode == 0
    assert door.chat()[0] == 200


def test_a_missing_configuration_is_refused_at_reload(start, engine):
    door = start(engine)
    door.config_path.unlink()
    result = door.tool("reload", check=False)
    assert result.returncode == 1 and "seawall.yaml" in result.stderr
    assert door.chat()[0] == 200


def test_reloads_under_load_break_nothing(start, make_engine):
    engine = make_engine(stream_of(["a", "b", "c"], pause=0.01))
    door = start(engine)
    door.api_key()
    over, failures, served = threading.Event(), [], []

    def client():
        with Wire(door.port) as wire:
            while not over.is_set():
                answer = wire.send(chat(key=door.key, stream=True)).answer()
                (served if answer.status == 200 and answer.body.endswith(b"data: [DONE]\n\n") else failures).append(answer)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        changed(door, lambda settings: settings.update(limits={"connections": 1000 + turn}))
        assert door.tool("reload").returncode == 0
        wait_for(lambda: len(served) >= 8 * (turn + 1) or failures, what="more answers")
    over.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_reloads_at_the_same_time_each_get_a_true_answer(start, engine):
    """Good and bad files in turn, many askers: an answer of "in force" is true, and so is each refusal."""
    door = start(engine)
    for turn in range(6):
        good = turn % 2 == 0
        if good:
            door.write_config(door.settings)
        else:
            door.config_path.write_text("nonsense: 1")
        askers = [subprocess.Popen([service_module.TOOL, "--data", door.data, "reload"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                  for _ in range(6)]
        if turn >= 2:
            door.send_signal(signal.SIGHUP)
        answers = [(asker.communicate(timeout=20), asker.returncode) for asker in askers]
        assert any("another reload is under way" not in stderr for (_, stderr), _ in answers)
        for (stdout, stderr), status in answers:
            if "another reload is under way" in stderr:
                assert status == 1
            else:
                assert (status == 0 and "in force" in stdout) if good else (status == 1 and "seawall.yaml:1" in stderr), (stdout, stderr)
    assert door.chat()[0] == 200


def asleep(process):
    """Has it handled its signals, and does it wait for the next event?"""
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    pending = int(text.split("ShdPnd:\t")[1].split()[0], 16) | int(text.split("SigPnd:\t")[1].split()[0], 16)
    return pending == 0 and "State:\tS" in text


def test_an_operator_who_asks_while_a_signals_reload_is_on_its_way_hears_of_his_own(start, engine):
    """The file that the signal had read was good; the one that he asks for is not. So large a configuration reaches the gateway in many pieces."""
    door = start(engine)
    door.config_path.write_text(json.dumps(door.settings) + "\n" + ("#" * 99 + "\n") * 9000)
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(20)
        admin.connect(os.fspath(door.data / "admin.sock"))
        admin.sendall(b"POST /reload HTTP/1.1\r\nHost: a\r\n")
        door.tool("status", check=False)  # by now the gateway has accepted the connection
        gateway = door.freeze_gateway()
        door.send_signal(signal.SIGHUP)
        for _ in range(5):
            wait_for(lambda: asleep(door.process.pid), what="the supervisor to have read the file and sent what fits")
        door.config_path.write_text("nonsense: 1")
        admin.sendall(b"Content-Length: 0\r\n\r\n")
        os.kill(gateway, signal.SIGCONT)
        answer = admin.recv(65536)
    assert answer.startswith(b"HTTP/1.1 422") and b"seawall.yaml:1" in answer, answer
    assert "new configuration in force" in door.log()
    assert door.chat()[0] == 200


def test_limits_that_grow_with_a_reload_are_as_large_as_they_say(start, engine):
    door = start(engine, limits={"body_bytes": "16KiB", "answer_bytes": "64KiB", "event_bytes": "32KiB"})
    door.api_key()
    assert door.chat("x" * 30000)[0] == 413
    changed(door, lambda settings: settings.update(limits={"body_bytes": "1MiB"}))
    assert door.tool("reload").returncode == 0
    assert door.chat("x" * 900000)[0] == 200
    changed(door, lambda settings: settings.update(limits={"body_bytes": "16KiB"}))
    assert door.tool("reload").returncode == 0
    assert door.chat("x" * 30000)[0] == 413


def test_settings_that_need_a_restart_say_so(start, engine):
    door = start(engine)
    changed(door, lambda settings: settings["service"].update(workers=3))
    assert door.tool("reload").returncode == 0
    assert "at the next restart: " in door.log() and "workers" in door.log()


def test_secrets_are_read_again_at_a_reload(start, make_engine, folder):
    secret = folder / "key"
    secret.write_text("first\n")
    secret.chmod(0o600)
    engine = make_engine(stream_of(["ok"]))
    door = start(engine, pool={"backends": [{"url": engine.url, "api_key_file": str(secret)}]})
    door.api_key()
    door.chat()
    secret.write_text("second\n")
    door.tool("reload")
    door.chat()
    assert [call.headers["authorization"] for call in engine.calls] == ["Bearer first", "Bearer second"]


def test_the_access_log_goes_on_after_it_was_moved_away(start, engine):
    door = start(engine)
    door.chat()
    door.logged(status=200, endpoint="chat")
    log = door.data / "state" / "access.log"
    log.rename(log.with_name("access.log.1"))
    door.tool("reload")
    door.chat()
    door.logged(status=200, endpoint="chat")


# ---- the end ----------------------------------------------------------------------------------------------


def drains(wire):
    """Waits until this connection's worker drains: it says so with the last answer."""
    while not (answer := wire.send(request("GET", "/")).answer()).closes:
        assert answer.status == 200
    assert answer.status == 200 and wire.ended()


def test_a_stop_lets_streams_finish_and_takes_nothing_new(start, make_engine):
    steps = threading.Semaphore(0)
    engine = make_engine(stepwise(steps))
    door = start(engine, service={"workers": 1})
    wire = streaming(door)
    idle = Wire(door.port)
    assert idle.send(request("GET", "/v1/models", key=door.key)).answer().status == 200
    door.send_signal(signal.SIGTERM)
    drains(idle)
    for _ in range(3):
        time.sleep(0.05)
        assert door.process.poll() is None
        steps.release()
    events = rest_of(wire)
    assert deltas(events) == "more0 more1 more2 " and events[-1] == "[DONE]"
    assert wire.ended(3)
    assert door.process.wait(10) == 0
    with pytest.raises(OSError):
        Wire(door.port)
    assert door.logged(reason="OK", endpoint="chat", completion_tokens=4)


def test_newcomers_are_refused_while_streams_end(start, make_engine):
    steps = threading.Semaphore(0)
    door = start(make_engine(stepwise(steps)))
    wire = streaming(door)
    door.send_signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", door.port), 5).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # met the listener while it closed
        return False

    wait_for(refused, what="the refusal")
    assert all(refused() for _ in range(20))  # by every worker
    assert door.process.poll() is None
    for _ in range(3):
        steps.release()
    assert rest_of(wire)[-1] == "[DONE]"
    assert door.process.wait(10) == 0


def test_a_stop_does_not_wait_for_those_who_only_keep_a_connection(start, engine):
    door = start(engine)
    wires = [Wire(door.port) for _ in range(5)]
    for wire in wires[:3]:
        wire.send(request("GET", "/")).answer()
    began = time.monotonic()
    assert door.stop() == 0
    assert time.monotonic() - began < 5


def test_what_still_runs_at_the_deadline_is_cut(start, make_engine):
    engine = make_engine(endless())
    door = start(engine, deadlines={"drain": "500ms"})
    wire = Wire(door.port).send(chat(key=door.api_key(), stream=True))
    wire.head()
    began = time.monotonic()
    door.send_signal(signal.SIGTERM)
    assert engine.calls[0].hung_up.wait(5)
    assert 0.3 < time.monotonic() - began < 2
    with pytest.raises((Closed, OSError)):
        while True:
            wire.chunk()
    assert door.process.wait(5) == 0
    (line,) = door.logged(endpoint="chat")
    assert line["reason"] == "SHUTTING_DOWN" and line["completion_tokens"] > 10


def test_a_second_signal_ends_it_at_once(start, make_engine):
    engine = make_engine(endless())
    door = start(engine)
    wire = Wire(door.port).send(chat(key=door.api_key(), stream=True))
    wire.head()
    gateway = door.gateway()
    door.send_signal(signal.SIGTERM)
    door.wait_log("draining")
    began = time.monotonic()
    door.send_signal(signal.SIGTERM)
    door.process.wait(5)
    wait_for(lambda: not pid_lives(gateway), what="the gateway's end")
    assert time.monotonic() - began < 2
    assert engine.calls[0].hung_up.wait(2)


def test_control_c_stops_it_like_a_request_to_end(start, engine):
    door = start(engine)
    door.send_signal(signal.SIGINT)
    assert door.process.wait(10) == 0


def test_a_body_on_its_way_is_still_served_while_draining(start, engine):
    door = start(engine, service={"workers": 1})
    data = chat("half before, half after", door.api_key())
    idle = Wire(door.port)
    wire = Wire(door.port).send(data[:-20])
    wait_for(lambda: door.metrics()["seawall_requests_open"] == 1, what="the request")
    door.send_signal(signal.SIGTERM)
    drains(idle)
    answer = wire.send(data[-20:]).answer()
    assert answer.status == 200 and answer.closes
    assert door.process.wait(10) == 0


def test_the_admin_socket_is_only_for_its_owner(start, engine):
    door = start(engine)
    path = door.data / "admin.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (door.data / "state").stat().st_mode & 0o777 == 0o700
    assert (door.data / "key.mac").stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(os.fspath(path))
        admin.sendall(b"GET /keys HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert admin.recv(65536).startswith(b"HTTP/1.1 200")


def test_the_metrics_address_shows_metrics_and_nothing_else(start, engine):
    door = start(engine)
    for path in ("/keys", "/status", "/reload", "/"):
        with Wire(door.metrics_port) as wire:
            assert wire.send(request("GET", path)).answer().status == 404
    with Wire(door.metrics_port) as wire:
        answer = wire.send(request("GET", "/metrics")).answer()
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
