#!/usr/bin/env python3
"""Learns a tokenizer with Jielong and with Hugging Face's `tokenizers`, alternately, on the same lines
and threads, and compares what they learn and how long they take.

    bench/tokenizer_training.py build/release/jielong TEXT... [--vocabulary N] [--pairs N] [--threads N]

Jielong's time is that of the whole process, from the start to the written file; that of
`tokenizers` is the training alone, without Python's start, with its lines already in memory.
Needs: pip install tokenizers.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def reference(lines, kind, vocabulary):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary, min_frequency=2, special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=vocabulary, unk_token="<unk>",
                                          special_tokens=["<unk>"], show_progress=False)
    start = time.perf_counter()
    tokenizer.train_from_iterator(lines, trainer, length=len(lines))
    return tokenizer, time.perf_counter() - start


def ours(program, files, kind, vocabulary, threads, folder):
    start = time.perf_counter()
    subprocess.run([program, "tokenizer", "train", *files, "-o", folder, "--cut", "lines", "--kind", kind,
                    "-n", str(vocabulary), "-t", str(threads), "--force", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("program")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--kind", choices=["bpe", "unigram"], default="bpe")
    parser.add_argument("--vocabulary", type=int, default=16000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"

    lines = []
    for path in sorted(options.files):
        with open(path, encoding="utf-8", newline="\n") as file:
            lines += [line.rstrip("\n").removesuffix("\r") for line in file]
    lines = [line for line in lines if line.strip(" \t\v\f\r")]
    size = sum(len(line.encode()) for line in lines)
    print(f"{size / 1e6:.1f} MB in {len(lines)} lines, {options.kind}, {options.vocabulary} tokens, "
          f"{options.threads} threads", flush=True)

    ratios, pairs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.pairs):
            times = {}
            for name in ("jielong", "tokenizers") if i % 2 == 0 else ("tokenizers", "jielong"):
                if name == "jielong":
                    times[name] = ours(options.program, options.files, options.kind, options.vocabulary,
                                       options.threads, folder)
                else:
                    theirs, times[name] = reference(lines, options.kind, options.vocabulary)
            ratios.append(times["tokenizers"] / times["jielong"])
            pairs.append(times)
            print(f"  jielong {times['jielong']:.2f} s, tokenizers {times['tokenizers']:.2f} s", flush=True)
        from tokenizers import Tokenizer
        mine = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        sample = lines[:: max(1, len(lines) // 2000)]
        same_ids = all(mine.encode(line, add_special_tokens=False).ids == theirs.encode(line).ids
                       for line in sample) if options.kind == "bpe" else None
        if same_ids is not None:
            a, b = (json.loads(t.to_str())["model"] for t in (mine, theirs))
            print(f"vocabulary equal: {a['vocab'] == b['vocab']}, merges equal: {a['merges'] == b['merges']}, "
                  f"ids of {len(sample)} lines equal: {same_ids}")
    median = statistics.median(ratios)
    print(f"jielong / tokenizers: {median:.2f} ({min(ratios):.2f}–{max(ratios):.2f}) times as fast, "
          f"median of {len(ratios)} pairs")
    return 0 if same_ids is not False else 1


if __name__ == "__main__":
    sys.exit(main())
