// config.json: whatever the bytes, the hyper-parameters are read or refused with an Error, and
// those that are accepted can be written as GGUF metadata or refused in the same way.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "model/config_fields.h"
#include "model/convert/hyper_metadata.h"
#include "model/convert/rope_factors.h"
#include "model/family.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  try {
    const Json config = parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
    if (!config.is_object()) return 0;
    const Family& family = family_by_model_type(ConfigFields(config).text("model_type", ""));
    Hyperparameters hyper = read_config_hyperparameters(config, family);
    check_hyperparameters(hyper, "config.json");
    MetadataBuilder metadata;
    put_hyperparameters(hyper, metadata);
    make_rope(hyper.rope_pairs, hyper.rope_channels > 0 ? hyper.rope_channels : hyper.key_dim,
              hyper.rope_base, hyper.rope_scaling);
    rope_tensors(hyper);
    make_config_json(hyper, Metadata(), {});
  } catch (const Error&) {
  }
  return 0;
}
