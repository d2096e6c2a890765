import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportChats, importChats, ImportError, limits } from '../../src/chat/exchange';
import { shownPath } from '../../src/chat/tree';
import { fuzzImport } from '../import-fuzz';
import { isSound, sampleChat, sampleTrace } from '../sample';

const none = () => undefined;

/** The sample's file with one change. */
function changed(change: (file: any) => void): string {
  const file = JSON.parse(exportChats([sampleChat()], none));
  change(file);
  return JSON.stringify(file);
}

function refuses(text: string, where: string): void {
  assert.throws(
    () => importChats(text),
    (error) => error instanceof ImportError && error.where === where,
    `expected a refusal at "${where}"`,
  );
}

test('an exported chat comes back whole, with new ids', () => {
  const chat = sampleChat();
  const { chats, traces } = importChats(
    exportChats([chat], (id) => (id === 'a2' ? [sampleTrace, sampleTrace] : undefined)),
  );
  const [back] = chats;
  assert.ok(back && isSound(back));
  assert.notEqual(back.id, chat.id);
  assert.equal(back.title, 'Taiwan');
  assert.deepEqual(back.settings, chat.settings);
  const path = shownPath(back);
  assert.deepEqual(
    path.map((m) => m.content),
    ['Complete: 台灣大', 'a car', 'And <b>now</b>?'],
  );
  assert.ok(!back.messages.has('q1'));
  assert.deepEqual(path[1]!.tokens, chat.messages.get('a2')!.tokens);
  assert.deepEqual(traces.get(path[1]!.id), [sampleTrace, sampleTrace]);
});

test('importing twice never replaces a chat', () => {
  const text = exportChats([sampleChat()], none);
  assert.notEqual(importChats(text).chats[0]!.id, importChats(text).chats[0]!.id);
});

test('files that are no export are refused', () => {
  refuses('', '');
  refuses('[]', '');
  refuses('{"chats":[]}', 'format');
  refuses('{"format":"jielong-chats","version":2,"chats":[]}', 'version');
  refuses('{"format":"jielong-chats","version":1}', 'chats');
  refuses('['.repeat(100_000), '');
});

test('every wrong value is named', () => {
  refuses(
    changed((f) => (f.extra = 1)),
    'extra',
  );
  refuses(
    changed((f) => (f.chats[0].title = 5)),
    'chats[0].title',
  );
  refuses(
    changed((f) => (f.chats[0].title = 'x'.repeat(limits.title + 1))),
    'chats[0].title',
  );
  refuses(
    changed((f) => (f.chats[0].script = 'x')),
    'chats[0].script',
  );
  refuses(
    changed((f) => (f.chats[0].settings.temperature = 99)),
    'chats[0].settings.temperature',
  );
  refuses(
    changed((f) => (f.chats[0].settings.onload = 1)),
    'chats[0].settings.onload',
  );
  refuses(
    changed((f) => (f.chats[0].messages[0].role = 'system')),
    'chats[0].messages[0].role',
  );
  refuses(
    changed((f) => (f.chats[0].messages[1].role = 'user')),
    'chats[0].messages[1].role',
  );
  refuses(
    changed((f) => (f.chats[0].messages[1].id = 'q1')),
    'chats[0].messages[1].id',
  );
  refuses(
    changed((f) => (f.chats[0].messages[0].parent = 'q1')),
    'chats[0].messages[0].parent',
  );
  refuses(
    changed((f) => (f.chats[0].messages[0].parent = 'a2')),
    'chats[0].messages[0].parent',
  );
  refuses(
    changed((f) => (f.chats[0].messages[2].tokens[0].p = 2)),
    'chats[0].messages[2].tokens[0].p',
  );
  refuses(
    changed((f) => (f.chats[0].messages[2].tokens[0].id = 0.5)),
    'chats[0].messages[2].tokens[0].id',
  );
  refuses(
    changed((f) => (f.chats[0].picked = ['nobody'])),
    'chats[0].picked[0]',
  );
  refuses(
    changed((f) => (f.chats[0].created = -1)),
    'chats[0].created',
  );
});

test('a key named __proto__ is refused and changes no prototype', () => {
  const text = changed(() => undefined).replace('"title"', '"__proto__":{"polluted":true},"title"');
  refuses(text, 'chats[0].__proto__');
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('20,000 damaged files are refused in words or give sound chats', () => {
  const { accepted, refused } = fuzzImport(20_000, 4);
  // Both sides are reached, or the mutator is no good.
  assert.ok(accepted > 500 && refused > 500, `${accepted} accepted, ${refused} refused`);
});
