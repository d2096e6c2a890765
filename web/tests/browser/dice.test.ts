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

test('any word of an answer shows its dice, and another candidate branches from there', options, async () => {
  const { page, close } = await visit(address);
  await ask(page, 'sky');
  await answered(page);
  // A glance.
  const word = page.locator('.markdown .tok', { hasText: 'because' }).first();
  await word.hover();
  await page.locator('.peek .peek-row.chosen').waitFor();
  // The panel.
  await word.click();
  const panel = page.getByRole('complementary', { name: 'The dice' });
  await panel.waitFor();
  assert.match(await panel.locator('.context').innerText(), /The sky is blue\s+because/);
  const steps = panel.locator('.step');
  assert.deepEqual(await steps.locator('.step-name').allInnerTexts(), [
    'the model',
    'top-k 40',
    'min-p 0.05',
    'temperature 0.8',
  ]);
  assert.deepEqual((await steps.locator('.step-count').allInnerTexts()).slice(0, 2), ['49,152', '40']);
  assert.equal(
    await panel
      .locator('.candidate.chosen')
      .innerText()
      .then((text) => text.includes('because')),
    true,
  );
  // What a step did: min-p removed candidates that the model's own list still has.
  const gone = await panel.locator('.candidate.gone').count();
  assert.ok(gone > 0);
  await steps.first().click();
  assert.equal(await panel.locator('.candidate.gone').count(), 0);
  assert.match(await panel.locator('.step-help').innerText(), /every token of its vocabulary/);
  await steps.last().click();
  // Every bar is as long as its probability says.
  const bars = await panel.locator('.candidate:not(.gone)').evaluateAll((rows) =>
    rows.map((row) => ({
      p: parseFloat(row.querySelector('.candidate-p')!.textContent!),
      width: row.querySelector('.fill')!.getBoundingClientRect().width,
    })),
  );
  for (const bar of bars) assert.ok(Math.abs(bar.width / bars[0]!.width - bar.p / bars[0]!.p) < 0.05);

  // Another candidate.
  const other = panel.locator('.candidate:not(.chosen)').first();
  const token = (await other.locator('.candidate-text').innerText()).trim();
  await other.click();
  await answered(page);
  await page.locator('.answer .switcher', { hasText: '2/2' }).waitFor();
  const [first, second] = server.asked;
  assert.equal(first!.answer_prefix, undefined);
  assert.equal(second!.answer_prefix.length, 5);
  assert.deepEqual(second!.messages, first!.messages);
  const text = await page.locator('.answer-body').innerText();
  assert.ok(text.startsWith(`The sky is blue ${token}`), text.slice(0, 60));
  // The token that a person chose is marked, and the way back is there.
  await page.getByRole('button', { name: 'Tokens', exact: true }).click();
  const forced = page.locator('.tok.forced');
  assert.equal(await forced.count(), 1);
  await forced.click();
  await page.getByText('You put this token here').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Previous alternative' }).click();
  await page.locator('.tok', { hasText: 'because' }).first().waitFor();
  await close();
});

test('tokens are tinted by their probability, the invisible ones too', options, async () => {
  const { page, close } = await visit(address);
  await page.getByRole('button', { name: 'Tokens', exact: true }).click();
  await ask(page, 'sky');
  await answered(page);
  const tokens = page.locator('.token-text .tok');
  assert.equal(await tokens.last().innerText(), '<|im_end|>');
  assert.ok((await tokens.filter({ hasText: '⏎' }).count()) > 3);
  const labels = await tokens.evaluateAll((list) =>
    list.map((token) => [token.getAttribute('aria-label'), token.className]),
  );
  for (const [label, name] of labels) {
    const p = Number(/, ([\d.]+)%$/.exec(label!)?.[1] ?? 100);
    const level = p >= 90 ? 0 : p >= 60 ? 1 : p >= 30 ? 2 : p >= 10 ? 3 : 4;
    assert.match(name!, new RegExp(`\\bs${level}\\b`), `${label}`);
  }
  const colours = new Set(
    await tokens.evaluateAll((list) => list.map((token) => getComputedStyle(token).backgroundColor)),
  );
  assert.ok(colours.size >= 3, [...colours].join());
  // The choice is kept.
  await page.reload();
  assert.equal(
    await page.getByRole('button', { name: 'Tokens', exact: true }).getAttribute('aria-pressed'),
    'true',
  );
  await close();
});

test('dice are there while the answer is still being written', options, async () => {
  server.pace = 50;
  const { page, close } = await visit(address);
  await ask(page, 'sky');
  await page.locator('.markdown .tok', { hasText: 'blue' }).first().click();
  await page.locator('.steps').waitFor();
  assert.equal(await page.locator('.answer.running').count(), 1);
  assert.equal(await page.locator('.candidate:not(.chosen)').first().isDisabled(), true);
  await page.getByRole('button', { name: 'Stop' }).click();
  await answered(page);
  assert.equal(await page.locator('.candidate:not(.chosen)').first().isDisabled(), false);
  await close();
});

test('on a phone a tap opens the dice as a sheet', options, async () => {
  const { page, close } = await visit(address, { phone: true });
  await ask(page, 'sky');
  await answered(page);
  await page.locator('.markdown .tok', { hasText: 'because' }).first().tap();
  const panel = page.getByRole('complementary', { name: 'The dice' });
  await panel.waitFor();
  const box = (await panel.boundingBox())!;
  assert.ok(box.y > 100 && box.width === 390, JSON.stringify(box));
  await panel.locator('.candidate:not(.chosen)').first().tap();
  await answered(page);
  assert.equal(server.asked[1]!.answer_prefix.length, 5);
  await close();
});
