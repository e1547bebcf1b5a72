# SPDX-License-Identifier: Apache-2.0
"""bench/micro/run measures what it is asked for, writes what it measured, and refuses builds whose figures say nothing."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["SEAWALL_BUILD"])
OPTIONS = {option["name"]: option["value"] for option in json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())}


def run(*words):
    return subprocess.run([ROOT / "bench" / "micro" / "run", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=100, check=False)


class BenchMicroCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_refused(self, result, status, words):
        self.assertEqual(result.returncode, status, result)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(words, result.stderr)

    def build_of(self, buildtype):
        """A folder that says that it is such a build."""
        (self.folder / "meson-info").mkdir()
        (self.folder / "meson-info" / "intro-buildoptions.json").write_text(json.dumps([{"name": "buildtype", "value": buildtype}]))
        (self.folder / "meson-info" / "intro-benchmarks.json").write_text("[]")
        return self.folder

    @unittest.skipUnless(OPTIONS["buildtype"] == "release", "figures are taken of release builds")
    def test_what_is_measured_is_written(self):
        out = self.folder / "out.json"
        result = run("--build", BUILD, "--no-instructions", "--out", out, "write/chunk-head", "small/clock")
        self.assertEqual(result.returncode, 0, result.stderr)
        written = json.loads(out.read_text())
        self.assertEqual([row["name"] for row in written["benchmarks"]], ["write/chunk-head", "small/clock"])
        for row in written["benchmarks"]:
            self.assertLess(0, row["ns_fastest"])
            self.assertLessEqual(row["ns_fastest"], row["ns_lower_quartile"])
            self.assertIn(row["name"], result.stdout)
        for fact in ("cpu", "kernel", "compiler", "commit", "date"):
            self.assertIn(fact, written["machine"])

    def test_another_than_a_release_build_is_refused(self):
        self.assert_refused(run("--build", self.build_of("debug")), 1, "is a debug build")
        self.assert_refused(run("--build", self.folder / "nowhere"), 1, "is no build")

    def test_names_that_are_none_are_refused(self):
        build = self.build_of("release")
        self.assert_refused(run("--build", build, "nothing"), 2, "nothing begins with 'nothing'")
        self.assert_refused(run("--build", build, "--where", "nothing"), 2, "there is no 'nothing'")

    def test_wrong_usage_is_refused(self):
        self.assert_refused(run("--bogus"), 2, "--bogus")
        self.assert_refused(run("--out", self.folder / "no" / "file"), 2, "there is no folder")


if __name__ == "__main__":
    unittest.main()
