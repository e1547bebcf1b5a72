# SPDX-License-Identifier: Apache-2.0
"""
What stands before the engine, each as its users would set it up for this: see bench/README-siege.md.

A door is a context: `url` is where the storm goes.
"""
import json
import os
import subprocess

from harness import machine
from harness.peers import Peer, Trouble

PER_ADDRESS_RATE = 1       # requests a second and address: 40 times what a known user sends
PER_ADDRESS_CONNECTIONS = 4


class Door(Peer):
    """A peer of the benchmark that is started as a context."""

    debian = False

    def __init__(self, build, engine, known, capacity):
        self.engine, self.known, self.capacity = engine, known, capacity
        super().__init__("door", build, engine.folder, engine.port, ",".join(map(str, sorted(os.sched_getaffinity(0)))))
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_):
        self.stop()

    def answers(self):
        return self.call() == 200


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
                                                                    upstream=self.upstream_port, port=self.port, slots=64))
        return ["/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"]


class Seawall(Door):
    """Keys are optional, as in an open service: users have one, newcomers and bots are known by their address."""

    LIMITS = {}

    def command(self):
        config = {"service": {"listen": [f"127.0.0.1:{self.port}"], "metrics": f"127.0.0.1:{machine.free_port()}", "workers": 1,
                              "keys": "optional"},
                  "limits": {"connections": 9000, **self.LIMITS},
                  "pools": [{"name": "engine", "backends": [{"url": self.engine.url}], "probe": "models"}],
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

    def wait_ready(self):
        super().wait_ready()
        self.tool("key", "import", self.known.import_path)
        self.teach()

    def teach(self):
        self.tool("profile", "import", self.known.history_path)


class Fair(Seawall):
    """Seawall's own queue alone: fair by network and caller, nobody first, nobody cut."""

    LIMITS = {"classes": False}

    def teach(self):
        pass


KINDS = {"none": NoDoor, "nginx": Nginx, "haproxy": Haproxy, "fair": Fair, "seawall": Seawall}
