import { computed, signal } from '@preact/signals';
import { memoryDatabase, type Database } from './database';
import { newChat, removeBranch } from './tree';
import type { Chat, Message, Trace } from './types';

// The chats of this browser, held in memory whole (texts are small) and written through to the
// database. Chats are changed in place; `changed` tells the page to look again.

let database: Database = memoryDatabase();
let channel: BroadcastChannel | null = null;

export const chats = signal<ReadonlyMap<string, Chat>>(new Map());
export const currentId = signal<string | null>(null);
/** Counts changes to the contents of chats. */
export const changed = signal(0);
/** False where the browser keeps nothing: the page says so. */
export const durable = signal(true);

/** The chat that is shown. Reading it in a component draws that again when the chat changes. */
export const current = {
  get value(): Chat | null {
    void changed.value;
    return currentId.value === null ? null : (chats.value.get(currentId.value) ?? null);
  },
};

export const recent = computed(() => {
  void changed.value;
  return [...chats.value.values()].sort((a, b) => b.updated - a.updated);
});

/** An answer that is being written. */
export interface Run {
  chat: Chat;
  message: Message;
  stop: AbortController;
}

/** By the message's id. */
export const runs = signal<ReadonlyMap<string, Run>>(new Map());

/** Reading it in a component draws that again when an answer begins or ends. */
export function runOf(chat: Chat): Run | null {
  for (const run of runs.value.values()) if (run.chat === chat) return run;
  return null;
}

const traces = new Map<string, Trace[]>();

/** Loads what is stored. `opened` null: the browser allows no storage. */
export async function start(opened: Database | null): Promise<void> {
  durable.value = opened !== null;
  database = opened ?? memoryDatabase();
  const stored = await database.loadChats();
  chats.value = new Map(stored.map((chat) => [chat.id, chat]));
  channel?.close();
  channel = null;
  if (opened && typeof BroadcastChannel !== 'undefined') {
    channel = new BroadcastChannel('jielong.chats');
    channel.onmessage = () => void reload();
  }
}

/** Another tab has changed something. */
async function reload(): Promise<void> {
  const stored = await database.loadChats();
  const next = new Map(stored.map((chat) => [chat.id, chat]));
  // A chat that is being answered here is newer here.
  for (const { chat } of runs.value.values()) {
    if (chats.value.has(chat.id)) next.set(chat.id, chat);
  }
  chats.value = next;
  if (currentId.value !== null && !next.has(currentId.value)) currentId.value = null;
  changed.value++;
}

function report(error: unknown): void {
  console.warn('Jielong: the chat could not be stored:', error);
  durable.value = false;
}

/** Stores a chat without drawing anything again. */
export function persist(chat: Chat): void {
  database.saveChat(chat).then(() => channel?.postMessage(chat.id), report);
}

/** Shows the change and stores it, unless the chat has been deleted. */
export function save(chat: Chat, touch = true): void {
  if (!chats.value.has(chat.id)) return;
  if (touch) chat.updated = Date.now();
  changed.value++;
  persist(chat);
}

export function createChat(): Chat {
  const chat = newChat();
  chats.value = new Map(chats.value).set(chat.id, chat);
  return chat;
}

export function deleteChat(chat: Chat): void {
  const next = new Map(chats.value);
  next.delete(chat.id);
  chats.value = next;
  if (currentId.value === chat.id) currentId.value = null;
  for (const id of chat.messages.keys()) traces.delete(id);
  changed.value++;
  database.deleteChat(chat).then(() => channel?.postMessage(chat.id), report);
}

export function deleteMessage(chat: Chat, id: string): void {
  const removed = removeBranch(chat, id);
  for (const message of removed) traces.delete(message);
  database.deleteTraces(removed).catch(report);
  save(chat);
}

export function addImported(imported: Chat[], withTraces: ReadonlyMap<string, Trace[]>): void {
  const next = new Map(chats.value);
  for (const chat of imported) next.set(chat.id, chat);
  chats.value = next;
  changed.value++;
  const written = imported.map((chat) => database.saveChat(chat));
  for (const [id, list] of withTraces) {
    traces.set(id, list);
    written.push(database.saveTraces(id, list));
  }
  Promise.all(written).then(() => channel?.postMessage('import'), report);
}

/** The traces of a message's tokens as far as they are in memory. */
export function tracesOf(message: string): Trace[] | undefined {
  return traces.get(message);
}

/** Brings a message's traces into memory. */
export async function loadTraces(message: string): Promise<Trace[]> {
  const held = traces.get(message);
  if (held) return held;
  const loaded = await database.loadTraces(message).catch(() => []);
  const newer = traces.get(message);
  if (newer) return newer;
  traces.set(message, loaded);
  changed.value++;
  return loaded;
}

export function holdTraces(message: string, list: Trace[]): void {
  traces.set(message, list);
}

export function saveTraces(message: string): void {
  const list = traces.get(message);
  if (list && list.length > 0) database.saveTraces(message, list).catch(report);
}
