/* Blocks as a short text that a person can read in a test. */
import type { Block, BlockNode, Chunked, Token } from "../../src/markdown/types";

export function outline(blocks: readonly Block[]): string {
  return blocks.map((block) => `${block.open ? "… " : ""}${node(block.node)}`).join("\n");
}

const flat = <T>(chunks: Chunked<T>): T[] => chunks.flat() as T[];

function node(n: BlockNode): string {
  switch (n.type) {
    case "paragraph":
      return `${n.continues ? "p+" : "p"}(${inline(n.tokens)})`;
    case "heading":
      return `h${n.depth}(${inline(n.tokens)})`;
    case "code":
      return `code:${n.lang}${n.closed ? "" : "…"}(${JSON.stringify(n.parts.join(""))})`;
    case "table":
      return `table[${n.align.map((a) => a ?? "-").join(",")}](${[n.header, ...flat(n.rows)].map((row) => row.map((cell) => inline(cell.tokens)).join(" | ")).join(" / ")})`;
    case "list":
      return `${n.ordered ? `ol@${n.start}` : "ul"}${n.loose ? "~" : ""}(${flat(n.items)
        .map((item) => `${item.task === null ? "" : item.task ? "[x]" : "[ ]"}${flat(item.children).map(node).join(" ")}`)
        .join("; ")})`;
    case "quote":
      return `quote(${flat(n.children).map(node).join(" ")})`;
    case "maths":
      return `maths${n.closed ? "" : "…"}(${n.text})`;
    case "rule":
      return "rule";
  }
}

export function inline(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === "text" || token.type === "html" || token.type === "escape") return token.text;
      if (token.type === "link") return `link<${token.href}>(${inline(token.tokens ?? [])})`;
      if (token.tokens) return `${token.type}(${inline(token.tokens)})`;
      return `${token.type}(${token.text})`;
    })
    .join("");
}
