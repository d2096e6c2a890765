import { useState } from 'preact/hooks';
import { stop } from '../chat/answer';
import { chats, deleteChat } from '../chat/store';
import { t } from '../i18n';
import { apiKey, setApiKey } from '../settings/preferences';
import { Dialog } from './dialog';
import { downloadChats } from './files';
import { refreshModels } from './model-state';
import { shortcuts } from './shortcuts';
import { dialog, focusComposer } from './view-state';

const close = () => {
  dialog.value = null;
};

function Shortcuts() {
  return (
    <Dialog title={t('shortcuts')} onClose={close}>
      <dl class="shortcuts">
        {shortcuts.map((shortcut) => (
          <div key={shortcut.label}>
            <dt>{t(shortcut.label)}</dt>
            <dd>
              {shortcut.keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p class="hint licences">
        <a href="./licences.txt" target="_blank" rel="noopener">
          {t('licences')}
        </a>
      </p>
    </Dialog>
  );
}

function KeyDialog() {
  const [key, setKey] = useState(apiKey.value);
  const [remember, setRemember] = useState(false);
  return (
    <Dialog title={t('keyTitle')} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setApiKey(key.trim(), remember);
          close();
          void refreshModels();
          focusComposer();
        }}
      >
        <p>{t('keyText')}</p>
        <input
          type="password"
          class="text-input"
          autoComplete="off"
          aria-label={t('apiKey')}
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={(event) => setRemember(event.currentTarget.checked)}
          />
          {t('rememberKey')}
        </label>
        <div class="buttons">
          <button type="submit" class="button primary" disabled={key.trim() === ''}>
            {t('useKey')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function DeleteDialog({ id }: { id: string }) {
  const chat = chats.value.get(id);
  if (!chat) return null;
  return (
    <Dialog title={t('deleteTitle')} onClose={close}>
      <p>{t('deleteText', { title: chat.title || t('untitled') })}</p>
      <div class="buttons">
        <button type="button" class="button" onClick={close}>
          {t('cancel')}
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            close();
            stop(chat);
            deleteChat(chat);
          }}
        >
          {t('delete')}
        </button>
      </div>
    </Dialog>
  );
}

function ExportDialog({ id }: { id: string }) {
  const [withDice, setWithDice] = useState(false);
  const chat = chats.value.get(id);
  if (!chat) return null;
  return (
    <Dialog title={t('exportTitle')} onClose={close}>
      <p>{t('exportText', { title: chat.title || t('untitled') })}</p>
      <label class="check">
        <input
          type="checkbox"
          checked={withDice}
          onChange={(event) => setWithDice(event.currentTarget.checked)}
        />
        {t('withDice')}
      </label>
      <div class="buttons">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            close();
            void downloadChats([chat], withDice);
          }}
        >
          {t('export')}
        </button>
      </div>
    </Dialog>
  );
}

export function Dialogs() {
  const open = dialog.value;
  switch (open?.name) {
    case 'shortcuts':
      return <Shortcuts />;
    case 'key':
      return <KeyDialog />;
    case 'delete':
      return <DeleteDialog id={open.chat ?? ''} />;
    case 'export':
      return <ExportDialog id={open.chat ?? ''} />;
    case 'notice':
      return (
        <Dialog title={t('notice')} onClose={close}>
          <p class="sentence">{open.text}</p>
          <div class="buttons">
            <button type="button" class="button primary" onClick={close}>
              {t('ok')}
            </button>
          </div>
        </Dialog>
      );
    default:
      return null;
  }
}
