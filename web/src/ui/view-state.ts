import { signal } from '@preact/signals';
import { pin } from '../dice/selection';
import { tokenView } from '../settings/preferences';

/** Whether the list of chats is open over the page; only narrow windows ask. */
export const sidebarOpen = signal(false);
export const settingsOpen = signal(false);
/** The dice and the settings share one place. */
export function toggleSettings(): void {
  pin(null);
  settingsOpen.value = !settingsOpen.value;
}
export function toggleTokens(): void {
  tokenView.value = tokenView.value === 'on' ? 'off' : 'on';
}
export function openModelPicker(): void {
  document.getElementById('model-picker')?.click();
}
export type DialogName = 'shortcuts' | 'key' | 'delete' | 'export' | 'notice';
export const dialog = signal<{ name: DialogName; chat?: string; text?: string } | null>(null);
/** The message whose text is being changed. */
export const editing = signal<string | null>(null);
/** The chat whose title is being changed. */
export const renaming = signal<string | null>(null);
export const query = signal('');
/** What stands in the composer, and a wish to put the cursor there. */
export const draft = signal('');
export function focusComposer(): void {
  // On a phone that would raise the keyboard over half of the page.
  if (matchMedia('(pointer: coarse)').matches) return;
  setTimeout(() => document.getElementById('composer')?.focus(), 0);
}
