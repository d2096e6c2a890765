import { bodyOf, call } from './client';
import { Problem } from './errors';
import { fieldsOf, listOf, numberOf, textOf } from './shape';
import { linesOf } from './sse';

export interface ModelInfo {
  name: string;
  /** Size of its file; null when the server does not say. */
  bytes: number | null;
  /** For people: "135M, Q4_1". */
  kind: string;
  loaded: boolean;
}

function ollamaKind(details: unknown): string {
  const fields = fieldsOf(details);
  return [textOf(fields.parameter_size), textOf(fields.quantization_level)].filter(Boolean).join(' · ');
}

/** "smollm2" and "smollm2:latest" are one model. */
export function plainName(name: string): string {
  return name.endsWith(':latest') ? name.slice(0, -7) : name;
}

/** The models on the server's machine. Sizes and what is loaded come from Ollama's routes. */
export async function listModels(signal?: AbortSignal): Promise<ModelInfo[]> {
  const optional = (path: string) =>
    call(path, undefined, signal)
      .then((response) => response.json())
      .catch(() => ({}));
  const [listed, tags, running] = await Promise.all([
    call('v1/models', undefined, signal).then((response) => response.json() as Promise<unknown>),
    optional('api/tags'),
    optional('api/ps'),
  ]);
  const sizes = new Map<string, { bytes: number | null; kind: string }>();
  for (const entry of listOf(fieldsOf(tags).models)) {
    const fields = fieldsOf(entry);
    const known = { bytes: numberOf(fields.size), kind: ollamaKind(fields.details) };
    sizes.set(plainName(textOf(fields.name) || textOf(fields.model)), known);
  }
  const loaded = new Set(
    listOf(fieldsOf(running).models).map((entry) => plainName(textOf(fieldsOf(entry).name))),
  );
  const models: ModelInfo[] = [];
  for (const entry of listOf(fieldsOf(listed).data)) {
    const name = textOf(fieldsOf(entry).id);
    if (!name) continue;
    const known = sizes.get(plainName(name));
    models.push({
      name,
      bytes: known?.bytes ?? null,
      kind: known?.kind ?? '',
      loaded: loaded.has(plainName(name)),
    });
  }
  return models;
}

export interface PullProgress {
  status: string;
  completed: number | null;
  total: number | null;
}

/** Fetches a model onto the server's machine; `progress` is called as it comes in. */
export async function pullModel(
  name: string,
  progress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await call('api/pull', { model: name }, signal);
  let succeeded = false;
  for await (const line of linesOf(bodyOf(response))) {
    let record;
    try {
      record = fieldsOf(JSON.parse(line));
    } catch {
      throw new Problem('broken', 'the server sent a line that is not JSON');
    }
    if (record.error !== undefined) throw new Problem('server', String(record.error));
    const status = textOf(record.status);
    succeeded ||= status === 'success';
    progress({ status, completed: numberOf(record.completed), total: numberOf(record.total) });
  }
  if (!succeeded) throw new Problem('broken', 'the connection ended before the model was complete');
}
