# SPDX-License-Identifier: Apache-2.0
"""Four books of the same calls: what clients received, the access log, the metrics, the ledger. They must agree."""
import collections
import json
import re
from typing import NamedTuple

from .client import BROKEN, GONE, WHOLE
from .scene import KEEP_ALIVE_S

LOG_LATE_S = 2.5  # a gateway that is killed takes the lines of its last second, or of a bit more on a busy machine
CUT = {"CUT", "CLIENT_GONE", "CLIENT_STALLED", "STOPPED"}
CUT_WHEN_CHARGED = {"GAVE_WAY", "NOT_KEPT"}
LOST = re.compile(r"the last life ended without notice: (?:(\d+) calls? (?:was|were) under way)?(?:; )?"
                  r"(?:(at least )?(\d+) finished requests? with (\d+) tokens? had not reached the ledger)?")


class LogReader:
    """Follows the access log, also into the files that replace it; the files before are read to their end."""

    def __init__(self, path):
        self.path = path
        self.files = []
        self.rotations = 0
        self.ids = set()

    def rotate(self):
        self.follow()
        self.rotations += 1
        self.path.rename(self.path.with_name(f"rotated.{self.rotations}"))

    def follow(self):
        try:
            inode = self.path.stat().st_ino
        except OSError:
            return
        if all(inode != known for known, _ in self.files):
            self.files.append((inode, open(self.path, encoding="utf-8")))  # noqa: SIM115: read for as long as it grows

    def new_lines(self):
        self.follow()
        for _, file in self.files:
            while True:
                at = file.tell()
                line = file.readline()
                if not line.endswith("\n"):
                    file.seek(at)  # a write is under way
                    break
                yield json.loads(line)

    def close(self):
        for _, file in self.files:
            file.close()


class Sums(NamedTuple):
    requests: int = 0
    failed: int = 0
    cut: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other):
        return Sums(*(a + b for a, b in zip(self, other)))

    def __sub__(self, other):
        return Sums(*(a - b for a, b in zip(self, other)))


def sums_of(line):
    reason = line["reason"]
    cut = reason in CUT or (reason in CUT_WHEN_CHARGED and line["status"] == 200 and line["prompt_tokens"] > 0)
    return Sums(1, reason != "OK" and not cut, cut, line["prompt_tokens"], line["completion_tokens"])


def sum_by_key(lines):
    found = collections.defaultdict(Sums)
    for line in lines:
        if line.get("called"):
            found[line.get("key", "none")] += sums_of(line)
    return found


async def ledger(scene):
    """Sums by key; None when it cannot be read now, or rows wait in memory."""
    usage = await scene.tool_json("usage")
    if usage is None or usage.get("unflushed_rows"):
        return None
    found = collections.defaultdict(Sums)
    for row in usage["rows"]:
        found[row["key"]] += Sums(*(row[name] for name in Sums._fields))
    return found


class Loss(NamedTuple):
    calls: int = 0
    requests: int = 0
    tokens: int = 0
    at_least: bool = False


def losses(log):
    """What starts of the gateway said that the life before had lost."""
    return [Loss(int(calls or 0), int(requests or 0), int(tokens or 0), bool(at_least))
            for calls, at_least, requests, tokens in LOST.findall(log)]


# ── one call against its line ──

def charged_by_rule(call, line):
    """What a stream whose every event was seen must cost: dialect/meter.h. `difference` is counted minus reported."""
    reported = call.events - line.get("difference", 0)
    return max(call.events, reported) if line.get("disputed") else reported


def disagreement(call, line):
    """In words, or None."""
    if call.status is not None and line["status"] != call.status:
        return f"the log says status {line['status']}"
    if line.get("client_id", call.name) != call.name:
        return f"the log says client id {line['client_id']}"
    if "backend" in line and not line.get("called"):
        return "it has a backend and was not called"
    charged = (line["prompt_tokens"], line["completion_tokens"])
    if call.usage and call.outcome == WHOLE:
        told = (call.usage["prompt_tokens"], call.usage.get("completion_tokens", 0))
        if told != charged:
            return f"the client was told {told} tokens, and {charged} were charged"
    if call.outcome == WHOLE and call.exact and charged[1] != charged_by_rule(call, line):
        return f"{charged[1]} tokens were charged, and by the rule it is {charged_by_rule(call, line)}: {line}"
    if call.outcome == GONE and charged[1] < call.events and line["reason"] != "OK":
        return f"{call.events} tokens came, and {charged[1]} were charged"
    return None


class Round:
    """The calls and lines of one round, put side by side."""

    def __init__(self, scene, calls, lines):
        self.scene, self.calls, self.lines = scene, calls, lines
        self.by_id = {line["id"]: line for line in lines}
        self.by_name = collections.defaultdict(list)
        for line in lines:
            if "client_id" in line:
                self.by_name[line["client_id"]].append(line)

    def lines_of(self, call):
        """By its name, and by its id when a bad head left no name."""
        return self.by_name.get(call.name) or ([self.by_id[call.id]] if call.id in self.by_id else [])

    def excused(self, call):
        """May its line have gone with a gateway that was killed?"""
        ended = call.ended + call.goes_on_s + LOG_LATE_S * self.scene.slow
        return self.scene.disturbed(call.began, ended, "kill", margin=0.0)

    def must_be_there(self, call):
        return not self.excused(call) and (call.id is not None or (call.outcome == GONE and call.head_sent and not call.silent))

    def missing(self):
        """Calls that a line is still expected for."""
        return [call for call in self.calls if self.must_be_there(call) and not self.lines_of(call)]

    def judge_lines(self, verdict):
        for call in self.calls:
            lines = self.lines_of(call)
            verdict.check("each call has its line in the access log", len(lines) <= 1 and (lines or not self.must_be_there(call)),
                          f"{len(lines)} lines for {call}")
            if len(lines) == 1:
                trouble = disagreement(call, lines[0])
                verdict.check("clients and the access log agree", trouble is None, f"{call}: {trouble}")
        names = {call.name for call in self.calls}
        prefix = f"soak-{self.scene.seed}-"
        for name in self.by_name:
            verdict.check("each line has its call", not name.startswith(prefix) or name in names, f"line of nobody: {name}")

    def judge_metrics(self, verdict, before, now):
        """Only where one gateway served all of the round: counters start with each."""
        reasons = collections.Counter(line["reason"] for line in self.lines)
        tokens = [line for line in self.lines if line.get("called")]
        wanted = {"seawall_prompt_tokens_total": sum(line["prompt_tokens"] for line in tokens),
                  "seawall_completion_tokens_total": sum(line["completion_tokens"] for line in tokens),
                  "seawall_disputed_calls_total": sum(bool(line.get("disputed")) for line in tokens),
                  "seawall_bytes_in_total": sum(line["bytes_in"] for line in self.lines),
                  "seawall_bytes_out_total": sum(line["bytes_out"] for line in self.lines)}
        for name, value in wanted.items():
            grown = now[name] - before[name]
            verdict.check("metrics and the access log agree", grown == value, f"{name} grew by {grown:.0f}, the log's lines say {value}")
        for name in now:
            reason = re.match(r'seawall_requests_total\{reason="(\w+)"', name)
            if reason:
                grown, value = now[name] - before.get(name, 0), reasons[reason.group(1)]
                verdict.check("metrics and the access log agree", grown == value, f"{name} grew by {grown:.0f}, lines: {value}")

    def judge_ledger(self, verdict, before, now, loss):
        """`loss`: what the starts of this round told, None when nobody was killed."""
        lines = sum_by_key(self.lines)
        if loss is None:
            for key in {*lines, *now}:
                grown = now[key] - before[key]
                verdict.check("the ledger and the access log agree", grown == lines[key],
                              f"key {key}: the ledger grew by {grown}, the log's lines say {lines[key]}")
            return
        # Lines and rows are lost apart: what the ledger has and what was told as lost is what was served.
        grown = sum((now[key] - before[key] for key in now), Sums())
        served = sum(lines.values(), Sums())
        lineless = [call for call in self.calls if self.excused(call) and call.key and call.valid and not self.lines_of(call)]
        known = [call for call in lineless if call.outcome == WHOLE and call.status == 200 and call.usage]
        requests = grown.requests + loss.requests
        least, most = served.requests + len(known), served.requests + len(lineless)
        verdict.check("ledger and told losses make what was served", least <= requests <= most,
                      f"{grown.requests} requests in the ledger, {loss.requests} told as lost, {least} to {most} served")
        tokens = grown.prompt_tokens + grown.completion_tokens + loss.tokens
        least = served.prompt_tokens + served.completion_tokens + sum(call.usage["total_tokens"] for call in known)
        verdict.check("ledger and told losses make what was served", tokens >= least,
                      f"{tokens} tokens in the ledger and told as lost, at least {least} served")
        if len(known) == len(lineless):
            verdict.check("ledger and told losses make what was served", tokens == least, f"{tokens} tokens, {least} served")
        open_then = sum(self.scene.disturbed(call.began, call.ended, "kill", margin=0.5) for call in self.calls)
        verdict.check("ledger and told losses make what was served", loss.calls <= open_then and not loss.at_least,
                      f"{loss.calls} calls told as under way, {open_then} clients had one")


def broken_for_a_reason(scene, call):
    """An answer may end early when the gateway was replaced (killed, or drained and out of time), or on a connection that waited too long."""
    if call.outcome != BROKEN:
        return True
    waited = call.idle_since is not None and call.id is None and call.ended - call.idle_since > KEEP_ALIVE_S - 1
    return waited or scene.disturbed(call.began, call.ended, "kill", "takeover", margin=1.5 * scene.slow)
