# SPDX-License-Identifier: Apache-2.0
"""What the processes hold: memory, threads, descriptors by what they are."""
import collections
import os
import pathlib
import re
from typing import NamedTuple

LISTEN = "0A"


class Memory(NamedTuple):
    rss: int
    pss: int
    anonymous: int


def memory(pid):
    """Bytes. What is judged is `anonymous`: no pages of the binary, of files, or of others."""
    found = dict(re.findall(r"^(Rss|Pss|Anonymous): +(\d+) kB$", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return Memory(*(int(found[name]) << 10 for name in ("Rss", "Pss", "Anonymous")))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def tcp_sockets(pid):
    """{inode: (local port, remote port, state)}"""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        local, remote = (int(words[at].split(":")[1], 16) for at in (1, 2))
        found[words[9]] = (local, remote, words[3])
    return found


def kind_of(target, sockets, engine_ports):
    """What a descriptor is, without the numbers that change."""
    socket = re.fullmatch(r"socket:\[(\d+)\]", target)
    if not socket:
        return re.sub(r"\[\d+\]|\.\d+$", "", target)
    local, remote, state = sockets.get(socket.group(1), (0, 0, None))
    if state is None:
        return "other socket"
    if state == LISTEN:
        return f"listener {local}"
    return "engine" if remote in engine_ports else f"connection to {local}"


def descriptors(pid, engine_ports):
    """(how many of each kind, how many idle connections to engines): those are kept on purpose, for seconds."""
    sockets = tcp_sockets(pid)
    kinds = collections.Counter()
    folder = pathlib.Path(f"/proc/{pid}/fd")
    for name in os.listdir(folder):
        try:
            kinds[kind_of(os.readlink(folder / name), sockets, engine_ports)] += 1
        except OSError:
            continue  # closed in this moment
    return kinds, kinds.pop("engine", 0)


def more(least, now):
    """"+2 kind, …" of what there is more of than there once was; "" when of none."""
    return ", ".join(f"+{now[kind] - least[kind]} {kind}" for kind in sorted(now) if now[kind] > least[kind])
