# SPDX-License-Identifier: Apache-2.0
"""A short soak of each build that there is: bench/soak, whose checks they are."""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 40
BUILDS = [os.environ.get("SEAWALL_BUILD", str(ROOT / "build")), *filter(None, [os.environ.get("SEAWALL_SANITIZED_BUILD")])]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: pathlib.Path(build).name)
def test_nothing_leaks_sticks_or_is_miscounted(build):
    done = subprocess.run([sys.executable, ROOT / "bench" / "soak", "--seconds", str(SECONDS), "--build", build],
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
