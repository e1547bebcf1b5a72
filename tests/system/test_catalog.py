# SPDX-License-Identifier: Apache-2.0
"""Which models there are: those of the configuration, or, without any there, those that the engines say they have."""
import json

import pytest

from engine import stream_of
from service import wait_for
from wire import chat_body


def discovering(*engines, **more):
    """A configuration with one pool for each engine and no models."""
    pools = [{"name": f"pool{number}", "backends": [{"url": engine.url}], "probe": "models", "probe_every": "100ms", **more}
             for number, engine in enumerate(engines)]
    return {"pools": pools}


def listed(door):
    return [model["id"] for model in json.loads(door.request("GET", "/v1/models", key=door.api_key())[2])["data"]]


def wait_models(door, *names):
    wait_for(lambda: listed(door) == sorted(names), 5, f"the models {names}")


def ask(door, model):
    status, _, body = door.request("POST", "/v1/chat/completions", chat_body(model=model), door.api_key())
    return status, json.loads(body)


def test_models_of_the_engines_appear_and_go_while_it_serves(start, make_engine):
    engine = make_engine(stream_of(["ok"]), models=("alpha",))
    door = start(config=discovering(engine))
    wait_models(door, "alpha")
    status, answer = ask(door, "alpha")
    assert status == 200 and answer["model"] == "alpha"
    assert ask(door, "beta")[0] == 404
    engine.models = ("alpha", "beta")
    wait_models(door, "alpha", "beta")
    assert ask(door, "beta")[0] == 200
    assert engine.calls[-1].body["model"] == "beta"
    engine.models = ("beta",)
    wait_models(door, "beta")
    assert ask(door, "alpha")[0] == 404


def test_a_path_on_the_engines_disk_is_not_a_models_public_name(start, make_engine):
    engine = make_engine(stream_of(["ok"]), models=("/srv/secret/SmolLM2-135M.gguf",))
    door = start(config=discovering(engine))
    wait_models(door, "SmolLM2-135M")
    status, answer = ask(door, "SmolLM2-135M")
    assert status == 200 and answer["model"] == "SmolLM2-135M"
    assert engine.calls[0].body["model"] == "/srv/secret/SmolLM2-135M.gguf"
    assert "secret" not in json.dumps(answer)


def test_names_with_slashes_are_found_under_their_own_url(start, make_engine):
    engine = make_engine(stream_of(["ok"]), models=("deepseek-ai/DeepSeek-V3",))
    door = start(config=discovering(engine))
    wait_models(door, "deepseek-ai/DeepSeek-V3")
    for path in ("/v1/models/deepseek-ai/DeepSeek-V3", "/v1/models/deepseek-ai%2FDeepSeek-V3"):
        status, _, body = door.request("GET", path, key=door.key)
        assert status == 200 and json.loads(body)["id"] == "deepseek-ai/DeepSeek-V3"


def test_the_first_pool_that_has_a_name_serves_it(start, make_engine):
    first, second = make_engine(stream_of(["first"]), models=("both", "one")), make_engine(stream_of(["second"]), models=("both", "two"))
    door = start(config=discovering(first, second))
    wait_models(door, "both", "one", "two")
    assert ask(door, "both")[1]["choices"][0]["message"]["content"] == "first"
    assert ask(door, "two")[1]["choices"][0]["message"]["content"] == "second"


def test_before_any_engine_has_answered_models_are_not_unknown_but_unavailable(start, make_engine):
    engine = make_engine(stream_of(["ok"]))
    engine.close()
    door = start(config=discovering(engine))
    assert listed(door) == []
    status, answer = ask(door, "test-model")
    assert status == 503 and answer["error"]["code"] == "model_unavailable"
    back = make_engine(stream_of(["ok"]), port=engine.port)
    wait_models(door, "test-model")
    wait_for(lambda: ask(door, "test-model")[0] == 200, what="an answer")
    assert back.calls


def test_an_engine_that_is_down_keeps_its_models_in_the_list(start, make_engine):
    engine = make_engine(stream_of(["ok"]), models=("alpha",))
    door = start(config=discovering(engine))
    wait_models(door, "alpha")
    engine.close()
    wait_for(lambda: ask(door, "alpha")[0] == 503, what="503")
    assert listed(door) == ["alpha"]


@pytest.mark.parametrize("answer", [b"", b"nonsense", b'{"data":7}', b'{"data":[{"id":5}]}', b'{"data":[{"id":""}]}', b"[" * 5000])
def test_an_engine_that_lists_nonsense_has_no_models_and_does_no_harm(start, make_engine, answer):
    from engine import json_answer
    engine = make_engine(lambda call: json_answer(call, answer), probes=False)
    door = start(config=discovering(engine))
    wait_for(lambda: len(engine.calls) > 1, what="two checks")
    assert listed(door) == []


def test_configured_models_have_their_own_names_caps_and_pools(start, make_engine):
    first, second = make_engine(stream_of(["first"])), make_engine(stream_of(["second"]))
    config = discovering(first, second)
    config["models"] = [{"name": "chat", "upstream_model": "test-model", "pool": "pool1", "output_tokens": 50},
                        {"name": "other", "upstream_model": "test-model", "pool": "pool0"}]
    door = start(config=config)
    assert listed(door) == ["chat", "other"]
    assert ask(door, "chat")[1]["choices"][0]["message"]["content"] == "second"
    assert second.calls[0].body["model"] == "test-model" and second.calls[0].body["max_tokens"] == 50
    assert ask(door, "other")[1]["choices"][0]["message"]["content"] == "first"
    assert "max_tokens" not in first.calls[0].body
    assert ask(door, "test-model")[0] == 404


def test_no_configuration_at_all_but_an_upstream_works(start, make_engine):
    engine = make_engine(stream_of(["ok"]), models=("alpha",))
    door = start(config={}, extra=["--upstream", engine.url])
    wait_models(door, "alpha")
    assert ask(door, "alpha")[0] == 200
