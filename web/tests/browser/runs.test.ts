import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { checkAccess, closeBrowser, missingBrowser, visit } from './browser';
import { StandIn } from './stand-in';

let server: StandIn;
let address: string;

beforeEach(async () => {
  server = new StandIn();
  address = await server.start();
});
afterEach(() => server.stop());
after(closeBrowser);

const options = { skip: missingBrowser, timeout: 240_000 };

const two = () => [
  { name: 'stories-2026-11-25-1430', state: 'running', steps: 2000, done: 100 },
  { name: 'adder-2026-11-24-0900', state: 'finished', steps: 300, done: 300 },
];

test('a running training is watched while its loss falls', options, async () => {
  server.runs = two();
  const { page, close, expect } = await visit(address);
  expect(/404/); // the report's tab asks for an icon
  await page.getByRole('button', { name: 'Trainings' }).click();
  assert.equal(new URL(page.url()).pathname, '/runs');
  await page.getByRole('heading', { name: 'stories-2026-11-25-1430' }).waitFor();
  const steps = page.locator('.figure', { hasText: 'Steps' }).locator('dd');
  const before = await steps.innerText();
  assert.match(before, /^\d+ \/ 2,000$/);
  const curve = page.locator('.curve.training').first();
  const drawn = (await curve.getAttribute('d'))!.split('L').length;
  await page.waitForFunction((text) => document.querySelector('.figure dd')!.textContent !== text, before);
  assert.ok((await curve.getAttribute('d'))!.split('L').length > drawn);
  assert.match(
    await page.locator('.loss desc').textContent().then(String),
    /The loss began at 4\.00 and is now/,
  );
  // What a model writes is text.
  assert.match(await page.locator('.run-samples').innerText(), /<b>there<\/b> was a token/);

  await page.getByRole('button', { name: 'adder-2026-11-24-0900' }).click();
  await page.getByRole('heading', { name: 'adder-2026-11-24-0900' }).waitFor();
  const [report] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'Open the report' }).click(),
  ]);
  await report.getByRole('heading', { name: 'adder-2026-11-24-0900' }).waitFor();
  await report.close();
  // An address leads to the same training again.
  await page.reload();
  await page.getByRole('heading', { name: 'adder-2026-11-24-0900' }).waitFor();
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByRole('textbox', { name: 'Your message' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Trainings' }).waitFor();
  await close();
});

test('trainings are reached by keyboard alone', options, async () => {
  server.runs = two();
  const { page, close } = await visit(address);
  await page.keyboard.press('Alt+KeyL');
  const second = page.getByRole('button', { name: /adder/ });
  await second.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'adder-2026-11-24-0900' }).waitFor();
  await page.keyboard.press('Alt+KeyN');
  await page.getByRole('textbox', { name: 'Your message' }).waitFor();
  await close();
});

for (const language of ['en-US', 'zh-TW'] as const) {
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const name = `${language}, ${dark ? 'dark' : 'light'}, ${phone ? 'phone' : 'desktop'}`;
      test(`trainings without barriers: ${name}`, options, async () => {
        const { page, close } = await visit(`${address}runs`, { language, dark, phone });
        await page.locator('.no-runs').waitFor();
        await checkAccess(page, `no trainings, ${name}`);
        server.runs = two();
        await page.reload();
        await page.locator('.run-details').waitFor();
        await checkAccess(page, `trainings, ${name}`);
        const [content, shown] = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          window.innerWidth,
        ]);
        assert.ok(content! <= shown!, `${name}: ${content} is wider than ${shown}`);
        await close();
      });
    }
  }
}

test('a server with a key asks for it, and the report is saved', options, async () => {
  server.runs = two();
  server.key = 'secret';
  const { page, close, expect } = await visit(`${address}runs`);
  expect(/401/);
  await page.getByRole('button', { name: 'Enter the key' }).click();
  await page.getByLabel('API key').fill('secret');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByRole('heading', { name: 'stories-2026-11-25-1430' }).waitFor();
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save the report' }).click(),
  ]);
  assert.equal(saved.suggestedFilename(), 'stories-2026-11-25-1430.html');
  await close();
});
