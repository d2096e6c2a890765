import { useEffect, useRef } from 'preact/hooks';
import { grown, lastEnd } from '../chat/answer';
import { current, runOf } from '../chat/store';
import { shownPath } from '../chat/tree';
import type { Chat } from '../chat/types';
import { DicePanel, Peek } from '../dice/panel';
import { pin, pinned } from '../dice/selection';
import { bytes, t } from '../i18n';
import { place } from '../runs/state';
import { Runs } from '../runs/view';
import { chosenModel, tokenView } from '../settings/preferences';
import { Composer } from './composer';
import { Dialogs } from './dialogs';
import { importFile } from './files';
import { Icon } from './icons';
import { LiveRegion, say } from './live';
import { Menu } from './menu';
import { Answer, Question } from './message';
import { activeModel, models, refreshModels, serverState } from './model-state';
import { SettingsPanel } from './settings-panel';
import { Setup } from './setup';
import { onShortcut } from './shortcuts';
import { Sidebar } from './sidebar';
import { dialog, settingsOpen, sidebarOpen, toggleSettings, toggleTokens } from './view-state';
import { Welcome } from './welcome';

function ModelPicker() {
  const active = activeModel.value;
  return (
    <Menu
      id="model-picker"
      label={t('pickModel')}
      value={active ?? t('noModel')}
      buttonClass="model-button"
      button={
        <>
          <span class="model-name">{active ?? t('noModel')}</span>
          <Icon name="down" />
        </>
      }
      onOpen={() => void refreshModels()}
      items={models.value.map((model) => ({
        key: model.name,
        checked: model.name === active,
        onPick: () => (chosenModel.value = model.name),
        content: (
          <>
            <span class="model-line">
              <b>{model.name}</b>
              {model.loaded && <span class="badge">{t('loaded')}</span>}
            </span>
            <span class="model-facts">
              {[model.kind, model.bytes === null ? '' : bytes(model.bytes)].filter(Boolean).join(' · ')}
            </span>
          </>
        ),
      }))}
    />
  );
}

/** How the tints are to be read; itself the switch for them. */
function Legend() {
  return (
    <div class="legend" aria-hidden="true">
      <span>{t('legendSure')}</span>
      {[0, 1, 2, 3, 4].map((level) => (
        <i key={level} class={`s${level}`} />
      ))}
      <span>{t('legendSurprising')}</span>
    </div>
  );
}

function Bar() {
  const chat = current.value;
  const tokens = tokenView.value === 'on';
  return (
    <header class="bar">
      <button
        type="button"
        class="icon-button narrow-only"
        onClick={() => (sidebarOpen.value = true)}
        aria-label={t('chats')}
      >
        <Icon name="menu" />
      </button>
      <ModelPicker />
      <h1>{chat?.title || t('newChat')}</h1>
      {tokens && <Legend />}
      <button
        type="button"
        class="toggle"
        aria-pressed={tokens}
        onClick={toggleTokens}
        title={t('showTokensHelp')}
      >
        <Icon name="die" />
        <span>{t('showTokens')}</span>
      </button>
      <button
        type="button"
        class="icon-button"
        aria-expanded={settingsOpen.value}
        onClick={toggleSettings}
        aria-label={t('settings')}
        title={t('settings')}
      >
        <Icon name="sliders" />
      </button>
    </header>
  );
}

/** Stays at the end while an answer grows, unless the reader has scrolled away. */
function useFollow(chat: Chat | null) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const running = chat !== null && runOf(chat) !== null;
  if (running) void grown.value;
  const path = chat ? shownPath(chat) : [];
  const end = path.at(-1)?.id;
  useEffect(() => {
    atEnd.current = true;
  }, [chat?.id, running && end]);
  useEffect(() => {
    const element = box.current;
    if (element && path.length > 0 && atEnd.current) element.scrollTop = element.scrollHeight;
  });
  const onScroll = () => {
    const element = box.current;
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
  };
  return { box, onScroll, path };
}

function Thread() {
  const chat = current.value;
  const { box, onScroll, path } = useFollow(chat);
  const ready = serverState.value === 'ready' || serverState.value === 'asking';
  return (
    <div
      class="thread"
      ref={box}
      onScroll={onScroll}
      tabIndex={path.length > 0 ? 0 : -1}
      role="log"
      aria-live="off"
      aria-label={t('conversation')}
    >
      <div class="column">
        {path.length === 0 && <Welcome ready={serverState.value === 'ready'} />}
        {path.map((message, index) =>
          message.role === 'user' ? (
            <Question key={message.id} chat={chat!} message={message} />
          ) : (
            <Answer key={message.id} chat={chat!} message={message} last={index === path.length - 1} />
          ),
        )}
        {!ready && <Setup />}
      </div>
    </div>
  );
}

/** Says once when an answer has ended, and looks what the server can do after trouble. */
function useEnds(): void {
  const end = lastEnd.value;
  useEffect(() => {
    if (!end) return;
    if (end.problem) {
      say(t('answerFailed'));
      if (end.problem.kind === 'key') dialog.value = { name: 'key' };
      if (end.problem.kind === 'no-model') void refreshModels();
    } else {
      say(t(end.message.finish === 'stopped' ? 'endStopped' : 'answerDone'));
    }
  }, [end]);
}

export function App() {
  useEnds();
  useEffect(() => {
    document.addEventListener('keydown', onShortcut);
    return () => document.removeEventListener('keydown', onShortcut);
  }, []);
  useEffect(() => {
    // Dice belong to the chat that they were thrown in.
    pin(null);
  }, [current.value?.id]);
  const side = pinned.value || settingsOpen.value ? 'with-panel' : '';
  return (
    <div
      class={`app ${side}`}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        const file = event.dataTransfer?.files[0];
        if (file) void importFile(file);
      }}
    >
      <Sidebar />
      {sidebarOpen.value && <div class="shade" onClick={() => (sidebarOpen.value = false)} />}
      {place.value === 'runs' ? (
        <Runs />
      ) : (
        <main class="main">
          <Bar />
          <Thread />
          <div class="foot">
            <Composer />
            <p class="hint">{t('footHint')}</p>
          </div>
        </main>
      )}
      {pinned.value ? <DicePanel /> : settingsOpen.value ? <SettingsPanel /> : null}
      <Peek />
      <Dialogs />
      <LiveRegion />
    </div>
  );
}
