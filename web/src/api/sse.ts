/** One event of a text/event-stream. */
export interface ServerEvent {
  event: string;
  data: string;
}

const kMaxEvent = 16 * 1024 * 1024;

/** Cuts a text/event-stream into events, however its bytes arrive (WHATWG HTML, 9.2.6). */
export class EventParser {
  private rest = '';
  private afterReturn = false;
  private event = '';
  private data: string[] = [];
  private size = 0;

  /** Takes more text and returns the events it completes. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    let from = 0;
    if (this.afterReturn && text.startsWith('\n')) from = 1;
    if (text.length > 0) this.afterReturn = false;
    for (let at = from; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (char !== 10 && char !== 13) continue;
      this.line(this.rest + text.slice(from, at), events);
      this.rest = '';
      if (char === 13) {
        if (at + 1 === text.length) this.afterReturn = true;
        else if (text.charCodeAt(at + 1) === 10) at++;
      }
      from = at + 1;
    }
    this.rest += text.slice(from);
    this.size += text.length;
    if (this.rest.length > kMaxEvent || (this.size > kMaxEvent && this.data.length > 0)) {
      throw new RangeError('an event is larger than 16 MiB');
    }
    return events;
  }

  private line(line: string, events: ServerEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) {
        events.push({ event: this.event || 'message', data: this.data.join('\n') });
      }
      this.event = '';
      this.data = [];
      this.size = 0;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment, sent to keep the connection alive
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
  }
}

/** The text of a response, as it arrives. Throws what the connection throws. */
export async function* textOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = decoder.decode(value, { stream: !done });
      if (text) yield text;
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** Complete lines of a stream of JSON lines. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = '';
  for await (const text of textOf(body)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > kMaxEvent) throw new RangeError('a line is larger than 16 MiB');
    for (const line of lines) if (line.trim()) yield line;
  }
  if (rest.trim()) yield rest;
}
