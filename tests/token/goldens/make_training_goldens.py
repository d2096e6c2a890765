"""Trains tokenizers on lines.json with `tokenizers` and `sentencepiece` and writes what they learn
to training_bpe.json and training_unigram.json (development time only: pip install tokenizers
sentencepiece).

training_bpe.json: for each case its settings, the pieces by number, the merges, and the ids of
every 25th line. training_unigram.json: the mean of -log p of a character, in nats, under the best
segmentation of all lines, for the vocabulary each of the two learns.
"""
import json
import os
import tempfile

import sentencepiece as spm
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from make_goldens import GPT2, LLAMA3, LINES, STEP

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = [
    {"pattern": "gpt2", "vocabulary": 1500, "min_frequency": 2, "special": ["<|endoftext|>", "<pad>"]},
    {"pattern": "llama3", "vocabulary": 1000, "min_frequency": 0, "special": []},
    {"pattern": "gpt2", "vocabulary": 600, "min_frequency": 2, "special": ["<s>"], "all_bytes": False},
    {"pattern": "gpt2", "vocabulary": 500, "min_frequency": 2, "special": [], "all_bytes": False, "limit_alphabet": 60},
    {"pattern": "llama3", "vocabulary": 20000, "min_frequency": 40, "special": []},
]
UNIGRAM_PIECES = 4000
# Without lines of random characters, which no vocabulary of that size holds.
PLAIN = [x for i, x in enumerate(LINES) if i % 11 < 8]


def train_bpe(case):
    tokenizer = Tokenizer(models.BPE())
    if case["pattern"] == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if case.get("all_bytes", True) else []
    limit = {"limit_alphabet": case["limit_alphabet"]} if "limit_alphabet" in case else {}
    tokenizer.train_from_iterator(LINES, trainers.BpeTrainer(
        vocab_size=case["vocabulary"], min_frequency=case["min_frequency"], special_tokens=case["special"],
        initial_alphabet=alphabet, show_progress=False, **limit))
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    ids = [tokenizer.encode(line).ids for line in LINES[::STEP]]
    return {**case, "pieces": pieces, "merges": model["merges"], "ids": ids}


def loss(score, encode, chars):
    return -sum(score[i] for line in PLAIN for i in encode(line)) / chars


def train_unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(PLAIN, trainers.UnigramTrainer(
        vocab_size=UNIGRAM_PIECES, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False))
    scores = [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    chars = sum(len(word) for line in PLAIN for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(line))
    huggingface = loss(scores, lambda line: tokenizer.encode(line, add_special_tokens=False).ids, chars)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(PLAIN), model_prefix=path, vocab_size=UNIGRAM_PIECES, model_type="unigram",
            character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False,
            hard_vocab_limit=False, minloglevel=2, bos_id=-1, eos_id=-1, max_sentence_length=1 << 20,
            add_dummy_prefix=True)
        processor = spm.SentencePieceProcessor(model_file=path + ".model")
        scores = [processor.get_score(i) for i in range(processor.get_piece_size())]
        sentencepiece = loss(scores, processor.encode, chars)
    return {"pieces": UNIGRAM_PIECES, "huggingface": huggingface, "sentencepiece": sentencepiece}


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    write("training_bpe.json", [train_bpe(case) for case in CASES])
    write("training_unigram.json", train_unigram())
