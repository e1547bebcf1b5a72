#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts text files into the program as C strings. embed_texts.py OUTPUT.c HEADER.h NAME=FILE[,FILE]...

NAME, which HEADER.h declares, holds its files one behind the other."""
import pathlib
import sys


def literal(line):
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
    assert line.isascii() and (line.isprintable() or not line), line
    return f'    "{escaped}\\n"'


def main():
    output, header, *wanted = sys.argv[1:]
    parts = [f"/* Written by tools/embed_texts.py. */\n#include \"{header}\"\n"]
    for entry in wanted:
        name, files = entry.split("=", 1)
        lines = [line for file in files.split(",") for line in pathlib.Path(file).read_text().splitlines()]
        parts.append(f"const char {name}[] =\n" + "\n".join(map(literal, lines)) + ";\n")
    pathlib.Path(output).write_text("\n".join(parts))


main()
