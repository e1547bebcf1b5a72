# SPDX-License-Identifier: Apache-2.0
"""A client's connection: what is no clean HTTP/1.1 is refused and closed, what is may come in any pieces, and slow clients harm only themselves."""
import random
import threading
import time

import pytest

from engine import Engine, chunk, endless, flood, head, json_answer, stream_of, whole
from service import events_of, wait_for
from wire import Wire, chat, chat_body, deltas, request


@pytest.fixture(scope="module")
def door(share):
    with Engine(stream_of(["Hel", "lo"])) as engine:
        service = share(engine)
        service.engine = engine
        service.api_key()
        yield service


@pytest.fixture(autouse=True)
def no_calls_yet(request):
    if "door" in request.fixturenames:
        door = request.getfixturevalue("door")
        door.engine.calls.clear()
        door.engine.behaviour = stream_of(["Hel", "lo"])


# ---- framing: what could be read in two ways is not read at all -----------------------------------

BODY = b'{"model":"test-model","messages":[{"role":"user","content":"hi"}]}'
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: smuggled\r\n\r\n"


def post(key, *lines, body=BODY, target=b"POST /v1/chat/completions HTTP/1.1", host=b"Host: a\r\n"):
    fields = b"".join(line + b"\r\n" for line in lines)
    return target + b"\r\n" + host + b"Authorization: Bearer " + key + b"\r\nContent-Type: application/json\r\n" + fields + b"\r\n" + body


def framed(*lines, body=BODY + SMUGGLED):
    return lambda key: post(key, *lines, body=body)


def chunked(body):
    return framed(b"Transfer-Encoding: chunked", body=body)


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKS = b"%x\r\n%s\r\n" % (len(BODY), BODY)
HEAD_LINE = b"POST /v1/chat/completions HTTP/1.1"

SMUGGLING = {
    # two ways to find the end of a body
    "length and coding": framed(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "coding and length": framed(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED),
    "coding and length zero": framed(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "two equal lengths": framed(LENGTH, LENGTH),
    "two lengths that differ": framed(LENGTH, b"Content-Length: 5"),
    "length of another case again": framed(LENGTH, b"content-length: 0"),
    "list of equal lengths": framed(b"Content-Length: %d, %d" % (len(BODY), len(BODY))),
    "list of lengths": framed(b"Content-Length: %d, 0" % len(BODY)),
    "length and a comma": framed(b"Content-Length: %d," % len(BODY)),
    "plus before the length": framed(b"Content-Length: +%d" % len(BODY)),
    "minus before the length": framed(b"Content-Length: -1"),
    "minus zero": framed(b"Content-Length: -0"),
    "length with an underscore": framed(b"Content-Length: 6_6"),
    "length in hexadecimal": framed(b"Content-Length: 0x42"),
    "length in octal is a number, but this one is not": framed(b"Content-Length: 0o102"),
    "length with a fraction": framed(b"Content-Length: 66.0"),
    "length with an exponent": framed(b"Content-Length: 6e1"),
    "empty length": framed(b"Content-Length:"),
    "blank length": framed(b"Content-Length: \t "),
    "length with a space inside": framed(b"Content-Length: 6 6"),
    "length that overflows": framed(b"Content-Length: 18446744073709551682"),
    "length with a letter": framed(b"Content-Length: 66a"),
    "length in full-width digits": framed("Content-Length: \uff16\uff16".encode()),
    # codings
    "coding xchunked": framed(b"Transfer-Encoding: xchunked", body=CHUNKS + b"0\r\n\r\n"),
    "coding chunkedx": framed(b"Transfer-Encoding: chunked1", body=CHUNKS + b"0\r\n\r\n"),
    "comma before chunked": framed(b"Transfer-Encoding: ,chunked", body=CHUNKS + b"0\r\n\r\n"),
    "comma behind chunked": framed(b"Transfer-Encoding: chunked,", body=CHUNKS + b"0\r\n\r\n"),
    "chunked twice in a list": framed(b"Transfer-Encoding: chunked, chunked", body=CHUNKS + b"0\r\n\r\n"),
    "chunked twice": framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS + b"0\r\n\r\n"),
    "identity": framed(b"Transfer-Encoding: identity", LENGTH),
    "identity and chunked": framed(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=CHUNKS + b"0\r\n\r\n"),
    "gzip before chunked": framed(b"Transfer-Encoding: gzip, chunked", body=CHUNKS + b"0\r\n\r\n"),
    "chunked not last": framed(b"Transfer-Encoding: chunked, gzip", body=CHUNKS + b"0\r\n\r\n"),
    "chunked with a parameter": framed(b"Transfer-Encoding: chunked;q=1", body=CHUNKS + b"0\r\n\r\n"),
    "chunked in quotes": framed(b'Transfer-Encoding: "chunked"', body=CHUNKS + b"0\r\n\r\n"),
    "empty coding": framed(b"Transfer-Encoding:", LENGTH),
    "vertical tab before chunked": framed(b"Transfer-Encoding: \x0bchunked", body=CHUNKS + b"0\r\n\r\n"),
    "coding in HTTP/1.0": lambda key: post(key, b"Transfer-Encoding: chunked", target=b"POST /v1/chat/completions HTTP/1.0", body=CHUNKS + b"0\r\n\r\n"),
    # field lines
    "space before the colon": framed(b"Content-Length : %d" % len(BODY)),
    "space before the coding's colon": framed(b"Transfer-Encoding : chunked", LENGTH),
    "tab before the colon": framed(b"Content-Length\t: 5"),
    "space before the name": framed(b" Content-Length: 5"),
    "folded line": framed(LENGTH, b"X-A: b\r\n c"),
    "folded coding": framed(b"Transfer-Encoding:\r\n chunked", body=CHUNKS + b"0\r\n\r\n"),
    "no name": framed(LENGTH, b": x"),
    "no colon": framed(LENGTH, b"nonsense"),
    "parenthesis in a name": framed(LENGTH, b"X(A): b"),
    "letter beyond ASCII in a name": framed(LENGTH, b"X-\xc3\xa9: b"),
    "NUL in a name": framed(LENGTH, b"X\0A: b"),
    "NUL in a value": framed(LENGTH, b"X-A: b\0c"),
    "CR in a value": framed(LENGTH, b"X-A: b\rc"),
    "escape in a value": framed(LENGTH, b"X-A: \x1b[0m"),
    "DEL in a value": framed(LENGTH, b"X-A: \x7f"),
    "bare LF behind a field": framed(LENGTH + b"\nX-A: b"),
    "bare LF hides a coding": framed(b"X-A: b\nTransfer-Encoding: chunked", LENGTH),
    "bare CR hides a coding": framed(b"X-A: b\rTransfer-Encoding: chunked", LENGTH),
    # the first line and the end of the head
    "bare LF behind the first line": lambda key: post(key, LENGTH).replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n", 1),
    "head that ends with LF LF": lambda key: post(key, LENGTH).replace(b"\r\n\r\n", b"\n\n", 1),
    "head that ends with LF CRLF": lambda key: post(key, LENGTH).replace(b"\r\n\r\n", b"\n\r\n", 1),
    "CR CR LF": lambda key: post(key, LENGTH).replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\r\n", 1),
    "two empty lines before": lambda key: b"\r\n\r\n" + post(key, LENGTH),
    "LF before": lambda key: b"\n" + post(key, LENGTH),
    "space before the method": lambda key: b" " + post(key, LENGTH),
    "two spaces behind the method": lambda key: post(key, LENGTH, target=b"POST  /v1/chat/completions HTTP/1.1"),
    "tab behind the method": lambda key: post(key, LENGTH, target=b"POST\t/v1/chat/completions HTTP/1.1"),
    "two spaces behind the target": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions  HTTP/1.1"),
    "space behind the version": lambda key: post(key, LENGTH, target=HEAD_LINE + b" "),
    "space in the target": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions x HTTP/1.1"),
    "NUL in the target": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions\0 HTTP/1.1"),
    "control in the target": lambda key: post(key, LENGTH, target=b"POST /v1/chat/\x07completions HTTP/1.1"),
    "fragment in the target": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions#x HTTP/1.1"),
    "target without a slash": lambda key: post(key, LENGTH, target=b"POST v1/chat/completions HTTP/1.1"),
    "authority as target": lambda key: post(key, LENGTH, target=b"CONNECT a:80 HTTP/1.1"),
    "method in lower case": lambda key: post(key, LENGTH, target=b"post /v1/chat/completions HTTP/1.1"),
    "method with a bracket": lambda key: post(key, LENGTH, target=b"PO[ST /v1/chat/completions HTTP/1.1"),
    "no version": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions"),
    "version 0.9": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions HTTP/0.9"),
    "version 1.2": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions HTTP/1.2"),
    "version 2.0": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions HTTP/2.0"),
    "version 1.10": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions HTTP/1.10"),
    "version with zeros": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions HTTP/01.1"),
    "version in lower case": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions http/1.1"),
    "another protocol": lambda key: post(key, LENGTH, target=b"POST /v1/chat/completions RTSP/1.0"),
    "preface of HTTP/2": lambda key: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "hello of TLS": lambda key: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",
    "PROXY line": lambda key: b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + post(key, LENGTH),
    # Host
    "no host": lambda key: post(key, LENGTH, host=b""),
    "two hosts": lambda key: post(key, LENGTH, host=b"Host: a\r\nHost: b\r\n"),
    "two equal hosts": lambda key: post(key, LENGTH, host=b"Host: a\r\nHost: a\r\n"),
    "list of hosts": lambda key: post(key, LENGTH, host=b"Host: a, b\r\n"),
    "host with a path": lambda key: post(key, LENGTH, host=b"Host: a/b\r\n"),
    "host with a user": lambda key: post(key, LENGTH, host=b"Host: u@a\r\n"),
    "host with a space": lambda key: post(key, LENGTH, host=b"Host: a b\r\n"),
    "host with a port that is none": lambda key: post(key, LENGTH, host=b"Host: a:b\r\n"),
    # chunks
    "chunk size with a plus": chunked(b"+" + CHUNKS + b"0\r\n\r\n"),
    "chunk size with a minus": chunked(b"-" + CHUNKS + b"0\r\n\r\n"),
    "chunk size with 0x": chunked(b"0x" + CHUNKS + b"0\r\n\r\n"),
    "chunk size with an underscore": chunked(CHUNKS.replace(b"\r\n", b"_\r\n", 1) + b"0\r\n\r\n"),
    "space before the chunk size": chunked(b" " + CHUNKS + b"0\r\n\r\n"),
    "space behind the chunk size": chunked(CHUNKS.replace(b"\r\n", b" \r\n", 1) + b"0\r\n\r\n"),
    "no chunk size": chunked(b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "only an extension": chunked(b";a=b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size that overflows": chunked(b"1000000000000000" + CHUNKS + b"0\r\n\r\n"),
    "chunk size of 40 zeros and a digit": chunked(b"0" * 300 + CHUNKS + b"0\r\n\r\n"),
    "bare LF behind the chunk size": chunked(CHUNKS.replace(b"\r\n", b"\n", 1) + b"0\r\n\r\n"),
    "bare CR behind the chunk size": chunked(CHUNKS.replace(b"\r\n", b"\rx", 1) + b"0\r\n\r\n"),
    "escape in an extension": chunked(CHUNKS.replace(b"\r\n", b';a="\\""\r\n', 1) + b"0\r\n\r\n"),
    "line end in a quoted extension": chunked(CHUNKS.replace(b"\r\n", b';a="\r\n', 1) + b'"\r\n0\r\n\r\n'),
    "bare LF in an extension": chunked(CHUNKS.replace(b"\r\n", b";a\n\r\n", 1) + b"0\r\n\r\n"),
    "CR in an extension": chunked(CHUNKS.replace(b"\r\n", b";a\rb\r\n", 1) + b"0\r\n\r\n"),
    "NUL in an extension": chunked(CHUNKS.replace(b"\r\n", b";a\0\r\n", 1) + b"0\r\n\r\n"),
    "chunk longer than said": chunked(b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "bare LF behind a chunk": chunked(CHUNKS[:-2] + b"\n0\r\n\r\n"),
    "nothing behind a chunk": chunked(CHUNKS[:-2] + b"0\r\n\r\n"),
    "bare LF behind the last chunk": chunked(CHUNKS + b"0\n\r\n"),
    "bare LF at the end": chunked(CHUNKS + b"0\r\n\n"),
    "bare LF in the trailers": chunked(CHUNKS + b"0\r\nX-A: b\n\r\n"),
    "length among the trailers": chunked(CHUNKS + b"0\r\nContent-Length: 5\r\n\r\n"),
    "coding among the trailers": chunked(CHUNKS + b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailer without a name": chunked(CHUNKS + b"0\r\n: b\r\n\r\n"),
    "trailer with a space before the colon": chunked(CHUNKS + b"0\r\nX-A : b\r\n\r\n"),
    "NUL in a trailer": chunked(CHUNKS + b"0\r\nX-A: \0\r\n\r\n"),
    "a request among the trailers": chunked(CHUNKS + b"0\r\n" + SMUGGLED),
}


@pytest.mark.parametrize("what", SMUGGLING)
def test_what_two_readers_could_read_differently_is_refused_and_closed(door, what):
    with Wire(door.port) as wire:
        wire.send_all_it_takes(SMUGGLING[what](door.key.encode()))
        answer = wire.answer()
        rest = wire.rest()
    if what in ("version 1.2", "version 2.0", "preface of HTTP/2", "version 0.9", "version 1.10", "another protocol"):
        assert answer.status in (400, 505), answer
    elif what in ("authority as target", "method in lower case"):
        assert answer.status in (400, 405, 501), answer
    else:
        assert answer.status == 400, answer
    assert answer.error["code"] in ("bad_http", "not_implemented", "method_not_allowed")
    assert answer.closes and rest == b""  # one answer, to one request, and then nothing
    assert not door.engine.calls


def test_refused_connections_are_in_the_access_log(door):
    seen = set()
    for what in ("length and coding", "preface of HTTP/2", "bare LF behind a chunk"):
        with Wire(door.port) as wire:
            seen.add(wire.send_all_it_takes(SMUGGLING[what](door.key.encode())).answer().headers["x-request-id"])
    for name in seen:
        (line,) = door.logged(id=name)
        assert line["reason"] == "BAD_HTTP" and line["status"] == 400


@pytest.mark.parametrize("what", ["length and coding", "bare LF hides a coding", "NUL in a value", "bare LF behind a chunk", "a request among the trailers"])
def test_it_is_refused_also_when_it_comes_byte_by_byte(door, what):
    with Wire(door.port) as wire:
        for byte in SMUGGLING[what](door.key.encode()):
            wire.send_all_it_takes(bytes([byte]))
        answer = wire.answer()
        assert answer.status == 400 and answer.closes
    assert not door.engine.calls


# ---- what is clean may come as it likes -----------------------------------------------------------


@pytest.mark.parametrize("data", [
    chunked(CHUNKS + b"0\r\n\r\n"), chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
    chunked(CHUNKS.replace(b"\r\n", b';name="a b";x\r\n', 1) + b"000\r\n\r\n"), chunked(CHUNKS + b"0\r\nX-Trailer: yes\r\n\r\n"),
    framed(b"Transfer-Encoding: Chunked", body=CHUNKS.replace(b"42\r\n", b"0042\r\n") + b"0\r\n\r\n"),
    framed(LENGTH, b"Connection: keep-alive", body=BODY), framed(b"Content-Length:   %d  " % len(BODY), body=BODY),
    lambda key: b"\r\n" + post(key, LENGTH), lambda key: post(key, LENGTH, target=b"POST http://a.example/v1/chat/completions HTTP/1.1"),
    lambda key: post(key, LENGTH, host=b"Host: [::1]:8080\r\n"), framed(LENGTH, b"X-A: caf\xc3\xa9 \xff", b"X-Empty:", body=BODY),
], ids=range(11))
@pytest.mark.parametrize("pieces", ["whole", "bytes", "halves"])
def test_a_clean_request_is_served_in_whatever_pieces_it_comes(door, data, pieces):
    text = data(door.key.encode())
    with Wire(door.port) as wire:
        if pieces == "whole":
            wire.send(text)
        elif pieces == "halves":
            wire.send(text[:len(text) // 2])
            assert wire.quiet(0.02)
            wire.send(text[len(text) // 2:])
        else:
            for byte in text:
                wire.send(bytes([byte]))
        answer = wire.answer()
        assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "Hello"
        assert wire.send(request("GET", "/v1/models", key=door.key)).answer().status == 200
    assert door.engine.calls[0].body["messages"] == [{"role": "user", "content": "hi"}]


def echo(call):
    return json_answer(call, whole(call.body["messages"][0]["content"]))


@pytest.mark.parametrize("padding", [0, 4000])
def test_fifty_pipelined_requests_are_answered_in_order(door, padding):
    """With padding they are more than is read ahead, so reading stops and goes on."""
    door.engine.behaviour = echo
    with Wire(door.port, timeout=20) as wire:
        sender = threading.Thread(target=wire.send, args=(b"".join(chat(f"{number}", door.key, [("X-Padding", "p" * padding)])
                                                                   for number in range(50)),))
        sender.start()
        texts = [wire.answer().json["choices"][0]["message"]["content"] for _ in range(50)]
        sender.join()
    assert texts == [str(number) for number in range(50)]


def test_pipelined_requests_of_all_kinds_keep_their_order(door):
    with Wire(door.port) as wire:
        wire.send(request("HEAD", "/v1/models", key=door.key) + request("GET", "/nothing") + chat("hi", door.key, stream=True)
                  + request("OPTIONS", "/v1/models") + chat("hi", "sk-wrong"))
        assert wire.answer(to_head=True).status == 200
        assert wire.answer().status == 404
        assert deltas(events_of(wire.answer().body)) == "Hello"
        assert wire.answer().status == 204
        assert wire.answer().status == 401


def test_a_connection_that_is_asked_to_close_closes(door):
    with Wire(door.port) as wire:
        answer = wire.send(request("GET", "/v1/models", key=door.key, headers=[("Connection", "close")]) + SMUGGLED).answer()
        assert answer.status == 200 and answer.closes
        assert wire.rest() == b""


def test_http_1_0_is_served_once(door):
    with Wire(door.port) as wire:
        answer = wire.send(b"POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer %s\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s"
                           % (door.key.encode(), len(BODY), BODY)).answer()
        assert answer.status == 200 and answer.closes and "transfer-encoding" not in answer.headers
        assert wire.rest() == b""


# ---- Expect ------------------------------------------------------------------------------------


def test_a_client_that_asks_is_told_to_go_on_and_then_sends(door):
    with Wire(door.port) as wire:
        wire.send(post(door.key.encode(), LENGTH, b"Expect: 100-continue", body=b""))
        answer = wire.answer()
        assert answer.status == 100 and not answer.headers
        wire.send(BODY)
        assert wire.answer().status == 200


def test_a_client_that_did_not_wait_is_not_told(door):
    with Wire(door.port) as wire:
        wire.send(post(door.key.encode(), LENGTH, b"Expect: 100-Continue"))
        assert wire.answer().status == 200


@pytest.mark.parametrize("change, status", [
    (lambda data, key: data.replace(key.encode(), b"sk-wrong"), 401),
    (lambda data, key: data.replace(b"application/json", b"text/plain"), 415),
    (lambda data, key: data.replace(LENGTH, b"Content-Length: 99999999"), 413),
    (lambda data, key: data.replace(b"100-continue", b"200-ok"), 417),
    (lambda data, key: data.replace(b"Expect: 100-continue", b"Expect: 100-continue\r\nExpect: 100-continue"), 417),
    (lambda data, key: data.replace(b"/v1/chat/completions", b"/v1/nothing"), 404),
])
def test_a_client_that_asks_hears_a_refusal_before_it_has_sent_its_body(door, change, status):
    with Wire(door.port) as wire:
        wire.send(change(post(door.key.encode(), LENGTH, b"Expect: 100-continue", body=b""), door.key))
        answer = wire.answer()
        assert answer.status == status and answer.closes and answer.error
        assert wire.ended()


def test_an_old_client_that_expects_is_not_told(door):
    with Wire(door.port) as wire:
        wire.send(post(door.key.encode(), LENGTH, b"Expect: 100-continue", target=b"POST /v1/chat/completions HTTP/1.0"))
        assert wire.answer().status == 200


# ---- too much, too slow, cut off ---------------------------------------------------------------------


@pytest.mark.parametrize("data, status", [
    (b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * (1 << 20) + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(10000)) + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(150)) + b"\r\n", 431),
    (b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"G" * (1 << 20), 400),
    (b"\r\n" * 100000, 400),
    (b"\0" * (1 << 20), 400),
], ids=["1 MB field", "10,000 fields", "150 fields", "1 MB target", "1 MB method", "empty lines", "zeros"])
def test_a_head_too_large_is_refused_and_closed(door, data, status):
    with Wire(door.port) as wire:
        wire.send_all_it_takes(data)
        answer = wire.answer()
        assert answer.status == status or (status == 400 and answer.status in (400, 414)), answer
        assert answer.closes and answer.error
        assert wire.ended()


def test_a_head_of_many_fields_within_the_limits_passes(door):
    with Wire(door.port) as wire:
        assert wire.send(request("GET", "/v1/models", key=door.key, headers=[(f"X-{n}", "v" * 200) for n in range(90)])).answer().status == 200


@pytest.fixture(scope="module")
def hasty(share):
    """A door with short deadlines."""
    with Engine(stream_of(["Hel", "lo"])) as engine:
        service = share(engine, deadlines={"head": "300ms", "body": "500ms", "keep_alive": "300ms", "send_stall": "1s"})
        service.engine = engine
        service.api_key()
        yield service


def test_a_slow_head_is_408_however_it_trickles(hasty):
    with Wire(hasty.port) as wire:
        began = time.monotonic()
        for byte in b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"x" * 500:
            wire.send_all_it_takes(bytes([byte]))
            if not wire.quiet(0.02):
                break
        answer = wire.answer()
        assert answer.status == 408 and answer.closes and answer.error["code"] == "request_timeout"
        assert 0.2 < time.monotonic() - began < 2
        assert wire.ended()


def test_a_slow_body_is_408(hasty):
    with Wire(hasty.port) as wire:
        wire.send(post(hasty.key.encode(), b"Content-Length: 100000", body=b"{"))
        while wire.quiet(0.05):
            wire.send_all_it_takes(b" ")
        answer = wire.answer()
        assert answer.status == 408 and answer.closes
    assert not hasty.engine.calls


@pytest.mark.parametrize("data", [b"", b"\r\n"])
def test_a_connection_that_says_nothing_is_closed_without_a_word(hasty, data):
    with Wire(hasty.port) as wire:
        began = time.monotonic()
        assert wire.send(data).rest() == b"" or data
        assert time.monotonic() - began < 2


def test_a_connection_that_waits_too_long_for_its_next_request_is_closed(hasty):
    with Wire(hasty.port) as wire:
        assert wire.send(request("GET", "/v1/models", key=hasty.key)).answer().status == 200
        began = time.monotonic()
        assert wire.rest() == b""
        assert 0.2 < time.monotonic() - began < 2


@pytest.mark.parametrize("data", [
    lambda key: b"POST /v1/ch", lambda key: post(key, LENGTH, body=b""), lambda key: post(key, LENGTH, body=BODY[:-1]),
    lambda key: post(key, b"Transfer-Encoding: chunked", body=CHUNKS), lambda key: post(key, b"Transfer-Encoding: chunked", body=CHUNKS + b"0\r\n"),
], ids=range(5))
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_request_that_is_cut_off_never_reaches_an_engine(door, data, how):
    wire = Wire(door.port)
    wire.send(data(door.key.encode()))
    assert wire.quiet(0.02)
    getattr(wire, how)()
    assert Wire(door.port).send(request("GET", "/v1/models", key=door.key)).answer().status == 200
    door.wait_metric("seawall_requests_open", 0)
    assert not door.engine.calls


def test_a_client_that_ends_its_side_has_gone(door):
    """A FIN behind a whole request means that nobody waits: the engine stops."""
    door.engine.behaviour = endless()
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True)).head()
        wire.sock.shutdown(1)
        assert door.engine.calls[0].hung_up.wait(1)
        wire.rest()


# ---- slow readers -------------------------------------------------------------------------------------


def test_a_reader_that_stands_still_is_let_go(hasty):
    hasty.engine.calls.clear()
    hasty.engine.behaviour = flood
    with Wire(hasty.port, receive_buffer=32768) as wire:
        wire.send(chat(key=hasty.key, stream=True))
        wait_for(lambda: hasty.engine.calls, what="a call")
        assert hasty.engine.calls[0].hung_up.wait(5)
        assert 1.0 <= hasty.engine.calls[0].hung_up_at - hasty.engine.calls[0].began < 4
    hasty.engine.behaviour = stream_of(["Hel", "lo"])
    assert hasty.logged(reason="CLIENT_STALLED")


def test_a_reader_that_is_slow_but_reads_is_not(hasty):
    hasty.engine.calls.clear()
    hasty.engine.behaviour = flood
    with Wire(hasty.port, receive_buffer=8192) as wire:
        wire.send(chat(key=hasty.key, stream=True))
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert wire.sock.recv(65536)
            time.sleep(0.05)
        assert not hasty.engine.calls[0].hung_up.is_set()
    hasty.engine.behaviour = stream_of(["Hel", "lo"])


def test_a_client_of_bytes_at_random_does_no_harm(door):
    chance = random.Random(7)
    alphabet = [b"GET / HTTP/1.1\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", b"Content-Length: 5\r\n", b"\0", b"\n", b"\r", b"x",
                b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", bytes(range(256)), b":" * 100, b"Authorization: Bearer " + door.key.encode() + b"\r\n"]
    for _ in range(300):
        with Wire(door.port) as wire:
            wire.send_all_it_takes(b"".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 12))))
            if chance.random() < 0.3:
                wire.reset()
    gateway = door.gateway()
    assert door.chat("still there")[0] == 200 and door.gateway() == gateway
    assert [call.body["messages"][0]["content"] for call in door.engine.calls] == ["still there"]


def test_a_body_that_repeats_a_chat_body_is_one_request(door):
    """Bytes behind a body are a request of their own, or nothing: never a part of it."""
    with Wire(door.port) as wire:
        wire.send(post(door.key.encode(), LENGTH) + post(door.key.encode(), LENGTH))
        assert [wire.answer().status, wire.answer().status] == [200, 200]
    assert len(door.engine.calls) == 2
    assert door.engine.calls[0].body["messages"] == chat_body("hi")["messages"]


def test_a_slow_reader_of_a_closing_connection_gets_its_whole_answer(start, make_engine):
    text = "y" * 6_000_000
    door = start(make_engine(lambda call: json_answer(call, whole(text))), pool={"upstream_stream": "never"})
    with Wire(door.port, receive_buffer=16384) as wire:
        wire.send(chat(key=door.api_key(), headers=[("Connection", "close")]))
        time.sleep(3)  # longer than a closing connection lingers
        assert wire.answer().json["choices"][0]["message"]["content"] == text


def test_refused_streams_do_not_count_as_open(start, make_engine):
    door = start(make_engine(lambda call: json_answer(call, {"error": "no"}, 400)))
    assert door.chat(stream=True)[0] == 400
    assert door.metrics()["seawall_streams_open"] == 0
