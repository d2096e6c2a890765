#!/usr/bin/env python3
"""Measures training beside PyTorch and, if a checkout of it is given, llm.c.

  bench/training.py --ours build/release/bench_training --probe build/release/bench_peak

Jielong and PyTorch keep running side by side, each with a model of its own, and take turns: a pair
is some steps of the one and then of the other, in an order that changes from pair to pair. A
ratio is the median of the ratios within the pairs. Before that PyTorch tries its settings
(torch.compile or eager, fused AdamW or not) and goes on with the fastest. llm.c's train_gpt2.c, from
$LLM_C_SOURCE or --llm-c, starts anew in every pair, from a random checkpoint, and is stopped after a
few steps. Steps are whole: forward, backward, AdamW.

Needs Python 3.9, and for the peers PyPI's torch and numpy. How to read the table: bench/README.md.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Parameters of matrices with the head, layers, channels, tokens of a sequence and of a step.
MODELS = {
    "gpt2": dict(title="GPT-2 124M, B=4 T=64", matrices=12 * 12 * 768**2 + 50257 * 768, layers=12,
                 channels=768, length=64, tokens=256),
    "10m": dict(title="10.6M, B=4 T=256", matrices=10 * (4 * 256**2 + 3 * 256 * 768) + 8192 * 256,
                layers=10, channels=256, length=256, tokens=1024),
}
FLOORS = {"PyTorch": 1.2, "llm.c": 5.0}


def flops_per_token(model):
    """Forward and backward: 6 for every weight, and attention over half of the square."""
    return 6 * model["matrices"] + 6 * model["layers"] * model["channels"] * model["length"]


class Trainee:
    """A process that has a model and trains it some steps when asked to."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.answer() != "ready":
            sys.exit(f"error: {command[0]} said something else than ready")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: {' '.join(map(str, self.process.args))} ended early")
        return line.strip()

    def ask(self, text):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        return float(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def twin(options, model, precision, flags):
    return Trainee([options.python, HERE / "training_twin.py", model, precision, options.threads,
                    *flags])


def best_twin(options, model, precision):
    """The twin with its fastest settings, warm."""
    best, least = None, None
    for flags in options.settings:
        candidate = twin(options, model, precision, flags)
        candidate.ask(2)
        seconds = min(candidate.ask(2) for _ in range(2))
        print(f"  {model} {precision} PyTorch {' '.join(flags) or 'eager, fused AdamW'}: "
              f"{2 * MODELS[model]['tokens'] / seconds:.0f} tokens/s", file=sys.stderr)
        if best is None or seconds < least:
            if best:
                best.close()
            best, least, best_flags = candidate, seconds, flags
        else:
            candidate.close()
    return best, " ".join(best_flags) or "eager, fused AdamW"


class LlmC:
    """llm.c's train_gpt2.c, built with OpenMP, and a random checkpoint for it."""

    def __init__(self, source, folder, threads):
        import numpy

        self.folder, self.threads = folder, threads
        subprocess.run(["cc", "-Ofast", "-march=native", "-fopenmp", "-DOMP", "-w", "train_gpt2.c",
                        "-o", folder / "train_gpt2", "-lm"], cwd=source, check=True)
        channels, layers, padded = 768, 12, 50304
        rng = numpy.random.default_rng(1)
        matrices = lambda *shape: rng.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
        ones, zeros = (lambda *shape: numpy.ones(shape, numpy.float32),
                       lambda *shape: numpy.zeros(shape, numpy.float32))
        row = (layers, channels)
        with open(folder / "gpt2_124M.bin", "wb") as file:
            header = numpy.zeros(256, numpy.int32)
            header[:8] = 20240326, 3, 1024, 50257, layers, 12, channels, padded
            header.tofile(file)
            for values in (matrices(padded, channels), matrices(1024, channels), ones(*row),
                           zeros(*row), matrices(layers, 3 * channels, channels),
                           zeros(layers, 3 * channels), matrices(layers, channels, channels),
                           zeros(*row), ones(*row), zeros(*row),
                           matrices(layers, 4 * channels, channels), zeros(layers, 4 * channels),
                           matrices(layers, channels, 4 * channels), zeros(*row), ones(channels),
                           zeros(channels)):
                values.tofile(file)
        data = folder / "dev/data/tinyshakespeare"
        data.mkdir(parents=True)
        for name in ("train", "val"):
            with open(data / f"tiny_shakespeare_{name}.bin", "wb") as file:
                header = numpy.zeros(256, numpy.int32)
                header[:3] = 20240520, 1, 1 << 16
                header.tofile(file)
                rng.integers(0, 50257, 1 << 16, numpy.uint16).tofile(file)

    def seconds(self, steps):
        """Median seconds of `steps` steps after the first, whose memory is new, and the peak RSS."""
        process = subprocess.Popen(
            ["stdbuf", "-oL", "./train_gpt2"], cwd=self.folder, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(self.threads)})
        times = []
        for line in process.stdout:
            match = re.match(r"step (\d+): .*took ([\d.]+) ms", line)
            if match and int(match[1]) > 0:
                times.append(float(match[2]) / 1000)
            if len(times) == steps:
                break
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
        process.send_signal(signal.SIGTERM)
        process.wait()
        return statistics.median(times), peak


def spread(values, digits=0):
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="bench_training")
    parser.add_argument("--probe", required=True, help="bench_peak")
    parser.add_argument("--python", default=sys.executable, help="one that has torch")
    parser.add_argument("--llm-c", default=os.environ.get("LLM_C_SOURCE"), help="a checkout of llm.c")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of one measurement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--settings", default=",--compile,--plain-adamw",
                        type=lambda text: [tuple(flags.split()) for flags in text.split(",")],
                        help="flags of the twin to choose from")
    parser.add_argument("--cases", default="gpt2:f32,gpt2:bf16,10m:f32,10m:bf16")
    parser.add_argument("--out", type=Path, help="folder for training.json and training.md")
    options = parser.parse_args()

    peaks = json.loads(subprocess.run(
        [options.probe, f"threads={options.threads}", "megabytes=500"], check=True,
        capture_output=True, text=True).stdout)[0]
    peak = {"f32": 2 * peaks["f32_products"],
            "bf16": 2 * max(peaks[f"bf16_{unit}_products"] for unit in ("vector", "tile"))}
    rows, lines = [], []

    def report(case, peer, settings, ours, theirs, memory):
        model, precision = case
        ratios = [a / b for a, b in zip(ours, theirs)]
        share = lambda rate: (100 * rate * flops_per_token(MODELS[model]) / peak[precision]
                              if peak[precision] else 0)
        rows.append(dict(model=model, precision=precision, peer=peer, settings=settings, ours=ours,
                         theirs=theirs, ratios=ratios, rss=memory))
        floor = FLOORS[peer]
        verdict = "met" if statistics.median(ratios) >= floor else "missed"
        lines.append(
            f"| {MODELS[model]['title']} | {precision} | {spread(ours)} "
            f"| {share(statistics.median(ours)):.0f}% | {peer}, {settings} | {spread(theirs)} "
            f"| {share(statistics.median(theirs)):.0f}% | {spread(ratios, 2)} | {floor} {verdict} "
            f"| {memory[0] / 1e6:.0f} | {memory[1] / 1e6:.0f} | {len(ratios)} |")
        print(lines[-1], file=sys.stderr)

    for case in (tuple(text.split(":")) for text in options.cases.split(",")):
        model, precision = case
        tokens = MODELS[model]["tokens"]
        ours = Trainee([options.ours, model, precision, options.threads])
        ours.ask(2)
        rate = lambda trainee: options.steps * tokens / trainee.ask(options.steps)
        theirs, settings = best_twin(options, model, precision)
        pairs = []
        for i in range(options.pairs):
            order = (ours, theirs) if i % 2 == 0 else (theirs, ours)
            measured = {id(trainee): rate(trainee) for trainee in order}
            pairs.append((measured[id(ours)], measured[id(theirs)]))
        memory = [int(trainee.ask("memory")) for trainee in (ours, theirs)]
        theirs.close()
        report(case, "PyTorch", settings, *map(list, zip(*pairs)), memory)
        if options.llm_c and case == ("gpt2", "f32"):
            with tempfile.TemporaryDirectory() as folder:
                llm_c = LlmC(options.llm_c, Path(folder), options.threads)
                pairs = []
                for _ in range(options.pairs):
                    mine = rate(ours)
                    seconds, llm_c_memory = llm_c.seconds(2)
                    pairs.append((mine, tokens / seconds))
            report(case, "llm.c", "train_gpt2.c, OpenMP", *map(list, zip(*pairs)),
                   (memory[0], llm_c_memory))
        ours.close()

    table = "\n".join([
        "| model | precision | jielong, tokens/s | of peak | peer | tokens/s | of peak "
        "| jielong / peer | floor | jielong, peak RSS, MB | peer | pairs |",
        "| --- | --- | --: | --: | --- | --: | --: | --: | --- | --: | --: | --: |", *lines, "",
        f"Peaks of {options.threads} threads in the same run: {peak['f32'] / 1e9:.0f} GFLOP/s in f32, "
        f"{peak['bf16'] / 1e9:.0f} in bf16; they read 500 MB at "
        f"{peaks['read_bytes']['500'] / 1e9:.1f} GB/s."])
    print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "training.json").write_text(json.dumps(dict(peaks=peaks, rows=rows), indent=1))
        (options.out / "training.md").write_text(table + "\n")


if __name__ == "__main__":
    main()
