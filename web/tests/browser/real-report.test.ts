import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkAccess, closeBrowser, missingBrowser, visit } from './browser';
import { missingProgram, program, serve } from './real-server';

// A real training of seconds, looked at on the server's page and in its report.

const options = { skip: missingBrowser || missingProgram, timeout: 240_000 };
after(closeBrowser);

const recipe = `
about: A training of a few seconds
model: {layers: 1, channels: 32, heads: 2, context: 32}
tokenizer: {train: bytes}
data: {sources: [{path: text.txt, cut: lines}], held_out: 0.2}
batch: {sequences: 4, length: 32}
budget: {steps: 40}
evaluation: {every: 10, batches: 1}
samples: {prompts: ["The "], tokens: 8}
`;

test('a real training is shown, and its report renders under its policy', options, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jielong-page-'));
  const environment = {
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    HF_HOME: join(folder, 'hf'),
    OLLAMA_MODELS: join(folder, 'ollama'),
    HOME: folder,
  };
  const lines = Array.from({ length: 200 }, (_, i) => `The number ${i} comes before ${i + 1}.`);
  writeFileSync(join(folder, 'text.txt'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'tiny.yaml'), recipe);
  const run = JSON.parse(
    execFileSync(program, ['train', join(folder, 'tiny.yaml'), '--threads', '1', '--json'], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    }),
  );
  assert.equal(run.state, 'finished');
  const server = await serve([], environment);
  try {
    const shown = await visit(`${server.address}runs`);
    await shown.page.getByRole('heading', { name: run.name }).waitFor();
    assert.match(await shown.page.locator('.figures').innerText(), /40 \/ 40/);
    await checkAccess(shown.page, 'a real training');
    await shown.close();
    for (const dark of [false, true]) {
      const { page, context, faults } = await visit(server.address, { dark });
      await page.goto(`${server.address}runs/${run.name}`);
      await page.getByRole('heading', { level: 1, name: run.name }).waitFor();
      assert.equal((await page.locator('svg.chart').count()) >= 4, true);
      // The one style that the policy allows is there.
      assert.notEqual(
        await page
          .locator('.card')
          .first()
          .evaluate((card) => getComputedStyle(card).borderRadius),
        '0px',
      );
      const broken = faults.filter((fault) => /policy/i.test(fault));
      assert.deepEqual(broken, []);
      // axe brings styles and scripts of its own, which the policy would refuse.
      const plain = await context.newPage();
      await plain.setContent(
        (await page.content()).replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ''),
      );
      await checkAccess(plain, `report, ${dark ? 'dark' : 'light'}`);
      await context.close();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
