# SPDX-License-Identifier: Apache-2.0
"""What runs: the real daemon in a folder of its own, simulated engines behind it, and what happened to them when."""
import asyncio
import contextlib
import http.client
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from typing import NamedTuple

from service import BUILD, Service, free_port, wait_for

CONTEXT_TOKENS = 400_000
DRAIN_S = 3
SEND_STALL_S = 1
KEEP_ALIVE_S = 60
RESUME_GRACE_S = 0.5
BODY_BYTES_MAX = 1 << 20
HEAD_BYTES_MAX = 32 << 10
SLOTS_RUNNING = 8

# Changes to a built-in preset: large prompts fit, and pass in milliseconds.
FAST = {"model.context_tokens": CONTEXT_TOKENS, "kv.tokens": 1 << 21, "time.prefill_us": 2.0,
        "time.kv_us_per_1000": 1.0, "scheduler.step_tokens_max": 1 << 16, "answer.tokens_median": 40,
        "answer.tokens_p90": 120}
SLOTS = {**FAST, "kv.tokens": CONTEXT_TOKENS * 8, "scheduler.running_max": SLOTS_RUNNING,
         "time.decode_us": [[1, 5000.0], [SLOTS_RUNNING, 20000.0]]}
SPEED = 20

# What is free goes back to the kernel at once, and all threads share one heap: then the memory of a process is what it holds, not
# what it once held.
MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536:glibc.malloc.top_pad=0"}


class Key(NamedTuple):
    id: str
    text: str


class Engine:
    """A simllm that can die and come back on its port."""

    def __init__(self, folder, name, preset, changes, seed):
        self.name = name
        self.port = free_port()
        self.process = None
        document = json.loads(subprocess.run([BUILD / "sim" / "simllm", "preset", preset], capture_output=True,
                                             check=True, timeout=60).stdout)
        document["name"] = name
        for key, value in changes.items():
            section, _, member = key.partition(".")
            document[section][member] = value
        self.preset = folder / f"{name}.json"
        self.preset.write_text(json.dumps(document))
        self.log = folder / f"{name}.log"
        self.seed = seed

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "sim" / "simllm", "serve", "--preset", self.preset, "--port", str(self.port), "--speed", str(SPEED),
                 "--seed", str(self.seed), "--control"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if self.url not in line:
            raise RuntimeError(f"{self.name} did not start: {self.log.read_text()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: {path}: {answer.status} {text}")
        return text

    def ask_again(self, method, path, body=None):
        """The same of one that may be playing dead: a restart drops connections and lets nobody in for a while."""
        def answer():
            try:
                return self.ask(method, path, body)
            except (OSError, http.client.HTTPException):
                return None
        return wait_for(answer, 30, f"an answer of {self.name}")

    def fault(self, **more):
        self.ask_again("POST", "/sim/fault", json.dumps(more))

    def calls(self):
        """(running, waiting)"""
        found = re.findall(r"^vllm:num_requests_(running|waiting)\{?[^}]*\}? ([0-9.]+)$", self.ask_again("GET", "/metrics"), re.M)
        counts = {name: float(value) for name, value in found}
        return counts["running"], counts["waiting"]


class Happening(NamedTuple):
    """Something was done to the service from `began` to `ended`: "kill", "takeover", "lock", "faults"."""
    what: str
    began: float
    ended: float


class Scene:
    """Everything that runs, and what the parts of the soak share."""

    def __init__(self, seed, slow=1.0):
        self.rng = random.Random(seed)
        self.seed = seed
        self.slow = slow  # how many times longer things may take than on a release build
        self.grace_s = RESUME_GRACE_S * slow
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sw-soak-"))
        self.folder.chmod(0o755)
        self.engines = [Engine(self.folder, "left", "vllm-cpu", FAST, seed), Engine(self.folder, "right", "vllm-cpu", FAST, seed + 1),
                        Engine(self.folder, "slots", "llamacpp-cpu", SLOTS, seed + 2)]
        self.service = Service(self.folder, self.config(0))
        self.service.may_crash = True
        self.keys = []
        self.calls = []       # of this round
        self.happened = []
        self.stopping = False  # clients begin nothing new
        self.numbers = iter(range(1, 1 << 60))

    # ── configurations: variant 0 is the base, others change pools at a reload ──

    def config(self, variant):
        left, right, slots = (engine.url for engine in self.engines)
        fast = {"name": "fast", "backends": [{"url": left}, {"url": right, "weight": 1 + variant % 3}], "probe": "models"}
        slow = {"name": "slow", "backends": [{"url": slots}], "probe": "tokens", "upstream_stream": "always"}
        slow["calls"] = SLOTS_RUNNING - 2  # so that turns are waited for
        for pool in (fast, slow):
            pool.update(connect="1s", first_byte="8s", idle="4s", probe_every="1s", probe_timeout="4s", retry_budget="50%",
                        breaker_pause="200ms", idle_connections=16)
        if variant == 2:
            fast["backends"].pop()
        if variant == 3:
            slow["backends"].append({"url": left})
            slow["calls"] = 2
        queue = {"waiting": 16, "waiting_per_identity": 1} if variant == 3 else {"classes": variant != 1}
        turn = {"turn": "300ms"} if variant == 3 else {}
        fields = ["ignore_eos"]
        return {"service": {"access_log": "access.log"},
                "pools": [fast, slow, *([{"name": "third", "backends": [{"url": right}]}] if variant == 1 else [])],
                "models": [{"name": "fast", "upstream_model": "smollm2", "pool": "fast", "engine_fields": fields},
                           {"name": "slow", "upstream_model": "smollm2", "pool": "slow", "engine_fields": fields},
                           *([{"name": "third", "upstream_model": "smollm2", "pool": "third"}] if variant == 1 else [])],
                "limits": {"body_bytes": str(BODY_BYTES_MAX), "head_bytes": str(HEAD_BYTES_MAX), "send_queue": "64KiB",
                           "body_memory": "64MiB", **queue},
                "resume": {"grace": f"{self.grace_s * 1000:.0f}ms", "answers_per_caller": 256},  # so many that none gives way
                "deadlines": {**turn, "drain": f"{DRAIN_S}s", "send_stall": f"{SEND_STALL_S}s", "keep_alive": f"{KEEP_ALIVE_S}s", "head": "30s"}}

    # ── life ──

    def start(self):
        for engine in self.engines:
            engine.start()
        self.service.start(env=MALLOC)
        made = [self.service.tool_json("key", "create", f"user {n}") for n in range(6)]
        self.keys = [Key(key["id"], key["key"]) for key in made]
        self.service.tool("status", "--wait", "30")

    def stop(self):
        """Ends everything that still runs."""
        with contextlib.suppress(AssertionError):
            self.service.stop()
        for pid in self.service.orphans():
            with contextlib.suppress(OSError):
                subprocess.os.kill(pid, signal.SIGKILL)
        for engine in self.engines:
            if engine.process and engine.process.poll() is None:
                engine.stop()

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # ── what happened ──

    def name(self):
        return f"soak-{self.seed}-{next(self.numbers)}"

    @contextlib.contextmanager
    def happening(self, what):
        began = time.monotonic()
        self.happened.append(Happening(what, began, float("inf")))
        at = len(self.happened) - 1
        try:
            yield
        finally:
            self.happened[at] = Happening(what, began, time.monotonic())

    def disturbed(self, began, ended, *whats, margin=1.0):
        """Did any of these happen between the two moments, give or take the margin?"""
        return any(each.what in whats and each.began <= ended + margin and began <= each.ended + margin for each in self.happened)

    # ── asking from the loop ──

    async def tool(self, *words, **more):
        return await asyncio.to_thread(self.service.tool, *words, check=False, **more)

    async def tool_json(self, *words):
        """None when the tool failed."""
        result = await self.tool(*words, "--json")
        return json.loads(result.stdout) if result.returncode == 0 else None

    async def metrics(self):
        return await asyncio.to_thread(self.service.metrics)

    async def status(self):
        """None when there is none. The tool fails also while a model is down, and says how things are all the same."""
        result = await self.tool("status", "--json")
        return json.loads(result.stdout) if result.stdout else None

    async def gateway(self):
        """The process that serves, as it says itself."""
        status = await self.status()
        return status["pid"] if status else None
