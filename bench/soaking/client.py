# SPDX-License-Identifier: Apache-2.0
"""One request as its client sees it, over sockets that do what clients do: wait, stall, hang up."""
import asyncio
import json
import socket
import struct
import time

WHOLE, GONE, BROKEN, STUCK = "whole", "gone", "broken", "stuck"


class Ended(Exception):
    """The other side ended the connection."""


class Call:
    """What one client asked for and what it got."""
    __slots__ = ("name", "kind", "key", "accepts", "began", "ended", "status", "id", "outcome", "events", "usage", "stream",
                 "head_sent", "silent", "idle_since", "error_event", "tokens_max", "valid", "exact", "ticket", "stream_name",
                 "last_event", "in_order", "goes_on_s", "continues")

    def __init__(self, name, kind, key, accepts, valid=False, stream=False, tokens_max=0):
        self.name, self.kind, self.key, self.accepts = name, kind, key, accepts
        self.valid = valid            # nothing is wrong with it: only engines may fail it
        self.stream = stream
        self.tokens_max = tokens_max
        self.began, self.ended = time.monotonic(), None
        self.status = self.id = self.outcome = self.usage = None
        self.events = 0               # tokens seen passing
        self.head_sent = False        # whole: the service has read it, unless it was killed or we reset
        self.silent = False           # it may not even have been read
        self.idle_since = None        # since when its connection had waited for it; None: a new one
        self.error_event = False
        self.exact = False            # all events of the answer were seen
        self.ticket = None            # the one it brings; then the one that it was given
        self.stream_name = None       # of an answer that may be returned to
        self.last_event = 0           # its number
        self.in_order = True          # the numbers of its events were 1, 2, 3 …
        self.goes_on_s = 0.0          # so long the answer may go on without its client
        self.continues = None         # the call whose answer this one reads on

    def end(self, outcome):
        self.outcome = outcome
        self.ended = time.monotonic()

    def __repr__(self):
        idle = "a new one" if self.idle_since is None else f"one that was idle for {self.began - self.idle_since:.2f} s"
        return (f"{self.kind} {self.name} ({self.outcome}, status {self.status}, id {self.id}, {self.events} events, on {idle}, "
                f"{(self.ended or time.monotonic()) - self.began:.2f} s)")


class Wire:
    """One connection; whoever uses it sets the time limit."""

    def __init__(self, port):
        self.port = port
        self.sock = None
        self.buffer = bytearray()
        self.idle_since = None
        self.pause = 0.0  # before each read

    async def open(self, receive_buffer=None):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(self.sock, ("127.0.0.1", self.port))
        except BaseException:
            self.close()
            raise
        return self

    @property
    def is_open(self):
        return self.sock is not None

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def reset(self):
        """Ends with RST, as a client that was killed with bytes unread."""
        if self.sock:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    async def send(self, data):
        try:
            await asyncio.get_running_loop().sock_sendall(self.sock, data)
        except OSError as error:
            raise Ended from error

    async def more(self, count=65536):
        if self.pause:
            await asyncio.sleep(self.pause)
        try:
            data = await asyncio.get_running_loop().sock_recv(self.sock, 2048 if self.pause else count)
        except OSError as error:
            raise Ended from error
        if not data:
            raise Ended
        self.buffer += data

    async def until(self, mark):
        while (at := self.buffer.find(mark)) < 0:
            await self.more()
        found = bytes(self.buffer[:at])
        del self.buffer[:at + len(mark)]
        return found

    async def take(self, count):
        while len(self.buffer) < count:
            await self.more()
        found = bytes(self.buffer[:count])
        del self.buffer[:count]
        return found


async def read_head(wire, call):
    """Headers by lower-case name; 1xx answers are passed over."""
    while True:
        text = (await wire.until(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.split("\r\n")
        status = int(first.split(" ", 2)[1])
        if status >= 200:
            break
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    call.status, call.id, call.ticket = status, headers.get("x-request-id"), headers.get("seawall-ticket")
    call.stream_name = headers.get("seawall-stream")
    return headers


def read_event(call, event):
    for line in event.split(b"\n"):
        if line.startswith(b"id: "):
            number = int(line[4:])
            call.in_order &= number == call.last_event + 1
            call.last_event = number
        elif line.startswith(b"data: ") and line != b"data: [DONE]":
            count_tokens(call, line[6:])


def count_tokens(call, data):
    """What the gateway counts: an event that brings text for a choice is a token."""
    event = json.loads(data)
    if "error" in event:
        call.error_event = True
        return
    if event.get("usage"):
        call.usage = event["usage"]
    for choice in event.get("choices", ()):
        said = choice.get("delta") or choice
        if said.get("content") or said.get("reasoning_content") or said.get("text") or said.get("tool_calls"):
            call.events += 1


async def read_stream(wire, call, leave_after=None):
    """Reads to the last chunk; True unless it left after so many tokens."""
    text = b""
    while size := int(await wire.until(b"\r\n"), 16):
        text += await wire.take(size)
        await wire.take(2)
        *events, text = text.split(b"\n\n")
        for event in events:
            read_event(call, event)
        if leave_after is not None and call.events >= leave_after:
            return False
    await wire.take(2)
    call.exact = True
    return True


async def read_answer(wire, call, leave_after=None, to_head=False):
    """Reads what comes and ends the call; the connection is closed unless it can be used again."""
    headers = await read_head(wire, call)
    answer = call.continues or call
    if headers.get("transfer-encoding") == "chunked":
        if not await read_stream(wire, answer, leave_after):
            return
    elif not to_head and "content-length" in headers:
        body = await wire.take(int(headers["content-length"]))
        if call.status == 200 and headers.get("content-type", "").startswith("application/json"):
            call.usage = json.loads(body).get("usage")
    call.end(WHOLE)
    wire.idle_since = call.ended
    if headers.get("connection", "").lower() == "close" or answer.error_event:  # behind a failed stream the service closes
        wire.close()


def request(method, path, call, body=None, headers=(), length=True):
    """The bytes of one request, its head and its body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: soak", f"X-Request-Id: {call.name}"]
    if call.key:
        lines.append(f"Authorization: Bearer {call.key.text}")
    if call.ticket:
        lines.append(f"Seawall-Ticket: {call.ticket}")
    lines += headers
    if body is not None:
        lines.append("Content-Type: application/json")
        if length:
            lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n", body or b""
