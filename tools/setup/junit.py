# SPDX-License-Identifier: Apache-2.0
"""junit.py TITLE FILE: prints "PASSED FAILED" of a JUnit file; what failed goes to standard error. A skipped test counts as neither and is named."""
import sys
import xml.etree.ElementTree

title, path = sys.argv[1:3]
passed = failed = 0
for case in xml.etree.ElementTree.parse(path).iter("testcase"):
    name = f"{case.get('classname') or ''} {case.get('name')}".strip()
    trouble = [child for child in case if child.tag in ("failure", "error")]
    if trouble:
        failed += 1
        text = (trouble[0].get("message") or "") + "\n" + (trouble[0].text or "")
        lines = text.strip().splitlines()[-40:]
        print(f"FAILED {title}: {name}\n" + "\n".join("    " + line for line in lines), file=sys.stderr)
    elif any(child.tag == "skipped" for child in case):
        print(f"skipped {title}: {name}", file=sys.stderr)
    else:
        passed += 1
print(passed, failed)
