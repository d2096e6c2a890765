"""Judges the random walks of json_schema_walks_test.cpp with the Python package jsonschema.

    python3 tests/generate/goldens/check_walks.py walks.jsonl
"""

import collections
import decimal
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

# Without another package it takes RFC 3339's times for wrong, so these are not asked about.
FORMATS = FormatChecker(["date", "date-time", "uuid", "email", "ipv4", "ipv6"])


def errors_of(line, parse_float):
    """What is wrong, with numbers read as `parse_float`."""
    entry = json.loads(line, parse_float=parse_float)
    value = json.loads(entry["text"], parse_float=parse_float)
    validator = Draft202012Validator(entry["schema"], format_checker=FORMATS)
    return [error.message for error in validator.iter_errors(value)]


def main():
    walks = wrong = 0
    schemas = collections.Counter()
    for line in open(sys.argv[1], encoding="utf-8"):
        entry = json.loads(line)
        schemas[json.dumps(entry["schema"])] += 1
        walks += 1
        errors = errors_of(line, float)
        if errors:  # binary fractions are no multiples of 0.0001, decimal ones are
            errors = errors_of(line, decimal.Decimal)
        if errors:
            wrong += 1
            print("WRONG", json.dumps(entry["schema"])[:300], entry["text"][:300], errors[0][:200])
    print(f"{walks} walks under {len(schemas)} schemas, {wrong} not valid")
    sys.exit(wrong > 0)


main()
