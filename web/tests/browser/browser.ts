import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const program = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const missingBrowser = existsSync(program)
  ? false
  : `there is no ${program}; apt-get install chromium`;

let browser: Browser | null = null;

async function launched(): Promise<Browser> {
  browser ??= await chromium.launch({
    executablePath: program,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = null;
}

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** What must not happen: errors, broken policy, requests to others. */
  faults: string[];
  /** Console errors that the test brings about itself, such as a 404. */
  expect(pattern: RegExp): void;
  close(): Promise<void>;
}

export interface VisitOptions {
  language?: 'en-US' | 'zh-TW';
  dark?: boolean;
  phone?: boolean;
  reducedMotion?: boolean;
  width?: number;
  height?: number;
  scale?: number;
}

/** A visitor without a page yet, for files that are no part of it. */
export async function newContext(viewport: { width: number; height: number }): Promise<BrowserContext> {
  return (await launched()).newContext({ viewport });
}

/** Opens the page as a new visitor. close() fails on every fault. */
export async function visit(address: string, options: VisitOptions = {}): Promise<Visit> {
  const context = await (
    await launched()
  ).newContext({
    locale: options.language ?? 'en-US',
    colorScheme: options.dark ? 'dark' : 'light',
    reducedMotion: options.reducedMotion === false ? 'no-preference' : 'reduce',
    viewport: options.phone
      ? { width: 390, height: 780 }
      : { width: options.width ?? 1360, height: options.height ?? 860 },
    hasTouch: options.phone === true,
    isMobile: options.phone === true,
    deviceScaleFactor: options.scale ?? 1,
    acceptDownloads: true,
  });
  const faults: string[] = [];
  const expected: RegExp[] = [];
  context.setDefaultTimeout(30_000);
  context.on('page', (page) => watch(page));
  const watch = (page: Page) => {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('dialog', (dialog) => {
      faults.push(`a dialog of script: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(new URL('/', address).href) && !/^(?:data|blob):/.test(url))
        faults.push(`a request to ${url}`);
    });
  };
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(
        `policy: ${event.violatedDirective} blocked ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
      );
    });
  });
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('.main').waitFor();
  return {
    page,
    context,
    faults,
    expect: (pattern) => void expected.push(pattern),
    async close() {
      const real = faults.filter((fault) => !expected.some((pattern) => pattern.test(fault)));
      await context.close();
      assert.deepEqual(real, []);
    },
  };
}

/** Fails on anything axe finds against WCAG 2.2 A and AA and its best practices. */
export async function checkAccess(page: Page, where: string): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const checked = await (window as any).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return checked.violations.map((violation: any) => ({
      rule: violation.id,
      help: violation.help,
      nodes: violation.nodes
        .slice(0, 5)
        .map((node: any) => `${node.html.slice(0, 160)} ${node.failureSummary}`),
    }));
  });
  assert.deepEqual(violations, [], `axe, ${where}`);
}

export async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: /Your message|你的訊息/ }).fill(text);
  await page.keyboard.press('Enter');
}

/** Waits until the last answer is complete. */
export async function answered(page: Page): Promise<void> {
  await page.locator('.answer').last().waitFor();
  await page.locator('.answer.running').waitFor({ state: 'detached', timeout: 120_000 });
}
