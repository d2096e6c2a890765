import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { answered, ask, closeBrowser, missingBrowser, visit } from './browser';
import { StandIn } from './stand-in';

let server: StandIn;
let address: string;

beforeEach(async () => {
  server = new StandIn();
  address = await server.start();
});
afterEach(() => server.stop());
after(closeBrowser);

const options = { skip: missingBrowser, timeout: 120_000 };
const failedLoad = /Failed to load resource/;

test(
  'first run: without a model the page fetches the default with progress, then chats',
  options,
  async () => {
    server.models = [];
    const { page, close } = await visit(address);
    await page.getByRole('heading', { name: 'One thing is missing: a model' }).waitFor();
    await page.getByRole('button', { name: 'Fetch smollm2' }).click();
    const seen = new Set<number>();
    const bar = page.locator('progress');
    await bar.waitFor();
    while (await bar.isVisible()) {
      const value = await bar
        .evaluate((element) => (element as HTMLProgressElement).value, undefined, { timeout: 1000 })
        .catch(() => 1);
      seen.add(value);
    }
    assert.ok(
      [...seen].some((value) => value > 0 && value < 1),
      [...seen].join(),
    );
    await page.locator('.model-name', { hasText: 'smollm2' }).waitFor();
    await ask(page, 'hello');
    await answered(page);
    await page.getByText('This is one more answer').waitFor();
    await close();
  },
);

test('first run: fetching can fail and be tried again, or be given up', options, async () => {
  server.models = [];
  server.trouble = 'pull';
  const { page, close } = await visit(address);
  await page.getByRole('button', { name: 'Fetch smollm2' }).click();
  await page.getByText('the network failed; check the connection').waitFor();
  server.trouble = '';
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('progress').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Fetch smollm2' }).click();
  await page.locator('.model-name', { hasText: 'smollm2' }).waitFor();
  await close();
});

test('a model that fails to load: the server’s sentence, what to do, and a way on', options, async () => {
  const { page, close, expect } = await visit(address);
  expect(failedLoad);
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('menuitemradio', { name: /damaged/ }).click();
  await ask(page, 'hello');
  const trouble = page.getByRole('alert');
  await trouble
    .getByRole('heading', { name: 'The model damaged could not be loaded' })
    .waitFor()
    .catch(async () => {
      assert.fail(await trouble.innerText());
    });
  const text = await trouble.innerText();
  assert.match(text, /damaged\.gguf: tensor 3 lies outside the file; fetch the model again/);
  assert.match(text, /may be damaged or incomplete/);
  await trouble.getByRole('button', { name: 'Choose another model' }).click();
  await page.getByRole('menuitemradio', { name: /smollm2/ }).click();
  await trouble.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('This is one more answer').waitFor();
  await answered(page);
  // The answer that never came made room.
  assert.equal(await page.locator('.switcher').count(), 0);
  await close();
});

test('a model that has gone is offered to be fetched', options, async () => {
  const { page, close, expect } = await visit(address);
  expect(failedLoad);
  await page.locator('.model-name', { hasText: 'smollm2' }).waitFor();
  server.models = [];
  await ask(page, 'hello');
  await page.getByRole('heading', { name: 'The model smollm2 is not on this machine' }).waitFor();
  await page.getByRole('alert').getByRole('button', { name: 'Fetch smollm2' }).click();
  await page.getByText('This is one more answer').waitFor();
  await close();
});

test('a server that wants a key gets it', options, async () => {
  server.key = 'secret';
  const { page, close, expect } = await visit(address);
  expect(failedLoad);
  await page.getByRole('heading', { name: 'This server asks for a key' }).waitFor();
  await page.getByRole('button', { name: 'Enter the key' }).click();
  await page.getByLabel('API key').fill('wrong');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByRole('button', { name: 'Enter the key' }).click();
  await page.getByLabel('API key').fill('secret');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.locator('.model-name', { hasText: 'smollm2' }).waitFor();
  await ask(page, 'hello');
  await answered(page);
  // Another key from now on: the question stays.
  server.key = 'changed';
  await ask(page, 'hello once more');
  await page.getByRole('dialog', { name: 'This server asks for a key' }).waitFor();
  await page.getByLabel('API key').fill('changed');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await answered(page);
  assert.equal(await page.locator('.answer').count(), 2);
  await close();
});

test('a server that is gone: a plain sentence, and the question is kept', options, async () => {
  const { page, close, expect } = await visit(address);
  expect(failedLoad);
  await page.locator('.model-name', { hasText: 'smollm2' }).waitFor();
  await server.stop();
  await ask(page, 'are you there?');
  const trouble = page.getByRole('alert');
  await trouble.getByText('The server does not answer').waitFor();
  assert.match(await trouble.innerText(), /jielong serve/);
  await server.start();
  await trouble.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('This is one more answer').waitFor();
  // The same when it is gone from the beginning.
  await server.stop();
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('heading', { name: 'The server does not answer' }).waitFor();
  await server.start();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'The server does not answer' }).waitFor({ state: 'detached' });
  await close();
});

test('a stream that breaks off: what came stays', options, async () => {
  const { page, close, expect } = await visit(address);
  expect(/Failed to load resource|net::ERR/);
  await ask(page, 'break the sky');
  await page.getByText('The connection broke off').waitFor();
  assert.match(await page.locator('.answer-body').innerText(), /^The sky is blue/);
  await page.reload();
  await page.getByRole('button', { name: 'break the sky' }).first().click();
  assert.match(await page.locator('.answer-body').innerText(), /^The sky is blue/);
  await close();
});

test('a busy server says so and can be asked again', options, async () => {
  const { page, close, expect } = await visit(address);
  expect(failedLoad);
  server.trouble = 'busy';
  await ask(page, 'hello');
  await page.getByText('The server has too much to do').waitFor();
  server.trouble = '';
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await page.getByText('This is one more answer').waitFor();
  await close();
});
