"""Writes real_*.golden.json: ids of lines.json by `tokenizers` and `sentencepiece` with the
vocabularies of published models, as GGUF files hold them (development time only).

Usage: make_real_goldens.py MODELS_FOLDER MINILM_TOKENIZER_JSON
The tokenizer pipelines are those of the models' own tokenizer.json files.
"""
import os
import sys

import sentencepiece as spm
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from make_goldens import QWEN2, golden, write


def fields(path):
    reader = GGUFReader(path)
    get = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    return get("tokens"), get("token_type"), get


def bpe(path):
    tokens, types, get = fields(path)
    vocab = {t: i for i, t in enumerate(tokens)}
    tok = Tokenizer(models.BPE(vocab, [tuple(m.split(" ")) for m in get("merges")]))
    for token, kind in zip(tokens, types):
        if kind == 3:
            tok.add_special_tokens([token])
        elif kind == 4:
            tok.add_tokens([AddedToken(token, normalized=False)])
    return tok


def main(folder, minilm):
    tok = bpe(f"{folder}/SmolLM2-135M-Instruct.Q4_1.gguf")
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    save("real_smollm2", lambda x: tok.encode(x).ids)

    qwen = bpe(f"{folder}/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
    qwen.normalizer = normalizers.NFC()
    qwen.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    save("real_qwen2", lambda x: qwen.encode(x).ids)

    tokens, types, get = fields(f"{folder}/gemma-3-270m-q4_k_m.gguf")
    model = pb.ModelProto()
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    for i, (token, kind, score) in enumerate(zip(tokens, types, get("scores"))):
        piece = model.pieces.add()
        piece.piece, piece.score, piece.type = token, score, kind
        if kind == 4:
            piece.piece = token.replace(" ", "▁")
        # SentencePiece knows one unknown piece.
        if i == 3:
            piece.type = 2
    sp = spm.SentencePieceProcessor()
    sp.LoadFromSerializedProto(model.SerializeToString())
    # Special names are plain text to SentencePiece; its Python binding stops at NUL.
    save("real_gemma3", lambda x: sp.encode(x) if "\0" not in x else [])

    bert = Tokenizer.from_file(minilm)
    bert.no_truncation()
    bert.no_padding()
    save("real_minilm", lambda x: bert.encode(x).ids)


def save(name, encode):
    data = golden(encode)
    data["ids"] = data["ids"][::4]
    write(name, None, data)
    print(name)


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    main(*sys.argv[1:])
