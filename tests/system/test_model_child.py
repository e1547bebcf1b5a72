# SPDX-License-Identifier: Apache-2.0
"""The embedded model as a child of the supervisor, played by a small program: started with its key, restarted with growing pauses, ended with its parent."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

import engine as engine_module
from service import TOOL, events_of, pid_lives, wait_for
from wire import Wire, chat, deltas

PYTHON = "/usr/bin/python3"  # where the gateway's user can run it

PROGRAM = '''
import json, os, sys, time
folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, folder)
from engine import Engine, endless, json_answer, silent, stream_of

settings = json.loads(sys.stdin.readline())
play = os.path.join(folder, "play")
with open(os.path.join(play, "lives"), "a") as lives:
    lives.write(json.dumps({"pid": os.getpid(), "uid": os.getuid(), "at": time.monotonic(), **settings}) + "\\n")


def mode():
    with open(os.path.join(play, "mode")) as file:
        return file.read()


while mode() == "slow":
    time.sleep(0.01)
if mode() == "crash":
    sys.stderr.write("a word before\\nembedded model: no luck today\\n")
    sys.exit(3)
if mode() == "taken":
    sys.exit(5)


def guarded(behave):
    def answer(call):
        if call.headers.get("authorization") != "Bearer " + settings["api_key"]:
            return json_answer(call, {"error": "key"}, 401)
        return behave(call)
    return answer


class Fake(Engine):
    def _probe(self, call):
        return guarded(silent if mode() == "hang" and call.method == "POST" else super()._probe)(call)


BEHAVIOURS = {"good": stream_of(["I ", "live"]), "endless": endless(), "hang": silent}
Fake(guarded(lambda call: BEHAVIOURS[mode()](call)), models=(settings["alias"],), owned_by="llamacpp", port=settings["port"])
sys.stdin.read()  # until the supervisor is gone
os._exit(0)
'''


@pytest.fixture
def model(folder):
    """The folder of the fake model; `mode` in it says how it is."""
    shutil.copy(engine_module.__file__, folder / "engine.py")
    (folder / "model.py").write_text(PROGRAM)
    (folder / "Tiny-1M.Q4_0.gguf").write_bytes(b"GGUF")
    play = folder / "play"
    play.mkdir()
    play.chmod(0o777)
    (play / "mode").write_text("good")
    for path in folder.iterdir():
        path.chmod(path.stat().st_mode | 0o444)
    return folder


def words(model):
    return ["--embedded-model", str(model / "Tiny-1M.Q4_0.gguf"), "--embedded-python", PYTHON, "--embedded-program", str(model / "model.py")]


def lives(model):
    path = model / "play" / "lives"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def set_mode(model, mode):
    (model / "play" / "mode").write_text(mode)


QUICK = {"pools": [{"name": "p", "backends": [{"embedded": True}], "probe": "tokens", "probe_every": "100ms", "probe_timeout": "300ms",
                    "breaker_failures": 2, "breaker_pause": "100ms"}],
         "models": [{"name": "Tiny-1M"}]}


def embedded(start, model, config=None):
    door = start(config=QUICK if config is None else config, extra=words(model))
    door.api_key()
    return door


def wait_up(door, seconds=15):
    wait_for(lambda: door.tool("status", check=False).returncode == 0, seconds, "the model")


def ask(door, **more):
    return door.chat(model="Tiny-1M", **more)


def test_without_any_configuration_the_model_is_served_under_the_name_of_its_file(start, model):
    door = embedded(start, model, {})
    wait_up(door)
    status, _, body = ask(door, stream=True)
    assert status == 200 and deltas(events_of(body)) == "I live"
    status, _, body = door.request("GET", "/v1/models", key=door.key)
    assert [entry["id"] for entry in json.loads(body)["data"]] == ["Tiny-1M"]


def test_while_it_loads_it_is_loading_not_down(start, model):
    """What `status --wait` shows on a terminal: one line that is written over, with the seconds in it."""
    set_mode(model, "slow")
    door = start(config=QUICK, extra=words(model))
    status = door.tool("status", check=False)
    assert status.returncode == 1 and status.stderr == "seawall: model 'Tiny-1M' is loading\n"
    assert re.search(r"Tiny-1M +p +loading", status.stdout) and re.search(r"embedded +loading", status.stdout)
    terminal, end = pty.openpty()
    waiting = subprocess.Popen([TOOL, "--data", door.data, "status", "--wait", "30"], stdout=subprocess.DEVNULL, stderr=end)
    seen = b""
    while b"(1 s)" not in seen:
        seen += os.read(terminal, 1000)
    assert seen.startswith(b"\r\x1b[KWaiting (0 s): model 'Tiny-1M' is loading\r\x1b[KWaiting (") and b"\n" not in seen
    set_mode(model, "good")
    assert waiting.wait(20) == 0
    assert os.read(terminal, 1000).endswith(b"\r\x1b[K")
    os.close(terminal)
    os.close(end)


def test_its_key_is_in_no_argument_and_no_environment_and_nobody_else_gets_in(start, model):
    door = embedded(start, model)
    wait_up(door)
    (life,) = lives(model)
    process = pathlib.Path(f"/proc/{life['pid']}")
    assert life["api_key"].encode() not in process.joinpath("cmdline").read_bytes()
    if os.geteuid() == 0:
        assert life["api_key"].encode() not in process.joinpath("environ").read_bytes()
        assert life["uid"] != 0
    assert len(life["api_key"]) >= 32 and life["host"] == "127.0.0.1"
    with Wire(life["port"]) as wire:
        assert wire.send(chat(key="guess")).answer().status == 401
    assert life["api_key"] not in door.log()


def test_a_killed_model_breaks_its_stream_with_an_error_and_comes_back(start, model):
    set_mode(model, "endless")
    door = embedded(start, model)
    wait_up(door)
    gateway = door.gateway()
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True, model="Tiny-1M"))
        wire.head()
        wire.event()
        set_mode(model, "good")
        os.kill(lives(model)[0]["pid"], signal.SIGKILL)
        killed = time.monotonic()
        last = None
        while found := wire.event():
            last = found[0]
        assert json.loads(last)["error"]["code"] == "bad_gateway"
    wait_for(lambda: ask(door)[0] == 200, 15, "an answer of the next life")
    first, second = lives(model)
    assert second["at"] - killed < 2 and second["port"] == first["port"] and second["api_key"] == first["api_key"]
    assert door.gateway() == gateway
    assert "the embedded model ended (signal 9); starting it again in 100 ms" in door.log()


def test_while_it_is_away_calls_are_refused_with_a_time_to_come_back(start, model):
    door = embedded(start, model)
    wait_up(door)
    set_mode(model, "crash")
    os.kill(lives(model)[0]["pid"], signal.SIGKILL)
    wait_for(lambda: ask(door)[0] == 503, 10, "503")
    status, headers, body = ask(door)
    assert status == 503 and int(headers["retry-after"]) > 0 and json.loads(body)["error"]["code"] == "model_unavailable"
    assert door.request("GET", "/")[0] == 200
    set_mode(model, "good")
    wait_for(lambda: ask(door)[0] == 200, 15, "an answer")


def test_pauses_grow_while_it_dies_young(start, model):
    door = embedded(start, model)
    wait_up(door)
    set_mode(model, "crash")
    os.kill(lives(model)[0]["pid"], signal.SIGKILL)
    wait_for(lambda: len(lives(model)) >= 5, 10, "four lives more")
    log = door.log()
    for pause in (100, 200, 400):
        assert f"starting it again in {pause} ms" in log
    assert "status 3" in log
    at = [life["at"] for life in lives(model)]
    assert at[4] - at[3] > at[2] - at[1]
    assert "no luck today" in (door.data / "model.log").read_text()


def test_one_that_cannot_serve_at_all_ends_the_start_with_its_own_reason(start, model):
    """A damaged file, say: the next try would find the same."""
    set_mode(model, "crash")
    door = start(config=QUICK, extra=words(model), ready=False)
    assert door.process.wait(20) == 1
    assert len(lives(model)) == 1 and "starting it again" not in door.log()
    (line,) = [line for line in door.log().splitlines() if "error" in line]
    assert line.endswith("the embedded model cannot start: no luck today")


def test_one_whose_port_was_taken_meanwhile_is_tried_again(start, model):
    set_mode(model, "taken")
    door = start(config=QUICK, extra=words(model), ready=False)
    wait_for(lambda: len(lives(model)) >= 2, 10, "a second life")
    set_mode(model, "good")
    door.wait_ready()
    wait_up(door)


def test_a_model_that_gives_no_tokens_any_more_is_killed_and_started_again(start, model):
    door = embedded(start, model)
    wait_up(door)
    set_mode(model, "hang")
    first = lives(model)[0]["pid"]
    wait_for(lambda: not pid_lives(first), 20, "its end")
    assert "gives no tokens" in door.log()
    set_mode(model, "good")
    wait_up(door)
    assert ask(door)[0] == 200


def test_it_goes_when_the_service_stops(start, model):
    door = embedded(start, model)
    wait_up(door)
    pid = lives(model)[0]["pid"]
    assert door.stop() == 0
    wait_for(lambda: not pid_lives(pid), what="its end")
    assert len(lives(model)) == 1


def test_it_goes_when_the_supervisor_is_killed(start, model):
    door = embedded(start, model)
    wait_up(door)
    door.children()
    pid = lives(model)[0]["pid"]
    door.process.kill()
    door.process.wait()
    wait_for(lambda: not pid_lives(pid), what="its end")


def test_it_lives_on_when_the_gateway_is_killed(start, model):
    door = embedded(start, model)
    wait_up(door)
    door.may_crash = True
    os.kill(door.gateway(), signal.SIGKILL)
    wait_for(lambda: _answers(door), 10, "an answer")
    assert len(lives(model)) == 1


def _answers(door):
    try:
        return ask(door)[0] == 200
    except OSError:
        return False


def test_streams_may_end_while_the_service_drains(start, model):
    """The model is the last to go."""
    set_mode(model, "endless")
    door = embedded(start, model)
    wait_up(door)
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True, model="Tiny-1M", max_tokens=60))
        wire.head()
        wire.event()
        stopper = threading.Thread(target=door.stop)
        stopper.start()
        last = None
        while found := wire.event():
            last = found[0]
        assert last == "[DONE]"
        stopper.join()


def test_a_configuration_that_does_not_want_it_does_not_start_it(start, model, engine):
    config = {"pools": [{"name": "p", "backends": [{"url": engine.url}]}], "models": [{"name": "test-model"}]}
    door = start(config=config, extra=words(model))
    assert door.chat()[0] == 200
    assert "no use for the embedded model" in door.log()
    wait_for(lambda: "model" not in door.children(), what="no model")


def test_one_that_is_not_there_is_said_in_one_line(start, folder):
    door = start(config={}, extra=["--embedded-model", str(folder / "none.gguf"), "--embedded-python", PYTHON, "--embedded-program", "/nowhere.py"],
                 ready=False)
    assert door.process.wait(10) == 2
    assert door.log().count("\n") == 1 and "none.gguf" in door.log()
