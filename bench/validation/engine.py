# SPDX-License-Identifier: Apache-2.0
"""
The engines of a comparison, each a child process with a port and a key of its own, ended with this program:
the embedded llama.cpp (a folder as ./run leaves it), vLLM on the CPU (a folder of bench/setup-vllm), the simulator.

A real engine gets one thread on one processor and the simulator and the load the other ones, so that the measuring
does not slow what it measures; run as root it also gets a higher priority than what else the machine does.
"""
import json
import os
import re
import secrets
import signal
import subprocess
import time
import urllib.request

from harness.machine import free_port
from replay import Endpoint

START_SECONDS_MAX = 180
ENGINE_NICE = -20
ENGINE_THREADS = 1
CONTEXT = 2048
SLOTS = 4
VLLM_SEQUENCES = 16


def set_priority(nice):
    """Where we may: within the session, and, where the kernel shares processors among sessions first (autogroups), for it."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write(str(nice))
    except OSError:
        pass


def ahead_of_others(processor=None):
    """For a child before it begins: its processor and a higher priority."""
    if processor is not None:
        os.sched_setaffinity(0, {processor})
    set_priority(ENGINE_NICE)


class Engine:
    """A running engine: `endpoint`, `name`, `conditions`. `running_max` is what its operator told it and it does not tell. Use
    as a context."""

    def __init__(self, name, url, model, key, process, conditions, running_max=0):
        self.name, self.url, self.key, self.process, self.conditions = name, url, key, process, conditions
        self.running_max = running_max
        self.endpoint = Endpoint(url, model, key)

    def wait_up(self):
        """Itself, when it listens. Whatever else happens, it is ended."""
        try:
            self.poll_models(time.monotonic() + START_SECONDS_MAX)
        except BaseException:
            self.stop()
            raise
        return self

    def poll_models(self, end):
        request = urllib.request.Request(self.url + "/v1/models", headers={"Authorization": f"Bearer {self.key}"})
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with status {self.process.returncode} before it listened; see the log")
            try:
                with urllib.request.urlopen(request, timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"{self.name} does not listen after {START_SECONDS_MAX} s")

    def stop(self):
        """The whole group: vLLM has children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_llama(folder, log, processor):
    port, key = free_port(), secrets.token_hex(16)
    settings = {"model": f"{folder}/smollm2.gguf", "alias": "smollm2", "host": "127.0.0.1", "port": port, "api_key": key,
                "slots": SLOTS, "context": CONTEXT * SLOTS, "threads": ENGINE_THREADS}
    process = subprocess.Popen([f"{folder}/venv/bin/python", "-I", f"{folder}/embedded_model.py"], stdin=subprocess.PIPE,
                               stderr=log, start_new_session=True, preexec_fn=lambda: ahead_of_others(processor))
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    process.stdin.flush()
    return Engine("llama.cpp", f"http://127.0.0.1:{port}", "smollm2", key, process,
                  f"{SLOTS} slots of {CONTEXT} tokens, 1 thread on processor {processor}").wait_up()


def start_vllm(folder, log, _processor):
    """Its engine computes in one thread; its HTTP server is a process of its own, so it may use all processors."""
    port = free_port()
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                   "OMP_NUM_THREADS": str(ENGINE_THREADS), "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
                   "PATH": f"{folder}/venv/bin:{os.environ['PATH']}"}
    command = [f"{folder}/venv/bin/vllm", "serve", f"{folder}/smollm2", "--served-model-name", "smollm2", "--dtype", "bfloat16",
               "--max-model-len", str(CONTEXT), "--max-num-seqs", str(VLLM_SEQUENCES), "--enforce-eager",
               "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                               start_new_session=True, preexec_fn=ahead_of_others)
    return Engine("vLLM", f"http://127.0.0.1:{port}", "smollm2", "", process,
                  f"--max-num-seqs {VLLM_SEQUENCES}, --max-model-len {CONTEXT}, 1 thread of computation",
                  VLLM_SEQUENCES).wait_up()


def start_simllm(program, preset, log, seed, speed=1.0):
    key = secrets.token_hex(16)
    with open(preset, encoding="utf-8") as file:
        model = json.load(file)["model"]["name"]
    command = [program, "serve", "--preset", str(preset), "--port", "0", "--api-key", key, "--seed", str(seed),
               "--speed", f"{speed:.6f}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                               start_new_session=True, preexec_fn=ahead_of_others)
    url = re.search(r"http://\S+", process.stdout.readline())
    if not url:
        raise RuntimeError(f"simllm ended with status {process.wait()}; see the log")
    return Engine("simllm", url.group(), model, key, process, f"seed {seed}").wait_up()
