import type { Candidate, DrawnToken, Trace } from '../chat/types';

/** One candidate of the panel's list, as a step left it. */
export interface Row {
  id: number;
  text: string;
  /** Its probability after the step; null when the step's list does not hold it. */
  p: number | null;
  /** Its probability one step earlier. */
  before: number | null;
  chosen: boolean;
  /** The index of the step that removed it; null while it survives or nobody can tell. */
  cutBy: number | null;
}

/** A piece of the strip that shows a step's distribution as a whole. */
export interface Segment {
  id: number;
  text: string;
  p: number;
  rank: number;
  chosen: boolean;
}

/** Every candidate that any step lists, in the model's order; the chosen one always. */
export function candidates(trace: Trace, chosen: DrawnToken): Candidate[] {
  const seen = new Map<number, Candidate>();
  for (const step of trace) {
    for (const candidate of step.top) if (!seen.has(candidate.id)) seen.set(candidate.id, candidate);
  }
  if (!seen.has(chosen.id)) seen.set(chosen.id, { id: chosen.id, text: chosen.text, p: 0 });
  return [...seen.values()];
}

function probability(trace: Trace, step: number, id: number): number | null {
  return trace[step]?.top.find((candidate) => candidate.id === id)?.p ?? null;
}

/** Whether the step's list is whole, so that what it lacks has been removed. */
function listsAll(trace: Trace, step: number): boolean {
  const { survivors, top } = trace[step]!;
  return top.length >= survivors;
}

/** The rows of the list for one step. */
export function rowsOf(trace: Trace, step: number, chosen: DrawnToken): Row[] {
  const last = trace.length - 1;
  return candidates(trace, chosen).map(({ id, text }) => {
    const isChosen = id === chosen.id;
    let p = probability(trace, step, id);
    if (p === null && isChosen && step === last && !chosen.forced) p = chosen.p;
    let cutBy: number | null = null;
    for (let at = 0; at <= step && cutBy === null; at++) {
      const removed = probability(trace, at, id) === null && listsAll(trace, at);
      if (removed && !(isChosen && !chosen.forced)) cutBy = at;
    }
    const before = step > 0 ? probability(trace, step - 1, id) : null;
    return { id, text, p: cutBy === null ? p : null, before, chosen: isChosen, cutBy };
  });
}

/** The strip for one step, and the share of everything that the step does not list. */
export function stripOf(
  trace: Trace,
  step: number,
  chosen: DrawnToken,
): { segments: Segment[]; rest: number } {
  let listed = 0;
  const segments: Segment[] = [];
  candidates(trace, chosen).forEach(({ id, text }, rank) => {
    const p = probability(trace, step, id);
    if (p === null || p <= 0) return;
    segments.push({ id, text, p, rank, chosen: id === chosen.id });
    listed += p;
  });
  return { segments, rest: Math.max(0, 1 - listed) };
}

/** From 0, certain, to 4, surprising: what a token is tinted with. */
export function surprise(token: DrawnToken): number {
  if (token.p === null || token.p >= 0.9) return 0;
  if (token.p >= 0.6) return 1;
  if (token.p >= 0.3) return 2;
  return token.p >= 0.1 ? 3 : 4;
}

/** Text with what can't be seen made visible. */
export function visible(text: string): string {
  if (text === '') return '∅';
  const shown = text.replace(/\r?\n/g, '⏎').replace(/\t/g, '⇥');
  return shown.replace(/^ +| +$/g, (spaces) => '·'.repeat(spaces.length));
}
