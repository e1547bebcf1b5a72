# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 by hand: bytes out exactly as a test wants them, answers in piece by piece, each with the moment it came."""
import collections
import json
import select
import socket
import struct
import time


class Answer:
    def __init__(self, status, headers, body=b"", head_text=b""):
        self.status, self.headers, self.body, self.head_text = status, headers, body, head_text

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"


class Closed(Exception):
    """The other side ended before what was waited for had come."""


class Wire:
    """One client connection."""

    def __init__(self, port, timeout=10.0, receive_buffer=None, host="127.0.0.1"):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.events = collections.deque()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST, as a process that was killed with bytes unread."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def send_all_it_takes(self, data):
        """Sends until the other side takes no more: what it then did not read does not matter."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass
        return self

    def receive(self):
        """The next piece that the kernel has, or b"" at the end."""
        try:
            return self.sock.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def more(self):
        data = self.receive()
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def rest(self):
        """Everything up to the end of the connection."""
        while True:
            data = self.receive()
            if not data:
                found, self.buffer = self.buffer, b""
                return found
            self.buffer += data

    def head(self):
        text = self.until(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        return Answer(int(status), headers, head_text=text)

    def chunk(self):
        """The data of the next chunk; b"" is the last."""
        size = int(self.until(b"\r\n"), 16)
        data = self.take(size)
        assert self.take(2) == b"\r\n"
        return data

    def chunks(self):
        while data := self.chunk():
            yield data

    def answer(self, to_head=False):
        """A whole answer; a 1xx counts as one."""
        answer = self.head()
        if to_head or answer.status < 200 or answer.status in (204, 304):
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in answer.headers
            answer.body = b"".join(self.chunks())
        elif "content-length" in answer.headers:
            answer.body = self.take(int(answer.headers["content-length"]))
        else:
            answer.body = self.rest()
        return answer

    def event(self):
        """(data, moment) of the next event of a chunked stream, as soon as its chunk is here; None at the end."""
        while not self.events:
            data = self.chunk()
            moment = time.monotonic()
            if not data:
                return None
            self.events += [(line[6:], moment) for line in data.decode().split("\n") if line.startswith("data: ")]
        return self.events.popleft()

    def ended(self, seconds=5.0):
        """Has the other side closed, within this time? What it still says is thrown away."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.sock], [], [], left)
            if readable and not self.receive():
                return True
        return False

    def quiet(self, seconds=0.05):
        """Does nothing come for this long?"""
        return not self.buffer and not select.select([self.sock], [], [], seconds)[0]


def request(method, path, body=None, key=None, headers=(), host="127.0.0.1", version="HTTP/1.1", length=True):
    """The bytes of one request. `body`: bytes, text, or what becomes JSON."""
    lines = [f"{method} {path} {version}", f"Host: {host}"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        lines.append("Content-Type: application/json")
    if body is not None and length:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def chat_body(text="Hello", **more):
    return {"model": "test-model", "messages": [{"role": "user", "content": text}], **more}


def chat(text="Hello", key=None, headers=(), **more):
    """The bytes of a chat request."""
    return request("POST", "/v1/chat/completions", chat_body(text, **more), key, headers)


def deltas(events, name="content"):
    """What a stream's events say, put together."""
    found = ""
    for data in events:
        if data == "[DONE]":
            continue
        for choice in json.loads(data).get("choices", []):
            found += choice["delta"].get(name) or ""
    return found
