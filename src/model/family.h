#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/random.h"
#include "model/hyperparameters.h"
#include "model/metadata.h"
#include "model/stack.h"
#include "model/weight_source.h"
#include "tensor/parameters.h"

namespace jielong {

/// An architecture: what is particular about it beyond the common hyper-parameters, and
/// how its layers are put together. One file in model/families/ each.
struct Family {
  std::string_view name;  ///< GGUF's general.architecture
  /// config.json's "model_type" values.
  std::span<const std::string_view> model_types;
  WeightSource::Dialect hugging_face;

  /// Completes hyper-parameters whose common fields have been read; may be null.
  void (*read_gguf)(const Metadata& metadata, Hyperparameters& hyper);
  void (*read_config)(const Json& config, Hyperparameters& hyper);

  /// Names the layers. `context_length` is what the caller will use at most: LongRoPE picks
  /// its factors by it.
  Stack (*build)(const Hyperparameters& hyper, const WeightSource& source,
                 std::int64_t context_length);

  /// Tensors that its layers take when a file has them and that a new model has: patterns of GGUF
  /// names, as "blk.{}.attn_q.bias".
  std::span<const std::string_view> optional_tensors = {};
  /// Gives a new parameter its first values and returns true, or leaves it to new_weights.h; may be
  /// null.
  bool (*initialize)(Parameter& parameter, const Hyperparameters& hyper, Rng& rng) = nullptr;
  bool attends = true;  ///< false: its files count no attention heads
};

/// Every family there is, by GGUF name.
std::span<const Family* const> families();
/// Throws Error(unsupported) that lists the known ones.
const Family& family_by_name(std::string_view name);
const Family& family_by_model_type(std::string_view model_type);

/// The common fields of a GGUF file ("<family>.block_count", …), then the family's own.
Hyperparameters read_gguf_hyperparameters(const Metadata& metadata, const Family& family);
/// The sizes of recurrent layers, from keys that begin with `prefix`: "mamba.ssm.".
Hyperparameters::Recurrence read_gguf_recurrence(const Metadata& metadata,
                                                 const std::string& prefix);
/// The common fields of config.json, then the family's own. Spellings of transformers 4 and 5.
Hyperparameters read_config_hyperparameters(const Json& config, const Family& family);

}  // namespace jielong
