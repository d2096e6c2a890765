import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answered, ask, checkAccess, closeBrowser, missingBrowser, visit } from './browser';
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

/** Nothing sticks out to the side. */
async function checkWidth(page: Page, where: string): Promise<void> {
  const [content, window_] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    window.innerWidth,
  ]);
  assert.ok(content! <= window_!, `${where}: ${content} is wider than ${window_}`);
  const hidden = await page.evaluate(() => {
    const main = document.querySelector('.main')!.getBoundingClientRect();
    return [...document.querySelectorAll('.bar > *, .composer, .thread')]
      .filter((part) => part.getBoundingClientRect().right > main.right + 1)
      .map((part) => part.className);
  });
  assert.deepEqual(hidden, [], `${where}: sticks out of the conversation`);
}

for (const language of ['en-US', 'zh-TW'] as const) {
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const name = `${language}, ${dark ? 'dark' : 'light'}, ${phone ? 'phone' : 'desktop'}`;
      test(`no barriers: ${name}`, options, async () => {
        const { page, close, expect } = await visit(address, { language, dark, phone });
        expect(/Failed to load resource/);
        const check = async (where: string) => {
          await checkAccess(page, `${where}, ${name}`);
          await checkWidth(page, `${where}, ${name}`);
        };
        await page.locator('.examples').waitFor();
        assert.equal(await page.locator('html').getAttribute('lang'), language === 'en-US' ? 'en' : 'zh-TW');
        await check('welcome');
        await ask(page, 'sky, and think');
        await answered(page);
        await page.locator('.answer math').first().waitFor();
        await check('chat');
        await page.keyboard.press('Alt+KeyT');
        await page.keyboard.press('Alt+KeyD');
        await page.locator('.steps').waitFor();
        await check('dice');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Alt+KeyS');
        await page.locator('.settings-panel').waitFor();
        await page.locator('.group summary').first().click();
        await page.locator('.group summary').last().click();
        await check('settings');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Alt+KeyM');
        await page.getByRole('menu').waitFor();
        await check('models');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Alt+Slash');
        await page.getByRole('dialog').waitFor();
        await check('shortcuts');
        await page.keyboard.press('Escape');
        server.trouble = 'busy';
        await ask(page, 'think');
        await page.locator('.trouble').waitFor();
        await page.keyboard.press('Alt+KeyK');
        await check('trouble, and the list of chats');
        server.trouble = '';
        server.models = [];
        await page.reload();
        await page.locator('.setup').waitFor();
        await check('no model');
        await close();
      });
    }
  }
}

test('the language and the colours can be chosen, and stay', options, async () => {
  const { page, close } = await visit(address);
  await page.getByRole('button', { name: '繁體中文' }).click();
  await page.getByRole('heading', { name: '一個字，接著下一個字' }).waitFor();
  await page.getByRole('button', { name: '配色：跟隨系統' }).click();
  await page.getByRole('button', { name: '配色：淺色' }).click();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await ground(), 'rgb(22, 20, 18)');
  await page.reload();
  await page.getByRole('heading', { name: '一個字，接著下一個字' }).waitFor();
  assert.equal(await ground(), 'rgb(22, 20, 18)');
  await close();
});

test('nothing moves for those who do not want it', options, async () => {
  const { page, close } = await visit(address, { reducedMotion: true });
  server.pace = 40;
  await ask(page, 'sky');
  await page.locator('.tok').first().click();
  await page.locator('.steps').waitFor();
  const moving = await page.evaluate(
    () => document.getAnimations().filter((a) => a.playState === 'running').length,
  );
  assert.equal(moving, 0);
  await page.getByRole('button', { name: 'Stop' }).click();
  await answered(page);
  await close();
});

test('every control can be reached and shows that it is', options, async () => {
  const { page, close } = await visit(address);
  await ask(page, 'sky');
  await answered(page);
  const seen = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const element = document.activeElement!;
      const ring = element.closest('.composer, .search') ?? element;
      return {
        name: element.getAttribute('aria-label') ?? element.textContent ?? '',
        ring: getComputedStyle(ring).outlineStyle,
        tag: element.tagName,
      };
    });
    if (focus.tag === 'BODY') continue;
    assert.notEqual(focus.ring, 'none', focus.name);
    seen.add(focus.name.trim());
  }
  for (const name of [
    'New chat',
    'Choose a model',
    'Settings',
    'Answer again',
    'Keyboard shortcuts',
    'Export and import',
    'Edit the question',
  ]) {
    assert.ok(
      [...seen].some((other) => other.startsWith(name)),
      `${name} is not among ${[...seen].join(' | ')}`,
    );
  }
  await close();
});
