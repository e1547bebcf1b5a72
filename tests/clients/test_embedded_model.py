# SPDX-License-Identifier: Apache-2.0
"""The supervised model: killed in mid-stream it is back by itself, and the gateway never goes down."""
import os
import pathlib
import signal
import tempfile

import openai
import pytest

from conftest import MODEL
from service import Service, wait_for


@pytest.fixture
def door_with_model():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-embedded-"))
    folder.chmod(0o755)
    service = Service(folder, {}, extra=["--embedded-model", str(MODEL / "smollm2.gguf"),
                                         "--embedded-python", str(MODEL / "venv/bin/python"),
                                         "--embedded-program", str(MODEL / "embedded_model.py")])
    service.start()
    service.tool("status", "--wait", "60")
    yield service
    assert service.stop() == 0


def test_a_killed_model_comes_back(door_with_model):
    service = door_with_model
    client = openai.OpenAI(base_url=service.base + "/v1", api_key=service.api_key(), max_retries=0, timeout=30)
    before = service.children()
    messages = [{"role": "user", "content": "Count slowly from one to two hundred, in words."}]

    stream = iter(client.chat.completions.create(model="smollm2", messages=messages, max_tokens=1500, stream=True))
    for _ in range(3):
        next(stream)
    os.kill(before["model"], signal.SIGKILL)
    with pytest.raises(openai.APIError):
        for _ in stream:
            pass

    def answers():
        try:
            return client.chat.completions.create(model="smollm2", messages=messages, max_tokens=2)
        except openai.APIError:
            return None

    assert wait_for(answers, 30, "the model").choices[0].message.content
    after = service.children()
    assert after["gateway"] == before["gateway"] and after["model"] != before["model"]


def test_the_key_of_the_model_is_in_no_argument_and_no_environment(door_with_model):
    pid = door_with_model.children()["model"]
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"key" not in words.lower()
