#!/usr/bin/env python3
"""Draws docs/architecture.svg and architecture-dark.svg: the floors, and the loop they serve."""

from pathlib import Path

FLOORS = [  # top down: name, what it is for, whether code stands there already
    ("cli · facade", "the doors: the program, the C and C++ interface", True),
    ("serve", "HTTP server, three API dialects, the page", True),
    ("agent · studio", "what the AI does", False),
    ("adapt", "LoRA, edit, merge, patch, receipt", False),
    ("evaluate", "what a model can do: tasks, experiments", True),
    ("train", "finding θ: data, loss, optimizers, checkpoints, reports", True),
    ("generate", "continuing many chains: samplers, dice, grammars", True),
    ("model", "f_θ: families, layers, weight files, templates, store", True),
    ("token", "things ↔ tokens, one vocabulary", True),
    ("tensor", "formats, kernels per instruction set, ops, gradients", True),
    ("base", "errors, files, threads, random numbers, JSON, UTF-8", True),
]
LOOP = [  # clockwise: title, detail, floor
    ("text", "“台灣大”", "cli"),
    ("tokens", "[ 57, 903, 12 ]", "token"),
    ("f_θ", "a stack of layers", "model"),
    ("distribution", "學 0.6   車 0.2   哥 0.1", "generate"),
    ("samplers, dice", "→ 學", "generate"),
]
THEMES = {
    "architecture.svg": dict(ink="#1f2328", soft="#59636e", line="#8c959f", floor="#eef4fb",
                             ghost="#ffffff", node="#fff4e0", accent="#b35900", paper="#ffffff"),
    "architecture-dark.svg": dict(ink="#e6edf3", soft="#9198a1", line="#6e7681", floor="#16263a",
                                  ghost="#0d1117", node="#3a2a12", accent="#f0a848",
                                  paper="#0d1117"),
}
WIDTH, TOP, HEIGHT, LEFT, FLOOR_WIDTH = 980, 96, 40, 24, 540


def house(colour):
    """The floors under their roof."""
    right = LEFT + FLOOR_WIDTH
    middle = (LEFT + right) / 2
    yield (f'<path d="M{LEFT - 14} {TOP - 6} L{middle} 20 L{right + 14} {TOP - 6} Z" fill="none" '
           f'stroke="{colour["line"]}" stroke-width="2" stroke-linejoin="round"/>')
    yield (f'<text x="{middle}" y="{TOP - 24}" text-anchor="middle" font-size="21" '
           f'font-weight="600" fill="{colour["ink"]}">接龍 Jielong</text>')
    for row, (name, purpose, built) in enumerate(FLOORS):
        y = TOP + row * HEIGHT
        dash = "" if built else ' stroke-dasharray="4 4"'
        fill = colour["floor"] if built else colour["ghost"]
        ink = colour["ink"] if built else colour["soft"]
        yield (f'<rect x="{LEFT}" y="{y}" width="{FLOOR_WIDTH}" height="{HEIGHT - 4}" rx="4" '
               f'fill="{fill}" stroke="{colour["line"]}"{dash}/>')
        yield (f'<text x="{LEFT + 14}" y="{y + 23}" font-size="15" font-weight="600" '
               f'fill="{ink}">{name}</text>')
        yield f'<text x="{LEFT + 150}" y="{y + 23}" font-size="14" fill="{colour["soft"]}">{purpose}</text>'
    bottom = TOP + len(FLOORS) * HEIGHT
    yield (f'<text x="{LEFT}" y="{bottom + 20}" font-size="13" fill="{colour["soft"]}">'
           'A file includes only its own floor or lower ones. Dashed: to come.</text>')


def loop(colour):
    """Text to tokens to distribution to dice, and round again."""
    x, width, height, gap = 650, 290, 58, 28
    y = TOP
    tops = []
    for title, detail, floor in LOOP:
        tops.append(y)
        yield (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" '
               f'fill="{colour["node"]}" stroke="{colour["accent"]}"/>')
        yield (f'<text x="{x + 16}" y="{y + 24}" font-size="16" font-weight="600" '
               f'fill="{colour["ink"]}">{title}</text>')
        yield (f'<text x="{x + width - 14}" y="{y + 24}" text-anchor="end" font-size="12" '
               f'fill="{colour["soft"]}">{floor}</text>')
        yield (f'<text x="{x + 16}" y="{y + 45}" font-size="14" fill="{colour["ink"]}" '
               f'xml:space="preserve">{detail}</text>')
        y += height + gap
    for top in tops[:-1]:
        yield (f'<path d="M{x + width / 2} {top + height} v{gap - 3}" fill="none" '
               f'stroke="{colour["accent"]}" stroke-width="2" marker-end="url(#arrow)"/>')
    # Append: from the dice back to the tokens, along the left side.
    start, end, out = tops[4] + height / 2, tops[1] + height / 2, x - 34
    yield (f'<path d="M{x} {start} H{out + 10} Q{out} {start} {out} {start - 10} V{end + 10} '
           f'Q{out} {end} {out + 10} {end} H{x - 3}" fill="none" stroke="{colour["accent"]}" '
           'stroke-width="2" marker-end="url(#arrow)"/>')
    middle = (start + end) / 2
    yield (f'<text transform="translate({out - 8} {middle}) rotate(-90)" text-anchor="middle" '
           f'font-size="13" fill="{colour["accent"]}">append, until END</text>')


def draw(colour):
    height = TOP + len(FLOORS) * HEIGHT + 36
    body = "\n".join([*house(colour), *loop(colour)])
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" \
font-family="system-ui, 'Noto Sans', 'Noto Sans CJK TC', sans-serif" role="img">
<title>The floors of Jielong, and the loop they serve</title>
<defs><marker id="arrow" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0 L10 5 L0 10 Z" fill="{colour["accent"]}"/></marker></defs>
<rect width="{WIDTH}" height="{height}" fill="{colour["paper"]}"/>
{body}
</svg>
"""


if __name__ == "__main__":
    for name, colour in THEMES.items():
        (Path(__file__).parent / name).write_text(draw(colour), encoding="utf-8")
