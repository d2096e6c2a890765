import assert from 'node:assert/strict';
import { test } from 'node:test';
import { search } from '../../src/chat/search';
import {
  alternatives,
  append,
  newChat,
  pathTo,
  pickAlternative,
  removeBranch,
  reveal,
  shownPath,
  titleOf,
} from '../../src/chat/tree';
import { message, sampleChat } from '../sample';

const ids = (list: { id: string }[]) => list.map(({ id }) => id);

test('the newest branch is shown, and every other can be picked', () => {
  const chat = sampleChat();
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a2', 'q2']);
  const second = chat.messages.get('a2')!;
  assert.equal(alternatives(chat, second).index, 1);
  pickAlternative(chat, second, -1);
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a1']);
  pickAlternative(chat, chat.messages.get('a1')!, 5);
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a1']);
  // What was shown below a branch is shown again when one comes back.
  pickAlternative(chat, chat.messages.get('a1')!, 1);
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a2', 'q2']);
});

test('an edited first question is a branch at the top', () => {
  const chat = sampleChat();
  append(chat, message('q0', null, 'user', 'Another'));
  assert.deepEqual(ids(shownPath(chat)), ['q0']);
  assert.equal(alternatives(chat, chat.messages.get('q1')!).all.length, 2);
  reveal(chat, 'q2');
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a2', 'q2']);
});

test('the request for an answer holds its own branch only', () => {
  const chat = sampleChat();
  assert.deepEqual(ids(pathTo(chat, 'q2')), ['q1', 'a2', 'q2']);
  assert.deepEqual(ids(pathTo(chat, 'a1')), ['q1', 'a1']);
  assert.deepEqual(pathTo(chat, null), []);
});

test('removing a branch removes what hangs on it and shows another', () => {
  const chat = sampleChat();
  assert.deepEqual(removeBranch(chat, 'a2').sort(), ['a2', 'q2']);
  assert.deepEqual(ids(shownPath(chat)), ['q1', 'a1']);
  assert.deepEqual([...chat.picked.values()], ['q1']);
});

test('a title is the first line, cut between characters', () => {
  assert.equal(titleOf('  Why is\tthe sky blue?\nTell me.'), 'Why is the sky blue?');
  const title = titleOf('😀'.repeat(100));
  assert.equal(title, `${'😀'.repeat(59)}…`);
});

test('search finds every word in titles and messages, whatever the case and width', () => {
  const chat = sampleChat();
  const other = newChat(1);
  other.title = 'Other';
  const names = (query: string) => search([chat, other], query).map((found) => found.chat.title);
  assert.deepEqual(names(''), ['Taiwan', 'Other']);
  assert.deepEqual(names('TAIWAN car'), ['Taiwan']);
  assert.deepEqual(names('台灣大'), ['Taiwan']);
  assert.deepEqual(names('ＣＡＲ'), ['Taiwan']);
  assert.deepEqual(names('car nowhere'), []);
  const [found] = search([chat, other], 'CAR');
  assert.equal(found!.message, 'a2');
  assert.deepEqual(found!.snippet, { before: 'a ', hit: 'car', after: '' });
});
