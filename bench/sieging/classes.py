# SPDX-License-Identifier: Apache-2.0
"""Which class the requests of known users had, from Seawall's own access log."""
import datetime
import json


def began_at(line):
    """Seconds since 1970."""
    over = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
    return over - line.get("total_us", 0) / 1e6


def rows(lines, names, prefix):
    """[(number of the user, when the request began, its class)] of the chat calls with keys whose name is `prefix` and a number. `names`: by id
    of the key. A request that was sent away before it had a class has None."""
    found = []
    for line in lines:
        name = names.get(line.get("key"))
        if name and name.startswith(prefix) and line.get("endpoint") == "chat":
            found.append((int(name[len(prefix):]), began_at(line), line.get("class")))
    return found


def read(path, names, prefix):
    """Lines without a key are not taken apart: in a storm there are many."""
    with open(path, encoding="utf-8") as file:
        return rows((json.loads(line) for line in file if '"key"' in line), names, prefix)
