# SPDX-License-Identifier: Apache-2.0
"""The simulated engine as a program: what it answers, how it fails when asked to, and how it ends."""
import http.client
import json
import socket
import subprocess
import threading

import pytest

from service import BUILD, ROOT, wait_for

SIMLLM = BUILD / "sim" / "simllm"
FAST = ["--speed", "50"]


class Sim:
    """A running simllm. `preset` is a name, or changes to a copy of vllm-cpu."""

    def __init__(self, folder, *words, preset="vllm-cpu"):
        if isinstance(preset, dict):
            document = json.loads((ROOT / "sim" / "presets" / "vllm-cpu.json").read_text())
            for key, value in preset.items():
                section, _, name = key.partition(".")
                document[section][name] = value
            path = folder / "preset.json"
            path.write_text(json.dumps(document))
            preset = str(path)
        self.process = subprocess.Popen([str(SIMLLM), "serve", "--preset", preset, *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline()
        assert "http://127.0.0.1:" in self.ready, self.process.stderr.read()
        self.port = int(self.ready.split("http://127.0.0.1:")[1].split()[0])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        _, trouble = self.process.communicate(timeout=10)
        return self.process.returncode, trouble

    def ask(self, method, path, body=None, headers=None):
        """(status, headers by lower-case name, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def chat(self, text="Hello there", headers=None, **more):
        status, _, body = self.ask("POST", "/v1/chat/completions",
                                   {"messages": [{"role": "user", "content": text}], **more}, headers)
        return status, json.loads(body)

    def stream(self, text="Hello there", **more):
        """The events of a stream, as JSON, without the last one, which must be [DONE]."""
        status, headers, body = self.ask("POST", "/v1/chat/completions", {
            "messages": [{"role": "user", "content": text}], "stream": True, **more})
        assert status == 200 and headers["content-type"].startswith("text/event-stream")
        blocks = body.decode().split("\n\n")
        assert blocks[-2:] == ["data: [DONE]", ""]
        return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]

    def open_call(self, **more):
        """A socket on which a call was sent."""
        body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], **more}).encode()
        connection = socket.create_connection(("127.0.0.1", self.port), 30)
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(body), body))
        return connection

    def metrics(self):
        values = {}
        for line in self.ask("GET", "/metrics")[2].decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name.replace('model_name="smollm2"', "").replace(",}", "}").replace("{}", "")] = float(value)
        return values

    def metric(self, name):
        return self.metrics()["vllm:" + name]

    def fault(self, **more):
        status, _, body = self.ask("POST", "/sim/fault", more)
        assert status == 200, body


@pytest.fixture
def start_sim(tmp_path):
    made = []

    def start(*words, **more):
        made.append(Sim(tmp_path, *words, **more))
        return made[-1]

    yield start
    for sim in made:
        if sim.process.poll() is None:
            code, trouble = sim.stop()
            assert code == 0 and trouble == "", trouble


@pytest.fixture
def sim(start_sim):
    return start_sim(*FAST, "--control")


def text_of(events):
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"])


def run(*words):
    return subprocess.run([str(SIMLLM), *words], capture_output=True, text=True, timeout=30, check=False)


# What it is, and what it says.

def test_it_never_poses_as_a_real_engine(sim):
    status, headers, body = sim.ask("GET", "/v1/models")
    model = json.loads(body)["data"][0]
    assert status == 200 and headers["server"] == "simllm"
    assert (model["id"], model["owned_by"], model["max_model_len"]) == ("smollm2", "simllm", 2048)
    assert sim.chat(max_tokens=1)[1]["system_fingerprint"] == "simllm"
    assert sim.ask("GET", "/health")[0] == 200


def test_a_whole_answer_and_a_stream_say_the_same(sim):
    _, whole = sim.chat(seed=7, max_tokens=40, ignore_eos=True)
    events = sim.stream(seed=7, max_tokens=40, ignore_eos=True, stream_options={"include_usage": True})
    assert whole["choices"][0]["message"]["content"] == text_of(events)
    assert whole["usage"] == {"prompt_tokens": 5, "completion_tokens": 40, "total_tokens": 45}
    assert events[-1]["choices"] == [] and events[-1]["usage"] == whole["usage"]
    assert len(events) == 41 and "usage" not in events[0]
    assert [event["choices"][0]["finish_reason"] for event in events[-3:-1]] == [None, "length"]
    assert sim.stream()[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_in_every_event(sim):
    events = sim.stream(max_tokens=5, ignore_eos=True, stream_options={"continuous_usage_stats": True})
    assert [event["usage"]["completion_tokens"] for event in events] == [1, 2, 3, 4, 5]
    assert events[-1]["choices"][0]["finish_reason"] == "length"


def test_n_choices_have_texts_of_their_own(sim):
    _, answer = sim.chat(n=3, max_tokens=20, ignore_eos=True)
    texts = {choice["message"]["content"] for choice in answer["choices"]}
    assert len(texts) == 3 and answer["usage"]["completion_tokens"] == 60


def test_plain_completions(sim):
    status, _, body = sim.ask("POST", "/v1/completions", {"prompt": "abcdefgh", "max_tokens": 4, "ignore_eos": True})
    answer = json.loads(body)
    assert status == 200 and answer["object"] == "text_completion" and answer["usage"]["prompt_tokens"] == 2
    assert answer["choices"][0]["text"] and answer["choices"][0]["finish_reason"] == "length"


def test_a_tool_is_called_when_it_must_be(sim):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    _, answer = sim.chat(tools=tools, tool_choice="required")
    call = answer["choices"][0]["message"]["tool_calls"][0]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "weather" and "text" in json.loads(call["function"]["arguments"])
    events = sim.stream(tools=tools, tool_choice={"type": "function", "function": {"name": "weather"}})
    pieces = [event["choices"][0]["delta"]["tool_calls"][0]["function"] for event in events]
    assert pieces[0]["name"] == "weather" and "name" not in pieces[1]
    assert "text" in json.loads("".join(piece["arguments"] for piece in pieces))
    assert sim.chat(tools=tools)[1]["choices"][0]["message"]["content"]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_comes_before_the_answer(start_sim, field):
    sim = start_sim(*FAST, preset={"answer.thinking_median": 10, "answer.thinking_p90": 10,
                                   "habits.thinking_field": field})
    _, answer = sim.chat()
    message = answer["choices"][0]["message"]
    assert message[field] and message["content"]
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 10}
    deltas = [event["choices"][0]["delta"] for event in sim.stream()]
    assert [field in delta for delta in deltas[:11]] == 10 * [True] + [False]
    assert field not in sim.chat(reasoning_effort="none")[1]["choices"][0]["message"]


def test_several_tokens_in_one_event(start_sim):
    sim = start_sim(*FAST, preset={"answer.event_tokens": 4})
    events = sim.stream(max_tokens=10, ignore_eos=True, stream_options={"continuous_usage_stats": True})
    assert [event["usage"]["completion_tokens"] for event in events] == [4, 8, 10]


def test_embeddings(sim):
    status, _, body = sim.ask("POST", "/v1/embeddings", {"input": ["abcd", "efgh"]})
    data = json.loads(body)["data"]
    assert status == 200 and [len(item["embedding"]) for item in data] == [32, 32]


def test_the_same_seed_is_the_same_day(start_sim):
    def day(seed):
        sim = start_sim(*FAST, "--seed", seed)
        return [sim.chat()[1]["choices"][0]["message"]["content"] for _ in range(3)]

    assert day("3") == day("3") != day("4")


# The engine behind it.

def test_a_known_prompt_is_found_in_the_cache(sim):
    text = "word " * 200
    sim.chat(text, max_tokens=1)
    assert sim.metric("prefix_cache_hits_total") == 0
    sim.chat(text, max_tokens=1)
    assert sim.metric("prefix_cache_hits_total") == 240  # 15 whole blocks of the 252 tokens


def test_metrics_count_what_was_done(sim):
    sim.chat(max_tokens=7, ignore_eos=True)
    sim.stream(max_tokens=3, ignore_eos=True)
    values = sim.metrics()
    assert values["vllm:generation_tokens_total"] == 10
    assert values["vllm:prompt_tokens_total"] == 10
    assert values['vllm:request_success_total{finished_reason="length"}'] == 2
    assert values["vllm:time_to_first_token_seconds_count"] == 2
    assert values["vllm:time_per_output_token_seconds_count"] == 8
    assert values["vllm:e2e_request_latency_seconds_count"] == 2
    kv = json.loads((ROOT / "sim" / "presets" / "vllm-cpu.json").read_text())["kv"]
    blocks = kv["tokens"] // kv["block_tokens"]
    assert values[f'vllm:cache_config_info{{block_size="{kv["block_tokens"]}",num_gpu_blocks="{blocks}"}}'] == 1
    assert values["vllm:num_requests_running"] == values["vllm:kv_cache_usage_perc"] == 0
    assert values["vllm:time_per_output_token_seconds_sum"] / 8 == pytest.approx(0.035, rel=0.1)


def test_slots_wait_in_order_and_the_queue_has_an_end(start_sim):
    sim = start_sim("--speed", "1", preset={"scheduler.kind": "slots", "scheduler.running_max": 1,
                                            "scheduler.waiting_max": 2})
    calls = [sim.open_call(stream=True, max_tokens=2000, ignore_eos=True) for _ in range(3)]
    wait_for(lambda: sim.metric("num_requests_running") == 1 and sim.metric("num_requests_waiting") == 2)
    status, answer = sim.chat()
    assert status == 503 and "wait" in answer["error"]["message"]
    calls[0].recv(10)
    calls[0].close()
    assert calls[1].recv(12) == b"HTTP/1.1 200"
    assert sim.metric("num_requests_waiting") == 1
    for call in calls[1:]:
        call.close()
    wait_for(lambda: sim.metric("num_requests_running") == sim.metric("num_requests_waiting") == 0)
    assert sim.metrics()['vllm:request_success_total{finished_reason="abort"}'] == 3


@pytest.mark.parametrize("words, stream, goes_on", [
    ([], True, False), ([], False, False),
    (["--no-abort", "unstreamed"], True, False), (["--no-abort", "unstreamed"], False, True),
    (["--no-abort", "always"], True, True),
])
def test_hanging_up_ends_a_call_or_not(start_sim, words, stream, goes_on):
    sim = start_sim("--speed", "20", *words)
    call = sim.open_call(stream=stream, max_tokens=300, ignore_eos=True)
    wait_for(lambda: sim.metric("generation_tokens_total") > 2)
    call.close()
    wait_for(lambda: sim.metric("num_requests_running") == 0)
    values = sim.metrics()
    assert (values["vllm:generation_tokens_total"] == 300) == goes_on
    assert values['vllm:request_success_total{finished_reason="abort"}'] == (0 if goes_on else 1)


def test_calls_that_are_too_long_are_refused(sim, start_sim):
    status, answer = sim.chat("x" * 9000)
    assert status == 400 and "2048" in answer["error"]["message"]
    assert sim.chat(max_tokens=2048)[0] == 400
    slots = start_sim(*FAST, preset={"scheduler.kind": "slots", "kv.tokens": 1600})
    status, answer = slots.chat(max_tokens=2000, ignore_eos=True)
    assert status == 200 and answer["usage"]["total_tokens"] == 100  # a sixteenth of 1600


def test_a_model_that_is_not_there(sim, start_sim):
    assert sim.chat(model="gpt-4")[0] == 404
    assert start_sim(*FAST, preset="llamacpp-cpu").chat(model="gpt-4", max_tokens=1)[0] == 200


# HTTP.

def test_bad_input_is_answered(sim):
    def status(body, path="/v1/chat/completions", method="POST"):
        return sim.ask(method, path, body)[0]

    assert [status(body) for body in (b"", b"{", b"[]", b"\xff", b'{"messages": 1}', b"{}")] == 6 * [400]
    assert status(b"{}", "/nothing") == 404
    assert status(None, "/v1/chat/completions", "GET") == 405
    assert status(b"x" * (9 << 20)) == 413
    with socket.create_connection(("127.0.0.1", sim.port), 10) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400")
    assert sim.chat(max_tokens=1)[0] == 200


def test_old_clients_get_whole_answers(sim):
    for stream, status in ((False, b"200"), (True, b"400")):
        body = json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2, "stream": stream}).encode()
        with socket.create_connection(("127.0.0.1", sim.port), 10) as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            assert connection.makefile("rb").read().startswith(b"HTTP/1.1 " + status)


def test_a_body_that_waits_to_be_wanted(sim):
    body = b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 2}'
    with socket.create_connection(("127.0.0.1", sim.port), 10) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                           b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")


def test_requests_one_behind_the_other(sim):
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2}).encode()
    call = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sim.port), 10) as connection:
        connection.sendall(one + call + one + call + last)
        assert connection.makefile("rb").read().count(b"HTTP/1.1 200 OK") == 5


def test_a_key_is_asked_for(start_sim):
    sim = start_sim(*FAST, "--api-key", "secret")
    assert sim.chat()[0] == 401
    assert sim.chat(headers={"Authorization": "Bearer secre"})[0] == 401
    assert sim.chat(headers={"Authorization": "Bearer secret"}, max_tokens=1)[0] == 200
    assert sim.ask("GET", "/v1/models")[0] == 401
    assert sim.ask("GET", "/metrics")[0] == sim.ask("GET", "/health")[0] == 200


def test_connections_have_a_maximum(start_sim):
    sim = start_sim(*FAST, "--connections-max", "2")
    open_ones = [sim.open_call(stream=True, max_tokens=1500, ignore_eos=True) for _ in range(2)]
    assert all(call.recv(12) for call in open_ones)
    with pytest.raises(OSError):
        sim.ask("GET", "/health")
    open_ones[0].close()
    wait_for(lambda: can_connect(sim))
    open_ones[1].close()


def can_connect(sim):
    try:
        return sim.ask("GET", "/health")[0] == 200
    except OSError:
        return False


# Faults.

def test_faults_are_armed_with_control_only(start_sim):
    sim = start_sim(*FAST)
    assert sim.ask("POST", "/sim/fault", {"fault": "error"})[0] == 404
    sim = start_sim(*FAST, "--control")
    for bad in ({}, {"fault": "fire"}, {"fault": "error", "rate": 2}, {"fault": "error", "times": -1},
                {"fault": "stall", "seconds": "long"}, [], "x"):
        assert sim.ask("POST", "/sim/fault", bad)[0] == 400, bad
    sim.fault(fault="error", rate=0.5, times=0)
    assert json.loads(sim.ask("GET", "/sim/fault")[2]) == {"error": {"rate": 0.5, "times": 0, "seconds": 5}}
    sim.fault(fault="none")
    assert json.loads(sim.ask("GET", "/sim/fault")[2]) == {}


def test_errors(sim):
    sim.fault(fault="error", times=2)
    assert [sim.chat(max_tokens=1)[0] for _ in range(3)] == [500, 500, 200]


def test_errors_by_switch(start_sim):
    sim = start_sim(*FAST, "--fault", "error:0.5")
    answers = [sim.chat(max_tokens=1)[0] for _ in range(40)]
    assert 5 < answers.count(500) < 35 and answers.count(200) == 40 - answers.count(500)


def test_usage_that_lies(sim):
    def told():
        return sim.stream(max_tokens=10, ignore_eos=True, stream_options={"include_usage": True})[-1].get("usage")

    sim.fault(fault="usage_low")
    assert told()["completion_tokens"] == 5
    sim.fault(fault="usage_high")
    assert told()["completion_tokens"] == 20
    sim.fault(fault="usage_none")
    assert told() is None
    assert told()["completion_tokens"] == 10


def test_garbage(sim):
    sim.fault(fault="garbage")
    with sim.open_call(stream=True, max_tokens=5, ignore_eos=True) as call:
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += call.recv(65536)
    assert b"\x01\xfe\xff" in data and b"[DONE]" in data
    sim.fault(fault="garbage")
    with pytest.raises(ValueError):
        sim.chat(max_tokens=5)


def test_half_an_event_and_half_an_answer(sim):
    sim.fault(fault="half")
    with sim.open_call(stream=True, max_tokens=50, ignore_eos=True) as call:
        data = call.makefile("rb").read()
    assert data.count(b"data: ") == 3 and data.count(b"\n\n") == 2 and b"[DONE]" not in data
    sim.fault(fault="half")
    with pytest.raises(http.client.IncompleteRead):
        sim.chat(max_tokens=5)
    wait_for(lambda: sim.metric("num_requests_running") == 0)


def test_a_stall_is_over_in_its_time(start_sim):
    sim = start_sim("--speed", "10", "--control")
    sim.fault(fault="stall", rate=1, seconds=8)
    sim.chat(max_tokens=6, ignore_eos=True)
    assert sim.metric("time_per_output_token_seconds_sum") == pytest.approx(8.2, abs=0.5)
    sim.fault(fault="stall", seconds=8)
    sim.chat(max_tokens=6, ignore_eos=True)
    assert sim.metric("time_to_first_token_seconds_sum") > 5


def test_a_slow_start(start_sim):
    sim = start_sim("--speed", "10", "--control")
    sim.fault(fault="slow_start", seconds=3)
    assert sim.chat(max_tokens=1)[0] == 200
    assert sim.metric("time_to_first_token_seconds_sum") > 3


def test_hanging_up_in_a_slow_start(sim):
    sim.fault(fault="slow_start", seconds=3600)
    call = sim.open_call(stream=True)
    wait_for(lambda: json.loads(sim.ask("GET", "/sim/fault")[2]) == {})
    call.close()
    wait_for(lambda: sim.metrics()['vllm:request_success_total{finished_reason="abort"}'] == 1)


def test_a_restart_takes_everything(start_sim):
    sim = start_sim("--speed", "1", "--control")
    calls = [sim.open_call(stream=True, max_tokens=1000, ignore_eos=True) for _ in range(4)]
    assert all(call.recv(12) for call in calls)
    sim.fault(fault="restart", seconds=0)
    for call in calls:
        with pytest.raises(OSError):
            while call.recv(65536):
                pass
        call.close()
    wait_for(lambda: can_connect(sim))
    assert sim.metric("num_requests_running") == 0
    assert sim.metric("generation_tokens_total") == 0
    assert sim.chat(max_tokens=1)[0] == 200


def test_a_restart_by_a_call_keeps_everybody_out_for_a_while(start_sim):
    sim = start_sim("--speed", "10", "--control")
    sim.fault(fault="restart", rate=1, seconds=5)
    with pytest.raises(OSError):
        sim.chat()
    with pytest.raises(OSError):
        sim.chat()
    wait_for(lambda: can_connect(sim))


# The program.

def test_many_streams_at_once_lose_nothing(start_sim):
    sim = start_sim("--speed", "100", preset={"scheduler.running_max": 64, "time.jitter": 0.3})
    made, lock = [], threading.Lock()

    def client():
        count = len(sim.stream(max_tokens=50, ignore_eos=True))
        with lock:
            made.append(count)

    threads = [threading.Thread(target=client) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == 100 * [50]
    assert sim.metric("generation_tokens_total") == 5000


def test_a_door_in_front_of_it(start_sim, start):
    sim = start_sim("--speed", "10")
    door = start(sim, model={"upstream_model": "smollm2"})
    status, _, body = door.chat(max_tokens=30)
    answer = json.loads(body)
    assert status == 200 and answer["choices"][0]["message"]["content"] and answer["usage"]["completion_tokens"] <= 30
    done = sim.metric("generation_tokens_total")
    body = json.dumps({"model": "test-model", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1900}).encode()
    with door.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                  % (door.api_key().encode(), len(body), body)):
        wait_for(lambda: sim.metric("generation_tokens_total") > done)
    wait_for(lambda: sim.metric("num_requests_running") == 0)


def test_it_stops_while_calls_run(start_sim):
    sim = start_sim("--speed", "1")
    calls = [sim.open_call(stream=bool(i % 2), max_tokens=1000, ignore_eos=True) for i in range(6)]
    wait_for(lambda: sim.metric("generation_tokens_total") > 3)
    assert sim.stop() == (0, "")
    for call in calls:
        call.close()


def test_presets_are_listed_and_printed(tmp_path):
    names = [line.split()[0] for line in run("presets").stdout.splitlines()]
    assert "vllm-cpu" in names and "h800-deepseek-r1" in names
    for name in names:
        printed = run("preset", name).stdout
        assert printed == (ROOT / "sim" / "presets" / f"{name}.json").read_text()
    bad = tmp_path / "bad.json"
    bad.write_text(printed.replace('"kind"', '"kin"'))
    assert run("serve", "--preset", str(bad)).stderr == f"simllm: {bad}: 'scheduler.kin' is no key of a preset\n"


def test_arguments_that_are_wrong_get_one_line(sim):
    for words in (["nothing"], ["serve", "--nothing"], ["serve", "--port", "x"], ["serve", "--host", "nowhere"],
                  ["serve", "--port", str(sim.port)], ["preset"], ["preset", "nothing"]):
        result = run(*words)
        assert result.returncode == 1 and result.stdout == "", words
        assert result.stderr.startswith("simllm: ") and result.stderr.count("\n") == 1, words
    for words in ([], ["--help"], ["serve", "--help"]):
        assert run(*words).returncode == 0 and "simllm" in run(*words).stdout
