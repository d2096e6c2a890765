import { append, children, newChat } from '../src/chat/tree';
import type { Chat, Message, Trace } from '../src/chat/types';

export function message(id: string, parent: string | null, role: Message['role'], content: string): Message {
  return { id, parent, role, content, reasoning: '', created: 1_700_000_000_000 };
}

export const sampleTrace: Trace = [
  {
    sampler: 'model',
    description: 'model',
    survivors: 49152,
    top: [
      { id: 10, text: ' school', p: 0.5 },
      { id: 11, text: ' car', p: 0.3 },
      { id: 12, text: ' brother', p: 0.1 },
      { id: 13, text: ' sea', p: 0.05 },
    ],
  },
  {
    sampler: 'top-k',
    description: 'top-k 3',
    survivors: 3,
    top: [
      { id: 10, text: ' school', p: 0.5556 },
      { id: 11, text: ' car', p: 0.3333 },
      { id: 12, text: ' brother', p: 0.1111 },
    ],
  },
  {
    sampler: 'temperature',
    description: 'temperature 0.8',
    survivors: 3,
    top: [
      { id: 10, text: ' school', p: 0.62 },
      { id: 11, text: ' car', p: 0.31 },
      { id: 12, text: ' brother', p: 0.07 },
    ],
  },
];

/** Two questions; the first has two answers, the second of which is shown. */
export function sampleChat(): Chat {
  const chat = newChat(1_700_000_000_000);
  chat.title = 'Taiwan';
  chat.system = 'Be brief.';
  chat.settings = { temperature: 0.5, top_k: 20, seed: 7 };
  append(chat, message('q1', null, 'user', 'Complete: 台灣大'));
  append(chat, message('a1', 'q1', 'assistant', '學'));
  const answer = message('a2', 'q1', 'assistant', 'a car');
  answer.tokens = [
    { id: 3, text: 'a', p: 0.9 },
    { id: 11, text: ' car', p: null, forced: true },
  ];
  answer.finish = 'stop';
  answer.model = 'tiny';
  answer.usage = { prompt: 12, completion: 2 };
  answer.duration = 120;
  append(chat, answer);
  append(chat, message('q2', 'a2', 'user', 'And <b>now</b>?'));
  return chat;
}

/** Whether a chat has the shape that the page relies on. */
export function isSound(chat: Chat): boolean {
  let reached = 0;
  const waiting = children(chat, null);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    reached++;
    waiting.push(...children(chat, next.id));
  }
  return reached === chat.messages.size;
}
