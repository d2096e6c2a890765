#include "model/store/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "model/split_name.h"

namespace jielong::store {
namespace {

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// "name-00002-of-00005.gguf" as ("name.gguf", 2, 5); a file that is not split as (path, 1, 1).
struct Part {
  std::string whole;
  unsigned index = 1, count = 1;
};

Part part_of(const std::string& path) {
  constexpr std::size_t kExtension = 5;
  if (path.size() < kExtension) return {path};
  const auto name = parse_split_name(std::string_view(path).substr(0, path.size() - kExtension));
  if (!name || name->stem.empty() || name->part < 1 || name->part > name->parts) return {path};
  return {name->stem + ".gguf", name->part, name->parts};
}

using Groups = std::map<std::string, std::vector<HubFile>>;

/// The GGUF models of a repository: the parts of a split belong together. Companions such
/// as vision projectors and importance matrices are left out.
Groups gguf_models(const std::vector<HubFile>& files) {
  Groups groups;
  for (const HubFile& file : files) {
    const std::string name = upper_case(file_name(file.path));
    if (!name.ends_with(".GGUF") || name.find("MMPROJ") != name.npos ||
        name.find("IMATRIX") != name.npos) {
      continue;
    }
    groups[part_of(file.path).whole].push_back(file);
  }
  for (auto& [whole, parts] : groups) {
    std::sort(parts.begin(), parts.end(),
              [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
  }
  return groups;
}

Selection select_gguf(const Groups& groups, std::string_view variant, const std::string& where) {
  static constexpr std::string_view kUsual[] = {"Q4_K_M", "Q4_K_S", "Q4_0",   "Q4_1", "IQ4_NL",
                                                "IQ4_XS", "Q5_K_M", "Q5_K_S", "Q6_K", "Q8_0",
                                                "Q3_K_M", "BF16",   "F16",    "F32"};
  const auto* chosen = groups.size() == 1 && variant.empty() ? &*groups.begin() : nullptr;
  const auto find = [&](const auto& fits) {
    for (const auto& group : groups) {
      if (chosen == nullptr && fits(group)) chosen = &group;
    }
  };
  if (!variant.empty()) {
    const std::string wanted = upper_case(variant);
    find([&](const auto& group) { return group.first == variant; });
    find([&](const auto& group) { return file_name(group.first) == variant; });
    find([&](const auto& group) { return part_of(std::string(variant)).whole == group.first; });
    find([&](const auto& group) { return quantization_of(group.first) == wanted; });
  } else {
    for (const std::string_view usual : kUsual) {
      find([&](const auto& group) { return quantization_of(group.first) == usual; });
    }
    find([](const auto&) { return true; });
  }
  if (groups.empty()) {
    throw Error(ErrorKind::not_found, fmt::format("has no GGUF files, so no '{}'", variant), where,
                "leave out what follows the repository's name to take its safetensors");
  }
  if (chosen == nullptr) {
    std::set<std::string> there;
    for (const auto& group : groups) {
      const std::string quantization = quantization_of(group.first);
      there.insert(quantization.empty() ? group.first : quantization);
    }
    throw Error(ErrorKind::not_found, fmt::format("has no '{}'", variant), where,
                fmt::format("choose among {}", fmt::join(there, ", ")));
  }
  Selection selection;
  selection.files = chosen->second;
  const Part first = part_of(selection.files.front().path);
  std::set<unsigned> indices;
  for (const HubFile& file : selection.files) indices.insert(part_of(file.path).index);
  if (first.index != 1 || indices.size() != first.count || selection.files.size() != first.count) {
    throw Error(ErrorKind::not_found, "lacks a part of a split GGUF file", where,
                "tell its author, or choose another quantization");
  }
  selection.main = selection.files.front().path;
  selection.variant = quantization_of(chosen->first);
  if (selection.variant.empty()) selection.variant = file_name(chosen->first);
  return selection;
}

Selection select_safetensors(const std::vector<HubFile>& files, const std::string& where) {
  // What a model's folder needs besides its weights; only from the repository's root.
  static constexpr std::string_view kCompanions[] = {"config.json",
                                                     "generation_config.json",
                                                     "tokenizer.json",
                                                     "tokenizer_config.json",
                                                     "tokenizer.model",
                                                     "special_tokens_map.json",
                                                     "added_tokens.json",
                                                     "vocab.json",
                                                     "merges.txt",
                                                     "vocab.txt",
                                                     "model.safetensors.index.json",
                                                     "chat_template.jinja",
                                                     "chat_template.json"};
  Selection selection;
  std::vector<HubFile> single, sharded;
  bool has_config = false;
  for (const HubFile& file : files) {
    if (std::find(std::begin(kCompanions), std::end(kCompanions), file.path) !=
        std::end(kCompanions)) {
      selection.files.push_back(file);
      has_config |= file.path == "config.json";
    }
    if (file.path == "model.safetensors") single.push_back(file);
    if (file.path.starts_with("model-") && file.path.ends_with(".safetensors") &&
        file.path.find('/') == std::string::npos) {
      sharded.push_back(file);
    }
  }
  const std::vector<HubFile>& weights = single.empty() ? sharded : single;
  if (weights.empty() || !has_config) {
    const bool pickled = std::any_of(files.begin(), files.end(), [](const HubFile& file) {
      return file.path.ends_with(".bin") || file.path.ends_with(".pt") ||
             file.path.ends_with(".pth");
    });
    throw Error(ErrorKind::unsupported, "has neither a GGUF file nor safetensors with config.json",
                where,
                pickled ? "its weights are pickled Python, which can run code; look for a "
                          "conversion of the model to safetensors or GGUF"
                        : "choose another repository");
  }
  selection.files.insert(selection.files.end(), weights.begin(), weights.end());
  return selection;
}

}  // namespace

std::string quantization_of(std::string_view path) {
  const std::string name = upper_case(file_name(path));
  const auto is_word = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  std::string found;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (at > 0 && (is_word(name[at - 1]) || name[at - 1] == '_')) continue;
    std::size_t end = at;
    while (end < name.size() && (is_word(name[end]) || name[end] == '_')) ++end;
    const std::string word = name.substr(at, end - at);
    const auto digit_at = [&](std::size_t i) {
      return i < word.size() && word[i] >= '0' && word[i] <= '9';
    };
    const bool quantized = (word.starts_with("Q") && digit_at(1)) ||
                           (word.starts_with("IQ") && digit_at(2)) ||
                           (word.starts_with("TQ") && digit_at(2)) || word.starts_with("MXFP4");
    const bool plain = word == "F16" || word == "BF16" || word == "F32" || word == "FP16";
    // The last such word counts: a model's own name may hold one too.
    if (quantized || plain) found = word == "FP16" ? "F16" : word;
  }
  return found;
}

Selection select_model(const std::vector<HubFile>& files, std::string_view variant,
                       const std::string& where) {
  const Groups groups = gguf_models(files);
  Selection selection = groups.empty() && variant.empty() ? select_safetensors(files, where)
                                                          : select_gguf(groups, variant, where);
  for (const HubFile& file : selection.files) selection.bytes += file.bytes;
  return selection;
}

}  // namespace jielong::store
