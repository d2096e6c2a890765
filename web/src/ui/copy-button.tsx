import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { say } from './live';
import { Icon } from './icons';

/** Puts text on the clipboard, also where the page is not served securely. */
async function put(text: string): Promise<boolean> {
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

/** Copies text, says whether that went well, and returns it. */
export async function copyText(text: string): Promise<boolean> {
  const done = await put(text);
  say(t(done ? 'copied' : 'copyFailed'));
  return done;
}

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    setCopied(await copyText(text));
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
