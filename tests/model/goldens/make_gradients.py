#!/usr/bin/env python3
"""Makes gradients.safetensors of the tiny random models: dL/dθ by transformers and torch autograd.

Usage: make_gradients.py [FAMILY ...]

Needs numpy, torch, transformers and safetensors (development time only). Reads the models that
make_tiny_models.py stored. The prompt of expected.safetensors is cut into two sequences that do not
see each other, SPLIT tokens and the rest; L is the mean of -log p(next token) over all rows that
have a next token, every fifth row left out. BERT predicts the same targets with its token
embedding as head. L of models with experts has BALANCE times the sum over layers of their
load-balancing loss on top, each layer by itself, over the rows of both sequences together.

Gradients have the names and shapes of model.safetensors, f32 out of an f64 run. The metadata hold
"loss" and, with experts, "balance".
"""

import pathlib
import sys

import numpy as np
import safetensors.numpy
import torch
import transformers

from make_tiny_models import load

HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3", "gpt2", "phi3",
            "bert", "mamba", "mamba2", "jamba", "falcon_h1"]
SPLIT, BALANCE = 20, 0.02


def targets_of(ids):
    targets = np.append(ids[1:], -1)
    targets[::5] = -1
    return torch.from_numpy(targets)


def balance_loss(router_scores, used):
    """Experts times the sum of share of rows and mean probability, for one layer."""
    p = torch.softmax(router_scores, dim=-1)
    chosen = torch.nn.functional.one_hot(p.topk(used, dim=-1).indices, p.shape[-1]).sum(1)
    return p.shape[-1] * (chosen.to(p.dtype).mean(0) * p.mean(0)).sum()


def scores_of(model, ids):
    if hasattr(model, "lm_head"):
        return model(ids[None]).logits[0]
    hidden = model(ids[None]).last_hidden_state[0]
    return hidden @ model.embeddings.word_embeddings.weight.T


def unfused(name, gradient):
    """Hub files have a tensor for each expert."""
    if name.endswith("experts.gate_up_proj"):
        for e, both in enumerate(gradient):
            gate, up = both.chunk(2)
            yield name.replace("gate_up_proj", f"{e}.gate_proj.weight"), gate
            yield name.replace("gate_up_proj", f"{e}.up_proj.weight"), up
    elif name.endswith("experts.down_proj"):
        for e, each in enumerate(gradient):
            yield name.replace("down_proj", f"{e}.down_proj.weight"), each
    else:
        yield name, gradient


def make(family):
    folder = HERE / family
    architecture = {"bert": "BertModel"}.get(family)
    if architecture is None:
        config = transformers.AutoConfig.from_pretrained(folder)
        architecture = config.architectures[0]
    model = load(folder, architecture, torch.float64)
    ids = safetensors.numpy.load_file(folder / "expected.safetensors")["input_ids"].astype(np.int64)
    routed = {}

    def hook(layer):
        def keep(module, inputs, _):
            x = inputs[0].reshape(-1, module.weight.shape[1])
            routed.setdefault(layer, []).append(x @ module.weight.T)
        return keep

    for name, module in model.named_modules():
        if name.endswith(("mlp.gate", "feed_forward.router")):
            module.register_forward_hook(hook(name))
    total, counted = 0, 0
    for part in (ids[:SPLIT], ids[SPLIT:]):
        targets = targets_of(part)
        total = total + torch.nn.functional.cross_entropy(
            scores_of(model, torch.from_numpy(part)), targets, ignore_index=-1, reduction="sum")
        counted += int((targets >= 0).sum())
    loss = total / counted
    metadata = {"format": "pt", "loss": repr(float(loss.detach()))}
    if routed:
        used = model.config.num_experts_per_tok
        balance = sum(balance_loss(torch.cat(scores), used) for scores in routed.values())
        metadata["balance"] = repr(float(balance.detach()))
        loss = loss + BALANCE * balance
    loss.backward()
    known = safetensors.numpy.load_file(folder / "model.safetensors")
    prefixes = ("", "model.", "transformer.", "bert.")
    stored = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        for part, gradient in unfused(name, parameter.grad):
            plain = next(p for p in (part, *(part.removeprefix(x) for x in prefixes)) if p in known)
            stored[plain] = gradient.to(torch.float32).contiguous().numpy()
    safetensors.numpy.save_file(stored, folder / "gradients.safetensors", metadata=metadata)
    print(family, metadata["loss"], metadata.get("balance", ""), len(stored), "tensors")


if __name__ == "__main__":
    for each in sys.argv[1:] or FAMILIES:
        make(each)
