import type { DrawnToken } from './types';

/** Where a token's text lies in the content or the thoughts of an answer. */
export interface Span {
  part: 'content' | 'reasoning' | 'none';
  from: number;
  to: number;
}

/** How much of `text` (maybe without its beginning) continues `whole` at `at`. */
function overlap(whole: string, at: number, text: string): number {
  if (at >= whole.length || text === '') return 0;
  if (whole.startsWith(text, at)) return text.length;
  // Whitespace around thoughts and answers is left out of them.
  const trimmed = text.trimStart();
  if (trimmed !== '' && trimmed !== text && whole.startsWith(trimmed, at)) return trimmed.length;
  const rest = whole.slice(at);
  // The last token may have been cut by a stop string or trimmed.
  return rest.length < text.length && text.startsWith(rest) ? rest.length : 0;
}

/** What stands for bytes that are no whole character. */
const kPiece = '\uFFFD';

/** One of the two texts, with the place up to which tokens were found in it. */
class Part {
  private at = 0;
  /** Tokens since then that hold pieces of characters only. */
  private pieces: Span[] = [];

  constructor(
    private readonly name: 'content' | 'reasoning',
    private readonly whole: string,
  ) {}

  take(text: string): Span | null {
    // Pieces of characters are not in the text; the character that they became is.
    for (let skipped = 0; skipped <= this.pieces.length; skipped++) {
      const length = overlap(this.whole, this.at + skipped, text);
      if (length === 0) continue;
      this.givePieces(this.at + skipped);
      const from = this.at;
      this.at += length;
      return { part: this.name, from, to: this.at };
    }
    return null;
  }

  /** A token that was rewritten on the way: looks for it a little further on. */
  takeLater(text: string): Span | null {
    const from = text.length > 1 ? this.whole.indexOf(text, this.at) : -1;
    if (from < 0 || from - this.at > 16) return null;
    this.givePieces(from);
    this.at = from + text.length;
    return { part: this.name, from, to: this.at };
  }

  takePiece(): Span | null {
    if (this.at >= this.whole.length) return null;
    const span: Span = { part: this.name, from: this.at, to: this.at };
    this.pieces.push(span);
    return span;
  }

  /** The last of the pieces completed what stands before `to`. */
  givePieces(to: number): void {
    const last = this.pieces.at(-1);
    if (last) last.to = to;
    this.pieces = [];
    this.at = to;
  }

  finish(): void {
    if (this.pieces.length > 0) this.givePieces(this.whole.length);
  }
}

/**
 * Finds each token in the answer's content and thoughts. Marks such as "<think>" and END
 * lie in neither. Tokens come in order, so a place in each text is enough.
 */
export function align(tokens: readonly DrawnToken[], content: string, reasoning: string): Span[] {
  const thoughts = new Part('reasoning', reasoning);
  const said = new Part('content', content);
  const spans = tokens.map(({ text }): Span => {
    const found = thoughts.take(text) ?? said.take(text);
    if (found) return found;
    const piece = text.includes(kPiece) ? (thoughts.takePiece() ?? said.takePiece()) : null;
    return piece ?? said.takeLater(text) ?? { part: 'none', from: 0, to: 0 };
  });
  thoughts.finish();
  said.finish();
  return spans;
}
