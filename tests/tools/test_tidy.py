# SPDX-License-Identifier: Apache-2.0
"""tools/tidy refuses what each of its rules names. Every case is a small tree of its own."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "tidy")
SPDX_C = "/* SPDX-License-Identifier: Apache-2.0 */\n"
SPDX_HASH = "# SPDX-License-Identifier: Apache-2.0\n"


def load_tidy():
    loader = importlib.machinery.SourceFileLoader("tidy", TIDY)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    loader.exec_module(module)
    return module


tidy = load_tidy()


def function(name, lines):
    """A C function of so many lines, its braces included."""
    return f"void {name}(void)\n{{\n" + "    ;\n" * (lines - 2) + "}\n"


class TidyCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write("src/base/span.c", SPDX_C + '#include "base/span.h"\n')
        self.write("src/base/span.h", SPDX_C + "#include <string.h>\n")
        self.write("tests/unit/base/test_span.c", SPDX_C)

    def write(self, path, content):
        full = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def source(self, path, body):
        """A source file that keeps all rules but those its body breaks."""
        self.write(path, SPDX_C + body)
        room, name = path.split("/")[1:3]
        if path.startswith("src/") and not path.endswith(".h") and path != "src/main.c":
            self.write(f"tests/unit/{room}/test_{os.path.splitext(name)[0]}.c", SPDX_C)

    def findings(self):
        return tidy.look(self.folder.name)

    def assert_clean(self):
        self.assertEqual(self.findings(), [])

    def assert_finding(self, place, text):
        """Exactly one finding, at this `file:line`, that holds this text."""
        findings = self.findings()
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(place + ": "), findings)
        self.assertIn(text, findings[0])


class Whole(TidyCase):
    def test_small_tree_is_clean(self):
        self.assert_clean()

    def test_exit_status_tells_whether_there_was_any(self):
        for body, status in (("", 0), ("void *p = gets(1);\n", 1)):
            self.source("src/base/span.c", body)
            done = subprocess.run([sys.executable, TIDY, "--root", self.folder.name], check=False,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, status)
            self.assertEqual(done.stdout.splitlines(), self.findings())
            self.assertEqual(done.stderr, "")

    def test_findings_of_all_rules_are_sorted_by_place(self):
        self.write("src/base/two.c", "")
        self.write("src/base/one.c", "")
        places = [line.split(": ")[0] for line in self.findings()]
        self.assertEqual(places, ["src/base/one.c:1"] * 2 + ["src/base/two.c:1"] * 2)

    def test_ignored_files_are_not_looked_at(self):
        subprocess.run(["git", "init", "-q", self.folder.name], check=True)
        self.write(".gitignore", "/build/\n")
        self.write("build/thing.c", "no licence\n")
        self.assert_clean()
        self.write("thing.c", "no licence\n")
        self.assert_finding("thing.c:1", "SPDX")


class Arrows(TidyCase):
    def test_table_is_drawn_along_the_path(self):
        for room, allowed in tidy.ARROWS.items():
            self.assertNotIn(room, allowed)
            self.assertLessEqual(set(allowed), {*tidy.ROOMS, *tidy.BESIDE})
            if room in tidy.PATH:
                later = tidy.PATH[tidy.PATH.index(room) + 1:]
                self.assertFalse(set(allowed) & set(later), room)
                self.assertFalse(set(allowed) & {"admin", "gateway", "supervisor", "site"}, room)
        for service in ("base", *tidy.SERVICES):
            self.assertFalse(set(tidy.ARROWS[service]) & set(tidy.PATH), service)

    def test_every_arrow_outside_the_table_is_refused(self):
        expected = 0
        for room in tidy.ROOMS:
            body = "".join(f'#include "{other}/x.h"\n' for other in tidy.ROOMS)
            self.source(f"src/{room}/all.c", body)
            expected += len(tidy.ROOMS) - 1 - len(tidy.ARROWS[room])
        self.assertEqual(len(self.findings()), expected)

    def test_base_includes_nothing_above(self):
        self.source("src/base/buf.c", '#include "base/span.h"\n#include "loop/loop.h"\n')
        self.assert_finding("src/base/buf.c:3", "'base' includes 'loop'; it may include: nothing")

    def test_later_room_on_the_path(self):
        self.source("src/http/head.h", '#include "relay/pool.h"\n')
        self.assert_finding("src/http/head.h:2",
                            "'http' includes 'relay', which comes later on the path")

    def test_indented_and_spaced_includes_are_seen(self):
        self.source("src/http/head.h", '  #  include   "gateway/request.h"\n')
        self.assert_finding("src/http/head.h:2", "'http' includes 'gateway'")

    def test_includes_in_comments_are_not(self):
        self.source("src/http/head.h", '/*\n#include "gateway/request.h"\n*/\n')
        self.assert_clean()

    def test_way_round_by_dots(self):
        self.source("src/http/head.h", '#include "../gateway/request.h"\n')
        self.assert_finding("src/http/head.h:2", "by its room")

    def test_neighbour_without_its_room_is_fine(self):
        self.source("src/http/head.h", '#include "chunk.h"\n')
        self.assert_clean()

    def test_unknown_room_to_include(self):
        self.source("src/http/head.h", '#include "attic/box.h"\n')
        self.assert_finding("src/http/head.h:2", "names no room")

    def test_unknown_room_to_be_in(self):
        self.source("src/attic/box.h", "")
        self.assert_finding("src/attic/box.h:1", "no room")

    def test_main_chooses_a_role_and_no_more(self):
        self.write("src/main.c", SPDX_C + '#include "gateway/g.h"\n#include "supervisor/s.h"\n')
        self.assert_clean()
        self.write("src/main.c", SPDX_C + '#include "relay/pool.h"\n')
        self.assert_finding("src/main.c:2", "'main.c' includes 'relay'")

    def test_cli_stays_outside_the_gateway(self):
        self.write("cli/main.c", SPDX_C + '#include "base/buf.h"\n#include "gateway/g.h"\n')
        self.assert_finding("cli/main.c:3", "'cli' includes 'gateway'")

    def test_library_outside_its_room(self):
        self.source("src/loop/loop.c", "#include <uv.h>\n")
        self.source("src/relay/tls.c", "#include <openssl/ssl.h>\n")
        self.assert_clean()
        self.source("src/net/socket.c", "#include <uv.h>\n")
        self.assert_finding("src/net/socket.c:2", "<uv.h> is hidden behind 'loop'")


class Lengths(TidyCase):
    def test_file_at_the_limit_and_above(self):
        self.source("src/base/span.c", "\n" * 699)
        self.assert_clean()
        self.source("src/base/span.c", "\n" * 700)
        self.assert_finding("src/base/span.c:1", "701 lines in 'src/base/span.c', at most 700")

    def test_files_of_the_pages_count_too(self):
        for path in ("web/src/a.tsx", "web/pack.mjs", "web/src/styles/base.css"):
            with self.subTest(path):
                self.write(path, "\n" * (tidy.FILE_LINES_MAX + 1))
                self.assert_finding(path + ":1", "701 lines")
                self.write(path, "")

    def test_function_at_the_limit_and_above(self):
        self.source("src/base/span.c", function("short_one", 80))
        self.assert_clean()
        self.source("src/base/span.c", function("short_one", 80) + function("long_one", 81))
        self.assert_finding("src/base/span.c:84", "81 lines in 'src/base/span.c:long_one'")

    def test_signature_over_several_lines(self):
        body = function("long_one", 81).replace("(void)", "(int a,\n              int b)")
        self.source("src/base/span.c", "struct thing {\n    int x;\n};\n\n" + body)
        self.assert_finding("src/base/span.c:8", "span.c:long_one'")

    def test_braces_in_strings_and_comments_end_nothing(self):
        body = function("long_one", 81).replace("    ;\n", '/*\n}\n*/\n    f("}");\n', 1)
        self.source("src/base/span.c", body)
        self.assert_finding("src/base/span.c:3", "84 lines")

    def test_namespace_is_no_function(self):
        body = "namespace\n{\n" + function("one", 50) + function("two", 50) + "} // namespace\n"
        self.source("src/dialect/json_dom.cc", body)
        self.assert_clean()

    def test_python_counts_too(self):
        self.write("tools/thing.py", SPDX_HASH + "def long_one():\n" + "    pass\n" * 80)
        self.assert_finding("tools/thing.py:2", "81 lines in 'tools/thing.py:long_one'")

    def test_script_without_suffix_counts_too(self):
        self.write("tools/thing", "#!/usr/bin/env python3\n" + SPDX_HASH + "\n" * 699)
        self.assert_finding("tools/thing:1", "701 lines")

    def test_ratchet_allows_exactly_its_number(self):
        self.source("src/base/span.c", function("long_one", 90))
        self.write("tools/tidy.ratchet", "# comment\n\nsrc/base/span.c:long_one 90 one table\n")
        self.assert_clean()
        self.source("src/base/span.c", function("long_one", 91))
        self.assert_finding("src/base/span.c:3", "tools/tidy.ratchet allows 90")
        self.source("src/base/span.c", function("long_one", 89))
        self.assert_finding("tools/tidy.ratchet:3", "has 89 lines now: lower its number")
        self.source("src/base/span.c", function("long_one", 80))
        self.assert_finding("tools/tidy.ratchet:3", "needs no exception")

    def test_ratchet_wants_a_reason(self):
        self.source("src/base/span.c", "\n" * 800)
        self.write("tools/tidy.ratchet", "src/base/span.c 801\n")
        findings = self.findings()
        self.assertEqual(len(findings), 2, findings)
        self.assertIn("tools/tidy.ratchet:1: a line is: what, lines, reason", findings)

    def test_ratchet_names_a_thing_once(self):
        self.source("src/base/span.c", "\n" * 800)
        self.write("tools/tidy.ratchet", "src/base/span.c 801 a\nsrc/base/span.c 900 b\n")
        self.assert_finding("tools/tidy.ratchet:2", "is here twice")


class Tests(TidyCase):
    def test_source_without_test(self):
        self.write("src/http/head.c", SPDX_C)
        self.assert_finding("src/http/head.c:1", "no test: tests/unit/http/test_head.c")

    def test_test_of_another_room_does_not_count(self):
        self.write("src/http/head.c", SPDX_C)
        self.write("tests/unit/net/test_head.c", SPDX_C)
        self.assert_finding("src/http/head.c:1", "no test")

    def test_a_process_may_be_tested_from_outside(self):
        for room in ("gateway", "http"):
            self.write(f"src/{room}/worker.c", SPDX_C)
        self.write("tests/system/test_worker.py", SPDX_HASH)
        self.assert_finding("src/http/worker.c:1", "no test")

    def test_fuzz_target_counts(self):
        for target in ("tests/fuzz/fuzz_head.c", "tests/fuzz/fuzz_http_head.c"):
            with self.subTest(target):
                self.write("src/http/head.c", SPDX_C)
                self.write(target, SPDX_C)
                self.assert_clean()
                os.unlink(os.path.join(self.folder.name, target))

    def test_main_needs_none(self):
        self.write("src/main.c", SPDX_C)
        self.assert_clean()


class Calls(TidyCase):
    def test_each_banned_call(self):
        names = tidy.BANNED_CALLS
        for name in names:
            with self.subTest(name):
                self.source("src/base/span.c", f"int a;\nvoid f(void) {{ (void){name} (1); }}\n")
                self.assert_finding("src/base/span.c:3", f"{name}() {names[name]}")

    def test_tests_and_cpp_too(self):
        self.write("tests/unit/base/test_span.c", SPDX_C + "int x = system(1);\n")
        self.assert_finding("tests/unit/base/test_span.c:2", "system() starts a shell")

    def test_other_things_of_that_name(self):
        self.source("src/base/span.c", "int file_system(int);\n"
                    "int a = t->random(1) + t.random(2);\n"
                    '/* system(1) */\nconst char *s = "popen(1)";\nint system_calls(void);\n')
        self.assert_clean()

    def test_each_heap_call_outside_alloc(self):
        for name in tidy.HEAP_CALLS:
            with self.subTest(name):
                self.source("src/http/head.c", f"void *p = {name}(1);\n")
                self.assert_finding("src/http/head.c:2", f"{name}() outside src/base/alloc.c")
        self.source("src/http/head.c", "void *p = mem_alloc(1);\n")
        self.source("src/base/alloc.c", "void *p = malloc(1);\n")
        self.write("tests/unit/base/test_span.c", SPDX_C + "void *p = malloc(1);\n")
        self.assert_clean()

    def test_new_is_nothrow_and_in_one_file(self):
        path = "src/dialect/json_dom.cc"
        self.source(path, "#include <new>\nvoid *operator new(unsigned long);\n"
                    "auto p = new (std::nothrow) int;\n")
        self.assert_clean()
        self.source(path, "auto p = new int;\n")
        self.assert_finding(path + ":2", "new without (std::nothrow)")
        self.source(path, "")
        self.source("src/dialect/other.cc", "auto p = new (std::nothrow) int;\n")
        self.assert_finding("src/dialect/other.cc:2", "new outside")


class Files(TidyCase):
    def test_each_kind_of_source_names_its_licence(self):
        for path in ("tests/a.c", "tests/a.h", "tests/a.cc", "tests/a.py", "tests/a.sh",
                     "tests/meson.build", "meson_options.txt"):
            with self.subTest(path):
                self.write(path, "\n\n" + SPDX_HASH)
                self.assert_finding(path + ":1", "not in the first two lines")
                self.write(path, "\n" + SPDX_HASH)
                self.assert_clean()

    def test_script_without_suffix_names_its_licence(self):
        self.write("run", "#!/bin/sh\n")
        self.assert_finding("run:1", "SPDX")
        self.write("run", "#!/bin/sh\n" + SPDX_HASH)
        self.assert_clean()

    def test_binary_files(self):
        self.write("docs/images/top.png", b"\x89PNG\0")
        self.write("tests/fuzz/corpus/head/nul", b"GET \0")
        self.assert_clean()
        for path in ("seawalld", "src/top.png", "docs/thing.o"):
            with self.subTest(path):
                self.write(path, b"\x7fELF\0")
                self.assert_finding(path + ":1", "a binary file")
                os.unlink(os.path.join(self.folder.name, path))

    def test_icons_of_the_pages(self):
        self.write("web/public/icons/a.png", b"\x89PNG\0" + b"x" * (tidy.ICON_BYTES_MAX - 5))
        self.assert_clean()
        self.write("web/public/icons/a.png", b"\x89PNG\0" + b"x" * (tidy.ICON_BYTES_MAX - 4))
        self.assert_finding("web/public/icons/a.png:1", "an icon of more than")

    def test_large_corpus_file(self):
        self.write("tests/fuzz/corpus/head/large", b"\0" * 65537)
        self.assert_finding("tests/fuzz/corpus/head/large:1", "more than 65536 bytes")

    def test_registry_hosts(self):
        for host in ("pypi" + ".org", "files.python" + "hosted" + ".org", "registry.npm" + "js" + ".org",
                     "proxy.go" + "lang" + ".org", "index.crates" + ".io", "deb.deb" + "ian" + ".org"):
            with self.subTest(host):
                self.write("docs/page.md", f"one\nhttps://{host}/simple\n")
                self.assert_finding("docs/page.md:2", f"'{host}' is the host of a package registry")
        self.write("docs/page.md", "notpypi" + ".org pypi" + ".organic pypi, www.debian.org\n")
        self.assert_clean()

    def test_paths_of_a_machine(self):
        for path in ("/home" + "/ada/src", "/Users" + "/ada/src", "/root" + "/src", "/work" + "/x"):
            with self.subTest(path):
                self.write("docs/page.md", f"one\ntwo '{path}'\n")
                self.assert_finding("docs/page.md:2", "somebody's machine")
        self.write("docs/page.md", "~/work" + "/x https://example.com/work" + "/x ./root" + "/x\n"
                   "/home and /var/lib/seawall and a/home" + "/b\n")
        self.assert_clean()


class Pages(TidyCase):
    def test_a_folder_imports_what_the_table_says(self):
        self.write("web/src/chat/page.tsx", 'import { a } from "../ui/button";\nimport type { B } from "../api/types";\nimport "./own";\n')
        self.write("web/src/main.tsx", 'import "./chat/page";\n')
        self.write("web/src/store/store.ts", 'import type { Role } from "../api/types";\nimport { h } from "preact";\n')
        self.assert_clean()

    def test_other_imports_are_refused(self):
        for line in ('import { a } from "../chat/page";', 'export * from "../chat/page";', 'const a = await import("../chat/page");',
                     'import {\n  a,\n} from "../chat/page";', 'import "../chat/page";'):
            with self.subTest(line):
                self.write("web/src/ui/button.tsx", line + "\n")
                self.assert_finding(f"web/src/ui/button.tsx:{line.count(chr(10)) + 1}", "'ui' imports 'chat'; it may import: i18n, styles")
        self.write("web/src/ui/button.tsx", '/* import "../chat/page" */\n')
        self.assert_clean()

    def test_a_new_folder_needs_its_arrows(self):
        self.write("web/src/status/page.tsx", "\n")
        self.assert_finding("web/src/status/page.tsx:1", "not known")

    def test_text_never_becomes_markup(self):
        for line in ("a.innerHTML = b;", "<p dangerouslySetInnerHTML={x} />", "a.insertAdjacentHTML(x, y);", "document.write(x);",
                     "eval(x);", "new Function(x);", "b = a.outerHTML;"):
            with self.subTest(line):
                self.write("web/src/ui/a.tsx", line + "\n")
                self.assert_finding("web/src/ui/a.tsx:1", "make elements")
        self.write("web/src/ui/a.tsx", 'retrieval(x); a.eval(b); /* innerHTML */ const c = "eval(x)";\n')
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
