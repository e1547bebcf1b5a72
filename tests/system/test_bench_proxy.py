# SPDX-License-Identifier: Apache-2.0
"""bench/proxy measures: every kind of measurement, in tiny windows. The figures themselves are not judged here."""
import json
import os
import subprocess

import service

PROXY = service.ROOT / "bench" / "proxy"


def bench(*words):
    return subprocess.run([str(PROXY), "--build", str(service.BUILD), *words], capture_output=True, text=True,
                          timeout=300, check=False)


def test_measures_seawall_and_the_floor(tmp_path):
    out = tmp_path / "results.json"
    done = bench("--only", "rps64,sse-flood,mem-kept", "--peers", "seawall,floor", "--windows", "2", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(out.read_text())
    requests = results["measurements"]["rps64"]["peers"]
    for label in ("seawall", "floor"):
        assert requests[label]["cpu_us"]["n"] == 2
        assert requests[label]["cpu_us"]["lower_quartile"] > 0
        assert results["measurements"]["sse-flood"]["peers"][label]["rate"]["median"] > 0
    assert requests["seawall"]["gateway_cpu_us"]["median"] <= requests["seawall"]["cpu_us"]["median"]
    assert results["measurements"]["mem-kept"]["peers"]["seawall"]["private"]["median"] > 0
    assert results["machine"]["commit"] and results["machine"]["cpu"]
    assert "rps64: " in done.stdout and "seawall" in done.stdout


def test_forged_keys_are_all_refused(tmp_path):
    """The load program ends at the first answer that is no 401."""
    done = bench("--only", "forged", "--peers", "seawall", "--windows", "1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_what_it_can_measure():
    done = bench("--list")
    assert done.returncode == 0
    assert "rps64-8k" in done.stdout and "mem-stream" in done.stdout


def test_whoever_ends_it_ends_what_it_started(folder):
    process = subprocess.Popen([str(PROXY), "--build", str(service.BUILD), "--only", "rps64", "--peers",
                                "seawall,floor", "--windows", "1000"], env={**os.environ, "TMPDIR": str(folder)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # Once a key is made all of its processes are there, or about to be.
        service.wait_for(lambda: list(folder.glob("*/floor/output.log")), 60, "the start of the last program")
    finally:
        process.terminate()
    assert process.wait(30) == 143
    assert not list(folder.iterdir())
    assert str(folder) not in subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
