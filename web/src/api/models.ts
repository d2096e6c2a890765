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

/**
 * The models on the server's machine. /v1/models says itself what is loaded; what kind of model
 * each one is comes from Ollama's list, which may be missing.
 */
export async function listModels(signal?: AbortSignal): Promise<ModelInfo[]> {
  const tagsAsked = call('api/tags', undefined, signal)
    .then((response) => response.json() as Promise<unknown>)
    .catch(() => ({}));
  const listed: unknown = await call('v1/models', undefined, signal).then((response) => response.json());
  const tags = new Map(
    listOf(fieldsOf(await tagsAsked).models).map((entry) => [
      plainName(textOf(fieldsOf(entry).name)),
      fieldsOf(entry),
    ]),
  );
  return listOf(fieldsOf(listed).data).flatMap((entry) => {
    const name = textOf(fieldsOf(entry).id);
    if (!name) return [];
    const own = fieldsOf(fieldsOf(entry).jielong);
    // An alias has its file's size, if not its name.
    const bytes = numberOf(own.bytes);
    const tag = tags.get(plainName(name)) ?? [...tags.values()].find((other) => other.size === bytes);
    return {
      name,
      bytes: bytes ?? numberOf(tag?.size),
      kind: ollamaKind(tag?.details),
      loaded: textOf(own.state) === 'loaded',
    };
  });
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
