# SPDX-License-Identifier: Apache-2.0
"""What a gateway that was taken over could still do: as little as the kernel can be told."""
import ctypes
import os
import pathlib
import subprocess

import pytest

import service as service_module
from engine import Engine
from service import wait_for
from wire import Wire, request

SYS_LANDLOCK_CREATE_RULESET = 444


@pytest.fixture(scope="module")
def door(share):
    with Engine() as engine:
        service = share(engine)
        service.chat()
        yield service


def status_of(pid, task=None):
    path = pathlib.Path(f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status")
    return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)


def tasks(pid):
    return [entry.name for entry in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def kernel_has_landlock():
    return ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, 1) >= 1


def test_every_thread_of_the_gateway_is_under_seccomp_and_gains_no_privileges(door):
    gateway = door.gateway()
    found = tasks(gateway)
    assert len(found) >= 4
    for task in found:
        status = status_of(gateway, task)
        assert status["Seccomp"] == "2", task
        assert status["NoNewPrivs"] == "1", task


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_the_gateway_is_not_root_and_has_no_capability(door):
    gateway = door.gateway()
    for task in tasks(gateway):
        status = status_of(gateway, task)
        assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
        assert status["Groups"].split() == []
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[name], 16) == 0, name


def test_its_memory_cannot_be_dumped_or_read_by_its_own_user(door):
    """Not dumpable: its files in /proc belong to root, and a crash leaves no core with keys in it."""
    if os.geteuid() == 0:
        assert pathlib.Path(f"/proc/{door.gateway()}/environ").stat().st_uid == 0
    else:
        with pytest.raises(PermissionError):
            pathlib.Path(f"/proc/{door.gateway()}/environ").read_bytes()


def test_the_layers_that_are_in_force_are_in_the_log(door):
    wait_for(lambda: "serving with 2 workers" in door.log(), what="the line")
    (line,) = [line for line in door.log().splitlines() if "serving with" in line]
    assert "no-new-privileges" in line and "seccomp" in line
    assert ("user" in line) == (os.geteuid() == 0)
    assert ("landlock" in line) == kernel_has_landlock()


@pytest.mark.skipif(not kernel_has_landlock(), reason="this kernel has no Landlock")
def test_files_outside_its_state_are_out_of_its_reach_whatever_their_modes(start, engine):
    """A link in the state folder leads out of it, to where everybody may write: the gateway may not."""
    door = start(engine)
    elsewhere = door.data.parent / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    log = door.data / "state" / "access.log"
    log.unlink()
    log.symlink_to(elsewhere / "access.log")
    result = door.tool("reload", check=False)
    assert result.returncode == 1 and "ermission denied" in result.stderr
    assert not (elsewhere / "access.log").exists()
    assert door.chat()[0] == 200


def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def own_etc(folder, monkeypatch):
    """A copy of /etc that only the daemons of this test have in its place."""
    etc = folder / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    daemon = folder / "seawalld"
    daemon.write_text(f"#!/bin/sh\nexec unshare --mount sh -c 'mount --bind {etc} /etc && exec \"$0\" \"$@\"' {service_module.DAEMON} \"$@\"\n")
    daemon.chmod(0o755)
    monkeypatch.setattr(service_module, "DAEMON", daemon)
    return etc


def replaced(path, text):
    """As resolvconf, DHCP clients and editors do it: the new file is another one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o644)
    new.rename(path)


@pytest.mark.skipif(not may_mount(), reason="only root mounts, and not in every container")
def test_files_of_name_service_that_are_replaced_while_it_runs_are_read(start, engine, own_etc):
    replaced(own_etc / "nsswitch.conf", "hosts: files dns\n")
    replaced(own_etc / "resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    replaced(own_etc / "hosts", "127.0.0.1 localhost\n")
    door = start(engine, pool={"backends": [{"url": f"http://engine.test:{engine.port}"}]})
    assert door.chat()[0] in (502, 503)  # tried and failed, or known to be down
    replaced(own_etc / "hosts", "127.0.0.1 localhost engine.test\n")
    wait_for(lambda: door.chat()[0] == 200, what="the engine under its new name")


def sockets_of(pid):
    """Inodes of a process's sockets."""
    found = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(link)
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def test_connections_are_the_gateways_and_never_the_supervisors(door):
    with Wire(door.port) as wire:
        wire.send(request("GET", "/")).answer()
        rows = [line.split() for line in open("/proc/net/tcp") if f":{door.port:04X} " in line]
        accepted = {row[9] for row in rows if row[3] == "01" and row[1].endswith(f":{door.port:04X}")}
        assert len(accepted) == 1
        assert not accepted & sockets_of(door.process.pid)
        if os.geteuid() == 0:
            assert accepted <= sockets_of(door.gateway())
    assert len(tasks(door.process.pid)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_state_belongs_to_the_gateways_user_and_secrets_to_the_supervisors(door):
    uid = int(status_of(door.gateway())["Uid"].split()[0])
    assert (door.data / "state").stat().st_uid == uid
    for name in ("key.mac", "seawall.lock", "admin.sock"):
        assert (door.data / name).stat().st_uid == 0, name
    for path in (door.data / "state").iterdir():
        assert path.stat().st_uid == uid and path.stat().st_mode & 0o007 == 0, path
