import { signal } from '@preact/signals';
import { createChat, current, currentId, save } from '../chat/store';
import type { Chat, Settings } from '../chat/types';
import { t } from '../i18n';
import { applyPreset, groups, matches, presets, tidy, type Field } from '../settings/samplers';
import { Icon } from './icons';
import { settingsOpen } from './view-state';

// Settings belong to the chat that is shown; those made before there is one become its own
// with the first question.

const change = (edit: (chat: Chat) => void) => {
  const chat = current.value ?? createChat();
  currentId.value = chat.id;
  edit(chat);
  save(chat, false);
};

const setValue = (field: Field, value: number | null) =>
  change((chat) => {
    const settings: Settings = { ...chat.settings };
    if (value === null || value === field.fallback) delete settings[field.name];
    else settings[field.name] = value;
    chat.settings = settings;
  });

/** Fields whose number is being typed: what stands there may not be a number yet. */
const typed = signal<{ name: string; text: string } | null>(null);

function FieldRow({ field, settings }: { field: Field; settings: Settings }) {
  const value = settings[field.name] ?? field.fallback;
  const set = settings[field.name] !== undefined;
  const text = typed.value?.name === field.name ? typed.value.text : value === null ? '' : String(value);
  const id = `field-${field.name}`;
  return (
    <div class={set ? 'field set' : 'field'}>
      <div class="field-head">
        <label for={id}>{t(field.label)}</label>
        {set && (
          <button
            type="button"
            class="icon-button"
            onClick={() => setValue(field, null)}
            aria-label={t('resetField', { name: t(field.label) })}
          >
            <Icon name="close" />
          </button>
        )}
        <input
          id={id}
          type="number"
          inputMode="decimal"
          min={field.min}
          max={field.max}
          step={field.integer ? 1 : 'any'}
          value={text}
          placeholder={t('automatic')}
          aria-describedby={`${id}-help`}
          onInput={(event) => {
            const { value: now, valueAsNumber } = event.currentTarget;
            typed.value = { name: field.name, text: now };
            const tidied = tidy(field, valueAsNumber);
            if (now === '') setValue(field, null);
            else if (tidied === valueAsNumber) setValue(field, tidied);
          }}
          onBlur={(event) => {
            if (typed.value?.name !== field.name) return;
            const left = event.currentTarget.valueAsNumber;
            typed.value = null;
            setValue(field, tidy(field, left));
          }}
        />
      </div>
      {!field.plain && (
        <input
          type="range"
          aria-label={t(field.label)}
          min={field.min}
          max={field.max}
          step={field.step}
          value={value ?? field.min}
          onInput={(event) => setValue(field, tidy(field, event.currentTarget.valueAsNumber))}
        />
      )}
      <p id={`${id}-help`} class="hint">
        {t(field.help)}
      </p>
    </div>
  );
}

export function SettingsPanel() {
  const chat = current.value;
  const settings = chat?.settings ?? {};
  return (
    <aside class="panel settings-panel" aria-label={t('settings')}>
      <header>
        <Icon name="sliders" />
        <h2>{t('settings')}</h2>
        <button
          type="button"
          class="icon-button"
          onClick={() => (settingsOpen.value = false)}
          aria-label={t('close')}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-body">
        <section>
          <h3>
            <label for="system">{t('systemPrompt')}</label>
          </h3>
          <textarea
            id="system"
            rows={4}
            value={chat?.system ?? ''}
            placeholder={t('systemPromptHint')}
            onInput={(event) => {
              const text = event.currentTarget.value;
              change((own) => (own.system = text));
            }}
          />
        </section>
        <section>
          <h3>{t('presets')}</h3>
          <div class="presets" role="group" aria-label={t('presets')}>
            {presets.map((preset) => (
              <button
                key={preset.label}
                type="button"
                class="preset"
                aria-pressed={matches(settings, preset)}
                onClick={() => change((own) => (own.settings = applyPreset(own.settings, preset)))}
              >
                <b>{t(preset.label)}</b>
                <span>{t(preset.help)}</span>
              </button>
            ))}
          </div>
        </section>
        {groups.map((group) => {
          const rows = group.fields.map((field) => (
            <FieldRow key={field.name} field={field} settings={settings} />
          ));
          const used = group.fields.some((field) => settings[field.name] !== undefined);
          return group.folded ? (
            <details key={group.title} class="group" open={used}>
              <summary>
                <h3>{t(group.title)}</h3>
              </summary>
              {rows}
            </details>
          ) : (
            <section key={group.title}>
              <h3>{t(group.title)}</h3>
              {rows}
            </section>
          );
        })}
        <div class="buttons">
          <button
            type="button"
            class="button"
            disabled={Object.keys(settings).length === 0}
            onClick={() => change((own) => (own.settings = {}))}
          >
            {t('resetAll')}
          </button>
        </div>
      </div>
    </aside>
  );
}
