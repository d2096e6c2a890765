import { useEffect, useRef, useState } from 'preact/hooks';
import { canContinue, continueAnswer, edit, grown, regenerate } from '../chat/answer';
import { changed, deleteMessage, runOf, runs, save } from '../chat/store';
import { alternatives, pickAlternative } from '../chat/tree';
import type { Chat, Message } from '../chat/types';
import { pinned, tokenEvents } from '../dice/selection';
import { TokenText, tokenMap } from '../dice/token-text';
import { count, seconds, t } from '../i18n';
import { Markdown } from '../markdown/markdown';
import { tokenView } from '../settings/preferences';
import { fit, isComposing } from './composer';
import { CopyButton } from './copy-button';
import { Icon } from './icons';
import { activeModel } from './model-state';
import { Trouble } from './trouble';
import { editing } from './view-state';

// Messages are changed in place, so that their properties look the same: what draws them
// subscribes to the counters of changes.

/** ‹ 2/3 › for messages that have alternatives. */
function Switcher({ chat, message }: { chat: Chat; message: Message }) {
  void changed.value;
  const { index, all } = alternatives(chat, message);
  if (all.length < 2) return null;
  const go = (step: number) => {
    pickAlternative(chat, message, step);
    save(chat, false);
  };
  return (
    <span class="switcher" role="group" aria-label={t('alternatives')}>
      <button
        type="button"
        class="icon-button"
        disabled={index === 0}
        onClick={() => go(-1)}
        aria-label={t('previousAlternative')}
      >
        <Icon name="left" />
      </button>
      <span>
        {index + 1}/{all.length}
      </span>
      <button
        type="button"
        class="icon-button"
        disabled={index === all.length - 1}
        onClick={() => go(1)}
        aria-label={t('nextAlternative')}
      >
        <Icon name="right" />
      </button>
    </span>
  );
}

function Editor({ chat, message }: { chat: Chat; message: Message }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(message.content);
  useEffect(() => {
    area.current?.focus();
    fit(area.current);
  }, []);
  const close = () => {
    editing.value = null;
  };
  const submit = () => {
    const model = activeModel.value;
    if (model === null || text.trim() === '') return;
    close();
    edit(chat, message, text.trim(), model);
  };
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        ref={area}
        aria-label={t('editMessage')}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          fit(event.currentTarget);
        }}
        onKeyDown={(event) => {
          if (isComposing(event)) return;
          if (event.key === 'Escape') {
            event.stopPropagation();
            close();
          } else if (event.key === 'Enter' && !event.shiftKey) {
            event.preventDefault();
            submit();
          }
        }}
      />
      <div class="editor-buttons">
        <button type="button" class="button" onClick={close}>
          {t('cancel')}
        </button>
        <button type="submit" class="button primary" disabled={text.trim() === ''}>
          {t('askAgain')}
        </button>
      </div>
    </form>
  );
}

export function Question({ chat, message }: { chat: Chat; message: Message }) {
  const busy = runOf(chat) !== null;
  if (editing.value === message.id) return <Editor chat={chat} message={message} />;
  return (
    <article class="question" aria-label={t('you')}>
      <div class="bubble">{message.content}</div>
      <div class="actions">
        <Switcher chat={chat} message={message} />
        <CopyButton text={message.content} />
        <button
          type="button"
          class="icon-button"
          disabled={busy}
          onClick={() => (editing.value = message.id)}
          aria-label={t('editMessage')}
          title={t('editMessage')}
        >
          <Icon name="edit" />
        </button>
      </div>
    </article>
  );
}

/** What the model thought before it spoke, folded away. */
function Thoughts({ message, running }: { message: Message; running: boolean }) {
  void grown.value;
  const thinking = running && message.content === '';
  const time = seconds((message.thinking ?? 0) / 1000);
  return (
    <details class="thoughts">
      <summary>
        <Icon name="thought" />
        {thinking ? t('thinking', { time }) : t('thought', { time })}
      </summary>
      <div class="thoughts-text">{message.reasoning}</div>
    </details>
  );
}

/** Counts and speed, in a few words. */
function facts(message: Message): string {
  const tokens = message.usage?.completion ?? message.tokens?.length ?? 0;
  const parts: string[] = [];
  if (message.model) parts.push(message.model);
  if (tokens > 0) parts.push(t('tokens', { n: count(tokens) }));
  const time = (message.duration ?? 0) / 1000;
  if (tokens > 1 && time > 0.2) parts.push(t('perSecond', { n: (tokens / time).toFixed(1) }));
  if (message.finish === 'length') parts.push(t('endLength'));
  if (message.finish === 'stopped') parts.push(t('endStopped'));
  return parts.join(' · ');
}

export function Answer({ chat, message, last }: { chat: Chat; message: Message; last: boolean }) {
  const run = runs.value.get(message.id);
  const busy = runOf(chat) !== null;
  void changed.value;
  if (run) void grown.value;
  const selected = pinned.value?.message === message.id ? pinned.value.index : -1;
  const hasTokens = (message.tokens?.length ?? 0) > 0;
  const asTokens = tokenView.value === 'on' && hasTokens;
  const again = () => {
    const model = activeModel.value;
    if (model !== null) regenerate(chat, message, model);
  };
  const map = asTokens ? null : tokenMap(message, selected);
  return (
    <article
      class={run ? 'answer running' : 'answer'}
      aria-label={t('answerOf', { model: message.model ?? '' })}
      aria-busy={run !== undefined}
    >
      <h2 class="off-screen">{t('answerOf', { model: message.model ?? '' })}</h2>
      {message.reasoning !== '' && <Thoughts message={message} running={run !== undefined} />}
      <div class="answer-body" data-message={message.id} {...tokenEvents}>
        {asTokens ? (
          <TokenText message={message} selected={selected} />
        ) : (
          <Markdown text={message.content} leaf={map!.leaf} version={map!.version} />
        )}
        {run && message.content === '' && message.reasoning === '' && (
          <span class="waiting">
            <span class="off-screen">{t('waiting')}</span>
            <i /> <i /> <i />
          </span>
        )}
      </div>
      {message.problem && !run && <Trouble chat={chat} message={message} last={last} />}
      {!run && (
        <div class="actions">
          <Switcher chat={chat} message={message} />
          {message.content !== '' && <CopyButton text={message.content} />}
          <button
            type="button"
            class="icon-button"
            disabled={busy}
            onClick={again}
            aria-label={t('regenerate')}
            title={t('regenerate')}
          >
            <Icon name="again" />
          </button>
          {canContinue(message) && (
            <button
              type="button"
              class="icon-button"
              disabled={busy}
              onClick={() =>
                activeModel.value !== null && void continueAnswer(chat, message, activeModel.value)
              }
              aria-label={t('continueAnswer')}
              title={t('continueAnswer')}
            >
              <Icon name="play" />
            </button>
          )}
          <button
            type="button"
            class="icon-button"
            disabled={busy}
            onClick={() => deleteMessage(chat, message.id)}
            aria-label={t('deleteAnswer')}
            title={t('deleteAnswer')}
          >
            <Icon name="trash" />
          </button>
          <span class="facts">{facts(message)}</span>
        </div>
      )}
    </article>
  );
}
