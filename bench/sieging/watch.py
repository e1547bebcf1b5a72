# SPDX-License-Identifier: Apache-2.0
"""What the engine and the door say of themselves while a storm blows: a sample each second."""
import re
import threading
import time
import urllib.request

from harness import machine

EVERY_SECONDS = 1.0
COUNTERS = {"prompt": "vllm:prompt_tokens_total", "generated": "vllm:generation_tokens_total"}


def counters(text, names):
    """The sums of these metrics over their labels; those that are not there are left out."""
    found = {}
    for key, name in names.items():
        values = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? ([0-9.eE+-]+)", text, re.MULTILINE)
        if values:
            found[key] = sum(map(float, values))
    return found


class Watch:
    """A context. `samples`: rows of `at` (seconds since 1970), what the engine counted, and `cpu_ns` of the door's processes."""

    def __init__(self, engine, pids):
        self.engine, self.pids = engine, pids
        self.samples = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def sample(self):
        row = {"at": round(time.time(), 3)}
        pids = self.pids()
        if pids:
            row["cpu_ns"] = machine.cpu_ns(pids)
        try:
            with urllib.request.urlopen(self.engine.url + "/metrics", timeout=2) as answer:
                row.update(counters(answer.read().decode(), COUNTERS))
        except (OSError, ValueError):
            pass  # it has no such page, or no time for it
        return row

    def run(self):
        while not self.over.wait(EVERY_SECONDS):
            self.samples.append(self.sample())

    def __enter__(self):
        self.samples.append(self.sample())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.samples.append(self.sample())
