import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const files = (readdirSync('src', { recursive: true } as { recursive: true }) as string[]).filter((name) =>
  /\.tsx?$/.test(name),
);

test('no source turns text into markup or code', () => {
  assert.ok(files.length > 30);
  for (const name of files) {
    const source = readFileSync(`src/${name}`, 'utf8');
    assert.doesNotMatch(
      source,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser/,
      name,
    );
  }
});

test('no source names another host', () => {
  for (const name of files) {
    const source = readFileSync(`src/${name}`, 'utf8');
    assert.doesNotMatch(source, /['"`]https?:\/\/[a-z]/i, name);
  }
});
