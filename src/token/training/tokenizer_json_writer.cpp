#include "token/training/tokenizer_json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "token/scanners.h"

namespace jielong {
namespace {

std::string json_string(std::string_view text) { return Json(text).dump(); }

/// The token of the first of two roles that is there.
std::string role_token(const TokenizerTraining& settings, std::string_view a, std::string_view b) {
  for (const std::string_view wanted : {a, b}) {
    for (const auto& [role, token] : settings.roles) {
      if (role == wanted) return token;
    }
  }
  return {};
}

OrderedJson added_tokens(const std::vector<std::string>& special) {
  OrderedJson list = OrderedJson::array();
  for (std::size_t id = 0; id < special.size(); ++id) {
    list.push_back({{"id", id},
                    {"content", special[id]},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  }
  return list;
}

/// What encoding puts around a text, as a TemplateProcessing; null for nothing.
OrderedJson surroundings(const TokenizerTraining& settings,
                         const std::vector<std::string>& special) {
  if (!settings.add_bos && !settings.add_eos) return nullptr;
  OrderedJson single = OrderedJson::array(), pair = OrderedJson::array();
  OrderedJson known = OrderedJson::object();
  const auto token = [&](OrderedJson& list, const std::string& name, int type) {
    list.push_back({{"SpecialToken", {{"id", name}, {"type_id", type}}}});
    const auto id = std::find(special.begin(), special.end(), name) - special.begin();
    known[name] = {
        {"id", name}, {"ids", OrderedJson::array({id})}, {"tokens", OrderedJson::array({name})}};
  };
  const auto text = [](OrderedJson& list, const char* name, int type) {
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
  };
  const std::string before = role_token(settings, "cls_token", "bos_token");
  const std::string behind = role_token(settings, "sep_token", "eos_token");
  for (OrderedJson* list : {&single, &pair}) {
    if (settings.add_bos) token(*list, before, 0);
    text(*list, "A", 0);
    if (settings.add_eos) token(*list, behind, 0);
  }
  text(pair, "B", 1);
  if (settings.add_eos) token(pair, behind, 1);
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(known)}};
}

/// The frame around `model`, which is JSON text: its vocabulary is too long to be built as a value
/// whose keys keep their order.
std::string frame(const TokenizerTraining& settings, const std::vector<std::string>& special,
                  const OrderedJson& pre_tokenizer, const OrderedJson& decoder,
                  const std::string& model) {
  std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n";
  const auto add = [&](std::string_view key, const std::string& value) {
    out += fmt::format("  \"{}\": {},\n", key, value);
  };
  add("added_tokens", added_tokens(special).dump());
  add("normalizer", "null");
  add("pre_tokenizer", pre_tokenizer.dump());
  add("post_processor", surroundings(settings, special).dump());
  add("decoder", decoder.dump());
  out += "  \"model\": " + model + "\n}\n";
  return out;
}

}  // namespace

std::string write_tokenizer_json(const TokenizerTraining& settings,
                                 const std::vector<std::string>& special, const LearntBpe& learnt,
                                 std::string_view pattern) {
  std::string model =
      "{\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null,\n"
      "    \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,\n"
      "    \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n"
      "    \"vocab\": {";
  for (std::size_t id = 0; id < learnt.pieces.size(); ++id) {
    model +=
        fmt::format("{}\n      {}: {}", id == 0 ? "" : ",", json_string(learnt.pieces[id]), id);
  }
  model += "\n    },\n    \"merges\": [";
  for (std::size_t i = 0; i < learnt.merges.size(); ++i) {
    const auto& [left, right] = learnt.merges[i];
    model += fmt::format("{}\n      [{}, {}]", i == 0 ? "" : ",",
                         json_string(learnt.pieces[static_cast<std::size_t>(left)]),
                         json_string(learnt.pieces[static_cast<std::size_t>(right)]));
  }
  model += "\n    ]\n  }";

  const bool plain = pattern == patterns::kGpt2;  // which ByteLevel brings along
  const OrderedJson bytes = {{"type", "ByteLevel"},
                             {"add_prefix_space", false},
                             {"trim_offsets", true},
                             {"use_regex", plain}};
  OrderedJson cut = bytes;
  if (!plain) {
    const OrderedJson split = {{"type", "Split"},
                               {"pattern", {{"Regex", pattern}}},
                               {"behavior", "Isolated"},
                               {"invert", false}};
    cut = {{"type", "Sequence"}, {"pretokenizers", OrderedJson::array({split, bytes})}};
  }
  return frame(settings, special, cut, bytes, model);
}

std::string write_tokenizer_json(const TokenizerTraining& settings,
                                 const std::vector<std::string>& special,
                                 const LearntUnigram& learnt) {
  std::string model = fmt::format(
      "{{\n    \"type\": \"Unigram\", \"unk_id\": 0, \"byte_fallback\": {},\n    \"vocab\": [",
      settings.all_bytes);
  const char* separator = "";
  const auto add = [&](std::string_view piece, double score) {
    model += fmt::format("{}\n      [{}, {}]", separator, json_string(piece), Json(score).dump());
    separator = ",";
  };
  for (const std::string& token : special) add(token, 0.0);
  for (int byte = 0; settings.all_bytes && byte < 256; ++byte) {
    add(fmt::format("<0x{:02X}>", byte), 0.0);
  }
  for (const LearntUnigram::Piece& piece : learnt.pieces) add(piece.text, piece.score);
  model += "\n    ]\n  }";

  const OrderedJson spaces = {{"type", "Metaspace"},
                              {"replacement", "\xE2\x96\x81"},
                              {"prepend_scheme", "always"},
                              {"split", true}};
  OrderedJson decoder = spaces;
  if (settings.all_bytes) {
    // Bytes that make up a character are joined before spaces are restored.
    const OrderedJson bytes = {{"type", "ByteFallback"}};
    decoder = {{"type", "Sequence"}, {"decoders", OrderedJson::array({bytes, spaces})}};
  }
  return frame(settings, special, spaces, decoder, model);
}

std::string write_tokenizer_config(const TokenizerTraining& settings) {
  OrderedJson config = OrderedJson::object();
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  for (const auto& [role, token] : settings.roles) config[role] = token;
  if (settings.kind == TokenizerTraining::Kind::unigram && !config.contains("unk_token")) {
    config["unk_token"] = "<unk>";
  }
  config["add_bos_token"] = settings.add_bos;
  config["add_eos_token"] = settings.add_eos;
  config["clean_up_tokenization_spaces"] = false;
  if (!settings.chat_template.empty()) config["chat_template"] = settings.chat_template;
  return config.dump(2) + "\n";
}

}  // namespace jielong
