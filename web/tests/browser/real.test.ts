import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { answered, ask, checkAccess, closeBrowser, missingBrowser, visit } from './browser';
import { missingProgram, program, serve } from './real-server';

// The page that is embedded in the program, with the default model: what the stand-in server
// only plays is here the real thing.

const options = { skip: missingBrowser || missingProgram, timeout: 240_000 };
after(closeBrowser);

test('a real model answers, shows its dice, and goes on from another candidate', options, async () => {
  const server = await serve(['smollm2']);
  try {
    const { page, close } = await visit(server.address);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('spinbutton', { name: 'Seed' }).fill('1');
    await page.getByRole('spinbutton', { name: 'Longest answer' }).fill('48');
    await page.keyboard.press('Escape');
    await ask(page, 'What is the capital of France?');
    await answered(page);
    const answer = page.locator('.answer-body');
    assert.match(await answer.innerText(), /Paris/);
    assert.match(await page.locator('.facts').innerText(), /smollm2 · \d+ tokens/);

    await answer.locator('.tok', { hasText: 'Paris' }).first().click();
    const steps = page.locator('.step-name');
    await steps.first().waitFor();
    const names = await steps.allInnerTexts();
    assert.equal(names[0], 'the model');
    assert.equal(names.at(-1), 'temperature 0.8');
    assert.equal(await page.locator('.step-count').first().innerText(), '49,152');
    await page.locator('.step').first().click();
    const shares = await page.locator('.candidate:not(.gone) .candidate-p').allInnerTexts();
    assert.equal(shares.length, 12);
    const numbers = shares.map(Number.parseFloat);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => b - a),
    );
    await checkAccess(page, 'real dice');

    // The same answer up to there, then the candidate, then the model's own words.
    const whole = await answer.innerText();
    const other = page.locator('.candidate:not(.chosen)').first();
    const token = (await other.locator('.candidate-text').innerText()).trim();
    const context = (await page.locator('.context span').innerText()).replace(/^…/, '');
    const kept = whole.indexOf(context) + context.length;
    await other.click();
    await answered(page);
    await page.locator('.answer .switcher', { hasText: '2/2' }).waitFor();
    const branched = await answer.innerText();
    assert.equal(branched.slice(0, kept), whole.slice(0, kept));
    assert.ok(branched.slice(kept).trimStart().startsWith(token), `${token} in ${branched}`);
    assert.ok(branched.length > kept + token.length + 1, branched);

    // Characters that several tokens make up are found, too.
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: /^No dice/ }).click();
    await page.getByRole('spinbutton', { name: 'Longest answer' }).fill('40');
    await page.keyboard.press('Escape');
    await ask(page, 'Repeat exactly: 文字接龍 😀');
    await answered(page);
    const [text, tokens] = await page
      .locator('.answer-body')
      .evaluate((body) => [
        body.textContent,
        [...body.querySelectorAll('.tok')].map((entry) => entry.textContent).join(''),
      ]);
    const letters = (value: string | null) => (value ?? '').replace(/\s/g, '');
    assert.equal(letters(tokens as string), letters(text as string));
    await close();
  } finally {
    await server.stop();
  }
});

test(
  'stopping and answering again on a real server; the same seed throws the same dice',
  options,
  async () => {
    const server = await serve(['smollm2']);
    try {
      const { page, close } = await visit(server.address);
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('spinbutton', { name: 'Seed' }).fill('7');
      await page.getByRole('spinbutton', { name: 'Longest answer' }).fill('24');
      await ask(page, 'Tell me a story.');
      await answered(page);
      const first = await page.locator('.answer-body').innerText();
      await page.getByRole('button', { name: 'Answer again' }).click();
      await page.locator('.answer.running').waitFor();
      await answered(page);
      await page.locator('.answer .switcher', { hasText: '2/2' }).waitFor();
      assert.equal(await page.locator('.answer-body').innerText(), first);
      await page.getByRole('button', { name: 'Reset Longest answer' }).click();
      await ask(page, 'Write a very long story.');
      await page.locator('.answer').nth(1).locator('.tok').nth(5).waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await answered(page);
      assert.match(await page.locator('.facts').last().innerText(), /stopped/);
      // Its slot is free again.
      for (let i = 0; i < 100; i++) {
        const metrics = await (await fetch(`${server.address}metrics`)).text();
        const running = /^jielong_model_active_chains(?:\{[^}]*\})? (\d+)$/m.exec(metrics)?.[1];
        assert.ok(running !== undefined, metrics);
        if (running === '0') break;
        assert.ok(i < 99, `still running: ${running}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await close();
    } finally {
      await server.stop();
    }
  },
);

test('an answer that was cut goes on as if it had not been', options, async () => {
  const server = await serve(['smollm2']);
  try {
    const { page, close } = await visit(server.address);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: /^No dice/ }).click();
    const longest = page.getByRole('spinbutton', { name: 'Longest answer' });
    const text = () => page.locator('.answer-body').innerText();
    await longest.fill('40');
    await ask(page, 'Describe the sea.');
    await answered(page);
    const whole = await text();
    await longest.fill('9');
    await page.getByRole('button', { name: 'Answer again' }).click();
    await page.locator('.switcher', { hasText: '2/2' }).waitFor();
    const cut = await text();
    assert.ok(whole.startsWith(cut) && cut.length < whole.length, `${whole}\n${cut}`);
    await longest.fill('25');
    await page.getByRole('button', { name: 'Go on with this answer' }).click();
    await page.locator('.answer.running').waitFor();
    await answered(page);
    const longer = await text();
    assert.ok(longer.length > cut.length && whole.startsWith(longer), `${whole}\n${longer}`);
    await close();
  } finally {
    await server.stop();
  }
});

test('a real server without models offers to fetch one; with a key it asks for it', options, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jielong-page-'));
  const server = await serve([], {
    XDG_CACHE_HOME: folder,
    HF_HOME: join(folder, 'hf'),
    OLLAMA_MODELS: join(folder, 'ollama'),
    HOME: folder,
    JIELONG_API_KEY: 'a-key-for-this-test',
  });
  try {
    const { page, close, expect } = await visit(server.address);
    expect(/401/);
    await page.getByRole('button', { name: 'Enter the key' }).click();
    await page.getByLabel('API key').fill('a-key-for-this-test');
    await page.getByRole('button', { name: 'Use this key' }).click();
    await page.getByRole('heading', { name: 'One thing is missing: a model' }).waitFor();
    await page.getByRole('button', { name: 'Fetch smollm2' }).waitFor();
    await close();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});

test('a real model file that is cut short: the server’s own sentence', options, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jielong-page-'));
  const models = join(folder, 'jielong', 'models');
  mkdirSync(models, { recursive: true });
  const whole = execFileSync(program, ['show', '--path', '--quiet', 'smollm2'], { encoding: 'utf8' }).trim();
  writeFileSync(join(models, 'damaged.gguf'), readFileSync(whole).subarray(0, 40_000_000));
  const server = await serve([], {
    XDG_CACHE_HOME: folder,
    HF_HOME: join(folder, 'hf'),
    OLLAMA_MODELS: join(folder, 'ollama'),
    HOME: folder,
  });
  try {
    const { page, close, expect } = await visit(server.address);
    expect(/Failed to load resource/);
    await page.locator('.model-name', { hasText: 'damaged' }).waitFor();
    await ask(page, 'hello');
    const trouble = page.getByRole('alert');
    await trouble.waitFor();
    const text = await trouble.innerText();
    assert.match(text, /The model damaged could not be loaded/);
    assert.match(text, /damaged\.gguf/);
    await trouble.getByRole('button', { name: 'Fetch damaged' }).waitFor();
    await close();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
