# SPDX-License-Identifier: Apache-2.0
"""Between the door and its engines: work stops when nobody waits for it, failures are tried again or told in time, and TLS means something."""
import collections
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from engine import Engine, Gone, chunk, delta, endless, event, head, json_answer, says, silent, stream_of, whole
from service import events_of, wait_for
from wire import Wire, chat, deltas

AT_ONCE = 0.1  # seconds in which an engine is to see that its caller has gone


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine)
        service.engine = engine
        service.api_key()
        yield service


@pytest.fixture(autouse=True)
def fresh_engine(request):
    if "door" in request.fixturenames:
        engine = request.getfixturevalue("door").engine
        engine.calls.clear()
        engine.behaviour = stream_of(["Hel", "lo"])


def first_call(engine):
    return wait_for(lambda: engine.calls and engine.calls[0], what="a call")


def leave(wire, how):
    if how == "end":
        wire.sock.shutdown(socket.SHUT_WR)
    else:
        getattr(wire, how)()
    return time.monotonic()


def backend(door, engine):
    """What `seawall status` says of this engine."""
    for pool in json.loads(door.tool("status", "--json", check=False).stdout)["pools"]:
        for found in pool["backends"]:
            if found["url"] == engine.url:
                return found
    raise AssertionError(engine.url)


# ---- when the client goes -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset", "end"])
@pytest.mark.parametrize("asked_as_stream, behaviour", [(True, silent), (False, silent), (True, endless()), (False, endless()), (True, endless(0))],
                         ids=["before the first byte", "before the first byte of a whole answer", "in mid-stream", "while a whole answer is gathered",
                              "while it floods"])
def test_the_engine_sees_within_100_ms_that_the_client_has_gone(door, asked_as_stream, behaviour, how):
    door.engine.behaviour = behaviour
    wire = Wire(door.port).send(chat(key=door.key, stream=asked_as_stream))
    call = first_call(door.engine)
    if behaviour is not silent and asked_as_stream:
        wire.head()
        wire.chunk()
    else:
        time.sleep(0.05)  # the engine is at work
    assert not call.hung_up.is_set()
    left = leave(wire, how)
    assert call.hung_up.wait(2)
    assert call.hung_up_at - left < AT_ONCE, f"{call.hung_up_at - left:.3f} s"
    assert len(door.engine.calls) == 1  # nothing is tried again for nobody
    wire.close()


@pytest.mark.parametrize("mode", ["never", "always"])
def test_so_it_does_whichever_way_a_whole_answer_is_asked_for(start, make_engine, mode):
    engine = make_engine(silent)
    door = start(engine, pool={"upstream_stream": mode})
    wire = Wire(door.port).send(chat(key=door.api_key()))
    call = first_call(engine)
    left = leave(wire, "close")
    assert call.hung_up.wait(2) and call.hung_up_at - left < AT_ONCE
    (line,) = door.logged(reason="CLIENT_GONE")
    assert line["status"] == 0


def full_listener():
    """A server whose backlog is full: a connection to it is neither made nor refused."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        waiting.append(client)
    return listener, waiting


def test_a_client_may_go_while_the_engine_is_being_connected(start):
    listener, waiting = full_listener()
    config = {"pools": [{"name": "p", "backends": [{"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}], "probe": "off", "connect": "20s"}],
              "models": [{"name": "test-model"}]}
    door = start(config=config)
    wire = Wire(door.port).send(chat(key=door.api_key(), stream=True))
    door.wait_metric("seawall_requests_open", 1)
    time.sleep(0.05)
    left = leave(wire, "close")
    wait_for(lambda: door.metrics()["seawall_requests_open"] == 0, what="the end of the request")
    assert time.monotonic() - left < AT_ONCE
    in_flight = [value for name, value in door.metrics().items() if name.startswith("seawall_backend_in_flight")]
    assert in_flight == [0]
    for client in waiting:
        client.close()
    listener.close()


@pytest.mark.parametrize("stream", [True, False])
def test_an_engine_that_died_is_503_from_the_first_call_on(start, engine, stream):
    door = start(engine, pool={"probe": "off"})
    assert door.chat()[0] == 200  # leaves a connection that the engine's end makes stale
    engine.close()
    status, headers, body = door.chat(stream=stream)
    assert status == 503 and json.loads(body)["error"]["code"] == "model_unavailable"
    assert int(headers["retry-after"]) > 0
    (line,) = door.logged(id=headers["x-request-id"])
    assert line["reason"] == "NO_BACKEND" and "refused" in line["detail"]


def test_an_engine_that_does_not_accept_is_503_in_time(start):
    listener, waiting = full_listener()
    config = {"pools": [{"name": "p", "backends": [{"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}], "probe": "off", "connect": "200ms"}],
              "models": [{"name": "test-model"}]}
    door = start(config=config)
    door.api_key()
    began = time.monotonic()
    status, _, body = door.chat()
    assert status == 503 and json.loads(body)["error"]["code"] == "model_unavailable"
    assert time.monotonic() - began < 2
    for client in waiting:
        client.close()
    listener.close()


def test_what_was_charged_for_a_client_that_went_is_what_came(door):
    go_on = threading.Event()

    def behave(call):
        call.send(head())
        for _ in range(7):
            call.send(chunk(event(delta("x "))))
        go_on.wait(5)
        call.pause(5)

    door.engine.behaviour = behave
    with Wire(door.port) as wire:
        wire.send(chat(key=door.key, stream=True))
        name = wire.head().headers["x-request-id"]
        seen = 0
        while seen < 7:
            seen += len(events_of(wire.chunk()))
    go_on.set()
    (line,) = door.logged(id=name)
    assert line["reason"] == "CLIENT_GONE" and line["completion_tokens"] == 7 and line["prompt_tokens"] > 0


# ---- deadlines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked_as_stream", [True, False])
def test_an_engine_that_does_not_begin_in_time_is_504_and_asked_only_once(start, make_engine, asked_as_stream):
    engines = make_engine(silent), make_engine(silent)
    door = start(*engines, pool={"first_byte": "300ms"})
    door.api_key()
    began = time.monotonic()
    status, headers, body = door.chat(stream=asked_as_stream)
    assert status == 504 and headers["content-type"] == "application/json"
    assert json.loads(body)["error"]["code"] == "model_timeout"
    assert 0.25 < time.monotonic() - began < 1.5
    calls = [call for engine in engines for call in engine.calls]
    assert len(calls) == 1 and calls[0].hung_up.wait(1)


@pytest.mark.parametrize("asked_as_stream", [True, False])
def test_an_engine_that_stops_in_the_middle_is_told_of(start, make_engine, asked_as_stream):
    def behave(call):
        call.send(head() + chunk(event(delta("Hel"))).decode())
        call.pause(20)

    engine = make_engine(behave)
    door = start(engine, pool={"idle": "300ms"})
    status, _, body = door.chat(stream=asked_as_stream)
    if asked_as_stream:
        assert status == 200
        events = events_of(body)
        assert deltas(events[:-1]) == "Hel" and json.loads(events[-1])["error"]["code"] == "model_stalled"
    else:
        assert status == 504 and json.loads(body)["error"]["code"] == "model_stalled"
    assert engine.calls[0].hung_up.wait(1)


def test_comments_keep_a_slow_engine_alive(start, make_engine):
    def behave(call):
        call.send(head())
        for _ in range(8):
            call.send(chunk(": still at it\n\n"))
            call.pause(0.1)
        call.send(chunk(event(delta("Hi")) + event(delta(finish="stop")) + event("[DONE]")) + b"0\r\n\r\n")
        return True

    engine = make_engine(behave)
    door = start(engine, pool={"idle": "400ms"})
    status, _, body = door.chat(stream=True)
    assert status == 200 and deltas(events_of(body)) == "Hi"


# ---- trying again -------------------------------------------------------------------------------------


def test_calls_go_to_the_other_engine_when_one_refuses_connections(start, make_engine):
    dead, alive = make_engine(), make_engine(stream_of(["ok"]))
    dead.close()
    door = start(dead, alive, pool={"probe": "off"})
    door.api_key()
    assert [door.chat()[0] for _ in range(8)] == [200] * 8
    assert len(alive.calls) == 8
    assert backend(door, dead)["retries"] > 0


@pytest.mark.parametrize("behaviour", [lambda call: json_answer(call, {"error": "full"}, 503), lambda call: json_answer(call, {"error": "full"}, 429), says(b"")],
                         ids=["503", "429", "closes without a byte"])
def test_calls_go_to_the_other_engine_when_one_cannot(start, make_engine, behaviour):
    bad, good = make_engine(behaviour), make_engine(stream_of(["ok"]))
    door = start(bad, good)
    door.api_key()
    for asked_as_stream in (True, False) * 4:
        assert door.chat(stream=asked_as_stream)[0] == 200
    assert bad.calls and len(good.calls) == 8


def test_nothing_is_tried_again_once_an_answer_has_begun(start, make_engine):
    engines = [make_engine(says(head() + chunk(event(delta("x"))).decode())) for _ in range(2)]
    door = start(*engines)
    status, _, _ = door.chat(stream=True)
    assert status == 200 and sum(len(engine.calls) for engine in engines) == 1


def test_a_kept_connection_that_the_engine_closes_at_the_next_call_is_replaced(start, make_engine):
    """The race of keep-alive: the engine closes just when the call is sent. That costs nothing and nobody notices."""
    served = collections.Counter()

    def behave(call):
        served[call.connection] += 1
        if served[call.connection] > 1:
            return False  # closes without a byte
        return stream_of(["ok"])(call)

    engine = make_engine(behave)
    door = start(engine, pool={"retries": 0})
    with Wire(door.port) as wire:
        for _ in range(5):
            assert wire.send(chat(key=door.api_key())).answer().status == 200
    assert len(engine.calls) > 5
    assert backend(door, engine)["failures"] == 0


def test_connections_to_engines_are_used_again(start, make_engine):
    connections = set()

    def behave(call):
        connections.add(call.connection)
        return stream_of(["ok"])(call)

    engine = make_engine(behave)
    door = start(engine, service={"workers": 1})
    door.api_key()
    for _ in range(10):
        assert door.chat(stream=True)[0] == 200
    assert len(connections) == 1


def test_an_engine_that_only_fails_is_left_alone_for_a_while_and_then_tried(start, make_engine):
    engine = make_engine(says(b""))
    door = start(engine, pool={"probe": "off", "retries": 0, "breaker_failures": 3, "breaker_pause": "400ms"})
    door.api_key()
    assert [door.chat()[0] for _ in range(3)] == [502] * 3
    status, headers, body = door.chat()
    assert status == 503 and json.loads(body)["error"]["code"] == "model_unavailable" and int(headers["retry-after"]) > 0
    assert len(engine.calls) == 3
    assert backend(door, engine)["state"] == "down"
    engine.behaviour = stream_of(["back"])
    wait_for(lambda: door.chat()[0] == 200, what="the end of the pause")
    assert backend(door, engine)["state"] == "up"


def test_a_callers_bad_request_does_not_take_an_engine_from_everybody(start, make_engine):
    engine = make_engine(lambda call: json_answer(call, {"error": {"message": "image input is broken"}}, 500))
    door = start(engine, pool={"probe": "off", "breaker_failures": 2})
    door.api_key()
    assert [door.chat()[0] for _ in range(6)] == [502] * 6
    assert len(engine.calls) == 6


def test_an_engine_that_dies_is_found_by_its_check_and_so_is_its_return(start, make_engine):
    engine = make_engine()
    door = start(engine, pool={"probe_every": "100ms", "probe_timeout": "200ms"})
    door.api_key()
    wait_for(lambda: backend(door, engine)["state"] == "up", what="up")
    port = engine.port
    engine.close()
    wait_for(lambda: backend(door, engine)["state"] == "down", what="down")
    assert door.tool("status", check=False).returncode == 1
    assert door.chat()[0] == 503
    again = make_engine(stream_of(["again"]), port=port)
    wait_for(lambda: backend(door, again)["state"] == "up", what="up again")
    assert door.chat()[0] == 200
    assert door.tool("status", check=False).returncode == 0


# ---- several engines --------------------------------------------------------------------------------------


def held(release):
    def behave(call):
        release.wait(10)
        return stream_of(["ok"])(call)
    return behave


@pytest.mark.parametrize("weights, shares", [((1, 1), (6, 6)), ((3, 1), (9, 3))])
def test_engines_share_the_work_by_their_weights(start, make_engine, weights, shares):
    release = threading.Event()
    engines = [make_engine(held(release)) for _ in weights]
    door = start(*engines, pool={"backends": [{"url": engine.url, "weight": weight} for engine, weight in zip(engines, weights)]},
                 service={"workers": 1})
    wires = []
    for number in range(12):
        wires.append(Wire(door.port).send(chat(key=door.api_key())))
        wait_for(lambda: sum(len(engine.calls) for engine in engines) == number + 1, what="the next call")
    assert tuple(len(engine.calls) for engine in engines) == shares
    release.set()
    assert all(wire.answer().status == 200 for wire in wires)


def test_each_engine_gets_its_own_key_and_never_the_clients(start, make_engine, folder):
    engines = [make_engine(stream_of(["ok"])) for _ in range(3)]
    secret = folder / "upstream.key"
    secret.write_text("sk-of-the-first\n")
    secret.chmod(0o600)
    backends = [{"url": engines[0].url, "api_key_file": str(secret)}, {"url": engines[1].url, "api_key_env": "SECOND_KEY"}, {"url": engines[2].url}]
    door = start(*engines, pool={"backends": backends}, env={"SECOND_KEY": "sk-of-the-second"})
    door.api_key()
    for _ in range(12):
        assert door.chat()[0] == 200
    keys = [{call.headers.get("authorization") for call in engine.calls} for engine in engines]
    assert keys == [{"Bearer sk-of-the-first"}, {"Bearer sk-of-the-second"}, {None}]
    assert "sk-of-the" not in door.log() + json.dumps(door.tool_json("status")) + json.dumps(door.access_log())


def test_an_engine_may_live_behind_a_prefix(start, make_engine):
    engine = make_engine(stream_of(["ok"]))
    door = start(engine, pool={"backends": [{"url": engine.url + "/openai/v1"}]})
    assert door.chat()[0] == 200
    assert engine.calls[0].path == "/openai/v1/chat/completions"


# ---- TLS --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two certificate authorities; from the first, a certificate for 127.0.0.1 and one for another name."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name, names in (("good", "IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.example")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return folder


def tls_engine(make_engine, certificates, name, behaviour=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    if newest:
        context.maximum_version = newest
    return make_engine(behaviour or stream_of(["over ", "TLS"]), tls=context)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_engine_behind_tls_is_served_when_its_certificate_is_good(start, make_engine, certificates, newest):
    engine = tls_engine(make_engine, certificates, "good", newest=newest)
    door = start(engine, pool={"backends": [{"url": engine.url, "ca_file": str(certificates / "ca.pem")}]})
    door.api_key()
    for asked_as_stream in (True, False, True):
        status, _, body = door.chat(stream=asked_as_stream)
        assert status == 200 and b"TLS" in body


@pytest.mark.parametrize("certificate, authority", [("good", "other"), ("good", None), ("elsewhere", "ca"), ("ca", "other")])
def test_an_engine_with_a_wrong_certificate_never_sees_a_request(start, make_engine, certificates, certificate, authority):
    engine = tls_engine(make_engine, certificates, certificate)
    backend_settings = {"url": engine.url}
    if authority:
        backend_settings["ca_file"] = str(certificates / f"{authority}.pem")
    door = start(engine, pool={"backends": [backend_settings], "probe": "off"})
    status, headers, body = door.chat()
    assert status == 503 and json.loads(body)["error"]["code"] == "model_unavailable"
    assert not engine.calls
    (line,) = door.logged(id=headers["x-request-id"])
    assert "certificate" in line["detail"]


def test_a_large_answer_and_a_large_request_pass_through_tls(start, make_engine, certificates):
    text = "".join(chr(33 + number % 90) for number in range(300000))
    engine = tls_engine(make_engine, certificates, "good", lambda call: json_answer(call, whole(call.body["messages"][0]["content"])))
    door = start(engine, pool={"backends": [{"url": engine.url, "ca_file": str(certificates / "ca.pem")}]})
    status, _, body = door.chat(text)
    assert status == 200 and json.loads(body)["choices"][0]["message"]["content"] == text


def test_an_engine_that_cuts_its_tls_connection_has_not_finished(start, make_engine, certificates):
    """An answer whose end is the connection's end may have been cut by anyone on the way: without TLS's goodbye it is none."""

    def behave(call):
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event(delta("Hel")).encode())
        call.connection.shutdown(socket.SHUT_RDWR)
        raise Gone

    engine = tls_engine(make_engine, certificates, "good", behave)
    door = start(engine, pool={"backends": [{"url": engine.url, "ca_file": str(certificates / "ca.pem")}]})
    assert door.chat()[0] == 502


def test_requests_to_many_engines_at_a_time_do_not_mix(start, make_engine):
    engines = [make_engine(lambda call: stream_of([call.body["messages"][0]["content"], "!"])(call)) for _ in range(3)]
    door = start(*engines)
    door.api_key()
    wrong = []

    def client(name):
        with Wire(door.port) as wire:
            for turn in range(15):
                text = f"{name}-{turn}"
                answer = wire.send(chat(text, door.key, stream=turn % 2 == 0)).answer()
                got = deltas(events_of(answer.body)) if turn % 2 == 0 else answer.json["choices"][0]["message"]["content"]
                if got != text + "!":
                    wrong.append((text, got))

    threads = [threading.Thread(target=client, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(len(engine.calls) for engine in engines) == 16 * 15
    assert min(len(engine.calls) for engine in engines) > 20
