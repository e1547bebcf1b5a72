# SPDX-License-Identifier: Apache-2.0
"""./run refuses what cannot work before it installs, builds or starts anything: one line and a status."""
import pathlib
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run([ROOT / "run", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30)


def refused(result, status, words):
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and words in result.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--bogus"], "unknown option '--bogus'"),
    (["serve"], "unknown option 'serve'"),
    (["--port"], "--port needs a value"),
    (["--port="], "--port needs a value"),
    (["--port", "0"], "1 to 65535"),
    (["--port", "65536"], "1 to 65535"),
    (["--port", "80a"], "1 to 65535"),
    (["--upstream", "localhost:8000"], "http://"),
    (["--model", "a.gguf", "--upstream", "http://localhost"], "exclude each other"),
    (["--no-install=yes"], "takes no value"),
])
def test_bad_option_is_one_line_and_status_2(arguments, words):
    refused(run(*arguments), 2, words)


def test_help_goes_to_standard_output():
    result = run("--help")
    assert result.returncode == 0 and result.stderr == ""
    for option in ("--model", "--upstream", "--config", "--port", "--data", "--no-install"):
        assert option in result.stdout


def test_missing_model_and_configuration_are_named():
    refused(run("--model", "/nowhere/a.gguf"), 1, "/nowhere/a.gguf")
    refused(run("--config", "/nowhere/a.yaml"), 1, "/nowhere/a.yaml")


def test_port_in_use_is_said_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(run("--port", str(port), "--data", str(tmp_path / "data")), 1, f"port {port} is in use")
    assert not (tmp_path / "data").exists()


def shell(script, *arguments):
    """Run a few lines of bash with the functions of set-up in them."""
    text = f'set -euo pipefail; . "{ROOT}/tools/setup/lib.sh"; {script}'
    return subprocess.run(["bash", "-c", text, "setup", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)


def test_a_disk_too_small_is_said_before_the_work():
    refused(shell('need_space / 999999999 "the work"'), 1, "the disk is full: the work needs 999999999 MiB")


def test_a_step_that_fills_the_disk_says_so(tmp_path):
    result = shell('step Work "$1" sh -c "head -c 9 /dev/zero >/dev/full"', str(tmp_path / "log"))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "setup: Work: the disk is full"


def test_a_step_that_fails_shows_the_end_of_its_log(tmp_path):
    result = shell('step Work "$1" sh -c "echo the cause; exit 3"', str(tmp_path / "log"))
    assert result.returncode == 1
    assert "    the cause" in result.stderr.splitlines()
    assert result.stderr.splitlines()[-1].endswith(f"the whole output is in {tmp_path}/log")


def test_missing_packages_are_found_and_comments_are_not(tmp_path):
    names = tmp_path / "packages.txt"
    names.write_text("# a word\nbash\nno-such-package # why\n\n")
    assert shell('packages_missing "$1"', str(names)).stdout == "no-such-package\n"


@pytest.mark.parametrize("content, words", [(b"hello", "is not a GGUF file"), (b"", "is not a GGUF file")])
def test_weights_that_are_none_are_refused(tmp_path, content, words):
    (tmp_path / "a.gguf").write_bytes(content)
    refused(shell('check_weights "$1"', str(tmp_path / "a.gguf")), 1, words)
