# SPDX-License-Identifier: Apache-2.0
"""The embedded model as an engine that the test itself started: so it knows port and key and can look at the slots."""
import http.client
import json
import os
import pathlib
import subprocess
import time

from service import free_port

MODEL = "smollm2"
SLOTS = 4
KEY = "the-engine-s-own-key"


def folder_of(variable, made_by):
    """The folder that an environment variable names. ./test sets it."""
    value = os.environ.get(variable)
    if not value:
        raise RuntimeError(f"{variable} is not set: it names the folder that {made_by} makes (./test clients does both)")
    return pathlib.Path(value).resolve()


def model_folder():
    return folder_of("SEAWALL_MODEL", "ensure_model of tools/setup/lib.sh")


def clients_folder():
    return folder_of("SEAWALL_CLIENTS", "tests/clients/setup")


class EmbeddedModel:
    """A pool's backend like any other: `url`, and KEY in a file."""

    def __init__(self, log_path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder = model_folder()
        # One thread makes the choice of tokens repeatable.
        settings = {"model": str(folder / "smollm2.gguf"), "alias": MODEL, "host": "127.0.0.1", "port": self.port,
                    "api_key": KEY, "slots": SLOTS, "context": 8192, "threads": 1}
        self.log = open(log_path, "wb+")
        self.process = subprocess.Popen([folder / "venv/bin/python", "-I", folder / "embedded_model.py"],
                                        stdin=subprocess.PIPE, stderr=self.log)
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()
        self._wait(30)

    def _wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/v1/models")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.close()
        self.log.seek(0)
        raise RuntimeError("the embedded model does not come up: " + self.log.read().decode(errors="replace"))

    def close(self):
        """Its standard input ends, and so does it."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method, path, body=None, timeout=60):
        """(status, value) of one call past the door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def busy(self):
        """How many slots work now."""
        return sum(slot["is_processing"] for slot in self.ask("GET", "/slots")[1])

    def tokens_made(self):
        """Of the calls that run now."""
        return sum(slot["next_token"][0]["n_decoded"] for slot in self.ask("GET", "/slots")[1] if slot["is_processing"])

    def wait_busy(self, tokens=3, seconds=20):
        """Until a call generates: beyond its prompt, whose tokens come in pieces that nothing interrupts."""
        end = time.monotonic() + seconds
        while self.tokens_made() < tokens:
            assert time.monotonic() < end, "no slot got to work"
            time.sleep(0.005)

    def wait_idle(self, seconds=20):
        """Returns the moment at which all slots were seen free."""
        end = time.monotonic() + seconds
        while self.busy():
            assert time.monotonic() < end, "a slot still works"
            time.sleep(0.002)
        return time.monotonic()
