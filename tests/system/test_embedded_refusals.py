# SPDX-License-Identifier: Apache-2.0
"""The embedded model's program says in one line why it does not start, each cause with its own status."""
import json
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "libexec" / "embedded_model.py"
GOOD = {"model": "/nowhere/a.gguf", "alias": "a", "host": "127.0.0.1", "port": 1, "api_key": "hidden", "slots": 4,
        "context": 8192, "threads": 1}


def start(line):
    return subprocess.run([sys.executable, "-I", PROGRAM], input=line, capture_output=True, timeout=30)


def with_input_open(settings):
    """Start it as the supervisor does: standard input stays open."""
    child = subprocess.Popen([sys.executable, "-I", PROGRAM], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(json.dumps(settings).encode() + b"\n")
    child.stdin.flush()
    status = child.wait(30)
    child.stdin.close()
    return status, child.stderr.read().decode()


@pytest.mark.parametrize("line", [
    b"", b"\n", b"hello\n", b"[]\n", b"x" * 70000,
    *(json.dumps(settings).encode() + b"\n" for settings in (
        {}, {**GOOD, "more": 1}, {**GOOD, "slots": 0}, {**GOOD, "slots": -1}, {**GOOD, "slots": True},
        {**GOOD, "port": 65536}, {**GOOD, "port": "80"}, {**GOOD, "api_key": ""}, {**GOOD, "context": 3})),
])
def test_bad_settings_are_status_2_and_show_no_key(line):
    result = start(line)
    assert result.returncode == 2
    assert result.stderr.startswith(b"embedded model: ") and result.stderr.count(b"\n") == 1
    assert b"hidden" not in result.stderr


def test_missing_model_is_status_3():
    status, text = with_input_open(GOOD)
    assert status == 3
    assert text == "embedded model: cannot open model '/nowhere/a.gguf': no such file or directory\n"


def test_file_that_is_no_model_is_status_4(tmp_path):
    (tmp_path / "a.gguf").write_text("hello")
    status, text = with_input_open({**GOOD, "model": str(tmp_path / "a.gguf")})
    assert status == 4 and "is not a GGUF file" in text and text.count("\n") == 1


def test_a_supervisor_that_is_gone_ends_it_in_silence():
    result = start(json.dumps(GOOD).encode() + b"\n")
    assert result.returncode in (0, -15)
    assert result.stderr == b""
