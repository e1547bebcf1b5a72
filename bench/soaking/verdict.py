# SPDX-License-Identifier: Apache-2.0
"""What was checked, how often, and what failed."""
EXAMPLES_MAX = 8


class Verdict:
    def __init__(self, say):
        self.say = say
        self.counts, self.failures, self.examples = {}, {}, {}

    def check(self, name, good, text=""):
        """Counts one look; `text` says what was wrong."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if not good:
            self.failures[name] = self.failures.get(name, 0) + 1
            examples = self.examples.setdefault(name, [])
            if len(examples) < EXAMPLES_MAX:
                examples.append(text)
                self.say(f"    FAILED {name}: {text}")
        return bool(good)

    @property
    def failed(self):
        return sorted(self.failures)

    def table(self):
        lines = [f"{'check':<52} {'looks':>8} {'failed':>8}"]
        for name in sorted(self.counts):
            lines.append(f"{name:<52} {self.counts[name]:>8} {self.failures.get(name, 0):>8}")
            lines += [f"    {text}" for text in self.examples.get(name, ())]
        return "\n".join(lines)

    def document(self):
        return {name: {"looks": self.counts[name], "failed": self.failures.get(name, 0), "examples": self.examples.get(name, [])}
                for name in sorted(self.counts)}
