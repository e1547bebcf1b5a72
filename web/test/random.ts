/* Chance with a seed (mulberry32), and what tests do with it. */

export type Random = () => number;

export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/* The whole of `text`, in slices of one to `max`. */
export function* slices(text: string, chance: Random, max = 9): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const length = 1 + Math.floor(chance() * max);
    yield text.slice(at, at + length);
    at += length;
  }
}

export function* byteSlices(bytes: Uint8Array, chance: Random, max = 9): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + Math.floor(chance() * max);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
