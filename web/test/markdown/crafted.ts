/* Paragraphs of four kilobytes that are written to cost a parser of inline Markdown more than they should: much is begun, nothing or all of it ends. */

const CHARS = 4_000;

const PIECES = [
  "*_", "*a_", "**a", "*a ", "a*", "*a** ", "***a", "_a_b", "**_a ", "~a", "~~a ", "*", "_ ", "*a*", "*a **b* c** ", "[", "![", "[a", "[a](", "[a](b", "[a](<", "[a](b \"", "[a][", "[[a](b)", "](", "[]", "[*a](b)*",
  "<", "<a ", "<a b='", "<a b=\"c", "</a", "<!--", "<![CDATA[", "<?", "<sub>", "<sub>*a", "<u>*a*</u>", "<a@", "<b:", "`", "`a``b", "``a`", "`a` ", "\\", "\\`", "$", "$a", "$$a", "$$ ", "$a\\", "\\(", "\\[", "\\(a\\[", "&", "&#", "&amp", "http://", "http://a.", "www.a",
  "a@", "a@b.", "a.", "a_b", "!", " ", "  \n", "a\n", "é*", "\u{1f30a}*",
];

const filled = (unit: string): string => unit.repeat(Math.ceil(CHARS / unit.length)).slice(0, CHARS);

export const crafted: readonly (readonly [string, string])[] = [
  ...PIECES.map((piece): [string, string] => [`${JSON.stringify(piece)} again and again`, filled(piece)]),
  ["brackets that close", "[".repeat(CHARS / 2) + "]".repeat(CHARS / 2)],
  ["links in links", "[".repeat(CHARS / 5) + "](b)".repeat(CHARS / 5)],
  ["stars that close late", "*a".repeat(CHARS / 4) + "a*".repeat(CHARS / 4)],
  ["runs of backticks, each one longer", Array.from({ length: 88 }, (_, length) => `${"`".repeat(length + 1)} `).join("")],
  ["parentheses in a link", `[a](${"(".repeat(CHARS)}`],
];
