# SPDX-License-Identifier: Apache-2.0
"""
What is measured: one row for each measurement, and how one window of it is taken.

A window's figures are {metric: value}. Of all metrics `cpu_us` matters most: time on a processor of the whole process tree
for each answer, event or token. Seawall also has `gateway_cpu_us`, its gateway process alone.
"""
import dataclasses
import json
import subprocess

from harness import machine
from harness.peers import Trouble

AGAIN = "-again"  # the same program under a second label: what differs between the two is the machine
PROXIES = ("seawall", "seawall" + AGAIN, "nginx", "haproxy", "floor", "floor" + AGAIN)
LOAD_SECONDS_MAX = 120


@dataclasses.dataclass(frozen=True)
class Measurement:
    name: str
    title: str
    per: str                          # what a cost is divided by: answer, event, token
    load: tuple                       # options of the load program
    rate: int = 0                     # events a second of the upstream, all streams together; 0: as fast as they go
    events: int = 200                 # of each streamed answer
    labels: tuple = PROXIES
    windows: int = 15
    workers: int = 1
    refuse: bool = False              # the port that says no, with keys that were never given out
    delays: str = "answer"            # whose delays are of interest: answer or event

    def kind(self, label):
        """The name of the program behind a label, which may carry a dash and a word."""
        return label.split("-")[0]

    def settings(self, label):
        """Of Seawall's pool."""
        return {}

    def load_of(self, label):
        return self.load

    def port(self, peer):
        return peer.refuse_port if self.refuse and hasattr(peer, "refuse_port") else peer.port

    def window(self, peer, upstream, core, build):
        """The figures of one window."""
        pids, counted = peer.pids(), peer.counted()
        watched = [*pids, *upstream.pids()]
        command = ["taskset", "-c", core, build / "bench" / "load" / "bench_load", "--port", self.port(peer),
                   *self.load_of(peer.label)]
        command += [] if self.refuse else peer.load_options
        for pid in watched:
            command += ["--watch", pid]
        done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LOAD_SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise Trouble(f"{self.name}, {peer.label}: {done.stderr.strip() or 'the load program failed'}")
        seen = json.loads(done.stdout)
        cpu = dict(zip(watched, seen["cpu_ns"]))
        return self.figures(peer, seen, sum(cpu[pid] for pid in pids), sum(cpu[pid] for pid in counted),
                            seen["load_cpu_ns"] + sum(cpu[pid] for pid in upstream.pids()))

    def units(self, label, seen):
        """How many of `per` this window had."""
        return seen["events"] if self.per == "event" else seen["answers"]

    def figures(self, peer, seen, cpu, counted_cpu, other_cpu):
        units = self.units(peer.label, seen)
        if units == 0:
            raise Trouble(f"{self.name}, {peer.label}: a window without an {self.per}")
        figures = {"rate": units / seen["seconds"],
                   "p50_us": seen[f"{self.delays}_p50_us"], "p99_us": seen[f"{self.delays}_p99_us"],
                   "load_share": other_cpu / 1e9 / seen["seconds"]}
        if peer.process:
            figures["cpu_us"] = cpu / 1000 / units
            figures["cpu_share"] = cpu / 1e9 / seen["seconds"]
        if peer.role:
            figures[f"{peer.role}_cpu_us"] = counted_cpu / 1000 / units
        return figures


def requests(name, title, body, **more):
    return Measurement(name, title, "answer", ("--connections", 64, "--body", body, "--seconds", 0.25, "--warm", 0.05), **more)


MEASUREMENTS = [
    requests("rps64", "requests of 300 B, 64 connections", 300),
    requests("rps64-8k", "requests of 8 KB, 64 connections", 8192),
    requests("rps64-128k", "requests of 128 KB, 64 connections", 131072),
]
