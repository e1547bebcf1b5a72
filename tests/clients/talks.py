# SPDX-License-Identifier: Apache-2.0
"""What the clients ask: calls that the small model answers the same each time."""
import json
import pathlib

RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "data" / "engines" / "llamacpp"


def recorded(name):
    """A request that was recorded with its answer: among them those that a model of this size answers with tool calls."""
    return json.loads((RECORDINGS / f"{name}.request.json").read_text())


SAY = [{"role": "user", "content": "Say hello in five words."}]
SCHEMA = recorded("chat-json-schema")["response_format"]
TOOLS = recorded("chat-tools")


def plain(messages=SAY, **fields):
    """A chat whose answer is the same each time."""
    return {"model": "smollm2", "max_tokens": 12, "seed": 7, "temperature": 0, "messages": messages, **fields}


# A call that would go on for some ten seconds, whatever the model has to say.
LONG_BODY = {"model": "smollm2", "messages": SAY, "max_tokens": 1500, "ignore_eos": True}
# The same for the Python client, whose fields are those of OpenAI.
LONG = {"model": "smollm2", "messages": SAY, "max_tokens": 1500, "extra_body": {"ignore_eos": True}}
