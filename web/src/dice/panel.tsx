import { useEffect, useState } from 'preact/hooks';
import { branch, grown, hasTrace } from '../chat/answer';
import { current, loadTraces, runOf, tracesOf } from '../chat/store';
import type { Chat, DrawnToken, Message, Trace } from '../chat/types';
import { count, percent, samplerHelp, t } from '../i18n';
import { activeModel } from '../ui/model-state';
import { Icon } from '../ui/icons';
import { pin, pinned, pointed, shownToken } from './selection';
import { Piece } from './piece';
import { candidates, rowsOf, stripOf, visible, type Row } from './steps';

/** The whole distribution as one bar: each candidate has its share, like a die with unequal faces. */
export function Strip({
  trace,
  step,
  chosen,
  labels,
}: {
  trace: Trace;
  step: number;
  chosen: DrawnToken;
  labels?: boolean;
}) {
  const { segments, rest } = stripOf(trace, step, chosen);
  return (
    <span class={labels ? 'strip tall' : 'strip'} aria-hidden="true">
      {segments.map((segment) => (
        <span
          key={segment.id}
          class={segment.chosen ? 'face chosen' : `face r${Math.min(segment.rank, 9)}`}
          style={{ width: `${segment.p * 100}%` }}
        >
          {labels && segment.p > 0.09 ? (
            <span>{visible(segment.text.trim() === '' ? segment.text : segment.text.trim())}</span>
          ) : null}
        </span>
      ))}
      {rest > 0.001 && <span class="face rest" style={{ width: `${rest * 100}%` }} />}
    </span>
  );
}

function Steps({
  trace,
  chosen,
  step,
  onStep,
}: {
  trace: Trace;
  chosen: DrawnToken;
  step: number;
  onStep: (step: number) => void;
}) {
  return (
    <ol class="steps">
      {trace.map((entry, index) => (
        <li key={index}>
          <button
            type="button"
            class="step"
            aria-current={index === step ? 'step' : undefined}
            onClick={() => onStep(index)}
          >
            <span class="step-name">{index === 0 ? t('stepModel') : entry.description || entry.sampler}</span>
            <span class="step-count">{count(entry.survivors)}</span>
            <Strip trace={trace} step={index} chosen={chosen} />
          </button>
        </li>
      ))}
    </ol>
  );
}

function rowLabel(row: Row, trace: Trace): string {
  if (row.cutBy !== null) {
    return t('cutBy', { step: trace[row.cutBy]?.description || trace[row.cutBy]?.sampler || '' });
  }
  return row.p === null ? t('belowList') : percent(row.p);
}

function Candidates({
  rows,
  trace,
  disabled,
  onPick,
}: {
  rows: Row[];
  trace: Trace;
  disabled: boolean;
  onPick: (row: Row) => void;
}) {
  const most = Math.max(...rows.map((row) => Math.max(row.p ?? 0, row.before ?? 0)), 1e-6);
  return (
    <ul class="candidates">
      {rows.map((row) => {
        const label = rowLabel(row, trace);
        const change = row.p !== null && row.before !== null ? row.p - row.before : 0;
        return (
          <li key={row.id}>
            <button
              type="button"
              class={`candidate${row.chosen ? ' chosen' : ''}${row.p === null ? ' gone' : ''}`}
              disabled={disabled || row.chosen}
              onClick={() => onPick(row)}
            >
              <span class="candidate-text">
                <Piece text={row.text} />
              </span>
              <span class="candidate-bar">
                {row.before !== null && (
                  <i class="ghost" style={{ width: `${(row.before / most) * 100}%` }} />
                )}
                {row.p !== null && <i class="fill" style={{ width: `${(row.p / most) * 100}%` }} />}
              </span>
              <span class="candidate-p">
                {row.cutBy === null ? (
                  label
                ) : (
                  <span title={label}>
                    <Icon name="scissors" />
                    <span class="off-screen">{label}</span>
                  </span>
                )}
                {Math.abs(change) >= 0.0005 && <i class={change > 0 ? 'up' : 'down'} aria-hidden="true" />}
              </span>
              <span class="candidate-go" aria-hidden="true">
                {row.chosen ? <Icon name="die" /> : <Icon name="branch" />}
              </span>
              <span class="off-screen">
                {row.chosen ? t('chosenHere') : t('continueWith', { token: visible(row.text) })}
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function verdict(token: DrawnToken, trace: Trace): string {
  if (token.forced) return t('youChose');
  const survivors = trace.at(-1)?.survivors ?? 0;
  if (survivors === 1) return t('onlyOneLeft');
  const values = { p: percent(token.p ?? 0), n: count(survivors) };
  return (token.p ?? 0) >= 0.5 ? t('dieLikely', values) : t('dieUnlikely', values);
}

function Dice({
  chat,
  message,
  index,
  trace,
  token,
}: {
  chat: Chat;
  message: Message;
  index: number;
  trace: Trace;
  token: DrawnToken;
}) {
  const last = trace.length - 1;
  const [wanted, setStep] = useState<number | null>(null);
  const step = Math.min(wanted ?? last, last);
  const entry = trace[step]!;
  const busy = runOf(chat) !== null;
  const rows = rowsOf(trace, step, token);
  const pick = (row: Row) => {
    const model = activeModel.value ?? message.model ?? '';
    const candidate = candidates(trace, token).find((other) => other.id === row.id);
    if (!candidate || busy) return;
    void branch(chat, message, index, candidate, model).then(() => {
      pointed.value = null;
      pin(null);
    });
  };
  return (
    <>
      <p class="verdict">{verdict(token, trace)}</p>
      <Strip trace={trace} step={last} chosen={token} labels />
      <section>
        <h3>{t('howItCame')}</h3>
        <Steps trace={trace} chosen={token} step={step} onStep={setStep} />
        <p class="step-help" aria-live="polite">
          <b>{step === 0 ? t('stepModel') : entry.description || entry.sampler}</b>{' '}
          {samplerHelp(entry.sampler)}
        </p>
      </section>
      <section>
        <h3>
          {step === last
            ? t('candidatesLast')
            : t('candidatesAfter', { step: step === 0 ? t('stepModel') : entry.description })}
        </h3>
        <Candidates rows={rows} trace={trace} disabled={busy} onPick={pick} />
        <p class="hint">{busy ? t('branchBusy') : t('branchHint')}</p>
      </section>
    </>
  );
}

/** The words before a token, and the token. */
function Context({ message, index, token }: { message: Message; index: number; token: DrawnToken }) {
  const tokens = message.tokens ?? [];
  let first = index;
  let before = '';
  while (first > 0 && before.length + tokens[first - 1]!.text.length <= 52)
    before = tokens[--first]!.text + before;
  before = before.replace(/\s+/g, ' ');
  return (
    <p class="context" lang="">
      <span>{first > 0 ? `…${before}` : before}</span>{' '}
      <mark class={token.forced ? 'forced' : undefined}>
        {visible(token.text.trim() === '' ? token.text : token.text.trim())}
      </mark>
    </p>
  );
}

export function DicePanel() {
  void grown.value;
  const chat = current.value;
  const place = shownToken.value;
  const message = place ? chat?.messages.get(place.message) : undefined;
  const token = place ? message?.tokens?.[place.index] : undefined;
  useEffect(() => {
    if (message && !tracesOf(message.id)) void loadTraces(message.id);
  }, [message?.id]);
  if (!chat || !place || !message || !token) return null;
  const trace = tracesOf(message.id)?.[place.index];
  const total = message.tokens?.length ?? 0;
  const go = (step: number) => {
    pointed.value = null;
    pin({ message: message.id, index: Math.min(total - 1, Math.max(0, place.index + step)) });
  };
  return (
    <aside class="panel dice-panel" aria-label={t('dice')}>
      <header>
        <Icon name="die" />
        <h2>{t('dice')}</h2>
        <span class="pager">
          <button
            type="button"
            class="icon-button"
            onClick={() => go(-1)}
            disabled={place.index === 0}
            aria-label={t('previousToken')}
          >
            <Icon name="left" />
          </button>
          <span>{t('tokenOf', { n: count(place.index + 1), total: count(total) })}</span>
          <button
            type="button"
            class="icon-button"
            onClick={() => go(1)}
            disabled={place.index >= total - 1}
            aria-label={t('nextToken')}
          >
            <Icon name="right" />
          </button>
        </span>
        <button type="button" class="icon-button" onClick={() => pin(null)} aria-label={t('close')}>
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-body" tabIndex={0} role="group" aria-label={t('dice')}>
        <Context message={message} index={place.index} token={token} />
        {hasTrace(trace) ? (
          <Dice chat={chat} message={message} index={place.index} trace={trace} token={token} />
        ) : (
          <p class="hint">{t('noTrace')}</p>
        )}
      </div>
    </aside>
  );
}

/** A glance at the dice of the token under the pointer, while the panel is closed. */
export function Peek() {
  void grown.value;
  const place = pointed.value;
  const chat = current.value;
  const message = place ? chat?.messages.get(place.message) : undefined;
  useEffect(() => {
    if (message && !tracesOf(message.id)) void loadTraces(message.id);
  }, [message?.id]);
  if (!place || pinned.value || !message) return null;
  const token = message.tokens?.[place.index];
  const trace = tracesOf(message.id)?.[place.index];
  if (!token || !hasTrace(trace)) return null;
  const rows = rowsOf(trace, trace.length - 1, token)
    .filter((row) => row.p !== null)
    .slice(0, 5);
  const width = 240;
  const left = Math.min(
    Math.max(8, place.box.left + place.box.width / 2 - width / 2),
    window.innerWidth - width - 8,
  );
  const above = place.box.top > 230;
  const vertical = above
    ? { bottom: `${window.innerHeight - place.box.top + 8}px` }
    : { top: `${place.box.bottom + 8}px` };
  return (
    <div class="peek" style={{ left: `${left}px`, ...vertical }} aria-hidden="true">
      {rows.map((row) => (
        <div key={row.id} class={row.chosen ? 'peek-row chosen' : 'peek-row'}>
          <span>
            <Piece text={row.text} />
          </span>
          <i style={{ width: `${(row.p ?? 0) * 72}px` }} />
          <b>{percent(row.p ?? 0)}</b>
        </div>
      ))}
      <p>{t('peekHint')}</p>
    </div>
  );
}
