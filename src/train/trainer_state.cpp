#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "model/tensor_writer.h"
#include "train/trainer.h"
#include "train/training_state.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTensors = "state.safetensors";
constexpr std::string_view kState = "state.json";
constexpr std::string_view kRecipe = "recipe.yaml";
constexpr std::uint64_t kMostStateBytes = 256 << 20;
constexpr int kTag = 7000;

std::span<float> values_of(const Parameter& parameter) {
  return {parameter.values, static_cast<std::size_t>(parameter.count())};
}

TensorPlan plan_of(const std::string& name, const Parameter& parameter) {
  TensorPlan plan{name, DType::f32, {parameter.columns}};
  // Some that are spared like vectors are matrices: what a scan's states decay by.
  if (parameter.role != Parameter::Role::vector || parameter.rows != 1) {
    plan.shape.insert(plan.shape.begin(), parameter.rows);
  }
  return plan;
}

std::unique_ptr<const TensorFile, std::function<void(const TensorFile*)>> open_tensors(
    const fs::path& path) {
  // TensorFile is not destroyed through itself.
  if (path.extension() == ".gguf") {
    return {new GgufFile(path),
            [](const TensorFile* file) { delete static_cast<const GgufFile*>(file); }};
  }
  return {new SafetensorsFile(path),
          [](const TensorFile* file) { delete static_cast<const SafetensorsFile*>(file); }};
}

/// The values of a tensor that has just as many in f32; null otherwise.
const std::byte* stored_values(const TensorFile& file, const std::string& name,
                               const Parameter& parameter) {
  if (!file.contains(name)) return nullptr;
  const TensorInfo& tensor = file.require(name);
  const bool same = tensor.dtype == DType::f32 && tensor.elements() == parameter.count();
  return same ? tensor.data.data() : nullptr;
}

void write_parameters(const fs::path& path, const Parameters& parameters) {
  SafetensorsWriter writer(path);
  std::vector<TensorPlan> plans;
  for (const Parameter& parameter : parameters.all()) {
    plans.push_back(plan_of(parameter.name, parameter));
  }
  writer.begin(std::move(plans));
  for (const Parameter& parameter : parameters.all()) {
    writer.write(std::as_bytes(values_of(parameter)));
  }
  writer.finish();
}

}  // namespace

/// Optimizer states and averages, in the order in which they are stored.
std::vector<StateTensor> Trainer::state_tensors() {
  std::vector<StateTensor> tensors;
  for (const Parameter* parameter : optimizer_->parameters()) {
    const int owner = exchange_ == nullptr ? 0 : exchange_->owner(*parameter);
    const auto names = optimizer_->state_names(*parameter);
    for (std::size_t i = 0; i < names.size(); ++i) {
      float* values = owner == rank() ? optimizer_->state(*parameter, i) : nullptr;
      tensors.push_back({fmt::format("{}.{}.{}", name(optimizer_->settings(*parameter).kind),
                                     parameter->name, names[i]),
                         parameter, values, owner});
    }
  }
  if (ema_ != nullptr) {
    for (std::size_t i = 0; i < ema_->parameters().size(); ++i) {
      const Parameter* parameter = ema_->parameters()[i];
      tensors.push_back({"average." + parameter->name, parameter, ema_->average(i), 0});
    }
  }
  return tensors;
}

void Trainer::write_state(const fs::path& folder, std::vector<StateTensor>& tensors,
                          const std::function<std::span<const float>(std::size_t)>& fetch) {
  TrainingState state;
  fs::path model;
  if (parts_.save_model) {
    model = parts_.save_model(folder / "model");
  } else {
    model = folder / "model.safetensors";
    write_parameters(model, parameters_);
  }

  // What the model's file does not hold to the bit, under the same name, is kept beside it: a
  // classifier's head, tensors that the format stores in another form.
  std::vector<const Parameter*> more;
  {
    const auto file = open_tensors(model);
    for (const Parameter& parameter : parameters_.all()) {
      const std::byte* stored = stored_values(*file, parameter.name, parameter);
      const auto values = std::as_bytes(values_of(parameter));
      if (stored == nullptr || std::memcmp(stored, values.data(), values.size()) != 0) {
        more.push_back(&parameter);
      }
    }
  }
  SafetensorsWriter writer(folder / kTensors);
  std::vector<TensorPlan> plans;
  for (const StateTensor& tensor : tensors)
    plans.push_back(plan_of(tensor.name, *tensor.parameter));
  for (const Parameter* parameter : more) {
    plans.push_back(plan_of("parameter." + parameter->name, *parameter));
  }
  writer.begin(std::move(plans));
  for (std::size_t i = 0; i < tensors.size(); ++i) writer.write(std::as_bytes(fetch(i)));
  for (const Parameter* parameter : more) writer.write(std::as_bytes(values_of(*parameter)));
  writer.finish();

  state.step = progress_.step;
  state.updates = optimizer_->updates();
  state.tokens = progress_.tokens;
  state.seconds = progress_.seconds;
  state.best_loss = progress_.best_loss;
  state.best_checkpoint_loss = progress_.best_checkpoint_loss;
  state.best_checkpoint = progress_.best_checkpoint;
  state.model = model.filename().string();
  state.data_position = source_.position().dump();
  write_file(folder / kState, write_training_state(state));
  write_file(folder / kRecipe, options_.recipe);
}

fs::path Trainer::save_checkpoint() {
  if (options_.checkpoints.empty()) throw bad_input("there is no folder for them", "checkpoints");
  const Progress before = progress_;
  if (last_loss_ &&
      (!progress_.best_checkpoint_loss || *last_loss_ < *progress_.best_checkpoint_loss)) {
    progress_.best_checkpoint_loss = last_loss_;
    progress_.best_checkpoint = progress_.step;
  }
  std::vector<StateTensor> tensors = state_tensors();
  std::vector<float> received;
  std::size_t next = 0;
  // Tensors travel to rank 0 one by one, also when it has failed: the others do not know yet.
  const auto fetch = [&](std::size_t index) -> std::span<const float> {
    next = index + 1;
    const StateTensor& tensor = tensors[index];
    const auto count = static_cast<std::size_t>(tensor.parameter->count());
    if (tensor.owner == rank()) {
      const std::span<const float> values(tensor.values, count);
      if (rank() != 0) parts_.communicator->send(values, 0, kTag)->wait();
      return values;
    }
    if (rank() != 0) return {};
    received.resize(count);
    parts_.communicator->receive(received, tensor.owner, kTag)->wait();
    return received;
  };

  Checkpoint written;
  std::exception_ptr failure;
  if (rank() == 0) {
    try {
      written = write_checkpoint(options_.checkpoints, progress_.step, [&](const fs::path& folder) {
        write_state(folder, tensors, fetch);
      });
    } catch (...) {
      failure = std::current_exception();
    }
  }
  while (next < tensors.size()) fetch(next);
  double failed = failure != nullptr ? 1 : 0;
  sum_over_ranks(std::span(&failed, 1));
  if (failed > 0) {
    progress_ = before;
    if (failure != nullptr) std::rethrow_exception(failure);
    throw Error(ErrorKind::io, "the first process could not write", options_.checkpoints.string());
  }
  saved_step_ = progress_.step;
  prune();
  return written.folder;
}

void Trainer::prune() const {
  if (rank() != 0) return;
  std::vector<std::int64_t> spared;
  if (options_.keep_best && progress_.best_checkpoint >= 0) {
    spared.push_back(progress_.best_checkpoint);
  }
  try {
    prune_checkpoints(options_.checkpoints, options_.keep_last, spared);
  } catch (const Error& error) {
    // A disk that does not let go of old checkpoints has the new one all the same.
    if (error.kind() != ErrorKind::io) throw;
  }
}

void Trainer::read_state(const Checkpoint& checkpoint) {
  const fs::path& folder = checkpoint.folder;
  const TrainingState state =
      parse_training_state(read_file(folder / kState, kMostStateBytes), (folder / kState).string());
  const SafetensorsFile tensors(folder / kTensors);
  const auto model = open_tensors(folder / state.model);
  const auto load = [&](const TensorFile& file, const std::string& name, const Parameter& parameter,
                        float* values) {
    const std::byte* stored = stored_values(file, name, parameter);
    if (stored == nullptr) {
      throw bad_input(fmt::format("has no \"{}\" of {} values in f32", name, parameter.count()),
                      file.path().string(), "resume with the recipe that the run was started with");
    }
    if (values != nullptr) {
      std::memcpy(values, stored, static_cast<std::size_t>(parameter.count()) * sizeof(float));
    }
  };
  for (const Parameter& parameter : parameters_.all()) {
    const std::string name = "parameter." + parameter.name;
    const bool beside = tensors.contains(name);
    load(beside ? static_cast<const TensorFile&>(tensors) : *model, beside ? name : parameter.name,
         parameter, parameter.values);
  }
  for (const StateTensor& tensor : state_tensors()) {
    load(tensors, tensor.name, *tensor.parameter, tensor.values);
  }
  source_.restore(parse_json(state.data_position, (folder / kState).string()));
  optimizer_->set_updates(state.updates);
  progress_ = {state.step,
               state.tokens,
               state.seconds,
               state.best_loss,
               state.best_checkpoint_loss,
               state.best_checkpoint};
  saved_step_ = sampled_step_ = state.step;
  last_loss_.reset();
  resumed_ = true;
}

std::optional<Trainer::Resumed> Trainer::resume() {
  Resumed resumed;
  std::vector<Checkpoint> damaged;
  std::vector<Checkpoint> all = list_checkpoints(options_.checkpoints);
  double chosen = -1;
  for (; rank() == 0 && !all.empty() && chosen < 0; all.pop_back()) {
    try {
      verify_checkpoint(all.back());
      chosen = static_cast<double>(all.back().step);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io) throw;
      resumed.skipped.emplace_back(error.what());
      damaged.push_back(all.back());
    }
  }
  // Only the first process looks for one; the others add nothing to its number.
  if (rank() != 0) chosen = 0;
  sum_over_ranks(std::span(&chosen, 1));
  if (chosen < 0) {
    if (resumed.skipped.empty()) return std::nullopt;
    throw bad_input("every checkpoint is damaged", options_.checkpoints.string(),
                    resumed.skipped.front());
  }
  for (const Checkpoint& checkpoint : damaged) set_aside(checkpoint);
  for (const Checkpoint& checkpoint : list_checkpoints(options_.checkpoints)) {
    if (checkpoint.step == static_cast<std::int64_t>(chosen)) resumed.checkpoint = checkpoint;
  }
  read_state(resumed.checkpoint);
  prune();  // what a crash kept the last save from removing
  return resumed;
}

}  // namespace jielong
