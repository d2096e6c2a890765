#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "base/json.h"
#include "train/finite.h"
#include "train/parallel/gradient_completion.h"

namespace jielong {
namespace {

using Clock = std::chrono::steady_clock;

/// Leaves a tape empty, also after a pass that failed.
struct EmptyAfterwards {
  Tape& tape;
  ~EmptyAfterwards() { tape.forget(); }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const TrainerOptions& options) {
  const auto require = [](bool holds, const char* what, const char* where) {
    if (!holds) throw bad_input(what, where);
  };
  require(options.steps >= 1, "must be at least 1", "steps");
  require(options.sequences >= 1, "must be at least 1", "sequences of a step");
  require(options.pass_sequences >= 0, "must not be negative", "sequences of a pass");
  require(options.length >= 2, "must be at least 2", "length of sequences");
  require(options.clip_norm >= 0, "must not be negative", "clipping");
  require(options.evaluation_sequences >= 1, "must be at least 1", "sequences of an evaluation");
  require(options.keep_last >= 1, "must be at least 1", "checkpoints to keep");
  require(options.schedule.warmup_steps >= 0 && options.schedule.decay_steps >= 0,
          "must not be negative", "steps of the schedule");
  require(options.schedule.final_factor >= 0 && options.schedule.final_factor <= 1,
          "must lie between 0 and 1", "final share of the learning rate");
}

std::vector<std::pair<std::string, double>> means_of(const Objective& objective,
                                                     const ObjectiveResult& result) {
  std::vector<std::pair<std::string, double>> means = {
      {"accuracy", result.correct / result.counted}};
  const std::vector<std::string> names = objective.sum_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    means.emplace_back(names[i], result.sums[i] / result.counted);
  }
  return means;
}

}  // namespace

Trainer::Trainer(ThreadPool& pool, Parameters& parameters, Objective& objective,
                 BatchSource& source, TrainerOptions options, TrainerParts parts)
    : pool_(pool),
      parameters_(parameters),
      objective_(objective),
      source_(source),
      options_(std::move(options)),
      parts_(std::move(parts)),
      workspace_(pool),
      tape_(parameters) {
  check(options_);
  if (options_.groups.empty()) options_.groups = default_groups(options_.optimizer);
  optimizer_ = std::make_unique<Optimizer>(pool_, group_parameters(parameters_, options_.groups),
                                           options_.precision);
  if (options_.ema_decay != 0) {
    ema_ = std::make_unique<Ema>(pool_, optimizer_->parameters(), options_.ema_decay);
  }
  // As many as a rank has in a step; rather fewer than that a rank has none.
  pass_sequences_ = options_.pass_sequences;
  const auto passes = [&] { return (options_.sequences + pass_sequences_ - 1) / pass_sequences_; };
  if (pass_sequences_ == 0) pass_sequences_ = (options_.sequences + ranks() - 1) / ranks();
  if (options_.pass_sequences == 0 && passes() < ranks()) {
    pass_sequences_ = std::max<std::int64_t>(1, options_.sequences / ranks());
  }
  if (passes() < ranks()) {
    throw bad_input(fmt::format("{} processes are too many for {} sequences a step in passes of {}",
                                ranks(), options_.sequences, pass_sequences_),
                    "sequences of a step", "let a step have more sequences, or a pass fewer");
  }
  if (ranks() > 1) {
    exchange_ =
        std::make_unique<GradientExchange>(pool_, *parts_.communicator, optimizer_->parameters());
  }
  if (parts_.held_out != nullptr) held_out_start_ = parts_.held_out->position().dump();
}

Trainer::~Trainer() = default;

void Trainer::sum_over_ranks(std::span<double> values) const {
  if (parts_.communicator != nullptr) parts_.communicator->sum(values);
}

bool Trainer::stop_requested(const std::atomic<bool>* stop) const {
  double wish = stop != nullptr && stop->load(std::memory_order_relaxed) ? 1 : 0;
  sum_over_ranks(std::span(&wish, 1));
  return wish > 0;
}

/// All ranks draw all passes, so that their sources stay at the same position.
std::vector<TrainingBatch> Trainer::next_passes(BatchSource& source, std::int64_t sequences) const {
  std::vector<TrainingBatch> passes;
  for (std::int64_t left = sequences; left > 0; left -= pass_sequences_) {
    passes.push_back(source.next(std::min(left, pass_sequences_), options_.length));
  }
  return passes;
}

/// Runs this rank's passes, of all ranks' `passes`.
ObjectiveResult Trainer::run_passes(const std::vector<TrainingBatch>& passes, double scale,
                                    bool train) {
  ObjectiveResult result;
  result.sums.resize(objective_.sum_names().size());
  const auto step = static_cast<std::size_t>(ranks());
  for (auto i = static_cast<std::size_t>(rank()); i < passes.size(); i += step) {
    workspace_.arena().release({});
    std::optional<GradientCompletion> completion;
    // Only the last pass of a step brings gradients to their end.
    if (train && exchange_ != nullptr && i + step >= passes.size()) {
      completion.emplace(parameters_, tape_, [this](Parameter& each) { exchange_->begin(each); });
    }
    const EmptyAfterwards guard{tape_};
    Pass pass(workspace_, completion ? completion->tap() : nullptr, train ? &tape_ : nullptr,
              options_.precision);
    result.add(objective_.run(pass, passes[i], scale));
  }
  return result;
}

void Trainer::add_over_ranks(ObjectiveResult& result) const {
  if (parts_.communicator == nullptr) return;
  std::vector<double> values = {result.loss, result.counted, result.correct};
  values.insert(values.end(), result.sums.begin(), result.sums.end());
  sum_over_ranks(values);
  result.loss = values[0];
  result.counted = values[1];
  result.correct = values[2];
  result.sums.assign(values.begin() + 3, values.end());
}

double Trainer::gradient_norm() const {
  const auto parameters = optimizer_->parameters();
  std::vector<double> squares;
  for (const Parameter* parameter : parameters) {
    const bool mine = exchange_ == nullptr || exchange_->owns(*parameter);
    squares.push_back(mine ? optimizer_->squared_norm(*parameter) : 0);
  }
  if (exchange_ != nullptr) sum_over_ranks(squares);
  double sum = 0;
  for (const double square : squares) sum += square;
  return std::sqrt(sum);
}

void Trainer::update(double gradient_norm) {
  const double clip = options_.clip_norm;
  const double factor = clip > 0 ? std::min(1.0, clip / (gradient_norm + 1e-6)) : 1;
  const double rate = schedule_factor(options_.schedule, progress_.step, options_.steps);
  optimizer_->begin_step();
  for (Parameter* parameter : optimizer_->parameters()) {
    if (exchange_ != nullptr && !exchange_->owns(*parameter)) continue;
    optimizer_->update(*parameter, rate, factor);
  }
  if (exchange_ != nullptr) exchange_->share_values();
  if (ema_ != nullptr) ema_->update();
}

/// The first rank's text that is not empty.
std::string Trainer::first_of_ranks(const std::string& mine) const {
  std::string first = mine;
  for (int root = 0; root < ranks() && parts_.communicator != nullptr; ++root) {
    std::string text = mine.substr(0, 255);
    text.resize(256, '\0');
    parts_.communicator->broadcast(std::as_writable_bytes(std::span(text)), root);
    first = text.c_str();
    if (!first.empty()) break;
  }
  return first;
}

void Trainer::check_finite(const std::vector<TrainingBatch>& passes, double loss, double norm) {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  std::string found;
  const auto step = static_cast<std::size_t>(ranks());
  for (auto i = static_cast<std::size_t>(rank()); i < passes.size() && found.empty(); i += step) {
    found =
        first_not_finite_value(parameters_, objective_, workspace_, options_.precision, passes[i]);
  }
  // Gradients have been added up, and what is wrong with one rank's is now wrong with others'.
  found = first_of_ranks(found);
  if (found.empty()) found = first_of_ranks(first_not_finite_gradient(parameters_));
  throw NotFinite(found.empty() ? "gradient norm" : found);
}

StepMetrics Trainer::step() {
  const auto start = Clock::now();
  const std::vector<TrainingBatch> passes = next_passes(source_, options_.sequences);
  double counted = 0;
  std::int64_t tokens = 0;
  for (const TrainingBatch& pass : passes) {
    counted += objective_.counted(pass);
    tokens += pass.rows.rows();
  }
  if (counted <= 0) {
    throw bad_input("a whole step has nothing to learn from", "training data",
                    "look for texts without answers, or longer than a sequence");
  }
  // Ranks exchange gradients while others are still computed, so theirs must be numbers always.
  if (exchange_ != nullptr) {
    parameters_.zero_gradients(pool_);
  } else {
    parameters_.forget_gradients(pool_);
  }
  ObjectiveResult result = run_passes(passes, 1 / counted, true);
  parameters_.settle_gradients(pool_);
  if (exchange_ != nullptr) exchange_->finish();
  add_over_ranks(result);
  const double norm = gradient_norm();
  check_finite(passes, result.loss, norm);

  StepMetrics metrics;
  const double rate = schedule_factor(options_.schedule, progress_.step, options_.steps);
  for (const ParameterGroup& group : optimizer_->groups()) {
    metrics.learning_rates.emplace_back(group.name, group.optimizer.learning_rate * rate);
  }
  update(norm);
  ++progress_.step;
  progress_.tokens += tokens;
  last_loss_.reset();

  metrics.seconds = seconds_since(start);
  progress_.seconds += metrics.seconds;
  metrics.step = progress_.step;
  metrics.steps = options_.steps;
  metrics.loss = result.loss / counted;
  metrics.means = means_of(objective_, result);
  metrics.gradient_norm = norm;
  metrics.tokens = tokens;
  metrics.total_tokens = progress_.tokens;
  metrics.epochs = source_.epochs();
  metrics.total_seconds = progress_.seconds;
  metrics.tokens_per_second = static_cast<double>(tokens) / metrics.seconds;
  metrics.flops_per_second = options_.flops_per_token * metrics.tokens_per_second;
  return metrics;
}

EvaluationMetrics Trainer::evaluate() {
  if (parts_.held_out == nullptr) throw bad_input("there is no held-out data", "evaluation");
  const auto start = Clock::now();
  parts_.held_out->restore(parse_json(held_out_start_, "held-out data"));
  const auto passes = next_passes(*parts_.held_out, options_.evaluation_sequences);
  const EmaScope average(ema_.get());
  ObjectiveResult result = run_passes(passes, 1, false);
  add_over_ranks(result);
  if (result.counted <= 0) {
    throw bad_input("has nothing to predict", "held-out data", "hold out more of the data");
  }
  EvaluationMetrics metrics;
  metrics.step = progress_.step;
  metrics.loss = result.loss / result.counted;
  metrics.means = means_of(objective_, result);
  metrics.targets = static_cast<std::int64_t>(result.counted);
  if (objective_.counts_tokens()) {
    metrics.perplexity = std::exp(metrics.loss);
    double bytes = 0;
    for (const TrainingBatch& pass : passes) {
      for (const Token target : pass.targets) {
        const auto index = static_cast<std::size_t>(target);
        if (target >= 0 && index < options_.token_bytes.size()) {
          bytes += options_.token_bytes[index];
        }
      }
    }
    if (bytes > 0) metrics.bits_per_byte = result.loss / std::numbers::ln2 / bytes;
  }
  metrics.best = !progress_.best_loss || metrics.loss < *progress_.best_loss;
  if (metrics.best) progress_.best_loss = metrics.loss;
  last_loss_ = metrics.loss;
  metrics.seconds = seconds_since(start);
  return metrics;
}

std::size_t Trainer::activation_bytes() const {
  return const_cast<Workspace&>(workspace_).arena().peak_bytes() + tape_.peak_bytes();
}

}  // namespace jielong
