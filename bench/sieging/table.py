# SPDX-License-Identifier: Apache-2.0
"""What is shown of the reports."""

COLUMNS = (("door", "<10"), ("attack", ">8"), ("known kept", ">11"), ("newcomers", ">10"), ("settled s", ">10"), ("TTFT p99 ms", ">12"),
           ("in calm", ">8"), ("TPOT ms", ">8"), ("in calm", ">8"), ("spare+", ">7"))


def group(report, name):
    for row in report["groups"]:
        if row["name"] == name:
            return row
    return None


def text(value, form="{:.3f}"):
    return "-" if value is None else form.format(value)


def figures(report):
    known, newcomers = group(report, "known"), group(report, "newcomers")
    attack, calm = known["phases"]["attack"], known["phases"]["calm"]
    return (text(known["kept"]), text(newcomers and newcomers["kept"]), text(known["settled_s"], "{:.0f}"),
            text(attack["ttft_ms"]["p99"], "{:.0f}"), text(calm["ttft_ms"]["p99"], "{:.0f}"),
            text(attack["tpot_ms"]["p50"], "{:.1f}"), text(calm["tpot_ms"]["p50"], "{:.1f}"), text(report["beyond_spare"], "{:.2f}"))


def line(report):
    known, newcomers = group(report, "known"), group(report, "newcomers")
    return f"known users keep {text(known['kept'])}, newcomers {text(newcomers and newcomers['kept'])}"


def render(rows):
    lines = ["".join(f"{name:{width}}" for name, width in COLUMNS)]
    for row in rows:
        cells = (row["door"], f"{row['factor']:g}x", *figures(row["report"]))
        lines.append("".join(f"{cell:{width}}" for cell, (_, width) in zip(cells, COLUMNS)))
    return "\n".join(lines)
