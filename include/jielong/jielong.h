/* Jielong's C interface.
 *
 * Promise: within one major version (JIELONG_VERSION_MAJOR, the number in the shared
 * library's soname) functions, constants and the meaning of struct members only ever get
 * added to, so that a program built against an older header keeps running. Structs grow
 * at their end; each begins with its size, which the *_init functions fill in.
 *
 * Every function that can fail returns a jielong_status; jielong_last_error() then tells
 * what is wrong, where, and what to do about it. No function throws, prints or exits.
 * Functions with `out`, `capacity` and `count` write at most `capacity` items, set `count`
 * to how many there are in all, and return JIELONG_BUFFER_TOO_SMALL when that is more.
 * Text is UTF-8; text that is returned ends with a zero that `count` does not include.
 *
 * A model may be used by several threads; what they run on it takes turns. A chain belongs
 * to one thread at a time, except for jielong_chain_cancel().
 */
#ifndef JIELONG_JIELONG_H
#define JIELONG_JIELONG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define JIELONG_API __attribute__((visibility("default")))
#else
#define JIELONG_API
#endif

#define JIELONG_VERSION_MAJOR 0
#define JIELONG_VERSION_MINOR 1

/* "0.1.0" of the library that is linked, which may be newer than this header. */
JIELONG_API const char* jielong_version(void);

/* The instruction set whose kernels run on this machine, for instance "avx512". */
JIELONG_API const char* jielong_isa(void);

typedef enum jielong_status {
  JIELONG_OK = 0,
  JIELONG_BAD_INPUT = 1,       /* a file or argument is not what it should be */
  JIELONG_NOT_FOUND = 2,       /* a named file or model is not there */
  JIELONG_UNSUPPORTED = 3,     /* valid, but not done by this version */
  JIELONG_LIMIT = 4,           /* a stated limit was reached, for instance the context */
  JIELONG_IO = 5,              /* the disk or the network failed */
  JIELONG_CANCELLED = 6,       /* stopped from outside */
  JIELONG_INTERNAL = 7,        /* a mistake inside Jielong: please report it */
  JIELONG_OUT_OF_MEMORY = 8,   /* the system has no more memory */
  JIELONG_BUFFER_TOO_SMALL = 9 /* `count` tells how much room is needed */
} jielong_status;

/* One sentence about this thread's last failed call; "" before any. Valid until this
 * thread's next failure. */
JIELONG_API const char* jielong_last_error(void);

typedef int32_t jielong_token;
typedef struct jielong_model jielong_model;
typedef struct jielong_chain jielong_chain;

/* Models */

typedef enum jielong_kv_type {
  JIELONG_KV_F16 = 0,
  JIELONG_KV_F32 = 1,
  JIELONG_KV_Q8_0 = 2
} jielong_kv_type;

typedef struct jielong_model_options {
  size_t struct_size;
  int32_t threads;        /* 0: one for each core */
  int32_t max_chains;     /* chains of full length that may be held at once; default 8 */
  int64_t context_length; /* most tokens in a chain; 0: what the model was trained for */
  int32_t kv_type;        /* a jielong_kv_type: how keys and values are cached */
} jielong_model_options;

/* Fills in defaults. Pass sizeof(jielong_model_options) as `size`. */
JIELONG_API void jielong_model_options_init(jielong_model_options* options, size_t size);

/* Loads a model that is on this machine, by a name as `jielong list` shows it ("smollm2") or
 * by path (a GGUF file or a folder with safetensors).
 * `options` may be null. Free the model with jielong_model_free(). */
JIELONG_API jielong_status jielong_model_load(const char* name,
                                              const jielong_model_options* options,
                                              jielong_model** model);

/* Null is allowed. Chains keep what they need of the model alive. */
JIELONG_API void jielong_model_free(jielong_model* model);

typedef struct jielong_model_info {
  size_t struct_size;       /* set it to sizeof(jielong_model_info) */
  const char* architecture; /* "llama"; these texts live as long as the model */
  const char* name;         /* a title for people, may be "" */
  int64_t parameters;
  uint64_t file_bytes;
  int64_t vocabulary;     /* number of tokens */
  int64_t context_length; /* most tokens in a chain */
  int64_t width;          /* channels of the residual stream and of embeddings */
  int64_t layers;
  int32_t generates; /* 0: an encoder, only for jielong_embed() */
} jielong_model_info;

JIELONG_API jielong_status jielong_model_get_info(const jielong_model* model,
                                                  jielong_model_info* info);

/* Text and tokens */

typedef enum jielong_token_flags {
  JIELONG_ADD_SPECIAL = 1,   /* add what the model expects around a text, as BOS */
  JIELONG_PARSE_SPECIAL = 2, /* read names of control tokens; only for trusted text */
  JIELONG_SHOW_SPECIAL = 4   /* when turning tokens to text: control tokens by name */
} jielong_token_flags;

/* `text` has `length` bytes; `flags` are jielong_token_flags, or-ed. */
JIELONG_API jielong_status jielong_tokenize(const jielong_model* model, const char* text,
                                            size_t length, int flags, jielong_token* out,
                                            size_t capacity, size_t* count);

/* The bytes that tokens stand for: half a character stays half a character. */
JIELONG_API jielong_status jielong_detokenize(const jielong_model* model,
                                              const jielong_token* tokens, size_t token_count,
                                              int flags, char* out, size_t capacity, size_t* count);

/* 1 when `token` ends an answer, otherwise 0. */
JIELONG_API int jielong_is_end(const jielong_model* model, jielong_token token);

typedef struct jielong_message {
  const char* role; /* "system", "user" or "assistant" */
  const char* content;
} jielong_message;

/* Lays out a conversation as the model's chat template wants it, ready for the next answer.
 * Tokenize the result with JIELONG_PARSE_SPECIAL and without JIELONG_ADD_SPECIAL. */
JIELONG_API jielong_status jielong_chat_prompt(const jielong_model* model,
                                               const jielong_message* messages,
                                               size_t message_count, char* out, size_t capacity,
                                               size_t* count);

/* Chains */

/* A new, empty chain of tokens on `model`. */
JIELONG_API jielong_status jielong_chain_open(jielong_model* model, jielong_chain** chain);
/* Null is allowed. */
JIELONG_API void jielong_chain_free(jielong_chain* chain);
/* A new chain with the same tokens, sharing what was computed for them. */
JIELONG_API jielong_status jielong_chain_fork(const jielong_chain* chain, jielong_chain** fork);

/* Appends tokens; they are evaluated when something is asked of the chain. */
JIELONG_API jielong_status jielong_chain_append(jielong_chain* chain, const jielong_token* tokens,
                                                size_t count);
/* Replaces the chain's tokens. What was computed for a common beginning is kept, so that
 * the next turn of a chat costs only what is new in it. */
JIELONG_API jielong_status jielong_chain_assign(jielong_chain* chain, const jielong_token* tokens,
                                                size_t count);
/* The chain's tokens, answers included. */
JIELONG_API jielong_status jielong_chain_tokens(const jielong_chain* chain, jielong_token* out,
                                                size_t capacity, size_t* count);

typedef struct jielong_candidate {
  jielong_token token;
  double probability;
} jielong_candidate;

/* How the next token is chosen and when a chain ends. */
typedef struct jielong_generation {
  size_t struct_size;
  int64_t max_tokens;       /* negative, the default: until something else ends the chain */
  uint64_t seed;            /* same seed, same bytes; default 0 */
  double temperature;       /* 0: always the most probable token; default 0.8 */
  int64_t top_k;            /* default 40; 0: off */
  double top_p;             /* default 0.95; 1: off */
  double min_p;             /* default 0.05; 0: off */
  double typical_p;         /* default 1: off */
  double repeat_penalty;    /* default 1: off */
  double frequency_penalty; /* default 0: off */
  double presence_penalty;  /* default 0: off */
  const char* const* stop;  /* texts that end the chain */
  size_t stop_count;
  int32_t ignore_end;   /* not 0: the model's END tokens are never chosen */
  int64_t top_logprobs; /* report log-probabilities, and of that many best tokens;
                           negative, the default: none */
} jielong_generation;

/* Fills in defaults. Pass sizeof(jielong_generation) as `size`. */
JIELONG_API void jielong_generation_init(jielong_generation* generation, size_t size);

/* Up to `capacity` tokens that may come next, by falling probability. With `generation`
 * null it is the model's own distribution, otherwise what the sampler chain makes of it.
 * `count` gets the number of tokens that can come at all; unlike elsewhere, getting only
 * the first of them is no failure. */
JIELONG_API jielong_status jielong_chain_next(jielong_chain* chain,
                                              const jielong_generation* generation,
                                              jielong_candidate* out, size_t capacity,
                                              size_t* count);

typedef enum jielong_finish {
  JIELONG_FINISH_NONE = 0,
  JIELONG_FINISH_END = 1,      /* the model ended the chain */
  JIELONG_FINISH_STOP = 2,     /* a stop text appeared; it is left out of the text */
  JIELONG_FINISH_LENGTH = 3,   /* max_tokens was reached */
  JIELONG_FINISH_CONTEXT = 4,  /* the context is full */
  JIELONG_FINISH_CANCELLED = 5 /* the callback or jielong_chain_cancel() stopped it */
} jielong_finish;

typedef struct jielong_logprob {
  jielong_token token;
  double logprob; /* natural logarithm, under the model's own distribution */
} jielong_logprob;

/* One appended token. What it points to lives until the callback returns. */
typedef struct jielong_event {
  size_t struct_size;
  jielong_token token; /* −1 when only held-back text follows a cancellation */
  const char* text;    /* whole characters, zero-terminated; may be empty */
  size_t text_length;
  double logprob; /* with top_logprobs ≥ 0 */
  const jielong_logprob* top;
  size_t top_count;
  jielong_finish finish; /* JIELONG_FINISH_NONE while the chain goes on */
} jielong_event;

/* Returns 0 to go on, anything else to stop. */
typedef int (*jielong_on_token)(const jielong_event* event, void* user);

typedef struct jielong_result {
  size_t struct_size; /* set it to sizeof(jielong_result) */
  jielong_finish finish;
  int64_t prompt_tokens;    /* in the chain before */
  int64_t reused_tokens;    /* of those, evaluated by an earlier call */
  int64_t generated_tokens; /* appended, an END token included */
  double first_token_seconds;
  double prefill_seconds;
  double decode_seconds;
} jielong_result;

/* Continues the chain, calling `on_token` for each token. `generation`, `on_token` and
 * `result` may be null. A chain that was stopped can be continued. */
JIELONG_API jielong_status jielong_chain_generate(jielong_chain* chain,
                                                  const jielong_generation* generation,
                                                  jielong_on_token on_token, void* user,
                                                  jielong_result* result);

/* Ends a jielong_chain_generate() that runs in another thread, or the next one. */
JIELONG_API void jielong_chain_cancel(jielong_chain* chain);

/* Embeddings */

typedef enum jielong_pooling {
  JIELONG_POOL_MODEL = 0, /* as the model says, mean when it says nothing */
  JIELONG_POOL_MEAN = 1,
  JIELONG_POOL_FIRST = 2,
  JIELONG_POOL_LAST = 3
} jielong_pooling;

/* The vector of a text; of length 1 with `normalize` not 0. */
JIELONG_API jielong_status jielong_embed(jielong_model* model, const char* text, size_t length,
                                         jielong_pooling pooling, int normalize, float* out,
                                         size_t capacity, size_t* count);

#ifdef __cplusplus
}
#endif

#endif /* JIELONG_JIELONG_H */
