# SPDX-License-Identifier: Apache-2.0
"""A client that goes away, streamed or not, with whichever library: the engine's slot is free within 100 ms."""
import asyncio
import json
import os
import signal
import subprocess
import threading
import time

import openai
import pytest

from conftest import SLOTS
from talks import LONG, LONG_BODY

pytestmark = pytest.mark.usefixtures("quiet")

FREE_WITHIN_S = 0.1

# The fastest of three counts: other work on the machine only ever adds time, and a call that goes on takes seconds each time.
TIMES = 3


def fastest(measure):
    took = [measure() for _ in range(TIMES)]
    assert min(took) < FREE_WITHIN_S, took


# ---- Python ---------------------------------------------------------------------------------------


def test_a_stream_that_is_closed_in_the_fastest(client, model):
    def once():
        stream = client.chat.completions.create(**LONG, stream=True)
        next(stream)
        model.wait_generating()
        began = time.monotonic()
        stream.close()
        return model.freed_after(began)

    fastest(once)


def test_a_whole_call_that_is_cancelled(door, knock, model):
    async def leave():
        async with knock(door, openai.AsyncOpenAI) as client:
            call = asyncio.create_task(client.chat.completions.create(**LONG))
            await asyncio.to_thread(model.wait_generating)
            began = time.monotonic()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return await asyncio.to_thread(model.freed_after, began)

    fastest(lambda: asyncio.run(leave()))
    # The engine, asked itself, goes on for all 1500 tokens. What came until then is charged.
    lines = door.logged(reason="CLIENT_GONE", endpoint="chat", upstream_stream=True, count=TIMES)
    assert all(0 < line["completion_tokens"] < 1500 for line in lines[-TIMES:])


def test_a_whole_call_whose_client_loses_patience(door, knock, model):
    client = knock(door, timeout=1.0)
    ended = []

    def call():
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(**LONG)
        ended.append(time.monotonic())

    def once():
        ended.clear()
        caller = threading.Thread(target=call)
        caller.start()
        model.wait_generating()
        caller.join()
        return model.freed_after(ended[0])

    fastest(once)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_process_that_is_killed(door, model, stream):
    body = json.dumps({**LONG_BODY, "stream": stream})

    def once():
        curl = subprocess.Popen(["curl", "-sN", "-o", "/dev/null", "-H", f"Authorization: Bearer {door.key}",
                                 "-H", "Content-Type: application/json", "-d", body, door.base + "/v1/chat/completions"])
        model.wait_generating()
        began = time.monotonic()
        os.kill(curl.pid, signal.SIGKILL)
        curl.wait()
        return model.freed_after(began)

    fastest(once)


def test_a_completion_and_several_choices_stop_as_well(client, model):
    def once(create, calls, **asked):
        stream = create(model="smollm2", max_tokens=1500, extra_body={"ignore_eos": True}, stream=True, **asked)
        next(stream)
        model.wait_generating(calls)
        began = time.monotonic()
        stream.close()
        return model.freed_after(began)

    fastest(lambda: once(client.completions.create, 1, prompt="The sea is"))
    fastest(lambda: once(client.chat.completions.create, 3, messages=LONG["messages"], n=3))


def test_a_call_that_still_waits_for_a_slot_never_gets_one(client, model, door):
    """Before the first byte: all slots are taken, the next call waits inside the engine and leaves."""
    taken = [client.chat.completions.create(**LONG, stream=True) for _ in range(SLOTS)]
    for stream in taken:
        next(stream)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(**LONG)
    assert model.busy() == SLOTS
    began = time.monotonic()
    for stream in taken:
        stream.close()
    # If it were still in the engine's queue it would start now and work for ten seconds.
    assert model.freed_after(began) < 1
    in_flight = f'seawall_backend_in_flight{{pool="test",backend="{model.url}"}}'
    door.wait_metric(in_flight, 0)


def test_one_who_leaves_does_not_disturb_another(client):
    kept = client.chat.completions.create(**{**LONG, "max_tokens": 60}, stream=True)
    left = client.chat.completions.create(**LONG, stream=True)
    next(left)
    left.close()
    *_, last = kept
    assert last.choices[0].finish_reason == "length"


# ---- Node -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("script, part", [
    ("openai_client.mjs", "abort-stream"), ("openai_client.mjs", "abort-whole"), ("openai_client.mjs", "leave-loop"),
    ("ai_sdk.mjs", "abort-stream"), ("ai_sdk.mjs", "abort-whole")])
def test_an_abort_in_node(node, model, script, part):
    def once():
        child = node.begin(script, part)
        model.wait_generating()
        child.stdin.write("leave\n")
        child.stdin.flush()
        # It says when, and lives on until its input ends: its end is not what frees the slot.
        said = json.loads(child.stdout.readline() or "null")
        assert said, child.stderr.read()
        took = model.freed_after(said["left_at"], now=time.time)
        assert child.poll() is None
        _, err = child.communicate(timeout=20)
        assert child.returncode == 0, err
        assert said["error"] in (None, "APIUserAbortError", "AbortError"), said
        return took

    fastest(once)
