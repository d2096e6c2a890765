#!/usr/bin/env python3
"""Makes gradients/scans.bin: recurrences and their gradients by PyTorch's autograd in f64, stored as
little-endian f32.

Of each of selective, shared and delta (tensor/ops/scan.h): kind (0, 1, 2), rows, heads, channels of
a head, states, groups, the scales of k and q; x, Δ, B, C, then β for delta and D for the others, A;
dL/dy, y, and dL/d of each in the same order. Needs torch and numpy (development time only).
"""

import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parent / "gradients" / "scans.bin"
torch.manual_seed(7)


def leaf(*shape, low=-1.0, high=1.0):
    values = (torch.rand(*shape, dtype=torch.float64) * (high - low) + low).float()
    return values.double().requires_grad_()


def selective(x, step, b, c, skip, decay):
    """One sequence of Mamba: x, Δ (rows, channels), A (channels, states)."""
    state, outputs = 0, []
    for t in range(x.shape[0]):
        state = torch.exp(step[t][:, None] * decay) * state + (step[t] * x[t])[:, None] * b[t]
        outputs.append((state * c[t]).sum(-1) + skip * x[t])
    return torch.stack(outputs)


def shared(x, step, b, c, skip, decay, heads, groups):
    """One sequence of Mamba-2: A, D and Δ (rows, heads) of heads, B and C of groups of them."""
    x = x.unflatten(-1, (heads, -1))
    b, c = (v.unflatten(-1, (groups, -1)).repeat_interleave(heads // groups, 1) for v in (b, c))
    state, outputs = 0, []
    for t in range(x.shape[0]):
        factor = torch.exp(step[t] * decay)[:, None, None]
        state = factor * state + (step[t][:, None] * x[t])[..., None] * b[t][:, None]
        outputs.append((state * c[t][:, None]).sum(-1) + skip[:, None] * x[t])
    return torch.stack(outputs).flatten(1)


def delta(v, step, k, q, rate, decay, heads, groups, k_scale, q_scale):
    """One sequence of the gated delta rule."""
    v = v.unflatten(-1, (heads, -1))
    k, q = (x.unflatten(-1, (groups, -1)).repeat_interleave(heads // groups, 1) for x in (k, q))
    k, q = k * k_scale, q * q_scale
    memory, outputs = torch.zeros(heads, k.shape[-1], v.shape[-1], dtype=v.dtype), []
    for t in range(v.shape[0]):
        memory = torch.exp(step[t] * decay)[:, None, None] * memory
        error = v[t] - torch.einsum("hkv,hk->hv", memory, k[t])
        memory = memory + torch.einsum("hk,hv->hkv", k[t], rate[t][:, None] * error)
        outputs.append(torch.einsum("hkv,hk->hv", memory, q[t]))
    return torch.stack(outputs).flatten(1)


def case(kind, rows, heads, width, states, groups, scales=(1.0, 1.0)):
    channels = heads * width
    each = channels if kind == 0 else heads
    x, step = leaf(rows, channels), leaf(rows, each, low=0.1, high=0.9)
    b, c = leaf(rows, groups * states), leaf(rows, groups * states)
    decay = leaf(*((channels, states) if kind == 0 else (heads,)), low=-2, high=-0.1)
    other = leaf(rows, heads, low=0.1, high=0.9) if kind == 2 else leaf(each)
    inputs = [x, step, b, c, other, decay]
    if kind == 0:
        y = selective(*inputs)
    elif kind == 1:
        y = shared(*inputs, heads, groups)
    else:
        y = delta(*inputs, heads, groups, *scales)
    slopes = leaf(rows, channels).detach()
    gradients = torch.autograd.grad((y * slopes).sum(), inputs)
    return [[kind, rows, heads, width, states, groups, *scales], *inputs, slopes, y, *gradients]


def main():
    arrays = []
    arrays += case(0, 40, 1, 20, 5, 1)
    arrays += case(1, 40, 4, 6, 7, 2)
    arrays += case(2, 40, 4, 6, 5, 2, scales=(0.5, 0.25))
    flat = [np.asarray(a.detach() if torch.is_tensor(a) else a, dtype="<f4").ravel()
            for a in arrays]
    OUT.write_bytes(np.concatenate(flat).tobytes())


if __name__ == "__main__":
    main()
