import { problemKinds } from '../api/errors';
import { fields } from '../settings/samplers';
import {
  kRoot,
  newId,
  type Candidate,
  type Chat,
  type DrawnToken,
  type Finish,
  type Message,
  type Settings,
  type Trace,
} from './types';

// Chats as a file: {"format": "jielong-chats", "version": 1, "chats": [...]}. Import checks
// every value before anything is kept and gives everything new ids, so that a file can neither
// replace a chat nor bring in what the page would not have written itself.

const kFormat = 'jielong-chats';
const kVersion = 1;

/** What a file may hold at most. */
export const limits = {
  bytes: 256 * 1024 * 1024,
  chats: 10_000,
  messages: 20_000,
  text: 4 * 1024 * 1024,
  title: 500,
  tokens: 262_144,
  steps: 32,
  candidates: 64,
} as const;

/** Says what is wrong with a file and where. */
export class ImportError extends Error {
  constructor(
    readonly where: string,
    readonly what: string,
  ) {
    super(where ? `${where}: ${what}` : what);
    this.name = 'ImportError';
  }
}

export interface Imported {
  chats: Chat[];
  traces: Map<string, Trace[]>;
}

export function exportChats(
  chats: readonly Chat[],
  tracesOf: (message: string) => Trace[] | undefined,
): string {
  const messageOut = (message: Message) => ({
    ...message,
    traces: message.role === 'assistant' ? tracesOf(message.id) : undefined,
  });
  return JSON.stringify({
    format: kFormat,
    version: kVersion,
    exported: new Date().toISOString(),
    chats: chats.map((chat) => ({
      ...chat,
      messages: [...chat.messages.values()].map(messageOut),
      picked: [...chat.picked.values()],
    })),
  });
}

/** Reads one object: every field must be known and read, and have its type. */
class Reader {
  private readonly object: Record<string, unknown>;
  private readonly read = new Set<string>();

  constructor(
    value: unknown,
    readonly where: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ImportError(where, 'must be an object');
    }
    this.object = value as Record<string, unknown>;
  }

  at(name: string): string {
    return this.where ? `${this.where}.${name}` : name;
  }

  get(name: string): unknown {
    this.read.add(name);
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }

  text(name: string, most: number): string {
    const value = this.get(name);
    if (typeof value !== 'string') throw new ImportError(this.at(name), 'must be text');
    if (value.length > most) throw new ImportError(this.at(name), `is longer than ${most}`);
    return value;
  }

  maybe<T>(name: string, read: () => T): T | undefined {
    const value = this.get(name);
    return value === undefined || value === null ? undefined : read();
  }

  number(name: string, low: number, high: number): number {
    const value = this.get(name);
    if (typeof value !== 'number' || !(value >= low && value <= high)) {
      throw new ImportError(this.at(name), `must be a number from ${low} to ${high}`);
    }
    return value;
  }

  integer(name: string, low: number, high: number): number {
    const value = this.number(name, low, high);
    if (!Number.isInteger(value)) throw new ImportError(this.at(name), 'must be a whole number');
    return value;
  }

  list(name: string, most: number): unknown[] {
    const value = this.get(name);
    if (!Array.isArray(value)) throw new ImportError(this.at(name), 'must be a list');
    if (value.length > most) throw new ImportError(this.at(name), `has more than ${most} entries`);
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.get(name);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) {
      throw new ImportError(this.at(name), `must be one of ${choices.join(', ')}`);
    }
    return found;
  }

  done(): void {
    for (const name of Object.keys(this.object)) {
      if (!this.read.has(name)) throw new ImportError(this.at(name), 'is not known');
    }
  }
}

const kTime = 8.64e15; // the largest time a Date holds
const kToken = 2 ** 31;
const kPieceText = 4096;

function readToken(value: unknown, where: string): DrawnToken {
  const reader = new Reader(value, where);
  const token: DrawnToken = {
    id: reader.integer('id', 0, kToken),
    text: reader.text('text', kPieceText),
    p: reader.maybe('p', () => reader.number('p', 0, 1)) ?? null,
  };
  const forced = reader.get('forced');
  if (forced === true) token.forced = true;
  else if (forced !== undefined) throw new ImportError(reader.at('forced'), 'must be true');
  reader.done();
  return token;
}

function readCandidate(value: unknown, where: string): Candidate {
  const reader = new Reader(value, where);
  const candidate = {
    id: reader.integer('id', 0, kToken),
    text: reader.text('text', kPieceText),
    p: reader.number('p', 0, 1),
  };
  reader.done();
  return candidate;
}

function readTrace(value: unknown, where: string): Trace {
  if (!Array.isArray(value) || value.length > limits.steps) {
    throw new ImportError(where, `must be a list of at most ${limits.steps} steps`);
  }
  return value.map((step, index) => {
    const reader = new Reader(step, `${where}[${index}]`);
    const result = {
      sampler: reader.text('sampler', 100),
      description: reader.text('description', 1000),
      survivors: reader.integer('survivors', 0, kToken),
      top: reader
        .list('top', limits.candidates)
        .map((candidate, i) => readCandidate(candidate, `${reader.at('top')}[${i}]`)),
    };
    reader.done();
    return result;
  });
}

const kFinishes: readonly Finish[] = ['stop', 'length', 'stopped', 'broken', 'failed'];

function readMessage(value: unknown, where: string): { message: Message; traces: Trace[] } {
  const reader = new Reader(value, where);
  const message: Message = {
    id: reader.text('id', 100),
    parent: reader.maybe('parent', () => reader.text('parent', 100)) ?? null,
    role: reader.choice('role', ['user', 'assistant']),
    content: reader.text('content', limits.text),
    reasoning: reader.maybe('reasoning', () => reader.text('reasoning', limits.text)) ?? '',
    created: reader.number('created', 0, kTime),
  };
  const model = reader.maybe('model', () => reader.text('model', 500));
  if (model !== undefined) message.model = model;
  const tokens = reader.maybe('tokens', () => reader.list('tokens', limits.tokens));
  if (tokens) message.tokens = tokens.map((token, i) => readToken(token, `${reader.at('tokens')}[${i}]`));
  const finish = reader.maybe('finish', () => reader.choice('finish', kFinishes));
  if (finish) message.finish = finish;
  const problem = reader.maybe('problem', () => reader.text('problem', 10_000));
  if (problem !== undefined) message.problem = problem;
  const problemKind = reader.maybe('problemKind', () => reader.choice('problemKind', problemKinds));
  if (problemKind) message.problemKind = problemKind;
  reader.maybe('usage', () => {
    const usage = new Reader(reader.get('usage'), reader.at('usage'));
    message.usage = {
      prompt: usage.integer('prompt', 0, kToken),
      completion: usage.integer('completion', 0, kToken),
    };
    usage.done();
  });
  for (const name of ['duration', 'thinking'] as const) {
    const time = reader.maybe(name, () => reader.number(name, 0, kTime));
    if (time !== undefined) message[name] = time;
  }
  const traces = reader.maybe('traces', () =>
    reader.list('traces', limits.tokens).map((trace, i) => readTrace(trace, `${reader.at('traces')}[${i}]`)),
  );
  if (traces && traces.length > (message.tokens?.length ?? 0)) {
    throw new ImportError(reader.at('traces'), 'has more entries than there are tokens');
  }
  reader.done();
  return { message, traces: traces ?? [] };
}

function readSettings(value: unknown, where: string): Settings {
  const reader = new Reader(value, where);
  const settings: Settings = {};
  for (const field of fields.values()) {
    const number = reader.maybe(field.name, () => reader.number(field.name, field.min, field.max));
    if (number === undefined) continue;
    settings[field.name] = field.integer ? reader.integer(field.name, field.min, field.max) : number;
  }
  reader.done();
  return settings;
}

/** Every message must hang on one that comes before it, so that they form a tree. */
function readChat(value: unknown, where: string, allTraces: Map<string, Trace[]>): Chat {
  const reader = new Reader(value, where);
  reader.get('id');
  const chat: Chat = {
    id: newId(),
    title: reader.text('title', limits.title),
    created: reader.number('created', 0, kTime),
    updated: reader.number('updated', 0, kTime),
    system: reader.text('system', limits.text),
    settings: readSettings(reader.get('settings'), reader.at('settings')),
    messages: new Map(),
    picked: new Map(),
  };
  const renamed = new Map<string, string>();
  const list = reader.list('messages', limits.messages);
  list.forEach((entry, index) => {
    const at = `${reader.at('messages')}[${index}]`;
    const { message, traces } = readMessage(entry, at);
    if (renamed.has(message.id)) throw new ImportError(`${at}.id`, 'occurs twice');
    let above: Message | undefined;
    if (message.parent !== null) {
      const parent = renamed.get(message.parent);
      above = parent === undefined ? undefined : chat.messages.get(parent);
      if (!above) throw new ImportError(`${at}.parent`, 'is no message before this one');
      message.parent = above.id;
    }
    if ((above?.role ?? 'assistant') === message.role) {
      throw new ImportError(`${at}.role`, 'must alternate: a question, then its answer');
    }
    const id = newId();
    renamed.set(message.id, id);
    message.id = id;
    chat.messages.set(id, message);
    if (traces.length > 0) allTraces.set(id, traces);
  });
  reader.list('picked', limits.messages).forEach((entry, index) => {
    const id = typeof entry === 'string' ? renamed.get(entry) : undefined;
    const message = id === undefined ? undefined : chat.messages.get(id);
    if (!message) throw new ImportError(`${reader.at('picked')}[${index}]`, 'is no message of this chat');
    chat.picked.set(message.parent ?? kRoot, message.id);
  });
  reader.done();
  return chat;
}

/** Reads a file that exportChats() wrote. Throws ImportError for everything else. */
export function importChats(text: string): Imported {
  if (text.length > limits.bytes) throw new ImportError('', 'the file is larger than 256 MiB');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new ImportError('', 'the file is not JSON');
  }
  const reader = new Reader(parsed, '');
  if (reader.get('format') !== kFormat) throw new ImportError('format', `must be "${kFormat}"`);
  if (reader.get('version') !== kVersion) {
    throw new ImportError('version', `must be ${kVersion}; the file is from another version`);
  }
  reader.maybe('exported', () => reader.text('exported', 100));
  const traces = new Map<string, Trace[]>();
  const chats = reader
    .list('chats', limits.chats)
    .map((chat, index) => readChat(chat, `chats[${index}]`, traces));
  reader.done();
  return { chats, traces };
}
