import { call } from './client';
import { fieldsOf, listOf, numberOf, textOf, type Fields } from './shape';

export const runStates = ['running', 'finished', 'stopped', 'failed', 'interrupted'] as const;
export type RunState = (typeof runStates)[number];

/** A training as lists show it. */
export interface Run {
  name: string;
  about: string;
  state: RunState;
  problem: string;
  /** Seconds since 1970. */
  started: number;
  steps: number;
  stepsDone: number;
  parameters: number;
  tokens: number;
  /** Spent in steps. */
  seconds: number;
  loss: number | null;
  heldOut: number | null;
  bitsPerByte: number | null;
  tokensPerSecond: number | null;
}

/** A curve; x ascends. */
export interface Points {
  x: number[];
  y: number[];
}

export interface RunDetails {
  run: Run;
  loss: Points;
  heldOut: Points;
  samples: { step: number; prompt: string; text: string }[];
}

function runOf(value: unknown): Run | null {
  const fields = fieldsOf(value);
  const name = textOf(fields.name);
  if (!name) return null;
  const state = textOf(fields.state) as RunState;
  const bits = numberOf(fields.bits_per_byte);
  return {
    name,
    about: textOf(fields.about),
    state: runStates.includes(state) ? state : 'interrupted',
    problem: textOf(fields.problem),
    started: numberOf(fields.started) ?? 0,
    steps: numberOf(fields.steps) ?? 0,
    stepsDone: numberOf(fields.steps_done) ?? 0,
    parameters: numberOf(fields.parameters) ?? 0,
    tokens: numberOf(fields.tokens) ?? 0,
    seconds: numberOf(fields.seconds) ?? 0,
    loss: numberOf(fields.loss),
    heldOut: numberOf(fields.held_out_loss),
    bitsPerByte: bits !== null && bits > 0 ? bits : null,
    tokensPerSecond: numberOf(fields.tokens_per_second),
  };
}

/** Pairs of numbers, others left out. */
function points(xs: unknown[], ys: unknown[]): Points {
  const made: Points = { x: [], y: [] };
  xs.forEach((value, index) => {
    const x = numberOf(value);
    const y = numberOf(ys[index]);
    if (x === null || y === null) return;
    made.x.push(x);
    made.y.push(y);
  });
  return made;
}

export async function listRuns(signal?: AbortSignal): Promise<Run[]> {
  const answer: unknown = await call('v1/runs', undefined, signal).then((response) => response.json());
  return listOf(fieldsOf(answer).data).flatMap((entry) => runOf(entry) ?? []);
}

export async function readRun(name: string, signal?: AbortSignal): Promise<RunDetails | null> {
  const path = `v1/runs/${encodeURIComponent(name)}`;
  const answer = fieldsOf(await call(path, undefined, signal).then((response) => response.json()));
  const run = runOf(answer.run);
  if (!run) return null;
  const steps = fieldsOf(answer.steps);
  const evaluations = listOf(answer.evaluations).map(fieldsOf);
  const column = (name_: string) => evaluations.map((entry: Fields) => entry[name_]);
  return {
    run,
    loss: points(listOf(steps.step), listOf(steps.loss)),
    heldOut: points(column('step'), column('loss')),
    samples: listOf(answer.samples)
      .map(fieldsOf)
      .map((entry) => ({
        step: numberOf(entry.step) ?? 0,
        prompt: textOf(entry.prompt),
        text: textOf(entry.text),
      })),
  };
}

/** The report as a file, for servers that want a key. */
export async function fetchReport(name: string): Promise<Blob> {
  return (await call(`runs/${encodeURIComponent(name)}`)).blob();
}
