# SPDX-License-Identifier: Apache-2.0
"""The supervised model: killed in mid-stream it is back by itself, and the gateway never goes down."""
import concurrent.futures
import json
import os
import pathlib
import signal
import time

import openai
import pytest

import conftest
from service import wait_for
from talks import LONG, LONG_BODY, plain

MODEL_FILES = {"--embedded-model": "smollm2.gguf", "--embedded-python": "venv/bin/python",
               "--embedded-program": "embedded_model.py"}


@pytest.fixture(scope="module")
def home():
    """A service that starts its own model, as ./run does; its check is quick to see a dead one, and answers are as long as asked."""
    run, stop = conftest.system_fixtures.starter()
    extra = [word for option, file in MODEL_FILES.items() for word in (option, str(conftest.MODEL / file))]
    config = {"pools": [{"name": "local", "backends": [{"embedded": True}], "probe": "tokens", "probe_every": "200ms",
                         "probe_timeout": "3s"}],
              "models": [{"name": "smollm2", "engine_fields": ["ignore_eos"]}]}
    service = run(config=config, extra=extra)
    service.tool("status", "--wait", "60")
    yield service
    stop()


@pytest.fixture
def before(home):
    """The service's children, with a model that answers; afterwards the gateway is still the same process."""
    wait_up(home)
    children = home.children()
    yield children
    wait_up(home)
    after = home.children()
    assert after["gateway"] == children["gateway"] and after["model"] != children["model"]


def wait_up(service):
    wait_for(lambda: service.tool("status", check=False).returncode == 0 and service.children().get("model"), 30, "the model")


def kill_model(children):
    os.kill(children["model"], signal.SIGKILL)


def test_a_stream_whose_model_dies_is_an_api_error_and_the_next_calls_succeed(home, knock, before):
    client = knock(home)
    stream = iter(client.chat.completions.create(**LONG, stream=True))
    for _ in range(3):
        next(stream)
    died = time.monotonic()
    kill_model(before)
    with pytest.raises(openai.APIError) as caught:
        for _ in stream:
            pass
    assert caught.value.code == "bad_gateway" and time.monotonic() - died < 2

    # A user who lets the client try again sees nothing but a wait.
    answer = knock(home, max_retries=10).chat.completions.create(**plain())
    assert answer.choices[0].message.content and answer.usage.completion_tokens > 0


def test_the_wire_shows_an_error_event_and_no_done(home, before):
    body = json.dumps({**LONG_BODY, "stream": True}).encode()
    connection = home.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                          b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                          % (home.api_key().encode(), len(body)) + body)
    seen = b""
    while seen.count(b"data: ") < 4:
        seen += connection.recv(65536)
    kill_model(before)
    while piece := connection.recv(65536):
        seen += piece
    connection.close()
    last = [line for line in seen.split(b"\n") if line.startswith(b"data: ")][-1]
    assert json.loads(last[6:])["error"]["code"] == "bad_gateway"
    assert b"[DONE]" not in seen


def test_a_whole_call_whose_model_dies_is_a_502_and_no_half_answer(home, knock, before):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        call = pool.submit(knock(home).chat.completions.create, **LONG)
        in_flight = [name for name in home.metrics() if name.startswith("seawall_backend_in_flight")][0]
        home.wait_metric(in_flight, 1)
        kill_model(before)
        with pytest.raises(openai.InternalServerError) as caught:
            call.result(10)
    assert caught.value.status_code in (502, 503)


def test_while_the_model_is_away_calls_are_refused_at_once_and_all_else_is_served(home, knock, before):
    kill_model(before)
    refused, end = 0, time.monotonic() + 20
    while (not home.children().get("model") or refused == 0) and time.monotonic() < end:
        began = time.monotonic()
        try:
            knock(home).chat.completions.create(**plain(max_tokens=1))
        except openai.InternalServerError as error:
            refused += 1
            assert error.status_code in (502, 503)
        assert time.monotonic() - began < 5
        assert home.request("GET", "/")[0] == 200
        assert home.request("GET", "/v1/models", key=home.key)[0] == 200
    assert refused > 0


def test_the_key_of_the_model_is_in_no_argument_and_no_environment(home):
    pid = wait_for(lambda: home.children().get("model"), 30, "the model")
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"key" not in words.lower()


def test_a_model_that_hangs_is_judged_by_its_tokens(home):
    """Stopped, it still has its port open and its connections up."""
    wait_up(home)
    pid = home.children()["model"]
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: home.tool("status", check=False).returncode != 0, 40, "a model that is down")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_up(home)
