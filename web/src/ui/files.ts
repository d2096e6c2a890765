import { exportChats, importChats, ImportError, limits } from '../chat/exchange';
import { addImported, currentId, loadTraces, tracesOf } from '../chat/store';
import type { Chat } from '../chat/types';
import { count, t } from '../i18n';
import { dialog } from './view-state';

/** Saves chats as a file; with the dice of every token if asked for. */
export async function downloadChats(chats: Chat[], withDice: boolean): Promise<void> {
  if (withDice) {
    for (const chat of chats) {
      for (const message of chat.messages.values()) {
        if (message.role === 'assistant') await loadTraces(message.id);
      }
    }
  }
  const text = exportChats(chats, withDice ? tracesOf : () => undefined);
  const name = `jielong-${new Date().toISOString().slice(0, 10)}.json`;
  saveFile(new Blob([text], { type: 'application/json' }), name);
}

export function saveFile(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Reads a file of chats and says what came of it. */
export async function importFile(file: File): Promise<void> {
  try {
    if (file.size > limits.bytes) throw new ImportError('', t('importTooLarge'));
    const { chats, traces } = importChats(await file.text());
    addImported(chats, traces);
    if (chats.length === 1) currentId.value = chats[0]!.id;
    dialog.value = { name: 'notice', text: t('imported', { n: count(chats.length) }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    dialog.value = { name: 'notice', text: t('importFailed', { reason }) };
  }
}

export function pickImport(): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,application/json';
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) void importFile(file);
  };
  input.click();
}
