# SPDX-License-Identifier: Apache-2.0
"""
What is measured: the table MEASUREMENTS, and the kind of measurement that counts requests or events in short windows. The kinds
that look at processes which hold still are in still.py.

A window's figures are {metric: value}; a measurement's results {label: [figures, …]}. A label is the name of a program, with
a dash and a word where one program takes part more than once.
"""
import dataclasses
import json
import subprocess

from harness import machine, stats
from harness.peers import Trouble
from harness.scene import scene
from harness.still import Idle, Memory, one_line

AGAIN = "-again"  # the same program under a second label: what differs between the two is the machine
PROXIES = ("seawall", "seawall" + AGAIN, "nginx", "haproxy", "floor", "floor" + AGAIN)
LOAD_SECONDS_MAX = 120


@dataclasses.dataclass(frozen=True)
class Windowed:
    """
    Metrics: `cpu_us` of the whole process tree for each `per`, `gateway_cpu_us` of Seawall's gateway alone, `rate` of `per` in
    a second, `p50_us` and `p99_us` of the delays, `cpu_share` and `load_share` of a core that the program, and load and upstream,
    were at work.
    """

    name: str
    title: str
    per: str                  # answer, event or token
    load: tuple               # options of the load program
    pace: int = 0             # events a second of each of the upstream's streams; 0: as fast as they go
    events: int = 200         # of each streamed answer
    labels: tuple = PROXIES
    windows: int = 15
    first: int = 0            # windows before those that count, in which a gateway that learns how much may be under way learns it
    refuse: bool = False      # the port that says no, with keys that were never given out
    all_cores: bool = False   # everything may run on every core

    def settings(self, label):
        """What a peer is started with beside the usual."""
        if label == "seawall-gathered":
            return {"upstream_stream": "always"}
        return {"workers": 2} if label.endswith("-two") else {}

    def load_options(self, peer):
        load = self.load
        if peer.label == "seawall-gathered":
            load = tuple(word for word in load if word != "--stream")
        return (*load, *(() if self.refuse else peer.load_options))

    def take(self, labels, windows, build, progress):
        taken = {label: [] for label in labels}
        proxy_core, load_core = machine.cores()
        if self.all_cores:
            proxy_core = load_core = machine.all_cores()
        progress.say(f"{self.name}: starting")
        with scene(labels, build, proxy_core, load_core, self.pace, self.events, self.settings) as (upstream, running):
            for turn in range(-self.first, windows):
                for peer in stats.rotated(running, turn):
                    progress.say(f"{self.name}: window {turn + 1} of {windows}, {peer.label}")
                    figures = self.window(peer, upstream, load_core, build)
                    if turn >= 0:
                        taken[peer.label].append(figures)
        return taken

    def window(self, peer, upstream, core, build):
        pids, counted = peer.pids(), peer.counted()
        watched = [*pids, *upstream.pids()]
        port = peer.refuse_port if self.refuse else peer.port
        command = [build / "bench" / "load" / "bench_load", "--port", port, *self.load_options(peer)]
        for pid in watched:
            command += ["--watch", pid]
        try:
            done = subprocess.run(machine.pinned(core, *command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=LOAD_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.name}, {peer.label}: no answers within {LOAD_SECONDS_MAX} s") from None
        if done.returncode != 0:
            raise Trouble(f"{self.name}, {peer.label}: {one_line(done.stderr)}")
        seen = json.loads(done.stdout)
        cpu = dict(zip(watched, seen["cpu_ns"]))
        return self.figures(peer, seen, sum(cpu[pid] for pid in pids), sum(cpu[pid] for pid in counted),
                            seen["load_cpu_ns"] + sum(cpu[pid] for pid in upstream.pids()))

    def figures(self, peer, seen, cpu, counted_cpu, other_cpu):
        units = {"answer": seen["answers"], "event": seen["events"], "token": seen["answers"] * self.events}[self.per]
        if units == 0:
            raise Trouble(f"{self.name}, {peer.label}: a window without an {self.per}")
        delays = "event" if self.per == "event" else "answer"
        figures = {"rate": units / seen["seconds"], "p50_us": seen[f"{delays}_p50_us"], "p99_us": seen[f"{delays}_p99_us"],
                   "load_share": other_cpu / 1e9 / seen["seconds"]}
        if peer.process:
            figures["cpu_us"] = cpu / 1000 / units
            figures["cpu_share"] = cpu / 1e9 / seen["seconds"]
        if peer.role:
            figures[f"{peer.role}_cpu_us"] = counted_cpu / 1000 / units
        return figures

    def columns(self):
        """(heading, metric, which of the summary, digits)"""
        columns = [(f"CPU us/{self.per}", "cpu_us", "lower_quartile", 2), ("median", "cpu_us", "median", 2),
                   ("gateway", "gateway_cpu_us", "lower_quartile", 2), (f"{self.per}s/s", "rate", "median", 0),
                   ("p50 us", "p50_us", "lower_quartile", 1), ("p99 us", "p99_us", "lower_quartile", 1)]
        return columns + [("busy", "cpu_share", "median", 2), ("load", "load_share", "median", 2)]

    main = "cpu_us"


def saturated(name, title, body, connections=64, **more):
    """Callers that ask again at once, for a quarter of a second."""
    return Windowed(name, title, "answer", ("--connections", connections, "--body", body, "--seconds", 0.25, "--warm", 0.05),
                    **more)


def streams(name, title, count, answers=1, pace=0, **more):
    """A fixed number of streams, from the first request to the last event. Paced ones begin one after the other, within the time between two events of one."""
    spread = ("--rate", count * pace) if pace else ()
    return Windowed(name, title, more.pop("per", "event"), ("--connections", count, "--stream", "--answers", answers, *spread),
                    pace=pace, first=1, **more)


MEASUREMENTS = [
    saturated("rps64", "requests of 300 B, 64 connections", 300),
    saturated("rps64-8k", "requests of 8 KB, 64 connections", 8192),
    saturated("rps64-128k", "requests of 128 KB, 64 connections", 131072),
    streams("sse-5k", "100 streams, 5,000 events a second together", 100, pace=50, events=100, windows=9),
    streams("sse-40k", "400 streams, 40,000 events a second together", 400, pace=100, windows=9),
    streams("sse-flood", "64 streams as fast as they go", 64, answers=5),
    streams("gather", "400 streams, 40,000 tokens a second: passed on, and put together to whole answers", 400, per="token",
            pace=100, windows=9, labels=("seawall", "seawall" + AGAIN, "seawall-gathered")),
    saturated("lat1", "delay of one caller that asks again at once", 300, connections=1, labels=(*PROXIES, "direct")),
    Windowed("lat64", "delay at 10,000 requests a second on 64 connections", "answer",
             ("--connections", 64, "--body", 300, "--rate", 10000, "--seconds", 0.5, "--warm", 0.1),
             labels=(*PROXIES, "direct"), windows=9),
    Windowed("forged", "calls with forged keys, refused, 64 connections that stay", "answer",
             ("--connections", 64, "--forge", "--expect", 401, "--seconds", 0.25, "--warm", 0.05),
             labels=("seawall", "seawall" + AGAIN, "nginx", "haproxy"), refuse=True),
    saturated("two-cores", "one worker and two, load and upstream on the same two cores", 300, all_cores=True,
              labels=("seawall", "seawall-two", "nginx", "nginx-two", "haproxy", "haproxy-two")),
    Memory("mem-idle", "1,000 connections that have said nothing", 1000, ("--idle",)),
    Memory("mem-idle-5k", "5,000 connections that have said nothing", 5000, ("--idle",)),
    Memory("mem-kept", "1,000 connections after one answer each", 1000, ("--answers", 1, "--rate", 2000, "--hold")),
    Memory("mem-kept-5k", "5,000 connections after one answer each", 5000, ("--answers", 1, "--rate", 2000, "--hold")),
    Memory("mem-stream", "1,000 open streams", 1000, ("--stream", "--rate", 1000, "--hold")),
    Memory("mem-stream-5k", "5,000 open streams", 5000, ("--stream", "--rate", 1000, "--hold")),
    Idle("idle", "nothing to do for ten seconds"),
]
