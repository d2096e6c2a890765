#!/usr/bin/env python3
"""Writes optimizers.json: some parameters, their gradients over several steps, and where PyTorch's
optimizers (AdamW, SGD) and the papers' formulas (Lion, Muon, in f64) lead them.

    python make_optimizers.py        needs torch
"""

import json
from pathlib import Path

import torch

STEPS = 6
SHAPES = {"tall": (6, 4), "wide": (3, 8), "vector": (1, 5)}


def run(make, parameters, gradients):
    """The parameters after each step, flat."""
    values = [p.clone().requires_grad_() for p in parameters]
    optimizer = make(values)
    after = []
    for step in gradients:
        for value, gradient in zip(values, step):
            value.grad = gradient.clone()
        optimizer.step()
        after.append([v.detach().flatten().tolist() for v in values])
    return after


class Lion:
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, values, lr, beta1, beta2, decay):
        self.values, self.lr, self.beta1, self.beta2, self.decay = values, lr, beta1, beta2, decay
        self.mean = [torch.zeros_like(v) for v in values]

    @torch.no_grad()
    def step(self):
        for value, mean in zip(self.values, self.mean):
            g = value.grad
            update = torch.sign(self.beta1 * mean + (1 - self.beta1) * g)
            value.copy_(value - self.lr * (update + self.decay * value))
            mean.copy_(self.beta2 * mean + (1 - self.beta2) * g)


class Muon:
    """Jordan et al. 2024: Nesterov momentum, Newton-Schulz, scaled by shape."""

    def __init__(self, values, lr, momentum, decay, steps=5):
        self.values, self.lr, self.momentum, self.decay = values, lr, momentum, decay
        self.steps = steps
        self.mean = [torch.zeros_like(v) for v in values]

    def orthogonal(self, x):
        a, b, c = 3.4445, -4.7750, 2.0315
        x = x / (x.norm() + 1e-7)
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(self.steps):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        return x.T if tall else x

    @torch.no_grad()
    def step(self):
        for value, mean in zip(self.values, self.mean):
            mean.lerp_(value.grad, 1 - self.momentum)
            update = self.orthogonal(value.grad.lerp(mean, self.momentum))
            scale = max(1, value.shape[0] / value.shape[1]) ** 0.5
            value.copy_(value * (1 - self.lr * self.decay) - self.lr * scale * update)


def main():
    torch.manual_seed(5)
    parameters = [torch.randn(shape) for shape in SHAPES.values()]
    gradients = [[torch.randn(shape) for shape in SHAPES.values()] for _ in range(STEPS)]
    wide = [p.double() for p in parameters], [[g.double() for g in step] for step in gradients]
    matrices = wide[0][:2], [step[:2] for step in wide[1]]
    sgd = lambda **options: lambda v: torch.optim.SGD(v, lr=0.02, **options)
    golden = {
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "start": [p.flatten().tolist() for p in parameters],
        "gradients": [[g.flatten().tolist() for g in step] for step in gradients],
        "adamw": run(
            lambda v: torch.optim.AdamW(v, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1),
            parameters, gradients),
        "sgd": run(sgd(), parameters, gradients),
        "sgd momentum": run(sgd(momentum=0.9), parameters, gradients),
        "sgd nesterov": run(sgd(momentum=0.9, nesterov=True), parameters, gradients),
        "lion": run(lambda v: Lion(v, 0.01, 0.9, 0.99, 0.1), *wide),
        "muon": run(lambda v: Muon(v, 0.02, 0.95, 0.1), *matrices),
    }
    path = Path(__file__).with_name("optimizers.json")
    round_off = lambda text: float(format(float(text), ".9g"))
    path.write_text(json.dumps(json.loads(json.dumps(golden), parse_float=round_off)) + "\n")


if __name__ == "__main__":
    main()
