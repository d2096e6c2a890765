import { Marked, type Token, type TokenizerAndRendererExtension } from 'marked';

/** A formula; `display` ones stand on their own. */
export interface MathToken {
  type: 'math';
  raw: string;
  text: string;
  display: boolean;
}

const kMaxFormula = 2000;

/** The end of the formula that begins at `from`, closed by `close`; -1 if there is none. */
function formulaEnd(source: string, from: number, close: string): number {
  const limit = Math.min(source.length, from + kMaxFormula);
  for (let at = from; at < limit; at++) {
    if (source.startsWith(close, at)) return at;
    if (source[at] === '\\') at++;
    else if (source.startsWith('\n\n', at)) return -1;
  }
  return -1;
}

function readMath(source: string, open: string, close: string, display: boolean): MathToken | undefined {
  if (!source.startsWith(open)) return undefined;
  const end = formulaEnd(source, open.length, close);
  if (end <= open.length) return undefined;
  const text = source.slice(open.length, end);
  const raw = source.slice(0, end + close.length);
  if (open === '$') {
    // "$5 and $6" is money: no space inside the marks, no digit behind, no line break.
    if (/^\s|\s$|\n/.test(text) || /^\d/.test(source.slice(raw.length))) return undefined;
  }
  return text.trim() === '' ? undefined : { type: 'math', raw, text, display };
}

const inlineMath: TokenizerAndRendererExtension = {
  name: 'math',
  level: 'inline',
  start: (source) => {
    const at = source.search(/\$|\\[([]/);
    return at < 0 ? undefined : at;
  },
  tokenizer: (source) =>
    readMath(source, '$$', '$$', true) ??
    readMath(source, '$', '$', false) ??
    readMath(source, '\\(', '\\)', false) ??
    readMath(source, '\\[', '\\]', true),
};

const blockMath: TokenizerAndRendererExtension = {
  name: 'mathBlock',
  level: 'block',
  start: (source) => {
    const at = source.search(/(?:^|\n)(?:\$\$|\\\[)/);
    return at < 0 ? undefined : at + (source[at] === '\n' ? 1 : 0);
  },
  tokenizer: (source) => {
    const found = readMath(source, '$$', '$$', true) ?? readMath(source, '\\[', '\\]', true);
    if (!found) return undefined;
    const rest = /^[ \t]*(?:\n+|$)/.exec(source.slice(found.raw.length));
    return rest ? { ...found, raw: found.raw + rest[0] } : undefined;
  },
};

const marked = new Marked({ gfm: true, breaks: false, extensions: [inlineMath, blockMath] });

/** Longer texts are shown as they are: nobody reads them, and parsing could take long. */
const kMaxText = 400_000;
/** Deeper quotes and lists are shown as they are: each level costs the parser a call. */
const kMaxDepth = 40;

function tooDeep(text: string): boolean {
  return new RegExp(`^(?:[ \\t]*(?:>|[-*+]|\\d{1,9}[.)])){${kMaxDepth}}`, 'm').test(text);
}

/** Cuts Markdown into blocks. Never throws; what can't be parsed becomes one plain block. */
export function parseMarkdown(text: string): Token[] {
  if (text.length > kMaxText || tooDeep(text)) return [plain(text)];
  try {
    return marked.lexer(text);
  } catch {
    return [plain(text)];
  }
}

function plain(text: string): Token {
  return { type: 'plain', raw: text, text } as Token;
}

const kNamed: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};

/** Character references as the letters they mean. The result is text, never markup. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,5}));/g,
    (whole, decimal, hex, name) => {
      if (name) return kNamed[name as string] ?? whole;
      const code = decimal ? Number(decimal) : parseInt(hex as string, 16);
      const surrogate = code >= 0xd800 && code <= 0xdfff;
      return code > 0 && code <= 0x10ffff && !surrogate ? String.fromCodePoint(code) : whole;
    },
  );
}

/** An address that a click may open, or null. */
export function safeLink(href: string): string | null {
  const address = decodeEntities(href).trim();
  // Only complete addresses: a relative one would lead into this page's own server.
  return /^(?:https?:\/\/|mailto:)[^\s\u0000-\u001f]+$/i.test(address) ? address : null;
}
