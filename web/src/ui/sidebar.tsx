import { useEffect, useRef } from 'preact/hooks';
import { search, type Found } from '../chat/search';
import { changed, chats, currentId, durable, runOf, save } from '../chat/store';
import { reveal } from '../chat/tree';
import type { Chat } from '../chat/types';
import { pin } from '../dice/selection';
import { t } from '../i18n';
import { goTo, place } from '../runs/state';
import { chooseLanguage, language, theme, themes, type Theme } from '../settings/preferences';
import { isComposing } from './composer';
import { downloadChats, pickImport } from './files';
import { Icon, type IconName } from './icons';
import { Menu } from './menu';
import { dialog, focusComposer, query, renaming, settingsOpen, sidebarOpen } from './view-state';
import { Wordmark } from './wordmark';

export function openChat(id: string | null): void {
  goTo('chats');
  currentId.value = id;
  sidebarOpen.value = false;
  focusComposer();
}

export function openRuns(): void {
  pin(null);
  settingsOpen.value = false;
  sidebarOpen.value = false;
  goTo('runs');
}

function Rename({ chat }: { chat: Chat }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const finish = (keep: boolean) => {
    if (renaming.value !== chat.id) return;
    renaming.value = null;
    const title = input.current?.value.trim() ?? '';
    if (!keep || title === '' || title === chat.title) return;
    chat.title = title.slice(0, 500);
    save(chat, false);
  };
  return (
    <input
      class="rename"
      ref={input}
      aria-label={t('renameChat')}
      defaultValue={chat.title}
      maxLength={500}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        if (isComposing(event)) return;
        if (event.key === 'Enter') finish(true);
        if (event.key === 'Escape') {
          event.stopPropagation();
          finish(false);
        }
      }}
    />
  );
}

function Entry({ found }: { found: Found }) {
  const { chat, snippet } = found;
  const title = chat.title || t('untitled');
  const open = () => {
    if (found.message !== null) {
      reveal(chat, found.message);
      save(chat, false);
    }
    openChat(chat.id);
  };
  if (renaming.value === chat.id) {
    return (
      <li class="entry">
        <Rename chat={chat} />
      </li>
    );
  }
  return (
    <li class="entry">
      <button
        type="button"
        class="entry-open"
        aria-current={place.value === 'chats' && currentId.value === chat.id ? 'page' : undefined}
        onClick={open}
      >
        <span class="entry-title">{title}</span>
        {runOf(chat) && <span class="dot" aria-label={t('answering')} role="img" />}
        {snippet && (
          <span class="entry-snippet">
            {snippet.before}
            <mark>{snippet.hit}</mark>
            {snippet.after}
          </span>
        )}
      </button>
      <Menu
        label={t('menuOf', { title })}
        buttonClass="icon-button"
        button={<Icon name="more" />}
        align="end"
        items={[
          { key: 'rename', content: t('rename'), onPick: () => (renaming.value = chat.id) },
          {
            key: 'export',
            content: t('export'),
            onPick: () => (dialog.value = { name: 'export', chat: chat.id }),
          },
          {
            key: 'delete',
            content: t('delete'),
            danger: true,
            onPick: () => (dialog.value = { name: 'delete', chat: chat.id }),
          },
        ]}
      />
    </li>
  );
}

const themeIcons: Record<Theme, IconName> = { system: 'screen', light: 'sun', dark: 'moon' };

function Foot() {
  const next = themes[(themes.indexOf(theme.value) + 1) % themes.length]!;
  const names = { system: t('themeSystem'), light: t('themeLight'), dark: t('themeDark') };
  const themeLabel = t('themeNow', { theme: names[theme.value] });
  return (
    <footer class="sidebar-foot">
      <Menu
        label={t('chatsMenu')}
        buttonClass="icon-button"
        button={<Icon name="download" />}
        items={[
          {
            key: 'export',
            content: t('exportAll'),
            onPick: () => void downloadChats([...chats.value.values()], false),
          },
          {
            key: 'exportDice',
            content: t('exportAllDice'),
            onPick: () => void downloadChats([...chats.value.values()], true),
          },
          { key: 'import', content: t('import'), onPick: () => void pickImport() },
        ]}
      />
      <button
        type="button"
        class="icon-button"
        onClick={() => (dialog.value = { name: 'shortcuts' })}
        aria-label={t('shortcuts')}
        title={t('shortcuts')}
      >
        <Icon name="keyboard" />
      </button>
      <button
        type="button"
        class="icon-button"
        onClick={() => (theme.value = next)}
        aria-label={themeLabel}
        title={themeLabel}
      >
        <Icon name={themeIcons[theme.value]} />
      </button>
      <button
        type="button"
        class="text-button"
        lang={language.value === 'en' ? 'zh-TW' : 'en'}
        onClick={() => chooseLanguage(language.value === 'en' ? 'zh-TW' : 'en')}
      >
        <Icon name="globe" />
        {language.value === 'en' ? '繁體中文' : 'English'}
      </button>
    </footer>
  );
}

export function Sidebar() {
  void changed.value;
  const found = search(chats.value.values(), query.value);
  return (
    <nav class={sidebarOpen.value ? 'sidebar open' : 'sidebar'} aria-label={t('chats')}>
      <div class="sidebar-head">
        <Wordmark />
        <button
          type="button"
          class="icon-button narrow-only"
          onClick={() => (sidebarOpen.value = false)}
          aria-label={t('close')}
        >
          <Icon name="close" />
        </button>
      </div>
      <button type="button" class="new-chat" onClick={() => openChat(null)}>
        <Icon name="plus" />
        {t('newChat')}
      </button>
      <label class="search">
        <Icon name="search" />
        <span class="off-screen">{t('searchChats')}</span>
        <input
          id="search"
          type="search"
          value={query.value}
          placeholder={t('searchChats')}
          onInput={(event) => (query.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && query.value !== '') {
              event.stopPropagation();
              query.value = '';
            }
          }}
        />
      </label>
      <ul class="entries">
        {found.map((entry) => (
          <Entry key={entry.chat.id} found={entry} />
        ))}
        {found.length === 0 && query.value !== '' && <li class="nothing">{t('nothingFound')}</li>}
      </ul>
      {!durable.value && <p class="hint warning">{t('notDurable')}</p>}
      <button
        type="button"
        class="to-runs"
        aria-current={place.value === 'runs' ? 'page' : undefined}
        onClick={openRuns}
      >
        <Icon name="curve" />
        {t('trainings')}
      </button>
      <Foot />
    </nav>
  );
}
