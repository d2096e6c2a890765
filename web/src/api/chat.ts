import type { Candidate, DrawnToken, Settings, Trace, Usage } from '../chat/types';
import { bodyOf, call } from './client';
import { Problem, sentenceOf } from './errors';
import { fieldsOf, listOf, numberOf, textOf } from './shape';
import { EventParser, textOf as streamText } from './sse';

/** How many candidates of each step the page asks for. */
const kTraceTop = 12;

export interface AnswerRequest {
  model: string;
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
  settings: Settings;
  /** Tokens the answer begins with. */
  prefix: number[];
}

/** What one chunk of the stream brings. */
export interface AnswerChunk {
  content: string;
  reasoning: string;
  tokens: { drawn: DrawnToken; trace: Trace }[];
  finish: string;
  usage: Usage | null;
}

function readCandidate(value: unknown): Candidate | null {
  const fields = fieldsOf(value);
  const id = numberOf(fields.id);
  const p = numberOf(fields.p);
  return id === null || p === null ? null : { id, text: textOf(fields.text), p };
}

function readTrace(value: unknown): Trace {
  return listOf(value).map((step) => {
    const fields = fieldsOf(step);
    return {
      sampler: textOf(fields.sampler),
      description: textOf(fields.description),
      survivors: numberOf(fields.survivors) ?? 0,
      top: listOf(fields.top)
        .map(readCandidate)
        .filter((candidate) => candidate !== null),
    };
  });
}

/** Reads one `chat.completion.chunk` with the page's extension. */
export function readChunk(data: string): AnswerChunk {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    throw new Problem('broken', 'the server sent an event that is not JSON');
  }
  const chunk = fieldsOf(parsed);
  if (chunk.error !== undefined) throw new Problem('server', sentenceOf(data) || data);
  const choice = fieldsOf(listOf(chunk.choices)[0]);
  const delta = fieldsOf(choice.delta);
  const usage = fieldsOf(chunk.usage);
  const prompt = numberOf(usage.prompt_tokens);
  const completion = numberOf(usage.completion_tokens);
  const tokens = listOf(fieldsOf(chunk.jielong).tokens).flatMap((value) => {
    const fields = fieldsOf(value);
    const id = numberOf(fields.id);
    if (id === null) return [];
    const drawn = { id, text: textOf(fields.text), p: numberOf(fields.chosen_p) };
    return [{ drawn, trace: readTrace(fields.steps) }];
  });
  return {
    content: textOf(delta.content),
    reasoning: textOf(delta.reasoning_content) || textOf(delta.reasoning),
    tokens,
    finish: textOf(choice.finish_reason),
    usage: prompt !== null && completion !== null ? { prompt, completion } : null,
  };
}

/** Asks for an answer and yields it as it grows. Throws Problem, or AbortError when stopped. */
export async function* streamAnswer(
  request: AnswerRequest,
  signal: AbortSignal,
): AsyncGenerator<AnswerChunk> {
  const body: Record<string, unknown> = {
    model: request.model,
    messages: request.messages,
    stream: true,
    stream_options: { include_usage: true },
    trace_top: kTraceTop,
    ...request.settings,
  };
  if (request.prefix.length > 0) body.answer_prefix = request.prefix;
  const response = await call('v1/chat/completions', body, signal);
  const parser = new EventParser();
  try {
    for await (const text of streamText(bodyOf(response))) {
      for (const event of parser.push(text)) {
        if (event.data === '[DONE]') return;
        yield readChunk(event.data);
      }
    }
  } catch (error) {
    if (error instanceof Problem || signal.aborted) throw error;
    throw new Problem('broken', error instanceof Error ? error.message : String(error));
  }
  throw new Problem('broken', 'the connection ended before the answer did');
}
