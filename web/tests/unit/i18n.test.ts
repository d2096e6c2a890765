import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytes, dictionaries, percent, t } from '../../src/i18n';
import { groups, presets } from '../../src/settings/samplers';
import { language } from '../../src/settings/preferences';

const english = dictionaries.en;
const keys = Object.keys(english) as (keyof typeof english)[];
const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((match) => match[0]).sort();

test('every language has every text, with the same values in it', () => {
  for (const [name, dictionary] of Object.entries(dictionaries)) {
    assert.deepEqual(Object.keys(dictionary).sort(), [...keys].sort(), name);
    for (const key of keys) {
      assert.ok(dictionary[key].trim().length > 0, `${name}: ${key} is empty`);
      assert.deepEqual(holes(dictionary[key]), holes(english[key]), `${name}: ${key}`);
    }
  }
});

test('Chinese texts are Chinese', () => {
  const same = keys.filter((key) => dictionaries['zh-TW'][key] === english[key]);
  // Names of methods are the same in both.
  for (const key of same) assert.match(key, /^(topK|topP|minP|typicalP|topNSigma|mirostat)$/, key);
});

test('every text is used', () => {
  const source = (readdirSync('src', { recursive: true } as { recursive: true }) as string[])
    .filter((name) => /\.tsx?$/.test(name) && !/i18n.(en|zh-tw)\.ts$/.test(name))
    .map((name) => readFileSync(`src/${name}`, 'utf8'))
    .join('\n');
  for (const key of keys) assert.ok(source.includes(`'${key}'`), `${key} is used nowhere`);
});

test('fields and presets name texts that exist', () => {
  for (const field of groups.flatMap((group) => group.fields))
    assert.ok(english[field.label] && english[field.help], field.name);
  for (const preset of presets) assert.ok(english[preset.label] && english[preset.help]);
});

test('texts and numbers follow the language', () => {
  language.value = 'zh-TW';
  assert.equal(t('fetchModel', { model: 'smollm2' }), '下載 smollm2');
  language.value = 'en';
  assert.equal(t('fetchModel', { model: 'smollm2' }), 'Fetch smollm2');
  assert.deepEqual([1, 0.9999, 0.5, 0.0005, 0].map(percent), ['100%', '>99.9%', '50.0%', '<0.1%', '0%']);
  assert.deepEqual([0, 999, 98_400_000, 1_500_000_000].map(bytes), ['0 B', '999 B', '98 MB', '1.5 GB']);
});
