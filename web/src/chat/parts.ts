/*
 * The figures of an answer that came in parts: cut, stopped or broken, and then continued.
 *
 * While a part is under way the message's figures are this part's alone, and `earlier` has the sum of those before; whole() adds them when it ends, however it
 * ends. Tokens are told only when every part said how many: an engine that was stopped does not, and half a sum would be a wrong one.
 */
import type { Usage } from "../api/types";
import type { Message } from "../store/types";

/* A message that is about to be continued. */
export function nextPart(message: Message, nowMs: number): Message {
  const { usage, firstTokenMs, totalMs = 0, waitedMs = 0, earlier: _earlier, ...rest } = message;
  return { ...rest, earlier: { askedMs: nowMs, totalMs, waitedMs, ...(usage ? { usage } : {}), ...(firstTokenMs === undefined ? {} : { firstTokenMs }) } };
}

/* When the part under way was asked. */
export function askedMs({ earlier, createdMs }: Message): number {
  return earlier ? earlier.askedMs : createdMs;
}

/* The same message when its last part is over. */
export function whole(message: Message): Message {
  const { earlier, usage, totalMs = 0, firstTokenMs, ...rest } = message;
  if (!earlier) return message;
  const sum = earlier.usage && usage ? add(earlier.usage, usage) : undefined;
  const first = earlier.firstTokenMs ?? firstTokenMs;
  return {
    ...rest,
    totalMs: earlier.totalMs + totalMs,
    waitedMs: earlier.waitedMs + (earlier.firstTokenMs === undefined ? 0 : (firstTokenMs ?? totalMs)),
    ...(sum ? { usage: sum } : {}),
    ...(first === undefined ? {} : { firstTokenMs: first }),
  };
}

function add(one: Usage, other: Usage): Usage {
  return {
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
    reasoningTokens: one.reasoningTokens + other.reasoningTokens,
  };
}
