#include "model/sentence_pooling.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"

namespace jielong {
namespace {

using Pooling = Hyperparameters::Pooling;

constexpr const char* kPoolingFile = "1_Pooling/config.json";
constexpr std::pair<const char*, Pooling> kModes[] = {{"pooling_mode_cls_token", Pooling::first},
                                                      {"pooling_mode_mean_tokens", Pooling::mean},
                                                      {"pooling_mode_lasttoken", Pooling::last}};

}  // namespace

void read_pooling(const ModelFolder& folder, Hyperparameters& hyper) {
  const auto text = folder.text(kPoolingFile);
  if (!text) return;
  const std::string where = (folder.path() / kPoolingFile).string();
  const Json config = parse_json(*text, where);
  if (!config.is_object()) throw bad_input("must be a JSON object", where);
  std::string chosen;
  for (const auto& [key, value] : config.items()) {
    if (!key.starts_with("pooling_mode_") || value != true) continue;
    if (!chosen.empty()) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("asks for both {} and {}", in_quotes(chosen), in_quotes(key)), where);
    }
    chosen = key;
  }
  if (chosen.empty()) return;
  for (const auto& [key, pooling] : kModes) {
    if (chosen != key) continue;
    hyper.pooling = pooling;
    return;
  }
  throw Error(ErrorKind::unsupported, fmt::format("pooling {} is not known", in_quotes(chosen)),
              where);
}

void add_pooling_files(const Hyperparameters& hyper,
                       std::vector<std::pair<std::string, std::string>>& files) {
  if (hyper.pooling == Pooling::none) return;
  const nlohmann::ordered_json modules = {{{"idx", 0},
                                           {"name", "0"},
                                           {"path", ""},
                                           {"type", "sentence_transformers.models.Transformer"}},
                                          {{"idx", 1},
                                           {"name", "1"},
                                           {"path", "1_Pooling"},
                                           {"type", "sentence_transformers.models.Pooling"}}};
  nlohmann::ordered_json pooling = {{"word_embedding_dimension", hyper.channels}};
  for (const auto& [key, mode] : kModes) pooling[key] = mode == hyper.pooling;
  files.emplace_back("modules.json", modules.dump(2) + "\n");
  files.emplace_back(kPoolingFile, pooling.dump(2) + "\n");
}

}  // namespace jielong
