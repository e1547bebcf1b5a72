# SPDX-License-Identifier: Apache-2.0
"""Clients of every kind, polite and not. Each does one thing after another until the round ends."""
import asyncio
import contextlib
import json

from .client import BROKEN, GONE, STUCK, WHOLE, Call, Ended, Wire, read_answer, request
from .scene import BODY_BYTES_MAX, HEAD_BYTES_MAX, SEND_STALL_S

MAY_FAIL = {200, 429, 502, 503, 504}  # engines may; and who finds no turn is sent away
STUCK_S = 120.0      # for a whole request: engines have 8 s to begin, answers are short, and the machine may be busy
THINK_S = 0.06       # between two things, on average
LONG_TOKENS = 1500   # about 300 KiB of events: more than the sockets' buffers take


class Client:
    def __init__(self, scene, number):
        self.scene, self.number = scene, number
        self.rng = scene.rng.__class__(f"{scene.seed} {number}")
        self.wire = None  # kept open between requests
        self.tickets = {}  # by the key that was sent away with it

    # ── the life of one ──

    async def live(self):
        names, weights = zip(*KINDS)
        while not self.scene.stopping:
            await self.rng.choices(names, weights)[0](self)
            await asyncio.sleep(self.rng.expovariate(1 / THINK_S) * self.scene.slow)
        self.hang_up()

    def hang_up(self):
        if self.wire:
            self.wire.close()
        self.wire = None

    async def connect(self, fresh=False, receive_buffer=None):
        """The connection that is open, or a new one."""
        if fresh or receive_buffer or not self.wire or not self.wire.is_open:
            self.hang_up()
            self.wire = await Wire(self.scene.service.port).open(receive_buffer)
        return self.wire

    # ── making calls ──

    def call(self, kind, accepts, key=True, **more):
        call = Call(self.scene.name(), kind, self.rng.choice(self.scene.keys) if key is True else key, accepts, **more)
        self.scene.calls.append(call)
        return call

    def good_call(self, kind, **more):
        """Half of those that have a ticket bring it, most too early."""
        call = self.call(kind, MAY_FAIL, valid=True, **more)
        if self.rng.random() < 0.5:
            call.ticket = self.tickets.pop(call.key, None)
        return call

    def text(self, size=None):
        size = size or self.rng.choice((5, 40, 400, 4000))
        word = self.rng.choice(("tide ", "wall ", "stone ", "gull "))
        return (word * (size // len(word) + 1))[:size]

    def chat(self, tokens, stream, usage=True, size=None, model=None, **more):
        body = {"model": model or self.rng.choice(("fast", "fast", "slow")), "max_tokens": tokens, "stream": stream,
                "messages": [{"role": "user", "content": self.text(size)}], **more}
        if stream and usage:
            body["stream_options"] = {"include_usage": True}
        return json.dumps(body).encode()

    async def exchange(self, call, data, talk, fresh=False, receive_buffer=None):
        """Sends, lets `talk` do the rest within the time limit, and notes how it ended."""
        try:
            async with asyncio.timeout(STUCK_S * self.scene.slow):
                wire = await self.connect(fresh, receive_buffer)
                call.idle_since = wire.idle_since
                try:
                    await wire.send(data)
                    call.head_sent = True
                except Ended:  # refused before all was sent: the answer may be here all the same
                    call.silent = True
                await talk(wire)
        except Ended:
            call.end(BROKEN)
        except TimeoutError:
            call.end(STUCK)
        if call.status and call.ticket:
            self.tickets[call.key] = call.ticket
        if call.outcome != WHOLE:
            self.hang_up()

    async def ask(self, call, method, path, body=None, headers=(), **more):
        head, data = request(method, path, call, body, headers)
        await self.exchange(call, head + data, lambda wire: read_answer(wire, call, to_head=method == "HEAD"), **more)

    # ── good ones ──

    async def streamed(self):
        tokens = self.rng.choice((3, 10, 30, 80))
        await self.ask(self.good_call("streamed", stream=True), "POST", "/v1/chat/completions",
                       self.chat(tokens, True, usage=self.rng.random() < 0.5))

    async def whole(self):
        await self.ask(self.good_call("whole"), "POST", "/v1/chat/completions", self.chat(self.rng.choice((1, 8, 40)), False))

    async def completion(self):
        stream = self.rng.random() < 0.5
        body = {"model": "fast", "prompt": self.text(), "max_tokens": 12, "stream": stream}
        await self.ask(self.good_call("completion", stream=stream), "POST", "/v1/completions", json.dumps(body).encode())

    async def embedding(self):
        body = {"model": "fast", "input": [self.text(), self.text()]}
        await self.ask(self.good_call("embedding"), "POST", "/v1/embeddings", json.dumps(body).encode())

    async def choices(self):
        await self.ask(self.good_call("choices", stream=True), "POST", "/v1/chat/completions", self.chat(10, True, model="fast", n=3))

    async def large(self, fresh=False):
        size = self.rng.choice((100_000, 400_000, BODY_BYTES_MAX - 2000)) if not fresh else BODY_BYTES_MAX - 2000
        await self.ask(self.good_call("large"), "POST", "/v1/chat/completions", self.chat(2, False, size=size), fresh=fresh)

    async def models(self):
        await self.ask(self.call("models", {200}), "GET", "/v1/models")

    async def in_pieces(self):
        """A body in small chunks, and only when it is wanted."""
        call = self.good_call("in pieces")
        body = self.chat(3, False, size=400)
        head, _ = request("POST", "/v1/chat/completions", call, body, ("Transfer-Encoding: chunked", "Expect: 100-continue"),
                          length=False)

        async def talk(wire):
            with contextlib.suppress(Ended):  # refused on the way: the answer may be here
                for at in range(0, len(body), 61):
                    piece = body[at:at + 61]
                    await wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                    await asyncio.sleep(0)
                await wire.send(b"0\r\n\r\n")
            await read_answer(wire, call)

        await self.exchange(call, head, talk)

    async def pipelined(self):
        """Several requests in one write; the answers come in their order."""
        calls, data = [], b""
        for _ in range(self.rng.randint(2, 6)):
            if self.rng.random() < 0.5:
                call = self.call("pipelined", {200})
                data += request("GET", "/v1/models", call)[0]
            else:
                call = self.good_call("pipelined")
                data += b"".join(request("POST", "/v1/chat/completions", call, self.chat(2, False)))
            calls.append(call)

        async def talk(wire):
            for call in calls:
                call.head_sent = True
                await read_answer(wire, call)
                if not wire.is_open and call is not calls[-1]:
                    raise Ended

        first = calls[0]
        await self.exchange(first, data, talk, fresh=True)
        for call in calls[1:]:
            if call.outcome is None:  # what stands behind an answer that closes is not read
                call.silent = True
                call.end(GONE if first.outcome == WHOLE else first.outcome)
        if calls[-1].outcome != WHOLE:
            self.hang_up()

    # ── slow ones ──

    async def slow_reader(self):
        call = self.good_call("slow reader", stream=True)
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(200, True, ignore_eos=True)))

        async def talk(wire):
            wire.pause = 0.01
            await read_answer(wire, call)

        await self.exchange(call, data, talk, receive_buffer=4096)
        self.hang_up()

    async def stalled_reader(self):
        """Takes nothing of a long answer: the service lets it go."""
        call = self.good_call("stalled reader", stream=True)
        call.accepts = call.accepts | {None}
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(LONG_TOKENS, True, model="fast", ignore_eos=True)))

        async def talk(wire):
            for _ in range(int(SEND_STALL_S * 40 * self.scene.slow)):
                if self.scene.stopping:
                    break
                await asyncio.sleep(0.1)
            wire.reset()
            call.end(GONE)

        await self.exchange(call, data, talk, receive_buffer=4096)

    # ── those who hang up ──

    def leave(self, wire, call):
        """By FIN, by RST, or by saying no more and waiting for what the service does."""
        call.silent = self.rng.random() < 0.4
        if call.silent:
            wire.reset()
        else:
            wire.close()
        call.end(GONE)

    async def leave_in_head(self):
        call = self.good_call("leaves in the head")
        head, _ = request("POST", "/v1/chat/completions", call, b"{}")
        call.silent = True

        async def talk(wire):
            call.head_sent = False
            self.leave(wire, call)
            call.silent = True

        await self.exchange(call, head[:self.rng.randint(1, len(head) - 1)], talk, fresh=True)

    async def leave_in_body(self):
        call = self.good_call("leaves in the body")
        head, body = request("POST", "/v1/chat/completions", call, self.chat(5, False, size=self.rng.choice((100, 50_000))))

        async def talk(wire):
            await asyncio.sleep(self.rng.choice((0, 0.02)))
            self.leave(wire, call)

        await self.exchange(call, head + body[:self.rng.randrange(len(body))], talk, fresh=True)

    async def leave_before_first_byte(self):
        call = self.good_call("leaves before the first byte")
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(60, self.rng.random() < 0.5, ignore_eos=True)))

        async def talk(wire):
            await asyncio.sleep(self.rng.choice((0, 0.002, 0.02)))
            self.leave(wire, call)

        await self.exchange(call, data, talk, fresh=True)

    async def leave_in_stream(self):
        tokens = self.rng.choice((20, 100))
        after = self.rng.choice((1, tokens // 2, tokens - 1))  # at the start, in the middle, just before the end
        call = self.good_call("leaves in the stream", stream=True, tokens_max=tokens)
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(tokens, True, ignore_eos=True)))

        async def talk(wire):
            await read_answer(wire, call, leave_after=after)
            if call.outcome is None:
                self.leave(wire, call)

        await self.exchange(call, data, talk)

    async def leave_and_return(self):
        """Leaves an answer that goes on, and comes back for the rest, or stops it, or stays away."""
        tokens = self.rng.choice((20, 100))
        after = self.rng.randrange(1, tokens)
        call = self.good_call("resumable", stream=True, tokens_max=tokens)
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(tokens, True, ignore_eos=True), ("Seawall-Resumable: yes",)))

        async def talk(wire):
            await read_answer(wire, call, leave_after=after)
            if call.outcome is None:
                self.leave(wire, call)

        await self.exchange(call, data, talk)
        if call.outcome == GONE and call.stream_name:
            call.goes_on_s = self.scene.grace_s
            await self.rng.choice((self.return_to, self.return_to, self.stop, self.stay_away))(call)

    async def return_to(self, call):
        await asyncio.sleep(self.rng.choice((0, 0.02, 0.1)))
        if self.rng.random() < 0.2:
            other = self.rng.choice([key for key in self.scene.keys if key != call.key])
            await self.ask(self.call("somebody else's", {404}, key=other), "GET", f"/v1/streams/{call.stream_name}")
        again = self.call("returns", {200}, key=call.key)
        again.continues = call
        await self.ask(again, "GET", f"/v1/streams/{call.stream_name}", headers=(f"Last-Event-ID: {call.last_event}",))
        if again.outcome == WHOLE and again.status == 200:
            call.end(WHOLE)
        self.may_be_gone(call, again)

    async def stop(self, call):
        stops = self.call("stops", {204}, key=call.key)
        await self.ask(stops, "DELETE", f"/v1/streams/{call.stream_name}")
        self.may_be_gone(call, stops)

    async def stay_away(self, call):
        pass

    def may_be_gone(self, call, later):
        """An answer that was left is there during its grace, unless its process is not."""
        late = later.ended - call.ended > self.scene.grace_s / 2
        if late or self.scene.disturbed(call.began, later.ended, "kill", "takeover"):
            later.accepts = later.accepts | {404, 503}

    async def leave_half(self):
        """Sends no more, but goes on reading: it has gone, as far as the service is concerned."""
        call = self.good_call("half closed", stream=True)
        call.accepts = call.accepts | {None}
        data = b"".join(request("POST", "/v1/chat/completions", call, self.chat(100, True, ignore_eos=True)))

        async def talk(wire):
            await asyncio.sleep(0.01)
            wire.half_close()
            try:
                await read_answer(wire, call)
            except Ended:
                call.end(GONE)

        await self.exchange(call, data, talk, fresh=True)
        self.hang_up()

    async def say_nothing(self):
        self.hang_up()
        wire = await Wire(self.scene.service.port).open()
        await asyncio.sleep(self.rng.choice((0, 0.05)))
        wire.close()

    # ── bad ones ──

    async def forged(self):
        made_up = self.rng.choice(("sk-sw-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense", "sk-" + "x" * 300))
        real = self.rng.choice(self.scene.keys).text
        key = self.rng.choice((None, made_up, real[:-1] + ("A" if real[-1] != "A" else "B")))
        call = self.call("forged key", {401}, key=None)
        headers = (f"Authorization: Bearer {key}",) if key else ()
        await self.ask(call, "POST", "/v1/chat/completions", self.chat(5, False), headers)

    async def bad(self):
        chat = "/v1/chat/completions"
        status, method, path, body, headers = self.rng.choice((
            (400, "POST", chat, b"{", ()), (400, "POST", chat, b'{"model":"fast"}', ()), (400, "POST", chat, b"\xff\xfe", ()),
            (400, "POST", chat, b'{"model":"fast","messages":[],"messages":[]}', ()),
            (400, "POST", chat, self.chat(5, False, nonsense=1), ()), (404, "POST", chat, self.chat(5, False, model="nobody"), ()),
            (404, "POST", "/v1/nothing", b"{}", ()), (405, "GET", chat, None, ()), (405, "DELETE", "/v1/models", None, ()),
            (431, "GET", "/v1/models", None, ("X-Long: " + "x" * HEAD_BYTES_MAX,)),
            (400, "GET", "/v1/models", None, ("no colon here",)),
            (400, "POST", chat, None, ("Content-Length: 5", "Content-Length: 6")),
            (413, "POST", chat, None, (f"Content-Length: {BODY_BYTES_MAX + 1}",)),
            (415, "POST", chat, None, ("Content-Type: text/plain", "Content-Length: 0"))))
        await self.ask(self.call(f"bad ({status})", {status}), method, path, body, headers)

    async def no_http(self):
        """Bytes that are no HTTP: an answer or the end, but soon."""
        call = self.call("no HTTP", {400, None}, key=None)
        call.silent = True

        async def talk(wire):
            try:
                await read_answer(wire, call)
            except Ended:
                call.end(GONE)

        await self.exchange(call, self.rng.randbytes(200).replace(b"\n", b"") + b"\r\n\r\n", talk, fresh=True)
        self.hang_up()


KINDS = ((Client.streamed, 30), (Client.whole, 16), (Client.completion, 8), (Client.embedding, 4), (Client.choices, 3),
         (Client.large, 2), (Client.models, 5), (Client.in_pieces, 3), (Client.pipelined, 4), (Client.slow_reader, 1.5),
         (Client.stalled_reader, 0.3), (Client.leave_in_head, 3), (Client.leave_in_body, 3),
         (Client.leave_before_first_byte, 5), (Client.leave_in_stream, 8), (Client.leave_and_return, 6), (Client.leave_half, 2), (Client.say_nothing, 2),
         (Client.forged, 5), (Client.bad, 8), (Client.no_http, 1))


async def fill_pools(scene):
    """The largest of everything at once, so that what the service keeps for later has its size before memory is judged."""
    clients = [Client(scene, f"first {n}") for n in range(10)]
    await asyncio.gather(*(client.large(fresh=True) for client in clients))
    await asyncio.gather(*(client.slow_reader() for client in clients[:4]))
    for client in clients:
        client.hang_up()
