import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { align, type Span } from '../chat/alignment';
import { grown } from '../chat/answer';
import type { DrawnToken, Message } from '../chat/types';
import { percent, t } from '../i18n';
import type { Leaf } from '../markdown/markdown';
import { memo } from '../ui/memo';
import { pin, pinned } from './selection';
import { surprise, visible } from './steps';

/** Cuts drawn text at the borders of tokens, so that each can be pointed at. */
export interface TokenMap {
  leaf: Leaf;
  version: (from: number, to: number) => string;
}

/** @param selected the index of the pinned token, or -1 */
export function tokenMap(message: Message, selected: number): TokenMap {
  const tokens = message.tokens ?? [];
  const spans = align(tokens, message.content, message.reasoning)
    .map((span, index) => ({ ...span, index }))
    .filter((span) => span.part === 'content' && span.from < span.to);
  const firstAfter = (place: number) => {
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (spans[middle]!.to > place) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const leaf: Leaf = (text, from) => {
    if (from < 0 || spans.length === 0) return text;
    const end = from + text.length;
    const pieces: ComponentChildren[] = [];
    let at = from;
    for (let i = firstAfter(from); i < spans.length && spans[i]!.from < end; i++) {
      const span = spans[i]!;
      const start = Math.max(span.from, from);
      const stop = Math.min(span.to, end);
      if (start > at) pieces.push(text.slice(at - from, start - from));
      const piece = text.slice(start - from, stop - from);
      // The space before a word belongs to its token, but looks better outside the frame.
      const space = piece.length > 1 && piece.startsWith(' ') ? 1 : 0;
      if (space > 0) pieces.push(' ');
      pieces.push(
        <span class={span.index === selected ? 'tok on' : 'tok'} data-token={span.index}>
          {piece.slice(space)}
        </span>,
      );
      at = stop;
    }
    if (at < end) pieces.push(text.slice(at - from));
    return pieces;
  };
  const version = (from: number, to: number) => {
    const first = firstAfter(from);
    const last = firstAfter(to);
    const chosen = spans.slice(first, last + 1).some((span) => span.index === selected);
    return `${first}-${last}${chosen ? `:${selected}` : ''}`;
  };
  return { leaf, version };
}

interface TokenProps {
  token: DrawnToken;
  index: number;
  span: Span | undefined;
  selected: boolean;
  reachable: boolean;
}

function classOf({ token, span, selected }: TokenProps): string {
  const names = ['tok', `s${surprise(token)}`];
  if (token.forced) names.push('forced');
  if (span?.part === 'none') names.push('mark');
  if (span?.part === 'reasoning') names.push('thought');
  if (selected) names.push('on');
  return names.join(' ');
}

const TokenButton = memo(
  (props: TokenProps) => {
    const { token, index, selected, reachable } = props;
    const breaks = (token.text.match(/\n/g) ?? []).length;
    const hidden = token.text.trim() === '' || props.span?.part === 'none';
    const p = token.p === null ? '' : `, ${percent(token.p)}`;
    return (
      <>
        <button
          type="button"
          class={classOf(props)}
          data-token={index}
          tabIndex={reachable ? 0 : -1}
          aria-label={`${visible(token.text)}${p}`}
          aria-pressed={selected}
        >
          {hidden ? visible(token.text) : token.text.replace(/\n/g, '⏎')}
        </button>
        {breaks > 0 && Array.from({ length: Math.min(breaks, 2) }, () => <br />)}
      </>
    );
  },
  (a, b) =>
    a.token === b.token &&
    a.index === b.index &&
    a.selected === b.selected &&
    a.reachable === b.reachable &&
    a.span?.part === b.span?.part,
);

/**
 * An answer as the tokens it was drawn as, the invisible ones too. One stop for the Tab key:
 * arrows go from token to token.
 */
export function TokenText({ message, selected }: { message: Message; selected: number }) {
  // The message grows in place.
  void grown.value;
  const box = useRef<HTMLDivElement>(null);
  const tokens = message.tokens ?? [];
  const spans = align(tokens, message.content, message.reasoning);
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...(box.current?.querySelectorAll<HTMLElement>('[data-token]') ?? [])];
    const at = buttons.indexOf(event.target as HTMLElement);
    const last = buttons.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = buttons[Math.min(last, Math.max(0, to))]!;
    next.focus();
    // With the panel open, walking through the tokens shows the dice of each.
    if (pinned.value) pin({ message: message.id, index: Number(next.dataset.token) });
  };
  return (
    <div class="token-text" ref={box} role="group" aria-label={t('tokensOfAnswer')} onKeyDown={onKeyDown}>
      {tokens.map((token, index) => (
        <TokenButton
          key={index}
          token={token}
          index={index}
          span={spans[index]}
          selected={index === selected}
          reachable={index === (selected >= 0 ? selected : 0)}
        />
      ))}
    </div>
  );
}
