import { language, type Language } from '../settings/preferences';
import { en, type Key, type Strings } from './en';
import { zhTW } from './zh-tw';

export type { Key } from './en';

export const dictionaries: Record<Language, Strings> = { en, 'zh-TW': zhTW };

/** The text in the chosen language; reading it in a component draws that anew on a change. */
export function t(key: Key, values: Record<string, string> = {}): string {
  const text = dictionaries[language.value][key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

export function count(value: number): string {
  return new Intl.NumberFormat(language.value).format(value);
}

/** A share for people: as many digits as tell something. */
export function percent(p: number): string {
  const value = p * 100;
  if (p > 0 && value < 0.1) return '<0.1%';
  const digits = value >= 99.95 || value === 0 ? 0 : 1;
  const shown = new Intl.NumberFormat(language.value, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // 99.97 % is not certain.
  return p < 1 && value >= 99.95 ? '>99.9%' : `${shown.format(value)}%`;
}

export function seconds(value: number): string {
  const format = new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit: 'second',
    unitDisplay: 'narrow',
    maximumFractionDigits: value < 10 ? 1 : 0,
  });
  return format.format(value);
}

/** A time that may be long: in seconds, minutes or hours, whichever says enough. */
export function duration(value: number): string {
  if (value < 90) return seconds(Math.round(value));
  const hours = value >= 5400;
  const format = new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit: hours ? 'hour' : 'minute',
    unitDisplay: 'short',
    maximumFractionDigits: hours ? 1 : 0,
  });
  return format.format(value / (hours ? 3600 : 60));
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  const scaled = value / 1000 ** power;
  const format = new Intl.NumberFormat(language.value, { maximumFractionDigits: scaled < 10 ? 1 : 0 });
  return `${format.format(scaled)} ${units[power]}`;
}

const samplerKeys: Record<string, Key> = {
  model: 'helpModel',
  'logit-bias': 'helpLogitBias',
  penalties: 'helpPenalties',
  dry: 'helpDry',
  'top-n-sigma': 'helpTopNSigma',
  'top-k': 'helpTopK',
  typical: 'helpTypical',
  'top-p': 'helpTopP',
  'min-p': 'helpMinP',
  xtc: 'helpXtc',
  temperature: 'helpTemperature',
  mirostat: 'helpMirostat',
  grammar: 'helpGrammar',
  constraint: 'helpGrammar',
};

/** One sentence on what a step of the sampler chain does. */
export function samplerHelp(sampler: string): string {
  return t(samplerKeys[sampler] ?? 'helpOther');
}
