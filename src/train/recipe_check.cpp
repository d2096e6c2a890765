#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/quote.h"
#include "train/recipe.h"

namespace jielong {
namespace {

void require(bool holds, const Recipe& recipe, const std::string& key, std::string problem,
             std::string fix = {}) {
  if (!holds) throw bad_input(std::move(problem), recipe.place(key), std::move(fix));
}

void check_name(const Recipe& recipe) {
  const std::string& name = recipe.name;
  const bool plain = !name.empty() && name.size() <= 100 && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) || c == '-' || c == '_' || c == '.';
                     });
  require(plain, recipe, "name", in_quotes(name) + " cannot be the name of a run",
          "use letters, digits, - and _");
}

void check_model(const Recipe& recipe) {
  const ModelRecipe& model = recipe.model;
  if (!model.from.empty()) return;  // the file says what it is
  require(model.head_channels > 0 || model.channels % model.heads == 0, recipe, "model.heads",
          fmt::format("{} channels cannot be split into {} heads", model.channels, model.heads),
          "choose a divisor, or set model.head_channels");
  require(
      model.kv_heads == 0 || (model.kv_heads <= model.heads && model.heads % model.kv_heads == 0),
      recipe, "model.kv_heads",
      fmt::format("{} heads cannot share {} key and value heads", model.heads, model.kv_heads),
      "choose a divisor of model.heads");
  require(model.experts == 0 || model.experts_used <= model.experts, recipe, "model.experts_used",
          fmt::format("a token cannot go to {} of {} experts", model.experts_used, model.experts));
  require(recipe.batch.length <= model.context, recipe, "batch.length",
          fmt::format("sequences of {} tokens are longer than the model's context of {}",
                      recipe.batch.length, model.context),
          "lower batch.length or raise model.context");
}

void check_data(const Recipe& recipe) {
  const DataRecipe& data = recipe.data;
  require(!data.sources.empty(), recipe, "data.sources", "there is nothing to learn from",
          "add data: sources: [{path: texts/*.txt}]");
  double weights = 0;
  for (std::size_t i = 0; i < data.sources.size(); ++i) {
    require(!data.sources[i].path.empty(), recipe, fmt::format("data.sources.{}.path", i),
            "the source has no path");
    weights += data.sources[i].weight;
  }
  require(weights > 0, recipe, "data.sources.0.weight", "all sources weigh nothing");
}

}  // namespace

void check_recipe(const Recipe& recipe) {
  check_name(recipe);
  check_model(recipe);
  check_data(recipe);
  const BudgetRecipe& budget = recipe.budget;
  require(budget.steps > 0 || budget.tokens > 0 || budget.minutes > 0, recipe, "budget",
          "the run would never end", "set budget.steps, budget.tokens or budget.minutes");
  require(recipe.schedule.warmup_share + recipe.schedule.decay_share <= 1 ||
              recipe.schedule.kind != "wsd",
          recipe, "schedule.decay_share", "warm-up and decay take more than all steps");
  const bool needs_tokenizer = recipe.model.from.empty();
  require(needs_tokenizer || recipe.tokenizer.from.empty(), recipe, "tokenizer.from",
          "a model to go on from keeps its own tokenizer", "leave it out");
  for (std::size_t i = 0; i < recipe.optimizer.groups.size(); ++i) {
    require(!recipe.optimizer.groups[i].match.empty(), recipe,
            fmt::format("optimizer.groups.{}.match", i), "the group says not what belongs to it");
  }
  require(recipe.objective.kind != "preference" || recipe.batch.sequences % 2 == 0, recipe,
          "batch.sequences", "pairs of answers need an even number of sequences");
}

}  // namespace jielong
