#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "base/thread_pool.h"
#include "model/chat_template.h"
#include "model/model.h"
#include "train/data/prepare.h"
#include "train/recipe.h"
#include "train/trainer.h"

namespace jielong {

/// The model that a recipe begins with: loaded to be trained on, or new. `tokenizer` is where a new
/// model's is (a tokenizer.json, its folder or a model file); empty: it gets none, and `vocabulary`
/// tokens.
std::shared_ptr<Model> make_recipe_model(const Recipe& recipe,
                                         const std::filesystem::path& tokenizer,
                                         std::int64_t vocabulary, ThreadPool& pool);

/// The tokenizer that a new model of the recipe takes over; empty: one is learned.
std::filesystem::path given_tokenizer(const Recipe& recipe);

/// Where the data of a recipe is kept in tokens, by default.
std::filesystem::path token_folder(const Recipe& recipe);

/// Everything that a recipe names, made and put together: tokenizer, data in tokens, model,
/// objective and trainer.
class TrainingSession {
 public:
  struct Options {
    std::filesystem::path tokenizer;    ///< where a learned tokenizer is kept, and found again
    std::filesystem::path data;         ///< where data is kept in tokens; empty: token_folder()
    std::filesystem::path checkpoints;  ///< empty: none are written
    std::int64_t steps = 0;             ///< of the whole run
    Communicator* communicator = nullptr;
  };
  /// Told (what is done, how much of it, of how much; both in bytes or both in something else); may
  /// throw to stop.
  using Progress =
      std::function<void(std::string_view stage, std::uint64_t done, std::uint64_t total)>;

  /// Learns what has to be learned first and prepares the data. Throws Error that names what is
  /// wrong in recipe or data.
  TrainingSession(const Recipe& recipe, const Options& options, ThreadPool& pool,
                  const Progress& progress = {});

  const Model& model() const { return *model_; }
  Trainer& trainer() { return *trainer_; }
  std::int64_t training_tokens() const { return data_.training_tokens(); }
  std::int64_t held_out_tokens() const { return data_.held_out_tokens(); }
  /// Writes the model as it is now, or its moving average where it has one: a GGUF file.
  void save_model(const std::filesystem::path& file);

 private:
  std::filesystem::path find_tokenizer(const Recipe& recipe, const Options& options,
                                       const Progress& progress);
  void make_data(const Recipe& recipe, const Options& options, const Progress& progress);
  std::unique_ptr<Objective> make_objective(const Recipe& recipe);
  void make_trainer(const Recipe& recipe, const Options& options);

  ThreadPool& pool_;
  std::shared_ptr<Model> model_;
  std::unique_ptr<ChatTemplate> chat_;
  PreparedData data_;
  std::unique_ptr<BatchSource> source_, held_out_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace jielong
