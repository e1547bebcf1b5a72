# SPDX-License-Identifier: Apache-2.0
"""What an engine that was taken over could still reach: the embedded model's program with a scripted engine in the place of llama.cpp."""
import json
import os
import subprocess
import sys

import pytest

from test_embedded_refusals import GOOD, PROGRAM
from test_sandbox import kernel_has_landlock

ENGINE = '''
import json, os, pathlib, subprocess, sys
from types import SimpleNamespace


class CommonParams:
    def __init__(self):
        self.model, self.cpuparams, self.cpuparams_batch = SimpleNamespace(), SimpleNamespace(), SimpleNamespace()


common_reasoning_format = SimpleNamespace(COMMON_REASONING_FORMAT_DEEPSEEK=1)


def outcome(attempt):
    try:
        attempt()
        return "done"
    except OSError as error:
        return error.strerror


class Server:
    """Instead of serving it tries what it was told to, and says how that ended."""

    def __init__(self, params):
        folder = pathlib.Path(params.model.path).parent
        tries = {
            "read weights": lambda: open(params.model.path).read(),
            "read next part": lambda: open(params.model.path.replace("-00001-", "-00002-")).read(),
            "read machine": lambda: open("/proc/cpuinfo").read(),
            "read state": lambda: open(folder / "state" / "seawall.db").read(),
            "list state": lambda: os.listdir(folder / "state"),
            "link to state": lambda: open(folder / "link").read(),
            "write state": lambda: open(folder / "state" / "seawall.db", "a"),
            "make in state": lambda: open(folder / "state" / "new", "x"),
            "remove in state": lambda: os.unlink(folder / "state" / "seawall.db"),
            "write weights": lambda: open(params.model.path, "a"),
            "make elsewhere": lambda: open("/tmp/seawall-sandbox-test", "x"),
            "read passwd": lambda: open("/etc/passwd").read(),
            "run a program": lambda: subprocess.run(["/bin/true"], check=True),
        }
        found = {name: outcome(attempt) for name, attempt in tries.items()}
        found["niceness"] = os.nice(0)
        found["status"] = open("/proc/self/status").read()
        sys.stdout.write(json.dumps(found))
        sys.stdout.flush()
        os._exit(0)
'''


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """How the engine's tries ended, by name."""
    folder = tmp_path_factory.mktemp("embedded")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    (site,) = venv.glob("lib/python3*/site-packages")
    (site / "xllamacpp.py").write_text(ENGINE)
    for part in (1, 2):
        (folder / f"a-0000{part}-of-00002.gguf").write_text("GGUF")
    (folder / "state").mkdir()
    (folder / "state" / "seawall.db").write_text("keys")
    (folder / "link").symlink_to("state/seawall.db")
    settings = {**GOOD, "model": str(folder / "a-00001-of-00002.gguf")}
    child = subprocess.Popen([venv / "bin" / "python", "-I", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(json.dumps(settings).encode() + b"\n")
    child.stdin.flush()
    text = child.stdout.read()
    assert child.wait(30) == 0, child.stderr.read()
    child.stdin.close()
    assert os.listdir(folder / "state") == ["seawall.db"] or not kernel_has_landlock()
    return json.loads(text)


def test_it_gains_no_privileges(found):
    assert "NoNewPrivs:\t1" in found["status"]


def test_it_leaves_the_processor_to_the_gateway_first(found):
    assert found["niceness"] == min(os.nice(0) + 10, 19)


@pytest.mark.parametrize("name", ["read weights", "read next part", "read machine"])
def test_what_an_engine_needs_it_has(found, name):
    assert found[name] == "done"


@pytest.mark.skipif(not kernel_has_landlock(), reason="this kernel has no Landlock")
@pytest.mark.parametrize("name", ["read state", "list state", "link to state", "write state", "make in state", "remove in state", "write weights",
                                  "make elsewhere", "read passwd", "run a program"])
def test_state_and_the_rest_of_the_disk_are_out_of_its_reach(found, name):
    assert found[name] == "Permission denied"
