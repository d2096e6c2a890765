#include "train/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "model/layers/attention.h"
#include "model/layers/recurrent.h"
#include "tensor/peaks.h"
#include "train/recipe_settings.h"
#include "train/session.h"

namespace jielong {
namespace {

/// Steps that are timed after one that warms up.
constexpr int kTimedSteps = 3;
/// Backward takes a product for each factor, where forward takes one.
constexpr double kForwardAndBackward = 3;

struct Part {
  const char* name;
  std::string_view marks[6];  ///< parts of the names of its tensors
};
constexpr Part kParts[] = {
    {"norms and biases", {"norm", ".bias", "_mix"}},
    {"embeddings", {"token_embd", "position_embd", "token_types"}},
    {"attention", {"attn_"}},
    {"experts", {"_exps", "_gate_inp", "_shexp"}},
    {"feed-forward", {"ffn_"}},
    {"recurrence", {"ssm_"}},
    {"head", {"output", "cls."}},
};

std::string part_of(const std::string& name) {
  for (const Part& part : kParts) {
    for (const std::string_view mark : part.marks) {
      if (!mark.empty() && name.find(mark) != std::string::npos) return part.name;
    }
  }
  return "others";
}

/// Random tokens without end: as much work as any others.
class RandomSource : public BatchSource {
 public:
  RandomSource(std::int64_t vocabulary, std::int64_t classes)
      : vocabulary_(static_cast<std::uint64_t>(vocabulary)),
        classes_(static_cast<std::uint64_t>(classes)) {}

  TrainingBatch next(std::int64_t sequences, std::int64_t length) override {
    TrainingBatch batch;
    for (std::int64_t i = 0; i < sequences; ++i) {
      batch.rows.sequences.push_back({i * length, length, 0, nullptr});
      for (std::int64_t position = 0; position < length; ++position) {
        batch.rows.output_rows.push_back(batch.rows.rows());
        batch.rows.tokens.push_back(token());
        batch.rows.positions.push_back(position);
        batch.targets.push_back(token());
      }
      if (classes_ > 0) batch.labels.push_back(static_cast<std::int32_t>(rng_() % classes_));
    }
    return batch;
  }
  Json position() const override { return 0; }
  void restore(const Json&) override {}
  double epochs() const override { return 0; }

 private:
  Token token() { return static_cast<Token>(rng_() % vocabulary_); }

  std::uint64_t vocabulary_, classes_;
  Rng rng_{1};
};

struct Probe {
  double seconds_per_step = 0;
  std::size_t activation_bytes = 0, optimizer_bytes = 0;
};

Probe probe(const Recipe& recipe, const std::shared_ptr<Model>& model, ThreadPool& pool,
            int timed_steps) {
  const bool classifies = !model->generates() || recipe.objective.kind == "classify";
  constexpr std::int64_t kClasses = 2;
  std::unique_ptr<Objective> objective;
  const PassSettings settings = pass_settings_of(recipe);
  if (classifies) {
    objective = std::make_unique<ClassificationObjective>(model, *model->parameters(), kClasses, 1,
                                                          settings);
  } else {
    objective = std::make_unique<TokenObjective>(model, settings);
  }
  RandomSource source(model->hyper().vocabulary, classifies ? kClasses : 0);
  TrainerOptions options = trainer_options_of(recipe, timed_steps + 1);
  options.evaluate_every = options.sample_every = 0;
  Trainer trainer(pool, *model->parameters(), *objective, source, options);
  trainer.step();
  std::vector<double> seconds;
  for (int i = 0; i < timed_steps; ++i) seconds.push_back(trainer.step().seconds);
  std::sort(seconds.begin(), seconds.end());
  return {seconds.empty() ? 0 : seconds[seconds.size() / 2], trainer.activation_bytes(),
          trainer.optimizer().state_bytes()};
}

}  // namespace

std::vector<std::pair<std::string, std::int64_t>> parameters_by_part(const Model& model) {
  std::vector<std::pair<std::string, std::int64_t>> parts;
  if (model.parameters() == nullptr) return parts;
  for (const Parameter& parameter : model.parameters()->all()) {
    const std::string part = part_of(parameter.name);
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const auto& entry) { return entry.first == part; });
    if (found != parts.end()) {
      found->second += parameter.count();
    } else {
      parts.emplace_back(part, parameter.count());
    }
  }
  return parts;
}

double training_flops_per_token(const Model& model, std::int64_t length) {
  const Hyperparameters& hyper = model.hyper();
  const double expert_share = hyper.experts > 0 ? static_cast<double>(hyper.experts_used) /
                                                      static_cast<double>(hyper.experts)
                                                : 1;
  double products = 0;
  for (const Residual& residual : model.stack().residuals) {
    for (const Weight* weight : residual.layer->matrices()) {
      if (weight == nullptr || !*weight) continue;
      const double count = static_cast<double>(weight->out) * static_cast<double>(weight->in);
      products += weight->name.find("_exps") != std::string::npos ? count * expert_share : count;
    }
    if (const auto* attention = dynamic_cast<const Attention*>(residual.layer.get())) {
      // In a causal sequence, half of the others come before a token.
      const double seen = attention->params.causal ? (static_cast<double>(length) + 1) / 2
                                                   : static_cast<double>(length);
      products += seen * static_cast<double>(attention->params.heads) *
                  static_cast<double>(attention->shape.key_dim + attention->shape.value_dim);
    } else if (const auto* recurrent = dynamic_cast<const Recurrent*>(residual.layer.get())) {
      // A state forgets, takes in and is read.
      products += 3 * static_cast<double>(recurrent->state_floats());
    }
  }
  products += static_cast<double>(hyper.channels) * static_cast<double>(hyper.vocabulary);
  return products * 2 * kForwardAndBackward;
}

double peak_flops(Precision precision, ThreadPool& pool) {
  const Peaks peaks = measure_peaks(pool);
  return 2 * (precision == Precision::bf16
                  ? std::max({peaks.bf16_vectors, peaks.bf16_tiles, peaks.f32})
                  : peaks.f32);
}

TrainingPlan plan_training(const Recipe& recipe, ThreadPool& pool, bool thorough) {
  // A tokenizer to be learned will have as many tokens as it was asked for.
  const std::filesystem::path tokenizer =
      recipe.model.from.empty() ? given_tokenizer(recipe) : std::filesystem::path();
  const std::shared_ptr<Model> model =
      make_recipe_model(recipe, tokenizer, expected_vocabulary(recipe), pool);
  if (model->parameters() == nullptr) {
    throw Error(ErrorKind::unsupported, "cannot be trained", recipe.place("model"));
  }
  TrainingPlan plan;
  plan.parts = parameters_by_part(*model);
  plan.parameters = model->parameters()->count();
  plan.flops_per_token = training_flops_per_token(*model, recipe.batch.length);
  const Probe now = probe(recipe, model, pool, kTimedSteps);
  plan.seconds_per_step = now.seconds_per_step;
  plan.activation_bytes = now.activation_bytes;
  plan.optimizer_bytes = now.optimizer_bytes;
  if (thorough) {
    Recipe other = recipe;
    other.checkpoint_activations = !recipe.checkpoint_activations;
    plan.other_activation_bytes = probe(other, model, pool, 0).activation_bytes;
  }
  plan.parameter_bytes = static_cast<std::uint64_t>(plan.parameters) * sizeof(float);
  std::uint64_t trained = 0;
  for (const Parameter& parameter : model->parameters()->all()) {
    if (parameter.trained) trained += static_cast<std::uint64_t>(parameter.count());
  }
  plan.gradient_bytes = trained * sizeof(float);
  plan.average_bytes = recipe.optimizer.average > 0 ? trained * sizeof(float) : 0;
  plan.tokens_per_step = tokens_per_step(recipe);
  plan.steps = planned_steps(recipe, plan.seconds_per_step);
  plan.peak_flops = peak_flops(precision_of(recipe), pool);
  return plan;
}

OrderedJson plan_json(const TrainingPlan& plan) {
  OrderedJson parts = OrderedJson::object();
  for (const auto& [name, count] : plan.parts) parts[name] = count;
  return {
      {"parameters", plan.parameters},
      {"parts", std::move(parts)},
      {"flops_per_token", plan.flops_per_token},
      {"steps", plan.steps},
      {"tokens_per_step", plan.tokens_per_step},
      {"tokens", plan.tokens()},
      {"flops", plan.flops()},
      {"memory",
       {{"parameters", plan.parameter_bytes},
        {"gradients", plan.gradient_bytes},
        {"optimizer", plan.optimizer_bytes},
        {"average", plan.average_bytes},
        {"activations", plan.activation_bytes},
        {"activations_with_other_checkpointing", plan.other_activation_bytes},
        {"total", plan.bytes()}}},
      {"seconds_per_step", plan.seconds_per_step},
      {"tokens_per_second", plan.seconds_per_step > 0
                                ? static_cast<double>(plan.tokens_per_step) / plan.seconds_per_step
                                : 0},
      {"peak_flops", plan.peak_flops},
      {"seconds", plan.seconds()}};
}

}  // namespace jielong
