# SPDX-License-Identifier: Apache-2.0
"""Takes measurements: starts what one needs, takes its windows in turn, stops all of it."""
import contextlib
import pathlib
import shutil
import sys
import tempfile

from harness import machine, peers, stats


class Progress:
    """One line at a terminal that changes; nothing elsewhere."""

    def __init__(self, stream=sys.stderr):
        self.stream = stream
        self.on = stream.isatty()

    def say(self, text):
        if self.on:
            self.stream.write(f"\r\033[K{text}")
            self.stream.flush()

    def clear(self):
        self.say("")


@contextlib.contextmanager
def scene(measurement, labels, build):
    """The upstream and these peers, ready; gone at the end, whatever happens."""
    # Not below a private folder: Seawall's gateway gives up root's rights and still reads its own.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-bench-"))
    folder.chmod(0o755)
    proxy_core, load_core = machine.cores()
    started = []
    try:
        upstream = peers.Upstream(build, folder, load_core, measurement.rate, measurement.events)
        started.append(upstream)
        upstream.start().wait_ready()
        for label in labels:
            kind = peers.KINDS[measurement.kind(label)]
            peer = kind(label, build, folder, upstream.port, proxy_core, measurement.workers, **measurement.settings(label))
            started.append(peer)
            peer.start().wait_ready()
        yield upstream, started[1:]
    finally:
        for peer in reversed(started):
            peer.stop()
        shutil.rmtree(folder, ignore_errors=True)


def take(measurement, labels, windows, build, progress):
    """{label: {metric: summary}} of a measurement."""
    taken = {label: [] for label in labels}
    _, load_core = machine.cores()
    progress.say(f"{measurement.name}: starting")
    with scene(measurement, labels, build) as (upstream, running):
        for turn in range(windows):
            for peer in stats.rotated(running, turn):
                progress.say(f"{measurement.name}: window {turn + 1} of {windows}, {peer.label}")
                taken[peer.label].append(measurement.window(peer, upstream, load_core, build))
    progress.clear()
    return {label: stats.summaries(figures) for label, figures in taken.items()}
