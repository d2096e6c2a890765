#!/usr/bin/env python3
"""Measures forward and backward through linear-time mixers beside PyTorch.

  bench/scan.py --ours build/release/bench_scan [--kinds mamba,mamba2,delta] [--pairs 5]

One layer of 768 channels (1536 inside), 2 sequences of 512 tokens, f32. Both sides keep running and
take turns in an order that changes from pair to pair; a ratio is the median of the ratios within the
pairs, against the fastest of PyTorch's ways. Needs PyPI's torch.
"""
import argparse
import statistics
import sys
from pathlib import Path

from training import Trainee

HERE = Path(__file__).resolve().parent
METHODS = {"mamba": ("sequential", "associative"), "mamba2": ("sequential", "chunked"),
           "delta": ("sequential",)}
TOKENS, FLOOR = 1024, 3.0


def fastest_twin(options, kind):
    best = None
    for method in METHODS[kind]:
        twin = Trainee([options.python, HERE / "scan_twin.py", kind, method, options.threads])
        seconds = min(twin.ask(1) for _ in range(2))
        print(f"  {kind}, PyTorch {method}: {TOKENS / seconds:.0f} tokens/s", file=sys.stderr)
        if best is None or seconds < best[0]:
            if best:
                best[2].close()
            best = seconds, method, twin
        else:
            twin.close()
    return best[1], best[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ours", required=True, help="the program bench_scan")
    parser.add_argument("--kinds", default="mamba,mamba2,delta")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", default=sys.executable, help="that has torch")
    options = parser.parse_args()
    print("| Mixer | Jielong | PyTorch | ratio | floor |\n|---|--:|--:|--:|--:|")
    for kind in options.kinds.split(","):
        method, theirs = fastest_twin(options, kind)
        ours = Trainee([options.ours, "train", kind, options.threads])
        pairs = []
        for i in range(options.pairs):
            sides = (ours, theirs) if i % 2 == 0 else (theirs, ours)
            seconds = {side: side.ask(2) / 2 for side in sides}
            pairs.append((seconds[ours], seconds[theirs]))
        ours.close()
        theirs.close()
        mine, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"| {kind} | {TOKENS / mine:.0f} tokens/s | {TOKENS / other:.0f} tokens/s ({method}) "
              f"| {ratio:.2f} | {FLOOR} |", flush=True)


if __name__ == "__main__":
    main()
