# SPDX-License-Identifier: Apache-2.0
"""
One load, played at an engine: streamed chat completions at given moments, each of a given length of prompt and of
answer, and the moment at which each token came.

Every prompt is of common words in an order of its own, so that no prefix cache helps. How long a text makes a prompt
of n tokens is asked of each engine first (`Measure`): engines count in their own ways, and both sides of a comparison
are to do the same work. Answers are forced to their length with `ignore_eos`.
"""
import asyncio
import json
import random
import statistics
import time
import urllib.parse
from dataclasses import dataclass, field

# Each is one token of most vocabularies when a space stands before it.
WORDS = ("time year people way day man thing woman life child world school state family student group country problem "
         "hand part place case week company system program question work government number night point home water room "
         "mother area money story fact month lot right study book eye job word business issue side kind head house "
         "service friend father power hour game line end member law car city community name president team minute idea "
         "body information back parent face others level office door health person art war history party result change "
         "morning reason research girl guy moment air teacher force education").split()
CALL_SECONDS_MAX = 300
PROBE_WORDS = (4, 100)
EVENT_BYTES_MAX = 1 << 20


@dataclass
class Call:
    """What is asked for, and (from `sent_s` on) what came; times are seconds from the start of the replay."""
    at_s: float
    prompt_tokens: int
    output_tokens: int
    sent_s: float = 0.0
    token_s: list = field(default_factory=list)  # one for each event with text
    prompt_counted: int = 0
    output_counted: int = 0
    error: str = ""

    @property
    def ttft_ms(self):
        return (self.token_s[0] - self.sent_s) * 1000

    @property
    def tpot_ms(self):
        return (self.token_s[-1] - self.token_s[0]) * 1000 / (self.output_counted - 1)


class Endpoint:
    """An OpenAI-compatible engine: where it is, what its model is called, which key it wants."""

    def __init__(self, url, model, key=""):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.model, self.key = model, key
        self.measure = None  # made by the first load that is played

    def request(self, text, output_tokens):
        # The system message is of this call alone: a template's own would be in every cache.
        messages = [{"role": "system", "content": f"{random.getrandbits(64):016x}"}, {"role": "user", "content": text}]
        body = json.dumps({"model": self.model, "messages": messages, "stream": True,
                           "stream_options": {"include_usage": True}, "max_tokens": output_tokens, "ignore_eos": True,
                           "temperature": 1.0}).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n")
        if self.key:
            head += f"Authorization: Bearer {self.key}\r\n"
        return head.encode() + b"\r\n" + body


def has_text(delta):
    return any(delta.get(name) for name in ("content", "reasoning_content", "reasoning"))


def take_event(call, data, now_s):
    event = json.loads(data)
    if event.get("usage"):
        call.prompt_counted = event["usage"]["prompt_tokens"]
        call.output_counted = event["usage"]["completion_tokens"]
    if any(has_text(choice.get("delta", {})) for choice in event.get("choices", [])):
        call.token_s.append(now_s)


async def read_answer(call, reader, began):
    status = (await reader.readline()).decode("latin-1").split(" ", 2)
    if len(status) < 2 or status[1] != "200":
        rest = (await reader.read(2000)).decode("utf-8", "replace")
        raise ValueError(f"status {' '.join(status).strip()}: {rest.strip()[-300:]}")
    # Chunk sizes stand on lines of their own between the events: only lines that begin as data are looked at.
    while line := await reader.readline():
        now_s = time.monotonic() - began
        if line.startswith(b"data: {"):
            take_event(call, line[6:], now_s)


async def play_call(endpoint, call, text, began):
    """Fills in the call. A call that failed says why in `error`."""
    await asyncio.sleep(max(0.0, call.at_s - (time.monotonic() - began)))
    writer = None
    try:
        async with asyncio.timeout(CALL_SECONDS_MAX):
            call.sent_s = time.monotonic() - began
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, limit=EVENT_BYTES_MAX)
            writer.write(endpoint.request(text, call.output_tokens))
            await read_answer(call, reader, began)
        if not call.token_s or call.output_counted < 1:
            raise ValueError("the answer has no text or no usage")
    except (OSError, ValueError, TimeoutError) as error:
        call.error = f"{type(error).__name__}: {error}"
    finally:
        if writer:
            writer.close()


def words(chance, count):
    return " ".join(chance.choice(WORDS) for _ in range(count))


class Measure:
    """How many words make a prompt of so many tokens at this endpoint: a line through two probes of several texts."""

    def __init__(self, endpoint, chance):
        points = []
        for count in PROBE_WORDS:
            calls = [(Call(0.0, 0, 2), words(chance, count)) for _ in range(3)]
            for call, text in calls:
                asyncio.run(play_call(endpoint, call, text, time.monotonic()))
                if not call.prompt_counted:
                    raise RuntimeError(f"a probe of {count} words failed: {call.error}")
            points.append((statistics.mean(len(text) for _, text in calls),
                           statistics.mean(call.prompt_counted for call, _ in calls)))
        (self.bytes0, self.tokens0), (bytes1, tokens1) = points
        self.bytes_per_token = (bytes1 - self.bytes0) / (tokens1 - self.tokens0)

    def text(self, chance, tokens):
        """As many bytes as make `tokens` tokens; at least one word."""
        target = self.bytes0 + (tokens - self.tokens0) * self.bytes_per_token
        parts, total = [chance.choice(WORDS)], 0
        total = len(parts[0])
        while total < target:
            parts.append(chance.choice(WORDS))
            total += 1 + len(parts[-1])
        return " ".join(parts)


def play(endpoint, load, seed):
    """Plays a list of Call and returns a list of its copies that are filled in."""
    chance = random.Random(seed)
    endpoint.measure = endpoint.measure or Measure(endpoint, chance)
    calls = [Call(call.at_s, call.prompt_tokens, call.output_tokens) for call in load]
    texts = [endpoint.measure.text(chance, call.prompt_tokens) for call in calls]

    async def run():
        began = time.monotonic()
        await asyncio.gather(*(play_call(endpoint, call, text, began) for call, text in zip(calls, texts)))

    asyncio.run(run())
    return calls
