# SPDX-License-Identifier: Apache-2.0
"""The real daemon in a folder of its own, and what a test wants to ask it."""
import http.client
import itertools
import json
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SEAWALL_BUILD", ROOT / "build"))
DAEMON = BUILD / "src" / "seawalld"
TOOL = BUILD / "cli" / "seawall"


PORTS = itertools.count(random.randrange(15000, 30000))


def free_port():
    """Below the range that the kernel takes for connections: nobody gets it between here and the daemon's bind."""
    while True:
        port = 15000 + next(PORTS) % 15000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def pid_lives(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition, seconds=10.0, what="the condition"):
    """Polls for an event that has no descriptor to wait on. Returns what the condition returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.01)


class Service:
    """Started by start(); the configuration is a dict that is written as YAML (JSON is YAML)."""

    def __init__(self, folder, config, extra=(), port=None):
        self.data = pathlib.Path(folder) / "data"
        self.data.mkdir(exist_ok=True)
        self.config_path = pathlib.Path(folder) / "seawall.yaml"
        self.port = port or free_port()
        self.metrics_port = free_port()
        self.extra = list(extra)
        self.log_path = pathlib.Path(folder) / "daemon.log"
        self.process = None
        self.key = None
        self.may_crash = False  # the test kills the gateway itself
        self.family = set()     # children seen, to find those that a killed supervisor left
        self.write_config(config)

    def write_config(self, config):
        self.settings = dict(config)
        service = dict(self.settings.get("service", {}))
        service.setdefault("listen", [f"127.0.0.1:{self.port}"])
        service.setdefault("metrics", f"127.0.0.1:{self.metrics_port}")
        service.setdefault("workers", 2)
        self.settings["service"] = service
        self.config_path.write_text(json.dumps(self.settings, indent=1))

    def start(self, ready=True, env=None, descriptors=None):
        command = [str(DAEMON), "supervisor", "--data", str(self.data), "--config", str(self.config_path), *self.extra]
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env={**os.environ, **(env or {})},
                                        preexec_fn=descriptors and (lambda: resource.setrlimit(
                                            resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        log.close()
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError("the daemon ended: " + self.log())
            try:
                return self.request("GET", "/")[0] == 200
            except OSError:
                return False
        wait_for(answers, seconds, "the service")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, seconds=20):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the daemon did not stop: " + self.log()) from None
        return self.process.returncode if self.process else None

    def children(self):
        """Process ids of the supervisor's children, by role."""
        found = {}
        listing = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in listing.split():
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found["gateway" if b"gateway" in words else "model"] = int(pid)
        self.family.update(found.values())
        return found

    def gateway(self):
        return self.children().get("gateway")

    def freeze_gateway(self):
        """Stops all of its threads, so that what is sent lies there; os.kill(…, SIGCONT) with the process that is returned."""
        gateway = self.gateway()
        os.kill(gateway, signal.SIGSTOP)
        wait_for(lambda: {stat.read_text().rsplit(") ", 1)[1][0] for stat in pathlib.Path(f"/proc/{gateway}/task").glob("*/stat")} == {"T"},
                 what="all of its threads to stand still")
        return gateway

    def orphans(self):
        """Children that outlived the supervisor, as far as gateway() or children() has seen them."""
        return [pid for pid in self.family if pid_lives(pid)]

    def send_signal(self, signum):
        self.process.send_signal(signum)

    def wait_log(self, words, seconds=10.0, times=1):
        """Waits until the daemon has logged these words (that often)."""
        wait_for(lambda: self.log().count(words) >= times, seconds, f"'{words}' in the log")

    # The tool.

    def tool(self, *words, check=True, **more):
        result = subprocess.run([str(TOOL), "--data", str(self.data), *words], capture_output=True, text=True,
                                timeout=60, **more)
        if check and result.returncode != 0:
            raise AssertionError(f"seawall {' '.join(words)}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def tool_json(self, *words):
        return json.loads(self.tool(*words, "--json").stdout)

    def make_key(self, name="test", *words):
        return self.tool_json("key", "create", name, *words)["key"]

    def api_key(self):
        if not self.key:
            self.key = self.make_key()
        return self.key

    # The API.

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, key=None, headers=None, timeout=30):
        """(status, headers by lower-case name, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            fields = dict(headers or {})
            if key:
                fields["Authorization"] = f"Bearer {key}"
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
                fields.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def chat(self, text="Hello", key=None, timeout=30, **more):
        body = {"model": "test-model", "messages": [{"role": "user", "content": text}], **more}
        status, headers, data = self.request("POST", "/v1/chat/completions", body, key or self.api_key(), timeout=timeout)
        return status, headers, data

    def raw(self, data=b"", timeout=10):
        """A connected socket that has sent these bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout)
        if data:
            connection.sendall(data)
        return connection

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        values = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def access_log(self):
        path = self.data / "state" / "access.log"
        if not path.exists():
            return []
        text = path.read_text()
        whole = text[:text.rfind("\n") + 1]  # a write may be under way
        return [json.loads(line) for line in whole.splitlines()]

    def logged(self, seconds=5.0, count=1, **wanted):
        """The access log's lines with these values, once there are that many (they come at most a second late)."""
        def found():
            lines = [line for line in self.access_log()
                     if all(line.get(name) == value for name, value in wanted.items())]
            return lines if len(lines) >= count else None
        return wait_for(found, seconds, f"{count} lines with {wanted} in the access log")

    def wait_metric(self, name, value, seconds=5.0):
        wait_for(lambda: self.metrics().get(name) == value, seconds, f"{name} {value}")


def events_of(data):
    """The data of each event in a stream's bytes."""
    return [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]


def pool_config(*engines, **more):
    """A configuration with one pool over these engines and the model `test-model`."""
    pool = {"name": "test", "backends": [{"url": engine.url} for engine in engines], "probe": "models",
            **more.pop("pool", {})}
    model = {"name": "test-model", "pool": "test", **more.pop("model", {})}
    return {"pools": [pool], "models": [model], **more}
