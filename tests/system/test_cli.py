# SPDX-License-Identifier: Apache-2.0
"""The tool against the real daemon: each command, what it prints for people and as JSON, and its exit status."""
import csv
import hashlib
import json
import pathlib
import re
import stat
import subprocess

import pytest

from service import DAEMON, ROOT, TOOL, wait_for


def status_of(service, key):
    return service.request("GET", "/v1/models", key=key)[0]


def run(*words, **more):
    return subprocess.run([str(TOOL), *map(str, words)], capture_output=True, text=True, timeout=60, **more)


def fails(result, status, words):
    """One line on standard error, nothing on standard output."""
    assert result.returncode == status, result
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and words in result.stderr, result.stderr


# ---- usage -----------------------------------------------------------------------------------------


def commands():
    lines = run("--help").stdout.split("\n\n")[1].splitlines()
    return [re.match(r"  ((?:(?:account|key|profile) )?[a-z]+)", line).group(1) for line in lines]


def test_each_command_has_a_page_of_help_and_stands_in_the_guide():
    guide = (ROOT / "docs" / "cli.md").read_text()
    assert len(commands()) == 26
    for command in commands():
        result = run(*command.split(), "--help")
        assert result.returncode == 0 and result.stderr == ""
        assert result.stdout.startswith(f"Usage: seawall {command}")
        for option in re.findall(r"^  (--[a-z-]+)", result.stdout, re.M):
            assert option in guide, option
        assert f"`seawall {command}" in guide, command


def test_wrong_usage_is_2():
    fails(run("bogus"), 2, "unknown command 'bogus'")
    fails(run("key", "create"), 2, "usage: seawall key create NAME")
    fails(run("status", "--wait", "long"), 2, "--wait expects")
    fails(run("key", "rotate", "key_00000000001", "--overlap", "soon"), 2, "--overlap expects")
    fails(run("key", "create", "a", "--expires", "soon"), 2, "--expires expects")
    assert run().returncode == 2


def test_no_service_is_3(tmp_path):
    for words in (["status"], ["top"], ["usage"], ["reload"], ["key", "list"], ["key", "create", "a"]):
        fails(run("--data", tmp_path, *words), 3, "no service runs with the data folder")


def test_version_and_help_need_no_service():
    assert run("version").stdout.startswith("seawall ")
    assert json.loads(run("version", "--json").stdout)["version"]
    assert run("help").stdout == run("--help").stdout


# ---- status, top, reload, check --------------------------------------------------------------------


def test_status_tells_what_is_up(service):
    result = service.tool("status", "--wait", "10")
    assert f"http://127.0.0.1:{service.port}/" in result.stdout
    assert re.search(r"test-model +test +up", result.stdout)
    state = service.tool_json("status", "--wait", "10")
    assert state["listen"] == [f"127.0.0.1:{service.port}"]
    assert state["models"] == [{"name": "test-model", "pool": "test", "up": True}]
    assert state["pools"][0]["backends"][0]["state"] == "up"
    assert state["workers"] == 2 and state["trouble"] == [] and state["lost"] == ""
    # ./run finds the addresses by this form.
    assert re.search(r'"listen": *\[(.*)\], *"keys"', service.tool("status", "--json").stdout.replace("\n", ""))


def test_status_of_a_model_that_is_down_is_1(start, make_engine):
    gone = make_engine()
    service = start(gone)
    gone.close()
    result = wait_for(lambda: (r := service.tool("status", check=False)).returncode == 1 and "is down" in r.stderr and r)
    assert re.search(r"test-model +test +down", result.stdout)
    waited = service.tool("status", "--wait", "1", check=False)
    assert waited.returncode == 1 and "Waiting: model 'test-model' is not up" in waited.stderr


def test_top_once(service):
    service.chat()
    assert "requests" in service.tool("top", "--once").stdout
    top = service.tool_json("top")
    assert top["requests_s"] >= 0 and top["pools"][0]["backends"][0]["requests"] == 1


def test_reload_takes_a_good_file_and_refuses_a_bad_one(service):
    assert service.tool("reload").stdout == "The new configuration is in force.\n"
    assert service.tool_json("reload") == {"reloaded": True}
    old = service.settings
    service.write_config({**old, "service": {**old["service"], "listen": ["127.0.0.1:1"], "workers": 1}})
    for _ in range(2):  # and it is said again as long as it is so
        assert service.tool("reload").stdout == "The new configuration is in force, but for what takes effect at the next start: " \
            "service.listen, service.workers.\n"
    service.write_config(old)
    assert service.tool_json("reload") == {"reloaded": True}
    service.config_path.write_text("services: {}\n")
    fails(service.tool("reload", check=False), 1, "seawall.yaml:1")
    assert service.chat()[0] == 200


def test_check_judges_a_file(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("pools:\n  - name: a\n    backends:\n      - url: http://127.0.0.1:1\n")
    bad.write_text("pools:\n  - nmae: a\n")
    assert run("check", good).stdout == f"{good} is good.\n"
    assert json.loads(run("check", good, "--json").stdout) == {"file": str(good), "good": True, "embedded_model": False, "warnings": []}
    good.write_text("")
    assert json.loads(run("check", good, "--json").stdout)["embedded_model"] is True
    fails(run("check", bad), 1, "bad.yaml:2")
    result = run("check", bad, "--json")
    assert result.returncode == 1 and "bad.yaml:2" in json.loads(result.stdout)["error"]


def test_a_secret_that_cannot_be_read_is_named_and_not_shown(folder, start, engine):
    """By check, at a start and at a reload, in the same words."""
    key = folder / "upstream.key"
    key.write_text("sk-very-secret two words\n")
    key.chmod(0o600)
    config = folder / "secret.yaml"
    config.write_text("service: {metrics: 'off'}\npools: [{name: a, backends: [{url: 'https://a', api_key_file: upstream.key}]}]\n")
    for spoil, words in ((lambda: None, f"the key in '{key}' holds a space"), (lambda: key.chmod(0o620), f"'{key}' is writable by others"),
                         (key.unlink, f"'{key}' cannot be opened: No such file")):
        spoil()
        result = run("check", config)
        fails(result, 1, words)
        assert "sk-very" not in result.stderr
        result = subprocess.run([DAEMON, "supervisor", "--data", folder / "data", "--config", config], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=20)
        fails(result, 1, words)
    door = start(engine)
    settings = door.settings
    settings["pools"][0]["backends"][0]["api_key_file"] = str(key)
    door.write_config(settings)
    fails(door.tool("reload", check=False), 1, words)
    door.wait_log(f"reload refused, the old configuration stays: {door.config_path}")
    assert words in door.log()


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_check_reads_each_example(example):
    result = run("check", example)
    assert result.returncode == 0 or "cannot" in result.stderr, result.stderr  # secrets of others are not here


# ---- keys ------------------------------------------------------------------------------------------


def test_a_key_from_its_making_to_its_end(service):
    made = service.tool("key", "create", "ann")
    key = made.stdout.strip()
    assert key.startswith("sk-sw-") and key not in made.stderr and "not shown again" in made.stderr
    assert status_of(service, key) == 200
    [row] = service.tool_json("key", "list")["keys"]
    assert row["name"] == "ann" and row["state"] == "active" and row["hint"] == key[-4:]
    listed = service.tool("key", "list").stdout
    assert row["id"] in listed and key not in listed
    assert service.tool_json("key", "show", row["id"])["id"] == row["id"]
    assert "disabled" in service.tool("key", "disable", row["id"]).stdout
    assert status_of(service, key) == 401
    assert "active" in service.tool("key", "enable", row["id"]).stdout
    assert status_of(service, key) == 200
    second = service.tool("key", "rotate", row["id"], "--overlap", "1h").stdout.strip()
    assert status_of(service, key) == status_of(service, second) == 200
    fails(service.tool("key", "show", "key_nobody", check=False), 1, "there is no key 'key_nobody'")
    fails(service.tool("key", "disable", "../status", check=False), 1, "there is no")


def test_a_change_reaches_every_worker_at_once(service):
    """Connections of both workers are open before; each sees the change with its next request."""
    import http.client
    made = service.tool_json("key", "create", "ann")
    connections = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=10) for _ in range(16)]

    def ask_all():
        found = set()
        for connection in connections:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {made['key']}"})
            answer = connection.getresponse()
            answer.read()
            found.add(answer.status)
        return found

    assert ask_all() == {200}
    service.tool("key", "disable", made["id"])
    wait_for(lambda: ask_all() == {401}, 1)
    for connection in connections:
        connection.close()


def test_a_key_is_kept_once(service, tmp_path):
    place = tmp_path / "first.key"
    first = service.tool("key", "create", "first", "--once-file", str(place)).stdout.strip()
    assert place.read_text() == first + "\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert service.tool("key", "create", "first", "--once-file", str(place)).stdout.strip() == first
    assert service.tool_json("key", "create", "first", "--once-file", str(place))["key"] == first
    assert len(service.tool_json("key", "list")["keys"]) == 1
    nowhere = tmp_path / "none" / "first.key"
    fails(service.tool("key", "create", "x", "--once-file", str(nowhere), check=False), 1, "cannot write")
    assert len(service.tool_json("key", "list")["keys"]) == 1
    assert [path.name for path in tmp_path.glob("first.key*")] == ["first.key"]


def test_an_import_names_its_bad_lines_and_takes_all_or_none(service, tmp_path):
    listing = tmp_path / "keys.csv"
    digest = hashlib.sha256(b"sk-hashed-elsewhere-1234").hexdigest()
    rows = [["key", "sha256", "name", "expires", "models"], ["sk-brought-along-1", "", "plain, \"quoted\"\nname", "", ""],
            ["", digest, "hashed", "2100-01-01", "test-model;other"], ["short", "", "bad", "", ""],
            ["sk-brought-along-2", "", "late", "soon", ""]]

    def write(rows):
        with open(listing, "w", newline="") as file:
            csv.writer(file).writerows(rows)

    write(rows)
    result = service.tool("key", "import", str(listing), check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert f"{listing}:2: 'name'" in result.stderr and f"{listing}:5: 'key'" in result.stderr
    assert f"{listing}:6: 'expires'" in result.stderr and "none was" in result.stderr
    assert service.tool_json("key", "list")["keys"] == []

    rows[1][2] = "plain"
    write(rows[:3])
    assert service.tool("key", "import", str(listing)).stdout == "2 keys imported.\n"
    assert status_of(service, "sk-brought-along-1") == status_of(service, "sk-hashed-elsewhere-1234") == 200
    hashed = next(row for row in service.tool_json("key", "list")["keys"] if row["name"] == "hashed")
    assert hashed["models"] == ["test-model", "other"] and hashed["imported"]
    fails(service.tool("key", "import", str(tmp_path / "none.csv"), check=False), 1, "cannot read")
    assert "there already" in service.tool("key", "import", str(listing), check=False).stderr


def test_many_keys_come_and_are_listed(service, tmp_path):
    listing = tmp_path / "keys.jsonl"
    listing.write_text("".join(json.dumps({"key": f"sk-many-{i:012}", "name": f"user {i}"}) + "\n" for i in range(2500)))
    assert service.tool_json("key", "import", str(listing)) == {"imported": 2500}
    assert len(service.tool_json("key", "list")["keys"]) == 2500
    assert status_of(service, "sk-many-000000002499") == 200


def test_no_secret_stands_in_an_argument_or_a_log(service):
    key = service.make_key("ann")
    assert key not in service.log()
    for path in (service.data / "state").iterdir():
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


# ---- usage -----------------------------------------------------------------------------------------


def test_usage_by_key_and_model(service):
    made = service.tool_json("key", "create", "ann")
    assert service.chat(key=made["key"])[0] == 200

    def rows():
        return service.tool_json("usage")["rows"]

    [row] = wait_for(rows)
    assert row["key"] == made["id"] and row["key_name"] == "ann" and row["model"] == "test-model"
    assert row["requests"] == 1 and row["total_tokens"] == row["prompt_tokens"] + row["completion_tokens"] > 0
    assert "ann" in service.tool("usage").stdout
    assert service.tool_json("usage", "--by", "day", "--model", "test-model")["rows"][0]["requests"] == 1
    assert service.tool_json("usage", "--model", "other")["rows"] == []
    assert service.tool("usage", "--to", "2020-01-01").stdout == "Nothing was used in that time.\n"
    fails(service.tool("usage", "--by", "week", check=False), 1, "'by' must be a list of")


# ---- the database goes -----------------------------------------------------------------------------


def test_keys_survive_the_loss_of_the_database(service):
    key = service.make_key("ann")
    wait_for(lambda: (service.data / "state" / "keys.snapshot").exists())
    service.stop()
    for path in (service.data / "state").glob("seawall.db*"):
        path.unlink()
    service.start()
    assert status_of(service, key) == 200
    assert service.tool_json("status", "--wait", "10")["trouble"] == ["the database was lost and got 1 key back"]
    service.stop()
    service.start()
    assert status_of(service, key) == 200
    assert service.tool_json("status", "--wait", "10")["trouble"] == []
