# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `start` makes a service (and stops it), `engine` a scripted engine."""
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


@pytest.fixture
def start(tmp_path):
    """start(engine, …, pool={}, model={}, limits={}, …) → a running Service in front of these engines."""
    made = []

    def run(*engines, config=None, extra=(), ready=True, env=None, **more):
        service = Service(tmp_path, config if config is not None else pool_config(*engines, **more), extra)
        made.append(service)
        return service.start(ready, env)

    yield run
    for service in made:
        if service.process and service.process.poll() is None:
            service.process.terminate()
            try:
                service.process.wait(10)
            except Exception:
                service.process.kill()
                service.process.wait()


@pytest.fixture
def service(start, engine):
    return start(engine)
