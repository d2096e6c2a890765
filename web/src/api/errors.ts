export const problemKinds = [
  'offline', // nobody answers
  'key', // 401: a key is wanted, or another one
  'no-model', // the model is not on this machine
  'busy', // 429 or 503: come back later
  'refused', // the request makes no sense to the server
  'server', // the server failed
  'broken', // the connection ended in the middle
] as const;
export type ProblemKind = (typeof problemKinds)[number];

/** What went wrong, with the server's own sentence where there is one. */
export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    message: string,
    /** Seconds to wait, if the server said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'Problem';
  }
}

/** The sentence in an error body of any dialect: {"error": {"message"}} or {"error": ""}. */
export function sentenceOf(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) {
      const { error } = parsed;
      if (typeof error === 'string') return error;
      if (typeof error === 'object' && error !== null && 'message' in error) {
        return String(error.message);
      }
    }
  } catch {
    // Not JSON: a proxy's page, perhaps.
  }
  return '';
}

function kindOf(status: number): ProblemKind {
  // Host and Origin are refused with 403, for which another key is no help.
  if (status === 401) return 'key';
  if (status === 404) return 'no-model';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'server' : 'refused';
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = await response.text().catch(() => '');
  const retry = Number(response.headers.get('retry-after') ?? NaN);
  const sentence = sentenceOf(body) || `HTTP ${response.status}`;
  return new Problem(kindOf(response.status), sentence, Number.isFinite(retry) ? retry : null);
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem('offline', error instanceof Error ? error.message : String(error));
}
