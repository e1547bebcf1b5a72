# SPDX-License-Identifier: Apache-2.0
"""The real daemon and the scripted engine behind it: web/test/browser/door.py as a process of its own. Its head lists the orders, its steps are those of door.ts."""
import json
import pathlib
import queue
import subprocess
import sys
import threading

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "web/test/browser/door.py"
ANSWER_SECONDS = 60


class Door:
    def __init__(self, **settings):
        self.process = subprocess.Popen([sys.executable, str(PROGRAM), json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        hello = self.heard()
        self.url, self.key = hello["url"], hello["key"]

    def listen(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def heard(self):
        line = self.lines.get(timeout=ANSWER_SECONDS)
        assert line, "the door has ended"
        return json.loads(line)

    def order(self, verb, **more):
        self.process.stdin.write(json.dumps({"do": verb, **more}) + "\n")
        self.process.stdin.flush()
        answer = self.heard()
        assert "error" not in answer, answer
        return answer["ok"]

    def script(self, *steps):
        self.order("script", steps=steps)

    def release(self, name):
        self.order("release", name=name)

    def calls(self):
        return self.order("calls")

    def link(self):
        return self.order("link")

    def crash(self):
        self.order("crash")

    def close(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
