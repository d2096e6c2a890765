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

/**
 * Finds each token in the answer's content and thoughts. Marks such as "<think>" and END
 * lie in neither. Tokens come in order, so two cursors are enough.
 */
export function align(tokens: readonly DrawnToken[], content: string, reasoning: string): Span[] {
  let inContent = 0;
  let inReasoning = 0;
  return tokens.map(({ text }) => {
    const thought = overlap(reasoning, inReasoning, text);
    if (thought > 0) {
      const from = inReasoning;
      inReasoning += thought;
      return { part: 'reasoning', from, to: inReasoning };
    }
    const said = overlap(content, inContent, text);
    if (said > 0) {
      const from = inContent;
      inContent += said;
      return { part: 'content', from, to: inContent };
    }
    // A token that was split between parts, or rewritten: find the place again a little on.
    if (text.length > 1) {
      const again = content.indexOf(text, inContent);
      if (again >= 0 && again - inContent <= 16) {
        inContent = again + text.length;
        return { part: 'content', from: again, to: inContent };
      }
    }
    return { part: 'none', from: 0, to: 0 };
  });
}
