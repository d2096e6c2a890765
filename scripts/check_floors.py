#!/usr/bin/env python3
"""Checks that code includes only its own or lower floors, and how long files are.

Exits with 1 when an include goes upward, sideways, or outside the include root, when a
header lacks its guard, or when a public header drags in more than the standard library.
Files above 600 lines are listed as a warning. `--self-test` proves that each of these is
found.
"""

import re
import sys
import tempfile
from pathlib import Path

# Bottom up; floors of one line stand beside each other and know nothing of each other.
FLOORS = [
    ["base"],
    ["tensor"],
    ["token"],
    ["model"],
    ["generate"],
    ["train"],
    ["evaluate"],
    ["adapt"],
    ["agent", "studio"],
    ["serve"],
    ["cli", "facade"],
]
RANK = {name: rank for rank, names in enumerate(FLOORS) for name in names}
MAX_LINES = 600
CODE = {".h", ".hpp", ".cpp", ".inl", ".c"}
HEADERS = {".h", ".hpp"}
# Seconds of compile time in every file that includes a header that includes these.
HEAVY = {"iostream", "nlohmann/json.hpp", "regex"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def includes(path):
    """(line number, quoted?, name) of every include of a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def check_source(root, path):
    """Problems of one file below src/."""
    floor = path.relative_to(root / "src").parts[0]
    place = path.relative_to(root)
    if floor not in RANK:
        yield f"{place}: src/{floor} is not a floor of the house"
        return
    for number, quoted, name in includes(path):
        target = name.split("/")[0]
        if path.suffix in HEADERS and name in HEAVY:
            yield f"{place}:{number}: <{name}> is too heavy for a header; include it in a .cpp file"
        if not quoted:
            if target in RANK and (root / "src" / name).exists():
                yield f'{place}:{number}: write "{name}" with quotes'
            continue
        if (path.parent / name).exists() and "/" not in name:
            continue  # a sibling in the same folder
        if target == "jielong":
            if floor != "facade":
                yield f"{place}:{number}: only the facade includes the public headers"
        elif target not in RANK:
            yield f'{place}:{number}: "{name}" is not named from src/'
        elif RANK[target] > RANK[floor]:
            yield f"{place}:{number}: {floor} includes {name} of a higher floor"
        elif RANK[target] == RANK[floor] and target != floor:
            yield f"{place}:{number}: {floor} includes {name} of the floor beside it"


def check_public(root, path):
    """Problems of one header below include/: users get these without our libraries."""
    for number, _, name in includes(path):
        if "/" in name and not name.startswith("jielong/") or name in HEAVY:
            yield f"{path.relative_to(root)}:{number}: public headers may not need {name}"


def check(root):
    """All problems of a tree, and the files that are too long."""
    problems, long_files = [], []
    for top in ["src", "include", "tests", "fuzz", "bench"]:
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in CODE or not path.is_file():
                continue
            if top == "src":
                problems += check_source(root, path)
            if top == "include":
                problems += check_public(root, path)
            text = path.read_text(encoding="utf-8")
            guarded = "#pragma once" in text or "#ifndef JIELONG_" in text
            if path.suffix in HEADERS and not guarded:
                problems.append(f"{path.relative_to(root)}: has no #pragma once")
            lines = text.count("\n")
            if lines > MAX_LINES:
                long_files.append((lines, path.relative_to(root)))
    return problems, sorted(long_files, reverse=True)


def self_test():
    """Builds a small house with one fault a file and expects each to be named."""
    faults = {
        "src/base/up.cpp": ('#include "model/model.h"\n', "higher floor"),
        "src/agent/aside.cpp": ('#include "studio/slides.h"\n', "beside it"),
        "src/attic/lost.cpp": ("", "not a floor"),
        "src/tensor/wild.cpp": ('#include "../base/error.h"\n', "not named from src/"),
        "src/token/pointed.cpp": ("#include <base/error.h>\n", "with quotes"),
        "src/model/heavy.h": ("#pragma once\n#include <iostream>\n", "too heavy"),
        "src/model/open.h": ("int x;\n", "no #pragma once"),
        "src/cli/outside.cpp": ('#include "jielong/jielong.hpp"\n', "only the facade"),
        "include/jielong/greedy.hpp": ("#pragma once\n#include <fmt/format.h>\n", "may not need"),
    }
    sound = {
        "src/base/error.h": "#pragma once\n#include <string>\n",
        "src/model/model.h": '#pragma once\n#include "base/error.h"\n#include "token/token.h"\n',
        "src/studio/slides.h": '#pragma once\n#include "model/model.h"\n',
        "tests/base/long_test.cpp": "\n" * (MAX_LINES + 1),
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in sound.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        problems, long_files = check(root)
        assert not problems, problems
        assert [str(path) for _, path in long_files] == ["tests/base/long_test.cpp"], long_files
        for name, (text, _) in faults.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        problems, _ = check(root)
        for name, (_, expected) in faults.items():
            found = [p for p in problems if p.startswith(name) and expected in p]
            assert found, f"{name}: expected “{expected}” among {problems}"
        assert len(problems) == len(faults), problems
    print(f"check_floors: self-test passed ({len(faults)} faults found)")


def main():
    if "--self-test" in sys.argv[1:]:
        self_test()
        return 0
    root = Path(__file__).resolve().parent.parent
    problems, long_files = check(root)
    for lines, path in long_files:
        print(f"warning: {path} has {lines} lines, more than {MAX_LINES}")
    for problem in problems:
        print(f"error: {problem}")
    if not problems:
        print("check_floors: every include looks downward")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
