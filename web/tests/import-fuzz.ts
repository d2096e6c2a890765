import assert from 'node:assert/strict';
import { exportChats, importChats, ImportError } from '../src/chat/exchange';
import { shownPath } from '../src/chat/tree';
import type { Chat } from '../src/chat/types';
import { mutate, random } from './mutate';
import { isSound, sampleChat, sampleTrace } from './sample';

/** What is left when the ids, which are new each time, are taken out. */
function shape(chat: Chat): string {
  const order = new Map([...chat.messages.keys()].map((id, index) => [id, index]));
  const messages = [...chat.messages.values()].map((message) => ({
    ...message,
    id: order.get(message.id),
    parent: message.parent === null ? null : order.get(message.parent),
  }));
  const picked = [...chat.picked].map(([key, id]) => [order.get(key) ?? key, order.get(id)]);
  return JSON.stringify({ ...chat, id: '', messages, picked });
}

/**
 * Imports `count` damaged files. Each must be refused with an ImportError, or give chats that
 * the page can show and that survive another export and import unchanged.
 */
export function fuzzImport(count: number, seed: number): { accepted: number; refused: number } {
  const chat = sampleChat();
  const second = sampleChat();
  const text = exportChats([chat, second], (id) => (id === 'a2' ? [sampleTrace, sampleTrace] : undefined));
  const tree: unknown = JSON.parse(text);
  const next = random(seed);
  let accepted = 0;
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const file = mutate(text, tree, next);
    let imported;
    try {
      imported = importChats(file);
    } catch (error) {
      assert.ok(error instanceof ImportError, `${String(error)} for ${file}`);
      refused++;
      continue;
    }
    accepted++;
    for (const one of imported.chats) {
      assert.ok(isSound(one), file);
      assert.ok(shownPath(one).length <= one.messages.size, file);
    }
    const again = importChats(exportChats(imported.chats, (id) => imported.traces.get(id)));
    assert.deepEqual(again.chats.map(shape), imported.chats.map(shape), file);
    assert.equal(again.traces.size, imported.traces.size, file);
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  return { accepted, refused };
}
