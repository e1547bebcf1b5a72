/* Long answers as models write them, made from a seed: prose, lists, tables, code and maths in turn. */
import { random, type Random } from "../random";

const WORDS = "the gate holds a call until an engine has room so that nobody waits twice while every answer goes on where it was and the queue stays fair for all".split(" ");

const pick = <T>(chance: Random, from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T;

function sentence(chance: Random): string {
  const words = Array.from({ length: 6 + Math.floor(chance() * 14) }, () => pick(chance, WORDS));
  const at = Math.floor(chance() * words.length);
  words[at] = pick(chance, ["**bold words**", "*stress*", "`code_span()`", "[a link](https://docs.example.com/path_(x)?a=1&b=2)", "$a_{i}^2 + b$", "\\(\\frac{x}{y}\\)", "plain"]);
  return `${words.join(" ")}.`;
}

const PARTS: ((chance: Random) => string)[] = [
  (chance) => `## ${sentence(chance)}`,
  (chance) => Array.from({ length: 4 }, () => sentence(chance)).join(" "),
  (chance) => Array.from({ length: 6 }, (_, i) => `${i + 1}. ${sentence(chance)}\n   - ${sentence(chance)}`).join("\n"),
  (chance) => `| name | value | note |\n|:--|--:|---|\n${Array.from({ length: 8 }, (_, i) => `| row ${i} | ${i * 7} | ${sentence(chance)} |`).join("\n")}`,
  (chance) => `\`\`\`python\n${Array.from({ length: 15 }, (_, i) => `def f_${i}(x):\n    # ${sentence(chance)}\n    return x * ${i} + "text"`).join("\n\n")}\n\`\`\``,
  () => "$$\n\\sum_{i=1}^{n} \\frac{a_i}{b_i} = \\int_0^1 f(x)\\,dx\n$$",
  (chance) => `> ${sentence(chance)}\n> ${sentence(chance)}`,
];

export function longAnswer(chars: number, seed = 1): string {
  const chance = random(seed);
  const parts: string[] = [];
  for (let length = 0, at = 0; length < chars; at++) {
    const part = (PARTS[at % PARTS.length] as (chance: Random) => string)(chance);
    parts.push(part);
    length += part.length + 2;
  }
  return parts.join("\n\n").slice(0, chars);
}

/* Roughly as tokens come: four characters. */
export function tokens(text: string): string[] {
  return text.match(/[\s\S]{1,4}/g) ?? [];
}
