# SPDX-License-Identifier: Apache-2.0
"""The machine under the measurement: what it is, which core does what, and a network of its own."""
import datetime
import fcntl
import itertools
import os
import pathlib
import random
import re
import resource
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = itertools.count(random.randrange(15000))
OWN_NETWORK = "SEAWALL_BENCH_NETWORK"  # set for the process that runs in it

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def output(*command):
    """The first line that a command prints on either stream; "" when there is no such command."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.strip().split("\n")[0]


def cpu_model():
    match = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match.group(1) if match else os.uname().machine


def describe(build):
    """Everything that somebody needs who wants to compare a figure."""
    compiler = ""
    log = build / "meson-logs" / "meson-log.txt"
    if log.exists():
        match = re.search(r'^C compiler for the host machine: (.*)$', log.read_text(errors="replace"), re.MULTILINE)
        compiler = match.group(1) if match else ""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": output("git", "rev-parse", "HEAD"),
        "changed": bool(output("git", "status", "--porcelain", "--untracked-files=no")),
        "cpu": cpu_model(), "cores": len(os.sched_getaffinity(0)),
        "kernel": os.uname().release,
        "compiler": compiler,
        "own_network": OWN_NETWORK in os.environ,
        "versions": {"seawall": output(str(build / "src" / "seawalld"), "supervisor", "--version"),
                     "nginx": output("/usr/sbin/nginx", "-v"), "haproxy": output("/usr/sbin/haproxy", "-v")},
    }


def enter_own_network():
    """Starts this program again where only its own loopback is: no port is taken, no other traffic there. Only root can; others
    share the machine's loopback."""
    if OWN_NETWORK in os.environ:
        raise_loopback()
    elif os.geteuid() == 0 and subprocess.run(["unshare", "-n", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[OWN_NETWORK] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def free_port():
    """Below the range that the kernel takes for connections: nobody gets it between here and the bind of who wants it."""
    while True:
        port = 15000 + next(PORTS) % 15000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def cores():
    """(of the proxy, of load and upstream), as taskset takes them. With one core all share it."""
    ours = sorted(os.sched_getaffinity(0))
    return str(ours[0]), str(ours[1] if len(ours) > 1 else ours[0])


def all_cores():
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def pinned(cores, *words):
    """A command on these cores."""
    return ["taskset", "-c", cores, *map(str, words)]


def raise_descriptors():
    """As many open files as are allowed, for this program and all that it starts. Returns how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Others:
    """How much of the machine belongs to somebody else while we measure."""

    def __init__(self):
        self.began = time.monotonic()
        self.busy = busy_seconds()
        self.ours = own_seconds()

    def share(self):
        """Cores that programs of others kept busy since then; what we started must have ended."""
        busy, ours = busy_seconds() - self.busy, own_seconds() - self.ours
        return max(0.0, (busy - ours) / (time.monotonic() - self.began))


def busy_seconds():
    """user, nice, system, irq, softirq of all cores; what a hypervisor took is nobody's here."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:7])) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def tree(pid):
    """This process and all below it."""
    found = [pid]
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        for task in tasks:
            children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text()
            for child in children.split():
                found += tree(int(child))
    except OSError:
        pass  # it has ended
    return found


def memory(pids):
    """Bytes that these processes hold together: resident, resident with shared pages split among their users, and private."""
    wanted = {"Rss:": "rss", "Pss:": "pss", "Private_Clean:": "private", "Private_Dirty:": "private"}
    total = dict.fromkeys(wanted.values(), 0)
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            words = line.split()
            if words[0] in wanted:
                total[wanted[words[0]]] += int(words[1]) * 1024
    return total


def cpu_ns(pids):
    """Time on a processor of all threads of these processes."""
    total = 0
    for pid in pids:
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text().split()[0])
            except OSError:
                continue  # the thread has ended
    return total
