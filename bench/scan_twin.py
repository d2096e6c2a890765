#!/usr/bin/env python3
"""The PyTorch twin of bench_scan train: the same layer, sizes and batch, for bench/scan.py.

  bench/scan_twin.py mamba|mamba2|delta sequential|associative|chunked THREADS

The layers are written as their papers' reference code is: the recurrence token by token; or, for
Mamba, by doubling steps (Hillis and Steele, 1986); or, for Mamba-2, in chunks of matrix products
(Dao and Gu, 2024). f32 throughout. Prints "ready" after two rounds, then obeys lines on standard
input: a number runs so many forward and backward passes and prints their seconds.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS, INNER, LENGTH, BATCH, VOCABULARY, TAPS = 768, 1536, 512, 2, 64, 4


def conv(x, weight, bias):
    """Causal and depthwise, x (batch, time, channel)."""
    y = F.conv1d(x.transpose(1, 2), weight[:, None], bias, padding=TAPS - 1, groups=x.shape[2])
    return F.silu(y[..., : x.shape[1]].transpose(1, 2))


def sequential(decay, increment, c):
    """h = decay·h + increment, y = Σ c·h over (batch, time, channel…, state)."""
    state = torch.zeros_like(increment[:, 0])
    outputs = []
    # Unbound at once: the gradient of a slice would be as large as the whole, for every token.
    for decay_t, increment_t, c_t in zip(decay.unbind(1), increment.unbind(1), c.unbind(1)):
        state = decay_t * state + increment_t
        outputs.append((state * c_t).sum(-1))
    return torch.stack(outputs, 1)


def associative(decay, increment, c):
    """The same in ⌈log₂ time⌉ steps over all of it."""
    step = 1
    while step < decay.shape[1]:
        increment = torch.cat([increment[:, :step],
                               increment[:, step:] + decay[:, step:] * increment[:, :-step]], 1)
        decay = torch.cat([decay[:, :step], decay[:, step:] * decay[:, :-step]], 1)
        step *= 2
    return (increment * c).sum(-1)


def chunked(x, log_decay, b, c, chunk=64):
    """Mamba-2's scan of x (batch, time, head, channel) by chunks: Listing 1 of the paper."""
    batch, length, heads, width = x.shape
    x, b, c = (v.reshape(batch, length // chunk, chunk, *v.shape[2:]) for v in (x, b, c))
    a = log_decay.reshape(batch, length // chunk, chunk, heads).permute(0, 3, 1, 2)
    sums = a.cumsum(-1)

    def segments(v):
        total = v.cumsum(-1)
        difference = total[..., :, None] - total[..., None, :]
        lower = torch.ones(v.shape[-1], v.shape[-1], dtype=torch.bool).tril()
        return difference.masked_fill(~lower, -torch.inf)

    within = torch.einsum("bcln,bcsn,bhcls,bcshp->bclhp", c, b, segments(a).exp(), x)
    to_end = (sums[..., -1:] - sums).exp()
    states = torch.einsum("bcln,bhcl,bclhp->bchpn", b, to_end, x)
    states = torch.cat([torch.zeros_like(states[:, :1]), states], 1)
    across = segments(F.pad(sums[..., -1], (1, 0))).exp()
    states = torch.einsum("bhzc,bchpn->bzhpn", across, states)[:, :-1]
    from_before = torch.einsum("bcln,bchpn,bhcl->bclhp", c, states, sums.exp())
    return (within + from_before).reshape(batch, length, heads, width)


class Mamba(nn.Module):
    def __init__(self, method, states=16, rank=48):
        super().__init__()
        self.method, self.sizes = method, (rank, states, states)
        self.into = nn.Linear(CHANNELS, 2 * INNER, bias=False)
        self.conv = nn.Parameter(torch.randn(INNER, TAPS) / 2)
        self.conv_bias = nn.Parameter(torch.zeros(INNER))
        self.choose = nn.Linear(INNER, rank + 2 * states, bias=False)
        self.step = nn.Linear(rank, INNER)
        self.a_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(INNER, 1))
        self.skip = nn.Parameter(torch.ones(INNER))
        self.out = nn.Linear(INNER, CHANNELS, bias=False)

    def forward(self, u):
        x, z = self.into(u).chunk(2, -1)
        x = conv(x, self.conv, self.conv_bias)
        low, b, c = self.choose(x).split(self.sizes, -1)
        step = F.softplus(self.step(low))
        decay = (step[..., None] * -self.a_log.exp()).exp()
        increment = (step * x)[..., None] * b[:, :, None]
        scan = sequential if self.method == "sequential" else associative
        y = scan(decay, increment, c[:, :, None]) + self.skip * x
        return self.out(y * F.silu(z))


class Mamba2(nn.Module):
    def __init__(self, method, states=128, width=64):
        super().__init__()
        self.method, self.heads = method, INNER // width
        self.sizes = (INNER, INNER + 2 * states, self.heads)
        self.parts = (INNER, states, states)
        self.into = nn.Linear(CHANNELS, sum(self.sizes), bias=False)
        self.conv = nn.Parameter(torch.randn(INNER + 2 * states, TAPS) / 2)
        self.conv_bias = nn.Parameter(torch.zeros(INNER + 2 * states))
        self.step_bias = nn.Parameter(torch.full((self.heads,), -4.0))
        self.a_log = nn.Parameter(torch.linspace(0, 2.7, self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(INNER)
        self.out = nn.Linear(INNER, CHANNELS, bias=False)

    def forward(self, u):
        z, xbc, step = self.into(u).split(self.sizes, -1)
        x, b, c = conv(xbc, self.conv, self.conv_bias).split(self.parts, -1)
        x = x.unflatten(-1, (self.heads, -1))
        step = F.softplus(step + self.step_bias)
        log_decay = step * -self.a_log.exp()
        if self.method == "chunked":
            y = chunked(x * step[..., None], log_decay, b, c)
        else:
            increment = (x * step[..., None])[..., None] * b[:, :, None, None]
            y = sequential(log_decay.exp()[..., None, None].expand_as(increment), increment,
                           c[:, :, None, None])
        y = (y + self.skip[:, None] * x).flatten(-2)
        return self.out(self.norm(y * F.silu(z)))


class DeltaNet(nn.Module):
    def __init__(self, method, width=64):
        super().__init__()
        self.heads, self.width = INNER // width, width
        self.into = nn.Linear(CHANNELS, 4 * INNER, bias=False)
        self.rates = nn.Linear(CHANNELS, 2 * self.heads)
        self.conv = nn.Parameter(torch.randn(3 * INNER, TAPS) / 2)
        self.a_log = nn.Parameter(torch.linspace(0, 2.7, self.heads))
        self.norm = nn.RMSNorm(width)
        self.out = nn.Linear(INNER, CHANNELS, bias=False)

    def forward(self, u):
        qkv, z = self.into(u).split((3 * INNER, INNER), -1)
        q, k, v = (x.unflatten(-1, (self.heads, -1))
                   for x in conv(qkv, self.conv, None).chunk(3, -1))
        q, k = F.normalize(q, dim=-1) * self.width**-0.5, F.normalize(k, dim=-1)
        step, rate = self.rates(u).chunk(2, -1)
        decay, rate = (F.softplus(step) * -self.a_log.exp()).exp(), rate.sigmoid()
        memory = u.new_zeros(u.shape[0], self.heads, self.width, self.width)
        outputs = []
        for d, r, q_t, k_t, v_t in zip(*(x.unbind(1) for x in (decay, rate, q, k, v))):
            memory = memory * d[..., None, None]
            recalled = (memory * k_t[..., None]).sum(-2)
            memory = memory + k_t[..., None] * (r[..., None] * (v_t - recalled))[:, :, None]
            outputs.append((memory * q_t[..., None]).sum(-2))
        y = self.norm(torch.stack(outputs, 1)) * F.silu(z.unflatten(-1, (self.heads, -1)))
        return self.out(y.flatten(-2))


def main():
    kind, method, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    embedding = nn.Embedding(VOCABULARY, CHANNELS)
    before, after = nn.RMSNorm(CHANNELS), nn.RMSNorm(CHANNELS)
    layer = {"mamba": Mamba, "mamba2": Mamba2, "delta": DeltaNet}[kind](method)
    parameters = [p for m in (embedding, before, after, layer) for p in m.parameters()]
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH))
    targets = torch.randint(VOCABULARY, (BATCH, LENGTH))

    def run():
        for parameter in parameters:
            parameter.grad = None
        x = embedding(tokens)
        x = x + layer(before(x))
        scores = F.linear(after(x), embedding.weight)
        F.cross_entropy(scores.flatten(0, 1), targets.flatten()).backward()

    clock = time.process_time if threads == 1 else time.perf_counter
    run()
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        begin = clock()
        for _ in range(int(line)):
            run()
        print(clock() - begin, flush=True)


if __name__ == "__main__":
    main()
