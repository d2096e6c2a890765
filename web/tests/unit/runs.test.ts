import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration } from '../../src/i18n';
import { language } from '../../src/settings/preferences';
import { pathOf, scale, smoothed, ticks } from '../../src/runs/curve';

test('ticks are round and lie within the range', () => {
  assert.deepEqual(ticks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks(2.31, 2.37, 3), [2.32, 2.34, 2.36]);
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(ticks(3, 3, 5), [3]);
  for (const [low, high] of [
    [1e-9, 3e-9],
    [0, 123_456],
    [-7e5, 2],
  ] as const) {
    const found = ticks(low, high, 6);
    assert.ok(found.length >= 3 && found.length <= 13, `${found}`);
    assert.ok(found.every((tick) => tick >= low - 1e-12 && tick <= high + 1e-12));
  }
});

test('a scale leads from values to places, also for one value or none', () => {
  const y = scale([1, 3], 100, 0);
  assert.deepEqual([1, 2, 3].map(y.place), [100, 50, 0]);
  assert.equal(scale([5], 0, 10).place(5), 5);
  assert.equal(scale([0, 0], 0, 10).place(0), 5);
  assert.ok(Number.isFinite(scale([], 0, 10).place(0.5)));
});

test('curves are paths through their points', () => {
  const points = { x: [0, 1, 2], y: [4, 2, 3] };
  assert.equal(pathOf(points, scale(points.x, 0, 20), scale(points.y, 10, 0)), 'M0.0 0.0L10.0 10.0L20.0 5.0');
  assert.equal(pathOf({ x: [], y: [] }, scale([], 0, 1), scale([], 0, 1)), '');
});

test('smoothing keeps what is level and calms what is not', () => {
  assert.deepEqual(
    smoothed({ x: [1, 2, 3], y: [5, 5, 5] }).y.map((value) => Number(value.toFixed(9))),
    [5, 5, 5],
  );
  const noisy = Array.from({ length: 500 }, (_, i) => (i % 2 ? 1 : -1));
  const calm = smoothed({ x: noisy.map((_, i) => i), y: noisy }).y;
  assert.ok(Math.abs(calm.at(-1)!) < 0.1);
});

test('times are told in units that fit', () => {
  language.value = 'en';
  assert.deepEqual([5, 600, 9000].map(duration), ['5s', '10 min', '2.5 hr']);
});
