import { regenerate, stop } from '../chat/answer';
import { current, recent, runOf } from '../chat/store';
import { shownPath } from '../chat/tree';
import { pin, pinned } from '../dice/selection';
import type { Key } from '../i18n';
import { isComposing } from './composer';
import { copyText } from './copy-button';
import { activeModel } from './model-state';
import { openChat, openRuns } from './sidebar';
import {
  dialog,
  editing,
  focusComposer,
  openModelPicker,
  settingsOpen,
  sidebarOpen,
  toggleSettings,
  toggleTokens,
} from './view-state';

interface Shortcut {
  label: Key;
  keys: string[];
  /** KeyboardEvent.code pressed with Alt; none: listed only, handled elsewhere. */
  code?: string;
  run?: () => void;
}

function lastMessage(role: 'user' | 'assistant') {
  const chat = current.value;
  const message = chat ? shownPath(chat).findLast((entry) => entry.role === role) : undefined;
  return chat && message ? { chat, message } : null;
}

function nextChat(step: number): void {
  const list = recent.value;
  const at = list.findIndex((chat) => chat === current.value);
  const next = list[at < 0 ? 0 : at + step];
  if (next) openChat(next.id);
}

/** Every shortcut of the page, as the dialog lists them. Alt is never needed for writing a key
 *  code's letter, and no shortcut is a single letter, so that speech input triggers none. */
export const shortcuts: Shortcut[] = [
  { label: 'send', keys: ['Enter'] },
  { label: 'newLine', keys: ['Shift', 'Enter'] },
  { label: 'stopOrClose', keys: ['Esc'] },
  { label: 'newChat', keys: ['Alt', 'N'], code: 'KeyN', run: () => openChat(null) },
  {
    label: 'searchChats',
    keys: ['Alt', 'K'],
    code: 'KeyK',
    run: () => {
      sidebarOpen.value = true;
      setTimeout(() => document.getElementById('search')?.focus(), 0);
    },
  },
  { label: 'previousChat', keys: ['Alt', '↑'], code: 'ArrowUp', run: () => nextChat(-1) },
  { label: 'nextChat', keys: ['Alt', '↓'], code: 'ArrowDown', run: () => nextChat(1) },
  { label: 'toComposer', keys: ['Alt', 'I'], code: 'KeyI', run: focusComposer },
  { label: 'pickModel', keys: ['Alt', 'M'], code: 'KeyM', run: openModelPicker },
  { label: 'trainings', keys: ['Alt', 'L'], code: 'KeyL', run: openRuns },
  { label: 'settings', keys: ['Alt', 'S'], code: 'KeyS', run: toggleSettings },
  {
    label: 'regenerate',
    keys: ['Alt', 'R'],
    code: 'KeyR',
    run: () => {
      const last = lastMessage('assistant');
      if (last && activeModel.value !== null && !runOf(last.chat))
        regenerate(last.chat, last.message, activeModel.value);
    },
  },
  {
    label: 'editLast',
    keys: ['Alt', 'E'],
    code: 'KeyE',
    run: () => {
      const last = lastMessage('user');
      if (last && !runOf(last.chat)) editing.value = last.message.id;
    },
  },
  {
    label: 'copyLast',
    keys: ['Alt', 'C'],
    code: 'KeyC',
    run: () => {
      const last = lastMessage('assistant');
      if (last) void copyText(last.message.content);
    },
  },
  { label: 'showTokensHelp', keys: ['Alt', 'T'], code: 'KeyT', run: toggleTokens },
  {
    label: 'showDice',
    keys: ['Alt', 'D'],
    code: 'KeyD',
    run: () => {
      const last = lastMessage('assistant');
      if (pinned.value) pin(null);
      else if (last?.message.tokens?.length) pin({ message: last.message.id, index: 0 });
    },
  },
  { label: 'walkTokens', keys: ['←', '→'] },
  {
    label: 'shortcuts',
    keys: ['Alt', '/'],
    code: 'Slash',
    run: () => (dialog.value = { name: 'shortcuts' }),
  },
];

function escape(): boolean {
  const chat = current.value;
  if (pinned.value) pin(null);
  else if (settingsOpen.value) settingsOpen.value = false;
  else if (sidebarOpen.value) sidebarOpen.value = false;
  else if (chat && runOf(chat)) stop(chat);
  else return false;
  return true;
}

export function onShortcut(event: KeyboardEvent): void {
  if (event.defaultPrevented || isComposing(event)) return;
  if (dialog.value) return;
  if (event.key === 'Escape') {
    if (escape()) event.preventDefault();
    return;
  }
  if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const found = shortcuts.find((shortcut) => shortcut.code === event.code);
  if (!found?.run) return;
  event.preventDefault();
  found.run();
}
