"""Trains small tokenizers of every kind and writes what `tokenizers` and `sentencepiece` make
of lines.json with them (development time only: pip install tokenizers sentencepiece).

For each NAME: NAME.json (the tokenizer, or for SentencePiece the arrays that GGUF stores) and
NAME.golden.json: {"hashes": FNV-1a 64 of the ids of each block of 50 lines, "ids": the
ids of line 0, 25, 50, …, "decoded": those lines decoded}. Ids are hashed as
little-endian 32-bit numbers, -1 behind each line.
"""
import base64
import json
import os
import struct
import sys
import tempfile

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

from lines import make_lines

LINES = make_lines()
COMMON = [x for i, x in enumerate(LINES) if i % 11 < 8]  # without random Unicode
STEP = 25
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTION}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def fnv(values):
    h = 0xCBF29CE484222325
    for v in values:
        for b in struct.pack("<i", v):
            h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def golden(encode, decode=None):
    ids = [encode(x) for x in LINES]
    hashes = []
    for i in range(0, len(ids), 50):
        block = []
        for line in ids[i:i + 50]:
            block += line + [-1]
        hashes.append(fnv(block))
    result = {"hashes": hashes, "ids": ids[::STEP]}
    if decode:
        result["decoded"] = [decode(x) for x in ids[::STEP]]
    return result


def write(name, tokenizer_text, data):
    if tokenizer_text is not None:
        with open(name + ".json", "w", encoding="utf-8") as out:
            out.write(tokenizer_text)
    with open(name + ".golden.json", "w", encoding="utf-8") as out:
        json.dump(data, out, ensure_ascii=False, separators=(",", ":"))


def save(name, tok, decoded=True):
    text = tok.to_str(pretty=False)
    tok = Tokenizer.from_str(text)
    write(name, text, golden(lambda x: tok.encode(x).ids,
                             (lambda ids: tok.decode(ids, skip_special_tokens=True)) if decoded else None))


ALPHABET = pre_tokenizers.ByteLevel.alphabet()


def train_bpe(tok, size=700, byte_level=True, special=(), **more):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False,
                                  initial_alphabet=ALPHABET if byte_level else [], **more)
    tok.train_from_iterator(LINES, trainer)
    return tok


def byte_level_tokenizers():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    save("gpt2", train_bpe(tok, special=["<|endoftext|>"]))

    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok)
    tok.add_special_tokens(["<|begin_of_text|>", "<|im_start|>", "<|im_end|>"])
    tok.post_processor = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tok.token_to_id("<|begin_of_text|>"))])])
    save("llama3", tok)

    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok)
    tok.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tok.add_tokens([AddedToken("e-mail", single_word=True, normalized=False), AddedToken("SELECT", normalized=True),
                    AddedToken("<pad>", lstrip=True, rstrip=True, normalized=False)])
    save("qwen2", tok)

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    save("smollm", train_bpe(tok, special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))

    for name, pattern in (("tekken", TEKKEN), ("gpt4o", GPT4O)):
        tok = Tokenizer(models.BPE(ignore_merges=name == "tekken"))
        tok.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated" if name == "tekken" else "removed",
                                 invert=name == "gpt4o"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tok.decoder = decoders.ByteLevel()
        save(name, train_bpe(tok))

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.Split(Regex("[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
        pre_tokenizers.Split(Regex(DEEPSEEK), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    save("deepseek_v3", train_bpe(tok))

    # Steps behind ByteLevel see its letters, not the text.
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    tok.decoder = decoders.ByteLevel()
    save("falcon", train_bpe(tok))

    tok = Tokenizer(models.BPE(unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok, special=["<s>", "<pad>", "</s>", "<unk>", AddedToken("[MASK]", lstrip=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    save("roberta", tok)

    tok = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                           normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.BPEDecoder(suffix="</w>")
    save("clip", train_bpe(tok, special=["<|endoftext|>"], end_of_word_suffix="</w>"), decoded=False)


def train_meta(tok, size, special, **more):
    """Trains a BPE on text with "▁" cut into words, so that it has sensible merges."""
    tok.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    return train_bpe(tok, size, False, special, **more)


def meta_space_tokenizers():
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    model = dict(byte_fallback=True, fuse_unk=True, unk_token="<unk>")

    tok = Tokenizer(models.BPE(**model))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train_meta(tok, 1000, ["<unk>", "<s>", "</s>"] + bytes_, limit_alphabet=300)
    tok.pre_tokenizer = None
    # Training made byte tokens special; real files have them as plain pieces.
    data = json.loads(tok.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    tok = Tokenizer.from_str(json.dumps(data))
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    save("llama2", tok)

    tok = Tokenizer.from_str(tok.to_str())
    tok.normalizer = normalizers.Replace(" ", "▁")
    tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tok.add_tokens([AddedToken("  " * n, normalized=False) for n in range(1, 6)] +
                   [AddedToken("\n" * n, normalized=False) for n in range(1, 6)])
    save("gemma", tok)

    tok = Tokenizer.from_file("llama2.json")
    tok.normalizer = None
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    save("mistral", tok)

    tok = Tokenizer(models.BPE(unk_token="<unk>"))
    tok.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Strip()])
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    save("metaspace_bpe", train_bpe(tok, 600, False, ["<unk>"], limit_alphabet=250))


def word_tokenizers():
    for name, lower in (("bert_uncased", True), ("bert_cased", False)):
        tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tok.normalizer = normalizers.BertNormalizer(lowercase=lower)
        tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tok.decoder = decoders.WordPiece()
        tok.train_from_iterator(LINES, trainers.WordPieceTrainer(
            vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False,
            limit_alphabet=400))
        tok.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]",
                                                           special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        save(name, tok)

    tok = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tok.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()])
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    tok.train_from_iterator(LINES, trainers.WordLevelTrainer(vocab_size=500, special_tokens=["[UNK]"],
                                                             show_progress=False))
    save("word_level", tok)


def unigram_tokenizers():
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    tok.train_from_iterator(COMMON, trainers.UnigramTrainer(vocab_size=1500, unk_token="<unk>", show_progress=False,
                                                           special_tokens=["<s>", "<pad>", "</s>", "<unk>"]))
    tok.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    save("unigram", tok)

    # T5 and XLM-R: SentencePiece's own character map, here with a few rules of each length.
    rules = {"ﬁ": "fi", "ﬀ": "ff", "½": "1/2", "Ａ": "A", "①": "1", "e\u0301": "é", "A\u030a": "Å", "a\u0308\u0323": "ạ̈",
             "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\u200b": "", "…": "...", "ﷺ": "صلى", "™": "TM",
             "ﾊ": "ハ", "ﾝ": "ン", "o\u0302\u0301": "ố", "Ⅳ": "IV", "\u0001": "", "²": "2"}
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "rules.tsv")
        with open(table, "w", encoding="utf-8") as out:
            for a, b in rules.items():
                out.write(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n")
        text = os.path.join(folder, "text.txt")
        with open(text, "w", encoding="utf-8") as out:
            out.write("\n".join(x.replace("\n", " ").replace("\0", "") for x in COMMON))
        settings = {
            "spm_unigram": dict(model_type="unigram", vocab_size=1500, normalization_rule_tsv=table, byte_fallback=False),
            "spm_unigram_bytes": dict(model_type="unigram", vocab_size=1500, byte_fallback=True,
                                      normalization_rule_name="identity", remove_extra_whitespaces=False,
                                      user_defined_symbols=["e-mail", "<tag>"]),
            "spm_bpe": dict(model_type="bpe", vocab_size=1200, byte_fallback=True, normalization_rule_name="identity",
                            remove_extra_whitespaces=False, character_coverage=0.99),
            "spm_bpe_gemma": dict(model_type="bpe", vocab_size=1200, byte_fallback=True,
                                  normalization_rule_name="identity", remove_extra_whitespaces=False,
                                  add_dummy_prefix=False, character_coverage=0.99, split_digits=True,
                                  allow_whitespace_only_pieces=True,
                                  user_defined_symbols=["\n", "\n\n", "▁▁", "▁▁▁▁", "\t"]),
        }
        for name, options in settings.items():
            prefix = os.path.join(folder, name)
            spm.SentencePieceTrainer.train(input=text, model_prefix=prefix, hard_vocab_limit=False, minloglevel=2,
                                           num_threads=1, max_sentence_length=100000, **options)
            save_sentencepiece(name, prefix + ".model")

    data = json.load(open("spm_unigram.json"))
    tok = Tokenizer(models.Unigram([(t, s) for t, s in zip(data["tokens"], data["scores"])], unk_id=0))
    tok.normalizer = normalizers.Sequence([normalizers.Precompiled(base64.b64decode(data["charsmap"])),
                                           normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    tok.add_special_tokens(["<unk>", "<s>", "</s>"])
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    save("t5", tok)


def save_sentencepiece(name, path):
    model = pb.ModelProto()
    model.ParseFromString(open(path, "rb").read())
    sp = spm.SentencePieceProcessor(model_file=path)
    user = {p.piece for p in model.pieces if p.type == 4}
    # GGUF stores user-defined pieces as they stand in a text.
    spec = {
        "model": "llama" if model.trainer_spec.model_type == 2 else "t5",
        "tokens": [p.piece.replace("▁", " ") if p.piece in user else p.piece for p in model.pieces],
        "scores": [round(p.score, 6) for p in model.pieces],
        "types": [p.type for p in model.pieces],
        "charsmap": base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode(),
        "add_space_prefix": model.normalizer_spec.add_dummy_prefix,
        "remove_extra_whitespaces": model.normalizer_spec.remove_extra_whitespaces,
        "unknown": sp.unk_id(), "bos": sp.bos_id(), "eos": sp.eos_id(),
    }
    for piece, score in zip(model.pieces, spec["scores"]):
        piece.score = score
    sp = spm.SentencePieceProcessor()
    sp.LoadFromSerializedProto(model.SerializeToString())
    # The Python binding cuts texts at NUL; those lines are left empty on both sides.
    write(name, json.dumps(spec, ensure_ascii=False, separators=(",", ":")),
          golden(lambda x: sp.encode(x) if "\0" not in x else [],
                 lambda ids: sp.decode([i for i in ids if i != sp.unk_id()])))


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    sys.stdout.reconfigure(line_buffering=True)
    for step in (byte_level_tokenizers, meta_space_tokenizers, word_tokenizers, unigram_tokenizers):
        step()
        print(step.__name__)
