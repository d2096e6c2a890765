#!/usr/bin/env python3
"""Renders every template of this folder with Jinja2, set up as transformers sets it up.

Writes goldens.json: for each template and chat, the text that Jinja2 gave, or "error".
Needs the package jinja2; run it after changing a template, chats.json or snippets.json.
"""
import datetime
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2026, 11, 5, 14, 3, 9)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_run"), [], [], body).set_lineno(line)

    def _run(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: NOW.strftime(form)
    return env


def normalized(messages):
    """What transformers does to messages before a template sees them."""
    out = []
    for message in messages:
        message = {key: value for key, value in message.items() if value is not None}
        for name in ("reasoning_content", "thinking", "reasoning"):
            if name in message:
                reasoning = message[name]
                message.setdefault("thinking", reasoning)
                message["reasoning_content"] = reasoning
                break
        out.append(message)
    return out


def render(source, chat):
    variables = {"messages": normalized(chat.get("messages", [])), "tools": chat.get("tools"),
                 "documents": None,
                 "add_generation_prompt": chat.get("add_generation_prompt", True)}
    for name in ("bos_token", "eos_token"):
        if name in chat:
            variables[name] = chat[name]
    variables.update(chat.get("extra", {}))
    try:
        return {"output": environment().from_string(source).render(**variables)}
    except Exception as error:  # whatever Python raises, our engine must refuse too
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    chats = json.loads((HERE / "chats.json").read_text(encoding="utf-8"))
    snippets = json.loads((HERE / "snippets.json").read_text(encoding="utf-8"))
    goldens = {"templates": {}, "snippets": []}
    for path in sorted(HERE.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        results = {}
        for name, chat in chats.items():
            result = render(source, chat)
            results[name] = result.get("output")  # null: must be refused
        goldens["templates"][path.name] = results
        print(path.name, sum(r is not None for r in results.values()), "of", len(results))
    for source in snippets["sources"]:
        goldens["snippets"].append(render(source, {"extra": snippets["variables"]}).get("output"))
    text = json.dumps(goldens, ensure_ascii=False, indent=0)
    (HERE / "goldens.json").write_text(text + "\n", encoding="utf-8")
    refused = sum(output is None for output in goldens["snippets"])
    print(len(goldens["snippets"]), "snippets,", refused, "of them refused")


if __name__ == "__main__":
    sys.exit(main())
