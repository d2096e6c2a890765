import { signal } from '@preact/signals';

const message = signal('');

/** Tells people who listen to the page. Answers are announced once, not word by word. */
export function say(text: string): void {
  // The same words again are only read when they have been away.
  message.value = '';
  setTimeout(() => (message.value = text), 50);
}

export function LiveRegion() {
  return (
    <div class="off-screen" role="status" aria-live="polite">
      {message.value}
    </div>
  );
}
