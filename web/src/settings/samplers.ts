import type { Key } from '../i18n';
import type { Settings } from '../chat/types';

/** A value of the request that a person can set. */
export interface Field {
  /** The server's name for it. */
  name: string;
  label: Key;
  help: Key;
  /** The server's own value, used when nothing is set; null: unset means something else. */
  fallback: number | null;
  min: number;
  max: number;
  step: number;
  integer?: boolean;
  /** A slider does not help. */
  plain?: boolean;
}

export interface Group {
  title: Key;
  fields: Field[];
  /** Folded away at first. */
  folded?: boolean;
}

const seedMax = Number.MAX_SAFE_INTEGER;

export const groups: Group[] = [
  {
    title: 'groupDice',
    fields: [
      {
        name: 'temperature',
        label: 'temperature',
        help: 'temperatureHelp',
        fallback: 0.8,
        min: 0,
        max: 2,
        step: 0.05,
      },
      {
        name: 'top_k',
        label: 'topK',
        help: 'topKHelp',
        fallback: 40,
        min: 0,
        max: 200,
        step: 1,
        integer: true,
      },
      { name: 'top_p', label: 'topP', help: 'topPHelp', fallback: 0.95, min: 0, max: 1, step: 0.01 },
      { name: 'min_p', label: 'minP', help: 'minPHelp', fallback: 0.05, min: 0, max: 1, step: 0.01 },
    ],
  },
  {
    title: 'groupLength',
    fields: [
      {
        name: 'max_tokens',
        label: 'maxTokens',
        help: 'maxTokensHelp',
        fallback: null,
        min: 1,
        max: 131072,
        step: 1,
        integer: true,
        plain: true,
      },
      {
        name: 'seed',
        label: 'seed',
        help: 'seedHelp',
        fallback: null,
        min: 0,
        max: seedMax,
        step: 1,
        integer: true,
        plain: true,
      },
    ],
  },
  {
    title: 'groupRepeat',
    folded: true,
    fields: [
      {
        name: 'repeat_penalty',
        label: 'repeatPenalty',
        help: 'repeatPenaltyHelp',
        fallback: 1,
        min: 0.5,
        max: 2,
        step: 0.01,
      },
      {
        name: 'frequency_penalty',
        label: 'frequencyPenalty',
        help: 'frequencyPenaltyHelp',
        fallback: 0,
        min: -2,
        max: 2,
        step: 0.05,
      },
      {
        name: 'presence_penalty',
        label: 'presencePenalty',
        help: 'presencePenaltyHelp',
        fallback: 0,
        min: -2,
        max: 2,
        step: 0.05,
      },
      {
        name: 'penalty_window',
        label: 'penaltyWindow',
        help: 'penaltyWindowHelp',
        fallback: 64,
        min: -1,
        max: 4096,
        step: 1,
        integer: true,
        plain: true,
      },
      {
        name: 'dry_multiplier',
        label: 'dryMultiplier',
        help: 'dryMultiplierHelp',
        fallback: 0,
        min: 0,
        max: 5,
        step: 0.05,
      },
      { name: 'dry_base', label: 'dryBase', help: 'dryBaseHelp', fallback: 1.75, min: 1, max: 4, step: 0.05 },
      {
        name: 'dry_allowed_length',
        label: 'dryLength',
        help: 'dryLengthHelp',
        fallback: 2,
        min: 1,
        max: 20,
        step: 1,
        integer: true,
      },
      {
        name: 'dry_window',
        label: 'dryWindow',
        help: 'dryWindowHelp',
        fallback: -1,
        min: -1,
        max: 4096,
        step: 1,
        integer: true,
        plain: true,
      },
    ],
  },
  {
    title: 'groupRare',
    folded: true,
    fields: [
      { name: 'typical_p', label: 'typicalP', help: 'typicalPHelp', fallback: 1, min: 0, max: 1, step: 0.01 },
      {
        name: 'top_n_sigma',
        label: 'topNSigma',
        help: 'topNSigmaHelp',
        fallback: 0,
        min: 0,
        max: 5,
        step: 0.1,
      },
      {
        name: 'xtc_probability',
        label: 'xtcProbability',
        help: 'xtcProbabilityHelp',
        fallback: 0,
        min: 0,
        max: 1,
        step: 0.05,
      },
      {
        name: 'xtc_threshold',
        label: 'xtcThreshold',
        help: 'xtcThresholdHelp',
        fallback: 0.1,
        min: 0.01,
        max: 0.5,
        step: 0.01,
      },
      {
        name: 'dynamic_temperature_range',
        label: 'dynatempRange',
        help: 'dynatempRangeHelp',
        fallback: 0,
        min: 0,
        max: 2,
        step: 0.05,
      },
      {
        name: 'dynamic_temperature_exponent',
        label: 'dynatempExponent',
        help: 'dynatempExponentHelp',
        fallback: 1,
        min: 0.1,
        max: 5,
        step: 0.1,
      },
      {
        name: 'mirostat',
        label: 'mirostat',
        help: 'mirostatHelp',
        fallback: 0,
        min: 0,
        max: 2,
        step: 2,
        integer: true,
      },
      {
        name: 'mirostat_tau',
        label: 'mirostatTau',
        help: 'mirostatTauHelp',
        fallback: 5,
        min: 0.1,
        max: 10,
        step: 0.1,
      },
      {
        name: 'mirostat_eta',
        label: 'mirostatEta',
        help: 'mirostatEtaHelp',
        fallback: 0.1,
        min: 0.01,
        max: 1,
        step: 0.01,
      },
    ],
  },
];

export const fields: ReadonlyMap<string, Field> = new Map(
  groups.flatMap((group) => group.fields.map((field) => [field.name, field] as const)),
);

export interface Preset {
  label: Key;
  help: Key;
  settings: Settings;
}

/** Presets replace the dice's settings; length and seed stay. */
export const presets: Preset[] = [
  { label: 'presetBalanced', help: 'presetBalancedHelp', settings: {} },
  { label: 'presetSure', help: 'presetSureHelp', settings: { temperature: 0 } },
  {
    label: 'presetLively',
    help: 'presetLivelyHelp',
    settings: { temperature: 1.2, min_p: 0.1, top_k: 0, top_p: 1 },
  },
  { label: 'presetPure', help: 'presetPureHelp', settings: { temperature: 1, top_k: 0, top_p: 1, min_p: 0 } },
];

const kept = ['max_tokens', 'seed'];

export function applyPreset(settings: Settings, preset: Preset): Settings {
  const result: Settings = { ...preset.settings };
  for (const name of kept) {
    const value = settings[name];
    if (value !== undefined) result[name] = value;
  }
  return result;
}

export function matches(settings: Settings, preset: Preset): boolean {
  const names = Object.keys(settings).filter((name) => !kept.includes(name));
  const wanted = Object.keys(preset.settings);
  return names.length === wanted.length && wanted.every((name) => settings[name] === preset.settings[name]);
}

/** The value within the field's range, or null when it is none. */
export function tidy(field: Field, value: number): number | null {
  if (!Number.isFinite(value)) return null;
  const inside = Math.min(field.max, Math.max(field.min, value));
  return field.integer ? Math.round(inside) : inside;
}
