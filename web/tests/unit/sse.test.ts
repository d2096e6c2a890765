import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChunk } from '../../src/api/chat';
import { Problem, problemOf } from '../../src/api/errors';
import { EventParser, linesOf, textOf, type ServerEvent } from '../../src/api/sse';
import { random } from '../mutate';

const stream =
  ': ping\n\ndata: {"a":1}\n\nevent: done\r\ndata: one\r\ndata:two\r\n\r\ndata\rid: 5\r\rdata: last\n\n';
const expected: ServerEvent[] = [
  { event: 'message', data: '{"a":1}' },
  { event: 'done', data: 'one\ntwo' },
  { event: 'message', data: '' },
  { event: 'message', data: 'last' },
];

function parse(parts: string[]): ServerEvent[] {
  const parser = new EventParser();
  return parts.flatMap((part) => parser.push(part));
}

test('events are the same however the stream is cut', () => {
  assert.deepEqual(parse([stream]), expected);
  assert.deepEqual(parse([...stream]), expected);
  const next = random(1);
  for (let round = 0; round < 200; round++) {
    const parts: string[] = [];
    for (let at = 0; at < stream.length;) {
      const length = Math.floor(next() * 9);
      parts.push(stream.slice(at, at + length));
      at += length;
    }
    assert.deepEqual(parse(parts), expected);
  }
});

test('an event that never ends is given up', () => {
  const parser = new EventParser();
  const long = `data: ${'x'.repeat(1024 * 1024)}`;
  assert.throws(() => {
    for (let i = 0; i < 20; i++) parser.push(long);
  }, RangeError);
});

function streamOf(bytes: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of bytes) controller.enqueue(chunk);
      controller.close();
    },
  });
}

test('characters cut between bytes come out whole', async () => {
  const bytes = new TextEncoder().encode('{"t":"龍"}\n\n{"t":"接"}');
  const single = () => Array.from(bytes, (byte) => Uint8Array.of(byte));
  let text = '';
  for await (const part of textOf(streamOf(single()))) text += part;
  assert.equal(text, '{"t":"龍"}\n\n{"t":"接"}');
  const lines: string[] = [];
  for await (const line of linesOf(streamOf(single()))) lines.push(line);
  assert.deepEqual(lines, ['{"t":"龍"}', '{"t":"接"}']);
});

test('a chunk is read with its dice', () => {
  const chunk = readChunk(
    JSON.stringify({
      choices: [{ delta: { content: 'Hi', reasoning_content: 'hm' }, finish_reason: 'length' }],
      usage: { prompt_tokens: 3, completion_tokens: 4 },
      jielong: {
        tokens: [
          {
            id: 5,
            text: 'Hi',
            chosen_p: 0.5,
            steps: [
              {
                sampler: 'model',
                description: 'model',
                survivors: 9,
                top: [{ id: 5, text: 'Hi', p: 0.5 }, { id: 'x' }],
              },
            ],
          },
        ],
      },
    }),
  );
  assert.equal(chunk.content, 'Hi');
  assert.equal(chunk.reasoning, 'hm');
  assert.equal(chunk.finish, 'length');
  assert.deepEqual(chunk.usage, { prompt: 3, completion: 4 });
  assert.deepEqual(chunk.tokens[0]!.drawn, { id: 5, text: 'Hi', p: 0.5 });
  assert.deepEqual(chunk.tokens[0]!.trace[0]!.top, [{ id: 5, text: 'Hi', p: 0.5 }]);
});

test('chunks of any other shape do no harm', () => {
  for (const data of [
    'null',
    '5',
    '[]',
    '{"choices":[]}',
    '{"choices":5,"jielong":{"tokens":{}}}',
    '{"choices":[{"delta":7}]}',
  ]) {
    assert.equal(readChunk(data).content, '');
  }
  assert.throws(() => readChunk('{'), Problem);
  assert.throws(() => readChunk('{"error":{"message":"the line is full"}}'), /the line is full/);
});

test('an error answer becomes a problem with the server’s sentence', async () => {
  const of = (status: number, body: string, headers = {}) =>
    problemOf(new Response(body, { status, headers }));
  assert.deepEqual(
    await of(401, '{"error":{"message":"a key is needed"}}').then((p) => [p.kind, p.message]),
    ['key', 'a key is needed'],
  );
  assert.equal((await of(404, '{"error":"no such model"}')).message, 'no such model');
  const busy = await of(429, '{}', { 'Retry-After': '3' });
  assert.deepEqual([busy.kind, busy.retryAfter, busy.message], ['busy', 3, 'HTTP 429']);
  assert.equal((await of(502, '<html>')).kind, 'server');
});
