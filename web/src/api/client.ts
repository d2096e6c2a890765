import { apiKey } from '../settings/preferences';
import { asProblem, Problem, problemOf } from './errors';

/** Calls the server that this page came from. Throws Problem unless the status is 2xx. */
export async function call(path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  if (apiKey.value) headers['Authorization'] = `Bearer ${apiKey.value}`;
  const request: RequestInit = { headers, cache: 'no-store' };
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    request.method = 'POST';
    request.body = JSON.stringify(body);
  }
  if (signal) request.signal = signal;
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw asProblem(error);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The body of a stream's response. */
export function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (!response.body) throw new Problem('broken', 'the answer has no body');
  return response.body;
}
