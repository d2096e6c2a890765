import assert from 'node:assert/strict';
import { test } from 'node:test';
import { align } from '../../src/chat/alignment';
import type { DrawnToken } from '../../src/chat/types';
import { rowsOf, stripOf, surprise, visible } from '../../src/dice/steps';
import { applyPreset, fields, matches, presets, tidy } from '../../src/settings/samplers';
import { sampleTrace } from '../sample';

const tokens = (...texts: string[]): DrawnToken[] => texts.map((text, id) => ({ id, text, p: 0.5 }));
const places = (list: DrawnToken[], content: string, reasoning = '') =>
  align(list, content, reasoning).map(({ part, from, to }) =>
    part === 'none' ? '-' : `${part[0]}:${(part === 'content' ? content : reasoning).slice(from, to)}`,
  );

test('tokens are found in the answer, one after another', () => {
  assert.deepEqual(places(tokens('The', ' the', ' the', '<|im_end|>'), 'The the the'), [
    'c:The',
    'c: the',
    'c: the',
    '-',
  ]);
});

test('thoughts, marks and trimmed spaces are told apart', () => {
  const list = tokens('<think>', '\n', 'Hm', '.', '\n', '</think>', '\n\n', 'Hi', '!', '');
  assert.deepEqual(places(list, 'Hi!', 'Hm.'), ['-', '-', 'r:Hm', 'r:.', '-', '-', '-', 'c:Hi', 'c:!', '-']);
});

test('leading space that the server trimmed, and an end cut by a stop text', () => {
  assert.deepEqual(places(tokens(' Hello', ' wor', 'ld. STOP'), 'Hello world.'), [
    'c:Hello',
    'c: wor',
    'c:ld.',
  ]);
});

test('a text that does not fit is passed over and the rest found again', () => {
  assert.deepEqual(places(tokens('one', '???', ' three'), 'one two three'), ['c:one', '-', 'c: three']);
});

test('characters that several tokens make up belong to the last of them', () => {
  const list = tokens('\uFFFD', '\uFFFD', '\uFFFD', '灣', '\uFFFD', '\uFFFD', ' x', '\uFFFD');
  assert.deepEqual(places(list, '台灣龍 x😀'), ['c:', 'c:', 'c:台', 'c:灣', 'c:', 'c:龍', 'c: x', 'c:😀']);
});

const chosen: DrawnToken = { id: 11, text: ' car', p: 0.31 };

test('rows follow the model’s order and tell what each step did', () => {
  const last = rowsOf(sampleTrace, 2, chosen);
  assert.deepEqual(
    last.map((row) => row.text),
    [' school', ' car', ' brother', ' sea'],
  );
  assert.deepEqual(
    last.map((row) => row.cutBy),
    [null, null, null, 1],
  );
  assert.deepEqual(last[1], { id: 11, text: ' car', p: 0.31, before: 0.3333, chosen: true, cutBy: null });
  assert.deepEqual(
    rowsOf(sampleTrace, 0, chosen).map((row) => [row.p, row.before, row.cutBy]),
    [
      [0.5, null, null],
      [0.3, null, null],
      [0.1, null, null],
      [0.05, null, null],
    ],
  );
});

test('a token drawn from below the listed candidates is still shown', () => {
  const trace = [{ ...sampleTrace[0]!, survivors: 49152 }];
  const rows = rowsOf(trace, 0, { id: 99, text: ' rare', p: 0.001 });
  assert.deepEqual(rows.at(-1), { id: 99, text: ' rare', p: 0.001, before: null, chosen: true, cutBy: null });
});

test('a token that a person put there may be one that a step had removed', () => {
  const rows = rowsOf(sampleTrace, 2, { id: 13, text: ' sea', p: 0, forced: true });
  assert.deepEqual(rows.at(-1), { id: 13, text: ' sea', p: null, before: null, chosen: true, cutBy: 1 });
});

test('the strip covers the whole die', () => {
  for (let step = 0; step < sampleTrace.length; step++) {
    const { segments, rest } = stripOf(sampleTrace, step, chosen);
    const total = segments.reduce((sum, segment) => sum + segment.p, rest);
    assert.ok(Math.abs(total - 1) < 1e-3);
    assert.equal(segments.filter((segment) => segment.chosen).length, 1);
  }
});

test('tints go from certain to surprising, and unseen characters are shown', () => {
  assert.deepEqual(
    [1, 0.9, 0.89, 0.6, 0.3, 0.1, 0.05].map((p) => surprise({ id: 0, text: '', p })),
    [0, 0, 1, 1, 2, 3, 4],
  );
  assert.equal(surprise({ id: 0, text: '', p: null }), 0);
  assert.deepEqual([' a', 'a b', '\n\n', '', ' '].map(visible), ['·a', 'a b', '⏎⏎', '∅', '·']);
});

test('presets keep length and seed, and are recognised', () => {
  const [balanced, sure] = presets;
  const settings = applyPreset({ temperature: 1.5, seed: 3, max_tokens: 10 }, sure!);
  assert.deepEqual(settings, { temperature: 0, seed: 3, max_tokens: 10 });
  assert.ok(matches(settings, sure!) && !matches(settings, balanced!));
  for (const preset of presets) {
    for (const [name, value] of Object.entries(preset.settings))
      assert.equal(tidy(fields.get(name)!, value), value, name);
  }
});

test('numbers are kept within their field', () => {
  const temperature = fields.get('temperature')!;
  const topK = fields.get('top_k')!;
  assert.equal(tidy(temperature, 9), 2);
  assert.equal(tidy(topK, 3.6), 4);
  assert.equal(tidy(topK, NaN), null);
});
