# SPDX-License-Identifier: Apache-2.0
"""
Measures Seawall beside nginx, HAProxy and a bare forwarder: same upstream, same run, windows in turn.

    bench/proxy                                        everything, about 20 minutes; results, goals and a plot
    bench/proxy --only rps64,rps64-8k --windows 9      some of it, shown at the terminal
    bench/proxy --only sse-40k --peers seawall,floor   without what Debian has to install

bench/README.md says what each figure means.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import goals, machine, report, stats  # noqa: E402
from harness.measurements import MEASUREMENTS  # noqa: E402
from harness.peers import Trouble  # noqa: E402

INSTALLED = ("nginx", "haproxy")
RESULTS = machine.ROOT / "bench" / "results"


def fail(text, status=2):
    print(f"bench/proxy: {text}", file=sys.stderr)
    sys.exit(status)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message} (try --help)")


def read_options(words):
    parser = Parser(prog="bench/proxy", description=__doc__, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,…", help="these measurements alone (see --list)")
    parser.add_argument("--peers", metavar="NAME,…", help="these programs alone, such as seawall,floor")
    parser.add_argument("--windows", type=int, metavar="N", help="windows of each program, in place of a measurement's own number")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="write the results there")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR", help="measure what is built there; build nothing")
    parser.add_argument("--no-install", action="store_true", help="install no Debian packages; say which are missing")
    parser.add_argument("--list", action="store_true", help="name the measurements")
    options = parser.parse_args(words)
    if options.windows is not None and not 1 <= options.windows <= 1000:
        parser.error("--windows expects a number between 1 and 1000")
    if options.out and not options.out.absolute().parent.is_dir():
        parser.error(f"--out: there is no folder '{options.out.absolute().parent}'")
    labels = list(dict.fromkeys(label for row in MEASUREMENTS for label in row.labels))
    options.whole = not (options.only or options.peers)
    options.only = chosen(parser, "--only", options.only, [row.name for row in MEASUREMENTS])
    options.peers = chosen(parser, "--peers", options.peers, labels)
    return options


def chosen(parser, option, given, known):
    """The names of a list that the user gave; all of them without one."""
    if given is None:
        return known
    names = [name for name in given.split(",") if name]
    for name in names:
        if name not in known:
            parser.error(f"{option}: '{name}' is none of {', '.join(known)}")
    if not names:
        parser.error(f"{option} names nothing")
    return names


def set_up(options):
    """Packages and a build, as ./run makes them; before the network of its own, where no package can be fetched."""
    if machine.OWN_NETWORK not in os.environ:
        wanted = any(label.split("-")[0] in INSTALLED for label in options.peers)
        words = ["no" if options.no_install else "yes", "yes" if wanted else "no", "no" if options.build else "yes"]
        done = subprocess.run(["bash", machine.ROOT / "bench" / "harness" / "setup.sh", *words], check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
    build = (options.build or machine.ROOT / "build").resolve()
    for program in ("src/seawalld", "cli/seawall", "bench/load/bench_load"):
        if not os.access(build / program, os.X_OK):
            fail(f"there is no '{build / program}'")
    return build


def measure(options, build):
    """({measurement: its results}, troubles): shown as they come. What fails is said, and the rest goes on."""
    results, troubles = {}, 0
    progress = report.Progress()
    for row in MEASUREMENTS:
        labels = [label for label in row.labels if label in options.peers]
        if row.name not in options.only or not labels:
            continue
        others = machine.Others()
        try:
            taken = row.take(labels, options.windows or row.windows, build, progress)
        except Trouble as trouble:
            progress.say("")
            print(f"bench/proxy: {trouble}", file=sys.stderr, flush=True)
            troubles += 1
            continue
        share = others.share()
        peers = {label: stats.summaries(figures) for label, figures in taken.items()}
        results[row.name] = {"title": row.title, "main": row.main, "others_busy_cores": share, "peers": peers}
        progress.say("")
        print("\n".join(report.table(row, peers, share)), flush=True)
    return results, troubles


def main():
    options = read_options(sys.argv[1:])
    if options.list:
        for row in MEASUREMENTS:
            print(f"{row.name:<14}{row.title}")
        return
    build = set_up(options)
    machine.enter_own_network()
    machine.raise_descriptors()
    # Whoever ends this program ends what it started too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    os.umask(0o022)
    began = time.monotonic()
    results, troubles = measure(options, build)
    judged = goals.judge({name: result["peers"] for name, result in results.items()})
    shown = [goal for goal in judged if options.whole or goal["met"] is not None]
    if shown:
        print("\n".join(report.goals_table(shown)))
    out = options.out
    if options.whole and not out:
        RESULTS.mkdir(exist_ok=True)
        out = RESULTS / time.strftime("proxy-%Y-%m-%d.json", time.gmtime())
    if out:
        seconds = round(time.monotonic() - began)
        document = {"machine": machine.describe(build), "seconds": seconds, "measurements": results, "goals": judged}
        out.write_text(json.dumps(document, indent=1) + "\n")
        print(f"\nWritten: {out}")
        if options.whole:
            print("Plot:    bench/plot-proxy " + str(out))
    if troubles:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
