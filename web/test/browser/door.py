# SPDX-License-Identifier: Apache-2.0
"""
The real daemon for a test in a browser, and an engine behind it that says what the test wants: door.py [SETTINGS as JSON].

Settings are those of the configuration ("service", "limits", "pool", "model", …); beside them "embedded": a folder as ./run leaves it, whose model then
takes the engine's place, or "simulated": changes to the simulator's preset vllm-cpu (as in tests/system/test_simllm.py), which takes it too. SEAWALL_BUILD
names the build.

The first line on standard output is {"url", "key", "link", "adminSocket"}. Then each line of JSON on standard input is one order and gets one line back,
{"ok": …} or {"error": "…"}; the end of standard input stops everything. Orders, by their "do":

    script    steps: what the engine does with the calls that come from now on (STEPS below)
    release   name: lets every call go on that is held at that name
    calls     what the engine was asked since the last script: [{"body", "hungUp", "ended"}]
    tool      words: the seawall tool; {"status", "out", "err"}
    link      a link that signs in with the key
    configure settings: another configuration, in force
    crowd     calls, tokens, granted, until: so many streams of another caller, of so many tokens at most, of one within a budget when that is granted; returns when
              each metric of `until` is at least what it says
    disperse  all of the crowd hang up
    crash     kills the gateway, as a bug would, and waits until the next one serves
"""
import json
import os
import pathlib
import signal
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from conftest import starter  # noqa: E402
from engine import Engine, chunk, delta, event, head, json_answer, usage  # noqa: E402
from service import pool_config, wait_for  # noqa: E402
from test_simllm import Sim  # noqa: E402
from wire import Wire, request  # noqa: E402

HOLD_SECONDS_MAX = 120


class Script:
    """Steps of one answer, done in their order for each call. An answer that is not over at their end is ended well."""

    def __init__(self, steps):
        self.steps = steps
        self.gates = {}
        self.tokens = 0

    def gate(self, name):
        return self.gates.setdefault(name, threading.Event())

    def behave(self, call):
        call.streams, call.begun, call.over = bool(call.body.get("stream")), False, False
        for step in self.steps:
            (verb, what), = step.items()
            if getattr(self, "step_" + verb)(call, what) == "closed":
                return False
        if call.over:
            return True
        return self.step_end(call, "stop")

    def begin(self, call):
        if not call.begun:
            call.begun = True
            call.send(head())
            call.send(chunk(event(delta("", role="assistant"))))

    def say(self, call, **fields):
        self.begin(call)
        call.send(chunk(event(delta(**fields))))

    def step_text(self, call, text):
        self.say(call, content=text)

    def step_reasoning(self, call, text):
        self.say(call, reasoning_content=text)

    def step_tokens(self, call, what):
        """{"of": [texts], "pause": ms, "times": N}: one event each."""
        for _ in range(what.get("times", 1)):
            for text in what["of"]:
                self.say(call, content=text)
                if what.get("pause"):
                    call.pause(what["pause"] / 1000)

    def step_pause(self, call, milliseconds):
        call.pause(milliseconds / 1000)

    def step_hold(self, call, name):
        """Until the test says release, or the caller has gone."""
        for _ in range(HOLD_SECONDS_MAX * 200):
            if self.gate(name).is_set():
                return
            call.pause(0.005)

    def step_raw(self, call, text):
        """These bytes (latin-1) as a piece of the event stream, well-formed or not."""
        self.begin(call)
        call.send(chunk(text.encode("latin-1")))

    def step_cut(self, call, _):
        """The engine is gone in mid-answer."""
        return "closed"

    def step_refuse(self, call, what):
        """{"status": N, "message": "…", "retry_after": seconds}."""
        extra = f"Retry-After: {what['retry_after']}\r\n" if "retry_after" in what else ""
        call.over = True
        json_answer(call, {"error": {"message": what.get("message", "refused"), "type": "server_error"}}, what["status"], extra)

    def step_end(self, call, finish):
        """The last events, with this finish_reason."""
        self.begin(call)
        call.send(chunk(event(delta(finish=finish))))
        if (call.body.get("stream_options") or {}).get("include_usage"):
            call.send(chunk(event(usage(7, 11))))
        call.send(chunk(event("[DONE]")) + b"0\r\n\r\n")
        call.over = True
        return True


STEPS = {"text", "reasoning", "tokens", "pause", "hold", "raw", "cut", "refuse", "end"}


class Door:
    def __init__(self, settings):
        self.run, self.stop = starter()
        model, preset = settings.pop("embedded", None), settings.pop("simulated", None)
        self.crowded, self.sim = [], None
        if preset is not None:
            with tempfile.TemporaryDirectory() as folder:
                self.sim = Sim(pathlib.Path(folder), "--model", "test-model", preset=preset)
        self.engine = None if model or self.sim else Engine()
        self.script([{"text": "Hello"}])
        if model:
            self.service = self.run(config=settings, extra=self.embedded(pathlib.Path(model)))
            wait_for(lambda: self.service.tool("status", check=False).returncode == 0, 120, "the embedded model")
        else:
            self.service = self.run(self.sim or self.engine, **settings)
        self.key_file = self.service.data / "test.key"
        self.key_file.write_text(self.service.api_key() + "\n")

    @staticmethod
    def embedded(folder):
        return ("--embedded-model", str(folder / "smollm2.gguf"), "--embedded-python", str(folder / "venv/bin/python"),
                "--embedded-program", str(folder / "embedded_model.py"))

    def script(self, steps):
        unknown = [step for step in steps if len(step) != 1 or not set(step) <= STEPS]
        if unknown:
            raise ValueError(f"unknown steps: {unknown}")
        self.now = Script(steps)
        if self.engine:
            self.engine.behaviour = self.now.behave
            self.engine.calls = []

    def release(self, name):
        self.now.gate(name).set()

    def calls(self):
        return [{"body": call.body, "hungUp": call.hung_up.is_set(), "ended": getattr(call, "over", False)} for call in self.engine.calls]

    def tool(self, words):
        done = self.service.tool(*words, check=False)
        return {"status": done.returncode, "out": done.stdout, "err": done.stderr}

    def link(self):
        return self.service.tool("link", str(self.key_file)).stdout.strip()

    def crowd(self, calls, tokens=64, granted=0, until=None):
        made = self.service.tool_json("key", "create", "crowd")
        if granted:
            self.service.tool("profile", "grant", made["id"], str(granted))
        body = {"model": "test-model", "messages": [{"role": "user", "content": "Go"}], "stream": True, "max_tokens": tokens}
        for _ in range(calls):
            self.crowded.append(Wire(self.service.port).send(request("POST", "/v1/chat/completions", body, made["key"])))
        for name, value in (until or {}).items():
            wait_for(lambda: self.service.metrics().get(name, 0) >= value, 20, f"{name} {value}")

    def disperse(self):
        for wire in self.crowded:
            wire.close()
        self.crowded = []

    def configure(self, settings):
        self.service.write_config(pool_config(self.sim or self.engine, **settings))
        self.service.tool("reload")

    def crash(self):
        before = self.service.gateway()
        self.service.may_crash = True
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.service.gateway() not in (None, before), 20, "another gateway")
        self.service.wait_ready()

    def hello(self):
        return {"url": self.service.base, "key": self.service.key, "link": self.link(), "adminSocket": str(self.service.data / "admin.sock")}


    def close(self):
        self.disperse()
        self.stop()
        if self.engine:
            self.engine.close()
        if self.sim:
            self.sim.stop()


ORDERS = {"script", "release", "calls", "tool", "link", "configure", "crowd", "disperse", "crash"}


def obey(door, line):
    try:
        order = json.loads(line)
        verb = order.pop("do")
        if verb not in ORDERS:
            raise ValueError(f"unknown order '{verb}'")
        return {"ok": getattr(door, verb)(**order)}
    except Exception as trouble:  # told to the test, which fails with it
        return {"error": f"{type(trouble).__name__}: {trouble}"}


def main():
    # Ctrl-C in a terminal goes to all of its processes; the end of standard input says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    door = Door(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    try:
        print(json.dumps(door.hello()), flush=True)
        for line in sys.stdin:
            print(json.dumps(obey(door, line)), flush=True)
    finally:
        door.close()


main()
