/*
 * Character references in text: numbers, and the names that models write. Others stay as they are written.
 */
import { clean } from "./clean";

const NAMES: Record<string, string> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™", hellip: "…", mdash: "—", ndash: "–",
  lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", bull: "•", middot: "·", times: "×", divide: "÷", plusmn: "±", deg: "°", euro: "€", pound: "£",
  yen: "¥", cent: "¢", sect: "§", para: "¶", larr: "←", rarr: "→", uarr: "↑", darr: "↓", harr: "↔", rArr: "⇒", lArr: "⇐", hArr: "⇔", le: "≤",
  ge: "≥", ne: "≠", asymp: "≈", infin: "∞", sum: "∑", prod: "∏", radic: "√", int: "∫", part: "∂", nabla: "∇", isin: "∈", forall: "∀", exist: "∃",
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", theta: "θ", lambda: "λ", mu: "μ", pi: "π", sigma: "σ", phi: "φ", omega: "ω",
  Delta: "Δ", Sigma: "Σ", Omega: "Ω", laquo: "«", raquo: "»", ensp: "\u2002", emsp: "\u2003", thinsp: "\u2009", check: "✓",
};

export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(NAMES, name) ? (NAMES[name] as string) : whole;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? "0", 16);
    return code === 0 || code > 0x10ffff ? "\ufffd" : clean(String.fromCodePoint(code));
  });
}
