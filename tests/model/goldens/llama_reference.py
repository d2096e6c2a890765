"""One llama.cpp model and context behind a small interface, for the scripts beside this file.

Needs an importable llama_cpp (README.md says how); development time only.
"""

import ctypes
import sys

import llama_cpp
import numpy as np


@llama_cpp.llama_log_callback
def _errors_only(level, text, _):
    if level == 4:
        sys.stderr.write(text.decode(errors="replace"))


llama_cpp.llama_log_set(_errors_only, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()


def describe():
    """llama.cpp's own line on the CPU features that it uses."""
    return llama_cpp.llama_print_system_info().decode()


class Reference:
    """A model with f32 keys and values and without flash attention."""

    def __init__(self, path, context=512, threads=1, embedding=False):
        parameters = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.model:
            sys.exit(f"{path}: llama.cpp cannot load it")
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = context
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.embeddings = embedding
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            sys.exit(f"{path}: llama.cpp cannot make a context")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.vocabulary_size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.channels = llama_cpp.llama_model_n_embd(self.model)
        self.batch = llama_cpp.llama_batch_init(context, 0, 1)
        self.past = 0

    def close(self):
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text):
        """Token ids with the special tokens that the model asks for at the start."""
        data = text.encode()
        room = len(data) + 8
        ids = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), ids, room, True, False)
        return list(ids[:count])

    def bos(self):
        """The id put before a text, or None if the model wants none."""
        if not llama_cpp.llama_vocab_get_add_bos(self.vocabulary):
            return None
        return llama_cpp.llama_vocab_bos(self.vocabulary)

    def reset(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        self.past = 0

    def _fill(self, ids, all_rows):
        self.batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            self.batch.token[i] = int(token)
            self.batch.pos[i] = self.past + i
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = 0
            self.batch.logits[i] = all_rows or i == len(ids) - 1
        self.past += len(ids)

    def decode(self, ids, all_rows=False):
        """Logits (time, vocabulary) of all positions, or (1, vocabulary) of the last."""
        self._fill(ids, all_rows)
        if llama_cpp.llama_decode(self.context, self.batch):
            sys.exit("llama.cpp cannot decode")
        rows = len(ids) if all_rows else 1
        logits = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(logits, (rows, self.vocabulary_size)).copy()

    def embed(self, ids):
        """The pooled embedding (channel)."""
        self._fill(ids, True)
        if llama_cpp.llama_encode(self.context, self.batch):
            sys.exit("llama.cpp cannot encode")
        return np.array(llama_cpp.llama_get_embeddings_seq(self.context, 0)[:self.channels])


def log_softmax(logits):
    """f64 log-probabilities along the last axis."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
