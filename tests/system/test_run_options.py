# SPDX-License-Identifier: Apache-2.0
"""./run refuses what cannot work before it installs, builds or starts anything: one line and a status."""
import fcntl
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import termios

import pytest

from service import TOOL, free_port

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


@pytest.mark.parametrize("content", [b"hello", b"", b"\0\0\0\0"])
def test_a_model_that_is_none_is_said_before_anything_is_fetched_or_built(tmp_path, content):
    (tmp_path / "a.gguf").write_bytes(content)
    refused(run("--model", str(tmp_path / "a.gguf"), "--data", str(tmp_path / "data")), 1, "is not a GGUF file")
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


@pytest.mark.parametrize("states, all_packages, missing", [
    ("installed ", "", False),
    ("not-installed installed ", "", False),
    ("not-installed ", "", True),
    ("half-installed ", "", True),
    ("config-files ", "", True),
    ("", "", True),
    ("not-installed ", "installed \ninstalled nodejs-doc, npm, g (= 1.0)", False),
    ("not-installed ", "installed nodejs-doc, npm (= 9.2), g (= 1.0)", False),
    ("not-installed ", "config-files nodejs-doc, npm\ninstalled npm-doc, node-npm", True),
])
def test_a_package_is_there_when_it_is_installed_or_provided_not_when_it_is_heard_of(tmp_path, states, all_packages, missing):
    names = tmp_path / "packages.txt"
    names.write_text("npm\n")
    script = 'one=$2 all=$3; dpkg-query() { if [ $# = 4 ]; then printf %s "$one"; else printf "%s\\n" "$all"; fi; }; packages_missing "$1"'
    assert shell(script, str(names), states, all_packages).stdout == ("npm\n" if missing else "")


# ---- the question before sudo is used, at a terminal --------------------------------------------------


@pytest.fixture
def machine(tmp_path):
    """A PATH on which we are nobody special, libuv1-dev is missing, and sudo and apt-get note what they are asked. apt-get installs nothing."""
    calls = tmp_path / "calls"
    calls.touch()
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {
        "id": "echo 1000",
        "dpkg-query": 'for name; do :; done; [ "$name" != libuv1-dev ] || exit 1; printf "installed "',
        "sudo": f'echo "sudo $*" >>"{calls}"; [ "$1" != -v ] || exit "${{SUDO_SAYS:-0}}"; [ "$1" != -n ] || shift; exec "$@"',
        "apt-get": f'echo "apt-get $*" >>"{calls}"; [ "$1" = update ]',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder, calls


def as_a_shell_would():
    """Ctrl-C reaches it, also where this whole suite was begun in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_terminal(ours):
    assert select.select([ours], [], [], 20)[0], "nothing more came"
    return os.read(ours, 4096)


def at_terminal(machine, tmp_path, answer, **environment):
    """./run with a terminal of its own, where someone gives this answer to the question: (status, what the terminal showed, calls)."""
    folder, calls = machine
    ours, theirs = pty.openpty()
    process = subprocess.Popen([ROOT / "run", "--data", tmp_path / "data", "--port", str(free_port())], stdin=theirs, stdout=theirs, stderr=theirs,
                               env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), **environment}, start_new_session=True,
                               preexec_fn=as_a_shell_would)
    os.close(theirs)
    shown = b""
    try:
        while b"[Y/n] " not in shown:
            shown += read_terminal(ours)
        os.write(ours, answer)
        while True:
            shown += read_terminal(ours)
    except OSError:  # nobody holds the terminal any more
        pass
    finally:
        os.close(ours)
    return process.wait(20), shown.decode().replace("\r\n", "\n"), calls.read_text().splitlines()


@pytest.mark.parametrize("answer", [b"n\n", b"No\n", b"what?\n", b"\x04"], ids=["n", "No", "what", "end"])
def test_who_does_not_want_packages_gets_one_line_that_says_how_and_nothing_is_done(machine, tmp_path, answer):
    status, shown, calls = at_terminal(machine, tmp_path, answer)
    assert status == 1 and calls == []
    assert "Seawall needs these Debian packages: libuv1-dev\n" in shown
    assert shown.endswith("\nrun: packages are missing; as root: apt-get install --no-install-recommends libuv1-dev\n"), shown
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("answer", [b"\n", b"y\n", b"Yes\n"], ids=["enter", "y", "Yes"])
def test_who_agrees_is_asked_by_sudo_and_only_what_is_missing_is_installed(machine, tmp_path, answer):
    status, shown, calls = at_terminal(machine, tmp_path, answer)
    assert calls[0] == "sudo -v"
    assert calls[1:3] == ["sudo -n apt-get update -q", "apt-get update -q"]
    assert [words.split(" ", 1)[0] for words in calls[3:]] == ["sudo", "apt-get"]
    assert calls[-1].startswith("apt-get install -q -y --no-install-recommends ") and calls[-1].endswith(" libuv1-dev")
    assert status == 1 and "run: Debian packages: failed; the whole output is in " in shown.splitlines()[-1]  # that apt-get cannot


def test_who_may_not_use_sudo_gets_one_line(machine, tmp_path):
    status, shown, calls = at_terminal(machine, tmp_path, b"y\n", SUDO_SAYS="1")
    assert status == 1 and calls == ["sudo -v"]
    assert shown.splitlines()[-1] == "run: sudo refuses; as root: apt-get install --no-install-recommends libuv1-dev"


def test_control_c_at_the_question_ends_it(machine, tmp_path):
    status, shown, calls = at_terminal(machine, tmp_path, b"\x03")
    assert status in (130, -signal.SIGINT) and calls == [] and not (tmp_path / "data").exists()


@pytest.mark.parametrize("content, words", [(b"hello", "is not a GGUF file"), (b"", "is not a GGUF file")])
def test_weights_that_are_none_are_refused(tmp_path, content, words):
    (tmp_path / "a.gguf").write_bytes(content)
    refused(shell('check_weights "$1"', str(tmp_path / "a.gguf")), 1, words)
@pytest.mark.parametrize("text, uses", [
    ("", "yes"), ("limits: {json_depth: 8}", "yes"), ("pools: [{name: a, backends: [{embedded: true}]}]", "yes"),
    ("pools: [{name: a, backends: [{url: 'http://127.0.0.1:1'}]}]", "no")])
def test_a_configuration_with_pools_of_its_own_needs_no_model_to_be_fetched(tmp_path, text, uses):
    (tmp_path / "seawall.yaml").write_text(text)
    result = shell('if uses_model "$1" "$2"; then echo yes; else echo no; fi', str(TOOL), str(tmp_path / "seawall.yaml"))
    assert (result.returncode, result.stdout, result.stderr) == (0, uses + "\n", "")


@pytest.mark.parametrize("address, url", [
    (":8080", "http://127.0.0.1:8080"), ("8080", "http://127.0.0.1:8080"), ("0.0.0.0:1", "http://127.0.0.1:1"), ("[::]:1", "http://127.0.0.1:1"),
    ("127.0.0.1:9", "http://127.0.0.1:9"), ("[::1]:9", "http://[::1]:9"), ("10.0.0.5:80", "http://10.0.0.5:80")])
def test_an_address_is_shown_as_this_machine_calls_it(address, url):
    assert shell('url_of "$1"', address).stdout == url + "\n"


@pytest.mark.parametrize("addresses, words", [
    ([":8080"], ":8080/"), (["8080"], ":8080/"), (["127.0.0.1:1", "0.0.0.0:2"], ":2/"), (["10.0.0.5:80"], ":80/"), (["[::]:3"], ":3/"),
    (["127.0.0.1:1"], "this machine only"), (["[::1]:1", "unix:/run/a", "127.0.0.2:5"], "this machine only")])
def test_who_can_come_in_is_said(addresses, words):
    result = shell('reach_of "$@"', *addresses)
    assert words in result.stdout and result.stdout.count("\n") == 1
    assert ("other machines" in result.stdout) == (words != "this machine only")


def test_a_bad_configuration_is_said_before_a_model_is_fetched(tmp_path):
    (tmp_path / "seawall.yaml").write_text("pools: 3")
    refused(shell('if uses_model "$1" "$2"; then :; fi; echo more', str(TOOL), str(tmp_path / "seawall.yaml")), 1, "seawall.yaml:1")
