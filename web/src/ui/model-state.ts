import { computed, signal } from '@preact/signals';
import { asProblem, type Problem } from '../api/errors';
import { listModels, plainName, pullModel, type ModelInfo, type PullProgress } from '../api/models';
import { chosenModel } from '../settings/preferences';

/** What a newcomer gets, small enough for any machine. */
export const kDefaultModel = 'smollm2';

export type ServerState = 'asking' | 'ready' | 'empty' | 'offline' | 'key';

export const models = signal<ModelInfo[]>([]);
export const serverState = signal<ServerState>('asking');
/** Why the list of models could not be had. */
export const serverProblem = signal<Problem | null>(null);

/** The model that answers next: the chosen one while it exists, else a loaded one, else the first. */
export const activeModel = computed<string | null>(() => {
  const wanted = chosenModel.value;
  const found = models.value.find((model) => plainName(model.name) === plainName(wanted));
  return (found ?? models.value.find((model) => model.loaded) ?? models.value[0])?.name ?? null;
});

let asking: AbortController | null = null;

export async function refreshModels(): Promise<void> {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  try {
    models.value = await listModels(mine.signal);
    serverProblem.value = null;
    serverState.value = models.value.length > 0 ? 'ready' : 'empty';
  } catch (error) {
    if (mine.signal.aborted) return;
    const problem = asProblem(error);
    serverProblem.value = problem;
    serverState.value = problem.kind === 'key' ? 'key' : 'offline';
  }
}

export interface Pull {
  model: string;
  progress: PullProgress | null;
  problem: Problem | null;
  stop: AbortController;
}

/** A model that is being fetched, or whose fetching failed. */
export const pull = signal<Pull | null>(null);

/** Fetches a model and makes it the chosen one. Returns whether that went well. */
export async function fetchModel(model: string): Promise<boolean> {
  const mine: Pull = { model, progress: null, problem: null, stop: new AbortController() };
  pull.value = mine;
  try {
    await pullModel(model, (progress) => (pull.value = { ...mine, progress }), mine.stop.signal);
    await refreshModels();
    chosenModel.value = model;
    pull.value = null;
    return true;
  } catch (error) {
    pull.value = mine.stop.signal.aborted ? null : { ...mine, problem: asProblem(error) };
    return false;
  }
}
