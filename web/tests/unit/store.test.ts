import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../src/chat/database';
import {
  addImported,
  chats,
  createChat,
  current,
  currentId,
  deleteChat,
  deleteMessage,
  holdTraces,
  loadTraces,
  recent,
  save,
  saveTraces,
  start,
} from '../../src/chat/store';
import { importChats, exportChats } from '../../src/chat/exchange';
import { append, shownPath } from '../../src/chat/tree';
import { message, sampleChat, sampleTrace } from '../sample';

/** Lets the writes that nobody waits for come through. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 60));

test('chats, branches and traces are there again after a visit', async () => {
  await start(await openDatabase('visit'));
  const chat = createChat();
  chat.title = 'First';
  append(chat, message('q', null, 'user', 'Hello'));
  append(chat, message('a', 'q', 'assistant', 'Hi'));
  append(chat, message('b', 'q', 'assistant', 'Hey'));
  save(chat);
  holdTraces('b', [sampleTrace]);
  saveTraces('b');
  await settle();

  await start(await openDatabase('visit'));
  const back = chats.value.get(chat.id)!;
  assert.notEqual(back, chat);
  assert.deepEqual(
    shownPath(back).map((entry) => entry.content),
    ['Hello', 'Hey'],
  );
  assert.deepEqual(await loadTraces('b'), [sampleTrace]);

  deleteMessage(back, 'b');
  await settle();
  const database = await openDatabase('visit');
  assert.deepEqual(await database.loadTraces('b'), []);
  currentId.value = back.id;
  assert.equal(current.value, back);
  deleteChat(back);
  await settle();
  assert.equal(current.value, null);
  assert.deepEqual(await database.loadChats(), []);
});

test('imported chats are stored beside the others', async () => {
  await start(await openDatabase('import'));
  const chat = createChat();
  save(chat);
  const imported = importChats(
    exportChats([sampleChat()], (id) => (id === 'a2' ? [sampleTrace] : undefined)),
  );
  addImported(imported.chats, imported.traces);
  await settle();
  await start(await openDatabase('import'));
  assert.equal(recent.value.length, 2);
  const back = chats.value.get(imported.chats[0]!.id)!;
  assert.equal(back.messages.size, 4);
});

test('without a database chats live as long as the page', async () => {
  await start(null);
  const chat = createChat();
  save(chat);
  await settle();
  assert.equal(chats.value.size, 1);
  assert.deepEqual(await loadTraces('nothing'), []);
});
