import type { Chat, Trace } from './types';

/** Where chats stay between visits. Traces are large, so they lie beside their chat. */
export interface Database {
  loadChats(): Promise<Chat[]>;
  saveChat(chat: Chat): Promise<void>;
  deleteChat(chat: Chat): Promise<void>;
  loadTraces(message: string): Promise<Trace[]>;
  saveTraces(message: string, traces: Trace[]): Promise<void>;
  deleteTraces(messages: string[]): Promise<void>;
}

function finished(request: IDBRequest | IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    if (request instanceof IDBTransaction) {
      request.oncomplete = () => resolve();
      request.onabort = () => reject(request.error ?? new Error('the transaction was aborted'));
    } else {
      request.onsuccess = () => resolve();
    }
    request.onerror = () => reject(request.error ?? new Error('the database failed'));
  });
}

async function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  await finished(request);
  return request.result;
}

/** Opens this browser's database. Throws where none is allowed. */
export async function openDatabase(name = 'jielong'): Promise<Database> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('chats', { keyPath: 'id' });
    opening.result.createObjectStore('traces');
  };
  const database = await resultOf(opening);
  // Another tab with a newer page may want to change the database.
  database.onversionchange = () => database.close();

  const write = (stores: string[], change: (transaction: IDBTransaction) => void) => {
    const transaction = database.transaction(stores, 'readwrite');
    change(transaction);
    return finished(transaction);
  };
  return {
    loadChats: () => resultOf<Chat[]>(database.transaction('chats').objectStore('chats').getAll()),
    saveChat: (chat) => write(['chats'], (t) => t.objectStore('chats').put(chat)),
    deleteChat: (chat) =>
      write(['chats', 'traces'], (t) => {
        t.objectStore('chats').delete(chat.id);
        for (const id of chat.messages.keys()) t.objectStore('traces').delete(id);
      }),
    loadTraces: async (message) =>
      (await resultOf<Trace[] | undefined>(
        database.transaction('traces').objectStore('traces').get(message),
      )) ?? [],
    saveTraces: (message, traces) => write(['traces'], (t) => t.objectStore('traces').put(traces, message)),
    deleteTraces: (messages) =>
      write(['traces'], (t) => {
        for (const id of messages) t.objectStore('traces').delete(id);
      }),
  };
}

/** Forgets everything when the page is closed. */
export function memoryDatabase(): Database {
  const chats = new Map<string, Chat>();
  const traces = new Map<string, Trace[]>();
  return {
    loadChats: async () => [...chats.values()],
    saveChat: async (chat) => void chats.set(chat.id, structuredClone(chat)),
    deleteChat: async (chat) => {
      chats.delete(chat.id);
      for (const id of chat.messages.keys()) traces.delete(id);
    },
    loadTraces: async (message) => traces.get(message) ?? [],
    saveTraces: async (message, list) => void traces.set(message, list),
    deleteTraces: async (messages) => {
      for (const id of messages) traces.delete(id);
    },
  };
}
