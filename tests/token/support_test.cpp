// The helpers of the other tests of this floor, which are gathered by the name *_test.cpp.
#include "token/support.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/file.h"
#include "base/random.h"
#include "base/utf8.h"
#include "token/tokenizer_json.h"
#include "token/tokenizer_spec.h"

namespace jielong::testing {

std::string read_golden(const std::string& name) {
  return read_file(std::string(JIELONG_TEST_DATA) + "/token/goldens/" + name);
}

Json read_golden_json(const std::string& name) { return parse_json(read_golden(name), name); }

const std::vector<std::string>& golden_lines() {
  static const auto lines = read_golden_json("lines.json").get<std::vector<std::string>>();
  return lines;
}

std::unique_ptr<Tokenizer> golden_tokenizer(const std::string& name) {
  const std::string text = read_golden(name + ".json");
  const Json json = parse_json(text, name);
  if (json.contains("added_tokens")) return tokenizer_from_json(text, name);
  TokenizerSpec spec;
  const auto model = json["model"].get<std::string>();
  const auto tokens = json["tokens"].get<std::vector<std::string>>();
  const auto scores = json["scores"].get<std::vector<float>>();
  const auto types = json["types"].get<std::vector<std::int32_t>>();
  const std::string charsmap = decode_base64(json["charsmap"].get<std::string>(), name);
  spec.model = model;
  spec.tokens.assign(tokens.begin(), tokens.end());
  spec.scores = scores;
  spec.types = types;
  spec.precompiled_charsmap = std::as_bytes(std::span(charsmap));
  spec.add_space_prefix = json["add_space_prefix"].get<bool>();
  spec.remove_extra_whitespaces = json["remove_extra_whitespaces"].get<bool>();
  spec.roles = {{TokenRole::unknown, json["unknown"].get<int>()},
                {TokenRole::bos, json["bos"].get<int>()},
                {TokenRole::eos, json["eos"].get<int>()}};
  return make_tokenizer(spec);
}

std::string hash_ids(const std::vector<Token>& ids) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const Token id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (static_cast<std::uint32_t>(id) >> shift & 0xFF)) * 0x100000001B3ULL;
    }
  }
  return fmt::format("{:016x}", hash);
}

std::string random_text(std::uint64_t seed, int length) {
  Rng rng(seed);
  std::string out;
  for (int i = 0; i < length; ++i) {
    const std::uint64_t kind = rng() % 8;
    char32_t c;
    if (kind < 4) {
      c = static_cast<char32_t>(rng() % 0x80);
    } else if (kind < 6) {
      c = static_cast<char32_t>(0x80 + rng() % 0xD780);
    } else {
      c = static_cast<char32_t>(0xE000 + rng() % (0x110000 - 0xE000));
    }
    append_utf8(out, c);
  }
  return out;
}

}  // namespace jielong::testing
