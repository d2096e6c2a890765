#include "train/recipe_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "model/chat_template.h"

namespace jielong {
namespace {

/// Share of the time that evaluations, samples and checkpoints may take of a budget in minutes.
constexpr double kTimeBesideSteps = 0.06;

constexpr const char* kTextEnd = "<|endoftext|>";
constexpr const char* kTurnBegin = "<|im_start|>";
constexpr const char* kTurnEnd = "<|im_end|>";

OptimizerSettings optimizer_of(const OptimizerRecipe& recipe) {
  OptimizerSettings settings;
  settings.kind = optimizer_by_name(recipe.kind);
  settings.learning_rate = recipe.learning_rate;
  settings.weight_decay = recipe.weight_decay;
  settings.beta1 = recipe.beta1;
  settings.beta2 = recipe.beta2;
  settings.epsilon = recipe.epsilon;
  settings.momentum = recipe.momentum;
  settings.nesterov = recipe.nesterov;
  return settings;
}

GroupSettings group_of(const GroupRecipe& recipe, std::size_t number,
                       const OptimizerSettings& base) {
  GroupSettings group;
  group.name = recipe.name.empty() ? fmt::format("group {}", number + 1) : recipe.name;
  group.patterns = recipe.match;
  group.frozen = recipe.frozen;
  group.optimizer = base;
  if (!recipe.kind.empty()) group.optimizer.kind = optimizer_by_name(recipe.kind);
  if (recipe.learning_rate > 0) group.optimizer.learning_rate = recipe.learning_rate;
  if (recipe.weight_decay >= 0) group.optimizer.weight_decay = recipe.weight_decay;
  return group;
}

/// "0-stories" for the first source, texts/stories.txt.
std::string source_name(const std::string& path, std::size_t number) {
  std::string name = fmt::format("{}-", number);
  for (const char c : std::filesystem::path(path).stem().string()) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ? c : '_';
  }
  return name.substr(0, 80);
}

}  // namespace

Hyperparameters hyperparameters_of(const Recipe& recipe, std::int64_t vocabulary) {
  const ModelRecipe& model = recipe.model;
  Hyperparameters hyper;
  hyper.family = model.family == "hybrid" ? "jielong" : model.family;
  hyper.name = recipe.name;
  hyper.layers = model.layers;
  hyper.channels = model.channels;
  hyper.vocabulary = vocabulary;
  hyper.context_length = model.context;
  hyper.feed_forward = model.feed_forward;
  hyper.heads = model.heads;
  hyper.kv_heads = model.kv_heads;
  hyper.key_dim = hyper.value_dim = model.head_channels;
  hyper.attention_soft_cap = static_cast<float>(model.attention_soft_cap);
  hyper.logit_soft_cap = static_cast<float>(model.logit_soft_cap);
  hyper.rope_base = static_cast<float>(model.rope_base);
  hyper.experts = model.experts;
  hyper.experts_used = model.experts > 0 ? model.experts_used : 0;
  hyper.expert_feed_forward = model.expert_feed_forward;
  if (hyper.family == "gpt2") hyper.activation = Activation::gelu_tanh;
  for (Hyperparameters::Recurrence* each : {&hyper.mamba, &hyper.mamba2, &hyper.delta_net}) {
    each->inner = model.inner_channels;
    each->states = model.state_channels;
    each->rank = model.state_heads;
    each->taps = model.convolution;
  }
  if (hyper.family == "jielong") {
    hyper.pattern = model.pattern;
    hyper.repeat_weights = model.share_layers;
  } else if (model.share_layers) {
    // A Transformer whose blocks are one: our own family spells it as attention and feed-forward.
    if (model.family != "llama") {
      throw Error(ErrorKind::unsupported,
                  "layers of the family " + model.family + " cannot be shared",
                  recipe.place("model.share_layers"), "use family llama or hybrid");
    }
    hyper.family = "jielong";
    hyper.pattern = model.experts > 0 ? "AE" : "AF";
    hyper.layers = 2 * model.layers;
    hyper.repeat_weights = true;
  }
  return hyper;
}

CreateOptions create_options_of(const Recipe& recipe) {
  CreateOptions options;
  options.seed = static_cast<std::uint64_t>(recipe.seed);
  options.tied_embeddings = recipe.model.tied_embeddings;
  options.deviation = static_cast<float>(recipe.model.initial_deviation);
  if (recipe.model.qk_norm) {
    options.optional_tensors = {"blk.{}.attn_q_norm.weight", "blk.{}.attn_k_norm.weight"};
  }
  if (recipe.model.value_residual)
    options.optional_tensors.emplace_back("blk.{}.attn_v_mix.weight");
  return options;
}

std::int64_t expected_vocabulary(const Recipe& recipe) {
  if (recipe.tokenizer.train != "bytes") return recipe.tokenizer.size;
  // GGUF cannot say that nothing is merged, so the most frequent pair is.
  constexpr std::int64_t kEnd = 1, kPair = 1;
  return 256 + kEnd + kPair + (recipe.tokenizer.chat ? 2 : 0) +
         (recipe.objective.kind == "masked" ? 1 : 0);
}

TokenizerTraining tokenizer_training_of(const Recipe& recipe) {
  TokenizerTraining settings;
  const bool unigram = recipe.tokenizer.train == "unigram";
  settings.kind = unigram ? TokenizerTraining::Kind::unigram : TokenizerTraining::Kind::bpe;
  const bool chat = recipe.tokenizer.chat;
  settings.roles = {{"bos_token", kTextEnd}, {"eos_token", chat ? kTurnEnd : kTextEnd}};
  if (recipe.objective.kind == "masked") settings.roles.emplace_back("mask_token", "<|mask|>");
  if (chat) {
    settings.special = {kTurnBegin, kTurnEnd};
    settings.chat_template = std::string(fallback_chat_template("chatml"));
  }
  settings.add_bos = true;
  settings.vocabulary = static_cast<std::size_t>(expected_vocabulary(recipe));
  settings.min_frequency = recipe.tokenizer.train == "bytes" ? 1 : 2;
  return settings;
}

DataSettings data_settings_of(const Recipe& recipe) {
  const FieldsRecipe& fields = recipe.data.fields;
  DataSettings settings;
  settings.format = learning_format(recipe.objective.kind, recipe.place("objective.kind"));
  settings.held_out = recipe.data.held_out;
  settings.drop_duplicates = recipe.data.drop_duplicates;
  for (std::size_t i = 0; i < recipe.data.sources.size(); ++i) {
    const SourceRecipe& given = recipe.data.sources[i];
    DataSource source;
    source.name = source_name(given.path, i);
    source.paths = {given.path};
    source.cut = text_cut(given.cut, recipe.place(fmt::format("data.sources.{}.cut", i)));
    source.separator = given.separator;
    source.weight = given.weight;
    source.fields = {fields.text,   fields.label,  fields.messages, fields.prompt,
                     fields.answer, fields.chosen, fields.rejected};
    settings.sources.push_back(std::move(source));
  }
  return settings;
}

PassSettings pass_settings_of(const Recipe& recipe) {
  PassSettings settings;
  settings.balance = recipe.model.experts > 0 ? recipe.model.balance : 0;
  // A block of attention and feed-forward at a time.
  settings.checkpoint_residuals = recipe.checkpoint_activations ? 2 : 0;
  return settings;
}

Precision precision_of(const Recipe& recipe) {
  return recipe.precision == "bf16" ? Precision::bf16 : Precision::f32;
}

TrainerOptions trainer_options_of(const Recipe& recipe, std::int64_t steps) {
  TrainerOptions options;
  options.steps = steps;
  options.sequences = recipe.batch.sequences * recipe.batch.accumulate;
  options.pass_sequences = recipe.batch.sequences;
  options.length = recipe.batch.length;
  options.precision = precision_of(recipe);
  options.optimizer = optimizer_of(recipe.optimizer);
  OptimizerSettings rest = options.optimizer;
  rest.kind = OptimizerKind::adamw;
  rest.learning_rate = recipe.optimizer.adamw_learning_rate;
  for (std::size_t i = 0; i < recipe.optimizer.groups.size(); ++i) {
    options.groups.push_back(group_of(recipe.optimizer.groups[i], i, options.optimizer));
  }
  for (GroupSettings& group : default_groups(options.optimizer, rest)) {
    options.groups.push_back(std::move(group));
  }
  const auto share = [&](double part) { return std::llround(part * static_cast<double>(steps)); };
  options.schedule.kind = schedule_by_name(recipe.schedule.kind);
  options.schedule.warmup_steps = share(recipe.schedule.warmup_share);
  options.schedule.decay_steps = std::max<std::int64_t>(1, share(recipe.schedule.decay_share));
  options.schedule.final_factor = recipe.schedule.final_factor;
  options.clip_norm = recipe.optimizer.clip;
  options.ema_decay = recipe.optimizer.average;
  options.evaluate_every = recipe.evaluation.every;
  options.evaluation_sequences = recipe.evaluation.batches * recipe.batch.sequences;
  if (!recipe.samples.prompts.empty()) {
    options.sample_every =
        recipe.samples.every > 0 ? recipe.samples.every : recipe.evaluation.every;
  }
  options.checkpoint_every = recipe.checkpoints.every;
  options.keep_last = recipe.checkpoints.keep;
  options.keep_best = recipe.checkpoints.keep_best;
  options.recipe = write_recipe(recipe);
  return options;
}

std::int64_t tokens_per_step(const Recipe& recipe) {
  return recipe.batch.sequences * recipe.batch.length * recipe.batch.accumulate;
}

std::int64_t planned_steps(const Recipe& recipe, double seconds_per_step) {
  const BudgetRecipe& budget = recipe.budget;
  double steps = budget.steps > 0 ? static_cast<double>(budget.steps) : 1e15;
  if (budget.tokens > 0) {
    steps = std::min(steps, std::ceil(static_cast<double>(budget.tokens) /
                                      static_cast<double>(tokens_per_step(recipe))));
  }
  if (budget.minutes > 0 && seconds_per_step > 0) {
    steps = std::min(steps, budget.minutes * 60 * (1 - kTimeBesideSteps) / seconds_per_step);
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(steps));
}

}  // namespace jielong
