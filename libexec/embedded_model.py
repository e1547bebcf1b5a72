#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The embedded model: llama.cpp's server in a child process of the supervisor.

Comes in: one line of JSON on standard input, so that the key is in no argument and no environment:

    {"model": "/path/weights.gguf", "alias": "smollm2", "host": "127.0.0.1", "port": 18080,
     "api_key": "...", "slots": 4, "context": 8192, "threads": 2}

`context` is shared by the slots: 8192 and 4 slots make 2048 tokens for each call. A Jinja file that lies
beside the weights under their name (weights.jinja) takes the place of the chat template inside them.

Goes out: an HTTP server on host:port that wants the key on every path but /health, and one line on
standard error when it listens or when it cannot.

Standard input is a pipe that stays open, and silent, as long as the supervisor lives: its end, however
the supervisor ended, ends this process, and so does SIGTERM. SIGINT is ignored: a Ctrl-C reaches the whole foreground group, and
the supervisor first drains the calls that run here.
"""
import errno
import fcntl
import json
import os
import select
import signal
import socket
import sys

EXIT_BAD_SETTINGS = 2
EXIT_NO_MODEL = 3
EXIT_BAD_MODEL = 4
EXIT_PORT_TAKEN = 5
EXIT_NO_ENGINE = 6

LINE_BYTES_MAX = 65536

SETTINGS = {
    "model": str,
    "alias": str,
    "host": str,
    "port": int,
    "api_key": str,
    "slots": int,
    "context": int,
    "threads": int,
}

# Finished prompts that the engine keeps in memory to reuse. Its default of 8 GiB is more than many a
# small machine has.
PROMPT_CACHE_MIB = 256

# Errors only: the levels above it describe requests, and logs hold no prompts.
LOG_ERRORS = 1


def fail(code, text):
    """Say why in one line and leave. Skips destructors: the engine's threads may hold its locks."""
    sys.stderr.write(f"embedded model: {text}\n")
    sys.stderr.flush()
    os._exit(code)


def read_settings(line):
    """Return the checked settings; leaves with EXIT_BAD_SETTINGS when a field is not what it should be."""
    try:
        settings = json.loads(line)
    except ValueError:
        fail(EXIT_BAD_SETTINGS, "standard input must begin with one line of JSON")
    if not isinstance(settings, dict) or set(settings) != set(SETTINGS):
        fail(EXIT_BAD_SETTINGS, f"settings must be exactly {', '.join(SETTINGS)}")
    for name, kind in SETTINGS.items():
        value = settings[name]
        if type(value) is not kind or not value or (kind is int and value < 0):
            noun = "a positive number" if kind is int else "a text that is not empty"
            fail(EXIT_BAD_SETTINGS, f"'{name}' must be {noun}")
    if settings["port"] > 65535:
        fail(EXIT_BAD_SETTINGS, "'port' must be at most 65535")
    if settings["context"] < settings["slots"]:
        fail(EXIT_BAD_SETTINGS, "'context' must hold at least one token for each slot")
    return settings


def check_model_file(path):
    """Refuse what is plainly not a model before the engine gets it."""
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        fail(EXIT_NO_MODEL, f"cannot open model '{path}': {os.strerror(error.errno).lower()}")
    if magic != b"GGUF":
        fail(EXIT_BAD_MODEL, f"'{path}' is not a GGUF file")


def chat_template(model):
    """Return the text of the template beside the weights, or '' when there is none."""
    path = os.path.splitext(model)[0] + ".jinja"
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        fail(EXIT_NO_MODEL, f"cannot read chat template '{path}': {error}")


def port_is_taken(host, port):
    """True when the address cannot be bound because somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def end_with_supervisor():
    """Have the kernel send SIGTERM when standard input ends; until the weights are loaded it just kills.

    The engine's constructor keeps Python's lock, for minutes with large weights, so neither a thread nor
    a Python signal handler could watch meanwhile.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        os._exit(0)


def read_line():
    """Read the first line byte by byte: what follows is the end, and is watched for, not read."""
    line = bytearray()
    while len(line) < LINE_BYTES_MAX:
        byte = os.read(0, 1)
        if byte in (b"", b"\n"):
            return bytes(line)
        line += byte
    fail(EXIT_BAD_SETTINGS, f"the line of settings is longer than {LINE_BYTES_MAX} bytes")


def engine_parameters(engine, settings):
    """Translate the settings into the engine's own parameters."""
    params = engine.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    params.hostnames = [settings["host"]]
    params.port = settings["port"]
    params.api_keys = [settings["api_key"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.endpoint_slots = True
    params.endpoint_metrics = True
    params.use_jinja = True
    params.chat_template = chat_template(settings["model"])
    params.reasoning_format = engine.common_reasoning_format.COMMON_REASONING_FORMAT_DEEPSEEK
    params.fit_params = False
    params.ui = False
    params.verbosity = LOG_ERRORS
    return params


def main():
    settings = read_settings(read_line())
    end_with_supervisor()
    check_model_file(settings["model"])
    host, port = settings["host"], settings["port"]
    try:
        import xllamacpp as engine
    except ImportError as error:
        fail(EXIT_NO_ENGINE, f"cannot load the engine: {error}")
    if port_is_taken(host, port):
        fail(EXIT_PORT_TAKEN, f"port {port} of {host} is in use")
    try:
        server = engine.Server(engine_parameters(engine, settings))
    except RuntimeError:
        if port_is_taken(host, port):
            fail(EXIT_PORT_TAKEN, f"port {port} of {host} is in use")
        fail(EXIT_BAD_MODEL, f"the engine cannot load '{settings['model']}': a damaged file, a kind of "
             "model it does not know, or too little memory")
    sys.stderr.write(f"embedded model: '{settings['alias']}' listens on {server.listening_address}\n")
    sys.stderr.flush()
    # There is nothing to save: leaving at once gives memory and sockets back to the kernel.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
