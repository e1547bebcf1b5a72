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

The engine is large, reads files and prompts from anywhere, and runs as the gateway's user. Before it is loaded this
process gives up gaining privileges and, where the kernel has Landlock, every file but what an engine reads: its libraries,
the weights, what the machine is. It can write nowhere, and the state folder with keys and ledger is out of its reach (SECURITY.md
says what Landlock does not know).
An exit status other than 0 comes only before it listens.
"""
import ctypes
import errno
import fcntl
import glob
import json
import os
import re
import select
import signal
import socket
import struct
import sys

EXIT_BAD_SETTINGS = 2
EXIT_NO_MODEL = 3
EXIT_BAD_MODEL = 4
EXIT_PORT_TAKEN = 5
EXIT_NO_ENGINE = 6
EXIT_NO_SANDBOX = 7

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

# The engine's threads take whatever processors they get, most of it to wait for each other. The gateway goes first,
# and whoever looks at the chat on the same machine: with four streams on two cores 95 % of the gateway's answers took
# 0.7 ms instead of 4.2, at as many tokens.
NICENESS = 10

# Errors only: the levels above it describe requests, and logs hold no prompts.
LOG_ERRORS = 1


# Whatever else there is on the disk, the engine does not see.
READABLE = (sys.prefix, sys.base_prefix, "/usr/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/proc", "/sys",
            "/dev/null", "/dev/urandom")

# Of linux/prctl.h, asm-generic/unistd.h (one number on all architectures) and linux/landlock.h.
PR_SET_NO_NEW_PRIVS = 38
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_ADD_RULE = 445
SYS_LANDLOCK_RESTRICT_SELF = 446
LANDLOCK_CREATE_RULESET_VERSION = 1
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_READ_FILE = 1 << 2
LANDLOCK_READ_DIR = 1 << 3
# How many kinds of access each version knows. Versions after the third add devices, network and signals: not used here.
LANDLOCK_KINDS = {1: 13, 2: 14, 3: 15}


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


def weights_files(model):
    """Return the files that loading `model` opens: itself, or all parts of it when its name is that of a first part."""
    split = re.fullmatch(r"(.*)-00001(-of-[0-9]{5}\.gguf)", model)
    return glob.glob(glob.escape(split[1]) + "-[0-9]*" + split[2]) if split else [model]


def system_call(libc, name, *arguments):
    """Return what the call returns, or raise its OSError."""
    result = getattr(libc, name)(*arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error).lower())
    return result


def allow_reading(libc, ruleset, path):
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no leave
    access = LANDLOCK_READ_FILE | (LANDLOCK_READ_DIR if os.path.isdir(path) else 0)
    system_call(libc, "syscall", SYS_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, struct.pack("=Qi", access, beneath), 0)
    os.close(beneath)


def restrict_files(libc, paths):
    """Leave this process nothing but reading below `paths`. Returns the kernel's version of Landlock, 0 when it has none."""
    version = libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return 0
    handled = (1 << LANDLOCK_KINDS.get(version, LANDLOCK_KINDS[3])) - 1
    ruleset = system_call(libc, "syscall", SYS_LANDLOCK_CREATE_RULESET, struct.pack("=Q", handled), ctypes.c_size_t(8), 0)
    for path in paths:
        allow_reading(libc, ruleset, path)
    system_call(libc, "syscall", SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return version


def enter_sandbox(model):
    """Give up what the engine does not need. Returns the layers in force, for the log."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    try:
        system_call(libc, "prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        version = restrict_files(libc, [*READABLE, *weights_files(model)])
    except OSError as error:
        fail(EXIT_NO_SANDBOX, f"cannot give up its rights: {error.strerror}")
    return "no-new-privileges, landlock" if version else "no-new-privileges"


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


def engine_parameters(engine, settings, template):
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
    params.chat_template = template
    params.reasoning_format = engine.common_reasoning_format.COMMON_REASONING_FORMAT_DEEPSEEK
    params.fit_params = False
    params.ui = False
    params.verbosity = LOG_ERRORS
    return params


def main():
    settings = read_settings(read_line())
    end_with_supervisor()
    check_model_file(settings["model"])
    template = chat_template(settings["model"])
    host, port = settings["host"], settings["port"]
    layers = enter_sandbox(settings["model"])
    os.nice(NICENESS)
    try:
        import xllamacpp as engine
    except ImportError as error:
        fail(EXIT_NO_ENGINE, f"cannot load the engine: {error}")
    if port_is_taken(host, port):
        fail(EXIT_PORT_TAKEN, f"port {port} of {host} is in use")
    try:
        server = engine.Server(engine_parameters(engine, settings, template))
    except RuntimeError:
        if port_is_taken(host, port):
            fail(EXIT_PORT_TAKEN, f"port {port} of {host} is in use")
        fail(EXIT_BAD_MODEL, f"the engine cannot load '{settings['model']}': a damaged file, a kind of "
             "model it does not know, or too little memory")
    sys.stderr.write(f"embedded model: '{settings['alias']}' listens on {server.listening_address}; sandbox: {layers}\n")
    sys.stderr.flush()
    # There is nothing to save: leaving at once gives memory and sockets back to the kernel.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
