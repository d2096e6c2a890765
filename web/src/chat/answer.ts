import { signal } from '@preact/signals';
import { streamAnswer, type AnswerChunk, type AnswerRequest } from '../api/chat';
import { asProblem, type Problem } from '../api/errors';
import { align } from './alignment';
import {
  chats,
  deleteMessage,
  holdTraces,
  loadTraces,
  persist,
  runOf,
  runs,
  save,
  saveTraces,
  tracesOf,
  type Run,
} from './store';
import { append, children, pathTo, titleOf } from './tree';
import { newId, type Candidate, type Chat, type DrawnToken, type Message, type Trace } from './types';

/** Counts the changes to running answers, at most one a frame. */
export const grown = signal(0);
/** Told of every answer's end; the page announces it and reacts to the problem. */
export const lastEnd = signal<{ message: Message; problem: Problem | null } | null>(null);

export function stop(chat: Chat): void {
  runOf(chat)?.stop.abort();
}

export function ask(chat: Chat, text: string, parent: string | null, model: string): void {
  const question: Message = {
    id: newId(),
    parent,
    role: 'user',
    content: text,
    reasoning: '',
    created: Date.now(),
  };
  append(chat, question);
  if (!chat.title) chat.title = titleOf(text);
  answer(chat, question.id, model);
}

/** Another answer to the same question, as a branch. */
export function regenerate(chat: Chat, message: Message, model: string): void {
  answer(chat, message.parent, model);
}

/** Asks again with a changed question, as a branch. */
export function edit(chat: Chat, message: Message, text: string, model: string): void {
  ask(chat, text, message.parent, model);
}

/**
 * A branch whose answer begins with the tokens before `index` and goes on with `candidate`
 * instead of the token drawn there.
 */
export async function branch(
  chat: Chat,
  message: Message,
  index: number,
  candidate: Candidate,
  model: string,
): Promise<void> {
  const before = (message.tokens ?? []).slice(0, index);
  const old = await loadTraces(message.id);
  const chosenStep = old[index]?.at(-1);
  const p = chosenStep?.top.find((entry) => entry.id === candidate.id)?.p ?? 0;
  const forced: DrawnToken = { id: candidate.id, text: candidate.text, p, forced: true };
  const spans = align(message.tokens ?? [], message.content, message.reasoning);
  const end = (part: 'content' | 'reasoning') =>
    spans.slice(0, index).reduce((last, span) => (span.part === part ? span.to : last), 0);
  // The forced token is thought or said like the one it replaces.
  const thinking = spans[index]?.part === 'reasoning';
  const content = message.content.slice(0, end('content'));
  const reasoning = message.reasoning.slice(0, end('reasoning'));
  // A piece of a character is shown when the rest of it has come.
  const text = candidate.text.replace(/\uFFFD+$/, '');
  answer(chat, message.parent, model, {
    tokens: [...before, forced],
    traces: old.slice(0, index + 1),
    content: thinking ? content : content + (content ? text : text.trimStart()),
    reasoning: thinking ? reasoning + text : reasoning,
  });
}

/** Whether an answer ended before the model ended it, and its tokens are known. */
export function canContinue(message: Message): boolean {
  const cut = message.finish === 'length' || message.finish === 'stopped' || message.finish === 'broken';
  return cut && (message.tokens?.length ?? 0) > 0;
}

/** Goes on with an answer that was cut; the longer one takes its place. */
export async function continueAnswer(chat: Chat, message: Message, model: string): Promise<void> {
  const traces = await loadTraces(message.id);
  const { content, reasoning } = message;
  answer(chat, message.parent, model, {
    tokens: [...(message.tokens ?? [])],
    traces: [...traces],
    content,
    reasoning,
  });
  if (children(chat, message.id).length === 0) deleteMessage(chat, message.id);
}

interface Beginning {
  tokens: DrawnToken[];
  traces: Trace[];
  content: string;
  reasoning: string;
}

function requestFor(chat: Chat, parent: string | null, model: string, begin?: Beginning): AnswerRequest {
  const messages: AnswerRequest['messages'] = [];
  if (chat.system.trim()) messages.push({ role: 'system', content: chat.system });
  for (const { role, content } of pathTo(chat, parent)) messages.push({ role, content });
  const prefix = begin?.tokens.map((token) => token.id) ?? [];
  return { model, messages, settings: chat.settings, prefix };
}

function answer(chat: Chat, parent: string | null, model: string, begin?: Beginning): void {
  const message: Message = {
    id: newId(),
    parent,
    role: 'assistant',
    content: begin?.content ?? '',
    reasoning: begin?.reasoning ?? '',
    created: Date.now(),
    model,
    tokens: begin?.tokens ?? [],
  };
  holdTraces(message.id, begin?.traces ?? []);
  append(chat, message);
  const run: Run = { chat, message, stop: new AbortController() };
  runs.value = new Map(runs.value).set(message.id, run);
  save(chat);
  void follow(run, requestFor(chat, parent, model, begin));
}

/** Puts what a chunk brings into the message. */
function take(message: Message, chunk: AnswerChunk): void {
  message.content += chunk.content;
  message.reasoning += chunk.reasoning;
  for (const { drawn, trace } of chunk.tokens) {
    message.tokens?.push(drawn);
    tracesOf(message.id)?.push(trace);
  }
  if (chunk.finish) message.finish = chunk.finish === 'length' ? 'length' : 'stop';
  if (chunk.usage) message.usage = chunk.usage;
}

const nextFrame: (callback: () => void) => void =
  typeof requestAnimationFrame === 'function'
    ? // A hidden tab draws no frames, but its answers go on.
      (callback) => (document.hidden ? setTimeout(callback, 100) : requestAnimationFrame(callback))
    : (callback) => setTimeout(callback, 16);

async function follow(run: Run, request: AnswerRequest): Promise<void> {
  const { chat, message, stop } = run;
  let problem: Problem | null = null;
  let begun = 0;
  let drawing = false;
  let stored = performance.now();
  const redraw = () => {
    if (drawing) return;
    drawing = true;
    nextFrame(() => {
      drawing = false;
      grown.value++;
    });
  };
  try {
    for await (const chunk of streamAnswer(request, stop.signal)) {
      const now = performance.now();
      begun ||= now;
      if (chunk.reasoning) message.thinking = now - begun;
      message.duration = now - begun;
      take(message, chunk);
      redraw();
      // What has come survives a closed tab.
      if (now - stored > 2000) {
        stored = now;
        if (chats.value.has(chat.id)) persist(chat);
      }
    }
    message.finish ??= 'stop';
  } catch (error) {
    if (stop.signal.aborted) {
      message.finish = 'stopped';
    } else {
      problem = asProblem(error);
      message.finish = message.content || message.reasoning ? 'broken' : 'failed';
      message.problem = problem.message;
      message.problemKind = problem.kind;
    }
  }
  const rest = new Map(runs.value);
  rest.delete(message.id);
  runs.value = rest;
  saveTraces(message.id);
  save(chat);
  grown.value++;
  lastEnd.value = { message, problem };
}

/** Whether the page knows the candidates of a token. */
export function hasTrace(trace: Trace | undefined): trace is Trace {
  return trace !== undefined && trace.length > 0;
}
