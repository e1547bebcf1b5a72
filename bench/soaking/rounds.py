# SPDX-License-Identifier: Apache-2.0
"""
The soak, round by round: load and trouble for a while, then quiet; then everything must be back where it was, and the books
must agree. Rounds in which the gateway is killed or taken over come first, so that the others see one process grow old.
"""
import asyncio
import collections
import itertools
import re
import time

from service import pid_lives

from . import books, judge, watch
from .client import STUCK, WHOLE
from .faults import Trouble
from .load import Client, fill_pools

QUIET_S = 60.0       # how long counters may take to come back to zero
BOOKS_S = 40.0       # and rows and lines to be written
ROUNDS_MIN = 10      # so that memory can be judged
PROGRESS_S = 5.0
LATE_S = 0.5         # a machine that lets us wait so long lets engines miss their deadlines
RATE_GRACE_S = 5.0   # bodies may be as slow as they like for this long
LIFE_ROUNDS = 24     # a kill and a takeover begin each such span
GAUGES = ("seawall_connections_open", "seawall_requests_open", "seawall_streams_open", "seawall_body_memory_bytes",
          "seawall_ledger_rows_waiting", "seawall_record_trouble", "seawall_kept_answers", "seawall_kept_answers_left", "seawall_kept_bytes")
GAUGES_OF_TURNS = ("seawall_turns_waiting{", "seawall_turns_running{", "seawall_backend_turns{", "seawall_backend_kv_reserved_tokens{")  # of each pool
GAUGE_MAX = 1 << 40  # more is a number below zero
NEVER = ("seawall_access_log_dropped_total", "seawall_ledger_rows_dropped_total", "seawall_connections_refused_total")

# Lines of level error that trouble explains.
ERRORS = ((r"; the ledger waits in memory", "lock"), (r"a change of keys failed: ", "lock"),
          (r"(last use|used|snapshot|profiles of callers).*: cannot ", "lock"), (r"the gateway ended \(signal 9\)", "kill"))


def gauges_of(values):
    """The names of all that must be back at zero in quiet."""
    return [*GAUGES, *(name for name in values if name.startswith(GAUGES_OF_TURNS))]


def kind_of(number):
    """Of a round, counted from 0."""
    at = (number - 1) % LIFE_ROUNDS
    return "calm" if number == 0 else ("kill", "takeover")[at] if at < 2 else "trouble"


def round_seconds(seconds):
    """How long load lasts in each round, so that there are enough of them to judge memory by."""
    return min(12.0, max(2.5, seconds / 20))


class Soak:
    def __init__(self, scene, verdict, clients, say):
        self.scene, self.verdict, self.clients_count, self.say = scene, verdict, clients, say
        self.log = books.LogReader(scene.service.data / "state" / "access.log")
        self.trouble = Trouble(scene, verdict, self.log)
        scene.kills = 0
        self.round = self.start_lines = 0
        self.late = 0.0      # how long this round kept us waiting for our turn, at worst
        self.total = 0
        self.ends, self.reasons = collections.Counter(), collections.Counter()
        self.lives = []      # of gateways: {"pid", "points": [(requests, bytes)], …}
        self.places = {}     # descriptors and threads of the supervisor
        self.losses_seen = 0
        self.began = time.monotonic()

    # ── one round ──

    async def run(self, seconds):
        each = round_seconds(seconds)
        await self.until(self.lines_behind, BOOKS_S)
        for self.round in itertools.count():
            if self.round > 2 and self.is_over((time.monotonic() - self.began) / seconds):
                break
            await self.one_round(kind_of(self.round), each)
            if self.verdict.failures.get("the service lives"):
                break
        self.judge_lives()

    def is_over(self, share):
        """After so much of the time? Too few rounds to judge memory by get twice the time, and doubts about it three times."""
        doubtful = not self.scene.sanitized and judge.growth(self.lives[-1]["points"]).doubtful
        return share > (3 if doubtful else 1 if self.round >= ROUNDS_MIN else 2)

    async def lines_behind(self):
        """Those of the start belong to no round."""
        self.start_lines += sum(1 for _ in self.log.new_lines())
        values = await self.scene.metrics()
        ended = sum(value for name, value in values.items() if name.startswith("seawall_requests_total{"))
        return f"{self.start_lines} lines of {ended:.0f}" if self.start_lines < ended else None

    async def one_round(self, kind, seconds):
        scene = self.scene
        scene.calls, scene.stopping = [], False
        before = await scene.metrics(), await books.ledger(scene)
        work = [Client(scene, f"{self.round} {n}").live() for n in range(self.clients_count)]
        self.late = 0.0
        beat = asyncio.create_task(self.heartbeat())
        await fill_pools(scene)
        if kind != "calm":
            work.append(self.trouble.make())
        if kind in ("kill", "takeover"):
            work.append(self.replace(kind, seconds))
        ending = asyncio.get_running_loop().call_later(seconds, lambda: setattr(scene, "stopping", True))
        show = asyncio.create_task(self.show(kind))
        await asyncio.gather(*work)
        for task in (ending, show, beat):
            task.cancel()
        await self.quiet()
        await self.close_books(kind, before)
        await self.look(kind)

    async def heartbeat(self):
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + 0.05
            await asyncio.sleep(0.05)
            self.late = max(self.late, clock() - due)

    async def replace(self, kind, seconds):
        await asyncio.sleep(seconds / 2)
        await self.trouble.keys_through(self.trouble.kill_gateway() if kind == "kill" else self.trouble.take_over())

    async def show(self, kind):
        while True:
            await asyncio.sleep(PROGRESS_S)
            try:
                values = await self.scene.metrics()
            except OSError:
                continue  # it is being replaced
            for name in gauges_of(values):
                self.verdict.check("gauges stay sane", 0 <= values[name] < GAUGE_MAX, f"{name} {values[name]:.0f}")
            self.say(f"{time.monotonic() - self.began:5.0f} s  round {self.round} ({kind})  "
                     f"{self.total + len(self.scene.calls)} calls  {values['seawall_connections_open']:.0f} connections  "
                     f"{values['seawall_streams_open']:.0f} streams  "
                     f"{values['process_resident_memory_bytes'] / (1 << 20):.1f} MiB")

    # ── quiet: everything is back at zero ──

    async def until(self, condition, seconds):
        """The last value of the condition: None when all is well, else what is not."""
        end = time.monotonic() + seconds * self.scene.slow
        while True:
            wrong = await condition()
            if not wrong or time.monotonic() > end:
                return wrong
            await asyncio.sleep(0.1)

    async def quiet(self):
        self.verdict.check("gauges come back to zero", not (wrong := await self.until(self.gauges, QUIET_S)), wrong)
        self.verdict.check("backends have nothing in flight", not (wrong := await self.until(self.in_flight, QUIET_S)), wrong)
        self.verdict.check("engines work for nobody", not (wrong := await self.until(self.engines, QUIET_S)), wrong)

    async def gauges(self):
        values = await self.scene.metrics()
        return ", ".join(f"{name} {values[name]:.0f}" for name in gauges_of(values) if values[name])

    async def in_flight(self):
        status = await self.scene.status()
        if status is None:
            return "no status"
        busy = [f"{each['url']} {each['in_flight']}" for pool in status["pools"] for each in pool["backends"] if each["in_flight"]]
        return ", ".join(busy)

    async def engines(self):
        busy = []
        for engine in self.scene.engines:
            running, waiting = await asyncio.to_thread(engine.calls)
            if running or waiting:
                busy.append(f"{engine.name}: {running:.0f} running, {waiting:.0f} waiting")
        return ", ".join(busy)

    # ── the books ──

    async def close_books(self, kind, before):
        calls, lines = self.scene.calls, []
        for call in calls:
            self.judge_call(call, kind)
        found = books.Round(self.scene, calls, lines)

        async def lines_missing():
            lines.extend(self.log.new_lines())
            nonlocal found
            found = books.Round(self.scene, calls, lines)
            return f"{len(found.missing())} lines" if found.missing() else None

        async def ledger_behind():
            await lines_missing()
            now = await books.ledger(self.scene)
            if now is None:
                return "rows wait"
            grown = sum((now[key] - before[1][key] for key in now), books.Sums())
            due = sum(books.sum_by_key(lines).values(), books.Sums())
            return None if grown == due else f"ledger {grown}, lines {due}"

        await self.until(lines_missing, BOOKS_S)
        await self.until(ledger_behind, BOOKS_S if kind != "kill" else 2.0)
        for line in lines:
            self.verdict.check("no request has two lines", line["id"] not in self.log.ids, line["id"])
            self.log.ids.add(line["id"])
        now = await self.scene.metrics(), await books.ledger(self.scene)
        found.judge_lines(self.verdict)
        loss = self.new_loss()
        self.verdict.check("only a killed gateway loses anything", kind == "kill" or loss is None, str(loss))
        if now[1] is not None and before[1] is not None:
            found.judge_ledger(self.verdict, before[1], now[1], (loss or books.Loss()) if kind == "kill" else None)
        if kind not in ("kill", "takeover"):
            found.judge_metrics(self.verdict, before[0], now[0])
        for name in NEVER:
            self.verdict.check("nothing is dropped or refused", now[0][name] == 0, f"{name} {now[0][name]:.0f}")
        self.total += len(calls)
        self.ends.update(f"{call.outcome}, {call.status or 'no answer'}" for call in calls)
        self.reasons.update(line["reason"] for line in lines)

    def new_loss(self):
        """None when no start told of one since the last look."""
        all_told = books.losses(self.scene.service.log())
        new, self.losses_seen = all_told[self.losses_seen:], len(all_told)
        if not new:
            return None
        return books.Loss(*(sum(values) for values in zip(*new)))

    def judge_call(self, call, kind):
        check = self.verdict.check
        if call.ended is None:
            check("nothing is stuck", False, f"without an end: {call}")
            return
        check("nothing is stuck", call.outcome != STUCK, f"{call}: nothing for too long")
        check("answers that broke off have a cause", books.broken_for_a_reason(self.scene, call) or self.starved(call), repr(call))
        if call.status is not None:
            check("answers are those expected", call.status in call.accepts or self.excused(call), repr(call))
        check("events come once and in order", call.in_order, repr(call))
        if kind == "calm" and call.valid and call.outcome == WHOLE and self.late < LATE_S and not call.goes_on_s:
            check("a calm round has no failures", call.status == 200 and not call.error_event, repr(call))

    def starved(self, call):
        """A client that had to wait for its own turn sends its body too slowly: it gets a 408, or comes too late even for that."""
        return call.status in (None, 408) and call.ended - call.began > RATE_GRACE_S and self.late > LATE_S

    def excused(self, call):
        """While two gateways live, the old one judges by the keys it had."""
        return self.starved(call) or (call.kind.startswith("key: ") and self.scene.disturbed(call.began, call.ended, "takeover"))

    # ── what the processes hold ──

    async def look(self, kind):
        pid = await self.scene.gateway()
        if not self.verdict.check("the service lives", pid is not None and self.scene.service.process.poll() is None, "no gateway"):
            return
        is_new = not self.lives or self.lives[-1]["pid"] != pid
        self.verdict.check("gateways end when they are told to, and only then", is_new == (kind != "trouble"),
                           f"round {self.round} ({kind}): gateway {pid} after {self.lives and self.lives[-1]['pid']}")
        if is_new:
            self.lives.append({"pid": pid, "began": self.total, "points": [], "memory": [], "places": {}})
        life = self.lives[-1]
        ports = {engine.port for engine in self.scene.engines}
        await self.compare("the gateway has no more descriptors than before", life["places"], pid, ports)
        await self.compare("the supervisor has no more descriptors than before", self.places, self.scene.service.process.pid, ports)
        memory = watch.memory(pid)
        life["points"].append((self.total - life["began"], memory.anonymous))
        life["memory"].append(memory._asdict())
        self.say(f"{time.monotonic() - self.began:5.0f} s  round {self.round} ({kind}) quiet: gateway {pid} holds "
                 f"{memory.anonymous / 1024:.0f} KiB of its own, {life['idle']} idle connections to engines; late by "
                 f"{self.late:.1f} s; {len(self.verdict.failed)} checks failed")

    async def compare(self, check, least, pid, ports):
        """With the fewest of each kind that there ever were. Those of a command of ours may be closing still: it may take a moment."""
        async def too_many():
            kinds, idle = watch.descriptors(pid, ports)
            kinds["threads"] = watch.threads(pid)
            self.lives[-1]["idle"] = idle
            if not least:
                least.update(kinds)
            wrong = watch.more(collections.Counter(least), kinds)
            least.update({kind: min(count, kinds[kind]) for kind, count in least.items()})
            return wrong

        wrong = await self.until(too_many, QUIET_S)
        self.verdict.check(check, not wrong, f"round {self.round}: {wrong}")

    def judge_lives(self):
        for life in self.lives:
            growth = judge.growth(life["points"])
            life["growth"] = growth._asdict()
            if growth.samples < judge.SAMPLES_MIN:
                continue
            self.verdict.check("memory does not grow with requests", not growth.leaks or self.scene.sanitized,
                               f"gateway {life['pid']}: {growth.slope:.0f} bytes a request over {growth.samples} samples; by chance "
                               f"{growth.chance:.3f}")

    # ── the end ──

    async def end(self):
        """A drain, and what is left to say of the log."""
        scene, check = self.scene, self.verdict.check
        status = await asyncio.to_thread(scene.service.stop, 60 * scene.slow)
        check("it stops in good order", status == 0, f"exit status {status}")
        check("no process is left", not (left := [pid for pid in scene.service.orphans() if pid_lives(pid)]), str(left))
        for engine in scene.engines:
            status = await asyncio.to_thread(engine.stop)
            check("engines stop in good order", status == 0, f"{engine.name}: {status} {engine.log.read_text()[-300:]}")
        self.judge_log(scene.service.log() + "".join(engine.log.read_text() for engine in scene.engines))
        self.log.close()

    def judge_log(self, text):
        happened = {each.what for each in self.scene.happened}
        for line in text.splitlines():
            if re.search(r" error: ", line):
                good = any(re.search(words, line) and what in happened for words, what in ERRORS)
                self.verdict.check("errors in the log are explained", good, line[:300])
        ended = len(re.findall(r"the gateway ended \(", text))
        self.verdict.check("gateways end when they are told to, and only then", ended == self.scene.kills,
                           f"{ended} ended by themselves or by us, we killed {self.scene.kills}")
        reports = re.findall(r"^.*(?:Sanitizer|runtime error:).*$", text, re.M)
        self.verdict.check("no sanitizer report", not reports, "\n".join(reports[:3]))
