# SPDX-License-Identifier: Apache-2.0
"""What the documents say can be typed: every command and option in them exists, every example loads, every link leads somewhere."""
import os
import re
import shlex
import subprocess

import pytest

from service import ROOT, TOOL

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/*/README.md"),
                *ROOT.glob("sim/README.md"), *ROOT.glob("examples/*.yaml")])


def spoken_commands(path):
    """Commands in fenced blocks (behind '$ ', or at the start of a line) and between backquotes."""
    text = path.read_text()
    fenced = "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL))
    lines = re.findall(r"^(?:\$ )?((?:\./)?(?:seawall|run|test)(?: .*)?)$", fenced, re.MULTILINE)
    lines += re.findall(r"`((?:\./)?(?:seawall|\./run|\./test)(?: [^`]*)?)`", text)
    lines += re.findall(r"^#\s+(\./(?:run|seawall|test)(?: .*)?)$", text, re.MULTILINE) if path.suffix == ".yaml" else []
    for line in lines:
        words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
        if words and "|" in words:  # one of several
            yield from ([words[0], word] for word in words[1:] if word != "|")
        elif words and (words[0].startswith("./") or words[0] == "seawall"):
            yield words


COMMANDS = sorted({(path.relative_to(ROOT).as_posix(), *words) for path in PAGES for words in spoken_commands(path)})


def output(*words):
    result = subprocess.run([*words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert result.returncode == 0, result
    return result.stdout


def options_in(words):
    return [word.split("=")[0] for word in words if word.startswith("--")]


def test_there_are_commands_to_test():
    tools = {words[1].removeprefix("./") for words in COMMANDS}
    assert tools >= {"seawall", "run", "test"} and len(COMMANDS) > 15


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[1].endswith("seawall")], ids=" ".join)
def test_each_seawall_command_exists_with_its_options(words):
    arguments = list(words[2:])
    everywhere = output(TOOL, "--help")
    while arguments and arguments[0].startswith("--"):  # before the command
        assert arguments[0] in everywhere
        arguments = arguments[2:] if arguments[0] == "--data" else arguments[1:]
    if not arguments or not re.match("^[a-z]", arguments[0]):
        return  # the tool itself, or its form
    name = " ".join(arguments[:2] if arguments[0] in ("account", "key", "profile") and len(arguments) > 1 else arguments[:1])
    if name in ("account", "key", "profile"):
        assert f"{name} list" in everywhere
        return
    page = output(TOOL, *name.split(), "--help")
    assert page.startswith(f"Usage: seawall {name}"), page
    for option in options_in(arguments):
        assert f"  {option} " in page, (option, page)


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[1] == "./run"], ids=" ".join)
def test_each_run_option_exists(words):
    page = output(ROOT / "run", "--help")
    for option in options_in(words):
        assert option in page


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[1] == "./test"], ids=" ".join)
def test_each_part_of_the_tests_exists(words):
    parts, page = output(ROOT / "test", "--list").split(), output(ROOT / "test", "--help")
    for word in words[2:]:
        assert word in parts or (word.startswith("--") and word in page), word


def configurations():
    for path in sorted(ROOT.glob("examples/*.yaml")):
        yield path.name, path.read_text()
    for path in PAGES:
        if path.suffix == ".md":
            for number, text in enumerate(re.findall(r"```ya?ml\n(.*?)```", path.read_text(), re.DOTALL)):
                yield f"{path.relative_to(ROOT)}:{number}", text


@pytest.mark.parametrize("name, text", configurations(), ids=lambda value: value if "\n" not in value else "")
def test_each_example_of_a_configuration_loads(tmp_path, name, text):
    """With the secrets that it names."""
    (tmp_path / "seawall.yaml").write_text(text)
    environment = dict(os.environ)
    for variable in re.findall(r"^[^#\n]*api_key_env: *(\w+)", text, re.MULTILINE):
        environment[variable] = "sk-some-key"
    for file in re.findall(r"^[^#\n]*(?:api_key_file|ca_file): *([\w./-]+)", text, re.MULTILINE):
        secret = tmp_path / file
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("sk-some-key\n")
        secret.chmod(0o600)
    result = subprocess.run([TOOL, "check", tmp_path / "seawall.yaml"], capture_output=True, text=True, timeout=10, env=environment)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", [path for path in PAGES if path.suffix == ".md"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_link_inside_the_project_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not re.match(r"^[a-z]+:", target):
            assert (path.parent / target).exists(), target
