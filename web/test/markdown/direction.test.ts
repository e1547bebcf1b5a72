import { describe, expect, it } from "vitest";
import { directionOf, PIECES_MAX } from "../../src/markdown/direction";
import { parseMarkdown } from "../../src/markdown/stream";

const side = (text: string): string | undefined => directionOf(parseMarkdown(text)[0]!.node);

describe("the way that a block runs", () => {
  it.each([
    ["- حجر\n- stone", "rtl"],
    ["- stone\n- حجر", "ltr"],
    ["1. 12.5: **חומה**", "rtl"],
    ["- `ls -l` يعرض", "rtl"],
    ["- $x$ يعرض", "rtl"],
    ["- [سور](https://example.org)", "rtl"],
    ["- &#x5d0;", "rtl"],
    ["- \u200f12 m", "rtl"],
    ["- 石\n- حجر", "ltr"],
    ["- 7\n  - 8\n    - ܐܒܐ", "rtl"],
    ["- ```\n  code\n  ```\n\n  # ބަހެއް", "rtl"],
    ["- \u{1e900} in Adlam", "rtl"],
    ["> - גל", "rtl"],
    ["| 1 | ים |\n|---|---|\n| sea | wave |", "rtl"],
    ["| | |\n|---|---|\n| sea | ים |", "ltr"],
  ])("%j runs %s", (text, direction) => expect(side(text)).toBe(direction));

  it.each(["- 1\n- 2", "-", "- `code`\n- $x$", "> ---", "|1|\n|-|\n|2|"])("%j has none of its own", (text) => expect(side(text)).toBeUndefined());

  it("is not looked for without end", () => {
    const numbers = (count: number): string => "> 1\n>\n".repeat(count);
    expect(side(`${numbers(10)}> גל`)).toBe("rtl");
    expect(side(`${numbers(PIECES_MAX)}> גל`)).toBeUndefined();
  });
});
