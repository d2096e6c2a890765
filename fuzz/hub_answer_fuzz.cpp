// What servers and other programs' stores answer is not to be trusted: every parser of it
// must end in a value whose names stay in their folder, or in an Error. The first byte
// chooses the parser.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/store/answers.h"
#include "model/store/catalogue.h"
#include "model/store/names.h"
#include "model/store/select.h"
#include "model/store/settings.h"
#include "model/store/shelf.h"
#include "model/store/url.h"

namespace {

using namespace jielong::store;

void require(bool holds) {
  if (!holds) std::abort();
}

void parse(char kind, std::string_view text) {
  switch (kind) {
    case 'h': {
      const HubModel model = parse_hub_model(text, "hub");
      require(is_git_hash(model.commit));
      for (const HubFile& file : model.files) require(is_safe_path(file.path));
      const Selection selection = select_model(model.files, "", "hub");
      require(!selection.files.empty());
      break;
    }
    case 'o':
      for (const OllamaLayer& layer : parse_ollama_manifest(text, "ollama")) {
        require(is_sha256(layer.sha256));
      }
      break;
    case 'j':
    case 'x': {
      const auto files = parse_simple_index(text, kind == 'j', "index");
      for (const PackageFile& file : files) {
        require(is_sha256(file.sha256) && file.name.find('/') == std::string::npos);
        Url::parse("https://index.example/simple/a/").resolve(file.url);
      }
      choose_wheel(files, "", "index");
      break;
    }
    case 'r': {
      const Recipe recipe = parse_recipe(text, "recipe");
      require(is_safe_path(recipe.file) && is_plain_name(recipe.name));
      break;
    }
    case 'l':
      for (const Label::File& file : read_label(text, "label").files) {
        require(is_safe_path(file.path));
      }
      break;
    case 'p': index_url_of(text); break;
    case 'n': {
      const ModelName name = parse_model_name(text);
      require(name.kind == ModelName::Kind::path || name.kind == ModelName::Kind::short_name ||
              name.folder().find('/') == std::string::npos);
      if (name.kind == ModelName::Kind::hub || name.kind == ModelName::Kind::package ||
          name.kind == ModelName::Kind::ollama) {
        require(parse_model_name(name.canonical()).canonical() == name.canonical());
      }
      break;
    }
    default: quantization_of(text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    parse(static_cast<char>(data[0]), {reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const jielong::Error&) {
  }
  return 0;
}
