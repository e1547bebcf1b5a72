# SPDX-License-Identifier: Apache-2.0
"""
The real model as an upstream of the real daemon: `door` is the service, `model` the engine behind it, asked directly.
`scripted` is a door of its own before a scripted engine, where the moment of each byte matters.

SEAWALL_MODEL is a folder as ./run leaves it (venv, embedded_model.py, smollm2.gguf), SEAWALL_CLIENTS one of ./setup.
"""
import importlib.util
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request

import openai
import pytest

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = HERE.parent / "system"
sys.path.insert(0, str(SYSTEM))
from service import DAEMON, TOOL, free_port, wait_for  # noqa: E402

spec = importlib.util.spec_from_file_location("system_fixtures", SYSTEM / "conftest.py")
system_fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(system_fixtures)
start, make_engine = system_fixtures.start, system_fixtures.make_engine

MODEL = pathlib.Path(os.environ.get("SEAWALL_MODEL", "")).absolute()
CLIENTS = pathlib.Path(os.environ.get("SEAWALL_CLIENTS", "")).absolute()
SLOTS = 4


def pytest_sessionstart(session):
    """Says what is missing before anything runs."""
    for variable, maker in (("SEAWALL_MODEL", "ensure_model of tools/setup/lib.sh"), ("SEAWALL_CLIENTS", "tests/clients/setup")):
        if not os.environ.get(variable):
            pytest.exit(f"{variable} is not set: it names the folder that {maker} makes; './test clients' does all of it", 2)
    for needed in (DAEMON, TOOL, MODEL / "smollm2.gguf", MODEL / "venv/bin/python", CLIENTS / "node_modules/openai"):
        if not needed.exists():
            pytest.exit(f"there is no '{needed}'; './test clients' makes it", 2)


class Model:
    """llama.cpp's server as the supervisor would start it, with a port and a key that the tests know."""

    def __init__(self, log_path):
        self.port, self.key = free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        # One thread: its choices of tokens repeat, and it does not wait for a second one on a machine with other work.
        settings = {"model": str(MODEL / "smollm2.gguf"), "alias": "smollm2", "host": "127.0.0.1", "port": self.port,
                    "api_key": self.key, "slots": SLOTS, "context": 8192, "threads": 1}
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen([MODEL / "venv/bin/python", "-I", MODEL / "embedded_model.py"],
                                            stdin=subprocess.PIPE, stderr=log)
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()
        try:
            wait_for(self.is_up, 60, "the model")
        except AssertionError:
            raise AssertionError("the model does not come up: " + log_path.read_text(errors="replace")) from None

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

    def working(self):
        return [slot for slot in self.ask("/slots") if slot["is_processing"]]

    def busy(self):
        return len(self.working())

    def wait_generating(self, calls=1):
        """Until that many calls have made tokens: they are beyond their prompts, which nothing interrupts."""
        wait_for(lambda: sum(slot["next_token"][0]["n_decoded"] > 2 for slot in self.working()) >= calls, 20, "a working slot")

    def freed_after(self, began, within=5.0, now=time.monotonic):
        """Seconds from `began` until no slot works any more, as `now` counts them."""
        while now() < began + within:
            if self.busy() == 0:
                return now() - began
            time.sleep(0.003)  # the engine makes tokens in the same thread that answers us
        return within

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    made = Model(tmp_path_factory.mktemp("model") / "log")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def door(model):
    run, stop = system_fixtures.starter()
    folder = system_fixtures.make_folder()
    key_file = folder / "model.key"
    key_file.write_text(model.key)
    key_file.chmod(0o600)
    # A health check that asks for tokens would work in a slot that a test looks at.
    service = run(folder=folder, config={
        "pools": [{"name": "test", "backends": [{"url": model.url, "api_key_file": str(key_file)}], "probe": "models"}],
        "models": [{"name": "smollm2", "pool": "test", "engine_fields": ["cache_prompt", "ignore_eos", "grammar"]}]})
    service.api_key()
    wait_for(lambda: service.tool("status", check=False).returncode == 0, 20, "the door's model")
    yield service
    try:
        stop()
        assert service.process.returncode == 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def quiet(model):
    """No slot works when the test begins."""
    wait_for(lambda: model.busy() == 0, 20, "a quiet model")


@pytest.fixture
def knock():
    """knock(service, …) → the official Python client in front of this service; it tries once unless told otherwise."""
    made = []

    def make(service, kind=openai.OpenAI, **more):
        made.append(kind(**{"base_url": service.base + "/v1", "api_key": service.api_key(), "max_retries": 0, "timeout": 60,
                            **more}))
        return made[-1]

    yield make
    for client in made:
        if isinstance(client, openai.OpenAI):
            client.close()


@pytest.fixture
def client(door, knock):
    return knock(door)


@pytest.fixture
def scripted(start, make_engine):
    """scripted(behaviour, …) → a service before an engine that behaves so, and the engine."""
    def run(behaviour, **more):
        engine = make_engine(behaviour)
        return start(engine, **more), engine

    return run


class Node:
    """node(SCRIPT, PART) → what the script beside this file prints as JSON."""

    def __init__(self, door):
        self.door = door

    def begin(self, script, part, service=None):
        """The running process; it ends when its standard input does, if its part waits for that."""
        service = service or self.door
        target = CLIENTS / script  # beside node_modules, where its imports are found
        target.write_text((HERE / script).read_text())
        return subprocess.Popen(["node", str(target), part], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "BASE": service.base + "/v1", "KEY": service.api_key(),
                                     "MODEL": "smollm2" if service is self.door else "test-model"})

    def __call__(self, script, part, service=None, feed="", timeout=60):
        child = self.begin(script, part, service)
        out, err = child.communicate(feed, timeout)
        assert child.returncode == 0, out + err
        return json.loads(out)


@pytest.fixture
def node(door):
    return Node(door)
