# SPDX-License-Identifier: Apache-2.0
"""Measurements of programs that hold still: memory for each open connection, and what one takes that nobody calls."""
import dataclasses
import subprocess
import time

from harness import machine
from harness.peers import Trouble
from harness.scene import scene

SETTLE_SECONDS = 1.0   # until what has just happened has left its traces
IDLE_SECONDS = 10.0
HOLDS = ("seawall", "nginx", "haproxy", "floor")
EVENTS_PACE = 1        # a second, of each open stream; none ends
EVENTS_ENDLESS = 4000000


def one_line(words):
    """What the load program said at its end."""
    return " ".join(words.split()) or "the load program ended without a word"


@dataclasses.dataclass(frozen=True)
class Memory:
    """
    Metrics: `rss`, `pss` and `private` bytes that a freshly started process tree takes more for each connection. Memory of the
    kernel for the sockets is not in it.
    """

    name: str
    title: str
    connections: int
    load: tuple
    labels: tuple = HOLDS
    windows: int = 2

    main = "private"

    def columns(self):
        return [("private B/conn", "private", "lower_quartile", 0), ("resident", "rss", "lower_quartile", 0),
                ("pss", "pss", "lower_quartile", 0), ("median", "private", "median", 0), ("total KiB", "total_kib", "median", 0)]

    def take(self, labels, windows, build, progress):
        taken = {label: [] for label in labels}
        for turn in range(windows):
            for label in labels:
                progress.say(f"{self.name}: run {turn + 1} of {windows}, {label}")
                taken[label].append(self.window(label, build))
        return taken

    def window(self, label, build):
        proxy_core, load_core = machine.cores()
        pace = EVENTS_PACE if "--stream" in self.load else 0
        with scene([label], build, proxy_core, load_core, pace, EVENTS_ENDLESS) as (_, (peer,)):
            time.sleep(SETTLE_SECONDS)
            before = machine.memory(peer.pids())
            command = machine.pinned(load_core, build / "bench" / "load" / "bench_load", "--port", peer.port,
                                     "--connections", self.connections, *self.load, *peer.load_options)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as load:
                try:
                    if load.stdout.readline() != "ready\n":
                        raise Trouble(f"{self.name}, {label}: {one_line(load.stderr.read())}")
                    time.sleep(SETTLE_SECONDS)
                    after = machine.memory(peer.pids())
                finally:
                    load.kill()
        figures = {name: (after[name] - before[name]) / self.connections for name in after}
        return {**figures, "total_kib": after["rss"] / 1024}


@dataclasses.dataclass(frozen=True)
class Idle:
    """Metrics: resident KiB of the process tree, and the share of one core that it takes, in per cent."""

    name: str
    title: str
    labels: tuple = HOLDS
    windows: int = 3

    main = "rss_kib"

    def columns(self):
        return [("resident KiB", "rss_kib", "lower_quartile", 0), ("pss KiB", "pss_kib", "lower_quartile", 0),
                ("gateway KiB", "gateway_rss_kib", "lower_quartile", 0), ("CPU %", "cpu_percent", "lower_quartile", 3),
                ("median", "cpu_percent", "median", 3)]

    def take(self, labels, windows, build, progress):
        taken = {label: [] for label in labels}
        with scene(labels, build, *machine.cores()) as (_, running):
            time.sleep(SETTLE_SECONDS)
            for turn in range(windows):
                progress.say(f"{self.name}: window {turn + 1} of {windows}")
                for peer, figures in zip(running, self.window(running)):
                    taken[peer.label].append(figures)
        return taken

    def window(self, running):
        """All at once: they leave each other alone."""
        before = [machine.cpu_ns(peer.pids()) for peer in running]
        began = time.monotonic()
        time.sleep(IDLE_SECONDS)
        after = [machine.cpu_ns(peer.pids()) for peer in running]
        seconds = time.monotonic() - began
        for peer, first, last in zip(running, before, after):
            memory = machine.memory(peer.pids())
            figures = {"rss_kib": memory["rss"] / 1024, "pss_kib": memory["pss"] / 1024,
                       "cpu_percent": (last - first) / 1e7 / seconds}
            if peer.role:
                figures[f"{peer.role}_rss_kib"] = machine.memory(peer.counted())["rss"] / 1024
            yield figures
