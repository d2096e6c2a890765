import { useEffect, useRef } from 'preact/hooks';
import { ask, stop } from '../chat/answer';
import { createChat, current, currentId, runOf } from '../chat/store';
import { shownPath } from '../chat/tree';
import { t } from '../i18n';
import { Icon } from './icons';
import { activeModel } from './model-state';
import { draft, focusComposer } from './view-state';

/** True while an input method composes: its Enter chooses a word and sends nothing. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

/** Asks in the chat that is shown, or in a new one. */
export function send(text: string): void {
  const model = activeModel.value;
  const question = text.trim();
  if (!question || model === null) return;
  const chat = current.value ?? createChat();
  if (runOf(chat)) return;
  currentId.value = chat.id;
  draft.value = '';
  ask(chat, question, shownPath(chat).at(-1)?.id ?? null, model);
  focusComposer();
}

/** Makes a text field as high as its text. */
export function fit(area: HTMLTextAreaElement | null): void {
  if (!area) return;
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const chat = current.value;
  const running = chat !== null && runOf(chat) !== null;
  const ready = activeModel.value !== null;
  useEffect(() => fit(area.current), [draft.value]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    send(draft.value);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send(draft.value);
      }}
    >
      <label class="off-screen" for="composer">
        {t('yourMessage')}
      </label>
      <textarea
        id="composer"
        ref={area}
        rows={1}
        value={draft.value}
        placeholder={t('composerHint')}
        enterkeyhint="send"
        onInput={(event) => (draft.value = event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {running ? (
        <button
          type="button"
          class="round"
          onClick={() => chat && stop(chat)}
          aria-label={t('stop')}
          title={`${t('stop')} (Esc)`}
        >
          <Icon name="stop" />
        </button>
      ) : (
        <button
          type="submit"
          class="round"
          disabled={!ready || draft.value.trim() === ''}
          aria-label={t('send')}
          title={t('send')}
        >
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}
