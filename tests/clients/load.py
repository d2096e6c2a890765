#!/usr/bin/env python3
"""Puts a server under load on loopback, bounded in count and time, and looks for leaks.

  tests/clients/load.py --program build/release/jielong                       one round
  tests/clients/load.py --program build/release/jielong --streams 1024        more at once
  tests/clients/load.py --program build/release/jielong --minutes 10          a soak

Each round opens all streams at once against a tiny random model. Some clients hang up in the
middle. Every other stream must finish or be refused with 429 or 503 and Retry-After. Another
process asks /health all the while. After each round nothing may be under way, and over the rounds
neither descriptors nor pages of the cache nor, in a soak, resident memory may grow. The exit code
is 1 when something of that does not hold. Needs Python 3.11 and nothing else.
"""
import argparse
import asyncio
import json
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter

from serving import ROOT, Server, write_tiny_model

PROMPTS = 32  # different ones, so that what the prefix cache keeps stops growing


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def stream(server, model, number, tokens, hangs_up, timeout):
    """One streamed chat: "finished", "hung up", "refused", or what was wrong."""
    body = json.dumps({
        "model": model,
        "messages": [{"role": "user", "content": f"tell me story {number % PROMPTS}"}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
    }).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n").encode()
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(head + body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            status = int(answer.split(b" ", 2)[1])
            if status in (429, 503):
                return "refused" if b"retry-after:" in answer.lower() else "no Retry-After"
            if status != 200:
                return f"status {status}"
            seen, length = b"", 0
            leave_after = random.randrange(1, 4000) if hangs_up else None
            while True:
                part = await reader.read(65536)
                if not part:
                    return "cut off"
                length += len(part)
                seen = (seen + part)[-4096:]
                if b"data: [DONE]" in seen:
                    return "finished" if b'"finish_reason":"length"' in seen else "no end"
                if b'"error"' in seen:
                    return "error in the stream: " + seen[-300:].decode(errors="replace")
                if leave_after is not None and length >= leave_after:
                    return "hung up"
    except asyncio.TimeoutError:
        return "timeout"
    except (OSError, asyncio.IncompleteReadError) as error:
        return f"{type(error).__name__}"
    finally:
        if writer is not None:
            if hangs_up:
                writer.transport.abort()  # a reset, the ruder way to leave
            writer.close()


async def one_round(server, model, options):
    tasks = [
        stream(server, model, number, options.tokens, random.random() < options.hang_up,
               options.patience)
        for number in range(options.streams)
    ]
    return Counter(await asyncio.gather(*tasks))


def probe(host, port, seconds):
    """Asks /health again and again; prints the milliseconds it took as a JSON list."""
    times, end, ended = [], time.monotonic() + seconds, []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    request = f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    while not ended and time.monotonic() < end:
        begin = time.perf_counter()
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.exit(f"/health answered {answer[:80]!r}")
        times.append(1000 * (time.perf_counter() - begin))
        time.sleep(0.02)
    print(json.dumps(times))


def slope_per_hour(samples):
    """Least squares over (seconds, value)."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0


def run(options):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    problems, outcomes, times, memory = [], Counter(), [], []
    blocks, descriptors, rounds = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        model = str(write_tiny_model(folder))
        with Server(options.program, model, "--offline", "--quiet", "--parallel", "64") as server:
            warm = argparse.Namespace(**{**vars(options), "streams": 2 * PROMPTS, "hang_up": 0})
            asyncio.run(one_round(server, model, warm))
            server.wait_idle()
            begin = time.monotonic()
            while rounds == 0 or time.monotonic() - begin < 60 * options.minutes:
                prober = subprocess.Popen(
                    [sys.executable, __file__, "--probe", server.host, str(server.port), "600"],
                    stdout=subprocess.PIPE, text=True)
                began = time.monotonic()
                outcomes += asyncio.run(one_round(server, model, options))
                took = time.monotonic() - began
                prober.terminate()
                text = prober.communicate()[0]
                times += json.loads(text) if text else []
                metrics = server.wait_idle()
                time.sleep(0.2)  # closed connections are noticed
                rounds += 1
                memory.append((time.monotonic() - begin, server.resident_bytes() / 1e6))
                blocks.append(metrics["jielong_model_kv_blocks_used"])
                descriptors.append(server.descriptors())
                if rounds <= 3 or rounds % 20 == 0:
                    print(f"round {rounds}: {took:.1f} s, {dict(outcomes)}, "
                          f"{memory[-1][1]:.1f} MB, {descriptors[-1]} descriptors, "
                          f"{blocks[-1]:.0f} blocks", flush=True)
            code = server.stop()
            if code != 0:
                problems.append(f"the server ended with {code}:\n{server.messages()[-2000:]}")

    fine = {"finished", "hung up", "refused"}
    wrong = {outcome: count for outcome, count in outcomes.items() if outcome not in fine}
    if wrong:
        problems.append(f"streams that neither finished nor were refused: {wrong}")
    if outcomes["finished"] == 0:
        problems.append("no stream finished")
    if not times:
        problems.append("/health was never answered")
    elif percentile(times, 0.99) > options.health_ms:
        problems.append(f"/health: P99 of {percentile(times, 0.99):.1f} ms")
    half = len(memory) // 2
    if half and max(descriptors[half:]) > max(descriptors[:half]) + 4:
        problems.append(f"descriptors grew: {descriptors[0]} … {descriptors[-1]}")
    # Which clients hang up when changes what the prefix cache keeps, a little.
    if half and sum(blocks[half:]) / (len(blocks) - half) > 1.2 * sum(blocks[:half]) / half:
        problems.append(f"pages of the cache grew: {blocks[0]} … {blocks[-1]}")
    slope = None
    if options.minutes >= 5:
        settled = [sample for sample in memory if sample[0] > 60 * options.minutes / 4]
        slope = slope_per_hour(settled)
        if slope > options.growth_mb_per_hour:
            problems.append(f"resident memory grew by {slope:.1f} MB an hour")
    report = {
        "streams": options.streams,
        "rounds": rounds,
        "outcomes": dict(outcomes),
        "health_ms": {name: round(percentile(times, share), 2) for name, share in
                      (("p50", 0.5), ("p99", 0.99), ("max", 1))} if times else None,
        "health_probes": len(times),
        "descriptors": [descriptors[0], descriptors[-1]],
        "cache_blocks": [blocks[0], blocks[-1]],
        "resident_mb": [round(memory[0][1], 1), round(memory[-1][1], 1)],
        "resident_mb_per_hour": None if slope is None else round(slope, 2),
        "problems": problems,
    }
    print(json.dumps(report, indent=2))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/jielong"))
    parser.add_argument("--streams", type=int, default=256, help="at once; default 256")
    parser.add_argument("--tokens", type=int, default=80, help="of each answer; default 80")
    parser.add_argument("--minutes", type=float, default=0, help="rounds go on for; default one")
    parser.add_argument("--hang-up", type=float, default=0.25, metavar="SHARE",
                        help="of clients that leave in the middle; default 0.25")
    parser.add_argument("--patience", type=float, default=120, metavar="SECONDS",
                        help="for one stream; default 120")
    parser.add_argument("--health-ms", type=float, default=50,
                        help="the most that P99 of /health may take; default 50")
    parser.add_argument("--growth-mb-per-hour", type=float, default=60,
                        help="of resident memory in a soak of 5 minutes or more; default 60")
    parser.add_argument("--seed", type=int, default=1, help="of who hangs up when")
    parser.add_argument("--probe", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        host, port, seconds = options.probe
        if not re.fullmatch(r"127\.\d+\.\d+\.\d+|localhost", host):
            sys.exit("error: only servers of this machine are put under load")
        probe(host, int(port), float(seconds))
        return 0
    random.seed(options.seed)
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
