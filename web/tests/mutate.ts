/** A small generator of random numbers that can be repeated (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

type Next = () => number;
const pick = <T>(next: Next, list: readonly T[]): T => list[Math.floor(next() * list.length)]!;

const values: unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  -0.5,
  2 ** 53,
  '',
  'q1',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  'x'.repeat(600),
  [],
  {},
  [[]],
  [null],
  { id: 'q1' },
  { toString: 1 },
  'javascript:alert(1)',
  'assistant',
];
const names = [
  '__proto__',
  'constructor',
  'prototype',
  'id',
  'parent',
  'role',
  'content',
  'tokens',
  'length',
  'x',
];

/** Changes one value somewhere in a JSON tree. */
function mutateTree(root: unknown, next: Next): unknown {
  if (next() < 0.02) return pick(next, values);
  if (Array.isArray(root)) {
    const copy = [...root];
    const at = Math.floor(next() * (copy.length + 1));
    const kind = next();
    if (kind < 0.15) copy.splice(at, 1);
    else if (kind < 0.3)
      copy.splice(at, 0, next() < 0.5 ? pick(next, values) : copy[Math.floor(next() * copy.length)]);
    else if (kind < 0.35) copy.reverse();
    else if (at < copy.length) copy[at] = mutateTree(copy[at], next);
    return copy;
  }
  if (typeof root === 'object' && root !== null) {
    const entries = Object.entries(root);
    const at = Math.floor(next() * entries.length);
    const kind = next();
    if (kind < 0.1) entries.splice(at, 1);
    else if (kind < 0.2) entries.push([pick(next, names), pick(next, values)]);
    else if (entries[at]) entries[at] = [entries[at]![0], mutateTree(entries[at]![1], next)];
    return Object.fromEntries(entries);
  }
  return pick(next, values);
}

const pieces = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  '1e999',
  '-',
  'null',
  '"__proto__":{"polluted":1},',
  ' ',
];

/** Changes a few characters. */
function mutateText(text: string, next: Next): string {
  let result = text;
  for (let count = 1 + Math.floor(next() * 3); count > 0; count--) {
    const at = Math.floor(next() * result.length);
    const kind = next();
    const length = Math.floor(next() * 8);
    if (kind < 0.4) result = result.slice(0, at) + pick(next, pieces) + result.slice(at + length);
    else if (kind < 0.6) result = result.slice(0, at) + result.slice(at + length);
    else if (kind < 0.8)
      result = result.slice(0, at) + String.fromCharCode(Math.floor(next() * 128)) + result.slice(at + 1);
    else result = result.slice(0, at) + result.slice(at, at + length * 4) + result.slice(at);
  }
  return result;
}

/** A file that may or may not still be one. */
export function mutate(text: string, tree: unknown, next: Next): string {
  if (next() < 0.35) return mutateText(text, next);
  let changed = tree;
  for (let count = 1 + Math.floor(next() * 3); count > 0; count--) changed = mutateTree(changed, next);
  // A key named __proto__ can only be written as text.
  const result = JSON.stringify(changed) ?? 'null';
  return next() < 0.1 ? result.replace('{', '{"__proto__":{"polluted":1},') : result;
}
