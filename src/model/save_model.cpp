#include "model/save_model.h"

#include "base/error.h"
#include "model/convert/plan.h"
#include "model/convert/write_plan.h"
#include "model/theta.h"

namespace jielong {

void save_model(const Model& model, const std::filesystem::path& path, const std::string& type) {
  const Theta* theta = model.theta();
  if (theta == nullptr) {
    throw bad_input("was not loaded for training, so there is nothing to save",
                    model.path().string(), "convert its file instead");
  }
  const Recipe& recipe = recipe_by_name(type);
  const auto file = std::make_shared<ThetaFile>(*theta, model.path());
  ConvertOptions options;
  options.input = model.path();
  options.output = path;
  options.type = type;
  // Plain values are only copied, which others would but wait for.
  options.threads = info(recipe.dtype).quantized ? 0 : 1;
  if (path.extension() == ".gguf") {
    ConversionPlan plan = plan_gguf_to_gguf(file, theta->metadata);
    write_gguf(plan, options, recipe, true);
  } else {
    ConversionPlan plan = plan_gguf_to_folder(file, theta->metadata, recipe.dtype);
    write_folder(plan, options, recipe);
  }
}

}  // namespace jielong
