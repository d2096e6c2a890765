import { effect, signal, type Signal } from '@preact/signals';

// What a person chose for this browser. Storage may be forbidden; then it lasts until the
// page is closed.

function read(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function write(storage: () => Storage, key: string, value: string): void {
  try {
    if (value) storage().setItem(key, value);
    else storage().removeItem(key);
  } catch {
    // It is only remembered less long.
  }
}

const local = () => window.localStorage;
const session = () => window.sessionStorage;

function remembered<T extends string>(key: string, fallback: T, allowed?: readonly T[]): Signal<T> {
  const stored = read(local, key) as T | null;
  const valid = stored !== null && (!allowed || allowed.includes(stored));
  const value = signal<T>(valid ? stored : fallback);
  effect(() => write(local, key, value.value === fallback ? '' : value.value));
  return value;
}

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];
export const theme = remembered<Theme>('jielong.theme', 'system', themes);

export const languages = ['en', 'zh-TW'] as const;
export type Language = (typeof languages)[number];

function firstLanguage(): Language {
  const wanted = globalThis.navigator?.languages ?? [];
  const first = wanted.find((tag) => /^(en|zh)\b/i.test(tag));
  return first && /^zh/i.test(first) ? 'zh-TW' : 'en';
}

/** '' until a person chooses: then the browser's. */
const chosenLanguage = remembered<Language | ''>('jielong.language', '', ['', ...languages]);
export const language = signal<Language>(chosenLanguage.value || firstLanguage());
export function chooseLanguage(value: Language): void {
  chosenLanguage.value = value;
  language.value = value;
}

export const chosenModel = remembered<string>('jielong.model', '');

/** Answers are shown as tokens, tinted by their probability. */
export const tokenView = remembered<'on' | 'off'>('jielong.tokens', 'off', ['on', 'off']);

export const apiKey = signal(read(session, 'jielong.key') ?? read(local, 'jielong.key') ?? '');
/** Keeps the key for this tab, or for this browser when `remember` is set. */
export function setApiKey(key: string, remember: boolean): void {
  apiKey.value = key;
  write(session, 'jielong.key', key);
  write(local, 'jielong.key', remember ? key : '');
}
