#!/usr/bin/env python3
"""Makes gradients/*.bin: gradients by PyTorch's autograd in f64, stored as little-endian f32.

  rows.bin       x, gain, dy, up (37 each); then of rms_norm and layer_norm dx, dgain; of the gated
                 activations silu, gelu_tanh, gelu_erf, relu, relu² dgate, dup; of 2·tanh(x/2) and
                 softmax dx; cross entropy with target 5, times ½: the loss (not halved), dx
  adamw.bin      19 values, then five times a gradient and the values after torch.optim.AdamW(0.02,
                 betas (0.9, 0.95), eps 1e-8, weight_decay 0.1)
  attention.bin  the number of cases; of each: heads, kv_heads, key_dim, value_dim, causal, window,
                 soft_cap, scale, rows, the number of borders, the borders, q, k, v, d_out, out, dq, dk, dv

Attention is scaled_dot_product_attention with a mask, or the same by hand where scores are capped.
Needs torch and numpy (development time only).
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).resolve().parent / "gradients"
torch.manual_seed(5)


def leaf(*shape, reach=1.0):
    values = (torch.randn(*shape, dtype=torch.float64) * reach).float()
    return values.double().requires_grad_()


def write(name, arrays):
    flat = [np.asarray(a.detach() if torch.is_tensor(a) else a, dtype="<f4").ravel() for a in arrays]
    (OUT / name).write_bytes(np.concatenate(flat).tobytes())


def gradients(loss, inputs):
    return torch.autograd.grad(loss, inputs)


def rows():
    n = 37
    x, gain, dy, up = leaf(n, reach=2), leaf(n), leaf(n), leaf(n)
    out = [x, gain, dy, up]
    out += gradients((F.rms_norm(x, (n,), gain, 1e-5) * dy.detach()).sum(), [x, gain])
    out += gradients((F.layer_norm(x, (n,), gain, None, 1e-5) * dy.detach()).sum(), [x, gain])
    for f in (F.silu, lambda v: F.gelu(v, approximate="tanh"), F.gelu, F.relu,
              lambda v: F.relu(v) ** 2):
        out += gradients((f(x) * up * dy.detach()).sum(), [x, up])
    out += gradients((2 * torch.tanh(x / 2) * dy.detach()).sum(), [x])
    out += gradients((F.softmax(x, -1) * dy.detach()).sum(), [x])
    loss = F.cross_entropy(x[None], torch.tensor([5]))
    out += [loss.reshape(1)]
    out += gradients(0.5 * loss, [x])
    write("rows.bin", out)


def adamw():
    w = leaf(19)
    out = [w.detach().clone()]
    optimizer = torch.optim.AdamW([w], lr=0.02, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    for _ in range(5):
        w.grad = leaf(19).detach()
        optimizer.step()
        out += [w.grad.clone(), w.detach().clone()]
    write("adamw.bin", out)


def attention():
    cases = [  # heads, kv_heads, key_dim, value_dim, causal, window, soft_cap, borders
        (2, 2, 8, 8, 1, 0, 0.0, [0, 9, 24]),
        (4, 2, 8, 6, 1, 0, 0.0, [0, 11, 12, 20]),
        (2, 1, 16, 16, 0, 0, 0.0, [0, 7, 20]),
        (2, 1, 8, 8, 1, 5, 0.0, [0, 16, 30]),
        (2, 2, 8, 8, 1, 0, 1.5, [0, 10, 21]),
        (1, 1, 4, 4, 1, 70, 0.0, [0, 150]),
    ]
    out = [[len(cases)]]
    for heads, kv, kd, vd, causal, window, cap, borders in cases:
        n = borders[-1]
        scale = float(np.float32(kd ** -0.5))
        q, k, v, d_out = leaf(n, heads, kd), leaf(n, kv, kd), leaf(n, kv, vd), leaf(n, heads, vd)
        row = torch.arange(n)
        document = torch.bucketize(row, torch.tensor(borders[1:-1]), right=True)
        mask = document[:, None] == document[None]
        if causal:
            mask &= row[:, None] >= row[None]
        if window:
            mask &= row[:, None] - row[None] < window
        qh = q.transpose(0, 1)
        kh = k.transpose(0, 1).repeat_interleave(heads // kv, 0)
        vh = v.transpose(0, 1).repeat_interleave(heads // kv, 0)
        if cap:
            scores = cap * torch.tanh(qh @ kh.transpose(1, 2) * scale / cap)
            y = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1) @ vh
        else:
            y = F.scaled_dot_product_attention(qh, kh, vh, mask, scale=scale)
        y = y.transpose(0, 1)
        out += [[heads, kv, kd, vd, causal, window, cap, scale, n, len(borders)], borders, q, k, v,
                d_out, y]
        out += gradients((y * d_out.detach()).sum(), [q, k, v])
    write("attention.bin", out)


OUT.mkdir(exist_ok=True)
rows()
adamw()
attention()
