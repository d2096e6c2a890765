#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "generate/model_pool.h"
#include "generate/scheduler/turn.h"

namespace jielong {

/// What all models of a pool share.
struct SharedMachine {
  ThreadPool& threads;
  std::shared_ptr<Turn> turn;
};

/// A model with its runner and its scheduler.
class WorkingModel : public LoadedModel {
 public:
  /// Called with the bytes a model needs at least (one full-length chain) and would like;
  /// returns how many of them it gets, or throws.
  using GetMemory = std::function<std::uint64_t(std::uint64_t least, std::uint64_t wanted)>;

  /// Reads the file, asks for memory, and lays the weights out.
  WorkingModel(std::string name, const std::filesystem::path& path, const ModelPoolOptions& options,
               const SharedMachine& machine, const GetMemory& get_memory);
  /// Saves the prefixes.
  ~WorkingModel() override;

  const std::string& name() const override { return name_; }
  const Model& model() const override { return *model_; }
  const ChatTemplate& chat_template() const override;
  std::int64_t context_length() const override { return runner_->context_length(); }
  Scheduler& scheduler() override { return *scheduler_; }
  ModelRunner& runner() override { return *runner_; }

  /// What went wrong without keeping it from working.
  const std::string& note() const { return note_; }

 private:
  void read_chat_template();
  void read_prefixes(const std::filesystem::path& folder);

  std::string name_, note_;
  std::shared_ptr<Model> model_;
  std::optional<ChatTemplate> chat_template_;
  std::optional<Error> template_error_;
  std::filesystem::path prefix_file_;  // empty: none
  std::unique_ptr<ModelRunner> runner_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace jielong
