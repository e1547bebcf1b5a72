# SPDX-License-Identifier: Apache-2.0
"""A scripted inference server: says exactly what a test wants, at the moment it wants, and sees when its caller hangs up.

    with Engine(stream_of(["Hel", "lo"])) as engine:
        ... engine.url, engine.calls, engine.calls[0].hung_up.wait(1)

A behaviour is a function of one Call: it writes bytes with call.send() and returns; keep-alive goes on if it returns True.
The probes of the health check (GET /v1/models, completions of one token) are answered by the engine itself unless
`probes` is False.
"""
import json
import select
import socket
import threading
import time


class Call:
    """One request as the engine saw it, and the wire back."""

    def __init__(self, connection, method, path, headers, body):
        self.connection = connection
        self.method, self.path, self.headers, self.raw = method, path, headers, body
        self.began = time.monotonic()
        self.hung_up = threading.Event()
        self.hung_up_at = None
        self.sent = 0

    @property
    def body(self):
        return json.loads(self.raw)

    def gone(self):
        """Has the caller closed? Looks, does not wait."""
        if self.hung_up.is_set():
            return True
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable:
            try:
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    self.note_hang_up()
            except OSError:
                self.note_hang_up()
        return self.hung_up.is_set()

    def note_hang_up(self):
        if not self.hung_up.is_set():
            self.hung_up_at = time.monotonic()
            self.hung_up.set()

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        try:
            self.connection.sendall(data)
            self.sent += len(data)
        except OSError:
            self.note_hang_up()
            raise Gone from None

    def pause(self, seconds):
        """Waits, but not beyond the caller's hang-up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.gone():
                raise Gone
            time.sleep(min(0.005, max(0.0, end - time.monotonic())))


class Gone(Exception):
    """The caller has hung up."""


def head(status=200, kind="text/event-stream", length=None, extra=""):
    framing = f"Content-Length: {length}\r\n" if length is not None else "Transfer-Encoding: chunked\r\n"
    return f"HTTP/1.1 {status} X\r\nServer: scripted\r\nContent-Type: {kind}\r\n{framing}{extra}\r\n"


def chunk(text):
    data = text.encode() if isinstance(text, str) else text
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(payload):
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"data: {text}\n\n"


def delta(content=None, index=0, finish=None, **more):
    fields = dict(more)
    if content is not None:
        fields["content"] = content
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "/secret/path/weights.gguf",
            "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def usage(prompt, completion, choices=()):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "/secret/path/weights.gguf",
            "choices": list(choices), "usage": {"prompt_tokens": prompt, "completion_tokens": completion,
                                                "total_tokens": prompt + completion}}


def whole(content="Hello", prompt=3, completion=1):
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "/secret/path/weights.gguf",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop",
                         "logprobs": None}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}}


def json_answer(call, body, status=200, extra=""):
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    data = data.encode() if isinstance(data, str) else data
    call.send(head(status, "application/json", len(data), extra).encode() + data)
    return True


def stream_of(tokens, pause=0.0, prompt=3, reported=None, finish="stop"):
    """A well-behaved engine: the tokens, one event each, then usage if asked, then [DONE]; whole if asked whole."""

    def behave(call):
        asked = call.body
        if not asked.get("stream"):
            for _ in tokens:
                call.pause(pause)
            return json_answer(call, whole("".join(tokens), prompt, reported or len(tokens)))
        call.send(head())
        call.send(chunk(event(delta("", role="assistant"))))
        for token in tokens:
            if pause:
                call.pause(pause)
            call.send(chunk(event(delta(token))))
        call.send(chunk(event(delta(finish=finish))))
        if asked.get("stream_options", {}).get("include_usage"):
            call.send(chunk(event(usage(prompt, reported or len(tokens)))))
        call.send(chunk(event("[DONE]")) + b"0\r\n\r\n")
        return True

    return behave


def says(data):
    """Sends these bytes and closes."""

    def behave(call):
        call.send(data)
        return False

    return behave


def endless(pause=0.01):
    """Tokens until the caller hangs up."""

    def behave(call):
        if not call.body.get("stream"):
            while True:
                call.pause(1)
        call.send(head())
        while True:
            call.send(chunk(event(delta("x "))))
            call.pause(pause)

    return behave


def flood(call):
    """Events as fast as they are taken."""
    piece = chunk(event(delta("y" * 8000)))
    call.send(head())
    while True:
        call.send(piece)


def silent(call):
    """Takes the request and says nothing."""
    while True:
        call.pause(1)


class Engine:
    def __init__(self, behaviour=None, probes=True, models=("test-model",), owned_by="scripted", tls=None, port=0):
        """`tls`: an ssl.SSLContext; calls on such a connection do not see hang-ups."""
        self.behaviour = behaviour or stream_of(["Hello"])
        self.probes, self.models, self.owned_by = probes, models, owned_by
        self.calls = []
        self.probed = 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.open = set()
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Like an engine that was killed: the port refuses, open connections break."""
        self.closed = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.closed:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        plain = connection
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while self._one(connection, stream):
                pass
        except (OSError, ValueError):
            pass
        finally:
            self.open.discard(plain)
            connection.close()
            plain.close()

    def _one(self, connection, stream):
        line = stream.readline(65536)
        if not line:
            return False
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while (line := stream.readline(65536)) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        call = Call(connection, method, path, headers, body)
        try:
            if self.probes and self._is_probe(call):
                self.probed += 1
                return self._probe(call)
            self.calls.append(call)
            return self.behaviour(call)
        except Gone:
            return False

    @staticmethod
    def _is_probe(call):
        if call.method == "GET":
            return True
        try:
            return call.body.get("max_tokens") == 1 and call.body["messages"][0]["content"] == "Hi"
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return False

    def _probe(self, call):
        if call.method == "GET":
            data = [{"id": name, "object": "model", "owned_by": self.owned_by} for name in self.models]
            return json_answer(call, {"object": "list", "data": data})
        return stream_of(["Hi"])(call)
