# SPDX-License-Identifier: Apache-2.0
"""What the gateway inherits from its supervisor, and what it does not; and what happens when it cannot live."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from service import DAEMON, wait_for


def test_a_gateway_inherits_listeners_and_its_channel_and_nothing_of_the_supervisors_secrets(start, engine, folder):
    secret = folder / "upstream.key"
    secret.write_text("sk-upstream-secret\n")
    secret.chmod(0o600)
    door = start(engine, pool={"backends": [{"url": engine.url, "api_key_file": str(secret)}]}, env={"SEAWALL_TEST_SECRET": "in-the-environment"})
    gateway = pathlib.Path(f"/proc/{door.gateway()}")
    assert gateway.joinpath("cmdline").read_bytes() == b"seawalld\0gateway\0"
    if os.geteuid() == 0:
        assert b"SEAWALL_TEST_SECRET" not in gateway.joinpath("environ").read_bytes()
        files = {os.readlink(link) for link in gateway.joinpath("fd").iterdir()}
        assert not [name for name in files if "upstream.key" in name or "seawall.yaml" in name or "seawall.lock" in name or "key.mac" in name]


def test_a_gateway_without_a_supervisor_says_so(folder):
    result = subprocess.run([DAEMON, "gateway"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    assert result.returncode == 1
    assert "supervisor" in result.stderr


@pytest.mark.parametrize("role", [[], ["nonsense"], ["gate"]])
def test_a_role_that_is_none_is_status_2(role):
    result = subprocess.run([DAEMON, *role], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    assert result.returncode == 2 and "supervisor" in result.stderr


def test_help_and_version_go_to_standard_output():
    for option, words in (("--help", "usage"), ("--version", "seawalld ")):
        result = subprocess.run([DAEMON, "supervisor", option], capture_output=True, text=True, timeout=10)
        assert result.returncode == 0 and words in result.stdout and result.stderr == ""


def test_a_gateway_that_never_started_is_given_up(start, engine):
    """Its state folder is a file: the supervisor says why and ends, instead of trying for ever."""
    door = start(engine)
    assert door.stop() == 0
    database = door.data / "state" / "access.log"
    database.unlink(missing_ok=True)
    database.mkdir()
    door.start(ready=False)
    door.may_crash = True
    assert door.process.wait(20) == 1
    assert "access.log" in door.log() and "giving up" in door.log()


def test_a_gateway_that_is_killed_before_it_was_ready_is_started_again_too(start, engine):
    door = start(engine, ready=False)
    door.may_crash = True
    first = wait_for(door.gateway, what="the first gateway")
    os.kill(first, signal.SIGKILL)
    door.wait_ready()
    assert door.gateway() != first and door.chat()[0] == 200


def test_pauses_between_gateways_grow_while_they_die_young(start, engine):
    door = start(engine)
    door.may_crash = True
    gaps = []
    for _ in range(4):
        before = door.gateway()
        os.kill(before, signal.SIGKILL)
        killed = time.monotonic()
        wait_for(lambda: door.gateway() not in (None, before), what="the next gateway")
        gaps.append(time.monotonic() - killed)
        door.wait_ready()
    assert gaps[0] < 0.5 and gaps[-1] < 2 and gaps[-1] > gaps[0]


def test_a_frozen_gateway_does_not_keep_the_supervisor_from_stopping(start, engine):
    door = start(engine, deadlines={"drain": "0"})
    door.gateway()
    os.kill(door.gateway(), signal.SIGSTOP)
    began = time.monotonic()
    door.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    door.send_signal(signal.SIGTERM)
    door.process.wait(10)
    assert time.monotonic() - began < 5


def test_the_status_knows_the_processes(start, engine):
    door = start(engine)
    status = json.loads(door.tool("status", "--json", check=False).stdout)
    assert status["pid"] == door.gateway() and status["workers"] == 2 and status["restarts"] == 0
    assert status["listen"] == [f"127.0.0.1:{door.port}"]
