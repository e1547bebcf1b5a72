# SPDX-License-Identifier: Apache-2.0
"""The process that must not die: listeners that never close, whatever falls; a new binary without a refused connection; and a start that says in one line why it cannot."""
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import service as service_module
from engine import chunk, delta, event, head, stream_of
from service import pid_lives, wait_for
from wire import Closed, Wire, chat, deltas, request


class Load:
    """Clients that make a connection for each request, and note every one that was refused or broken."""

    def __init__(self, door, clients=4):
        self.door = door
        self.over = threading.Event()
        self.refused, self.broken, self.served = [], [], []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_for(lambda: len(self.served) > 20, what="a running load")
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        while not self.over.is_set():
            try:
                wire = Wire(self.door.port)
            except OSError as error:
                self.refused.append((time.monotonic(), error))
                continue
            try:
                with wire:
                    answer = wire.send(chat(key=self.door.key, stream=True)).answer()
                (self.served if answer.status == 200 else self.broken).append((time.monotonic(), answer.status))
            except (Closed, OSError) as error:
                self.broken.append((time.monotonic(), error))


def kill_gateway(door):
    """Kills it; returns the moment and the process that comes after it."""
    before = door.gateway()
    os.kill(before, signal.SIGKILL)
    killed = time.monotonic()
    door.may_crash = True
    return killed, wait_for(lambda: door.gateway() not in (None, before) and door.gateway(), what="another gateway")


def test_a_killed_gateway_is_back_within_a_second_and_no_connection_is_refused(start, make_engine):
    door = start(make_engine(stream_of(["a", "b"])))
    door.api_key()
    with Load(door) as load:
        killed, after = kill_gateway(door)
        count = len(load.served)
        wait_for(lambda: len(load.served) > count + 40, what="a served load again")
    first = min(moment for moment, _ in load.served if moment > killed + 0.01)
    assert first - killed < 1.0, f"{first - killed:.2f} s"
    assert not load.refused
    assert len(load.broken) <= 8, load.broken  # those that it was working for
    assert door.gateway() == after
    assert door.tool_json("status")["restarts"] == 1


def test_those_who_wait_while_it_restarts_are_served_by_the_next(start, engine):
    """A gateway that is stopped first, so that connections lie in the backlog when it is killed."""
    door = start(engine)
    door.api_key()
    gateway = door.freeze_gateway()
    wires = [Wire(door.port).send(request("GET", "/v1/models", key=door.key)) for _ in range(50)]
    door.may_crash = True
    os.kill(gateway, signal.SIGKILL)
    assert [wire.answer().status for wire in wires] == [200] * 50


def test_a_gateway_that_is_killed_again_and_again_comes_back_each_time(start, engine):
    door = start(engine)
    door.api_key()
    for _ in range(3):
        kill_gateway(door)
        assert door.chat(timeout=20)[0] == 200
    assert door.tool_json("status")["restarts"] == 3


def test_keys_made_before_a_kill_are_good_after_it(start, engine):
    door = start(engine)
    key = door.make_key("made-just-before")
    kill_gateway(door)
    assert door.request("GET", "/v1/models", key=key)[0] == 200


def test_a_reload_that_was_accepted_is_what_the_next_gateway_has(start, engine):
    door = start(engine)
    door.settings["models"][0]["name"], door.settings["models"][0]["upstream_model"] = "renamed", "test-model"
    door.write_config(door.settings)
    door.tool("reload")
    door.config_path.write_text("nonsense: [")
    assert door.tool("reload", check=False).returncode == 1
    kill_gateway(door)
    assert door.request("GET", "/v1/models/renamed", key=door.api_key())[0] == 200


def test_everything_ends_when_the_supervisor_is_killed(start, engine):
    door = start(engine)
    gateway = door.gateway()
    door.process.kill()
    door.process.wait()
    wait_for(lambda: not pid_lives(gateway), 10, "the gateway's end")
    again = service_module.Service(door.data.parent, door.settings, port=door.port)
    again.start()
    assert again.chat()[0] == 200
    assert again.stop() == 0


# ---- a new binary ---------------------------------------------------------------------------------------


@pytest.fixture
def own_binary(folder, monkeypatch):
    """A copy of the daemon that a test may replace."""
    binary = folder / "bin" / "seawalld"
    binary.parent.mkdir()
    shutil.copy2(service_module.DAEMON, binary)
    monkeypatch.setattr(service_module, "DAEMON", binary)
    return binary


def replace(binary, content):
    new = binary.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.rename(binary)


def test_a_new_binary_takes_over_under_load_without_a_refused_connection(start, make_engine, own_binary):
    steps = threading.Semaphore(0)

    def behave(call):
        if call.body["messages"][0]["content"] != "long":
            return stream_of(["a", "b"])(call)
        call.send(head())
        for number in range(3):
            call.send(chunk(event(delta(f"{number} "))))
            while not steps.acquire(timeout=0.01):
                call.pause(0)
        call.send(chunk(event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True

    door = start(make_engine(behave))
    long_one = Wire(door.port).send(chat("long", door.api_key(), stream=True))
    long_one.head()
    before, supervisor = door.gateway(), door.process.pid
    replace(own_binary, own_binary.read_bytes())
    with Load(door) as load:
        door.send_signal(signal.SIGUSR2)
        wait_for(lambda: door.log().count("ready: gateway") == 2, what="the new gateway")
        count = len(load.served)
        wait_for(lambda: len(load.served) > count + 40, what="a served load")
    assert not load.refused and not load.broken, (load.refused[:3], load.broken[:3])
    assert pid_lives(before)  # it works for the long stream alone
    events = []
    for _ in range(3):
        steps.release()
    while found := long_one.event():
        events.append(found[0])
    assert deltas(events) == "0 1 2 " and events[-1] == "[DONE]"
    wait_for(lambda: not pid_lives(before), 10, "the end of the old gateway")
    assert door.process.pid == supervisor and door.process.poll() is None
    assert door.chat()[0] == 200
    assert door.tool_json("status")["models"][0]["up"] is True


def test_a_new_binary_can_take_over_more_than_once(start, engine, own_binary):
    door = start(engine)
    for times in (2, 3):
        before = door.gateway()
        door.send_signal(signal.SIGUSR2)
        wait_for(lambda: door.log().count("ready: gateway") == times, what="the new gateway")
        door.wait_log("the gateway of the binary before has ended", times=times - 1)
        assert not pid_lives(before) and door.chat()[0] == 200
    assert door.stop() == 0


def make_key_at_once(door):
    """The text of a new key, without the tool's own start; None when no gateway took the request to its end."""
    body = b'{"name":"meanwhile"}'
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(20)
        wire.connect(str(door.data / "admin.sock"))
        data = b""
        try:
            wire.sendall(b"POST /keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            while piece := wire.recv(65536):
                data += piece
        except ConnectionError:
            return None
    return json.loads(data.split(b"\r\n\r\n")[1])["key"] if data else None


def test_keys_that_are_made_during_a_takeover_are_known_to_the_new_gateway(start, engine, own_binary):
    door = start(engine)
    before = door.gateway()
    door.send_signal(signal.SIGUSR2)
    keys = []
    while pid_lives(before):
        keys.append(make_key_at_once(door))
    refused_keys = [key for key in filter(None, keys) if door.request("GET", "/v1/models", key=key)[0] != 200]
    assert not refused_keys, f"{len(refused_keys)} of {len(keys)}"
    assert len(keys) > keys.count(None)


def test_signals_that_come_together_with_a_takeover_end_nothing(start, engine, own_binary):
    door = start(engine)
    door.api_key()
    for _ in range(5):
        door.process.send_signal(signal.SIGUSR2)
        door.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)  # in the trial, around the exec, and after it
    wait_for(lambda: door.chat()[0] == 200, what="the service after the takeovers")
    assert door.process.poll() is None


def test_workers_share_a_unix_socket(start, engine, folder):
    path = folder / "api.sock"
    door = start(engine, service={"workers": 3, "listen": [f"127.0.0.1:{service_module.free_port()}", f"unix:{path}"]}, ready=False)
    wait_for(path.exists, what="the socket")
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        wire.sendall(request("GET", "/"))
        assert wire.recv(64).startswith(b"HTTP/1.1 200")
    assert door.process.poll() is None


def unusable(log):
    """An access log that no gateway can open at its start; the one that has it open goes on."""
    log.rename(log.with_name("access.log.kept"))
    log.mkdir()


def test_a_takeover_whose_gateway_cannot_start_refuses_no_connection_and_ends_well_once_it_can(start, make_engine, own_binary):
    door = start(make_engine(stream_of(["a", "b"])))
    door.api_key()
    door.may_crash = True
    before = door.gateway()
    log = door.data / "state" / "access.log"
    unusable(log)
    with Load(door) as load:
        door.send_signal(signal.SIGUSR2)
        door.wait_log("starting it again", times=3)
        count = len(load.served)
        wait_for(lambda: len(load.served) > count + 40, what="a served load")
        assert pid_lives(before) and door.process.poll() is None
        log.rmdir()
        wait_for(lambda: door.log().count("ready: gateway") == 2, what="the new gateway")
        count = len(load.served)
        wait_for(lambda: len(load.served) > count + 40, what="a served load")
    assert not load.refused and not load.broken, (load.refused[:3], load.broken[:3])
    wait_for(lambda: not pid_lives(before), 10, "the end of the old gateway")
    assert door.stop() == 0


def test_a_configuration_with_which_no_gateway_of_the_new_binary_starts_is_mended_by_a_reload(start, engine, own_binary):
    door = start(engine)
    door.may_crash = True
    before = door.gateway()
    good = dict(door.settings)
    door.write_config({**good, "service": {**good["service"], "access_log": "nowhere/access.log"}})  # read well, and opened by nobody
    door.send_signal(signal.SIGUSR2)
    door.wait_log("starting it again")
    door.write_config(good)
    door.send_signal(signal.SIGHUP)
    wait_for(lambda: door.log().count("ready: gateway") == 2, what="the new gateway")
    wait_for(lambda: not pid_lives(before), 10, "the end of the old gateway")
    assert door.chat()[0] == 200


def test_a_reload_while_a_takeover_does_not_succeed_is_answered_by_the_gateway_that_comes(start, engine, own_binary):
    door = start(engine)
    door.api_key()  # the tool waits from the takeover on
    door.may_crash = True
    before = door.gateway()
    log = door.data / "state" / "access.log"
    unusable(log)
    door.send_signal(signal.SIGUSR2)
    door.wait_log("starting it again")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(door.tool, "reload")
        assert door.chat()[0] == 200 and pid_lives(before)
        log.rmdir()
        assert result.result(30).returncode == 0
    wait_for(lambda: not pid_lives(before), 10, "the end of the old gateway")


@pytest.mark.parametrize("content", [b"#!/bin/sh\nexit 1\n", b"no program at all"])
def test_a_new_binary_that_does_not_start_is_not_taken(start, engine, own_binary, content):
    door = start(engine)
    gateway = door.gateway()
    replace(own_binary, content)
    door.send_signal(signal.SIGUSR2)
    wait_for(lambda: "new binary" in door.log(), what="a word about it")
    assert door.chat()[0] == 200 and door.gateway() == gateway


def test_a_takeover_with_a_configuration_that_is_bad_by_now_is_not_begun(start, engine, own_binary):
    door = start(engine)
    gateway = door.gateway()
    door.config_path.write_text("nonsense: [")
    door.send_signal(signal.SIGUSR2)
    door.wait_log("refuses this configuration")
    assert door.chat()[0] == 200 and door.gateway() == gateway


def test_what_the_shell_left_open_is_nobodys(start, engine):
    door = start(engine)
    door.stop()
    reading, writing = os.pipe()
    high = os.dup2(writing, 251)
    try:
        door.process = subprocess.Popen([service_module.DAEMON, "supervisor", "--data", door.data, "--config", door.config_path],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        pass_fds=(writing, high))
    finally:
        os.close(high)
        os.close(writing)
    door.wait_ready()
    for pid in (door.process.pid, door.gateway()):
        assert "251" not in os.listdir(f"/proc/{pid}/fd")
    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""  # its last holder has gone
    os.close(reading)


# ---- starts that cannot be --------------------------------------------------------------------------------


def refused(folder, *words, status=1):
    """Starts a daemon that must end at once; returns its one line."""
    result = subprocess.run([service_module.DAEMON, "supervisor", "--data", folder / "data", *words], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=20)
    assert result.returncode == status, result
    assert result.stdout == "" and result.stderr.count("\n") == 1 and result.stderr.startswith("seawalld: "), result.stderr
    return result.stderr


@pytest.mark.parametrize("text, words", [
    ("nonsense: 1", "seawall.yaml:1"), ("service: {listen: ['127.0.0.1:99999']}", "listen"), ("limits: {body_bytes: -1}", "body_bytes"),
    ("service: {user: nobody-at-all}", "nobody-at-all"), ("service: {listen: ['unix:/no/such/folder/door.sock'], metrics: off}", "unix:/no/such/folder/door.sock"), ("\0", "seawall.yaml"),
])
def test_a_bad_configuration_is_one_line(folder, text, words):
    if "user" in text and os.geteuid() != 0:
        pytest.skip("only root changes users")
    (folder / "seawall.yaml").write_text(text)
    assert words in refused(folder, "--config", folder / "seawall.yaml")


def test_a_configuration_that_is_not_there_is_one_line(folder):
    assert "nowhere.yaml" in refused(folder, "--config", folder / "nowhere.yaml")


@pytest.mark.parametrize("setting", ["listen", "metrics"])
def test_a_port_in_use_is_one_line(folder, setting):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = f"127.0.0.1:{service_module.free_port()}"
        listen, metrics = (address, other) if setting == "listen" else (other, address)
        (folder / "seawall.yaml").write_text(f"service: {{listen: ['{listen}'], metrics: '{metrics}'}}")
        line = refused(folder, "--config", folder / "seawall.yaml")
    assert address in line and "in use" in line


def test_a_service_whose_usual_metrics_port_is_taken_does_without_and_says_so(folder):
    """Beside a Prometheus, or a second Seawall. Here the port is free or somebody's: it is taken either way."""
    taken = socket.socket()
    try:
        taken.bind(("127.0.0.1", 9090))
        taken.listen()
    except OSError:
        pass
    door = service_module.Service(folder, {})
    door.config_path.write_text(f"service: {{listen: ['127.0.0.1:{door.port}']}}")
    with taken:
        try:
            door.start()
            assert door.stop() == 0
        finally:
            door.process.kill()
    assert "no metrics page: cannot listen on '127.0.0.1:9090'" in door.log()


def test_a_second_service_on_the_same_data_is_refused_and_harms_nothing(start, engine):
    door = start(engine)
    door.api_key()
    other = door.config_path.with_name("other.yaml")
    other.write_text(f"service: {{listen: ['127.0.0.1:{service_module.free_port()}'], metrics: 'off'}}")
    line = refused(door.data.parent, "--config", other)
    assert "running already" in line
    assert door.chat()[0] == 200 and door.tool("status").returncode == 0


@pytest.mark.parametrize("words", [["--nonsense"], ["more"], ["--port", "0"], ["--port", "x"], ["--config"]])
def test_a_bad_command_line_is_one_line_and_status_2(folder, words):
    refused(folder, *words, status=2)


def test_a_data_folder_that_cannot_be_is_one_line(folder):
    (folder / "data").write_text("a file")
    assert f"{folder}/data" in refused(folder)


def test_a_damaged_mac_key_is_one_line_and_stays_as_it_is(folder):
    (folder / "data").mkdir()
    (folder / "data" / "key.mac").write_text("not hexadecimal\n")
    assert "key.mac" in refused(folder)
    assert (folder / "data" / "key.mac").read_text() == "not hexadecimal\n"


def test_check_starts_nothing(folder):
    (folder / "seawall.yaml").write_text("service: {listen: ['127.0.0.1:1'], metrics: 'off'}")
    result = subprocess.run([service_module.DAEMON, "supervisor", "--check", "--data", folder / "data", "--config", folder / "seawall.yaml"],
                            capture_output=True, text=True, timeout=20)
    assert result.returncode == 0 and result.stderr == ""


def test_the_port_of_the_command_line_wins(start, engine):
    port = service_module.free_port()
    door = start(engine, extra=["--port", str(port)], ready=False)
    door.port = port
    door.wait_ready()
    assert door.chat()[0] == 200
