# SPDX-License-Identifier: Apache-2.0
"""
Who used the service before: keys, and what they used in the week before, as rows that `seawall profile import` reads.

Each of them was there on DAYS days for HOURS hours and sent as many requests in an hour as the storm lets it send, of the
storm's lengths: the budgets are those of honest users, no larger. Beside them keys of accounts that never asked for anything.
"""
import math
import pathlib
import random
import shutil
import tempfile
import time


class Known:
    USERS, DAYS, HOURS = 300, 4, 3
    LOAD = 0.48  # of capacity, all together
    NEW = 2500   # accounts without a history
    INPUT_MEDIAN, OUTPUT_MEDIAN, SIGMA, OUTPUT_MAX = 300, 180, 0.8, 1000
    PREFIX = "known "  # of their keys' names

    def __init__(self, seed, scale=1.0):
        self.chance = random.Random(seed)
        self.scale = scale
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seawall-known-"))
        self.folder.chmod(0o755)
        self.keys = self.make_keys("known", self.USERS)
        self.path, self.import_path = self.write_keys("keys", self.PREFIX, self.keys)
        self.new_path, self.new_import_path = self.write_keys("new", "new ", self.make_keys("new", self.NEW))

    @property
    def mean_output(self):
        return self.OUTPUT_MEDIAN * math.exp(self.SIGMA * self.SIGMA / 2) * self.scale

    def make_keys(self, word, count):
        return [f"sk-{word}-{self.chance.getrandbits(128):032x}" for _ in range(count)]

    def write_keys(self, name, prefix, keys):
        """Their texts alone, and as `seawall key import` reads them."""
        path, import_path = self.folder / name, self.folder / f"{name}.csv"
        path.write_text("".join(f"{key}\n" for key in keys))
        import_path.write_text("key,name\n" + "".join(f"{key},{prefix}{i}\n" for i, key in enumerate(keys)))
        return path, import_path

    def requests_an_hour(self, capacity):
        """Of each, as the storm has them at this capacity."""
        return self.LOAD * capacity * 3600 / self.USERS

    def length(self, median):
        return max(1, round(self.chance.lognormvariate(math.log(median), self.SIGMA) * self.scale))

    def write_history(self, capacity):
        """Where `seawall profile import` finds it."""
        path = self.folder / "history.csv"
        now = int(time.time())
        often = max(1, round(self.requests_an_hour(capacity)))
        longest = max(1, round(self.OUTPUT_MAX * self.scale))
        with open(path, "w", encoding="ascii") as file:
            file.write("key,time,prompt_tokens,completion_tokens\n")
            for day in range(self.DAYS, 0, -1):
                for hour in range(self.HOURS):
                    start = now - day * 86400 + hour * 3600
                    start -= start % 3600
                    for key in self.keys:
                        for _ in range(often):
                            file.write(f"{key},{start + self.chance.randrange(3600)},{self.length(self.INPUT_MEDIAN)},"
                                       f"{min(self.length(self.OUTPUT_MEDIAN), longest)}\n")
        return path

    def saturating(self, seconds):
        """A scenario that always has more for the engine than it can do, of the usual lengths; the first third is not measured."""
        path = self.folder / "saturating.yaml"
        path.write_text(f"title: more of the usual requests than the engine can do\nseconds: {seconds}\nwarm_s: {seconds * 3 / 8:g}\n"
                        "drain_s: 0\ngroups:\n"
                        "  - {name: all, side: legitimate, keys: none, identities: 2000, networks: 250, load: 1, patience_s: 0}\n")
        return path

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
