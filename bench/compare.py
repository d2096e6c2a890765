#!/usr/bin/env python3
"""Measures Jielong beside llama.cpp and, if it was built, ik_llama.cpp.

  bench/compare.py --jielong build/release/jielong --llama build/peers/llama.cpp/bin \\
                   --probe build/release/bench_peak MODEL.gguf...

Every figure is one process run. In each round every cell (model, test, threads) is measured once
with each engine, the engines one right after the other and in an order that changes from round to
round; so a disturbance meets all of them, and when time runs out (--minutes) every cell has about
equally many pairs. A ratio is the median of the ratios within the pairs. Before the first round
each peer tries its settings once for each cell, and goes on with its fastest (--settings takes
them from the JSON of an earlier run instead).

Needs Python 3.9 and nothing else. How to read the table: bench/README.md.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

PROMPT = "The capital of France is"
LARGE_MODEL = 600_000_000  # bytes; above, fewer tokens are generated


# ---------------------------------------------------------------- models and tests


@dataclass(frozen=True)
class Test:
    """`prompt` or `generate` tokens, after `depth` tokens that are not timed."""

    prompt: int = 0
    generate: int = 0
    depth: int = 0

    @property
    def name(self):
        name = f"pp{self.prompt}" if self.prompt else f"tg{self.generate}"
        return name + (f" @ {self.depth}" if self.depth else "")

    @staticmethod
    def parse(text):
        match = re.fullmatch(r"(pp|tg)(\d+)(?:@(\d+))?", text)
        if not match:
            sys.exit(f"error: {text} is no test; write pp512, tg128 or tg32@2048")
        count, depth = int(match[2]), int(match[3] or 0)
        return Test(depth=depth, **{"prompt" if match[1] == "pp" else "generate": count})


@dataclass
class Model:
    """What a token costs, from the tensors of a GGUF file."""

    path: Path
    decode_bytes: int  # of weights that one decoded token reads
    layer_products: int  # multiplications of one prompt token; the head is for the last one only
    kv_widths: list = field(default_factory=list)  # (values of K and V a position, window), a layer

    @property
    def name(self):
        return self.path.name.removesuffix(".gguf")

    def cache_bytes(self, depth):
        """Bytes of f16 keys and values that a token at `depth` reads."""
        return sum(2 * width * min(depth, window or depth) for width, window in self.kv_widths)

    @staticmethod
    def load(path, jielong):
        tensors = ask_json([jielong, "show", path, "--json", "--tensors"])["tensors"]
        facts = ask_json([jielong, "show", path, "--json", "--metadata"])
        by_name = {tensor["name"]: tensor for tensor in tensors}
        read = sum(tensor["bytes"] for tensor in tensors)
        if "output.weight" in by_name:  # then one row of the embeddings is read, not all
            read -= by_name["token_embd.weight"]["bytes"]
        products, widths = 0, []
        for tensor in tensors:
            if tensor["name"].startswith("blk.") and len(tensor["shape"]) == 2:
                products += tensor["shape"][0] * tensor["shape"][1]
        family = facts["general.architecture"]
        window = int(facts.get(f"{family}.attention.sliding_window", 0))
        for layer in range(int(facts[f"{family}.block_count"])):
            width = sum(by_name[f"blk.{layer}.attn_{x}.weight"]["shape"][0] for x in "kv")
            # Gemma 3 looks at everything in each sixth layer; others use one window or none.
            local = window and not (family == "gemma3" and layer % 6 == 5)
            widths.append((width, window if local else 0))
        return Model(Path(path), read, products, widths)


# ---------------------------------------------------------------- engines


def run(command, **options):
    """The finished process; ends this program with its last words if it failed."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n"
                           f"{done.stderr[-1500:]}")
    return done.stdout


def ask_json(command):
    return json.loads(run(command))


class Jielong:
    name = "jielong"
    settings = [()]

    def __init__(self, program):
        self.program = program

    def speed(self, model, test, threads, _settings):
        return ask_json([self.program, "bench", model.path, "--json", "--no-bandwidth", "-r", 1,
                         "-p", test.prompt, "-n", test.generate, "-d", test.depth,
                         "-t", threads])["tests"][0]["tokens_per_second"]

    def first_token(self, model, threads):
        # -q: the answer only, without the prompt before it
        return [self.program, "run", model.path, "-q", "--raw", "--temp", 0, "-n", 1,
                "-c", 2048, "-t", threads, PROMPT]


class Llama:
    """--repack 0 also switches AMX off, since both lay weights out anew."""

    name = "llama.cpp"
    settings = [("-fa", a, "--repack", r) for r in (1, 0) for a in ("off", "on")]

    def __init__(self, folder):
        self.folder = Path(folder)

    def speed(self, model, test, threads, settings):
        return ask_json([self.folder / "llama-bench", "-m", model.path, "-o", "json", "-r", 1,
                         "-p", test.prompt, "-n", test.generate, "-d", test.depth,
                         "-t", threads, *settings])[0]["avg_ts"]

    def first_token(self, model, threads):
        return [self.folder / "llama-completion", "-m", model.path, "-no-cnv", "--no-warmup",
                "--no-display-prompt", "--temp", 0, "-n", 1, "-c", 2048, "-t", threads,
                "-p", PROMPT]


class IkLlama(Llama):
    name = "ik_llama.cpp"
    settings = [("-fa", a, "-rtr", r) for r in (1, 0) for a in (1, 0)]

    def speed(self, model, test, threads, settings):
        # Its llama-bench measures decoding at a depth as -gp, and has defaults for -p and -n.
        what = ["-p", test.prompt, "-n", test.generate]
        if test.depth:
            what = ["-p", 0, "-n", 0, "-gp", f"{test.depth},{test.generate}"]
        return ask_json([self.folder / "llama-bench", "-m", model.path, "-o", "json", "-r", 1,
                         *what, "-t", threads, *settings])[0]["avg_ts"]


# ---------------------------------------------------------------- first token and memory


def first_token(command):
    """(milliseconds from start to the first byte of the answer, to the end; peak RSS in MB)"""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=errors)
        byte = os.read(child.stdout.fileno(), 1)
        first = time.perf_counter() - start
        while os.read(child.stdout.fileno(), 65536):
            pass
        _, status, usage = os.wait4(child.pid, 0)
        whole = time.perf_counter() - start
        child.returncode = status  # it has been waited for
        child.stdout.close()
        if status != 0 or not byte:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n"
                               f"{errors.read()[-1500:].decode(errors='replace')}")
    return {"first_ms": first * 1e3, "whole_ms": whole * 1e3, "peak_mb": usage.ru_maxrss / 1e3}


# ---------------------------------------------------------------- measuring


@dataclass
class Cell:
    model: Model
    test: Test
    threads: int
    settings: dict = field(default_factory=dict)  # of each engine
    trials: dict = field(default_factory=dict)
    speeds: list = field(default_factory=list)  # one dict a pair: engine -> tokens/s

    @property
    def title(self):
        return f"{self.model.name} {self.test.name} on {self.threads}"

    def choose_settings(self, engine, known):
        key = (self.model.name, self.test.name, self.threads, engine.name)
        if len(engine.settings) == 1 or key in known:
            self.settings[engine.name] = known.get(key, engine.settings[0])
            return
        trials = {}
        for settings in engine.settings:
            try:
                trials[settings] = engine.speed(self.model, self.test, self.threads, settings)
            except RuntimeError as error:
                say(f"  left out: {error}")
        if not trials:
            raise RuntimeError(f"{engine.name} cannot do {self.title}")
        self.settings[engine.name] = max(trials, key=trials.get)
        self.trials[engine.name] = {" ".join(map(str, k)): v for k, v in trials.items()}

    def measure(self, engines):
        self.speeds.append({engine.name: engine.speed(self.model, self.test, self.threads,
                                                      self.settings[engine.name])
                            for engine in engines})


def say(text):
    print(text, file=sys.stderr, flush=True)


def rotate(items, by):
    by %= len(items)
    return items[by:] + items[:by]


class Comparison:
    def __init__(self, options, engines):
        self.options, self.engines = options, engines
        self.models = [Model.load(path, options.jielong) for path in options.models]
        self.sizes = sorted({megabytes(model) for model in self.models})
        self.threads = [int(x) for x in options.threads.split(",")]
        self.cells, self.limits, self.starts = [], [], {}
        for model in self.models:
            for test in self.tests(model):
                self.cells += [Cell(model, test, threads) for threads in self.threads]
        self.end = time.monotonic() + options.minutes * 60 if options.minutes else None

    def tests(self, model):
        if self.options.tests:
            return [Test.parse(text) for text in self.options.tests.split(",")]
        generate = 64 if model.decode_bytes > LARGE_MODEL else 128
        return [Test(prompt=512), Test(generate=generate), Test(generate=32, depth=2048)]

    def out_of_time(self):
        return self.end is not None and time.monotonic() > self.end

    def probe(self):
        if self.options.probe:
            self.limits.append({row["threads"]: row for row in ask_json(
                [self.options.probe, f"threads={self.options.threads}",
                 "megabytes=" + ",".join(map(str, self.sizes))])})

    def measure_starts(self):
        """Each engine with a program for it, alternated; the last thread count."""
        able = [engine for engine in self.engines if engine.name in ("jielong", "llama.cpp")]
        for model in self.models:
            rows = self.starts.setdefault(model.name, [])
            try:
                for pair in range(self.options.pairs):
                    rows.append({engine.name: first_token(engine.first_token(model,
                                                                             self.threads[-1]))
                                 for engine in rotate(able, pair)})
            except (RuntimeError, OSError) as error:
                say(f"first token of {model.name} left out: {error}")

    def known_settings(self):
        if not self.options.settings:
            return {}
        rows = json.loads(Path(self.options.settings).read_text())["tests"]
        return {(row["model"], row["test"], row["threads"], name): tuple(chosen.split())
                for row in rows for name, chosen in row["settings"].items()}

    def run(self):
        known = self.known_settings()
        for cell in self.cells:
            for engine in self.engines:
                cell.choose_settings(engine, known)
            say(f"{cell.title}: " + "; ".join(
                f"{name} {' '.join(map(str, chosen))}"
                for name, chosen in cell.settings.items() if chosen))
        self.measure_pairs()
        self.measure_starts()

    def measure_pairs(self):
        for pair in range(self.options.pairs):
            self.probe()
            for cell in self.cells:
                if self.out_of_time():
                    say("out of time")
                    return
                cell.measure(rotate(self.engines, pair))
                say(f"pair {pair + 1} of {self.options.pairs}, {cell.title}: " + ", ".join(
                    f"{name} {speed:.1f}" for name, speed in cell.speeds[-1].items()))
            self.save()

    def save(self):
        if self.options.json:
            Path(self.options.json).write_text(json.dumps(self.to_json(), indent=1) + "\n")

    # ------------------------------------------------------------ results

    def limit(self, threads, *keys):
        """The best of the rounds, since disturbance only lowers it; 0 if there was no probe."""
        found = []
        for round_ in self.limits:
            value = round_[threads]
            for key in keys:
                value = value[key]
            found.append(value)
        return max(found, default=0)

    def share(self, cell, speed):
        """Share of the limit that binds: read bandwidth for decoding, products for prompts."""
        if not self.limits:
            return None
        if cell.test.prompt:
            peak = max(self.limit(cell.threads, kind)
                       for kind in ("vector_products", "tile_products"))
            return cell.model.layer_products * speed / peak if peak else None
        read = cell.model.decode_bytes + cell.model.cache_bytes(cell.test.depth)
        return read * speed / self.limit(cell.threads, "read_bytes", str(megabytes(cell.model)))

    def row(self, cell):
        row = {"model": cell.model.name, "test": cell.test.name, "threads": cell.threads,
               "pairs": len(cell.speeds), "engines": {},
               "settings": {name: " ".join(map(str, s)) for name, s in cell.settings.items()},
               "trials": cell.trials}
        for engine in self.engines:
            speeds = [pair[engine.name] for pair in cell.speeds]
            ratios = [pair["jielong"] / pair[engine.name] for pair in cell.speeds]
            median = statistics.median(speeds)
            row["engines"][engine.name] = {
                "tokens_per_second": median, "least": min(speeds), "most": max(speeds),
                "speeds": speeds, "ratio": statistics.median(ratios),
                "least_ratio": min(ratios), "most_ratio": max(ratios),
                "share_of_limit": self.share(cell, median)}
        peers = [row["engines"][e.name]["ratio"] for e in self.engines if e.name != "jielong"]
        row["ratio_to_better_peer"] = min(peers) if peers else None
        row["floor"] = 1.1 if cell.test.generate and cell.model.decode_bytes > LARGE_MODEL else 1.3
        return row

    def rows(self):
        return [self.row(cell) for cell in self.cells if cell.speeds]

    def start_rows(self):
        rows = []
        for model, pairs in self.starts.items():
            for engine in pairs[0] if pairs else []:
                rows.append({"model": model, "engine": engine, "pairs": len(pairs)} | {
                    key: statistics.median(pair[engine][key] for pair in pairs)
                    for key in ("first_ms", "whole_ms", "peak_mb")})
        return rows

    def to_json(self):
        return {"processor": processor(), "cores": os.cpu_count(), "load": os.getloadavg(),
                "tests": self.rows(), "starts": self.start_rows(), "limits": self.limits,
                "models": [{"name": m.name, "decode_bytes": m.decode_bytes,
                            "layer_products": m.layer_products,
                            "cache_bytes_at_2048": m.cache_bytes(2048)} for m in self.models]}

    def markdown(self):
        return "\n\n".join(filter(None, (self.speed_table(), self.start_table(),
                                         self.limit_table())))

    def speed_table(self):
        peers = [engine.name for engine in self.engines if engine.name != "jielong"]
        head = ["model", "test", "threads", "jielong, tokens/s", "of the limit"]
        for peer in peers:
            head += [f"{peer}, tokens/s", "of the limit", f"jielong / {peer}"]
        lines = [head + ["floor", "pairs"], ["---"] * 2 + ["--:"] * len(head)]
        for row in self.rows():
            line = [row["model"], row["test"], str(row["threads"])]
            for name in ["jielong", *peers]:
                figures = row["engines"][name]
                share = figures["share_of_limit"]
                line += [spread("tokens_per_second", "least", "most", figures, 0),
                         "" if share is None else f"{share:.0%}"]
                if name != "jielong":
                    line.append(spread("ratio", "least_ratio", "most_ratio", figures, 2))
            if peers:
                met = row["ratio_to_better_peer"] >= row["floor"]
                line.append(f"{row['floor']} {'met' if met else '**missed**'}")
            else:
                line.append("")
            lines.append(line + [str(row["pairs"])])
        return table(lines) if len(lines) > 2 else ""

    def start_table(self):
        lines = [["model", "engine", "first token, ms", "whole run, ms", "peak RSS, MB", "runs"],
                 ["---", "---", "--:", "--:", "--:", "--:"]]
        for row in self.start_rows():
            lines.append([row["model"], row["engine"], f"{row['first_ms']:.0f}",
                          f"{row['whole_ms']:.0f}", f"{row['peak_mb']:.0f}", str(row["pairs"])])
        return table(lines) if len(lines) > 2 else ""

    def limit_table(self):
        if not self.limits:
            return ""
        lines = [["threads", "int8, vector units, TOPS", "int8, tiles, TOPS"]
                 + [f"read {size} MB, GB/s" for size in self.sizes],
                 ["--:"] * (3 + len(self.sizes))]
        for threads in self.threads:
            lines.append([str(threads)]
                         + [f"{2 * self.limit(threads, kind) / 1e12:.2f}"
                            for kind in ("vector_products", "tile_products")]
                         + [f"{self.limit(threads, 'read_bytes', str(size)) / 1e9:.1f}"
                            for size in self.sizes])
        return table(lines)


def megabytes(model):
    return max(1, round(model.decode_bytes / 1e6))


def spread(middle, least, most, figures, digits):
    return (f"{figures[middle]:.{digits}f} "
            f"({figures[least]:.{digits}f}–{figures[most]:.{digits}f})")


def table(lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--jielong", default="build/release/jielong", help="the program")
    parser.add_argument("--llama", help="folder of llama.cpp's programs")
    parser.add_argument("--ik", help="folder of ik_llama.cpp's programs")
    parser.add_argument("--probe", help="bench_peak; without it no shares of the limits")
    parser.add_argument("--threads", default="1,2" if (os.cpu_count() or 1) > 1 else "1")
    parser.add_argument("--tests", help="pp512,tg128,tg32@2048 (default; tg64 for large models)")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each engine for each cell")
    parser.add_argument("--minutes", type=float, help="begin no cell after this long")
    parser.add_argument("--settings", metavar="JSON", help="the peers' settings of an earlier run")
    parser.add_argument("--json", help="also write all figures here, after every round")
    options = parser.parse_args()
    engines = [Jielong(options.jielong)]
    if options.llama:
        engines.append(Llama(options.llama))
    if options.ik:
        engines.append(IkLlama(options.ik))
    try:
        comparison = Comparison(options, engines)
        try:
            comparison.run()
        except KeyboardInterrupt:
            say("stopped; what was measured until now:")
        comparison.save()
        print(comparison.markdown())
    except RuntimeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
