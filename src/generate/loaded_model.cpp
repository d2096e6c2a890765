#include "generate/loaded_model.h"

#include <algorithm>
#include <mutex>
#include <span>

#include "base/sha256.h"
#include "model/model_chat.h"
#include "model/model_memory.h"

namespace jielong {
namespace {

/// A model for chains of at most `longest` tokens (0: what it was trained for).
std::shared_ptr<Model> load(const std::filesystem::path& path, std::int64_t longest) {
  auto model = Model::load(path);
  // LongRoPE chooses its factors by the length asked for.
  const bool matters = !model->hyper().rope_scaling.long_factors.empty();
  if (matters && longest > 0 && longest < model->context_length()) {
    model = Model::load(path, {.context_length = longest});
  }
  return model;
}

}  // namespace

WorkingModel::WorkingModel(std::string name, const std::filesystem::path& path,
                           const ModelPoolOptions& options, const SharedMachine& machine,
                           const GetMemory& get_memory)
    : name_(std::move(name)), model_(load(path, options.context_length)) {
  RunnerOptions runner;
  runner.kv_type = options.kv_type;
  runner.context_length = model_->context_length();
  if (options.context_length > 0) {
    runner.context_length = std::min(runner.context_length, options.context_length);
  }
  runner.max_chains = 1;
  const std::uint64_t weights = prepared_bytes(*model_);
  if (model_->generates()) {
    // A runner takes no memory before it evaluates: this one tells what a chain needs.
    const ModelRunner one(model_, machine.threads, runner);
    const std::uint64_t chain = one.cache().max_bytes();
    const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(options.max_chains, 1));
    const std::uint64_t given = get_memory(weights + chain, weights + chain * most);
    if (chain > 0) {
      runner.max_chains =
          static_cast<std::int64_t>(std::clamp<std::uint64_t>((given - weights) / chain, 1, most));
    }
  } else {
    get_memory(weights, weights);
  }
  read_chat_template();
  {
    const std::lock_guard turn(*machine.turn);
    model_->prepare(machine.threads);
  }
  runner_ = std::make_unique<ModelRunner>(model_, machine.threads, runner);
  SchedulerOptions scheduler = options.scheduler;
  scheduler.pool = &machine.threads;
  scheduler.turn = machine.turn;
  scheduler_ = std::make_unique<Scheduler>(
      *runner_, model_->has_tokenizer() ? &model_->tokenizer() : nullptr, scheduler);
  if (!options.prefix_folder.empty() && model_->generates()) {
    read_prefixes(options.prefix_folder);
  }
}

WorkingModel::~WorkingModel() {
  if (prefix_file_.empty() || scheduler_->stats().cached_prefix_tokens == 0) return;
  try {
    std::filesystem::create_directories(prefix_file_.parent_path());
    scheduler_->save_prefixes(prefix_file_);
  } catch (const std::exception&) {
    // They only save time; nobody is left to be told.
  }
}

void WorkingModel::read_chat_template() {
  try {
    chat_template_ = chat_template_of(*model_);
  } catch (const Error& error) {
    template_error_ = error;
  }
}

const ChatTemplate& WorkingModel::chat_template() const {
  if (template_error_) throw *template_error_;
  return *chat_template_;
}

void WorkingModel::read_prefixes(const std::filesystem::path& folder) {
  const std::string path = std::filesystem::absolute(model_->path()).string();
  const std::string digest = sha256_of(std::as_bytes(std::span(path.data(), path.size())));
  prefix_file_ = folder / (digest.substr(0, 16) + ".prefixes");
  if (!std::filesystem::exists(prefix_file_)) return;
  try {
    scheduler_->load_prefixes(prefix_file_);
  } catch (const Error& error) {
    note_ = std::string("saved prefixes were not used: ") + error.what();
  }
}

}  // namespace jielong
