# SPDX-License-Identifier: Apache-2.0
"""The real model as an upstream of the real daemon: `door` is the service, `model` the engine behind it, asked directly.

SEAWALL_MODEL is a folder as ./run leaves it (venv, embedded_model.py, smollm2.gguf), SEAWALL_CLIENTS one of ./setup.
"""
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from service import Service, free_port, wait_for  # noqa: E402

MODEL = pathlib.Path(os.environ.get("SEAWALL_MODEL", "SEAWALL_MODEL is not set"))
CLIENTS = pathlib.Path(os.environ.get("SEAWALL_CLIENTS", "SEAWALL_CLIENTS is not set"))
SLOTS = 4


class Model:
    """llama.cpp's server as the supervisor would start it, with a port and a key that the tests know."""

    def __init__(self):
        self.port, self.key = free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"model": str(MODEL / "smollm2.gguf"), "alias": "smollm2", "host": "127.0.0.1", "port": self.port,
                    "api_key": self.key, "slots": SLOTS, "context": 8192, "threads": 2}
        self.process = subprocess.Popen([MODEL / "venv/bin/python", "-I", MODEL / "embedded_model.py"],
                                        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()
        wait_for(self.is_up, 60, "the model")

    def ask(self, path, body=None, timeout=60):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body is not None else None,
                                         {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def is_up(self):
        try:
            return self.ask("/v1/models", timeout=2)["data"]
        except OSError:
            return None

    def busy(self):
        return sum(1 for slot in self.ask("/slots") if slot["is_processing"])

    def freed_after(self, began, within=2.0):
        """Seconds from `began` until no slot works any more."""
        while time.monotonic() < began + within:
            if self.busy() == 0:
                return time.monotonic() - began
        return within

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="session")
def model():
    made = Model()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def door(model):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-clients-"))
    folder.chmod(0o755)
    key_file = folder / "model.key"
    key_file.write_text(model.key)
    key_file.chmod(0o600)
    service = Service(folder, {
        "pools": [{"name": "test", "backends": [{"url": model.url, "api_key_file": str(key_file)}]}],
        "models": [{"name": "smollm2", "pool": "test", "engine_fields": ["cache_prompt"]}]})
    service.start()
    service.api_key()
    wait_for(lambda: service.request("GET", "/v1/models/smollm2", key=service.key)[0] == 200 and
             service.tool("status", check=False).returncode == 0, 20, "the door's model")
    yield service
    assert service.stop() == 0


@pytest.fixture
def quiet(model):
    """No slot works when the test begins."""
    wait_for(lambda: model.busy() == 0, 20, "a quiet model")


@pytest.fixture
def node(door):
    """node(script, *words) → what the script beside this file prints as JSON."""
    def run(script, *words, timeout=60):
        source = pathlib.Path(__file__).parent / script
        target = CLIENTS / script  # beside node_modules, where its imports are found
        target.write_text(source.read_text())
        result = subprocess.run(["node", str(target), *words], capture_output=True, text=True, timeout=timeout,
                                env={**os.environ, "BASE": door.base + "/v1", "KEY": door.key})
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout)
    return run
