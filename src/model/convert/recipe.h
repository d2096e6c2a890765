#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/hyperparameters.h"
#include "tensor/dtype.h"

namespace jielong {

/// Which element types a converted file uses. The K recipes give a few sensitive tensors
/// more bits: S(mall), M(edium) and L(arge) say how many. Names, numbers and choices are
/// those of llama.cpp's llama-quantize without an importance matrix.
struct Recipe {
  std::string_view name;    ///< lower case: "q4_k_m"
  DType dtype;              ///< of all tensors that no rule singles out
  std::uint32_t file_type;  ///< GGUF's general.file_type
};

std::span<const Recipe> recipes();

/// By name, upper or lower case; "q4_k" is short for "q4_k_m" and so on. Throws
/// Error(bad_input) that lists the known names.
const Recipe& recipe_by_name(std::string_view name);

/// What the choice depends on besides the tensor itself.
struct ModelTraits {
  std::string family;  ///< GGUF's general.architecture
  std::int64_t layers = 0;
  std::int64_t heads = 0, kv_heads = 0;
  std::int64_t experts = 0;
  bool tied_embeddings = false;  ///< the token embedding serves as head, too
};

/// Whether the recipe may change the type of a tensor (named as in GGUF) at all: matrices
/// may, norms, biases, expert routers and position embeddings stay as they are.
bool is_convertible(std::string_view name, std::span<const std::int64_t> shape);

/// The type for a convertible tensor, with the step down to a type of smaller blocks where
/// its rows are no whole blocks.
DType choose_type(const Recipe& recipe, const ModelTraits& traits, std::string_view name,
                  std::span<const std::int64_t> shape);

}  // namespace jielong
