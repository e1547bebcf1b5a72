#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record what llama.cpp's server answers, as fixtures for the answer assembler and the error table.

    record.py PYTHON MODEL.gguf      PYTHON: one that has xllamacpp (./run leaves one in DATA/model/venv)

Starts libexec/embedded_model.py on a free port with one thread, which makes the choices of tokens
repeatable, and writes into this folder <name>.request.json and <name>.json or <name>.sse for each case, and
index.json with status and headers. Every chat and completion case that can be streamed is recorded both ways
with the same seed, so that the stream put together must equal the whole answer but for id, created and
timings.
"""
import http.client
import json
import pathlib
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parents[3] / "libexec" / "embedded_model.py"
KEY = "fixture-key"
CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"

SAY = [{"role": "user", "content": "Say hello in five words."}]
WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}},
                   "required": ["city"], "additionalProperties": False}}}


def asked(*cities):
    """A talk whose earlier turns call the function: a model of this size then does as it did before."""
    talk = []
    for number, first in enumerate(("Bonn", "Lima", "Kyiv")):
        names = [first, "Cork"][:len(cities)]
        calls = [{"id": f"call_{number}{place}", "type": "function", "function": {
            "name": "get_weather", "arguments": json.dumps({"city": name})}}
            for place, name in enumerate(names)]
        talk += [{"role": "user", "content": f"Weather in {' and '.join(names)}?"},
                 {"role": "assistant", "content": "", "tool_calls": calls}]
    return talk + [{"role": "user", "content": f"Weather in {' and '.join(cities)}?"}]


SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {
    "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"],
    "additionalProperties": False}}}


def chat(messages=SAY, **fields):
    return {"model": "smollm2", "messages": messages, "max_tokens": 12, "seed": 7, "temperature": 0,
            **fields}


def text(**fields):
    return {"model": "smollm2", "prompt": "The capital of France is", "max_tokens": 6, "seed": 7,
            "temperature": 0, **fields}


BOTH_WAYS = {
    "chat-plain": (CHAT, chat()),
    "chat-length": (CHAT, chat(max_tokens=3)),
    "chat-stop": (CHAT, chat(stop=["!"])),
    "chat-n2": (CHAT, chat(n=2, temperature=1.5, max_tokens=6)),
    "chat-logprobs": (CHAT, chat(logprobs=True, top_logprobs=2, max_tokens=4)),
    "chat-n2-logprobs": (CHAT, chat(n=2, temperature=1.5, max_tokens=3, logprobs=True, top_logprobs=1)),
    "chat-tools": (CHAT, chat(asked("Rome"), tools=[WEATHER], tool_choice="required", max_tokens=48)),
    "chat-tools-parallel": (CHAT, chat(asked("Rome", "Oslo"), tools=[WEATHER], tool_choice="required",
                                       parallel_tool_calls=True, max_tokens=80)),
    "chat-tools-cut": (CHAT, chat(asked("Rome"), tools=[WEATHER], tool_choice="required",
                                  max_tokens=16)),
    "chat-tools-unused": (CHAT, chat(tools=[WEATHER], tool_choice="auto")),
    "chat-json-object": (CHAT, chat(response_format={"type": "json_object"}, max_tokens=16)),
    "chat-json-schema": (CHAT, chat(response_format=SCHEMA, max_tokens=16)),
    "chat-utf8": (CHAT, chat(grammar='root ::= "é🙂漢字\\n\\t\\"\\\\"', max_tokens=16)),
    "chat-reasoning": (CHAT, chat(grammar='root ::= "<think>why</think>so"', max_tokens=16)),
    "chat-empty": (CHAT, chat(grammar='root ::= ""', max_tokens=4)),
    "text-plain": (TEXT, text()),
    "text-logprobs": (TEXT, text(logprobs=2, max_tokens=3)),
    "text-n2": (TEXT, text(n=2, temperature=1.5, max_tokens=3)),
    "text-prompts": (TEXT, text(prompt=["One two", "A B"], max_tokens=3)),
}

STREAM_ONLY = {
    "chat-no-usage": (CHAT, chat(stream=True, max_tokens=3)),
    "text-no-usage": (TEXT, text(stream=True, max_tokens=3)),
    "chat-continuous-usage": (CHAT, chat(stream=True, max_tokens=3, stream_options={
        "include_usage": True, "continuous_usage_stats": True})),
}

ONCE = {
    "models": ("GET", "/v1/models", None),
    "health": ("GET", "/health", None),
    "slots": ("GET", "/slots", None),
    "error-path": ("POST", "/v1/nothing", {}),
    "error-embeddings": ("POST", "/v1/embeddings", {"model": "smollm2", "input": "hello"}),
    "error-unfinished-json": ("POST", CHAT, '{"messages": [{"role": "user"'),
    "error-no-messages": ("POST", CHAT, {"model": "smollm2"}),
    "chat-no-turns": ("POST", CHAT, chat([])),
    "chat-unknown-role": ("POST", CHAT, chat([{"role": "nobody", "content": "hi"}])),
    "error-type": ("POST", CHAT, chat(max_tokens="many")),
    "error-image": ("POST", CHAT, chat([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])),
    "error-grammar": ("POST", CHAT, chat(grammar="root ::= (")),
    "error-schema": ("POST", CHAT, chat(response_format={"type": "json_schema", "json_schema": {
        "schema": {"type": "nothing"}}})),
    "error-n": ("POST", CHAT, chat(n=9)),
    "error-context": ("POST", CHAT, chat([{"role": "user", "content": "word " * 1100}])),
    "error-context-streamed": ("POST", CHAT, chat([{"role": "user", "content": "word " * 1100}],
                                                stream=True)),
    "chat-unknown-model": ("POST", CHAT, chat(model="no-such-model", max_tokens=2)),
    "chat-max-tokens-zero": ("POST", CHAT, chat(max_tokens=0)),
}


def start(python, model):
    """Start the engine on a free port; returns the process and the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"model": model, "alias": "smollm2", "host": "127.0.0.1", "port": port, "api_key": KEY,
                "slots": 4, "context": 4096, "threads": 1}
    child = subprocess.Popen([python, str(PROGRAM)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(json.dumps(settings).encode() + b"\n")
    child.stdin.flush()
    for line in child.stderr:
        if b"listens on" in line:
            return child, port
    sys.exit("the engine does not start")


def record(port, name, method, path, body, key=KEY):
    """Make one call, write its request and its answer, and return its line of the index."""
    data = body if isinstance(body, str) or body is None else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, data, {"content-type": "application/json",
                                            **({"authorization": f"Bearer {key}"} if key else {})})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    kind = response.getheader("content-type", "")
    file = name + (".sse" if kind.startswith("text/event-stream") else ".json")
    (HERE / file).write_bytes(answer)
    line = {"name": name, "method": method, "path": path, "status": response.status, "answer": file,
            "headers": {k.lower(): v for k, v in response.getheaders()}}
    if data is not None:
        line["request"] = name + ".request.json"
        (HERE / line["request"]).write_text(data + "\n")
    return line


def main():
    child, port = start(sys.argv[1], sys.argv[2])
    index = []
    for name, (path, body) in BOTH_WAYS.items():
        # The whole answer comes first and warms the prompt cache once for both, so that both report the
        # same number of cached tokens.
        record(port, name, "POST", path, body)
        index.append(record(port, name, "POST", path, body))
        stream = {**body, "stream": True, "stream_options": {"include_usage": True}}
        index.append(record(port, name + "-stream", "POST", path, stream))
    for name, (path, body) in STREAM_ONLY.items():
        index.append(record(port, name, "POST", path, body))
    for name, (method, path, body) in ONCE.items():
        index.append(record(port, name, method, path, body))
    index.append(record(port, "error-key", "GET", "/v1/models", None, "wrong"))
    index.append(record(port, "error-no-key", "GET", "/v1/models", None, None))
    (HERE / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    child.stdin.close()
    sys.stderr.write(child.stderr.read().decode())
    child.wait(10)


main()
