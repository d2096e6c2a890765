#!/usr/bin/env python3
"""Checks that the documentation tells the truth.

In README files, CONTRIBUTING.md and docs/:
- every ```cpp and ```c fence is a whole program and compiles against include/ alone, with
  all warnings as errors (```cpp internal: against src/, syntax only);
- every `make target` in a ```sh fence is a target, every `jielong command --option` there
  is one that the program knows (when JIELONG_PROGRAM names it);
- every relative link leads to a file.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src(?:set)?=\"([^\"]+)\"")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def documents():
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "bench").glob("*.md"))


def compile_problem(language, internal, code):
    """The compiler's complaint about one program, or an empty string."""
    compiler = ["gcc", "-x", "c", "-std=c99"] if language == "c" else ["g++", "-x", "c++"]
    if language == "cpp":
        compiler += ["-std=c++20", f"-I{ROOT}/src"] if internal else ["-std=c++17"]
    with tempfile.TemporaryDirectory() as folder:
        output = ["-fsyntax-only"] if internal else ["-c", "-o", f"{folder}/snippet.o"]
        run = subprocess.run(
            compiler + WARNINGS + [f"-I{ROOT}/include", *output, "-"],
            input=code, text=True, capture_output=True, check=False)
    return "" if run.returncode == 0 else run.stderr.strip()


def make_targets():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


class Program:
    """What `jielong <command> --help` admits to."""

    def __init__(self, path):
        self.path = path
        self.helps = {}

    def problem(self, words):
        command = words[0] if words else ""
        if not command or command.startswith("-"):
            return ""
        if command not in self.helps:
            run = subprocess.run([self.path, command, "--help"], text=True, capture_output=True,
                                 check=False, stdin=subprocess.DEVNULL)
            self.helps[command] = run.stdout if run.returncode == 0 else None
        text = self.helps[command]
        if text is None:
            return f"jielong has no command {command}"
        for word in words[1:]:
            option = word.split("=")[0]
            if re.fullmatch(r"--?[a-z][a-z-]*", option) and not re.search(
                    rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
                return f"jielong {command} has no option {option}"
        return ""


def shell_problems(code, targets, program):
    code = code.replace("\\\n", " ")
    for line in code.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line)
        for part in re.split(r"\||&&|;", line):
            words = re.findall(r"\"[^\"]*\"|'[^']*'|\S+", part)
            while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=\S*", words[0])):
                words.pop(0)
            if not words:
                continue
            if words[0] == "make":
                for word in words[1:]:
                    if re.fullmatch(r"[a-z-]+", word) and word not in targets:
                        yield f"make has no target {word}"
            elif words[0].split("/")[-1] == "jielong" and program:
                problem = program.problem(words[1:])
                if problem:
                    yield problem


def main():
    program_path = os.environ.get("JIELONG_PROGRAM", "")
    program = Program(program_path) if os.access(program_path, os.X_OK) else None
    targets = make_targets()
    problems, counts = [], {"programs": 0, "shell fences": 0, "links": 0}
    for document in documents():
        text = document.read_text(encoding="utf-8")
        name = document.relative_to(ROOT)
        for match in FENCE.finditer(text):
            language, rest, code = match[1], match[2].strip(), match[3]
            place = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
            if language in ("c", "cpp"):
                counts["programs"] += 1
                problem = compile_problem(language, rest == "internal", code)
                if problem:
                    problems.append(f"{place}: does not compile\n{problem}")
            elif language == "sh":
                counts["shell fences"] += 1
                problems += [f"{place}: {p}" for p in shell_problems(code, targets, program)]
        for match in LINK.finditer(FENCE.sub("", text)):
            target = match[1] or match[2]
            if "://" in target or target.startswith("mailto:"):
                continue
            counts["links"] += 1
            if not (document.parent / target).exists():
                problems.append(f"{name}: the link {target} leads nowhere")
    for problem in problems:
        print(f"error: {problem}")
    if not problems:
        print("check_snippets: " + ", ".join(f"{n} {what}" for what, n in counts.items()) + " hold"
              + ("" if program else " (without the program: options unchecked)"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
