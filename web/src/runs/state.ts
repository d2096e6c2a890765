import { signal } from '@preact/signals';
import { asProblem, type Problem } from '../api/errors';
import { listRuns, readRun, type Run, type RunDetails } from '../api/runs';

/** What the page shows: chats at "./", trainings at "runs", one of them at "runs#NAME". */
export type Place = 'chats' | 'runs';

export const place = signal<Place>('chats');
export const runs = signal<Run[] | null>(null);
export const details = signal<RunDetails | null>(null);
export const runsProblem = signal<Problem | null>(null);

const kBusy = 2000;
const kQuiet = 10_000;

function chosen(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

/** Follows the address, also when a person goes back. */
export function readAddress(): void {
  place.value = /\/runs\/?$/.test(location.pathname) ? 'runs' : 'chats';
}

export function goTo(where: Place): void {
  if (place.value !== where) history.pushState(null, '', where === 'runs' ? 'runs' : './');
  place.value = where;
}

export function chooseRun(name: string): void {
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
  details.value = null;
  void refreshRuns();
}

let asking: AbortController | null = null;

/** Asks anew; what an earlier question brings is forgotten. */
export async function refreshRuns(): Promise<void> {
  asking?.abort();
  const { signal: stop } = (asking = new AbortController());
  try {
    const list = await listRuns(stop);
    const name = list.some((run) => run.name === chosen()) ? chosen() : list[0]?.name;
    const one = name === undefined ? null : await readRun(name, stop);
    if (stop.aborted) return;
    runs.value = list;
    details.value = one;
    runsProblem.value = null;
  } catch (error) {
    if (!stop.aborted) runsProblem.value = asProblem(error);
  }
}

/** Keeps the trainings fresh while they are looked at. Returns what ends it. */
export function watchRuns(): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let ended = false;
  const look = async () => {
    if (document.visibilityState === 'visible') await refreshRuns();
    if (ended) return;
    const busy = runs.value?.some((run) => run.state === 'running');
    timer = setTimeout(() => void look(), busy ? kBusy : kQuiet);
  };
  void look();
  return () => {
    ended = true;
    clearTimeout(timer);
    asking?.abort();
  };
}
