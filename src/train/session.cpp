#include "train/session.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "model/save_model.h"
#include "model/store/store.h"
#include "token/tokenizer_json.h"
#include "train/data/learn_tokenizer.h"
#include "train/data/shard_batch_source.h"
#include "train/plan.h"
#include "train/recipe_settings.h"
#include "train/samples.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// Apart from the seed of first values.
constexpr std::uint64_t kSampleSeed = 0x5eed;

/// The file or folder that a text names: a path, or a model of this machine.
fs::path find_by_name(const std::string& name, const std::string& where) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;
  try {
    return ModelStore().resolve(name).path;
  } catch (const Error& error) {
    throw error.within(where);
  }
}

}  // namespace

std::shared_ptr<Model> make_recipe_model(const Recipe& recipe, const fs::path& tokenizer,
                                         std::int64_t vocabulary, ThreadPool& pool) {
  if (!recipe.model.from.empty()) {
    LoadOptions options;
    options.trainable = true;
    options.context_length = recipe.batch.length;
    return Model::load(find_by_name(recipe.model.from, recipe.place("model.from")), options);
  }
  CreateOptions options = create_options_of(recipe);
  options.tokenizer = tokenizer;
  return Model::create(hyperparameters_of(recipe, tokenizer.empty() ? vocabulary : 0), options,
                       pool);
}

fs::path given_tokenizer(const Recipe& recipe) {
  if (recipe.tokenizer.from.empty()) return {};
  return find_by_name(recipe.tokenizer.from, recipe.place("tokenizer.from"));
}

fs::path token_folder(const Recipe& recipe) {
  if (!recipe.data.cache.empty()) return recipe.data.cache;
  return models_folder().parent_path() / "tokens" / recipe.name;
}

TrainingSession::TrainingSession(const Recipe& recipe, const Options& options, ThreadPool& pool,
                                 const Progress& progress)
    : pool_(pool) {
  // The first rank learns the tokenizer and prepares the data; the others find both.
  Communicator* const others = options.communicator;
  const bool is_first = others == nullptr || others->rank() == 0;
  if (!is_first) others->barrier();
  const fs::path tokenizer =
      recipe.model.from.empty() ? find_tokenizer(recipe, options, progress) : fs::path();
  model_ = make_recipe_model(recipe, tokenizer, 0, pool_);
  if (model_->parameters() == nullptr) {
    throw Error(ErrorKind::unsupported, "cannot be trained", recipe.place("model"));
  }
  if (const auto& source = model_->chat_template()) {
    chat_ = std::make_unique<ChatTemplate>(*source);
  }
  make_data(recipe, options, progress);
  if (is_first && others != nullptr) others->barrier();
  objective_ = make_objective(recipe);
  make_trainer(recipe, options);
}

fs::path TrainingSession::find_tokenizer(const Recipe& recipe, const Options& options,
                                         const Progress& progress) {
  fs::path given = given_tokenizer(recipe);
  if (!given.empty()) return given;
  const fs::path file = options.tokenizer / "tokenizer.json";
  std::error_code error;
  if (fs::exists(file, error)) return options.tokenizer;
  const LearnTokenizerReport report =
      learn_tokenizer(data_settings_of(recipe).sources, tokenizer_training_of(recipe),
                      static_cast<std::uint64_t>(recipe.tokenizer.sample_bytes), pool_,
                      [&](std::string_view stage, std::uint64_t done, std::uint64_t total) {
                        if (progress) progress("tokenizer: " + std::string(stage), done, total);
                      });
  const TrainedTokenizer& trained = report.trained;
  // What cannot be read back must not be written.
  tokenizer_from_json(trained.tokenizer_json, file.string(), trained.config_json);
  fs::create_directories(options.tokenizer, error);
  write_file(options.tokenizer / "tokenizer_config.json", trained.config_json);
  write_file(file, trained.tokenizer_json);
  return options.tokenizer;
}

void TrainingSession::make_data(const Recipe& recipe, const Options& options,
                                const Progress& progress) {
  const fs::path folder = options.data.empty() ? token_folder(recipe) : options.data;
  std::error_code error;
  fs::create_directories(folder, error);
  data_ = prepare_data(data_settings_of(recipe), model_->tokenizer(), chat_.get(), folder, pool_,
                       [&](std::string_view source, std::uint64_t done, std::uint64_t total) {
                         if (progress) progress("data: " + std::string(source), done, total);
                       });
  BatchSettings settings;
  settings.seed = static_cast<std::uint64_t>(recipe.seed);
  settings.mask_share = recipe.objective.mask_share;
  source_ = make_batch_source(data_, model_->tokenizer(), settings);
  if (recipe.evaluation.every > 0 && data_.held_out_tokens() > 0) {
    settings.held_out = true;
    settings.once = true;
    held_out_ = make_batch_source(data_, model_->tokenizer(), settings);
  }
}

std::unique_ptr<Objective> TrainingSession::make_objective(const Recipe& recipe) {
  const PassSettings settings = pass_settings_of(recipe);
  switch (data_.format) {
    case LearningFormat::classify:
      return std::make_unique<ClassificationObjective>(
          model_, *model_->parameters(), static_cast<std::int64_t>(data_.classes.size()),
          static_cast<std::uint64_t>(recipe.seed), settings);
    case LearningFormat::preference: {
      if (recipe.model.from.empty()) {
        throw bad_input("preferences can only be taught to a model that speaks already",
                        recipe.place("objective.kind"), "set model.from");
      }
      LoadOptions options;
      options.context_length = recipe.batch.length;
      auto reference =
          Model::load(find_by_name(recipe.model.from, recipe.place("model.from")), options);
      reference->prepare(pool_);
      return std::make_unique<DpoObjective>(model_, std::move(reference), recipe.objective.beta,
                                            settings);
    }
    default: return std::make_unique<TokenObjective>(model_, settings);
  }
}

void TrainingSession::make_trainer(const Recipe& recipe, const Options& options) {
  TrainerOptions trainer = trainer_options_of(recipe, options.steps);
  trainer.checkpoints = options.checkpoints;
  if (options.communicator != nullptr) {
    // A batch is cut so that every rank has a part of the step.
    trainer.pass_sequences =
        std::min(trainer.pass_sequences,
                 std::max<std::int64_t>(1, trainer.sequences / options.communicator->size()));
  }
  trainer.flops_per_token = training_flops_per_token(*model_, recipe.batch.length);
  if (objective_->counts_tokens()) trainer.token_bytes = token_bytes(model_->tokenizer());
  TrainerParts parts;
  parts.held_out = held_out_.get();
  parts.communicator = options.communicator;
  parts.save_model = [this](const fs::path& path) {
    fs::path file = path;
    file += ".gguf";
    jielong::save_model(*model_, file);
    return file;
  };
  SampleSettings samples;
  samples.prompts = recipe.samples.prompts;
  samples.tokens = recipe.samples.tokens;
  samples.temperature = recipe.samples.temperature;
  samples.seed = static_cast<std::uint64_t>(recipe.seed) ^ kSampleSeed;
  if (!samples.prompts.empty() && model_->generates()) {
    parts.sample = [this, samples] { return continue_prompts(model_, pool_, samples); };
  }
  trainer_ = std::make_unique<Trainer>(pool_, *model_->parameters(), *objective_, *source_,
                                       std::move(trainer), std::move(parts));
}

void TrainingSession::save_model(const fs::path& file) {
  const EmaScope average(trainer_->ema());
  jielong::save_model(*model_, file);
}

}  // namespace jielong
