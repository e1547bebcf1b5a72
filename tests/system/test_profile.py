# SPDX-License-Identifier: Apache-2.0
"""What callers earned, through the tool and over restarts: grants, imports, a database that is gone."""
import hashlib
import json
import re
import sqlite3
import subprocess
import time

import pytest

from engine import Engine
from service import ROOT, wait_for

DAY_S = 86400
HEADER = "request_id,api_key,startTime,prompt_tokens,completion_tokens,user\n"


@pytest.fixture(scope="module")
def service(share):
    engine = Engine()
    yield share(engine)
    engine.close()


def noon(days_ago):
    """Seconds since 1970 of 12:00 UTC, that many days ago."""
    return (int(time.time()) // DAY_S - days_ago) * DAY_S + DAY_S // 2


def iso(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S.123", time.gmtime(seconds))


def spend_log(who, days=(5, 4, 3, 2, 1), hours=2, tokens=(1800, 900)):
    """A CSV of two calls for each of these days and hours: 3600 wt each, so 4 wt/s."""
    rows = [f"r{day}-{hour}-{i},{who},{iso(noon(day) + hour * 3600 + i)},{tokens[0]},{tokens[1]},someone\n"
            for day in days for hour in range(hours) for i in range(2)]
    return HEADER + "".join(rows)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def run_import(service, folder, text, *words, name="usage.csv", check=True):
    path = folder / name
    path.write_text(text)
    return service.tool("profile", "import", str(path), *words, check=check)


def show(service, who):
    return service.tool_json("profile", "show", who)


def key_of(service, name):
    made = service.tool_json("key", "create", name)
    return made["key"], made["id"]


# ---- looking -----------------------------------------------------------------------------------------


def test_a_stranger_is_shown_as_one(service):
    key, key_id = key_of(service, "stranger")
    for who in (key, key_id, "stranger", digest(key)):
        profile = show(service, who)
        assert profile["id"] == key_id and profile["name"] == "stranger"
        assert not profile["trusted"] and profile["in_profile_in_s"] is None
    text = service.tool("profile", "show", "stranger").stdout
    assert re.search(r"^Trusted +no$", text, re.M) and re.search(r"^In-profile +no$", text, re.M)


def test_who_is_not_there_is_told(service):
    for who, words in (("nobody", "there is no key 'nobody'"), ("sk-sw-something", "there is no key with this text"),
                       ("key_00000000001", "there is no key 'key_00000000001'")):
        result = service.tool("profile", "show", who, check=False)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr == f"seawall: {words}\n"


def test_an_address_is_a_caller_too(service):
    granted = service.tool_json("profile", "grant", "192.0.2.77", "3")
    assert granted["id"].startswith("addr_") and granted["name"] is None
    assert show(service, "::ffff:192.0.2.77")["rate"] == 3
    assert show(service, granted["id"])["rate"] == 3
    service.tool("profile", "forget", granted["id"])
    assert not show(service, "192.0.2.77")["trusted"]


# ---- grants ------------------------------------------------------------------------------------------


def test_a_grant_is_given_shown_listed_and_taken_back(service):
    key_of(service, "granted")
    text = service.tool("profile", "grant", "granted", "25.5").stdout
    assert re.search(r"^Trusted +by grant$", text, re.M) and re.search(r"^In-profile +now$", text, re.M)
    assert "25.5 wt/s (earned 0, granted 25.5)" in text
    listed = service.tool_json("profile", "list", "--limit", "1")
    assert [row["name"] for row in listed["profiles"]] == ["granted"]
    assert listed["trusted"] >= 1 and listed["rate"] >= 25.5
    assert re.search(r"granted +grant +yes +25\.5", service.tool("profile", "list").stdout)
    assert not service.tool_json("profile", "grant", "granted", "0")["trusted"]


def test_grants_that_are_refused(service):
    for rate, words in (("-1", "usage: seawall profile grant WHO RATE"), ("x", "RATE must be"), ("", "RATE must be"), ("1e400", "RATE must be"),
                        ("nan", "RATE must be"), ("1x", "RATE must be")):
        result = service.tool("profile", "grant", "granted", rate, check=False)
        assert result.returncode == 2 and result.stdout == "" and words in result.stderr and result.stderr.count("\n") == 1
    result = service.tool("profile", "grant", "granted", "2e9", check=False)
    assert result.returncode == 1 and "'rate' must be a number" in result.stderr


# ---- imports -----------------------------------------------------------------------------------------


def test_a_spend_log_makes_its_users_trusted(service, tmp_path):
    key, key_id = key_of(service, "from-csv")
    result = run_import(service, tmp_path, spend_log(digest(key)))
    assert "20 rows read, 0 cannot be used" in result.stdout
    assert "1 callers are learned; 1 are trusted, together 4 wt/s" in result.stdout
    profile = show(service, key_id)
    assert profile["trusted"] and profile["by"] == "use" and profile["in_profile"]
    assert profile["rate"] == pytest.approx(4, rel=1e-3)
    assert profile["days_earned"] == 5 and profile["request_wt"] == pytest.approx(3600)
    before = show(service, key_id)
    run_import(service, tmp_path, spend_log(digest(key)))  # the same file again
    after = show(service, key_id)
    assert {**before, "balance": 0} == {**after, "balance": 0}


def test_json_lines_of_names_keys_and_addresses(service, tmp_path):
    key, _ = key_of(service, "from-json")
    rows = [{"user": who, "time": noon(day) * factor, "tokens_in": 3600, "tokens_out": 0}
            for day in (4, 3, 2) for who, factor in (("from-json", 1), ("198.51.100.9", 1000))]
    rows += [{"key": key, "timestamp": iso(noon(1)), "input_tokens": "1800", "output_tokens": 900}]
    result = run_import(service, tmp_path, "".join(json.dumps(row) + "\n" for row in rows), name="usage.jsonl")
    assert result.returncode == 0
    assert show(service, "from-json")["trusted"]
    assert show(service, "198.51.100.9")["rate"] == pytest.approx(2, rel=1e-3)


def test_a_dry_run_says_the_same_and_learns_nothing(service, tmp_path):
    key, key_id = key_of(service, "dry")
    result = run_import(service, tmp_path, spend_log(digest(key)), "--dry-run", "--json")
    said = json.loads(result.stdout)
    assert said["dry_run"] and said["trusted"] == said["in_profile"] == 1
    assert said["largest"][0]["name"] == "dry"
    assert not show(service, key_id)["trusted"]


def test_rows_that_cannot_be_used_are_named_and_the_others_count(service, tmp_path):
    key, key_id = key_of(service, "half")
    good = spend_log(digest(key))
    bad = f"x,{digest(key)},soon,1,2,a\nx,,{iso(noon(1))},1,2,\nx,{digest(key)},{iso(noon(-2))},1,2,a\nx,1,2\n"
    unknown = "".join(f"x,nobody-{i},{iso(noon(1))},1,2,a\n" for i in range(30))
    result = run_import(service, tmp_path, good + bad + unknown)
    lines = good.count("\n")
    path = tmp_path / "usage.csv"
    errors = result.stderr.splitlines()
    assert errors[0] == f"seawall: {path}:{lines + 1}: its time is neither ISO 8601 nor a number of seconds since 1970"
    assert errors[1] == f"seawall: {path}:{lines + 2}: it does not say who it was"
    assert errors[2] == f"seawall: {path}:{lines + 3}: its time is in the future"
    assert errors[3] == f"seawall: {path}:{lines + 4}: it has fewer cells than the header"
    assert errors[4] == f"seawall: {path}:{lines + 5}: there is no key 'nobody-0'"
    assert errors[-1] == f"seawall: {path}: 20 more callers that are not known"
    assert "30 callers with 30 rows are not known here." in result.stdout
    assert show(service, key_id)["trusted"]


def test_files_that_cannot_be_imported(service, tmp_path):
    for text, words in (("", "1: nothing is in it"), ("a,b\n1,2\n", "1: no column says who it was"),
                        ('[{"user":"a"}]', "1: a JSON array")):
        result = run_import(service, tmp_path, text, check=False)
        assert result.returncode == 1 and words in result.stderr and result.stderr.count("\n") == 1
    result = service.tool("profile", "import", str(tmp_path / "none"), check=False)
    assert result.returncode == 1 and "cannot read" in result.stderr
    result = run_import(service, tmp_path, spend_log("nobody"), check=False)
    assert result.returncode == 1 and "is of a caller who is known here" in result.stderr
    result = run_import(service, tmp_path, "x", "--format", "xml", check=False)
    assert result.returncode == 2 and "--format expects csv or jsonl" in result.stderr


def test_the_worked_example_of_an_access_log(service, tmp_path):
    """The awk of docs/profiles.md, on lines as nginx writes them."""
    guide = (ROOT / "docs" / "profiles.md").read_text()
    program = re.search(r"awk '(BEGIN.*?)' access\.log", guide, re.S).group(1)
    log = "".join(f'198.51.100.{host} - - [{time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(noon(day)))}] '
                  f'"POST /v1/chat/completions HTTP/1.1" 200 4000 "-" "x/1" 400\n'
                  for day in (4, 3, 2) for host in (21, 22))
    log += '198.51.100.23 - - [01/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 4000 "-" "x/1" 400\n'

    made = subprocess.run(["awk", program], input=log, capture_output=True, text=True, check=True).stdout
    assert made.splitlines()[0] == "address,time,tokens_in,tokens_out" and len(made.splitlines()) == 7
    run_import(service, tmp_path, made)
    assert show(service, "198.51.100.21")["trusted"] and not show(service, "198.51.100.23")["trusted"]


# ---- what outlives the process -----------------------------------------------------------------------


def test_budgets_outlive_a_restart_and_a_lost_database(start, make_engine, tmp_path):
    service = start(make_engine())
    key, key_id = key_of(service, "kept")
    run_import(service, tmp_path, spend_log(digest(key)))
    service.tool("profile", "grant", "192.0.2.5", "7")
    service.tool("profile", "grant", "192.0.2.6", "8")
    service.tool("profile", "forget", "192.0.2.6")
    assert service.stop() == 0

    service.start()
    assert show(service, key_id)["rate"] == pytest.approx(4, rel=1e-3)
    assert show(service, "192.0.2.5")["rate"] == 7
    assert not show(service, "192.0.2.6")["trusted"]
    assert service.stop() == 0

    for path in (service.data / "state").glob("seawall.db*"):
        path.unlink()
    service.start()
    assert show(service, key_id)["rate"] == pytest.approx(4, rel=1e-3)
    assert show(service, "192.0.2.5")["rate"] == 7
    assert not show(service, "192.0.2.6")["trusted"]
    assert service.stop() == 0
    with sqlite3.connect(service.data / "state" / "seawall.db") as database:  # it got them back
        assert database.execute("SELECT count(*) FROM profiles").fetchone() == (2,)


def test_budgets_outlive_a_database_that_is_locked_throughout(start, make_engine, tmp_path):
    service = start(make_engine())
    _, key_id = key_of(service, "kept")
    other = sqlite3.connect(service.data / "state" / "seawall.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    service.tool("profile", "grant", key_id, "5")
    service.stop(60)
    service.start()
    assert show(service, key_id)["rate"] == 5
    other.execute("ROLLBACK")
    other.close()


def test_a_lost_file_beside_the_database_loses_nothing(start, make_engine):
    service = start(make_engine())
    service.tool("profile", "grant", "192.0.2.5", "7")
    service.stop()
    (service.data / "state" / "profiles.snapshot").unlink()
    service.start()
    assert show(service, "192.0.2.5")["rate"] == 7


def test_a_damaged_file_is_told_and_written_anew(start, make_engine):
    service = start(make_engine())
    service.tool("profile", "grant", "192.0.2.5", "7")
    service.stop()
    path = service.data / "state" / "profiles.snapshot"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\xff" + whole[41:])
    service.start()
    service.wait_log("damaged: 1 profiles of it could not be read")
    assert show(service, "192.0.2.5")["rate"] == 7
    wait_for(lambda: path.read_bytes()[:19] == whole[:19] and path.read_bytes()[40] != 0xff, 20, "a whole file")


def test_a_rotated_key_keeps_its_budget(service, tmp_path):
    key, key_id = key_of(service, "rotated")
    run_import(service, tmp_path, spend_log(digest(key)))
    next_id = service.tool_json("key", "rotate", key_id)["id"]
    assert show(service, next_id)["rate"] == pytest.approx(4, rel=1e-3)
