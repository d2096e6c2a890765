"""Writes lines.json: 5,500 short texts in many scripts, the same on every run.

Words are our own lists of everyday words; random Unicode takes only characters that
Python's unicodedata knows, so that younger and older Unicode tables agree about them.
"""
import json
import random
import unicodedata

WORDS = {
    "english": "the a cat house running quickly don't we'll I'm they've she'd it's THE Hello World "
               "tokenizer unbelievable 2024 3.14 e-mail naive co-operate chain language model".split(),
    "german": "der die das Straße größer Übung schön Äpfel Öl Fußgängerübergang heißt München ß".split(),
    "french": "le garçon été où naïve œuvre l'eau d'accord aujourd'hui ça Noël coûte où".split(),
    "polish": "zażółć gęślą jaźń łódź święto źdźbło ćma żółw".split(),
    "turkish": "İstanbul ışık şeker çocuk ğ ÜÇ ılık iğne Diyarbakır".split(),
    "vietnamese": "tiếng Việt đường phở người không được những Nguyễn ơi".split(),
    "russian": "привет мир язык модель Москва ёлка объём не бы что это Россия съешь".split(),
    "greek": "γλώσσα καλημέρα κόσμε Ελλάδα ΐ άνθρωπος ΣΊΣΥΦΟΣ ς".split(),
    "chinese": "接龍 語言 模型 台灣大學 車 哥 今天天氣很好 我们 学习 人工智能 。 ， ！ 「你好」 一二三 龘".split(),
    "japanese": "こんにちは 世界 カタカナ ひらがな 東京都 ﾊﾝｶｸ 学校へ行きます ー 々 『本』 がぎぐげご".split(),
    "korean": "안녕하세요 세계 한국어 모델 토큰 대학교 값 뷁 ㅋㅋㅋ 서울특별시".split(),
    "arabic": "مرحبا بالعالم اللغة العربية كِتَابٌ ١٢٣ ، السلام عليكم ﷺ".split(),
    "hebrew": "שלום עולם שָׁלוֹם ירושלים ספר מודל".split(),
    "hindi": "नमस्ते दुनिया भाषा क्षेत्र १२३ विद्यालय हिन्दी ज़िंदगी".split(),
    "bengali": "বাংলা ভাষা নমস্কার বিশ্ব ক্ষ".split(),
    "tamil": "வணக்கம் உலகம் தமிழ் மொழி".split(),
    "thai": "สวัสดี โลก ภาษาไทย กรุงเทพมหานคร น้ำ ๑๒๓".split(),
    "georgian": "გამარჯობა მსოფლიო ენა თბილისი".split(),
    "armenian": "Բարեւ աշխարհ լեզու Երևան".split(),
    "amharic": "ሰላም ዓለም ቋንቋ አማርኛ".split(),
    "khmer": "សួស្តី ពិភពលោក ភាសាខ្មែរ".split(),
    "emoji": "😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇹🇼 ❤️ 👩🏿‍💻 ☃︎ 1️⃣ 🤷‍♀️ 🫠".split(),
    "math": "∑ ∫ α≤β x² H₂O ½ ⅷ ℝ → ∀x∈ℕ √2 10⁻³ ﬁ ﬀ Å Ω ™ ① Ⅳ".split(),
    "combining": ["e\u0301", "a\u0308\u0323", "\u0301x", "n\u0303o", "Z\u0351\u036b\u0343", "o\u0302\u0301",
                  "\u1100\u1161\u11a8", "q\u0323\u0307", "\u0041\u030a"],
}
CODE = [
    "def f(x: int) -> str:\n    return f\"{x!r}\"\n", "for (int i = 0; i < n; ++i) {\n\t\ta[i] += b[i];\n\t}",
    "SELECT * FROM t WHERE a >= 10 AND b != 'x';", "<div class=\"a b\">&nbsp;text</div>", "x = y ** 2 // 3 % 7",
    "#include <vector>\n#define MAX(a,b) ((a)>(b)?(a):(b))", "git commit -m \"fix: don't\" && git push",
    "{\"key\": [1, 2.5e-3, null, true]}", "https://example.org/path?q=a+b&c=%20d#frag", "camelCaseWord snake_case_word",
    "    if x:\n        pass\n\n\nelse:\n\tbreak", "\\frac{a}{b} \\alpha_{1}^{2}", "a->b::c<d>&&e||!f", "/* note */ // line\r\n",
    "user@host:~$ ls -la | grep '^d' > /dev/null 2>&1", "0xDEADBEEF 0b1010 1_000_000 12345678901234567890",
]
ODD = [
    "<s>", "</s>", "<|endoftext|>", "<|im_start|>user\nhi<|im_end|>\n", "[CLS] [MASK] [SEP]", "<unk> <pad>", "<0x0A><0xFF>",
    "\ufffd\ufffd", "\ufeffBOM", "\u200b\u200d\u2060", "\u00a0\u2003\u3000", "\u0000\u0001\u001f", "\ue000\uf8ff", "\U000f0000",
    "\u202eabc\u202c", "\u0085\u2028\u2029", "\u180e x", "##ing ##", "▁a ▁▁", "Ġthe Ċ", "'S 'T 'RE 'LL 'ſ", "\x7f\x80\x9f",
    "a" * 120, "ab" * 60, "哈" * 70, "!?" * 40, "\u0301" * 30, " " * 70, "\n" * 40, "\t" * 37, "0" * 50, "-" * 90,
]
SPACES = [" ", " ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n", "\u3000", "\u00a0", "        ", ""]
ENDS = ["", "", ".", "!", "?", "...", " .", ",", "。", "？", "\n", "  ", ")", "\"", "'s", "'LL"]


def assigned(rng):
    while True:
        c = rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x250, 0x3100), rng.randrange(0x3100, 0x10000),
                        rng.randrange(0x10000, 0x20000)])
        category = unicodedata.category(chr(c))
        # Some of tokenizers' own tables are from Unicode 8.
        old = unicodedata.ucd_3_2_0.category(chr(c))
        if (category[0] in "PMS" or unicodedata.decomposition(chr(c))) and category != old:
            continue
        if category not in ("Cn", "Cs", "Co"):
            return chr(c)


def make_lines(count=5500, seed=20240):
    rng = random.Random(seed)
    scripts = list(WORDS)
    lines = []
    for i in range(count):
        kind = i % 11
        if kind < 6:  # words of one script
            words = WORDS[scripts[i % len(scripts)]]
            text = rng.choice(["", "", "", " ", "  "])
            for _ in range(rng.randrange(2, 9)):
                text += rng.choice(words) + rng.choice(SPACES)
            text += rng.choice(ENDS)
        elif kind < 8:  # several scripts together
            text = ""
            for _ in range(rng.randrange(3, 9)):
                text += rng.choice(WORDS[rng.choice(scripts)]) + rng.choice(SPACES + ENDS)
        elif kind == 8:
            text = rng.choice(CODE) + rng.choice(SPACES) + rng.choice(CODE)
        elif kind == 9:
            text = "".join(assigned(rng) for _ in range(rng.randrange(1, 24)))
        else:
            text = rng.choice(WORDS["english"]) + rng.choice(SPACES) + rng.choice(ODD) + rng.choice(SPACES) + \
                rng.choice(WORDS[rng.choice(scripts)])
        lines.append(text)
    lines[0] = ""
    return lines


if __name__ == "__main__":
    with open("lines.json", "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False) for x in make_lines()) + "\n]\n")
