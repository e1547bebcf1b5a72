# SPDX-License-Identifier: Apache-2.0
"""The engine behind the doors: simllm, fresh for each run."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

from harness import machine
from harness.peers import Trouble

START_SECONDS = 20


class Engine:
    """`url` while it runs; `folder` for those who need one, gone with it."""

    MODEL = "bench-model"  # as harness.peers asks for

    def __init__(self, build, options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-siege-"))
        self.folder.chmod(0o755)
        self.port = machine.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        simllm = build / "sim" / "simllm"
        preset = self.folder / "preset.json"
        preset.write_text(json.dumps(self.preset(simllm, options)))
        command = [simllm, "serve", "--preset", preset, "--port", self.port, "--model", self.MODEL, "--seed", options.seed,
                   "--connections-max", 60000]
        self.log = open(self.folder / "engine.log", "wb")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    @staticmethod
    def preset(simllm, options):
        """The one that was named, with so many calls at once."""
        shown = subprocess.run([str(simllm), "preset", options.preset], capture_output=True, text=True, check=False)
        if shown.returncode != 0:
            raise Trouble(shown.stderr.strip())
        preset = json.loads(shown.stdout)
        preset["scheduler"]["running_max"] = options.slots
        return preset

    def __enter__(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Trouble("the engine ended: " + (self.folder / "engine.log").read_text(errors="replace").strip()[-200:])
            try:
                with urllib.request.urlopen(self.url + "/v1/models", timeout=1) as answer:
                    if json.load(answer)["data"]:
                        return self
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        raise Trouble("the engine does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
