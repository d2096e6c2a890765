import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { answered, ask, closeBrowser, missingBrowser, newContext, visit, type Visit } from './browser';
import { missingProgram, serve } from './real-server';

// The pictures of the README, of a real model. They are only renewed when asked for:
//   JIELONG_PROGRAM=../build/release/jielong npm run screenshots
// and that of docs/guide/training.md, with a run's report:
//   JIELONG_REPORT="$(jielong runs show stories-from-nothing --path)/report.html" npm run screenshots

const folder = process.env.JIELONG_SCREENSHOTS ?? 'build/screenshots';
const options = { skip: missingBrowser || missingProgram, timeout: 240_000 };
after(closeBrowser);

async function shoot({ page }: Visit, name: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.waitForTimeout(600);
  await page.screenshot({ path });
  assert.ok(statSync(path).size < 300 * 1024, `${name} has ${statSync(path).size} bytes`);
}

async function set(visit: Visit, seed: number, length: number): Promise<void> {
  const { page } = visit;
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('spinbutton', { name: 'Seed' }).fill(String(seed));
  await page.getByRole('spinbutton', { name: 'Longest answer' }).fill(String(length));
  await page.keyboard.press('Escape');
}

test('pictures for the README', options, async () => {
  const server = await serve(['smollm2']);
  try {
    const size = { width: 1280, height: 840, reducedMotion: true };
    const chat = await visit(server.address, size);
    for (const [question, seed, length] of [
      ['Why do leaves change their colour in autumn?', 3, 90],
      ['Write a Python function that tells whether a word is a palindrome.', 5, 220],
    ] as const) {
      await chat.page.getByRole('button', { name: 'New chat' }).click();
      await set(chat, seed, length);
      await ask(chat.page, question);
      await answered(chat.page);
    }
    await chat.page.locator('.hljs-keyword').first().waitFor();
    await chat.page.locator('.thread').evaluate((thread) => (thread.scrollTop = 0));
    // A glance at a word that could have been another one.
    const word = chat.page.locator('.markdown p .tok', { hasText: /slic|check|compar|revers/ }).first();
    await word.hover();
    await chat.page.locator('.peek').waitFor();
    await shoot(chat, 'page-chat.png');
    await chat.close();

    const dice = await visit(server.address, { ...size, dark: true });
    await dice.page.getByRole('button', { name: 'Tokens', exact: true }).click();
    await set(dice, 11, 150);
    await ask(dice.page, 'Tell me a short story about a cat that throws dice.');
    await answered(dice.page);
    // A token whose die was open: several candidates, none of them sure.
    const open = dice.page.locator('.token-text .s3, .token-text .s4').filter({ hasText: /^ ?[a-z]{5,}$/ });
    await open.first().click();
    await dice.page.locator('.steps').waitFor();
    await dice.page.mouse.move(700, 20);
    await shoot(dice, 'page-dice.png');
    await dice.close();
  } finally {
    await server.stop();
  }
});

const report = process.env.JIELONG_REPORT ?? '';
const needsReport = report ? missingBrowser : 'set JIELONG_REPORT to the report of a run';

test('a picture of a report', { skip: needsReport, timeout: 120_000 }, async () => {
  const context = await newContext({ width: 900, height: 1180 });
  const page = await context.newPage();
  await page.goto(pathToFileURL(report).href);
  await page.locator('svg.chart').first().waitFor();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'report.png');
  await page.screenshot({ path });
  assert.ok(statSync(path).size < 300 * 1024, `report.png has ${statSync(path).size} bytes`);
  await context.close();
});
