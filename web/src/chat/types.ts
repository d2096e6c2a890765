import type { ProblemKind } from '../api/errors';

/** A token that may come next. */
export interface Candidate {
  id: number;
  text: string;
  p: number;
}

/** The distribution as it left one step of the sampler chain. */
export interface TraceStep {
  sampler: string;
  description: string;
  survivors: number;
  /** By falling probability; the server sends only the first few. */
  top: Candidate[];
}

/** How one token was chosen; the first step is the model's own distribution. */
export type Trace = TraceStep[];

/** A token of an answer, as it was drawn. */
export interface DrawnToken {
  id: number;
  text: string;
  /** Its probability when the die fell; null when the server did not say. */
  p: number | null;
  /** A person chose it, not the die. */
  forced?: boolean;
}

export type Finish = 'stop' | 'length' | 'stopped' | 'broken' | 'failed';

export interface Usage {
  prompt: number;
  completion: number;
}

/** One turn. Messages of a chat form a tree: alternatives share their parent. */
export interface Message {
  id: string;
  parent: string | null;
  role: 'user' | 'assistant';
  content: string;
  reasoning: string;
  created: number;
  model?: string;
  tokens?: DrawnToken[];
  finish?: Finish;
  /** A sentence about what went wrong, and its kind. */
  problem?: string;
  problemKind?: ProblemKind;
  usage?: Usage;
  /** Milliseconds from the first token to the last, and of those spent thinking. */
  duration?: number;
  thinking?: number;
}

/** Values by the server's field names; what is missing has the server's default. */
export type Settings = Record<string, number>;

export interface Chat {
  id: string;
  title: string;
  created: number;
  updated: number;
  system: string;
  settings: Settings;
  messages: Map<string, Message>;
  /** Which alternative is shown below a message, by its id; kRoot: at the top. */
  picked: Map<string, string>;
}

export const kRoot = '';

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
