import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, beforeEach, test } from 'node:test';
import { answered, ask, closeBrowser, missingBrowser, visit, type Visit, type VisitOptions } from './browser';
import { answers, pause, StandIn } from './stand-in';

let server: StandIn;
let address: string;
let now: Visit;
const skip = missingBrowser;

beforeEach(async () => {
  server = new StandIn();
  address = await server.start();
});
afterEach(async () => {
  await server.stop();
});
after(closeBrowser);

/** A test with a page; what goes wrong on it fails the test. */
function onPage(name: string, run: (visit: Visit) => Promise<void>, options?: VisitOptions): void {
  test(name, { skip, timeout: 120_000 }, async () => {
    now = await visit(address, options);
    try {
      await run(now);
    } catch (error) {
      await now.page.screenshot({ path: 'build/failed.png' }).catch(() => undefined);
      await now.context.close();
      throw error;
    }
    await now.close();
  });
}

onPage('an answer streams in and is drawn as Markdown, formulas and code', async ({ page }) => {
  await page.getByRole('button', { name: /Why is the sky blue/ }).click();
  await answered(page);
  const answer = page.locator('.answer').last();
  await answer.locator('strong', { hasText: 'blue' }).waitFor();
  await answer.locator('math mfrac').first().waitFor();
  await answer.locator('.hljs-keyword', { hasText: 'return' }).waitFor();
  const link = answer.getByRole('link', { name: 'a page' });
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow');
  assert.match(await answer.locator('.facts').innerText(), /smollm2 · \d+ tokens/);
  const [request] = server.asked;
  assert.equal(request!.model, 'smollm2');
  assert.equal(request!.stream, true);
  assert.equal(request!.trace_top, 12);
  assert.deepEqual(request!.stream_options, { include_usage: true });
  assert.deepEqual(
    request!.messages.map((m: { role: string }) => m.role),
    ['user'],
  );
  assert.equal('temperature' in request!, false, 'what nobody set is left to the server');
  // It is there again after a reload.
  await page.reload();
  await page
    .getByRole('button', { name: /Why is the sky/ })
    .first()
    .click();
  await page.locator('.answer strong', { hasText: 'blue' }).waitFor();
});

onPage('copying an answer copies its Markdown, code its code', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await ask(page, 'Why is the sky blue?');
  await answered(page);
  await page.locator('.code').getByRole('button', { name: 'Copy' }).click();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await clipboard(), 'def scatter(wave):\n    return 1 / wave**4  # Rayleigh');
  await page.locator('.answer > .actions').getByRole('button', { name: 'Copy' }).click();
  assert.equal(await clipboard(), answers.sky);
});

onPage('stopping keeps what has come and frees the server', async ({ page }) => {
  server.pace = 60;
  await ask(page, 'sky');
  await page.getByText('The sky is').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await answered(page);
  const text = await page.locator('.answer').innerText();
  assert.match(text, /The sky is/);
  assert.match(text, /stopped/);
  assert.doesNotMatch(text, /a page/);
  for (let i = 0; i < 50 && server.dropped === 0; i++) await pause(50);
  assert.equal(server.dropped, 1);
  // What was cut can be gone on with, in its place.
  server.pace = 2;
  await page.getByRole('button', { name: 'Go on with this answer' }).click();
  await page.getByRole('link', { name: 'a page' }).waitFor();
  await answered(page);
  assert.ok(server.asked[1]!.answer_prefix.length >= 3);
  assert.equal(await page.locator('.switcher').count(), 0);
  assert.match(await page.locator('.answer-body').innerText(), /^The sky is blue because air scatters blue/);
});

onPage('answering again and editing make branches to switch between', async ({ page }) => {
  await ask(page, 'first question');
  await answered(page);
  await page.getByRole('button', { name: 'Answer again' }).click();
  await page.locator('.answer .switcher', { hasText: '2/2' }).waitFor();
  await page.getByRole('button', { name: 'Previous alternative' }).click();
  await page.locator('.answer .switcher', { hasText: '1/2' }).waitFor();
  await ask(page, 'second question');
  await answered(page);
  assert.equal(await page.locator('.answer').count(), 2);
  // The other answer has nothing below it.
  await page.getByRole('button', { name: 'Next alternative' }).click();
  assert.equal(await page.locator('.answer').count(), 1);
  // Editing the first question branches at the top.
  await page.locator('.question').hover();
  await page.getByRole('button', { name: 'Edit the question' }).click();
  await page.getByRole('textbox', { name: 'Edit the question' }).fill('think about it');
  await page.getByRole('button', { name: 'Ask again' }).click();
  await answered(page);
  await page.locator('.question .switcher', { hasText: '2/2' }).waitFor();
  await page.getByText('It is four.').waitFor();
  await page.locator('.question').getByRole('button', { name: 'Previous alternative' }).click();
  await page.getByText('first question').last().waitFor();
  const last = server.asked.at(-1)!;
  assert.deepEqual(last.messages, [{ role: 'user', content: 'think about it' }]);
  // Deleting an answer shows the one beside it.
  await page.getByRole('button', { name: 'Delete this answer' }).click();
  await page.locator('.answer .switcher').waitFor({ state: 'detached' });
});

onPage('thoughts are folded away with their time', async ({ page }) => {
  await ask(page, 'think');
  await answered(page);
  const summary = page.locator('.thoughts summary');
  assert.match(await summary.innerText(), /Thought for/);
  assert.equal(await page.getByText('Two and two make four.').isVisible(), false);
  await summary.click();
  await page.getByText('Two and two make four.').waitFor();
  assert.equal(await page.locator('.answer-body').innerText(), 'It is four.');
});

onPage('settings, presets and the system prompt reach the server', async ({ page }) => {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
  await page.getByRole('button', { name: /^Pure dice/ }).click();
  await page.getByRole('spinbutton', { name: 'Seed' }).fill('7');
  await page.getByRole('spinbutton', { name: 'Longest answer' }).fill('20');
  await page.getByText('Repetition').click();
  await page.getByRole('slider', { name: 'Repeat penalty' }).fill('1.2');
  await ask(page, 'hello');
  await answered(page);
  const request = server.asked[0]!;
  assert.deepEqual(request.messages[0], { role: 'system', content: 'Be brief.' });
  const { temperature, top_k, top_p, min_p, seed, max_tokens, repeat_penalty } = request;
  assert.deepEqual(
    [temperature, top_k, top_p, min_p, seed, max_tokens, repeat_penalty],
    [1, 0, 1, 0, 7, 20, 1.2],
  );
  // Out of range is brought back into it, empty is the server's own again.
  await page.getByRole('spinbutton', { name: 'Temperature', exact: true }).fill('9');
  await page.keyboard.press('Tab');
  assert.equal(await page.getByRole('spinbutton', { name: 'Temperature', exact: true }).inputValue(), '2');
  await page.getByRole('button', { name: 'Reset all' }).click();
  await ask(page, 'hello again');
  await answered(page);
  assert.equal('temperature' in server.asked[1]!, false);
});

onPage('another model can be chosen, and is remembered', async ({ page }) => {
  await page.getByRole('button', { name: 'Choose a model' }).click();
  const items = page.getByRole('menuitemradio');
  assert.match(await items.first().innerText(), /smollm2\s+loaded\s+135M · Q4_1 · 98 MB/);
  await items.filter({ hasText: 'qwen3' }).click();
  await ask(page, 'hello');
  await answered(page);
  assert.equal(server.asked[0]!.model, 'qwen3');
  await page.reload();
  await page.locator('.model-name', { hasText: 'qwen3' }).waitFor();
});

onPage('Enter that ends a word of an input method sends nothing', async ({ page }) => {
  const box = page.getByRole('textbox', { name: 'Your message' });
  await box.fill('注音');
  const press = (init: { isComposing?: boolean; keyCode?: number }) =>
    box.evaluate(
      (element, options: object) =>
        element.dispatchEvent(
          new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...options }),
        ),
      init,
    );
  await press({ isComposing: true });
  await press({ keyCode: 229 });
  await pause(100);
  assert.equal(server.asked.length, 0);
  await box.press('Shift+Enter');
  assert.equal(await box.inputValue(), '注音\n');
  await box.press('Enter');
  await answered(page);
  assert.equal(server.asked[0]!.messages[0].content, '注音');
});

onPage('a whole chat works with the keyboard alone', async ({ page }) => {
  await page.keyboard.press('Alt+Slash');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  const licences = await page.request.get(`${address}licences.txt`);
  assert.match(await licences.text(), /SIL OPEN FONT LICENSE/i);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+KeyI');
  await page.keyboard.type('sky');
  await page.keyboard.press('Enter');
  await answered(page);
  // The dice: open, walk, choose another candidate.
  await page.keyboard.press('Alt+KeyT');
  await page.keyboard.press('Alt+KeyD');
  await page.getByRole('complementary', { name: 'The dice' }).waitFor();
  await page.locator('.token-text .tok[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.getByText('3 of').waitFor();
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  await page.getByText('1 of').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('complementary', { name: 'The dice' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+KeyR');
  await page.locator('.switcher', { hasText: '2/2' }).waitFor();
  await answered(page);
  await page.keyboard.press('Alt+KeyE');
  await page.locator('.editor textarea:focus').waitFor();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('think');
  await page.keyboard.press('Enter');
  await page.locator('.thoughts').waitFor();
  await answered(page);
  await page.keyboard.press('Alt+KeyN');
  await page.locator('.welcome').waitFor();
  await page.keyboard.press('Alt+KeyK');
  await page.keyboard.type('sky');
  await page.locator('.entry').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('.answer').waitFor();
  await page.keyboard.press('Alt+KeyM');
  await page.locator('[role=menuitemradio]:focus').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('.model-name', { hasText: 'qwen3' }).waitFor();
  await page.keyboard.press('Alt+KeyS');
  await page.getByRole('complementary', { name: 'Settings' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('complementary', { name: 'Settings' }).waitFor({ state: 'detached' });
});

onPage('chats are found, renamed, exported, deleted and imported again', async ({ page }) => {
  await ask(page, 'Why is the sky blue?');
  await answered(page);
  await page.getByRole('button', { name: 'New chat' }).click();
  await ask(page, 'Another thing');
  await answered(page);
  await page.getByRole('searchbox', { name: 'Search chats' }).fill('RAYLEIGH sky');
  assert.equal(await page.locator('.entry').count(), 1);
  assert.match(await page.locator('.entry-snippet mark').innerText(), /sky/i);
  await page.getByRole('searchbox').fill('nowhere');
  await page.getByText('No chat has these words.').waitFor();
  await page.getByRole('searchbox').fill('');

  const menu = async (item: string) => {
    await page.locator('.entry', { hasText: 'sky' }).hover();
    await page.getByRole('button', { name: /^Menu of “Why/ }).click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await menu('Rename');
  await page.getByRole('textbox', { name: 'New title' }).fill('Why does the sky glow');
  await page.keyboard.press('Enter');
  await page.locator('.entry-title', { hasText: 'glow' }).waitFor();

  await menu('Export');
  await page.getByRole('checkbox', { name: /dice of every token/ }).check();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const file = await (await download).path();
  const exported = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(exported.chats[0].title, 'Why does the sky glow');
  assert.ok(exported.chats[0].messages[1].traces[3].length >= 3);

  await menu('Delete');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.locator('.entry', { hasText: 'glow' }).waitFor({ state: 'detached' });

  const bring = async (name: string | { name: string; mimeType: string; buffer: Buffer }) => {
    await page.getByRole('button', { name: 'Export and import' }).click();
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('menuitem', { name: 'Import chats…' }).click();
    await (await chooser).setFiles(name);
  };
  await bring(file);
  await page.getByText('Imported chats: 1.').waitFor();
  await page.getByRole('button', { name: 'OK', exact: true }).click();
  await page.locator('.entry', { hasText: 'glow' }).waitFor();
  // Its dice came along.
  await page.locator('.answer strong .tok').first().click();
  await page.locator('.steps').waitFor();
  await page.keyboard.press('Escape');

  await bring({
    name: 'bad.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"format":"jielong-chats","version":9}'),
  });
  await page.getByText(/Nothing was imported. version: must be 1/).waitFor();
});

onPage('a chat deleted while it is answered stays deleted', async ({ page }) => {
  server.pace = 60;
  await ask(page, 'sky');
  await page.getByText('The sky is').waitFor();
  await page.locator('.entry').hover();
  await page.getByRole('button', { name: 'Menu of “sky”' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  for (let i = 0; i < 50 && server.dropped === 0; i++) await pause(50);
  assert.equal(server.dropped, 1);
  await pause(200);
  assert.equal(await page.locator('.entry').count(), 0);
  await page.reload();
  await page.locator('.examples').waitFor();
  assert.equal(await page.locator('.entry').count(), 0);
});

onPage('what a hostile model writes stays text', async ({ page }) => {
  await ask(page, 'hostile');
  await answered(page);
  const answer = page.locator('.answer-body');
  assert.match(await answer.innerText(), /<img src=x onerror=alert\(1\)>/);
  assert.equal(await answer.locator('img, script, iframe').count(), 0);
  const links = await answer
    .locator('a')
    .evaluateAll((list) => list.map((link) => (link as HTMLAnchorElement).href));
  assert.deepEqual(links, ['https://evil.example/y.png']);
});

onPage('two tabs see each other’s chats', async ({ page, context }) => {
  const other = await context.newPage();
  await other.goto(address);
  await ask(page, 'from the first tab');
  await answered(page);
  await other.locator('.entry', { hasText: 'from the first tab' }).waitFor();
});

onPage('an answer is announced once, not word by word', async ({ page }) => {
  await page.evaluate(() => {
    const seen: string[] = [];
    (window as any).said = seen;
    const region = document.querySelector('[role=status]')!;
    new MutationObserver(() => region.textContent && seen.push(region.textContent)).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  await ask(page, 'sky');
  await answered(page);
  await pause(200);
  assert.deepEqual(await page.evaluate(() => (window as any).said), ['The answer is complete']);
});
