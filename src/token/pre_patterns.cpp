#include "token/pre_patterns.h"

#include <algorithm>

#include "token/scanners.h"

namespace jielong {
namespace {

// Patterns are written as the models' tokenizer.json files have them.
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kLine = R"([^\n]+|[\n]+)";
constexpr std::string_view kKanaHan = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepSeekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// As numbers: several of these characters do not survive Unicode normalization.
constexpr std::string_view kDeepSeekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386})"
    R"(\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F})"
    R"(\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA})"
    R"(\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
    R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D})"
    R"(\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4})"
    R"(\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3})"
    R"(\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D})"
    R"(\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184})"
    R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D})"
    R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E})"
    R"(\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A})"
    R"(\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB})"
    R"(\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
constexpr std::string_view kDeepSeekSigns = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kDeepSeekHan = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kFalconSigns = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr std::string_view kAsciiThreeDigits = "[0-9][0-9][0-9]";
constexpr std::string_view kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";

struct Named {
  std::string_view name;
  PreTokenizerRecipe recipe;
};

const std::vector<Named>& table() {
  using patterns::kGpt2, patterns::kGpt4o, patterns::kLlama3, patterns::kQwen2, patterns::kTekken;
  static const std::vector<Named> all = [] {
    std::vector<Named> names;
    const auto add = [&](std::initializer_list<std::string_view> list,
                         const PreTokenizerRecipe& recipe) {
      for (const std::string_view name : list) names.push_back({name, recipe});
    };
    add({"gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
         "gigachat", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
         "modern-bert"},
        {.patterns = {kGpt2}});
    add({"roberta-bpe", "jina-v1-en", "jina-v2-code"}, {.patterns = {kGpt2}, .add_sep = true});
    add({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
         "mellum2"},
        {.patterns = {kDigit, kGpt2}});
    add({"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
         "jina-v5-nano"},
        {.patterns = {kLlama3}, .ignore_merges = true, .add_bos = true});
    add({"dbrx", "smaug-bpe", "chatglm-bpe"}, {.patterns = {kLlama3}});
    add({"glm4", "glm5"}, {.patterns = {kLlama3}, .ignore_merges = true});
    add({"qwen2", "megrez", "kormo", "f2llmv2"}, {.patterns = {kQwen2}, .nfc = true});
    add({"deepseek-r1-qwen", "stablelm2", "hunyuan", "solar-open", "grok-2"},
        {.patterns = {kQwen2}});
    add({"qwen35"}, {.patterns = {kQwen35}, .nfc = true});
    add({"tekken"}, {.patterns = {kTekken}, .ignore_merges = true, .add_bos = true});
    add({"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {.patterns = {kGpt4o}});
    add({"deepseek-llm"}, {.patterns = {"[\r\n]", kDeepSeekLetters, kDeepSeekSigns, R"(\s+$)",
                                        kDeepSeekHan, R"(\p{N}+)"}});
    add({"deepseek-coder"},
        {.patterns = {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekHan, kDigit}});
    add({"deepseek-v3", "hunyuan-dense", "joyai-llm"},
        {.patterns = {kThreeDigits, kKanaHan, kDeepSeekV3}});
    add({"falcon"}, {.patterns = {kFalconSigns, kGpt2, kAsciiThreeDigits}});
    add({"bloom", "gpt3-finnish", "poro-chat"}, {.patterns = {kBloom}});
    add({"viking"}, {.patterns = {kBloom, kDigit}});
    add({"bailingmoe", "bailingmoe2", "llada-moe"}, {.patterns = {kBailing}});
    add({"seed-coder"}, {.patterns = {kSeedCoder}});
    add({"exaone-moe"}, {.patterns = {kExaoneMoe}});
    add({"laguna"}, {.patterns = {kLine, kQwen2}});
    add({"gemma4"}, {.patterns = {kLine}, .meta_spaces = true});
    add({"default"},
        {.patterns = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", kAsciiThreeDigits}});
    std::sort(names.begin(), names.end(),
              [](const Named& a, const Named& b) { return a.name < b.name; });
    return names;
  }();
  return all;
}

}  // namespace

std::optional<PreTokenizerRecipe> find_pre_tokenizer(std::string_view name) {
  for (const Named& entry : table()) {
    if (entry.name == name) return entry.recipe;
  }
  return std::nullopt;
}

std::vector<std::string_view> known_pre_tokenizers() {
  std::vector<std::string_view> names;
  for (const Named& entry : table()) names.push_back(entry.name);
  return names;
}

}  // namespace jielong
