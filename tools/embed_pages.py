#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the packed pages (web/pack.mjs) into the program. embed_pages.py OUTPUT.c OUTPUT.S [PAGES.json PAGES.bin]

The bytes come in by the assembler's .incbin, which takes no time however many they are; the C file is the table of
site/assets.h that points into them. The sum in both makes them new whenever the bytes are."""
import hashlib
import json
import pathlib
import sys

CODINGS = {"identity": "SITE_IDENTITY", "gzip": "SITE_GZIP", "br": "SITE_BROTLI"}


def text(value):
    """A C string of what JSON holds; pack.mjs lets nothing in that would need an escape."""
    assert value.isascii() and value.isprintable() and not set(value) & set('"\\?'), value
    return f'"{value}"'


def span(value):
    return f"{{{text(value)}, {len(value)}}}"


def row_of(row, blob_bytes):
    forms = []
    for coding, name in CODINGS.items():
        if coding not in row:
            continue
        start, length = row[coding]
        assert 0 <= start and start + length <= blob_bytes
        forms.append(f"[{name}] = {{site_blob + {start}, {length}}}")
    hashed = "true" if row["hashed"] else "false"
    return f'    {{{span(row["path"])}, {span(row["type"])}, {span(row["tag"])}, {hashed}, {{{", ".join(forms)}}}}},\n'


def main():
    c_file, s_file, *packed = map(pathlib.Path, sys.argv[1:])
    rows = json.loads(packed[0].read_text()) if packed else []
    data = packed[1].read_bytes() if packed else b""
    bytes_line = f'    .incbin "{packed[1].resolve()}"\n' if packed else ""
    note = f"/* Written by tools/embed_pages.py from {hashlib.sha256(data).hexdigest()}. */\n"
    c_file.write_text(
        f'{note}#include "site/assets.h"\n\nextern const char site_blob[];\n\nconst struct site_asset site_assets[] = {{\n'
        + ("".join(row_of(row, len(data)) for row in rows) or "    {.hashed = false},\n")
        + f"}};\n\nconst size_t site_assets_count = {len(rows)};\n")
    s_file.write_text(
        f'{note}#ifdef __CET__\n#include <cet.h>\n#endif\n    .section .rodata\n    .global site_blob\n    .hidden site_blob\n'
        f'site_blob:\n{bytes_line}    .section .note.GNU-stack,"",%progbits\n')


main()
