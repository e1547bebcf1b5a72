# SPDX-License-Identifier: Apache-2.0
"""
Who used the service before: keys, and what they used in the week before, as rows that `seawall profile import` reads.

Each of them was there on DAYS days for HOURS hours and sent as many requests in an hour as the storm lets it send, of the
storm's lengths: the budgets are those of honest users, no larger.
"""
import math
import pathlib
import random
import shutil
import tempfile
import time


class Known:
    USERS, DAYS, HOURS = 300, 4, 3
    REQUESTS_AN_HOUR = 80
    INPUT_MEDIAN, OUTPUT_MEDIAN, SIGMA, OUTPUT_MAX = 300, 180, 0.8, 1000
    MEAN_OUTPUT = OUTPUT_MEDIAN * math.exp(SIGMA * SIGMA / 2)

    def __init__(self, seed):
        chance = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-known-"))
        self.folder.chmod(0o755)
        self.keys = [f"sk-known-{chance.getrandbits(128):032x}" for _ in range(self.USERS)]
        self.path = self.folder / "keys"
        self.path.write_text("".join(f"{key}\n" for key in self.keys))
        self.import_path = self.folder / "keys.csv"
        self.import_path.write_text("key,name\n" + "".join(f"{key},known {i}\n" for i, key in enumerate(self.keys)))
        self.history_path = self.folder / "history.csv"
        self.write_history(chance)

    def write_history(self, chance):
        now = int(time.time())
        with open(self.history_path, "w", encoding="ascii") as file:
            file.write("key,time,prompt_tokens,completion_tokens\n")
            for day in range(self.DAYS, 0, -1):
                for hour in range(self.HOURS):
                    start = now - day * 86400 + hour * 3600
                    start -= start % 3600
                    for key in self.keys:
                        for _ in range(self.REQUESTS_AN_HOUR):
                            tokens_in = int(chance.lognormvariate(math.log(self.INPUT_MEDIAN), self.SIGMA)) + 1
                            tokens_out = min(int(chance.lognormvariate(math.log(self.OUTPUT_MEDIAN), self.SIGMA)) + 1, self.OUTPUT_MAX)
                            file.write(f"{key},{start + chance.randrange(3600)},{tokens_in},{tokens_out}\n")

    def saturating(self):
        """A scenario that always has more for the engine than it can do, of the usual lengths."""
        path = self.folder / "saturating.yaml"
        path.write_text("title: more of the usual requests than the engine can do\nseconds: 40\nwarm_s: 15\ndrain_s: 0\ngroups:\n"
                        "  - {name: all, side: legitimate, keys: none, identities: 2000, networks: 250, load: 1, patience_s: 0}\n")
        return path

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
