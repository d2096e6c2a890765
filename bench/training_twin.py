#!/usr/bin/env python3
"""The PyTorch twin of bench_training: the same models, batches and optimizer, for bench/training.py.

  bench/training_twin.py MODEL PRECISION THREADS [--compile] [--plain-adamw]

MODEL is gpt2 or 10m, PRECISION f32 or bf16 (autocast). Prints "ready" after two steps, then obeys
lines on standard input: a number runs so many steps and prints their seconds, "memory" prints the
peak RSS in bytes. With one thread seconds are those of the processor, so that other programs
disturb less.
"""
import argparse
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Gpt2(nn.Module):
    """GPT-2 124M (Radford et al. 2019): learned positions, LayerNorm, GELU, tied head."""

    vocabulary, length, batch, channels, layers, heads = 50257, 64, 4, 768, 12, 12

    class Block(nn.Module):
        def __init__(self, channels, heads):
            super().__init__()
            self.heads = heads
            self.norm_1, self.norm_2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
            self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
            self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

        def forward(self, x):
            x = x + self.out(attend(*self.qkv(self.norm_1(x)).chunk(3, dim=-1), self.heads))
            return x + self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh"))

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(self.vocabulary, self.channels)
        self.positions = nn.Embedding(1024, self.channels)
        self.blocks = nn.ModuleList(
            self.Block(self.channels, self.heads) for _ in range(self.layers))
        self.norm = nn.LayerNorm(self.channels)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


class Small(nn.Module):
    """A Llama-like model of 10.6 million parameters: rotary positions, RMSNorm, SwiGLU, tied head."""

    vocabulary, length, batch, channels, layers, heads, inner = 8192, 256, 4, 256, 10, 8, 768

    class Block(nn.Module):
        def __init__(self, channels, heads, inner):
            super().__init__()
            self.heads = heads
            self.norm_1, self.norm_2 = nn.RMSNorm(channels, 1e-5), nn.RMSNorm(channels, 1e-5)
            self.q, self.k, self.v, self.out = (
                nn.Linear(channels, channels, bias=False) for _ in range(4))
            self.gate, self.up = (nn.Linear(channels, inner, bias=False) for _ in range(2))
            self.down = nn.Linear(inner, channels, bias=False)

        def forward(self, x, turn):
            n = self.norm_1(x)
            x = x + self.out(attend(self.q(n), self.k(n), self.v(n), self.heads, turn))
            n = self.norm_2(x)
            return x + self.down(F.silu(self.gate(n)) * self.up(n))

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(self.vocabulary, self.channels)
        self.blocks = nn.ModuleList(
            self.Block(self.channels, self.heads, self.inner) for _ in range(self.layers))
        self.norm = nn.RMSNorm(self.channels, 1e-5)
        half = self.channels // self.heads // 2
        angles = torch.outer(torch.arange(self.length), 10000.0 ** (-torch.arange(half) / half))
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def turn(self, x):
        """Rotates pairs of halves of (batch, heads, time, head channels)."""
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * self.cosine - b * self.sine, b * self.cosine + a * self.sine), -1)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.turn)
        return F.linear(self.norm(x), self.embedding.weight)


def attend(q, k, v, heads, turn=None):
    batch, time_, channels = q.shape
    q, k, v = (t.view(batch, time_, heads, channels // heads).transpose(1, 2) for t in (q, k, v))
    if turn:
        q, k = turn(q).to(v.dtype), turn(k).to(v.dtype)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return y.transpose(1, 2).reshape(batch, time_, channels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("gpt2", "10m"))
    parser.add_argument("precision", choices=("f32", "bf16"))
    parser.add_argument("threads", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--plain-adamw", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    model = Gpt2() if options.model == "gpt2" else Small()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
    run = torch.compile(model) if options.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1,
                                  fused=not options.plain_adamw)

    def step():
        tokens = torch.randint(model.vocabulary, (model.batch, model.length + 1))
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            logits = run(tokens[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    clock = time.process_time if options.threads == 1 else time.perf_counter
    step(), step()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
            continue
        start = clock()
        for _ in range(int(line)):
            step()
        print(clock() - start, flush=True)


if __name__ == "__main__":
    main()
