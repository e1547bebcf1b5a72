# SPDX-License-Identifier: Apache-2.0
"""
The programs that are measured, each in a folder of its own, each asked to do the least that a proxy of its kind can.

Seawall does its whole work: keys required, strict JSON, metering, access log into a file. nginx and HAProxy pass on and log
nothing. `floor` knows no HTTP. `direct` is no proxy: what load and upstream need for themselves.
"""
import http.client
import json
import pathlib
import signal
import subprocess
import time

from harness import machine

READY_SECONDS = 60
WAITING_MAX = 10000  # one caller stands for all: its requests may wait until the gateway has learned how many the upstream takes
BODY = {"model": "bench-model", "messages": [{"role": "user", "content": "Hello"}]}


class Trouble(Exception):
    """One line for the person at the terminal."""


class Peer:
    """One running program. `role` says which of its processes counts alone, beside the whole tree."""

    role = None
    load_options = ()

    def __init__(self, label, build, folder, upstream_port, cores, workers=1, **settings):
        self.label, self.build, self.upstream_port, self.workers = label, build, upstream_port, workers
        self.cores, self.settings = cores, settings
        self.folder = pathlib.Path(folder) / label
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.port = machine.free_port()
        self.refuse_port = self.port  # where every call is refused, if there is such a port
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.folder / "output.log", "wb") as log:
            self.process = subprocess.Popen(machine.pinned(self.cores, *self.command()), cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def wait_ready(self):
        """Until a call goes through to the upstream and back."""
        end = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.process and self.process.poll() is not None:
                raise Trouble(f"{self.label} ended at once: {self.last_words()}")
            if time.monotonic() > end:
                raise Trouble(f"{self.label} does not answer: {self.last_words()}")
            time.sleep(0.05)

    def answers(self):
        return self.call() == 200

    def call(self, headers=None):
        """The status of one call; None when nothing came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(BODY),
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def last_words(self):
        text = (self.folder / "output.log").read_text(errors="replace").strip()
        return text.split("\n")[-1] if text else "it said nothing"

    def pids(self):
        return machine.tree(self.process.pid) if self.process else []

    def counted(self):
        """Those of pids() that `role` names."""
        return self.pids()

    def stop(self):
        if not self.process or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            family = self.pids()
            self.process.kill()
            self.process.wait()
            for pid in family[1:]:
                subprocess.run(["kill", "-KILL", str(pid)], check=False, stderr=subprocess.DEVNULL)


class Upstream(Peer):
    def __init__(self, build, folder, cores, pace=0, events=200):
        super().__init__("upstream", build, folder, None, cores, pace=pace, events=events)

    def command(self):
        return [self.build / "bench" / "load" / "bench_upstream", "--port", self.port, "--pace", self.settings["pace"],
                "--events", self.settings["events"]]


class Direct(Peer):
    """The upstream itself, under another name."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.port = self.upstream_port

    def start(self):
        return self


class Floor(Peer):
    def command(self):
        return [self.build / "bench" / "load" / "bench_floor", "--port", self.port, "--upstream", self.upstream_port]


class Nginx(Peer):
    CONFIG = """\
# Passes on without buffering answers, keeps its connections, and logs nothing.
worker_processes {workers};
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log crit;
events {{ worker_connections 19000; multi_accept on; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    keepalive_timeout 3600s;
    client_body_buffer_size 256k;
    client_max_body_size 8m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream engine {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=65535 reuseport;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }}
    }}
    server {{
        listen 127.0.0.1:{refuse_port} backlog=65535 reuseport;
        location / {{ return 401; }}
    }}
}}
"""

    def command(self):
        self.refuse_port = machine.free_port()
        (self.folder / "nginx.conf").write_text(self.CONFIG.format(
            workers=self.workers, upstream=self.upstream_port, port=self.port, refuse_port=self.refuse_port))
        return ["/usr/sbin/nginx", "-p", self.folder, "-c", "nginx.conf", "-g", "daemon off;"]


class Haproxy(Peer):
    CONFIG = """\
# Passes on, reuses its connections, and logs nothing.
global
    nbthread {workers}
    maxconn 9000
defaults
    mode http
    maxconn 9000
    timeout connect 5s
    timeout client 3600s
    timeout server 3600s
    timeout http-request 60s
    option http-keep-alive
    option http-no-delay
    http-reuse always
backend engine
    server one 127.0.0.1:{upstream} pool-max-conn 4096
frontend proxy
    bind 127.0.0.1:{port} backlog 65535
    default_backend engine
frontend refuse
    bind 127.0.0.1:{refuse_port} backlog 65535
    http-request return status 401 content-type text/plain string "no"
"""

    def command(self):
        self.refuse_port = machine.free_port()
        (self.folder / "haproxy.cfg").write_text(self.CONFIG.format(
            workers=self.workers, upstream=self.upstream_port, port=self.port, refuse_port=self.refuse_port))
        return ["/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"]


class Seawall(Peer):
    """`settings` go into its one pool: upstream_stream."""

    role = "gateway"

    def command(self):
        config = {"service": {"listen": [f"127.0.0.1:{self.port}"], "workers": self.workers,
                              "metrics": f"127.0.0.1:{machine.free_port()}"},
                  "limits": {"waiting": WAITING_MAX, "waiting_per_identity": WAITING_MAX},
                  "pools": [{"name": "engine", "backends": [{"url": f"http://127.0.0.1:{self.upstream_port}"}], **self.settings}],
                  "models": [{"name": "bench-model", "pool": "engine"}]}
        (self.folder / "seawall.yaml").write_text(json.dumps(config, indent=1))
        self.data = self.folder / "data"
        self.data.mkdir()
        return [self.build / "src" / "seawalld", "supervisor", "--data", self.data, "--config", "seawall.yaml"]

    def make_key(self):
        made = subprocess.run([str(self.build / "cli" / "seawall"), "--data", str(self.data), "key", "create", "bench", "--json"],
                              capture_output=True, text=True, check=False)
        return json.loads(made.stdout)["key"] if made.returncode == 0 else None

    def answers(self):
        """The daemon first says no for want of a key: then it can make one."""
        if not self.load_options:
            if self.call() != 401:
                return False
            key = self.make_key()
            if not key:
                return False
            self.load_options = ("--key", key)
        return self.call({"Authorization": f"Bearer {self.load_options[1]}"}) == 200

    def counted(self):
        """The gateway alone; the supervisor has nothing to do while it runs."""
        return self.pids()[1:]


KINDS = {"seawall": Seawall, "nginx": Nginx, "haproxy": Haproxy, "floor": Floor, "direct": Direct}
