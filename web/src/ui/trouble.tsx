import { regenerate } from '../chat/answer';
import { deleteMessage, runOf } from '../chat/store';
import type { Chat, Message } from '../chat/types';
import { t, type Key } from '../i18n';
import { Icon } from './icons';
import { activeModel, fetchModel, models, pull, serverState } from './model-state';
import { PullBox } from './setup';
import { dialog, openModelPicker } from './view-state';

/** What to say and offer for an answer that did not come or broke off. */
interface Advice {
  title: Key;
  help: Key;
  offers: ('again' | 'model' | 'fetch' | 'key')[];
}

/** The server's sentences name the file when a model can't be loaded. */
const aboutFile = /\.(?:gguf|safetensors|json|model|bin)\b/i;

function adviceFor(message: Message): Advice {
  const kind = message.problemKind ?? 'server';
  const sentence = message.problem ?? '';
  if (kind === 'broken' || (kind === 'offline' && message.finish === 'broken')) {
    const help = message.finish === 'broken' ? 'troubleBrokenHelp' : 'troubleOfflineHelp';
    return { title: 'troubleBroken', help, offers: ['again'] };
  }
  if (kind === 'offline') return { title: 'offlineTitle', help: 'troubleOfflineHelp', offers: ['again'] };
  if (kind === 'key') return { title: 'troubleKey', help: 'troubleKeyHelp', offers: ['key', 'again'] };
  if (kind === 'busy') return { title: 'troubleBusy', help: 'troubleBusyHelp', offers: ['again'] };
  if (kind === 'no-model')
    return { title: 'troubleNoModel', help: 'troubleNoModelHelp', offers: ['fetch', 'model'] };
  if (aboutFile.test(sentence))
    return { title: 'troubleLoad', help: 'troubleLoadHelp', offers: ['fetch', 'model', 'again'] };
  return { title: 'troubleOther', help: 'troubleOtherHelp', offers: ['again', 'model'] };
}

export function Trouble({ chat, message, last }: { chat: Chat; message: Message; last: boolean }) {
  const advice = adviceFor(message);
  const busy = runOf(chat) !== null;
  const name = message.model ?? '';
  /** Asks again; an answer without a word makes room for the new one. */
  const again = (model: string | null) => {
    if (model === null || busy) return;
    regenerate(chat, message, model);
    if (message.finish === 'failed') deleteMessage(chat, message.id);
  };
  const offers = {
    again: () => (
      <button
        type="button"
        class="button primary"
        disabled={busy}
        onClick={() => again(activeModel.value ?? name)}
      >
        {t('tryAgain')}
      </button>
    ),
    model: () =>
      models.value.length > 1 && (
        <button type="button" class="button" onClick={openModelPicker}>
          {t('otherModel')}
        </button>
      ),
    fetch: () =>
      pull.value === null && (
        <button
          type="button"
          class="button primary"
          onClick={() => void fetchModel(name).then((done) => done && again(name))}
        >
          {t('fetchModel', { model: name })}
        </button>
      ),
    key: () => (
      <button type="button" class="button primary" onClick={() => (dialog.value = { name: 'key' })}>
        {t('enterKey')}
      </button>
    ),
  };
  return (
    <div class="trouble" role={last ? 'alert' : undefined}>
      <Icon name="warning" />
      <div>
        <h3>{t(advice.title, { model: name })}</h3>
        {message.problemKind !== 'offline' && <p class="sentence">{message.problem}</p>}
        <p>{t(advice.help, { model: name })}</p>
        {pull.value?.model === name && <PullBox />}
        {last && serverState.value !== 'asking' && (
          <div class="buttons">{advice.offers.map((offer) => offers[offer]())}</div>
        )}
      </div>
    </div>
  );
}
