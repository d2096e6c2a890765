#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace jielong {

// What a training recipe says, as plain values. What each key means, which values it may have and
// where it stands in the file is said once, in recipe_fields.cpp; numbers that are 0 and texts that
// are empty mean "by default" where the help says so.

struct ModelRecipe {
  std::string from;  ///< file or name of a model to go on from; empty: a new one
  std::string family = "llama";
  std::string pattern = "AF";
  std::int64_t layers = 6, channels = 384, heads = 6, kv_heads = 0, head_channels = 0;
  std::int64_t feed_forward = 0;
  std::int64_t context = 256;
  bool tied_embeddings = true;
  bool qk_norm = false;
  bool value_residual = false;
  bool share_layers = false;
  double attention_soft_cap = 0, logit_soft_cap = 0;
  double rope_base = 10000;
  std::int64_t experts = 0, experts_used = 2, expert_feed_forward = 0;
  double balance = 0.01;
  std::int64_t inner_channels = 0, state_channels = 0, state_heads = 0, convolution = 4;
  double initial_deviation = 0.02;
};

struct TokenizerRecipe {
  std::string from;  ///< a tokenizer.json, a model file or a model's name
  std::string train = "bpe";
  std::int64_t size = 4096;
  std::int64_t sample_bytes = 64 << 20;
  bool chat = false;
};

struct SourceRecipe {
  std::string path;
  std::string cut = "file";
  std::string separator;
  double weight = 1;
};

/// Fields of JSON lines or columns of Parquet files.
struct FieldsRecipe {
  std::string text = "text", label = "label", messages = "messages";
  std::string prompt = "prompt", answer = "completion", chosen = "chosen", rejected = "rejected";
};

struct DataRecipe {
  std::vector<SourceRecipe> sources;
  FieldsRecipe fields;
  double held_out = 0.01;
  bool drop_duplicates = false;
  std::string cache;
};

struct ObjectiveRecipe {
  std::string kind = "next_token";
  double mask_share = 0.15;
  double beta = 0.1;
};

/// Parameters whose names match get settings of their own.
struct GroupRecipe {
  std::string name;
  std::vector<std::string> match;
  bool frozen = false;
  std::string kind;          ///< an optimizer; empty: the recipe's
  double learning_rate = 0;  ///< 0: the recipe's
  double weight_decay = -1;  ///< negative: the recipe's
};

struct OptimizerRecipe {
  std::string kind = "adamw";
  double learning_rate = 1e-3;
  double adamw_learning_rate = 1e-3;  ///< Muon's embeddings, head and vectors
  double weight_decay = 0.1;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double momentum = 0.95;
  bool nesterov = true;
  double clip = 1;
  double average = 0;
  std::vector<GroupRecipe> groups;
};

struct ScheduleRecipe {
  std::string kind = "cosine";
  double warmup_share = 0.02;  ///< of all steps
  double decay_share = 0.2;    ///< of all steps; wsd
  double final_factor = 0.1;
};

struct BatchRecipe {
  std::int64_t sequences = 16, length = 256, accumulate = 1;
};

struct BudgetRecipe {
  std::int64_t steps = 0, tokens = 0;
  double minutes = 0;
};

struct EvaluationRecipe {
  std::int64_t every = 100;  ///< steps
  std::int64_t batches = 16;
};

struct SamplesRecipe {
  std::vector<std::string> prompts;
  std::int64_t every = 0;  ///< steps; 0: with each evaluation
  std::int64_t tokens = 64;
  double temperature = 0.8;
};

struct CheckpointRecipe {
  std::int64_t every = 500;  ///< steps
  std::int64_t keep = 2;
  bool keep_best = true;
};

struct Recipe {
  std::string name;  ///< of the run's folder; empty: the file's
  std::string about;
  std::int64_t seed = 1;
  std::int64_t threads = 0;
  std::string precision = "f32";
  bool checkpoint_activations = false;
  ModelRecipe model;
  TokenizerRecipe tokenizer;
  DataRecipe data;
  ObjectiveRecipe objective;
  OptimizerRecipe optimizer;
  ScheduleRecipe schedule;
  BatchRecipe batch;
  BudgetRecipe budget;
  EvaluationRecipe evaluation;
  SamplesRecipe samples;
  CheckpointRecipe checkpoints;

  /// "model.heads" → "stories.yaml:12" for every key that was given, for messages.
  std::map<std::string, std::string> places;
  /// Where `key` was given, or the key itself.
  std::string place(const std::string& key) const;
};

/// Reads a recipe file, and the one it extends, then `overrides` such as "model.layers=4" or
/// "data.sources.0.weight=2", and checks that everything fits together. Paths are relative to the
/// file they stand in, those of overrides to the current folder. Throws Error with file and line
/// for unknown keys (with the key that was probably meant), wrong types and numbers out of range.
Recipe read_recipe(const std::filesystem::path& file,
                   const std::vector<std::string>& overrides = {});

/// The same for text; `where` names it in messages and `folder` is what its paths are relative to.
/// May not extend another file.
Recipe parse_recipe(std::string_view yaml, const std::string& where,
                    const std::filesystem::path& folder,
                    const std::vector<std::string>& overrides = {});

/// The recipe as YAML with every key and what it means: reading that gives the same recipe.
std::string write_recipe(const Recipe& recipe);

/// Recipes as JSON Schema (draft 2020-12).
OrderedJson recipe_schema();

/// Throws Error(bad_input) naming the key when parts of the recipe do not fit together.
void check_recipe(const Recipe& recipe);

}  // namespace jielong
