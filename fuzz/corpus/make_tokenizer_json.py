"""Writes the seeds in tokenizer_json/: small files that use every component once."""
import json
import os

BPE = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "ignore_merges": True,
       "vocab": {x: i for i, x in enumerate(["<unk>", "a", "b", "e", "l", "o", "▁", "Ġ", "ab", "el", "ll", "<0xFF>", "ello", "lo"])},
       "merges": ["a b", ["l", "l"], "e l", "l o"]}
WORDPIECE = {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
             "vocab": {"a": 0, "##b": 1, "e": 2, "##llo": 3}}
UNIGRAM = {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["<unk>", 0], ["▁", -2.5], ["l", -3], ["ello", -4], ["a", -1]]}
WORDLEVEL = {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "Hello": 1}}
TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"a": {"id": "a", "ids": [1], "tokens": ["a"]}}}
CHARSMAP = "CAAAAAAEAAAABAAAAGE="  # not a working map, but of the right form


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def split(**pattern):
    return {"type": "Split", "pattern": pattern, "behavior": "MergedWithNext", "invert": False}


SEEDS = {
    "bpe": dict(model=BPE, normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
                decoder=sequence("decoders", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                 {"type": "Strip", "content": " ", "start": 1, "stop": 0}), post_processor=TEMPLATE),
    "byte_level": dict(model=BPE, pre_tokenizer=sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, split(Regex="\\s?\\p{L}+|[^\\s\\w]"),
                                                         {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}),
                       decoder={"type": "ByteLevel"}, post_processor={"type": "ByteLevel"},
                       added_tokens=[{"id": 20, "content": "<s>", "special": True, "lstrip": True, "rstrip": True, "single_word": True, "normalized": False}]),
    "word_piece": dict(model=WORDPIECE, normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                       pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
                       post_processor={"type": "BertProcessing", "sep": ["a", 0], "cls": ["e", 2]}),
    "unigram": dict(model=UNIGRAM, normalizer=sequence("normalizers", {"type": "Precompiled", "precompiled_charsmap": CHARSMAP}, {"type": "Nmt"}, {"type": "NFKC"},
                                                       {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "Strip", "strip_left": True, "strip_right": True}),
                    pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}, decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}),
    "word_level": dict(model=WORDLEVEL, normalizer=sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "NFC"}, {"type": "NFD"}),
                       pre_tokenizer=sequence("pretokenizers", {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"},
                                              {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 5}, {"type": "ByteLevel"}, split(String="l")),
                       decoder={"type": "BPEDecoder", "suffix": "</w>"}),
    "byte_letters": dict(model=BPE, normalizer={"type": "ByteLevel"}, added_tokens=[{"id": 1, "content": "a", "special": False, "normalized": True}]),
}

if __name__ == "__main__":
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer_json")
    os.makedirs(folder, exist_ok=True)
    for name, seed in SEEDS.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            json.dump(seed, out, ensure_ascii=False, separators=(",", ":"))
