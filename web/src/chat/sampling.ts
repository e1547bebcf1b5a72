/* The settings that a model takes, their ranges, and what a person may type for them. An empty field means: the model's own. */
import type { Sampling } from "../api/types";

export interface SamplingField {
  name: keyof Sampling;
  low: number;
  high: number;
  whole: boolean;
  aboveLow: boolean; /* low itself is not allowed */
}

export const SAMPLING_FIELDS: readonly SamplingField[] = [
  { name: "temperature", low: 0, high: 2, whole: false, aboveLow: false },
  { name: "top_p", low: 0, high: 1, whole: false, aboveLow: true },
  { name: "max_tokens", low: 1, high: 1_000_000, whole: true, aboveLow: false },
  { name: "seed", low: 0, high: 2 ** 31 - 1, whole: true, aboveLow: false },
];

export type Typed = { ok: true; value: number | undefined } | { ok: false; why: "number" | "whole" | "range" };

export function readField(field: SamplingField, typed: string): Typed {
  const text = typed.trim().replace(",", ".");
  if (text === "") return { ok: true, value: undefined };
  const value = Number(text);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) || !Number.isFinite(value)) return { ok: false, why: "number" };
  if (field.whole && !Number.isInteger(value)) return { ok: false, why: "whole" };
  if (value > field.high || value < field.low || (field.aboveLow && value === field.low)) return { ok: false, why: "range" };
  return { ok: true, value };
}
