import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { say } from './live';
import { Icon } from './icons';

/** Puts text on the clipboard, also where the page is not served securely. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'off-screen';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    const done = await copyText(text);
    say(t(done ? 'copied' : 'copyFailed'));
    setCopied(done);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button
      type="button"
      class="icon-button"
      onClick={() => void copy()}
      aria-label={t('copy')}
      title={t('copy')}
    >
      <Icon name={copied ? 'check' : 'copy'} />
    </button>
  );
}
