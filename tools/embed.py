#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts files into a program: writes the C source of HEADER_builtin.h. embed.py HEADER OUTPUT FILE…"""
import pathlib
import sys


def literal(data):
    """Bytes as lines of one C string; three octal digits, so that no digit behind can belong to an escape."""
    lines = []
    for line in data.splitlines(keepends=True):
        text = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in line)
        lines.append(f'        "{text}"')
    return "\n".join(lines)


def main():
    header, *names = sys.argv[1:]
    output, *inputs = map(pathlib.Path, names)
    noun = pathlib.PurePath(header).name
    parts = [f'/* Written by tools/embed.py. */\n#include "{header}_builtin.h"\n\nconst struct {noun}_builtin {noun}_builtins[] = {{\n']
    for path in sorted(inputs, key=lambda path: path.stem):
        data = path.read_bytes()
        parts.append(f'    {{"{path.stem}",\n     {{\n{literal(data)},\n      {len(data)}}}}},\n')
    parts.append(f"}};\n\nconst size_t {noun}_builtin_count = {len(inputs)};\n")
    output.write_text("".join(parts))


main()
