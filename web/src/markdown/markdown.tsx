import type { Token, Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { memo } from '../ui/memo';
import { CodeBlock } from './code';
import { Math } from './math';
import { decodeEntities, parseMarkdown, safeLink, type MathToken } from './parse';

// Markdown becomes elements, never HTML text: whatever a model writes can only turn into the
// few elements named here, with text in them.

/** Draws text that stands in the source at `from`; -1: it could not be found there. */
export type Leaf = (text: string, from: number) => ComponentChildren;

/** Finds the texts of a block in the source, which they stand in one after another. */
class Places {
  constructor(
    private readonly source: string,
    private cursor: number,
    private readonly leaf: Leaf,
  ) {}

  draw = (text: string): ComponentChildren => {
    if (text === '') return text;
    const at = this.source.indexOf(text, this.cursor);
    if (at >= 0) {
      this.cursor = at + text.length;
      return this.leaf(text, at);
    }
    // Quotes and lists leave out what stands before each line.
    const lines = text.split(/(?<=\n)/);
    if (lines.length > 1) return lines.map((line) => this.draw(line));
    return this.leaf(text, -1);
  };
}

function inline(tokens: readonly Token[] | undefined, places: Places): ComponentChildren {
  return (tokens ?? []).map((token) => {
    switch (token.type) {
      case 'strong':
        return <strong>{inline(token.tokens, places)}</strong>;
      case 'em':
        return <em>{inline(token.tokens, places)}</em>;
      case 'del':
        return <del>{inline(token.tokens, places)}</del>;
      case 'codespan':
        return <code>{places.draw(token.text as string)}</code>;
      case 'br':
        return <br />;
      case 'link': {
        const href = safeLink(token.href as string);
        const text = inline(token.tokens, places);
        if (href === null) return <span class="dead-link">{text}</span>;
        return (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            {text}
          </a>
        );
      }
      case 'image': {
        // Never loaded: that would tell another host that the answer was read.
        const href = safeLink(token.href as string);
        const text = places.draw(decodeEntities((token.text as string) || (token.href as string)));
        if (href === null) return <span class="dead-link">{text}</span>;
        return (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            {text}
          </a>
        );
      }
      case 'math': {
        const math = token as unknown as MathToken;
        return <Math text={math.text} raw={math.raw} display={math.display} />;
      }
      case 'text':
        return token.tokens
          ? inline(token.tokens, places)
          : places.draw(decodeEntities(token.text as string));
      case 'escape':
        return places.draw(token.text as string);
      default: // HTML and what is not known: the text as it was written
        return places.draw(token.raw);
    }
  });
}

function listItem(item: Tokens.ListItem, places: Places): ComponentChildren {
  return (
    <li class={item.task ? 'task' : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label={item.text} />}
      {item.tokens.map((token) =>
        token.type === 'text'
          ? inline((token as Tokens.Text).tokens ?? [token], places)
          : block(token, places),
      )}
    </li>
  );
}

function block(token: Token, places: Places): ComponentChildren {
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'heading': {
      // The page's own headings are above these.
      const Tag = `h${globalThis.Math.min(6, (token.depth as number) + 2)}` as 'h3';
      return <Tag>{inline(token.tokens, places)}</Tag>;
    }
    case 'paragraph':
      return <p>{inline(token.tokens, places)}</p>;
    case 'text':
      return <p>{inline(token.tokens ?? [token], places)}</p>;
    case 'blockquote':
      return <blockquote>{(token.tokens ?? []).map((child) => block(child, places))}</blockquote>;
    case 'list': {
      const list = token as Tokens.List;
      const items = list.items.map((item) => listItem(item, places));
      return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'code': {
      const language = ((token.lang as string | undefined) ?? '').trim().split(/\s/, 1)[0]!.toLowerCase();
      return <CodeBlock code={token.text as string} language={language.slice(0, 30)} leaf={places.draw} />;
    }
    case 'table': {
      const table = token as Tokens.Table;
      const cell = (entry: Tokens.TableCell, Tag: 'th' | 'td') => (
        <Tag class={entry.align ? `align-${entry.align}` : undefined}>{inline(entry.tokens, places)}</Tag>
      );
      return (
        <div class="table" tabIndex={0} role="group">
          <table>
            <thead>
              <tr>{table.header.map((entry) => cell(entry, 'th'))}</tr>
            </thead>
            <tbody>
              {table.rows.map((row) => (
                <tr>{row.map((entry) => cell(entry, 'td'))}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    }
    case 'hr':
      return <hr />;
    case 'mathBlock':
    case 'math': {
      const math = token as unknown as MathToken;
      return (
        <p>
          <Math text={math.text} raw={math.raw} display={true} />
        </p>
      );
    }
    default:
      return <p class="as-written">{places.draw(token.raw)}</p>;
  }
}

interface BlockProps {
  token: Token;
  source: string;
  from: number;
  leaf: Leaf;
  /** Changes when the leaves would be drawn differently. */
  version: string;
}

/** One block; a grown answer draws only the blocks that have changed. */
const Block = memo(
  ({ token, source, from, leaf }: BlockProps) => <>{block(token, new Places(source, from, leaf))}</>,
  (a, b) => a.token.raw === b.token.raw && a.from === b.from && a.version === b.version,
);

const kPlainLeaf: Leaf = (text) => text;

/**
 * @param leaf    draws the texts, so that tokens can be found in them
 * @param version of the leaves from a block's place on, see BlockProps
 */
export function Markdown({
  text,
  leaf = kPlainLeaf,
  version = () => '',
}: {
  text: string;
  leaf?: Leaf;
  version?: (from: number, to: number) => string;
}) {
  let at = 0;
  return (
    <div class="markdown">
      {parseMarkdown(text).map((token, index) => {
        const from = at;
        at += token.raw.length;
        return (
          <Block
            key={index}
            token={token}
            source={text}
            from={from}
            leaf={leaf}
            version={version(from, at)}
          />
        );
      })}
    </div>
  );
}
