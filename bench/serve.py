#!/usr/bin/env python3
"""Measures `jielong serve` beside llama.cpp's `llama-server` under concurrent clients.

  bench/serve.py --jielong build/release/jielong --llama build/peers/llama.cpp/bin/llama-server \\
                 MODEL.gguf

A run starts one server, warms it up, and lets 1, 16 or 64 clients ask one question after the
other, of three kinds in turn: a short chat, a prompt of about 1,500 tokens that nobody sent
before, and a short question behind a system prompt that all share. Both servers answer greedily,
with the same number of tokens, in streams. In each round every number of clients is measured with
both servers, one right after the other and in an order that changes from round to round; a ratio
is the median of the ratios within the pairs, other figures are medians of runs. Then Jielong
answers under a JSON Schema and without one, in pairs as well.

Needs Python 3.11 and nothing else.
"""
import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/clients"))
from serving import Server  # noqa: E402

WORDS = (
    "river stone music garden window paper silver engine morning letter winter bridge orange "
    "planet doctor market forest candle mirror shadow island camera pocket summer thunder "
    "village basket copper dragon needle harbor pepper castle rocket velvet walnut").split()
SYSTEM = "You are a patient assistant of a library. " + " ".join(
    f"Rule {i}: when somebody asks about {WORDS[i % len(WORDS)]}, answer in one short sentence "
    f"and mention shelf {i}." for i in range(24))
KINDS = ("short", "long", "shared")
CONTEXT = 2048  # tokens a client may use
SCHEMA = {"type": "array", "minItems": 200,
          "items": {"type": "object", "properties": {
              "title": {"type": "string"}, "pages": {"type": "integer"},
              "lent": {"type": "boolean"}},
              "required": ["title", "pages", "lent"], "additionalProperties": False}}


def messages_of(kind, rng):
    topic = " and ".join(rng.sample(WORDS, 3))
    if kind == "short":
        return [{"role": "user", "content": f"Tell me something about {topic}."}]
    if kind == "shared":
        return [{"role": "system", "content": SYSTEM},
                {"role": "user", "content": f"Where do I find {topic}?"}]
    text = " ".join(rng.choice(WORDS) for _ in range(1330))
    return [{"role": "user", "content": f"{text}\n\nWhich of these words matter most?"}]


class LlamaServer:
    """llama-server on a free port, with the same surface as Server."""

    def __init__(self, program, model, clients, threads):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = "127.0.0.1"
        self.process = subprocess.Popen(
            [program, "-m", model, "--host", self.host, "--port", str(self.port), "-t",
             str(threads), "-tb", str(threads), "-np", str(clients), "-c",
             str(clients * CONTEXT)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit("error: llama-server did not start")
            time.sleep(0.1)

    def _ready(self):
        try:
            with socket.create_connection((self.host, self.port), timeout=2) as connection:
                connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def lines_of(reader, chunked):
    """The lines of an answer's body."""
    rest = b""
    while True:
        if chunked:
            size = int((await reader.readline()).split(b";")[0], 16)
            part = (await reader.readexactly(size + 2))[:-2]
        else:
            part = await reader.read(65536)
        if not part:
            return
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line


async def ask(server, body):
    """One streamed chat: (prompt tokens, answer tokens, seconds of each piece of text)."""
    payload = json.dumps(body).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
            "Connection: close\r\n\r\n").encode()
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1 << 20)
    begin = time.perf_counter()
    try:
        writer.write(head + payload)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answer[:16]:
            raise RuntimeError((await reader.read(4000)).decode(errors="replace"))
        times, usage = [], None
        async for line in lines_of(reader, b"transfer-encoding: chunked" in answer):
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            usage = chunk.get("usage") or usage
            if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter() - begin)
        return usage["prompt_tokens"], usage["completion_tokens"], times
    finally:
        writer.close()


def body_of(model, messages, tokens, **more):
    return {"model": model, "messages": messages, "max_tokens": tokens, "temperature": 0,
            "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}, **more}


async def clients_at_work(server, bodies_of_clients):
    async def client(bodies):
        return [await ask(server, body) for body in bodies]

    begin = time.perf_counter()
    answers = await asyncio.gather(*map(client, bodies_of_clients))
    return time.perf_counter() - begin, [answer for list_ in answers for answer in list_]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def figures(seconds, answers):
    first = [times[0] for _, _, times in answers if times]
    between = [b - a for _, _, times in answers for a, b in zip(times, times[1:])]
    return {
        "tokens_per_s": sum(answer for _, answer, _ in answers) / seconds,
        "prompt_tokens_per_s": sum(prompt for prompt, _, _ in answers) / seconds,
        "first_p50": percentile(first, 0.5),
        "first_p95": percentile(first, 0.95),
        "between_p50": percentile(between, 0.5),
        "between_p95": percentile(between, 0.95),
        "requests": len(answers),
    }


def start(engine, options, clients):
    if engine == "llama":
        return LlamaServer(options.llama, options.model, clients, options.threads)
    return Server(options.jielong, options.model, "--offline", "--quiet", "-c", CONTEXT,
                  "--threads", options.threads, "--parallel", clients)


def measure_mix(engine, options, clients, seed):
    requests = max(1, -(-options.requests // clients))
    with start(engine, options, clients) as server:
        warm = body_of(options.model, messages_of("short", random.Random(0)), 4)
        asyncio.run(ask(server, warm))
        bodies = []
        for client in range(clients):
            rng = random.Random(f"{seed} {client}")
            bodies.append([
                body_of(options.model, messages_of(KINDS[(client + i) % len(KINDS)], rng),
                        options.tokens) for i in range(requests)])
        return figures(*asyncio.run(clients_at_work(server, bodies)))


def measure_constraint(options, clients, rounds):
    """Tokens a second with and without a schema, run by run, on one server."""
    pairs = []
    with start("jielong", options, clients) as server:
        question = [{"role": "user", "content": "List books of a library as JSON."}]
        shape = {"response_format": {
            "type": "json_schema", "json_schema": {"name": "books", "schema": SCHEMA}}}
        asyncio.run(ask(server, body_of(options.model, question, 4, **shape)))
        for number in range(rounds):
            speeds = {}
            for constrained in (number % 2 == 0, number % 2 == 1):
                more = shape if constrained else {}
                bodies = [[body_of(options.model, question, 2 * options.tokens, **more)]
                          for _ in range(clients)]
                _, answers = asyncio.run(clients_at_work(server, bodies))
                # The time between tokens alone: what comes before the first is the same.
                spent = [(times[-1] - times[0]) / (len(times) - 1) for _, _, times in answers]
                speeds[constrained] = clients / statistics.mean(spent)
            pairs.append((speeds[True], speeds[False]))
    return pairs


def median(values):
    return statistics.median(values)


def table(results):
    lines = ["| clients | engine | tokens/s | ratio | first token P50 / P95 | between P50 / P95 |",
             "|---:|---|---:|---:|---:|---:|"]
    for clients, runs in results["mix"].items():
        ratios = [a["tokens_per_s"] / b["tokens_per_s"]
                  for a, b in zip(runs["jielong"], runs["llama"])] if runs["llama"] else []
        for engine in ("jielong", "llama"):
            if not runs[engine]:
                continue
            at = {name: median([run[name] for run in runs[engine]]) for name in runs[engine][0]}
            ratio = f"{median(ratios):.2f}×" if engine == "jielong" and ratios else ""
            lines.append(
                f"| {clients} | {engine} | {at['tokens_per_s']:.1f} | {ratio} | "
                f"{at['first_p50']:.2f} s / {at['first_p95']:.2f} s | "
                f"{1000 * at['between_p50']:.0f} ms / {1000 * at['between_p95']:.0f} ms |")
    if results["constraint"]:
        lines += ["", "| clients | JSON Schema tokens/s | free tokens/s | overhead |",
                  "|---:|---:|---:|---:|"]
        for clients, pairs in results["constraint"].items():
            overhead = 100 * (1 - median([a / b for a, b in pairs]))
            lines.append(f"| {clients} | {median([a for a, _ in pairs]):.1f} | "
                         f"{median([b for _, b in pairs]):.1f} | {overhead:.1f} % |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--jielong", required=True)
    parser.add_argument("--llama", help="the llama-server program; without it no comparison")
    parser.add_argument("--clients", default="1,16,64", help="default 1,16,64")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs; default 3")
    parser.add_argument("--requests", type=int, default=12, help="of a run, at least; default 12")
    parser.add_argument("--tokens", type=int, default=64, help="of each answer; default 64")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--constraint-rounds", type=int, default=6, help="0: leave it out")
    parser.add_argument("--out", metavar="NAME", help="writes NAME.md and NAME.json")
    options = parser.parse_args()
    options.model = str(Path(options.model).resolve())
    counts = [int(text) for text in options.clients.split(",")]
    engines = ["jielong"] + (["llama"] if options.llama else [])
    results = {"model": Path(options.model).name, "threads": options.threads, "constraint": {},
               "mix": {count: {"jielong": [], "llama": []} for count in counts}}
    for number in range(options.rounds):
        for clients in counts:
            for engine in engines if number % 2 == 0 else reversed(engines):
                run = measure_mix(engine, options, clients, number)
                results["mix"][clients][engine].append(run)
                print(f"round {number + 1}, {clients} clients, {engine}: "
                      f"{run['tokens_per_s']:.1f} tokens/s, first {run['first_p50']:.2f} s, "
                      f"between {1000 * run['between_p50']:.0f} ms", file=sys.stderr)
    for clients in (1, 16):
        if options.constraint_rounds:
            results["constraint"][clients] = measure_constraint(
                options, clients, options.constraint_rounds)
    text = table(results)
    print(text)
    if options.out:
        Path(options.out + ".md").write_text(text + "\n", encoding="utf-8")
        Path(options.out + ".json").write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
