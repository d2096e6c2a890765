"""Writes gbnf_cases.json: what the Earley parser of the package lark says about random texts.

    pip install lark
    python3 tests/generate/goldens/make_gbnf_cases.py

Every grammar is written twice, in GBNF and for lark; texts are made by changing some that match.
"""

import json
import pathlib
import random

import lark

GRAMMARS = [
    (r'''root ::= expr
expr ::= term ([-+] term)*
term ::= factor ("*" factor)*
factor ::= [0-9]+ | "(" expr ")" | "-" factor''',
     r'''start: expr
expr: term (/[-+]/ term)*
term: factor ("*" factor)*
factor: /[0-9]/+ | "(" expr ")" | "-" factor''',
     ["1+2*(3-4)", "-(12)", "7*7"], "0123+-*()"),
    (r'''root ::= "a" root "a" | "b" root "b" | [ab]?''',
     r'''start: "a" start "a" | "b" start "b" | /[ab]/?''',
     ["abba", "ababa", "b"], "ab"),
    (r'''root ::= s
s ::= "if" c s ("else" s)? | "x"
c ::= "(" [a-c]+ ")"''',
     r'''start: s
s: "if" c s ("else" s)? | "x"
c: "(" /[a-c]/+ ")"''',
     ["if(a)x", "if(ab)if(c)xelsex", "x"], "ifelsx(abc)"),
    (r'''root ::= "a" root "b" | "a" root "c" | ""''',
     r'''start: "a" start "b" | "a" start "c" |''',
     ["aabc", "ab", "aaabcb"], "abc"),
    (r'''root ::= list
list ::= "[" ws (list (ws "," ws list)*)? ws "]" | [x-z]{1,3}
ws ::= [ \n]{0,2}''',
     r'''start: list
list: "[" ws (list (ws "," ws list)*)? ws "]" | /[x-z]/~1..3
ws: /[ \n]/~0..2''',
     ["[x, [yz,zz ]]", "[ ]", "xyz"], "[]xyz, \n"),
    (r'''root ::= (a | b)+ a?
a ::= "x" "y"?
b ::= "y" | "xx" a{0,2} "z"''',
     r'''start: (a | b)+ a?
a: "x" "y"?
b: "y" | "xx" a~0..2 "z"''',
     ["xyxxxz", "xxz", "yyx"], "xyz"),
    (r'''root ::= e e "k" e
e ::= ("é" | "中" e)? # maybe nothing''',
     r'''start: e e "k" e
e: ("é" | "中" e)?''',
     ["é中ké", "k", "中中ék中"], "é中k"),
    (r'''root ::= [^a-c"\\]{2} ("\"" | "\\")* .''',
     r'''start: /[^a-c"\\]/~2 (/"/ | /\\/)* /./''',
     ['xy"\\z', "??!", "dd\"\""], "abcd\"\\xy中"),
]


def mutate(text, alphabet, rng):
    letters = list(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(letters))
        kind = rng.randint(0, 3)
        if kind == 0 and letters:
            del letters[min(at, len(letters) - 1)]
        elif kind == 1:
            letters.insert(at, rng.choice(alphabet))
        elif kind == 2 and letters:
            letters[min(at, len(letters) - 1)] = rng.choice(alphabet)
        elif letters:
            begin = rng.randint(0, len(letters) - 1)
            letters[at:at] = letters[begin : begin + 5]
    return "".join(letters)[:24]


def main():
    rng = random.Random(3)
    cases = []
    for gbnf, other, seeds, alphabet in GRAMMARS:
        parser = lark.Lark(other, parser="earley", lexer="dynamic_complete")

        def accepts(text):
            try:
                parser.parse(text)
                return True
            except lark.exceptions.LarkError:
                return False

        answers = {text: accepts(text) for text in [*seeds, ""]}
        while len(answers) < 80:
            fitting = [text for text, fits in answers.items() if fits]
            text = mutate(rng.choice(fitting), alphabet, rng)
            answers[text] = accepts(text)
        assert all(answers[seed] for seed in seeds), gbnf
        cases.append({
            "grammar": gbnf,
            "accept": [text for text, fits in answers.items() if fits],
            "reject": [text for text, fits in answers.items() if not fits],
        })
    path = pathlib.Path(__file__).with_name("gbnf_cases.json")
    path.write_text(json.dumps(cases, indent=0) + "\n")


main()
