import type { Chat } from './types';

export interface Found {
  chat: Chat;
  /** The message with the first hit; null when only the title matches. */
  message: string | null;
  /** The text around the first hit, with the hit's place in it. */
  snippet: { before: string; hit: string; after: string } | null;
}

export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** Where `word` (folded) lies in `text`, as indices of `text` itself; -1 when nowhere. */
function place(text: string, word: string): [number, number] {
  const plain = text.toLowerCase();
  // Folding may change lengths; places are only given where it does not.
  const at = plain.length === text.length ? plain.indexOf(word) : -1;
  return [at, at + word.length];
}

function snippetOf(text: string, word: string): Found['snippet'] {
  const [from, to] = place(text, word);
  if (from < 0) return null;
  const start = Math.max(0, from - 30);
  const clean = (part: string) => part.replace(/\s+/g, ' ');
  return {
    before: (start > 0 ? '…' : '') + clean(text.slice(start, from)),
    hit: clean(text.slice(from, to)),
    after: clean(text.slice(to, to + 60)),
  };
}

/** Chats in which every word of the query occurs, the newest first. */
export function search(chats: Iterable<Chat>, query: string): Found[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const found: Found[] = [];
  for (const chat of chats) {
    if (words.length === 0) {
      found.push({ chat, message: null, snippet: null });
      continue;
    }
    const missing = new Set(words);
    const look = (text: string): boolean => {
      const folded = fold(text);
      let hit = false;
      for (const word of words) {
        if (!folded.includes(word)) continue;
        missing.delete(word);
        hit = true;
      }
      return hit;
    };
    look(chat.title);
    let message: string | null = null;
    let snippet: Found['snippet'] = null;
    for (const candidate of chat.messages.values()) {
      if (!look(candidate.content) || message !== null) continue;
      message = candidate.id;
      const folded = fold(candidate.content);
      snippet = snippetOf(candidate.content, words.find((word) => folded.includes(word)) ?? '');
    }
    if (missing.size === 0) found.push({ chat, message, snippet });
  }
  return found.sort((a, b) => b.chat.updated - a.chat.updated);
}
