import { language } from '../settings/preferences';
import { t, type Key } from '../i18n';
import { send } from './composer';
import { Icon } from './icons';

/** The lecture's example: what may follow 台灣大, and how likely it is. */
function Chain() {
  const faces: [string, number][] =
    language.value === 'zh-TW'
      ? [
          ['學', 0.62],
          ['車', 0.21],
          ['哥', 0.1],
        ]
      : [
          ['chain', 0.62],
          ['line', 0.21],
          ['cloud', 0.1],
        ];
  return (
    <figure class="chain" aria-hidden="true">
      <div class="chain-tokens">
        {(language.value === 'zh-TW' ? ['台', '灣', '大'] : ['One', ' token', ' joins', ' the']).map(
          (token) => (
            <span key={token} class="tile">
              {token.trim()}
            </span>
          ),
        )}
        <span class="tile next">
          <Icon name="die" />
        </span>
      </div>
      <div class="chain-faces">
        {faces.map(([text, p], index) => (
          <div key={text} class={index === 0 ? 'chain-face chosen' : 'chain-face'}>
            <span>{text}</span>
            <i style={{ width: `${p * 100}%` }} />
            <b>{Math.round(p * 100)}%</b>
          </div>
        ))}
      </div>
    </figure>
  );
}

const examples: { title: Key; text: Key }[] = [
  { title: 'example1', text: 'example1Text' },
  { title: 'example2', text: 'example2Text' },
  { title: 'example3', text: 'example3Text' },
  { title: 'example4', text: 'example4Text' },
];

export function Welcome({ ready }: { ready: boolean }) {
  return (
    <section class="welcome">
      <Chain />
      <h2>{t('welcomeTitle')}</h2>
      <p>{t('welcomeText')}</p>
      {ready && (
        <ul class="examples">
          {examples.map((example) => (
            <li key={example.title}>
              <button type="button" onClick={() => send(t(example.text))}>
                <b>{t(example.title)}</b>
                <span>{t(example.text)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
