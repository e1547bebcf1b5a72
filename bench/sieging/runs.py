# SPDX-License-Identifier: Apache-2.0
"""One storm against one door, and many of them: some at the same time where the machine has room for it."""
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import json
import subprocess
import time

from harness.peers import Trouble
from sieging import doors, figures
from sieging.engine import Engine
from sieging.watch import Watch

PEACE = "flood-max-1k"  # with a factor of 0: known users and newcomers are the same in all scenarios
ACCOUNTS = {"fresh-accounts"}  # scenarios in which the service gives keys to whoever wants one
BUSY_FACTOR = 100  # above, a run needs the machine for itself


@dataclasses.dataclass(frozen=True)
class Run:
    scenario: str
    door: str
    factor: float | None  # None: the scenario's own
    seed: int
    accounts: bool = False  # newcomers have keys, without a history

    def peace(self):
        """The run that it is compared with."""
        return Run(PEACE, self.door, 0, self.seed, self.accounts)

    def __str__(self):
        attack = "its own factor" if self.factor is None else f"{self.factor:g} times"
        with_keys = ", newcomers with keys" if self.accounts else ""
        return f"{self.scenario}, {self.door}, {attack}, seed {self.seed}{with_keys}"


def of(scenario, door, factor, seed):
    return Run(scenario, door, factor, seed, scenario in ACCOUNTS)


def with_peace(runs):
    """Each run once, those that others are compared with before them."""
    return list(dict.fromkeys([run.peace() for run in runs] + runs))


def batches(runs, jobs):
    """Lists of runs that go on at the same time, in their order but for those that need the machine for themselves: they are last."""
    light = [run for run in runs if (run.factor or 0) <= BUSY_FACTOR and not doors.KINDS[run.door].alone]
    return [light[at:at + jobs] for at in range(0, len(light), jobs)] + [[run] for run in runs if run not in light]


@contextlib.contextmanager
def quiet(path):
    """Holds the lock, if there is one."""
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Siege:
    """What all runs share: the build, the users of each seed, what 1x is, and the real engine, if one is used."""

    def __init__(self, build, options, known, real=None):
        self.build, self.options, self.known, self.real = build, options, known, real
        self.capacity = options.capacity

    def engine(self, seed):
        return self.real or Engine(self.build, self.options, seed)

    def storm(self, engine, words):
        """The storm's report."""
        report = engine.folder / "storm.json"
        command = [self.build / "cli" / "seawall", "storm", *words, "--plain", "--model", engine.MODEL, "--scale", self.options.scale,
                   "--output", report]
        with open(engine.folder / "storm.log", "wb") as log:
            done = subprocess.run([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            text = (engine.folder / "storm.log").read_text(errors="replace").strip()
            raise Trouble(f"the storm ended with {done.returncode}: {text.splitlines()[-1:]}")
        return json.loads(report.read_text())

    def measure_capacity(self):
        """Requests of the usual lengths that the engine completes in a second when it always has some waiting. The storm is told more
        than it can do."""
        seed = self.options.seeds[0]
        seconds = self.options.calibrate_seconds
        with self.engine(seed) as engine:
            words = [self.known[seed].saturating(seconds), "--url", engine.url, "--seed", seed, "--capacity", engine.saturating_rate]
            calm = self.storm(engine, words + header_words(f"Authorization: Bearer {engine.key}" if engine.key else None))
            calm = calm["groups"][0]["phases"]["calm"]
            self.capacity = round(calm["tokens"] / self.known[seed].mean_output / calm["seconds"], 2)

    def words(self, run, door):
        """Of the storm. Where the engine wants a key that the door does not know, all send that one."""
        words = [run.scenario, "--url", door.url, "--seed", run.seed, "--capacity", self.capacity, *header_words(door.header)]
        if not door.header or door.takes_keys or not door.engine.key:
            words += ["--keys", self.known[run.seed].path]
            words += ["--new-keys", self.known[run.seed].new_path] if run.accounts else []
        words += ["--factor", run.factor] if run.factor is not None else []
        words += ["--seconds", self.options.seconds] if self.options.seconds else []
        return words + (["--tpot", self.options.tpot] if self.options.tpot else [])

    def one(self, run):
        """{"report", "samples", "classes"}, or the trouble that there was."""
        try:
            with self.engine(run.seed) as engine:
                door = doors.KINDS[run.door](self.build, engine, self.known[run.seed], self.capacity, run.accounts)
                with door, Watch(engine, door.pids) as watch:
                    report = self.storm(engine, self.words(run, door))
                return {"report": report, "samples": watch.samples, "classes": door.classes}
        except Trouble as trouble:
            return trouble

    def all(self, runs, say):
        """Rows of run, report and figures, in the order in which they ended; say(run, row or trouble, seconds) after each."""
        rows, reports = [], {}
        for batch in batches(runs, self.options.jobs):
            with quiet(self.options.lock), concurrent.futures.ThreadPoolExecutor(len(batch)) as side_by_side:
                began = time.monotonic()
                found = list(side_by_side.map(self.one, batch))
            for run, result in zip(batch, found):
                if isinstance(result, Trouble):
                    say(run, result, time.monotonic() - began)
                    continue
                reports[run] = result["report"]
                row = {**dataclasses.asdict(run), "factor": result["report"]["factor"], "run": run, **result,
                       "figures": figures.all_of(result["report"], reports.get(run.peace()), result["samples"], result["classes"])}
                rows.append(row)
                say(run, row, time.monotonic() - began)
        return rows


def header_words(header):
    return ["--header", header] if header else []
