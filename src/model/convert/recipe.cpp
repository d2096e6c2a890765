#include "model/convert/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "base/error.h"

namespace jielong {
namespace {

enum FileType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ8_0 = 7,
  kQ5_0 = 8,
  kQ5_1 = 9,
  kQ2_K = 10,
  kQ3_K_S = 11,
  kQ3_K_M = 12,
  kQ3_K_L = 13,
  kQ4_K_S = 14,
  kQ4_K_M = 15,
  kQ5_K_S = 16,
  kQ5_K_M = 17,
  kQ6_K = 18,
  kIQ4_NL = 25,
  kIQ4_XS = 30,
  kBF16 = 32,
};

constexpr auto kRecipes = std::to_array<Recipe>({
    {"f32", DType::f32, kF32},          {"f16", DType::f16, kF16},
    {"bf16", DType::bf16, kBF16},       {"q8_0", DType::q8_0, kQ8_0},
    {"q6_k", DType::q6_k, kQ6_K},       {"q5_k_m", DType::q5_k, kQ5_K_M},
    {"q5_k_s", DType::q5_k, kQ5_K_S},   {"q5_1", DType::q5_1, kQ5_1},
    {"q5_0", DType::q5_0, kQ5_0},       {"q4_k_m", DType::q4_k, kQ4_K_M},
    {"q4_k_s", DType::q4_k, kQ4_K_S},   {"q4_1", DType::q4_1, kQ4_1},
    {"q4_0", DType::q4_0, kQ4_0},       {"iq4_nl", DType::iq4_nl, kIQ4_NL},
    {"iq4_xs", DType::iq4_xs, kIQ4_XS}, {"q3_k_l", DType::q3_k, kQ3_K_L},
    {"q3_k_m", DType::q3_k, kQ3_K_M},   {"q3_k_s", DType::q3_k, kQ3_K_S},
    {"q2_k", DType::q2_k, kQ2_K},
});

enum class Role { head, embedding, value, key, attention_output, down, other };

Role role_of(std::string_view name, const ModelTraits& traits) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (name == "output.weight") return Role::head;
  if (name == "token_embd.weight") return traits.tied_embeddings ? Role::head : Role::embedding;
  if (has("attn_qkv.weight") || has("attn_v.weight")) return Role::value;
  if (has("attn_k.weight")) return Role::key;
  if (has("attn_output.weight")) return Role::attention_output;
  if (has("ffn_down")) return Role::down;
  return Role::other;
}

/// The number in "blk.<number>.…"; 0 without.
std::int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  std::int64_t layer = 0;
  if (name.starts_with(kPrefix)) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  }
  return layer;
}

/// The first and last eighth of the layers and every third in between.
bool deserves_more_bits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

DType choose_for_head(DType dtype, std::int64_t columns) {
  if (columns % info(dtype).block_elements != 0) return DType::q8_0;
  return dtype == DType::q8_0 ? DType::q8_0 : DType::q6_k;
}

DType choose_for_value(const Recipe& recipe, const ModelTraits& traits, std::int64_t layer) {
  if (traits.experts == 8) return DType::q8_0;
  const bool shared_by_many = traits.kv_heads > 0 && traits.heads / traits.kv_heads >= 4;
  DType dtype = recipe.dtype;
  switch (recipe.file_type) {
    case kQ2_K: dtype = shared_by_many ? DType::q4_k : DType::q3_k; break;
    case kQ3_K_M: dtype = layer < 2 ? DType::q5_k : DType::q4_k; break;
    case kQ3_K_L: dtype = DType::q5_k; break;
    case kIQ4_NL:
    case kIQ4_XS: dtype = shared_by_many ? DType::q5_k : dtype; break;
    case kQ4_K_M:
    case kQ5_K_M: dtype = deserves_more_bits(layer, traits.layers) ? DType::q6_k : dtype; break;
    case kQ4_K_S: dtype = layer < 4 ? DType::q5_k : dtype; break;
    default: break;
  }
  // In the 70B models eight query heads share these matrices, so bits cost little there.
  const bool is_70b =
      traits.layers == 80 &&
      (traits.family == "qwen2" || (traits.family == "llama" && traits.heads != traits.kv_heads));
  if (is_70b && (dtype == DType::q3_k || dtype == DType::q4_k)) return DType::q5_k;
  return dtype;
}

DType choose_for_down(const Recipe& recipe, std::int64_t layer, std::int64_t layers) {
  switch (recipe.file_type) {
    case kQ2_K: return DType::q3_k;
    case kQ3_K_M: return layer < layers / 16 ? DType::q5_k : DType::q4_k;
    case kQ3_K_L: return DType::q5_k;
    case kQ4_K_M:
    case kQ5_K_M: return deserves_more_bits(layer, layers) ? DType::q6_k : recipe.dtype;
    case kIQ4_NL:
    case kIQ4_XS:
    case kQ4_K_S: return layer < layers / 8 ? DType::q5_k : recipe.dtype;
    default: return recipe.dtype;
  }
}

DType choose_for_attention_output(const Recipe& recipe, std::int64_t experts) {
  if (experts == 8) {
    switch (recipe.file_type) {
      case kQ2_K:
      case kQ3_K_S:
      case kQ3_K_M:
      case kIQ4_NL:
      case kIQ4_XS:
      case kQ4_K_S:
      case kQ4_K_M: return DType::q5_k;
      default: return recipe.dtype;
    }
  }
  switch (recipe.file_type) {
    case kQ2_K: return DType::q3_k;
    case kQ3_K_M: return DType::q4_k;
    case kQ3_K_L: return DType::q5_k;
    default: return recipe.dtype;
  }
}

/// The type of smaller blocks that stands in for one whose blocks do not fit.
DType step_down(DType dtype, std::int64_t columns) {
  const auto fits = [&](DType candidate) { return columns % info(candidate).block_elements == 0; };
  if (fits(dtype)) return dtype;
  DType smaller = dtype;
  switch (dtype) {
    case DType::iq4_xs: smaller = DType::iq4_nl; break;
    case DType::q2_k:
    case DType::q3_k: smaller = DType::q4_0; break;
    case DType::q4_k: smaller = DType::q5_0; break;
    case DType::q5_k: smaller = DType::q5_1; break;
    case DType::q6_k: smaller = DType::q8_0; break;
    default: break;
  }
  return fits(smaller) ? smaller : DType::f16;
}

}  // namespace

std::span<const Recipe> recipes() { return kRecipes; }

const Recipe& recipe_by_name(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "q3_k" || lower == "q4_k" || lower == "q5_k") lower += "_m";
  for (const Recipe& recipe : kRecipes) {
    if (recipe.name == lower) return recipe;
  }
  std::vector<std::string_view> known;
  for (const Recipe& recipe : kRecipes) known.push_back(recipe.name);
  throw bad_input(fmt::format("\"{}\" is no type that can be written", name), {},
                  fmt::format("choose one of {}", fmt::join(known, ", ")));
}

bool is_convertible(std::string_view name, std::span<const std::int64_t> shape) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  const bool is_matrix = shape.size() >= 2 &&
                         std::any_of(shape.begin(), shape.end() - 1, [](auto n) { return n > 1; });
  return is_matrix && name.ends_with("weight") && !has("_norm.weight") &&
         !has("ffn_gate_inp.weight") && !has("ssm_conv1d") && name != "position_embd.weight" &&
         name != "token_types.weight";
}

DType choose_type(const Recipe& recipe, const ModelTraits& traits, std::string_view name,
                  std::span<const std::int64_t> shape) {
  if (!info(recipe.dtype).quantized) return recipe.dtype;
  const std::int64_t columns = shape.back(), layer = layer_of(name);
  DType dtype = recipe.dtype;
  switch (role_of(name, traits)) {
    case Role::head: dtype = choose_for_head(dtype, columns); break;
    case Role::value: dtype = choose_for_value(recipe, traits, layer); break;
    case Role::key: dtype = traits.experts == 8 ? DType::q8_0 : dtype; break;
    case Role::down: dtype = choose_for_down(recipe, layer, traits.layers); break;
    case Role::attention_output: dtype = choose_for_attention_output(recipe, traits.experts); break;
    case Role::embedding:
    case Role::other: break;
  }
  return step_down(dtype, columns);
}

}  // namespace jielong
