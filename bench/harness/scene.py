# SPDX-License-Identifier: Apache-2.0
"""The upstream and some peers, running for as long as a measurement needs them."""
import contextlib
import pathlib
import shutil
import tempfile

from harness import peers


def kind_of(label):
    return peers.KINDS[label.split("-")[0]]


@contextlib.contextmanager
def scene(labels, build, proxy_core, load_core, pace=0, events=200, settings=lambda label: {}):
    """(upstream, peers), ready; gone at the end, whatever happens."""
    # Not below a private folder: Seawall's gateway gives up root's rights and still reads its own.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-bench-"))
    folder.chmod(0o755)
    started = []
    try:
        upstream = peers.Upstream(build, folder, load_core, pace, events)
        started.append(upstream)
        upstream.start().wait_ready()
        for label in labels:
            peer = kind_of(label)(label, build, folder, upstream.port, proxy_core, **settings(label))
            started.append(peer)
            peer.start().wait_ready()
        yield upstream, started[1:]
    finally:
        for peer in reversed(started):
            peer.stop()
        shutil.rmtree(folder, ignore_errors=True)
