# SPDX-License-Identifier: Apache-2.0
"""
Fixtures: `start` makes a service (and stops it), `engine` a scripted engine; `share` is `start` for a whole file.

Each service lives in a folder of its own that the gateway's user can reach; a gateway that ended without being asked to
fails the test, unless the test says `service.may_crash = True`.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from engine import Engine
from service import Service, pool_config


@pytest.fixture
def make_engine():
    made = []

    def make(*words, **more):
        made.append(Engine(*words, **more))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make_engine):
    return make_engine()


def make_folder():
    """Not pytest's own: that one only its user may enter, and its name is too long for a UNIX socket in it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sw-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def folder():
    made = make_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def end(service):
    """Stops it; a second signal means at once, whatever still streams."""
    process = service.process
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(0.3)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    for pid in service.orphans():
        os.kill(pid, signal.SIGKILL)
    log = service.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log and "ThreadSanitizer" not in log, log
    if not service.may_crash:
        assert "the gateway ended" not in log, log


def starter():
    """A function that starts services, and one that stops them all."""
    made, folders = [], []

    def run(*engines, config=None, extra=(), ready=True, env=None, descriptors=None, folder=None, **more):
        if folder is None:
            folder = make_folder()
            folders.append(folder)
        service = Service(folder, config if config is not None else pool_config(*engines, **more), extra)
        made.append(service)
        return service.start(ready, env, descriptors)

    def stop():
        troubles = []
        for service in made:
            try:
                end(service)
            except AssertionError as trouble:
                troubles.append(trouble)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if troubles:
            raise troubles[0]

    return run, stop


@pytest.fixture
def start():
    """start(engine, …, pool={}, model={}, limits={}, …) → a running Service in front of these engines."""
    run, stop = starter()
    yield run
    stop()


@pytest.fixture(scope="module")
def share():
    run, stop = starter()
    yield run
    stop()


@pytest.fixture
def service(start, engine):
    return start(engine)
