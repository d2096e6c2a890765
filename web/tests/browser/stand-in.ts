import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

// A server with the routes that the page uses, which answers the same every time: what a test
// wants to see is chosen by the question or by a switch.

/** The policy that the real server sends; what it blocks fails the test. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

interface Model {
  name: string;
  bytes: number;
  loaded: boolean;
}

interface Candidate {
  id: number;
  text: string;
  p: number;
}

export const answers: Record<string, string> = {
  sky: 'The sky is blue because air scatters **blue** light more than red.\n\nLight of short waves is scattered by $\\frac{1}{\\lambda^4}$, so:\n\n$$I \\propto \\frac{1}{\\lambda^4}$$\n\n```python\ndef scatter(wave):\n    return 1 / wave**4  # Rayleigh\n```\n\nSee [a page](https://example.org/sky).',
  hostile:
    '<img src=x onerror=alert(1)> <script>alert(2)</script> [x](javascript:alert(3)) ![y](https://evil.example/y.png) $\\href{javascript:alert(4)}{z}$ done',
  think: 'It is four.',
  other: 'This is one more answer of the stand-in.',
};

/** Splits a text into tokens the way small vocabularies do: a word takes the space before it. */
function tokenize(text: string): string[] {
  return text.match(/ ?[A-Za-z]{1,7}|\n+| ?[^\sA-Za-z\n]{1,3}| +/g) ?? [];
}

const lossAt = (step: number) => 2 + (4 / (step + 10)) * 10;

function summaryOf(run: StandIn['runs'][number]) {
  return {
    name: run.name,
    state: run.state,
    about: 'Small stories',
    steps: run.steps,
    steps_done: run.done,
    parameters: 3_400_000,
    seconds: run.done / 2,
    loss: lossAt(run.done),
    held_out_loss: lossAt(run.done) + 0.1,
    bits_per_byte: 1.05,
    tokens_per_second: 5123.4,
  };
}

export class StandIn {
  models: Model[] = [
    { name: 'smollm2', bytes: 98_400_000, loaded: true },
    { name: 'qwen3', bytes: 430_000_000, loaded: false },
    { name: 'damaged', bytes: 1_000, loaded: false },
  ];
  /** The key that requests must bring; '' for none. */
  key = '';
  /** Milliseconds between tokens. */
  pace = 2;
  /** 'busy': every chat is refused; 'pull': fetching fails. */
  trouble: '' | 'busy' | 'pull' = '';
  /** Trainings; the first one gets on with each look at it. */
  runs: { name: string; state: string; steps: number; done: number }[] = [];
  /** The bodies of the chat requests so far. */
  readonly asked: Record<string, any>[] = [];
  /** Chats whose client went away before the end. */
  dropped = 0;

  private server: Server | null = null;
  private readonly ids = new Map<string, number>();
  private port = 0;

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      void this.answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => this.server!.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.port}/`;
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = null;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private idOf(text: string): number {
    let id = this.ids.get(text);
    if (id === undefined) this.ids.set(text, (id = this.ids.size + 100));
    return id;
  }

  private json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  }

  private refuse(response: ServerResponse, status: number, message: string, headers = {}): void {
    this.json(
      response,
      status,
      { error: { message, type: 'invalid_request_error', param: null, code: null } },
      headers,
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    if (!/^\/(?:v1|api|runs)\//.test(path)) return this.file(path === '/runs' ? '/' : path, response);
    if (this.key && request.headers.authorization !== `Bearer ${this.key}`) {
      return this.refuse(response, 401, 'this server wants a key; send it as "Authorization: Bearer KEY"');
    }
    let text = '';
    for await (const part of request) text += part;
    const body = text ? JSON.parse(text) : {};
    if (path === '/v1/models') {
      const data = this.models.map(({ name, bytes, loaded }) => ({
        id: name,
        object: 'model',
        jielong: { bytes, state: loaded ? 'loaded' : 'stored' },
      }));
      return this.json(response, 200, { object: 'list', data });
    }
    if (path === '/api/tags') {
      const models = this.models.map(({ name, bytes }) => ({
        name,
        size: bytes,
        details: { parameter_size: '135M', quantization_level: 'Q4_1' },
      }));
      return this.json(response, 200, { models });
    }
    if (path === '/v1/runs') {
      return this.json(response, 200, { object: 'list', data: this.runs.map(summaryOf) });
    }
    if (path.startsWith('/v1/runs/')) return this.run(path.slice('/v1/runs/'.length), response);
    if (path.startsWith('/runs/')) {
      response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': policy });
      return void response.end(`<!doctype html><title>report</title><h1>${path.slice(6)}</h1>`);
    }
    if (path === '/api/pull') return this.pull(body.model, response);
    if (path === '/v1/chat/completions') return this.chat(body, response);
    this.refuse(response, 404, `no route ${path}`);
  }

  private file(path: string, response: ServerResponse): void {
    const name = join('dist', normalize(path === '/' ? '/index.html' : path));
    if (!existsSync(name)) return void response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': types[extname(name)] ?? 'application/octet-stream',
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
    });
    createReadStream(name).pipe(response);
  }

  private run(name: string, response: ServerResponse): void {
    const run = this.runs.find((entry) => entry.name === name);
    if (!run) return this.refuse(response, 404, `there is no run "${name}"`);
    if (run.state === 'running') run.done = Math.min(run.steps, run.done + 50);
    const step = Array.from({ length: run.done / 10 }, (_, i) => (i + 1) * 10);
    this.json(response, 200, {
      run: summaryOf(run),
      steps: { step, loss: step.map(lossAt) },
      evaluations: step.filter((at) => at % 100 === 0).map((at) => ({ step: at, loss: lossAt(at) + 0.1 })),
      samples: [{ step: run.done, prompt: 'Once upon a time', text: ' <b>there</b> was a token.' }],
    });
  }

  private async pull(model: string, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    const line = (record: unknown) => response.write(`${JSON.stringify(record)}\n`);
    line({ status: 'pulling manifest' });
    for (let part = 1; part <= 10; part++) {
      await pause(60);
      if (response.destroyed) return;
      if (part === 5 && this.trouble === 'pull') {
        line({ error: 'smollm2.gguf: the network failed; check the connection and try again' });
        return void response.end();
      }
      line({ status: 'pulling smollm2.gguf', completed: part * 9_840_000, total: 98_400_000 });
    }
    this.models = [
      { name: model, bytes: 98_400_000, loaded: false },
      ...this.models.filter((m) => m.name !== model),
    ];
    line({ status: 'success' });
    response.end();
  }

  /** A distribution around the token that comes next, shaped by the usual steps. */
  private trace(next: string, place: number): { p: number; steps: unknown[] } {
    const others = [
      ' the',
      ' a',
      ' light',
      ' of',
      ' red',
      ' air',
      ' sun',
      ' it',
      ' because',
      '.',
      ' and',
      ' small',
      ' very',
    ];
    const texts = [next, ...others.filter((text) => text !== next)].slice(0, 12);
    // The next token is usually, but not always, the likeliest.
    const rank = [0, 0, 1, 0, 0, 2, 0, 0, 0, 1][place % 10]!;
    texts.splice(rank, 0, ...texts.splice(0, 1));
    const logits = texts.map((_, i) => -i * (0.35 + ((place * 7) % 11) / 9));
    let live: Candidate[] = [];
    const softmax = (temperature: number, tail: number) => {
      const weights = logits.map((logit) => Math.exp(logit / temperature));
      const sum = weights.reduce((a, b) => a + b, 0) * (1 + tail);
      live = texts.map((text, i) => ({ id: this.idOf(text), text, p: weights[i]! / sum }));
    };
    const normalize_ = (list: Candidate[]) => {
      const sum = list.reduce((total, entry) => total + entry.p, 0);
      return list.map((entry) => ({ ...entry, p: entry.p / sum }));
    };
    const steps: unknown[] = [];
    const step = (sampler: string, description: string, survivors: number) =>
      steps.push({ sampler, description, survivors, top: live });
    softmax(1, 0.08);
    step('model', 'model', 49_152);
    softmax(1, 0.02);
    step('top-k', 'top-k 40', 40);
    const kept = Math.max(
      rank + 1,
      Math.min(
        12,
        live.findIndex((entry) => entry.p < 0.03),
      ) || 12,
    );
    live = normalize_(live.slice(0, Math.max(kept, 2)));
    step('min-p', 'min-p 0.05', live.length);
    const sharpened = live.map((entry) => ({ ...entry, p: entry.p ** (1 / 0.8) }));
    live = normalize_(sharpened);
    step('temperature', 'temperature 0.8', live.length);
    return { p: live[rank]?.p ?? 1, steps };
  }

  private async chat(body: Record<string, any>, response: ServerResponse): Promise<void> {
    this.asked.push(body);
    const known = this.models.find((model) => model.name === body.model);
    if (!known)
      return this.refuse(
        response,
        404,
        `no model named "${body.model}"; fetch it with: jielong pull ${body.model}`,
      );
    if (known.name === 'damaged') {
      return this.refuse(
        response,
        400,
        'damaged.gguf: tensor 3 lies outside the file; fetch the model again',
      );
    }
    if (this.trouble === 'busy')
      return this.refuse(response, 429, 'the line is full', { 'Retry-After': '2' });
    known.loaded = true;

    const question = String(body.messages.at(-1).content).toLowerCase();
    const kind = Object.keys(answers).find((word) => question.includes(word)) ?? 'other';
    const thought = kind === 'think' ? 'Two and two make four.' : '';
    const prefix: number[] = body.answer_prefix ?? [];
    const given = prefix.map((id) => [...this.ids].find(([, known_]) => known_ === id)?.[0] ?? '');
    const rest = tokenize(answers[kind]!).slice(given.length);

    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const send = (data: unknown) =>
      response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    const chunk = (delta: unknown, tokens: unknown[], finish: string | null = null) =>
      send({
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(tokens.length > 0 ? { jielong: { tokens } } : {}),
      });
    response.write(': ping\n\n');
    chunk({ role: 'assistant', content: '' }, []);
    let count = 0;
    const draw = async (text: string, delta: unknown) => {
      await pause(this.pace);
      if (response.destroyed) return;
      const { p, steps } = this.trace(text, count + given.length);
      count++;
      chunk(delta, [{ id: this.idOf(text), text, chosen_p: p, steps }]);
    };
    response.on('close', () => {
      if (!response.writableEnded) this.dropped++;
    });
    if (thought && given.length === 0) {
      await draw('<think>', {});
      for (const text of tokenize(thought)) await draw(text, { reasoning_content: text });
      await draw('</think>', {});
    }
    for (const text of rest) {
      if (response.destroyed) return;
      if (question.includes('break') && count === 4) {
        await pause(400);
        return void response.destroy();
      }
      await draw(text, { content: text });
    }
    await draw('<|im_end|>', {});
    if (response.destroyed) return;
    chunk({}, [], 'stop');
    send({ choices: [], usage: { prompt_tokens: 12, completion_tokens: count + given.length } });
    send('[DONE]');
    response.end();
  }
}

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
