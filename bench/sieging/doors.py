# SPDX-License-Identifier: Apache-2.0
"""
What stands before the engine, each as its users would set it up for this: see bench/README-siege.md.

A door is a context: `url` is where the storm goes.
"""
import http.client
import json
import os
import subprocess

from harness import machine
from harness.peers import Peer, Trouble
from sieging import classes

PER_ADDRESS_RATE = 1       # requests a second and address: 40 times what a known user sends
PER_ADDRESS_CONNECTIONS = 4


class Door(Peer):
    """A peer of the benchmark that is started as a context. `header`: one that the storm sends with each request, or None; where keys of
    known users mean nothing to the engine, it has the engine's own. `classes`: of known users' requests, when it is over."""

    debian = False
    alone = False       # takes a processor for itself in a storm
    takes_keys = False  # knows the users' keys, whatever the engine wants
    classes = None

    def __init__(self, build, engine, known, capacity, accounts):
        self.engine, self.known, self.capacity, self.accounts = engine, known, capacity, accounts
        super().__init__("door", build, engine.folder, engine.port, ",".join(map(str, sorted(os.sched_getaffinity(0)))))
        self.url = f"http://127.0.0.1:{self.port}"
        self.header = f"Authorization: Bearer {engine.key}" if engine.key and not self.takes_keys else None

    def __enter__(self):
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def answers(self):
        name, _, value = (self.header or "x-none: 1").partition(": ")
        return self.call({name: value}) == 200

    def call(self, headers=None):
        """The status of one call; None when nothing came. As Peer.call, of the engine's own model and of one token."""
        body = {"model": self.engine.MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class NoDoor(Door):
    def __enter__(self):
        self.url = self.engine.url
        return self

    def __exit__(self, *_):
        pass


class Nginx(Door):
    debian = True
    CONFIG = """\
worker_processes 1;
worker_rlimit_nofile 19500;
pid nginx.pid;
error_log error.log crit;
events {{ worker_connections 19000; multi_accept on; }}
http {{
    access_log off;
    client_body_buffer_size 256k;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    limit_req_zone $binary_remote_addr zone=requests:64m rate={rate}r/s;
    limit_conn_zone $binary_remote_addr zone=connections:64m;
    limit_req_status 429;
    limit_conn_status 429;
    upstream engine {{ server 127.0.0.1:{upstream}; keepalive 512; }}
    server {{
        listen 127.0.0.1:{port} backlog=65535;
        location / {{
            limit_req zone=requests burst=5 nodelay;
            limit_conn connections {connections};
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
        }}
    }}
}}
"""

    def command(self):
        (self.folder / "nginx.conf").write_text(self.CONFIG.format(rate=PER_ADDRESS_RATE, connections=PER_ADDRESS_CONNECTIONS,
                                                                   upstream=self.upstream_port, port=self.port))
        return ["/usr/sbin/nginx", "-p", self.folder, "-c", "nginx.conf", "-g", "daemon off;"]


class Haproxy(Door):
    debian = True
    CONFIG = """\
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout queue 10s
    option http-keep-alive
    http-reuse always
frontend door
    bind 127.0.0.1:{port} backlog 65535
    stick-table type ip size 1m expire 60s store http_req_rate(10s),conn_cur
    http-request track-sc0 src
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {rate10} }}
    http-request deny deny_status 429 if {{ sc_conn_cur(0) gt {connections} }}
    default_backend engine
backend engine
    server one 127.0.0.1:{upstream} maxconn {slots} maxqueue 4096
"""

    def command(self):
        (self.folder / "haproxy.cfg").write_text(self.CONFIG.format(rate10=10 * PER_ADDRESS_RATE, connections=PER_ADDRESS_CONNECTIONS,
                                                                    upstream=self.upstream_port, port=self.port, slots=self.engine.slots))
        return ["/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"]


class Seawall(Door):
    """Keys are optional, as in an open service: users have one, newcomers and bots are known by their address."""

    takes_keys = True
    names = None  # of the keys, by their ids
    has_classes = True
    LIMITS = {}

    def backend(self):
        if not self.engine.key:
            return {"url": self.engine.url}
        path = self.folder / "engine.key"
        path.write_text(self.engine.key + "\n")
        path.chmod(0o600)
        return {"url": self.engine.url, "api_key_file": str(path)}

    def command(self):
        config = {"service": {"listen": [f"127.0.0.1:{self.port}"], "metrics": f"127.0.0.1:{machine.free_port()}", "workers": 1,
                              "keys": "optional"},
                  "limits": {"connections": 9000, **self.LIMITS},
                  "pools": [{"name": "engine", "backends": [self.backend()], "probe": "models"}],
                  "models": [{"name": self.engine.MODEL, "pool": "engine", "engine_fields": ["ignore_eos"]}]}
        (self.folder / "seawall.yaml").write_text(json.dumps(config, indent=1))
        self.data = self.folder / "data"
        self.data.mkdir()
        return [self.build / "src" / "seawalld", "supervisor", "--data", self.data, "--config", "seawall.yaml"]

    def tool(self, *words):
        done = subprocess.run([str(self.build / "cli" / "seawall"), "--data", str(self.data), *map(str, words)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"seawall {' '.join(map(str, words[:2]))}: {done.stderr.strip()[-200:]}")
        return done.stdout

    def wait_ready(self):
        super().wait_ready()
        self.tool("key", "import", self.known.import_path)
        if self.accounts:
            self.tool("key", "import", self.known.new_import_path)
        self.names = {key["id"]: key["name"] for key in json.loads(self.tool("key", "list", "--json"))["keys"]}
        self.teach()

    def stop(self):
        """The access log is whole when it has ended."""
        super().stop()
        log = self.data / "state" / "access.log"
        if self.has_classes and log.exists() and self.names:
            self.classes = classes.read(log, self.names, self.known.PREFIX)

    def teach(self):
        self.tool("profile", "import", self.known.write_history(self.capacity))


class Fair(Seawall):
    """Seawall's own queue alone: fair by network and caller, nobody first, nobody cut."""

    LIMITS = {"classes": False}
    has_classes = False

    def teach(self):
        pass


class Portkey(Door):
    """An AI gateway of Node, as it comes: its free version has no limits and no queue. What it offers against a slow engine is a timeout.

    It drops fields that it does not know, `ignore_eos` among them: the engine of this benchmark needs none. It listens on all
    addresses, so it is started in a network of its own only."""

    alone = True
    FOLDER = machine.ROOT / "bench" / "portkey"
    PROGRAM = FOLDER / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    TIMEOUT_MS = 10000  # as long as users wait for a token

    def command(self):
        if machine.OWN_NETWORK not in os.environ:
            raise Trouble("portkey listens on all addresses: only root can start it in a network of its own")
        if not self.PROGRAM.exists():
            raise Trouble("portkey is not installed: bench/portkey/setup does it")
        config = {"provider": "openai", "custom_host": f"{self.engine.url}/v1", "request_timeout": self.TIMEOUT_MS}
        self.header = f"x-portkey-config: {json.dumps(config)}"
        return ["env", "NODE_ENV=production", "node", self.PROGRAM, f"--port={self.port}", "--headless"]


KINDS = {"none": NoDoor, "nginx": Nginx, "haproxy": Haproxy, "portkey": Portkey, "fair": Fair, "seawall": Seawall}
