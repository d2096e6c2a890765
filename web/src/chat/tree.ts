import { kRoot, newId, type Chat, type Message } from './types';

export function newChat(now = Date.now()): Chat {
  return {
    id: newId(),
    title: '',
    created: now,
    updated: now,
    system: '',
    settings: {},
    messages: new Map(),
    picked: new Map(),
  };
}

/** The alternatives below a message, oldest first; null: at the top. */
export function children(chat: Chat, parent: string | null): Message[] {
  const found: Message[] = [];
  for (const message of chat.messages.values()) {
    if (message.parent === parent) found.push(message);
  }
  return found;
}

/** The messages that are shown, from the top to the newest. */
export function shownPath(chat: Chat): Message[] {
  const byParent = new Map<string, Message[]>();
  for (const message of chat.messages.values()) {
    const key = message.parent ?? kRoot;
    const list = byParent.get(key);
    if (list) list.push(message);
    else byParent.set(key, [message]);
  }
  const path: Message[] = [];
  let key = kRoot;
  for (;;) {
    const list = byParent.get(key);
    if (!list) return path;
    const picked = chat.picked.get(key);
    const next = list.find((message) => message.id === picked) ?? list[list.length - 1];
    if (!next) return path;
    path.push(next);
    key = next.id;
  }
}

/** The messages from the top down to `id`, that one included. */
export function pathTo(chat: Chat, id: string | null): Message[] {
  const path: Message[] = [];
  let next = id;
  while (next !== null) {
    const message = chat.messages.get(next);
    if (!message || path.length > chat.messages.size) break;
    path.push(message);
    next = message.parent;
  }
  return path.reverse();
}

/** Adds a message below its parent and shows it. */
export function append(chat: Chat, message: Message): void {
  chat.messages.set(message.id, message);
  chat.picked.set(message.parent ?? kRoot, message.id);
}

export interface Alternatives {
  index: number;
  all: Message[];
}

export function alternatives(chat: Chat, message: Message): Alternatives {
  const all = children(chat, message.parent);
  return { index: all.findIndex((other) => other.id === message.id), all };
}

/** Shows the alternative `step` places further on; stays at the ends. */
export function pickAlternative(chat: Chat, message: Message, step: number): void {
  const { index, all } = alternatives(chat, message);
  const other = all[index + step];
  if (other) chat.picked.set(message.parent ?? kRoot, other.id);
}

/** Shows the branch that holds message `id`. */
export function reveal(chat: Chat, id: string): void {
  for (const message of pathTo(chat, id)) chat.picked.set(message.parent ?? kRoot, message.id);
}

/** Removes a message with everything below it; returns the ids removed. */
export function removeBranch(chat: Chat, id: string): string[] {
  const removed: string[] = [];
  const waiting = [id];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of children(chat, next)) waiting.push(child.id);
    removed.push(next);
    chat.messages.delete(next);
    chat.picked.delete(next);
  }
  for (const [key, picked] of chat.picked) if (picked === id) chat.picked.delete(key);
  return removed;
}

/** A title from the first question. */
export function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  const letters = Array.from(line.replace(/\s+/g, ' '));
  return letters.length > 60 ? `${letters.slice(0, 59).join('').trimEnd()}…` : letters.join('');
}
