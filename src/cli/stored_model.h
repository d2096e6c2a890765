#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "cli/console.h"
#include "model/store/store.h"

namespace jielong::cli {

/// The store under the user's settings, maybe forced offline.
ModelStore open_store(bool offline = false);

/// Fetches a model with a progress bar; Ctrl-C stops it and the next pull continues.
StoredModel pull_model(const std::string& name, bool offline, Console& console);

OrderedJson stored_to_json(const StoredModel& model);

/// "3 days ago".
std::string age(std::int64_t modified);

}  // namespace jielong::cli
