# SPDX-License-Identifier: Apache-2.0
"""The engine behind the doors: simllm, fresh for each run; or a real one, the same for all runs."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

import engine as real_engines  # bench/validation/engine.py
from harness import machine
from harness.peers import Trouble

START_SECONDS = 20
QUIET_SECONDS = 120  # that a real engine may take to finish what a storm left
ANSWER_TOKENS = 50000  # longer than anybody asks for


class Engine:
    """`url` while it runs; `folder` for those who need one, gone with it. `key`: it wants that one."""

    MODEL = "bench-model"
    key = ""
    saturating_rate = 200  # requests a second that are more than it can do

    def __init__(self, build, options, seed):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-siege-"))
        self.folder.chmod(0o755)
        self.slots = options.slots
        self.port = machine.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        simllm = build / "sim" / "simllm"
        preset = self.folder / "preset.json"
        preset.write_text(json.dumps(self.preset(simllm, options)))
        command = [simllm, "serve", "--preset", preset, "--port", self.port, "--model", self.MODEL, "--seed", seed,
                   "--connections-max", 60000]
        self.log = open(self.folder / "engine.log", "wb")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    @staticmethod
    def preset(simllm, options):
        """The one that was named, with so many calls at once. Answers are as long as they may be, also for those behind a door that
        does not pass `ignore_eos` on."""
        shown = subprocess.run([str(simllm), "preset", options.preset], capture_output=True, text=True, check=False)
        if shown.returncode != 0:
            raise Trouble(shown.stderr.strip())
        preset = json.loads(shown.stdout)
        preset["scheduler"]["running_max"] = options.slots
        preset["answer"].update(tokens_median=ANSWER_TOKENS, tokens_p90=ANSWER_TOKENS)
        return preset

    def __enter__(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Trouble("the engine ended: " + (self.folder / "engine.log").read_text(errors="replace").strip()[-200:])
            try:
                with urllib.request.urlopen(self.url + "/v1/models", timeout=1) as answer:
                    if json.load(answer)["data"]:
                        return self
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        raise Trouble("the engine does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class RealEngine:
    """What Engine is, of an engine that runs already and goes on: one that has been started by bench/validation."""

    saturating_rate = 4

    def __init__(self, running, slots):
        self.running, self.slots = running, slots
        self.url, self.key, self.MODEL = running.url, running.key, running.endpoint.model
        self.port = int(self.url.rsplit(":", 1)[1])

    def lone_call(self):
        """Seconds until a call of one token is answered."""
        body = {"model": self.MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        request = urllib.request.Request(self.url + "/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=QUIET_SECONDS) as answer:
            answer.read()
        return time.monotonic() - began

    def __enter__(self):
        """When it has finished what the last storm left: two lone calls take equally long."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-siege-"))
        self.folder.chmod(0o755)
        end = time.monotonic() + QUIET_SECONDS
        try:
            while True:
                first, second = self.lone_call(), self.lone_call()
                if max(first, second) < 2 * min(first, second) + 0.1:
                    return self
                if time.monotonic() > end:
                    raise Trouble(f"{self.running.name} does not come to rest")
        except OSError as trouble:
            self.__exit__()
            raise Trouble(f"{self.running.name} does not answer: {trouble}") from trouble

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


REAL = {"llama": (real_engines.start_llama, real_engines.SLOTS), "vllm": (real_engines.start_vllm, real_engines.VLLM_SEQUENCES)}
